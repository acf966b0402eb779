"""One operation: a product that is built and freed at once.

`a * b` with two leaves, whose result is dropped at once: a node is built and freed. The loop costs
what `float * float` costs, which is shown beside it and not taken away. The collector is on:
micrograd's nodes are cycles, and nothing else would free them. The product and both derivatives are
compared. What this does not show: a graph that is kept, whose nodes do not find their memory warm.
"""

from __future__ import annotations

from itertools import repeat
from time import process_time
from typing import Any

from ..plots import Dots
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
from ..spread import spread

CHUNKS = 25  # of loops, of which the median counts
AIMS = {"compiled": Aim(60.0, at_least=False)}  # ns


def work(library: str, loops: int) -> Outcome:
    """Nanoseconds of a loop around a product; the answers are the product and its derivatives."""
    a, b = numbers(library)
    nanoseconds = []
    for _ in range(CHUNKS):
        start = process_time()
        for _ in repeat(None, loops):
            a * b
        nanoseconds.append(1e9 * (process_time() - start) / loops)
    return {"figures": {"product": spread(nanoseconds).median}, "answers": answers(a, b)}


def numbers(library: str) -> tuple[Any, Any]:
    """2 and 3 as scalars of a library."""
    if library == "float":
        return 2.0, 3.0
    if library == "torch":
        import torch

        torch.set_num_threads(1)
        a, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, 3.0))
        return a, b
    if library == "micrograd":
        from micrograd.engine import Value
    elif library == "reference":
        from ..reference import Reference as Value
    else:
        from microgrunderscore import Value
    return Value(2.0), Value(3.0)


def answers(a: Any, b: Any) -> list[float]:
    """The product and its derivatives toward both factors."""
    if isinstance(a, float):
        return [a * b, b, a]
    product = a * b
    product.backward()
    return [float(x) for x in (product.data, a.grad, b.grad)]


def variants(quick: bool) -> list[Variant]:
    task = {"loops": 2_000 if quick else 10_000}
    peers = [
        ("float", "float * float", ()),
        ("micrograd", "micrograd", ("micrograd",)),
        ("reference", "microgpt's class", ()),
        ("torch", "PyTorch, tensors of one float64", ("torch",)),
    ]
    ours = [
        Variant(engine, f"our Value, {engine}", {"library": "ours"}, task, engine, collector="on")
        for engine in ENGINES
    ]
    return [
        Variant(key, title, {"library": key}, task, needs=needs, collector="on")
        for key, title, needs in peers
    ] + ours


def report(measured: Measured) -> Report:
    lines = []
    for v in measured.variants.values():
        found = measured.figure(v.key, "product")
        lines.append(
            [
                v.title,
                measured.cell(v.key, found),
                str(measured.ratio(v.key, "float", "product") or "–"),
                AIMS[v.key].judged(found) if v.key in AIMS else "",
            ]
        )
    heads = ["operands", "ns", "in products of floats", "aim"]
    rows = rows_of(measured, measured.variants, "product", aims=AIMS)
    return Report(
        table(heads, lines),
        {"operation": Dots("A product, built and freed", "ns", rows, unit=" ns")},
        [
            Judged(f"a * b built and freed, {key}, ns", aim, measured.figure(key, "product"))
            for key, aim in AIMS.items()
        ],
    )


SECTION = Section(
    name="operation",
    title="One operation",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={"loops": 10},
    rounds=(11, 2),
    report=report,
)
