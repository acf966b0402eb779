"""Curves: loss, accuracy and the sizes of gradients over the epochs; the U of a gradient check.

Each says in its text what is to be seen. What no axis can hold is left out, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from ..differences import GradcheckReport
from ..history import History
from ..numeric import data_of
from ..pictures.axes import SERIES, Point, clear
from ..pictures.names import number_text
from ..pictures.wording import counted
from ..samples import items
from .chart import Chart
from .curve_chart import Curve, CurveChart, give_styles
from .recorder import Frame, Recorder, sizes_by_layer

Losses: TypeAlias = History | Sequence[float]


def loss_curve(
    history: Losses | Mapping[str, Losses],
    *,
    unit: str = "epoch",
    what: str = "mean loss",
    log: bool = False,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """The loss of every epoch, of the training data and of those held out; the best is marked.

    Args:
        history: from `training.fit`, or the losses themselves, one number for each epoch; or
            several of these by name, whose training losses are then drawn side by side.
        unit: what is counted: with "update", an epoch of a history stands where its last update
            is; losses by themselves may be counted by another word, such as "step".
        what: what the numbers are, where they are no mean losses: "f(x, y)", say. It is also the
            title, then.
        log: a logarithmic axis; losses of 0 and less are then left out, and counted.
        title: another title.
        theme: "auto", "light" or "dark".
        format: what a notebook stores: "svg", "png" or "html".

    Raises:
        ValueError: no epochs, more names than there are colours, or a unit that is none.
        TypeError: neither a history nor numbers; a unit or a `what` that is no text.

    >>> print(loss_curve([2.0, 0.5, 1.0]))
    Mean loss over 3 epochs.
    training: 2 at first, 1 at the end, between 0.5 and 2.
    Best epoch 1: 0.5.
    >>> print(loss_curve({"slow": [2.0, 1.9], "fast": [2.0, 0.5]}, unit="step"))
    Mean loss, step 0 to 1.
    slow: 2 at first, 1.9 at the end, between 1.9 and 2.
    fast: 2 at first, 0.5 at the end, between 0.5 and 2.
    """
    curves = _curves_of(history, "loss", unit)
    if not isinstance(what, str) or not what.isprintable() or not what:
        raise TypeError(f"what is a text of one line, such as 'mean loss', not {what!r:.40}")
    heading, subject = ("Loss", "Mean loss") if what == "mean loss" else (what, what)
    chart = CurveChart(title or heading, curves, unit, what, "log" if log else "zero")
    if isinstance(history, Mapping):
        return chart.finished(subject, theme, format, "loss", **_places(curves))
    best = min(curves[-1].finite, key=lambda p: p[1], default=None)
    chart.mark(best, curves[-1], f"best {unit}")
    return chart.finished(subject, theme, format, **_best(unit, best))


def accuracy_curve(
    history: Losses | Mapping[str, Losses],
    *,
    unit: str = "epoch",
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """The share of samples classified rightly, epoch by epoch; the highest is marked.

    Args:
        history: from `training.fit` with a loss for classes; or the shares themselves, from 0 to 1;
            or several of these by name.
        unit, title, theme, format: as for `loss_curve`.

    Raises:
        ValueError: no accuracies, or numbers outside 0 to 1.
        TypeError: neither a history nor numbers.

    >>> print(accuracy_curve([0.5, 1.0, 0.75]))
    Accuracy over 3 epochs.
    training: 50 % at first, 75 % at the end, between 50 % and 100 %.
    Highest at epoch 1: 100 %.
    """
    curves = _curves_of(history, "accuracy", unit)
    for place, share in (point for curve in curves for point in curve.points):
        if share < 0.0 or share > 1.0:
            raise ValueError(
                f"accuracy is a share from 0 to 1, but that of {unit} {place:.0f} is {share}: "
                "divide percentages by 100"
            )
    chart = CurveChart(title or "Accuracy", curves, unit, "classified rightly", "share")
    if isinstance(history, Mapping):
        return chart.finished("Accuracy", theme, format, "accuracy", **_places(curves))
    best = max(curves[-1].finite, key=lambda p: p[1], default=None)
    chart.mark(best, curves[-1], f"highest at {unit}")
    return chart.finished("Accuracy", theme, format, **_best(unit, best))


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
    curves = [
        Curve(name, name, points, sum(name not in frame.gradient_sizes for frame in frames))
        for name, points in sizes_by_layer(frames).items()
    ]
    give_styles(curves)
    heading = title or "Size of the gradients, epoch by epoch"
    chart = CurveChart(heading, curves, "epoch", "rms of ∂L/∂w", "log", labels=True)
    if len(curves) > len(SERIES):
        others = len(curves) - len(SERIES)
        chart.remarks.append(f"Thin lines without a label: the {counted(others, 'layer')} between.")
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
    curve = Curve("errors", "error", sorted(zip(*report.curve(steps), strict=True)))
    give_styles([curve])
    heading = title or "Error of a difference, by its step"
    chart = CurveChart(heading, [curve], "step h", "|difference − derivative|", "log", x="log")
    best = min(curve.finite, key=lambda p: (p[1], -p[0]), default=None)
    chart.mark(best, curve, "best h =")
    subject = f"gradient of {clear(report.function):.80}"
    if report.ok:
        if _rises([point for point in curve.finite if best and point < best], curve):
            chart.corner("rounding", "error ∝ 1/h", left=True)
            chart.sentences.append(
                "Smaller steps see the rounding of floats, an error of about ε·|f|/h."
            )
        if _rises([point for point in curve.finite if best and point > best], curve):
            chart.corner("curvature", "error ∝ h²", left=False)
            chart.sentences.append(
                "Larger steps see the curvature of the function, an error of about h²·|f‴|/6."
            )
        chart.sentences.append(f"The {subject} agrees with differences.")
    else:
        chart.remarks.append(
            f"No U: the {subject} does not agree with differences, whatever the step."
        )
    step, error = best or (None, None)
    return chart.finished(
        "|difference − derivative|", theme, format, best_step=step, best_error=error, ok=report.ok
    )


def _rises(flank: Sequence[Point], curve: Curve) -> bool:
    """Whether a side of the U is there: a linear function, for one, has no curvature to be seen."""
    least = min((error for _, error in curve.finite if error > 0.0), default=math.inf)
    return max((error for _, error in flank), default=0.0) > 100.0 * least


# ---- what they are given -----------------------------------------------------------------------


def _curves_of(history: Losses | Mapping[str, Losses], name: str, unit: str) -> list[Curve]:
    """The curve of the training data, and that of the data held out if there were any.

    Of several histories by name, the curve of the training data of each.
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit is a word, such as 'epoch' or 'update', not {unit!r:.40}")
    if not unit.isidentifier() or f"{unit}s" in (name, "loss", "places"):
        raise ValueError(f"unit is one word, such as 'epoch' or 'update', not {unit!r:.40}")
    if isinstance(history, Mapping):
        if len(history) > len(SERIES):
            raise ValueError(
                f"{len(history)} curves by name, and there are colours and dashes for "
                f"{len(SERIES)}: draw them in several charts"
            )
        curves = [_named(str(called), one, name, unit) for called, one in history.items()]
    else:
        curves = _tracks(history, name, unit)
    if not curves:
        raise ValueError("there is nothing to draw: give at least one history")
    give_styles(curves)
    return curves


def _named(called: str, history: Losses, name: str, unit: str) -> Curve:
    """The curve of the training data of one of several histories."""
    try:
        curve = next(curve for curve in _tracks(history, name, unit) if curve.key == name)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{called!r:.40}: {error}") from None
    except StopIteration:
        raise ValueError(f"{called!r:.40}: this history has no {name} of its training") from None
    curve.key = curve.name = called
    return curve


def _tracks(history: Losses, name: str, unit: str) -> list[Curve]:
    """The curves of one history, without styles."""
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
        places: Iterable[int] = range(len(history.epochs))
        if unit == "update":
            places = accumulate(epoch.updates for epoch in history.epochs)
        elif unit != "epoch":
            raise ValueError(f"a history counts by 'epoch' or 'update', not by {unit!r:.40}")
    else:
        tracks = {name: [data_of(x) for x in items(history)]}
        places = range(len(tracks[name]))
    if not tracks[name]:
        raise ValueError("there are no epochs to draw: train first, or pass at least one number")
    xs = [*map(float, places)]
    curves = []
    for key, track in tracks.items():
        points = [(x, math.nan if y is None else y) for x, y in zip(xs, track, strict=True)]
        missing = track.count(None)
        if missing < len(track):
            title = "training" if key == name else "validation"
            curves.append(Curve(key, title, points, missing))
    return curves


def _best(unit: str, best: Point | None) -> dict[str, Any]:
    """Where the best point is."""
    return {f"best_{unit}": None if best is None else int(best[0])}


def _places(curves: Sequence[Curve]) -> dict[str, dict[str, list[int]]]:
    """Where the numbers of each curve are, of curves by name."""
    return {"places": {c.key: [int(x) for x, _ in c.points] for c in curves}}


def _frames(recorder: Recorder | Sequence[Frame]) -> list[Frame]:
    """The frames with gradients in them."""
    frames = getattr(recorder, "frames", recorder)
    if not isinstance(frames, list | tuple) or not all(isinstance(f, Frame) for f in frames):
        raise TypeError(
            f"gradient_sizes draws what a Recorder has kept, not {type(recorder).__name__} "
            f"{recorder!r:.40}: recorder = Recorder(); fit(…, callbacks=[recorder])"
        )
    kept = [f for f in frames if f.gradient_sizes]
    if not kept:
        raise ValueError(
            f"{counted(len(frames), 'frame')} without gradients: nothing was trained yet; "
            "fit(…, callbacks=[recorder])"
        )
    return kept


def _first_and_last(curves: Sequence[Curve]) -> list[str]:
    """How the gradients of the first layer compare with those of the last, at the end."""
    (_, first), (_, last) = curves[0].points[-1], curves[-1].points[-1]
    if len(curves) < 2 or not (0.0 < first < math.inf and 0.0 < last < math.inf):
        return []
    return [
        f"At the end, those of {clear(curves[0].name)} are {number_text(first / last)} times "
        f"those of {clear(curves[-1].name)}."
    ]
