"""Are the derivatives right? They are compared with differences of the function itself.

The slope of a line through two points of f must come to the derivative between them. Far apart they
show the curvature of f, close together the rounding of floats, and where f ends or has a kink, two
points on one side of it are another matter.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .calculus import Function, name_of, positions, value_and_grad
from .engine import Value
from .nesting import Place, Tree, leaves, rebuild
from .numeric import data_of
from .operation import ARITHMETIC_ERRORS

EPSILON = sys.float_info.epsilon
_QUARTER_DECADES = [10.0 ** (-k / 4) for k in range(61)]


@dataclass(frozen=True)
class GradcheckReport:
    """How a derivative compares with differences of f, at the entry where they agree least.

    Attributes:
        ok: whether they agree, at every entry.
        function: the name of f.
        place: the argument, counted from 0, and the keys in it.
        point: all arguments, as plain numbers.
        x: the number at that place.
        analytic: the derivative by the rules.
        numeric: the derivative by differences.
        tolerance: how far apart these may be.
        one_sided: the slopes to the left and to the right, where f has a kink.
        notes: what was done where f is not defined on both sides.
        along: f of the number at that place, the others as they are.
    """

    ok: bool
    function: str
    place: str
    point: tuple[Tree, ...]
    x: float
    analytic: float
    numeric: float
    tolerance: float
    one_sided: tuple[float, float] | None
    notes: tuple[str, ...]
    along: Callable[[float], float] = field(repr=False, compare=False)

    def __str__(self) -> str:
        verdict = "agrees" if self.ok else "disagrees"
        if self.one_sided:
            left, right = (f"{x + 0.0:.4g}".replace("-", "−") for x in self.one_sided)
            return "\n".join(
                (
                    f"{self.function} has a kink, {self.place} at {self.x!r}: one-sided slopes "
                    f"{left} and {right}: not differentiable here; the convention gives "
                    f"{self.analytic!r}; called with {self.point!r:.200}, numeric "
                    f"{self.numeric!r}, analytic {self.analytic!r}, tolerance {self.tolerance:.2g}",
                    *self.notes,
                )
            )
        lines = [
            f"the gradient of {self.function} {verdict} with differences, {self.place} at "
            f"{self.x!r}: analytic {self.analytic!r}, numeric {self.numeric!r}, tolerance "
            f"{self.tolerance:.2g}; called with {self.point!r:.200}"
        ]
        if not self.ok and math.isinf(self.analytic):
            lines.append("the slope is infinite here, which no difference can show")
        elif not self.ok:
            lines.append("check the rules of the operations that f uses; .curve() shows the steps")
        return "\n".join((*lines, *self.notes))

    def curve(self, steps: Sequence[float] = ()) -> tuple[list[float], list[float]]:
        """(steps, errors): |central difference − analytic| for each step, a U if all is well.

        Large steps see the curvature of f, small ones the rounding of floats.

        Args:
            steps: from 1 to 10⁻¹⁵ when left out; those that leave the domain of f are left out.
        """
        slopes = (_central(self.along, self.x, h) for h in steps or _QUARTER_DECADES)
        kept = [(h, abs(slope - self.analytic)) for h, slope in slopes if math.isfinite(slope)]
        return [h for h, _ in kept], [error for _, error in kept]


def gradcheck(
    f: Function,
    *args: Tree,
    argnums: int | Sequence[int] | None = None,
    step: float | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    raise_error: bool = True,
) -> GradcheckReport:
    """Compare the gradient of f with differences (f(x + h) − f(x − h)) / 2h, entry by entry.

    Args:
        f: returns one Value; the same at every call with the same arguments.
        args: where to check.
        argnums: the arguments to check, all of them when left out.
        step: h, or ε^⅓ · max(1, |x|) when left out, which balances curvature and rounding. Smaller
            ones follow until two of them agree, or where f is not defined at x ± h; one-sided
            differences where it is defined on one side only. Neither looks at the gradient that is
            checked.
        rtol, atol: |analytic − numeric| may be atol + rtol · |numeric|, and the rounding
            ε · |f| / h.
        raise_error: raise where they differ; False gives the report only.

    Returns:
        The report on the entry where the two agree least.

    Raises:
        AssertionError: they differ, or f has a kink; its message is the report.

    >>> gradcheck(lambda x, y: (x * y).sin(), 0.5, 2.0).ok
    True
    """
    argnums = range(len(args)) if argnums is None else argnums
    places = positions(f, argnums, len(args))
    asked = [rebuild(args[i], (data_of(x) for _, x in leaves(args[i]))) for i in places]
    point = list(args)
    for i, numbers in zip(places, asked, strict=True):
        point[i] = numbers
    _, slopes = value_and_grad(f, places)(*point)
    entries = [((places[i], *place), x) for (i, *place), x in leaves(asked)]
    if not entries:
        raise TypeError(f"gradcheck of {name_of(f)} needs a number to vary: give its arguments")
    reports = [
        _check_entry(f, point, places, place, x, slope, step, rtol, atol)
        for (place, x), (_, slope) in zip(entries, leaves(slopes), strict=True)
    ]
    worst = max(reports, key=_badness)
    if raise_error and not worst.ok:
        raise AssertionError(str(worst))
    return worst


def _check_entry(
    f: Function,
    point: list[Tree],
    lifted: Sequence[int],
    place: Place,
    x: float,
    analytic: float,
    step: float | None,
    rtol: float,
    atol: float,
) -> GradcheckReport:
    """The report for one entry of the arguments; lifted: those that f gets as Values."""

    @functools.cache
    def along(t: float) -> float:
        """f with t in this place."""
        arguments = list(point)
        for i in lifted:
            moved = (t if (i, *where) == place else leaf for where, leaf in leaves(point[i]))
            arguments[i] = rebuild(point[i], map(Value, moved))
        return data_of(f(*arguments))

    h = step or EPSILON ** (1 / 3) * max(1.0, abs(x))
    numeric, used, notes = _difference(along, x, h, rtol, atol)
    name = f"argument {place[0]}" + "".join(f"[{key!r}]" for key in place[1:])
    tolerance = atol + rtol * abs(numeric) + 4.0 * EPSILON * abs(along(x)) / used
    kink = _kink(along, x, used, atol)
    return GradcheckReport(
        ok=kink is None and abs(analytic - numeric) <= tolerance,
        function=name_of(f),
        place=name,
        point=tuple(point),
        x=x,
        analytic=analytic,
        numeric=numeric,
        tolerance=tolerance,
        one_sided=kink,
        notes=tuple(f"{name}: {note}" for note in notes),
        along=along,
    )


def _difference(
    along: Callable[[float], float], x: float, h: float, rtol: float, atol: float
) -> tuple[float, float, list[str]]:
    """(slope by differences, the step that gave it, what there is to say about it)."""
    steps = [h / 10.0**k for k in range(17)]
    near = EPSILON ** (1 / 3) * abs(x)
    if 0.0 < near < steps[-1]:  # this close to 0, only steps of its own size stay on one side
        steps += [near, near / 10.0, near / 100.0]
    found = _settled((_central(along, x, h) for h in steps), along(x), rtol, atol)
    if found is not None:
        numeric, used, first = found
        return numeric, used, [] if first == h else [f"f ends within {h:.2g} of x: smaller steps"]
    for side, sign in (("right", 1.0), ("left", -1.0)):
        found = _settled((_one_sided(along, x, sign * h) for h in steps), along(x), rtol, atol)
        if found is not None:
            return *found[:2], [f"f is defined on the {side} of x only: one-sided differences"]
    return math.nan, h, ["f is not defined on either side of x: no differences"]


def _settled(
    slopes: Iterable[tuple[float, float]], y: float, rtol: float, atol: float
) -> tuple[float, float, float] | None:
    """(slope, its step, the first step) of the two successive ones that agree best, if any.

    slopes: (step, slope) as steps shrink, nan where f is not defined. Two that agree well end the
    search; otherwise curvature is judged by how far they are apart, rounding by ε · |y| / step.
    """
    best: tuple[float, float, float] | None = None
    before: tuple[float, float] | None = None
    first = least = math.inf
    for h, slope in slopes:
        if not math.isfinite(slope):
            continue
        if before is None:
            first = h
        else:
            error = abs(slope - before[1]) + EPSILON * abs(y) / before[0]
            if error < least:
                least, best = error, (before[1], before[0], first)
            if error <= 0.5 * (atol + rtol * abs(slope)):
                break
        before = h, slope
    return best


def _kink(
    along: Callable[[float], float], x: float, h: float, atol: float
) -> tuple[float, float] | None:
    """The slopes to the left and to the right, if they stay apart however small the step.

    Where f is smooth, the gap between them is h · f″(x), and shrinks with h.
    """
    widest: tuple[float, float] | None = None  # at the first step, where rounding matters least
    kink, gap_before = None, math.inf
    for k in range(8):
        step = h / 10.0**k
        left, right = _one_sided(along, x, -step)[1], _one_sided(along, x, step)[1]
        gap = abs(right - left)
        if not gap > max(atol, 1e-3 * max(abs(left), abs(right))):
            return None
        if gap <= 100.0 * EPSILON * abs(along(x)) / step:  # smaller steps see the rounding of f
            break
        widest = widest or (left, right)
        kink = widest if gap > 0.9 * gap_before else None
        gap_before = gap
    return kink


def _central(along: Callable[[float], float], x: float, h: float) -> tuple[float, float]:
    """(h, slope between x − h and x + h), nan where f is not defined at both."""
    low, high = x - h, x + h
    if not low < x < high:
        return h, math.nan
    return h, (_value_or_nan(along, high) - _value_or_nan(along, low)) / (high - low)


def _one_sided(along: Callable[[float], float], x: float, h: float) -> tuple[float, float]:
    """(|h|, slope between x and x + h), nan where f is not defined there."""
    run = (x + h) - x
    return abs(h), (_value_or_nan(along, x + h) - along(x)) / run if run else math.nan


def _value_or_nan(along: Callable[[float], float], t: float) -> float:
    try:
        return along(t)
    except ARITHMETIC_ERRORS:
        return math.nan


def _badness(report: GradcheckReport) -> float:
    """How many tolerances apart; a kink, or nan, is worse than any number."""
    ratio = abs(report.analytic - report.numeric) / max(report.tolerance, sys.float_info.min)
    return math.inf if report.one_sided or math.isnan(ratio) else ratio
