"""What a reader's browser makes of the pictures: readable, nothing cut off, nothing covered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from microgrunderscore import MLP, Value, charts, datasets, draw, fit, mean, overview, play
from microgrunderscore.differences import gradcheck
from microgrunderscore.losses import squared_error
from microgrunderscore.optim import Adam
from microgrunderscore.pictures.layers import layerwise_picture

if TYPE_CHECKING:
    from browser import Browser

GOLDEN = Path(__file__).parent / "golden"
DRAWN = sorted(path.stem for path in GOLDEN.glob("*.svg"))
LEAST_CONTRAST, LEAST_SIZE = 4.5, 11.0
PICTURE = "svg[role=img]"

# The boxes of cards, operations and pills, and of the texts of a picture.
BOXES = """
(svg) => {
  const box = (e) => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom]; };
  const all = (selector) => [...svg.querySelectorAll(selector)].map(box);
  return { frame: box(svg), cards: all(".card"), pills: all(".slope-row"), texts: all("text") };
}
"""


def overlaps(a: list[float], b: list[float], slack: float) -> bool:
    """Whether two boxes share more than a rim."""
    return all(min(a[i + 2], b[i + 2]) - max(a[i], b[i]) > slack for i in (0, 1))


@pytest.fixture(scope="module")
def training() -> dict[str, Any]:
    """Every chart of a small training, and the pictures of its network."""
    X, labels = datasets.moons(40, seed=1)
    model = MLP(2, [6, 6, 1], activation="tanh", seed=0)
    recorder = charts.Recorder()
    history = fit(
        model, X, labels, loss="binary_cross_entropy", optimizer=Adam(model, lr=0.05), epochs=8,
        batch_size=10, validation=(X, labels), callbacks=[recorder],
    )  # fmt: skip
    loss = mean([squared_error(model(x), d) for x, d in zip(X, labels, strict=True)])
    loss.backward()
    patterns, _ = datasets.one_hot(8)
    coder = MLP(8, [3, 8], activation="sigmoid", seed=0)
    return {
        "loss": charts.loss_curve(history),
        "accuracy": charts.accuracy_curve(history),
        "sizes": charts.gradient_sizes(recorder),
        "ridges": charts.gradient_ridges(model),
        "activations": charts.activation_histograms(model, X),
        "boundary": charts.decision_boundary(model, X, labels),
        "neurons": charts.neuron_maps(model, X),
        "code": charts.hidden_code(coder, patterns),
        "U": charts.u_curve(gradcheck(lambda x: x.sin(), 0.5)),
        "overview": overview(model, loss),
        "layers": layerwise_picture(model.layerwise(X[0], lambda y: squared_error(y, 1.0))),
        "summary": draw(loss),
    }


PICTURES = (
    "loss", "accuracy", "sizes", "ridges", "activations", "boundary", "neurons", "code", "U",
    "overview", "layers", "summary",
)  # fmt: skip


def check_texts(page: Any, look: Any, name: str) -> None:
    """Every text is large enough, stands out from its ground, and lies open."""
    seen = look(page, PICTURE)
    assert len(seen) > 3, name
    for text in seen:
        assert text["size"] >= LEAST_SIZE, (name, text)
        assert text["contrast"] >= LEAST_CONTRAST, (name, text)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", [x for x in DRAWN if not x.endswith("paths")])
def test_drawings_can_be_read(name: str, dark: bool, open_page: Browser, look: Any) -> None:
    svg = (GOLDEN / f"{name}.svg").read_text("utf-8")
    check_texts(open_page(svg, dark=dark, width=4000, height=4000), look, name)


@pytest.mark.parametrize("name", DRAWN)
def test_cards_and_pills_keep_apart(name: str, open_page: Browser, look: Any) -> None:
    svg = (GOLDEN / f"{name}.svg").read_text("utf-8")
    boxes = look(open_page(svg, width=4000, height=4000), PICTURE, BOXES)
    solid = [*boxes["cards"], *boxes["pills"]]
    assert solid
    for i, a in enumerate(solid):
        assert overlaps(a, boxes["frame"], 1.0)
        assert not [b for b in solid[:i] if overlaps(a, b, 0.5)], name
    for i, a in enumerate(boxes["texts"]):
        left, top, right, bottom = boxes["frame"]
        assert left <= a[0]
        assert a[2] <= right
        assert top <= a[1]
        assert a[3] <= bottom
        assert not [b for b in boxes["texts"][:i] if overlaps(a, b, 3.0)], name


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_charts_can_be_read(
    name: str,
    dark: bool,
    training: dict[str, Any],
    open_page: Browser,
    look: Any,
) -> None:
    page = open_page(training[name].svg, dark=dark, width=1800, height=1800)
    check_texts(page, look, name)
    boxes = look(page, PICTURE, BOXES)
    for a in boxes["texts"]:
        assert boxes["frame"][0] <= a[0]
        assert a[2] <= boxes["frame"][2], name


def test_a_bundle_without_scripts_or_svg_is_a_picture(open_page: Browser) -> None:
    """What remains in a notebook that is not trusted: the image, and the steps in words."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = (x * y).log()
    for html in (
        draw(z)._repr_mimebundle_()["text/html"],
        play(z)._repr_mimebundle_()["text/html"],
    ):
        page = open_page(html, scripts=False)
        width = page.locator("img").evaluate("e => e.complete && e.naturalWidth")
        assert width > 300


def test_two_pictures_on_a_page_keep_their_colours(open_page: Browser) -> None:
    x = Value(2.0, "x")
    both = draw(x * x, theme="light").svg + draw(x * x, theme="dark").svg
    page = open_page(both)
    fill = "es => es.map((e) => getComputedStyle(e.querySelector('.card')).fill)"
    light, dark = page.locator("svg").evaluate_all(fill)
    assert light != dark
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_first_notebook_as_a_page(scripts: bool, open_page: Browser) -> None:
    """nbconvert's page shows the drawings, and the player plays without a kernel."""
    nbconvert = pytest.importorskip("nbconvert")
    path = Path(__file__).parent.parent / "notebooks" / "01_log_xy.ipynb"
    html, _ = nbconvert.HTMLExporter(template_name="basic").from_filename(str(path))
    page = open_page(f"<!doctype html><meta charset='utf-8'><body>{html}</body>", scripts=scripts)
    drawn = page.locator("img").evaluate_all("es => es.map((e) => e.naturalWidth)")
    assert len(drawn) >= 3
    assert min(drawn) > 300
    if scripts:
        page.get_by_role("button", name="Next").first.click()
        assert page.get_by_text("2 / 8").is_visible()
    else:
        assert page.locator("details li").count() >= 8
