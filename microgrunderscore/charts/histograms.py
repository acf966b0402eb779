"""The activations of each layer as histograms, and how many of them are flat there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..nn import MLP
from ..numeric import data_of
from ..pictures.axes import TICK, Axes, Linear, clear, limits, shortened
from ..pictures.batch import FLAT
from ..pictures.names import number_text
from ..pictures.svg import Svg, short, size_of
from ..pictures.wording import counted, how_many, percent, percent_of
from ..samples import items, unpacked
from .answers import inside
from .chart import EDGE, WIDTH, Chart, Colours, Sheet, literal

BAND = 76.0  # px for each layer
BARS = 32  # of a histogram
SMALLEST = 5e-324  # the positive float next to 0
# Where tanh has less than that share of its largest slope, as 1 - h² < FLAT; and so has a sigmoid,
# whose 4 h (1 - h) is 1 - (2h - 1)².
SATURATED = math.sqrt(1.0 - FLAT)


def activation_histograms(
    model: MLP,
    X: Any,
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """What the neurons of each layer answer to the samples, and how many of them are flat there.

    A tanh or a sigmoid is saturated where its slope is below 5 % of the largest one it can have, as
    in `overview`; a ReLU is off where h is exactly 0. There, hardly any gradient passes.

    Args:
        model: an MLP.
        X: samples, one row (or number) each; those with a number that is not finite are left out.
        title, theme, format: as for `loss_curve`.

    Raises:
        TypeError: the model is no MLP.
        ValueError: no samples with finite numbers, or of another size than the model's inputs.

    >>> model = MLP(1, [2, 1], activation="tanh", seed=1)
    >>> model.load_state(dict.fromkeys(model.state(), 1.0))
    >>> print(activation_histograms(model, [[0.0], [9.0]]))
    Activations of 2 layers for 2 samples.
    layer 1, 2 neurons, tanh: mean 0.8808, standard deviation 0.1192; 50 % saturated.
    layer 2, 1 neuron, identity: mean 2.762, standard deviation 0.2384.
    tanh is saturated where |h| > 0.9747: its slope is below 5 % of the largest.
    """
    finite, left_out = _finite_samples(X)
    layers, h = inside("activation_histograms", model, finite)
    bands = []
    for i, layer in enumerate(layers, 1):
        h = [items(layer.predict(x)) for x in h]
        bands.append(_Band(f"layer {i}", layer.activation_name, h))
    sheet = Sheet(title or "Activations, layer by layer")
    svg, y = sheet.svg, sheet.y + 10
    left = EDGE + 16 + max(size_of(*line) for band in bands for line in band.lines)
    for band, following in zip(bands, [*bands[1:], None], strict=True):
        base = y + BAND
        x = Linear(*band.limits, left, WIDTH - EDGE - 10)
        axes = Axes(svg, x, Linear(0.0, 1.0, base, y + 14))
        with svg.group():
            svg.title(band.words)
            for k, (text, classes) in enumerate(band.lines):
                svg.text(EDGE, y + 26 + 15 * k, text, classes)
            band.draw(svg, x, base)
        axes.base()
        y = base
        if following is None or following.limits != band.limits:
            axes.bottom()
            y += 24
    remarks = [*dict.fromkeys(band.rule.meaning for band in bands if band.rule), *left_out]
    sheet.note(y, remarks)
    heading = f"Activations of {counted(len(bands), 'layer')} for {counted(len(h), 'sample')}."
    return sheet.chart(
        "\n".join([heading, *(f"{band.words}." for band in bands), *remarks]),
        numbers={"samples": len(h), "layers": [band.numbers for band in bands]},
        plot=lambda into, colours: _plot_bands(into, colours, bands),
        theme=theme,
        format=format,
    )


def _finite_samples(X: Any) -> tuple[Any, list[str]]:
    """The samples without those that hold a number that is not finite, and how many these were."""
    table = unpacked(X.to_numpy() if hasattr(X, "to_numpy") else X)
    if not isinstance(table, list | tuple):
        return table, []
    kept = [x for x in table if all(map(math.isfinite, _numbers_in(x)))]
    if len(kept) == len(table):
        return table, []
    if not kept:
        raise ValueError(
            f"activation_histograms: every sample of X, {len(table):,} in all, holds a number that "
            "is not finite"
        )
    lost = f"{len(table) - len(kept):,} of the {len(table):,} samples"
    return kept, [f"Left out: {lost}, with a number that is not finite."]


def _numbers_in(x: Any) -> list[float]:
    """The numbers of a sample; none where it is something else, about which `rows` complains."""
    try:
        return [data_of(v) for v in items(x)]
    except (TypeError, OverflowError):
        return []


@dataclass(frozen=True)
class _Rule:
    """When an activation hardly lets a gradient pass: where it is below or above a threshold."""

    word: str
    meaning: str
    low: float
    high: float = math.inf

    def flat(self, h: float) -> bool:
        return h < self.low or h > self.high


_LOW, _HIGH = 0.5 - SATURATED / 2, 0.5 + SATURATED / 2
_WHY = f"its slope is below {percent(FLAT)} of the largest."
_RULES: Mapping[str, _Rule] = {
    "tanh": _Rule(
        "saturated",
        f"tanh is saturated where |h| > {number_text(SATURATED)}: {_WHY}",
        -SATURATED,
        SATURATED,
    ),
    "sigmoid": _Rule(
        "saturated",
        f"sigmoid is saturated where h < {number_text(_LOW)} or h > {number_text(_HIGH)}: {_WHY}",
        _LOW,
        _HIGH,
    ),
    "relu": _Rule("off", "relu is off where h is exactly 0.", SMALLEST),
}


class _Band:
    """The activations of one layer, h[sample][neuron]."""

    def __init__(self, name: str, activation: str, h: list[list[float]]) -> None:
        self.name = name
        self.activation = activation
        self.rule = _RULES.get(activation)
        self.neurons = len(h[0])
        self.values = [x for row in h for x in row if math.isfinite(x)]
        self.odd = len(h) * self.neurons - len(self.values)
        flat = self.rule.flat if self.rule else lambda x: False
        self.flat = sum(map(flat, self.values))
        self.dead = sum(all(map(flat, column)) for column in zip(*h, strict=True))
        self.edges = self._edges()
        self.limits = (self.edges[0], self.edges[-1])
        self.counts = [0] * (len(self.edges) - 1)
        place = Linear(*self.limits, 0.0, float(len(self.counts)))
        for x in self.values:
            self.counts[self._bin(x, place)] += 1

    def _edges(self) -> list[float]:
        """The edges of the bars; thresholds are among them."""
        n = BARS + 1
        if self.rule and math.isfinite(self.rule.high):
            width = (self.rule.high - self.rule.low) / (BARS - 1)
            first = self.rule.low - width
        elif self.rule:  # one bar for those that are off, to the left of 0
            _, high = limits([0.0, *self.values], zero=True)
            width = high / BARS
            first = -width
        else:
            first, high = (0.0, 1.0) if self.activation == "softmax" else limits(self.values)
            width, n = high / BARS - first / BARS, BARS
        return [first + i * width for i in range(n + 1)]

    def _bin(self, x: float, place: Linear) -> int:
        if self.activation == "relu":
            return 1 + min(BARS - 1, int(place(x) - 1.0)) if x else 0
        return max(0, min(len(self.counts) - 1, int(place(x))))

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What stands to the left of the histogram, line by line, with its classes."""
        about = f"{counted(self.neurons, 'neuron')}, {shortened(self.activation, 110.0, TICK)}"
        lines = [(self.name, "note"), (about, "tag muted")]
        if self.rule and self.values:
            share = f"{percent_of(self.flat, len(self.values))} {self.rule.word}"
            lines.append((share, f"tag {'negative' if self.flat else 'muted'}"))
        if self.rule and self.dead:
            lines.append((f"{self.dead} always {self.rule.word}", "tag negative"))
        if self.odd:
            lines.append((f"{self.odd} nan or ∞", "tag negative"))
        return lines

    @property
    def words(self) -> str:
        """The layer in a sentence."""
        n = len(self.values)
        parts = []
        if n:
            mean, spread = number_text(self.mean), number_text(self.spread)
            parts.append(f"mean {mean}, standard deviation {spread}")
        if n and self.rule:
            parts.append(f"{percent_of(self.flat, n)} {self.rule.word}")
        if n and self.rule and self.dead:
            dead = how_many(self.dead, self.neurons)
            parts.append(f"{dead} {self.rule.word} for every sample")
        if self.odd:
            parts.append(f"{how_many(self.odd, n + self.odd)} not finite")
        about = f"{counted(self.neurons, 'neuron')}, {clear(self.activation):.80}"
        return f"{self.name}, {about}: {'; '.join(parts)}"

    @property
    def mean(self) -> float:
        """Their mean; of at least one finite number."""
        n = len(self.values)
        return math.fsum(x / n for x in self.values)

    @property
    def spread(self) -> float:
        """The standard deviation."""
        mean = self.mean
        return math.hypot(*(x - mean for x in self.values)) / math.sqrt(len(self.values))

    @property
    def numbers(self) -> dict[str, Any]:
        spread = self.spread if self.values else math.inf
        return {
            "name": self.name,
            "activation": self.activation,
            "neurons": self.neurons,
            "mean": self.mean if self.values else None,
            "standard_deviation": spread if math.isfinite(spread) else None,
            "edges": self.edges,
            "counts": self.counts,
            "flat": self.flat if self.rule else None,
            "always_flat": self.dead if self.rule else None,
            "not_finite": self.odd,
        }

    def is_flat(self, i: int) -> bool:
        """Whether the activations of this bar let hardly any gradient pass."""
        middle = self.edges[i] / 2.0 + self.edges[i + 1] / 2.0
        return self.rule is not None and self.rule.flat(middle)

    def draw(self, svg: Svg, scale: Linear, base: float) -> None:
        """The bars, and a dashed line at each threshold."""
        place = Linear(0.0, float(len(self.counts)), scale.start, scale.stop)
        top = max([*self.counts, 1])
        for is_flat, classes in ((False, "value-area"), (True, "negative-area")):
            d = "".join(
                f"M{short(place(i) + 0.5)},{short(base)}V{short(base - (BAND - 18) * n / top)}"
                f"H{short(place(i + 1) - 0.5)}V{short(base)}Z"
                for i, n in enumerate(self.counts)
                if n and self.is_flat(i) == is_flat
            )
            if d:
                svg.path(d, classes)
        for i in range(1, len(self.counts)):
            if self.is_flat(i - 1) != self.is_flat(i):
                svg.path(f"M{short(place(i))},{short(base)}v{short(18 - BAND)}", "axis",
                         stroke_dasharray="2 3")  # fmt: skip


# ---- the same in matplotlib --------------------------------------------------------------------


def _plot_bands(into: Any, colours: Colours, bands: Sequence[_Band]) -> None:
    """Histograms one above the other, the first on top; each fills its row."""
    rows = range(len(bands) - 1, -1, -1)
    for row, band in zip(rows, bands, strict=True):
        top = max([*band.counts, 1])
        for i, (left, right) in enumerate(pairwise(band.edges)):
            if n := band.counts[i]:
                colour = colours["negative" if band.is_flat(i) else "value"]
                into.bar(left, 0.85 * n / top, width=right - left, bottom=row, align="edge",
                         color=colour)  # fmt: skip
    names = ["\n".join(literal(text) for text, _ in band.lines) for band in bands]
    into.set_yticks(list(rows), labels=names)
    into.set_xlabel("activation")
