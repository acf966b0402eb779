"""Charts drawn by our own charts: medians with their ranges, on log axes, in rows or in lines.

Series differ in shape and in colour; ranges are thin lines with ends, aims are thick strokes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from microgrunderscore.charts.chart import EDGE, Sheet
from microgrunderscore.pictures.axes import LINE, Axes, Linear, Log, left_margin, limits, spread
from microgrunderscore.pictures.picture import Picture
from microgrunderscore.pictures.svg import Svg, short, size_of

from .plots import Dots, Lines, Mark, Plot, Row
from .spread import short as number

WIDTH = 680.0  # px
ROW, BESIDE = 28.0, 18.0  # px of a row, and of each further mark in it
HEIGHT = 220.0  # px of the area of lines
SHAPES = (  # outline around (0, 0); classes of its area, of its line, of its text
    ("m-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z", "point-1", "series-1", "value"),
    ("m-4.5,-4.5h9v9h-9z", "point-2", "series-2", "gradient"),
    ("m0,-6l5.5,9.5h-11z", "point-3", "series-3", "slope"),
)


def drawn(plot: Plot) -> Picture:
    """The picture of a chart."""
    return _lines(plot) if isinstance(plot, Lines) else _dots(plot)


class Plain(Log):
    """A log scale for readers: 1, 2 and 5 times powers of ten where they fit, as they are spoken.

    >>> [text for _, text in Plain(1.0, 20_000.0, 0.0, 400.0).ticks(8)]
    ['1', '10', '100', '1,000', '10,000']
    """

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many numbers, and what is written there."""
        decades = range(math.floor(math.log10(self.lo)), math.ceil(math.log10(self.hi)) + 1)
        fine = [m * 10.0**k for k in decades for m in (1, 2, 5)]
        kept = [x for x in fine if self.lo <= x <= self.hi]
        if len(kept) > most:
            kept = [x for x, _ in Log.ticks(self, most)]
        return [(x, f"{x:,.10g}") for x in kept]


# ---- rows --------------------------------------------------------------------------------------


def _dots(plot: Dots) -> Picture:
    """A row for each name, its marks below each other, the axis at the foot."""
    sheet = Sheet(plot.title, WIDTH)
    svg, marks = sheet.svg, [m for row in plot.rows for m in row.marks]
    widest = max((size_of(_number(m, plot), "note") for m in marks), default=0.0)
    left = EDGE + max((size_of(row.name, _font(row)) for row in plot.rows), default=0.0) + 14
    top = sheet.y + 14 + _legend(svg, plot, marks, sheet.y + 26)
    heights = [max(ROW, BESIDE * len(row.marks) + 10) for row in plot.rows]
    bottom = top + sum(heights)
    x = Plain(*limits(_extremes(marks), log=True), left, WIDTH - EDGE - widest - 14)
    axes = Axes(svg, x, Linear(0.0, 1.0, bottom, top))
    axes.bottom(f"{plot.label} (log scale)", grid=True)
    axes.base()
    for row, height in zip(plot.rows, heights, strict=True):
        middle = top + height / 2
        svg.text(left - 14, middle + 4, row.name, f"{_font(row)} end")
        if not row.marks:
            _over_grid(svg, left + 8, middle + 4, "not measured", "note muted")
        for i, mark in enumerate(row.marks):
            y = middle + BESIDE * (i - (len(row.marks) - 1) / 2)
            _mark(svg, x, y, mark, _number(mark, plot), _said(row, plot, mark))
        top += height
    sheet.note(bottom + 18 + LINE, [])
    return _picture(sheet, [f"{_said(row, plot, m)}." for row in plot.rows for m in row.marks])


def _font(row: Row) -> str:
    """Ours are bold."""
    return "heading" if row.is_ours else "label"


def _number(mark: Mark, plot: Dots) -> str:
    """What is written beside a mark."""
    return f"{number(mark.found.median)}{plot.unit}"


def _legend(svg: Svg, plot: Dots, marks: Iterable[Mark], y: float) -> float:
    """What the shapes and the strokes mean, on one line; returns the height it takes."""
    x = EDGE + 6.0
    for i, text in enumerate(plot.series):
        _shape(svg, x, y - 4, i)
        svg.text(x + 12, y, text, "note")
        x += 34 + size_of(text, "note")
    if any(m.aim for m in marks):
        svg.path(f"M{short(x)},{short(y - 11)}v14", "ink-line")
        svg.text(x + 10, y, "aim", "note")
        x += 34 + size_of("aim", "note")
    return 22.0 if x > EDGE + 6.0 else 0.0


def _mark(svg: Svg, x: Log, y: float, mark: Mark, text: str, said: str) -> None:
    """The range as a line, the median as a shape, its number to the right, the aim as a stroke."""
    found = mark.found
    with svg.group():
        svg.title(said)
        if mark.aim:
            svg.path(f"M{short(x(mark.aim))},{short(y - 8)}v16", "ink-line")
        if found.high > found.low:
            svg.path(f"M{short(x(found.low))},{short(y - 4)}v8m0,-4H{short(x(found.high))}m0,-4v8",
                     "axis")  # fmt: skip
        _shape(svg, x(found.median), y, mark.series)
        reach = max(x(found.high), x(found.median) + 5.0)
        if mark.aim and -4 < x(mark.aim) - reach < 12 + size_of(text, "note"):
            reach = x(mark.aim)
        _over_grid(svg, reach + 9, y + 4, text, "note")


def _over_grid(svg: Svg, x: float, y: float, text: str, classes: str) -> None:
    """A text that no grid line crosses."""
    svg.rect((x - 2, y - 11, size_of(text, classes) + 4, 15), "background")
    svg.text(x, y, text, classes)


def _shape(svg: Svg, x: float, y: float, series: int) -> None:
    """The shape of a series."""
    outline, area, *_ = SHAPES[series]
    svg.path(f"M{short(x)},{short(y)}{outline}", area)


def _said(row: Row, plot: Dots, mark: Mark) -> str:
    """A mark in words."""
    series = f", {plot.series[mark.series]}" if plot.series else ""
    aim = f", aim {number(mark.aim)}" if mark.aim else ""
    return f"{row.name}{series}: {mark.found}{plot.unit}{aim}"


def _extremes(marks: Iterable[Mark]) -> list[float]:
    """All numbers that must have a place on the axis."""
    return [x for m in marks for x in (m.found.low, m.found.high, m.aim or m.found.median)]


# ---- lines -------------------------------------------------------------------------------------


def _lines(plot: Lines) -> Picture:
    """Medians joined by lines, with their ranges, and names where the lines end."""
    sheet = Sheet(plot.title, WIDTH)
    svg, top = sheet.svg, sheet.y + 38
    points = [p for _, line in plot.lines for p in line]
    y = Plain(*limits((b for _, s in points for b in (s.low, s.high)), log=True), top + HEIGHT, top)
    names = max((size_of(name, "heading") for name, _ in plot.lines), default=0.0)
    left, right = EDGE + left_margin(y), WIDTH - EDGE - names - 20
    axes = Axes(svg, Plain(*limits((x for x, _ in points), log=True), left, right), y)
    axes.left(plot.height)
    axes.bottom(plot.label)
    axes.base()
    said = []
    medians = [[(x, s.median) for x, s in line] for _, line in plot.lines]
    for i, (name, line) in enumerate(plot.lines):
        said.append(f"{name}: {'; '.join(f'{s} at {x:,.0f}' for x, s in line)}.")
        axes.line(medians[i], SHAPES[i][2], said[-1])
        for x, s in line:
            low, high = short(y(s.low)), short(y(s.high))
            svg.path(f"M{short(axes.x(x) - 4)},{low}h8m-4,0V{high}m-4,0h8", "axis")
            _shape(svg, axes.x(x), y(s.median), i)
    _names(axes, plot)
    sheet.note(axes.y.start + 18 + LINE, [])
    return _picture(sheet, said)


def _names(axes: Axes, plot: Lines) -> None:
    """The name of each line beside its last point; those that end together are pushed apart."""
    last = [line[-1] for _, line in plot.lines]
    for end in {x for x, _ in last}:
        here = [i for i, (x, _) in enumerate(last) if x == end]
        wanted = [axes.y(last[i][1].median) for i in here]
        for i, y in zip(here, spread(wanted, LINE, axes.y.stop, axes.y.start), strict=True):
            name, colour = plot.lines[i][0], SHAPES[i][3]
            _over_grid(axes.svg, axes.x(end) + 12, y + 4, name, f"heading {colour}")


def _picture(sheet: Sheet, said: list[str]) -> Picture:
    """The sheet as a picture, with everything that it shows in words."""
    box, text = (0.0, 0.0, sheet.width, sheet.y + EDGE - 2), "\n".join(said)
    return Picture(sheet.svg.document(box, sheet.title, text), sheet.title, text)
