"""Members whose vectors run over samples: what a layer does for a whole block at once."""

from __future__ import annotations

from collections.abc import Sequence

from .groups import Terms
from .llvm_frame import Many
from .llvm_rows import ROWS, Rows
from .llvm_text import Index, everywhere, type_of
from .strides import Axis

REGISTERS = 16  # vectors that a loop may keep


class LaneRows(Rows):
    """A stretch of a group in which every number is that of a block of samples.

    Neighbours that read the same numbers are computed together, so that these are read once.
    """

    def print(self) -> None:
        if self.group.op == "lane_sum" and not self.from_tables:
            self._outer_products()
        else:
            super().print()

    def _cost(self) -> int:
        return 2 + 3 * self.shape.vectors * max(1, self.terms_count)

    def _innermost(self, count: int, rows: list[tuple[Index, ...]]) -> None:
        code, (turns,) = self.code, rows
        together = ROWS if self._share_factors() else 1

        def turn(i: Index, _: list[str]) -> list[str]:
            first = code.times(i, together)
            self._members([(*turns, code.plus(first, r)) for r in range(together)])
            return []

        whole = count // together
        if whole:
            code.loop(whole, turn, cost=self._cost() * together)
        for r in range(whole * together, count):
            self._members([(*turns, r)])

    def _share_factors(self) -> bool:
        """Whether neighbours in a sum read the same numbers of T."""
        if self.from_tables or not self.group.terms or self.terms_count < 2:
            return False
        steps, column = self.inner.steps, 1
        for q, terms in enumerate(self.group.terms):
            if not self._is_alike(q):
                return False
            for operand in terms.factors:
                if operand.lane and steps[column] and terms.b is not None:
                    return False
                column += 1
        return self.inner.count >= 2

    def _members(self, members: list[tuple[Index, ...]]) -> None:
        """Several members, whose factors of T are read once."""
        frame, group = self.frame, self.group
        places = [self._places(turns) for turns in members]
        if not group.terms:
            for at in places:
                xs = [
                    frame.load(o.lane, slot) for o, slot in zip(group.operands, at[1:], strict=True)
                ]
                vectors = range(self.shape.vectors)
                found = [
                    self.code.operation(group.op, [x[j] for x in xs], self.shape.width)
                    for j in vectors
                ]
                frame.store(found, at[0])
            return
        totals = self._sums(members, places)
        for at, total in zip(places, totals, strict=True):
            if group.op == "lane_sum":
                frame.accumulate(at[0], total)
            else:
                frame.store(total, at[0])

    def _sums(self, members: list[tuple[Index, ...]], places: list[list[Index]]) -> list[Many]:
        """The sums of products of several members."""
        width, vectors = self.shape.width, self.shape.vectors
        kind = type_of(width)
        totals: list[list[str | None]] = [[None] * vectors for _ in members]
        column = 1
        for q, terms in enumerate(self.group.terms):
            here = column
            column += 1 + (terms.b is not None)
            if terms.count == 1 or any(x is None for row in totals for x in row):
                if terms.count == 1:
                    at = [0] * (1 + (terms.b is not None))
                    totals = self._term(terms, places, here, at, totals)
                    continue
                zero = everywhere(0.0, width)
                totals = [[x or zero for x in row] for row in totals]
            flat = [x or everywhere(0.0, width) for row in totals for x in row]

            def turn(at: list[Index], values: list[str], terms: Terms = terms,
                     here: int = here) -> list[str]:  # fmt: skip
                rows: list[list[str | None]] = [
                    list(values[r * vectors : (r + 1) * vectors]) for r in range(len(members))
                ]
                rows = self._term(terms, places, here, at, rows)
                return [x or "" for row in rows for x in row]

            cost = 3 * vectors * len(members)
            flat = self._over_terms(q, members[0], turn, flat, kind, cost)
            totals = [list(flat[r * vectors : (r + 1) * vectors]) for r in range(len(members))]
        return [[x or "" for x in row] for row in totals]

    def _term(
        self,
        terms: Terms,
        places: list[list[Index]],
        column: int,
        at: Sequence[Index],
        totals: list[list[str | None]],
    ) -> list[list[str | None]]:
        """Add one term to the totals of several members."""
        code, frame, width = self.code, self.frame, self.shape.width
        shared: Many | None = None
        found: list[list[str | None]] = []
        for place, total in zip(places, totals, strict=True):
            x = frame.load(terms.a.lane, code.plus(place[column], at[0]))
            if terms.b is None:
                pairs = zip(total, x, strict=True)
                found.append([code.added(t, y, width, terms.sign) for t, y in pairs])
                continue
            if shared is None or len(places) == 1 or not self._is_shared(column + 1):
                shared = frame.load(terms.b.lane, code.plus(place[column + 1], at[1]))
            row: list[str | None] = []
            for t, y, z in zip(total, x, shared, strict=True):
                if t is None:
                    product = code.value(f"fmul {type_of(width)} {y}, {z}")
                    row.append(code.added(None, product, width, terms.sign))
                else:
                    row.append(code.fma(y, z, t, width, terms.sign))
            found.append(row)
        return found

    def _is_shared(self, column: int) -> bool:
        return not self.from_tables and self.inner.steps[column] == 0

    # ---- sums over samples: all products of some rows and some columns ----

    def _outer_products(self) -> None:
        """Sums over samples, with the factors that a loop does not change kept in registers."""
        axes = self.piece.axes
        terms = self.group.terms
        if len(axes) == 2 and len(terms) == 1 and terms[0].b is not None and terms[0].count == 1:
            outer, inner = axes
            for fixed, moving in ((1, 2), (2, 1)):
                if inner.steps[fixed] == 0 and outer.steps[moving] == 0:
                    return self._products_of(outer, inner, fixed, moving)
        return super().print()

    def _products_of(self, outer: Axis, inner: Axis, fixed: int, moving: int) -> None:
        """Rows × columns: a few rows stay in registers while the columns go by."""
        code, frame, vectors = self.code, self.frame, self.shape.vectors
        terms = self.group.terms[0]
        lanes = {1: terms.a.lane, 2: terms.b.lane if terms.b else False}
        rows = max(1, min(ROWS, REGISTERS // vectors))

        def row_of(i: Index, column: int, axis: Axis) -> Index:
            return code.plus(self.starts[column], code.times(i, axis.steps[column]))

        def block(first: Index, count: int) -> None:
            numbers = [code.plus(first, r) for r in range(count)]
            kept = [frame.load(lanes[fixed], row_of(i, fixed, outer)) for i in numbers]

            def column(j: Index, _: list[str]) -> list[str]:
                xs = frame.load(lanes[moving], row_of(j, moving, inner))
                for i, ys in zip(numbers, kept, strict=True):
                    at = code.plus(row_of(i, 0, outer), code.times(j, inner.steps[0]))
                    self._accumulate_products(at, ys, xs, terms.sign)
                return []

            code.loop(inner.count, column, cost=4 * vectors * count)

        def turn(i: Index, _: list[str]) -> list[str]:
            block(code.times(i, rows), rows)
            return []

        whole = outer.count // rows
        if whole:
            code.loop(whole, turn, cost=4 * vectors * rows * inner.count)
        if outer.count % rows:
            block(whole * rows, outer.count % rows)

    def _accumulate_products(self, slot: Index, xs: Many, ys: Many, sign: int) -> None:
        """Add Σ x·y over the vectors to what is summed over samples."""
        code, width = self.code, self.shape.width
        at = code.times(slot, width)
        total = code.load("V", at, width, 8 * width)
        for x, y in zip(xs, ys, strict=True):
            total = code.fma(x, y, total, width, sign)
        code.store(total, "V", at, width, 8 * width)
