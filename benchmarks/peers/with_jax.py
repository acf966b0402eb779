"""JAX: arrays of float64, a step compiled by `jit`; `many` is a loop compiled as a whole.

Parameters come as an array that is JAX's own, and so does the gradient: nothing is copied. Calls
are not dispatched to another thread, which makes these small ones up to five times as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np
from jax import nn
from jax import numpy as jnp

from ..workloads import GPT, Layers, Scalars, Workload
from . import Array, Step

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_enable_async_dispatch", False)

Data: TypeAlias = Any  # inputs and targets, JAX's own
Loss: TypeAlias = Callable[[Any, Data], Any]

JAX = Scalars(relu=nn.relu, tanh=jnp.tanh, sigmoid=nn.sigmoid, exp=jnp.exp, log=jnp.log)


def prepare(workload: Workload) -> Step:
    """The step of a workload, and many of them."""
    model = workload.model
    if isinstance(model, Layers):
        mean = layers(model)
    else:
        mean = gpt(model) if isinstance(model, GPT) else scalar_by_scalar(workload)

    def loss(parameters: Any, data: Data) -> Any:
        return mean(parameters, data) + workload.penalty * jnp.sum(parameters**2)

    data = (jnp.array(workload.X), jnp.array(workload.Y))
    once = jax.jit(jax.value_and_grad(loss if workload.penalty else mean))

    def step(parameters: Any) -> tuple[Any, Any]:
        loss, gradient = once(parameters, data)
        return loss, gradient.block_until_ready()

    def descend(parameters: Any, rate: Any, steps: int, data: Data) -> tuple[Any, Any]:
        def body(parameters: Any, _: None) -> tuple[Any, Any]:
            loss, gradient = once(parameters, data)
            return parameters - rate * gradient, loss

        return jax.lax.scan(body, parameters, None, length=steps)

    fused = jax.jit(descend, static_argnums=2)

    def many(parameters: Any, steps: int, rate: float) -> tuple[Array, Array]:
        parameters, losses = fused(parameters, rate, steps, data)
        return np.asarray(losses), np.asarray(parameters)

    return Step(step, enter=jnp.array, flat=np.asarray, many=many)


def layers(model: Layers) -> Loss:
    """The mean loss of a network of layers, all samples at once."""
    activations = {"": lambda z: z, "relu": nn.relu, "tanh": jnp.tanh, "sigmoid": nn.sigmoid}
    error = {"hinge": hinge, "logistic": logistic, "cross_entropy": cross_entropy}[model.error]

    def mean(parameters: Any, data: Data) -> Any:
        x, y = data
        at = 0
        for k, (neurons, inputs) in enumerate(model.shapes):
            end = at + neurons * (inputs + 1)
            rows = parameters[at:end].reshape(neurons, inputs + 1)
            z = x @ rows[:, :-1].T + rows[:, -1]
            x = activations[model.last if k == len(model.shapes) - 1 else model.hidden](z)
            at = end
        return error(x, y.reshape(x.shape)) / len(x)

    return mean


def hinge(scores: Any, y: Any) -> Any:
    return jnp.sum(nn.relu(1.0 - y * scores))


def logistic(scores: Any, y: Any) -> Any:
    """Cross-entropy of scores: log(1 + e^z) - z·y."""
    return jnp.sum(nn.softplus(scores) - scores * y)


def cross_entropy(ys: Any, d: Any) -> Any:
    return -jnp.sum(d * jnp.log(ys) + (1.0 - d) * jnp.log(1.0 - ys))


def gpt(model: GPT) -> Loss:
    """The mean surprise over a document whose ids are data."""
    heads = (model.heads, model.width // model.heads)
    causal = jnp.tril(jnp.ones((model.tokens, model.tokens), dtype=bool))

    def normalised(x: Any) -> Any:
        return x * (jnp.mean(x * x, axis=1, keepdims=True) + 1e-5) ** -0.5

    def mean(parameters: Any, data: Data) -> Any:
        ids, following = data[0][0], data[1][0]
        w, at = {}, 0
        for name, shape in model.shapes.items():
            w[name] = parameters[at : at + shape[0] * shape[1]].reshape(shape)
            at += shape[0] * shape[1]
        start = normalised(w["token"][ids] + w["place"][: model.tokens])
        x = normalised(start)
        q, k, v = ((x @ w[name].T).reshape(-1, *heads) for name in ("query", "key", "value"))
        scores = jnp.einsum("thj,shj->hts", q, k) / heads[1] ** 0.5
        shares = nn.softmax(jnp.where(causal, scores, -jnp.inf), axis=2)
        found = jnp.einsum("hts,shj->thj", shares, v).reshape(x.shape)
        x = start + found @ w["mix"].T
        x = x + nn.relu(normalised(x) @ w["widen"].T) @ w["narrow"].T
        surprise = -nn.log_softmax(x @ w["score"].T, axis=1)
        return jnp.mean(surprise[jnp.arange(model.tokens), following])

    return mean


def scalar_by_scalar(workload: Workload) -> Loss:
    """A workload without arrays, which JAX is not made for."""

    def total(parameters: Any, data: Data) -> Any:
        return workload.total(list(parameters), JAX)

    return total
