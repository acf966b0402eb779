"""layerwise_picture(view): backpropagation with vectors and matrices, like a page of a textbook.

For each layer the equations of the forward pass and below them those of the backward pass, with the
numbers of your own network in the places of the symbols.

Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986);
the numbering BP1 to BP4 is Nielsen's, Neural Networks and Deep Learning (2015), chapter 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeAlias, TypeVar

from .. import activations
from ..layerwise import LayerPass, LayerwisePass
from .axes import heading, notes, shortened
from .histogram import from_to, largest
from .names import name_of, number_text
from .picture import Picture
from .svg import Run, Svg, short, size_of

MOST_ROWS = 6  # of a matrix that are shown; of more, one less, and how many are left out
MOST_COLUMNS = 6
MOST_LAYERS = 12  # of a deeper network, the first and the last are shown

MARGIN = 28.0
PADDING = 22.0  # px inside the frame of a layer
LABEL = 104.0  # px for what stands in front of an equation
CELL = 25.0  # px from row to row of a matrix
CAPTION = 24.0  # px above a matrix, for its name
SPACE = 12.0  # px between the parts of an equation
BETWEEN = 58.0  # px between layers, for the arrows
NARROWEST = 760.0
FORWARD, BACKWARD = "value", "gradient"  # what a number belongs to: the class of its text

Vector: TypeAlias = Sequence[float]
Matrix: TypeAlias = Sequence[Vector]
_Any = TypeVar("_Any")


def layerwise_picture(
    view: LayerwisePass, *, title: str | None = None, theme: str = "auto", format: str = "svg"
) -> Picture:
    """One sample forward and backward through every layer, in the equations of the textbooks.

    Args:
        view: what `MLP.layerwise(x, loss)` gives.
        title: above the picture; None: what it shows, and the loss.
        theme: "auto" follows the reader's system; "light", "dark".
        format: what a notebook stores, see `Picture`.

    Returns:
        The picture: for each layer h, a, W, b, δ, ∇W, ∇b. Of large matrices it shows the first rows
        and columns, and says how many there are besides.

    Raises:
        TypeError: the view is something else.

    >>> from microgrunderscore import MLP
    >>> view = MLP(2, [3, 1], activation="tanh", seed=1).layerwise([1.0, 0.5], lambda y: y * y)
    >>> layerwise_picture(view)
    <Picture: Backpropagation, layer by layer: E = 0.009292>
    """
    if not isinstance(view, LayerwisePass):
        raise TypeError(
            f"layerwise_picture needs what model.layerwise(x, loss) returns, not "
            f"{type(view).__name__} {view!r:.40}"
        )
    if title is None:
        title = f"Backpropagation, layer by layer: E = {number_text(view.loss)}"
    page = _Page(view, str(title))
    svg = page.svg.document((0, 0, page.width, page.height), str(title), str(view), theme)
    return Picture(svg, str(title), str(view), theme=theme, format=format)


# ---- what an equation is made of ---------------------------------------------------------------


class _Item(Protocol):
    """A part of an equation, set around a middle line.

    rise, fall: how far it reaches above and below that line, px.
    """

    @property
    def width(self) -> float: ...
    @property
    def rise(self) -> float: ...
    @property
    def fall(self) -> float: ...
    def draw(self, svg: Svg, x: float, y: float) -> None: ...


@dataclass(frozen=True)
class _Text:
    """Symbols between matrices, or a gap of so many px. runs: letters as "name", the rest plain."""

    runs: Sequence[Run]
    least: float = 0.0
    rise = fall = CELL / 2

    @property
    def width(self) -> float:
        """Its width, px."""
        return max(size_of(self.runs, "name"), self.least)

    def draw(self, svg: Svg, x: float, y: float) -> None:
        """Draw it from its left end; y: the middle line."""
        if self.runs:
            svg.text(x, y + 5, self.runs, "name")


def _text(*parts: str) -> _Text:
    """Parts of a formula: upright, italic, upright, …"""
    styles = ("name plain", "name")
    return _Text([(part, styles[i % 2]) for i, part in enumerate(parts) if part])


_GAP = _Text((), 20)


@dataclass(frozen=True)
class _Grid:
    """A matrix in brackets, with its name above; a vector is a matrix of one column.

    name: such as W₁. rows: all of its numbers. role: the class of the numbers.
    beside, above: for an outer product, its two factors, drawn at its edges.
    """

    name: str
    rows: Matrix
    role: str
    beside: Vector = ()
    above: Vector = ()

    @property
    def size(self) -> str:
        """3 × 2, or 3 for a vector."""
        rows, columns = len(self.rows), len(self.rows[0])
        return f"{rows:,}" if columns == 1 else f"{rows:,} × {columns:,}"

    @property
    def width(self) -> float:
        """Its width, px, with what stands at its edges."""
        caption = size_of(self.name, "name") + 6 + size_of(self.size, "tag")
        return max(self._beside + self._inside + 8, caption)

    @property
    def rise(self) -> float:
        """How far it reaches above the middle of its rows, px."""
        return self.fall + CAPTION + (CELL if self.above else 0.0)

    @property
    def fall(self) -> float:
        """How far it reaches below."""
        return CELL * min(len(self.rows), MOST_ROWS) / 2

    def draw(self, svg: Svg, x: float, y: float) -> None:
        """Draw it from its left end; y: the middle of its rows."""
        style = "name plain" if "′" in self.name else "name"
        caption = [(self.name, f"{style} {self.role}"), (f"  {self.size}", "tag muted")]
        with svg.group():
            svg.title(f"{self.name} ({self.size}): {from_to(chain(*self.rows))}")
            svg.text(x, y - self.rise + CAPTION - 9, caption, "name")
            if self.above:
                self._draw_factors(svg, x, y - self.fall)
            self._draw_inside(svg, x + self._beside + 4, y - self.fall)

    def _draw_inside(self, svg: Svg, x: float, top: float) -> None:
        """The brackets and what they hold."""
        most = largest(chain(*self.rows))
        for i, row in enumerate(_shown(self.rows, MOST_ROWS)):
            for j, number in enumerate(_shown(row, MOST_COLUMNS)):
                corner = x + j * self._cell, top + i * CELL
                _draw_cell(svg, corner, self._cell, number, most, self.role)
        rows_left, columns_left = self._left_out
        if columns_left:
            at = x + self._cell * (MOST_COLUMNS - 1) + 6
            svg.text(at, top + CELL / 2 + 4, _more(columns_left), "tag muted")
        if rows_left:
            svg.text(x + 5, top + CELL * (MOST_ROWS - 0.5) + 4, _more(rows_left), "tag muted")
        for at, inwards in ((x - 3, 5), (x + self._inside + 3, -5)):
            start = f"M{short(at + inwards)},{short(top - 1)}"
            svg.path(f"{start}h{-inwards}v{short(2 * self.fall + 2)}h{inwards}", "edge")

    def _draw_factors(self, svg: Svg, x: float, top: float) -> None:
        """The factors of an outer product: a column on the left, a row on top."""
        for i, number in enumerate(_shown(self.beside, MOST_ROWS)):
            y = top + CELL * (i + 0.5) + 4
            right = x + self._beside - 10
            svg.text(right, y, number_text(number), "small-number gradient end")
        for j, number in enumerate(_shown(self.above, MOST_COLUMNS)):
            right = x + self._beside + 4 + self._cell * (j + 1) - 8
            svg.text(right, top - 9, number_text(number), "small-number value end")

    @property
    def _left_out(self) -> tuple[int, int]:
        """How many rows and columns are not shown."""
        rows, columns = len(self.rows), len(self.rows[0])
        shown = len(_shown(self.rows, MOST_ROWS)), len(_shown(self.rows[0], MOST_COLUMNS))
        return rows - shown[0], columns - shown[1]

    @property
    def _cell(self) -> float:
        """The width of a column, px."""
        rows = [*_shown(self.rows, MOST_ROWS), self.above]
        numbers = chain(*(_shown(row, MOST_COLUMNS) for row in rows))
        width = max(size_of(number_text(x), "small-number") for x in numbers) + 16
        rows_left = self._left_out[0] if len(self.rows[0]) == 1 else 0
        return max(width, size_of(_more(rows_left), "tag") + 10 if rows_left else 0.0)

    @property
    def _inside(self) -> float:
        """The width between the brackets, px."""
        rows_left, columns_left = self._left_out
        width = self._cell * len(_shown(self.rows[0], MOST_COLUMNS))
        width += size_of(_more(columns_left), "tag") + 12 if columns_left else 0.0
        return max(width, size_of(_more(rows_left), "tag") + 10 if rows_left else 0.0)

    @property
    def _beside(self) -> float:
        """The width of the factor on the left, px."""
        numbers = _shown(self.beside, MOST_ROWS)
        return max((size_of(number_text(x), "small-number") + 12 for x in numbers), default=0.0)


def _column(name: str, xs: Vector, role: str) -> _Grid:
    """A column vector."""
    return _Grid(name, [[x] for x in xs], role)


def _draw_cell(
    svg: Svg, corner: tuple[float, float], width: float, number: float, most: float, role: str
) -> None:
    """A number on a tint that is the stronger the larger the number."""
    x, y = corner
    share = min(abs(number) / most, 1.0) if most and math.isfinite(number) else 0.0
    box = (x + 1, y + 1, width - 2, CELL - 2)
    svg.rect(box, f"{role}-row", 3, fill_opacity=f"{0.1 + 0.9 * share:.2f}")
    right, line = x + width - 8, y + CELL / 2 + 4
    svg.text(right, line, number_text(number), f"small-number {role} end")


def _more(count: int) -> str:
    return f"… {count:,} more"


def _shown(xs: Sequence[_Any], most: int) -> list[_Any]:
    """All, or of many one less than fit, so that there is room to say how many are left out."""
    return list(xs) if len(xs) <= most else list(xs[: most - 1])


# ---- the equations of a layer ------------------------------------------------------------------

_Row: TypeAlias = tuple[str, str, Sequence[_Item]]  # role, which equations, the parts


@dataclass(frozen=True)
class _Equations:
    """A layer, number k, with its numbers in the places of the symbols."""

    k: int
    layer: LayerPass
    is_last: bool

    @property
    def heading(self) -> list[Run]:
        """Layer 1: 2 → 3, tanh."""
        sizes = f"{len(self.layer.h_in):,} → {len(self.layer.h):,}"
        says = shortened(f"{sizes}, {self.layer.activation}", 400, "note")
        return [(f"Layer {self.k}", "heading"), (f"   {says}", "note muted")]

    @property
    def rows(self) -> list[_Row]:
        """Forward, and backward with the numbers of the equations in the books."""
        error = "BP1" if self.is_last else "BP2"
        return [(FORWARD, "", self.forward), (BACKWARD, f"{error}, BP3, BP4", self.backward)]

    @property
    def forward(self) -> list[_Item]:
        """a = W h + b, h = g(a)."""
        layer = self.layer
        a, W, b, h = (_name(letter, self.k) for letter in "aWbh")
        is_linear = layer.activation == "identity"
        return [
            _column(a, layer.a, FORWARD),
            _text(" = "),
            _Grid(W, layer.W, FORWARD),
            _column(_name("h", self.k - 1), layer.h_in, FORWARD),
            _text(" + "),
            _column(b, layer.b, FORWARD),
            _GAP,
            _column(h, layer.h, FORWARD),
            _text("= ", a) if is_linear else _text(f"= {self._g}(", a, ")"),
        ]

    @property
    def backward(self) -> list[_Item]:
        """δ = ∇h ∘ g′(a) = ∇b, ∇W = δ hᵀ."""
        layer = self.layer
        delta, W, b = (_name(letter, self.k) for letter in "δWb")
        product = f"∇{W} = {delta} {_name('h', self.k - 1)}ᵀ"
        return [
            _column(f"∇{b} = {delta}", layer.delta, BACKWARD),
            _text(" = "),
            *self._delta,
            _GAP,
            _Grid(product, layer.grad_W, BACKWARD, beside=layer.delta, above=layer.h_in),
        ]

    @property
    def _delta(self) -> list[_Item]:
        """∇h ∘ g′(a), with the slopes as numbers where these are known."""
        a, h = _name("a", self.k), _name("h", self.k)
        if self.layer.activation == "softmax":
            return [_text("", h, " ∘ (∇", h, " − ", f"{h}ᵀ", "∇", h, ")")]
        grad_h = _column(f"∇{h}", self.layer.grad_h, BACKWARD)
        if self.layer.activation == "identity":
            return [grad_h]
        slopes = slopes_of(self.layer)
        if slopes is None:
            return [grad_h, _text(f"∘ {self._g}′(", a, ")")]
        return [grad_h, _text("∘"), _column(f"{self._g}′({a})", slopes, FORWARD)]

    @property
    def _g(self) -> str:
        """The activation in a formula."""
        name = self.layer.activation
        return name if name.isidentifier() and len(name) < 16 else "g"


def _name(letter: str, k: int) -> str:
    """W₁ for W and 1."""
    return name_of(f"{letter}{k}").text


def slopes_of(layer: LayerPass) -> list[float] | None:
    """g′(a) of a layer; None where the activation is not known by its name.

    >>> from microgrunderscore import MLP
    >>> view = MLP(2, [3, 1], activation="tanh").layerwise([0.0, 0.0], lambda y: y * y)
    >>> slopes_of(view.layers[0])
    [1.0, 1.0, 1.0]
    """
    try:
        g = activations.activation(layer.activation)
    except ValueError:
        return None
    if g is activations.softmax or [activations.on_float(g, a) for a in layer.a] != layer.h:
        return None  # the last: a function of the caller's that has the name of an operation
    return [activations.slope(g, a) for a in layer.a]


# ---- the page ----------------------------------------------------------------------------------


class _Page:
    """The layers one below the other, the sample on top, the loss at the foot."""

    def __init__(self, view: LayerwisePass, title: str) -> None:
        self.svg = Svg()
        self.view = view
        last = len(view.layers)
        equations = [_Equations(k, layer, k == last) for k, layer in enumerate(view.layers, 1)]
        half = MOST_LAYERS // 2
        left_out = max(len(equations) - 2 * half, 0)
        shown = [*equations[:half], *equations[-half:]] if left_out else equations
        blocks = [(e, e.rows) for e in shown]
        sample: _Row = (FORWARD, "", self._sample)
        widest = max(
            _width(items) for _, rows in [(None, [sample]), *blocks] for _, _, items in rows
        )
        self.width = max(2 * (MARGIN + PADDING) + LABEL + widest, NARROWEST)
        y = heading(self.svg, MARGIN, 38, title, self.width - 2 * MARGIN) + 18
        y = self._frame(y, [("The sample", "heading")], [sample])
        for e, rows in blocks:
            y = self._arrows(y, e.k - 1, left_out if e.k - 1 == len(equations) - half else 0)
            y = self._frame(y, e.heading, rows)
        y = self._arrows(y, len(equations), 0)
        y = self._loss(y, len(equations))
        self.height = notes(self.svg, MARGIN, y + 12, self._notes, self.width - 2 * MARGIN) + 22

    @property
    def _sample(self) -> list[_Item]:
        """x, and how the loss moves with it."""
        first = self.view.layers[0]
        return [
            _Grid("xᵀ = h₀ᵀ", [first.h_in], FORWARD),
            _GAP,
            _Grid("∇xᵀ = ∇h₀ᵀ", [first.grad_h_in], BACKWARD),
        ]

    @property
    def _notes(self) -> list[str]:
        """That the scalar graph gives the same, and what the signs mean."""
        difference = self.view.largest_difference
        says = number_text(float(f"{difference:.1e}")) if difference else "0, the same bits"
        return [
            f"Largest difference between the equations and the scalar graph: {says}.",
            "∇ is the gradient of E; ∘ multiplies number by number; the tint shows the size of a "
            "number within its matrix.",
        ]

    def _frame(self, y: float, title: Sequence[Run], rows: Sequence[_Row]) -> float:
        """A card with equations; returns where it ends."""
        rises = [max(item.rise for item in items) for _, _, items in rows]
        falls = [max(item.fall for item in items) for _, _, items in rows]
        height = 42 + sum(rises) + sum(falls) + 24 * len(rows)
        self.svg.rect((MARGIN, y, self.width - 2 * MARGIN, height), "card", 12)
        left = MARGIN + PADDING
        self.svg.text(left, y + 28, title, "heading")
        middle = y + 42
        for (role, rule, items), rise, fall in zip(rows, rises, falls, strict=True):
            middle += rise
            if len(rows) > 1:
                direction = "forward ↓" if role == FORWARD else "backward ↑"
                self.svg.text(left, middle + 4, direction, f"note bold {role}")
            if rule:
                self.svg.text(left, middle + 21, rule, "tag muted")
            x = left + LABEL
            for item in items:
                item.draw(self.svg, x, middle)
                x += item.width + SPACE
            middle += fall + 24
        return y + height

    def _arrows(self, y: float, k: int, left_out: int) -> float:
        """Between two frames: h goes down, its gradient comes up; returns where that ends."""
        top, bottom = y + 5, y + BETWEEN - 5
        line = (top + bottom) / 2 + 5
        h = _name("h", k)
        x = MARGIN + PADDING + LABEL + 30
        at = short(x)
        self.svg.path(f"M{at},{short(top)}V{short(bottom - 8)}", "positive-line", stroke_width=2)
        self.svg.path(f"M{at},{short(bottom)}l-5,-9h10z", "value-area")
        self.svg.text(x + 14, line, h, "name value")
        x += 150
        at = short(x)
        self.svg.path(f"M{at},{short(bottom)}V{short(top + 8)}", "gradient-line", stroke_width=2)
        self.svg.path(f"M{at},{short(top)}l-5,9h10z", "gradient-area")
        is_last = k == len(self.view.layers)
        source = f"∂E/∂{h}" if is_last else f"{_name('W', k + 1)}ᵀ {_name('δ', k + 1)}"
        self.svg.text(x + 14, line, f"∇{h} = {source}", "name gradient")
        if left_out:
            self.svg.text(x + 200, line, f"… {left_out:,} more layers …", "note muted")
        return y + BETWEEN

    def _loss(self, y: float, k: int) -> float:
        """The loss of the outputs."""
        left = MARGIN + PADDING + LABEL - 10
        runs = [(f"E({_name('h', k)}) = ", "name"), (number_text(self.view.loss), "number value")]
        width = max(size_of(runs) + 40, 240.0)
        self.svg.rect((left, y, width, 52), "card card-output", 10)
        self.svg.text(left + width / 2, y + 32, runs, "name middle")
        return y + 52


def _width(items: Sequence[_Item]) -> float:
    """How long an equation is, px."""
    return sum(item.width for item in items) + SPACE * (len(items) - 1)
