"""Equations as MathML, which browsers set by themselves: no fonts, no scripts, no pictures.

A long equation is several <math> elements, one for each part between signs of equality, so that
it can be broken into lines there. Every text is escaped; every name is set as a name, whatever it
looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .names import Name
from .steps import Clause, Derivative, Formula, Piece, Quantity, Sign
from .svg import escaped

THIN = '<mspace width=".2em"/>'
LONGEST_PART = 40  # characters of a formula that is not broken into lines at its plus signs

_DIGITS = dict(zip("₀₁₂₃₄₅₆₇₈₉₍₎‚⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁻", "0123456789(),0123456789()−", strict=True))
_PLAIN = str.maketrans(_DIGITS)
_NAME = re.compile(r"(.+?)([₀-₉₍₎‚]*)([⁰¹²³⁴-⁹⁽⁾]*)", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)|(?P<raised>[⁰¹²³⁴-⁹⁽⁾⁻]+)|(?P<word>[^\W\d]\w*)|(?P<sign>\S)"
)
_SUMS = ("+", "−")


def parts(clause: Clause) -> list[str]:
    """A clause as <math> elements, each of which begins at a sign of equality.

    >>> parts((Formula("x", (Name("x", "x"),)), Sign("="), Quantity(2.0, "value")))
    ['<math><mi>x</mi></math>', '<math><mo>=</mo><mn class="value">2</mn></math>']
    """
    found: list[list[str]] = [[]]
    for piece in clause:
        if isinstance(piece, Sign) and piece.is_relation:
            found.append([])
        if isinstance(piece, Formula):
            first, *others = _formula(piece)
            found[-1].append(first)
            found += [[other] for other in others]
        else:
            found[-1].append(_piece(piece))
    return [f"<math>{''.join(part)}</math>" for part in found if part]


def name(shown: Name) -> str:
    """A name: letters in italics, with the digits at its end below or above the line.

    >>> name(Name("w₁₂⁽³⁾", "w_{12}^{(3)}"))
    '<msubsup><mi>w</mi><mn>12</mn><mn>(3)</mn></msubsup>'
    """
    found = _NAME.fullmatch(shown.text)
    assert found is not None
    base, below, above = (escaped(text.translate(_PLAIN)) for text in found.groups())
    is_letter = len(found[1]) == 1 and found[1].isalpha()
    letters = f"<mi>{base}</mi>" if is_letter else f'<mi class="word">{base}</mi>'
    return _scripted(letters, below, above)


def number(text: str, role: str = "") -> str:
    """A number as `number_text` writes it.

    >>> number("−1.5×10⁶", "value")
    '<mrow class="value"><mn>−1.5</mn><mo>×</mo><msup><mn>10</mn><mn>6</mn></msup></mrow>'
    """
    mantissa, times, power = text.partition("×10")
    if not times:
        return f"<mn{_class(role)}>{escaped(text)}</mn>"
    bracket = ")" * power.endswith(")") if mantissa.startswith("(") else ""
    raised = _scripted("<mn>10</mn>", "", escaped(power.removesuffix(bracket).translate(_PLAIN)))
    end = f"<mo>{bracket}</mo>" if bracket else ""
    return f"<mrow{_class(role)}><mn>{escaped(mantissa)}</mn><mo>×</mo>{raised}{end}</mrow>"


def _piece(piece: Piece) -> str:
    if isinstance(piece, Sign):
        return f"<mo>{escaped(piece.text)}</mo>"
    if isinstance(piece, Quantity):
        return number(piece.text, piece.role)
    assert isinstance(piece, Derivative)
    above, below = (f"<mrow><mi>∂</mi>{name(x)}</mrow>" for x in (piece.above, piece.below))
    return f"<mfrac{_class(piece.role)}>{above}{below}</mfrac>"


def _class(role: str) -> str:
    return f' class="{role}"' if role else ""


def _scripted(base: str, below: str, above: str) -> str:
    """Something with digits below and above the line, which may be ""."""
    digits = "".join(f"<mn>{text}</mn>" for text in (below, above) if text)
    tag = f"m{'sub' * bool(below)}{'sup' * bool(above)}"
    return f"<{tag}>{base}{digits}</{tag}>" if digits else base


# ---- formulas ---------------------------------------------------------------------------------


def _formula(formula: Formula) -> list[str]:
    """A formula as markup, a long sum in several pieces."""
    if formula.text in {n.text for n in formula.names}:
        return [name(next(n for n in formula.names if n.text == formula.text))]
    reader = _Reader(formula.names, formula.role)
    found = enumerate(_terms(list(reader.tokens(formula.text))))
    terms = [reader.read(tokens, is_first=i == 0) for i, tokens in found]
    return terms if len(formula.text) > LONGEST_PART else ["".join(terms)]


def _terms(tokens: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """The tokens of each term of a sum, with its sign."""
    depth, begin, before = 0, 0, "sign"
    for i, (kind, text) in enumerate(tokens):
        if kind == "sign":
            depth += (text in "([") - (text in ")]")
            if depth == 0 and text in _SUMS and before != "sign":
                yield tokens[begin:i]
                begin = i
            kind = "bracket" if text in ")]" else kind
        before = before if kind == "space" else kind
    yield tokens[begin:]


class _Reader:
    """Reads a formula as it stands on a card, and writes it as MathML.

    names: texts that are names, whatever they look like. role: that of its numbers.
    """

    def __init__(self, names: Sequence[Name], role: str) -> None:
        self.names = {n.text: n for n in names}
        self.role = role
        known = sorted(self.names, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, known)) or r"(?!)")

    def tokens(self, text: str) -> Iterator[tuple[str, str]]:
        """Kind and text of each token: name, number, raised, word, sign, and space between."""
        place = 0
        while place < len(text):
            found = self._known.match(text, place)
            kind = "name"
            if found is None:
                found = _TOKEN.match(text, place)
                kind = str(found.lastgroup) if found else "space"
            yield kind, found.group() if found else " "
            place = found.end() if found else place + 1

    def read(self, tokens: Iterable[tuple[str, str]], is_first: bool) -> str:
        """The markup of a term, the first one or one that follows another."""
        levels: list[list[str]] = [[]]  # of brackets; each is a row of elements
        waiting: list[str] = []  # "^" or "√", until that which they act on has been read
        follows = "" if is_first else "name"  # the kind of the token before, "" after a bracket
        for kind, text in tokens:
            row = levels[-1]
            if kind == "space":
                follows += " "
                continue
            if text in ("^", "√") and kind != "name":
                waiting.append(text)
            elif kind == "sign" and text in "([":
                levels.append([text])
                waiting.append(text)
                kind = ""
            elif kind == "sign" and text in ")]" and len(levels) > 1:
                inside = levels.pop()
                while waiting.pop() not in "([":
                    pass
                self._put(levels[-1], waiting, _bracketed(inside, text, waiting))
                kind = "name"
            elif kind == "raised" and row:
                row.append(_scripted(row.pop(), "", escaped(text.translate(_PLAIN))))
            else:
                if follows.strip() in ("word", "number", "name") and follows.endswith(" "):
                    row.extend([THIN] * (kind in ("word", "number", "name")))
                is_prefix = follows.strip() in ("", "sign")
                self._put(row, waiting, self._element(kind, text, is_prefix))
            follows = kind
        return "".join("".join(level) for level in levels)

    def _put(self, row: list[str], waiting: list[str], element: str) -> None:
        """Add an element, after what waits for it has acted on it."""
        while waiting and waiting[-1] in "^√":
            if waiting.pop() == "√":
                element = f"<msqrt>{element}</msqrt>"
            elif row:
                element = f"<msup>{row.pop()}{element}</msup>"
        row.append(element)

    def _element(self, kind: str, text: str, is_prefix: bool) -> str:
        if kind == "name":
            return name(self.names[text])
        if kind == "number":
            return number(text, self.role)
        if kind == "word":
            return f"<mi>{escaped(text)}</mi>"
        form = "prefix" if is_prefix else "infix"
        shown = f' form="{form}"' if text in _SUMS else ""
        return f"<mo{shown}>{escaped(text)}</mo>"


def _bracketed(inside: Sequence[str], closing: str, waiting: Sequence[str]) -> str:
    """What stood between brackets; above the line and below a root it needs none."""
    opening, *elements = inside
    if waiting and waiting[-1] in "^√":
        return f"<mrow>{''.join(elements)}</mrow>"
    row = "".join(elements)
    return f"<mrow><mo>{opening}</mo>{row}<mo>{closing}</mo></mrow>"
