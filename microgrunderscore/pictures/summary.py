"""A graph that is too large to be drawn: what it is made of, and what to do instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..engine import Value
from ..operation import OPERATIONS
from .names import number_text
from .palette import FONTS
from .picture import Picture
from .svg import Svg

MOST_BARS = 8
BAR, LINE = 260.0, 24.0  # px: the longest bar, and from one line to the next


def summary(
    nodes: Sequence[Value], max_nodes: int, theme: str = "auto", format: str = "svg"
) -> Picture:
    """How many nodes of each kind a graph has, and the ways to see more of it.

    Args:
        nodes: all of them, the output last.
        max_nodes: how many would have been drawn.
        theme, format: as for `draw`.
    """
    edges = sum(len(v.parents) for v in nodes)
    counts = Counter(v.op for v in nodes)
    title = f"A graph of {len(nodes):,} nodes and {edges:,} edges"
    lines = [
        f"More than {max_nodes:,} nodes are not drawn one by one. You can",
        "·  see its neurons: draw(z, model=model), or overview(model, z)",
        "·  draw a part: draw(v) of a Value v on the way, or of the loss of one sample",
        "·  read one derivative: explain(z, x)",
        f"·  draw it all the same: draw(z, max_nodes={len(nodes)})",
    ]
    bars = [(_called(op, n), n) for op, n in counts.most_common(MOST_BARS)]
    rest = len(nodes) - sum(n for _, n in bars)
    bars += [("other" if rest == 1 else "others", rest)] if rest else []
    said = f"value {number_text(nodes[-1].data)}"
    svg = Svg()
    svg.text(0, 0, title, "title")
    svg.text(0, LINE, f"{said}; {len(counts)} kinds of nodes", "label muted")
    y = _bars(svg, bars, 1.9 * LINE)
    for i, line in enumerate(lines):
        svg.text(0, y + (i + 1) * LINE, line, "label" if i else "heading")
    width = max(FONTS["heading"].width(line) for line in [*lines, title])
    height = y + (len(lines) + 0.5) * LINE
    text = f"{said}. " + ", ".join(f"{n:,} {name}" for name, n in bars) + ". " + " ".join(lines)
    document = svg.document((-24, -36, width + 48, height + 54), title, text, theme)
    return Picture(document, title, text, theme=theme, format=format)


def _bars(svg: Svg, bars: Sequence[tuple[str, int]], top: float) -> float:
    """A bar for each kind of node; where they end."""
    left = max(FONTS["label"].width(name) for name, _ in bars) + 12
    most = max(n for _, n in bars)
    y = top
    for name, n in bars:
        svg.text(left - 12, y + 12, name, "label end")
        width = max(BAR * n / most, 1.5)
        svg.rect((left, y, width, 15), "value-area", radius=3)
        svg.text(left + width + 8, y + 12, f"{n:,}", "small-number")
        y += LINE
    return y + LINE / 2


def _called(op: str, n: int) -> str:
    """What n nodes of an operation are called: mul ×."""
    if not op:
        return "leaf" if n == 1 else "leaves"
    symbol = OPERATIONS[op].symbol if op in OPERATIONS else ""
    return f"{op} {symbol}" if symbol and symbol != op else op
