"""docs/benchmarks.md: one table first, then every section with its text, its tables, its charts."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from .installed import Engines, collector, machine, versions
from .plots import Plot
from .section import COLLECTORS, ENGINES, Judged, Measured, Report, Section, table

INTRODUCTION = """# Benchmarks

How many times as fast as its peer a program trains: forward, backward and update, the median over
the rounds and, in brackets, their range."""
QUICK = "(This was a quick run: few rounds of small tasks.)"
HOW = """`python -m benchmarks` measures all of this anew and writes this page, after
`pip install ".[bench]"`; `--quick` takes four minutes, `--only NAME …` runs some sections.

Every number comes from a fresh process. Times are processor time of one thread, in which waiting
for other programs does not count, on the machine named above; read the ratios, as its clock
wanders. The programs of a section run in turn, round by round, each round beginning with another
one, and training programs take turns of a few steps; compiled ones stay alive and take one turn in
every round. A ratio is always taken inside one round, and what is shown is the median of the rounds
with their range. Before the first round all programs do a small task, and their answers are
compared (to 1e-9 relative, 1e-12 absolute; compiled programs to 1e-12), and so they are in every
round: answers that differ stop a section. The engine that a row names is the one that the process
itself says it ran on."""


@dataclass
class Result:
    """A section with what was measured.

    error: why there is nothing to report, "" if there is.
    """

    section: Section
    measured: Measured
    report: Report = field(default_factory=lambda: Report(""))
    error: str = ""

    @property
    def plots(self) -> dict[str, Plot]:
        """The charts that show something, by the names of their files."""
        return {name: plot for name, plot in self.report.plots.items() if not plot.is_empty}

    @property
    def is_good(self) -> bool:
        """Whether all that could be run did, and agreed."""
        failed = any(why.startswith("failed") for why in self.measured.absent.values())
        return not self.error and not failed


def page(results: Sequence[Result], engines: Engines, quick: bool) -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION, QUICK if quick else "", headline(results), aims(results)]
    parts += [about(engines), HOW, *(section_text(result) for result in results)]
    return "\n\n".join(filter(None, parts)) + "\n"


def headline(results: Sequence[Result]) -> str:
    """The first table: the training programs."""
    rows = [row for result in results for row in result.report.headline]
    if not rows:
        return "(The training programs were not measured.)"
    heads = [f"{engine}, collector {setting}" for engine in ENGINES for setting in COLLECTORS]
    return table(["program", *heads], rows)


def aims(results: Sequence[Result]) -> str:
    """How many aims are reached, and which are not."""
    judged = [j for result in results for j in result.report.judged]
    measured = [j for j in judged if j.found is not None]
    reached = [j for j in measured if is_reached(j)]
    lines = [f"{len(reached)} of {len(judged)} aims are reached."]
    lines += [f"- Not reached: {j}." for j in measured if not is_reached(j)]
    unknown = len(judged) - len(measured)
    if unknown:
        lines.append(f"- Not measured: {unknown}; the tables say why.")
    return "\n".join(lines) if judged else ""


def is_reached(judged: Judged) -> bool:
    return judged.found is not None and judged.aim.is_reached(judged.found.median)


def about(engines: Engines) -> str:
    """When, where, and with what."""
    peers = ", ".join(f"{name} {version}" for name, version in versions().items())
    place = "as installed" if engines.is_installed else "the checkout itself, not installed"
    ran = " and ".join(sorted(engines.names, reverse=True)) or "none"
    return "\n".join(
        [
            f"Measured on {date.today()}, {machine()}:",
            "",
            f"- {platform.python_implementation()} {platform.python_version()}; thresholds of the "
            f"garbage collector, where it is on: {collector()}.",
            f"- microgrunderscore {engines.version}, {place}; engines: {ran}.",
            f"- Peers: {peers}.",
        ]
    )


def section_text(result: Result) -> str:
    """A section with its heading, its text, its tables and its charts."""
    section, measured = result.section, result.measured
    parts = [f"## {section.title}", section.text.strip()]
    if result.error:
        parts.append(f"**Stopped: {result.error}**")
    else:
        parts.append(result.report.tables)
        parts += [f"![{plot.title}]({name_of_chart(name)})" for name, plot in result.plots.items()]
        parts.append("\n".join([provenance(measured), *absences(measured)]))
    return "\n\n".join(parts)


def provenance(measured: Measured) -> str:
    """Rounds and checks, in a line."""
    n = len(measured.rounds)
    checked = f"{measured.checked:,} answers were compared before the first round"
    if not measured.checked:
        checked = "there was nothing to compare the answers with"
    return f"({n} {'round' if n == 1 else 'rounds'}; {checked}.)"


def absences(measured: Measured) -> list[str]:
    """Why rows are empty, and the way out: each reason once."""
    whose: dict[str, list[str]] = {}
    for key, why in measured.absent.items():
        whose.setdefault(why, []).append(measured.variants[key].title)
    return [f"- {why} ({'; '.join(dict.fromkeys(names))})." for why, names in whose.items()]


def name_of_chart(name: str) -> str:
    """Where a chart lies, seen from the page."""
    return f"benchmarks/{name}.svg"
