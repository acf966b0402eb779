"""overview(model, loss): a whole network over a whole batch, in one picture.

The graph of a batch has tens of thousands of nodes, which nobody can read. Here every neuron is one
box with a histogram of what it did over the batch, and every weight one line: forward with what was
computed, backward with the gradients. Nothing is asked of the engine: a neuron is found in the
graph of the loss as the sum w·x + b of its own weights.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from operator import is_
from typing import Any, TypeAlias

from .. import activations
from ..engine import Value
from ..graph import gc_paused
from ..nn import Neuron
from .axes import (
    Log,
    Point,
    heading,
    limits,
    notes,
    path_of,
    runs,
    shortened,
    ticks_of,
    wrapped,
)
from .flow import Flow
from .histogram import (
    Histogram,
    even_span,
    from_to,
    largest,
    mean,
    quantile,
    root_mean_square,
    span,
)
from .names import name_of, number_text
from .picture import Picture
from .svg import Box, Svg, short, size_of

WIDEST = 24  # boxes in a column; a layer of more neurons is one tall box
DEEPEST = 8  # layers side by side; of more, each is a row
MOST_ROWS = 40  # of a deeper network, the first and the last are shown
FLAT = 0.05  # a slope below this share of the largest one hands next to nothing back

# What neurons of a class of your own may apply to their sums, to be recognised by its operation.
USUAL = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"})
RANGES: Mapping[str, tuple[float, float]] = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
STEEPEST: Mapping[str, float] = {"sigmoid": 0.25}  # the largest slope; of most others about 1

Numbers: TypeAlias = list[float]


class Overview(Picture):
    """A network over a batch.

    Attributes:
        numbers: what is drawn, as JSON data: "loss"; "samples", None where the neurons were not all
            evaluated as often; "nodes" and "edges" of the graph, and the "boxes" and "lines" that
            stand for them; "inputs" and "layers", each with the histograms "forward" and
            "backward" of its boxes, the layers also with their parameters, activation, weights,
            and gradients of the weights. A number that is not finite is None.

    Everything else is as in `Picture`.
    """

    def __init__(
        self, svg: str, title: str, text: str, numbers: Mapping[str, Any], theme: str, format: str
    ) -> None:
        super().__init__(svg, title, text, theme=theme, format=format)
        self.numbers = dict(numbers)


def overview(
    model: Any, loss: Value, *, title: str | None = None, theme: str = "auto", format: str = "svg"
) -> Overview:
    """A network over a batch: weights and activations forward, gradients backward, in one picture.

    Needs no backward() and changes no gradient.

    Args:
        model: an MLP, or anything that holds neurons: objects with a list `w` of Values, and
            perhaps a bias `b`, such as those of the lectures.
        loss: what the outputs of the model were made into, such as the mean loss of a batch.
        title: above the picture; None: the sizes of the layers.
        theme: "auto" follows the reader's system; "light", "dark".
        format: what a notebook stores, see `Picture`.

    Returns:
        The picture. Layers of more than WIDEST neurons are one box each, networks of more than
        DEEPEST layers get a row for each layer; the picture says so.

    Raises:
        TypeError: the loss is no Value.
        ValueError: the model has no neurons, or none of them is in the graph of the loss.
        RuntimeError: a weight was changed since the loss was computed.

    >>> from microgrunderscore import MLP, losses, mean
    >>> model = MLP(2, [3, 1], activation="tanh", seed=1)
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    >>> loss = mean([losses.squared_error(model(x), d) for x, d in zip(X, y)])
    >>> picture = overview(model, loss)
    >>> picture
    <Overview: MLP 2 → 3 → 1, 4 samples>
    >>> [sum(box["counts"]) for box in picture.numbers["layers"][0]["forward"]]
    [4, 4, 4]
    """
    if not isinstance(loss, Value):
        raise TypeError(
            f"overview(model, loss) needs the Value that was computed as the loss, not "
            f"{type(loss).__name__} {loss!r:.40}"
        )
    with gc_paused():  # lists as long as the graph, and no cycles
        batch = _read(model, loss)
        title = batch.title if title is None else str(title)
        drawn = (_Rows if len(batch.layers) > DEEPEST else _Columns)(batch, title)
        svg = drawn.svg.document((0, 0, drawn.width, drawn.height), title, batch.text, theme)
        numbers = {**batch.data, "boxes": drawn.boxes, "lines": drawn.lines}
        return Overview(svg, title, batch.text, numbers, theme, format)


# ---- the neurons of a model --------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Unit:
    """A neuron of the model, and where it is in the graph.

    w, b: its parameters. g: the name of its activation, "" if that is not known.
    is_alone: whether it is an attribute of its own, not one of a list.
    sums: its pre-activations w·x + b, one per sample.
    is_activated: whether outputs are what the activation made of these. If not, they are the sums:
        the neuron is linear, or its activation is not one operation that follows.
    """

    w: Sequence[Value]
    b: Value | None
    g: str
    is_alone: bool
    is_activated: bool = False
    sums: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)

    @property
    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w] if self.b is None else [*self.w, self.b]


def _neurons(model: Any) -> list[list[_Unit]]:
    """The neurons of a model, those in one list together, in the order of its attributes."""
    groups: list[list[_Unit]] = []
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(model, False)]
    while stack:
        thing, shares = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if _is_neuron(thing):
            groups.append([_unit(thing, shares, is_alone=True)])
            continue
        parts = _parts(thing)
        if isinstance(thing, list | tuple):
            here = {id(x): x for x in parts if id(x) not in seen and _is_neuron(x)}
            groups.append([_unit(x, shares, is_alone=False) for x in here.values()])
            seen.update(here)
        else:
            shares = bool(_attributes(thing).get("shares", False))  # a softmax after the neurons
        stack += [(x, shares) for x in reversed(parts)]
    return [group for group in groups if group]


def _parts(thing: Any) -> list[Any]:
    """What a container or a module holds."""
    if isinstance(thing, list | tuple):
        return list(thing)
    if isinstance(thing, dict):
        return list(thing.values())
    return list(_attributes(thing).values()) if hasattr(thing, "parameters") else []


def _attributes(thing: Any) -> Mapping[str, Any]:
    return {} if isinstance(thing, type) else getattr(thing, "__dict__", {})


def _is_neuron(thing: Any) -> bool:
    """Whether it has a list of weights `w`: Values without a history."""
    w = _attributes(thing).get("w")
    if not isinstance(w, list | tuple) or not w:
        return False
    return all(isinstance(x, Value) and not x.op for x in w)


def _unit(neuron: Any, shares: bool, is_alone: bool) -> _Unit:
    b = _attributes(neuron).get("b")
    g = ""
    if isinstance(neuron, Neuron):
        g = "softmax" if shares else activations.name_of(neuron.g)
    return _Unit(neuron.w, b if isinstance(b, Value) else None, g, is_alone)


# ---- where they are in the graph ---------------------------------------------------------------


def _find_sums(units: Sequence[_Unit], nodes: Iterable[Value]) -> None:
    """Find the sums w₁·x₁ + w₂·x₂ + … + b: one node `dot`, or products that are added up.

    A product with something else covers a weight; a sum covers what its terms do, if all of them
    belong to the same neuron. Where all parameters of a neuron are covered, it is found.
    """
    weights: dict[int, dict[int, int]] = {}  # of each parameter: whose it is, and its bit there
    biases: dict[int, dict[int, int]] = {}
    for k, unit in enumerate(units):
        for i, w in enumerate(unit.w):
            weights.setdefault(id(w), {})[k] = 1 << i
        if unit.b is not None:
            biases.setdefault(id(unit.b), {})[k] = 1 << len(unit.w)
    whole = [(1 << len(unit.parameters)) - 1 for unit in units]
    covered: dict[int, dict[int, int]] = {}
    for v in nodes:
        cover: dict[int, int] = {}
        if v.op == "dot":
            cover = _covered_by_dot(v, units, weights, biases)
        elif v.op == "mul":
            one, two = (weights.get(id(x), {}) for x in v.operands)
            cover = {k: bit for k, bit in (one | two).items() if (k in one) != (k in two)}
        elif v.op in ("add", "sum_of"):
            cover = _united([covered.get(id(x)) or biases.get(id(x), {}) for x in v.parents])
        for k, bits in cover.items():
            if bits == whole[k]:
                units[k].sums.append(v)
            else:
                covered.setdefault(id(v), {})[k] = bits


def _covered_by_dot(
    v: Value,
    units: Sequence[_Unit],
    weights: Mapping[int, Mapping[int, int]],
    biases: Mapping[int, Mapping[int, int]],
) -> dict[int, int]:
    """The neurons all of whose weights are one of the factors, and the bias if there is one."""
    operands = v.operands
    n = len(operands) // 2
    first, second = operands[:n], operands[n : 2 * n]
    cover: dict[int, int] = {}
    for mine, others in ((first, second), (second, first)) if n else ():
        for k in weights.get(id(mine[0]), ()):
            w = units[k].w
            if len(w) == n and all(map(is_, mine, w)) and others[0] is not w[0]:
                bias = biases.get(id(operands[-1]), {}).get(k, 0)
                if bias or len(operands) % 2 == 0:
                    cover[k] = (1 << n) - 1 | bias
    return cover


def _united(parts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """What terms cover together: of the neurons that all of them belong to, nothing twice."""
    united = dict(parts[0]) if parts else {}
    for part in parts[1:]:
        united = {
            k: bits | part[k] for k, bits in united.items() if k in part and not bits & part[k]
        }
    return united


def _factors(unit: _Unit, v: Value) -> list[Any]:
    """What the weights of a neuron are multiplied with in one of its sums: Values or numbers."""
    places = {id(w): i for i, w in enumerate(unit.w)}
    found: list[Any] = [None] * len(unit.w)
    stack = [v]
    while stack:
        v = stack.pop()
        if v.op not in ("dot", "mul"):
            stack += v.parents
            continue
        operands = v.operands
        n = len(operands) // 2
        for x, y in zip(operands[:n], operands[n : 2 * n], strict=True):
            w, other = (x, y) if id(x) in places else (y, x)
            found[places[id(w)]] = other
    return found


def _find_outputs(units: Sequence[_Unit], nodes: Iterable[Value]) -> None:
    """Find what the activation made of each sum, and what it is where that is not known."""
    users: dict[int, list[Value]] = {id(a): [] for unit in units for a in unit.sums}
    for v in nodes:
        if v.op and v.op != "dot":
            for x in v.parents:
                if id(x) in users:
                    users[id(x)].append(v)
    for unit in units:
        found = [users[id(a)] for a in unit.sums]
        unit.g = unit.g or _operation_after(found)
        after = [next((v for v in vs if v.op == unit.g and _is_unary(v)), None) for vs in found]
        outputs = [v for v in after if v is not None]
        unit.is_activated = bool(outputs) and len(outputs) == len(unit.sums)
        unit.outputs = outputs if unit.is_activated else unit.sums


def _operation_after(found: Sequence[Sequence[Value]]) -> str:
    """The activation that is all that happens to any of the sums, or ""."""
    operations = {vs[0].op if len(vs) == 1 and _is_unary(vs[0]) else "" for vs in found}
    operation = operations.pop() if len(operations) == 1 else ""
    return operation if operation in USUAL else ""


def _is_unary(v: Value) -> bool:
    return len(v.parents) == 1


# ---- what they did over the batch --------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """The inputs, or the neurons of a layer, and what they did over the batch.

    values: of each of them as many numbers as there are samples, none where it is not used.
    gradients: ∂L/∂ of these; none for inputs that are plain numbers.
    is_one_box: whether they are drawn together.
    """

    values: list[Numbers]
    gradients: list[Numbers]
    is_one_box: bool

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def range(self) -> tuple[float, float]:
        """From where to where values are counted."""
        return span(chain(*self.values))

    @functools.cached_property
    def forward(self) -> list[Histogram]:
        """The histograms of the values, all over one range, one for each box."""
        return self._histograms(self.values, self.range)

    @functools.cached_property
    def backward(self) -> list[Histogram]:
        """The same of the gradients."""
        return self._histograms(self.gradients, even_span(chain(*self.gradients)))

    def _histograms(self, columns: Sequence[Numbers], ends: tuple[float, float]) -> list[Histogram]:
        parts = [list(chain(*columns))] if self.is_one_box else columns
        return [Histogram.of(xs, *ends) for xs in parts]

    @property
    def data(self) -> dict[str, Any]:
        """What is drawn of them, as JSON data."""
        return {
            "size": self.size,
            "forward": [histogram.data for histogram in self.forward],
            "backward": [histogram.data for histogram in self.backward],
        }

    # ---- in words ----

    @property
    def name(self) -> str:
        """What they are called together."""
        return "inputs"

    @property
    def quantity(self) -> str:
        """What each of the values is."""
        return "input"

    @property
    def forward_heads(self) -> list[list[str]]:
        """What stands above them: lines, in pieces that may be parted."""
        return [[_count(self.size, "input")]]

    @property
    def backward_heads(self) -> list[list[str]]:
        """The same in the backward pass."""
        return [[_count(self.size, "input")]]

    def quantiles(self, is_forward: bool) -> list[tuple[str, float]]:
        """What a box for all of them says of the weights."""
        return []

    def title(self, place: int, is_forward: bool) -> str:
        """What one of the boxes shows."""
        who = _count(self.size, "input") if self.is_one_box else f"input {place + 1}"
        return f"{who}: {self._spread(place, is_forward)}"

    def _spread(self, place: int, is_forward: bool) -> str:
        """The numbers behind one of the boxes in a few words."""
        columns = self.values if is_forward else self.gradients
        xs = list(chain(*columns)) if self.is_one_box else columns[place]
        what = self.quantity if is_forward else f"∂L/∂{_bracketed(self.quantity)}"
        return f"{len(xs):,} × {what}: {from_to(xs)}, mean {number_text(mean(xs))}"


@dataclass(frozen=True)
class _Layer(_Column):
    """A layer.

    number: from 1. units: its neurons. is_linked: whether each weight belongs to one neuron of the
        layer before, or to one input. slopes: of the activations, by neuron, where these are shown.
    weights, biases: of each neuron; weight_gradients: ∂L/∂w.
    """

    number: int
    units: Sequence[_Unit]
    is_linked: bool
    slopes: list[Numbers]
    weights: list[Numbers]
    weight_gradients: list[Numbers]

    @classmethod
    def of(
        cls, number: int, units: Sequence[_Unit], is_linked: bool, is_deep: bool, flow: Flow
    ) -> _Layer:
        """The layer of these neurons in a graph."""
        outputs = [unit.outputs for unit in units]
        return cls(
            values=[[v.data for v in vs] for vs in outputs],
            gradients=[[flow.gradient(v) for v in vs] for vs in outputs],
            is_one_box=is_deep or len(units) > WIDEST,
            number=number,
            units=units,
            is_linked=is_linked,
            slopes=[[v.partials[0] for v in u.outputs] if u.is_activated else [] for u in units],
            weights=[[w.data for w in unit.w] for unit in units],
            weight_gradients=[[flow.gradient(w) for w in unit.w] for unit in units],
        )

    @property
    def activation(self) -> str:
        """The name of the activation, of several, or of none."""
        return ", ".join(dict.fromkeys(unit.g for unit in self.units if unit.g))

    @property
    def is_activated(self) -> bool:
        """Whether what is shown comes after the activation, of every neuron."""
        return all(unit.is_activated or not unit.sums for unit in self.units)

    @property
    def range(self) -> tuple[float, float]:
        own = span(chain(*self.values))
        return RANGES.get(self.activation, own) if self.is_activated else own

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(len(unit.parameters) for unit in self.units)

    @property
    def flat(self) -> float | None:
        """The share of activations with a small slope; None where none is shown."""
        slopes = list(chain(*self.slopes))
        if not (slopes and self.is_activated):
            return None
        least = FLAT * STEEPEST.get(self.activation, 1.0)
        return sum(abs(slope) < least for slope in slopes) / len(slopes)

    @property
    def dead(self) -> int:
        """Neurons that hand no gradient back for any sample."""
        return sum(bool(slopes) and not any(slopes) for slopes in self.slopes)

    @functools.cached_property
    def all_weights(self) -> Numbers:
        """Those that are finite, smallest first."""
        return sorted(filter(math.isfinite, chain(*self.weights)))

    @functools.cached_property
    def sizes(self) -> Numbers:
        """|∂L/∂w| of all weights."""
        return [abs(g) for g in chain(*self.weight_gradients)]

    def quantiles(self, is_forward: bool) -> list[tuple[str, float]]:
        if not is_forward:
            known = sorted(filter(math.isfinite, self.sizes)) or [math.nan]
            shares = {"median": 0.5, "95 %": 0.95, "largest": 1.0}
        else:
            known = self.all_weights or [math.nan]
            shares = {"5 %": 0.05, "median": 0.5, "95 %": 0.95}
        return [(what, quantile(known, share)) for what, share in shares.items()]

    @property
    def data(self) -> dict[str, Any]:
        quantiles = dict(self.quantiles(is_forward=True))
        known = self.all_weights or [math.nan]
        ends = {"least": known[0], "largest": known[-1]}
        gradients = {"mean": mean(self.sizes), "largest": largest(self.sizes)}
        return {
            **super().data,
            "parameters": self.parameters,
            "activation": self.activation,
            "shows": self.quantity,
            "flat": self.flat,
            "dead": self.dead,
            "weights": {what: _finite(x) for what, x in (ends | quantiles).items()},
            "gradients": {what: _finite(x) for what, x in gradients.items()},
        }

    # ---- in words ----

    @property
    def name(self) -> str:
        return f"layer {self.number}"

    @property
    def quantity(self) -> str:
        if self.is_activated:
            return "activation"
        return "output" if self.activation == "identity" else "w·x + b"

    @property
    def kind(self) -> str:
        """16 tanh neurons."""
        names = self.activation.replace("identity", "linear").split(", ")
        g = ", ".join(filter(str.isidentifier, names))  # not <lambda>
        return _count(self.size, f"{g} neuron" if g else "neuron")

    @property
    def remark(self) -> str:
        """How many activations let next to nothing back through; or that none are shown."""
        if self.flat is None:
            is_linear = self.activation == "identity"
            return "" if is_linear else "in the boxes: w·x + b, before the activation"
        share = _percent(self.flat)
        if self.activation == "relu":
            return f"{share} of activations are 0"
        if self.activation in RANGES:
            return f"{share} of activations saturated"
        return f"{share} of slopes below {FLAT}"

    @property
    def forward_heads(self) -> list[list[str]]:
        dead = f"{_count(self.dead, 'neuron')} dead" if self.dead else ""
        apart = "" if self.is_linked else "fed from elsewhere too"
        return [[self.kind, _count(self.parameters, "parameter")], [self.remark, dead], [apart]]

    @property
    def backward_heads(self) -> list[list[str]]:
        average, most = _brief(mean(self.sizes)), _brief(largest(self.sizes))
        return [[f"mean |∂L/∂w| = {average}"], [f"largest {most}"]]

    def title(self, place: int, is_forward: bool) -> str:
        who = _count(self.size, "neuron") if self.is_one_box else f"neuron {place + 1}"
        by_neuron = self.weights if is_forward else self.weight_gradients
        ws = list(chain(*by_neuron)) if self.is_one_box else by_neuron[place]
        what = "w" if is_forward else "∂L/∂w"
        return (
            f"{self.name}, {who}. {self._spread(place, is_forward)}. "
            f"{len(ws):,} × {what}: {from_to(ws)}"
        )


@dataclass(frozen=True)
class _Batch:
    """A network at work on a batch.

    model: the name of its class. nodes, edges: of the graph of the loss. missing: how many layers
    of the model are not in it.
    """

    model: str
    loss: Value
    nodes: int
    edges: int
    inputs: _Column
    layers: list[_Layer]
    missing: int

    @property
    def samples(self) -> int | None:
        """How often each neuron was evaluated, if all were as often, and each fed the next."""
        counts = {len(unit.sums) for layer in self.layers for unit in layer.units if unit.sums}
        is_chain = all(layer.is_linked for layer in self.layers)
        return counts.pop() if len(counts) == 1 and is_chain else None

    @property
    def symbol(self) -> str:
        """What the loss is called."""
        return name_of(self.loss.label).text if str(self.loss.label).strip() else "L"

    @property
    def largest_weight(self) -> float:
        """The largest |w|; 0 if there is none that is finite."""
        return max((largest(chain(*layer.weights)) for layer in self.layers), default=0.0)

    @property
    def largest_gradient(self) -> float:
        """The largest |∂L/∂w|."""
        return max((largest(layer.sizes) for layer in self.layers), default=0.0)

    @property
    def data(self) -> dict[str, Any]:
        """What is drawn, as JSON data."""
        return {
            "loss": _finite(self.loss.data),
            "samples": self.samples,
            "nodes": self.nodes,
            "edges": self.edges,
            "inputs": self.inputs.data,
            "layers": [layer.data for layer in self.layers],
        }

    # ---- in words ----

    @property
    def title(self) -> str:
        """MLP 2 → 16 → 1, 100 samples."""
        sizes = [str(column.size) for column in (self.inputs, *self.layers)]
        is_deep = len(self.layers) > DEEPEST
        shown = [*sizes[:3], "…", *sizes[-2:]] if is_deep else sizes
        layers = f", {len(self.layers)} layers" if is_deep else ""
        samples = "" if self.samples is None else f", {_count(self.samples, 'sample')}"
        return f"{self.model} {' → '.join(shown)}{layers}{samples}"

    @property
    def text(self) -> str:
        """All that the picture shows, as text."""
        over = "" if self.samples is None else f" over {_count(self.samples, 'sample')}"
        lines = [f"{self.symbol} = {number_text(self.loss.data)}{over}"]
        for layer in self.layers:
            remarks = ", ".join(filter(None, chain(*layer.forward_heads)))
            backward = ", ".join(chain(*layer.backward_heads))
            shown, by = layer.quantity, _bracketed(layer.quantity)
            lines.append(
                f"{layer.name}: {remarks}; weights {from_to(chain(*layer.weights))}; "
                f"{shown} {from_to(chain(*layer.values))}; "
                f"∂L/∂{by} {from_to(chain(*layer.gradients))}; {backward}"
            )
        return "\n".join([*lines, *self._absent])

    def remarks(self, boxes: int, lines: int) -> list[str]:
        """What was left out, for the foot of the picture."""
        graph = f"{_count(self.nodes, 'scalar node')} and {_count(self.edges, 'edge')}"
        drawn = _count(boxes, "box") + (f" and {_count(lines, 'line')}" if lines else "")
        texts = [f"{graph} drawn as {drawn}."]
        wide = [column for column in (self.inputs, *self.layers) if column.is_one_box]
        if len(self.layers) > DEEPEST:
            texts.append("One box for each layer.")
        elif wide:
            names = ", ".join(f"{c.name} ({c.size:,})" for c in wide[:6])
            more = f" and {len(wide) - 6} more" if len(wide) > 6 else ""
            texts.append(f"One box for all of: {names}{more}.")
        return [*texts, *self._absent]

    @property
    def _absent(self) -> list[str]:
        layers = _count(self.missing, "layer")
        return [f"Not in the graph of this loss: {layers} of the model."] if self.missing else []


# ---- from the graph ----------------------------------------------------------------------------


def _read(model: Any, loss: Value) -> _Batch:
    """Find a model in the graph of a loss."""
    groups = _neurons(model)
    if not groups:
        raise ValueError(
            f"overview draws neurons, and {_class_of(model)} holds none: objects with a list "
            "`w` of Values, such as those of nn.Neuron, nn.Layer and MLP; a small graph can be "
            "drawn as it is, with draw(loss)"
        )
    try:
        flow = Flow(loss)
    except RuntimeError as error:
        raise _stale(error) from None
    units = list(chain(*groups))
    _find_sums(units, flow.nodes)
    found = [group for group in groups if any(unit.sums for unit in group)]
    if not found:
        raise _not_in_the_graph(model, loss)
    for unit in units:
        _check_unchanged(unit)
    _find_outputs(units, flow.nodes)
    layers = _layers(_in_order(_side_by_side(found), flow.nodes), flow)
    return _Batch(
        model=type(model).__name__,
        loss=loss,
        nodes=len(flow.nodes),
        edges=sum(len(v.parents) for v in flow.nodes),
        inputs=_inputs(layers[0], len(layers) > DEEPEST, flow),
        layers=layers,
        missing=len(groups) - len(found),
    )


def _class_of(model: Any) -> str:
    return f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__


def _not_in_the_graph(model: Any, loss: Value) -> ValueError:
    if loss.op:
        why = f"no neuron of {_class_of(model)} is in its graph"
    else:
        why = "it has no history: it was not computed by the model, or model.predict was used"
    return ValueError(
        f"overview does not find the model in the loss: {why}; compute the loss from what this "
        "model returns, as in mean([squared_error(model(x), d) for x, d in zip(X, y)]); a neuron "
        "is found as the sum w·x + b of all its weights"
    )


def _stale(what: object) -> RuntimeError:
    return RuntimeError(
        "a number was changed after this loss was computed from it, as an optimiser's step does: "
        f"compute the loss again, then call overview(model, loss) ({what})"
    )


def _check_unchanged(unit: _Unit) -> None:
    """Raise RuntimeError if the parameters of a neuron are not those that its sum was made of."""
    for v in unit.sums[-1:]:
        factors = [x.data if isinstance(x, Value) else x for x in _factors(unit, v)]
        terms = [w.data * x for w, x in zip(unit.w, factors, strict=True)]
        terms += [] if unit.b is None else [unit.b.data]
        if abs(sum(terms) - v.data) > 1e-9 * sum(map(abs, terms)):  # never so with nan
            raise _stale(f"w·x + b was {v.data!r} and would now be {sum(terms)!r}")


def _side_by_side(groups: Sequence[list[_Unit]]) -> list[list[_Unit]]:
    """The groups, with neurons that are attributes of their own together if they see the same."""
    merged: list[list[_Unit]] = []
    layers: dict[Any, list[_Unit]] = {}
    for group in groups:
        if group[0].is_alone:
            factors = _factors(group[0], group[0].sums[0])
            seen = tuple(id(x) if isinstance(x, Value) else x for x in factors)
            if seen in layers:
                layers[seen] += group
                continue
            layers[seen] = group
        merged.append(group)
    return merged


def _in_order(groups: Iterable[list[_Unit]], nodes: Iterable[Value]) -> list[list[_Unit]]:
    """The groups in the order of computing, which may not be that of the attributes."""
    order = {id(v): i for i, v in enumerate(nodes)}

    def first(group: Sequence[_Unit]) -> int:
        return min(order[id(unit.sums[0])] for unit in group if unit.sums)

    return sorted(groups, key=first)


def _layers(groups: Sequence[Sequence[_Unit]], flow: Flow) -> list[_Layer]:
    """What each layer did."""
    places = {
        id(v): (number, place)
        for number, group in enumerate(groups, 1)
        for place, unit in enumerate(group)
        for v in unit.outputs
    }
    layers: list[_Layer] = []
    for number, group in enumerate(groups, 1):
        before = len(groups[number - 2]) if number > 1 else len(group[0].w)
        is_linked = all(_is_fed(unit, number - 1, before, places) for unit in group)
        layers.append(_Layer.of(number, group, is_linked, len(groups) > DEEPEST, flow))
    return layers


def _is_fed(unit: _Unit, by: int, size: int, places: Mapping[int, tuple[int, int]]) -> bool:
    """Whether a neuron has a weight for each output of a layer, in order. by: 0 for the inputs.

    What is computed between two layers, such as a softmax, is taken for outputs of the first if
    there are as many.
    """
    if len(unit.w) != size:
        return False
    for v in (*unit.sums[:1], *unit.sums[-1:]):
        for i, x in enumerate(_factors(unit, v)):
            place = places.get(id(x))
            between = not by or (isinstance(x, Value) and bool(x.op))
            if not (between if place is None else place == (by, i)):
                return False
    return True


def _inputs(first: _Layer, is_deep: bool, flow: Flow) -> _Column:
    """What the first layer was given."""
    unit = max(first.units, key=lambda unit: len(unit.sums))
    rows = [_factors(unit, v) for v in unit.sums] if first.is_linked else []
    columns = [[row[i] for row in rows] for i in range(len(unit.w))]
    return _Column(
        values=[[x.data if isinstance(x, Value) else x for x in xs] for xs in columns],
        gradients=[[flow.gradient(x) for x in xs if isinstance(x, Value)] for xs in columns],
        is_one_box=is_deep or len(columns) > WIDEST,
    )


# ---- drawing: what both forms share ------------------------------------------------------------

MARGIN = 28.0
LINE = 16.0  # px from one line of text to the next
NARROWEST = 760.0  # px, so that headings and notes have room


@dataclass(frozen=True, slots=True)
class _Place:
    """A box on paper: its middle, width and height, px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """Its left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Its upper side."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.height / 2

    @property
    def box(self) -> Box:
        """Left, top, width, height."""
        return self.left, self.top, self.width, self.height


def _draw_histogram(svg: Svg, histogram: Histogram, place: _Place, is_forward: bool) -> None:
    """The bars in a box, or a word where there is nothing to count."""
    if histogram.strange:
        svg.text(place.x, place.y + 4, "nan or ∞", "tag middle negative")
    elif not histogram.total:
        svg.text(place.x, place.y + 4, "not used", "tag middle muted")
    else:
        histogram.draw(svg, place.box, "value-area" if is_forward else "gradient-area")


def _draw_loss(svg: Svg, batch: _Batch, place: _Place, is_forward: bool) -> None:
    """The box of the loss: its value, or the gradient that the backward pass begins with."""
    room = place.width - 14
    with svg.group():
        svg.title(f"the loss: {batch.symbol} = {batch.loss.data!r}")
        svg.rect(place.box, "card card-output", 10)
        if is_forward:
            name, number = shortened(batch.symbol, room, "name"), number_text(batch.loss.data)
        else:
            name, number = f"∂{batch.symbol}/∂{batch.symbol}", "1"
            name = name if size_of(name, "name") <= room else "∂L/∂L"
        svg.text(place.x, place.y - 7, name, "name middle")
        classes = "number value middle" if is_forward else "number gradient middle"
        svg.text(place.x, place.y + 17, number, classes)


# ---- side by side: a column for each layer -----------------------------------------------------

GAP = 250.0  # px from column to column, where there is room
LARGEST_WIDTH = 1600.0
LEVELS = 24  # of the width and strength of lines
DASH = "7 3"  # of negative weights
FORWARD = "Forward →  weights on the lines, activations over the batch in the boxes"
BACKWARD = "← Backward  |∂L/∂w| on the lines, ∂L/∂activation over the batch in the boxes"

Line: TypeAlias = tuple[_Place, _Place, float, str]  # from, to, number, class


class _Columns:
    """The network as books draw it, once forward and once backward."""

    def __init__(self, batch: _Batch, title: str) -> None:
        self.svg = Svg()
        self.batch = batch
        self.columns: list[_Column] = [batch.inputs, *batch.layers]
        self.lines = 0
        self._measure()
        self._thickest = self._largest_numbers()
        self.boxes = sum(map(len, self._places)) + 1
        y = heading(self.svg, MARGIN, 38, title, self.width - 2 * MARGIN)
        y = self._panel(y + 36, is_forward=True)
        y = self._panel(y + 52, is_forward=False)
        y = notes(self.svg, MARGIN, y + 18, self._notes(), self.width - 2 * MARGIN)
        self.height = y + 22

    def _measure(self) -> None:
        """Where columns and boxes are; heights count from the middle of the panel."""
        rows = max(1 if column.is_one_box else column.size for column in self.columns)
        step = min(max(420.0 / rows, 30.0), 46.0)
        self._tall = max(rows * step, 90.0, *(200.0 for c in self.columns if c.is_one_box))
        first = 124.0 if self.batch.inputs.is_one_box else 88.0
        room = LARGEST_WIDTH - 2 * MARGIN - first / 2 - 62.0 - 70.0 - 132.0
        self._gap = min(GAP, room / max(len(self.columns) - 1, 1))
        width = 88.0 if self._gap >= 190.0 else 70.0
        self._places: list[list[_Place]] = []
        for k, column in enumerate(self.columns):
            x = MARGIN + first / 2 + k * self._gap
            top = -(column.size - 1) * step / 2
            boxes = [_Place(x, top + j * step, width, step - 5.0) for j in range(column.size)]
            tall = _Place(x, 0.0, 124.0, 196.0 if column.quantiles(True) else 108.0)
            self._places.append([tall] if column.is_one_box else boxes)
        end = self._places[-1][0].right + 70.0 + 66.0
        self._loss = _Place(end, 0.0, 132.0, 62.0)
        self.width = max(end + 66.0 + MARGIN, NARROWEST)

    def _largest_numbers(self) -> dict[str, float]:
        """What the thickest line of each class stands for."""
        weight, gradient = self.batch.largest_weight, self.batch.largest_gradient
        steps = zip(self.batch.layers, pairwise(self._places), strict=True)
        many = [
            x
            for layer, (before, here) in steps
            if layer.is_linked
            for _, _, x, classes in _lines_between(before, here, layer.weights)
            if classes == "bundle-line"
        ]
        return {
            "positive-line": weight,
            "negative-line": weight,
            "bundle-line": largest(many),
            "gradient-line": gradient,
        }

    def _panel(self, y: float, is_forward: bool) -> float:
        """One pass, from this height on; returns where it ends."""
        y = self._heading(y, is_forward)
        heads = [self._head(column, is_forward) for column in self.columns]
        y += 12 + LINE * max(map(len, heads))
        for places, lines in zip(self._places, heads, strict=True):
            for i, line in enumerate(reversed(lines)):
                self.svg.text(places[0].x, y - LINE * i, line, "note muted middle")
        self.svg.text(self._loss.x, y, "loss", "note muted middle")
        middle = y + 14 + self._tall / 2
        here = [[replace(p, y=p.y + middle) for p in places] for places in self._places]
        loss = replace(self._loss, y=middle)
        for k, layer in enumerate(self.batch.layers, 1):
            if layer.is_linked:
                self._draw_lines(layer, here[k - 1], here[k], is_forward)
        used = [p for p, xs in zip(here[-1], self.columns[-1].forward, strict=True) if xs.total]
        self._draw_ends(used, loss, is_forward)
        for column, boxes in zip(self.columns, here, strict=True):
            self._draw_boxes(column, boxes, is_forward)
        _draw_loss(self.svg, self.batch, loss, is_forward)
        return middle + self._tall / 2

    # ---- headings ----

    def _heading(self, y: float, is_forward: bool) -> float:
        """What the panel shows and what its lines mean; returns the base line of the last text."""
        text = FORWARD if is_forward else BACKWARD
        self.svg.text(MARGIN, y, text, "heading")
        entries = self._legend(is_forward)
        widths = [(42 if classes else 0) + size_of(said, "note") for classes, _, said in entries]
        x = self.width - MARGIN - sum(widths) - 18 * (len(widths) - 1)
        if x < MARGIN + size_of(text, "heading") + 30:
            x, y = MARGIN, y + 24
        for (classes, dash, said), width in zip(entries, widths, strict=True):
            if classes:
                line = f"M{short(x)},{short(y - 4)}h34"
                self.svg.path(line, classes, stroke_width=3.5, stroke_dasharray=dash)
            self.svg.text(x + width - size_of(said, "note"), y, said, "note muted")
            x += width + 18
        return y

    def _legend(self, is_forward: bool) -> list[tuple[str, str | None, str]]:
        """Class, dash and meaning of the lines."""
        thickest = {classes: _brief(x) for classes, x in self._thickest.items()}
        if not is_forward:
            return [("gradient-line", None, f"|∂L/∂w|, thickest {thickest['gradient-line']}")]
        entries: list[tuple[str, str | None, str]] = [
            ("positive-line", None, "positive weight"),
            ("negative-line", DASH, "negative weight"),
            ("", None, f"thickest |w| {thickest['positive-line']}"),
        ]
        if self._thickest["bundle-line"]:
            entries.append(
                ("bundle-line", None, f"many weights, thickest {thickest['bundle-line']}")
            )
        return entries

    def _head(self, column: _Column, is_forward: bool) -> list[str]:
        """What stands above a column; in a narrow one without what goes without saying."""
        width = self._gap - 14
        lines = column.forward_heads if is_forward else column.backward_heads
        if any(size_of(piece, "note") > width for pieces in lines for piece in pieces):
            lines = [[_terse(piece) for piece in pieces] for pieces in lines]
        return _set(lines, width, "note")

    # ---- lines ----

    def _draw_lines(
        self, layer: _Layer, before: Sequence[_Place], here: Sequence[_Place], is_forward: bool
    ) -> None:
        """The weights of a layer, or their gradients: thin ones first, so that thick ones show."""
        numbers = layer.weights if is_forward else layer.weight_gradients
        power = 1.8 if is_forward else 0.6  # keeps crossing fields readable, small gradients seen
        looks: dict[tuple[int, str], list[str]] = {}
        lines = list(_lines_between(before, here, numbers, "" if is_forward else "gradient-line"))
        for start, end, x, classes in lines:
            largest = self._thickest[classes]
            size = min(abs(x) / largest, 1.0) if largest and math.isfinite(x) else float(x != 0)
            look = math.ceil(LEVELS * size**power), classes
            looks.setdefault(look, []).append(_curve(start, end))
        self.lines += len(lines) if is_forward else 0
        with self.svg.group():
            what = "w" if is_forward else "∂L/∂w"
            self.svg.title(f"{layer.name}: {what} {from_to(chain(*numbers))}")
            for (level, classes), curves in sorted(looks.items()):
                width = 0.5 + 3.9 * level / LEVELS
                dashed = classes == "negative-line" and width > 1.2
                self.svg.path(
                    "".join(curves),
                    classes,
                    stroke_width=f"{width:.2f}",
                    opacity=f"{0.16 + 0.7 * level / LEVELS:.2f}",
                    stroke_dasharray=DASH if dashed else None,
                )

    def _draw_ends(self, outputs: Sequence[_Place], loss: _Place, is_forward: bool) -> None:
        """From the outputs to the loss, or back."""
        if is_forward:
            stop = replace(loss, width=loss.width + 16)
            for place in outputs:
                self.svg.path(_curve(place, stop), "edge")
            self.svg.path(f"M{short(loss.left - 1)},{short(loss.y)}l-9,-4.5v9z", "arrow")
            return
        for place in outputs:
            start = replace(place, width=place.width + 16)
            self.svg.path(_curve(start, loss), "gradient-line", stroke_width="1.6")
            tip = f"M{short(place.right + 1)},{short(place.y)}"
            self.svg.path(f"{tip}l9,-4.5v9z", "gradient-area")

    # ---- boxes ----

    def _draw_boxes(self, column: _Column, places: Sequence[_Place], is_forward: bool) -> None:
        histograms = column.forward if is_forward else column.backward
        for i, (place, histogram) in enumerate(zip(places, histograms, strict=True)):
            with self.svg.group():
                self.svg.title(column.title(i, is_forward))
                self.svg.rect(place.box, "card", 7)
                if column.is_one_box:
                    self._draw_tall(column, histogram, place, is_forward)
                elif column is self.batch.inputs:
                    self._draw_input(i, histogram, place, is_forward)
                else:
                    inner = replace(place, width=place.width - 12, height=place.height - 8)
                    _draw_histogram(self.svg, histogram, inner, is_forward)

    def _draw_input(self, i: int, histogram: Histogram, place: _Place, is_forward: bool) -> None:
        """The name of an input, and beside it what was given."""
        is_drawn = histogram.total > 0
        x = place.left + 17 if is_drawn else place.x
        self.svg.text(x, place.y + 5, name_of(f"x{i + 1}").text, "name middle")
        if is_drawn:
            inner = _Place(place.x + 14, place.y, place.width - 40, place.height - 8)
            _draw_histogram(self.svg, histogram, inner, is_forward)

    def _draw_tall(
        self, column: _Column, histogram: Histogram, place: _Place, is_forward: bool
    ) -> None:
        """One box for a whole layer: the histogram, its range, and quantiles of the weights."""
        inner = _Place(place.x, place.top + 46, place.width - 18, 72)
        _draw_histogram(self.svg, histogram, inner, is_forward)
        _draw_range(self.svg, histogram, inner)
        quantiles = column.quantiles(is_forward)
        y = place.top + 130
        if quantiles:
            name = "weights" if is_forward else "|∂L/∂w|"
            self.svg.text(place.left + 9, y, name, "tag bold")
        for i, (what, x) in enumerate(quantiles, 1):
            self.svg.text(place.left + 9, y + 18 * i, what, "tag muted")
            self.svg.text(place.right - 9, y + 18 * i, _brief(x), "tag end")

    def _notes(self) -> list[str]:
        texts = self.batch.remarks(self.boxes, self.lines)
        texts.append(
            "In the boxes: how often each value occurs, on one scale per layer; the tick is 0."
        )
        if self._thickest["bundle-line"]:
            texts.append("Where a line stands for many weights, it shows their root mean square.")
        return [" ".join(texts)]


def _lines_between(
    before: Sequence[_Place], here: Sequence[_Place], numbers: Sequence[Numbers], gradient: str = ""
) -> Iterator[Line]:
    """A line for each weight; where one box stands for a whole layer, for many weights.

    gradient: the class of the lines, if not by sign.
    """
    for j, end in enumerate(here):
        rows = numbers if len(here) < len(numbers) else [numbers[j]]
        for i, start in enumerate(before):
            is_whole = len(before) < len(rows[0])
            xs = list(chain(*rows)) if is_whole else [row[i] for row in rows]
            x = xs[0] if len(xs) == 1 else root_mean_square(xs)
            sign = "negative-line" if x < 0 else "positive-line"
            yield start, end, x, gradient or (sign if len(xs) == 1 else "bundle-line")


def _curve(start: _Place, end: _Place) -> str:
    """A curve from the right side of one box to the left side of another."""
    bend = min(70.0, (end.left - start.right) / 2)
    return (
        f"M{short(start.right)},{short(start.y)}"
        f"C{short(start.right + bend)},{short(start.y)} {short(end.left - bend)},{short(end.y)} "
        f"{short(end.left)},{short(end.y)}"
    )


# ---- one below the other: a row for each layer -------------------------------------------------


ROW = 66.0  # px from row to row
ACTIVATIONS = _Place(395.0, 0.0, 170.0, 34.0)
WEIGHTS = _Place(590.0, 0.0, 150.0, 34.0)
GRADIENTS = _Place(785.0, 0.0, 170.0, 34.0)


class _Rows:
    """A deep network as a table: a row for each layer, forward on the left, backward beside it."""

    def __init__(self, batch: _Batch, title: str) -> None:
        self.svg = Svg()
        self.batch = batch
        self.lines = 0
        self.width = 1220.0
        half = MOST_ROWS // 2
        layers = batch.layers
        self._shown = layers if len(layers) <= MOST_ROWS else [*layers[:half], *layers[-half:]]
        self.boxes = 1 + len(self._shown) + 1
        means = [mean(layer.sizes) for layer in self._shown]
        self._scale = Log(*limits(means, log=True), 905.0, 1110.0)
        y = heading(self.svg, MARGIN, 38, title, self.width - 2 * MARGIN)
        y = self._rows(self._heads(y + 34))
        texts = batch.remarks(self.boxes, self.lines)
        texts.append("In the boxes: how often each value occurs, from and to where; the tick is 0.")
        y = notes(self.svg, MARGIN, y + 6, [" ".join(texts)], self.width - 2 * MARGIN)
        self.height = y + 22

    def _heads(self, y: float) -> float:
        """What the columns show; returns the base line of the last text."""
        self.svg.text(ACTIVATIONS.left, y, "Forward ↓", "heading value")
        self.svg.text(GRADIENTS.left, y, "Backward ↑", "heading gradient")
        y += 20
        for x, text in (
            (ACTIVATIONS.left, "activations"),
            (WEIGHTS.left, "weights"),
            (GRADIENTS.left, "∂L/∂activation"),
            (self._scale.start, "mean |∂L/∂w|, log scale"),
        ):
            self.svg.text(x, y, text, "note muted")
        return y

    def _rows(self, y: float) -> float:
        """All rows, from this height on; returns where they end."""
        rows: list[_Layer | None] = list(self._shown)
        if len(self._shown) < len(self.batch.layers):
            rows.insert(MOST_ROWS // 2, None)
        y += ROW / 2 + 10
        top = y + ROW / 2
        self._draw_row(self.batch.inputs, y, is_first=True)
        places: list[tuple[float, float]] = []
        for layer in rows:
            y += ROW
            if layer is None:
                left_out = len(self.batch.layers) - len(self._shown)
                self.svg.text(MARGIN, y + 4, f"… {_count(left_out, 'more layer')} …", "label")
                places.append((0.0, math.nan))
                continue
            self._draw_row(layer, y)
            self._draw_weights(layer, y)
            average = mean(layer.sizes)
            self.svg.text(self.width - MARGIN, y + 4, _brief(average), "small-number gradient end")
            places.append(
                (self._scale(average), y) if self._scale.holds(average) else (0.0, math.nan)
            )
        self._draw_profile(places, top, y + ROW / 2)
        y += ROW
        self.svg.text(MARGIN, y + 4, "loss", "heading")
        for is_forward, place in ((True, ACTIVATIONS), (False, GRADIENTS)):
            self._draw_arrow(place, y, is_forward)
            _draw_loss(self.svg, self.batch, replace(place, y=y + 10, height=58), is_forward)
        return y + 10 + 29 + LINE

    def _draw_row(self, column: _Column, y: float, is_first: bool = False) -> None:
        """The name of a layer and its two histograms."""
        self.svg.text(MARGIN, y - 11, column.name, "heading")
        lines = _set(column.forward_heads, ACTIVATIONS.left - MARGIN - 12, "note")
        for i, line in enumerate(lines[:3]):
            self.svg.text(MARGIN, y + 5 + 15 * i, line, "note muted")
        for is_forward, place in ((True, ACTIVATIONS), (False, GRADIENTS)):
            histogram = (column.forward if is_forward else column.backward)[0]
            with self.svg.group():
                self.svg.title(column.title(0, is_forward))
                place = replace(place, y=y)
                self.svg.rect(place.box, "card", 7)
                inner = replace(place, width=place.width - 14, height=place.height - 8)
                _draw_histogram(self.svg, histogram, inner, is_forward)
                _draw_range(self.svg, histogram, place)
            if not is_first:
                self._draw_arrow(place, y, is_forward)

    def _draw_arrow(self, place: _Place, y: float, is_forward: bool) -> None:
        """From the row above, or back to it."""
        top, bottom = y - ROW + place.height / 2 + 3, y - place.height / 2 - 3
        x = short(place.x)
        classes = "positive-line" if is_forward else "gradient-line"
        self.svg.path(f"M{x},{short(top)}V{short(bottom)}", classes, stroke_width=1.6)
        tip = f"M{x},{short(bottom)}l-4.5,-8h9z" if is_forward else f"M{x},{short(top)}l-4.5,8h9z"
        self.svg.path(tip, "value-area" if is_forward else "gradient-area")

    def _draw_weights(self, layer: _Layer, y: float) -> None:
        """How the weights are spread: negative ones in red on the left of 0."""
        place = replace(WEIGHTS, y=y)
        whole = Histogram.of(layer.all_weights, *even_span(layer.all_weights))
        middle, most = len(whole.counts) // 2, max(whole.counts)
        none = (0,) * middle
        with self.svg.group():
            self.svg.title(f"{layer.name}: {len(layer.all_weights):,} weights")
            self.svg.rect(place.box, "card", 7)
            inner = replace(place, width=place.width - 14, height=place.height - 8)
            for counts, classes in (
                (whole.counts[:middle] + none, "negative-area"),
                (none + whole.counts[middle:], "value-area"),
            ):
                replace(whole, counts=counts).draw(self.svg, inner.box, classes, most)
            _draw_range(self.svg, whole, place)

    def _draw_profile(self, places: Sequence[Point], top: float, bottom: float) -> None:
        """How |∂L/∂w| changes from layer to layer, on a log scale."""
        for x, text in ticks_of(self._scale):
            at = short(self._scale(x))
            self.svg.path(f"M{at},{short(top)}V{short(bottom)}", "grid")
            self.svg.text(self._scale(x), top - 6, text, "tag muted middle")
        for run in runs(places):
            self.svg.path(path_of(run), "gradient-line", stroke_width=2)
            for x, y in run:
                self.svg.circle(x, y, 4.5, "point-2")


def _draw_range(svg: Svg, histogram: Histogram, place: _Place) -> None:
    """From where to where a histogram counts, below it."""
    if any(histogram.counts):
        y = place.bottom + 13
        svg.text(place.left, y, _brief(histogram.low), "tag muted")
        svg.text(place.right, y, _brief(histogram.high), "tag muted end")


# ---- in words ----------------------------------------------------------------------------------


def _count(n: int, what: str) -> str:
    """1 neuron, 16 neurons, 2 boxes."""
    plural = "es" if what.endswith("x") else "s"
    return f"{n:,} {what}{'' if n == 1 else plural}"


def _terse(text: str) -> str:
    """The same without what the heading of the panel says as well."""
    for words in (" of activations", "|∂L/∂w| = "):
        text = text.replace(words, "")
    return text


def _bracketed(quantity: str) -> str:
    return f"({quantity})" if " " in quantity else quantity


def _percent(share: float) -> str:
    """A share in percent, where 0 and 100 mean none and all."""
    rounded = round(100 * share)
    if rounded == 0 and share:
        return "under 1 %"
    return "over 99 %" if rounded == 100 and share < 1 else f"{rounded} %"


def _brief(x: float) -> str:
    """A number with three digits."""
    return number_text(float(f"{x:.2e}"))


def _set(lines: Iterable[Sequence[str]], width: float, classes: str) -> list[str]:
    """Lines of pieces, joined by dots as far as they fit into a width."""
    done: list[str] = []
    for pieces in lines:
        line = ""
        for piece in filter(None, pieces):
            longer = f"{line} · {piece}" if line else piece
            if line and size_of(longer, classes) > width:
                done += wrapped(line, width, classes)
                longer = piece
            line = longer
        done += wrapped(line, width, classes) if line else []
    return done


def _finite(x: float) -> float | None:
    """A number as JSON knows it."""
    return x if math.isfinite(x) else None
