"""What is done to rows of numbers before training: scaled alike, and dealt into two parts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TypeVar

from .arguments import generator, real

Row = TypeVar("Row")
Label = TypeVar("Label")


def standardise(
    X: Sequence[Sequence[float]],
    mean: Sequence[float] | None = None,
    scale: Sequence[float] | None = None,
) -> tuple[list[list[float]], list[float], list[float]]:
    """Shift and scale every column: Z = (X - mean) / scale.

    Args:
        X: n rows of m finite numbers, n and m at least 1.
        mean, scale: m numbers each, the scales above 0; None takes the mean and the population
            standard deviation of each column, and scale 1 for a column that is constant. Pass
            those of the training rows to transform test rows.

    Returns:
        Z, n rows of m floats, and the mean and scale that were used.

    Raises:
        ValueError: no rows, rows of unequal length, a number that is not finite, or only one of
            mean and scale.
        TypeError: something that is not a number.

    >>> standardise([[1.0, 5.0], [3.0, 5.0]])
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 1.0])
    """
    rows = _matrix(X)
    if (mean is None) != (scale is None):
        raise ValueError("standardise: mean and scale belong together; pass both or neither")
    if mean is None or scale is None:
        moments = [_moments(column, j) for j, column in enumerate(zip(*rows, strict=True))]
        mean, scale = [m for m, _ in moments], [s for _, s in moments]
    mean = _vector("mean", mean, len(rows[0]))
    scale = _vector("scale", scale, len(rows[0]), above=0)
    Z = [[(x - m) / s for x, m, s in zip(row, mean, scale, strict=True)] for row in rows]
    return Z, mean, scale


def split(
    X: Sequence[Row],
    y: Sequence[Label],
    test: float = 0.25,
    seed: int = 0,
    stratify: bool = False,
) -> tuple[list[Row], list[Label], list[Row], list[Label]]:
    """Deal the samples at random into a part to train on and a part to test on.

    Args:
        X, y: n inputs and their n targets.
        test: share of the samples that go into the test part, between 0 and 1, both excluded;
            the number of samples is rounded to the nearest, and is at least 1 in either part.
        seed: whole number, 0 or more.
        stratify: deal each class on its own, so that both parts have about the same shares of
            the classes and at least one sample of each.

    Returns:
        X_train, y_train, X_test, y_test: the same objects in random order.

    Raises:
        ValueError: unequal lengths, a share outside its range, or fewer than 2 samples to deal
            (with stratify: in any class), so that a part would be empty.
        TypeError: with stratify, targets that cannot name a class, such as lists.

    >>> X_train, y_train, X_test, y_test = split(list("abcdefgh"), list("ABCDEFGH"))
    >>> len(X_train), len(X_test), [x.upper() for x in X_test] == y_test
    (6, 2, True)
    """
    test = real("split: test", test, above=0, below=1)
    if len(X) != len(y):
        raise ValueError(f"split: {len(X)} inputs but {len(y)} targets; every input needs one")
    order = list(range(len(X)))
    generator("split", seed).shuffle(order)
    groups = _strata(order, y) if stratify else [order]
    held_out = {i for members in groups for i in members[: _share(len(members), test, stratify)]}
    train = [i for i in order if i not in held_out]
    tested = [i for i in order if i in held_out]
    return (
        [X[i] for i in train],
        [y[i] for i in train],
        [X[i] for i in tested],
        [y[i] for i in tested],
    )


def _matrix(X: Sequence[Sequence[float]]) -> list[list[float]]:
    """X as lists of finite floats, all rows equally long and none empty."""
    rows = [_floats(row, i) for i, row in enumerate(X)]
    if not rows or not rows[0]:
        raise ValueError("standardise: there are no numbers; pass at least one row of one number")
    check_width(rows, len(rows[0]))
    return rows


def _floats(row: Sequence[float], i: int) -> list[float]:
    """A row of finite floats; nothing is looked at twice when it is one already."""
    if all(type(x) is float and math.isfinite(x) for x in row):
        return list(row)
    return [real(f"row {i}, column {j}", x) for j, x in enumerate(row)]


def check_width(X: Sequence[Sequence[float]], width: int) -> None:
    """Refuse rows that do not have `width` numbers."""
    for i, row in enumerate(X):
        if len(row) != width:
            raise ValueError(f"row {i} has {len(row)} numbers where {width} are expected")


def _vector(what: str, values: Sequence[float], length: int, **limits: float) -> list[float]:
    """A list of `length` finite floats."""
    if len(values) != length:
        raise ValueError(f"standardise: {what} has {len(values)} numbers for {length} columns")
    return [real(f"standardise: {what}[{j}]", v, **limits) for j, v in enumerate(values)]


def _moments(column: Sequence[float], j: int) -> tuple[float, float]:
    """Mean and population standard deviation of a column; scale 1 where nothing varies."""
    if min(column) == max(column):  # the rounded mean of equal numbers need not equal them
        return column[0], 1.0
    try:
        mean = math.fsum(column) / len(column)
        # hypot neither overflows nor underflows on the way, as a sum of squares would
        scale = math.hypot(*(x - mean for x in column)) / math.sqrt(len(column))
    except OverflowError:
        scale = math.inf
    if not math.isfinite(scale):
        raise ValueError(f"standardise: column {j} is too large to be summed in floats; rescale it")
    return mean, scale or 1.0


def _strata(order: list[int], y: Sequence[Label]) -> list[list[int]]:
    """The indices of each class, in the order given."""
    strata: dict[Label, list[int]] = {}
    for i in order:
        label = y[i]
        if not isinstance(label, Hashable):
            raise TypeError(
                f"split: the target {label!r:.40} is a {type(label).__name__}, which cannot name"
                " a class; pass class indices, or stratify=False"
            )
        strata.setdefault(label, []).append(i)
    return list(strata.values())


def _share(count: int, test: float, stratify: bool) -> int:
    """The number of samples to hold out, so that neither part is empty."""
    if count < 2:
        whose = "a class" if stratify else "the data"
        raise ValueError(
            f"split: {whose} with {count} sample(s) cannot fill both parts; at least 2 are needed"
        )
    return min(max(int(test * count + 0.5), 1), count - 1)
