"""Batches: arguments with a leading axis of samples, as one column for each number of a sample."""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nesting import Tree, leaves
from ..operation import number
from .on_python import function, source
from .outputs import Outputs
from .trace import Trace, TraceError

ROUND_ABOUT = "group samples of one structure, or pad them"


@dataclass(frozen=True)
class Batch:
    """The samples of a call.

    Attributes:
        count: how many there are.
        columns: for each number of a sample, its values in all samples; lists, or an array.
        nests: the first sample of each argument, as nested lists.
        key: what programs for samples of this structure are found by.
        has_arrays: whether results should be arrays.
    """

    count: int
    columns: Any
    nests: tuple[Tree, ...]
    key: tuple[Any, ...]
    has_arrays: bool


def batch_of(arguments: Sequence[Any], names: Sequence[str]) -> Batch:
    """The samples in arguments that each have them along their first axis.

    Raises:
        TraceError: samples of one argument that differ in structure.
        ValueError: no samples, or arguments with different numbers of them.
        TypeError: what is not a list of numbers, or of lists of numbers.

    >>> batch = batch_of([[[1, 2], [3, 4]], [5, 6]], ["x", "y"])
    >>> batch.count, [list(c) for c in batch.columns], batch.nests
    (2, [[1.0, 3.0], [2.0, 4.0], [5.0, 6.0]], ([1.0, 2.0], 5.0))
    """
    if not arguments:
        return Batch(1, [], (), (), False)
    parts = [_part(x, name) for x, name in zip(arguments, names, strict=True)]
    counts = {count for count, *_ in parts}
    if len(counts) > 1:
        listed = ", ".join(f"{c} of {n}" for (c, *_), n in zip(parts, names, strict=True))
        raise ValueError(f"each sample needs all arguments, but there are {listed}")
    if counts == {0}:
        raise ValueError("there are no samples: the arguments are empty")
    columns: Any = [column for _, own, *_ in parts for column in own]
    return Batch(
        count=counts.pop(),
        columns=columns,
        nests=tuple(nest for _, _, nest, _ in parts),
        key=tuple(_key(nest) for _, _, nest, _ in parts),
        has_arrays=any(is_array for *_, is_array in parts),
    )


def sample_of(arguments: Sequence[Any], i: int) -> list[Any]:
    """One sample of all arguments, as plain numbers in lists."""
    return [x[i].tolist() if hasattr(x[i], "tolist") else x[i] for x in arguments]


def _part(x: Any, name: str) -> tuple[int, Any, Tree, bool]:
    """How many samples an argument has, their columns, the first one, whether it is an array."""
    if hasattr(x, "__array__"):
        x = _plain_array(x, name)
        if x.dtype.kind != "O":
            return _part_of_array(x, name)
    if hasattr(x, "tolist"):
        x = x.tolist()
    if isinstance(x, str | dict) or not hasattr(x, "__len__"):
        raise TypeError(
            f"{name} must have a leading axis, one entry for each sample, not be "
            f"{type(x).__name__} {x!r:.40}: put it in a list, or compile with batch=False"
        )
    if not len(x):
        return 0, [], 0.0, False
    if type(x[0]) is float or type(x[0]) is int:
        return len(x), [_column(name, x)], number(x[0]), False
    rows = [x_i.tolist() if hasattr(x_i, "tolist") else x_i for x_i in x]
    first = _numbers(name, 0, rows[0])
    if all(type(row) is list and len(row) == len(first) for row in rows) and _are_flat(rows):
        columns = [_column(name, c) for c in zip(*rows, strict=True)]
        return len(x), columns, first, False
    places = [place for place, _ in leaves(first)]
    table = []
    for i, row in enumerate(rows):
        found = dict(leaves(row))
        if found.keys() != set(places):
            raise TraceError(
                f"{name}: sample {i} has {len(found)} numbers, or nests them otherwise than sample "
                f"0, which has {len(places)}: a batch is of one structure; {ROUND_ABOUT}"
            )
        table.append([_number(name, i, found[place]) for place in places])
    return len(x), [list(c) for c in zip(*table, strict=True)], first, False


def _are_flat(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether rows hold numbers, not lists of them; quick, as most rows do."""
    return not any(isinstance(c, list | tuple | dict) for row in rows for c in row)


def _plain_array(x: Any, name: str) -> Any:
    """An array of whatever library as one of NumPy."""
    import numpy as np

    if np.ma.is_masked(x):
        raise ValueError(f"{name} has masked entries: fill them in, or leave their samples out")
    return np.asarray(x)


def _part_of_array(x: Any, name: str) -> tuple[int, Any, Tree, bool]:
    if not x.ndim:
        raise TypeError(
            f"{name} must have a leading axis, one entry for each sample, not be the number "
            f"{x!r:.40}: put it in a list, or compile with batch=False"
        )
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name} is an array of {x.dtype}: real numbers are needed")
    if not len(x):
        return 0, [], 0.0, True
    return len(x), x.reshape(len(x), -1).T.astype(float), x[0].tolist(), True


def _column(name: str, xs: Sequence[Any]) -> Any:
    """The same number of all samples."""
    if not {float, int}.issuperset(map(type, xs)):
        xs = [_number(name, i, x) for i, x in enumerate(xs)]
    return array.array("d", xs)


def _number(name: str, i: int, x: Any) -> float:
    try:
        return number(x)
    except TypeError as error:
        raise TypeError(f"{name}: sample {i}: {error}") from None


def _numbers(name: str, i: int, row: Any) -> Any:
    """A sample as nested lists of floats."""
    if isinstance(row, dict):
        return {key: _numbers(name, i, x) for key, x in row.items()}
    if not isinstance(row, list | tuple):
        return _number(name, i, row)
    numbers = [_numbers(name, i, x) for x in row]
    if hasattr(row, "_fields"):  # a named tuple takes its entries one by one
        return type(row)(*numbers)
    return numbers if isinstance(row, list) else tuple(numbers)


def _key(nest: Tree) -> Any:
    """The structure of a sample."""
    if isinstance(nest, dict):
        return tuple((name, _key(x)) for name, x in nest.items())
    if not isinstance(nest, list | tuple):
        return "number"
    if not any(isinstance(x, list | tuple | dict) for x in nest):
        return type(nest), len(nest)
    return type(nest), tuple(map(_key, nest))


def computed(trace: Trace, batch: Batch, place: int) -> Any:
    """What an entry that depends on the data alone is in all samples."""
    program = trace.program
    if program.ops[place] == "input":
        return batch.columns[program.args[place][0]]
    if place not in trace.of_data:
        text = source(program, Outputs(lanes=[place]), limits=True)
        trace.of_data[place] = function(text, limits=True)
    found: list[tuple[float]] = []
    trace.of_data[place]([], list(zip(*batch.columns, strict=True)), [], found)
    return [x for (x,) in found]
