"""Decisions: the class that the outputs of a model mean, and the one that a target names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import ops
from .losses import class_index
from .samples import items


def largest(numbers: Sequence[float]) -> int:
    """The index of the largest number, the first of equal ones.

    >>> largest([1.0, 3.0, 3.0])
    1
    """
    return max(range(len(numbers)), key=numbers.__getitem__)


def class_named(target: Any, count: int) -> int:
    """The class that a target names, for a model of so many outputs.

    Of one output, a positive target is class 1; of several, targets are class indices or one-hot
    rows.

    Raises ValueError for a row of another length, or an index out of range.

    >>> class_named(-1, 1), class_named([0.0, 1.0], 2), class_named(2, 3)
    (0, 1, 2)
    """
    if count == 1:
        return int(items(target)[0] > 0.0)
    if not isinstance(target, list):
        return int(class_index(target, count))
    if len(target) != count:
        raise _of_another_length(target, count)
    return largest(target)


def _of_another_length(target: Sequence[Any], count: int) -> ValueError:
    return ValueError(f"a target has {len(target)} numbers, the model {count} outputs")


def _first_largest(numbers: Sequence[Any]) -> Any:
    """The index of the largest number, the first of equal ones, in operations."""
    top = ops.max_of(numbers)
    return ops.min_of(ops.where(x >= top, float(i), math.inf) for i, x in enumerate(numbers))


@dataclass(frozen=True, slots=True)
class Judge:
    """What the outputs of a model mean: which class wins, and how clearly.

    A single output means class 1 above `level`; of several, the largest wins. Outputs that are no
    probabilities already are made such: by the sigmoid, by softmax.

    >>> Judge().class_of([2.0]), Judge().scores([2.0]), round(Judge().clearness([2.0]), 3)
    (1, (-2.0, 2.0), 0.762)
    """

    level: float = 0.0
    are_probabilities: bool = False

    def scores(self, outputs: Sequence[float]) -> tuple[float, ...]:
        """One number for each class; the largest one wins."""
        if len(outputs) == 1:
            return self.level - outputs[0], outputs[0] - self.level
        return tuple(outputs)

    def class_of(self, outputs: Sequence[float]) -> int:
        """The class that wins, the first of equal ones."""
        return int(outputs[0] > self.level) if len(outputs) == 1 else largest(outputs)

    def agreement(self, outputs: Sequence[Any], target: Any) -> Any:
        """Whether outputs mean the class that a target names, of numbers that are being traced.

        The same as `class_of` and `class_named`, but in operations: 1 where they agree, else 0.
        """
        if len(outputs) == 1:
            chosen, named = outputs[0] > self.level, items(target)[0] > 0.0
        elif not isinstance(target, list):
            chosen, named = _first_largest(outputs), class_index(target, len(outputs))
        elif len(target) == len(outputs):
            chosen, named = _first_largest(outputs), _first_largest(target)
        else:
            raise _of_another_length(target, len(outputs))
        return (chosen >= named) & (chosen <= named)

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


def last_activation(model: Any) -> str:
    """The name of the activation of a model's last layer; "" for a model that lists no layers.

    >>> from .nn import MLP
    >>> last_activation(MLP(2, [1], output="sigmoid")), last_activation(lambda x: x)
    ('sigmoid', '')
    """
    layers = getattr(model, "layers", None)
    last = layers[-1] if isinstance(layers, list | tuple) and layers else None
    return getattr(last, "activation_name", "")


def judge_of(model: Any) -> Judge:
    """How to read the outputs of a model: a last layer of sigmoids gives probabilities, and a
    single one of them changes sides at ½; of any other model, at 0.

    >>> from .nn import MLP
    >>> judge_of(MLP(2, [1], output="sigmoid"))
    Judge(level=0.5, are_probabilities=True)
    """
    name = last_activation(model)
    return Judge(0.5 if name == "sigmoid" else 0.0, name in ("sigmoid", "softmax"))
