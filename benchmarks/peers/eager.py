"""Our Value, not compiled: every step records its graph anew. A sum of products is one node."""

from __future__ import annotations

import operator

import microgrunderscore as mg

from ..workloads import Scalars, Workload
from . import Step
from .scalars import step_of

OURS = Scalars(
    relu=mg.relu,
    tanh=mg.tanh,
    sigmoid=mg.sigmoid,
    exp=mg.exp,
    log=mg.log,
    dot=mg.dot,
    sum_of=lambda xs: mg.sum_of(*xs),
    take=getattr(mg, "take", operator.getitem),
)


def prepare(workload: Workload) -> Step:
    """The step of a workload."""
    return step_of(workload, mg.Value, OURS)
