"""What a section of the benchmarks is made of. All of it is data; `rounds` brings it to life."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from .plots import Mark, Plot, Row
from .spread import Spread, short, spread

Arguments: TypeAlias = Mapping[str, Any]  # of a section's work: what JSON can say
Figures: TypeAlias = Mapping[str, float]  # what was measured, by name
Outcome: TypeAlias = dict[str, Any]  # of a section's work: "figures", and "answers" to be checked

ENGINES = ("pure", "compiled")
COLLECTORS = ("off", "on")


@dataclass(frozen=True)
class Variant:
    """One program doing one task: what a fresh process is told to do.

    Attributes:
        key: its name within the section.
        title: its name in tables.
        program, task: the arguments of the section's work. Programs with one task must give the
            same answers.
        engine: "pure" or "compiled" where it runs on our package; "" otherwise.
        needs: the peers that it imports and the tools that it calls, by their names in `installed`.
        collector: Python's garbage collector, "off" or "on".
    """

    key: str
    title: str
    program: Arguments
    task: Arguments
    engine: str = ""
    needs: tuple[str, ...] = ()
    collector: str = "off"


@dataclass(frozen=True)
class Aim:
    """What the median is to reach."""

    bound: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    def is_reached(self, median: float) -> bool:
        """Whether a median is on the right side of the bound."""
        return median >= self.bound if self.at_least else median <= self.bound

    def judged(self, found: Spread | None) -> str:
        """The aim, and plainly whether it is reached; by how much where rounding would hide it.

        >>> Aim(8.0).judged(Spread(9.0, 7.0, 10.0)), Aim(60.0, at_least=False).judged(None)
        ('≥ 8: reached', '≤ 60: not measured')
        """
        if found is None:
            return f"{self}: not measured"
        if self.is_reached(found.median):
            return f"{self}: reached"
        nearly = f" ({found.median:.4g})" if short(found.median) == short(self.bound) else ""
        return f"{self}: **not reached**{nearly}"


@dataclass
class Measured:
    """What the rounds of a section have given.

    Attributes:
        variants: all of them, by key.
        rounds: the figures of each round, by key; only of those that could be run.
        absent: why there are no figures, by key: "not installed: …", "failed: …".
        stopped: why there is no table at all: the answers that differ. "" if they agree.
        checked: how many answers were compared before any time counted.
    """

    variants: dict[str, Variant]
    rounds: list[dict[str, Figures]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    checked: int = 0

    def figure(self, key: str, *names: str) -> Spread | None:
        """A figure, or the sum of several, over all rounds; None if it was not measured."""
        numbers = [_sum(r[key], names) for r in self.rounds if _has(r.get(key), names)]
        return spread(numbers) if numbers else None

    def ratio(self, above: str, below: str, *names: str) -> Spread | None:
        """One variant's figure over another's, each time inside one round."""
        numbers = [
            _sum(r[above], names) / _sum(r[below], names)
            for r in self.rounds
            if _has(r.get(above), names) and _has(r.get(below), names)
        ]
        return spread(numbers) if numbers else None

    def cell(self, key: str, found: Spread | None) -> str:
        """What a table says: the spread, or in two words why there is none."""
        return str(found) if found is not None else self.absent.get(key, "–").partition(":")[0]


def rows_of(
    measured: Measured,
    keys: Iterable[str],
    *names: str,
    aims: Mapping[str, Aim] = MappingProxyType({}),
) -> list[Row]:
    """Rows of a chart for one figure, or a sum of several, the smallest on top."""
    rows = []
    for key in keys:
        found, aim = measured.figure(key, *names), aims.get(key)
        marks = [Mark(0, found, aim.bound if aim else None)] if found else []
        v = measured.variants[key]
        rows.append(Row(v.title.replace("`", ""), marks, is_ours=bool(v.engine)))
    return sorted(rows, key=lambda row: row.marks[0].found.median if row.marks else math.inf)


def _has(figures: Figures | None, names: Sequence[str]) -> bool:
    return figures is not None and all(name in figures for name in names)


def _sum(figures: Figures, names: Sequence[str]) -> float:
    return sum(figures[name] for name in names)


@dataclass(frozen=True)
class Judged:
    """An aim beside what was found."""

    what: str
    aim: Aim
    found: Spread | None

    def __str__(self) -> str:
        found = "not measured" if self.found is None else f"{self.found.median:.3g}"
        return f"{self.what}: {found} (aim: {self.aim})"


@dataclass
class Report:
    """What a section says about its figures.

    Attributes:
        tables: Markdown.
        plots: charts, by the names of their files.
        judged: its aims.
        headline: rows for the first table of the page.
    """

    tables: str
    plots: Mapping[str, Plot] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    headline: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A question, and how it is answered.

    Attributes:
        name: that of its module, which holds its `work`; also what `--only` takes.
        title: its heading.
        text: what is measured, how it was verified, and what it does not show; the docstring of
            its module says it.
        variants: all programs and tasks, smaller ones for a quick run.
        rehearsal: replaces parts of every task for the check before the first round.
        rounds: how many, in a full run and in a quick one.
        report: the table and the charts.
        in_turns: whether the programs of a round take turns, of a few steps each. Then the module
            has `turns` besides `work`, an iterator of outcomes.
        together: for programs that take long to get ready, those that stay alive at the same time,
            over all rounds: those for which it gives the same. Then the module has `turns` as well:
            the first turn is the rehearsal, every other one a round.
        tolerance: how far answers may differ, relative and absolute.
    """

    name: str
    title: str
    text: str
    variants: Callable[[bool], Sequence[Variant]]
    rehearsal: Arguments
    rounds: tuple[int, int]
    report: Callable[[Measured], Report]
    in_turns: bool = False
    together: Callable[[Variant], str] | None = None
    tolerance: tuple[float, float] = (1e-9, 1e-12)


def text_of(docstring: str | None) -> str:
    """The text of a section: the docstring of its module, without the line that names it."""
    return (docstring or "").partition("\n\n")[2].strip()


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column holds words, all others numbers."""
    rule = [":--", *("--:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))
