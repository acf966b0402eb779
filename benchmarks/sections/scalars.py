"""The same random graph of scalar operations on every library.

One random graph (`benchmarks/wiring.py`: blocks of straight text on random earlier numbers,
constants on both sides) on the numbers of every library, forward and backward, in nanoseconds per
operation, the collector off, one thread. The value and the derivatives toward all 64 leaves agree
to 1e-9 before any time counts; JAX, far slower here, is timed on a smaller graph of the same kind.
What this does not show: what these libraries are made for. PyTorch and JAX pay for every operation
as if it were a tensor, and on large tensors they are beyond comparison. CasADi builds an expression
once and replays it: that replay, a compiled tier which gives value and gradient, is shown in a row
of its own, and is faster than any engine that records as it goes, ours included.
"""

from __future__ import annotations

from ..plots import Dots, Mark, Row
from ..section import (
    ENGINES,
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
from ..spread import Spread, spread

PHASES = ("forward", "backward")
REPEATS = 3
AIMS = {"mixed torch": Aim(20.0)}  # times as long as our compiled engine
OVER = [f"times as long as ours, {engine}" for engine in ENGINES]
REPLAY = "CasADi's replay of what it built"
HEADINGS = {
    "mixed": "All operations: `+ - * / **`, negation, tanh, sigmoid, relu, exp, log.",
    "arithmetic": "Those that micrograd has: `+ - * / **`, negation, relu.",
}
FEW = 1_000  # operations, for a library that would take minutes for more
TITLES = {
    "torch": "PyTorch, tensors of one float64",
    "autograd": "HIPS autograd",
    "jax": f"JAX, `vjp` without `jit` ({FEW:,} operations)",
    "casadi": "CasADi SX, building expressions",
    "micrograd": "micrograd",
    "reference": "microgpt's class",
}
OF_TEXT = {  # which peers know the operations of a text
    "mixed": ("torch", "autograd", "jax", "casadi"),
    "arithmetic": ("micrograd", "reference"),
}


def work(library: str, text: str, operations: int) -> Outcome:
    """Nanoseconds per operation of each phase, and the value with the gradient of every leaf."""
    from ..libraries import LIBRARIES
    from ..wiring import Program

    LIBRARIES[library](Program(text, 100))()  # what is loaded or compiled at the first use
    program = Program(text, operations)
    run = LIBRARIES[library](program)
    seconds: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        phases, answers = run()
        for phase, taken in phases.items():
            seconds.setdefault(phase, []).append(taken)
    figures = {
        phase: 1e9 * spread(taken).median / program.count for phase, taken in seconds.items()
    }
    return {"figures": figures, "answers": answers}


def variants(quick: bool) -> list[Variant]:
    found = []
    for text, peers in OF_TEXT.items():
        operations = 5_000 if quick else 20_000
        task = {"text": text, "operations": operations}
        found += [
            Variant(f"{text} {e}", f"our Value, {e}", {"library": "ours"}, task, e) for e in ENGINES
        ]
        for peer in peers:
            own = {"operations": FEW} if peer == "jax" else {}
            needs = () if peer == "reference" else (peer,)
            found.append(
                Variant(f"{text} {peer}", TITLES[peer], {"library": peer}, task | own, needs=needs)
            )
    return found


def report(measured: Measured) -> Report:
    tables, plots, judged = [], {}, []
    for text, heading in HEADINGS.items():
        keys = [key for key, v in measured.variants.items() if v.task["text"] == text]
        lines = [line(measured, key) for key in keys]
        rows = rows_of(measured, keys, *PHASES)
        if replay := measured.figure(f"{text} casadi", "replay"):
            lines.append([REPLAY, str(replay), "included", "–", "–", ""])
            rows.insert(0, Row(REPLAY, [Mark(0, replay)]))
        heads = ["numbers of", "forward, ns", "backward, ns", *OVER, "aim"]
        tables += [heading, table(heads, lines)]
        title = f"Forward and backward, scalar by scalar: {text}"
        plots[f"scalars-{text}"] = Dots(title, "ns per operation", rows, unit=" ns")
    for key, aim in AIMS.items():
        what = f"{measured.variants[key].title}: its time over that of our compiled engine"
        judged.append(Judged(what, aim, over(measured, key, "compiled")))
    return Report("\n\n".join(tables), plots, judged)


def line(measured: Measured, key: str) -> list[str]:
    """A line of the table."""
    times = [over(measured, key, engine) for engine in ENGINES]
    return [
        measured.variants[key].title,
        measured.cell(key, measured.figure(key, "forward")),
        str(measured.figure(key, "backward") or "–"),
        *(str(found or "–") for found in times),
        AIMS[key].judged(times[1]) if key in AIMS else "",
    ]


def over(measured: Measured, key: str, engine: str) -> Spread | None:
    """How many times as long as one of our engines: forward and backward, per operation."""
    text = measured.variants[key].task["text"]
    return measured.ratio(key, f"{text} {engine}", *PHASES)


SECTION = Section(
    name="scalars",
    title="Scalar by scalar",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={"operations": 1_000},
    rounds=(7, 1),
    report=report,
)
