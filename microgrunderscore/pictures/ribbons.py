"""The paths from the output to one input, as ribbons along the arrows and as rows below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..engine import Value
from . import curve
from .graph import Edge, Graph, Node
from .layout import Point
from .names import number_text
from .palette import FONTS
from .paths import IN_TEXT, Path, many_paths, shown, uses
from .svg import Svg

MOST_PATHS = 6  # with a ribbon each; of more, the sum at the nodes is shown
APART = 5.5  # px between ribbons that share an arrow
ROW = 30.0  # px from one row to the next
COLUMNS = 26.0  # px between the columns of the rows
INK = ("gradient", "fourth", "slope", "value", "fifth", "muted")


@dataclass(frozen=True, slots=True)
class Row:
    """One line below the graph: the number of its ribbon or 0, the way, the slopes, the numbers."""

    ribbon: int
    way: str
    slopes: str
    numbers: str
    total: str


class Ribbons:
    """The paths from the output to a node.

    Args:
        graph: what is shown.
        wrt: the node at the other end.

    Attributes:
        count: the number of paths.
        paths: these, or () for more than six.
        rows: what is written below the graph; the last one is the sum.
    """

    def __init__(self, graph: Graph, wrt: Node) -> None:
        self.graph = graph
        self.wrt = wrt
        flow = graph.flow
        value = wrt.value
        assert value is not None
        self.value = flow.gradient(value)
        self.count = flow.counts([value])[id(value)]
        self.paths: tuple[Path, ...] = ()
        self._edges: list[list[Edge]] = []
        if 0 < self.count <= MOST_PATHS:
            steps = flow.paths(value)
            output = graph.output.name
            self.paths = tuple(Path(way, value, output, graph.names) for way in steps)
            self._edges = [[self._edge(*step) for step in way] for way in steps]
        self.rows = self._path_rows() if self.paths else self._sum_rows()

    def _edge(self, target: Value, parent_place: int) -> Edge:
        """The arrow of one step of a path."""
        arriving = self.graph.incoming[self.graph.node(target).index]
        return [e for e in arriving if self.graph.nodes[e.source].kind != "constant"][parent_place]

    @property
    def off_path(self) -> list[Node | Edge]:
        """What does not lie between the node and the output: it stands back."""
        reached = {self.wrt.index}
        on: set[int] = set()
        for edge in self.graph.edges:  # in the order of computing
            if edge.source in reached:
                reached.add(edge.target)
                on.add(edge.index)
        nodes = [node for node in self.graph.nodes if node.index not in reached]
        return [*nodes, *(edge for edge in self.graph.edges if edge.index not in on)]

    # ---- along the arrows ----

    def write(self, svg: Svg, lines: Sequence[Sequence[Point]]) -> None:
        """A ribbon for each path; those that share an arrow run side by side."""
        users: dict[int, list[int]] = {}
        for number, way in enumerate(self._edges):
            for edge in way:
                users.setdefault(edge.index, []).append(number)
        for number, way in enumerate(self._edges):
            for edge in way:
                beside = users[edge.index]
                dy = (beside.index(number) - (len(beside) - 1) / 2) * APART
                svg.path(curve.path(lines[edge.index], dy), f"ribbon-{number + 1}")

    # ---- below the graph ----

    def _path_rows(self) -> list[Row]:
        is_only = len(self.paths) == 1
        whole = self.graph.gradient_name(self.wrt)  # of the path that has no steps: ∂z/∂z
        rows = [
            Row(
                number,
                _way(path),
                f"{IN_TEXT.chain(path, is_only) or whole} =",
                _numbers(path),
                number_text(path.product),
            )
            for number, path in enumerate(self.paths, 1)
        ]
        if is_only:
            return rows
        return [
            *rows,
            Row(0, f"sum over {self.count} paths", f"{whole} =", "", number_text(self.value)),
        ]

    def _sum_rows(self) -> list[Row]:
        """Where there are too many paths, or none: the sum at the nodes that use it."""
        graph, output, wrt = self.graph, self.graph.output.name, self.wrt.name
        head = f"{graph.gradient_name(self.wrt)} ="
        if not self.count:
            return [Row(0, f"{output} does not depend on {wrt}", head, "", "0")]
        assert self.wrt.value is not None
        terms = uses(graph.flow, self.wrt.value)
        rows = []
        for node, gradient, slope, number in (terms[i] for i in shown(len(terms))):
            name = graph.names[node]
            if node is graph.root:  # ∂z/∂x is the sum; of the use in z itself it is ∂z/∂x⁽¹⁾
                chain = f"∂{output}/∂{wrt.copy(number, '^')} ="
                rows.append(Row(0, "directly", chain, "", number_text(slope)))
                continue
            chain = f"∂{output}/∂{name} · ∂{name}/∂{wrt} ="
            numbers = f"{IN_TEXT.numbers([gradient, slope])} ="
            way = f"via {name}"
            rows.append(Row(0, way, chain, numbers, number_text(gradient * slope)))
        if len(terms) > len(rows):
            rows.insert(len(rows) // 2, Row(0, f"… {len(terms) - len(rows):,} more", "", "", ""))
        return [*rows, Row(0, "sum at the nodes", head, "", number_text(self.value))]

    @property
    def sentence(self) -> str:
        """What is said where the paths are too many to be drawn."""
        if self.paths or not self.count:
            return ""
        return many_paths(self.count, self.graph.output.name, self.wrt.name)

    @property
    def height(self) -> float:
        """Of the rows, px."""
        return ROW * (len(self.rows) + bool(self.sentence)) + 16

    def write_rows(self, svg: Svg, top: float) -> float:
        """The rows, from this height down; their width."""
        y = top + 30
        right = 0.0
        if self.sentence:
            svg.text(0, y, self.sentence, "label")
            right = FONTS["label"].width(self.sentence)
            y += ROW
        lefts = self._columns()
        for row in self.rows:
            is_sum = row is self.rows[-1] and not row.ribbon
            if is_sum:
                svg.path(f"M{lefts[1]:.1f},{y - 20:.1f}H{lefts[3]:.1f}", "rule")
            self._write_row(svg, row, y, lefts)
            y += ROW
        return max(right, lefts[3])

    def _write_row(self, svg: Svg, row: Row, y: float, lefts: Sequence[float]) -> None:
        if row.ribbon:
            svg.path(f"M0,{y - 5:.1f}h52", f"ribbon-{row.ribbon}")
            ink = INK[row.ribbon - 1]
            svg.text(lefts[0], y, row.way, "name")
        else:
            ink = "gradient"
            svg.text(lefts[0], y, row.way, "heading")
        if row.slopes:
            svg.text(lefts[1], y, row.slopes, "symbol gradient")
        numbers = [(f"{row.numbers} ", "")] if row.numbers else []
        svg.text(lefts[2], y, [*numbers, (row.total, ink)], "number")

    def _columns(self) -> tuple[float, float, float, float]:
        """Where the columns of the rows begin, and where the last one ends."""
        ways = [FONTS["name" if row.ribbon else "heading"].width(row.way) for row in self.rows]
        slopes = [FONTS["symbol"].width(row.slopes) for row in self.rows]
        numbers = [FONTS["number"].width(f"{row.numbers} {row.total}") for row in self.rows]
        first = 66.0 if self.paths else 0.0
        second = first + max(ways) + COLUMNS
        third = second + max(slopes) + COLUMNS
        return first, second, third, third + max(numbers)

    def text(self) -> str:
        """The rows as text."""
        lines = [self.sentence] if self.sentence else []
        for row in self.rows:
            said = [row.slopes, row.numbers, row.total]
            shown = " ".join(part for part in said if part)
            lines.append(f"{row.way}: {shown}" if shown else row.way)
        return "\n".join(lines)


def _way(path: Path) -> str:
    """x → b → z."""
    names = [str(name) for name in reversed(path.names)]
    chosen = shown(len(names))
    kept = [names[i] for i in chosen]
    if len(kept) < len(names):
        kept.insert(len(kept) // 2, "…")
    return " → ".join(kept)


def _numbers(path: Path) -> str:
    """1 × 0.8776 =, or nothing for one factor, which is the total."""
    return f"{IN_TEXT.numbers(path.slopes)} =" if len(path.slopes) > 1 else ""
