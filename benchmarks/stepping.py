"""What the sections on compiled programs have in common: how they take turns, and their tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from .peers import BACKENDS, NEEDS, TITLES, Step, prepared
from .plots import Dots, Mark, Row
from .resident import resident
from .section import Judged, Measured, Outcome, Variant, table
from .stopwatch import Stopwatch, processor_time
from .workloads import Layers, Workload

TOLERANCE = (1e-12, 1e-12)  # of answers, in which gradients are divided by their largest number
RATE = 0.01  # of the steps that are done in one piece

# ---- what a child does -------------------------------------------------------------------------


def turns(program: str, workload: Workload, fused: int = 0) -> Iterator[Outcome]:
    """Turns without end.

    Args:
        program: one of TITLES.
        fused: so many steps of gradient descent in one piece; 0 for loss and gradient alone.

    Yields:
        Figures: seconds of a step; and of getting ready, the same in every turn, those of `ready`.
        Answers: loss and gradient, or the losses of the steps and the parameters after the last.
    """
    step, given, figures = ready(program, workload)
    run, answers = descent(step, given, fused) if fused else once(step, given)
    watch = Stopwatch(run)
    while True:
        yield {"figures": {"step": watch.seconds() / (fused or 1), **figures}, "answers": answers}


def ready(program: str, workload: Workload) -> tuple[Step, Any, dict[str, float]]:
    """A step that has run once, the parameters that it is given, and what it took to get there.

    Figures: "compile", seconds from the loss function to the first result; "memory", megabytes.
    """
    import numpy as np

    warm_up(program)
    before, start = resident(), processor_time()
    step = prepared(program, workload)
    given = step.enter(np.array(workload.parameters))
    step.step(given)
    seconds, room = processor_time() - start, resident() - before
    return step, given, {"compile": seconds, "memory": room / 1e6}


def warm_up(program: str) -> None:
    """Let a library load and start what it does once: one neuron, one sample."""
    import numpy as np

    model = Layers((1, 1), "relu", "", "hinge")
    prepared(program, Workload("trivial", model, [0.0, 0.0], [[1.0]], [1.0])).run(np.zeros(2))


def once(step: Step, given: Any) -> tuple[Callable[[], Any], list[float]]:
    """A step as a function without arguments; the loss, the gradient over its largest number."""
    loss, gradient = step.step(given)
    slopes = step.flat(gradient).tolist()
    largest = max(map(abs, slopes))
    return partial(step.step, given), [float(loss), largest, *(x / largest for x in slopes)]


def descent(step: Step, given: Any, count: int) -> tuple[Callable[[], Any], list[float]]:
    """So many steps in one piece as a function without arguments; losses and last parameters."""
    assert step.many is not None
    losses, end = step.many(given, count, RATE)
    answers = [*losses.tolist(), *end.tolist()]
    return partial(step.many, given, count, RATE), answers


# ---- what a section says -----------------------------------------------------------------------


def variant(key: str, program: str, task: Mapping[str, Any], title: str = "") -> Variant:
    """A program on a task."""
    needs = NEEDS.get(program, ("numpy",))
    return Variant(key, title or TITLES[program], {"program": program}, task, needs=needs)


def compared(measured: Measured, keys: Sequence[str], title: str, ours: str) -> tuple[str, Dots]:
    """A table and a chart of programs on one task, beside ours on LLVM."""
    heads = ["program", "µs a step", "times as long as ours on LLVM"]
    text = f"{title}.\n\n{table(heads, lines(measured, keys, ours))}"
    return text, Dots(title, "µs a step", rows(measured, keys), unit=" µs")


def verdicts(judged: Iterable[Judged]) -> str:
    """A table of ratios of times, each beside its aim."""
    found = [[j.what, str(j.found or "–"), j.aim.judged(j.found)] for j in judged]
    return table(["time of one over that of another", "times", "aim"], found)


def lines(measured: Measured, keys: Iterable[str], ours: str) -> list[list[str]]:
    """Lines of a table: microseconds of a step, and how many times as long as ours that is."""
    found = []
    for key in keys:
        step = measured.figure(key, "step")
        cell = measured.cell(key, step and step.times(1e6))
        times = measured.ratio(key, ours, "step") or "–"
        found.append([measured.variants[key].title, cell, str(times)])
    return found


def rows(measured: Measured, keys: Sequence[str]) -> list[Row]:
    """Rows of a chart, in microseconds, the fastest on top."""
    found = []
    for key in keys:
        v, step = measured.variants[key], measured.figure(key, "step")
        marks = [Mark(0, step.times(1e6))] if step else []
        is_ours = v.program["program"] in BACKENDS
        found.append(Row(v.title.replace("`", ""), marks, is_ours))
    return sorted(found, key=lambda row: row.marks[0].found.median if row.marks else math.inf)
