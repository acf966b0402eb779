"""Backpropagation one step at a time, as plain data: what `play` shows, what its text says.

First the inputs, then one step for each operation, in the order of computing. Then the seed
∂z/∂z = 1, and one step for each edge, in the reverse order: so the contributions that add up at a
value that is used several times are seen to arrive one by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..engine import Value
from ..numeric import data_of
from ..operation import OPERATIONS
from .graph import Edge, Graph, Node
from .names import Name, number_text
from .wording import plural

NUDGE = 0.01
FAR = 0.4  # relative: where a nudge moves the output otherwise than its slope says
MOST_CLAUSES = 6  # of an equation such as x = 2, y = 3
MOST_SLOPES = 4  # of an operation, in its sentence
MOST_PRODUCTS = 4  # of a sum on the tape
LONGEST_ARITHMETIC = 64  # characters; the cards show every number

Phase = Literal["inputs", "forward", "seed", "backward", "result"]
Role = Literal["", "value", "slope", "gradient", "negative"]


# ---- what an equation is made of --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sign:
    """=, +=, · or ×."""

    text: str

    @property
    def is_relation(self) -> bool:
        """Whether a new part of the equation begins here."""
        return "=" in self.text


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number; in brackets where a sign would stick to another. role: what it is."""

    number: float
    role: Role
    is_factor: bool = False

    @property
    def text(self) -> str:
        text = number_text(self.number)
        return f"({text})" if self.is_factor and text.startswith("−") else text


@dataclass(frozen=True, slots=True)
class Derivative:
    """∂above/∂below."""

    above: Name
    below: Name
    role: Role

    @property
    def text(self) -> str:
        return f"∂{self.above}/∂{self.below}"


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as `symbols.formula` writes it; names: those that occur in it."""

    text: str
    names: tuple[Name, ...] = ()
    role: Role = ""


Piece: TypeAlias = Sign | Quantity | Derivative | Formula
Clause: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation, or several side by side.

    clauses: as v = x · y = 2 × 3 = 6; pieces that can be read as text, or set as MathML.
    left_out: how many more there would be.
    """

    clauses: tuple[Clause, ...]
    left_out: int = 0

    @property
    def text(self) -> str:
        parts = [" ".join(piece.text for piece in clause) for clause in self.clauses]
        return ", ".join(parts + [f"and {self.left_out} more"] * bool(self.left_out))


# ---- what a step is ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of a node as far as it is known.

    total: the sum of the contributions that have arrived.
    arrived, expected: how many there are of them, and how many there will be.
    is_wrong: whether it is not what adding them up gives (only where the sum is broken).
    """

    total: float
    arrived: int
    expected: int
    is_wrong: bool = False

    @property
    def text(self) -> str:
        """The number, with ✗ where it is wrong, and … where more will be added."""
        more = " …" if self.arrived < self.expected else ""
        return number_text(self.total) + " ✗" * self.is_wrong + more


@dataclass(frozen=True, slots=True)
class Message:
    """What flows back along an edge: the gradient that arrives times the local slope."""

    edge: int
    arriving: float
    slope: float

    @property
    def product(self) -> float:
        return self.slope * self.arriving

    @property
    def factors(self) -> str:
        """0.1667 × 3."""
        return f"{number_text(self.arriving)} × {Quantity(self.slope, 'slope', True).text}"

    @property
    def text(self) -> str:
        """0.1667 × 3 = 0.5."""
        return f"{self.factors} = {number_text(self.product)}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tape as it stands after a step; what is not known yet is "".

    node: its place in `Graph.nodes`.
    products: gradient arriving × local slope, added up.
    """

    node: int
    value: str
    gradient: str
    products: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and all that is known after it.

    Attributes:
        number: counted from 0.
        phase: "inputs", "forward" (an operation), "seed", "backward" (an edge) or "result".
        equation: what is computed.
        sentence: what happens, in words.
        nodes, edges: places in `Graph.nodes` and `Graph.edges` of what takes part.
        values: of all nodes that are known by now.
        gradients: of all nodes that anything has arrived at by now.
        rows: of the tape, those at work.
        message: what flows back, in a step backward.
        contributions: which one this is and of how many, in a step backward; else (0, 0).
    """

    number: int
    phase: Phase
    equation: Equation
    sentence: str
    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    values: Mapping[int, float]
    gradients: Mapping[int, Gradient]
    rows: tuple[Row, ...]
    message: Message | None = None
    contributions: tuple[int, int] = (0, 0)

    @property
    def is_forward(self) -> bool:
        """Whether it belongs to the forward pass."""
        return self.phase in ("inputs", "forward")

    @property
    def title(self) -> str:
        """Forward pass, or backward pass."""
        return "Forward pass" if self.is_forward else "Backward pass"

    @property
    def answer(self) -> float | None:
        """The number that is computed, at the end of the equation; None where there are several."""
        piece = self.equation.clauses[0][-1]
        is_one = self.phase in ("forward", "backward") and isinstance(piece, Quantity)
        return piece.number if is_one and isinstance(piece, Quantity) else None

    def __str__(self) -> str:
        return f"{self.equation.text}. {self.sentence}"


def steps(graph: Graph, *, accumulate: bool = True) -> list[Step]:
    """Every step of computing the output of a graph, and of its gradient, in order.

    The gradients are those of a sweep of our own. Edges without a slope, which come from a
    constant or were not selected, hand nothing back: they have no step but a sentence.

    Args:
        graph: made with swept=True.
        accumulate: False replays the classic mistake: = in place of +=.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> for step in steps(Graph((x * y).log(), swept=True)):
    ...     print(step.equation.text)
    x = 2, y = 3
    v₁ = x · y = 2 × 3 = 6
    z = log v₁ = log 6 = 1.792
    ∂z/∂z = 1
    ∂z/∂v₁ = ∂z/∂z · ∂z/∂v₁ = 1 × 0.1667 = 0.1667
    ∂z/∂x = ∂z/∂v₁ · ∂v₁/∂x = 0.1667 × 3 = 0.5
    ∂z/∂y = ∂z/∂v₁ · ∂v₁/∂y = 0.1667 × 2 = 0.3333
    ∂z/∂x = 0.5, ∂z/∂y = 0.3333
    """
    return _Sweep(graph, accumulate).steps


# ---- how they come about ----------------------------------------------------------------------


class _Sweep:
    """A forward and a backward pass that write down what they do."""

    def __init__(self, graph: Graph, accumulate: bool) -> None:
        self.graph = graph
        self.accumulate = accumulate
        self.steps: list[Step] = []
        self.values: dict[int, float] = {}
        self.gradients: dict[int, Gradient] = {}
        self.right: dict[int, float] = {}  # the sums, also where `gradients` has them broken
        self.products: dict[int, list[Message]] = {}
        leaves = [n for n in graph.nodes if n.kind not in ("constant", "operation")]
        self.leaves = sorted(leaves, key=lambda n: n.kind != "input")  # these come first
        self.sent = _sent(graph)
        self.expected = Counter(edge.source for edges in self.sent.values() for edge in edges)
        self._forward()
        self._backward()

    def _add(
        self,
        phase: Phase,
        clauses: Sequence[Clause],
        sentence: str,
        nodes: Iterable[int],
        edges: Iterable[Edge] = (),
        rows: Iterable[int] | None = None,
        message: Message | None = None,
        contributions: tuple[int, int] = (0, 0),
    ) -> None:
        """Write down a step with all that is known by now. rows: if they are not the nodes."""
        nodes = tuple(nodes)
        self.steps.append(
            Step(
                number=len(self.steps),
                phase=phase,
                equation=Equation(
                    tuple(clauses[:MOST_CLAUSES]), max(len(clauses) - MOST_CLAUSES, 0)
                ),
                sentence=sentence,
                nodes=nodes,
                edges=tuple(edge.index for edge in edges),
                values=dict(self.values),
                gradients=dict(self.gradients),
                rows=tuple(map(self._row, nodes if rows is None else rows)),
                message=message,
                contributions=contributions,
            )
        )

    def _row(self, index: int) -> Row:
        known = self.gradients.get(index)
        return Row(
            index,
            number_text(self.values[index]),
            "" if known is None else known.text,
            _sum([message.factors for message in self.products.get(index, [])]),
        )

    def _name(self, index: int) -> Name:
        return self.graph.nodes[index].name

    # ---- forward ----

    def _forward(self) -> None:
        graph = self.graph
        for node in graph.nodes:
            if node.kind != "operation":
                self.values[node.index] = node.data
        clauses = [
            (Formula(n.name.text, (n.name,)), Sign("="), Quantity(n.data, "value"))
            for n in self.leaves
        ]
        self._add(
            "inputs",
            clauses,
            " ".join([_inputs_sentence(self.leaves), *graph.notes]),
            [n.index for n in graph.nodes if n.kind != "operation"],
            rows=[n.index for n in self.leaves],
        )
        for node in graph.nodes:
            if node.kind == "operation":
                self.values[node.index] = node.data
                edges = graph.incoming[node.index]
                sentence = self._operation_sentence(node, edges)
                self._add("forward", [self._computation(node)], sentence, [node.index], edges)

    def _computation(self, node: Node) -> Clause:
        """v = x · y = 2 × 3 = 6."""
        result = Quantity(node.data, "value")
        operands = dict.fromkeys(
            self._name(edge.source)
            for edge in self.graph.incoming[node.index]
            if self.graph.nodes[edge.source].kind != "constant"
        )
        pieces: list[Piece] = [Formula(node.name.text, (node.name,)), Sign("=")]
        pieces += [Formula(node.formula, tuple(operands)), Sign("=")]
        arithmetic = _with_numbers(node)
        if arithmetic and arithmetic != result.text and len(arithmetic) <= LONGEST_ARITHMETIC:
            pieces += [Formula(arithmetic, role="value"), Sign("=")]
        return (*pieces, result)

    def _operation_sentence(self, node: Node, edges: Sequence[Edge]) -> str:
        slopes = [edge for edge in edges if edge.slope is not None]
        if not slopes:
            return f"Compute {node.name}.{self._blocked(node, is_later=True)}"
        shown = slopes if len(slopes) <= MOST_SLOPES else slopes[: MOST_SLOPES - 1]
        said = [
            " = ".join(part for part in (e.derivative, e.formula, e.number) if part) for e in shown
        ]
        said += [f"… ({len(slopes)} in all)"] * (len(shown) < len(slopes))
        many = "s" * (len(slopes) > 1)
        note = f"Compute {node.name}, and note its local slope{many} for the way back: "
        return f"{note}{', '.join(said)}."

    # ---- backward ----

    def _backward(self) -> None:
        output = self.graph.output
        self.gradients[output.index] = Gradient(1.0, 1, 1)
        self.right[output.index] = 1.0
        name = output.name
        said = (
            f"Start at the output and go backward. {name} moves exactly as much as itself, "
            "so its gradient is 1."
        )
        seed = (Derivative(name, name, "gradient"), Sign("="), Quantity(1.0, "gradient"))
        if not self.sent[output.index]:
            said += self._blocked(output)
        self._add("seed", [seed], said, [output.index])
        for node in reversed(self.graph.nodes):
            for edge in self.sent.get(node.index, ()):
                self._hand_on(edge, is_first=edge is self.sent[node.index][0])
        self._finish()

    def _hand_on(self, edge: Edge, is_first: bool) -> None:
        """One step backward: along an edge, from its target to its source."""
        assert edge.slope is not None
        source = edge.source
        message = Message(edge.index, self.gradients[edge.target].total, edge.slope)
        before = self.gradients.get(source)
        right = self.right.get(source, 0.0) + edge.slope * self.right[edge.target]
        kept = before.total if before and self.accumulate else 0.0
        total = kept + message.product
        number = 1 + (before.arrived if before else 0)
        count = self.expected[source]
        self.right[source] = right
        self.gradients[source] = Gradient(total, number, count, not _is_same(total, right))
        self.products.setdefault(source, []).append(message)
        if not self.accumulate:
            self.products[source] = [message]
        sentence = self._message_sentence(edge, message, before)
        if is_first:
            sentence += self._blocked(self.graph.nodes[edge.target])
        if number == count and not self.sent[source]:
            sentence += self._blocked(self.graph.nodes[source])
        self._add(
            "backward",
            [self._chain(edge, message)],
            sentence,
            (edge.target, source),
            [edge],
            rows=[source],
            message=message,
            contributions=(number, count),
        )

    def _chain(self, edge: Edge, message: Message) -> Clause:
        """∂z/∂x += ∂z/∂v · ∂v/∂x = 0.1667 × 3 = 0.5."""
        z, v, x = self.graph.output.name, self._name(edge.target), self._name(edge.source)
        adds = self.accumulate and self.expected[edge.source] > 1
        is_wrong = self.gradients[edge.source].is_wrong
        return (
            Derivative(z, x, "gradient"),
            Sign("+=" if adds else "="),
            Derivative(z, v, "gradient"),
            Sign("·"),
            Derivative(v, x.copy(edge.use, "^") if edge.use else x, "slope"),
            Sign("="),
            Quantity(
                message.arriving,
                "negative" if self.gradients[edge.target].is_wrong else "gradient",
            ),
            Sign("×"),
            Quantity(message.slope, "slope", is_factor=True),
            Sign("="),
            Quantity(message.product, "negative" if is_wrong else "gradient"),
        )

    def _message_sentence(self, edge: Edge, message: Message, before: Gradient | None) -> str:
        z, v, x = self.graph.output.name, self._name(edge.target), self._name(edge.source)
        after = self.gradients[edge.source]
        if after.expected > 1:
            return self._sum_sentence(x, message, before, after)
        if edge.target == self.graph.output.index:
            return f"{z} is the output, so the slope along this edge is already the whole gradient."
        slope, arriving = number_text(message.slope), number_text(message.arriving)
        said = (
            f"Chain rule: {x} moves {v} with slope {slope}, "
            f"and {v} moves {z} with slope {arriving}. Multiply."
        )
        if self.gradients[edge.target].is_wrong:
            said += f" But {arriving} is wrong already, and so is what follows from it."
        return said

    def _sum_sentence(
        self, x: Name, message: Message, before: Gradient | None, after: Gradient
    ) -> str:
        """What is said where several contributions meet."""
        n, product = after.expected, number_text(message.product)
        uses = len(self.graph.outgoing[self.graph.edges[message.edge].source])
        arrive = f"so {n} contributions arrive" if uses == n else f"and {n} contributions arrive"
        add = "add up" if self.accumulate else "should add up"
        said = f"{x} is used {uses} times, {arrive} and {add}. This is number {after.arrived}: "
        if before is None:
            return f"{said}{product} so far."
        had = number_text(before.total)
        summed = f"{had} + {Quantity(message.product, '', True).text}"
        summed += f" = {number_text(before.total + message.product)}"
        if self.accumulate:
            return f"{said}{summed}{' so far' * (after.arrived < n)}."
        return (
            f"{said}{product}. But = in place of += throws away the {had} that had arrived. "
            f"Right would be {summed}."
        )

    def _finish(self) -> None:
        """The last step: the gradients of all inputs, and what they are good for."""
        z = self.graph.output.name
        for node in self.graph.nodes:
            if node.kind != "constant":
                self.gradients.setdefault(node.index, Gradient(0.0, 0, 0))
        clauses = []
        for n in self.leaves:
            known = self.gradients[n.index]
            role: Role = "negative" if known.is_wrong else "gradient"
            clauses.append(
                (Derivative(z, n.name, "gradient"), Sign("="), Quantity(known.total, role))
            )
        unmoved = [n.index for n in self.graph.nodes if not self._is_reached(n)]
        rows = dict.fromkeys([*(n.index for n in self.leaves), *unmoved])
        sentence = self._result_sentence()
        self._add("result", clauses, sentence, [n.index for n in self.leaves], rows=sorted(rows))

    def _is_reached(self, node: Node) -> bool:
        return node.index in self.sent or self.expected[node.index] > 0 or node.kind == "constant"

    def _result_sentence(self) -> str:
        z = self.graph.output.name
        wrong = [n for n in self.leaves if self.gradients[n.index].is_wrong]
        nudged = self._nudge_sentence(wrong or self.leaves)
        if self.accumulate:
            each = list(dict.fromkeys(f"every {n.kind}" for n in self.leaves))
            inputs = _listed(each) if len(self.leaves) > 1 else self.leaves[0].name
            return f"Done: one backward pass gave the slope of {z} toward {inputs}. {nudged}"
        if not wrong:
            return (
                "Here nothing that counts is used twice, so = in place of += does no harm. "
                f"Try a value that is used several times. {nudged}"
            )
        x = wrong[0]
        return (
            f"Broken: with = in place of +=, ∂{z}/∂{x.name} is "
            f"{number_text(self.gradients[x.index].total)} instead of "
            f"{number_text(self.right[x.index])}. Contributions have to be added up. {nudged}"
        )

    def _nudge_sentence(self, leaves: Sequence[Node]) -> str:
        """What the gradient of the first leaf for which it is a number says, and the test of it."""
        z = self.graph.output.name
        if not math.isfinite(self.graph.output.data):
            return f"{z} is no finite number, so that a nudge shows nothing."
        for leaf in leaves:
            predicted = NUDGE * self.gradients[leaf.index].total
            if abs(predicted) < float("inf"):
                about = number_text(predicted)
                said = f"Nudge {leaf.name} by {number_text(NUDGE)} and {z} moves by about {about}"
                moved = None if self.graph.notes else _moved(self.graph, leaf)
                if moved is None:
                    return f"{said}."
                noise = 1e-12 * abs(self.graph.output.data)
                is_far = abs(moved - predicted) > max(FAR * max(abs(moved), abs(predicted)), noise)
                is_far = is_far and not self.gradients[leaf.index].is_wrong  # or it is no wonder
                why = f": {z} has a kink, a jump or a bend there, which a slope does not show"
                return f"{said} (in fact {number_text(moved)}{why * is_far})."
        return "None of them is a finite number." if len(leaves) > 1 else "It is no finite number."

    # ---- where nothing flows ----

    def _blocked(self, node: Node, *, is_later: bool = False) -> str:
        """Which operands of the node no gradient flows to, and why; "" if there are none.

        is_later: said on the way forward.
        """
        names: dict[str, list[str]] = {why: [] for why in STILL}
        for edge in self.graph.incoming[node.index]:
            if edge.slope is None:
                source = self.graph.nodes[edge.source]
                why = "constant" if source.kind == "constant" else _why_still(node, edge.place)
                names[why].append(source.name.text)
        flows = "will flow back" if is_later else "flows there"
        said = []
        for why, found in names.items():
            if found:
                each = list(dict.fromkeys(found))
                are = "is a constant" if len(each) == 1 else "are constants"
                sentence = STILL[why].format(node=node.name, names=_listed(each), are=are)
                said.append(f" {sentence}: no gradient {flows}.")
        return "".join(said)


# What is said of operands to which no gradient flows, by the reason.
STILL = {
    "does not move": "Here {node} does not move with {names}",
    "kink": "Here {node} has a kink toward {names}, where its slope counts as 0",
    "jump": "Here {node} jumps when {names} moves, and its slope counts as 0",
    "no number": "Here {node} is not a number, and its slope toward {names} counts as 0",
    "constant": "{names} {are}",
}


def _why_still(node: Node, place: int) -> str:
    """Why a node that selects hands no gradient to an operand: a key of STILL.

    It is computed again with the next floats above and below.
    """
    v = node.value
    assert v is not None
    operands = [data_of(x) for x in v.operands]
    if math.isnan(v.data):
        return "no number"
    beside = []
    for end in (-math.inf, math.inf):
        moved = [math.nextafter(x, end) if i == place else x for i, x in enumerate(operands)]
        try:
            beside.append(abs(OPERATIONS[v.op].on_floats(moved) - v.data))
        except Exception:  # a rule that somebody defined may raise anything at another number
            return "does not move"
    if not any(beside):
        return "does not move"
    return "kink" if max(beside) <= 1e-9 * max(1.0, abs(v.data)) else "jump"


def _sent(graph: Graph) -> dict[int, list[Edge]]:
    """For each node that the output moves with, the edges that it hands its gradient back along."""
    sent: dict[int, list[Edge]] = {graph.output.index: []}
    for node in reversed(graph.nodes):
        if node.index in sent:
            edges = [e for e in graph.incoming[node.index] if e.slope is not None]
            sent[node.index] = edges
            for edge in edges:
                sent.setdefault(edge.source, [])
    return sent


def _is_same(x: float, y: float) -> bool:
    """Whether two sums are equal, nan included."""
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-12 * max(abs(x), abs(y)) < float("inf")


def _moved(graph: Graph, leaf: Node) -> float | None:
    """By how much the output really moves when a leaf is nudged; None where that is not known."""
    try:
        moved = _recomputed(graph, leaf, NUDGE) - _recomputed(graph, leaf, 0.0)
    except Exception:  # a rule that somebody defined may raise anything at another number
        return None
    return moved if abs(moved) < float("inf") else None


def _recomputed(graph: Graph, leaf: Node, nudge: float) -> float:
    """The output, computed once more on plain floats; KeyError for operations made by hand."""
    data: dict[int, float] = {}
    for v in graph.flow.nodes:
        if v.op:
            operands = [data[id(x)] if isinstance(x, Value) else float(x) for x in v.operands]
            data[id(v)] = OPERATIONS[v.op].on_floats(operands)
        else:
            data[id(v)] = v.data + (nudge if v is leaf.value else 0.0)
    return data[id(graph.root)]


# ---- words ------------------------------------------------------------------------------------


def _with_numbers(node: Node) -> str:
    """What a node was computed as, with numbers: 2 × 3; "" where it is only summed up."""
    return "" if node.arithmetic == node.formula else node.arithmetic


def _inputs_sentence(leaves: Sequence[Node]) -> str:
    kinds = Counter(n.kind for n in leaves)
    said = [f"the {plural(kind) if n > 1 else kind}" for kind, n in kinds.items()]
    verb = "gets its value" if len(leaves) == 1 else "get their values"
    return f"T{_listed(said)[1:]} {verb}."


def _listed(names: Sequence[str]) -> str:
    """a, b and c; of many the first two."""
    if len(names) > 4:
        names = [*names[:2], f"{len(names) - 2} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sum(products: Sequence[str]) -> str:
    """1 × 0.8776 + 1 × 4.2; of many the first and the last."""
    if len(products) > MOST_PRODUCTS:
        hidden = len(products) - MOST_PRODUCTS + 1
        products = [*products[: MOST_PRODUCTS - 2], f"… ({hidden} more)", products[-1]]
    return " + ".join(products)
