"""What cannot be compiled is refused, with the user's line, the reason and a way out; no more.

A function is run once, on numbers that write down what is done to them. What Python would decide or
compute for good while that happens must not pass silently.
"""

from __future__ import annotations

import math
import os
import random
import re
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import microgrunderscore as mg
from microgrunderscore import MLP, TraceError, Value
from microgrunderscore.engine import process
from microgrunderscore.program import trace as tracing

HERE = Path(__file__).name
ROOT = Path(__file__).parent.parent


def call(f: Any, *arguments: Any) -> Any:
    """On samples of one number each, unless some are given."""
    return f(*(arguments or ([1.0, 2.0],)))


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Whatever was refused, the engine is as it was."""
    yield
    left, process.traces = process.traces, {}
    assert not left
    x = Value(2.0)
    y = x * x if x > 1.0 else x
    y.backward()
    assert (y.data, x.grad) == (4.0, 4.0)


# ---- a traced number in Python's hands -----------------------------------------------------------

p = Value(0.5, "p")
LIST = [1.0, 2.0, 3.0]


def _if(x: Any) -> Any:
    if x > 0.0:  # here
        return x
    return -x


def _if_number(x: Any) -> Any:
    return x if x else -x  # here


def _while(x: Any) -> Any:
    while x < 10.0:  # here
        x = x * 2.0
    return x


def _assert(x: Any) -> Any:
    assert x > 0.0  # here
    return x


DECIDED = "where|relu|maximum"
# A function, what the message names, the way out. The line is that with "here", or the only one.
REFUSED: dict[str, tuple[Callable[..., Any], str, str]] = {
    "if": (_if, "if", DECIDED),
    "if of a number": (_if_number, "if", DECIDED),
    "while": (_while, "while", DECIDED),
    "assert": (_assert, "decides", DECIDED),
    "and": (lambda x: (x > 0.0 and x) * x, "and", DECIDED),
    "or": (lambda x: x or 1.0, "or", DECIDED),
    "not": (lambda x: x * (not x), "not", DECIDED),
    "min": (lambda x: min(x, 1.0), "min", DECIDED),
    "max": (lambda x: max(0.0, x), "max", DECIDED),
    "sorted": (lambda x: sorted([x, 2.0 * x])[0], "decides", DECIDED),
    "chained": (lambda x: mg.where(0.0 < x < 1.0, x, 0.0), "decides", DECIDED),
    "==": (lambda x: x * (x == 1.0), "==", "where"),
    "!=": (lambda x: x * (x != 1.0), "==", "where"),
    "in": (lambda x: x * (x in LIST), "==", "where"),
    "data": (lambda x: x * x.data, ".data", "compute with"),
    "float": (lambda x: x * float(x), "float", "microgrunderscore"),
    "int": (lambda x: x * int(x), "int", "take"),
    "math": (lambda x: math.sin(x) * x, "math", "microgrunderscore.exp|x.exp"),
    "math.floor": (lambda x: math.floor(x) * x, "math", "method"),
    "format": (lambda x: x * float(f"{x:.3f}"), "formatting", "results"),
    "list[i]": (lambda x: x * LIST[x], "index", "take"),
    "range": (lambda x: x * len(range(x)), "range", "take"),
    "take of a computed index": (lambda x: mg.take(LIST, x * p) * x, "index", "argument"),
    "take of unequal rows": (lambda x: mg.take([[1.0], [1.0, 2.0]], x)[0] * x, "unequal", "pad"),
    "Value(x)": (lambda x: Value(x) * x, "Value", "."),
    "parameter.data": (lambda x: x * p.data, ".data", "Value itself"),
    "parameter in if": (lambda x: x * p if p else x, "condition", "Value itself"),
    "parameter compared": (lambda x: x * p if p > 0.0 else x, "comparison", "Value itself"),
    "parameter computed": (lambda x: x * (p * p).data, ".data", "Value itself"),
    "parameter formatted": (lambda x: x * p * float(f"{p:.2f}"), ".data", "Value itself"),
    "leaf.data": (lambda x: x * p * Value(3.0).data, ".data", "Value itself"),
    "by hand": (lambda x: x * Value(1.0, (p,), (2.0,)), "made by hand", "define"),
}


def expected_line(function: Callable[..., Any]) -> int:
    """The line of this file that is to blame."""
    first = function.__code__.co_firstlineno
    lines = Path(__file__).read_text().splitlines()
    if function.__name__ == "<lambda>":
        return first
    return next(n for n, line in enumerate(lines, 1) if n > first and line.endswith("# here"))


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_line_the_reason_and_a_way_out(what: str) -> None:
    function, named, way_out = REFUSED[what]
    with pytest.raises(TraceError) as found:
        call(mg.compile(lambda x: function(x), [p]))
    head = rf".*{re.escape(HERE)}, line {expected_line(function)}: "
    parts = re.fullmatch(head + "(.+): (.+); (.+)", str(found.value))
    assert parts, str(found.value)
    assert named in parts[1]
    assert re.search(way_out, parts[3])


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_functions_of_points_too(what: str) -> None:
    with pytest.raises(TraceError, match=HERE):
        call(mg.compile(REFUSED[what][0]))


def test_a_number_kept_from_an_earlier_trace_is_refused() -> None:
    kept: list[Any] = []

    def loss(x: Any) -> Any:
        kept.append(x[0])
        return kept[0] * p

    f = mg.compile(loss, [p])
    assert f([[1.0], [3.0]]) == 1.0
    with pytest.raises(TraceError, match=rf"{HERE}, line \d+: .*earlier trace.*keep nothing"):
        f([[1.0, 2.0]])


def test_a_kept_number_is_refused_by_the_engine_afterwards() -> None:
    """Outside of its trace it is good for nothing, and never for a wrong number."""
    kept: list[Any] = []
    mg.compile(lambda x: (kept.append(x), x * p)[1], [p])([1.0])
    for use in (float, bool, lambda x: x.data):
        with pytest.raises(TraceError):
            use(kept[0])
    with pytest.raises((TraceError, TypeError, AttributeError)):
        (kept[0] * p).backward()


# ---- results -------------------------------------------------------------------------------------

OF_RESULTS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda x: None, "NoneType.*number is needed"),
    "text": (lambda x: "x", "str.*number is needed"),
    "a list for a loss": (lambda x: [x * p, x], "2 numbers.*add them up"),
    "an empty list": (lambda x: [], "0 numbers"),
    "not of the arguments": (lambda x: p * p, "does not depend on its arguments"),
    "a constant": (lambda x: 3.0, "does not depend on its arguments"),
    "not of the parameters": (lambda x: x * x, "does not depend on the parameters"),
    "of another parameter": (lambda x: x * Value(2.0), "does not depend on the parameters"),
}


@pytest.mark.parametrize("what", OF_RESULTS)
def test_results_that_are_no_loss_are_refused(what: str) -> None:
    function, message = OF_RESULTS[what]
    with pytest.raises(TraceError, match=message) as found:
        call(mg.compile(function, [p]))
    line = function.__code__.co_firstlineno
    assert f"{HERE}, line {line}" in str(found.value)


@pytest.mark.parametrize("what", ["nothing", "text"])
def test_results_of_functions_of_points(what: str) -> None:
    with pytest.raises(TraceError, match="number is needed"):
        call(mg.compile(OF_RESULTS[what][0]))


def test_a_function_of_points_must_depend_on_them() -> None:
    with pytest.raises(TraceError, match="does not depend on its arguments"):
        call(mg.compile(lambda x: 3.0))


def test_only_one_result_has_a_gradient_or_a_hessian() -> None:
    f = mg.compile(lambda x: [x, x * x])
    for derivative in (f.gradient, f.hessian):
        with pytest.raises(TypeError, match=r"returned 2 numbers.*jacobian"):
            derivative([1.0])


def test_too_many_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MOST_OPERATIONS", 100)
    q = Value(1.0)

    def unrolled(x: Any) -> Any:
        for k in range(200):
            x = x * q + float(k)  # here
        return x

    with pytest.raises(TraceError, match=r"more than 100 operations.*mul.*leading axis") as found:
        call(mg.compile(unrolled, [q]))
    assert f"{HERE}, line {expected_line(unrolled)}: " in str(found.value)
    z = q
    for _ in range(200):
        z = z * q
    with pytest.raises(TraceError, match="more than 100 operations"):
        call(mg.compile(lambda x: x * z, [q]))


def test_what_the_function_itself_raises_passes() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        call(mg.compile(broken, [p]))
    with pytest.raises(TypeError, match="positional argument"):
        call(mg.compile(lambda x, y: x * p, [p]))


# ---- data ----------------------------------------------------------------------------------------

x_of_list = mg.compile(lambda x, y: x[0] * y * p, [p])
OF_DATA: dict[str, tuple[tuple[Any, ...], type[Exception], str]] = {
    "lengths": (
        ([[1.0], [1.0, 2.0]], [1.0, 2.0]),
        TraceError,
        r"x: sample 1 has 2 .*0.*has 1.*pad",
    ),
    "nesting": (([[1.0, 2.0], [1.0, [2.0]]], [1.0, 2.0]), TraceError, "sample 1.*pad"),
    "deeper": (([[[1.0]], [1.0]], [1.0, 2.0]), TraceError, r"x: sample 1.*pad"),
    "counts": (([[1.0]], [1.0, 2.0]), ValueError, "1 of x, 2 of y"),
    "empty": (([], []), ValueError, "no samples"),
    "text": (("ab", [1.0, 2.0]), TypeError, "x must have a leading axis.*str"),
    "number": (([[1.0]], 1.0), TypeError, "y must have a leading axis.*float.*batch=False"),
    "texts": (([["a"]], [1.0]), TypeError, "x: sample 0: .*str"),
    "none": (([[1.0]], [None]), TypeError, "y: sample 0: .*NoneType"),
    "none later": (([[1.0], [1.0]], [1.0, None]), TypeError, "y: sample 1: .*NoneType"),
    "complex": (([[1.0]], [1j]), TypeError, "y: sample 0: .*complex"),
    "values": (([[1.0]], [Value(1.0)]), TypeError, "y: sample 0: .*Value"),
    "dict": (({"a": [1.0]}, [1.0]), TypeError, "x must have a leading axis.*dict"),
}


@pytest.mark.parametrize("what", OF_DATA)
def test_data_that_are_no_batch_are_refused(what: str) -> None:
    arguments, error, message = OF_DATA[what]
    with pytest.raises(error, match=message):
        x_of_list(*arguments)


def test_arrays_that_are_no_batch_are_refused() -> None:
    np = pytest.importorskip("numpy")
    for x, message in (
        (np.array([["a"]]), "real numbers"),
        (np.array([[1j]]), "real numbers"),
        (np.array(1.0), "leading axis"),
        (np.array([[None]], dtype=object), "sample 0"),
    ):
        with pytest.raises(TypeError, match=message):
            x_of_list(x, np.ones(1))
    with pytest.raises(ValueError, match="no samples"):
        x_of_list(np.ones((0, 1)), np.ones(0))
    with pytest.raises(ValueError, match="2 of x, 3 of y"):
        x_of_list(np.ones((2, 1)), np.ones(3))
    with pytest.raises(TraceError, match="sample 1"):
        x_of_list([np.ones(1), np.ones(2)], np.ones(2))


def test_object_arrays_and_whole_numbers_will_do() -> None:
    np = pytest.importorskip("numpy")
    expected = x_of_list([[2.0], [3.0]], [1.0, 5.0])
    column = np.array([[2.0], [3.0]])
    kinds = [column.astype(kind) for kind in ("i1", "u8", "f2", "f4", object)]
    lists = [[[2], [3]], [(2,), (3,)], ((2,), (3,)), list(column), column[::-1][::-1]]
    for x in (*lists, *kinds, np.asfortranarray(column)):
        for y in ([1.0, 5.0], (1, 5), np.array([1, 5])):
            assert x_of_list(x, y) == expected
    assert x_of_list([[True]], [True]) == 0.5


IDS = {
    "too large": (3, IndexError, "no row 3 in a table of 3"),
    "negative": (-1, IndexError, "no row -1"),
    "not whole": (1.5, ValueError, "whole number"),
    "nan": (math.nan, ValueError, "whole number"),
    "infinite": (math.inf, (ValueError, OverflowError), "."),
}


@pytest.mark.parametrize("what", IDS)
@pytest.mark.parametrize("is_array", [False, True])
def test_ids_that_name_no_row_are_refused_as_the_engine_does(what: str, is_array: bool) -> None:
    bad, error, message = IDS[what]
    ids: Any = [0, 2, bad, 1]
    if is_array:
        ids = pytest.importorskip("numpy").array(ids)
    table = [Value(1.0), Value(2.0), Value(3.0)]
    for f in (mg.compile(lambda i: mg.take(table, i) ** 2, table),
              mg.compile(lambda i: mg.take([[t] for t in table], i)[0] ** 2, table),
              mg.compile(lambda i: mg.take([0.5, 1.5, 2.5], i) * table[0], table),
              mg.compile(lambda i, x: x * mg.take(LIST, i))):  # fmt: skip
        arguments = (ids,) if f._names == ["i"] else (ids, [1.0] * 4)
        with pytest.raises(error, match=message) as found:
            f(*arguments)
        assert "in sample 2" in found.value.__notes__
        if f._names == ["i"]:
            assert all(t.grad == 0.0 for t in table)


def test_arguments_of_compile() -> None:
    for arguments, error, message in (
        ((3.0,), TypeError, "takes a function, not float"),
        ((lambda x: x, 3.0), TypeError, "parameters must be"),
        ((lambda x: x, []), ValueError, "no parameters"),
        ((lambda x: x, [p * p]), ValueError, "computed from other Values"),
        ((lambda x: x, [1.0]), TypeError, "must be a Value"),
    ):
        with pytest.raises(error, match=message):
            mg.compile(*arguments)
    for settings, error, message in (
        ({"backend": "cuda"}, ValueError, "backend must be one of auto, llvm, numpy, python"),
        ({"nonfinite": "no"}, ValueError, "nonfinite must be one of raise, ignore"),
        ({"update": mg.SGD([p], lr=0.1)}, ValueError, "update needs parameters"),
    ):
        with pytest.raises(error, match=message):
            mg.compile(lambda x: x, **settings)
    for update, error, message in (
        ("adam", TypeError, "SGD or Adam, not str"),
        (mg.SGD([Value(1.0)], lr=0.1), ValueError, "the same list"),
        (mg.SGD([p, Value(1.0)], lr=0.1), ValueError, "the 2 parameters of the optimiser"),
        (type("Mine", (mg.SGD,), {})([p], lr=0.1), TypeError, "a way of its own"),
    ):
        with pytest.raises(error, match=message):
            mg.compile(lambda x: x * p, [p], update=update)
    with pytest.raises(ValueError, match="update=SGD"):
        mg.compile(lambda x: x * p, [p]).many([1.0], steps=3)
    f = mg.compile(lambda x: x * p, [p])
    for read in ("backend", "source", "program"):
        with pytest.raises(RuntimeError, match="nothing is compiled yet"):
            getattr(f, read)


# ---- what is allowed -----------------------------------------------------------------------------


def _logged(x: Any) -> Any:
    """Printing is no computing."""
    assert str(x).startswith("Traced")
    assert "Value" in repr(p)
    assert f"{x}" == repr(x)
    return x * p


ALLOWED: dict[str, tuple[Callable[..., Any], Callable[[float], float]]] = {
    "printed": (_logged, lambda x: 0.5 * x),
    "where": (lambda x: mg.where(x > 1.5, x, -x) * p, lambda x: 0.5 * x if x > 1.5 else -0.5 * x),
    "where of data": (lambda x: (mg.where(x, p, 2.0 * p)) + x, lambda x: x + (0.5 if x else 1.0)),
    "compared with a parameter": (lambda x: mg.where(x > p, x * p, x), lambda x: x * 0.5),
    "a parameter compared": (lambda x: mg.where(p < x, x * p, x), lambda x: x * 0.5),
    "from the left": (lambda x: 1.0 + 2.0 * x - p + 1.0 / x + 2.0**x,
                      lambda x: 1.0 + 2.0 * x - 0.5 + 1.0 / x + 2.0**x),
    "sum": (lambda x: sum([x, p, 1]), lambda x: x + 1.5),
    "is": (lambda x: x * p if x is not None and x == x else p, lambda x: x * 0.5),
    "power": (lambda x: (x**2 + x**-1 + x**0.5) * p, lambda x: 0.5 * (x**2 + 1 / x + x**0.5)),
    "whole numbers": (lambda x: (x * 2 + True) * p, lambda x: 0.5 * (2 * x + 1)),
    "abs": (lambda x: abs(-x) * p + +x, lambda x: 1.5 * x),
    "precomputed": (lambda x: x * (PRE), lambda x: x * 0.75),
    "methods": (lambda x: x.exp().log().relu() * p, lambda x: 0.5 * x),
    "negative zero": (lambda x: (x * -0.0 + 1.0) * p, lambda x: 0.5),
    "two of one": (lambda x: x * p + p * x, lambda x: x),
}  # fmt: skip
PRE = p + 0.25


@pytest.mark.parametrize("what", ALLOWED)
def test_allowed(what: str) -> None:
    function, expected = ALLOWED[what]
    f = mg.compile(function, [p])
    assert f([1.0, 2.0]) == pytest.approx((expected(1.0) + expected(2.0)) / 2.0, rel=1e-14)


def test_numpys_functions_call_the_methods() -> None:
    np = pytest.importorskip("numpy")
    f = mg.compile(lambda x: np.sin(x) * np.exp(p) + np.float64(2.0) * x, [p])
    g = mg.compile(lambda x: np.array([x, p]).sum(), [p])
    assert g([1.0]) == 1.5
    assert f([1.0]) == pytest.approx(math.sin(1.0) * math.exp(0.5) + 2.0, rel=1e-14)


def test_any_nesting_of_arguments_and_results() -> None:
    f = mg.compile(lambda s, t: {"a": s["u"] * t[0], "b": [s["v"][1], (t[1][0],)]})
    samples = [{"u": 1.0, "v": [2.0, 3.0]}, {"u": 4.0, "v": [5.0, 6.0]}]
    assert f(samples, [[1.0, [2.0]], [3.0, [4.0]]]) == [
        {"a": 1.0, "b": [3.0, (2.0,)]},
        {"a": 12.0, "b": [6.0, (4.0,)]},
    ]


def test_samples_keep_their_kind() -> None:
    pair = namedtuple("pair", "a b")
    assert mg.compile(lambda s: s.a * s.b)([pair(2.0, 3.0), pair(4.0, 5.0)]) == [6.0, 20.0]
    by_name = [{"a": 2.0, "b": 3.0}, {"b": 5.0, "a": 1.0}]
    assert mg.compile(lambda s: s["a"] - s["b"])(by_name) == [-1.0, -4.0]


def test_any_number_of_arguments() -> None:
    assert mg.compile(lambda *xs: xs[0] * xs[1])([2.0], [3.0]) == [6.0]
    assert mg.compile(lambda *xs: xs[0] * xs[1] * p, [p])([2.0], [3.0]) == 3.0
    assert mg.compile(lambda x, y=2.0: x * y)([2.0]) == [4.0]


# ---- threads -------------------------------------------------------------------------------------


def in_threads(*works: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own; what they return or raise."""
    found: list[Any] = [None] * len(works)

    def work(k: int) -> None:
        try:
            found[k] = works[k]()
        except Exception as error:
            found[k] = error

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(works))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    return found


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_two_threads_trace_at_once(first_to_end: int) -> None:
    both, ended = threading.Barrier(2), threading.Event()

    def compiled(k: int) -> Callable[[], Any]:
        w = Value(2.0 + k)

        def loss(x: Any) -> Any:
            if not isinstance(x, float):  # it is being traced
                both.wait(20)
                if k != first_to_end:
                    ended.wait(20)
            return w * x

        def work() -> Any:
            try:
                return mg.compile(loss, [w], backend="python")([1.0, 2.0]), w.grad
            finally:
                ended.set()

        return work

    assert in_threads(compiled(0), compiled(1)) == [(3.0, 1.5), (4.5, 1.5)]
    assert not process.traces


def test_each_thread_is_watched_while_another_traces() -> None:
    """The one that started first still may not read its parameters."""
    both, done = threading.Barrier(2), threading.Event()
    w = Value(2.0)

    def reads(x: Any) -> Any:
        both.wait(20)
        both.wait(20)
        try:
            return w.data * w * x
        finally:
            done.set()

    def waits(x: Any) -> Any:
        if not isinstance(x, float):
            both.wait(20)
            done.wait(20)
        return w * x

    def second() -> Any:
        both.wait(20)
        return mg.compile(waits, [w], backend="python")([1.0])

    found = in_threads(lambda: mg.compile(reads, [w], backend="python")([1.0]), second)
    process.traces = {}
    assert isinstance(found[0], TraceError)
    assert found[1] == 2.0


def test_other_threads_may_read_while_one_traces() -> None:
    inside, read = threading.Event(), threading.Event()
    w = Value(2.0)

    def loss(x: Any) -> Any:
        inside.set()
        assert read.wait(20)
        return w * x

    def reader() -> Any:
        assert inside.wait(20)
        try:
            v = Value(3.0)
            return w.data, w > 1.0, bool(w), f"{w:.1f}", (v * v).data
        finally:
            read.set()

    found = in_threads(lambda: mg.compile(loss, [w], backend="python")([1.0]), reader)
    assert found == [2.0, (2.0, True, True, "2.0", 9.0)]


def test_a_trace_within_a_trace() -> None:
    """A compiled function that is called inside a function sees no plain numbers."""
    g = mg.compile(lambda x: x * x)

    for outer in (lambda x: g([2.0])[0] * x * p, lambda x: g([x])[0] * p):
        with pytest.raises(TraceError, match="the compiled function <lambda> was called while"):
            mg.compile(outer, [p])([1.0])


# ---- the listing ---------------------------------------------------------------------------------


def test_the_program_can_be_printed() -> None:
    w, b = Value(2.0, "w"), Value(0.5, "b")

    def loss(x: Any, y: Any) -> Any:
        score = w * x + b
        score.label = "score"
        return (score - y) ** 2

    f = mg.compile(loss, [w, b])
    f([1.0], [2.0])
    text = f"{f.program}"
    assert text.startswith("forward:\n")
    assert "\nadjoint:\n" in text
    assert re.search(r"^score = \w+ \+ b$", f.program.forward, re.MULTILINE)
    assert "w * x" in f.program.forward
    assert "weight" in f.program.adjoint
    assert "weight" not in f.program.forward
    assert not set(f.program.forward.splitlines()) & set(f.program.adjoint.splitlines())
    assert re.fullmatch(r"<program of \d+ operations; print it>", repr(f.program))


def test_a_long_program_is_cut() -> None:
    f = mg.compile(lambda x: math.prod([x + float(k) for k in range(400)], start=1.0))
    f([0.0])
    assert re.search(r"… \d+ more$", f.program.forward)
    assert len(f.program.forward.splitlines()) < 300


PRINTED = """
import microgrunderscore as mg, sys
model = mg.MLP(3, [4, 2], seed=1)
table = [[mg.Value(0.1 * i + j) for j in range(3)] for i in range(5)]
ps = [*model.parameters(), *(v for row in table for v in row)]
def loss(i, y):
    z = model(mg.take(table, i))
    return mg.logsumexp(z) - mg.take(z, y) + 1e-3 * sum(p * p for p in ps)
for backend in sys.argv[1:]:
    f = mg.compile(loss, ps, backend=backend, update=mg.Adam(ps, lr=0.1))
    print(f([1, 4, 2, 2], [0, 1, 1, 0]).hex(), f.source, f.program)
    print(mg.compile(lambda x: model(x), backend=backend).jacobian([[1.0, 2.0, 3.0]]))
"""


def test_every_process_prints_the_same() -> None:
    backends = ["python"]
    if all(map(_is_there, ("numpy", "llvmlite"))):
        backends += ["numpy", "llvm"]
    texts = set()
    for seed in ("1", "2", "77"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", PRINTED, *backends],
            env=environment, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert not done.returncode, done.stderr
        texts.add(done.stdout)
    assert len(texts) == 1
    assert len(texts.pop()) > 2000


def _is_there(library: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(library) is not None


LATER = [1.0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x, t: x * random.random() * p,
        lambda x, t: x * p * (2.0 if isinstance(x, float) else 1.0),
        lambda x, t: x * p * (2.0 if str(t) == "1.0" else 1.0),
        lambda x, t: x * p * LATER.append(0.0) if len(LATER) % 2 else x * p * len(LATER),
    ],
    ids=["random", "type", "text", "state"],
)
def test_what_no_trace_can_see_is_found_by_comparing(function: Any) -> None:
    del LATER[1:]
    with pytest.raises((TraceError, TypeError)):
        mg.compile(function, [p])([1.0, 2.0, 3.0], [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * p * (2.0 if x == y else 1.0),
        lambda x, y: x * p * (2.0 if x != y else 1.0),
        lambda x, y: x * p * (2.0 if x in [y] else 1.0),
        lambda x, y: x * p * {1.0: 2.0}.get(y, 1.0),
        lambda x, y: x * p * len({x, y}),
        lambda x, y: x * p.grad,
    ],
    ids=["==", "!=", "in", "dict", "set", "grad"],
)
def test_numbers_are_not_compared_as_objects(function: Any) -> None:
    with pytest.raises(TraceError):
        mg.compile(function, [p])([1.0, 2.0], [1.0, 3.0])


def test_a_refusal_that_the_function_catches_counts() -> None:
    def caught(x: Any) -> Any:
        try:
            return x * p if x > 0 else -x * p
        except Exception:
            return x * p * 5.0

    with pytest.raises(TraceError, match="decides an if"):
        mg.compile(caught, [p])([1.0, -1.0])


def test_conditions_are_joined() -> None:
    f = mg.compile(lambda x, y: mg.where((x > 0) & (y > 0), 1.0, 0.0) + 2 * mg.where(
        (x > 0) | (y > 0), 1.0, 0.0))  # fmt: skip
    assert f([1.0, 1.0, -1.0], [1.0, -1.0, -1.0]) == [3.0, 2.0, 0.0]
    for joined in (lambda x: x & 3.0, lambda x: x | (x > 0.0)):
        with pytest.raises(TypeError, match="joins comparisons"):
            mg.compile(joined)([1.0])


@pytest.mark.parametrize("name", ["lt", "eq", "and", "input", "const", "gather", "where_lt"])
def test_names_of_program_operations_are_taken(name: str) -> None:
    with pytest.raises(ValueError, match="cannot define"):
        mg.define(name, lambda x: x, lambda x, z: 1.0)


def test_an_array_of_another_library_or_with_a_mask() -> None:
    numpy = pytest.importorskip("numpy")
    f = mg.compile(lambda x: x * x)
    masked = numpy.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(ValueError, match="masked"):
        f(masked)
    assert f(numpy.ma.array([1.0, 2.0])).tolist() == [1.0, 4.0]

    class Tensor:
        shape, dtype = (2,), "torch.float64"

        def __array__(self, *_: Any, **__: Any) -> Any:
            return numpy.array([2.0, 3.0])

    assert f(Tensor()).tolist() == [4.0, 9.0]


def test_models_losses_and_penalties_can_be_compiled() -> None:
    model = MLP(2, [3, 2], seed=1)
    X, Y = [[0.5, -1.0], [2.0, 0.3], [0.1, 0.2]], [0, 1, 1]
    for name, Z in (
        ("squared_error", [[0.5, 1.0], [0.2, 0.0], [1.0, 1.0]]),
        ("cross_entropy", Y),
        ("cross_entropy", [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]),
        ("multiclass_hinge", Y),
    ):
        loss = mg.losses.LOSSES[name]
        whole = lambda x, y, loss=loss: loss(model(x), y) + mg.losses.l2(model, 0.1)
        f = mg.compile(whole, model)
        expected = sum(whole(x, y).data for x, y in zip(X, Z, strict=True)) / 3.0
        assert f(X, Z) == pytest.approx(expected, rel=1e-13), name
    single = MLP(2, [3, 1], seed=1)
    for name, Z in (("binary_cross_entropy", [0, 1, 1]), ("hinge", [-1, 1, 1])):
        loss = mg.losses.LOSSES[name]
        f = mg.compile(lambda x, y, loss=loss: loss(single(x), y), single)
        expected = sum(loss(single(x), y).data for x, y in zip(X, Z, strict=True)) / 3.0
        assert f(X, Z) == pytest.approx(expected, rel=1e-13), name


@pytest.mark.parametrize(
    ("name", "bad"),
    [("cross_entropy", 2), ("cross_entropy", 0.5), ("cross_entropy", [0.5, 0.7]),
     ("binary_cross_entropy", 0.5), ("hinge", 0), ("multiclass_hinge", 7)],
)  # fmt: skip
def test_targets_out_of_range_are_refused_as_the_engine_does(name: str, bad: Any) -> None:
    count = 1 if name in ("binary_cross_entropy", "hinge") else 2
    model, loss = MLP(2, [count], seed=1), mg.losses.LOSSES[name]
    good = [0.5, 0.5] if isinstance(bad, list) else 1
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        loss(model([1.0, 2.0]), bad)
    f = mg.compile(lambda x, y: loss(model(x), y), model)
    f([[1.0, 2.0]], [good])
    with pytest.raises(ValueError, match=re.escape(str(expected.value))) as found:
        f([[1.0, 2.0], [1.0, 2.0]], [good, bad])
    assert "in sample 1" in found.value.__notes__
