"""The same in C, as one writes it by hand: `layers.c` and `gpt.c`, compiled by gcc when asked for.

It is called through ctypes, with all addresses at hand: a call costs less than a microsecond.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..workloads import GPT, Layers, Workload
from . import Array, CannotDo, Step

COMPILE = ("gcc", "-O3", "-march=native", "-ffast-math", "-fPIC", "-c")
LINK = ("gcc", "-shared")  # not -ffast-math: that would turn off denormals in the whole process
BLOCK = 32  # samples, and no more than there are, in multiples of 8


def prepare(workload: Workload) -> Step:
    """The step of a network of layers, or of a GPT with one document."""
    if isinstance(workload.model, Layers):
        return layers(workload, workload.model)
    if isinstance(workload.model, GPT):
        return gpt(workload, workload.model)
    raise CannotDo(f"{workload.name} is not written by hand in C")


def layers(workload: Workload, model: Layers) -> Step:
    """All samples in blocks, the last one filled up with samples that weigh nothing."""
    count = len(workload.X)
    size = min(BLOCK, -(-count // 8) * 8)
    blocks = -(-count // size)
    weights = np.zeros(blocks * size)
    weights[:count] = 1.0 / count
    given = {
        "SIZES": ",".join(map(str, model.sizes)),
        "BLOCK": size,
        "HIDDEN": model.hidden,
        "LAST": model.last or "linear",
        "ERROR": model.error,
    }
    data = [in_blocks(numbers, blocks, size) for numbers in (workload.X, workload.Y)]
    more = (ctypes.c_long(blocks), ctypes.c_double(workload.penalty))
    return step_of(workload, compiled("layers.c", given), [*data, weights], more)


def gpt(workload: Workload, model: GPT) -> Step:
    """The ids of one document."""
    given = {
        "TOKENS": model.tokens,
        "VOCABULARY": model.vocabulary,
        "WIDTH": model.width,
        "HEADS": model.heads,
        "PLACES": model.block,
    }
    ids = [np.array(numbers[0], dtype=np.int64) for numbers in (workload.X, workload.Y)]
    return step_of(workload, compiled("gpt.c", given), ids, ())


def in_blocks(numbers: list[Any], blocks: int, size: int) -> Array:
    """Samples side by side: block, number within the sample, sample within the block."""
    table = np.array(numbers).reshape(len(numbers), -1)
    table = np.pad(table, [(0, blocks * size - len(table)), (0, 0)], mode="edge")
    return np.ascontiguousarray(table.reshape(blocks, size, -1).swapaxes(1, 2))


def compiled(source: str, given: dict[str, Any]) -> Callable[..., float]:
    """The function `step` of a source, with these macros. Raises CannotDo without gcc."""
    path = Path(__file__).with_name(source)
    macros = [f"-D{name}={text}" for name, text in given.items()]
    with tempfile.TemporaryDirectory() as folder:
        half, whole = f"{folder}/step.o", f"{folder}/step.so"
        try:
            subprocess.run([*COMPILE, *macros, str(path), "-o", half], check=True)
            subprocess.run([*LINK, half, "-o", whole, "-lm"], check=True)
        except FileNotFoundError:
            raise CannotDo("there is no gcc here") from None
        step = ctypes.CDLL(whole).step
    step.restype = ctypes.c_double
    return step


def step_of(
    workload: Workload, function: Callable[..., float], data: list[Array], more: tuple[Any, ...]
) -> Step:
    """A call of `step`: parameters, data, what else there is, and where the gradient goes."""
    parameters, gradient = (np.empty(len(workload.parameters)) for _ in range(2))
    places = [ctypes.c_void_p(array.ctypes.data) for array in (parameters, *data)]
    arguments = (*places, *more, ctypes.c_void_p(gradient.ctypes.data))

    def step(given: Array, data: list[Array] = data) -> tuple[float, Array]:  # keeps the data alive
        parameters[:] = given
        return function(*arguments), gradient

    return Step(step)
