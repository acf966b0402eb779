"""Smooth lines from left to right through given points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .layout import Bend, Point
from .svg import short

REACH = 0.42  # how far the handles of a curve reach, as a share of its width
CLEAR = 3.0  # px between a line and what it passes
PROBES = (0.2, 0.4, 0.6, 0.8)


def route(start: Point, bends: Sequence[Bend], end: Point) -> list[Point]:
    """The points of a line that leaves the neighbours of its bends alone.

    Cards are passed on a straight line. Labels are passed on a curve where there is room for it.
    """
    points = [start, *_through(bends, straight=False), end]
    if all(_is_clear(points, bend) for bend in bends):
        return points
    return [start, *_through(bends, straight=True), end]


def _through(bends: Sequence[Bend], straight: bool) -> Iterator[Point]:
    for bend in bends:
        if straight or bend.is_among_nodes:
            yield bend.x - bend.half, bend.y
            yield bend.x + bend.half, bend.y
        else:
            yield bend.x, bend.y


def _is_clear(points: Sequence[Point], bend: Bend) -> bool:
    """Whether the line stays between the neighbours of a bend as long as it is beside them."""
    top, bottom = bend.top + CLEAR, bend.bottom - CLEAR
    if top == -math.inf and bottom == math.inf:
        return True
    left, right = bend.x - bend.half, bend.x + bend.half
    slopes = _slopes(points)
    for i, ((x0, _), (x1, _)) in enumerate(pairwise(points)):
        if x1 < left or x0 > right:
            continue
        for t in PROBES:
            x, y = _at(points, slopes, i, t)
            if left <= x <= right and not top <= y <= bottom:
                return False
    return True


def path(points: Sequence[Point], dy: float = 0.0) -> str:
    """The line as SVG writes it, dy px lower."""
    slopes = _slopes(points)
    (x, y), *_ = points
    parts = [f"M{short(x)},{short(y + dy)}"]
    for i in range(len(points) - 1):
        p1, p2 = _handles(points, slopes, i)
        corners = (*p1, *p2, *points[i + 1])
        xs = [short(c + dy if k % 2 else c) for k, c in enumerate(corners)]
        parts.append(f"C{xs[0]},{xs[1]} {xs[2]},{xs[3]} {xs[4]},{xs[5]}")
    return "".join(parts)


def _slopes(points: Sequence[Point]) -> list[float]:
    """The slope of the line at each point: level at the ends, and where it turns.

    Source: Fritsch and Carlson, Monotone piecewise cubic interpolation (1980): the line never goes
    beyond its points.
    """
    steps = [(y1 - y0) / max(x1 - x0, 1e-9) for (x0, y0), (x1, y1) in pairwise(points)]
    inner = [
        0.0 if before * after <= 0.0 else 2.0 * before * after / (before + after)
        for before, after in pairwise(steps)
    ]
    return [0.0, *inner, 0.0]


def _handles(points: Sequence[Point], slopes: Sequence[float], i: int) -> tuple[Point, Point]:
    """The two inner control points of the i-th piece."""
    (x0, y0), (x1, y1) = points[i], points[i + 1]
    reach = REACH * (x1 - x0)
    return (x0 + reach, y0 + slopes[i] * reach), (x1 - reach, y1 - slopes[i + 1] * reach)


def _at(points: Sequence[Point], slopes: Sequence[float], i: int, t: float) -> Point:
    """The point of the i-th piece at t between 0 and 1."""
    (x0, y0), (x3, y3) = points[i], points[i + 1]
    (x1, y1), (x2, y2) = _handles(points, slopes, i)
    u = 1.0 - t
    a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
    return a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3
