"""How the output of a graph moves with every node, and along which paths."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from ..calculus import slopes
from ..engine import Value
from .names import order_of_computing

Step: TypeAlias = tuple[Value, int]  # a node, and which of its parents


class Flow:
    """How the output of a graph moves with every node: ∂z/∂v, by one backward sweep of its own.

    root: the output. Nothing in the graph is changed.
    """

    def __init__(self, root: Value) -> None:
        self.root = root
        self.nodes = order_of_computing(root)
        gradients = {id(root): 1.0}
        for v in reversed(self.nodes):
            g = gradients.get(id(v))
            if v.op and g is not None:  # else it is a leaf, or behind a branch not selected
                for x, slope in zip(v.parents, slopes(v), strict=True):
                    if slope is not None:
                        gradients[id(x)] = gradients.get(id(x), 0.0) + slope * g
        self._gradients = gradients

    def gradient(self, node: Value) -> float:
        """∂z/∂v; 0 for a node that z does not depend on."""
        return self._gradients.get(id(node), 0.0)

    @functools.cached_property
    def consumers(self) -> dict[int, list[Step]]:
        """For each node, where it is used: by whom, and as which parent."""
        users: dict[int, list[Step]] = {}
        for v in self.nodes:
            for place, x in enumerate(v.parents):
                users.setdefault(id(x), []).append((v, place))
        return users

    def counts(self, wanted: Iterable[Value]) -> dict[int, int]:
        """The number of paths from the output to each of these nodes.

        Counted node by node; a count is forgotten once it was handed on, since those of a deep
        graph can have a million digits.
        """
        keep = {id(v) for v in wanted}
        kept = dict.fromkeys(keep, 0)
        counts = {id(self.root): 1}
        for v in reversed(self.nodes):
            n = counts.pop(id(v))
            if id(v) in keep:
                kept[id(v)] = n
            for x in v.parents:
                counts[id(x)] = counts.get(id(x), 0) + n
        return kept

    def paths(self, wrt: Value) -> list[list[Step]]:
        """Every path from the output to a node, edge by edge: only for few paths.

        They are walked from the node up: whatever uses it leads to the output.
        """
        found: list[list[Step]] = []
        stack: list[tuple[Value, Any]] = [(wrt, None)]
        while stack:
            v, edges = stack.pop()
            if v is self.root:
                found.append(list(_linked(edges)))
            for edge in self.consumers.get(id(v), ()):
                stack.append((edge[0], (edge, edges)))
        return sorted(found, key=lambda path: [place for _, place in path])


def _linked(edges: Any) -> Iterator[Step]:
    """The items of a linked list, so that paths can share their ends."""
    while edges is not None:
        edge, edges = edges
        yield edge
