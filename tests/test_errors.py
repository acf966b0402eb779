"""What is refused: with which exception, in which words, and that nothing was changed by it."""

from __future__ import annotations

import math
import operator
import re
from collections import Counter, deque
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgrunderscore as mg
from microgrunderscore import Value, dot
from microgrunderscore.operation import BUILT_IN, OPERATIONS


class Convertible:
    """Can be made a float, but does not say that it is a real number."""

    def __float__(self) -> float:
        return 1.0


ARRAYS: list[Any] = [
    np.array([1.0, 2.0]),
    np.array([1, 2]),
    np.array([True, False]),
    np.array([1.0, 2.0], np.float32),
    np.zeros((2, 3)),
    np.zeros((0,)),
    np.zeros((1, 1)),
]
NOT_NUMBERS: list[Any] = [
    *("a", "3", "", "nan", b"3", bytearray(b"3"), "x" * 1000),
    *(None, ..., NotImplemented, object(), Convertible(), Path("a")),
    *([], [1.0], (), (1.0,), {}, {1: 2}, set(), {1}, frozenset({1})),
    *(range(3), slice(1), iter([1.0]), deque([1]), memoryview(b"a")),
    *(int, float, len, lambda x: x, math, ValueError("a")),
    *(1j, 2 + 0j, Decimal("1"), Decimal("nan"), date(2020, 1, 1), timedelta(1)),
    *(re.compile("a"), Counter("a")),
]
BAD = [*NOT_NUMBERS, *ARRAYS]


def _name(x: Any) -> str:
    return f"{type(x).__name__} {str(x)[:12]}" if isinstance(x, str | bytes) else type(x).__name__


every_bad = pytest.mark.parametrize("bad", BAD, ids=_name)
every_array = pytest.mark.parametrize("array", ARRAYS, ids=lambda x: f"{x.dtype}{x.shape}")

ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
FOREIGN = {  # Python has them, numbers with derivatives do not
    "//": operator.floordiv,
    "%": operator.mod,
    "@": operator.matmul,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "divmod()": divmod,
}
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def test_the_tables_are_long_enough() -> None:
    assert len(BAD) >= 40
    assert len(ARITHMETIC | FOREIGN) == 14


def refused(compute: Callable[[], Any], kind: type[Exception], *parts: str) -> str:
    """The message with which something is refused; it must contain the parts."""
    with pytest.raises(kind) as caught:
        compute()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert message, "an error says what happened"
    for part in parts:
        assert part in message, message
    return message


def untouched(v: Value) -> bool:
    return (v.data, v.grad, v.op, v.label, v.parents, v.has_grad) == (2.0, 0.0, "", "v", (), False)


# ---- at the door --------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", NOT_NUMBERS, ids=_name)
def test_a_value_of_what_is_no_number(bad: Any) -> None:
    message = refused(lambda: Value(bad), TypeError, "Value holds a real number")
    assert type(bad).__name__ in message
    assert repr(bad)[:40] in message
    assert repr(bad)[:42] not in message or len(repr(bad)) <= 41
    assert len(message) < 250


@every_array
def test_a_value_of_an_array(array: Any) -> None:
    refused(
        lambda: Value(array), TypeError, "scalar engine", str(array.shape), "loop over", ".item()"
    )


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (1 + 2j, "complex is not supported"),
        (np.complex128(1j), "complex is not supported"),
        (Decimal("1"), "convert with float(...)"),
        (Convertible(), "convert with float(...)"),
        ("3", "convert with float(...)"),
        (Value(1.0), ".data"),
    ],
    ids=_name,
)
def test_the_way_out(bad: Any, part: str) -> None:
    refused(lambda: Value(bad), TypeError, type(bad).__name__, part)


@pytest.mark.parametrize(
    ("big", "digits"),
    [
        (10**400, 401),
        (-(10**400), 401),
        (10**400 - 1, 400),
        (2**1024, 309),
        (Fraction(10**400), 401),
        (10**5000, 5001),
    ],
    ids=["400", "-400", "just below", "2**1024", "fraction", "5000"],
)
def test_a_whole_number_beyond_the_floats(big: Any, digits: int) -> None:
    v = Value(2.0, "v")
    for compute in (
        lambda: Value(big),
        lambda: v + big,
        lambda: big * v,
        lambda: v < big,
        lambda: mg.exp(big),
        lambda: v.maximum(big),
        lambda: dot([v], [big]),
        lambda: setattr(v, "data", big),
        lambda: setattr(v, "grad", big),
        lambda: v.backward(big),
    ):
        refused(compute, OverflowError, "too large for a float", f"{digits} digits")
        assert untouched(v)


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (3, 3.0),
        (True, 1.0),
        (Fraction(1, 4), 0.25),
        (2**53 + 1, 2.0**53),
        (Fraction(1, 10**400), 0.0),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3.0),
        (np.bool_(True), 1.0),
        (math.inf, math.inf),
        (-0.0, -0.0),
    ],
    ids=repr,
)
def test_every_real_number_is_welcome(good: Any, expected: float) -> None:
    v = Value(2.0)
    for node in (Value(good), v * good, good * v):
        assert type(node.data) is float
    assert str(Value(good).data) == str(expected)
    assert (v + good).data == (good + v).data == 2.0 + expected


@every_bad
@pytest.mark.parametrize("attribute", ["data", "grad"])
def test_setters_are_doors_too(attribute: str, bad: Any) -> None:
    v = Value(2.0, "v")
    parts = ("scalar engine",) if any(bad is a for a in ARRAYS) else ("real number",)
    refused(lambda: setattr(v, attribute, bad), TypeError, *parts)
    assert untouched(v)
    with pytest.raises(AttributeError):
        v.nosuch = 1.0


@every_bad
def test_the_seed_of_backward(bad: Any) -> None:
    v = Value(2.0, "v")
    y = v * 3.0
    refused(lambda: y.backward(bad), TypeError, "seed")
    refused(lambda: v.backward(bad), TypeError, "seed")
    assert untouched(v)
    assert not y.has_grad


# ---- operators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", NOT_NUMBERS, ids=_name)
@pytest.mark.parametrize("sign", ARITHMETIC | FOREIGN)
def test_operators_refuse_what_is_no_number(sign: str, bad: Any) -> None:
    compute, v = (ARITHMETIC | FOREIGN)[sign], Value(2.0, "v")
    node = v * 1.0
    for value in (v, node):
        for left, right in ((value, bad), (bad, value)):
            message = refused(lambda: compute(left, right), TypeError)  # noqa: B023
            if not hasattr(bad, "__len__") or (sign != "*" and left is value):
                assert sign in message  # text and lists have errors of their own for + * %
                assert "'Value'" in message
                assert type(bad).__name__ in message
    assert untouched(v)
    assert (node.data, node.parents) == (2.0, (v,))


@every_array
@pytest.mark.parametrize("sign", ARITHMETIC | FOREIGN | ORDER)
def test_operators_refuse_arrays_of_numbers(sign: str, array: Any) -> None:
    compute, v = (ARITHMETIC | FOREIGN | ORDER)[sign], Value(2.0, "v")
    before = array.copy()
    parts = () if sign in FOREIGN else ("scalar engine", str(array.shape), "loop over")
    refused(lambda: compute(v, array), TypeError, *parts)
    refused(lambda: compute(array, v), TypeError, *parts)
    assert untouched(v)
    assert (array == before).all()


@every_array
@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**"])
def test_an_array_of_numbers_is_not_changed_in_place(sign: str, array: Any) -> None:
    inplace = {"+": "iadd", "-": "isub", "*": "imul", "/": "itruediv", "**": "ipow"}[sign]
    before, v = array.copy(), Value(2.0, "v")
    refused(lambda: getattr(operator, inplace)(array, v), TypeError)
    assert (array == before).all()


@pytest.mark.parametrize("sign", FOREIGN)
def test_operators_that_numbers_with_derivatives_do_not_have(sign: str) -> None:
    v = Value(2.0, "v")
    for left, right in ((v, 2.0), (2.0, v), (v, v), (2, v)):
        refused(lambda: FOREIGN[sign](left, right), TypeError, sign, "'Value'")  # noqa: B023
    refused(lambda: ~v, TypeError, "unary ~", "'Value'")
    refused(lambda: pow(v, 2, 3), TypeError)


@every_bad
@pytest.mark.parametrize("sign", ORDER)
def test_comparison_with_what_is_no_number(sign: str, bad: Any) -> None:
    v = Value(2.0, "v")
    for left, right in ((v, bad), (bad, v)):
        refused(lambda: ORDER[sign](left, right), TypeError)  # noqa: B023
    assert untouched(v)


@pytest.mark.parametrize(
    "number",
    [*(2.0, 2, 0, True, math.nan, Fraction(2)), *(np.float64(2), np.float32(2), np.int64(2))],
    ids=lambda x: f"{type(x).__name__}-{x}",
)
def test_equality_with_a_number(number: Any) -> None:
    v = Value(2.0, "v")
    for compute in (
        lambda: v == number,
        lambda: v != number,
        lambda: number == v,
        lambda: number != v,
        lambda: v in [number],
    ):
        refused(compute, TypeError, "compare v.data")


@every_array
def test_equality_with_an_array(array: Any) -> None:
    v = Value(2.0, "v")
    for compute in (
        lambda: v == array,
        lambda: array == v,
        lambda: v != array,
        lambda: array != v,
    ):
        refused(compute, TypeError)


@pytest.mark.parametrize("other", [None, "2.0", (2.0,), object(), Value(2.0)], ids=_name)
def test_equality_with_anything_else_is_identity(other: Any) -> None:
    v = Value(2.0)
    assert (v == other, v != other) == (False, True)
    assert (other == v, other != v) == (False, True)


# ---- conversion ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        float,
        int,
        complex,
        math.sin,
        math.exp,
        math.floor,
        math.ceil,
        math.isnan,
        lambda v: math.pow(v, 2.0),
        lambda v: math.hypot(3.0, v),
        lambda v: "%.3f" % v,  # noqa: UP031
        np.float64,
        lambda v: np.array([v], dtype=float),
    ],
)
def test_a_conversion_would_lose_the_gradient(convert: Callable[[Value], Any]) -> None:
    for v in (Value(2.0, "v"), Value(2.0) * 1.0):
        refused(lambda: convert(v), TypeError, "would lose the gradient", "v.sin()", "v.data")  # noqa: B023


@pytest.mark.parametrize(
    ("use", "part"),
    [
        (lambda v: v[0], "not subscriptable"),
        (lambda v: len(v), "has no len"),
        (lambda v: list(v), "not iterable"),
        (lambda v: v(), "not callable"),
        (lambda v: 1.0 in v, "not iterable"),
        (lambda v: range(v), "integer"),
        (lambda v: [1, 2][v], "indices"),
        (lambda v: round(v), "__round__"),
        (lambda v: math.trunc(v), "__trunc__"),
    ],
)
def test_what_a_number_cannot_do(use: Callable[[Any], Any], part: str) -> None:
    refused(lambda: use(Value(2.0)), TypeError, part)


# ---- functions ----------------------------------------------------------------------------------

FUNCTIONS = sorted(name for name in OPERATIONS if name in BUILT_IN)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_refuse_what_is_no_number(name: str) -> None:
    row = OPERATIONS[name]
    arity = row.arity or 2
    for bad in BAD:
        v = Value(2.0, "v")
        for place in range(arity):
            operands = [bad if i == place else v for i in range(arity)]
            refused(lambda: row(*operands), TypeError)  # noqa: B023
            if row.arity and arity > 1:
                numbers = [bad if i == place else 2.0 for i in range(arity)]
                refused(lambda: row(*numbers), TypeError)  # noqa: B023
            if row.arity and place:
                refused(lambda: getattr(v, name)(*operands[1:]), TypeError)  # noqa: B023
        assert untouched(v)


@pytest.mark.parametrize("bad", NOT_NUMBERS, ids=_name)
def test_functions_say_what_they_hold(bad: Any) -> None:
    v = Value(2.0)
    for compute in (
        lambda: mg.exp(bad),
        lambda: mg.hypot(v, bad),
        lambda: v.maximum(bad),
        lambda: mg.sum_of(v, bad),
        lambda: mg.sum_of([v, bad]),
        lambda: mg.logsumexp(bad, v),
    ):
        refused(compute, TypeError, "holds a real number", type(bad).__name__)


@every_bad
def test_dot_refuses_what_is_no_number(bad: Any) -> None:
    v = Value(2.0, "v")
    for compute in (
        lambda: dot([v, bad], [v, v]),
        lambda: dot([v], [bad]),
        lambda: dot([1.0], [bad]),
        lambda: dot([bad], [bad]),
    ):
        refused(compute, TypeError)
    if bad is not None:
        refused(lambda: dot([v], [v], bad), TypeError)
    assert untouched(v)


def test_dot_of_unequal_lists() -> None:
    refused(lambda: dot([Value(1.0)], [1.0, 2.0]), ValueError, "one length", "1 and 2")
    refused(lambda: dot([Value(1.0)] * 3, []), ValueError, "one length", "3 and 0")
    refused(lambda: dot(Value(1.0), [1.0]), TypeError, "not iterable")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("compute", "kind", "parts"),
    [
        (lambda v: mg.log(v - 3.0), ValueError, ("log(-1.0)", "x > 0")),
        (lambda v: (-v).sqrt(), ValueError, ("sqrt(-2.0)", "x ≥ 0")),
        (lambda v: v.asin(), ValueError, ("asin(2.0)", "'v'", "-1 ≤ x ≤ 1")),
        (lambda v: v.acos(), ValueError, ("acos(2.0)", "'v'", "-1 ≤ x ≤ 1")),
        (lambda v: v.atanh(), ValueError, ("atanh(2.0)", "'v'", "-1 < x < 1")),
        (lambda v: (v - 2.0).acosh(), ValueError, ("acosh(0.0)", "x ≥ 1")),
        (lambda v: (-v).log1p(), ValueError, ("log1p(-2.0)", "x > -1")),
        (lambda v: mg.sin(v * math.inf), ValueError, ("sin(inf)", "finite")),
        (lambda v: v / 0, ZeroDivisionError, ("2.0 / 0.0", "'v'")),
        (lambda v: v / 0.0, ZeroDivisionError, ("2.0 / 0.0", "'v'")),
        (lambda v: v / Value(0.0, "w"), ZeroDivisionError, ("2.0 / 0.0", "'v'", "'w'")),
        (lambda v: 1 / Value(-0.0, "w"), ZeroDivisionError, ("1.0 / -0.0", "'w'")),
        (lambda v: 0.0 ** (-v), ZeroDivisionError, ("0.0 ** -2.0",)),
        (lambda v: Value(0.0, "w") ** -1, ZeroDivisionError, ("0.0 ** -1.0", "'w'")),
        (
            lambda v: Value(-8.0, "w") ** (1 / 3),
            ValueError,
            ("-8.0", "0.333", "negative base", "non-integer exponent", "'w'"),
        ),
        (lambda v: (-8.0) ** (v / 4), ValueError, ("-8.0 ** 0.5", "negative base")),
        (lambda v: (v * 500).exp(), OverflowError, ("exp(1000.0)", "softplus", "logsumexp")),
        (lambda v: (v * 1e200) ** v, OverflowError, ("2e+200 ** 2.0", "'v'")),
        (lambda v: v**5000, OverflowError, ("2.0 ** 5000.0", "'v'", "too large")),
        (lambda v: (v * 500).sinh(), OverflowError, ("sinh(1000.0)", "too large")),
    ],
)
def test_errors_of_the_domain(
    compute: Callable[[Value], Any], kind: type[Exception], parts: tuple[str, ...]
) -> None:
    v = Value(2.0, "v")
    message = refused(lambda: compute(v), kind, *parts)
    assert ("labelled" in message) == any("'" in part for part in parts)
    assert untouched(v)


@pytest.mark.parametrize("label", ["x" * 10_000, "a\nb", "<b>", "{0}", "%s", "{", "\0", "‮"])
def test_a_hostile_label_in_a_message(label: str) -> None:
    message = refused(lambda: Value(-1.0, label).log(), ValueError, "log(-1.0)", "x > 0")
    assert "\n" not in message
    assert "\0" not in message


def test_a_value_is_made_of_one_number() -> None:
    refused(lambda: Value(), TypeError)  # type: ignore[call-arg]
    refused(lambda: Value(1.0, 2.0), TypeError)  # type: ignore[arg-type]


def test_what_is_read_only() -> None:
    v = Value(1.0) + 2.0
    for name in ("operands", "parents", "partials", "has_grad"):
        with pytest.raises(AttributeError):
            setattr(v, name, ())
    with pytest.raises(AttributeError):
        v.gradient = 1.0  # a slip of the pen, found at once
