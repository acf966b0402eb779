"""Files that appear completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import NoReturn, TypeAlias

AnyPath: TypeAlias = str | os.PathLike[str]

# What the system says when a file system knows no hard links, or when directories cannot be synced.
_NOT_SUPPORTED = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL,
     errno.EMLINK, errno.EBADF}
)  # fmt: skip


def write(path: AnyPath, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file, so that no reader ever sees half of it.

    The bytes go to a temporary file in the same directory, are forced to the disk, and only then
    take their name: whatever happens, the path holds the old file or the new one. Only a process
    that is killed outright may leave a temporary file `.microgrunderscore-….tmp` behind.

    Args:
        path: the file to write.
        data: what it will hold.
        overwrite: replace an existing file, keeping its permissions; a symbolic link to it is
            followed.

    Raises:
        FileExistsError: the file exists and `overwrite` is False.
        OSError: the system's own, for example no space left; an existing file is then unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "a.txt"), b"whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    target = os.path.realpath(path) if overwrite else os.fspath(path)
    _check_place(target, overwrite)
    _publish(data, target, overwrite)


def _check_place(target: str, overwrite: bool) -> None:
    """Refuse, before anything is written, a place where no file can or may appear."""
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "This is a directory; name a file in it", target)
    if not overwrite and os.path.lexists(target):
        _refuse_existing(target)
    folder = os.path.dirname(target) or os.curdir
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such directory; create it first", folder)


def _refuse_existing(target: str) -> NoReturn:
    """Raise the error of a file that is in the way."""
    what = "The file exists already; pass overwrite=True to replace it, or choose another name"
    raise FileExistsError(errno.EEXIST, what, target) from None


def _publish(data: bytes, target: str, overwrite: bool) -> None:
    """Make the bytes appear under a name, all at once."""
    folder = os.path.dirname(target) or os.curdir
    temporary = os.path.join(folder, f".microgrunderscore-{secrets.token_hex(8)}.tmp")
    try:
        _write(data, temporary, _permissions(target))
        if overwrite:
            os.replace(temporary, target)
        else:
            _link(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _sync_folder(folder)


def _permissions(target: str) -> int | None:
    """The permission bits of an existing file."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        return None


def _write(data: bytes, path: str, permissions: int | None) -> None:
    """Write a new file and force it to the disk."""
    mode = 0o666 if permissions is None else permissions  # the system takes the umask away
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    if permissions is not None:
        os.chmod(path, permissions)


def _link(temporary: str, target: str) -> None:
    """Give a file a name that is free; never take one that is not."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        _refuse_existing(target)
    except (OSError, AttributeError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NOT_SUPPORTED:
            raise
        _claim(temporary, target)


def _claim(temporary: str, target: str) -> None:
    """Take a free name with an empty file, then replace that; for systems without links."""
    try:
        Path(target).touch(exist_ok=False)
    except FileExistsError:
        _refuse_existing(target)
    try:
        os.replace(temporary, target)
    except BaseException:
        os.unlink(target)
        raise


def _sync_folder(folder: str) -> None:
    """Force the directory entry to the disk, where the system can open a directory."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
