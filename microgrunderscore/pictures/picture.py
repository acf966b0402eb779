"""A picture: what a notebook shows of it, and the files that it can be saved as."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from .display import Display, page
from .svg import escaped, fitted, one_line, scrolling

FORMATS = ("svg", "png", "html")
SCALE = 2  # pixels of a PNG per px of the picture


class Picture(Display):
    """Something drawn as SVG, with its content as text for those who cannot see it.

    Attributes:
        svg: the picture.
        title: what it shows, in a few words.
        text: all that is to be seen, as text; also what `print` gives.
        format: what a notebook stores: "svg", or "png" for readers that show no SVG.
        theme: "auto", "light" or "dark".

    In a notebook it shows itself. A notebook that is not trusted, which every downloaded one is,
    shows no SVG, but the same picture as an HTML image.
    """

    def __init__(
        self, svg: str, title: str, text: str, *, theme: str = "auto", format: str = "svg"
    ) -> None:
        if format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r:.40}")
        self.svg = svg
        self.title = title
        self.text = text
        self.theme = theme
        self.format = format

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.format == "png":
            return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.text}
        bundle = super()._repr_mimebundle_()
        if self.format == "svg":
            bundle["image/svg+xml"] = self.svg
        return bundle

    @property
    def fragment(self) -> str:  # type: ignore[override]
        """The picture as an HTML image with its text, which survives every sanitiser."""
        data = base64.b64encode(self.svg.encode()).decode()
        return scrolling(
            f'<img alt="{escaped(one_line(f"{self.title}. {self.text}"))}" '
            f'style="{fitted(self.width)}" src="data:image/svg+xml;base64,{data}">'
        )

    @property
    def width(self) -> float:
        """The natural width of the picture, px."""
        return float(self.svg.split(' width="', 1)[1].split('"', 1)[0])

    @property
    def html(self) -> str:
        """The picture as a page of its own."""
        return page(self.title, scrolling(self.svg), self.theme)

    @property
    def png(self) -> bytes:
        """The picture as pixels, two per px.

        Raises ImportError without resvg-py, which the extra "png" brings.
        """
        try:
            import resvg_py
        except ImportError:
            raise ImportError(
                'PNG needs resvg-py: pip install "microgrunderscore[png]"; '
                "SVG and HTML need nothing"
            ) from None
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg, zoom=SCALE))

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        """How each kind of file is made, by its extension."""
        return {".svg": lambda: self.svg.encode(), **super()._writers, ".png": lambda: self.png}
