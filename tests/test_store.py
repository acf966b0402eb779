"""A model file comes back with the same bits, is never torn, and is never trusted."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgrunderscore
from microgrunderscore import files, store
from microgrunderscore.nn import MLP
from microgrunderscore.store import ModelFileError, check_keys, load, save

STATE = {"layers.0.w": 0.1, "layers.0.b": -0.0, "x \"'\\ é\n": 5e-324, "": 1.7976931348623157e308}
ABOUT: dict[str, Any] = {"sizes": [3, 4, 1], "nonlin": True, "seed": None, "text": 'é"[{', "r": 0.1}
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and permissions")


def bits(state: dict[str, float]) -> dict[str, bytes]:
    return {name: struct.pack("<d", x) for name, x in state.items()}


def document(**changes: Any) -> dict[str, Any]:
    fields = {"format": "microgrunderscore", "version": 1, "about": {}, "parameters": {"w": 1.5}}
    return {**fields, **changes}


def written(folder: Path, content: object) -> Path:
    path = folder / "m.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".tmp"]


# ---- round trips -------------------------------------------------------------------------------


def test_round_trip_keeps_bits_order_and_about(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    save(path, STATE, about=ABOUT)
    state, about = load(str(path))
    assert bits(state) == bits(STATE)
    assert list(state) == list(STATE)
    assert about == ABOUT
    assert all(type(x) is float for x in state.values())
    assert temporaries(tmp_path) == []


def test_ten_thousand_floats_come_back_with_the_same_bits(tmp_path: Path) -> None:
    draw = random.Random(7)
    words = (struct.pack("<Q", draw.getrandbits(64)) for _ in range(10_000))
    values = [struct.unpack("<d", word)[0] for word in words]
    state = {f"p{i}": x for i, x in enumerate(values) if x - x == 0}
    save(tmp_path / "m.json", state)
    assert bits(load(tmp_path / "m.json")[0]) == bits(state)


json_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    state=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    about=st.dictionaries(st.text(), json_data, max_size=4),
)
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, float], about: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "hypothesis.json"
    save(path, state, about=about, overwrite=True)
    loaded, described = load(path)
    assert bits(loaded) == bits(state)
    assert list(loaded) == list(state)
    assert repr(described) == repr(about)


def test_ints_are_numbers_tuples_are_lists_and_no_about_is_empty(tmp_path: Path) -> None:
    save(tmp_path / "a.json", {"w": 2})
    assert repr(load(tmp_path / "a.json")) == "({'w': 2.0}, {})"
    save(tmp_path / "b.json", {}, about={"sizes": (2, (3,))})
    assert load(tmp_path / "b.json") == ({}, {"sizes": [2, [3]]})


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert load(written(tmp_path, "\ufeff" + json.dumps(document())))[0] == {"w": 1.5}


def test_the_file_is_json_that_others_can_read(tmp_path: Path) -> None:
    save(tmp_path / "m.json", {"w": 0.1}, about={"sizes": [1]})
    text = (tmp_path / "m.json").read_text("ascii")
    assert json.loads(text) == document(about={"sizes": [1]}, parameters={"w": 0.1})
    assert text.endswith("}\n")


def nested(depth: int) -> Any:
    data: Any = 1
    for i in range(depth):
        data = [data] if i % 2 else {"a": data}
    return data


def test_data_may_be_thirty_levels_deep_and_no_deeper(tmp_path: Path) -> None:
    save(tmp_path / "m.json", {}, about={"deep": nested(30)})
    assert load(tmp_path / "m.json")[1] == {"deep": nested(30)}
    with pytest.raises(ModelFileError, match=r"at most 32 levels, found more; flatten it"):
        save(tmp_path / "n.json", {}, about={"deep": nested(31)})
    with pytest.raises(ModelFileError, match=r"at most 32 levels, found more"):
        load(written(tmp_path, document(about={"deep": nested(31)})))
    with pytest.raises(ModelFileError, match=r"brackets that match, at most 32 deep"):
        load(written(tmp_path, "[" * 33 + "]" * 33))


# ---- refusals when saving ----------------------------------------------------------------------

circle: list[Any] = []
circle.append(circle)


@pytest.mark.parametrize(
    ("state", "about", "message"),
    [
        ({"w": float("nan")}, None, r"m\.json: parameters\['w'\]: .*finite.*found nan \(float\); "),
        ({"w": float("-inf")}, None, r"parameters\['w'\].*finite.*found -inf"),
        ({"w": True}, None, r"parameters\['w'\].*finite number, found True \(bool\)"),
        ({"w": "1"}, None, r"parameters\['w'\].*finite number, found '1' \(str\)"),
        ({"w": None}, None, r"found None \(NoneType\)"),
        ({"w": [1.0]}, None, r"found a list of 1"),
        ({"w": 1j}, None, r"found 1j \(complex\)"),
        ({"w": 10**5000}, None, r"finite number that a float can hold, found an int of 16610 bits"),
        ({1: 1.0}, None, r"parameters: expected keys that are texts, found 1 \(int\)"),
        ({True: 1.0}, None, r"found True \(bool\)"),
        ([("w", 1.0)], None, r"parameters: expected an object of numbers, found a list of 1"),
        ({}, {"a": {"b": [0, float("nan")]}}, r"about\['a'\]\['b'\]\[1\]: .*found nan"),
        ({}, {"a": {2: 0}}, r"about\['a'\]: expected keys that are texts, found 2"),
        ({}, {"a": {1.5}}, r"about\['a'\]: expected a finite number, found \{1\.5\} \(set\)"),
        ({}, {"a": 10**400}, r"about\['a'\]: .*found an int of 1329 bits"),
        ({}, {"a": b"x"}, r"found b'x' \(bytes\)"),
        ({}, {"a": circle}, r"at most 32 levels"),
        ({}, [1], r"about: expected an object, found a list of 1"),
    ],
)
def test_saving_refuses(tmp_path: Path, state: Any, about: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        save(tmp_path / "m.json", state, about=about)
    assert list(tmp_path.iterdir()) == []


def test_saving_and_loading_refuse_huge_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "m.json", {"w": 1.0})
    monkeypatch.setattr(store, "MOST_BYTES", 50)
    message = r"json: expected at most 50 bytes, found \d+; a model"
    with pytest.raises(ModelFileError, match=message):
        save(tmp_path / "n.json", {"w": 1.0})
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "m.json")


def test_an_existing_file_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    save(path, {"w": 1.0})
    with pytest.raises(FileExistsError, match=r"overwrite=True.*m\.json") as caught:
        save(path, {"w": 2.0})
    assert caught.value.errno == errno.EEXIST
    assert caught.value.filename == str(path)
    assert load(path)[0] == {"w": 1.0}
    save(path, {"w": 2.0}, overwrite=True)
    assert load(path)[0] == {"w": 2.0}
    assert temporaries(tmp_path) == []


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    for overwrite in (False, True):
        with pytest.raises(IsADirectoryError, match="name a file in it"):
            save(tmp_path, {}, overwrite=overwrite)
        with pytest.raises(FileNotFoundError, match=r"No such directory; create it.*nowhere"):
            save(tmp_path / "nowhere" / "m.json", {}, overwrite=overwrite)
    with pytest.raises(TypeError):
        save(1, {})  # type: ignore[arg-type]


def test_a_name_without_a_directory_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save("m.json", {"w": 1.0})
    save("m.json", {"w": 2.0}, overwrite=True)
    assert load("m.json")[0] == {"w": 2.0}
    assert os.listdir() == ["m.json"]


# ---- refusals when loading ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"m\.json: expected JSON in UTF-8, found something else \(Expecting value.*damaged"),
        ("{", r"expected brackets that match"),
        ("nonsense", r"expected JSON in UTF-8"),
        ("[]", r"expected a JSON object, found a list of 0"),
        ("null", r"expected a JSON object, found None \(NoneType\)"),
        ('{"format": 1}', r"format: expected 'microgrunderscore', found 1 \(int\)"),
        ({"w": 1.0}, r"format: expected 'microgrunderscore', found None"),
        (document(version=2), r"version: expected at most 1, found 2: .*newer release; install"),
        (document(version=0), r"version: expected a whole number from 1 to 1, found 0 \(int\)"),
        (document(version=True), r"version: .*found True \(bool\)"),
        (document(version=1.0), r"version: .*found 1\.0 \(float\)"),
        (document(version="1"), r"version: .*found '1' \(str\)"),
        (document(extra=1), r"expected the fields 'about', 'format', .*found .*'extra'"),
        ('{"format": "microgrunderscore", "version": 1}', r"expected the fields 'about'"),
        (document(parameters=[1.0]), r"parameters: expected an object of numbers, found a list"),
        (document(parameters={"w": "1"}), r"parameters\['w'\]: .*number, found '1' \(str\)"),
        (document(parameters={"w": True}), r"parameters\['w'\]: .*found True \(bool\)"),
        (document(parameters={"w": None}), r"parameters\['w'\]: .*found None"),
        (document(parameters={"w": [[1.0]]}), r"parameters\['w'\]: .*found a list of 1"),
        (document(parameters={"w": float("nan")}), r"parameters\['w'\]: .*finite.*found nan"),
        (document(parameters={"w": float("inf")}), r"parameters\['w'\]: .*finite.*found inf"),
        (document(about=[]), r"about: expected an object, found a list of 0"),
        (document(about={"a": [float("nan")]}), r"about\['a'\]\[0\]: .*found nan"),
        (json.dumps(document()).replace("1.5", "1e999"), r"parameters\['w'\]: .*found inf"),
        (json.dumps(document()).replace("1.5", "9" * 310), r"parameters\['w'\]: .* 1030 bits"),
        (json.dumps(document()).replace("1.5", "9" * 5000), r"a whole number of 5000 digits"),
        (json.dumps(document()).replace("1.5", '1.5, "w": 2'), r"the key 'w' occurs twice"),
        (json.dumps(document()) + " {}", r"Extra data"),
    ],
)
def test_loading_refuses(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        load(written(tmp_path, content))


def test_loading_refuses_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b'{"format": "\xff"}')
    with pytest.raises(ModelFileError, match=r"m\.json: expected JSON in UTF-8.*0xff"):
        load(path)


def test_loading_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        load(tmp_path / "missing.json")
    with pytest.raises(ModelFileError, match=r"expected a file, found a directory; name a model"):
        load(tmp_path)


@POSIX
def test_loading_refuses_a_pipe_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match=r"expected a file, found a device or pipe"):
        load(tmp_path / "pipe")


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 10_000_000,
        b'{"a":' * 2_000_000,
        b'["",{"":' * 1_250_000,
        b"]" * 10_000_000,
        b'"' * 10_000_000,
        b'"' + b'\\"' * 5_000_000,
        json.dumps(document()).encode()[:-2] + b', "v": ' + b"[" * 9_000_000,
    ],
    ids=["lists", "objects", "mixed", "closing", "quotes", "escapes", "inside"],
)
def test_bombs_of_ten_megabytes_are_refused_quickly(tmp_path: Path, bomb: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(bomb)
    limit = sys.getrecursionlimit()
    start = time.perf_counter()
    try:
        sys.setrecursionlimit(10**6)  # as people do; the parser must not crash then either
        with pytest.raises(ModelFileError, match=r"expected (brackets|JSON)"):
            load(path)
    finally:
        sys.setrecursionlimit(limit)
    assert time.perf_counter() - start < 20.0  # under 1 s; on a busy machine more


def test_ten_thousand_damaged_files_are_loaded_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    save(path, STATE, about=ABOUT)
    good = path.read_bytes()
    draw = random.Random(28)
    pieces = [b"1", b"-", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\xff", b"\0", b"NaN",
              b"1e999", b"true", b"null", b"Infinity", b"\\ud800", b"9" * 400]  # fmt: skip
    refused = 0
    for _ in range(10_000):
        data = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            start = draw.randrange(len(data) + 1)
            stop = min(len(data), start + draw.choice((0, 1, 1, 2, 10)))
            data[start:stop] = draw.choice(pieces)
        path.write_bytes(data[: draw.randrange(len(data))] if draw.random() < 0.1 else data)
        try:
            state, about = load(path)
        except ModelFileError:
            refused += 1
        else:
            assert all(type(x) is float and x - x == 0 for x in state.values())
            assert isinstance(about, dict)
    assert 5_000 < refused < 10_000


def test_check_keys() -> None:
    check_keys(iter(["a", "b"]), {"b": 0.0, "a": 0.0}, "m.json")
    with pytest.raises(ModelFileError, match=r"m\.json: parameters: .*found 1: missing 'b'; load"):
        check_keys(["a", "b"], {"a": 0.0}, Path("m.json"))
    with pytest.raises(ModelFileError, match=r"expected 0 names, found 1: extra 'c'; load"):
        check_keys([], {"c": 0.0}, "m.json")
    with pytest.raises(ModelFileError, match=r"missing 'p0', .*'p9', … \(99 in all\); extra 'c'"):
        check_keys([f"p{i}" for i in range(99)], {"c": 0.0}, "m.json")


# ---- faults ------------------------------------------------------------------------------------

FAULTS = [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), KeyboardInterrupt()]


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*args: object, **kwargs: object) -> Any:
        raise error

    return fail


class FailingStream:
    """A file that is written by half, and then fails."""

    def __init__(self, stream: Any, error: BaseException) -> None:
        self.stream, self.error = stream, error

    def __enter__(self) -> FailingStream:
        return self

    def __exit__(self, *details: object) -> None:
        self.stream.close()

    def write(self, data: bytes) -> None:
        self.stream.write(data[: len(data) // 2])
        self.stream.flush()
        raise self.error


@pytest.mark.parametrize("error", FAULTS, ids=["full", "broken", "interrupt"])
@pytest.mark.parametrize(
    ("step", "overwrite"),
    [("open", False), ("write", False), ("fsync", False), ("publish", False),
     ("open", True), ("write", True), ("fsync", True), ("publish", True), ("chmod", True)],
)  # fmt: skip
def test_a_fault_leaves_the_old_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    overwrite: bool,
    error: BaseException,
) -> None:
    path = tmp_path / "m.json"
    if overwrite:
        save(path, {"w": 1.0})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def half_open(*args: Any, **kwargs: Any) -> FailingStream:
        return FailingStream(open(*args, **kwargs), error)

    with monkeypatch.context() as patch:
        if step in ("open", "write"):
            opened = failing(error) if step == "open" else half_open
            patch.setattr(files, "open", opened, raising=False)
        elif step == "publish":
            patch.setattr(os, "replace" if overwrite else "link", failing(error))
        else:
            patch.setattr(os, step, failing(error))
        with pytest.raises(type(error)) as caught:
            save(path, {"w": 2.0}, overwrite=overwrite)
    assert caught.value is error
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


NO_LINKS = [OSError(errno.EPERM, "no"), OSError(errno.ENOTSUP, "no"), NotImplementedError()]


@pytest.mark.parametrize("error", [*NO_LINKS, AttributeError()], ids=repr)
def test_without_links_a_name_is_claimed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(os, "link", failing(error))
    path = tmp_path / "m.json"
    save(path, {"w": 1.0})
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save(path, {"w": 2.0})
    assert load(path)[0] == {"w": 1.0}
    assert os.listdir(tmp_path) == ["m.json"]


@pytest.mark.parametrize("error", FAULTS, ids=["full", "broken", "interrupt"])
def test_without_links_a_fault_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(os, "link", failing(OSError(errno.EPERM, "no")))
    monkeypatch.setattr(os, "replace", failing(error))
    with pytest.raises(type(error)):
        save(tmp_path / "m.json", {"w": 1.0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "m.json"
    link = os.link

    def late(source: str, target: str) -> None:
        Path(target).write_text("another's")
        if not links:
            raise OSError(errno.EPERM, "no")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save(path, {"w": 1.0})
    assert path.read_text() == "another's"
    assert os.listdir(tmp_path) == ["m.json"]


@pytest.mark.parametrize(("number", "raises"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_directory_is_synced_where_the_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raises: bool
) -> None:
    fsync = os.fsync

    def files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, "no")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    if raises:
        with pytest.raises(OSError, match="no"):
            save(tmp_path / "m.json", {"w": 1.0})
    else:
        save(tmp_path / "m.json", {"w": 1.0})
    assert load(tmp_path / "m.json")[0] == {"w": 1.0}
    assert temporaries(tmp_path) == []


# ---- the file system ---------------------------------------------------------------------------


@POSIX
def test_permissions(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    (tmp_path / "ordinary").touch()
    save(path, {"w": 1.0})
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    for bits_wanted in (0o600, 0o640, 0o666, 0o444):
        path.chmod(bits_wanted)
        save(path, {"w": 2.0}, overwrite=True)
        assert stat.S_IMODE(path.stat().st_mode) == bits_wanted


@POSIX
def test_a_symbolic_link_is_followed_when_overwriting_and_kept_otherwise(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, alias = tmp_path / "real" / "m.json", tmp_path / "m.json"
    alias.symlink_to(real)
    with pytest.raises(FileExistsError):
        save(alias, {"w": 1.0})  # even though it points nowhere
    save(real, {"w": 1.0})
    save(alias, {"w": 2.0}, overwrite=True)
    assert alias.is_symlink()
    assert load(real)[0] == {"w": 2.0}


SAVER = """
import itertools, sys
from microgrunderscore.store import save
print("ready", flush=True)
for k in itertools.count():
    save(sys.argv[1], {f"w{i}": float(k) for i in range(300)}, overwrite=True)
"""


@POSIX
def test_thirty_kills_never_tear_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    save(path, {f"w{i}": -1.0 for i in range(300)})
    root = os.pathsep.join([str(Path(p).parent) for p in microgrunderscore.__path__])
    draw = random.Random(3)
    for _ in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": root},
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(draw.uniform(0.0, 0.02))
            child.send_signal(signal.SIGKILL)
        state, _ = load(path)
        assert len(state) == 300
        assert len(set(state.values())) == 1
    assert all(p.name.startswith(".microgrunderscore-") for p in temporaries(tmp_path))


def test_a_model_is_not_its_state(tmp_path: Path) -> None:
    model: Any = MLP(2, [1], seed=0)
    for arguments in ((tmp_path / "m.json", model), (model, tmp_path / "m.json")):
        with pytest.raises(TypeError, match=r"model\.state\(\), about=model\.about\(\)"):
            save(*arguments)
