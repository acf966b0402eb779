"""Every notebook runs, says what it said when it was written, and has what a lesson needs."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURES = {"image/svg+xml", "text/html"}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def stored(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def shown(notebook: Any) -> list[tuple[str, list[Any]]]:
    """The code cells, each with what it shows; of those that vary, whether they show something."""
    return [
        (
            cell.source,
            [bool(cell.outputs)]
            if "varies" in cell.metadata.get("tags", ())
            else [_compared(output) for output in cell.outputs],
        )
        for cell in code(notebook)
    ]


def _compared(output: Any) -> Any:
    """Texts and pictures to eleven digits: the last ones are those of a machine's exp and log.

    An image in HTML is left out where the same picture is there as SVG.
    """
    if "data" not in output:
        return _rounded(output.get("text", ""))
    kinds = set(output.data) - ({"text/html"} if "image/svg+xml" in output.data else set())
    return {kind: _rounded("".join(output.data[kind])) for kind in sorted(kinds)}


def _rounded(text: str) -> str:
    """Long numbers rounded; left out are names made of bytes, and images, whose text is there."""
    digits = re.sub(r"\d+\.\d+(?:e[+-]?\d+)?", lambda found: f"{float(found[0]):.10e}", text)
    return re.sub(r'\bmg[0-9a-f]{10}\b|"[0-9a-f]{10}"|data:image/[^"]+', "", digits)


def test_there_are_fourteen_in_order() -> None:
    assert [path.stem[:3] for path in NOTEBOOKS] == [f"{n:02d}_" for n in range(1, 15)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@every_notebook
def test_notebook_says_the_same(path: Path) -> None:
    before, fresh = stored(path), stored(path)
    folder = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(
        fresh,
        timeout=60,
        resources=folder,
        coalesce_streams=True,  # however it was cut on the way
    ).execute()
    changed = [
        f"{source!r}: {old!r:.300} is now {new!r:.300}"
        for (source, old), (_, new) in zip(shown(before), shown(fresh), strict=True)
        if old != new
    ]
    hint = "If that was meant to change: python tests/renew_notebooks.py, then look at it."
    assert not changed, "\n".join([*changed, hint])


@every_notebook
def test_notebook_holds_nothing_of_a_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"[\"' (](/home|/Users|/root|/tmp|/work)/|ipykernel_", text)
    assert json.loads(text)["metadata"]["kernelspec"]["name"] == "python3"
    assert path.stat().st_size < 1_000_000
    outputs = [output for cell in code(stored(path)) for output in cell.outputs]
    assert all(output.get("name") != "stderr" for output in outputs)
    assert all(output.output_type != "error" for output in outputs)


@every_notebook
def test_notebook_is_a_lesson(path: Path) -> None:
    """A goal, questions with folded answers and solutions, checks by hand, and pictures."""
    notebook = stored(path)
    text = prose(notebook)
    assert re.match(rf"# {int(path.stem[:2])} · .*\n\n\*\*Goal\.\*\*", text)
    solutions = re.findall(
        r"<details><summary>Solutions?</summary>\n\n.+?\n\n</details>", text, re.S
    )
    assert solutions
    assert text.count("<details>") == len(solutions)
    assert "Predict" in text
    assert any("hide-output" in cell.metadata.get("tags", ()) for cell in code(notebook))
    checks = sum(isinstance(node, ast.Assert) for c in code(notebook) for node in _nodes(c))
    assert checks >= 8
    pictures = [o for c in code(notebook) for o in c.outputs if PICTURES & set(o.get("data", ()))]
    assert len(pictures) >= 3


@every_notebook
def test_notebook_needs_nothing_else(path: Path) -> None:
    """The package and the standard library; NumPy where programs are compiled."""
    allowed = {"microgrunderscore", *sys.stdlib_module_names}
    if path.stem == "13_compile":
        allowed |= {"numpy", "llvmlite"}
    for cell in code(stored(path)):
        for node in _nodes(cell):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {module.split(".")[0] for module in modules} <= allowed


def _nodes(cell: Any) -> list[ast.AST]:
    return [*ast.walk(ast.parse(cell.source))]
