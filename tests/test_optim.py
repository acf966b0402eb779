"""Optimisers: their trajectories against loops written with plain floats, and their errors."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from microgrunderscore.engine import Value
from microgrunderscore.nn import MLP
from microgrunderscore.optim import (
    SGD,
    Adam,
    Optimizer,
    clip_gradients,
    constant,
    cosine,
    exponential,
    linear,
    step_decay,
)

START = [3.0, -2.0, 0.5]
SCALES = [1.0, 10.0, 0.1]


def slopes(xs: list[float]) -> list[float]:
    """The gradient of Σ ½ scale x² + sin x."""
    return [s * x + math.cos(x) for s, x in zip(SCALES, xs, strict=True)]


def trajectory(make: Any, steps: int = 50) -> list[list[float]]:
    """What an optimiser makes of the same function, through the engine."""
    parameters = [Value(x) for x in START]
    optimizer = make(parameters)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        total = sum(0.5 * s * x * x + x.sin() for s, x in zip(SCALES, parameters, strict=True))
        total.backward()
        optimizer.step()
        path.append([p.data for p in parameters])
    return path


def close(found: list[list[float]], expected: list[list[float]]) -> bool:
    return all(a == pytest.approx(b, rel=1e-9) for a, b in zip(found, expected, strict=True))


# ---- trajectories ------------------------------------------------------------------------------


def test_gradient_descent() -> None:
    xs, path = START, []
    for _ in range(50):
        xs = [x - 0.05 * g for x, g in zip(xs, slopes(xs), strict=True)]
        path.append(xs)
    assert close(trajectory(lambda ps: SGD(ps, lr=0.05)), path)


@pytest.mark.parametrize("dampening", [0.0, 0.9])
def test_momentum(dampening: float) -> None:
    xs, v, path = START, [0.0] * 3, []
    for _ in range(50):
        v = [0.9 * a + (1 - dampening) * g for a, g in zip(v, slopes(xs), strict=True)]
        xs = [x - 0.02 * a for x, a in zip(xs, v, strict=True)]
        path.append(xs)
    assert close(trajectory(lambda ps: SGD(ps, 0.02, momentum=0.9, dampening=dampening)), path)


def test_adam() -> None:
    xs, path = START, []
    m, v = [0.0] * 3, [0.0] * 3
    for t in range(1, 51):
        g = slopes(xs)
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        xs = [
            x - 0.1 * (a / (1 - 0.9**t)) / (math.sqrt(b / (1 - 0.999**t)) + 1e-8)
            for x, a, b in zip(xs, m, v, strict=True)
        ]
        path.append(xs)
    assert close(trajectory(lambda ps: Adam(ps, lr=0.1)), path)


def test_the_first_step_of_adam_is_the_learning_rate() -> None:
    for slope in (1e-3, 1.0, 1e6):
        w = Value(0.0)
        w.grad = slope
        Adam([w], lr=0.1).step()
        assert w.data == pytest.approx(-0.1, rel=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda ps: SGD(ps, 0.05), lambda t, ps: t.optim.SGD(ps, lr=0.05)),
        (lambda ps: SGD(ps, 0.02, 0.9), lambda t, ps: t.optim.SGD(ps, lr=0.02, momentum=0.9)),
        (lambda ps: Adam(ps, 0.1), lambda t, ps: t.optim.Adam(ps, lr=0.1)),
        (
            lambda ps: Adam(ps, 0.1, betas=(0.5, 0.8), eps=0.01),
            lambda t, ps: t.optim.Adam(ps, lr=0.1, betas=(0.5, 0.8), eps=0.01),
        ),
    ],
)
def test_trajectories_of_pytorch(ours: Any, theirs: Any) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    scales = torch.tensor(SCALES, dtype=torch.float64)
    optimizer, path = theirs(torch, [x]), []
    for _ in range(50):
        optimizer.zero_grad()
        (0.5 * scales * x * x + x.sin()).sum().backward()
        optimizer.step()
        path.append(x.tolist())
    assert close(trajectory(ours), path)


# ---- learning rates ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(0.3), [0.3] * 5),
        (linear(1.0, 0.0, 4), [1.0, 0.75, 0.5, 0.25, 0.0]),
        (linear(0.1, 0.5, 2), [0.1, 0.3, 0.5, 0.5, 0.5]),
        (cosine(2.0, 1.0, 2), [2.0, 1.5, 1.0, 1.0, 1.0]),
        (step_decay(1.0, 0.1, 2), [1.0, 1.0, 0.1, 0.1, 0.01]),
        (exponential(8.0, 0.5), [8.0, 4.0, 2.0, 1.0, 0.5]),
    ],
)
def test_schedules(schedule: Any, expected: list[float]) -> None:
    assert [schedule(k) for k in range(5)] == pytest.approx(expected)


def test_micrograds_learning_rate() -> None:
    schedule = linear(1.0, 0.1, 100)
    assert [schedule(k) for k in range(100)] == pytest.approx(
        [1.0 - 0.9 * k / 100 for k in range(100)]
    )


def test_a_schedule_is_a_learning_rate() -> None:
    w = Value(0.0)
    optimizer = SGD([w], lr=lambda step: [1.0, 0.5, 0.0][step])
    moves = []
    for _ in range(3):
        before = w.data
        w.grad = 1.0
        optimizer.step()
        moves.append(before - w.data)
    assert moves == [1.0, 0.5, 0.0]
    assert optimizer.steps == 3


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_a_schedule_that_goes_wrong(rate: float) -> None:
    w = Value(1.0)
    w.grad = 1.0
    with pytest.raises(ValueError, match="rate that the schedule gives at step 0 must be"):
        SGD([w], lr=lambda step: rate).step()
    assert w.data == 1.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: constant(0.0), lambda: linear(1.0, 0.1, 0), lambda: linear(-1.0, 0.1, 3),
        lambda: cosine(1.0, -0.1, 3), lambda: step_decay(1.0, 0.0, 3),
        lambda: exponential(math.inf, 0.5), lambda: step_decay(1.0, 0.5, -1),
    ],
)  # fmt: skip
def test_wrong_schedules(make: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        make()
    with pytest.raises(TypeError, match="whole number"):
        linear(1.0, 0.1, 2.5)


# ---- numbers that are not finite ---------------------------------------------------------------

MAKERS = [lambda ps: SGD(ps, 0.1), lambda ps: SGD(ps, 0.1, 0.9), lambda ps: Adam(ps, 0.1)]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(make: Any, bad: float) -> None:
    model = MLP(2, [2, 1], seed=1)
    optimizer = make(model)
    for p in model.parameters():
        p.grad = 1.0
    optimizer.step()
    before = model.state(), optimizer.steps, {k: repr(v) for k, v in vars(optimizer).items()}
    model.layers[0].neurons[1].w[1].grad = bad
    with pytest.raises(FloatingPointError, match=rf"gradient of layers.0.neurons.1.w.1 is {bad}"):
        optimizer.step()
    after = model.state(), optimizer.steps
    assert after == before[:2]
    buffers = {k: repr(v) for k, v in vars(optimizer).items() if k != "parameters"}
    assert all(before[2][k] == shown for k, shown in buffers.items())


@pytest.mark.parametrize("make", MAKERS)
def test_a_parameter_that_is_not_finite_changes_nothing(make: Any) -> None:
    ps = [Value(1.0, "first"), Value(math.nan, "second")]
    with pytest.raises(FloatingPointError, match="parameter second is nan; nothing was changed"):
        make(ps).step()
    assert ps[0].data == 1.0


def test_a_step_that_overflows_changes_nothing() -> None:
    ps = [Value(1.0), Value(-1.7e308)]
    for p in ps:
        p.grad = 1e308
    with pytest.raises(FloatingPointError, match=r"would make parameter parameters\[1\] -inf"):
        SGD(ps, 1.0).step()
    with pytest.raises(FloatingPointError, match="squared gradients"):
        Adam(ps, 1.0).step()
    assert [p.data for p in ps] == [1.0, -1.7e308]


def test_momentum_that_overflows_changes_nothing() -> None:
    w = Value(0.0)
    optimizer = SGD([w], 1e-300, momentum=0.99)
    w.grad = 1.5e308
    optimizer.step()
    before = w.data
    with pytest.raises(FloatingPointError):
        optimizer.step()
    assert w.data == before


# ---- parameters --------------------------------------------------------------------------------


def test_parameters_may_be_a_module_a_dict_or_a_list() -> None:
    model = MLP(2, [2, 1])
    for given in (model, model.named_parameters(), model.parameters(), iter(model.parameters())):
        assert SGD(given, 0.1).parameters == model.parameters()
    assert SGD(model, 0.1).names[0] == "layers.0.neurons.0.w.0"
    assert SGD([Value(1.0), Value(1.0, "slope")], 0.1).names == ["parameters[0]", "slope"]


def test_a_value_listed_twice_moves_once() -> None:
    w = Value(0.0)
    w.grad = 1.0
    SGD([w, w], lr=1.0).step()
    assert w.data == -1.0


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ([], ValueError, "no parameters"),
        (None, TypeError, "list of Values or a module, not None"),
        ({}, ValueError, "no parameters"),
        (Value(1.0), TypeError, "put it in a list"),
        ([1.0], TypeError, r"parameters\[0\] must be a Value, not float 1.0"),
        ([Value(1.0) * 2.0], ValueError, "computed from other Values"),
        ([[Value(1.0)]], TypeError, "not list"),
    ],
)
def test_wrong_parameters(given: Any, error: Any, match: str) -> None:
    for make in (SGD, Adam):
        with pytest.raises(error, match=match):
            make(given, 0.1)
    with pytest.raises(error, match=match):
        clip_gradients(given, 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0}, {"lr": -0.1}, {"lr": math.nan}, {"lr": math.inf}, {"lr": 0.1, "momentum": 1.0},
        {"lr": 0.1, "momentum": -0.1}, {"lr": 0.1, "momentum": 0.5, "dampening": 1.0},
        {"lr": 0.1, "dampening": 0.5}, {"lr": 0.1, "momentum": math.nan},
    ],
)  # fmt: skip
def test_wrong_settings_of_sgd(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=list(settings)[-1]):
        SGD([Value(1.0)], **settings)


@pytest.mark.parametrize(
    "settings",
    [{"lr": 0.0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"eps": 0.0}, {"betas": (0.9,)}],
)
def test_wrong_settings_of_adam(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=list(settings)[-1]):
        Adam([Value(1.0)], **settings)


def test_a_learning_rate_must_be_a_number() -> None:
    with pytest.raises(TypeError, match="real number"):
        SGD([Value(1.0)], lr="0.1")
    optimizer = SGD([Value(1.0)], lr=0.1)
    with pytest.raises(ValueError, match="lr"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.1


def test_the_base_class_takes_no_step() -> None:
    with pytest.raises(NotImplementedError, match="SGD and Adam"):
        Optimizer([Value(1.0)], 0.1).step()


def test_a_step_ticks_the_clock_of_the_engine() -> None:
    model = MLP(1, [1], seed=1)
    y = model([2.0])
    y.backward()
    SGD(model, 0.1).step()
    with pytest.raises(RuntimeError, match="was changed after the dot product"):
        y.backward()


# ---- clipping ----------------------------------------------------------------------------------


def test_clipping() -> None:
    ps = [Value(0.0), Value(0.0)]
    ps[0].grad, ps[1].grad = 3.0, -4.0
    assert clip_gradients(ps, 10.0) == 5.0
    assert [p.grad for p in ps] == [3.0, -4.0]
    assert clip_gradients(ps, 1.0) == 5.0
    assert [p.grad for p in ps] == pytest.approx([0.6, -0.8])


def test_clipping_of_large_and_of_no_gradients() -> None:
    ps = [Value(0.0), Value(0.0)]
    assert clip_gradients(ps, 1.0) == 0.0
    ps[0].grad = ps[1].grad = 1e200
    clip_gradients(ps, 1.0)
    assert [p.grad for p in ps] == pytest.approx([math.sqrt(0.5)] * 2)


def test_clipping_refuses_what_is_not_finite() -> None:
    ps = [Value(0.0, "a"), Value(0.0, "b")]
    ps[0].grad, ps[1].grad = 5.0, math.nan
    with pytest.raises(FloatingPointError, match="gradient of b is nan"):
        clip_gradients(ps, 1.0)
    assert ps[0].grad == 5.0
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="max_norm"):
            clip_gradients(ps, bad)


def test_clipping_keeps_the_direction() -> None:
    rng = random.Random(0)
    ps = [Value(0.0) for _ in range(20)]
    before = [rng.gauss(0, 1) for _ in ps]
    for p, g in zip(ps, before, strict=True):
        p.grad = g
    norm = clip_gradients(ps, 0.5)
    assert math.hypot(*(p.grad for p in ps)) == pytest.approx(0.5)
    assert [p.grad * norm / 0.5 for p in ps] == pytest.approx(before)
