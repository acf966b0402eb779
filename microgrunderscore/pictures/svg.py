"""SVG, written element by element: escaped, deterministic, readable by every program.

What was learnt the hard way: exported pictures have literal colours (resvg, librsvg and office
programs know no CSS variables), no scripts, no outside fonts, no `foreignObject`; spaces at the
ends of a run of text are no-break spaces (resvg drops others); ids start with a hash of the
content, so that two pictures on one page cannot meet.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from .names import visible
from .palette import DARK, LIGHT, STYLES, check_theme, font

Run: TypeAlias = tuple[str, str]  # a piece of a line of text, and its classes
Attribute: TypeAlias = float | str | None
Box: TypeAlias = tuple[float, float, float, float]  # left, top, width, height

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
WIDE, LEAST_SCALE = 1400.0, 0.6  # px from which a picture is not shrunk below this scale
_OWN = "\0"  # stands for the id of the picture, until that is known; no escaped text holds it


def escaped(text: object) -> str:
    """Any text as content or attribute of SVG and HTML; what would act is made visible.

    A mark after words that run from right to left keeps the signs and numbers that follow in place.

    >>> escaped("<b> & \\x00")
    '&lt;b&gt; &amp; ␀'
    """
    shown = str(text)
    if not shown.isprintable():
        shown = "".join(map(visible, shown))
    if not shown.isascii():
        shown = _LEFTWARD.sub("\\g<0>\N{LEFT-TO-RIGHT MARK}", shown)
    return shown.translate(_ENTITIES)


_RIGHT = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
_LEFTWARD = re.compile(f"{_RIGHT}+(?: +{_RIGHT}+)*")


def one_line(text: str) -> str:
    """The lines of a text one after another, as a screen reader says them."""
    return " ".join(text.split())


def fitted(width: float) -> str:
    """The style of a picture in a page: as wide as the page, but not so small that none can read.

    A picture that is too wide for that stands in a box that scrolls, see `scrolling`.

    >>> fitted(800.0), fitted(3000.0)
    ('max-width:100%', 'max-width:100%;min-width:1800px')
    """
    least = f";min-width:{LEAST_SCALE * width:.0f}px" if width > WIDE else ""
    return f"max-width:100%{least}"


def scrolling(markup: str) -> str:
    """A box in a page that scrolls where its content is wider."""
    return f'<div style="overflow-x:auto">{markup}</div>'


def short(x: float) -> str:
    """A length for an attribute: one decimal, and none where that is 0.

    >>> short(2.0), short(-0.04), short(1 / 3)
    ('2', '0', '0.3')
    """
    text = f"{x:.1f}"
    if text[-1] == "0":
        text = text[:-2]
        return "0" if text == "-0" else text
    return text


def size_of(runs: str | Sequence[Run], classes: str = "") -> float:
    """The width of a line of text, px, an upper estimate."""
    if isinstance(runs, str):
        return font(classes).width(runs)
    return math.fsum(font(f"{classes} {own}").width(text) for text, own in runs)


class Svg:
    """A picture that is being written.

    >>> svg = Svg()
    >>> svg.text(0, 12, "x & y", "label")
    >>> print(svg.body)
    <text class="label" x="0" y="12">x &amp; y</text>
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._classes: set[str] = set()

    # ---- elements ----

    def element(
        self, tag: str, classes: str = "", content: str = "", /, **attributes: Attribute
    ) -> None:
        """Any element. content: markup, escaped by the caller; attributes are escaped here.

        Underscores in names become hyphens; None leaves an attribute out.
        """
        opened = self._opened(tag, classes, attributes)
        self._parts.append(f"<{opened}>{content}</{tag}>" if content else f"<{opened}/>")

    def rect(
        self,
        box: Box,
        classes: str,
        radius: float = 0.0,
        content: str = "",
        **attributes: Attribute,
    ) -> None:
        """A rectangle with rounded corners."""
        x, y, width, height = map(short, box)
        corners = f' rx="{short(radius)}"' if radius else ""
        end = f">{content}</rect>" if content else "/>"
        self._parts.append(
            f'<rect class="{self._used(classes)}" x="{x}" y="{y}" width="{width}" '
            f'height="{height}"{corners}{_written(attributes)}{end}'
        )

    def circle(
        self, x: float, y: float, radius: float, classes: str, **attributes: Attribute
    ) -> None:
        """A circle."""
        self.element("circle", classes, "", cx=x, cy=y, r=radius, **attributes)

    def path(self, d: str, classes: str, **attributes: Attribute) -> None:
        """A path; d as SVG writes it."""
        self._parts.append(f'<path class="{self._used(classes)}" d="{d}"{_written(attributes)}/>')

    def text(
        self,
        x: float,
        y: float,
        runs: str | Sequence[Run],
        classes: str,
        **attributes: Attribute,
    ) -> None:
        """A line of text, or several runs with classes of their own, one after another."""
        if isinstance(runs, str):
            content = _unbroken(runs)
        else:
            content = "".join(
                f'<tspan class="{self._used(own)}">{_unbroken(text)}</tspan>'
                if own
                else _unbroken(text)
                for text, own in runs
            )
        self._parts.append(
            f'<text class="{self._used(classes)}" x="{short(x)}" y="{short(y)}"'
            f"{_written(attributes)}>{content}</text>"
        )

    def title(self, text: str) -> None:
        """What a mouse over the group shows, and a screen reader says."""
        self._parts.append(f"<title>{escaped(text)}</title>")

    def image(self, box: Box, png: str, description: str) -> None:
        """A picture of pixels. png: as a data address."""
        x, y, width, height = box
        self.element(
            "image", "", "", x=x, y=y, width=width, height=height, href=png,
            preserveAspectRatio="none", aria_label=description,
        )  # fmt: skip

    @contextmanager
    def group(self, classes: str = "", **attributes: Attribute) -> Iterator[None]:
        """What is written inside belongs together."""
        self._parts.append(f"<{self._opened('g', classes, attributes)}>")
        yield
        self._parts.append("</g>")

    def own(self, name: str) -> str:
        """An id that no other picture on the page has."""
        return f"{_OWN}-{name}"

    # ---- the whole ----

    @property
    def body(self) -> str:
        """What was written so far; ids are not final."""
        return "".join(self._parts)

    @property
    def classes(self) -> set[str]:
        """The classes that occur."""
        return {name for classes in self._classes for name in classes.split()}

    def document(self, box: Box, title: str, description: str, theme: str = "auto") -> str:
        """The whole picture.

        Args:
            box: left, top, width, height of what is shown, px.
            title, description: for screen readers; the description says all that is to be seen.
            theme: "auto" follows the reader's system; "light", "dark".
        """
        left, top, width, height = map(short, box)
        self._used("background")
        body = (
            f'<rect class="background" x="{left}" y="{top}" width="{width}" height="{height}" '
            f'rx="12"/>{self.body}'
        )
        heads = f"<title>{escaped(title)}</title><desc>{escaped(one_line(description))}</desc>"
        digest = hashlib.sha256(f"{theme}{box}{heads}{body}".encode()).hexdigest()
        name = f"mg{digest[:10]}"
        heads = heads.replace("<title>", f'<title id="{name}-title">', 1)
        heads = heads.replace("<desc>", f'<desc id="{name}-description">', 1)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
            f'aria-labelledby="{name}-title {name}-description" '
            f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}" '
            f'style="{fitted(box[2])};height:auto">{heads}'
            f"<style>{sheet(self.classes, f'#{name} ', theme)}</style>"
            f"{body.replace(_OWN, name)}</svg>"
        )

    def _opened(self, tag: str, classes: str, attributes: Mapping[str, Attribute]) -> str:
        """The inside of an opening tag."""
        kind = f' class="{self._used(classes)}"' if classes else ""
        return f"{tag}{kind}{_written(attributes)}"

    def _used(self, classes: str) -> str:
        self._classes.add(classes)
        return classes


_CAMEL = frozenset({"preserveAspectRatio", "viewBox"})


def _written(attributes: Mapping[str, Attribute]) -> str:
    """Attributes as they stand in a tag."""
    if not attributes:
        return ""
    parts = []
    for name, x in attributes.items():
        if x is not None:
            text = short(x) if isinstance(x, int | float) else _attribute(x)
            name = name if name in _CAMEL else name.replace("_", "-")
            parts.append(f' {name}="{text}"')
    return "".join(parts)


def _attribute(text: str) -> str:
    """The value of an attribute, which may be an id of this picture."""
    return _OWN + escaped(text[1:]) if text.startswith(_OWN) else escaped(text)


def _unbroken(text: str) -> str:
    """Escaped, with no-break spaces where a space at an end could be dropped."""
    inner = text.strip(" ")
    if inner == text:
        return escaped(text)
    if not inner:
        return "\N{NO-BREAK SPACE}" * len(text)
    before, after = text.index(inner), len(text.rstrip(" "))
    nbsp = "\N{NO-BREAK SPACE}"
    return nbsp * before + escaped(inner) + nbsp * (len(text) - after)


def sheet(classes: Iterable[str], prefix: str, theme: str) -> str:
    """The style sheet for these classes: literal colours, for dark where the theme is "auto".

    theme: also "variables", for pages that switch: colours are then CSS variables.

    >>> sheet({"slope"}, "#a ", "auto")
    '#a .slope{fill:#0a6a55}@media (prefers-color-scheme:dark){#a .slope{fill:#66d9ba}}'
    """
    used = set(classes)
    rows = {name: style for name, style in STYLES.items() if name in used}
    if theme == "variables":
        variables = {role: f"var(--{role})" for role in LIGHT}
        return _rules(rows, prefix, variables)
    check_theme(theme)
    if theme != "auto":
        return _rules(rows, prefix, DARK if theme == "dark" else LIGHT)
    of_dark = {name: shown for name, style in rows.items() if (shown := coloured(style))}
    dark = _rules(of_dark, prefix, DARK)
    return _rules(rows, prefix, LIGHT) + f"@media (prefers-color-scheme:dark){{{dark}}}"


def variables(colours: Mapping[str, str]) -> str:
    """A palette as declarations of CSS variables."""
    return ";".join(f"--{role}:{colour}" for role, colour in colours.items())


def _rules(rows: Mapping[str, str], prefix: str, colours: Mapping[str, str]) -> str:
    return "".join(
        f"{prefix}.{name}{{{style.format_map(colours)}}}" for name, style in rows.items()
    )


def coloured(style: str) -> str:
    """The declarations that hold a colour."""
    return ";".join(part for part in style.split(";") if "{" in part)
