"""Losses: their values, their gradients by the formula, and their errors."""

from __future__ import annotations

import importlib.util
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore import losses
from microgrunderscore.engine import Value
from microgrunderscore.losses import (
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_of_probabilities,
    hinge,
    l2,
    mean_squared_error,
    multiclass_hinge,
    softmax,
    squared_error,
    weights,
)
from microgrunderscore.nn import MLP, Module

SCORES = st.lists(st.floats(-30, 30), min_size=2, max_size=6)


def gradient(loss: Any, numbers: list[float]) -> list[float]:
    values = [Value(x) for x in numbers]
    loss(values).backward()
    return [v.grad for v in values]


def plain_softmax(zs: list[float]) -> list[float]:
    es = [math.exp(z - max(zs)) for z in zs]
    return [e / sum(es) for e in es]


def one_hot(k: int, n: int) -> list[float]:
    return [float(i == k) for i in range(n)]


# ---- values and gradients ----------------------------------------------------------------------


def test_squared_error() -> None:
    y, d = [0.5, -1.0, 2.0], [1.0, 0.0, 2.0]
    assert squared_error([Value(v) for v in y], d).data == 0.625
    assert gradient(lambda v: squared_error(v, d), y) == [-0.5, -1.0, 0.0]
    assert squared_error(Value(3.0), 1).data == squared_error([Value(3.0)], [1.0]).data == 2.0
    assert squared_error(Value(3.0), [1.0]).data == 2.0
    assert squared_error(3.0, 1.0) == 2.0


def test_the_target_may_be_a_value_too() -> None:
    d = Value(1.0)
    squared_error(Value(3.0), d).backward()
    assert d.grad == -2.0


def test_mean_squared_error() -> None:
    predictions, targets = [1.0, 2.0, 4.0], [0.0, 0.0, 2.0]
    values = [Value(p) for p in predictions]
    loss = mean_squared_error(values, targets)
    loss.backward()
    assert loss.data == pytest.approx((1 + 4 + 4) / 6)
    assert [v.grad for v in values] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    rows = mean_squared_error([[Value(1.0), Value(2.0)], [Value(0.0), Value(0.0)]], [[0, 0]] * 2)
    assert rows.data == 1.25


@given(SCORES, st.integers(0, 5))
def test_cross_entropy_is_minus_log_softmax(zs: list[float], k: int) -> None:
    k %= len(zs)
    p = plain_softmax(zs)
    loss = cross_entropy([Value(z) for z in zs], k)
    assert loss.data == pytest.approx(-math.log(p[k]), rel=1e-9, abs=1e-9)
    assert gradient(lambda v: cross_entropy(v, k), zs) == pytest.approx(
        [pi - di for pi, di in zip(p, one_hot(k, len(zs)), strict=True)], abs=1e-12
    )
    same = cross_entropy([Value(z) for z in zs], one_hot(k, len(zs)))
    assert same.data == pytest.approx(loss.data, rel=1e-9, abs=1e-9)


@given(SCORES)
def test_both_forms_of_cross_entropy_agree(zs: list[float]) -> None:
    d = plain_softmax([float(i) for i in range(len(zs))])
    total = sum(d)
    d = [x / total for x in d]
    included = gradient(lambda v: cross_entropy(v, d), zs)
    after = gradient(lambda v: cross_entropy_of_probabilities(softmax(v), d), zs)
    assert after == pytest.approx(included, abs=1e-9)
    difference = [p - x for p, x in zip(plain_softmax(zs), d, strict=True)]
    assert included == pytest.approx(difference, abs=1e-9)


def test_cross_entropy_of_scores_far_apart() -> None:
    zs = [1000.0, -1000.0]
    assert cross_entropy([Value(z) for z in zs], 1).data == 2000.0
    assert gradient(lambda v: cross_entropy(v, 1), zs) == [1.0, -1.0]
    assert cross_entropy([Value(z) for z in zs], 0).data == 0.0
    with pytest.raises(ValueError, match=r"class 1 is 0\.0.*use cross_entropy on the scores"):
        cross_entropy_of_probabilities(softmax([Value(z) for z in zs]), 1)


def test_a_class_that_is_not_wanted_may_have_probability_0() -> None:
    loss = cross_entropy_of_probabilities([Value(1.0), Value(0.0)], [1.0, 0.0])
    loss.backward()
    assert loss.data == 0.0


@given(st.floats(-700, 700), st.integers(0, 1))
def test_binary_cross_entropy(s: float, t: int) -> None:
    sign = 1 if t else -1
    expected = math.log1p(math.exp(-sign * s)) if sign * s > -700 else -sign * s
    assert binary_cross_entropy(Value(s), t).data == pytest.approx(expected, rel=1e-12)
    (g,) = gradient(lambda v: binary_cross_entropy(v, t), [s])
    sigmoid = 1 / (1 + math.exp(-s))
    assert g == pytest.approx(sigmoid - t, abs=1e-12)


def test_binary_cross_entropy_keeps_its_digits() -> None:
    assert binary_cross_entropy(Value(40.0), 1).data == math.exp(-40.0)


def test_hinge_is_micrograds() -> None:
    rng = random.Random(0)
    for _ in range(50):
        s, t = Value(rng.gauss(0, 2)), rng.choice([-1, 1])
        ours, theirs = hinge(s, t), (1 + -t * s).relu()
        assert ours.data == theirs.data
        ours.backward()
        assert s.grad == (-t if t * s.data < 1 else 0.0)


def test_multiclass_hinge() -> None:
    zs = [1.0, 0.5, 3.0]
    assert multiclass_hinge([Value(z) for z in zs], 0).data == pytest.approx(0.5 + 3.0)
    assert gradient(lambda v: multiclass_hinge(v, 0), zs) == [-2.0, 1.0, 1.0]
    assert gradient(lambda v: multiclass_hinge(v, 2), zs) == [0.0, 0.0, 0.0]


def test_softmax_gives_values_for_values_and_floats_for_floats() -> None:
    zs = [0.3, -1.0, 2.0]
    assert [p.data for p in softmax([Value(z) for z in zs])] == softmax(zs)
    assert softmax(zs) == pytest.approx(plain_softmax(zs))


# ---- targets -----------------------------------------------------------------------------------

THREE = [Value(1.0), Value(2.0), Value(3.0)]


@pytest.mark.parametrize("loss", [cross_entropy, multiclass_hinge, cross_entropy_of_probabilities])
@pytest.mark.parametrize("target", [3, -1, 1.5, math.nan, math.inf, 10**30])
def test_a_class_index_out_of_range(loss: Any, target: Any) -> None:
    with pytest.raises(ValueError, match="from 0 to 2, as there are 3 classes"):
        loss(THREE, target)


@pytest.mark.parametrize("loss", [cross_entropy, cross_entropy_of_probabilities])
@pytest.mark.parametrize(
    ("target", "match"),
    [
        ([1.0, 0.0], "for each of 3 classes, got 2"),
        ([0.5, 0.5, 0.5], "add up to 1"),
        ([2.0, -1.0, 0.0], "0 to 1"),
        ([math.nan, 0.0, 1.0], "0 to 1"),
        ([], "got 0"),
    ],
)
def test_a_target_that_is_no_distribution(loss: Any, target: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        loss(THREE, target)


@pytest.mark.parametrize("loss", [cross_entropy, multiclass_hinge, cross_entropy_of_probabilities])
def test_one_score_is_not_enough(loss: Any) -> None:
    for scores in (Value(1.0), [Value(1.0)], []):
        with pytest.raises(ValueError, match="binary_cross_entropy or hinge"):
            loss(scores, 0)


@pytest.mark.parametrize(
    ("loss", "target", "match"),
    [
        (hinge, 0, "-1 or \\+1; from 0 and 1"),
        (hinge, 2, "-1 or"),
        (binary_cross_entropy, -1, "0 or 1; hinge takes"),
        (binary_cross_entropy, 0.5, "0 or 1"),
        (binary_cross_entropy, [0, 1], "0 or 1"),
    ],
)
def test_a_label_of_the_other_convention(loss: Any, target: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        loss(Value(1.0), target)


@pytest.mark.parametrize("loss", [hinge, binary_cross_entropy])
def test_several_scores_are_too_many(loss: Any) -> None:
    with pytest.raises(ValueError, match="needs a single score, got 3"):
        loss(THREE, 1)
    assert loss([Value(1.0)], [1]).data == loss(Value(1.0), 1).data


def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="got 2 for 3"):
        squared_error(THREE, [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one"):
        squared_error([], [])
    with pytest.raises(ValueError, match="3 predictions and 2 targets"):
        mean_squared_error(THREE, [1.0, 2.0])
    with pytest.raises(ValueError, match="0 predictions"):
        mean_squared_error([], [])


@pytest.mark.skipif(not importlib.util.find_spec("numpy"), reason="needs NumPy")
def test_targets_may_come_from_numpy() -> None:
    import numpy

    assert cross_entropy(THREE, numpy.int64(1)).data == cross_entropy(THREE, 1).data
    assert cross_entropy(THREE, numpy.array(1)).data == cross_entropy(THREE, 1).data
    assert cross_entropy(THREE, numpy.array([0, 1, 0])).data == pytest.approx(
        cross_entropy(THREE, 1).data
    )
    assert cross_entropy(THREE, True).data == cross_entropy(THREE, 1).data
    assert squared_error(THREE, numpy.array([1.0, 2.0, 3.0])).data == 0.0
    assert squared_error(Value(1.0), numpy.float64(1.0)).data == 0.0
    assert hinge(Value(0.0), numpy.int64(-1)).data == 1.0
    assert binary_cross_entropy(Value(0.0), numpy.float32(1)).data == pytest.approx(math.log(2))


def test_the_table_of_losses() -> None:
    assert all(losses.LOSSES[name].__name__ == name for name in losses.LOSSES)


# ---- the penalty -------------------------------------------------------------------------------


def test_l2_counts_weights_and_not_biases() -> None:
    model = MLP(2, [3, 1], seed=1)
    for p in model.parameters():
        p.data += 0.5
    penalty = l2(model, 0.1)
    penalty.backward()
    named = model.named_parameters()
    ws = [p for name, p in named.items() if ".w." in name]
    assert penalty.data == pytest.approx(0.05 * sum(w.data**2 for w in ws))
    for name, p in named.items():
        assert p.grad == pytest.approx(0.0 if name.endswith(".b") else 0.1 * p.data)
    assert weights(model) == ws
    assert l2(named, 0.1).data == penalty.data


def test_l2_of_a_list_counts_everything() -> None:
    assert l2([Value(2.0)], 1.0).data == 2.0


def test_l2_knows_the_usual_names_of_biases() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.bias, self.biases = Value(1.0), [Value(1.0)]
            self.slab, self.w = Value(2.0), Value(3.0)

    assert [w.data for w in weights(Own())] == [2.0, 3.0]


@pytest.mark.parametrize("strength", [-1.0, math.nan, math.inf])
def test_l2_refuses_a_strength(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        l2([Value(1.0)], strength)


def test_l2_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no weights"):
        l2([], 1.0)
    assert l2([Value(1.0)], 0).data == 0.0


def test_l2_goes_by_the_name_of_the_parameter_not_of_the_layer() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            self.a, self.b = MLP(2, [2], seed=0), MLP(2, [1], seed=0)

    assert len(losses.weights(Pair())) == 6


def test_a_masked_score_costs_nothing_where_its_share_is_0() -> None:
    scores = [Value(1.0), Value(-math.inf)]
    loss = cross_entropy(scores, [1.0, 0.0])
    loss.backward()
    assert loss.data == cross_entropy(scores, 0).data == 0.0
    assert [s.grad for s in scores] == [0.0, 0.0]
