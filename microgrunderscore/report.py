"""Pictures, tables and text as one page of HTML, which asks nothing of the network.

`page` puts sections together, for whatever they hold; `training_sections` says what is to be seen
of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .engine import Value
from .graph import gc_paused
from .history import Epoch, History
from .losses import LOSSES
from .nn import MLP
from .ops import mean
from .pictures.boundary import MOST_CLASSES, decision_boundary
from .pictures.charts import (
    accuracy_curve,
    activation_histograms,
    gradient_ridges,
    gradient_sizes,
    loss_curve,
)
from .pictures.names import number_text
from .pictures.neuron_maps import neuron_maps
from .pictures.overview import overview
from .pictures.palette import DARK, LIGHT, MONO, SANS
from .pictures.picture import Picture
from .pictures.recorder import Frame, Recorder
from .pictures.replay import replay
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


Part: TypeAlias = str | Table | Sequence[Picture]  # a paragraph, a table, pictures side by side


@dataclass(frozen=True)
class Section:
    """A heading, and what is below it."""

    title: str
    parts: Sequence[Part]


def page(title: str, lead: str, sections: Sequence[Section], *, kind: str = "report") -> str:
    """Sections as one page of HTML with a table of contents, light or dark as the reader's system.

    Args:
        title, lead: the heading, and a sentence below it.
        sections: what is on the page; sections without parts are left out.
        kind: what the page is, for those who find the file: written into its head.

    >>> "<h2" in page("Report", "", [Section("Scores", ["All right."])])
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


def _picture(picture: Picture) -> str:
    """A picture; one that moves has a fragment of a page."""
    fragment = getattr(picture, "fragment", None)
    if fragment is None:
        return f"<figure>{picture.svg}</figure>"
    return f'<figure class="wide">{fragment}</figure>'


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
figure{{margin:0;max-width:100%}}
figure.wide{{flex:1 1 100%}}
figure>svg{{border:1px solid var(--line);border-radius:12px;display:block;box-sizing:border-box}}
.scroll{{overflow-x:auto;margin:10px 0}}
.scroll table{{border-collapse:collapse}}
.scroll caption{{text-align:left;color:var(--muted);padding:0 0 6px}}
details caption{{display:none}}
summary{{cursor:pointer;color:var(--value);margin:8px 0}}
.scroll th,.scroll td{{padding:4px 22px 4px 0;text-align:left;border-top:1px solid var(--line);
white-space:nowrap}}
.scroll thead th{{color:var(--muted);font-weight:400;border-top:0}}
.scroll tbody th{{font-weight:600}}
.scroll td{{font:600 13.5px/1.5 {MONO}}}
@media print{{nav{{display:none}}figure{{break-inside:avoid}}}}
"""


# ---- what is to be seen of a training -----------------------------------------------------------

MOST_ROWS = 200  # of the table of epochs
MOST_FRAMES = 60  # that are recorded
MOST_RECORDED = 1_000_000  # numbers in all frames together
MOST_EDGES = 200_000  # of the graph of the batch that the overview shows
MOST_SAMPLES = 100  # of that batch
MOST_POINTS = 300  # in a plane
MOST_MAPS = 64  # neurons whose answers are drawn over a plane
STEEP = 100.0  # where the loss falls by more, its axis is logarithmic


@dataclass(frozen=True)
class Rows:
    """Samples, their targets as the model was trained on them, and what they are called."""

    X: Sequence[Sequence[float]]
    y: Sequence[float]
    name: str

    def some(self, most: int) -> Rows:
        """At most so many of them, evenly chosen."""
        places = evenly(len(self.X), most)
        n = len(places)
        name = self.name if n == len(self.X) else f"{n} of the {len(self.X)} {self.name}"
        return Rows([self.X[i] for i in places], [self.y[i] for i in places], name)


@dataclass(frozen=True)
class Training:
    """A training that is over.

    Attributes:
        model: as it is now.
        loss: the name of the loss.
        history: with the rows held out as validation data.
        recorder: what it recorded of this training.
        learned, held_out: the rows to train on, and to test on.
        features: the names of the inputs.
        classes: the names of the classes; None for a regression.
    """

    model: MLP
    loss: str
    history: History
    recorder: Recorder
    learned: Rows
    held_out: Rows
    features: Sequence[str]
    classes: Sequence[str] | None


def recorder_for(model: MLP, epochs: int) -> Recorder:
    """A recorder that keeps enough frames of a training, and not too many numbers."""
    n = len(model.parameters())
    recorder = Recorder(every=max(-(-epochs // MOST_FRAMES), -(-epochs * n // MOST_RECORDED)))
    recorder.begin(model)
    return recorder


def training_sections(training: Training) -> list[Section]:
    """How the loss fell, what the gradients and the neurons did, where the classes part."""
    batch = training.held_out.some(_samples_of_a_batch(training.model))
    loss = _mean_loss(training, batch)
    with gc_paused():
        training.model.zero_grad()
        loss.backward()
    sections = [
        Section("Learning", _learning(training)),
        Section("Gradients", _gradients(training, batch)),
        Section("The network", _network(training, batch, loss)),
        Section("What it says of the plane", _plane(training)),
        Section("All numbers", _numbers(training)),
    ]
    training.model.zero_grad()
    return sections


def _learning(training: Training) -> list[Part]:
    history = training.history
    if not len(history):
        return []
    losses = [*history.loss, *history.validation_loss]
    curves: list[Picture] = [
        loss_curve(history, log=0.0 < min(losses) and STEEP * min(losses) < max(losses))
    ]
    if history.accuracy:
        curves.append(accuracy_curve(history))
    return [
        f"Training: the {training.learned.name}, each as it was met in its epoch. Validation: the "
        f"{training.held_out.name}, measured after every epoch and never learned from.",
        curves,
    ]


def _gradients(training: Training, batch: Rows) -> list[Part]:
    charts: list[Picture] = []
    if any(frame.gradient_sizes for frame in training.recorder.frames):
        charts.append(gradient_sizes(training.recorder))
    charts.append(gradient_ridges(training.model))
    return [
        "Epoch by epoch, as the last batch left them; and, layer by layer, for the trained network "
        f"on the {batch.name}.",
        charts,
    ]


def _network(training: Training, batch: Rows, loss: Value) -> list[Part]:
    return [
        [overview(training.model, loss, title=f"The network over the {batch.name}")],
        [activation_histograms(training.model, training.held_out.X)],
    ]


def _plane(training: Training) -> list[Part]:
    """Of a network with two inputs: what it said at every epoch, and what each neuron says now."""
    model, classes = training.model, training.classes
    if len(training.features) != 2:
        return []
    names = [f"{name} (standardised)" for name in training.features]
    learned = training.learned.some(MOST_POINTS)
    parts: list[Part] = [
        "Both inputs are standardised: 0 is the mean of the rows to train on, 1 is one standard "
        "deviation above it."
    ]
    if classes is not None and len(classes) <= MOST_CLASSES and training.recorder.frames:
        called = {"class_names": classes, "feature_names": names}
        test = training.held_out.some(MOST_POINTS)
        title = f"The training again, over the {learned.name}"
        parts.append([replay(training.recorder, learned.X, learned.y, title=title, **called)])
        title = f"Where the classes part, over the {test.name}"
        parts.append([decision_boundary(model, test.X, test.y, title=title, **called)])
    if sum(len(layer.neurons) for layer in model.layers) <= MOST_MAPS:
        parts.append([neuron_maps(model, learned.X, feature_names=names)])
    return parts if len(parts) > 1 else []


def _numbers(training: Training) -> list[Part]:
    """Every epoch as a row of a table."""
    history = training.history
    if not len(history):
        return []
    frames = {frame.epoch: frame for frame in training.recorder.frames}
    layers = list(dict.fromkeys(name for f in frames.values() for name in f.gradient_sizes))
    places = evenly(len(history), MOST_ROWS)
    heads = ["epoch", "training loss", "validation loss"]
    heads += ["training accuracy", "validation accuracy"] * bool(history.accuracy)
    heads += [f"gradients of {name}, rms" for name in layers]
    rows = [_epoch(i, history.epochs[i], frames.get(i), layers) for i in places]
    every = "Every epoch" if len(places) == len(history) else f"{len(places)} of the epochs"
    return [Table(f"{every} in numbers", heads, rows, is_folded=True)]


def _epoch(i: int, epoch: Epoch, frame: Frame | None, layers: Sequence[str]) -> list[str]:
    numbers: list[float | None] = [epoch.loss, epoch.validation_loss]
    if epoch.accuracy is not None:
        numbers += [epoch.accuracy, epoch.validation_accuracy]
    numbers += [None if frame is None else frame.gradient_sizes.get(name) for name in layers]
    return [str(i), *("–" if x is None else number_text(x) for x in numbers)]


def _samples_of_a_batch(model: MLP) -> int:
    """How many samples can be shown together: fewer for larger networks."""
    return min(MOST_SAMPLES, max(1, MOST_EDGES // len(model.parameters())))


def _mean_loss(training: Training, batch: Rows) -> Value:
    """The graph of the mean loss over a batch."""
    of = LOSSES[training.loss]
    samples, targets = data_set("", batch.X, batch.y)
    with gc_paused():
        return mean(*(of(training.model(x), d) for x, d in zip(samples, targets, strict=True)))


def evenly(n: int, most: int) -> list[int]:
    """At most so many of the places 0 … n - 1, evenly chosen, the first and the last among them.

    >>> evenly(3, 5), evenly(9, 3), evenly(9, 1)
    ([0, 1, 2], [0, 4, 8], [0])
    """
    if n <= most:
        return list(range(n))
    return [i * (n - 1) // max(most - 1, 1) for i in range(most)]
