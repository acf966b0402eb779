"""Lowering: a program in the few operations that machines are good at.

Rows with an expansion are written out; a choice that hangs on a comparison becomes one operation,
``where_lt a b x y`` being x where a < b, else y; ``sigmoid_neg x`` is σ(-x) and ``sigmoid_slope x``
is σ(x) σ(-x); and powers with small whole or half exponents become products and roots. All else
stays, for the printers to compute or to call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..operation import OPERATIONS, number
from .listing import COMPARISONS, Program
from .outputs import Outputs
from .trace import Traced

CHOICES = {f"where_{name}": holds for name, holds in COMPARISONS.items()}
# What stays as it is, whatever its operands are.
_AS_THEY_ARE = frozenset(
    {"add", "sub", "neg", "div", "sum_of", "dot", "exp", "log", "tanh", "sqrt", "sin", "cos"}
)
MOST_FACTORS = 4  # of a power that becomes a product


def lowered(program: Program, outputs: Outputs) -> tuple[Program, Outputs]:
    """What is wanted of a program, written anew in machine operations."""
    found = Lowered(program, outputs.roots())
    return found.program, outputs.moved(found.place)


class Lowered:
    """A program written anew in machine operations.

    program: the new one. place: where each entry that the roots need has gone.

    >>> p = Program(["x"])
    >>> square = p.apply("pow", p.uniform(0), p.const(2.0))
    >>> lowered = Lowered(p, [square])
    >>> print(lowered.program.listing([lowered.place[square]]))
    v0 = x * x
    """

    def __init__(self, old: Program, roots: Sequence[int]) -> None:
        self.program = Program(old.uniform_names, old.input_names, old.inputs_move)
        self.place: dict[int, int] = {}
        for i in old.live(roots):
            self.place[i] = self._written(old, i)

    def apply(self, op: str, operands: Sequence[Any]) -> Traced:
        """What an expansion computes, in the new program."""
        places = [
            x.place if isinstance(x, Traced) else self.program.const(number(x)) for x in operands
        ]
        return Traced(self, self._operation(op, *places))

    def _written(self, old: Program, i: int) -> int:
        """An entry of the old program in the new one."""
        op, args, new = old.ops[i], old.args[i], self.program
        if op == "const":
            return new.const(args[0])
        if op == "uniform":
            return new.uniform(args[0])
        if op == "input":
            return new.input(args[0])
        if op == "gather":
            return new.gather(self.place[args[0]], *args[1:])
        if op == "lane_sum":
            return new.lane_sum(self.place[args[0]])
        places = tuple([self.place[j] for j in args])
        if op in _AS_THEY_ARE:
            return new.copied(op, places, old.lane[i], old.moves[i])
        return self._operation(op, *places)

    def _operation(self, op: str, *places: int) -> int:
        """An operation in the new program, written out where that is better."""
        if op == "where":
            return self._choice(*places)
        if op == "sigmoid" and (opposite := self._opposite(*places)) is not None:
            return self.program.machine("sigmoid_neg", opposite)
        if op == "mul" and (slope := self._slope_of_tanh(*places)) is not None:
            return slope
        if op == "pow" and (product := self._product(*places)) is not None:
            return product
        row = OPERATIONS.get(op)
        if row is None or row.expansion is None or op in ("sum_of", "dot"):
            return self.program.apply(op, *places)
        numbers = [self.program.number(i) for i in places]
        z = row.expansion(
            *(Traced(self, i) if n is None else n for i, n in zip(places, numbers, strict=True))
        )
        return z.place if isinstance(z, Traced) else self.program.const(number(z))

    def _opposite(self, i: int) -> int | None:
        """The entry of which this one is the negative, as in slopes of the sigmoid: σ(x) σ(-x)."""
        new = self.program
        if new.ops[i] == "neg":
            return int(new.args[i][0])
        if new.ops[i] != "mul":
            return None
        c = new.number(new.args[i][0])
        if c is None or c >= 0.0:
            return None
        return new.apply("mul", new.const(-c), new.args[i][1])

    def _slope_of_tanh(self, x: int, y: int) -> int | None:
        """c σ(u) · σ(-u) as c times one operation, which takes one exponential instead of two."""
        new = self.program
        if new.ops[x] != "mul" or new.ops[y] != "sigmoid_neg":
            return None
        c, z = new.args[x]
        if new.ops[z] != "sigmoid" or new.args[z] != new.args[y]:
            return None
        return new.apply("mul", c, new.machine("sigmoid_slope", *new.args[z]))

    def _choice(self, c: int, x: int, y: int) -> int:
        new = self.program
        if x == y:
            return x
        if new.ops[c] in COMPARISONS:
            return new.machine(f"where_{new.ops[c]}", *new.args[c], x, y)
        return new.machine("where_eq", c, new.const(0.0), y, x)

    def _product(self, x: int, p: int) -> int | None:
        """x ** p as products and a root, if p is a small multiple of ½."""
        new, exponent = self.program, self.program.number(p)
        if exponent is None or not (2.0 * exponent).is_integer():
            return None
        whole, half = divmod(abs(exponent), 1.0)
        if whole > MOST_FACTORS:
            return None
        factors = [x] * int(whole) + ([new.apply("sqrt", x)] if half else [])
        while len(factors) > 1:  # in pairs, so that squares are squared
            pairs = zip(factors[::2], factors[1::2], strict=False)
            odd = factors[-1:] if len(factors) % 2 else []
            factors = [new.apply("mul", a, b) for a, b in pairs] + odd
        return factors[0] if exponent > 0.0 else new.apply("div", new.const(1.0), factors[0])
