"""A label is whatever somebody typed: 500 nasty ones change nothing but the text that is shown.

Every output with hostile labels is compared with that of plain labels of the same length: the same
elements with the same attributes in the same order, the same LaTeX but for the names, the same
rows. Four labels at once: two on inputs, two on results.
"""

from __future__ import annotations

import functools
import json
import random
import re
import shutil
import subprocess
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

import pytest

from microgrunderscore import OPERATIONS, Value, define, explain
from microgrunderscore.pictures.dot import to_dot
from microgrunderscore.pictures.draw import draw
from microgrunderscore.pictures.names import Name, name_of
from microgrunderscore.pictures.player import play
from microgrunderscore.pictures.tape import tape

WRITTEN = [
    # markup, and the ends of it
    "<b>", "<b>x</b>", "</text>", "</g></svg>", "<svg/onload=alert(1)>", "</script>",
    "<script>alert(1)</script>", "</SCRIPT >", "</style><script>", "</title>", "</desc>",
    "</template>", "<!--", "-->", "--", "--!>", "<!-- --><x>", "<![CDATA[", "]]>", "]]", "<?xml?>",
    "<!DOCTYPE x>", "<!ENTITY x 'y'>", "<img src=x onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>", "<TABLE><TR>", "</TD></TR></TABLE>", "<FONT COLOR='red'>",
    "<BR/>", "<", ">", "<>", "><", "<<b>>", "<x", "x>", "</", "/>", "<tspan>", "<use href='#x'/>",
    "<iframe>", "<math><mi>",
    # quotation marks and attributes
    '"', "'", "`", "''", '""', '\\"', "\\'", '" onload="alert(1)', "' onload='alert(1)", 'x" y="',
    '"x"', "‘x’", "“x”", "’", '">', "'>", '"]', '"];', '"; evil [label="', '" -> "',
    # entities
    "&", "&&", "&amp;", "&lt;b&gt;", "&amp;lt;", "&quot;", "&#60;b&#62;", "&#x3c;", "&nbsp;",
    "&#0;", "&#x0;", "&#xD800;", "&bogus;", "&amp", "&;", "&#;", "&alpha;", "&lt", "&#1114112;",
    # addresses and code
    "javascript:alert(1)", "data:text/html,<script>", "url(#x)", "expression(1)", "${x}", "${}",
    "{{}}", "{{x}}", "{% x %}", "{0}", "{x!r}", "{", "}", "{}", "}{", "#{x}", "$(ls)", "`ls`",
    "; rm -rf /", "%s%n", "%", "%%", "%d", "__proto__", "constructor", "x=1", "=1+1", "@import",
    "/* x */", "*/", "//", "; color:red", "}</style>", "\\3c b", "nan", "inf", "None", "v1", "v₁",
    # backslashes, as Graphviz, LaTeX and JSON read them
    "\\", "\\\\", "\\\\\\", "a\\", "\\N", "\\G", "\\E", "\\T", "\\H", "\\L", "\\l", "\\r", "\\n",
    "\\u003c", "\\x3c", "\\0", "\\N\\N\\N", "x\\Ny", "\\<", "\\&", "a\\\\", "n0:op", "n0 -> n1",
    "node", "graph", "digraph", "strict", "subgraph", "a|b", "{a|b}", "a;b", "a:b:c", "[x]",
    # LaTeX
    "\\input{/etc/passwd}", "\\write18{ls}", "\\def\\x{}", "\\end{aligned}", "\\begin{document}",
    "\\href{javascript:x}{y}", "\\require{x}", "\\class{a}{b}", "\\unicode{60}", "\\\\[9em]",
    "\\verb|x|", "\\catcode`", "^^41", "^^M", "$", "$$", "$x$", "\\(", "\\)", "\\[", "\\]", "_",
    "^", "~", "#", "#1", "x_{1}", "x^2", "x_", "x__1", "_1", "%\n", "a&b", "a\\&b", "\\frac{1}{0}",
    "…",
    # white space, controls, and what is not seen
    "\0", "a\0b", "\t", "\ta", "a\nb", "a\r\nb", "\r", "\x0b", "\x0c", "\x1b[31mred",
    "\x1b]0;x\x07", "\x7f", "\x85", "\xa0", "a\xa0", "\u2028", "\u2029", "a b", " a", "a ",
    "  a  b  ", "\u3000a", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u061c",
    "\u200e", "\u200f", "\u202a", "\u202b", "\u202d", "\u202e", "\u202eevil", "\u2066x", "\u2067",
    "\u2069", "\ufff9", "\U000e0001", "\U000e0041", "\ufe0f", "x\ufe0e", "\ue000", "\U0010ffff",
    "\ufffe", "\uffff", "\ufffd", "\ud800", "\udfff", "\ud83d\ude00", "x\udc80y",
    # letters of all kinds
    "é", "e\u0301", "é\u0301" * 50, "\u0301", "Z\u0351\u0343\u0346\u0337", "ß", "ﬁ", "İ", "ı", "ǆ",
    "א", "שלום", "مرحبا", "x שלום", "日本", "日 本", "\U00020000", "한", "ก็", "क्ष", "😀",
    "👨\u200d👩\u200d👧", "🇫🇷", "👍🏽", "①", "²", "x²", "½", "Ⅷ", "𝑥", "𝒙𝟏", "∂z/∂x", "·", "a·b",
    "x⁽²⁾", "x₍₁₎", "h⁽¹⁾", "∞", "−", "×", "→", "␀", "<0000>", "٣", "x٣", "x³",
    # long
    "x" * 33, "x" * 128, "x" * 10 ** 6, "<" * 10 ** 6, "\\" * 10 ** 6, "\0" * 10 ** 6,
    "&amp;" * 1000, "\ud800" * 100, "{" * 100, "}" * 100, "$" * 100, "日" * 100, "\\input" * 100,
    "a b " * 100,
]  # fmt: skip
CONTROLS = [f"a{chr(code)}b" for code in (*range(32), *range(127, 160))]
PARTS = [
    *"<>&\"'\\{}[]()$%#^_~`|;:=/-+*?!@,. \t\n\0\x1b\x7f\x9b\u202e\u200b\ud800\ufffexyzA019é日😀א",
    *("<b", "</", "<!--", "-->", "]]>", "&lt;", "&#", "\\N", "\\l", "\\input", "${", "{{", "}}"),
]  # fmt: skip


def _generated() -> Iterator[str]:
    rng = random.Random(3)
    while True:
        label = "".join(rng.choices(PARTS, k=rng.choice((2, 3, 4, 6, 9, 14, 40))))
        if label.strip() and not re.fullmatch(r"\s*[A-Za-z]\s*", label):
            yield label


LABELS = [*dict.fromkeys([*WRITTEN, *CONTROLS])]
LABELS += [label for label, _ in zip(_generated(), range(500 - len(LABELS)), strict=False)]
FOURS = [tuple(LABELS[i : i + 4]) for i in range(0, 500, 4)]
TURNED = [(c, d, a, b) for a, b, c, d in FOURS]  # those of the inputs on the results
BATCHES = 5
MARK = "\N{LEFT-TO-RIGHT MARK}"  # stands after what runs from right to left
Labels = tuple[str, ...]

every_four = pytest.mark.parametrize("batch", range(BATCHES))


def test_there_are_500_of_them() -> None:
    assert len(LABELS) == len(set(LABELS)) == 500
    assert sum(len(label) >= 10**6 for label in LABELS) == 4


def graph(labels: Labels) -> tuple[Value, Value]:
    """A root, and an input with two paths to it."""
    x, y = Value(2.0, labels[0]), Value(3.0, labels[1])
    v = x * y
    v.label = labels[2]
    w = v.log()
    w.label = labels[3]
    z = w * x
    z.backward()
    return z, x


def said(labels: Labels) -> str:
    """Four labels in an error message."""
    return ascii([label[:40] for label in labels])


# ---- plain labels of the same kind ------------------------------------------------------------


@functools.cache
def shown(label: str) -> Name:
    """What stands for a label in a picture, unless two look alike."""
    return name_of(label)


def plain(labels: Labels) -> Labels:
    """Labels without malice, shown as long as these, in quotation marks where these are.

    A blank label is none, and stays what it is.
    """
    letters = dict(zip(dict.fromkeys(shown(label).text for label in labels), "abcd", strict=False))
    return tuple(_plain(shown(x).text, letters[shown(x).text]) if x.strip() else x for x in labels)


def _plain(text: str, letter: str) -> str:
    if not text.startswith("‘"):
        return letter * len(text) if len(text) > 1 else "αβγδ"["abcd".index(letter)]
    inner = len(text) - 2
    return letter * (inner - 1) + "-" if inner > 1 else "-+=!"["abcd".index(letter)]


def is_four(labels: Labels) -> bool:
    """Whether each of them gives a name of its own, just as it is: none is blank, none alike."""
    return len({shown(label).text for label in labels if label.strip()}) == 4


def test_plain_labels_are_as_long() -> None:
    for labels in FOURS:
        like = plain(labels)
        assert [len(shown(x).text) for x in like] == [len(shown(x).text) for x in labels]
        assert [shown(x).text[0] == "‘" for x in like] == [
            shown(x).text[0] == "‘" for x in labels
        ], said(labels)


def test_names_are_printable_and_short() -> None:
    for label in LABELS:
        text = shown(label).text
        assert text.isprintable(), ascii(label[:40])
        assert 0 < len(text) <= 34, ascii(label[:40])
        text.encode()  # no lone surrogates


# ---- SVG and HTML -----------------------------------------------------------------------------

TAGS = {"svg", "title", "desc", "style", "g", "rect", "path", "text", "tspan"}
SVG = "{http://www.w3.org/2000/svg}"
# What may stand in an attribute: numbers, paths, classes, ids.
HARMLESS = re.compile(r"[-\w .,:;/%#()]*", re.ASCII)


def structure(svg: str) -> list[tuple[str, tuple[str, ...], str]]:
    """Every element in order, with the names of its attributes and its classes."""
    found = []
    for element in ET.fromstring(svg.encode()).iter():
        tag = element.tag.removeprefix(SVG)
        assert tag in TAGS
        for value in element.attrib.values():
            assert HARMLESS.fullmatch(value) or value == "http://www.w3.org/2000/svg"
        text = re.sub("mg[0-9a-f]{10}", "", element.text or "") if tag == "style" else ""
        found.append((tag + text, tuple(element.attrib), element.get("class", "")))
    return found


@functools.cache
def picture_of(labels: Labels, *, paths: bool = False, compact: bool = False) -> Any:
    z, x = graph(labels)
    return draw(z, x if paths else None, compact=compact)


def check_svg(labels: Labels, **kind: bool) -> None:
    svg, expected = picture_of(labels, **kind).svg, picture_of(plain(labels), **kind).svg
    assert structure(svg) == structure(expected), said(labels)


def card_titles(svg: str) -> list[str]:
    """The first line of each card."""
    cards = [g for g in ET.fromstring(svg.encode()).iter(f"{SVG}g") if g.get("data-node")]
    lines = [
        next(t for t in g.iter(f"{SVG}text") if "badge" not in t.get("class", "")) for g in cards
    ]
    return ["".join(line.itertext()) for line in lines]


@every_four
def test_cards(batch: int) -> None:
    for labels in FOURS[batch::BATCHES]:
        check_svg(labels)
        picture = picture_of(labels)
        titles = card_titles(picture.svg.replace(MARK, ""))
        names = [str(node.name) for node in picture.graph.nodes]
        assert [
            title.split("\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")[0] for title in titles
        ] == names
        texts = [shown(label).text for label in labels]
        if is_four(labels):
            assert names[:4] == texts
        assert picture.title.isprintable()
        assert all(line.isprintable() for line in picture.text.splitlines())


@every_four
def test_cards_of_results_and_paths(batch: int) -> None:
    for labels in TURNED[batch::BATCHES]:
        check_svg(labels, paths=True)


@every_four
def test_small_boxes(batch: int) -> None:
    for labels in TURNED[batch::BATCHES]:
        check_svg(labels, compact=True)


class Tags(HTMLParser):
    """Every tag in order, with the names of its attributes; ids and styles as they are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))
        for name, value in attrs:
            assert not name.startswith("on")
            assert not (value or "").lstrip().lower().startswith("javascript")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def handle_pi(self, data: str) -> None:
        self.found.append("instruction")

    def unknown_decl(self, data: str) -> None:
        self.found.append("declaration")


@every_four
def test_pages(batch: int) -> None:
    for labels in FOURS[batch::BATCHES]:
        picture, expected = picture_of(labels), picture_of(plain(labels))
        tags = Tags(picture.html).found
        assert tags == Tags(expected.html).found, said(labels)
        assert ("script",) not in tags
        assert len(Tags(picture.fragment).found) == 3


@every_four
def test_tapes(batch: int) -> None:
    for labels in TURNED[batch::BATCHES]:
        found, expected = tape(graph(labels)[0]), tape(graph(plain(labels))[0])
        assert Tags(found.fragment).found == Tags(expected.fragment).found, said(labels)
        assert found.text.replace("\n", "").isprintable()


@every_four
def test_players(batch: int) -> None:
    for labels in FOURS[batch :: BATCHES * 4]:
        found, expected = play(graph(labels)[0]).fragment, play(graph(plain(labels))[0]).fragment
        assert Tags(found).found == Tags(expected).found, said(labels)
        assert found.lower().count("<script") == expected.lower().count("<script")
        assert found.lower().count("</script") == expected.lower().count("</script")
        assert "<!--" not in found


# ---- LaTeX ------------------------------------------------------------------------------------

COMMANDS = {
    *("mathrm", "langle", "rangle", "backslash", "wedge", "sim", "prime", "ldots"),
    *"#$%&_{} ",
}


def check_latex_of(name: Name) -> None:
    """Only letters, and commands of ours; braces in pairs."""
    depth = 0
    bare = re.sub(r"_\{(\d+|\(\d+\))\}", "", name.latex)
    for command, sign in re.findall(r"\\([A-Za-z]+|.)|(.)", bare, re.DOTALL):
        assert not command or command in COMMANDS, name
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0, name
        assert not sign or sign not in "#$%&_^~\\", name
        assert not sign or sign.isprintable(), name
        assert sign != "<" or "{<}" in bare, name
    assert depth == 0, name


def without(latex: str, names: Sequence[Name]) -> str:
    for i, name in sorted(enumerate(names), key=lambda pair: -len(pair[1].latex)):
        latex = latex.replace(name.latex, f"@{i}")
    return latex


@every_four
def test_latex(batch: int) -> None:
    for labels in FOURS[batch::BATCHES]:
        names, like = [shown(label) for label in labels], [shown(label) for label in plain(labels)]
        for name in names:
            check_latex_of(name)
        if not is_four(labels):
            continue
        found = without(explain(*graph(labels)).latex, names)
        expected = without(explain(*graph(plain(labels))).latex, like)
        assert found == expected, said(labels)


@every_four
def test_text_of_explanations(batch: int) -> None:
    for labels in TURNED[batch::BATCHES]:
        found, expected = str(explain(*graph(labels))), str(explain(*graph(plain(labels))))
        assert found.count("\n") == expected.count("\n")
        assert found.replace("\n", "").isprintable()


# ---- the language of Graphviz -----------------------------------------------------------------

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<|[\w.]+|->|[\[\]{};=,:]|\s+', re.DOTALL)


def tokens(source: str) -> Iterator[Any]:
    """The source as Graphviz reads it: texts as a mark, HTML-like labels as their elements."""
    place = 0
    while place < len(source):
        match = TOKEN.match(source, place)
        assert match, source[place : place + 40]
        token, place = match[0], match.end()
        if token == "<":
            end = _end_of_html(source, place)
            label = source[place : end - 1]
            assert "\\" not in label
            yield [
                (e.tag, tuple(e.attrib.items())) for e in ET.fromstring(f"<l>{label}</l>").iter()
            ]
            place = end
        elif token.startswith('"'):
            assert "\\" not in token
            yield '"'
        elif not token.isspace():
            yield token


def _end_of_html(source: str, place: int) -> int:
    """Where the brackets close."""
    depth = 1
    for match in re.compile("[<>]").finditer(source, place):
        depth += 1 if match[0] == "<" else -1
        if depth == 0:
            return match.end()
    raise AssertionError("an HTML-like label does not end")


@every_four
def test_dot_sources(batch: int) -> None:
    for labels in TURNED[batch::BATCHES]:
        found, expected = to_dot(graph(labels)[0]).source, to_dot(graph(plain(labels))[0]).source
        assert [*tokens(found)] == [*tokens(expected)], said(labels)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
@every_four
def test_graphviz_shows_the_names(batch: int) -> None:
    chosen = FOURS[batch::BATCHES]
    sources = [to_dot(graph(labels)[0]).source for labels in chosen]
    done = subprocess.run(
        ["dot", "-Tjson"],
        input="".join(sources).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    pictures = [*_documents(done.stdout.decode())]
    assert len(pictures) == len(chosen)
    for labels, picture in zip(chosen, pictures, strict=True):
        nodes = picture_of(labels).graph.nodes
        assert [node["name"] for node in picture["objects"]] == [f"n{n.index}" for n in nodes]
        assert len(picture["edges"]) == 5
        for node, drawn in zip(nodes, picture["objects"], strict=True):
            texts = [piece["text"] for piece in drawn["_ldraw_"] if piece["op"] == "T"]
            # Graphviz keeps two spaces apart by a no-break space
            seen = texts[node.kind == "operation"].replace("\N{NO-BREAK SPACE}", " ")
            seen = seen.replace(MARK, "")
            name = node.name.text.replace("\\", "∖").replace("\N{NO-BREAK SPACE}", " ")
            assert seen == name, said(labels)


def _documents(text: str) -> Iterator[Any]:
    place = 0
    while text[place:].strip():
        document, end = json.JSONDecoder().raw_decode(text, place)
        yield document
        place = end + len(text[end:]) - len(text[end:].lstrip())


# ---- other ways in ----------------------------------------------------------------------------

NASTY = [
    "<b>&\"'\\N",
    "\0\u202e\ud800",
    "</script>",
    "]]>",
    "x" * 10**6,
    "\\input{x}",
    "{0}",
    "a b",
]


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_names_of_variables_and_of_the_output(name: str) -> None:
    def drawn(name: str) -> tuple[Any, Any]:
        x = Value(2.0)
        z = x.log() * 3.0
        return draw(z, names={name: x}, output=f"o{name}"), to_dot(z, names={name: x})

    (picture, dot), (expected, _) = drawn(name), drawn(plain((name,))[0])
    assert structure(picture.svg) == structure(expected.svg)
    assert picture.title.isprintable()
    assert [*tokens(dot.source)]


def test_an_operation_of_your_own_may_have_any_symbol() -> None:
    evil = "<b>&\"'\\N]]></script>\0"
    operation = define(
        "evil", lambda x: x, lambda x, z: 1.0, symbol=evil, text="<i>{0}</i>", latex="{0}"
    )
    try:
        z = operation(Value(2.0, "x"))
        picture, source = draw(z), to_dot(z).source
        small = draw(z, compact=True)
    finally:
        del OPERATIONS["evil"]
    for svg in (picture.svg, small.svg):
        assert structure(svg)
    assert [*tokens(source)]
    assert "script" not in {tag for tag, *_ in Tags(picture.html).found if tag[0] != "/"}


def test_a_long_label_makes_no_long_message() -> None:
    x, y = Value(2.0, "x" * 10**6), Value(3.0, "\0" * 10**6)
    z = x * x
    with pytest.raises(ValueError, match="is not in the graph") as caught:
        draw(z, wrt=y)
    assert len(str(caught.value)) < 300
    z.backward()
    z.backward()
    [note] = draw(z).graph.notes
    assert len(note) < 300


def test_the_checks_see_what_they_look_for() -> None:
    """A test that cannot fail is a bug."""
    with pytest.raises(ET.ParseError):
        structure("<svg><text><b></text></svg>")
    with pytest.raises(AssertionError):
        structure('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
    with pytest.raises(AssertionError):
        structure('<svg xmlns="http://www.w3.org/2000/svg"><g class="x&quot;"/></svg>')
    with pytest.raises(AssertionError):
        check_latex_of(Name("x", r"\mathrm{\input}"))
    with pytest.raises(AssertionError):
        check_latex_of(Name("x", r"\mathrm{x}}{"))
    with pytest.raises(AssertionError):
        check_latex_of(Name("x", r"\mathrm{100%}"))
    for source in ('"x', "<b", '"\\N"', "<<b>\\N</b>>"):
        with pytest.raises((AssertionError, ET.ParseError)):
            [*tokens(source)]
    assert any(unicodedata.category(c) == "Cs" for label in LABELS for c in label[:99])


def test_a_label_that_runs_to_the_left_leaves_the_rest_in_place() -> None:
    """Or else a reader sees ‘3 = ’label: the mark ends what runs from right to left."""
    label = "שלום עולם"
    z = Value(2.0, "x") * Value(3.0, label)
    for picture in (draw(z).svg, tape(z).html, play(z).svg, to_dot(z).source):
        assert picture.count(label) == picture.count(f"{label}{MARK}") > 0
    assert MARK not in draw(Value(2.0, "é學") * 3.0).svg
    assert MARK not in draw(z).text  # which is searched and copied
