"""Machine code on disk: what comes back is what was put there, or nothing."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microgrunderscore.program import cache
from microgrunderscore.program.cache import HEADER, MAGIC, ObjectCache, folder

pytest.importorskip("llvmlite")

CODE = bytes(range(256)) * 3
POSIX = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are those of POSIX")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return folder(tmp_path / "code")


def kept(place: Path, text: str = "module", code: bytes = CODE) -> ObjectCache:
    """The place of a module, with its code."""
    found = ObjectCache(place, text, "cpu", "+a,-b")
    found.put(code)
    return found


def test_what_was_put_comes_back(place: Path) -> None:
    found = ObjectCache(place, "module", "cpu", "+a")
    assert found.get() is None
    found.put(CODE)
    assert found.get() == CODE
    assert ObjectCache(place, "module", "cpu", "+a").get() == CODE
    found.put(b"new")
    assert found.get() == b"new"
    assert len(list(place.iterdir())) == 1


def test_the_form_of_a_file(place: Path) -> None:
    found = kept(place)
    data = found.path.read_bytes()
    assert data == b"".join(
        (MAGIC, found.key, (768).to_bytes(8, "big"), hashlib.sha256(CODE).digest(), CODE)
    )
    assert found.path.name == f"{found.key.hex()}.code"


@POSIX
def test_files_and_folder_are_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        found = kept(folder(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600


# ---- the key ------------------------------------------------------------------------------------


def test_nothing_else_has_the_key(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite
    import llvmlite.binding as llvm

    keys = {ObjectCache(place, *given).key for given in (
        ("text", "cpu", "+a"), ("text ", "cpu", "+a"), ("text", "cpu2", "+a"),
        ("text", "cpu", "-a"), ("textcpu", "", "+a"), ("", "textcpu", "+a"), ("text", "cpu+a", ""),
    )}  # fmt: skip
    for where, name, value in (
        (cache, "__version__", "0"),
        (cache, "FORMAT", 0),
        (llvmlite, "__version__", "0"),
        (llvm, "llvm_version_info", (1, 2, 3)),
        (llvm, "get_default_triple", lambda: "elsewhere"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            keys.add(ObjectCache(place, "text", "cpu", "+a").key)
    assert len(keys) == 12
    assert ObjectCache(place, "text", "cpu", "+a").key in keys


def test_a_file_under_another_key_is_not_loaded(place: Path) -> None:
    found, other = kept(place), ObjectCache(place, "another", "cpu", "+a,-b")
    os.replace(found.path, other.path)
    assert other.get() is None


# ---- files that are not whole -------------------------------------------------------------------


@pytest.mark.parametrize("position", range(HEADER + len(CODE)))
def test_a_bit_that_was_turned_is_noticed(tmp_path: Path, position: int) -> None:
    found = kept(folder(tmp_path))
    data = bytearray(found.path.read_bytes())
    data[position] ^= 1 << position % 8
    found.path.write_bytes(data)
    assert found.get() is None


@pytest.mark.parametrize(
    "position", [0, 3, len(MAGIC), HEADER - 33, HEADER - 1, HEADER, HEADER + 9]
)
@pytest.mark.parametrize("byte", [0, 10, 255])
def test_a_byte_too_much_or_too_few_is_noticed(place: Path, position: int, byte: int) -> None:
    found = kept(place)
    data = found.path.read_bytes()
    for changed in (
        data[:position],
        data[:position] + data[position + 1 :],
        data[:position] + bytes([byte]) + data[position:],
    ):
        found.path.write_bytes(changed)
        assert found.get() is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", MAGIC, MAGIC + bytes(72), bytes(10_000), b"\x7fELF" + bytes(500), b"\x80\x04."],
    ids=["empty", "nul", "magic", "header", "zeros", "object", "pickle"],
)
def test_foreign_files_are_passed_over(place: Path, data: bytes) -> None:
    found = kept(place)
    found.path.write_bytes(data)
    assert found.get() is None
    found.put(CODE)  # and replaced
    assert found.get() == CODE


def test_a_length_that_is_a_lie(place: Path) -> None:
    found = kept(place)
    data = found.path.read_bytes()
    at = len(MAGIC) + 32
    for length in (0, 1, 767, 769, 2**40, 2**64 - 1):
        found.path.write_bytes(data[:at] + length.to_bytes(8, "big") + data[at + 8 :])
        assert found.get() is None


def test_code_that_is_too_large(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept(place)
    monkeypatch.setattr(cache, "LARGEST", len(CODE) - 1)
    assert found.get() is None
    found.put(bytes(5))
    assert found.get() == bytes(5)
    found.put(CODE)
    found.put(b"")
    assert found.get() == bytes(5)


def test_a_file_of_many_gigabytes_is_not_read(place: Path) -> None:
    found = kept(place)
    os.truncate(found.path, 2**38)  # a file with a hole
    start = time.perf_counter()
    assert found.get() is None
    assert time.perf_counter() - start < 1.0


# ---- files of others ----------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_files_that_others_can_write_are_not_loaded(place: Path, mode: int) -> None:
    found = kept(place)
    found.path.chmod(mode)
    assert found.get() is None
    found.path.chmod(0o644)
    assert found.get() == CODE


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_folders_that_others_can_write_are_not_used(place: Path, mode: int) -> None:
    found = kept(place)
    place.chmod(mode)
    assert found.get() is None
    with pytest.warns(RuntimeWarning, match="others can write this folder"):
        found.put(CODE)
    with pytest.raises(PermissionError, match="others can write it"):
        folder(place)
    place.chmod(0o755)
    assert found.get() == CODE


@POSIX
def test_files_of_others_are_not_loaded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept(place)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(place).st_uid + 1)
    assert found.get() is None
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        folder(place)


@POSIX
def test_a_file_of_another_user_in_our_folder(place: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    found = kept(place)
    os.chown(found.path, 12345, -1)
    assert found.get() is None


@POSIX
def test_links_are_not_followed(place: Path, tmp_path: Path) -> None:
    found = kept(place)
    elsewhere = tmp_path / "elsewhere"
    os.replace(found.path, elsewhere)
    found.path.symlink_to(elsewhere)
    assert found.get() is None
    before = elsewhere.read_bytes()
    found.put(b"new")
    assert elsewhere.read_bytes() == before  # the link was replaced, not what it points to
    assert not found.path.is_symlink()
    assert found.get() == b"new"


@POSIX
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_passed_over(place: Path, make: Callable[[Path], None]) -> None:
    found = ObjectCache(place, "module", "cpu", "+a,-b")
    make(found.path)
    assert found.get() is None


# ---- folders ------------------------------------------------------------------------------------


def test_a_folder_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for platform, variable, expected in (
        ("linux", "XDG_CACHE_HOME", ".cache"),
        ("darwin", "NOTHING", "Library/Caches"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.delenv(variable, raising=False)
        found = folder(None)
        assert found == tmp_path / expected / "microgrunderscore"
        assert found.is_dir()
        if variable != "NOTHING":
            monkeypatch.setenv(variable, "not/absolute")
            assert folder(None) == found
            monkeypatch.setenv(variable, str(tmp_path / platform))
            assert folder(None) == tmp_path / platform / "microgrunderscore"


def test_a_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder("a") == tmp_path / "a" == folder(tmp_path / "a")
    if hasattr(os, "getuid"):
        assert folder("~/b") == tmp_path / "home" / "b"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match=r"is a file, or lies in one.*name another"):
            folder(path)


@pytest.mark.parametrize("given", [1, b"bytes", ["a"]])
def test_what_is_no_path(given: Any) -> None:
    with pytest.raises(TypeError, match="cache must be a folder"):
        folder(given)


def test_a_folder_that_cannot_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"cannot be written by this user; name another"):
        folder(place)


@POSIX
def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match="cannot be made"):
        folder(tmp_path / "x")


def test_a_folder_that_has_gone(place: Path) -> None:
    found = kept(place)
    found.path.unlink()
    place.rmdir()
    assert found.get() is None
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*leave cache out"):
        found.put(CODE)


def test_a_full_disk_is_said_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for text in "abc":
            kept(place, text)
    assert len(said) == 1
    assert "No space left" in str(said[0].message)
    assert list(place.iterdir()) == []


@POSIX
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_became_read_only(place: Path) -> None:
    found = kept(place)
    place.chmod(0o500)
    try:
        assert found.get() == CODE
        with pytest.warns(RuntimeWarning, match="cannot be kept"):
            found.put(b"new")
        with pytest.raises(PermissionError, match="cannot be written"):
            folder(place)
    finally:
        place.chmod(0o700)


# ---- not too much -------------------------------------------------------------------------------


def aged(found: ObjectCache, seconds: float) -> ObjectCache:
    then = time.time() - seconds
    os.utime(found.path, (then, then))
    return found


def test_the_oldest_files_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 3)
    files = [aged(kept(place, str(i)), 100.0 - i) for i in range(3)]
    assert files[0].get() == CODE  # now it is the newest
    last = kept(place, "last")
    assert [f.get() is not None for f in (*files, last)] == [True, False, True, True]


def test_too_many_bytes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * (HEADER + len(CODE)))
    files = [aged(kept(place, str(i)), 100.0 - i) for i in range(5)]
    assert [f.path.exists() for f in files] == [False, False, True, True, True]


def test_only_our_files_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 1)
    others = ["notes.txt", "x.code", f"{'g' * 64}.code", "a" * 64, ".hidden.tmp"]
    left, fresh = place / ".microgrunderscore-1.tmp", place / ".microgrunderscore-2.tmp"
    for path in (*(place / name for name in others), left, fresh):
        path.write_text("precious")
        if path != fresh:
            os.utime(path, (1.0, 1.0))
    (place / f"{'a' * 64}.code").mkdir()
    found = kept(place)
    names = {path.name for path in place.iterdir()}
    assert names == {*others, fresh.name, f"{'a' * 64}.code", found.path.name}


# ---- several at once ----------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from microgrunderscore.program import cache
from microgrunderscore.program.cache import ObjectCache
cache.MOST_FILES = 5
for i in range(60):
    found = ObjectCache(Path(sys.argv[1]), str(i % 7), "cpu", "+a,-b")
    code = found.get()
    assert code is None or code == (str(i % 7) * 20000).encode(), i
    found.put((str(i % 7) * 20000).encode())
"""


def test_processes_that_write_at_the_same_time(place: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", WRITER, str(place)])
        for _ in range(4)
    ]
    read = 0
    while any(w.poll() is None for w in writers):
        for i in range(7):
            code = ObjectCache(place, str(i), "cpu", "+a,-b").get()
            assert code in (None, (str(i) * 20000).encode())
            read += code is not None
    assert [w.returncode for w in writers] == [0] * 4
    assert read
    assert 0 < len(list(place.iterdir())) <= 7


def test_threads_that_write_the_same_file(place: Path) -> None:
    threads = [threading.Thread(target=lambda: [kept(place) for _ in range(20)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert kept(place).get() == CODE
    assert len(list(place.iterdir())) == 1


# ---- machine code -------------------------------------------------------------------------------

ROUND_TRIP = """
import ctypes, sys, time
from pathlib import Path
import llvmlite.binding as llvm
from microgrunderscore.program.cache import ObjectCache, folder
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
chain = "\\n".join(
    f"%y{i} = fmul double %x{i}, {1.0 + i / 1000}\\n%x{i + 1} = fadd double %y{i}, %x{i // 2}"
    for i in range(6000)
)
text = f"define double @f(double %x0) {{\\n{chain}\\nret double %x6000\\n}}"
cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
target = llvm.Target.from_default_triple().create_target_machine(
    cpu=cpu, features=features, opt=2, jit=True
)
cache = ObjectCache(folder(sys.argv[1]), text, cpu, features)
compiled = []
start = time.perf_counter()
engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target)
engine.set_object_cache(
    lambda module, code: (compiled.append(1), cache.put(code)), lambda module: cache.get()
)
engine.finalize_object()
seconds = time.perf_counter() - start
f = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(engine.get_function_address("f"))
print(len(compiled), f(1e-300).hex(), seconds)
"""


def runs(place: Path) -> Iterator[tuple[int, str, float]]:
    """Processes, one after the other, that compile the same module or load its code."""
    while True:
        done = subprocess.run(
            [sys.executable, "-c", ROUND_TRIP, str(place)],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        compiled, result, seconds = done.stdout.split()
        yield int(compiled), result, float(seconds)


def test_the_next_process_does_not_compile(tmp_path: Path) -> None:
    process = runs(tmp_path)
    compiled, result, seconds = next(process)
    assert compiled == 1
    again, same, less = next(process)
    assert again == 0
    assert same == result
    assert less < seconds / 2
    [path] = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert next(process)[:2] == (1, result)  # compiled anew, and kept again
    assert next(process)[:2] == (0, result)


COMPILED = """
import sys
import llvmlite.binding as llvm
from microgrunderscore import MLP
from microgrunderscore.compiling import compile
from microgrunderscore.program import cache

put = []
of_old = cache.ObjectCache.put
cache.ObjectCache.put = lambda self, data: (put.append(1), of_old(self, data))
model = MLP(2, [8, 1], activation="tanh", seed=1)
f = compile(lambda x, y: (model(x) - y) ** 2, model, backend="llvm", cache=sys.argv[1])
print(f([[0.5, 1.0]] * 40, [1.0] * 40).hex(), sum(p.grad for p in model.parameters()).hex())
print(len(put))
"""


def test_compile_keeps_its_code(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", COMPILED, str(tmp_path / "code")],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        found.append(done.stdout.splitlines())
    if found[0][1] == "0":
        pytest.skip("compile does not use the cache yet")
    assert found[0][0] == found[1][0]
    assert found[1][1] == "0"
