"""What training writes down: a record for each epoch, and the way from the first to the last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        loss: mean loss of the samples, each as it was met, before the update of its batch.
        accuracy: share of the samples that were then classified rightly; None for other tasks.
        penalty: mean of the regulariser over the batches; None without one.
        validation_loss: after the epoch; None without validation data.
        validation_accuracy: the same, and None for other tasks than classification.
        lr: learning rate of the last update.
        updates: how many there were.
        seconds: duration, validation included.
    """

    loss: float
    accuracy: float | None
    penalty: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    updates: int
    seconds: float

    @property
    def judged_by(self) -> float:
        """What tells a better epoch from a worse one: validation loss, or else training loss."""
        return self.loss if self.validation_loss is None else self.validation_loss


@dataclass
class Totals:
    """Sums over the samples and batches of an epoch, as they are met."""

    loss: float = 0.0
    right: int = 0
    samples: int = 0
    penalty: float = 0.0
    batches: int = 0


COLUMNS = {
    "loss": "Mean training loss.",
    "accuracy": "Training accuracy, from 0 to 1; empty for other tasks than classification.",
    "penalty": "The regulariser; empty without one.",
    "validation_loss": "Mean loss of the validation data; empty without them.",
    "validation_accuracy": "Accuracy on the validation data; empty without them.",
    "lr": "Learning rate of the last update.",
    "seconds": "Durations.",
}


def _column(name: str) -> property:
    """The list of one number for each epoch that has it."""

    def numbers(history: History) -> list[float]:
        return [x for epoch in history.epochs if (x := getattr(epoch, name)) is not None]

    return property(numbers, doc=COLUMNS[name])


@dataclass
class History:
    """What `fit` writes down; the lists have one number for each completed epoch.

    Attributes:
        epochs: the records, one `Epoch` each.
        updates: steps of the optimiser, those of an interrupted epoch included.
        best_epoch: index of the epoch with the lowest validation loss (training loss without
            validation data); None before the first is complete.
        stopped_early: whether patience ran out.
        interrupted: whether Ctrl-C ended the training.
        engine: what has computed: "compiled: llvm", "compiled: numpy" or "compiled: python"; or
            "not compiled: …" with the reason, which is the engine itself.
    """

    epochs: list[Epoch] = field(default_factory=list)
    updates: int = 0
    best_epoch: int | None = None
    stopped_early: bool = False
    interrupted: bool = False
    engine: str = ""

    loss, accuracy, penalty, validation_loss, validation_accuracy, lr, seconds = map(
        _column, COLUMNS
    )

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON data: lists under the names above, and the other attributes."""
        lists = {name: getattr(self, name) for name in COLUMNS}
        others = ("updates", "best_epoch", "stopped_early", "interrupted", "engine")
        return {"epochs": len(self)} | lists | {name: getattr(self, name) for name in others}

    def add(self, epoch: Epoch) -> bool:
        """Write down one more epoch; whether it is the best so far."""
        best = self.best_epoch
        is_best = best is None or epoch.judged_by < self.epochs[best].judged_by
        self.epochs.append(epoch)
        if is_best:
            self.best_epoch = len(self) - 1
        return is_best

    @property
    def epochs_since_best(self) -> int:
        """How many epochs in a row brought no progress."""
        return 0 if self.best_epoch is None else len(self) - 1 - self.best_epoch

    def __len__(self) -> int:
        """Number of completed epochs."""
        return len(self.epochs)

    def __repr__(self) -> str:
        counts = {"epoch": len(self), "update": self.updates}
        parts = [", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items())]
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            numbers = getattr(self, name)
            if numbers:
                parts.append(f"{name.replace('_', ' ')} {numbers[0]:.4g} → {numbers[-1]:.4g}")
        if self.best_epoch is not None:
            parts.append(f"best epoch {self.best_epoch}")
        parts += ["stopped early"] * self.stopped_early + ["interrupted"] * self.interrupted
        return f"History({'; '.join(parts)}; {sum(self.seconds):.1f} s)"
