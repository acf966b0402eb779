"""Functions that are compiled: their values and derivatives at many points.

See `compiling.compile`.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Sequence
from typing import Any

from .compiled import (
    Compiled,
    Listing,
    Settings,
    as_list,
    executable,
    not_finite,
    shape_of,
)
from .engine import Value
from .nesting import Tree, leaves, rebuild
from .program.adjoint import adjoints
from .program.batch import Batch, sample_of
from .program.executables import Executable, Task
from .program.outputs import Outputs
from .program.trace import TraceError, function_name, trace


class _FunctionProgram:
    """A function of points of one structure: its trace, and an executable for what was asked."""

    def __init__(self, function: CompiledFunction, batch: Batch, kind: str) -> None:
        names = function.argument_names(len(batch.nests))
        self.trace = trace(function.function, batch.nests, (), (), names, inputs_move=True)
        p = self.trace.program
        self.count = len(p.input_names)
        if self.count and not any(p.lane[i] for i in self.trace.results):
            raise TraceError(
                f"{function_name(function.function)} does not depend on its arguments: it left the "
                "traced numbers, or the data are read from somewhere else"
            )
        forward = list(self.trace.results)
        lanes = forward if kind == "values" else self._derivatives(kind, function)
        self.values = 0  # where there is no value, there is no derivative: computed to be seen
        if kind != "values" and not function.settings.ignores:
            self.values = len(forward)
            lanes = [*forward, *lanes]
        p.input_names.append("weight")
        self.outputs = Outputs(lanes=lanes)
        self.listing = Listing(p, forward, lanes)
        settings = function.settings
        self.task = Task(
            p, self.outputs, limits=settings.ignores, samples=batch.count, cache=settings.folder
        )
        self.executable = executable(self.task, settings.backend)

    @functools.cached_property
    def with_limits(self) -> Executable:
        """The program in Python, with ∞ and nan as results."""
        return executable(dataclasses.replace(self.task, limits=True), "python")

    def _derivatives(self, kind: str, function: CompiledFunction) -> list[int]:
        """The entries of all derivatives, row by row."""
        results = self.trace.results
        if kind != "jacobian" and len(results) != 1:
            raise TypeError(
                f"{function_name(function.function)} returned {len(results)} numbers, and a "
                f"{kind} is that of one: use jacobian"
            )
        rows = [self._gradient_of(i) for i in results]
        if kind == "hessian":
            rows = [self._gradient_of(i) for i in rows[0]]
        return [i for row in rows for i in row]

    def _gradient_of(self, result: int) -> list[int]:
        """The derivatives of an entry by all numbers of a point."""
        p = self.trace.program
        inputs = [p.input(k) for k in range(self.count)]
        found = adjoints(self.trace, {result: p.const(1.0)}, inputs)
        return [found.get(i, p.const(0.0)) for i in inputs]


class CompiledFunction(Compiled):
    """A function of scalars, at many points: its values and its derivatives.

    Arguments have a leading axis of points; so have the results. These are arrays if an argument
    was one, and the numbers of a point nest as those of an array do; else lists.
    """

    def __call__(self, *points: Any) -> Any:
        """The values: what the function returns, each number with an axis of points in front.

        >>> from microgrunderscore import compile
        >>> f = compile(lambda x, y: [x + y, x * y])
        >>> f([1.0, 2.0], [3.0, 4.0])
        [[4.0, 3.0], [6.0, 8.0]]
        """
        batch, points = self._batch(points)
        found, columns = self._evaluated("values", batch, points)
        return self._shaped(batch, columns, found.trace.result)

    def gradient(self, *points: Any) -> Any:
        """The derivatives of one result by every number of a point.

        Returns, for each argument, its like; of a single argument not in a tuple.

        >>> from microgrunderscore import compile
        >>> compile(lambda x: x[0] * x[1]).gradient([[2.0, 3.0], [4.0, 5.0]])
        [[3.0, 2.0], [5.0, 4.0]]
        """
        batch, points = self._batch(points)
        _, columns = self._evaluated("gradient", batch, points)
        parts, at = [], 0
        for nest in batch.nests:
            count = sum(1 for _ in leaves(nest))
            parts.append(self._shaped(batch, columns[at : at + count], nest))
            at += count
        return parts[0] if len(parts) == 1 else tuple(parts)

    def jacobian(self, *points: Any) -> Any:
        """The derivatives of all results: for each point a row for each number that is returned.

        Its columns are the numbers of a point, argument after argument.

        >>> from microgrunderscore import compile
        >>> compile(lambda x, y: [x + y, x * y]).jacobian([2.0], [3.0])
        [[[1.0, 1.0], [3.0, 2.0]]]
        """
        batch, points = self._batch(points)
        found, columns = self._evaluated("jacobian", batch, points)
        nest = [[0.0] * found.count for _ in found.trace.results]
        return self._shaped(batch, columns, nest)

    def hessian(self, *points: Any) -> Any:
        """The second derivatives of one result: a square matrix for each point.

        >>> from microgrunderscore import compile
        >>> compile(lambda x, y: x * x * y).hessian([2.0], [3.0])
        [[[6.0, 4.0], [4.0, 0.0]]]
        """
        batch, points = self._batch(points)
        found, columns = self._evaluated("hessian", batch, points)
        return self._shaped(batch, columns, [[0.0] * found.count for _ in range(found.count)])

    def __init__(self, function: Any, settings: Settings) -> None:
        super().__init__(function, settings)
        self._lock = threading.Lock()  # the memory of a program is one

    def _anew(self) -> CompiledFunction:
        return CompiledFunction(self.function, self.settings)

    def _compiled(self, batch: Batch, kind: str) -> _FunctionProgram:
        return _FunctionProgram(self, batch, kind)

    def _uncompiled(self, *sample: Any) -> Any:
        """The function of Values, as its derivatives see it; of numbers where these are indices."""
        numbers = iter([Value(x) for part in sample for _, x in leaves(part)])
        try:
            return self.function(*(rebuild(part, numbers) for part in sample))
        except TypeError:
            return self.function(*sample)

    def _evaluated(
        self, kind: str, batch: Batch, points: Sequence[Any]
    ) -> tuple[_FunctionProgram, list[Any]]:
        """The numbers of all points, column by column; points that went wrong by the engine."""
        with self._lock:
            return self._evaluated_alone(kind, batch, points)

    def _evaluated_alone(
        self, kind: str, batch: Batch, points: Sequence[Any]
    ) -> tuple[_FunctionProgram, list[Any]]:
        """The same, while no other thread does."""
        found: _FunctionProgram = self._of(batch, points, kind)
        self._check(found.trace, batch, points)
        run = found.executable
        run.set_leaves(found.trace.numbers())
        bound = run.bind(batch.columns, batch.count, batch.count, lambda n: 1.0)
        try:
            run.run(bound, 0)
            columns = run.lanes_of(bound, 0)
        except (ArithmeticError, ValueError):
            columns = []
        if not self.settings.ignores:
            self._look_at_limits(columns, batch, points)
        if not columns:  # Python's own arithmetic has refused a derivative
            columns = self._with_limits(batch, found)
        return found, columns[found.values :]

    def _look_at_limits(self, columns: list[Any], batch: Batch, points: Sequence[Any]) -> None:
        """Let the engine compute what is not finite: where it raises, so do we."""
        wrong = range(batch.count) if not columns else sorted(not_finite(columns))
        for i in wrong:
            try:
                self._uncompiled(*sample_of(points, i))
            except Exception as error:
                error.add_note(f"in sample {i}")
                raise

    def _with_limits(self, batch: Batch, found: _FunctionProgram) -> list[Any]:
        """The same in Python, where what is outside a domain is ∞ or nan."""
        run = found.with_limits
        run.set_leaves(found.trace.numbers())
        bound = run.bind(batch.columns, batch.count, batch.count, lambda n: 1.0)
        run.run(bound, 0)
        return run.lanes_of(bound, 0)

    def _shaped(self, batch: Batch, columns: Sequence[Any], nest: Tree) -> Any:
        """Columns of numbers as one nest for each point."""
        shape = shape_of(nest)
        if batch.has_arrays:
            import numpy as np

            arrays = [np.asarray(c, dtype=float) for c in columns]
            if shape is None:
                return rebuild(
                    nest, iter(arrays if self.settings.batch else [a[0] for a in arrays])
                )
            table = np.array(arrays).reshape(-1, batch.count).T.reshape(batch.count, *shape)
            return table if self.settings.batch else table[0]
        rows = zip(*(as_list(c) for c in columns), strict=True)
        shaped = [rebuild(nest, iter(row)) for row in rows]
        return shaped if self.settings.batch else shaped[0]
