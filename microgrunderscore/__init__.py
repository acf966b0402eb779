"""microgrunderscore: scalar reverse-mode automatic differentiation, to read, to see and to trust.

>>> import microgrunderscore as mg
>>> x, y = mg.Value(2.0, "x"), mg.Value(3.0, "y")
>>> z = mg.log(x * y)
>>> z.backward()
>>> x.grad
0.5
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import builds  # first: it decides where the others come from

# isort: split
from . import datasets, losses, nn, ops, optim, store
from .activations import softmax
from .anomaly import detect_anomaly
from .calculus import (
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from .compiling import compile
from .differences import gradcheck
from .embedding import take
from .engine import Value, dot
from .graph import gc_paused
from .nn import MLP, Layer, Module, Neuron
from .operation import OPERATIONS, Operation, define
from .ops import (
    absolute,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    clip,
    cos,
    cosh,
    div,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    gelu,
    hypot,
    inv,
    leaky_relu,
    log,
    log1p,
    logsumexp,
    max_of,
    maximum,
    mean,
    min_of,
    minimum,
    mul,
    neg,
    power,
    relu,
    sigmoid,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    sub,
    sum_of,
    tan,
    tanh,
    where,
)
from .optim import SGD, Adam
from .program.trace import TraceError
from .training import accuracy, classify, evaluate, fit, predict
from .version import __version__

# Also under the names of their rows, which hide functions of Python's that do the same on Values.
abs, pow = absolute, power

if TYPE_CHECKING:
    from . import charts
    from .pictures.dot import to_dot
    from .pictures.draw import draw
    from .pictures.draw_dot import draw_dot
    from .pictures.explain import explain
    from .pictures.layers import layerwise_picture
    from .pictures.overview import overview
    from .pictures.player import play
    from .pictures.tape import tape

# Pictures are a large part of the package, and most programs draw none: these come when asked for.
_ON_DEMAND = {
    "charts": "charts",
    "draw": "pictures.draw",
    "draw_dot": "pictures.draw_dot",
    "explain": "pictures.explain",
    "layerwise_picture": "pictures.layers",
    "overview": "pictures.overview",
    "play": "pictures.player",
    "tape": "pictures.tape",
    "to_dot": "pictures.dot",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_ON_DEMAND[name]}")
    found = module if name == "charts" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "MLP",
    "OPERATIONS",
    "SGD",
    "Adam",
    "Layer",
    "Module",
    "Neuron",
    "Operation",
    "TraceError",
    "Value",
    "__version__",
    "absolute",
    "accuracy",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "builds",
    "charts",
    "classify",
    "clip",
    "compile",
    "cos",
    "cosh",
    "datasets",
    "define",
    "detect_anomaly",
    "div",
    "dot",
    "draw",
    "draw_dot",
    "elu",
    "erf",
    "erfc",
    "evaluate",
    "exp",
    "explain",
    "expm1",
    "fit",
    "gc_paused",
    "gelu",
    "grad",
    "gradcheck",
    "gradients",
    "hessian",
    "hvp",
    "hypot",
    "inv",
    "jacobian",
    "jvp",
    "layerwise_picture",
    "leaky_relu",
    "log",
    "log1p",
    "logsumexp",
    "losses",
    "max_of",
    "maximum",
    "mean",
    "min_of",
    "minimum",
    "mul",
    "neg",
    "nn",
    "ops",
    "optim",
    "overview",
    "play",
    "power",
    "predict",
    "relu",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "store",
    "sub",
    "sum_of",
    "take",
    "tan",
    "tanh",
    "tape",
    "to_dot",
    "value_and_grad",
    "vjp",
    "where",
]
