"""A Recorder keeps what each epoch left behind: parameters, loss, sizes of the gradients."""

import math
import sys
from typing import Any

import pytest

from microgrunderscore.charts.recorder import Frame, Recorder, gradients_of, layers_of
from microgrunderscore.engine import Value
from microgrunderscore.nn import MLP, Layer, Module
from microgrunderscore.optim import SGD
from microgrunderscore.pictures.histogram import root_mean_square
from microgrunderscore.training import fit

X, Y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1, 1, 0]


class Odd(Module):
    """Parameters in all kinds of places."""

    def __init__(self) -> None:
        self.scale = Value(2.0)
        self.head = Layer(2, 1, activation="tanh")
        self.layers = [Layer(1, 1), Layer(1, 1)]

    def __call__(self, x: Any) -> Value:
        return self.layers[1](self.layers[0](self.head(x) * self.scale)) * 1.0


def trained(
    model: Any, recorder: Recorder, epochs: int, loss: str = "binary_cross_entropy", lr: float = 0.1
) -> Any:
    optimizer = SGD(model, lr=lr)
    return fit(model, X, Y, loss=loss, optimizer=optimizer, epochs=epochs, callbacks=[recorder])


def test_a_frame_is_what_fit_reports() -> None:
    model, recorder = MLP(2, [3, 1], activation="tanh", seed=1), Recorder()
    history = trained(model, recorder, 5)
    assert [f.epoch for f in recorder.frames] == [0, 1, 2, 3, 4]
    assert [f.loss for f in recorder.frames] == history.loss
    assert [f.accuracy for f in recorder.frames] == history.accuracy
    assert recorder.frames[-1].state == model.state()
    assert recorder.frames[0].state != model.state()
    assert recorder.model is model


def test_the_state_of_every_frame_is_that_of_its_epoch() -> None:
    states: list[dict[str, float]] = []
    model, recorder = MLP(2, [2, 1], seed=1), Recorder()
    fit(
        model, X, Y, loss="squared_error", optimizer=SGD(model, lr=0.1), epochs=4,
        callbacks=[recorder, lambda epoch, history, m: states.append(m.state())],
    )  # fmt: skip
    assert [f.state for f in recorder.frames] == states
    for state in states:  # and the model takes it back
        model.load_state(state)


def test_gradient_sizes_are_those_of_the_gradients_that_made_the_last_step() -> None:
    model, recorder = MLP(2, [3, 1], activation="tanh", seed=1), Recorder()
    before = model.state()
    trained(model, recorder, 1, lr=0.25)
    steps = {name: (before[name] - x) / 0.25 for name, x in model.state().items()}
    for i, size in enumerate(recorder.frames[0].gradient_sizes.values()):
        layer = [g for name, g in steps.items() if name.startswith(f"layers.{i}.")]
        assert size == pytest.approx(math.sqrt(sum(g * g for g in layer) / len(layer)))
        assert size > 0.0


@pytest.mark.parametrize(
    ("every", "epochs", "kept"),
    [
        (1, 4, [0, 1, 2, 3]),
        (2, 4, [0, 2, 3]),
        (2, 5, [0, 2, 4]),
        (3, 3, [0, 2]),
        (100, 7, [0, 6]),
        (100, 1, [0]),
    ],
)
def test_every_nth_epoch_and_the_latest(every: int, epochs: int, kept: list[int]) -> None:
    model, recorder = MLP(2, [1], seed=1), Recorder(every)
    trained(model, recorder, epochs)
    assert [f.epoch for f in recorder.frames] == kept
    assert recorder.frames[-1].state == model.state()


def test_begin_keeps_the_model_before_training() -> None:
    model, recorder = MLP(2, [3, 1], seed=1), Recorder(every=3)
    state = model.state()
    recorder.begin(model)
    trained(model, recorder, 5)
    first = recorder.frames[0]
    assert (first.epoch, first.accuracy, first.state) == (-1, None, state)
    assert math.isnan(first.loss)
    assert first.gradient_sizes == {}  # never computed is not 0
    assert [f.epoch for f in recorder.frames] == [-1, 0, 3, 4]
    with pytest.raises(ValueError, match=r"epoch 4 is recorded.*new Recorder"):
        recorder.begin(model)


def test_epochs_count_on_when_the_model_is_trained_once_more() -> None:
    model, recorder = MLP(2, [1], seed=1), Recorder(every=2)
    trained(model, recorder, 4)
    trained(model, recorder, 3)
    assert [f.epoch for f in recorder.frames] == [0, 2, 4, 6]
    trained(model, recorder, 1)
    assert [f.epoch for f in recorder.frames] == [0, 2, 4, 6, 7]


def test_losses_without_classes_have_no_accuracy() -> None:
    recorder = Recorder()
    trained(MLP(2, [1], seed=1), recorder, 1, "squared_error")
    assert recorder.frames[0].accuracy is None


def test_layers_have_names() -> None:
    assert {k: len(v) for k, v in layers_of(MLP(2, [3, 2, 1])).items()} == {
        "layer 1": 9,
        "layer 2": 8,
        "layer 3": 3,
    }
    odd = Odd()
    groups = layers_of(odd)
    assert {k: len(v) for k, v in groups.items()} == {
        "scale": 1,
        "head": 3,
        "layer 1": 2,
        "layer 2": 2,
    }
    assert [id(p) for group in groups.values() for p in group] == [id(p) for p in odd.parameters()]


def test_parameters_that_no_gradient_has_reached_are_left_out() -> None:
    odd = Odd()
    assert set(map(len, gradients_of(odd).values())) == {0}
    (odd.scale * 3.0).backward()
    assert gradients_of(odd) == {"scale": [3.0], "head": [], "layer 1": [], "layer 2": []}
    odd.head.neurons[0].b.grad = 0.5  # set by hand, or by compiled code
    odd.zero_grad()
    assert gradients_of(odd)["scale"] == [0.0]  # computed, and 0 now


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([2.0], 2.0),
        ([-3.0, 3.0], 3.0),
        ([1e200, -1e200], 1e200),
        ([1e-200], 1e-200),
        ([0.0, 0.0], 0.0),
        ([math.inf, 1.0], math.inf),
    ],
)
def test_root_mean_square(numbers: list[float], expected: float) -> None:
    assert root_mean_square(numbers) == pytest.approx(expected, rel=1e-15, abs=0.0)


def test_root_mean_square_of_nan_is_nan() -> None:
    assert math.isnan(root_mean_square([1.0, math.nan]))


def test_a_function_is_no_model() -> None:
    recorder, w = Recorder(), Value(1.0)
    with pytest.raises(TypeError, match=r"function .* has no named_parameters\(\).*nn\.Module"):
        fit(
            lambda x: w * x[0], X, Y, loss="squared_error", optimizer=SGD([w], lr=0.1), epochs=1,
            callbacks=[recorder],
        )  # fmt: skip
    assert recorder.frames == []
    assert recorder.model is None


def test_a_class_is_no_model() -> None:
    class Half:
        def named_parameters(self) -> dict[str, Value]:
            return {}

    with pytest.raises(TypeError, match=r"has no state\(\)"):
        Recorder().begin(Half())


def test_one_recorder_for_one_model() -> None:
    recorder = Recorder()
    trained(MLP(2, [1], seed=1), recorder, 2)
    with pytest.raises(ValueError, match="2 frames of another model"):
        trained(MLP(2, [1], seed=1), recorder, 1)
    assert len(recorder.frames) == 2


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_every_is_a_whole_number(every: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="every must be"):
        Recorder(every)


def test_frames_share_their_names() -> None:
    recorder = Recorder()
    trained(MLP(2, [3, 1], seed=1), recorder, 2)
    first, second = recorder.frames
    assert [*map(id, first.state)] == [*map(id, second.state)]
    assert [*map(id, first.gradient_sizes)] == [*map(id, second.gradient_sizes)]
    assert all(sys.intern(name) is name for name in first.state)


def test_a_frame_cannot_be_changed() -> None:
    frame = Frame(0, 1.0, None, {}, {})
    with pytest.raises(AttributeError):
        frame.loss = 2.0  # type: ignore[misc]


def test_it_says_what_it_holds() -> None:
    recorder = Recorder(every=2)
    assert repr(recorder) == "Recorder(every=2): 0 frames"
    trained(MLP(2, [1], seed=1), recorder, 1)
    assert repr(recorder) == "Recorder(every=2): 1 frame, epochs 0 to 0"


def test_neurons_that_are_off_have_gradients_of_0() -> None:
    model = MLP(1, [2, 1], seed=0)
    for neuron, weight in zip(model.layers[0].neurons, (1.0, -1.0), strict=True):
        neuron.w[0].data = weight
    model([1.0]).backward()
    first, _ = gradients_of(model).values()
    assert len(first) == 4
    assert first[2:] == [0.0, 0.0]
    assert gradients_of(MLP(1, [2, 1], seed=0))["layer 1"] == []  # nothing was computed
