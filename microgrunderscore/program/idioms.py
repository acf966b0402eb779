"""Idioms: groups that are one thing to a reader, such as the slope of a tanh, or a softmax.

They are recognised by what reads what, member by member, since a group may hold members of several:
operations of one kind at one depth are one group, whichever layer they are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .groups import Group, Operand, Terms
from .strides import Slots

Claims: TypeAlias = dict[int, Slots]  # members, by their places in a group, of the groups by number

_OF_LOGSUMEXP = frozenset({"gt", "lt", "and", "where_eq", "exp", "log", "sum"})


@dataclass(frozen=True)
class Idiom:
    """What it is called, and which members of which groups it is."""

    words: str
    claims: Claims


@dataclass(frozen=True)
class _Numbers:
    """Numbers that some members read, in their order."""

    lane: bool
    slots: Slots

    @classmethod
    def of(cls, x: Operand, rows: Slots) -> _Numbers:
        return cls(x.lane, x.slots[rows].reshape(-1))

    def are(self, other: _Numbers) -> bool:
        """Whether they are the same."""
        return self.lane == other.lane and np.array_equal(self.slots, other.slots)


@dataclass(frozen=True)
class _Made:
    """Members of one group, in the order of the numbers that they make."""

    i: int
    group: Group
    rows: Slots

    def operand(self, q: int) -> _Numbers:
        """What they read as their operand number q."""
        return _Numbers.of(self.group.operands[q], self.rows)


class Idioms:
    """The idioms among groups.

    Args:
        groups: in their order.
        constants: the slots of known numbers.
        sizes: of T and of U.
    """

    def __init__(
        self, groups: Sequence[Group], constants: Iterable[int], sizes: tuple[int, int]
    ) -> None:
        self._groups = groups
        self._constants = np.array(list(constants), dtype=np.int64)
        lanes, uniform = sizes
        self._maker = {True: np.full(lanes, -1), False: np.full(uniform, -1)}
        self._row = {True: np.zeros(lanes, np.int64), False: np.zeros(uniform, np.int64)}
        for i, g in enumerate(groups):
            self._maker[g.lane][g.to] = i
            self._row[g.lane][g.to] = np.arange(g.count)

    def at(self, i: int) -> Idiom | None:
        """The idiom that a group makes with others; None if it stands alone."""
        op = self._groups[i].op
        if op in ("sigmoid_slope", "sigmoid_neg"):
            return self._slope(i)
        if op == "div":
            return self._softmax(i)
        return self._logsumexp(i) if op == "where_lt" else None

    # ---- what makes numbers ----

    def _made(self, x: _Numbers, *ops: str) -> _Made | None:
        """The members of a single group, of such an operation, that make all of them."""
        makers = self._maker[x.lane][x.slots]
        i = int(makers[0])
        if i < 0 or (makers != i).any() or self._groups[i].op not in ops:
            return None
        return _Made(i, self._groups[i], self._row[x.lane][x.slots])

    def _multiple(self, x: _Numbers) -> tuple[_Numbers, Claims] | None:
        """What numbers are the negatives of, or constant multiples."""
        made = self._made(x, "sum")
        term = None if made is None else _only_term(made.group)
        if made is None or term is None:
            return None
        claims = {made.i: made.rows}
        if term.b is None:
            return (_Numbers.of(term.a, made.rows), claims) if term.sign < 0 else None
        if not term.a.lane and np.isin(term.a.slots[made.rows], self._constants).all():
            return _Numbers.of(term.b, made.rows), claims
        return None

    # ---- idioms ----

    def _slope(self, i: int) -> Idiom | None:
        """tanh' as 4 σ'(2x), and σ' as σ(x) σ(−x)."""
        group = self._groups[i]
        everyone = np.arange(group.count)
        x = _Numbers.of(group.operands[0], everyone)
        size = f" {group.count:,}" if group.count > 1 else ""
        if group.op == "sigmoid_neg":
            products = self._products_of(group, "sigmoid")
            return None if products is None else Idiom(f"sigmoid'{size}", {i: everyone, **products})
        doubled, products = self._multiple(x), self._products_of(group)
        if doubled is None or products is None:
            return None
        return Idiom(f"tanh'{size}", _together({i: everyone}, doubled[1], products))

    def _products_of(self, group: Group, other: str = "") -> Claims | None:
        """The products of all members with constants, or with what such an operation makes."""
        claims: Claims = {}
        for j, reader in enumerate(self._groups):
            term = _only_term(reader)
            if term is None or term.b is None:
                continue
            for x, factor in ((term.a, term.b), (term.b, term.a)):
                if x.lane != group.lane:
                    continue
                rows = np.flatnonzero(np.isin(x.slots[:, 0], group.to))
                if len(rows) and self._is_made(_Numbers.of(factor, rows), other):
                    claims[j] = rows
        return claims if sum(map(len, claims.values())) == group.count else None

    def _is_made(self, x: _Numbers, op: str) -> bool:
        """Whether an operation makes numbers; without one, whether these are constants."""
        if not op:
            return not x.lane and bool(np.isin(x.slots, self._constants).all())
        return self._made(x, op) is not None

    def _softmax(self, i: int) -> Idiom | None:
        """Exponentials divided by their sums, of one length or of several."""
        group = self._groups[i]
        above, below = (_Numbers.of(x, np.arange(group.count)) for x in group.operands)
        powers = self._made(above, "exp")
        if powers is None or below.lane != above.lane:
            return None
        claims = {i: np.arange(group.count), powers.i: powers.rows}
        lengths, added, vectors = [], 0, 0
        for j in np.unique(self._maker[below.lane][below.slots]).tolist():
            sums = self._groups[j] if j >= 0 else None
            if sums is None or sums.op != "sum" or len(sums.terms) != 1 or sums.terms[0].b:
                return None
            rows = np.unique(self._row[below.lane][below.slots[self._made_by(below, j)]])
            terms = _Numbers.of(sums.terms[0].a, rows)
            made = self._made(terms, "exp")
            if made is None or made.i != powers.i or not np.isin(made.rows, powers.rows).all():
                return None
            claims[j] = rows
            lengths.append(sums.terms[0].count)
            added += len(terms.slots)
            vectors += len(rows)
        if added != group.count:
            return None
        shifted = self._made(powers.operand(0), "sum")
        if shifted is not None and _is_difference(shifted.group):
            claims[shifted.i] = shifted.rows
        least, most = min(lengths), max(lengths)
        length = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        return Idiom(f"softmax {length}{_on_vectors(vectors)}", claims)

    def _made_by(self, x: _Numbers, i: int) -> Slots:
        """Which of the numbers a group makes."""
        return self._maker[x.lane][x.slots] == i

    def _logsumexp(self, i: int) -> Idiom | None:
        """The expansion of logsumexp, which ends in a choice: the largest if that is infinite."""
        group = self._groups[i]
        everyone = np.arange(group.count)
        top, other = (
            _Numbers.of(group.operands[0], everyone),
            _Numbers.of(group.operands[3], everyone),
        )
        if not top.are(other) or self._made(top, "maximum") is None:
            return None
        chain, ends = self._maxima(top)
        found, stack = {i, *chain}, [i]
        while stack:
            for j in self._makers_of(self._groups[stack.pop()]) - found - ends - {-1}:
                if self._groups[j].op not in _OF_LOGSUMEXP:
                    return None
                found.add(j)
                stack.append(j)
        claims = {j: np.arange(self._groups[j].count) for j in found}
        return Idiom(f"logsumexp {len(chain) + 1:,}{_on_vectors(group.count)}", claims)

    def _maxima(self, top: _Numbers) -> tuple[set[int], set[int]]:
        """The maxima that lead to one, and what made the numbers among which it is the largest."""
        chain, ends, stack = set[int](), set[int](), [top]
        while stack:
            x = stack.pop()
            made = self._made(x, "maximum")
            if made is None:
                ends.update(self._maker[x.lane][x.slots].tolist())
            elif made.i not in chain:
                chain.add(made.i)
                stack += [made.operand(0), made.operand(1)]
        return chain, ends

    def _makers_of(self, group: Group) -> set[int]:
        """The groups that a group reads from; -1 for leaves."""
        operands = [*group.operands, *group.factors]
        return {j for x in operands for j in np.unique(self._maker[x.lane][x.slots]).tolist()}


def _only_term(group: Group) -> Terms | None:
    """The one term of each member, where a sum has a single one."""
    is_single = group.op == "sum" and len(group.terms) == 1 and group.terms[0].count == 1
    return group.terms[0] if is_single else None


def _is_difference(group: Group) -> bool:
    """Whether members take one number from another."""
    kinds = sorted((t.sign, t.b is None, t.count) for t in group.terms)
    return kinds == [(-1, True, 1), (1, True, 1)]


def _together(*claims: Claims) -> Claims:
    """Claims on members that may be of the same groups."""
    found: Claims = {}
    for given in claims:
        for i, rows in given.items():
            found[i] = np.union1d(found[i], rows) if i in found else rows
    return found


def _on_vectors(count: int) -> str:
    return f" on {count:,} vectors" if count > 1 else ""
