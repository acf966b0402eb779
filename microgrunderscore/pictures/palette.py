"""Colours and fonts: three quantities, three colours, the same in every picture.

A value is blue and runs forward, a local slope is green and sits on an edge, a gradient is orange
and runs backward. Each role has a text colour and a tint to stand on, in light and in dark; every
text reaches a contrast of 4.5 on its tint and on the background, every line 3.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

LIGHT: Mapping[str, str] = {
    "background": "#ffffff",
    "card": "#ffffff",
    "line": "#b6c0cb",
    "edge": "#8794a3",
    "ink": "#1b2430",
    "muted": "#566271",
    "value": "#0b5cad",
    "value-tint": "#e7f0fb",
    "slope": "#0a6a55",
    "slope-tint": "#e3f4ef",
    "gradient": "#a83a00",
    "gradient-tint": "#fdeee3",
    "fourth": "#6b3fa0",
    "fifth": "#8a5a00",
    "negative": "#c2334d",
    "marked": "#fff7d6",
}
DARK: Mapping[str, str] = {
    "background": "#11161d",
    "card": "#1a212b",
    "line": "#455161",
    "edge": "#7a8797",
    "ink": "#e8eef5",
    "muted": "#a3b0bf",
    "value": "#85bdff",
    "value-tint": "#12304f",
    "slope": "#66d9ba",
    "slope-tint": "#0f382f",
    "gradient": "#ffb27a",
    "gradient-tint": "#452710",
    "fourth": "#c9a8ff",
    "fifth": "#e6c15c",
    "negative": "#ff8da1",
    "marked": "#3a3413",
}
THEMES = ("auto", "light", "dark")


def check_theme(theme: str) -> None:
    """Refuse what is no theme."""
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)}, not {theme!r:.40}")


SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'
MATH = '"STIX Two Text","Cambria Math",Cambria,Georgia,"DejaVu Serif",serif'


@dataclass(frozen=True, slots=True)
class Font:
    """How a class of text is set; `width` measures it before anybody draws it."""

    family: str
    size: float
    weight: int = 400
    italic: bool = False

    @property
    def css(self) -> str:
        """The declaration `font:…`."""
        style = "italic " if self.italic else ""
        return f"font:{style}{self.weight} {self.size:g}px {self.family}"

    def width(self, text: str) -> float:
        """An upper estimate of the width of a text, px: that of DejaVu, the widest common font."""
        return self.size * (_columns if self.family == MONO else _ems)(text, self.weight >= 600)


# Classes of text. What else a class says (its colour, a dash) is in STYLES.
FONTS: Mapping[str, Font] = {
    "title": Font(SANS, 15, 700),
    "heading": Font(SANS, 13, 700),
    "label": Font(SANS, 13),
    "note": Font(SANS, 12),
    "tag": Font(SANS, 11),
    "badge": Font(SANS, 13, 700),
    "small-badge": Font(SANS, 11, 700),
    "name": Font(MATH, 15.5, italic=True),
    "symbol": Font(MATH, 14, italic=True),
    "upright": Font(MATH, 14),
    "number": Font(MONO, 13, 600),
    "small-number": Font(MONO, 12, 600),
}

# What a class of shape or text looks like; {role} stands for a colour. Later rows win over earlier.
STYLES: Mapping[str, str] = {
    # surfaces
    "background": "fill:{background}",
    "card": "fill:{card};stroke:{line};stroke-width:1.25",
    "card-input": "fill:{card};stroke:{line};stroke-width:1.25",
    "card-output": "stroke:{ink};stroke-width:2",
    "card-constant": "stroke-dasharray:4 3",
    "value-row": "fill:{value-tint}",
    "gradient-row": "fill:{gradient-tint}",
    "slope-row": "fill:{slope-tint}",
    "marked-row": "fill:{marked}",
    "operation": "fill:{ink}",
    # lines
    "edge": "fill:none;stroke:{edge};stroke-width:1.6",
    "edge-thin": "fill:none;stroke:{edge};stroke-width:1.1",
    "edge-cut": "stroke-dasharray:2 4",
    "arrow": "fill:{edge}",
    "arrow-back": "fill:{gradient};opacity:0",
    "rule": "fill:none;stroke:{line};stroke-width:1",
    "grid": "fill:none;stroke:{line};stroke-width:0.7",
    "axis": "fill:none;stroke:{muted};stroke-width:1",
    "ink-line": "fill:none;stroke:{ink};stroke-width:2",
    # series: colour and dash together, so that neither is needed alone
    "series-1": "fill:none;stroke:{value};stroke-width:2.2;stroke-linejoin:round",
    "series-2": "fill:none;stroke:{gradient};stroke-width:2.2;stroke-linejoin:round;"
    "stroke-dasharray:7 4",
    "series-3": "fill:none;stroke:{slope};stroke-width:2.2;stroke-linejoin:round;"
    "stroke-dasharray:2 4",
    "series-4": "fill:none;stroke:{fourth};stroke-width:2.2;stroke-linejoin:round;"
    "stroke-dasharray:10 3 2 3",
    "series-5": "fill:none;stroke:{fifth};stroke-width:2.2;stroke-linejoin:round;"
    "stroke-dasharray:12 4",
    "series-6": "fill:none;stroke:{muted};stroke-width:2.2;stroke-linejoin:round;"
    "stroke-dasharray:4 2",
    "ribbon-1": "fill:none;stroke:{gradient};stroke-width:4.5",
    "ribbon-2": "fill:none;stroke:{fourth};stroke-width:4.5;stroke-dasharray:11 5",
    "ribbon-3": "fill:none;stroke:{slope};stroke-width:4.5;stroke-dasharray:4 4",
    "ribbon-4": "fill:none;stroke:{value};stroke-width:4.5;stroke-dasharray:14 4 3 4",
    "ribbon-5": "fill:none;stroke:{fifth};stroke-width:4.5;stroke-dasharray:20 6",
    "ribbon-6": "fill:none;stroke:{muted};stroke-width:4.5;stroke-dasharray:7 7",
    "positive-line": "fill:none;stroke:{value}",
    "negative-line": "fill:none;stroke:{negative}",
    "gradient-line": "fill:none;stroke:{gradient}",
    "bundle-line": "fill:none;stroke:{edge}",
    # areas
    "value-area": "fill:{value}",
    "slope-area": "fill:{slope}",
    "gradient-area": "fill:{gradient}",
    "negative-area": "fill:{negative}",
    "muted-area": "fill:{muted}",
    "ink-area": "fill:{ink}",
    "ridge": "fill:{gradient-tint};stroke:{gradient};stroke-width:1.6",
    # points: shape and colour together
    "point-1": "fill:{value};stroke:{background};stroke-width:1.4",
    "point-2": "fill:{gradient};stroke:{background};stroke-width:1.4",
    "point-3": "fill:{slope};stroke:{background};stroke-width:1.4",
    "point-4": "fill:{fourth};stroke:{background};stroke-width:1.4",
    "point-5": "fill:{fifth};stroke:{background};stroke-width:1.4",
    "point-6": "fill:{muted};stroke:{background};stroke-width:1.4",
    "ring": "fill:none;stroke:{ink};stroke-width:1.6",
    # texts
    **{name: f"fill:{{ink}};{font.css}" for name, font in FONTS.items()},
    "ink": "fill:{ink}",
    "muted": "fill:{muted}",
    "value": "fill:{value}",
    "slope": "fill:{slope}",
    "gradient": "fill:{gradient}",
    "fourth": "fill:{fourth}",
    "fifth": "fill:{fifth}",
    "negative": "fill:{negative}",
    "inverse": "fill:{card}",
    "middle": "text-anchor:middle",
    "end": "text-anchor:end",
    "plain": "font-style:normal",
    "bold": "font-weight:700",
    "faded": "opacity:.3",
}


@functools.lru_cache(maxsize=256)
def font(classes: str) -> Font:
    """The font of a text with these classes: that of the last one that has a font."""
    fonts = [FONTS[name] for name in classes.split() if name in FONTS]
    if not fonts:
        raise KeyError(f"none of the classes {classes!r} is a class of text: {', '.join(FONTS)}")
    return fonts[-1]


_EMS = {
    **dict.fromkeys("ijl.,:;'|!·⁻", 0.34),
    **dict.fromkeys("()[]ftrIJ/ -‘’", 0.42),
    **dict.fromkeys("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾₍₎", 0.42),
    **dict.fromkeys("mwMW%@…—", 1.0),
    **dict.fromkeys("+−=×<>≥≤→∞≈", 0.84),
    "\N{NO-BREAK SPACE}": 0.34,
}


@functools.lru_cache(maxsize=4096)
def _ems(text: str, is_bold: bool) -> float:
    """The width of a text in a proportional font, in units of its size."""
    return math.fsum(_EMS.get(c) or _em(c) for c in text) * (1.1 if is_bold else 1.0)


def _em(character: str) -> float:
    if takes_two_columns(character):
        return 1.05
    return 0.78 if character.isupper() else 0.65


@functools.lru_cache(maxsize=4096)
def _columns(text: str, is_bold: bool) -> float:
    """The width of a text in a font of equal widths, in units of its size."""
    return 0.602 * (len(text) if text.isascii() else sum(1 + takes_two_columns(c) for c in text))


def takes_two_columns(character: str) -> bool:
    """Whether a character takes two columns of a terminal."""
    return unicodedata.east_asian_width(character) in "WF"
