"""The code that a network invents: what its hidden neurons say about each pattern.

Given eight patterns and three hidden neurons, an autoencoder learns something like the binary
numbers 000 to 111.

Source: Ackley, Hinton and Sejnowski, A learning algorithm for Boltzmann machines (1985), section
4.1, the encoder problem; solved by backpropagation in Rumelhart, Hinton and Williams (1986).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

from ..arguments import whole
from ..nn import Layer
from ..pictures.axes import clear, shortened
from ..pictures.names import name_of
from ..pictures.svg import Svg, size_of
from ..pictures.wording import counted
from .answers import Row, inside
from .chart import EDGE, Chart, Colours, Sheet, literal
from .pixels import rgb

MOST_PATTERNS = 64
MOST_NEURONS = 32

# How strong the shade of a cell is: off up to PALE, on from DEEP. Between them neither ink nor its
# inverse reaches a contrast of 4.5, and the jump shows at a glance how the activation is rounded.
PALE, DEEP = 0.42, 0.86

_CELL = (62.0, 30.0)  # px
_GAP = 6.0
_LONGEST_NAME = 220.0  # px


@dataclass(frozen=True, slots=True)
class _Code:
    """One pattern: its name, what the hidden neurons say, and the same rounded to bits."""

    name: str
    hidden: Row
    bits: str


@dataclass(frozen=True, slots=True)
class _Range:
    """From where to where activations go, and above what they count as on."""

    lo: float
    level: float
    hi: float

    def is_on(self, h: float) -> bool:
        return h > self.level

    def strength(self, h: float) -> float:
        """How strong the shade of an activation is, from 0 to 1.

        >>> [round(_Range(0.0, 0.5, 1.0).strength(h), 2) for h in (0.0, 0.5, 0.51, 1.0)]
        [0.0, 0.42, 0.86, 1.0]
        """
        if self.is_on(h):
            return DEEP + (1.0 - DEEP) * _share(self.level, self.hi, h)
        return PALE * _share(self.lo, self.level, h)


def _share(lo: float, hi: float, x: float) -> float:
    """How far x is from lo to hi."""
    half = 0.5 * hi - 0.5 * lo
    return min(max((0.5 * x - 0.5 * lo) / half, 0.0), 1.0) if half > 0.0 else 0.0


def hidden_code(
    model: Any,
    X: Any,
    *,
    layer: int = 0,
    names: Sequence[str] | None = None,
    sort: bool = False,
    title: str | None = None,
    theme: str = "auto",
    format: str = "svg",
) -> Chart:
    """What the neurons of a hidden layer say about each pattern, and that rounded to a code.

    Args:
        model: an MLP.
        X: the patterns, at most 64 samples.
        layer: which layer, counted from 0; of at most 32 neurons.
        names: of the patterns; None: their bits, or numbers where they are not made of bits.
        sort: put the rows in the order of their codes.
        title: above the picture; "The code in layer 1" if None.
        theme, format: as for `decision_boundary`.

    Returns:
        A chart. Its numbers are the `names`, the `hidden` activations, the `codes`, how many of
        them are `distinct`, and the `level` above which a neuron counts as 1: ½ for a sigmoid or
        softmax, 0 for any other.

    Raises:
        ValueError: no or too many patterns, a layer that is not there or too wide, an activation
            that is not finite, names of another number.
        TypeError: the model has no layers to look into, an argument of another kind.

    >>> from microgrunderscore import MLP, datasets
    >>> X, _ = datasets.one_hot(3)
    >>> model = MLP(3, [2, 3], activation="sigmoid", initialise="glorot", seed=0)
    >>> print(hidden_code(model, X).text)
    The code in layer 1: 3 patterns, 2 sigmoid neurons.
    100: 0.68 0.37 ≈ 10
    010: 0.64 0.51 ≈ 11
    001: 0.46 0.45 ≈ 00
    All 3 codes are distinct.
    """
    layers, inputs = inside("hidden_code", model, X)
    index = whole("layer", layer, 0)
    if index >= len(layers):
        raise ValueError(
            f"layer must be below {len(layers)}, as the model has so many, got {index}"
        )
    _check_sizes(len(inputs), len(layers[index].neurons))
    hidden = [_through(layers[: index + 1], x) for x in inputs]
    rounding = _range_of(layers[index].activation_name, hidden)
    codes = [
        _Code(name, h, "".join(str(int(rounding.is_on(x))) for x in h))
        for name, h in zip(_names(names, inputs), hidden, strict=True)
    ]
    if sort:
        codes.sort(key=lambda code: code.bits)
    sheet = _drawn(f"The code in layer {index + 1}" if title is None else title, codes, rounding)
    return sheet.chart(
        _described(sheet.title, layers[index].activation_name, codes),
        numbers={
            "names": [code.name for code in codes],
            "hidden": [code.hidden for code in codes],
            "codes": [code.bits for code in codes],
            "distinct": len({code.bits for code in codes}),
            "level": rounding.level,
        },
        plot=lambda axes, colours: _plot(axes, colours, codes, rounding),
        theme=theme,
        format=format,
    )


def _check_sizes(patterns: int, neurons: int) -> None:
    for what, n, most, way_out in (
        ("patterns", patterns, MOST_PATTERNS, "choose some rows of X"),
        ("neurons", neurons, MOST_NEURONS, "choose another layer"),
    ):
        if n > most:
            raise ValueError(f"hidden_code draws at most {most} {what}, got {n}: {way_out}")


def _through(layers: Sequence[Layer], x: Row) -> Row:
    """The activations of the last of these layers."""
    h: Any = x
    for layer in layers:
        h = layer.predict(h)
    numbers: Row = h if isinstance(h, list) else [h]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"for the pattern {x!r:.60} the hidden neurons say {numbers!r:.60}: only finite "
            "activations can be drawn; have the parameters grown too large?"
        )
    return numbers


def _range_of(activation: str, hidden: Sequence[Row]) -> _Range:
    """The range of an activation function; of one without limits, that of what occurs."""
    if activation in ("sigmoid", "softmax"):
        return _Range(0.0, 0.5, 1.0)
    if activation == "tanh":
        return _Range(-1.0, 0.0, 1.0)
    return _Range(min(0.0, *map(min, hidden)), 0.0, max(0.0, *map(max, hidden)))


def _names(names: Sequence[str] | None, inputs: Sequence[Row]) -> list[str]:
    """What the patterns are called."""
    if names is not None:
        if isinstance(names, str) or len(names) != len(inputs):
            raise ValueError(f"names needs {len(inputs)} of them, one a pattern, got {names!r:.60}")
        return [clear(name) for name in names]
    if all(x in (0.0, 1.0) for row in inputs for x in row) and len(inputs[0]) <= 24:
        return ["".join(str(int(x)) for x in row) for row in inputs]
    return [f"pattern {i}" for i in range(len(inputs))]


# ---- words -------------------------------------------------------------------------------------


def _number(h: float) -> str:
    """An activation as it stands in a cell: two decimals, or three digits where it is large.

    >>> _number(0.5), _number(-0.001), _number(-12345.6)
    ('0.50', '0.00', '−1.23e4')
    """
    text = f"{h:.2f}" if abs(h) < 100.0 else f"{h:.0f}" if abs(h) < 9999.5 else f"{h:.2e}"
    text = text.replace("e+0", "e").replace("e+", "e")
    return "0.00" if text == "-0.00" else text.replace("-", "−", 1)


def _verdict(codes: Sequence[_Code]) -> str:
    """How many codes are distinct."""
    distinct, n = len({code.bits for code in codes}), len(codes)
    if n == 1:
        return "There is one code."
    if distinct == n:
        return f"All {n} codes are distinct."
    return f"{counted(distinct, 'distinct code')} for {n} patterns."


def _twins(codes: Sequence[_Code]) -> dict[str, list[str]]:
    """The names of the patterns that share a code, by code."""
    groups: dict[str, list[str]] = {}
    for code in codes:
        groups.setdefault(code.bits, []).append(code.name)
    return {bits: names for bits, names in groups.items() if len(names) > 1}


def _described(title: str, activation: str, codes: Sequence[_Code]) -> str:
    """All that is to be seen, as text."""
    neurons = counted(len(codes[0].hidden), f"{activation} neuron")
    lines = [f"{title}: {counted(len(codes), 'pattern')}, {neurons}."]
    lines += [f"{c.name}: {' '.join(map(_number, c.hidden))} ≈ {c.bits}" for c in codes]
    lines.append(_verdict(codes))
    lines += [
        f"{bits} stands for {', '.join(names[:8])}{', …' * (len(names) > 8)}."
        for bits, names in _twins(codes).items()
    ]
    return "\n".join(lines)


# ---- drawing -----------------------------------------------------------------------------------


def _drawn(title: str, codes: Sequence[_Code], rounding: _Range) -> Sheet:
    """A table: the pattern, what each neuron says, the code."""
    width, height = _CELL
    names = [shortened(code.name, _LONGEST_NAME, "number") for code in codes]
    left = EDGE + max(70.0, *(size_of(name, "number") for name in names)) + 16
    right = left + len(codes[0].hidden) * (width + _GAP) + 10
    twins = _twins(codes)
    mark = right + size_of(f"≈ {codes[0].bits}", "number") + 10
    sheet = Sheet(title, max(mark + (16 if twins else -4) + EDGE, 340.0))
    sheet.note(sheet.y - 2, [_verdict(codes)])
    svg, y = sheet.svg, sheet.y + 30
    svg.text(left - 16, y, "pattern", "note muted end")
    svg.text(right, y, "code", "note muted")
    for j in range(len(codes[0].hidden)):
        middle = left + j * (width + _GAP) + width / 2
        svg.text(middle, y, name_of(f"h{j + 1}").text, "symbol middle")
    y += 10
    for name, code in zip(names, codes, strict=True):
        base = y + height / 2 + 4.5
        svg.text(left - 16, base, name, "number end")
        for j, h in enumerate(code.hidden):
            _draw_cell(svg, left + j * (width + _GAP), y, h, rounding)
        svg.text(right, base, [("≈ ", "muted"), (code.bits, "")], "number")
        if code.bits in twins:
            svg.text(mark, base, _mark(list(twins).index(code.bits)), "number negative")
        y += height + _GAP
    how = f"A neuron counts as 1 above {_number(rounding.level)}."
    sheet.note(y, [how] + ["The same letter: the same code."] * bool(twins))
    return sheet


def _mark(k: int) -> str:
    """A letter for the k-th code that several patterns share."""
    return ascii_letters[k]  # at most half as many as patterns


def _draw_cell(svg: Svg, x: float, y: float, h: float, rounding: _Range) -> None:
    """One activation: the number on its shade."""
    box = (x, y, *_CELL)
    is_on = rounding.is_on(h)
    svg.rect(box, "card", 6)
    svg.rect(box, "value-area", 6, fill_opacity=f"{rounding.strength(h):.2f}")
    classes = "number middle inverse" if is_on else "number middle"
    svg.text(x + _CELL[0] / 2, y + _CELL[1] / 2 + 4.5, _number(h), classes)


def _plot(axes: Any, colours: Colours, codes: Sequence[_Code], rounding: _Range) -> None:
    """The same in matplotlib."""
    base = [part / 255 for part in rgb(colours["value"])]
    axes.imshow([[[*base, rounding.strength(h)] for h in c.hidden] for c in codes], aspect="auto")
    for i, code in enumerate(codes):
        for j, h in enumerate(code.hidden):
            colour = colours["card" if rounding.is_on(h) else "ink"]
            axes.text(j, i, _number(h), ha="center", va="center", color=colour)
        axes.text(len(code.hidden) - 0.4, i, f"≈ {code.bits}", va="center")
    axes.set_xticks(range(len(codes[0].hidden)))
    axes.set_xticklabels([f"$h_{{{j + 1}}}$" for j in range(len(codes[0].hidden))])
    axes.set_yticks(range(len(codes)))
    axes.set_yticklabels([literal(code.name) for code in codes])
