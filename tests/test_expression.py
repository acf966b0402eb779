"""Typed expressions: what they mean, and one helpful line for what they may not contain."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore import ops
from microgrunderscore.engine import Value
from microgrunderscore.expression import ALIASES, LONGEST_TEXT, ExpressionError, parse
from microgrunderscore.operation import OPERATIONS
from microgrunderscore.pictures.explain import explain


def test_the_lecture_from_the_command_line() -> None:
    parsed = parse("log(x*y)", {"x": 2, "y": 3})
    assert (parsed.root.data, parsed.root.label) == (math.log(6.0), "w")
    assert list(parsed.leaves) == ["x", "y"]
    assert (parsed.intermediates, parsed.output) == (("v", "w"), "z")
    assert str(explain(parsed.root, "x", output=parsed.output)) == (
        "∂z/∂x = ∂z/∂w · ∂w/∂v · ∂v/∂x = 1 × 1/v × y = y/v = 1/x\n      = 1 × 0.1667 × 3 = 0.5"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x*y + sin(x)", 2.0 * 3.0 + math.sin(2.0)),
        ("(x-y)**2/2", 0.5),
        ("-x**2", -4.0),
        ("+x - -y", 5.0),
        ("2**-x", 0.25),
        ("max(x, y)", 3.0),
        ("max(x, y, 7)", 7.0),
        ("max(x)", 2.0),
        ("min(x, y, 7)", 2.0),
        ("abs(-x)", 2.0),
        ("ln(x)", math.log(2.0)),
        ("pi*x", 2.0 * math.pi),
        ("log(e**x)", math.log(math.e**2.0)),
        ("sum(x, y, 1)", 6.0),
        ("mean(x, y)", 2.5),
        ("leaky_relu(-x)", -0.02),
        ("leaky_relu(-x, 0.5)", -1.0),
        ("where(x, y, 1)", 3.0),
        ("1_000*x", 2000.0),
        ("  x\n + 1 ", 3.0),
        ("x # the input", 2.0),
        ("3 + 4", 7.0),
    ],
)
def test_values(text: str, value: float) -> None:
    used = {k: v for k, v in {"x": 2.0, "y": 3.0}.items() if re.search(rf"\b{k}\b", text)}
    root = parse(text, used).root
    assert isinstance(root, Value)
    assert root.data == value


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_typed(name: str) -> None:
    count = OPERATIONS[name].arity or 2
    names = "xyt"[:count]
    for numbers in ((0.5, 0.25, 0.75), (1.5, 2.5, 3.5)):
        try:
            wanted = OPERATIONS[name].on_floats(numbers[:count])
        except ValueError:
            continue
        parsed = parse(f"{name}({', '.join(names)})", dict(zip(names, numbers, strict=False)))
        assert parsed.root.data == wanted


def test_every_alias_is_an_operation() -> None:
    assert set(ALIASES.values()) <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("text", "names", "labels", "root", "output"),
    [
        ("x*y + sin(x)", "xy", ("v", "w"), "z", "z"),
        ("tanh(w*x + b)", "wxb", ("v", "u", "t"), "t", "z"),
        ("log(v*w)", "vw", ("u", "t"), "t", "z"),
        ("x*z", "xz", (), "f", "f"),
        ("x", "x", (), "x", "z"),
        ("x + 1", "x", (), "z", "z"),
        ("x*x*x*x*x*x*x*x", "x", ("v1", "v2", "v3", "v4", "v5", "v6", "v7"), "v7", "z"),
        ("x*x*x*x - x*x*x", "x", ("v", "w", "u", "t", "s"), "z", "z"),
    ],
)
def test_steps_are_labelled(
    text: str, names: str, labels: tuple[str, ...], root: str, output: str
) -> None:
    parsed = parse(text, dict.fromkeys(names, 1.5))
    assert (parsed.intermediates, parsed.root.label, parsed.output) == (labels, root, output)
    explain(parsed.root, [*parsed.leaves], output=parsed.output)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(x*y)", "y has no value: add y=…"),
        ("x*y*t", "y, t have no value: add y=… t=…"),
        ("lgo(x)", "there is no operation lgo: did you mean 'log'?"),
        ("f(x)", "there is no operation f"),
        ("x(2)", "there is no operation x"),
        ("sin + x", "sin is an operation: write sin(…)"),
        ("x^2", "write ** as in x**2"),
        ("x.data", "attribute access"),
        ("x.log()", "attribute access"),
        ("x.__class__.__mro__", "attribute access"),
        ("x[0]", "indexing"),
        ("'a'", "quotation marks"),
        ("f'{x}'", "quotation marks"),
        ("lambda: x", "lambda"),
        ("log(x=2)", "keyword"),
        ("log(**x)", "keyword"),
        ("log(*x)", "* before an argument"),
        ("x < 2", "comparisons"),
        ("x if x else 1", "where(c, x, y)"),
        ("x and x", "where(c, x, y)"),
        ("not x", "where(c, x, y)"),
        ("~x", "use + - * / **"),
        ("x // 2", "use + - * / **"),
        ("x @ x", "use + - * / **"),
        ("[x]", "lists"),
        ("x, x", "comma"),
        ("{x: x}", "Dict is not allowed"),
        ("[x for x in x]", "ListComp is not allowed"),
        ("(x := 1)", "NamedExpr is not allowed"),
        ("3j*x", "not a real number"),
        ("True*x", "not a real number"),
        ("None", "not a real number"),
        ("...", "not a real number"),
        ("2x", "a product needs its sign"),
        ("2(x)", "a product needs its sign"),
        ("(x + 1)(x - 1)", "a product needs its sign"),
        ("x × 2", "write + - * / **"),
        ("log(x*", "at character 4"),
        ("x +* 2", "at character 4"),
        ("x; x", "at character 2"),
        ("x = 1", "at character 3"),
        ("", "is empty"),
        ("  \n", "is empty"),
        ("log()", "log takes 1 number, not 0"),
        ("log(x, 2)", "log takes 1 number, not 2"),
        ("hypot(x)", "hypot takes 2 numbers, not 1"),
        ("leaky_relu(x, 1, 2)", "leaky_relu takes 1 or 2 numbers, not 3"),
        ("mean()", "mean takes at least 1 number, not 0"),
        ("x\0", "cannot read the expression"),
        ("\ud800", "cannot read the expression"),
        ("x" * (LONGEST_TEXT + 1), "too long"),
        ("(" * 9000 + "x" + ")" * 9000, "nested"),
        ("-" * 19_000 + "x", "nested too deeply"),
        ("1" * 5000, "too large"),
        ("__import__('os').system('true')", "quotation marks"),
        ("exec(x)", "there is no operation exec"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)) as caught:
        parse(text, {"x": 1.0})
    assert len(str(caught.value)) < 250
    assert len(str(caught.value).splitlines()) == 1


def test_a_long_sum_is_computed_or_refused() -> None:
    """How deep Python's own parser goes depends on its version."""
    text = "x+" * 9_000 + "x"
    try:
        total = parse(text, {"x": 1.0}).root.data
    except ExpressionError as error:
        total, refusal = 9001.0, str(error)
        assert "nested too deeply" in refusal
    assert total == 9001.0


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"x": 1.0, "y": 2.0}, ExpressionError, "y has a value but does not occur"),
        ({"x": 1.0, "x y": 2.0}, ExpressionError, "is not a name"),
        ({"x": "1"}, TypeError, "not str"),
    ],
)
def test_values_that_do_not_fit(
    values: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse("x", values)


def test_a_text_is_needed() -> None:
    with pytest.raises(TypeError, match="an expression is a text"):
        parse(3, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("log(x)", ValueError, "labelled 'x'): log is defined for x > 0"),
        ("1/(x + 1)", ZeroDivisionError, "y ≠ 0"),
        ("exp(-1000*x)", OverflowError, "too large"),
        ("x*9**9**9", OverflowError, "too large"),
        ("x*9**9**9**9**9**9", OverflowError, "too large"),
        ("x*" + "1" * 400, OverflowError, "400 digits"),
        ("x*1/0", ZeroDivisionError, "defined for"),
        ("log(0)*x", ValueError, "log is defined for"),
    ],
)
def test_errors_of_the_operations_keep_their_type(
    text: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        parse(text, {"x": -1.0})
    assert not isinstance(caught.value, ExpressionError)


def test_long_sums() -> None:
    assert parse("+".join(["x"] * 1000), {"x": 1.0}).root.data == 1000.0


def test_a_value_for_e_replaces_the_constant() -> None:
    assert parse("e*x", {"x": 1.0, "e": 5.0}).root.data == 5.0
    assert parse("e*x", {"x": 1.0}).root.data == math.e


def test_names_are_normalised_as_the_parser_does() -> None:
    assert list(parse("ﬁ*2", {"ﬁ": 3.0}).leaves) == ["fi"]


@given(
    st.text(alphabet="xyz0123456789.+-*/()^, []'\"\\logsinmaxe_{}:=<>!~@%&|#\n\0πé", max_size=40)
)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = "fine"
    try:
        parse(text, {"x": 1.5, "y": 0.5})
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        message = str(error)
    assert len(message.splitlines()) == 1


@given(
    st.recursive(
        st.sampled_from(["x", "y", "2", "0.5"]),
        lambda part: (
            st.builds("({} {} {})".format, part, st.sampled_from("+-*"), part)
            | st.builds("{}({})".format, st.sampled_from(["sin", "tanh", "-", "sigmoid"]), part)
        ),
        max_leaves=20,
    )
)
def test_python_agrees(text: str) -> None:
    text = f"x*0 + y*0 + {text}"
    table = {"x": 0.7, "y": -1.2, "sin": ops.sin, "tanh": ops.tanh, "sigmoid": ops.sigmoid}
    assert parse(text, {"x": 0.7, "y": -1.2}).root.data == eval(text, table)
