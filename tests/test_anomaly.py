"""detect_anomaly finds where a nan is born, accuses nobody else, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microgrunderscore import engine, ops
from microgrunderscore.anomaly import detect_anomaly
from microgrunderscore.calculus import grad
from microgrunderscore.engine import Value, dot
from microgrunderscore.losses import cross_entropy
from microgrunderscore.nn import MLP
from microgrunderscore.operation import OPERATIONS, define
from microgrunderscore.optim import SGD
from microgrunderscore.training import fit

INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    assert engine.process.watch is None
    yield
    assert engine.process.watch is None


def here() -> int:
    """The line that calls this."""
    return sys._getframe(1).f_lineno


def caught(program: Callable[[], object]) -> str:
    """The message of the anomaly in a program."""
    with pytest.raises(FloatingPointError) as caught, detect_anomaly():
        program()
    return str(caught.value)


# ---- forward ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "what"),
    [
        (lambda: Value(INF) - Value(INF), "inf - inf is nan"),
        (lambda: Value(INF) + -INF, "inf + -inf is nan"),
        (lambda: INF - Value(INF), "inf - inf is nan"),
        (lambda: Value(0.0) * INF, "0.0 * inf is nan"),
        (lambda: Value(INF) * Value(0.0), "inf * 0.0 is nan"),
        (lambda: Value(INF) / Value(INF), "inf / inf is nan"),
        (lambda: Value(1e308) * 10.0 * Value(0.0), "inf * 0.0 is nan"),
        (lambda: dot([Value(INF)], [Value(0.0)]), "dot(inf, 0.0) is nan"),
        (lambda: dot([Value(INF), 1.0], [0.0, 1.0], 2.0), "dot(inf, 1.0, 0.0, 1.0, 2.0) is nan"),
        (lambda: dot([Value(INF)] * 9, [Value(0.0)] * 9), "dot(inf, inf, inf, inf, inf, inf, …)"),
        (lambda: Value(NAN, (Value(1.0),), (1.0,)), "custom(1.0) is nan"),
        (lambda: Value(INF, "a") - Value(INF, "b"), "inf - inf (of 'a', 'b') is nan"),
        (lambda: Value(NAN, "x") + 1.0, "nan + 1.0 (of 'x') is nan: an operand came in as nan"),
        (lambda: Value(1.0) * NAN, "1.0 * nan is nan: an operand came in as nan"),
        (lambda: Value(NAN).exp(), "exp(nan) is nan: an operand came in as nan"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_nan_born_in_the_computation(program: Callable[[], object], what: str) -> None:
    message = caught(program)
    assert message.startswith(what)
    line = getattr(program, "__code__").co_firstlineno  # noqa: B009
    assert message.endswith(f"; the operation was asked for in {__file__}, line {line}")


def test_of_several_it_is_the_first() -> None:
    x = Value(INF, "x")

    def program() -> None:
        nonlocal line
        line = here() + 1
        y = x - x
        (y * 2.0).exp().backward()

    line = 0
    assert caught(program).endswith(f"line {line}")


def test_an_own_operation_by_its_name() -> None:
    gone = define("gone", lambda x: NAN, lambda x, z: 1.0)
    try:
        assert caught(lambda: gone(Value(2.0))).startswith("gone(2.0) is nan")
    finally:
        del OPERATIONS["gone"]


def test_a_nan_that_was_not_selected_is_no_result() -> None:
    with detect_anomaly():
        z = ops.where(Value(1.0), Value(2.0), Value(NAN))
        z.backward()
    assert z.data == 2.0


# ---- backward -----------------------------------------------------------------------------------


def test_the_birth_in_backward() -> None:
    x, line = Value(0.0, "x"), 0

    def program() -> None:
        nonlocal line
        line, r = here(), x.sqrt()
        r.label = "r"
        z = r * 0.0
        (z + 1.0).backward()

    assert caught(program) == (
        "the gradient of sqrt(0.0) = 0.0 (labelled 'r', of 'x') is 0.0, its slope is inf, and "
        f"0.0 * inf is nan; the operation was asked for in {__file__}, line {line}"
    )
    assert math.isnan(x.grad)


BACKWARD: list[tuple[Callable[[Value], Value], float, str]] = [
    (lambda x: x.sqrt() * 0.0, 0.0, "sqrt(0.0) = 0.0 (of 'x') is 0.0, its slope is inf"),
    (lambda x: (x * 2.0).sqrt() * 0.0, 0.0, "sqrt(0.0) = 0.0 is 0.0, its slope is inf"),
    (lambda x: (x**0.5) * 0.0, 0.0, "0.0 ** 0.5 = 0.0 (of 'x') is 0.0, its slope is inf"),
    (lambda x: x**0.5 * x, 0.0, "0.0 ** 0.5 = 0.0 (of 'x') is 0.0, its slope is inf"),
    (lambda x: 0.0 * (x * 1e-320).log(), 1.0, "log(1e-320)"),
    (lambda x: Value(INF) ** x, -1.0, "inf ** -1.0 = 0.0 (of 'x') is 1.0, its slope is nan"),
    (lambda x: Value(5.0, (x,), (NAN,)), 1.0, "custom(1.0) = 5.0 (of 'x') is 1.0, its slope is"),
    (lambda x: Value(5.0, (x,), (INF,)) * 0.0, 1.0, "custom(1.0) = 5.0 (of 'x') is 0.0"),
    (lambda x: ops.sum_of([x.sqrt(), x.sqrt()]) * 0.0, 0.0, "sqrt(0.0) = 0.0 (of 'x') is 0.0"),
    (lambda x: x.sqrt() - x.sqrt(), 0.0, "adding the product to the"),  # inf and -inf meet at x
    (lambda x: ops.sub((y := x * 1.0).sqrt(), y.sqrt()), 0.0, "that 0.0 * 1.0 = 0.0 (of 'x') has"),
]


@pytest.mark.parametrize(("f", "at", "what"), BACKWARD)
def test_a_nan_born_in_backward(f: Callable[[Value], Value], at: float, what: str) -> None:
    message = caught(lambda: f(Value(at, "x")).backward())
    assert message.startswith("the gradient of ")
    assert what in message
    line = f.__code__.co_firstlineno
    assert message.endswith(f"; the operation was asked for in {__file__}, line {line}")


def test_an_infinite_seed() -> None:
    x = Value(2.0)
    message = caught(lambda: (x * 0.0).backward(INF))
    assert "the gradient of 2.0 * 0.0 = 0.0 is inf, its slope is 0.0, and inf * 0.0 is" in message


def test_a_nan_seed() -> None:
    x = Value(2.0, "x")
    assert "of 2.0 * 3.0 = 6.0 (of 'x'), on which backward()" in caught(
        lambda: (x * 3.0).backward(NAN)
    )
    assert "on which backward() was called, is nan" in caught(lambda: x.backward(NAN))


def test_gradients_of_earlier_passes() -> None:
    x = Value(2.0, "x")
    x.grad = NAN
    message = caught(lambda: (x * 3.0).backward())
    assert message.startswith("the gradient of 2.0 (labelled 'x') is nan, but not from this pass")
    x.grad = INF
    assert "adds up over passes" in caught(lambda: (x * 3.0).backward(-INF))
    x.grad = 0.0
    with detect_anomaly():
        for _ in range(3):
            (x * 3.0).backward()
    assert x.grad == 9.0


def test_a_pass_is_judged_by_its_own_gradients() -> None:
    x = Value(0.0, "x")
    x.grad = INF  # of an earlier pass: INF * 0 below would be a wrong accusation
    with detect_anomaly():
        (x * 0.0).backward()
        x.backward()
    assert x.grad == INF


def test_graphs_from_outside_the_context() -> None:
    x = Value(0.0)
    z = x.sqrt() * 0.0
    message = caught(z.backward)
    assert message.endswith("0.0 * inf is nan")  # its line is not known
    y = Value(INF) - INF
    assert "an operand came in as nan" in caught(lambda: y * 2.0)


# ---- silence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x.relu(), 0.0),
        (lambda x: (x.sqrt() * 1.0 - 1.0).relu() + x, 1.0),  # the cut keeps the inf out
        (lambda x: x.sqrt(), INF),  # an infinity is no anomaly
        (lambda x: ops.maximum(x.sqrt() - 1.0, x), 1.0),
        (lambda x: ops.minimum(x.sqrt() + 1.0, x), 1.0),
        (lambda x: ops.max_of([x.sqrt() - 1.0, x, x - 1.0]), 1.0),
        (lambda x: ops.where(x + 1.0, x, x.sqrt()), 1.0),
        (lambda x: x.clip(1.0, 2.0), 0.0),
        (lambda x: abs(x), 0.0),
        (lambda x: x * INF if x.data else x + INF, 1.0),
        (lambda x: dot([x], [x], x), 1.0),
        (lambda x: Value(2.0, (x, x), (3.0, 4.0)), 7.0),
    ],
)
def test_what_is_no_anomaly(f: Callable[[Value], Value], slope: float) -> None:
    x = Value(0.0)
    with detect_anomaly():
        f(x).backward()
    assert x.grad == slope


def test_training_goes_on_as_usual() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]

    def trained() -> dict[str, float]:
        model = MLP(2, [4, 2], seed=0)
        optimizer = SGD(model, lr=0.1)
        fit(model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=5, progress=False)
        return model.state()

    with detect_anomaly():
        watched = trained()
    assert watched == trained()


def test_it_names_the_line_of_the_users_program_not_of_the_package() -> None:
    model = MLP(2, [2, 2], seed=0)
    model.layers[0].neurons[0].w[0].data = INF
    message = caught(lambda: cross_entropy(model([0.0, 1.0]), 0))
    assert "dot(" in message
    assert f"asked for in {__file__}, line " in message


def test_a_directory_of_the_same_beginning_is_not_the_package(tmp_path: Path) -> None:
    path = Path(engine.__file__).parent.with_name("microgrunderscore_of_mine.py")
    code = compile("y = x - x", str(path), "exec")
    assert caught(lambda: exec(code, {"x": Value(INF)})).endswith(f"{path}, line 1")


def test_functions_are_watched_as_they_compute() -> None:
    assert caught(lambda: grad(lambda x: x * INF)(0.0)).startswith("0.0 * inf is nan")


# ---- on and off ---------------------------------------------------------------------------------


def test_it_is_off_by_default() -> None:
    x = Value(0.0)
    (x.sqrt() * 0.0).backward()
    assert math.isnan(x.grad)
    assert math.isnan((Value(INF) - INF).data)


def test_nothing_is_kept_alive() -> None:
    x = Value(1.0)
    before = sys.getrefcount(x)
    with detect_anomaly():
        (x * 2.0).backward()
    assert sys.getrefcount(x) == before
    assert engine.process.watch is None


def test_nested_contexts_know_the_same_lines() -> None:
    x = Value(0.0)
    with detect_anomaly():
        outer = engine.process.watch
        line, y = here(), x.sqrt()
        with pytest.raises(FloatingPointError, match=f"line {line}$"), detect_anomaly():
            (y * 0.0).backward()
        assert engine.process.watch is outer
        with detect_anomaly():
            line, y = here(), x.sqrt()
        assert engine.process.watch is outer
        with pytest.raises(FloatingPointError, match=f"line {line}$"):
            (y * 0.0).backward()


def test_any_exception_restores() -> None:
    with pytest.raises(KeyboardInterrupt), detect_anomaly():
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="log"), detect_anomaly():
        Value(-1.0).log()


def test_as_a_decorator() -> None:
    @detect_anomaly()
    def program() -> Value:
        return Value(INF) - INF

    for _ in range(2):
        with pytest.raises(FloatingPointError):
            program()


def test_contexts_of_threads_end_in_any_order() -> None:
    first, second = detect_anomaly(), detect_anomaly()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(FloatingPointError):
        Value(INF) - INF
    second.__exit__(None, None, None)
    assert engine.process.watch is None


def test_it_watches_every_thread() -> None:
    found: list[str] = []

    def program() -> None:
        try:
            Value(INF) - INF
        except FloatingPointError as error:
            found.append(str(error))

    with detect_anomaly():
        thread = threading.Thread(target=program)
        thread.start()
        thread.join()
    assert len(found) == 1
    assert "whatever the thread" in (detect_anomaly.__doc__ or "")


def test_deep_graphs() -> None:
    x = Value(0.0, "x")
    with detect_anomaly():
        z = x.sqrt()
        for _ in range(20_000):
            z = z + 1.0
        with pytest.raises(FloatingPointError, match=r"sqrt\(0\.0\)"):
            (z * 0.0).backward()


@pytest.mark.skipif(not importlib.util.find_spec("numpy"), reason="needs NumPy")
def test_arrays_of_values() -> None:
    import numpy

    def program() -> Any:
        return numpy.array([Value(INF)]) - numpy.array([Value(INF)])

    line = program.__code__.co_firstlineno + 1
    assert caught(program) == (
        f"inf - inf is nan; the operation was asked for in {__file__}, line {line}"
    )
