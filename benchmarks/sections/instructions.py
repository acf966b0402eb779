"""Instructions per node, counted by valgrind: what a noisy clock cannot change.

How many instructions the processor executes per node of `x = x * a + b`, counted by valgrind's
cachegrind over whole processes that stop before the graph, after it, and after `backward()`; the
differences, divided by the nodes. The counts of one build repeat to the last digit, so this is
where a change of the engine is seen first. The value and the gradients are compared. What this does
not show: time. Waiting for memory, which is half of it in large graphs, counts nothing here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from ..chain import LIBRARIES, chain, value_class
from ..child import CHECKOUT
from ..section import ENGINES, Measured, Outcome, Report, Section, Variant, table, text_of

VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
STAGES = ("start", "forward", "backward")  # each does what the one before it does, and more


def work(library: str, nodes: int, until: str = "") -> Outcome:
    """Instructions per node, forward and backward: the differences between stages.

    until: a stage; then the work is done so far and nothing is counted, for valgrind to watch.
    """
    if until:
        return {"figures": {}, "answers": done(library, nodes, until)}
    watched = [watch(library, nodes, stage) for stage in STAGES]  # at once: a count is no time
    start, forward, backward = map(instructions, watched)
    figures = {"forward": (forward - start) / nodes, "backward": (backward - forward) / nodes}
    return {"figures": figures, "answers": done(library, nodes, "backward")}


def done(library: str, nodes: int, until: str) -> list[float]:
    """Do the work up to a stage; gives the value and the gradients."""
    sys.setrecursionlimit(10 * nodes + 10_000)  # for those who sort recursively
    value = value_class(library)
    x, a, b = value(1.0), value(0.999), value(0.5)
    last = chain(x, a, b, 0 if until == "start" else nodes)
    if until == "backward":
        last.backward()
    return [float(y) for y in (last.data, x.grad, a.grad, b.grad)]


def watch(library: str, nodes: int, until: str) -> subprocess.Popen[str]:
    """Start a process that does the work up to a stage, with valgrind around it."""
    request = {
        "collector": "off",
        "arguments": {"library": library, "nodes": nodes, "until": until},
    }
    child = [sys.executable, "-P", str(CHECKOUT / "benchmarks" / "child.py")]
    command = [*VALGRIND, *child, "instructions", json.dumps(request)]
    same = {**os.environ, "PYTHONHASHSEED": "0"}  # or the count would differ from run to run
    void, pipe = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.Popen(command, stdout=void, stderr=pipe, text=True, env=same)


def instructions(watched: subprocess.Popen[str]) -> int:
    """How many instructions the whole process took."""
    said = watched.communicate()[1]
    counted = re.search(r"I\s+refs:\s*([\d,]+)", said)
    if watched.returncode or counted is None:
        raise RuntimeError(f"valgrind ended with {watched.returncode}: {said[-200:]!r}")
    return int(counted[1].replace(",", ""))


def variants(quick: bool) -> list[Variant]:
    task = {"nodes": 10_000 if quick else 50_000}
    ours = [
        Variant(e, f"our Value, {e}", {"library": "ours"}, task, e, ("valgrind",)) for e in ENGINES
    ]
    peers = [
        Variant(key, LIBRARIES[key], {"library": key}, task, needs=("valgrind", *needs))
        for key, needs in {"reference": (), "micrograd": ("micrograd",)}.items()
    ]
    return ours if quick else [*ours, *peers]


def report(measured: Measured) -> Report:
    rows = [
        [
            v.title,
            measured.cell(v.key, measured.figure(v.key, "forward")),
            str(measured.figure(v.key, "backward") or "–"),
        ]
        for v in measured.variants.values()
    ]
    heads = ["graph of", "forward, instructions per node", "backward"]
    return Report(table(heads, rows))


SECTION = Section(
    name="instructions",
    title="Instructions",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={"nodes": 1000, "until": "backward"},
    rounds=(1, 1),
    report=report,
)
