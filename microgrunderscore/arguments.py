"""Checks of what callers pass, with errors that say which: numbers in their limits, and names."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
import random
from collections.abc import Collection, Iterable
from typing import Any


def whole(what: str, value: Any, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be a whole number, not {type(value).__name__} {value!r:.40}")
    n: int = operator.index(value)
    if n < least:
        raise ValueError(f"{what} must be at least {least}, got {n}")
    return n


def real(
    what: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """A finite number as a float, at least `least`, more than `above`, less than `below`."""
    item = value.item() if getattr(value, "shape", None) == () else value  # of NumPy
    if not isinstance(item, numbers.Real):
        raise TypeError(f"{what} must be a real number, not {type(value).__name__} {value!r:.40}")
    try:
        x = float(item)
    except OverflowError:
        x = math.inf
    if not math.isfinite(x):
        raise ValueError(f"{what} must be a finite number, got {x}")
    if not (x >= least and above < x < below):
        limits = {"at least": least, "more than": above, "less than": below}
        wanted = [f"{words} {limit:g}" for words, limit in limits.items() if math.isfinite(limit)]
        raise ValueError(f"{what} must be {' and '.join(wanted)}, got {x}")
    return x


def generator(caller: str, seed: int) -> random.Random:
    """The random generator of a seed; negative ones are refused, since Random drops the sign."""
    return random.Random(whole(f"{caller}: seed", seed, 0))


def mismatch(expected: Collection[str], found: Collection[str]) -> str:
    """Which names are missing or too many, as a phrase; "" where none is.

    >>> mismatch(["w", "b"], ["v", "w"])
    "missing 'b'; extra 'v'"
    """
    missing, extra = set(expected) - set(found), set(found) - set(expected)
    parts = [f"missing {quoted(n for n in expected if n in missing)}"] if missing else []
    parts += [f"extra {quoted(n for n in found if n in extra)}"] if extra else []
    return "; ".join(parts)


def quoted(names: Iterable[str]) -> str:
    """The names in quotation marks, at most ten of them."""
    names = list(names)
    more = f", … ({len(names)} in all)" if len(names) > 10 else ""
    return ", ".join(f"{name!r:.80}" for name in names[:10]) + more


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question when one of the known names is close, else "".

    >>> did_you_mean("colour", ["size", "color"])
    "did you mean 'color'?"
    """
    close = difflib.get_close_matches(name[:50], list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""
