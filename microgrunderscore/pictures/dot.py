"""to_dot(z): the computation graph in the language of Graphviz, for papers and for its tools.

The source is a text, and drawn by Graphviz it looks like `draw`: a card per node, a green label
per arrow. To write it takes the package graphviz, to draw it the program; `draw` needs neither.

What a label holds is shown and does nothing. The source has HTML-like labels, in which markup is
escaped. For a backslash stands ∖, which looks like it: Graphviz puts the name of the node in place
of \\N even where that is written as an entity.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import whole
from ..engine import Value
from ..graph import gc_paused
from .cards import LONGEST_SLOPE, NOT_COMPUTED
from .graph import Edge, Graph, Node
from .names import number_text, order_of_computing
from .palette import LIGHT
from .svg import escaped

if TYPE_CHECKING:
    import graphviz

MOST_NODES = 400  # of 5,000, Graphviz makes a picture of metres in a minute
FONTS = "Helvetica,Arial,sans-serif"
FRAME = {
    "margin": "14",
    "style": "rounded",
    "color": LIGHT["line"],
    "fontcolor": LIGHT["muted"],
    "fontsize": "12",
}
GET_GRAPHVIZ = (
    "install Graphviz (apt install graphviz, brew install graphviz, winget install graphviz)"
)


def to_dot(
    z: Value,
    *,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    output: str | None = None,
    max_nodes: int = MOST_NODES,
) -> graphviz.Digraph:
    """The computation graph of z for Graphviz: its `source` is the text, `render` draws it.

    Nodes, gradients and slopes are those of `draw`; the colours are those for light paper.

    Args:
        z: the output.
        names: names for Values without a label, such as locals().
        model: a network whose weights and neurons are to be named as in the textbook, and framed
            by layer and by neuron.
        output: what z is called.
        max_nodes: the most nodes to be written; Graphviz takes minutes for thousands.

    Returns:
        A Digraph of the package graphviz, the same at every run. Its `source` needs nothing
        more; to render it, or to show it in a notebook, it calls the program `dot`.

    Raises:
        TypeError: z is no Value.
        ValueError: more than `max_nodes` nodes.
        ImportError: the package graphviz is missing.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> source = to_dot((x * y).log()).source
    >>> source.startswith("digraph"), "∂z/∂v₁" in source
    (True, True)
    """
    with gc_paused():
        check_size("to_dot", z, max_nodes)
        return digraph(Graph(z, names, model=model, output=output))


def check_size(caller: str, z: Value, max_nodes: int) -> None:
    """Refuse what is no Value, and more nodes than Graphviz can do something useful with."""
    if not isinstance(z, Value):
        raise TypeError(f"{caller} needs the Value that was computed, not {z!r:.40}")
    max_nodes = whole("max_nodes", max_nodes, 1)
    count = len(order_of_computing(z))
    if count > max_nodes:
        raise ValueError(
            f"{caller} of {count:,} nodes, more than max_nodes={max_nodes:,}: Graphviz takes "
            "minutes for thousands, and nobody can read the result. See it as draw(z) or, for a "
            "network, draw(z, model=model); draw a part; or allow it: "
            f"{caller}(z, max_nodes={count})"
        )


def digraph(graph: Graph, *, format: str = "svg", rankdir: str = "LR") -> graphviz.Digraph:
    """A graph for Graphviz.

    Args:
        graph: what is written.
        format: what `render` makes, such as "svg", "pdf", "png".
        rankdir: "LR" from left to right, "TB" from top to bottom.

    Raises ImportError if the package graphviz is missing.
    """
    try:
        import graphviz
    except ImportError:
        raise ImportError(
            "this needs the package graphviz: pip install graphviz; "
            "draw(z), and saving as .svg, .html or .png, need nothing of it"
        ) from None
    dot = graphviz.Digraph(
        "computation_graph",
        format=format,
        graph_attr={"rankdir": rankdir, "fontname": FONTS, "nodesep": "0.3", "ranksep": "0.45"},
        node_attr={"shape": "plain", "fontname": FONTS, "fontsize": "13"},
        edge_attr={"color": LIGHT["edge"], "fontname": FONTS, "fontsize": "13", "arrowsize": "0.7"},
    )
    for node in graph.nodes:
        tip = _text(node.described(graph))
        dot.node(f"n{node.index}", label=f"<{_card(graph, node)}>", tooltip=tip)
    if graph.notes:
        dot.attr(label=_text(" ".join(graph.notes)), fontcolor=LIGHT["muted"], fontsize="12")
    _frame_neurons(dot, graph)
    leaving, arriving = (":e", ":w") if rankdir == "LR" else ("", "")
    for edge in graph.edges:
        tip = _text(edge.described())
        start, end = f"n{edge.source}{leaving}", f"n{edge.target}:op{arriving}"
        dot.edge(start, end, tooltip=tip, **_arrow(graph, edge))
    return dot


def pdf(graph: Graph) -> bytes:
    """A graph as PDF, drawn by Graphviz.

    Raises FileNotFoundError if Graphviz is not installed, ImportError if its package is not.
    """
    dot = digraph(graph)
    if not has_graphviz():
        raise FileNotFoundError(
            "PDF is drawn by Graphviz, and its program dot is not on the PATH: "
            f"{GET_GRAPHVIZ}; .svg, .html and .png need nothing of it"
        )
    drawn: bytes = dot.pipe(format="pdf")
    return drawn


def has_graphviz() -> bool:
    """Whether the program `dot` can be called."""
    return shutil.which("dot") is not None


# ---- cards and arrows -------------------------------------------------------------------------


def _card(graph: Graph, node: Node) -> str:
    """Name and formula, value, gradient; at its left the operation, where arrows arrive."""
    rows = [_header(node)]
    if node.kind != "constant":
        rows.append(_row("value", "value", number_text(node.data)))
        gradient = NOT_COMPUTED if node.gradient is None else number_text(node.gradient)
        rows.append(_row("gradient", f"<I>{_text(graph.gradient_name(node))}</I>", gradient))
    card = _table(
        "".join(rows),
        border=2 if node.is_output else 1,
        spacing=3,
        color=LIGHT["ink" if node.is_output else "line"],
        bgcolor=LIGHT["card"],
        style="rounded,dashed" if node.kind == "constant" else "rounded",
    )
    if not node.badge:
        return card
    badge = _in(LIGHT["card"], f"<B>{_text(node.badge)}</B>")
    operation = _cell(badge, port="op", bgcolor=LIGHT["ink"], style="rounded", cellpadding=6)
    return _table(f"<TR>{operation}{_cell(card, cellpadding=0)}</TR>", border=0, spacing=0)


def _header(node: Node) -> str:
    """The first row: name and formula of an operation, or name and kind."""
    if node.kind == "operation":
        formula = f" = <I>{_text(node.formula)}</I>" if node.formula else ""
        title = _big(f"<I>{_text(node.name)}</I>{formula}")
        return f"<TR>{_cell(title, align='left', colspan=2)}</TR>"
    style = "B" if node.kind == "constant" else "I"
    name = _cell(_big(f"<{style}>{_text(node.name)}</{style}>"), align="left")
    kind = _in(LIGHT["muted"], f'<FONT POINT-SIZE="11">{node.kind}</FONT>')
    return f"<TR>{name}{_cell(kind, align='right')}</TR>"


def _row(role: str, name: str, number: str) -> str:
    """What it is at the left, how much at the right."""
    tint, ink = LIGHT[f"{role}-tint"], LIGHT[role]
    name = _in(LIGHT["muted"] if role == "value" else ink, name)
    left, right = _cell(name, align="left"), _cell(_in(ink, f"<B>{number}</B>"), align="right")
    row = _table(f"<TR>{left}{right}</TR>", 0, 0, bgcolor=tint, style="rounded")
    return f"<TR>{_cell(row, colspan=2, cellpadding=0)}</TR>"


def _arrow(graph: Graph, edge: Edge) -> dict[str, str]:
    """How the arrow of an operand looks, and the slope along it."""
    if graph.nodes[edge.source].kind == "constant":
        return {}
    if edge.slope is None:
        label = _in(LIGHT["muted"], f"<I>{_text(edge.derivative)}</I>{_text(edge.cut)}")
        return {"style": "dashed", "label": f"<{label}>"}
    forms = [f"<I>{_text(edge.derivative)}</I>"]
    if edge.formula and len(edge.formula) <= LONGEST_SLOPE:
        forms.append(f"<I>{_text(edge.formula)}</I>")
    line = _in(LIGHT["slope"], " = ".join([*forms, f"<B>{edge.number}</B>"]))
    pill = _table(f"<TR>{_cell(line)}</TR>", 0, 0, bgcolor=LIGHT["slope-tint"], style="rounded")
    return {"label": f"<{pill}>"}


def _frame_neurons(dot: graphviz.Digraph, graph: Graph) -> None:
    """A frame around the nodes of each neuron of the model, and around those of each layer."""
    layers = _layers(graph)
    for layer, neurons in layers.items():
        # of a neuron on its own, the layer is not framed: that takes a name with cluster in it
        is_alone = len(layers) == len(neurons) == 1
        with dot.subgraph(name="layer" if is_alone else f"cluster_{layer}") as outer:
            outer.attr(label=f"layer {layer}", **FRAME)
            for place, indices in neurons.items():
                with outer.subgraph(name=f"cluster_{layer}_{place}") as inner:
                    inner.attr(label="neuron" if is_alone else f"neuron {place}", **FRAME)
                    for index in indices:
                        inner.node(f"n{index}")


def _layers(graph: Graph) -> dict[int, dict[int, list[int]]]:
    """By layer and place the nodes of each neuron; none if there are several networks."""
    nodes: dict[tuple[int, int], list[int]] = {}
    framed: set[int] = set()
    for unit in graph.units:
        for v in unit.nodes:
            index = graph.node(v).index
            if index not in framed:  # weights may be shared, by samples or by neurons
                nodes.setdefault((unit.layer, unit.place), []).append(index)
                framed.add(index)
    if len({id(unit.neuron) for unit in graph.units}) != len(nodes):
        return {}
    layers: dict[int, dict[int, list[int]]] = {}
    for layer, place in sorted(nodes):
        layers.setdefault(layer, {})[place] = nodes[layer, place]
    return layers


# ---- HTML-like labels -------------------------------------------------------------------------


def _text(text: object) -> str:
    """Any text as the content of an HTML-like label, or as a tooltip."""
    return escaped(text).replace("\\", "∖")


def _table(rows: str, border: int, spacing: int, **attributes: str) -> str:
    settings: dict[str, str | int] = {
        "border": border,
        "cellborder": 0,
        "cellspacing": spacing,
        "cellpadding": 3,
    }
    return f"<TABLE{_attributes(settings | attributes)}>{rows}</TABLE>"


def _cell(content: str, **attributes: str | int) -> str:
    return f"<TD{_attributes(attributes)}>{content}</TD>"


def _in(colour: str, text: str) -> str:
    return f'<FONT COLOR="{colour}">{text}</FONT>'


def _big(text: str) -> str:
    return f'<FONT POINT-SIZE="15">{text}</FONT>'


def _attributes(attributes: Mapping[str, str | int]) -> str:
    return "".join(f' {name.upper()}="{x}"' for name, x in attributes.items())
