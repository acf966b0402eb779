"""Where was this nan born? A mode that remembers the line of every operation, to say so."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import engine
from .engine import Value
from .operation import OPERATIONS

_PACKAGE = str(Path(__file__).parent)


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise where a nan is born, in the computation or in backward(), instead of passing it on.

    Inside the context every operation remembers the line of the program that asked for it, which
    costs time and keeps every node alive: it is for finding a fault, not for training. It watches
    the whole process, whatever the thread. Raises FloatingPointError naming the operation, its
    operands, and file and line. The idea is PyTorch's torch.autograd.detect_anomaly.

    >>> with detect_anomaly():
    ...     x = Value(0.0)
    ...     (x.sqrt() * 0.0).backward()
    Traceback (most recent call last):
    ...
    FloatingPointError: the gradient of sqrt(0.0) = 0.0 is 0.0, its slope is inf, and 0.0 * inf is \
nan; the operation was asked for in <doctest microgrunderscore.anomaly.detect_anomaly[0]>, line 3
    """
    before = engine._watch
    engine._watch = _Watch()
    try:
        yield
    finally:
        engine._watch = before


class _Watch:
    """What the engine tells of its doings while anomalies are being looked for."""

    def __init__(self) -> None:
        self.made_in: dict[Value, str] = {}

    def made(self, v: Value) -> None:
        """Remember who asked for a new node; refuse a nan that none of its operands had."""
        self.made_in[v] = _line_of_the_program()
        if v.data != v.data and not any(_number(x) != _number(x) for x in v.operands):
            raise FloatingPointError(f"{_spelled(v)} is nan{self._place(v)}")

    def passed(self, root: Value) -> None:
        """After backward(): find the first edge on which a nan was born."""
        seen = {root}
        waiting = [root]
        while waiting:
            v = waiting.pop()
            for parent, slope in zip(v.parents, v.partials, strict=True):
                share = slope * v.grad
                if share != share and slope == slope and v.grad == v.grad and not _cut(v, slope):
                    raise FloatingPointError(
                        f"the gradient of {_spelled(v)} is {v.grad}, its slope is {slope}, and "
                        f"{v.grad} * {slope} is nan{self._place(v)}"
                    )
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)

    def _place(self, v: Value) -> str:
        place = self.made_in.get(v)
        return f"; the operation was asked for in {place}" if place else ""


def _cut(v: Value, slope: float) -> bool:
    """Whether no gradient went along this edge: the operation selected another operand."""
    row = OPERATIONS.get(v.op)
    return row is not None and row.selects and slope == 0.0


def _number(x: Value | float) -> float:
    return x.data if isinstance(x, Value) else x


def _spelled(v: Value) -> str:
    """An operation with the numbers it had, as log(2.0) = 0.693…, and its label."""
    row = OPERATIONS.get(v.op)
    numbers = [repr(_number(x)) for x in v.operands]
    text = row.spell(numbers) if row else f"{v.op}({', '.join(numbers)})"
    label = f", labelled {v.label!r}," if v.label else ""
    return f"{text} = {v.data!r}{label}" if not math.isnan(v.data) else f"{text}{label}"


def _line_of_the_program() -> str:
    """File and line of the innermost frame outside the package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
