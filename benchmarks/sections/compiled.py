"""Training steps, compiled: ours beside what others compile, and beside C and NumPy by hand.

Parameters in, loss and full gradient out, no update: microseconds of a step. Ours are the loss of
one sample in ordinary scalar code, traced by `mg.compile` and run as LLVM loops, as NumPy groups or
as Python source. The peers are written as one writes for them: matrices for PyTorch, JAX and NumPy,
loops over blocks of 32 samples for C (`gcc -O3 -march=native -ffast-math`), scalars for CasADi, for
micrograd and for our engine as it is without compiling. JAX gets and gives arrays of its own;
CasADi is called through its buffers. "100 steps in one piece" are steps of gradient descent that
never leave compiled code, of JAX's `lax.scan` and of our `many`, update included.

All programs of a workload are alive at the same time, on one thread each, and take turns of 60 ms.
Before any time counts, and in every round, loss and gradient agree to 1e-12 of the largest number
in the gradient; so do the losses of the steps in one piece, and where they lead. What this does not
show: networks whose matrices fill caches, for which tensor libraries are made; the time to compile,
which has a section of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .. import stepping, workloads
from ..section import (
    Aim,
    Judged,
    Measured,
    Outcome,
    Report,
    Section,
    Variant,
    text_of,
)
from ..spread import Spread
from ..stepping import TOLERANCE, compared, variant, verdicts

WORKLOADS = {
    "W1": "W1: micrograd's demo, 2-16-16-1 with ReLU, 100 moons, hinge loss and L2",
    "W2": "W2: 2-64-64-1 with ReLU, 256 moons, cross-entropy",
    "W2t": "W2t: the same with tanh",
    "W4": "W4: autoencoder 8-3-8 with sigmoid, 8 patterns, cross-entropy",
    "W5": "W5: microgpt's model, 4,192 parameters, one document of 8 tokens",
}
EVERYWHERE = (
    *("llvm", "numpy", "python", "eager", "by_hand_c", "by_hand_numpy", "with_jax"),
    *("with_torch", "with_casadi", "with_micrograd"),
)
NOT_WRITTEN = {("by_hand_numpy", "W5"), ("with_micrograd", "W2t")}
FUSED = 100  # steps in one piece
SAMPLES = {("with_micrograd", "W2"): 32}  # of 256, and the time of a step times 8


@dataclass(frozen=True)
class Comparison:
    """A ratio of times, with what it is to be, by workload."""

    what: str
    above: str
    below: str
    aims: Mapping[str, Aim]

    def found(self, measured: Measured, workload: str) -> Spread | None:
        """The ratio, taken inside rounds."""
        return measured.ratio(f"{workload} {self.above}", f"{workload} {self.below}", "step")


def at_least(**bounds: float) -> dict[str, Aim]:
    return {workload: Aim(bound) for workload, bound in bounds.items()}


def at_most(**bounds: float) -> dict[str, Aim]:
    return {workload: Aim(bound, at_least=False) for workload, bound in bounds.items()}


COMPARISONS = (
    Comparison("LLVM over C by hand", "llvm", "by_hand_c",
               at_most(W1=1.1, W2=1.0, W4=1.1, W5=1.1)),
    Comparison("JAX over LLVM, 100 steps in one piece", "with_jax fused", "llvm fused",
               at_least(W1=1.3, W2=1.3, W4=1.3, W5=1.3)),
    Comparison("PyTorch over LLVM", "with_torch", "llvm",
               at_least(W1=35.0, W2=5.0, W4=35.0, W5=35.0)),
    Comparison("NumPy groups over NumPy by hand", "numpy", "by_hand_numpy",
               at_most(W1=1.1, W2=1.1, W4=1.5)),
    Comparison("micrograd over Python source", "with_micrograd", "python", at_least(W1=20.0)),
)  # fmt: skip


def work(program: str, workload: str, fused: int = 0, samples: int = 0) -> Outcome:
    """One turn."""
    return next(turns(program, workload, fused, samples))


def turns(program: str, workload: str, fused: int = 0, samples: int = 0) -> Iterator[Outcome]:
    """Turns without end; of a part of the samples, the time of a step is scaled to all of them."""
    whole = workloads.named(workload)
    part = whole.first(samples or len(whole.X))
    for outcome in stepping.turns(program, part, fused):
        outcome["figures"]["step"] *= len(whole.X) / len(part.X)
        yield outcome


def variants(quick: bool) -> list[Variant]:
    """Every program on every workload, and two of them with many steps in one piece."""
    found = []
    for workload in WORKLOADS:
        for program in EVERYWHERE:
            if (program, workload) in NOT_WRITTEN:
                continue
            task: dict[str, object] = {"workload": workload}
            title = ""
            if samples := SAMPLES.get((program, workload)):
                task["samples"] = samples
                title = f"micrograd, on {samples} samples"
            found.append(variant(f"{workload} {program}", program, task, title))
        for program, title in {
            "llvm": f"ours, LLVM, {FUSED} steps in one piece",
            "with_jax": f"JAX, {FUSED} steps in one piece",
        }.items():
            task = {"workload": workload, "fused": FUSED}
            found.append(variant(f"{workload} {program} fused", program, task, title))
    return found


def report(measured: Measured) -> Report:
    """A table and a chart for each workload, then the aims."""
    tables, plots, judged = [], {}, []
    for workload, title in WORKLOADS.items():
        keys = [key for key, v in measured.variants.items() if v.task["workload"] == workload]
        text, plots[f"compiled-{workload}"] = compared(measured, keys, title, f"{workload} llvm")
        tables.append(text)
    for comparison in COMPARISONS:
        for workload, aim in comparison.aims.items():
            found = comparison.found(measured, workload)
            judged.append(Judged(f"{comparison.what}, {workload}", aim, found))
    return Report("\n\n".join([*tables, verdicts(judged)]), plots, judged)


SECTION = Section(
    name="compiled",
    title="Compiled steps",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={},
    rounds=(7, 1),
    report=report,
    together=lambda v: str(v.task["workload"]),
    tolerance=TOLERANCE,
)
