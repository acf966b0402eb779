"""Training, played again: what the model said at every epoch, to step through and to play.

Everything is computed in Python from a recording, which the reader's browser only shows, one frame
after another: a page that needs no server, no kernel and no other file, and where no scripts run,
the last frame and a table of all of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ..arguments import whole
from ..samples import data_set
from . import boundary
from .axes import clear
from .boundary import counted, percent
from .names import number_text
from .palette import DARK, LIGHT
from .panels import CurvePanel, Curves, Parts, PlanePanel, kind_of
from .picture import Picture, page
from .plane import Plane, Samples, Surface, answers, classes_of, samples_of, surface
from .recorder import Frame, Recorder
from .svg import escaped, sheet, variables

LONGEST_PLAY = 8000  # ms, from the first frame to the last
FASTEST, SLOWEST = 90, 700  # ms a frame


class Replay(Picture):
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
        super().__init__(svg, title, text)
        self.fragment = fragment
        self.frames = frames

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/html": self.fragment, "text/plain": self.text}

    @property
    def html(self) -> str:
        """The player as a page of its own."""
        return page(self.title, self.fragment)

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        return {".html": lambda: self.html.encode()}


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
    >>> from microgrunderscore.pictures.recorder import Recorder
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
    chosen = thin(recorded, whole("most_frames", most_frames, 2))
    if draw is not None and not callable(draw):
        raise TypeError(f"draw must be a function model → Picture, not {type(draw).__name__}")
    title = "Training, epoch by epoch" if title is None else clear(title)
    samples = None
    if draw is None and _is_plane(model, X, y, features):
        samples = samples_of("replay", model, X, y, features, feature_names, class_names)
        boundary.check_classes(samples)
    plane = None if samples is None else Plane.around(samples.points, resolution)
    shots = list(_shots(model, chosen, samples, plane, draw))
    return _Scene(title, recorded, shots, samples, plane).replay()


# ---- frames ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame, and what was seen of the model then."""

    frame: Frame
    seen: Surface | None = None
    picture: Picture | None = None


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


def thin(frames: Sequence[Frame], most: int) -> list[Frame]:
    """At most so many frames, evenly chosen, from the first to the last."""
    n = len(frames)
    return list(frames) if n <= most else [frames[i] for i in evenly(n, most)]


def evenly(n: int, most: int) -> list[int]:
    """So many of the numbers below n, evenly chosen, from the first to the last.

    >>> evenly(10, 4)
    [0, 3, 6, 9]
    """
    steps = most - 1
    return [(i * (n - 1) + steps // 2) // steps for i in range(most)]


def _is_plane(model: Any, X: Any, y: Any, features: Any) -> bool:
    """Whether there is a decision boundary to draw: two features, and targets that name classes."""
    inputs, targets = data_set("", X, y)
    if features is not None:
        return True
    if not isinstance(inputs[0], list) or len(inputs[0]) != 2:
        return False
    try:
        classes_of(targets, len(answers(model, inputs[:1])[0]))
    except ValueError:
        return False
    return True


def _shots(
    model: Any,
    frames: Iterable[Frame],
    samples: Samples | None,
    plane: Plane | None,
    draw: Callable[[Any], Picture] | None,
) -> Iterator[_Shot]:
    """Look at the model as it was at each frame."""
    with _kept(model):
        for frame in frames:
            if draw is None and (samples is None or plane is None):
                yield _Shot(frame)
                continue
            model.load_state(frame.state)
            with _located(frame):
                if draw is not None:
                    yield _Shot(frame, picture=_picture(draw(model)))
                elif samples is not None and plane is not None:
                    yield _Shot(frame, seen=surface(model, samples, plane))


@contextmanager
def _kept(model: Any) -> Iterator[None]:
    """Leave the parameters as they were, whatever happens: an error, or Ctrl-C."""
    kept = [(p, p.data) for p in model.parameters()]
    try:
        yield
    finally:
        for p, x in kept:
            p.data = x


@contextmanager
def _located(frame: Frame) -> Iterator[None]:
    """Say at which epoch it was if an error passes."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the frame of epoch {frame.epoch}")
        raise


def _picture(drawn: Any) -> Picture:
    if not isinstance(drawn, Picture):
        raise TypeError(
            f"draw must return a Picture, such as hidden_code(model, X), not "
            f"{type(drawn).__name__} {drawn!r:.60}"
        )
    return drawn


# ---- the scene ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that the player shows.

    recorded: all frames, for the curves; shots: those that are shown.
    """

    title: str
    recorded: Sequence[Frame]
    shots: Sequence[_Shot]
    samples: Samples | None
    plane: Plane | None

    def replay(self) -> Replay:
        """The player."""
        text = "\n".join([self._heading, *map(self._says, self.shots), *self._remarks])
        last = self.shots[-1]
        stills = self._panels(last, "auto", parts=False)
        images = "".join(Picture(svg, self.title, self._says(last)).image for svg in stills)
        data = {
            "markup": self._markup(),
            "milliseconds": min(max(LONGEST_PLAY // len(self.shots), FASTEST), SLOWEST),
            "frames": [self._frame(shot) for shot in self.shots],
        }
        fragment = (
            f'<div class="mg-replay"><p><strong>{escaped(self.title)}</strong></p>'
            f"<div>{images}</div>{self._table()}"
            f'<script type="application/json">{_embedded(data)}</script>'
            f"<script>{_file('replay.js')}</script></div>"
        )
        frames = [self._numbers(shot) for shot in self.shots]
        return Replay(stills[0], self.title, text, fragment=fragment, frames=frames)

    # ---- numbers and words ----

    @property
    def _heading(self) -> str:
        shown, n = len(self.shots), len(self.recorded)
        of = "" if shown == n else f" of {n} recorded"
        return f"{self.title}: {counted(shown, 'frame')}{of}."

    @property
    def _remarks(self) -> list[str]:
        return [] if self.samples is None else boundary.remarks(self.samples)

    def _accuracy(self, shot: _Shot) -> float | None:
        """That of the parameters which are shown, where it is known, else that of the training."""
        if shot.seen is not None and self.samples is not None:
            return boundary.accuracy(self.samples, shot.seen)
        return shot.frame.accuracy

    def _numbers(self, shot: _Shot) -> dict[str, Any]:
        """The numbers of a frame as data."""
        frame = shot.frame
        return {
            "epoch": frame.epoch,
            "loss": frame.loss if math.isfinite(frame.loss) else None,
            "accuracy": self._accuracy(shot),
            "wrong": None if shot.seen is None else list(shot.seen.wrong),
            "gradient_sizes": dict(frame.gradient_sizes),
        }

    def _shown(self, shot: _Shot) -> dict[str, str]:
        """The numbers of a frame as they are written; – where there is none."""
        frame, n = shot.frame, 0 if self.samples is None else len(self.samples.classes)
        shown = {
            "epoch": "before" if frame.epoch < 0 else str(frame.epoch),
            "loss": number_text(frame.loss) if math.isfinite(frame.loss) else "–",
        }
        if shot.seen is not None:
            wrong = len(shot.seen.wrong)
            shown |= {"accuracy": percent(n - wrong, n), "wrong": f"{wrong} of {n}"}
        elif self._has_accuracy:
            share = frame.accuracy
            shown["accuracy"] = "–" if share is None else f"{100 * share:.3g} %"
        return shown

    @property
    def _has_accuracy(self) -> bool:
        return any(self._accuracy(shot) is not None for shot in self.shots)

    def _says(self, shot: _Shot) -> str:
        """A frame as a sentence."""
        shown = self._shown(shot)
        when = "Before training" if shot.frame.epoch < 0 else f"Epoch {shown['epoch']}"
        parts = [f"loss {shown['loss']}"] if shown["loss"] != "–" else []
        if shown.get("accuracy", "–") != "–":
            parts.append(f"accuracy {shown['accuracy']}")
        if "wrong" in shown:
            parts.append(f"{shown['wrong']} points wrong")
        if shot.seen is None and shot.picture is None:
            parts += [
                f"gradient of {name} {number_text(x)}"
                for name, x in shot.frame.gradient_sizes.items()
            ]
        return f"{when}: {', '.join(parts)}." if parts else f"{when}."

    # ---- pictures ----

    @property
    def _epochs(self) -> tuple[float, float]:
        return float(self.recorded[0].epoch), float(self.recorded[-1].epoch)

    def _history(self) -> CurvePanel:
        """Loss, and accuracy where there is one, over the epochs."""
        losses = [(float(f.epoch), f.loss) for f in self.recorded]
        scale = kind_of([loss for _, loss in losses])
        title = "Training loss" + (" (log scale)" if scale == "log" else "")
        if not self._has_accuracy:
            return CurvePanel(
                "history", [Curves(title, {"loss": losses}, scale, 230.0)], self._epochs
            )
        shares = [(float(s.frame.epoch), self._accuracy(s)) for s in self.shots]
        known = [(epoch, math.nan if x is None else x) for epoch, x in shares]
        return CurvePanel(
            "history",
            [
                Curves(title, {"loss": losses}, scale, 204.0),
                Curves("Accuracy", {"accuracy": known}, "share", 128.0),
            ],
            self._epochs,
        )

    def _gradients(self) -> CurvePanel:
        """The gradient size of each layer over the epochs."""
        names = dict.fromkeys(name for f in self.recorded for name in f.gradient_sizes)
        series = {
            name: [(float(f.epoch), f.gradient_sizes.get(name, math.nan)) for f in self.recorded]
            for name in names
        }
        curves = Curves("Gradient size of each layer (log scale)", series, "log", 230.0)
        return CurvePanel("gradients", [curves], self._epochs)

    def _panels(self, shot: _Shot, theme: str, *, parts: bool) -> list[str]:
        """The panels of a frame as SVG; with parts they are those of the player, for any frame."""
        epoch = float(shot.frame.epoch)
        said = "As it is at the frame that is chosen below." if parts else self._says(shot)
        history = self._history().drawn(epoch, "Training curves", said, theme, parts=parts)
        if shot.picture is not None:
            return [shot.picture.svg, history]
        if shot.seen is not None and self.samples is not None and self.plane is not None:
            panel = PlanePanel(self.samples, self.plane)
            return [panel.drawn(shot.seen, "Decision boundary", said, theme, parts=parts), history]
        gradients = self._gradients()
        return [gradients.drawn(epoch, "Gradient sizes", said, theme, parts=parts), history]

    def _parts(self, shot: _Shot) -> Parts:
        """What a frame changes in the panels."""
        epoch = float(shot.frame.epoch)
        parts = self._history().parts(epoch)
        if shot.seen is not None and self.samples is not None and self.plane is not None:
            return parts | PlanePanel(self.samples, self.plane).parts(shot.seen)
        return parts if shot.picture is not None else parts | self._gradients().parts(epoch)

    def _frame(self, shot: _Shot) -> dict[str, Any]:
        """What the player is told of a frame."""
        told: dict[str, Any] = {
            "says": self._says(shot),
            "numbers": self._shown(shot),
            "parts": self._parts(shot),
        }
        if shot.picture is not None:
            told["picture"] = following(shot.picture)
        return told

    # ---- HTML ----

    def _table(self) -> str:
        """All frames as a table, for readers without scripts."""
        columns = list(self._shown(self.shots[-1]))
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escaped(x)}</td>" for x in self._shown(shot).values()) + "</tr>"
            for shot in self.shots
        )
        return (
            f"<details><summary>All {counted(len(self.shots), 'frame')} as a table</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
        )

    def _markup(self) -> str:
        """The inside of the player."""
        last = self.shots[-1]
        first, second = self._panels(last, "variables", parts=True)
        if last.picture is not None:
            first = ""  # put in by the player
        tallest = max((_height(s.picture.svg) for s in self.shots if s.picture), default=0.0)
        numbers = "".join(
            f'<div><dt>{name}</dt><dd data-number="{name}"></dd></div>'
            for name in self._shown(last)
        )
        title = escaped(self.title)
        return (
            f"<style>{_file('replay.css')}.player{{{variables(LIGHT)}}}"
            f'.player[data-theme="dark"]{{{variables(DARK)}}}</style>'
            f'<div class="player" role="group" tabindex="0" aria-label="{title}"><h3>{title}</h3>'
            f'<div class="panels"><div class="panel" data-picture '
            f'style="min-height:{tallest:.0f}px">{first}</div>'
            f'<div class="panel">{second}</div></div>'
            f'<dl class="numbers">{numbers}</dl>'
            f'<p class="heard" role="status" aria-live="polite"></p>'
            f"{_controls(len(self.shots))}</div>"
        )


def _height(svg: str) -> float:
    """The height of a picture, px."""
    found = re.search(r' height="([0-9.]+)"', svg)
    return float(found[1]) if found else 0.0


def following(picture: Picture) -> str:
    """The SVG of a picture whose theme is its reader's, so that it follows the page instead.

    >>> from .svg import Svg
    >>> svg = Svg()
    >>> svg.text(0, 12, "x", "note")
    >>> shown = following(Picture(svg.document((0, 0, 20, 20), "x", "x"), "x", "x"))
    >>> "fill:var(--ink)" in shown, "prefers-color-scheme" in shown
    (True, False)
    """
    name = re.match(r'<svg [^>]*\bid="(mg[0-9a-f]+)"', picture.svg)
    if picture.theme != "auto" or name is None:
        return picture.svg
    classes = {c for found in re.findall(r' class="([^"<>]*)"', picture.svg) for c in found.split()}
    style = f"<style>{sheet(classes, f'#{name[1]} ', 'variables')}</style>"
    return re.sub(r"<style>[^<]*</style>", lambda _: style, picture.svg, count=1)


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


def _embedded(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it opens or closes a tag."""
    written = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _file(name: str) -> str:
    """The text of a file beside this one."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8").strip()
