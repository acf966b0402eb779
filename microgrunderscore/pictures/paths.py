"""The paths of the chain rule: one by one, or summed where the nodes use each other, in writing."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

from ..calculus import slopes
from ..engine import Value
from ..operation import ADDITION, ARITHMETIC_ERRORS, CALL, OPERATIONS
from .flow import Flow, Step
from .names import Name, Names, count_text
from .symbols import (
    LATEX,
    TEXT,
    Named,
    Spelled,
    Symbol,
    Text,
    as_symbol,
    definition,
    product,
    slope_symbol,
)

LONGEST_CHAIN = 12  # factors or terms written out; of more, the first and the last few
SHOWN_OF_LONG = 4  # at either end
MOST_SUBSTITUTIONS = 24
LONGEST_FORMULA = 100  # characters of a simplified product


# ---- one path ---------------------------------------------------------------------------------


class Path:
    """One way from the output to an input, along which the local derivatives multiply.

    nodes: from the output to the input.
    slopes: the local derivative of each step. Where the output has a name of its own (z = w), the
        first step is ∂z/∂w = 1.
    product: of the slopes; 0 where a step leads to an operand that was not selected.
    """

    def __init__(self, edges: Sequence[Step], wrt: Value, output: Name, names: Names) -> None:
        self.nodes = (*(v for v, _ in edges), wrt)
        self._edges = edges
        self._names = names
        self._output = [] if output == names[self.nodes[0]] else [output]
        steps = [slopes(v)[place] for v, place in edges]
        self.slopes = (*(1.0 for _ in self._output), *(0.0 if d is None else d for d in steps))
        self.product = 0.0 if None in steps else math.prod(self.slopes)
        self._factors: dict[int, Symbol] = {}

    @functools.cached_property
    def names(self) -> tuple[Name, ...]:
        """What the nodes are called, with the output's own name in front where it has one."""
        return (*self._output, *(self._names[v] for v in self.nodes))

    @functools.cached_property
    def factors(self) -> tuple[Symbol, ...]:
        """The local derivative of each step as a symbol."""
        return tuple(self.factor(i) for i in range(len(self.slopes)))

    @functools.cached_property
    def simplified(self) -> Symbol | None:
        """The product of the factors, or None where there is no short formula."""
        if len(self.slopes) > LONGEST_CHAIN:
            return None
        return self._if_right(product(self.factors))

    @functools.cached_property
    def expanded(self) -> Symbol | None:
        """The same, with intermediates replaced by the products that they stand for."""
        if self.simplified is None:
            return None
        return self._if_right(_expanded(self.simplified, self.nodes[-1], self._names))

    def factor(self, step: int) -> Symbol:
        """The local derivative of one step as a symbol."""
        if step < len(self._output):
            return as_symbol(1.0)
        if step not in self._factors:
            node, place = self._edges[step - len(self._output)]
            symbol = slope_symbol(node, place, self.slopes[step], self._names.__getitem__)
            self._factors[step] = symbol
        return self._factors[step]

    def ends(self, step: int) -> tuple[Name, Name, int]:
        """The z and x of a step ∂z/∂x, and how often x was used in z before, counting this time.

        The number is 0 where there is nothing to tell apart: z uses x once, and it is not the
        output, whose derivative toward x is the sum over all paths.
        """
        if step < len(self._output):
            return self._output[0], self._names[self.nodes[0]], 0
        node, place = self._edges[step - len(self._output)]
        parents = node.parents
        uses = [i for i, x in enumerate(parents) if x is parents[place]]
        is_whole = len(self.slopes) == 1
        number = uses.index(place) + 1 if len(uses) > 1 or is_whole else 0
        return self._names[node], self._names[parents[place]], number

    def _if_right(self, symbol: Symbol) -> Symbol | None:
        is_short = len(str(symbol)) <= LONGEST_FORMULA
        return symbol if is_short and symbol.meets(self.product) else None


def _expanded(symbol: Symbol, wrt: Value, names: Names) -> Symbol:
    """The symbol with every node replaced that stands for a product: 1/v is 1/(x·y) if v = x·y."""
    current = symbol
    for _ in range(MOST_SUBSTITUTIONS):
        replaced = _with_one_replaced(current, wrt, names)
        if replaced is None:
            return current
        current = replaced
    return symbol


def _with_one_replaced(symbol: Symbol, wrt: Value, names: Names) -> Symbol | None:
    for factor, power in symbol.powers.items():
        if isinstance(factor, Named) and factor.node is not wrt:
            meaning = definition(factor.node, names.__getitem__)
            if meaning is not None:
                others = {f: p for f, p in symbol.powers.items() if f != factor}
                try:
                    return product([Symbol(symbol.coefficient, others), meaning**power])
                except ARITHMETIC_ERRORS:
                    return None
    return None


# ---- writing it down --------------------------------------------------------------------------


class Writer:
    """Puts derivatives, factors and sums into one style of writing."""

    def __init__(self, style: Text, derivative: str, times: str, dot: str, ellipsis: str) -> None:
        self.style = style
        self._derivative = derivative
        self._times = times
        self._dot = dot
        self._ellipsis = ellipsis

    def derivative(self, z: Name, x: Name) -> str:
        """∂z/∂x."""
        return self._derivative.format(self.style.name(z), self.style.name(x))

    def chain(self, path: Path, is_only: bool) -> str:
        """∂z/∂w · ∂w/∂v · ∂v/∂x; where there are more paths, x⁽¹⁾ and x⁽²⁾ are two uses of x."""

        def step(i: int) -> str:
            z, x, number = path.ends(i)
            return self.derivative(z, x.copy(number, "^") if number and not is_only else x)

        return self.product([step(i) for i in shown(len(path.slopes))], len(path.slopes))

    def symbols(self, path: Path) -> str:
        """1 × 1/v × y."""
        steps = shown(len(path.slopes))
        return self._factors([self.style.spell(path.factor(i)) for i in steps], len(path.slopes))

    def numbers(self, slopes: Sequence[float]) -> str:
        """1 × 0.1667 × 3."""
        return self._factors([self._number(slopes[i]) for i in shown(len(slopes))], len(slopes))

    def number(self, x: float) -> str:
        """A number, by itself or as a term."""
        return self.style.number(x)

    def symbol(self, x: Symbol | None) -> str:
        """A symbol, by itself or as a term; "" where there is none."""
        return "" if x is None else self.style.spell(x).text

    def sum(self, terms: Sequence[str], n: int | None = None) -> str:
        """Terms, added up; "" if one of them is missing. n: of how many they are the ends."""
        if not all(terms):
            return ""
        return self.style.sum(self._with_gap(terms, n or len(terms)))

    def product(self, factors: Sequence[str], n: int) -> str:
        """Derivatives, multiplied. n: of how many they are the ends."""
        return self._dot.join(self._with_gap(factors, n))

    def _factors(self, factors: Sequence[Spelled], n: int) -> str:
        texts = [self.style.factor(s) if n > 1 else s.text for s in factors]
        return self._times.join(self._with_gap(texts, n))

    def _number(self, x: float) -> Spelled:
        return Spelled(self.style.number(x), ADDITION if x < 0 else CALL)

    def _with_gap(self, items: Sequence[str], n: int) -> list[str]:
        """The items, with dots in the middle where they are only the ends of n."""
        half = len(items) // 2
        return [*items] if len(items) == n else [*items[:half], self._ellipsis, *items[half:]]


def shown(n: int) -> list[int]:
    """Which of n factors or terms are written out: all, or of many the first and last few."""
    if n <= LONGEST_CHAIN:
        return list(range(n))
    return [*range(SHOWN_OF_LONG), *range(n - SHOWN_OF_LONG, n)]


IN_TEXT = Writer(TEXT, "∂{}/∂{}", " × ", " · ", "…")
IN_LATEX = Writer(LATEX, r"\frac{{\partial {}}}{{\partial {}}}", r" \times ", r" \cdot ", r"\cdots")


def without_repeats(forms: Iterable[str]) -> list[str]:
    """The forms that say something new after the one before."""
    kept: list[str] = []
    for form in forms:
        if form and kept[-1:] != [form]:
            kept.append(form)
    return kept


# ---- many paths -------------------------------------------------------------------------------


def many_paths(count: int, output: Name, wrt: Name) -> str:
    """The sentence on paths that are counted and not written out."""
    return (
        f"{count_text(count)} path{'s lead' if count > 1 else ' leads'} from {output} to {wrt}. "
        f"Backpropagation does not walk {'them one by one' if count > 1 else 'it'}: it sums at "
        "every node."
    )


def uses(flow: Flow, x: Value) -> list[tuple[Value, float, float, int]]:
    """Each node v that uses x: v, ∂z/∂v, ∂v/∂x, and the number of the use.

    The uses of x in one node are taken together, except in the output itself: its own derivative
    toward x is the sum that is being explained.
    """
    users = {id(v): v for v, _ in flow.consumers.get(id(x), ())}
    uses = []
    for v in users.values():
        pairs = zip(v.parents, v.partials, strict=True)
        mine = [slope for parent, slope in pairs if parent is x]
        for number, slope in enumerate(
            mine if v is flow.root else [OPERATIONS["sum_of"].on_floats(mine)], 1
        ):
            uses.append((v, flow.gradient(v), slope, number))
    return uses
