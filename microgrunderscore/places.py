"""Where in the user's program something was asked for."""

from __future__ import annotations

import os
import sys

_PACKAGE = os.path.join(os.path.dirname(__file__), "")


def line_of_the_program() -> str:
    """File and line of the innermost frame outside the package.

    >>> line_of_the_program().partition(", ")[2][:5]
    'line '
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
