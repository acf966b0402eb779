"""A graph as cards and arrows: one card per node, one arrow per operand, one pill per slope.

This is the scene that `draw` prints and `play` sets in motion: where everything is, and how it is
written as SVG. What it says comes from `Graph`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from . import curve
from .graph import Edge, Graph, Node
from .layout import Bend, Point, Size, layered, ranks
from .names import number_text
from .palette import FONTS
from .svg import Box, Run, Svg, short, size_of

HEADER, ROW, STEP = 31.0, 22.0, 25.0  # px: heights on a card, and from one row to the next
PILL, MESSAGE = 23.0, 21.0  # px: height of a slope, and of what flows back below it
BADGE, PORT = 26.0, 12.0  # px: height of an operation, and between two arrows that arrive there
ARROW = 8.0  # px: length of an arrow head
LEAST_WIDTH = 96.0
GAP, SPACING = 44.0, 24.0
LONGEST_SLOPE = 28  # characters of a formula in a pill; the tooltip has longer ones
NOT_COMPUTED = "·"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a card is, and the badge of its operation (of width 0 for a leaf)."""

    card: Box
    badge: Box

    @property
    def entry(self) -> Point:
        """Where arrows arrive."""
        left, top, _, height = self.badge
        return left, top + height / 2

    @property
    def exit(self) -> Point:
        """Where arrows leave."""
        left, top, width, height = self.card
        return left + width, top + height / 2


class Cards:
    """The scene of a graph; the card of a node is a group with `data-node`, and so on.

    Args:
        graph: what is shown.
        messages: for edges, by index, what stands below the slope: the product that flows back.
        gradients: for nodes, by index, what stands for the gradient, one text after another; there
            is room for each, and the last one is written.

    Attributes:
        places: of the nodes.
        pills: the middle of each edge's slope, None where it has none.
        lines: of the edges, as points that a smooth line passes.
        width, height: of the whole, px; its upper left corner is the origin.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        graph: Graph,
        *,
        messages: Mapping[int, str] | None = None,
        gradients: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self.graph = graph
        self.messages = messages or {}
        self.gradients = gradients or {}
        self._slopes = [_slope_runs(graph, edge) for edge in graph.edges]
        edges = [(edge.source, edge.target) for edge in graph.edges]
        columns = ranks(len(graph.nodes), edges)
        badges = [_badge_size(node, len(graph.incoming[node.index])) for node in graph.nodes]
        widths = _column_wide(columns, [self._card_width(node) for node in graph.nodes])
        stems = _column_wide(columns, [badge[0] for badge in badges])
        sizes = [
            (width + stem, _card_height(node))
            for node, width, stem in zip(graph.nodes, widths, stems, strict=True)
        ]
        pills = [self._pill_size(edge) for edge in graph.edges]
        layout = layered(sizes, edges, pills, gap=GAP, spacing=SPACING)
        self.width, self.height = layout.width, layout.height
        self.pills = layout.labels
        self.places = [
            _place(middle, size, width, badge)
            for middle, size, width, badge in zip(layout.places, sizes, widths, badges, strict=True)
        ]
        ends = self._ends(layout.bends)
        self.lines = [
            curve.route(self.places[edge.source].exit, bends, end)
            for edge, bends, end in zip(graph.edges, layout.bends, ends, strict=True)
        ]

    # ---- sizes ----

    def _card_width(self, node: Node) -> float:
        header = size_of(_header_runs(node), "name") + 24
        if node.kind != "operation":
            header += FONTS["tag"].width(node.kind) + 14
        if node.kind == "constant":
            return header
        number = FONTS["number"]
        value = FONTS["tag"].width("value") + number.width(number_text(node.data))
        gradient = max(map(number.width, self.gradient_texts(node)))
        gradient += FONTS["symbol"].width(self.graph.gradient_name(node))
        return max(header, value + 34, gradient + 34, LEAST_WIDTH)

    def _pill_size(self, edge: Edge) -> Size | None:
        runs = self._slopes[edge.index]
        if not runs:
            return None
        if edge.index not in self.messages:
            return _pill_width(runs), PILL
        width = max(_pill_width(runs), _message_width(self.messages[edge.index]))
        return width, PILL + 3 + MESSAGE

    def _ends(self, bends: list[list[Bend]]) -> list[Point]:
        """Where each arrow ends: spread on the badge, in the order in which they come down."""
        ends: list[Point] = [(0.0, 0.0)] * len(bends)
        for arriving in self.graph.incoming:
            arriving = sorted(arriving, key=lambda e: (self._height_before(e, bends), e.place))
            for i, edge in enumerate(arriving):
                x, y = self.places[edge.target].entry
                room = self.places[edge.target].badge[3] - 14
                apart = min(PORT, room / max(len(arriving) - 1, 1))
                ends[edge.index] = (x - 1, y + (i - (len(arriving) - 1) / 2) * apart)
        return ends

    def _height_before(self, edge: Edge, bends: list[list[Bend]]) -> float:
        passed = bends[edge.index]
        return passed[-1].y if passed else self.places[edge.source].exit[1]

    # ---- what stands there ----

    def gradient_texts(self, node: Node) -> Sequence[str]:
        """The gradient on a card; a dot where it was not computed, which is not 0."""
        if node.index in self.gradients:
            return self.gradients[node.index]
        return [NOT_COMPUTED if node.gradient is None else number_text(node.gradient)]

    # ---- how it is written ----

    def write(
        self,
        svg: Svg,
        faded: Collection[Node | Edge] = (),
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Arrows, then cards, then pills.

        faded: what stands back. between: what is written above the arrows and below the cards.
        """
        back = {(type(x), x.index) for x in faded}
        for edge in self.graph.edges:
            self._write_edge(svg, edge, (Edge, edge.index) in back)
        between()
        for node in self.graph.nodes:
            self._write_card(svg, node, (Node, node.index) in back)
        for edge in self.graph.edges:
            if self.pills[edge.index]:
                self._write_pill(svg, edge, (Edge, edge.index) in back)

    def _write_edge(self, svg: Svg, edge: Edge, is_faded: bool) -> None:
        line = self.lines[edge.index]
        with _group(svg, is_faded, data_edge=edge.index):
            svg.title(edge.described())
            svg.path(curve.path(line), "edge edge-cut" if edge.cut else "edge")
            x, y = line[-1]
            svg.path(_arrow(x, y, -ARROW), "arrow")
            if edge.index in self.messages:
                x, y = line[0]
                svg.path(_arrow(x, y, ARROW), "arrow-back")

    def _write_pill(self, svg: Svg, edge: Edge, is_faded: bool) -> None:
        x, y = self.pills[edge.index] or (0.0, 0.0)
        runs = self._slopes[edge.index]
        width = _pill_width(runs)
        has_message = edge.index in self.messages
        top = y - (PILL + (3 + MESSAGE) * has_message) / 2
        with _group(svg, is_faded, data_slope=edge.index):
            svg.rect((x - width / 2, top, width, PILL), "slope-row", radius=PILL / 2)
            svg.text(x, top + 16.3, runs, "symbol slope middle")
        if has_message:
            text, top = self.messages[edge.index], top + PILL + 3
            width = _message_width(text)
            with _group(svg, is_faded, data_message=edge.index):
                svg.rect((x - width / 2, top, width, MESSAGE), "gradient-row", MESSAGE / 2)
                svg.text(x, top + 14.8, text, "small-number gradient middle")

    def _write_card(self, svg: Svg, node: Node, is_faded: bool) -> None:
        left, top, width, height = self.places[node.index].card
        with _group(svg, is_faded, data_node=node.index):
            svg.title(node.described(self.graph))
            kind = " card-output" if node.is_output else ""
            kind += " card-constant" if node.kind == "constant" else ""
            svg.rect((left, top, width, height), f"card{kind}", radius=10)
            svg.text(left + 12, top + 22, _header_runs(node), "name")
            if node.kind != "operation":
                svg.text(left + width - 10, top + 20.5, node.kind, "tag muted end")
            if node.kind != "constant":
                self._write_row(svg, node, 0, ("value", "tag muted"), number_text(node.data))
                name = (self.graph.gradient_name(node), "symbol gradient")
                self._write_row(svg, node, 1, name, self.gradient_texts(node)[-1])
            self._write_badge(svg, node)

    def _write_row(self, svg: Svg, node: Node, row: int, name: Run, number: str) -> None:
        """A row of a card: what it is at the left, how much at the right."""
        left, top, width, _ = self.places[node.index].card
        top += HEADER + row * STEP
        role = ("value", "gradient")[row]
        svg.rect((left + 5, top, width - 10, ROW), f"{role}-row", radius=6)
        svg.text(left + 12, top + 15.3, *name)
        svg.text(left + width - 12, top + 15.5, number, f"number {role} end")

    def _write_badge(self, svg: Svg, node: Node) -> None:
        left, top, width, height = self.places[node.index].badge
        if width:
            svg.rect((left, top, width, height), "operation", radius=13)
            svg.text(left + width / 2, top + height / 2 + 4.6, node.badge, "badge inverse middle")


# ---- pieces -----------------------------------------------------------------------------------


def _group(svg: Svg, is_faded: bool, **attributes: float) -> AbstractContextManager[None]:
    return svg.group("faded" if is_faded else "", **attributes)


def _arrow(x: float, y: float, length: float) -> str:
    """The head of an arrow whose tip is at (x, y); a negative length points to the right."""
    half = ARROW / 2 + 0.2
    return (
        f"M{short(x + length)},{short(y - half)}L{short(x)},{short(y)}"
        f"L{short(x + length)},{short(y + half)}Z"
    )


def _place(middle: Point, size: Size, width: float, badge: Size) -> Place:
    """The card at the right end of its column, its badge docked at its left."""
    (x, y), (column, height), (stem, tall) = middle, size, badge
    left = x + column / 2 - width
    return Place(
        card=(left, y - height / 2, width, height),
        badge=(left + 2 - stem, y - tall / 2, stem, tall) if stem else (left, y, 0.0, 0.0),
    )


def _column_wide(columns: list[int], widths: list[float]) -> list[float]:
    """For each node the largest width in its column."""
    widest: dict[int, float] = {}
    for column, width in zip(columns, widths, strict=True):
        widest[column] = max(widest.get(column, 0.0), round(width))
    return [widest[column] for column in columns]


def _card_height(node: Node) -> float:
    return HEADER + 3 if node.kind == "constant" else HEADER + 2 * STEP + 3


def _badge_size(node: Node, arriving: int) -> Size:
    """Wide enough for its symbol, and tall enough for the arrows that arrive."""
    if not node.badge:
        return 0.0, 0.0
    width = max(BADGE, FONTS["badge"].width(node.badge) + 14)
    return width, min(max(BADGE, PORT * (arriving - 1) + 14), _card_height(node) - 8)


def _pill_width(runs: Sequence[Run]) -> float:
    return size_of(runs, "symbol") + 18


def _message_width(text: str) -> float:
    return FONTS["small-number"].width(text) + 18


def _header_runs(node: Node) -> list[Run]:
    """Name and formula; the sign between them upright."""
    if node.kind == "constant":
        return [(node.name.text, "number")]
    if not node.formula:
        return [(node.name.text, "")]
    return [(node.name.text, ""), (" = ", "plain"), (node.formula, "")]


def _slope_runs(graph: Graph, edge: Edge) -> list[Run]:
    """The line of a pill: ∂v/∂x = y = 3; empty for a constant."""
    if graph.nodes[edge.source].kind == "constant":
        return []
    if edge.slope is None:
        return [(edge.derivative, ""), (edge.cut, "plain")]
    formula = edge.formula
    runs = [(edge.derivative, ""), (" = ", "plain")]
    if formula and len(formula) <= LONGEST_SLOPE:
        runs += [(formula, ""), (" = ", "plain")]
    return [*runs, (edge.number, "small-number slope")]
