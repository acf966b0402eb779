"""The one table of what is known about each operation: where to try it and what must come out.

Nothing here is taken from the package: the values are written with mpmath, the expected partials
and errors are those that the design decided. A row of the package that is missing here fails
``test_ops.py``.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath as mp

INF, NAN = math.inf, math.nan
TINY, HUGE = 5e-324, 1.7976931348623157e308
EPS = 2.0**-52
NORMAL = 2.2250738585072014e-308  # the smallest float with all its digits

# Every operation is tried at these, in all combinations, whether it is defined there or not.
SPECIALS = (
    *(0.0, -0.0, INF, -INF, NAN, TINY, -TINY, NORMAL, HUGE, -HUGE),
    *(1.0, -1.0, 1.0 - EPS / 2, 1.0 + EPS, -1.0 + EPS / 2, 0.5, 2.0, 3.0, -2.0, 1 / 3, 1e-8),
    *(1e16, 1e200, -1e200, 1e-200, math.pi, math.pi / 2, 40.0, -40.0, 19.1, -37.5),
    *(709.782712893384, 709.7827128933841, 710.4758600739439, 710.475860073944, -745.2, -1000.0),
)
FEW = (0.0, -0.0, INF, -INF, NAN, TINY, HUGE, 1.0, -1.0, 2.0, -0.5)  # for three operands


@dataclass(frozen=True)
class Slack:
    """Why an accurate rule may be off by more than 8 units in the last place, and by how many."""

    why: str
    ulps: Callable[[int, tuple[float, ...], float], float]  # of operand i, the operands, the slope


@dataclass(frozen=True)
class Sample:
    """One operation as the tests see it.

    oracle: the value, in mpmath, from operands that may be of any precision.
    boxes: where it is smooth: an interval for each operand (one for all, if there may be many);
        positive intervals that span many orders of magnitude are sampled by magnitude.
    points: further smooth points, at which rules tend to lose digits.
    plain: the float computation, where Python has one.
    slopes: points with their decided partials: (operands, partials); an operand in a list, as in
        ``[2.0]``, is a plain number, and its partial is None.
    errors: (operands, exception, parts of the message).
    """

    oracle: Callable[..., Any]
    boxes: tuple[tuple[tuple[float, float], ...], ...]
    points: tuple[tuple[float, ...], ...] = ()
    plain: Callable[..., float] | None = None
    slopes: tuple[tuple[tuple[Any, ...], tuple[float | None, ...]], ...] = ()
    errors: tuple[tuple[tuple[float, ...], type[Exception], tuple[str, ...]], ...] = ()
    slack: Slack | None = None
    many: bool = False

    def smooth(self, count: int = 30) -> Iterator[tuple[float, ...]]:
        """The points, then as many again from each box, the same ones at every call."""
        yield from self.points
        chance = random.Random(20)
        for box in self.boxes:
            for i in range(count):
                intervals = box * (1, 2, 3, 7)[i % 4] if self.many else box
                yield tuple(_between(chance, low, high) for low, high in intervals)


def _between(chance: random.Random, low: float, high: float) -> float:
    if low > 0.0 and high / low > 1e5:
        return min(math.exp(chance.uniform(math.log(low), math.log(high))), high)
    return chance.uniform(low, high)


def unary(*lows_and_highs: tuple[float, float]) -> tuple[tuple[tuple[float, float]], ...]:
    return tuple((interval,) for interval in lows_and_highs)


def each(*xs: float) -> tuple[tuple[float], ...]:
    return tuple((x,) for x in xs)


def total(xs: Any, start: Any = 0.0) -> Any:
    """From left to right: the built-in sum compensates from Python 3.12 on."""
    for x in xs:
        start = start + x
    return start


def _dot(*t: Any) -> Any:
    n = len(t) // 2
    return total(
        (w * x for w, x in zip(t[:n], t[n : 2 * n], strict=True)), t[-1] if len(t) % 2 else 0.0
    )


def _normal_density(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def _gelu_ulps(i: int, xs: tuple[float, ...], d: float) -> float:
    (x,) = xs
    terms = 0.5 * math.erfc(-x * math.sqrt(0.5)) + abs(x) * _normal_density(x)
    return (8.0 + x * x) * max(1.0, terms / max(abs(d), NORMAL))


def _silu_ulps(i: int, xs: tuple[float, ...], d: float) -> float:
    (x,) = xs
    second = x / (1.0 + math.exp(min(x, 700.0)))
    return 8.0 * (1.0 + abs(second)) / abs(1.0 + second)


def _power_ulps(i: int, xs: tuple[float, ...], d: float) -> float:
    x, p = xs
    return 8.0 + (abs(math.log(x)) * math.ulp(p - 1.0) / EPS if i == 0 and p < 0.5 else 0.0)


def _logsumexp_ulps(i: int, xs: tuple[float, ...], d: float) -> float:
    return 8.0 + 2.0 * (max(xs) - min(xs))


GAUSSIAN = Slack(
    "exp(-x²) multiplies the rounding of x² by x²: half a unit becomes x²/2 to x² units",
    lambda i, xs, d: 8.0 + xs[0] ** 2,
)
SIGNS = ((-10.0, 10.0),)
WIDE = ((1e-300, 1e300),)
TRIG_EDGE = (ValueError, ("finite x",))

SAMPLES: dict[str, Sample] = {
    "add": Sample(operator.add, (SIGNS * 2,), plain=operator.add),
    "sub": Sample(operator.sub, (SIGNS * 2,), plain=operator.sub),
    "mul": Sample(
        operator.mul,
        (SIGNS * 2, ((1e-150, 1e150),) * 2),
        plain=operator.mul,
        slopes=(((0.0, INF), (INF, 0.0)), ((3.0, [4.0]), (4.0, None))),
    ),
    "div": Sample(
        operator.truediv,
        (SIGNS * 2, ((1e-150, 1e150),) * 2),
        points=((0.0, 3.0), (1.0, HUGE), (-1.0, 1e-150)),
        plain=operator.truediv,
        errors=(
            ((1.0, 0.0), ZeroDivisionError, ("1.0 / 0.0", "y ≠ 0")),
            ((0.0, -0.0), ZeroDivisionError, ("0.0 / -0.0",)),
        ),
    ),
    "neg": Sample(operator.neg, (SIGNS,), plain=operator.neg),
    "pow": Sample(
        mp.power,
        (
            ((0.01, 100.0), (-5.0, 5.0)),
            ((1e-60, 1e60), (-5.0, 5.0)),
            ((1e-300, 1e300), (0.0, 1.0)),
            ((0.5, 2.0), (-500.0, 500.0)),
        ),
        points=(
            *((1.0, 2.5), (1.0 + EPS, 3.0), (1.0 - EPS, -3.0), (1e-200, 1.5), (1e300, 0.75)),
            *((2.0, 0.0), (1e-300, 0.0), (2.0, 1e-300), (1e-200, 2.0), (1e10, 1e-20)),
            *((1e300, 0.1), (1e-300, 0.3), (1e60, -0.9), (1e-60, -0.1)),
        ),
        slopes=(
            ((0.0, 0.0), (0.0, 0.0)),
            ((0.0, [0.0]), (0.0, None)),
            ((-0.0, 0.0), (0.0, 0.0)),
            ((0.0, 1.0), (1.0, 0.0)),
            ((0.0, [1.0]), (1.0, None)),
            ((0.0, 2.0), (0.0, 0.0)),
            ((0.0, 0.5), (INF, 0.0)),
            ((0.0, [0.5]), (INF, None)),
            (([0.0], 2.0), (None, 0.0)),
            (([0.0], 0.0), (None, 0.0)),
            ((-2.0, 3.0), (12.0, NAN)),
            ((-2.0, [3.0]), (12.0, None)),
            ((-2.0, [2]), (-4.0, None)),
            ((-2.0, -1.0), (-0.25, NAN)),
            ((-2.0, 0.0), (0.0, NAN)),
            (([-2.0], 2.0), (None, NAN)),
            ((1.0, 5.0), (5.0, 0.0)),
            ((3.0, [1.0]), (1.0, None)),
        ),
        errors=(
            (
                (-8.0, 1 / 3),
                ValueError,
                ("-8.0 ** 0.333", "negative base", "non-integer exponent"),
            ),
            ((0.0, -1.0), ZeroDivisionError, ("0.0 ** -1.0",)),
            ((0.0, -0.5), ZeroDivisionError, ("0.0 ** -0.5",)),
            ((1e200, 2.0), OverflowError, ("1e+200 ** 2.0", "too large")),
        ),
        slack=Slack(
            "below p = ½ the exponent p - 1 is rounded, and log x multiplies that", _power_ulps
        ),
    ),
    "exp": Sample(
        mp.exp,
        unary((-1.0, 1.0), (-700.0, 709.0)),
        points=each(0.0, TINY, 1e-300, -708.0, 709.78),
        plain=math.exp,
        errors=(((1000.0,), OverflowError, ("exp(1000.0)", "softplus", "logsumexp")),),
    ),
    "expm1": Sample(
        mp.expm1,
        unary((-1.0, 1.0), (-700.0, 709.0)),
        points=each(0.0, TINY, -TINY, 1e-300, -1e-17, -40.0, -708.0, 709.78),
        plain=math.expm1,
        errors=(((1000.0,), OverflowError, ("expm1(1000.0)",)),),
    ),
    "log": Sample(
        mp.log,
        unary((0.1, 10.0), (1e-307, HUGE)),
        points=each(1.0, 1.0 + EPS, 1.0 - EPS, 6e-309, HUGE),
        plain=math.log,
        errors=(
            ((-1.0,), ValueError, ("log(-1.0)", "x > 0")),
            ((0.0,), ValueError, ("log(0.0)", "x > 0")),
            ((-INF,), ValueError, ("log(-inf)", "x > 0")),
        ),
    ),
    "log1p": Sample(
        mp.log1p,
        unary((-0.99, 10.0), *WIDE),
        points=each(0.0, TINY, -1e-17, -1.0 + EPS / 2, -1.0 + 1e-10, HUGE),
        plain=math.log1p,
        errors=(((-1.0,), ValueError, ("log1p(-1.0)", "x > -1")),),
    ),
    "inv": Sample(
        lambda x: 1 / x,
        unary(*SIGNS, *WIDE),
        points=each(1e-150, -1e-150, 1e150, 3.0, 6e-309),
        slopes=(((0.0,), (-INF,)),),
    ),
    "sqrt": Sample(
        mp.sqrt,
        unary((0.01, 10.0), *WIDE),
        points=each(TINY, NORMAL, HUGE),
        plain=math.sqrt,
        slopes=(((0.0,), (INF,)),),
        errors=(((-1.0,), ValueError, ("sqrt(-1.0)", "x ≥ 0")),),
    ),
    "hypot": Sample(
        mp.hypot,
        (SIGNS * 2, WIDE * 2),
        points=((3.0, 4.0), (1e300, 1e300), (1e-300, 1e-300), (0.0, 1.0), (1e-200, 1e200)),
        plain=math.hypot,
        slopes=(((0.0, 0.0), (0.0, 0.0)),),
    ),
    "sin": Sample(
        mp.sin,
        unary(*SIGNS, (-1e6, 1e6)),
        points=each(0.0, 1e-300, math.pi, math.pi / 2, 1e22, 1e300),
        plain=math.sin,
        errors=(((INF,), *TRIG_EDGE),),
    ),
    "cos": Sample(
        mp.cos,
        unary(*SIGNS, (-1e6, 1e6)),
        points=each(0.0, 1e-300, math.pi, math.pi / 2, 1e22, 1e300),
        plain=math.cos,
        errors=(((-INF,), *TRIG_EDGE),),
    ),
    "tan": Sample(
        mp.tan,
        unary(*SIGNS, (-1e6, 1e6)),
        points=each(0.0, 1e-300, math.pi, math.pi / 2, 1e22, 1e300),
        plain=math.tan,
        errors=(((INF,), *TRIG_EDGE),),
    ),
    "asin": Sample(
        mp.asin,
        unary((-0.99, 0.99)),
        points=each(0.0, 1e-300, 1.0 - EPS / 2, -1.0 + EPS / 2, 1.0 - 1e-9),
        plain=math.asin,
        slopes=(((1.0,), (INF,)), ((-1.0,), (INF,))),
        errors=(((2.0,), ValueError, ("asin(2.0)", "-1 ≤ x ≤ 1")),),
    ),
    "acos": Sample(
        mp.acos,
        unary((-0.99, 0.99)),
        points=each(0.0, 1e-300, 1.0 - EPS / 2, -1.0 + EPS / 2, 1.0 - 1e-9),
        plain=math.acos,
        slopes=(((1.0,), (-INF,)), ((-1.0,), (-INF,))),
        errors=(((-2.0,), ValueError, ("acos(-2.0)", "-1 ≤ x ≤ 1")),),
    ),
    "atan": Sample(
        mp.atan,
        unary(*SIGNS, *WIDE),
        points=each(0.0, 1000.0, 1e150, -1e150),
        plain=math.atan,
        slopes=(((INF,), (0.0,)), ((-INF,), (0.0,))),
    ),
    "atan2": Sample(
        mp.atan2,
        (SIGNS * 2, ((1e-150, 1e150),) * 2, WIDE * 2),
        points=(
            *((0.0, 1.0), (1.0, 0.0), (-1.0, -1.0), (1e300, 1e300), (1e-200, 1e-200)),
            *((1e-320, 1e-310), (1e-310, 1e-320), (1e-310, 2e-309)),
        ),
        plain=math.atan2,
    ),
    "sinh": Sample(
        mp.sinh,
        unary(*SIGNS, (-709.0, 709.0)),
        points=each(0.0, 1e-300, 710.4),
        plain=math.sinh,
        errors=(((1000.0,), OverflowError, ("sinh(1000.0)",)),),
    ),
    "cosh": Sample(
        mp.cosh,
        unary(*SIGNS, (-709.0, 709.0)),
        points=each(0.0, 1e-300, 710.4),
        plain=math.cosh,
        errors=(((-1000.0,), OverflowError, ("cosh(-1000.0)",)),),
    ),
    "tanh": Sample(
        mp.tanh,
        unary(*SIGNS, (-350.0, 350.0)),
        points=each(0.0, 1e-300, 19.0, 20.0, -40.0, 1000.0, HUGE),
        plain=math.tanh,
        slopes=(((INF,), (0.0,)), ((-INF,), (0.0,))),
    ),
    "asinh": Sample(
        mp.asinh, unary(*SIGNS, *WIDE), points=each(0.0, 1e-300, 1e160, -HUGE), plain=math.asinh
    ),
    "acosh": Sample(
        mp.acosh,
        unary((1.0, 10.0), (1.0, 1e300)),
        points=each(1.0 + EPS, 1.0 + 1e-9, 1e200, HUGE),
        plain=math.acosh,
        slopes=(((1.0,), (INF,)),),
        errors=(((0.5,), ValueError, ("acosh(0.5)", "x ≥ 1")),),
    ),
    "atanh": Sample(
        mp.atanh,
        unary((-0.99, 0.99)),
        points=each(0.0, 1e-300, 1.0 - EPS / 2, -1.0 + EPS / 2, 1.0 - 1e-9),
        plain=math.atanh,
        errors=(
            ((1.0,), ValueError, ("atanh(1.0)", "-1 < x < 1")),
            ((-1.0,), ValueError, ("atanh(-1.0)", "-1 < x < 1")),
        ),
    ),
    "erf": Sample(
        mp.erf,
        unary((-3.0, 3.0), (-26.0, 26.0)),
        points=each(0.0, 1e-300, 10.0, 1e200),
        plain=math.erf,
        slopes=(((INF,), (0.0,)),),
        slack=GAUSSIAN,
    ),
    "erfc": Sample(
        mp.erfc,
        unary((-3.0, 3.0), (-26.0, 26.0)),
        points=each(0.0, 1e-300, 10.0, 26.5),
        plain=math.erfc,
        slopes=(((-INF,), (0.0,)), ((1e200,), (0.0,))),
        slack=GAUSSIAN,
    ),
    "sigmoid": Sample(
        lambda x: 1 / (1 + mp.exp(-x)),
        unary(*SIGNS, (-700.0, 700.0)),
        points=each(0.0, 1e-300, 37.0, 38.0, -38.0, 708.0, -708.0),
        slopes=(((0.0,), (0.25,)), ((INF,), (0.0,)), ((-INF,), (0.0,)), ((1e308,), (0.0,))),
    ),
    "softplus": Sample(
        lambda x: mp.log1p(mp.exp(x)),
        unary(*SIGNS, (-700.0, 700.0)),
        points=each(0.0, 1e-300, 37.0, 38.0, -38.0, 708.0, -708.0),
        slopes=(((0.0,), (0.5,)), ((INF,), (1.0,)), ((-INF,), (0.0,)), ((1000.0,), (1.0,))),
    ),
    "relu": Sample(
        lambda x: max(x, 0),
        unary(*SIGNS),
        points=each(TINY, -TINY, HUGE),
        slopes=(((0.0,), (0.0,)), ((-0.0,), (0.0,)), ((INF,), (1.0,)), ((-INF,), (0.0,))),
    ),
    "leaky_relu": Sample(
        lambda x, slope: x if x > 0 else slope * x,
        (((-10.0, 10.0), (-2.0, 2.0)),),
        points=((TINY, 0.5), (-TINY, 0.5), (-3.0, 0.0)),
        slopes=(((0.0, 0.25), (0.25, 0.0)), ((-2.0, [0.25]), (0.25, None))),
    ),
    "elu": Sample(
        lambda x, scale: x if x > 0 else scale * mp.expm1(x),
        (((-10.0, 10.0), (-2.0, 2.0)), ((-700.0, 0.0), (0.5, 1.0))),
        points=((TINY, 0.5), (-TINY, 0.5), (-1e-17, 2.0), (1000.0, 1.0)),
        slopes=(((0.0, 0.5), (0.5, 0.0)), ((-INF, 2.0), (0.0, -1.0)), ((INF, 2.0), (1.0, 0.0))),
    ),
    "gelu": Sample(
        lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
        unary(*SIGNS, (-37.0, 37.0)),
        points=each(0.0, 1e-300, -0.7517915246935645),
        slopes=(((0.0,), (0.5,)), ((1e200,), (1.0,)), ((INF,), (1.0,)), ((-INF,), (0.0,))),
        slack=Slack(
            "exp(-x²/2) multiplies the rounding of x² by x²; near x = -0.75 two terms cancel",
            _gelu_ulps,
        ),
    ),
    "silu": Sample(
        lambda x: x / (1 + mp.exp(-x)),
        unary(*SIGNS, (-700.0, 700.0)),
        points=each(0.0, 1e-300, -1.2784645427610738, -705.0, 1000.0),
        slopes=(((0.0,), (0.5,)), ((INF,), (1.0,)), ((-INF,), (0.0,))),
        slack=Slack("near x = -1.28, where the slope is 0, two terms cancel", _silu_ulps),
    ),
    "abs": Sample(
        abs,
        unary(*SIGNS),
        points=each(TINY, -TINY, HUGE),
        plain=abs,
        slopes=(((0.0,), (0.0,)), ((-0.0,), (0.0,)), ((INF,), (1.0,)), ((-INF,), (-1.0,))),
    ),
    "maximum": Sample(
        max,
        (SIGNS * 2,),
        points=((TINY, 0.0), (-TINY, 0.0)),
        slopes=(
            ((2.0, 2.0), (0.5, 0.5)),
            ((0.0, -0.0), (0.5, 0.5)),
            ((2.0, [2.0]), (0.0, None)),
            (([2.0], 2.0), (None, 0.0)),
            ((3.0, [2.0]), (1.0, None)),
            (([2.0], 3.0), (None, 1.0)),
            ((INF, INF), (0.5, 0.5)),
        ),
    ),
    "minimum": Sample(
        min,
        (SIGNS * 2,),
        points=((TINY, 0.0), (-TINY, 0.0)),
        slopes=(
            ((2.0, 2.0), (0.5, 0.5)),
            ((0.0, -0.0), (0.5, 0.5)),
            ((2.0, [2.0]), (0.0, None)),
            (([2.0], 2.0), (None, 0.0)),
            ((1.0, [2.0]), (1.0, None)),
            (([2.0], 1.0), (None, 1.0)),
            ((-INF, -INF), (0.5, 0.5)),
        ),
    ),
    "clip": Sample(
        lambda x, low, high: min(max(x, low), high),
        (((-10.0, 10.0), (-5.0, 0.0), (0.0, 5.0)), ((-1.0, 1.0), (1.0, 2.0), (-1.0, 0.0))),
        slopes=(
            ((0.0, [0.0], [1.0]), (0.0, None, None)),
            ((1.0, [0.0], [1.0]), (0.0, None, None)),
            ((0.5, [0.0], [1.0]), (1.0, None, None)),
            ((INF, [0.0], [1.0]), (0.0, None, None)),
        ),
    ),
    "where": Sample(
        lambda c, x, y: x if c else y,
        (SIGNS * 3,),
        slopes=(
            ((0.0, 1.0, 2.0), (0.0, 0.0, 1.0)),
            ((-0.0, 1.0, 2.0), (0.0, 0.0, 1.0)),
            ((TINY, 1.0, 2.0), (0.0, 1.0, 0.0)),
            ((-3.0, 1.0, 2.0), (0.0, 1.0, 0.0)),
            ((NAN, 1.0, 2.0), (0.0, 1.0, 0.0)),
            (([1.0], 1.0, NAN), (None, 1.0, 0.0)),
        ),
    ),
    "sum_of": Sample(lambda *xs: mp.fsum(xs), (SIGNS,), plain=lambda *xs: total(xs), many=True),
    "mean": Sample(
        lambda *xs: mp.fsum(xs) / len(xs),
        (SIGNS,),
        plain=lambda *xs: total(xs) / len(xs),
        many=True,
    ),
    "dot": Sample(
        _dot, (SIGNS,), points=((2.0, 3.0), (1.0, 2.0, 3.0, 4.0, 0.5)), plain=_dot, many=True
    ),
    "logsumexp": Sample(
        lambda *xs: mp.log(mp.fsum(mp.exp(x) for x in xs)),
        (SIGNS, ((-30.0, 0.0),), ((900.0, 905.0),), ((-1005.0, -1000.0),)),
        points=((1000.0, 1000.0), (-1000.0, -1001.0), (1000.3, 1000.1, 999.7), (0.3, -300.1)),
        slopes=(
            ((0.0, 0.0), (0.5, 0.5)),
            ((1e308, 0.0), (1.0, 0.0)),
            ((-INF, 0.0), (0.0, 1.0)),
            ((5.0,), (1.0,)),
        ),
        slack=Slack(
            "exp(x - z) multiplies the rounding of x - z by up to its size", _logsumexp_ulps
        ),
        many=True,
    ),
    "max_of": Sample(
        lambda *xs: max(xs),
        (SIGNS,),
        slopes=(
            ((2.0, 2.0), (0.5, 0.5)),
            ((1.0, 1.0, 1.0, 1.0), (0.25, 0.25, 0.25, 0.25)),
            ((2.0, 1.0, 2.0), (0.5, 0.0, 0.5)),
            ((2.0, [2.0]), (0.0, None)),
            ((2.0, 2.0, [2.0]), (0.0, 0.0, None)),
            ((2.0, 2.0, [1.0]), (0.5, 0.5, None)),
            ((3.0, [2.0], 1.0), (1.0, None, 0.0)),
        ),
        many=True,
    ),
    "min_of": Sample(
        lambda *xs: min(xs),
        (SIGNS,),
        slopes=(
            ((2.0, 2.0), (0.5, 0.5)),
            ((2.0, 3.0, 2.0), (0.5, 0.0, 0.5)),
            ((2.0, [2.0]), (0.0, None)),
            ((2.0, 2.0, [3.0]), (0.5, 0.5, None)),
            ((1.0, [2.0], 3.0), (1.0, None, 0.0)),
        ),
        many=True,
    ),
}
