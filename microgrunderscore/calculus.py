"""Derivatives of functions: gradient, Jacobian, Hessian, and the check that they are right.

grad(f) is again a function, as in JAX. An argument may be a number, a Value, or lists, tuples and
dicts of these, nested; f gets Values in their place, and derivatives come back in the same nesting:
floats, if only numbers were given. If an argument is a Value, or if f uses Values that a call
further out differentiates by, they come back as Values, to be differentiated again, to any order.

Nothing is written into the Values of the caller (.grad stays as it is), so that threads may share
them.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from .engine import Value
from .numeric import data_of
from .operation import ARITHMETIC_ERRORS, OPERATIONS, number

Tree = Any  # a number, a Value, or lists, tuples and dicts of trees
Function = Callable[..., Any]
Place = tuple[Any, ...]  # where a leaf is in a tree: the keys that lead there

# What the calls further out differentiate by: a result that depends on it has to be a Value.
_outside: ContextVar[frozenset[int]] = ContextVar("_outside", default=frozenset())

# ---- functions to functions -------------------------------------------------------------------


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the gradient of f: the slope of f along each of its inputs.

    f: returns one Value.
    argnums: the argument to differentiate by, or a tuple of several, for a tuple of gradients.
    The function raises TypeError if f returns anything but one Value, or lacks such an argument;
    NotImplementedError where a Value made by hand would have to be differentiated twice.
    Source: the chain rule in reverse (Linnainmaa 1970), conventions of jax.grad.

    >>> grad(lambda x: x**3)(2.0), grad(grad(lambda x: x**3))(2.0)
    (12.0, 12.0)
    >>> grad(lambda w, x: w["a"] * x + w["b"])({"a": 3.0, "b": 1.0}, 2.0)
    {'a': 2.0, 'b': 1.0}
    """
    both = value_and_grad(f, argnums)
    return _named(f, lambda *args, **options: both(*args, **options)[1])


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the pair (value of f, gradient of f); see :func:`grad`.

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """

    def value_and_gradient(*args: Any, **options: Any) -> tuple[Any, Tree]:
        run = _Run(f, args, options, argnums)
        if not isinstance(run.output, Value):
            raise TypeError(
                f"{_name(f)} returned {type(run.output).__name__}, and a gradient is that of one "
                "Value: return one number, or use jacobian"
            )
        return run.value, run.pull([1.0])

    return _named(f, value_and_gradient)


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives, for each number that f returns, its gradient; see :func:`grad`.

    f: returns a Value, or lists, tuples and dicts of Values and numbers; the result has this
    nesting, with a gradient in the place of each.

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + 1.0])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0]]
    """

    def gradients_of_outputs(*args: Any, **options: Any) -> Tree:
        run = _Run(f, args, options, argnums)
        count = len(run.outputs)
        rows = (run.pull([float(i == j) for j in range(count)]) for i in range(count))
        return _rebuild(run.output, rows)

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
    primals: the arguments; tangents: a direction for each, in the same nesting; what has direction
    0 does not move, whatever the slope.
    Raises TypeError if these differ in nesting. Source: Wengert 1964, conventions of jax.jvp.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    run = _Run(f, _arguments(primals), {}, range(len(primals)))
    return run.value, run.push(_matching("tangents", tangents, "primals", tuple(primals)))


def vjp(f: Function, *primals: Tree) -> tuple[Tree, Function]:
    """The value of f, and the function that sends a weight for each output back to the arguments.

    One reverse sweep: the product of the weights and the Jacobian, whatever the number of outputs.
    The function takes the weights in the nesting of the value, and returns a tuple with an entry
    for each argument. Conventions of jax.vjp.

    >>> value, pull = vjp(lambda x: [x * x, 3.0 * x], 2.0)
    >>> value, pull([1.0, 10.0])
    ([4.0, 6.0], (34.0,))
    """
    run = _Run(f, primals, {}, range(len(primals)))
    return run.value, lambda weights: run.pull(_matching("weights", weights, "value", run.output))


def hvp(f: Function, primals: Sequence[Tree], vector: Sequence[Tree]) -> tuple[Tree, ...]:
    """The product of the Hessian of f and a vector, without the Hessian: a few passes over f.

    primals: the arguments; vector: a direction for each, in the same nesting, as the result is.
    Source: Pearlmutter 1994: the change of the gradient along the vector, forward over reverse.

    >>> hvp(lambda v: v[0] * v[0] * v[1], ([2.0, 3.0],), ([1.0, 0.0],))
    ([6.0, 4.0],)
    """
    gradient = grad(f, range(len(_arguments(primals))))
    return tuple(jvp(gradient, primals, vector)[1])


def gradients(z: Value, wrt: Tree, *, create_graph: bool = False) -> Tree:
    """∂z/∂w for each Value w of a graph: as z.backward(), without writing to any .grad.

    wrt: a Value, or lists, tuples and dicts of Values; 0 for those that z does not depend on.
    create_graph: give Values that can be differentiated again, instead of floats.
    Raises TypeError for a z or a w that is no Value, NotImplementedError if create_graph meets a
    node made by hand, RuntimeError if it meets one whose operands were changed since.

    >>> x, y = Value(2.0), Value(3.0)
    >>> gradients(x * x * y, [x, y])
    [12.0, 4.0]
    """
    leaves = [w for _, w in _leaves(wrt)]
    for w in (z, *leaves):
        if not isinstance(w, Value):
            raise TypeError(
                f"gradients(z, wrt) reads a graph of Values, got {type(w).__name__} {w!r:.40}: "
                "for a function use grad(f)"
            )
    adjoints = _Paths([z], leaves, through=True).pull([(z, 1.0)], create_graph)
    return _rebuild(wrt, (_result(adjoints.get(id(w), 0.0), create_graph) for w in leaves))


# ---- the two sweeps ---------------------------------------------------------------------------


class _Paths:
    """The nodes of a graph on the way from some inputs to some outputs, parents first.

    through: also look for inputs behind inputs.
    """

    def __init__(self, outputs: Iterable[Value], inputs: Iterable[Value], through: bool) -> None:
        self.moving = {id(x) for x in inputs}  # what depends on the inputs
        self.seen: set[int] = set(() if through else self.moving)
        self.nodes: list[tuple[Value, tuple[Value, ...]]] = []
        # Depth first, with a stack of our own and in the order of Value.backward(), see there.
        stack: list[Any] = list(outputs)
        while stack:
            v = stack.pop()
            if v is None:
                node, parents = stack.pop()
                if not self.moving.isdisjoint(map(id, parents)):
                    self.moving.add(id(node))
                    self.nodes.append((node, parents))
            elif id(v) not in self.seen:
                self.seen.add(id(v))
                if parents := v.parents:
                    stack += ((v, parents), None, *parents)

    def pull(self, seeds: Iterable[tuple[Value, Any]], lift: bool) -> dict[int, Any]:
        """Reverse: from each node its adjoint, times the slope, to its parents; all adjoints."""
        adjoints: dict[int, Any] = {}
        for z, seed in seeds:
            _accumulate(adjoints, z, seed)
        for v, parents in reversed(self.nodes):
            g = adjoints.get(id(v))
            if g is not None:
                for x, slope in zip(parents, _slopes(v, lift), strict=True):
                    if slope is not None and id(x) in self.moving:
                        _accumulate(adjoints, x, _times(slope, g))
        return adjoints

    def push(self, tangents: dict[int, Any], lift: bool) -> dict[int, Any]:
        """Forward: to each node the tangents of its parents, times the slopes; all tangents."""
        for v, parents in self.nodes:
            for x, slope in zip(parents, _slopes(v, lift), strict=True):
                if slope is not None and id(x) in tangents:
                    _accumulate(tangents, v, _times(slope, tangents[id(x)]))
        return tangents


def _slopes(v: Value, lift: bool) -> Sequence[Any]:
    """The slope toward each parent, None for one that was not selected: that is no edge."""
    slopes = _slopes_as_values(v) if lift else v.partials
    if v.op in OPERATIONS and OPERATIONS[v.op].selects:
        return [slope if data_of(slope) else None for slope in slopes]
    return slopes


def _slopes_as_values(v: Value) -> list[Any]:
    """The slopes toward the parents by the rules of the row, as graphs over the operands."""
    row = OPERATIONS.get(v.op)
    if row is None:
        raise NotImplementedError(
            f"the second derivative of {v.op} is not defined: {v!r} was made by hand, with its "
            "slopes as plain numbers; give the operation its rules with define(...)"
        )
    operands = v.operands
    moves = [isinstance(x, Value) for x in operands]
    slopes = [d for d, m in zip(row.slopes(operands, v, moves), moves, strict=True) if m]
    for now, then in zip(slopes, v.partials, strict=True):
        if not (math.isclose(data_of(now), then, rel_tol=1e-9) or then != then):
            raise RuntimeError(
                f"an operand of {v!r} ({v.op}) was changed after it was computed: its slope was "
                f"{then!r} and is now {data_of(now)!r}; compute it again"
            )
    return slopes


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
        self.positions = _positions(f, argnums, len(args))
        self.single = isinstance(argnums, int)
        self.asked = {i: args[i] for i in self.positions}
        fresh = [_fresh(x) for _, x in _leaves(self.asked)]
        given = _rebuild(self.asked, iter(fresh))
        outside = _outside.get()
        token = _outside.set(outside | {id(x) for x in fresh})
        try:
            self.output = f(*(given.get(i, x) for i, x in enumerate(args)), **options)
        finally:
            _outside.reset(token)
        self.inputs = fresh
        self.outputs = [z for _, z in _leaves(self.output)]
        results = [z for z in self.outputs if isinstance(z, Value)]
        if not results:
            raise TypeError(
                f"{_name(f)} returned {type(self.output).__name__}; it does not depend on its "
                "argument or left the engine (math.*, .data): compute with Values, as in x.sin()"
            )
        self.paths = _Paths(results, fresh, through=False)
        self.lift = _has_values((args, options)) or not outside.isdisjoint(self.paths.seen)

    @property
    def value(self) -> Tree:
        """What f returned, as it is given out."""
        return _rebuild(self.output, (_result(z, self.lift) for z in self.outputs))

    def pull(self, weights: Sequence[Any]) -> Tree:
        """The gradient of Σ weight · output, in the nesting of the arguments."""
        lift = self.lift or _has_values(weights)
        pairs = zip(self.outputs, weights, strict=True)
        seeds = [(z, w) for z, w in pairs if isinstance(z, Value) and (isinstance(w, Value) or w)]
        adjoints = self.paths.pull(seeds, lift)
        shares = (_result(adjoints.get(id(x), 0.0), lift) for x in self.inputs)
        parts = _rebuild(self.asked, shares)
        return parts[self.positions[0]] if self.single else tuple(parts[i] for i in self.positions)

    def push(self, directions: Sequence[Any]) -> Tree:
        """The change of the output along a direction for each input."""
        lift = self.lift or _has_values(directions)
        pairs = zip(self.inputs, directions, strict=True)
        moved = {id(x): d for x, d in pairs if isinstance(d, Value) or d}
        tangents = self.paths.push(moved, lift)
        changes = (_result(tangents.get(id(z), 0.0), lift) for z in self.outputs)
        return _rebuild(self.output, changes)


def _fresh(x: Any) -> Value:
    """A new Value for f: what f does with x elsewhere must not count as its dependence on this."""
    if not isinstance(x, Value):
        return Value(x)
    fresh = x * 1.0
    fresh.label = x.label
    return fresh


def _positions(f: Function, argnums: Any, count: int) -> list[int]:
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
                f"positional arguments, but {_name(f)} got {count}: they count from 0, and "
                "keyword arguments are not differentiated by"
            )
    return [i % count for i in wanted]


def _arguments(primals: Any) -> Sequence[Any]:
    if not isinstance(primals, list | tuple):
        raise TypeError(f"primals must be a tuple of arguments, got {type(primals).__name__}: (x,)")
    return primals


def _name(f: Any) -> str:
    while isinstance(f, functools.partial):
        f = f.func
    return str(getattr(f, "__name__", getattr(f, "name", type(f).__name__)))


def _named(f: Function, derivative: Function) -> Function:
    """The derivative under the name of f, which is what its error messages say."""
    derivative = functools.wraps(f, updated=())(derivative)
    derivative.__name__ = _name(f)
    return derivative


# ---- nestings ---------------------------------------------------------------------------------


def _leaves(tree: Tree, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Everything in a nesting of lists, tuples and dicts, each with the keys that lead there."""
    if not isinstance(tree, list | tuple | dict):
        yield place, tree
        return
    for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _leaves(branch, (*place, key))


def _rebuild(tree: Tree, leaves: Iterator[Any]) -> Tree:
    """The same nesting, with other leaves."""
    if isinstance(tree, dict):
        return {key: _rebuild(branch, leaves) for key, branch in tree.items()}
    if not isinstance(tree, list | tuple):
        return next(leaves)
    branches = [_rebuild(branch, leaves) for branch in tree]
    if hasattr(tree, "_fields"):  # a named tuple takes its entries one by one
        return type(tree)(*branches)
    return branches if isinstance(tree, list) else tuple(branches)


def _has_values(tree: Tree) -> bool:
    return any(isinstance(x, Value) for _, x in _leaves(tree))


def _matching(what: str, tree: Tree, model_name: str, model: Tree) -> list[Any]:
    """The leaves of a tree that must be nested as the model is, in the order of the model."""
    given, wanted = dict(_leaves(tree)), [place for place, _ in _leaves(model)]
    if given.keys() != set(wanted):
        raise TypeError(
            f"{what} must be nested as the {model_name} is, a number for each number: got "
            f"{len(given)} for {len(wanted)}: {tree!r:.60}"
        )
    return [x if isinstance(x := given[place], Value) else number(x) for place in wanted]


# ---- are the derivatives right? ---------------------------------------------------------------

EPSILON = sys.float_info.epsilon
_QUARTER_DECADES = [10.0 ** (-k / 4) for k in range(61)]


@dataclass(frozen=True)
class GradcheckReport:
    """How a derivative compares with differences of f, at the entry where they agree least.

    place: the argument and the keys in it; point: all arguments, as plain numbers, and x: the
    number at that place; analytic: the derivative by the rules; numeric: by differences;
    tolerance: how far apart these may be; one_sided: the slopes to the left and to the right, where
    f has a kink; notes: what was done where f is not defined on both sides.
    """

    ok: bool
    function: str
    place: str
    point: tuple[Tree, ...]
    x: float
    analytic: float
    numeric: float
    tolerance: float
    one_sided: tuple[float, float] | None
    notes: tuple[str, ...]
    along: Callable[[float], float] = field(repr=False, compare=False)

    def __str__(self) -> str:
        verdict = "agrees" if self.ok else "disagrees"
        lines = [
            f"the gradient of {self.function} {verdict} with differences, {self.place} at "
            f"{self.x!r}: analytic {self.analytic!r}, numeric {self.numeric!r}, tolerance "
            f"{self.tolerance:.2g}; called with {self.point!r:.200}"
        ]
        if self.one_sided:
            left, right = (f"{x + 0.0:.4g}".replace("-", "−") for x in self.one_sided)
            lines.append(f"one-sided slopes {left} and {right}: not differentiable here")
        elif not self.ok:
            lines.append("check the rules of the operations that f uses; .curve() shows the steps")
        return "\n".join((*lines, *self.notes))

    def curve(self, steps: Sequence[float] = ()) -> tuple[list[float], list[float]]:
        """(steps, errors): |central difference − analytic| for each step, a U if all is well.

        Large steps see the curvature of f, small ones the rounding of floats. steps: from 1 to
        10⁻¹⁵ when left out; those that leave the domain of f are left out.
        """
        slopes = (_central(self.along, self.x, h) for h in steps or _QUARTER_DECADES)
        kept = [(h, abs(slope - self.analytic)) for h, slope in slopes if math.isfinite(slope)]
        return [h for h, _ in kept], [error for _, error in kept]


def gradcheck(
    f: Function,
    *args: Tree,
    argnums: int | Sequence[int] | None = None,
    step: float | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    raise_error: bool = True,
) -> GradcheckReport:
    """Compare the gradient of f with differences (f(x + h) − f(x − h)) / 2h, entry by entry.

    f: returns one Value; the same at every call with the same arguments.
    args: where to check; argnums: the arguments to check, all of them when left out.
    step: h, or ε^⅓ · max(1, |x|) when left out, which balances curvature and rounding. Smaller ones
        follow until two of them agree, or where f is not defined at x ± h; one-sided differences
        where it is defined on one side only. Neither looks at the gradient that is checked.
    rtol, atol: |analytic − numeric| may be atol + rtol · |numeric|, and the rounding ε · |f| / h.
    raise_error: raise AssertionError with the report as its message where they differ, or where f
        has a kink; False gives the report only.

    >>> gradcheck(lambda x, y: (x * y).sin(), 0.5, 2.0).ok
    True
    """
    argnums = range(len(args)) if argnums is None else argnums
    positions = _positions(f, argnums, len(args))
    asked = [_rebuild(args[i], (data_of(x) for _, x in _leaves(args[i]))) for i in positions]
    point = list(args)
    for i, numbers in zip(positions, asked, strict=True):
        point[i] = numbers
    _, slopes = value_and_grad(f, positions)(*point)
    entries = [((positions[i], *place), x) for (i, *place), x in _leaves(asked)]
    if not entries:
        raise TypeError(f"gradcheck of {_name(f)} needs a number to vary: give its arguments")
    reports = [
        _check_entry(f, point, place, x, slope, step, rtol, atol)
        for (place, x), (_, slope) in zip(entries, _leaves(slopes), strict=True)
    ]
    worst = max(reports, key=_badness)
    if raise_error and not worst.ok:
        raise AssertionError(str(worst))
    return worst


def _check_entry(
    f: Function,
    point: list[Tree],
    place: Place,
    x: float,
    analytic: float,
    step: float | None,
    rtol: float,
    atol: float,
) -> GradcheckReport:
    """The report for one entry of the arguments."""

    @functools.cache
    def along(t: float) -> float:
        """f with t in this place."""
        arguments = list(point)
        branch = point[place[0]]
        leaves = (t if where == place[1:] else leaf for where, leaf in _leaves(branch))
        arguments[place[0]] = _rebuild(branch, map(Value, leaves))
        return data_of(f(*arguments))

    h = step or EPSILON ** (1 / 3) * max(1.0, abs(x))
    numeric, used, notes = _difference(along, x, h, rtol, atol)
    name = f"argument {place[0]}" + "".join(f"[{key!r}]" for key in place[1:])
    tolerance = atol + rtol * abs(numeric) + 4.0 * EPSILON * abs(along(x)) / used
    kink = _kink(along, x, used, atol)
    return GradcheckReport(
        ok=kink is None and abs(analytic - numeric) <= tolerance,
        function=_name(f),
        place=name,
        point=tuple(point),
        x=x,
        analytic=analytic,
        numeric=numeric,
        tolerance=tolerance,
        one_sided=kink,
        notes=tuple(f"{name}: {note}" for note in notes),
        along=along,
    )


def _difference(
    along: Callable[[float], float], x: float, h: float, rtol: float, atol: float
) -> tuple[float, float, list[str]]:
    """(slope by differences, the step that gave it, what there is to say about it)."""
    steps = [h / 10.0**k for k in range(17)]
    near = EPSILON ** (1 / 3) * abs(x)
    if 0.0 < near < steps[-1]:  # this close to 0, only steps of its own size stay on one side
        steps += [near, near / 10.0, near / 100.0]
    found = _settled((_central(along, x, h) for h in steps), along(x), rtol, atol)
    if found is not None:
        numeric, used, first = found
        return numeric, used, [] if first == h else [f"f ends within {h:.2g} of x: smaller steps"]
    for side, sign in (("right", 1.0), ("left", -1.0)):
        found = _settled((_one_sided(along, x, sign * h) for h in steps), along(x), rtol, atol)
        if found is not None:
            return *found[:2], [f"f is defined on the {side} of x only: one-sided differences"]
    return math.nan, h, ["f is not defined on either side of x: no differences"]


def _settled(
    slopes: Iterable[tuple[float, float]], y: float, rtol: float, atol: float
) -> tuple[float, float, float] | None:
    """(slope, its step, the first step) of the two successive ones that agree best, if any.

    slopes: (step, slope) as steps shrink, nan where f is not defined. Two that agree well end the
    search; otherwise curvature is judged by how far they are apart, rounding by ε · |y| / step.
    """
    best: tuple[float, float, float] | None = None
    before: tuple[float, float] | None = None
    first = least = math.inf
    for h, slope in slopes:
        if not math.isfinite(slope):
            continue
        if before is None:
            first = h
        else:
            error = abs(slope - before[1]) + EPSILON * abs(y) / before[0]
            if error < least:
                least, best = error, (before[1], before[0], first)
            if error <= 0.5 * (atol + rtol * abs(slope)):
                break
        before = h, slope
    return best


def _kink(
    along: Callable[[float], float], x: float, h: float, atol: float
) -> tuple[float, float] | None:
    """The slopes to the left and to the right, if they stay apart however small the step.

    Where f is smooth, the gap between them is h · f″(x), and shrinks with h.
    """
    widest: tuple[float, float] | None = None  # at the first step, where rounding matters least
    kink, gap_before = None, math.inf
    for k in range(8):
        step = h / 10.0**k
        left, right = _one_sided(along, x, -step)[1], _one_sided(along, x, step)[1]
        gap = abs(right - left)
        if not gap > max(atol, 1e-3 * max(abs(left), abs(right))):
            return None
        if gap <= 100.0 * EPSILON * abs(along(x)) / step:  # smaller steps see the rounding of f
            break
        widest = widest or (left, right)
        kink = widest if gap > 0.9 * gap_before else None
        gap_before = gap
    return kink


def _central(along: Callable[[float], float], x: float, h: float) -> tuple[float, float]:
    """(h, slope between x − h and x + h), nan where f is not defined at both."""
    low, high = x - h, x + h
    if not low < x < high:
        return h, math.nan
    return h, (_value_or_nan(along, high) - _value_or_nan(along, low)) / (high - low)


def _one_sided(along: Callable[[float], float], x: float, h: float) -> tuple[float, float]:
    """(|h|, slope between x and x + h), nan where f is not defined there."""
    run = (x + h) - x
    return abs(h), (_value_or_nan(along, x + h) - along(x)) / run if run else math.nan


def _value_or_nan(along: Callable[[float], float], t: float) -> float:
    try:
        return along(t)
    except ARITHMETIC_ERRORS:
        return math.nan


def _badness(report: GradcheckReport) -> float:
    """How many tolerances apart; a kink, or nan, is worse than any number."""
    ratio = abs(report.analytic - report.numeric) / max(report.tolerance, sys.float_info.min)
    return math.inf if report.one_sided or math.isnan(ratio) else ratio
