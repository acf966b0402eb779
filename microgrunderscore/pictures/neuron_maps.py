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
from .axes import Axes, Linear, clear, heading, notes, path_of, shortened
from .boundary import around, counted
from .chart import Chart
from .contours import Line, boundaries
from .palette import DARK, LIGHT
from .pixels import DEEPEST, address, png, tints
from .plane import Plane, Row, default_name, inside, pair_of
from .svg import Svg, escaped

MOST_NEURONS = 64  # of a layer that are drawn

_LEVELS = 32
_PALETTE = [*tints("value", _LEVELS, DEEPEST), *tints("negative", _LEVELS, DEEPEST)]
_SIDE = 76.0  # px, of a map
_STEP = _SIDE + 12.0
_IN_A_ROW = 8
_PAD = 18.0
_PLUS = "M{x},{y}m-4,0h8m-4,-4v8"
_MINUS = "M{x},{y}m-4,0h8"


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
    def largest(self) -> float:
        """The largest amount."""
        return max(abs(self.lowest), abs(self.highest))

    @property
    def range(self) -> str:
        """The lowest and the highest output; one number where they are the same."""
        if self.lowest == self.highest:
            return f"always {_short(self.lowest)}"
        shown = f"{_short(self.lowest)} … {_short(self.highest)}"
        return shown if len(shown) < 12 else f"{_short(self.lowest, 2)} … {_short(self.highest, 2)}"

    @property
    def words(self) -> str:
        """The same for a sentence."""
        return self.range.replace("…", "to")

    def find(self, x: float) -> tuple[int, int]:
        """The column and the row where the output is x."""
        return next((row.index(x), r) for r, row in enumerate(self.outputs) if x in row)


@dataclass(frozen=True, slots=True)
class _Band:
    """A layer and its maps."""

    maps: list[_Map]
    activation: str


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
    What each neuron sees over x₁ from −1.34 to 2.36 and x₂ from −0.613 to 1.17.
    Layer 1, relu: neuron 1: 0 to 1.79; neuron 2: 0 to 1.55.
    Layer 2, identity: neuron 1: −0.16 to −0.00062.
    """
    layers, inputs = inside("neuron_maps", model, X)
    pair_of("neuron_maps", inputs)
    names = [clear(name) for name in feature_names or (default_name(0), default_name(1))]
    if isinstance(feature_names, str) or len(names) != 2:
        raise ValueError(f"feature_names names the two axes, got {feature_names!r:.60}")
    plane = Plane.around([(x, y) for x, y in inputs], resolution)
    bands = _bands(layers, plane)
    title = "What each neuron sees" if title is None else clear(title)
    text = _text(title, names, plane, bands)
    return Chart(
        _drawn(title, text, names, plane, bands, theme),
        title,
        text,
        numbers={
            "extent": [plane.left, plane.right, plane.bottom, plane.top],
            "layers": [
                {"activation": band.activation, "maps": [m.outputs for m in band.maps]}
                for band in bands
            ],
        },
        plot=lambda axes: _plot(axes, title, bands, DARK if theme == "dark" else LIGHT),
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


# ---- words -------------------------------------------------------------------------------------


def _short(x: float, digits: int = 3) -> str:
    """A number with so many digits.

    >>> _short(-0.12345), _short(-0.0)
    ('−0.123', '0')
    """
    return f"{x or 0.0:.{digits}g}".replace("-", "−")


def _text(title: str, names: Sequence[str], plane: Plane, bands: Sequence[_Band]) -> str:
    """All that is to be seen, as text."""
    left, right, bottom, top = map(_short, (plane.left, plane.right, plane.bottom, plane.top))
    lines = [
        f"{title} over {names[0]} from {left} to {right} and {names[1]} from {bottom} to {top}."
    ]
    for number, band in enumerate(bands, 1):
        ranges = [f"neuron {k}: {m.words}" for k, m in enumerate(band.maps[:MOST_NEURONS], 1)]
        lines.append(f"Layer {number}, {band.activation}: {'; '.join(ranges)}{_more(band)}.")
    return "\n".join(lines)


def _more(band: _Band) -> str:
    hidden = len(band.maps) - MOST_NEURONS
    return f"; {hidden} more neurons" if hidden > 0 else ""


# ---- drawing -----------------------------------------------------------------------------------


def _drawn(
    title: str, text: str, names: Sequence[str], plane: Plane, bands: Sequence[_Band], theme: str
) -> str:
    """The picture."""
    svg = Svg()
    widest = max(min(len(band.maps), _IN_A_ROW) for band in bands)
    inner = max(widest * _STEP - 12.0, 4 * _STEP)
    y = heading(svg, _PAD, _PAD + 14, title, inner)
    limits = [_short(x) for x in (plane.left, plane.right, plane.bottom, plane.top)]
    across = f"each map: {names[0]} from {limits[0]} to {limits[1]} to the right"
    upward = f"{names[1]} from {limits[2]} to {limits[3]} upward"
    y = notes(svg, _PAD, y + 4, [f"{across}, {upward}"], inner)
    for number, band in enumerate(bands, 1):
        y += 30
        what = f"Layer {number}: {counted(len(band.maps), 'neuron')}, {band.activation}"
        svg.text(_PAD, y, shortened(what, inner, "heading"), "heading")
        y += 10
        for k, one in enumerate(band.maps[:MOST_NEURONS]):
            place = (_PAD + k % _IN_A_ROW * _STEP, y + k // _IN_A_ROW * (_STEP + 12.0))
            _draw_map(svg, place, f"neuron {k + 1} of layer {number}", one)
        shown = min(len(band.maps), MOST_NEURONS)
        y += -(-shown // _IN_A_ROW) * (_STEP + 12.0) - 4.0
        if _more(band):
            y = notes(svg, _PAD, y, [f"{_more(band).removeprefix('; ')} are not drawn"], inner)
    y = notes(svg, _PAD, y + 8, _EXPLANATION, inner)
    return svg.document((0, 0, inner + 2 * _PAD, y + _PAD), title, text, theme)


_EXPLANATION = (
    "Blue is positive, red negative, deeper is more: each map has its own scale.",
    "Below it: its lowest and highest output; + and − mark where these are.",
    "The line is where the neuron's sum w·h + b is 0.",
)


def _draw_map(svg: Svg, place: tuple[float, float], name: str, one: _Map) -> None:
    """One neuron."""
    left, top = place
    n = len(one.outputs)
    x, y, width, height = around((0.0, 0.0, _SIDE, _SIDE), n)
    inner = Svg()
    inner.element(
        "image", x=x, y=y, width=width, height=height, href=_heat(one),
        preserveAspectRatio="none",
    )  # fmt: skip
    axes = Axes(svg, Linear(0, n - 1, left, left + _SIDE), Linear(0, n - 1, top, top + _SIDE))
    with svg.group():
        svg.title(f"{name}: {one.words}")
        svg.element("svg", "", inner.body, x=left, y=top, width=_SIDE, height=_SIDE)
        if one.bends:
            bends = "".join(path_of(axes.place(*p) for p in line) for line in one.bends)
            svg.path(bends, "ring", stroke_linejoin="round")
        for x0, sign in ((one.highest, _PLUS), (one.lowest, _MINUS)):
            if one.lowest < one.highest and (x0 > 0.0) == (sign == _PLUS) and x0 != 0.0:
                svg.path(_sign(sign, one.find(x0), n, left, top), "ink-line")
        svg.rect((left, top, _SIDE, _SIDE), "axis")
        svg.text(left + _SIDE / 2, top + _SIDE + 14, one.range, "tag muted middle")


def _sign(sign: str, found: tuple[int, int], n: int, left: float, top: float) -> str:
    """A plus or minus at a place of the map, inside its edges."""
    x, y = (min(max(k / (n - 1) * _SIDE, 8.0), _SIDE - 8.0) for k in found)
    return sign.format(x=escaped(f"{left + x:.1f}"), y=f"{top + y:.1f}")


def _heat(one: _Map) -> str:
    """The heat map as a data address."""
    return address(png([[_tint(x, one.largest) for x in row] for row in one.outputs], _PALETTE))


def _tint(x: float, largest: float) -> int:
    """The place of an output's tint in the palette."""
    level = round(abs(x) / largest * (_LEVELS - 1)) if largest else 0
    return level + (_LEVELS if x < 0.0 else 0)


def _plot(axes: Any, title: str, bands: Sequence[_Band], colours: Any) -> None:
    """The same in matplotlib: all maps in one pair of axes."""
    top = 0.0
    for number, band in enumerate(bands, 1):
        for k, one in enumerate(band.maps[:MOST_NEURONS]):
            left, upper = k % _IN_A_ROW * 1.1, top - k // _IN_A_ROW * 1.1
            image = [
                [[part / 255 for part in _PALETTE[_tint(x, one.largest)]] for x in row]
                for row in one.outputs
            ]
            extent = (left, left + 1.0, upper - 1.0, upper)
            axes.imshow(image, extent=extent, origin="upper", interpolation="bilinear")
            n = len(one.outputs) - 1
            for line in one.bends:
                xs = [left + x / n for x, _ in line]
                axes.plot(xs, [upper - y / n for _, y in line], color=colours["ink"], linewidth=1.5)
        axes.text(-0.1, top - 0.5, f"layer {number}", ha="right", va="center")
        top -= -(-min(len(band.maps), MOST_NEURONS) // _IN_A_ROW) * 1.1 + 0.2
    axes.set_xlim(-0.05, _IN_A_ROW * 1.1)
    axes.set_ylim(top, 0.05)
    axes.set_axis_off()
    axes.set_title(title.replace("$", r"\$"))
