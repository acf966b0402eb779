"""Scalar reverse-mode automatic differentiation.

A Value is one number in a computation. It remembers the Values it was computed from (its parents)
and the local derivative toward each: how fast it changes when that parent changes. backward()
walks from a result back to its inputs, multiplies these along every path (the chain rule), and
adds up where paths meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from . import ops
from .builds import mypyc_attr
from .numeric import Numeric, refusal
from .operation import (
    ARITHMETIC_ERRORS,
    BUILT_IN,
    NAMES,
    OPERATIONS,
    RESERVED,
    Operation,
    alone,
    number,
)

if TYPE_CHECKING:
    from mypy_extensions import i32


class _Process:
    """What all graphs of a process share."""

    __slots__ = ("edits", "late", "passes", "traces", "watch")

    def __init__(self) -> None:
        self.passes = 0  # how many backward passes there were
        self.edits = 0  # how often .data was set by hand
        self.watch: Any = None  # what anomaly.detect_anomaly looks for the birth of a nan with
        self.traces: dict[int, Any] = {}  # by thread: what notices that a number is asked for
        self.late: list[Any] = []  # functions that set gradients once somebody looks at one

    def settle(self) -> None:
        """Set the gradients that compiled programs have computed and nobody has looked at yet."""
        while self.late:  # the earliest first; one that fails loses no other
            self.late.pop(0)()

    def read(self, v: Value) -> None:
        """Tell the trace that this thread is at, if it is at one, that it asks for a number."""
        trace = self.traces.get(get_ident())
        if trace is not None:
            trace.read(v)


process: Final = _Process()
_ADD: Final[i32] = ops.add.code
_SUB: Final[i32] = ops.sub.code
_MUL: Final[i32] = ops.mul.code
_DIV: Final[i32] = ops.div.code
_NEG: Final[i32] = ops.neg.code
_DOT: Final[i32] = ops.dot.code
_CUSTOM: Final[i32] = NAMES.index("custom")


_BLANK: Final = object()  # instead of data: all slots stay empty


@mypyc_attr(allow_interpreted_subclasses=True)
class Value(Numeric):
    """A number that remembers how it was made.

    Args:
        data: any real number; stored as a float.
        children, partials: for a node made by hand, its parents and the derivative toward each.
        label: a name for pictures and explanations; Value(2.0, "x") will do.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> z = (x * y).log()
    >>> z.backward()
    >>> x.grad, y.grad
    (0.5, 0.3333333333333333)
    """

    # _a and _b are the parents, _da and _db the derivatives toward them. An operand that is a plain
    # number is no parent: its slot is None, and the slot of its derivative holds the number itself.
    __slots__ = ("_a", "_b", "_code", "_da", "_db", "_grad", "_notes", "_seen", "_value")

    _code: i32  # the operation's place in NAMES, negative if it did not select its operand; 0: leaf
    _seen: int  # the number of the latest backward pass through here; 0: none yet
    _grad: float
    _a: Value | None
    _b: Value | None
    _da: float
    _db: float
    _value: float
    _notes: tuple[int, Any] | None  # the number of the latest change of .data by hand; the label

    def __init__(
        self,
        data: Any,
        children: Any = (),
        partials: Any = (),
        label: Any = "",
    ) -> None:
        if data is _BLANK:
            return
        self._code = 0
        self._value = number(data)
        self._grad = 0.0
        self._a = self._b = None
        self._da = self._db = 0.0
        self._seen = 0
        self._notes = None
        if isinstance(children, str):
            label = children
        elif children or partials:
            self._code = _CUSTOM
            self._a = _by_hand(self._value, children, partials)
            self._da = 1.0
        if label:
            self.label = label

    # ---- what can be asked of it ----

    @property
    def op(self) -> str:
        """The name of the operation that this is the result of; "" for a leaf."""
        return NAMES[-self._code if self._code < 0 else self._code]

    @property
    def label(self) -> str | Any:
        """A name for pictures and explanations."""
        return "" if self._notes is None else self._notes[1]

    @label.setter
    def label(self, label: str | Any) -> None:
        self._notes = self._edited, label

    # What is set is checked here, so that all builds refuse the same: hence Any, on both sides of a
    # property, since compiled code takes the setter's type from what the getter returns.

    @property
    def data(self) -> float | Any:
        """The number itself."""
        if process.traces:
            process.read(self)
        return self._value

    @data.setter
    def data(self, data: float | Any) -> None:
        if process.traces:
            process.read(self)
        self._value = data if type(data) is float else number(data)
        process.edits = now = process.edits + 1
        notes = self._notes
        self._notes = (now, "") if notes is None else (now, notes[1])

    @property
    def _edited(self) -> int:
        """The number of the latest change of .data by hand; 0: none."""
        return 0 if self._notes is None else self._notes[0]

    @property
    def grad(self) -> float | Any:
        """The gradient: ∂(the value that backward() was called on) / ∂(this one)."""
        if process.late:
            process.settle()
        if process.traces:
            process.read(self)
        return self._grad

    @grad.setter
    def grad(self, grad: float | Any) -> None:
        if process.late:
            process.settle()
        self._grad = grad if type(grad) is float else number(grad)

    @property
    def has_grad(self) -> bool:
        """Whether a backward pass came by: tells a gradient of 0 from one never computed."""
        process.settle()
        return self._seen != 0

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """What the operation was given, in order: Values and plain numbers; () for a leaf."""
        if not self.op:
            return ()
        if self.op == "custom" and self._a is not None:
            return self._a.operands
        first = self._da if self._a is None else self._a
        if OPERATIONS[self.op].arity == 1:
            return (first,)
        return (first, self._db if self._b is None else self._b)

    @property
    def parents(self) -> tuple[Value, ...]:
        """The Values among the operands, each as often as it was given."""
        a, b = self._a, self._b
        if a is None:
            return () if b is None else (b,)
        if b is None:
            return a.parents if self.op == "custom" else (a,)
        return a, b

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivative toward each parent, as it was when this value was computed."""
        if self._a is None:
            return () if self._b is None else (self._db,)
        if self._b is None:
            return self._a.partials if self.op == "custom" else (self._da,)
        return self._da, self._db

    # ---- micrograd's names, for drawings and lessons made for it ----

    @property
    def _prev(self) -> tuple[Value, ...]:
        return self.parents

    @property
    def _op(self) -> str:
        if self.op == "pow" and self._b is None:
            return f"**{self._db:g}"
        return OPERATIONS[self.op].infix_or_symbol if self.op in OPERATIONS else self.op

    def _backward(self) -> None:
        process.settle()
        for parent, slope in zip(self.parents, self.partials, strict=True):
            parent._grad += slope * self._grad  # one step by hand, as in the lecture videos

    # ---- recording: written out for two Values, which is nearly every node of any graph; for +
    #      and *, nine nodes of ten, the slots are filled on the spot, as _node does for others ----

    def __add__(self, other: Any) -> Value | Any:
        if isinstance(other, Value):
            z = _blank()
            z._code = _ADD
            z._value = self._value + other._value
            z._grad = 0.0
            z._a = self
            z._da = 1.0
            z._b = other
            z._db = 1.0
            z._seen = 0
            z._notes = None
            if process.watch is not None:
                process.watch.made(z)
            return z
        return self._operator(ops.add, self, other)

    def __radd__(self, other: Any) -> Value | Any:
        if type(other) is int and other == 0:  # sum() starts with it
            return _node(0.0 + self._value, _ADD, None, 0.0, self, 1.0)
        return self._operator(ops.add, other, self)

    def __sub__(self, other: Any) -> Value | Any:
        if isinstance(other, Value):
            return _node(self._value - other._value, _SUB, self, 1.0, other, -1.0)
        return self._operator(ops.sub, self, other)

    def __mul__(self, other: Any) -> Value | Any:
        if isinstance(other, Value):
            x, y = self._value, other._value
            z = _blank()
            z._code = _MUL
            z._value = x * y
            z._grad = 0.0
            z._a = self
            z._da = y
            z._b = other
            z._db = x
            z._seen = 0
            z._notes = None
            if process.watch is not None:
                process.watch.made(z)
            return z
        return self._operator(ops.mul, self, other)

    def __truediv__(self, other: Any) -> Value | Any:
        if isinstance(other, Value) and other._value:
            y = other._value
            z = self._value / y
            return _node(z, _DIV, self, 1.0 / y, other, -z / y)
        return self._operator(ops.div, self, other)

    def __neg__(self) -> Value:
        return _node(-self._value, _NEG, self, -1.0, None, 0.0)

    def _operator(self, op: Operation, x: Any, y: Any) -> Any:
        """Record x op y, where one of the two may be a plain number."""
        if not isinstance(x, Value) and isinstance(x, Numeric):
            return x._apply(op, (x, y))
        if not isinstance(y, Value) and isinstance(y, Numeric):
            return y._apply(op, (x, y))
        try:
            p = x._value if isinstance(x, Value) else number(x)
            q = y._value if isinstance(y, Value) else number(y)
        except TypeError as error:
            return refusal(op, x, y, error)
        try:
            z = op.value(p, q)
        except ARITHMETIC_ERRORS:
            z = op.on_floats((p, q), (x, y))  # raises it again, with the names
        if not isinstance(x, Value):
            return _node(z, op.code, None, p, y, op.fixed[1](p, q, z))
        if not isinstance(y, Value):
            return _node(z, op.code, x, op.fixed[0](p, q, z), None, q)
        return _node(z, op.code, x, op.partials[0](p, q, z), y, op.partials[1](p, q, z))

    def _apply(self, op: Operation, operands: tuple[Any, ...]) -> Value | Any:
        """Record any operation."""
        if op.arity == 1:
            x = self._value
            try:
                z = op.value(x)
            except ARITHMETIC_ERRORS:
                z = op.on_floats([x], operands)  # raises it again, with the names
            slope = op.partials[0](x, z)
            if type(z) is not float or type(slope) is not float:
                z, slope = number(z), number(slope)
            is_selected = slope or not op.selects
            return _node(z, op.code if is_selected else -op.code, self, slope, None, 0.0)
        if op.arity == 2 and not op.selects and op.name in BUILT_IN:
            node = self._operator(op, operands[0], operands[1])
            if node is not NotImplemented:
                return node
        return record(op, operands)

    # ---- the chain rule ----

    def backward(self, seed: Any = 1.0) -> None:
        """Compute the gradient of this value with respect to everything it was computed from.

        Gradients of leaves add up over calls until they are set to 0; inner nodes show the latest
        pass. seed: the gradient of this value itself. Raises RuntimeError if a factor of a dot
        product was changed since. For threads that share parameters, use calculus.grad.
        """
        first = _seed(seed)
        process.settle()
        process.passes += 2
        listed = process.passes  # what _seen is for a node that has been listed,
        entered = listed - 1  # and for one whose parents are being listed

        # 1. List every inner node after all of its parents: depth first, with a stack of our own,
        #    so that a graph a million nodes deep is no problem. A node goes on the stack to wait
        #    for a parent that is not listed yet; when it comes off again, that one has been.
        order: list[Value] = []
        earlier: list[tuple[Value, float]] = []  # leaves, with the gradient of earlier passes
        stack: list[Value] = [self]  # the last to come off: by then it has been listed
        v = self
        while stack:
            if v._seen < entered:
                v._seen = entered
                if v._code <= 0:  # no edge leads on from here
                    v._seen = listed
                    if v._code:
                        v._grad = 0.0
                    elif v._grad:
                        earlier.append((v, v._grad))
                    v = stack.pop()
                    continue
                v._grad = 0.0
                if v._a is None and v._b is None:
                    stack.append(v)
                    for x in v._edges():
                        if x._seen < entered:
                            stack.append(x)
                    v = stack.pop()
                    continue
            elif v._seen == listed:
                v = stack.pop()
                continue
            b = v._b
            if b is not None and b._seen < entered:
                stack.append(v)
                v = b
                continue
            a = v._a
            if a is not None and a._seen < entered:
                stack.append(v)
                v = a
                continue
            v._seen = listed
            order.append(v)
            v = stack.pop()

        # 2. From the result back: hand each gradient on to the parents, times the local derivative.
        for v, _ in earlier:
            v._grad = 0.0
        self._grad += first
        try:
            for v in reversed(order):
                g = v._grad
                a = v._a
                if a is not None:
                    a._grad += v._da * g
                b = v._b
                if b is not None:
                    b._grad += v._db * g
                elif a is None:
                    v._hand_on(g)
        finally:  # Ctrl-C takes nothing away from earlier passes
            for v, before in earlier:
                v._grad += before
        if process.watch is not None:
            process.watch.passed(self)

    def _edges(self) -> list[Value]:
        """The parents that backward() goes on to, of a node with any number of them."""
        raise NotImplementedError

    def _hand_on(self, g: float) -> None:
        """Add this node's share to the gradient of each parent, with any number of them."""
        raise NotImplementedError

    def __repr__(self) -> str:
        process.settle()
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._value}, grad={self._grad}{label})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._code:
            raise TypeError(f"{self!r} has a history, which is not copied: use Value(v.data)")
        process.settle()
        state = (self._value, self._grad, self.label, self.has_grad)
        return _leaf, (type(self), *state), getattr(self, "__dict__", None)


def _node(data: float, code: i32, a: Value | None, da: float, b: Value | None, db: float) -> Value:
    """A new inner node; faster than the constructor of Value, which checks what it is given."""
    v = _blank()
    v._code = code
    v._value = data
    v._grad = 0.0
    v._a = a
    v._da = da
    v._b = b
    v._db = db
    v._seen = 0
    v._notes = None
    if process.watch is not None:
        process.watch.made(v)
    return v


def _blank() -> Value:
    """A Value with empty slots, for whoever asks to fill."""
    return Value(_BLANK)


# Compiled code calls the function above, directly; Python finds this, which is a shorter way.
globals()["_blank"] = partial(object.__new__, Value)


def _fill(v: Value, data: float, code: i32) -> None:
    """Fill the slots of a node with any number of parents.

    From outside its class: there compiled code remembers that a slot was filled, whatever with.
    """
    v._code = code
    v._value = data
    v._grad = 0.0
    v._a = v._b = None
    v._da = v._db = 0.0
    v._seen = 0
    v._notes = None


class _Many(Value):
    """A node with any number of parents, such as a sum.

    slopes: the derivative toward each parent, None for one that was not selected.
    """

    __slots__ = ("_operands", "_parents", "_slopes")

    def __init__(
        self,
        data: float,
        code: i32,
        operands: Sequence[Any],
        parents: list[Value],
        slopes: list[float | None],
    ) -> None:
        _fill(self, data, code)
        self._operands = operands
        self._parents = parents
        self._slopes = slopes
        if process.watch is not None:
            process.watch.made(self)

    @property
    def operands(self) -> tuple[Value | float, ...]:
        return tuple(self._operands)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(self._parents)

    @property
    def partials(self) -> tuple[float, ...]:
        return tuple(d or 0.0 for d in self._slopes)

    def _edges(self) -> list[Value]:
        """The parents that backward() goes on to: those that were selected."""
        return [x for x, d in zip(self._parents, self._slopes) if d is not None]

    def _hand_on(self, g: float) -> None:
        """Add this node's share to the gradient of each parent."""
        for x, d in zip(self._parents, self._slopes):
            if d is not None:
                x._grad += d * g


class _Dot(Value):
    """w₀·x₀ + w₁·x₁ + …: the parents are (w₀, w₁, …, x₀, x₁, …), and a bias if there is one.

    The derivatives are the partners' data, read when they are needed. That saves a copy, and asks
    for a check that no factor was changed in between.
    """

    __slots__ = ("_born", "_parents")

    def __init__(self, data: float, parents: list[Value]) -> None:
        _fill(self, data, _DOT)
        self._parents = parents
        self._born = process.edits
        if process.watch is not None:
            process.watch.made(self)

    @property
    def operands(self) -> tuple[Value | float, ...]:
        return tuple(self._parents)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(self._parents)

    @property
    def partials(self) -> tuple[float, ...]:
        return ops.dot.partials[0](*[x._value for x in self._edges()], self._value)

    def _edges(self) -> list[Value]:
        parents = self._parents
        if process.edits > self._born:
            for x in parents[: len(parents) // 2 * 2]:
                if x._edited > self._born:
                    raise RuntimeError(
                        f"{x!r} was changed after the dot product {self._value!r} was computed "
                        "from it, which loses its gradient: compute the product again, or set "
                        ".data after backward()"
                    )
        return parents

    def _hand_on(self, g: float) -> None:
        parents = self._parents
        n = len(parents) // 2
        for x, w in zip(parents[n : 2 * n], parents):
            w._grad += x._value * g
            x._grad += w._value * g
        if len(parents) % 2:
            parents[-1]._grad += g


def record(op: Operation, operands: Sequence[Any]) -> Value | Any:
    """Record any operation on operands of which at least one is a Value.

    Raises what the operation raises on floats, naming the operation, the operands and the domain.

    >>> record(ops.hypot, (Value(3.0), 4.0))
    Value(data=5.0, grad=0.0)
    """
    moves = [isinstance(x, Value) for x in operands]
    for x, moved in zip(operands, moves):
        if not moved and isinstance(x, Numeric):  # another kind of number knows what to do
            return x._apply(op, tuple(operands))
    data = [x._value if isinstance(x, Value) else number(x) for x in operands]
    z = number(op.on_floats(data, operands))
    parents: list[Value] = []
    slopes: list[float | None] = []
    for x, slope in zip(operands, op.slopes(data, z, moves), strict=True):
        if slope is not None:
            parents.append(x)
            slopes.append(None if op.selects and not slope else number(slope))
    return _Many(z, op.code, operands, parents, slopes)


def dot(ws: Any, xs: Any, bias: Any = None) -> Value | Any:
    """w₀·x₀ + w₁·x₁ + …, on top of the bias if there is one, as a single node.

    Raises ValueError if ws and xs differ in length.

    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0], Value(0.5)).data
    11.5
    """
    factors: list[Value] = ws if type(ws) is list else list(ws)
    others: list[Value] = xs if type(xs) is list else list(xs)
    if len(factors) != len(others):
        got = f"{len(factors)} and {len(others)} numbers"
        raise ValueError(f"dot needs two lists of one length, got {got}")
    if bias is not None and not isinstance(bias, Value):
        return ops.dot(*factors, *others, bias)
    operands = factors + others
    total = 0.0
    if bias is not None:
        operands.append(bias)
        total = operands[-1]._value
    try:
        for w, x in zip(factors, others):
            total += w._value * x._value
    except (AttributeError, TypeError):  # plain numbers among them
        return ops.dot(*operands)
    return _Dot(total, operands)


def _by_hand(data: float, children: Any, partials: Any) -> Value:
    """The node behind Value(data, children, partials)."""
    if not isinstance(children, tuple | list) or not all(isinstance(x, Value) for x in children):
        raise TypeError(f"the parents of a node made by hand are Values, got {children!r:.80}")
    if isinstance(partials, str) or len(partials) != len(children):
        raise TypeError(
            f"a node made by hand needs one local derivative for each of its {len(children)} "
            f"parents, got {partials!r}: Value(data, (a, b), (da, db))"
        )
    slopes: list[float | None] = [number(d) for d in partials]
    return _Many(data, _CUSTOM, tuple(children), list(children), slopes)


def _seed(seed: Any) -> float:
    try:
        return number(seed)
    except TypeError as error:
        raise alone(TypeError(f"the seed of backward(seed): {error}"))


def _leaf(kind: type[Value], data: float, grad: float, label: Any, has_grad: Any) -> Value:
    """The copy of a leaf, whatever the constructor of a derived class asks for."""
    leaf = kind.__new__(kind)
    Value.__init__(leaf, data, label=label)
    leaf._grad = grad
    leaf._seen = -has_grad  # a pass, but none of this process
    return leaf


RESERVED.update(BUILT_IN, ("custom",), dir(Value))
for _kind in (_Many, _Dot):
    _kind.__name__ = "Value"  # to users all of them are
