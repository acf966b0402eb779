"""What a model answers, as plain numbers; fast where it is a plain MLP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..activations import Activation, identity, on_float
from ..nn import MLP, Layer, Neuron
from ..operation import ARITHMETIC_ERRORS, Operation
from ..samples import items, plain, rows

Row: TypeAlias = list[float]
Columns: TypeAlias = list[Row]  # of each neuron, its numbers for all inputs


def answers(model: Any, asked: Sequence[Row]) -> list[Row]:
    """The outputs for all these inputs, as plain numbers.

    >>> answers(lambda x: x[0] * 2.0, [[1.0], [2.0]])
    [[2.0], [4.0]]
    """
    layers = _layers_of(model)
    if layers is None:
        return [answer(model, x) for x in asked]
    columns: Columns = [list(column) for column in zip(*asked, strict=True)]
    for layer in layers:
        columns = layer(columns)
    return [list(row) for row in zip(*columns, strict=True)]


def answer(model: Any, x: Row) -> Row:
    """The outputs for one input; an error says for which."""
    try:
        return items(_told(model, x))
    except Exception as error:
        error.add_note(f"while the model was asked about {x!r:.80}")
        raise


def _told(model: Any, x: Any) -> Any:
    """What the model says about one sample, without a graph where it can."""
    return plain(getattr(model, "predict", model)(x))


def _layers_of(model: Any) -> list[Callable[[Columns], Columns]] | None:
    """The layers of a plain MLP as functions of columns of numbers.

    They are ten times as fast as its `predict`, and their numbers are the same to the last bit.
    None for every other model, and for classes that derive from MLP: these may do something else.
    """
    if type(model) is not MLP or "predict" in vars(model):
        return None
    if any(type(layer) is not Layer for layer in model.layers):
        return None
    if any(type(neuron) is not Neuron for layer in model.layers for neuron in layer.neurons):
        return None
    return [_layer(layer) for layer in model.layers]


def _layer(layer: Layer) -> Callable[[Columns], Columns]:
    """H → g(W H + b) with the parameters as they are now."""
    neurons = list(zip(layer.matrix(), layer.neurons, strict=True))

    def through(columns: Columns) -> Columns:
        sums = [_weighted(weights, neuron.b.data, columns) for weights, neuron in neurons]
        if layer.shares:
            shares = [layer.activated(list(a)) for a in zip(*sums, strict=True)]
            return [list(column) for column in zip(*shares, strict=True)]
        return [_activated(neuron.g, a) for (_, neuron), a in zip(neurons, sums, strict=True)]

    return through


def _weighted(weights: Row, bias: float, columns: Columns) -> Row:
    """b + w₁ h₁ + w₂ h₂ + …, in the order of the engine; four at a time are half again as fast."""
    sums = [bias] * len(columns[0])
    fours = len(weights) // 4 * 4
    for k in range(0, fours, 4):
        s, t, u, v = weights[k : k + 4]
        sums = [
            a + s * x + t * y + u * z + v * q
            for a, x, y, z, q in zip(sums, *columns[k : k + 4], strict=True)
        ]
    for w, column in zip(weights[fours:], columns[fours:], strict=True):
        sums = [a + w * x for a, x in zip(sums, column, strict=True)]
    return sums


def _activated(g: Activation, sums: Row) -> Row:
    """g of every number."""
    if g is identity:
        return sums
    if isinstance(g, Operation) and g.arity == 1:
        try:
            return list(map(g.value, sums))
        except ARITHMETIC_ERRORS:
            pass  # found again below, where the message says which
    return [on_float(g, a) for a in sums]


def inside(caller: str, model: Any, X: Any) -> tuple[list[Layer], list[Row]]:
    """The layers of a network to look into, and the samples as rows.

    Raises:
        TypeError: the model has no layers.
        ValueError: it does more than pass a sample through them; there are no samples.
    """
    layers = getattr(model, "layers", None)
    if not isinstance(layers, list) or not all(isinstance(x, Layer) for x in layers) or not layers:
        raise TypeError(
            f"{caller} looks into the layers of a network, but {type(model).__name__} "
            f"{model!r:.60} has no list `layers` of nn.Layer: make it an MLP"
        )
    inputs = [x if isinstance(x, list) else [x] for x in rows("X", X)]
    if not inputs:
        raise ValueError(f"{caller}: there are no samples: X is empty")
    h: Any = inputs[0]
    for layer in layers:
        h = layer.predict(h)
    if repr(told := _told(model, inputs[0])) != repr(h):  # nan is not even equal to itself
        raise ValueError(
            f"{type(model).__name__} does more than pass a sample through its layers: it says "
            f"{told!r:.60}, they say {h!r:.60}; so their pictures would mislead"
        )
    return layers, inputs
