"""A picture: what a notebook shows of it, and the files that it can be saved as."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..files import AnyPath, write
from .svg import escaped, one_line

FORMATS = ("svg", "png", "html")
SCALE = 2  # pixels of a PNG per px of the picture

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>html{{color-scheme:{scheme}}}
body{{margin:18px auto;max-width:1180px;padding:0 14px;background:{background};
font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}}</style>
</head><body>
{content}
</body></html>
"""
_SCHEMES = {
    "auto": ("light dark", "Canvas"),
    "light": ("light", "#ffffff"),
    "dark": ("dark", "#11161d"),
}


def page(title: str, content: str, theme: str = "auto") -> str:
    """A whole HTML page around a fragment."""
    scheme, background = _SCHEMES[theme]
    return PAGE.format(title=escaped(title), content=content, scheme=scheme, background=background)


class Picture:
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

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.format == "png":
            return {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.text}
        bundle = {"text/html": self.image, "text/plain": self.text}
        if self.format == "svg":
            bundle["image/svg+xml"] = self.svg
        return bundle

    @property
    def image(self) -> str:
        """The picture as an HTML image with its text, which survives every sanitiser."""
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            f'<img alt="{escaped(one_line(f"{self.title}. {self.text}"))}" '
            f'style="max-width:100%" src="data:image/svg+xml;base64,{data}">'
        )

    @property
    def html(self) -> str:
        """The picture as a page of its own."""
        return page(self.title, self.svg, self.theme)

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
        return {
            ".svg": lambda: self.svg.encode(),
            ".html": lambda: self.html.encode(),
            ".png": lambda: self.png,
        }

    def save(self, path: AnyPath, *, overwrite: bool = False) -> Path:
        """Write the picture to a file, completely or not at all; returns the path.

        Args:
            path: its extension says how: .svg, .html, .png (extra "png").
            overwrite: replace an existing file.

        Raises:
            ValueError: an extension that this picture cannot be saved as.
            FileExistsError: the file exists and `overwrite` is False.
            ImportError: .png without resvg-py.
            OSError: the system's own; an existing file is then unchanged.
        """
        target = Path(os.fspath(path))
        writer = self._writers.get(target.suffix.lower())
        if writer is None:
            raise ValueError(
                f"{target.name!r:.80} does not say how to save this: end it in "
                f"{', '.join(self._writers)}"
            )
        if not overwrite and os.path.lexists(target):  # before the work, and once more at its end
            raise FileExistsError(
                f"{target} exists already; pass overwrite=True to replace it, or choose another "
                "name"
            )
        write(target, writer(), overwrite=overwrite)
        return target

    def show(self) -> Path:
        """Open the picture in the browser; returns the page, a temporary file."""
        import webbrowser

        folder = Path(tempfile.mkdtemp(prefix="microgrunderscore-"))
        target = self.save(folder / "picture.html")
        webbrowser.open(target.as_uri())
        return target
