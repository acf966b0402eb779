"""layerwise_picture: every number is that of the view, every equation holds, all can be read."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from typing import Any

import pytest
from readable import SVG, assert_readable, parsed, text_of

from microgrunderscore import MLP, Value, losses
from microgrunderscore.activations import softmax
from microgrunderscore.layerwise import LayerwisePass
from microgrunderscore.pictures.layers import (
    MOST_LAYERS,
    MOST_ROWS,
    layerwise_picture,
    slopes_of,
)
from microgrunderscore.pictures.names import number_text


def view_of(
    nin: int = 2, nouts: Any = (3, 1), activation: Any = "tanh", output: Any = None, seed: int = 1
) -> LayerwisePass:
    model = MLP(nin, list(nouts), activation=activation, output=output, seed=seed)
    rng = random.Random(seed)
    for p in model.parameters():
        p.data = rng.uniform(-1.0, 1.0)
    x = [rng.uniform(-1.0, 1.0) for _ in range(nin)]
    return model.layerwise(x, lambda y: losses.squared_error(y, [0.5] * nouts[-1]))


def grids(svg: str) -> list[tuple[str, list[str]]]:
    """Each matrix on the page: its name with its size, and its numbers from left to right."""
    found = []
    for group in parsed(svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        assert title is not None
        assert title.text
        numbers = [
            text_of(t) for t in group.iter(f"{SVG}text") if "small-number" in t.get("class", "")
        ]
        found.append((title.text.split(": ")[0], numbers))
    return found


def texts(vector: Any) -> list[str]:
    return [number_text(x) for x in vector]


VIEWS = {
    "one neuron": view_of(1, [1]),
    "tanh": view_of(),
    "sigmoid": view_of(3, [2, 2], "sigmoid", "sigmoid"),
    "softmax": view_of(2, [4, 3], "relu", "softmax"),
    "softmax inside": view_of(2, [3, 3, 1], ["softmax", "gelu"]),
    "function": view_of(2, [3, 1], lambda v: v.tanh() * 2.0),
    "large": view_of(40, [9, 7, 3], "relu"),
    "deep": view_of(2, [2] * 20),
}
every_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())


# ---- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one neuron", "tanh", "sigmoid"])
def test_every_number_is_the_views(name: str) -> None:
    view = VIEWS[name]
    found = dict(grids(layerwise_picture(view).svg))
    subscript = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    for k, layer in enumerate(view.layers, 1):
        s, before = str(k).translate(subscript), str(k - 1).translate(subscript)
        m, n = len(layer.h), len(layer.h_in)
        assert found[f"a{s} ({m})"] == texts(layer.a)
        assert found[f"h{s} ({m})"] == texts(layer.h)
        assert found[f"h{before} ({n})"] == texts(layer.h_in)
        assert found[f"∇b{s} = δ{s} ({m})"] == texts(layer.delta) == texts(layer.grad_b)
        matrix = f"{m} × {n}" if n > 1 else f"{m}"
        assert found[f"W{s} ({matrix})"] == texts(itertools.chain(*layer.W))
        outer = found[f"∇W{s} = δ{s} h{before}ᵀ ({matrix})"]
        assert outer[:m] == texts(layer.delta)
        assert outer[m : m + n] == texts(layer.h_in)
        assert outer[m + n :] == texts(itertools.chain(*layer.grad_W))
        assert found[f"b{s} ({m})"] == texts(layer.b)
        assert found[f"∇h{s} ({m})"] == texts(layer.grad_h)
        if k < len(view.layers):
            assert layer.grad_h == view.layers[k].grad_h_in
    first = view.layers[0]
    inputs = f"1 × {len(first.h_in)}" if len(first.h_in) > 1 else "1"
    assert found[f"xᵀ = h₀ᵀ ({inputs})"] == texts(first.h_in)
    assert found[f"∇xᵀ = ∇h₀ᵀ ({inputs})"] == texts(first.grad_h_in)


def test_the_gradients_are_those_of_backward() -> None:
    model = MLP(2, [3, 1], activation="tanh", seed=4)
    x = [Value(0.3), Value(-0.8)]
    losses.squared_error(model(x), 0.5).backward()
    view = model.layerwise([0.3, -0.8], lambda y: losses.squared_error(y, 0.5))
    found = dict(grids(layerwise_picture(view).svg))
    assert found["∇xᵀ = ∇h₀ᵀ (1 × 2)"] == texts(v.grad for v in x)
    for s, size, layer in (("₁", 3, model.layers[0]), ("₂", 1, model.layers[1])):
        assert found[f"∇b{s} = δ{s} ({size})"] == texts(n.b.grad for n in layer.neurons)
        outer = next(numbers for name, numbers in found.items() if name.startswith(f"∇W{s} "))
        weights = [w.grad for n in layer.neurons for w in n.w]
        assert outer[-len(weights) :] == texts(weights)


def test_the_error_terms_are_the_product_that_is_shown() -> None:
    for name in ("tanh", "sigmoid", "large", "deep"):
        for layer in VIEWS[name].layers:
            slopes = slopes_of(layer)
            assert slopes is not None
            for d, g, slope in zip(layer.delta, layer.grad_h, slopes, strict=True):
                assert d == pytest.approx(g * slope, rel=1e-12)


def tanh(v: Any) -> Any:
    """A function of the caller's that has the name of an operation."""
    return v * 2.0


@pytest.mark.parametrize("g", [tanh, lambda v: v.tanh() * 2.0, "softmax"])
def test_slopes_are_left_out_where_they_are_not_known(g: Any) -> None:
    view = view_of(2, [3, 2], g)
    assert slopes_of(view.layers[0]) is None
    names = [name for name, _ in grids(layerwise_picture(view).svg)]
    assert not any("′" in name for name in names)


def test_softmax_has_its_own_equation() -> None:
    svg = layerwise_picture(VIEWS["softmax"]).svg
    shown = [text_of(t) for t in parsed(svg).iter(f"{SVG}text")]
    assert "h₂ ∘ (∇h₂ − h₂ᵀ∇h₂)" in shown
    assert "= softmax(a₂)" in shown
    layer = VIEWS["softmax"].layers[1]
    assert softmax(layer.a) == layer.h


def test_the_check_is_on_the_page() -> None:
    view = VIEWS["tanh"]
    shifted = [[b + 2.5e-7 for b in bs] for bs in view.graph_b]
    other = LayerwisePass(view.loss, view.layers, view.graph_W, shifted)
    says = "Largest difference between the equations and the scalar graph: "
    assert f"{says}2.5×10⁻⁷." in layerwise_picture(other).svg
    same = [layer.grad_W for layer in view.layers], [layer.grad_b for layer in view.layers]
    assert f"{says}0, the same" in layerwise_picture(LayerwisePass(1.0, view.layers, *same)).svg


# ---- the page ----------------------------------------------------------------------------------


@every_view
def test_it_can_be_read(view: LayerwisePass) -> None:
    assert_readable(layerwise_picture(view).svg)


def test_the_check_for_readable_bites() -> None:
    svg = layerwise_picture(VIEWS["tanh"]).svg
    with pytest.raises(AssertionError, match="cut off"):
        assert_readable(re.sub(r'viewBox="0 0 \S+', 'viewBox="0 0 300', svg))
    last = re.findall(r"<text .*?</text>", svg)[-1]
    with pytest.raises(AssertionError, match=" on "):
        assert_readable(svg.replace("</svg>", f"{last}</svg>"))


def test_large_matrices_say_what_is_left_out() -> None:
    svg = layerwise_picture(VIEWS["large"]).svg
    shown = MOST_ROWS - 1
    found = grids(svg)
    weights = next(numbers for name, numbers in found if name == "W₁ (9 × 40)")
    assert weights == texts(x for row in VIEWS["large"].layers[0].W[:shown] for x in row[:shown])
    said = [text_of(t) for t in parsed(svg).iter(f"{SVG}text")]
    assert "… 35 more" in said  # columns
    assert "… 4 more" in said  # rows


def test_deep_networks_say_what_is_left_out() -> None:
    svg = layerwise_picture(VIEWS["deep"]).svg
    said = [text_of(t) for t in parsed(svg).iter(f"{SVG}text")]
    layers = [int(t.split()[1]) for t in said if re.match(r"Layer \d+ ", t)]
    half = MOST_LAYERS // 2
    assert layers == [*range(1, half + 1), *range(21 - half, 21)]
    assert said.count(f"… {20 - MOST_LAYERS} more layers …") == 1


def test_colour_is_not_the_only_sign() -> None:
    said = [text_of(t) for t in parsed(layerwise_picture(VIEWS["tanh"]).svg).iter(f"{SVG}text")]
    assert said.count("forward ↓") == said.count("backward ↑") == 2


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_themes(theme: str) -> None:
    picture = layerwise_picture(VIEWS["tanh"], theme=theme)
    assert picture.theme == theme
    assert ("prefers-color-scheme" in picture.svg) == (theme == "auto")
    assert ("#0b5cad" in picture.svg) == (theme != "dark")
    assert ("#85bdff" in picture.svg) == (theme != "light")


@every_view
def test_the_same_view_gives_the_same_bytes(view: LayerwisePass) -> None:
    assert layerwise_picture(view).svg == layerwise_picture(view).svg


def test_the_text_is_the_table() -> None:
    view = VIEWS["tanh"]
    picture = layerwise_picture(view, title="</svg><script>alert(1)</script>\x00")
    assert str(picture) == str(view)
    assert "<script" not in picture.svg
    parsed(picture.svg)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e308, 5e-324])
def test_strange_numbers_are_drawn(bad: float) -> None:
    model = MLP(2, [2, 1], seed=0)
    with_bad = model.layerwise([1.0, 2.0], lambda y: y)
    with_bad.layers[0].W[0][0] = bad
    with_bad.layers[0].a[1] = bad
    svg = layerwise_picture(with_bad).svg
    assert_readable(svg)
    assert number_text(bad) in dict(grids(svg))["W₁ (2 × 2)"]


@pytest.mark.parametrize("nonsense", [None, 3.0, MLP(1, [1]), "view"])
def test_other_things_are_refused(nonsense: Any) -> None:
    with pytest.raises(TypeError, match=r"model\.layerwise"):
        layerwise_picture(nonsense)


def test_what_a_notebook_gets() -> None:
    bundle = layerwise_picture(VIEWS["tanh"])._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", "image/svg+xml"}
    json.dumps(bundle)
