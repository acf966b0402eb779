"""The pictures in tests/golden: run this file to draw them again.

    python tests/renew_golden.py

Do so only when a picture was meant to change; look at the new ones before you commit them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from microgrunderscore import MLP, OPERATIONS, Neuron, Value
from microgrunderscore.pictures.dot import to_dot
from microgrunderscore.pictures.draw import draw

GOLDEN = Path(__file__).parent / "golden"


def log_of_product() -> Value:
    """log(x·y)."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = (x * y).log()
    z.backward()
    return z


def fan_out() -> Value:
    """x·y + sin x: two paths lead to x."""
    x, y = Value(0.5, "x"), Value(4.2, "y")
    a, b = x * y, x.sin()
    a.label, b.label = "a", "b"
    z = a + b
    z.backward()
    return z


def square() -> Value:
    """x·x: two arrows between the same two cards."""
    x = Value(3.0, "x")
    z = x * x
    z.backward()
    return z


def neuron() -> tuple[Neuron, Value]:
    """One neuron, with weights that every machine has."""
    model = Neuron(2)
    for p, number in zip(model.parameters(), (0.75, -0.5, 0.25), strict=True):
        p.data = number
    output = model([Value(2.0), Value(-1.0)])
    output.backward()
    return model, output


def network() -> tuple[MLP, Value]:
    """Two layers; the second hidden neuron is off."""
    model = MLP(2, [2, 1], seed=0)
    output = model([Value(1.0), Value(2.0)])
    output.backward()
    return model, output


def many(seed: int) -> Value:
    """A random graph of operations that are the same to the last bit on every machine."""
    rng = random.Random(seed)
    names = ("add", "sub", "mul", "neg", "relu", "maximum", "sqrt", "sum_of")
    values = [Value(rng.choice((0.5, 1.0, 1.5, 2.0, 3.0)), name) for name in "xyw"]
    while len(values) < 18:
        operation = OPERATIONS[rng.choice(names)]
        operands = [rng.choice(values[-5:]) for _ in range(operation.arity or 3)]
        if operation.name != "sqrt" or operands[0].data > 0.0:
            values.append(operation(*operands))
    z = OPERATIONS["mean"](*values)
    z.backward()
    return z


def _drawn_neuron() -> str:
    model, output = neuron()
    return draw(output, model=model).svg


def _drawn_network() -> str:
    model, output = network()
    return draw(output, model=model).svg


def _dot_of_network() -> str:
    model, output = network()
    return to_dot(output, model=model).source


PICTURES: dict[str, Callable[[], str]] = {
    "log_of_product.svg": lambda: draw(log_of_product()).svg,
    "fan_out.svg": lambda: draw(fan_out()).svg,
    "fan_out_paths.svg": lambda: draw(fan_out(), wrt="x").svg,
    "square.svg": lambda: draw(square()).svg,
    "neuron.svg": _drawn_neuron,
    "network.svg": _drawn_network,
    "many.svg": lambda: draw(many(1)).svg,
    "many_small.svg": lambda: draw(many(2), compact=True).svg,
    "network.dot": _dot_of_network,
}


def renew() -> None:
    """Draw all of them, and say which have changed."""
    GOLDEN.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        path, new = GOLDEN / name, picture().encode()
        old = path.read_bytes() if path.exists() else b""
        if new != old:
            path.write_bytes(new)
            print(f"{'changed' if old else 'new'}: {path}")
    for path in GOLDEN.iterdir():
        if path.name not in PICTURES:
            path.unlink()
            print(f"removed: {path}")


if __name__ == "__main__":
    renew()
