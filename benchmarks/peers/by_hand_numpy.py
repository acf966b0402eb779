"""Backpropagation through layers, written by hand: what one writes who knows NumPy, and calculus.

All samples at once, a matrix product for each layer and direction. Weights and gradient are views
of two flat arrays; what is as large as a layer's outputs is allocated once and computed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..workloads import Layers, Workload
from . import Array, CannotDo, Step

Views: TypeAlias = list[tuple[Array, Array]]  # the weights and the biases of each layer


def prepare(workload: Workload) -> Step:
    """The step of a network of layers."""
    model = workload.model
    if not isinstance(model, Layers):
        raise CannotDo(f"{workload.name} is not written by hand in NumPy")
    X = np.array(workload.X)
    Y = np.array(workload.Y).reshape(len(X), -1)
    parameters, gradient = (np.empty(len(workload.parameters)) for _ in range(2))
    weights, slopes = views(model, parameters), views(model, gradient)
    activations = [*[model.hidden] * (len(weights) - 1), model.last]
    error = ERRORS[model.error]
    outputs = [X, *(np.empty((len(X), neurons)) for neurons, _ in model.shapes)]
    deltas = [np.empty_like(x) for x in outputs[:-1]]

    def step(given: Array) -> tuple[float, Array]:
        parameters[:] = given
        for k, (W, b) in enumerate(weights):
            z = np.matmul(outputs[k], W.T, out=outputs[k + 1])
            z += b
            ACTIVATIONS[activations[k]](z)
        loss, delta = error(outputs[-1], Y)
        loss /= len(X)
        delta /= len(X)
        for k in reversed(range(len(weights))):
            (W, _), (dW, db) = weights[k], slopes[k]
            np.matmul(delta.T, outputs[k], out=dW)
            np.sum(delta, axis=0, out=db)
            if k:
                delta = np.matmul(delta, W, out=deltas[k])
                delta *= DERIVATIVES[model.hidden](outputs[k])
        if workload.penalty:
            loss += workload.penalty * (parameters @ parameters)
            gradient[:] += 2.0 * workload.penalty * parameters
        return loss, gradient

    return Step(step)


def views(model: Layers, flat: Array) -> Views:
    """The parameters of each layer inside a flat array: rows of weights, each with its bias."""
    found, at = [], 0
    for neurons, inputs in model.shapes:
        end = at + neurons * (inputs + 1)
        rows = flat[at:end].reshape(neurons, inputs + 1)
        found.append((rows[:, :-1], rows[:, -1]))
        at = end
    return found


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), in place of z."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1.0
    return np.reciprocal(z, out=z)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {  # in place of what they are given
    "": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0, out=z),
    "tanh": lambda z: np.tanh(z, out=z),
    "sigmoid": sigmoid,
}


def tanh_slope(y: Array) -> Array:
    """1 - y², in place of y."""
    y *= y
    return np.subtract(1.0, y, out=y)


DERIVATIVES: dict[str, Callable[[Array], Array]] = {  # from what the activation gave
    "relu": lambda y: y > 0.0,
    "tanh": tanh_slope,
    "sigmoid": lambda y: y * (1.0 - y),
}


def hinge(scores: Array, Y: Array) -> tuple[float, Array]:
    """Σ max(0, 1 - y·score), and its derivatives toward the scores."""
    margins = 1.0 - Y * scores
    return float(np.maximum(margins, 0.0).sum()), np.where(margins > 0.0, -Y, 0.0)


def logistic(scores: Array, Y: Array) -> tuple[float, Array]:
    """Σ cross-entropy of scores, and its derivatives toward them: σ(score) - y."""
    powers = np.exp(-np.abs(scores))
    losses = np.maximum(scores, 0.0) - scores * Y + np.log(1.0 + powers)
    return float(losses.sum()), np.where(scores >= 0.0, 1.0, powers) / (1.0 + powers) - Y


def cross_entropy(ys: Array, D: Array) -> tuple[float, Array]:
    """Σ cross-entropy of sigmoids, and its derivatives toward what these are given: y - d."""
    loss = -(D * np.log(ys) + (1.0 - D) * np.log(1.0 - ys)).sum()
    return float(loss), ys - D


ERRORS: dict[str, Any] = {"hinge": hinge, "logistic": logistic, "cross_entropy": cross_entropy}
