"""The plane of two inputs, and the samples that are drawn on it.

A model of more inputs is looked at in two of them; the others are held at their mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import whole
from ..decision import class_named
from ..pictures.axes import Axes, Linear, Point
from ..pictures.names import name_of, number_text
from ..pictures.svg import Box, Svg
from ..samples import data_set, items, unpacked
from .answers import Row, answer

MOST_PLACES = 512  # in each direction; a minute's work for a small network
MARGIN = 0.12  # of what the points span, on either side


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
    def around(cls, points: Sequence[Point], resolution: int) -> Plane:
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

    def place(self, point: Point) -> Point:
        """Where (column, row) is on the plane."""
        steps = self.resolution - 1
        return (
            _between(self.left, self.right, point[0] / steps),
            _between(self.bottom, self.top, 1.0 - point[1] / steps),
        )

    def span(self, across: str, upward: str) -> str:
        """From where to where it goes, in words: the names of its two inputs, and their ranges."""
        left, right, bottom, top = map(number_text, self.extent)
        return f"{across} from {left} to {right} and {upward} from {bottom} to {top}"

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        return self.left, self.right, self.bottom, self.top

    def axes(self, svg: Svg, box: Box) -> Axes:
        """The plane in a box on paper."""
        left, top, width, height = box
        return Axes(
            svg,
            Linear(self.left, self.right, left, left + width),
            Linear(self.bottom, self.top, top + height, top),
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
    def points(self) -> list[Point]:
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
    outputs = len(answer(model, inputs[0]))
    if not outputs:
        raise ValueError("the model gives no output: it must return a number, or a list of them")
    count = max(2, outputs)
    return Samples(
        inputs=inputs,
        classes=classes_of(targets, outputs),
        count=count,
        names=_class_names(class_names, count, outputs == 1 and _are_signed(targets)),
        features=chosen,
        axes=axis_names(feature_names, chosen),
        rest=_means(inputs),
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
    features = unpacked(features)
    if not isinstance(features, tuple | list) or len(features) != 2:
        raise TypeError(f"features must be a pair such as (0, 1), not {features!r:.40}")
    i, j = (whole("features", k, 0) for k in features)
    if i == j or max(i, j) >= width:
        raise ValueError(
            f"features must be two different numbers below {width}, as X has {width} features, "
            f"got ({i}, {j})"
        )
    return i, j


def _means(inputs: Sequence[Row]) -> Row:
    """The mean of every feature."""
    n = len(inputs)
    return [math.fsum(x / n for x in column) for column in zip(*inputs, strict=True)]


def axis_names(names: Sequence[str] | None, features: tuple[int, int]) -> tuple[str, str]:
    """What the two axes are called, checked."""
    chosen = [default_name(k) for k in features] if names is None else names
    if isinstance(chosen, str | Mapping) or len(chosen) != 2:
        raise ValueError(
            f"feature_names needs a list of 2 names, those of the axes, got {names!r:.60}"
        )
    return str(chosen[0]), str(chosen[1])


def default_name(feature: int) -> str:
    """What a feature is called that nobody named.

    >>> default_name(0)
    'x₁'
    """
    return name_of(f"x{feature + 1}").text


def classes_of(targets: Sequence[Any], count: int) -> list[int]:
    """The class that each target names, for a model of so many outputs.

    Of one output, targets are 0 or 1, or -1 or 1; of several, class indices, one-hot rows, or rows
    of probabilities, which name the likeliest class.

    Raises ValueError for any other, such as the numbers of a regression.

    >>> classes_of([-1, 1.0], 1), classes_of([[0.0, 1.0], [1.0, 0.0]], 2)
    ([0, 1], [1, 0])
    """
    allowed = (-1.0, 1.0) if _are_signed(targets) else (0.0, 1.0)
    classes = []
    for i, target in enumerate(targets):
        if count == 1 and (len(items(target)) != 1 or items(target)[0] not in allowed):
            raise ValueError(
                f"y: row {i} is {target!r:.40}, which names no class: a model with one output "
                "needs targets 0 and 1, or −1 and 1"
            )
        try:
            classes.append(class_named(target, count))
        except ValueError as error:
            raise ValueError(f"y: row {i}: {error}") from None
        if count > 1 and isinstance(target, list) and not _names_a_class(target):
            raise ValueError(
                f"y: row {i} is {target!r:.60}, which names no class: a model with {count} outputs "
                "needs class indices or one-hot rows"
            )
    return classes


def _names_a_class(row: Row) -> bool:
    """Whether a row is one-hot, with 0 or -1 for what is not meant, or made of probabilities."""
    if sorted(row)[:-1] == [-1.0] * (len(row) - 1):
        return max(row) == 1.0
    return min(row) >= 0.0 and abs(math.fsum(row) - 1.0) < 1e-6


def _are_signed(targets: Sequence[Any]) -> bool:
    """Whether targets are -1 and 1 in place of 0 and 1."""
    return any(items(target)[:1] == [-1.0] for target in targets)


def _class_names(names: Sequence[str] | None, count: int, are_signed: bool) -> list[str]:
    """What the classes are called: as the caller says, or as the targets are written."""
    if names is None:
        if are_signed:
            return ["class −1", "class 1"]
        return [f"class {k}" for k in range(count)]
    if isinstance(names, str | Mapping) or len(names) != count:
        raise ValueError(
            f"class_names needs a list of {count} names, one for each class, got {names!r:.60}"
        )
    return [str(name) for name in names]
