"""PyTorch as it comes, in float64 on one thread: tensors, or scalars where there are no layers.

Parameters are tensors, one for each matrix and each row of biases, as in modules; so is what is
handed back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn import functional as F

from ..workloads import GPT, Layers, Scalars, Workload
from . import Array, Step

torch.set_num_threads(1)

Tensors: TypeAlias = list[Any]

TORCH = Scalars(
    relu=torch.relu, tanh=torch.tanh, sigmoid=torch.sigmoid, exp=torch.exp, log=torch.log
)


def prepare(workload: Workload) -> Step:
    """The step of a workload."""
    model = workload.model
    if isinstance(model, Layers):
        return layers(workload, model)
    if isinstance(model, GPT):
        return gpt(workload, model)
    return scalar_by_scalar(workload)


def step_of(loss_of: Callable[[Tensors], Any], places: Sequence[Array]) -> Step:
    """A step of tensors; places: where in the flat array the numbers of each of them are."""
    count = sum(place.size for place in places)

    def step(parameters: Tensors) -> tuple[Any, Sequence[Any]]:
        loss = loss_of(parameters)
        return loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True)

    def enter(flat: Array) -> Tensors:
        return [torch.tensor(flat[place], requires_grad=True) for place in places]

    def flat(gradient: Sequence[Any]) -> Array:
        found = np.zeros(count)
        for place, slopes in zip(places, gradient, strict=True):
            if slopes is not None:  # None: the loss does not depend on it
                found[place] = slopes.numpy()
        return found

    return Step(step, enter, flat)


def layers(workload: Workload, model: Layers) -> Step:
    """All samples at once; matrices and biases in turn."""
    X = torch.tensor(workload.X, dtype=torch.float64)
    Y = torch.tensor(workload.Y, dtype=torch.float64).reshape(len(X), -1)
    activation, error = getattr(torch, model.hidden), ERRORS[model.error]
    places, at = [], 0
    for neurons, inputs in model.shapes:
        rows = at + np.arange(neurons * (inputs + 1)).reshape(neurons, inputs + 1)
        places += [rows[:, :-1], rows[:, -1]]
        at += rows.size

    def loss_of(parameters: Tensors) -> Any:
        x = X
        for k in range(0, len(parameters) - 2, 2):
            x = activation(F.linear(x, parameters[k], parameters[k + 1]))
        loss = error(F.linear(x, *parameters[-2:]), Y)
        if workload.penalty:
            loss = loss + workload.penalty * sum((p * p).sum() for p in parameters)
        return loss

    return step_of(loss_of, places)


ERRORS: dict[str, Callable[[Any, Any], Any]] = {  # from scores: each includes the last activation
    "hinge": lambda scores, y: torch.relu(1.0 - y * scores).mean(),
    "logistic": F.binary_cross_entropy_with_logits,
    "cross_entropy": lambda scores, d: (
        F.binary_cross_entropy(torch.sigmoid(scores), d, reduction="sum") / len(d)
    ),
}


def gpt(workload: Workload, model: GPT) -> Step:
    """A document at once."""
    ids, following = torch.tensor(workload.X[0]), torch.tensor(workload.Y[0])
    heads = (model.tokens, model.heads, model.width // model.heads)
    width = (model.width,)
    places, at = [], 0
    for rows, columns in model.shapes.values():
        places.append(at + np.arange(rows * columns).reshape(rows, columns))
        at += rows * columns

    def loss_of(parameters: Tensors) -> Any:
        token, place, query, key, value, mix, widen, narrow, score = parameters
        start = F.rms_norm(F.embedding(ids, token) + place[: model.tokens], width, eps=1e-5)
        x = F.rms_norm(start, width, eps=1e-5)
        q, k, v = (F.linear(x, W).view(heads).transpose(0, 1) for W in (query, key, value))
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = start + F.linear(found.transpose(0, 1).reshape(x.shape), mix)
        hidden = torch.relu(F.linear(F.rms_norm(x, width, eps=1e-5), widen))
        return F.cross_entropy(F.linear(x + F.linear(hidden, narrow), score), following)

    return step_of(loss_of, places)


def scalar_by_scalar(workload: Workload) -> Step:
    """A tensor for each number."""
    places = list(np.arange(len(workload.parameters)))
    return step_of(lambda parameters: workload.total(parameters, TORCH), places)
