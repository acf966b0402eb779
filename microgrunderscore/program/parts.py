"""Parts: what a compiled program consists of to a reader, and the numbers that flow between them.

A part is a group, or several that are one thing: the slope of a tanh, a softmax. The forward parts
are those that the results need; all others belong to the adjoint, also where a group has members of
both. A program that was not re-rolled is grouped here as it would have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol, TypeAlias

import numpy as np

from .executables import Task
from .groups import (
    EACH,
    IRREGULAR,
    LINEAR,
    Group,
    Layout,
    Operand,
    Statement,
    Terms,
    regroup,
)
from .idioms import Idiom, Idioms
from .listing import LEAVES, Program
from .lowering import Lowered
from .outputs import Outputs
from .phrases import Phrases
from .strides import Slots

MANY = 60  # groups: a program of more, each of few members, is described as single operations
MOST_STRETCHES = 8  # of single operations, where these are shown as several parts
# Where numbers come from or go to, besides other parts.
SAMPLE, PARAMETERS, OTHERS, GRADIENT, RESULTS = -1, -2, -3, -4, -5

Slot: TypeAlias = tuple[bool, int]
Reads: TypeAlias = list[tuple[bool, Slots]]  # slots of T or of U


class Found(Protocol):
    """A program that `compile` has made."""

    trace: Any
    outputs: Outputs
    listing: Any
    task: Task
    executable: Any


@dataclass
class Part:
    """One or several groups that are one thing.

    Attributes:
        words: what it is. groups: of what. phase: BEFORE, EACH or AFTER.
        is_adjoint: whether it belongs to the derivatives.
        count: how many members its groups have.
        flows: how many different numbers it reads, by the part that made them, or SAMPLE,
            PARAMETERS, OTHERS. gives: how many it writes to GRADIENT and RESULTS.
        merged: how many groups it stands for where these are described together, else 0.
    """

    words: str
    groups: list[Group]
    is_adjoint: bool
    phase: int
    merged: int = 0
    flows: dict[int, int] = field(default_factory=dict)
    gives: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(g.count for g in self.groups)


@dataclass
class Parts:
    """A program as parts.

    Attributes:
        all: in the order of computing, before, for each sample, after.
        group_count: of how many groups. is_written_out: whether these run one operation at a time.
        phases: how many groups each phase has, and of how many members.
        irregular: passes (is_adjoint) that are described as single operations.
    """

    all: list[Part]
    group_count: int
    is_written_out: bool
    phases: dict[int, tuple[int, int]]
    irregular: set[bool]

    def of(self, is_adjoint: bool) -> list[Part]:
        """The parts of one pass, in order."""
        return [part for part in self.all if part.is_adjoint == is_adjoint]


def parts_of(found: Found, most: int | None = None) -> Parts:
    """The parts of a program.

    Args:
        found: what `compile` has made for samples of one structure.
        most: how many parts there may be in a pass; runs of more are merged. None: merge only the
            single operations of an irregular program.

    >>> from ..compiling import compile
    >>> f = compile(lambda x: [v.tanh() for v in x])
    >>> _ = f([[0.5, 1.0, 2.0]])
    >>> [(part.words, part.flows == {SAMPLE: 3}) for part in parts_of(f._latest).all]
    [('tanh 3', True)]
    """
    layout, forward = _laid_out(found)
    groups = _groups(layout, _is_forward(layout, forward))
    irregular = {
        is_adjoint for is_adjoint in (False, True)
        if _is_irregular([g for g, adjoint in groups if adjoint == is_adjoint])
    }  # fmt: skip
    named = list(_named(layout, groups, irregular))
    if layout.scatters:
        named.append(_scattered(layout))
    parts: list[Part] = []
    for is_adjoint in (False, True):
        mine = [part for part in named if part.is_adjoint == is_adjoint]
        if is_adjoint in irregular:
            parts += _merged(mine, min(most or 1, MOST_STRETCHES))
        else:
            parts += _merged(mine, most or len(mine) or 1)
    wanted = layout.results, layout.lanes[: len(found.outputs.lanes)]
    _connect(layout, parts, [slot for slots in wanted for slot in slots])
    written_out = sum(isinstance(s, Statement) for s in layout.steps)
    return Parts(
        parts, len(layout.steps), 2 * written_out > len(layout.steps), _phases(layout), irregular
    )


def _phases(layout: Layout) -> dict[int, tuple[int, int]]:
    """For each phase how many groups there are, and of how many members."""
    found: dict[int, tuple[int, int]] = {}
    for step in layout.steps:
        groups, members = found.get(step.phase, (0, 0))
        count = step.count if isinstance(step, Group) else 1
        found[step.phase] = groups + 1, members + count
    return found


def _is_irregular(groups: Sequence[Group]) -> bool:
    return len(groups) > MANY and sum(g.count for g in groups) < IRREGULAR * len(groups)


# ---- the layout, and which of its slots belong to the function itself ---------------------------


def _laid_out(found: Found) -> tuple[Layout, list[Slot]]:
    """The layout that runs, but for slots that are used again; and where the forward part ends."""
    task, outputs = found.task, found.outputs
    if outputs.gradient or outputs.scattered:
        layout = _regrouped(task, ())
        return layout, [*layout.results, *layout.lanes]
    layout = _regrouped(task, found.trace.results)
    return layout, layout.lanes[len(outputs.lanes) :]


def _regrouped(task: Task, results: Iterable[int]) -> Layout:
    """The layout of a task; its lanes go on with what the derivatives take from the results."""
    roots = task.outputs.roots()
    lowered = Lowered(task.program, roots)
    program, outputs = lowered.program, task.outputs.moved(lowered.place)
    forward = [i for i in task.program.live(results) if i in lowered.place]
    inside = set(program.live(lowered.place[i] for i in forward))
    outputs.lanes = [*outputs.lanes, *_ends(program, inside, outputs.roots())]
    n = task.parameter_count
    return regroup(program, outputs, n, task.input_count, task.states, in_place=False)


def _ends(p: Program, inside: set[int], roots: Sequence[int]) -> list[int]:
    """The entries of a part that others read, but for those that vanish in a sum of theirs."""
    order = p.live(roots)
    uses = Counter(j for i in order for j in p.operands(i))
    uses.update(roots)
    ends = {i for i in roots if i in inside}
    for i in order:
        if i not in inside:
            adds_up = p.ops[i] in LINEAR - {"mul", "dot"} or p.ops[i] == "lane_sum"
            for j in p.operands(i):
                if j in inside and not (adds_up and uses[j] == 1 and p.ops[j] in LINEAR):
                    ends.add(j)
    return sorted(i for i in ends if p.ops[i] not in LEAVES)


def _is_forward(layout: Layout, ends: Iterable[Slot]) -> list[Any]:
    """For each step whether its members are needed for these slots: an array for a group."""
    needed = {True: np.zeros(layout.lane_count, bool), False: np.zeros(layout.uniform_count, bool)}
    for lane, slot in ends:
        needed[lane][slot] = True
    marks: list[Any] = []
    for step in reversed(layout.steps):
        mark = needed[step.lane][step.to]
        marks.append(mark)
        if isinstance(step, Group):
            for lane, slots in _reads(step):
                needed[lane][slots[mark]] = True
        elif mark:
            for lane, slot in step.all_reads:
                needed[lane][slot] = True
    return marks[::-1]


def _reads(group: Group) -> Reads:
    """What the members of a group read: arrays with a row for each."""
    operands = list(group.operands[:1] if group.op == "gather" else group.operands)
    return [(x.lane, x.slots) for x in (*operands, *group.factors)]


# ---- groups, each of one pass -------------------------------------------------------------------


def _groups(layout: Layout, marks: Sequence[Any]) -> list[tuple[Group, bool]]:
    """All groups with whether they belong to the adjoint; single operations by their kinds."""
    depth = {True: [0] * layout.lane_count, False: [0] * layout.uniform_count}
    found: list[tuple[tuple[int, int, int], Group, bool]] = []
    kinds: dict[tuple[Any, ...], tuple[int, list[Statement]]] = {}
    for place, (step, mark) in enumerate(zip(layout.steps, marks, strict=True)):
        if isinstance(step, Statement):
            level = 1 + max((depth[lane][slot] for lane, slot in step.all_reads), default=0)
            depth[step.lane][step.to] = level
            kind = (step.phase, level, step.lane, step.op, bool(mark), _signature(step))
            kinds.setdefault(kind, (place, []))[1].append(step)
            continue
        slots = {(lane, s) for lane, x in _reads(step) for s in np.unique(x).tolist()}
        level = 1 + max((depth[lane][s] for lane, s in slots), default=0)
        for s in step.to.tolist():
            depth[step.lane][s] = level
        for is_adjoint, chosen in ((False, mark), (True, ~mark)):
            if chosen.any():
                part = step if chosen.all() else _chosen(step, chosen)
                found.append(((step.phase, level, place), part, is_adjoint))
    for (phase, level, _, _, is_forward, _), (place, members) in kinds.items():
        found.append(((phase, level, place), _packed(members), not is_forward))
    return [(group, adjoint) for _, group, adjoint in sorted(found, key=lambda x: x[0])]


def _chosen(group: Group, mask: Any) -> Group:
    """Some members of a group, by a mask or by their places."""

    def of(x: Operand) -> Operand:
        return Operand(x.lane, x.slots[mask])

    terms = tuple(Terms(t.sign, of(t.a), None if t.b is None else of(t.b)) for t in group.terms)
    operands = tuple(map(of, group.operands))
    return Group(group.op, group.phase, group.lane, group.to[mask], operands, terms)


def _signature(step: Statement) -> Any:
    """What single operations have in common that can be one group."""
    if not step.terms:
        return tuple(lane for lane, _ in step.reads)
    return tuple(sorted(Counter(map(_code, step.terms)).items()))


def _code(term: tuple[int, Slot, Slot | None]) -> tuple[int, bool, int]:
    """The kind of a term: its sign, and where its factors lie."""
    sign, a, b = term
    return sign, a[0], -1 if b is None else int(b[0])


def _packed(members: Sequence[Statement]) -> Group:
    """Single operations of one kind as a group."""
    first = members[0]
    to = np.array([s.to for s in members])
    if not first.terms:
        operands = tuple(
            Operand(lane, np.array([s.reads[q][1] for s in members]))
            for q, (lane, _) in enumerate(first.reads)
        )
        return Group(first.op, first.phase, first.lane, to, operands)
    rows = [sorted(s.terms, key=lambda t: (_code(t), (t[2] or t[1])[1], t[1][1])) for s in members]
    codes = [_code(t) for t in rows[0]]
    terms = []
    for code, many in Counter(codes).items():
        start = codes.index(code)
        parts = [row[start : start + many] for row in rows]
        a = Operand(code[1], np.array([[t[1][1] for t in part] for part in parts]))
        b = None
        if code[2] >= 0:
            b = Operand(bool(code[2]), np.array([[t[2][1] for t in p if t[2]] for p in parts]))
        terms.append(Terms(code[0], a, b))
    return Group(first.op, first.phase, first.lane, to, terms=tuple(terms))


# ---- groups that are one thing, and what to call them -------------------------------------------


def _named(
    layout: Layout, groups: Sequence[tuple[Group, bool]], irregular: set[bool]
) -> Iterator[Part]:
    """The parts, each where its last group was; single operations without words."""
    taken: dict[int, Any] = {}
    ends: dict[int, list[Idiom]] = {}
    for idiom in _found_idioms(layout, groups, irregular):
        ends.setdefault(max(idiom.claims), []).append(idiom)
        for i, rows in idiom.claims.items():
            mask = taken.setdefault(i, np.zeros(groups[i][0].count, bool))
            mask[rows] = True
    phrases = Phrases(layout)
    for i, (group, is_adjoint) in enumerate(groups):
        if is_adjoint in irregular:
            yield Part("", [group], is_adjoint, group.phase)
            continue
        words = phrases.of(group, is_adjoint)
        for idiom in ends.get(i, ()):
            claims = sorted(idiom.claims.items())
            members = [_chosen(groups[j][0], np.unique(rows)) for j, rows in claims]
            yield Part(idiom.words, members, is_adjoint, group.phase)
        if i not in taken:
            yield Part(words, [group], is_adjoint, group.phase)
        elif not taken[i].all():
            rest = _chosen(group, ~taken[i])
            yield Part(phrases.of(rest, is_adjoint), [rest], is_adjoint, group.phase)


def _found_idioms(
    layout: Layout, groups: Sequence[tuple[Group, bool]], irregular: set[bool]
) -> list[Idiom]:
    """The idioms; none has members of two passes, nor of another one."""
    all_groups = [group for group, _ in groups]
    idioms = Idioms(all_groups, layout.constants, (layout.lane_count, layout.uniform_count))
    found: list[Idiom] = []
    taken = [np.zeros(group.count, bool) for group in all_groups]
    for i in reversed(range(len(groups))):
        if groups[i][1] in irregular or taken[i].any():
            continue
        idiom = idioms.at(i)
        if idiom is None or any(
            groups[j][1] != groups[i][1] or taken[j][rows].any() for j, rows in idiom.claims.items()
        ):
            continue
        if _is_read_on_the_way(idiom, all_groups):
            continue
        found.append(idiom)
        for j, rows in idiom.claims.items():
            taken[j][rows] = True
    return found


def _is_read_on_the_way(idiom: Idiom, groups: Sequence[Group]) -> bool:
    """Whether others read what it makes before it ends; as one part it would come too late."""
    start, end = min(idiom.claims), max(idiom.claims)
    made: dict[bool, list[int]] = {True: [], False: []}
    for j, rows in idiom.claims.items():
        if j != end:
            made[groups[j].lane] += groups[j].to[rows].tolist()
    for j in range(start, end):
        others = np.ones(groups[j].count, bool)
        others[idiom.claims.get(j, [])] = False
        if any(np.isin(slots[others], made[lane]).any() for lane, slots in _reads(groups[j])):
            return True
    return False


# ---- merging ------------------------------------------------------------------------------------


def _merged(parts: list[Part], most: int) -> Iterator[Part]:
    """At most about so many parts: neighbours of the same phase are merged, in runs of a length."""
    length = -(-len(parts) // most)
    for _, run in groupby(parts, key=lambda part: part.phase):
        of_phase = list(run)
        for first in range(0, len(of_phase), length):
            yield _summed_up(of_phase[first : first + length])


def _summed_up(run: Sequence[Part]) -> Part:
    """Several parts as one, which is called by the largest of them."""
    if len(run) == 1 and run[0].words:
        return run[0]
    groups = [g for part in run for g in part.groups]
    largest = max(run, key=lambda part: part.count)
    words = f"{largest.words} and {len(run) - 1:,} more"
    if not largest.words:
        words = f"{sum(g.count for g in groups):,} single operations"
    elif len({part.words for part in run}) == 1:
        words = f"{largest.words} ({len(run):,} times)"
    return Part(words, groups, run[0].is_adjoint, run[0].phase, sum(p.merged or 1 for p in run))


def _scattered(layout: Layout) -> Part:
    """What is added to the rows that were taken, sample by sample."""
    values = [s.value for s in layout.scatters]
    group = Group(
        "scatter", EACH, False, np.array([], dtype=np.int64),
        tuple(Operand(lane, np.array([slot])) for lane, slot in values),
    )  # fmt: skip
    part = Part(f"add {len(values):,} to rows that were taken", [group], True, EACH)
    part.gives[GRADIENT] = len(values)
    return part


# ---- flows --------------------------------------------------------------------------------------


def _connect(layout: Layout, parts: Sequence[Part], results: Sequence[Slot]) -> None:
    """Find out for all parts from which ones they read how many numbers, and what they give."""
    first, last = _makers(layout, parts)
    ignored = {True: [layout.input_count - 1], False: list(layout.constants)}
    for place, part in enumerate(parts):
        for lane in (True, False):
            slots = _slots_read(part, lane)
            slots = slots[~np.isin(slots, ignored[lane])]
            makers = last[lane][slots]  # what is added up in one place is read by its last maker
            _count(part.flows, np.where(makers == place, first[lane][slots], makers))
        part.flows.pop(place, None)
        taken = sum(g.count for g in part.groups if g.op == "gather")
        if taken:
            part.flows[PARAMETERS] = part.flows.get(PARAMETERS, 0) + taken
    start, n = layout.gradient, layout.parameter_count
    given = [(GRADIENT, maker) for maker in last[False][start : start + n].tolist()]
    given += [(RESULTS, int(last[lane][slot])) for lane, slot in results]
    for to, maker in given:
        if maker >= 0:
            parts[maker].gives[to] = parts[maker].gives.get(to, 0) + 1


def _makers(layout: Layout, parts: Sequence[Part]) -> tuple[dict[bool, Slots], dict[bool, Slots]]:
    """For each slot of T and U the first part that writes it, and the last."""
    first = {True: np.full(layout.lane_count, OTHERS), False: np.full(layout.uniform_count, OTHERS)}
    first[True][: layout.input_count] = SAMPLE
    first[False][: layout.parameter_count] = PARAMETERS
    last = {lane: x.copy() for lane, x in first.items()}
    for place, part in enumerate(parts):
        for g in part.groups:
            before = first[g.lane][g.to]
            first[g.lane][g.to] = np.where(before < 0, place, before)
            last[g.lane][g.to] = place
    return first, last


def _slots_read(part: Part, lane: bool) -> Slots:
    """The different slots of T or U that a part reads."""
    read = [x.ravel() for g in part.groups for of, x in _reads(g) if of == lane]
    return np.unique(np.concatenate(read)) if read else np.zeros(0, np.int64)


def _count(counts: dict[int, int], makers: Slots) -> None:
    """Count how often each maker is there."""
    for maker, n in zip(*np.unique(makers, return_counts=True), strict=True):
        counts[int(maker)] = counts.get(int(maker), 0) + int(n)
