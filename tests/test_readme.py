"""What texts say of speed is what was measured: docs/benchmarks.md has each of the figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TIME = r"([\d,]+(?:\.\d+)?) (?:µs|ms)\b"


def measured() -> str:
    return (ROOT / "docs" / "benchmarks.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["README.md", "docs/coming-from-micrograd.md"])
def test_times_were_measured(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    quoted = re.findall(TIME, text)
    cells = set(re.findall(r"[|] ([\d,.]+)(?= \(| [|])", measured()))
    assert [time for time in quoted if time not in cells] == []


def test_the_readme_quotes_times() -> None:
    assert len(re.findall(TIME, (ROOT / "README.md").read_text("utf-8"))) == 7


@pytest.mark.parametrize(
    ("name", "program", "ratios"),
    [
        ("coming-from-micrograd", "micrograd's demo: its text on our Value", (7, 27, 14, 63)),
        ("coming-from-micrograd", "micrograd's demo: our MLP", (20, 158, 49, 311)),
    ],
)
def test_ratios_to_micrograd_were_measured(name: str, program: str, ratios: tuple[int]) -> None:
    [row] = [line for line in measured().splitlines() if line.startswith(f"| {program} |")]
    assert tuple(int(cell) for cell in re.findall(r"[|] (\d+) \(", row)) == ratios
    text = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    assert all(re.search(rf"\b{ratio}\b", text) for ratio in ratios)


@pytest.mark.parametrize(
    ("workload", "ratio"), [("W1", "50"), ("W2", "4.3"), ("W4", "47"), ("W5", "51")]
)
def test_ratios_to_pytorch_were_measured(workload: str, ratio: str) -> None:
    assert re.search(rf"^[|] PyTorch over LLVM, {workload} [|] {ratio} \(", measured(), re.M)
    assert re.search(rf"\b{ratio}\b", (ROOT / "docs/coming-from-pytorch.md").read_text("utf-8"))


def test_the_number_of_operations() -> None:
    from microgrunderscore.operation import BUILT_IN

    assert f"[{len(BUILT_IN)}](docs/reference/operations.md)" in (ROOT / "README.md").read_text()


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
