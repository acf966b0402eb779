"""Children in turn: all variants are verified first, then timed round by round.

Every figure comes from a process of its own. In a round every variant runs once, and each round
begins with another one, so that a machine that slows down for a while slows all of them. Where it
matters most, the variants of a round take turns; and those that take long to get ready stay alive
from the first round to the last.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .child import CHECKOUT
from .installed import NOT_BUILT, Engines, environment, missing
from .section import ENGINES, Arguments, Measured, Outcome, Section, Variant
from .turns import MINUTES, Failed, in_turns, players

Run: TypeAlias = Callable[[Section, Variant, Arguments], Outcome]


class Wrong(Exception):
    """Answers differ."""


def in_fresh_process(section: str, told: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """What a child prints. Raises Failed with the last line of its complaints."""
    command = [sys.executable, "-P", str(CHECKOUT / "benchmarks" / "child.py")]
    try:
        done = subprocess.run(
            [*command, section, json.dumps(told)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60 * MINUTES,
            env=environment(engine),
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"no result after {MINUTES} minutes") from None
    if done.returncode or not done.stdout.strip():
        said = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
        raise Failed(said[-1])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def engines() -> Engines:
    """Which engines the installed package can run on, as a child of each kind says itself."""
    said = {name: in_fresh_process("installed", {}, name) for name in ENGINES}
    found = next(iter(said.values()))
    names = frozenset(name for name, told in said.items() if told["engine"] == name)
    return Engines(found["version"], found["is_installed"], names)


def measure(
    section: Section,
    *,
    quick: bool,
    available: frozenset[str],
    ran: Callable[[], object] = lambda: None,
    run: Run | None = None,
) -> Measured:
    """Verify all variants of a section, then time them.

    Args:
        quick: smaller tasks, fewer rounds.
        available: the engines that are there.
        ran: called after each child.
        run: does the work of a variant on a task; in a fresh process if left out.
    """
    run = run or _in_child
    measured = Measured({v.key: v for v in section.variants(quick)})
    for v in measured.variants.values():
        if why := absence(v, available):
            measured.absent[v.key] = why
    try:
        if section.together and run is _in_child:
            measured.rounds = [{} for _ in range(section.rounds[quick])]
            for group in groups(section, measured):
                side_by_side(section, measured, group, ran)
        else:
            rehearse(section, measured, run, ran)
            for k in range(section.rounds[quick]):
                one_round(section, measured, k, run, ran)
    except Wrong as error:
        measured.stopped = str(error)
        measured.rounds.clear()
    return measured


def rehearse(section: Section, measured: Measured, run: Run, ran: Callable[[], object]) -> None:
    """Let every program do the section's small task once, and check what it answers.

    Raises Wrong if answers differ.
    """
    tasks: dict[str, Arguments] = {}
    seen: dict[str, str] = {}
    for v in present(measured):
        task = {**v.task, **section.rehearsal}
        if seen.setdefault(json.dumps([v.program, v.engine, task], sort_keys=True), v.key) == v.key:
            tasks[v.key] = task
    found = outcomes(section, measured, tasks, run, ran)
    measured.checked = compare(found, tasks, section.tolerance)


def one_round(
    section: Section, measured: Measured, k: int, run: Run, ran: Callable[[], object]
) -> None:
    """Run every variant once, keep its figures, and check what it answers once more.

    Raises Wrong if answers differ.
    """
    tasks = {v.key: v.task for v in rotated(present(measured), k)}
    if section.in_turns and run is _in_child:
        found = taken_in_turns(section, measured, tasks)
        for _ in tasks:
            ran()
    else:
        found = outcomes(section, measured, tasks, run, ran)
    compare(found, tasks, section.tolerance)
    measured.rounds.append({key: outcome["figures"] for key, outcome in found.items()})


def groups(section: Section, measured: Measured) -> list[list[Variant]]:
    """The variants that can be run, sorted into those that are alive at the same time."""
    assert section.together is not None
    found: dict[str, list[Variant]] = {}
    for v in present(measured):
        found.setdefault(section.together(v), []).append(v)
    return list(found.values())


def side_by_side(
    section: Section, measured: Measured, group: Sequence[Variant], ran: Callable[[], object]
) -> None:
    """Let all programs of a group take a turn for the rehearsal, and one in each round.

    Raises Wrong if answers differ.
    """
    requests = {v.key: request(v, v.task) for v in group}
    engines = {v.key: v.engine for v in group}
    tasks = {v.key: v.task for v in group}

    def a_round(k: int) -> dict[str, Outcome]:
        found = {}
        for v in rotated([v for v in group if v.key not in measured.absent], k):
            try:
                outcome = alive[v.key].turn() or {}
                if why := wrong_engine(v, outcome):
                    raise Failed(why)
                found[v.key] = outcome
            except Failed as error:
                measured.absent[v.key] = f"failed: {error}"
            ran()
        return found

    with players(section.name, requests, engines) as alive:
        measured.checked += compare(a_round(0), tasks, section.tolerance)
        for k, figures in enumerate(measured.rounds):
            found = a_round(k)
            compare(found, tasks, section.tolerance)
            figures.update({key: outcome["figures"] for key, outcome in found.items()})


def outcomes(
    section: Section,
    measured: Measured,
    tasks: Mapping[str, Arguments],
    run: Run,
    ran: Callable[[], object],
) -> dict[str, Outcome]:
    """What the variants give for their tasks, in turn; one that fails is noted as absent."""
    found = {}
    for key, task in tasks.items():
        try:
            found[key] = run(section, measured.variants[key], task)
        except Failed as error:
            measured.absent[key] = f"failed: {error}"
        ran()
    return found


def taken_in_turns(
    section: Section, measured: Measured, tasks: Mapping[str, Arguments]
) -> dict[str, Outcome]:
    """What the variants give in turns; one that fails is noted as absent."""
    requests = {key: request(measured.variants[key], task) for key, task in tasks.items()}
    engines = {key: measured.variants[key].engine for key in tasks}
    found, failed = in_turns(section.name, requests, engines)
    for key in list(found):
        if why := wrong_engine(measured.variants[key], found[key]):
            failed[key] = why
            del found[key]
    measured.absent.update({key: f"failed: {why}" for key, why in failed.items()})
    return found


def present(measured: Measured) -> list[Variant]:
    """The variants that can be run, as far as is known."""
    return [v for v in measured.variants.values() if v.key not in measured.absent]


def _in_child(section: Section, v: Variant, task: Arguments) -> Outcome:
    """The work of a variant in a fresh process. Raises Failed if it ran on another engine."""
    outcome = in_fresh_process(section.name, request(v, task), v.engine)
    if why := wrong_engine(v, outcome):
        raise Failed(why)
    return outcome


def request(v: Variant, task: Arguments) -> dict[str, Any]:
    """What a child is told."""
    return {"collector": v.collector, "arguments": {**v.program, **task}}


def wrong_engine(v: Variant, outcome: Outcome) -> str:
    """Which engine a child ran on, if it was another than it should have been; else ""."""
    if not v.engine or outcome["engine"] in ("", v.engine):
        return ""
    return f"it ran on the {outcome['engine']} engine, not on the {v.engine} one"


def rotated(variants: Sequence[Variant], k: int) -> list[Variant]:
    """The variants in the order of round k: each round begins one further on."""
    at = k % len(variants) if variants else 0
    return [*variants[at:], *variants[:at]]


def absence(v: Variant, available: Iterable[str]) -> str:
    """Why a variant cannot be run; "" if it can."""
    if v.engine and v.engine not in available:
        return NOT_BUILT[v.engine]
    return next(filter(None, map(missing, v.needs)), "")


def compare(
    found: Mapping[str, Outcome],
    tasks: Mapping[str, Arguments],
    tolerance: tuple[float, float] = (1e-9, 1e-12),
) -> int:
    """Hold the answers to each task against those of the first program with that task.

    tolerance: relative and absolute.

    Returns how many were compared. Raises Wrong with the numbers.

    >>> found = {"ours": {"answers": [1.0]}, "theirs": {"answers": [1.0]}}
    >>> compare(found, {"ours": {}, "theirs": {}})
    1
    """
    relative, absolute = tolerance
    first: dict[str, str] = {}
    compared = 0
    for key, outcome in found.items():
        other = first.setdefault(json.dumps(tasks[key], sort_keys=True), key)
        ours, theirs = outcome["answers"], found[other]["answers"]
        if len(ours) != len(theirs):
            raise Wrong(f"{key} gave {len(ours)} answers, {other} {len(theirs)}")
        for i, (x, y) in enumerate(zip(ours, theirs, strict=True), 1):
            if not abs(x - y) <= relative * abs(y) + absolute:  # also where one is nan
                raise Wrong(f"answer {i} of {key} is {x!r}, that of {other} is {y!r}")
        compared += len(ours) if other != key else 0
    return compared
