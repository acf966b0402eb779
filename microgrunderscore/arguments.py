"""Checks of what callers pass: whole numbers and real numbers, with an error that says which."""

from __future__ import annotations

import math
import operator
import random


def whole(what: str, value: int, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} is {value!r:.40}, a {type(value).__name__}; pass a whole number")
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{what} is {number}; pass a whole number of at least {least}")
    return number


def real(what: str, value: float) -> float:
    """A finite number as a float."""
    if isinstance(value, str | bytes | bytearray) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise TypeError(f"{what} is {value!r:.40}, a {type(value).__name__}; pass a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} is {number}; pass a finite number that a float can hold")
    return number


def generator(caller: str, seed: int) -> random.Random:
    """The random generator of a seed; negative ones are refused, since Random drops the sign."""
    return random.Random(whole(f"{caller}: seed", seed, 0))
