"""The notebooks, with what they show: run this file to execute them anew.

    python tests/renew_notebooks.py [NOTEBOOK …]

Without arguments, all of them. Do so only when what they show was meant to change; look at them
before you commit them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parent.parent


def renew(path: Path) -> None:
    """Execute a notebook, and keep nothing of the machine that did."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(
        notebook, timeout=60, resources=resources, coalesce_streams=True
    ).execute()
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        cell.id = f"{'code' if cell.cell_type == 'code' else 'text'}-{number:02d}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    named = [Path(argument) for argument in sys.argv[1:]]
    for notebook_path in named or sorted((ROOT / "notebooks").glob("*.ipynb")):
        renew(notebook_path)
