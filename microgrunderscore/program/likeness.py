"""Is the program what the function computes? Both are run on a few samples, and compared.

A function can decide by something that no trace sees: the type of a number, its text, a random
number, the time of day. The program would then silently be another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..nesting import leaves
from ..numeric import data_of
from .listing import Program, evaluate
from .trace import Trace, TraceError, function_name

MOST_SAMPLES = 4
TOLERANCE = 1e-9  # relative; of numbers below 1, absolute


def check_likeness(
    trace: Trace,
    function: Callable[..., Any],
    samples: Sequence[Sequence[Any]],
    columns: Any,
    places: Sequence[int],
    name: Any,
) -> None:
    """Raise TraceError where a program gives other numbers than the function itself.

    Args:
        trace: what was traced. name: what the error calls the function.
        function: of a sample; where it raises, there is nothing to compare.
        samples: some samples, as they are passed to it; places: which of all they are.
        columns: the numbers of all samples.
    """
    program = trace.program
    uniform = [v._value for v in trace.values]
    for sample, i in zip(samples, places, strict=True):
        try:
            found = [data_of(x) for _, x in leaves(function(*sample))]
            inputs = [float(c[i]) for c in columns]
            traced = numbers_of(program, trace.results, uniform, inputs)
        except Exception:
            continue  # it will be raised where it belongs
        for ours, theirs in zip(traced, found, strict=True):
            if not _are_alike(ours, theirs):
                raise TraceError(
                    f"{function_name(name)} gives {theirs!r} for sample {i}, but what was written "
                    f"down gives {ours!r}: it decides by something that cannot be traced, such as "
                    "the type or the text of a number, or draws random numbers; use where(c, x, y) "
                    "or take(table, i), and pass what changes as an argument"
                )


def chosen(count: int, columns: Any) -> list[int]:
    """A few of so many samples: the first, and others that differ in their last number.

    >>> chosen(6, [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 0.0, 0.0, 2.0]])
    [0, 3, 5]
    """
    if not len(columns):
        return []
    last = columns[-1]
    first_of = {float(last[i]): i for i in range(min(count, 1000) - 1, -1, -1)}
    return sorted(first_of.values())[:MOST_SAMPLES]


def numbers_of(
    program: Program, roots: Sequence[int], uniform: Sequence[float], inputs: Sequence[float]
) -> list[float]:
    """What entries of a program are for one sample, computed one after another.

    Raises what the rows raise outside their domains.
    """
    values: dict[int, float] = {}
    for i in program.live(roots):
        op, args = program.ops[i], program.args[i]
        if op == "const":
            values[i] = args[0]
        elif op == "uniform":
            values[i] = uniform[args[0]]
        elif op == "input":
            values[i] = inputs[args[0]]
        elif op == "gather":
            index, base, step, _ = args
            values[i] = uniform[base + step * round(values[index])]
        else:
            values[i] = evaluate(op, [values[j] for j in args])
    return [values[i] for i in roots]


def _are_alike(x: float, y: float) -> bool:
    if x == y or (x != x and y != y):
        return True
    return math.isfinite(x - y) and abs(x - y) <= TOLERANCE * max(1.0, abs(x), abs(y))
