"""The plane of two inputs: pixels, lines, the decision boundary, and what each neuron sees."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Sequence
from itertools import chain, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from readable import SVG, assert_readable, parsed, texts_of

from microgrunderscore import MLP, Module, Value, classify, datasets
from microgrunderscore.charts import boundary, decision_boundary, neuron_maps, pixels
from microgrunderscore.charts.answers import answers
from microgrunderscore.charts.contours import boundaries
from microgrunderscore.charts.pixels import Tint, png, rgb, tints
from microgrunderscore.charts.plane import Plane
from microgrunderscore.pictures.palette import DARK, LIGHT
from microgrunderscore.pictures.svg import size_of

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "a & b\x00\u202e\ud800",
    "x" * 300,
    "",
    "汉字" * 40,
]
MOONS = datasets.moons(30, noise=0.1, seed=1)


# ---- colours and pixels ------------------------------------------------------------------------


def luminance(colour: Sequence[float]) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def over(tint: Tint, background: Sequence[float]) -> list[float]:
    """What a transparent colour looks like on a background."""
    share = tint[3] / 255
    return [b + (c - b) * share for c, b in zip(tint, background, strict=False)]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_point_stands_out_on_every_tint_in_both_themes(colours: dict[str, str]) -> None:
    background = rgb(colours["background"])
    for own, below in product(boundary.ROLES, repeat=2):
        for tint in tints(below, 32):
            assert contrast(rgb(colours[own]), over(tint, background)) >= 3.0, (own, below, tint)
            assert contrast(rgb(colours["ink"]), over(tint, background)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["value", "negative"])
def test_ink_stands_out_on_the_maps_of_neurons(colours: dict[str, str], role: str) -> None:
    for tint in tints(role, 32, pixels.DEEPEST):
        below = over(tint, rgb(colours["background"]))
        assert contrast(rgb(colours["ink"]), below) >= 3.0


def decoded(image: bytes) -> tuple[list[list[int]], list[Tint]]:
    """The rows and colours of a PNG, read by the letter of the standard."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        kind, data = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", image[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    raw = zlib.decompress(chunks[b"IDAT"])
    rows = [raw[r * (width + 1) : (r + 1) * (width + 1)] for r in range(height)]
    assert all(row[0] == 0 for row in rows)
    colours = [
        (*chunks[b"PLTE"][3 * i : 3 * i + 3], alpha) for i, alpha in enumerate(chunks[b"tRNS"])
    ]
    return [list(row[1:]) for row in rows], colours  # type: ignore[return-value]


@given(
    st.integers(1, 40).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 63), min_size=width, max_size=width), min_size=1, max_size=9
        )
    )
)
def test_png_holds_what_it_was_given(rows: list[list[int]]) -> None:
    colours = [*tints("value", 32), *tints("gradient", 32)]
    assert decoded(png(rows, colours)) == (rows, colours)


def test_png_of_more_than_one_block() -> None:
    rows = [[(r * c) % 3 for c in range(300)] for r in range(500)]
    assert decoded(png(rows, tints("value", 3)))[0] == rows


def test_png_needs_no_compressor() -> None:
    """The pixels stand in the file as they are, so that no build of zlib can change a byte."""
    rows = [[i % 7 for i in range(30)]] * 30
    assert b"".join(b"\0" + bytes(row) for row in rows) in png(rows, tints("value", 7))


@pytest.mark.parametrize(
    ("rows", "colours", "said"),
    [
        ([], 1, "at least one pixel"),
        ([[]], 1, "at least one pixel"),
        ([[0, 0], [0]], 1, r"one length, got \[1, 2\]"),
        ([[2]], 2, "outside the 2 colours"),
        ([[-1]], 2, "outside the 2 colours"),
        ([[0]], 0, "1 to 256 colours, got 0"),
        ([[0]], 257, "1 to 256 colours, got 257"),
    ],
)
def test_png_refuses(rows: list[list[int]], colours: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        png(rows, [(0, 0, 0, 0)] * colours)


# ---- lines -------------------------------------------------------------------------------------


def grid_of(f: Callable[[float, float], Sequence[float]], n: int) -> list[list[Sequence[float]]]:
    """Scores on [-1, 1] × [-1, 1], rows from the top."""
    steps = [2 * i / (n - 1) - 1 for i in range(n)]
    return [[f(x, -y) for x in steps] for y in steps]


def test_a_straight_line_is_found_exactly() -> None:
    (line,) = boundaries(grid_of(lambda x, y: (0.0, x + 2 * y - 0.3), 11))
    places = [(c / 5 - 1, 1 - r / 5) for c, r in line]
    assert all(abs(x + 2 * y - 0.3) < 1e-12 for x, y in places)
    assert {round(abs(x), 9) for x, _ in (places[0], places[-1])} == {1.0}


def test_a_circle_is_one_closed_line() -> None:
    (line,) = boundaries(grid_of(lambda x, y: (0.5, x * x + y * y), 41))
    assert line[0] == line[-1]
    assert all(abs(math.hypot(c / 20 - 1, r / 20 - 1) - math.sqrt(0.5)) < 0.002 for c, r in line)


def test_three_classes_meet_in_a_point() -> None:
    angles = [0.3 + 2 * math.pi * k / 3 for k in range(3)]
    grid = grid_of(lambda x, y: [x * math.cos(a) + y * math.sin(a) for a in angles], 20)
    lines = boundaries(grid)
    assert len(lines) == 3
    meeting = {end for line in lines for end in (line[0], line[-1])}
    inner = [p for p in meeting if 0 < p[0] < 19 and 0 < p[1] < 19]
    assert len(inner) == 1
    assert abs(inner[0][0] - 9.5) < 0.5
    assert abs(inner[0][1] - 9.5) < 0.5


@pytest.mark.parametrize("lift", [0.4, -0.4])
def test_a_saddle_is_cut_by_what_its_middle_says(lift: float) -> None:
    """xy + lift > 0: with a lift the positive corners are joined, without one the others."""
    lines = boundaries(grid_of(lambda x, y: (0.0, x * y + lift), 2))
    assert len(lines) == 2
    for (c0, r0), (c1, r1) in lines:
        corner = (round((c0 + c1) / 2), round((r0 + r1) / 2))  # the one that is cut off
        is_positive = corner in ((1, 0), (0, 1))
        assert is_positive == (lift < 0)


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=4, max_size=4))
def test_every_change_of_winner_is_on_a_line(winners: list[list[int]]) -> None:
    grid = [[[float(k == winner) for k in range(4)] for winner in row] for row in winners]
    lines = boundaries(grid)
    found = sorted({point for line in lines for point in line})
    for r, c in product(range(4), range(5)):
        if c < 4:
            assert (winners[r][c] != winners[r][c + 1]) == ((c + 0.5, float(r)) in found)
        if r < 3:
            assert (winners[r][c] != winners[r + 1][c]) == ((float(c), r + 0.5) in found)
    assert all(len(line) >= 2 for line in lines)


def test_lines_of_huge_scores_are_where_they_belong() -> None:
    assert boundaries([[(0.0, 1e308), (1e308, 0.0)]] * 2) == [[(0.5, 0.0), (0.5, 1.0)]]
    assert boundaries([[(-1e308, 1e308), (1e308, -1e308)]] * 2) == [[(0.5, 0.0), (0.5, 1.0)]]
    assert boundaries([[(1.0, 0.0)] * 3] * 3) == []


# ---- what the model says -----------------------------------------------------------------------


MODELS = {
    "relu": MLP(2, [5, 4, 1], seed=0),
    "tanh, sigmoid": MLP(2, [6, 1], activation="tanh", output="sigmoid", seed=1),
    "two outputs": MLP(2, [7, 2], activation="gelu", seed=2),
    "softmax": MLP(2, [3, 3], activation="leaky_relu", output="softmax", seed=3),
    "own function": MLP(2, [3, 1], activation=lambda v: v * v, seed=4),
    "linear": MLP(2, [1], seed=5),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_fast_way_gives_the_bits_of_predict(name: str) -> None:
    draw = random.Random(0)
    asked = [[draw.uniform(-3, 3), draw.uniform(-3, 3)] for _ in range(40)]
    model = MODELS[name]
    slow = [model.predict(x) for x in asked]
    assert answers(model, asked) == [x if isinstance(x, list) else [x] for x in slow]


@pytest.mark.parametrize("name", MODELS)
def test_the_winner_is_that_of_classify(name: str) -> None:
    model = MODELS[name]
    X, y = MOONS
    chart = decision_boundary(model, X, y, resolution=9)
    left, right, bottom, top = chart.numbers["extent"]
    plane = Plane(left, right, bottom, top, 9)
    asked = [[a, b] for b in plane.rows for a in plane.columns]
    assert [k for row in chart.numbers["classes"] for k in row] == classify(model, asked)
    assert chart.numbers["predicted"] == classify(model, X)


def test_a_subclass_is_asked_itself() -> None:
    class Mirrored(MLP):
        def __call__(self, x: Any) -> Any:
            return -super().__call__(x)

    plain, mirrored = MLP(2, [3, 1], seed=1), Mirrored(2, [3, 1], seed=1)
    assert answers(mirrored, [[1.0, 2.0]]) == [[-x for x in answers(plain, [[1.0, 2.0]])[0]]]


# ---- the picture -------------------------------------------------------------------------------


def with_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in root.iter() if name in (e.get("class") or "").split()]


def diagonal(x: Sequence[float]) -> float:
    return x[0] - x[1]


def test_the_picture_has_the_numbers() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0], [0.0, 0.2], [0.9, 1.0]], [0, 1, 1, 0]
    chart = decision_boundary(diagonal, X, y, resolution=11)
    numbers = chart.numbers
    assert numbers["extent"] == [-0.12, 1.12, -0.12, 1.12]
    assert numbers["targets"] == y
    assert numbers["predicted"] == [0, 1, 0, 0]
    assert numbers["wrong"] == [2]
    assert numbers["accuracy"] == 0.75
    assert len(numbers["grid"]) == len(numbers["grid"][0]) == 11
    assert numbers["grid"][0][0] == [pytest.approx(-1.24)]  # the upper left corner
    for line in numbers["lines"]:
        assert all(abs(a - b) < 1e-9 for a, b in line)
    json.dumps(numbers, allow_nan=False)
    assert "3 of 4 points right, 1 wrong: accuracy 75 %." in chart.text
    assert "Wrong: point 2 at (0, 0.2) is class 1; the model says class 0." in chart.text


def test_the_pixels_are_the_clearness() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    chart = decision_boundary(diagonal, X, y, resolution=11)
    (image,) = parsed(chart.svg).iter(f"{SVG}image")
    rows, colours = decoded(base64.b64decode(str(image.get("href")).split(",")[1]))
    assert colours == [*tints("value", 32), *tints("gradient", 32)]
    for r, c in product(range(11), range(11)):
        winner, level = divmod(rows[r][c], 32)
        assert winner == chart.numbers["classes"][r][c]
        assert level == round(31 * chart.numbers["clearness"][r][c])


def test_points_rings_and_line_are_drawn_where_they_are() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0], [0.0, 0.2]], [0, 1, 1]
    root = parsed(decision_boundary(diagonal, X, y, resolution=11).svg)
    circles, squares = with_class(root, "point-1"), with_class(root, "point-2")
    assert (len(circles), len(squares)) == (1 + 1, 2 + 1)  # and one of each in the legend
    shapes = [{str(e.get("d")).split("m")[1] for e in found} for found in (circles, squares)]
    assert [len(found) for found in shapes] == [1, 1]  # one shape for each class, as in the legend
    assert shapes[0] != shapes[1]
    rings = [e for e in with_class(root, "ring") if "a8,8" in e.get("d", "")]
    assert len(rings) == 1
    ring = str(rings[0].get("d")).split("m")[0]
    wrong = [e for e in squares if "the model says" in "".join(e.itertext())]
    assert [str(e.get("d")).split("m")[0] for e in wrong] == [ring]
    (line,) = (e for e in with_class(root, "ink-line") if e.get("stroke-linejoin"))
    ends = str(line.get("d"))[1:].split("L")
    box = next(e for e in with_class(root, "axis") if e.tag == f"{SVG}rect")
    x, y0, w, h = (float(str(box.get(k))) for k in ("x", "y", "width", "height"))
    corners = {f"{x:g},{y0 + h:g}", f"{x + w:g},{y0:g}"}
    assert {ends[0], ends[-1]} == corners  # from one edge to the other, no gap


CASES: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "one class": (diagonal, [[0, 1], [0, 2], [0, 3]], [0, 0, 0], {}),
    "all points equal": (diagonal, [[2.0, 2.0]] * 5, [0, 1, 0, 1, 1], {}),
    "one point": (diagonal, [[1, 1]], [1], {}),
    "all wrong": (diagonal, [[0, 1], [1, 0]], [1, 0], {}),
    "a constant model": (lambda x: 0.0, [[0, 1], [1, 0]], [-1, 1], {}),
    "huge": (lambda x: x[0] * 1e-300, [[-1e300, 3e299], [1e300, 0.0]], [0, 1], {}),
    "tiny": (diagonal, [[1e-300, 0.0], [0.0, 1e-300]], [0, 1], {}),
    "far": (diagonal, [[1e16, 1e16 + 2], [1e16 + 2, 1e16]], [0, 1], {}),
    "huge outputs": (lambda x: (x[0] - x[1]) * 1e308, [[0, 1], [1, 0]], [0, 1], {}),
    "NumPy": (lambda x: np.float64(x[0]), np.array([[0, 1.0], [1, 0]]), np.array([-1, 1]), {}),
    "Values": (lambda x: Value(x[0]) - x[1], [[0, 1], [1, 0]], [False, True], {}),
    "lists of one": (lambda x: [x[0]], [[-1, 1], [1, 0]], [[0], [1]], {}),
    "one-hot": (lambda x: [x[0], x[1], 0.5], [[0, 1], [1, 0]], [[0, 1, 0], [1, 0, 0]], {}),
    "seven classes": (
        lambda x: [math.cos(k + x[0]) + x[1] * math.sin(k) for k in range(7)],
        [[k, k % 3] for k in range(7)],
        list(range(7)),
        {"class_names": HOSTILE},
    ),
    "hostile": (
        diagonal,
        [[0, 1], [1, 0]],
        [1, 0],
        {"class_names": HOSTILE[:2], "feature_names": HOSTILE[2:4], "title": HOSTILE[0]},
    ),
    "long": (
        diagonal,
        [[0, 1], [1, 0]],
        [1, 0],
        {
            "class_names": HOSTILE[4:6],
            "feature_names": [HOSTILE[4], HOSTILE[6]],
            "title": "x" * 300,
        },
    ),
    "chosen features": (
        lambda x: x[0] + x[2] - x[1],
        [[0, 1, 5], [1, 0, 7], [1, 1, 7]],
        [1, 0, 1],
        {"features": (2, 0)},
    ),
}


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("case", CASES)
def test_any_two_inputs_can_be_drawn(case: str, theme: str) -> None:
    model, X, y, options = CASES[case]
    chart = decision_boundary(model, X, y, resolution=12, theme=theme, **options)
    root = parsed(chart.svg)
    assert_readable(chart.svg)
    assert chart.svg == decision_boundary(model, X, y, resolution=12, theme=theme, **options).svg
    assert not [e for e in root.iter() if e.tag.split("}")[1] in ("script", "img", "b")]
    assert not [a for e in root.iter() for a in e.attrib if a.startswith("on")]
    assert "nan" not in chart.svg
    json.dumps(chart.numbers, allow_nan=False)
    assert ("prefers-color-scheme" in chart.svg) == (theme == "auto")


@pytest.mark.parametrize("right", [2.5, 1e6, 1e-3, 1e9])
def test_a_tick_at_the_right_end_is_not_cut_off(right: float) -> None:
    chart = decision_boundary(diagonal, [[0.0, 0.0], [right / 1.12, 1.0]], [0, 1], resolution=4)
    ticks = [t for t in texts_of(parsed(chart.svg)) if "middle" in t.classes]
    assert max(t.right for t in ticks) > 440.0  # there is one
    assert_readable(chart.svg, edge=6.0)


def test_other_features_are_held_at_their_mean() -> None:
    asked: list[list[float]] = []

    def model(x: list[float]) -> float:
        asked.append(list(x))
        return x[0]

    chart = decision_boundary(
        model, [[0, 1, 5], [2, 3, 8]], [1, 0], features=(0, 2), resolution=4,
        class_names=["no", "yes"],
    )  # fmt: skip
    plane = [x for x in asked if x not in ([0, 1, 5], [2, 3, 8])]
    assert len(plane) == 16
    assert {x[1] for x in plane} == {2.0}
    assert "all else is at its mean (x₂ = 2)" in chart.text
    assert "over x₁ from" in chart.text
    assert "x₃ from" in chart.text


def test_many_points_are_thinned_and_counted() -> None:
    X = [[i / 1000, 1 - i / 1000] for i in range(2500)]
    y = [int(a > b) for a, b in X]
    chart = decision_boundary(diagonal, X, y, resolution=4)
    root = parsed(chart.svg)
    drawn = len(with_class(root, "point-1")) + len(with_class(root, "point-2")) - 2
    assert drawn == 1000
    assert "1,000 of 2,500 points are drawn." in chart.text
    assert chart.numbers["accuracy"] == 1.0


class Diverged(Module):
    """A model of one's own whose parameter is no number any more."""

    def __init__(self) -> None:
        self.w = Value(math.nan)

    def __call__(self, x: Any) -> Any:
        return self.w * x[0]


def failing(x: Any) -> float:
    raise ZeroDivisionError("by chance")


@pytest.mark.parametrize(
    ("model", "X", "y", "options", "error", "said"),
    [
        (diagonal, [[1, 2, 3]], [1], {}, ValueError, r"X has 3: choose two, as in features=\(0, 1"),
        (diagonal, [1.0, 2.0], [0, 1], {}, ValueError, "plane of 2 features, but X has 1"),
        (diagonal, [[1, 2]], [2], {}, ValueError, "row 0 is 2, which names no class"),
        (diagonal, [[1, 2], [3, 4]], [0.5, 1], {}, ValueError, "row 0 is 0.5"),
        (diagonal, [[1, 2], [3, 4]], [-1, 0], {}, ValueError, "row 1 is 0, which names no"),
        (lambda x: [1, 2], [[1, 2]], [2], {}, ValueError, "y: row 0: a class index"),
        (lambda x: [1, 2], [[1, 2]], [[1, 0, 0]], {}, ValueError, "3 numbers, the model 2 outputs"),
        (lambda x: [], [[1, 2]], [0], {}, ValueError, "gives no output"),
        (lambda x: [0.0] * 43, [[1, 2]], [0], {}, ValueError, "43 classes cannot be told apart"),
        (Diverged(), [[1, 2]], [0], {}, ValueError, "the model says nan: only finite outputs"),
        (lambda x: math.inf, [[1, 2]], [0], {}, ValueError, "the model says ∞"),
        (diagonal, [[1, math.nan]], [0], {}, ValueError, "row 0, column 1 is nan"),
        (diagonal, [[-1e308, 0], [1e308, 1]], [0, 1], {}, ValueError, "too far to be drawn"),
        (diagonal, [], [], {}, ValueError, "no samples"),
        (diagonal, [[1, 2]], [0, 1], {}, ValueError, "1 samples, but 2 targets"),
        (diagonal, [[1, 2]], [0], {"resolution": 1}, ValueError, "at least 2, got 1"),
        (diagonal, [[1, 2]], [0], {"resolution": 513}, ValueError, "at most 512, got 513"),
        (diagonal, [[1, 2]], [0], {"resolution": 2.5}, TypeError, "whole number"),
        (diagonal, [[1, 2]], [0], {"features": (0, 2)}, ValueError, "different numbers below 2"),
        (diagonal, [[1, 2]], [0], {"features": (1, 1)}, ValueError, "different numbers below 2"),
        (diagonal, [[1, 2]], [0], {"features": 1}, TypeError, "a pair such as"),
        (diagonal, [[1, 2]], [0], {"class_names": ["a"]}, ValueError, "a list of 2 names"),
        (diagonal, [[1, 2]], [0], {"class_names": "ab"}, ValueError, "a list of 2 names"),
        (diagonal, [[1, 2]], [0], {"feature_names": ["a"]}, ValueError, "a list of 2 names"),
        (diagonal, [[1, 2]], [0], {"feature_names": "ab"}, ValueError, "a list of 2 names"),
        (diagonal, [[1, 2]], [0], {"feature_names": []}, ValueError, "a list of 2 names"),
        (lambda x: [1, 2], [[1, 2]], [[0.5, 3.0]], {}, ValueError, "row 0 is .* names no class"),
        (lambda x: [1, 2], [[1, 2]], [[0.0, 0.0]], {}, ValueError, "class indices or one-hot"),
        (lambda x: [1, 2], [[1, 2]], [[-1.0, -1.0]], {}, ValueError, "names no class"),
        (diagonal, [[1, 2]], [0], {"theme": "pink"}, ValueError, "theme must be one of"),
        (failing, [[1, 2]], [0], {}, ZeroDivisionError, "by chance"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    model: Any, X: Any, y: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        decision_boundary(model, X, y, **options)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        ([[0, 1], [1, 0]], ["class 0", "class 1"]),
        ([[-1, 1], [1, -1]], ["class 0", "class 1"]),  # −1 is no class, but "not this one"
        ([[0.1, 0.9], [0.7, 0.3]], ["class 0", "class 1"]),
        ([1, 0], ["class 0", "class 1"]),
    ],
)
def test_rows_that_name_a_class(y: Any, names: list[str]) -> None:
    chart = decision_boundary(lambda x: [x[0], x[1]], [[0, 1], [1, 0]], y, resolution=3)
    assert chart.numbers["targets"] == [1, 0]
    assert chart.numbers["accuracy"] == 1.0
    assert [line.split(" (")[0] for line in chart.text.splitlines()[2:]] == names


def test_names_and_features_may_be_arrays() -> None:
    chart = decision_boundary(
        lambda x: x[2],
        np.eye(3),
        np.array([0, 0, 1]),
        features=np.array([2, 0]),
        feature_names=np.array(["depth", "width"]),
        resolution=3,
    )
    assert "over depth from" in chart.text
    assert chart.numbers["points"] == [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]


def test_an_error_of_the_model_says_for_which_input() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        decision_boundary(failing, [[1, 2]], [0])
    assert caught.value.__notes__ == ["while the model was asked about [1.0, 2.0]"]


class Axes:
    """Stands for the axes of matplotlib: writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: self.calls.append((name, arguments, options))

    def named(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(a, o) for n, a, o in self.calls if n == name]


def test_plot_draws_the_same_numbers() -> None:
    X, y = [[0.0, 1.0], [1.0, 0.0], [0.0, 0.2]], [0, 1, 1]
    chart = decision_boundary(diagonal, X, y, resolution=5, title="cost in $ & $")
    axes = Axes()
    assert chart.plot(axes) is axes
    ((image,), options) = axes.named("imshow")[0]
    assert np.shape(image) == (5, 5, 4)
    assert options["extent"] == pytest.approx((-0.275, 1.275, -0.275, 1.275))
    assert axes.named("set_xlim") == [((-0.12, 1.12), {})]
    scattered = {o["label"]: list(zip(*a, strict=True)) for a, o in axes.named("scatter")}
    assert scattered == {
        "class 0": [(0.0, 1.0)],
        "class 1": [(1.0, 0.0), (0.0, 0.2)],
        "wrong": [(0.0, 0.2)],
    }
    assert len({o["marker"] for _, o in axes.named("scatter")[:2]}) == 2
    assert axes.named("set_title") == [((r"cost in \$ & \$",), {})]
    ((xs, ys), _) = axes.named("plot")[0]
    assert xs == pytest.approx(ys)


# ---- what each neuron sees ---------------------------------------------------------------------


def test_maps_are_what_the_neurons_say() -> None:
    model = MLP(2, [3, 2], activation="tanh", seed=1)
    X = MOONS[0]
    chart = neuron_maps(model, X, resolution=5)
    left, right, bottom, top = chart.numbers["extent"]
    plane = Plane(left, right, bottom, top, 5)
    hidden, last = chart.numbers["layers"]
    assert (hidden["activation"], last["activation"]) == ("tanh", "identity")
    assert (len(hidden["maps"]), len(last["maps"])) == (3, 2)
    for r, b in enumerate(plane.rows):
        for c, a in enumerate(plane.columns):
            h = model.layers[0].predict([a, b])
            assert [m[r][c] for m in hidden["maps"]] == h
            assert [m[r][c] for m in last["maps"]] == model.predict([a, b])
    images = list(parsed(chart.svg).iter(f"{SVG}image"))
    assert len(images) == 5
    for image, outputs in zip(images, hidden["maps"] + last["maps"], strict=True):
        rows, _ = decoded(base64.b64decode(str(image.get("href")).split(",")[1]))
        peak = max(abs(x) for row in outputs for x in row)
        for x, tint in zip(chain(*outputs), chain(*rows), strict=True):
            assert tint == round(31 * abs(x) / peak) + 32 * (x < 0)
    assert chart.svg == neuron_maps(model, X, resolution=5).svg
    assert_readable(chart.svg)


def test_the_line_of_a_neuron_is_where_its_sum_is_0() -> None:
    model = MLP(2, [1], activation="relu", seed=0)
    neuron = model.layers[0].neurons[0]
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 1.0, 0.0, -0.5
    root = parsed(neuron_maps(model, [[0.0, 0.0], [1.0, 1.0]], resolution=5).svg)
    (line,) = with_class(root, "ring")
    image = next(e for e in with_class(root, "axis") if e.tag == f"{SVG}rect")
    middle = float(str(image.get("x"))) + float(str(image.get("width"))) / 2
    places = [point.split(",") for point in str(line.get("d"))[1:].split("L")]
    assert {float(x) for x, _ in places} == {middle}


def test_dead_neurons_and_wide_layers() -> None:
    model = MLP(2, [70, 1], seed=0)
    for neuron in model.layers[0].neurons[:2]:
        neuron.b.data = -1e6
    chart = neuron_maps(model, MOONS[0], resolution=3, title=HOSTILE[0])
    assert "neuron 1: always 0; neuron 2: always 0;" in chart.text
    assert "6 more neurons" in chart.text
    assert len(list(parsed(chart.svg).iter(f"{SVG}image"))) == 64 + 1
    assert_readable(chart.svg)
    axes = Axes()
    chart.plot(axes)
    assert len(axes.named("imshow")) == 65


class Doubled(MLP):
    """Does more than pass a sample through its layers."""

    def __call__(self, x: Any) -> Any:
        return 2.0 * super().__call__(x)


@pytest.mark.parametrize("size", [1e-300, 1.2345e-7, 0.001234, 1.0, 12345.6, 1.2345e5, 1e300])
def test_what_is_written_below_a_map_is_no_wider(size: float) -> None:
    model = MLP(2, [3], output="identity", seed=0)
    model.load_state({name: size * x for name, x in model.state().items()})
    root = parsed(neuron_maps(model, [[-1.0, -1.0], [1.0, 1.0]], resolution=5).svg)
    below = ["".join(e.itertext()) for e in with_class(root, "middle")]
    assert len(below) == 3
    for text in below:
        assert size_of(text, "tag") <= 88.0 - 2.0, text


@pytest.mark.parametrize(
    ("model", "X", "error", "said"),
    [
        (diagonal, [[1, 2]], TypeError, "looks into the layers of a network"),
        (Diverged(), [[1, 2]], TypeError, "Diverged"),
        (MLP(3, [1], seed=0), [[1, 2, 3]], ValueError, "X has 3"),
        (MLP(2, [1], seed=0), [], ValueError, "X is empty"),
        (Doubled(2, [2, 1], seed=0), [[1, 2]], ValueError, "Doubled does more than pass a sample"),
    ],
)
def test_maps_refuse(model: Any, X: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        neuron_maps(model, X)


def test_maps_refuse_what_is_not_finite() -> None:
    model = MLP(2, [2, 1], seed=0)
    model.layers[0].neurons[1].w[0].data = 1e308
    with pytest.raises(ValueError, match="neuron 2 of layer 1 says inf"):
        neuron_maps(model, [[100.0, 2.0], [1e-3, 1.0]])
