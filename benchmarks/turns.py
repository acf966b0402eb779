"""Children that take turns: a few steps each, again and again, so that they share the weather.

A machine that others use changes its pace from one second to the next. Programs that run one after
the other meet different seconds; programs that take turns of a few steps meet the same ones, and
the ratio of their times holds still. One child works at a time, the others wait.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import fmean
from threading import Timer
from typing import IO, Any

from .child import CHECKOUT
from .installed import environment
from .section import Outcome

MINUTES = 20  # after which a child counts as stuck


class Failed(Exception):
    """A child ended without an outcome."""


class Player:
    """A child that waits for its next turn."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self._process = process
        self._complaints = complaints

    def turn(self) -> Outcome | None:
        """What its next turn gives; None when there are no more. Raises Failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # what it complained of is told below
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read().strip().splitlines() or [f"ended with code {code}"]
            raise Failed(said[-1])
        told: Outcome | None = json.loads(line)
        return told


@contextmanager
def player(section: str, request: Mapping[str, Any], engine: str) -> Iterator[Player]:
    """A child at work on a request, ended on leaving."""
    command = [sys.executable, "-P", str(CHECKOUT / "benchmarks" / "child.py")]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(
            [*command, section, json.dumps({**request, "in_turns": True})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=environment(engine),
        )
        watchdog = Timer(60 * MINUTES, process.kill)
        watchdog.start()
        try:
            yield Player(process, complaints)
        finally:
            watchdog.cancel()
            process.kill()
            process.communicate()


@contextmanager
def players(
    section: str, requests: Mapping[str, Mapping[str, Any]], engines: Mapping[str, str]
) -> Iterator[dict[str, Player]]:
    """Children that are alive at the same time, by key.

    requests, engines: what each child is told, and the engine it runs on.
    """
    with ExitStack() as stack:
        yield {
            key: stack.enter_context(player(section, request, engines[key]))
            for key, request in requests.items()
        }


def in_turns(
    section: str, requests: Mapping[str, Mapping[str, Any]], engines: Mapping[str, str]
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """The outcomes of all children, by key, after they took turns until all were done.

    Args:
        requests, engines: what each child is told, and the engine it runs on.

    Returns:
        The outcomes: the means of the figures over the turns, the answers of all turns; and for
        children that failed, why.
    """
    given: dict[str, list[Outcome]] = {key: [] for key in requests}
    failed: dict[str, str] = {}
    with players(section, requests, engines) as alive:
        while alive:
            for key in list(alive):
                try:
                    outcome = alive[key].turn()
                except Failed as error:
                    failed[key] = str(error)
                    outcome = None
                if outcome is None:
                    del alive[key]
                else:
                    given[key].append(outcome)
    return {key: summed(turns) for key, turns in given.items() if key not in failed}, failed


def summed(turns: list[Outcome]) -> Outcome:
    """One outcome for several turns of a child.

    >>> turns = [{"figures": {"step": 1.0}, "answers": [5.0], "engine": "pure"},
    ...          {"figures": {"step": 3.0}, "answers": [4.0], "engine": "pure"}]
    >>> summed(turns)
    {'figures': {'step': 2.0}, 'answers': [5.0, 4.0], 'engine': 'pure'}
    """
    names = turns[0]["figures"]
    return {
        "figures": {name: fmean(turn["figures"][name] for turn in turns) for name in names},
        "answers": [answer for turn in turns for answer in turn["answers"]],
        **({"engine": turns[-1]["engine"]} if "engine" in turns[-1] else {}),
    }
