"""Which build of the engine runs: compiled to C, or the same files as Python.

Every module is installed as Python source. Beside some of them lies what mypyc made of them, where
the installation had a C compiler; Python takes that, and it is faster. The environment variable
MICROGRUNDERSCORE_PURE=1 lets it take the sources instead, which a debugger can step through.
It is read once, when the package is imported.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from importlib import import_module
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(**hints):
        """A hint to the compiler; run as Python it does nothing."""
        return lambda cls: cls


SWITCH = "MICROGRUNDERSCORE_PURE"
_LIBRARY = f"{__package__}.compiled__mypyc"  # the code of all compiled modules; see setup.py


def compiled() -> bool:
    """Whether the engine that runs was compiled to C.

    >>> compiled() == description().startswith("compiled")
    True
    """
    engine = find_spec(f"{__package__}.engine")
    return engine is not None and isinstance(engine.loader, ExtensionFileLoader)


def description() -> str:
    """What runs, for reports and tables: "compiled engine, CPython 3.11.7"."""
    build = "compiled" if compiled() else "pure Python"
    return f"{build} engine, {platform.python_implementation()} {platform.python_version()}"


def _select() -> None:
    """Let all modules of the package come from where they should; runs before any is imported."""
    if os.environ.get(SWITCH, "0") not in ("", "0") or not _loads():
        _take_sources()


def _loads() -> bool:
    """Whether there is a compiled engine, for this Python and this machine."""
    if find_spec(_LIBRARY) is None:
        return False
    try:
        import_module(_LIBRARY)
    except ImportError as error:
        warnings.warn(
            f"the compiled engine cannot be loaded ({error}), so the same engine runs as Python, "
            f"more slowly: install microgrunderscore anew, or set {SWITCH}=1 to choose this",
            RuntimeWarning,
            stacklevel=5,
        )
        return False
    return True


def _take_sources() -> None:
    """Hide compiled modules from the import system, in the folder of this package alone."""
    folder = os.path.dirname(__file__)
    if isinstance(sys.path_importer_cache.get(folder), FileFinder):  # elsewhere is none: a zip file
        sys.path_importer_cache[folder] = FileFinder(
            folder, (SourceFileLoader, SOURCE_SUFFIXES), (SourcelessFileLoader, BYTECODE_SUFFIXES)
        )


_select()
