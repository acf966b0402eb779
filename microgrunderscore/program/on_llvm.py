"""Groups as machine code: loops over members and samples, in LLVM's language, as text.

Samples come in blocks of so many lanes, which the innermost instructions work on together; T holds
one block at a time, and stays in the cache. A sum of products keeps its totals in registers, those
of several members where they read the same factors. What is summed over samples is kept in vectors
V until all blocks are through. For a single sample at a time the lane is one, and the vectors run
over the members of a group instead.

All flags are strict: nan and infinities are what they are, fused multiply-adds are written out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from ..operation import BUILT_IN, OPERATIONS
from . import vector_maths
from .groups import (
    AFTER,
    BEFORE,
    EACH,
    Columns,
    Group,
    Layout,
    Operand,
    Scatter,
    Statement,
    Terms,
    columns_of,
)
from .lowering import CHOICES
from .strides import Axes, Axis, Piece, Slots, pieces

WIDTH = 8  # doubles in a vector; where registers are shorter, LLVM parts them
LONGEST = 4000  # instructions in a function: what takes LLVM more than linear time stays small
CHUNK = 300  # single statements in a function
UNROLLED = 32  # instructions that a loop may become
ROWS = 4  # members of a sum whose totals are in registers together

Index: TypeAlias = "int | str"  # a number, or the name of one
Many: TypeAlias = list[str]  # the vectors of a block's lanes

_PARAMETERS = "ptr noalias %U, ptr noalias %T, ptr noalias %V, ptr noalias %table"
_ARGUMENTS = "ptr %U, ptr %T, ptr %V, ptr %table"
_WIDE = 'nounwind "min-legal-vector-width"="512"'
# Which numbers of two vectors are added to which, so that in three rounds eight vectors become one.
_NEIGHBOURS = (
    ((0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15)),
    ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
    ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
)
_COMPARED = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq"}
_INTRINSIC = {"abs": "fabs", "sqrt": "sqrt", "maximum": "maximum", "minimum": "minimum"}


def constant(x: float) -> str:
    """A double as LLVM writes it.

    >>> constant(1.0)
    '0x3FF0000000000000'
    """
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def type_of(width: int) -> str:
    """The type of a vector, or of one number."""
    return "double" if width == 1 else f"<{width} x double>"


def everywhere(x: float, width: int) -> str:
    """A constant in all places of a vector."""
    if width == 1:
        return constant(x)
    return f"<{', '.join([f'double {constant(x)}'] * width)}>"


def function_of(op: str, width: int) -> str:
    """What the text calls a function of vectors; a name of the user's may be no name in LLVM."""
    return f"v{width}_{symbol_of(op)}"


def symbol_of(op: str) -> str:
    """What it calls an operation.

    >>> symbol_of("erf")
    'erf'
    """
    return op if op in BUILT_IN else f"own{OPERATIONS[op].code}"


class Code:
    """The text of a function's body, instruction by instruction."""

    def __init__(self, called: set[tuple[str, int]]) -> None:
        self.lines: list[str] = []
        self.called = called
        self._count = 0

    def value(self, instruction: str) -> str:
        """The name of an instruction's result."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def times(self, index: Index, factor: int) -> Index:
        if isinstance(index, int):
            return index * factor
        return index if factor == 1 else self.value(f"mul i64 {index}, {factor}") if factor else 0

    def plus(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0 or b == 0:
            return b if a == 0 else a
        return self.value(f"add i64 {a}, {b}")

    def address(self, base: str, at: Index, unit: str = "double") -> str:
        return self.value(f"getelementptr {unit}, ptr %{base}, i64 {at}")

    def load(self, base: str, at: Index, width: int = 1, align: int = 8) -> str:
        return self.value(f"load {type_of(width)}, ptr {self.address(base, at)}, align {align}")

    def store(self, x: str, base: str, at: Index, width: int = 1, align: int = 8) -> None:
        to = self.address(base, at)
        self.lines.append(f"store {type_of(width)} {x}, ptr {to}, align {align}")

    def looked_up(self, at: Index) -> str:
        """A number of the table, as an index."""
        x = self.value(f"load i32, ptr {self.address('table', at, 'i32')}, align 4")
        return self.value(f"sext i32 {x} to i64")

    def splat(self, x: str, width: int) -> str:
        """One number in all places of a vector."""
        if width == 1:
            return x
        kind = type_of(width)
        first = self.value(f"insertelement {kind} poison, double {x}, i32 0")
        return self.value(
            f"shufflevector {kind} {first}, {kind} poison, <{width} x i32> zeroinitializer"
        )

    def loop(
        self,
        count: int,
        body: Callable[[Index, list[str]], list[str]],
        carried: Sequence[str] = (),
        kind: str = "double",
        cost: int = UNROLLED,
    ) -> list[str]:
        """A loop that hands values on from turn to turn; written out if it is short.

        body: of the number of the turn and the values handed on, gives the next ones.
        cost: about how many instructions a turn has.
        """
        values = list(carried)
        if count * cost <= UNROLLED or count == 1:
            for k in range(count):
                values = body(k, values)
            return values
        self._count += 1
        n = self._count
        self.lines.append(f"br label %before{n}\nbefore{n}:\nbr label %loop{n}\nloop{n}:")
        at = len(self.lines)
        inside = [f"%c{n}.{k}" for k in range(len(values))]
        after = body(f"%i{n}", inside)
        heads = [f"%i{n} = phi i64 [0, %before{n}], [%next{n}, %again{n}]"]
        for name, first, then in zip(inside, values, after, strict=True):
            heads.append(f"{name} = phi {kind} [{first}, %before{n}], [{then}, %again{n}]")
        self.lines[at:at] = heads
        self.lines.append(
            f"br label %again{n}\nagain{n}:\n%next{n} = add i64 %i{n}, 1\n"
            f"%more{n} = icmp slt i64 %next{n}, {count}\n"
            f"br i1 %more{n}, label %loop{n}, label %end{n}\nend{n}:"
        )
        return after

    # ---- arithmetic on vectors ----

    def fma(self, a: str, b: str, c: str, width: int, sign: int = 1) -> str:
        kind = type_of(width)
        if sign < 0:
            a = self.value(f"fneg {kind} {a}")
        self.called.add(("llvm.fma.3", width))
        suffix = "f64" if width == 1 else f"v{width}f64"
        return self.value(f"call {kind} @llvm.fma.{suffix}({kind} {a}, {kind} {b}, {kind} {c})")

    def added(self, total: str | None, x: str, width: int, sign: int) -> str:
        """total ± x, or ± x where there is no total yet."""
        kind = type_of(width)
        if total is None:
            return x if sign > 0 else self.value(f"fneg {kind} {x}")
        return self.value(f"{'fadd' if sign > 0 else 'fsub'} {kind} {total}, {x}")

    def total(self, x: str, width: int) -> str:
        """The sum of a vector's numbers."""
        if width == 1:
            return x
        self.called.add(("reduce", width))
        return self.value(
            f"call reassoc double @llvm.vector.reduce.fadd.v{width}f64"
            f"(double {constant(0.0)}, {type_of(width)} {x})"
        )

    def totals(self, xs: Sequence[str]) -> str:
        """The sums of eight vectors of eight numbers, as one vector: neighbours added thrice."""
        kind = type_of(WIDTH)
        for low, high in _NEIGHBOURS:
            xs = [
                self.value(f"fadd {kind} {self._picked(x, y, low)}, {self._picked(x, y, high)}")
                for x, y in zip(xs[::2], xs[1::2], strict=True)
            ]
        return xs[0]

    def _picked(self, x: str, y: str, places: Sequence[int]) -> str:
        """Some numbers of two vectors."""
        kind, mask = type_of(WIDTH), ", ".join(f"i32 {i}" for i in places)
        return self.value(f"shufflevector {kind} {x}, {kind} {y}, <{WIDTH} x i32> <{mask}>")

    def intrinsic(self, name: str, operands: Sequence[str], width: int) -> str:
        kind = type_of(width)
        suffix = "f64" if width == 1 else f"v{width}f64"
        self.called.add((f"llvm.{name}.{len(operands)}", width))
        given = ", ".join(f"{kind} {x}" for x in operands)
        return self.value(f"call {kind} @llvm.{name}.{suffix}({given})")

    def compared(self, name: str, x: str, y: str, width: int) -> str:
        return self.value(f"fcmp {_COMPARED[name]} {type_of(width)} {x}, {y}")

    def operation(self, op: str, xs: Sequence[str], width: int) -> str:
        """An elementwise operation on vectors."""
        kind, mask = type_of(width), "i1" if width == 1 else f"<{width} x i1>"
        if op == "div":
            return self.value(f"fdiv {kind} {xs[0]}, {xs[1]}")
        if op in CHOICES:
            holds = self.compared(op.removeprefix("where_"), xs[0], xs[1], width)
            return self.value(f"select {mask} {holds}, {kind} {xs[2]}, {kind} {xs[3]}")
        if op in _COMPARED:
            return self.value(f"uitofp {mask} {self.compared(op, xs[0], xs[1], width)} to {kind}")
        if op == "sigmoid_neg":
            return self.operation("sigmoid", [self.value(f"fneg {kind} {xs[0]}")], width)
        if op == "sigmoid_slope":  # e / (1 + e)² with e = e^-|x|, which cannot overflow
            size = self.intrinsic("fabs", xs, width)
            e = self.operation("exp", [self.value(f"fneg {kind} {size}")], width)
            one = self.value(f"fadd {kind} {e}, {everywhere(1.0, width)}")
            square = self.value(f"fmul {kind} {one}, {one}")
            return self.value(f"fdiv {kind} {e}, {square}")
        if op == "and":
            return self.value(f"fmul {kind} {xs[0]}, {xs[1]}")
        if op in _INTRINSIC:
            return self.intrinsic(_INTRINSIC[op], xs, width)
        self.called.add((op if op in vector_maths.NAMES else f"{op}/{len(xs)}", width))
        given = ", ".join(f"{kind} {x}" for x in xs)
        return self.value(f"call {kind} @{function_of(op, width)}({given})")


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


class Printer:
    """One re-rolled program as LLVM functions.

    Attributes:
        functions: their texts. table: the index tables that they read. sums: vectors in V.
    """

    def __init__(self, layout: Layout, shape: Shape, prefix: str, called: set[Any]) -> None:
        self.layout = layout
        self.shape = shape
        self.prefix = prefix
        self.called = called
        self.functions: list[str] = []
        self.table: list[Slots] = []
        self.sums = 0
        self._table_length = 0
        self._known = layout.constants
        self._read_elsewhere = _read_elsewhere(layout)
        self._has_groups = bool(layout.groups)
        self._sums_of: list[tuple[int, Slots]] = []
        self.phases = {phase: self._phase(phase) for phase in (BEFORE, EACH, AFTER)}

    # ---- functions ----

    def _phase(self, phase: int) -> list[str]:
        """Print the steps of a phase, in functions of moderate length; return their names."""
        names: list[str] = []
        self.code = Code(self.called)
        if phase == AFTER:
            self._print_reductions()
        of_phase = (pair for pair in chunks(self.layout) if pair[1].phase == phase)
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
            f"define internal void @{name}({_PARAMETERS}) noinline {_WIDE} {{\n{body}\nret void\n}}"
        )
        names.append(name)
        self.code = Code(self.called)

    def _tabled(self, numbers: Slots) -> int:
        """Where a list of numbers begins in the table."""
        at = self._table_length
        flat = np.asarray(numbers).ravel().astype(np.int32)
        self.table.append(flat)
        self._table_length += len(flat)
        return at

    # ---- where things are ----

    def _load(self, lane: bool, slot: Index) -> Many:
        """A number of every sample of the block; a uniform one is the same everywhere."""
        if not lane:
            width = self.shape.width
            if isinstance(slot, int) and slot in self._known:
                return [everywhere(self._known[slot], width)] * self.shape.vectors
            return [self.code.splat(self.code.load("U", slot), width)] * self.shape.vectors
        at = self.code.times(slot, self.shape.lanes)
        width = self.shape.width
        return [
            self.code.load("T", self.code.plus(at, j * width), width, 8 * width)
            for j in range(self.shape.vectors)
        ]

    def _store(self, xs: Many, slot: Index) -> None:
        at = self.code.times(slot, self.shape.lanes)
        for j, x in enumerate(xs):
            place = self.code.plus(at, j * self.shape.width)
            self.code.store(x, "T", place, self.shape.width, 8 * self.shape.width)

    # ---- groups ----

    def _print_group(self, group: Group) -> None:
        if group.op == "gather":
            return self._print_gather(group)
        in_lanes = group.phase == EACH and self.shape.lanes > 1
        kinds = [columns_of(t) for t in group.terms]
        reads = [o.slots for o in group.operands]
        for terms in group.terms:
            reads += [o.slots[:, 0] for o in (terms.a, terms.b) if o is not None]
        if group.op == "lane_sum" and in_lanes:
            to = self.sums + np.arange(group.count)
            self._sums_of.append((self.sums, group.to))
            self.sums += group.count
        else:
            to = group.to
            if group.op == "lane_sum" and not self.shape.alone:
                self._sums_of.append((-1, group.to))
        parts = pieces([to, *reads])
        if len(parts) > max(4, group.count // 6):
            tables = [self._tabled(r) for r in (to, *reads)]
            whole = Piece(0, group.count, (Axis(group.count, (0,) * (1 + len(reads))),))
            rows = _Rows(self, group, kinds, whole, in_lanes, tables)
            return rows.print()
        for piece in parts:
            _Rows(self, group, kinds, piece, in_lanes, [int(r[piece.start]) for r in (to, *reads)],
                  False).print()  # fmt: skip
        return None

    def _print_reductions(self) -> None:
        """After all blocks: what was summed over samples, from vectors to single numbers."""
        for first, to in self._sums_of:
            if first < 0:
                continue
            for piece in pieces([first + np.arange(len(to)), to]):
                axes, bases = piece.axes, (first + piece.start, int(to[piece.start]))
                last = axes[-1]
                if last.steps == (1, 1) and last.count % WIDTH == 0:
                    eighth = Axis(last.count // WIDTH, (WIDTH, WIDTH))
                    self._nest((*axes[:-1], eighth), bases, self._reduce_eight, 40)
                else:
                    self._nest(axes, bases, self._reduce_one, 6)

    def _reduce_one(self, places: list[Index]) -> None:
        code, width = self.code, self.shape.width
        x = code.load("V", code.times(places[0], width), width, 8 * width)
        code.store(code.total(x, width), "U", places[1])

    def _reduce_eight(self, places: list[Index]) -> None:
        code, width = self.code, self.shape.width
        at = code.times(places[0], width)
        xs = [code.load("V", code.plus(at, r * width), width, 8 * width) for r in range(WIDTH)]
        code.store(code.totals(xs), "U", places[1], WIDTH)

    def _nest(
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
            self._nest(axes[1:], moved, body, cost)
            return []

        code.loop(axes[0].count, turn, cost=inner)
        return None

    # ---- reading and adding at indices that are data ----

    def _index(self, slot: Index, lane: Index = 0) -> str:
        """The whole number in a slot of T, of one sample."""
        at = self.code.plus(self.code.times(slot, self.shape.lanes), lane)
        return self.code.value(f"fptosi double {self.code.load('T', at)} to i64")

    def _print_gather(self, group: Group) -> None:
        index, base, step = (o.slots for o in group.operands)
        for piece in pieces([group.to, index, base, step]):
            bases = [int(x[piece.start]) for x in (group.to, index, base, step)]
            self._gather(piece.axes, bases)

    def _gather(self, axes: Axes, bases: list[int]) -> None:
        code, shape = self.code, self.shape
        wide = shape.lanes == 1 and _is_row(axes[-1], (0, 2)) and axes[-1].count % WIDTH == 0
        width = WIDTH if wide and axes[-1].steps[1] == 0 and axes[-1].steps[3] == 0 else 1
        if width > 1:
            last = axes[-1]
            axes = (*axes[:-1], Axis(last.count // width, tuple(s * width for s in last.steps)))

        def one(places: list[Index]) -> None:
            to, index, base, step = places
            assert isinstance(step, int)
            if shape.lanes == 1:
                at = code.plus(base, code.times(self._index(index), step))
                return code.store(code.load("U", at, width), "T", to, width)
            indices = self._load(True, index)
            return self._store([self._looked_up(x, base, step) for x in indices], to)

        steps = [a.steps[3] for a in axes]
        if any(steps):
            raise NotImplementedError("tables of several shapes in one group")
        self._nest(axes, bases, one, 8)

    def _looked_up(self, index: str, base: Index, step: int) -> str:
        """Uniform numbers at the indices in a vector, one by one."""
        code, width = self.code, self.shape.width
        kind, found = type_of(width), "poison"
        for j in range(width):
            x = code.value(f"extractelement {kind} {index}, i32 {j}")
            at = code.times(code.value(f"fptosi double {x} to i64"), step)
            number = code.load("U", code.plus(base, at))
            found = code.value(f"insertelement {kind} {found}, double {number}, i32 {j}")
        return found

    def _print_scatters(self) -> None:
        """Add what each sample has for the parameters that it gathered, one sample at a time."""
        by_kind: dict[tuple[int, bool], list[Scatter]] = {}
        for s in self.layout.scatters:
            by_kind.setdefault((s.step, s.value[0]), []).append(s)
        for (step, lane), of_kind in by_kind.items():
            of_kind.sort(key=lambda s: (s.index, s.base))
            columns = [
                np.array([s.index for s in of_kind]),
                np.array([s.base for s in of_kind]),
                np.array([s.value[1] for s in of_kind]),
            ]
            for piece in pieces(columns):
                self._scatter(piece.axes, [int(c[piece.start]) for c in columns], step, lane)

    def _scatter(self, axes: Axes, bases: list[int], step: int, lane: bool) -> None:
        code, shape = self.code, self.shape
        last = axes[-1]
        wide = shape.lanes == 1 and lane and last.steps == (0, 1, 1) and last.count % WIDTH == 0
        width = WIDTH if wide else 1
        if wide:
            axes = (*axes[:-1], Axis(last.count // width, tuple(s * width for s in last.steps)))

        def one(places: list[Index]) -> None:
            index, base, value = places

            def of_sample(k: Index, _: list[str]) -> list[str]:
                at = code.plus(base, code.times(self._index(index, k), step))
                here = code.plus(code.times(value, shape.lanes), k) if lane else value
                x = code.load("T" if lane else "U", here, width)
                old = code.load("U", at, width)
                code.store(code.value(f"fadd {type_of(width)} {old}, {x}"), "U", at, width)
                return []

            code.loop(shape.lanes, of_sample)

        self._nest(axes, bases, one, 12)

    # ---- single statements ----

    def _print_statements(self, statements: Sequence[Statement]) -> None:
        """Statements one after another; what one has computed, the next finds in a register."""
        known: dict[tuple[bool, int], Many] = {}

        def read(where: tuple[bool, int]) -> Many:
            if where not in known:
                known[where] = self._load(*where)
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
            if s.op == "gather":
                group = Group("gather", EACH, True, np.array([s.to]), tuple(
                    Operand(lane, np.array([slot])) for lane, slot in s.reads))  # fmt: skip
                self._print_gather(group)
                continue
            xs = self._one(s, read, self.shape.vectors, width)
            if s.op == "lane_sum":
                self._add_up(s, xs)
                continue
            if (True, s.to) in self._read_elsewhere:
                self._store(xs, s.to)
            known[True, s.to] = xs

    def _scalar(self, where: tuple[bool, int], known: dict[Any, Many]) -> Many:
        """A uniform number, once."""
        key = (*where, "scalar")
        if key not in known:
            slot = where[1]
            known[key] = [
                constant(self._known[slot]) if slot in self._known else self.code.load("U", slot)
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
            self._sums_of.append((-1, np.array([s.to])))
            return code.store(code.value(f"fadd double {code.load('U', s.to)}, {xs[0]}"), "U", s.to)
        at = self.sums * width
        self._sums_of.append((self.sums, np.array([s.to])))
        self.sums += 1
        total = summed(code, [*xs, code.load("V", at, width, 8 * width)], width)
        return code.store(total, "V", at, width, 8 * width)

    @property
    def summed_slots(self) -> list[Slots]:
        """What a single sample at a time adds to, and what must be 0 before the first."""
        return [to for first, to in self._sums_of if first < 0]


def chunks(layout: Layout) -> Iterator[tuple[int, Group | Statement]]:
    """The steps, with the number of the function that a single one goes to."""
    number, size, phase = 0, 0, BEFORE
    for step in layout.steps:
        size += 1
        if isinstance(step, Group) or size > CHUNK or step.phase != phase:
            number, size = number + 1, int(isinstance(step, Statement))
            phase = step.phase
        yield number, step


def _read_elsewhere(layout: Layout) -> set[tuple[bool, int]]:
    """Where the results of single statements must be stored: what other functions read."""
    made: dict[tuple[bool, int], int] = {}
    found = {*layout.results, *layout.lanes, *(s.value for s in layout.scatters)}
    for number, step in chunks(layout):
        if isinstance(step, Group):
            operands = [*step.operands, *(o for t in step.terms for o in (t.a, t.b) if o)]
            for operand in operands:
                slots = np.unique(operand.slots).tolist()
                found.update((operand.lane, slot) for slot in slots)
            continue
        made[step.lane, step.to] = number
        if step.op == "gather":
            found.update(step.reads)
        for where in step.reads:
            if made.get(where) != number:
                found.add(where)
        for _, a, b in step.terms:
            if made.get(a) != number:
                found.add(a)
            if b is not None and made.get(b) != number:
                found.add(b)
    first = layout.gradient
    found.update((False, slot) for slot in range(first, 2 * first))
    return found


def _plain_first(term: tuple[int, Any, Any]) -> tuple[bool, bool]:
    return term[2] is not None, term[0] < 0


def summed(code: Code, xs: Many, width: int) -> str:
    """The sum of vectors, in pairs."""
    while len(xs) > 1:
        pairs = [
            code.value(f"fadd {type_of(width)} {x}, {y}")
            for x, y in zip(xs[::2], xs[1::2], strict=False)
        ]
        xs = pairs + (xs[-1:] if len(xs) % 2 else [])
    return xs[0]


def _is_row(axis: Axis, columns: Sequence[int]) -> bool:
    """Whether these columns advance by one."""
    return all(axis.steps[c] == 1 for c in columns)


class _Rows:
    """A stretch of a group's members as nested loops."""

    def __init__(
        self,
        printer: Printer,
        group: Group,
        kinds: Sequence[Columns],
        piece: Piece,
        in_lanes: bool,
        starts: Sequence[int],
        from_tables: bool = True,
    ) -> None:
        self.printer = printer
        self.code = printer.code
        self.shape = printer.shape
        self.group = group
        self.kinds = kinds
        self.piece = piece
        self.in_lanes = in_lanes
        self.starts = starts
        self.from_tables = from_tables
        self.inner = piece.axes[-1]
        self.terms_count = sum(k.count for k in kinds)
        self._tables: list[tuple[int, ...] | None] = [None] * len(kinds)
        self._alike: dict[int, bool] = {}
        self._of_rows: list[Index] = []

    def print(self) -> None:
        if self.in_lanes and self.group.op == "lane_sum" and not self.from_tables:
            return self._outer_products()
        together = ROWS if self.in_lanes and self._share_factors() else 1
        if not self.in_lanes:
            together = 1
        return self._over_rows(self.piece.axes, (), together)

    # ---- loops over the members ----

    def _over_rows(self, axes: Axes, turns: tuple[Index, ...], together: int) -> None:
        """The outer loops, and the innermost one in steps of several members, or of a vector."""
        code = self.code
        if len(axes) > 1:
            side_by_side = self._side_by_side(axes)
            inside = self._cost() * side_by_side
            for axis in axes[1:]:
                inside *= axis.count

            def turn_of(size: int) -> Callable[[Index, list[str]], list[str]]:
                def turn(i: Index, _: list[str]) -> list[str]:
                    first = code.times(i, size)
                    self._of_rows = [code.plus(first, r) for r in range(size)]
                    self._over_rows(axes[1:], (*turns, first), together)
                    return []

                return turn

            whole = axes[0].count // side_by_side
            code.loop(whole, turn_of(side_by_side), cost=inside)
            for r in range(whole * side_by_side, axes[0].count):
                self._of_rows = [r]
                self._over_rows(axes[1:], (*turns, r), together)
        elif self.in_lanes:
            self._over_members(axes[0].count, turns, together)
        else:
            self._over_vectors(axes[0].count, turns)

    def _over_members(self, count: int, turns: tuple[Index, ...], together: int) -> None:
        """The innermost loop where vectors run over samples."""
        code = self.code

        def turn(i: Index, _: list[str]) -> list[str]:
            first = code.times(i, together)
            self._members([(*turns, code.plus(first, r)) for r in range(together)])
            return []

        whole = count // together
        if whole:
            code.loop(whole, turn, cost=self._cost() * together)
        for r in range(whole * together, count):
            self._members([(*turns, r)])

    def _over_vectors(self, count: int, turns: tuple[Index, ...]) -> None:
        """The innermost loop where vectors run over members, of one row or of several at once."""
        code, width = self.code, self._vector_width()
        rows = [(*turns[:-1], i) for i in self._of_rows] if len(self._of_rows) > 1 else [turns]

        def turn(i: Index, _: list[str]) -> list[str]:
            first = code.times(i, width)
            self._scalar_members([(*row, first) for row in rows], width)
            return []

        whole = count // width
        if whole:
            code.loop(whole, turn, cost=self._cost() * len(rows) * (1 if width == 1 else 2))
        for r in range(whole * width, count):
            self._scalar_members([(*row, r) for row in rows], 1)

    def _side_by_side(self, axes: Axes) -> int:
        """How many rows to take at once: their sums go on while others wait for their last term."""
        if len(axes) != 2 or self.in_lanes or self.from_tables or self.terms_count < WIDTH:
            return 1
        if any(self._is_long_row(q) for q in range(len(self.kinds))):
            return 1
        if not all(self.kinds[q].is_shared for q in range(len(self.kinds))):
            return 1
        return min(ROWS, axes[0].count)

    def _cost(self) -> int:
        per_term = self.shape.vectors if self.in_lanes else 1
        return 2 + 3 * per_term * max(1, self.terms_count)

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
            self._tables[q] = tuple(self.printer._tabled(d) for d in offsets)
        tables = self._tables[q] or ()
        begin: Index = 0
        if not columns.is_shared:
            of_row = turns[:-1] if self._is_alike(q) else turns
            begin = code.times(self._number(of_row), columns.count)

        def turn_of_table(i: Index, values: list[str]) -> list[str]:
            at = code.plus(begin, i)
            return body([code.looked_up(code.plus(at, t)) for t in tables], values)

        return code.loop(columns.count, turn_of_table, carried, kind, cost + 4)

    # ---- lanes: vectors run over samples ----

    def _share_factors(self) -> bool:
        """Whether neighbours in a sum read the same numbers of T."""
        if self.from_tables or not self.group.terms or self.terms_count < 2:
            return False
        steps, column = self.inner.steps, 1
        for q, terms in enumerate(self.group.terms):
            if not self._is_alike(q):
                return False
            for operand in (terms.a, terms.b):
                if operand is None:
                    continue
                if operand.lane and steps[column] and terms.b is not None:
                    return False
                column += 1
        return self.inner.count >= 2

    def _members(self, members: list[tuple[Index, ...]]) -> None:
        """Several members, whose factors of T are read once."""
        printer, group = self.printer, self.group
        places = [self._places(turns) for turns in members]
        if not group.terms:
            for at in places:
                xs = [
                    printer._load(o.lane, slot)
                    for o, slot in zip(group.operands, at[1:], strict=True)
                ]
                vectors = range(self.shape.vectors)
                found = [
                    self.code.operation(group.op, [x[j] for x in xs], self.shape.width)
                    for j in vectors
                ]
                printer._store(found, at[0])
            return
        totals = self._sums(members, places)
        for at, total in zip(places, totals, strict=True):
            if group.op == "lane_sum":
                self._accumulate(at[0], total)
            else:
                printer._store(total, at[0])

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
        code, printer, width = self.code, self.printer, self.shape.width
        shared: Many | None = None
        found: list[list[str | None]] = []
        for place, total in zip(places, totals, strict=True):
            x = printer._load(terms.a.lane, code.plus(place[column], at[0]))
            if terms.b is None:
                pairs = zip(total, x, strict=True)
                found.append([code.added(t, y, width, terms.sign) for t, y in pairs])
                continue
            if shared is None or len(places) == 1 or not self._is_shared(column + 1):
                shared = printer._load(terms.b.lane, code.plus(place[column + 1], at[1]))
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

    def _accumulate(self, slot: Index, xs: Many) -> None:
        """Add to what is summed over samples."""
        code, width = self.code, self.shape.width
        at = code.times(slot, width)
        total = summed(code, [*xs, code.load("V", at, width, 8 * width)], width)
        code.store(total, "V", at, width, 8 * width)

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
        return self._over_rows(axes, (), 1)

    def _products_of(self, outer: Axis, inner: Axis, fixed: int, moving: int) -> None:
        """Rows × columns: a few rows stay in registers while the columns go by."""
        code, printer, vectors = self.code, self.printer, self.shape.vectors
        terms = self.group.terms[0]
        lanes = {1: terms.a.lane, 2: terms.b.lane if terms.b else False}
        rows = max(1, min(ROWS, 16 // vectors))

        def row_of(i: Index, column: int, axis: Axis) -> Index:
            return code.plus(self.starts[column], code.times(i, axis.steps[column]))

        def block(first: Index, count: int) -> None:
            numbers = [code.plus(first, r) for r in range(count)]
            kept = [printer._load(lanes[fixed], row_of(i, fixed, outer)) for i in numbers]

            def column(j: Index, _: list[str]) -> list[str]:
                xs = printer._load(lanes[moving], row_of(j, moving, inner))
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

    # ---- one sample, or none: vectors run over members ----

    def _base(self, lane: bool) -> str:
        return "T" if lane else "U"

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

    def _scalar_members(self, rows: list[tuple[Index, ...]], width: int) -> None:
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

    def _read(
        self, operand: Operand, at: list[Index], column: int, offset: Index, width: int
    ) -> str:
        """What members read: neighbours, or the same for all."""
        code, known = self.code, self.printer._known
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
