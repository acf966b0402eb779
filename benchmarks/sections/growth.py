"""Time per node, from a thousand nodes to ten million.

Building `x = x * a + b`, its `backward()` and freeing it, in nanoseconds per node, with the
collector paused as `gc_paused()` and `fit` do it. If every node cost the same, the lines would be
level: what lifts them are the caches of the processor, which a large graph leaves, and memory that
the system hands out page by page. The value and all gradients agree with micrograd's as far as that
goes. micrograd's graphs are freed by a run of the collector, which counts as its time to free; its
recursive sort needs a higher recursion limit, which it gets. What this does not show: graphs whose
nodes lie scattered in memory, which cost more, and the collector's own time when it is not paused.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from time import process_time

from ..chain import chain, value_class
from ..plots import Lines
from ..section import (
    ENGINES,
    Aim,
    Judged,
    Measured,
    Outcome,
    Report,
    Section,
    Variant,
    table,
    text_of,
)
from ..spread import spread

PHASES = ("forward", "backward", "free")
SIZES = [10**k for k in range(3, 8)]
LARGEST = {  # in a full run, and in a quick one
    "pure": (10**7, 10**6),
    "compiled": (10**7, 10**7),
    "micrograd": (10**6, 10**5),  # ten times as much would take 10 GB
}
MOST = Aim(3.0, at_least=False)  # times, from the smallest to the largest
ROOM = {"ours": 250, "micrograd": 1200}  # bytes per node that must be free, backward() included
NODES_IN_ALL = {"ours": 1_000_000, "micrograd": 100_000}  # of a small graph, which is repeated


def work(library: str, nodes: int) -> Outcome:
    """Nanoseconds per node of building a graph, of its backward() and of dropping it."""
    check_room(ROOM[library] * nodes)
    if library == "micrograd":
        sys.setrecursionlimit(10 * nodes + 10_000)  # it sorts recursively, and the graph is deep
    value = value_class(library)
    gc.freeze()  # so that the collector, where it is called, visits the graph and nothing else
    seconds: dict[str, list[float]] = {phase: [] for phase in PHASES}
    for _ in range(max(1, NODES_IN_ALL[library] // nodes)):
        x, a, b = value(1.0), value(0.999), value(0.5)
        start = process_time()
        last = chain(x, a, b, nodes)
        built = process_time()
        last.backward()
        differentiated = process_time()
        answers = [float(y) for y in (last.data, x.grad, a.grad, b.grad)]
        kept = process_time()
        del last, x
        if library == "micrograd":
            gc.collect()  # its graphs are cycles
        freed = process_time()
        for phase, taken in zip(
            PHASES, (built - start, differentiated - built, freed - kept), strict=True
        ):
            seconds[phase].append(taken)
    figures = {phase: 1e9 * spread(taken).median / nodes for phase, taken in seconds.items()}
    return {"figures": figures, "answers": answers}


def check_room(needed: int) -> None:
    """Raise MemoryError where a graph would not fit into the memory that is available (Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return
    available = 1024 * next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    if available < needed:
        raise MemoryError(f"needs {needed / 1e9:.1f} GB of memory, {available / 1e9:.1f} are there")


def key_of(who: str, nodes: int) -> str:
    return f"{who} {nodes}"


def variants(quick: bool) -> list[Variant]:
    found = []
    for who, largest in LARGEST.items():
        for nodes in SIZES:
            if nodes > largest[quick]:
                break
            key, task = key_of(who, nodes), {"nodes": nodes}
            if who in ENGINES:
                found.append(Variant(key, f"our Value, {who}", {"library": "ours"}, task, who))
            else:
                found.append(Variant(key, who, {"library": who}, task, needs=(who,)))
    return found


def report(measured: Measured) -> Report:
    lines = []
    for key, v in measured.variants.items():
        phases = [measured.cell(key, measured.figure(key, phase)) for phase in PHASES]
        lines.append([v.title, f"{v.task['nodes']:,}", *phases])
    growths = {
        engine: measured.ratio(key_of(engine, SIZES[-1]), key_of(engine, SIZES[0]), *PHASES)
        for engine in ENGINES
    }
    grown = [[f"our Value, {e}", str(x or "–"), MOST.judged(x)] for e, x in growths.items()]
    heads = ["graph of", "nodes", *(f"{phase}, ns per node" for phase in PHASES)]
    growth = f"time per node, {SIZES[-1]:,} nodes over {SIZES[0]:,}"
    return Report(
        "\n\n".join([table(heads, lines), table(["graph of", growth, "aim"], grown)]),
        {"growth": plot(measured)},
        [Judged(f"{growth}, {engine}", MOST, found) for engine, found in growths.items()],
    )


def plot(measured: Measured) -> Lines:
    """A line for each engine, and for the peer."""
    lines = []
    for who in LARGEST:
        found = [(float(n), measured.figure(key_of(who, n), *PHASES)) for n in SIZES]
        if points := [(n, total) for n, total in found if total]:
            lines.append((who, points))
    return Lines(
        "Time per node as the graph grows",
        "nodes of the graph (both scales are logarithmic)",
        "ns per node: forward, backward, free",
        lines,
    )


SECTION = Section(
    name="growth",
    title="Growth",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={"nodes": 1000},
    rounds=(5, 1),
    report=report,
)
