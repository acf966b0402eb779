"""tape(z): what the forward pass computed and what the backward pass adds up, side by side.

The forward trace is read downward. The backward trace beside it is read upward: it starts at the
output with ∂z/∂z = 1, and every operation hands its gradient, times the local slope, to each of its
operands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias, TypeVar

from ..engine import Value
from ..graph import gc_paused
from .display import Display
from .graph import Edge, Graph, Node
from .names import number_text
from .palette import DARK, LIGHT, MATH, MONO, SANS, takes_two_columns
from .paths import IN_TEXT
from .svg import Run, coloured, escaped
from .symbols import TEXT
from .wording import counted

MOST_ROWS = 200  # of more, only some are shown: the first and the last
SHOWN_ROWS = 50  # of the inputs, and of the operations
MOST_LINES = 24  # of one operation, which has a line for each operand; of more, the first and last
WIDEST = 100  # columns of a terminal
WIDEST_FORWARD = 40  # columns of the forward trace, where both do not fit side by side
LONGEST_SUM = 12  # terms; of more, the first and last
GAP = "   "
FORWARD, BACKWARD = "↓ forward: values", "↑ backward: gradients"

T = TypeVar("T")
Line: TypeAlias = tuple[str, str]  # of the forward, and of the backward trace


# ---- the data -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """What an operation hands back to one operand: ∂z/∂x += ∂z/∂v · ∂v/∂x.

    Attributes:
        receiver: what grows, ∂z/∂x.
        sender: the gradient that is handed on, ∂z/∂v.
        formula: the local slope ∂v/∂x as a formula, or its number where that is no other.
        gradient, slope, product: ∂z/∂v, ∂v/∂x, and one times the other.
        is_one_of_many: whether other messages arrive at the same node, so that they add up.
    """

    receiver: str
    sender: str
    formula: str
    gradient: float
    slope: float
    product: float
    is_one_of_many: bool

    @property
    def sign(self) -> str:
        """= where the gradient is this message alone, += where several add up."""
        return "+=" if self.is_one_of_many else "="

    @property
    def text(self) -> str:
        """∂z/∂x = ∂z/∂v · y = 0.1667 × 3 = 0.5."""
        numbers = IN_TEXT.numbers([self.gradient, self.slope])
        chain = f"{self.sender} · {self.formula}"
        return f"{self.receiver} {self.sign} {chain} = {numbers} = {number_text(self.product)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One Value: computed once on the way forward, and used once on the way back.

    Attributes:
        name: what it is called.
        formula: what it was computed as, x · y; "" for an input.
        value: its number.
        symbol: ∂z/∂v.
        gradient: its number; 0 where z does not depend on v.
        arrived: the messages whose sum it is, in the order of their arrival.
        sent: what it hands on to its operands, in this order.
        is_output: whether it is z itself.
    """

    name: str
    formula: str
    value: float
    symbol: str
    gradient: float
    arrived: tuple[float, ...]
    sent: tuple[Message, ...]
    is_output: bool

    @property
    def title(self) -> str:
        """v = x · y."""
        return f"{self.name} = {self.formula}" if self.formula else self.name

    @property
    def total(self) -> str:
        """The messages that arrived, as a sum; "" where there are not several of them."""
        n = len(self.arrived)
        if n < 2:
            return ""
        terms = self.arrived if n <= LONGEST_SUM else (*self.arrived[:4], *self.arrived[-4:])
        return IN_TEXT.sum([number_text(x) for x in terms], n)

    @property
    def states_its_gradient(self) -> bool:
        """Whether a line says what its gradient is; else the only message that arrived does."""
        return not self.formula or self.is_output or len(self.arrived) != 1

    @property
    def lines(self) -> list[Line]:
        """The row as text: forward beside the top, backward from the bottom up."""
        backward = [message.text for message in self.sent]
        if self.states_its_gradient:
            forms = [self.symbol, self.total, number_text(self.gradient)]
            backward.insert(0, " = ".join(form for form in forms if form))
        shown = ends(backward[::-1], MOST_LINES)
        hidden = len(backward) - len(shown)
        left = f"{self.title} = {number_text(self.value)}"
        right = with_gap(shown, hidden, _more_lines(hidden))
        return [*zip_longest([left], right, fillvalue="")]


class Tape(Display):
    """The trace of a graph, forward and backward. Made by :func:`tape`; print it.

    Attributes:
        rows: the inputs, then the operations in the order of computing; of more than MOST_ROWS
            only the first and the last.
        inputs, operations: the same in two parts.
        hidden: how many rows are missing in each of these.
        notes: what a reader must know of the numbers; mostly nothing.
        title: what it shows, in a few words.

    In a notebook it shows itself as a table.
    """

    def __init__(self, graph: Graph) -> None:
        self.title = f"Tape of {graph.output.title}"
        self.notes = tuple(graph.notes)
        values = [node for node in graph.nodes if node.kind != "constant"]
        parts = [[v for v in values if not v.badge], [v for v in values if v.badge]]
        kept = [ends(part, SHOWN_ROWS) for part in parts] if len(values) > MOST_ROWS else parts
        rows = _Rows(graph, [node for part in kept for node in part])
        self.inputs, self.operations = ([rows.row(node) for node in part] for part in kept)
        self.hidden = tuple(len(part) - len(few) for part, few in zip(parts, kept, strict=True))

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown, as data."""
        return (*self.inputs, *self.operations)

    def __repr__(self) -> str:
        n = len(self.rows) + sum(self.hidden)
        return f"<{self.title}, {counted(n, 'row')}>"

    @property
    def text(self) -> str:  # type: ignore[override]
        """Both traces as aligned text, at most WIDEST columns wide where the names allow that."""
        parts = [_blocks(rows, hidden) for rows, hidden in self._parts()]
        left, right = _widths(parts)
        if left + len(GAP) + right > WIDEST:
            limit = min(left, WIDEST_FORWARD)
            room = WIDEST - limit - len(GAP)
            parts = [[_folded(block, limit, room) for block in part] for part in parts]
            left, right = _widths(parts)
        rule = ("─" * left, "─" * right)
        lines = [(FORWARD, BACKWARD)]
        for part in parts:
            lines += [rule, *(line for block in part for line in block)]
        shown = [(_padded(x, left) + GAP + y).rstrip() for x, y in lines]
        return "\n".join([*shown, *self.notes])

    @property
    def fragment(self) -> str:  # type: ignore[override]
        """Both traces as an HTML table for a page, readable without its style sheet, too."""
        return _table(self)

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        return {".txt": lambda: f"{self.text}\n".encode(), **super()._writers}

    def _parts(self) -> list[tuple[Sequence[Row], int]]:
        """The inputs and the operations, those that there are, each with what is missing."""
        parts = zip((self.inputs, self.operations), self.hidden, strict=True)
        return [(rows, n) for rows, n in parts if rows]


def tape(
    z: Value,
    *,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    output: str | None = None,
) -> Tape:
    """What was computed, downward, beside the gradients, upward: the tape of reverse mode.

    Needs no backward() and changes no gradient.

    Args:
        z: the output.
        names: names for Values without a label, such as locals().
        model: a network whose weights and neurons are to be named as in the textbook.
        output: what z is called.

    Returns:
        The tape: `print` it, look at it in a notebook, `save` it as .txt or .html; `rows` has it
        as data.

    Raises:
        TypeError: z is no Value.
        ValueError: another node is called as `output` says.

    Source: Baydin, Pearlmutter, Radul and Siskind, "Automatic differentiation in machine learning:
    a survey" (2018), table 3.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> v = x * y; v.label = "v"
    >>> print(tape(v.log()))
    ↓ forward: values   ↑ backward: gradients
    ─────────────────   ─────────────────────────────────────────
    x = 2               ∂z/∂x = 0.5
    y = 3               ∂z/∂y = 0.3333
    ─────────────────   ─────────────────────────────────────────
    v = x · y = 6       ∂z/∂y = ∂z/∂v · x = 0.1667 × 2 = 0.3333
                        ∂z/∂x = ∂z/∂v · y = 0.1667 × 3 = 0.5
    z = log v = 1.792   ∂z/∂v = ∂z/∂z · 1/v = 1 × 0.1667 = 0.1667
                        ∂z/∂z = 1
    """
    if not isinstance(z, Value):
        raise TypeError(f"tape needs the Value that was computed, not {z!r:.40}")
    with gc_paused():  # lists as long as the graph, and no cycles
        return Tape(Graph(z, names, model=model, output=output, swept=True))


class _Rows:
    """Rows for some nodes of a graph, after one look at all its edges."""

    def __init__(self, graph: Graph, nodes: Sequence[Node]) -> None:
        self._graph = graph
        wanted = {node.index for node in nodes}
        near = wanted | {e.source for e in graph.edges if e.target in wanted}
        self._arriving: dict[int, list[Edge]] = {i: [] for i in near}
        self._leaving: dict[int, list[Edge]] = {i: [] for i in wanted}
        reached = {graph.output.index}  # others are behind an operand that was not selected
        for edge in reversed(graph.edges):
            if edge.slope is not None and edge.target in reached:
                reached.add(edge.source)
                if edge.source in near:
                    self._arriving[edge.source].append(edge)
                if edge.target in wanted:
                    self._leaving[edge.target].append(edge)
        for edges in self._arriving.values():
            edges.sort(key=lambda e: (-e.target, e.place))

    def row(self, node: Node) -> Row:
        """The row of a node."""
        return Row(
            name=node.name.text,
            formula=node.formula,
            value=node.data,
            symbol=self._graph.gradient_name(node),
            gradient=node.gradient or 0.0,
            arrived=tuple(self._product(edge) for edge in self._arriving[node.index]),
            sent=tuple(self._message(edge) for edge in reversed(self._leaving[node.index])),
            is_output=node.is_output,
        )

    def _message(self, edge: Edge) -> Message:
        nodes = self._graph.nodes
        slope = 0.0 if edge.slope is None else edge.slope
        symbol = edge.symbol
        return Message(
            receiver=self._graph.gradient_name(nodes[edge.source]),
            sender=self._graph.gradient_name(nodes[edge.target]),
            formula=number_text(slope) if symbol is None else TEXT.factor(TEXT.spell(symbol)),
            gradient=nodes[edge.target].gradient or 0.0,
            slope=slope,
            product=self._product(edge),
            is_one_of_many=len(self._arriving[edge.source]) > 1,
        )

    def _product(self, edge: Edge) -> float:
        gradient = self._graph.nodes[edge.target].gradient
        return (edge.slope or 0.0) * (gradient or 0.0)


def ends(items: Sequence[T], most: int) -> Sequence[T]:
    """The items, or of more than `most` and one the first and the last, as many of each.

    >>> ends("abcdefg", 4), ends("abcde", 4)
    (['a', 'b', 'f', 'g'], 'abcde')
    """
    half = most // 2
    return items if len(items) <= most + 1 else [*items[:half], *items[-half:]]


def with_gap(items: Sequence[T], hidden: int, note: T) -> list[T]:
    """The items, with a note in the middle where some are hidden there."""
    half = len(items) // 2
    return [*items[:half], note, *items[half:]] if hidden else [*items]


def _more_rows(n: int) -> str:
    return f"… {n:,} more rows"


def _more_lines(n: int) -> str:
    return f"… {n:,} more lines"


# ---- as text ------------------------------------------------------------------------------------

_SIGN = r" (?:=|\+=|\+|−|·) "  # a line may end before one
_PIECES = re.compile(f"(?:{_SIGN})?(?:‘[^’]*’|(?!{_SIGN}).)+")


def _blocks(rows: Sequence[Row], hidden: int) -> list[list[Line]]:
    """The lines of each row, with a note in the middle where rows are missing."""
    return with_gap([row.lines for row in rows], hidden, [(_more_rows(hidden), "")])


def _widths(parts: Sequence[Sequence[Sequence[Line]]]) -> tuple[int, int]:
    """How many columns the forward and the backward trace take."""
    lines = [(FORWARD, BACKWARD), *(line for part in parts for block in part for line in block)]
    return max(columns(x) for x, _ in lines), max(columns(y) for _, y in lines)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> columns("∂z/∂x₁"), columns("é"), columns("学")
    (6, 1, 2)
    """
    if text.isascii():
        return len(text)
    return sum(_columns_of(c) for c in text)


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 1 + takes_two_columns(character)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _folded(block: Sequence[Line], left: int, right: int) -> list[Line]:
    """The lines of a row as more lines that are narrow enough, where their pieces allow that."""
    forward = [piece for x, _ in block if x for piece in _folds(x, left)]
    backward = [piece for _, y in block if y for piece in _folds(y, right)]
    return [*zip_longest(forward, backward, fillvalue="")]


def _folds(text: str, width: int) -> list[str]:
    """A text in lines of that width, broken before a sign, further ones indented."""
    lines: list[str] = []
    for piece in [text] if columns(text) <= width else _PIECES.findall(text):
        if lines and columns(lines[-1] + piece) <= width:
            lines[-1] += piece
        else:
            lines.append(f"   {piece}" if lines else piece)
    return lines


# ---- as HTML ------------------------------------------------------------------------------------

# What a class looks like; {role} stands for a colour. It is written into every element, with light
# colours on a light ground: that is what is left where style sheets are removed.
_CELL = "text-align:left;vertical-align:top;white-space:nowrap"
_PLAIN = "background:{background};color:{ink}"
_STYLES: Mapping[str, str] = {
    "table": f"border-collapse:collapse;font:14px/1.45 {SANS};{_PLAIN}",
    "caption": f"{_CELL};padding:6px 10px 8px;font-weight:700;{_PLAIN}",
    "forward": f"{_CELL};padding:4px 10px;background:{{value-tint}};color:{{value}}",
    "backward": f"{_CELL};padding:4px 10px;background:{{gradient-tint}};color:{{gradient}}",
    "head": f"{_CELL};padding:3px 10px;font-weight:400;background:{{background}};color:{{muted}}",
    "cell": f"{_CELL};padding:3px 10px;font-weight:400;{_PLAIN}",
    "first": "border-top:1px solid {line}",
    "total": "background:{gradient-tint}",
    "math": f"font:italic 15.5px {MATH}",
    "number": f"font:600 13px {MONO}",
    "value": "color:{value}",
    "gradient": "color:{gradient}",
    "slope": "color:{slope}",
}
# How notebooks, editors and documentation say that their page is light or dark.
_PAGES = {
    "light": (
        '[data-jp-theme-light="true"],[data-theme="light"],[data-bs-theme="light"],'
        '[data-md-color-scheme="default"],.vscode-light'
    ),
    "dark": (
        '[data-jp-theme-light="false"],[data-theme="dark"],[data-bs-theme="dark"],'
        '[data-md-color-scheme="slate"],.vscode-dark'
    ),
}
_LANES = ((FORWARD, 2, "forward"), (BACKWARD, 4, "backward"))
_HEADS = ("what is computed", "value", "gradient", "chain rule", "in numbers", "result")


def _table(tape: Tape) -> str:
    """A tape as an HTML table: a row for each line, two columns forward and four backward."""
    title = escaped(tape.title)
    said = [f"{title}: values downward, gradients upward", *map(escaped, tape.notes)]
    caption = _element("caption", ". ".join(said), "caption")
    lanes = [_element("th", name, lane, scope="colgroup", colspan=n) for name, n, lane in _LANES]
    heads = [_element("th", head, "head", scope="col") for head in _HEADS]
    parts = [
        f"{caption}<thead>{_tr(''.join(lanes))}{_tr(''.join(heads))}</thead>",
        *(_body(rows, hidden) for rows, hidden in tape._parts()),
    ]
    return (
        f'<div class="mg-tape" role="region" aria-label="{title}" tabindex="0" '
        f'style="overflow-x:auto"><style>{_sheet()}</style>'
        f"{_element('table', ''.join(parts), 'table')}</div>"
    )


def _body(rows: Sequence[Row], hidden: int) -> str:
    """The inputs, or the operations."""
    note = _tr(_cell([(_more_rows(hidden), "")], colspan=len(_HEADS)), "first")
    return f"<tbody>{''.join(with_gap([_row(row) for row in rows], hidden, note))}</tbody>"


def _row(row: Row) -> str:
    """One row of the tape: its own name and number beside a line for each message."""
    lines = [_message(message) for message in row.sent]
    if row.states_its_gradient:
        lines.insert(0, _gradient(row))
    shown = ends(lines[::-1], MOST_LINES)
    note = _cell([(_more_lines(len(lines) - len(shown)), "")], colspan=4)
    lines = with_gap(shown, len(lines) - len(shown), note) or [_cell([], colspan=4)]
    n = len(lines)
    name = _element("th", _runs([(row.title, "math")]), "cell", scope="row", rowspan=n)
    lines[0] = name + _cell([(number_text(row.value), "number value")], rowspan=n) + lines[0]
    return _tr(lines[0], "first") + "".join(map(_tr, lines[1:]))


def _message(message: Message) -> str:
    """∂z/∂x | += ∂z/∂v · y | = 0.1667 × 3 | = 0.5."""
    gradient, slope = IN_TEXT.numbers([message.gradient, message.slope]).split(" × ")
    cells: list[list[Run]] = [
        [(message.receiver, "math gradient")],
        [
            (f"{message.sign} ", ""),
            (message.sender, "math gradient"),
            (" · ", ""),
            (message.formula, "math slope"),
        ],
        [("= ", ""), (gradient, "number gradient"), (" × ", ""), (slope, "number slope")],
        [("= ", ""), (number_text(message.product), "number gradient")],
    ]
    return "".join(map(_cell, cells))


def _gradient(row: Row) -> str:
    """∂z/∂x | | = 0.8776 + 4.2 | = 5.078."""
    cells: list[list[Run]] = [
        [(row.symbol, "math gradient")],
        [],
        [("= ", ""), (row.total, "number gradient")] if row.total else [],
        [("= ", ""), (number_text(row.gradient), "number gradient")],
    ]
    return "".join(_cell(runs, "cell total") for runs in cells)


def _cell(runs: Sequence[Run], classes: str = "cell", **attributes: int) -> str:
    return _element("td", _runs(runs), classes, **attributes)


def _runs(runs: Sequence[Run]) -> str:
    """Pieces of text with classes of their own, as markup."""
    return "".join(
        _element("span", escaped(text), classes) if classes else escaped(text)
        for text, classes in runs
    )


def _tr(cells: str, classes: str = "") -> str:
    return _element("tr", cells, classes) if classes else f"<tr>{cells}</tr>"


def _element(tag: str, content: str, classes: str, **attributes: str | int) -> str:
    """An element in its classes, which are written into it as well."""
    style = ";".join(_STYLES[name] for name in classes.split()).format_map(LIGHT)
    others = "".join(f' {name}="{x}"' for name, x in attributes.items() if x != 1)
    return f'<{tag} class="{classes}" style="{escaped(style)}"{others}>{content}</{tag}>'


def _sheet() -> str:
    """The colours again, for dark systems, and for pages that say whether they are dark."""
    pages = [_rules(f":is({_PAGES['light']}) ", LIGHT), _rules(f":is({_PAGES['dark']}) ", DARK)]
    return f"@media(prefers-color-scheme:dark){{{_rules('', DARK)}}}{''.join(pages)}"


def _rules(page: str, colours: Mapping[str, str]) -> str:
    """The declarations that hold a colour, stronger than those in the elements."""
    rules = []
    for name, style in _STYLES.items():
        if shown := coloured(style):
            declared = ";".join(f"{part}!important" for part in shown.split(";"))
            declared = declared.format_map(colours)
            rules.append(f"{page}.mg-tape .{name}{{{declared}}}")
    return "".join(rules)
