"""gradcheck accepts what is right at difficult points, and catches every wrong rule."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dags import program_of
from hypothesis import given
from hypothesis import strategies as st
from points import POINTS, ROWS, Rule, movable, replaced

from microgrunderscore import ops
from microgrunderscore.differences import gradcheck
from microgrunderscore.engine import Value
from microgrunderscore.operation import OPERATIONS, Operation, define

Function = Callable[..., Any]
seeds = st.integers(0, 2**32)


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


def test_f_gets_values_for_all_arguments_that_are_checked() -> None:
    def by_hand(a: Any, b: Any) -> Value:
        return Value(a.data * b.data, (a, b), (b.data, a.data))

    assert gradcheck(by_hand, 2.0, 3.0).ok
    kinds: set[tuple[type, type]] = set()
    gradcheck(lambda a, b: kinds.add((type(a), type(b))) or a * b, 2.0, 3.0, argnums=0)
    assert kinds == {(Value, float)}
