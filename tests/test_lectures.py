"""What the five teaching texts derive by hand, asserted against their formulas.

The formulas are written out here with plain floats and lists, independently of the package.
Notation: layer k computes a_k = W_k h_{k-1} + b_k and h_k = g_k(a_k); δ_k = ∂E/∂a_k.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from microgrunderscore import datasets, ops
from microgrunderscore.engine import Value
from microgrunderscore.losses import (
    cross_entropy,
    cross_entropy_of_probabilities,
    l2,
    mean_squared_error,
    softmax,
    squared_error,
)
from microgrunderscore.nn import MLP, Layer
from microgrunderscore.optim import SGD
from microgrunderscore.training import fit, predict

Vector = list[float]
Matrix = list[list[float]]


def sigmoid(a: float) -> float:
    return 1.0 / (1.0 + math.exp(-a))


def shares(zs: Vector) -> Vector:
    es = [math.exp(z) for z in zs]
    return [e / sum(es) for e in es]


def times(W: Matrix, h: Vector) -> Vector:
    return [sum(w * x for w, x in zip(row, h, strict=True)) for row in W]


def transposed(W: Matrix) -> Matrix:
    return [list(column) for column in zip(*W, strict=True)]


def plus(a: Vector, b: Vector) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


def minus(a: Vector, b: Vector) -> Vector:
    return [x - y for x, y in zip(a, b, strict=True)]


def outer(d: Vector, h: Vector) -> Matrix:
    return [[x * y for y in h] for x in d]


def weights(layer: Layer) -> Matrix:
    return [[w.data for w in n.w] for n in layer.neurons]


def biases(layer: Layer) -> Vector:
    return [n.b.data for n in layer.neurons]


def weight_gradients(layer: Layer) -> Matrix:
    return [[w.grad for w in n.w] for n in layer.neurons]


def bias_gradients(layer: Layer) -> Vector:
    return [n.b.grad for n in layer.neurons]


def same(found: Any, expected: Any) -> bool:
    """Whether two numbers, vectors or matrices agree to ten digits."""
    if isinstance(expected, list):
        return all(same(f, e) for f, e in zip(found, expected, strict=True))
    return math.isclose(found, expected, rel_tol=1e-10, abs_tol=1e-13)


def slope_by_difference(f: Callable[[float], float], x: float, step: float = 1e-5) -> float:
    return (f(x + step) - f(x - step)) / (2 * step)


def network(sizes: list[int], activation: Any, output: Any, seed: int = 0) -> MLP:
    """A network with biases that are not 0."""
    model = MLP(sizes[0], sizes[1:], activation=activation, output=output, seed=seed)
    rng = random.Random(seed)
    for layer in model.layers:
        for n in layer.neurons:
            n.b.data = rng.uniform(-0.5, 0.5)
    return model


# ---- Pierret, Machine learning for image processing, course II ---------------------------------


def test_the_worked_example_log_xy() -> None:
    x, y = Value(2.0, "x"), Value(5.0, "y")
    v = x * y
    w = v.log()
    z = +w
    z.backward()
    assert z.data == math.log(10.0)
    assert (z.grad, w.grad) == (1.0, 1.0)  # ∂z/∂w = 1
    assert w.partials == (1 / 10.0,)  # ∂w/∂v = 1/v
    assert v.partials == (5.0, 2.0)  # ∂v/∂x = y, ∂v/∂y = x
    assert v.grad == 1.0 * 1 / 10.0
    assert x.grad == pytest.approx(1.0 * (1 / 10.0) * 5.0)
    assert x.grad == pytest.approx(1 / 2.0)
    assert y.grad == pytest.approx(1 / 5.0)


def forward_and_backward(
    Ws: list[Matrix], bs: list[Vector], gs: Any, slopes: Any, x: Vector, error: Any
) -> list[dict[str, Any]]:
    """The forward pass that stores a_k and h_k, the backward pass that yields the gradients."""
    stored, h = [], x
    for W, b, g in zip(Ws, bs, gs, strict=True):
        a = plus(times(W, h), b)
        stored.append({"h_in": h, "a": a, "h": [g(t) for t in a], "W": W})
        h = stored[-1]["h"]
    grad_h = error(h)
    for layer, slope in zip(reversed(stored), reversed(slopes), strict=True):
        delta = [d * slope(t) for d, t in zip(grad_h, layer["a"], strict=True)]
        grad_h = times(transposed(layer["W"]), delta)
        layer |= {"delta": delta, "grad_b": delta, "grad_W": outer(delta, layer["h_in"])}
        layer["grad_h_in"] = grad_h
    return stored


SIGMOID = (sigmoid, lambda a: sigmoid(a) * (1 - sigmoid(a)))
TANH = (math.tanh, lambda a: 1 - math.tanh(a) ** 2)
RELU = (lambda a: max(a, 0.0), lambda a: float(a > 0))
IDENTITY = (lambda a: a, lambda a: 1.0)
FUNCTIONS = {"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "identity": IDENTITY}


@pytest.mark.parametrize("hidden", FUNCTIONS)
@pytest.mark.parametrize("output", FUNCTIONS)
def test_bp1_to_bp4_layer_by_layer(hidden: str, output: str) -> None:
    """Asperti's BP1-BP4 and Pierret's forward and backward pass; scalar graph and layer view."""
    model = network([3, 4, 4, 2], hidden, output, seed=6)
    x, d = [0.5, -1.0, 2.0], [0.25, -0.75]
    gs, slopes = zip(*(FUNCTIONS[n] for n in (hidden, hidden, output)), strict=True)
    expected = forward_and_backward(
        [weights(layer) for layer in model.layers], [biases(layer) for layer in model.layers],
        gs, slopes, x, lambda h: minus(h, d),
    )  # fmt: skip
    view = model.layerwise(x, lambda y: squared_error(y, d))
    squared_error(model(x), d).backward()
    for found, wanted, layer in zip(view.layers, expected, model.layers, strict=True):
        for name, numbers in wanted.items():
            assert same(getattr(found, name), numbers), name
        assert same(weight_gradients(layer), wanted["grad_W"])
        assert same(bias_gradients(layer), wanted["grad_b"])


def full_gradient(model: MLP, X: Matrix, D: Matrix) -> Vector:
    """Σ∇ℓ over the samples by the equations, in the order of parameters()."""
    total = [0.0] * len(model.parameters())
    for x, d in zip(X, D, strict=True):
        layers = forward_and_backward(
            [weights(layer) for layer in model.layers], [biases(layer) for layer in model.layers],
            *zip(TANH, IDENTITY, strict=True), x, lambda h, d=d: minus(h, d),
        )  # fmt: skip
        flat = [
            g
            for layer in layers
            for row, b in zip(layer["grad_W"], layer["grad_b"], strict=True)
            for g in (*row, b)
        ]
        total = plus(total, flat)
    return total


X5 = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.0, 1.0], [-2.0, -0.5]]
D5 = [[0.5], [-1.0], [0.25], [0.0], [1.0]]


@pytest.mark.parametrize(
    ("momentum", "dampening"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.9)], ids=["plain", "torch", "beta"]
)
def test_the_training_loop_and_momentum(momentum: float, dampening: float) -> None:
    """W ← W − γg with g = Σ∇ℓ, or g ← βg + (1 − β)Σ∇ℓ, or g ← βg + Σ∇ℓ."""
    model, twin = network([2, 3, 1], "tanh", "identity"), network([2, 3, 1], "tanh", "identity")
    fit(
        model, X5, D5, loss="squared_error", epochs=8, batch_size=2, seed=4, reduction="sum",
        optimizer=SGD(model, 0.05, momentum=momentum, dampening=dampening),
    )  # fmt: skip
    rng, g = random.Random(4), [0.0] * len(twin.parameters())
    for _ in range(8):  # epochs
        order = list(range(5))
        rng.shuffle(order)
        for batch in (order[:2], order[2:4], order[4:]):
            slope = full_gradient(twin, [X5[i] for i in batch], [D5[i] for i in batch])
            share = 1.0 if dampening == 0.0 else 1.0 - momentum
            g = [momentum * old + share * new for old, new in zip(g, slope, strict=True)]
            for p, step in zip(twin.parameters(), g, strict=True):
                p.data -= 0.05 * step
    assert same([p.data for p in model.parameters()], [p.data for p in twin.parameters()])


def test_why_relu_rather_than_sign() -> None:
    """The slope of sign is 0 wherever it has one, so that nothing below it learns."""

    def sign(a: Value) -> Value:
        return Value(math.copysign(1.0, a.data))

    with_sign = network([2, 3, 1], sign, "identity", seed=2)
    with_relu = network([2, 3, 1], "relu", "identity", seed=2)
    for model in (with_sign, with_relu):
        squared_error(model([0.5, -1.0]), 1.0).backward()
    assert all(p.grad == 0.0 for p in with_sign.layers[0].parameters())
    assert any(p.grad != 0.0 for p in with_relu.layers[0].parameters())


def test_inputs_should_be_normalised() -> None:
    """One learning rate fits features of one scale; with another scale the same one diverges."""
    X, y = [[0.001 * i, 1000.0 * j] for i in (-1, 1) for j in (-1, 1)], [0.0, 0.5, 0.5, 1.0]
    standard = datasets.standardise(X)[0]
    line = MLP(2, [1], initialise=lambda m, n, rng: 0.0)
    history = fit(line, standard, y, loss="squared_error", optimizer=SGD(line, 0.5), epochs=60)
    assert history.loss[-1] < 1e-9
    line = MLP(2, [1], initialise=lambda m, n, rng: 0.0)
    with pytest.raises((FloatingPointError, OverflowError)):
        fit(line, X, y, loss="squared_error", optimizer=SGD(line, 0.5), epochs=60)


def test_memory_does_not_grow_with_the_batch() -> None:
    """Each sample's graph is dropped before the next one is built."""
    import tracemalloc

    def peak(count: int) -> int:
        model = MLP(4, [16, 1], seed=0)
        X, y = [[0.1 * i] * 4 for i in range(count)], [0.0] * count
        optimizer = SGD(model, 0.01)
        tracemalloc.start()
        try:
            fit(model, X, y, loss="squared_error", optimizer=optimizer, epochs=1)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(200) - peak(20) < 180 * 700  # the rows themselves; a graph has about 10 kB


# ---- ANN: Backpropagation (lecture slides) -----------------------------------------------------


def test_the_gradient_of_half_the_squared_distance() -> None:
    y, d = [0.3, -1.2, 2.0], [1.0, 0.5, 2.5]
    outputs = [Value(v) for v in y]
    loss = squared_error(outputs, d)
    loss.backward()
    assert loss.data == pytest.approx(0.5 * sum((a - b) ** 2 for a, b in zip(y, d, strict=True)))
    assert same([v.grad for v in outputs], minus(y, d))


@pytest.mark.parametrize("target", [0, 2, [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])
def test_the_gradients_of_cross_entropy(target: Any) -> None:
    """y − d after a softmax layer, softmax(y) − d with softmax included: the same numbers."""
    zs = [0.3, -1.2, 2.0]
    d = target if isinstance(target, list) else [float(i == target) for i in range(3)]
    after, included = [Value(z) for z in zs], [Value(z) for z in zs]
    ys = softmax(after)
    first = cross_entropy_of_probabilities(ys, target)
    second = cross_entropy(included, target)
    first.backward()
    second.backward()
    value = -sum(k * math.log(p) for k, p in zip(d, shares(zs), strict=True))
    assert same([first.data, second.data], [value, value])
    assert same([v.grad for v in after], minus([v.data for v in ys], d))
    assert same([v.grad for v in included], minus(shares(zs), d))


def test_a_softmax_layer_in_a_network() -> None:
    model = network([2, 3, 3], "tanh", "softmax")
    x, d = [0.5, -1.0], [0.0, 1.0, 0.0]
    view = model.layerwise(x, lambda y: cross_entropy_of_probabilities(y, d))
    assert same(view.layers[-1].delta, minus(model.predict(x), d))
    assert view.largest_difference < 1e-12


def sample_gradient(model: MLP, i: int) -> Vector:
    model.zero_grad()
    squared_error(model(X5[i]), D5[i]).backward()
    return [p.grad for p in model.parameters()]


def test_the_gradient_of_a_batch_is_the_sum_over_its_samples() -> None:
    model = network([2, 3, 1], "tanh", "identity")
    total = [0.0] * len(model.parameters())
    for i in range(5):
        total = plus(total, sample_gradient(model, i))
    model.zero_grad()
    for x, d in zip(X5, D5, strict=True):  # accumulated one after another
        squared_error(model(x), d).backward()
    assert same([p.grad for p in model.parameters()], total)
    model.zero_grad()
    ops.sum_of([squared_error(model(x), d) for x, d in zip(X5, D5, strict=True)]).backward()
    assert same([p.grad for p in model.parameters()], total)
    assert same(full_gradient(model, X5, D5), total)


def test_the_gradient_must_be_zeroed_between_steps() -> None:
    model = network([2, 3, 1], "tanh", "identity")
    once = sample_gradient(model, 0)
    squared_error(model(X5[0]), D5[0]).backward()
    assert same([p.grad for p in model.parameters()], [2 * g for g in once])
    assert same(sample_gradient(model, 0), once)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_the_expectation_of_the_noisy_gradient(size: int) -> None:
    """Over all subsets S of T of one size, the mean gradient is |S|/|T| times the full one."""
    model = network([2, 3, 1], "tanh", "identity")
    each = [sample_gradient(model, i) for i in range(5)]
    subsets = list(itertools.combinations(range(5), size))
    mean = [
        sum(sum(each[i][k] for i in subset) for subset in subsets) / len(subsets)
        for k in range(len(each[0]))
    ]
    full = full_gradient(model, X5, D5)
    assert same(mean, [size / 5 * g for g in full])


def test_full_batch_descent_and_stochastic_descent_both_learn() -> None:
    for batch_size in (None, 1):
        model = network([2, 3, 1], "tanh", "identity")
        history = fit(
            model, X5, D5, loss="squared_error", optimizer=SGD(model, 0.1), epochs=200,
            batch_size=batch_size,
        )  # fmt: skip
        assert history.loss[-1] < 0.1 * history.loss[0]


# ---- Asperti, Lesson 5 -------------------------------------------------------------------------


def test_the_chain_rule_and_the_multivariate_one() -> None:
    x = Value(0.7)
    x.sin().exp().backward()
    assert x.grad == pytest.approx(math.exp(math.sin(0.7)) * math.cos(0.7))
    t = Value(0.7)
    u, v = t * t, t.sin()
    (u * v).backward()  # dz/dt = ∂z/∂u du/dt + ∂z/∂v dv/dt
    assert t.grad == pytest.approx(math.sin(0.7) * 2 * 0.7 + 0.49 * math.cos(0.7))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [-3.0, -0.5, 0.25, 4.0])
def test_activations_and_their_derivatives(name: str, a: float) -> None:
    g, slope = FUNCTIONS[name]
    layer = Layer(1, 1, activation=name)
    layer.neurons[0].w[0].data = 1.0
    x = Value(a)
    h = layer([x])
    h.backward()
    assert h.data == pytest.approx(g(a))
    assert x.grad == pytest.approx(slope(a))


EYE = [[float(i == j) for j in range(8)] for i in range(8)]


def rounded(rows: Matrix) -> list[tuple[int, ...]]:
    return [tuple(round(v) for v in row) for row in rows]


def test_the_8_3_8_autoencoder_becomes_the_identity() -> None:
    model = MLP(8, [3, 8], activation="sigmoid", output="sigmoid", initialise="glorot", seed=0)
    assert len(model.parameters()) == 59
    fit(
        model, EYE, EYE, loss="squared_error", optimizer=SGD(model, lr=4.0), epochs=700,
        batch_size=1,
    )  # fmt: skip
    outputs = predict(model, EYE)
    assert rounded(outputs) == rounded(EYE)
    assert min(outputs[i][i] for i in range(8)) > 0.8
    codes = rounded(predict(model.layers[0], EYE))
    assert len(set(codes)) == 8
    assert {len(code) for code in codes} == {3}


def test_online_training_is_w_plus_mu_a_delta() -> None:
    """With Asperti's δ = −∂E/∂a: w_{jk} ← w_{jk} + μ a_k δ_j, one sample at a time."""
    mu = 2.0
    model = network([8, 3, 8], "sigmoid", "sigmoid", seed=1)
    Ws = [weights(layer) for layer in model.layers]
    bs = [biases(layer) for layer in model.layers]
    fit(
        model, EYE, EYE, loss="squared_error", optimizer=SGD(model, mu), epochs=2, batch_size=1,
        shuffle=False,
    )  # fmt: skip
    for x in EYE * 2:
        h = [sigmoid(a) for a in plus(times(Ws[0], x), bs[0])]
        y = [sigmoid(a) for a in plus(times(Ws[1], h), bs[1])]
        delta_y = [(t - v) * v * (1 - v) for t, v in zip(x, y, strict=True)]
        back = times(transposed(Ws[1]), delta_y)
        delta_h = [d * v * (1 - v) for d, v in zip(back, h, strict=True)]
        for W, b, a, delta in ((Ws[1], bs[1], h, delta_y), (Ws[0], bs[0], x, delta_h)):
            for j, d in enumerate(delta):
                W[j] = [w + mu * v * d for w, v in zip(W[j], a, strict=True)]
                b[j] += mu * d
    assert same([weights(layer) for layer in model.layers], Ws)
    assert same([biases(layer) for layer in model.layers], bs)


def test_learning_is_slow_when_the_input_is_low_or_the_unit_saturated() -> None:
    def speed(x: float, w: float) -> float:
        layer = Layer(1, 1, activation="sigmoid")
        layer.neurons[0].w[0].data = w
        squared_error(layer([x]), 0.0).backward()
        return abs(layer.neurons[0].w[0].grad)

    assert speed(0.001, 1.0) < 0.01 * speed(1.0, 1.0)  # ∂E/∂w = δ · input
    assert speed(1.0, 12.0) < 0.01 * speed(1.0, 1.0)  # σ'(12) ≈ 6e-6


def test_the_slope_of_sigmoid_is_at_most_a_quarter() -> None:
    slopes = []
    for i in range(-400, 401):
        a = Value(i / 20)
        a.sigmoid().backward()
        slopes.append(a.grad)
    assert max(slopes) == slopes[400] == 0.25


@pytest.mark.parametrize("depth", [1, 5, 10, 20])
def test_gradients_vanish_over_sigmoid_layers_and_not_over_relu(depth: int) -> None:
    def first_slope(activation: str) -> float:
        model = MLP(1, [1] * depth, activation=activation, output=activation)
        for p in model.parameters():
            p.data = 0.0
        for layer in model.layers:
            layer.neurons[0].w[0].data = 1.0
        x = Value(0.5)
        model([x]).backward()
        return x.grad

    assert 0.0 < first_slope("sigmoid") <= 0.25**depth
    assert first_slope("relu") == 1.0


# ---- Frey, AI Essentials: Backpropagation ------------------------------------------------------


@pytest.mark.parametrize(("batch_size", "updates"), [(1, 24), (8, 3), (10, 3), (None, 1)])
def test_online_mini_batch_and_batch_training(batch_size: int | None, updates: int) -> None:
    w = Value(0.0)
    history = fit(
        lambda x: w * x, [0.1] * 24, [1.0] * 24, loss="squared_error", optimizer=SGD([w], 0.1),
        epochs=2, batch_size=batch_size,
    )  # fmt: skip
    assert [epoch.updates for epoch in history.epochs] == [updates, updates]
    assert history.updates == 2 * updates


def test_sixty_thousand_samples_in_batches_of_a_thousand() -> None:
    w = Value(0.0)
    history = fit(
        lambda x: w, [0.0] * 60_000, [0.0] * 60_000, loss=lambda y, d: y, epochs=1,
        optimizer=SGD([w], 0.1), batch_size=1000,
    )  # fmt: skip
    assert history.updates == 60


def test_the_error_over_a_batch() -> None:
    """E = 1/(2m) Σ (y − ŷ)², as a loss and as what fit descends on."""
    predictions, targets = [0.5, -1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]
    values = [Value(p) for p in predictions]
    E = mean_squared_error(values, targets)
    E.backward()
    assert E.data == pytest.approx(sum(d * d for d in minus(targets, predictions)) / (2 * 4))
    assert same([v.grad for v in values], [d / 4 for d in minus(predictions, targets)])
    model = network([2, 3, 1], "tanh", "identity")
    mean_squared_error([model(x) for x in X5], D5).backward()
    wanted = [p.data - 0.1 * p.grad for p in model.parameters()]
    fit(model, X5, D5, loss="squared_error", optimizer=SGD(model, 0.1), epochs=1)
    assert same([p.data for p in model.parameters()], wanted)


def test_the_delta_rule() -> None:
    """One linear unit: Δw = η (y − ŷ) x."""
    unit = MLP(2, [1], seed=1)
    (w0, w1, b), x, y = [p.data for p in unit.parameters()], [0.5, -2.0], 1.5
    error = y - (w0 * x[0] + w1 * x[1] + b)
    fit(unit, [x], [y], loss="squared_error", optimizer=SGD(unit, 0.1), epochs=1)
    wanted = [w0 + 0.1 * error * x[0], w1 + 0.1 * error * x[1], b + 0.1 * error]
    assert same([p.data for p in unit.parameters()], wanted)


def test_the_learning_rules_of_a_two_layer_network() -> None:
    """Weights v (input → hidden) and w (hidden → output), sigmoid units, error terms of both."""
    eta, x, t = 0.5, [0.5, -1.0], [1.0, 0.0]
    model = network([2, 3, 2], "sigmoid", "sigmoid", seed=3)
    v, w = weights(model.layers[0]), weights(model.layers[1])
    c, b = biases(model.layers[0]), biases(model.layers[1])
    h = [sigmoid(a) for a in plus(times(v, x), c)]
    y = [sigmoid(a) for a in plus(times(w, h), b)]
    output_terms = [(y[k] - t[k]) * y[k] * (1 - y[k]) for k in range(2)]
    hidden_terms = [
        sum(output_terms[k] * w[k][j] for k in range(2)) * h[j] * (1 - h[j]) for j in range(3)
    ]
    new_w = [[w[k][j] - eta * output_terms[k] * h[j] for j in range(3)] for k in range(2)]
    new_v = [[v[j][i] - eta * hidden_terms[j] * x[i] for i in range(2)] for j in range(3)]
    fit(model, [x], [t], loss="squared_error", optimizer=SGD(model, eta), epochs=1)
    assert same(weights(model.layers[1]), new_w)
    assert same(weights(model.layers[0]), new_v)


# ---- Backpropagation in Neural Networks (handout) ----------------------------------------------


def test_a_bias_is_the_weight_of_an_extra_input_1() -> None:
    """W̃ = [b W] on (1, x) gives the same output, and the same gradients."""
    plain = network([3, 4], "relu", "tanh", seed=4)
    augmented = MLP(4, [4], output="tanh", seed=0)
    for ours, theirs in zip(augmented.layers[0].neurons, plain.layers[0].neurons, strict=True):
        for w, x in zip(ours.w, [theirs.b, *theirs.w], strict=True):
            w.data = x.data
    x, d = [0.5, -1.0, 2.0], [1.0, 0.0, -1.0, 0.5]
    first, second = squared_error(plain(x), d), squared_error(augmented([1.0, *x]), d)
    assert first.data == pytest.approx(second.data, rel=1e-12)
    first.backward()
    second.backward()
    grads = [[n.b.grad, *(w.grad for w in n.w)] for n in plain.layers[0].neurons]
    assert same(weight_gradients(augmented.layers[0]), grads)


def handout_network() -> tuple[MLP, Matrix, list[int]]:
    """Input D = 3, hidden H = 4 with ReLU, C = 3 classes with identity output."""
    X = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [-0.75, 2.0, 0.1]]
    return network([3, 4, 3], "relu", "identity", seed=5), X, [2, 0, 1]


def test_cross_entropy_with_l2_and_the_deltas_of_both_layers() -> None:
    strength = 0.1
    model, X, labels = handout_network()
    V, W = (weights(layer) for layer in model.layers)
    c, b = (biases(layer) for layer in model.layers)
    J, grad_V, grad_W = 0.0, [[strength * w for w in r] for r in V], [
        [strength * w for w in r] for r in W
    ]  # fmt: skip
    grad_b, grad_c = [0.0] * 3, [0.0] * 4
    for x, label in zip(X, labels, strict=True):
        a = plus(times(V, x), c)
        h = [max(t, 0.0) for t in a]
        p = shares(plus(times(W, h), b))
        J -= math.log(p[label])
        delta = minus(p, [float(i == label) for i in range(3)])  # Δ of the output layer
        hidden = [
            d * float(t > 0) for d, t in zip(times(transposed(W), delta), a, strict=True)
        ]  # Δ of the hidden layer
        grad_W = [plus(r, s) for r, s in zip(grad_W, outer(delta, h), strict=True)]
        grad_V = [plus(r, s) for r, s in zip(grad_V, outer(hidden, x), strict=True)]
        grad_b, grad_c = plus(grad_b, delta), plus(grad_c, hidden)
    J += 0.5 * strength * sum(w * w for row in (*V, *W) for w in row)

    total = ops.sum_of([cross_entropy(model(x), k) for x, k in zip(X, labels, strict=True)])
    loss = total + l2(model, strength)
    loss.backward()
    assert loss.data == pytest.approx(J)
    assert same(weight_gradients(model.layers[0]), grad_V)
    assert same(weight_gradients(model.layers[1]), grad_W)
    assert same(bias_gradients(model.layers[0]), grad_c)  # biases are not shrunk
    assert same(bias_gradients(model.layers[1]), grad_b)


def test_the_slip_in_the_handout_is_found_by_a_numeric_difference() -> None:
    """∂J/∂Z_j is softmax(Z)_j − y_j; the handout has Z_j − y_j."""
    Z, label = [0.7, -0.4, 1.9], 1
    y = [0.0, 1.0, 0.0]

    def J(j: int, z: float) -> float:
        return -math.log(shares([*Z[:j], z, *Z[j + 1 :]])[label])

    numeric = [slope_by_difference(lambda z, j=j: J(j, z), Z[j]) for j in range(3)]
    scores = [Value(z) for z in Z]
    cross_entropy(scores, label).backward()
    assert [v.grad for v in scores] == pytest.approx(numeric, abs=1e-8)
    assert minus(shares(Z), y) == pytest.approx(numeric, abs=1e-8)
    slip = minus(Z, y)
    assert max(abs(s - n) for s, n in zip(slip, numeric, strict=True)) > 0.5


def test_the_prediction_of_the_handout_network() -> None:
    model, X, _ = handout_network()
    for x in X:
        p = softmax(model.predict(x))
        assert sum(p) == pytest.approx(1.0)
        assert max(range(3), key=p.__getitem__) == max(range(3), key=model.predict(x).__getitem__)
