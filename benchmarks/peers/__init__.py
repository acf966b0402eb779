"""One module for each library that does a workload's step: parameters in, loss and gradient out.

Every module has one function, `prepare(workload)`, which gives a `Step`. All of them work in double
precision and on one thread, and each writes the workload in the way that is natural for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from ..workloads import Workload

Array: TypeAlias = Any  # of NumPy, which this module does not import
Descent: TypeAlias = Callable[[Any, int, float], tuple[Array, Array]]

TITLES = {  # of our backends, then of modules
    "llvm": "ours, LLVM",
    "numpy": "ours, NumPy",
    "python": "ours, Python source",
    "eager": "our Value, not compiled",
    "by_hand_c": "C by hand",
    "by_hand_numpy": "NumPy by hand",
    "with_jax": "JAX, `jit`",
    "with_torch": "PyTorch, eager",
    "with_casadi": "CasADi SX",
    "with_micrograd": "micrograd",
}
NEEDS = {  # what each imports or calls, by its name in `installed`
    "llvm": ("numpy", "llvmlite"),
    "by_hand_c": ("numpy", "gcc"),
    "with_jax": ("numpy", "jax"),
    "with_torch": ("numpy", "torch"),
    "with_casadi": ("numpy", "casadi"),
    "with_micrograd": ("numpy", "micrograd"),
}
BACKENDS = ("llvm", "numpy", "python")


def unchanged(x: Any) -> Any:
    """What has no need of `enter` and `flat`."""
    return x


@dataclass(frozen=True)
class Step:
    """A step of a library, ready to be run again and again.

    Attributes:
        step: from parameters to loss and gradient, in the library's own form: what is timed.
        enter: from an array of parameters to that form.
        flat: from a gradient in that form to an array.
        many: gradient descent in one piece: from parameters in the library's form, a number of
            steps and a learning rate to the losses and to the parameters after the last step,
            as arrays. None where a library has no such thing.
    """

    step: Callable[[Any], tuple[Any, Any]]
    enter: Callable[[Array], Any] = unchanged
    flat: Callable[[Any], Array] = unchanged
    many: Descent | None = None

    def run(self, parameters: Array) -> tuple[float, Array]:
        """The loss at these parameters, and its gradient."""
        loss, gradient = self.step(self.enter(parameters))
        return float(loss), self.flat(gradient)


class CannotDo(Exception):
    """A library, or our text for it, has no such workload."""


def prepared(program: str, workload: Workload) -> Step:
    """The step of a backend of ours, or of a peer, both by their names in TITLES.

    Raises CannotDo.
    """
    if program in BACKENDS:
        from .compiled import prepare

        return prepare(workload, program)
    step: Step = import_module(f"{__name__}.{program}").prepare(workload)
    return step
