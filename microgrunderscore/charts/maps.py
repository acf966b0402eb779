"""Every neuron of a network as a small heat map over the plane of its two inputs.

One sees how each layer bends what the one before it made of the plane. The idea is that of the
TensorFlow Playground (Smilkov, Carter and others, 2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..nn import Layer
from ..pictures.axes import Axes, Linear, clear, path_of, shortened
from ..pictures.histogram import brief
from ..pictures.svg import Svg, short, size_of
from ..pictures.wording import counted
from .answers import Row, inside
from .boundary import around
from .chart import EDGE, Chart, Colours, Sheet
from .contours import Line, boundaries
from .pixels import DEEPEST, address, png, tints
from .plane import Plane, axis_names, pair_of

MOST_NEURONS = 64  # of a layer that are drawn

_LEVELS = 32
_PALETTE = [*tints("value", _LEVELS, DEEPEST), *tints("negative", _LEVELS, DEEPEST)]
_SIDE = 76.0  # px, of a map
_STEP = _SIDE + 12.0
_ROW = _STEP + 12.0
_IN_A_ROW = 8
_PLUS = "m-4,0h8m-4,-4v8"
_MINUS = "m-4,0h8"
_EXPLANATION = (
    "Blue is positive, red negative, deeper is more: each map has its own scale.",
    "Below it: its lowest and highest output; + and − mark where these are.",
    "The line is where the neuron's sum w·h + b is 0.",
)


@dataclass(frozen=True, slots=True)
class _Map:
    """What one neuron makes of the plane: rows of outputs, and where its sum is 0."""

    outputs: list[Row]
    bends: list[Line]

    @property
    def lowest(self) -> float:
        return min(map(min, self.outputs))

    @property
    def highest(self) -> float:
        return max(map(max, self.outputs))

    @property
    def words(self) -> str:
        """The lowest and the highest output; one number where they are the same."""
        return _range(self.lowest, self.highest, 3).replace("…", "to")

    @property
    def range(self) -> str:
        """The same below a map: in as many digits as there is room for, or only how far from 0."""
        shown = [_range(self.lowest, self.highest, digits) for digits in (3, 2, 1)]
        most = f"±{brief(max(-self.lowest, self.highest), 1)}"
        shown += [f"up to {most}", most]
        return next((x for x in shown if size_of(x, "tag") <= _STEP - 2.0), shown[-1])

    @property
    def heat(self) -> str:
        """The heat map as a data address."""
        return address(png(self.tints, _PALETTE))

    @property
    def tints(self) -> list[list[int]]:
        """The places of the tints of all outputs in the palette."""
        largest = max(abs(self.lowest), abs(self.highest)) or 1.0
        return [
            [round(abs(x) / largest * (_LEVELS - 1)) + _LEVELS * (x < 0.0) for x in row]
            for row in self.outputs
        ]

    def find(self, x: float) -> tuple[int, int]:
        """The column and the row where the output is x."""
        return next((row.index(x), r) for r, row in enumerate(self.outputs) if x in row)


@dataclass(frozen=True, slots=True)
class _Band:
    """A layer and its maps."""

    maps: list[_Map]
    activation: str

    @property
    def shown(self) -> list[_Map]:
        """As many of the maps as are drawn."""
        return self.maps[:MOST_NEURONS]

    @property
    def rows(self) -> int:
        """How many rows of maps are drawn."""
        return -(-len(self.shown) // _IN_A_ROW)

    @property
    def more(self) -> str:
        """How many neurons are not drawn; "" if all are."""
        hidden = len(self.maps) - len(self.shown)
        return counted(hidden, "more neuron") if hidden else ""


def neuron_maps(
    model: Any,
    X: Any,
    *,
    resolution: int = 24,
    title: str | None = None,
    feature_names: Sequence[str] | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """What every neuron of a network with two inputs makes of the plane, layer by layer.

    Args:
        model: an MLP with 2 inputs.
        X: samples; the maps show the plane around them.
        resolution: every neuron is asked in so many places in each direction, 2 to 512.
        title: above the picture; "What each neuron sees" if None.
        feature_names: of the two inputs; "x₁" and "x₂" if None.
        theme, format: as for `decision_boundary`.

    Returns:
        A chart. Its numbers are `extent` (left, right, bottom, top) and `layers`; each has its
        `activation` and `maps`, for each neuron the outputs row by row from the top.

    Raises:
        ValueError: other than 2 inputs, no samples, an output that is not finite.
        TypeError: the model has no layers to look into.

    Blue is positive, red negative; each map has a scale of its own, and says its lowest and its
    highest output. The line is where the sum w·h + b is 0, + the place of the highest output, − of
    the lowest one if that is negative.

    >>> from microgrunderscore import MLP, datasets
    >>> X, _ = datasets.moons(20, seed=1)
    >>> print(neuron_maps(MLP(2, [2, 1], seed=1), X, resolution=8).text)
    What each neuron sees over x₁ from −1.338 to 2.365 and x₂ from −0.6129 to 1.171.
    Layer 1, relu: neuron 1: 0 to 1.79; neuron 2: 0 to 1.55.
    Layer 2, identity: neuron 1: −0.156 to −0.000618.
    """
    layers, inputs = inside("neuron_maps", model, X)
    across, upward = map(clear, axis_names(feature_names, pair_of("neuron_maps", inputs)))
    plane = Plane.around([(x, y) for x, y in inputs], resolution)
    bands = _bands(layers, plane)
    widest = max(min(len(band.maps), _IN_A_ROW) for band in bands)
    width = max(widest * _STEP - 12.0, 4 * _STEP) + 2 * EDGE
    sheet = Sheet("What each neuron sees" if title is None else title, width)
    directions = plane.span(f"{across} to the right", f"{upward} upward")
    sheet.note(sheet.y - 4, [f"each map: {directions}"])
    lines = [f"{sheet.title} over {plane.span(across, upward)}."]
    for number, band in enumerate(bands, 1):
        _draw(sheet, f"Layer {number}", band)
        lines.append(f"Layer {number}, {_described(band)}.")
    sheet.note(sheet.y, _EXPLANATION)
    return sheet.chart(
        "\n".join(lines),
        numbers={
            "extent": list(plane.extent),
            "layers": [
                {"activation": band.activation, "maps": [m.outputs for m in band.maps]}
                for band in bands
            ],
        },
        plot=lambda axes, colours: _plot(axes, colours, bands),
        theme=theme,
        format=format,
    )


def _bands(layers: Sequence[Layer], plane: Plane) -> list[_Band]:
    """Ask every neuron everywhere."""
    grid: list[list[Row]] = [[[x, y] for x in plane.columns] for y in plane.rows]
    bands = []
    for number, layer in enumerate(layers, 1):
        sums = [[layer.pre_activations(h) for h in row] for row in grid]
        grid = [[layer.activated(a) for a in row] for row in sums]
        _check(number, grid)
        maps = [
            _Map([[h[k] for h in row] for row in grid], _zeros(sums, k))
            for k in range(len(layer.neurons))
        ]
        bands.append(_Band(maps, layer.activation_name))
    return bands


def _check(number: int, grid: Sequence[Sequence[Row]]) -> None:
    """Refuse what cannot be drawn."""
    for h in (h for row in grid for h in row):
        for k, x in enumerate(h, 1):
            if not math.isfinite(x):
                raise ValueError(
                    f"neuron {k} of layer {number} says {x} somewhere on the plane: only finite "
                    "outputs can be drawn; have the parameters grown too large?"
                )


def _zeros(sums: Sequence[Sequence[Row]], k: int) -> list[Line]:
    """Where the sum of a neuron is 0."""
    return boundaries([[(0.0, a[k]) for a in row] for row in sums])


def _range(lowest: float, highest: float, digits: int) -> str:
    """From where to where, in so many digits.

    >>> _range(-0.12345, 0.0, 3), _range(2.0, 2.0, 3)
    ('−0.123 … 0', 'always 2')
    """
    low, high = brief(lowest, digits), brief(highest, digits)
    return f"always {low}" if lowest == highest else f"{low} … {high}"


def _described(band: _Band) -> str:
    """A layer as text."""
    ranges = [f"neuron {k}: {m.words}" for k, m in enumerate(band.shown, 1)]
    return f"{band.activation}: {'; '.join([*ranges, band.more] if band.more else ranges)}"


# ---- drawing -----------------------------------------------------------------------------------


def _draw(sheet: Sheet, name: str, band: _Band) -> None:
    """A layer, below what was drawn so far."""
    y = sheet.y + 30
    what = f"{name}: {counted(len(band.maps), 'neuron')}, {band.activation}"
    sheet.svg.text(EDGE, y, shortened(what, sheet.inner, "heading"), "heading")
    y += 10
    for k, one in enumerate(band.shown):
        place = (EDGE + k % _IN_A_ROW * _STEP, y + k // _IN_A_ROW * _ROW)
        _draw_map(sheet.svg, place, f"neuron {k + 1} of {name.lower()}", one)
    y += band.rows * _ROW - 4.0
    sheet.note(y, [f"Not drawn: {band.more}."] if band.more else [])


def _draw_map(svg: Svg, place: tuple[float, float], name: str, one: _Map) -> None:
    """One neuron."""
    left, top = place
    n = len(one.outputs)
    x, y, width, height = around((0.0, 0.0, _SIDE, _SIDE), n)
    inner = Svg()
    inner.element(
        "image", x=x, y=y, width=width, height=height, href=one.heat, preserveAspectRatio="none"
    )
    axes = Axes(svg, Linear(0, n - 1, left, left + _SIDE), Linear(0, n - 1, top, top + _SIDE))
    with svg.group():
        svg.title(f"{name}: {one.words}")
        svg.element("svg", "", inner.body, x=left, y=top, width=_SIDE, height=_SIDE)
        if one.bends:
            bends = "".join(path_of(axes.place(*p) for p in line) for line in one.bends)
            svg.path(bends, "ring", stroke_linejoin="round")
        if one.lowest < one.highest:
            if one.highest > 0.0:
                svg.path(_marked(axes, one.find(one.highest)) + _PLUS, "ink-line")
            if one.lowest < 0.0:
                svg.path(_marked(axes, one.find(one.lowest)) + _MINUS, "ink-line")
        svg.rect((left, top, _SIDE, _SIDE), "axis")
        svg.text(left + _SIDE / 2, top + _SIDE + 14, one.range, "tag muted middle")


def _marked(axes: Axes, found: tuple[int, int]) -> str:
    """A move to a column and row of a map, or as near to them as its edges allow."""
    x, y = (
        min(max(scale(k), scale.start + 8.0), scale.stop - 8.0)
        for scale, k in zip((axes.x, axes.y), found, strict=True)
    )
    return f"M{short(x)},{short(y)}"


def _plot(axes: Any, colours: Colours, bands: Sequence[_Band]) -> None:
    """The same in matplotlib: all maps in one pair of axes."""
    top = 0.0
    for number, band in enumerate(bands, 1):
        for k, one in enumerate(band.shown):
            left, upper = k % _IN_A_ROW * 1.1, top - k // _IN_A_ROW * 1.1
            image = [[[part / 255 for part in _PALETTE[k]] for k in row] for row in one.tints]
            extent = (left, left + 1.0, upper - 1.0, upper)
            axes.imshow(image, extent=extent, origin="upper", interpolation="bilinear")
            n = len(one.outputs) - 1
            for line in one.bends:
                xs = [left + x / n for x, _ in line]
                axes.plot(xs, [upper - y / n for _, y in line], color=colours["ink"], linewidth=1.5)
        axes.text(-0.1, top - 0.5, f"layer {number}", ha="right", va="center")
        top -= band.rows * 1.1 + 0.2
    axes.set_xlim(-0.05, _IN_A_ROW * 1.1)
    axes.set_ylim(top, 0.05)
    axes.set_axis_off()
