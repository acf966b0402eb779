"""What a replay shows: panels that are drawn once, and the parts of them that each frame changes.

A part is an element with a name, in the attribute `data-part`; a frame says what its attributes
become. The player only sets them, so that everything is computed, and tested, here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from . import boundary
from .axes import LINE, SERIES, Axes, Linear, Log, Scale, left_margin, limits, notes, shortened
from .plane import Plane, Samples, Surface
from .svg import Svg, short, size_of

Point: TypeAlias = tuple[float, float]
Parts: TypeAlias = dict[str, dict[str, str]]  # of a frame: what the attributes of a part become

WIDTH = 460.0  # px, of a panel
_PAD = 4.0
_SIDE = 390.0  # of the plane
# A logarithmic axis from this ratio on; below it, falls are better seen on a linear one.
_WIDE = 200.0


# ---- the plane ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanePanel:
    """The decision boundary at one frame after another."""

    samples: Samples
    plane: Plane

    @property
    def _legend_height(self) -> float:
        return boundary.class_legend(Svg(), 0.0, 0.0, self.samples, WIDTH - 2 * _PAD, rings=True)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Where the plane is."""
        left = max(WIDTH - _PAD - _SIDE, _PAD + boundary.margin_of(self.plane))
        return left, _PAD + 12 + self._legend_height + 34, WIDTH - _PAD - left, _SIDE

    def drawn(self, seen: Surface, title: str, text: str, theme: str, *, parts: bool) -> str:
        """The panel as it is at one frame.

        parts: name what changes from frame to frame.
        """
        svg = Svg()
        boundary.class_legend(svg, _PAD, _PAD + 12, self.samples, WIDTH - 2 * _PAD, rings=True)
        boundary.draw_plane(svg, self.box, self.samples, self.plane, seen, parts=parts)
        y = self.box[1] + _SIDE + 42
        remarks = [boundary.EXPLANATION, *boundary.remarks(self.samples)]
        y = notes(svg, _PAD, y, remarks, WIDTH - 2 * _PAD)
        return svg.document((0, 0, WIDTH, y + _PAD), title, text, theme)

    def parts(self, seen: Surface) -> Parts:
        """What changes."""
        left, top, width, height = self.box
        axes = Axes(
            Svg(),
            Linear(self.plane.left, self.plane.right, left, left + width),
            Linear(self.plane.bottom, self.plane.top, top + height, top),
        )
        return {
            "heat": {"href": boundary.heat(self.samples, seen)},
            "line": {"d": boundary.line_of(axes, self.plane, seen)},
            "rings": {"d": boundary.rings_of(axes, self.samples, seen)},
        }


# ---- curves ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Curves:
    """Numbers over the epochs, in one pair of axes.

    Attributes:
        title: what they are.
        series: for each line its label, and its points (epoch, y); a label is drawn where there
            are several.
        scale: "zero" begins at 0, "share" goes from 0 to 1, "log" is logarithmic.
        height: of the area, px.
    """

    title: str
    series: Mapping[str, Sequence[Point]]
    scale: str
    height: float

    def scale_from(self, bottom: float) -> Scale:
        """The vertical scale of an area that ends at the bottom, px."""
        numbers = [y for points in self.series.values() for _, y in points]
        top = bottom - self.height
        if self.scale == "log":
            return Log(*limits(numbers, log=True), bottom, top)
        lo, hi = (0.0, 1.0) if self.scale == "share" else limits(numbers, zero=True)
        return Linear(lo, hi, bottom, top)


def kind_of(numbers: Sequence[float]) -> str:
    """Whether numbers are better drawn from zero or on a logarithmic scale.

    >>> kind_of([3.0, 1.0]), kind_of([3.0, 0.001])
    ('zero', 'log')
    """
    finite = [x for x in numbers if math.isfinite(x)]
    is_wide = bool(finite) and min(finite) > 0.0 and max(finite) / min(finite) >= _WIDE
    return "log" if is_wide else "zero"


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
            above = shortened(curves.title, WIDTH - 2 * _PAD, "heading")
            svg.text(_PAD, axes.y.stop - 14, above, "heading")
            axes.left()
            axes.base()
            axes.bottom("epoch" if k + 1 == len(self.curves) else "")
            for (_, points), (style, _) in zip(curves.series.items(), _styles(curves), strict=True):
                axes.line(points, style)
            self._label(axes, curves)
            self._draw_marker(svg, axes, k, changes, parts)
            bottom = axes.y.start
        return svg.document((0, 0, WIDTH, bottom + 18 + LINE + _PAD), title, text, theme)

    def parts(self, epoch: float) -> Parts:
        """Where the line and the dots are at this epoch."""
        changes: Parts = {}
        for k, (curves, axes) in enumerate(zip(self.curves, self._axes(Svg()), strict=True)):
            x = axes.x(epoch)
            changes[f"{self.name}-{k}"] = {"transform": f"translate({short(x)},0)"}
            for s, points in enumerate(curves.series.values()):
                y = axes.place(epoch, dict(points).get(epoch, math.nan))[1]
                is_there = math.isfinite(y)
                changes[f"{self.name}-{k}-{s}"] = {
                    "transform": f"translate({short(x)},{short(y) if is_there else 0})",
                    "visibility": "visible" if is_there else "hidden",
                }
        return changes

    def _axes(self, svg: Svg) -> list[Axes]:
        """The areas, from top to bottom."""
        bottoms = []
        y = _PAD
        for curves in self.curves:
            y += 34 + curves.height
            bottoms.append(y)
            y += 30
        scales = [curves.scale_from(b) for curves, b in zip(self.curves, bottoms, strict=True)]
        left = _PAD + max(map(left_margin, scales))
        right = WIDTH - _PAD - self._labels_width
        x = Linear(*self.epochs, left, right, whole=True)
        return [Axes(svg, x, scale) for scale in scales]

    @property
    def _labels_width(self) -> float:
        """The room for labels to the right of lines."""
        labels = [name for c in self.curves if len(c.series) > 1 for name in c.series]
        return max((18 + size_of(name, "note bold") for name in labels), default=6.0)

    def _label(self, axes: Axes, curves: Curves) -> None:
        """Say which line is which, where there are several."""
        if len(curves.series) < 2:
            return
        ends = []
        for (label, points), (_, colour) in zip(
            curves.series.items(), _styles(curves), strict=True
        ):
            drawn = [p for p in points if axes.y.holds(p[1])]
            if drawn:
                ends.append((drawn[-1], label, colour))
        axes.ends(ends)

    def _draw_marker(self, svg: Svg, axes: Axes, k: int, changes: Parts, parts: bool) -> None:
        """The line at the epoch, and the dots where it meets the curves."""
        name = f"{self.name}-{k}"
        where = changes[name]["transform"]
        with svg.group(transform=where, data_part=name if parts else None):
            svg.path(f"M0,{short(axes.y.start)}V{short(axes.y.stop)}", "ink-line")
        for s in range(len(self.curves[k].series)):
            own = changes[f"{name}-{s}"]
            with svg.group(**own, data_part=f"{name}-{s}" if parts else None):
                svg.circle(0, 0, 5, f"point-{s % 6 + 1}")


def _styles(curves: Curves) -> list[tuple[str, str]]:
    """The classes of each line and of its label."""
    return [SERIES[k % len(SERIES)] for k in range(len(curves.series))]
