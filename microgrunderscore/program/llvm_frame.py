"""Where numbers are, in the functions of a program: to read them, write them, walk over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .groups import Layout
from .llvm_text import WIDTH, Code, Index, everywhere, type_of
from .strides import Axes, Slots

Many: TypeAlias = list[str]  # the vectors of a block's lanes

WIDE = 'nounwind "min-legal-vector-width"="512"'  # of all functions that pass vectors on


@dataclass(frozen=True)
class Shape:
    """How many samples are worked on together: vectors in a block, and doubles in a vector.

    alone: whether there is but one sample, so that sums over samples are the numbers themselves.
    """

    vectors: int
    width: int = WIDTH
    alone: bool = False

    @property
    def lanes(self) -> int:
        return self.vectors * self.width


SINGLE = Shape(1, 1)
ALONE = Shape(1, 1, alone=True)


class Frame:
    """What the functions of a program share.

    U has the uniform numbers, T those of a block of samples, V the vectors in which numbers are
    summed over samples; the table holds places that follow no rule.

    Attributes:
        code: the body that is being written. shape: of the blocks of samples.
        known: the slots of U that hold constants. table: the lists of places.
        called: what is called, for those who declare it.
    """

    def __init__(self, layout: Layout, shape: Shape, called: set[Any]) -> None:
        self.shape = shape
        self.called = called
        self.known = layout.constants
        self.code = Code(called)
        self.table: list[Slots] = []
        self._table_length = 0

    def tabled(self, numbers: Slots) -> int:
        """Where a list of numbers begins in the table."""
        at = self._table_length
        flat = np.asarray(numbers).ravel().astype(np.int32)
        self.table.append(flat)
        self._table_length += len(flat)
        return at

    def load(self, lane: bool, slot: Index) -> Many:
        """A number of every sample of the block; a uniform one is the same everywhere."""
        if not lane:
            width = self.shape.width
            if isinstance(slot, int) and slot in self.known:
                return [everywhere(self.known[slot], width)] * self.shape.vectors
            return [self.code.splat(self.code.load("U", slot), width)] * self.shape.vectors
        at = self.code.times(slot, self.shape.lanes)
        width = self.shape.width
        return [
            self.code.load("T", self.code.plus(at, j * width), width, 8 * width)
            for j in range(self.shape.vectors)
        ]

    def store(self, xs: Many, slot: Index) -> None:
        at = self.code.times(slot, self.shape.lanes)
        for j, x in enumerate(xs):
            place = self.code.plus(at, j * self.shape.width)
            self.code.store(x, "T", place, self.shape.width, 8 * self.shape.width)

    def accumulate(self, slot: Index, xs: Many) -> None:
        """Add vectors to what is summed over samples."""
        code, width = self.code, self.shape.width
        at = code.times(slot, width)
        total = summed(code, [*xs, code.load("V", at, width, 8 * width)], width)
        code.store(total, "V", at, width, 8 * width)

    def nest(
        self, axes: Axes, bases: Sequence[Index], body: Callable[[list[Index]], None], cost: int
    ) -> None:
        """Nested loops over places that begin at the bases and advance with the axes."""
        code = self.code
        if not axes:
            return body(list(bases))
        inner = cost
        for axis in axes[1:]:
            inner *= axis.count

        def turn(i: Index, _: list[str]) -> list[str]:
            moved = [
                code.plus(b, code.times(i, step))
                for b, step in zip(bases, axes[0].steps, strict=True)
            ]
            self.nest(axes[1:], moved, body, cost)
            return []

        code.loop(axes[0].count, turn, cost=inner)
        return None


def summed(code: Code, xs: Many, width: int) -> str:
    """The sum of vectors, in pairs."""
    while len(xs) > 1:
        pairs = [
            code.value(f"fadd {type_of(width)} {x}, {y}")
            for x, y in zip(xs[::2], xs[1::2], strict=False)
        ]
        xs = pairs + (xs[-1:] if len(xs) % 2 else [])
    return xs[0]
