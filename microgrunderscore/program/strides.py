"""Strides: a table of places as base + i·s₁ + j·s₂ + …, where it is as regular as that.

Re-rolling turns many operations into one loop. What they read and write is then given by arrays of
slots, one for each operand; if all of these advance in step, a loop needs their strides alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Slots: TypeAlias = Any  # an array of whole numbers


@dataclass(frozen=True)
class Axis:
    """One of several nested loops: how often, and how far each array advances.

    >>> Axis(3, (1, 16)).count
    3
    """

    count: int
    steps: tuple[int, ...]


Axes: TypeAlias = tuple[Axis, ...]  # the outermost first


def axes_of(arrays: Sequence[Slots], most: int = 3) -> Axes | None:
    """The loops, at most so many, that run through all these arrays; None if there are none.

    arrays: of one length, at least 1.

    >>> axes_of([np.array([5, 6, 15, 16]), np.array([0, 0, 1, 1])])
    (Axis(count=2, steps=(10, 1)), Axis(count=2, steps=(1, 0)))
    >>> axes_of([np.array([1, 2, 4])]) is None
    True
    """
    table = np.stack([np.asarray(a, dtype=np.int64) for a in arrays])
    axes: list[Axis] = []
    while table.shape[1] > 1:
        if len(axes) == most:
            return None
        steps = table[:, 1:2] - table[:, :1]
        even = (table[:, 1:] - table[:, :-1] == steps).all(0)
        run = table.shape[1] if even.all() else int(np.argmin(even)) + 1
        while table.shape[1] % run:  # the last row of a rectangle may go on into the next one
            run -= 1
        if run == 1:
            return None
        rows = table.reshape(len(table), -1, run)
        if not (rows[:, :, 1:] - rows[:, :, :-1] == steps[:, :, None]).all():
            return None
        axes.append(Axis(run, tuple(steps[:, 0].tolist())))
        table = rows[:, :, 0]
    return tuple(reversed(axes)) or (Axis(1, (0,) * len(table)),)


@dataclass(frozen=True)
class Piece:
    """A stretch of the arrays, from start to stop, and the loops that run through it."""

    start: int
    stop: int
    axes: Axes


def pieces(arrays: Sequence[Slots]) -> list[Piece]:
    """All of the arrays as few stretches of at most two loops each.

    >>> [(p.start, p.stop) for p in pieces([np.array([1, 2, 3, 9, 8, 7])])]
    [(0, 3), (3, 6)]
    """
    whole = axes_of(arrays)
    table = np.stack([np.asarray(a, dtype=np.int64) for a in arrays])
    if whole is not None:
        return [Piece(0, table.shape[1], whole)]
    return list(_stretches(table))


def _stretches(table: Slots) -> Iterator[Piece]:
    """Longest runs of equal steps, and equal runs that follow each other as one rectangle."""
    end = table.shape[1]
    steps = table[:, 1:] - table[:, :-1]
    breaks = np.flatnonzero((steps[:, 1:] != steps[:, :-1]).any(0)) + 1
    start = 0
    while start < end:
        if start == end - 1:
            yield Piece(start, end, (Axis(1, (0,) * len(table)),))
            return
        after = breaks[np.searchsorted(breaks, start, side="right") :]
        stop = (int(after[0]) if len(after) else end - 1) + 1
        inner = Axis(stop - start, tuple(steps[:, start].tolist()))
        count = _repeats(table, start, inner.count)
        if count == 1:
            yield Piece(start, stop, (inner,))
        else:
            outer = Axis(count, tuple((table[:, stop] - table[:, start]).tolist()))
            yield Piece(start, start + count * inner.count, (outer, inner))
        start += count * inner.count


def _repeats(table: Slots, start: int, run: int) -> int:
    """How many times a run is followed by another like it, at equal distances; itself included."""
    first = table[:, start : start + run] - table[:, start : start + 1]
    count = 1
    while (at := start + count * run) + run <= table.shape[1]:
        if not (table[:, at : at + run] - table[:, at : at + 1] == first).all():
            break
        if (
            count > 1
            and not (
                table[:, at] - table[:, at - run] == table[:, start + run] - table[:, start]
            ).all()
        ):
            break
        count += 1
    return count
