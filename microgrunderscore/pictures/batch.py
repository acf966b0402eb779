"""What a network did over a batch, in numbers and words: layer by layer, forward and backward."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

from ..engine import Value
from ..numeric import data_of
from .flow import Flow
from .histogram import Histogram, brief, even_span, from_to, largest, mean, quantile, span
from .names import name_of, number_text
from .neurons import Network, Neuron, Unit
from .wording import counted, percent_of

WIDEST = 24  # boxes in a column; a layer of more neurons is one box
DEEPEST = 8  # layers with a box for each neuron; of a deeper network, each layer is one
FLAT = 0.05  # a slope below this share of the largest one hands next to nothing back

RANGES: Mapping[str, tuple[float, float]] = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
STEEPEST: Mapping[str, float] = {"sigmoid": 0.25}  # the largest slope; of most others about 1
QUANTILES = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "largest": 1.0}

Role: TypeAlias = Literal["value", "gradient"]  # what is computed forward, and backward
Numbers: TypeAlias = list[float]
Row: TypeAlias = Sequence[tuple[Neuron, list[Unit]]]  # the neurons of a layer, and what they did


@dataclass(frozen=True)
class Side:
    """One pass, forward or backward, through the inputs or through a layer.

    role: which pass. quantity: what is counted in the boxes.
    columns: for each input or neuron as many numbers as there are samples, none if it is not used.
    is_one_box: whether these are counted together.
    lines: for each neuron w, or ∂L/∂w, for each of its inputs.
    range: from where to where numbers are counted, if not as far as they go.
    """

    role: Role
    quantity: str
    columns: Sequence[Numbers]
    is_one_box: bool
    lines: Sequence[Numbers] = ()
    range: tuple[float, float] | None = None

    @property
    def boxes(self) -> Sequence[Numbers]:
        """The numbers of each box."""
        return [list(chain(*self.columns))] if self.is_one_box else self.columns

    @functools.cached_property
    def histograms(self) -> list[Histogram]:
        """How the numbers of each box are spread, all over one range."""
        around = span if self.role == "value" else even_span
        ends = self.range or around(chain(*self.columns))
        return [Histogram.of(xs, *ends) for xs in self.boxes]

    @functools.cached_property
    def weights(self) -> Numbers:
        """The finite ones of the numbers on the lines, smallest first; of gradients the sizes."""
        xs = filter(math.isfinite, chain(*self.lines))
        return sorted(xs if self.role == "value" else map(abs, xs))

    @property
    def quantiles(self) -> dict[str, float]:
        """How they are spread."""
        return {what: quantile(self.weights or [math.nan], at) for what, at in QUANTILES.items()}

    @property
    def symbol(self) -> str:
        """What the numbers on the lines are."""
        return "w" if self.role == "value" else "∂L/∂w"

    def described(self, box: int) -> str:
        """The numbers behind a box in a few words."""
        xs = self.boxes[box]
        text = f"{len(xs):,} × {self.quantity}: {from_to(xs)}, mean {number_text(mean(xs))}"
        if not self.lines:
            return text
        ws = list(chain(*self.lines)) if self.is_one_box else self.lines[box]
        return f"{text}. {len(ws):,} × {self.symbol}: {from_to(ws)}"


@dataclass(frozen=True)
class Column:
    """The inputs, or the neurons of a layer."""

    name: str
    forward: Side
    backward: Side
    each = "input"  # what one of them is called

    def side(self, role: Role) -> Side:
        """One of its two sides."""
        return self.forward if role == "value" else self.backward

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.forward.columns)

    @property
    def is_one_box(self) -> bool:
        """Whether they are drawn together."""
        return self.forward.is_one_box

    @property
    def data(self) -> dict[str, Any]:
        """What is drawn, as JSON data."""
        return {
            "size": self.size,
            "forward": [histogram.data for histogram in self.forward.histograms],
            "backward": [histogram.data for histogram in self.backward.histograms],
        }

    def heads(self, role: Role) -> list[list[str]]:
        """What stands above them: lines, in pieces that may be parted."""
        return [[counted(self.size, self.each)]]

    def title(self, box: int, role: Role) -> str:
        """What a box shows."""
        who = counted(self.size, self.each) if self.is_one_box else f"{self.each} {box + 1}"
        return f"{who}. {self.side(role).described(box)}"


@dataclass(frozen=True)
class Layer(Column):
    """A layer.

    is_linked: whether each weight belongs to one neuron of the layer before, or to one input.
    parameters: how many. activation: its name, those of several, or "".
    slopes: of the activation, for each neuron; none where these are not known.
    """

    is_linked: bool
    parameters: int
    activation: str
    slopes: Sequence[Numbers]
    each = "neuron"

    @property
    def flat(self) -> float | None:
        """The share of activations with a small slope; None where these are not known."""
        slopes = list(chain(*self.slopes))
        least = FLAT * STEEPEST.get(self.activation, 1.0)
        return sum(abs(x) < least for x in slopes) / len(slopes) if slopes else None

    @property
    def dead(self) -> int:
        """Neurons that hand no gradient back for any sample."""
        return sum(bool(xs) and not any(xs) for xs in self.slopes)

    @property
    def gradients(self) -> dict[str, float]:
        """The mean and the largest |∂L/∂w|."""
        sizes = [abs(g) for g in chain(*self.backward.lines)]
        average = mean(sizes)
        return {"mean": average, "largest": largest(sizes) if math.isfinite(average) else average}

    @property
    def data(self) -> dict[str, Any]:
        return {
            **super().data,
            "parameters": self.parameters,
            "activation": self.activation,
            "shows": self.forward.quantity,
            "flat": self.flat,
            "dead": self.dead,
            "weights": {what: _finite(x) for what, x in self.forward.quantiles.items()},
            "gradients": {what: _finite(x) for what, x in self.gradients.items()},
        }

    def heads(self, role: Role) -> list[list[str]]:
        if role == "gradient":
            sizes = {what: brief(x) for what, x in self.gradients.items()}
            return [[f"mean |∂L/∂w| = {sizes['mean']}"], [f"largest {sizes['largest']}"]]
        names = self.activation.replace("identity", "linear").split(", ")
        g = ", ".join(filter(str.isidentifier, names))  # not <lambda>
        return [
            [counted(self.size, f"{g} neuron".strip()), counted(self.parameters, "parameter")],
            [self._remark, f"{counted(self.dead, 'neuron')} dead" if self.dead else ""],
            ["" if self.is_linked else "fed from elsewhere too"],
        ]

    @property
    def _remark(self) -> str:
        """How many activations let next to nothing back through; or that none are shown."""
        if self.flat is None:
            is_linear = self.activation == "identity"
            return "" if is_linear else "in the boxes: w·x + b, before the activation"
        what = "activations saturated" if self.activation in RANGES else f"slopes below {FLAT}"
        what = "activations are 0" if self.activation == "relu" else what
        return f"{percent_of(self.flat, 1.0)} of {what}"

    def title(self, box: int, role: Role) -> str:
        return f"{self.name}, {super().title(box, role)}"


@dataclass(frozen=True)
class Batch:
    """A network at work on a batch.

    model: the name of its class. nodes, edges: of the graph of the loss.
    samples: how often each neuron was evaluated, if all were as often and each fed the next.
    missing: how many layers of the model are not in the graph.
    """

    model: str
    loss: Value
    nodes: int
    edges: int
    samples: int | None
    inputs: Column
    layers: Sequence[Layer]
    missing: int

    @property
    def columns(self) -> list[Column]:
        """The inputs and the layers."""
        return [self.inputs, *self.layers]

    @property
    def is_deep(self) -> bool:
        """Whether there are too many layers to draw the neurons of each."""
        return len(self.layers) > DEEPEST

    @property
    def symbol(self) -> str:
        """What the loss is called."""
        return name_of(self.loss.label).text if str(self.loss.label).strip() else "L"

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

    @property
    def title(self) -> str:
        """MLP 2 → 16 → 1, 100 samples."""
        sizes = [str(column.size) for column in self.columns]
        shown = [*sizes[:3], "…", *sizes[-2:]] if self.is_deep else sizes
        layers = f", {len(self.layers)} layers" if self.is_deep else ""
        samples = "" if self.samples is None else f", {counted(self.samples, 'sample')}"
        return f"{self.model} {' → '.join(shown)}{layers}{samples}"

    @property
    def text(self) -> str:
        """All that the picture shows, as text."""
        over = "" if self.samples is None else f" over {counted(self.samples, 'sample')}"
        lines = [f"{self.symbol} = {number_text(self.loss.data)}{over}"]
        for layer in self.layers:
            forward, backward = layer.forward, layer.backward
            lines.append(
                f"{layer.name}: {', '.join(filter(None, chain(*layer.heads('value'))))}; "
                f"weights {from_to(chain(*forward.lines))}; "
                f"{forward.quantity} {from_to(chain(*forward.columns))}; "
                f"{backward.quantity} {from_to(chain(*backward.columns))}; "
                f"{', '.join(chain(*layer.heads('gradient')))}"
            )
        return "\n".join([*lines, *self._absent])

    def remarks(self, boxes: int, lines: int) -> list[str]:
        """What the picture stands for, and what it leaves out."""
        graph = f"{counted(self.nodes, 'scalar node')} and {counted(self.edges, 'edge')}"
        drawn = counted(boxes, "box") + (f" and {counted(lines, 'line')}" if lines else "")
        texts = [f"{graph} drawn as {drawn}."]
        wide = [f"{c.name} ({c.size:,})" for c in self.columns if c.is_one_box]
        if self.is_deep:
            texts.append("One box for each layer.")
        elif wide:
            texts.append(f"One box for all of: {', '.join(wide)}.")
        return [*texts, *self._absent]

    @property
    def _absent(self) -> list[str]:
        layers = counted(self.missing, "layer")
        return [f"Not in the graph of this loss: {layers} of the model."] if self.missing else []


# ---- from the graph ----------------------------------------------------------------------------


def batch_of(model: Any, loss: Value) -> Batch:
    """What a model did, from the graph of a loss.

    Raises:
        ValueError: the model has no neurons, or none of them is in the graph.
        RuntimeError: a parameter was changed since the loss was computed.
    """
    flow = Flow(loss)
    network = Network(model, flow.nodes)
    if not network.units:
        raise _not_found(model, loss, bool(network.layers))
    rows: list[Row] = [[(neuron, []) for neuron in layer] for layer in network.layers]
    for unit in network.units:
        rows[unit.layer - 1][unit.place - 1][1].append(unit)
    used = {k: row for k, row in enumerate(rows, 1) if any(units for _, units in row)}
    is_deep = len(used) > DEEPEST
    owners = {id(unit.h): unit.neuron for unit in network.units}
    layers: list[Layer] = []
    before: Row = ()
    for k, row in used.items():
        _check_unchanged(row)
        is_linked = _is_linked(row, before, owners)
        layers.append(_layer(f"layer {k}", row, is_linked, is_deep, flow))
        before = row
    counts = {len(units) for row in used.values() for _, units in row if units}
    is_chain = all(layer.is_linked for layer in layers)
    return Batch(
        model=type(model).__name__,
        loss=loss,
        nodes=len(flow.nodes),
        edges=sum(len(v.parents) for v in flow.nodes),
        samples=counts.pop() if len(counts) == 1 and is_chain else None,
        inputs=_inputs(next(iter(used.values())), layers[0].is_linked, is_deep, flow),
        layers=layers,
        missing=len(rows) - len(used),
    )


def _not_found(model: Any, loss: Value, has_neurons: bool) -> ValueError:
    """What to do where there is nothing to show."""
    what = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    if not has_neurons:
        return ValueError(
            f"overview draws neurons, and {what} holds none: objects with a list `w` of Values, "
            "such as those of nn.Neuron, nn.Layer and MLP; a small graph can be drawn as it is, "
            "with draw(loss)"
        )
    why = f"no neuron of {what} is in its graph"
    if not loss.op:
        why = "it has no history: it was not computed by the model, or model.predict was used"
    return ValueError(
        f"overview does not find the model in the loss: {why}; compute the loss from what this "
        "model returns, as in mean([squared_error(model(x), d) for x, d in zip(X, y)]); a neuron "
        "is found as the sum w·x + b of all its weights"
    )


def _check_unchanged(row: Row) -> None:
    """Raise RuntimeError if parameters of a layer are not those that its sums were made of."""
    for neuron, units in row:
        for unit in units[-1:]:
            terms = [] if neuron.b is None else [neuron.b.data]
            terms += [w.data * data_of(x) for w, x in zip(neuron.w, unit.inputs, strict=True)]
            if abs(sum(terms) - unit.a.data) > 1e-9 * sum(map(abs, terms)):  # never so with nan
                raise RuntimeError(
                    "a number was changed after this loss was computed from it, as an optimiser's "
                    f"step does: w·x + b was {unit.a.data!r} and would now be {sum(terms)!r}; "
                    "compute the loss again, then call overview(model, loss)"
                )


def _is_linked(row: Row, before: Row, owners: Mapping[int, Neuron]) -> bool:
    """Whether each neuron has a weight for each one before it, in order; or for each input.

    What is computed between two layers, such as a softmax, is taken for outputs of the first.
    owners: of the outputs, by id.
    """
    sources: Sequence[Neuron | None] = [neuron for neuron, _ in before]
    sources = sources or [None] * len(row[0][0].w)
    return all(len(neuron.w) == len(sources) for neuron, _ in row) and all(
        owners.get(id(x)) is source or (id(x) not in owners and isinstance(x, Value) and bool(x.op))
        for _, units in row
        for unit in (*units[:1], *units[-1:])
        for x, source in zip(unit.inputs, sources, strict=True)
    )


def _inputs(row: Row, is_linked: bool, is_deep: bool, flow: Flow) -> Column:
    """What the first layer was given."""
    neuron, units = max(row, key=lambda pair: len(pair[1]))
    samples = [unit.inputs for unit in units] if is_linked else []
    columns = [[xs[i] for xs in samples] for i in range(len(neuron.w))]
    values = [[data_of(x) for x in xs] for xs in columns]
    gradients = [[flow.gradient(x) for x in xs if isinstance(x, Value)] for xs in columns]
    is_one_box = is_deep or len(columns) > WIDEST
    forward = Side("value", "input", values, is_one_box)
    return Column("inputs", forward, Side("gradient", "∂L/∂input", gradients, is_one_box))


def _layer(name: str, row: Row, is_linked: bool, is_deep: bool, flow: Flow) -> Layer:
    """What a layer did."""
    units = [unit for _, units in row for unit in units]
    activation = ", ".join(dict.fromkeys(unit.g for unit in units if unit.g))
    is_activated = all(unit.h is not unit.a for unit in units)
    nodes = [[u.h if is_activated else u.a for u in units] for _, units in row]
    quantity = "activation" if is_activated else "w·x + b"
    quantity = "output" if activation == "identity" else quantity
    is_one_box = is_deep or len(row) > WIDEST
    forward = Side(
        role="value",
        quantity=quantity,
        columns=[[v.data for v in vs] for vs in nodes],
        is_one_box=is_one_box,
        lines=[[w.data for w in neuron.w] for neuron, _ in row],
        range=RANGES.get(activation) if is_activated else None,
    )
    backward = Side(
        role="gradient",
        quantity=f"∂L/∂({quantity})" if " " in quantity else f"∂L/∂{quantity}",
        columns=[[flow.gradient(v) for v in vs] for vs in nodes],
        is_one_box=is_one_box,
        lines=[[flow.gradient(w) for w in neuron.w] for neuron, _ in row],
    )
    slopes = [[h.partials[0] for h in hs] for hs in nodes] if is_activated else []
    parameters = sum(len(neuron.parameters) for neuron, _ in row)
    return Layer(name, forward, backward, is_linked, parameters, activation, slopes)


def _finite(x: float) -> float | None:
    """A number as JSON knows it."""
    return x if math.isfinite(x) else None
