"""Distributions: the gradients of each layer as ridges, its activations as histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..nn import MLP
from ..numeric import data_of
from ..pictures.axes import TICK, Axes, Linear, Log, Point, clear, limits, shortened
from ..pictures.names import number_text
from ..pictures.svg import Svg, short, size_of
from ..pictures.wording import counted, how_many, percent_of
from ..samples import items, unpacked
from .answers import inside
from .chart import EDGE, WIDTH, Chart, Colours, Sheet, literal
from .recorder import gradients_of

RIDGE = 38.0  # px for each layer
BAND = 76.0  # px for each layer
BINS = 64  # of a ridge
BARS = 32  # of a histogram
SMOOTHING = (1, 4, 6, 4, 1)  # weights of the bins beside one
SATURATED = 0.97  # beyond it, tanh and sigmoid are nearly flat
SMALLEST = 5e-324  # the positive float next to 0


# ---- gradients ---------------------------------------------------------------------------------


def gradient_ridges(
    model: Any,
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """How large the gradients of each layer are now: the distribution of |∂L/∂w|, on a log axis.

    The ridges are equally high; a tick marks the median of each. Gradients of exactly 0 have no
    place on a log axis: they are counted beside it.

    Args:
        model: a module after `loss.backward()`; or a mapping from names to gradients.
        title, theme, format: as for `loss_curve`.

    Raises:
        ValueError: no layers, or a model that holds no gradients.
        TypeError: neither a module nor a mapping.

    >>> print(gradient_ridges({"layer 1": [1e-3, -1e-2, 0.0], "layer 2": [1.0]}))
    Sizes of the gradients |∂L/∂w| of 2 layers.
    layer 1: median 0.001, between 0.001 and 0.01; 1 of 3 is exactly 0.
    layer 2: median 1, between 1 and 1.
    """
    ridges = [_Ridge(name, numbers) for name, numbers in _gradients(model).items()]
    sheet = Sheet(title or "Size of the gradients, layer by layer")
    svg, top, right = sheet.svg, sheet.y + 34, WIDTH - EDGE
    names = [shortened(ridge.name, 120.0, "label") for ridge in ridges]
    left = EDGE + max(size_of(name, "label") for name in names) + 10
    head = size_of("median", TICK) + 6
    beside = max(head, *(size_of(*line) for ridge in ridges for line in ridge.beside))
    sizes = (size for ridge in ridges for size in ridge.sizes)
    x = Log(*limits(sizes, log=True), left + 12, right - beside - 24)
    bottom = top + RIDGE * len(ridges)
    Axes(svg, x, Linear(0.0, 1.0, bottom, top)).bottom("|∂L/∂w|", grid=True)
    svg.text(right, top - 8, "median", f"{TICK} end")
    svg.path(f"M{short(right - head)},{short(top - 7)}v-11", "ink-line")
    for i, (ridge, name) in enumerate(zip(ridges, names, strict=True), 1):
        base = top + RIDGE * i
        with svg.group():
            svg.title(ridge.words)
            svg.path(f"M{short(left)},{short(base)}H{short(x.stop + 12)}", "rule")
            ridge.draw(svg, x, base)
            svg.text(left - 10, base - 5, name, "label end")
            for k, (text, classes) in enumerate(reversed(ridge.beside)):
                svg.text(right, base - 5 - 14 * k, text, f"{classes} end")
    remarks = []
    if not any(ridge.sizes for ridge in ridges):
        remarks.append("No gradient differs from 0: was zero_grad() called after backward()?")
    sheet.note(bottom + 34, remarks)
    heading = f"Sizes of the gradients |∂L/∂w| of {counted(len(ridges), 'layer')}."
    return sheet.chart(
        "\n".join([heading, *(f"{ridge.words}." for ridge in ridges), *remarks]),
        numbers={"layers": [ridge.numbers for ridge in ridges]},
        plot=lambda into, colours: _plot_ridges(into, colours, ridges, x),
        theme=theme,
        format=format,
    )


class _Ridge:
    """The gradients of one layer."""

    def __init__(self, name: str, gradients: Sequence[float]) -> None:
        self.name = name
        self.count = len(gradients)
        self.sizes = [abs(g) for g in gradients if g and math.isfinite(g)]
        self.zeros = sum(g == 0.0 for g in gradients)
        self.odd = self.count - self.zeros - len(self.sizes)
        middle = (len(self.sizes) - 1) // 2
        self.median = sorted(self.sizes)[middle] if self.sizes else None

    @property
    def words(self) -> str:
        """The layer in a sentence."""
        parts = []
        if self.median is not None:
            lo, hi = number_text(min(self.sizes)), number_text(max(self.sizes))
            parts.append(f"median {number_text(self.median)}, between {lo} and {hi}")
        if self.zeros:
            parts.append(f"{how_many(self.zeros, self.count)} exactly 0")
        if self.odd:
            parts.append(f"{how_many(self.odd, self.count)} not finite")
        return f"{clear(self.name)}: {'; '.join(parts) or 'no gradients'}"

    @property
    def beside(self) -> list[tuple[str, str]]:
        """What stands to the right of the ridge, line by line, with its classes."""
        lines = []
        if self.median is not None:
            lines.append((number_text(self.median), "small-number"))
        if self.zeros:
            lines.append((f"{how_many(self.zeros, self.count)} 0", "tag muted"))
        if self.odd:
            lines.append((f"{how_many(self.odd, self.count)} nan or ∞", "tag negative"))
        return lines or [("none", "tag muted")]

    @property
    def numbers(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "count": self.count,
            "sizes": self.sizes,
            "median": self.median,
            "zeros": self.zeros,
            "not_finite": self.odd,
        }

    def heights(self, scale: Log) -> list[Point]:
        """(position in bins, height from 0 to 1) along the ridge, from 0 to 0."""
        place = Log(scale.lo, scale.hi, 0.0, float(BINS))
        reach = len(SMOOTHING) // 2
        counts = [0] * (BINS + 4 * reach)
        for size in self.sizes:
            counts[min(BINS - 1, int(place(size))) + 2 * reach] += 1
        smooth = [
            sum(w * n for w, n in zip(SMOOTHING, counts[i - reach :], strict=False))
            for i in range(reach, len(counts) - reach)
        ]
        kept = [i for i, h in enumerate(smooth) if h]
        if not kept:
            return []
        inner = [(i - reach + 0.5, smooth[i] / max(smooth)) for i in range(kept[0], kept[-1] + 1)]
        return [(inner[0][0] - 1.0, 0.0), *inner, (inner[-1][0] + 1.0, 0.0)]

    def draw(self, svg: Svg, scale: Log, base: float) -> None:
        """The ridge on its base line, and the tick at the median."""
        place = Linear(0.0, float(BINS), scale.start, scale.stop)
        points = [(place(i), base - (RIDGE - 7) * h) for i, h in self.heights(scale)]
        if points:
            line = "L".join(f"{short(x)},{short(y)}" for x, y in points)
            svg.path(f"M{line}Z", "ridge")
        if self.median is not None:
            svg.path(f"M{short(scale(self.median))},{short(base)}v-18", "ink-line")


def _gradients(model: Any) -> dict[str, list[float]]:
    """Gradients by the name of their layer."""
    if isinstance(model, Mapping):
        given = {str(name): [data_of(x) for x in items(xs)] for name, xs in model.items()}
    elif callable(getattr(model, "named_parameters", None)):
        given = gradients_of(model)
        if given and not any(given.values()):
            raise ValueError(
                "no parameter holds a gradient yet: compute a loss, call its backward(), then draw"
            )
    else:
        raise TypeError(
            f"gradient_ridges draws the gradients of a module, or of a mapping from names to "
            f"numbers, not of {type(model).__name__} {model!r:.40}"
        )
    if not given:
        raise ValueError("there are no layers to draw: the model has no parameters")
    return given


# ---- activations -------------------------------------------------------------------------------


def activation_histograms(
    model: MLP,
    X: Any,
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """What the neurons of each layer answer to the samples, and how many of them are flat there.

    A tanh is saturated where |h| > 0.97, a sigmoid where h < 0.03 or h > 0.97, a ReLU is off where
    h is exactly 0: there, hardly any gradient passes.

    Args:
        model: an MLP.
        X: samples, one row (or number) each; those with a number that is not finite are left out.
        title, theme, format: as for `loss_curve`.

    Raises:
        TypeError: the model is no MLP.
        ValueError: no samples, or of another size than the model's inputs.

    >>> model = MLP(1, [2, 1], activation="tanh", seed=1)
    >>> model.load_state(dict.fromkeys(model.state(), 1.0))
    >>> print(activation_histograms(model, [[0.0], [9.0]]))
    Activations of 2 layers for 2 samples.
    layer 1, 2 neurons, tanh: mean 0.8808, standard deviation 0.1192; 50 % saturated.
    layer 2, 1 neuron, identity: mean 2.762, standard deviation 0.2384.
    tanh is saturated where |h| > 0.97.
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


_RULES: Mapping[str, _Rule] = {
    "tanh": _Rule("saturated", "tanh is saturated where |h| > 0.97.", -SATURATED, SATURATED),
    "sigmoid": _Rule(
        "saturated",
        "sigmoid is saturated where h < 0.03 or h > 0.97.",
        1.0 - SATURATED,
        SATURATED,
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


def _plot_ridges(into: Any, colours: Colours, ridges: Sequence[_Ridge], scale: Log) -> None:
    """Ridges, the first on top."""
    place = Linear(0.0, float(BINS), math.log10(scale.lo), math.log10(scale.hi))
    rows = range(len(ridges) - 1, -1, -1)
    for row, ridge in zip(rows, ridges, strict=True):
        points = ridge.heights(scale)
        xs = [10.0 ** min(308.0, max(-323.0, place(i))) for i, _ in points]
        tops = [row + 0.85 * h for _, h in points]
        into.fill_between(xs, row, tops, facecolor=colours["gradient-tint"],
                          edgecolor=colours["gradient"])  # fmt: skip
        if ridge.median is not None:
            into.plot([ridge.median] * 2, [row, row + 0.5], color=colours["ink"], linewidth=2)
    into.set_xscale("log")
    zeros = [f" ({how_many(r.zeros, r.count)} 0)" if r.zeros else "" for r in ridges]
    names = [literal(r.name) + text for r, text in zip(ridges, zeros, strict=True)]
    into.set_yticks(list(rows), labels=names)
    into.set_xlabel("|∂L/∂w|, median marked")


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
