"""Training played again: the frames, the player's page, and the model left as it was."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from readable import SVG, assert_readable, parsed
from test_boundary import HOSTILE

from microgrunderscore import MLP, SGD, Adam, Module, Value, accuracy, datasets, fit
from microgrunderscore.charts import Frame, Recorder, Replay, decision_boundary, hidden_code, replay
from microgrunderscore.charts.film import bare
from microgrunderscore.charts.panels import CurvePanel, Curves
from microgrunderscore.pictures.picture import Picture

MOONS = datasets.moons(24, noise=0.1, seed=1)
XOR = datasets.xor()
LINE = ([[x / 5] for x in range(-5, 6)], [(x / 5) ** 2 for x in range(-5, 6)])


def trained(
    model: Any, X: Any, y: Any, loss: str, epochs: int = 4, before: bool = False
) -> Recorder:
    recorder = Recorder()
    if before:
        recorder.begin(model)
    fit(model, X, y, loss=loss, optimizer=SGD(model, lr=0.1), epochs=epochs, callbacks=[recorder])
    return recorder


def moons_recorder(epochs: int = 4, before: bool = False) -> Recorder:
    model = MLP(2, [4, 1], activation="tanh", seed=1)
    return trained(model, *MOONS, "binary_cross_entropy", epochs, before)


class Page(HTMLParser):
    """The elements of a page, and what the scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def told(shown: Replay) -> dict[str, Any]:
    """The data of the player."""
    page = Page(shown.fragment)
    assert len(page.scripts) == 2
    assert [s.get("type") for s in page.named("script")] == ["application/json", None]
    data: dict[str, Any] = json.loads(page.scripts[0])
    return data


def stills(shown: Replay) -> list[ET.Element]:
    """The pictures that are seen without scripts."""
    sources = [str(image["src"]) for image in Page(shown.fragment).named("img")]
    return [ET.fromstring(base64.b64decode(s.split("base64,")[1])) for s in sources]


KINDS: dict[str, tuple[Any, Any, Any, str, dict[str, Any], list[str]]] = {
    "one output": (
        lambda: MLP(2, [4, 1], activation="tanh", seed=1),
        *MOONS,
        "binary_cross_entropy",
        {},
        ["epoch", "loss", "accuracy", "wrong"],
    ),
    "three classes": (
        lambda: MLP(2, [4, 3], activation="tanh", seed=1),
        *datasets.spirals(12, classes=3),
        "cross_entropy",
        {"class_names": HOSTILE[:3]},
        ["epoch", "loss", "accuracy", "wrong"],
    ),
    "no probabilities": (
        lambda: MLP(2, [3, 1], seed=1),
        *XOR,
        "squared_error",
        {},
        ["epoch", "loss", "accuracy", "wrong"],
    ),
    "chosen features": (
        lambda: MLP(3, [3, 2], activation="tanh", seed=1),
        [[0, 1, 2], [1, 0, 2], [1, 1, 0]],
        [0, 1, 0],
        "cross_entropy",
        {"features": (0, 2)},
        ["epoch", "loss", "accuracy", "wrong"],
    ),
    "four features": (
        lambda: MLP(4, [3, 3], seed=1),
        *(part[::25] for part in datasets.iris()),
        "cross_entropy",
        {},
        ["epoch", "loss", "accuracy"],
    ),
    "a line": (
        lambda: MLP(1, [4, 1], activation="tanh", seed=1),
        *LINE,
        "squared_error",
        {},
        ["epoch", "loss"],
    ),
    "two inputs, no classes": (
        lambda: MLP(2, [2, 1], activation="tanh", seed=1),
        [[0, 1], [1, 2]],
        [0.5, 2.5],
        "squared_error",
        {},
        ["epoch", "loss"],
    ),
    "drawn": (
        lambda: MLP(3, [2, 3], activation="sigmoid", output="sigmoid", seed=1),
        *datasets.one_hot(3),
        "squared_error",
        {"draw": lambda model: hidden_code(model, datasets.one_hot(3)[0])},
        ["epoch", "loss"],
    ),
    "NumPy": (
        lambda: MLP(2, [2, 1], activation="tanh", seed=1),
        np.array(XOR[0]),
        np.array(XOR[1]),
        "binary_cross_entropy",
        {},
        ["epoch", "loss", "accuracy", "wrong"],
    ),
}


@pytest.mark.parametrize("before", [False, True], ids=["", "with the first frame"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_fits_the_player(kind: str, before: bool) -> None:
    make, X, y, loss, options, columns = KINDS[kind]
    recorder = trained(make(), X, y, loss, 4, before)
    shown = replay(recorder, X, y, resolution=6, **options)
    data = told(shown)
    assert len(data["frames"]) == len(shown.frames) == 4 + before
    markup = Page(data["markup"])
    parts = {a["data-part"]: tag for tag, a in markup.elements if "data-part" in a}
    numbers = [a["data-number"] for _, a in markup.elements if "data-number" in a]
    assert numbers == columns
    for frame in data["frames"]:
        assert set(frame["parts"]) == set(parts), "the player would look for what is not there"
        assert list(frame["numbers"]) == columns
        assert ("picture" in frame) == (kind == "drawn")
        for name, attributes in frame["parts"].items():
            allowed = {"image": {"href"}, "path": {"d"}, "g": {"transform", "visibility"}}
            assert set(attributes) <= allowed[str(parts[name])]
    (slider,) = markup.named("input")
    assert (slider["min"], slider["max"]) == ("0", str(3 + before))
    assert [b["data-does"] for b in markup.named("button")] == [
        "first", "previous", "next", "last", "play",
    ]  # fmt: skip
    assert all(b["type"] == "button" for b in markup.named("button"))
    assert shown.fragment == replay(recorder, X, y, resolution=6, **options).fragment
    assert "nan" not in data["markup"].lower().replace("nan-", "")


def test_the_frames_are_the_models_of_their_epochs() -> None:
    recorder = moons_recorder(before=True)
    shown = replay(recorder, *MOONS, resolution=9)
    data = told(shown)
    for kept, numbers, frame in zip(recorder.frames, shown.frames, data["frames"], strict=True):
        recorder.model.load_state(kept.state)
        chart = decision_boundary(recorder.model, *MOONS, resolution=9)
        (image,) = parsed(chart.svg).iter(f"{SVG}image")
        assert frame["parts"]["heat"]["href"] == image.get("href")
        assert numbers["epoch"] == kept.epoch
        assert numbers["wrong"] == chart.numbers["wrong"]
        assert numbers["accuracy"] == accuracy(recorder.model, *MOONS)
        assert numbers["gradient_sizes"] == kept.gradient_sizes
        assert frame["parts"]["rings"]["d"].count("M") == len(numbers["wrong"])
        assert frame["says"] in shown.text
    assert shown.frames[0]["loss"] is None
    assert data["frames"][0]["numbers"]["epoch"] == "before"
    assert data["frames"][0]["numbers"]["loss"] == "–"
    assert data["frames"][0]["parts"]["history-0-0"]["visibility"] == "hidden"
    assert data["frames"][1]["parts"]["history-0-0"]["visibility"] == "visible"


def test_the_marker_is_on_the_curve() -> None:
    shown = replay(moons_recorder(5), *MOONS, resolution=4)
    data = told(shown)
    curves = re.findall(r'class="series-1" d="M([^"]+)"', data["markup"])
    losses = [tuple(map(float, p.split(","))) for p in curves[0].split("L")]
    for frame, (x, y) in zip(data["frames"], losses, strict=True):
        place = frame["parts"]["history-0-0"]["transform"]
        found = re.fullmatch(r"translate\(([\d.]+),([\d.]+)\)", place)
        assert found
        assert (float(found[1]), float(found[2])) == (x, y)
        assert frame["parts"]["history-0"]["transform"] == f"translate({found[1]},0)"


def state(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


def test_the_model_is_left_as_it_was() -> None:
    recorder = moons_recorder()
    recorder.model.parameters()[0].data = 12.5  # not that of any frame
    kept = state(recorder.model)
    replay(recorder, *MOONS, resolution=4)
    assert state(recorder.model) == kept


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_the_model_is_left_as_it_was_even_when_interrupted(error: type[BaseException]) -> None:
    recorder = moons_recorder()
    recorder.model.parameters()[0].data = 12.5
    kept, calls = state(recorder.model), []

    def interrupted(model: Any) -> Picture:
        calls.append(state(model))
        if len(calls) == 3:
            raise error("now")
        return hidden_code(model, MOONS[0][:3])

    with pytest.raises(error, match="now"):
        replay(recorder, *MOONS, draw=interrupted)
    assert len({tuple(x) for x in calls}) == 3  # it had been changed
    assert state(recorder.model) == kept


def test_an_output_that_is_not_finite_says_at_which_epoch() -> None:
    recorder = moons_recorder()
    frame = recorder.frames[2]
    huge = dict.fromkeys(frame.state, 1e308)
    recorder.frames[2] = Frame(2, frame.loss, frame.accuracy, huge, frame.gradient_sizes)
    kept = state(recorder.model)
    with pytest.raises(ValueError, match="only finite outputs can be drawn") as caught:
        replay(recorder, *MOONS, resolution=4)
    assert caught.value.__notes__ == ["in the frame of epoch 2"]
    assert state(recorder.model) == kept


class Halves(Module):
    """A model of one's own, which is no MLP."""

    def __init__(self) -> None:
        self.w = Value(0.5)

    def __call__(self, x: Any) -> Any:
        return self.w * (x[0] - x[1])


def test_a_model_of_ones_own() -> None:
    recorder = trained(Halves(), [[0, 1], [1, 0]], [0, 1], "binary_cross_entropy")
    shown = replay(recorder, [[0, 1], [1, 0]], [0, 1], resolution=4)
    assert [frame["wrong"] for frame in shown.frames] == [[]] * 4


# ---- the page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text: str) -> None:
    shown = replay(
        moons_recorder(2), *MOONS, resolution=4, title=text, class_names=[text, text],
        feature_names=[text, text],
    )  # fmt: skip
    page = Page(shown.html)
    assert len(page.scripts) == 2
    assert json.loads(page.scripts[0])["frames"]
    assert not re.search("<[/!s]", page.scripts[0], re.IGNORECASE)
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "div", "p", "strong", "img", "details",
        "summary", "table", "thead", "tbody", "tr", "th", "td", "script",
    }  # fmt: skip
    inner = Page(json.loads(page.scripts[0])["markup"])
    assert {tag for tag, _ in inner.elements} <= {
        "style", "div", "h3", "svg", "title", "desc", "rect", "path", "text", "tspan", "image", "g",
        "circle", "dl", "dt", "dd", "p", "button", "input", "span", "kbd",
    }  # fmt: skip
    for _, attributes in page.elements + inner.elements:
        assert not [name for name in attributes if name.startswith("on")]


def test_nothing_is_asked_of_the_network() -> None:
    html = replay(moons_recorder(2), *MOONS, resolution=4).html
    for address in re.findall(r"https?://[^\"' )<\\]+", html):
        assert address == "http://www.w3.org/2000/svg"
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|eval|Function)\s*\(", html)
    assert "@import" not in html
    assert "url(" not in html


def test_without_scripts_there_are_pictures_and_a_table() -> None:
    shown = replay(moons_recorder(3), *MOONS, resolution=4, title="Moons & more")
    page = Page(shown.fragment)
    assert "Moons & more" in page.texts
    first, second = page.named("img")
    assert str(first["alt"]).startswith("Moons & more. Epoch 2: loss")
    assert first["src"] != second["src"]
    assert len(page.named("tr")) == 1 + 3
    cells = [text for text in page.texts if text.strip()]
    for frame in told(shown)["frames"]:
        assert set(frame["numbers"].values()) <= set(cells)
    images = [list(root.iter(f"{SVG}image")) for root in stills(shown)]
    assert [len(found) for found in images] == [1, 0]
    last = told(shown)["frames"][-1]["parts"]
    assert images[0][0].get("href") == last["heat"]["href"]  # they are the last frame


@pytest.mark.parametrize("kind", KINDS)
def test_the_panels_are_laid_out_well(kind: str) -> None:
    make, X, y, loss, options, _ = KINDS[kind]
    shown = replay(trained(make(), X, y, loss, 3), X, y, resolution=4, **options)
    for root in stills(shown):
        assert_readable(ET.tostring(root, encoding="unicode"))


@pytest.mark.parametrize("right", [2.24, 99.9])
def test_the_last_tick_of_the_plane_is_not_cut_off(right: float) -> None:
    """At this right end stands a tick, 2.5 or 112."""
    X, y = [[0.0, 0.0], [right, 1.0]], [0, 1]
    recorder = trained(MLP(2, [1], seed=1), X, y, "binary_cross_entropy", 1)
    left, *_ = stills(replay(recorder, X, y, resolution=32))
    assert_readable(ET.tostring(left, encoding="unicode"))


@pytest.mark.parametrize("last", [9, 99, 1000, 100_000])
@pytest.mark.parametrize("labels", [["loss"], ["a", "b"]])
def test_the_last_epoch_is_not_cut_off(last: int, labels: list[str]) -> None:
    points = [(0.0, 2.0), (float(last), 1.0)]
    curves = Curves("Loss", dict.fromkeys(labels, points), "zero", 200.0)
    panel = CurvePanel("history", [curves], (0.0, float(last)))
    assert_readable(panel.drawn(0.0, "t", "d", "auto", parts=False))


def test_two_players_on_a_page_share_no_name() -> None:
    """Whatever has an id is inside the shadow of its player, which is found by its class."""
    shown = replay(moons_recorder(2), *MOONS, resolution=4)
    page = Page(shown.fragment)
    assert not [a for _, a in page.elements if "id" in a]
    assert page.elements[0] == ("div", {"class": "mg-replay"})
    assert "getElementById" not in page.scripts[1]


def test_forty_epochs_of_moons_are_small() -> None:
    shown = replay(moons_recorder(40, before=True), *MOONS)
    assert len(shown.frames) == 41
    assert len(shown.html.encode()) < 400_000


def test_it_shows_itself_and_is_saved(tmp_path: Path) -> None:
    shown = replay(moons_recorder(2), *MOONS, resolution=4, title="Moons")
    assert shown._repr_mimebundle_() == {"text/html": shown.fragment, "text/plain": shown.text}
    assert str(shown) == shown.text
    assert repr(shown) == "<Replay: Moons>"
    target = shown.save(tmp_path / "r.html")
    assert target.read_text(encoding="utf-8") == shown.html
    with pytest.raises(FileExistsError):
        shown.save(target)
    shown.save(target, overwrite=True)
    with pytest.raises(ValueError, match=r"end it in \.html"):
        shown.save(tmp_path / "r.svg")
    parsed(shown.svg)


# ---- which frames ------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [2, 3, 7, 60])
def test_frames_are_chosen_evenly(most: int) -> None:
    recorder = moons_recorder(20)
    shown = replay(recorder, *MOONS, resolution=2, most_frames=most)
    epochs = [frame["epoch"] for frame in shown.frames]
    assert len(epochs) == min(most, 20)
    assert (epochs[0], epochs[-1]) == (0, 19)
    gaps = {b - a for a, b in pairwise(epochs)}
    assert max(gaps) - min(gaps) <= 1
    assert (f"{most} frames of 20 recorded" in shown.text) == (most < 20)


def test_one_frame_is_enough() -> None:
    shown = replay(moons_recorder(1), *MOONS, resolution=4)
    assert len(shown.frames) == 1
    assert "Moons" not in shown.text
    assert told(shown)["milliseconds"] == 700


def test_a_falling_loss_is_drawn_on_a_logarithmic_axis() -> None:
    model = MLP(1, [4, 1], activation="tanh", seed=0)
    recorder = Recorder()
    fit(
        model, *LINE, loss="squared_error", optimizer=Adam(model, lr=0.05), epochs=120,
        callbacks=[recorder],
    )  # fmt: skip
    shown = replay(recorder, *LINE)
    is_wide = max(f["loss"] for f in shown.frames) > 200 * min(f["loss"] for f in shown.frames)
    assert ("Training loss (log scale)" in shown.fragment) == is_wide


# ---- pictures that follow the page --------------------------------------------------------------


def test_a_drawn_picture_follows_the_page() -> None:
    """The player's own style sheet, one for all frames, says what theirs would have said."""
    make, X, y, loss, options, _ = KINDS["drawn"]
    data = told(replay(trained(make(), X, y, loss), X, y, **options))
    whole = options["draw"](make())
    style = data["markup"].split("</style>")[0]
    rules = re.findall(r"\[data-picture\] \.([\w-]+)\{([^}]*)\}", style)
    assert [name for name, _ in rules] == re.findall(
        r"\.([\w-]+)\{", whole.svg[whole.svg.index("<style>") : whole.svg.index("@media")]
    )
    assert not re.search("#[0-9a-f]{6}", "".join(said for _, said in rules))
    for frame in data["frames"]:
        assert "<style>" not in frame["picture"]
        assert len(frame["picture"]) < 0.75 * len(whole.svg)


def test_a_picture_of_one_theme_keeps_its_colours() -> None:
    dark = decision_boundary(lambda x: x[0], [[0, 1], [1, 0]], [0, 1], resolution=4, theme="dark")
    assert bare(dark) == (dark.svg, set())
    assert bare(Picture("<svg></svg>", "", "")) == ("<svg></svg>", set())


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "X", "y", "options", "error", "said"),
    [
        (Recorder, *MOONS, {}, ValueError, "nothing was recorded"),
        (lambda: print, *MOONS, {}, TypeError, "replay needs a Recorder, not builtin"),
        (moons_recorder, *MOONS, {"most_frames": 1}, ValueError, "most_frames must be at least 2"),
        (moons_recorder, *MOONS, {"draw": 3}, TypeError, "draw must be a function"),
        (moons_recorder, *MOONS, {"draw": repr}, TypeError, "draw must return a Picture"),
        (moons_recorder, MOONS[0], MOONS[1][:3], {}, ValueError, "24 samples, but 3 targets"),
        (moons_recorder, MOONS[0], [0.5] * 24, {"features": (0, 1)}, ValueError, "names no class"),
        (moons_recorder, *MOONS, {"resolution": 1}, ValueError, "resolution must be at least 2"),
        (moons_recorder, *MOONS, {"class_names": ["a"]}, ValueError, "a list of 2 names"),
    ],
)
def test_what_cannot_be_played_is_refused(
    make: Any, X: Any, y: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        replay(make(), X, y, **options)
