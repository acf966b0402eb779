"""The gradients of each layer as ridges: how large they are, on one log axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..numeric import data_of
from ..pictures.axes import TICK, Axes, Linear, Log, Point, clear, limits, shortened
from ..pictures.histogram import quantile
from ..pictures.names import number_text
from ..pictures.svg import Svg, short, size_of
from ..pictures.wording import counted, how_many
from ..samples import items
from .chart import EDGE, WIDTH, Chart, Colours, Sheet, literal
from .recorder import gradients_of

RIDGE = 38.0  # px for each layer
BINS = 64  # of a ridge
SMOOTHING = (1, 4, 6, 4, 1)  # weights of the bins beside one


def gradient_ridges(
    model: Any,
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """How large the gradients of each layer are now: the distribution of |∂L/∂w|, on a log axis.

    The ridges are equally high. Gradients of exactly 0 have no place on a log axis: they are
    counted beside it. A tick marks the median of all others.

    Args:
        model: a module after `loss.backward()`; or a mapping from names to gradients.
        title, theme, format: as for `loss_curve`.

    Raises:
        ValueError: no layers, or a model that holds no gradients.
        TypeError: neither a module nor a mapping.

    >>> print(gradient_ridges({"layer 1": [1e-3, -1e-2, 0.0], "layer 2": [1.0]}))
    Sizes of the gradients |∂L/∂w| of 2 layers.
    layer 1: median 0.0055, between 0.001 and 0.01; 1 of 3 is exactly 0.
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
        self.median = quantile(sorted(self.sizes), 0.5) if self.sizes else None

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
