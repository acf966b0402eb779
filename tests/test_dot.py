"""to_dot and draw_dot: the same graph in the language of Graphviz, with Graphviz and without."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import graphviz
import pytest
from drawn import GRAPHS, on_arrow
from renew_golden import fan_out, log_of_product, network, neuron, square

import microgrunderscore
from microgrunderscore import MLP, Value
from microgrunderscore.pictures import draw_dot as module
from microgrunderscore.pictures.dot import digraph, pdf, to_dot
from microgrunderscore.pictures.draw import Drawing, draw
from microgrunderscore.pictures.draw_dot import draw_dot
from microgrunderscore.pictures.graph import Edge, Graph, Node
from microgrunderscore.pictures.names import number_text
from microgrunderscore.pictures.palette import LIGHT

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")

every_graph = pytest.mark.parametrize("name", GRAPHS)


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without Graphviz, on which nobody was told so yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    module._say.cache_clear()
    yield
    module._say.cache_clear()


# ---- the source -------------------------------------------------------------------------------

NODE = re.compile(r'\tn(\d+) \[label=<(.*)> tooltip="(.*)"\]')
EDGE = re.compile(
    r'\tn(\d+):e -> n(\d+):op:w \[(?:label=<(.*?)> )?(?:style=(\w+) )?tooltip="(.*)"\]'
)


def nodes_of(source: str) -> list[tuple[ET.Element, str]]:
    """The label and the tooltip of each node, in order."""
    found = [match.groups() for match in map(NODE.fullmatch, source.split("\n")) if match]
    assert [int(index) for index, _, _ in found] == list(range(len(found)))
    return [(ET.fromstring(label), html.unescape(tip)) for _, label, tip in found]


def edges_of(source: str) -> list[dict[str, Any]]:
    """Every edge statement."""
    keys = ("source", "target", "label", "style", "tip")
    found = [match.groups() for match in map(EDGE.fullmatch, source.split("\n")) if match]
    assert len(found) == source.count(" -> ")
    return [dict(zip(keys, groups, strict=True)) for groups in found]


def texts(element: ET.Element) -> list[str]:
    """What stands in each cell that holds no table."""
    cells = [cell for cell in element.iter("TD") if cell.find("TABLE") is None]
    return ["".join(cell.itertext()) for cell in cells]


def on_card(graph: Graph, node: Node) -> list[str]:
    if node.kind == "constant":
        return [number_text(node.data), "constant"]
    gradient = "·" if node.gradient is None else number_text(node.gradient)
    header = [node.badge, node.title] if node.badge else [node.title, node.kind]
    return [*header, "value", number_text(node.data), graph.gradient_name(node), gradient]


def on_line(graph: Graph, edge: Edge) -> str:
    return "" if graph.nodes[edge.source].kind == "constant" else on_arrow(edge)


@every_graph
def test_the_source_says_what_the_graph_says(name: str) -> None:
    z = GRAPHS[name]()
    graph, source = Graph(z), to_dot(z).source
    nodes = nodes_of(source)
    assert len(nodes) == len(graph.nodes)
    for node, (label, tip) in zip(graph.nodes, nodes, strict=True):
        assert texts(label) == on_card(graph, node)
        assert tip == node.described(graph)
        card = label if not node.badge else label.findall("TR/TD")[1].find("TABLE")
        assert card is not None
        assert card.get("BORDER") == ("2" if node.is_output else "1")
        assert ("dashed" in card.get("STYLE", "")) is (node.kind == "constant")
        assert (label.find("TR/TD").get("PORT") == "op") is bool(node.badge)  # type: ignore[union-attr]
    edges = edges_of(source)
    assert len(edges) == len(graph.edges)
    for edge, found in zip(graph.edges, edges, strict=True):
        assert (int(found["source"]), int(found["target"])) == (edge.source, edge.target)
        label = ET.fromstring(f"<l>{found['label'] or ''}</l>")
        assert "".join(label.itertext()) == on_line(graph, edge)
        assert html.unescape(found["tip"]) == edge.described()
        is_cut = edge.slope is None and graph.nodes[edge.source].kind != "constant"
        assert found["style"] == ("dashed" if is_cut else None)
        assert ("BGCOLOR" in (found["label"] or "")) is (edge.slope is not None)


@every_graph
def test_colours_are_those_of_the_light_palette(name: str) -> None:
    source = to_dot(GRAPHS[name]()).source
    assert set(re.findall(r'"(#[0-9a-f]{6})"', source)) <= set(LIGHT.values())


def test_the_whole_is_a_digraph_from_left_to_right() -> None:
    dot = to_dot(log_of_product())
    assert isinstance(dot, graphviz.Digraph)
    assert dot.source.startswith("digraph computation_graph {\n")
    assert "rankdir=LR" in dot.source
    assert dot.source == to_dot(log_of_product()).source == digraph(Graph(log_of_product())).source


def test_names() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y
    source = to_dot(z, names={"x": x, "y": y}, output="loss").source
    assert [texts(label)[1 if i == 2 else 0] for i, (label, _) in enumerate(nodes_of(source))] == [
        *("x", "y", "loss = x · y")
    ]
    model, output = neuron()
    shown = [texts(label) for label, _ in nodes_of(to_dot(output, model=model).source)]
    assert ["w₁", "weight"] in [cells[:2] for cells in shown]


def test_two_passes_are_noted_below_the_picture() -> None:
    z = log_of_product()
    assert "other passes" not in to_dot(z).source
    z.backward()
    assert 'label="These gradients are not those of one backward pass from z: ' in to_dot(z).source


# ---- frames -----------------------------------------------------------------------------------


def frames(source: str) -> dict[str, tuple[str, list[str]]]:
    """The label of each frame, and what stands in it but in no frame inside it."""
    found: dict[str, tuple[str, list[str]]] = {}
    open_: list[str] = []
    for line in source.split("\n"):
        if match := re.fullmatch(r"\t+subgraph (\w+) \{", line):
            open_.append(match[1])
        elif line.strip() == "}" and open_:
            open_.pop()
        elif open_ and (match := re.search(r'label="?([\w ]+?)"?(?: |$)(?=\w+=)', line)):
            found[open_[-1]] = (match[1], [])
        elif open_ and re.fullmatch(r"\t+n\d+", line):
            found[open_[-1]][1].append(line.strip())
    return found


def test_layers_and_neurons_are_framed() -> None:
    model, output = network()
    graph = Graph(output, model=model)
    names = {f"n{node.index}": str(node.name) for node in graph.nodes}
    found = frames(to_dot(output, model=model).source)
    shown = {frame: (label, [names[n] for n in nodes]) for frame, (label, nodes) in found.items()}
    assert shown == {
        "cluster_1": ("layer 1", []),
        "cluster_1_1": ("neuron 1", ["w₁₁⁽¹⁾", "w₁₂⁽¹⁾", "b₁⁽¹⁾", "a₁⁽¹⁾", "h₁⁽¹⁾"]),
        "cluster_1_2": ("neuron 2", ["w₂₁⁽¹⁾", "w₂₂⁽¹⁾", "b₂⁽¹⁾", "a₂⁽¹⁾", "h₂⁽¹⁾"]),
        "cluster_2": ("layer 2", []),
        "cluster_2_1": ("neuron 1", ["w₁₁⁽²⁾", "w₁₂⁽²⁾", "b₁⁽²⁾", "a₁⁽²⁾"]),
    }
    assert frames(to_dot(output).source) == {}


def test_a_neuron_on_its_own_has_one_frame() -> None:
    model, output = neuron()
    found = frames(to_dot(output, model=model).source)
    assert [(k, label) for k, (label, nodes) in found.items() if nodes] == [
        ("cluster_1_1", "neuron")
    ]
    assert [k for k in found if k.startswith("cluster")] == ["cluster_1_1"]


def test_the_samples_of_a_batch_share_a_frame() -> None:
    model = MLP(1, [1, 1], seed=0)
    loss = model([1.0]) + model([2.0])
    found = frames(to_dot(loss, model=model).source)
    framed = [n for _, nodes in found.values() for n in nodes]
    assert len(framed) == len(set(framed)) == 4 + 3 * 2
    assert {len(found[k][1]) for k in ("cluster_1_1", "cluster_2_1")} == {4, 6}


def test_two_networks_are_not_framed_as_one() -> None:
    first, second = MLP(1, [1], seed=0), MLP(1, [1], seed=1)
    loss = first([1.0]) + second([1.0])
    assert frames(to_dot(loss, names={"first": first, "second": second}).source) == {}


# ---- what is refused --------------------------------------------------------------------------


def chain(count: int) -> Value:
    z = Value(1.0, "x")
    for _ in range(count - 1):
        z = z + 1.0
    return z


@pytest.mark.parametrize("draws", [to_dot, draw_dot])
def test_too_many_nodes_for_graphviz(draws: Callable[..., Any]) -> None:
    z = chain(401)
    with pytest.raises(ValueError, match=r"of 401 nodes, more than max_nodes=400") as caught:
        draws(z)
    for way_out in ("draw(z)", "draw(z, model=model)", f"{draws.__name__}(z, max_nodes=401)"):
        assert way_out in str(caught.value)
    with pytest.raises(ValueError, match="of 10,000 nodes"):
        draws(chain(10_000))
    with pytest.raises(ValueError, match="max_nodes must be at least 1"):
        draws(z, max_nodes=0)


def test_the_limit_can_be_raised() -> None:
    assert len(nodes_of(to_dot(chain(401), max_nodes=401).source)) == 801
    assert len(nodes_of(to_dot(chain(400)).source)) == 799


@pytest.mark.parametrize("draws", [to_dot, draw_dot])
@pytest.mark.parametrize("thing", [3.0, None, [Value(1.0)]])
def test_only_values(draws: Callable[..., Any], thing: Any) -> None:
    with pytest.raises(TypeError, match=f"{draws.__name__} needs the Value that was computed"):
        draws(thing)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    picture = draw(log_of_product())
    for use in (
        lambda: to_dot(log_of_product()),
        lambda: picture.save(tmp_path / "a.dot"),
        lambda: picture.save(tmp_path / "a.pdf"),
    ):
        with pytest.raises(ImportError, match="pip install graphviz"):
            use()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_graphviz")
def test_pdf_without_graphviz(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        draw(log_of_product()).save(tmp_path / "a.pdf")
    for part in ("dot is not on the PATH", "apt install", "brew install", "winget install", ".svg"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    draw(log_of_product()).save(tmp_path / "a.dot")  # needs the package only


# ---- with Graphviz ----------------------------------------------------------------------------


@needs_graphviz
def test_pdf(tmp_path: Path) -> None:
    path = draw(log_of_product()).save(tmp_path / "a.pdf")
    assert path.read_bytes().startswith(b"%PDF-")
    assert path.read_bytes().rstrip().endswith(b"%%EOF")
    assert pdf(Graph(fan_out())).startswith(b"%PDF-")


@needs_graphviz
def test_graphviz_accepts_every_source() -> None:
    model, output = network()
    sources = [to_dot(make()).source for make in GRAPHS.values()]
    sources.append(to_dot(output, model=model).source)
    done = subprocess.run(
        ["dot", "-Tsvg"],
        input="".join(sources).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    pictures = done.stdout.decode().split("<?xml")[1:]
    assert len(pictures) == len(sources)
    shown = html.unescape(re.sub(r"<[^>]*>", "", pictures[0]))
    for text in ("log", "v₁", "1.792", "∂z/∂v₁", "0.1667", "1/v₁"):
        assert text in shown


@needs_graphviz
def test_parallel_arrows_are_drawn_twice() -> None:
    data = json.loads(to_dot(square()).pipe(format="json"))
    assert len(data["edges"]) == 2
    lines = [next(d["points"] for d in e["_draw_"] if d["op"] == "b") for e in data["edges"]]
    assert lines[0] != lines[1]


@needs_graphviz
def test_draw_dot_gives_what_micrograd_gives() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dot = draw_dot(fan_out())
    assert isinstance(dot, graphviz.Digraph)
    assert dot.format == "svg"
    assert dot.source == to_dot(fan_out()).source
    assert "image/svg+xml" in dot._repr_mimebundle_()


@needs_graphviz
def test_draw_dot_renders(tmp_path: Path) -> None:
    path = Path(draw_dot(fan_out(), format="png").render(tmp_path / "gout"))
    assert path == tmp_path / "gout.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    for rankdir in ("TB", "RL", "BT"):
        dot = draw_dot(fan_out(), rankdir=rankdir)
        assert f"rankdir={rankdir}" in dot.source
        assert dot.pipe()


@pytest.mark.parametrize("rankdir", ["XY", "", "lr", None])
def test_directions(rankdir: Any) -> None:
    with pytest.raises(ValueError, match="rankdir must be one of LR, TB, RL, BT"):
        draw_dot(fan_out(), rankdir=rankdir)


@needs_graphviz
def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="gif8"):
        draw_dot(fan_out(), "gif8")


# ---- without Graphviz -------------------------------------------------------------------------


@pytest.mark.usefixtures("no_graphviz")
def test_draw_dot_draws_by_itself_and_says_so_once() -> None:
    with pytest.warns(UserWarning, match="dot is not on the PATH") as caught:
        pictures = [draw_dot(fan_out()) for _ in range(5)]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "draw(root)" in str(caught[0].message)
    for picture in pictures:
        assert isinstance(picture, Drawing)
        assert picture.svg == draw(fan_out()).svg
    assert set(pictures[0]._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/plain"}


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.filterwarnings("ignore:draw_dot draws without Graphviz")
def test_what_only_a_digraph_can_is_refused_with_the_way_out(tmp_path: Path) -> None:
    picture = draw_dot(fan_out())
    for name in ("render", "view", "pipe", "source"):
        assert hasattr(graphviz.Digraph, name)
        with pytest.raises(AttributeError, match=r"\.save\('picture\.svg'\)") as caught:
            getattr(picture, name)
        assert f"no .{name}" in str(caught.value)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = picture.nonsense
    assert not hasattr(picture, "_repr_html_")
    assert picture.save(tmp_path / "gout.svg").read_bytes() == picture.svg.encode()


@pytest.mark.filterwarnings("ignore:draw_dot draws without Graphviz")
@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
@pytest.mark.usefixtures("no_graphviz")
def test_it_shows_itself_in_a_notebook_whatever_the_format(format: str) -> None:
    assert "image/svg+xml" in draw_dot(fan_out(), format)._repr_mimebundle_()


@needs_graphviz
def test_draw_dot_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    module._say.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="pip install graphviz"):
        assert isinstance(draw_dot(fan_out()), Drawing)
    module._say.cache_clear()


def test_it_is_not_imported_with_the_package() -> None:
    code = "import sys, microgrunderscore.pictures.draw_dot; print('graphviz' in sys.modules)"
    folder = str(Path(microgrunderscore.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": folder}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"
