"""The eager engine beside micrograd, on micrograd's own demo: moons, 2-16-16-1, hinge loss and L2.

    python benchmarks/eager.py [--rounds 5] [--steps 10] [--output docs/benchmarks.md]

Three programs do the same steps on the same data from the same weights: micrograd's package, the
same program text on our Value, and our MLP, whose neurons are single nodes. Each runs in a fresh
process, round by round in turn, with the garbage collector off and on; the losses must agree before
any time counts. The table gives medians over the rounds of the ratios within a round, and their
range: this machine's clock is not what is measured. The last lines give the memory per node.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import itertools
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAMS = {
    "micrograd": "micrograd 0.1.0",
    "text": "the same program on our Value",
    "nodes": "with our MLP (a neuron is one node)",
}
MUST_REACH = {("text", "off"): 2.2, ("text", "on"): 8.0, ("nodes", "off"): 7.5, ("nodes", "on"): 25}
BYTES_AT_MOST = 160
HEADING = """# Benchmarks

micrograd's own demo (100 moons, 2-16-16-1 with ReLU, hinge loss and L2, full batch): micrograd's
package, the same program text on our `Value`, and our `MLP`. All three do the same steps from the
same weights; their losses must agree before any time counts. `python benchmarks/eager.py`, after
`pip install ".[bench]"`, measures anew. Read the ratios: milliseconds are those of a small shared
machine. Python's garbage collector costs micrograd most of its time, so both settings are shown;
"off" is the sober one.
"""


# ---- the work, in a process of its own ----------------------------------------------------------


def plain_mlp(value: Any, sizes: list[int]) -> Any:
    """A network as micrograd's demo has it, sums of products term by term, for any Value class."""

    class Network:
        def __init__(self) -> None:
            self.layers = [
                [
                    ([value(random.uniform(-1, 1)) for _ in range(nin)], value(0))
                    for _ in range(nout)
                ]
                for nin, nout in itertools.pairwise(sizes)
            ]

        def __call__(self, x: list[Any]) -> Any:
            for depth, layer in enumerate(self.layers, 1):
                x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
                if depth < len(self.layers):
                    x = [a.relu() for a in x]
            return x[0]

        def parameters(self) -> list[Any]:
            return [p for layer in self.layers for w, b in layer for p in [*w, b]]

    return Network()


def network(program: str) -> tuple[Any, Any]:
    """The Value class and the network of one of the programs, with the same weights in each."""
    random.seed(1337)
    if program == "micrograd":
        from micrograd.engine import Value
        from micrograd.nn import MLP

        return Value, MLP(2, [16, 16, 1])
    from microgrunderscore import MLP, Value

    return Value, MLP(2, [16, 16, 1]) if program == "nodes" else plain_mlp(Value, [2, 16, 16, 1])


def demo_step(value: Any, model: Any, X: list[list[float]], y: list[int], k: int) -> float:
    """One step of full-batch gradient descent as the demo writes it; gives the loss."""
    inputs = [list(map(value, row)) for row in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    for p in model.parameters():
        p.grad = 0
    total.backward()
    for p in model.parameters():
        p.data -= (1.0 - 0.9 * k / 100) * p.grad
    return float(total.data)


def measure(program: str, collector: str, steps: int) -> dict[str, Any]:
    """Seconds of each step after the first, and the losses."""
    from microgrunderscore.datasets import moons

    X, labels = moons(100, noise=0.1, seed=1337)
    y = [2 * k - 1 for k in labels]
    value, model = network(program)
    if collector == "off":
        gc.disable()
    seconds, losses = [], []
    for k in range(steps + 1):
        start = time.perf_counter()
        losses.append(demo_step(value, model, X, y, k))
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:]), "losses": losses}


def measure_memory(nodes: int) -> dict[str, Any]:
    """Bytes of resident memory per node of a graph of sums and products, before backward()."""
    from microgrunderscore import Value

    gc.disable()
    a, b = Value(0.999), Value(0.5)
    x, before = a, resident()
    for _ in range(nodes // 2):
        x = x * a + b
    return {"bytes": (resident() - before) / nodes, "data": x.data}


def resident() -> int:
    """Resident memory of this process in bytes (Linux)."""
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * 4096


# ---- the rounds ---------------------------------------------------------------------------------


def check_peer() -> None:
    """Say what is missing before the first round."""
    for name in ("micrograd", "microgrunderscore"):
        if importlib.util.find_spec(name) is None:
            raise SystemExit(f"{name} is not installed: pip install '.[bench]' brings it")


def in_fresh_process(*arguments: str) -> dict[str, Any]:
    """What the work measures, run in a new interpreter."""
    command = [sys.executable, __file__, "--work", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(result.stdout))


def run_round(collector: str, steps: int) -> dict[str, float]:
    """Seconds a step of each program, after checking that all computed the same losses."""
    results = {p: in_fresh_process(p, collector, str(steps)) for p in PROGRAMS}
    expected = results["micrograd"]["losses"]
    for program, result in results.items():
        for ours, theirs in zip(result["losses"], expected, strict=True):
            if abs(ours - theirs) > 1e-9 * abs(theirs):
                raise SystemExit(f"{program} computed the loss {ours!r}, micrograd {theirs!r}")
    return {program: result["seconds"] for program, result in results.items()}


def report(rounds: int, steps: int) -> str:
    """The table, as Markdown."""
    lines = [
        f"Measured on {time.strftime('%Y-%m-%d')} with Python {platform.python_version()}, "
        f"{rounds} rounds of {steps} steps, one process a program and round.",
        "",
        "| program | collector | ms a step | times faster than micrograd (range) | aim |",
        "|---|---|---|---|---|",
    ]
    for collector in ("off", "on"):
        measured = []
        for k in range(rounds):
            print(f"collector {collector}, round {k + 1} of {rounds}", file=sys.stderr)
            measured.append(run_round(collector, steps))
        for program, title in PROGRAMS.items():
            ratios = sorted(m["micrograd"] / m[program] for m in measured)
            milliseconds = 1e3 * statistics.median(m[program] for m in measured)
            aim = MUST_REACH.get((program, collector), "")
            lines.append(
                f"| {title} | {collector} | {milliseconds:.1f} | {statistics.median(ratios):.1f}"
                f" ({ratios[0]:.1f} to {ratios[-1]:.1f}) | {aim and f'≥ {aim}'} |"
            )
    memory = in_fresh_process("memory", "1000000", "0")["bytes"]
    lines += [
        "",
        f"Memory: {memory:.0f} bytes per node at 1,000,000 nodes (aim: ≤ {BYTES_AT_MOST}).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        first, second, third = arguments.work
        work = measure_memory(int(second)) if first == "memory" else None
        print(json.dumps(work or measure(first, second, int(third))))
        return
    check_peer()
    table = report(arguments.rounds, arguments.steps)
    print(table)
    if arguments.output:
        arguments.output.write_text(f"{HEADING}\n{table}\n", "utf-8")


if __name__ == "__main__":
    main()
