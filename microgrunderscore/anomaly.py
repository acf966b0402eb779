"""Where was this nan born? A mode that remembers the line of every operation, to say so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from .calculus import slopes
from .engine import Value, process
from .graph import ordered
from .numeric import data_of
from .operation import OPERATIONS
from .places import line_of_the_program

MOST_OPERANDS = 6  # spelled out; of more, the first ones


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise where a nan is born, in the computation or in backward(), instead of passing it on.

    Inside the context every operation remembers the line of the program that asked for it, which
    costs time and keeps every node alive: it is for finding a fault, not for training. A nan that
    comes in as data is found at the first operation whose result it spoils; an infinity is no
    anomaly. It watches the backward() of the whole process, whatever the thread.

    Raises FloatingPointError naming the operation, its operands, and file and line; gradients are
    then those of the pass, nan among them. The idea is PyTorch's torch.autograd.detect_anomaly.

    >>> with detect_anomaly():
    ...     x = Value(0.0)
    ...     (x.sqrt() * 0.0).backward()
    Traceback (most recent call last):
    ...
    FloatingPointError: the gradient of sqrt(0.0) = 0.0 is 0.0, its slope is inf, and 0.0 * inf is \
nan; the operation was asked for in <doctest microgrunderscore.anomaly.detect_anomaly[0]>, line 3
    """
    watch = process.watch = _Watch(process.watch)
    try:
        yield
    finally:  # of several contexts, those of other threads may end in any order
        watch.over = True
        while process.watch is not None and process.watch.over:
            process.watch = process.watch.outer


class _Watch:
    """What the engine tells of its doings while anomalies are being looked for.

    outer: the watch that was on before, whose knowledge of lines is shared.
    """

    def __init__(self, outer: _Watch | None) -> None:
        self.outer = outer
        self.over = False
        self.made_in: dict[Value, str] = {} if outer is None else outer.made_in

    def made(self, v: Value) -> None:
        """Remember who asked for a new node; refuse a nan."""
        self.made_in[v] = line_of_the_program()
        if math.isnan(v.data):
            came_in = any(math.isnan(data_of(x)) for x in v.operands)
            why = ": an operand came in as nan" if came_in else ""
            raise FloatingPointError(f"{_spelled(v)} is nan{why}{self._place(v)}")

    def passed(self, root: Value) -> None:
        """After backward(): walk the same way once more, to the first nan.

        The gradients of this pass are computed again, since a leaf's .grad is the sum of several.
        """
        if math.isnan(root.grad):
            raise FloatingPointError(
                f"the gradient of {_spelled(root)}, on which backward() was called, is nan: give "
                "another seed, or set it to 0 before, as zero_grad() does"
            )
        order = ordered(root)
        gradients = {id(root): root.grad} if root.op else {}
        for v, parents in reversed(order):
            g = gradients.get(id(v))
            if g is not None:
                for x, slope in zip(parents, slopes(v), strict=True):
                    if slope is not None:  # else the operation selected another operand
                        before = gradients.get(id(x), 0.0)
                        gradients[id(x)] = before + slope * g
                        if math.isnan(gradients[id(x)]):
                            raise self._born(v, x, g, slope, before)
        for v, _ in order:
            if not v.op and math.isnan(v.grad):
                raise FloatingPointError(
                    f"the gradient of {_spelled(v)} is nan, but not from this pass alone: it adds "
                    "up over passes; set it to 0 before backward(), as zero_grad() does"
                )

    def _born(
        self, v: Value, parent: Value, g: float, slope: float, before: float
    ) -> FloatingPointError:
        """The error of the edge from v to a parent, of which the gradient becomes nan."""
        what = f"the gradient of {_spelled(v)} is {g}, its slope is {slope}, and "
        if math.isnan(slope * g):
            return FloatingPointError(f"{what}{g} * {slope} is nan{self._place(v)}")
        return FloatingPointError(
            f"{what}adding the product to the {before} that {_spelled(parent)} has from other "
            f"operations gives nan{self._place(v)}"
        )

    def _place(self, v: Value) -> str:
        recorded = v._a if v.op == "custom" and v._a is not None else v
        place = self.made_in.get(recorded)
        return f"; the operation was asked for in {place}" if place else ""


def _spelled(v: Value) -> str:
    """An operation with the numbers it had, as log(2.0) = 0.693…, and the labels."""
    row = OPERATIONS.get(v.op)
    numbers = [repr(data_of(x)) for x in v.operands]
    if (row is None or row.arity is None) and len(numbers) > MOST_OPERANDS:
        numbers[MOST_OPERANDS:] = ["…"]
    text = row.spell(numbers) if row else f"{v.op}({', '.join(numbers)})"
    if not v.op:
        text = repr(v.data)
    elif not math.isnan(v.data):
        text += f" = {v.data!r}"
    operands = ", ".join(repr(x.label) for x in v.operands if isinstance(x, Value) and x.label)
    labels = [f"labelled {v.label!r}"] * bool(v.label) + [f"of {operands}"] * bool(operands)
    return f"{text} ({', '.join(labels)})" if labels else text
