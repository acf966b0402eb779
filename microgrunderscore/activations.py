"""What a layer applies to its pre-activations: a row of the table of operations, by name, or any
function of one number; softmax, which needs all of them at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from . import ops
from .engine import Value, process
from .numeric import data_of
from .operation import OPERATIONS, Operation

Activation: TypeAlias = Callable[[Any], Any]

USUAL = "relu, leaky_relu, elu, gelu, silu, tanh, sigmoid, softplus, identity, softmax"


def identity(x: Any) -> Any:
    """The number itself: a linear neuron.

    >>> identity(2.0)
    2.0
    """
    return x


def softmax(zs: Iterable[Any]) -> list[Any]:
    """The shares e^zᵢ / Σ e^zⱼ of scores: positive numbers that add up to 1.

    Args:
        zs: at least one score, Values or floats.

    Returns:
        As many Values or floats. The largest score is taken from all of them first, which changes
        no share, so that no exponential can overflow.

    Raises:
        ValueError: no scores.

    Source: Bridle, Probabilistic interpretation of feedforward classification network outputs
    (1990); the shift: Blanchard, Higham and Higham, Accurately computing the log-sum-exp and
    softmax functions (2021), of which this is the most accurate form.

    >>> [round(p, 3) for p in softmax([1000.0, 1000.0, 999.0])]
    [0.422, 0.422, 0.155]
    """
    zs = list(zs)
    if not zs:
        raise ValueError("softmax of no scores has no value: give at least one")
    top = _top(zs)
    shares = [ops.exp(z - top) for z in zs]
    total = ops.sum_of(shares)
    return [share / total for share in shares]


def _top(zs: list[Any]) -> Any:
    """The largest score, as a plain number; while a program is traced, where no number is known,
    one that is as good: at most log n above it, and simpler to differentiate than the largest.
    """
    is_traced = bool(process.traces) and threading.get_ident() in process.traces
    return ops.logsumexp(*zs) if is_traced else max(map(data_of, zs))


def activation(which: str | Activation) -> Activation:
    """The activation function of this name; a function is returned as it is.

    Args:
        which: "identity", "softmax", the name of an operation that can be called with one number
            (also one of your own, see `define`), or a function Value → Value.

    Raises:
        ValueError: no such operation, or one that needs more numbers.
        TypeError: neither a text nor a function.

    >>> activation("tanh")(0.0)
    0.0
    """
    g = (_OTHERS.get(which) or OPERATIONS.get(which)) if isinstance(which, str) else which
    if isinstance(which, str) and g is None:
        raise ValueError(f"activation {which!r:.40} is no operation; usual names: {USUAL}")
    if not callable(g):
        raise TypeError(
            f"an activation is a name or a function, not {type(which).__name__} {which!r:.40}; "
            f"names: {USUAL}"
        )
    if isinstance(g, Operation) and g.arity != 1 + len(g.defaults):
        raise ValueError(
            f"activation {g.name!r:.40} needs more than one number; usual names: {USUAL}"
        )
    return g


def name_of(g: Activation) -> str:
    """The name of an activation, as `activation` takes it; for a function that of the function.

    >>> name_of(ops.relu), name_of(identity)
    ('relu', 'identity')
    """
    return g.name if isinstance(g, Operation) else getattr(g, "__name__", type(g).__name__)


def on_float(g: Activation, a: float) -> float:
    """g(a) as a plain number, the same bits as a recorded one.

    >>> on_float(lambda v: v.tanh() * 2.0, 0.0)
    0.0
    """
    if g is identity:
        return a
    h = g(a) if isinstance(g, Operation) else g(Value(a))  # functions may use methods of Values
    return h.data if isinstance(h, Value) else h


def slope(g: Activation, a: float) -> float:
    """The derivative g'(a), from the engine.

    >>> slope(ops.sigmoid, 0.0)
    0.25
    """
    v = Value(a)
    h = g(v)
    if not isinstance(h, Value):
        return 0.0
    h.backward()
    return v.grad


_OTHERS: dict[str, Activation] = {"identity": identity, "softmax": softmax}
