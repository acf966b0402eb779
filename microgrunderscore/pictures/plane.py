"""The plane of two inputs: where it is looked at, and what a model says there.

A model of more inputs is looked at in two of them; the others are held at their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..activations import Activation, identity, on_float
from ..arguments import whole
from ..graph import gc_paused
from ..losses import class_index
from ..nn import MLP, Layer, Neuron
from ..operation import ARITHMETIC_ERRORS, Operation
from ..samples import data_set, items, plain, rows
from .contours import Line, boundaries, largest
from .names import number_text

MOST_PLACES = 512  # in each direction; a minute's work for a small network
MARGIN = 0.12  # of what the points span, on either side

Row: TypeAlias = list[float]
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


# ---- the plane ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plane:
    """A rectangle of the plane, looked at in resolution × resolution places, its edges included.

    >>> plane = Plane(0.0, 1.0, -1.0, 1.0, 3)
    >>> plane.columns, plane.rows, plane.place((1.0, 0.5))
    ([0.0, 0.5, 1.0], [1.0, 0.0, -1.0], (0.5, 0.5))
    """

    left: float
    right: float
    bottom: float
    top: float
    resolution: int

    @classmethod
    def around(cls, points: Sequence[tuple[float, float]], resolution: int) -> Plane:
        """The plane around these points.

        Raises:
            ValueError: a resolution below 2 or above 512, points that are too far apart.
            TypeError: a resolution that is no whole number.
        """
        resolution = whole("resolution", resolution, 2)
        if resolution > MOST_PLACES:
            raise ValueError(f"resolution must be at most {MOST_PLACES}, got {resolution}")
        xs, ys = zip(*points, strict=True)
        return cls(*_span("first", xs), *_span("second", ys), resolution)

    @property
    def columns(self) -> Row:
        """The first input of every column, from left to right."""
        return _even(self.left, self.right, self.resolution)

    @property
    def rows(self) -> Row:
        """The second input of every row, from top to bottom."""
        return _even(self.bottom, self.top, self.resolution)[::-1]

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where (column, row) is on the plane."""
        steps = self.resolution - 1
        return (
            _between(self.left, self.right, point[0] / steps),
            _between(self.bottom, self.top, 1.0 - point[1] / steps),
        )


def _span(which: str, numbers: Sequence[float]) -> tuple[float, float]:
    """From somewhat before the smallest number to somewhat after the largest."""
    lo, hi = min(numbers), max(numbers)
    margin = MARGIN * (hi - lo) or max(1.0, 0.1 * abs(lo))
    if not math.isfinite(hi + margin - (lo - margin)):
        raise ValueError(
            f"the {which} input goes from {number_text(lo)} to {number_text(hi)}, too far to be "
            "drawn: standardise it"
        )
    return lo - margin, hi + margin


def _even(first: float, last: float, count: int) -> Row:
    """So many numbers from the first to the last."""
    return [_between(first, last, i / (count - 1)) for i in range(count)]


def _between(first: float, last: float, share: float) -> float:
    return first + (last - first) * share


# ---- samples -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Samples:
    """What is drawn on the plane: points, and their classes.

    Attributes:
        inputs: all features of each sample.
        classes: the class that each target names.
        count: number of classes.
        names: of the classes.
        features: the places of the two features that are drawn.
        axes: what these are called.
        rest: the mean of every feature, which those that are not drawn are held at.
    """

    inputs: list[Row]
    classes: list[int]
    count: int
    names: list[str]
    features: tuple[int, int]
    axes: tuple[str, str]
    rest: Row

    @property
    def points(self) -> list[tuple[float, float]]:
        """The two features of each sample that are drawn."""
        i, j = self.features
        return [(row[i], row[j]) for row in self.inputs]

    @property
    def held(self) -> str:
        """What the other features are held at, "" if there is none."""
        others = [k for k in range(len(self.rest)) if k not in self.features]
        shown = [f"{default_name(k)} = {number_text(self._mean(k))}" for k in others[:6]]
        return ", ".join(shown) + (", …" if len(others) > 6 else "")

    def _mean(self, k: int) -> float:
        """The mean of a feature, 0 where it differs from that by rounding only."""
        largest = max(abs(row[k]) for row in self.inputs)
        return self.rest[k] if abs(self.rest[k]) > 1e-12 * largest else 0.0

    def inputs_on(self, plane: Plane) -> Iterator[Row]:
        """The inputs at every place of the plane, row by row."""
        i, j = self.features
        for y in plane.rows:
            for x in plane.columns:
                row = self.rest.copy()
                row[i], row[j] = x, y
                yield row


def samples_of(
    caller: str,
    model: Any,
    X: Any,
    y: Any,
    features: tuple[int, int] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Samples:
    """The samples of a classification, ready to be drawn.

    Raises:
        ValueError: not two features, targets that name no class, names of another number.
        TypeError: something of another kind.
    """
    inputs, targets = data_set("", X, y)
    chosen = pair_of(caller, inputs, features)
    count = len(_answer(model, inputs[0]))
    if not count:
        raise ValueError("the model gives no output: it must return a number, or a list of them")
    two_names = feature_names or [default_name(k) for k in chosen]
    if isinstance(two_names, str) or len(two_names) != 2:
        raise ValueError(f"feature_names names the two axes, got {feature_names!r:.60}")
    classes = classes_of(targets, count)
    count = max(2, count)
    return Samples(
        inputs=inputs,
        classes=classes,
        count=count,
        names=_class_names(class_names, count, targets),
        features=chosen,
        axes=(str(two_names[0]), str(two_names[1])),
        rest=mean_of(inputs),
    )


def pair_of(caller: str, inputs: Sequence[Any], features: Any = None) -> tuple[int, int]:
    """Which two features are drawn, checked.

    >>> pair_of("decision_boundary", [[1.0, 2.0, 3.0]], (0, 2))
    (0, 2)
    """
    width = len(inputs[0]) if isinstance(inputs[0], list) else 1
    if features is None:
        if width != 2:
            raise ValueError(
                f"{caller} draws a plane of 2 features, but X has {width}: choose two, as in "
                "features=(0, 1); the others are then held at their mean"
                if width > 2
                else f"{caller} draws a plane of 2 features, but X has {width}"
            )
        return 0, 1
    if not isinstance(features, tuple | list) or len(features) != 2:
        raise TypeError(f"features must be a pair such as (0, 1), not {features!r:.40}")
    i, j = (whole("features", k, 0) for k in features)
    if i == j or max(i, j) >= width:
        raise ValueError(
            f"features must be two different numbers below {width}, as X has {width} features, "
            f"got ({i}, {j})"
        )
    return i, j


def mean_of(inputs: Sequence[Row]) -> Row:
    """The mean of every feature."""
    n = len(inputs)
    return [math.fsum(x / n for x in column) for column in zip(*inputs, strict=True)]


def default_name(feature: int) -> str:
    """What a feature is called that nobody named.

    >>> default_name(0)
    'x₁'
    """
    return f"x{str(feature + 1).translate(_SUBSCRIPTS)}"


def classes_of(targets: Sequence[Any], count: int) -> list[int]:
    """The class that each target names, for a model of so many outputs.

    Of one output, targets are 0 or 1, or -1 or 1; of several, class indices or one-hot rows.

    >>> classes_of([-1, 1.0], 1), classes_of([[0.0, 1.0], [1.0, 0.0]], 2)
    ([0, 1], [1, 0])
    """
    if count == 1:
        allowed = (-1.0, 1.0) if any(items(t)[0] == -1.0 for t in targets) else (0.0, 1.0)
        for i, target in enumerate(targets):
            if len(items(target)) != 1 or items(target)[0] not in allowed:
                raise ValueError(
                    f"y: row {i} is {target!r:.40}, which names no class: a model with one output "
                    "needs targets 0 and 1, or −1 and 1"
                )
        return [int(items(target)[0] > 0.0) for target in targets]
    classes = []
    for i, target in enumerate(targets):
        if isinstance(target, list) and len(target) != count:
            raise ValueError(f"y: row {i} has {len(target)} numbers, the model {count} outputs")
        try:
            named = largest(target) if isinstance(target, list) else class_index(target, count)
        except ValueError as error:
            raise ValueError(f"y: row {i}: {error}") from None
        classes.append(named)
    return classes


def _class_names(names: Sequence[str] | None, count: int, targets: Sequence[Any]) -> list[str]:
    """What the classes are called: as the caller says, or as the targets are written."""
    if names is None:
        signed = count == 2 and any(items(t)[0] == -1.0 for t in targets)
        return ["class −1", "class 1"] if signed else [f"class {k}" for k in range(count)]
    if isinstance(names, str | Mapping) or len(names) != count:
        raise ValueError(
            f"class_names needs a list of {count} names, one for each class, got {names!r:.60}"
        )
    return [str(name) for name in names]


# ---- what the model says -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judge:
    """What the outputs of a model mean: which class wins, and how clearly.

    A single output means class 1 above `level`, as in `training.classify`; of several, the largest
    wins. Outputs that are no probabilities already are made such: by the sigmoid, by softmax.

    >>> Judge(0.0, False).scores([2.0]), round(Judge(0.0, False).clearness([2.0]), 3)
    ((-2.0, 2.0), 0.762)
    """

    level: float
    are_probabilities: bool

    def scores(self, outputs: Sequence[float]) -> tuple[float, ...]:
        """One number for each class; the largest one wins."""
        if len(outputs) == 1:
            return self.level - outputs[0], outputs[0] - self.level
        return tuple(outputs)

    def clearness(self, outputs: Sequence[float]) -> float:
        """How far the winner's probability is above that of the second, 0 to 1: 0 on a boundary."""
        if len(outputs) == 1:
            x = outputs[0]
            lead = 2.0 * abs(x - self.level) if self.are_probabilities else math.tanh(abs(x) / 2)
        elif self.are_probabilities:
            second, first = sorted(outputs)[-2:]
            lead = first - second
        else:
            top = max(outputs)
            shares = sorted(math.exp(x - top) for x in outputs)
            lead = (shares[-1] - shares[-2]) / math.fsum(shares)
        return min(max(lead, 0.0), 1.0)


def judge_of(model: Any) -> Judge:
    """How to read the outputs of this model.

    >>> judge_of(MLP(2, [1], output="sigmoid"))
    Judge(level=0.5, are_probabilities=True)
    """
    layers = getattr(model, "layers", None)
    last = layers[-1] if isinstance(layers, list) and layers else None
    name = getattr(last, "activation_name", "")
    return Judge(0.5 if name == "sigmoid" else 0.0, name in ("sigmoid", "softmax"))


@dataclass(frozen=True, slots=True)
class Surface:
    """What a model says on a plane and about samples.

    Attributes:
        outputs: rows of places; each has the outputs of the model.
        winners: rows of the classes that win.
        clearness: rows of how clearly they win, from 0 to 1.
        lines: where the winner changes, in columns and rows.
        predicted: the class of each sample as the model has it, by all its features.
        wrong: the samples whose class is another one.
    """

    outputs: list[list[Row]]
    winners: list[list[int]]
    clearness: list[Row]
    lines: list[Line]
    predicted: list[int]
    wrong: list[int]


def surface(model: Any, samples: Samples, plane: Plane) -> Surface:
    """Ask the model everywhere.

    Raises ValueError where an output is not finite.
    """
    judge = judge_of(model)
    n = plane.resolution
    asked = [*samples.inputs_on(plane), *samples.inputs]
    with gc_paused():
        told = answers(model, asked)
    for x, h in zip(asked, told, strict=True):
        _check(samples, x, h)
    predicted = [largest(judge.scores(h)) for h in told[n * n :]]
    outputs = [told[i : i + n] for i in range(0, n * n, n)]
    scores = [[judge.scores(h) for h in row] for row in outputs]
    return Surface(
        outputs=outputs,
        winners=[[largest(s) for s in row] for row in scores],
        clearness=[[judge.clearness(h) for h in row] for row in outputs],
        lines=boundaries(scores),
        predicted=predicted,
        wrong=[
            i for i, (k, own) in enumerate(zip(predicted, samples.classes, strict=True)) if k != own
        ],
    )


def _check(samples: Samples, x: Row, outputs: Row) -> None:
    """Refuse what cannot be drawn."""
    if len(outputs) != samples.count and (len(outputs), samples.count) != (1, 2):
        raise ValueError(
            f"the model has {samples.count} outputs for the first sample, {len(outputs)} elsewhere"
        )
    if not all(map(math.isfinite, outputs)):
        i, j = samples.features
        first, second = samples.axes
        shown = ", ".join(map(number_text, outputs[:6]))
        raise ValueError(
            f"at {first:.32} = {number_text(x[i])}, {second:.32} = {number_text(x[j])} the model "
            f"says {shown}: only finite outputs can be drawn; have its parameters grown too large?"
        )


def predicted(model: Any, x: Any) -> Any:
    """What the model says about one sample, without a graph where it can."""
    return getattr(model, "predict", model)(x)


def answers(model: Any, asked: Sequence[Row]) -> list[Row]:
    """The outputs for all these inputs, as plain numbers.

    >>> answers(lambda x: x[0] * 2.0, [[1.0], [2.0]])
    [[2.0], [4.0]]
    """
    layers = _layers_of(model)
    if layers is None:
        return [_answer(model, x) for x in asked]
    columns: list[Row] = [list(column) for column in zip(*asked, strict=True)]
    for layer in layers:
        columns = layer(columns)
    return [list(row) for row in zip(*columns, strict=True)]


def _answer(model: Any, x: Row) -> Row:
    """The outputs for one input; an error says for which."""
    try:
        return items(plain(predicted(model, x)))
    except Exception as error:
        error.add_note(f"while the model was asked about {x!r:.80}")
        raise


def _layers_of(model: Any) -> list[Callable[[list[Row]], list[Row]]] | None:
    """The layers of a plain MLP as functions of columns of numbers, one column for each neuron.

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


def _layer(layer: Layer) -> Callable[[list[Row]], list[Row]]:
    """H → g(W H + b) with the parameters as they are now."""
    neurons = list(zip(layer.matrix(), layer.neurons, strict=True))

    def through(columns: list[Row]) -> list[Row]:
        sums = [_weighted(weights, neuron.b.data, columns) for weights, neuron in neurons]
        if layer.shares:
            shares = [layer.activated(list(a)) for a in zip(*sums, strict=True)]
            return [list(column) for column in zip(*shares, strict=True)]
        return [_activated(neuron.g, a) for (_, neuron), a in zip(neurons, sums, strict=True)]

    return through


def _weighted(weights: Row, bias: float, columns: list[Row]) -> Row:
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
    if (told := plain(predicted(model, inputs[0]))) != h:
        raise ValueError(
            f"{type(model).__name__} does more than pass a sample through its layers: it says "
            f"{told!r:.60}, they say {h!r:.60}; so their pictures would mislead"
        )
    return layers, inputs
