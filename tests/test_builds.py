"""Which build runs, and that an installation has all of the compiled modules or none.

The tests that build packages take minutes and the network: they run where REQUIRE_BUILDS is set.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

import microgrunderscore as mg
from microgrunderscore import builds, cli

PACKAGE = Path(mg.__file__).parent
ROOT = Path(__file__).parent.parent
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")
COMPILED: tuple[str, ...] = ast.literal_eval(re.findall(r"^COMPILED = (.+)", SETUP, re.M)[0])
SUFFIX = EXTENSION_SUFFIXES[0]
VERSION = f"microgrunderscore {mg.__version__}"
PYTHON = f"CPython {sys.version.split()[0]}"

PATIENCE = 600  # s, for what takes one minute where nothing else runs


def builds_packages(test: Callable[..., None]) -> Callable[..., None]:
    """A test that takes long, and runs on demand."""
    is_left_out = not os.environ.get("REQUIRE_BUILDS")
    skip = pytest.mark.skipif(is_left_out, reason="set REQUIRE_BUILDS=1 to build packages")
    for mark in (skip, pytest.mark.timeout(PATIENCE)):
        test = mark(test)
    return test


def run(*command: object, cwd: Path, **environment: str) -> str:
    """What a program prints, on both of its streams; the switch is off unless it is given."""
    inherited = {k: v for k, v in os.environ.items() if k not in (builds.SWITCH, "PYTHONPATH")}
    done = subprocess.run(
        [str(x) for x in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=inherited | environment,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


# ---- which one runs -----------------------------------------------------------------------------


def test_the_version_says_which_engine_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    build = "pure Python" if (mg.engine.__file__ or "").endswith(".py") else "compiled"
    assert capsys.readouterr() == (f"{VERSION} ({build} engine, {PYTHON})\n", "")
    assert builds.compiled() == (build == "compiled")


def test_compiled_are_all_or_none() -> None:
    files = [importlib.import_module(f"{PACKAGE.name}.{name}").__file__ or "" for name in COMPILED]
    assert {file.endswith(SUFFIX) for file in files} == {builds.compiled()}


def test_the_switch_selects_the_sources_of_this_package() -> None:
    code = "import sys, microgrunderscore as mg; print(mg.builds.description(), *sys.modules)"
    said = run(sys.executable, "-c", code, cwd=PACKAGE.parent, **{builds.SWITCH: "1"})
    assert said.startswith(f"pure Python engine, {PYTHON} ")
    assert "mypyc" not in said


def documented(node: ast.AST, found: Any) -> Iterator[tuple[Any, str]]:
    """What a source makes public, as the module that runs has it, with its docstring there."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        yield found, ast.get_docstring(node) or ""
    if isinstance(node, ast.Module | ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.ClassDef | ast.FunctionDef) and inner.name[0] != "_":
                yield from documented(inner, vars(found).get(inner.name))


@pytest.mark.parametrize("name", COMPILED)
def test_help_and_its_examples_hold_for_the_module_that_runs(name: str) -> None:
    module = importlib.import_module(f"{PACKAGE.name}.{name}")
    path = PACKAGE / f"{name}.py"
    runner, parser = doctest.DocTestRunner(), doctest.DocTestParser()
    for found, text in documented(ast.parse(path.read_text(encoding="utf-8")), module):
        assert not text or inspect.getdoc(found) == text
        runner.run(parser.get_doctest(text, dict(vars(module)), name, str(path), 0))
    assert runner.summarize().failed == 0


@pytest.mark.parametrize("name", COMPILED)
def test_getter_and_setter_have_one_type(name: str) -> None:
    """Compiled code takes the setter's type from the getter: a float would pass for an object."""
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
        getters = {f.name: f.returns for f in methods if len(f.args.args) == 1}
        for f in methods:
            if any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in f.decorator_list):
                get, put = getters[f.name], f.args.args[1].annotation
                assert get is not None
                assert put is not None
                assert ast.unparse(get) == ast.unparse(put), f"{name}: {f.name}"


# A package of two modules with our builds.py, in which one of Python's own extension modules stands
# for the compiled engine: so the switch is tested where nothing was compiled.

NATIVE = Path(getattr(importlib.import_module("_heapq"), "__file__", "built in"))


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    if not NATIVE.name.endswith(SUFFIX):
        pytest.skip("this Python has no file of an extension module to lend")
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "__init__.py").write_text("from . import builds, _heapq")
    (folder / "_heapq.py").touch()
    shutil.copy(NATIVE, folder)
    source = Path(builds.__file__).read_text(encoding="utf-8")
    for ours in ("}.compiled__mypyc", "}.engine"):
        assert source.count(ours) == 1
        source = source.replace(ours, "}._heapq")
    (folder / "builds.py").write_text(source, encoding="utf-8")
    return folder


SAID = "import sample; print(sample.builds.compiled(), sample._heapq.__file__)"


def what_runs(where: Path, *options: str, **environment: str) -> tuple[bool, str]:
    """What builds.compiled() says; and the file, after what was warned of."""
    said = run(sys.executable, *options, "-c", SAID, cwd=where, PYTHONPATH=".", **environment)
    ((warned, answer, file),) = re.findall(r"^(.*?)(True|False) (.*)\n$", said, re.S)
    return answer == "True", warned + Path(file).name


@pytest.mark.parametrize(
    ("value", "is_compiled"),
    [(None, True), ("", True), ("0", True), ("1", False), ("2", False), ("yes", False)],
)
def test_the_switch(stand_in: Path, value: str | None, is_compiled: bool) -> None:
    environment = {} if value is None else {builds.SWITCH: value}
    file = NATIVE.name if is_compiled else "_heapq.py"
    assert what_runs(stand_in.parent, "-W", "error", **environment) == (is_compiled, file)


def test_what_was_compiled_for_another_python_is_passed_over(stand_in: Path) -> None:
    native = stand_in / NATIVE.name
    native.rename(native.with_name("_heapq.cpython-39-x86_64-linux-gnu.so"))
    assert what_runs(stand_in.parent, "-W", "error") == (False, "_heapq.py")


def test_in_a_zip_file_are_sources_alone(stand_in: Path) -> None:
    shutil.make_archive(str(stand_in), "zip", stand_in.parent, stand_in.name)
    shutil.rmtree(stand_in)
    with zipfile.ZipFile(f"{stand_in}.zip") as archive:
        assert f"sample/{NATIVE.name}" in archive.namelist()
    for environment in ({}, {builds.SWITCH: "1"}):
        said = run(sys.executable, "-W", "error", "-c", SAID, cwd=stand_in.parent,
                   PYTHONPATH=f"{stand_in}.zip", **environment)  # fmt: skip
        assert said.startswith("False ")
        assert said.endswith("_heapq.py\n")


def test_what_cannot_be_loaded_is_told_and_replaced(stand_in: Path) -> None:
    (stand_in / NATIVE.name).write_bytes(b"\x7fELF of another machine" * 100)
    is_compiled, said = what_runs(stand_in.parent)
    assert not is_compiled
    assert said.endswith("_heapq.py")
    for told in ("<string>:1: RuntimeWarning", NATIVE.name, "runs as Python", builds.SWITCH):
        assert told in said
    assert what_runs(stand_in.parent, **{builds.SWITCH: "1"}) == (False, "_heapq.py")


# ---- how they are made --------------------------------------------------------------------------

BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, sys.argv[1])(sys.argv[2])
"""
LEFT_OUT = (
    *(".*", "__pycache__", "*.egg-info", "*.so", "*.pyd", "*-demo.html", "build", "dist"),
    "node_modules",
)
NOTICE = "microgrunderscore becomes pure Python: "


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources."""
    return Path(shutil.copytree(ROOT, tmp_path / "checkout", ignore=_left_out))


_left_out = shutil.ignore_patterns(*LEFT_OUT)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with what pyproject.toml asks for in order to build."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    python = bare(tmp_path_factory.mktemp("builder"))
    run(python, "-m", "pip", "install", "--quiet", *asked, cwd=ROOT)
    return python


def bare(folder: Path) -> Path:
    """The Python of a new virtual environment."""
    run(sys.executable, "-m", "venv", folder, cwd=ROOT)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def wheel(python: Path, checkout: Path, **environment: str) -> tuple[Path, str]:
    """A wheel of a checkout, and what was said while it was built."""
    place = checkout / "dist"
    said = run(python, "-c", BUILD, "build_wheel", place, cwd=checkout, **environment)
    (built,) = place.glob("*.whl")
    return built, said


def names(built: Path) -> set[str]:
    with zipfile.ZipFile(built) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def sources(checkout: Path) -> set[str]:
    """The package, as it belongs into every wheel."""
    shipped = (".py", ".typed", ".csv", ".js", ".css")
    return {f"{PACKAGE.name}/{x}" for x in files(checkout / PACKAGE.name) if x.endswith(shipped)}


def native() -> set[str]:
    """The compiled modules, and the library of their code."""
    return {f"{PACKAGE.name}/{name}{SUFFIX}" for name in (*COMPILED, "compiled__mypyc")}


def is_pure(built: Path, checkout: Path) -> bool:
    """Whether a wheel is for every platform, and holds all of the sources and nothing else."""
    assert names(built) == sources(checkout)
    return built.name == f"microgrunderscore-{mg.__version__}-py3-none-any.whl"


def test_the_list_names_modules() -> None:
    assert {f"{name}.py" for name in COMPILED} <= files(PACKAGE)


@builds_packages
def test_sdist_wheel_and_installation(checkout: Path, builder: Path, tmp_path: Path) -> None:
    """From the sources over an sdist, the build environment being pip's, to a bare environment."""
    before = files(checkout)
    run(builder, "-c", BUILD, "build_sdist", tmp_path, cwd=checkout)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    own = {"PKG-INFO", "setup.cfg"}
    assert {x for x in files(unpacked) if ".egg-info/" not in x} - own == before - own
    python = bare(tmp_path / "bare")
    run(python, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, sdist, cwd=tmp_path)
    (built,) = tmp_path.glob("*.whl")
    assert names(built) == sources(checkout) | native()
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert built.name.startswith(f"microgrunderscore-{mg.__version__}-{tag}-{tag}-")
    run(python, "-m", "pip", "install", "--quiet", built, cwd=tmp_path)
    ask = (python, "-W", "error", "-m", PACKAGE.name, "--version")
    assert run(*ask, cwd=tmp_path) == f"{VERSION} (compiled engine, {PYTHON})\n"
    pure = {builds.SWITCH: "1"}
    assert run(*ask, cwd=tmp_path, **pure) == f"{VERSION} (pure Python engine, {PYTHON})\n"


Arrange = Callable[[Path], dict[str, str]]  # makes something fail, by files and by environment


def compiler(script: str) -> Arrange:
    """A C compiler that writes empty files, and this."""

    def written(folder: Path) -> dict[str, str]:
        path = folder / "cc"
        made = 'for x; do [ "$last" = -o ] && mkdir -p "$(dirname "$x")" && : > "$x"; last=$x; done'
        path.write_text(f"#!/bin/sh\ncd '{folder}'\n{script}\n{made}\n")
        path.chmod(0o755)
        return {"CC": str(path)}

    return written


def without(package: str) -> Arrange:
    """A Python on which this package cannot be imported."""

    def hidden(folder: Path) -> dict[str, str]:
        (folder / f"{package}.py").write_text(f"raise ImportError('no {package} here')")
        return {"PYTHONPATH": str(folder)}

    return hidden


def not_for_mypyc(folder: Path) -> dict[str, str]:
    with (folder / "checkout" / PACKAGE.name / "engine.py").open("a") as file:
        file.write("\nan_error: int = 'not a number'\n")
    return {}


FAILURES: dict[str, tuple[Arrange, str]] = {
    "no compiler": (lambda _: {"CC": "/no/such/compiler"}, "/no/such/compiler"),
    "nothing compiles": (lambda _: {"CC": "false"}, "false"),
    "the second call fails": (compiler("[ -e cc.ran ] && exit 1; : > cc.ran"), "cc"),
    "nothing links": (compiler('case "$*" in *-shared*|*-bundle*) exit 1;; esac'), "cc"),
    "the last link fails": (
        compiler(f'case "$*" in *-shared*{COMPILED[-1]}.o*) exit 1;; esac'),
        "cc",
    ),
    "no mypyc": (without("mypyc"), "no mypyc here"),
    "mypyc refuses": (not_for_mypyc, "mypyc refuses the sources"),
}


@builds_packages
@pytest.mark.skipif(os.name == "nt", reason="the compilers are shell scripts")
@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_leaves_a_pure_package(
    failure: str, checkout: Path, builder: Path, tmp_path: Path
) -> None:
    arrange, reason = FAILURES[failure]
    environment = arrange(tmp_path)
    before = files(checkout)
    built, said = wheel(builder, checkout, **environment)
    (line,) = [line for line in said.splitlines() if NOTICE in line]
    assert reason in line.partition(NOTICE)[2]
    assert is_pure(built, checkout)
    built.unlink()
    assert {x for x in files(checkout) if ".egg-info/" not in x} == before


@builds_packages
def test_those_compilers_fail_for_what_they_refuse(
    checkout: Path, builder: Path, tmp_path: Path
) -> None:
    """One that refuses nothing is good enough for a wheel, though not for running it."""
    built, said = wheel(builder, checkout, **compiler("")(tmp_path))
    assert NOTICE not in said
    assert names(built) == sources(checkout) | native()


@builds_packages
def test_a_pure_wheel_needs_no_compiler(checkout: Path, builder: Path, tmp_path: Path) -> None:
    failing = {"CC": "false", **without("mypyc")(tmp_path), builds.SWITCH: "1"}
    built, said = wheel(builder, checkout, **failing)
    assert NOTICE not in said
    assert is_pure(built, checkout)
    said = run(sys.executable, "-c", "import microgrunderscore as mg; print(mg.builds.compiled())",
               cwd=tmp_path, PYTHONPATH=str(built))  # fmt: skip
    assert said == "False\n"


@builds_packages
def test_builds_in_the_same_place_do_not_mix(checkout: Path, builder: Path, tmp_path: Path) -> None:
    def build(**environment: str) -> Path:
        shutil.rmtree(checkout / "dist", ignore_errors=True)
        return wheel(builder, checkout, **compiler("")(tmp_path), **environment)[0]

    run(builder, "setup.py", "build_ext", "--inplace", cwd=checkout, **compiler("")(tmp_path))
    assert native() <= files(checkout)
    for folder in ("lib", f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"):
        stale = checkout / "build" / folder / PACKAGE.name
        stale.mkdir(parents=True)
        (stale / f"engine{SUFFIX}").write_bytes(b"")
        (stale / "stale.py").write_bytes(b"")
    assert is_pure(build(**{builds.SWITCH: "1"}), checkout)
    assert names(build()) == sources(checkout) | native()
    assert is_pure(build(**{builds.SWITCH: "1"}), checkout)


@builds_packages
def test_an_editable_installation_runs_as_it_is_written(
    checkout: Path, builder: Path, tmp_path: Path
) -> None:
    before = files(checkout)
    said = run(builder, "-c", BUILD, "build_editable", tmp_path, cwd=checkout)
    assert NOTICE not in said
    assert {x for x in files(checkout) if ".egg-info/" not in x} == before
    (built,) = tmp_path.glob("*.whl")
    assert "-py3-none-any" in built.name or "editable" in built.name
