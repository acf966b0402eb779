"""explain() says what the chain rule says: golden texts, and every formula comes to its number."""

from __future__ import annotations

import itertools
import math
import random
import re
import sys
import threading
from collections.abc import Callable

import pytest
from dags import random_dag, run
from hypothesis import example, given
from hypothesis import strategies as st

from microgrunderscore import ops
from microgrunderscore.engine import Value, dot
from microgrunderscore.graph import gc_paused
from microgrunderscore.nn import MLP
from microgrunderscore.operation import OPERATIONS, define
from microgrunderscore.pictures.draw import draw
from microgrunderscore.pictures.explain import Explanation, Explanations, explain
from microgrunderscore.pictures.names import (
    Names,
    count_text,
    name_of,
    number_latex,
    number_text,
    order_of_computing,
)
from microgrunderscore.pictures.symbols import Symbol, node_symbol


def labelled(v: Value, label: str) -> Value:
    v.label = label
    return v


def lecture() -> tuple[Value, Value]:
    """w = log v, v = x·y at (2, 3), and x."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    return labelled(ops.log(labelled(x * y, "v")), "w"), x


# ---- golden texts -----------------------------------------------------------------------------


def test_the_lecture() -> None:
    w, x = lecture()
    e = explain(w, x, output="z")
    assert str(e) == (
        "∂z/∂x = ∂z/∂w · ∂w/∂v · ∂v/∂x = 1 × 1/v × y = y/v = 1/x\n      = 1 × 0.1667 × 3 = 0.5"
    )
    assert e.latex == (
        r"\begin{aligned}\frac{\partial z}{\partial x} &= \frac{\partial z}{\partial w} \cdot "
        r"\frac{\partial w}{\partial v} \cdot \frac{\partial v}{\partial x} \\ "
        r"&= 1 \times \frac{1}{v} \times y \\ &= \frac{y}{v} \\ &= \frac{1}{x} \\ "
        r"&= 1 \times 0.1667 \times 3 \\ &= 0.5\end{aligned}"
    )
    assert e._repr_latex_() == f"$${e.latex}$$"
    assert (e.value, e.count, x.grad, x.has_grad) == (0.5, 1, 0.0, False)


def test_a_path_says_what_it_is_made_of() -> None:
    w, x = lecture()
    [path] = explain(w, x, output="z").paths
    assert [str(name) for name in path.names] == ["z", "w", "v", "x"]
    assert path.nodes[0] is w
    assert path.nodes[-1] is x
    assert [str(f) for f in path.factors] == ["1", "1/v", "y"]
    assert [f.latex for f in path.factors] == ["1", r"\frac{1}{v}", "y"]
    assert path.slopes == (1.0, 1 / 6, 3.0)
    assert path.product == 0.5
    assert (str(path.simplified), str(path.expanded)) == ("y/v", "1/x")


def test_fan_out() -> None:
    x, y = Value(0.5, "x"), Value(4.2, "y")
    z = labelled(x * y, "a") + labelled(ops.sin(x), "b")
    assert str(explain(z, x, output="z")) == (
        "path 1 = ∂z/∂a · ∂a/∂x = 1 × y = y\n"
        "       = 1 × 4.2 = 4.2\n"
        "path 2 = ∂z/∂b · ∂b/∂x = 1 × cos x = cos x\n"
        "       = 1 × 0.8776 = 0.8776\n"
        "∂z/∂x = y + cos x = 4.2 + 0.8776 = 5.078   (sum over 2 paths)"
    )
    assert explain(z, x).latex.endswith(
        r"\\ &= 1 \times y + 1 \times \cos x \\ &= y + \cos x "
        r"\\ &= 1 \times 4.2 + 1 \times 0.8776 \\ &= 4.2 + 0.8776 \\ &= 5.078\end{aligned}"
    )


def test_a_square_uses_x_twice() -> None:
    x = Value(3.0, "x")
    assert str(explain(x * x, x)) == (
        "path 1 = ∂z/∂x⁽¹⁾ = x\n"
        "       = 3\n"
        "path 2 = ∂z/∂x⁽²⁾ = x\n"
        "       = 3\n"
        "∂z/∂x = x + x = 2·x = 3 + 3 = 6   (sum over 2 paths)\n"
        "x⁽ⁿ⁾ is x where z uses it for the n-th time."
    )


def test_equal_formulas_and_numbers_are_said_once() -> None:
    a = Value(3.0, "a")
    doubled = explain(labelled(a + a, "b"), a)
    assert "∂b/∂a = 1 + 1 = 2   (sum over 2 paths)" in str(doubled).splitlines()
    assert doubled.latex.count("1 + 1") == 1
    x = Value(2.0, "x")
    cube = str(explain(labelled(x * x, "v") * x, x))
    assert cube.endswith("\nx⁽ⁿ⁾ is x where v or z uses it for the n-th time.")
    assert cube.count("n-th time") == 1


def test_a_skip_connection_is_not_taken_for_the_sum() -> None:
    x = Value(3.0, "x")
    assert "path 2 = ∂z/∂x⁽¹⁾ = 1\n∂z/∂x = 2·x + 1" in str(explain(x**2 + x, x))


def test_a_neuron() -> None:
    w = [Value(-3.0, "w1"), Value(1.0, "w2")]
    x = [Value(2.0, "x1"), Value(0.0, "x2")]
    n = labelled(dot(w, x, Value(6.8813735870195432, "b")), "n")
    o = labelled(n.tanh(), "o")
    assert str(explain(o, "w1")) == (
        "∂o/∂w₁ = ∂o/∂n · ∂n/∂w₁ = (1 − o²) × x₁ = x₁·(1 − o²)\n       = 0.5 × 2 = 1"
    )
    assert [str(e.wrt) for e in explain(o)] == ["w₁", "w₂", "x₁", "x₂", "b"]
    assert explain(o, "b").latex.startswith(
        r"\begin{aligned}\frac{\partial o}{\partial b} &= \frac{\partial o}{\partial n} \cdot"
    )
    assert r"\frac{\partial n}{\partial x_{1}}" in explain(o, x[0]).latex


def test_the_names_of_a_network_are_those_of_the_picture() -> None:
    model = MLP(2, [2, 1], seed=1)
    z = model([1.0, 2.0])
    w = model.parameters()[0]
    e = explain(z, w, model=model)
    assert str(e).startswith("∂a₁⁽²⁾/∂w₁₁⁽¹⁾ = ∂a₁⁽²⁾/∂h₁⁽¹⁾ · ∂h₁⁽¹⁾/∂a₁⁽¹⁾")
    assert str(explain(z, "w₁₁⁽¹⁾", names={"model": model})) == str(e)
    assert e.picture().svg == draw(z, w, model=model).svg
    assert explain(z, w).picture().svg == draw(z, w).svg

    with pytest.raises(TypeError, match="model= takes a module"):
        explain(z, w, model=3)
    with pytest.raises(TypeError, match="names= takes variables"):
        explain(z, w, names=3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="max_paths must be at least 0"):
        explain(z, w, max_paths=-1)


def test_the_picture_calls_the_output_as_the_text_does() -> None:
    x = Value(2.0, "x")
    z = (x * x).log()
    assert explain(z, x).picture().svg == draw(z, x).svg
    assert "α = log v₁" in explain(z, x, output="α").picture().text
    z.label = "z"
    assert "α = log v₁" in explain(z, x, output="α").picture().text
    assert "; z = log v₁" in explain(z, x).picture().text


def test_constants_on_the_way() -> None:
    x = Value(2.0, "x")
    assert str(explain(3 * x + 1, x)) == "∂z/∂x = ∂z/∂v₁ · ∂v₁/∂x = 1 × 3 = 3"
    assert str(explain(-x, x)) == "∂z/∂x = −1"
    assert str(explain((5 - x) ** 2 / 2, x)) == (
        "∂z/∂x = ∂z/∂v₂ · ∂v₂/∂v₁ · ∂v₁/∂x = 1/2 × 2·v₁ × (−1) = −v₁\n      = 0.5 × 6 × (−1) = −3"
    )


def test_a_dead_relu() -> None:
    x = Value(-2.0, "x")
    a = labelled(3.0 * x, "a")
    assert str(explain(2.0 * a.relu(), x)) == (
        "∂z/∂x = ∂z/∂v₁ · ∂v₁/∂a · ∂a/∂x = 2 × [a > 0] × 3 = 6·[a > 0]\n      = 2 × 0 × 3 = 0"
    )


def test_an_unselected_branch_hides_infinity() -> None:
    x = Value(0.0, "x")
    z = (x - 1.0).maximum(x.sqrt() - 2.0)  # the slope of the branch not taken is ∞
    e = explain(z, x)
    assert e.value == 1.0
    assert [p.product for p in e.paths] == [1.0, 0.0]


def test_what_does_not_depend() -> None:
    w, x = lecture()
    q = Value(1.0, "q")
    e = explain(w, q, output="z")
    assert str(e) == "z does not depend on q: ∂z/∂q = 0"
    assert e.latex == r"\begin{aligned}\frac{\partial z}{\partial q} &= 0\end{aligned}"
    assert (e.value, e.count, e.paths) == (0.0, 0, ())
    assert explain(x, w).count == 0
    assert str(explain(x, x)) == "∂x/∂x = 1"
    assert str(explain(x, x, output="z")) == "∂z/∂x = 1"


# ---- many paths, long paths -------------------------------------------------------------------


def test_a_million_paths_are_counted() -> None:
    x = Value(0.5, "x")
    z = x
    for _ in range(20):
        z = z + z
    e = explain(z, x)
    assert (e.count, e.value, e.paths) == (2**20, 2.0**20, ())
    assert str(e) == (
        "1,048,576 paths lead from z to x. Backpropagation does not walk them one by one: "
        "it sums at every node.\n"
        "∂z/∂x = ∂z/∂v₁ · ∂v₁/∂x = 5.243×10⁵ × 2 = 1.049×10⁶"
    )
    assert e.latex.endswith(
        r"\\ &= 5.243 \times 10^{5} \times 2 \\ &= 1.049 \times 10^{6}\end{aligned}"
    )


def test_the_sum_at_the_nodes_names_those_that_use_x() -> None:
    x = Value(2.0, "x")
    z = x * 0.1 + x
    for _ in range(3):
        z = labelled(z + z, "")
    assert str(explain(z, x, output="z")).endswith(
        "∂z/∂x = ∂z/∂v₁ · ∂v₁/∂x + ∂z/∂v₂ · ∂v₂/∂x = 8 × 0.1 + 8 × 1 = 8.8"
    )


def test_more_paths_on_request_and_none() -> None:
    x = Value(2.0, "x")
    z = x
    for _ in range(3):
        z = z + z
    assert not explain(z, x).paths
    assert len(explain(z, x, max_paths=8).paths) == 8
    assert "= 8   (sum over 8 paths)" in str(explain(z, x, max_paths=8))
    assert str(explain(x.exp(), x, max_paths=0)).startswith("1 path leads from z to x.")


def test_more_paths_than_can_be_printed() -> None:
    x = z = Value(0.0, "x")
    for _ in range(30_000):
        z = z + z
    e = explain(z, x)
    assert e.count == 2**30_000
    assert math.isinf(e.value)
    assert str(e).startswith("about 7.941×10⁹⁰³⁰ paths lead from z to x.")


def test_a_million_deep_chain_in_a_thread_with_a_small_stack() -> None:
    x = z = Value(1.0, "x")
    with gc_paused():
        for _ in range(1_000_000):
            z = -z
    found: list[Explanation] = []
    # CPython 3.13 frees nested tuples, which paths are, 10,000 deep on the C stack.
    before = threading.stack_size(256 * 1024 if sys.version_info < (3, 13) else 1024 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(explain(z, x)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    [e] = found
    assert str(e) == (
        "∂z/∂x = ∂z/∂v₉₉₉₉₉₉ · ∂v₉₉₉₉₉₉/∂v₉₉₉₉₉₈ · ∂v₉₉₉₉₉₈/∂v₉₉₉₉₉₇ · ∂v₉₉₉₉₉₇/∂v₉₉₉₉₉₆ · … · "
        "∂v₄/∂v₃ · ∂v₃/∂v₂ · ∂v₂/∂v₁ · ∂v₁/∂x = "
        "(−1) × (−1) × (−1) × (−1) × … × (−1) × (−1) × (−1) × (−1)\n"
        "      = (−1) × (−1) × (−1) × (−1) × … × (−1) × (−1) × (−1) × (−1) = 1"
        "   (1,000,000 factors)"
    )
    assert e.value == e.paths[0].product == 1.0


def test_one_leaf_used_many_times() -> None:
    x = Value(1.0, "x")
    e = explain(ops.sum_of([x] * 100_000), x)
    assert (e.count, e.value) == (100_000, 100_000.0)
    assert "∂z/∂x⁽¹⁾ + ∂z/∂x⁽²⁾" in str(e)
    assert len(str(e)) < 400


# ---- symbols ----------------------------------------------------------------------------------

FACTORS = {
    "add": ("1", "1"),
    "sub": ("1", "−1"),
    "mul": ("y", "x"),
    "div": ("1/y", "−x/y²"),
    "neg": ("−1",),
    "pow": ("y·x^(y − 1)", "z·log x"),
    "exp": ("z",),
    "expm1": ("e^x",),
    "log": ("1/x",),
    "log1p": ("1/(1 + x)",),
    "inv": ("−1/x²",),
    "sqrt": ("1/(2·z)",),
    "hypot": ("x/z", "y/z"),
    "sin": ("cos x",),
    "cos": ("−sin x",),
    "tan": ("1 + z²",),
    "asin": ("1/√(1 − x²)",),
    "tanh": ("1 − z²",),
    "erf": ("1.128·e^(−x²)",),
    "sigmoid": ("z·(1 − z)",),
    "softplus": ("σ(x)",),
    "relu": ("[x > 0]",),
    "abs": ("[x > 0] − [x < 0]",),
    "sum_of": ("1", "1", "1"),
    "mean": ("1/3", "1/3", "1/3"),
    "dot": ("y", "x", "1"),
}


def sample(name: str) -> Value:
    """The operation, called z, of operands called x, y and t."""
    op = OPERATIONS[name]
    for numbers in itertools.product((0.6, 1.7, 0.3), repeat=op.arity or 3):
        try:
            return labelled(op(*map(Value, numbers, "xyt")), "z")
        except ValueError:
            continue
    raise AssertionError(f"no operands for {name}")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_explains_itself(name: str) -> None:
    z = sample(name)
    explanations = explain(z)
    assert len(explanations) == len(z.parents)
    factors = [e.paths[0].factors[0] for e in explanations]
    if name in FACTORS:
        assert tuple(map(str, factors)) == FACTORS[name]
    z.backward()
    for e, x, factor in zip(explanations, z.parents, factors, strict=True):
        assert e.value == x.grad
        assert factor.meets(x.grad)
        assert e.latex.count("{") == e.latex.count("}")
        assert str(e).startswith(f"∂z/∂{x.label} = ")


x, y, v, z = (
    node_symbol(Value(d), name_of(n)) for d, n in ((2.0, "x"), (3.0, "y"), (6.0, "v"), (4.0, "z"))
)


@pytest.mark.parametrize(
    ("symbol", "text", "latex"),
    [
        (y / v, "y/v", r"\frac{y}{v}"),
        (x * y / x, "y", "y"),
        (1 / (2 * x.sqrt()), "1/(2·√x)", r"\frac{1}{2 \cdot \sqrt{x}}"),
        (1.5 * x**0.5, "1.5·√x", r"1.5 \cdot \sqrt{x}"),
        (3 * x**2, "3·x²", r"3 \cdot x^{2}"),
        (x**-12.0, "1/x¹²", r"\frac{1}{x^{12}}"),
        (2 / (3 * x), "2/(3·x)", r"\frac{2}{3 \cdot x}"),
        (0.1 * x, "0.1·x", r"0.1 \cdot x"),
        (x.cos() * y, "y·cos x", r"y \cdot \cos x"),
        (x.cos() * y.sin(), "(cos x)·sin y", r"\left(\cos x\right) \cdot \sin y"),
        (x.cos() / y, "(cos x)/y", r"\frac{\cos x}{y}"),
        (1 / x.cos(), "1/(cos x)", r"\frac{1}{\cos x}"),
        (x.cos() ** 2, "(cos x)²", r"\left(\cos x\right)^{2}"),
        ((2 * x).cos().log(), "log(cos(2·x))", r"\log\left(\cos\left(2 \cdot x\right)\right)"),
        (-(1 - x * x), "−(1 − x²)", r"-\left(1 - x^{2}\right)"),
        (y * (1 - x * x) / v, "y·(1 − x²)/v", r"\frac{y \cdot \left(1 - x^{2}\right)}{v}"),
        (y / (1 + x), "y/(1 + x)", r"\frac{y}{1 + x}"),
        ((1 + x) / y, "(1 + x)/y", r"\frac{1 + x}{y}"),
        (x - (y - v), "x − (y − v)", r"x - \left(y - v\right)"),
        (x.exp() ** 2, "(e^x)²", r"\left(e^{x}\right)^{2}"),
        ((-x * x).exp(), "e^(−x²)", r"e^{-x^{2}}"),
        (2.0**x, "2^x", "2^{x}"),
        (x ** (y - 1), "x^(y − 1)", "x^{y - 1}"),
        (abs(x) * y.sigmoid(), "|x|·σ(y)", r"\left|x\right| \cdot \sigma\left(y\right)"),
        ((x > 0) * 1.0, "[x > 0]", r"\left[x > 0\right]"),
        (
            (x >= y) & (x <= y),
            "[x ≥ y]·[x ≤ y]",
            r"\left[x \ge y\right] \cdot \left[x \le y\right]",
        ),
        (1e6 * x, "1×10⁶·x", r"1 \times 10^{6} \cdot x"),
        (x - x, "0", "0"),
        (x + x + y, "2·x + y", r"2 \cdot x + y"),
    ],
)
def test_spelling(symbol: Symbol, text: str, latex: str) -> None:
    assert (str(symbol), symbol.latex) == (text, latex)


def test_no_algebra_that_is_wrong_for_some_numbers() -> None:
    for x in (node_symbol(Value(d), name_of("x")) for d in (2.0, -2.0)):
        assert str((x * x).sqrt()) == "√x²" or (x * x).sqrt().meets(2.0)
        assert ((x * x) ** 0.5).meets(2.0)
        assert ((x**2) ** 1.5).meets(8.0)
        assert ((3 * x) ** 2).meets(36.0)
    product = (
        node_symbol(Value(-2.0), name_of("a")) * node_symbol(Value(-3.0), name_of("b"))
    ) ** 0.5
    assert product.meets(6.0**0.5)


def test_a_symbol_does_not_branch() -> None:
    with pytest.raises(TypeError, match="should not branch"):
        bool(x > y)


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda x: x.sqrt().log(), "= 1/(2·v₁²) = 1/(2·x)"),
        (lambda x: (1 / x).log(), "= −1/(v₁·x²) = −1/x"),
        (lambda x: (x**3).log(), "= 3·x²/v₁ = 3/x"),
        (lambda x: (2 * x).log(), "= 2/v₁ = 1/x"),
        (lambda x: (-x) ** 2, "= −2·v₁ = 2·x"),
        (lambda x: (x * x + 1).log(), "= x/v₂ + x/v₂ = 2·x/v₂ = "),
        (lambda x: x**1.5, "= 1.5·√x\n"),
        (lambda x: x**0, "∂z/∂x = 0"),
        (lambda x: 3.0**x, "= z·log 3\n"),
    ],
)
def test_substitution(build, line) -> None:  # type: ignore[no-untyped-def]
    x = Value(2.0, "x")
    assert line in str(explain(build(x), x)), str(explain(build(x), x))


def test_the_variable_itself_is_not_replaced() -> None:
    w, _ = lecture()
    assert str(explain(w, "v")) == "∂w/∂v = 1/v\n      = 0.1667"


def test_nodes_made_by_hand_and_operations_of_ones_own() -> None:
    x, y = Value(2.0, "x"), Value(5.0, "y")
    z = Value(7.0, (x, y), (0.5, -3.0)) * y
    assert "= y × 0.5 = 0.5·y\n" in str(explain(z, x))
    define("cube_", lambda x: x**3, lambda x, z: 3 * x**2)
    define("step_", lambda x: abs(x), lambda x, z: 1.0 if x > 0 else -1.0)
    define("odd_", lambda x: x * x, lambda x, z: 2 * math.sqrt(x * x))
    try:
        assert str(explain(OPERATIONS["cube_"](x), x)) == "∂z/∂x = 3·x²\n      = 12"
        assert str(explain(OPERATIONS["step_"](x), x)) == "∂z/∂x = 1"
        assert str(explain(OPERATIONS["odd_"](x), x)) == "∂z/∂x = 4"
    finally:
        for name in ("cube_", "step_", "odd_"):
            del OPERATIONS[name]


def test_where_the_formula_is_not_the_number_there_is_the_number() -> None:
    x, y = Value(2.0, "x"), Value(2.0, "y")
    z = x * y
    y.data = 10.0
    e = explain(z, x)  # as it was computed: PyTorch refuses, we tell the truth
    assert str(e) == "∂z/∂x = 2"
    assert e.value == 2.0
    zero = Value(0.0, "x")
    assert str(explain(ops.hypot(zero, Value(0.0, "y")), zero)) == "∂z/∂x = 0"
    assert str(explain(zero**0.5, zero)) == "∂z/∂x = ∞"
    assert str(explain(zero * 3.0 * math.inf, zero)).endswith("= ∞")


# ---- the promise: sum over paths = gradient ---------------------------------------------------


@given(st.integers(0, 10**9), st.integers(1, 14))
@example(4, 10)
def test_paths_add_up_to_the_gradient(seed: int, nodes: int) -> None:
    rng = random.Random(seed)
    numbers = [rng.uniform(0.3, 2.0) for _ in range(3)]
    inputs = [Value(d, f"x{i}") for i, d in enumerate(numbers)]
    z = run(random_dag(rng, numbers, nodes), inputs, OPERATIONS)[-1]
    explanations = [explain(z, x, max_paths=50) for x in inputs]
    assert not any(v.has_grad for v in order_of_computing(z))
    z.backward()
    for x, e in zip(inputs, explanations, strict=True):
        size = sum(abs(p.product) for p in e.paths)
        assert math.isclose(e.value, x.grad, rel_tol=1e-9, abs_tol=1e-12 + 1e-9 * size)
        if e.paths:
            total = math.fsum(p.product for p in e.paths)
            assert math.isclose(total, x.grad, rel_tol=1e-9, abs_tol=1e-12 + 1e-9 * size)
            assert len(e.paths) == e.count
        for path in e.paths:
            assert path.product == pytest.approx(math.prod(path.slopes))
            for factor, slope in zip(path.factors, path.slopes, strict=True):
                assert factor.number() == pytest.approx(slope, rel=1e-8, abs=1e-8)
            for formula in (path.simplified, path.expanded):
                assert formula is None or formula.meets(path.product)
        assert e.latex.count("{") == e.latex.count("}")


@given(st.integers(0, 10**9))
def test_formulas_hold_everywhere_not_only_here(seed: int) -> None:
    """A factor, a product and its expansion hold at other numbers of the same graph, too."""
    rng = random.Random(seed)
    names = ("add", "mul", "div", "neg", "sqrt", "log", "tanh", "pow", "exp", "inv", "sub")
    first = [rng.uniform(1.1, 1.9) for _ in range(3)]
    program = random_dag(rng, first, rng.randint(1, 6), names)

    def formulas(numbers: list[float]) -> tuple[list[Value], list[tuple[Symbol, float]]]:
        inputs = [Value(d, f"x{i}") for i, d in enumerate(numbers)]
        z = run(program, inputs, OPERATIONS)[-1]
        paths = [p for x in inputs for p in explain(z, x, max_paths=20).paths]
        known = [(s, p.product) for p in paths for s in (p.simplified, p.expanded) if s is not None]
        return order_of_computing(z), known

    nodes, here = formulas(first)
    try:
        others, there = formulas([rng.uniform(1.1, 1.9) for _ in range(3)])
    except (ValueError, ZeroDivisionError, OverflowError):
        return
    if len(here) != len(there):
        return
    for mine, its in zip(nodes, others, strict=True):
        mine.data = its.data
    for (symbol, _), (_, number) in zip(here, there, strict=True):
        assert symbol.number() == pytest.approx(number, rel=1e-6, abs=1e-8), str(symbol)


# ---- names ------------------------------------------------------------------------------------


def names_of(z: Value, variables: dict[str, object] | None = None) -> list[str]:
    return [str(name) for name in Names(order_of_computing(z), variables).values()]


def test_names_are_numbered_in_the_order_of_computing() -> None:
    x, y = Value(2.0, "x"), Value(3.0)
    assert names_of((x * y).log().exp()) == ["x", "v₁", "v₂", "v₃", "z"]


def test_names_do_not_clash() -> None:
    a, b, c = Value(1.0, "v1"), Value(2.0, "v_3"), Value(3.0, "z")
    assert names_of((a * b) * c + 1.0) == ["v₁", "v₃", "v₂", "z", "v₄", "v₅"]
    same = [Value(1.0, "x"), Value(2.0, "x"), Value(3.0, "x₍₂₎")]
    found = names_of(ops.sum_of(same))
    assert found[0] == "x₍₁₎"
    assert len(set(found)) == 4
    assert len(set(names_of(ops.sum_of([Value(i, "w" * 99 + str(i)) for i in range(9)])))) == 10


def test_names_from_variables() -> None:
    x = Value(2.0, "x")
    hidden = x * 3.0
    a = hidden + x
    variables = {"_": hidden, "hidden": hidden, "again": hidden, "other": x, "a": a, "n": 3}
    assert names_of(a, variables) == ["x", "hidden", "a"]
    assert "∂a/∂hidden · ∂hidden/∂x" in str(explain(a, x, names=variables))


@pytest.mark.parametrize(
    ("label", "text", "latex"),
    [
        ("w1", "w₁", "w_{1}"),
        ("w_12", "w₁₂", "w_{12}"),
        ("h₁", "h₁", "h_{1}"),
        ("loss", "loss", r"\mathrm{loss}"),
        ("my_loss", "my_loss", r"\mathrm{my\_loss}"),
        ("layers.0.w[3]", "layers.0.w[3]", r"\mathrm{layers{.}0{.}w{[}3{]}}"),
        ("θ", "θ", "θ"),
        ("x*y", "‘x*y’", r"\langle \mathrm{x{*}y} \rangle"),
        ("3", "‘3’", r"\langle \mathrm{3} \rangle"),
        ("x²", "‘x²’", r"\langle \mathrm{x²} \rangle"),
        ("a\nb\0", "‘a␊b␀’", r"\langle \mathrm{a␊b␀} \rangle"),
        ("\u202eab", "‘<202E>ab’", r"\langle \mathrm{{<}202E{>}ab} \rangle"),
        ("$$\\end{x}", "‘$$\\end{x}’", r"\langle \mathrm{\$\${\backslash}end\{x\}} \rangle"),
    ],
)
def test_labels_become_names(label: str, text: str, latex: str) -> None:
    name = name_of(label)
    assert (name.text, name.latex) == (text, latex)


HOSTILE = [
    '"', "\\", "<b>x</b>", "]>", "javascript:alert(1)", "${x}", "\0", "\u202eevil", "\ud800",
    "x" * 10**6, "\\begin{document}", "$$", "&amp;", "</script><script>", "{", "}", "^", "_", "~",
    "\x1b[31mred", "a\r\nb", "\u2028", "''", "{0}", "#", "%", " ", "\u200b", "é\u0301" * 50,
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels(label: str) -> None:
    plain = explain(Value(2.0, "x") * Value(3.0, "q"), "x")
    x = Value(2.0, label)
    e = explain(x * Value(3.0, "q"), x)
    assert len(str(e).splitlines()) == len(str(plain).splitlines())
    assert len(str(e)) < 200
    assert str(e).isprintable() is str(plain).isprintable()
    bare = re.sub(r"\\[#$%&_{} ]", "", e.latex)
    allowed = {"begin", "end", "frac", "partial", "mathrm", "langle", "rangle", "backslash"}
    allowed |= {"wedge", "sim", "prime", "ldots", "cdot", "times"}
    assert set(re.findall(r"\\([a-z]+)", bare)) <= allowed
    assert bare.count("{") == bare.count("}")
    assert not set("$%#~") & set(bare)
    assert bare.count("&") == plain.latex.count("&")
    assert not re.search(r"<[a-zA-Z/!]", e.latex)


def test_labels_that_are_no_texts() -> None:
    x = Value(2.0)
    x.label = 5  # type: ignore[assignment]
    assert str(explain(x * 2.0, x)) == "∂z/∂‘5’ = 2"


@pytest.mark.parametrize(
    ("number", "text", "latex"),
    [
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (1 / 3, "0.3333", "0.3333"),
        (-2.0, "−2", "-2"),
        (12345.0, "12345", "12345"),
        (1e5, "1×10⁵", r"1 \times 10^{5}"),
        (1.23456e-5, "1.235×10⁻⁵", r"1.235 \times 10^{-5}"),
        (1e-4, "0.0001", "0.0001"),
        (9.99999e-5, "0.0001", "0.0001"),
        (99999.0, "99999", "99999"),
        (99999.6, "1×10⁵", r"1 \times 10^{5}"),
        (-5e-324, "−4.941×10⁻³²⁴", r"-4.941 \times 10^{-324}"),
        (math.inf, "∞", r"\infty"),
        (-math.inf, "−∞", r"-\infty"),
        (math.nan, "nan", r"\mathrm{nan}"),
    ],
)
def test_numbers(number: float, text: str, latex: str) -> None:
    assert (number_text(number), number_latex(number)) == (text, latex)


def test_counts() -> None:
    assert count_text(1234567) == "1,234,567"
    assert count_text(10**40) == "about 1×10⁴⁰"
    assert len(count_text(1 << 4 * sys.get_int_max_str_digits())) < 30


# ---- how it is asked --------------------------------------------------------------------------


def test_several_at_once() -> None:
    w, x = lecture()
    every = explain(w, output="z")
    assert isinstance(every, Explanations)
    assert [str(e.wrt) for e in every] == ["x", "y"]
    assert str(every) == f"{every[0]}\n\n{every[1]}"
    assert every.latex == f"$${every[0].latex}$$\n$${every[1].latex}$$" == every._repr_latex_()
    assert [str(e.wrt) for e in explain(w, [x, "v", "y"])] == ["x", "v", "y"]
    assert explain(w, []) == ()


def test_by_name() -> None:
    x1, other = Value(2.0, "x1"), Value(3.0)
    z = x1 * other + 1.0
    for name in ("x1", "x₁"):
        assert explain(z, name).value == 3.0
    assert explain(z, "v1").value == explain(z, "v₁").value == 2.0
    twins = [Value(1.0, "x"), Value(2.0, "x")]
    assert explain(twins[0] * twins[1], "x₍₂₎").value == 1.0


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda w, x: explain(w, 2.0), TypeError, "a plain number is a constant"),
        (lambda w, x: explain(w, [None]), TypeError, "a plain number is a constant"),
        (lambda w, x: explain(3.0, x), TypeError, "needs the Value"),
        (lambda w, x: explain(w, "why"), ValueError, "nothing in the graph is called 'why'"),
        (lambda w, x: explain(w, "vv"), ValueError, "did you mean 'v'"),
        (lambda w, x: explain(w, x, output="y"), ValueError, "choose another name"),
        (lambda w, x: explain(w * Value(1.0, "x"), "x"), ValueError, "x₍₁₎, x₍₂₎"),
        (lambda w, x: explain(Value(1.0) * 2.0), ValueError, "no input has a label"),
    ],
)
def test_errors(ask, error, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=re.escape(message)):
        ask(*lecture())


def test_an_explanation_stays_as_it_was() -> None:
    w, x = lecture()
    e = explain(w, x, output="z")
    text = str(e)
    x.data = 100.0
    assert str(e) == text
    assert repr(e) == "<Explanation of ∂z/∂x = 0.5>"


@pytest.mark.parametrize(
    ("program", "formula"),
    [
        (lambda x: x**123456.0, "1.235×10⁵·x^(1.235×10⁵)"),
        (lambda x: 200000.5**x, "log(2×10⁵)"),
    ],
)
def test_a_power_of_ten_is_a_product(program: Callable[[Value], Value], formula: str) -> None:
    assert formula in str(explain(program(Value(1.0, "x")), "x"))


def test_a_label_with_a_dot_is_no_product() -> None:
    x, y = Value(2.0, "x·y"), Value(3.0, "y")
    assert "‘x·y’" in str(explain(x * x * y, y))


def test_the_largest_of_many_is_explained_at_once() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(400)]
    assert "[x₃₉₉ ≥ z]" in str(explain(ops.max_of(xs), xs[-1]))


def test_what_the_names_stand_for() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    v = x * y
    v.label = "v"
    w = v.log()
    w.label = "w"
    assert explain(w, x, output="z").where == ("v = x·y", "w = log v", "z = w")
    assert explain(w, [x, y]).where == ("v = x·y", "w = log v")
    assert explain(dot([x, y], [y, x], x), x).where == ("z = 2·x·y + x",)
    assert explain(Value(1.0, (x,), (2.0,)), x).where == ()
