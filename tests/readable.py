"""What tests read in a picture: its texts, the room that they take, and whether all can be read."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from microgrunderscore.pictures.palette import font

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Text:
    """A line of text and its box by the fonts of the palette, px."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    classes: list[str]


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def text_of(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).replace("\N{NO-BREAK SPACE}", " ")


def texts_of(root: ElementTree.Element) -> list[Text]:
    """All lines of text, in order."""
    found = []
    for element in root.iter(f"{SVG}text"):
        classes = element.get("class", "")
        runs = [(element.text or "", classes)]
        for span in element:
            runs.append((span.text or "", f"{classes} {span.get('class', '')}"))
            runs.append((span.tail or "", classes))
        bold = 1.1 if "bold" in classes.split() else 1.0
        width = bold * sum(font(own).width(text) for text, own in runs)
        share = 1.0 if "end" in classes.split() else 0.5 if "middle" in classes.split() else 0.0
        left, y = float(element.get("x", "nan")) - share * width, float(element.get("y", "nan"))
        size = font(classes).size
        top, bottom = y - 0.75 * size, y + 0.2 * size
        found.append(Text(text_of(element), left, left + width, top, bottom, classes.split()))
    return found


def assert_readable(svg: str, edge: float = 0.0) -> None:
    """No text comes nearer to the edge than so many px, lies on another, or is below 11 px."""
    root = parsed(svg)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    texts = texts_of(root)
    for t in texts:
        is_inside = left + edge <= t.left and t.right <= left + width - edge
        is_inside = is_inside and top + edge <= t.top and t.bottom <= top + height - edge
        assert is_inside, f"{t.text!r} is cut off"
        assert font(" ".join(t.classes)).size >= 11
    for a, b in itertools.combinations(texts, 2):
        apart = a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
        assert apart, f"{a.text!r} on {b.text!r}"
