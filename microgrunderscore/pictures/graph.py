"""The one model of what is shown: every picture, player and table reads names and numbers here.

A node of the picture is a Value or, dashed, a plain number that it was computed with. An edge
carries the local derivative, in symbols and as a number.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..calculus import slopes
from ..engine import Value
from ..module import Module
from ..operation import OPERATIONS
from . import notes
from .flow import Flow
from .names import Name, Names, name_of, number_latex, number_text, variables_in
from .neurons import Network, Unit, textbook_names
from .symbols import Symbol, arithmetic, formula, slope_symbol

LONGEST_FORMULA = 36  # characters of a formula on a card

_REASONS = {"relu": "off", "clip": "at its limit"}  # why no gradient flows to an operand

Kind = Literal["input", "weight", "bias", "constant", "operation"]


@dataclass(frozen=True)
class Node:
    """One card of the picture.

    Attributes:
        index: its place in `Graph.nodes`, which are in the order of computing.
        kind: "input", "weight" or "bias" (parameters of a model), "constant", or "operation".
        name: what it is called; of a constant its number.
        badge: the symbol of its operation, "" for a leaf.
        data: its value.
        gradient: ∂output/∂it; None if not computed, and for constants.
        is_output: whether it is what was drawn.
        value: the node of the engine; None for a constant.
    """

    index: int
    kind: Kind
    name: Name
    badge: str
    data: float
    gradient: float | None
    is_output: bool
    value: Value | None = field(repr=False)
    _names: Names | None = field(repr=False, compare=False)

    @functools.cached_property
    def formula(self) -> str:
        """What it was computed as: x · y; "" for a leaf."""
        if self.value is None or self._names is None or not self.value.op:
            return ""
        if len(self.value.operands) > LONGEST_FORMULA:
            return _summary(self.value)
        text = formula(self.value, self._names.__getitem__)
        return text if len(text) <= LONGEST_FORMULA else _summary(self.value)

    @functools.cached_property
    def arithmetic(self) -> str:
        """The same with numbers: 2 × 3; the formula itself if that is too long, "" for a leaf."""
        if self.value is None or not self.formula:
            return ""
        if len(self.value.operands) > LONGEST_FORMULA:
            return self.formula
        text = arithmetic(self.value)
        return text if len(text) <= 3 * LONGEST_FORMULA else self.formula

    @property
    def title(self) -> str:
        """Name and formula: v = x · y."""
        return f"{self.name} = {self.formula}" if self.formula else self.name.text

    def described(self, graph: Graph) -> str:
        """All there is to know of it, with all digits."""
        if self.kind == "constant":
            return f"constant {self.data!r}"
        gradient = "not computed" if self.gradient is None else repr(self.gradient)
        return f"{self.title}; value {self.data!r}; {graph.gradient_name(self)}: {gradient}"


@dataclass(frozen=True)
class Edge:
    """One operand of one node.

    Attributes:
        index: its place in `Graph.edges`.
        source, target: places in `Graph.nodes`; the target was computed from the source.
        place: which operand of the target it is.
        slope: the local derivative ∂target/∂source; None if there is none: the source is a
            constant, or was not selected (max, min, relu, where).
        use: which use of the source by this target it is, from 1. 0 where there is nothing to tell
            apart: it is the only one, and not one of several ways to the output, toward which the
            whole derivative has that name.
    """

    index: int
    source: int
    target: int
    place: int
    slope: float | None
    use: int
    _parent_place: int = field(repr=False)
    _graph: Graph = field(repr=False, compare=False)

    @functools.cached_property
    def derivative(self) -> str:
        """∂v/∂x; ∂v/∂x⁽²⁾ is that toward the second use of x in v."""
        nodes = self._graph.nodes
        source = nodes[self.source].name
        shown = source.copy(self.use, "^") if self.use else source
        return f"∂{nodes[self.target].name}/∂{shown}"

    @functools.cached_property
    def symbol(self) -> Symbol | None:
        """The local derivative as a formula; None where the slope is."""
        target = self._graph.nodes[self.target].value
        if self.slope is None or target is None:
            return None
        return slope_symbol(target, self._parent_place, self.slope, self._graph.names.__getitem__)

    @functools.cached_property
    def formula(self) -> str:
        """The local derivative as a formula, "" where that is just its number."""
        text = "" if self.symbol is None else str(self.symbol)
        return "" if text == self.number else text

    @functools.cached_property
    def number(self) -> str:
        """The local derivative as a number; "" where there is none."""
        return "" if self.slope is None else number_text(self.slope)

    @property
    def cut(self) -> str:
        """What is said in place of the slope of an operand that was not selected; else ""."""
        nodes = self._graph.nodes
        target = nodes[self.target]
        if self.slope is not None or nodes[self.source].kind == "constant" or target.value is None:
            return ""
        if math.isnan(target.data):
            return ": no slope"
        return f" = 0 ({_REASONS.get(target.value.op, 'not chosen')})"

    def described(self) -> str:
        """All there is to know of it, with all digits."""
        if self.slope is None:
            nodes = self._graph.nodes
            return f"{nodes[self.source].name} in {nodes[self.target].title}"
        forms = [self.derivative, self.formula, self.number]
        return " = ".join(form for form in forms if form) + f" ({self.slope!r})"


class Graph:
    """Everything that a picture of a graph shows.

    Args:
        root: the output.
        variables: names for nodes without a label, such as locals(); modules among them name
            their parameters, after themselves if several are at work: decoder.w₁₂.
        model: a network, or any module: its parameters are weights, and its neurons get the
            names of the textbook.
        output: what the output is called, whatever its label.
        swept: gradients by a sweep of our own, instead of those that backward() left.

    Attributes:
        nodes, edges: in the order of computing.
        names: of the Values.
        flow: the sweep, with the gradient of every node.
        units: the neurons of the model in this graph.
        notes: what a reader must know of the numbers; mostly nothing.
        has_gradients: whether gradients were computed.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> graph = Graph((x * y).log(), swept=True)
    >>> [node.title for node in graph.nodes]
    ['x', 'y', 'v₁ = x · y', 'z = log v₁']
    >>> [f"{e.derivative} = {e.formula} = {e.number}" for e in graph.edges]
    ['∂v₁/∂x = y = 3', '∂v₁/∂y = x = 2', '∂z/∂v₁ = 1/v₁ = 0.1667']
    """

    def __init__(
        self,
        root: Value,
        variables: Mapping[str, Any] | None = None,
        *,
        model: Any = None,
        output: str | None = None,
        swept: bool = False,
    ) -> None:
        self.root = root
        self.flow = Flow(root)
        values = self.flow.nodes
        modules = modules_in(variables, model)
        networks = networks_in(modules, values)
        self.units: list[Unit] = [unit for network in networks.values() for unit in network.units]
        parameters = _parameters(modules.values())
        self.names = named(values, variables, networks)
        if output is not None:
            self.names.rename(root, self.names.free_for(root, output))
        self.has_gradients = swept or root.has_grad
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._indices: dict[int, int] = {}
        self._used: set[int] = set()  # what has an edge by now
        for v in values:
            self._add(v, parameters, swept)
        self.notes = notes.on_data(values, self.names)
        if root.has_grad and not swept:
            self.notes += notes.on_gradients(self.flow, self.names[root])

    def node(self, value: Value) -> Node:
        """The card of a Value; KeyError if it is not in the graph."""
        return self.nodes[self._indices[id(value)]]

    def find(self, wanted: Value | str) -> Node:
        """The card of a Value or of what is called so; ValueError if there is none, or several."""
        value = self.names.only(wanted) if isinstance(wanted, str) else wanted
        if not isinstance(value, Value):
            raise TypeError(f"wrt= takes a Value of the graph or its name, not {wanted!r:.40}")
        if id(value) not in self._indices:
            raise ValueError(
                f"{value!r:.80} is not in the graph of {self.root!r:.80}: nothing leads there"
            )
        return self.node(value)

    @property
    def output(self) -> Node:
        """The card of the root."""
        return self.node(self.root)

    @functools.cached_property
    def incoming(self) -> list[list[Edge]]:
        """For each node its operands, in order."""
        incoming: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in self.edges:
            incoming[edge.target].append(edge)
        return incoming

    @functools.cached_property
    def outgoing(self) -> list[list[Edge]]:
        """For each node where it is used."""
        outgoing: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in self.edges:
            outgoing[edge.source].append(edge)
        return outgoing

    def gradient_name(self, node: Node) -> str:
        """∂z/∂v."""
        return f"∂{self.output.name}/∂{node.name}"

    def description(self) -> str:
        """The whole tape as text, for those who cannot see the picture."""
        values = [f"{n.title} = {number_text(n.data)}" for n in self.nodes if n.kind != "constant"]
        slopes_ = [
            e.derivative + (e.cut or f" = {e.number}")
            for e in self.edges
            if e.cut or e.slope is not None
        ]
        gradients = [
            f"{self.gradient_name(n)} = {number_text(n.gradient)}"
            for n in self.nodes
            if n.gradient is not None
        ]
        parts = [f"Values: {'; '.join(values)}."]
        parts += [f"Local slopes: {'; '.join(slopes_)}."] if slopes_ else []
        parts += [f"Gradients: {'; '.join(gradients)}." if gradients else NOT_COMPUTED]
        return "\n".join([*parts, *self.notes])

    def _add(self, v: Value, parameters: Mapping[int, Kind], swept: bool) -> None:
        """The card of a Value, after those of its constants, and its edges."""
        edges = self._operands(v)
        node = Node(
            index=len(self.nodes),
            kind="operation" if v.op else parameters.get(id(v), "input"),
            name=self.names[v],
            badge=OPERATIONS[v.op].symbol if v.op in OPERATIONS else v.op and "ƒ",
            data=v.data,
            gradient=self._gradient(v, swept),
            is_output=v is self.root,
            value=v,
            _names=self.names,
        )
        self._indices[id(v)] = node.index
        self.nodes.append(node)
        for source, place, slope, use, parent_place in edges:
            edge = Edge(len(self.edges), source, node.index, place, slope, use, parent_place, self)
            self.edges.append(edge)
            self._used.add(source)

    def _gradient(self, v: Value, swept: bool) -> float | None:
        if swept:
            return self.flow.gradient(v)
        return v.grad if self.root.has_grad else None

    def _operands(self, v: Value) -> list[tuple[int, int, float | None, int, int]]:
        """Source, place, slope, use and place among the parents of each operand.

        Constants get their cards; the exponent of a power and the parameters of an operation
        that were left out are part of the formula only.
        """
        operands = v.operands
        found = slopes(v) if v.op else ()
        counts: dict[int, int] = {}
        for x in operands:
            counts[id(x)] = counts.get(id(x), 0) + isinstance(x, Value)
        used: dict[int, int] = {}
        edges: list[tuple[int, int, float | None, int, int]] = []
        parents = 0
        for place, x in enumerate(operands):
            if isinstance(x, Value):
                used[id(x)] = used.get(id(x), 0) + 1
                source = self._indices[id(x)]
                is_one_of_many = counts[id(x)] > 1 or (v is self.root and source in self._used)
                use = used[id(x)] if is_one_of_many else 0
                edges.append((source, place, found[parents], use, parents))
                parents += 1
            elif _is_shown(v, place):
                edges.append((self._constant(float(x)), place, None, 0, -1))
        return edges

    def _constant(self, x: float) -> int:
        name = Name(number_text(x), number_latex(x))
        self.nodes.append(Node(len(self.nodes), "constant", name, "", x, None, False, None, None))
        return len(self.nodes) - 1


NOT_COMPUTED = "Gradients: not computed; call backward()."


def _parameters(modules: Iterable[Module]) -> dict[int, Kind]:
    """What each parameter is: a bias if it is called so."""
    kinds: dict[int, Kind] = {}
    for module in modules:
        for name, p in module.named_parameters().items():
            kinds[id(p)] = "bias" if name.split(".")[-1] in ("b", "bias") else "weight"
    return kinds


def _is_shown(v: Value, place: int) -> bool:
    """Whether a constant operand is a card of its own."""
    if v.op == "pow":
        return place == 0
    defaults = OPERATIONS[v.op].defaults if v.op in OPERATIONS else ()
    return place < len(v.operands) - len(defaults)


def _summary(v: Value) -> str:
    """A formula that is too long for a card: without the names."""
    n = len(v.operands)
    if v.op == "dot":
        return f"w·x + b, {n // 2} products" if n % 2 else f"w·x, {n // 2} products"
    if v.op in OPERATIONS and OPERATIONS[v.op].arity is not None:
        text = formula(v, lambda _: Name("…", r"\ldots"))
        return text if len(text) <= 2 * LONGEST_FORMULA else OPERATIONS[v.op].symbol
    symbol = OPERATIONS[v.op].symbol if v.op in OPERATIONS else v.op
    return f"{symbol} of {n} terms"


def modules_in(variables: Mapping[str, Any] | None, model: Any) -> dict[str, Module]:
    """The modules whose parameters are weights, by the name of the variable; "" for the model."""
    if model is not None and not isinstance(model, Module):
        raise TypeError(
            f"model= takes a module, such as an MLP, not {type(model).__name__} {model!r:.40}"
        )
    modules = {} if model is None else {"": model}
    for name, x in variables_in(variables).items():
        if isinstance(x, Module) and not str(name).startswith("_") and x is not model:
            modules[str(name)] = x
    return modules


def networks_in(modules: Mapping[str, Module], values: Sequence[Value]) -> dict[str, Network]:
    """The modules at work in the graph, by their name; parts of others are left out."""
    parameters = {name: {id(p) for p in m.parameters()} for name, m in modules.items()}
    networks: dict[str, Network] = {}
    for name in sorted(modules, key=lambda name: -len(parameters[name])):
        if not any(parameters[name] <= parameters[other] for other in networks):
            network = Network(modules[name], values)
            if network.units:
                networks[name] = network
    return {name: networks[name] for name in modules if name in networks}


def named(
    values: Sequence[Value], variables: Mapping[str, Any] | None, networks: Mapping[str, Network]
) -> Names:
    """The names of all nodes: labels, variables, and those of the textbook for a network's."""
    suggestions: dict[int, Name] = {}
    for called, network in networks.items():
        owner = name_of(called) if called and len(networks) > 1 else None
        for key, name in textbook_names(network).items():
            suggestions.setdefault(key, name if owner is None else name.within(owner))
    return Names(values, variables, suggestions)
