"""play(z): backpropagation step by step, as one piece of HTML that needs nothing else.

Everything is computed here. The page holds the picture, the steps and a short script that shows
them one after another: no kernel, no server, no request to the network. Where scripts are not
allowed, the final picture and the list of all steps are to be seen instead.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..arguments import real, whole
from ..engine import Value
from ..graph import gc_paused
from ..operation import OPERATIONS
from . import mathml
from .cards import Cards
from .display import Display
from .embedding import asset, inert, script, theme_script
from .graph import Graph, Node
from .names import order_of_computing
from .palette import DARK, FONTS, LIGHT, MATH, MONO, SANS, check_theme
from .picture import Picture
from .steps import Equation, Step, steps
from .svg import Svg, escaped, sheet, variables
from .symbols import VERBATIM, Symbol, applied, node_symbol

MOST_NODES = 60
LONGEST_TITLE = 44  # characters of a formula in the title
LONG_EQUATION = 90  # characters; longer ones are set smaller
MARGIN = 20.0
BROKEN = ("", "=")
FAMILIES = {"--sans": SANS, "--mono": MONO, "--math": MATH}
LISTS = ("dot", "sum_of")  # are written in a way of their own, and are long

ICONS = {
    "first": "M2 2h2v12H2zM14 2v12L5 8z",
    "back": "M11 2v12L3 8z",
    "next": "M5 2v12l8-6z",
    "last": "M12 2h2v12h-2zM2 2v12l9-6z",
    "play": "M3 1v14l11-7z",
}


class Player(Display):
    """Backpropagation through a value, to be stepped through; a notebook shows it by itself.

    Attributes:
        steps: what it shows, as plain data.
        graph: what it is about.
        fragment: the player as HTML, to be put into a page.
        html: the player as a page of its own.
        svg: the picture of the last step.

    `save` writes it by the extension: .html, or .svg and .png for the picture of the last step.
    `print` gives all steps as text.
    """

    def __init__(
        self,
        graph: Graph,
        found: list[Step],
        fragment: str,
        svg: str,
        title: str,
        theme: str,
    ) -> None:
        self.title = title
        self.text = _text(title, found)
        self.fragment = fragment
        self.theme = theme
        self.graph = graph
        self.steps = found
        self.svg = svg

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        last = Picture(self.svg, self.title, self.text, theme=self.theme)._writers
        return {**super()._writers, ".svg": last[".svg"], ".png": last[".png"]}


def play(
    z: Value,
    *,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    output: str | None = None,
    title: str | None = None,
    start: int = 0,
    seconds: float = 1.8,
    theme: str = "auto",
    quiz: bool = False,
    break_it: str = "",
    max_nodes: int = MOST_NODES,
) -> Player:
    """Backpropagation through z, one step at a time: each operation forward, each edge backward.

    Needs no backward() and changes no gradient.

    Args:
        z: the output.
        names: names for Values without a label, such as locals().
        model: a network: its parameters are weights, its neurons get the names of the textbook.
        output: what z is called.
        title: the heading.
        start: the step that is shown first, counted from 0; from the end if negative.
        seconds: how long Play shows each step, at least 0.2, less than a day.
        theme: "auto" (as the page around it), "light" or "dark".
        quiz: ask for each number before it is shown.
        break_it: "=" replays the classic mistake: assigning contributions instead of adding them.
        max_nodes: of a graph that is played.

    Returns:
        A player, which shows itself in a notebook; `save("z.html")` writes a page that works
        without network, `show()` opens the browser, `print` gives the steps as text.

    Raises:
        TypeError: z is no Value.
        ValueError: the graph has more nodes than `max_nodes`, or a setting outside its range.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> player = play((x * y).log())
    >>> player
    <Player: Backpropagation through z = log(x · y)>
    >>> print(player.steps[5])
    ∂z/∂x = ∂z/∂v₁ · ∂v₁/∂x = 0.1667 × 3 = 0.5. Chain rule: x moves v₁ with slope 3, and v₁ moves \
z with slope 0.1667. Multiply.
    """
    if not isinstance(z, Value):
        raise TypeError(f"play needs the Value that was computed, not {z!r:.40}")
    check_theme(theme)
    if break_it not in BROKEN:
        raise ValueError(f'break_it must be "=" (assign, do not add) or "", not {break_it!r:.40}')
    seconds = real("seconds", seconds, least=0.2, below=86400.0)  # for browsers, 25 days are none
    max_nodes = whole("max_nodes", max_nodes, 1)
    with gc_paused():
        count = len(order_of_computing(z))
        if count > max_nodes:
            raise ValueError(
                f"this graph has {count:,} nodes, and {max_nodes} are the most that can be "
                "followed step by step. You can draw(z) it, explain(z, x) one derivative, see a "
                "network with overview(model, z), play(v) a part: a Value v on the way, or the "
                f"loss of one sample; or insist with play(z, max_nodes={count})"
            )
        graph = Graph(z, names, model=model, output=output, swept=True)
        found = steps(graph, accumulate=not break_it)
    if whole("start", start, -len(found)) >= len(found):
        raise ValueError(f"start must be at most {len(found) - 1}, the last step, got {start}")
    if title is None:
        title = f"Backpropagation through {_formula(graph)}"
        title += ", broken: = in place of +=" * bool(break_it)
        title += ": a quiz" * bool(quiz)
    settings = {
        "start": start % len(found),
        "milliseconds": round(1000 * seconds),
        "theme": theme,
        "quiz": bool(quiz),
    }
    scene = _Scene(graph, found)
    document = scene.svg.document(scene.box, title, _text(title, found, " "), theme)
    fragment = _fragment(scene, title, document, settings)
    return Player(graph, found, fragment, document, title, theme)


# ---- the whole ----------------------------------------------------------------------------------


def _fragment(scene: _Scene, title: str, document: str, settings: dict[str, Any]) -> str:
    """The player as HTML: picture and text for readers without scripts, data, script."""
    is_quiz = bool(settings["quiz"])
    play_it = theme_script() + _asset("quiz.js") * is_quiz + _asset("player.js")
    make = hashlib.sha256(play_it.encode()).hexdigest()[:10]
    theme = str(settings["theme"])
    data = {
        **settings,
        "steps": [_step_data(step, is_quiz) for step in scene.steps],
        "details": [_details(scene, node) for node in scene.graph.nodes],
        "view": _unquoted(_view(scene, title, theme, is_quiz)),
        "style": _unquoted(_style(scene) + _asset("quiz.css") * is_quiz),
    }
    return (
        f'<div data-player="{make}" data-lm-suppress-shortcuts="true">'
        f"{_fallback(scene, title, document, theme)}"
        f'<script type="application/json">{inert(data)}</script>'
        f"{script(play_it, f'startAll({make!r})')}</div>"
    )


def _asset(name: str) -> str:
    return asset(__package__ or "", name)


def _unquoted(markup: str) -> str:
    """With ' around attributes, since JSON writes two characters for each "; texts are escaped."""
    return markup.replace('"', "'")


def _fallback(scene: _Scene, title: str, document: str, theme: str) -> str:
    """The final picture, and all steps as a list; the script takes what it shows from both."""
    still = re.sub(r'(<g data-node="\d+">)<title>[^<]*</title>', r"\1", document)
    [own] = re.findall(r' id="(mg[0-9a-f]+)"', still)
    still = _NOT_FOR_IMAGES.sub("", still.replace(f"#{own} ", ""))
    still = _shared_fonts(still, "svg")
    image = Picture(still, title, "All steps follow as text.", theme=theme).fragment
    items = "".join(
        f"<li>{step.title}: <span>{escaped(step.equation.text)}</span>. "
        f"<span>{escaped(step.sentence)}</span></li>"
        for step in scene.steps
    )
    return (
        f"<p><b>{escaped(title)}</b></p>{image}<details open>"
        f"<summary>All {len(scene.steps)} steps</summary><ol>{items}</ol></details>"
    )


# What the list of steps says, what the page decides, and what tells pictures on one page apart.
_NOT_FOR_IMAGES = re.compile(r'<desc[^<]*</desc>| (?:aria-\w+|id|style)="[^"]*"')


def _text(title: str, found: Sequence[Step], end: str = "\n") -> str:
    """All steps as text, one a line."""
    lines = [f"{title}, in {len(found)} steps"]
    lines += [f"{step.number + 1}. {step.title}: {step}" for step in found]
    return end.join(lines)


def _step_data(step: Step, is_quiz: bool) -> dict[str, Any]:
    """What the script needs of a step besides what it takes from the list of all steps."""
    is_asked = is_quiz and step.answer is not None and math.isfinite(step.answer)
    return {
        "pass": "forward" if step.is_forward else "backward",
        "title": step.title,
        "nodes": step.nodes,
        "edges": step.edges,
        "rows": {row.node: [row.value, row.gradient, row.products] for row in step.rows},
        **({"answer": step.answer} if is_asked else {}),
    }


def _details(scene: _Scene, node: Node) -> list[str]:
    """What a tooltip says of a node, with all digits: what it is, its value, its gradient."""
    if node.kind == "constant":
        return [f"constant {node.data!r}", "", ""]
    gradient = scene.steps[-1].gradients[node.index].total
    name = scene.graph.gradient_name(node)
    return [node.title, f"value {node.data!r}", f"{name} {gradient!r}"]


# ---- the picture --------------------------------------------------------------------------------


class _Scene:
    """The steps, and the cards with everything that will ever stand on them."""

    def __init__(self, graph: Graph, found: list[Step]) -> None:
        self.graph = graph
        self.steps = found
        messages = {s.message.edge: s.message.text for s in found if s.message}
        gradients: dict[int, list[str]] = {}
        for row in (row for step in found for row in step.rows if row.gradient):
            gradients.setdefault(row.node, []).append(row.gradient)
        cards = Cards(graph, messages=messages, gradients=gradients)
        self.svg = Svg()
        cards.write(self.svg)
        self.box = (-MARGIN, -MARGIN, cards.width + 2 * MARGIN, cards.height + 2 * MARGIN)


def _style(scene: _Scene) -> str:
    """Colours and fonts, the style sheet of the cards, that of the player."""
    forward = sum(step.is_forward for step in scene.steps)
    turn = (forward - 0.5) / max(len(scene.steps) - 1, 1)
    cards = f"<style>{sheet(scene.svg.classes, '.graph ', 'variables')}</style>"
    cards = _shared_fonts(cards, ".player").removeprefix("<style>").removesuffix("</style>")
    return (
        f".player{{color-scheme:light;{variables(LIGHT)};--turn:{turn:.4f};"
        f"--tape:{sum(_widths(scene)):.0f}px}}"
        f'.player[data-theme="dark"]{{color-scheme:dark;{variables(DARK)}}}'
        f"{cards}{_asset('player.css')}"
    )


def _shared_fonts(styled: str, selector: str) -> str:
    """Something with a <style>, in which each family of fonts is now written once."""
    declared = ";".join(f"{name}:{family}" for name, family in FAMILIES.items())
    for name, family in FAMILIES.items():
        styled = styled.replace(family, f"var({name})")
    return styled.replace("<style>", f"<style>{selector}{{{declared}}}", 1)


# ---- what is around it --------------------------------------------------------------------------


def _view(scene: _Scene, title: str, theme: str, is_quiz: bool) -> str:
    """Everything that is to be seen, all steps at once; the script shows one of them."""
    shown = "dark" if theme == "dark" else "light"
    return (
        f'<div class="player" data-theme="{shown}" role="group" tabindex="0" '
        f'aria-label="{escaped(title)}">'
        f'<div class="head"><h3>{escaped(title)}</h3>{LEGEND}{FIT}</div>'
        '<div class="graph"></div>'
        f"{_panel(scene.steps, is_quiz)}{_controls(len(scene.steps))}{_tape(scene)}"
        f"{KEYS.format('' if is_quiz else SPACE)}"
        '<p class="heard" role="status" aria-live="polite"></p></div>'
    )


LEGEND = (
    '<ul class="legend"><li class="value"><i></i>value (forward)</li>'
    '<li class="slope"><i></i>local slope of an edge</li>'
    '<li class="gradient"><i></i>gradient (backward)</li></ul>'
)
FIT = '<button type="button" data-does="fit" aria-pressed="false">Whole graph</button>'
QUIZ = (
    '<form class="quiz"><output></output><input aria-label="Your number" autocomplete="off" '
    'spellcheck="false"><button>Check</button>'
    '<button type="button" data-does="show">Show it</button></form>'
)
SPACE = ", <kbd>Space</kbd> play"
KEYS = (
    '<p class="keys">Keys: <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first '
    "and last{}. Click a card or an arrow to jump to its step; hover for all digits.</p>"
)


def _panel(found: Sequence[Step], is_quiz: bool) -> str:
    """The equations and sentences of all steps, one upon the other."""
    return (
        '<div class="panel"><div class="pass" aria-hidden="true"></div>'
        f'<div class="steps" aria-hidden="true">{"".join(map(_panel_step, found))}</div>'
        f"{QUIZ * is_quiz}</div>"
    )


def _panel_step(step: Step) -> str:
    size = " long" if len(step.equation.text) > LONG_EQUATION else ""
    return (
        f'<div class="step"><div class="equation{size}">{_equation(step.equation)}</div>'
        "<p></p></div>"
    )


def _equation(equation: Equation) -> str:
    clauses = ["".join(mathml.parts(clause)) for clause in equation.clauses]
    clauses += [f"and {equation.left_out} more"] * bool(equation.left_out)
    return "".join(f'<span class="clause">{clause}</span>' for clause in clauses)


def _controls(count: int) -> str:
    """Buttons, slider, and where we are."""
    widest = f"{count} / {count}"
    return (
        '<div class="controls">'
        f"{_button('first', '', 'First step')}{_button('back', 'Back')}{_button('next', 'Next')}"
        f"{_button('last', '', 'Last step')}{_button('play', 'Play')}"
        f'<input type="range" min="0" max="{count - 1}" value="0" aria-label="Step">'
        f'<span class="count">{widest}</span></div>'
    )


def _button(does: str, text: str, label: str = "") -> str:
    icon = f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{ICONS[does]}"/></svg>'
    spoken = f' aria-label="{label}" title="{label}"' if label else ""
    written = f"<span>{text}</span>" if text else ""
    inside = written + icon if does == "next" else icon + written
    return f'<button type="button" data-does="{does}"{spoken}>{inside}</button>'


def _tape(scene: _Scene) -> str:
    """A row for each Value; the script fills it in."""
    head = "".join(f'<th scope="col">{escaped(text)}</th>' for text in _heads(scene))
    widths = _widths(scene)
    columns = "".join(f'<col width="{100 * w / sum(widths):.1f}%">' for w in widths)
    rows = "".join(
        f'<tr data-row="{n.index}"><th scope="row">{escaped(n.title)}</th>{"<td></td>" * 3}</tr>'
        for n in scene.graph.nodes
        if n.kind != "constant"
    )
    return (
        '<p class="caption">The tape: the forward pass fills it downward, the backward pass fills '
        f'it upward</p><div class="tape"><table aria-label="Tape"><colgroup>{columns}</colgroup>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _heads(scene: _Scene) -> tuple[str, ...]:
    z = scene.graph.output.name
    return "operation", "value ↓", f"gradient of {z} ↑", "gradient arriving × local slope ↑"


def _widths(scene: _Scene) -> list[float]:
    """The least width of each column: that of the longest text that it will ever hold."""
    rows = [row for step in scene.steps for row in step.rows]
    columns = [
        [FONTS["name"].width(n.title) for n in scene.graph.nodes],
        [FONTS["number"].width(row.value) for row in rows],
        [FONTS["number"].width(row.gradient) for row in rows],
        [FONTS["number"].width(row.products) for row in rows],
    ]
    heads = [FONTS["heading"].width(head) for head in _heads(scene)]
    return [max(head, *widths) + 24 for head, widths in zip(heads, columns, strict=True)]


# ---- the title ----------------------------------------------------------------------------------


def _formula(graph: Graph) -> str:
    """z = log(x · y): the output in terms of the inputs where that is short.

    Else in terms of Values that have a name of their own; else its last operation.
    """
    for is_opened in (lambda v: True, lambda v: not _is_named(graph, v)):
        text = _spelled(graph, is_opened)
        if text and len(text) <= LONGEST_TITLE:
            return f"{graph.output.name} = {text}"
    return graph.output.title


def _is_named(graph: Graph, v: Value) -> bool:
    return not re.fullmatch("v[₀-₉]+", graph.names[v].text)


def _spelled(graph: Graph, is_opened: Callable[[Value], bool]) -> str:
    """The output as a formula; Values on the way are replaced by theirs where they are opened."""
    symbols: dict[int, Symbol] = {}
    sizes: dict[int, int] = {}  # of the formulas, which can be exponentially longer than the graph
    for v in graph.flow.nodes:
        symbols[id(v)], sizes[id(v)] = node_symbol(v, graph.names[v]), 1
        size = 1 + sum(sizes[id(x)] for x in v.parents)
        is_written_out = v.op in OPERATIONS and v.op not in LISTS and size <= LONGEST_TITLE
        if is_written_out and (v is graph.root or is_opened(v)):
            xs = [symbols[id(x)] if isinstance(x, Value) else Symbol(float(x)) for x in v.operands]
            symbols[id(v)], sizes[id(v)] = applied(v.op, *xs), size
    text = VERBATIM.spell(symbols[id(graph.root)]).text
    return "" if text == graph.output.name.text else text
