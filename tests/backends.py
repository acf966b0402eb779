"""The three ways to run a compiled program, and what the engine says about the same thing."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from microgrunderscore import Value
from microgrunderscore.compiled_loss import CompiledLoss

NEEDS = {"python": (), "numpy": ("numpy",), "llvm": ("numpy", "llvmlite")}
BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            any(importlib.util.find_spec(need) is None for need in needs),
            reason=f"needs {' and '.join(needs)}",
        ),
    )
    for name, needs in NEEDS.items()
]
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def eager(
    loss: Callable[..., Any], parameters: Sequence[Value], *arguments: Sequence[Any]
) -> tuple[float, list[float]]:
    """The mean of a loss over samples and its gradient, by the engine; no .grad is changed."""
    before = [p.grad for p in parameters]
    for p in parameters:
        p.grad = 0.0
    count, total = len(arguments[0]) if arguments else 1, 0.0
    for sample in zip(*arguments, strict=True) if arguments else [()]:
        error = loss(*sample)
        error.backward(1.0 / count)
        total += error.data
    found = [p.grad for p in parameters]
    for p, g in zip(parameters, before, strict=True):
        p.grad = g
    return total / count, found


def eager_steps(
    loss: Callable[..., Any], optimizer: Any, batches: Sequence[Sequence[Any]]
) -> list[float]:
    """Steps of an optimiser by the engine, one for each batch of (arguments); the mean losses."""
    losses = []
    for arguments in batches:
        error, gradient = eager(loss, optimizer.parameters, *arguments)
        for p, g in zip(optimizer.parameters, gradient, strict=True):
            p.grad = g
        optimizer.step()
        losses.append(error)
    return losses


def assert_near(found: Sequence[float], expected: Sequence[float], rel: float = 1e-12) -> None:
    """Equal up to a share of the largest of these numbers."""
    found, expected = list(found), list(expected)
    assert len(found) == len(expected)
    most = rel * max((abs(x) for x in expected if math.isfinite(x)), default=0.0)
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        assert x == y or abs(x - y) <= most or (x != x and y != y), f"{i}: {x!r}, not {y!r}"


def assert_as_eager(
    f: CompiledLoss, loss: Callable[..., Any], *arguments: Any, rel: float = 1e-12
) -> None:
    """A compiled loss and its gradient are those of the engine."""
    error, gradient = eager(loss, f.parameters, *arguments)
    assert f(*arguments) == pytest.approx(error, rel=rel, abs=1e-300)
    assert_near([p.grad for p in f.parameters], gradient, rel)
