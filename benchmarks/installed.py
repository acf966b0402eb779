"""What is measured: the engines of the package that is installed, the peers, the machine."""

from __future__ import annotations

import gc
import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

SWITCH = "MICROGRUNDERSCORE_PURE"  # "1" selects the pure engine where both are there
PEERS = {  # distribution: the module that it brings; all are pinned in the extra `bench`
    "micrograd": "micrograd",
    "torch": "torch",
    "jax": "jax",
    "casadi": "casadi",
    "autograd": "autograd",
    "names": "names",
    "numpy": "numpy",  # what our own compiled programs run on, and those by hand
    "llvmlite": "llvmlite",
}
TOOLS = ("valgrind", "gcc")  # programs
ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}
NOT_BUILT = {
    "pure": f"not there: {SWITCH}=1 does not select it",
    "compiled": "not built: `pip install .` builds it where there is a C compiler",
}


@dataclass(frozen=True)
class Engines:
    """What the children found: the version, where it was, and which engines it runs on."""

    version: str
    is_installed: bool  # and not the checkout itself
    names: frozenset[str]


def environment(engine: str) -> dict[str, str]:
    """The environment of a child: one thread, and one of our engines."""
    kept = {k: v for k, v in os.environ.items() if k != SWITCH}
    pure = {SWITCH: "1"} if engine == "pure" else {}
    return {**kept, **pure, **ONE_THREAD}


def missing(need: str) -> str:
    """Why a peer or a tool cannot be had, and the way out; "" if it can."""
    if need in TOOLS:
        return "" if shutil.which(need) else f"skipped: the program {need} is not on the PATH"
    if importlib.util.find_spec(PEERS.get(need, need)):
        return ""
    return f"not installed: {need}, which the extra `bench` brings"


def versions() -> dict[str, str]:
    """The versions of all peers, "not installed" for those that are not there."""
    found = {}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> str:
    """The class of this machine: cores, architecture, model of the processor, system."""
    model = next((f", {m}" for m in _model_names() if m), "")
    cores = os.cpu_count() or 1
    return (
        f"{cores} {'core' if cores == 1 else 'cores'} {platform.machine()}{model}, "
        f"{platform.system()}"
    )


def _model_names() -> list[str]:
    """What Linux calls the processors."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return [platform.processor()]
    return [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]


def collector() -> str:
    """The thresholds of Python's garbage collector as it comes."""
    return ", ".join(map(str, gc.get_threshold()))
