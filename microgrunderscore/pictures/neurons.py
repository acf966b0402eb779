"""Which nodes of a graph are which neuron of a network, and what the textbook calls them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine import Value
from ..module import Module
from ..nn import Layer, Neuron
from .names import Name

_SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉‚")
_SUPERSCRIPTS = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


@dataclass(frozen=True, slots=True)
class Unit:
    """One neuron at work on one sample.

    layer, place: of the neuron, counted from 1.
    neuron: the neuron.
    a: the node of its pre-activation w·x + b; h: of its output, the same node if it is linear.
    """

    layer: int
    place: int
    neuron: Neuron
    a: Value
    h: Value

    @property
    def inputs(self) -> Sequence[Value | float]:
        """What the weights are multiplied with."""
        n = len(self.neuron.w)
        return self.a.operands[n : 2 * n]


def layers_of(model: Any) -> list[list[Neuron]]:
    """The neurons of a network, layer by layer, in the order of its attributes.

    >>> from microgrunderscore.nn import MLP
    >>> [len(layer) for layer in layers_of(MLP(2, [3, 1]))]
    [3, 1]
    """
    layers: list[list[Neuron]] = []
    stack, seen = [model], set()
    while stack:
        part = stack.pop()
        if isinstance(part, Neuron):
            layers.append([part])
        elif isinstance(part, Layer):
            layers.append(list(part.neurons))
        elif isinstance(part, Module | list | tuple | dict) and id(part) not in seen:
            seen.add(id(part))
            inside = part if isinstance(part, list | tuple) else _values(part)
            stack += reversed(list(inside))
    return layers


def units(model: Any, nodes: Iterable[Value]) -> list[Unit]:
    """The neurons of a network in a graph, once for each sample, in the order of computing.

    Args:
        model: a network made of `Neuron`s.
        nodes: of the graph, each after its parents.

    >>> from microgrunderscore.nn import MLP
    >>> from microgrunderscore.pictures.names import order_of_computing
    >>> model = MLP(2, [3, 1], seed=0)
    >>> found = units(model, order_of_computing(model([1.0, 2.0])))
    >>> [(u.layer, u.place) for u in found]
    [(1, 1), (1, 2), (1, 3), (2, 1)]
    """
    by_bias = {
        id(neuron.b): (layer, place, neuron)
        for layer, neurons in enumerate(layers_of(model), 1)
        for place, neuron in enumerate(neurons, 1)
    }
    found: dict[int, Unit] = {}
    for v in nodes:
        if v.op == "dot" and id(v.parents[-1]) in by_bias:
            layer, place, neuron = by_bias[id(v.parents[-1])]
            found[id(v)] = Unit(layer, place, neuron, v, v)
        elif v.op and len(v.parents) == 1 and id(v.parents[0]) in found:
            unit = found[id(v.parents[0])]
            if unit.neuron.nonlin and unit.h is unit.a:
                found[id(unit.a)] = Unit(unit.layer, unit.place, unit.neuron, unit.a, v)
    return list(found.values())


def textbook_names(model: Any, found: Sequence[Unit]) -> dict[int, Name]:
    """What the textbook calls the parameters and, where there is one sample, the other nodes.

    w₁₂⁽³⁾ is the weight from input 2 to neuron 1 of layer 3; b, a and h are its bias, its
    pre-activation and its output; x are the inputs. By `id` of the node.
    """
    layers = layers_of(model)
    names: dict[int, Name] = {}
    is_lone = [len(layers) == 1, len(layers) == 1 and len(layers[0]) == 1]

    def call(node: Value, letter: str, layer: int, *places: int) -> None:
        shown = places[1:] if is_lone[1] and places else places
        names.setdefault(id(node), _indexed(letter, shown, None if is_lone[0] else layer))

    for k, neurons in enumerate(layers, 1):
        for j, neuron in enumerate(neurons, 1):
            for i, w in enumerate(neuron.w, 1):
                call(w, "w", k, j, i)
            call(neuron.b, "b", k, j)
    if len({(u.layer, u.place) for u in found}) == len(found):
        for u in found:
            call(u.a, "a", u.layer, u.place)
            if u.h is not u.a:
                call(u.h, "h", u.layer, u.place)
            for i, x in enumerate(u.inputs, 1):
                if u.layer == 1 and isinstance(x, Value) and not x.op:
                    names.setdefault(id(x), _indexed("x", (i,), None))
    return names


def _indexed(letter: str, places: Sequence[int], layer: int | None) -> Name:
    """A letter with its places below and its layer, in brackets, above."""
    separator = "," if any(place > 9 for place in places) and len(places) > 1 else ""
    below = separator.join(map(str, places))
    above = "" if layer is None else f"({layer})"
    latex = letter + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")
    text = letter + below.translate(_SUBSCRIPTS) + above.translate(_SUPERSCRIPTS)
    return Name(text, latex)


def _values(part: Any) -> Iterable[Any]:
    """What a module or a dict holds."""
    return (part if isinstance(part, dict) else vars(part)).values()
