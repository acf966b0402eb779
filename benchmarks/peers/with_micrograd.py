"""micrograd, with the functions that it lacks, written as its own operations are."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from micrograd.engine import Value

from ..workloads import Scalars, Workload
from . import Step
from .scalars import step_of

DEEPEST = 1_000_000  # it sorts recursively


def function(
    name: str, of: Callable[[float], float], slope: Callable[[float, float], float]
) -> Callable[[Value], Value]:
    """A function on micrograd's Values; slope: its derivative, from operand and result."""

    def apply(x: Value) -> Value:
        out = Value(of(x.data), (x,), name)

        def _backward() -> None:
            x.grad += slope(x.data, out.data) * out.grad

        out._backward = _backward
        return out

    return apply


MICROGRAD = Scalars(
    relu=Value.relu,
    exp=function("exp", math.exp, lambda x, y: y),
    log=function("log", math.log, lambda x, y: 1.0 / x),
    tanh=function("tanh", math.tanh, lambda x, y: 1.0 - y * y),
    sigmoid=function("sigmoid", lambda x: 1.0 / (1.0 + math.exp(-x)), lambda x, y: y * (1.0 - y)),
)


def prepare(workload: Workload) -> Step:
    """The step of a workload."""
    plain = step_of(workload, Value, MICROGRAD)

    def step(parameters: Any) -> tuple[Any, Any]:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(DEEPEST)
        try:
            return plain.step(parameters)
        finally:
            sys.setrecursionlimit(before)

    return replace(plain, step=step)
