"""A group's members as nested loops, whatever the vectors run over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .groups import Columns, Group
from .llvm_frame import Frame
from .llvm_text import Index
from .strides import Axes, Piece, Slots

ROWS = 4  # members of a sum whose totals are in registers together


class Rows:
    """A stretch of a group's members, in loops along even distances or through tables.

    A derived class writes the innermost loop.

    Attributes:
        group: of which all have the same operation. kinds: how the terms of its sums lie.
        piece: the stretch, and its loops.
        starts: where the first member writes and reads; for a stretch `from_tables`, where the
            lists of such places begin.
        inner: the innermost loop. terms_count: terms of a member's sum.
    """

    def __init__(
        self,
        frame: Frame,
        group: Group,
        kinds: Sequence[Columns],
        piece: Piece,
        starts: Sequence[int],
        from_tables: bool,
    ) -> None:
        self.frame = frame
        self.code = frame.code
        self.shape = frame.shape
        self.group = group
        self.kinds = kinds
        self.piece = piece
        self.starts = starts
        self.from_tables = from_tables
        self.inner = piece.axes[-1]
        self.terms_count = sum(k.count for k in kinds)
        self._tables: list[tuple[int, ...] | None] = [None] * len(kinds)
        self._alike: dict[int, bool] = {}

    def print(self) -> None:
        """Write the loops."""
        self._over_rows(self.piece.axes, [()])

    # ---- loops over the members ----

    def _innermost(self, count: int, rows: list[tuple[Index, ...]]) -> None:
        """The innermost loop, in several rows at once: the turns of the outer loops."""
        raise NotImplementedError

    def _rows_at_once(self, axes: Axes) -> int:
        """How many rows the innermost loop takes at once."""
        return 1

    def _cost(self) -> int:
        """About how many instructions a member takes."""
        raise NotImplementedError

    def _over_rows(self, axes: Axes, rows: list[tuple[Index, ...]]) -> None:
        """The outer loops, and then the innermost one."""
        code = self.code
        if len(axes) == 1:
            return self._innermost(axes[0].count, rows)
        at_once = self._rows_at_once(axes)
        inside = self._cost() * at_once
        for axis in axes[1:]:
            inside *= axis.count
        (outer,) = rows

        def turn(i: Index, _: list[str]) -> list[str]:
            first = code.times(i, at_once)
            self._over_rows(axes[1:], [(*outer, code.plus(first, r)) for r in range(at_once)])
            return []

        whole = axes[0].count // at_once
        code.loop(whole, turn, cost=inside)
        for r in range(whole * at_once, axes[0].count):
            self._over_rows(axes[1:], [(*outer, r)])
        return None

    # ---- places ----

    def _number(self, turns: tuple[Index, ...]) -> Index:
        """The number of a member in the stretch, or of a row of them."""
        n: Index = 0
        for axis, i in zip(self.piece.axes, turns, strict=False):
            n = self.code.plus(self.code.times(n, axis.count), i)
        return n

    def _places(self, turns: tuple[Index, ...]) -> list[Index]:
        """Where a member writes, and reads its first factors."""
        code = self.code
        if self.from_tables:
            n = self._number(turns)
            return [code.looked_up(code.plus(n, at)) for at in self.starts]
        places: list[Index] = list(self.starts)
        for axis, i in zip(self.piece.axes, turns, strict=True):
            places = [
                code.plus(at, code.times(i, step))
                for at, step in zip(places, axis.steps, strict=True)
            ]
        return places

    # ---- terms ----

    def _offsets(self, q: int) -> tuple[Slots, ...]:
        """The distances of the terms of part q from the first: for all, rows, or members."""
        columns = self.kinds[q]
        if columns.is_shared:
            return columns.offsets
        mine = [d[self.piece.start : self.piece.stop] for d in columns.offsets]
        every = self.inner.count if self._is_alike(q) else 1
        return tuple(d[::every] for d in mine)

    def _is_alike(self, q: int) -> bool:
        """Whether the terms of part q lie at the same distances for all of the innermost loop."""
        if q not in self._alike:
            columns, count = self.kinds[q], self.inner.count
            mine = [d[self.piece.start : self.piece.stop] for d in columns.offsets]
            self._alike[q] = columns.is_shared or (
                not self.from_tables
                and all(
                    bool((d.reshape(-1, count, d.shape[1]) == d[::count][:, None]).all())
                    for d in mine
                )
            )
        return self._alike[q]

    def _over_terms(
        self,
        q: int,
        turns: tuple[Index, ...],
        body: Callable[[list[Index], list[str]], list[str]],
        carried: list[str],
        kind: str,
        cost: int,
    ) -> list[str]:
        """The loop over the terms of part q: body gets the distances to the first ones."""
        code, columns = self.code, self.kinds[q]
        if columns.axes is not None:

            def nest(axes: Axes, at: list[Index], values: list[str]) -> list[str]:
                if not axes:
                    return body(at, values)
                inside = cost
                for axis in axes[1:]:
                    inside *= axis.count

                def turn(i: Index, values: list[str]) -> list[str]:
                    moved = [
                        code.plus(x, code.times(i, s))
                        for x, s in zip(at, axes[0].steps, strict=True)
                    ]
                    return nest(axes[1:], moved, values)

                return code.loop(axes[0].count, turn, values, kind, inside)

            return nest(columns.axes, [0] * len(columns.axes[0].steps), carried)
        offsets = self._offsets(q)
        if self._tables[q] is None:
            self._tables[q] = tuple(self.frame.tabled(d) for d in offsets)
        tables = self._tables[q] or ()
        begin: Index = 0
        if not columns.is_shared:
            of_row = turns[:-1] if self._is_alike(q) else turns
            begin = code.times(self._number(of_row), columns.count)

        def turn_of_table(i: Index, values: list[str]) -> list[str]:
            at = code.plus(begin, i)
            return body([code.looked_up(code.plus(at, t)) for t in tables], values)

        return code.loop(columns.count, turn_of_table, carried, kind, cost + 4)
