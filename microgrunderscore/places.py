"""Where in the user's program something was asked for."""

from __future__ import annotations

import os
import sys
from types import FrameType

_PACKAGE = os.path.join(os.path.dirname(__file__), "")


def line_of_the_program() -> str:
    """File and line of the innermost frame outside the package.

    >>> line_of_the_program().partition(", ")[2][:5]
    'line '
    """
    frame, _ = _program_frame()
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def levels_to_the_program() -> int:
    """How many frames lie between the caller and the program, as `warnings.warn` counts them."""
    return _program_frame()[1]


def _program_frame() -> tuple[FrameType, int]:
    """The innermost frame outside the package, and how many levels it is from who asked."""
    frame, levels = sys._getframe(2), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, levels = frame.f_back, levels + 1
    return frame, levels
