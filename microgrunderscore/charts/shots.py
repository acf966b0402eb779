"""Shots of a training: the frames that are shown, and what was seen of the model in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..pictures.picture import Picture
from .recorder import Frame
from .surface import Surface

Seen: TypeAlias = Surface | Picture | None


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame, and what was seen of the model then; None where its numbers are enough."""

    frame: Frame
    seen: Seen = None


def shots(model: Any, frames: Iterable[Frame], look: Callable[[Any], Seen] | None) -> list[Shot]:
    """Look at the model as it was at each frame; afterwards it is as it was before."""
    if look is None:
        return [Shot(frame) for frame in frames]
    taken = []
    with _kept(model):
        for frame in frames:
            model.load_state(frame.state)
            with _located(frame):
                taken.append(Shot(frame, look(model)))
    return taken


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
