"""How wrong a prediction is: losses for one sample or a batch, and a penalty on weights.

A prediction is what a model returns: a Value, or a list of them for several outputs; floats work
too, and give a float. Scores are the outputs of a linear last layer, before softmax or sigmoid.

In a compiled program targets are data, which differ from sample to sample: what a loss decides by
them is an operation then, and what it would refuse is noted, to be looked after at every call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import ops
from .activations import softmax as softmax  # what the scores become is to be had here
from .arguments import real
from .embedding import take
from .engine import Value
from .numeric import Numeric, data_of
from .samples import items

BIASES = frozenset({"b", "bias", "biases"})  # parts of names: what l2 leaves alone


# ---- numbers -----------------------------------------------------------------------------------


def squared_error(y: Any, d: Any) -> Value:
    """½ ‖y - d‖² for one sample; its gradient with respect to y is y - d.

    Args:
        y: prediction, one or several outputs.
        d: desired outputs, as many.

    Raises:
        ValueError: y and d differ in length.

    Source: Rumelhart, Hinton and Williams (1986), equation 3.

    >>> squared_error([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    ys, ds = items(y), items(d)
    if len(ys) != len(ds):
        raise ValueError(
            f"squared_error needs a target for each output, got {len(ds)} for {len(ys)}"
        )
    differences = [y - d for y, d in zip(ys, ds, strict=True)]
    if not differences:
        raise ValueError("squared_error of no outputs has no value: give at least one")
    return ops.dot(*differences, *differences) * 0.5  # type: ignore[no-any-return]


def mean_squared_error(predictions: Sequence[Any], targets: Sequence[Any]) -> Value:
    """1/(2m) Σ ‖ŷ - y‖² over a batch of m samples: the mean of their squared errors.

    Args:
        predictions: m of them, each one or several outputs.
        targets: m of them, each of the same size as its prediction.

    Raises:
        ValueError: an empty batch, or lengths that differ.

    Source: the ½ and the mean follow Frey, AI Essentials: Backpropagation.

    >>> mean_squared_error([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.25
    """
    predictions, targets = items(predictions), items(targets)
    if len(predictions) != len(targets) or not predictions:
        raise ValueError(
            f"mean_squared_error needs a target for each prediction and at least one, got "
            f"{len(predictions)} predictions and {len(targets)} targets"
        )
    return ops.mean([squared_error(y, d) for y, d in zip(predictions, targets, strict=True)])  # type: ignore[no-any-return]


# ---- classes -----------------------------------------------------------------------------------


def cross_entropy(scores: Any, target: Any) -> Value:
    """-log softmax(scores)[target]: cross-entropy with the softmax included.

    Args:
        scores: at least 2, one per class: a linear last layer (as in PyTorch), no softmax.
        target: index of the right class; or the classes' probabilities, such as a one-hot list.

    Returns:
        logsumexp(scores) - Σ dᵢ scoresᵢ; its gradient is softmax(scores) - d.

    Raises:
        ValueError: an index out of range, another number of probabilities, or no distribution.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), equations 4.108 and 4.109.

    >>> scores = [Value(2.0), Value(1.0), Value(0.0)]
    >>> cross_entropy(scores, 0).backward()
    >>> [round(s.grad, 3) for s in scores]
    [-0.335, 0.245, 0.09]
    """
    zs = _scores("cross_entropy", scores)
    if _is_index(target):
        return ops.logsumexp(*zs) - take(zs, class_index(target, len(zs)))  # type: ignore[no-any-return]
    terms = _wanted(_distribution(target, len(zs)), zs, 0.0)
    return ops.logsumexp(*zs) - ops.dot(*(d for _, d, _ in terms), *(z for _, _, z in terms))  # type: ignore[no-any-return]


def cross_entropy_of_probabilities(ps: Any, d: Any) -> Value:
    """-Σ dᵢ log pᵢ, for a model whose last layer is a softmax.

    Args:
        ps: probabilities of the classes, at least 2.
        d: the desired ones, such as a one-hot list; or the index of the right class.

    Returns:
        The loss; its gradient with respect to the softmax's inputs is p - d.

    Raises:
        ValueError: as `cross_entropy`; also a probability that is 0 where d is not, as softmax
            gives for scores that lie more than 745 apart: `cross_entropy` has no such limit.

    Source: Shannon, A mathematical theory of communication (1948); a term with dᵢ = 0 counts 0.

    >>> cross_entropy_of_probabilities([Value(0.25), Value(0.75)], [0.0, 1.0]).data
    0.2876820724517809
    """
    values = _scores("cross_entropy_of_probabilities", ps)
    if _is_index(d):
        index = class_index(d, len(values))
        return -_log_of_probability(index, take(values, index))  # type: ignore[no-any-return]
    terms = _wanted(_distribution(d, len(values)), values, 1.0)
    logs = [_log_of_probability(i, p) for i, _, p in terms]
    return -ops.dot(*(share for _, share, _ in terms), *logs)  # type: ignore[no-any-return]


def binary_cross_entropy(score: Any, target: Any) -> Value:
    """-log σ(score) for class 1, -log(1 - σ(score)) for class 0, with the sigmoid included.

    Args:
        score: one number, positive for class 1: a linear output, no sigmoid.
        target: 0 or 1.

    Returns:
        softplus(∓score), which keeps its digits for every score; its gradient is σ(score) - target.

    Raises:
        ValueError: more than one score, or another target.

    Source: Bishop (2006), equation 4.90.

    >>> score = Value(0.0)
    >>> binary_cross_entropy(score, 1).backward()
    >>> score.grad
    -0.5
    """
    s = _score("binary_cross_entropy", score)
    t = _label("binary_cross_entropy", target, (0.0, 1.0), "0 or 1; hinge takes -1 and +1")
    return ops.softplus(ops.where(t, -s, s) if _is_data(t) else -s if t else s)  # type: ignore[no-any-return]


def hinge(score: Any, target: Any) -> Value:
    """max(0, 1 - target · score): 0 for a score on the right side with a margin of 1.

    Args:
        score: one number, positive for class +1.
        target: -1 or +1.

    Raises:
        ValueError: more than one score, or another target.

    Source: Cortes and Vapnik, Support-vector networks (1995).

    >>> hinge(Value(0.25), 1).data, hinge(Value(0.25), -1).data
    (0.75, 1.25)
    """
    s = _score("hinge", score)
    t = _label("hinge", target, (-1.0, 1.0), "-1 or +1; from 0 and 1 that is 2 * y - 1")
    return ops.relu(1.0 + (-t) * s)  # type: ignore[no-any-return]


def multiclass_hinge(scores: Any, target: Any) -> Value:
    """Σ max(0, 1 + scoreⱼ - score of the right class) over the wrong classes j.

    Args:
        scores: at least 2, one per class.
        target: index of the right class.

    Raises:
        ValueError: an index out of range, or fewer scores.

    Source: Weston and Watkins, Support vector machines for multi-class pattern recognition (1999).

    >>> multiclass_hinge([Value(2.0), Value(1.5), Value(0.0)], 0).data
    0.5
    """
    zs = _scores("multiclass_hinge", scores)
    right = class_index(target, len(zs))
    best = take(zs, right)
    if _is_data(right):
        return ops.sum_of(  # type: ignore[no-any-return]
            ops.where(right - float(j), ops.relu(1.0 + (z - best)), 0.0) for j, z in enumerate(zs)
        )
    return ops.sum_of(ops.relu(1.0 + (z - best)) for j, z in enumerate(zs) if j != right)  # type: ignore[no-any-return]


LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    loss.__name__: loss
    for loss in (
        squared_error,
        cross_entropy,
        cross_entropy_of_probabilities,
        binary_cross_entropy,
        hinge,
        multiclass_hinge,
    )
}


def recorded(what: str, error: Any) -> Any:
    """What a loss or a penalty returned; TypeError if nothing was recorded, as for a float."""
    if not isinstance(error, Numeric):
        raise TypeError(
            f"{what} must be a Value, not {type(error).__name__} {error!r:.40}: it left the engine "
            "(through .data, or math.*), or does not depend on the model"
        )
    return error


# ---- a penalty on weights ----------------------------------------------------------------------


def l2(model_or_parameters: Any, strength: float) -> Value:
    """(λ/2) Σ w², over the weights of a model, not over its biases.

    Args:
        model_or_parameters: a module, or a dict of named parameters: without the biases, see
            `weights`; or a list of Values, which all count.
        strength: λ, 0 or more.

    Returns:
        The penalty; its gradient with respect to w is λ w.

    Raises:
        ValueError: no weights, or a strength that is negative or not finite.

    Source: Hoerl and Kennard, Ridge regression (1970); Krogh and Hertz, A simple weight decay can
    improve generalization (1991).

    >>> l2([Value(3.0), Value(4.0)], 0.5).data
    6.25
    """
    strength = real("the strength of l2", strength, least=0)
    ws = weights(model_or_parameters)
    if not ws:
        raise ValueError("l2 of no weights: the model has none, or they are all called biases")
    return ops.dot(*ws, *ws) * (0.5 * strength)  # type: ignore[no-any-return]


def weights(model_or_parameters: Any) -> list[Value]:
    """The parameters but the biases: those that their modules call `b`, `bias` or `biases`.

    Args:
        model_or_parameters: a module, or a dict of named parameters; of a list, all count.

    >>> from microgrunderscore.nn import MLP
    >>> len(weights(MLP(2, [3, 1]))), len(MLP(2, [3, 1]).parameters())
    (9, 13)
    """
    named = model_or_parameters
    if hasattr(named, "named_parameters"):
        named = named.named_parameters()
    if isinstance(named, Mapping):
        return [w for name, w in named.items() if _own_name(name) not in BIASES]
    return list(named)


def _own_name(name: str) -> str:
    """What a parameter is called in its own module: w of layers.0.neurons.3.w.1."""
    return next((part for part in reversed(name.split(".")) if not part.isdecimal()), "")


# ---- predictions and targets -------------------------------------------------------------------


def _scores(loss: str, scores: Any) -> list[Any]:
    """At least two numbers, one per class."""
    zs = items(scores)
    if len(zs) < 2:
        raise ValueError(
            f"{loss} needs one number per class, at least 2, got {len(zs)}: "
            "for a single score, binary_cross_entropy or hinge"
        )
    return zs


def _score(loss: str, score: Any) -> Any:
    """The one score of a loss for two classes."""
    zs = items(score)
    if len(zs) != 1:
        raise ValueError(
            f"{loss} needs a single score, got {len(zs)}: for one score per class, cross_entropy"
        )
    return zs[0]


def _is_data(x: Any) -> bool:
    """Whether a number is only known when a compiled program runs, one for each sample."""
    return isinstance(x, Numeric) and hasattr(x, "among")


def _label(loss: str, target: Any, allowed: tuple[float, float], wanted: str) -> Any:
    """A target that is one of two numbers."""
    t = _single(target)
    if _is_data(t):
        return t.among(allowed, f"a target of {loss}")
    if t not in allowed:
        raise ValueError(f"a target of {loss} must be {wanted}; got {target!r:.60}")
    return t


def _single(target: Any) -> Any:
    """The one number in a target; nan where there are several."""
    found = items(target)
    return _known(found[0]) if len(found) == 1 else math.nan


def _known(x: Any) -> Any:
    """A target as a plain number, if it is known already."""
    return x if _is_data(x) else data_of(x)


def _is_index(target: Any) -> bool:
    """Whether a target is one number rather than a list of them."""
    return isinstance(target, int | float) or not (
        hasattr(target, "__len__") and getattr(target, "shape", None) != ()
    )


def class_index(target: Any, count: int) -> Any:
    """The index of the right class, from 0 to count - 1."""
    t = _single(target)
    if _is_data(t):
        return t.among(range(count), "a class index")
    if not t.is_integer() or not 0 <= t < count:
        raise ValueError(
            f"a class index must be a whole number from 0 to {count - 1}, as there are {count} "
            f"classes; got {target!r:.60}"
        )
    return int(t)


def _distribution(target: Any, count: int) -> list[Any]:
    """The probabilities of the classes."""
    ds = [_known(d) for d in items(target)]
    if len(ds) != count:
        raise ValueError(
            f"a target needs one probability for each of {count} classes, got {len(ds)}"
        )
    data = [d for d in ds if _is_data(d)]
    if data:
        data[0].distribution_with([d for d in ds if d is not data[0]])
        return ds
    if not all(0.0 <= d <= 1.0 for d in ds) or abs(math.fsum(ds) - 1.0) > 1e-6:
        raise ValueError(
            f"the probabilities of a target must be 0 to 1 and add up to 1, got {ds!r:.60} "
            f"with sum {math.fsum(ds):.6g}"
        )
    return ds


def _wanted(shares: list[Any], numbers: list[Any], otherwise: float) -> list[tuple[Any, ...]]:
    """The classes whose share is not 0, each with its share and its number.

    Where data say which these are, all classes are there, and `otherwise` stands for a number that
    does not count: not even what is infinite there does.
    """
    classes = list(zip(range(len(shares)), shares, numbers, strict=True))
    if any(map(_is_data, shares)):
        return [(i, share, ops.where(share, x, otherwise)) for i, share, x in classes]
    return [(i, share, x) for i, share, x in classes if share]


def _log_of_probability(i: Any, p: Any) -> Any:
    """log p for the probability of class i; a program that is compiled notices -∞ by itself."""
    if not getattr(p, "gives_limits", False) and data_of(p) <= 0.0:
        raise ValueError(
            f"the probability of class {i} is {data_of(p)}, so that its logarithm is -∞: "
            "use cross_entropy on the scores before softmax, which has no such limit"
        )
    return ops.log(p)
