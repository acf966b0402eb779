"""Random programs over the table of operations, for tests that compare two ways to run them."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from microgrunderscore.operation import OPERATIONS

Instruction = tuple[str, tuple[int, ...]]
KINKED = ("relu", "abs", "leaky_relu", "elu", "maximum", "minimum", "clip", "max_of", "min_of")
N_ARY = ("sum_of", "mean", "logsumexp", "max_of", "min_of")
NAMES = tuple(n for n in OPERATIONS if n not in ("where", "dot"))


def random_dag(
    rng: random.Random, inputs: Sequence[float], nodes: int, names: Sequence[str] = NAMES
) -> list[Instruction]:
    """A program of so many operations that is smooth and of moderate size at these inputs.

    An operand is any earlier number with a probability of 30 %, otherwise one of the latest.
    """
    values, program = list(inputs), []
    while len(program) < nodes:
        name = rng.choice(names)
        count = OPERATIONS[name].arity or rng.randint(2, 4)
        recent = max(0, len(values) - 4)
        places = tuple(
            rng.randrange(0 if rng.random() < 0.3 else recent, len(values)) for _ in range(count)
        )
        operands = [values[i] for i in places]
        if not _smooth(name, operands):
            continue
        values.append(OPERATIONS[name].on_floats(operands))
        program.append((name, places))
    return program


def run(
    program: Sequence[Instruction], inputs: Sequence[Any], table: Mapping[str, Callable[..., Any]]
) -> list[Any]:
    """The inputs and the result of every instruction, by the functions of a table."""
    values = list(inputs)
    for name, places in program:
        values.append(table[name](*(values[i] for i in places)))
    return values


def _smooth(name: str, operands: list[float]) -> bool:
    """Whether the operation is defined well inside its domain here, and away from any kink."""
    row = OPERATIONS[name]
    if name == "pow" and operands[0] < 0.1:
        return False
    if name in ("relu", "abs", "leaky_relu", "elu") and abs(operands[0]) < 1e-2:
        return False
    if name in KINKED and len(operands) > 1 and name not in ("leaky_relu", "elu"):
        gaps = [abs(a - b) for i, a in enumerate(operands) for b in operands[:i]]
        if min(gaps) < 1e-2:
            return False
    if name == "clip" and operands[1] > operands[2]:
        return False
    try:
        z = row.on_floats(operands)
        slopes = row.slopes(operands, z, [True] * len(operands))
        nearby = [row.on_floats([x + d for x in operands]) for d in (-1e-2, 1e-2)]
    except (ValueError, OverflowError, ZeroDivisionError):
        return False
    return all(abs(x) < 100.0 for x in (z, *slopes, *nearby))


def program_of(seed: int, count: int, nodes: int = 20) -> tuple[Callable[..., Any], list[float]]:
    """A random function of a list of so many numbers, which returns all of its last results."""
    rng = random.Random(seed)
    point = [rng.uniform(-2.0, 2.0) for _ in range(count)]
    program = random_dag(rng, point, nodes)
    return lambda v: run(program, v, OPERATIONS), point
