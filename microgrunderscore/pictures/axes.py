"""Axes: from numbers to places on paper, with round ticks that do not crowd.

    svg = Svg()
    axes = Axes(svg, Linear(0, 100, 60, 400), Log(1e-3, 1e1, 240, 50))
    axes.bottom("epoch", grid=False)
    axes.left("loss")
    axes.line(points, "series-1")

A scale runs from `start` to `stop` (px); a vertical one starts at the bottom, where y is larger.
Nothing is cut off, and nothing covers anything else: ticks are thinned until their texts fit,
labels at the ends of lines are pushed apart, long texts are wrapped.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from .names import number_text, superscript, visible
from .svg import Svg, short, size_of

Point: TypeAlias = tuple[float, float]

# What tells series apart: the class of the line (colour and dash), and that of its label (colour).
SERIES: Sequence[tuple[str, str]] = (
    ("series-1", "value"),
    ("series-2", "gradient"),
    ("series-3", "slope"),
    ("series-4", "fourth"),
    ("series-5", "fifth"),
    ("series-6", "muted"),
)
TICK = "note muted"  # the class of the texts at an axis
LINE = 16.0  # px from one line of text to the next
MOST_POINTS = 400  # of a line that is drawn
WIDE = 200.0  # a log axis from this ratio on; below it, falls are better seen on a linear one


# ---- scales ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Linear:
    """Numbers from lo to hi, evenly from start to stop (px).

    whole: ticks at whole numbers only. percent: ticks are written as shares of 100.

    >>> scale = Linear(0.0, 10.0, 50.0, 250.0)
    >>> scale(5.0), [text for _, text in scale.ticks(5)]
    (150.0, ['0', '2', '4', '6', '8', '10'])
    """

    lo: float
    hi: float
    start: float
    stop: float
    whole: bool = False
    percent: bool = False

    def __call__(self, x: float) -> float:
        """Where x is drawn, px; the number must be finite."""
        half = 0.5 if math.isinf(self.hi - self.lo) else 1.0
        span = self.hi * half - self.lo * half
        share = (x * half - self.lo * half) / span if span else 0.5
        return self.start + share * (self.stop - self.start)

    def holds(self, x: float) -> bool:
        """Whether x can be drawn: it is finite."""
        return math.isfinite(x)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """About so many round numbers between lo and hi, and what is written there."""
        numbers = ticks(self.lo, self.hi, most, whole=self.whole)
        texts = tick_texts([100.0 * x for x in numbers] if self.percent else numbers)
        return [
            (x, f"{text} %" if self.percent else text)
            for x, text in zip(numbers, texts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Log:
    """Positive numbers from lo to hi, each factor of ten as long as every other.

    >>> scale = Log(0.001, 10.0, 250.0, 50.0)
    >>> scale(0.1), [text for _, text in scale.ticks(5)]
    (150.0, ['10⁻³', '10⁻²', '10⁻¹', '10⁰', '10¹'])
    """

    lo: float
    hi: float
    start: float
    stop: float

    def __call__(self, x: float) -> float:
        """Where x is drawn, px; the number must be positive and finite."""
        first, last = math.log10(self.lo), math.log10(self.hi)
        share = (math.log10(x) - first) / (last - first) if last > first else 0.5
        return self.start + share * (self.stop - self.start)

    def holds(self, x: float) -> bool:
        """Whether x can be drawn: it is positive and finite."""
        return 0.0 < x < math.inf

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many powers of ten; 1, 2 and 5 times those, or others, where it is one."""
        first, last = _ceil_log10(self.lo), _floor_log10(self.hi)
        if last > first:
            step = next(n for n in _DECADES if (last - first) // n < max(2, most))
            kept = range(-(-first // step) * step, last + 1, step)  # multiples of the step
            kept = kept if len(kept) > 1 else range(first, last + 1, step)
            return [(_power(k), f"10{superscript(str(k))}") for k in kept]
        marks = [m * _power(k) for k in range(first - 1, last + 1) for m in (1, 2, 5)]
        numbers = [x for x in marks if self.lo <= x <= self.hi]
        if len(numbers) > (1 if self.hi / self.lo > 4.0 else 2):
            return [(x, number_text(x)) for x in numbers]
        numbers = [x for x in ticks(self.lo, self.hi, most) if x > 0.0]
        return list(zip(numbers, tick_texts(numbers), strict=True))


Scale: TypeAlias = Linear | Log
_DECADES = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000]


def _power(k: int) -> float:
    """10^k, correctly rounded."""
    return float(f"1e{k}")


def _floor_log10(x: float) -> int:
    """The largest k with 10^k ≤ x."""
    k = int(f"{x:.17e}".split("e")[1])
    return k - 1 if _power(k) > x else k


def _ceil_log10(x: float) -> int:
    """The smallest k with 10^k ≥ x."""
    k = _floor_log10(x)
    return k if _power(k) == x else k + 1


def ticks(lo: float, hi: float, most: int = 5, *, whole: bool = False) -> list[float]:
    """Round numbers from lo to hi, 1, 2 or 5 times a power of ten apart.

    Args:
        lo, hi: finite numbers, in this order.
        most: how many steps there may be; a coarser step is taken where it fits none.
        whole: whole numbers only.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(0, 3, 10, whole=True)
    [0.0, 1.0, 2.0, 3.0]
    """
    if not hi - lo > 1e-300:
        return [lo]
    step = _step(lo, hi, most, whole)
    return [_tick(k, step) for k in range(math.ceil(_in(lo, step)), math.floor(_in(hi, step)) + 1)]


def _step(lo: float, hi: float, most: int, whole: bool = False) -> Fraction:
    """The smallest step, 1, 2 or 5 times a power of ten, of which so many lead from lo to hi."""
    span = min(hi - lo, sys.float_info.max)  # it may be infinite
    least = _floor_log10(span / max(1, most))
    power = Fraction(10) ** (max(least, 0) if whole else least)
    steps = (m * power for m in (1, 2, 5, 10, 20, 50, 100))
    return next(
        step
        for step in steps
        if math.floor(_in(hi, step)) - math.ceil(_in(lo, step)) <= max(1, most)
    )


def _in(x: float, step: Fraction) -> Fraction:
    """x in steps, with what rounding did to a whole number of them undone."""
    ratio = Fraction(x) / step
    whole = round(ratio)
    return Fraction(whole) if abs(ratio - whole) <= abs(ratio) / 10**9 else ratio


def _tick(k: int, step: Fraction) -> float:
    """The number after k steps from 0, correctly rounded."""
    try:
        return float(k * step)
    except OverflowError:
        return math.copysign(sys.float_info.max, k)


def tick_texts(numbers: Sequence[float]) -> list[str]:
    """Numbers as they are written at an axis: all with as many decimals as they need together.

    >>> tick_texts([0.0, 0.25, 0.5]), tick_texts([0.0, 50000.0]), tick_texts([1e-7, 2e-7])
    (['0', '0.25', '0.50'], ['0', '50,000'], ['1×10⁻⁷', '2×10⁻⁷'])
    """
    largest = max(map(abs, numbers), default=0.0)
    plain = largest == 0.0 or 1e-4 <= largest < 1e7
    exponent = 0 if plain else _floor_log10(largest)
    power = "" if plain else f"×10{superscript(str(exponent))}"
    shown = [float(Fraction(x) / Fraction(10) ** exponent) for x in numbers]
    decimals = next((n for n in range(12) if all(_is_shown(x, n) for x in shown)), 12)
    return [_signed(f"{x:,.{decimals}f}{power}") if x else "0" for x in shown]


def _is_shown(x: float, decimals: int) -> bool:
    """Whether so many decimals tell all of x that is not rounding."""
    return abs(round(x, decimals) - x) <= 1e-9 * abs(x)


def _signed(text: str) -> str:
    """With a real minus sign, and none before 0."""
    return "0" if text == "-0" else text.replace("-", "−", 1)


def limits(numbers: Iterable[float], *, zero: bool = False, log: bool = False) -> Point:
    """Round limits around the finite numbers; around positive ones only on a log scale.

    Args:
        numbers: what is to be drawn.
        zero: begin at 0, unless a number is negative or all are far from 0.
        log: limits for a `Log` scale.

    Returns:
        (lo, hi) with lo < hi; (0, 1), or (0.1, 1) on a log scale, if there is nothing to draw.

    >>> limits([0.03, 0.97]), limits([0.02, 7.0], log=True), limits([3.0], zero=True)
    ((0.0, 1.0), (0.01, 10.0), (2.6, 3.4))
    """
    kept = [x for x in numbers if (0.0 < x < math.inf if log else math.isfinite(x))]
    if not kept:
        return (0.1, 1.0) if log else (0.0, 1.0)
    lo, hi = min(kept), max(kept)
    return _log_limits(lo, hi) if log else _linear_limits(lo, hi, zero)


def _linear_limits(lo: float, hi: float, zero: bool) -> Point:
    """The ticks around lo and hi."""
    if zero and 0.0 <= lo <= 0.6 * hi:
        lo = 0.0
    size = max(abs(lo), abs(hi))
    if size < 1e-290:
        return (0.0, 1.0) if zero and lo >= 0.0 else (-1.0, 1.0)
    if hi - lo <= 1e-9 * size:  # a constant
        lo, hi = lo - 0.1 * size, hi + 0.1 * size
    lo, hi = max(lo, -sys.float_info.max), min(hi, sys.float_info.max)
    step = _step(lo, hi, 5)
    return _tick(math.floor(_in(lo, step)), step), _tick(math.ceil(_in(hi, step)), step)


def _log_limits(lo: float, hi: float) -> Point:
    """Whole decades, or 1, 2 and 5 of them, or round numbers: the nearer lo and hi, the finer."""
    if hi / lo < 2.0 and lo > 1e-280:
        return _linear_limits(lo, hi, zero=False)
    mantissas = (1, 2, 5) if hi / lo < 10.0 else (1,)
    powers = [_power(k) for k in range(_floor_log10(lo), _ceil_log10(hi) + 1)]
    marks = [m * power for power in powers for m in mantissas]
    lower = max((x for x in marks if 0.0 < x <= lo), default=lo)
    upper = min((x for x in marks if hi <= x < math.inf), default=hi)
    if lower == upper:
        return lower / 2.0, min(upper * 2.0, sys.float_info.max)
    return lower, upper


def is_wide(numbers: Iterable[float]) -> bool:
    """Whether numbers are better seen on a log scale: all are positive, and far apart.

    >>> is_wide([3.0, 1.0]), is_wide([3.0, 0.001]), is_wide([3.0, 0.0])
    (False, True, False)
    """
    finite = [x for x in numbers if math.isfinite(x)]
    return bool(finite) and min(finite) > 0.0 and max(finite) / min(finite) >= WIDE


# ---- places of texts ---------------------------------------------------------------------------


def spread(wanted: Sequence[float], gap: float, lo: float, hi: float) -> list[float]:
    """Places at least `gap` apart, as near to the wanted ones as can be, between lo and hi.

    Args:
        wanted: where things would like to be, in any order; of equal ones, the first stays first.
        gap: least distance, px.
        lo, hi: limits, px; where there is no room for all, the places go beyond both.

    Returns:
        The places, in the order of `wanted`; the sum of squared shifts is the least possible.

    Source: Barlow, Bartholomew, Bremner and Brunk, Statistical inference under order restrictions
    (1972): isotonic regression by pooling adjacent violators.

    >>> spread([100.0, 102.0, 300.0], 16.0, 0.0, 400.0)
    [93.0, 109.0, 300.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    room = hi - lo - gap * (len(wanted) - 1)
    if room < 0.0:
        lo, room = lo + room / 2.0, 0.0
    pools: list[tuple[float, int]] = []  # (sum, count): what is pushed together
    for rank, i in enumerate(order):
        total, count = wanted[i] - rank * gap, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            before, members = pools.pop()
            total, count = total + before, count + members
        pools.append((total, count))
    means = [total / count for total, count in pools for _ in range(count)]
    places = [0.0] * len(wanted)
    for rank, (i, mean) in enumerate(zip(order, means, strict=True)):
        places[i] = min(max(mean, lo), lo + room) + rank * gap
    return places


def clear(text: object) -> str:
    """Any text on one line, with what would act made visible, so that its width is known."""
    return "".join(map(visible, re.sub("[ \t\n\v\f\r]+", " ", str(text)).strip(" ")))


def shortened(text: object, width: float, classes: str) -> str:
    """A text that fits into so many px, with … where something was left out.

    >>> shortened("the name of a layer", 90.0, "note")
    'the name o…'
    """
    text = clear(text)
    if size_of(text, classes) <= width:
        return text
    text = text[: int(width / 3.0) + 1]  # no character is narrower
    while text and size_of(f"{text}…", classes) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: object, width: float, classes: str, lines: int = 4) -> list[str]:
    """A text as at most so many lines, none wider than so many px; words too long are cut.

    >>> wrapped("a loss that falls and falls", 100.0, "note")
    ['a loss that', 'falls and falls']
    """
    words = clear(str(text)[:4000]).split(" ")
    done: list[str] = []
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if not line or size_of(longer, classes) <= width:
            line = longer
        else:
            done.append(line)
            line = word
    done.append(line)
    if len(done) > lines:
        done = [*done[: lines - 1], " ".join(done[lines - 1 :])]
    return [shortened(x, width, classes) for x in done]


# ---- thinning ----------------------------------------------------------------------------------


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points of a long line, the lowest and the highest of every stretch kept.

    Args:
        points: (x, y) from left to right; a y that is not finite is a gap.
        most: at least 4. Gaps shorter than a stretch are closed when there are more points.

    >>> line = [(float(i), 1.0) for i in range(100_000)]
    >>> line[5000] = (5000.0, 9.0)
    >>> short = thinned(line)
    >>> len(short) <= 400, (5000.0, 9.0) in short, short[-1]
    (True, True, (99999.0, 1.0))
    """
    n = len(points)
    if n <= most:
        return list(points)
    stretches = most // 4
    kept: list[Point] = []
    for k in range(stretches):
        part = points[k * n // stretches : (k + 1) * n // stretches]
        inside = [i for i, (_, y) in enumerate(part) if math.isfinite(y)]
        if not inside:
            kept.append((part[0][0], math.nan))
            continue
        low = min(inside, key=lambda i: part[i][1])
        high = max(inside, key=lambda i: part[i][1])
        kept += [part[i] for i in sorted({inside[0], low, high, inside[-1]})]
    return kept


def evenly(n: int, most: int) -> list[int]:
    """At most so many of the places 0 … n - 1, evenly chosen, the first and the last among them.

    >>> evenly(3, 5), evenly(9, 3), evenly(9, 1)
    ([0, 1, 2], [0, 4, 8], [0])
    """
    steps = max(most - 1, 1)
    return list(range(n)) if n <= most else [i * (n - 1) // steps for i in range(most)]


def runs(points: Iterable[Point]) -> list[list[Point]]:
    """A line as its pieces between gaps.

    >>> runs([(0, 1.0), (1, 2.0), (2, float("nan")), (3, 4.0)])
    [[(0, 1.0), (1, 2.0)], [(3, 4.0)]]
    """
    pieces: list[list[Point]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def path_of(points: Iterable[Point]) -> str:
    """Places on paper as the data of a path: a line, with a move over every gap."""
    return "".join(
        "M" + "L".join(f"{short(x)},{short(y)}" for x, y in piece) for piece in runs(points)
    )


# ---- axes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axes:
    """Two scales on a picture: x from left to right, y from the bottom to the top.

    >>> svg = Svg()
    >>> axes = Axes(svg, Linear(0, 4, 50, 250), Linear(0, 1, 150, 50))
    >>> axes.bottom("x")
    >>> axes.line([(0, 0.0), (4, 1.0)], "series-1")
    >>> '<path class="series-1" d="M50,150L250,50"/>' in svg.body
    True
    """

    svg: Svg
    x: Scale
    y: Scale

    # ---- around the area ----

    def left(self, label: str = "", *, grid: bool = True, outside: bool = False) -> None:
        """The vertical axis: tick texts to the left of the area, the label above them.

        grid: lines through the area. outside: short tick marks outside it, for pictures inside.
        """
        svg, x, right = self.svg, self.x.start, self.x.stop
        for at, text in ticks_of(self.y, upright=True):
            y = self.y(at)
            if grid:
                svg.path(f"M{short(x)},{short(y)}H{short(right)}", "grid")
            if outside:
                svg.path(f"M{short(x - 5)},{short(y)}h5", "axis")
            svg.text(x - 8, y + 4, text, f"{TICK} end")
        if label:
            svg.text(x - left_margin(self.y), self.y.stop - 12, label, TICK)

    def bottom(self, label: str = "", *, grid: bool = False, outside: bool = False) -> None:
        """The horizontal axis: tick texts below the area, the label below them, centred."""
        svg, y, top = self.svg, self.y.start, self.y.stop
        for at, text in ticks_of(self.x):
            x = self.x(at)
            if grid:
                svg.path(f"M{short(x)},{short(y)}V{short(top)}", "grid")
            if outside:
                svg.path(f"M{short(x)},{short(y)}v5", "axis")
            svg.text(x, y + 18, text, f"{TICK} middle")
        if label:
            svg.text((self.x.start + self.x.stop) / 2, y + 18 + LINE, label, f"{TICK} middle")

    def base(self) -> None:
        """The line at the bottom of the area."""
        self.svg.path(f"M{short(self.x.start)},{short(self.y.start)}H{short(self.x.stop)}", "axis")

    def outline(self) -> None:
        """A line around the area."""
        box = (
            self.x.start, self.y.stop, self.x.stop - self.x.start, self.y.start - self.y.stop,
        )  # fmt: skip
        self.svg.rect(box, "axis")

    # ---- inside it ----

    def place(self, x: float, y: float) -> Point:
        """Where a point is on paper; y is nan where it cannot be drawn."""
        if not (self.x.holds(x) and self.y.holds(y)):
            return self.x.start, math.nan
        return self.x(x), self.y(y)

    def line(self, points: Sequence[Point], classes: str, title: str = "") -> None:
        """A line through (x, y); it has gaps where a y cannot be drawn, and is thinned if long."""
        drawn = thinned([(x, y if self.y.holds(y) else math.nan) for x, y in points])
        places = [self.place(x, y) for x, y in drawn]
        pieces = runs(places)
        lines = [piece for piece in pieces if len(piece) > 1]
        with self.svg.group():
            if title:
                self.svg.title(title)
            if lines:
                self.svg.path("".join(map(path_of, lines)), classes)
            for (x, y), *others in pieces:
                if not others:  # a gap on either side
                    self.svg.circle(x, y, 2.5, dict(SERIES).get(classes, "muted"))

    def ends(self, lines: Iterable[tuple[Sequence[Point], str, str]]) -> None:
        """Labels to the right of the area, beside the last points of lines, pushed apart.

        lines: for each its points, its label, the class of its colour.
        """
        ends = [
            (drawn[-1], label, classes)
            for points, label, classes in lines
            if (drawn := [p for p in points if self.y.holds(p[1])])
        ]
        wanted = [self.y(y) + 4 for (_, y), _, _ in ends]
        places = spread(wanted, LINE, self.y.stop + 4, self.y.start + 4)
        for ((x, y), label, classes), at in zip(ends, places, strict=True):
            start, right = (self.x(x) + 4, self.y(y)), self.x.stop
            if abs(at - 4 - start[1]) > 2 or start[0] < right:
                bend = f"M{short(start[0])},{short(start[1])}L{short(right + 5)},{short(start[1])}"
                self.svg.path(f"{bend}L{short(right + 14)},{short(at - 4)}", "axis")
            self.svg.text(right + 18, at, label, f"note bold {classes}")


def ticks_of(scale: Scale, *, upright: bool = False) -> list[tuple[float, str]]:
    """As many ticks as fit without their texts touching; at least one."""
    room = abs(scale.stop - scale.start)
    for most in (8, 7, 6, 5, 4, 3, 2):
        if most * 30.0 > room and most > 2:
            continue
        found = scale.ticks(most)
        sizes = [LINE - 8.0 if upright else size_of(text, TICK) for _, text in found]
        spans = sorted(
            (scale(x) - size / 2, scale(x) + size / 2)
            for (x, _), size in zip(found, sizes, strict=True)
        )
        if all(a[1] + 8.0 <= b[0] for a, b in pairwise(spans)):
            return found
    return scale.ticks(1)[:1]


def left_margin(scale: Scale) -> float:
    """How much room the tick texts of a vertical scale take to the left of the area, px."""
    return 8 + max((size_of(text, TICK) for _, text in ticks_of(scale, upright=True)), default=0.0)


def end_margin(scale: Scale) -> float:
    """How far the last tick text of a horizontal scale may reach beyond its end, px."""
    return max((size_of(text, TICK) / 2 for _, text in ticks_of(scale)[-1:]), default=0.0)


def heading(svg: Svg, x: float, y: float, title: str, width: float) -> float:
    """A title in as many lines as it needs, the first on base line y; returns that of the last."""
    lines = wrapped(title, width, "title", 3)
    for i, line in enumerate(lines):
        if line:
            svg.text(x, y + 20 * i, line, "title")
    return y + 20 * (len(lines) - 1)


def notes(svg: Svg, x: float, y: float, texts: Iterable[str], width: float) -> float:
    """Remarks below base line y; returns the base line of the last, or y if there are none."""
    lines = [line for text in texts for line in wrapped(text, width, TICK)]
    for i, line in enumerate(lines):
        svg.text(x, y + LINE * (i + 1), line, TICK)
    return y + LINE * len(lines)
