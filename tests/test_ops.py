"""Every operation computes what floats compute, and its partials are those of mpmath."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import operator
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath as mp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import FEW, HUGE, INF, NAN, NORMAL, SAMPLES, SPECIALS, TINY, Sample

import microgrunderscore as mg
from microgrunderscore import Value, define, ops
from microgrunderscore.operation import BUILT_IN, OPERATIONS, Operation

NAMES = sorted(name for name in OPERATIONS if name in BUILT_IN)
SPELLED = {"pow": "power", "abs": "absolute"}  # the built-in functions keep their names
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": operator.abs,
}
every_row = pytest.mark.parametrize("name", NAMES)


def bits(x: Any) -> bytes:
    """Tells 0.0 from -0.0 and holds every nan for the same; refuses what is no float."""
    assert type(x) is float, f"{x!r} is {type(x).__name__}, not float"
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


def outcome(compute: Callable[[], Any]) -> bytes | type[Exception]:
    """The bits of what is computed, or the type of the error."""
    try:
        z = compute()
    except (ArithmeticError, ValueError) as error:
        return type(error)
    return bits(z.data if isinstance(z, Value) else z)


def grid(row: Operation) -> Iterator[tuple[float, ...]]:
    """Every combination of special points, and the smooth points."""
    if row.arity == 1:
        yield from ((x,) for x in SPECIALS)
    elif row.arity == 2:
        yield from itertools.product(SPECIALS, repeat=2)
    elif row.arity == 3:
        yield from itertools.product(FEW, repeat=3)
    else:
        for n in (1, 2, 3):
            yield from itertools.product(FEW, repeat=n)
    yield from SAMPLES[row.name].smooth(200 if row.arity == 1 else 40)


def values(xs: Sequence[Any]) -> list[Value]:
    return [Value(x) for x in xs]


def test_every_row_has_a_sample() -> None:
    assert set(NAMES) == set(SAMPLES)


# ---- the value ----------------------------------------------------------------------------------


@every_row
def test_a_value_computes_what_floats_compute(name: str) -> None:
    row, sample = OPERATIONS[name], SAMPLES[name]
    float_of = sample.plain or row.value
    for xs in grid(row):
        expected = outcome(lambda: _real(float_of(*xs)))  # noqa: B023
        assert outcome(lambda: row(*xs)) == expected, xs  # noqa: B023
        for kinds in _kinds(len(xs)):
            mixed = [Value(x) if k else x for x, k in zip(xs, kinds, strict=True)]
            assert outcome(lambda: row(*mixed)) == expected, mixed  # noqa: B023
            if name in OPERATORS:
                assert outcome(lambda: OPERATORS[name](*mixed)) == expected, mixed  # noqa: B023
            if row.arity is not None and kinds[0]:
                method = getattr(mixed[0], name)
                assert outcome(lambda: method(*mixed[1:])) == expected, mixed  # noqa: B023


def _real(z: Any) -> Any:
    if isinstance(z, complex):
        raise ValueError("not real")
    return z


def _kinds(n: int) -> list[tuple[bool, ...]]:
    """Which operands are Values: every mixture, but all plain."""
    return [kinds for kinds in itertools.product((True, False), repeat=n) if any(kinds)][:7]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"sum_of", "mean", "dot"}))
def test_the_value_agrees_with_mpmath(name: str) -> None:
    """Sums apart: their cancellation has no bound, and the test above holds their very bits."""
    row, sample = OPERATIONS[name], SAMPLES[name]
    for xs in sample.smooth():
        with mp.workdps(400):
            exact = sample.oracle(*map(mp.mpf, xs))
        scale = max(abs(exact), abs(max(xs, key=abs)) if name == "logsumexp" else 0)
        units = abs(row(*xs) - exact) / max(mp.mpf(TINY), abs(scale) * mp.mpf(2) ** -52)
        # the erfc in gelu sees a rounded x/√2, and multiplies that by x²
        bound = 8 + (xs[0] ** 2 if name == "gelu" else 0)
        assert units <= bound, (xs, row(*xs), mp.nstr(exact, 25))


@pytest.mark.parametrize(
    ("name", "x", "z"),
    [
        ("sigmoid", 1e308, 1.0),
        ("sigmoid", -1e308, 0.0),
        ("sigmoid", INF, 1.0),
        ("sigmoid", -INF, 0.0),
        ("softplus", 1e308, 1e308),
        ("softplus", -1e308, 0.0),
        ("softplus", INF, INF),
        ("softplus", -INF, 0.0),
        ("relu", -INF, 0.0),
        ("relu", -0.0, 0.0),
        ("gelu", INF, INF),
        ("gelu", -INF, -0.0),
        ("silu", INF, INF),
        ("silu", -INF, -0.0),
        ("inv", 0.0, INF),
    ],
)
def test_where_a_formula_would_overflow(name: str, x: float, z: float) -> None:
    assert bits(OPERATIONS[name](x)) == bits(z)
    assert bits(OPERATIONS[name](Value(x)).data) == bits(z)


@pytest.mark.parametrize("name", ["maximum", "minimum", "max_of", "min_of", "hypot", "logsumexp"])
def test_nan_on_either_side_stays_visible(name: str) -> None:
    row = OPERATIONS[name]
    for xs in ((NAN, 1.0), (1.0, NAN), (NAN, NAN)):
        assert math.isnan(row(*xs))
        assert math.isnan(row(*values(xs)).data)


@pytest.mark.parametrize("name", [n for n in NAMES if OPERATIONS[n].arity == 1])
def test_nan_in_nan_out(name: str) -> None:
    assert math.isnan(OPERATIONS[name](Value(NAN)).data)


# ---- the partials -------------------------------------------------------------------------------

Case = tuple[tuple[float, ...], float, tuple[Any, ...]]  # operands, value, exact partials


@functools.cache
def cases(name: str) -> tuple[Case, ...]:
    """Smooth points with their exact partials, by differences of the mpmath value.

    The step is 1e-345, less than any gap between floats, at 1,000 digits.
    """
    sample, row, found = SAMPLES[name], OPERATIONS[name], []
    with mp.workdps(500):
        step = mp.mpf(10) ** -345
        for xs in sample.smooth(12 if sample.many else 24):
            exact = [mp.mpf(x) for x in xs]
            slopes = []
            for i in range(len(xs)):
                along = functools.partial(_replace, sample, exact, i)
                slopes.append(mp.diff(along, exact[i], h=step))
            with mp.workdps(50):
                found.append((xs, row(*xs), tuple(+d for d in slopes)))
    return tuple(found)


def _replace(sample: Sample, xs: list[Any], i: int, x: Any) -> Any:
    return sample.oracle(*xs[:i], x, *xs[i + 1 :])


def is_wrong(sample: Sample, i: int, xs: tuple[float, ...], got: float, exact: Any) -> bool:
    """Whether a partial is off by more than 8 units in the last place, or than is explained."""
    if abs(exact) > HUGE:
        return got != (INF if exact > 0 else -INF)
    if not math.isfinite(got):
        return True
    d = float(exact)
    if abs(d) < NORMAL:
        return bool(abs(got - exact) > 8 * TINY)
    allowed = sample.slack.ulps(i, xs, d) if sample.slack else 8.0
    return bool(abs(got - exact) > max(allowed, 8.0) * mp.mpf(math.ulp(d)))


def evaluate(row: Operation, rules: Sequence[Any], xs: tuple[float, ...], z: float) -> list[float]:
    if row.arity is None:
        return list(rules[0](*xs, z))
    return [rule(*xs, z) for rule in rules]


def faults(name: str, rules: Sequence[Any]) -> Iterator[str]:
    """Where these rules are wrong."""
    row, sample = OPERATIONS[name], SAMPLES[name]
    for xs, z, exact in cases(name):
        for i, (got, d) in enumerate(zip(evaluate(row, rules, xs, z), exact, strict=True)):
            if is_wrong(sample, i, xs, got, d):
                yield f"∂{name}{xs}/∂operand {i}: {got!r}, exactly {mp.nstr(d, 20)}"
    for xs, slopes in sample.slopes if rules is not row.fixed else ():
        if None not in slopes:
            got = [d + 0.0 for d in evaluate(row, rules, xs, row(*xs))]
            if got != pytest.approx(slopes, 1e-15, nan_ok=True):
                yield f"∂{name}{xs}: {got!r}, decided {slopes}"


@every_row
def test_every_partial_is_right(name: str) -> None:
    assert list(faults(name, OPERATIONS[name].partials)) == []


@every_row
def test_the_rules_for_plain_partners_are_right(name: str) -> None:
    """Away from ties a plain number among the operands changes nothing."""
    assert list(faults(name, OPERATIONS[name].fixed)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if SAMPLES[name].slack])
def test_every_explained_exception_is_needed(name: str) -> None:
    sample, row = SAMPLES[name], OPERATIONS[name]
    strict = Sample(sample.oracle, sample.boxes)
    assert any(
        is_wrong(strict, i, xs, got, d)
        for xs, z, exact in cases(name)
        for i, (got, d) in enumerate(zip(evaluate(row, row.partials, xs, z), exact, strict=True))
    )


@every_row
def test_partials_never_raise_where_the_value_exists(name: str) -> None:
    row = OPERATIONS[name]
    for xs in grid(row):
        if isinstance(outcome(lambda: row(*xs)), type):  # noqa: B023
            continue
        for kinds in _kinds(len(xs)):
            mixed = [Value(x) if k else x for x, k in zip(xs, kinds, strict=True)]
            node = row(*mixed)
            assert len(node.partials) == sum(kinds)
            assert all(type(d) is float for d in node.partials), (mixed, node.partials)


@every_row
def test_partials_where_they_were_decided(name: str) -> None:
    row = OPERATIONS[name]
    for xs, slopes in SAMPLES[name].slopes:
        operands = [x[0] if isinstance(x, list) else Value(x) for x in xs]
        node = row(*operands)
        expected = [d for d in slopes if d is not None]
        assert len(node.partials) == len(expected)
        assert [d + 0.0 for d in node.partials] == pytest.approx(expected, 1e-15, nan_ok=True), xs
        node.backward()
        grads = [v.grad + 0.0 for v in operands if isinstance(v, Value)]
        assert grads == pytest.approx(expected, 1e-15, nan_ok=True), xs


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("shift", [-1000.0, -1.0, 0.0, 700.0, 1e6])
def test_softmax_sums_to_one(n: int, shift: float) -> None:
    xs = values([shift + 0.37 * i for i in range(n)])
    node = mg.logsumexp(xs)
    node.backward()
    assert math.fsum(x.grad for x in xs) == pytest.approx(1.0, abs=1e-15 * n)


@every_row
def test_the_textbook_form_agrees_at_ordinary_points(name: str) -> None:
    row = OPERATIONS[name]
    box = tuple((max(low, -3.0), min(high, 3.0)) for low, high in SAMPLES[name].boxes[0])
    for xs in Sample(SAMPLES[name].oracle, (box,), many=row.arity is None).smooth(50):
        z = row(*xs)
        textbook = evaluate(row, row.textbook, xs, z)
        assert textbook == pytest.approx(evaluate(row, row.partials, xs, z), rel=1e-9, abs=1e-12)


# ---- the test of the test -----------------------------------------------------------------------

MUTATIONS: dict[str, Callable[[float, float], float]] = {
    "scaled": lambda d, other: d * 1.001,
    "negated": lambda d, other: -d,
    "swapped": lambda d, other: other,
    "zero": lambda d, other: 0.0,
    "shifted": lambda d, other: d + 0.001,
}
SAME = {  # mutants that are no change at all
    *(("where", 0, kind) for kind in ("scaled", "negated", "zero")),
    *((name, i, "swapped") for name in ("add", "sum_of", "mean") for i in (0, 1)),
}


def _mutants() -> Iterator[tuple[str, int, str]]:
    for name in NAMES:
        arity = OPERATIONS[name].arity or 2
        for i, kind in itertools.product(range(arity), MUTATIONS):
            if (name, i, kind) not in SAME and not (arity == 1 and kind == "swapped"):
                yield name, i, kind


def _mutated(row: Operation, i: int, kind: str) -> list[Any]:
    """The rules of a row with one partial broken."""

    def broken(*t: float) -> Any:
        slopes = evaluate(row, row.partials, t[:-1], t[-1])
        d = slopes[i] if i < len(slopes) else 0.0
        other = slopes[(i + 1) % len(slopes)]
        mutant = MUTATIONS[kind](d, other)
        return (*slopes[:i], mutant, *slopes[i + 1 :])[: len(slopes)] if many else mutant

    many = row.arity is None
    return [broken] if many else [*row.partials[:i], broken, *row.partials[i + 1 :]]


@pytest.mark.parametrize(("name", "i", "kind"), [*_mutants()])
def test_a_wrong_partial_is_caught(name: str, i: int, kind: str) -> None:
    assert next(faults(name, _mutated(OPERATIONS[name], i, kind)), None)


# ---- what the engine writes out -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_operators_written_out_are_their_rows(name: str) -> None:
    row = OPERATIONS[name]
    for x, y in itertools.product(SPECIALS, repeat=2):
        if name == "div" and y == 0.0:
            continue
        z = row.value(x, y)
        for kinds in _kinds(2):
            operands = [Value(a) if k else a for a, k in zip((x, y), kinds, strict=True)]
            node = OPERATORS[name](*operands)
            rules = row.partials if all(kinds) else row.fixed
            slopes = [r(x, y, z) for r, k in zip(rules, kinds, strict=True) if k]
            assert [*map(bits, node.partials)] == [*map(bits, slopes)], operands
            assert bits(node.data) == bits(z), operands
            assert node.op == name
            assert [*map(_bits_of, node.operands)] == [*map(_bits_of, operands)]
            assert node.parents == tuple(v for v in operands if isinstance(v, Value))


def _bits_of(x: Value | float) -> tuple[bool, bytes]:
    return isinstance(x, Value), bits(x.data if isinstance(x, Value) else x)


def test_negation_written_out_is_its_row() -> None:
    row = OPERATIONS["neg"]
    for x in SPECIALS:
        node = -Value(x)
        assert bits(node.data) == bits(row.value(x))
        assert bits(node.partials[0]) == bits(row.partials[0](x, node.data))
        assert node.op == "neg"


@given(st.sampled_from([n for n in NAMES if OPERATIONS[n].arity == 2]), st.floats(), st.floats())
def test_any_two_floats(name: str, x: float, y: float) -> None:
    row = OPERATIONS[name]
    expected = outcome(lambda: row(x, y))
    assert outcome(lambda: row(Value(x), Value(y))) == expected
    assert outcome(lambda: row(Value(x), y)) == expected
    assert outcome(lambda: row(x, Value(y))) == expected


@given(st.sampled_from([n for n in NAMES if OPERATIONS[n].arity == 1]), st.floats())
def test_any_float(name: str, x: float) -> None:
    row = OPERATIONS[name]
    expected = outcome(lambda: row(x))
    assert outcome(lambda: row(Value(x))) == expected
    if isinstance(expected, bytes):
        (d,) = row(Value(x)).partials
        assert type(d) is float


@given(
    st.sampled_from([n for n in NAMES if OPERATIONS[n].arity is None]),
    st.lists(st.floats(), min_size=1, max_size=9),
)
def test_any_number_of_floats(name: str, xs: list[float]) -> None:
    row = OPERATIONS[name]
    expected = outcome(lambda: row(*xs))
    nodes = values(xs)
    assert outcome(lambda: row(*nodes)) == expected
    assert outcome(lambda: row(nodes)) == expected
    assert outcome(lambda: row(iter(nodes))) == expected
    assert outcome(lambda: row(xs[0], *nodes[1:])) == expected
    if isinstance(expected, bytes):
        assert len(row(nodes).partials) == len(xs)


# ---- reaching the rows --------------------------------------------------------------------------


@every_row
def test_every_row_is_a_public_function(name: str) -> None:
    function = getattr(mg, SPELLED.get(name, name))
    if name == "dot":  # two lists, where the row has one long list
        assert function(values([1.0, 2.0]), values([3.0, 4.0])).data == 11.0
    else:
        assert function is OPERATIONS[name]


@pytest.mark.parametrize("name", [n for n in NAMES if OPERATIONS[n].arity is not None])
def test_every_row_is_a_method(name: str) -> None:
    row, xs = OPERATIONS[name], next(iter(SAMPLES[name].smooth()))
    node = getattr(Value(xs[0]), name)(*xs[1:])
    assert bits(node.data) == bits(row(*xs))
    assert node.op == name
    assert name in vars(mg.Value.__mro__[1]), "a method of the class, not found by __getattr__"
    if row.defaults:
        signature = inspect.signature(getattr(Value, name))
        defaults = [p.default for p in signature.parameters.values() if p.default is not p.empty]
        assert tuple(defaults) == row.defaults


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (lambda v: mg.leaky_relu(v), -0.03),
        (lambda v: v.leaky_relu(), -0.03),
        (lambda v: v.leaky_relu(0.5), -1.5),
        (lambda v: mg.elu(v), math.expm1(-3.0)),
        (lambda v: v.elu(), math.expm1(-3.0)),
        (lambda v: v.elu(2.0), 2.0 * math.expm1(-3.0)),
        (lambda v: v.elu(scale=2.0), 2.0 * math.expm1(-3.0)),
        (lambda v: v.leaky_relu(slope=0.5), -1.5),
    ],
)
def test_defaults(node: Callable[[Value], Value], expected: float) -> None:
    v = Value(-3.0)
    assert node(v).data == expected
    assert node(v).parents == (v,)


@pytest.mark.parametrize("name", NAMES)
def test_the_wrong_number_of_operands(name: str) -> None:
    row = OPERATIONS[name]
    if row.arity is None:
        with pytest.raises(ValueError, match=f"{name} of no numbers"):
            row()
        with pytest.raises(ValueError, match=f"{name} of no numbers"):
            row([])
        return
    for n in {0, row.arity + 1, row.arity - len(row.defaults) - 1}:
        with pytest.raises(TypeError, match=f"{name} takes {row.arity} operands?, got {n}"):
            row(*values([0.5] * n))


@every_row
def test_errors_of_the_domain(name: str) -> None:
    for xs, kind, parts in SAMPLES[name].errors:
        for operands in (xs, values(xs)):
            with pytest.raises(kind) as caught:
                OPERATIONS[name](*operands)
            assert type(caught.value) is kind
            assert all(part in str(caught.value) for part in parts), str(caught.value)
            assert caught.value.__suppress_context__


@every_row
def test_the_record_of_an_operation(name: str) -> None:
    xs = next(iter(SAMPLES[name].smooth()))
    operands = values(xs)
    node = OPERATIONS[name](*operands)
    assert node.op == name
    assert node.operands == tuple(operands)
    assert node.parents == tuple(operands)
    for i in range(1, len(xs)):
        operands[i] = xs[i]
    node = OPERATIONS[name](*operands)
    assert node.parents == (operands[0],)
    assert tuple(map(_bits_of, node.operands)) == tuple(map(_bits_of, operands))


@every_row
def test_the_spelling_runs(name: str) -> None:
    """The text of an operation is Python, and means the operation."""
    row = OPERATIONS[name]
    if row.arity is None:
        assert row.spell(["a", "b"]) == f"{name}(a, b)"
        return
    xs = next(iter(SAMPLES[name].smooth()))
    letters = "abc"[: row.arity]
    text = row.spell(list(letters))
    scope = {SPELLED.get(n, n): OPERATIONS[n] for n in NAMES} | dict(zip(letters, xs, strict=True))
    scope["abs"] = abs
    assert bits(eval(text, {}, scope)) == bits(row(*xs))
    assert row.latex.format(*letters)


# ---- operations of one's own --------------------------------------------------------------------


@pytest.fixture
def own() -> Iterator[Callable[..., Operation]]:
    """define, with what it defined taken away again."""
    before = dict(OPERATIONS)
    yield define
    OPERATIONS.clear()
    OPERATIONS.update(before)


def test_an_own_operation_is_a_function_and_a_method(own: Callable[..., Operation]) -> None:
    cube = own("cube", lambda x: x**3, lambda x, z: 3.0 * x * x)
    v = Value(2.0)
    for node in (cube(v), v.cube(), OPERATIONS["cube"](v)):
        v.grad = 0.0
        node.backward()
        assert (node.data, node.op, node.parents, v.grad) == (8.0, "cube", (v,), 12.0)
    assert cube(2.0) == 8.0
    assert cube(2) == 8.0


def test_an_own_operation_of_two(own: Callable[..., Operation]) -> None:
    area = own("area", lambda x, y: x * y / 2, (lambda x, y, z: y / 2, lambda x, y, z: x / 2))
    x, y = Value(3.0), Value(5.0)
    area(x, y).backward()
    assert (x.grad, y.grad) == (2.5, 1.5)
    x.area(4.0).backward()
    assert x.grad == 4.5
    area(4.0, y).backward()
    assert y.grad == 3.5
    with pytest.raises(TypeError, match="area takes 2 operands, got 1"):
        x.area()


def test_an_own_operation_of_any_number(own: Callable[..., Operation]) -> None:
    squares = own(
        "squares", lambda *xs: sum(x * x for x in xs), lambda *t: [2.0 * x for x in t[:-1]]
    )
    x, y = Value(3.0), Value(5.0)
    squares(x, 1.0, y).backward()
    assert (x.grad, y.grad) == (6.0, 10.0)
    assert not hasattr(x, "squares")


def test_an_own_operation_explains_its_errors(own: Callable[..., Operation]) -> None:
    own(
        "logit",
        lambda x: math.log(x / (1.0 - x)),
        lambda x, z: 1.0 / (x * (1.0 - x)),
        domain="0 < x < 1",
    )
    with pytest.raises(ValueError, match=r"logit\(-2\.0\).*'p'.*0 < x < 1"):
        Value(-2.0, "p").logit()
    with pytest.raises(ZeroDivisionError, match=r"logit\(1\.0\).*0 < x < 1"):
        Value(1.0).logit()
    own("cosh_squared", lambda x: math.cosh(x) ** 2, lambda x, z: 0.0, hint="try less")
    with pytest.raises(OverflowError, match=r"cosh_squared\(600\.0\).*too large.*try less"):
        Value(600.0).cosh_squared()


def test_an_own_operation_can_be_defined_again(own: Callable[..., Operation]) -> None:
    own("cube", lambda x: x, lambda x, z: 1.0)
    cube = own("cube", lambda x: x**3, lambda x, z: 3.0 * x * x)
    assert Value(2.0).cube().data == 8.0
    assert OPERATIONS["cube"] is cube


@pytest.mark.parametrize("result", [1, True, 1.5])
def test_an_own_operation_gives_floats(own: Callable[..., Operation], result: float) -> None:
    own("step", lambda x: result, lambda x, z: 0)
    node = Value(2.0).step()
    assert bits(node.data) == bits(float(result))
    assert bits(node.partials[0]) == bits(0.0)


@pytest.mark.parametrize("result", [1j, "1", None])
def test_an_own_operation_that_is_not_real(own: Callable[..., Operation], result: Any) -> None:
    own("odd", lambda x: result, lambda x, z: 1.0)
    with pytest.raises(TypeError, match="real number"):
        Value(2.0).odd()


@pytest.mark.parametrize(
    "name",
    [
        *NAMES,
        *(n for n in dir(Value) if not n.startswith("_")),
        *("custom", "backward", "data", "grad", "label", "op", "parents"),
        *("lambda", "if", "two words", "", "1st", "a.b", "x-y"),
    ],
)
def test_an_own_operation_takes_nothing_away(own: Callable[..., Operation], name: str) -> None:
    before = OPERATIONS.get(name)
    with pytest.raises(ValueError, match="choose another name"):
        own(name, lambda x: x, lambda x, z: 1.0)
    assert OPERATIONS.get(name) is before


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'nosuch'"):
        Value(1.0).nosuch  # noqa: B018


def test_a_rule_takes_the_operands_and_the_result() -> None:
    for rules in (lambda z: 1.0, lambda x, y, z: 1.0, (lambda x, y: 1.0, lambda x, y: 1.0)):
        with pytest.raises(ValueError, match="each takes these and z"):
            define("lonely", lambda x: x, rules)


def test_a_row_shows_itself_in_one_line() -> None:
    assert repr(ops.log) == "<operation log(x) for x > 0>"
    assert repr(ops.add) == "<operation x + y>"
