"""Our compiled programs: the loss of one sample, traced once, then run by one of the backends."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgrunderscore as mg

from ..workloads import Workload
from . import Array, Step
from .eager import OURS


def prepare(workload: Workload, backend: str) -> Step:
    """The step of a workload, and many of them."""
    bound = compiled(workload, backend).bind(*data_of(workload))

    def step(given: Any) -> tuple[float, Any]:
        bound.parameters[:] = given
        return bound.step(), bound.gradient

    enter = np.ndarray.tolist if backend == "python" else np.array  # lists are what it computes on
    return Step(step, enter, np.array, Descent(workload, backend))


def compiled(workload: Workload, backend: str, rate: Any = None) -> Any:
    """The compiled function; with a learning rate, one that changes its parameters as well."""
    leaves = [mg.Value(x) for x in workload.parameters]
    update = None if rate is None else mg.SGD(leaves, lr=rate)
    loss = workload.loss(leaves, OURS)
    function = loss if data_of(workload) else lambda: loss([], [])
    return mg.compile(function, leaves, backend=backend, update=update)


def data_of(workload: Workload) -> tuple[Array, ...]:
    """What the compiled function is called with: nothing, where there is nothing in a sample."""
    return (np.array(workload.X), np.array(workload.Y)) if workload.X[0] else ()


class Descent:
    """Gradient descent in one piece; it is compiled when it is first asked for."""

    def __init__(self, workload: Workload, backend: str) -> None:
        self._workload = workload
        self._backend = backend
        self._data = data_of(workload)
        self._rate: float | None = None

    def __call__(self, given: Any, steps: int, rate: float) -> tuple[Array, Array]:
        if rate != self._rate:
            self._bound = compiled(self._workload, self._backend, rate).bind(*self._data)
            self._rate = rate
        self._bound.parameters[:] = given
        losses = self._bound.many(steps)
        return np.array(losses), np.array(self._bound.parameters)


def trained(workload: Workload, backend: str, steps: int) -> list[float]:
    """The losses of a training from the loss function on, at the learning rate of the demo."""
    descent = compiled(workload, backend, mg.optim.linear(1.0, 0.1, steps))
    losses = descent.many(*data_of(workload), steps=steps)
    return [float(loss) for loss in losses]
