"""What a model says all over the plane: outputs, classes, how clear they are, where they change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..decision import judge_of, largest
from ..graph import gc_paused
from ..pictures.names import number_text
from .answers import Row, answers
from .contours import Line, boundaries
from .plane import Plane, Samples


@dataclass(frozen=True, slots=True)
class Surface:
    """What a model says on a plane and about samples.

    Attributes:
        samples, plane: what it is about.
        outputs: rows of places; each has the outputs of the model.
        winners: rows of the classes that win.
        clearness: rows of how clearly they win, from 0 to 1.
        lines: where the winner changes, in columns and rows.
        predicted: the class of each sample as the model has it, by all its features.
        wrong: the samples whose class is another one.
    """

    samples: Samples
    plane: Plane
    outputs: list[list[Row]]
    winners: list[list[int]]
    clearness: list[Row]
    lines: list[Line]
    predicted: list[int]
    wrong: list[int]

    @property
    def accuracy(self) -> float:
        """The share of the samples that are classified rightly, as `training.accuracy` has it."""
        n = len(self.predicted)
        return (n - len(self.wrong)) / n


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
    outputs = [told[i : i + n] for i in range(0, n * n, n)]
    scores = [[judge.scores(h) for h in row] for row in outputs]
    predicted = [judge.class_of(h) for h in told[n * n :]]
    return Surface(
        samples=samples,
        plane=plane,
        outputs=outputs,
        winners=[[largest(s) for s in row] for row in scores],
        clearness=[[judge.clearness(h) for h in row] for row in outputs],
        lines=boundaries(scores),
        predicted=predicted,
        wrong=[i for i, own in enumerate(samples.classes) if predicted[i] != own],
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
