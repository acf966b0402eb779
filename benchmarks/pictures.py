"""Our pictures beside Graphviz, on the same graphs with the same labels.

    python benchmarks/pictures.py [--rounds 7] [--output docs/benchmarks-pictures.md]

A network's loss as a graph of single scalars is drawn by `draw` and, as the text of `to_dot`, by
the executable `dot`, in turn, round by round. Both pictures must show all nodes and all slopes
before any time counts. The table gives medians over the rounds, and medians of the ratios within a
round. The last lines give the size of the player and the time of the overview.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from microgrunderscore import MLP, Value, draw, overview, play, to_dot
from microgrunderscore.losses import squared_error

SHAPES = {36: (1, [4, 1], 1), 528: (2, [5, 7], 4)}  # nodes: inputs, neurons, samples
FULL_CARDS_MS = {36: 10.0, 528: 300.0}
PLAYER_KB, OVERVIEW_S = 40.0, 1.0
HEADING = """# Pictures: how long they take

`python benchmarks/pictures.py` draws the same graphs, with every value, gradient and slope, by
`draw` and by Graphviz's `dot`, in turn. Read the ratios: milliseconds are those of a small shared
machine. The time of `dot` includes the start of its process, as it does for everybody who uses it.
"""


def scalar_graph(nodes: int) -> Value:
    """A loss of about so many nodes, product by product as in micrograd's text."""
    rng = random.Random(nodes)
    nin, sizes, samples = SHAPES[nodes]
    layers = []
    m = nin
    for n in sizes:
        layers.append(
            [([Value(rng.uniform(-1, 1)) for _ in range(m)], Value(0.0)) for _ in range(n)]
        )
        m = n
    losses = []
    for _ in range(samples):
        h: list[Value] = [Value(rng.uniform(-1, 1)) for _ in range(nin)]
        for layer in layers:
            h = [sum((w * x for w, x in zip(ws, h, strict=True)), b).tanh() for ws, b in layer]
        losses.append(sum((x * x for x in h[1:]), h[0] * h[0]))
    loss = sum(losses[1:], losses[0])
    loss.backward()
    return loss


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Milliseconds, and what came out."""
    start = time.perf_counter()
    result = work()
    return 1000 * (time.perf_counter() - start), result


def compare(nodes: int, rounds: int) -> str:
    """A row of the table."""
    loss = scalar_graph(nodes)
    picture = draw(loss, compact=False, max_nodes=10_000)
    graph = picture.graph  # type: ignore[attr-defined]
    text = to_dot(loss, max_nodes=10_000)
    slopes = sum(edge.slope is not None for edge in graph.edges)
    if picture.svg.count("data-node=") != len(graph.nodes):
        raise SystemExit("draw left nodes out")
    if picture.svg.count("data-slope=") != slopes:
        raise SystemExit("draw left slopes out")
    theirs_svg = text.pipe(format="svg").decode()
    if theirs_svg.count('class="node"') != len(graph.nodes):
        raise SystemExit("dot left nodes out")
    ours, theirs, ratios = [], [], []
    for _ in range(rounds):
        mine, _ = timed(lambda: draw(loss, compact=False, max_nodes=10_000))
        other, _ = timed(lambda: to_dot(loss, max_nodes=10_000).pipe(format="svg"))
        ours.append(mine)
        theirs.append(other)
        ratios.append(other / mine)
    sizes = f"{len(picture.svg) / 1024:.0f} KB | {len(theirs_svg) / 1024:.0f} KB"
    return (
        f"| {len(graph.nodes)} / {len(graph.edges)} | {statistics.median(ours):.1f} "
        f"(≤ {FULL_CARDS_MS[nodes]:g}) | {statistics.median(theirs):.1f} | "
        f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) | {sizes} |"
    )


def player_size() -> float:
    """KB of the saved player of log(xy)."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    return len(play((x * y).log(), output="z").html.encode()) / 1024


def overview_time(rounds: int) -> tuple[int, float]:
    """Parameters of the network, and seconds of the overview of a loss over 100 samples."""
    rng = random.Random(1)
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    samples = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(100)]
    loss = sum((squared_error(model(x), 1.0) for x in samples), Value(0.0))
    times = [timed(lambda: overview(model, loss))[0] for _ in range(rounds)]
    return len(model.parameters()), statistics.median(times) / 1000


def report(rounds: int) -> str:
    """All of it as Markdown."""
    parameters, seconds = overview_time(rounds)
    lines = [
        HEADING,
        f"Measured on {date.today()} with Python {platform.python_version()}, {rounds} rounds.",
        "",
        "| nodes / edges | draw, ms (aim) | dot, ms | times faster (range) | our SVG | dot's SVG |",
        "|---|---|---|---|---|---|",
        *(compare(nodes, rounds) for nodes in SHAPES),
        "",
        f"The player of log(xy) is a page of {player_size():.1f} KB (aim: ≤ {PLAYER_KB:g}).",
        f"The overview of {parameters} parameters over 100 samples takes {seconds:.2f} s "
        f"(aim: < {OVERVIEW_S:g}).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, help="write the report there as well")
    options = parser.parse_args()
    text = report(options.rounds)
    print(text, end="")
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
        print(f"wrote {options.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
