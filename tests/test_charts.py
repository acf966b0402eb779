"""Charts show the right numbers in the right places, and nothing overlaps or is cut off."""

import functools
import hashlib
import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readable import SVG, assert_readable, parsed, texts_of

from microgrunderscore import datasets, losses
from microgrunderscore.charts import (
    Chart,
    Frame,
    Recorder,
    accuracy_curve,
    activation_histograms,
    gradient_ridges,
    gradient_sizes,
    loss_curve,
    u_curve,
)
from microgrunderscore.differences import GradcheckReport, gradcheck
from microgrunderscore.engine import Value
from microgrunderscore.history import Epoch, History
from microgrunderscore.nn import MLP, Module
from microgrunderscore.ops import mean
from microgrunderscore.optim import SGD
from microgrunderscore.pictures.axes import (
    SERIES,
    TICK,
    Axes,
    Linear,
    Log,
    clear,
    evenly,
    is_wide,
    left_margin,
    limits,
    runs,
    shortened,
    spread,
    thinned,
    tick_texts,
    ticks,
    ticks_of,
    wrapped,
)
from microgrunderscore.pictures.overview import overview
from microgrunderscore.pictures.palette import LIGHT, STYLES
from microgrunderscore.pictures.svg import Svg, size_of
from microgrunderscore.training import fit

NAN, INF = math.nan, math.inf
LARGEST = sys.float_info.max
floats = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=5e-324, allow_infinity=False)
HOSTILE = [
    "<script>alert(1)</script>", "$\\frac$", "_hidden", "a\x00b\u202ec\n\nd", "]]>&amp;\"'",
    "層" * 40, "W" * 200, " ", "x" * 30 + " y" * 30,
]  # fmt: skip


# ---- reading a picture -------------------------------------------------------------------------


def root_of(chart: Chart) -> ET.Element:
    return parsed(chart.svg)


def words_of(root: ET.Element) -> list[str]:
    return [t.text for t in texts_of(root)]


def paths_of(root: ET.Element, classes: str) -> list[list[tuple[float, float]]]:
    """The places along each path of a class, commands M and L only."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", e.get("d", ""))]
        for e in root.iter(f"{SVG}path")
        if e.get("class") == classes
    ]


def circles_of(root: ET.Element) -> list[tuple[float, float, float, str]]:
    return [
        (*(float(e.get(k, "nan")) for k in ("cx", "cy", "r")), e.get("class", ""))  # type: ignore[misc]
        for e in root.iter(f"{SVG}circle")
    ]


def y_axis(root: ET.Element) -> Callable[[float], float]:
    """From px to the number there, by the texts at a linear vertical axis alone."""
    at = []
    for t in texts_of(root):
        if re.fullmatch(r"−?[\d.,]+( %)?", t.text) and "end" in t.classes and "muted" in t.classes:
            number = float(t.text.removesuffix(" %").replace(",", "").replace("−", "-"))
            at.append((t.bottom - 0.2 * 12 - 4, number / (100.0 if "%" in t.text else 1.0)))
    (y0, v0), (y1, v1) = at[0], at[-1]
    return lambda y: v0 + (y - y0) / (y1 - y0) * (v1 - v0)


# ---- the charts that are looked at -------------------------------------------------------------


def epoch(
    loss: float,
    validation: float | None = None,
    accuracy: float | None = 0.5,
    updates: int = 1,
) -> Epoch:
    return Epoch(loss, accuracy, None, validation, None, 0.1, updates, 0.0)


def history_of(*epochs: Epoch) -> History:
    history = History()
    for e in epochs:
        history.add(e)
    return history


def frames(sizes: Callable[[int, int], float], layers: int, n: int) -> list[Frame]:
    names = [f"layer {k + 1}" for k in range(layers)]
    return [
        Frame(i, 1.0, None, {}, {name: sizes(i, k) for k, name in enumerate(names)})
        for i in range(n)
    ]


def network(activation: str, nouts: list[int], output: str | None = None) -> tuple[MLP, Any]:
    """A network with gradients, and the samples that they are of."""
    X, y = datasets.moons(20, seed=1)
    model = MLP(2, nouts, activation=activation, output=output, seed=2)
    if nouts[-1] == 1:
        for x, target in zip(X, y, strict=True):
            losses.squared_error(model(x), target).backward()
    return model, X


@functools.cache
def trained() -> tuple[MLP, History, Recorder]:
    X, y = datasets.moons(30, seed=1)
    model, recorder = MLP(2, [4, 3, 1], activation="tanh", seed=3), Recorder()
    recorder.begin(model)
    history = fit(
        model, X[:20], y[:20], loss="binary_cross_entropy", optimizer=SGD(model, lr=0.3), epochs=8,
        callbacks=[recorder], validation=(X[20:], y[20:]), batch_size=5,
    )  # fmt: skip
    return model, history, recorder


def wrong(x: Value) -> Value:
    return x.sin() + Value(x.data)  # a slope that is lost


RANDOM = [(i * 7919 % 104729) / 104729 for i in range(100_000)]
LONG = [math.exp(-i / 20000) + 0.05 * r for i, r in enumerate(RANDOM)]
LONG[31_337] = 3.0

CHARTS: dict[str, Callable[..., Chart]] = {
    "loss": lambda **o: loss_curve(trained()[1], **o),
    "loss, log": lambda **o: loss_curve(trained()[1], log=True, **o),
    "one epoch": lambda **o: loss_curve([0.7], **o),
    "one epoch, validated": lambda **o: loss_curve(history_of(epoch(0.5, 0.5000001)), **o),
    "two epochs": lambda **o: loss_curve([2, 1], **o),
    "constant": lambda **o: loss_curve([0.5] * 9, **o),
    "zero": lambda **o: loss_curve([0.0] * 3, **o),
    "zero, log": lambda **o: loss_curve([0.0] * 3, log=True, **o),
    "negative": lambda **o: loss_curve([-1.0, -2.5, -2.0], **o),
    "gaps": lambda **o: loss_curve([2.0, 1.5, NAN, 1.0, INF, 0.5, 0.0, 0.1, -INF], log=True, **o),
    "nothing finite": lambda **o: loss_curve([NAN, INF], **o),
    "huge": lambda **o: loss_curve([1e300, LARGEST, -LARGEST, 5.0], **o),
    "huge, log": lambda **o: loss_curve([5e-324, LARGEST, 1.0], log=True, **o),
    "tiny": lambda **o: loss_curve([5e-324, 1e-323], log=True, **o),
    "nearly constant": lambda **o: loss_curve([123456.789, 123456.790], **o),
    "long": lambda **o: loss_curve(LONG, **o),
    "by name": lambda **o: loss_curve({"slow": [2.0, 1.9, 1.8], "fast": [2.0, 0.5]}, **o),
    "by update": lambda **o: loss_curve(trained()[1], unit="update", **o),
    "best first": lambda **o: loss_curve(history_of(epoch(1.0, 1.0), epoch(0.5, 2.0)), **o),
    "accuracy": lambda **o: accuracy_curve(trained()[1], **o),
    "accuracy 1": lambda **o: accuracy_curve([1.0, 1.0], **o),
    "accuracy 0": lambda **o: accuracy_curve([0.0], **o),
    "accuracy, fine": lambda **o: accuracy_curve([0.99991, 0.99993, NAN], **o),
    "sizes": lambda **o: gradient_sizes(trained()[2], **o),
    "sizes, one layer": lambda **o: gradient_sizes(frames(lambda i, k: 0.1 / (i + 1), 1, 1), **o),
    "sizes, 30 layers": lambda **o: gradient_sizes(
        frames(lambda i, k: 10.0 ** (-k - 0.1 * i), 30, 20), **o
    ),
    "sizes, alike": lambda **o: gradient_sizes(frames(lambda i, k: 0.01, 6, 20), **o),
    "sizes, odd": lambda **o: gradient_sizes(
        frames(lambda i, k: [0.0, NAN, INF, 1.0, 2.0][i % 5], 3, 11), **o
    ),
    "sizes, none positive": lambda **o: gradient_sizes(frames(lambda i, k: 0.0, 2, 3), **o),
    "ridges": lambda **o: gradient_ridges(network("sigmoid", [6] * 7 + [1])[0], **o),
    "ridges, relu": lambda **o: gradient_ridges(network("relu", [6, 6, 1])[0], **o),
    "ridges, 30": lambda **o: gradient_ridges({f"layer {k}": [10.0**-k] for k in range(30)}, **o),
    "ridges, one": lambda **o: gradient_ridges({"w": [0.5]}, **o),
    "ridges, constant": lambda **o: gradient_ridges({"w": [0.5] * 9}, **o),
    "ridges, odd": lambda **o: gradient_ridges(
        {"a": [NAN, INF, 0.0, 1e-3], "b": [0.0] * 5, "c": [], "d": [5e-324, LARGEST]}, **o
    ),
    "ridges, zero": lambda **o: gradient_ridges({"a": [0.0, -0.0]}, **o),
    "ridges, hostile": lambda **o: gradient_ridges({name: [1.0] for name in HOSTILE}, **o),
    "activations, tanh": lambda **o: activation_histograms(*network("tanh", [8, 8, 1]), **o),
    "activations, sigmoid": lambda **o: activation_histograms(*network("sigmoid", [3, 1]), **o),
    "activations, relu": lambda **o: activation_histograms(
        *network("relu", [8, 8, 3], "softmax"), **o
    ),
    "activations, gelu": lambda **o: activation_histograms(*network("gelu", [2, 1]), **o),
    "activations, 30": lambda **o: activation_histograms(*network("tanh", [2] * 29 + [1]), **o),
    "activations, one": lambda **o: activation_histograms(MLP(1, [1], seed=1), [3.0], **o),
    "U": lambda **o: u_curve(gradcheck(lambda x: x.exp().sin(), 1.0), **o),
    "U, linear": lambda **o: u_curve(gradcheck(lambda x: x * 3.0, 1.0), **o),
    "U, wrong": lambda **o: u_curve(gradcheck(wrong, 1.0, raise_error=False), **o),
    "U, kink": lambda **o: u_curve(gradcheck(lambda x: x.relu(), 0.0, raise_error=False), **o),
    "U, few steps": lambda **o: u_curve(
        gradcheck(lambda x: (x * 50.0).sin(), 1.0), steps=[0.1, 0.05, 0.02, 0.01], **o
    ),
    "U, no steps": lambda **o: u_curve(gradcheck(lambda x: x.log(), 1e-3), steps=[1.0], **o),
}  # fmt: skip
every_chart = pytest.mark.parametrize("name", CHARTS)


@functools.cache
def drawn(name: str) -> Chart:
    return CHARTS[name]()


@every_chart
def test_all_can_be_read(name: str) -> None:
    root = root_of(drawn(name))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert width == 460.0
    assert_readable(drawn(name).svg, edge=6.0)
    for x, y, r, _ in circles_of(root):
        assert r <= x <= width - r
        assert r <= y <= height - r
    for path in root.iter(f"{SVG}path"):
        for x, y in re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", path.get("d", "")):
            assert 0.0 <= float(x) <= width
            assert 0.0 <= float(y) <= height


@every_chart
def test_no_two_ticks_read_alike(name: str) -> None:
    texts = [t for t in texts_of(root_of(drawn(name))) if {"muted", "note"} <= {*t.classes}]
    left = [t.text for t in texts if "end" in t.classes and re.match(r"[−\d]", t.text)]
    assert len(set(left)) == len(left)
    below = [(t.top, t.text) for t in texts if "middle" in t.classes]
    assert len(set(below)) == len(below)


@every_chart
def test_only_numbers_become_coordinates(name: str) -> None:
    for e in root_of(drawn(name)).iter():
        for key, x in e.attrib.items():
            if key in ("d", "x", "y", "cx", "cy", "width", "height", "r"):
                assert re.fullmatch(r"[MLHVvhZ\d.,\- ]+", x), (key, x)
                assert "e" not in x


@every_chart
def test_numbers_are_json(name: str) -> None:
    chart = drawn(name)
    text = json.dumps(chart.numbers, allow_nan=False)
    assert json.loads(text) == chart.numbers


@every_chart
def test_the_text_is_the_description(name: str) -> None:
    chart = drawn(name)
    description = root_of(chart).find(f"{SVG}desc")
    assert description is not None
    assert description.text == chart.text.replace("\n", " ")
    assert len(chart.text.splitlines()) >= 2
    assert all(line.endswith((".", "?")) for line in chart.text.splitlines())


@every_chart
def test_remarks_are_both_seen_and_said(name: str) -> None:
    chart = drawn(name)
    seen = " ".join(words_of(root_of(chart)))
    for line in chart.text.splitlines():
        if "Left out" in line or "cannot show" in line or "no finite" in line:
            assert line.split(":")[0] in seen


@every_chart
def test_the_same_bytes_again(name: str) -> None:
    assert CHARTS[name]().svg == drawn(name).svg


@pytest.mark.parametrize("name", ["loss", "sizes", "ridges", "activations, tanh", "U"])
def test_themes(name: str) -> None:
    auto, light, dark = (CHARTS[name](theme=theme) for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme:dark" in auto.svg
    assert "prefers-color-scheme" not in light.svg + dark.svg
    assert LIGHT["ink"] in light.svg
    assert LIGHT["ink"] not in dark.svg
    with pytest.raises(ValueError, match="theme must be one of auto, light, dark"):
        CHARTS[name](theme="blue")
    assert list(CHARTS[name](format="png").__dict__) == list(auto.__dict__)
    with pytest.raises(ValueError, match="format must be one of"):
        CHARTS[name](format="gif")


@pytest.mark.parametrize("name", ["loss", "accuracy", "sizes", "ridges", "activations, tanh", "U"])
@pytest.mark.parametrize("title", HOSTILE)
def test_any_title(name: str, title: str) -> None:
    chart = CHARTS[name](title=title)
    root = root_of(chart)
    for t in texts_of(root):
        assert 6.0 <= t.left < t.right <= 454.0
    assert not [e for e in root.iter() if "script" in e.tag]
    assert "\u202e" not in chart.svg
    first = words_of(root)[0]
    assert first.startswith(clear(title)[:3]) or not clear(title)
    assert chart.title == clear(title)


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); import test_charts as t; "
        "names = ['loss', 'sizes', 'ridges, relu', 'activations, relu', 'U']; "
        "print(hashlib.sha256(''.join(t.drawn(n).svg for n in names).encode()).hexdigest())"
    )
    names = ["loss", "sizes", "ridges, relu", "activations, relu", "U"]
    ours = hashlib.sha256("".join(drawn(n).svg for n in names).encode()).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, check=True,
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == ours


# ---- curves ------------------------------------------------------------------------------------


def test_a_curve_runs_through_its_numbers() -> None:
    losses = [2.0, 3.5, 0.25, 1.0, 0.5]
    root = root_of(loss_curve(losses))
    [points] = paths_of(root, "series-1")
    value = y_axis(root)
    assert [value(y) for _, y in points] == pytest.approx(losses, abs=0.01)
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(points)]
    assert max(gaps) - min(gaps) <= 0.11  # coordinates have one decimal


def test_shares_are_drawn_in_percent() -> None:
    root = root_of(accuracy_curve([0.5, 0.75, 1.0]))
    [points] = paths_of(root, "series-1")
    value = y_axis(root)
    assert [value(y) for _, y in points] == pytest.approx([0.5, 0.75, 1.0], abs=0.003)
    assert "100 %" in words_of(root)


def test_equal_ratios_are_equally_high_on_a_log_axis() -> None:
    [points] = paths_of(root_of(loss_curve([1e3, 1e1, 1e-1, 1e-3], log=True)), "series-1")
    heights = [b[1] - a[1] for a, b in itertools.pairwise(points)]
    assert heights == pytest.approx([heights[0]] * 3, abs=0.11)
    assert heights[0] > 20.0


def test_the_validation_loss_is_drawn_and_its_best_epoch_marked() -> None:
    history = history_of(epoch(3.0, 3.0), epoch(2.0, 1.0), epoch(1.0, 2.0))
    chart = loss_curve(history)
    root = root_of(chart)
    [training], [validation] = paths_of(root, "series-1"), paths_of(root, "series-2")
    value = y_axis(root)
    assert [value(y) for _, y in training] == pytest.approx([3.0, 2.0, 1.0], abs=0.03)
    assert [value(y) for _, y in validation] == pytest.approx([3.0, 1.0, 2.0], abs=0.03)
    assert (*validation[1], 5.0, "point-2") in circles_of(root)
    assert {"training", "validation", "best epoch 1: 1"} <= set(words_of(root))
    assert chart.numbers["best_epoch"] == history.best_epoch == 1
    assert chart.numbers["validation_loss"] == [3.0, 1.0, 2.0]
    assert chart.numbers["loss"] == [3.0, 2.0, 1.0]
    assert "Best epoch 1: 1." in chart.text


def test_one_curve_needs_no_label() -> None:
    assert "training" not in words_of(root_of(loss_curve([2.0, 1.0])))


def test_numbers_that_are_not_finite_are_gaps_and_said() -> None:
    chart = loss_curve([2.0, 1.5, NAN, 1.0, INF, 0.5, 0.25])
    [points] = paths_of(root_of(chart), "series-1")
    assert len(points) == 4  # two lines; the point between the gaps is a dot
    assert [c[3] for c in circles_of(root_of(chart))].count("value") == 1
    assert "training: 2 epochs with no finite number." in chart.text
    assert chart.numbers["loss"] == [2.0, 1.5, None, 1.0, None, 0.5, 0.25]
    assert chart.numbers["best_epoch"] == 6


@pytest.mark.parametrize(("log", "said"), [(True, True), (False, False)])
def test_what_a_log_axis_cannot_show_is_said(log: bool, said: bool) -> None:
    chart = loss_curve([1.0, 0.0, -1.0, 0.5], log=log)
    assert (
        "training: 2 epochs with 0 or less, which a log axis cannot show." in chart.text
    ) is said
    assert chart.numbers["loss"] == [1.0, 0.0, -1.0, 0.5]
    assert chart.numbers["best_epoch"] == 2


def test_many_epochs_are_thinned_and_extremes_kept() -> None:
    chart = drawn("long")
    root = root_of(chart)
    [points] = paths_of(root, "series-1")
    assert 200 <= len(points) <= 400
    value = y_axis(root)
    assert max(value(y) for _, y in points) == pytest.approx(3.0, abs=0.02)
    assert min(value(y) for _, y in points) == pytest.approx(min(LONG), abs=0.02)
    assert value(points[0][1]) == pytest.approx(LONG[0], abs=0.02)
    assert value(points[-1][1]) == pytest.approx(LONG[-1], abs=0.02)
    assert len(chart.svg) < 15_000
    assert len(chart.numbers["loss"]) == 100_000


def test_a_plain_sequence_may_hold_anything_that_is_a_number() -> None:
    numpy = pytest.importorskip("numpy")
    assert loss_curve(numpy.array([2.0, 1.0])).svg == loss_curve([2.0, 1.0]).svg
    assert loss_curve((2, Value(1.0))).svg == loss_curve([2.0, 1.0]).svg


def test_histories_by_name_are_drawn_side_by_side_at_their_updates() -> None:
    often = history_of(epoch(2.0, updates=10), epoch(1.0, updates=10))
    both = {"often": often, "once": history_of(epoch(2.0))}
    chart = loss_curve(both, unit="update")
    assert chart.numbers["loss"] == {"often": [2.0, 1.0], "once": [2.0]}
    assert chart.numbers["places"] == {"often": [10, 20], "once": [1]}
    assert str(chart).splitlines()[0] == "Mean loss, update 1 to 20."
    assert "once: 2." in str(chart)
    assert str(loss_curve([2.0, 1.0], what="f(x, y)", unit="step")).startswith("f(x, y), step 0")
    assert loss_curve([1.0], what="E", unit="step").title == "E"
    assert ">E<" in loss_curve([2.0, 1.0], what="E", unit="step", title="down").svg
    assert str(loss_curve([2.0], unit="step")).startswith("Mean loss, step 0.")
    shares = accuracy_curve({"a": [0.5, 0.75], "b": [1.0]})
    assert shares.numbers["accuracy"] == {"a": [0.5, 0.75], "b": [1.0]}
    assert loss_curve(both).numbers["places"] == {"often": [0, 1], "once": [0]}


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda: loss_curve([]), ValueError, "no epochs to draw"),
        (lambda: loss_curve(History()), ValueError, "no epochs to draw"),
        (lambda: loss_curve("abc"), TypeError, "expected a list of numbers"),
        (lambda: loss_curve({}), ValueError, "nothing to draw"),
        (lambda: loss_curve({"a": []}), ValueError, "no epochs to draw"),
        (lambda: loss_curve({str(k): [1.0] for k in range(9)}), ValueError, "9 curves by name"),
        (lambda: loss_curve(trained()[1], unit="second"), ValueError, "by 'epoch' or 'update'"),
        (lambda: loss_curve([1.0], unit=2), TypeError, "unit is a word"),
        (lambda: loss_curve([1.0], unit="gradient step"), ValueError, "unit is one word"),
        (lambda: loss_curve([1.0], unit="los"), ValueError, "unit is one word"),
        (lambda: loss_curve([1.0], what=3), TypeError, "what is a text"),
        (lambda: loss_curve([1.0], what="a\nb"), TypeError, "what is a text"),
        (lambda: loss_curve({"a": [1.0], "b": []}), ValueError, "^'b': there are no epochs"),
        (lambda: loss_curve({"a": "abc"}), TypeError, "^'a': expected a list of numbers"),
        (lambda: accuracy_curve({"a": history_of(epoch(1.0, accuracy=None))}), ValueError, "^'a'"),
        (lambda: loss_curve(None), TypeError, "number"),
        (lambda: loss_curve([1.0, "2"]), TypeError, "number"),
        (lambda: accuracy_curve([97.0]), ValueError, "epoch 0 is 97.0.*divide percentages by 100"),
        (lambda: accuracy_curve([0.5, -0.1]), ValueError, "epoch 1 is -0.1"),
        (
            lambda: accuracy_curve(history_of(epoch(1.0, accuracy=None))),
            ValueError,
            "no accuracy: fit writes it down for losses that have classes",
        ),
        (lambda: gradient_sizes(MLP(1, [1])), TypeError, "what a Recorder has kept, not MLP"),
        (lambda: gradient_sizes(Recorder()), ValueError, "0 frames without gradients"),
        (lambda: gradient_sizes([1]), TypeError, "what a Recorder has kept, not list"),
        (
            lambda: gradient_ridges(MLP(1, [1])),
            ValueError,
            r"no parameter holds a gradient.*backward\(\)",
        ),
        (lambda: gradient_ridges(5), TypeError, "not of int 5"),
        (lambda: gradient_ridges({}), ValueError, "no layers to draw"),
        (lambda: gradient_ridges(Module()), ValueError, "no layers to draw"),
        (lambda: gradient_ridges({"a": ["x"]}), TypeError, "number"),
        (lambda: activation_histograms(Module(), [1.0]), TypeError, "no list `layers` of nn.Layer"),
        (lambda: activation_histograms(MLP(2, [1]), []), ValueError, "X is empty"),
        (lambda: activation_histograms(MLP(2, [1]), [[NAN, 1.0]]), ValueError, "every sample"),
        (lambda: activation_histograms(MLP(2, [1]), [[1.0]]), ValueError, "expected 2 inputs"),
        (lambda: activation_histograms(MLP(1, [1]), "12"), TypeError, "X must be a list"),
        (lambda: activation_histograms(MLP(1, [1]), ["x"]), TypeError, "X: row 0"),
        (lambda: u_curve([1.0]), TypeError, r"what gradcheck returns, not list \[1.0\]"),
    ],
)
def test_errors_say_what_and_how(
    f: Callable[[], Chart], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        f()


# ---- sizes of gradients ------------------------------------------------------------------------


def test_every_layer_has_a_line_and_a_label_at_its_end() -> None:
    chart = gradient_sizes(trained()[2])
    root = root_of(chart)
    texts = {t.text: t for t in texts_of(root)}
    for k, (classes, colour) in enumerate(SERIES[:3]):
        [points] = paths_of(root, classes)
        label = texts[f"layer {k + 1}"]
        assert len(points) == 8
        assert colour in label.classes
        assert label.left > points[-1][0]
        assert "stroke-dasharray" in STYLES[classes] or k == 0
    kept = chart.numbers["gradient_sizes"]
    assert chart.numbers["epochs"] == list(range(8))  # nothing was computed before training
    for name, sizes in kept.items():
        assert sizes == [f.gradient_sizes[name] for f in trained()[2].frames[1:]]


def test_the_design_had_labels_on_top_of_each_other() -> None:
    sizes = [0.0171, 0.0103, 0.0041, 0.0042, 0.0043]
    root = root_of(gradient_sizes(frames(lambda i, k: sizes[k], 5, 4)))
    labels = [t for t in texts_of(root) if t.text.startswith("layer")]
    ends = {t.text: (t.top, sizes[int(t.text[-1]) - 1]) for t in labels}
    ordered = sorted(ends.values())
    assert [size for _, size in ordered] == sorted(sizes, reverse=True)
    assert all(b[0] - a[0] >= 15.9 for a, b in itertools.pairwise(ordered))
    leaders = [p for p in paths_of(root, "axis") if len(p) == 3]
    assert leaders  # those that were pushed away are led back


def test_of_thirty_layers_six_have_a_label() -> None:
    root = root_of(drawn("sizes, 30 layers"))
    labels = [t for t in words_of(root) if re.fullmatch(r"layer \d+", t)]
    assert labels == ["layer 1", "layer 6", "layer 12", "layer 18", "layer 24", "layer 30"]
    lines = [p for classes, _ in SERIES for p in paths_of(root, classes)]
    thin = [p for p in paths_of(root, "axis") if len(p) == 20]
    assert (len(lines), len(thin)) == (6, 24)
    assert "Thin lines without a label: the 24 layers between." in words_of(root)
    text = drawn("sizes, 30 layers").text
    assert all(f"layer {k}: " in text for k in range(1, 31))
    assert "those of layer 1 are 1×10²⁹ times those of layer 30" in text


def test_layers_that_joined_later_are_no_gap_that_needs_a_word() -> None:
    some = [Frame(0, 1.0, None, {}, {"a": 1.0}), Frame(1, 1.0, None, {}, {"a": 1.0, "b": 2.0})]
    chart = gradient_sizes(some)
    assert chart.numbers["gradient_sizes"] == {"a": [1.0, 1.0], "b": [None, 2.0]}
    assert "finite" not in chart.text


def test_a_layer_may_be_called_like_one_of_our_lists() -> None:
    chart = gradient_sizes([Frame(0, 1.0, None, {}, {"epochs": 1.0})])
    assert chart.numbers == {"epochs": [0], "gradient_sizes": {"epochs": [1.0]}}


# ---- ridges ------------------------------------------------------------------------------------


def test_the_median_is_the_usual_one() -> None:
    for sizes in ([1.0, 2.0], [3.0, -1.0, 2.0, 0.0], [1e-9, 5.0, 7.0, 1.0, 0.0, -0.0]):
        [layer] = gradient_ridges({"a": sizes}).numbers["layers"]
        assert layer["median"] == statistics.median(abs(x) for x in sizes if x)


def test_ridges_say_medians_and_zeros() -> None:
    gradients = {"one": [0.0, 1e-3, -1e-2, 1e-1, -0.0], "two": [NAN, 2.0, -INF], "three": [0.0] * 4}
    chart = gradient_ridges(gradients)
    one, two, three = chart.numbers["layers"]
    assert (one["median"], one["zeros"], one["not_finite"], one["count"]) == (0.01, 2, 0, 5)
    assert (two["median"], two["zeros"], two["not_finite"], two["count"]) == (2.0, 0, 2, 3)
    assert (three["median"], three["zeros"], three["sizes"]) == (None, 4, [])
    assert chart.text.splitlines()[1:] == [
        "one: median 0.01, between 0.001 and 0.1; 2 of 5 are exactly 0.",
        "two: median 2, between 2 and 2; 2 of 3 are not finite.",
        "three: all 4 are exactly 0.",
    ]
    words = words_of(root_of(chart))
    assert {"0.01", "2 of 5 are 0", "2 of 3 are nan or ∞", "all 4 are 0"} <= set(words)


def test_a_ridge_peaks_where_the_gradients_are() -> None:
    chart = gradient_ridges({"a": [1e-4] * 90 + [1e-1] * 10, "b": [1e-1] * 5})
    root = root_of(chart)
    a, b = paths_of(root, "ridge")
    tick_a, tick_b = [p[0][0] for p in paths_of(root, "ink-line")[1:]]  # the first is the heading's
    assert min(a, key=lambda p: p[1])[0] == pytest.approx(tick_a, abs=5.0)
    assert min(b, key=lambda p: p[1])[0] == pytest.approx(tick_b, abs=5.0)
    base = a[0][1]
    near_b = [base - y for x, y in a if abs(x - tick_b) < 4.0]
    assert max(near_b) / max(base - y for _, y in a) == pytest.approx(1 / 9, abs=0.02)
    tens = {t.text: (t.left + t.right) / 2 for t in texts_of(root)}
    assert tick_a == pytest.approx(tens["10⁻⁴"], abs=0.11)
    assert tick_b == pytest.approx(tens["10⁻¹"], abs=0.11)


@given(st.lists(positive, min_size=1, max_size=30))
def test_a_ridge_holds_every_gradient(sizes: list[float]) -> None:
    [ridge] = paths_of(root_of(gradient_ridges({"w": sizes})), "ridge")
    assert len(ridge) >= 3
    assert ridge[0][1] == ridge[-1][1] == max(y for _, y in ridge)
    assert ridge[0][1] - min(y for _, y in ridge) == pytest.approx(31.0, abs=0.11)


def test_ridges_show_what_the_parameters_hold_now() -> None:
    model, _ = network("tanh", [3, 1])
    layers = gradient_ridges(model).numbers["layers"]
    held = [[abs(p.grad) for p in layer.parameters()] for layer in model.layers]
    assert [layer["name"] for layer in layers] == ["layer 1", "layer 2"]
    assert [layer["sizes"] for layer in layers] == held
    model.zero_grad()
    chart = gradient_ridges(model)
    assert "was zero_grad() called after backward()?" in chart.text
    assert [layer["zeros"] for layer in chart.numbers["layers"]] == [9, 4]


# ---- activations -------------------------------------------------------------------------------


def test_activations_are_those_of_the_layers() -> None:
    model, X = network("tanh", [5, 4, 1])
    chart = activation_histograms(model, X)
    h = X
    for layer, said in zip(model.layers, chart.numbers["layers"], strict=True):
        h = [out if isinstance(out := layer.predict(x), list) else [out] for x in h]
        flat = [v for row in h for v in row]
        assert sum(said["counts"]) == len(flat)
        mean = sum(map(Fraction, flat)) / len(flat)
        assert said["mean"] == pytest.approx(float(mean), rel=2e-16)  # on every Python
        for count, (lo, hi) in zip(said["counts"], itertools.pairwise(said["edges"]), strict=True):
            inside = sum(lo + 1e-9 < v < hi - 1e-9 for v in flat)
            assert inside <= count <= sum(lo - 1e-9 < v < hi + 1e-9 for v in flat)
        expected = sum(1.0 - v * v < 0.05 for v in flat) if said["activation"] == "tanh" else None
        assert said["flat"] == expected
    assert chart.numbers["layers"][0]["flat"] > 0
    assert "layer 1, 5 neurons, tanh: " in chart.text


@pytest.mark.parametrize(
    ("activation", "x", "share"),
    [
        ("tanh", [-9.0, 0.0, 0.1, 9.0], 2),
        ("sigmoid", [-9.0, 0.0, 0.1, 9.0], 2),
        ("relu", [-9.0, 0.0, 0.1, 9.0], 2),
        ("relu", [1.0, 2.0, 3.0, 4.0], 0),
        ("relu", [-1.0, -2.0, -3.0, -4.0], 4),
        ("gelu", [-9.0, 0.0, 0.1, 9.0], None),
        ("identity", [-9.0, 0.0, 0.1, 9.0], None),
    ],
)
def test_how_many_activations_are_flat(activation: str, x: list[float], share: int | None) -> None:
    model = MLP(1, [1], output=activation, seed=1)
    model.load_state(dict.fromkeys(model.state(), 0.0) | {"layers.0.neurons.0.w.0": 1.0})
    chart = activation_histograms(model, x)
    [layer] = chart.numbers["layers"]
    assert layer["flat"] == share
    word = "off" if activation == "relu" else "saturated"
    root = root_of(chart)
    seen = f"{25 * share} % {word}" if share is not None else None
    assert (seen in words_of(root)) is (seen is not None)
    assert layer["always_flat"] == (None if share is None else share // 4)
    bars = {e.get("class"): e.get("d", "").count("M") for e in root.iter(f"{SVG}path")}
    assert (
        bars.get("negative-area", 0)
        == {0: 0, 2: 1 if activation == "relu" else 2, 4: 1, None: 0}[share]
    )


def test_the_bars_of_flat_activations_end_at_the_threshold() -> None:
    slope = math.sqrt(0.95)  # where that of a tanh is 5 %
    for activation, low, high in (
        ("tanh", -slope, slope),
        ("sigmoid", (1 - slope) / 2, (1 + slope) / 2),
        ("relu", 0.0, 0.0),
    ):
        [layer] = activation_histograms(MLP(1, [1], output=activation, seed=1), [1.0]).numbers[
            "layers"
        ]
        assert any(edge == pytest.approx(low, abs=1e-12) for edge in layer["edges"])
        if activation != "relu":
            assert layer["edges"][-2] == pytest.approx(high)
            assert layer["edges"][-1] >= 1.0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_saturated_means_the_same_as_in_the_overview(activation: str) -> None:
    model = MLP(1, [7, 1], activation=activation, seed=3)
    model.load_state({name: 6.0 * x for name, x in model.state().items()})
    X = [[x / 4] for x in range(-8, 9)]
    flat = activation_histograms(model, X).numbers["layers"][0]["flat"]
    loss = mean([model(x) for x in X])
    assert 0 < flat < 7 * 17
    assert overview(model, loss).numbers["layers"][0]["flat"] == flat / (7 * 17)


def test_all_samples_may_not_be_finite() -> None:
    with pytest.raises(ValueError, match="every sample of X, 2 in all, holds a number that is not"):
        activation_histograms(MLP(2, [1]), [[NAN, 1.0], [1.0, INF]])


def test_a_neuron_that_is_off_for_every_sample_is_said() -> None:
    model = MLP(1, [3, 1], seed=1)
    state = dict.fromkeys(model.state(), 1.0)
    model.load_state(state | {"layers.0.neurons.1.b": -99.0})
    chart = activation_histograms(model, [1.0, 2.0])
    assert "1 of 3 is off for every sample" in chart.text
    assert "1 always off" in words_of(root_of(chart))


def test_samples_that_are_not_finite_are_left_out_and_said() -> None:
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    chart = activation_histograms(model, [[1.0, 2.0], [NAN, 1.0], [1.0, INF], [0.0, 1.0]])
    assert chart.numbers["samples"] == 2
    assert (
        chart.numbers["layers"]
        == (activation_histograms(model, [[1.0, 2.0], [0.0, 1.0]]).numbers["layers"])
    )
    assert "Left out: 2 of the 4 samples, with a number that is not finite." in chart.text


def test_activations_that_are_not_finite_are_counted() -> None:
    model = MLP(1, [2, 1], activation="identity", seed=1)
    model.load_state(dict.fromkeys(model.state(), 1e200))
    chart = activation_histograms(model, [1.0])
    assert [layer["not_finite"] for layer in chart.numbers["layers"]] == [0, 1]
    assert "the only one is not finite" in chart.text


# ---- the U -------------------------------------------------------------------------------------


def test_the_best_step_of_the_U_is_marked() -> None:
    report = gradcheck(lambda x: x.exp(), 1.0)
    steps, errors = report.curve()
    chart = u_curve(report)
    best = min(range(len(steps)), key=lambda i: errors[i])
    assert (chart.numbers["best_step"], chart.numbers["best_error"]) == (steps[best], errors[best])
    assert sorted(chart.numbers["errors"]) == sorted(errors)
    root = root_of(chart)
    [points] = paths_of(root, "series-1")
    lowest = max(points, key=lambda p: p[1])
    assert (*lowest, 5.0, "point-1") in circles_of(root)


def test_the_annotations_are_on_their_sides_and_off_the_curve() -> None:
    for name, sides in (("U", 2), ("U, linear", 1), ("U, few steps", 0)):
        root = root_of(drawn(name))
        found = [t for t in texts_of(root) if t.text in ("rounding", "curvature")]
        assert [t.text for t in found] == ["rounding", "curvature"][:sides]
        assert all(a.right < b.left for a, b in itertools.pairwise(found))
        for points in paths_of(root, "series-1"):
            for (x0, y0), (x1, y1) in itertools.pairwise(points):
                for k in range(21):
                    x, y = x0 + (x1 - x0) * k / 20, y0 + (y1 - y0) * k / 20
                    for t in found:
                        inside = t.left < x < t.right and t.top < y < t.bottom + 16
                        jump = abs(x1 - x0) > 30  # a move over a gap, which is no line
                        assert not inside or jump, name


def test_a_wrong_derivative_has_no_U() -> None:
    chart = drawn("U, wrong")
    assert "No U: the gradient of wrong does not agree with differences" in chart.text
    assert "rounding" not in words_of(root_of(chart))
    assert chart.numbers["ok"] is False
    assert chart.numbers["best_error"] > 0.5


@pytest.mark.parametrize(
    ("f", "x", "sides"),
    [
        (lambda x: x.exp(), 3.0, ["rounding", "curvature"]),
        (lambda x: x * x, 3.1, ["rounding"]),  # the curvature of a parabola cancels
        (lambda x: x * 3.0, 3.0, ["rounding"]),
        (lambda x: x.sin(), 0.0, ["curvature"]),  # f(-h) = -f(h), to the last bit
        (lambda x: x * 0.0, 3.0, []),
    ],
)
def test_only_the_sides_that_are_there_are_named(f: Any, x: float, sides: list[str]) -> None:
    chart = u_curve(gradcheck(f, x))
    words = words_of(root_of(chart))
    assert [side for side in ("rounding", "curvature") if side in words] == sides
    assert ("Smaller steps see the rounding" in chart.text) is ("rounding" in sides)
    assert ("Larger steps see the curvature" in chart.text) is ("curvature" in sides)
    assert "agrees with differences." in chart.text


def test_a_linear_function_has_steps_without_error() -> None:
    chart = drawn("U, linear")
    assert chart.numbers["best_error"] == 0.0
    assert chart.numbers["best_step"] == 1.0  # of equal ones the largest
    zeros = chart.numbers["errors"].count(0.0)
    assert f"error: {zeros} steps with 0 or less, which a log axis cannot show." in chart.text


def test_the_name_of_a_function_is_shown_as_it_is() -> None:
    report = gradcheck(lambda x: x.sin(), 1.0)
    odd = GradcheckReport(**{**vars(report), "function": "<b>MyLoss\x00"})
    assert "The gradient of <b>MyLoss␀ agrees" in u_curve(odd).text
    assert "<b>" not in u_curve(odd).svg


# ---- the same in matplotlib --------------------------------------------------------------------


class Stub:
    """Axes that write down how they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: self.calls.append((name, args, options))

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, options) for called, args, options in self.calls if called == name]


def plotted(chart: Chart) -> Stub:
    axes = Stub()
    assert chart.plot(axes) is axes
    return axes


def test_curves_in_matplotlib() -> None:
    axes = plotted(loss_curve(history_of(epoch(3.0, 2.0), epoch(2.0, 1.0)), log=True, title="$"))
    (training, style), (validation, dashed), (best, mark) = axes.of("plot")
    assert training == ([0.0, 1.0], [3.0, 2.0])
    assert validation == ([0.0, 1.0], [2.0, 1.0])
    assert best == ([1.0], [1.0])
    assert (style["color"], style["linestyle"]) == (LIGHT["value"], "-")
    assert dashed["color"] == LIGHT["gradient"]
    assert dashed["linestyle"] == (0, pytest.approx((7 / 2.2, 4 / 2.2)))
    assert [style["label"], dashed["label"], mark["label"]] == [
        "training", "validation", "best epoch 1: 1",
    ]  # fmt: skip
    assert axes.of("set_yscale") == [(("log",), {})]
    assert axes.of("set_title") == [((r"\$",), {})]
    assert axes.of("set_xlabel") == [(("epoch",), {})]


def test_matplotlib_gets_no_numbers_that_its_axis_cannot_show() -> None:
    (_, ys), _ = plotted(loss_curve([1.0, 0.0, NAN, 0.5], log=True)).of("plot")[0]
    assert (ys[0], ys[3]) == (1.0, 0.5)
    assert math.isnan(ys[1])
    assert math.isnan(ys[2])
    ((_, ys), _), *_ = plotted(accuracy_curve([0.5, 1.0])).of("plot")
    assert ys == [50.0, 100.0]


def test_labels_that_matplotlib_would_hide_or_read_as_formulas() -> None:
    sizes = {"_private": 1.0, "$x^2$": 2.0}
    calls = plotted(gradient_sizes([Frame(0, 1.0, None, {}, sizes)])).of("plot")
    assert [options["label"] for _, options in calls if "label" in options] == [
        " _private",
        r"\$x^2\$",
    ]


def test_distributions_in_matplotlib() -> None:
    axes = plotted(gradient_ridges({"$a": [1e-3, 1e-2, 0.0], "b": [0.0]}))
    assert axes.of("set_yticks") == [
        (([1, 0],), {"labels": [r"\$a (1 of 3 is 0)", "b (the only one is 0)"]})
    ]
    assert [args[0] for args, _ in axes.of("plot")] == [[5.5e-3, 5.5e-3]]  # the median
    first, second = [args for args, _ in axes.of("fill_between")]
    assert max(first[2]) == pytest.approx(1.85)
    assert second == ([], 0, [])
    model, X = network("tanh", [8, 1])
    chart = activation_histograms(model, X)
    bars = plotted(chart).of("bar")
    assert len(bars) == sum(n > 0 for layer in chart.numbers["layers"] for n in layer["counts"])
    assert {options["color"] for _, options in bars} == {LIGHT["value"], LIGHT["negative"]}


@every_chart
def test_every_chart_plots(name: str) -> None:
    assert plotted(drawn(name)).of("set_title")


@pytest.mark.parametrize("axes", [None, 5, "axes", object()])
def test_only_axes_can_be_drawn_into(axes: Any) -> None:
    with pytest.raises(TypeError, match="plot draws into matplotlib axes"):
        drawn("two epochs").plot(axes)


@pytest.mark.filterwarnings("ignore:Glyph")  # no font has them all
@pytest.mark.parametrize("name", ["gaps", "sizes", "ridges, hostile", "activations, relu", "U"])
def test_in_the_real_matplotlib(name: str) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    drawn(name).plot(figure.subplots())
    FigureCanvasAgg(figure).draw()


def test_matplotlib_is_not_imported() -> None:
    assert "matplotlib" in sys.modules or not any(
        "import matplotlib" in Path(sys.modules[module].__file__ or "").read_text()
        for module in sys.modules
        if module.startswith(("microgrunderscore.charts.", "microgrunderscore.pictures."))
    )


# ---- axes --------------------------------------------------------------------------------------


@given(floats, floats, st.integers(1, 12))
def test_ticks_are_round_even_and_inside(a: float, b: float, most: int) -> None:
    lo, hi = min(a, b), max(a, b)
    found = ticks(lo, hi, most)
    assert len(found) <= most + 1
    slack = 1e-9 * max(abs(lo), abs(hi))
    assert all(lo - slack <= x <= hi + slack for x in found)
    steps = {Fraction(repr(y)) - Fraction(repr(x)) for x, y in itertools.pairwise(found)}
    if len(found) > 1 and all(abs(x) > 1e-290 or x == 0.0 for x in found):
        [step] = steps  # in decimal they are exactly even
        assert float(step) == pytest.approx(float(f"{float(step):.0e}"), rel=1e-12)
        assert f"{float(step):.0e}"[0] in "125"


@pytest.mark.parametrize(
    ("lo", "hi", "most", "expected"),
    [
        (0.0, 1.0, 5, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 1.0, 4, [0.0, 0.5, 1.0]),
        (-3.0, 17.0, 5, [0.0, 5.0, 10.0, 15.0]),
        (0.1, 0.3, 4, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (0.0, 0.3, 3, [0.0, 0.1, 0.2, 0.3]),
        (7.0, 7.0, 5, [7.0]),
        (-LARGEST, LARGEST, 5, [-1e308, 0.0, 1e308]),
        (-LARGEST, LARGEST, 1, [0.0]),
        (0.3, 9.0, 1, [5.0]),
    ],
)
def test_ticks(lo: float, hi: float, most: int, expected: list[float]) -> None:
    assert ticks(lo, hi, most) == expected


def test_epochs_are_whole() -> None:
    for n in range(1, 40):
        assert all(x == int(x) for x in ticks(0.0, float(n), 8, whole=True))


@given(st.lists(floats, min_size=1, max_size=5), st.booleans())
def test_limits_hold_everything(numbers: list[float], zero: bool) -> None:
    lo, hi = limits(numbers, zero=zero)
    assert lo < hi
    assert math.isfinite(lo)
    assert math.isfinite(hi)
    slack = 1e-9 * max(map(abs, numbers))
    assert lo - slack <= min(numbers)
    assert max(numbers) <= hi + slack
    scale = Linear(lo, hi, 200.0, 0.0)
    assert all(-1e-6 <= scale(x) <= 200.0 + 1e-6 for x in numbers)


@given(st.lists(positive, min_size=1, max_size=5))
def test_log_limits_hold_everything(numbers: list[float]) -> None:
    lo, hi = limits(numbers, log=True)
    assert 0.0 < lo < hi < INF
    scale = Log(lo, hi, 200.0, 0.0)
    assert all(-1e-6 <= scale(x) <= 200.0 + 1e-6 for x in numbers)
    found = ticks_of(scale, upright=True)
    assert 1 <= len(found) <= 10
    assert all(lo * (1 - 1e-9) <= x <= hi * (1 + 1e-9) for x, _ in found)
    assert len({text for _, text in found}) == len(found)
    if lo > 1e-300:
        assert len(found) >= 2


def test_limits_of_nothing() -> None:
    assert limits([]) == limits([NAN, INF]) == (0.0, 1.0)
    assert limits([], log=True) == limits([0.0, -1.0, NAN, INF], log=True) == (0.1, 1.0)


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([-0.5, 0.0], ["−0.5", "0"]),
        ([0.0, 100000.0, 200000.0], ["0", "100,000", "200,000"]),
        ([1e-7, 1.5e-7], ["1.0×10⁻⁷", "1.5×10⁻⁷"]),
        ([0.0, 2e9], ["0", "2×10⁹"]),
        ([123456.789, 123456.7895], ["123,456.7890", "123,456.7895"]),
        ([0.30000000000000004], ["0.3"]),
        ([-0.0], ["0"]),
        ([], []),
    ],
)
def test_tick_texts(numbers: list[float], texts: list[str]) -> None:
    assert tick_texts(numbers) == texts


@given(floats, floats, st.integers(2, 8))
def test_ticks_that_differ_read_differently(a: float, b: float, most: int) -> None:
    lo, hi = limits([a, b])
    texts = tick_texts(ticks(lo, hi, most))
    assert len(set(texts)) == len(texts)


@given(floats, floats, st.floats(40.0, 400.0))
def test_texts_of_ticks_never_touch(a: float, b: float, room: float) -> None:
    scale = Linear(*limits([a, b]), 0.0, room)
    found = ticks_of(scale)
    assert found
    spans = [(scale(x), size_of(text, TICK) / 2) for x, text in found]
    assert all(y - x >= u + v + 7.9 for (x, u), (y, v) in itertools.pairwise(spans))


@given(
    st.lists(st.floats(-50.0, 250.0), min_size=1, max_size=8),
    st.floats(1.0, 20.0),
)
def test_labels_are_spread_as_little_as_possible(wanted: list[float], gap: float) -> None:
    lo, hi = 0.0, 200.0
    places = spread(wanted, gap, lo, hi)
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    kept = [places[i] for i in order]
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(kept))
    assert lo - 1e-9 <= kept[0]
    assert kept[-1] <= hi + 1e-9

    def cost(at: list[float]) -> float:
        return sum((x - wanted[i]) ** 2 for x, i in zip(at, order, strict=True))

    for i, j in itertools.combinations(range(len(kept) + 1), 2):  # no group is better elsewhere
        for move in (-0.01, 0.01):
            moved = [x + move * (i <= k < j) for k, x in enumerate(kept)]
            allowed = lo <= moved[0] and moved[-1] <= hi
            if allowed and all(b - a >= gap for a, b in itertools.pairwise(moved)):
                assert cost(moved) >= cost(kept) - 1e-6


def test_too_many_labels_go_beyond_the_limits_rather_than_overlap() -> None:
    places = spread([50.0] * 10, 16.0, 0.0, 100.0)
    assert places == [50.0 + 16.0 * (k - 4.5) for k in range(10)]


@given(st.lists(st.one_of(floats, st.just(NAN)), max_size=300), st.integers(4, 40))
def test_thinning_keeps_extremes_and_order(ys: list[float], most: int) -> None:
    points = [(float(i), y) for i, y in enumerate(ys)]
    kept = thinned(points, most)
    assert len(kept) <= most or len(points) <= most
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    finite = [y for y in ys if math.isfinite(y)]
    if finite:
        left = [y for _, y in kept if math.isfinite(y)]
        assert (min(left), max(left)) == (min(finite), max(finite))
        assert left[0] == finite[0]
        assert left[-1] == finite[-1]


@given(st.integers(0, 400), st.integers(1, 60))
def test_places_are_chosen_evenly(n: int, most: int) -> None:
    places = evenly(n, most)
    assert len(places) == min(n, most)
    assert places == sorted(set(places))
    assert not places or places[0] == 0
    assert most == 1 or n == 0 or places[-1] == n - 1
    gaps = {b - a for a, b in itertools.pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([NAN, 100.0, 0.1], True),
        ([1.0, 0.0], False),
        ([1.0, -1e-9], False),
        ([NAN], False),
        ([], False),
        ([2.0, 1.0], False),
        ([LARGEST, 5e-324], True),
    ],
)
def test_where_a_log_axis_shows_more(numbers: list[float], expected: bool) -> None:
    assert is_wide(numbers) is expected


def test_a_long_gap_stays_a_gap() -> None:
    points = [(float(i), NAN if 4000 <= i < 6000 else 1.0) for i in range(10_000)]
    assert len(runs(thinned(points))) == 2


@given(st.text(max_size=300), st.floats(40.0, 400.0))
def test_wrapped_lines_fit(text: str, width: float) -> None:
    lines = wrapped(text, width, "note", 3)
    assert 1 <= len(lines) <= 3
    assert all(size_of(line, "note") <= width for line in lines)
    assert size_of(shortened(text, width, "note"), "note") <= width
    assert not re.search("[\x00-\x1f\u202e]", "".join(lines))


def test_wrapping_loses_no_word_that_fits() -> None:
    text = "the loss falls and falls and stays where it is"
    assert " ".join(wrapped(text, 120.0, "note", 9)) == text


def test_a_long_text_is_cut_quickly() -> None:
    assert wrapped("x" * 1_000_000, 400.0, "title")[0].endswith("…")


def test_axes_around_a_picture() -> None:
    svg = Svg()
    axes = Axes(svg, Linear(-1.0, 1.0, 60.0, 260.0), Linear(-1.0, 1.0, 240.0, 40.0))
    axes.left("x₂", grid=False, outside=True)
    axes.bottom("x₁", outside=True)
    axes.outline()
    root = ET.fromstring(svg.document((0, 0, 300, 300), "t", "d"))
    assert not [e for e in root.iter(f"{SVG}path") if e.get("class") == "grid"]
    marks = [e.get("d", "") for e in root.iter(f"{SVG}path") if e.get("class") == "axis"]
    numbers = [t for t in texts_of(root) if re.fullmatch(r"−?[\d.]+", t.text)]
    assert len(marks) == len(numbers) >= 6
    assert {"M55,40h5", "M60,240v5"} <= set(marks)
    assert max(t.right for t in numbers if "end" in t.classes) <= 52.0
    assert min(t.left for t in numbers if "end" in t.classes) >= 60.0 - left_margin(axes.y) - 0.01
