"""draw_dot(root): the drawing under the name that it has in micrograd and in the lectures."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from typing import Any

from ..engine import Value
from ..graph import gc_paused
from .dot import GET_GRAPHVIZ, MOST_NODES, check_size, digraph, has_graphviz
from .draw import Drawing, draw
from .graph import Graph

DIRECTIONS = ("LR", "TB", "RL", "BT")

# What programs written for micrograd do with a Digraph.
_OF_DIGRAPH = ("render", "view", "pipe", "source", "node", "edge", "attr", "engine", "unflatten")


class DrawnWithoutDot(Drawing):
    """What `draw_dot` gives where Graphviz is missing: the picture of `draw`, which needs nothing.

    In a notebook it shows itself, as a Digraph does. What only a Digraph can, it refuses, and says
    what does the same.
    """

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(
            drawing.graph,
            drawing.svg,
            drawing.title,
            drawing.text,
            theme=drawing.theme,
            format=drawing.format,
        )

    def __getattr__(self, name: str) -> Any:
        if name not in _OF_DIGRAPH:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(
            f"this picture has no .{name}: Graphviz is missing, so draw_dot drew it by itself. "
            f"Save it with .save('picture.svg'), .html or .png, or {GET_GRAPHVIZ}"
        )


def draw_dot(
    root: Value, format: str = "svg", rankdir: str = "LR", *, max_nodes: int = MOST_NODES
) -> Any:
    """The computation graph of root, as micrograd's function of that name draws it.

    Where Graphviz is installed, Graphviz lays it out; elsewhere it is the picture of `draw`, and
    a warning says so once. Both show themselves in a notebook.

    Args:
        root: the output.
        format: what the Digraph's `render` makes: "svg", "png", "pdf", …
        rankdir: "LR" from left to right, "TB" from top to bottom; the picture of `draw` always
            runs from left to right.
        max_nodes: the most nodes to be drawn; Graphviz takes minutes for thousands.

    Returns:
        A graphviz.Digraph, or a Drawing.

    Raises:
        TypeError: root is no Value.
        ValueError: more than `max_nodes` nodes, a direction that does not exist, or, where
            Graphviz is installed, such a format.

    Source: micrograd's notebook trace_graph.ipynb (Karpathy 2020).

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> with warnings.catch_warnings(action="ignore"):  # Graphviz may be missing
    ...     picture = draw_dot(x * y)
    """
    if rankdir not in DIRECTIONS:
        raise ValueError(f"rankdir must be one of {', '.join(DIRECTIONS)}, not {rankdir!r:.40}")
    with gc_paused():
        check_size("draw_dot", root, max_nodes)
        missing = _missing()
        if not missing:
            return digraph(Graph(root), format=format, rankdir=rankdir)
        _say(missing)
        drawing = draw(root, max_nodes=max_nodes)
    return DrawnWithoutDot(drawing) if isinstance(drawing, Drawing) else drawing


def _missing() -> str:
    """What is not there of Graphviz, and how to get it; "" if all is."""
    if not has_graphviz():
        return f"the program dot is not on the PATH ({GET_GRAPHVIZ})"
    if importlib.util.find_spec("graphviz") is None:
        return "its Python package is missing (pip install graphviz)"
    return ""


@functools.cache
def _say(missing: str) -> None:
    """Warn that Graphviz is missing, once per process."""
    warnings.warn(
        f"draw_dot draws without Graphviz, since {missing}. The picture is that of draw(root), "
        "which needs nothing.",
        stacklevel=3,
    )
