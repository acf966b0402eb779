"""Charts as data: what is drawn, not how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .spread import Spread


@dataclass(frozen=True)
class Mark:
    """A median with its range on a row; series: its place in the list of series."""

    series: int
    found: Spread
    aim: float | None = None


@dataclass(frozen=True)
class Row:
    """What is measured, and its marks below each other; is_ours: it stands out."""

    name: str
    marks: Sequence[Mark]
    is_ours: bool = False


@dataclass(frozen=True)
class Dots:
    """Rows of medians on a log axis.

    Attributes:
        title, label: of the chart, and of its axis.
        rows: those without marks say so.
        series: what the shapes mean, at most three; none where there is only one.
        unit: is written behind every number.
    """

    title: str
    label: str
    rows: Sequence[Row]
    series: Sequence[str] = ()
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not any(row.marks for row in self.rows)


@dataclass(frozen=True)
class Lines:
    """At most three lines of medians on two log axes; label, height: of the axes."""

    title: str
    label: str
    height: str
    lines: Sequence[tuple[str, Sequence[tuple[float, Spread]]]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not self.lines


Plot: TypeAlias = Dots | Lines
