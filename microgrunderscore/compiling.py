"""compile: the function that you wrote, run once as a graph, and then at the speed of machine code.

The function is traced, differentiated, re-rolled into groups and printed, see ``program/``. What
comes back is called with whole batches: it knows one program for each structure of a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from .compiled import Settings, folder_of
from .compiled_function import CompiledFunction
from .compiled_loss import CompiledLoss
from .optim import Optimizer

Backend: TypeAlias = Literal["auto", "llvm", "numpy", "python"]
Nonfinite: TypeAlias = Literal["raise", "ignore"]


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
    done to them. So it has to compute with Values and the package's functions; where it would
    decide in Python, as by ``if``, use `where`, `relu`, `maximum`; where data name a row, `take`.
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
    >>> f([1.0, 2.0], [2.0, 6.0]), w.grad
    (2.0, -4.0)
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
    settings = Settings(backend, batch, nonfinite == "ignore", folder_of(cache))
    if parameters is None:
        if update is not None:
            raise ValueError("update needs parameters: compile(loss, model, update=SGD(model, …))")
        return CompiledFunction(function, settings)
    return CompiledLoss(function, parameters, update, settings)
