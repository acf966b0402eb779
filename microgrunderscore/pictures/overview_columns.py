"""A network as books draw it: a column for each layer, once forward and once backward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias

from .axes import heading, notes, shortened, wrapped
from .batch import Batch, Column, Layer, Role, Side
from .histogram import Histogram, brief, from_to, largest, root_mean_square
from .names import name_of, number_text
from .svg import Svg, short, size_of

MARGIN = 28.0
LINE = 16.0  # px from one line of text to the next
GAP = 250.0  # px from column to column, where there is room
NARROWEST, WIDEST = 760.0, 1600.0  # px, of the picture
LEVELS = 24  # of the width and strength of lines
DASH = "7 3"  # of negative weights
HEADINGS = {
    "value": "Forward →  weights on the lines, activations over the batch in the boxes",
    "gradient": "← Backward  |∂L/∂w| on the lines, ∂L/∂activation over the batch in the boxes",
}

Line: TypeAlias = tuple[int, int, float, str]  # from and to which box, number, what it stands for


class Place(NamedTuple):
    """A box on paper, px."""

    left: float
    top: float
    width: float
    height: float

    @property
    def x(self) -> float:
        """Its middle."""
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        """Its middle."""
        return self.top + self.height / 2

    def inside(self, x: float, y: float) -> Place:
        """The same, smaller by so much on either side, and above and below."""
        return Place(self.left + x, self.top + y, self.width - 2 * x, self.height - 2 * y)


class Columns:
    """The picture of a batch.

    Attributes:
        svg: what is drawn. width, height: px. boxes, lines: how many there are in either half.
    """

    def __init__(self, batch: Batch, title: str) -> None:
        self.svg, self.batch, self.columns = Svg(), batch, batch.columns
        self._measure()
        room = self.width - 2 * MARGIN
        y = heading(self.svg, MARGIN, 38, title, room)
        y = self._panel(y + 36, "value")
        y = self._panel(y + 52, "gradient")
        self.height = notes(self.svg, MARGIN, y + 18, self._notes(), room) + 22

    def _measure(self) -> None:
        """How far columns and boxes are apart."""
        rows = max(len(column.forward.boxes) for column in self.columns)
        has_tall = any(column.is_one_box for column in self.columns)
        self._step = min(max(420.0 / rows, 30.0), 46.0)
        self._tallest = max(rows * self._step, 200.0 if has_tall else 90.0)
        self._first = MARGIN + (62.0 if self.columns[0].is_one_box else 44.0)
        room = WIDEST - MARGIN - self._first - 62.0 - 70.0 - 132.0
        self._gap = min(GAP, room / (len(self.columns) - 1))
        places = self._places(0.0)
        self._end = places[-1][0].left + places[-1][0].width + 70.0
        self.width = max(self._end + 132.0 + MARGIN, NARROWEST)
        self.boxes = sum(map(len, places)) + 1

    def _places(self, middle: float) -> list[list[Place]]:
        """Where the boxes of every column are; middle: of the panel, px."""
        width, height = 88.0 if self._gap >= 190.0 else 70.0, self._step - 5
        places = []
        for k, column in enumerate(self.columns):
            x = self._first + k * self._gap
            if column.is_one_box:
                tall = 196.0 if column.forward.lines else 108.0
                places.append([Place(x - 62.0, middle - tall / 2, 124.0, tall)])
            else:
                top = middle - column.size * self._step / 2 + 2.5
                tops = (top + j * self._step for j in range(column.size))
                places.append([Place(x - width / 2, y, width, height) for y in tops])
        return places

    def _panel(self, y: float, role: Role) -> float:
        """One pass, from this height on; returns where it ends."""
        layers = self.batch.layers
        lines = [list(_lines(*pair, role)) for pair in zip(self.columns, layers, strict=False)]
        thickest: dict[str, float] = {}
        for _, _, x, kind in chain(*lines):
            thickest[kind] = max(thickest.get(kind, 0.0), largest([x]))
        y = self._heads(self._heading(y, role, thickest), role)
        middle = y + 14 + self._tallest / 2
        places = self._places(middle)
        for layer, own, (before, here) in zip(layers, lines, pairwise(places), strict=True):
            if own:
                with self.svg.group():
                    side = layer.side(role)
                    self.svg.title(f"{layer.name}: {side.symbol} {from_to(chain(*side.lines))}")
                    self._draw_lines(own, before, here, thickest)
        loss = Place(self._end, middle - 31, 132.0, 62.0)
        self._draw_ends(places[-1], loss, role)
        for column, boxes in zip(self.columns, places, strict=True):
            self._draw_boxes(column, boxes, role)
        draw_loss(self.svg, self.batch, loss, role)
        self.lines = sum(map(len, lines))
        return middle + self._tallest / 2

    # ---- headings ----

    def _heading(self, y: float, role: Role, thickest: Mapping[str, float]) -> float:
        """What the panel shows and what its lines mean; returns the base line of the last text."""
        self.svg.text(MARGIN, y, HEADINGS[role], "heading")
        legend = _legend(thickest)
        widths = [(42 if classes else 0) + size_of(said, "note") for classes, said in legend]
        x = self.width - MARGIN - sum(widths) - 18 * (len(widths) - 1)
        if x < MARGIN + size_of(HEADINGS[role], "heading") + 30:
            x, y = MARGIN, y + 24
        for (classes, said), width in zip(legend, widths, strict=True):
            if classes:
                dash = DASH if classes == "negative-line" else None
                line = f"M{short(x)},{short(y - 4)}h34"
                self.svg.path(line, classes, stroke_width=3.5, stroke_dasharray=dash)
            self.svg.text(x + width - size_of(said, "note"), y, said, "note muted")
            x += width + 18
        return y

    def _heads(self, y: float, role: Role) -> float:
        """What stands above the columns; returns the base line of the last text."""
        heads = [self._head(column, role) for column in self.columns] + [["loss"]]
        xs = [places[0].x for places in self._places(0.0)] + [self._end + 66]
        y += 12 + LINE * max(map(len, heads))
        for x, lines in zip(xs, heads, strict=True):
            for i, line in enumerate(reversed(lines)):
                self.svg.text(x, y - LINE * i, line, "note muted middle")
        return y

    def _head(self, column: Column, role: Role) -> list[str]:
        """What stands above a column; in a narrow one without what the heading says as well."""
        width = self._gap - 14
        lines = column.heads(role)
        if any(size_of(piece, "note") > width for piece in chain(*lines)):
            for words in (" of activations", "|∂L/∂w| = "):
                lines = [[piece.replace(words, "") for piece in pieces] for pieces in lines]
        return joined(lines, width)

    def _notes(self) -> list[str]:
        """What the picture stands for, and how it is to be read."""
        texts = self.batch.remarks(self.boxes, self.lines)
        texts.append(
            "In the boxes: how often each value occurs, on one scale per layer; the tick is 0."
        )
        if self.lines and any(column.is_one_box for column in self.columns):
            texts.append("Where a line stands for many weights, it shows their root mean square.")
        return [" ".join(texts)]

    # ---- lines ----

    def _draw_lines(
        self,
        lines: Iterable[Line],
        before: Sequence[Place],
        here: Sequence[Place],
        thickest: Mapping[str, float],
    ) -> None:
        """The weights of a layer, or their gradients: thin ones first, so that thick ones show."""
        looks: dict[tuple[int, str], str] = {}
        for i, j, x, kind in lines:
            most = thickest[kind]
            size = min(abs(x) / most, 1.0) if most and math.isfinite(x) else float(x != 0)
            # keeps crossing fields of weights readable, and small gradients seen
            power = 0.6 if kind == "gradient-line" else 1.8
            signed = "negative-line" if x < 0 else "positive-line"
            look = math.ceil(LEVELS * size**power), signed if kind == "weight" else kind
            looks[look] = looks.get(look, "") + _curve(before[i], here[j])
        for (level, classes), curves in sorted(looks.items()):
            width = 0.5 + 3.9 * level / LEVELS
            dashed = classes == "negative-line" and width > 1.2
            self.svg.path(
                curves,
                classes,
                stroke_width=f"{width:.2f}",
                opacity=f"{0.16 + 0.7 * level / LEVELS:.2f}",
                stroke_dasharray=DASH if dashed else None,
            )

    def _draw_ends(self, outputs: Sequence[Place], loss: Place, role: Role) -> None:
        """From the outputs to the loss, or back."""
        for place, histogram in zip(outputs, self.columns[-1].forward.histograms, strict=True):
            if histogram.total and role == "value":
                self.svg.path(_curve(place, loss.inside(-8, 0)), "edge")
            elif histogram.total:
                self.svg.path(
                    _curve(place.inside(-8, 0), loss), "gradient-line", stroke_width="1.6"
                )
                tip = f"M{short(place.left + place.width + 1)},{short(place.y)}"
                self.svg.path(f"{tip}l9,-4.5v9z", "gradient-area")
        if role == "value":
            self.svg.path(f"M{short(loss.left - 1)},{short(loss.y)}l-9,-4.5v9z", "arrow")

    # ---- boxes ----

    def _draw_boxes(self, column: Column, places: Sequence[Place], role: Role) -> None:
        """The boxes of a column, with what was counted."""
        histograms = column.side(role).histograms
        for i, (place, histogram) in enumerate(zip(places, histograms, strict=True)):
            with self.svg.group():
                self.svg.title(column.title(i, role))
                self.svg.rect(place, "card", 7)
                if column.is_one_box:
                    self._draw_tall(column.side(role), place)
                elif column is self.batch.inputs:
                    self._draw_input(f"x{i + 1}", histogram, place, role)
                else:
                    histogram.draw(self.svg, place.inside(6, 4), f"{role}-area")

    def _draw_input(self, name: str, histogram: Histogram, place: Place, role: Role) -> None:
        """The name of an input, and beside it what was given."""
        is_drawn = histogram.total > 0
        x = place.left + 17 if is_drawn else place.x
        self.svg.text(x, place.y + 5, name_of(name).text, "name middle")
        if is_drawn:
            _, top, width, height = place.inside(20, 4)
            histogram.draw(self.svg, (place.left + 34, top, width, height), f"{role}-area")

    def _draw_tall(self, side: Side, place: Place) -> None:
        """One box for a whole layer: the histogram, its range, and quantiles of the weights."""
        left, top, width, _ = place.inside(9, 0)
        box, [histogram] = (left, top + 10, width, 72.0), side.histograms
        histogram.draw(self.svg, box, f"{side.role}-area")
        histogram.draw_ends(self.svg, box)
        if not side.lines:
            return
        what, shown = "weights", ("5 %", "median", "95 %")
        if side.role == "gradient":
            what, shown = "|∂L/∂w|", ("median", "95 %", "largest")
        self.svg.text(left, top + 130, what, "tag bold")
        for i, name in enumerate(shown, 1):
            self.svg.text(left, top + 130 + 18 * i, name, "tag muted")
            self.svg.text(left + width, top + 130 + 18 * i, brief(side.quantiles[name]), "tag end")


def draw_loss(svg: Svg, batch: Batch, place: Place, role: Role) -> None:
    """The box of the loss: its value, or the gradient that the backward pass begins with."""
    room = place.width - 14
    name, number = shortened(batch.symbol, room, "name"), number_text(batch.loss.data)
    if role == "gradient":
        name, number = f"∂{batch.symbol}/∂{batch.symbol}", "1"
        name = name if size_of(name, "name") <= room else "∂L/∂L"
    with svg.group():
        svg.title(f"the loss: {batch.symbol} = {batch.loss.data!r}")
        svg.rect(place, "card card-output", 10)
        svg.text(place.x, place.y - 7, name, "name middle")
        svg.text(place.x, place.y + 17, number, f"number {role} middle")


def joined(heads: Iterable[Sequence[str]], width: float) -> list[str]:
    """Lines of notes: their pieces side by side if there is room, or else one below the other."""
    lines: list[str] = []
    for pieces in heads:
        line = " · ".join(filter(None, pieces))
        parts = [line] if size_of(line, "note") <= width else pieces
        lines += chain(*(wrapped(part, width, "note") for part in filter(None, parts)))
    return lines


def _lines(before: Column, layer: Layer, role: Role) -> Iterator[Line]:
    """A line for each weight; where one box stands for a whole layer, for many weights."""
    side = layer.side(role)
    for j in range(len(side.boxes) if layer.is_linked else 0):
        rows = side.lines if layer.is_one_box else [side.lines[j]]
        for i in range(len(before.forward.boxes)):
            xs = list(chain(*rows)) if before.is_one_box else [row[i] for row in rows]
            kind = "weight" if len(xs) == 1 else "bundle-line"
            x = xs[0] if len(xs) == 1 else root_mean_square(xs)
            yield i, j, x, kind if role == "value" else "gradient-line"


def _legend(thickest: Mapping[str, float]) -> list[tuple[str, str]]:
    """Class and meaning of the lines that there are."""
    most = {kind: brief(x) for kind, x in thickest.items()}
    legend = []
    if "weight" in most:
        legend = [
            ("positive-line", "positive weight"),
            ("negative-line", "negative weight"),
            ("", f"thickest |w| {most['weight']}"),
        ]
    for kind, what in (("bundle-line", "many weights"), ("gradient-line", "|∂L/∂w|")):
        if kind in most:
            legend.append((kind, f"{what}, thickest {most[kind]}"))
    return legend


def _curve(start: Place, end: Place) -> str:
    """A curve from the right side of one box to the left side of another."""
    right = start.left + start.width
    bend = min(70.0, (end.left - right) / 2)
    return (
        f"M{short(right)},{short(start.y)}"
        f"C{short(right + bend)},{short(start.y)} {short(end.left - bend)},{short(end.y)} "
        f"{short(end.left)},{short(end.y)}"
    )
