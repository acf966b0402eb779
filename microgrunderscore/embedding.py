"""Looking up: the row of a table that an index names, be the index known or data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .numeric import Numeric
from .operation import number


def take(table: Sequence[Any], index: Any) -> Any:
    """The row of a table, such as the vector that stands for a token.

    In a function that is compiled, the index may differ from sample to sample, where `table[i]`
    cannot; gradients go to the row that was taken.

    Args:
        table: rows of numbers or Values, or bare ones, at least one.
        index: a whole number from 0 to the number of rows less 1; a float such as 2.0 will do.

    Returns:
        The row.

    Raises:
        IndexError: no such row; negative numbers do not count from the end.
        TypeError: an index that is a Value, or no number.
        ValueError: an index that is not whole.

    >>> take([[1.0, 2.0], [3.0, 4.0]], 1)
    [3.0, 4.0]
    """
    if isinstance(index, Numeric):
        if hasattr(index, "take"):
            return index.take(table)
        raise TypeError(f"take: an index is a plain whole number, not {index!r}: give its .data")
    i = number(index)
    if not i.is_integer():
        raise ValueError(f"take: an index is a whole number, got {index!r}")
    if not 0 <= i < len(table):
        raise IndexError(f"take: no row {int(i)} in a table of {len(table)}, 0 to {len(table) - 1}")
    return table[int(i)]
