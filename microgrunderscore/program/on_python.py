"""A program as Python source, line by line: no library is needed, and every operation is the row's.

So the numbers are those of the engine, to the last bit but for the order of some sums, and what is
outside a domain raises as it does there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..operation import ARITHMETIC_ERRORS, BUILT_IN, OPERATIONS
from .listing import LEAVES, SIGNS, Program
from .outputs import Outputs

LONGEST_SUM = 50  # terms in one expression
DEEPEST = 12  # operations within one expression: Python's own compiler is recursive
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", **SIGNS}
HEAD = "def run(U, samples, G, lanes):"


def source(program: Program, outputs: Outputs, limits: bool = False) -> str:
    """The text of a function run(U, samples, G, lanes).

    It reads the uniform numbers U and the samples, rows of numbers; adds the gradient to G, appends
    a tuple for each sample to lanes, and returns the results.

    limits: let what is outside a domain be ∞ or nan, instead of raising.
    """
    return "\n".join([HEAD, *_Writer(program, outputs, limits).lines(), ""])


def function(text: str, limits: bool = False) -> Callable[..., tuple[float, ...]]:
    """The function of such a text."""
    names: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
    for name, row in OPERATIONS.items():
        names[_name(name)] = _with_limits(name, row.value) if limits else row.value
    exec(compile(text, "<compiled program>", "exec"), names)
    found: Callable[..., tuple[float, ...]] = names["run"]
    return found


def _name(op: str) -> str:
    """What the text calls an operation; some names of rows are Python's own, others the user's."""
    if op not in BUILT_IN:
        return f"own_{op}"
    return f"{op}_" if op in ("abs", "pow") else op


class _Writer:
    """The lines of the function: what is uniform, the loop over samples, what remains."""

    def __init__(self, program: Program, outputs: Outputs, limits: bool) -> None:
        self.p = program
        self.outputs = outputs
        self.limits = limits
        self.order = program.live(outputs.roots())
        self.uses = Counter(j for i in self.order for j in program.operands(i))
        self.uses.update(outputs.roots())
        self.text: dict[int, str] = {}
        self.depth: dict[int, int] = {}
        self.after = bytearray(len(program))

    def lines(self) -> Iterator[str]:
        p = self.p
        before: list[str] = []
        each: list[str] = []
        after: list[str] = []
        for i in self.order:
            if p.ops[i] == "lane_sum":
                self.after[i] = 1
                before.append(f"    s{i} = 0.0")
                each.append(f"        s{i} += {self.text[p.args[i][0]]}")
                self._is_there(i, f"s{i}")
                continue
            self.after[i] = any(self.after[j] for j in p.operands(i))
            part = each if p.lane[i] else after if self.after[i] else before
            part += self._line(i, "        " if p.lane[i] else "    ")
        yield from before
        yield from self._loop(each)
        yield from after
        yield from (f"    G[{k}] += {self.text[i]}" for k, i in self.outputs.gradient)
        results = ", ".join(self.text[i] for i in self.outputs.results)
        yield f"    return ({results}{',' * (len(self.outputs.results) == 1)})"

    def _loop(self, each: list[str]) -> Iterator[str]:
        """The lines for every sample."""
        for gather, i in self.outputs.scattered:
            each.append(f"        G[{self._place(gather)}] += {self.text[i]}")
        if self.outputs.lanes:
            row = "".join(f"{self.text[i]}, " for i in self.outputs.lanes)
            each.append(f"        lanes.append(({row.rstrip()}))")
        if each:
            yield "    for x in samples:"
            yield from each

    def _line(self, i: int, indent: str) -> Iterator[str]:
        """An assignment, unless the expression is written where it is used."""
        p, op = self.p, self.p.ops[i]
        if op == "const":
            x = p.args[i][0]
            return self._is_there(i, f"({x!r})" if math.copysign(1.0, x) < 0.0 else repr(x))
        if op in LEAVES and self.uses[i] == 1:
            return self._is_there(i, f"{'U' if op == 'uniform' else 'x'}[{p.args[i][0]}]")
        if op in ("dot", "sum_of") and len(p.args[i]) > LONGEST_SUM:
            return self._long_sum(i, indent)
        depth = 1 + max((self.depth[j] for j in p.operands(i)), default=0)
        text = self._expression(i)
        if op not in LEAVES and self.uses[i] == 1 and depth < DEEPEST:
            self.depth[i] = depth
            self.text[i] = text
            return iter(())
        self._is_there(i, f"v{i}")
        return iter([f"{indent}v{i} = {text}"])

    def _long_sum(self, i: int, indent: str) -> Iterator[str]:
        """A sum in several lines, from left to right as in one."""
        terms = self._terms(i)
        self._is_there(i, f"v{i}")
        for first in range(0, len(terms), LONGEST_SUM):
            so_far = [f"v{i}"] if first else []
            part = " + ".join([*so_far, *terms[first : first + LONGEST_SUM]])
            yield f"{indent}v{i} = {part}"

    def _terms(self, i: int) -> list[str]:
        """The terms of a sum of products, the bias first, as the engine adds them up."""
        op, texts = self.p.ops[i], [self.text[j] for j in self.p.args[i]]
        if op == "sum_of":
            return texts
        n = len(texts) // 2
        pairs = zip(texts[:n], texts[n : 2 * n], strict=True)
        return texts[2 * n :] + [f"{w} * {x}" for w, x in pairs]

    def _is_there(self, i: int, text: str) -> Iterator[str]:
        self.text[i] = text
        self.depth[i] = 0
        return iter(())

    def _place(self, gather: int) -> str:
        index, base, step, _ = self.p.args[gather]
        return f"{base} + {step} * round({self.text[index]})"

    def _expression(self, i: int) -> str:
        """An operation as Python writes it."""
        op, args = self.p.ops[i], self.p.args[i]
        if op in LEAVES:
            return f"{'U' if op == 'uniform' else 'x'}[{args[0]}]"
        if op == "gather":
            return f"U[{self._place(i)}]"
        texts = [self.text[j] for j in args]
        if op in INFIX and not (self.limits and op == "div"):
            return f"({texts[0]} {INFIX[op]} {texts[1]})"
        if op == "neg":
            return f"(-{texts[0]})"
        if op == "where":
            return f"({texts[1]} if {texts[0]} else {texts[2]})"
        if op in ("dot", "sum_of"):
            return f"({' + '.join(self._terms(i))})"
        return f"{_name(op)}({', '.join(texts)})"


def _with_limits(name: str, value: Callable[..., float]) -> Callable[..., float]:
    """An operation that gives what machine arithmetic gives where the row's raises."""

    def of_numbers(*xs: float) -> float:
        try:
            return value(*xs)
        except ARITHMETIC_ERRORS as error:
            return _limit(name, xs, error)

    return of_numbers


def _limit(name: str, xs: Sequence[float], error: Exception) -> float:
    """∞ where a result is too large or a pole, nan where there is none."""
    x = xs[0]
    if any(math.isnan(y) for y in xs):
        return math.nan
    if name == "div":
        return math.nan if x == 0.0 else math.copysign(math.inf, x) * math.copysign(1.0, xs[1])
    if name == "pow" and not isinstance(error, ValueError):
        is_odd = abs(xs[1]) % 2.0 == 1.0
        return math.copysign(math.inf, x) if is_odd else math.inf
    if isinstance(error, OverflowError):
        return math.copysign(math.inf, x) if name == "sinh" else math.inf
    poles = {("log", 0.0): -math.inf, ("log1p", -1.0): -math.inf,
             ("atanh", 1.0): math.inf, ("atanh", -1.0): -math.inf}  # fmt: skip
    return poles.get((name, x), math.nan)
