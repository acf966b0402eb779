"""What hidden neurons say about each pattern, and the code that this rounds to."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from readable import SVG, assert_readable, parsed
from test_boundary import HOSTILE, Axes, contrast, with_class

from microgrunderscore import MLP, SGD, datasets, fit
from microgrunderscore.charts import hidden_code
from microgrunderscore.charts.pixels import rgb
from microgrunderscore.pictures.palette import DARK, LIGHT


def set_to(model: MLP, *biases: float) -> MLP:
    """A model whose first layer says g(bias), whatever it is given."""
    for neuron, bias in zip(model.layers[0].neurons, biases, strict=True):
        neuron.b.data = bias
        for w in neuron.w:
            w.data = 0.0
    return model


def network(activation: str, hidden: int = 2) -> MLP:
    return MLP(3, [hidden, 3], activation=activation, seed=0)


X3 = datasets.one_hot(3)[0]


def test_the_numbers_are_those_of_the_hidden_layer() -> None:
    model = network("sigmoid")
    chart = hidden_code(model, X3)
    assert chart.numbers["names"] == ["100", "010", "001"]
    assert chart.numbers["hidden"] == [model.layers[0].predict(x) for x in X3]
    assert chart.numbers["codes"] == [
        "".join(str(int(h > 0.5)) for h in model.layers[0].predict(x)) for x in X3
    ]
    assert chart.numbers["distinct"] == len(set(chart.numbers["codes"]))
    json.dumps(chart.numbers, allow_nan=False)


@pytest.mark.parametrize(
    ("activation", "biases", "code", "level"),
    [
        ("sigmoid", (0.0, 0.01), "01", 0.5),
        ("tanh", (-0.01, 0.01), "01", 0.0),
        ("relu", (-5.0, 0.01), "01", 0.0),
        ("identity", (-5.0, 300.0), "01", 0.0),
        ("softmax", (0.0, 0.01), "01", 0.5),
    ],
)
def test_rounding(activation: str, biases: Sequence[float], code: str, level: float) -> None:
    if activation == "softmax":
        model = MLP(3, [2, 3], activation=["softmax", "identity"], seed=0)
    else:
        model = network(activation)
    chart = hidden_code(set_to(model, *biases), X3)
    assert chart.numbers["codes"] == [code] * 3
    assert chart.numbers["level"] == level
    assert f"{code} stands for 100, 010, 001." in chart.text
    assert "1 distinct code for 3 patterns." in chart.text


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_every_number_can_be_read_on_its_shade(activation: str, colours: dict[str, str]) -> None:
    model = network(activation, 32)
    set_to(model, *[(i - 16) / 3 for i in range(32)])
    root = parsed(hidden_code(model, X3[:1]).svg)
    shades = with_class(root, "value-area")
    numbers = [t for t in with_class(root, "number") if "middle" in str(t.get("class"))]
    assert len(shades) == len(numbers) == 32
    strengths = []
    for shade, number in zip(shades, numbers, strict=True):
        share = float(str(shade.get("fill-opacity")))
        strengths.append(share)
        card, value = rgb(colours["card"]), rgb(colours["value"])
        below = [a + (b - a) * share for a, b in zip(card, value, strict=True)]
        ink = colours["card" if "inverse" in str(number.get("class")) else "ink"]
        assert contrast(rgb(ink), below) >= 4.5, share
    assert all(a <= b for a, b in pairwise(strengths))  # the larger, the deeper
    assert not any(0.43 < share < 0.85 for share in strengths)  # one sees how it is rounded


def test_a_trained_autoencoder_has_eight_codes() -> None:
    X, y = datasets.one_hot(8)
    model = MLP(8, [3, 8], activation="sigmoid", output="sigmoid", initialise="glorot", seed=0)
    fit(model, X, y, loss="squared_error", optimizer=SGD(model, lr=4.0), epochs=250, batch_size=1)
    chart = hidden_code(model, X, sort=True)
    assert "All 8 codes are distinct." in chart.text
    assert chart.numbers["codes"] == [f"{i:03b}" for i in range(8)]
    assert sorted(chart.numbers["names"], reverse=True) == [
        "".join(str(int(x)) for x in row) for row in X
    ]


def test_twins_are_marked_with_the_same_letter() -> None:
    root = parsed(hidden_code(set_to(network("sigmoid"), 1.0, -1.0), X3).svg)
    marks = ["".join(e.itertext()) for e in with_class(root, "negative")]
    assert marks == ["a", "a", "a"]


def test_different_codes_never_have_the_same_letter() -> None:
    X = [[float(k >> i & 1) for i in range(5)] for k in range(32)] * 2
    model = MLP(5, [5, 1], activation="tanh", seed=0)
    model.load_state(
        {
            name: float(re.fullmatch(r"layers\.0\.neurons\.(\d)\.w\.\1", name) is not None)
            for name in model.state()
        }
    )
    chart = hidden_code(model, X)
    assert chart.numbers["distinct"] == 32
    marks = ["".join(e.itertext()) for e in with_class(parsed(chart.svg), "negative")]
    assert marks[:32] == marks[32:]
    assert len(set(marks)) == 32


def test_the_picture_shows_every_number_once() -> None:
    chart = hidden_code(network("tanh"), X3)
    root = parsed(chart.svg)
    shown = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    for row in chart.numbers["hidden"]:
        for h in row:
            assert f"{h:.2f}".replace("-", "−") in shown
    for code in chart.numbers["codes"]:
        assert any(text.endswith(code) and text.startswith("≈") for text in shown)


@pytest.mark.parametrize(
    ("x", "said"), [(0.005, "0.01"), (-0.001, "0.00"), (-12.345, "−12.35"), (5e5, "5.00e5")]
)
def test_numbers_keep_their_width(x: float, said: str) -> None:
    chart = hidden_code(set_to(network("identity"), x, 0.0), X3)
    assert f"100: {said} 0.00 ≈" in chart.text
    assert_readable(chart.svg)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize(
    ("names", "title"),
    [(None, None), (HOSTILE[:3], HOSTILE[0]), (HOSTILE[3:6], HOSTILE[4]), (HOSTILE[4:], "汉" * 99)],
)
def test_hostile_names_are_harmless(names: Any, title: Any, theme: str) -> None:
    chart = hidden_code(network("relu"), X3, names=names, title=title, theme=theme)
    assert_readable(chart.svg)
    assert chart.svg == hidden_code(network("relu"), X3, names=names, title=title, theme=theme).svg
    tags = {e.tag.split("}")[1] for e in parsed(chart.svg).iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "tspan"}


def test_patterns_that_are_no_bits_have_numbers() -> None:
    chart = hidden_code(network("tanh"), [[0.5, 1, 2], [1, 0, 0]])
    assert chart.numbers["names"] == ["pattern 0", "pattern 1"]
    lone = MLP(1, [2, 1], activation="tanh", seed=0)
    assert hidden_code(lone, [0.5]).numbers["names"] == ["pattern 0"]
    assert "There is one code." in hidden_code(lone, [0.5]).text


def test_a_deeper_layer() -> None:
    model = MLP(3, [4, 2, 3], activation="tanh", seed=0)
    chart = hidden_code(model, X3, layer=1)
    inner = [model.layers[1].predict(model.layers[0].predict(x)) for x in X3]
    assert chart.numbers["hidden"] == inner
    assert chart.title == "The code in layer 2"


def test_plot_draws_the_same() -> None:
    axes = Axes()
    chart = hidden_code(network("sigmoid"), X3, names=["$a", "b", "c"])
    chart.plot(axes)
    ((image,), _) = axes.named("imshow")[0]
    assert (len(image), len(image[0]), len(image[0][0])) == (3, 2, 4)
    assert len(axes.named("text")) == 3 * 2 + 3
    assert axes.named("set_yticklabels") == [(([r"\$a", "b", "c"],), {})]


@pytest.mark.parametrize(
    ("model", "X", "options", "error", "said"),
    [
        (len, X3, {}, TypeError, "hidden_code looks into the layers"),
        (network("tanh"), [], {}, ValueError, "X is empty"),
        (network("tanh"), X3 * 22, {}, ValueError, "at most 64 patterns, got 66"),
        (network("tanh", 33), X3, {}, ValueError, "at most 32 neurons, got 33"),
        (network("tanh"), X3, {"layer": 2}, ValueError, "layer must be below 2"),
        (network("tanh"), X3, {"layer": -1}, ValueError, "layer must be at least 0"),
        (network("tanh"), X3, {"names": ["a"]}, ValueError, "names needs 3 of them"),
        (network("tanh"), X3, {"names": "abc"}, ValueError, "names needs 3 of them"),
        (set_to(network("identity"), float("inf"), 0.0), X3, {}, ValueError, "only finite"),
        (network("tanh"), [[1.0, 2.0]], {}, ValueError, "expected 3 inputs, got 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    model: Any, X: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        hidden_code(model, X, **options)
