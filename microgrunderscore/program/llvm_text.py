"""LLVM's language: instructions of a function's body, as text.

All flags are strict: nan and infinities are what they are, fused multiply-adds are written out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..operation import BUILT_IN, OPERATIONS
from . import vector_maths
from .lowering import CHOICES

WIDTH = 8  # doubles in a vector; where registers are shorter, LLVM parts them
UNROLLED = 32  # instructions that a loop may become

Index: TypeAlias = "int | str"  # a number, or the name of one

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


def function_of(op: str, width: int, count: int) -> str:
    """What the text calls a function of so many vectors."""
    return f"v{width}_{symbol_of(op, count)}"


def symbol_of(op: str, count: int) -> str:
    """What the text calls an operation on so many numbers; a user's name may be none in LLVM.

    >>> symbol_of("erf", 1)
    'erf'
    """
    return op if op in BUILT_IN else f"own{OPERATIONS[op].code}.{count}"


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
        return self.value(f"call {kind} @{function_of(op, width, len(xs))}({given})")
