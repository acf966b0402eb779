"""Re-rolling: a program of single operations as few operations on many numbers.

A loop that was unrolled, or a matrix product written number by number, leaves operations of the
same kind at the same depth. They become one group; its members and their terms are ordered by what
they read, so that this lies at even distances wherever it was a row, a column or a matrix. Sums of
sums and of products become one sum of products. Nothing asks what the program means.

All numbers get slots in two arrays: uniform ones, U = [parameters | their gradient | states of an
optimiser | other leaves and constants | what is computed], and those that each sample has,
T = [inputs | what is computed].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import numpy as np

from .listing import LEAVES, Program
from .outputs import Outputs
from .strides import Axes, Slots, axes_of

LINEAR = frozenset({"add", "sub", "neg", "mul", "sum_of", "dot"})
BEFORE, EACH, AFTER = 0, 1, 2  # phases: once, for each sample, once after all samples
IRREGULAR = 6  # a program of fewer operations to a group than that is not re-rolled
FEW_TERMS = 4  # of a single sum that is written out
MANY_TERMS = 64  # of a sum that is a group even in an irregular program
NOTHING = -1  # instead of a second factor


@dataclass(frozen=True)
class Operand:
    """What the members of a group read: slots of U, or of T; in a sum a row of them for each."""

    lane: bool
    slots: Slots


@dataclass(frozen=True)
class Terms:
    """Part of a sum of products: ±Σ a·b over the columns, or ±Σ a where there is no b."""

    sign: int
    a: Operand
    b: Operand | None

    @property
    def count(self) -> int:
        """How many terms each member has."""
        return int(self.a.slots.shape[1])

    @property
    def factors(self) -> list[Operand]:
        """a, and b if there is one."""
        return [self.a] if self.b is None else [self.a, self.b]


@dataclass(frozen=True)
class Columns:
    """How the factors of a sum lie, seen from those of its first term.

    axes: loops for both, the same for all members; else offsets: one list for all members, or
    one for each.
    """

    count: int
    axes: Axes | None
    offsets: tuple[Slots, ...]
    is_shared: bool


def columns_of(terms: Terms) -> Columns:
    offsets = tuple(o.slots - o.slots[:, :1] for o in terms.factors)
    if not all((d == d[:1]).all() for d in offsets):
        return Columns(terms.count, None, offsets, False)
    first = tuple(d[0] for d in offsets)
    return Columns(terms.count, axes_of(first, 2), first, True)


@dataclass(frozen=True)
class Group:
    """The same operation on many numbers.

    Attributes:
        op: its name; "sum" for sums of products.
        phase: BEFORE, EACH or AFTER; `lane`: whether the results are in T.
        to: the slots of the results.
        operands: of an elementwise operation; of a gather the index, and where its tables begin.
        terms: of a sum, or of a lane_sum over the samples.
        rows: of a gather, how far the rows of its tables lie apart, and how many there are.
    """

    op: str
    phase: int
    lane: bool
    to: Slots
    operands: tuple[Operand, ...] = ()
    terms: tuple[Terms, ...] = ()
    rows: tuple[int, int] = (0, 0)

    @property
    def count(self) -> int:
        """How many members."""
        return len(self.to)

    @property
    def factors(self) -> list[Operand]:
        """Those of all terms, in order."""
        return [x for t in self.terms for x in t.factors]

    @property
    def reads(self) -> list[Slots]:
        """For each operand, or each factor's first term, the slots that the members read."""
        return [o.slots for o in self.operands] + [x.slots[:, 0] for x in self.factors]


@dataclass(slots=True)  # frozen ones take three times as long to make, and these are many
class Statement:
    """A single operation: as a group of one, but with plain slots. `reads`: (lane, slot)."""

    op: str
    phase: int
    lane: bool
    to: int
    reads: tuple[tuple[bool, int], ...] = ()
    terms: tuple[tuple[int, tuple[bool, int], tuple[bool, int] | None], ...] = ()

    @property
    def all_reads(self) -> Iterator[tuple[bool, int]]:
        """Operands, and the factors of all terms."""
        yield from self.reads
        for _, a, b in self.terms:
            yield a
            if b is not None:
                yield b


@dataclass(frozen=True)
class Scatter:
    """Add a number of each sample to U[base + step · index], for an index less than count."""

    index: int
    base: int
    step: int
    count: int
    value: tuple[bool, int]


@dataclass
class Layout:
    """A re-rolled program: its steps in order, phase by phase, and where everything lies."""

    steps: list[Group | Statement]
    scatters: list[Scatter]
    gathered: set[int]
    uniform_count: int
    lane_count: int
    input_count: int
    parameter_count: int
    gradient: int
    leaf_count: int
    leaves: dict[int, int]
    constants: dict[int, float]
    results: list[tuple[bool, int]]
    lanes: list[tuple[bool, int]]
    operations: int

    @property
    def groups(self) -> list[Group]:
        return [step for step in self.steps if isinstance(step, Group)]

    def enter_constants(self, uniform: Any) -> None:
        """Write the constants where the program finds them in U."""
        for slot, c in self.constants.items():
            uniform[slot] = c

    def zeroed(self, sums: bool) -> Slots:
        """The slots of U that must be 0 before anything else, as samples add to them one by one.

        sums: whether they add to sums over samples, too.
        """
        slots = {self.gradient + k for k in self.gathered}
        if sums:
            for step in self.steps:
                if step.op == "lane_sum":
                    slots.update(np.ravel(step.to).tolist())
        return np.array(sorted(slots), dtype=np.int64)


def padded(count: int) -> int:
    """A count rounded up to whole blocks of 32.

    >>> padded(0), padded(1), padded(32)
    (0, 32, 32)
    """
    return -(-count // 32) * 32


def regroup(
    program: Program,
    outputs: Outputs,
    parameter_count: int = 0,
    input_count: int = 0,
    states: int = 0,
    *,
    in_place: bool = True,
) -> Layout:
    """Re-roll a lowered program.

    Args:
        program: in machine operations, see `lowering`.
        outputs: what is wanted of it.
        parameter_count: how many uniform leaves are parameters; these come first.
        input_count: how many numbers a sample has.
        states: how many more numbers an optimiser keeps for each parameter, next to the gradient.
        in_place: whether results may lie where operands were that nobody needs any more; otherwise
            a slot belongs to one number only.
    """
    regrouping = _Regrouping(program, outputs, parameter_count, input_count, states)
    regrouping.in_place = in_place
    return regrouping.layout()


class _Regrouping:
    """The work of `regroup`: sums, then kinds, then slots."""

    def __init__(
        self,
        program: Program,
        outputs: Outputs,
        parameter_count: int,
        input_count: int,
        states: int,
    ) -> None:
        self.p = program
        self.outputs = outputs
        self.parameter_count = parameter_count
        self.input_count = input_count
        self.order = program.live(outputs.roots())
        self.lane = np.array([*program.lane, False], dtype=bool)  # the last one is NOTHING
        self.slot = np.zeros(len(program) + 1, dtype=np.int64)
        self.made_by = np.zeros(len(program) + 1, dtype=np.int64)
        self.gradient = padded(parameter_count)
        self.uniform_count = (2 + states) * self.gradient
        self.lane_count = input_count
        self.leaves: dict[int, int] = {}
        self.constants: dict[int, float] = {}
        self.steps: list[Group | Statement] = []
        self.readers: Slots = None  # of each entry, how many there are among what has no slots yet
        self.in_place = True

    def layout(self) -> Layout:
        self._find_sums()
        self._place_leaves()
        self._find_depths()
        operations = [i for i in self.order if self.depth[i]]
        if self._is_irregular(operations):
            self.in_place = False
            for phase in (BEFORE, EACH, AFTER):
                for i in operations:
                    if self.phase[i] == phase:
                        self._place_in_order(i)
        else:
            kinds = self._kinds(operations)
            for key, members in sorted(kinds.items(), key=lambda item: item[0][:2]):
                self._place(key, np.array(members))
        scatters = self._finish_gradient()
        return Layout(
            steps=self.steps,
            scatters=scatters,
            gathered=self.gathered,
            uniform_count=self.uniform_count,
            lane_count=self.lane_count,
            input_count=self.input_count,
            parameter_count=self.parameter_count,
            gradient=self.gradient,
            leaf_count=len(self.p.uniform_names) - self.parameter_count,
            leaves=self.leaves,
            constants=self.constants,
            results=[self._where(i) for i in self.outputs.results],
            lanes=[self._where(i) for i in self.outputs.lanes],
            operations=len(operations),
        )

    # ---- sums of sums, and of products, as one sum of products ----

    def _find_sums(self) -> None:
        """The terms of every sum: signs, first and second factors, from `start[i]` on."""
        p = self.p
        self.absorbed = self._absorbed()
        self.start: dict[int, tuple[int, int]] = {}
        signs: list[int] = []
        firsts: list[int] = []
        seconds: list[int] = []
        for i in self.order:
            if self.absorbed[i] or not (p.ops[i] in LINEAR or p.ops[i] == "lane_sum"):
                continue
            begin = len(signs)
            stack = [(1, i)]
            while stack:
                sign, j = stack.pop()
                if j != i and not self.absorbed[j]:
                    signs.append(sign)
                    firsts.append(j)
                    seconds.append(NOTHING)
                    continue
                ws, xs = _products(p, j)
                signs += [sign] * len(ws)
                firsts += ws
                seconds += xs
                stack += [(sign * s, x) for s, x in _plain(p, j)]
            self.start[i] = begin, len(signs)
        a, b = np.array(firsts, dtype=np.int64), np.array(seconds, dtype=np.int64)
        # What is uniform comes first, a parameter before anything else.
        is_parameter = np.zeros(len(p) + 1, dtype=bool)
        is_parameter[[i for i in self.order if self._is_parameter(i)]] = True
        rank = self.lane * 2 + ~is_parameter
        swap = (b != NOTHING) & (rank[a] > rank[b])
        self.a, self.b = np.where(swap, b, a), np.where(swap, a, b)
        self.sign = np.array(signs, dtype=np.int64)
        kind_of_b = np.where(self.b == NOTHING, 0, 1 + self.lane[self.b])
        code = (self.sign < 0) * 6 + self.lane[self.a] * 3 + kind_of_b
        self.code = code.astype(np.uint8)

    def _is_parameter(self, i: int) -> bool:
        return self.p.ops[i] == "uniform" and self.p.args[i][0] < self.parameter_count

    def _absorbed(self) -> bytearray:
        """Which entries are nothing but a term of the one sum that reads them."""
        p = self.p
        uses = self.uses = Counter(chain.from_iterable(map(p.operands, self.order)))
        uses.update(self.outputs.roots())
        absorbed = bytearray(len(p))
        for i in self.order:
            for _, j in _plain(p, i):
                if uses[j] == 1 and p.ops[j] in LINEAR:
                    absorbed[j] = p.lane[j] == p.lane[i] or p.ops[i] == "lane_sum"
        return absorbed

    # ---- kinds: what can be one group ----

    def _find_depths(self) -> None:
        """How many operations lie before each; 0 for what is no operation. And its phase."""
        p = self.p
        depth = self.depth = [0] * (len(p) + 1)
        phase = self.phase = bytearray(len(p) + 1)
        firsts, seconds = self.a.tolist(), self.b.tolist()
        others: list[int] = self.outputs.roots()
        others += [p.args[gather][0] for gather, _ in self.outputs.scattered]
        for i in self.order:
            if p.ops[i] in LEAVES or self.absorbed[i]:
                continue
            if i in self.start:
                begin, end = self.start[i]
                reads: Sequence[int] = firsts[begin:end] + seconds[begin:end]
            else:
                reads = p.operands(i)
                others += reads
            depth[i] = 1 + max(map(depth.__getitem__, reads))
            if p.lane[i]:
                phase[i] = EACH
            elif p.ops[i] == "lane_sum" or AFTER in map(phase.__getitem__, reads):
                phase[i] = AFTER
        for i in self.start:
            if p.ops[i] == "lane_sum":
                phase[i] = EACH  # it is summed up on the way
        reads_of_all = np.concatenate([self.a, self.b, np.array(others, dtype=np.int64)])
        self.readers = np.bincount(reads_of_all[reads_of_all >= 0], minlength=len(p))

    def _is_irregular(self, operations: list[int]) -> bool:
        """Whether there would be nearly as many groups as operations."""
        p, depth, codes = self.p, self.depth, self.code.tobytes()
        kinds = set()
        for i in operations:
            begin, end = self.start.get(i, (0, 0))
            kinds.add((depth[i], codes[begin:end] or p.ops[i]))
        return len(operations) < IRREGULAR * len(kinds)

    def _kinds(self, operations: list[int]) -> dict[tuple[Any, ...], list[int]]:
        """The entries of each kind: (phase, depth, lane, operation, …)."""
        p = self.p
        kinds: dict[tuple[Any, ...], list[int]] = {}
        codes = self.code.tobytes()
        signatures: dict[bytes, tuple[tuple[int, int], ...]] = {}
        for i in operations:
            op = p.ops[i]
            if i in self.start:
                key = codes[slice(*self.start[i])]
                if key not in signatures:
                    signatures[key] = tuple(sorted(Counter(key).items()))
                kind: tuple[Any, ...] = ("lane_sum" if op == "lane_sum" else "sum", signatures[key])
            else:
                kind = (op, tuple(p.lane[j] for j in p.operands(i)))
                if op == "gather":
                    kind += p.args[i][2:]
            kinds.setdefault((self.phase[i], self.depth[i], p.lane[i], *kind), []).append(i)
        return kinds

    # ---- slots ----

    def _place_leaves(self) -> None:
        """Parameters first, inputs as they come; other leaves and constants behind the gradient."""
        p = self.p
        for i in self.order:
            if p.ops[i] == "input" or self._is_parameter(i):
                self.slot[i] = p.args[i][0]
            elif p.ops[i] in ("uniform", "const"):
                table: dict[int, Any] = self.leaves if p.ops[i] == "uniform" else self.constants
                slot = self._room(lane=False, count=1)
                self.slot[i] = slot
                table[slot] = p.args[i][0]
        self.gathered: set[int] = set()  # parameters to which samples add one by one
        for gather, _ in self.outputs.scattered:
            _, base, step, count = p.args[gather]
            self.gathered.update(range(base, base + step * count, step))
        self._destinations = self._direct()

    def _direct(self) -> dict[int, int]:
        """Entries that can be computed right where the gradient lies, with their slots there."""
        p = self.p
        times = Counter(i for _, i in self.outputs.gradient)
        direct = {
            i: self.gradient + k
            for k, i in self.outputs.gradient
            if times[i] == 1
            and k not in self.gathered
            and not (p.ops[i] in LEAVES or p.lane[i] or self.absorbed[i])
        }
        for i, slot in list(direct.items()):  # and sums over samples that are but one term of them
            for t in range(*self.start.get(i, (0, 0))):
                j = int(self.a[t])
                if self.b[t] == NOTHING and p.ops[j] == "lane_sum" and self.uses[j] == 1:
                    direct[j] = slot
                    break
        return direct

    def _room(self, lane: bool, count: int) -> int:
        """The first of so many new slots of T or U."""
        first = self.lane_count if lane else self.uniform_count
        if lane:
            self.lane_count += count
        else:
            self.uniform_count += count
        return first

    def _new_slots(self, members: Slots, lane: bool) -> Slots:
        """Slots in a row for the results of a group; those of a gradient if all are of one."""
        if not lane and all(int(i) in self._destinations for i in members):
            slots = np.array([self._destinations[int(i)] for i in members])
        else:
            for i in members.tolist():
                self._destinations.pop(i, None)
            slots = self._room(lane, len(members)) + np.arange(len(members))
        self.slot[members] = slots
        self.made_by[members] = 1 + len(self.steps)
        return slots

    def _place(self, key: tuple[Any, ...], members: Slots) -> None:
        """Give the members of one kind their order and slots, and write the group."""
        phase, _, lane, op, *_ = key
        begin, end = self.start.get(int(members[0]), (0, 0))
        if len(members) == 1 and end - begin <= FEW_TERMS and op != "gather":
            self._place_one(int(members[0]))
        elif op in ("sum", "lane_sum"):
            self._place_sums(phase, lane, op, members)
        else:
            self._place_elementwise(phase, lane, op, members)

    def _place_in_order(self, i: int) -> None:
        """An operation of an irregular program: on its own, but for long sums and gathers."""
        begin, end = self.start.get(i, (0, 0))
        op, alone = self.p.ops[i], np.array([i])
        if op == "gather":
            self._place_elementwise(self.phase[i], self.p.lane[i], op, alone)
        elif end - begin > MANY_TERMS:
            kind = "lane_sum" if op == "lane_sum" else "sum"
            self._place_sums(self.phase[i], self.p.lane[i], kind, alone)
        else:
            self._place_one(i)

    def _place_sums(self, phase: int, lane: bool, op: str, members: Slots) -> None:
        begins = np.array([self.start[i][0] for i in members.tolist()])
        count = self.start[int(members[0])][1] - begins[0]
        at = begins[:, None] + np.arange(count)
        # Last factors first: then what a layer reads runs fastest, whatever its weights are.
        last = np.where(self.b[at] == NOTHING, self.slot[self.a[at]], self.slot[self.b[at]])
        by = np.lexsort((self.slot[self.a[at]], last, self.code[at]), axis=1)
        at = np.take_along_axis(at, by, axis=1)
        a, b = self.slot[self.a[at]], np.take_along_axis(last, by, axis=1)
        keys = [k for q in range(min(count, 3)) for k in (b[:, q], a[:, q])]
        in_order = np.lexsort(keys[::-1])
        if not lane and all(i in self._destinations for i in members.tolist()):
            in_order = np.argsort([self._destinations[i] for i in members.tolist()])
        members, at = members[in_order], at[in_order]
        terms = tuple(self._terms(at))
        self._is_read(self.a[at])
        self._is_read(self.b[at])
        self.steps.append(Group(op, phase, lane, self._new_slots(members, lane), terms=terms))

    def _terms(self, at: Slots) -> Iterator[Terms]:
        """The columns of a sum, parted where the kind of term or what made the factors changes."""
        a, b = self.a[at], self.b[at]
        makers = [self.made_by[a], self.made_by[b]]
        part = [self.code[at][0]]
        if all((m == m[0]).all() for m in makers):
            part += [m[0] for m in makers]
        keys = list(zip(*(x.tolist() for x in part), strict=True))
        for _, columns in groupby(range(len(keys)), key=keys.__getitem__):
            run = list(columns)
            first, last = run[0], run[-1] + 1
            x, y = a[:, first:last], b[:, first:last]
            yield Terms(
                int(self.sign[at[0, first]]),
                Operand(bool(self.lane[x[0, 0]]), self.slot[x]),
                None if y[0, 0] == NOTHING else Operand(bool(self.lane[y[0, 0]]), self.slot[y]),
            )

    def _place_elementwise(self, phase: int, lane: bool, op: str, members: Slots) -> None:
        p = self.p
        reads = np.array([p.operands(i) for i in members.tolist()])
        slots = self.slot[reads]
        extra = np.zeros((len(members), 0), dtype=np.int64)
        rows = (0, 0)
        if op == "gather":
            extra = np.array([p.args[i][1:2] for i in members.tolist()])
            _, _, step, count = p.args[int(members[0])]
            rows = step, count
        columns = np.concatenate([slots, extra], axis=1)
        in_order = np.lexsort(columns.T[::-1])
        lanes = [bool(self.lane[i]) for i in reads[0]] + [False] * extra.shape[1]
        operands = tuple(Operand(of_lane, columns[in_order, q]) for q, of_lane in enumerate(lanes))
        self._is_read(reads)
        members, reads = members[in_order], reads[in_order]
        may_replace = self.in_place and lane and op != "gather"
        to = self._in_place(members, reads) if may_replace else None
        if to is None:
            to = self._new_slots(members, lane)
        self.steps.append(Group(op, phase, lane, to, operands, rows=rows))

    def _is_read(self, entries: Slots) -> None:
        """Take note that these have one reader less to come."""
        if self.in_place:
            np.subtract.at(self.readers, entries[entries >= 0], 1)

    def _in_place(self, members: Slots, reads: Slots) -> Slots | None:
        """The slots of an operand that nobody reads any more: so T is small, and stays in cache."""
        for column in reads.T:
            entries = column.tolist()
            if (
                self.lane[column].all()
                and len(set(entries)) == len(entries)
                and not self.readers[column].any()
                and not any(self.p.ops[i] in LEAVES for i in entries)
            ):
                slots = self.slot[column]
                if all((self.slot[other] == slots).all() or not self._meets(other, slots)
                       for other in reads.T):  # fmt: skip
                    self.slot[members] = slots
                    self.made_by[members] = 1 + len(self.steps)
                    return slots
        return None

    def _meets(self, entries: Slots, slots: Slots) -> bool:
        """Whether some of these entries lie in some of these slots of T."""
        in_lanes = entries[self.lane[entries]]
        return bool(np.isin(self.slot[in_lanes], slots).any())

    def _place_one(self, i: int) -> None:
        """A single operation, without arrays."""
        p, where = self.p, self._where
        op, lane = p.ops[i], p.lane[i]
        terms: tuple[Any, ...] = ()
        reads: tuple[tuple[bool, int], ...] = ()
        if i in self.start:
            op = "lane_sum" if op == "lane_sum" else "sum"
            begin, end = self.start[i]
            self._is_read(self.a[begin:end])
            self._is_read(self.b[begin:end])
            terms = tuple(
                (sign, where(a), None if b == NOTHING else where(b))
                for sign, a, b in zip(
                    self.sign[begin:end].tolist(),
                    self.a[begin:end].tolist(),
                    self.b[begin:end].tolist(),
                    strict=True,
                )
            )
        else:
            reads = tuple(map(where, p.operands(i)))
            self._is_read(np.array(p.operands(i)))
        to = self._destinations.get(i)
        if to is None:
            to = self._room(lane, 1)
        self.slot[i] = to
        self.made_by[i] = 1 + len(self.steps)
        self.steps.append(Statement(op, self.phase[i], lane, to, reads, terms))

    def _where(self, i: int) -> tuple[bool, int]:
        return self.p.lane[i], int(self.slot[i])

    # ---- the gradient ----

    def _finish_gradient(self) -> list[Scatter]:
        """Bring what was computed elsewhere to where the gradient lies."""
        rest = sorted((k, i) for k, i in self.outputs.gradient if i not in self._destinations)
        for is_gathered in (False, True):
            part = [(k, i) for k, i in rest if (k in self.gathered) == is_gathered]
            if not part:
                continue
            to = np.array([self.gradient + k for k, _ in part])
            values = Operand(False, np.array([[self.slot[i]] for _, i in part]))
            terms: tuple[Terms, ...] = (Terms(1, values, None),)
            if is_gathered:  # on top of what samples have added
                terms = (Terms(1, Operand(False, to[:, None]), None), *terms)
            self.steps.append(Group("sum", AFTER, False, to, terms=terms))
        return [
            Scatter(
                index=int(self.slot[self.p.args[gather][0]]),
                base=self.gradient + self.p.args[gather][1],
                step=self.p.args[gather][2],
                count=self.p.args[gather][3],
                value=self._where(i),
            )
            for gather, i in self.outputs.scattered
        ]


def _products(p: Program, i: int) -> tuple[list[int], list[int]]:
    """The products among the terms of an entry: first factors, second factors."""
    op, args = p.ops[i], p.args[i]
    if op == "mul":
        return [args[0]], [args[1]]
    if op == "dot":
        n = len(args) // 2
        return list(args[:n]), list(args[n : 2 * n])
    return [], []


def _plain(p: Program, i: int) -> list[tuple[int, int]]:
    """The other terms of an entry, with their signs."""
    op, args = p.ops[i], p.args[i]
    if op == "add":
        return [(1, args[0]), (1, args[1])]
    if op == "sub":
        return [(1, args[0]), (-1, args[1])]
    if op == "neg":
        return [(-1, args[0])]
    if op == "dot" and len(args) % 2:
        return [(1, args[-1])]
    return [(1, x) for x in args] if op in ("sum_of", "lane_sum") else []
