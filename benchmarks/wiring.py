"""A large random graph of scalars, as a program that runs on the numbers of any library.

A block is straight text of some operations on four numbers. Which numbers each block is given is
random, with a fixed seed: two of those that earlier blocks have computed, and two leaves. So the
text costs next to nothing beside the operations, and the graph is as tangled as one wants it.
What a block hands on to others stays within ±2.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Scalar: TypeAlias = Any  # a number of whichever library
Function: TypeAlias = Callable[[Scalar], Scalar]

LEAVES = 64


@dataclass(frozen=True)
class Functions:
    """What a library calls its functions; those that it does not have are left out."""

    relu: Function
    tanh: Function | None = None
    sigmoid: Function | None = None
    exp: Function | None = None
    log: Function | None = None


def arithmetic(a: Scalar, b: Scalar, c: Scalar, d: Scalar, f: Functions) -> tuple[Scalar, ...]:
    """28 operations that micrograd has as well: + - * / **, negation, relu."""
    p = a * b + 0.5 * c
    q = (c - d) * p + a
    r = q**2 + 1.5
    s = p / r
    t = 1 - s * 2
    u = f.relu(-t) + f.relu(q) / r
    v = (t + 3.0) / r
    w = v**-0.5 * u
    x = w / (w * w + 1) - d / 4
    return x, s + 0.25 * b, t * v


def mixed(a: Scalar, b: Scalar, c: Scalar, d: Scalar, f: Any) -> tuple[Scalar, ...]:
    """37 operations: the same, and tanh, sigmoid, exp and log."""
    p = a * b + 0.5 * c
    q = (c - d) * p + a
    r = f.sigmoid(q)
    t = f.tanh(r * p + d)
    u = (t + 1.5) * (r + 1.0)
    v = f.log(u) - t
    w = f.exp(0.5 * v - 1)
    x = w / u + q / 3.0
    y = f.relu(x) * r
    z = 1.0 / (u**2 + 1)
    k = u**-0.5 * t - z
    return f.tanh(-k + y * b), t * r + 0.25 * a, k * z


BLOCKS: dict[str, tuple[Callable[..., tuple[Scalar, ...]], int]] = {  # and their operations, the
    "arithmetic": (arithmetic, 29),  # sum over the blocks included
    "mixed": (mixed, 38),
}


def leaves() -> list[float]:
    """The numbers at which it is differentiated."""
    rng = random.Random(1)
    return [rng.uniform(-1.0, 1.0) for _ in range(LEAVES)]


def wiring(blocks: int) -> list[tuple[int, ...]]:
    """Which numbers each of so many blocks is given: two of the state, two leaves."""
    rng = random.Random(2)
    places = range(LEAVES)
    return [tuple(rng.sample(places, 2) + rng.sample(places, 2)) for _ in range(blocks)]


@dataclass(frozen=True)
class Program:
    """A graph of at least so many operations."""

    text: str
    operations: int

    @property
    def blocks(self) -> int:
        return -(-self.operations // BLOCKS[self.text][1])

    @property
    def count(self) -> int:
        """How many operations it really has."""
        return self.blocks * BLOCKS[self.text][1]

    def prepared(self, f: Functions) -> Callable[[Sequence[Scalar]], Scalar]:
        """The program for a library: from leaves to the sum of what the blocks put out."""
        block = BLOCKS[self.text][0]
        wires = wiring(self.blocks)

        def run(leaves: Sequence[Scalar]) -> Scalar:
            state, total = list(leaves), 0.0
            for i, j, k, m in wires:
                state[i], state[j], out = block(state[i], state[j], leaves[k], leaves[m], f)
                total = total + out
            return total

        return run
