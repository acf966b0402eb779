"""What the two training programs have in common: steps beside a peer's, both collectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from time import process_time
from typing import TypeAlias

from .plots import Dots, Mark, Row
from .section import (
    COLLECTORS,
    ENGINES,
    Aim,
    Judged,
    Measured,
    Outcome,
    Report,
    Section,
    Variant,
    table,
)
from .spread import Spread

Aims: TypeAlias = Mapping[tuple[str, str, str], float]  # program, engine, collector


TURN = 3  # steps


def timed_turns(losses: Iterator[float]) -> Iterator[Outcome]:
    """Turns of a few steps each: seconds a step, the losses being the answers.

    The first step of a turn fetches back into the caches what others have driven out, and does not
    count; of the others it is the mean, as the collector does not come at every step.
    """
    for first in losses:
        start = process_time()
        others = list(islice(losses, TURN - 1))
        seconds = process_time() - start
        yield {"figures": {"step": seconds / (TURN - 1)}, "answers": [first, *others]}


@dataclass(frozen=True)
class Training:
    """A program that is trained, as its peer has it and on our Values.

    Attributes:
        name, title, text: of the section.
        peer: the title of the program that all are compared with.
        ours: titles of our programs.
        needs: what all of them import besides our package.
        aims: how many times faster the median is to be.
        steps: in a full run, and in a quick one; a multiple of TURN.
    """

    name: str
    title: str
    text: str
    peer: str
    ours: Mapping[str, str]
    needs: tuple[str, ...]
    aims: Aims
    steps: tuple[int, int]
    rounds: tuple[int, int] = (9, 1)

    @property
    def section(self) -> Section:
        return Section(
            name=self.name,
            title=self.title,
            text=self.text,
            variants=self.variants,
            rehearsal={"count": TURN},
            rounds=self.rounds,
            report=self.report,
            in_turns=True,
        )

    def variants(self, quick: bool) -> list[Variant]:
        """The peer and our programs on both engines, with both settings of the collector."""
        task = {"count": self.steps[quick]}
        found = []
        for collector in COLLECTORS:
            found.append(
                Variant(
                    f"peer {collector}", self.peer, {"program": "peer"}, task,
                    needs=self.needs, collector=collector,
                )
            )  # fmt: skip
            found += [
                Variant(
                    f"{program} {engine} {collector}", title, {"program": program}, task,
                    engine=engine, needs=self.needs, collector=collector,
                )
                for program, title in self.ours.items()
                for engine in ENGINES
            ]  # fmt: skip
        return found

    def report(self, measured: Measured) -> Report:
        """Milliseconds a step and the ratios, the judged aims, the chart, rows for the headline."""
        rows, judged = [], []
        for v in measured.variants.values():
            times = self._times(measured, v)
            found = measured.figure(v.key, "step")
            program = v.program["program"]
            bound = self.aims.get((program, v.engine, v.collector))
            aim = None if bound is None else Aim(bound)
            rows.append(
                [
                    v.title,
                    v.engine or "–",
                    v.collector,
                    measured.cell(v.key, found and found.times(1e3)),
                    "1" if program == "peer" else str(times or "–"),
                    aim.judged(times) if aim else "",
                ]
            )
            if aim:
                what = f"{self.title}, {v.title}, {v.engine}, collector {v.collector}"
                judged.append(Judged(f"{what}, times as fast", aim, times))
        heads = ["program", "engine", "collector", "ms a step", "times faster", "aim"]
        return Report(table(heads, rows), {self.name: self.plot(measured)}, judged,
                      [self.headline(measured, program) for program in self.ours])  # fmt: skip

    def plot(self, measured: Measured) -> Dots:
        """How many times faster, by program and engine; the collector's settings side by side."""
        rows = []
        for program, title in self.ours.items():
            for engine in ENGINES:
                marks = [
                    Mark(i, found, self.aims.get((program, engine, collector)))
                    for i, collector in enumerate(COLLECTORS)
                    if (found := self._of(measured, program, engine, collector))
                ]
                rows.append(Row(f"{title}, {engine}", marks, is_ours=True))
        return Dots(
            title=f"{self.title}: how many times faster",
            label=f"times as fast as {self.peer}",
            rows=rows,
            series=[f"collector {collector}" for collector in COLLECTORS],
            unit="×",
        )

    def headline(self, measured: Measured, program: str) -> list[str]:
        """A row of the first table of the page."""
        cells = [
            str(self._of(measured, program, engine, collector) or "–")
            for engine in ENGINES
            for collector in COLLECTORS
        ]
        return [f"{self.title}: {self.ours[program]}", *cells]

    def _of(self, measured: Measured, program: str, engine: str, collector: str) -> Spread | None:
        return self._times(measured, measured.variants[f"{program} {engine} {collector}"])

    def _times(self, measured: Measured, v: Variant) -> Spread | None:
        return measured.ratio(f"peer {v.collector}", v.key, "step")
