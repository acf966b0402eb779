"""Where things go: a layered layout of a graph, from left to right, with room for edge labels.

Nodes stand in columns by their distance from the inputs, each as close to its first use as it can
be. A long edge, and the label of an edge, is a chain of small nodes of its own, so that a label
covers neither a card nor another label. Within the columns the order is that with the fewest
crossings among some sweeps, and the heights pull every node toward its neighbours.

Source: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system
structures (1981); the median rule is that of Gansner, Koutsofios, North and Vo, A technique for
drawing directed graphs (1993), and the heights are isotonic regressions (pool adjacent violators).
Nothing is recursive, nothing depends on chance, nor, thanks to `fsum`, on the version of Python.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Size: TypeAlias = tuple[float, float]

SWEEPS = 12  # of the order
LEVELLINGS = 6  # of the heights, after one toward either side
STEEPEST, WIDEST = 0.4, 3.0  # gap per climb of a line, and the widest gap in units of the least
PASSING = 10.0  # px: the height of a line that passes a column
STIFFNESS = 4.0  # how much more a passing line resists bending than a card resists moving


@dataclass(frozen=True, slots=True)
class Bend:
    """Where an edge passes a column.

    x, y: the middle of its passage.
    half: half the width of the column.
    top, bottom: how far its neighbours in the column leave it room.
    is_among_nodes: whether these neighbours are nodes, not labels.
    """

    x: float
    y: float
    half: float
    top: float
    bottom: float
    is_among_nodes: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is; the origin is the upper left corner.

    Attributes:
        places: the centre of each node.
        labels: the centre of each edge's label, None where it has none.
        bends: for each edge where it passes columns between its ends, that of its label included.
        width, height: of the whole.
    """

    places: list[Point]
    labels: list[Point | None]
    bends: list[list[Bend]]
    width: float
    height: float


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The column of each node: behind all of its sources, and just before its first use.

    Args:
        count: of nodes, numbered from 0, each after its sources.
        edges: pairs (source, target).

    >>> ranks(4, [(0, 1), (1, 3), (2, 3)])
    [0, 1, 1, 2]
    """
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        above[target].append(source)
        below[source].append(target)
    rank: list[int] = []
    for sources in above:
        rank.append(1 + max((rank[s] for s in sources), default=-1))
    for i in reversed(range(count)):
        if below[i]:
            rank[i] = min(rank[target] for target in below[i]) - 1
    least = min(rank, default=0)
    return [r - least for r in rank]


def layered(
    sizes: Sequence[Size],
    edges: Sequence[tuple[int, int]],
    labels: Sequence[Size | None] | None = None,
    *,
    gap: float = 40.0,
    spacing: float = 26.0,
) -> Layout:
    """Place the nodes of a graph and the labels of its edges.

    Args:
        sizes: width and height of each node, px; a node comes after its sources.
        edges: pairs (source, target); several between the same two are kept apart.
        labels: size of the label of each edge, or None.
        gap, spacing: least space between columns, and between what stands in one column, px.

    >>> layout = layered([(80.0, 40.0), (80.0, 40.0)], [(0, 1)], gap=20.0)
    >>> layout.places, layout.width, layout.height
    ([(40.0, 20.0), (140.0, 20.0)], 180.0, 40.0)
    """
    grid = _Grid(sizes, edges, labels or [None] * len(edges))
    grid.put_in_order()
    heights = grid.levelled(spacing)
    return grid.layout(heights, gap)


class _Grid:
    """Columns of cells: the nodes, then the labels and the places where long edges pass."""

    def __init__(
        self,
        sizes: Sequence[Size],
        edges: Sequence[tuple[int, int]],
        labels: Sequence[Size | None],
    ) -> None:
        self.count = len(sizes)
        self.edges = edges
        self.widths = [width for width, _ in sizes]
        self.heights = [height for _, height in sizes]
        self.step = 2 if any(labels) else 1  # labels have columns of their own
        self.column = [self.step * r for r in ranks(self.count, edges)]
        self.above: list[list[int]] = [[] for _ in sizes]
        self.below: list[list[int]] = [[] for _ in sizes]
        self.columns: list[list[int]] = [[] for _ in range(max(self.column, default=-1) + 1)]
        for cell in self._depth_first():
            self.columns[self.column[cell]].append(cell)
        self.chains = [
            self._chain(source, target, label)
            for (source, target), label in zip(edges, labels, strict=True)
        ]
        self.labelled = [bool(label) for label in labels]

    def _depth_first(self) -> list[int]:
        """The nodes in an order that keeps what belongs together together."""
        sources: list[list[int]] = [[] for _ in range(self.count)]
        used = [False] * self.count
        for source, target in self.edges:
            sources[target].append(source)
            used[source] = True
        order, seen = [], [False] * self.count
        stack = [i for i in range(self.count) if not used[i]][::-1]
        while stack:
            cell = stack.pop()
            if not seen[cell]:
                seen[cell] = True
                order.append(cell)
                stack += reversed(sources[cell])
        return order

    def _chain(self, source: int, target: int, label: Size | None) -> list[int]:
        """Cells for the columns between two nodes; a label stands in the last of them."""
        cells, last = [], source
        for column in range(self.column[source] + 1, self.column[target]):
            is_label = label is not None and column == self.column[target] - 1
            width, height = label if is_label and label else (0.0, PASSING)
            cell = len(self.widths)
            self.widths.append(width)
            self.heights.append(height)
            self.column.append(column)
            self.above.append([last])
            self.below.append([])
            self.below[last].append(cell)
            self.columns[column].append(cell)
            cells.append(cell)
            last = cell
        self.above[target].append(last)
        self.below[last].append(target)
        return cells

    # ---- the order within the columns ----

    def put_in_order(self) -> None:
        """Sort the columns so that few edges cross: the best of some sweeps to and fro."""
        place = [0] * len(self.widths)
        for cells in self.columns:
            _number(cells, place)
        fewest, best = self._crossings(place), [list(cells) for cells in self.columns]
        for sweep in range(SWEEPS):
            if fewest == 0:
                break
            self._sweep(place, sweep % 2 == 0, by_median=sweep % 4 < 2, turn=sweep % 8 > 3)
            crossings = self._crossings(place)
            if crossings < fewest:
                fewest, best = crossings, [list(cells) for cells in self.columns]
        self.columns = best
        if self._is_upside_down():
            for cells in self.columns:
                cells.reverse()

    def _is_upside_down(self) -> bool:
        """Whether most pairs of nodes that share a column stand the other way round than found."""
        order = {cell: i for i, cell in enumerate(self._depth_first())}
        turned = 0
        for cells in self.columns:
            found = [order[cell] for cell in cells if cell < self.count]
            turned += sum(1 if x > y else -1 for x, y in pairwise(found))
        return turned > 0

    def _sweep(self, place: list[int], is_forward: bool, *, by_median: bool, turn: bool) -> None:
        """Sort column after column by where the neighbours in the column before stand.

        turn: those with the same neighbours change sides, which frees what is stuck.
        """
        neighbours = self.above if is_forward else self.below
        middle = _median if by_median else _mean
        for cells in self.columns[1:] if is_forward else self.columns[-2::-1]:
            wanted = {
                cell: middle([place[n] for n in neighbours[cell]])
                if neighbours[cell]
                else place[cell]
                for cell in cells
            }
            if turn:
                cells.reverse()
            cells.sort(key=wanted.__getitem__)
            _number(cells, place)

    def _crossings(self, place: list[int]) -> int:
        """How many pairs of edges cross between neighbouring columns."""
        crossings = 0
        for cells in self.columns[:-1]:
            ends: list[int] = []  # of the edges so far, from the top down, sorted
            for cell in cells:
                for end in sorted(place[target] for target in self.below[cell]):
                    position = bisect_right(ends, end)
                    crossings += len(ends) - position
                    ends.insert(position, end)
        return crossings

    # ---- the heights ----

    def levelled(self, spacing: float) -> list[float]:
        """The height of each cell's centre: as straight as the others in its column allow."""
        y = [0.0] * len(self.widths)
        offsets = [self._offsets(cells, spacing) for cells in self.columns]
        for cells, offset in zip(self.columns, offsets, strict=True):
            for cell, o in zip(cells, offset, strict=True):
                y[cell] = o - offset[-1] / 2
        around = [above + below for above, below in zip(self.above, self.below, strict=True)]
        columns = range(len(self.columns))
        for near, order in (
            (self.above, columns),
            (self.below, columns[::-1]),
            *((around, columns[:: 1 if i % 2 == 0 else -1]) for i in range(LEVELLINGS)),
        ):
            for c in order:
                self._level(self.columns[c], offsets[c], near, y)
        top = min((y[i] - h / 2 for i, h in enumerate(self.heights)), default=0.0)
        return [height - top for height in y]

    def _offsets(self, cells: Sequence[int], spacing: float) -> list[float]:
        """How far below the first cell's centre each cell of a packed column would stand."""
        offsets, offset = [], 0.0
        for i, cell in enumerate(cells):
            if i:
                offset += (self.heights[cells[i - 1]] + self.heights[cell]) / 2 + spacing
            offsets.append(offset)
        return offsets

    def _level(
        self, cells: list[int], offsets: list[float], near: list[list[int]], y: list[float]
    ) -> None:
        """Move a column to its neighbours' mean heights, in its order."""
        blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, number of cells
        for cell, offset in zip(cells, offsets, strict=True):
            around = near[cell]
            weight = STIFFNESS if cell >= self.count else 1.0
            if len(around) == 1:
                target = y[around[0]]
            elif around:
                target = math.fsum([y[n] for n in around]) / len(around)
            else:
                target, weight = y[cell], 0.05
            total, count = (target - offset) * weight, 1
            while blocks and blocks[-1][0] * weight >= total * blocks[-1][1]:
                before = blocks.pop()  # it would stand too low: the two move as one
                total, weight, count = total + before[0], weight + before[1], count + before[2]
            blocks.append((total, weight, count))
        heights = (total / weight for total, weight, count in blocks for _ in range(count))
        for cell, offset, height in zip(cells, offsets, heights, strict=True):
            y[cell] = height + offset

    # ---- the result ----

    def layout(self, y: list[float], gap: float) -> Layout:
        """Everything in its place."""
        columns, width = self._columns(self._gaps(y, gap))
        points = [(columns[c][0], h) for c, h in zip(self.column, y, strict=True)]
        bends = dict(self._bends(y, columns))
        labels = [
            points[chain[-1]] if has_label and chain else None
            for chain, has_label in zip(self.chains, self.labelled, strict=True)
        ]
        height = max((h + s / 2 for h, s in zip(y, self.heights, strict=True)), default=0.0)
        routes = [[bends[cell] for cell in chain] for chain in self.chains]
        return Layout(points[: self.count], labels, routes, width, height)

    def _bends(
        self, y: list[float], columns: Sequence[tuple[float, float]]
    ) -> Iterator[tuple[int, Bend]]:
        """Each passage, with the room that its neighbours leave."""
        for c, cells in enumerate(self.columns):
            x, half = columns[c]
            for i, cell in enumerate(cells):
                if cell < self.count:
                    continue
                above = cells[i - 1] if i else None
                below = cells[i + 1] if i + 1 < len(cells) else None
                top = -math.inf if above is None else y[above] + self.heights[above] / 2
                bottom = math.inf if below is None else y[below] - self.heights[below] / 2
                yield cell, Bend(x, y[cell], half, top, bottom, c % self.step == 0)

    def _gaps(self, y: list[float], gap: float) -> list[float]:
        """The gap before each column: wider where lines are steep."""
        gaps = [0.0]
        for cells in self.columns[1:]:
            climbs = (abs(y[cell] - y[n]) for cell in cells for n in self.above[cell])
            gaps.append(min(max(gap, STEEPEST * max(climbs, default=0.0)), WIDEST * gap))
        return gaps

    def _columns(self, gaps: Sequence[float]) -> tuple[list[tuple[float, float]], float]:
        """The middle and half the width of each column, and the width of them all."""
        columns, right = [], 0.0
        for cells, gap in zip(self.columns, gaps, strict=False):
            half = max((self.widths[cell] for cell in cells), default=0.0) / 2
            columns.append((right + gap + half, half))
            right += gap + 2 * half
        return columns, right


def _number(cells: Sequence[int], place: list[int]) -> None:
    """Write down at which place of its column each cell stands."""
    for i, cell in enumerate(cells):
        place[cell] = i


def _median(places: list[int]) -> float:
    places.sort()
    middle = len(places) // 2
    return places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2


def _mean(places: list[int]) -> float:
    return sum(places) / len(places)
