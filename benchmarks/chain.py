"""The graph that memory and growth are measured on: x = x · a + b, again and again."""

from __future__ import annotations

from typing import Any

LIBRARIES = {
    "ours": "our Value",
    "micrograd": "micrograd",
    "reference": "microgpt's class",
}


def value_class(library: str) -> Any:
    """The class of scalars of a library."""
    if library == "micrograd":
        from micrograd.engine import Value
    elif library == "reference":
        from .reference import Reference as Value
    else:
        from microgrunderscore import Value
    return Value


def chain(x: Any, a: Any, b: Any, nodes: int) -> Any:
    """The last of so many nodes, half of them products and half of them sums."""
    for _ in range(nodes // 2):
        x = x * a + b
    return x
