"""What texts say is so: figures are those of the benchmarks' rows, and quoted code is all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from microgrunderscore.operation import BUILT_IN

ROOT = Path(__file__).parent.parent
README, MICROGRAD, PYTORCH, COMPILE = (
    "README.md",
    "docs/coming-from-micrograd.md",
    "docs/coming-from-pytorch.md",
    "docs/how-to/compile.md",
)
W1 = "W1: micrograd's demo, 2-16-16-1 with ReLU, 100 moons, hinge loss and L2."
DEMO = "## micrograd's demo"
SUMMARY = "# Benchmarks"


def text_of(name: str) -> str:
    """A page in one line, so that its sentences can be quoted."""
    return " ".join((ROOT / name).read_text("utf-8").split())


def measured(section: str, label: str, column: int) -> str:
    """A cell of the first row with this label in a section of docs/benchmarks.md, without range."""
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    start = page.index(f"{section}\n")
    row = next(line for line in page[start:].splitlines() if line.startswith(f"| {label} |"))
    return row.split("|")[column].split("(")[0].strip()


# What a page says, with {} for each figure; and where these are: section, label of the row, column.
FIGURES = [
    (README, "| {} µs | not measured", [(W1, "micrograd", 2)]),
    (README, "| {} µs, in matrices |", [(W1, "PyTorch, eager", 2)]),
    (README, "| {} µs as it is, {} µs compiled |",
     [(W1, "our Value, not compiled", 2), (W1, "ours, LLVM", 2)]),
    (README, "training step takes {} ms, ours {} ms in pure Python and {} ms where",
     [(DEMO, "micrograd | – | on", 4), (DEMO, "our MLP | pure | on", 4),
      (DEMO, "our MLP | compiled | on", 4)]),
    (MICROGRAD, "is {} times as fast in pure Python and {} times compiled",
     [(SUMMARY, "micrograd's demo: its text on our Value", k) for k in (3, 5)]),
    (MICROGRAD, "with our `MLP` {} and {} times.",
     [(SUMMARY, "micrograd's demo: our MLP", k) for k in (3, 5)]),
    (MICROGRAD, "kind to micrograd, {} and {}, {} and {}.)",
     [(SUMMARY, f"micrograd's demo: {what}", k)
      for what in ("its text on our Value", "our MLP") for k in (2, 4)]),
    (PYTORCH, "2-16-16-1 on 100 samples runs {} times", [(W1, "PyTorch over LLVM, W1", 2)]),
    (PYTORCH, "an 8-3-8 autoencoder {},", [(W1, "PyTorch over LLVM, W4", 2)]),
    (PYTORCH, "of 4,192 parameters {} times", [(W1, "PyTorch over LLVM, W5", 2)]),
    (PYTORCH, "2-64-64-1 on 256 samples it is {} times", [(W1, "PyTorch over LLVM, W2", 2)]),
]  # fmt: skip


@pytest.mark.parametrize(("page", "sentence", "cells"), FIGURES, ids=[f[1] for f in FIGURES])
def test_a_figure_was_measured(page: str, sentence: str, cells: list[tuple[str, str, int]]) -> None:
    assert sentence.format(*(measured(*cell) for cell in cells)) in text_of(page)


def test_no_other_times_are_quoted() -> None:
    for page, count in ((README, 7), (MICROGRAD, 0), (PYTORCH, 0)):
        assert len(re.findall(r"[\d,.]+ (?:µs|ms)\b", text_of(page))) == count


def test_seconds_are_those_that_were_measured() -> None:
    demo = "The whole of micrograd's demo, 100 steps."
    ours, theirs = (float(measured(demo, label, 2)) for label in ("ours, LLVM", "micrograd"))
    assert f"takes {ours:.2f} s instead of {theirs:.0f}." in text_of(MICROGRAD)
    w1, w2 = (
        float(measured(section, "ours, LLVM", 2))
        for section in ("W1: micrograd's demo.", "W2: 2-64-64-1, batch of 256.")
    )
    said = f"A network 2-16-16-1 takes {w1:.2f} s, one of 2-64-64-1 {w2:.2f} s"
    assert said in text_of(COMPILE)


def test_the_number_of_operations() -> None:
    assert f"[{len(BUILT_IN)}](docs/reference/operations.md)" in text_of(README)


def test_the_engine_is_read_from_the_first_line_to_the_last() -> None:
    """Each piece of code on the page begins where the one before has ended."""
    page = (ROOT / "docs" / "explanation" / "engine.md").read_text("utf-8")
    source = (ROOT / "microgrunderscore" / "engine.py").read_text("utf-8")
    starts = [text.strip('"') for text in re.findall(r"^:start-at: (.*)$", page, re.M)]
    ends = [text.strip('"') for text in re.findall(r"^:end-before: (.*)$", page, re.M)]
    assert ends == starts[1:]
    assert source.startswith(f'"""{starts[0]}')
    places = [source.index(start) for start in starts]
    assert places == sorted(places)
