"""The layout: from left to right, nothing on anything else, no crossing without need, no chance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_graph import random_value

from microgrunderscore import Value
from microgrunderscore.pictures import curve
from microgrunderscore.pictures.cards import Cards
from microgrunderscore.pictures.compact import Compact
from microgrunderscore.pictures.graph import Graph
from microgrunderscore.pictures.layout import PASSING, Layout, Point, Size, layered, ranks

Edges = list[tuple[int, int]]
Box = tuple[float, float, float, float]
Dag = tuple[list[Size], Edges, list[Size | None]]

lengths = st.integers(12, 220)


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Sizes, edges (some of them twice) and labels of a graph."""
    count = draw(st.integers(1, 12))
    sizes = [(float(draw(lengths)), float(draw(lengths))) for _ in range(count)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    drawn = draw(st.lists(pairs, max_size=24))
    edges = [(min(pair), max(pair)) for pair in drawn if pair[0] != pair[1]]
    label = st.none() | st.tuples(lengths.map(float), lengths.map(float))
    return sizes, edges, [draw(label) for _ in edges]


def box(middle: Point, size: Size) -> Box:
    """Left, top, right, bottom."""
    (x, y), (width, height) = middle, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def overlap(a: Box, b: Box) -> bool:
    slack = 1e-6
    return (
        a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack
    )


# ---- where things are -------------------------------------------------------------------------


@given(dags())
def test_nothing_overlaps_and_everything_is_inside(dag: Dag) -> None:
    sizes, edges, labels = dag
    layout = layered(*dag)
    boxes = [box(p, s) for p, s in zip(layout.places, sizes, strict=True)]
    assert [bool(p) for p in layout.labels] == [bool(s) for s in labels]
    boxes += [box(p, s) for p, s in zip(layout.labels, labels, strict=True) if p and s]
    for a, b in combinations(boxes, 2):
        assert not overlap(a, b)
    for left, top, right, bottom in boxes:
        assert left > -1e-6
        assert top > -1e-6
        assert right < layout.width + 1e-6
        assert bottom < layout.height + 1e-6
    tops = [top for _, top, _, _ in boxes]
    tops += [bend.y - PASSING / 2 for bends in layout.bends for bend in bends]
    assert min(tops) == pytest.approx(0.0, abs=1e-6)
    assert len(layout.bends) == len(edges)


@given(dags(), st.integers(5, 80))
def test_sources_are_left_of_targets_with_labels_between(dag: Dag, gap: int) -> None:
    sizes, edges, labels = dag
    layout = layered(*dag, gap=float(gap))
    for i, (source, target) in enumerate(edges):
        right = layout.places[source][0] + sizes[source][0] / 2
        left = layout.places[target][0] - sizes[target][0] / 2
        assert right + gap <= left + 1e-6
        place, size = layout.labels[i], labels[i]
        if place and size:
            assert right + gap <= place[0] - size[0] / 2 + 1e-6
            assert place[0] + size[0] / 2 + gap <= left + 1e-6


@given(dags(), st.integers(5, 60))
def test_what_stands_in_a_column_is_apart(dag: Dag, spacing: int) -> None:
    sizes, _, labels = dag
    layout = layered(*dag, spacing=float(spacing))
    columns: dict[float, list[tuple[float, float]]] = {}
    for place, size in zip([*layout.places, *layout.labels], [*sizes, *labels], strict=True):
        if place and size:
            columns.setdefault(place[0], []).append(
                (place[1] - size[1] / 2, place[1] + size[1] / 2)
            )
    for boxes in columns.values():
        for (_, bottom), (top, _) in pairwise(sorted(boxes)):
            assert bottom + spacing <= top + 1e-6


@given(dags())
def test_passages_run_from_left_to_right_between_their_neighbours(dag: Dag) -> None:
    _, edges, labels = dag
    layout = layered(*dag)
    for i, (source, target) in enumerate(edges):
        xs = [layout.places[source][0], *(b.x for b in layout.bends[i]), layout.places[target][0]]
        assert xs == sorted(set(xs))
        for bend in layout.bends[i]:
            assert bend.top < bend.y < bend.bottom
        if labels[i]:
            last = layout.bends[i][-1]
            assert (last.x, last.y) == layout.labels[i]


@given(dags())
def test_nothing_depends_on_chance(dag: Dag) -> None:
    assert layered(*dag) == layered(*dag)


@given(st.integers(2, 6), st.sampled_from([(100.0, 22.0), (40.0, 60.0)]))
def test_parallel_edges_are_apart(count: int, label: Size) -> None:
    sizes = [(80.0, 40.0), (80.0, 40.0)]
    layout = layered(sizes, [(0, 1)] * count, [label] * count)
    ys = [place[1] for place in layout.labels if place]
    assert len(ys) == count
    assert all(below - above >= label[1] for above, below in pairwise(ys))  # the first on top


def test_parallel_long_edges_are_apart() -> None:
    sizes = [(80.0, 40.0)] * 3
    layout = layered(sizes, [(0, 1), (1, 2), (0, 2), (0, 2)])
    [[first], [second]] = layout.bends[2:]
    assert layout.bends[:2] == [[], []]
    assert first.x == second.x == layout.places[1][0]
    assert first.y != second.y
    for bend in (first, second):  # above or below the node that they pass
        assert abs(bend.y - layout.places[1][1]) > 20.0


# ---- columns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "edges", "expected"),
    [
        (0, [], []),
        (1, [], [0]),
        (3, [], [0, 0, 0]),
        (2, [(0, 1), (0, 1)], [0, 1]),
        (3, [(0, 1), (1, 2), (0, 2)], [0, 1, 2]),
        (5, [(0, 1), (1, 2), (2, 4), (3, 4)], [0, 1, 2, 2, 3]),
        (4, [(0, 3), (1, 2)], [0, 0, 1, 1]),
    ],
)
def test_ranks(count: int, edges: Edges, expected: list[int]) -> None:
    assert ranks(count, edges) == expected


@given(dags())
def test_a_node_stands_just_before_its_first_use(dag: Dag) -> None:
    sizes, edges, _ = dag
    rank = ranks(len(sizes), edges)
    assert min(rank) == 0
    for i in range(len(sizes)):
        targets = [rank[target] for source, target in edges if source == i]
        sources = [rank[source] for source, target in edges if target == i]
        if targets:
            assert rank[i] == min(targets) - 1
        assert all(r < rank[i] for r in sources)


def test_no_graph_at_all() -> None:
    assert layered([], []) == Layout([], [], [], 0.0, 0.0)


# ---- order ------------------------------------------------------------------------------------


def crossings(layout: Layout, edges: Edges) -> int:
    """How many pairs of lines cross, counted between the columns that they pass."""
    pieces: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for (source, target), bends in zip(edges, layout.bends, strict=True):
        way = [layout.places[source], *((b.x, b.y) for b in bends), layout.places[target]]
        for (x0, y0), (x1, y1) in pairwise(way):
            pieces.setdefault((x0, x1), []).append((y0, y1))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for lines in pieces.values()
        for a, b in combinations(lines, 2)
    )


@st.composite
def trees(draw: st.DrawFn) -> Edges:
    """Edges of a tree toward the last node, as of an expression in which nothing is used twice."""
    count = draw(st.integers(1, 40))
    return [(i, draw(st.integers(i + 1, count - 1))) for i in range(count - 1)]


@given(trees(), st.booleans())
def test_trees_have_no_crossings(edges: Edges, has_labels: bool) -> None:
    sizes = [(90.0, 40.0)] * (len(edges) + 1)
    labels: list[Size | None] = [(60.0, 22.0) if has_labels else None] * len(edges)
    layout = layered(sizes, edges, labels)
    assert crossings(layout, edges) == 0


PLANAR: dict[str, Edges] = {
    "diamond": [(0, 1), (0, 2), (1, 3), (2, 3)],
    "ladder": [(0, 2), (1, 3), (2, 4), (3, 5), (0, 3), (2, 5), (4, 6), (5, 6)],
    "fan": [*((0, i) for i in range(1, 9)), *((i, 9) for i in range(1, 9))],
    "turned": [(0, 5), (1, 4), (2, 3), (3, 6), (4, 6), (5, 6)],
}


@pytest.mark.parametrize("name", PLANAR)
def test_what_can_be_drawn_without_crossings_is(name: str) -> None:
    edges = PLANAR[name]
    sizes = [(90.0, 40.0)] * (1 + max(map(max, edges)))
    assert crossings(layered(sizes, edges), edges) == 0


def test_two_layers_that_must_cross() -> None:
    edges = [(0, 2), (0, 3), (1, 2), (1, 3), (2, 4), (3, 4)]
    layout = layered([(90.0, 40.0)] * 5, edges)
    assert crossings(layout, edges) == 1  # and no more


def test_the_first_operand_is_above() -> None:
    layout = layered([(90.0, 40.0)] * 3, [(0, 2), (1, 2)])
    (_, first), (_, second), (_, result) = layout.places
    assert first < result < second
    assert result == (first + second) / 2


def test_a_line_of_nodes_is_straight() -> None:
    start = process_time()
    count = 3_000
    edges = [(i, i + 1) for i in range(count - 1)]
    layout = layered([(50.0, 40.0)] * count, edges, gap=10.0)
    assert {y for _, y in layout.places} == {20.0}
    assert [x for x, _ in layout.places] == [25.0 + 60.0 * i for i in range(count)]
    assert process_time() - start < 5.0


def test_a_long_line_with_labels_and_a_way_around_it() -> None:
    count = 1_000
    edges = [*((i, i + 1) for i in range(count - 1)), (0, count - 1)]
    layout = layered([(50.0, 40.0)] * count, edges, [(30.0, 20.0)] * len(edges))
    assert len(layout.bends[-1]) == 2 * (count - 1) - 1
    assert crossings(layout, edges) == 0


# ---- lines ------------------------------------------------------------------------------------


def points_of(path: str, per_piece: int = 16) -> list[Point]:
    """Points on a path of cubic curves, as SVG understands it."""
    numbers = [float(text) for text in re.findall(r"-?[\d.]+", path)]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    start, found = corners[0], corners[:1]
    for i in range(1, len(corners), 3):
        bezier = (start, *corners[i : i + 3])
        for k in range(1, per_piece + 1):
            t = k / per_piece
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x, y = (sum(w * c[j] for w, c in zip(weights, bezier, strict=True)) for j in (0, 1))
            found.append((x, y))
        start = bezier[3]
    return found


def goes_through(points: Sequence[Point], obstacle: Box, margin: float) -> bool:
    left, top, right, bottom = obstacle
    return any(
        left + margin < x < right - margin and top + margin < y < bottom - margin for x, y in points
    )


def as_box(box: Box) -> Box:
    left, top, width, height = box
    return left, top, left + width, top + height


@pytest.mark.parametrize("scene", [Cards, Compact])
@pytest.mark.parametrize("seed", range(30))
def test_lines_pass_beside_cards_and_labels(scene: type[Cards | Compact], seed: int) -> None:
    graph = Graph(random_value(seed, nodes=14))
    drawn = scene(graph)
    if isinstance(drawn, Cards):
        cards = [as_box(place.card) for place in drawn.places]
        cards_and_badges = [
            [card, as_box(p.badge)] for card, p in zip(cards, drawn.places, strict=True)
        ]
        pills = [box(p, drawn._pill_size(e) or (0, 0)) if p else None
                 for e, p in zip(graph.edges, drawn.pills, strict=True)]  # fmt: skip
    else:
        cards_and_badges = [[as_box(b)] for b in drawn.boxes]
        pills = []
    for edge in graph.edges:
        points = points_of(curve.path(drawn.lines[edge.index]))
        for node in graph.nodes:
            if node.index not in (edge.source, edge.target):
                for obstacle in cards_and_badges[node.index]:
                    assert not goes_through(points, obstacle, 0.5)
        for other, pill in zip(graph.edges, pills, strict=bool(pills)):
            if pill and other is not edge:  # the corners of a pill are round
                assert not goes_through(points, pill, 5.0)


def test_a_curve_stays_between_its_ends() -> None:
    points = [(0.0, 0.0), (10.0, 30.0), (20.0, 30.0), (30.0, 5.0)]
    drawn = points_of(curve.path(points))
    assert drawn[0] == points[0]
    assert drawn[-1] == points[-1]
    assert all(-1e-9 <= y <= 30.0 for _, y in drawn)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    moved = points_of(curve.path(points, dy=5.0))
    assert [y for _, y in moved] == pytest.approx([y + 5.0 for _, y in drawn])


def test_arrows_arrive_apart_in_the_order_in_which_they_come() -> None:
    x = Value(2.0, "x")
    drawn = Cards(Graph(x * x))
    (_, above), (_, below) = (line[-1] for line in drawn.lines)
    assert below - above == 12.0
    first, second = (place[1] for place in drawn.pills if place)
    assert first < second
