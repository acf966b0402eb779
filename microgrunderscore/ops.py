"""The table of operations: each one said once.

A row gives an operation's value, its partial derivatives, its spelling and its domain. Everything
else in the package reads the row: the engine runs it on floats, higher derivatives run it on
Values, explanations run it on symbols. So the rules are written in a small language: arithmetic,
comparisons (multiplied by 1.0 they count as 1 and 0), and other rows, called as functions.

In every row ``x`` and ``y`` are the operands, ``z`` is the result, and there is one partial
derivative for each operand: ∂z/∂x, ∂z/∂y. These never raise where the value exists: at the edge of
a domain they are ∞. Where the textbook's form would lose digits, the row has the accurate form and
says so; explanations print the textbook's. Where the value asks Python's if, ``expansion`` has
it in the language of the rules, for compiled programs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from .operation import ADDITION, BUILT_IN, OPERATIONS, POWER, PRODUCT, Operation, define

# ---- the language: what rules need besides arithmetic and other rows --------------------------


def power_or_limit(x: Any, p: Any) -> Any:
    """x ** p where a derivative needs it: ∞ instead of an error at 0 and beyond the floats."""
    if x.__class__ is not float or p.__class__ is not float:
        if getattr(x, "gives_limits", False) or getattr(p, "gives_limits", False):
            return x**p
        return inv(x**-p) if p < 0.0 and x >= 0.0 and x <= 0.0 else x**p
    try:
        return x**p
    except (ZeroDivisionError, OverflowError):
        return -math.inf if x < 0.0 and p % 2.0 == 1.0 else math.inf


def lowered(x: Any, p: Any) -> Any:
    """p - 1, but 0 where p = 0 and 1 / x is beyond the floats: ∂(x ** p)/∂x = 0 · x ** this."""
    return p - (1.0 - (1.0 - nonzero(p)) * ((x > -6e-309) & (x < 6e-309)))


def log_or_limit(x: Any) -> Any:
    """log x where ∂(x ** p)/∂p needs it: 0 at 0, where x ** p kills it, and nan below."""
    return where(x > 0.0, log(where(x > 0.0, x, 1.0)), where(x < 0.0, math.nan, 0.0))


def nonzero(x: Any) -> Any:
    """1 where x is not zero, 0 where it is."""
    return 1.0 - ((x >= 0.0) & (x <= 0.0)) * 1.0


def share(x: Any, y: Any) -> Any:
    """1 where x > y, ½ where they tie, 0 elsewhere."""
    return ((x > y) * 1.0 + (x >= y) * 1.0) * 0.5


def radius(x: Any, y: Any) -> Any:
    """hypot, but nan at the origin."""
    r = hypot(x, y)
    return where(r, r, math.nan)


def _power(x: float, p: float) -> float:
    """x ** p over the reals: Python's own gives a complex number for (-8.0) ** (1/3)."""
    z = x**p
    if isinstance(z, complex):
        raise ValueError("a negative base with a non-integer exponent has no real power")
    return z  # type: ignore[no-any-return]


def _sigmoid(x: float) -> float:
    """1 / (1 + e^-x), from the side on which exp cannot overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _larger(x: float, y: float) -> float:
    """max that keeps a nan on either side (Python's max(1.0, nan) is 1.0)."""
    return x if x >= y or x != x else y


def _smaller(x: float, y: float) -> float:
    """min that keeps a nan on either side."""
    return x if x <= y or x != x else y


def _total(terms: Sequence[float]) -> float:
    """The sum from left to right (the built-in sum compensates from Python 3.12 on)."""
    total = 0.0
    for x in terms:
        total += x
    return total


def _dot(*t: float) -> float:
    """w₀·x₀ + w₁·x₁ + … from (w₀, w₁, …, x₀, x₁, …), on top of a bias where one comes last."""
    n = len(t) // 2
    total = t[-1] if len(t) % 2 else 0.0
    for i in range(n):
        total += t[i] * t[n + i]
    return total


def _partners(*t: Any) -> tuple[Any, ...]:
    """The partials of dot: for each factor the other one, for the bias 1."""
    n = (len(t) - 1) // 2
    return (*t[n : 2 * n], *t[:n], *(1.0,) * (len(t) - 1 - 2 * n))


def _log_sum_exp(*xs: float) -> float:
    """log(e^x₀ + e^x₁ + …), with the largest taken out so that exp cannot overflow."""
    top = functools.reduce(_larger, xs)
    if math.isinf(top) or top != top:
        return top
    return top + math.log(_total([math.exp(x - top) for x in xs]))


def _log_sum_exp_of_all(*xs: Any) -> Any:
    """The same in the language of rules; where the largest is infinite, that is the sum."""
    top = functools.reduce(maximum, xs)
    finite = where((top > -math.inf) & (top < math.inf), top, 0.0)
    return where(top < math.inf, finite + log(sum_of(*(exp(x - finite) for x in xs))), top)


def _softmax(*t: Any) -> tuple[Any, ...]:
    """e^xᵢ / Σ e^xⱼ: dividing by the sum takes out the rounding of z."""
    es = [exp(x - t[-1]) for x in t[:-1]]
    total = sum_of(*es)
    return tuple(e / total for e in es)


def _shares(*t: Any) -> tuple[Any, ...]:
    """1 for the operand that is the result; k of them at a tie get 1/k each."""
    *xs, z = t
    chosen = [((x >= z) & (x <= z)) * 1.0 for x in xs]
    count = functools.reduce(lambda a, b: a + b, chosen)
    return tuple(c / maximum(count, 1.0) for c in chosen)


def _sole(*t: Any) -> tuple[Any, ...]:
    """As _shares, but 0 at a tie: a plain number among the operands cannot take its share."""
    return tuple((s >= 1.0) * 1.0 for s in _shares(*t))


# Rules may call rows from further down.
clip: Operation
cos: Operation
cosh: Operation
hypot: Operation
inv: Operation
log: Operation
maximum: Operation
minimum: Operation
sigmoid: Operation
sum_of: Operation
where: Operation

# ---- the table --------------------------------------------------------------------------------
# fmt: off

add = define("add", lambda x, y: x + y, (lambda x, y, z: 1.0, lambda x, y, z: 1.0),
             text="{0} + {1}", latex="{0} + {1}", binding=ADDITION, symbol="+")
sub = define("sub", lambda x, y: x - y, (lambda x, y, z: 1.0, lambda x, y, z: -1.0),
             text="{0} - {1}", latex="{0} - {1}", binding=ADDITION, symbol="−")
mul = define("mul", lambda x, y: x * y, (lambda x, y, z: y, lambda x, y, z: x),
             text="{0} * {1}", latex=r"{0} \cdot {1}", binding=PRODUCT, symbol="×")
div = define("div", lambda x, y: x / y, (lambda x, y, z: 1.0 / y, lambda x, y, z: -z / y),
             text="{0} / {1}", latex=r"\frac{{{0}}}{{{1}}}", binding=PRODUCT, symbol="÷",
             domain="y ≠ 0",
             textbook=(lambda x, y, z: 1.0 / y, lambda x, y, z: -x / (y * y)))
neg = define("neg", lambda x: -x, lambda x, z: -1.0,
             text="-{0}", latex="-{0}", binding=ADDITION, symbol="−")
power = define("pow", _power,
               (lambda x, p, z: p * power_or_limit(x, lowered(x, p)),
                lambda x, p, z: z * log_or_limit(x)),
               fixed=(lambda x, p, z: p * power_or_limit(x, p - nonzero(p)),
                      lambda x, p, z: z * log_or_limit(x)),
               text="{0} ** {1}", latex="{0}^{{{1}}}", binding=POWER, symbol="xⁿ",
               domain="x > 0, x = 0 with p ≥ 0, or a whole number p",
               textbook=(lambda x, p, z: p * x ** (p - 1.0), lambda x, p, z: z * log(x)))

exp   = define("exp", math.exp, lambda x, z: z, latex="e^{{{0}}}",
               hint="softplus and logsumexp take the exponential without overflow")
expm1 = define("expm1", math.expm1, lambda x, z: exp(x))        # z + 1 is 0 below x = -37
log   = define("log", math.log, lambda x, z: 1.0 / x, latex=r"\log {0}", domain="x > 0")
log1p = define("log1p", math.log1p, lambda x, z: 1.0 / (1.0 + x), domain="x > -1")
inv   = define("inv", lambda x: 1.0 / x if x else math.inf,     # 1 / x, and ∞ at 0
               lambda x, z: -z * z, latex=r"\frac{{1}}{{{0}}}", symbol="1/x",
               expansion=lambda x: where(x, 1.0 / x, math.inf),
               textbook=lambda x, z: -1.0 / (x * x))
sqrt  = define("sqrt", math.sqrt, lambda x, z: 0.5 * inv(z),
               latex=r"\sqrt{{{0}}}", symbol="√", domain="x ≥ 0",
               textbook=lambda x, z: 1.0 / (2.0 * z))
hypot = define("hypot", math.hypot,                             # 0 at the kink (0, 0)
               (lambda x, y, z: x / (z + (z <= 0.0)), lambda x, y, z: y / (z + (z <= 0.0))),
               textbook=(lambda x, y, z: x / z, lambda x, y, z: y / z))

sin   = define("sin", math.sin, lambda x, z: cos(x), latex=r"\sin {0}", domain="finite x")
cos   = define("cos", math.cos, lambda x, z: -sin(x), latex=r"\cos {0}", domain="finite x")
tan   = define("tan", math.tan, lambda x, z: 1.0 + z * z, latex=r"\tan {0}", domain="finite x")
asin  = define("asin", math.asin, lambda x, z: inv(sqrt((1.0 - x) * (1.0 + x))),
               latex=r"\arcsin {0}", domain="-1 ≤ x ≤ 1",
               textbook=lambda x, z: 1.0 / sqrt(1.0 - x * x))
acos  = define("acos", math.acos, lambda x, z: -inv(sqrt((1.0 - x) * (1.0 + x))),
               latex=r"\arccos {0}", domain="-1 ≤ x ≤ 1",
               textbook=lambda x, z: -1.0 / sqrt(1.0 - x * x))
atan  = define("atan", math.atan, lambda x, z: 1.0 / (1.0 + x * x), latex=r"\arctan {0}")
atan2 = define("atan2", math.atan2,                             # x² + y² would overflow
               (lambda y, x, z: x / radius(x, y) / radius(x, y),
                lambda y, x, z: -y / radius(x, y) / radius(x, y)),
               textbook=(lambda y, x, z: x / (x * x + y * y), lambda y, x, z: -y / (x * x + y * y)))
sinh  = define("sinh", math.sinh, lambda x, z: cosh(x), latex=r"\sinh {0}")
cosh  = define("cosh", math.cosh, lambda x, z: sinh(x), latex=r"\cosh {0}")
tanh  = define("tanh", math.tanh,                               # 1 - z² is 0 beyond |x| = 19
               lambda x, z: 4.0 * sigmoid(2.0 * x) * sigmoid(-2.0 * x),
               latex=r"\tanh {0}", textbook=lambda x, z: 1.0 - z * z)
asinh = define("asinh", math.asinh, lambda x, z: 1.0 / hypot(1.0, x),
               textbook=lambda x, z: 1.0 / sqrt(1.0 + x * x))
acosh = define("acosh", math.acosh, lambda x, z: inv(sqrt(x - 1.0) * sqrt(x + 1.0)), domain="x ≥ 1")
atanh = define("atanh", math.atanh, lambda x, z: 1.0 / ((1.0 - x) * (1.0 + x)),
               domain="-1 < x < 1")
erf   = define("erf", math.erf, lambda x, z: 2.0 / math.sqrt(math.pi) * exp(-x * x))
erfc  = define("erfc", math.erfc, lambda x, z: -2.0 / math.sqrt(math.pi) * exp(-x * x))

sigmoid    = define("sigmoid", _sigmoid, lambda x, z: z * sigmoid(-x),  # z (1 - z) is 0 beyond 37
                    latex=r"\sigma\left({0}\right)", symbol="σ", textbook=lambda x, z: z * (1.0 - z))
softplus   = define("softplus", lambda x: _larger(x, 0.0) + math.log1p(math.exp(-abs(x))),
                    lambda x, z: sigmoid(x))
relu       = define("relu", lambda x: 0.0 if x <= 0.0 else x, lambda x, z: (z > 0.0) * 1.0,
                    symbol="ReLU", selects=True, expansion=lambda x: where(x <= 0.0, 0.0, x),
                    textbook=lambda x, z: (x > 0.0) * 1.0)
leaky_relu = define("leaky_relu", lambda x, slope: x if x > 0.0 else slope * x,
                    (lambda x, slope, z: where(x > 0.0, 1.0, slope),
                     lambda x, slope, z: where(x > 0.0, 0.0, x)), defaults=(0.01,),
                    expansion=lambda x, slope: where(x > 0.0, x, slope * x))
elu        = define("elu", lambda x, scale: x if x > 0.0 else scale * math.expm1(x),
                    (lambda x, scale, z: where(x > 0.0, 1.0, scale * exp(minimum(x, 0.0))),
                     lambda x, scale, z: expm1(minimum(x, 0.0))), defaults=(1.0,),
                    expansion=lambda x, scale: where(x > 0.0, x, scale * expm1(x)))
gelu       = define("gelu", lambda x: 0.5 * _larger(x, -40.0) * math.erfc(-x * math.sqrt(0.5)),
                    lambda x, z: 0.5 * erfc(-x * math.sqrt(0.5)) + clip(x, -40.0, 40.0)
                    * exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
                    expansion=lambda x: 0.5 * maximum(x, -40.0) * erfc(-x * math.sqrt(0.5)),
                    textbook=lambda x, z: 0.5 * erfc(-x * math.sqrt(0.5))
                    + x * exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi))
silu       = define("silu", lambda x: _larger(x, -800.0) * _sigmoid(x),
                    lambda x, z: sigmoid(x) * (1.0 + clip(x, -800.0, 800.0) * sigmoid(-x)),
                    expansion=lambda x: maximum(x, -800.0) * sigmoid(x),
                    textbook=lambda x, z: sigmoid(x) * (1.0 + x * sigmoid(-x)))

absolute = define("abs", abs, lambda x, z: (x > 0.0) * 1.0 - (x < 0.0) * 1.0,
                  latex=r"\left|{0}\right|", symbol="|x|")
_ABOVE   = (lambda x, y, z: (x > y) * 1.0, lambda x, y, z: (y > x) * 1.0)
_BELOW   = (lambda x, y, z: (x < y) * 1.0, lambda x, y, z: (y < x) * 1.0)
maximum  = define("maximum", _larger, (lambda x, y, z: share(x, y), lambda x, y, z: share(y, x)),
                  selects=True, symbol="max",
                  fixed=_ABOVE, textbook=_ABOVE)
minimum  = define("minimum", _smaller, (lambda x, y, z: share(y, x), lambda x, y, z: share(x, y)),
                  selects=True, symbol="min",
                  fixed=_BELOW, textbook=_BELOW)
clip     = define("clip", lambda x, low, high: _smaller(_larger(x, low), high),
                  (lambda x, low, high, z: share(x, low) * share(high, maximum(x, low)),
                   lambda x, low, high, z: share(low, x) * share(high, maximum(x, low)),
                   lambda x, low, high, z: share(maximum(x, low), high)), selects=True,
                  fixed=(lambda x, low, high, z: (low < x) * (x < high) * 1.0,
                         lambda x, low, high, z: (x < low) * (low < high) * 1.0,
                         lambda x, low, high, z: (high < maximum(x, low)) * 1.0),
                  expansion=lambda x, low, high: minimum(maximum(x, low), high))
where    = define("where", lambda c, x, y: x if c else y,
                  (lambda c, x, y, z: 0.0, lambda c, x, y, z: nonzero(c),
                   lambda c, x, y, z: 1.0 - nonzero(c)), selects=True,
                  textbook=(lambda c, x, y, z: 0.0,
                            lambda c, x, y, z: (c > 0.0) * 1.0 + (c < 0.0) * 1.0,
                            lambda c, x, y, z: ((c >= 0.0) & (c <= 0.0)) * 1.0))

sum_of    = define("sum_of", lambda *xs: _total(xs), lambda *t: (1.0,) * (len(t) - 1), symbol="Σ")
mean      = define("mean", lambda *xs: _total(xs) / len(xs),
                   lambda *t: (1.0 / (len(t) - 1),) * (len(t) - 1),
                   expansion=lambda *xs: sum_of(*xs) / float(len(xs)))
dot       = define("dot", _dot, _partners, symbol="w·x")
logsumexp = define("logsumexp", _log_sum_exp, _softmax, expansion=_log_sum_exp_of_all,
                   textbook=lambda *t: tuple(exp(x - t[-1]) for x in t[:-1]))
max_of    = define("max_of", lambda *xs: functools.reduce(_larger, xs), _shares,
                   selects=True, symbol="max", fixed=_sole,
                   expansion=lambda *xs: functools.reduce(maximum, xs),
                   textbook=lambda *t: tuple((x >= t[-1]) * 1.0 for x in t[:-1]))
min_of    = define("min_of", lambda *xs: functools.reduce(_smaller, xs), _shares,
                   selects=True, symbol="min", fixed=_sole,
                   expansion=lambda *xs: functools.reduce(minimum, xs),
                   textbook=lambda *t: tuple((x <= t[-1]) * 1.0 for x in t[:-1]))
# fmt: on
BUILT_IN.update(OPERATIONS)
