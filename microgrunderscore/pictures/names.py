"""What nodes and numbers are called on paper: names told apart, numbers with four digits.

A label is whatever somebody typed. Here it becomes a Name, harmless in a terminal and in LaTeX,
and no two nodes of a graph share one.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import did_you_mean
from ..engine import Value
from ..graph import ordered

LONGEST_NAME = 32  # characters; "layers.0.neurons.3.w.12" has 23

_SUBSCRIPTS = str.maketrans("0123456789()", "₀₁₂₃₄₅₆₇₈₉₍₎")
_SUPERSCRIPTS = str.maketrans("0123456789()-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁻⁻")
_PLAIN_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_LETTERS_AND_NUMBER = re.compile(r"([^\W\d_]+)_?([0-9]{1,6})")
_ESCAPES = {"\\": r"{\backslash}", "^": r"{\wedge}", "~": r"{\sim}", " ": r"\ ", "'": r"{\prime}"}
_ESCAPES |= {c: f"\\{c}" for c in "#$%&_{}"} | {c: f"{{{c}}}" for c in '<>*-+/=:,;!?()[]|`"@.'}


# ---- numbers ----------------------------------------------------------------------------------


def number_text(x: float) -> str:
    """A number with 4 significant digits, as ×10ⁿ outside 10⁻⁴…10⁵, with a real minus sign.

    Whole numbers within that range are shown in full.

    >>> [number_text(x) for x in (0.5, -1 / 6, 20480.0, 1048576.0, float("inf"))]
    ['0.5', '−0.1667', '20480', '1.049×10⁶', '∞']
    """
    digits, exponent = _digits(x)
    return digits.replace("-", "−") + (f"×10{superscript(exponent)}" if exponent else "")


def number_latex(x: float) -> str:
    r"""The same in LaTeX.

    >>> number_latex(-1048576.0)
    '-1.049 \\times 10^{6}'
    """
    digits, exponent = _digits(x)
    digits = digits.replace("∞", r"\infty").replace("nan", r"\mathrm{nan}")
    return digits + (rf" \times 10^{{{exponent}}}" if exponent else "")


def count_text(n: int) -> str:
    """A count, in full up to 10¹⁵ and by its order of magnitude beyond.

    >>> count_text(2**20), count_text(2**100)
    ('1,048,576', 'about 1.268×10³⁰')
    """
    if n < 10**15:
        return f"{n:,}"
    exponent = math.floor(math.log10(n))
    mantissa = f"{10 ** (math.log10(n) - exponent):.4g}"
    return f"about {mantissa}×10{superscript(str(exponent))}"


def superscript(digits: str) -> str:
    """Digits, brackets and minus signs, raised."""
    return digits.translate(_SUPERSCRIPTS)


def _digits(x: float) -> tuple[str, str]:
    """The digits of x and its power of ten, '' where that is 0."""
    if math.isnan(x):
        return "nan", ""
    if math.isinf(x):
        return ("∞" if x > 0 else "-∞"), ""
    if x == 0.0:
        return "0", ""
    if abs(float(f"{x:.3e}")) >= 1e-4 and abs(x) < 99999.5:  # where it stands when rounded
        short = f"{x:.4g}"
        return (f"{x:.0f}" if "e" in short else short), ""
    mantissa, exponent = f"{x:.3e}".split("e")
    return mantissa.rstrip("0").rstrip("."), str(int(exponent))


# ---- names ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """What a node is called: in text, and in LaTeX."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text

    def copy(self, number: int, place: str = "_") -> Name:
        """One of several that share this name: x₍₂₎; with place "^" one of several uses: x⁽²⁾."""
        mark = f"({number})"
        raised = mark.translate(_SUBSCRIPTS if place == "_" else _SUPERSCRIPTS)
        return Name(self.text + raised, f"{{{self.latex}}}{place}{{{mark}}}")

    def within(self, owner: Name) -> Name:
        """What it is called as a part of something: decoder.w₁₂."""
        return Name(f"{owner}.{self}", f"{owner.latex}{{.}}{self.latex}")


def name_of(label: object) -> Name:
    r"""A label as a name: digits at the end become a subscript, what could do harm is escaped.

    Labels that do not look like a name, such as "x*y", are put in quotation marks; those of more
    than LONGEST_NAME characters are shortened; control characters are made visible.

    >>> name_of("w1")
    Name(text='w₁', latex='w_{1}')
    >>> name_of("my_label").latex, name_of("x*y").text
    ('\\mathrm{my\\_label}', '‘x*y’')
    """
    label = str(label).strip()[: 4 * LONGEST_NAME].translate(_PLAIN_DIGITS)
    shown = "".join(map(visible, label))
    if len(shown) > LONGEST_NAME:
        shown = shown[: LONGEST_NAME - 1] + "…"
    found = _LETTERS_AND_NUMBER.fullmatch(shown)
    if found:
        letters, digits = found.groups()
        return Name(letters + digits.translate(_SUBSCRIPTS), f"{_latex(letters)}_{{{digits}}}")
    if _looks_like_a_name(shown):
        return Name(shown, _latex(shown))
    return Name(f"‘{shown}’", rf"\langle {_latex(shown)} \rangle")


def visible(character: str) -> str:
    """The character, or a picture or number of it where it would act instead of showing."""
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    if character == "\x7f":
        return "␡"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"<{code:04X}>"
    return character


def _looks_like_a_name(label: str) -> bool:
    """Whether a label can stand in a formula without quotation marks: layers.0.w[3]."""
    if "·" in label:  # Python takes it for a letter, a reader for a product
        return False
    first, *others = re.split(r"[.\[]", label.replace("]", "").removesuffix("…"))
    return first.isidentifier() and all(x.isidentifier() or x.isdecimal() for x in others)


def _latex(text: str) -> str:
    """Text as a symbol: one letter as it stands, more of them upright; nothing is a command."""
    if len(text) == 1 and text.isalpha():
        return text
    return rf"\mathrm{{{''.join(_ESCAPES.get(c, c) for c in text)}}}".replace("…", r"{\ldots}")


def order_of_computing(root: Value) -> list[Value]:
    """Every node that root was computed from, and root, each after its operands, left to right.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> [v.op or v.label for v in order_of_computing(x * y + 1.0)]
    ['x', 'y', 'mul', 'add']
    """
    return [v for v, _ in ordered(root, parents=lambda v: v.parents[::-1])]


class Names(Mapping[Value, Name]):
    """The name of every node of a graph, no two alike.

    nodes: in the order of computing; the last one is the output.
    variables: names for nodes without a label, as in Names(nodes, locals()); those that begin
        with an underscore are left out.
    suggestions: by id, names for nodes with neither, where they are free.

    Nodes without a name are called v₁, v₂, … in the order of computing, and the output z if
    nothing else is; several nodes of one name become x₍₁₎, x₍₂₎, ….

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> [str(name) for name in Names(order_of_computing((x * y).log())).values()]
    ['x', 'y', 'v₁', 'z']
    """

    def __init__(
        self,
        nodes: Sequence[Value],
        variables: Mapping[str, Any] | None = None,
        suggestions: Mapping[int, Name] | None = None,
    ) -> None:
        self.nodes = nodes
        self.variables = variables_in(variables)
        self.labels = _labels(nodes, self.variables)
        self._names = _told_apart(nodes, self.labels)
        self._taken = {name.text for name in self._names.values()}
        self._numbers: dict[int, int] = {}  # of the nodes without a name: names are made on demand
        for v in nodes if suggestions else ():
            self._suggest(v, (suggestions or {}).get(id(v)))
        root = nodes[-1] if nodes else None
        if root is not None and id(root) not in self._names and "z" not in self._taken:
            self.rename(root, "z")
        self._number_the_rest()

    def __getitem__(self, node: Value) -> Name:
        name = self._names.get(id(node))
        return name or _numbered(self._numbers[id(node)])

    def __iter__(self) -> Iterator[Value]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def rename(self, node: Value, label: str | Name) -> None:
        """Call a node something else."""
        self._names[id(node)] = name = label if isinstance(label, Name) else name_of(label)
        self._taken.add(name.text)

    def free_for(self, node: Value, label: str) -> Name:
        """The name for a node that somebody asks for; ValueError if another node has it."""
        wanted = name_of(label)
        others = [v for v in self.find(wanted.text) if v is not node]
        if others:
            raise ValueError(
                f"output={label!r:.60} is the name of {others[0]!r:.120}: choose another name for "
                "the output"
            )
        return wanted

    def find(self, label: str) -> list[Value]:
        """The nodes with this label or name."""
        found = [
            v
            for v in self.nodes
            if id(v) in self._names
            and (label == self.labels.get(id(v)) or label == self._names[id(v)].text)
        ]
        text = name_of(label).text
        if found or not _is_numbered(text):
            return found
        number = int(text[1:].translate(_PLAIN_DIGITS))
        return [v for v in self.nodes if self._numbers.get(id(v)) == number]

    def only(self, label: str) -> Value:
        """The node with this label or name; ValueError if there is none, or several."""
        found = self.find(label)
        if len(found) == 1:
            return found[0]
        known = list(dict.fromkeys(self.labels.values()))
        if not found:
            way_out = did_you_mean(label, known) or "pass the Value itself"
            raise ValueError(f"nothing in the graph is called {label[:50]!r}: {way_out}")
        raise ValueError(
            f"{len(found)} nodes are called {label!r:.60}: pass the Value itself, or one of "
            + ", ".join(self[v].text for v in found[:5])
        )

    def _suggest(self, node: Value, name: Name | None) -> None:
        """Call a node something, unless it has a name or another node has that one."""
        if name is not None and id(node) not in self._names and name.text not in self._taken:
            self.rename(node, name)

    def _number_the_rest(self) -> None:
        """Numbers 1, 2, … for the nodes without a name, without those that are in use."""
        used = {int(t[1:].translate(_PLAIN_DIGITS)) for t in self._taken if _is_numbered(t)}
        number = 0
        for v in self.nodes:
            if id(v) not in self._names:
                number += 1
                while number in used:
                    number += 1
                self._numbers[id(v)] = number


@functools.lru_cache(maxsize=1024)
def _numbered(number: int) -> Name:
    """The name of a node that has none: v₁."""
    return name_of(f"v{number}")


def _is_numbered(text: str) -> bool:
    return re.fullmatch("v[₀-₉]+", text) is not None


def variables_in(names: Any) -> Mapping[str, Any]:
    """What names= was given, nothing being no names; TypeError for what is no such mapping."""
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(
            f"names= takes variables by their names, such as locals(), not {names!r:.40}"
        )
    return names or {}


def _labels(nodes: Sequence[Value], variables: Mapping[str, Any]) -> dict[int, str]:
    """The label of each node that has one, or else the first variable that holds it."""
    labels: dict[int, str] = {}
    for name, x in variables.items():
        if isinstance(x, Value) and not str(name).startswith("_"):
            labels.setdefault(id(x), str(name))
    mine = {id(v): labels[id(v)] for v in nodes if id(v) in labels} if labels else {}
    return mine | {id(v): str(v.label) for v in nodes if v.label and str(v.label).strip()}


def _told_apart(nodes: Sequence[Value], labels: Mapping[int, str]) -> dict[int, Name]:
    """A name for each label; those that look alike are numbered."""
    alike: dict[str, list[tuple[int, Name]]] = {}
    for v in nodes:
        if id(v) in labels:
            name = name_of(labels[id(v)])
            alike.setdefault(name.text, []).append((id(v), name))
    names: dict[int, Name] = {}
    taken = set(alike)
    for group in alike.values():
        number = 0
        for key, name in group:
            names[key] = name
            while len(group) > 1 and names[key].text in taken:
                number += 1
                names[key] = name.copy(number)
            taken.add(names[key].text)
    return names
