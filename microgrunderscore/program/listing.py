"""A Program: what a function of scalars computes, as a list in the order of evaluation.

Each entry is an operation and the places of its operands, which come before it (a Wengert list).
What is the same is there once, and what is known already is computed while the list is written.
An entry either varies from sample to sample (it is in a lane, one lane for each sample), or it is
uniform, the same for all of them, and computed once.

Besides the rows of ``ops.py`` there are a few operations that only programs have:

    const c             a number
    uniform k           the k-th number that is the same for all samples: parameters come first
    input k             the k-th number of a sample
    lt, le, gt, ge, eq  1 where the comparison holds, 0 where not; "and" of two such
    gather i base step count  uniform number base + step · i, i being a number of the sample
    lane_sum x          the sum of x over all samples

Source: Wengert, A simple automatic derivative evaluation program (1964).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

from ..operation import OPERATIONS, RESERVED

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
}
BOOLEAN = frozenset({*COMPARISONS, "and"})  # what is 1 or 0
LEAVES = frozenset({"const", "uniform", "input"})
SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "and": "and"}
RESERVED.update(BOOLEAN, LEAVES, ("gather", "lane_sum", "sum", "sigmoid_neg", "sigmoid_slope"))
RESERVED.update(f"where_{name}" for name in COMPARISONS)
MOST_LINES = 200  # of a listing that is printed


class Program:
    """A list of operations on earlier entries.

    Attributes:
        ops: the name of each entry's operation.
        args: its operands: places of entries; for a leaf the number or the k, see above.
        lane: whether it varies from sample to sample.
        moves: whether it depends on a Value: then it may be where a tie is shared.
        labels: names that the user gave to entries.
        uniform_names, input_names: what the leaves are called.
        inputs_move: whether inputs are what one differentiates by.

    >>> p = Program(["w"], ["x"])
    >>> product = p.apply("mul", p.uniform(0), p.input(0))
    >>> print(p.listing([product]))
    v0 = w * x
    >>> p.apply("mul", p.uniform(0), p.input(0)) == product
    True
    """

    def __init__(
        self,
        uniform_names: Iterable[str] = (),
        input_names: Iterable[str] = (),
        inputs_move: bool = False,
    ) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[Any, ...]] = []
        self.lane: list[bool] = []
        self.moves: list[bool] = []
        self.labels: dict[int, str] = {}
        self.uniform_names = list(uniform_names)
        self.input_names = list(input_names)
        self.inputs_move = inputs_move
        self._places: dict[tuple[Any, ...], int] = {}

    def __len__(self) -> int:
        return len(self.ops)

    # ---- writing ----

    def const(self, c: float) -> int:
        """The place of a number; 0 and -0 are two."""
        return self._entry("const", (c,), c.hex(), False, False)

    def uniform(self, k: int) -> int:
        """The place of the k-th number that all samples share."""
        return self._entry("uniform", (k,), k, False, True)

    def input(self, k: int) -> int:
        """The place of the k-th number of a sample."""
        return self._entry("input", (k,), k, True, self.inputs_move)

    def gather(self, index: int, base: int, step: int, count: int) -> int:
        """The place of uniform number base + step · index, for an index less than count."""
        args = (index, base, step, count)
        return self._entry("gather", args, args, True, True)

    def lane_sum(self, x: int) -> int:
        """The place of the sum over all samples."""
        return self._entry("lane_sum", (x,), x, False, True)

    def apply(self, op: str, *args: int) -> int:
        """The place of an operation's result, which is there already where it can be.

        Raises what the operation raises where all its operands are known and outside its domain.
        """
        known = self._simplified(op, args)
        if known is not None:
            return known
        lane = True in map(self.lane.__getitem__, args)
        moves = op not in BOOLEAN and True in map(self.moves.__getitem__, args)
        return self._entry(op, args, args, lane, moves)

    def machine(self, op: str, *args: int) -> int:
        """The place of an operation that only lowered programs have, such as where_lt a b x y."""
        return self._entry(op, args, args, any(self.lane[i] for i in args), True)

    def copied(self, op: str, args: tuple[int, ...], lane: bool, moves: bool) -> int:
        """The place of an operation that has been simplified, in another program."""
        return self._entry(op, args, args, lane, moves)

    def _entry(self, op: str, args: tuple[Any, ...], key: Any, lane: bool, moves: bool) -> int:
        place = self._places.setdefault((op, key), len(self.ops))
        if place == len(self.ops):
            self.ops.append(op)
            self.args.append(args)
            self.lane.append(lane)
            self.moves.append(moves)
        return place

    # ---- simplifying: only what leaves every bit as it is, but for the sign of 0 + -0 ----

    def number(self, i: int) -> float | None:
        """The number of a constant, None for anything else."""
        return self.args[i][0] if self.ops[i] == "const" else None

    def _simplified(self, op: str, args: tuple[int, ...]) -> int | None:
        if len(args) > 2 and op not in _SIMPLER and self.ops[args[0]] != "const":
            return None
        numbers = [self.args[i][0] if self.ops[i] == "const" else None for i in args]
        if None not in numbers:
            return self.const(evaluate(op, numbers))
        simplify = _SIMPLER.get(op)
        return simplify(self, args, numbers) if simplify else None

    # ---- reading ----

    def operands(self, i: int) -> tuple[int, ...]:
        """The places that an entry reads."""
        op = self.ops[i]
        if op in LEAVES:
            return ()
        return self.args[i][:1] if op == "gather" else self.args[i]

    def live(self, roots: Iterable[int]) -> list[int]:
        """The entries that these need, in order."""
        needed = bytearray(len(self.ops))
        for i in roots:
            needed[i] = 1
        for i in range(len(self.ops) - 1, -1, -1):
            if needed[i]:
                for j in self.operands(i):
                    needed[j] = 1
        return [i for i in range(len(self.ops)) if needed[i]]

    def names(self, order: Sequence[int]) -> dict[int, str]:
        """What to call the entries: by their labels, numbers as they are, all others v0, v1, …"""
        names: dict[int, str] = {}
        taken: dict[str, int] = {}
        for i in order:
            op, args = self.ops[i], self.args[i]
            if op == "const":
                names[i] = f"{args[0]:g}" if float(f"{args[0]:g}") == args[0] else repr(args[0])
            elif op in LEAVES:
                known = self.uniform_names if op == "uniform" else self.input_names
                names[i] = known[args[0]] if args[0] < len(known) else f"{op}[{args[0]}]"
                if op == "input" and args[0] < len(known) and names[i].isidentifier():
                    names[i] += f"[{args[0]}]" if known.count(names[i]) > 1 else ""
            else:
                name = self.labels.get(i) or f"v{len(taken)}"
                names[i] = f"{name}.{taken[name]}" if name in taken else name
                taken[name] = taken.get(name, 0) + 1
        return names

    def lines(self, roots: Sequence[int], without: Container[int] = ()) -> Iterator[str]:
        """The operations that the roots need, as text, but for some of them."""
        order = self.live(roots)
        names = self.names(order)
        for i in order:
            if self.ops[i] not in LEAVES and i not in without:
                yield f"{names[i]} = {self.spelled(i, names)}"

    def spelled(self, i: int, names: dict[int, str]) -> str:
        """An entry as Python text, with these names of its operands."""
        op = self.ops[i]
        texts = [names[j] for j in self.operands(i)]
        if op in SIGNS:
            return f"{texts[0]} {SIGNS[op]} {texts[1]}"
        if op == "gather":
            _, base, step, _ = self.args[i]
            return f"uniform[{base} + {step} * {texts[0]}]"
        if op == "lane_sum":
            return f"sum over samples of {texts[0]}"
        row = OPERATIONS[op]
        if row.arity is None and len(texts) > 8:
            texts[4:-2] = ["…"]
        return row.spell(texts)

    def listing(
        self, roots: Sequence[int], most: int = MOST_LINES, without: Container[int] = ()
    ) -> str:
        """At most so many lines of the listing, and how many more there are."""
        lines = list(self.lines(roots, without))
        rest = [f"… {len(lines) - most:,} more"] if len(lines) > most else []
        return "\n".join(lines[:most] + rest)


def evaluate(op: str, numbers: Sequence[Any]) -> float:
    """An operation on numbers; raises as the row does.

    >>> evaluate("gt", [2.0, 1.0]), evaluate("exp", [0.0])
    (1.0, 1.0)
    """
    if op in COMPARISONS:
        return float(COMPARISONS[op](numbers[0], numbers[1]))
    if op == "and":
        return float(bool(numbers[0]) and bool(numbers[1]))
    return float(OPERATIONS[op].on_floats(numbers))


def _is_zero(x: float | None, negative: bool = False) -> bool:
    return x == 0.0 and (negative is False or math.copysign(1.0, x) < 0.0)


def _add(p: Program, args: Any, numbers: Any) -> int | None:
    if numbers[0] == 0.0:  # where sum() begins; the sign of 0 + -0 is lost
        return int(args[1])
    return int(args[0]) if numbers[1] == 0.0 else None


def _sub(p: Program, args: Any, numbers: Any) -> int | None:
    x, y = args
    if numbers[1] == 0.0:
        return int(x)
    if numbers[0] == 1.0 and p.ops[y] in BOOLEAN:  # not y
        return p.args[y][0] if _is_not(p, y) else p.apply("le", y, p.const(0.0))
    return p.apply("neg", y) if numbers[0] == 0.0 else None


def _mul(p: Program, args: Any, numbers: Any) -> int | None:
    for one, other in ((0, 1), (1, 0)):
        if numbers[one] == 1.0:
            return int(args[other])
        if numbers[one] == -1.0:
            return p.apply("neg", args[other])
    return None


def _div(p: Program, args: Any, numbers: Any) -> int | None:
    return int(args[0]) if numbers[1] == 1.0 else None


def _neg(p: Program, args: Any, numbers: Any) -> int | None:
    return p.args[args[0]][0] if p.ops[args[0]] == "neg" else None


def _pow(p: Program, args: Any, numbers: Any) -> int | None:
    if numbers[1] == 1.0:
        return int(args[0])
    return p.const(1.0) if numbers[1] == 0.0 else None


def _is_not(p: Program, i: int) -> bool:
    """Whether an entry is le(c, 0) of a c that is 1 or 0."""
    return p.ops[i] == "le" and p.ops[p.args[i][0]] in BOOLEAN and p.number(p.args[i][1]) == 0.0


def _ge(p: Program, args: Any, numbers: Any) -> int | None:
    return p.const(1.0) if numbers[1] == 0.0 and p.ops[args[0]] in BOOLEAN else None


def _gt(p: Program, args: Any, numbers: Any) -> int | None:
    return int(args[0]) if numbers[1] == 0.0 and p.ops[args[0]] in BOOLEAN else None


def _and(p: Program, args: Any, numbers: Any) -> int | None:
    for one, other in ((0, 1), (1, 0)):
        if numbers[one] is not None:
            return int(args[other]) if numbers[one] else p.const(0.0)
    return None


def _where(p: Program, args: Any, numbers: Any) -> int | None:
    c, x, y = args
    if x == y:
        return int(x)
    if numbers[0] is not None:
        return int(x if numbers[0] else y)
    return p.apply("where", p.args[c][0], y, x) if _is_not(p, c) else None


def _sum_of(p: Program, args: Any, numbers: Any) -> int | None:
    return int(args[0]) if len(args) == 1 else None


_SIMPLER: dict[str, Callable[[Program, Any, Any], int | None]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow,
    "ge": _ge, "gt": _gt, "and": _and, "where": _where, "sum_of": _sum_of,
}  # fmt: skip
