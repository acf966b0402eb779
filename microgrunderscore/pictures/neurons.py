"""Which nodes of a graph are which neuron of a network, and what the textbook calls them.

Nothing is asked of the engine or of the class of a model: a neuron is anything with a list `w` of
Values, and at work it is the node that sums up w·x + b.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from .. import activations, nn
from ..engine import Value
from .names import Name

# What neurons of a class of your own may apply to their sums, to be recognised by its operation.
USUAL = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"})

_SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉‚")
_SUPERSCRIPTS = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


@dataclass(frozen=True, eq=False, slots=True)
class Neuron:
    """A neuron of a model, whatever its class.

    w: its weights. b: its bias, if it has one. g: the name of its activation, "" if not known.
    """

    w: Sequence[Value]
    b: Value | None
    g: str

    @property
    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w] if self.b is None else [*self.w, self.b]


@dataclass(frozen=True, eq=False, slots=True)
class Unit:
    """One neuron at work on one sample.

    layer, place: of the neuron, counted from 1.
    neuron: the neuron.
    a: the node of its pre-activation w·x + b; h: of its output, the same node if it is linear, or
        if its activation is not one operation.
    """

    layer: int
    place: int
    neuron: Neuron
    a: Value
    h: Value

    @property
    def g(self) -> str:
        """The name of the activation, "" if that is not known."""
        return self.neuron.g or ("" if self.h is self.a else self.h.op)

    @property
    def inputs(self) -> list[Value | float]:
        """What the weights are multiplied with."""
        return _inputs(self.neuron, self.a)

    @property
    def nodes(self) -> list[Value]:
        """The parameters, and what is computed from them."""
        return [*self.neuron.parameters, *reversed(_terms(self.a)), self.h]


class Network:
    """The neurons of a model, and where they are in a graph.

    Args:
        model: an MLP, or anything that holds neurons, in lists, dicts and objects with parameters.
        nodes: of the graph, each after its parents.

    Attributes:
        layers: the neurons; of one layer are those in one list, and those that are attributes of
            their own and see the same. In the order of computing, which may not be that of the
            attributes; what is not in the graph stands where the model has it.
        units: the neurons at work, once for each sample, in the order of computing.

    >>> from microgrunderscore.nn import MLP
    >>> from microgrunderscore.pictures.names import order_of_computing
    >>> model = MLP(2, [3, 1], seed=0)
    >>> network = Network(model, order_of_computing(model([1.0, 2.0])))
    >>> [len(layer) for layer in network.layers]
    [3, 1]
    >>> [(u.layer, u.place, u.g) for u in network.units]
    [(1, 1, 'relu'), (1, 2, 'relu'), (1, 3, 'relu'), (2, 1, 'identity')]
    """

    def __init__(self, model: Any, nodes: Sequence[Value]) -> None:
        groups = list(_groups([model], set()))
        sums = list(_sums([neuron for group in groups for neuron in group], nodes))
        self.layers = _layers(groups, sums)
        places = {
            id(neuron): (layer, place)
            for layer, neurons in enumerate(self.layers, 1)
            for place, neuron in enumerate(neurons, 1)
        }
        outputs = _outputs(sums, nodes)
        self.units = [
            Unit(*places[id(neuron)], neuron, a, h)
            for (neuron, a), h in zip(sums, outputs, strict=True)
        ]


# ---- the neurons of a model --------------------------------------------------------------------


def _groups(thing: Any, seen: set[int], shares: bool = False) -> Iterator[list[Neuron]]:
    """The neurons inside, those in one list together. shares: whether a softmax comes after."""
    parts = list({id(x): x for x in _parts(thing) if id(x) not in seen}.values())
    seen.update(map(id, parts))
    shares = thing.shares if isinstance(thing, nn.Layer) else shares
    neurons = [_neuron(x, shares) for x in parts if _is_neuron(x)]
    if neurons and isinstance(thing, list | tuple):
        yield neurons
    else:
        yield from ([neuron] for neuron in neurons)
    for x in parts:
        if not _is_neuron(x):
            yield from _groups(x, seen, shares)


def _parts(thing: Any) -> Iterable[Any]:
    """What a container or a module holds."""
    if isinstance(thing, list | tuple):
        return thing
    if isinstance(thing, dict):
        return thing.values()
    return getattr(thing, "__dict__", {}).values() if hasattr(thing, "parameters") else ()


def _is_neuron(thing: Any) -> bool:
    """Whether it has a list of weights `w`: Values without a history."""
    w = getattr(thing, "w", None)
    if not isinstance(w, list | tuple) or not w:
        return False
    return all(isinstance(x, Value) and not x.op for x in w)


def _neuron(thing: Any, shares: bool) -> Neuron:
    b = getattr(thing, "b", None)
    g = ""
    if isinstance(thing, nn.Neuron):
        g = "softmax" if shares else activations.name_of(thing.g)
    return Neuron(thing.w, b if isinstance(b, Value) else None, g)


# ---- where they are in the graph ---------------------------------------------------------------

Cover: TypeAlias = tuple[Neuron, int]  # some parameters of a neuron, a bit for each


def _sums(neurons: Sequence[Neuron], nodes: Iterable[Value]) -> Iterator[tuple[Neuron, Value]]:
    """Every w·x + b, with its neuron: one node `dot`, or products that are added up.

    A product with something else covers a weight, a dot product all of them; a sum covers what its
    terms do, if they belong to one neuron. What covers all parameters of a neuron is its sum.
    """
    factors: dict[tuple[int, ...], Cover]
    factors = {(id(w),): (n, 1 << i) for n in neurons for i, w in enumerate(n.w)}
    factors |= {tuple(map(id, n.w)): (n, (1 << len(n.w)) - 1) for n in neurons}
    covers = {id(n.b): (n, 1 << len(n.w)) for n in neurons if n.b is not None}
    for v in nodes:
        terms: list[Cover | None] = []
        if v.op in ("dot", "mul"):
            first, second, bias = _factors(v)
            one, two = (factors.get(tuple(map(id, side))) for side in (first, second))
            if not (one and two):  # a weight times a weight is a penalty
                terms = [one or two, *(covers.get(id(b)) for b in bias)]
        elif v.op in ("add", "sum_of"):
            terms = [covers.get(id(x)) for x in v.parents]
        if cover := _united(terms):
            neuron, bits = cover
            if bits == (1 << len(neuron.parameters)) - 1:
                yield neuron, v
            else:
                covers[id(v)] = cover


def _factors(v: Value) -> tuple[Sequence[Any], ...]:
    """The first and the second factors of a product or a dot product, and its bias if any."""
    operands = v.operands
    n = len(operands) // 2
    return operands[:n], operands[n : 2 * n], operands[2 * n :]


def _united(terms: Sequence[Cover | None]) -> Cover | None:
    """What terms cover together, if all of them are of one neuron and none covers it twice."""
    if not terms or terms[0] is None:
        return None
    neuron, bits = terms[0]
    for term in terms[1:]:
        if term is None or term[0] is not neuron or term[1] & bits:
            return None
        bits |= term[1]
    return neuron, bits


def _terms(a: Value) -> list[Value]:
    """The products that a sum w·x + b is made of, and the sums on the way; the whole first."""
    terms, stack = [], [a]
    while stack:
        v = stack.pop()
        if v.op:
            terms.append(v)
            stack += v.parents if v.op in ("add", "sum_of") else ()
    return terms


def _inputs(neuron: Neuron, a: Value) -> list[Value | float]:
    """What the weights of a neuron are multiplied with in one of its sums."""
    others: dict[int, Value | float] = {}
    for v in _terms(a):
        if v.op in ("dot", "mul"):
            first, second, _ = _factors(v)
            for x, y in zip(first, second, strict=True):
                others[id(x)], others[id(y)] = y, x
    return [others[id(w)] for w in neuron.w]


def _layers(
    groups: Sequence[list[Neuron]], sums: Sequence[tuple[Neuron, Value]]
) -> list[list[Neuron]]:
    """The groups in the order of computing; neurons on their own that see the same are one."""
    firsts: dict[int, int] = {}
    for k, (neuron, _) in enumerate(sums):
        firsts.setdefault(id(neuron), k)
    layers: dict[Any, list[Neuron]] = {}
    for number, group in enumerate(groups):
        key: Any = number
        if len(group) == 1 and id(group[0]) in firsts:
            inputs = _inputs(*sums[firsts[id(group[0])]])
            key = tuple(id(x) if isinstance(x, Value) else x for x in inputs)
        layers.setdefault(key, []).extend(group)
    placed, k = [], -1
    for layer in layers.values():
        k = min((firsts[id(n)] for n in layer if id(n) in firsts), default=k)
        placed.append((k, layer))
    return [layer for _, layer in sorted(placed, key=itemgetter(0))]


def _outputs(sums: Iterable[tuple[Neuron, Value]], nodes: Iterable[Value]) -> list[Value]:
    """What the activation made of each sum; if it is not known, what is all that was made of it."""
    users: dict[int, list[Value]] = {id(a): [] for _, a in sums}
    for v in nodes:
        for x in v.parents if v.op != "dot" else ():  # these have nearly all edges
            if id(x) in users:
                users[id(x)].append(v)
    outputs = []
    for neuron, a in sums:
        found, g = users[id(a)], neuron.g
        if not g and len(found) == 1 and found[0].op in USUAL:
            g = found[0].op
        outputs.append(next((v for v in found if v.op == g and len(v.parents) == 1), a))
    return outputs


# ---- names -------------------------------------------------------------------------------------


def textbook_names(network: Network) -> dict[int, Name]:
    """What the textbook calls the parameters and, where there is one sample, the other nodes.

    w₁₂⁽³⁾ is the weight from input 2 to neuron 1 of layer 3; b, a and h are its bias, its
    pre-activation and its output; x are the inputs. By `id` of the node.
    """
    layers, found = network.layers, network.units
    names: dict[int, Name] = {}
    is_lone_layer = len(layers) == 1
    is_lone_neuron = is_lone_layer and len(layers[0]) == 1

    def call(node: Value, letter: str, layer: int, *places: int) -> None:
        shown = places[1:] if is_lone_neuron else places
        names.setdefault(id(node), _indexed(letter, shown, None if is_lone_layer else layer))

    for k, neurons in enumerate(layers, 1):
        for j, neuron in enumerate(neurons, 1):
            for i, w in enumerate(neuron.w, 1):
                call(w, "w", k, j, i)
            if neuron.b is not None:
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
