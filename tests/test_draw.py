"""draw(z): its numbers are those of the graph, nothing is cut off, every size has its picture."""

from __future__ import annotations

import base64
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from drawn import GRAPHS, on_arrow
from renew_golden import GOLDEN, PICTURES, fan_out, log_of_product, many, neuron

import microgrunderscore
from microgrunderscore import MLP, Value, dot, explain
from microgrunderscore.pictures.draw import Drawing, draw
from microgrunderscore.pictures.graph import Graph, Node
from microgrunderscore.pictures.names import number_text
from microgrunderscore.pictures.overview import Overview
from microgrunderscore.pictures.palette import DARK, LIGHT, font
from microgrunderscore.pictures.svg import one_line

PACKAGE = Path(microgrunderscore.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
NBSP = "\N{NO-BREAK SPACE}"


def chain(count: int) -> Value:
    """A graph of so many nodes, in a line."""
    z = Value(1.0, "x")
    for _ in range(count - 1):
        z = z + 1.0
    return z


def doubled(times: int) -> Value:
    """2ⁿ·x by adding to itself: as many paths as the number says."""
    z = Value(0.5, "x")
    for _ in range(times):
        z = z + z
    return z


# ---- golden files -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_golden_pictures(name: str) -> None:
    path, found = GOLDEN / name, PICTURES[name]()
    expected = path.read_bytes().decode() if path.exists() else ""
    if found != expected:
        i = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), 0)
        start = max(0, i - 60)
        pytest.fail(
            f"{path} is not what is drawn now. At character {i} of {len(expected)}:\n"
            f"  expected …{expected[start : i + 60]!r}\n"
            f"  but got  …{found[start : i + 60]!r}\n"
            "If the picture was meant to change: python tests/renew_golden.py, then look at it.",
            pytrace=False,
        )


def test_there_are_no_other_golden_pictures() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(PICTURES)


def test_the_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import hashlib, sys; sys.path[:0] = sys.argv[1:]\n"
        "from renew_golden import PICTURES\n"
        "print(hashlib.sha256(''.join(p() for p in PICTURES.values()).encode()).hexdigest())"
    )
    folders = [str(PACKAGE.parent), str(Path(__file__).parent)]
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, *folders],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0] == runs[1] != ""


# ---- what stands in a picture -----------------------------------------------------------------


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.encode())


def marked(svg: str, mark: str) -> dict[int, ET.Element]:
    """The groups of cards, arrows or pills, by the index of what they show."""
    groups = parsed(svg).iter(f"{SVG}g")
    return {int(g.get(mark, "")): g for g in groups if g.get(mark) is not None}


def texts(element: ET.Element) -> list[str]:
    return ["".join(t.itertext()).replace(NBSP, " ") for t in element.iter(f"{SVG}text")]


def expected_on_card(graph: Graph, node: Node) -> set[str]:
    if node.kind == "constant":
        return {number_text(node.data), "constant"}
    gradient = "·" if node.gradient is None else number_text(node.gradient)
    shown = {node.title, "value", number_text(node.data), graph.gradient_name(node), gradient}
    return shown | {node.badge if node.badge else node.kind}


every_graph = pytest.mark.parametrize("name", GRAPHS)


@every_graph
def test_cards_and_pills_say_what_the_graph_says(name: str) -> None:
    z = GRAPHS[name]()
    picture, graph = draw(z), Graph(z)
    cards, pills = marked(picture.svg, "data-node"), marked(picture.svg, "data-slope")
    assert sorted(cards) == [node.index for node in graph.nodes]
    for node in graph.nodes:
        assert set(texts(cards[node.index])) == expected_on_card(graph, node)
        assert cards[node.index].findtext(f"{SVG}title") == node.described(graph)
        classes = cards[node.index].find(f"{SVG}rect").get("class").split()  # type: ignore[union-attr]
        assert ("card-output" in classes) is node.is_output
        assert ("card-constant" in classes) is (node.kind == "constant")
    shown = [e for e in graph.edges if graph.nodes[e.source].kind != "constant"]
    assert sorted(pills) == [edge.index for edge in shown]
    for edge in shown:
        assert texts(pills[edge.index]) == [on_arrow(edge)]
    arrows = marked(picture.svg, "data-edge")
    assert sorted(arrows) == [edge.index for edge in graph.edges]
    for edge in graph.edges:
        line = arrows[edge.index].find(f"{SVG}path").get("class")  # type: ignore[union-attr]
        is_cut = edge.slope is None and graph.nodes[edge.source].kind != "constant"
        assert line == ("edge edge-cut" if is_cut else "edge")
    assert picture.title == f"Computation graph of {graph.output.title}"
    assert picture.text == graph.description() == str(picture)
    assert parsed(picture.svg).findtext(f"{SVG}title") == picture.title
    assert parsed(picture.svg).findtext(f"{SVG}desc") == one_line(picture.text)
    assert parsed(picture.svg).get("role") == "img"


@every_graph
def test_small_boxes_say_name_and_value(name: str) -> None:
    z = GRAPHS[name]()
    picture, graph = draw(z, compact=True), Graph(z)
    boxes = marked(picture.svg, "data-node")
    for node in graph.nodes:
        number = number_text(node.data)
        line = number if node.kind == "constant" else f"{node.name} = {number}"
        assert texts(boxes[node.index])[-1] == line
        assert boxes[node.index].findtext(f"{SVG}title") == node.described(graph)
    assert len(marked(picture.svg, "data-edge")) == len(graph.edges)
    assert (
        f"{len(graph.nodes)} nodes and {len(graph.edges)} edges." in texts(parsed(picture.svg))[-1]
    )


def test_lines_between_the_same_two_boxes_are_apart() -> None:
    """Two uses of x are two lines, also where they are small: x · x is not x."""
    x = Value(2.0, "x")
    for z, count in ((x * x, 2), (dot([x] * 20, [x] * 20), 40)):
        lines = marked(draw(z, compact=True).svg, "data-edge")
        paths = {str(line.find(f"{SVG}path").get("d")) for line in lines.values()}  # type: ignore[union-attr]
        assert len(paths) == count


def test_small_boxes_say_whether_gradients_were_computed() -> None:
    z = Value(2.0, "x").sin()
    assert "not computed; call backward()" in texts(parsed(draw(z, compact=True).svg))[-1]
    z.backward()
    assert "the larger its gradient" in texts(parsed(draw(z, compact=True).svg))[-1]


def test_names_of_variables_of_the_model_and_of_the_output() -> None:
    x, y = Value(2.0), Value(3.0)
    v = x * y
    assert "z = x · y" in texts(parsed(draw(v, names={"x": x, "y": y}).svg))
    assert "loss = x · y" in texts(parsed(draw(v, names=locals(), output="loss").svg))
    assert "z = v₁ · v₂" in texts(parsed(draw(v).svg))
    model, output = neuron()
    shown = texts(parsed(draw(output, model=model).svg))
    assert {"w₁", "w₂", "b", "x₁", "x₂", "a = w₁·x₁ + w₂·x₂ + b", "h = relu(a)"} <= set(shown)
    assert (shown.count("weight"), shown.count("bias")) == (2, 1)


def test_two_passes_are_noted_below_the_picture() -> None:
    z = log_of_product()
    assert "other passes" not in draw(z).svg
    z.backward()
    assert "other passes are in them" in texts(parsed(draw(z).svg))[-1]


def extents(svg: str) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, right, bottom of every rectangle and, estimated, of every text."""
    for rect in list(parsed(svg).iter(f"{SVG}rect"))[1:]:
        x, y, width, height = (float(rect.get(k, "")) for k in ("x", "y", "width", "height"))
        yield x, y, x + width, y + height
    for line in parsed(svg).iter(f"{SVG}text"):
        classes = line.get("class", "")
        width = sum(
            font(f"{classes} {own}").width(text)
            for text, own in [
                (line.text or "", ""),
                *((t.text or "", t.get("class", "")) for t in line),
                *((t.tail or "", "") for t in line),
            ]
        )
        x, y = float(line.get("x", "")), float(line.get("y", ""))
        left = x - width * ("end" in classes.split()) - width / 2 * ("middle" in classes.split())
        yield left, y - font(classes).size, left + width, y + 0.3 * font(classes).size


@every_graph
@pytest.mark.parametrize("kind", ["cards", "small", "paths", "noted"])
def test_nothing_is_cut_off(name: str, kind: str) -> None:
    z = GRAPHS[name]()
    if kind == "noted":
        z.backward()
        z.backward()
    first = Graph(z).nodes[0]
    picture = draw(z, wrt=first.value if kind == "paths" else None, compact=kind == "small")
    left, top, width, height = map(float, parsed(picture.svg).get("viewBox", "").split())
    for box in extents(picture.svg):
        assert left <= box[0]
        assert top <= box[1]
        assert box[2] <= left + width
        assert box[3] <= top + height


@every_graph
def test_texts_fit_on_their_cards(name: str) -> None:
    for compact in (False, True):
        for group in marked(draw(GRAPHS[name](), compact=compact).svg, "data-node").values():
            rects = list(group.iter(f"{SVG}rect"))
            left = min(float(r.get("x", "")) for r in rects)
            right = max(float(r.get("x", "")) + float(r.get("width", "")) for r in rects)
            alone = f'<svg xmlns="{SVG[1:-1]}"><rect/>{ET.tostring(group, "unicode")}</svg>'
            for box in extents(alone):
                assert left - 0.1 <= box[0]
                assert box[2] <= right + 0.1


# ---- paths ------------------------------------------------------------------------------------


def path_rows(picture: Drawing) -> list[str]:
    rows = picture.text.removeprefix(picture.graph.description())
    return rows.strip("\n").split("\n")


def test_rows_have_the_numbers_of_explain() -> None:
    z = fan_out()
    picture, said = draw(z, wrt="x"), explain(z, "x")
    assert path_rows(picture) == [
        "x → a → z: ∂z/∂a · ∂a/∂x = 1 × 4.2 = 4.2",
        "x → b → z: ∂z/∂b · ∂b/∂x = 1 × 0.8776 = 0.8776",
        "sum over 2 paths: ∂z/∂x = 5.078",
    ]
    shown = texts(parsed(picture.svg))
    for path in said.paths:
        numbers = " × ".join(map(number_text, path.slopes))
        assert f"{numbers} = {number_text(path.product)}" in shown
    assert shown[-1] == number_text(said.value) == "5.078"


@pytest.mark.parametrize("seed", range(12))
def test_rows_agree_with_explain_for_any_graph(seed: int) -> None:
    z = many(seed)
    graph = Graph(z)
    for node in graph.nodes:
        if node.kind != "input":
            continue
        said = explain(z, node.value)
        rows = path_rows(draw(z, wrt=node.value))
        assert rows[-1].endswith(f" {number_text(said.value)}")
        if said.paths:
            assert [row.rsplit(" ", 1)[1] for row in rows[: said.count]] == [
                number_text(path.product) for path in said.paths
            ]
        else:
            assert rows[0].startswith(str(said).split(". ")[0])


def test_ribbons_run_along_the_arrows_of_their_path() -> None:
    picture = draw(fan_out(), wrt="x")
    arrows = marked(picture.svg, "data-edge")
    lines = {arrows[i].find(f"{SVG}path").get("d"): i for i in arrows}  # type: ignore[union-attr]
    found: dict[str, list[int]] = {}
    for path in parsed(picture.svg).iter(f"{SVG}path"):
        kind = path.get("class", "")
        if kind.startswith("ribbon-") and path.get("d") in lines:
            found.setdefault(kind, []).append(lines[path.get("d")])
    graph = picture.graph  # type: ignore[attr-defined]
    edges = {kind: [graph.edges[i] for i in indices] for kind, indices in found.items()}
    ways = {
        kind: {(graph.nodes[e.source].name.text, graph.nodes[e.target].name.text) for e in way}
        for kind, way in edges.items()
    }
    assert ways == {"ribbon-1": {("x", "a"), ("a", "z")}, "ribbon-2": {("x", "b"), ("b", "z")}}


def test_ribbons_that_share_an_arrow_run_side_by_side() -> None:
    x = Value(2.0, "x")
    z = (x * x).log()
    ribbons = [
        p.get("d") for p in parsed(draw(z, wrt=x).svg).iter(f"{SVG}path")
        if p.get("class", "").startswith("ribbon-") and "C" in p.get("d", "")
    ]  # fmt: skip
    assert len(ribbons) == len(set(ribbons)) == 4


def test_what_is_on_no_path_stands_back() -> None:
    picture = draw(fan_out(), wrt="x")
    faded = [g for g in parsed(picture.svg).iter(f"{SVG}g") if "faded" in g.get("class", "")]
    marks = {(key, g.get(key)) for g in faded for key in g.attrib if key.startswith("data-")}
    assert marks == {("data-node", "1"), ("data-edge", "1"), ("data-slope", "1")}


@pytest.mark.parametrize(("times", "count"), [(2, 4), (3, 8), (20, 1_048_576)])
def test_more_than_six_paths_are_summed_at_the_nodes(times: int, count: int) -> None:
    z = doubled(times)
    rows = path_rows(draw(z, wrt="x"))
    if count <= 6:
        assert rows[-1] == f"sum over {count} paths: ∂z/∂x = {count}"
        assert len(rows) == count + 1
    else:
        assert rows[0].startswith(
            f"{count:,} paths lead from z to x. Backpropagation does not walk"
        )
        assert rows[-1] == f"sum at the nodes: ∂z/∂x = {number_text(count)}"
        assert len(rows) == 3


def test_a_use_in_the_output_itself_is_told_from_the_sum() -> None:
    x = Value(2.0, "x")
    v = x
    for _ in range(3):
        v = v + v
    assert path_rows(draw(v * x, wrt=x))[1:] == [
        "via v₁: ∂z/∂v₁ · ∂v₁/∂x = 8 × 2 = 16",
        "directly: ∂z/∂x⁽¹⁾ = 16",
        "sum at the nodes: ∂z/∂x = 32",
    ]


def test_paths_of_the_output_itself_of_what_was_not_chosen_and_none() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x.maximum(y)
    assert path_rows(draw(z, wrt=z)) == ["z: ∂z/∂z = 1"]
    assert path_rows(draw(z, wrt=x)) == ["x → z: ∂z/∂x = 0"]
    with pytest.raises(ValueError, match="is not in the graph"):
        draw(z, wrt=Value(1.0))
    with pytest.raises(ValueError, match="nothing in the graph is called 'q'"):
        draw(z, wrt="q")
    with pytest.raises(TypeError, match="takes a Value of the graph or its name"):
        draw(z, wrt=3)  # type: ignore[arg-type]


def test_an_explanation_draws_the_same() -> None:
    z = fan_out()
    assert explain(z, "x").picture().svg == draw(z, wrt="x").svg


# ---- sizes ------------------------------------------------------------------------------------


def kind_of(picture: Any) -> str:
    if not isinstance(picture, Drawing):
        return type(picture).__name__
    return "Cards" if marked(picture.svg, "data-slope") else "Compact"


@pytest.mark.parametrize(
    ("nodes", "settings", "kind"),
    [
        (30, {}, "Cards"),  # with their constants 59 cards
        (31, {}, "Compact"),  # 61
        (31, {"compact": False}, "Cards"),
        (30, {"compact": True}, "Compact"),
        (400, {}, "Compact"),
        (401, {}, "Picture"),
        (401, {"max_nodes": 401}, "Compact"),
        (30, {"max_nodes": 29}, "Picture"),
        (401, {"compact": False}, "Picture"),
    ],
)
def test_every_size_has_its_picture(nodes: int, settings: dict[str, Any], kind: str) -> None:
    assert kind_of(draw(chain(nodes), **settings)) == kind


def test_sixty_cards_are_the_most() -> None:
    def sum_of_inputs(count: int) -> Value:
        return microgrunderscore.sum_of([Value(float(i)) for i in range(count)])

    assert kind_of(draw(sum_of_inputs(59))) == "Cards"
    assert kind_of(draw(sum_of_inputs(60))) == "Compact"


def test_a_summary_says_what_to_do() -> None:
    z = chain(401)
    picture = draw(z)
    assert picture.title == "A graph of 401 nodes and 400 edges"
    shown = texts(parsed(picture.svg))
    assert {"400", "1", "add +", "leaf"} <= set(shown)
    for way_out in (
        "draw(z, model=model)",
        "explain(z, x)",
        "draw(z, max_nodes=401)",
        "More than 400",
    ):
        assert way_out in picture.text
        assert any(way_out in line for line in shown)
    left, top, width, height = map(float, parsed(picture.svg).get("viewBox", "").split())
    for box in extents(picture.svg):
        assert left <= box[0] < box[2] <= left + width
        assert top <= box[1] < box[3] <= top + height


def test_a_large_network_is_an_overview() -> None:
    model = MLP(2, [4, 1], seed=0)
    loss = microgrunderscore.mean([model([i / 9.0, 1.0]) ** 2 for i in range(60)])
    assert isinstance(draw(loss, model=model), Overview)
    assert isinstance(draw(loss, names={"model": model}), Overview)
    assert kind_of(draw(loss)) == "Picture"
    assert kind_of(draw(loss, model=MLP(2, [1]))) == "Picture"  # another network


def test_a_chain_of_100_000_is_no_problem() -> None:
    z = chain(100_000)
    start = process_time()
    picture = draw(z)
    assert process_time() - start < 2.0
    assert "draw(z, max_nodes=100000)" in picture.text
    z.backward()
    assert "A graph of 100,000 nodes" in draw(z, wrt="x").title


# ---- themes and bundles -----------------------------------------------------------------------


def test_themes() -> None:
    z = fan_out()
    auto, light, dark = (draw(z, theme=theme).svg for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    for role in ("value", "slope", "gradient", "ink", "background"):
        assert LIGHT[role] in auto
        assert DARK[role] in auto
        assert LIGHT[role] in light
        assert DARK[role] not in light
        assert DARK[role] in dark
    for svg in (auto, light, dark):
        assert "var(" not in svg
        body = svg.split("</style>")[1]
        assert not re.search(r"#[0-9a-f]{6}\b", body)  # colours only by classes
    bodies = [re.sub("mg[0-9a-f]{10}", "", svg).split("</style>")[1] for svg in (auto, light, dark)]
    assert bodies[0] == bodies[1] == bodies[2]


def test_every_class_has_a_style() -> None:
    for picture in (
        draw(many(1)),
        draw(many(1), wrt="x"),
        draw(many(1), compact=True),
        draw(chain(401)),
    ):
        sheet, body = picture.svg.split("</style>")
        used = {
            name for classes in re.findall(r'class="([^"]*)"', body) for name in classes.split()
        }
        assert used - set(re.findall(r"\.([-\w]+)\{", sheet)) == {"arrow-back"} & used


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"theme": "blue"}, ValueError, "theme must be one of auto, light, dark, not 'blue'"),
        ({"format": "pdf"}, ValueError, "format must be one of svg, png, html, not 'pdf'"),
        ({"max_nodes": 0}, ValueError, "max_nodes must be at least 1"),
        ({"max_nodes": 1.5}, TypeError, "max_nodes must be a whole number"),
        ({"model": 3}, TypeError, "model= takes a module"),
        ({"output": "x"}, ValueError, "output='x' is the name of"),
    ],
)
def test_settings_outside_their_range(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        draw(log_of_product(), **settings)


@pytest.mark.parametrize("thing", [3, None, "x", [Value(1.0)]])
def test_only_a_value_can_be_drawn(thing: Any) -> None:
    with pytest.raises(TypeError, match="draw needs the Value that was computed"):
        draw(thing)


class Images(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("div", "img")  # a box that scrolls, and what it holds
        if tag == "img":
            self.found.append(dict(attrs))


def test_what_a_notebook_shows() -> None:
    picture = draw(log_of_product())
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}  # never text/latex as well
    assert bundle["image/svg+xml"] == picture.svg
    assert bundle["text/plain"] == picture.text
    [image] = Images(bundle["text/html"]).found
    address = str(image["src"])
    assert address.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(address.split(",")[1]).decode() == picture.svg
    assert one_line(picture.text) in str(image["alt"])
    assert set(draw(log_of_product(), format="html")._repr_mimebundle_()) == {
        "text/html",
        "text/plain",
    }
    assert repr(picture) == "<Drawing: Computation graph of z = log v₁>"


def test_a_value_stays_text() -> None:
    z = log_of_product()
    assert repr(z) == f"Value(data={z.data}, grad=1.0)"
    for name in ("html", "svg", "latex", "png", "markdown", "mimebundle"):
        assert not hasattr(z, f"_repr_{name}_")
    assert not hasattr(z, "_ipython_display_")


# ---- files ------------------------------------------------------------------------------------


def test_files_by_extension(tmp_path: Path) -> None:
    picture = draw(log_of_product())
    assert picture.save(tmp_path / "a.svg") == tmp_path / "a.svg"
    assert (tmp_path / "a.svg").read_bytes() == picture.svg.encode()
    picture.save(str(tmp_path / "a.HTML"))
    page = (tmp_path / "a.HTML").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert picture.svg in page
    picture.save(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8").startswith("digraph")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.svg.gz", ".svg", "svg", "a.svg "])
def test_unknown_extensions(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"end it in \.svg, \.html, \.png, \.dot, \.pdf"):
        draw(log_of_product()).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_replaced_unasked(tmp_path: Path) -> None:
    picture = draw(log_of_product())
    target = tmp_path / "a.svg"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        picture.save(target)
    assert target.read_text(encoding="utf-8") == "mine"
    picture.save(target, overwrite=True)
    assert target.read_bytes() == picture.svg.encode()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="create it first"):
        draw(log_of_product()).save(tmp_path / "no" / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_png_has_two_pixels_per_px(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    picture = draw(log_of_product(), format="png")
    data = picture.save(tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    root = parsed(picture.svg)
    assert abs(width - 2 * float(root.get("width", ""))) <= 1
    assert abs(height - 2 * float(root.get("height", ""))) <= 1
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]) == data


def test_png_without_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ImportError, match=re.escape('pip install "microgrunderscore[png]"')):
        draw(log_of_product()).save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


# ---- with nothing around ----------------------------------------------------------------------

ALONE = f"""
import sys, warnings
sys.path[:] = [{str(PACKAGE.parent)!r}, *[p for p in sys.path if "site-packages" not in p]]
import microgrunderscore as mg
from microgrunderscore.pictures.dot import to_dot
from microgrunderscore.pictures.draw import draw
from microgrunderscore.pictures.draw_dot import draw_dot
x, y = mg.Value(2.0, "x"), mg.Value(3.0, "y")
z = (x * y).log()
z.backward()
picture = draw(z, wrt=x)
picture.save(sys.argv[1] + "/a.svg")
picture.save(sys.argv[1] + "/a.html")
for use in (lambda: to_dot(z), lambda: picture.save("a.dot"), lambda: picture.save("a.pdf")):
    try:
        use()
    except ImportError as error:
        assert "pip install graphviz" in str(error), error
    else:
        raise AssertionError("there is graphviz")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3):
        assert draw_dot(z).svg == draw(z).svg
assert len(caught) == 1, caught
print(*sorted({{m.split(".")[0] for m in sys.modules}} - set(sys.stdlib_module_names)))
"""


def test_without_any_package_and_with_an_empty_path(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", ALONE, str(tmp_path)],
        env={"PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(done.stdout.split()) <= {"__main__", "microgrunderscore"}
    z = log_of_product()
    assert (tmp_path / "a.svg").read_bytes() == draw(z, wrt="x").svg.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.svg"]


def test_a_wide_picture_is_not_shrunk_to_nothing() -> None:
    wide, narrow = draw(many(1)), draw(log_of_product())
    assert wide.width > 1400 > narrow.width
    for picture, is_wide in ((wide, True), (narrow, False)):
        least = f"min-width:{0.6 * picture.width:.0f}px"
        for html in (picture.fragment, picture.html):
            assert (least in html) is is_wide
            assert "overflow-x:auto" in html
