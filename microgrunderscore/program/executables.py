"""Programs that can be run: in machine code, on NumPy, as Python; all with the same handles.

A batch is bound once: its numbers are laid out as the program reads them, column by column. Each
sample has a weight, which is 0 for those that only fill up the last block.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ..operation import ARITHMETIC_ERRORS
from . import on_python
from .listing import Program
from .lowering import lowered
from .outputs import Outputs

Numbers: TypeAlias = Any  # a list of floats, or an array of them
Columns: TypeAlias = (
    Any  # for each number of a sample a list or an array, one entry for each sample
)

MOST_IN_CACHE = 1 << 18  # numbers of T that NumPy works on at once: 2 MB


@dataclass
class Task:
    """What is to be run.

    Attributes:
        program, outputs: what is computed; the last input of a sample is its weight.
        parameter_count: how many uniform numbers are parameters.
        update: the same for a step of an optimiser, or None; `states`: numbers that it keeps for
            each parameter.
        limits: whether ∞ and nan are results, where the engine raises.
        samples: about how many samples a batch has.
    """

    program: Program
    outputs: Outputs
    parameter_count: int = 0
    update: tuple[Program, Outputs] | None = None
    states: int = 0
    limits: bool = False
    samples: int = 1
    cache: Any = None

    @property
    def input_count(self) -> int:
        return len(self.program.input_names)


@dataclass
class Bound:
    """Batches laid out for a program.

    counts: samples of each batch. data: what the executable made of them. lanes: room for numbers
    of each sample. keep: what must live as long, as machine code knows its address only.
    """

    counts: list[int]
    data: Any
    lanes: Any = None
    keep: list[Any] = field(default_factory=list)


class Executable(Protocol):
    """A program that can be run; `parameters`, `gradient`, `states` are views into its memory."""

    backend: str
    source: str
    parameters: Numbers
    gradient: Numbers
    states: list[Numbers]

    def set_leaves(self, numbers: dict[int, float]) -> None:
        """Set uniform numbers that are not parameters."""

    def bind(
        self, columns: Columns, count: int, batch_size: int, scale: Callable[[int], float]
    ) -> Bound:
        """Lay out samples in batches of so many, each of weight scale(samples of its batch)."""

    def run(self, bound: Bound, batch: int) -> tuple[float, ...]:
        """Go once through a batch; returns the results."""

    def train(
        self, bound: Bound, schedule: Sequence[Sequence[float]], first: int = 0
    ) -> list[tuple[float, ...]]:
        """A step for each row of the schedule; fewer where a number is not finite.

        The batches come one after another, again and again; first: how many have been before.
        Returns the results of each step. A step that failed may have left numbers behind.
        """

    def lanes_of(self, bound: Bound, batch: int) -> list[Numbers]:
        """The numbers of each sample that the last run of a batch has computed."""

    def is_finite(self) -> bool:
        """Whether all of the gradient is."""


# ---- Python -------------------------------------------------------------------------------------


class PythonExecutable:
    """A program as a Python function: everything is lists."""

    backend = "python"

    def __init__(self, task: Task) -> None:
        self.task = task
        n = task.parameter_count
        self.source = on_python.source(task.program, task.outputs, task.limits)
        self._run = on_python.function(self.source, task.limits)
        self._uniform = [0.0] * max(n, len(task.program.uniform_names))
        self.parameters = [0.0] * n
        self.gradient = [0.0] * n
        self.states = [[0.0] * n for _ in range(task.states)]
        self._update: Callable[..., Any] | None = None
        if task.update is not None:
            text = on_python.source(*task.update)
            self._update = on_python.function(text)
            self.source += "\n\n" + text.replace("def run(", "def update(")

    def set_leaves(self, numbers: dict[int, float]) -> None:
        for k, x in numbers.items():
            self._uniform[k] = x

    def bind(
        self, columns: Columns, count: int, batch_size: int, scale: Callable[[int], float]
    ) -> Bound:
        columns = [c.tolist() if hasattr(c, "tolist") else c for c in columns]
        batches = []
        for first in range(0, count, batch_size):
            last = min(first + batch_size, count)
            weight = [scale(last - first)] * (last - first)
            batches.append(list(zip(*(c[first:last] for c in columns), weight, strict=True)))
        return Bound([len(b) for b in batches], batches, [[] for _ in batches])

    def run(self, bound: Bound, batch: int) -> tuple[float, ...]:
        n = self.task.parameter_count
        self._uniform[:n] = self.parameters
        gradient = [0.0] * n
        bound.lanes[batch] = []
        results = self._run(self._uniform, bound.data[batch], gradient, bound.lanes[batch])
        self.gradient[:] = gradient
        return results

    def train(
        self, bound: Bound, schedule: Sequence[Sequence[float]], first: int = 0
    ) -> list[tuple[float, ...]]:
        made: list[tuple[float, ...]] = []
        for k, row in enumerate(schedule, start=first):
            try:
                results = self.run(bound, k % len(bound.counts))
                columns = self._moved(row)
            except ARITHMETIC_ERRORS:
                break
            if not all(x - x == 0.0 for numbers in (results, *columns) for x in numbers):
                break
            self.parameters[:] = columns[0]
            for state, column in zip(self.states, columns[1:], strict=True):
                state[:] = column
            made.append(results)
        return made

    def _moved(self, row: Sequence[float]) -> list[tuple[float, ...]]:
        """Parameters and states after a step."""
        assert self._update is not None
        rows = list(zip(self.parameters, self.gradient, *self.states, strict=True))
        moved: list[tuple[float, ...]] = []
        self._update(row, rows, [], moved)
        return list(zip(*moved, strict=True)) if self.is_finite() else [(math.nan,)]

    def lanes_of(self, bound: Bound, batch: int) -> list[Numbers]:
        columns = zip(*bound.lanes[batch], strict=True)
        return [[*map(float, column)] for column in columns]  # differences of comparisons are ints

    def is_finite(self) -> bool:
        return all(x - x == 0.0 for x in self.gradient)


# ---- what arrays have in common -----------------------------------------------------------------


class _OnArrays:
    """The memory of a re-rolled program: U, with parameters, gradient and states as views."""

    def __init__(self, task: Task, uniform: Any, layout: Any) -> None:
        self.task = task
        self.layout = layout
        self.U = uniform
        n, g = task.parameter_count, layout.gradient
        self.parameters = uniform[:n]
        self.gradient = uniform[g : g + n]
        self.states = [uniform[(2 + k) * g : (2 + k) * g + n] for k in range(task.states)]
        self._leaf_slots = {k: slot for slot, k in layout.leaves.items()}
        layout.enter_constants(uniform)

    def set_leaves(self, numbers: dict[int, float]) -> None:
        for k, x in numbers.items():
            if k in self._leaf_slots:
                self.U[self._leaf_slots[k]] = x

    def is_finite(self) -> bool:
        import numpy as np

        return bool(np.isfinite(self.gradient).all())


def _regrouped(task: Task) -> tuple[Any, Any]:
    """The layouts of the program and of the update."""
    from .groups import regroup

    n = task.parameter_count
    layout = regroup(*lowered(task.program, task.outputs), n, task.input_count, task.states)
    if task.update is None:
        return layout, None
    return layout, regroup(*lowered(*task.update), 0, len(task.update[0].input_names))


def _places(count: int, batch_size: int, padded: int) -> tuple[Any, list[int]]:
    """Which sample goes where, batch after batch; the last one again where blocks are filled up."""
    import numpy as np

    counts = [min(batch_size, count - first) for first in range(0, count, batch_size)]
    inside = np.minimum(np.arange(padded)[None, :], np.array(counts)[:, None] - 1)
    return inside + batch_size * np.arange(len(counts))[:, None], counts


# ---- NumPy --------------------------------------------------------------------------------------


class NumpyExecutable(_OnArrays):
    """A re-rolled program as calls of NumPy, on many samples at once."""

    backend = "numpy"

    def __init__(self, task: Task) -> None:
        import numpy as np

        layout, update = _regrouped(task)
        super().__init__(task, np.zeros(layout.uniform_count), layout)
        self._plans: dict[int, Any] = {}
        self._update: Any = None
        if update is not None:
            from .on_numpy import Plan

            self._update = Plan(update, np.zeros(update.uniform_count), layout.gradient)
            update.enter_constants(self._update.U)
        self.source = self.source_of(self._plan(max(1, min(task.samples, self._most))))

    @property
    def _most(self) -> int:
        return int(max(64, MOST_IN_CACHE // max(1, self.layout.lane_count)))

    @staticmethod
    def source_of(plan: Any) -> str:
        return "\n".join(plan.text)

    def _plan(self, samples: int) -> Any:
        from .on_numpy import Plan

        if samples not in self._plans:
            if len(self._plans) >= 8:
                self._plans.pop(next(iter(self._plans)))
            self._plans[samples] = Plan(self.layout, self.U, samples)
        return self._plans[samples]

    def bind(
        self, columns: Columns, count: int, batch_size: int, scale: Callable[[int], float]
    ) -> Bound:
        import numpy as np

        table = np.asarray(columns, dtype=float).reshape(-1, count)
        data, counts = [], []
        for first in range(0, count, batch_size):
            part = table[:, first : first + batch_size]
            n = part.shape[1]
            counts.append(n)
            data.append(np.concatenate([part, np.full((1, n), scale(n))]))
        return Bound(counts, data, [None] * len(data))

    def run(self, bound: Bound, batch: int) -> tuple[float, ...]:
        import numpy as np

        data = bound.data[batch]
        count = data.shape[1]
        chunk = min(count, self._most)
        plan = self._plan(chunk)
        outputs = [np.empty(count) for _ in self.layout.lanes]
        with np.errstate(all="ignore"):
            plan.run(0)
            for first in range(0, count, chunk):
                n = plan.enter(data if chunk == count else data[:, first : first + chunk])
                before = self.U[plan.sums] if first else None
                plan.run(1)
                if before is not None:
                    self.U[plan.sums] += before
                for out, (lane, slot) in zip(outputs, self.layout.lanes, strict=True):
                    out[first : first + n] = plan.T[slot, :n] if lane else self.U[slot]
            plan.run(2)
        bound.lanes[batch] = outputs
        return tuple([self.U.item(slot) for _, slot in self.layout.results])

    def train(
        self, bound: Bound, schedule: Sequence[Sequence[float]], first: int = 0
    ) -> list[tuple[float, ...]]:
        import numpy as np

        made: list[tuple[float, ...]] = []
        plan, g = self._update, self.layout.gradient
        slots = plan.layout.leaves
        regions = self.U[: g * (2 + self.task.states)].reshape(-1, g)
        places = [0, *range(2, 2 + self.task.states)]
        for k, row in enumerate(schedule, start=first):
            results = self.run(bound, k % len(bound.counts))
            if not self.is_finite() or not np.isfinite(results).all():
                break
            for slot, j in slots.items():
                plan.U[slot] = row[j]
            plan.T[: len(regions)] = regions
            with np.errstate(all="ignore"):
                for phase in range(3):
                    plan.run(phase)
            moved = [plan.T[s] if lane else plan.U[s] for lane, s in plan.layout.lanes]
            if not all(np.isfinite(x).all() for x in moved):
                break
            for place, x in zip(places, moved, strict=True):
                regions[place] = x
            made.append(results)
        return made

    def lanes_of(self, bound: Bound, batch: int) -> list[Numbers]:
        return list(bound.lanes[batch])


# ---- machine code -------------------------------------------------------------------------------


class LLVMExecutable(_OnArrays):
    """A re-rolled program in machine code: for blocks of samples, or for a sample at a time."""

    backend = "llvm"

    def __init__(self, task: Task) -> None:
        from .machine import aligned

        layout, self._update_layout = _regrouped(task)
        super().__init__(task, aligned(layout.uniform_count), layout)
        self._kernels: dict[Any, _Kernel] = {}
        self.source = self._kernel(task.samples).module.text

    def _kernel(self, samples: int) -> _Kernel:
        """The code for batches of about so many samples."""
        from .machine import best_shape

        shape = best_shape(samples if self.layout.input_count > 1 else 1)
        if shape not in self._kernels:
            self._kernels[shape] = _Kernel(
                self.layout, shape, self._update_layout, self.task.cache, self.U
            )
        return self._kernels[shape]

    def bind(
        self, columns: Columns, count: int, batch_size: int, scale: Callable[[int], float]
    ) -> Bound:
        import numpy as np

        from .machine import aligned

        kernel = self._kernel(min(batch_size, count))
        lanes = kernel.module.shape.lanes
        padded = -(-min(batch_size, count) // lanes) * lanes
        places, counts = _places(count, batch_size, padded)
        width = places.size
        inputs = self.layout.input_count
        data = aligned(inputs * width)[: inputs * width].reshape(inputs, width)
        for row, column in zip(data, columns, strict=False):
            np.take(np.asarray(column, dtype=float), places.ravel(), out=row)
        for k, n in enumerate(counts):
            data[-1, k * padded : k * padded + n] = scale(n)
        outputs = aligned(max(1, len(self.layout.lanes)) * width)
        room = outputs[: max(1, len(self.layout.lanes)) * width].reshape(-1, width)
        first = [kernel.pointers[0], kernel.pointers[1]]
        calls = np.array(
            [
                (
                    *first, data.ctypes.data + 8 * k * padded, width, kernel.pointers[2],
                    room.ctypes.data + 8 * k * padded, kernel.pointers[3], padded // lanes,
                )
                for k in range(len(counts))
            ],
            dtype=np.int64,
        )  # fmt: skip
        starts = [calls.ctypes.data + k * calls.strides[0] for k in range(len(counts))]
        return Bound(counts, (kernel, calls, padded, starts), room, [data, kernel])

    def run(self, bound: Bound, batch: int) -> tuple[float, ...]:
        kernel, _, _, starts = bound.data
        kernel.run(starts[batch])
        item = self.U.item
        return tuple([item(slot) for _, slot in self.layout.results])

    def train(
        self, bound: Bound, schedule: Sequence[Sequence[float]], first: int = 0
    ) -> list[tuple[float, ...]]:
        import numpy as np

        kernel, calls, padded, _ = bound.data
        rows = np.ascontiguousarray(schedule, dtype=float)
        results = len(self.layout.results)
        losses = np.empty((len(rows), results))
        made = kernel.train(
            *calls[0].tolist(), padded, len(bound.counts), first, len(rows),
            *kernel.update_pointers, rows.ctypes.data, losses.ctypes.data,
        )  # fmt: skip
        return [tuple(row) for row in losses[:made].tolist()]

    def lanes_of(self, bound: Bound, batch: int) -> list[Numbers]:
        padded, n = bound.data[2], bound.counts[batch]
        count = len(self.layout.lanes)
        return [row[batch * padded : batch * padded + n].copy() for row in bound.lanes[:count]]


class _Kernel:
    """Machine code for one shape of blocks, and its memory but for U."""

    def __init__(self, layout: Any, shape: Any, update: Any, cache: Any, uniform: Any) -> None:
        from .machine import MachineCode, Module, aligned

        self.module = Module(layout, shape, update)
        self.code = MachineCode(self.module, cache)
        self.run = self.code.function("run_from_list", None, "p")
        self._memory = [
            uniform,
            aligned(max(1, layout.lane_count) * shape.lanes),
            aligned(max(1, self.module.main.sums) * 8),
            _table(self.module.main.table),
        ]
        self.pointers = [a.ctypes.data for a in self._memory]
        if self.module.update is not None:
            self.train = self.code.function("train", ctypes.c_int64, "pppnpppnnnnnppppp")
            memory = [
                aligned(update.uniform_count),
                aligned(update.lane_count * 32),
                _table(self.module.update.table),
            ]
            update.enter_constants(memory[0])
            self._memory += memory
            self.update_pointers = [a.ctypes.data for a in memory]


def _table(parts: Iterable[Any]) -> Any:
    import numpy as np

    parts = list(parts)
    return np.concatenate(parts) if parts else np.zeros(1, np.int32)
