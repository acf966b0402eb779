"""Charts of training: loss, accuracy, gradients, activations, and the U of a gradient check.

Each says in its text what is to be seen, hands out its numbers as JSON data, and draws itself into
matplotlib's axes where somebody wants that. What no axis can hold is left out, and counted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Any

from ..differences import GradcheckReport
from ..history import History
from ..nn import MLP, Layer
from ..numeric import data_of
from ..samples import items, plain, rows, unpacked
from .axes import (
    LINE,
    SERIES,
    TICK,
    Axes,
    Linear,
    Log,
    Point,
    Scale,
    Sheet,
    clear,
    left_margin,
    limits,
    runs,
    shortened,
    thinned,
    wrapped,
)
from .chart import Chart
from .names import number_text
from .palette import LIGHT, STYLES
from .recorder import Frame, Recorder, gradients_of
from .svg import Svg, short, size_of

WIDTH = 460.0  # px of every chart
EDGE = 18.0  # px between its border and what is drawn
HEIGHT = 184.0  # px of the area in which curves are drawn
RIDGE = 38.0  # px for each layer
BAND = 76.0  # px for each layer
BINS = 64  # of a ridge
BARS = 32  # of a histogram
SMOOTHING = (1, 4, 6, 4, 1)  # weights of the bins beside one
SATURATED = 0.97  # beyond it, tanh and sigmoid are nearly flat


# ---- curves ------------------------------------------------------------------------------------


def loss_curve(
    history: History | Sequence[float],
    *,
    log: bool = False,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """The loss of every epoch, of the training data and of those held out; the best is marked.

    Args:
        history: from `training.fit`, or the losses themselves, one number for each epoch.
        log: a logarithmic axis; losses of 0 and less are then left out, and counted.
        title: another title.
        theme: "auto", "light" or "dark".
        format: what a notebook stores: "svg", "png" or "html".

    Raises:
        ValueError: no epochs.
        TypeError: neither a history nor numbers.

    >>> print(loss_curve([2.0, 0.5, 1.0]))
    Mean loss over 3 epochs.
    training: 2 at first, 1 at the end, between 0.5 and 2.
    Best epoch 1: 0.5.
    """
    curves = _curves_of(history, "loss")
    best = min(curves[-1].finite, key=lambda p: p[1], default=None)
    chart = _CurveChart(title or "Loss", curves, "epoch", "mean loss", "log" if log else "zero")
    chart.mark(best, curves[-1], "best epoch")
    return chart.finished("Mean loss", theme, format, best_epoch=_epoch_of(best))


def accuracy_curve(
    history: History | Sequence[float],
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """The share of samples classified rightly, epoch by epoch; the highest is marked.

    Args:
        history: from `training.fit` with a loss for classes; or the shares themselves, from 0 to 1.
        title, theme, format: as for `loss_curve`.

    Raises:
        ValueError: no accuracies, or numbers outside 0 to 1.
        TypeError: neither a history nor numbers.

    >>> print(accuracy_curve([0.5, 1.0, 0.75]))
    Accuracy over 3 epochs.
    training: 50 % at first, 75 % at the end, between 50 % and 100 %.
    Highest at epoch 1: 100 %.
    """
    curves = _curves_of(history, "accuracy")
    for curve in curves:
        for epoch, x in curve.points:
            if x < 0.0 or x > 1.0:
                raise ValueError(
                    f"accuracy is a share from 0 to 1, but that of epoch {epoch:.0f} is {x}: "
                    "divide percentages by 100"
                )
    best = max(curves[-1].finite, key=lambda p: p[1], default=None)
    chart = _CurveChart(title or "Accuracy", curves, "epoch", "classified rightly", "share")
    chart.mark(best, curves[-1], "highest at epoch")
    return chart.finished("Accuracy", theme, format, best_epoch=_epoch_of(best))


def gradient_sizes(
    recorder: Recorder | Sequence[Frame],
    *,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """The root mean square of the gradients of each layer, epoch by epoch, on a log axis.

    Lines that lie decades apart are gradients that vanish or explode on their way back. Of more
    than six layers all are drawn, and six have a colour and a label.

    Args:
        recorder: one that was among the callbacks of `training.fit`, or its frames.
        title, theme, format: as for `loss_curve`.

    Raises:
        ValueError: no gradients were recorded.
        TypeError: no recorder.

    >>> frames = [Frame(i, 1.0, None, {}, {"layer 1": 0.1 / (i + 1)}) for i in range(2)]
    >>> print(gradient_sizes(frames))
    Root mean square of the gradients over 2 epochs.
    layer 1: 0.1 at first, 0.05 at the end, between 0.05 and 0.1.
    """
    frames = _frames(recorder)
    names = dict.fromkeys(name for frame in frames for name in frame.gradient_sizes)
    curves = [
        _Curve(
            name,
            name,
            [(float(f.epoch), f.gradient_sizes.get(name, math.nan)) for f in frames],
            [f.epoch for f in frames if name not in f.gradient_sizes],
        )
        for name in names
    ]
    _give_styles(curves)
    heading = title or "Size of the gradients, epoch by epoch"
    chart = _CurveChart(heading, curves, "epoch", "rms of ∂L/∂w", "log", labels=True)
    if len(curves) > len(SERIES):
        others = len(curves) - len(SERIES)
        chart.remarks.append(f"Thin lines without a label: the {others} layers between.")
    chart.sentences += _first_and_last(curves)
    return chart.finished(
        "Root mean square of the gradients", theme, format, among="gradient_sizes"
    )


def u_curve(
    report: GradcheckReport,
    *,
    steps: Sequence[float] = (),
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """How far differences are from the derivative, for every step h: a U, if all is well.

    Args:
        report: from `gradcheck`.
        steps: as for its method `curve`: from 1 to 10⁻¹⁵ when left out.
        title, theme, format: as for `loss_curve`.

    Raises:
        TypeError: no report.

    Source: Nocedal and Wright, Numerical optimization (2006), section 8.1: the error of a central
    difference is about ε|f| / h + h²|f‴| / 6.

    >>> from microgrunderscore.differences import gradcheck
    >>> chart = u_curve(gradcheck(lambda x: x.exp(), 1.0))
    >>> 1e-6 < chart.numbers["best_step"] < 1e-4
    True
    """
    if not isinstance(report, GradcheckReport):
        raise TypeError(
            f"u_curve draws what gradcheck returns, not {type(report).__name__} {report!r:.40}: "
            "u_curve(gradcheck(f, x))"
        )
    points = sorted(zip(*report.curve(steps), strict=True))
    curve = _Curve("errors", "error", points, [], *SERIES[0])
    heading = title or "Error of a difference, by its step"
    chart = _CurveChart(heading, [curve], "step h", "|difference − derivative|", "log", x="log")
    best = min(curve.finite, key=lambda p: (p[1], -p[0]), default=None)
    chart.mark(best, curve, "best h =")
    subject = f"gradient of {clear(report.function):.80}"
    if report.ok:
        chart.corner("rounding", "error ∝ 1/h", left=True)
        chart.corner("curvature", "error ∝ h²", left=False)
        chart.sentences += [
            "Smaller steps see the rounding of floats, an error of about ε·|f|/h; larger ones the "
            "curvature of the function, about h²·|f‴|/6.",
            f"The {subject} agrees with differences.",
        ]
    else:
        chart.remarks.append(
            f"No U: the {subject} does not agree with differences, whatever the step."
        )
    return chart.finished(
        "|difference − derivative|",
        theme,
        format,
        best_step=None if best is None else best[0],
        best_error=None if best is None else best[1],
        ok=report.ok,
    )


@dataclass
class _Curve:
    """A line of a chart: what its numbers and its label are called, and how it looks."""

    key: str
    name: str
    points: list[Point]
    expected: Sequence[float] = ()  # where it is no surprise that there is no number
    classes: str = "axis"
    colour: str = ""  # the class of its label; "" if it has none

    @property
    def finite(self) -> list[Point]:
        return [p for p in self.points if math.isfinite(p[1])]

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

    def left_out(self, x_label: str, log: bool) -> list[str]:
        """What was not drawn."""
        lost = sum(not math.isfinite(y) for _, y in self.points) - len(self.expected)
        flat = sum(y <= 0.0 for _, y in self.finite) if log else 0
        parts = [(lost, "no finite number"), (flat, "0 or less, which a log axis cannot show")]
        unit = x_label.split()[0]
        return [f"{clear(self.name)}: {_plural(n, unit)} with {why}." for n, why in parts if n]


class _CurveChart:
    """Curves over epochs or steps: axes, lines, labels at their ends, one point marked.

    y: "zero" (from 0, where that makes sense), "share" (in percent) or "log"; x: "whole" or "log".
    labels: also where there is one curve only.
    """

    def __init__(
        self,
        title: str,
        curves: list[_Curve],
        x_label: str,
        y_label: str,
        y: str,
        *,
        x: str = "whole",
        labels: bool = False,
    ) -> None:
        self.curves, self.x_label, self.y_label, self.kinds = curves, x_label, y_label, (x, y)
        self.shown = _percent if y == "share" else number_text
        self.sheet = Sheet(title, WIDTH, EDGE)
        self.labelled = [c for c in curves if c.colour and (labels or len(curves) > 1)]
        self.axes = self._axes()
        self.remarks = [s for c in curves for s in c.left_out(x_label, y == "log")]
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
        y = _scale(self.kinds[1], ys, top + HEIGHT, top)
        names = [size_of(_label(c), "heading") for c in self.labelled]  # as bold as it is drawn
        last = size_of(f"{max(xs, default=0.0):,.0f}", TICK) / 2  # a tick at the right end
        right = max(18 + max(names, default=0.0), last, 10.0) + EDGE
        x = _scale(self.kinds[0], xs, EDGE + left_margin(y), WIDTH - right)
        return Axes(self.sheet.svg, x, y)

    def _draw(self) -> None:
        """Everything but marks and texts inside the area."""
        self.axes.left(self.y_label)
        self.axes.bottom(self.x_label)
        self.axes.base()
        for c in sorted(self.curves, key=lambda c: bool(c.colour)):  # those with a label on top
            self.axes.line(c.points, c.classes, c.said(self.shown))
        ends = []
        for c in self.labelled:
            drawn = [p for p in c.points if self.axes.y.holds(p[1])]
            ends += [(drawn[-1], _label(c), c.colour)] if drawn else []
        self.axes.ends(ends)

    def mark(self, best: Point | None, curve: _Curve, what: str) -> None:
        """A dot at the best point, and above the area what it is."""
        if best is None:
            return
        x, y = best
        at = f"{x:,.0f}" if self.kinds[0] == "whole" else number_text(x)
        self.best, self.best_text = best, f"{what} {at}: {self.shown(y)}"
        svg, axes = self.sheet.svg, self.axes
        number = 1 + [classes for classes, _ in SERIES].index(curve.classes)
        px = axes.x(x)
        line = axes.y.stop - 12
        width = 14 + size_of(self.best_text, "note")
        least = axes.x.start - left_margin(axes.y) + size_of(self.y_label, TICK) + 20
        left = max(least, min(px - 5, WIDTH - EDGE - width))
        if axes.y.holds(y):
            py = axes.y(y)
            svg.path(
                f"M{short(px)},{short(axes.y.stop - 4)}V{short(axes.y.start)}", "axis",
                stroke_dasharray="2 3",
            )  # fmt: skip
            svg.circle(px, py, 5, f"point-{number}")
            svg.circle(left + 5, line - 4, 5, f"point-{number}")
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
        n = max((len(c.points) for c in self.curves), default=0)
        text = [f"{subject} over {_plural(n, self.x_label.split()[0])}."]
        text += [c.said(self.shown) for c in self.curves]
        if self.best_text:
            text.append(f"{self.best_text[0].upper()}{self.best_text[1:]}.")
        first = self.curves[0].points if self.curves else []
        xs = "epochs" if self.kinds[0] == "whole" else "steps"
        numbers: dict[str, Any] = {xs: [int(x) if xs == "epochs" else x for x, _ in first]}
        tracks = {c.key: [_json(y) for _, y in c.points] for c in self.curves}
        numbers |= {among: tracks} if among else tracks
        return self.sheet.chart(
            self.axes.y.start + 34,
            [*text, *self.sentences],
            self.remarks,
            numbers=numbers | more,
            plot=self._plot,
            theme=theme,
            format=format,
        )

    def _plot(self, into: Any) -> None:
        """The same in matplotlib."""
        unit = 100.0 if self.kinds[1] == "share" else 1.0
        holds = self.axes.y.holds
        for c in self.curves:
            style = _line_style(c.classes)
            drawn = [(x, unit * y if holds(y) else math.nan) for x, y in c.points]
            into.plot(*_columns(drawn), label=_safe(c.name) if c.colour else None, **style)
            if alone := [run[0] for run in runs(drawn) if len(run) == 1]:
                into.plot(*_columns(alone), linestyle="none", marker=".", color=style["color"])
        if self.best is not None and holds(self.best[1]):
            x, y = self.best
            into.plot([x], [unit * y], linestyle="none", marker="o", color=LIGHT["ink"],
                      label=_safe(self.best_text))  # fmt: skip
        for text, left in self.corners:
            into.annotate(text, (0.02 if left else 0.98, 0.03), xycoords="axes fraction",
                          ha="left" if left else "right")  # fmt: skip
        if self.kinds[0] == "log":
            into.set_xscale("log")
        if self.kinds[1] == "log":
            into.set_yscale("log")
        into.set_title(_heading(self.sheet.title))
        into.set_xlabel(self.x_label)
        into.set_ylabel(self.y_label + (" (%)" if unit > 1.0 else ""))
        into.grid(axis="y", color=LIGHT["line"], linewidth=0.7)
        if self.labelled or self.best is not None:
            into.legend()


# ---- distributions -----------------------------------------------------------------------------


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
    sheet = Sheet(title or "Size of the gradients, layer by layer", WIDTH, EDGE)
    svg, top = sheet.svg, sheet.y + 34
    names = [shortened(r.name, 120.0, "label") for r in ridges]
    left = EDGE + max(size_of(name, "label") for name in names) + 10
    beside = max(size_of(text, classes) for r in ridges for text, classes in r.beside)
    beside = max(beside, size_of("median", TICK) + 6)
    x = Log(
        *limits((size for r in ridges for size in r.sizes), log=True),
        left + 12,
        WIDTH - EDGE - beside - 24,
    )
    bottom = top + RIDGE * len(ridges)
    axes = Axes(svg, x, Linear(0.0, 1.0, bottom, top))
    axes.bottom("|∂L/∂w|", grid=True)
    svg.text(WIDTH - EDGE, top - 8, "median", f"{TICK} end")
    svg.path(
        f"M{short(WIDTH - EDGE - size_of('median', TICK) - 6)},{short(top - 7)}v-11", "ink-line"
    )
    for i, (ridge, name) in enumerate(zip(ridges, names, strict=True)):
        base = top + RIDGE * (i + 1)
        with svg.group():
            svg.title(ridge.words)
            svg.path(f"M{short(left)},{short(base)}H{short(x.stop + 12)}", "rule")
            ridge.draw(svg, x, base)
            svg.text(left - 10, base - 5, name, "label end")
            lines = ridge.beside
            for k, (text, classes) in enumerate(lines):
                svg.text(WIDTH - EDGE, base - 5 - 14 * (len(lines) - 1 - k), text, f"{classes} end")
    remarks = []
    if not any(r.sizes for r in ridges):
        remarks.append("No gradient differs from 0: was zero_grad() called after backward()?")
    return sheet.chart(
        bottom + 34,
        [f"Sizes of the gradients |∂L/∂w| of {_plural(len(ridges), 'layer')}."]
        + [f"{ridge.words}." for ridge in ridges],
        remarks,
        numbers={"layers": [ridge.numbers for ridge in ridges]},
        plot=lambda into: _plot_ridges(into, sheet.title, ridges, x),
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
        self.median = median_low(self.sizes) if self.sizes else None

    @property
    def words(self) -> str:
        """The layer in a sentence."""
        parts = [
            f"median {number_text(self.median)}, between {number_text(min(self.sizes))} and "
            f"{number_text(max(self.sizes))}"
        ] if self.median is not None else []  # fmt: skip
        parts += [f"{_of(self.zeros, self.count)} exactly 0"] if self.zeros else []
        parts += [f"{_of(self.odd, self.count)} not finite"] if self.odd else []
        return f"{clear(self.name)}: {'; '.join(parts) or 'no gradients'}"

    @property
    def beside(self) -> list[tuple[str, str]]:
        """What stands to the right of the ridge, line by line, with its classes."""
        lines = []
        if self.median is not None:
            lines.append((number_text(self.median), "small-number"))
        if self.zeros:
            lines.append((f"{_of(self.zeros, self.count)} 0", "tag muted"))
        if self.odd:
            lines.append((f"{_of(self.odd, self.count)} nan or ∞", "tag negative"))
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

    def heights(self, scale: Log) -> list[tuple[float, float]]:
        """(position in bins, height from 0 to 1) along the ridge, from 0 to 0."""
        place = Log(scale.lo, scale.hi, 0.0, float(BINS))
        reach = len(SMOOTHING) // 2
        counts = [0] * (BINS + 4 * reach)
        for size in self.sizes:
            counts[min(BINS - 1, int(place(size))) + 2 * reach] += 1
        smooth = [
            sum(w * c for w, c in zip(SMOOTHING, counts[i - reach :], strict=False))
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
    samples, remarks = _finite_samples(X)
    bands = _bands(model, samples)
    sheet = Sheet(title or "Activations, layer by layer", WIDTH, EDGE)
    left = EDGE + 16 + max(size_of(text, classes) for b in bands for text, classes in b.lines)
    y = sheet.y + 10
    for band, following in zip(bands, [*bands[1:], None], strict=True):
        base = y + BAND
        x = Linear(*band.limits, left, WIDTH - EDGE - 10)
        axes = Axes(sheet.svg, x, Linear(0.0, 1.0, base, y + 14))
        with sheet.svg.group():
            sheet.svg.title(band.words)
            for k, (text, classes) in enumerate(band.lines):
                sheet.svg.text(EDGE, y + 26 + 15 * k, text, classes)
            band.draw(sheet.svg, x, base)
        axes.base()
        y = base
        if following is None or following.limits != band.limits:
            axes.bottom()
            y += 24
    return sheet.chart(
        y,
        [f"Activations of {_plural(len(bands), 'layer')} for {_plural(len(samples), 'sample')}."]
        + [f"{band.words}." for band in bands],
        [*dict.fromkeys(band.rule.meaning for band in bands if band.rule), *remarks],
        numbers={"samples": len(samples), "layers": [band.numbers for band in bands]},
        plot=lambda into: _plot_bands(into, sheet.title, bands),
        theme=theme,
        format=format,
    )


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
    "relu": _Rule("off", "relu is off where h is exactly 0.", 5e-324),
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
        self.limits, self.edges = self._bins()
        self.counts = [0] * (len(self.edges) - 1)
        place = Linear(*self.limits, 0.0, float(len(self.counts)))
        for x in self.values:
            self.counts[self._bin(x, place)] += 1

    def _bins(self) -> tuple[Point, list[float]]:
        """The range that is shown, and the edges of the bars; thresholds are edges."""
        if self.rule and math.isfinite(self.rule.high):
            width = (self.rule.high - self.rule.low) / (BARS - 1)
            first, n = self.rule.low - width, BARS + 1
        elif self.rule:  # one bar for those that are off, to the left of 0
            _, high = limits([0.0, *self.values], zero=True)
            width = high / BARS
            first, n = -width, BARS + 1
        else:
            first, high = (0.0, 1.0) if self.activation == "softmax" else limits(self.values)
            width, n = high / BARS - first / BARS, BARS
        edges = [first + i * width for i in range(n + 1)]
        return (edges[0], edges[-1]), edges

    def _bin(self, x: float, place: Linear) -> int:
        if self.activation == "relu":
            return 1 + min(BARS - 1, int(place(x) - 1.0)) if x else 0
        return max(0, min(len(self.counts) - 1, int(place(x))))

    @property
    def about(self) -> str:
        return f"{_plural(self.neurons, 'neuron')}, {shortened(self.activation, 110.0, TICK)}"

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What stands to the left of the histogram, line by line, with its classes."""
        lines = [(self.name, "note"), (self.about, "tag muted")]
        if self.rule and self.values:
            share = f"{_share(self.flat, len(self.values))} {self.rule.word}"
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
        parts = [f"mean {number_text(self.mean)}, standard deviation {number_text(self.spread)}"]
        if self.rule and n:
            parts.append(f"{_share(self.flat, n)} {self.rule.word}")
        if self.rule and self.dead:
            parts.append(f"{_of(self.dead, self.neurons)} {self.rule.word} for every sample")
        if self.odd:
            parts.append(f"{_of(self.odd, n + self.odd)} not finite")
        return f"{self.name}, {_plural(self.neurons, 'neuron')}, {clear(self.activation):.80}: " + (
            "; ".join(parts if n else parts[-1:])
        )

    @property
    def mean(self) -> float:
        n = len(self.values)
        return sum(x / n for x in self.values) if n else math.nan

    @property
    def spread(self) -> float:
        """The standard deviation."""
        n, mean = len(self.values), self.mean
        return math.hypot(*(x - mean for x in self.values)) / math.sqrt(n) if n else math.nan

    @property
    def numbers(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "activation": self.activation,
            "neurons": self.neurons,
            "mean": _json(self.mean),
            "standard_deviation": _json(self.spread),
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


# ---- what charts are given ---------------------------------------------------------------------


def _curves_of(history: History | Sequence[float], name: str) -> list[_Curve]:
    """The curve of the training data, and that of the data held out if there were any."""
    if isinstance(history, History):
        tracks = {
            key: [getattr(epoch, key) for epoch in history.epochs]
            for key in (name, f"validation_{name}")
        }
        if history.epochs and all(x is None for track in tracks.values() for x in track):
            raise ValueError(
                f"this history has no {name}: fit writes it down for losses that have classes, "
                "such as cross_entropy"
            )
    else:
        tracks = {name: [data_of(x) for x in items(history)]}
    if not tracks[name]:
        raise ValueError("there are no epochs to draw: train first, or pass at least one number")
    curves = []
    for key, title in ((name, "training"), (f"validation_{name}", "validation")):
        track = tracks.get(key, [])
        points = [(float(i), math.nan if x is None else x) for i, x in enumerate(track)]
        if any(x is not None for x in track):
            missing = [i for i, x in enumerate(track) if x is None]
            curves.append(_Curve(key, title, points, missing))
    _give_styles(curves)
    return curves


def _give_styles(curves: list[_Curve]) -> None:
    """Colours, dashes and labels; of many curves, for the first, the last and some between."""
    n, most = len(curves), len(SERIES)
    chosen = curves if n <= most else [curves[i * (n - 1) // (most - 1)] for i in range(most)]
    for curve, (classes, colour) in zip(chosen, SERIES, strict=False):
        curve.classes, curve.colour = classes, colour


def _epoch_of(best: Point | None) -> int | None:
    return None if best is None else int(best[0])


def _frames(recorder: Recorder | Sequence[Frame]) -> list[Frame]:
    """The frames, with gradients among them."""
    frames = getattr(recorder, "frames", recorder)
    if not isinstance(frames, list | tuple) or not all(isinstance(f, Frame) for f in frames):
        raise TypeError(
            f"gradient_sizes draws what a Recorder has kept, not {type(recorder).__name__} "
            f"{recorder!r:.40}: recorder = Recorder(); fit(…, callbacks=[recorder])"
        )
    kept = [f for f in frames if f.gradient_sizes]
    if not kept:
        raise ValueError(
            f"{_plural(len(frames), 'frame')} without gradients: nothing was trained yet; "
            "fit(…, callbacks=[recorder])"
        )
    return kept


def _first_and_last(curves: Sequence[_Curve]) -> list[str]:
    """How the gradients of the first layer compare with those of the last, at the end."""
    (_, first), (_, last) = curves[0].points[-1], curves[-1].points[-1]
    if len(curves) < 2 or not (0.0 < first < math.inf and 0.0 < last < math.inf):
        return []
    return [
        f"At the end, those of {clear(curves[0].name)} are {number_text(first / last)} times "
        f"those of {clear(curves[-1].name)}."
    ]


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


def _finite_samples(X: Any) -> tuple[list[Any], list[str]]:
    """The samples without those that hold a number that is not finite, and how many these were."""
    table = unpacked(X.to_numpy() if hasattr(X, "to_numpy") else X)
    if isinstance(table, list | tuple):
        kept = [x for x in table if all(map(math.isfinite, _numbers_in(x)))]
        if len(kept) < len(table):
            lost = f"{len(table) - len(kept):,} of the {len(table):,} samples"
            return _some(rows("X", kept)), [f"Left out: {lost}, with a number that is not finite."]
    return _some(rows("X", table)), []


def _numbers_in(x: Any) -> list[float]:
    """The numbers of a sample; none where it is something else, about which `rows` complains."""
    try:
        return [data_of(v) for v in items(x)]
    except (TypeError, OverflowError):
        return []


def _some(samples: list[Any]) -> list[Any]:
    if not samples:
        raise ValueError("there are no samples to draw activations of: X is empty")
    return samples


def _bands(model: Any, samples: list[Any]) -> list[_Band]:
    """The activations, layer by layer."""
    layers = getattr(model, "layers", None)
    if not isinstance(layers, list) or not layers or not all(isinstance(x, Layer) for x in layers):
        raise TypeError(
            f"activation_histograms passes samples through the layers of an MLP, and "
            f"{type(model).__name__} {model!r:.40} is none"
        )
    bands = []
    h = samples
    for i, layer in enumerate(layers):
        h = [items(plain(layer.predict(x))) for x in h]
        bands.append(_Band(f"layer {i + 1}", layer.activation_name, h))
    return bands


# ---- in words and on paper ---------------------------------------------------------------------


def _scale(kind: str, numbers: Sequence[float], start: float, stop: float) -> Scale:
    """The scale of an axis, see `_CurveChart`."""
    if kind == "whole":
        return Linear(min(numbers, default=0.0), max(numbers, default=0.0), start, stop, whole=True)
    if kind == "log":
        return Log(*limits(numbers, log=True), start, stop)
    if kind == "share":
        lo, hi = limits(numbers)
        return Linear(max(lo, 0.0), min(hi, 1.0), start, stop, percent=True)
    return Linear(*limits(numbers, zero=True), start, stop)


def _label(curve: _Curve) -> str:
    return shortened(curve.name, 110.0, "heading")


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


def _plural(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _of(part: int, whole: int) -> str:
    """3 of 8 are, 1 of 8 is, all 8 are."""
    if part == whole:
        return f"all {whole:,} are" if whole > 1 else "the only one is"
    return f"{part:,} of {whole:,} {'is' if part == 1 else 'are'}"


def _percent(share: float) -> str:
    return f"{number_text(100.0 * share)} %"


def _share(part: int, whole: int) -> str:
    """In whole percent, and in tenths below 10; neither 0 nor 100 where it is not all."""
    percent = 100.0 * part / whole
    if 0 < part < whole and not 0.1 <= percent <= 99.0:
        return "under 0.1 %" if percent < 0.1 else "over 99 %"
    return f"{percent:.{0 if percent >= 10.0 else 1}f} %".replace(".0 ", " ")


def _json(x: float) -> float | None:
    """A number as JSON knows them; null for those that are not finite."""
    return x if math.isfinite(x) else None


# ---- the same in matplotlib --------------------------------------------------------------------


def _safe(text: str) -> str:
    """A text that matplotlib takes literally: no formulas, no hidden entries of a legend."""
    text = clear(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _heading(title: str) -> str:
    """A title in as many lines as in our own picture."""
    return "\n".join(map(_safe, wrapped(title, WIDTH - 2 * EDGE, "title", 3)))


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """All x and all y."""
    return [x for x, _ in points], [y for _, y in points]


def _line_style(classes: str) -> dict[str, Any]:
    """Colour, width and dashes of a class of lines."""
    style = STYLES[classes]
    width = re.search("stroke-width:([0-9.]+)", style)
    dashes = re.search("stroke-dasharray:([0-9 ]+)", style)
    colour = re.search(r"stroke:\{([a-z-]+)\}", style)
    linewidth = float(width[1]) if width else 1.0
    pattern = tuple(float(x) / linewidth for x in dashes[1].split()) if dashes else ()
    return {
        "color": LIGHT[colour[1] if colour else "ink"],
        "linewidth": linewidth,
        "linestyle": (0, pattern) if pattern else "-",
    }


def _plot_ridges(into: Any, title: str, ridges: Iterable[_Ridge], scale: Log) -> None:
    """Ridges, the first on top."""
    ridges = list(ridges)
    place = Linear(0.0, float(BINS), math.log10(scale.lo), math.log10(scale.hi))
    for row, ridge in zip(range(len(ridges) - 1, -1, -1), ridges, strict=True):
        points = ridge.heights(scale)
        xs = [10.0 ** min(308.0, max(-323.0, place(i))) for i, _ in points]
        tops = [row + 0.85 * h for _, h in points]
        into.fill_between(xs, row, tops, facecolor=LIGHT["gradient-tint"],
                          edgecolor=LIGHT["gradient"])  # fmt: skip
        if ridge.median is not None:
            into.plot([ridge.median] * 2, [row, row + 0.5], color=LIGHT["ink"], linewidth=2)
    into.set_xscale("log")
    names = [_safe(r.name) + (f" ({_of(r.zeros, r.count)} 0)" if r.zeros else "") for r in ridges]
    into.set_yticks(list(range(len(ridges) - 1, -1, -1)), labels=names)
    into.set_title(_heading(title))
    into.set_xlabel("|∂L/∂w|, median marked")


def _plot_bands(into: Any, title: str, bands: Sequence[_Band]) -> None:
    """Histograms one above the other, the first on top; each fills its row."""
    for row, band in zip(range(len(bands) - 1, -1, -1), bands, strict=True):
        top = max([*band.counts, 1])
        for i, (count, (left, right)) in enumerate(
            zip(band.counts, pairwise(band.edges), strict=True)
        ):
            if count:
                colour = LIGHT["negative" if band.is_flat(i) else "value"]
                into.bar(left, 0.85 * count / top, width=right - left, bottom=row, align="edge",
                         color=colour)  # fmt: skip
    names = ["\n".join(_safe(text) for text, _ in band.lines) for band in bands]
    into.set_yticks(list(range(len(bands) - 1, -1, -1)), labels=names)
    into.set_title(_heading(title))
    into.set_xlabel("activation")
