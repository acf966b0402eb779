"""How long it takes until a compiled program gives its first result.

Seconds from the loss function to the first loss and gradient: tracing, differentiating, compiling,
the first run. Imports are excluded, and so is what a library starts once: a trivial program is
compiled first. Ours are compiled by every backend; JAX is given matrices, CasADi scalars, gcc the
code by hand. Their first results agree to 1e-12 of the largest number in the gradient. The last
table is a whole training: micrograd's demo, 100 steps of gradient descent from the first line of
the loss to the last loss, tracing and compiling included, beside micrograd with Python's garbage
collector off, which does ten steps that count tenfold, as it would need gigabytes for more. The
losses of these ten agree, too. What this does not show: memory.
"""

from __future__ import annotations

from itertools import islice
from time import process_time

from .. import stepping, workloads
from ..peers import TITLES
from ..plots import Dots
from ..section import (
    Aim,
    Judged,
    Measured,
    Outcome,
    Report,
    Section,
    Variant,
    rows_of,
    table,
    text_of,
)
from ..stepping import TOLERANCE, variant
from . import demo

AIMS = {  # seconds, on LLVM
    "W1": Aim(0.1, at_least=False),
    "W2": Aim(0.2, at_least=False),
    "W5": Aim(0.5, at_least=False),
    "W3 10000": Aim(1.0, at_least=False),
}
TIMES = Aim(100.0)  # as fast as micrograd, the whole demo
WORKLOADS = {
    "W1": "W1: micrograd's demo",
    "W2": "W2: 2-64-64-1, batch of 256",
    "W5": "W5: microgpt's model, 8 tokens",
    "W3 10000": "W3: a random graph of 10,000 operations",
}
PROGRAMS = ("llvm", "numpy", "python", "by_hand_c", "with_jax", "with_casadi")
NOT_THERE = {("by_hand_c", "W3 10000"), ("with_jax", "W3 10000")}  # not written; takes minutes
STEPS, MICROGRADS = 100, 10  # of the demo
DEMO = "demo"


def work(program: str, workload: str) -> Outcome:
    """Seconds to the first result, or of the whole demo."""
    if workload == DEMO:
        return whole_demo(program)
    step, given, figures = stepping.ready(program, workloads.named(workload))
    _, answers = stepping.once(step, given)
    return {"figures": figures, "answers": answers}


def whole_demo(program: str) -> Outcome:
    """Seconds of 100 steps of micrograd's demo, and its first losses."""
    stepping.warm_up(program)
    if program == "with_micrograd":
        start = process_time()
        losses = list(islice(demo.steps("peer", MICROGRADS), MICROGRADS))
        seconds = (process_time() - start) * STEPS / MICROGRADS
    else:
        from ..peers.compiled import trained

        start = process_time()
        losses = trained(workloads.demo(), program, STEPS)
        seconds = process_time() - start
    return {"figures": {"compile": seconds}, "answers": losses[:MICROGRADS]}


def variants(quick: bool) -> list[Variant]:
    found = [
        variant(f"{workload} {program}", program, {"workload": workload})
        for workload in WORKLOADS
        for program in PROGRAMS
        if (program, workload) not in NOT_THERE
    ]
    return found + [
        variant(f"{DEMO} {program}", program, {"workload": DEMO})
        for program in ("llvm", "numpy", "python", "with_micrograd")
    ]


def report(measured: Measured) -> Report:
    """A table for each workload, and the whole demo in one of its own."""
    tables, plots, judged = [], {}, []
    for workload, title in WORKLOADS.items():
        keys = [key for key, v in measured.variants.items() if v.task["workload"] == workload]
        ours = f"{workload} llvm"
        lines = []
        for key in keys:
            found = measured.figure(key, "compile")
            judgement = AIMS[workload].judged(found) if key == ours else ""
            lines.append([measured.variants[key].title, measured.cell(key, found), judgement])
        tables += [f"{title}.", table(["program", "seconds", "aim"], lines)]
        aims = {ours: AIMS[workload]}
        rows = rows_of(measured, keys, "compile", aims=aims)
        plots[f"compile_time-{workload.replace(' ', '-')}"] = Dots(title, "s", rows, unit=" s")
        what = f"seconds to the first result of {workload}, LLVM"
        judged.append(Judged(what, AIMS[workload], measured.figure(ours, "compile")))
    lines = [whole_line(measured, key) for key in measured.variants if key.startswith(DEMO)]
    heads = ["program", "seconds", "times as fast as micrograd", "aim"]
    tables += [f"The whole of micrograd's demo, {STEPS} steps.", table(heads, lines)]
    faster = measured.ratio(f"{DEMO} with_micrograd", f"{DEMO} llvm", "compile")
    judged.append(Judged("the whole demo, LLVM, times as fast as micrograd", TIMES, faster))
    return Report("\n\n".join(tables), plots, judged)


def whole_line(measured: Measured, key: str) -> list[str]:
    """A line of the last table."""
    program = measured.variants[key].program["program"]
    faster = measured.ratio(f"{DEMO} with_micrograd", key, "compile")
    return [
        TITLES[program],
        measured.cell(key, measured.figure(key, "compile")),
        "1" if program == "with_micrograd" else str(faster or "–"),
        TIMES.judged(faster) if program == "llvm" else "",
    ]


SECTION = Section(
    name="compile_time",
    title="Time to compile",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={},
    rounds=(5, 1),
    report=report,
    tolerance=TOLERANCE,
)
