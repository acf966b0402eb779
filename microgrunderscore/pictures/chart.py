"""A chart: a picture that also hands out its numbers, and draws itself into matplotlib's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .picture import Picture


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
        plot: Callable[[Any], object],
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
        self._plot(axes)
        return axes
