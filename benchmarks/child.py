"""A fresh process: does the work of one variant, and prints its figures and answers as JSON.

    python -P benchmarks/child.py SECTION '{"collector": "off", "arguments": {…}}'

Told to work in turns, it waits for a line before each, and prints null when there are no more.

The option -P keeps the checkout from the front of Python's path, so that `microgrunderscore` is the
package that is installed. The checkout comes last, for `benchmarks` alone, and for those who have
installed nothing; the page says which of the two was measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent


def engine() -> str:
    """Which engine this process has run on, as the package says; "" if it was not imported."""
    if "microgrunderscore.engine" not in sys.modules:
        return ""
    from microgrunderscore.builds import compiled

    return "compiled" if compiled() else "pure"


def probed() -> dict[str, Any]:
    """What is installed here."""
    import microgrunderscore

    is_checkout = Path(str(microgrunderscore.__file__)).parent == CHECKOUT / "microgrunderscore"
    return {"version": microgrunderscore.__version__, "is_installed": not is_checkout}


def main() -> None:
    sys.path.append(str(CHECKOUT))
    section, request = sys.argv[1], json.loads(sys.argv[2])
    if section == "installed":
        outcome = probed()
    else:
        module = importlib.import_module(f"benchmarks.sections.{section}")
        if request["collector"] == "off":
            gc.disable()
        if request.get("in_turns"):
            take_turns(module.turns(**request["arguments"]))
        outcome = module.work(**request["arguments"])
    tell(outcome)
    os._exit(0)  # a graph that is left over is the system's to free


def take_turns(turns: Iterator[dict[str, Any]]) -> NoReturn:
    """One turn for each line that comes in."""
    for _ in sys.stdin:
        tell(next(turns, None))
    os._exit(0)


def tell(outcome: dict[str, Any] | None) -> None:
    """Print an outcome, and the engine that gave it."""
    print(json.dumps(outcome and {**outcome, "engine": engine()}), flush=True)


if __name__ == "__main__":
    main()
