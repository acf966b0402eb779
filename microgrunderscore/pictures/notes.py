"""What a reader must know of the numbers in a graph: where they do not belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..engine import Value
from ..numeric import data_of
from ..operation import OPERATIONS
from .flow import Flow
from .names import Name, Names, number_text

CLOSE = 1e-9  # relative: gradients that differ by more are not those of one backward pass


def on_gradients(flow: Flow, output: Name) -> list[str]:
    """Whether the gradients that the nodes hold are those of one backward pass from the root."""
    if _are_gradients(flow, 1.0):
        return []
    seed = flow.root.grad
    if flow.root.op and seed and _are_gradients(flow, seed):
        times = number_text(seed)
        return [
            f"These gradients are {times} times those of {output}: it was asked for backward"
            f"({times}), or for the gradient of a value that was computed from {output}."
        ]
    return [
        f"These gradients are not those of one backward pass from {output}: "
        "other passes are in them, or they were changed (zero_grad sets them to 0)."
    ]


def _are_gradients(flow: Flow, times: float) -> bool:
    """Whether every node holds so many times its gradient, up to rounding."""
    for v in flow.nodes:
        held, wanted = v.grad, times * flow.gradient(v)
        if held == wanted or not (math.isfinite(held) or math.isfinite(wanted)):
            continue
        if not abs(held - wanted) <= CLOSE * abs(times) * flow.sizes.get(id(v), 0.0):
            return False
    return True


def on_data(values: Sequence[Value], names: Names) -> list[str]:
    """Whether the nodes still hold the data that the others were computed from."""
    for v in values:
        if v.op in OPERATIONS and any(x._edited for x in (v, *v.parents)) and _has_moved(v):
            changed = dict.fromkeys(names[x].text for x in (*v.parents, v) if x._edited)
            return [
                f"The data of {' or '.join(changed)} was changed after {names[v]} was computed: "
                "slopes and gradients are those of before. Compute the output again."
            ]
    return []


def _has_moved(v: Value) -> bool:
    """Whether a node would be another, in value or slopes, if it were computed now."""
    op, operands = OPERATIONS[v.op], v.operands
    try:
        data = [data_of(x) for x in operands]
        z = op.on_floats(data)
        found = op.slopes(data, z, [isinstance(x, Value) for x in operands])
    except Exception:  # a rule that somebody defined may raise anything at other numbers
        return True
    now, then = [z, *(d for d in found if d is not None)], [v.data, *v.partials]
    return any(x != y and (x == x or y == y) for x, y in zip(now, then, strict=True))
