"""Counts and shares in words: no plural of one, no 100 % of less than all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore.pictures.wording import counted, how_many, percent, percent_of


@pytest.mark.parametrize(
    ("n", "what", "said"),
    [
        (0, "point", "0 points"),
        (1, "point", "1 point"),
        (1, "box", "1 box"),
        (12345, "box", "12,345 boxes"),
    ],
)
def test_counts(n: int, what: str, said: str) -> None:
    assert counted(n, what) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 3, "0 of 3 are"),
        (1, 3, "1 of 3 is"),
        (3, 3, "all 3 are"),
        (1, 1, "the only one is"),
        (1000, 2000, "1,000 of 2,000 are"),
    ],
)
def test_some_of_all(part: int, whole: int, said: str) -> None:
    assert how_many(part, whole) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "100 %"), (0.12345, "12.35 %"), (0.0, "0 %"), (1 - 1e-9, "over 99.99 %")],
)
def test_percentages(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 3, "0 %"),
        (1, 3, "33 %"),
        (3, 3, "100 %"),
        (1, 12, "8.3 %"),
        (1, 50, "2 %"),
        (1, 1001, "under 0.1 %"),
        (998, 999, "over 99 %"),
        (996, 10_000, "10 %"),
        (0.25, 1.0, "25 %"),
    ],
)
def test_shares(part: float, whole: float, said: str) -> None:
    assert percent_of(part, whole) == said


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_no_share_is_rounded_to_all_or_nothing(a: int, b: int) -> None:
    part, whole = min(a, b), max(a, b)
    said = percent_of(part, whole)
    assert said != "0 %"
    assert (said == "100 %") == (part == whole)
