"""Counts and shares in words."""

from __future__ import annotations

from .names import number_text


def counted(n: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "point"), counted(2500, "point"), counted(2, "box")
    ('1 point', '2,500 points', '2 boxes')
    """
    return f"{n:,} {what if n == 1 else plural(what)}"


def plural(what: str) -> str:
    """Several of a thing.

    >>> plural("box"), plural("bias"), plural("input")
    ('boxes', 'biases', 'inputs')
    """
    return what + ("es" if what.endswith(("x", "s")) else "s")


def how_many(part: int, whole: int) -> str:
    """Some of all, with the verb.

    >>> how_many(1, 8), how_many(3, 8), how_many(8, 8), how_many(1, 1)
    ('1 of 8 is', '3 of 8 are', 'all 8 are', 'the only one is')
    """
    if part == whole:
        return f"all {whole:,} are" if whole > 1 else "the only one is"
    return f"{part:,} of {whole:,} {'is' if part == 1 else 'are'}"


def percent(share: float) -> str:
    """A share with four digits; 100 only where all is meant.

    >>> percent(0.5), percent(2 / 3), percent(0.999999)
    ('50 %', '66.67 %', 'over 99.99 %')
    """
    shown = number_text(100.0 * share)
    return "over 99.99 %" if shown == "100" and share < 1.0 else f"{shown} %"


def percent_of(part: float, whole: float) -> str:
    """A share in whole percent, below 10 in tenths; 0 and 100 only where none or all is meant.

    >>> percent_of(2, 3), percent_of(1, 80), percent_of(1, 5000), percent_of(999, 1000)
    ('67 %', '1.2 %', 'under 0.1 %', 'over 99 %')
    """
    share = 100.0 * part / whole
    if part > 0 and share < 0.1:
        return "under 0.1 %"
    if part < whole and share > 99.0:
        return "over 99 %"
    return f"{share:.{0 if share >= 10.0 else 1}f} %".replace(".0 ", " ")
