"""Bytes of resident memory per node of a graph that is kept.

How much resident memory a graph of a million nodes takes, `x = x * a + b` half a million times,
before `backward()`; divided by the nodes. It holds all that a node brings with it: its numbers, its
header for the garbage collector, what the allocator rounds up. The collector is off, so that
nothing else moves. The final value is compared. What this does not show: the lists that
`backward()` makes while it runs, and labels.
"""

from __future__ import annotations

from ..chain import LIBRARIES, chain, value_class
from ..plots import Dots
from ..resident import resident
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

AIMS = {"pure": Aim(160.0, at_least=False), "compiled": Aim(112.0, at_least=False)}


def work(library: str, nodes: int) -> Outcome:
    """Build a graph of so many nodes; the answer is its value."""
    value = value_class(library)
    x, a, b = value(1.0), value(0.999), value(0.5)
    before = resident()
    last = chain(x, a, b, nodes)
    return {"figures": {"bytes": (resident() - before) / nodes}, "answers": [float(last.data)]}


def variants(quick: bool) -> list[Variant]:
    task = {"nodes": 1_000_000}
    ours = [Variant(e, f"our Value, {e}", {"library": "ours"}, task, e) for e in ENGINES]
    peers = [
        Variant(key, title, {"library": key}, task, needs=() if key == "reference" else (key,))
        for key, title in LIBRARIES.items()
        if key != "ours"
    ]
    return [*ours, *peers]


def report(measured: Measured) -> Report:
    found = {key: measured.figure(key, "bytes") for key in measured.variants}
    lines = [
        [
            v.title,
            measured.cell(v.key, found[v.key]),
            AIMS[v.key].judged(found[v.key]) if v.key in AIMS else "",
        ]
        for v in measured.variants.values()
    ]
    rows = rows_of(measured, measured.variants, "bytes", aims=AIMS)
    return Report(
        table(["graph of", "bytes per node", "aim"], lines),
        {"memory": Dots("Memory of a graph of a million nodes", "bytes per node", rows)},
        [Judged(f"bytes per node, {key}", aim, found[key]) for key, aim in AIMS.items()],
    )


SECTION = Section(
    name="memory",
    title="Memory",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={"nodes": 1000},
    rounds=(3, 1),
    report=report,
)
