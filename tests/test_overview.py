"""overview: the numbers are those of the model and the graph, and any network can be read."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readable import SVG, assert_readable, parsed, text_of
from test_neurons import Cell, LectureMLP, TwoHeads, Wired

from microgrunderscore import (
    MLP,
    SGD,
    Layer,
    Module,
    Neuron,
    Value,
    datasets,
    dot,
    fit,
    gc_paused,
    losses,
    mean,
)
from microgrunderscore.losses import cross_entropy, l2, squared_error
from microgrunderscore.pictures.batch import DEEPEST, WIDEST
from microgrunderscore.pictures.histogram import (
    Histogram,
    even_span,
    from_to,
    largest,
    quantile,
    root_mean_square,
    span,
)
from microgrunderscore.pictures.overview import Overview, overview
from microgrunderscore.samples import items

Loss = Callable[[Any, Any], Value]


def loss_of(model: Any, X: Sequence[Any], y: Sequence[Any], loss: Loss = squared_error) -> Value:
    with gc_paused():
        return mean([loss(model(x), d) for x, d in zip(X, y, strict=True)])


def samples(count: int, width: int, seed: int = 0) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(count)]


def moons() -> tuple[MLP, Value]:
    """The network of the design: 337 parameters, trained for a while, and its loss."""
    X, y = datasets.moons(100, 0.1, 0)
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    fit(model, X, y, loss="squared_error", optimizer=SGD(model, lr=0.1), epochs=5)
    return model, loss_of(model, X, y)


MOONS, MOONS_LOSS = moons()
PICTURE = overview(MOONS, MOONS_LOSS)


def groups(svg: str) -> list[tuple[str, Any]]:
    """The groups that have a title, with it."""
    found = [(g.find(f"{SVG}title"), g) for g in parsed(svg).iter(f"{SVG}g")]
    return [(t.text or "", g) for t, g in found if t is not None]


def lines(svg: str) -> Counter[str]:
    """How many lines there are of each class."""
    count: Counter[str] = Counter()
    for title, group in groups(svg):
        if re.match(r"layer \d+: (w|∂L/∂w) ", title):
            for path in group.iter(f"{SVG}path"):
                count[path.get("class", "")] += path.get("d", "").count("M")
    return count


def nodes_by_neuron(model: MLP, X: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Value]:
    """The outputs of every neuron, built by hand: [layer][neuron][sample], and the loss."""
    found: list[list[list[Value]]] = [[[] for _ in layer.neurons] for layer in model.layers]
    terms = []
    for x, d in zip(X, y, strict=True):
        for k, layer in enumerate(model.layers):
            x = layer(x)
            for j, h in enumerate(x if isinstance(x, list) else [x]):
                found[k][j].append(h)
        terms.append(squared_error(x, d))
    return found, mean(terms)


# ---- the numbers -------------------------------------------------------------------------------


def test_the_lines_are_the_weights() -> None:
    weights = [w.data for layer in MOONS.layers for n in layer.neurons for w in n.w]
    found = lines(PICTURE.svg)
    assert found["negative-line"] == sum(w < 0 for w in weights) > 100
    assert found["positive-line"] == sum(w >= 0 for w in weights) > 100
    assert found["gradient-line"] == len(weights) == PICTURE.numbers["lines"] == 304
    assert PICTURE.numbers["boxes"] == 2 + 16 + 16 + 1 + 1


def test_a_stronger_weight_has_a_thicker_line() -> None:
    model = MLP(3, [1], seed=0)
    for w, x in zip(model.layers[0].neurons[0].w, (0.1, -2.0, 1.0), strict=True):
        w.data = x
    model.layers[0].neurons[0].w[0].data = 0.1
    picture = overview(model, squared_error(model([3.0, 1.0, 0.5]), 1.0))
    for what, order in (("w ", [0.1, 1.0, -2.0]), ("∂L/∂w ", [0.5, 1.0, 3.0])):
        (group,) = (g for title, g in groups(picture.svg) if title.startswith(f"layer 1: {what}"))
        paths = list(group.iter(f"{SVG}path"))
        widths = [float(p.get("stroke-width", "")) for p in paths]
        strengths = [float(p.get("opacity", "")) for p in paths]
        assert widths == sorted(widths)
        assert strengths == sorted(strengths)
        assert len(set(widths)) == len(order) == 3
        starts = [float(re.findall(r",([\d.]+)C", p.get("d", ""))[0]) for p in paths]
        inputs = {0.1: 0, -2.0: 1, 1.0: 2} if what == "w " else {3.0: 0, 1.0: 1, 0.5: 2}
        assert [sorted(starts).index(y) for y in starts] == [inputs[x] for x in order]
    assert widths[-1] == pytest.approx(4.4)


def test_negative_weights_are_dashed_and_red() -> None:
    dashes = Counter(
        (path.get("class"), path.get("stroke-dasharray") is not None)
        for title, group in groups(PICTURE.svg)
        if re.match(r"layer \d+: w ", title)
        for path in group.iter(f"{SVG}path")
        if float(path.get("stroke-width", "")) > 1.2
    )
    assert set(dashes) == {("positive-line", False), ("negative-line", True)}


def test_histograms_hold_every_sample() -> None:
    for column in (PICTURE.numbers["inputs"], *PICTURE.numbers["layers"]):
        assert len(column["forward"]) == len(column["backward"]) == column["size"]
        for box in (*column["forward"], *column["backward"]):
            assert sum(box["counts"]) == 100


def test_histograms_and_statistics_are_those_of_the_model() -> None:
    numpy = pytest.importorskip("numpy")
    X, y = datasets.moons(100, 0.1, 0)
    found, loss = nodes_by_neuron(MOONS, X, y)
    for p in MOONS.parameters():
        p.grad = 0.0
    loss.backward()
    for column, layer in zip(found, PICTURE.numbers["layers"], strict=True):
        for forward, backward, outputs in zip(
            layer["forward"], layer["backward"], column, strict=True
        ):
            for box, numbers in (
                (forward, [h.data for h in outputs]),
                (backward, [h.grad for h in outputs]),
            ):
                ends = (box["from"], box["to"])
                counts, _ = numpy.histogram(numbers, bins=len(box["counts"]), range=ends)
                shift = sum(abs(a - b) for a, b in zip(counts, box["counts"], strict=True))
                assert shift <= 2  # a number at the border of two bins
                assert ends[0] <= min(numbers)
                assert max(numbers) <= ends[1]
    for layer, about in zip(MOONS.layers, PICTURE.numbers["layers"], strict=True):
        weights = [w for n in layer.neurons for w in n.w]
        sizes = [abs(w.grad) for w in weights]
        assert about["gradients"]["mean"] == pytest.approx(numpy.mean(sizes), rel=1e-12)
        assert about["gradients"]["largest"] == pytest.approx(max(sizes), rel=1e-12)
        assert about["parameters"] == len(layer.parameters())
        quantiles = {"least": 0, "5 %": 5, "median": 50, "95 %": 95, "largest": 100}
        for name, percent in quantiles.items():
            expected = numpy.percentile([w.data for w in weights], percent)
            assert about["weights"][name] == pytest.approx(expected, rel=1e-12)
    first = PICTURE.numbers["inputs"]["forward"][0]
    assert first["from"] == min(x[0] for x in X)
    assert first["to"] == max(x[0] for x in X)


def test_saturation_is_the_share_of_small_slopes() -> None:
    X = datasets.moons(100, 0.1, 0)[0]
    outputs = [MOONS.layers[0].predict(x) for x in X]
    second = [h for x in outputs for h in MOONS.layers[1].predict(x)]
    about = PICTURE.numbers["layers"]
    assert about[1]["flat"] == sum(1 - h * h < 0.05 for h in second) / len(second) > 0
    assert about[2]["flat"] is None
    assert about[0]["activation"] == "tanh"
    assert about[2]["shows"] == "output"


def test_relu_counts_zeros_and_dead_neurons() -> None:
    model = MLP(2, [4, 1], seed=2)
    model.layers[0].neurons[3].b.data = -100.0
    X = samples(50, 2)
    picture = overview(model, loss_of(model, X, [1.0] * 50))
    about = picture.numbers["layers"][0]
    zeros = [h == 0.0 for x in X for h in model.layers[0].predict(x)]
    assert about["flat"] == sum(zeros) / 200
    assert about["dead"] == 1
    assert "1 neuron dead" in picture.svg
    assert f"{round(100 * about['flat'])} % of activations are 0" in picture.svg


def test_gradients_are_counted_as_far_to_the_left_of_0_as_to_the_right() -> None:
    for column in (PICTURE.numbers["inputs"], *PICTURE.numbers["layers"]):
        for box in column["backward"]:
            assert box["from"] == -box["to"] < 0


def test_gradients_do_not_come_from_grad() -> None:
    kept = [p.grad for p in MOONS.parameters()]
    try:
        for i, p in enumerate(MOONS.parameters()):
            p.grad = i + 0.5
        assert overview(MOONS, MOONS_LOSS).svg == PICTURE.svg
        assert [p.grad for p in MOONS.parameters()] == [i + 0.5 for i in range(337)]
    finally:
        for p, grad in zip(MOONS.parameters(), kept, strict=True):
            p.grad = grad


def test_the_graph_is_counted() -> None:
    seen: dict[int, Value] = {}
    stack = [MOONS_LOSS]
    while stack:
        v = stack.pop()
        if id(v) not in seen:
            seen[id(v)] = v
            stack += v.parents
    assert PICTURE.numbers["nodes"] == len(seen)
    assert PICTURE.numbers["edges"] == sum(len(v.parents) for v in seen.values())
    assert f"{len(seen):,} scalar nodes and" in PICTURE.svg


def test_the_heads_say_what_is_there() -> None:
    said = {text_of(t) for t in parsed(PICTURE.svg).iter(f"{SVG}text")}
    assert {"MLP 2 → 16 → 16 → 1, 100 samples", "2 inputs", "loss", "L", "∂L/∂L"} <= said
    assert {"16 tanh neurons · 48 parameters", "16 tanh neurons · 272 parameters"} <= said
    assert "1 linear neuron · 17 parameters" in said
    assert PICTURE.numbers["samples"] == 100
    assert PICTURE.numbers["loss"] == MOONS_LOSS.data


def test_numbers_are_json() -> None:
    assert json.loads(json.dumps(PICTURE.numbers, allow_nan=False)) == PICTURE.numbers


# ---- models ------------------------------------------------------------------------------------


def test_the_networks_of_the_lectures_are_found() -> None:
    model = LectureMLP([3, 4, 4, 1])
    X, y = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0]], [1.0, -1.0, -1.0]
    picture = overview(model, sum((model(x) - d) ** 2 for x, d in zip(X, y, strict=True)))
    about = picture.numbers["layers"]
    assert [layer["size"] for layer in about] == [4, 4, 1]
    assert {layer["activation"] for layer in about} == {"tanh"}
    assert {layer["shows"] for layer in about} == {"activation"}
    assert picture.numbers["samples"] == 3
    assert lines(picture.svg)["gradient-line"] == 12 + 16 + 4
    twin = MLP(3, [4, 4, 1], activation="tanh", output="tanh")
    for p, q in zip(twin.parameters(), model.parameters(), strict=True):
        p.data = q.data
    theirs = overview(twin, sum((twin(x) - d) ** 2 for x, d in zip(X, y, strict=True)))
    for ours, other in zip(about, theirs.numbers["layers"], strict=True):
        assert ours["forward"] == other["forward"]
        assert ours["gradients"]["mean"] == pytest.approx(other["gradients"]["mean"], rel=1e-12)


class TwoFactors(Module):
    """`dot` in the other order, and the bias added afterwards."""

    def __init__(self) -> None:
        self.cells = [Cell(lambda w, b, x: (dot(x, w) + b).relu()) for _ in range(2)]

    def __call__(self, x: Any) -> Value:
        x = [Value(v) for v in [*x, 1.0]]
        return self.cells[0](x) + self.cells[1](x)


class Recurrent(Module):
    def __init__(self) -> None:
        self.cell = Layer(3, 2, activation="tanh", rng=random.Random(0))
        self.out = Layer(2, 1, False, rng=random.Random(1))

    def __call__(self, x: Any) -> Value:
        state = [Value(0.0), Value(0.0)]
        for v in x:
            state = self.cell([v, *state])
        return self.out(state)


class Skipping(Module):
    """The last layer sees the inputs besides."""

    def __init__(self) -> None:
        self.first = Layer(2, 2, activation="tanh", rng=random.Random(0))
        self.last = Layer(4, 1, False, rng=random.Random(1))

    def __call__(self, x: Any) -> Value:
        x = [Value(v) for v in x]
        return self.last([*self.first(x), *x])


XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("model", "sizes", "activations", "drawn", "samples"),
    [
        (Wired(), [2, 1], ["tanh", "sigmoid"], 6, 4),
        (TwoFactors(), [2], ["relu"], 6, 4),
        (Recurrent(), [2, 1], ["tanh", "identity"], 2, None),
        (Skipping(), [2, 1], ["tanh", "identity"], 4, None),
        (MLP(2, [3, 2, 1], activation=["softmax", "gelu"]), [3, 2, 1],
         ["softmax", "gelu", "identity"], 14, 4),
        ([Layer(2, 3, rng=random.Random(0))], [3], ["relu"], 6, 4),
        (Neuron(2, rng=random.Random(3)), [1], ["relu"], 2, 4),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_models_of_any_kind(
    model: Any, sizes: list[int], activations: list[str], drawn: int, samples: int | None
) -> None:
    call = model[0] if isinstance(model, list) else model
    outputs = [call(x) for x in XOR]
    loss = mean([squared_error(h, [0.5] * len(items(h))) for h in outputs])
    picture = overview(model, loss)
    about = picture.numbers["layers"]
    assert [layer["size"] for layer in about] == sizes
    assert [layer["activation"] for layer in about] == activations
    assert lines(picture.svg)["gradient-line"] == picture.numbers["lines"] == drawn
    assert picture.numbers["samples"] == samples
    assert ("fed from elsewhere too" in picture.svg) == (samples is None)
    loss.backward()
    layers = [layer["gradients"]["mean"] for layer in about]
    parameters = call.parameters()
    assert sum(layers) > 0
    assert max(layer["gradients"]["largest"] for layer in about) <= max(
        abs(p.grad) for p in parameters
    ) * (1 + 1e-12)
    assert_readable(picture.svg)


def test_softmax_shows_the_sums_before_it() -> None:
    model = MLP(2, [3, 3], activation="relu", output="softmax", seed=0)
    X = samples(20, 2)
    loss = loss_of(model, X, [i % 3 for i in range(20)], losses.cross_entropy_of_probabilities)
    picture = overview(model, loss)
    about = picture.numbers["layers"][1]
    assert (about["activation"], about["shows"], about["flat"]) == ("softmax", "w·x + b", None)
    sums = [model.layers[1].pre_activations(model.layers[0].predict(x))[2] for x in X]
    box = about["forward"][2]
    assert box["counts"] == list(Histogram.of(sums, box["from"], box["to"]).counts)
    assert "in the boxes: w·x + b, before the" in picture.svg


def test_an_activation_that_is_not_one_operation() -> None:
    model = MLP(2, [3, 1], activation=lambda v: v.tanh() * 2.0, seed=0)
    about = overview(model, loss_of(model, XOR, [0, 1, 1, 0])).numbers["layers"][0]
    assert about["shows"] == "w·x + b"
    assert about["flat"] is None


def test_a_penalty_on_the_weights_is_no_neuron() -> None:
    model = MLP(2, [1], seed=0)
    loss = loss_of(model, XOR, [0, 1, 1, 0]) + l2(model, 0.1)
    picture = overview(model, loss)
    assert picture.numbers["samples"] == 4
    loss.backward()
    (neuron,) = model.layers[0].neurons
    expected = max(abs(w.grad) for w in neuron.w)
    assert picture.numbers["layers"][0]["gradients"]["largest"] == pytest.approx(expected)


def test_outputs_that_the_loss_does_not_use() -> None:
    model = MLP(2, [3, 3], activation="tanh", seed=0)
    picture = overview(model, mean([model(x)[1] for x in XOR]))
    boxes = picture.numbers["layers"][1]["forward"]
    assert [sum(box["counts"]) for box in boxes] == [0, 4, 0]
    assert picture.svg.count("not used") == 4  # two boxes, forward and backward


def test_layers_that_the_loss_does_not_use() -> None:
    model = TwoHeads(used=0)
    picture = overview(model, sum(model([1.0, 2.0])))
    assert len(picture.numbers["layers"]) == 1
    said = " ".join(text_of(t) for t in parsed(picture.svg).iter(f"{SVG}text"))
    assert "Not in the graph of this loss: 1 layer of the model." in said
    assert "Not in the graph of this loss: 1 layer of the model." in str(picture)


# ---- large and deep ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nin", "nouts"),
    [
        (1, [1]),
        (2, [2, 1]),
        (3, [WIDEST, WIDEST, 2]),
        (40, [WIDEST + 1, 6, 30, 3]),
        (3, [5] * DEEPEST),
        (30, [30] * DEEPEST),
        (3, [4] * (DEEPEST + 1)),
        (3, [3] * 29 + [1]),
        (2, [2] * 60),
    ],
)
def test_networks_of_any_size_can_be_read(nin: int, nouts: list[int]) -> None:
    model = MLP(nin, nouts, activation="relu", seed=1)
    y = [[0.5] * nouts[-1]] * 3
    picture = overview(model, loss_of(model, samples(3, nin), y))
    width = float(parsed(picture.svg).get("width", ""))
    assert 700 < width <= 1600
    assert_readable(picture.svg)
    assert len(picture.svg) < 400_000
    numbers = picture.numbers
    assert [layer["size"] for layer in numbers["layers"]] == nouts
    is_deep = len(nouts) > DEEPEST
    for column in (numbers["inputs"], *numbers["layers"]):
        one = is_deep or column["size"] > WIDEST
        assert len(column["forward"]) == (1 if one else column["size"])
        total = sum(sum(box["counts"]) for box in column["forward"])
        assert total == 3 * column["size"]
    assert ("One box for" in picture.svg) == (is_deep or max(nin, *nouts) > WIDEST)


def test_a_line_for_many_weights_is_their_root_mean_square() -> None:
    model = MLP(2, [WIDEST + 1, 2], seed=0)
    picture = overview(model, loss_of(model, XOR, [[0, 1]] * 4))
    found = lines(picture.svg)
    assert found["bundle-line"] == 2 + 2 == picture.numbers["lines"]
    bundles = [[n.w[i].data for n in model.layers[0].neurons] for i in range(2)] + [
        [w.data for w in n.w] for n in model.layers[1].neurons
    ]
    thickest = max(math.sqrt(sum(w * w for w in ws) / len(ws)) for ws in bundles)
    assert f"many weights, thickest {float(f'{thickest:.2e}'):g}" in picture.svg


def test_few_are_not_said_to_be_none() -> None:
    model = MLP(1, [1, 1], activation="tanh", seed=0)
    model.load_state(dict.fromkeys(model.state(), 1.0))
    X = [[9.0], *([0.0] for _ in range(999))]
    assert "1 linear neuron" in (text := overview(model, loss_of(model, X, [0.0] * 1000)).text)
    assert ", 0.1 % of activations saturated" in text


def test_gradients_that_are_not_finite_have_no_largest() -> None:
    model = MLP(1, [2, 1], activation="tanh", seed=0)
    picture = overview(model, model([math.inf]))
    assert "mean |∂L/∂w| = nan, largest nan" in picture.text
    assert picture.numbers["layers"][0]["gradients"] == {"mean": None, "largest": None}


def test_a_deep_network_shows_how_gradients_vanish() -> None:
    model = MLP(2, [4] * 11 + [1], activation="sigmoid", initialise="xavier", seed=0)
    picture = overview(model, loss_of(model, XOR, [0, 1, 1, 0]))
    means = [layer["gradients"]["mean"] for layer in picture.numbers["layers"]]
    assert means[0] < 1e-4 * means[-1]
    dots = list(parsed(picture.svg).iter(f"{SVG}circle"))
    assert len(dots) == 12
    places = [float(c.get("cx", "")) for c in dots]
    order = sorted(range(12), key=means.__getitem__)
    assert [places[i] for i in order] == sorted(places)


def test_the_network_of_the_design_takes_less_than_a_second() -> None:
    start = time.perf_counter()
    overview(MOONS, MOONS_LOSS)
    assert time.perf_counter() - start < 1.0


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "loss", "error", "says"),
    [
        (MOONS, 0.5, TypeError, "not float 0.5"),
        (MOONS, [MOONS_LOSS], TypeError, "not list"),
        (MOONS, Value(0.5), ValueError, r"no history.*model\.predict"),
        (MLP(2, [1]), MOONS_LOSS, ValueError, "no neuron of MLP is in its graph"),
        (MLP, MOONS_LOSS, ValueError, "the class MLP holds none"),
        (None, MOONS_LOSS, ValueError, "NoneType holds none: objects with a list `w`"),
        (Module(), MOONS_LOSS, ValueError, r"Module holds none.*draw\(loss\)"),
    ],
)
def test_errors_say_the_way_out(model: Any, loss: Any, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        overview(model, loss)


@pytest.mark.parametrize("make", [lambda: MLP(2, [2, 1], seed=0), lambda: LectureMLP([2, 2, 1])])
@pytest.mark.parametrize("which", ["weight", "bias"])
def test_numbers_of_another_time_are_refused(make: Callable[[], Any], which: str) -> None:
    model = make()
    loss = loss_of(model, XOR, [0, 1, 1, 0])
    overview(model, loss)
    p = model.parameters()[0 if which == "weight" else 2]
    p.data += 0.5
    with pytest.raises(RuntimeError, match="was changed after"):
        overview(model, loss)


def test_arguments_are_those_of_a_picture() -> None:
    with pytest.raises(ValueError, match="theme"):
        overview(MOONS, MOONS_LOSS, theme="pink")
    with pytest.raises(ValueError, match="format"):
        overview(MOONS, MOONS_LOSS, format="gif")


# ---- nonsense, looks, bytes --------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, 5e-324, 0.0])
@pytest.mark.parametrize("where", ["weight", "input"])
@pytest.mark.parametrize("sizes", [[3, 1], [30, 2], [2] * 12])
def test_strange_numbers_are_drawn(bad: float, where: str, sizes: list[int]) -> None:
    model = MLP(2, sizes, activation="tanh", seed=0)
    X = [[0.5, bad if where == "input" else 1.0], [1.0, 1.0]]
    if where == "weight":
        model.parameters()[0].data = bad
    picture = overview(model, loss_of(model, X, [[0.0] * sizes[-1]] * 2))
    assert_readable(picture.svg)
    assert not re.search(r'="[^"]*(nan|inf)', picture.svg)
    json.dumps(picture.numbers, allow_nan=False)
    if math.isnan(bad):
        assert "nan or ∞" in picture.svg


def test_a_network_of_zeros() -> None:
    model = MLP(2, [3, 1], seed=0, initialise=lambda nin, nout, rng: 0.0)
    picture = overview(model, loss_of(model, XOR, [0, 0, 0, 0]))
    assert_readable(picture.svg)
    assert lines(picture.svg)["positive-line"] == 9


HOSTILE = '</svg><script>alert("1")</script>&amp;\x00\u202e' + "long " * 200


def test_hostile_texts_do_no_harm() -> None:
    model = MLP(2, [2, 1], seed=0)
    loss = loss_of(model, XOR, [0, 1, 1, 0])
    loss.label = HOSTILE
    strange = type(HOSTILE.replace("\x00", ""), (MLP,), {})(2, [2, 1], seed=0)
    for picture in (
        overview(model, loss, title=HOSTILE),
        overview(strange, loss_of(strange, XOR, [0, 1, 1, 0])),
    ):
        assert "<script" not in picture.svg
        assert_readable(picture.svg)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_themes(theme: str) -> None:
    picture = overview(MOONS, MOONS_LOSS, theme=theme)
    assert ("prefers-color-scheme" in picture.svg) == (theme == "auto")
    assert ("#c2334d" in picture.svg) == (theme != "dark")  # negative weights
    assert ("#ff8da1" in picture.svg) == (theme != "light")
    assert not re.search(r"#[0-9a-f]{6}", picture.svg.split("</style>")[1])


def test_readable() -> None:
    assert_readable(PICTURE.svg)


def test_the_picture_in_words() -> None:
    text = str(PICTURE)
    assert len(text.splitlines()) == 1 + 3
    assert text.startswith("L = ")
    assert "layer 2: 16 tanh neurons, 272 parameters" in text
    assert repr(PICTURE) == "<Overview: MLP 2 → 16 → 16 → 1, 100 samples>"
    assert isinstance(PICTURE, Overview)


CODE = """
import hashlib
from microgrunderscore import MLP, losses, mean
from microgrunderscore.pictures.overview import overview
for sizes in ([3, 1], [30, 2], [2] * 10):
    model = MLP(2, sizes, activation="tanh", seed=1)
    X = [[0.0, 1.0], [1.0, 0.5]]
    loss = mean([losses.squared_error(model(x), [0.5] * sizes[-1]) for x in X])
    print(hashlib.sha256(overview(model, loss).svg.encode()).hexdigest())
"""


def test_every_process_gives_the_same_bytes() -> None:
    outputs = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        outputs.add(done.stdout)
    (output,) = outputs
    assert len(set(output.split())) == 3
    assert overview(MOONS, MOONS_LOSS).svg == PICTURE.svg


# ---- histograms --------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.floats(), max_size=30), finite, finite, st.integers(1, 40))
def test_a_histogram_counts_everything_once(
    xs: list[float], low: float, high: float, bins: int
) -> None:
    low, high = sorted((low, high))
    if low == high:
        return
    histogram = Histogram.of(xs, low, high, bins)
    assert histogram.total == len(xs)
    assert histogram.strange == sum(not math.isfinite(x) for x in xs)
    assert len(histogram.counts) == bins
    below = [x for x in xs if math.isfinite(x) and x <= low]
    assert histogram.counts[0] >= len(below)


@given(st.lists(finite, min_size=1, max_size=30))
def test_spans_hold_the_numbers_and_zero(xs: list[float]) -> None:
    low, high = span(xs)
    assert low < high
    assert low <= min(*xs, 0.0)
    assert max(*xs, 0.0) <= high
    assert even_span(xs) == (-max(-low, high), max(-low, high))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_quantiles_are_numpys(xs: list[float], share: float) -> None:
    numpy = pytest.importorskip("numpy")
    expected = float(numpy.quantile(xs, share))
    assert quantile(sorted(xs), share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_sizes_of_numbers() -> None:
    assert root_mean_square([3.0, -4.0]) == pytest.approx(math.sqrt(12.5))
    assert root_mean_square([]) == 0.0
    assert largest([]) == 0.0
    assert largest([math.nan, -2.0]) == 2.0
    assert from_to([]) == "none"
    assert from_to([math.inf]) == "none (1 nan or ∞)"


def test_bars_are_as_high_as_their_counts() -> None:
    (group,) = (g for t, g in groups(PICTURE.svg) if t.startswith("layer 1, neuron 1. 100 × act"))
    (bars,) = (p for p in group.iter(f"{SVG}path") if p.get("class") == "value-area")
    heights = [float(h) for h in re.findall(r"v-([\d.]+)h", bars.get("d", ""))]
    counts = [n for n in PICTURE.numbers["layers"][0]["forward"][0]["counts"] if n]
    assert len(heights) == len(counts)
    tallest = max(heights)
    for height, n in zip(heights, counts, strict=True):
        assert height == pytest.approx(max(1.2, tallest * n / max(counts)), abs=0.06)


def test_classes_are_scored_too() -> None:
    model = MLP(2, [4, 3], activation="sigmoid", seed=0)
    picture = overview(model, loss_of(model, XOR, [0, 1, 2, 0], cross_entropy))
    box = picture.numbers["layers"][0]["forward"][0]
    assert (box["from"], box["to"]) == (0.0, 1.0)
