"""How each library differentiates a program of scalars: forward, backward, the answers.

Each function prepares a program and returns a function that runs it once. What that gives: the
seconds of each phase by name, and the answers: the value, then the derivative toward every leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import process_time
from typing import Any, TypeAlias

from .wiring import Functions, Program, leaves

Run: TypeAlias = Callable[[], tuple[dict[str, float], list[float]]]


def ours(program: Program) -> Run:
    """Our Value."""
    from microgrunderscore import Value as V

    return _objects(V, program, Functions(V.relu, V.tanh, V.sigmoid, V.exp, V.log))


def micrograd(program: Program) -> Run:
    from micrograd.engine import Value

    return _objects(Value, program, Functions(Value.relu))


def reference(program: Program) -> Run:
    """The class of microgpt."""
    from .reference import Reference

    return _objects(Reference, program, Functions(Reference.relu))


def torch(program: Program) -> Run:
    """Tensors of one float64 each, on one thread."""
    import torch as pt

    pt.set_num_threads(1)

    def leaf(x: float) -> Any:
        return pt.tensor(x, dtype=pt.float64, requires_grad=True)

    return _objects(leaf, program, Functions(pt.relu, pt.tanh, pt.sigmoid, pt.exp, pt.log))


def _objects(leaf: Callable[[float], Any], program: Program, f: Functions) -> Run:
    """A library whose numbers know their data, their grad and backward()."""
    prepared = program.prepared(f)

    def run() -> tuple[dict[str, float], list[float]]:
        xs = [leaf(x) for x in leaves()]
        start = process_time()
        total = prepared(xs)
        middle = process_time()
        total.backward()
        stop = process_time()
        slopes = [0.0 if x.grad is None else x.grad for x in xs]  # None: reached no block
        answers = [float(x) for x in (total.data, *slopes)]
        return {"forward": middle - start, "backward": stop - middle}, answers

    return run


def jax(program: Program) -> Run:
    """Arrays of one float64 each, differentiated by vjp without jit."""
    import jax as jx

    jx.config.update("jax_enable_x64", True)
    nn, jnp = jx.nn, jx.numpy
    prepared = program.prepared(Functions(nn.relu, jnp.tanh, nn.sigmoid, jnp.exp, jnp.log))

    def run() -> tuple[dict[str, float], list[float]]:
        xs = [jnp.float64(x) for x in leaves()]
        start = process_time()
        total, pull = jx.vjp(prepared, xs)
        total.block_until_ready()
        middle = process_time()
        (slopes,) = pull(jnp.float64(1.0))
        jx.block_until_ready(slopes)
        stop = process_time()
        answers = [float(total), *map(float, slopes)]
        return {"forward": middle - start, "backward": stop - middle}, answers

    return run


def autograd(program: Program) -> Run:
    """HIPS autograd: Python's floats, and its own boxes around them."""
    from autograd import make_vjp
    from autograd import numpy as np

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-x))

    def relu(x: Any) -> Any:
        return np.maximum(x, 0.0)

    prepared = program.prepared(Functions(relu, np.tanh, sigmoid, np.exp, np.log))

    def unpacked(xs: Any) -> Any:
        return prepared([xs[i] for i in range(len(xs))])

    def run() -> tuple[dict[str, float], list[float]]:
        xs = tuple(leaves())
        start = process_time()
        pull, total = make_vjp(unpacked)(xs)
        middle = process_time()
        slopes = pull(1.0)
        stop = process_time()
        answers = [float(total), *map(float, slopes)]
        return {"forward": middle - start, "backward": stop - middle}, answers

    return run


def casadi(program: Program) -> Run:
    """CasADi SX: forward builds the expression, backward the gradient's and a function of both.

    That function is then called as often as one wants: "replay" is one call, value and gradient.
    """
    import casadi as ca

    def relu(x: Any) -> Any:
        return ca.fmax(x, 0.0)

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + ca.exp(-x))

    prepared = program.prepared(Functions(relu, ca.tanh, sigmoid, ca.exp, ca.log))

    def run() -> tuple[dict[str, float], list[float]]:
        numbers = ca.DM(leaves())
        start = process_time()
        xs = [ca.SX.sym(f"x{i}") for i in range(len(leaves()))]
        total = prepared(xs)
        middle = process_time()
        column = ca.vertcat(*xs)
        f = ca.Function("f", [column], [total, ca.gradient(total, column)])
        built = process_time()
        value, slopes = f(numbers)
        stop = process_time()
        answers = [float(value), *map(float, slopes.full().ravel())]
        seconds = {"forward": middle - start, "backward": built - middle, "replay": stop - built}
        return seconds, answers

    return run


LIBRARIES: Mapping[str, Callable[[Program], Run]] = {
    "ours": ours,
    "micrograd": micrograd,
    "reference": reference,
    "torch": torch,
    "autograd": autograd,
    "jax": jax,
    "casadi": casadi,
}
