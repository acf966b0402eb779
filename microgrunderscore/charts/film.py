"""Training, played again: what the model said at every epoch, to step through and to play.

Everything is computed in Python from a recording, which the reader's browser only shows, one frame
after another: a page that needs no server, no kernel and no other file, and where no scripts run,
the last frame and a table of all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from ..arguments import whole
from ..pictures.axes import clear, evenly, is_wide
from ..pictures.display import Display
from ..pictures.embedding import asset, inert, script, theme_script
from ..pictures.names import number_text
from ..pictures.palette import DARK, LIGHT
from ..pictures.picture import Picture
from ..pictures.svg import escaped, sheet, variables
from ..pictures.wording import counted, percent, percent_of
from ..samples import data_set
from . import boundary
from .answers import answer
from .panels import CurvePanel, Curves, Parts, plane_panel, plane_parts
from .plane import Plane, classes_of, samples_of
from .recorder import Frame, Recorder, sizes_by_layer
from .shots import Seen, Shot, shots
from .surface import Surface, surface

LONGEST_PLAY = 8000  # ms, from the first frame to the last
FASTEST, SLOWEST = 90, 700  # ms a frame


class Replay(Display):
    """A training to play again: in a notebook, or saved as a page of HTML.

    Attributes:
        frames: the numbers of every frame: `epoch`, `loss`, `accuracy`, the indices of the `wrong`
            points (None where no boundary is drawn), `gradient_sizes`.
        svg: the picture of the last frame.
        fragment: the player as HTML, to be put into a page.
        text: all frames as a table.

    Everything else is as in `Picture`; it can be saved as .html.
    """

    def __init__(
        self, svg: str, title: str, text: str, *, fragment: str, frames: list[dict[str, Any]]
    ) -> None:
        self.title = title
        self.text = text
        self.fragment = fragment
        self.frames = frames
        self.svg = svg


def replay(
    recorder: Recorder,
    X: Any,
    y: Any,
    *,
    draw: Callable[[Any], Picture] | None = None,
    most_frames: int = 60,
    title: str | None = None,
    features: tuple[int, int] | None = None,
    resolution: int = 40,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
) -> Replay:
    """Play a training again, frame by frame, beside its loss curve.

    Args:
        recorder: a `Recorder` that was among the callbacks of `fit`.
        X, y: samples and targets, as for `fit`.
        draw: what is shown of the model at each frame, a function model → Picture, such as
            `lambda model: hidden_code(model, X)`. None: the decision boundary, for a classifier of
            2 inputs or with `features`; for any other model the gradient size of each layer.
        most_frames: at least 2; of a longer recording as many, evenly chosen, from the first to
            the last.
        title: above the player; "Training, epoch by epoch" if None.
        features, resolution, class_names, feature_names: as for `decision_boundary`.

    Returns:
        The player. The model is afterwards as it was before.

    Raises:
        ValueError: nothing was recorded, an argument outside its range, samples or targets that
            cannot be drawn, an output that is not finite.
        TypeError: no recorder, `draw` returns no picture, an argument of another kind.

    >>> from microgrunderscore import MLP, SGD, datasets, fit
    >>> from microgrunderscore.charts import Recorder
    >>> X, y = datasets.xor()
    >>> model, recorder = MLP(2, [3, 1], activation="tanh", seed=1), Recorder()
    >>> history = fit(
    ...     model, X, y, loss="binary_cross_entropy", optimizer=SGD(model, lr=0.5), epochs=3,
    ...     callbacks=[recorder],
    ... )
    >>> print(replay(recorder, X, y, resolution=8).text)
    Training, epoch by epoch: 3 frames.
    Epoch 0: loss 0.6938, accuracy 50 %, 2 of 4 points wrong.
    Epoch 1: loss 0.6918, accuracy 50 %, 2 of 4 points wrong.
    Epoch 2: loss 0.6903, accuracy 75 %, 1 of 4 points wrong.
    """
    model, recorded = _recording(recorder)
    chosen = evenly(len(recorded), whole("most_frames", most_frames, 2))
    look: Callable[[Any], Seen] | None = None
    if draw is not None:
        look = _looking(draw)
    elif _has_plane(model, X, y, features):
        samples = samples_of("replay", model, X, y, features, feature_names, class_names)
        boundary.check_classes(samples)
        plane = Plane.around(samples.points, resolution)
        look = lambda model: surface(model, samples, plane)
    taken = shots(model, [recorded[i] for i in chosen], look)
    title = "Training, epoch by epoch" if title is None else clear(title)
    return _Film(title, recorded, taken).replay()


def _recording(recorder: Recorder) -> tuple[Any, list[Frame]]:
    """The model and the frames of a recorder."""
    frames, model = getattr(recorder, "frames", None), getattr(recorder, "model", None)
    if not isinstance(frames, list):
        raise TypeError(
            f"replay needs a Recorder, not {type(recorder).__name__} {recorder!r:.60}: "
            "fit(…, callbacks=[recorder])"
        )
    if not frames or model is None:
        raise ValueError("nothing was recorded: train with fit(…, callbacks=[recorder]) first")
    return model, frames


def _looking(draw: Callable[[Any], Picture]) -> Callable[[Any], Picture]:
    """The same function, checked before and after."""
    if not callable(draw):
        raise TypeError(f"draw must be a function model → Picture, not {type(draw).__name__}")

    def look(model: Any) -> Picture:
        drawn = draw(model)
        if not isinstance(drawn, Picture):
            raise TypeError(
                f"draw must return a Picture, such as hidden_code(model, X), not "
                f"{type(drawn).__name__} {drawn!r:.60}"
            )
        return drawn

    return look


def _has_plane(model: Any, X: Any, y: Any, features: Any) -> bool:
    """Whether there is a decision boundary to draw: two features, and targets that name classes."""
    inputs, targets = data_set("", X, y)
    if features is not None:
        return True
    if not isinstance(inputs[0], list) or len(inputs[0]) != 2:
        return False
    try:
        classes_of(targets, len(answer(model, inputs[0])))
    except ValueError:
        return False
    return True


# ---- the whole ---------------------------------------------------------------------------------


class _Film:
    """Everything that the player shows.

    recorded: all frames, for the curves; shots: those that are shown.
    """

    def __init__(self, title: str, recorded: Sequence[Frame], shots: Sequence[Shot]) -> None:
        self.title = title
        self.recorded = recorded
        self.shots = shots
        self.last = shots[-1]
        self.has_accuracy = any(_accuracy(shot) is not None for shot in shots)
        self.history = self._history()
        self.gradients = self._gradients()

    def replay(self) -> Replay:
        """The player."""
        lines = [self._heading, *map(self._says, self.shots)]
        if isinstance(self.last.seen, Surface):
            lines += boundary.remarks(self.last.seen.samples)
        stills = self._panels(self.last, "auto", parts=False)
        images = "".join(Picture(svg, self.title, self._says(self.last)).fragment for svg in stills)
        data = {
            "markup": self._markup(),
            "milliseconds": min(max(LONGEST_PLAY // len(self.shots), FASTEST), SLOWEST),
            "frames": [self._frame(shot) for shot in self.shots],
        }
        fragment = (
            f'<div class="mg-replay"><p><strong>{escaped(self.title)}</strong></p>'
            f"<div>{images}</div>{self._table()}"
            f'<script type="application/json">{inert(data)}</script>'
            f"{script(theme_script(), _file('film.js'))}</div>"
        )
        frames = [_numbers(shot) for shot in self.shots]
        return Replay(stills[0], self.title, "\n".join(lines), fragment=fragment, frames=frames)

    # ---- words ----

    @property
    def _heading(self) -> str:
        shown, n = len(self.shots), len(self.recorded)
        of = "" if shown == n else f" of {n:,} recorded"
        return f"{self.title}: {counted(shown, 'frame')}{of}."

    def _shown(self, shot: Shot) -> dict[str, str]:
        """The numbers of a frame as they are written; – where there is none."""
        frame, seen = shot.frame, shot.seen
        shown = {
            "epoch": "before" if frame.epoch < 0 else str(frame.epoch),
            "loss": number_text(frame.loss) if math.isfinite(frame.loss) else "–",
        }
        if isinstance(seen, Surface):
            n, wrong = len(seen.predicted), len(seen.wrong)
            shown |= {"accuracy": percent_of(n - wrong, n), "wrong": f"{wrong} of {n}"}
        elif self.has_accuracy:
            shown["accuracy"] = "–" if frame.accuracy is None else percent(frame.accuracy)
        return shown

    def _says(self, shot: Shot) -> str:
        """A frame as a sentence."""
        shown = self._shown(shot)
        when = "Before training" if shot.frame.epoch < 0 else f"Epoch {shown['epoch']}"
        known = [what for what in ("loss", "accuracy") if shown.get(what, "–") != "–"]
        parts = [f"{what} {shown[what]}" for what in known]
        if "wrong" in shown:
            parts.append(f"{shown['wrong']} points wrong")
        if shot.seen is None:
            sizes = shot.frame.gradient_sizes.items()
            parts += [f"gradient of {name} {number_text(x)}" for name, x in sizes]
        return f"{when}: {', '.join(parts)}." if parts else f"{when}."

    # ---- panels ----

    def _history(self) -> CurvePanel:
        """Loss, and accuracy where there is one, over the epochs."""
        losses = [(float(f.epoch), f.loss) for f in self.recorded]
        is_log = is_wide(loss for _, loss in losses)
        title, scale = ("Training loss (log scale)", "log") if is_log else ("Training loss", "zero")
        height = 204.0 if self.has_accuracy else 230.0
        curves = [Curves(title, {"loss": losses}, scale, height)]
        if self.has_accuracy:
            shares = [(float(s.frame.epoch), _accuracy(s)) for s in self.shots]
            known = [(epoch, math.nan if x is None else x) for epoch, x in shares]
            curves.append(Curves("Accuracy", {"accuracy": known}, "share", 128.0))
        return CurvePanel("history", curves, self._epochs)

    def _gradients(self) -> CurvePanel:
        """The gradient size of each layer over the epochs."""
        title, series = "Gradient size of each layer (log scale)", sizes_by_layer(self.recorded)
        return CurvePanel("gradients", [Curves(title, series, "log", 230.0)], self._epochs)

    @property
    def _epochs(self) -> tuple[float, float]:
        return float(self.recorded[0].epoch), float(self.recorded[-1].epoch)

    def _panels(self, shot: Shot, theme: str, *, parts: bool) -> list[str]:
        """The panels of a frame as SVG; with parts they are those of the player, for any frame."""
        epoch, seen = float(shot.frame.epoch), shot.seen
        said = "As it is at the frame that is chosen below." if parts else self._says(shot)
        history = self.history.drawn(epoch, "Training curves", said, theme, parts=parts)
        if isinstance(seen, Picture):
            return ["" if parts else seen.svg, history]  # the player puts that of each frame in
        if isinstance(seen, Surface):
            return [plane_panel(seen, "Decision boundary", said, theme, parts=parts), history]
        return [self.gradients.drawn(epoch, "Gradient sizes", said, theme, parts=parts), history]

    def _frame(self, shot: Shot) -> dict[str, Any]:
        """What the player is told of a frame."""
        epoch, seen = float(shot.frame.epoch), shot.seen
        parts: Parts = self.history.parts(epoch)
        told: dict[str, Any] = {"says": self._says(shot), "numbers": self._shown(shot)}
        if isinstance(seen, Surface):
            parts |= plane_parts(seen)
        elif isinstance(seen, Picture):
            told["picture"], _ = bare(seen)
        else:
            parts |= self.gradients.parts(epoch)
        return {**told, "parts": parts}

    # ---- HTML ----

    def _table(self) -> str:
        """All frames as a table, for readers without scripts."""
        rows = [self._shown(shot) for shot in self.shots]
        head = "".join(f"<th>{name}</th>" for name in rows[-1])
        body = "".join(
            f"<tr>{''.join(f'<td>{escaped(x)}</td>' for x in row.values())}</tr>" for row in rows
        )
        return (
            f"<details><summary>All {counted(len(rows), 'frame')} as a table</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
        )

    def _markup(self) -> str:
        """The inside of the player."""
        first, second = self._panels(self.last, "variables", parts=True)
        pictures = [shot.seen for shot in self.shots if isinstance(shot.seen, Picture)]
        tallest = max((_height(picture.svg) for picture in pictures), default=0.0)
        classes = set().union(*(bare(picture)[1] for picture in pictures))
        numbers = "".join(
            f'<div><dt>{name}</dt><dd data-number="{name}"></dd></div>'
            for name in self._shown(self.last)
        )
        title = escaped(self.title)
        return (
            f"<style>{_file('film.css')}.player{{{variables(LIGHT)}}}"
            f'.player[data-theme="dark"]{{{variables(DARK)}}}'
            f"{sheet(classes, '[data-picture] ', 'variables')}</style>"
            f'<div class="player" role="group" tabindex="0" aria-label="{title}"><h3>{title}</h3>'
            f'<div class="panels"><div class="panel" data-picture '
            f'style="min-height:{tallest:.0f}px">{first}</div>'
            f'<div class="panel">{second}</div></div>'
            f'<dl class="numbers">{numbers}</dl>'
            f'<p class="heard" role="status" aria-live="polite"></p>'
            f"{_controls(len(self.shots))}</div>"
        )


def _accuracy(shot: Shot) -> float | None:
    """That of the parameters which are shown, where it is known, else that of the training."""
    return shot.seen.accuracy if isinstance(shot.seen, Surface) else shot.frame.accuracy


def _numbers(shot: Shot) -> dict[str, Any]:
    """The numbers of a frame as data."""
    frame, seen = shot.frame, shot.seen
    return {
        "epoch": frame.epoch,
        "loss": frame.loss if math.isfinite(frame.loss) else None,
        "accuracy": _accuracy(shot),
        "wrong": seen.wrong if isinstance(seen, Surface) else None,
        "gradient_sizes": dict(frame.gradient_sizes),
    }


def _height(svg: str) -> float:
    """The height of a picture, px."""
    found = re.search(r' height="([0-9.]+)"', svg)
    return float(found[1]) if found else 0.0


def bare(picture: Picture) -> tuple[str, set[str]]:
    """The SVG of a picture without its style sheet, and the classes that another one must have.

    That of the player, which all frames share, follows the page. Pictures of one theme keep theirs.

    >>> from ..pictures.svg import Svg
    >>> svg = Svg()
    >>> svg.text(0, 12, "x", "note")
    >>> shown, classes = bare(Picture(svg.document((0, 0, 20, 20), "x", "x"), "x", "x"))
    >>> "<style>" in shown, sorted(classes)
    (False, ['background', 'note'])
    """
    if picture.theme != "auto" or not re.match(r'<svg [^>]*\bid="mg[0-9a-f]+"', picture.svg):
        return picture.svg, set()
    names = re.findall(r' class="([^"<>]*)"', picture.svg)
    shown = re.sub(r"<style>[^<]*</style>", "", picture.svg, count=1)
    shown = shown.replace('"', "'")  # JSON writes two characters for each "; texts are escaped
    return shown, {name for classes in names for name in classes.split()}


_ICONS = {
    "first": ("First frame", "M2 2h2v12H2zM14 2v12L5 8z"),
    "previous": ("Previous frame", "M12 2v12L3 8z"),
    "next": ("Next frame", "M4 2v12l9-6z"),
    "last": ("Last frame", "M12 2h2v12h-2zM2 2v12l9-6z"),
}


def _controls(frames: int) -> str:
    """Buttons, slider and count."""
    buttons = "".join(
        f'<button type="button" data-does="{name}" aria-label="{label}" title="{label}">'
        f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{icon}"/></svg></button>'
        for name, (label, icon) in _ICONS.items()
    )
    return (
        f'<div class="controls">{buttons}'
        '<button type="button" data-does="play">Play</button>'
        f'<input type="range" min="0" max="{frames - 1}" step="1" aria-label="Frame">'
        '<span class="count" aria-hidden="true"></span></div>'
        '<p class="keys">Keys: <kbd>←</kbd> <kbd>→</kbd> step, '
        "<kbd>Home</kbd> <kbd>End</kbd> first and last, <kbd>Space</kbd> play.</p>"
    )


def _file(name: str) -> str:
    return asset(__package__ or "", name)
