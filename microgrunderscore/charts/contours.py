"""Contours: the lines on a grid where the largest of several scores changes, by marching squares.

Two classes meet in a line, three in a point. Coordinates are columns and rows of the grid, so that
(0, 0) is its first number and (1, 0) the one to the right of it.

Source: Lorensen and Cline, Marching cubes (1987), in two dimensions. With more than two classes in
a cell the lines meet in the middle of their crossings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from ..decision import largest

Point: TypeAlias = tuple[float, float]  # column, row
Line: TypeAlias = list[Point]
Scores: TypeAlias = Sequence[Sequence[float]]  # of each class, at one place of the grid
_Node: TypeAlias = tuple[str, int, int]  # a crossing on an edge of the grid, or within a cell


def boundaries(grid: Sequence[Scores]) -> list[Line]:
    """The lines between places where different classes win, each as long as it can be.

    Args:
        grid: rows of places; each place has one score for each class. Crossings are found by
            linear interpolation between neighbours.

    Returns:
        Lines of at least two points; the first point of a closed one is also its last.

    >>> boundaries([[(0.0, 1.0), (1.0, 0.0)], [(0.0, 3.0), (1.0, 0.0)]])
    [[(0.5, 0.0), (0.75, 1.0)]]
    """
    places = _crossings(grid)
    segments = list(_segments(grid, places))
    return [[places[node] for node in chain] for chain in _chains(segments)]


def _crossings(grid: Sequence[Scores]) -> dict[_Node, Point]:
    """Where the winner changes between neighbours: in a row, and from a row to the next."""
    winners = [[largest(scores) for scores in row] for row in grid]
    places: dict[_Node, Point] = {}
    for r, row in enumerate(grid):
        for c, scores in enumerate(row):
            mine = winners[r][c]
            if c + 1 < len(row) and (other := winners[r][c + 1]) != mine:
                places["across", r, c] = (c + _share(scores, row[c + 1], mine, other), float(r))
            if r + 1 < len(grid) and (other := winners[r + 1][c]) != mine:
                below = grid[r + 1][c]
                places["down", r, c] = (float(c), r + _share(scores, below, mine, other))
    return places


def _share(a: Sequence[float], b: Sequence[float], i: int, j: int) -> float:
    """How far from a, where i wins, to b, where j does, their scores are equal."""
    ahead, behind = _lead(a, i, j), _lead(b, j, i)
    return ahead / (ahead + behind) if ahead + behind > 0.0 else 0.5


def _lead(scores: Sequence[float], i: int, j: int) -> float:
    """A quarter of the lead of class i over class j: sums of four do not overflow."""
    return 0.25 * scores[i] - 0.25 * scores[j]


def _segments(grid: Sequence[Scores], places: dict[_Node, Point]) -> Iterator[tuple[_Node, _Node]]:
    """The pieces of the lines in every cell; middles of cells are added to the places."""
    touched = {cell: None for node in places for cell in _cells(node)}
    height, width = len(grid), len(grid[0])
    for r, c in touched:
        if not (0 <= r < height - 1 and 0 <= c < width - 1):
            continue
        top, right = ("across", r, c), ("down", r, c + 1)
        bottom, left = ("across", r + 1, c), ("down", r, c)
        crossed: list[_Node] = [node for node in (top, right, bottom, left) if node in places]
        if len(crossed) == 2:
            yield crossed[0], crossed[1]
        elif len(crossed) == 4 and (pairs := _saddle(grid, r, c)):
            yield from ((crossed[a], crossed[b]) for a, b in pairs)
        else:
            middle = ("middle", r, c)
            places[middle] = _mean([places[node] for node in crossed])
            yield from ((node, middle) for node in crossed)


def _cells(node: _Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """The cells on both sides of an edge, named by their upper left corners."""
    kind, r, c = node
    return ((r - 1, c), (r, c)) if kind == "across" else ((r, c - 1), (r, c))


def _saddle(grid: Sequence[Scores], r: int, c: int) -> tuple[tuple[int, int], ...]:
    """Which crossings (0 top, 1 right, 2 bottom, 3 left) belong together where two classes face
    each other across a cell; none where there are more classes."""
    corners = (grid[r][c], grid[r][c + 1], grid[r + 1][c + 1], grid[r + 1][c])
    first, second, third, fourth = map(largest, corners)
    if first != third or second != fourth:
        return ()
    joined = math.fsum(_lead(scores, first, second) for scores in corners) > 0.0
    return ((0, 1), (2, 3)) if joined else ((0, 3), (1, 2))


def _mean(points: Sequence[Point]) -> Point:
    n = len(points)
    return math.fsum(x for x, _ in points) / n, math.fsum(y for _, y in points) / n


def _chains(segments: Sequence[tuple[_Node, _Node]]) -> Iterator[list[_Node]]:
    """Segments put together where exactly two of them meet, in the order in which they come."""
    neighbours: dict[_Node, list[_Node]] = {}
    for a, b in segments:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    ends = [node for node, others in neighbours.items() if len(others) != 2]
    for node in [*ends, *neighbours]:  # what is left after the ends is closed
        while neighbours[node]:
            yield _walk(node, neighbours)


def _walk(node: _Node, neighbours: dict[_Node, list[_Node]]) -> list[_Node]:
    """From a node on to the next end, or round to itself; removes what was walked."""
    chain = [node]
    while True:
        following = neighbours[node].pop(0)
        neighbours[following].remove(node)
        chain.append(following)
        node = following
        if len(neighbours[node]) != 1 or node == chain[0]:
            return chain
