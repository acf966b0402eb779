"""Elementary functions over vectors of doubles, as the text of LLVM's intermediate language.

LLVM has arithmetic on vectors but computes exp or tanh lane by lane, in calls of the C library.
Here they are straight lines of vector arithmetic without branches: x is reduced to a small
interval, a polynomial is evaluated there, and the result is put together again. Each function
keeps within 2.5 units in the last place of the true value for every double, denormals included,
and has the limits of the C library at zeros, infinities, nan and the edges of its domain, where
nothing is raised.

Every rounding here is meant, so no fast-math flags; ``llvm.fma`` rounds once and is an instruction
wherever these functions are worth having (a processor without one calls the C library's).

The polynomials are minimax: fitted with 60 digits by Lawson's reweighted least squares to the
relative error of the function, each coefficient rounded before the next ones were fitted. The
bounds beside them are of the polynomial with its rounded coefficients, in exact arithmetic.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence

# |x| up to which sin and cos are computed here; beyond it they are those of EXTERNALS. The three
# parts of π/2 would reach further, but not the samples of the tests.
TRIGONOMETRIC_RANGE = 2.0**30
EXTERNALS = ("mg_sin", "mg_cos")  # double → double, to be declared and supplied by the caller

# ---- constants --------------------------------------------------------------------------------

# log 2 in two parts. The first has 42 digits, so that its product with an exponent is exact.
LOG2_HIGH = 0.6931471805598903
LOG2_LOW = 5.497923018708371e-14
# π/2 in three parts, each rounded to a double: together 163 binary digits.
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)

# (e^r - 1 - r) / r² for |r| ≤ ½ log 2, to 2^-55.6 of e^r - 1.
EXP = (
    0.5000000000000006,
    0.16666666666666652,
    0.041666666666576334,
    0.008333333333358547,
    0.0013888888931367124,
    0.00019841269773776074,
    2.4801505638693173e-05,
    2.75573662197418e-06,
    2.7625876821661914e-07,
    2.5065097370591106e-08,
)
# (2 atanh s - 2s) / s³ in s² for |s| ≤ 3 - 2√2, to 2^-59.4 of atanh s.
ATANH = (
    0.6666666666666734,
    0.3999999999941656,
    0.2857142874206522,
    0.222221985997329,
    0.18183563191574353,
    0.15314074765270885,
    0.1479574613286074,
)
# (sin r - r) / r³ in r² for |r| ≤ π/4, to 2^-57.8 of sin r.
SIN = (
    -0.1666666666666663,
    0.008333333333321851,
    -0.0001984126982938029,
    2.75573135510698e-06,
    -2.5050737131204857e-08,
    1.589563548048927e-10,
)
# (cos r - 1 + r²/2) / r⁴ in r² for |r| ≤ π/4, to 2^-63.9 of cos r.
COS = (
    0.041666666666666595,
    -0.001388888888887334,
    2.48015872889998e-05,
    -2.75573142161818e-07,
    2.0875705258634937e-09,
    -1.1358741263238687e-11,
)

# Added to a double below 2^51, this leaves the nearest whole number, in two's complement, in the
# lowest bits: rounding and conversion in one addition.
ROUNDER = 1.5 * 2.0**52
FRACTION = 52  # bits of a double below the exponent
BIAS = 1023  # of the exponent
SMALLEST_NORMAL = 2.0**-1022


def bits(x: float) -> int:
    """The 64 bits of a double as a whole number."""
    (pattern,) = struct.unpack("<Q", struct.pack("<d", x))
    return int(pattern)


# ---- the text of one function -----------------------------------------------------------------

Operand = str | float  # a value computed before, or a constant for all lanes


class Body:
    """The instructions of a function over ``width`` doubles, one method for each kind."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.doubles = _lanes(width, "double")
        self.integers = _lanes(width, "i64")
        self.truths = _lanes(width, "i1")
        self.lines: list[str] = []

    def emit(self, instruction: str) -> str:
        """The name of the result of an instruction, which is appended."""
        name = f"%t{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def splat(self, kind: str, constant: str) -> str:
        """A constant in every lane."""
        if self.width == 1:
            return constant
        return "<" + ", ".join([f"{kind} {constant}"] * self.width) + ">"

    def double(self, x: Operand) -> str:
        """An operand; constants are written as their bits, which no reader can round."""
        return x if isinstance(x, str) else self.splat("double", f"0x{bits(x):016X}")

    def integer(self, x: str | int) -> str:
        """An operand of 64 bits."""
        return x if isinstance(x, str) else self.splat("i64", str(x))

    # arithmetic

    def _arithmetic(self, instruction: str, a: Operand, b: Operand) -> str:
        return self.emit(f"{instruction} {self.doubles} {self.double(a)}, {self.double(b)}")

    def add(self, a: Operand, b: Operand) -> str:
        """a + b"""
        return self._arithmetic("fadd", a, b)

    def sub(self, a: Operand, b: Operand) -> str:
        """a - b"""
        return self._arithmetic("fsub", a, b)

    def mul(self, a: Operand, b: Operand) -> str:
        """a · b"""
        return self._arithmetic("fmul", a, b)

    def div(self, a: Operand, b: Operand) -> str:
        """a / b"""
        return self._arithmetic("fdiv", a, b)

    def _call(self, intrinsic: str, *operands: Operand) -> str:
        given = ", ".join(f"{self.doubles} {self.double(x)}" for x in operands)
        return self.emit(f"call {self.doubles} @llvm.{intrinsic}.{_suffix(self.width)}({given})")

    def fma(self, a: Operand, b: Operand, c: Operand) -> str:
        """a · b + c, rounded once"""
        return self._call("fma", a, b, c)

    def magnitude(self, x: Operand) -> str:
        """|x|"""
        return self._call("fabs", x)

    def signed(self, x: Operand, sign: Operand) -> str:
        """|x| with the sign of another"""
        return self._call("copysign", x, sign)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """c₀ + c₁ x + c₂ x² + …, by pairs of pairs (Estrin): a third of the wait of Horner's."""
        terms: list[Operand] = list(coefficients)
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            left_over = terms[len(terms) // 2 * 2 :]
            terms = [*(self.fma(high, x, low) for low, high in pairs), *left_over]
            x = self.mul(x, x)
        return self.double(terms[0])

    # comparisons, all false for nan, and choices

    def _compare(self, relation: str, a: Operand, b: Operand) -> str:
        return self.emit(f"fcmp {relation} {self.doubles} {self.double(a)}, {self.double(b)}")

    def less(self, a: Operand, b: Operand) -> str:
        """a < b"""
        return self._compare("olt", a, b)

    def greater(self, a: Operand, b: Operand) -> str:
        """a > b"""
        return self._compare("ogt", a, b)

    def equal(self, a: Operand, b: Operand) -> str:
        """a = b"""
        return self._compare("oeq", a, b)

    def both(self, p: str, q: str) -> str:
        """p and q"""
        return self.emit(f"and {self.truths} {p}, {q}")

    def select(self, condition: str, a: Operand, b: Operand) -> str:
        """a where the condition holds, b elsewhere"""
        chosen = f"{self.doubles} {self.double(a)}, {self.doubles} {self.double(b)}"
        return self.emit(f"select {self.truths} {condition}, {chosen}")

    def at_least(self, x: str, low: float) -> str:
        """max(x, low); nan stays"""
        return self.select(self.greater(low, x), low, x)

    def at_most(self, x: str, high: float) -> str:
        """min(x, high); nan stays"""
        return self.select(self.less(high, x), high, x)

    # bits

    def bits_of(self, x: str) -> str:
        """The bits of doubles, as whole numbers."""
        return self.emit(f"bitcast {self.doubles} {x} to {self.integers}")

    def of_bits(self, i: str) -> str:
        """The doubles that have these bits."""
        return self.emit(f"bitcast {self.integers} {i} to {self.doubles}")

    def whole(self, instruction: str, i: str | int, j: str | int) -> str:
        """An instruction on whole numbers: add, sub, and, or, xor, shl, lshr."""
        return self.emit(f"{instruction} {self.integers} {self.integer(i)}, {self.integer(j)}")

    def select_bits(self, condition: str, i: int, j: int) -> str:
        """One constant where the condition holds, the other elsewhere."""
        chosen = f"{self.integers} {self.integer(i)}, {self.integers} {self.integer(j)}"
        return self.emit(f"select {self.truths} {condition}, {chosen}")

    def odd(self, i: str) -> str:
        """Whether the lowest bit is set."""
        return self.emit(f"trunc {self.integers} {i} to {self.truths}")


def _lanes(width: int, kind: str) -> str:
    """The type of ``width`` lanes."""
    return kind if width == 1 else f"<{width} x {kind}>"


def _suffix(width: int) -> str:
    """How the intrinsics of this width end."""
    return "f64" if width == 1 else f"v{width}f64"


# ---- steps that functions share ---------------------------------------------------------------


def _power_split(b: Body, x: str) -> tuple[str, str, str]:
    """x = n log 2 + r with |r| ≤ ½ log 2 and e^r - 1 = r + w: the bits of n + ROUNDER, r and w.

    The first product and difference are exact. So r is rounded once, by the second, and what this
    loses is added to w, which is small beside r.
    """
    rounded = b.fma(x, 1.0 / math.log(2.0), ROUNDER)
    n = b.sub(rounded, ROUNDER)
    first = b.fma(n, -LOG2_HIGH, x)
    r = b.fma(n, -LOG2_LOW, first)
    lost = b.fma(n, -LOG2_LOW, b.sub(first, r))
    return b.bits_of(rounded), r, b.fma(b.mul(r, r), b.polynomial(r, EXP), lost)


def _power_of_two(b: Body, n: str, offset: str | int) -> str:
    """2^n · 2^offset from the bits of n + ROUNDER and those of 2^offset: exponents add up.

    The shift drops all of ROUNDER.
    """
    return b.of_bits(b.whole("add", b.whole("shl", n, FRACTION), offset))


def _decaying(b: Body, x: str) -> str:
    """e^x for x ≤ 0: as _exp, where only one of the two scalings can occur."""
    n, r, w = _power_split(b, b.at_least(x, -746.0))
    scale = _power_of_two(b, n, bits(2.0**100))
    return b.mul(b.mul(b.add(b.add(r, w), 1.0), scale), 2.0**-100)


def _exponent_and_fraction(b: Body, y: str, bias: Operand) -> tuple[str, str, str]:
    """y = 2^k m with ½√2 ≤ m < √2, for normal y > 0: 1023 + k in bits, k as a double, m.

    ``bias`` is 1023 + 2^52: a small whole number in the last bits of 2^52 is that many more.
    """
    lowest = bits(math.sqrt(0.5))
    shifted = b.whole("add", b.bits_of(y), bits(1.0) - lowest)
    exponent = b.whole("lshr", shifted, FRACTION)
    k = b.sub(b.of_bits(b.whole("or", exponent, bits(2.0**FRACTION))), bias)
    fraction = b.whole("and", shifted, (1 << FRACTION) - 1)
    return exponent, k, b.of_bits(b.whole("add", fraction, lowest))


def _log_of(b: Body, k: Operand, f: str) -> str:
    """k log 2 + log(1 + f), where log(1 + f) = 2 atanh s = 2s + s R with s = f / (2 + f).

    As 2s = f - s f, this is f - s (f - R): the rounding of s only meets what is small beside f
    (the idea is that of log in Sun's fdlibm).
    """
    s = b.div(f, b.add(f, 2.0))
    z = b.mul(s, s)
    rest = b.fma(z, b.polynomial(z, [-c for c in ATANH]), f)
    correction = b.fma(k, -LOG2_LOW, b.mul(s, rest))
    return b.fma(k, LOG2_HIGH, b.sub(f, correction))


def _quotient(b: Body, a: str, a_lost: Operand, total: str, total_lost: str) -> str:
    """(a + a_lost) / (total + total_lost) for 1 ≤ total ≤ 2 and what rounding a and total lost.

    Just above a power of 2, a rounding counts twice what it does just below, where the quotient
    may be: the two would add up. The correction is so small that 1.5 - total/2 does for 1 / total.
    """
    quotient = b.div(a, total)
    left = b.fma(quotient, b.sub(0.0, total_lost), a_lost)
    return b.fma(left, b.fma(total, -0.5, 1.5), quotient)


def _edges(b: Body, x: str, pole: float, result: str) -> str:
    """A logarithm's result within its domain; -∞ at the pole, nan below, ∞ and nan kept."""
    outside = b.select(b.equal(x, pole), -math.inf, math.nan)
    result = b.select(b.greater(x, pole), result, outside)
    return b.select(b.less(x, math.inf), result, x)


def _quarter_turns(b: Body, x: str) -> tuple[str, str, str]:
    """x = n π/2 + r with |r| ≤ π/4: the bits of n + ROUNDER, sin r and cos r.

    Cody and Waite's reduction: x - n HALF_PI[0] is exact, as both are multiples of 2^-52. The
    second difference rounds once; the third matters where the second has left next to nothing,
    close to a multiple of π/2.
    """
    rounded = b.fma(x, 2.0 / math.pi, ROUNDER)
    n = b.sub(rounded, ROUNDER)
    r = x
    for part in HALF_PI:
        r = b.fma(n, -part, r)
    z = b.mul(r, r)
    sine = b.fma(b.mul(z, r), b.polynomial(z, SIN), r)
    # What rounding 1 - z/2 loses is added to the rest.
    half = b.mul(z, 0.5)
    head = b.sub(1.0, half)
    lost = b.sub(b.sub(1.0, head), half)
    cosine = b.add(head, b.fma(b.mul(z, z), b.polynomial(z, COS), lost))
    return b.bits_of(rounded), sine, cosine


def _turned(b: Body, quarter: str, even: str, odd: str) -> str:
    """What a quarter turn of this number makes of sin and cos: swapped if odd, minus from 2 on."""
    chosen = b.select(b.odd(quarter), odd, even)
    minus = b.whole("shl", b.whole("and", quarter, 2), 62)
    return b.of_bits(b.whole("xor", b.bits_of(chosen), minus))


# ---- the functions ----------------------------------------------------------------------------


def _exp(b: Body, x: str) -> str:
    """e^x = 2^n (1 + (e^r - 1)).

    2^n overflows or is denormal before e^x does. So it is multiplied in two steps: 2^(n ± 100) is
    a normal number, and the second step alone rounds (to a denormal) or overflows. Beyond -746 and
    710 all results are 0 and ∞.
    """
    n, r, w = _power_split(b, b.at_most(b.at_least(x, -746.0), 710.0))
    negative = b.less(x, 0.0)
    scale = _power_of_two(b, n, b.select_bits(negative, bits(2.0**100), bits(2.0**-100)))
    back = b.select(negative, 2.0**-100, 2.0**100)
    return b.mul(b.mul(b.add(b.add(r, w), 1.0), scale), back)


def _expm1(b: Body, x: str) -> str:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), which for n = 0 is e^r - 1.

    All in halves, since 2^1024 is no double. A tiny x is itself the result: its half may lose a
    digit, and -0.0 + 0.0 the sign.
    """
    n, r, w = _power_split(b, b.at_most(b.at_least(x, -40.0), 710.0))
    half = _power_of_two(b, n, bits(0.5))
    result = b.mul(b.fma(half, w, b.fma(half, r, b.sub(half, 0.5))), 2.0)
    return b.select(b.less(b.magnitude(x), 2.0**-60), x, result)


def _log(b: Body, x: str) -> str:
    """log x = k log 2 + log m, with x = 2^k m; denormals are scaled up by 2^54 first."""
    tiny = b.less(x, SMALLEST_NORMAL)
    y = b.select(tiny, b.mul(x, 2.0**54), x)
    bias = b.select(tiny, 2.0**FRACTION + BIAS + 54, 2.0**FRACTION + BIAS)
    _, k, m = _exponent_and_fraction(b, y, bias)
    return _edges(b, x, 0.0, _log_of(b, k, b.sub(m, 1.0)))


def _log1p(b: Body, x: str) -> str:
    """log(1 + x) = k log 2 + log(1 + f), with 1 + x = 2^k (1 + f).

    u = 1 + x is rounded; what it lost (Knuth's exact sum) is scaled by 2^-k and given back to f,
    which for k = 0 is thereby x itself. As 2^-1024 is no normal number, this is done for 2f. The
    sign is copied: log1p(-0.0) is -0.0.
    """
    u = b.add(x, 1.0)
    back = b.sub(u, 1.0)
    lost = b.add(b.sub(1.0, b.sub(u, back)), b.sub(x, back))
    exponent, k, m = _exponent_and_fraction(b, u, 2.0**FRACTION + BIAS)
    scale = b.of_bits(b.whole("shl", b.whole("sub", 2 * BIAS + 1, exponent), FRACTION))
    f = b.mul(b.fma(lost, scale, b.fma(m, 2.0, -2.0)), 0.5)
    return _edges(b, x, -1.0, b.signed(_log_of(b, k, f), x))


def _tanh(b: Body, x: str) -> str:
    """tanh |x| = -y / (2 + y) with y = e^(-2|x|) - 1, and tanh is odd.

    y is accurate near 0 and cannot overflow; from 2|x| = 40 on, the result is 1.
    """
    n, r, w = _power_split(b, b.at_least(b.mul(b.magnitude(x), -2.0), -40.0))
    scale = _power_of_two(b, n, bits(1.0))
    p, head = b.add(r, w), b.sub(scale, 1.0)
    y = b.fma(scale, p, head)
    lost = b.fma(scale, p, b.sub(head, y))
    total = b.add(y, 2.0)
    total_lost = b.add(b.sub(y, b.sub(total, 2.0)), lost)
    return b.signed(_quotient(b, y, lost, total, total_lost), x)


def _sigmoid(b: Body, x: str) -> str:
    """1 / (1 + e^-x), and below 0 the same as e^x / (1 + e^x): e^-|x| cannot overflow."""
    e = _decaying(b, b.mul(b.magnitude(x), -1.0))
    total = b.add(e, 1.0)
    total_lost = b.sub(e, b.sub(total, 1.0))
    return _quotient(b, b.select(b.less(x, 0.0), e, 1.0), 0.0, total, total_lost)


def _softplus(b: Body, x: str) -> str:
    """max(x, 0) + log(1 + e^-|x|): e^-|x| cannot overflow, and the logarithm never cancels.

    1 + e ≤ 2, so of log1p's reduction only k = 0 and k = 1 remain, where f = (e - 1) / 2.
    """
    e = _decaying(b, b.mul(b.magnitude(x), -1.0))
    large = b.greater(e, math.sqrt(2.0) - 1.0)
    f = b.select(large, b.fma(e, 0.5, -0.5), e)
    return b.add(b.select(b.greater(x, 0.0), x, 0.0), _log_of(b, b.select(large, 1.0, 0.0), f))


def _sin(b: Body, x: str) -> str:
    """sin(n π/2 + r): sin r, cos r, -sin r, -cos r in turn; x itself at ±0, for its sign."""
    n, sine, cosine = _quarter_turns(b, x)
    return b.select(b.equal(x, 0.0), x, _turned(b, n, sine, cosine))


def _cos(b: Body, x: str) -> str:
    """cos(n π/2 + r) = sin((n + 1) π/2 + r)"""
    n, sine, cosine = _quarter_turns(b, x)
    return _turned(b, b.whole("add", n, 1), sine, cosine)


FORMULAS: dict[str, Callable[[Body, str], str]] = {
    "exp": _exp,
    "log": _log,
    "expm1": _expm1,
    "log1p": _log1p,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": _sin,
    "cos": _cos,
}
NAMES = tuple(FORMULAS)
LIMITED = {"sin": "mg_sin", "cos": "mg_cos"}  # by TRIGONOMETRIC_RANGE, and who takes over


# ---- what is printed --------------------------------------------------------------------------


def intrinsics(width: int) -> tuple[str, ...]:
    """The declarations of LLVM's own functions that ``functions`` calls at this width."""
    kind, suffix = _lanes(width, "double"), _suffix(width)
    arguments = {"copysign": 2, "fabs": 1, "fma": 3}
    return tuple(
        f"declare {kind} @llvm.{name}.{suffix}({', '.join([kind] * count)})"
        for name, count in arguments.items()
    )


def functions(names: Iterable[str], width: int, *, inline: bool = False) -> str:
    """The definitions of @v{width}_{name} for these names, from vectors to vectors.

    width: doubles in a vector; at width 1 they are plain doubles. inline: ask LLVM to inline every
    call, otherwise to inline none. Definitions come in the order of NAMES, each once, whatever the
    order of the names, so that the same program has the same text. The caller declares
    ``intrinsics(width)``, and for sin and cos those of EXTERNALS.

    Raises ValueError for a name that is not in NAMES and for a width below 1.
    """
    wanted = set(names)
    if unknown := sorted(wanted - FORMULAS.keys()):
        raise ValueError(f"no vector function {', '.join(unknown)}: there are {', '.join(NAMES)}")
    if width < 1:
        raise ValueError(f"a vector has at least 1 lane, not {width}")
    return "\n".join(_definition(name, width, inline) for name in NAMES if name in wanted)


def attributes(width: int) -> str:
    """What every function that has such vectors as arguments must say, callers as well.

    Without it LLVM halves vectors of 512 bits on x86, and passes them in other registers.
    """
    return 'nounwind "min-legal-vector-width"="512"' if width == 8 else "nounwind"


def _definition(name: str, width: int, inline: bool) -> str:
    """One function, and before it what it calls."""
    b = Body(width)
    result = FORMULAS[name](b, "%x")
    kind = b.doubles
    before, ending = "", f"  ret {kind} {result}\n"
    if name in LIMITED:
        before, ending = _beyond_range(b, name, result)
    return (
        f"{before}define internal {kind} @v{width}_{name}({kind} %x) "
        f"{'alwaysinline' if inline else 'noinline'} {attributes(width)} {{\n"
        "entry:\n" + "\n".join(b.lines) + f"\n{ending}}}\n"
    )


def _beyond_range(b: Body, name: str, near: str) -> tuple[str, str]:
    """For a function that is limited: the function that takes over, and the ending that calls it.

    The ending is a branch on whether any finite lane is out of range: hardly ever taken, it costs
    next to nothing, and the loop over lanes stands aside so as not to hold registers.
    """
    size = b.magnitude("%x")
    far = b.both(b.greater(size, TRIGONOMETRIC_RANGE), b.less(size, math.inf))
    kind = b.doubles
    if b.width == 1:
        any_far, before, call = far, "", f"@{LIMITED[name]}(double %x)"
    else:
        mask = b.emit(f"bitcast {b.truths} {far} to i{b.width}")
        any_far = b.emit(f"icmp ne i{b.width} {mask}, 0")
        before = _lane_by_lane(b, name)
        call = f"@v{b.width}_{name}_far({kind} %x, {kind} {near}, {b.truths} {far})"
    return before, (
        f"  br i1 {any_far}, label %beyond, label %within\n"
        "within:\n"
        f"  ret {kind} {near}\n"
        "beyond:\n"
        f"  %all = call {kind} {call}\n"
        f"  ret {kind} %all\n"
    )


def _lane_by_lane(b: Body, name: str) -> str:
    """A function that replaces the lanes of %near that are %far by the external function of %x."""
    kind, last = b.doubles, b.width - 1
    return f"""\
define internal {kind} @v{b.width}_{name}_far({kind} %x, {kind} %near, {b.truths} %far) \
cold noinline {attributes(b.width)} {{
entry:
  br label %lane
lane:
  %i = phi i32 [0, %entry], [%next, %stored]
  %old = phi {kind} [%near, %entry], [%new, %stored]
  %outside = extractelement {b.truths} %far, i32 %i
  br i1 %outside, label %compute, label %stored
compute:
  %a = extractelement {kind} %x, i32 %i
  %y = call double @{LIMITED[name]}(double %a)
  %replaced = insertelement {kind} %old, double %y, i32 %i
  br label %stored
stored:
  %new = phi {kind} [%old, %lane], [%replaced, %compute]
  %next = add i32 %i, 1
  %more = icmp ult i32 %i, {last}
  br i1 %more, label %lane, label %done
done:
  ret {kind} %new
}}
"""
