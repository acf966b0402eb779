"""The training loop: epochs, batches in random order, g = Σ∇ℓ, a step.

A batch's gradient is the sum of its samples' gradients, accumulated one after another: each sample
has its own graph, which is dropped before the next one, so that memory does not grow with the
batch. batch_size 1 is online training, None is full-batch gradient descent, anything between is
mini-batch training. Long trainings run as a compiled program, which does the same: the loop here
says what that is, and sees to what the program cannot do.

Source: Bottou, Curtis and Nocedal, Optimization methods for large-scale machine learning (2018).
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from . import losses
from .arguments import did_you_mean, generator, whole
from .compiled_training import CompiledLesson, Lesson
from .decision import Judge, class_named, judge_of, last_activation
from .engine import Value, process
from .graph import gc_paused
from .history import Epoch, History, Totals
from .operation import number
from .optim import Optimizer, clip_gradients
from .program.executables import Bound
from .program.trace import TraceError
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

WORTH_COMPILING = 1_000_000  # samples × epochs × parameters: fewer are done while one compiles


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
    compiled: bool | None = None,
) -> History:
    """Train a model on samples and targets, and return what happened.

    A long training is compiled, see `compile`: the model and the loss are then run once, on traced
    numbers, and the program does what they did for every sample. It gives the same numbers but for
    the rounding of their last digits. What cannot be compiled is run by the engine: a model or a
    loss that decides by the numbers of a sample in Python, or that computes something else each
    time, as with random numbers or a setting that a callback has changed. `History.engine` says
    which it was, and why; so does a line above the progress bar.

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
        compiled: False: never, so that every bit is the engine's; True: if it can be; None: if it
            also pays, with samples × epochs × parameters above a million.

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
        loss=_loss(loss, model),
        optimizer=_checked_optimizer(optimizer, model),
        batch_size=_batch_size(batch_size, len(samples)),
        order=_Order(len(samples), _generator(seed) if shuffle else None),
        seed_of=_seed_of(reduction),
        regulariser=regulariser,
        clip=clip,
        held_out=None if validation is None else data_set("validation ", *_pair(validation)),
    )
    epochs = whole("epochs", epochs, 1)
    patience = None if patience is None else whole("patience", patience, 1)
    _check_functions(schedule=schedule, regulariser=regulariser, **_numbered(callbacks))
    if compiled not in (None, True, False):
        raise TypeError(f"compiled must be True, False or None, not {compiled!r:.40}")
    own_rate = optimizer.lr
    try:
        with _bar(progress, epochs * run.batches_per_epoch) as run.bar:
            run.compile(compiled, epochs)
            for epoch in range(epochs):
                if schedule is not None:
                    rate = schedule(epoch)
                    optimizer.lr = lambda step, rate=rate: rate  # as a number it could not be 0
                run.epoch(epoch)
                for callback in callbacks:
                    callback(epoch, run.history, model)
                if callbacks or schedule is not None or (epoch + 1).bit_count() == 1:
                    run.look_again(epoch + 1)  # after 1, 2, 4, 8 … epochs in any case
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


def _generator(seed: int | None) -> random.Random:
    return random.Random() if seed is None else generator("fit", seed)


class _Order:
    """The places of the samples: in every epoch in another random order, or as they are.

    What nobody asks for is drawn later: in a single batch, the order matters to errors alone.
    """

    def __init__(self, count: int, randomness: random.Random | None) -> None:
        self.is_random = randomness is not None
        self._randomness = randomness
        self._places = list(range(count))
        self._due = 0

    def change(self) -> None:
        """Another epoch begins."""
        self._due += 1

    @property
    def places(self) -> list[int]:
        """The order of this epoch."""
        while self._due and self._randomness is not None:
            self._due -= 1
            self._places = list(range(len(self._places)))
            self._randomness.shuffle(self._places)
        return self._places


@dataclass
class _Run:
    """One call of `fit`: what it was given, and how far it has come."""

    model: Model
    samples: list[Any]
    targets: list[Any]
    loss: Loss
    optimizer: Optimizer
    batch_size: int
    order: _Order
    seed_of: Callable[[int], float]
    regulariser: Callable[[Any], Value] | None
    clip: float | None
    held_out: tuple[list[Any], list[Any]] | None
    history: History = field(default_factory=History)
    bar: _Bar = field(default_factory=lambda: _Bar(None))
    program: CompiledLesson | None = None
    best: list[float] | None = None
    rate: float = 0.0

    def __post_init__(self) -> None:
        self.classifies = any(self.loss is loss for loss in CLASSIFYING)
        self.judge = judge_of(self.model)

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    # ---- compiling ----

    def compile(self, wanted: bool | None, epochs: int) -> None:
        """Compile what every batch needs, if that is wanted; the history says what became of it."""
        reason = self._unwanted(wanted, epochs)
        if reason:
            self.history.engine = f"not compiled: {reason}"
            return
        try:
            with gc_paused():
                self.program = self._compiled()
            self.history.engine = self.program.engine
        except Exception as error:  # if it is one without compiling, it comes again
            self.history.engine = f"not compiled: {_in_one_line(error)}"
        self.bar.say(self.history.engine)

    def _unwanted(self, wanted: bool | None, epochs: int) -> str:
        """Why not even to try; "" where there is no such reason."""
        size = len(self.samples) * epochs * len(self.optimizer.parameters)
        if wanted is False:
            return "compiled=False"
        if wanted is None and size <= WORTH_COMPILING:
            return f"samples × epochs × parameters are {size:,}, which is soon done"
        return "detect_anomaly watches every operation" if process.watch is not None else ""

    def _compiled(self) -> CompiledLesson:
        """The program; it raises what keeps it from being one."""
        lesson = Lesson(
            self.model,
            self.loss,
            self.optimizer,
            self.regulariser,
            self.clip,
            self.judge if self.classifies else None,
            self.batch_size,
            self.seed_of,
        )
        program = CompiledLesson(lesson, self.samples, self.targets)
        if self.held_out is not None:
            program.hold_out(*self.held_out)
        return program

    def look_again(self, epoch: int) -> None:
        """Give up a program that does not do any more what the functions do."""
        if self.program is not None and not self.program.holds():
            self.program = None
            self.history.engine += (
                f" up to epoch {epoch}, where the model, the loss or the optimizer was changed"
            )
            self.bar.say(self.history.engine)

    # ---- epochs ----

    def epoch(self, epoch: int) -> None:
        """See every sample once, measure, and write it down."""
        started = time.perf_counter()
        of_one_batch = self.held_out is None and self.batches_per_epoch == 1
        before = self._snapshot() if of_one_batch else None
        totals = Totals()
        with gc_paused():
            self._updates(epoch, totals)
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
            self.best = self._snapshot() if before is None else before

    def _updates(self, epoch: int, totals: Totals) -> None:
        """Make a step for each batch: by the program, as far as that gets, or by the engine."""
        self.order.change()
        bound = None if self.program is None else self._bound(self.program)
        batch = 0
        while batch < self.batches_per_epoch:
            done = self._advanced(bound, batch, totals)
            if not done:
                with _locating(f"epoch {epoch}, batch {batch}"):
                    first = batch * self.batch_size
                    self._update(self.order.places[first : first + self.batch_size], totals)
                done = 1
            batch += done
            self.bar.tick(f"epoch {epoch}, loss {totals.loss / totals.samples:.4g}", done)

    def _bound(self, program: CompiledLesson) -> Bound:
        """The batches of this epoch, as the program reads them."""
        if self.order.is_random and self.batches_per_epoch > 1:
            return program.bound(self.order.places)
        return program.in_order

    def _advanced(self, bound: Bound | None, batch: int, totals: Totals) -> int:
        """How many batches the program has done from this one on."""
        if self.program is None or bound is None:
            return 0
        done = self.program.advance(bound, batch, totals)
        self.history.updates += done
        self.rate = self.program.rate
        return done

    def _update(self, members: list[int], totals: Totals) -> None:
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

    def _accumulate(self, i: int, seed: float, totals: Totals) -> None:
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
        measured = None if self.program is None else self.program.measured()
        if measured is not None:
            return measured[0], measured[1] if self.classifies else None
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
        return _mean_loss(_loss(loss, model), [_predicted(model, x) for x in samples], targets)


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


INCLUDED = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}  # in losses, by name


def _loss(loss: str | Loss, model: Any) -> Loss:
    """The loss function of this name, for this model; a function is returned as it is."""
    if callable(loss):
        return loss
    included = INCLUDED.get(loss)
    if included is not None and last_activation(model) == included:
        raise ValueError(
            f"{loss} has the {included} in it, and so has the last layer of the model, so that it "
            f"would be applied twice: leave output={included!r} out of the model"
        )
    if loss not in losses.LOSSES:
        question = did_you_mean(str(loss), losses.LOSSES)
        raise ValueError(
            f"loss {loss!r:.40} is not known{question and f', {question}'}: "
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
    value: Value = losses.recorded(what, error)
    if not math.isfinite(value.data):
        raise FloatingPointError(
            f"{what} is {value.data}; the parameters are those before this update; a smaller "
            "learning rate, standardised inputs or clip may help"
        )
    return value


def _in_one_line(error: Exception) -> str:
    """What an error says, as a reason."""
    text = str(error).partition("\n")[0]
    return text if isinstance(error, TraceError) else f"{type(error).__name__}: {text}"


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


class _Bar:
    """A progress bar; without one, nothing is shown."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def tick(self, text: str, updates: int) -> None:
        """So many updates more."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(updates)

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)


@contextmanager
def _bar(progress: bool | None, total: int) -> Iterator[_Bar]:
    """A progress bar, if somebody sees it."""
    bar = _tqdm(total) if progress or (progress is None and _is_watched()) else None
    with nullcontext() if bar is None else bar:
        yield _Bar(bar)


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
