"""Groups in words: "matrix 16×2 + bias", "relu 16", "outer product 16×2 over the samples".

Only what a group reads tells what it is: how many different rows of factors there are, and which of
them meet. A product of a matrix and a vector is a group whose members have a row of parameters
each, and all of them the same second factors.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .groups import Group, Layout, Operand, Terms
from .listing import COMPARISONS
from .strides import Slots

OVER_THE_SAMPLES = " over the samples"
NAMES = {"sigmoid_slope": "sigmoid'", "sigmoid_neg": "sigmoid"}  # of what only machines have
PLURALS = {"div": "quotients", "and": "comparisons", **dict.fromkeys(COMPARISONS, "comparisons")}
# A choice that is x where x > 0 and otherwise 0: which operand is x, by comparison.
_RELU = {"where_le": 3, "where_lt": 3, "where_gt": 2, "where_ge": 2}


class Phrases:
    """What to call the groups of a layout, one after the other in their order."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rectified: set[tuple[bool, int]] = set()  # what relu has given

    def of(self, group: Group, is_adjoint: bool) -> str:
        """A group in words."""
        if group.terms:
            return self._of_sums(group, is_adjoint)
        if group.op == "gather":
            return _taken(group)
        if group.op.startswith("where_"):
            return self._of_choices(group)
        if group.op in PLURALS:
            return _many(group.count, PLURALS[group.op])
        name = NAMES.get(group.op, group.op)
        return f"{name} {group.count:,}" if group.count > 1 else name

    # ---- choices ----

    def _of_choices(self, group: Group) -> str:
        """relu, the mask that it leaves behind, what the data choose, or any other choice."""
        a, b, x, y = group.operands
        which = _RELU.get(group.op)
        size = f" {group.count:,}" if group.count > 1 else ""
        if which is not None and self._is_number(b, 0.0):
            chosen, other = (x, y) if which == 2 else (y, x)
            if self._is_number(other, 0.0) and _are_same(chosen, a):
                self._rectified.update((group.lane, int(slot)) for slot in group.to)
                return f"relu{size}"
            if self._is_number(other, 0.0):
                return f"relu'{size}" if _slots(a) <= self._rectified else f"mask{size}"
        if group.op == "where_eq" and self._is_input(a) and self._is_number(y, 0.0):
            return _by_data(group.count, len(_slots(a)), len(_slots(x)))
        return _many(group.count, "choices")

    # ---- sums of products ----

    def _of_sums(self, group: Group, is_adjoint: bool) -> str:
        """The products of a sum, the longest first, and what is added to them."""
        end = OVER_THE_SAMPLES if group.op == "lane_sum" else ""
        if end and len(group.terms) == 1 and self._has_weights(group.terms[0]):
            return _many(group.count, "means") + end
        products = sorted((t for t in group.terms if t.b), key=lambda t: -t.count)
        if not products:
            return _added_up(group) + end
        found = [(t.sign, self._of_products(group, t, is_adjoint)) for t in products]
        plain = sorted(
            (t for t in group.terms if not t.b), key=lambda t: not self._is_parameter(t.a)
        )
        found += [(t.sign, self._added(group, t)) for t in plain]
        text = ""
        for (sign, phrase), times in Counter(found).items():
            text += f" {'+' if sign > 0 else '−'} " if text else ""
            text += phrase if times == 1 else f"{phrase} ({times:,} times)"
        return text + end

    def _of_products(self, group: Group, terms: Terms, is_adjoint: bool) -> str:
        """A part of a sum that has products, seen alone."""
        assert terms.b is not None
        table = _Table.of(terms)
        if group.op == "lane_sum" and table.is_complete:
            return _outer(group, terms, table)
        if terms.count == 1:
            return self._of_single_products(group, terms, table, is_adjoint)
        if not terms.a.lane and terms.b.lane:
            return _of_matrices(table, _is_transposed(terms.a.slots, terms.b.slots))
        return _of_rows(table)

    def _added(self, group: Group, terms: Terms) -> str:
        """What is added: the bias of a layer, numbers of the sample, or others."""
        if self._is_parameter(terms.a):
            return "bias" if terms.count == 1 else f"{terms.count:,} parameters"
        is_one = group.count == terms.count == 1
        what = "input" if self._is_input(terms.a) else "number"
        what = "constant" if self._is_constant(terms.a) else what
        return what if is_one else f"{what}s"

    def _of_single_products(
        self, group: Group, terms: Terms, table: _Table, is_adjoint: bool
    ) -> str:
        """Products of two numbers: a matrix of one column, an outer product, or one by one."""
        assert terms.b is not None
        if self._has_weights(terms):
            return f"weighted {group.count:,}" if group.count > 1 else "weighted"
        if _are_same(terms.a, terms.b):
            return _many(group.count, "squares")
        if self._is_constant(terms.a) or self._is_constant(terms.b):
            return f"scaled {group.count:,}" if group.count > 1 else "scaled"
        if table.is_complete and table.columns == 1 and table.rows > 1:
            if self._is_parameter(terms.a) and terms.b.lane:
                m = group.count
                return f"matrix 1×{m:,} transposed" if is_adjoint else f"matrix {m:,}×1"
            return f"scaled {group.count:,}"
        if table.is_complete and table.rows > 1 and table.columns > 1:
            return f"outer product {table.rows:,}×{table.columns:,}"
        return _many(group.count, "products")

    # ---- what an operand is ----

    def _is_parameter(self, x: Operand) -> bool:
        return not x.lane and bool((x.slots < self._layout.parameter_count).all())

    def _is_input(self, x: Operand) -> bool:
        return x.lane and bool((x.slots < self._layout.input_count - 1).all())

    def _is_constant(self, x: Operand) -> bool:
        return not x.lane and _slots(x) <= {(False, s) for s in self._layout.constants}

    def _is_number(self, x: Operand, number: float) -> bool:
        constants = self._layout.constants
        return not x.lane and all(constants.get(s) == number for _, s in _slots(x))

    def _has_weights(self, terms: Terms) -> bool:
        """Whether a factor is the weight of the sample, which is the last of its numbers."""
        weight = {(True, self._layout.input_count - 1)}
        return any(x is not None and _slots(x) == weight for x in (terms.a, terms.b))


def _slots(x: Operand) -> set[tuple[bool, int]]:
    """The different slots of an operand."""
    return {(x.lane, slot) for slot in np.unique(x.slots).tolist()}


def _are_same(x: Operand, y: Operand) -> bool:
    return x.lane == y.lane and bool((x.slots == y.slots).all())


def _added_up(group: Group) -> str:
    """A group that adds numbers up, without products."""
    length = sum(t.count for t in group.terms)
    has_minus = any(t.sign < 0 for t in group.terms)
    if length == 1:
        what = "sums" if group.op == "lane_sum" else "negatives" if has_minus else "copies"
        return _many(group.count, what)
    if length == 2 and has_minus:
        return _many(group.count, "differences")
    return f"{_many(group.count, 'sums')} of {length:,}"


def _many(count: int, plural: str) -> str:
    """One of a kind, or a number of them.

    >>> _many(3, "sums"), _many(1, "sums"), _many(1, "copies")
    ('sums 3', 'sum', 'copy')
    """
    if count > 1:
        return f"{plural} {count:,}"
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")


# ---- which rows of factors meet -----------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """How many different rows of first factors meet how many of second ones.

    rows, columns: in each of so many `blocks`, within which every one meets every other; blocks is
    0 where they meet otherwise. count: of the members, length: of the rows, terms of a sum.
    """

    rows: int
    columns: int
    blocks: int
    count: int
    length: int

    @property
    def is_complete(self) -> bool:
        """Whether every row meets every other."""
        return self.blocks == 1

    @classmethod
    def of(cls, terms: Terms) -> _Table:
        """The table of a part of a sum of products."""
        assert terms.b is not None
        count, length = terms.a.slots.shape
        a, rows = _numbered(terms.a.slots)
        b, columns = _numbered(terms.b.slots)
        if len(np.unique(a * columns + b)) < count:
            return cls(rows, columns, 0, count, length)
        if rows * columns == count:
            return cls(rows, columns, 1, count, length)
        blocks, rest = divmod(rows * columns, count)
        if rest or rows % blocks or columns % blocks:
            return cls(rows, columns, 0, count, length)
        least = np.full(rows, columns)  # a block is known by the least of its columns
        np.minimum.at(least, a, b)
        wide = len(np.unique(least)) == blocks and (np.bincount(a) == columns // blocks).all()
        tall = len(np.unique(least[a] * columns + b)) == columns
        if wide and tall:
            return cls(rows // blocks, columns // blocks, blocks, count, length)
        return cls(rows, columns, 0, count, length)


def _numbered(rows: Slots) -> tuple[Slots, int]:
    """For each row which one of the different rows it is, and how many of these there are."""
    _, numbers = np.unique(rows, axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    return numbers, int(numbers.max()) + 1


def _of_matrices(table: _Table, is_transposed: bool) -> str:
    """Rows of uniform numbers that meet rows of each sample."""
    m, n = table.rows, table.length
    if not table.blocks:
        return f"dots {table.count:,} of {n:,}"
    if m == 1 and table.blocks == 1:
        what = f"dot {n:,}"
    else:
        size = f"{n:,}×{m:,} transposed" if is_transposed else f"{m:,}×{n:,}"
        what = f"matrix {size}" if table.blocks == 1 else f"{table.blocks:,} matrices {size}"
    return f"{what} on {table.columns:,} vectors" if table.columns > 1 else what


def _of_rows(table: _Table) -> str:
    """Rows of the same sample, or of what is uniform, that meet each other."""
    m, n, k = table.rows, table.length, table.columns
    if not table.blocks:
        return f"dots {table.count:,} of {n:,}"
    if m == k == 1:
        return f"dots {table.count:,} of {n:,}" if table.count > 1 else f"dot {n:,}"
    size = f"products {m:,}×{n:,}×{k:,}" if k > 1 else f"products {m:,}×{n:,}"
    return f"{table.blocks:,} {size}" if table.blocks > 1 else size


def _is_transposed(a: Slots, b: Slots) -> bool:
    """Whether a matrix is read column by column: its slots lie nearer to each other down a row."""
    first = a[(b == b[0]).all(1)]  # what meets the first vector
    if len(first) < 2:
        return False
    across = np.median(np.abs(np.diff(first, axis=1)))
    down = np.median(np.abs(np.diff(np.sort(first, axis=0), axis=0)))
    return bool(down < across)


def _outer(group: Group, terms: Terms, table: _Table) -> str:
    """An outer product, whose rows are those of what it is written to."""
    assert terms.b is not None
    order = np.argsort(group.to, kind="stable")
    a = terms.a.slots[order, 0]
    rows, columns = table.rows, table.columns
    if rows > 1 and columns > 1 and a[0] != a[1]:
        rows, columns = columns, rows
    of_vectors = f" of {table.length:,} vectors" if table.length > 1 else ""
    return f"outer product {rows:,}×{columns:,}{of_vectors}"


def _by_data(count: int, indices: int, numbers: int) -> str:
    """Choices that hang on numbers of the data: one of many numbers, or where one number goes.

    >>> _by_data(10, 1, 10), _by_data(10, 1, 1), _by_data(20, 2, 2)
    ('pick one of 10', 'give to one of 10', 'give to one of 10, 2 times')
    """
    what = "give to" if numbers <= indices < count else "pick"
    each, rest = divmod(count, indices)
    if rest or indices == count:
        return _many(count, "choices")
    return f"{what} one of {each:,}" + (f", {indices:,} times" if indices > 1 else "")


def _taken(group: Group) -> str:
    """Rows of a table at indices that are data."""
    index, base = group.operands
    rows = max(1, len(np.unique(index.slots)))
    tables = len(np.unique(base.slots))
    if group.count % rows or tables * rows != group.count:
        return f"take {group.count:,}"
    return f"take {rows:,}×{tables:,}" if rows > 1 else f"take a row of {tables:,}"
