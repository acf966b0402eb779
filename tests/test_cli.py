"""The command line: what it prints, where, with which exit code; and that no error is a traceback.

Most commands run in this process. Those about processes (pipes, signals, locales, what is
installed) run in a child.
"""

from __future__ import annotations

import csv
import html
import json
import math
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import microgrunderscore
from microgrunderscore import cli, store, training
from microgrunderscore.nn import MLP

PACKAGE = Path(microgrunderscore.__file__).parent
IRIS = str(PACKAGE / "iris.csv")
QUICK = ("--epochs", "1", "--hidden", "2")


class Said(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run(*arguments: object) -> Said:
        code = cli.main([str(x) for x in arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    """y = 3a − 2b + 1, in 60 rows."""
    rng = random.Random(0)
    rows = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(60)]
    return written(tmp_path / "plane.csv", [("a", "b", "y")] + [
        (f"{a:.4f}", f"{b:.4f}", f"{3 * a - 2 * b + 1:.4f}") for a, b in rows
    ])  # fmt: skip


def written(path: Path, rows: list[tuple[str, ...]]) -> Path:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def refused(said: Said, code: int, *words: str) -> None:
    """Nothing on stdout, one line on stderr, with these words."""
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("microgrunderscore: ")
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


# ---- explain and grad ---------------------------------------------------------------------------


def test_explain_prints_the_chain_rule(run: Run) -> None:
    assert run("explain", "log(x*y)", "x=2", "y=3", "--wrt", "x") == (
        0,
        "∂z/∂x = ∂z/∂w · ∂w/∂v · ∂v/∂x = 1 × 1/v × y = y/v = 1/x\n      = 1 × 0.1667 × 3 = 0.5\n",
        "",
    )


def test_explain_takes_all_inputs_and_latex(run: Run) -> None:
    said = run("explain", "log(x*y)", "x=2", "y=3")
    assert "∂z/∂x" in said.out
    assert "∂z/∂y" in said.out
    assert r"\frac{\partial z}{\partial x}" in run("explain", "x*y", "x=2", "y=3", "--latex").out


@pytest.mark.parametrize(
    ("arguments", "value", "gradient"),
    [
        (["log(x*y)", "x=2", "y=3"], math.log(6), {"x": 1 / 2, "y": 1 / 3}),
        (["3"], 3.0, {}),
        (["x", "x=2"], 2.0, {"x": 1.0}),
        (["-x*y", "x=2", "y=3"], -6.0, {"x": -3.0, "y": -2.0}),  # begins as an option does
        (["-x", "x=-2"], 2.0, {"x": -1.0}),
        (["-exp(-x)", "x=0"], -1.0, {"x": 1.0}),
        (["--", "-x", "x=2"], -2.0, {"x": -1.0}),
        (["--", "--x", "x=2"], 2.0, {"x": 1.0}),
        (["x*y", "--json", "x=2", "y=3"], 6.0, {"x": 3.0, "y": 2.0}),
        (["x*y", "x=2", "--json", "y=3"], 6.0, {"x": 3.0, "y": 2.0}),
        (["--json", "x*y", "x=2", "y=3"], 6.0, {"x": 3.0, "y": 2.0}),
        (["x*x", "x= 2"], 4.0, {"x": 4.0}),
        (["x*x", " x = 2 "], 4.0, {"x": 4.0}),
        (["x*x", "x=1e3"], 1e6, {"x": 2e3}),
        (["x*x", "x=1_000"], 1e6, {"x": 2e3}),
        (["x*x", "x=1e-400"], 0.0, {"x": 0.0}),
        (["log(log)", "log=3"], math.log(3), {"log": 1 / 3}),  # a name that is an operation's
        (["e*pi", "e=2", "pi=3"], 6.0, {"e": 3.0, "pi": 2.0}),
        (["é*λ", "e\u0301=2", "λ=3"], 6.0, {"é": 3.0, "λ": 2.0}),  # é typed in two ways
        (["x", "x=nan"], "nan", {"x": 1.0}),
        (["x*y", "x=inf", "y=0"], "nan", {"x": 0.0, "y": "inf"}),
        (["+".join(["x"] * 500), "x=1"], 500.0, {"x": 500.0}),
    ],
    ids=lambda x: str(x)[:30],
)
def test_grad_as_json(run: Run, arguments: list[str], value: Any, gradient: dict[str, Any]) -> None:
    options = [] if "--json" in arguments else ["--json"]
    said = run("grad", *options, *arguments)
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out, parse_constant=pytest.fail)
    assert found == {"value": pytest.approx(value), "gradient": pytest.approx(gradient)}


def test_grad_as_text(run: Run) -> None:
    assert run("grad", "x*y", "x=2", "y=3").out == "z = 6.0\n∂z/∂x = 3.0\n∂z/∂y = 2.0\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x*y", "x=2"], "y has no value: add y=…"),
        (["x"], "x has no value: add x=…"),
        (["x", "x=2", "y=3"], "y has a value but does not occur"),
        (["x", "x=2", "x=3"], "x has two values: give it one"),
        (["ﬁ", "ﬁ=2", "fi=3"], "fi has two values"),
        (["x", "x"], "'x' gives no input a value: write x=2"),
        (["x", "=2"], "gives no input a value"),
        (["x", "x="], "'' is not a number: write x=2"),
        (["x", "x=2=3"], "'2=3' is not a number"),
        (["x", "x=1,5"], "'1,5' is not a number"),
        (["x", "x=two"], "'two' is not a number"),
        (["x", "x=1e400"], "x=1e400 is too large for a float"),
        (["x", "2=x"], "'x' is not a number"),
        (["x", "1x=2"], "'1x' is not a name"),
        (["x", "x\udcff=2"], "is not a name"),
        (["x\udcff", "x=2"], "cannot read the expression"),
        (["x\0", "x=2"], "cannot read the expression"),
        ([""], "the expression is empty"),
        (["   "], "the expression is empty"),
        (["x +", "x=2"], "cannot read the expression at character"),
        (["x\n+\ny)", "x=2"], "cannot read the expression"),
        (["if", "if=2"], "cannot read the expression"),
        (["log"], "log is an operation: write log(…)"),
        (["lag(x)", "x=2"], "did you mean 'log'?"),
        (["x^2", "x=2"], "write **"),
        (["__import__('os').system('true')"], "not allowed"),
        (["x.data", "x=2"], "attribute access"),
        (["(" * 5000 + "x" + ")" * 5000, "x=1"], "cannot read the expression"),
        (["x" + "-" * 19_000 + "x", "x=1"], "nested too deeply"),
        (["x" * 100_000, "x=1"], "too long"),
        (["-", "x=1"], "cannot read the expression"),
        (["x", "x=1", "--bogus"], "unknown: --bogus; see microgrunderscore grad --help"),
        (["--wrt", "x", "x", "x=1"], "unknown: --wrt"),
        ([], "required: EXPR"),
    ],
    ids=lambda x: str(x)[:30],
)
def test_expressions_that_are_not_understood(run: Run, arguments: list[str], words: str) -> None:
    refused(run("grad", *arguments), 2, words)


@pytest.mark.parametrize("command", ["explain", "grad"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["log(x)", "x=-6"], "log(-6.0) (labelled 'x'): log is defined for x > 0"),
        (["log(x*y)", "x=-2", "y=3"], "log(-6.0)"),
        (["1/x", "x=0"], "1.0 / 0.0"),
        (["exp(x)", "x=1000"], "too large for a float"),
        (["x**0.5", "x=-1"], "negative base"),
        (["sin(x)", "x=inf"], "sin(inf)"),
    ],
)
def test_outside_the_domain(run: Run, command: str, arguments: list[str], words: str) -> None:
    refused(run(command, *arguments), 1, words)


def test_explain_needs_an_input(run: Run) -> None:
    refused(run("explain", "x*y", "x=2", "y=3", "--wrt", "q"), 2, "--wrt q: the inputs are x, y")
    refused(run("explain", "3"), 2, "nothing to differentiate")
    assert run("explain", "é*2", "é=1", "--wrt", "e\u0301").code == 0


# ---- pictures of expressions --------------------------------------------------------------------

LOG_XY = ("log(x*y)", "x=2", "y=3")
TAPE = """\
↓ forward: values   ↑ backward: gradients
─────────────────   ─────────────────────────────────────────
x = 2               ∂z/∂x = 0.5
y = 3               ∂z/∂y = 0.3333
─────────────────   ─────────────────────────────────────────
v = x · y = 6       ∂z/∂y = ∂z/∂v · x = 0.1667 × 2 = 0.3333
                    ∂z/∂x = ∂z/∂v · y = 0.1667 × 3 = 0.5
z = log v = 1.792   ∂z/∂v = ∂z/∂z · 1/v = 1 × 0.1667 = 0.1667
                    ∂z/∂z = 1
"""
drawing = pytest.mark.parametrize("command", ["play", "draw"])
writing = pytest.mark.parametrize("command", ["play", "draw", "tape"])


class Browser:
    """What is asked of the browser; it opens unless told otherwise."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.answer: bool | Exception = True

    def open(self, page: str) -> bool:
        self.pages.append(page)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Browser:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return browser


def shown(path: Path) -> str:
    """The text of a page or picture, as a reader sees it."""
    return html.unescape(re.sub("<[^>]*>", "", path.read_text(encoding="utf-8")))


@drawing
def test_pictures_open_in_the_browser(run: Run, browser: Browser, command: str) -> None:
    said = run(command, *LOG_XY)
    page = Path(said.out.rstrip("\n"))
    assert (said.code, said.err, browser.pages) == (0, "", [page.as_uri()])
    assert page.suffix == ".html"
    assert "0.1667" in shown(page)


@drawing
@pytest.mark.parametrize("answer", [False, webbrowser.Error("no")])
def test_without_a_browser_the_page_is_named(
    run: Run, browser: Browser, command: str, answer: bool | Exception
) -> None:
    browser.answer = answer
    said = run(command, *LOG_XY)
    assert said.code == 0
    assert Path(said.out.rstrip("\n")).read_bytes().startswith(b"<!doctype html>")
    assert said.err == (
        "microgrunderscore: no browser could be opened: open this page yourself, or add -o z.html\n"
    )


@pytest.mark.parametrize(
    ("command", "name", "start"),
    [
        ("play", "z.html", b"<!doctype html>"),
        ("draw", "z.html", b"<!doctype html>"),
        ("draw", "z.svg", b"<svg "),
        ("draw", "Z.SVG", b"<svg "),
        ("draw", "z.dot", b"digraph "),
        ("draw", "z.png", b"\x89PNG"),
        ("draw", "z.pdf", b"%PDF"),
        ("tape", "z.html", b"<!doctype html>"),
        ("tape", "z.txt", "↓".encode()),
    ],
)
def test_pictures_as_files(
    run: Run, browser: Browser, tmp_path: Path, command: str, name: str, start: bytes
) -> None:
    needed = {".dot": "graphviz", ".png": "resvg_py", ".pdf": "graphviz"}.get(Path(name).suffix)
    if needed:
        pytest.importorskip(needed)
    if name == "z.pdf" and not shutil.which("dot"):
        pytest.skip("no Graphviz")
    file = tmp_path / name
    assert run(command, *LOG_XY, "-o", file) == (0, f"{file}\n", "")
    assert file.read_bytes().startswith(start)
    assert browser.pages == []
    kept = file.read_bytes()
    refused(run(command, *LOG_XY, "-o", file), 1, f"{name} exists", "add --overwrite")
    assert file.read_bytes() == kept
    assert run(command, "x*x", "x=7", "--overwrite", f"--output={file}").code == 0
    assert file.read_bytes() != kept
    assert os.listdir(tmp_path) == [name]


def test_what_needs_more_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    refused(run("draw", *LOG_XY, "-o", tmp_path / "z.png"), 1, "resvg-py", "pip install")
    refused(run("draw", *LOG_XY, "-o", tmp_path / "z.dot"), 1, "graphviz")
    assert not os.listdir(tmp_path)


def test_the_pictures_have_the_gradients(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "z.svg"
    assert run("draw", *LOG_XY, "-o", file).code == 0
    assert "Gradients: ∂z/∂x = 0.5; ∂z/∂y = 0.3333; ∂z/∂v = 0.1667; ∂z/∂z = 1." in shown(file)
    assert (
        run("draw", *LOG_XY, "--wrt", "y", "-o", file, "--overwrite", "--theme", "dark").code == 0
    )
    text = file.read_text(encoding="utf-8")
    assert "paths from y" in text
    assert "prefers-color-scheme" not in text
    assert run("draw", "é*2", "é=1", "--wrt", "e\u0301", "-o", tmp_path / "e.svg").code == 0


def test_standard_output_instead_of_a_file(run: Run) -> None:
    said = run("draw", *LOG_XY, "-o", "-")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("<svg ")
    assert said.out.endswith("</svg>\n")
    assert run("tape", *LOG_XY, "-o", "-").out == TAPE
    assert run("play", *LOG_XY, "-o", "-").out.startswith("<!doctype html>")


def test_tape_prints_both_traces(run: Run) -> None:
    assert run("tape", *LOG_XY) == (0, TAPE, "")


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["x", "x=2"], ["x = 2               ∂x/∂x = 1"]),  # an input keeps its name
        (["-x", "x=2"], ["z = −x = −2         ∂z/∂x = ∂z/∂z · (−1) = 1 × (−1) = −1"]),
        (["-o*2", "o=2"], ["z = v · 2 = −4      ∂z/∂v = ∂z/∂z · 2 = 1 × 2 = 2"]),
        (["--", "-o", "o=2"], ["z = −o = −2         ∂z/∂o = ∂z/∂z · (−1) = 1 × (−1) = −1"]),
        (["3"], ["z = 3               ∂z/∂z = 1"]),
    ],
    ids=str,
)
def test_unusual_expressions(run: Run, arguments: list[str], rows: list[str]) -> None:
    said = run("tape", *arguments)
    assert (said.code, said.err) == (0, "")
    for row in rows:
        assert row in said.out.splitlines()


@writing
@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("z", 2, "does not say what to write: end it in"),
        ("z.gif", 2, "-o 'z.gif' does not say what to write: end it in"),
        (".html", 2, "does not say what to write"),
        ("z.html.gz", 2, "does not say what to write"),
        ("", 2, "-o '' names no file: write -o z."),
        ("new/", 2, "names no file"),
        ("none/z.html", 1, "none/z.html: cannot write in none: No such file or directory"),
        ("old.html/z.html", 1, "cannot write in old.html"),
        ("folder.html", 1, "folder.html is a directory: name a file in it, as in z."),
        ("old.html", 1, "old.html exists: choose another name, or add --overwrite"),
        ("link.html", 1, "link.html exists"),
        ("x" * 300 + ".html", 1, "too long"),
        ("\0.html", 1, "null"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_pictures_that_cannot_be_written(
    run: Run,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    place: str,
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "parse", lambda *_: pytest.fail("this was work"))
    Path("old.html").write_text("kept", encoding="utf-8")
    Path("folder.html").mkdir()
    Path("link.html").symlink_to("nowhere.html")
    before = sorted(os.listdir())
    refused(run(command, *LOG_XY, "-o", place), code, words)
    assert sorted(os.listdir()) == before
    assert Path("old.html").read_text(encoding="utf-8") == "kept"
    assert not browser.pages


@writing
def test_a_directory_is_not_overwritten(run: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "z.html"
    folder.mkdir()
    refused(run(command, *LOG_XY, "-o", folder, "--overwrite"), 1, "is a directory")
    assert folder.is_dir()


@writing
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x*y", "x=2"], "y has no value: add y=…"),
        (["x", "x=1", "-o"], "expected one argument"),
        (["x", "x=1", "-o", "-x.html"], "expected one argument"),
        (["x", "x=1", "-q"], "' -q' gives no input a value"),
        (["x", "x=1", "--bogus"], "unknown: --bogus"),
        (["-o", "o=2"], "required: EXPR"),
        (["__import__('os')"], "quotation marks"),
        ([], "required: EXPR"),
    ],
    ids=str,
)
def test_pictures_that_are_not_understood(
    run: Run, browser: Browser, command: str, arguments: list[str], words: str
) -> None:
    refused(run(command, *arguments), 2, words)
    assert not browser.pages


@drawing
def test_themes(run: Run, tmp_path: Path, command: str) -> None:
    refused(run(command, *LOG_XY, "--theme", "pink"), 2, "invalid choice: 'pink'")
    files = [tmp_path / f"{theme}.html" for theme in ("auto", "light", "dark")]
    for file in files:
        assert run(command, *LOG_XY, "--theme", file.stem, "-o", file).code == 0
    assert len({file.read_bytes() for file in files}) == 3


def test_the_file_name_may_stick_to_its_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("draw", *LOG_XY, "-oz.svg") == (0, "z.svg\n", "")
    assert os.listdir() == ["z.svg"]


def test_draw_needs_an_input_for_its_paths(run: Run) -> None:
    refused(run("draw", *LOG_XY, "--wrt", "q"), 2, "--wrt q: the inputs are x, y")
    refused(run("draw", "3", "--wrt", "x"), 2, "--wrt x: the inputs are none")


def test_a_large_expression_is_drawn_as_a_summary(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "z.svg"
    assert run("draw", "+".join(["x"] * 2000), "x=1", "-o", file).code == 0
    assert len(file.read_bytes()) < 20_000
    refused(run("draw", "+".join(["x"] * 2000), "x=1", "-o", tmp_path / "z.dot"), 1, ".svg, .html")


@writing
def test_pictures_outside_the_domain(run: Run, browser: Browser, command: str) -> None:
    refused(run(command, "log(x)", "x=-1"), 1, "log is defined for x > 0")
    assert not browser.pages


# ---- the commands themselves --------------------------------------------------------------------


def test_no_command_shows_the_help(run: Run) -> None:
    said = run()
    assert (said.code, said.out) == (2, "")
    for command in cli.COMMANDS:
        assert command in said.err


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help(run: Run, command: str) -> None:
    said = run(*filter(None, [command]), "--help")
    assert (said.code, said.err) == (0, "")
    assert f"usage: microgrunderscore{' ' * bool(command)}{command}" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "there is no command 'trian': did you mean 'train'?"),
        (["Explain", "x"], "did you mean 'explain'?"),
        (["q"], "there are play, draw, explain, tape, grad, train, predict, demo"),
        (["paly"], "did you mean 'play'?"),
        (["--bogus"], "required: COMMAND"),
        (["-"], "COMMAND"),
        (["demo", "now"], "unknown: now"),
        (["train"], "required: DATA.csv, --target"),
        (["predict", "model.json"], "required: DATA.csv"),
    ],
)
def test_commands_that_are_not_understood(run: Run, arguments: list[str], words: str) -> None:
    refused(run(*arguments), 2, words)


# ---- train and predict --------------------------------------------------------------------------


def score(said: Said, part: str) -> float:
    """The accuracy or R² of a part, from 0 to 1."""
    (line,) = [line for line in said.out.splitlines() if line.startswith(part)]
    if "R²" in line:
        return float(line.split()[-1])
    return float(line.split()[2].rstrip("%")) / 100


def test_classification_there_and_back(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "iris.json"
    train = ("train", IRIS, "--target", "species", "--hidden", "8", "--epochs", "30")
    said = run(*train, "--save", model)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("classification of 'species'\n")
    assert said.out.endswith(f"saved      {model}\n")
    assert score(said, "train") >= 0.95
    assert score(said, "test") >= 0.9
    assert run(*train).out == said.out.replace(f"saved      {model}\n", "")

    said = run("predict", model, IRIS)
    assert (said.code, said.err) == (0, "")
    name, *flowers = said.out.splitlines()
    with open(IRIS, encoding="utf-8") as file:
        right = [row["species"] for row in csv.DictReader(file)]
    assert name == "species"
    assert sum(k == d for k, d in zip(flowers, right, strict=True)) >= 0.95 * len(right)


def test_regression_there_and_back(run: Run, plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "plane.json"
    train = ("train", plane, "--target", "y", "--seed", "1")
    said = run(*train, "--hidden", "--rate", "0.05", "--save", model)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("regression of 'y'\n")
    assert "network    3 parameters, 300 updates" in said.out  # --hidden without a number: a line
    assert score(said, "test") > 0.99
    new = written(tmp_path / "new.csv", [("b", "more", "a"), ("0", "?", "0"), ("-1", "?", "1")])
    said = run("predict", model, new)
    name, *numbers = said.out.splitlines()
    assert (said.code, said.err, name) == (0, "", "y")
    assert [float(x) for x in numbers] == pytest.approx([1, 6], abs=0.2)


def test_tables_as_germans_write_them(run: Run, tmp_path: Path) -> None:
    table, model = tmp_path / "zahlen.csv", tmp_path / "m.json"
    table.write_text("a;y\n" + "".join(f"{i},5;{2 * i},25\n" for i in range(20)), encoding="utf-8")
    refused(run("train", table, "--target", "y"), 1, f"{table}, line 2, column 'a'", "decimal")
    comma = ("--decimal", ",", "--delimiter", ";")
    assert run("train", table, "--target", "y", *comma, *QUICK, "--save", model).code == 0
    assert len(run("predict", model, table, *comma).out.splitlines()) == 21


def test_columns_can_be_chosen(run: Run, tmp_path: Path) -> None:
    rows = [("id", "plz", "y"), *((f"k{i}", str(i % 3), f"{i}.5") for i in range(150))]
    table = written(tmp_path / "t.csv", rows)
    refused(run("train", table, "--target", "y"), 1, "column 'id'", "features")
    chosen = ("--features", "plz", "--categorical", "plz")
    assert "11 parameters" in run("train", table, "--target", "y", *QUICK, *chosen).out


def test_class_names_are_quoted_as_csv_needs_it(run: Run, tmp_path: Path) -> None:
    rows = [("x", "t"), *[("1", '"a, b"'), ("2", '"say ""c"""')] * 4]
    table, model = written(tmp_path / "t.csv", rows), tmp_path / "m.json"
    assert run("train", table, "--target", "t", *QUICK, "--save", model).code == 0
    said = run("predict", model, table).out.splitlines()
    assert {cell for (cell,) in csv.reader(said)} <= {"t", "a, b", 'say "c"'}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such data file"),
        (b"", "the file is empty"),
        (b"a,t\n", "line 1: no rows"),
        (b"a,t\n1,2\n\xff,3\n", "line 3: found the byte 0xff"),
        (b"a,t\n1,2\n\0,3\n", "line 3: found a NUL character"),
        (b"a,t\n1,2\n1,2,3\n", "line 3: 3 cells"),
        (b"a,t\n1,2.5\n,3\n", "line 3, column 'a': the value is missing"),
        (b"a,t\n1,2.5\n2,nan\n3,4\n", "line 3, column 't'"),
        (b"a,t\n1,2.5\n1e400,3\n", "line 3, column 'a'"),
        (b"a,t\n1,2.5\nq,3\n5,3\n", "line 3, column 'a': 'q' is not a number"),
        (b"a,u\n1,2.5\n2,3\n", "line 1: no column 't'"),
        (b"t\n1\n2\n", "no column is left"),
        (b"a,a,t\n1,2,3\n", "the same name"),
        (b"a,t\n1,x\n2,x\n", "the only class"),
        (b"a,t\n1,x\n2,x\n3,y\n", "class"),
        (b"a,t\n1,2.5\n", "at least 2"),
        (b'a,t\n"1,2\n', "line 2: the row cannot be read"),
    ],
)
def test_tables_that_cannot_be_used(
    run: Run, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    refused(run("train", path, "--target", "t"), 1, words)


def test_a_directory_is_no_table(run: Run, tmp_path: Path) -> None:
    refused(run("train", tmp_path, "--target", "t"), 1, "directory")


@pytest.mark.parametrize(
    ("option", "numbers", "words"),
    [
        ("--epochs", ["0", "-1", "2.5", "x", "nan", "", "9" * 5000], "of at least 1"),
        ("--batch-size", ["0", "-1", "2.5", "x"], "of at least 1"),
        ("--hidden", ["0", "-1", "2.5", "x"], "of at least 1"),
        ("--seed", ["-1", "0.5", "x"], "of at least 0"),
        ("--rate", ["0", "-1", "nan", "inf", "1e400", "x"], "a finite number above 0"),
        ("--test", ["0", "1", "2", "-0.5", "nan", "x"], "a number between 0 and 1"),
        ("--activation", ["bogus", "mul", ""], "usual names: relu"),
        ("--task", ["guess", ""], "invalid choice"),
    ],
)
def test_options_outside_their_range(
    run: Run, plane: Path, option: str, numbers: list[str], words: str
) -> None:
    for x in numbers:
        refused(run("train", plane, "--target", "y", option, x), 2, option, words)


def test_networks_beyond_a_scalar_engine(run: Run, plane: Path) -> None:
    refused(run("train", plane, "--target", "y", "--hidden", "9" * 12), 2, "too many")


def test_diverging_training_saves_nothing(run: Run, plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    said = run("train", plane, "--target", "y", "--rate", "1e300", "--save", model)
    refused(said, 1, "epoch 0", "the loss is inf: try a --rate below 1e+300")
    assert not model.exists()


def test_an_activation_outside_its_domain(run: Run, plane: Path) -> None:
    said = run("train", plane, "--target", "y", "--activation", "log")
    refused(said, 1, "log is defined for x > 0", "in epoch 0")


# ---- where the model goes -----------------------------------------------------------------------


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused, is refused before the training."""
    monkeypatch.setattr(cli, "fit", lambda *_, **__: pytest.fail("this was training"))


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("place", "options", "code", "words"),
    [
        ("old.json", [], 1, "old.json exists: choose another name, or add --overwrite"),
        ("link.json", [], 1, "link.json exists"),
        ("plane.csv", ["--overwrite"], 1, "is the data"),
        ("folder", [], 1, "is a directory: name a file in it"),
        ("folder", ["--overwrite"], 1, "is a directory: name a file in it"),
        ("none/m.json", [], 1, "cannot write in"),
        ("plane.csv/m.json", [], 1, "cannot write in"),
        ("x" * 300, [], 1, "too long"),
        ("", [], 2, "names no file"),
        ("new/", [], 2, "names no file"),
        (os.devnull, ["--overwrite"], 1, "no file"),
        ("\0", [], 1, "null"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_places_that_cannot_be_written(
    run: Run,
    plane: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    options: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(plane.parent)
    Path("old.json").write_text("kept", encoding="utf-8")
    Path("folder").mkdir()
    Path("link.json").symlink_to("nowhere.json")
    before = sorted(os.listdir())
    refused(run("train", plane, "--target", "y", "--save", place, *options), code, words)
    assert sorted(os.listdir()) == before
    assert Path("old.json").read_text(encoding="utf-8") == "kept"


@pytest.mark.usefixtures("no_training")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_without_permission(run: Run, plane: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    refused(run("train", plane, "--target", "y", "--save", folder / "m.json"), 1, "cannot write in")


def test_overwriting(run: Run, plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    model.write_text("old", encoding="utf-8")
    train = ("train", plane, "--target", "y", *QUICK, "--save", model, "--overwrite")
    assert run(*train).code == 0
    assert store.load(model)[1]["model"]["nouts"] == [2, 1]


def test_the_model_is_saved_though_nobody_reads_the_scores(
    run: Run, plane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m.json"

    def interrupt(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_score", interrupt)
    said = run("train", plane, "--target", "y", *QUICK, "--save", model)
    assert (said.code, said.err) == (1, "microgrunderscore: interrupted\n")
    assert len(store.load(model)[0]) == 9


@pytest.mark.parametrize("epochs", [0, 3])
def test_an_interrupted_training_keeps_the_best(
    run: Run, plane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    update = training._Run._update

    def one_update(self: Any, *arguments: Any) -> None:
        update(self, *arguments)
        if len(self.history) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "WORTH_COMPILING", math.inf)  # update by update
    monkeypatch.setattr(training._Run, "_update", one_update)
    model = tmp_path / "m.json"
    said = run("train", plane, "--target", "y", "--save", model)
    assert said.code == 1
    assert said.err == (
        f"microgrunderscore: interrupted in epoch {epochs}: these are the best parameters so far\n"
    )
    assert said.out.endswith(f"saved      {model}\n")
    monkeypatch.undo()
    state, _ = store.load(model)
    if epochs:  # those after the last complete epoch, as the loss fell in each
        twin = tmp_path / "twin.json"
        assert run("train", plane, "--target", "y", "--epochs", epochs, "--save", twin).code == 0
        assert store.load(twin)[0] == state


# ---- the report ---------------------------------------------------------------------------------


def test_the_report_shows_the_training(run: Run, tmp_path: Path) -> None:
    train = ("train", IRIS, "--target", "species", "--epochs", "4", "--hidden", "3")
    report = tmp_path / "report.html"
    plain = run(*train)
    said = run(*train, "--report", report)
    assert said == (0, f"{plain.out}report     {report}\n", "")  # it changes no score
    text = shown(report)
    for line in plain.out.splitlines()[1:]:
        name, _, fact = line.partition(" ")
        assert f"{name}{fact.strip()}" in text
    for words in (
        "Classification of species",
        "iris.csv, from sepal_length, sepal_width, petal_length, petal_width",
        "4 → 3 → 3, tanh in the hidden ones",
        "epochs: 4; Adam, rate 0.01, batches of 16; seed 0",
        "The network over 39 rows to test on",
    ):
        assert words in text
    again = tmp_path / "again.html"
    assert run(*train, "--report", again).code == 0
    assert again.read_bytes() == report.read_bytes()


def test_the_report_of_a_regression(run: Run, plane: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    train = ("train", plane, "--target", "y", *QUICK)
    assert run(*train, "--report", report).code == 0
    assert "Regression of y" in shown(report)
    refused(run(*train, "--report", report), 1, "report.html exists", "add --overwrite")
    assert run(*train, "--report", report, "--overwrite", "--seed", "1").code == 0
    assert "seed 1" in shown(report)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("place", "options", "code", "words"),
    [
        ("report", [], 2, "--report 'report' does not say what to write: end it in .html"),
        ("report.pdf", [], 2, "end it in .html"),
        ("", [], 2, "--report '' names no file: write --report report.html"),
        ("new/", [], 2, "names no file"),
        ("old.html", [], 1, "old.html exists: choose another name, or add --overwrite"),
        ("link.html", [], 1, "link.html exists"),
        ("folder.html", ["--overwrite"], 1, "is a directory: name a file in it"),
        ("data.html", ["--overwrite"], 1, "data.html is the data"),
        ("none/r.html", [], 1, "cannot write in"),
        ("both.html", ["--save", "both.html"], 2, "--save and --report name the same file"),
        ("both.html", ["--save", "folder.html/../both.html"], 2, "name the same file"),
    ],
    ids=str,
)
def test_reports_that_cannot_be_written(
    run: Run,
    plane: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    options: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(plane.parent)
    plane.rename("data.html")
    Path("old.html").write_text("kept", encoding="utf-8")
    Path("folder.html").mkdir()
    Path("link.html").symlink_to("nowhere.html")
    before = sorted(os.listdir())
    said = run("train", "data.html", "--target", "y", "--report", place, *options)
    refused(said, code, words)
    assert sorted(os.listdir()) == before
    assert Path("old.html").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("epochs", [0, 2])
def test_an_interrupted_training_is_reported(
    run: Run, plane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    update = training._Run._update

    def one_update(self: Any, *arguments: Any) -> None:
        update(self, *arguments)
        if len(self.history) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "WORTH_COMPILING", math.inf)  # update by update
    monkeypatch.setattr(training._Run, "_update", one_update)
    model, report = tmp_path / "m.json", tmp_path / "r.html"
    said = run("train", plane, "--target", "y", "--save", model, "--report", report)
    assert said.code == 1
    assert f"interrupted in epoch {epochs}" in said.err
    assert said.out.endswith(f"saved      {model}\nreport     {report}\n")
    assert f"epochs: {epochs} (interrupted)" in shown(report)
    assert len(store.load(model)[0]) == 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1


def test_a_diverging_training_is_not_reported(run: Run, plane: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    refused(run("train", plane, "--target", "y", "--rate", "1e300", "--report", report), 1, "inf")
    assert not report.exists()


def test_the_report_is_written_though_nobody_reads_the_scores(
    run: Run, plane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_score", interrupt)
    report = tmp_path / "r.html"
    said = run("train", plane, "--target", "y", *QUICK, "--report", report)
    assert (said.code, said.err) == (1, "microgrunderscore: interrupted\n")
    assert "9 parameters" in shown(report)


def test_names_in_a_report_are_only_shown(run: Run, tmp_path: Path) -> None:
    rows = [("<b>x", "y&z", "</title>"), *[("1", "2", "<script>a"), ("2", "1", "b")] * 6]
    table, report = written(tmp_path / "t.csv", rows), tmp_path / "r.html"
    assert run("train", table, "--target", "</title>", *QUICK, "--report", report).code == 0
    text = report.read_text(encoding="utf-8")
    assert "<b>x" not in text
    assert "<script>a" not in text
    assert "Classification of &lt;/title&gt;" in text


# ---- model files of all kinds -------------------------------------------------------------------


def test_foreign_model_files(run: Run, plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    refused(run("predict", model, plane), 1, "m.json: No such file")
    refused(run("predict", tmp_path, plane), 1, "directory")
    refused(run("predict", plane, plane), 1, "plane.csv: expected JSON")
    for content in (b"", b"\xff", b"{}", b"[]", b"null", b"[" * 100_000, b'{"format": "other"}'):
        model.write_bytes(content)
        refused(run("predict", model, plane), 1, "m.json: ")
    network = MLP(2, [1], seed=0)
    store.save(model, network.state(), about={"model": network.about()}, overwrite=True)
    refused(run("predict", model, plane), 1, "no model that train --save wrote", "encoding")


def test_damaged_model_files(run: Run, plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    assert run("train", plane, "--target", "y", *QUICK, "--save", model).code == 0
    whole = model.read_text(encoding="utf-8")
    changes = [
        ('"nin": 2', '"nin": 3'),
        ('"nin": 2', '"nin": 1000000000'),
        ('"nin": 2', '"nin": null'),
        ('"tanh"', '"bogus"'),
        ('"tanh"', "7"),
        ('"kind": "number"', '"kind": "category"'),
        ('"MLP"', '"RNN"'),
        ('"scale"', '"scales"'),
        ('"scale": ', '"scale": -'),
        ('"name": "b"', '"name": "a"'),
        ('"version": 1', '"version": 999'),
        (".b", ".c"),
        ('{"', '{"more": 1, "'),
    ]
    for old, new in changes:
        damaged = whole.replace(old, new, 1) if old in whole else whole[: len(whole) // 2]
        model.write_text(damaged, encoding="utf-8")
        refused(run("predict", model, plane), 1, "m.json: ")


def test_a_model_with_more_outputs_than_classes(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    assert run("train", IRIS, "--target", "species", *QUICK, "--save", model).code == 0
    about = store.load(model)[1]
    network = MLP(4, [2, 9], seed=0)
    store.save(model, network.state(), about=about | {"model": network.about()}, overwrite=True)
    refused(run("predict", model, IRIS), 1, "4 inputs and 3 outputs")


def test_rows_that_the_model_does_not_know(run: Run, tmp_path: Path) -> None:
    rows = [("colour", "t"), *[("red", "1.5"), ("blue", "2.5")] * 4]
    table, model = written(tmp_path / "t.csv", rows), tmp_path / "m.json"
    assert run("train", table, "--target", "t", *QUICK, "--save", model).code == 0
    for header, cell, words in [
        ("color", "red", "line 1: no column 'colour', did you mean 'color'?"),
        ("colour", "rad", "line 2, column 'colour': 'rad' is not a known value, did you mean"),
        ("colour", '""', "line 2, column 'colour': the value is missing"),
    ]:
        new = written(tmp_path / "new.csv", [(header, "u"), (cell, "1")])
        refused(run("predict", model, new), 1, "new.csv", words)
    refused(run("predict", model, tmp_path / "none.csv"), 1, "none.csv: No such data file")


# ---- processes ----------------------------------------------------------------------------------


def child(*arguments: object, **settings: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)} | settings.pop("more", {})
    return subprocess.Popen(
        [sys.executable, "-m", "microgrunderscore", *map(str, arguments)],
        stdout=settings.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
        **settings,
    )


def test_the_module_runs_in_any_locale() -> None:
    more = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    process = child("grad", "x*y", "x=2", "y=3", more=more)
    assert process.communicate() == ("z = 6.0\n∂z/∂x = 3.0\n∂z/∂y = 2.0\n", "")
    assert process.returncode == 0
    process = child("grad", "x*y", "x=2", more=more)
    assert process.communicate() == ("", "microgrunderscore: y has no value: add y=…\n")
    assert process.returncode == 2


def test_it_needs_nothing_but_python(plane: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(PACKAGE.parent)!r})
for name in ("tqdm", "graphviz", "numpy"):
    sys.modules[name] = None
from microgrunderscore.cli import main
for name in ("resvg_py", "matplotlib"):
    sys.modules[name] = None
assert not main(["explain", "log(x*y)", "x=2", "y=3"])
assert not main(["tape", "log(x*y)", "x=2", "y=3"])
assert not main(["draw", "log(x*y)", "x=2", "y=3", "-o", "z.svg"])
assert not main(["play", "log(x*y)", "x=2", "y=3", "-o", "z.html"])
train = ["train", {str(plane)!r}, "--target", "y", "--epochs", "1", "--hidden", "2"]
assert not main([*train, "--save", "m.json", "--report", "r.html"])
assert not main(["predict", "m.json", {str(plane)!r}])
"""
    process = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, check=False, cwd=tmp_path
    )
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_closed_pipe(plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    train = ("train", plane, "--target", "y", *QUICK, "--save", model)
    for unbuffered in ("", "1"):
        draw = ("draw", "+".join(["exp(x)"] * 20), "x=1", "-o", "-")
        for command in (("--help",), ("tape", "x", "x=1"), draw, train, ("predict", model, plane)):
            reader, writer = os.pipe()
            os.close(reader)
            process = child(*command, stdout=writer, more={"PYTHONUNBUFFERED": unbuffered})
            os.close(writer)
            assert (process.communicate()[1], process.returncode) == ("", 0)
        assert len(store.load(model)[0]) == 9
        model.unlink()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = child("grad", "x", "x=2", stdout=full)
        said = process.communicate()[1]
    assert (said, process.returncode) == ("microgrunderscore: No space left on device\n", 1)


@pytest.mark.skipif(os.name != "posix", reason="file descriptors of POSIX")
@pytest.mark.parametrize(("arguments", "code"), [(["x", "x=2"], 0), (["x"], 2)])
def test_closed_streams(arguments: list[str], code: int) -> None:
    module = f"{sys.executable} -m microgrunderscore"
    command = f"exec {module} grad {' '.join(arguments)} >&- 2>&-"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    assert subprocess.run(command, shell=True, check=False, env=environment).returncode == code


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_during_the_training(plane: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.json"
    code = (
        "import sys; from microgrunderscore import cli; fit = cli.fit\n"
        "def started(*a, **k):\n"
        "    print('started', file=sys.stderr, flush=True)\n"
        "    return fit(*a, **k)\n"
        "cli.fit = started; sys.exit(cli.main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", plane, "--target", "y", "--save", model,
         "--hidden", "2", "--epochs", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    results, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "these are the best parameters so far" in errors
    assert "Traceback" not in errors
    assert "\ntest " in results
    assert len(store.load(model)[0]) == 9


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
@pytest.mark.parametrize("on_terminal", [True, False])
def test_progress_is_for_terminals_and_on_stderr(plane: Path, on_terminal: bool) -> None:
    pytest.importorskip("tqdm")
    import fcntl
    import termios

    terminal, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "microgrunderscore", "train", plane, "--target", "y", *QUICK],
        stdout=subprocess.PIPE,
        stderr=side if on_terminal else subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
    )
    results, errors = process.communicate(timeout=20)  # the bar is shorter than the line's buffer
    os.close(side)
    shown = b"" if errors is None else errors
    while on_terminal and not shown.endswith(b"\n"):
        shown += os.read(terminal, 1000)
    os.close(terminal)
    assert process.returncode == 0
    assert results.startswith(b"regression")
    assert b"\r" not in results
    assert (b"update" in shown) == on_terminal


def test_what_the_names_stand_for(run: Run) -> None:
    _, out, _ = run("explain", "log(x*y)", "x=2", "y=3", "--where")
    assert out.endswith("\n\nwhere v = x·y, w = log v, z = w\n")
