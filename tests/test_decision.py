"""What outputs mean, and which class a target names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore import MLP
from microgrunderscore.decision import Judge, class_named, judge_of, largest

floats = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("numbers", "index"), [([0.0], 0), ([1.0, 2.0, 2.0], 1), ([-1.0, -2.0], 0), ([-0.0, 0.0], 0)]
)
def test_the_first_of_equals_is_the_largest(numbers: list[float], index: int) -> None:
    assert largest(numbers) == index


@pytest.mark.parametrize(
    ("target", "count", "expected"),
    [
        (1, 1, 1),
        (0, 1, 0),
        (-1, 1, 0),
        ([1.0], 1, 1),
        (2, 3, 2),
        (2.0, 3, 2),
        ([0.0, 0.0, 1.0], 3, 2),
        ([0.2, 0.5, 0.3], 3, 1),
    ],
)
def test_the_class_that_a_target_names(target: Any, count: int, expected: int) -> None:
    assert class_named(target, count) == expected


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([1.0, 0.0], "a target has 2 numbers, the model 3 outputs"),
        (3, "a class index must be a whole number from 0 to 2"),
        (0.5, "a class index must be a whole number from 0 to 2"),
    ],
)
def test_targets_that_name_no_class(target: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        class_named(target, 3)


@pytest.mark.parametrize(
    ("output", "level", "are_probabilities"),
    [("sigmoid", 0.5, True), ("tanh", 0.0, False), (None, 0.0, False), ("softmax", 0.0, True)],
)
def test_the_last_layer_says_how_outputs_are_read(
    output: str | None, level: float, are_probabilities: bool
) -> None:
    outputs = 2 if output == "softmax" else 1
    assert judge_of(MLP(2, [3, outputs], output=output)) == Judge(level, are_probabilities)
    assert judge_of(lambda x: x) == Judge()


@given(st.lists(floats, min_size=1, max_size=4), st.sampled_from([0.0, 0.5]))
def test_the_class_is_that_of_the_largest_score(outputs: list[float], level: float) -> None:
    judge = Judge(level)
    assert judge.class_of(outputs) == largest(judge.scores(outputs))
    assert 0.0 <= judge.clearness(outputs) <= 1.0


@pytest.mark.parametrize("judge", [Judge(), Judge(0.5), Judge(0.5, True), Judge(0.0, True)])
def test_clearness_grows_from_0_on_the_boundary(judge: Judge) -> None:
    assert judge.clearness([0.4, 0.4, 0.2]) == 0.0
    several = [judge.clearness([0.4 + d, 0.4 - d, 0.2]) for d in (0.1, 0.2, 0.3)]
    assert 0.0 < several[0] < several[1] < several[2] < 1.0
    assert judge.clearness([1e308, -1e308, 0.0]) == 1.0
    assert judge.clearness([1e308]) == 1.0
    if judge.level == 0.0 or judge.are_probabilities:
        assert judge.clearness([judge.level]) == 0.0
        one = [judge.clearness([judge.level - d]) for d in (0.1, 0.2, 0.3)]
        assert 0.0 < one[0] < one[1] < one[2] < 1.0
