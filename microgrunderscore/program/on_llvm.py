"""Groups as machine code: loops over members and samples, in LLVM's language, as text.

Samples come in blocks of so many lanes, which the innermost instructions work on together; T holds
one block at a time, and stays in the cache. A sum of products keeps its totals in registers, those
of several members where they read the same factors. What is summed over samples is kept in vectors
V until all blocks are through. For a single sample at a time the lane is one, and the vectors run
over the members of a group instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from .groups import (
    AFTER,
    BEFORE,
    EACH,
    Group,
    Layout,
    Scatter,
    Statement,
    columns_of,
)
from .llvm_frame import WIDE, Frame, Many, Shape, summed
from .llvm_lanes import LaneRows
from .llvm_members import MemberRows
from .llvm_text import WIDTH, Code, Index, constant, everywhere, type_of
from .strides import Axes, Axis, Piece, Slots, pieces

LONGEST = 4000  # instructions in a function: what takes LLVM more than linear time stays small
CHUNK = 300  # single statements in a function

_PARAMETERS = "ptr noalias %U, ptr noalias %T, ptr noalias %V, ptr noalias %table"


class Printer(Frame):
    """One re-rolled program as LLVM functions.

    Attributes:
        functions: their texts. phases: their names, by phase. sums: vectors in V.
    """

    def __init__(self, layout: Layout, shape: Shape, prefix: str, called: set[Any]) -> None:
        super().__init__(layout, shape, called)
        self.layout = layout
        self.prefix = prefix
        self.functions: list[str] = []
        self.sums = 0
        self._chunks = list(chunks(layout))
        self._read_elsewhere = _read_elsewhere(layout, self._chunks)
        self._has_groups = bool(layout.groups)
        self._sums_of: list[tuple[int, Slots]] = []
        self.phases = {phase: self._phase(phase) for phase in (BEFORE, EACH, AFTER)}

    # ---- functions ----

    def _phase(self, phase: int) -> list[str]:
        """Print the steps of a phase, in functions of moderate length; return their names."""
        names: list[str] = []
        self.code = Code(self.called)
        if phase == BEFORE:
            self._print_zeros()
        if phase == AFTER:
            self._print_reductions()
        of_phase = (pair for pair in self._chunks if pair[1].phase == phase)
        for _, steps in groupby(of_phase, key=itemgetter(0)):
            for kind, alike in groupby((step for _, step in steps), key=type):
                if kind is Statement:
                    self._print_statements(list(alike))  # type: ignore[arg-type]
                else:
                    for group in alike:
                        self._print_group(group)  # type: ignore[arg-type]
            if len(self.code.lines) > LONGEST or not self._has_groups:
                self._finish(names)
        if phase == EACH:
            self._print_scatters()
        self._finish(names)
        return names

    def _finish(self, names: list[str]) -> None:
        """Make a function of the code so far."""
        if not self.code.lines:
            return
        name = f"{self.prefix}_step{len(self.functions)}"
        body = "\n".join(self.code.lines)
        self.functions.append(
            f"define internal void @{name}({_PARAMETERS}) noinline {WIDE} {{\n{body}\nret void\n}}"
        )
        names.append(name)
        self.code = Code(self.called)

    # ---- groups ----

    def _print_group(self, group: Group) -> None:
        """Print a group as loops: along even distances where there are few, else from tables."""
        if group.op == "gather":
            return self._print_gather(group)
        in_lanes = group.phase == EACH and self.shape.lanes > 1
        rows = LaneRows if in_lanes else MemberRows
        kinds = [columns_of(t) for t in group.terms]
        reads = group.reads
        if group.op == "lane_sum" and in_lanes:
            to = self.sums + np.arange(group.count)
            self._sums_of.append((self.sums, group.to))
            self.sums += group.count
        else:
            to = group.to
        parts = pieces([to, *reads])
        if len(parts) > max(4, group.count // 6):
            tables = [self.tabled(r) for r in (to, *reads)]
            whole = Piece(0, group.count, (Axis(group.count, (0,) * (1 + len(reads))),))
            return rows(self, group, kinds, whole, tables, from_tables=True).print()
        for piece in parts:
            starts = [int(r[piece.start]) for r in (to, *reads)]
            rows(self, group, kinds, piece, starts, from_tables=False).print()
        return None

    def _print_zeros(self) -> None:
        """Set to 0 what samples add to one by one."""
        slots = self.layout.zeroed(sums=self.shape.lanes == 1 and not self.shape.alone)
        for piece in pieces([slots]) if len(slots) else []:
            axes, last = piece.axes, piece.axes[-1]
            width = WIDTH if last.steps == (1,) and last.count % WIDTH == 0 else 1
            axes = (*axes[:-1], Axis(last.count // width, (last.steps[0] * width,)))
            zero = everywhere(0.0, width)

            def clear(places: list[Index], zero: str = zero, width: int = width) -> None:
                self.code.store(zero, "U", places[0], width)

            self.nest(axes, [int(slots[piece.start])], clear, 2)

    def _print_reductions(self) -> None:
        """After all blocks: what was summed over samples, from vectors to single numbers."""
        for first, to in self._sums_of:
            for piece in pieces([first + np.arange(len(to)), to]):
                axes, bases = piece.axes, (first + piece.start, int(to[piece.start]))
                last = axes[-1]
                if last.steps == (1, 1) and last.count % WIDTH == 0:
                    eighth = Axis(last.count // WIDTH, (WIDTH, WIDTH))
                    self.nest((*axes[:-1], eighth), bases, self._reduce_eight, 40)
                else:
                    self.nest(axes, bases, self._reduce_one, 6)

    def _reduce_one(self, places: list[Index]) -> None:
        code, width = self.code, self.shape.width
        x = code.load("V", code.times(places[0], width), width, 8 * width)
        code.store(code.total(x, width), "U", places[1])

    def _reduce_eight(self, places: list[Index]) -> None:
        code, width = self.code, self.shape.width
        at = code.times(places[0], width)
        xs = [code.load("V", code.plus(at, r * width), width, 8 * width) for r in range(WIDTH)]
        code.store(code.totals(xs), "U", places[1], WIDTH)

    # ---- reading and adding at indices that are data ----

    def _whole(self, x: str, count: int) -> str:
        """A number as an index. It was looked after; yet nothing shall be written anywhere else."""
        code = self.code
        index = code.value(f"fptosi double {code.intrinsic('roundeven', (x,), 1)} to i64")
        for sign, bound in (("sgt", 0), ("slt", count - 1)):
            inside = code.value(f"icmp {sign} i64 {index}, {bound}")
            index = code.value(f"select i1 {inside}, i64 {index}, i64 {bound}")
        return index

    def _index(self, slot: Index, count: int, lane: Index = 0) -> str:
        """The index in a slot of T, of one sample."""
        at = self.code.plus(self.code.times(slot, self.shape.lanes), lane)
        return self._whole(self.code.load("T", at), count)

    def _print_gather(self, group: Group) -> None:
        """Read rows of tables at indices that are data."""
        columns = [group.to, *(o.slots for o in group.operands)]
        for piece in pieces(columns):
            self._gather(piece.axes, [int(x[piece.start]) for x in columns], *group.rows)

    def _gather(self, axes: Axes, bases: list[int], step: int, count: int) -> None:
        code, last = self.code, axes[-1]
        width = 1
        if self.shape.lanes == 1 and last.steps == (1, 0, 1) and last.count % WIDTH == 0:
            width = WIDTH
            axes = (*axes[:-1], Axis(last.count // width, (width, 0, width)))

        def one(places: list[Index]) -> None:
            to, index, base = places
            if self.shape.lanes > 1:
                found = [self._looked_up(x, base, step, count) for x in self.load(True, index)]
                return self.store(found, to)
            at = code.plus(base, code.times(self._index(index, count), step))
            return code.store(code.load("U", at, width), "T", to, width)

        self.nest(axes, bases, one, 12)

    def _looked_up(self, index: str, base: Index, step: int, count: int) -> str:
        """Uniform numbers at the indices in a vector, one by one."""
        code, width = self.code, self.shape.width
        kind, found = type_of(width), "poison"
        for j in range(width):
            x = code.value(f"extractelement {kind} {index}, i32 {j}")
            at = code.times(self._whole(x, count), step)
            number = code.load("U", code.plus(base, at))
            found = code.value(f"insertelement {kind} {found}, double {number}, i32 {j}")
        return found

    def _print_scatters(self) -> None:
        """Add what each sample has for the parameters that it gathered, one sample at a time."""
        by_kind: dict[tuple[int, int, bool], list[Scatter]] = {}
        for s in self.layout.scatters:
            by_kind.setdefault((s.step, s.count, s.value[0]), []).append(s)
        for kind, of_kind in by_kind.items():
            of_kind.sort(key=lambda s: (s.index, s.base))
            columns = [
                np.array([s.index for s in of_kind]),
                np.array([s.base for s in of_kind]),
                np.array([s.value[1] for s in of_kind]),
            ]
            for piece in pieces(columns):
                self._scatter(piece.axes, [int(c[piece.start]) for c in columns], *kind)

    def _scatter(self, axes: Axes, bases: list[int], step: int, count: int, lane: bool) -> None:
        code, shape = self.code, self.shape
        last = axes[-1]
        wide = shape.lanes == 1 and lane and last.steps == (0, 1, 1) and last.count % WIDTH == 0
        width = WIDTH if wide else 1
        if wide:
            axes = (*axes[:-1], Axis(last.count // width, tuple(s * width for s in last.steps)))

        def one(places: list[Index]) -> None:
            index, base, value = places

            def of_sample(k: Index, _: list[str]) -> list[str]:
                at = code.plus(base, code.times(self._index(index, count, k), step))
                here = code.plus(code.times(value, shape.lanes), k) if lane else value
                x = code.load("T" if lane else "U", here, width)
                old = code.load("U", at, width)
                code.store(code.value(f"fadd {type_of(width)} {old}, {x}"), "U", at, width)
                return []

            code.loop(shape.lanes, of_sample)

        self.nest(axes, bases, one, 12)

    # ---- single statements ----

    def _print_statements(self, statements: Sequence[Statement]) -> None:
        """Statements one after another; what one has computed, the next finds in a register."""
        known: dict[tuple[bool, int], Many] = {}

        def read(where: tuple[bool, int]) -> Many:
            if where not in known:
                known[where] = self.load(*where)
            return known[where]

        for s in statements:
            wide = s.phase == EACH
            width = self.shape.width if wide else 1
            if not wide:
                xs = self._one(s, lambda w: self._scalar(w, known), 1, 1)
                if (False, s.to) in self._read_elsewhere:
                    self.code.store(xs[0], "U", s.to)
                known[False, s.to, "scalar"] = xs  # type: ignore[index]
                continue
            xs = self._one(s, read, self.shape.vectors, width)
            if s.op == "lane_sum":
                self._add_up(s, xs)
                continue
            if (True, s.to) in self._read_elsewhere:
                self.store(xs, s.to)
            known[True, s.to] = xs

    def _scalar(self, where: tuple[bool, int], known: dict[Any, Many]) -> Many:
        """A uniform number, once."""
        key = (*where, "scalar")
        if key not in known:
            slot = where[1]
            known[key] = [
                constant(self.known[slot]) if slot in self.known else self.code.load("U", slot)
            ]
        return known[key]

    def _one(
        self, s: Statement, read: Callable[[tuple[bool, int]], Many], vectors: int, width: int
    ) -> Many:
        """The result of a statement."""
        code = self.code
        if not s.terms:
            xs = [read(w) for w in s.reads]
            return [code.operation(s.op, [x[j] for x in xs], width) for j in range(vectors)]
        total: list[str | None] = [None] * vectors
        ordered = s.terms
        if len(ordered) > 1:  # what is added as it is comes first, and costs nothing
            ordered = tuple(sorted(ordered, key=_plain_first))
        for sign, a, b in ordered:
            x = read(a)
            y = read(b) if b is not None else None
            for j in range(vectors):
                if y is None:
                    total[j] = code.added(total[j], x[j], width, sign)
                elif (before := total[j]) is None:
                    product = code.value(f"fmul {type_of(width)} {x[j]}, {y[j]}")
                    total[j] = code.added(None, product, width, sign)
                else:
                    total[j] = code.fma(x[j], y[j], before, width, sign)
        return [x for x in total if x is not None]

    def _add_up(self, s: Statement, xs: Many) -> None:
        """Add a statement's result to what is summed over samples."""
        code, width = self.code, self.shape.width
        if self.shape.alone:
            return code.store(xs[0], "U", s.to)
        if self.shape.lanes == 1:
            return code.store(code.value(f"fadd double {code.load('U', s.to)}, {xs[0]}"), "U", s.to)
        at = self.sums * width
        self._sums_of.append((self.sums, np.array([s.to])))
        self.sums += 1
        total = summed(code, [*xs, code.load("V", at, width, 8 * width)], width)
        return code.store(total, "V", at, width, 8 * width)


def chunks(layout: Layout) -> Iterator[tuple[int, Group | Statement]]:
    """The steps, with the number of the function that a single one goes to."""
    number, size, phase = 0, 0, BEFORE
    for step in layout.steps:
        size += 1
        if isinstance(step, Group) or size > CHUNK or step.phase != phase:
            number, size = number + 1, int(isinstance(step, Statement))
            phase = step.phase
        yield number, step


def _read_elsewhere(
    layout: Layout, steps: Sequence[tuple[int, Group | Statement]]
) -> set[tuple[bool, int]]:
    """Where the results of single statements must be stored: what other functions read."""
    made: dict[tuple[bool, int], int] = {}
    found = {*layout.results, *layout.lanes, *(s.value for s in layout.scatters)}
    for number, step in steps:
        if isinstance(step, Group):
            for operand in (*step.operands, *step.factors):
                slots = np.unique(operand.slots).tolist()
                found.update((operand.lane, slot) for slot in slots)
            continue
        made[step.lane, step.to] = number
        found.update(where for where in step.all_reads if made.get(where) != number)
    first = layout.gradient
    found.update((False, slot) for slot in range(first, 2 * first))
    return found


def _plain_first(term: tuple[int, Any, Any]) -> tuple[bool, bool]:
    return term[2] is not None, term[0] < 0
