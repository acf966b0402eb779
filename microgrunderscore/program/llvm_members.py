"""Members whose vectors run over members: for uniform numbers, and for a sample at a time."""

from __future__ import annotations

from collections.abc import Sequence

from .groups import Operand, Terms
from .llvm_rows import ROWS, Rows
from .llvm_text import WIDTH, Index, everywhere, type_of
from .strides import Axes


class MemberRows(Rows):
    """A stretch of a group in which every number is one number.

    Where members write neighbours, and read such, or all the same number, or each a row of its own,
    they are computed eight at a time.
    """

    def _cost(self) -> int:
        return 2 + 3 * max(1, self.terms_count)

    def _rows_at_once(self, axes: Axes) -> int:
        """Several rows where sums are long: one goes on while others wait for their last term."""
        if len(axes) != 2 or self.from_tables or self.terms_count < WIDTH:
            return 1
        parts = range(len(self.kinds))
        if any(self._is_long_row(q) for q in parts) or not all(k.is_shared for k in self.kinds):
            return 1
        return min(ROWS, axes[0].count)

    def _innermost(self, count: int, rows: list[tuple[Index, ...]]) -> None:
        code, width = self.code, self._vector_width()

        def turn(i: Index, _: list[str]) -> list[str]:
            first = code.times(i, width)
            self._members([(*row, first) for row in rows], width)
            return []

        whole = count // width
        if whole:
            code.loop(whole, turn, cost=self._cost() * len(rows) * (1 if width == 1 else 2))
        for r in range(whole * width, count):
            self._members([(*row, r) for row in rows], 1)

    def _vector_width(self) -> int:
        """WIDTH, if neighbours write neighbours, and read such, or the same, or rows of terms."""
        to, *reads = self.inner.steps
        if self.from_tables or self.inner.count < WIDTH or to != 1:
            return 1
        if not self.group.terms:
            return WIDTH if all(step in (0, 1) for step in reads) else 1
        column = 0
        for q, terms in enumerate(self.group.terms):
            steps = reads[column : column + 1 + (terms.b is not None)]
            column += len(steps)
            even = self._is_alike(q) and all(step in (0, 1) for step in steps)
            if not even and not self._is_long_row(q):
                return 1
        return WIDTH

    def _members(self, rows: list[tuple[Index, ...]], width: int) -> None:
        """As many members as a vector has places, in several rows at once."""
        code, group = self.code, self.group
        to = self._base(group.lane)
        places = [self._places(turns) for turns in rows]
        if not group.terms:
            for at in places:
                xs = [self._read(o, at, c, 0, width) for c, o in enumerate(group.operands, 1)]
                code.store(code.operation(group.op, xs, width), to, at[0], width)
            return
        totals: list[str | None] = [None] * len(rows)
        column = 1
        for q, terms in enumerate(group.terms):
            steps = self.inner.steps[column : column + 1 + (terms.b is not None)]
            if self._is_long_row(q) and (width == 1 or not all(step in (0, 1) for step in steps)):
                totals = [
                    self._dots(terms, turns, column, total, width)
                    for turns, total in zip(rows, totals, strict=True)
                ]
            else:
                totals = self._scalar_terms(q, terms, rows, places, column, totals, width)
            column += len(steps)
        for at, total in zip(places, totals, strict=True):
            assert total is not None
            if group.op == "lane_sum" and not self.shape.alone:
                total = code.added(code.load(to, at[0], width), total, width, 1)
            code.store(total, to, at[0], width)

    def _base(self, lane: bool) -> str:
        return "T" if lane else "U"

    def _read(
        self, operand: Operand, at: list[Index], column: int, offset: Index, width: int
    ) -> str:
        """What members read: neighbours, or the same for all."""
        code, known = self.code, self.frame.known
        place = code.plus(at[column], offset)
        is_same = width == 1 or self.inner.steps[column] == 0
        if is_same and not operand.lane and isinstance(place, int) and place in known:
            return everywhere(known[place], width)
        if is_same:
            return code.splat(code.load(self._base(operand.lane), place), width)
        return code.load(self._base(operand.lane), place, width)

    def _scalar_terms(
        self,
        q: int,
        terms: Terms,
        rows: list[tuple[Index, ...]],
        places: list[list[Index]],
        column: int,
        totals: list[str | None],
        width: int,
    ) -> list[str | None]:
        """Add part q of the sum, in all rows."""
        code = self.code

        def term(offsets: Sequence[Index], totals: Sequence[str | None]) -> list[str]:
            found = []
            for at, total in zip(places, totals, strict=True):
                x = self._read(terms.a, at, column, offsets[0], width)
                if terms.b is None:
                    found.append(code.added(total, x, width, terms.sign))
                    continue
                y = self._read(terms.b, at, column + 1, offsets[1], width)
                if total is None:
                    product = code.value(f"fmul {type_of(width)} {x}, {y}")
                    found.append(code.added(None, product, width, terms.sign))
                else:
                    found.append(code.fma(x, y, total, width, terms.sign))
            return found

        if terms.count == 1:
            return list(term((0, 0), totals))
        first = [total or everywhere(0.0, width) for total in totals]
        return list(self._over_terms(q, rows[0], term, first, type_of(width), 4 * len(rows)))

    def _is_long_row(self, q: int) -> bool:
        """Whether both factors of a part lie in rows of whole vectors, one for each member."""
        kind, terms = self.kinds[q], self.group.terms[q]
        return (
            terms.b is not None
            and kind.axes is not None
            and len(kind.axes) == 1
            and kind.axes[0].steps == (1, 1)
            and kind.count >= WIDTH
        )

    def _dots(
        self, terms: Terms, turns: tuple[Index, ...], column: int, total: str | None, width: int
    ) -> str:
        """Sums of products along two rows, eight at a time, for one member or for eight."""
        code, kind = self.code, type_of(WIDTH)
        assert terms.b is not None
        a, b = self._base(terms.a.lane), self._base(terms.b.lane)
        places = [
            self._places((*turns[:-1], code.plus(turns[-1], r)))[column : column + 2]
            for r in range(width)
        ]

        def turn(i: Index, values: list[str]) -> list[str]:
            offset = code.times(i, WIDTH)
            found = []
            for (x_at, y_at), value in zip(places, values, strict=True):
                x = code.load(a, code.plus(x_at, offset), WIDTH)
                y = code.load(b, code.plus(y_at, offset), WIDTH)
                found.append(code.fma(x, y, value, WIDTH))
            return found

        whole, rest = divmod(terms.count, WIDTH)
        sums = code.loop(whole, turn, [everywhere(0.0, WIDTH)] * width, kind, 4 * width)
        found = code.totals(sums) if width > 1 else code.total(sums[0], WIDTH)
        for r in range(terms.count - rest, terms.count):
            x = self._column_of(a, [at[0] for at in places], r)
            y = self._column_of(b, [at[1] for at in places], r)
            found = code.fma(x, y, found, width)
        return code.added(total, found, width, terms.sign)

    def _column_of(self, base: str, rows: Sequence[Index], offset: int) -> str:
        """One number of each row, as a vector."""
        code = self.code
        if len(rows) == 1:
            return code.load(base, code.plus(rows[0], offset))
        vector = "poison"
        for r, at in enumerate(rows):
            x = code.load(base, code.plus(at, offset))
            vector = code.value(f"insertelement {type_of(WIDTH)} {vector}, double {x}, i32 {r}")
        return vector
