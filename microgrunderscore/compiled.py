"""What compiled functions have in common: a program for each structure of the samples.

See `compiling.compile`.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .graph import gc_paused
from .nesting import Tree
from .places import levels_to_the_program
from .program.batch import Batch, batch_of, computed, sample_of
from .program.executables import Executable, Task
from .program.likeness import check_likeness, chosen
from .program.listing import Program
from .program.trace import Trace, check_outside, function_name

MANY_STRUCTURES = 8  # more than that is worth a warning
FEW_TO_A_CALL = 8  # operations in a group: with fewer, NumPy's calls cost more than they do


class Settings:
    """What compile was told, checked."""

    def __init__(self, backend: str, batch: bool, ignores: bool, folder: Any) -> None:
        self.backend = backend
        self.batch = bool(batch)
        self.ignores = ignores
        self.folder = folder
        for name, needs in (("llvm", ("numpy", "llvmlite")), ("numpy", ("numpy",))):
            missing = [n for n in needs if not is_there(n)]
            if backend == name and missing:
                raise ImportError(
                    f"backend={name!r} needs {' and '.join(missing)}: pip install "
                    f"'microgrunderscore[{'fast' if name == 'llvm' else 'numpy'}]', or leave "
                    "backend out, which takes the fastest one there is"
                )


def is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def folder_of(cache: Any) -> Any:
    """Where machine code is kept, None for nowhere."""
    if cache is None or cache is False:
        return None
    from .program.cache import folder

    return folder(None if cache is True else cache)


def executable(task: Task, backend: str) -> Executable:
    """A program that can be run, by the backend that was asked for or by the fastest one."""
    from .program import executables

    if backend == "llvm" or (backend == "auto" and is_there("llvmlite") and is_there("numpy")):
        return executables.LLVMExecutable(task)
    if backend == "python" or not is_there("numpy"):
        return executables.PythonExecutable(task)
    found = executables.NumpyExecutable(task)
    if backend == "auto" and found.layout.operations < FEW_TO_A_CALL * len(found.layout.steps):
        return executables.PythonExecutable(task)
    return found


class Compiled:
    """What compiled losses and functions share: a trace for each structure of the arguments."""

    def __init__(self, function: Callable[..., Any], settings: Settings) -> None:
        self.function = function
        self.settings = settings
        self._names = argument_names(function)
        self._known: dict[Any, Any] = {}
        self._latest: Any = None
        wrapped: Any = self
        functools.update_wrapper(wrapped, function, updated=())

    def _batch(self, arguments: tuple[Any, ...]) -> tuple[Batch, tuple[Any, ...]]:
        """The samples of a call, and the arguments with their leading axis."""
        check_outside(f"the compiled function {self.function_name}")
        if not self.settings.batch:
            arguments = tuple(map(of_one, arguments))
        return batch_of(arguments, self.argument_names(len(arguments))), arguments

    def argument_names(self, count: int) -> list[str]:
        """What the arguments of a call are called."""
        others = (f"argument{k}" for k in range(len(self._names), count))
        return [*self._names, *others][:count]

    def _of(self, batch: Batch, arguments: Sequence[Any], kind: str = "") -> Any:
        """The program for samples of this structure; traced and compared when it is met first."""
        structure = self._structure(batch)
        if (structure, kind) not in self._known:
            known = {of_known for of_known, _ in self._known}
            if len(known) == MANY_STRUCTURES and structure not in known:
                warnings.warn(
                    f"{function_name(self.function)} is compiled for a {MANY_STRUCTURES + 1}th "
                    "structure of its arguments, and each takes time and memory: pad the samples "
                    "to a few lengths",
                    RuntimeWarning,
                    stacklevel=levels_to_the_program(),
                )
            with gc_paused():  # thousands of entries grow that nobody drops
                found = self._compiled(batch, kind)
                places = chosen(batch.count, batch.columns)
                samples = [sample_of(arguments, i) for i in places]
                check_likeness(
                    found.trace, self._uncompiled, samples, batch.columns, places, self.function
                )
            self._known[structure, kind] = found
        self._latest = self._known[structure, kind]
        return self._latest

    def _structure(self, batch: Batch) -> Any:
        """What the programs for samples like these are known by."""
        return batch.key

    def _compiled(self, batch: Batch, kind: str) -> Any:
        raise NotImplementedError

    def _uncompiled(self, *sample: Any) -> Any:
        """What the function gives for a sample, as it was traced."""
        return self.function(*sample)

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
        found: Listing = self._need().listing
        return found

    def _anew(self) -> Any:
        """The same, with nothing compiled."""
        raise NotImplementedError

    def __copy__(self) -> Any:
        return self._anew()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._anew()  # a function is not copied, nor are the Values that it uses

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} is machine code and a function, which cannot be pickled: keep the numbers, "
            "as with microgrunderscore.store, and compile the function again"
        )

    def __repr__(self) -> str:
        names = ", ".join(self._names)
        on = f", on {self.backend}" if self._latest else ", not yet called"
        return f"<{type(self).__name__} of {self.function_name}({names}){on}>"

    @property
    def function_name(self) -> str:
        """What the function is called."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def explain(self) -> Text:
        """The layers that were found again, forward and backward, as text.

        >>> from microgrunderscore import MLP, compile
        >>> model = MLP(2, [3, 1], seed=1)
        >>> f = compile(lambda x, y: (model(x) - y) ** 2, model)
        >>> _ = f([[0.0, 1.0]], [1.0])
        >>> "matrix 3×2 + bias · relu 3" in f.explain() or f.backend == "python"
        True
        """
        from .program.explanation import explained

        return Text(explained(self._need()))

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
        name = trace.program.names(trace.program.live([k]))[k]
        given = f"{name} is {float(computed(trace, batch, k)[i])!r}"
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
    """Data that an index or a target cannot be: the sample, which entry it is, what it may be.

    Of each entry only the first sample; nothing is named that the shares of a distribution may be.
    """
    for k, choices in trace.allowed.items():
        numbers = as_list(computed(trace, batch, k))
        for allowed in choices:
            i = first_not_among(numbers, allowed)
            if i is not None:
                yield i, k, allowed
    for ks in trace.distributions:
        columns = [computed(trace, batch, k) for k in ks]
        for i in range(batch.count):
            ds = [float(column[i]) for column in columns]
            if not all(0.0 <= d <= 1.0 for d in ds) or abs(math.fsum(ds) - 1.0) > 1e-6:
                yield i, ks[0], ()


class Text(str):
    """A text that is shown as it reads, with its lines, where Python shows a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


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


# ---- small things -------------------------------------------------------------------------------


def argument_names(function: Any) -> list[str]:
    """The names of a function's arguments, as far as they are known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def of_one(x: Any) -> Any:
    """A single argument with a leading axis."""
    return x[None] if hasattr(x, "__array__") and hasattr(x, "ndim") else [x]


def first_not_among(numbers: Sequence[float], allowed: Sequence[float]) -> int | None:
    """The first number that is none of these."""
    if isinstance(allowed, range):
        end = len(allowed)
        return next(
            (i for i, x in enumerate(numbers) if not (0.0 <= x < end and x == int(x))), None
        )
    known = set(allowed)
    return next((i for i, x in enumerate(numbers) if x not in known), None)


def not_finite(columns: Sequence[Any]) -> set[int]:
    """The samples that have a number that is not finite."""
    return {i for c in columns for i, x in enumerate(as_list(c)) if not math.isfinite(x)}


def shape_of(nest: Tree) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers as an array; None if they are none.

    >>> shape_of([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape_of([1.0, [2.0]]), shape_of(1.0)
    ((2, 3), None, ())
    """
    if isinstance(nest, dict) or hasattr(nest, "_fields"):
        return None
    if not isinstance(nest, list | tuple):
        return ()
    shapes = {shape_of(x) for x in nest}
    if len(shapes) != 1:
        return None
    inner = shapes.pop()
    return None if inner is None else (len(nest), *inner)


def as_list(x: Any) -> list[float]:
    found: list[float] = x.tolist() if hasattr(x, "tolist") else list(x)
    return found


def copy_into(to: Any, numbers: Any) -> None:
    to[:] = numbers
