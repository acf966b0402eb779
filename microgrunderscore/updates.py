"""How parameters move: the arithmetic of gradient descent and of Adam, on lists of plain numbers.

The optimisers of ``optim.py`` keep the state, check what comes out, and set the parameters. These
are the loops over every number, in a module of their own because it is compiled.
"""

from __future__ import annotations

import math

from .engine import Value, process


def data_and_gradients(parameters: list[Value]) -> tuple[list[float], list[float]]:
    """The numbers in parameters, and their gradients.

    >>> data_and_gradients([Value(1.0), Value(2.0)])
    ([1.0, 2.0], [0.0, 0.0])
    """
    process.settle()
    return [p._value for p in parameters], [p._grad for p in parameters]


def set_data(parameters: list[Value], data: list[float]) -> None:
    """Set parameters to new numbers, as .data does, so that the engine notices; as one change."""
    process.edits = now = process.edits + 1
    unlabelled = (now, "")
    for i, p in enumerate(parameters):
        p._value = data[i]
        notes = p._notes
        p._notes = unlabelled if notes is None or not notes[1] else (now, notes[1])


def set_gradients(parameters: list[Value], gradients: list[float]) -> None:
    """Set the gradients of parameters, as a backward pass from elsewhere."""
    for i, p in enumerate(parameters):
        p._grad = gradients[i]
        p._seen = -1  # a pass, but none of the engine's


def zero_gradients(parameters: list[Value]) -> None:
    """Set the gradient of every parameter to 0."""
    process.settle()
    for p in parameters:
        p._grad = 0.0


def momentum(
    velocity: list[float], gradients: list[float], beta: float, share: float
) -> list[float]:
    """βv + share · g for each parameter.

    >>> momentum([1.0], [2.0], 0.5, 1.0)
    [2.5]
    """
    return [beta * velocity[i] + share * g for i, g in enumerate(gradients)]


def squares(mean: list[float], gradients: list[float], beta: float) -> list[float]:
    """βv + (1 - β) g² for each parameter: the moving average of squared gradients.

    >>> squares([1.0], [2.0], 0.5)
    [2.5]
    """
    return [beta * mean[i] + (1.0 - beta) * (g * g) for i, g in enumerate(gradients)]


def descended(data: list[float], velocity: list[float], rate: float) -> list[float]:
    """w - rate · v for each parameter.

    >>> descended([1.0], [2.0], 0.25)
    [0.5]
    """
    return [x - rate * velocity[i] for i, x in enumerate(data)]


def adapted(
    data: list[float],
    m: list[float],
    v: list[float],
    rate: float,
    m_scale: float,
    v_scale: float,
    eps: float,
) -> list[float]:
    """w - rate · m̂ / (√v̂ + eps) for each parameter, with m̂ = m / m_scale and v̂ = v / v_scale.

    >>> adapted([1.0], [0.5], [0.25], 0.1, 1.0, 1.0, 0.0)
    [0.9]
    """
    return [
        x - rate * (m[i] / m_scale) / (math.sqrt(v[i] / v_scale) + eps) for i, x in enumerate(data)
    ]
