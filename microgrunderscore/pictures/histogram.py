"""How numbers are spread: counted in bins, summed up, drawn as bars in a small box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .names import number_text
from .svg import Box, Svg, short, size_of

BINS = 20
LOWEST_BAR = 1.2  # px, of a bin that is not empty


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often numbers fall between `low` and `high`, in bins of equal width.

    counts: of each bin; a number on the border of two counts in the upper one, `high` in the last,
        and what lies outside in the nearest.
    strange: how many numbers were infinite or nan; they are in no bin.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    strange: int = 0

    @classmethod
    def of(cls, xs: Iterable[float], low: float, high: float, bins: int = BINS) -> Histogram:
        """Count numbers.

        Args:
            xs: the numbers.
            low, high: both finite, low < high.
            bins: how many, at least 1.

        >>> Histogram.of([0.0, 0.1, 0.9, 1.0, math.nan], 0.0, 1.0, 4)
        Histogram(low=0.0, high=1.0, counts=(2, 0, 0, 2), strange=1)
        """
        counts, strange = [0] * bins, 0
        for x in xs:
            if math.isfinite(x):
                place = int(_share(x, low, high) * bins)
                counts[min(max(place, 0), bins - 1)] += 1
            else:
                strange += 1
        return cls(low, high, tuple(counts), strange)

    @property
    def total(self) -> int:
        """How many numbers there were."""
        return sum(self.counts) + self.strange

    @property
    def data(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {"from": self.low, "to": self.high, "counts": list(self.counts)}

    def draw(self, svg: Svg, box: Box, classes: str, below: str = "") -> None:
        """The bars, and a tick at 0 if that is inside; or a word where there is nothing to count.

        classes: of the bars; below: of those in the left half, if another.
        """
        left, top, width, height = box
        if self.strange or not self.total:
            word, style = ("nan or ∞", "negative") if self.strange else ("not used", "muted")
            svg.text(left + width / 2, top + height / 2 + 4, word, f"tag middle {style}")
            return
        bottom = top + height
        if self.low <= 0.0 <= self.high:
            zero = short(left + _share(0.0, self.low, self.high) * width)
            svg.path(f"M{zero},{short(top - 1)}V{short(bottom + 1)}", "axis")
        step, most = width / len(self.counts), max(self.counts)
        gap = min(0.8, step / 4)
        bars = {below: "", classes: ""}
        for k, n in enumerate(self.counts):
            if n:
                x, rise = left + k * step, max(LOWEST_BAR, height * n / most)
                side = below if below and 2 * k < len(self.counts) else classes
                bars[side] += f"M{short(x)},{short(bottom)}v{short(-rise)}h{short(step - gap)}"
                bars[side] += f"V{short(bottom)}z"
        for side, d in bars.items():
            if d:
                svg.path(d, side)

    def draw_ends(self, svg: Svg, box: Box) -> None:
        """From where to where it counts, below the box; in as many digits as there is room for."""
        left, top, width, height = box
        if not any(self.counts):
            return
        for digits in (3, 2, 1):
            low, high = brief(self.low, digits), brief(self.high, digits)
            if size_of(low, "tag") + 4 + size_of(high, "tag") <= width:
                break
        svg.text(left, top + height + 13, low, "tag muted")
        svg.text(left + width, top + height + 13, high, "tag muted end")


def _share(x: float, low: float, high: float) -> float:
    """How far x lies on the way from low to high: 0 to 1 between them."""
    if math.isinf(high - low):  # the largest floats: halves of them can be subtracted
        x, low, high = x / 2, low / 2, high / 2
    return (x - low) / (high - low)


def span(xs: Iterable[float]) -> tuple[float, float]:
    """A range for the finite ones of some numbers: from the least to the largest, and to 0.

    >>> span([1.0, 3.0]), span([-1.0, math.nan]), span([0.0])
    ((0.0, 3.0), (-1.0, 0.0), (-1.0, 1.0))
    """
    known = [x for x in xs if math.isfinite(x)]
    low, high = min(0.0, min(known, default=0.0)), max(0.0, max(known, default=0.0))
    return (low, high) if low < high else (-1.0, 1.0)


def even_span(xs: Iterable[float]) -> tuple[float, float]:
    """A range for the finite ones of some numbers, as far to the left of 0 as to the right.

    >>> even_span([-1.0, 3.0])
    (-3.0, 3.0)
    """
    low, high = span(xs)
    return min(low, -high), max(high, -low)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The number below which this share of the numbers lies, between two of them in proportion.

    ordered: at least one number, smallest first; share: from 0 to 1. Source: Hyndman and Fan,
    Sample quantiles in statistical packages (1996), definition 7, as in NumPy.

    >>> quantile([1.0, 2.0, 4.0], 0.5), quantile([1.0, 2.0, 4.0], 0.75)
    (2.0, 3.0)
    """
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    part = place - below
    return (1.0 - part) * ordered[below] + part * ordered[above]


def mean(xs: Sequence[float]) -> float:
    """Their mean; 0 of none.

    >>> mean([1.0, 2.0])
    1.5
    """
    total = 0.0
    for x in xs:  # not sum(), which rounds differently from Python 3.12 on
        total += x
    return total / len(xs) if xs else 0.0


def root_mean_square(xs: Sequence[float]) -> float:
    """The root of the mean of the squares: the usual size of numbers of either sign.

    >>> round(root_mean_square([-1.0, 1.0, 1.0]), 12)
    1.0
    """
    return math.hypot(*xs) / math.sqrt(len(xs)) if xs else 0.0


def largest(xs: Iterable[float]) -> float:
    """The largest size among those that are finite; 0 if there is none.

    >>> largest([1.0, -3.0, math.inf])
    3.0
    """
    return max((abs(x) for x in xs if math.isfinite(x)), default=0.0)


def brief(x: float, digits: int = 3) -> str:
    """A number with so many significant digits.

    >>> brief(-2 / 3)
    '−0.667'
    """
    return number_text(float(f"{x:.{digits - 1}e}"))


def from_to(xs: Iterable[float]) -> str:
    """The least and the largest of some numbers, in words.

    >>> from_to([2.0, -1.0, math.nan])
    '−1 … 2 (1 nan or ∞)'
    """
    xs = list(xs)
    known = [x for x in xs if math.isfinite(x)]
    strange = f" ({len(xs) - len(known)} nan or ∞)" if len(known) < len(xs) else ""
    ends = f"{number_text(min(known))} … {number_text(max(known))}" if known else "none"
    return f"{ends}{strange}"
