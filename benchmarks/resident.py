"""How much memory this process holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def resident() -> int:
    """Resident memory of this process in bytes; where there is no /proc, its peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
