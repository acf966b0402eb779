"""Losses that are compiled: means over batches, gradients, and the steps of an optimiser.

See `compiling.compile`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import updates
from .arguments import whole
from .compiled import Compiled, Listing, Settings, as_list, copy_into, executable
from .engine import Value, process
from .numeric import data_of
from .optim import WAY_OUT, Optimizer, named
from .program.adjoint import adjoints
from .program.batch import Batch
from .program.executables import Bound, Executable, Task
from .program.listing import Program
from .program.outputs import Outputs
from .program.trace import Trace, TraceError, function_name, trace


class _Runs(Protocol):
    """What has been traced, and the executable that was made of it."""

    trace: Trace
    executable: Executable


class Keeper:
    """Keeps parameters the same in Values and in the memory of programs, which compute with them.

    Attributes:
        parameters, names: the Values, and what errors call them.
        update: the optimiser whose steps the programs make, or None.
    """

    def __init__(self, parameters: Any, update: Optimizer | None) -> None:
        self.names, self.parameters = named(parameters)
        self.update = update
        self._holder: Executable | None = None  # whose memory holds the parameters
        self._seen = -1  # the number of the latest change of .data by hand that was read
        self._owes = False  # whether gradients are still to be written into the Values
        self._is_lent = False  # whether others may write into that memory
        self._steps = -1  # of the optimiser, when its state was read or written

    def _load(self, found: _Runs) -> None:
        """Bring parameters, and what else is uniform, into the memory of the executable."""
        mine, before = found.executable, self._holder
        if process.edits != self._seen or self._is_lent:
            copy_into(mine.parameters, updates.data_and_gradients(self.parameters)[0])
            self._seen = process.edits
        elif before is not None and before is not mine:
            copy_into(mine.parameters, before.parameters)
        mine.set_leaves(found.trace.numbers(len(self.parameters)))
        if self.update is not None:
            if self._steps != self.update.steps:
                for state, numbers in zip(mine.states, self.update.states, strict=True):
                    copy_into(state, numbers)
                self._steps = self.update.steps
            elif before is not None and before is not mine:
                kept = before.states if len(before.states) == len(mine.states) else None
                for state, other in zip(mine.states, kept or self.update.states, strict=True):
                    copy_into(state, other)
        self._holder = mine

    def _owe(self) -> None:
        """Write the gradients once somebody looks at one: after those of earlier calls."""
        if self._pay in process.late:
            process.late.remove(self._pay)
        self._owes = True
        process.late.append(self._pay)

    def _pay(self) -> None:
        if self._owes and self._holder is not None:
            self._owes = False
            updates.set_gradients(self.parameters, as_list(self._holder.gradient))

    def _settle(self) -> None:
        """Write gradients that are owed, before others come in their place."""
        if self._owes:
            process.settle()

    def _stretch(
        self,
        found: _Runs,
        bound: Bound,
        schedule: Sequence[Sequence[float]],
        first: int,
    ) -> list[tuple[float, ...]]:
        """Steps up to the first that meets a number that is not finite; the results of each."""
        assert self.update is not None
        self._load(found)
        mine = found.executable
        memory = [mine.parameters, *mine.states]
        kept = [x.copy() for x in memory]
        try:
            made = mine.train(bound, schedule, first)
        except BaseException:  # Ctrl-C: the Values are what counts
            self._seen = self._steps = -1
            raise
        if len(made) < len(schedule):  # what the step that failed has left behind is undone
            for x, numbers in zip(memory, kept, strict=True):
                copy_into(x, numbers)
            if made:
                mine.train(bound, schedule[: len(made)], first)
        if made:
            updates.set_data(self.parameters, as_list(mine.parameters))
            self._seen = process.edits
            states = [as_list(s) for s in mine.states]
            self.update.moved_elsewhere(len(made), states, as_list(mine.gradient))
            self._steps = self.update.steps
        return made


class _LossProgram:
    """A loss for samples of one structure: its trace, what is wanted of it, the executable."""

    def __init__(self, loss: CompiledLoss, batch: Batch) -> None:
        parameters, names = loss.parameters, loss.names
        self.trace = trace(
            loss.function, batch.nests, parameters, names, loss.argument_names(len(batch.nests))
        )
        found = self.trace
        if len(found.results) != 1:
            raise TraceError(
                f"{function_name(loss.function)} returned {len(found.results)} numbers: a loss is "
                "one; add them up, or compile without parameters"
            )
        self.outputs, self.forward = loss_outputs(
            found, bool(found.program.input_names), loss.function
        )
        self.listing = Listing(found.program, self.forward, self.outputs.roots())
        self.task = Task(
            found.program,
            self.outputs,
            len(parameters),
            None if loss.update is None else traced_update(loss.update),
            0 if loss.update is None else len(loss.update.states),
            loss.settings.ignores,
            batch.count,
            loss.settings.folder,
        )
        self.executable = executable(self.task, loss.settings.backend)

    @functools.cached_property
    def with_limits(self) -> Executable:
        """The program in Python, with ∞ and nan as results."""
        task = dataclasses.replace(self.task, update=None, states=0, limits=True)
        return executable(task, "python")


def loss_outputs(
    trace: Trace,
    has_data: bool,
    function: Any,
    penalty: int | None = None,
    predictions: Sequence[int] = (),
) -> tuple[Outputs, list[int]]:
    """What is wanted of a loss: its mean, the gradient; the entries of the forward part.

    A last input is added to each sample: its weight in the mean.
    """
    program, result = trace.program, trace.results[0]
    weight = program.input(len(program.input_names))
    program.input_names.append("weight")
    if has_data and not program.lane[result]:
        raise TraceError(
            f"{function_name(function)} does not depend on its arguments: it left the traced "
            "numbers, or the data are read from somewhere else; compute with the arguments"
        )
    total = result
    if program.lane[result]:
        total = program.lane_sum(program.apply("mul", result, weight))
    seeds = {result: weight if program.lane[result] else program.const(1.0)}
    if penalty is not None:
        seeds[penalty] = program.const(1.0)
    wanted = [program.uniform(k) for k in range(trace.parameter_count)]
    gathers = [i for i, op in enumerate(program.ops) if op == "gather"]
    found = adjoints(trace, seeds, [*wanted, *gathers])
    if not found:
        raise TraceError(
            f"{function_name(function)} does not depend on the parameters: it left the engine, "
            "through numbers kept from before, or these are parameters of another model"
        )
    outputs = Outputs(
        gradient=[(k, found[i]) for k, i in enumerate(wanted) if i in found],
        scattered=[(i, found[i]) for i in gathers if i in found],
        results=[total] if penalty is None else [total, penalty],
        lanes=list(predictions),
    )
    return outputs, [result, *([] if penalty is None else [penalty])]


class CompiledLoss(Compiled, Keeper):
    """The mean of a loss over a batch, with its gradient, and steps of an optimiser.

    Called with a batch it returns the mean loss as a float; each parameter's `.grad` is then that
    of the mean, in place of what it was. With `update`, the call also makes a step: the loss is
    that before it. Not to be called from several threads at once.

    Attributes:
        function: what was compiled.
        parameters: the Values.
        names: what errors call them.
        update: the optimiser, or None.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Any,
        update: Optimizer | None,
        settings: Settings,
    ) -> None:
        Compiled.__init__(self, function, settings)
        Keeper.__init__(self, parameters, update)
        if update is not None:
            _check_update(update, self.parameters)

    def _anew(self) -> CompiledLoss:
        named_parameters = dict(zip(self.names, self.parameters, strict=True))
        return CompiledLoss(self.function, named_parameters, self.update, self.settings)

    # ---- one batch ----

    def __call__(self, *arguments: Any) -> float:
        """The mean loss over a batch; gradients go to the parameters, and a step is made."""
        batch, arguments = self._batch(arguments)
        found = self._of(batch, arguments)
        bound = self._bound(found, batch, arguments)
        if self.update is not None:
            return self._trained(found, bound, 1, batch, arguments)[0]
        self._settle()
        loss = self._run(found, bound, batch, arguments)
        self._owe()
        return loss

    def value_and_grad(self, *arguments: Any) -> tuple[float, list[float]]:
        """The mean loss over a batch, and its gradient; the parameters' `.grad` stay as they are.

        Makes no step. The gradient is a list in the order of `parameters`.
        """
        batch, arguments = self._batch(arguments)
        found = self._of(batch, arguments)
        self._settle()
        loss = self._run(found, self._bound(found, batch, arguments), batch, arguments)
        return loss, as_list(found.executable.gradient)

    def gradients(self, *arguments: Any) -> list[float]:
        """The gradient of the mean loss over a batch, see `value_and_grad`."""
        return self.value_and_grad(*arguments)[1]

    def bind(self, *arguments: Any) -> BoundLoss:
        """The loss of one batch that is laid out once, for loops that see it again and again."""
        batch, arguments = self._batch(arguments)
        found = self._of(batch, arguments)
        self._settle()
        bound = BoundLoss(self, found, self._bound(found, batch, arguments))
        self._is_lent = True
        return bound

    def many(self, *arguments: Any, steps: int, batch_size: int | None = None) -> list[float]:
        """Make many steps of the optimiser without coming back to Python in between.

        Args:
            arguments: samples, as for a call.
            steps: how many, at least 1.
            batch_size: samples of a step, one part of the data after the other, again from the
                first after the last, which has what is left; None: all of them in every step.

        Returns:
            The mean loss of each step's batch, before the step.

        Raises:
            ValueError: without an optimiser, or arguments outside their range.
            FloatingPointError: a number that is not finite; the parameters are those before that
                step.

        >>> from microgrunderscore import SGD, Value, compile
        >>> w = Value(0.0, "w")
        >>> f = compile(lambda x, y: (w * x - y) ** 2, [w], update=SGD([w], lr=0.1))
        >>> losses = f.many([1.0, 2.0], [2.0, 4.0], steps=50)
        >>> losses[0], round(w.data, 6)
        (10.0, 2.0)
        """
        if self.update is None:
            raise ValueError("many(…) makes steps: compile with update=SGD(parameters, lr=…)")
        steps = whole("steps", steps, 1)
        batch, arguments = self._batch(arguments)
        found = self._of(batch, arguments)
        size = batch.count if batch_size is None else whole("batch_size", batch_size, 1)
        bound = self._bound(found, batch, arguments, size)
        return self._trained(found, bound, steps, batch, arguments)

    def _structure(self, batch: Batch) -> Any:
        return batch.key, 0 if self.update is None else len(self.update.states)

    def _compiled(self, batch: Batch, kind: str) -> _LossProgram:
        return _LossProgram(self, batch)

    def _bound(
        self, found: _LossProgram, batch: Batch, arguments: Sequence[Any], size: int | None = None
    ) -> Bound:
        """The batch as the executable reads it."""
        self._check(found.trace, batch, arguments)
        size = min(size or batch.count, batch.count)
        return found.executable.bind(batch.columns, batch.count, size, lambda n: 1.0 / n)

    def _run(
        self, found: _LossProgram, bound: Bound, batch: Batch, arguments: Sequence[Any]
    ) -> float:
        """The loss; the gradient is in the memory of the executable then."""
        self._load(found)
        try:
            loss = found.executable.run(bound, 0)[0]
        except (ArithmeticError, ValueError):
            loss = math.nan
        if math.isfinite(loss) and found.executable.is_finite():
            return loss
        if self.settings.ignores:
            return self._with_limits(found, batch)
        loss, gradient = self._mean_eagerly(range(batch.count), arguments)
        copy_into(found.executable.gradient, gradient)
        return loss

    def _with_limits(self, found: _LossProgram, batch: Batch) -> float:
        """The same in Python, sample by sample: in blocks, ∞ times the weight 0 would be nan."""
        run = found.with_limits
        copy_into(run.parameters, as_list(found.executable.parameters))
        run.set_leaves(found.trace.numbers(len(self.parameters)))
        bound = run.bind(batch.columns, batch.count, batch.count, lambda n: 1.0 / n)
        loss = run.run(bound, 0)[0]
        copy_into(found.executable.gradient, run.gradient)
        return loss

    def _mean_eagerly(
        self, members: Sequence[int], arguments: Sequence[Any]
    ) -> tuple[float, list[float]]:
        """The same by the engine, which raises where an operation has no result."""
        before = updates.data_and_gradients(self.parameters)[1]
        total = 0.0
        spoilt: int | None = None
        updates.zero_gradients(self.parameters)
        try:
            for i in members:
                error = self._eagerly(i, arguments)
                total += data_of(error)
                if spoilt is None and not math.isfinite(total):
                    spoilt = i
                if isinstance(error, Value):
                    error.backward(1.0 / len(members))
            gradient = updates.data_and_gradients(self.parameters)[1]
        finally:
            for p, g in zip(self.parameters, before, strict=True):
                p.grad = g
        if spoilt is not None and self.update is not None:
            raise FloatingPointError(
                f"the loss of sample {spoilt} is not finite; nothing was changed; {WAY_OUT}"
            )
        return total / len(members), gradient

    def _trained(
        self,
        found: _LossProgram,
        bound: Bound,
        steps: int,
        batch: Batch,
        arguments: Sequence[Any],
    ) -> list[float]:
        """So many steps; the Values follow."""
        assert self.update is not None
        losses: list[float] = []
        self._settle()
        while len(losses) < steps:
            try:
                schedule = self.update.schedule(steps - len(losses))
                made = self._stretch(found, bound, schedule, len(losses))
                losses += [row[0] for row in made]
                if len(losses) < steps:
                    losses.append(self._step_eagerly(found, bound, len(losses), batch, arguments))
            except Exception as error:
                error.add_note(f"in step {len(losses)} of {steps}")
                error.add_note(WAY_OUT)
                raise
        self._owe()
        return losses

    def _step_eagerly(
        self,
        found: _LossProgram,
        bound: Bound,
        number: int,
        batch: Batch,
        arguments: Sequence[Any],
    ) -> float:
        """A step by the engine: it raises what the engine raises, or gets over it."""
        assert self.update is not None
        first = (number % len(bound.counts)) * bound.counts[0]
        members = range(first, min(first + bound.counts[0], batch.count))
        loss, gradient = self._mean_eagerly(members, arguments)
        updates.set_gradients(self.parameters, gradient)
        self.update.step()
        copy_into(found.executable.gradient, gradient)
        return loss


class BoundLoss:
    """A compiled loss and a batch that is laid out for it: for loops of your own.

    It computes with what `parameters` holds, and leaves Values, gradients and optimiser alone.

    Attributes:
        parameters: the numbers themselves, in the memory of the program, to be written; a NumPy
            array, or a list where the program runs as Python.
        gradient: the same for the gradient, to be read.
    """

    def __init__(self, loss: CompiledLoss, found: _LossProgram, bound: Bound) -> None:
        self._loss = loss
        self._executable = found.executable
        self._bound = bound
        loss._load(found)
        self.parameters = found.executable.parameters
        self.gradient = found.executable.gradient

    def step(self) -> float:
        """Compute the loss for what `parameters` holds; `gradient` then holds that of the mean.

        Nothing is checked: what is not finite stays so.

        >>> from microgrunderscore import Value, compile
        >>> w = Value(2.0)
        >>> bound = compile(lambda x: w * x, [w]).bind([1.0, 3.0])
        >>> bound.step(), [float(g) for g in bound.gradient]
        (4.0, [2.0])
        """
        self._loss._settle()
        return self._executable.run(self._bound, 0)[0]

    def many(self, steps: int) -> list[float]:
        """Make steps of the optimiser on `parameters`; the losses before each of them.

        Returns fewer where a number is not finite. The optimiser goes on from where it is with
        every call, and does not notice.

        >>> from microgrunderscore import SGD, Value, compile
        >>> w = Value(0.0)
        >>> f = compile(lambda x, y: (w * x - y) ** 2, [w], update=SGD([w], lr=0.1))
        >>> bound = f.bind([1.0, 2.0], [2.0, 4.0])
        >>> len(bound.many(50)), round(float(bound.parameters[0]), 6), w.data
        (50, 2.0, 0.0)
        """
        optimizer = self._loss.update
        if optimizer is None:
            raise ValueError("many(…) makes steps: compile with update=SGD(parameters, lr=…)")
        self._loss._settle()
        for state, numbers in zip(self._executable.states, optimizer.states, strict=True):
            copy_into(state, numbers)
        self._loss._steps = -1
        schedule = optimizer.schedule(whole("steps", steps, 1))
        return [row[0] for row in self._executable.train(self._bound, schedule)]


def traced_update(optimizer: Optimizer) -> tuple[Program, Outputs]:
    """A step of an optimiser as a program: its samples are the parameters."""
    uniform = [Value(0.0, name) for name in optimizer.schedule_names]
    names = ["parameter", "gradient", *(f"state{k}" for k in range(len(optimizer.states)))]
    found = trace(
        lambda *numbers: optimizer.rule(*numbers, *uniform),
        [0.0] * len(names),
        uniform,
        optimizer.schedule_names,
        names,
    )
    return found.program, Outputs(lanes=found.results)


def _check_update(optimizer: Any, parameters: Sequence[Value]) -> None:
    """Refuse what is no optimiser of just these parameters, or has no rule."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"update must be an SGD or Adam, not {type(optimizer).__name__}: "
            "update=SGD(parameters, lr=0.1)"
        )
    if [id(p) for p in optimizer.parameters] != [id(p) for p in parameters]:
        raise ValueError(
            f"the {len(optimizer.parameters)} parameters of the optimiser and the "
            f"{len(parameters)} of the loss are not the same, or not in the same order: give both "
            "the same list"
        )
    if not optimizer.has_rule:
        raise TypeError(
            f"{type(optimizer).__name__} makes its steps in a way of its own, and has no rule for "
            "one parameter: compile without update, and call its step()"
        )
