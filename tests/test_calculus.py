"""grad and its kin obey the laws of calculus, to any order, and gradcheck catches wrong rules."""

import functools
import itertools
import math
import operator
import random
import threading
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import mpmath as mp
import pytest
from dags import program_of
from hypothesis import assume, given
from hypothesis import strategies as st
from points import POINTS, ROWS, movable, replaced
from samples import SAMPLES

from microgrunderscore import ops
from microgrunderscore.calculus import (
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from microgrunderscore.differences import gradcheck
from microgrunderscore.engine import Value, dot
from microgrunderscore.operation import OPERATIONS, define

Function = Callable[..., Any]
near = functools.partial(pytest.approx, rel=1e-9, abs=1e-9)

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


def test_derivatives_of_derivatives_notice_a_row_that_changed() -> None:
    x, y = Value(2.0), Value(3.0)
    product = x * y
    with (
        replaced(ops.mul, "partials", (lambda x, y, z: -y, lambda x, y, z: x)),
        pytest.raises(RuntimeError, match="changed after it was computed"),
    ):
        gradients(product, x, create_graph=True)


def test_a_power_with_a_value_as_exponent_is_smooth_at_0() -> None:
    [[_, mixed], [other, twice]] = hessian(lambda v: v[0] ** v[1])([2.0, 0.0])
    assert mixed == other == 0.5  # ∂²(xᵖ)/∂x∂p = xᵖ⁻¹ (1 + p log x)
    assert twice == near(math.log(2.0) ** 2)
    assert grad(lambda x: x**0.0)(0.0) == grad(lambda p: 0.0**p)(0.0) == 0.0


def test_a_gradient_as_part_of_a_loss() -> None:
    w = Value(3.0)
    slope = grad(lambda x: w * x * x, create_graph=True)(2.0)
    (slope * slope).backward()
    assert w.grad == 2.0 * 12.0 * 4.0
    assert isinstance(grad(lambda x: w * x)(2.0), float)
