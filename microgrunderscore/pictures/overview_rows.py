"""A deep network as a table: a row for each layer, forward on the left, backward beside it."""

from __future__ import annotations

import math
from itertools import chain

from .axes import Log, Point, heading, limits, notes, path_of, runs, ticks_of
from .batch import Batch, Column, Layer, Role
from .histogram import Histogram, brief, even_span
from .overview_columns import LINE, MARGIN, Place, draw_loss, joined
from .svg import Svg, short

ROW = 66.0  # px from row to row
SIDES: dict[Role, Place] = {
    "value": Place(310.0, -17.0, 170.0, 34.0),
    "gradient": Place(700.0, -17.0, 170.0, 34.0),
}
WEIGHTS = Place(515.0, -17.0, 150.0, 34.0)


class Rows:
    """The picture of a batch; attributes as of `Columns`."""

    def __init__(self, batch: Batch, title: str) -> None:
        self.svg, self.batch = Svg(), batch
        self.boxes, self.lines = len(batch.columns) + 1, 0
        self.width = 1220.0
        means = [layer.gradients["mean"] for layer in batch.layers]
        self._scale = Log(*limits(means, log=True), 905.0, 1110.0)
        room = self.width - 2 * MARGIN
        y = self._rows(self._heads(heading(self.svg, MARGIN, 38, title, room) + 34))
        texts = batch.remarks(self.boxes, self.lines)
        texts.append("In the boxes: how often each value occurs, from and to where; the tick is 0.")
        self.height = notes(self.svg, MARGIN, y + 6, [" ".join(texts)], room) + 22

    def _heads(self, y: float) -> float:
        """What the columns show; returns the base line of the last text."""
        self.svg.text(SIDES["value"].left, y, "Forward ↓", "heading value")
        self.svg.text(SIDES["gradient"].left, y, "Backward ↑", "heading gradient")
        for x, text in (
            (SIDES["value"].left, "activations"),
            (WEIGHTS.left, "weights"),
            (SIDES["gradient"].left, "∂L/∂activation"),
            (self._scale.start, "mean |∂L/∂w|, log scale"),
        ):
            self.svg.text(x, y + 20, text, "note muted")
        return y + 20

    def _rows(self, y: float) -> float:
        """All rows, from this height on; returns where they end."""
        y += ROW / 2 + 10
        self._draw_row(self.batch.inputs, y)
        top = y + ROW / 2
        profile: list[Point] = []
        for layer in self.batch.layers:
            y += ROW
            self._draw_row(layer, y)
            self._draw_weights(layer, y)
            x = layer.gradients["mean"]
            self.svg.text(self.width - MARGIN, y + 4, brief(x), "small-number gradient end")
            profile.append((self._scale(x), y) if self._scale.holds(x) else (0.0, math.nan))
        self._draw_profile(profile, top, y + ROW / 2)
        y += ROW
        self.svg.text(MARGIN, y + 4, "loss", "heading")
        for role, place in SIDES.items():
            self._draw_arrow(place, y, role)
            draw_loss(self.svg, self.batch, place._replace(top=y - 19, height=58.0), role)
        return y + 10 + 29 + LINE

    def _draw_row(self, column: Column, y: float) -> None:
        """The name of a layer and its two histograms."""
        self.svg.text(MARGIN, y - 11, column.name, "heading")
        lines = joined(column.heads("value"), SIDES["value"].left - MARGIN - 12)
        for i, line in enumerate(lines[:3]):
            self.svg.text(MARGIN, y + 5 + 15 * i, line, "note muted")
        for role, place in SIDES.items():
            with self.svg.group():
                self.svg.title(column.title(0, role))
                [histogram] = column.side(role).histograms
                self._draw_box(histogram, place._replace(top=y - 17), f"{role}-area")
            if column is not self.batch.inputs:
                self._draw_arrow(place, y, role)

    def _draw_weights(self, layer: Layer, y: float) -> None:
        """How the weights are spread: negative ones in red on the left of 0."""
        weights = list(chain(*layer.forward.lines))
        with self.svg.group():
            self.svg.title(f"{layer.name}: {len(weights):,} weights")
            histogram = Histogram.of(weights, *even_span(weights))
            self._draw_box(histogram, WEIGHTS._replace(top=y - 17), "value-area", "negative-area")

    def _draw_box(self, histogram: Histogram, place: Place, classes: str, below: str = "") -> None:
        """A box with a histogram, and its range below."""
        self.svg.rect(place, "card", 7)
        histogram.draw(self.svg, place.inside(7, 4), classes, below)
        histogram.draw_ends(self.svg, place)

    def _draw_arrow(self, place: Place, y: float, role: Role) -> None:
        """From the row above, or back to it."""
        top, bottom = y - ROW + place.height / 2 + 3, y - place.height / 2 - 3
        x = short(place.x)
        classes = "positive-line" if role == "value" else "gradient-line"
        self.svg.path(f"M{x},{short(top)}V{short(bottom)}", classes, stroke_width=1.6)
        tip = f"{short(bottom)}l-4.5,-8h9z" if role == "value" else f"{short(top)}l-4.5,8h9z"
        self.svg.path(f"M{x},{tip}", f"{role}-area")

    def _draw_profile(self, places: list[Point], top: float, bottom: float) -> None:
        """How |∂L/∂w| changes from layer to layer, on a log scale."""
        for x, text in ticks_of(self._scale):
            at = self._scale(x)
            self.svg.path(f"M{short(at)},{short(top)}V{short(bottom)}", "grid")
            self.svg.text(at, top - 6, text, "tag muted middle")
        for run in runs(places):
            self.svg.path(path_of(run), "gradient-line", stroke_width=2)
            for x, y in run:
                self.svg.circle(x, y, 4.5, "point-2")
