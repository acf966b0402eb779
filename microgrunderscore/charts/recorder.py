"""What a training looked like, epoch by epoch: the parameters, and how large the gradients were.

Frames are recorded while training runs, and drawn, replayed or written to a file afterwards.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import whole
from ..engine import Value
from ..history import History
from ..pictures.histogram import root_mean_square
from ..pictures.wording import counted

_IN_A_LAYER = re.compile(r"layers\.([0-9]+)\.")


@dataclass(frozen=True, slots=True)
class Frame:
    """What one epoch left behind.

    Attributes:
        epoch: counted from 0; -1 for the model before training.
        loss: training loss of the epoch, nan before training.
        accuracy: training accuracy from 0 to 1; None before training and for other tasks.
        state: the number in every parameter, by name, as `model.load_state` takes it.
        gradient_sizes: root mean square of the gradients of each layer, as the last batch left
            them; layers that no gradient has reached yet are missing.
    """

    epoch: int
    loss: float
    accuracy: float | None
    state: Mapping[str, float]
    gradient_sizes: Mapping[str, float]


class Recorder:
    """A callback for `training.fit` that keeps a `Frame` of every n-th epoch, and of the latest.

    Args:
        every: n, at least 1.

    Attributes:
        frames: oldest first; their epochs count on when the same model is trained once more.
        model: the model that was seen; None before the first call.

    >>> from microgrunderscore.nn import MLP
    >>> from microgrunderscore.optim import SGD
    >>> from microgrunderscore.training import fit
    >>> model, recorder = MLP(1, [2, 1], seed=1), Recorder(every=4)
    >>> history = fit(
    ...     model, [0.0, 1.0], [1.0, 2.0], loss="squared_error", optimizer=SGD(model, lr=0.01),
    ...     epochs=6, callbacks=[recorder],
    ... )
    >>> recorder
    Recorder(every=4): 3 frames, epochs 0 to 5
    >>> [frame.epoch for frame in recorder.frames], list(recorder.frames[0].gradient_sizes)
    ([0, 4, 5], ['layer 1', 'layer 2'])
    """

    def __init__(self, every: int = 1) -> None:
        self.every = whole("every", every, 1)
        self.frames: list[Frame] = []
        self.model: Any = None
        self._start = 0  # the number of the first epoch of this call of fit

    def begin(self, model: Any) -> None:
        """Keep the model as it is before training, as a frame of epoch -1.

        Raises:
            TypeError: it is no module.
            ValueError: there are frames already.
        """
        if self.frames:
            raise ValueError(
                f"begin comes before training, but epoch {self.frames[-1].epoch} is recorded "
                "already: make a new Recorder"
            )
        self._see(model)
        self._keep(-1, math.nan, None)

    def __call__(self, epoch: int, history: History, model: Any) -> None:
        """Keep what the epoch left behind.

        Raises:
            TypeError: the model is no module.
            ValueError: it is not the model of the earlier frames.
        """
        self._see(model)
        latest = self.frames[-1].epoch if self.frames else -1
        if self._start + epoch <= latest:  # fit was called once more, and counts from 0 again
            self._start = latest + 1 - epoch
        if latest > 0 and latest % self.every:  # it was kept for being the latest
            self.frames.pop()
        record = history.epochs[-1]
        self._keep(self._start + epoch, record.loss, record.accuracy)

    def __repr__(self) -> str:
        n = len(self.frames)
        epochs = f", epochs {self.frames[0].epoch} to {self.frames[-1].epoch}" if n else ""
        return f"Recorder(every={self.every}): {counted(n, 'frame')}{epochs}"

    def _see(self, model: Any) -> None:
        """Check that this model can be recorded, and is the one that was seen before."""
        for method in ("named_parameters", "state"):
            if not callable(getattr(model, method, None)):
                raise TypeError(
                    f"a Recorder keeps parameters by name, but {type(model).__name__} "
                    f"{model!r:.60} has no {method}(): make the model an MLP, or a class that "
                    "derives from nn.Module"
                )
        if self.model is not None and self.model is not model:
            raise ValueError(
                f"this Recorder has {len(self.frames)} frames of another model: make a new "
                "Recorder for each"
            )
        self.model = model

    def _keep(self, epoch: int, loss: float, accuracy: float | None) -> None:
        # One string for each name, however many frames use it.
        state = {sys.intern(name): x for name, x in self.model.state().items()}
        sizes = {name: root_mean_square(g) for name, g in gradients_of(self.model).items() if g}
        self.frames.append(Frame(epoch, loss, accuracy, state, sizes))


def layers_of(model: Any) -> dict[str, list[Value]]:
    """The parameters of a module by layer: "layer 1", "layer 2", … of those in a list `layers`.

    All others are put together under the first part of their name.

    >>> from microgrunderscore.nn import MLP
    >>> {name: len(parameters) for name, parameters in layers_of(MLP(2, [3, 1])).items()}
    {'layer 1': 9, 'layer 2': 4}
    """
    layers: dict[str, list[Value]] = {}
    for name, p in model.named_parameters().items():
        found = _IN_A_LAYER.match(name)
        group = f"layer {int(found[1]) + 1}" if found else name.split(".")[0]
        layers.setdefault(sys.intern(group), []).append(p)
    return layers


def gradients_of(model: Any) -> dict[str, list[float]]:
    """The gradients that the parameters of each layer hold; none where none was computed.

    A backward pass does not come by at neurons that are off for every sample: theirs are 0, unless
    all neurons of a layer are, which cannot be told from a layer that was not used.
    """
    return {
        name: [p.grad for p in parameters] if any(p.has_grad or p.grad for p in parameters) else []
        for name, parameters in layers_of(model).items()
    }


def sizes_by_layer(frames: Sequence[Frame]) -> dict[str, list[tuple[float, float]]]:
    """Epoch and size of the gradients, frame by frame, of each layer; nan where it has none."""
    names = dict.fromkeys(name for frame in frames for name in frame.gradient_sizes)
    return {
        name: [(float(f.epoch), f.gradient_sizes.get(name, math.nan)) for f in frames]
        for name in names
    }
