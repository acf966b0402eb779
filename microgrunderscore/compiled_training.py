"""What `fit` computes for every batch, as one compiled program: losses, penalty, gradient, a step.

The functions that `fit` was given are traced on one sample. The program then gives the sums that
the history wants, and the optimiser's steps follow one another without coming back to Python. What
it cannot do, a step that meets a number that is not finite, is left to the engine.
"""

from __future__ import annotations

import functools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .arguments import real
from .compiled import executable, unsuitable
from .compiled_loss import Keeper, loss_outputs, traced_update
from .decision import Judge
from .engine import process
from .history import Totals
from .losses import recorded
from .module import Module
from .nn import MLP, Layer, Neuron
from .operation import ARITHMETIC_ERRORS
from .optim import Optimizer, clip_gradients
from .program.batch import batch_of, computed
from .program.executables import Bound, Task
from .program.likeness import check_likeness, chosen
from .program.trace import Trace, TraceError, trace
from .samples import items

AT_ONCE = 0.1  # seconds without coming back to Python, about: then Ctrl-C is heard
HELD_OUT_AT_ONCE = 4096  # samples
PREDICT_AS_THEY_CALL = [None, *(kind.predict for kind in (Module, MLP, Layer, Neuron))]


@dataclass(frozen=True)
class Lesson:
    """What `fit` was told to do with every batch.

    Attributes:
        judge: tells right from wrong; None where samples have no class.
        weight: of each of so many samples, in the gradient of their batch.
    """

    model: Callable[[Any], Any]
    loss: Callable[[Any, Any], Any]
    optimizer: Optimizer
    regulariser: Callable[[Any], Any] | None
    clip: float | None
    judge: Judge | None
    batch_size: int
    weight: Callable[[int], float]

    def numbers(self, x: Any, target: Any) -> dict[str, Any]:
        """What the history wants to know of a sample, and the penalty."""
        prediction = self.model(x)
        found = {"loss": recorded("the loss", self.loss(prediction, target))}
        if self.regulariser is not None:
            found["penalty"] = recorded("the regulariser", self.regulariser(self.model))
        if self.judge is not None:
            found["right"] = self.judge.agreement(items(prediction), target)
        return found


class CompiledLesson(Keeper):
    """A lesson as a program, and the samples that it is made for.

    Raises what the functions raise while they are traced, and TraceError: it cannot be compiled.

    >>> from .optim import SGD
    >>> from .losses import squared_error
    >>> model = MLP(1, [1], seed=0)
    >>> half = lambda n: 1.0 / n
    >>> lesson = Lesson(model, squared_error, SGD(model, 0.1), None, None, None, 2, half)
    >>> compiled = CompiledLesson(lesson, [[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])
    >>> totals = Totals()
    >>> compiled.advance(compiled.bound([2, 0, 1]), 0, totals)
    1
    >>> totals.samples, totals.batches
    (2, 1)
    """

    def __init__(self, lesson: Lesson, samples: list[Any], targets: list[Any]) -> None:
        optimizer = lesson.optimizer
        parameters = dict(zip(optimizer.names, optimizer.parameters, strict=True))
        super().__init__(parameters, None)
        self.lesson = lesson
        self.rate = 0.0
        self._samples, self._targets = samples, targets
        self._batch_of_all = batch_of([samples, targets], ["X", "y"])
        self._program = _LessonProgram(self)
        self._hyperparameters = _hyperparameters(optimizer)
        for i, k, _ in unsuitable(self._program.trace, self._batch_of_all):
            value = computed(self._program.trace, self._batch_of_all, k)[i]
            raise TraceError(f"sample {i}: {float(value)!r} is no target of this loss, or no index")
        if self._program.makes_steps:
            self.update = optimizer
        self._columns = _table(self._batch_of_all.columns, self._program.executable.backend)
        self._held_out: Bound | None = None
        self._steps_at_once = 1

    @property
    def engine(self) -> str:
        """What it runs on, as `History.engine` says it."""
        return f"compiled: {self._program.executable.backend}"

    # ---- what was traced ----

    def traced(self) -> Trace:
        """The functions of the lesson as they are now; the generator of `random` stays as it was.

        Raises TraceError if they draw from it: in a program, a number stays the same for ever.
        """
        before = random.getstate()
        try:
            found = trace(
                self.lesson.numbers,
                self._batch_of_all.nests,
                self.parameters,
                self.names,
                ["x", "target"],
            )
            if random.getstate() != before:
                raise TraceError("random numbers are drawn anew for every sample")
        finally:
            random.setstate(before)
        return found

    def compare(self, traced: Trace) -> None:
        """Raise TraceError where the functions give other numbers than what was traced."""
        batch = self._batch_of_all
        places = chosen(batch.count, batch.columns)
        samples = [(self._samples[i], self._targets[i]) for i in places]
        check_likeness(
            traced, self.lesson.numbers, samples, batch.columns, places, self.lesson.loss
        )

    def holds(self) -> bool:
        """Whether the functions and the optimiser still do what they did when they were traced.

        Asked after callbacks, which may also have set the optimiser's states.
        """
        self._steps = -1
        try:
            now = self.traced()
        except Exception:
            return False  # the engine will come to it as well
        return (
            _is_the_same(self._program.trace, now)
            and _hyperparameters(self.lesson.optimizer) == self._hyperparameters
        )

    # ---- epochs ----

    @functools.cached_property
    def in_order(self) -> Bound:
        """The batches of an epoch that sees the samples in the order that they have."""
        return self._bound_to(self._columns)

    def bound(self, places: Sequence[int]) -> Bound:
        """The batches of an epoch that sees the samples in this order."""
        if hasattr(self._columns, "shape"):
            return self._bound_to(self._columns[:, places])
        return self._bound_to([[column[i] for i in places] for column in self._columns])

    def _bound_to(self, columns: Any) -> Bound:
        count, size = self._batch_of_all.count, self.lesson.batch_size
        return self._program.executable.bind(columns, count, size, self.lesson.weight)

    def advance(self, bound: Bound, first: int, totals: Totals) -> int:
        """Go through batches from this one on, for about a tenth of a second, a step after each.

        Adds what is found to the totals, and returns how many batches were done: fewer where a
        number is not finite, so that 0 leaves the first one to the engine.
        """
        started = time.perf_counter()
        steps = min(self._steps_at_once, len(bound.counts) - first)
        rows = self._steps_of(bound, first, steps)
        if rows:
            pace = (time.perf_counter() - started) / len(rows)
            self._steps_at_once = max(1, min(8 * self._steps_at_once, int(AT_ONCE / pace)))
        for count, row in zip(bound.counts[first:], rows, strict=False):
            self._add(totals, count, row)
        return len(rows)

    def _add(self, totals: Totals, count: int, row: Sequence[float]) -> None:
        """What the program found in a batch, as sums over its samples."""
        found = dict(zip(self._program.found, row, strict=True))
        totals.loss += found["loss"] / self.lesson.weight(count)
        totals.right += int(found.get("right", 0.0))
        totals.penalty += found.get("penalty", 0.0)
        totals.samples += count
        totals.batches += 1

    def _steps_of(self, bound: Bound, first: int, steps: int) -> list[tuple[float, ...]]:
        """The results of so many steps; fewer where the engine has to see what is wrong."""
        if self.update is None:
            return self._steps_in_python(bound, first, steps)
        try:
            schedule = self.update.schedule(steps)
        except Exception:
            return []
        rows = self._stretch(self._program, bound, schedule, first)
        if rows:
            self.rate = schedule[len(rows) - 1][0]
            if not self._owes:
                process.settle()
                self._owe()
        return rows

    def _steps_in_python(self, bound: Bound, first: int, steps: int) -> list[tuple[float, ...]]:
        """The same by the optimiser itself, which only the gradients are compiled for."""
        optimizer, clip, rows = self.lesson.optimizer, self.lesson.clip, []
        for k in range(first, first + steps):
            row = self._results(bound, k)
            if row is None or not self._program.executable.is_finite():
                break
            self._owes = True
            self._pay()
            try:
                if clip is not None:
                    clip_gradients(self.parameters, clip)
                self.rate = optimizer.rate
                optimizer.step()
            except Exception:
                break
            rows.append(row)
        return rows

    def _results(self, bound: Bound, batch: int) -> tuple[float, ...] | None:
        """What the program gives for a batch, None where that is not finite."""
        self._load(self._program)
        try:
            row = self._program.executable.run(bound, batch)
        except ARITHMETIC_ERRORS:
            return None
        return row if all(map(math.isfinite, row)) else None

    # ---- data that were held out ----

    def hold_out(self, samples: list[Any], targets: list[Any]) -> None:
        """Take samples that `measured` is asked for, if the program is one for them, too."""
        predict = getattr(self.lesson.model, "predict", None)
        if getattr(predict, "__func__", predict) not in PREDICT_AS_THEY_CALL:
            return
        try:
            batch = batch_of([samples, targets], ["X", "y"])
        except Exception:
            return  # the engine will come to it as well
        if batch.key == self._batch_of_all.key and not any(unsuitable(self._program.trace, batch)):
            run = self._program.executable
            self._held_out = run.bind(
                batch.columns, batch.count, HELD_OUT_AT_ONCE, self.lesson.weight
            )

    def measured(self) -> tuple[float, float] | None:
        """Mean loss and accuracy of the samples held out; None: the engine has to see to it."""
        if self._held_out is None:
            return None
        gradient = self._program.executable.gradient
        kept = gradient.copy()
        try:
            rows = [self._results(self._held_out, k) for k in range(len(self._held_out.counts))]
        finally:
            gradient[:] = kept
        totals = Totals()
        for count, row in zip(self._held_out.counts, rows, strict=True):
            if row is None:
                return None
            self._add(totals, count, row)
        return totals.loss / totals.samples, totals.right / totals.samples


class _LessonProgram:
    """The program of a lesson; it is traced twice, as it must not be another one each time.

    found: what its results are called. makes_steps: whether those of the optimiser are in it.
    """

    def __init__(self, compiled: CompiledLesson) -> None:
        lesson = compiled.lesson
        self.trace = compiled.traced()
        if not _is_the_same(self.trace, compiled.traced()):
            raise TraceError("the model or the loss computes something else each time")
        compiled.compare(self.trace)
        places = dict(zip(self.trace.result, self.trace.results, strict=True))
        self.outputs, _ = loss_outputs(self.trace, True, lesson.loss, places.get("penalty"))
        self.found = [name for name in ("loss", "penalty", "right") if name in places]
        if lesson.judge is not None:
            self.outputs.results.append(self._counted(places["right"]))
        self.makes_steps = lesson.optimizer.has_rule and (
            lesson.clip is None or not self.outputs.scattered
        )
        if self.makes_steps and lesson.clip is not None:
            self.found.append("norm")
            self.outputs.results.append(self._clip(lesson.clip))
        self.executable = executable(self._task(compiled, lesson), "auto")

    def _counted(self, right: int) -> int:
        """How many samples are right, but for those that only fill up a block."""
        program = self.trace.program
        weight = program.input(len(program.input_names) - 1)
        is_there = program.apply("gt", weight, program.const(0.0))
        return program.lane_sum(program.apply("mul", right, is_there))

    def _clip(self, most: float) -> int:
        """Scale the gradient so that its norm is at most this, see `optim.clip_gradients`.

        Returns the norm, of which the squares may be beyond the floats: the engine copes with that.
        """
        program, gradient = self.trace.program, self.outputs.gradient
        clip = program.const(real("max_norm", most, above=0))
        entries = [i for _, i in gradient]
        norm = program.apply("sqrt", program.apply("dot", *entries, *entries))
        scale = program.apply("div", clip, program.apply("maximum", norm, clip))
        self.outputs.gradient = [(k, program.apply("mul", i, scale)) for k, i in gradient]
        return norm

    def _task(self, compiled: CompiledLesson, lesson: Lesson) -> Task:
        update, states = None, 0
        if self.makes_steps:
            update, states = traced_update(lesson.optimizer), len(lesson.optimizer.states)
        return Task(
            self.trace.program,
            self.outputs,
            len(compiled.parameters),
            update,
            states,
            samples=lesson.batch_size,
        )


def _is_the_same(before: Trace, now: Trace) -> bool:
    """Whether a trace has found what an earlier one did, whose program may have grown since."""
    count = len(now.program)
    return (
        before.program.ops[:count] == now.program.ops
        and before.program.args[:count] == now.program.args
        and before.results == now.results
        and len(before.values) == len(now.values)
        and all(
            a is b or a._value == b._value for a, b in zip(before.values, now.values, strict=True)
        )
    )


def _hyperparameters(optimizer: Optimizer) -> dict[str, Any]:
    """What an optimiser keeps to, such as its momentum."""
    others = ("names", "steps")
    found = {k: x for k, x in vars(optimizer).items() if k[0] != "_" and k not in others}
    return found | {"parameters": [id(p) for p in optimizer.parameters]}


def _table(columns: Sequence[Any], backend: str) -> Any:
    """The numbers of all samples, column by column; an array where arrays are computed with."""
    if backend == "python":
        return columns
    import numpy as np

    return np.array(columns, dtype=float)
