"""Values and gradients agree with PyTorch's, in double precision, on random programs."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from dags import NAMES, random_dag, run

from microgrunderscore import ops
from microgrunderscore.calculus import gradients
from microgrunderscore.engine import Value
from microgrunderscore.operation import OPERATIONS

torch = pytest.importorskip("torch")

SAME_NAME = (
    *("add", "sub", "mul", "div", "neg", "pow", "exp", "expm1", "log", "log1p", "sqrt", "hypot"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh"),
    *("acosh", "atanh", "erf", "erfc", "sigmoid", "relu", "abs", "maximum", "minimum"),
)


def stacked(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: function(torch.stack(xs))


def functions() -> dict[str, Callable[..., Any]]:
    """The table of operations, as PyTorch has them."""
    nn = torch.nn.functional
    return {name: getattr(torch, name) for name in SAME_NAME} | {
        "inv": torch.reciprocal,
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
        "elu": lambda x, scale: torch.where(x > 0, x, scale * torch.expm1(x)),
        "gelu": nn.gelu,
        "silu": nn.silu,
        "clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
        "sum_of": stacked(torch.sum),
        "mean": stacked(torch.mean),
        "logsumexp": stacked(lambda t: torch.logsumexp(t, 0)),
        "max_of": stacked(torch.max),
        "min_of": stacked(torch.min),
    }


def path_sums(result: Value, inputs: list[Value]) -> list[float]:
    """Σ |product of slopes| over all paths to each input: the scale of rounding in its gradient."""
    order: list[Value] = []
    seen: set[int] = set()

    def visit(v: Value) -> None:
        if id(v) not in seen:
            seen.add(id(v))
            for x in v.parents:
                visit(x)
            order.append(v)

    visit(result)
    sums = {id(v): 0.0 for v in order}
    sums[id(result)] = 1.0
    for v in reversed(order):
        for x, slope in zip(v.parents, v.partials, strict=True):
            sums[id(x)] += abs(slope) * sums[id(v)]
    return [sums.get(id(x), 0.0) for x in inputs]


def test_the_table_is_complete() -> None:
    assert set(functions()) == set(NAMES)


@pytest.mark.parametrize("seed", range(10))
def test_random_programs(seed: int) -> None:
    rng, table = random.Random(seed), functions()
    for _ in range(60):
        numbers = [rng.uniform(-2.0, 2.0) for _ in range(rng.randint(1, 5))]
        program = random_dag(rng, numbers, rng.randint(1, 60))
        ours, theirs = (
            [Value(x) for x in numbers],
            [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers],
        )
        z = run(program, ours, OPERATIONS)[-1]
        expected = run(program, theirs, table)[-1]
        slopes = torch.autograd.grad(expected, theirs, allow_unused=True)
        assert math.isclose(z.data, expected.item(), rel_tol=1e-9, abs_tol=1e-9)
        for mine, slope, scale in zip(gradients(z, ours), slopes, path_sums(z, ours), strict=True):
            wanted = 0.0 if slope is None else slope.item()
            # PyTorch's 1 − z² for tanh and z (1 − z) for sigmoid lose digits where these saturate.
            assert abs(mine - wanted) <= 1e-11 * scale + 1e-13, program


@pytest.mark.parametrize("seed", range(4))
def test_second_derivatives(seed: int) -> None:
    rng, table = random.Random(100 + seed), functions()
    for _ in range(25):
        numbers = [rng.uniform(-2.0, 2.0) for _ in range(3)]
        program = random_dag(rng, numbers, rng.randint(1, 12))
        ours, theirs = (
            [Value(x) for x in numbers],
            [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers],
        )
        first = gradients(run(program, ours, OPERATIONS)[-1], ours, create_graph=True)
        # The square, of weight 0, makes every slope depend on every input: PyTorch insists.
        result = run(program, theirs, table)[-1] + sum(theirs) ** 2 * 0.0
        wanted = torch.autograd.grad(result, theirs, create_graph=True)
        for mine, slope in zip(first, wanted, strict=True):
            second = gradients(mine, ours)
            expected = [x.item() for x in torch.autograd.grad(slope, theirs, retain_graph=True)]
            size = 1.0 + max(map(abs, expected))
            assert all(abs(a - b) <= 1e-8 * size for a, b in zip(second, expected, strict=True)), (
                program
            )


def test_choices_at_kinks() -> None:
    """Where the derivative is a matter of choice, ours is PyTorch's minimum-norm one."""
    for name, x in (("relu", 0.0), ("abs", 0.0)):
        mine, theirs = Value(x), torch.tensor(x, dtype=torch.float64, requires_grad=True)
        functions()[name](theirs).backward()
        assert gradients(OPERATIONS[name](mine), mine) == theirs.grad.item() == 0.0
    for row, function in ((ops.maximum, torch.maximum), (ops.minimum, torch.minimum)):
        x, y = Value(1.0), Value(1.0)
        p, q = (torch.tensor(1.0, dtype=torch.float64, requires_grad=True) for _ in "pq")
        function(p, q).backward()
        assert gradients(row(x, y), [x, y]) == [p.grad.item(), q.grad.item()] == [0.5, 0.5]
