"""grad and its kin obey the laws of calculus, to any order, and gradcheck catches wrong rules."""

import functools
import itertools
import math
import operator
import random
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mpmath as mp
import pytest
from dags import random_dag, run
from hypothesis import assume, given
from hypothesis import strategies as st
from samples import SAMPLES

from microgrunderscore import ops
from microgrunderscore.calculus import (
    grad,
    gradcheck,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from microgrunderscore.engine import Value, dot
from microgrunderscore.operation import BUILT_IN, OPERATIONS, Operation, define

Function = Callable[..., Any]
near = functools.partial(pytest.approx, rel=1e-9, abs=1e-9)

# Where every row is smooth, on each of its branches.
ONE = [(0.7,), (-0.6,), (0.23,)]
TWO = [(0.7, 1.3), (-0.6, -1.9), (1.7, 0.4), (-0.8, 0.9)]
THREE = [(0.7, 1.3, -0.4), (2.1, -0.6, 1.1), (-0.3, 0.9, 1.7)]
ROWS = sorted(BUILT_IN)
POINTS = {name: {1: ONE, 2: TWO, None: THREE}.get(OPERATIONS[name].arity, []) for name in ROWS}
POINTS |= {
    "pow": [(0.7, 1.3), (1.9, -2.5), (2.3, 3.0)],
    "log": [(0.7,), (3.1,)],
    "log1p": [(0.7,), (-0.6,)],
    "sqrt": [(0.7,), (3.1,)],
    "acosh": [(1.7,), (3.1,)],
    "leaky_relu": [(0.7, 0.1), (-0.6, 0.1), (-1.2, 0.3)],
    "elu": [(0.7, 1.3), (-0.6, 0.8), (-1.2, 1.3)],
    "clip": [(0.7, -1.1, 1.9), (-1.6, -1.1, 1.9), (2.7, -1.1, 1.9)],
    "where": [(1.0, 0.7, -1.3), (0.0, 0.7, -1.3)],
    "dot": [(0.7, -1.1, 1.9, 0.4), (0.7, -1.1, 1.9, 0.4, -0.8)],
}

SMOOTH: list[Function] = [
    lambda x: x.sin(),
    lambda x: x.tanh() * 2.0,
    lambda x: x.exp(),
    lambda x: (x * x + 1.0).log(),
    lambda x: x**3 - 2.0 * x,
    lambda x: 1.0 / (x * x + 2.0),
    lambda x: (x * x + 0.5).sqrt(),
    lambda x: x.sigmoid() * x.cos(),
    lambda x: x.atan() + x.softplus(),
    lambda x: ops.logsumexp(x, 2.0 * x, 0.3),
    lambda x: dot([x, 2.0], [x, x], x),
    lambda x: (2.0**x).erf(),
]
functions = st.sampled_from(SMOOTH)
numbers = st.floats(-2.0, 2.0)
coefficients = st.floats(-10.0, 10.0)
seeds = st.integers(0, 2**32)


def at(f: Function, x: float) -> float:
    """f(x) as a number."""
    z = f(Value(x))
    return float(z.data)


def program_of(seed: int, count: int, nodes: int = 20) -> tuple[Function, list[float]]:
    """A random function of a list of so many numbers, which returns all of its last results."""
    rng = random.Random(seed)
    point = [rng.uniform(-2.0, 2.0) for _ in range(count)]
    program = random_dag(rng, point, nodes)
    return lambda v: run(program, v, OPERATIONS), point


# ---- the laws ---------------------------------------------------------------------------------


@given(functions, functions, coefficients, coefficients, numbers)
def test_linearity(f: Function, g: Function, a: float, b: float, x: float) -> None:
    assert grad(lambda x: a * f(x) + b * g(x))(x) == near(a * grad(f)(x) + b * grad(g)(x))


@given(functions, functions, numbers)
def test_product_rule(f: Function, g: Function, x: float) -> None:
    expected = grad(f)(x) * at(g, x) + at(f, x) * grad(g)(x)
    assert grad(lambda x: f(x) * g(x))(x) == near(expected)


@given(functions, functions, numbers)
def test_quotient_rule(f: Function, g: Function, x: float) -> None:
    below = at(g, x)
    assume(abs(below) > 0.1)
    expected = (grad(f)(x) * below - at(f, x) * grad(g)(x)) / below**2
    assert grad(lambda x: f(x) / g(x))(x) == near(expected)


@given(functions, functions, numbers)
def test_chain_rule(f: Function, g: Function, x: float) -> None:
    assume(abs(at(g, x)) < 20.0)
    assert grad(lambda x: f(g(x)))(x) == near(grad(f)(at(g, x)) * grad(g)(x))


@given(functions, numbers)
def test_a_value_used_twice(f: Function, x: float) -> None:
    assert grad(lambda x: f(x) + f(x))(x) == near(2.0 * grad(f)(x))
    assume(abs(grad(f)(x)) > 1e-300)  # doubling is exact but next to 0
    assert grad(lambda x: (a := f(x)) + a)(x) == 2.0 * grad(f)(x)


@given(st.floats(0.1, 5.0))
def test_x_to_the_x(x: float) -> None:
    assert grad(lambda x: x**x)(x) == near(x**x * (math.log(x) + 1.0))
    expected = x**x * ((math.log(x) + 1.0) ** 2 + 1.0 / x)
    assert grad(grad(lambda x: x**x))(x) == near(expected)


@given(seeds, st.integers(-60, 60))
def test_powers_of_two_scale_exactly(seed: int, k: int) -> None:
    f, point = program_of(seed, 3)
    scaled = grad(lambda v: 2.0**k * f(v)[-1])(point)
    assert scaled == [2.0**k * slope for slope in grad(lambda v: f(v)[-1])(point)]


@given(seeds)
def test_agrees_with_backward_to_the_bit(seed: int) -> None:
    f, point = program_of(seed, 3)
    leaves = [Value(x) for x in point]
    z = f(leaves)[-1]
    slopes = gradients(z, leaves)
    assert [x.grad for x in leaves] == [0.0] * 3
    z.backward()
    assert slopes == [x.grad for x in leaves] == grad(lambda v: f(v)[-1])(point)


@given(seeds)
def test_the_hessian_is_symmetric(seed: int) -> None:
    f, point = program_of(seed, 3, 8)
    h = hessian(lambda v: f(v)[-1])(point)
    size = 1.0 + max(abs(x) for row in h for x in row)
    for i, j in itertools.combinations(range(3), 2):
        assert abs(h[i][j] - h[j][i]) <= 1e-10 * size


@given(seeds)
def test_jvp_gives_the_columns_of_the_jacobian(seed: int) -> None:
    f, point = program_of(seed, 3)
    rows = jacobian(f)(point)
    for i in range(3):
        column = jvp(f, (point,), ([float(i == j) for j in range(3)],))[1]
        assert column == near([row[i] for row in rows], rel=1e-11)


@given(seeds, st.integers(1, 8))
def test_forward_and_reverse_are_adjoint(seed: int, n: int) -> None:
    f, point = program_of(seed, n, 30)
    rng = random.Random(seed)
    value, pull = vjp(f, point)
    v = [rng.gauss(0.0, 1.0) for _ in point]
    w = [rng.gauss(0.0, 1.0) for _ in value]
    forward = [a * b for a, b in zip(w, jvp(f, (point,), (v,))[1], strict=True)]
    reverse = [a * b for a, b in zip(v, pull(w)[0], strict=True)]
    scale = sum(map(abs, forward + reverse)) + 1e-300
    assert abs(math.fsum(forward) - math.fsum(reverse)) <= 1e-11 * scale


@given(seeds)
def test_hvp_is_the_hessian_times_the_vector(seed: int) -> None:
    f, point = program_of(seed, 3, 8)
    v = [1.0, -2.0, 0.5]
    rows = hessian(lambda p: f(p)[-1])(point)
    expected = [sum(map(operator.mul, row, v)) for row in rows]
    size = 1.0 + max(abs(x) for row in rows for x in row)
    (product,) = hvp(lambda p: f(p)[-1], (point,), (v,))
    assert product == pytest.approx(expected, rel=1e-9, abs=1e-10 * size)


# ---- every row, to the third order ------------------------------------------------------------


def movable(name: str, point: tuple[float, ...]) -> list[int]:
    """The operands along which the row is smooth here: the condition 0 is a jump."""
    return [i for i in range(len(point)) if not (name == "where" and i == 0 and point[0] == 0.0)]


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_to_third_order(name: str) -> None:
    oracle, row = SAMPLES[name].oracle, OPERATIONS[name]
    for point in POINTS[name]:
        places = movable(name, point)
        for order in (1, 2, 3):
            for path in itertools.combinations_with_replacement(places, order):
                derivative = functools.reduce(grad, path, row)
                with mp.workdps(50):
                    counts = tuple(path.count(i) for i in range(len(point)))
                    expected = float(mp.diff(oracle, tuple(map(mp.mpf, point)), counts))
                assert derivative(*point) == pytest.approx(expected, rel=1e-11, abs=1e-11), path


def test_orders_and_modes_mix() -> None:
    cube = functools.partial(operator.mul, 1.0)  # 1 · x, on which the others build
    assert functools.reduce(lambda f, _: grad(f), range(6), lambda x: x**5)(2.0) == 0.0
    assert functools.reduce(lambda f, _: grad(f), range(5), lambda x: x**5)(2.0) == 120.0
    assert jvp(lambda x: jvp(lambda y: y**3, (x,), (1.0,))[1], (2.0,), (1.0,)) == (12.0, 12.0)
    assert grad(lambda x: jvp(lambda y: y**3, (x,), (1.0,))[1])(2.0) == 12.0
    assert grad(lambda t: jvp(lambda y: y**3, (2.0,), (t,))[1])(5.0) == 12.0
    assert grad(lambda w: vjp(lambda y: y**3, 2.0)[1](w)[0])(5.0) == 12.0
    assert grad(lambda x: hvp(lambda y: y**4, (x,), (1.0,))[0])(2.0) == 48.0
    assert hessian(grad(lambda x: x**4))(2.0) == 48.0
    assert jacobian(hessian(lambda v: v[0] * v[1] ** 2))([2.0, 3.0])[1][1] == [2.0, 0.0]
    assert grad(cube)(2.0) == 1.0


# ---- nested calls do not mix up what they differentiate by -------------------------------------


def test_nesting() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(2.0))(3.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * z)(y))(x))(2.0) == 16.0
    assert grad(lambda x: grad(lambda y: y * y)(2.0) * x)(3.0) == 4.0
    assert grad(lambda x: grad(lambda y: x)(2.0))(3.0) == 0.0


def test_an_inner_function_sees_outer_values_in_its_closure() -> None:
    assert grad(lambda w: grad(lambda x: w * x * x)(2.0))(3.0) == 4.0
    assert grad(lambda w: jvp(lambda x: w * x * x, (2.0,), (1.0,))[1])(3.0) == 4.0
    assert grad(lambda w: jacobian(lambda x: [w * w * x, x])(2.0)[0])(3.0) == 6.0


def test_a_value_elsewhere_is_another_value() -> None:
    """The Value that is given and the same Value in a closure are two things to f."""
    v = Value(3.0)
    result = grad(lambda x: x * v)(v)
    assert result.data == 3.0
    assert gradients(result, v) == 1.0
    assert grad(lambda w: grad(lambda x: x * w)(w))(3.0) == 1.0


def test_an_error_in_f_leaves_nothing_behind() -> None:
    def fails(x: Value) -> Value:
        raise RuntimeError(f"{x.data}")

    with pytest.raises(RuntimeError, match=r"1\.0"):
        grad(fails)(1.0)
    assert isinstance(grad(lambda x: x * x)(2.0), float)


def test_values_in_values_out() -> None:
    x = Value(2.0, "x")
    value, slope = value_and_grad(lambda x: x**3)(x)
    assert (value.data, slope.data) == (8.0, 12.0)
    assert gradients(slope, x) == 12.0
    slope.backward()
    assert (x.grad, value.grad) == (12.0, 0.0)
    assert isinstance(grad(lambda x, y: x * y)(2.0, Value(3.0)), Value)
    assert isinstance(grad(lambda x: 3.0 * x)(Value(2.0)), Value)
    assert isinstance(grad(lambda x, y: x * y)(2.0, 3.0), float)
    assert isinstance(grad(lambda x, *, k: x * k["y"])(2.0, k={"y": Value(3.0)}), Value)
    seen: list[Value] = []
    grad(lambda x: seen.append(x) or x)(x)
    assert seen[0] is not x
    assert seen[0].label == "x"


def test_nothing_is_written_to_the_callers_values() -> None:
    xs = [Value(2.0), Value(3.0)]
    inner_node = xs[0] * xs[1]
    for f in (grad, jacobian, hessian):
        f(lambda v: (v[0] * v[1] * inner_node).sin())(xs)
    gradients(inner_node, xs, create_graph=True)
    assert [v.grad for v in (*xs, inner_node)] == [0.0] * 3
    assert not any(v.has_grad for v in (*xs, inner_node))


# ---- nestings of arguments and results ---------------------------------------------------------


def test_gradients_are_nested_as_the_arguments_are() -> None:
    pair = namedtuple("pair", "a b")
    tree = {"w": [[1.0, 2.0], (3.0,)], "b": pair(4.0, Value(5.0)), "none": []}

    def f(t: dict[str, Any], scale: float) -> Value:
        w, b = t["w"], t["b"]
        return (w[0][0] * w[0][1] + w[1][0] * b.a * b.b) * scale

    slopes = grad(f)(tree, 2.0)
    assert list(slopes) == ["w", "b", "none"]
    assert isinstance(slopes["b"], pair)
    assert isinstance(slopes["w"][1], tuple)
    assert [x.data for x in (*slopes["w"][0], *slopes["w"][1], *slopes["b"])] == [4, 2, 40, 30, 24]
    assert slopes["none"] == []


def test_argnums() -> None:
    def f(x: Value, text: str, y: Value) -> Value:
        return x * y * y + len(text)

    assert grad(f, argnums=2)(2.0, "ab", 3.0) == 12.0
    assert grad(f, argnums=-1)(2.0, "ab", 3.0) == 12.0
    assert grad(f, argnums=(2, 0))(2.0, "ab", 3.0) == (12.0, 9.0)
    assert grad(f, argnums=[0])(2.0, "ab", 3.0) == (9.0,)
    assert grad(f, argnums=(0, 0))(2.0, "ab", 3.0) == (9.0, 9.0)
    assert grad(f, argnums=())(2.0, "ab", Value(3.0)) == ()


def test_structures_of_jacobian_and_hessian() -> None:
    def f(v: list[Value], s: Value) -> Any:
        return {"a": (v[0] * s, 7.0), "b": v[1]}

    assert jacobian(f)([2.0, 3.0], 5.0) == {"a": ([5.0, 0.0], [0.0, 0.0]), "b": [0.0, 1.0]}
    both = jacobian(f, (0, 1))([2.0, 3.0], 5.0)
    assert both["a"][0] == ([5.0, 0.0], 2.0)
    assert hessian(lambda x, y: x * x * y, (0, 1))(2.0, 3.0) == ((6.0, 4.0), (4.0, 0.0))
    nested = hessian(lambda p: p["a"] ** 2 * p["b"][0])({"a": 2.0, "b": [3.0]})
    assert nested == {"a": {"a": 6.0, "b": [4.0]}, "b": [{"a": 4.0, "b": [0.0]}]}
    assert hessian(lambda x: 3.0 * x)(2.0) == 0.0


def test_names_and_documentation_stay() -> None:
    def energy(x: Value) -> Value:
        """½ x²."""
        return 0.5 * x * x

    assert grad(energy).__name__ == "energy"
    assert grad(energy).__doc__ == "½ x²."


def test_gradients_of_a_graph() -> None:
    x, y, other = Value(2.0), Value(3.0), Value(1.0)
    a = x * y
    z = a * a + x
    assert gradients(z, {"x": x, "inner": [a, z], "other": other}) == {
        "x": 37.0,
        "inner": [12.0, 1.0],
        "other": 0.0,
    }
    first = gradients(z, x, create_graph=True)
    assert gradients(first, (x, y)) == (18.0, 24.0)
    assert gradients(x, x) == 1.0
    assert gradients(Value(1.0), x, create_graph=True).data == 0.0


# ---- edges of the floats -----------------------------------------------------------------------


def test_what_was_not_selected_is_no_edge() -> None:
    """0 · ∞ is not born where an operation selects, at the first order and beyond."""

    def at_zero(x: Value) -> Value:
        return (x.sqrt() * 0.0 + 1.0).maximum(x.sqrt()) + (x.sqrt() - 1.0).relu()

    assert grad(lambda x: ops.where(x > 0.0, x.sqrt(), 3.0 * x))(0.0) == 3.0
    assert grad(grad(lambda x: ops.where(x > 0.0, x.sqrt(), x * x)))(0.0) == 2.0
    assert grad(lambda x: (x.sqrt() - 1.0).relu())(0.0) == 0.0
    assert grad(grad(lambda x: (x.sqrt() - 1.0).relu() + x * x))(0.0) == 2.0
    assert grad(lambda x: ops.max_of(x.sqrt(), 1.0, x + 5.0))(0.0) == 1.0
    assert jvp(lambda x: (x.sqrt() - 1.0).relu(), (0.0,), (1.0,)) == (0.0, 0.0)
    assert jvp(lambda x, y: x.sqrt() + y, (0.0, 1.0), (0.0, 1.0)) == (1.0, 1.0)
    assert vjp(lambda x: [x.sqrt(), x], 0.0)[1]([0.0, 1.0]) == (1.0,)
    assert math.isnan(grad(at_zero)(0.0))  # that product is no selection


def test_kinks() -> None:
    assert grad(abs)(0.0) == grad(grad(abs))(0.0) == 0.0
    assert grad(lambda x: x.relu())(0.0) == 0.0
    assert grad(ops.maximum, (0, 1))(1.0, 1.0) == (0.5, 0.5)
    assert grad(ops.maximum)(1.0, 1.0) == 0.0
    assert grad(lambda x: x.sqrt())(0.0) == math.inf


def test_of_what_was_computed() -> None:
    x = Value(2.0)
    z = x * x
    x.data = 10.0
    assert gradients(z, x) == 4.0
    with pytest.raises(RuntimeError, match="changed after it was computed"):
        gradients(z, x, create_graph=True)


# ---- nodes made by hand and user's rows ---------------------------------------------------------


def by_hand(x: Value) -> Value:
    return Value(x.data**2, (x,), (2.0 * x.data,))


def test_a_node_made_by_hand() -> None:
    assert grad(by_hand)(3.0) == 6.0
    assert jvp(by_hand, (3.0,), (1.0,)) == (9.0, 6.0)
    for higher in (grad(grad(by_hand)), hessian(by_hand)):
        with pytest.raises(NotImplementedError, match=r"custom.*define\(\.\.\.\)"):
            higher(3.0)
    # One that does not depend on the argument does no harm.
    assert grad(grad(lambda x: x**3 * by_hand(Value(2.0))))(1.0) == 24.0


def test_a_row_of_the_user() -> None:
    cube = define("cube", lambda x: x * x * x, lambda x, z: 3.0 * x * x)
    try:
        assert grad(grad(grad(cube)))(2.0) == 6.0
        assert gradcheck(lambda x: x.cube(), 2.0).ok
    finally:
        del OPERATIONS["cube"]


# ---- errors -----------------------------------------------------------------------------------


def lossy(x: Value) -> float:
    return math.sin(x.data)


@pytest.mark.parametrize("derivative", [grad, value_and_grad, jacobian, hessian])
def test_f_must_stay_in_the_engine(derivative: Function) -> None:
    message = (
        r"^lossy returned float; it does not depend on its argument or left the engine "
        r"\(math\.\*, \.data\)"
    )
    with pytest.raises(TypeError, match=message):
        derivative(lossy)(1.0)
    with pytest.raises(TypeError, match=message):
        derivative(functools.partial(lossy))(1.0)
    for product in (
        lambda: jvp(lossy, (1.0,), (1.0,)),
        lambda: vjp(lossy, 1.0),
        lambda: hvp(lossy, (1.0,), (1.0,)),
        lambda: gradcheck(lossy, 1.0),
    ):
        with pytest.raises(TypeError, match=message):
            product()


class Model:
    def __call__(self, x: Value) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: grad(Model())(1.0), "^Model returned float"),
        (lambda: grad(lambda x: None)(1.0), "returned NoneType"),
        (lambda: grad(lambda x: [x])(1.0), "returned list.*use jacobian"),
        (lambda: grad(by_hand, 1)(1.0), "argnums=1 requires at least 2 .*by_hand got 1"),
        (lambda: grad(by_hand, -2)(1.0), "argnums=-2 requires at least 2"),
        (lambda: grad(by_hand, (0, 3))(1.0), "argnums=3 requires at least 4"),
        (lambda: grad(by_hand)(x=1.0), "requires at least 1 .*got 0.*keyword arguments"),
        (lambda: grad(by_hand, "x")(1.0), "argnums must be a whole number .*'x'"),
        (lambda: grad(by_hand, 1.0)(1.0), "argnums must be"),
        (lambda: grad(Value(2.0))(1.0), r"expected a function.*gradients\(z, wrt\)"),
        (lambda: grad(by_hand)("1"), "Value holds a real number, not str"),
        (lambda: grad(by_hand)([1.0, None]), "Value holds a real number, not NoneType"),
        (lambda: gradients(2.0, Value(1.0)), "graph of Values, got float 2.0"),
        (lambda: gradients(Value(2.0), [1.0]), "graph of Values, got float 1.0"),
        (lambda: jvp(by_hand, 1.0, 1.0), "primals must be a tuple"),
        (lambda: jvp(by_hand, (1.0,), (1.0, 2.0)), "tangents must be nested as the primals"),
        (lambda: jvp(by_hand, (1.0,), ("a",)), "not str"),
        (
            lambda: hvp(lambda v: v[0] ** 2, ([1.0],), (1.0,)),
            "tangents must be nested as the primals",
        ),
        (lambda: vjp(by_hand, 1.0)[1]([1.0]), "weights must be nested as the value"),
        (lambda: gradcheck(lambda: Value(1.0)), "needs a number to vary"),
    ],
)
def test_type_errors(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        wrong()


def test_independent_results_have_slope_zero() -> None:
    assert grad(lambda x: Value(2.0))(1.0) == 0.0
    assert grad(lambda x, y: x)(1.0, 2.0) == 1.0
    assert jvp(lambda x: Value(2.0), (1.0,), (1.0,)) == (2.0, 0.0)


# ---- depth and threads -------------------------------------------------------------------------


def chain(x: Value, count: int = 100_000) -> Value:
    for _ in range(count // 2):
        x = x * 1.0 + 0.0
    return x


def test_deep_graphs() -> None:
    assert grad(chain)(2.0) == 1.0
    assert grad(lambda x: chain(x * x))(3.0) == 6.0
    assert grad(grad(lambda x: chain(x * x)))(3.0) == 2.0
    assert jvp(chain, (2.0,), (3.0,)) == (2.0, 3.0)
    assert hvp(lambda x: chain(x * x, 20_000), (2.0,), (3.0,)) == (6.0,)


def test_each_node_is_visited_once() -> None:
    def doubled(x: Value) -> Value:
        for _ in range(1000):
            x = x + x
        return x

    assert grad(doubled)(1.0) == jvp(doubled, (1.0,), (1.0,))[1] == 2.0**1000


def test_a_small_stack_is_enough() -> None:
    size, results = threading.stack_size(256 * 1024), []
    try:
        thread = threading.Thread(target=lambda: results.append(grad(chain)(2.0)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert results == [1.0]


def test_threads_share_parameters() -> None:
    shared = [Value(0.1 * i) for i in range(10)]

    def loss(ws: list[Value], x: float) -> Value:
        return dot(ws, [x * i for i in range(10)]).tanh() * grad(lambda y: y * y * ws[1])(x)

    def answers() -> list[list[float]]:
        return [[g.data for g in grad(loss)(shared, 0.01 * k)] for k in range(40)]

    expected, found = answers(), []
    threads = [threading.Thread(target=lambda: found.append(answers())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8
    assert not any(w.has_grad for w in shared)


# ---- gradcheck ---------------------------------------------------------------------------------


@given(seeds)
def test_gradcheck_accepts_what_is_right(seed: int) -> None:
    f, point = program_of(seed, 3, 12)
    assert gradcheck(lambda v: f(v)[-1], point, rtol=1e-4, atol=1e-6).ok


@pytest.mark.parametrize(
    ("f", "x", "note"),
    [
        (lambda x: x.log(), 1e-3, ""),
        (lambda x: x.log(), 1e-7, "smaller steps"),
        (lambda x: x.log(), 1e-300, "smaller steps"),
        (lambda x: x.acosh(), 1.0 + 1e-10, "smaller steps"),
        (lambda x: x.exp(), 709.78, "smaller steps"),
        (lambda x: x**1.5, 0.0, "on the right of x only: one-sided"),
        (lambda x: (1.0 - x) ** 2.5, 1.0, "on the left of x only: one-sided"),
        (lambda x: 1e8 + x, 1.0, ""),
        (lambda x: x * 0.0 + 1e8, 1.0, ""),
        (lambda x: (1000.0 * x).sin(), 1.0, ""),
        (lambda x: 1.0 / x, 1e-5, ""),
        (lambda x: x * x, 1e10, ""),
        (lambda x: x * x, 0.0, ""),
        (lambda x: x.relu(), 1e-9, ""),
        (lambda x: abs(x) * x, 0.0, ""),
        (lambda x: 1e6 * x * x, 0.0, ""),
        (lambda x: (1e3 * x).tanh(), 0.0, ""),
    ],
)
def test_gradcheck_at_difficult_points(f: Function, x: float, note: str) -> None:
    report = gradcheck(f, x)
    assert report.one_sided is None
    assert note in "".join(report.notes) if note else not report.notes


@pytest.mark.parametrize(
    ("f", "args", "slopes"),
    [
        (abs, (0.0,), "−1 and 1"),
        (lambda x: x.relu(), (0.0,), "0 and 1"),
        (lambda x: 3.0 * abs(x) + x, (0.0,), "−2 and 4"),
        (lambda x: (x - 1.0).relu() + 100.0, (1.0,), "0 and 1"),
        (ops.maximum, (1.0, 1.0), "0 and 1"),
        (lambda x: x.clip(-1.0, 1.0), (1.0,), "1 and 0"),
        (lambda x: x.leaky_relu(), (0.0,), "0.01 and 1"),
    ],
)
def test_gradcheck_at_a_kink(f: Function, args: tuple[float, ...], slopes: str) -> None:
    with pytest.raises(AssertionError, match=f"one-sided slopes {slopes}: not differentiable here"):
        gradcheck(f, *args)


def test_gradcheck_where_the_slope_is_infinite() -> None:
    report = gradcheck(lambda x: x.sqrt(), 0.0, raise_error=False)
    assert not report.ok
    assert report.analytic == math.inf


def test_gradcheck_where_f_overflows() -> None:
    with pytest.raises(AssertionError, match="not defined on either side of x"):
        gradcheck(lambda x: x * 1e300, 1e300)


def test_gradcheck_says_all_there_is_to_know() -> None:
    wrong = define("wrong", math.sin, lambda x, z: 2.0 * ops.cos(x))
    try:

        def wave(scale: Value, xs: dict[str, list[Value]]) -> Value:
            return scale * wrong(xs["x"][1]) + xs["x"][0]

        with pytest.raises(AssertionError) as caught:
            gradcheck(wave, 3.0, {"x": [5.0, 0.0]})
        for part in (
            *("gradient of wave", "argument 1['x'][1] at 0.0", "analytic 6.0", "numeric 2.99"),
            *("tolerance", "(3.0, {'x': [5.0, 0.0]})", "check the rules"),
        ):
            assert part in str(caught.value)
        assert "one-sided" not in str(caught.value)
        report = gradcheck(wave, 3.0, {"x": [5.0, 0.0]}, raise_error=False)
        assert (report.ok, report.place, report.x) == (False, "argument 1['x'][1]", 0.0)
        assert gradcheck(wave, 3.0, {"x": [5.0, 0.0]}, argnums=0).ok
    finally:
        del OPERATIONS["wrong"]


def one_percent_off(x: Value) -> Value:
    return Value(x.data**2, (x,), (2.02 * x.data,))


def test_gradcheck_options() -> None:
    report = gradcheck(lambda x: x.exp(), 1, step=1e-3, rtol=1e-4)
    assert report.ok
    assert "agrees" in str(report)
    assert "check the rules" not in str(report)
    assert not gradcheck(one_percent_off, 1.0, raise_error=False).ok
    assert gradcheck(one_percent_off, 1.0, rtol=0.02).ok
    assert gradcheck(lambda x, text: x * x, 2.0, "text", argnums=0).ok
    x = Value(2.0)
    assert gradcheck(lambda x: x * x, x).ok
    assert not x.has_grad


def test_the_curve_is_a_u() -> None:
    steps, errors = gradcheck(lambda x: x.sin(), 1.0).curve()
    assert len(steps) == len(errors) > 50
    best = steps[errors.index(min(errors))]
    assert 1e-8 < best < 1e-3
    assert errors[0] > 1e-3
    assert errors[-1] > 1e-5
    steps, errors = gradcheck(lambda x: x.log(), 0.01).curve([1.0, 1e-3])
    assert steps == [1e-3]
    assert errors[0] < 1.0


# ---- the checker checked: every partial of every row, made wrong ---------------------------------


Rule = Callable[..., Any]


def mutants(row: Operation, which: str) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """The rules of a row with one partial derivative made wrong, in four ways."""
    rules: tuple[Rule, ...] = getattr(row, which)
    changes: dict[str, Callable[[Any, Any], Any]] = {
        "× 1.001": lambda mine, other: mine * 1.001,
        "sign": lambda mine, other: -mine,
        "zero": lambda mine, other: 0.0,
        "swapped": lambda mine, other: other,
    }
    count = row.arity or 3
    for i, (change, wrong) in itertools.product(range(count), changes.items()):
        j = (i + 1) % count
        if row.arity is None:

            def of_all(*t: Any, i: int = i, j: int = j, wrong: Any = wrong) -> tuple[Any, ...]:
                slopes = list(rules[0](*t))
                slopes[i] = wrong(slopes[i], slopes[j])
                return tuple(slopes)

            yield f"{row.name} {i} {change}", (of_all,)
        else:

            def of_one(*t: Any, i: int = i, j: int = j, wrong: Any = wrong) -> Any:
                return wrong(rules[i](*t), rules[j](*t))

            yield f"{row.name} {i} {change}", (*rules[:i], of_one, *rules[i + 1 :])


@contextmanager
def replaced(row: Operation, which: str, rules: tuple[Rule, ...]) -> Iterator[None]:
    """The row, which everyone shares, with other rules for a while."""
    names = ("partials", "fixed") if row.fixed is row.partials else (which,)
    before = {name: getattr(row, name) for name in names}
    try:
        for name in names:
            object.__setattr__(row, name, rules)
        yield
    finally:
        for name, kept in before.items():
            object.__setattr__(row, name, kept)


def differs(row: Operation, which: str, rules: tuple[Rule, ...], point: tuple[float, ...]) -> bool:
    """Whether the mutant gives another slope here: some are the same rule (1 and 1, swapped)."""
    z = row.on_floats(point)

    def slopes(rules: tuple[Rule, ...]) -> list[float]:
        if row.arity is None:
            return list(rules[0](*point, z))
        return [rule(*point, z) for rule in rules]

    pairs = zip(slopes(getattr(row, which)), slopes(rules), strict=True)
    return any(abs(a - b) > 1e-4 for a, b in pairs)


def only(row: Operation, point: tuple[float, ...], i: int, *xs: Any) -> Any:
    """The row with the one operand that varies as a Value, and plain numbers otherwise."""
    return row(*point[:i], xs[i], *point[i + 1 :])


def caught(row: Operation, which: str, point: tuple[float, ...]) -> bool:
    """Whether gradcheck refuses the row here: with Values only, or with numbers among them."""
    places = movable(row.name, point)
    several = [tuple(places)] if which == "partials" else [(i,) for i in places]
    for argnums in several:
        f = row if which == "partials" else functools.partial(only, row, point, argnums[0])
        report = gradcheck(f, *point, argnums=argnums, raise_error=False)
        assert report.one_sided is None  # it is the rule that is wrong, not the point
        if not report.ok:
            return True
    return False


SAME = {  # swapped with an equal, or 0 like the original
    *("add 0 swapped", "add 1 swapped", "where 0 × 1.001", "where 0 sign", "where 0 zero"),
    *(f"{name} {i} swapped" for name in ("sum_of", "mean") for i in range(3)),
}


@pytest.mark.parametrize("name", ROWS)
def test_gradcheck_catches_every_wrong_rule(name: str) -> None:
    row = OPERATIONS[name]
    # The fixed rule of a row of any number of operands is for ties, where f has a kink.
    for which in ("partials", "fixed") if row.arity not in (1, None) else ("partials",):
        assert not any(caught(row, which, point) for point in POINTS[name])
        for mutant, rules in mutants(row, which):
            if row.arity == 1 and mutant.endswith("swapped"):
                continue
            points = [p for p in POINTS[name] if differs(row, which, rules, p)]
            assert bool(points) == (mutant not in SAME), mutant
            with replaced(row, which, rules):
                assert all(caught(row, which, point) for point in points), mutant


def test_derivatives_of_derivatives_notice_a_row_that_changed() -> None:
    x, y = Value(2.0), Value(3.0)
    product = x * y
    with (
        replaced(ops.mul, "partials", (lambda x, y, z: -y, lambda x, y, z: x)),
        pytest.raises(RuntimeError, match="changed after it was computed"),
    ):
        gradients(product, x, create_graph=True)
