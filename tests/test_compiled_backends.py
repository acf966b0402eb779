"""Compiled = eager, on every backend: each operation, each odd number, each random graph.

Values of one operation are within 4 units in the last place of the engine's (they are its own bits
on the Python backend), gradients within 1e-12, or as many units as the operation's rule may lose.
Values of a graph are within BOUND · Σ |∂z/∂node| · ulp(node): what each node may have been off by,
to first order, as far as the result feels it.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
import os
import pickle
import random
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from backends import assert_as_eager, assert_near, every_backend
from dags import random_dag, run
from points import POINTS, ROWS
from samples import EPS, FEW, NORMAL, SAMPLES, SPECIALS

import microgrunderscore as mg
from microgrunderscore import OPERATIONS, TraceError, Value, calculus, define

ULPS = 4.0  # of a value that a backend computes in its own way
BOUND = 8.0  # units in the last place that a node of a graph may be off by
Point = tuple[float, ...]

every_row = pytest.mark.parametrize("name", ROWS)


def of_list(name: str) -> Callable[[Any], Any]:
    """An operation as a function of the list of its operands."""
    return lambda xs: OPERATIONS[name](*xs)


def by_length(points: Iterator[Point]) -> list[list[list[float]]]:
    """Points that have equally many numbers together."""
    found: dict[int, list[list[float]]] = {}
    for point in points:
        found.setdefault(len(point), []).append(list(point))
    return list(found.values())


def smooth(name: str) -> list[list[list[float]]]:
    return by_length(SAMPLES[name].smooth(8))


def special(name: str) -> list[list[float]]:
    """Odd numbers in all combinations."""
    count = OPERATIONS[name].arity or 2
    if name == "dot":
        count = 4
    numbers = {1: SPECIALS, 2: SPECIALS, 3: FEW, 4: FEW[:6]}[count]
    return [list(p) for p in itertools.product(numbers, repeat=count)]


def size(name: str, xs: Sequence[float], z: float) -> float:
    """The largest number in sight while a value is computed, whose units count."""
    if name in ("sum_of", "mean"):
        return sum(map(abs, xs)) / (len(xs) if name == "mean" else 1.0)
    if name == "dot":
        n = len(xs) // 2
        return sum(abs(w * x) for w, x in zip(xs, xs[n:], strict=False)) + abs(xs[-1])
    return max(abs(z), *map(abs, xs)) if name == "logsumexp" else abs(z)


def is_same(x: float, y: float, off_by: float = 0.0) -> bool:
    """Equal, or both nan, or next to each other."""
    return x == y or (x != x and y != y) or abs(x - y) <= off_by


# ---- the table, where it is smooth ---------------------------------------------------------------


@every_row
@every_backend
def test_values_are_the_engines(name: str, backend: str) -> None:
    f = mg.compile(of_list(name), backend=backend)
    for points in smooth(name):
        for xs, found in zip(points, f(points), strict=True):
            z = OPERATIONS[name].on_floats(xs)
            units = 0.0 if backend == "python" else ULPS
            assert is_same(found, z, units * math.ulp(size(name, xs, z))), (xs, found, z)


@every_row
@every_backend
def test_gradients_are_the_engines(name: str, backend: str) -> None:
    f, slack = mg.compile(of_list(name), backend=backend), SAMPLES[name].slack
    for points in smooth(name):
        for xs, found in zip(points, f.gradient(points), strict=True):
            for i, (x, d) in enumerate(zip(found, calculus.grad(of_list(name))(xs), strict=True)):
                units = max(1e-12 / EPS, slack.ulps(i, tuple(xs), d) if slack and d else 0.0)
                assert is_same(x, d, units * math.ulp(d)), (xs, i, x, d)


@every_row
@every_backend
def test_second_derivatives_are_the_engines(name: str, backend: str) -> None:
    f = mg.compile(of_list(name), backend=backend)
    for points in by_length(iter(POINTS[name])):
        for xs, found in zip(points, f.hessian(points), strict=True):
            expected = calculus.hessian(of_list(name))(xs)
            assert_near([*itertools.chain(*found)], [*itertools.chain(*expected)])


@every_backend
def test_derivatives_by_plain_numbers_are_the_engines(backend: str) -> None:
    """Where an operand is data, a tie is not shared with it."""
    tie = [(2.0, 2.0), (2.0, 1.0), (2.0, 3.0)]
    for name in ("maximum", "minimum", "clip", "max_of", "min_of", "pow", "where", "hypot"):
        w = Value(2.0)
        more = {"clip": (2.5,), "where": (0.5,)}.get(name, ())

        def loss(x: Any, y: Any, name: str = name, more: Any = more, w: Any = w) -> Any:
            return OPERATIONS[name](w, x, *more) * y + OPERATIONS[name](x, w, *more)

        f = mg.compile(loss, [w], backend=backend)
        for x, y in tie:
            w.grad = 0.0
            loss(x, y).backward()
            expected = w.grad
            f([x], [y])
            assert w.grad == pytest.approx(expected, rel=1e-14), (name, x, y)


# ---- odd numbers -------------------------------------------------------------------------------


def engine_value(name: str, xs: Sequence[float]) -> float | None:
    try:
        return float(OPERATIONS[name].on_floats(xs))
    except (ArithmeticError, ValueError):
        return None


@every_row
@every_backend
def test_odd_numbers_give_what_the_engine_gives(name: str, backend: str) -> None:
    points = special(name)
    f = mg.compile(of_list(name), backend=backend, nonfinite="ignore")
    wrong = []
    for xs, found in zip(points, f(points), strict=True):
        z = engine_value(name, xs)
        if z is not None and not is_same(found, z, ULPS * math.ulp(size(name, xs, z))):
            wrong.append((xs, found, z))
    assert not wrong, f"{len(wrong)} of {len(points)}: {wrong[:5]}"


@every_row
@every_backend
def test_odd_numbers_have_the_engines_gradient(name: str, backend: str) -> None:
    points = special(name)
    f = mg.compile(of_list(name), backend=backend, nonfinite="ignore")
    tiny = NORMAL if backend == "numpy" else 0.0  # NumPy's exp gives 0 below the normal floats
    wrong = []
    for xs, found in zip(points, f.gradient(points), strict=True):
        if engine_value(name, xs) is None:
            continue
        leaves = [Value(x) for x in xs]
        OPERATIONS[name](*leaves).backward()
        for x, leaf in zip(found, leaves, strict=True):
            if not is_same(x, leaf.grad, tiny + 1e-12 / EPS * math.ulp(leaf.grad)):
                wrong.append((xs, found, [leaf.grad for leaf in leaves]))
                break
    assert not wrong, f"{len(wrong)} of {len(points)}: {wrong[:5]}"


ERRORS = [
    pytest.param(name, *error, id=f"{name}{error[0]}")
    for name, sample in SAMPLES.items()
    for error in sample.errors
]


@pytest.mark.parametrize(("name", "xs", "error", "parts"), ERRORS)
@every_backend
def test_errors_are_the_engines_and_name_the_sample(
    name: str, xs: Point, error: type[Exception], parts: Sequence[str], backend: str
) -> None:
    f = mg.compile(of_list(name), backend=backend)
    good = [0.7] * len(xs) if name != "acosh" else [1.5]
    for compute in (f, f.gradient, f.jacobian, f.hessian):
        with pytest.raises(error) as found:
            compute([good, list(xs), good])
        assert all(part in str(found.value) for part in parts)
        assert "in sample 1" in found.value.__notes__


# ---- operations of one's own --------------------------------------------------------------------


@pytest.fixture
def own() -> Iterator[Callable[..., Any]]:
    """define, for the time of a test."""
    before = set(OPERATIONS)
    yield define
    for name in set(OPERATIONS) - before:
        del OPERATIONS[name]


def swish(x: float) -> float:
    return x / (1.0 + math.exp(-x))


OWN = {
    "called": {},
    "expanded": {"expansion": lambda x: x * mg.sigmoid(x)},
    "with whole numbers": {"expansion": lambda x: x * (1 / (1 + mg.exp(-1 * x)))},
}


@pytest.mark.parametrize("how", OWN)
@every_backend
def test_operations_of_ones_own(how: str, backend: str, own: Callable[..., Any]) -> None:
    row = own("swish", swish, lambda x, z: mg.sigmoid(x) * (1 + x * mg.sigmoid(-x)), **OWN[how])
    f = mg.compile(lambda x: row(x) * x, backend=backend)
    for points in ([0.3], [0.3, -1.7, 2.0, 5.0, -8.0, 0.1, 0.2, 0.4, 0.5]):
        assert f(points) == pytest.approx([swish(x) * x for x in points], rel=1e-15)
        expected = [calculus.grad(lambda x: row(x) * x)(x) for x in points]
        assert f.gradient(points) == pytest.approx(expected, rel=1e-12)
        [[second]] = [calculus.hessian(lambda v: row(v[0]) * v[0])([points[0]])]
        assert f.hessian(points)[0][0] == pytest.approx(second, rel=1e-12)


@every_backend
def test_an_operation_of_many_operands_of_ones_own(backend: str, own: Callable[..., Any]) -> None:
    row = own("squares", lambda *xs: sum(x * x for x in xs), lambda *t: [2.0 * x for x in t[:-1]])
    f = mg.compile(lambda x: row(*x) * x[0], backend=backend)
    points = [[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]]
    assert f(points) == [14.0, 2.625]
    expected = [calculus.grad(lambda x: row(*x) * x[0])(x) for x in points]
    for found, wanted in zip(f.gradient(points), expected, strict=True):
        assert_near(found, wanted)


@every_backend
def test_a_rule_that_asks_if_cannot_be_compiled(backend: str, own: Callable[..., Any]) -> None:
    row = own("kinked", lambda x: max(x, 0.0), lambda x, z: 1.0 if x > 0.0 else 0.0)
    f = mg.compile(lambda x: row(x) * x, backend=backend)
    assert f([2.0, -1.0]) == [4.0, 0.0]  # the value is called, number by number
    with pytest.raises(TraceError, match="where"):
        f.gradient([2.0, -1.0])


@pytest.mark.parametrize("name", ["x", "U", "G", "lanes", "samples", "run", "v3", "s1", "größe"])
@every_backend
def test_an_operation_may_have_any_name(name: str, backend: str, own: Callable[..., Any]) -> None:
    row = own(name, lambda x: x * x, lambda x, z: 2.0 * x)
    f = mg.compile(lambda x: row(x + 1.0) * row(x + 2.0) * x, backend=backend)
    assert f([1.0, 2.0]) == [36.0, 288.0]


@every_backend
def test_what_a_value_of_ones_own_raises_comes_through(
    backend: str, own: Callable[..., Any]
) -> None:
    """Machine code calls it, too, and must not go on with garbage."""

    def looked_up(x: float) -> float:
        return {1.0: 2.0}[x]

    row = own("looked_up", looked_up, lambda x, z: 1.0)
    f = mg.compile(lambda x: row(x), backend=backend)
    with pytest.raises(KeyError):
        f([1.0, 3.0])


# ---- random graphs ------------------------------------------------------------------------------

DAGS, TOGETHER, NODES, INPUTS, SAMPLES_OF_EACH = 300, 25, 20, 3, 16
BUNDLES = (10_000 if os.environ.get("EXHAUSTIVE") else DAGS) // TOGETHER
PARTS = 20  # tests that share the work, so that one sees how far it is


# Of all graphs at a point: results, how far they may be off, gradients, the largest ∂z/∂node.
Expected = tuple[list[float], list[float], list[list[float]], list[float]]


class Bundle:
    """Several random graphs on the same inputs, as one function, and points where they are tame."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        point = [rng.uniform(-2.0, 2.0) for _ in range(INPUTS)]
        self.dags = [random_dag(rng, point, NODES) for _ in range(TOGETHER)]
        self.points: list[list[float]] = []
        self.expected: list[Expected] = []
        spread = 0.05
        while len(self.points) < SAMPLES_OF_EACH:
            there = [x + rng.gauss(0.0, spread) for x in point]
            spread *= 0.9  # at the point itself all is well
            try:
                nodes = [run(dag, [Value(x) for x in there], OPERATIONS) for dag in self.dags]
            except (ArithmeticError, ValueError):
                continue
            if all(abs(v.data) < 1e3 for each in nodes for v in each):
                self.points.append(there)
                self.expected.append(self._expected(nodes))

    def __call__(self, v: Any) -> list[Any]:
        return [run(dag, v, OPERATIONS)[-1] for dag in self.dags]

    @staticmethod
    def _expected(nodes: list[list[Value]]) -> Expected:
        results, bounds, gradients, most = [], [], [], []
        for each in nodes:
            each[-1].backward()
            felt = [abs(v.grad) for v in each]
            results.append(each[-1].data)
            bounds.append(
                BOUND * sum(g * math.ulp(v.data) for g, v in zip(felt, each, strict=True))
            )
            gradients.append([v.grad for v in each[:INPUTS]])
            most.append(max(felt))
        return results, bounds, gradients, most


bundle_of = functools.lru_cache(None if BUNDLES < 100 else 1)(Bundle)


@pytest.mark.parametrize("part", range(min(PARTS, BUNDLES)))
@every_backend
def test_random_graphs_are_the_engines(part: int, backend: str) -> None:
    for seed in range(part, BUNDLES, min(PARTS, BUNDLES)):
        bundle = bundle_of(seed)
        f = mg.compile(bundle, backend=backend)
        values, slopes = f(bundle.points), f.jacobian(bundle.points)
        for found, rows, (results, bounds, gradients, slack) in zip(
            values, slopes, bundle.expected, strict=True
        ):
            for k, (x, z, bound) in enumerate(zip(found, results, bounds, strict=True)):
                assert abs(x - z) <= bound, (seed, k, x, z, bound)
            for k, (row, gradient, most) in enumerate(zip(rows, gradients, slack, strict=True)):
                for x, g in zip(row, gradient, strict=True):
                    assert abs(x - g) <= 1e-10 * (1.0 + most), (seed, k, x, g)


@every_backend
def test_large_graphs_are_the_engines(backend: str) -> None:
    """Several functions of machine code, one after another."""
    rng = random.Random(7)
    point = [rng.uniform(-1.0, 1.0) for _ in range(4)]
    dag = random_dag(rng, point, 1500, [n for n in OPERATIONS if n in ("add", "mul", "tanh", "sin",
                     "sub", "sigmoid", "atan", "minimum")])  # fmt: skip
    ws = [Value(x) for x in point]

    def loss(x: Any) -> Any:
        return mg.mean(run(dag, ws, OPERATIONS)[-200:]) * x

    f = mg.compile(loss, ws, backend=backend)
    loss(1.0).backward()
    expected = [w.grad for w in ws]
    f([1.0] * 5)
    assert_near([w.grad for w in ws], expected, 1e-11)


# ---- what once went wrong ------------------------------------------------------------------------


@every_backend
def test_a_computed_index_that_others_read_as_well(backend: str) -> None:
    table = [Value(float(i)) for i in range(60)]

    def loss(*xs: Any) -> Any:
        ids = [x + 1.0 for x in xs]
        return mg.sum_of(*[mg.take(table, i) * mg.exp(i) for i in ids])

    xs = [[float(k % 5), 1.0, 3.0, 2.0] * 4 for k in range(12)]
    assert_as_eager(mg.compile(loss, table, backend=backend), loss, *xs)


@every_backend
@pytest.mark.parametrize("count", [1, 2, 3, 4, 12])
def test_parameters_of_the_penalty_alone(backend: str, count: int) -> None:
    a, b, c = Value(1.0), Value(0.5), Value(2.0)
    ps = [Value(0.1 + 0.01 * k) for k in range(64)]
    ids, X = [k % 2 for k in range(count)], [0.3 * k - 1.0 for k in range(count)]

    def gathering(i: Any, x: Any) -> Any:
        return mg.take([a, c], i) * x + 0.1 * mg.exp(b)

    def adding(i: Any, x: Any) -> Any:
        data = mg.sum_of(*[mg.tanh(p * x) * i for p in ps[::2]])
        return data + mg.sum_of(*[mg.exp(p) * 0.1 for p in ps[1::2]])

    for loss, parameters in ((gathering, [a, b, c]), (adding, ps)):
        f = mg.compile(loss, parameters, backend=backend)
        assert_as_eager(f, loss, ids, X)


@every_backend
def test_operations_on_parameters_alone(backend: str) -> None:
    w = Value(0.4)

    def loss(x: Any) -> Any:
        return x * mg.erf(w) + mg.gelu(w) * x + mg.silu(w)

    assert_as_eager(mg.compile(loss, [w], backend=backend), loss, [1.0, 2.0, -1.0])


@every_backend
def test_an_index_is_rounded_as_it_was_looked_after(backend: str) -> None:
    table = [Value(float(i)) for i in range(4)]
    f = mg.compile(lambda x: mg.take(table, x * 7.0 - 897.0), table, backend=backend)
    assert f([128.28571428571428] * 4) == 1.0


@every_backend
def test_infinity_is_not_spoilt_by_what_fills_up_a_block(backend: str) -> None:
    w = Value(1.0)
    for n in (1, 2, 3, 4, 5, 8, 9, 17):
        f = mg.compile(lambda x: w * mg.log(x), [w], backend=backend, nonfinite="ignore")
        assert f([1.0] * (n - 1) + [0.0]) == -math.inf
        assert w.grad == -math.inf


@every_backend
def test_a_copy_computes_for_itself(backend: str) -> None:
    w = Value(3.0)
    f = mg.compile(lambda x: w * x, backend=backend)
    f([1.0])
    for other in (copy.copy(f), copy.deepcopy(f)):
        assert other([2.0]) == [6.0]
    loss = mg.compile(lambda x: w * x, [w], backend=backend)
    loss([1.0])
    assert copy.deepcopy(loss)([2.0]) == 6.0
    assert w.grad == 2.0
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(f)


@every_backend
def test_threads_share_a_function(backend: str) -> None:
    model = mg.MLP(4, [16, 2], activation="tanh", seed=1)
    f = mg.compile(model, backend=backend)
    batches = [[[0.1 * k + 0.01 * i] * 4 for i in range(200)] for k in range(4)]
    wanted = [f(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for found in [list(pool.map(f, batches)) for _ in range(5)]:
            assert found == wanted


@every_backend
def test_own_operations_of_several_lengths(backend: str) -> None:
    own = mg.define("spread_of", lambda *xs: max(xs) - min(xs), lambda *t: (0.0,) * (len(t) - 1))
    try:
        f = mg.compile(lambda x: own(x, 2 * x) + own(x, 2 * x, 3 * x), backend=backend)
        assert f([1.0, -2.0]) == [3.0, 6.0]
    finally:
        del OPERATIONS["spread_of"]


@every_backend
def test_types_of_samples_are_structures(backend: str) -> None:
    P, Q = namedtuple("P", "x y"), namedtuple("Q", "y x")
    f = mg.compile(lambda p: 10.0 * p.x + p.y, backend=backend)
    assert f([P(1.0, 2.0)]) == [12.0]
    assert f([Q(1.0, 2.0)]) == [21.0]


@every_backend
def test_momentum_may_be_switched_on(backend: str) -> None:
    w, v = Value(1.0), Value(1.0)
    optimizer, eager = mg.SGD([w], lr=0.1), mg.SGD([v], lr=0.1)
    f = mg.compile(lambda x: w * w * x, [w], update=optimizer, backend=backend)
    for momentum in (0.0, 0.0, 0.9, 0.9, 0.0):
        optimizer.momentum = eager.momentum = momentum
        f([1.0])
        eager.zero_grad()
        (v * v).backward()
        eager.step()
        assert w.data == pytest.approx(v.data, rel=1e-15)


def test_numbers_are_floats_on_python_too() -> None:
    """The slope of abs is a difference of comparisons, which Python counts in whole numbers."""
    gradient = mg.compile(lambda x: abs(x), backend="python").gradient([1.0, 0.0])
    assert repr(gradient) == "[1.0, 0.0]"
