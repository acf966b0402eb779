"""compile: the function that you wrote, run once as a graph, and then at the speed of machine code.

The function is traced, differentiated, re-rolled into groups and printed, see ``program/``. What
comes back is called with whole batches: it knows one program for each structure of a sample.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from . import updates
from .arguments import whole
from .engine import Value, process
from .graph import gc_paused
from .nesting import Tree, leaves, rebuild
from .numeric import data_of
from .optim import WAY_OUT, Optimizer, named
from .program.adjoint import adjoints
from .program.batch import Batch, batch_of, sample_of
from .program.executables import Bound, Executable, Task
from .program.listing import Program
from .program.outputs import Outputs
from .program.trace import Trace, TraceError, function_name, trace

Backend: TypeAlias = Literal["auto", "llvm", "numpy", "python"]
Nonfinite: TypeAlias = Literal["raise", "ignore"]

MANY_STRUCTURES = 8  # more than that is worth a warning
FEW_TO_A_CALL = 8  # operations in a group: with fewer, NumPy's calls cost more than they do


def compile(
    function: Callable[..., Any],
    parameters: Any = None,
    *,
    update: Optimizer | None = None,
    backend: Backend = "auto",
    batch: bool = True,
    nonfinite: Nonfinite = "raise",
    cache: Any = None,
) -> CompiledLoss | CompiledFunction:
    """Compile a function of scalars, which is then called with whole batches.

    With parameters it is a loss: of one sample, made of its arguments and of the parameters; what
    is compiled gives the mean over the batch and the gradient. Without, it is any function of one
    point, and what is compiled gives its values, gradients, Jacobians or Hessians at many points.

    The function is run once for each structure of its arguments, on numbers that write down what is
    done to them. So it has to compute with `Value`s and the package's functions; where it would
    decide in Python (`if x > 0`), use `where`, `relu`, `maximum`; where data name a row, `take`.
    Plain numbers that it finds, and random ones that it draws, stay as they are. Values that are
    no parameters are read anew at every call.

    Args:
        function: of one sample: numbers, or nested lists of them; gives a number (a function
            without parameters: or a list of them).
        parameters: a module, `named_parameters()`, or a list of Values, by which a loss is
            differentiated; None for a function of its arguments.
        update: an optimiser for these parameters: every call then also makes a step.
        backend: "llvm" (needs the extra `fast`), "numpy", "python"; "auto": the fastest there is.
        batch: whether arguments have a leading axis of samples; False for a single one.
        nonfinite: "raise" what the engine raises where a number is not finite; "ignore": give ∞ and
            nan as results. Steps are never made with what is not finite.
        cache: a folder in which machine code is kept for later processes; True for one of the
            user's own; None: keep nothing.

    Returns:
        A `CompiledLoss`, or a `CompiledFunction`.

    Raises:
        TypeError, ValueError: arguments of another kind, or that are not known.
        ImportError: a backend that was asked for and is not installed.
        TraceError: when first called, what cannot be compiled.

    >>> from microgrunderscore import Value
    >>> w = Value(2.0, "w")
    >>> f = compile(lambda x, y: (w * x - y) ** 2, [w])
    >>> f([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]), w.grad
    (6.666666666666667, 13.333333333333334)
    >>> g = compile(lambda x, y: x * x * y)
    >>> g([1.0, 2.0], [3.0, 4.0]), g.gradient([1.0, 2.0], [3.0, 4.0])
    ([3.0, 16.0], ([6.0, 16.0], [1.0, 4.0]))
    """
    if not callable(function):
        raise TypeError(f"compile takes a function, not {type(function).__name__} {function!r:.40}")
    for what, given, known in (
        ("backend", backend, ("auto", "llvm", "numpy", "python")),
        ("nonfinite", nonfinite, ("raise", "ignore")),
    ):
        if given not in known:
            raise ValueError(f"{what} must be one of {', '.join(known)}, got {given!r:.40}")
    settings = _Settings(backend, batch, nonfinite == "ignore", _folder(cache))
    if parameters is None:
        if update is not None:
            raise ValueError("update needs parameters: compile(loss, model, update=SGD(model, …))")
        return CompiledFunction(function, settings)
    return CompiledLoss(function, parameters, update, settings)


class _Settings:
    """What compile was told, checked."""

    def __init__(self, backend: str, batch: bool, ignores: bool, folder: Any) -> None:
        self.backend = backend
        self.batch = bool(batch)
        self.ignores = ignores
        self.folder = folder
        for name, needs in (("llvm", ("numpy", "llvmlite")), ("numpy", ("numpy",))):
            missing = [n for n in needs if not _is_there(n)]
            if backend == name and missing:
                raise ImportError(
                    f"backend={name!r} needs {' and '.join(missing)}: pip install "
                    f"'microgrunderscore[{'fast' if name == 'llvm' else 'numpy'}]', or leave "
                    "backend out, which takes the fastest one there is"
                )


def _is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _folder(cache: Any) -> Any:
    """Where machine code is kept, None for nowhere."""
    if cache is None or cache is False:
        return None
    from .program.cache import folder

    return folder(None if cache is True else cache)


def executable(task: Task, backend: str) -> Executable:
    """A program that can be run, by the backend that was asked for or by the fastest one."""
    from .program import executables

    if backend == "llvm" or (backend == "auto" and _is_there("llvmlite") and _is_there("numpy")):
        return executables.LLVMExecutable(task)
    if backend == "python" or not _is_there("numpy"):
        return executables.PythonExecutable(task)
    found = executables.NumpyExecutable(task)
    if backend == "auto" and found.layout.operations < FEW_TO_A_CALL * len(found.layout.steps):
        return executables.PythonExecutable(task)
    return found


class _Compiled:
    """What compiled losses and functions share: a trace for each structure of the arguments."""

    def __init__(self, function: Callable[..., Any], settings: _Settings) -> None:
        self.function = function
        self.settings = settings
        self._names = _argument_names(function)
        self._known: dict[Any, Any] = {}
        self._latest: Any = None
        functools.update_wrapper(self, function, updated=())

    def _batch(self, arguments: Sequence[Any]) -> tuple[Batch, Sequence[Any]]:
        """The samples of a call, and the arguments with their leading axis."""
        if not self.settings.batch:
            arguments = [_of_one(x) for x in arguments]
        names = [*self._names, *(f"argument {k}" for k in range(len(arguments)))]
        return batch_of(arguments, names[: len(arguments)]), arguments

    def _of(self, batch: Batch) -> Any:
        """What is known for samples of this structure; traced when it is met first."""
        if batch.key not in self._known:
            if len(self._known) == MANY_STRUCTURES:
                warnings.warn(
                    f"{function_name(self.function)} is compiled for a {MANY_STRUCTURES + 1}th "
                    "structure of its arguments, and each takes time and memory: pad the samples "
                    "to a few lengths",
                    RuntimeWarning,
                    stacklevel=4,
                )
            with gc_paused():  # thousands of entries grow that nobody drops
                self._known[batch.key] = self._compiled(batch)
        self._latest = self._known[batch.key]
        return self._latest

    def _compiled(self, batch: Batch) -> Any:
        raise NotImplementedError

    def _need(self) -> Any:
        """What was compiled last."""
        if self._latest is None:
            raise RuntimeError(
                "nothing is compiled yet, as the structure of the samples is not known: call it "
                "once, or bind(…) a batch"
            )
        return self._latest

    @property
    def backend(self) -> str:
        """What the latest program runs on: "llvm", "numpy" or "python"."""
        return str(self._need().executable.backend)

    @property
    def source(self) -> str:
        """The text that was generated: LLVM's language, a list of calls of NumPy, or Python."""
        return str(self._need().executable.source)

    @property
    def program(self) -> Listing:
        """The list of operations, forward and adjoint, with your names."""
        return self._need().listing

    def explain(self) -> str:
        """The layers that were found again, forward and backward, as text.

        >>> from microgrunderscore import MLP
        >>> model = MLP(2, [3, 1], seed=1)
        >>> f = compile(lambda x, y: (model(x) - y) ** 2, model)
        >>> _ = f([[0.0, 1.0]], [1.0])
        >>> "matrix 3×2 + bias · relu 3" in f.explain() or f.backend == "python"
        True
        """
        from .program.explanation import explained

        return explained(self._need())

    def overview(self, **settings: Any) -> Any:
        """The groups as a picture: each a box, as large as it has members; see `draw`."""
        from .pictures.program_picture import program_picture

        return program_picture(self._need(), **settings)

    def _check(self, trace: Trace, batch: Batch, arguments: Sequence[Any]) -> None:
        """Refuse data that an index or a target cannot be, as the function itself does."""
        for i, k, allowed in unsuitable(trace, batch):
            self._refuse(i, k, allowed, trace, batch, arguments)

    def _refuse(
        self, i: int, k: int, allowed: Any, trace: Trace, batch: Batch, arguments: Any
    ) -> None:
        """Raise what the function raises for a sample; if it does not, say what is wrong."""
        self._eagerly(i, arguments)
        given = f"{trace.program.input_names[k]} is {float(batch.columns[k][i])!r}"
        span = f"0 to {len(allowed) - 1}" if len(allowed) > 2 else " or ".join(map(str, allowed))
        raise ValueError(f"sample {i}: {given}, but must be {span}")

    def _eagerly(self, i: int, arguments: Sequence[Any]) -> Any:
        """The function itself on one sample; an error says which one it was."""
        try:
            return self.function(*sample_of(arguments, i))
        except Exception as error:
            error.add_note(f"in sample {i}")
            raise


def unsuitable(trace: Trace, batch: Batch) -> Iterator[tuple[int, int, Sequence[float]]]:
    """Data that an index or a target cannot be: the sample, which of its numbers, what it may be.

    Of each number only the first sample; nothing is named that the shares of a distribution may be.
    """
    for k, choices in trace.allowed.items():
        for allowed in choices:
            i = _first_not_among(batch.columns[k], allowed)
            if i is not None:
                yield i, k, allowed
    for ks in trace.distributions:
        for i in range(batch.count):
            ds = [float(batch.columns[k][i]) for k in ks]
            if not all(0.0 <= d <= 1.0 for d in ds) or abs(math.fsum(ds) - 1.0) > 1e-6:
                yield i, ks[0], ()


class Listing:
    """A program as text; `forward` and `adjoint` apart, one line for each operation."""

    def __init__(self, program: Program, results: Sequence[int], others: Sequence[int]) -> None:
        self._program = program
        self._results = list(results)
        self._others = list(others)

    @property
    def forward(self) -> str:
        """The operations of the function itself."""
        return self._program.listing(self._results)

    @property
    def adjoint(self) -> str:
        """Those that its derivatives add."""
        before = set(self._program.live(self._results))
        return self._program.listing([*self._results, *self._others], without=before)

    @property
    def operations(self) -> int:
        """How many there are."""
        roots = [*self._results, *self._others]
        return sum(1 for i in self._program.live(roots) if self._program.operands(i))

    def __str__(self) -> str:
        return f"forward:\n{self.forward}\nadjoint:\n{self.adjoint}"

    def __repr__(self) -> str:
        return f"<program of {self.operations:,} operations; print it>"


# ---- losses -------------------------------------------------------------------------------------


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
        self._steps = -1  # of the optimiser, when its state was read or written

    def _load(self, found: _Runs) -> None:
        """Bring parameters, and what else is uniform, into the memory of the executable."""
        mine, before = found.executable, self._holder
        if process.edits != self._seen:
            _copy(mine.parameters, updates.data_and_gradients(self.parameters)[0])
            self._seen = process.edits
        elif before is not None and before is not mine:
            _copy(mine.parameters, before.parameters)
        if found.trace.values[len(self.parameters) :]:
            first = len(self.parameters)
            others = found.trace.values[first:]
            mine.set_leaves({first + k: v._value for k, v in enumerate(others)})
        if self.update is not None:
            if self._steps != self.update.steps:
                for state, numbers in zip(mine.states, self.update.states, strict=True):
                    _copy(state, numbers)
                self._steps = self.update.steps
            elif before is not None and before is not mine:
                for state, other in zip(mine.states, before.states, strict=True):
                    _copy(state, other)
        self._holder = mine

    def _owe(self) -> None:
        """Write the gradients once somebody looks at one."""
        if not self._owes:
            self._owes = True
            process.late.append(self._pay)

    def _pay(self) -> None:
        if self._owes and self._holder is not None:
            self._owes = False
            updates.set_gradients(self.parameters, _as_list(self._holder.gradient))

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
        made = mine.train(bound, schedule, first)
        if len(made) < len(schedule):  # what the step that failed has left behind is undone
            for x, numbers in zip(memory, kept, strict=True):
                _copy(x, numbers)
            if made:
                mine.train(bound, schedule[: len(made)], first)
        if made:
            updates.set_data(self.parameters, _as_list(mine.parameters))
            self._seen = process.edits
            self.update.moved_elsewhere(len(made), [_as_list(s) for s in mine.states])
            self._steps = self.update.steps
        return made


class _LossProgram:
    """A loss for samples of one structure: its trace, what is wanted of it, the executable."""

    def __init__(self, loss: CompiledLoss, batch: Batch) -> None:
        parameters, names = loss.parameters, loss.names
        self.trace = trace(
            loss.function, batch.nests, parameters, names, loss._names[: len(batch.nests)]
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


class CompiledLoss(_Compiled, Keeper):
    """The mean of a loss over a batch, with its gradient, and steps of an optimiser.

    Called with a batch it returns the mean loss as a float; each parameter's `.grad` is then that of
    the mean, in place of what it was. With `update`, the call also makes a step: the loss is that
    before it. Not to be called from several threads at once.

    Attributes:
        function: what was compiled. parameters, names: the Values, and what errors call them.
        update: the optimiser, or None.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Any,
        update: Optimizer | None,
        settings: _Settings,
    ) -> None:
        _Compiled.__init__(self, function, settings)
        Keeper.__init__(self, parameters, update)
        if update is not None:
            _check_update(update, self.parameters)

    # ---- one batch ----

    def __call__(self, *arguments: Any) -> float:
        """The mean loss over a batch; gradients go to the parameters, and a step is made."""
        batch, arguments = self._batch(arguments)
        found = self._of(batch)
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
        found = self._of(batch)
        self._settle()
        loss = self._run(found, self._bound(found, batch, arguments), batch, arguments)
        return loss, _as_list(found.executable.gradient)

    def gradients(self, *arguments: Any) -> list[float]:
        """The gradient of the mean loss over a batch, see `value_and_grad`."""
        return self.value_and_grad(*arguments)[1]

    def bind(self, *arguments: Any) -> BoundLoss:
        """The loss of one batch that is laid out once, for loops that see it again and again."""
        batch, arguments = self._batch(arguments)
        found = self._of(batch)
        return BoundLoss(self, found, self._bound(found, batch, arguments), batch, arguments)

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

        >>> from microgrunderscore import SGD, Value
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
        found = self._of(batch)
        size = batch.count if batch_size is None else whole("batch_size", batch_size, 1)
        bound = self._bound(found, batch, arguments, size)
        return self._trained(found, bound, steps, batch, arguments)

    def _compiled(self, batch: Batch) -> _LossProgram:
        return _LossProgram(self, batch)

    def _bound(
        self, found: _LossProgram, batch: Batch, arguments: Sequence[Any], size: int | None = None
    ) -> Bound:
        """The batch as the executable reads it."""
        self._check(found.trace, batch, arguments)
        size = min(size or batch.count, batch.count)
        return found.executable.bind(batch.columns, size, lambda n: 1.0 / n)

    def _run(
        self, found: _LossProgram, bound: Bound, batch: Batch, arguments: Sequence[Any]
    ) -> float:
        """The loss; the gradient is in the memory of the executable then."""
        self._load(found)
        try:
            loss = found.executable.run(bound, 0)[0]
        except (ArithmeticError, ValueError):
            loss = math.nan
        if self.settings.ignores or (math.isfinite(loss) and found.executable.is_finite()):
            return loss
        loss, gradient = self._mean_eagerly(range(batch.count), arguments)
        _copy(found.executable.gradient, gradient)
        return loss

    def _mean_eagerly(
        self, members: Sequence[int], arguments: Sequence[Any]
    ) -> tuple[float, list[float]]:
        """The same by the engine, which raises where an operation has no result."""
        before = updates.data_and_gradients(self.parameters)[1]
        total = 0.0
        updates.zero_gradients(self.parameters)
        try:
            for i in members:
                error = self._eagerly(i, arguments)
                total += data_of(error)
                if isinstance(error, Value):
                    error.backward(1.0 / len(members))
            gradient = updates.data_and_gradients(self.parameters)[1]
        finally:
            for p, g in zip(self.parameters, before, strict=True):
                p.grad = g
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
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss}; nothing was changed; {WAY_OUT}")
        updates.set_gradients(self.parameters, gradient)
        self.update.step()
        _copy(found.executable.gradient, gradient)
        return loss


class BoundLoss:
    """A compiled loss and a batch that is laid out for it.

    Writing into `parameters` moves the parameters for the next step, but not the Values.

    Attributes:
        parameters, gradient: the numbers themselves, in the memory of the program; NumPy arrays,
            or lists where the program runs as Python.
    """

    def __init__(
        self,
        loss: CompiledLoss,
        found: _LossProgram,
        bound: Bound,
        batch: Batch,
        arguments: Sequence[Any],
    ) -> None:
        self._loss = loss
        self._found = found
        self._bound = bound
        self._batch = batch
        self._arguments = arguments
        loss._load(found)
        self.parameters = found.executable.parameters
        self.gradient = found.executable.gradient

    def step(self) -> float:
        """Compute the loss for what `parameters` holds; `gradient` then holds that of the mean.

        Nothing is checked: what is not finite stays so.

        >>> w = Value(2.0)
        >>> bound = compile(lambda x: w * x, [w]).bind([1.0, 3.0])
        >>> bound.step(), list(bound.gradient)
        (4.0, [2.0])
        """
        return self._found.executable.run(self._bound, 0)[0]


# ---- functions of points ------------------------------------------------------------------------


class _FunctionProgram:
    """A function of points of one structure: its trace, and an executable for what was asked."""

    def __init__(self, function: CompiledFunction, batch: Batch, kind: str) -> None:
        names = function._names[: len(batch.nests)]
        self.trace = trace(function.function, batch.nests, (), (), names, inputs_move=True)
        p = self.trace.program
        self.count = len(p.input_names)
        if self.count and not any(p.lane[i] for i in self.trace.results):
            raise TraceError(
                f"{function_name(function.function)} does not depend on its arguments: it left the "
                "traced numbers, or the data are read from somewhere else"
            )
        lanes = self.trace.results if kind == "values" else self._derivatives(kind, function)
        forward = list(self.trace.results)
        p.input_names.append("weight")
        self.outputs = Outputs(lanes=lanes)
        self.listing = Listing(p, forward, lanes)
        settings = function.settings
        self.task = Task(
            p, self.outputs, limits=settings.ignores, samples=batch.count, cache=settings.folder
        )
        self.executable = executable(self.task, settings.backend)

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


class CompiledFunction(_Compiled):
    """A function of scalars, at many points: its values and its derivatives.

    Arguments have a leading axis of points; so have the results, which are arrays if an argument was
    one, and lists otherwise.
    """

    def __call__(self, *points: Any) -> Any:
        """The values: what the function returns, each number with an axis of points in front.

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

        >>> compile(lambda x, y: [x + y, x * y]).jacobian([2.0], [3.0])
        [[[1.0, 1.0], [3.0, 2.0]]]
        """
        batch, points = self._batch(points)
        found, columns = self._evaluated("jacobian", batch, points)
        nest = [[0.0] * found.count for _ in found.trace.results]
        return self._shaped(batch, columns, nest)

    def hessian(self, *points: Any) -> Any:
        """The second derivatives of one result: a square matrix for each point.

        >>> compile(lambda x, y: x * x * y).hessian([2.0], [3.0])
        [[[6.0, 4.0], [4.0, 0.0]]]
        """
        batch, points = self._batch(points)
        found, columns = self._evaluated("hessian", batch, points)
        return self._shaped(batch, columns, [[0.0] * found.count for _ in range(found.count)])

    def _of_kind(self, kind: str, batch: Batch) -> _FunctionProgram:
        programs = self._of(batch)
        if kind not in programs.by_kind:
            with gc_paused():
                programs.by_kind[kind] = _FunctionProgram(self, batch, kind)
        self._latest = programs.by_kind[kind]
        return programs.by_kind[kind]

    def _compiled(self, batch: Batch) -> _Kinds:
        return _Kinds()

    def _evaluated(
        self, kind: str, batch: Batch, points: Sequence[Any]
    ) -> tuple[_FunctionProgram, list[Any]]:
        """The numbers of all points, column by column; points that went wrong by the engine."""
        found = self._of_kind(kind, batch)
        self._check(found.trace, batch, points)
        run = found.executable
        run.set_leaves({k: v._value for k, v in enumerate(found.trace.values)})
        bound = run.bind(batch.columns, batch.count, lambda n: 1.0)
        try:
            run.run(bound, 0)
            columns = run.lanes_of(bound, 0)
        except (ArithmeticError, ValueError):
            columns = []
        if not self.settings.ignores:
            self._look_at_limits(columns, batch, points)
        if not columns:  # Python's own arithmetic has refused a derivative
            columns = self._with_limits(kind, batch, found)
        return found, columns

    def _look_at_limits(self, columns: list[Any], batch: Batch, points: Sequence[Any]) -> None:
        """Let the engine compute what is not finite: where it raises, so do we."""
        wrong = range(batch.count) if not columns else sorted(_not_finite(columns))
        for i in wrong:
            self._eagerly_with_values(i, points)

    def _eagerly_with_values(self, i: int, points: Sequence[Any]) -> None:
        """The function on one point, as the derivatives see it."""
        sample = sample_of(points, i)
        numbers = iter([Value(x) for part in sample for _, x in leaves(part)])
        try:
            self.function(*(rebuild(part, numbers) for part in sample))
        except TypeError:
            self._eagerly(i, points)  # a Value where an index is meant
        except Exception as error:
            error.add_note(f"in sample {i}")
            raise

    def _with_limits(self, kind: str, batch: Batch, found: _FunctionProgram) -> list[Any]:
        task = found.task
        task.limits = True
        run = executable(task, "python")
        run.set_leaves({k: v._value for k, v in enumerate(found.trace.values)})
        bound = run.bind(batch.columns, batch.count, lambda n: 1.0)
        run.run(bound, 0)
        return run.lanes_of(bound, 0)

    def _shaped(self, batch: Batch, columns: Sequence[Any], nest: Tree) -> Any:
        """Columns of numbers as one nest for each point."""
        if batch.has_arrays and self.settings.batch:
            import numpy as np

            table = np.array(columns, dtype=float).reshape(-1, batch.count)
            return table.T.reshape(batch.count, *np.shape(_without_numbers(nest)))
        rows = zip(*(_as_list(c) for c in columns), strict=True)
        shaped = [rebuild(nest, iter(row)) for row in rows]
        return shaped if self.settings.batch else shaped[0]


class _Kinds:
    """The programs of one structure, by what they compute."""

    def __init__(self) -> None:
        self.by_kind: dict[str, _FunctionProgram] = {}


# ---- small things -------------------------------------------------------------------------------


def _argument_names(function: Any) -> list[str]:
    """The names of a function's arguments, as far as they are known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _of_one(x: Any) -> Any:
    """A single argument with a leading axis."""
    return x[None] if hasattr(x, "__array__") and hasattr(x, "ndim") else [x]


def _first_not_among(column: Any, allowed: Sequence[float]) -> int | None:
    """The first number that is none of these."""
    numbers = _as_list(column)
    if isinstance(allowed, range):
        end = len(allowed)
        return next(
            (i for i, x in enumerate(numbers) if not (0.0 <= x < end and x == int(x))), None
        )
    known = set(allowed)
    return next((i for i, x in enumerate(numbers) if x not in known), None)


def _not_finite(columns: Sequence[Any]) -> set[int]:
    """The samples that have a number that is not finite."""
    return {i for c in columns for i, x in enumerate(_as_list(c)) if not math.isfinite(x)}


def _without_numbers(nest: Tree) -> Any:
    """The same nest with zeros, of which NumPy can tell the shape."""
    return rebuild(nest, iter(lambda: 0.0, None))


def _as_list(x: Any) -> list[float]:
    found: list[float] = x.tolist() if hasattr(x, "tolist") else list(x)
    return found


def _copy(to: Any, numbers: Any) -> None:
    to[:] = numbers


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
            f"the optimiser holds {len(optimizer.parameters)} parameters, the loss has "
            f"{len(parameters)}, or in another order: give both the same list"
        )
    if not optimizer.has_rule:
        raise TypeError(
            f"{type(optimizer).__name__} makes its steps in a way of its own, and has no rule for "
            "one parameter: compile without update, and call its step()"
        )
