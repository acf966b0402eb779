"""What a replay shows: panels that are drawn once, and the parts of them that each frame changes.

A part is an element with a name, in the attribute `data-part`; a frame says what its attributes
become. The player only sets them, so that everything is computed, and tested, here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..pictures.axes import (
    LINE,
    SERIES,
    Axes,
    Linear,
    Point,
    Scale,
    end_margin,
    left_margin,
    notes,
    shortened,
)
from ..pictures.svg import Box, Svg, short, size_of
from . import boundary
from .chart import WIDTH
from .curve_chart import LONGEST_LABEL, scale_of
from .surface import Surface

Parts: TypeAlias = dict[str, dict[str, str]]  # of a frame: what the attributes of a part become

EDGE = 4.0  # px, around a panel
INNER = WIDTH - 2 * EDGE
SIDE = 390.0  # px, of the plane


# ---- the plane ---------------------------------------------------------------------------------


def plane_panel(seen: Surface, title: str, text: str, theme: str, *, parts: bool) -> str:
    """The decision boundary at one frame.

    parts: name what changes from frame to frame.
    """
    svg, box = Svg(), _box(seen)
    boundary.class_legend(svg, EDGE, EDGE + 12, seen.samples, INNER)
    boundary.draw_plane(svg, box, seen, parts=parts)
    remarks = [boundary.EXPLANATION, *boundary.remarks(seen.samples)]
    y = notes(svg, EDGE, box[1] + SIDE + 42, remarks, INNER)
    return svg.document((0, 0, WIDTH, y + EDGE), title, text, theme)


def plane_parts(seen: Surface) -> Parts:
    """What is different in this frame."""
    axes = seen.plane.axes(Svg(), _box(seen))
    return {
        "heat": {"href": boundary.heat(seen)},
        "line": {"d": boundary.line_of(axes, seen)},
        "rings": {"d": boundary.rings_of(axes, seen)},
    }


def _box(seen: Surface) -> Box:
    """Where the plane is: on the right, below the legend, as far as the texts around it allow."""
    before, beyond = boundary.margins_of(seen.plane)
    right = WIDTH - EDGE - beyond
    left = max(right - SIDE, EDGE + before)
    legend = boundary.class_legend(Svg(), EDGE, EDGE + 12, seen.samples, INNER)
    return left, legend + 34, right - left, SIDE


# ---- curves ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Curves:
    """Numbers over the epochs, in one pair of axes.

    Attributes:
        title: what they are.
        series: for each line its label, and its points (epoch, y); a label is drawn where there
            are several.
        scale: the kind of the vertical one, see `scale_of`.
        height: of the area, px.
    """

    title: str
    series: Mapping[str, Sequence[Point]]
    scale: str
    height: float

    @property
    def styles(self) -> list[tuple[str, str]]:
        """The classes of each line and of its label."""
        return [SERIES[k % len(SERIES)] for k in range(len(self.series))]

    @property
    def labels(self) -> list[str]:
        """What is written at the ends of the lines."""
        names = self.series if len(self.series) > 1 else ()
        return [shortened(name, LONGEST_LABEL, "heading") for name in names]

    def scale_from(self, bottom: float) -> Scale:
        """The vertical scale of an area that ends at the bottom, px."""
        numbers = [y for points in self.series.values() for _, y in points]
        return scale_of(self.scale, numbers, bottom, bottom - self.height)


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """Curves below each other, with a line and dots that move from epoch to epoch.

    name: tells the parts of several panels apart. epochs: the first and the last one.
    """

    name: str
    curves: Sequence[Curves]
    epochs: Point

    def drawn(self, epoch: float, title: str, text: str, theme: str, *, parts: bool) -> str:
        """The panel as it is at one epoch; parts: name what moves."""
        svg = Svg()
        bottom = 0.0
        changes = self.parts(epoch)
        for k, (curves, axes) in enumerate(zip(self.curves, self._axes(svg), strict=True)):
            svg.text(EDGE, axes.y.stop - 14, shortened(curves.title, INNER, "heading"), "heading")
            axes.left()
            axes.base()
            axes.bottom("epoch" if k + 1 == len(self.curves) else "")
            for points, (style, _) in zip(curves.series.values(), curves.styles, strict=True):
                axes.line(points, style)
            if curves.labels:
                colours = [colour for _, colour in curves.styles]
                axes.ends(zip(curves.series.values(), curves.labels, colours, strict=True))
            self._draw_marker(svg, axes, k, changes, parts)
            bottom = axes.y.start
        return svg.document((0, 0, WIDTH, bottom + 18 + LINE + EDGE), title, text, theme)

    def parts(self, epoch: float) -> Parts:
        """Where the line and the dots are at this epoch."""
        changes: Parts = {}
        for k, (curves, axes) in enumerate(zip(self.curves, self._axes(Svg()), strict=True)):
            x = short(axes.x(epoch))
            changes[f"{self.name}-{k}"] = {"transform": f"translate({x},0)"}
            for s, points in enumerate(curves.series.values()):
                y = axes.place(epoch, dict(points).get(epoch, math.nan))[1]
                is_there = math.isfinite(y)
                changes[f"{self.name}-{k}-{s}"] = {
                    "transform": f"translate({x},{short(y) if is_there else 0})",
                    "visibility": "visible" if is_there else "hidden",
                }
        return changes

    def _axes(self, svg: Svg) -> list[Axes]:
        """The areas, from top to bottom."""
        scales = []
        y = EDGE
        for curves in self.curves:
            y += 34 + curves.height
            scales.append(curves.scale_from(y))
            y += 30
        left = EDGE + max(map(left_margin, scales))
        labels = [18 + size_of(name, "heading") for c in self.curves for name in c.labels]
        beyond = end_margin(Linear(*self.epochs, left, WIDTH - EDGE, whole=True))
        x = Linear(*self.epochs, left, WIDTH - EDGE - max(*labels, beyond, 6.0), whole=True)
        return [Axes(svg, x, scale) for scale in scales]

    def _draw_marker(self, svg: Svg, axes: Axes, k: int, changes: Parts, parts: bool) -> None:
        """The line at the epoch, and the dots where it meets the curves."""
        name = f"{self.name}-{k}"
        with svg.group(**changes[name], data_part=name if parts else None):
            svg.path(f"M0,{short(axes.y.start)}V{short(axes.y.stop)}", "ink-line")
        for s in range(len(self.curves[k].series)):
            own = f"{name}-{s}"
            with svg.group(**changes[own], data_part=own if parts else None):
                svg.circle(0, 0, 5, f"point-{s % len(SERIES) + 1}")
