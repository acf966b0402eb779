"""microgrunderscore: scalar reverse-mode automatic differentiation, to read, to see and to trust.

>>> import microgrunderscore as mg
>>> x, y = mg.Value(2.0, "x"), mg.Value(3.0, "y")
>>> z = mg.log(x * y)
>>> z.backward()
>>> x.grad
0.5
"""

from . import datasets, store
from .engine import Value, dot, gc_paused
from .operation import Operation, define
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

__version__ = "0.1.0"
