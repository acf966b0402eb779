"""The house holds: imports run one way, nothing dangerous is used, nothing foreign is needed."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import microgrunderscore

PACKAGE = Path(microgrunderscore.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Who stands on whom. What is not named here stands between the engine and the pictures.
FOUNDATION = ("operation", "ops", "numeric", "engine")
UPSTAIRS = (
    *("pictures", "charts", "report"),
    *("compiled", "compiled_function", "compiled_loss", "compiling", "compiled_training"),
    *("training", "demo", "cli", "__main__"),
)
ALONE = (
    "version",
    "builds",
    "arguments",
    "files",
    "store",
    "preparation",
    "sheet",
    "tables",
    "datasets",
)  # stand on each other at most
BETWEEN = len(FOUNDATION)
MAY_COMPILE = ("program/on_python",)
# What works on arrays, and is imported where arrays are: inside functions of others.
ON_ARRAYS = frozenset(
    f"program/{name}"
    for name in (
        "strides",
        "groups",
        "on_numpy",
        "on_llvm",
        "machine",
        "idioms",
        "parts",
        "phrases",
        "llvm_frame",
        "llvm_rows",
        "llvm_lanes",
        "llvm_members",
    )
)


def name_of(path: Path) -> str:
    """``pictures/svg`` for pictures/svg.py, ``pictures`` for pictures/__init__.py."""
    name = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return name.removesuffix("/__init__")


MODULES = {name_of(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
every_module = pytest.mark.parametrize("name", MODULES)


def rank(name: str) -> int:
    room = name.split("/")[0]
    if room in FOUNDATION:
        return FOUNDATION.index(room)
    if room in UPSTAIRS:
        return BETWEEN + 1 + UPSTAIRS.index(room)
    return ALONE.index(room) - len(ALONE) if room in ALONE else BETWEEN


def imports(name: str, tree: ast.AST | None = None) -> Iterator[tuple[str, bool]]:
    """What a module imports: (module of the package or foreign name, whether it is our own)."""
    inside = MODULES[name].parent.relative_to(PACKAGE).parts
    for node in ast.walk(tree or TREES[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.name.split(".")[0] == PACKAGE.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module), str(node.module).split(".")[0] == PACKAGE.name
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1]
            base += tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                inner = "/".join((*base, alias.name))
                yield (inner if inner in MODULES else "/".join(base)), True


def own_imports(name: str) -> set[str]:
    return {imported for imported, is_own in imports(name) if is_own}


@every_module
def test_imports_run_one_way(name: str) -> None:
    if name in ("__init__", "."):
        return
    for imported in own_imports(name):
        room = imported.split("/")[0]
        same_room = room == name.split("/")[0] and imported != name
        both_between = rank(name) == rank(imported) == BETWEEN
        assert imported not in ("", ".", "__init__", PACKAGE.name), f"{name} imports the package"
        assert imported in MODULES, f"{name} imports {imported}"
        assert rank(imported) < rank(name) or same_room or both_between, f"{name} ← {imported}"


def test_no_module_imports_itself_over_others() -> None:
    graph = {name: own_imports(name) for name in MODULES if name != "__init__"}
    for name, imported in graph.items():  # a room's __init__ is there for those outside it
        imported.discard(name.split("/")[0] if "/" in name else "")
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_the_foundation_stands_as_laid_out() -> None:
    assert own_imports("operation") == set()
    assert own_imports("ops") == {"operation"}
    assert own_imports("numeric") <= {"builds", "operation", "ops"}
    assert own_imports("engine") <= {"builds", "operation", "ops", "numeric"}


def _banned(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = names if isinstance(node, ast.Import) else [str(node.module)]
            for dangerous in ("pickle", "cPickle", "dill", "shelve", "marshal", "cloudpickle"):
                if any(m.split(".")[0] == dangerous for m in modules):
                    yield dangerous
            if "*" in names:
                yield "import *"
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in ("eval", "exec", "compile"):
                yield called.id
            if isinstance(called, ast.Name) and called.id == "__import__":
                yield called.id
            if isinstance(called, ast.Attribute) and called.attr in ("system", "popen"):
                yield called.attr
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg == "shell" and not (
                    isinstance(value, ast.Constant) and value.value is False
                ):
                    yield "shell=True"


@every_module
def test_nothing_dangerous_is_used(name: str) -> None:
    found = set(_banned(TREES[name]))
    assert found <= ({"exec", "compile"} if name in MAY_COMPILE else set())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from pickle import loads", ["pickle"]),
        ("from math import *", ["import *"]),
        ("eval('1')", ["eval"]),
        ("exec('1')", ["exec"]),
        ("compile('1', 'f', 'eval')", ["compile"]),
        ("import re; re.compile('1')", []),
        ("run('ls', shell=True)", ["shell=True"]),
        ("run('ls', shell=yes)", ["shell=True"]),
        ("run('ls', shell=False)", []),
        ("import os; os.system('ls')", ["system"]),
    ],
)
def test_the_ban_bites(code: str, found: list[str]) -> None:
    assert list(_banned(ast.parse(code))) == found


def _at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that are made as soon as this code runs."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "finalbody"):
                yield from _at_import(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _at_import(handler.body)


def _foreign_at_import(name: str) -> set[str]:
    nodes = list(_at_import(TREES[name].body))
    plain = {a.name.split(".")[0] for n in nodes if isinstance(n, ast.Import) for a in n.names}
    return plain | {
        str(n.module).split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and not n.level
    }


@every_module
def test_optional_libraries_are_imported_where_they_are_used(name: str) -> None:
    allowed = {*sys.stdlib_module_names, *(["numpy"] if name in ON_ARRAYS else [])}
    assert _foreign_at_import(name) <= allowed


@every_module
def test_what_works_on_arrays_is_imported_where_arrays_are(name: str) -> None:
    at_import = ast.Module([*_at_import(TREES[name].body)], [])
    if name not in ON_ARRAYS:
        assert not ON_ARRAYS & {imported for imported, _ in imports(name, at_import)}


@pytest.mark.parametrize("name", ALONE)
def test_rooms_that_need_the_standard_library_only(name: str) -> None:
    foreign = {m.split(".")[0] for m, is_own in imports(name) if not is_own}
    assert foreign <= {*sys.stdlib_module_names, "mypy_extensions"}  # that one for types alone


def test_a_bare_interpreter_can_import_it() -> None:
    """Without site-packages, and nothing but the standard library comes along."""
    code = f"""
import sys
sys.path[:] = [{str(PACKAGE.parent)!r}, *[p for p in sys.path if "site-packages" not in p]]
import microgrunderscore as mg
x = mg.Value(2.0)
(x * x).backward()
assert x.grad == 4.0
print(*sorted({{m.split(".")[0] for m in sys.modules}} - set(sys.stdlib_module_names)))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"__main__", "microgrunderscore"}
    assert done.stderr == ""


@every_module
def test_names_say_what_is_inside(name: str) -> None:
    assert not {"utils", "util", "helpers", "helper", "core", "manager", "common", "misc"} & {
        *name.split("/")
    }


@every_module
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(TREES[name])
