"""Graphs that several tests draw, play or export, and what stands on their arrows."""

from __future__ import annotations

from collections.abc import Callable

from renew_golden import fan_out, log_of_product, many, network, neuron, square

from microgrunderscore import Value
from microgrunderscore.pictures.graph import Edge

GRAPHS: dict[str, Callable[[], Value]] = {
    "log": log_of_product,
    "fan-out": fan_out,
    "square": square,
    "neuron": lambda: neuron()[1],
    "network": lambda: network()[1],
    "many": lambda: many(1),
    "before": lambda: Value(2.0, "x") * 3.0,
    "cut": lambda: (Value(2.0, "x") * Value(-1.0)).relu().maximum(1.0),
    "by hand": lambda: Value(7.0, (Value(2.0, "x"),), (2.5,)),
    "leaf": lambda: Value(2.0),
    "unlabelled": lambda: (Value(2.0) * Value(3.0)).exp() - Value(1e300) * 1e-7,
    "nan": lambda: Value(float("nan"), "x") * Value(float("inf"), "y"),
}


def on_arrow(edge: Edge) -> str:
    """The slope of an arrow as it is written: ∂v/∂x = y = 3."""
    if edge.slope is None:
        return f"{edge.derivative}{edge.cut}"
    return " = ".join(form for form in (edge.derivative, edge.formula, edge.number) if form)


def labelled_log() -> Value:
    """log(x·y) with a label on every node, and no gradient yet."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    v = x * y
    z = v.log()
    v.label, z.label = "v", "z"
    return z


def labelled_fan_out() -> Value:
    """x·y + sin x, likewise."""
    x, y = Value(0.5, "x"), Value(4.2, "y")
    a, b = x * y, x.sin()
    z = a + b
    a.label, b.label, z.label = "a", "b", "z"
    return z
