"""Parameters to and from a JSON file: numbers only, written so that no reader sees half a file.

A state is a `dict` from parameter names to floats; what else is needed to rebuild a model, such as
layer sizes, goes into `about` as plain JSON data. Nothing in a file is ever executed.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .arguments import mismatch, quoted
from .files import AnyPath, write

FORMAT = "microgrunderscore"
VERSION = 1
DEEPEST = 32  # levels of brackets: a model is flat, and a deep file is an attack on the parser
MOST_BYTES = 64 * 2**20  # about a million parameters


class ModelFileError(ValueError):
    """A model file that cannot be used; the message names the file, the place, what was found."""


def save(
    path: AnyPath,
    state: Mapping[str, float],
    *,
    about: Mapping[str, object] | None = None,
    overwrite: bool = False,
) -> None:
    """Write parameters to a JSON file, completely or not at all.

    Whatever happens, the path holds the old file or the new one, see `files.write`.

    Args:
        path: the file to write; a symbolic link to an existing file is followed.
        state: parameter names and finite numbers; every float comes back with the same bits.
        about: further JSON data (texts, finite numbers, booleans, None, lists, dicts with text
            keys); tuples come back as lists. None is saved as {}.
        overwrite: replace an existing file, keeping its permissions.

    Raises:
        FileExistsError: the file exists and `overwrite` is False.
        ModelFileError: a number that is not finite, a key that is not a text, or something else
            that a model file cannot hold.
        TypeError: a model instead of its state.
        OSError: the system's own, for example no space left; an existing file is then unchanged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.json")
    ...     save(path, {"w": 0.1, "b": -0.0}, about={"sizes": [1, 1]})
    ...     load(path)
    ({'w': 0.1, 'b': -0.0}, {'sizes': [1, 1]})
    """
    for given in (path, state):
        if hasattr(given, "named_parameters"):
            raise TypeError(
                "a file holds numbers, not a model: save(path, model.state(), about=model.about())"
            )
    write(path, _encoded(os.fspath(path), state, about), overwrite=overwrite)


def load(path: AnyPath) -> tuple[dict[str, float], dict[str, Any]]:
    """The parameters and the further data that `save` wrote.

    Args:
        path: a model file; it is not trusted, and everything in it is checked.

    Returns:
        state, the parameters in the order of the file, and about, {} if none was given.

    Raises:
        ModelFileError: anything but a valid model file of this version or an older one.
        FileNotFoundError: no such file.

    >>> load("no-such-model.json")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'no-such-model.json'
    """
    file = os.fspath(path)
    document = _parsed(_read(file), file)
    _check_header(document, file)
    _check_state(document["parameters"], file)
    _check_about(document["about"], file)
    return {name: float(x) for name, x in document["parameters"].items()}, document["about"]


def check_keys(expected: Iterable[str], state: Mapping[str, float], path: AnyPath) -> None:
    """Refuse a state whose parameter names are not exactly those of the model.

    Args:
        expected: the names of the model's parameters, in any order.
        state: the parameters that `load` found in the file `path`.

    Raises:
        ModelFileError: names that are missing in the file, or that the model does not have.

    >>> check_keys(["w", "b"], {"b": 1.0, "w": 2.0}, "model.json")
    >>> check_keys(["w", "b"], {"w": 2.0, "v": 1.0}, "model.json")
    Traceback (most recent call last):
    microgrunderscore.store.ModelFileError: model.json: parameters: expected 2 names, found 2: \
missing 'b'; extra 'v'; load it into a model of the same structure
    """
    names = list(expected)
    if differences := mismatch(names, state):
        what = f"expected {len(names)} names, found {len(state)}: {differences}"
        raise _error(
            os.fspath(path), "parameters", what, "load it into a model of the same structure"
        )


# ---- the text of a model file ------------------------------------------------------------------


def _encoded(file: str, state: Mapping[str, float], about: Mapping[str, object] | None) -> bytes:
    """The bytes of a model file, checked as they will be when they are read."""
    parameters = dict(state) if isinstance(state, Mapping) else state
    further = {} if about is None else dict(about) if isinstance(about, Mapping) else about
    _check_state(parameters, file)
    _check_about(further, file)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "about": further,
        "parameters": {name: float(x) for name, x in parameters.items()},
    }
    data = json.dumps(document, allow_nan=False, indent=1).encode() + b"\n"
    if len(data) > MOST_BYTES:
        raise _too_large(file, len(data))
    return data


def _parsed(data: bytes, file: str) -> dict[str, Any]:
    """The JSON object in the bytes of a file."""
    try:
        text = data.decode("utf-8-sig")
        _check_depth(text, file)
        document = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except ModelFileError:
        raise
    except ValueError as error:
        what = f"expected JSON in UTF-8, found something else ({error})"
        raise _error(file, "", what, "the file is damaged, or is no model file") from None
    if not isinstance(document, dict):
        raise _wrong(file, "", "a JSON object", document)
    return document


def _check_depth(text: str, file: str) -> None:
    """Refuse brackets nested too deeply, before the parser recurses into them."""
    outside_strings = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    brackets = re.sub(r"[^][{}]+", "", "".join(outside_strings))
    for _ in range(DEEPEST):  # each round takes away the innermost level
        outer = brackets.replace("[]", "").replace("{}", "")
        if len(outer) == len(brackets):
            break
        brackets = outer
    if brackets:
        what = f"expected brackets that match, at most {DEEPEST} deep, found others"
        raise _error(file, "", what, "the file is damaged, or is no model file")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these fields; of two fields with one name, neither can be trusted."""
    result = dict(pairs)
    if len(result) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r:.40} occurs twice in one object")
    return result


def _integer(digits: str) -> int:
    """A whole number that a float can hold; longer ones would take time to read."""
    if len(digits) > 310:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


# ---- checks ------------------------------------------------------------------------------------


def _check_header(document: dict[str, Any], file: str) -> None:
    """Refuse other formats, newer versions, missing and unknown fields."""
    if document.get("format") != FORMAT:
        raise _wrong(file, "format", repr(FORMAT), document.get("format"))
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _wrong(file, "version", f"a whole number from 1 to {VERSION}", version)
    if version > VERSION:
        what = f"expected at most {VERSION}, found {version!r:.40}: this is of a newer release"
        raise _error(file, "version", what, "install a newer microgrunderscore")
    fields = {"format", "version", "about", "parameters"}
    if set(document) != fields:
        wanted, found = quoted(sorted(fields)), quoted(sorted(document))
        what = f"expected the fields {wanted}, found {found}"
        raise _error(file, "", what, "save the model again")


def _check_state(state: Any, file: str) -> None:
    """Refuse anything but a dict from texts to finite numbers."""
    if not isinstance(state, dict):
        raise _wrong(file, "parameters", "an object of numbers", state)
    for name, value in state.items():
        _check_key(name, file, "parameters")
        if type(value) is not float or not math.isfinite(value):
            _check_number(value, file, f"parameters[{name!r:.80}]")


def _check_about(about: Any, file: str) -> None:
    """Refuse anything but a dict of plain JSON data."""
    if not isinstance(about, dict):
        raise _wrong(file, "about", "an object", about)
    _check_data(about, file, "about", 2)


def _check_data(value: Any, file: str, where: str, depth: int) -> None:
    """Refuse what JSON cannot hold; `depth` counts the brackets around and of the value."""
    if depth > DEEPEST and isinstance(value, dict | list | tuple):
        raise _error(file, where, f"expected at most {DEEPEST} levels, found more", "flatten it")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_key(key, file, where)
            _check_data(item, file, f"{where}[{key!r:.80}]", depth + 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_data(item, file, f"{where}[{i}]", depth + 1)
    elif value is not None and not isinstance(value, str | bool):
        _check_number(value, file, where)


def _check_key(key: Any, file: str, where: str) -> None:
    """Refuse a key that is not a text: JSON would silently turn it into one."""
    if not isinstance(key, str):
        raise _wrong(file, where, "keys that are texts", key)


def _check_number(value: Any, file: str, where: str) -> None:
    """Refuse what is not a finite number; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(file, where, "a finite number", value)
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise _wrong(file, where, "a finite number that a float can hold", value)


def _error(file: str, where: str, what: str, way_out: str) -> ModelFileError:
    """The error of a place in a file."""
    return ModelFileError(f"{file}: {where + ': ' if where else ''}{what}; {way_out}")


def _wrong(file: str, where: str, expected: str, found: object) -> ModelFileError:
    """The error of a place that holds something else than it should."""
    what = f"expected {expected}, found {_shown(found)}"
    return _error(file, where, what, "correct it, or save the model again")


def _shown(found: object) -> str:
    """A value and its type in a few words, however large it is."""
    kind = type(found).__name__
    if isinstance(found, list | tuple | dict):
        return f"a {kind} of {len(found)}"
    if isinstance(found, int) and found.bit_length() >= 1024:
        return f"an {kind} of {found.bit_length()} bits"
    return f"{found!r:.60} ({kind})"


def _too_large(file: str, size: int) -> ModelFileError:
    """The error of a file that no model of scalars needs."""
    what = f"expected at most {MOST_BYTES} bytes, found {size}"
    return _error(file, "", what, "a model of this size is not for a scalar engine")


# ---- the disk ----------------------------------------------------------------------------------


def _read(file: str) -> bytes:
    """The bytes of a regular file of a size that can be a model."""
    status = os.stat(file)
    if not stat.S_ISREG(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise _error(file, "", f"expected a file, found {what}", "name a model file")
    if status.st_size > MOST_BYTES:
        raise _too_large(file, status.st_size)
    with open(file, "rb") as stream:
        return stream.read(MOST_BYTES + 1)
