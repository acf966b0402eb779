"""Random graphs of scalars, compiled: what no matrix can help with.

100 leaves and so many operations on random earlier numbers, mostly late ones: `+ - * /`, exp, log,
tanh, sigmoid and a power, nearly nothing of which repeats (`benchmarks/workloads.py`). Microseconds
of a step: leaves in, value and full gradient out. Ours are compiled to LLVM and to Python source;
CasADi runs the expression and its gradient on its virtual machine, called through its buffers;
micrograd and our engine record the graph anew in every step. All agree to 1e-12 of the largest
number in the gradient. What this does not show: the time to compile, which has a section of its
own, and tensor libraries, which take milliseconds for a thousand such operations.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import stepping, workloads
from ..section import Aim, Judged, Measured, Outcome, Report, Section, Variant, text_of
from ..stepping import TOLERANCE, compared, variant, verdicts

SIZES = {False: (1_000, 10_000, 100_000), True: (1_000, 10_000)}  # operations; in a quick run
PROGRAMS = ("llvm", "python", "eager", "with_casadi", "with_micrograd")
AIM = Aim(4.0)  # CasADi's time over that of ours, LLVM


def work(program: str, operations: int) -> Outcome:
    """One turn."""
    return next(turns(program, operations))


def turns(program: str, operations: int) -> Iterator[Outcome]:
    """Turns without end."""
    return stepping.turns(program, workloads.tangle(operations))


def variants(quick: bool) -> list[Variant]:
    return [
        variant(f"{operations} {program}", program, {"operations": operations})
        for operations in SIZES[quick]
        for program in PROGRAMS
    ]


def report(measured: Measured) -> Report:
    """A table and a chart for each size, then the aims."""
    tables, plots, judged = [], {}, []
    for size in sorted({v.task["operations"] for v in measured.variants.values()}):
        keys = [key for key, v in measured.variants.items() if v.task["operations"] == size]
        title = f"A random graph of {size:,} operations"
        text, plots[f"dags-{size}"] = compared(measured, keys, title, f"{size} llvm")
        tables.append(text)
        found = measured.ratio(f"{size} with_casadi", f"{size} llvm", "step")
        judged.append(Judged(f"CasADi over LLVM, {size:,} operations", AIM, found))
    return Report("\n\n".join([*tables, verdicts(judged)]), plots, judged)


SECTION = Section(
    name="dags",
    title="Compiled random graphs",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={},
    rounds=(7, 1),
    report=report,
    together=lambda v: str(v.task["operations"]),
    tolerance=TOLERANCE,
)
