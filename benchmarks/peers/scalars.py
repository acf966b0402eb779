"""Steps of libraries whose numbers know their data, their grad and backward()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Scalars, Workload
from . import Step


def step_of(workload: Workload, value: Callable[[float], Any], scalars: Scalars) -> Step:
    """Build the graph anew for the given parameters, and differentiate it."""

    def step(parameters: list[float]) -> tuple[float, list[float]]:
        leaves = [value(x) for x in parameters]
        loss = workload.total(leaves, scalars)
        loss.backward()
        return loss.data, [leaf.grad for leaf in leaves]

    return Step(step, enter=np.ndarray.tolist, flat=np.array)
