"""The adjoint: a program that also computes how its result changes with each of its leaves.

The chain rule, from the result back: an entry's adjoint is the sum, over the entries that read it,
of their adjoints times the local derivatives, which the rows of ``ops.py`` state. The adjoint is
written down in the same operations, so that it can be differentiated, printed and compiled again.

Source: Griewank and Walther, Evaluating derivatives (2008), chapter 3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..operation import OPERATIONS, Operation
from .listing import BOOLEAN, Program
from .trace import Trace

Share = tuple[int, Any]  # an adjoint, and the derivative by which it is to be multiplied


def adjoints(trace: Trace, seeds: Mapping[int, int], wanted: Iterable[int]) -> dict[int, int]:
    """The adjoints of some entries, as entries of the same program, which grows.

    Args:
        trace: whose program it is.
        seeds: the results, each with its own adjoint: with 1, or with the weight of a sample.
        wanted: the entries, which most often are leaves.

    Returns:
        For each wanted entry that a result depends on, the entry of its adjoint.

    >>> from .trace import trace
    >>> t = trace(lambda x, y: x * y, [0.0, 0.0], arguments=["x", "y"], inputs_move=True)
    >>> p = t.program
    >>> found = adjoints(t, {t.results[0]: p.const(1.0)}, [p.input(0)])
    >>> p.spelled(found[p.input(0)], {p.input(1): "y"}) if found[p.input(0)] > 2 else "y"
    'y'
    """
    program, found = trace.program, {}
    wanted = set(wanted)
    end = len(program)
    leads_on = _which_depend(program, wanted, end)
    shares: dict[int, list[Share]] = {}
    for root, seed in seeds.items():
        if leads_on[root]:
            shares.setdefault(root, []).append((seed, 1.0))
    for i in range(end - 1, -1, -1):
        if i not in shares:
            continue
        total = _sum(program, i, shares.pop(i))
        if i in wanted:
            found[i] = total
        for operand, slope in _slopes(trace, i, leads_on):
            shares.setdefault(operand, []).append(_share(trace, i, total, slope))
    return found


def _which_depend(program: Program, wanted: set[int], end: int) -> bytearray:
    """For each entry whether it depends on a wanted one."""
    depends = bytearray(end)
    for i in range(end):
        if i in wanted:
            depends[i] = 1
        elif program.ops[i] not in BOOLEAN:
            for j in program.operands(i):
                if depends[j]:
                    depends[i] = 1
                    break
    return depends


def _slopes(trace: Trace, i: int, leads_on: bytearray) -> Iterator[tuple[int, Any]]:
    """The operands of an entry from which a way leads on, with the derivative toward each."""
    program = trace.program
    row = OPERATIONS.get(program.ops[i])
    if row is None:  # a leaf, a comparison; an index, toward which nothing changes
        return
    places = program.args[i]
    operands = [trace.operand(j) for j in places]
    moves = [program.moves[j] for j in places]
    if not any(moves):  # data alone
        moves = [True] * len(places)
    z = trace.operand(i)
    if row.arity is None and row.fixed is not row.partials and not all(moves):
        rules = _shared(trace, row, operands, z, moves)
    else:
        rules = row.slopes(operands, z, moves)
    for j, slope in zip(places, rules, strict=True):
        is_none = slope is None or (row.selects and slope.__class__ is float and slope == 0.0)
        if leads_on[j] and not is_none:
            yield j, slope


def _shared(
    trace: Trace, row: Operation, operands: list[Any], z: Any, moves: list[bool]
) -> list[Any]:
    """The slopes of an operation of which plain numbers may be among those that tie."""
    shares = row.partials[0](*operands, z)
    fixed = row.fixed[0](*operands, z)
    tied = [share for share, m in zip(shares, moves, strict=True) if not m]
    total = trace.apply("sum_of", tied)
    return [
        trace.apply("where", (total, f, share)) if m else None
        for f, share, m in zip(fixed, shares, moves, strict=True)
    ]


def _share(trace: Trace, i: int, total: int, slope: Any) -> Share:
    """What an entry hands on to one operand: 0 where it selected another one, even of ∞."""
    program = trace.program
    if isinstance(slope, float) or not OPERATIONS[program.ops[i]].selects:
        return total, slope
    s = slope.place
    product = total if program.ops[s] in BOOLEAN else program.apply("mul", total, s)
    return program.apply("where", s, product, program.const(0.0)), 1.0


def _sum(program: Program, i: int, shares: list[Share]) -> int:
    """The adjoint of an entry: the sum of what it is handed; over all samples, if it is uniform."""
    if program.lane[i]:
        return _total(program, shares)
    in_lanes = [s for s in shares if _is_in_lane(program, s)]
    uniform = [s for s in shares if not _is_in_lane(program, s)]
    if not in_lanes:
        return _total(program, uniform)
    summed = program.lane_sum(_total(program, in_lanes))
    return _total(program, [*uniform, (summed, 1.0)])


def _is_in_lane(program: Program, share: Share) -> bool:
    total, slope = share
    return program.lane[total] or (not isinstance(slope, float) and program.lane[slope.place])


def _total(program: Program, shares: list[Share]) -> int:
    """Σ adjoint · derivative as few entries: one sum of products, then what is added as it is."""
    if len(shares) == 1:
        return _product(program, *shares[0])
    plus = [g for g, slope in shares if isinstance(slope, float) and slope == 1.0]
    minus = [g for g, slope in shares if isinstance(slope, float) and slope == -1.0]
    products = [
        (g, program.const(slope) if isinstance(slope, float) else slope.place)
        for g, slope in shares
        if not isinstance(slope, float) or abs(slope) != 1.0
    ]
    products = _twice_as_double(program, products)
    terms = [program.apply("mul", *products[0])] if len(products) == 1 else []
    if len(products) > 1:
        terms = [program.apply("dot", *(g for g, _ in products), *(s for _, s in products))]
    terms += plus
    total = program.apply("sum_of", *terms) if terms else None
    for g in minus:
        total = program.apply("neg", g) if total is None else program.apply("sub", total, g)
    assert total is not None
    return total


def _product(program: Program, g: int, slope: Any) -> int:
    """An adjoint times a derivative."""
    if not isinstance(slope, float):
        return program.apply("mul", g, slope.place)
    if abs(slope) == 1.0:
        return g if slope > 0.0 else program.apply("neg", g)
    return program.apply("mul", g, program.const(slope))


def _twice_as_double(program: Program, products: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Products that are there twice, as from x·x, with a doubled factor: just as exact."""
    if len(set(products)) == len(products):
        return products
    counts = Counter(products)
    two = program.const(2.0)
    return [
        (program.apply("mul", two, g), s) if n == 2 else (g, s)
        for (g, s), n in counts.items()
        for _ in range(1 if n == 2 else n)
    ]
