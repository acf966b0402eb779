"""A chart: a picture that also hands out its numbers, and draws itself into matplotlib's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..pictures.axes import clear, heading, notes, wrapped
from ..pictures.palette import DARK, LIGHT
from ..pictures.picture import Picture
from ..pictures.svg import Svg

WIDTH = 460.0  # px of a chart whose content asks for no other
EDGE = 18.0  # px between its border and what is drawn

Colours: TypeAlias = Mapping[str, str]  # by their role, as in the palette
Plot: TypeAlias = Callable[[Any, Colours], object]


class Chart(Picture):
    """A picture of numbers.

    Attributes:
        numbers: what is drawn, as JSON data under names that say what it is.

    Everything else is as in `Picture`.
    """

    def __init__(
        self,
        svg: str,
        title: str,
        text: str,
        *,
        numbers: Mapping[str, Any],
        plot: Plot,
        theme: str = "auto",
        format: str = "svg",
    ) -> None:
        super().__init__(svg, title, text, theme=theme, format=format)
        self.numbers = dict(numbers)
        self._plot = plot

    def plot(self, axes: Any) -> Any:
        """Draw the same into the axes of a matplotlib figure; returns the axes.

        Raises TypeError for anything else.
        """
        if not hasattr(axes, "plot") or not hasattr(axes, "set_title"):
            raise TypeError(
                f"plot draws into matplotlib axes, such as those of `_, axes = plt.subplots()`, "
                f"not into {type(axes).__name__} {axes!r:.40}"
            )
        self._plot(axes, DARK if self.theme == "dark" else LIGHT)
        axes.set_title("\n".join(map(literal, wrapped(self.title, WIDTH - 2 * EDGE, "title", 3))))
        return axes


def literal(text: object) -> str:
    r"""A text that matplotlib takes as it stands: no formulas, no entries that legends hide.

    >>> literal("5 $"), literal("_x")
    ('5 \\$', ' _x')
    """
    shown = clear(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


class Sheet:
    """What a chart is drawn on, from its title on top to the remarks at its foot.

    title: in as many lines as it needs, at most three. width: px.
    y: the base line of its last line, and later that of the last remark, px.
    """

    def __init__(self, title: str, width: float = WIDTH) -> None:
        self.svg = Svg()
        self.title, self.width = clear(title), width
        self.y = heading(self.svg, EDGE, EDGE + 14.0, title, self.inner)

    @property
    def inner(self) -> float:
        """The width between the edges, px."""
        return self.width - 2 * EDGE

    def note(self, y: float, remarks: Sequence[str]) -> None:
        """Write remarks below base line y, that of what was drawn so far."""
        self.y = notes(self.svg, EDGE, y + 8.0 if remarks else y, remarks, self.inner)

    def chart(
        self, text: str, *, numbers: Mapping[str, Any], plot: Plot, theme: str, format: str
    ) -> Chart:
        """The whole. text: all that is to be seen."""
        box = (0.0, 0.0, self.width, self.y + EDGE - 2)
        svg = self.svg.document(box, self.title, text, theme)
        return Chart(svg, self.title, text, numbers=numbers, plot=plot, theme=theme, format=format)
