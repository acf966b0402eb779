"""Symbols: run a rule of the table on names instead of numbers, and write down what comes out.

A Symbol is a number times powers of factors, as 3·y/v². A factor is a node's name or, opaque, an
operation on symbols: cos x, 1 − o², [x > 0]. Products, quotients and whole powers are put in order;
there is no other algebra, so that nothing here can be wrong.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from ..engine import Value
from ..numeric import Numeric
from ..operation import ADDITION, ARITHMETIC_ERRORS, CALL, OPERATIONS, POWER, PRODUCT, Operation
from .names import Name, number_latex, number_text, superscript

Number: TypeAlias = Fraction | float

LONGEST_FACTOR = 60  # characters; beyond, a formula explains less than its number
MOST_OPERANDS = 1000  # of a node whose factors are spelled; beyond, there is only the number
LARGEST_DENOMINATOR = 16  # 1/3 is written as a fraction, 0.01 is not
SIGNIFICANT = 1e-9  # how closely a symbol has to meet its number


# ---- what a symbol is made of -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """A node as a factor."""

    name: Name
    node: Value

    def number(self) -> float:
        return self.node.data


@dataclass(frozen=True, slots=True)
class Applied:
    """An operation on symbols as a factor; op is a row of the table, "+", or a comparison."""

    op: str
    operands: tuple[Symbol, ...]

    def number(self) -> float:
        operands = [x.number() for x in self.operands]
        if self.op == "+":
            return OPERATIONS["sum_of"].on_floats(operands)  # the same bits on every Python
        if self.op in _COMPARISONS:
            return float(_COMPARISONS[self.op](*operands))
        return OPERATIONS[self.op].on_floats(operands)


Factor: TypeAlias = Named | Applied

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda x, y: x > y,
    "≥": lambda x, y: x >= y,
    "<": lambda x, y: x < y,
    "≤": lambda x, y: x <= y,
}


class Symbol(Numeric):
    """A number times powers of factors; operations on it give other symbols.

    >>> x = node_symbol(Value(2.0), Name("x", "x"))
    >>> str(-3.0 * x / (x * x * x)), str(1.0 - x * x), str(x.cos() * x)
    ('−3/x²', '1 − x²', 'x·cos x')
    """

    __slots__ = ("coefficient", "powers")

    def __init__(self, coefficient: Number, powers: dict[Factor, Number] | None = None) -> None:
        self.coefficient = coefficient
        self.powers: dict[Factor, Number] = powers if powers and coefficient != 0 else {}

    def _apply(self, op: Operation, operands: tuple[Any, ...]) -> Symbol:
        symbols = tuple(as_symbol(x) for x in operands)
        arithmetic = _ARITHMETIC.get(op.name)
        return arithmetic(*symbols) if arithmetic else applied(op.name, *symbols)

    def number(self) -> float:
        """What it comes to, with the data that the nodes have now; raises what the engine does."""
        product = float(self.coefficient)
        for factor, power in self.powers.items():
            x = factor.number()
            product *= x if power == 1 else OPERATIONS["pow"].on_floats([x, float(power)])
        return product

    def meets(self, number: float) -> bool:
        """Whether it comes to this number, up to rounding."""
        try:
            mine = self.number()
        except ARITHMETIC_ERRORS:
            return False
        if mine == number or (math.isnan(mine) and math.isnan(number)):
            return True
        return abs(mine - number) <= SIGNIFICANT * max(1.0, abs(number)) < math.inf

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Symbol):
            return False
        return self.coefficient == other.coefficient and self.powers == other.powers

    def __hash__(self) -> int:
        return hash((self.coefficient, frozenset(self.powers.items())))

    # fmt: off
    def __lt__(self, other: Any) -> Any: return _compared("<", self, other)
    def __le__(self, other: Any) -> Any: return _compared("≤", self, other)
    def __gt__(self, other: Any) -> Any: return _compared(">", self, other)
    def __ge__(self, other: Any) -> Any: return _compared("≥", self, other)
    def __and__(self, other: Any) -> Any: return self * other
    # fmt: on

    def __bool__(self) -> bool:
        raise TypeError(f"{self} is a symbol, neither true nor false: a rule should not branch")

    def __str__(self) -> str:
        return TEXT.spell(self).text

    def __repr__(self) -> str:
        return f"Symbol({str(self)!r})"

    @property
    def latex(self) -> str:
        """The same in LaTeX."""
        return LATEX.spell(self).text


def node_symbol(node: Value, name: Name) -> Symbol:
    """A node under its name."""
    return Symbol(Fraction(1), {Named(name, node): Fraction(1)})


def as_symbol(x: Any) -> Symbol:
    """A symbol as it is; a plain number as a coefficient, exact where it is a small fraction."""
    return x if isinstance(x, Symbol) else Symbol(exact(float(x)))


def exact(x: float) -> Number:
    """A float as the small fraction that it stands for, if there is one.

    >>> exact(1 / 3), exact(0.1234567)
    (Fraction(1, 3), 0.1234567)
    """
    if abs(x) <= 1e6:
        fraction = Fraction(x).limit_denominator(1000)
        if float(fraction) == x:
            return fraction
    return x


def applied(op: str, *operands: Symbol) -> Symbol:
    """An operation that is left as it stands."""
    return Symbol(Fraction(1), {Applied(op, operands): Fraction(1)})


# ---- arithmetic -------------------------------------------------------------------------------


def product(symbols: Iterable[Symbol]) -> Symbol:
    """The product: coefficients multiply, powers of equal factors add up and cancel."""
    coefficient: Number = Fraction(1)
    powers: dict[Factor, Number] = {}
    for x in symbols:
        coefficient *= x.coefficient
        for factor, power in x.powers.items():
            powers[factor] = powers.get(factor, 0) + power
    return Symbol(coefficient, {f: p for f, p in powers.items() if p != 0})


def total(symbols: Iterable[Symbol]) -> Symbol:
    """The sum, where equal products are collected: x + x is 2·x."""
    collected: dict[Symbol, Number] = {}
    for x in symbols:
        alone = Symbol(Fraction(1), x.powers)
        collected[alone] = collected.get(alone, Fraction(0)) + x.coefficient
    terms = [Symbol(c, x.powers) for x, c in collected.items() if c != 0]
    if len(terms) < 2:
        return terms[0] if terms else Symbol(Fraction(0))
    return applied("+", *terms)


def _add(x: Symbol, y: Symbol) -> Symbol:
    return total([*_terms(x), *_terms(y)])


def _terms(x: Symbol) -> Sequence[Symbol]:
    """The terms of a sum; of anything else, that alone."""
    [factor] = x.powers if _is_factor(x) else [None]
    return factor.operands if isinstance(factor, Applied) and factor.op == "+" else [x]


def _is_factor(x: Symbol) -> bool:
    """Whether it is one factor and nothing else."""
    return len(x.powers) == 1 and x.coefficient == 1 and next(iter(x.powers.values())) == 1


def _negated(x: Symbol) -> Symbol:
    return Symbol(-x.coefficient, x.powers)


def _inverse(x: Symbol) -> Symbol:
    return _power(x, Symbol(Fraction(-1)))


def _power(x: Symbol, p: Symbol) -> Symbol:
    """x to the power p. A product is raised factor by factor only where that holds for every sign:

    to a whole power. (x²)^½ is |x|, not x, so it is left as it stands.
    """
    if p.powers:
        return applied("pow", x, p)
    n = p.coefficient
    if n == 1:
        return x
    if not x.powers or n == int(n):
        return Symbol(_number_power(x.coefficient, n), {f: q * n for f, q in x.powers.items() if n})
    if _is_factor(x):
        return Symbol(Fraction(1), dict.fromkeys(x.powers, n))
    return applied("pow", x, p)


def _number_power(x: Number, n: Number) -> Number:
    """A coefficient to a power: exact while that is small, a float beyond."""
    if isinstance(x, Fraction) and x != 0 and n == int(n) and (x == 1 or -8 <= n <= 8):
        return x ** int(n)
    return exact(OPERATIONS["pow"].on_floats([float(x), float(n)]))


def _square_root(x: Symbol) -> Symbol:
    return _power(x, Symbol(Fraction(1, 2))) if _is_factor(x) else applied("sqrt", x)


def _compared(sign: str, x: Symbol, other: Any) -> Symbol:
    """[x > y]: 1 where it holds, 0 where it does not."""
    y = as_symbol(other)
    if not x.powers and not y.powers:
        return Symbol(Fraction(_COMPARISONS[sign](x.coefficient, y.coefficient)))
    return applied(sign, x, y)


_ARITHMETIC: dict[str, Callable[..., Symbol]] = {
    "add": _add,
    "sub": lambda x, y: _add(x, _negated(y)),
    "mul": lambda x, y: product([x, y]),
    "div": lambda x, y: product([x, _inverse(y)]),
    "neg": _negated,
    "sum_of": lambda *xs: total(term for x in xs for term in _terms(x)),
    "pow": _power,
    "inv": _inverse,
    "sqrt": _square_root,
}


# ---- the local derivative, and what a node stands for -----------------------------------------


def slope_symbol(node: Value, place: int, slope: float, name: Callable[[Value], Name]) -> Symbol:
    """The local derivative of a node toward its parent number `place`, as the textbook writes it.

    slope: its number, as the engine computed it. Where there is no short formula that comes to
    this number (nodes made by hand, kinks, data changed since) the symbol is the number itself.
    """
    op = OPERATIONS.get(node.op)
    operands = node.operands
    if op is None or len(operands) > MOST_OPERANDS:
        return Symbol(slope)
    try:
        slopes = _textbook_slopes(op, [_operand(x, name) for x in operands], node, name)
        symbol = as_symbol(slopes[place])
        is_short = len(str(symbol)) <= LONGEST_FACTOR
        return symbol if is_short and symbol.meets(slope) else Symbol(slope)
    except Exception:  # a rule that somebody defined may do anything with a symbol
        return Symbol(slope)


def definition(node: Value, name: Callable[[Value], Name]) -> Symbol | None:
    """What a node stands for, if that is a product of powers of its operands: x·y, 2·x, x²."""
    op = OPERATIONS.get(node.op)
    if op is None or op.arity is None:
        return None
    try:
        symbol = op(*[_operand(x, name) for x in node.operands])
    except ARITHMETIC_ERRORS:
        return None
    return symbol if all(isinstance(factor, Named) for factor in symbol.powers) else None


def meaning(node: Value, name: Callable[[Value], Name]) -> Symbol | None:
    """What a node was computed as, in terms of its operands; None if made by hand, or too long."""
    op = OPERATIONS.get(node.op)
    operands = [_operand(x, name) for x in node.operands]
    if op is None or len(operands) > MOST_OPERANDS:
        return None
    if op.name == "dot":
        n = len(operands) // 2
        factors = zip(operands[:n], operands[n : 2 * n], strict=True)
        return total([*(product(pair) for pair in factors), *operands[2 * n :]])
    try:
        return as_symbol(op(*operands))
    except ARITHMETIC_ERRORS:
        return None


def formula(node: Value, name: Callable[[Value], Name]) -> str:
    """What a node was computed as, nothing simplified: x · x, a − b; "" for a leaf.

    >>> x = Value(2.0)
    >>> [formula(v, lambda v: Name("x", "x")) for v in (x * x, 3.0 - x, x / -2.0, x**2, x.sin())]
    ['x · x', '3 − x', 'x/(−2)', 'x²', 'sin x']
    """
    return _verbatim(node, lambda x: node_symbol(x, name(x)), VERBATIM)


def arithmetic(node: Value) -> str:
    """The same with numbers: 2 × 3.

    >>> x = Value(-2.0)
    >>> [arithmetic(v) for v in (x * x, 3.0 - x, x**2, x.relu())]
    ['(−2) × (−2)', '3 − (−2)', '(−2)²', 'relu(−2)']
    """
    return _verbatim(node, lambda x: Symbol(x.data), IN_NUMBERS)


def _verbatim(node: Value, write: Callable[[Value], Symbol], style: Verbatim) -> str:
    """A node's operation as it stands, its operands written somehow."""
    op = OPERATIONS.get(node.op)
    operands = [write(x) if isinstance(x, Value) else Symbol(float(x)) for x in node.operands]
    spelled = [style.spell(x) for x in operands]
    if op is None:
        return f"{node.op}({', '.join(x.text for x in spelled)})" if node.op else ""
    if op.name == "dot":
        n = len(operands) // 2
        factors = [style.factor(x) for x in spelled]
        pairs = zip(factors[:n], factors[n : 2 * n], strict=True)
        return style.sum([style.times.join(pair) for pair in pairs] + factors[2 * n :])
    if op.name == "sum_of":
        return style.sum([x.text for x in spelled])
    return style.spell(applied(op.name, *operands)).text


def _operand(x: Value | float, name: Callable[[Value], Name]) -> Symbol:
    return node_symbol(x, name(x)) if isinstance(x, Value) else as_symbol(x)


def _textbook_slopes(
    op: Operation, operands: list[Symbol], node: Value, name: Callable[[Value], Name]
) -> list[Any]:
    """The rules, run on symbols, for each operand that is a node."""
    moves = [isinstance(x, Value) for x in node.operands]
    rules = op.textbook
    if rules is op.partials and not all(moves):
        rules = op.fixed
    z = node_symbol(node, name(node))
    if op.arity is None:
        slopes = rules[0](*operands, z)
        return [d for d, m in zip(slopes, moves, strict=True) if m]
    return [rule(*operands, z) for rule, m in zip(rules, moves, strict=True) if m]


# ---- spelling ---------------------------------------------------------------------------------

FUNCTION = 2.5  # "cos x" binds more than a product, yet only the last factor of one may stand bare

# Where a line of text has a spelling that is neither the call nor, as "cos x", that of LaTeX.
_IN_TEXT = {
    "exp": "e^{0}",
    "sqrt": "√{0}",
    "abs": "|{0}|",
    "sigmoid": "σ({0})",
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
}


@dataclass(frozen=True, slots=True)
class Spelled:
    """A spelling, and how strongly it binds."""

    text: str
    binding: float


class Text:
    """How symbols are written in a line of text.

    The methods come in two groups: what to write (the same in LaTeX), and how (LaTeX has its own).
    """

    minus, times, line_is_a_bracket = "−", "·", False

    # ---- what to write ----

    def spell(self, x: Symbol) -> Spelled:
        """A symbol: sign, number, factors above and below the line."""
        if _is_factor(x):
            return self._factor(next(iter(x.powers)))
        negative, above, below = self._coefficient(x.coefficient)
        tops = [(f, p) for f, p in x.powers.items() if not p < 0]
        bottoms = [(f, -p) for f, p in x.powers.items() if p < 0]
        is_ratio = bool(bottoms or below)
        spelled = self._product(above, tops, bare_end=self.line_is_a_bracket or not is_ratio)
        if is_ratio:
            lower = self._product(below, bottoms, bare_end=self.line_is_a_bracket)
            spelled = Spelled(self.ratio(spelled, lower), PRODUCT)
        if negative:
            return Spelled(self.minus + self.factor(spelled), ADDITION)
        return spelled

    def bracketed(self, spelled: Spelled, least: float) -> str:
        """In brackets, unless it binds at least that strongly."""
        return spelled.text if spelled.binding >= least else self.brackets(spelled.text)

    def factor(self, spelled: Spelled) -> str:
        """As one factor among others: sums and negative numbers in brackets."""
        return self.bracketed(spelled, PRODUCT)

    def sum(self, terms: Sequence[str]) -> str:
        """Spelled terms, one after another; a minus sign takes the place of the plus."""
        text = terms[0]
        for t in terms[1:]:
            is_negative = t.startswith(self.minus)
            text += f" {self.minus} {t[len(self.minus) :]}" if is_negative else f" + {t}"
        return text

    def _coefficient(self, c: Number) -> tuple[bool, str, str]:
        """Whether it is negative, and what stands above and below the line, "" for 1."""
        size: Number = -c if c < 0 else c
        if isinstance(size, Fraction) and _written_as_fraction(size):
            above = "" if size.numerator == 1 else str(size.numerator)
            return c < 0, above, str(size.denominator)
        return c < 0, "" if size == 1 else self.number(float(size)), ""

    def _product(
        self, number: str, powers: Sequence[tuple[Factor, Number]], bare_end: bool
    ) -> Spelled:
        """A number and factors: names first, then sums, then functions such as cos x."""
        factors = [self._power(f, p) for f, p in powers]
        factors.sort(key=lambda s: (s.binding < POWER, s.binding == FUNCTION))
        if not factors:  # 2×10⁵ is a product itself
            binding = PRODUCT if "×" in number or "10^{" in number else CALL
            return Spelled(number or "1", binding)
        if number:
            factors.insert(0, Spelled(number, CALL))
        if len(factors) == 1:
            return factors[0]
        *texts, last = [self.bracketed(s, POWER) for s in factors]
        if bare_end and factors[-1].binding == FUNCTION:
            last = factors[-1].text
        return Spelled(self.times.join([*texts, last]), PRODUCT)

    def _power(self, factor: Factor, power: Number) -> Spelled:
        """A factor to a positive power."""
        base = self._factor(factor)
        if power == 1:
            return base
        if power == Fraction(1, 2):
            return self._filled(self.template(OPERATIONS["sqrt"]), POWER, [base])
        return Spelled(self.power(base, self.spell(Symbol(power))), POWER)

    def _factor(self, factor: Factor) -> Spelled:
        if isinstance(factor, Named):
            return Spelled(self.name(factor.name), CALL)
        operands = [self.spell(x) for x in factor.operands]
        if factor.op == "+":
            return Spelled(self.sum([s.text for s in operands]), ADDITION)
        if factor.op in _COMPARISONS:
            return Spelled(self.indicator(operands[0].text, factor.op, operands[1].text), CALL)
        if factor.op == "pow":
            return Spelled(self.power(*operands), POWER)
        op = OPERATIONS[factor.op]
        if op.arity is None:
            return Spelled(self.call(op.name, ", ".join(s.text for s in operands)), CALL)
        return self._filled(self.template(op), op.binding, operands)

    def _filled(self, template: str, binding: float, operands: Sequence[Spelled]) -> Spelled:
        """The template with operands, in brackets where it has none for them."""
        bare = _bare_places(template)
        if "^" in template or "√" in template:
            least: float = CALL
            binding = POWER
        else:
            least = min(binding + 1, POWER)
            binding = FUNCTION if bare and binding == CALL else binding
        texts = [self.bracketed(s, least) if i in bare else s.text for i, s in enumerate(operands)]
        if binding == FUNCTION and operands[0].binding < least:
            template = template.replace(" {0}", "{0}")  # cos x, but cos(2·x)
        return Spelled(template.format(*texts), binding)

    # ---- how ----

    def number(self, x: float) -> str:
        return number_text(x)

    def name(self, name: Name) -> str:
        return name.text

    def brackets(self, text: str) -> str:
        return f"({text})"

    def ratio(self, above: Spelled, below: Spelled) -> str:
        top = above.text if above.binding in (PRODUCT, POWER, CALL) else self.brackets(above.text)
        return f"{top}/{self.bracketed(below, POWER)}"

    def power(self, base: Spelled, exponent: Spelled) -> str:
        raised = superscript(exponent.text)
        if not re.fullmatch("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", raised):
            raised = f"^{self.bracketed(exponent, CALL)}"
        is_raised = base.text.endswith(
            tuple("⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹")
        )  # (h⁽¹⁾)², since h⁽¹⁾² has two readings
        return (self.brackets(base.text) if is_raised else self.bracketed(base, CALL)) + raised

    def indicator(self, left: str, sign: str, right: str) -> str:
        return f"[{left} {sign} {right}]"

    def call(self, name: str, operands: str) -> str:
        return f"{name}({operands})"

    def template(self, op: Operation) -> str:
        function = re.fullmatch(r"\\([a-z]+) \{0\}", op.latex)
        return _IN_TEXT.get(op.name) or (f"{function[1]} {{0}}" if function else op.text)


class Latex(Text):
    """How symbols are written in LaTeX."""

    minus, times, line_is_a_bracket = "-", r" \cdot ", True

    def number(self, x: float) -> str:
        return number_latex(x)

    def name(self, name: Name) -> str:
        return name.latex

    def brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def ratio(self, above: Spelled, below: Spelled) -> str:
        return rf"\frac{{{above.text}}}{{{below.text}}}"

    def power(self, base: Spelled, exponent: Spelled) -> str:
        is_raised = re.search(r"\^\{[^{}]*\}$", base.text)
        shown = self.brackets(base.text) if is_raised else self.bracketed(base, CALL)
        return f"{shown}^{{{exponent.text}}}"

    def indicator(self, left: str, sign: str, right: str) -> str:
        return rf"\left[{left} {_LATEX_SIGNS.get(sign, sign)} {right}\right]"

    def call(self, name: str, operands: str) -> str:
        return rf"\operatorname{{{name}}}".replace("_", r"\_") + self.brackets(operands)

    def template(self, op: Operation) -> str:
        return op.latex


class Verbatim(Text):
    """How one operation is written on a card: with every sign in its place, and air around it."""

    def __init__(self, times: str, template: str) -> None:
        self.times = times
        self._templates = _ON_CARDS | {"mul": template}

    def template(self, op: Operation) -> str:
        return self._templates.get(op.name) or super().template(op)


_ON_CARDS = {"sub": "{0} − {1}", "div": "{0}/{1}", "neg": "−{0}", "inv": "1/{0}"}
_LATEX_SIGNS = {"≥": r"\ge", "≤": r"\le"}
TEXT, LATEX = Text(), Latex()
VERBATIM, IN_NUMBERS = Verbatim("·", "{0} · {1}"), Verbatim(" × ", "{0} × {1}")


def _written_as_fraction(x: Fraction) -> bool:
    """Whether 1/3 says more than 0.3333: both parts small, and no short decimal."""
    if not 1 < x.denominator <= LARGEST_DENOMINATOR or x.numerator > LARGEST_DENOMINATOR:
        return False
    return x.denominator % 5 != 0 and (x.numerator == 1 or (1000 * x).denominator != 1)


def _bare_places(template: str) -> set[int]:
    """The operands that a template does not put between brackets or bars.

    >>> _bare_places("cos {0}"), _bare_places("max({0}, {1})"), _bare_places("|{0}|")
    ({0}, set(), set())
    """
    depth, places = 0, set()
    for literal, field, _, _ in string.Formatter().parse(template):
        depth += sum(literal.count(c) for c in "([{") - sum(literal.count(c) for c in ")]}")
        if field and depth == 0 and not literal.endswith("|"):
            places.add(int(field))
    return places
