"""What models are given and what they give back, as plain lists of plain numbers.

A sample, a target and an output are each one number or several: a Value, a float, a list, a row of
a NumPy array. Tables of them are checked once, before training, and errors name row and column.
"""

from __future__ import annotations

import math
from typing import Any

from .numeric import Numeric, data_of
from .operation import number


def items(x: Any) -> list[Any]:
    """The numbers in a list, an array, any iterable that has an order; a bare number is one.

    >>> items((1.0, 2.0)), items(3.0)
    ([1.0, 2.0], [3.0])
    """
    if isinstance(x, list):
        return x
    if isinstance(x, Numeric | int | float):
        return [x]
    if isinstance(x, str | dict | set | frozenset):
        raise TypeError(f"expected a list of numbers, not {type(x).__name__} {x!r:.40}")
    x = unpacked(x)
    return list(x) if hasattr(x, "__iter__") else [x]


def plain(output: Any) -> Any:
    """What a model returned, as a float or a list of floats.

    >>> plain([2, 3.0])
    [2.0, 3.0]
    """
    if isinstance(output, Numeric | float):
        return data_of(output)
    output = unpacked(output)
    if hasattr(output, "__iter__") and not isinstance(output, str):
        return [plain(x) for x in output]
    return data_of(output)


def unpacked(x: Any) -> Any:
    """An array as lists of Python numbers, all else as it is."""
    return x.tolist() if hasattr(x, "tolist") else x


def data_set(what: str, X: Any, y: Any) -> tuple[list[Any], list[Any]]:
    """Samples and as many targets, at least one, as plain finite numbers.

    what: "", or a word for the error messages with a space behind it, such as "validation ".
    """
    samples, targets = rows(f"{what}X", X), _targets(f"{what}y", y)
    if len(samples) != len(targets):
        raise ValueError(
            f"{len(samples)} {what}samples, but {len(targets)} targets: each needs one"
        )
    if not samples:
        raise ValueError(f"there are no {what}samples: X and y are empty")
    return samples, targets


def rows(name: str, X: Any) -> list[Any]:
    """The rows of a table as lists of finite floats of one length; or as floats, if they are bare.

    >>> rows("X", [(1, 2), [3.0, 4.0]])
    [[1.0, 2.0], [3.0, 4.0]]
    """
    samples = [_sample(f"{name}: row {i}", row) for i, row in enumerate(_listed(name, X))]
    widths = [f"{len(x)} columns" if isinstance(x, list) else "a bare number" for x in samples]
    for i, width in enumerate(widths):
        if width != widths[0]:
            raise ValueError(
                f"{name}: row {i} has {width}, but row 0 has {widths[0]}: "
                "all samples have the same features"
            )
    return samples


def _sample(place: str, row: Any) -> Any:
    """One row, or one bare number."""
    row = unpacked(row)
    if not isinstance(row, list | tuple):
        return _finite(place, row)
    try:
        if all(map(math.isfinite, row)):
            return list(map(float, row))
    except (TypeError, OverflowError):
        pass  # found again below, with its column
    return [_finite(f"{place}, column {j}", x) for j, x in enumerate(row)]


def _targets(name: str, y: Any) -> list[Any]:
    """The targets; whole numbers stay such, as they may be class indices."""
    targets = []
    for i, target in enumerate(map(unpacked, _listed(name, y))):
        if isinstance(target, str):
            raise TypeError(
                f"{name}: row {i} is the text {target!r:.40}: number the classes 0, 1, …, "
                "as datasets.read_csv does"
            )
        is_index = isinstance(target, int)
        targets.append(int(target) if is_index else _sample(f"{name}: row {i}", target))
    return targets


def _listed(name: str, table: Any) -> list[Any]:
    """The rows of a list, an array or a data frame."""
    table = unpacked(table.to_numpy() if hasattr(table, "to_numpy") else table)
    if isinstance(table, str | dict) or not hasattr(table, "__iter__"):
        raise TypeError(
            f"{name} must be a list or an array, not {type(table).__name__} {table!r:.40}"
        )
    return list(table)


def _finite(place: str, x: Any) -> float:
    """A finite number, or an error that says where it was."""
    try:
        value = number(x)
    except (TypeError, OverflowError) as error:
        raise type(error)(f"{place}: {error}") from None
    if not math.isfinite(value):
        raise ValueError(f"{place} is {value}: remove the row, or fill in a finite number")
    return value
