"""Derivatives of functions: gradient, Jacobian, Hessian, and products with these.

grad(f) is again a function, as in JAX. An argument may be a number, a Value, or lists, tuples and
dicts of these, nested; f gets Values in their place, and derivatives come back in the same nesting:
floats, if only numbers were given. If an argument is a Value, or if f uses Values that a call
further out differentiates by, they come back as Values, to be differentiated again, to any order.
A backward() further out is not seen: a gradient that is part of a loss needs create_graph=True.

Nothing is written into the Values of the caller (.grad stays as it is), so that threads may share
them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

from .engine import Value
from .graph import ordered
from .nesting import Tree, has_values, leaves, matching, rebuild
from .numeric import data_of
from .operation import OPERATIONS

Function = Callable[..., Any]

# What the calls further out differentiate by: a result that depends on it has to be a Value.
_outside: ContextVar[frozenset[int]] = ContextVar("_outside", default=frozenset())

# ---- functions to functions -------------------------------------------------------------------


def grad(f: Function, argnums: int | Sequence[int] = 0, *, create_graph: bool = False) -> Function:
    """The function that gives the gradient of f: the slope of f along each of its inputs.

    Args:
        f: returns one Value.
        argnums: the argument to differentiate by, or a tuple of several, for a tuple of gradients.
        create_graph: give Values that backward() goes through to the Values that f uses besides
            its arguments, such as the weights of a network, rather than floats.

    Returns:
        A function of the same arguments. It raises TypeError if f returns anything but one Value,
        or lacks such an argument; NotImplementedError where a Value made by hand would have to be
        differentiated twice.

    Source: the chain rule in reverse (Linnainmaa 1970), conventions of jax.grad.

    >>> grad(lambda x: x**3)(2.0), grad(grad(lambda x: x**3))(2.0)
    (12.0, 12.0)
    >>> grad(lambda w, x: w["a"] * x + w["b"])({"a": 3.0, "b": 1.0}, 2.0)
    {'a': 2.0, 'b': 1.0}
    >>> w = Value(3.0)
    >>> slope = grad(lambda x: w * x * x, create_graph=True)(2.0)
    >>> slope.backward()
    >>> slope.data, w.grad
    (12.0, 4.0)
    """
    both = value_and_grad(f, argnums, create_graph=create_graph)
    return _named(f, lambda *args, **options: both(*args, **options)[1])


def value_and_grad(
    f: Function, argnums: int | Sequence[int] = 0, *, create_graph: bool = False
) -> Function:
    """The function that gives the pair (value of f, gradient of f); see :func:`grad`.

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """

    def value_and_gradient(*args: Any, **options: Any) -> tuple[Any, Tree]:
        run = _Run(f, args, options, argnums)
        run.lift = run.lift or create_graph
        if not isinstance(run.output, Value):
            raise TypeError(
                f"{name_of(f)} returned {type(run.output).__name__}, and a gradient is that of one "
                "Value: return one number, or use jacobian"
            )
        return run.value, run.pull([1.0])

    return _named(f, value_and_gradient)


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives, for each number that f returns, its gradient; see :func:`grad`.

    Args:
        f: returns a Value, or lists, tuples and dicts of Values and numbers; the result has this
            nesting, with a gradient in the place of each.
        argnums: as for `grad`.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + 1.0])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0]]
    """

    def gradients_of_outputs(*args: Any, **options: Any) -> Tree:
        run = _Run(f, args, options, argnums)
        count = len(run.outputs)
        rows = (run.pull([float(i == j) for j in range(count)]) for i in range(count))
        return rebuild(run.output, rows)

    return _named(f, gradients_of_outputs)


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the second derivatives of f: the Jacobian of its gradient.

    >>> hessian(lambda v: v[0] * v[0] * v[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


# ---- products with derivatives, and graphs ----------------------------------------------------


def jvp(f: Function, primals: Sequence[Tree], tangents: Sequence[Tree]) -> tuple[Tree, Tree]:
    """The value of f, and how fast it changes when its arguments move along the tangents.

    One forward sweep: the product of the Jacobian and the tangents, whatever the number of inputs.

    Args:
        f: returns Values, in any nesting.
        primals: the arguments.
        tangents: a direction for each, in the same nesting; what has direction 0 does not move,
            whatever the slope.

    Raises:
        TypeError: primals and tangents differ in nesting.

    Source: Wengert 1964, conventions of jax.jvp.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    run = _Run(f, _arguments(primals), {}, range(len(primals)))
    return run.value, run.push(matching("tangents", tangents, "primals", tuple(primals)))


def vjp(f: Function, *primals: Tree) -> tuple[Tree, Function]:
    """The value of f, and the function that sends a weight for each output back to the arguments.

    One reverse sweep: the product of the weights and the Jacobian, whatever the number of outputs.

    Args:
        f: returns Values, in any nesting.
        primals: the arguments.

    Returns:
        The value; and a function that takes the weights in the nesting of the value, and returns a
        tuple with an entry for each argument.

    Source: conventions of jax.vjp.

    >>> value, pull = vjp(lambda x: [x * x, 3.0 * x], 2.0)
    >>> value, pull([1.0, 10.0])
    ([4.0, 6.0], (34.0,))
    """
    run = _Run(f, primals, {}, range(len(primals)))
    return run.value, lambda weights: run.pull(matching("weights", weights, "value", run.output))


def hvp(f: Function, primals: Sequence[Tree], vector: Sequence[Tree]) -> tuple[Tree, ...]:
    """The product of the Hessian of f and a vector, without the Hessian: a few passes over f.

    Args:
        f: returns one Value.
        primals: the arguments.
        vector: a direction for each, in the same nesting, as the result is.

    Source: Pearlmutter 1994: the change of the gradient along the vector, forward over reverse.

    >>> hvp(lambda v: v[0] * v[0] * v[1], ([2.0, 3.0],), ([1.0, 0.0],))
    ([6.0, 4.0],)
    """
    gradient = grad(f, range(len(_arguments(primals))))
    return tuple(jvp(gradient, primals, vector)[1])


def gradients(z: Value, wrt: Tree, *, create_graph: bool = False) -> Tree:
    """∂z/∂w for each Value w of a graph: as z.backward(), without writing to any .grad.

    Args:
        z: the root of the graph.
        wrt: a Value, or lists, tuples and dicts of Values; 0 for those that z does not depend on.
        create_graph: give Values that can be differentiated again, instead of floats.

    Raises:
        TypeError: a z or a w that is no Value.
        NotImplementedError: create_graph meets a node made by hand.
        RuntimeError: create_graph meets a node whose operands were changed since.

    >>> x, y = Value(2.0), Value(3.0)
    >>> gradients(x * x * y, [x, y])
    [12.0, 4.0]
    """
    wanted = [w for _, w in leaves(wrt)]
    for w in (z, *wanted):
        if not isinstance(w, Value):
            raise TypeError(
                f"gradients(z, wrt) reads a graph of Values, got {type(w).__name__} {w!r:.40}: "
                "for a function use grad(f)"
            )
    adjoints = _Paths([z], wanted, behind=True).pull([(z, 1.0)], create_graph)
    return rebuild(wrt, (_result(adjoints.get(id(w), 0.0), create_graph) for w in wanted))


# ---- the two sweeps ---------------------------------------------------------------------------


class _Paths:
    """The nodes of a graph on the way from some inputs to some outputs, parents first.

    behind: whether to look for inputs behind inputs.
    """

    def __init__(self, outputs: Iterable[Value], inputs: Iterable[Value], behind: bool) -> None:
        self.moving = {id(x) for x in inputs}  # what depends on the inputs
        self.nodes = []
        ends = frozenset(self.moving)
        follow: Any = lambda v: () if id(v) in ends else v.parents
        self.order = ordered(*outputs, parents=attrgetter("parents") if behind else follow)
        for step in self.order:
            v, parents = step
            if parents and not self.moving.isdisjoint(map(id, parents)):
                self.moving.add(id(v))
                self.nodes.append(step)

    def pull(self, seeds: Iterable[tuple[Value, Any]], lift: bool) -> dict[int, Any]:
        """Reverse: from each node its adjoint, times the slope, to its parents; all adjoints."""
        adjoints: dict[int, Any] = {}
        for z, seed in seeds:
            _accumulate(adjoints, z, seed)
        for v, parents in reversed(self.nodes):
            g = adjoints.get(id(v))
            if g is not None:
                for x, slope in zip(parents, slopes(v, lift), strict=True):
                    if slope is not None and id(x) in self.moving:
                        _accumulate(adjoints, x, _times(slope, g))
        return adjoints

    def push(self, tangents: dict[int, Any], lift: bool) -> dict[int, Any]:
        """Forward: to each node the tangents of its parents, times the slopes; all tangents."""
        for v, parents in self.nodes:
            for x, slope in zip(parents, slopes(v, lift), strict=True):
                if slope is not None and id(x) in tangents:
                    _accumulate(tangents, v, _times(slope, tangents[id(x)]))
        return tangents


def slopes(v: Value, lift: bool = False) -> Sequence[Any]:
    """The slope toward each parent; None for one that was not selected, to which no gradient goes.

    lift: as Values, from the rules of the row.
    """
    found = _slopes_by_rule(v) if lift else v.partials
    if v.op in OPERATIONS and OPERATIONS[v.op].selects:
        return [slope if data_of(slope) else None for slope in found]
    return found


def _slopes_by_rule(v: Value) -> list[Any]:
    """The slopes toward the parents by the rules of the row, as graphs over the operands."""
    row = OPERATIONS.get(v.op)
    if row is None:
        raise NotImplementedError(
            f"the second derivative of {v.op} is not defined: {v!r} was made by hand, with its "
            "slopes as plain numbers; give the operation its rules with define(...)"
        )
    operands = v.operands
    moves = [isinstance(x, Value) for x in operands]
    found = [d for d, m in zip(row.slopes(operands, v, moves), moves, strict=True) if m]
    for now, then in zip(found, v.partials, strict=True):
        if not (math.isclose(data_of(now), then, rel_tol=1e-9) or then != then):
            raise RuntimeError(
                f"an operand of {v!r} ({v.op}) was changed after it was computed: its slope was "
                f"{then!r} and is now {data_of(now)!r}; compute it again"
            )
    return found


def _times(slope: Any, g: Any) -> Any:
    """slope · g; a factor of 1, as after every sum, is not worth a node."""
    if slope.__class__ is float and slope == 1.0:
        return g
    return slope if g.__class__ is float and g == 1.0 else slope * g


def _accumulate(totals: dict[int, Any], v: Value, share: Any) -> None:
    totals[id(v)] = totals[id(v)] + share if id(v) in totals else share


def _result(x: Any, lift: bool) -> Any:
    """A derivative as it is given out: a Value or a float."""
    return (x if isinstance(x, Value) else Value(x)) if lift else data_of(x)


# ---- calling f --------------------------------------------------------------------------------


class _Run:
    """One call of f, on new Values in the place of the arguments that are differentiated by."""

    def __init__(
        self, f: Function, args: Sequence[Any], options: dict[str, Any], argnums: Any
    ) -> None:
        self.positions = positions(f, argnums, len(args))
        self.single = isinstance(argnums, int)
        self.asked = {i: args[i] for i in self.positions}
        fresh = [_fresh(x) for _, x in leaves(self.asked)]
        given = rebuild(self.asked, iter(fresh))
        outside = _outside.get()
        token = _outside.set(outside | {id(x) for x in fresh})
        try:
            self.output = f(*(given.get(i, x) for i, x in enumerate(args)), **options)
        finally:
            _outside.reset(token)
        self.inputs = fresh
        self.outputs = [z for _, z in leaves(self.output)]
        results = [z for z in self.outputs if isinstance(z, Value)]
        if not results:
            raise TypeError(
                f"{name_of(f)} returned {type(self.output).__name__}; it does not depend on its "
                "argument or left the engine (math.*, .data): compute with Values, as in x.sin()"
            )
        self.paths = _Paths(results, fresh, behind=False)
        met = {id(v) for v, _ in self.paths.order} if outside else ()
        self.lift = has_values((args, options)) or not outside.isdisjoint(met)

    @property
    def value(self) -> Tree:
        """What f returned, as it is given out."""
        return rebuild(self.output, (_result(z, self.lift) for z in self.outputs))

    def pull(self, weights: Sequence[Any]) -> Tree:
        """The gradient of Σ weight · output, in the nesting of the arguments."""
        lift = self.lift or has_values(weights)
        pairs = zip(self.outputs, weights, strict=True)
        seeds = [(z, w) for z, w in pairs if isinstance(z, Value) and (isinstance(w, Value) or w)]
        adjoints = self.paths.pull(seeds, lift)
        shares = (_result(adjoints.get(id(x), 0.0), lift) for x in self.inputs)
        parts = rebuild(self.asked, shares)
        return parts[self.positions[0]] if self.single else tuple(parts[i] for i in self.positions)

    def push(self, directions: Sequence[Any]) -> Tree:
        """The change of the output along a direction for each input."""
        lift = self.lift or has_values(directions)
        pairs = zip(self.inputs, directions, strict=True)
        moved = {id(x): d for x, d in pairs if isinstance(d, Value) or d}
        tangents = self.paths.push(moved, lift)
        changes = (_result(tangents.get(id(z), 0.0), lift) for z in self.outputs)
        return rebuild(self.output, changes)


def _fresh(x: Any) -> Value:
    """A new Value for f: what f does with x elsewhere must not count as its dependence on this."""
    if not isinstance(x, Value):
        return Value(x)
    fresh = x * 1.0
    fresh.label = x.label
    return fresh


def positions(f: Function, argnums: Any, count: int) -> list[int]:
    """The positions of the arguments to differentiate by, counted from 0."""
    if not callable(f):
        raise TypeError(
            f"expected a function to differentiate, got {type(f).__name__} {f!r:.40}: for a graph "
            "use gradients(z, wrt) or z.backward()"
        )
    wanted = [argnums] if isinstance(argnums, int) else argnums
    if not isinstance(wanted, Sequence) or not all(isinstance(i, int) for i in wanted):
        raise TypeError(f"argnums must be a whole number or a tuple of these, got {argnums!r}")
    for i in wanted:
        if not -count <= i < count:
            needed = i + 1 if i >= 0 else -i
            raise TypeError(
                f"differentiating with respect to argnums={i} requires at least {needed} "
                f"positional arguments, but {name_of(f)} got {count}: they count from 0, and "
                "keyword arguments are not differentiated by"
            )
    return [i % count for i in wanted]


def _arguments(primals: Any) -> Sequence[Any]:
    if not isinstance(primals, list | tuple):
        raise TypeError(f"primals must be a tuple of arguments, got {type(primals).__name__}: (x,)")
    return primals


def name_of(f: Any) -> str:
    while isinstance(f, functools.partial):
        f = f.func
    return str(getattr(f, "__name__", getattr(f, "name", type(f).__name__)))


def _named(f: Function, derivative: Function) -> Function:
    """The derivative under the name of f, which is what its error messages say."""
    derivative = functools.wraps(f, updated=())(derivative)
    derivative.__name__ = name_of(f)
    return derivative
