"""program_picture: a compiled program, its groups as boxes and what flows between them as lines.

The forward part runs from left to right, the adjoint below it back from right to left, so that what
belongs to a layer stands about where the layer stands. A box is the wider the more members it has,
a line the thicker the more numbers flow, both on a log scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..program.explanation import BACKENDS, explained
from . import curve
from .axes import heading, notes, shortened, wrapped
from .layout import Bend, Point, Size, layered
from .picture import Picture
from .svg import Svg, short, size_of
from .wording import counted

if TYPE_CHECKING:
    from ..program.parts import Found, Part, Parts

MOST_BOXES = 30  # of a pass
WIDEST = 3600.0  # px; of what is wider, more is merged
WITH_NUMBERS = 32  # lines of a pass that all say how many numbers flow
MARGIN = 28.0
NARROWEST = 760.0
LEAST_WIDTH, PER_DOUBLING = 112.0, 9.0  # px of a box of one member, and what each doubling adds
PADDING = 10.0
LINE, SMALL_LINE = 16.0, 14.0  # px from one line of a box to the next
GAP, SPACING = 34.0, 18.0
BETWEEN = 92.0  # px between the two halves
CHANNEL = 13.0  # px from a column to the lines that come down beside it
TIP = 8.0  # px
NBSP = "\N{NO-BREAK SPACE}"
NO_FLOW = "2 4"  # the dash of what the adjoint reads of the forward part
ONCE = {0: "once, before", 2: "once, after"}
HEADINGS = {
    False: "Forward → the function itself",
    True: "← Adjoint: its derivatives, from the result back",
}
TITLE = "A compiled program"


def program_picture(
    found: Found, *, title: str | None = None, theme: str = "auto", format: str = "svg"
) -> Picture:
    """The groups of a compiled program: what was found again of its layers, and what flows.

    Args:
        found: what `compile` has made for samples of one structure.
        title: above the picture; None: how much there is of everything.
        theme: "auto" follows the reader's system; "light", "dark".
        format: what a notebook stores, see `Picture`.

    Returns:
        The picture. Where a pass has more than 30 groups, neighbours share a box, which says so.

    Raises:
        ImportError: without NumPy, which finds the groups.

    >>> from microgrunderscore import MLP
    >>> from microgrunderscore.compiling import compile
    >>> model = MLP(2, [3, 1], seed=1)
    >>> f = compile(lambda x, y: (model(x) - y) ** 2, model)
    >>> _ = f([[0.0, 1.0]], [1.0])
    >>> f.overview()
    <Picture: A compiled program: 44 operations>
    """
    try:
        from ..program.parts import parts_of
    except ImportError:
        raise ImportError(
            "the groups of a program are found with NumPy: pip install 'microgrunderscore[numpy]'; "
            "explain() needs nothing"
        ) from None
    most = MOST_BOXES
    page = _Page(found, parts_of(found, most), title)
    while page.width > WIDEST and most > 8:
        most = most * 3 // 4
        page = _Page(found, parts_of(found, most), title)
    box = (0.0, 0.0, page.width, page.height)
    document = page.svg.document(box, page.title, page.text, theme)
    return Picture(document, page.title, page.text, theme=theme, format=format)


# Spaces at which no line ends: matrix_3×2 +_bias, outer_product.
_TOGETHER = re.compile(r"(?<=matrix) (?=\d)|(?<=[+−]) |(?<=outer) (?=product)|(?<= of) (?=\d)")


# ---- boxes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Card:
    """A box: what it says, and how large it is."""

    words: list[str]
    facts: list[str]
    classes: str
    count: int
    tooltip: str

    @property
    def name(self) -> str:
        """What it is."""
        return " ".join(self.words).replace(NBSP, " ")

    @property
    def width(self) -> float:
        """Wider by the same for each doubling of its members."""
        return LEAST_WIDTH + PER_DOUBLING * math.log2(max(self.count, 1))

    @property
    def height(self) -> float:
        return 2 * PADDING + LINE * len(self.words) + SMALL_LINE * len(self.facts) - 2

    @property
    def size(self) -> Size:
        return self.width, self.height

    def draw(self, svg: Svg, x: float, y: float, tint: str) -> None:
        """Draw it around its middle."""
        left, top = x - self.width / 2, y - self.height / 2
        with svg.group():
            svg.title(self.tooltip)
            svg.rect((left, top, self.width, self.height), f"card {self.classes}".strip(), 9)
            inside = (left + 4, top + 4, self.width - 8, LINE * len(self.words) + 10)
            svg.rect(inside, f"{tint}-row", 6)
            line = top + PADDING + 12.5
            for words in self.words:
                svg.text(x, line, words, f"label middle {tint}")
                line += LINE
            for fact in self.facts:
                svg.text(x, line + 2, fact, "tag muted middle")
                line += SMALL_LINE


def _card_of(part: Part, is_loss: bool) -> _Card:
    """The box of a part."""
    from ..program.parts import GRADIENT, OTHERS, PARAMETERS, RESULTS

    is_single = part.words.endswith("single operations")
    facts = [counted(part.count, "member")] if part.count > 1 and not is_single else []
    if part.merged and not is_single:
        facts.append(f"of {counted(part.merged, 'group')}")
    if PARAMETERS in part.flows:
        facts.append(counted(part.flows[PARAMETERS], "parameter"))
    if OTHERS in part.flows:
        facts.append(counted(part.flows[OTHERS], "other number"))
    if RESULTS in part.gives:
        results = "the loss" if is_loss else counted(part.gives[RESULTS], "result")
        facts.append(f"gives {results}")
    if GRADIENT in part.gives:
        facts.append(f"gradient of {part.gives[GRADIENT]:,}")
    if part.phase in ONCE:
        facts.append(ONCE[part.phase])
    classes = "card-output" if part.gives else ""
    if part.phase in ONCE:
        classes += " card-constant"
    return _laid_out(part.words, facts, classes.strip(), part.count)


def _laid_out(words: str, facts: Sequence[str], classes: str, count: int) -> _Card:
    """A box of texts as they are, in lines that fit."""
    room = LEAST_WIDTH + PER_DOUBLING * math.log2(max(count, 1)) - 2 * PADDING
    return _Card(
        wrapped(_TOGETHER.sub(NBSP, words), room, "label", 4),
        [line for fact in facts for line in wrapped(fact, room, "tag", 3)],
        classes,
        count,
        f"{words}: {', '.join(facts)}" if facts else words,
    )


# ---- one pass -----------------------------------------------------------------------------------


class _Panel:
    """One half of the picture: boxes in columns; mirrored for the adjoint, which runs back.

    boxes: by the place of the part; SAMPLE is there where the sample comes in.
    """

    def __init__(self, parts: Parts, is_adjoint: bool, is_loss: bool, with_sample: Any) -> None:
        from ..program.parts import SAMPLE

        self.is_adjoint = is_adjoint
        places = [i for i, part in enumerate(parts.all) if part.is_adjoint == is_adjoint]
        self.boxes: dict[int, _Card] = {}
        if with_sample and any(SAMPLE in parts.all[i].flows for i in places):
            self.boxes[SAMPLE] = with_sample
        for i in places:
            self.boxes[i] = _card_of(parts.all[i], is_loss)
        order = {i: k for k, i in enumerate(self.boxes)}
        self.flows = [
            (source, i, n)
            for i in places for source, n in sorted(parts.all[i].flows.items())
            if source in order
        ]  # fmt: skip
        others = {i: set(parts.all[i].flows) - set(order) for i in places}
        self._reading = {i for i in places if any(s >= SAMPLE for s in others[i])} & {
            i for i in places if is_adjoint
        }
        numbers: list[Size | None] = [None] * len(self.flows)
        self.has_numbers = len(self.flows) <= WITH_NUMBERS
        if self.has_numbers:
            numbers = [(size_of(f"{n:,}", "tag") + 8, 16.0) for _, _, n in self.flows]
        ends = [(order[source], order[target]) for source, target, _ in self.flows]
        gap = 16.0 if self.has_numbers else GAP
        sizes = [card.size for card in self.boxes.values()]
        self._layout = layered(sizes, ends, numbers, gap=gap, spacing=SPACING)
        self.width, self.height = self._layout.width, self._layout.height

    def put(self, left: float, top: float) -> None:
        """Say where it is: its upper left corner."""
        self._left, self.top = left, top
        self.places = {
            i: self._at(point) for i, point in zip(self.boxes, self._layout.places, strict=True)
        }
        self._rights: dict[int, float] = {}  # where columns end, by their middle
        for i, (x, _) in self.places.items():
            right = x + self.boxes[i].width / 2
            self._rights[round(x)] = max(self._rights.get(round(x), right), right)

    def _at(self, point: Point) -> Point:
        x, y = point
        return self._left + (self.width - x if self.is_adjoint else x), self.top + y

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def column(self, i: int) -> float:
        """Where the column of a box ends."""
        return self._rights[round(self.places[i][0])]

    def lines(self) -> Iterator[tuple[list[Point], int, str]]:
        """The lines from box to box, from left to right; how many numbers flow; a title."""
        ends = self._ends()
        for k, (source, target, n) in enumerate(self.flows):
            start = self._layout.places[list(self.boxes).index(source)]
            start = start[0] + self.boxes[source].width / 2, start[1]
            end = ends[k]
            points = curve.route(start, self._layout.bends[k], (end[0] - TIP + 2, end[1]))
            found = [self._at(p) for p in points]
            yield found[::-1] if self.is_adjoint else found, n, self._title(source, target, n)

    def _title(self, source: int, target: int, n: int) -> str:
        names = self.boxes[source].name, self.boxes[target].name
        return f"{counted(n, 'number')} from {names[0]} to {names[1]}"

    def _ends(self) -> dict[int, Point]:
        """Where each line ends, in the order in which they come."""
        order = {i: k for k, i in enumerate(self.boxes)}
        ends: dict[int, Point] = {}
        for i, card in self.boxes.items():
            arriving = [k for k, (_, target, _) in enumerate(self.flows) if target == i]
            arriving.sort(key=lambda k: (self._before(k, order), k))
            x, y = self._layout.places[order[i]]
            taken = 12.0 if i in self._reading else 0.0  # at the top, by what comes from above
            y += taken / 2
            apart = min(12.0, (card.height - 22 - taken) / max(len(arriving) - 1, 1))
            for place, k in enumerate(arriving):
                dy = (place - (len(arriving) - 1) / 2) * apart
                ends[k] = x - card.width / 2 - 1, y + dy
        return ends

    def _before(self, k: int, order: dict[int, int]) -> float:
        """How high a line is before it arrives."""
        bends: list[Bend] = self._layout.bends[k]
        return bends[-1].y if bends else self._layout.places[order[self.flows[k][0]]][1]

    def numbers(self) -> Iterator[tuple[Point, str]]:
        """What stands on the lines."""
        for (_, _, n), place in zip(self.flows, self._layout.labels, strict=True):
            if place is not None:
                yield self._at(place), f"{n:,}"


# ---- the page -----------------------------------------------------------------------------------


class _Page:
    """Both halves, what flows between them, and how to read it."""

    def __init__(self, found: Found, parts: Parts, title: str | None) -> None:
        from ..program.parts import SAMPLE

        self.svg = Svg()
        self._parts = parts
        is_loss = bool(found.outputs.gradient or found.outputs.scattered)
        count = found.task.input_count - 1
        sample = _laid_out("a sample", [counted(count, "number")], "card-input", 1)
        self._panels: list[_Panel] = []
        for is_adjoint in (False, True):
            if parts.of(is_adjoint):
                is_there = any(SAMPLE in panel.boxes for panel in self._panels)
                given = None if is_there or not count else sample
                self._panels.append(_Panel(parts, is_adjoint, is_loss, given))
        operations = counted(found.listing.operations, "operation")
        self.title = str(title) if title is not None else f"{TITLE}: {operations}"
        self.text = f"{explained(found)}\n{' '.join(self._remarks())}"
        inside = max((panel.width for panel in self._panels), default=0.0)
        inside += 2 * CHANNEL
        self.width = max(inside + 2 * MARGIN, NARROWEST)
        room = self.width - 2 * MARGIN
        y = heading(self.svg, MARGIN, 38, self.title, room) + 22
        backend = found.executable.backend
        said = f"runs as {BACKENDS.get(backend, backend)}"
        self.svg.text(MARGIN, y, shortened(said, room, "note"), "note muted")
        y = self._put(y + 32)
        self._draw()
        y = self._legend(y + 40)
        self.height = notes(self.svg, MARGIN, y + 6, [" ".join(self._remarks())], room) + 22

    def _put(self, y: float) -> float:
        """Find the places of the halves; returns where they end."""
        self._heads = []
        for k, panel in enumerate(self._panels):
            self._heads.append(y)
            left = MARGIN + CHANNEL
            if panel.is_adjoint:
                left = self.width - MARGIN - CHANNEL - panel.width
            panel.put(left, y + 22)
            y += 22 + panel.height + (BETWEEN if k + 1 < len(self._panels) else 0.0)
        return y

    # ---- drawing ----

    def _draw(self) -> None:
        self._draw_readings()
        for panel, y in zip(self._panels, self._heads, strict=True):
            text = HEADINGS[panel.is_adjoint]
            self.svg.rect((MARGIN - 6, y - 16, size_of(text, "heading") + 12, 22), "background", 4)
            self.svg.text(MARGIN, y, text, "heading")
        for panel in self._panels:
            self._draw_flows(panel)
        for panel in self._panels:
            tint = "gradient" if panel.is_adjoint else "value"
            for i, card in panel.boxes.items():
                card.draw(self.svg, *panel.places[i], tint if i >= 0 else "slope")
            for (x, y), text in panel.numbers():
                width = size_of(text, "tag") + 6
                self.svg.rect((x - width / 2, y - 8, width, 16), "background", 4)
                self.svg.text(x, y + 4, text, "tag muted middle")

    def _draw_flows(self, panel: _Panel) -> None:
        """The lines of one half, thin ones last."""
        role = "gradient" if panel.is_adjoint else "value"
        classes = "gradient-line" if panel.is_adjoint else "positive-line"
        for points, n, title in sorted(panel.lines(), key=lambda line: -line[1]):
            with self.svg.group():
                self.svg.title(title)
                self.svg.path(
                    curve.path(points), classes, stroke_width=f"{_thickness(n):.1f}", opacity="0.8"
                )
                x, y = points[0] if panel.is_adjoint else points[-1]
                self.svg.path(_tip(x, y, -1 if panel.is_adjoint else 1), f"{role}-area")

    def _draw_readings(self) -> None:
        """What the adjoint reads of the forward part: down, along the columns, in from beside."""
        if len(self._panels) < 2:
            return
        above, below = self._panels
        for line, tip, n, title in self._readings(above, below):
            with self.svg.group():
                self.svg.title(title)
                self.svg.path(
                    line,
                    "positive-line",
                    stroke_width=f"{min(_thickness(n), 3.0):.1f}",
                    stroke_dasharray=NO_FLOW,
                    opacity="0.75",
                )
                self.svg.path(tip, "value-area")

    def _readings(self, above: _Panel, below: _Panel) -> Iterator[tuple[str, str, int, str]]:
        """Lines with their tips, how many numbers these are, and titles."""
        ceiling, floor = above.bottom + 4, below.top - 30
        lanes: dict[float, int] = {}
        for i, card in below.boxes.items():
            read = {s: n for s, n in self._parts.all[i].flows.items() if s in above.boxes}
            if not read:
                continue
            x, y = below.places[i]
            right = below.column(i)
            lanes[right] = lane = lanes.get(right, -1) + 1
            channel = right + CHANNEL + 3.0 * (lane % 4)
            enter = y - card.height / 2 + min(10.0, card.height / 4)
            edge = x + card.width / 2 + 1
            for source, n in sorted(read.items()):
                start, height = above.places[source]
                start_y = height + above.boxes[source].height / 2
                names = above.boxes[source].name, card.name
                title = f"{counted(n, 'number')} of {names[0]}, read by {names[1]}"
                line = _down((start, start_y), ceiling, (channel, floor), (edge + TIP - 2, enter))
                yield line, _tip(edge + TIP, enter, -1), n, title

    # ---- how to read it ----

    def _legend(self, y: float) -> float:
        """Samples of what there is, side by side; returns the base line of the last row."""
        flows = [n for panel in self._panels for _, _, n in panel.flows]
        has_once = any(part.phase in ONCE for part in self._parts.all)
        items: list[tuple[str, str]] = [("card", "for each sample")]
        if has_once:
            items.append(("card card-constant", "once, before or after the samples"))
        if any(part.gives for part in self._parts.all):
            items.append(("card card-output", "gives a result or part of the gradient"))
        for n in [n for n in (1, 16, 256, 4096) if flows and min(flows) <= n <= max(flows)]:
            items.append((f"line {n}", counted(n, "number")))
        if len(self._panels) == 2:
            items.append(("reading", "read of the forward part"))
        x = MARGIN
        for classes, text in items:
            width = 44 + size_of(text, "note")
            if x + width > self.width - MARGIN:
                x, y = MARGIN, y + 24
            self._sample(x, y, classes)
            self.svg.text(x + 42, y, text, "note muted")
            x += width + 18
        return y + 6

    def _sample(self, x: float, y: float, classes: str) -> None:
        """A small box or line, as they are drawn above."""
        if classes.startswith("card"):
            self.svg.rect((x, y - 12, 34, 16), classes, 4)
            return
        line = f"M{short(x)},{short(y - 4)}h34"
        if classes == "reading":
            self.svg.path(line, "positive-line", stroke_width="2", stroke_dasharray=NO_FLOW)
        else:
            n = int(classes.split()[1])
            self.svg.path(line, "bundle-line", stroke_width=f"{_thickness(n):.1f}")

    def _remarks(self) -> list[str]:
        """What the picture stands for, and its scales."""
        boxes = sum(len(panel.boxes) for panel in self._panels)
        lines = sum(len(panel.flows) for panel in self._panels)
        groups = self._parts.group_count
        what = "operations" if self._parts.is_written_out else "groups"
        texts = [
            f"{groups:,} {what} as {counted(boxes, 'box')} and {counted(lines, 'line')}, with "
            "constants and the weights of the samples left out.",
            f"Log scales: each doubling of the members makes a box {PER_DOUBLING:g} px wider, and "
            "each doubling of the numbers that flow makes a line thicker.",
        ]
        if any(part.merged for part in self._parts.all):
            texts.append("Neighbouring groups share a box where there are many.")
        return texts


def _thickness(n: int) -> float:
    """Of the line of so many numbers, px."""
    return 1.3 + 0.42 * math.log2(max(n, 1))


def _tip(x: float, y: float, way: int) -> str:
    """The head of an arrow at the end of a line; way: 1 to the right, -1 to the left."""
    return f"M{short(x + way * TIP)},{short(y)}l{short(-way * (TIP + 1))},-4.8v9.6z"


def _down(start: Point, ceiling: float, channel: Point, end: Point) -> str:
    """Down from a box to a ceiling, over to a channel, along it, and to the edge of another box."""
    (x, y), (over, floor), (edge, enter) = start, channel, end
    bend = (floor - ceiling) * 0.6
    return (
        f"M{short(x)},{short(y)}V{short(ceiling)}"
        f"C{short(x)},{short(ceiling + bend)} {short(over)},{short(floor - bend)} "
        f"{short(over)},{short(floor)}V{short(enter - 6)}"
        f"Q{short(over)},{short(enter)} {short(over - 6)},{short(enter)}H{short(edge)}"
    )
