"""A compiled program in words: the layers that were found again, forward and backward."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from .listing import Program

if TYPE_CHECKING:
    from .parts import Found, Part, Parts

MOST_PHRASES = 40  # of a pass
MOST_KINDS = 8  # of single operations that are counted
COLUMNS = 100
NAMES = {"lane_sum": "sum over the samples", "sigmoid_slope": "sigmoid'"}
BACKENDS = {"llvm": "machine code (LLVM)", "numpy": "calls of NumPy", "python": "Python"}
PHASES = ("once, before the samples", "for each sample", "once, after the samples")


def explained(found: Found) -> str:
    """A program in words.

    Args:
        found: what `compile` has made for samples of one structure.

    Returns:
        A line with the numbers; a line for each phase; what is computed, forward and adjoint.

    >>> from ..compiling import compile
    >>> f = compile(lambda x: x[0] * x[1], backend="python")
    >>> _ = f([[2.0, 3.0]])
    >>> print(explained(f._latest))
    1 operation, written out one by one, as Python; 2 numbers of a sample
    for each sample:  1 single operation
    forward:  product
    """
    if importlib.util.find_spec("numpy") is None:
        return "\n".join([*_numbers(found, ""), *_by_kinds(found)])
    from .parts import parts_of

    parts = parts_of(found)
    form = ", written out one by one"
    if not parts.is_written_out:
        form = f" in {_counted(parts.group_count, 'group')}"
    lines = [*_numbers(found, form), *_phases(parts)]
    for name, is_adjoint in (("forward", False), ("adjoint", True)):
        if phrases := list(_phrases(parts, is_adjoint)):
            lines += _wrapped(f"{name}:  ", phrases)
    return "\n".join(lines)


def _numbers(found: Found, form: str) -> list[str]:
    """How much there is of everything."""
    task = found.task
    backend = found.executable.backend
    facts = [f"{_counted(found.listing.operations, 'operation')}{form}"]
    facts[0] += f", as {BACKENDS.get(backend, backend)}"
    if task.parameter_count:
        facts.append(_counted(task.parameter_count, "parameter"))
    if task.input_count > 1:  # the last one is the weight
        facts.append(f"{_counted(task.input_count - 1, 'number')} of a sample")
    lines = ["; ".join(facts)]
    if task.update is not None:
        program, outputs = task.update
        count = sum(1 for i in program.live(outputs.roots()) if program.operands(i))
        lines.append(
            f"after each batch a step of the optimiser: {_counted(count, 'operation')} for each "
            "parameter"
        )
    return lines


def _phases(parts: Parts) -> Iterator[str]:
    """How much is done when."""
    for phase, name in enumerate(PHASES):
        groups, members = parts.phases.get(phase, (0, 0))
        if groups and parts.is_written_out:
            yield f"{name}:  {_counted(members, 'single operation')}"
        elif groups:
            yield f"{name}:  {_counted(groups, 'group')} with {_counted(members, 'member')}"


def _phrases(parts: Parts, is_adjoint: bool) -> Iterator[str]:
    """What a pass consists of; of many parts only the first."""
    mine = parts.of(is_adjoint)
    if is_adjoint in parts.irregular:
        yield from _single(mine)
        return
    runs = [list(run) for _, run in groupby(mine, key=lambda part: _without_numbers(part.words))]
    for run in runs[:MOST_PHRASES]:
        yield from _alike(run)
    if len(runs) > MOST_PHRASES:
        rest = sum(map(len, runs[MOST_PHRASES:]))
        yield f"… {rest:,} more"


def _alike(run: Sequence[Part]) -> Iterator[str]:
    """Parts in a row that differ by their numbers at most: many of them by the first and last."""
    first, last = run[0].words, run[-1].words
    if len(run) > 1 and all(part.words == first for part in run):
        yield f"{first} ({len(run):,} times)"
    elif len(run) > 3:
        yield f"{first} … {last} ({len(run):,} groups)"
    else:
        yield from (part.words for part in run)


def _without_numbers(words: str) -> str:
    return re.sub(r"[\d,]+", "0", words)


def _single(parts: Sequence[Part]) -> Iterator[str]:
    """A pass without layers: how many operations there are of each kind."""
    kinds: Counter[str] = Counter()
    for part in parts:
        for group in part.groups:
            kinds[group.op] += group.count
    yield f"{sum(kinds.values()):,} single operations"
    yield from _kinds(kinds)


def _by_kinds(found: Found) -> Iterator[str]:
    """Both passes as counts of operations of each kind, where there is no NumPy to group them."""
    program: Program = found.trace.program
    forward = program.live(found.trace.results)
    inside = set(forward)
    rest = [i for i in program.live(found.outputs.roots()) if i not in inside]
    for name, entries in (("forward", forward), ("adjoint", rest)):
        kinds = Counter(program.ops[i] for i in entries if program.operands(i))
        if kinds:
            yield from _wrapped(f"{name}:  ", _kinds(kinds))


def _kinds(kinds: Counter[str]) -> Iterator[str]:
    """The most frequent operations, with how many there are of them."""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    for op, count in ordered[:MOST_KINDS]:
        yield f"{NAMES.get(op, op)} {count:,}"
    if len(ordered) > MOST_KINDS:
        yield f"… {len(ordered) - MOST_KINDS:,} more kinds"


def _wrapped(head: str, phrases: Iterable[str]) -> list[str]:
    """Phrases with a dot between them, in lines of which none is broken within a phrase.

    >>> _wrapped("forward:  ", ["relu 16", "dot 16 + bias"])
    ['forward:  relu 16 · dot 16 + bias']
    """
    lines = [head]
    for phrase in phrases:
        if lines[-1] == head or lines[-1].isspace():
            lines[-1] += phrase
        elif len(lines[-1]) + 3 + len(phrase) <= COLUMNS:
            lines[-1] += f" · {phrase}"
        else:
            lines[-1] += " ·"
            lines.append(" " * len(head) + phrase)
    return lines


def _counted(n: int, what: str) -> str:
    """A number of things.

    >>> _counted(1, "group"), _counted(2500, "group")
    ('1 group', '2,500 groups')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"
