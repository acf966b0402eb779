"""Style sheets, scripts and data as they stand inside a page."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import Any


def inert(data: Any) -> str:
    """JSON that neither ends the script element it stands in, nor opens another.

    >>> inert({"title": "</script>"})
    '{"title":"\\\\u003c/script>"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub(r"<(?=[/!s])", r"\\u003c", text, flags=re.IGNORECASE)


@functools.cache
def asset(room: str, name: str) -> str:
    """A style sheet or script of a room of the package, without its comments and indentation."""
    text = resources.files(room).joinpath(name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        text = re.sub(r"\s*([{};])\s*", r"\1", re.sub(r"\s+", " ", text))
        return text.replace(": ", ":").replace(", ", ",").replace(";}", "}").strip()
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def script(*parts: str) -> str:
    """Scripts that share their names among each other, and with nothing else on the page."""
    return f"<script>(()=>{{{''.join(parts)}}})()</script>"


def theme_script() -> str:
    """followTheme(player), for whatever follows the colours of the page."""
    return asset(__package__ or "", "theme.js")
