"""The training loop: epochs, batches in random order, g = Σ∇ℓ, a step.

A batch's gradient is the sum of its samples' gradients, accumulated one after another: each sample
has its own graph, which is dropped before the next one, so that memory does not grow with the
batch. batch_size 1 is online training, None is full-batch gradient descent, anything between is
mini-batch training.

Source: Bottou, Curtis and Nocedal, Optimization methods for large-scale machine learning (2018).
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from . import losses
from .arguments import did_you_mean, generator, whole
from .decision import Judge, class_named, judge_of
from .engine import Value
from .graph import gc_paused
from .history import Epoch, History
from .operation import number
from .optim import Optimizer, clip_gradients
from .samples import data_set, items, plain, rows

Model: TypeAlias = Callable[[Any], Any]
Loss: TypeAlias = Callable[[Any, Any], Value]
Callback: TypeAlias = Callable[[int, "History", Any], object]

# Losses whose targets are classes, so that accuracy means something.
CLASSIFYING = (
    losses.cross_entropy,
    losses.cross_entropy_of_probabilities,
    losses.binary_cross_entropy,
    losses.hinge,
    losses.multiclass_hinge,
)


# ---- training ----------------------------------------------------------------------------------


def fit(
    model: Model,
    X: Any,
    y: Any,
    *,
    loss: str | Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int | None = 0,
    reduction: Literal["mean", "sum"] = "mean",
    regulariser: Callable[[Any], Value] | None = None,
    clip: float | None = None,
    schedule: Callable[[int], float] | None = None,
    validation: tuple[Any, Any] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
) -> History:
    """Train a model on samples and targets, and return what happened.

    Ctrl-C ends the training, not the program: the parameters of the best epoch are kept (what the
    first epoch has reached, if none is complete) and `interrupted` is True. Epochs, batches and
    samples are counted from 0.

    Args:
        model: called with one sample; an MLP, a module of your own, any function of Values.
        X: samples, a table of finite numbers: lists or a NumPy array, one row (or number) each.
        y: as many targets, numbers or rows of numbers, as the loss wants them.
        loss: (prediction, target) → Value, or the name of one in `losses.LOSSES`.
        optimizer: made for the parameters of this model, or for some of them.
        epochs: how often all samples are seen, at least 1.
        batch_size: samples per update; None, or more than there are, for all of them. The last
            batch of an epoch has what is left.
        shuffle: a new random order in every epoch; False keeps the order of X.
        seed: of that order; the same seed gives the same bits. None: another one each time.
        reduction: a batch's gradient is the "mean" or the "sum" of its samples' gradients.
        regulariser: model → Value, such as `lambda m: l2(m, 0.01)`; added once per batch.
        clip: largest norm of the gradient of a batch, see `clip_gradients`.
        schedule: learning rate as a function of the epoch; the optimiser's own is back afterwards.
        validation: a pair (X, y) that is measured after every epoch.
        patience: stop after so many epochs in a row without a new lowest validation loss (training
            loss without validation data); then, and also at the end, the parameters of the best
            epoch are restored. None: never, and the last parameters stay.
        callbacks: called after every epoch as (epoch, history, model).
        progress: a bar on stderr; None: on a terminal or in a notebook, and with tqdm installed.

    Raises:
        ValueError: no samples, other numbers of targets, rows of unequal length, a number that is
            not finite (naming row and column), an argument outside its range.
        TypeError: an argument or a number of another kind.
        FloatingPointError: a loss, gradient or parameter that is not finite, with epoch, batch and
            sample; the parameters are those before that update.

    Without validation data, the loss of an epoch is that of the samples as they were met: with one
    batch per epoch, of the parameters before its update, and these count as the epoch's.

    >>> from microgrunderscore.nn import MLP
    >>> from microgrunderscore.optim import SGD
    >>> model = MLP(2, [4, 1], activation="tanh", seed=1)
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> optimizer = SGD(model, lr=0.5)
    >>> history = fit(model, X, y, loss="binary_cross_entropy", optimizer=optimizer, epochs=200)
    >>> classify(model, X), history.updates
    ([0, 1, 1, 0], 200)
    """
    samples, targets = data_set("", X, y)
    run = _Run(
        model=model,
        samples=samples,
        targets=targets,
        loss=_loss(loss),
        optimizer=_checked_optimizer(optimizer, model),
        batch_size=_batch_size(batch_size, len(samples)),
        order=_order(seed) if shuffle else None,
        seed_of=_seed_of(reduction),
        regulariser=regulariser,
        clip=clip,
        held_out=None if validation is None else data_set("validation ", *_pair(validation)),
    )
    epochs = whole("epochs", epochs, 1)
    patience = None if patience is None else whole("patience", patience, 1)
    _check_functions(schedule=schedule, regulariser=regulariser, **_numbered(callbacks))
    own_rate = optimizer.lr
    try:
        with _bar(progress, epochs * run.batches_per_epoch) as run.tick:
            for epoch in range(epochs):
                if schedule is not None:
                    rate = schedule(epoch)
                    optimizer.lr = lambda step, rate=rate: rate  # as a number it could not be 0
                run.epoch(epoch)
                for callback in callbacks:
                    callback(epoch, run.history, model)
                if patience is not None and run.history.epochs_since_best >= patience:
                    run.history.stopped_early = True
                    break
    except KeyboardInterrupt:
        run.history.interrupted = True
    finally:
        optimizer.lr = own_rate
    if patience is not None or run.history.interrupted:
        run.restore_best()
    return run.history


def _order(seed: int | None) -> random.Random:
    return random.Random() if seed is None else generator("fit", seed)


@dataclass
class _Run:
    """One call of `fit`: what it was given, and how far it has come."""

    model: Model
    samples: list[Any]
    targets: list[Any]
    loss: Loss
    optimizer: Optimizer
    batch_size: int
    order: random.Random | None
    seed_of: Callable[[int], float]
    regulariser: Callable[[Any], Value] | None
    clip: float | None
    held_out: tuple[list[Any], list[Any]] | None
    history: History = field(default_factory=History)
    tick: Callable[[str], None] = lambda text: None
    best: list[float] | None = None
    rate: float = 0.0

    def __post_init__(self) -> None:
        self.classifies = any(self.loss is loss for loss in CLASSIFYING)
        self.judge = judge_of(self.model)

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    def epoch(self, epoch: int) -> None:
        """See every sample once, measure, and write it down."""
        started = time.perf_counter()
        before = self._snapshot()
        totals = _Totals()
        with gc_paused():
            for batch, members in enumerate(self._batches()):
                with _locating(f"epoch {epoch}, batch {batch}"):
                    self._update(members, totals)
                self.tick(f"epoch {epoch}, loss {totals.loss / totals.samples:.4g}")
            validation_loss, validation_accuracy = self._validation()
        is_best = self.history.add(
            Epoch(
                loss=totals.loss / totals.samples,
                accuracy=totals.right / totals.samples if self.classifies else None,
                penalty=None if self.regulariser is None else totals.penalty / totals.batches,
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                lr=self.rate,
                updates=totals.batches,
                seconds=time.perf_counter() - started,
            )
        )
        if is_best:  # keep the parameters that were measured
            of_one_batch = self.held_out is None and totals.batches == 1
            self.best = before if of_one_batch else self._snapshot()

    def _batches(self) -> Iterator[list[int]]:
        """The places of the samples in this epoch's order, batch by batch."""
        places = list(range(len(self.samples)))
        if self.order is not None:
            self.order.shuffle(places)
        for start in range(0, len(places), self.batch_size):
            yield places[start : start + self.batch_size]

    def _update(self, members: list[int], totals: _Totals) -> None:
        """Add up the gradients of a batch, and make a step."""
        self.optimizer.zero_grad()
        seed = self.seed_of(len(members))
        i = -1
        try:
            for i in members:
                self._accumulate(i, seed, totals)
        except Exception as error:
            raise _located(error, f"sample {i}") from error.__cause__
        if self.regulariser is not None:
            penalty = _finite("the regulariser", self.regulariser(self.model))
            penalty.backward()
            totals.penalty += penalty.data
        if self.clip is not None:
            clip_gradients(self.optimizer.parameters, self.clip)
        self.rate = self.optimizer.rate
        self.optimizer.step()
        self.history.updates += 1
        totals.batches += 1

    def _accumulate(self, i: int, seed: float, totals: _Totals) -> None:
        """Forward and backward for one sample."""
        prediction = self.model(self.samples[i])
        error = _finite("the loss", self.loss(prediction, self.targets[i]))
        error.backward(seed)
        totals.loss += error.data
        totals.samples += 1
        if self.classifies:
            totals.right += _is_right(plain(prediction), self.targets[i], self.judge)

    def _validation(self) -> tuple[float | None, float | None]:
        """Loss and accuracy of the data held out."""
        if self.held_out is None:
            return None, None
        X, y = self.held_out
        outputs = [_predicted(self.model, x) for x in X]
        loss = _mean_loss(self.loss, outputs, y)
        return loss, _share_right(self.model, outputs, y) if self.classifies else None

    def _snapshot(self) -> list[float]:
        return [p.data for p in self.optimizer.parameters]

    def restore_best(self) -> None:
        """Set the parameters to those of the best epoch, if one is complete."""
        if self.best is not None:
            for p, x in zip(self.optimizer.parameters, self.best, strict=True):
                p.data = x


@dataclass
class _Totals:
    """Sums over an epoch."""

    loss: float = 0.0
    right: int = 0
    samples: int = 0
    penalty: float = 0.0
    batches: int = 0


# ---- prediction --------------------------------------------------------------------------------


def predict(model: Model, X: Any) -> list[Any]:
    """The model's output for each sample as plain numbers, without a graph where it can.

    Args:
        model: called with one sample; its method `predict` is used if there is one.
        X: samples, as for `fit`.

    Returns:
        For each sample a float, or a list of them for several outputs.

    >>> predict(lambda x: x * 2.0, [1, 2])
    [2.0, 4.0]
    """
    with gc_paused():
        return [_predicted(model, x) for x in rows("X", X)]


def classify(model: Model, X: Any, *, threshold: float | None = None) -> list[int]:
    """The class of each sample: the largest output, or for a single output which side it is on.

    Args:
        model: called with one sample.
        X: samples, as for `fit`.
        threshold: of a single output, above which it means class 1; None: ½ if the model's last
            layer is a sigmoid, else 0.

    Returns:
        Class indices; of equal outputs, the first one wins.

    >>> classify(lambda x: [x, 1.0 - x], [0.2, 0.7])
    [1, 0]
    """
    judge = judge_of(model) if threshold is None else Judge(number(threshold))
    return [judge.class_of(items(output)) for output in predict(model, X)]


def accuracy(model: Model, X: Any, y: Any) -> float:
    """The share of the samples that the model classifies rightly, from 0 to 1.

    Args:
        model: called with one sample.
        X: samples, as for `fit`.
        y: for several outputs class indices or one-hot rows; for a single one 0 or 1, or -1 or 1.

    >>> accuracy(lambda x: [x, 1.0 - x], [0.2, 0.7], [1, 1])
    0.5
    """
    samples, targets = data_set("", X, y)
    with gc_paused():
        return _share_right(model, [_predicted(model, x) for x in samples], targets)


def evaluate(model: Model, X: Any, y: Any, *, loss: str | Loss) -> float:
    """The mean loss over samples and targets.

    Args:
        model, X, y, loss: as for `fit`.

    Raises:
        FloatingPointError: a loss that is not finite, naming the sample.

    >>> evaluate(lambda x: x, [1.0, 2.0], [0.0, 0.0], loss="squared_error")
    1.25
    """
    samples, targets = data_set("", X, y)
    with gc_paused():
        return _mean_loss(_loss(loss), [_predicted(model, x) for x in samples], targets)


def _predicted(model: Model, x: Any) -> Any:
    """One output as plain numbers."""
    return plain(getattr(model, "predict", model)(x))


def _mean_loss(loss: Loss, outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """The mean of the losses; a loss may use methods of Values, so it gets Values."""
    total = 0.0
    for i, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        many = isinstance(output, list)
        with _locating(f"sample {i} of the data that is measured"):
            error = loss([Value(x) for x in output] if many else Value(output), target)
            total += _finite("the loss", error).data
    return total / len(outputs)


def _share_right(model: Model, outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    judge = judge_of(model)
    right = sum(_is_right(o, t, judge) for o, t in zip(outputs, targets, strict=True))
    return right / len(outputs)


def _is_right(output: Any, target: Any, judge: Judge) -> bool:
    """Whether an output means the class that the target names."""
    outputs = items(output)
    return judge.class_of(outputs) == class_named(target, len(outputs))


# ---- arguments ---------------------------------------------------------------------------------


def _loss(loss: str | Loss) -> Loss:
    """The loss function of this name; a function is returned as it is."""
    if callable(loss):
        return loss
    if loss not in losses.LOSSES:
        raise ValueError(
            f"loss {loss!r:.40} is not known{did_you_mean(str(loss), losses.LOSSES)}: "
            f"{', '.join(losses.LOSSES)}, or a function (prediction, target) → Value"
        )
    return losses.LOSSES[loss]


def _checked_optimizer(optimizer: Any, model: Any) -> Optimizer:
    """The optimiser, if it was made for this model."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer must be an SGD or Adam, not {type(optimizer).__name__}: SGD(model, lr=0.1)"
        )
    if hasattr(model, "parameters"):
        own = {id(p) for p in model.parameters()}
        if not any(id(p) in own for p in optimizer.parameters):
            raise ValueError(
                "the optimizer holds no parameter of this model: it was made for "
                "another one; make it with SGD(model, lr=0.1)"
            )
    return optimizer


def _batch_size(batch_size: int | None, count: int) -> int:
    return count if batch_size is None else min(whole("batch_size", batch_size, 1), count)


def _seed_of(reduction: str) -> Callable[[int], float]:
    """What backward() starts from for each of so many samples."""
    seeds: dict[str, Callable[[int], float]] = {"mean": lambda n: 1.0 / n, "sum": lambda n: 1.0}
    if reduction not in seeds:
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r:.40}")
    return seeds[reduction]


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError("validation must be a pair (X, y); datasets.split makes one")
    return validation[0], validation[1]


def _numbered(callbacks: Any) -> dict[str, Any]:
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"callbacks must be a list of functions, not {type(callbacks).__name__}")
    return {f"callbacks[{i}]": callback for i, callback in enumerate(callbacks)}


def _check_functions(**functions: Any) -> None:
    for name, f in functions.items():
        if isinstance(f, type):
            raise TypeError(
                f"{name} is a class, {f.__name__}: pass one of its objects, such as {f.__name__}()"
            )
        if f is not None and not callable(f):
            raise TypeError(f"{name} must be a function, not {type(f).__name__} {f!r:.40}")


def _finite(what: str, error: Any) -> Value:
    """What a loss or a penalty returned, if it is a finite Value."""
    value = losses.recorded(what, error)
    if not math.isfinite(value.data):
        raise FloatingPointError(
            f"{what} is {value.data}; the parameters are those before this update; a smaller "
            "learning rate, standardised inputs or clip may help"
        )
    return value


def _located(error: Exception, where: str) -> Exception:
    """The error, saying where it was."""
    if type(error) is FloatingPointError:
        return FloatingPointError(f"{where}: {error}")
    error.add_note(f"in {where}")
    return error


@contextmanager
def _locating(where: str) -> Iterator[None]:
    """Say where it was if an error passes."""
    try:
        yield
    except Exception as error:
        raise _located(error, where) from error.__cause__


# ---- progress ----------------------------------------------------------------------------------


@contextmanager
def _bar(progress: bool | None, total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar, as a function to call after every update; without one, it does nothing."""
    bar = _tqdm(total) if progress or (progress is None and _is_watched()) else None
    if bar is None:
        yield lambda text: None
        return

    def tick(text: str) -> None:
        bar.set_postfix_str(text, refresh=False)
        bar.update()

    with bar:
        yield tick


def _is_watched() -> bool:
    """Whether somebody sees stderr: a terminal, or a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    in_notebook = getattr(shell, "kernel", None) is not None
    return sys.stderr is not None and (in_notebook or sys.stderr.isatty())


def _tqdm(total: int) -> Any:
    """A bar on stderr, None where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, unit="update", file=sys.stderr)
