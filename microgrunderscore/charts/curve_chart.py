"""Curves over epochs or steps: axes, lines, labels at their ends, one point that is marked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..pictures.axes import (
    LINE,
    SERIES,
    TICK,
    Axes,
    Linear,
    Log,
    Point,
    Scale,
    clear,
    end_margin,
    evenly,
    left_margin,
    limits,
    runs,
    shortened,
    thinned,
)
from ..pictures.names import number_text
from ..pictures.palette import STYLES
from ..pictures.svg import short, size_of
from ..pictures.wording import counted, percent
from .chart import EDGE, WIDTH, Chart, Colours, Sheet, literal

HEIGHT = 184.0  # px of the area in which curves are drawn
LONGEST_LABEL = 110.0  # px


@dataclass
class Curve:
    """A line of a chart: what its numbers and its label are called, and how it looks."""

    key: str
    name: str
    points: list[Point]
    expected: int = 0  # how often it is no surprise that there is no number
    classes: str = "axis"
    colour: str = ""  # the class of its label; "" if it has none

    @property
    def finite(self) -> list[Point]:
        return [p for p in self.points if math.isfinite(p[1])]

    @property
    def label(self) -> str:
        return shortened(self.name, LONGEST_LABEL, "heading")

    def said(self, shown: Callable[[float], str]) -> str:
        """The curve in words."""
        ys = [y for _, y in self.finite]
        name = clear(self.name)
        if len(ys) < 2:
            return f"{name}: {shown(ys[0]) if ys else 'no number'}."
        return (
            f"{name}: {shown(ys[0])} at first, {shown(ys[-1])} at the end, "
            f"between {shown(min(ys))} and {shown(max(ys))}."
        )

    def left_out(self, unit: str, log: bool) -> list[str]:
        """What was not drawn."""
        lost = sum(not math.isfinite(y) for _, y in self.points) - self.expected
        flat = sum(y <= 0.0 for _, y in self.finite) if log else 0
        parts = [(lost, "no finite number"), (flat, "0 or less, which a log axis cannot show")]
        return [f"{clear(self.name)}: {counted(n, unit)} with {why}." for n, why in parts if n]


def scale_of(kind: str, numbers: Sequence[float], start: float, stop: float) -> Scale:
    """The scale of an axis for these numbers, from start to stop (px).

    kind: "zero" (from 0, where that makes sense), "share" (in percent), "log", or "whole".
    """
    if kind == "whole":
        return Linear(min(numbers, default=0.0), max(numbers, default=0.0), start, stop, whole=True)
    if kind == "log":
        return Log(*limits(numbers, log=True), start, stop)
    if kind == "share":
        lo, hi = limits(numbers)
        return Linear(max(lo, 0.0), min(hi, 1.0), start, stop, percent=True)
    return Linear(*limits(numbers, zero=True), start, stop)


def give_styles(curves: Sequence[Curve]) -> None:
    """Colours, dashes and labels; of many curves, for the first, the last and some between."""
    for i, (classes, colour) in zip(evenly(len(curves), len(SERIES)), SERIES, strict=False):
        curves[i].classes, curves[i].colour = classes, colour


class CurveChart:
    """A chart of curves: drawn when made, then marked, then finished.

    x_label: begins with what is counted, in the singular. x, y: the kinds of the scales.
    labels: also where there is one curve only.

    remarks, sentences: what else is said, at the foot of the chart as well and in its text only.
    """

    def __init__(
        self,
        title: str,
        curves: Sequence[Curve],
        x_label: str,
        y_label: str,
        y: str,
        *,
        x: str = "whole",
        labels: bool = False,
    ) -> None:
        self.curves, self.x_label, self.y_label, self.kinds = curves, x_label, y_label, (x, y)
        self.unit = x_label.split()[0]
        self.shown = percent if y == "share" else number_text
        self.sheet = Sheet(title)
        self.labelled = [c for c in curves if c.colour and (labels or len(curves) > 1)]
        self.axes = self._axes()
        self.remarks = [s for c in curves for s in c.left_out(self.unit, y == "log")]
        self.sentences: list[str] = []
        self.best: Point | None = None
        self.best_text = ""
        self.corners: list[tuple[str, bool]] = []
        self._draw()

    def _axes(self) -> Axes:
        """The scales, as large as the texts around the area allow."""
        xs = [x for c in self.curves for x, _ in c.points]
        ys = [y for c in self.curves for _, y in c.points]
        top = self.sheet.y + 38
        y = scale_of(self.kinds[1], ys, top + HEIGHT, top)
        left = EDGE + left_margin(y)
        names = [size_of(c.label, "heading") for c in self.labelled]  # as bold as it is drawn
        beyond = end_margin(scale_of(self.kinds[0], xs, left, WIDTH - EDGE))
        right = max(18 + max(names, default=0.0), beyond, 10.0)
        x = scale_of(self.kinds[0], xs, left, WIDTH - EDGE - right)
        return Axes(self.sheet.svg, x, y)

    def _draw(self) -> None:
        """Everything but marks and texts inside the area."""
        self.axes.left(self.y_label)
        self.axes.bottom(self.x_label)
        self.axes.base()
        for c in sorted(self.curves, key=lambda c: bool(c.colour)):  # those with a label on top
            self.axes.line(c.points, c.classes, c.said(self.shown))
        self.axes.ends([(c.points, c.label, c.colour) for c in self.labelled])

    def mark(self, best: Point | None, curve: Curve, what: str) -> None:
        """A dot at the best point, and above the area what it is."""
        if best is None:
            return
        x, y = best
        at = f"{x:,.0f}" if self.kinds[0] == "whole" else number_text(x)
        self.best, self.best_text = best, f"{what} {at}: {self.shown(y)}"
        svg, axes = self.sheet.svg, self.axes
        dot = f"point-{1 + [classes for classes, _ in SERIES].index(curve.classes)}"
        px = axes.x(x)
        line = axes.y.stop - 12
        width = 14 + size_of(self.best_text, "note")
        least = axes.x.start - left_margin(axes.y) + size_of(self.y_label, TICK) + 20
        left = max(least, min(px - 5, WIDTH - EDGE - width))
        if axes.y.holds(y):
            down = f"M{short(px)},{short(axes.y.stop - 4)}V{short(axes.y.start)}"
            svg.path(down, "axis", stroke_dasharray="2 3")
            svg.circle(px, axes.y(y), 5, dot)
            svg.circle(left + 5, line - 4, 5, dot)
        svg.text(left + 14, line, self.best_text, "note")

    def corner(self, what: str, how: str, *, left: bool) -> None:
        """Two short lines in a corner that no curve passes; a remark where both are taken."""
        svg, (x, y) = self.sheet.svg, (self.axes.x, self.axes.y)
        width = max(size_of(what, "heading"), size_of(how, TICK))
        x0 = x.start + 10 if left else x.stop - 10 - width
        places = [self.axes.place(*p) for c in self.curves for p in thinned(c.points)]
        if self.best is not None and y.holds(self.best[1]):  # its dashed line
            places += [(0.0, math.nan), (x(self.best[0]), y.stop), (x(self.best[0]), y.start)]
        self.corners.append((f"{what}: {how}", left))
        for y0 in (y.start - 12 - 2 * LINE, y.stop + 8):
            box = (x0 - (8 if left else 6), y0 - 3, width + 14, 2 * LINE + 6)
            if not _crosses(places, box):
                svg.rect(box, "background")  # no grid behind it
                anchor, at = ("", x0) if left else (" end", x.stop - 10)
                svg.text(at, y0 + 12, what, f"note bold{anchor}")
                svg.text(at, y0 + 12 + LINE, how, f"{TICK}{anchor}")
                return
        self.remarks.append(f"On the {'left' if left else 'right'}: {what}, {how}.")

    def finished(
        self, subject: str, theme: str, format: str, among: str = "", **more: Any
    ) -> Chart:
        """The chart, with everything said; its numbers are put together under `among`."""
        text = [f"{subject}{self._extent()}."]
        text += [c.said(self.shown) for c in self.curves]
        if self.best_text:
            text.append(f"{self.best_text[0].upper()}{self.best_text[1:]}.")
        self.sheet.note(self.axes.y.start + 34, self.remarks)
        xs = [x for x, _ in self.curves[0].points] if self.curves else []
        tracks = {c.key: [_json(y) for _, y in c.points] for c in self.curves}
        return self.sheet.chart(
            "\n".join([*text, *self.sentences, *self.remarks]),
            numbers={
                f"{self.unit}s": [*map(int, xs)] if self.kinds[0] == "whole" else xs,
                **({among: tracks} if among else tracks),
                **more,
            },
            plot=self._plot,
            theme=theme,
            format=format,
        )

    def _extent(self) -> str:
        """Over how many units, or from which to which."""
        places = [x for c in self.curves for x, _ in c.points]
        if self.unit == "epoch" or self.kinds[0] != "whole" or not places:
            n = max((len(c.points) for c in self.curves), default=0)
            return f" over {counted(n, self.unit)}"
        first, last = f"{min(places):,.0f}", f"{max(places):,.0f}"
        return f", {self.unit} {first}" + f" to {last}" * (last != first)

    def _plot(self, into: Any, colours: Colours) -> None:
        """The same in matplotlib."""
        unit = 100.0 if self.kinds[1] == "share" else 1.0
        holds = self.axes.y.holds
        for c in self.curves:
            style = _line_style(c.classes, colours)
            drawn = [(x, unit * y if holds(y) else math.nan) for x, y in c.points]
            into.plot(*_columns(drawn), label=literal(c.name) if c.colour else None, **style)
            if alone := [run[0] for run in runs(drawn) if len(run) == 1]:
                into.plot(*_columns(alone), linestyle="none", marker=".", color=style["color"])
        if self.best is not None and holds(self.best[1]):
            x, y = self.best
            into.plot([x], [unit * y], linestyle="none", marker="o", color=colours["ink"],
                      label=literal(self.best_text))  # fmt: skip
        for text, left in self.corners:
            into.annotate(text, (0.02 if left else 0.98, 0.03), xycoords="axes fraction",
                          ha="left" if left else "right")  # fmt: skip
        if self.kinds[0] == "log":
            into.set_xscale("log")
        if self.kinds[1] == "log":
            into.set_yscale("log")
        into.set_xlabel(self.x_label)
        into.set_ylabel(self.y_label + (" (%)" if unit > 1.0 else ""))
        into.grid(axis="y", color=colours["line"], linewidth=0.7)
        if self.labelled or self.best is not None:
            into.legend()


def _crosses(places: Sequence[Point], box: tuple[float, float, float, float]) -> bool:
    """Whether a line through these places passes a box."""
    left, top, width, height = box
    for run in runs(places):
        for (x0, y0), (x1, y1) in pairwise([run[0], *run]):
            for k in range(33):
                x, y = x0 + (x1 - x0) * k / 32, y0 + (y1 - y0) * k / 32
                if left <= x <= left + width and top <= y <= top + height:
                    return True
    return False


def _json(x: float) -> float | None:
    """A number as JSON knows them; null for those that are not finite."""
    return x if math.isfinite(x) else None


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """All x and all y."""
    return [x for x, _ in points], [y for _, y in points]


def _line_style(classes: str, colours: Colours) -> dict[str, Any]:
    """Colour, width and dashes of a class of lines, for matplotlib."""
    style = STYLES[classes]
    width = re.search("stroke-width:([0-9.]+)", style)
    dashes = re.search("stroke-dasharray:([0-9 ]+)", style)
    role = re.search(r"stroke:\{([a-z-]+)\}", style)
    linewidth = float(width[1]) if width else 1.0
    pattern = tuple(float(x) / linewidth for x in dashes[1].split()) if dashes else ()
    return {
        "color": colours[role[1] if role else "ink"],
        "linewidth": linewidth,
        "linestyle": (0, pattern) if pattern else "-",
    }
