"""The player as a piece of HTML: whole, small, deterministic, inert; and its equations as MathML.

What happens in a browser is tested in ``test_player_browser.py``.
"""

from __future__ import annotations

import base64
import json
import re
import time
import webbrowser
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from samples import SAMPLES

from microgrunderscore import ops
from microgrunderscore.engine import Value, dot
from microgrunderscore.nn import MLP
from microgrunderscore.operation import OPERATIONS
from microgrunderscore.pictures import mathml, player
from microgrunderscore.pictures.cards import Cards
from microgrunderscore.pictures.graph import Graph
from microgrunderscore.pictures.names import Name, name_of
from microgrunderscore.pictures.palette import DARK, LIGHT
from microgrunderscore.pictures.player import Player, play
from microgrunderscore.pictures.steps import Derivative, Formula, Quantity, Sign, steps

ROOM = Path(player.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)>",
    "]]></style></textarea>",
    '#mg0123456789 id="mg01" aria-label="x" data-node="0"',
    "\u202eevil\x00\u2028",
    "a" * 1000,
]


def log_of_product(x: str = "x", y: str = "y") -> Value:
    return ops.log(Value(2.0, x) * Value(3.0, y))


def network() -> tuple[MLP, Value]:
    """One sample through a network: 36 Values, none of its units dead."""
    model = MLP(2, [3, 2, 1], activation="tanh", seed=6)
    return model, (model([1.0, 2.0]) - 1.0) ** 2


class Tags(HTMLParser):
    """The tags of a page, and whether they close in order."""

    VOID = ("meta", "input", "col", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)


def data_of(shown: Player) -> dict[str, Any]:
    """What stands in the JSON."""
    found: dict[str, Any] = json.loads(Tags(shown.fragment).scripts[0])
    return found


def image_of(shown: Player) -> ET.Element:
    """The picture for readers without scripts."""
    [found] = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown.fragment)
    return ET.fromstring(base64.b64decode(found))


# ---- whole and small --------------------------------------------------------------------------


def test_a_page_needs_nothing_else() -> None:
    shown = play(log_of_product())
    page = Tags(shown.html)
    assert [tag for tag, _ in page.tags].count("script") == 2
    for tag, attributes in [*page.tags, *Tags(data_of(shown)["view"]).tags]:
        assert tag not in ("link", "iframe", "object", "embed", "base", "use", "foreignobject")
        assert not {"href", "srcset", "action", "xlink:href"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert tag == "img" or "src" not in attributes
    addresses = set(re.findall(r"\w+://[\w./-]+", shown.html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in shown.html
    assert "@import" not in shown.html


def test_no_ids_that_could_collide() -> None:
    shown = play(log_of_product())
    data = data_of(shown)
    for tag, attributes in [*Tags(shown.fragment).tags, *Tags(data["view"]).tags]:
        assert "id" not in attributes, tag
    assert not [e for e in image_of(shown).iter() if "id" in e.attrib]


def test_sizes() -> None:
    """A page for log(x·y), and one for a network of 36 Values; the target is 40 and 250 KB."""
    assert len(play(log_of_product("x", "y")).html.encode()) < 40_000
    model, z = network()
    shown = play(z, model=model)
    assert (len(shown.graph.nodes), len(shown.steps)) == (36, 57)
    assert len(shown.html.encode()) < 250_000


def test_the_same_input_gives_the_same_bytes() -> None:
    for settings in ({}, {"quiz": True}, {"break_it": "="}, {"theme": "dark", "start": 3}):
        first, second = (play(log_of_product(), **settings) for _ in range(2))  # type: ignore[arg-type]
        assert first.html == second.html
        assert first.svg == second.svg


def test_the_data_is_that_of_the_steps() -> None:
    shown = play(log_of_product(), seconds=0.75, start=-2)
    data = data_of(shown)
    assert (data["milliseconds"], data["start"], data["theme"]) == (750, 6, "auto")
    assert len(data["steps"]) == len(shown.steps) == 8
    for found, step in zip(data["steps"], shown.steps, strict=True):
        assert found["nodes"] == list(step.nodes)
        assert found["edges"] == list(step.edges)
        assert (found["pass"] == "forward") == step.is_forward
        assert found["rows"] == {
            str(row.node): [row.value, row.gradient, row.products] for row in step.rows
        }
        assert "answer" not in found
    assert data["details"][2] == ["v₁ = x · y", "value 6.0", "∂z/∂v₁ 0.16666666666666666"]


def test_numbers_are_asked_only_in_a_quiz_and_only_finite_ones() -> None:
    x = Value(0.5, "x")
    z = Value(3.0, (x,), (float("inf"),)) * 2.0
    answers = [step.get("answer") for step in data_of(play(z, quiz=True))["steps"]]
    assert answers == [None, 3.0, 6.0, None, 2.0, None, None]


def test_the_picture_without_scripts_shows_the_last_step() -> None:
    shown = play(log_of_product())
    texts = [text for e in image_of(shown).iter(f"{SVG}text") for text in e.itertext()]
    for text in ("6", "1.792", "0.5", "0.3333", "0.1667", "0.1667 × 2 = 0.3333"):
        assert text in texts
    items = re.findall(r"<li>(.*?)</li>", shown.fragment)
    assert len(items) == len(shown.steps)
    for item, step in zip(items, shown.steps, strict=True):
        assert re.sub(r"<[^>]+>", "", item) == f"{step.title}: {step}"


def test_the_picture_of_a_broken_pass_shows_the_wrong_numbers() -> None:
    x = Value(3.0, "x")
    texts = ["".join(e.itertext()) for e in image_of(play(x * x, break_it="=")).iter(f"{SVG}text")]
    assert "3 ✗" in texts
    assert "6" not in texts


def test_colours_come_from_the_palette() -> None:
    for name in ("player.css", "quiz.css", "player.js", "quiz.js"):
        text = (ROOM / name).read_text(encoding="utf-8")
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", text), name
        assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= {
            *LIGHT,
            *("active", "active-tint", "sans", "mono", "math", "turn", "track", "tape"),
        }
    style = data_of(play(log_of_product()))["style"]
    for colours in (LIGHT, DARK):
        for role, colour in colours.items():
            assert f"--{role}:{colour}" in style


@pytest.mark.parametrize("name", ["player.js", "quiz.js", "player.css", "quiz.css"])
def test_comments_stay_at_home(name: str) -> None:
    text, served = (ROOM / name).read_text(encoding="utf-8"), player._asset(name)
    comments = re.findall(r"^\s*//.*$", text, re.MULTILINE) + re.findall(r"/\*", text)
    assert comments
    assert "/*" not in served
    assert not re.findall(r"(?:^|\s)//", served)
    assert len(served) < len(text)


@pytest.mark.parametrize("name", ["player.js", "quiz.js"])
def test_comments_stand_on_lines_of_their_own(name: str) -> None:
    """Only those are taken out; what looks like one within a line would stay, or break the code."""
    for line in (ROOM / name).read_text(encoding="utf-8").splitlines():
        assert "//" not in line or line.strip().startswith("//") or "http://" in line


# ---- what a notebook shows, and files -----------------------------------------------------------


def test_a_notebook_gets_html_and_text() -> None:
    shown = play(log_of_product())
    bundle = shown._repr_mimebundle_()
    assert bundle == {"text/html": shown.fragment, "text/plain": str(shown)}
    assert repr(shown) == "<Player: Backpropagation through z = log(x · y)>"
    lines = str(shown).splitlines()
    assert lines[0] == "Backpropagation through z = log(x · y), in 8 steps"
    assert lines[1:] == [f"{s.number + 1}. {s.title}: {s}" for s in shown.steps]


def test_files(tmp_path: Path) -> None:
    shown = play(log_of_product())
    page = shown.save(tmp_path / "z.html")
    assert page.read_text(encoding="utf-8") == shown.html
    assert shown.fragment in shown.html
    with pytest.raises(FileExistsError, match="overwrite=True"):
        shown.save(page)
    shown.save(page, overwrite=True)
    picture = ET.fromstring(shown.save(tmp_path / "z.svg").read_bytes())
    assert picture.tag == f"{SVG}svg"
    with pytest.raises(ValueError, match=r"\.html, \.svg, \.png"):
        shown.save(tmp_path / "z.gif")


def test_show_opens_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    shown = play(log_of_product())
    page = shown.show()
    assert opened == [page.as_uri()]
    assert page.read_text(encoding="utf-8") == shown.html


def test_gradients_of_the_user_are_not_touched() -> None:
    x = Value(2.0, "x")
    (x * x).backward()
    play(x * x)
    assert x.grad == 4.0


# ---- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"start": 8}, ValueError, "start must be at most 7, the last step, got 8"),
        ({"start": -9}, ValueError, "start must be at least -8, got -9"),
        ({"seconds": 0.1}, ValueError, "seconds must be at least 0.2"),
        ({"seconds": 1e9}, ValueError, "less than 86400"),
        ({"seconds": float("nan")}, ValueError, "seconds must be a finite number"),
        ({"seconds": "fast"}, TypeError, "seconds must be a real number"),
        ({"theme": "blue"}, ValueError, "theme must be one of auto, light, dark"),
        ({"break_it": "+"}, ValueError, 'break_it must be "=" (assign, do not add) or ""'),
        ({"max_nodes": 0}, ValueError, "max_nodes must be at least 1"),
        ({"max_nodes": 3}, ValueError, "this graph has 4 nodes, and 3 are the most"),
        ({"model": 3}, TypeError, "model= takes a module"),
        ({"output": "x"}, ValueError, "is the name of"),
        ({"start": 1.5}, TypeError, "start must be a whole number"),
    ],
)
def test_settings_that_make_no_sense(
    settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        play(log_of_product(), **settings)


def test_only_values_can_be_played() -> None:
    with pytest.raises(TypeError, match=r"play needs the Value that was computed, not 3\.0"):
        play(3.0)  # type: ignore[arg-type]


def test_a_large_graph_names_the_ways_out_at_once() -> None:
    z = Value(1.0, "x")
    for _ in range(100_000):
        z = z + 1.0
    begin = time.perf_counter()
    with pytest.raises(ValueError, match="100,001 nodes") as raised:
        play(z)
    assert time.perf_counter() - begin < 2.0
    for way_out in ("draw(z)", "explain(z, x)", "overview(model, z)", "play(v)", "one sample"):
        assert way_out in str(raised.value)
    assert "max_nodes=100001" in str(raised.value)


def test_a_large_graph_is_played_for_those_who_insist() -> None:
    z = Value(1.0, "x")
    for _ in range(70):
        z = z.sin()
    assert len(play(z, max_nodes=71).steps) == 143


def test_names_of_everything() -> None:
    x, y = Value(2.0), Value(3.0)
    total = x + y
    shown = play(total, names={"x": x, "y": y}, output="total")
    assert shown.title == "Backpropagation through total = x + y"
    assert play(total, title="Mine").title == "Mine"
    assert "broken: = in place of +=" in play(total, break_it="=").title
    assert "a quiz" in play(total, quiz=True).title
    model, z = network()
    assert shown.steps != play(z, model=model).steps
    assert play(z, model=model).title == "Backpropagation through z = (a₁⁽³⁾ − 1)²"


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda x, y: ops.log(x * y), "z = log(x · y)"),
        (lambda x, y: x * y + ops.sin(x), "z = x · y + sin x"),
        (lambda x, y: x, "x"),
        (lambda x, y: (x - y) / (x + y), "z = (x − y)/(x + y)"),
        (lambda x, y: ops.relu(-x) ** 2, "z = relu(−x)²"),
        (lambda x, y: (ops.sin(x * y - 5.0) + ops.cos(x + y - 5.0) + x * x * x) * x, "z = v₁₀ · x"),
        (lambda x, y: dot([x, y], [y, x]), "z = x·y + y·x"),
        (lambda x, y: Value(1.0, (x, y), (1.0, 2.0)), "z = custom(x, y)"),
        (lambda x, y: x * 0.5 - y / 3.0, "z = x · 0.5 − y/3"),
    ],
)
def test_the_formula_in_the_title(make: Any, title: str) -> None:
    z = make(Value(2.0, "x"), Value(3.0, "y"))
    assert play(z).title == f"Backpropagation through {title}"


def test_the_title_of_a_graph_with_exponentially_many_paths() -> None:
    z = Value(1.0, "x")
    for _ in range(50):
        z = z + z
    assert play(z).title == "Backpropagation through z = v₄₉ + v₄₉"


# ---- hostile labels ------------------------------------------------------------------------------


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_inert(label: str) -> None:
    xs = [Value(2.0, label), Value(3.0, label), Value(4.0, "x")]
    z = xs[0] * xs[1] + xs[2] / xs[0]
    z.label = label
    shown = play(z, title=label, quiz=True)
    tags = Tags(shown.html)
    assert len(tags.scripts) == 2
    tags.tags += Tags(data_of(shown)["view"]).tags
    for tag, attributes in tags.tags:
        assert tag not in ("iframe", "object", "textarea")
        assert not [name for name in attributes if name.startswith("on")], tag
    assert [tag for tag, _ in tags.tags].count("img") == 1
    picture = image_of(shown)
    assert not list(picture.iter(f"{SVG}script"))
    assert not list(picture.iter(f"{SVG}image"))
    json_text = tags.scripts[0]
    assert "</" not in json_text
    assert "<!" not in json_text
    assert "<s" not in json_text.lower()


# ---- cards with what flows back ------------------------------------------------------------------


def test_cards_have_room_for_every_text_that_comes() -> None:
    graph = Graph(log_of_product(), swept=True)
    plain = Cards(graph)
    roomy = Cards(graph, gradients={2: ["0.12345678901234567890 …", "0.1667"]}, messages={0: "m"})
    assert roomy.places[2].card[2] > plain.places[2].card[2]
    assert roomy.gradient_texts(graph.nodes[2])[-1] == "0.1667"
    assert plain.gradient_texts(graph.nodes[2]) == ["0.1667"]


# ---- equations as MathML -------------------------------------------------------------------------

NAMES = tuple(name_of(label) for label in ("x", "v1", "layers.0.w[3]", "x*y<b>", "log", "alpha"))


def markup(text: str, names: tuple[Name, ...] = NAMES) -> str:
    """A formula as MathML, without the <math> around it."""
    [part] = mathml.parts((Formula(text, names),))
    ET.fromstring(part)
    return part.removeprefix("<math>").removesuffix("</math>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", "<mi>x</mi>"),
        ("v₁", "<msub><mi>v</mi><mn>1</mn></msub>"),
        ("x · v₁", "<mi>x</mi><mo>·</mo><msub><mi>v</mi><mn>1</mn></msub>"),
        ("x²", "<msup><mi>x</mi><mn>2</mn></msup>"),
        ("sin x", '<mi>sin</mi><mspace width=".2em"/><mi>x</mi>'),
        ("−x", '<mo form="prefix">−</mo><mi>x</mi>'),
        ("x − x", '<mi>x</mi><mo form="infix">−</mo><mi>x</mi>'),
        ("√x", "<msqrt><mi>x</mi></msqrt>"),
        ("e^x", "<msup><mi>e</mi><mi>x</mi></msup>"),
        (
            "e^(x + 1)",
            '<msup><mi>e</mi><mrow><mi>x</mi><mo form="infix">+</mo><mn>1</mn></mrow></msup>',
        ),
        (
            "(x)² − x",
            "<msup><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow><mn>2</mn></msup>"
            '<mo form="infix">−</mo><mi>x</mi>',
        ),
        (
            "max(x, −2)",
            "<mi>max</mi><mrow><mo>(</mo><mi>x</mi><mo>,</mo>"
            '<mo form="prefix">−</mo><mn>2</mn><mo>)</mo></mrow>',
        ),
        ("layers.0.w[3]", '<mi class="word">layers.0.w[3]</mi>'),
        ("‘x*y<b>’", '<mi class="word">‘x*y&lt;b&gt;’</mi>'),
        ("log", '<mi class="word">log</mi>'),  # it is a name here
        ("1.5×10⁶", "<mn>1.5</mn><mo>×</mo><msup><mn>10</mn><mn>6</mn></msup>"),
        ("[x > 0]", "<mrow><mo>[</mo><mi>x</mi><mo>&gt;</mo><mn>0</mn><mo>]</mo></mrow>"),
        ("|x|", "<mo>|</mo><mi>x</mi><mo>|</mo>"),
    ],
)
def test_formulas(text: str, expected: str) -> None:
    assert markup(text) == expected


@pytest.mark.parametrize("text", [")(", "((", "^", "x^", "√", "²", "^^(", "[)", "x)²", "", " "])
def test_formulas_that_are_none_still_give_markup(text: str) -> None:
    for part in mathml.parts((Formula(text, NAMES),)):
        ET.fromstring(part)


def test_a_number_with_a_power_of_ten_in_brackets() -> None:
    [part] = mathml.parts((Quantity(-1.5e-7, "slope", is_factor=True),))
    assert "".join(ET.fromstring(part).itertext()) == "(−1.5×10−7)"
    assert part.startswith('<math><mrow class="slope">')


def test_a_derivative_is_a_fraction() -> None:
    x, v = name_of("x"), name_of("v1")
    [part] = mathml.parts((Derivative(v, x.copy(2, "^"), "slope"),))
    assert part == (
        '<math><mfrac class="slope"><mrow><mi>∂</mi><msub><mi>v</mi><mn>1</mn></msub></mrow>'
        "<mrow><mi>∂</mi><msup><mi>x</mi><mn>(2)</mn></msup></mrow></mfrac></math>"
    )


def test_an_equation_can_be_broken_at_its_signs_of_equality() -> None:
    clause = (Formula("x", NAMES), Sign("+="), Quantity(2.0, "value"), Sign("="), Quantity(3.0, ""))
    texts = ["".join(ET.fromstring(part).itertext()) for part in mathml.parts(clause)]
    assert texts == ["x", "+=2", "=3"]


def test_a_long_sum_can_be_broken_at_its_plus_signs() -> None:
    text = " + ".join(["alpha·v₁", "(x − 1)·x", "−2·x"] * 3)
    parts = mathml.parts((Formula(text, NAMES),))
    assert len(parts) == 9
    joined = "".join("".join(ET.fromstring(part).itertext()) for part in parts)
    assert joined == text.replace(" ", "").replace("₁", "1")


_RAISED = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "01234567890123456789−")


def letters(text: str) -> str:
    """What of a formula does not depend on how it is set: its letters, digits and signs."""
    return re.sub(r"[\s()⁽⁾^√/,]", "", text.translate(_RAISED))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operation_reads_the_same_in_text_and_in_mathml(name: str) -> None:
    for operands in list(SAMPLES[name].smooth(3)):
        z = OPERATIONS[name](*[Value(x, f"x{i}") for i, x in enumerate(operands)])
        for step in steps(Graph(z, swept=True)):
            parts = [part for c in step.equation.clauses for part in mathml.parts(c)]
            found = "".join("".join(ET.fromstring(part).itertext()) for part in parts)
            text = step.equation.text.removesuffix(f", and {step.equation.left_out} more")
            assert letters(found) == letters(text)
