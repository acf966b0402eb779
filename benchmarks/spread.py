"""What several rounds say about one quantity: its median, and how far it ranges."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of the numbers of all rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        median, low, high = map(short, (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"

    def times(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(numbers: Sequence[float]) -> Spread:
    """The spread of at least one number.

    >>> print(spread([3.0, 1.0, 2.5]))
    2.5 (1 to 3)
    """
    return Spread(statistics.median(numbers), min(numbers), max(numbers))


def short(x: float) -> str:
    """A positive number with as many digits as such measurements carry: two or three.

    >>> [short(x) for x in (0.01234, 2.0, 3.456, 45.67, 12345.6)]
    ['0.012', '2', '3.5', '46', '12,300']
    """
    if x >= 1000.0:
        return f"{float(f'{x:.3g}'):,.0f}"
    if x >= 9.95:
        return f"{x:.0f}"
    return f"{x:.1f}".removesuffix(".0") if x >= 1.0 else f"{x:.2g}"
