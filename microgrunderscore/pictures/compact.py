"""A graph of many nodes: small boxes with name and value, filled the stronger the gradient."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from . import curve
from .graph import NOT_COMPUTED, Edge, Graph, Node
from .layout import Size, layered
from .names import number_text
from .palette import FONTS
from .svg import Box, Run, Svg, size_of

HEIGHT, NARROWEST = 22.0, 24.0  # px: of a box, and least width of the operation at its left
LONGEST_SYMBOL = 6  # characters of an operation
GAP, SPACING = 46.0, 8.0
APART = 6.0  # px between lines from one box to another
STRONGEST = 0.22  # opacity of the largest gradient; more, and blue text on it would be below 4.5


class Compact:
    """The scene of a graph, small.

    Attributes:
        lines: of the edges, as points that a smooth line passes.
        boxes: of the nodes.
        width, height: of the whole, px; its upper left corner is the origin.
        notes: what is said below it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        sizes = [_size(node) for node in graph.nodes]
        edges = [(edge.source, edge.target) for edge in graph.edges]
        layout = layered(sizes, edges, gap=GAP, spacing=SPACING)
        self.width, self.height = layout.width, layout.height
        self.boxes: list[Box] = [
            (x - width / 2, y - height / 2, width, height)
            for (x, y), (width, height) in zip(layout.places, sizes, strict=True)
        ]
        self.lines = [
            curve.route(self._right(source, dy), bends, self._left(target, dy))
            for (source, target), bends, dy in zip(edges, layout.bends, _apart(edges), strict=True)
        ]
        gradients = [abs(node.gradient or 0.0) for node in graph.nodes]
        self._largest = max((g for g in gradients if g < float("inf")), default=0.0)
        filled = "The stronger a box is filled, the larger its gradient, whatever its sign."
        self.notes = (
            f"{len(graph.nodes)} nodes and {len(graph.edges)} edges. "
            f"{filled if graph.has_gradients else NOT_COMPUTED} "
            "compact=False draws every slope; wrt= shows the paths from one node.",
        )

    def _right(self, index: int, dy: float) -> tuple[float, float]:
        left, top, width, height = self.boxes[index]
        return left + width, top + height / 2 + dy

    def _left(self, index: int, dy: float) -> tuple[float, float]:
        left, top, _, height = self.boxes[index]
        return left, top + height / 2 + dy

    def write(
        self,
        svg: Svg,
        faded: Collection[Node | Edge] = (),
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Lines, then boxes; as `Cards.write`."""
        back = {(type(x), x.index) for x in faded}
        for edge in self.graph.edges:
            with svg.group("faded" if (Edge, edge.index) in back else "", data_edge=edge.index):
                line = "edge-thin edge-cut" if edge.cut else "edge-thin"
                svg.path(curve.path(self.lines[edge.index]), line)
        between()
        for node in self.graph.nodes:
            with svg.group("faded" if (Node, node.index) in back else "", data_node=node.index):
                self._write_box(svg, node)

    def _write_box(self, svg: Svg, node: Node) -> None:
        left, top, _, height = box = self.boxes[node.index]
        svg.title(node.described(self.graph))
        kind = " card-output" if node.is_output else ""
        svg.rect(box, f"card{kind}" + " card-constant" * (node.kind == "constant"), radius=6)
        strength = self._strength(node)
        if strength:
            svg.rect(box, "gradient-area", radius=6, fill_opacity=f"{strength:.2f}")
        if node.badge:
            width = _badge_width(node)
            svg.rect((left, top, width, height), "operation", radius=6)
            svg.text(left + width / 2, top + 15, _badge(node), "small-badge inverse middle")
            left += width
        svg.text(left + 7, top + 15.5, _runs(node), "symbol")

    def _strength(self, node: Node) -> float:
        """How strongly a box is filled: by the square root of its share of the largest gradient."""
        if not node.gradient or not self._largest:
            return 0.0
        share = min(abs(node.gradient) / self._largest, 1.0)
        return STRONGEST * share**0.5 if share == share else 0.0


def _apart(edges: Sequence[tuple[int, int]]) -> list[float]:
    """How much lower each edge begins and ends: those between the same two boxes are apart."""
    uses: dict[tuple[int, int], list[int]] = {}
    for number, ends in enumerate(edges):
        uses.setdefault(ends, []).append(number)
    lower = [0.0] * len(edges)
    for same in uses.values():
        middle = (len(same) - 1) / 2
        for i, number in enumerate(same if middle else ()):
            lower[number] = (i - middle) * min(APART, (HEIGHT - 8) / (2 * middle))
    return lower


def _runs(node: Node) -> list[Run]:
    if node.kind == "constant":
        return [(node.name.text, "small-number")]
    return [
        (node.name.text, ""),
        (" = ", "plain"),
        (number_text(node.data), "small-number value"),
    ]


def _badge(node: Node) -> str:
    """The operation, shortened."""
    return node.badge if len(node.badge) <= LONGEST_SYMBOL else f"{node.badge[:5]}…"


def _badge_width(node: Node) -> float:
    if not node.badge:
        return 0.0
    return max(NARROWEST, round(FONTS["small-badge"].width(_badge(node))) + 10.0)


def _size(node: Node) -> Size:
    return round(size_of(_runs(node), "symbol") + 16 + _badge_width(node)), HEIGHT
