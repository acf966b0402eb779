"""The one command: python -m benchmarks [--quick] [--only NAME …] [--output DIR]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microgrunderscore import files

from . import rounds
from .child import CHECKOUT
from .drawing import drawn
from .installed import Engines
from .page import Result, name_of_chart, page, section_text
from .section import Measured, Section
from .sections import (
    compile_time,
    compiled,
    compiled_growth,
    dags,
    demo,
    growth,
    instructions,
    memory,
    microgpt,
    operation,
    scalars,
)
from .turns import Failed

MODULES = (  # as on the page
    *(demo, microgpt, compiled, dags, compile_time, compiled_growth),
    *(operation, memory, growth, scalars, instructions),
)
NAMES = {module.SECTION.name: module.SECTION for module in MODULES}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 if anything failed or answers differed, otherwise 0."""
    options = parsed(arguments)
    chosen = [NAMES[name] for name in NAMES if name in (options.only or NAMES)]
    try:
        engines = rounds.engines()
        results = measured(chosen, engines, options.quick)
    except Failed as error:
        print(f"microgrunderscore cannot be imported: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted: what was measured is printed above, no file is touched", file=sys.stderr
        )
        return 130
    text = page(results, engines, options.quick)
    if options.output is None and (options.quick or options.only):
        told = "not written, as this was a quick or a partial run: --output DIR writes the page"
        print(told, file=sys.stderr)
    else:
        write(options.output or CHECKOUT / "docs", text, results)
    return 0 if all(result.is_good for result in results) else 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure microgrunderscore beside its peers. A full run takes half an hour "
        "on a small machine, and writes docs/benchmarks.md and its charts.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="four minutes: small tasks, few rounds"
    )
    parser.add_argument(
        "--only", nargs="+", choices=NAMES, metavar="NAME", help=f"some of {', '.join(NAMES)}"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write the page there")
    return parser.parse_args(arguments)


def measured(chosen: Sequence[Section], engines: Engines, quick: bool) -> list[Result]:
    """Run the sections; each is printed when it is done, so that nothing is lost."""
    results = []
    with progress(sum(children(section, quick) for section in chosen)) as bar:
        for section in chosen:
            bar.set_description(section.name)
            results.append(result_of(section, engines, quick, bar.update))
            bar.clear()
            print(section_text(results[-1]), end="\n\n", flush=True)
    return results


def result_of(section: Section, engines: Engines, quick: bool, ran: Any) -> Result:
    """A section's result; an error in one leaves all others alone."""
    found = Measured({})
    try:
        found = rounds.measure(section, quick=quick, available=engines.names, ran=ran)
        if found.stopped:
            return Result(section, found, error=found.stopped)
        return Result(section, found, section.report(found))
    except Exception as error:
        return Result(section, found, error=f"{type(error).__name__}: {error}")


def children(section: Section, quick: bool) -> int:
    """How many processes a section starts at most."""
    return len(section.variants(quick)) * (1 + section.rounds[quick])


def progress(total: int) -> Any:
    """A bar on stderr, on a terminal only."""
    from tqdm import tqdm

    return tqdm(total=total, unit="process", file=sys.stderr, disable=None)


def write(folder: Path, text: str, results: Sequence[Result]) -> None:
    """The page and its charts, each whole or not at all; the page comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        for name, plot in result.plots.items():
            target = folder / name_of_chart(name)
            target.parent.mkdir(exist_ok=True)
            drawn(plot).save(target, overwrite=True)
    files.write(folder / "benchmarks.md", text.encode(), overwrite=True)
    print(f"wrote {folder / 'benchmarks.md'}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
