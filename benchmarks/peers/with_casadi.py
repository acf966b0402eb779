"""CasADi: expressions of scalars (SX), differentiated in reverse, run by its virtual machine.

One sample is an expression; a batch is its `map`, which adds up losses and gradients. Ids are
constants, which spares CasADi the choice of a row. Calls go through its buffers, without copies.
"""

from __future__ import annotations

from typing import Any

import casadi as ca
import numpy as np

from ..workloads import Scalars, Workload
from . import Array, Step

CASADI = Scalars(
    relu=lambda x: ca.fmax(x, 0.0),
    tanh=ca.tanh,
    sigmoid=lambda x: 1.0 / (1.0 + ca.exp(-x)),
    exp=ca.exp,
    log=ca.log,
)


def prepare(workload: Workload) -> Step:
    """The step of a workload."""
    leaves = [ca.SX.sym(f"p{i}") for i in range(len(workload.parameters))]
    column = ca.vertcat(*leaves)
    if len(workload.X) == 1:
        function = ca.Function("step", [column], outputs(workload.total(leaves, CASADI), column))
    else:
        function = of_batch(workload, leaves, column)
    parameters, gradient = (np.empty(len(leaves)) for _ in range(2))
    loss = np.empty(1)
    buffer, trigger = function.buffer()
    buffer.set_arg(0, memoryview(parameters))
    buffer.set_res(0, memoryview(loss))
    buffer.set_res(1, memoryview(gradient))

    def step(given: Array, buffer: Any = buffer) -> tuple[float, Array]:  # which is to stay alive
        parameters[:] = given
        trigger()
        return loss[0], gradient

    return Step(step)


def outputs(loss: Any, column: Any) -> list[Any]:
    """A loss and its gradient, every derivative of which has a place."""
    return [loss, ca.densify(ca.gradient(loss, column))]


def of_batch(workload: Workload, leaves: list[Any], column: Any) -> Any:
    """From parameters to mean loss and gradient, the penalty included."""
    samples = [[*x, *as_list(y)] for x, y in zip(workload.X, workload.Y, strict=True)]
    inputs = len(workload.X[0])
    numbers = [ca.SX.sym(f"x{i}") for i in range(len(samples[0]))]
    x, y = numbers[:inputs], numbers[inputs:]
    model = workload.model
    weights = model.weights(leaves)
    error = model.loss(weights, x, y if isinstance(workload.Y[0], list) else y[0], CASADI)
    one = ca.Function("sample", [column, ca.vertcat(*numbers)], outputs(error, column))
    all_of_them = one.map("samples", "serial", len(samples), [0], [0, 1])
    square = workload.penalty * ca.dot(column, column)
    penalty = ca.Function("penalty", [column], outputs(square, column))
    given = ca.MX.sym("p", len(leaves))
    totals = all_of_them(given, ca.DM(samples).T)
    found = [x / len(samples) for x in totals]
    if workload.penalty:
        found = [x + y for x, y in zip(found, penalty(given), strict=True)]
    return ca.Function("step", [given], found)


def as_list(y: Any) -> list[float]:
    """What is wanted of a sample, as a list."""
    return y if isinstance(y, list) else [y]
