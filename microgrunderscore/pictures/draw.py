"""draw(z): the computation graph of a value as a picture.

Up to 60 nodes get a card each, with value and gradient, and every arrow its local derivative. Up
to 400 are drawn small. Beyond, nobody could read single numbers, and nothing of that kind is
drawn: a network is shown as an overview, anything else is summed up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..arguments import whole
from ..engine import Value
from ..graph import gc_paused
from ..module import Module
from .cards import Cards
from .compact import Compact
from .graph import Graph, modules_in
from .names import order_of_computing
from .neurons import Network
from .overview import overview
from .palette import FONTS, check_theme
from .picture import Picture
from .ribbons import Ribbons
from .summary import summary
from .svg import Svg

MOST_CARDS = 60
MOST_NODES = 400
MARGIN = 24.0
USES = "x⁽ⁿ⁾ is x where the operation uses it for the n-th time: a slope of that use alone."


class Drawing(Picture):
    """The picture of a graph; besides .svg, .html and .png it can be saved as .dot and .pdf.

    Attributes:
        graph: what it shows.
    """

    def __init__(self, graph: Graph, svg: str, title: str, text: str, **settings: str) -> None:
        super().__init__(svg, title, text, **settings)
        self.graph = graph

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        from .dot import digraph, pdf

        return {
            **super()._writers,
            ".dot": lambda: digraph(self.graph).source.encode(),
            ".pdf": lambda: pdf(self.graph),
        }


def draw(
    z: Value,
    wrt: Value | str | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    output: str | None = None,
    compact: bool | None = None,
    max_nodes: int = MOST_NODES,
    theme: str = "auto",
    format: str = "svg",
) -> Picture:
    """The computation graph of z: each value and gradient, and the slope along each arrow.

    Gradients are those that `z.backward()` left; before it they show as ·, which is not 0.

    Args:
        z: the output.
        wrt: a Value of the graph, or its name: every path from it to z becomes a ribbon, and the
            products along them are added up below.
        names: names for Values without a label, such as locals().
        model: a network whose weights and neurons are to be named as in the textbook.
        output: what z is called.
        compact: small boxes without slopes; None: from 61 nodes.
        max_nodes: of more Values than that no single one is drawn, but the overview of a model,
            or a summary.
        theme: "auto" (as the reader's system), "light" or "dark".
        format: what a notebook stores: "svg", with an HTML image for notebooks that are not
            trusted; "html", that image alone; "png" for readers that show no SVG (extra "png").

    Returns:
        A picture, which shows itself in a notebook; `save` writes it by the extension:
        .svg, .html, .png, .dot, .pdf.

    Raises:
        TypeError: z is no Value.
        ValueError: no node is called as `wrt` says, or a setting outside its range.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> z = (x * y).log()
    >>> z.backward()
    >>> print(draw(z))
    Values: x = 2; y = 3; v₁ = x · y = 6; z = log v₁ = 1.792.
    Local slopes: ∂v₁/∂x = 3; ∂v₁/∂y = 2; ∂z/∂v₁ = 0.1667.
    Gradients: ∂z/∂x = 0.5; ∂z/∂y = 0.3333; ∂z/∂v₁ = 0.1667; ∂z/∂z = 1.
    """
    if not isinstance(z, Value):
        raise TypeError(f"draw needs the Value that was computed, not {z!r:.40}")
    check_theme(theme)
    max_nodes = whole("max_nodes", max_nodes, 1)
    settings = {"theme": theme, "format": format}
    with gc_paused():
        nodes = order_of_computing(z)
        if len(nodes) > max_nodes:
            return _too_large(nodes, modules_in(names, model), max_nodes, settings)
        graph = Graph(z, names, model=model, output=output)
        ribbons = None if wrt is None else Ribbons(graph, graph.find(wrt))
        is_compact = len(graph.nodes) > MOST_CARDS if compact is None else compact
        return _drawing(graph, (Compact if is_compact else Cards)(graph), ribbons, settings)


def _drawing(
    graph: Graph, scene: Cards | Compact, ribbons: Ribbons | None, settings: dict[str, str]
) -> Drawing:
    """The scene with its ribbons and rows, and what must be said below it."""
    svg = Svg()
    width, height = scene.width, scene.height
    if ribbons is None:
        scene.write(svg)
    else:
        scene.write(svg, faded=ribbons.off_path, between=lambda: ribbons.write(svg, scene.lines))
        width = max(width, ribbons.write_rows(svg, height))
        height += ribbons.height
    uses = [USES] if any(edge.use for edge in graph.edges) and isinstance(scene, Cards) else []
    for note in [*scene.notes, *uses, *graph.notes]:
        height += 26
        svg.text(0, height, note, "note muted")
        width = max(width, FONTS["note"].width(note))
    title = f"Computation graph of {graph.output.title}"
    text = graph.description()
    if ribbons is not None:
        title += f", paths from {ribbons.wrt.name}"
        text += "\n" + ribbons.text()
    box = (-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
    return Drawing(
        graph, svg.document(box, title, text, settings["theme"]), title, text, **settings
    )


def _too_large(
    nodes: Sequence[Value],
    modules: Mapping[str, Module],
    max_nodes: int,
    settings: dict[str, str],
) -> Picture:
    """The overview of the network in the graph, or else a summary."""
    for model in modules.values():
        if Network(model, nodes).units:
            return overview(model, nodes[-1], **settings)
    return summary(nodes, max_nodes, **settings)
