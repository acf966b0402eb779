"""What pyproject.toml cannot say: some modules are compiled to C, by mypyc, where that is possible.

All or nothing: the compiled modules are built in a folder of their own, and join the package once
the last of them is linked. Whatever goes wrong on the way there, no C compiler being the usual
thing, one line says so, and the package is installed as pure Python, which does the same more
slowly. (An Extension with optional=True would be left out alone, and break the others.)

MICROGRUNDERSCORE_PURE=1 compiles nothing. Neither does an editable install: what is there to be
edited must run as it is written. To compile beside the sources: python setup.py build_ext --inplace
"""

from __future__ import annotations

import ast
import logging
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Distribution, Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

PACKAGE = "microgrunderscore"
COMPILED = ("operation", "numeric", "engine", "updates")
GROUP = f"{PACKAGE}.compiled"  # all code is in one library of this name, and modules share calls
MYPY = [
    "--config-file=",  # strictness is for those who write the code, not for those who install it
    "--follow-imports=silent",
    "--ignore-missing-imports",
    f"--cache-dir={os.devnull}",
]
# Calls within the library may be inlined, as nobody replaces its functions from outside.
INLINING = [] if sys.platform == "win32" else ["-fno-semantic-interposition"]
# Where C code has room for the docstring of a function, class, property or module of this name.
ROOMS = (
    r'(CPyPy_(\w+),\s+METH_.*PyDoc_STR\((?:".*")?)(?:NULL)?(?=\))',
    r'(\.tp_methods = (\w+)_methods,(?:\n.*)*?\n *\.tp_doc = PyDoc_STR\((?:".*")?)(?:NULL)?(?=\))',
    r"(\(getter\)(\w+)_get_(\w+),\s+(?:\(setter\)\w+|NULL),\s+)NULL",
    rf'("{PACKAGE}\.(\w+)",\n *)NULL',
)
# Where the setter of a property begins.
SETTER = r"    char retval = 2;\n    retval = CPyDef_\w+?___(\w+?)_____mypyc_setter__(\w+)\("
# A folder of its own for every build: none finds what another has left, for another Python perhaps.
WORK = TemporaryDirectory(prefix=f"{PACKAGE}-")


class Compile(build_ext):
    """Compile all modules, or none."""

    def run(self) -> None:
        if self.editable_mode:
            return self._leave_out()
        try:
            compiled = compile_to(Path(WORK.name, "compiled"))
        except (Exception, SystemExit) as error:  # whatever it is: there is a way without
            self._leave_out()
            why = "mypyc refuses the sources" if isinstance(error, SystemExit) else str(error)
            notice = f"{PACKAGE} becomes pure Python: {' '.join(why.split())}"
            self.announce(notice, logging.WARNING)
        else:
            self.copy_tree(str(compiled), "." if self.inplace else self.build_lib)

    def _leave_out(self) -> None:
        self.extensions = self.distribution.ext_modules = []
        if self.inplace or self.editable_mode:  # what an earlier build has left would still run
            for left in Path(PACKAGE).iterdir():
                if left.suffix in (".so", ".pyd"):
                    left.unlink()


class Wheel(bdist_wheel):
    """A wheel in which nothing turned out to be compiled is for every platform."""

    def run(self) -> None:
        self.run_command("build")
        self.skip_build = True
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()


def compile_to(folder: Path) -> Path:
    """Translate the modules to C and compile that."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise RuntimeError("without the global interpreter lock compiled objects are not safe")
    from mypyc.build import mypycify

    translated = str(Path(WORK.name, "translated"))
    sources = [f"{PACKAGE}/{name}.py" for name in COMPILED]
    extensions = mypycify(
        [*MYPY, *sources],
        opt_level="3",
        debug_level="0",
        group_name=GROUP,
        target_dir=translated,
    )
    code = Path(extensions[0].sources[0])
    written = with_refusals(with_docstrings(code.read_text(encoding="utf-8")))
    code.write_text(written, encoding="utf-8")
    for extension in extensions:  # the warnings of compilers to come are no errors
        kept = [x for x in extension.extra_compile_args if x != "-Werror"]
        extension.extra_compile_args = [*kept, *INLINING]
    command = build_ext(Distribution({"ext_modules": extensions}))
    command.build_lib, command.build_temp = str(folder), translated
    command.ensure_finalized()
    command.run()
    return folder


def with_docstrings(code: str) -> str:
    """C code with the docstrings of the sources, which mypyc leaves out: help() shall show them."""
    found: dict[str, str] = {}
    for name in COMPILED:
        tree = ast.parse(Path(PACKAGE, f"{name}.py").read_text(encoding="utf-8"))
        found.update(docstrings(tree, name))

    def filled(room: re.Match[str]) -> str:
        text = found.get("___".join(room.groups()[1:]), "")
        literal = "".join(f"\\{byte:03o}" for byte in text.encode())
        return f'{room[1]} "{literal}"' if text else room[0]

    for room in ROOMS:
        code = re.sub(room, filled, code)
    return code


def with_refusals(code: str) -> str:
    """C code that refuses to delete what a property stands for; mypyc's would set it to nothing."""

    def refusing(start: re.Match[str]) -> str:
        why = f"property '{start[2]}' of '{start[1]}' object has no deleter"
        return (
            f'    if (value == NULL) {{\n        PyErr_SetString(PyExc_AttributeError, "{why}");\n'
            f"        return -1;\n    }}\n{start[0]}"
        )

    return re.sub(SETTER, refusing, code)


def docstrings(
    node: ast.Module | ast.ClassDef | ast.FunctionDef, name: str
) -> Iterator[tuple[str, str]]:
    """All docstrings in a source, by the names that mypyc has for what they describe."""
    if text := ast.get_docstring(node):
        yield name, text
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef):
            yield from docstrings(inner, f"{name}___{inner.name}")


def extensions() -> list[Extension]:
    """What is to be compiled; Compile translates the sources first."""
    if os.environ.get("MICROGRUNDERSCORE_PURE", "0") not in ("", "0"):
        return []
    return [Extension(f"{PACKAGE}.{name}", [f"{PACKAGE}/{name}.py"]) for name in COMPILED]


setup(
    cmdclass={"bdist_wheel": Wheel, "build_ext": Compile},
    ext_modules=extensions(),
    options={"build": {"build_base": WORK.name}},
)
