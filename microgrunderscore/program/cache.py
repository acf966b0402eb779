"""Machine code kept on disk, so that the next process need not compile it again.

A file holds the code of one module for one kind of processor. Code is loaded only from regular
files that belong to this user, that nobody else can write, and that are whole to the last bit;
whatever else lies in the folder is passed over as if it were not there.

Source: the layout of the user's folders follows the XDG Base Directory Specification.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import time
import warnings
from pathlib import Path

from ..version import __version__

NAME = "microgrunderscore"
FORMAT = 1
MAGIC = f"{NAME} machine code {FORMAT}\n".encode()
SUFFIX = ".code"
TEMPORARY = ".tmp"
DIGEST = 32  # bytes of a sha256
HEADER = len(MAGIC) + DIGEST + 8 + DIGEST  # what stands before the code: also key, length, its sum
LARGEST = 64 * 2**20  # bytes of a module's code
MOST_FILES = 200
MOST_BYTES = 200 * 2**20  # of all files
AN_HOUR = 3600.0  # s: after that, a temporary file was left behind

_ONLY_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe in its place must not keep us waiting
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


# ---- the folder ---------------------------------------------------------------------------------


def folder(path: str | os.PathLike[str] | None) -> Path:
    """A folder for machine code, made if it is missing.

    Args:
        path: the folder; None: the user's own, such as ~/.cache/microgrunderscore.

    Returns:
        Its absolute path.

    Raises:
        TypeError: what is no path.
        NotADirectoryError: a file, or in a folder that is none.
        PermissionError: a folder that this user cannot write, or that others can.
        OSError: the system's own.

    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder(Path(place, "code")).name
    'code'
    """
    if path is not None and not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"cache must be a folder, True for one of your own, or None, not "
            f"{type(path).__name__} {path!r:.40}"
        )
    found = Path(os.path.abspath(_of_this_user() if path is None else os.path.expanduser(path)))
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(
            f"cache: {found} is a file, or lies in one, and code is kept in a folder; {_WAY_OUT}"
        ) from None
    except PermissionError:
        raise PermissionError(f"cache: {found} cannot be made; {_WAY_OUT}") from None
    if not os.access(found, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(f"cache: {found} cannot be written by this user; {_WAY_OUT}")
    if not _is_ours_alone(os.stat(found)):
        raise PermissionError(
            f"cache: {found} belongs to somebody else, or others can write it, and could put code "
            f"there that you run; take that right away (chmod go-w), or {_WAY_OUT}"
        )
    return found


_WAY_OUT = "name another folder, or leave cache out, which keeps nothing"


def _of_this_user() -> Path:
    """Where this system keeps what programs can make again."""
    if sys.platform == "win32":
        given = os.environ.get("LOCALAPPDATA", "")
        base = Path(given) if os.path.isabs(given) else _home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Caches"
    else:
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if os.path.isabs(given) else _home() / ".cache"
    return base / NAME


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            "cache=True needs a home folder, and this user has none; name a folder: cache=…"
        ) from None


def _is_ours_alone(found: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user, and to no other one to write."""
    if not hasattr(os, "getuid"):  # Windows: a user's folders are that user's
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# ---- one module ---------------------------------------------------------------------------------


class ObjectCache:
    """The place on disk of one module's machine code.

    Args:
        folder: what `folder` gave.
        text: the module, in LLVM's language, and whatever else its code depends on.
        cpu, features: the processor, as LLVM calls it.

    It is found again by all of these, by the versions of this package, of llvmlite and of LLVM, and
    by the kind of system.
    """

    def __init__(self, folder: Path, text: str, cpu: str, features: str) -> None:
        self.folder = folder
        self.key = _key(text, cpu, features)
        self.path = folder / f"{self.key.hex()}{SUFFIX}"

    def get(self) -> bytes | None:
        """The code; None where there is none that can be trusted. Never raises."""
        try:
            data = self._read()
        except (OSError, ValueError):
            return None
        code = None if data is None else _unpacked(data, self.key)
        if code is not None:
            with contextlib.suppress(OSError):
                os.utime(self.path)  # what is used is kept
        return code

    def put(self, data: bytes) -> None:
        """Keep the code, if that is possible; old code goes where there is too much of it.

        Where it is not possible, a RuntimeWarning says so.
        """
        if not 0 < len(data) <= LARGEST:
            return
        try:
            self._write(_packed(data, self.key))
        except (OSError, ValueError) as error:
            warnings.warn(
                f"machine code cannot be kept in {self.folder} ({error}), and is compiled anew in "
                f"each process; {_WAY_OUT}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            _prune(self.folder, self.path)

    def _read(self) -> bytes | None:
        """The bytes of the file, if it may be trusted."""
        if not _is_ours_alone(os.stat(self.folder)) or self.path.is_symlink():
            return None
        with open(os.open(self.path, _ONLY_READ), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode) or not _is_ours_alone(found):
                return None
            if not HEADER < found.st_size <= HEADER + LARGEST:
                return None
            return stream.read(HEADER + LARGEST + 1)

    def _write(self, data: bytes) -> None:
        """All of the file or nothing: whoever reads meanwhile sees the old one or the new one.

        The disk is not waited for: what a crash leaves of it has another sum, and is passed over.
        """
        if not _is_ours_alone(os.stat(self.folder)):
            raise PermissionError("others can write this folder")
        handle, temporary = tempfile.mkstemp(TEMPORARY, f".{NAME}-", self.folder)  # mode 0600
        try:
            with open(handle, "wb") as stream:
                stream.write(data)
            os.replace(temporary, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _key(text: str, cpu: str, features: str) -> bytes:
    """What code depends on, as a sum; each part with its length, so that no two can be mistaken."""
    import llvmlite
    import llvmlite.binding as llvm

    versions = [str(FORMAT), __version__, llvmlite.__version__, *map(str, llvm.llvm_version_info)]
    digest = hashlib.sha256()
    for part in (".".join(versions), llvm.get_default_triple(), cpu, features, text):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


def _packed(code: bytes, key: bytes) -> bytes:
    """A file: the magic line, the key, the length of the code, its sum, and the code."""
    return b"".join([MAGIC, key, len(code).to_bytes(8, "big"), hashlib.sha256(code).digest(), code])


def _unpacked(data: bytes, key: bytes) -> bytes | None:
    """The code in a file; None if a single bit is not as it was written.

    >>> _unpacked(_packed(b"code", bytes(32)), bytes(32))
    b'code'
    >>> _unpacked(_packed(b"code", bytes(32))[:-1], bytes(32)) is None
    True
    """
    head, code = data[:HEADER], data[HEADER:]
    return code if code and head == _packed(code, key)[:HEADER] else None


# ---- not too much of it -------------------------------------------------------------------------


def _prune(folder: Path, kept: Path) -> None:
    """Remove what was not used for the longest time, where there is more than is allowed."""
    total = 0
    for place, (_, path, size) in enumerate(sorted(_files(folder, kept), reverse=True)):
        total += size
        if place >= MOST_FILES or total > MOST_BYTES:
            with contextlib.suppress(OSError):  # another process may have been faster
                os.unlink(path)


def _files(folder: Path, newest: Path) -> list[tuple[float, str, int]]:
    """Our files in the folder: when used last, where, of how many bytes; leftovers are removed."""
    found = []
    now = time.time()
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if _is_left_behind(entry.name, now - about.st_mtime):
                    os.unlink(entry.path)
                elif _is_code(entry.name) and stat.S_ISREG(about.st_mode):
                    used = now + AN_HOUR if entry.name == newest.name else about.st_mtime
                    found.append((used, entry.path, about.st_size))
    return found


def _is_code(name: str) -> bool:
    """Whether a file is called as ours are."""
    stem = name.removesuffix(SUFFIX)
    return stem != name and len(stem) == 2 * DIGEST and not set(stem) - set("0123456789abcdef")


def _is_left_behind(name: str, age: float) -> bool:
    """Whether a temporary file was left by a process that has died."""
    return name.startswith(f".{NAME}-") and name.endswith(TEMPORARY) and age > AN_HOUR
