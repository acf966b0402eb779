"""Groups on NumPy: each group as a few calls on views of two arrays.

U holds the uniform numbers, T a row of samples for each number that samples have. Where slots lie
at even distances, the operands are strided views and nothing is copied; sums of products over
whole matrices become matrix products. Elsewhere slots are looked up in tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..operation import ARITHMETIC_ERRORS, OPERATIONS
from .groups import (
    AFTER,
    BEFORE,
    EACH,
    Columns,
    Group,
    Layout,
    Operand,
    Statement,
    Terms,
    columns_of,
)
from .lowering import CHOICES
from .strides import Axes, pieces

Array: TypeAlias = Any
Call: TypeAlias = Callable[[], object]

_LETTERS = "abcdefgh"
_UFUNCS = {
    "div": np.divide, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "hypot": np.hypot, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "abs": np.absolute, "pow": np.power,
    "maximum": np.maximum, "minimum": np.minimum, "and": np.multiply,
}  # fmt: skip
_COMPARED = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
}  # fmt: skip


def negate(x: Array, out: Array) -> None:
    """-x, as a product: np.negative of NumPy 2.4 reads other numbers where x lies 64 bytes apart.

    >>> numbers, out = np.arange(20.0), np.zeros(6)
    >>> negate(numbers[1::8], out[::2])
    >>> out.tolist()
    [-1.0, 0.0, -9.0, 0.0, -17.0, 0.0]
    """
    np.multiply(x, -1.0, out=out)


def sigmoid(x: Array, out: Array) -> None:
    """1 / (1 + e^-x), in few calls: 0 where the engine has less than 1e-308."""
    negate(x, out)
    np.exp(out, out)
    np.add(out, 1.0, out)
    np.divide(1.0, out, out)


def sigmoid_neg(x: Array, out: Array) -> None:
    """1 / (1 + e^x)."""
    np.exp(x, out)
    np.add(out, 1.0, out)
    np.divide(1.0, out, out)


def sigmoid_slope(x: Array, out: Array) -> None:
    """σ(x) σ(-x) = e / (1 + e)² with e = e^-|x|."""
    e = np.exp(-np.abs(x))
    np.add(e, 1.0, out)
    np.multiply(out, out, out)
    np.divide(e, out, out)


def softplus(x: Array, out: Array) -> None:
    """log(1 + e^x) without overflow."""
    np.add(np.maximum(x, 0.0), np.log1p(np.exp(-np.abs(x))), out=out)


_COMPOSED = {
    "sigmoid": sigmoid,
    "sigmoid_neg": sigmoid_neg,
    "sigmoid_slope": sigmoid_slope,
    "softplus": softplus,
}


def by_row(op: str, count: int) -> Callable[..., Array]:
    """A function of arrays that calls the row's value number by number; nan outside its domain."""
    value = OPERATIONS[op].value

    def of_numbers(*xs: float) -> float:
        try:
            return float(value(*xs))
        except ARITHMETIC_ERRORS:
            return float("nan")

    function = np.frompyfunc(of_numbers, count, 1)
    return lambda *xs: np.asarray(function(*(np.asarray(x) for x in xs)), dtype=float)


class Plan:
    """A re-rolled program as a list of calls, for so many samples at once.

    Attributes:
        U, T: the arrays.
        calls: what is to be done, by phase.
        text: the same in words, a line for each call.
    """

    def __init__(self, layout: Layout, uniform: Array, samples: int) -> None:
        self.layout = layout
        self.U = uniform
        self.T = np.zeros((max(1, layout.lane_count), samples))
        self.samples = samples
        self.ones = np.ones(samples)
        self._entered: Array = None  # what the inputs are set to
        self.calls: dict[int, list[Call]] = {BEFORE: [], EACH: [], AFTER: []}
        self.text: list[str] = []
        single: list[Statement] = []
        for step in layout.steps:
            if isinstance(step, Statement) and step.phase != EACH:
                single.append(step)
                continue
            self._compute_singly(single)
            single = []
            group = step if isinstance(step, Group) else _group_of_one(step)
            self.calls[step.phase] += self._calls(group)
        self._compute_singly(single)
        zeroed = layout.zeroed(sums=False)
        if len(zeroed):
            self.calls[BEFORE].insert(0, lambda: uniform.__setitem__(zeroed, 0.0))
            self.calls[EACH].append(self._scattered())
        sums = [s.to for s in layout.steps if s.op == "lane_sum"]
        self.sums = np.concatenate([np.ravel(to) for to in sums]) if sums else np.zeros(0, int)

    def run(self, phase: int) -> None:
        """Do what belongs to a phase; sums over samples are those of these samples alone."""
        for call in self.calls[phase]:
            call()

    def enter(self, samples: Array) -> int:
        """Set the inputs; of fewer samples than places, the last one fills up, without weight."""
        n = int(samples.shape[1])
        if samples is self._entered:
            return n
        self._entered = samples
        inputs = self.T[: len(samples)]
        if n == self.samples:
            inputs[:] = samples
            return n
        inputs[:, :n] = samples
        inputs[:, n:] = samples[:, -1:]
        inputs[-1, n:] = 0.0
        return n

    def _compute_singly(self, statements: Sequence[Statement]) -> None:
        """Uniform numbers one by one, which is faster without arrays."""
        for phase in (BEFORE, AFTER):
            of_phase = [s for s in statements if s.phase == phase]
            if of_phase:
                self.text.append(f"{len(of_phase)} single operations")
                self.calls[phase].append(_in_numbers(self.U, of_phase))

    # ---- groups, in stretches of even distances ----

    def _calls(self, group: Group) -> Iterator[Call]:
        columns = [columns_of(t) for t in group.terms]
        reads = group.reads
        parts = pieces([group.to, *reads])
        is_even = len(parts) <= max(2, group.count // 4) and all(c.axes for c in columns)
        if group.op == "gather" or not is_even:
            self.text.append(f"{group.op} {group.count} from tables")
            yield from self._from_tables(group)
            return
        for piece in parts:
            starts = [int(x[piece.start]) for x in (group.to, *reads)]
            self.text.append(f"{group.op} {'×'.join(str(a.count) for a in piece.axes)}")
            yield from _Stretch(self, group, columns, piece.axes, starts).calls()

    def view(self, lane: bool, first: int, axes: Axes, column: int, more: Axes = (),
             of_more: int = 0) -> Array:  # fmt: skip
        """Numbers at even distances: an axis for each loop, then for the samples.

        column: which array's steps to take of the axes; of_more: of further ones.
        """
        base = self.T if lane else self.U
        shape = [a.count for a in (*axes, *more)]
        steps = [a.steps[column] for a in axes] + [a.steps[of_more] for a in more]
        strides = [s * base.strides[0] for s in steps]
        if lane:
            shape.append(self.samples)
            strides.append(base.strides[1])
        return as_strided(base[first:], shape, strides)

    # ---- groups without order: slots are looked up ----

    def _from_tables(self, group: Group) -> Iterator[Call]:
        base, to = (self.T if group.lane else self.U), group.to
        if group.op == "gather":
            index, first = (o.slots for o in group.operands)
            step = group.rows[0]
            yield lambda: base.__setitem__(
                to, self.U[first[:, None] + step * np.rint(self.T[index]).astype(np.int64)]
            )
            return
        if not group.terms:
            reads = [self._looked_up(o, group.lane) for o in group.operands]
            shape = (group.count, self.samples) if group.lane else (group.count,)
            function = elementwise(group.op, len(reads))

            def looked_up() -> None:
                out = np.empty(shape)
                function([read() for read in reads], out)
                base[to] = out

            yield looked_up
            return
        values = [self._sum_from_tables(t, group.op == "lane_sum") for t in group.terms]
        if group.lane:
            yield lambda: base.__setitem__(
                to, sum(v if (v := value()).ndim == 2 else v[:, None] for value in values)
            )
        else:
            yield lambda: base.__setitem__(to, sum(value() for value in values))

    def _looked_up(self, operand: Operand, lane: bool) -> Callable[[], Array]:
        base, slots = (self.T if operand.lane else self.U), operand.slots
        if lane and not operand.lane:
            return lambda: base[slots][:, None]
        return lambda: base[slots]

    def _sum_from_tables(self, part: Terms, over_samples: bool) -> Callable[[], Array]:
        """±Σ a·b for each member, over all samples if asked for."""
        operands = part.factors
        inputs = ",".join("mkn" if o.lane else "mk" for o in operands)
        lane = any(o.lane for o in operands)
        text = f"{inputs}->{'mn' if lane and not over_samples else 'm'}"
        reads = [((self.T if o.lane else self.U), o.slots) for o in operands]
        factor = float(part.sign)
        return lambda: factor * np.einsum(text, *(base[slots] for base, slots in reads))

    # ---- adding at indices that are data ----

    def _scattered(self) -> Call:
        scatters = self.layout.scatters
        index = np.array([s.index for s in scatters])
        first = np.array([s.base for s in scatters])[:, None]
        step = np.array([s.step for s in scatters])[:, None]
        lanes = np.array([s.value[0] for s in scatters])[:, None]
        values = np.array([s.value[1] for s in scatters])

        def scattered() -> None:
            at = first + step * np.rint(self.T[index]).astype(np.int64)
            in_t = self.T[np.where(lanes[:, 0], values, 0)]
            in_u = self.U[np.where(lanes[:, 0], 0, values)][:, None]
            np.add.at(self.U, at, np.where(lanes, in_t, in_u))

        return scattered


class _Stretch:
    """A stretch of a group, in which everything lies at even distances."""

    def __init__(
        self, plan: Plan, group: Group, columns: Sequence[Columns], axes: Axes, starts: list[int]
    ) -> None:
        self.plan = plan
        self.group = group
        self.columns = columns
        self.axes = axes
        self.starts = starts
        self.out = plan.view(group.lane, starts[0], axes, 0)

    def calls(self) -> Iterator[Call]:
        group, out = self.group, self.out
        if not group.terms:
            xs = [self._read(o, c) for c, o in enumerate(group.operands, start=1)]
            if group.op in _UFUNCS:
                yield partial(_UFUNCS[group.op], *xs, out=out)
                return
            function = self._choice(xs) or elementwise(group.op, len(xs))
            yield partial(function, xs, out)
            return
        column = 1
        parts: list[tuple[Terms, Any]] = []  # an array, or a function that computes one
        for terms, kind in zip(group.terms, self.columns, strict=True):
            parts.append((terms, self._value(terms, kind, column)))
            column += 1 + (terms.b is not None)
        parts.sort(key=lambda part: (not self._is_result(part[0]), part[0].sign < 0,
                                     part[0].count == 1))  # fmt: skip
        for n, (terms, value) in enumerate(parts):
            if n:
                combine = np.add if terms.sign > 0 else np.subtract
                is_there = not callable(value)
                yield (
                    partial(combine, out, value, out)
                    if is_there
                    else partial(_combined, combine, out, value)
                )
            elif not callable(value):
                yield (
                    partial(np.copyto, out, value)
                    if terms.sign > 0
                    else partial(negate, value, out)
                )
            elif terms.sign > 0:
                yield partial(value, out)
            else:
                yield partial(_negated, value, out)

    def _is_result(self, terms: Terms) -> bool:
        """Whether a term is what was in the place of the result: it must be read first."""
        return (
            terms.a.lane == self.group.lane
            and terms.count == 1
            and bool((terms.a.slots[:, 0] == self.group.to).all())
        )

    def _read(self, operand: Operand, column: int) -> Array:
        """An operand of an elementwise operation, with an axis for samples if the result has."""
        x = self.plan.view(operand.lane, self.starts[column], self.axes, column)
        return x[..., None] if self.group.lane and not operand.lane else x

    def _choice(self, xs: list[Array]) -> Callable[[list[Array], Array], object] | None:
        """relu, and a choice between a number and 0, in fewer calls."""
        group = self.group
        if group.op not in CHOICES:
            return None
        a, b, x, y = group.operands
        if not self._is_zero(b):
            return None
        if group.op == "where_le" and self._is_zero(x) and a.lane == y.lane and (
            a.slots == y.slots).all():  # fmt: skip
            return lambda xs, out: np.maximum(xs[0], 0.0, out=out)
        if not self._is_zero(y):
            return None
        compared = _COMPARED[group.op.removeprefix("where_")]
        holds = np.empty(xs[0].shape, dtype=bool)
        mask = np.empty(xs[0].shape, dtype=np.int64)
        bits, bits_out = xs[2].view(np.int64), self.out.view(np.int64)

        def chosen(xs: list[Array], out: Array) -> None:
            compared(xs[0], 0.0, out=holds)
            np.negative(holds.view(np.int8), out=mask, casting="unsafe")  # all bits, or none
            np.bitwise_and(bits, mask, out=bits_out)

        return chosen

    def _is_zero(self, operand: Operand) -> bool:
        slots, constants = operand.slots, self.plan.layout.constants
        return (
            not operand.lane
            and bool((slots == slots[0]).all())
            and constants.get(int(slots[0])) == 0.0
        )

    # ---- sums of products ----

    def _value(self, terms: Terms, kind: Columns, column: int) -> Any:
        """Σ a·b for each member: an array, or a function that computes it, into `out` if given."""
        plan, group = self.plan, self.group
        inner = kind.axes if kind.axes is not None and terms.count > 1 else ()
        a = plan.view(terms.a.lane, self.starts[column], self.axes, column, inner, 0)
        rows = _LETTERS[: len(self.axes)]
        ks = _LETTERS[len(self.axes) : len(self.axes) + len(inner)]
        over_samples = group.op == "lane_sum"
        result = rows + ("n" if group.lane and not over_samples else "")
        of_a = rows + ks + ("n" if terms.a.lane else "")
        if terms.b is None:
            return self._total(a, terms, of_a, result)
        b = plan.view(terms.b.lane, self.starts[column + 1], self.axes, column + 1, inner, 1)
        of_b = rows + ks + ("n" if terms.b.lane else "")
        if not inner and not over_samples:
            if group.lane and not terms.a.lane:
                a = a[..., None]
            if group.lane and not terms.b.lane:
                b = b[..., None]
            return partial(np.multiply, a, b)
        product = self._matrix_product(terms, a, b, len(inner), column)
        if product is not None:
            return product
        text = f"{of_a},{of_b}->{result}"
        return lambda out: np.einsum(text, a, b, out=out)

    def _total(self, a: Array, terms: Terms, of_a: str, result: str) -> Any:
        """Σ a: over terms, and over samples if asked for."""
        over = tuple(k for k, letter in enumerate(of_a) if letter not in result)
        if over == (a.ndim - 1,) and terms.a.lane:
            return partial(np.matmul, a, self.plan.ones)
        missing = self.group.lane and "n" not in of_a
        if over:
            if missing:
                return lambda out: _put(out, np.add.reduce(a, axis=over)[..., None])
            return lambda out: np.add.reduce(a, axis=over, out=out)
        return a[..., None] if missing else a

    def _matrix_product(
        self, terms: Terms, a: Array, b: Array, inner: int, column: int
    ) -> Callable[[Any], Array] | None:
        """The same as a matrix product, where the distances say that it is one."""
        axes, group = self.axes, self.group
        assert terms.b is not None
        steps_a = [axis.steps[column] for axis in axes]
        steps_b = [axis.steps[column + 1] for axis in axes]
        if group.op == "lane_sum":
            if inner or not (terms.a.lane and terms.b.lane):
                return None
            if len(axes) == 1 and (steps_b[0] == 0 or axes[0].count == 1):
                x, y = a, b[0]
                return partial(np.matmul, x, y)
            if len(axes) == 1 and steps_a[0] == 0:
                x, y = b, a[0]
                return partial(np.matmul, x, y)
            if len(axes) != 2:
                return None
            if steps_a[1] == 0 and steps_b[0] == 0:
                x, y = a[:, 0, :], b[0].T
                return partial(np.matmul, x, y)
            if steps_a[0] == 0 and steps_b[1] == 0:
                x, y = b[:, 0, :], a[0].T
                return partial(np.matmul, x, y)
            return None
        if inner != 1:
            return None
        if not terms.a.lane and terms.b.lane and steps_b[-1] == 0:
            x, y = a, b[(slice(None),) * (len(axes) - 1) + (0,)]
            if len(axes) == 2 and steps_a[0] == 0:
                x = a[0]
            return partial(np.matmul, x, y)
        if terms.a.lane or terms.b.lane:
            return None
        if len(axes) == 2 and steps_a[1] == 0 and steps_b[0] == 0:
            x, y = a[:, 0, :], b[0].T
            return partial(np.matmul, x, y)
        if len(axes) == 2 and steps_a[0] == 0 and steps_b[1] == 0:
            x, y = b[:, 0, :], a[0].T
            return partial(np.matmul, x, y)
        if len(axes) == 1 and steps_b[0] == 0:
            x, y = a, b[0]
            return partial(np.matmul, x, y)
        if len(axes) == 1 and steps_a[0] == 0:
            x, y = b, a[0]
            return partial(np.matmul, x, y)
        return None


def _combined(combine: Any, out: Array, value: Callable[[Any], Array]) -> None:
    combine(out, value(None), out)


def _negated(value: Callable[[Any], Array], out: Array) -> None:
    negate(value(None), out)


def _put(out: Array | None, x: Array) -> Array:
    if out is None:
        return x
    np.copyto(out, x)
    return out


def elementwise(op: str, count: int) -> Callable[[list[Array], Array], object]:
    """An operation on arrays, into another one."""
    if op in _UFUNCS:
        function = _UFUNCS[op]
        return lambda xs, out: function(*xs, out=out)
    if op in _COMPARED:
        compared = _COMPARED[op]
        return lambda xs, out: compared(xs[0], xs[1], out=out, casting="unsafe")
    if op in CHOICES:
        chosen_by = _COMPARED[op.removeprefix("where_")]
        return lambda xs, out: np.copyto(out, np.where(chosen_by(xs[0], xs[1]), xs[2], xs[3]))
    if op in _COMPOSED:
        composed = _COMPOSED[op]
        return lambda xs, out: composed(xs[0], out)
    by_number = by_row(op, count)
    return lambda xs, out: np.copyto(out, by_number(*xs))


def _in_numbers(uniform: Array, statements: Sequence[Statement]) -> Call:
    """Single operations on U, one after another, as Python's floats."""
    read, write = uniform.item, uniform.__setitem__
    plan = [_number_of(s, read) for s in statements]

    def compute() -> None:
        for to, number in plan:
            write(to, number())

    return compute


def _number_of(s: Statement, read: Callable[[int], float]) -> tuple[int, Callable[[], float]]:
    """The slot of a statement's result, and what computes it."""
    if s.terms:
        terms = [(sign, a[1], None if b is None else b[1]) for sign, a, b in s.terms]

        def total() -> float:
            z = 0.0
            for sign, a, b in terms:
                z += sign * read(a) if b is None else sign * read(a) * read(b)
            return z

        return s.to, total
    slots = [slot for _, slot in s.reads]
    function = elementwise(s.op, len(slots))

    def result() -> float:
        out = np.empty(())
        function([np.float64(read(slot)) for slot in slots], out)
        return float(out)

    return s.to, result


def _group_of_one(s: Statement) -> Group:
    """A statement as a group; terms of one kind next to each other."""
    one = tuple(Operand(lane, np.array([slot])) for lane, slot in s.reads)
    kinds: dict[tuple[int, bool, bool | None], list[tuple[int, int]]] = {}
    for sign, a, b in s.terms:
        kind = (sign, a[0], None if b is None else b[0])
        kinds.setdefault(kind, []).append((a[1], 0 if b is None else b[1]))
    terms = []
    for (sign, of_a, of_b), slots in kinds.items():
        table = np.array(slots).T[:, None, :]
        second = None if of_b is None else Operand(of_b, table[1])
        terms.append(Terms(sign, Operand(of_a, table[0]), second))
    return Group(s.op, s.phase, s.lane, np.array([s.to]), one, tuple(terms))
