"""The report holds what was trained: every number of the history, accessible, and asking nobody."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from microgrunderscore import datasets
from microgrunderscore.charts import loss_curve
from microgrunderscore.nn import MLP
from microgrunderscore.optim import Adam
from microgrunderscore.pictures.names import number_text
from microgrunderscore.pictures.palette import DARK, LIGHT
from microgrunderscore.report import (
    MOST_FRAMES,
    MOST_MEASURED,
    MOST_RECORDED,
    MOST_ROWS,
    Reporter,
    Rows,
    Section,
    Table,
    is_page,
    page,
)
from microgrunderscore.training import accuracy, evaluate, fit

HOSTILE = "</title></h2><script>alert(1)</script> & \"'\x00"
NEVER_CLOSED = {"meta", "img", "input", "br", "link", "hr"}


class Outline(HTMLParser):
    """The headings, ids, links and captions of a page, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes.append((tag, found))
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if tag == "a" else []
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(x) for name, x in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings.append((self.open[-1], data))


def checked(text: str) -> Outline:
    """The outline of a page that is well-formed, and that keeps to itself."""
    outline = Outline(text)
    assert not outline.open
    assert [x for x, n in Counter(outline.ids).items() if n > 1] == []
    named = [str(found.get("aria-labelledby", "")) for _, found in outline.attributes]
    for name in " ".join(named).split():
        assert name in outline.ids
    for link in outline.links:
        assert link.startswith("#")
        assert link[1:] in outline.ids
    for _, found in outline.attributes:
        for name in ("src", "href"):
            assert str(found.get(name, "#")).startswith(("#", "data:"))
    assert "default-src 'none'" in text
    assert not re.search(r"url\(\s*[\"']?http|@import", text)
    return outline


# ---- pages --------------------------------------------------------------------------------------


def test_a_page_has_an_outline() -> None:
    sections = [
        Section("One", ["Some text."]),
        Section("Empty", []),
        Section("Two", [[loss_curve([3.0, 2.0])], Table("T", ["a", "b"], [["x", "1"]])]),
    ]
    text = page("Title", sections, lead="The lead.")
    outline = checked(text)
    assert outline.headings == [("h1", "Title"), ("h2", "One"), ("h2", "Two")]
    assert outline.links == ["#section-1", "#section-2"]
    assert text == page("Title", sections, lead="The lead.")
    assert text.startswith('<!doctype html>\n<html lang="en">')
    tags = [tag for tag, _ in outline.attributes]
    assert [tags.count(tag) for tag in ("main", "nav", "h1", "svg", "table")] == [1] * 5


def test_tables_are_accessible() -> None:
    table = Table("Numbers", ["epoch", "loss"], [["0", "1"], ["1", "0.5"]], is_folded=True)
    outline = checked(page("T", [Section("S", [table])]))
    scopes = [found.get("scope") for tag, found in outline.attributes if tag == "th"]
    assert scopes == ["col", "col", "row", "row"]
    tags = [tag for tag, _ in outline.attributes]
    assert "caption" in tags
    assert tags.index("details") < tags.index("table")
    open_table = page("T", [Section("S", [Table("N", (), [["a", "b"]])])])
    assert "<details" not in open_table
    assert "<thead" not in open_table


def test_hostile_texts_are_shown() -> None:
    table = Table(HOSTILE, [HOSTILE], [[HOSTILE, HOSTILE]], is_folded=True)
    text = page(HOSTILE, [Section(HOSTILE, [HOSTILE, table])], lead=HOSTILE, kind='"><script>')
    assert "<script" not in text
    assert "\x00" not in text
    outline = checked(text)
    assert "".join(x for _, x in outline.headings).count("<script>alert(1)</script>") == 2


def test_both_themes() -> None:
    style = page("T", []).partition("<style>")[2].partition("</style>")[0]
    light, _, dark = style.partition("prefers-color-scheme:dark")
    for role in LIGHT:
        assert f"--{role}:{LIGHT[role]}" in light
        assert f"--{role}:{DARK[role]}" in dark
    used = set(re.findall(r"var\(--([a-z-]+)\)", style))
    assert used <= set(LIGHT)
    rules = dark.partition("}}")[2]
    assert not re.search("#[0-9a-f]{3,6}", rules)  # every colour comes from the palette


def test_pages_are_recognised() -> None:
    assert is_page(page("T", [], kind="demo"), kind="demo")
    assert not is_page(page("T", [], kind="report"), kind="demo")
    assert not is_page(page('<meta name="generator" content="microgrunderscore 1 demo">', []),
                       kind="demo")  # fmt: skip
    assert not is_page("", kind="demo")


# ---- trainings ----------------------------------------------------------------------------------


def reported(
    X: Sequence[Sequence[float]],
    y: Sequence[float],
    *,
    classes: Sequence[str] | None,
    hidden: Sequence[int] = (3,),
    epochs: int = 4,
    watched: bool = True,
) -> tuple[Reporter, MLP]:
    """A training of three quarters of the rows, and what looked on."""
    n = len(X) * 3 // 4
    nout = len(classes or "1")
    model = MLP(len(X[0]), [*hidden, nout], activation="tanh", initialise="glorot", seed=0)
    loss = "cross_entropy" if classes else "squared_error"
    reporter = Reporter(
        model,
        Rows.of(X[:n], y[:n], "rows to train on"),
        Rows.of(X[n:], y[n:], "rows to test on"),
        loss=loss,
        epochs=epochs,
        measure=lambda X, y: (
            evaluate(model, X, y, loss=loss),
            accuracy(model, X, y) if classes else None,
        ),
        features=[f"f{i}" for i in range(len(X[0]))],
        classes=classes,
    )
    callbacks = [reporter] if watched else []
    if epochs:
        fit(model, X[:n], y[:n], loss=loss, optimizer=Adam(model, lr=0.05), epochs=epochs,
            batch_size=10, callbacks=callbacks)  # fmt: skip
    return reporter, model


def moons(n: int = 40) -> tuple[list[list[float]], list[int]]:
    return datasets.moons(n, noise=0.1, seed=1)


def test_a_classification_of_two_features() -> None:
    reporter, _ = reported(*moons(), classes=["up", HOSTILE])
    text = reporter.page("Moons", {"rows": "30 to train on", HOSTILE: HOSTILE})
    outline = checked(text)
    assert [x for tag, x in outline.headings if tag == "h2"] == [
        "Scores", "Learning", "Gradients", "The network", "The plane of its inputs", "All numbers",
    ]  # fmt: skip
    assert "<script>alert" not in text
    for words in (
        ">Loss<", ">Accuracy<", "Size of the gradients, epoch by epoch",
        "Size of the gradients, layer by layer", "The network over 10 rows to test on",
        "Activations, layer by layer", "The training again, over 30 rows to train on",
        "Where the classes part, over 10 rows to test on", "What each neuron sees",
        "30 rows to train on, each as it was met",
    ):  # fmt: skip
        assert words in text
    assert text == reported(*moons(), classes=["up", HOSTILE])[0].page(
        "Moons", {"rows": "30 to train on", HOSTILE: HOSTILE}
    )


def test_a_regression_has_no_accuracy_and_no_boundary() -> None:
    X, _ = moons()
    text = reported(X, [a - b for a, b in X], classes=None)[0].page("R", {})
    checked(text)
    assert ">Loss<" in text
    assert "What each neuron sees" in text
    for words in (">Accuracy<", "accuracy", "The training again", "Where the classes part"):
        assert words not in text


def test_other_than_two_features_have_no_plane() -> None:
    X, y = datasets.iris()
    text = reported(X[::10], y[::10], classes=["s", "c", "v"], epochs=1)[0].page("I", {})
    assert "The plane of its inputs" not in [x for _, x in checked(text).headings]
    assert ">Accuracy<" in text


def test_a_training_that_was_interrupted_at_once() -> None:
    reporter, _ = reported(*moons(), classes=["up", "down"], epochs=0)
    outline = checked(reporter.page("M", {"training": "interrupted"}))
    headings = [x for tag, x in outline.headings if tag == "h2"]
    assert headings == ["Scores", "Gradients", "The network", "The plane of its inputs"]


def test_every_number_is_in_the_table() -> None:
    reporter, _ = reported(*moons(), classes=["up", "down"], epochs=5)
    table = reporter.page("M", {}).partition("<details")[2].rpartition("</details>")[0]
    table = table[table.rindex('<th scope="col">epoch</th>') :]
    rows = [re.findall("<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in table.split("<tr>")]
    assert rows[0] == [
        "epoch", "training loss", "validation loss", "training accuracy", "validation accuracy",
        "gradients of layer 1, rms", "gradients of layer 2, rms",
    ]  # fmt: skip
    for i, row in enumerate(rows[1:]):
        epoch, frame = reporter.history.epochs[i], reporter.recorder.frames[i + 1]
        numbers = [epoch.loss, epoch.validation_loss, epoch.accuracy, epoch.validation_accuracy]
        numbers += frame.gradient_sizes.values()
        assert row == [str(i), *(number_text(x) for x in numbers if x is not None)]
    assert len(rows) == 6


def test_the_training_is_the_same_without_it() -> None:
    _, watched = reported(*moons(), classes=["up", "down"])
    _, alone = reported(*moons(), classes=["up", "down"], watched=False)
    assert watched.state() == alone.state()


def test_the_validation_is_that_of_the_rows_held_out() -> None:
    X, y = moons()
    reporter, model = reported(X, y, classes=["up", "down"])
    last = reporter.history.epochs[-1]
    assert last.validation_loss == evaluate(model, X[30:], y[30:], loss="cross_entropy")
    assert last.validation_accuracy == accuracy(model, X[30:], y[30:])


def test_the_page_changes_no_parameter() -> None:
    reporter, model = reported(*moons(), classes=["up", "down"])
    before = model.state()
    reporter.page("M", {})
    assert model.state() == before
    assert not any(p.grad for p in model.parameters())


def test_rows_that_cannot_be_measured_do_not_end_the_training() -> None:
    reporter, _ = reported(*moons(), classes=["up", "down"], epochs=0)

    def refuse(*_: Any) -> Any:
        raise FloatingPointError("the loss is inf")

    reporter._measure = refuse
    model = reporter.model
    X, y = moons()
    fit(model, X[:30], y[:30], loss="cross_entropy", optimizer=Adam(model), epochs=2,
        callbacks=[reporter])  # fmt: skip
    assert all(math.isnan(x) for x in reporter.history.validation_loss)
    checked(reporter.page("M", {}))


def test_large_things_are_thinned() -> None:
    reporter, model = reported(*moons(), classes=["up", "down"], epochs=0)
    long = Reporter(
        model, reporter.learned, reporter.held_out, loss="cross_entropy", epochs=10 * MOST_FRAMES,
        measure=lambda X, y: (1.0, 0.5), features=["a", "b"], classes=["up", "down"],
    )  # fmt: skip
    assert long.recorder.every == 10
    huge = 10 * MOST_RECORDED // len(model.parameters())
    assert Reporter(
        model, reporter.learned, reporter.held_out, loss="cross_entropy", epochs=huge,
        measure=lambda X, y: (1.0, 0.5), features=["a", "b"], classes=["up", "down"],
    ).recorder.every >= huge // MOST_FRAMES  # fmt: skip
    rows = Rows.of([[0.0]] * 5000, [1.0] * 5000, "rows to test on")
    assert str(rows) == "5000 rows to test on"
    assert str(rows.some(MOST_MEASURED).some(100)) == "100 of the 5000 rows to test on"
    epoch = reported(*moons(), classes=["up", "down"], epochs=1)[0].history.epochs[0]
    reporter.history.epochs += [epoch] * 1000
    (table,) = reporter._numbers()
    assert isinstance(table, Table)
    assert len(table.rows) == MOST_ROWS
    assert (table.rows[0][0], table.rows[-1][0]) == ("0", "999")
    assert table.caption == f"{MOST_ROWS} of the epochs in numbers"
