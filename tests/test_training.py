"""Training: updates, gradients, order, what is written down, and every way in which it can stop."""

from __future__ import annotations

import gc
import importlib.util
import json
import math
import random
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from microgrunderscore import datasets, training
from microgrunderscore.engine import Value
from microgrunderscore.history import History
from microgrunderscore.losses import cross_entropy, hinge, l2, squared_error
from microgrunderscore.nn import MLP, Module
from microgrunderscore.optim import SGD, Adam, linear
from microgrunderscore.training import accuracy, classify, evaluate, fit, predict

needs_numpy = pytest.mark.skipif(not importlib.util.find_spec("numpy"), reason="needs NumPy")
needs_tqdm = pytest.mark.skipif(not importlib.util.find_spec("tqdm"), reason="needs tqdm")

X = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 1.0], [-2.0, -0.5]]
Y = [0.5, -1.0, 2.0, 0.0, 1.0]


class Line(Module):
    """w x + b for numbers."""

    def __init__(self, w: float = 0.0, b: float = 0.0) -> None:
        self.w, self.b = Value(w), Value(b)

    def __call__(self, x: Any) -> Value:
        return self.w * x + self.b


def small(seed: int = 1) -> MLP:
    return MLP(2, [3, 1], activation="tanh", seed=seed)


def train(model: Any = None, X: Any = X, y: Any = Y, **settings: Any) -> tuple[Any, History]:
    """Train a small model on a small table, with everything else as by default."""
    model = small() if model is None else model
    settings = {"loss": "squared_error", "epochs": 3, "optimizer": None} | settings
    settings["optimizer"] = settings["optimizer"] or SGD(model, lr=0.1)
    return model, fit(model, X, y, **settings)


# ---- what an update is -------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [None, 1, 2, 5, 100])
def test_it_is_the_loop_that_one_would_write(batch_size: int | None, reduction: str) -> None:
    model, history = train(
        batch_size=batch_size, reduction=reduction, seed=3, optimizer=None, epochs=4
    )
    expected, rng, losses, updates = small(), random.Random(3), [], 0
    size = min(batch_size or 5, 5)
    for _ in range(4):
        order, total = list(range(5)), 0.0
        rng.shuffle(order)
        for start in range(0, 5, size):
            batch = order[start : start + size]
            expected.zero_grad()
            for i in batch:
                error = squared_error(expected(X[i]), Y[i])
                error.backward(1 / len(batch) if reduction == "mean" else 1.0)
                total += error.data
            for p in expected.parameters():
                p.data -= 0.1 * p.grad
            updates += 1
        losses.append(total / 5)
    assert model.state() == pytest.approx(expected.state(), rel=1e-12)
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert history.updates == updates == sum(e.updates for e in history.epochs)


def test_sixty_thousand_samples_in_batches_of_a_thousand_are_sixty_updates() -> None:
    xs = [float(i % 7) for i in range(60_000)]
    _, history = train(Line(), xs, [0.0] * 60_000, batch_size=1000, epochs=1)
    assert history.updates == 60


def test_the_regulariser_is_added_once_per_batch() -> None:
    model = small()
    ws = [p.data for name, p in model.named_parameters().items() if ".w." in name]
    penalty = 0.05 * sum(w * w for w in ws)
    expected = small()
    error = sum(squared_error(expected(x), y) for x, y in zip(X, Y, strict=True)) / 5.0
    (error + l2(expected, 0.1)).backward()
    _, history = train(model, regulariser=lambda m: l2(m, 0.1), epochs=1)
    for p, q in zip(model.parameters(), expected.parameters(), strict=True):
        assert p.data == pytest.approx(q.data - 0.1 * q.grad, rel=1e-12)
    assert history.penalty == pytest.approx([penalty])


def test_clipping_limits_the_step() -> None:
    model = small()
    before = model.state()
    train(model, clip=1e-3, epochs=1, reduction="sum")
    moved = math.hypot(*(model.state()[k] - before[k] for k in before))
    assert moved == pytest.approx(0.1 * 1e-3)


def test_a_schedule_of_epochs() -> None:
    model = small()
    optimizer = SGD(model, lr=0.7)
    _, history = train(model, optimizer=optimizer, schedule=linear(0.1, 0.0, 2), batch_size=2)
    assert history.lr == pytest.approx([0.1, 0.05, 0.0])
    assert optimizer.lr == 0.7


def test_a_schedule_of_steps() -> None:
    model = small()
    _, history = train(model, optimizer=SGD(model, lr=lambda k: 1.0 / (k + 1)), batch_size=1)
    assert history.lr == [1 / 5, 1 / 10, 1 / 15]


def test_frozen_parameters_stay() -> None:
    model = small()
    before = model.state()
    train(model, optimizer=SGD(model.layers[1], lr=0.1))
    changed = {name for name, x in model.state().items() if x != before[name]}
    assert changed
    assert all(name.startswith("layers.1") for name in changed)


# ---- order and determinism ---------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits() -> None:
    def run(seed: int) -> Any:
        model, history = train(batch_size=2, seed=seed, epochs=5)
        return model.state(), history.loss

    assert run(1) == run(1) != run(2)
    random.seed(0)
    expected = random.Random(0).random()
    run(1)
    assert random.random() == expected


def test_every_epoch_sees_every_sample_in_another_order() -> None:
    seen: list[float] = []

    class Spy(Line):
        def __call__(self, x: Any) -> Value:
            seen.append(x)
            return super().__call__(x)

    xs = [float(i) / 20 for i in range(20)]
    train(Spy(), xs, [0.0] * 20, epochs=3, batch_size=7)
    epochs = [seen[i : i + 20] for i in (0, 20, 40)]
    assert all(sorted(epoch) == xs for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert all(epoch != xs for epoch in epochs)
    seen.clear()
    train(Spy(), xs, [0.0] * 20, epochs=2, shuffle=False)
    assert seen == xs * 2
    seen.clear()
    train(Spy(), xs, [0.0] * 20, epochs=1, seed=None)
    assert sorted(seen) == xs


# ---- it learns ---------------------------------------------------------------------------------


def test_moons() -> None:
    xs, ys = datasets.moons(60, noise=0.05, seed=1)
    model = MLP(2, [8, 8, 1], seed=3)
    history = fit(
        model, xs, [2 * y - 1 for y in ys], loss="hinge", optimizer=Adam(model),
        epochs=60, batch_size=10, schedule=linear(0.05, 0.001, 60),
    )  # fmt: skip
    assert history.accuracy[-1] >= 0.95
    assert accuracy(model, xs, ys) >= 0.95
    assert history.loss[-1] < 0.2 < history.loss[0]


def test_three_classes() -> None:
    xs, ys = datasets.spirals(60, classes=3, turns=0.3, seed=1)
    model = MLP(2, [8, 3], activation="tanh", seed=3)
    training_set, held_out = (xs[:45], ys[:45]), (xs[45:], ys[45:])
    history = fit(
        model, *training_set, loss=cross_entropy, optimizer=Adam(model, lr=0.05),
        epochs=40, batch_size=5, validation=held_out,
    )  # fmt: skip
    assert history.accuracy[-1] > 0.9
    assert history.validation_accuracy[-1] == accuracy(model, *held_out)
    assert history.validation_loss[-1] == evaluate(model, *held_out, loss="cross_entropy")
    assert set(classify(model, xs)) == {0, 1, 2}


def test_the_same_with_a_softmax_layer_and_one_hot_targets() -> None:
    xs, ys = datasets.spirals(30, classes=3, turns=0.3, seed=1)
    rows = [[float(k == y) for k in range(3)] for y in ys]
    scores = MLP(2, [4, 3], activation="tanh", seed=3)
    shares = MLP(2, [4, 3], activation="tanh", output="softmax", seed=3)
    _, a = train(scores, xs, ys, loss="cross_entropy", epochs=5)
    _, b = train(shares, xs, rows, loss="cross_entropy_of_probabilities", epochs=5)
    assert a.loss == pytest.approx(b.loss, rel=1e-9)
    assert a.accuracy == b.accuracy
    assert shares.state() == pytest.approx(scores.state(), rel=1e-9)


def test_any_function_of_values_is_a_model() -> None:
    w, b = Value(0.0), Value(0.0)
    xs = [0.0, 1.0, 2.0, 3.0]
    fit(
        lambda x: w * x + b, xs, [1.0, 3.0, 5.0, 7.0], loss="squared_error",
        optimizer=SGD([w, b], lr=0.2), epochs=300,
    )  # fmt: skip
    assert (w.data, b.data) == pytest.approx((2.0, 1.0), abs=1e-3)
    line = Line(2.0, 1.0)
    assert predict(line, xs) == [1.0, 3.0, 5.0, 7.0]


def test_a_loss_of_ones_own() -> None:
    _, history = train(loss=lambda y, d: (y - d).abs())
    assert history.accuracy == []
    with pytest.raises(TypeError, match=r"the loss must be a Value, not float .*left the engine"):
        train(loss=lambda y, d: (y.data - d) ** 2)


# ---- history -----------------------------------------------------------------------------------


def test_history() -> None:
    _, history = train(epochs=2, batch_size=2)
    assert len(history) == len(history.loss) == len(history.seconds) == len(history.lr) == 2
    assert history.accuracy == history.validation_loss == history.penalty == []
    assert history.updates == 6
    assert (history.stopped_early, history.interrupted) == (False, False)
    assert all(type(x) is float for x in history.loss + history.seconds + history.lr)
    as_json = json.loads(json.dumps(history.to_dict()))
    assert as_json["loss"] == history.loss
    assert as_json["epochs"] == 2
    assert as_json["updates"] == 6
    assert repr(history).startswith("History(2 epochs, 6 updates; loss ")
    assert repr(History()) == "History(0 epochs, 0 updates; 0.0 s)"


def test_the_accuracy_of_an_epoch_is_counted() -> None:
    model = Line(1.0, 0.0)
    _, history = train(
        model, [1.0, -1.0, 2.0, 3.0], [1, -1, -1, 1], loss=hinge, epochs=1,
        optimizer=SGD(model, lr=1e-9),
    )  # fmt: skip
    assert history.accuracy == [0.75]
    assert history.loss == [pytest.approx((0 + 0 + 3 + 0) / 4)]


def test_callbacks() -> None:
    seen = []
    model, _ = train(
        epochs=2, callbacks=[lambda *given: seen.append((given[0], len(given[1]), given[2]))]
    )
    assert seen == [(0, 1, model), (1, 2, model)]


# ---- stopping ----------------------------------------------------------------------------------


def test_patience_stops_and_restores_the_best() -> None:
    model = Line(0.0)
    xs, ys = [1.0, 2.0], [1.0, 2.0]
    held_out = ([1.0], [0.5])  # the best w is ½, and training goes on to 1
    states: list[dict[str, float]] = []
    history = fit(
        model, xs, ys, loss="squared_error", optimizer=SGD([model.w], lr=0.02), epochs=1000,
        validation=held_out, patience=3, callbacks=[lambda e, h, m: states.append(m.state())],
    )  # fmt: skip
    best = min(range(len(history)), key=history.validation_loss.__getitem__)
    assert history.stopped_early
    assert history.best_epoch == best
    assert len(history) == best + 4
    assert model.state() == states[best]
    assert evaluate(model, *held_out, loss="squared_error") == history.validation_loss[best]


def test_patience_without_validation_keeps_what_was_measured() -> None:
    model = Line(1.0)
    history = fit(
        model, [1.0], [0.0], loss="squared_error", optimizer=SGD([model.w], lr=3.0), epochs=10,
        patience=2,
    )  # fmt: skip
    assert history.best_epoch == 0
    assert model.w.data == 1.0  # every step leads away
    assert evaluate(model, [1.0], [0.0], loss="squared_error") == history.loss[0]


def test_without_patience_the_last_parameters_stay() -> None:
    model = Line(1.0)
    train(model, [1.0], [0.0], optimizer=SGD([model.w], lr=3.0), epochs=2)
    assert model.w.data == 4.0


@pytest.mark.parametrize("where", ["callback", "model"])
def test_ctrl_c_keeps_the_best_parameters(where: str) -> None:
    states: list[dict[str, float]] = []

    class Fragile(Line):
        def __call__(self, x: Any) -> Value:
            if where == "model" and len(states) == 3:
                raise KeyboardInterrupt
            return super().__call__(x)

    def note(epoch: int, history: History, model: Any) -> None:
        states.append(model.state())
        if where == "callback" and epoch == 2:
            raise KeyboardInterrupt

    model = Fragile(1.0)
    optimizer = SGD([model.w], lr=3.0)
    was_enabled = gc.isenabled()
    history = fit(
        model, [1.0, 1.0], [0.0, 0.0], loss="squared_error", optimizer=optimizer, epochs=10,
        validation=([1.0], [0.0]), callbacks=[note], schedule=lambda epoch: 3.0, batch_size=1,
    )  # fmt: skip
    assert history.interrupted
    assert not history.stopped_early
    assert len(history) == 3
    assert history.best_epoch == 0
    assert model.state() == states[0] != states[2]
    assert optimizer.lr == 3.0
    assert gc.isenabled() == was_enabled
    assert "interrupted" in repr(history)


def test_ctrl_c_in_the_first_epoch_keeps_what_was_reached() -> None:
    class Fragile(Line):
        def __call__(self, x: Any) -> Value:
            if x == 3.0:
                raise KeyboardInterrupt
            return super().__call__(x)

    model, history = train(Fragile(1.0), [1.0, 2.0, 3.0], [0.0] * 3, batch_size=1, shuffle=False)
    assert history.interrupted
    assert (len(history), history.updates, history.best_epoch) == (0, 2, None)
    assert model.w.data != 1.0


# ---- numbers that are not finite, and other errors on the way ----------------------------------


class BadAtFour(Line):
    """A model that goes wrong for one sample."""

    def __call__(self, x: Any) -> Value:
        if x == 4.0:
            return self.trouble(super().__call__(x))
        return super().__call__(x)

    def trouble(self, y: Value) -> Value:
        return y * math.nan


def test_a_loss_that_is_not_finite_names_the_place() -> None:
    settings: dict[str, Any] = {"batch_size": 1, "shuffle": False, "epochs": 1}
    expected, _ = train(Line(0.5), [1.0, 2.0, 3.0], [0.0] * 3, **settings)
    model = BadAtFour(0.5)
    with pytest.raises(FloatingPointError, match=r"^epoch 0, batch 3: sample 3: the loss is nan"):
        train(model, [1.0, 2.0, 3.0, 4.0], [0.0] * 4, **settings)
    assert model.state() == expected.state()  # as before the update with the bad sample
    assert gc.isenabled()


def test_divergence_is_an_error() -> None:
    model = Line(1.0)
    with pytest.raises((FloatingPointError, OverflowError)) as caught:
        train(model, [1.0], [0.0], optimizer=SGD(model, lr=1e6), epochs=1000)
    assert "epoch" in str(caught.value) + str(getattr(caught.value, "__notes__", ""))
    assert all(math.isfinite(x) for x in model.state().values())


def test_an_infinite_gradient_is_an_error() -> None:
    model = Line(0.0)
    before = model.state()
    with pytest.raises(FloatingPointError, match=r"^epoch 0, batch 0: the gradient of w is inf"):
        train(model, [1.0], [0.0], loss=lambda y, d: y.sqrt())
    assert model.state() == before


def test_a_bad_regulariser() -> None:
    with pytest.raises(FloatingPointError, match="epoch 0, batch 0: the regulariser is inf"):
        train(regulariser=lambda m: Value(math.inf))
    with pytest.raises(TypeError, match="the regulariser must be a Value"):
        train(regulariser=lambda m: 1.0)


def test_other_errors_say_where_they_were() -> None:
    class Outside(BadAtFour):
        def trouble(self, y: Value) -> Value:
            return (y - 100.0).log()

    with pytest.raises(ValueError, match="log") as caught:
        train(Outside(1.0), [1.0, 4.0], [0.0] * 2, batch_size=1, shuffle=False)
    assert caught.value.__notes__ == ["in sample 1", "in epoch 0, batch 1"]


def test_a_validation_loss_that_is_not_finite() -> None:
    with pytest.raises(FloatingPointError, match="sample 1 of the data that is measured: the loss"):
        train(BadAtFour(0.5), [1.0], [0.0], validation=([1.0, 4.0], [0.0, 0.0]))


# ---- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xs", "ys", "error", "match"),
    [
        ([[1, 2]] * 3, [1, 2], ValueError, "3 samples, but 2 targets"),
        ([], [], ValueError, "no samples"),
        ([[1, 2], [1, math.nan]], [1, 2], ValueError, "X: row 1, column 1 is nan"),
        ([[1, 2], [-math.inf, 1]], [1, 2], ValueError, "X: row 1, column 0 is -inf"),
        ([[1, 2], [1, 10**400]], [1, 2], OverflowError, "X: row 1, column 1.*too large"),
        ([[1, 2], ["a", 1]], [1, 2], TypeError, "X: row 1, column 0.*str 'a'"),
        ([[1, 2], [None, 1]], [1, 2], TypeError, "X: row 1, column 0"),
        ([[1, 2], [Value(1.0), 1]], [1, 2], TypeError, "X: row 1, column 0.*history"),
        ([[1, 2], [1]], [1, 2], ValueError, "row 1 has 1 columns, but row 0 has 2 columns"),
        ([[1, 2], 3], [1, 2], ValueError, "row 1 has a bare number, but row 0 has 2 columns"),
        ([1.0, math.inf], [1, 2], ValueError, "X: row 1 is inf"),
        ([[1, 2]] * 2, [1.0, math.nan], ValueError, "y: row 1 is nan"),
        ([[1, 2]] * 2, [[1.0, 0.0], [0.0, math.inf]], ValueError, "y: row 1, column 1 is inf"),
        ([[1, 2]] * 2, ["a", "b"], TypeError, "y: row 0 is the text 'a': number the classes"),
        ([[1, 2]] * 2, [None, 1], TypeError, "y: row 0"),
        (3.0, [1], TypeError, "X must be a list or an array, not float 3.0"),
        ("ab", [1, 2], TypeError, "X must be a list"),
        ({"a": 1}, [1], TypeError, "X must be a list"),
        ([[1, 2, 3]] * 2, [1, 2], ValueError, "expected 2 inputs, got 3"),
    ],
)
def test_wrong_data(xs: Any, ys: Any, error: Any, match: str) -> None:
    model = small()
    before = model.state()
    with pytest.raises(error, match=match):
        train(model, xs, ys)
    assert model.state() == before


def test_wrong_validation_data() -> None:
    with pytest.raises(ValueError, match="validation X: row 0, column 1 is nan"):
        train(validation=([[1.0, math.nan]], [1.0]))
    with pytest.raises(ValueError, match="1 validation samples, but 2 targets"):
        train(validation=([[1.0, 2.0]], [1.0, 2.0]))
    with pytest.raises(ValueError, match="no validation samples"):
        train(validation=([], []))
    with pytest.raises(TypeError, match="a pair"):
        train(validation=0.2)


def test_targets_that_do_not_fit_the_loss() -> None:
    with pytest.raises(ValueError, match="-1 or \\+1") as caught:
        train(loss="hinge", y=[0, 1, 0, 1, 0])
    assert caught.value.__notes__[-1] == "in epoch 0, batch 0"
    with pytest.raises(ValueError, match="at least 2, got 1"):
        train(loss="cross_entropy", y=[0, 1, 0, 1, 0])


def test_data_are_not_changed() -> None:
    xs, ys = [list(x) for x in X], list(Y)
    train(X=xs, y=ys)
    assert (xs, ys) == (X, Y)


@needs_numpy
def test_arrays() -> None:
    import numpy

    a, history = train(batch_size=2)
    b, same = train(X=numpy.array(X), y=numpy.array(Y), batch_size=2)
    assert a.state() == b.state()
    assert history.loss == same.loss
    single = numpy.array(X, numpy.float32)
    assert predict(a, single) == predict(a, single.tolist())
    rows, _ = train(X=numpy.array(X), y=numpy.array(Y).reshape(5, 1), batch_size=2)
    assert rows.state() == a.state()
    bad = numpy.array(X)
    bad[2, 1] = numpy.nan
    with pytest.raises(ValueError, match="X: row 2, column 1 is nan"):
        train(X=bad)
    classes = MLP(2, [3], seed=1)
    fit(
        classes, numpy.array(X), numpy.array([0, 1, 2, 0, 1]), loss="cross_entropy",
        optimizer=SGD(classes, 0.1), epochs=1,
    )  # fmt: skip
    assert 0.0 <= accuracy(classes, numpy.array(X), numpy.array([0, 1, 2, 0, 1])) <= 1.0


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 2.0}, TypeError, "epochs must be a whole number, not float 2.0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": -5}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size"),
        ({"batch_size": True}, TypeError, "batch_size"),
        ({"patience": 0}, ValueError, "patience"),
        ({"reduction": "max"}, ValueError, "'mean' or 'sum', got 'max'"),
        ({"loss": "mse"}, ValueError, "loss 'mse' is not known: squared_error"),
        (
            {"loss": "binary_crossentropy"},
            ValueError,
            "not known, did you mean 'binary_cross_entropy'\\?: squared_error",
        ),
        ({"optimizer": 0.1}, TypeError, "optimizer must be an SGD or Adam, not float"),
        ({"clip": 0.0}, ValueError, "max_norm"),
        ({"schedule": 0.1}, TypeError, "schedule must be a function, not float 0.1"),
        ({"regulariser": 0.1}, TypeError, "regulariser must be a function"),
        ({"callbacks": print}, TypeError, "callbacks must be a list"),
        ({"callbacks": [1]}, TypeError, r"callbacks\[0\] must be a function"),
    ],
)
def test_wrong_arguments(settings: dict[str, Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        train(**settings)


def test_the_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter of this model"):
        train(optimizer=SGD(small(), 0.1))


@pytest.mark.parametrize(
    ("loss", "output", "targets"),
    [("binary_cross_entropy", "sigmoid", [0, 1]), ("cross_entropy", "softmax", [0, 1])],
)
def test_what_a_loss_includes_is_not_applied_twice(loss: str, output: str, targets: Any) -> None:
    outputs = 2 if output == "softmax" else 1
    model = MLP(1, [outputs], output=output, seed=0)
    options: Any = {"optimizer": SGD(model, lr=0.1), "epochs": 1}
    with pytest.raises(ValueError, match=f"leave output='{output}' out of the model"):
        fit(model, [[0.0], [1.0]], targets, loss=loss, **options)
    with pytest.raises(ValueError, match="applied twice"):
        evaluate(model, [[0.0], [1.0]], targets, loss=loss)


# ---- prediction --------------------------------------------------------------------------------


def test_classes() -> None:
    assert classify(lambda x: x, [-1.0, 0.0, 0.5]) == [0, 0, 1]
    assert classify(lambda x: x, [-1.0, 0.0, 0.5], threshold=0.5) == [0, 0, 0]
    assert classify(lambda x: [x], [-1.0, 0.5]) == [0, 1]
    assert classify(lambda x: [Value(x), Value(0.5), Value(x)], [0.0, 1.0]) == [1, 0]
    probability = MLP(1, [1], output="sigmoid", seed=0)
    probability.load_state({"layers.0.neurons.0.w.0": 1.0, "layers.0.neurons.0.b": 0.0})
    assert classify(probability, [[-1.0], [1.0]]) == [0, 1]


def test_accuracy_takes_every_kind_of_target() -> None:
    def three(x: float) -> list[float]:
        return [x == k for k in (0.0, 1.0, 2.0)]

    assert accuracy(three, [0.0, 1.0, 2.0], [0, 1, 1]) == pytest.approx(2 / 3)
    assert accuracy(three, [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]) == 1.0
    assert accuracy(three, [0.0, 1.0], [[1, 0, 0], [0, 0, 1]]) == 0.5
    assert accuracy(lambda x: x, [-1.0, 1.0], [0, 1]) == 1.0
    assert accuracy(lambda x: x, [-1.0, 1.0], [-1, 1]) == 1.0
    assert accuracy(lambda x: x, [-1.0, 1.0], [[0], [1]]) == 1.0
    for bad in (3, -1, 0.5):
        with pytest.raises(ValueError, match="class index"):
            accuracy(three, [0.0], [bad])
    with pytest.raises(ValueError, match="2 numbers, the model 3 outputs"):
        accuracy(three, [0.0], [[1, 0]])


def test_prediction_of_several_outputs() -> None:
    model = MLP(2, [3, 2], seed=1)
    assert predict(model, X) == [[v.data for v in model(x)] for x in X]
    assert predict(model, []) == []
    assert all(type(v) is float for row in predict(model, X) for v in row)
    with pytest.raises(ValueError, match="row 0, column 0 is nan"):
        predict(model, [[math.nan, 1.0]])


# ---- progress ----------------------------------------------------------------------------------


@needs_tqdm
def test_the_bar_is_on_stderr_and_only_for_someone_who_sees_it(
    capsys: Any, monkeypatch: Any
) -> None:
    train(progress=None)
    train(progress=False)
    assert capsys.readouterr() == ("", "")
    train(progress=True, batch_size=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "9/9" in err
    assert "epoch 2, loss" in err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train(progress=None)
    assert "3/3" in capsys.readouterr().err


def test_without_tqdm_there_is_no_bar(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(progress=True)
    assert capsys.readouterr() == ("", "")


def test_without_stderr_there_is_no_bar(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    train()
    assert not training._is_watched()


def test_a_notebook_is_watched(monkeypatch: Any) -> None:
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert training._is_watched()
    ipython.get_ipython = lambda: None  # imported, as test tools do, but not running
    assert not training._is_watched()


def test_garbage_collection_is_paused_only_while_graphs_are_built() -> None:
    inside, outside = [], []

    class Spy(Line):
        def __call__(self, x: Any) -> Value:
            inside.append(gc.isenabled())
            return super().__call__(x)

    train(Spy(), [1.0, 2.0], [0.0, 0.0], callbacks=[lambda *_: outside.append(gc.isenabled())])
    assert not any(inside)
    assert all(outside)
    assert gc.isenabled()


def test_a_class_in_place_of_a_callback_is_refused() -> None:
    from microgrunderscore.charts import Recorder

    model = MLP(1, [1], seed=0)
    with pytest.raises(TypeError, match=r"callbacks\[0\] is a class, Recorder: .* Recorder\(\)"):
        fit(
            model, [[1.0]], [1.0], loss="squared_error", optimizer=SGD(model, lr=0.1), epochs=1,
            callbacks=[Recorder],
        )  # fmt: skip
