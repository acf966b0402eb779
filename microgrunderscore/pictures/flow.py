"""How the output of a graph moves with every node, and along which paths."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from ..calculus import slopes
from ..engine import Value
from .names import order_of_computing

Step: TypeAlias = tuple[Value, int]  # a node, and which of its parents


class Flow:
    """How the output of a graph moves with every node: ∂z/∂v, by one backward sweep of its own.

    root: the output. Nothing in the graph is changed.
    Raises RuntimeError where the slopes of a dot product are lost, since a factor was changed.
    """

    def __init__(self, root: Value) -> None:
        self.root = root
        self.nodes = order_of_computing(root)
        try:
            self._gradients = self._swept(float)
        except RuntimeError as error:
            raise RuntimeError(
                "this graph can no longer be drawn or explained, because local slopes are lost; "
                "the step of an optimizer does that, so draw before it, or compute the output "
                f"again: {error}"
            ) from None

    def _swept(self, taken: Callable[[float], float]) -> dict[int, float]:
        """The products of what is taken of each slope, added up from the output back."""
        sums = {id(self.root): 1.0}
        for v in reversed(self.nodes):
            g = sums.get(id(v))
            if v.op and g is not None:  # else it is a leaf, or behind a branch not selected
                for x, slope in zip(v.parents, slopes(v), strict=True):
                    if slope is not None:
                        sums[id(x)] = sums.get(id(x), 0.0) + taken(slope) * g
        return sums

    @functools.cached_property
    def sizes(self) -> dict[int, float]:
        """For each node the same sum without signs: what its rounding error is measured by."""
        return self._swept(abs)

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
