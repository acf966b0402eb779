"""Seconds of something that is done again and again, and of something that is done once."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import repeat
from statistics import median
from time import process_time
from typing import Any

TURN = 0.06  # seconds
BATCHES = 9  # of repetitions, in a turn


class Stopwatch:
    """Times a function, about TURN seconds at a time.

    run: does a few microseconds of work, or a few seconds.
    """

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        gc.collect()
        gc.freeze()  # so that the collector, where it is called, visits what was left over since
        run()
        once = self._batch(1)
        self._count = max(1, round(TURN / BATCHES / once))
        self._batches = min(BATCHES, max(1, round(TURN / (self._count * once))))

    def seconds(self) -> float:
        """Seconds of a run: the median over batches of runs.

        One that does not count comes first, and fetches back into the caches what others have
        driven out. Graphs that are cycles are freed between batches, which does not count either.
        """
        self._run()
        return median(self._batch(self._count) for _ in range(self._batches))

    def _batch(self, count: int) -> float:
        gc.collect()
        start = process_time()
        for _ in repeat(None, count):
            self._run()
        return (process_time() - start) / count


def processor_time() -> float:
    """Seconds that this process has worked, and those that it has started and that have ended."""
    try:
        from resource import RUSAGE_CHILDREN, getrusage
    except ModuleNotFoundError:  # Windows
        return process_time()
    others = getrusage(RUSAGE_CHILDREN)
    return process_time() + others.ru_utime + others.ru_stime
