"""The vector functions are within 2.5 units in the last place, with the limits of the C library."""

from __future__ import annotations

import ctypes
import functools
import math
import random
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath as mp
import pytest
from samples import HUGE, INF, NAN, NORMAL, SPECIALS, TINY

from microgrunderscore.program import vector_maths
from microgrunderscore.program.vector_maths import EXTERNALS, NAMES, TRIGONOMETRIC_RANGE

np = pytest.importorskip("numpy")
llvm = pytest.importorskip("llvmlite.binding")

ULPS = 2.5
DIGITS = 50
WIDTHS = (1, 4, 8)
POINTS = 600  # of each kind, for each function
BELOW_ONE, ABOVE_ONE = math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)
BEYOND = math.nextafter(TRIGONOMETRIC_RANGE, INF)

every_function = pytest.mark.parametrize("name", NAMES)
every_width = pytest.mark.parametrize("width", WIDTHS)

ORACLES: dict[str, Callable[[Any], Any]] = {
    "exp": mp.exp,
    "log": mp.log,
    "expm1": mp.expm1,
    "log1p": mp.log1p,
    "tanh": mp.tanh,
    "sigmoid": lambda x: mp.exp(min(x, 0)) / (1 + mp.exp(-abs(x))),
    "softplus": lambda x: max(x, 0) + mp.log1p(mp.exp(-abs(x))),
    "sin": mp.sin,
    "cos": mp.cos,
}

# Where each function is neither constant, nor x itself, nor undefined.
INTERVALS = {
    "exp": (-745.2, 709.8),
    "log": (0.0, 10.0),
    "expm1": (-38.0, 709.8),
    "log1p": (-1.0, 10.0),
    "tanh": (-20.0, 20.0),
    "sigmoid": (-745.2, 40.0),
    "softplus": (-745.2, 40.0),
    "sin": (-1e6, 1e6),
    "cos": (-1e6, 1e6),
}
MAGNITUDES = {"exp": 10, "expm1": 10, "sigmoid": 10, "softplus": 10, "sin": 30, "cos": 30}  # < 2^…

# Where the code takes another way: the ends of reductions, thresholds, clamps.
HALVES = [(i + 0.5) * math.log(2.0) for i in (-1075, -1022, -54, -2, -1, 0, 1, 52, 1023)]
ROOTS = [math.sqrt(0.5) * 2.0**i for i in (-1074, -1022, -52, -1, 0, 1, 2, 53, 1023)]
TURNS = [(i + 0.5) * math.pi / 2 for i in (-3, -2, -1, 0, 1, 2, 1000, 2**29)]
SWITCHES = {
    "exp": [*HALVES, -745.13, -708.4, 709.78],
    "log": [*ROOTS, NORMAL, 1.0],
    "expm1": [*HALVES, 2.0**-60, -(2.0**-60), -37.4, 709.78],
    "log1p": [*(root - 1.0 for root in ROOTS), 2.0**-53, 2.0**53, -1.0],
    "tanh": [*(half / 2 for half in HALVES), 0.7, -0.7, 19.06],
    "sigmoid": [*HALVES, -745.13, -708.4, 36.7],
    "softplus": [*HALVES, math.log(math.sqrt(2.0) - 1.0), -math.log(math.sqrt(2.0) - 1.0)],
    "sin": [*TURNS, TRIGONOMETRIC_RANGE],
    "cos": [*TURNS, TRIGONOMETRIC_RANGE],
}

ODD = [(x, x) for x in (0.0, -0.0, TINY, -TINY, NORMAL, -NORMAL, 1e-300, -1e-300)]
LIMITS: dict[str, list[tuple[float, float]]] = {
    "exp": [
        *((x, 1.0) for x in (0.0, -0.0, TINY, -TINY, 1e-300)),
        *((INF, INF), (HUGE, INF), (709.782712893385, INF), (710.5, INF), (1e5, INF)),
        *((-INF, 0.0), (-HUGE, 0.0), (-745.2, 0.0), (-746.5, 0.0), (-745.0, TINY)),
    ],
    "log": [
        *((0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF)),
        *((x, NAN) for x in (-TINY, -NORMAL, -1.0, -HUGE, -INF)),
    ],
    "expm1": [
        *(*ODD, (INF, INF), (HUGE, INF), (709.782712893385, INF), (710.5, INF)),
        *((-INF, -1.0), (-HUGE, -1.0), (-40.5, -1.0), (-38.0, -1.0)),
    ],
    "log1p": [
        *(*ODD, (-1.0, -INF), (INF, INF)),
        *((x, NAN) for x in (math.nextafter(-1.0, -2.0), -2.0, -HUGE, -INF)),
    ],
    "tanh": [*ODD, *((s * x, s) for s in (1.0, -1.0) for x in (INF, HUGE, 710.0, 20.5, 19.1))],
    "sigmoid": [
        *((x, 0.5) for x in (0.0, -0.0, TINY, -TINY, 1e-300)),
        *((INF, 1.0), (HUGE, 1.0), (40.0, 1.0)),
        *((-INF, 0.0), (-HUGE, 0.0), (-746.5, 0.0), (-745.0, TINY)),
    ],
    "softplus": [
        *((x, math.log(2.0)) for x in (0.0, -0.0, TINY, -TINY)),
        *((INF, INF), (HUGE, HUGE), (40.0, 40.0)),
        *((-INF, 0.0), (-HUGE, 0.0), (-746.5, 0.0), (-745.0, TINY)),
    ],
    "sin": [*ODD, (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (TINY, 1.0), (-TINY, 1.0), (INF, NAN), (-INF, NAN)],
}


def bits(x: float) -> bytes:
    """Tells 0.0 from -0.0 and holds every nan for the same."""
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


# ---- the functions as machine code ------------------------------------------------------------

asked: list[tuple[str, float]] = []  # of the functions that take over beyond the range


def external(name: str) -> Any:
    """The C function that stands for @mg_sin or @mg_cos, and keeps a record of its calls."""
    compute = getattr(math, name.removeprefix("mg_"))

    def answer(x: float) -> float:
        asked.append((name, x))
        return float(compute(x))

    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(answer)


callbacks = {name: external(name) for name in EXTERNALS}  # as long as machine code may call them


def loop(name: str, width: int) -> str:
    """A function that applies a vector function along an array."""
    kind = "double" if width == 1 else f"<{width} x double>"
    return f"""
define void @along_{name}(ptr %xs, ptr %zs, i64 %count) {vector_maths.attributes(width)} {{
entry:
  br label %step
step:
  %i = phi i64 [0, %entry], [%next, %step]
  %from = getelementptr {kind}, ptr %xs, i64 %i
  %to = getelementptr {kind}, ptr %zs, i64 %i
  %x = load {kind}, ptr %from, align 8
  %z = call {kind} @v{width}_{name}({kind} %x)
  store {kind} %z, ptr %to, align 8
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %step, label %done
done:
  ret void
}}
"""


@functools.cache
def machine_code(width: int, inline: bool = False) -> Any:
    """All functions at one width, compiled for this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name, callback in callbacks.items():
        llvm.add_symbol(name, ctypes.cast(callback, ctypes.c_void_p).value)
    text = [*vector_maths.intrinsics(width)]
    text += [f"declare double @{name}(double)" for name in EXTERNALS]
    text += [vector_maths.functions(NAMES, width, inline=inline)]
    text += [loop(name, width) for name in NAMES]
    module = llvm.parse_assembly("\n".join(text))
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    if inline:
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def apply(name: str, xs: Sequence[float], width: int, inline: bool = False) -> list[float]:
    """What a vector function makes of these numbers; the last vector is filled up with ones."""
    count = -(-len(xs) // width)
    given = np.ones(count * width)
    given[: len(xs)] = xs
    results = np.empty_like(given)
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    run = signature(machine_code(width, inline).get_function_address(f"along_{name}"))
    run(given.ctypes.data, results.ctypes.data, count)
    return [float(z) for z in results[: len(xs)]]


# ---- where they are tried ---------------------------------------------------------------------


def by_magnitude(rng: random.Random, low: int, high: int) -> float:
    """A number of either sign between 2^low and 2^high, every magnitude as likely."""
    return rng.choice((-1.0, 1.0)) * math.ldexp(rng.uniform(1.0, 2.0), rng.randrange(low, high))


def nearby(rng: random.Random, x: float) -> float:
    """A number from one unit in the last place to a thousandth away from x."""
    if rng.random() < 0.2:
        return math.nextafter(x, rng.choice((-INF, INF)))
    return x * (1.0 + by_magnitude(rng, -52, -10))


def candidates(name: str) -> Iterator[float]:
    """Numbers evenly across the interval and near 0, by magnitude, and near every switch."""
    rng = random.Random(f"vector {name}")
    low, high = INTERVALS[name]
    top = MAGNITUDES.get(name, 1023)
    for _ in range(POINTS):
        yield rng.uniform(low, high)
        yield rng.uniform(max(low, -2.0), min(high, 2.0))
        yield by_magnitude(rng, -1074, top)
        yield by_magnitude(rng, -30, min(top, 10))
        yield nearby(rng, rng.choice(SWITCHES[name]))
        if name in ("log", "log1p"):
            yield nearby(rng, 1.0)
        if name in ("sin", "cos"):  # where next to nothing is left of x
            yield nearby(rng, rng.randrange(1, 2 ** rng.randrange(1, 30)) * (math.pi / 2))
    yield from SPECIALS


def defined(name: str, x: float) -> bool:
    """Whether mpmath is to say what comes out: elsewhere LIMITS do, or the function called."""
    if name in ("sin", "cos"):
        return abs(x) <= TRIGONOMETRIC_RANGE
    lowest = {"log": 0.0, "log1p": -1.0}.get(name, -1e3)
    highest = HUGE if name in ("log", "log1p") else 1e3
    return lowest < x <= highest


@functools.cache
def points(name: str) -> tuple[float, ...]:
    return tuple(x for x in candidates(name) if defined(name, x))


def distance(z: float, exact: Any) -> float:
    """|z - exact| in units in the last place that a double of the size of exact has."""
    if not math.isfinite(z):
        return 0.0 if z == float(exact) else INF
    _, exponent = mp.frexp(exact)
    return float(abs(z - exact) / mp.ldexp(1, max(int(exponent) - 53, -1074)))


def worst(name: str, xs: Sequence[float], zs: Sequence[float]) -> tuple[float, float]:
    """The largest distance from the oracle's values, and where it is."""
    with mp.workdps(DIGITS):
        oracle = ORACLES[name]
        return max((distance(z, oracle(mp.mpf(x))), x) for x, z in zip(xs, zs, strict=True))


# ---- promises: numbers ------------------------------------------------------------------------


@every_function
def test_within_two_and_a_half_units_in_the_last_place(name: str) -> None:
    xs = points(name)
    error, x = worst(name, xs, apply(name, xs, 8))
    assert error <= ULPS, f"{name}({x!r}) is off by {error:.2f} units in the last place"


@every_function
@pytest.mark.parametrize(("width", "inline"), [(1, False), (4, False), (8, True)])
def test_every_width_has_the_same_bits(name: str, width: int, inline: bool) -> None:
    xs = [*points(name), *(x for x, _ in LIMITS[name]), NAN, BEYOND, -1e300]
    expected = apply(name, xs, 8)
    for x, z, z8 in zip(xs, apply(name, xs, width, inline), expected, strict=True):
        assert bits(z) == bits(z8), f"{name}({x!r}) is {z!r} at width {width}, {z8!r} at 8"


@every_function
@every_width
def test_limits(name: str, width: int) -> None:
    table = [*LIMITS[name], (NAN, NAN), (-NAN, NAN)]
    for (x, expected), z in zip(table, apply(name, [x for x, _ in table], width), strict=True):
        assert bits(z) == bits(expected), f"{name}({x!r}) is {z!r}, not {expected!r}"


@every_function
def test_lanes_do_not_meet(name: str) -> None:
    inside = {"log": 3.0, "log1p": 3.0}.get(name, -3.0)
    (alone,) = apply(name, [inside], 1)
    for x in (0.0, NAN, INF, -INF, HUGE, -HUGE, TINY, -2.0):
        for lane in range(8):
            xs = [inside] * 8
            xs[lane] = x
            others = apply(name, xs, 8)
            del others[lane]
            assert others == [alone] * 7, f"{name}({inside!r}) beside {x!r}"


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "sin", "cos"])
def test_no_rounding_leads_beyond_one(name: str) -> None:
    rng = random.Random(name)
    extrema = [math.pi / 2 * rng.randrange(1 << 20) for _ in range(20_000)]
    flat = [rng.uniform(-50.0, 50.0) for _ in range(20_000)]
    zs = apply(name, extrema if name in ("sin", "cos") else flat, 8)
    assert -1.0 <= min(zs) <= 1e-15
    assert 0.99 < max(zs) <= 1.0


def test_edges_of_domains() -> None:
    """The last doubles before an infinity have finite results, and these are right."""
    edges = {
        "exp": (709.782712893384, -745.1332191019411, -708.3964185322641),
        "expm1": (709.782712893384, BELOW_ONE, ABOVE_ONE),
        "log": (TINY, NORMAL, math.nextafter(NORMAL, 0.0), HUGE, BELOW_ONE, ABOVE_ONE),
        "log1p": (-BELOW_ONE, HUGE, -(2.0**-54), 2.0**53),
        "sigmoid": (-745.1332191019411, -708.3964185322641),
        "softplus": (-745.1332191019411, -708.3964185322641, 709.0),
    }
    for name, xs in edges.items():
        error, x = worst(name, xs, apply(name, xs, 8))
        assert error <= ULPS, f"{name}({x!r}) is off by {error:.2f} units in the last place"


@pytest.mark.parametrize("name", ["sin", "cos"])
@every_width
def test_beyond_the_range_the_external_function_takes_over(name: str, width: int) -> None:
    far = [BEYOND, -BEYOND, 1e10, -1e22, HUGE]
    xs = [1.0, far[0], NAN, far[1], -INF, TRIGONOMETRIC_RANGE, far[2], 0.5, far[3], far[4], INF]
    asked.clear()
    zs = apply(name, xs, width)
    assert asked == [(f"mg_{name}", x) for x in far]
    for x, z in zip(xs, zs, strict=True):
        if x in far:
            assert z == getattr(math, name)(x)
    near = [x for x in xs if abs(x) <= TRIGONOMETRIC_RANGE]
    error, x = worst(name, near, [z for x, z in zip(xs, zs, strict=True) if x in near])
    assert error <= ULPS, f"{name}({x!r})"


# ---- promises: text ---------------------------------------------------------------------------


def defined_in(text: str) -> list[str]:
    return re.findall(r"^define .*@(\w+)\(", text, re.MULTILINE)


@every_width
def test_the_text_does_not_depend_on_the_order_of_names(width: int) -> None:
    text = vector_maths.functions(NAMES, width)
    assert text == vector_maths.functions([*reversed(NAMES), "exp", "sin"], width)
    assert text == vector_maths.functions(set(NAMES), width)


@every_width
def test_only_what_is_asked_for_is_printed(width: int) -> None:
    for name in NAMES:
        helpers = [f"v{width}_{name}_far"] if name in ("sin", "cos") and width > 1 else []
        text = vector_maths.functions([name], width)
        assert defined_in(text) == [*helpers, f"v{width}_{name}"]
        assert "declare" not in text
    assert vector_maths.functions([], width) == ""


@every_width
def test_everything_called_is_defined_or_announced(width: int) -> None:
    text = vector_maths.functions(NAMES, width)
    declared = re.findall(r"@([\w.]+)\(", "\n".join(vector_maths.intrinsics(width)))
    called = set(re.findall(r"call .*?@([\w.]+)\(", text))
    assert called <= {*declared, *defined_in(text), *EXTERNALS}
    assert set(declared) <= called, "an intrinsic is declared that nothing uses"


def test_strict_arithmetic_only() -> None:
    loose = r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b"
    assert not re.search(loose, vector_maths.functions(NAMES, 8))


def test_attributes_say_whether_to_inline_and_the_width_of_registers() -> None:
    wide = vector_maths.functions(["exp"], 8)
    assert 'noinline nounwind "min-legal-vector-width"="512"' in wide
    assert "alwaysinline nounwind {" in vector_maths.functions(["exp"], 4, inline=True)


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no vector function erf, gelu: there are exp, log"):
        vector_maths.functions(["exp", "gelu", "erf"], 8)
    with pytest.raises(ValueError, match="at least 1 lane, not 0"):
        vector_maths.functions(["exp"], 0)
