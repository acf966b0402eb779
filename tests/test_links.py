"""Every link in the texts of the repository leads to a file, and to a heading in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/**/*.md")])
TEXTS = [path for path in TEXTS if "node_modules" not in path.parts]
HOSTS = ("http://", "https://", "mailto:")


def text_of(path: Path) -> str:
    """The Markdown of a page or a notebook, without its code."""
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    else:
        text = path.read_text("utf-8")
    return re.sub(r"^```.*?^```$|`[^`\n]*`", _blank, text, flags=re.S | re.M)


def _blank(found: re.Match[str]) -> str:
    """Code is kept inside headings and link texts, which it names; elsewhere it has no links."""
    return found[0].strip("`") if "\n" not in found[0] else ""


def links_of(path: Path) -> list[str]:
    """What the links and pictures of a text point to."""
    text = text_of(path)
    assert not re.search(r"\]\(<|\]\([^()\s]+ [\"']|^\[[^\]]+\]: ", text, re.M), (
        "a form not read here"
    )
    return re.findall(r"(?:\]\(|src=\"|href=\")([^()\s\"]+)[)\"]", text)


def places_of(path: Path) -> set[str]:
    """The names that a page's headings are linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", text_of(path), re.M)
    words = [re.sub(r"\]\([^)]*\)|[^\w\- ]", "", heading.lower()) for heading in headings]
    return {word.replace(" ", "-") for word in words}


def test_there_are_texts_with_links() -> None:
    assert len(TEXTS) > 40
    assert sum(len(links_of(path)) for path in TEXTS) > 150


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for link in links_of(path):
        if link.startswith(HOSTS):
            continue
        name, _, place = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if (
            not target.is_relative_to(ROOT)
            or not target.exists()
            or (place and place not in places_of(target))
        ):
            broken.append(link)
    assert not broken


def test_every_notebook_is_in_the_tutorial_and_in_a_lesson_plan() -> None:
    for page in ("tutorial.md", "teaching.md"):
        linked = {Path(link).name for link in links_of(ROOT / "docs" / page)}
        assert {path.name for path in ROOT.glob("notebooks/*.ipynb")} <= linked
