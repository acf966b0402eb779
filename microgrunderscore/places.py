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


def levels_to_the_program() -> int:
    """How many frames lie between the caller and the program, as `warnings.warn` counts them."""
    frame, levels = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, levels = frame.f_back, levels + 1
    return levels
