"""Lists, tuples and dicts of numbers, nested: what is in them, and the same with other numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .engine import Value
from .operation import number

Tree = Any  # a number, a Value, or lists, tuples and dicts of trees
Place = tuple[Any, ...]  # where a leaf is in a tree: the keys that lead there


def leaves(tree: Tree, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Everything in a nesting of lists, tuples and dicts, each with the keys that lead there."""
    if not isinstance(tree, list | tuple | dict):
        yield place, tree
        return
    for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(branch, (*place, key))


def rebuild(tree: Tree, others: Iterator[Any]) -> Tree:
    """The same nesting, with other leaves."""
    if isinstance(tree, dict):
        return {key: rebuild(branch, others) for key, branch in tree.items()}
    if not isinstance(tree, list | tuple):
        return next(others)
    branches = [rebuild(branch, others) for branch in tree]
    if hasattr(tree, "_fields"):  # a named tuple takes its entries one by one
        return type(tree)(*branches)
    return branches if isinstance(tree, list) else tuple(branches)


def has_values(tree: Tree) -> bool:
    return any(isinstance(x, Value) for _, x in leaves(tree))


def matching(what: str, tree: Tree, model_name: str, model: Tree) -> list[Any]:
    """The leaves of a tree that must be nested as the model is, in the order of the model."""
    given, wanted = dict(leaves(tree)), [place for place, _ in leaves(model)]
    if given.keys() != set(wanted):
        raise TypeError(
            f"{what} must be nested as the {model_name} is, a number for each number: got "
            f"{len(given)} for {len(wanted)}: {tree!r:.60}"
        )
    return [x if isinstance(x := given[place], Value) else number(x) for place in wanted]
