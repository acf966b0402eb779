"""Where every row is smooth, on each of its branches; and rows made wrong for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from microgrunderscore.operation import BUILT_IN, OPERATIONS, Operation

Rule = Callable[..., Any]

ONE = [(0.7,), (-0.6,), (0.23,)]
TWO = [(0.7, 1.3), (-0.6, -1.9), (1.7, 0.4), (-0.8, 0.9)]
THREE = [(0.7, 1.3, -0.4), (2.1, -0.6, 1.1), (-0.3, 0.9, 1.7)]
ROWS = sorted(BUILT_IN)
POINTS = {name: {1: ONE, 2: TWO, None: THREE}.get(OPERATIONS[name].arity, []) for name in ROWS}
POINTS |= {
    "pow": [(0.7, 1.3), (1.9, -2.5), (2.3, 3.0)],
    "log": [(0.7,), (3.1,)],
    "log1p": [(0.7,), (-0.6,)],
    "sqrt": [(0.7,), (3.1,)],
    "acosh": [(1.7,), (3.1,)],
    "leaky_relu": [(0.7, 0.1), (-0.6, 0.1), (-1.2, 0.3)],
    "elu": [(0.7, 1.3), (-0.6, 0.8), (-1.2, 1.3)],
    "clip": [(0.7, -1.1, 1.9), (-1.6, -1.1, 1.9), (2.7, -1.1, 1.9)],
    "where": [(1.0, 0.7, -1.3), (0.0, 0.7, -1.3)],
    "dot": [(0.7, -1.1, 1.9, 0.4), (0.7, -1.1, 1.9, 0.4, -0.8)],
}


def movable(name: str, point: tuple[float, ...]) -> list[int]:
    """The operands along which the row is smooth here: the condition 0 is a jump."""
    return [i for i in range(len(point)) if not (name == "where" and i == 0 and point[0] == 0.0)]


@contextmanager
def replaced(row: Operation, which: str, rules: tuple[Rule, ...]) -> Iterator[None]:
    """The row, which everyone shares, with other rules for a while."""
    names = ("partials", "fixed") if row.fixed is row.partials else (which,)
    before = {name: getattr(row, name) for name in names}
    try:
        for name in names:
            object.__setattr__(row, name, rules)
        yield
    finally:
        for name, kept in before.items():
            object.__setattr__(row, name, kept)
