"""What a notebook shows and a file keeps: words, a fragment of HTML, a page around it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..files import AnyPath, write
from .svg import escaped

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


class Display:
    """Something to be seen: in a notebook, in the browser, in a file.

    Attributes:
        title: what it shows, in a few words.
        text: all that is to be seen, as text; also what `print` gives.
        fragment: the same as HTML, to be put into a page.
        theme: "auto", "light" or "dark".
    """

    title: str
    text: str
    fragment: str
    theme: str = "auto"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/html": self.fragment, "text/plain": self.text}

    @property
    def html(self) -> str:
        """It as a page of its own."""
        return page(self.title, self.fragment, self.theme)

    @property
    def _writers(self) -> Mapping[str, Callable[[], bytes]]:
        """How each kind of file is made, by its extension."""
        return {".html": lambda: self.html.encode()}

    def save(self, path: AnyPath, *, overwrite: bool = False) -> Path:
        """Write it to a file, completely or not at all; returns the path.

        Args:
            path: its extension says how, such as .html.
            overwrite: replace an existing file.

        Raises:
            ValueError: an extension that it cannot be saved as.
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
