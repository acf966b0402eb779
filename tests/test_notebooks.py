"""Every notebook runs, and says what it said when it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def shown(notebook: Any) -> list[tuple[str, list[Any]]]:
    """The code cells, each with what it shows."""
    return [
        (cell.source, [output.get("text") or output.get("data") for output in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_says_the_same(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(fresh, timeout=60, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    changed = [
        f"{source!r}: {before!r:.300} is now {after!r:.300}"
        for (source, before), (_, after) in zip(shown(stored), shown(fresh), strict=True)
        if before != after
    ]
    hint = "If that was meant to change: python tests/renew_notebooks.py, then look at it."
    assert not changed, "\n".join([*changed, hint])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_holds_nothing_of_a_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert str(Path.home()) not in text
    assert json.loads(text)["metadata"]["kernelspec"]["name"] == "python3"
