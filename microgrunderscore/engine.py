"""Scalar reverse-mode automatic differentiation.

A Value is one number in a computation. It remembers the Values it was computed from (its parents)
and the local derivative toward each: how fast it changes when that parent changes. backward()
walks from a result back to its inputs, multiplies these along every path (the chain rule), and
adds up where paths meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import ops
from .numeric import Numeric
from .operation import ARITHMETIC_ERRORS, BUILT_IN, OPERATIONS, RESERVED, Operation, number

_passes = 0  # how many backward passes there were
_edits = 0  # how often .data was set by hand
_watch: Any = None  # what anomaly.detect_anomaly sets while it looks for the birth of a nan


class Value(Numeric):
    """A number that remembers how it was made.

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
    __slots__ = ("_a", "_b", "_da", "_db", "_edited", "_grad", "_seen", "_value", "label", "op")

    def __init__(
        self,
        data: float,
        children: Sequence[Value] | str = (),
        partials: Sequence[float] = (),
        label: str = "",
    ) -> None:
        self._value = number(data)
        self._grad = 0.0
        self._a: Value | None = None
        self._da = 0.0
        self._b: Value | None = None
        self._db = 0.0
        self._seen = 0  # the number of the latest backward pass through here; 0: none yet
        self._edited = 0  # the number of the latest change of .data by hand
        self.op = ""
        self.label = label
        if isinstance(children, str):
            self.label = children
        elif children or partials:
            self.op = "custom"
            self._a = _by_hand(self._value, children, partials)
            self._da = 1.0

    @property
    def data(self) -> float:
        """The number itself."""
        return self._value

    @data.setter
    def data(self, data: float) -> None:
        global _edits
        self._value = number(data)
        self._edited = _edits = _edits + 1

    @property
    def grad(self) -> float:
        """The gradient: ∂(the value that backward() was called on) / ∂(this one)."""
        return self._grad

    @grad.setter
    def grad(self, grad: float) -> None:
        self._grad = number(grad)

    @property
    def has_grad(self) -> bool:
        """Whether a backward pass came by: tells a gradient of 0 from one never computed."""
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

    @property
    def _prev(self) -> tuple[Value, ...]:  # micrograd's names, for drawings made for it
        return self.parents

    @property
    def _op(self) -> str:
        if self.op == "pow" and self._b is None:
            return f"**{self._db:g}"
        return OPERATIONS[self.op].infix_or_symbol if self.op in OPERATIONS else self.op

    def _backward(self) -> None:
        for parent, slope in zip(self.parents, self.partials, strict=True):
            parent._grad += slope * self._grad  # one step by hand, as in the lecture videos

    # ---- recording: written out for two Values, which is nearly every node of any graph ----

    def __add__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return _node(self._value + other._value, "add", self, 1.0, other, 1.0)
        return self._operator(ops.add, self, other)

    def __sub__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return _node(self._value - other._value, "sub", self, 1.0, other, -1.0)
        return self._operator(ops.sub, self, other)

    def __mul__(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            x, y = self._value, other._value
            return _node(x * y, "mul", self, y, other, x)
        return self._operator(ops.mul, self, other)

    def __truediv__(self, other: Value | float) -> Value:
        if isinstance(other, Value) and other._value:
            y = other._value
            z = self._value / y
            return _node(z, "div", self, 1.0 / y, other, -z / y)
        return self._operator(ops.div, self, other)

    def __neg__(self) -> Value:
        return _node(-self._value, "neg", self, -1.0, None, 0.0)

    def _operator(self, op: Operation, x: Any, y: Any) -> Any:
        """Record x op y, where one of the two may be a plain number."""
        try:
            p = x._value if isinstance(x, Value) else number(x)
            q = y._value if isinstance(y, Value) else number(y)
        except TypeError:
            if _is_array_of_numbers(x) or _is_array_of_numbers(y):
                raise  # number() has explained it
            return NotImplemented
        z = op.on_floats((p, q), (x, y))
        if not isinstance(x, Value):
            return _node(z, op.name, None, p, y, op.fixed[1](p, q, z))
        if not isinstance(y, Value):
            return _node(z, op.name, x, op.fixed[0](p, q, z), None, q)
        return _node(z, op.name, x, op.partials[0](p, q, z), y, op.partials[1](p, q, z))

    def _apply(self, op: Operation, operands: tuple[Any, ...]) -> Value:
        """Record any operation."""
        if op.arity == 1:
            x = self._value
            try:
                z = op.value(x)
            except ARITHMETIC_ERRORS:
                z = op.on_floats([x], operands)  # raises it again, with the names
            slope = op.partials[0](x, z)
            if z.__class__ is not float or slope.__class__ is not float:
                z, slope = number(z), number(slope)
            if slope or not op.selects:
                return _node(z, op.name, self, slope, None, 0.0)
            return _Many(z, op.name, operands, operands, [None])
        if op.arity == 2 and not op.selects:
            node = self._operator(op, *operands)
            if node is not NotImplemented:
                return node
        return record(op, operands)

    # ---- the chain rule ----

    def backward(self, seed: float = 1.0) -> None:
        """Compute the gradient of this value with respect to everything it was computed from.

        Gradients of leaves add up over calls until they are set to 0; inner nodes show the latest
        pass. seed: the gradient of this value itself. Raises RuntimeError if a factor of a dot
        product was changed since. For threads that share parameters, use calculus.grad.
        """
        global _passes
        seed = _seed(seed)
        now = _passes = _passes + 1

        # 1. List every inner node after all of its parents: depth first, with a stack of our own,
        #    so that a graph a million nodes deep is no problem. A node goes back on the stack under
        #    a mark (None), with its parents on top; when the mark comes up, they have been listed.
        order: list[Any] = []
        earlier: list[tuple[Value, float]] = []  # leaves, with the gradient of earlier passes
        stack: list[Any] = [self]
        while stack:
            v = stack.pop()
            if v is None:
                order.append(stack.pop())
            elif v._seen != now:
                v._seen = now
                if v.op:
                    v._grad = 0.0
                    stack.append(v)
                    stack.append(None)
                    a = v._a
                    if a is not None:
                        stack.append(a)
                    b = v._b
                    if b is not None:
                        stack.append(b)
                    elif a is None:
                        stack.extend(v._edges())
                elif v._grad:
                    earlier.append((v, v._grad))

        # 2. From the result back: hand each gradient on to the parents, times the local derivative.
        for v, _ in earlier:
            v._grad = 0.0
        self._grad += seed
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
        finally:  # Ctrl-C loses this pass, not those before it
            for v, before in earlier:
                v._grad += before
        if _watch is not None:
            _watch.passed(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._value}, grad={self._grad}{label})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.op:
            raise TypeError(f"{self!r} has a history, which is not copied: use Value(v.data)")
        state = (self._value, self._grad, self.label, self.has_grad)
        return _leaf, (type(self), *state), getattr(self, "__dict__", None)


class _Many(Value):
    """A node with any number of parents, such as a sum.

    slopes: the derivative toward each parent, None for one that was not selected.
    """

    __slots__ = ("_operands", "_parents", "_slopes")

    def __init__(
        self,
        data: float,
        op: str,
        operands: Sequence[Any],
        parents: Sequence[Any],
        slopes: Sequence[float | None],
    ) -> None:
        self._value = data
        self._grad = 0.0
        self._a = self._b = None
        self._da = self._db = 0.0
        self._seen = self._edited = 0
        self.op = op
        self.label = ""
        self._operands = operands
        self._parents = parents
        self._slopes = slopes
        if _watch is not None:
            _watch.made(self)

    @property
    def operands(self) -> tuple[Value | float, ...]:
        return tuple(self._operands)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(self._parents)

    @property
    def partials(self) -> tuple[float, ...]:
        return tuple(d or 0.0 for d in self._slopes)

    def _edges(self) -> Sequence[Value]:
        """The parents that backward() goes on to: those that were selected."""
        return [x for x, d in zip(self._parents, self._slopes, strict=True) if d is not None]

    def _hand_on(self, g: float) -> None:
        """Add this node's share to the gradient of each parent."""
        for x, d in zip(self._parents, self._slopes, strict=True):
            if d is not None:
                x._grad += d * g


class _Dot(Value):
    """w₀·x₀ + w₁·x₁ + …: the parents are (w₀, w₁, …, x₀, x₁, …), and a bias if there is one.

    The derivatives are the partners' data, read when they are needed. That saves a copy, and asks
    for a check that no factor was changed in between.
    """

    __slots__ = ("_born", "_parents")

    # The slots are filled here as in _Many: a call for it would cost every neuron a few per cent.
    def __init__(self, data: float, parents: list[Value]) -> None:
        self._value = data
        self._grad = 0.0
        self._a = self._b = None
        self._da = self._db = 0.0
        self._seen = self._edited = 0
        self.op = "dot"
        self.label = ""
        self._parents = parents
        self._born = _edits
        if _watch is not None:
            _watch.made(self)

    @property
    def operands(self) -> tuple[Value | float, ...]:
        return tuple(self._parents)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(self._parents)

    @property
    def partials(self) -> tuple[float, ...]:
        return ops.dot.partials[0](*[x._value for x in self._edges()], self._value)

    def _edges(self) -> Sequence[Value]:
        parents = self._parents
        if _edits > self._born:
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
        for w, x in zip(parents, parents[n : 2 * n], strict=False):
            w._grad += x._value * g
            x._grad += w._value * g
        if len(parents) % 2:
            parents[-1]._grad += g


_new = Value.__new__


def _node(data: float, op: str, a: Value | None, da: float, b: Value | None, db: float) -> Value:
    """A new inner node; faster than the constructor, which checks what it is given."""
    v = _new(Value)
    v._value = data
    v._grad = 0.0
    v._a = a
    v._da = da
    v._b = b
    v._db = db
    v._seen = v._edited = 0
    v.op = op
    v.label = ""
    if _watch is not None:
        _watch.made(v)
    return v


def record(op: Operation, operands: Sequence[Any]) -> Value:
    """Record any operation on operands of which at least one is a Value.

    Raises what the operation raises on floats, naming the operation, the operands and the domain.

    >>> record(ops.hypot, (Value(3.0), 4.0))
    Value(data=5.0, grad=0.0)
    """
    moves = [isinstance(x, Value) for x in operands]
    data = [x._value if m else number(x) for x, m in zip(operands, moves, strict=True)]
    z = number(op.on_floats(data, operands))
    slopes = [d if d is None else number(d) for d in op.slopes(data, z, moves)]
    if op.selects:
        slopes = [d or None for d in slopes]
    edges = [(x, d) for x, d, m in zip(operands, slopes, moves, strict=True) if m]
    return _Many(z, op.name, operands, [x for x, _ in edges], [d for _, d in edges])


def dot(
    ws: Iterable[Value | float], xs: Iterable[Value | float], bias: Value | float | None = None
) -> Value:
    """w₀·x₀ + w₁·x₁ + …, on top of the bias if there is one, as a single node.

    Raises ValueError if ws and xs differ in length.

    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0], Value(0.5)).data
    11.5
    """
    factors: list[Any] = ws if ws.__class__ is list else list(ws)
    others: list[Any] = xs if xs.__class__ is list else list(xs)
    if len(factors) != len(others):
        got = f"{len(factors)} and {len(others)} numbers"
        raise ValueError(f"dot needs two lists of one length, got {got}")
    operands: list[Any] = [*factors, *others] if bias is None else [*factors, *others, bias]
    try:
        total = 0.0 if bias is None else operands[-1]._value
        for w, x in zip(factors, others, strict=True):
            total += w._value * x._value
    except AttributeError:  # plain numbers among them
        return ops.dot(*operands)
    return _Dot(total, operands)


def _by_hand(data: float, children: Sequence[Value], partials: Sequence[float]) -> Value:
    """The node behind Value(data, children, partials)."""
    if not isinstance(children, tuple | list) or not all(isinstance(x, Value) for x in children):
        raise TypeError(f"the parents of a node made by hand are Values, got {children!r:.80}")
    if isinstance(partials, str) or len(partials) != len(children):
        raise TypeError(
            f"a node made by hand needs one local derivative for each of its {len(children)} "
            f"parents, got {partials!r}: Value(data, (a, b), (da, db))"
        )
    parents = tuple(children)
    return _Many(data, "custom", parents, parents, [number(d) for d in partials])


def _is_array_of_numbers(x: Any) -> bool:
    return hasattr(x, "__array__") and str(getattr(x, "dtype", "")) != "object"


def _seed(seed: Any) -> float:
    try:
        return number(seed)
    except TypeError as error:
        raise TypeError(f"the seed of backward(seed): {error}") from None


def _leaf(kind: type[Value], data: float, grad: float, label: str, has_grad: bool) -> Value:
    """The copy of a leaf, whatever the constructor of a derived class asks for."""
    leaf = kind.__new__(kind)
    Value.__init__(leaf, data, label=label)
    leaf._grad = grad
    leaf._seen = -has_grad  # a pass, but none of this process
    return leaf


RESERVED.update(BUILT_IN, ("custom",), dir(Value))
