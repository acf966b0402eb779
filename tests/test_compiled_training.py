"""Compiled training: the engine's numbers, order, errors and history, whatever the backend."""

from __future__ import annotations

import math
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from backends import NEEDS, eager, every_backend

from microgrunderscore import compiled as room
from microgrunderscore import datasets, training
from microgrunderscore.activations import softmax
from microgrunderscore.anomaly import detect_anomaly
from microgrunderscore.compiled_loss import CompiledLoss
from microgrunderscore.compiled_training import CompiledLesson, Lesson
from microgrunderscore.compiling import compile
from microgrunderscore.engine import Value, process
from microgrunderscore.history import History, Totals
from microgrunderscore.losses import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_of_probabilities,
    hinge,
    l2,
    mean_squared_error,
    multiclass_hinge,
    squared_error,
)
from microgrunderscore.nn import MLP, Module
from microgrunderscore.optim import SGD, Adam, Optimizer, linear
from microgrunderscore.training import fit

X, Y = datasets.moons(40, noise=0.1, seed=1)
SIGNS = [2 * y - 1 for y in Y]
S, CLASSES = datasets.spirals(42, classes=3, turns=0.3, seed=1)
ONE_HOT = [[float(k == c) for k in range(3)] for c in CLASSES]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a backend the fastest one there is, and NumPy's worth its calls."""

    def choose(backend: str) -> None:
        is_there = room.is_there
        monkeypatch.setattr(
            room, "is_there", lambda library: library in NEEDS[backend] and is_there(library)
        )
        monkeypatch.setattr(room, "FEW_TO_A_CALL", 0)

    return choose


def small() -> MLP:
    return MLP(2, [5, 4, 1], activation="tanh", seed=1)


def three() -> MLP:
    return MLP(2, [6, 3], activation="tanh", seed=1)


def momentum(model: Any) -> Optimizer:
    return SGD(model, lr=0.1, momentum=0.9)


def train(
    model: Any = None, X: Any = X, y: Any = Y, optimizer: Any = None, **settings: Any
) -> tuple[Any, Any, History]:
    """Train a small model, compiled; everything else as by default."""
    model = small() if model is None else model
    optimizer = (optimizer or momentum)(model)
    settings = {"loss": "binary_cross_entropy", "epochs": 30, "batch_size": 7} | settings
    settings = {"compiled": True} | settings
    return model, optimizer, fit(model, X, y, optimizer=optimizer, **settings)


def what_is_raised(call: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        call()
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", [])
    raise AssertionError("nothing was raised")


# ---- the same training -------------------------------------------------------------------------

TRAININGS: dict[str, dict[str, Any]] = {
    "momentum": {},
    "Adam": {"optimizer": lambda m: Adam(m, lr=0.02)},
    "full batch": {"batch_size": None},
    "online": {"batch_size": 1, "optimizer": lambda m: SGD(m, lr=0.02)},
    "in order": {"shuffle": False},
    "sum": {"reduction": "sum", "optimizer": lambda m: SGD(m, lr=0.01)},
    "penalty": {"regulariser": lambda m: l2(m, 0.01)},
    "clip": {"clip": 0.05},
    "clip and penalty": {"clip": 0.2, "reduction": "sum", "regulariser": lambda m: l2(m, 0.1)},
    "schedule of epochs": {"schedule": linear(0.1, 0.01, 20)},
    "schedule of steps": {"optimizer": lambda m: SGD(m, lr=lambda k: 1.0 / (k + 5))},
    "frozen layers": {"optimizer": lambda m: SGD(m.layers[1], lr=0.1)},
    "held out": {"validation": (X[:9], Y[:9])},
    "patience": {"validation": (X[:9], [1 - y for y in Y[:9]]), "patience": 2},
    "patience without": {"patience": 2, "optimizer": lambda m: SGD(m, lr=5.0), "batch_size": None},
    "squared error": {"loss": "squared_error"},
    "hinge": {"loss": "hinge", "y": SIGNS},
    "classes": {"model": three, "X": S, "y": CLASSES, "loss": "cross_entropy"},
    "one-hot": {"model": three, "X": S, "y": ONE_HOT, "loss": "cross_entropy"},
    "hinge of classes": {"model": three, "X": S, "y": CLASSES, "loss": "multiclass_hinge"},
    "held out classes": {
        "model": three, "X": S, "y": CLASSES, "loss": "cross_entropy", "validation": (S, CLASSES),
    },
    "softmax": {
        "model": lambda: MLP(2, [5, 3], activation="tanh", output="softmax", seed=1),
        "X": S, "y": ONE_HOT, "loss": "cross_entropy_of_probabilities",
    },
    "sigmoid": {
        "model": lambda: MLP(2, [5, 1], activation="tanh", output="sigmoid", seed=1),
        "loss": squared_error,
    },
    "a function": {"model": lambda: Line(), "X": [0.5, 1.0, 2.0], "y": [1.0, 2.0, 4.0],
                   "loss": lambda y, d: (y - d).abs(), "optimizer": lambda m: SGD(m, lr=0.01)},
}  # fmt: skip


class Line(Module):
    """w x + b for numbers."""

    def __init__(self) -> None:
        self.w, self.b = Value(0.5), Value(0.0)

    def __call__(self, x: Any) -> Any:
        return self.w * x + self.b


@every_backend
@pytest.mark.parametrize("name", TRAININGS)
def test_it_is_the_training_of_the_engine(
    name: str, backend: str, only: Callable[[str], None]
) -> None:
    only(backend)
    settings = dict(TRAININGS[name])
    make = settings.pop("model", small)
    a, optimizer, expected = train(make(), compiled=False, **settings)
    b, same, found = train(make(), **settings)
    assert found.engine == f"compiled: {backend}"
    for column in ("loss", "penalty", "validation_loss"):
        assert getattr(found, column) == pytest.approx(getattr(expected, column), rel=1e-9)
    assert found.accuracy == expected.accuracy
    assert found.validation_accuracy == expected.validation_accuracy
    assert found.lr == expected.lr
    assert [e.updates for e in found.epochs] == [e.updates for e in expected.epochs]
    for attribute in ("updates", "best_epoch", "stopped_early", "interrupted"):
        assert getattr(found, attribute) == getattr(expected, attribute)
    assert b.state() == pytest.approx(a.state(), rel=1e-9, abs=1e-12)
    assert [p.grad for p in same.parameters] == pytest.approx(
        [p.grad for p in optimizer.parameters], rel=1e-6, abs=1e-9
    )
    assert same.steps == optimizer.steps
    assert same.lr == optimizer.lr or callable(same.lr)
    for states in zip(same.states, optimizer.states, strict=True):
        assert states[0] == pytest.approx(states[1], rel=1e-6, abs=1e-12)


class Halving(SGD):
    """An optimiser of one's own, whose steps only it knows."""

    def step(self) -> None:
        for p in self.parameters:
            p.grad *= 0.5
        super().step()


@every_backend
@pytest.mark.parametrize("clip", [None, 0.1])
def test_an_optimiser_of_ones_own_makes_its_steps_itself(
    clip: float | None, backend: str, only: Callable[[str], None]
) -> None:
    only(backend)
    made = {"optimizer": lambda m: Halving(m, lr=0.2, momentum=0.5), "clip": clip}
    a, _, expected = train(compiled=False, **made)
    b, _, found = train(**made)
    assert found.engine == f"compiled: {backend}"
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert found.lr == expected.lr
    assert b.state() == pytest.approx(a.state(), rel=1e-9)
    assert {type(p.grad) for p in b.parameters()} == {float}


def test_parameters_that_a_sample_names_may_be_clipped() -> None:
    """Their gradients are not in one place of the program: the norm is taken in Python."""
    from microgrunderscore.embedding import take

    class Table(Module):
        def __init__(self) -> None:
            self.rows = [[Value(0.1 * i), Value(-0.2 * i)] for i in range(4)]

        def __call__(self, x: Any) -> Any:
            a, b = take(self.rows, x)
            return a * 2.0 + b

    xs, ys = [0, 1, 2, 3, 1, 2], [1.0, 0.5, 0.0, 2.0, 0.5, -1.0]
    settings: dict[str, Any] = {"loss": "squared_error", "batch_size": 2, "clip": 0.3}
    a, _, expected = train(Table(), xs, ys, compiled=False, **settings)
    b, _, found = train(Table(), xs, ys, **settings)
    assert found.engine.startswith("compiled: ")
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert b.state() == pytest.approx(a.state(), rel=1e-9)


def test_training_goes_on_where_it_was() -> None:
    runs = []
    for compiled in (False, True):
        model = small()
        optimizer = Adam(model, lr=0.02)
        for _ in range(3):
            fit(
                model, X, Y, loss="binary_cross_entropy", optimizer=optimizer, epochs=4,
                batch_size=7, compiled=compiled,
            )  # fmt: skip
            model.layers[0].neurons[0].b.data += 0.125  # by hand
        runs.append(model.state())
    assert runs[1] == pytest.approx(runs[0], rel=1e-9)


def test_without_compiling_the_bits_are_those_of_the_loop() -> None:
    """Also by default, for what is soon done."""
    states = []
    for compiled in (None, False):
        model, _, history = train(compiled=compiled, epochs=3)
        assert history.engine.startswith("not compiled: ")
        states.append((model.state(), history.loss))
    expected, rng = small(), random.Random(0)
    optimizer, losses = momentum(expected), []
    for _ in range(3):
        order, total = list(range(len(X))), 0.0
        rng.shuffle(order)
        for start in range(0, len(X), 7):
            batch = order[start : start + 7]
            expected.zero_grad()
            for i in batch:
                error = binary_cross_entropy(expected(X[i]), Y[i])
                error.backward(1.0 / len(batch))
                total += error.data
            optimizer.step()
        losses.append(total / len(X))
    assert states == [(expected.state(), losses)] * 2


def test_it_is_compiled_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    size = len(X) * 2 * len(model.parameters())
    monkeypatch.setattr(training, "WORTH_COMPILING", size)
    assert train(compiled=None, epochs=2)[2].engine == (
        f"not compiled: samples × epochs × parameters are {size:,}, which is soon done"
    )
    monkeypatch.setattr(training, "WORTH_COMPILING", size - 1)
    assert train(compiled=None, epochs=2)[2].engine.startswith("compiled: ")
    assert train(compiled=False, epochs=2)[2].engine == "not compiled: compiled=False"
    with pytest.raises(TypeError, match="compiled must be True, False or None, not 'yes'"):
        train(compiled="yes")


# ---- losses ------------------------------------------------------------------------------------

RANDOM = random.Random(7)
WEIGHTS = [Value(RANDOM.gauss(0, 1), f"w{i}") for i in range(4)]
POINTS = [[RANDOM.gauss(0, 1) for _ in WEIGHTS] for _ in range(9)]


def scaled(x: Any) -> list[Any]:
    return [w * v for w, v in zip(WEIGHTS, x, strict=True)]


def total(x: Any) -> Any:
    return sum(scaled(x))


def drawn(draw: Callable[[], Any]) -> list[Any]:
    return [draw() for _ in POINTS]


def row() -> list[float]:
    return [RANDOM.gauss(0, 1) for _ in WEIGHTS]


CLASS = drawn(lambda: RANDOM.randrange(4))
HOT = [[float(i == c) for i in range(4)] for c in CLASS]
SHARES = [softmax(r) for r in drawn(row)]
TWO, SIGN = drawn(lambda: RANDOM.randrange(2)), drawn(lambda: RANDOM.choice([-1.0, 1.0]))
TRACED: dict[str, tuple[Callable[[Any, Any], Any], list[Any]]] = {
    "squared_error": (lambda x, t: squared_error(scaled(x), t), drawn(row)),
    "squared_error of one": (lambda x, t: squared_error(total(x), t), drawn(RANDOM.random)),
    "mean_squared_error": (lambda x, t: mean_squared_error(scaled(x), t), drawn(row)),
    "cross_entropy": (lambda x, t: cross_entropy(scaled(x), t), CLASS),
    "cross_entropy, one-hot": (lambda x, t: cross_entropy(scaled(x), t), HOT),
    "cross_entropy, shares": (lambda x, t: cross_entropy(scaled(x), t), SHARES),
    "cross_entropy, known": (lambda x, t: cross_entropy(scaled(x), 2) * t, drawn(RANDOM.random)),
    "cross_entropy_of_probabilities": (
        lambda x, t: cross_entropy_of_probabilities(softmax(scaled(x)), t), CLASS
    ),
    "cross_entropy_of_probabilities, one-hot": (
        lambda x, t: cross_entropy_of_probabilities(softmax(scaled(x)), t), HOT
    ),
    "cross_entropy_of_probabilities, shares": (
        lambda x, t: cross_entropy_of_probabilities(softmax(scaled(x)), t), SHARES
    ),
    "cross_entropy_of_probabilities, known": (
        lambda x, t: cross_entropy_of_probabilities(softmax(scaled(x)), [0, 0.5, 0.5, 0]) * t,
        drawn(RANDOM.random),
    ),
    "binary_cross_entropy": (lambda x, t: binary_cross_entropy(total(x), t), TWO),
    "binary_cross_entropy, in a list": (
        lambda x, t: binary_cross_entropy([total(x)], t), [[t] for t in TWO]
    ),
    "binary_cross_entropy, known": (
        lambda x, t: binary_cross_entropy(total(x), 1) * t, drawn(RANDOM.random)
    ),
    "hinge": (lambda x, t: hinge(total(x), t), SIGN),
    "multiclass_hinge": (lambda x, t: multiclass_hinge(scaled(x), t), CLASS),
    "multiclass_hinge, in a list": (
        lambda x, t: multiclass_hinge(scaled(x), t), [[c] for c in CLASS]
    ),
    "l2": (lambda x, t: squared_error(total(x), t) + l2(WEIGHTS, 0.1), drawn(RANDOM.random)),
    "softmax of parameters": (
        lambda x, t: squared_error(sum(p * v for p, v in zip(softmax(WEIGHTS), x, strict=True)), t),
        drawn(RANDOM.random),
    ),
}  # fmt: skip


def test_all_losses_are_looked_at() -> None:
    assert {*LOSSES, "mean_squared_error", "l2"} <= set(TRACED)


@every_backend
@pytest.mark.parametrize("name", TRACED)
def test_a_traced_loss_is_that_of_the_engine(name: str, backend: Any) -> None:
    loss, targets = TRACED[name]
    compiled = compile(loss, WEIGHTS, backend=backend)
    assert isinstance(compiled, CompiledLoss)
    expected, gradient = eager(loss, WEIGHTS, POINTS, targets)
    found = compiled.value_and_grad(POINTS, targets)
    assert found[0] == pytest.approx(expected, rel=1e-13)
    assert found[1] == pytest.approx(gradient, rel=1e-12, abs=1e-15)


@every_backend
def test_what_a_distribution_leaves_out_may_be_infinite(backend: Any) -> None:
    a = Value(1.0)
    scores = compile(lambda x, t: cross_entropy([a + v for v in x], t), [a], backend=backend)
    assert scores([[-math.inf, 1.0, 2.0]], [[0.0, 1.0, 0.0]]) == pytest.approx(1.313261687518223)
    shares = compile(
        lambda x, t: cross_entropy_of_probabilities([a * v for v in x], t), [a], backend=backend
    )
    assert isinstance(shares, CompiledLoss)
    assert shares.value_and_grad([[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]]) == (
        pytest.approx(math.log(2.0)),
        [-1.0],
    )
    with pytest.raises(ValueError, match="the probability of class 0 is 0"):
        shares([[0.0, 0.5, 0.5]], [[1.0, 0.0, 0.0]])


@every_backend
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("cross_entropy", 4),
        ("cross_entropy", 0.5),
        ("cross_entropy, one-hot", [0.5, 0.6, 0.0, 0.0]),
        ("cross_entropy, one-hot", [-0.5, 1.5, 0.0, 0.0]),
        ("cross_entropy_of_probabilities", -1),
        ("cross_entropy_of_probabilities, one-hot", [1, 1, 0, 0]),
        ("binary_cross_entropy", -1),
        ("hinge", 0),
        ("multiclass_hinge", 7),
    ],
)
def test_a_wrong_target_is_refused_as_by_the_engine(name: str, wrong: Any, backend: Any) -> None:
    loss, targets = TRACED[name]
    targets = [*targets[:5], wrong, *targets[6:]]
    expected = what_is_raised(lambda: loss(POINTS[5], wrong))
    found = what_is_raised(lambda: compile(loss, WEIGHTS, backend=backend)(POINTS, targets))
    assert found == (*expected[:2], ["in sample 5"])


# ---- errors ------------------------------------------------------------------------------------


class Rooted(Line):
    """A model with a domain."""

    def __call__(self, x: Any) -> Any:
        return super().__call__(x).sqrt()


WRONG: dict[str, dict[str, Any]] = {
    "diverging": {"loss": "squared_error", "optimizer": lambda m: SGD(m, lr=50.0)},
    "at once": {"loss": "squared_error", "optimizer": lambda m: SGD(m, lr=1e200)},
    "diverging, clipped": {"loss": lambda y, t: (y - t) ** 2 * 1e300, "clip": 1.0,
                           "optimizer": lambda m: SGD(m, lr=1e300)},
    "a domain": {"model": Rooted, "X": [1.0, 2.0, 3.0, -4.0], "y": [0.0] * 4, "batch_size": 1,
                 "loss": "squared_error", "shuffle": False, "optimizer": lambda m: SGD(m, 1e-9)},
    "an infinite gradient": {"model": Rooted, "X": [1.0, 2.0, 0.0], "y": [0.0] * 3,
                             "loss": lambda y, t: y + t, "batch_size": 1},
    "targets": {"loss": "hinge"},
    "one class too many": {"model": three, "X": S, "y": [*CLASSES[:-1], 3],
                           "loss": "cross_entropy"},
    "rows of unequal length": {"y": [*[[y] for y in Y[:-1]], [1, 0]], "loss": "squared_error"},
    "no Value": {"loss": lambda y, t: 1.0},
    "left the engine": {"loss": lambda y, t: (y.data - t) ** 2},
    "regulariser": {"regulariser": lambda m: Value(math.inf)},
    "regulariser without a Value": {"regulariser": lambda m: 1.0},
    "clip": {"clip": 0.0},
    "held out": {"validation": (X, SIGNS)},
    "rate": {"optimizer": lambda m: SGD(m, lr=lambda k: 0.1 if k < 17 else -0.1)},
    "Adam": {"optimizer": lambda m: Adam(m, lr=0.1), "loss": lambda y, t: (y - t) * 1e160},
    "a model that cannot": {"model": three, "loss": "binary_cross_entropy"},
}  # fmt: skip


@every_backend
@pytest.mark.parametrize("name", WRONG)
def test_errors_are_those_of_the_engine(
    name: str, backend: str, only: Callable[[str], None]
) -> None:
    only(backend)
    settings = dict(WRONG[name])
    make = settings.pop("model", small)
    a, b = make(), make()
    expected = what_is_raised(lambda: train(a, compiled=False, **settings))
    assert what_is_raised(lambda: train(b, **settings)) == expected
    assert b.state() == pytest.approx(a.state(), rel=1e-9)


@every_backend
def test_what_the_engine_gets_over_goes_on(backend: str, only: Callable[[str], None]) -> None:
    """The squares of these gradients are too large for a float, their norm is not."""
    only(backend)
    settings = {"loss": lambda y, t: binary_cross_entropy(y, t) * 1e200, "clip": 1.0}
    a, _, expected = train(compiled=False, epochs=3, **settings)
    b, _, found = train(epochs=3, **settings)
    assert found.engine == f"compiled: {backend}"
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    assert found.updates == expected.updates
    assert b.state() == pytest.approx(a.state(), rel=1e-9)


# ---- what cannot be compiled -------------------------------------------------------------------


class Dropping(Module):
    """A model that forgets some inputs, drawn from a generator."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self.inner = MLP(16, [2, 1], seed=1)
        self.draw = draw

    def __call__(self, x: Any) -> Any:
        return self.inner([x[i % 2] * (self.draw() < 0.5) for i in range(16)])


def counting() -> Callable[[], float]:
    numbers: Iterator[float] = iter(float(i % 3) for i in range(10**9))
    return lambda: next(numbers)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"loss": lambda y, t: y * y if t > 0 else -y}, "a traced number decides an if"),
        ({"model": lambda: Dropping(random.random)}, "random numbers are drawn anew"),
        ({"model": lambda: Dropping(random.Random(3).random)}, "something else each time"),
        ({"model": lambda: Dropping(counting())}, "something else each time"),
        ({"loss": lambda y, t: {0: y, 1: -y}[int(t)].softplus()}, "int(x) of a traced number"),
        ({"loss": lambda y, t: [y, y * 2.0][["a", "b"].index("ab"[t])]}, "as an index"),
    ],
)
def test_what_cannot_be_compiled_is_run_by_the_engine(
    settings: dict[str, Any], reason: str
) -> None:
    make = settings.pop("model", small)
    random.seed(5)
    a, _, expected = train(make(), compiled=False, epochs=2, **settings)
    random.seed(5)
    b, _, found = train(make(), epochs=2, **settings)
    assert found.engine.startswith("not compiled: ")
    assert reason in found.engine
    assert "\n" not in found.engine
    if "each time" not in reason:  # two runs more have moved a generator of one's own
        assert (b.state(), found.loss) == (a.state(), expected.loss)


def test_a_fault_in_tracing_is_no_error() -> None:
    def loss(y: Any, t: Any) -> Any:
        if not isinstance(y, Value):
            raise LookupError("traced\nin two lines")
        return squared_error(y, t)

    assert train(loss=loss, epochs=1)[2].engine == "not compiled: LookupError: traced"


def test_what_a_callback_changes_is_noticed() -> None:
    def run(compiled: bool) -> tuple[Any, ...]:
        strength = [0.0]

        def change(epoch: int, history: History, model: Any) -> None:
            if epoch == 3:
                strength[0] = 0.5

        model, _, history = train(
            loss=lambda y, t: binary_cross_entropy(y, t) + strength[0] * y * y,
            epochs=6, callbacks=[change], compiled=compiled,
        )  # fmt: skip
        return model.state(), history.loss, history.engine

    (a, expected, _), (b, found, engine) = run(False), run(True)
    assert engine.startswith("compiled: ")
    assert engine.endswith(" up to epoch 4, where the model, the loss or the optimizer was changed")
    assert found == pytest.approx(expected, rel=1e-9)
    assert b == pytest.approx(a, rel=1e-9)


@pytest.mark.parametrize("what", ["momentum", "parameters", "frozen", "nothing"])
def test_other_things_that_a_callback_changes(what: str) -> None:
    def run(compiled: bool) -> tuple[Any, ...]:
        model, frozen = small(), Value(0.25)
        optimizer = momentum(model)

        def change(epoch: int, history: History, model: Any) -> None:
            if epoch == 1 and what == "momentum":
                optimizer.momentum = 0.25  # type: ignore[attr-defined]
            if what == "parameters":
                model.layers[0].neurons[0].b.data = 0.5
            if what == "frozen":
                frozen.data = 0.125 * epoch

        history = fit(
            model, X, Y, loss=lambda y, t: binary_cross_entropy(y + frozen, t),
            optimizer=optimizer, epochs=4, batch_size=7, callbacks=[change], compiled=compiled,
        )  # fmt: skip
        return model.state(), history.loss, history.engine

    (a, expected, _), (b, found, engine) = run(False), run(True)
    assert ("up to epoch 2" in engine) == (what == "momentum")
    assert found == pytest.approx(expected, rel=1e-9)
    assert b == pytest.approx(a, rel=1e-9)


def test_nothing_is_compiled_where_every_operation_is_watched() -> None:
    with detect_anomaly():
        _, _, history = train(epochs=1)
    assert history.engine == "not compiled: detect_anomaly watches every operation"
    assert process.watch is None


def test_held_out_data_of_a_model_that_predicts_otherwise() -> None:
    class Doubling(Line):
        def predict(self, x: Any) -> Any:
            return 2.0 * (self.w.data * x + self.b.data)

    settings: dict[str, Any] = {
        "X": [1.0, 2.0], "y": [1.0, 3.0], "loss": "squared_error", "epochs": 4,
        "validation": ([1.0, 5.0], [1.0, 2.0]), "optimizer": lambda m: SGD(m, lr=0.01),
    }  # fmt: skip
    _, _, expected = train(Doubling(), compiled=False, **settings)
    _, _, found = train(Doubling(), **settings)
    assert found.engine.startswith("compiled: ")
    assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-9)


# ---- what callers see --------------------------------------------------------------------------


def test_callbacks_see_parameters_and_gradients() -> None:
    def run(compiled: bool) -> list[Any]:
        seen: list[Any] = []

        def note(epoch: int, history: History, model: Any) -> None:
            seen.extend([p.data, p.grad] for p in model.parameters())
            seen.append([len(history), history.updates])

        train(epochs=4, callbacks=[note], compiled=compiled)
        return seen

    for a, b in zip(run(False), run(True), strict=True):
        assert b == pytest.approx(a, rel=1e-9, abs=1e-12)


def test_ctrl_c_in_a_callback_keeps_the_best_parameters() -> None:
    states: list[dict[str, float]] = []

    def note(epoch: int, history: History, model: Any) -> None:
        states.append(model.state())
        if epoch == 2:
            raise KeyboardInterrupt

    model, _, history = train(
        Line(), [1.0, 1.0], [0.0, 0.0], loss="squared_error", batch_size=1, callbacks=[note],
        optimizer=lambda m: SGD([m.w], lr=3.0), validation=([1.0], [0.0]),
    )  # fmt: skip
    assert history.engine.startswith("compiled: ")
    assert history.interrupted
    assert (len(history), history.best_epoch, history.updates) == (3, 0, 6)
    assert model.state() == states[0] != states[2]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@every_backend
def test_ctrl_c_is_heard_soon(backend: str, only: Callable[[str], None]) -> None:
    only(backend)
    pressed: list[float] = []

    def press() -> None:
        time.sleep(0.3)
        pressed.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    xs, ys = datasets.moons(1000, noise=0.1, seed=1)
    model = MLP(2, [16, 16, 1], seed=1)
    history = fit(
        model, xs, ys, loss="binary_cross_entropy", optimizer=SGD(model, lr=0.01), batch_size=5,
        epochs=10**6, compiled=True, callbacks=[lambda epoch, *_: epoch or thread.start()],
    )  # fmt: skip
    seconds = time.perf_counter() - pressed[0]
    thread.join()
    assert history.interrupted
    assert history.updates >= 200 * len(history) > 0
    assert seconds < 2.0  # on a machine that is busy, too


def test_no_call_takes_long() -> None:
    """How many steps are made at once grows slowly, up to a tenth of a second."""
    model = Line()
    lesson = Lesson(model, squared_error, SGD(model, 1e-3), None, None, None, 1, lambda n: 1.0)
    program = CompiledLesson(lesson, [1.0] * 5000, [2.0] * 5000)
    bound, totals, done = program.bound(range(5000)), Totals(), [0]
    while sum(done) < 5000:
        done.append(program.advance(bound, sum(done), totals))
        assert 1 <= done[-1] <= max(1, 8 * done[-2])
    assert totals.batches == totals.samples == sum(done) == 5000


@pytest.mark.parametrize("progress", [True, None])
def test_a_line_says_what_computes(
    progress: bool | None, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    _, _, history = train(epochs=3, progress=progress)
    shown = capsys.readouterr().err
    assert history.engine in shown.replace("\r", "\n").split("\n")
    assert "18/18" in shown
    assert "epoch 2, loss" in shown
    train(epochs=3, progress=progress, loss=lambda y, t: y * y if t > 0 else -y)
    assert "not compiled: " in capsys.readouterr().err
    for wanted in (None, False):  # not even tried
        train(epochs=3, progress=progress, compiled=wanted)
        assert "compiled" not in capsys.readouterr().err
    train(epochs=3, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_history_says_what_has_computed() -> None:
    _, _, history = train(epochs=1)
    assert history.to_dict()["engine"] == history.engine
    assert History().engine == ""
