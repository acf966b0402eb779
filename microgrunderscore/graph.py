"""Whole graphs: the order of their nodes, and Python's garbage collector while they grow."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from .engine import Value


def ordered(
    *roots: Value, parents: Callable[[Value], Sequence[Value]] = attrgetter("parents")
) -> list[tuple[Value, Sequence[Value]]]:
    """What the roots were computed from, and they: each with its parents, and after them.

    The order is that of backward(), where it is written out for speed, and where operands that were
    not selected are left out. parents: those of a node,
    or as many of them as are to be followed.

    >>> x = Value(2.0, "x")
    >>> [v.op or v.label for v, _ in ordered(x * x + 1.0)]
    ['x', 'mul', 'add']
    """
    order: list[tuple[Value, Sequence[Value]]] = []
    seen: set[int] = set()
    stack: list[Any] = list(roots)
    while stack:
        v = stack.pop()
        if v.__class__ is tuple:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            above = parents(v)
            if above:
                stack += ((v, above), *above)
            else:
                order.append((v, above))
    return order


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collector while graphs are built.

    A graph has no cycles: it is freed as soon as it is dropped, and the collector, which visits
    every node again and again while the graph grows, finds nothing.

    >>> with gc_paused():
    ...     total = sum(Value(i) for i in range(1000))
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
