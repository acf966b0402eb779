"""Pictures, tables and text as one page of HTML, which asks nothing of the network.

`page` puts sections together, whatever they hold; a `Reporter` writes such a page on a training.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .charts import (
    Frame,
    Recorder,
    accuracy_curve,
    activation_histograms,
    decision_boundary,
    gradient_ridges,
    gradient_sizes,
    loss_curve,
    neuron_maps,
    replay,
)
from .charts.boundary import MOST_CLASSES
from .engine import Value
from .graph import gc_paused
from .history import Epoch, History
from .losses import LOSSES
from .nn import MLP
from .ops import mean
from .pictures.axes import evenly, is_wide
from .pictures.display import Display
from .pictures.names import number_text
from .pictures.overview import overview
from .pictures.palette import DARK, LIGHT, MONO, SANS
from .pictures.picture import Picture
from .pictures.svg import escaped, variables
from .samples import data_set
from .version import __version__

# ---- a page of sections -------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns; the first of each row names it.

    is_folded: whether it is shown only when the reader asks for it.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_folded: bool = False


Part: TypeAlias = str | Table | Sequence[Display]  # a paragraph, a table, pictures side by side


@dataclass(frozen=True)
class Section:
    """A heading, and what is below it."""

    title: str
    parts: Sequence[Part]


def page(title: str, sections: Sequence[Section], *, lead: str = "", kind: str = "report") -> str:
    """Sections as one page of HTML with a table of contents, light or dark as the reader's system.

    Args:
        title: the heading.
        sections: what is on the page; sections without parts are left out.
        lead: a sentence below the heading.
        kind: what the page is, for those who find the file: written into its head.

    >>> "<h2" in page("Report", [Section("Scores", ["All right."])])
    True
    """
    shown = [section for section in sections if section.parts]
    contents = "".join(
        f'<li><a href="#section-{i}">{escaped(section.title)}</a></li>'
        for i, section in enumerate(shown, 1)
    )
    return _PAGE.format(
        title=escaped(title),
        lead=f"<p>{escaped(lead)}</p>" if lead else "",
        kind=escaped(kind),
        version=__version__,
        style=_STYLE,
        contents=contents,
        sections="\n".join(_section(i, section) for i, section in enumerate(shown, 1)),
    )


def is_page(start: str, *, kind: str) -> bool:
    """Whether a text starts as a page of this kind does that `page` has written.

    >>> is_page(page("Report", [], kind="demo"), kind="demo"), is_page("My notes", kind="demo")
    (True, False)
    """
    mark = rf'<meta name="generator" content="microgrunderscore [0-9][^" ]* {re.escape(kind)}">'
    return re.search(mark, start) is not None


def _section(number: int, section: Section) -> str:
    name = f"section-{number}"
    parts = "\n".join(map(_part, section.parts))
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escaped(section.title)}</h2>\n'
        f"{parts}\n</section>"
    )


def _part(part: Part) -> str:
    """A paragraph, a table, or pictures as markup."""
    if isinstance(part, str):
        return f"<p>{escaped(part)}</p>"
    if isinstance(part, Table):
        return _table(part)
    return f'<div class="pictures">{"".join(map(_picture, part))}</div>'


def _picture(picture: Display) -> str:
    """A picture as SVG, so that its text can be searched; a player as it is."""
    if isinstance(picture, Picture):
        return f"<figure>{picture.svg}</figure>"
    return f'<figure class="wide">{picture.fragment}</figure>'


def _table(table: Table) -> str:
    """A table; where it is folded, its caption is what is clicked on."""
    caption = escaped(table.caption)
    heads = "".join(f'<th scope="col">{escaped(head)}</th>' for head in table.heads)
    rows = "".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>'
        f"{''.join(f'<td>{escaped(cell)}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    head = f"<thead><tr>{heads}</tr></thead>" if table.heads else ""
    whole = f"<table><caption>{caption}</caption>{head}<tbody>{rows}</tbody></table>"
    whole = f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0">{whole}</div>'
    return f"<details><summary>{caption}</summary>{whole}</details>" if table.is_folded else whole


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="generator" content="microgrunderscore {version} {kind}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
</head><body>
<header><h1>{title}</h1>{lead}</header>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
<main>
{sections}
</main>
<footer><p>Written by microgrunderscore {version}.</p></footer>
</body></html>
"""

_STYLE = f"""
:root{{color-scheme:light dark;{variables(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}
body{{margin:0 auto;max-width:1040px;padding:22px 20px 40px;background:var(--background);
color:var(--ink);font:15.5px/1.55 {SANS}}}
h1{{font-size:26px;line-height:1.25;margin:6px 0 4px;overflow-wrap:anywhere}}
h2{{font-size:19px;margin:38px 0 8px;padding-top:12px;border-top:1px solid var(--line)}}
p{{margin:6px 0 10px;max-width:46em;overflow-wrap:anywhere}}
header p,footer p{{color:var(--muted)}}
footer{{margin-top:40px;border-top:1px solid var(--line);font-size:13px}}
nav ul{{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;margin:16px 0 0;padding:0}}
a{{color:var(--value);text-underline-offset:3px}}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{{outline:3px solid var(--value);
outline-offset:2px}}
.pictures{{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start;margin:12px 0}}
figure{{margin:0;max-width:100%;overflow-x:auto}}
figure.wide{{flex:1 1 100%}}
figure>svg{{border:1px solid var(--line);border-radius:12px;display:block;box-sizing:border-box}}
.scroll{{overflow-x:auto;margin:10px 0}}
.scroll table{{border-collapse:collapse}}
.scroll caption{{text-align:left;color:var(--muted);padding:0 0 6px}}
details caption{{display:none}}
summary{{cursor:pointer;color:var(--value);margin:8px 0}}
.scroll th,.scroll td{{padding:4px 22px 4px 0;text-align:left;vertical-align:top;
border-top:1px solid var(--line)}}
.scroll thead th,.scroll thead~tbody td{{white-space:nowrap}}
.scroll thead th{{color:var(--muted);font-weight:400;border-top:0}}
.scroll tbody th{{font-weight:600}}
.scroll thead~tbody td{{font:600 13.5px/1.5 {MONO}}}
@media print{{nav{{display:none}}figure{{break-inside:avoid}}}}
"""


# ---- what is to be seen of a training -----------------------------------------------------------

MOST_ROWS = 200  # of the table of epochs
MOST_FRAMES = 200  # that are recorded
REPLAYED = 40  # of these frames
MOST_RECORDED = 1_000_000  # numbers in all frames together
MOST_MEASURED = 1_000  # rows to test on, after every epoch
MOST_EDGES = 200_000  # of the graph of the batch that the overview shows
MOST_SAMPLES = 100  # of that batch
MOST_POINTS = 300  # in a plane
MOST_MAPS = 64  # neurons whose answers are drawn over a plane


@dataclass(frozen=True)
class Rows:
    """Samples, and their targets as the model was trained on them.

    what: what they are, as in "rows to test on". total: how many of these there are in all.
    """

    X: Sequence[Sequence[float]]
    y: Sequence[float]
    what: str
    total: int

    @classmethod
    def of(cls, X: Sequence[Sequence[float]], y: Sequence[float], what: str) -> Rows:
        """All of them."""
        return cls(X, y, what, len(X))

    def some(self, most: int) -> Rows:
        """At most so many of them, evenly chosen."""
        places = evenly(len(self.X), most)
        X, y = [self.X[i] for i in places], [self.y[i] for i in places]
        return Rows(X, y, self.what, self.total)

    def __str__(self) -> str:
        n = len(self.X)
        return f"{n} {self.what}" if n == self.total else f"{n} of the {self.total} {self.what}"


class Reporter:
    """A callback for `training.fit` that looks on, and afterwards writes a page on the training.

    Args:
        model: the network that will be trained.
        learned, held_out: the rows to train on, and to test on.
        loss: the name of the loss.
        epochs: how many there are to be.
        measure: (X, y) → mean loss, and accuracy or None, of the model as it is.
        features: the names of the inputs.
        classes: the names of the classes; None for a regression.

    The training is the same without it: nothing is chosen by the rows held out.
    """

    def __init__(
        self,
        model: MLP,
        learned: Rows,
        held_out: Rows,
        *,
        loss: str,
        epochs: int,
        measure: Callable[[Any, Any], tuple[float, float | None]],
        features: Sequence[str],
        classes: Sequence[str] | None,
    ) -> None:
        self.model = model
        self.learned = learned
        self.held_out = held_out.some(MOST_MEASURED)
        self.loss = LOSSES[loss]
        self.features = features
        self.classes = classes
        self.history = History()
        self._measure = measure
        n = len(model.parameters())
        self.recorder = Recorder(
            every=max(-(-epochs // MOST_FRAMES), epochs * n // MOST_RECORDED, 1)
        )
        self.recorder.begin(model)

    def __call__(self, epoch: int, history: History, model: Any) -> None:
        """Write down what the epoch gave, and measure the rows held out."""
        try:
            loss, share = self._measure(self.held_out.X, self.held_out.y)
        except (ArithmeticError, ValueError):  # the training goes on: it does not meet these rows
            loss, share = math.nan, None
        seen = replace(history.epochs[-1], validation_loss=loss, validation_accuracy=share)
        self.recorder(epoch, history, model)
        self.history.add(seen)

    def page(self, title: str, facts: Mapping[str, str]) -> str:
        """The page. facts: what was trained and how well it does, as a table.

        The gradients of the model are then 0.
        """
        batch = self.held_out.some(_samples_of_a_batch(self.model))
        loss = self._mean_loss(batch)
        self.model.zero_grad()
        with gc_paused():
            loss.backward()
        sections = [
            Section(
                "Scores", [Table("What was trained, and how well it does", (), [*facts.items()])]
            ),
            Section("Learning", self._learning()),
            Section("Gradients", self._gradients(batch)),
            Section("The network", self._network(batch, loss)),
            Section("The plane of its inputs", self._plane()),
            Section("All numbers", self._numbers()),
        ]
        self.model.zero_grad()
        return page(title, sections)

    def _learning(self) -> list[Part]:
        history = self.history
        if not len(history):
            return []
        is_steep = is_wide([*history.loss, *history.validation_loss])
        curves: list[Display] = [loss_curve(history, log=is_steep)]
        if history.accuracy:
            curves.append(accuracy_curve(history))
        return [
            f"Training: {self.learned}, each as it was met in its epoch. Validation: "
            f"{self.held_out}, measured after every epoch and never learned from.",
            curves,
        ]

    def _gradients(self, batch: Rows) -> list[Part]:
        charts: list[Display] = []
        if any(frame.gradient_sizes for frame in self.recorder.frames):
            charts.append(gradient_sizes(self.recorder))
        charts.append(gradient_ridges(self.model))
        return [
            "Epoch by epoch, as the last batch left them; and layer by layer, of the trained "
            f"network on {batch}.",
            charts,
        ]

    def _network(self, batch: Rows, loss: Value) -> list[Part]:
        return [
            [overview(self.model, loss, title=f"The network over {batch}")],
            [activation_histograms(self.model, self.held_out.X)],
        ]

    def _plane(self) -> list[Part]:
        """Of a network with two inputs, what it says all over their plane."""
        if len(self.features) != 2:
            return []
        names = [f"{name} (standardised)" for name in self.features]
        pictures = self._boundaries(names)
        if sum(len(layer.neurons) for layer in self.model.layers) <= MOST_MAPS:
            X = self.learned.some(MOST_POINTS).X
            pictures.append(neuron_maps(self.model, X, feature_names=names))
        scale = (
            "Both inputs are standardised: 0 is the mean of the rows to train on, 1 one standard "
        )
        return [f"{scale}deviation more.", *([picture] for picture in pictures)]

    def _boundaries(self, names: Sequence[str]) -> list[Display]:
        """Where a classifier draws the line: at every epoch, and now."""
        if not self.classes or len(self.classes) > MOST_CLASSES or not len(self.history):
            return []
        learned, test = self.learned.some(MOST_POINTS), self.held_out.some(MOST_POINTS)
        again = replay(
            self.recorder,
            learned.X,
            learned.y,
            most_frames=REPLAYED,
            title=f"The training again, over {learned}",
            class_names=self.classes,
            feature_names=names,
        )
        now = decision_boundary(
            self.model,
            test.X,
            test.y,
            title=f"Where the classes part, over {test}",
            class_names=self.classes,
            feature_names=names,
        )
        return [again, now]

    def _numbers(self) -> list[Part]:
        """Every epoch as a row of a table."""
        history = self.history
        if not len(history):
            return []
        frames = {frame.epoch: frame for frame in self.recorder.frames}
        layers = list(dict.fromkeys(name for f in frames.values() for name in f.gradient_sizes))
        places = evenly(len(history), MOST_ROWS)
        heads = ["epoch", "training loss", "validation loss"]
        heads += ["training accuracy", "validation accuracy"] * bool(history.accuracy)
        heads += [f"gradients of {name}, rms" for name in layers]
        rows = [_epoch(i, history.epochs[i], frames.get(i), layers) for i in places]
        every = "Every epoch" if len(places) == len(history) else f"{len(places)} of the epochs"
        return [Table(f"{every} in numbers", heads, rows, is_folded=True)]

    def _mean_loss(self, batch: Rows) -> Value:
        """The graph of the mean loss over a batch."""
        samples, targets = data_set("", batch.X, batch.y)
        with gc_paused():
            losses = [self.loss(self.model(x), d) for x, d in zip(samples, targets, strict=True)]
            loss: Value = mean(*losses)
            return loss


def _epoch(i: int, epoch: Epoch, frame: Frame | None, layers: Sequence[str]) -> list[str]:
    numbers: list[float | None] = [epoch.loss, epoch.validation_loss]
    if epoch.accuracy is not None:
        numbers += [epoch.accuracy, epoch.validation_accuracy]
    numbers += [None if frame is None else frame.gradient_sizes.get(name) for name in layers]
    return [str(i), *("–" if x is None else number_text(x) for x in numbers)]


def _samples_of_a_batch(model: MLP) -> int:
    """How many samples can be shown together: fewer for larger networks."""
    return min(MOST_SAMPLES, max(1, MOST_EDGES // len(model.parameters())))
