"""The command line: play, draw, explain, tape, grad, train, predict, demo.

Results go to standard output, progress and errors to standard error. The exit code is 0, 1 when
something failed or was interrupted, 2 when the command was not understood.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import math
import os
import stat
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO, TypeAlias

from . import builds, datasets, store
from .activations import activation
from .arguments import did_you_mean
from .datasets import Encoding, read_csv, split, standardise
from .engine import Value
from .expression import ExpressionError, Parsed, parse
from .files import write
from .graph import gc_paused
from .history import History
from .nn import MLP
from .operation import ARITHMETIC_ERRORS
from .optim import Adam
from .pictures.draw import draw
from .pictures.explain import explain
from .pictures.palette import THEMES
from .pictures.tape import tape
from .training import accuracy, classify, evaluate, fit, predict
from .version import __version__

if TYPE_CHECKING:
    from .report import Reporter

Part: TypeAlias = tuple[list[list[float]], Sequence[float]]  # of a table: rows, and their targets
FAILED, NOT_UNDERSTOOD = 1, 2
MOST_PARAMETERS = 1_000_000  # more would not fit into a model file
MOST_NAMES = 8  # of inputs, in the report


class UsageError(ValueError):
    """The command was not understood."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with _unicode(sys.stdout, sys.stderr):
            return _run(given)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _drop_output()
        return 0
    except OSError as error:  # standard output is full
        _drop_output()
        return _complain(error, FAILED)


def _drop_output() -> None:
    """Let what is still to be written vanish, lest Python complains of it when it ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    """Run one command; an error becomes one line."""
    try:
        options = _understood(arguments)
        options.run(options)
    except SystemExit as stop:  # argparse has printed the help, or the version
        return int(stop.code or 0)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted", FAILED)
    except (UsageError, ExpressionError) as error:
        return _complain(error, NOT_UNDERSTOOD)
    except MemoryError:
        return _complain("there is not enough memory for this", FAILED)
    except (*ARITHMETIC_ERRORS, ArithmeticError, OSError, ImportError) as error:
        return _complain(error, FAILED)
    return 0


@contextlib.contextmanager
def _unicode(*streams: TextIO | None) -> Iterator[None]:
    """Write ∂ whatever the locale, and anything else that turns up in a name; flush at the end."""
    files = [stream for stream in streams if isinstance(stream, io.TextIOWrapper)]
    before = [(file, file.encoding, file.errors) for file in files]
    for file in files:
        file.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        yield
    finally:
        for file, encoding, errors in before:
            file.reconfigure(encoding=encoding, errors=errors)


def _complain(error: object, code: int) -> int:
    """Print an error as one line, with what was noted on its way."""
    told = str(error)
    if isinstance(error, OSError) and error.strerror:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    notes = getattr(error, "__notes__", ())
    line = " ".join("; ".join((told, *notes)).split())
    if sys.stderr is not None:
        print(f"microgrunderscore: {line}", file=sys.stderr)
    return code


# ---- the commands -------------------------------------------------------------------------------


def _play(options: argparse.Namespace) -> None:
    """Step through an expression, forward and backward."""
    from .pictures.player import play

    _check_output(options, PAGES)
    parsed = _parsed(options)
    player = play(parsed.root, output=_output_name(parsed), theme=options.theme)
    _hand_over(player, options, player.html)


def _draw(options: argparse.Namespace) -> None:
    """Draw the graph of an expression, with its gradients."""
    _check_output(options, DRAWINGS)
    parsed = _parsed(options)
    parsed.root.backward()
    wrt = _wrt(parsed, options)
    picture = draw(parsed.root, wrt, output=_output_name(parsed), theme=options.theme)
    _hand_over(picture, options, picture.svg)


def _tape(options: argparse.Namespace) -> None:
    """Print what is computed, downward, beside the gradients, upward."""
    _check_output(options, TABLES)
    parsed = _parsed(options)
    traces = tape(parsed.root, output=_output_name(parsed))
    options.output = options.output or "-"
    _hand_over(traces, options, traces.text)


def _explain(options: argparse.Namespace) -> None:
    """Print the chain rule for one input, or for all of them."""
    parsed = _parsed(options)
    if not parsed.leaves:
        raise UsageError("there is nothing to differentiate: write a name in it, as in x**2 x=3")
    wrt = _wrt(parsed, options)
    chosen = list(parsed.leaves.values()) if wrt is None else wrt
    explanation = explain(parsed.root, chosen, output=parsed.output)
    print(explanation.latex if options.latex else explanation)
    if options.where and explanation.where:
        print(f"\nwhere {', '.join(explanation.where)}")


def _grad(options: argparse.Namespace) -> None:
    """Print the value of an expression and its gradient."""
    parsed = _parsed(options)
    parsed.root.backward()
    gradient = {name: leaf.grad for name, leaf in parsed.leaves.items()}
    if options.json:
        numbers = {"value": parsed.root.data, "gradient": gradient}
        print(json.dumps(_finite_or_text(numbers), ensure_ascii=False, allow_nan=False))
        return
    print(f"{parsed.output} = {parsed.root.data!r}")
    for name, slope in gradient.items():
        print(f"∂{parsed.output}/∂{name} = {slope!r}")


def _train(options: argparse.Namespace) -> None:
    """Train a network on a CSV file, print its scores, and save it."""
    if options.save is not None:
        _check_place("--save", options.save, "model.json", options.overwrite, options.data)
    if options.report is not None:
        _check_kind("--report", options.report, PAGES)
        _check_place("--report", options.report, "report.html", options.overwrite, options.data)
        if options.save is not None and _is_same(options.save, options.report):
            raise UsageError("--save and --report name the same file: choose another name")
    table = read_csv(
        options.data,
        options.target,
        task=options.task,
        features=options.features,
        categorical=options.categorical,
        delimiter=options.delimiter,
        decimal=options.decimal,
    )
    X_train, y_train, X_test, y_test = split(
        table.X, table.y, options.test, options.seed, stratify=table.classes is not None
    )
    encoding = table.encoding.standardised(X_train, None if table.classes else y_train)
    Z_train, Z_test = _standardised(encoding, X_train), _standardised(encoding, X_test)
    model = _network(table, options)
    learned, held_out = (Z_train, y_train), (Z_test, y_test)
    reporter = None
    if options.report is not None:
        reporter = _reporter(model, encoding, learned, held_out, options)
    history = _fitted(model, encoding, learned, reporter, options)
    facts: dict[str, str] = {}
    try:
        print(f"{_task(encoding)} of {table.target!r}")
        for name, fact in _facts(model, encoding, learned, held_out, history):
            facts[name] = fact
            print(f"{name:<10} {fact}")
    finally:  # what was learned is not lost because nobody reads the scores
        if options.save is not None:
            about = {"model": model.about(), "encoding": encoding.to_json()}
            store.save(options.save, model.state(), about=about, overwrite=options.overwrite)
        if reporter is not None:
            page = reporter.page(*_about(model, encoding, facts, history, options))
            write(options.report, page.encode(), overwrite=options.overwrite)
    for name, path in (("saved", options.save), ("report", options.report)):
        if path is not None:
            print(f"{name:<10} {path}")
    if history.interrupted:
        raise KeyboardInterrupt(
            f"interrupted in epoch {len(history)}: these are the best parameters so far"
        )


def _predict(options: argparse.Namespace) -> None:
    """Print what a saved network says of each row of a CSV file, as a table of one column."""
    model, encoding = _loaded(options.model)
    X = encoding.rows(options.data, delimiter=options.delimiter, decimal=options.decimal)
    said: list[Any]
    if encoding.classes:
        said = [encoding.classes[k] for k in classify(model, X)]
    else:
        said = encoding.unscale_target(predict(model, X))
    column = io.StringIO()
    csv.writer(column, lineterminator="\n").writerows([x] for x in (encoding.target.name, *said))
    print(column.getvalue(), end="")


def _demo(options: argparse.Namespace) -> None:
    """The tour."""
    from . import demo

    demo.run()


# ---- expressions --------------------------------------------------------------------------------


def _parsed(options: argparse.Namespace) -> Parsed:
    """The expression with its values."""
    values: dict[str, float] = {}
    for text in options.values:
        written, equals, number = text.partition("=")
        name = _name(written)
        if not equals or not name:
            is_turned = not equals and "=" in options.expression
            way_out = "write the expression before the values" if is_turned else "write x=2"
            raise UsageError(f"{text!r} gives no input a value: {way_out}")
        if name in values:
            raise UsageError(f"{name} has two values: give it one")
        values[name] = _number(name, number)
    with gc_paused():
        return parse(options.expression, values)


def _output_name(parsed: Parsed) -> str | None:
    """What the output is called in a picture; an input that is the output keeps its own name."""
    return parsed.output if parsed.root.op else None


def _wrt(parsed: Parsed, options: argparse.Namespace) -> Value | None:
    """The input that --wrt names."""
    if options.wrt is None:
        return None
    name = _name(options.wrt)
    if name not in parsed.leaves:
        inputs = ", ".join(parsed.leaves) or "none"
        raise UsageError(f"--wrt {name}: the inputs are {inputs}")
    return parsed.leaves[name]


def _name(text: str) -> str:
    """A name as Python's parser reads it, so that é is é however it was typed."""
    return unicodedata.normalize("NFKC", text.strip())


def _number(name: str, text: str) -> float:
    try:
        x = float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number: write {name}=2") from None
    if math.isinf(x) and "inf" not in text.lower():
        raise UsageError(f"{name}={text} is too large for a float (at most about 1.8e308)")
    return x


def _finite_or_text(x: Any) -> Any:
    """JSON has no nan and no infinity: these become texts."""
    if isinstance(x, dict):
        return {key: _finite_or_text(value) for key, value in x.items()}
    return x if math.isfinite(x) else repr(x)


# ---- files and the browser ----------------------------------------------------------------------

DRAWINGS = (".svg", ".html", ".png", ".dot", ".pdf")
PAGES = (".html",)
TABLES = (".txt", ".html")
FILES = (*DRAWINGS, *TABLES)


class Savable(Protocol):
    """A picture, a page, or a table."""

    def save(self, path: str, *, overwrite: bool = False) -> object:
        """Write it to a file, whose extension says how."""


def _check_output(options: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Refuse, before the work, an -o that cannot be written after it."""
    if options.output not in (None, "-"):
        _check_kind("-o", options.output, kinds)
        _check_place("-o", options.output, f"z{kinds[0]}", options.overwrite)


def _check_kind(option: str, path: str, kinds: Sequence[str]) -> None:
    """Refuse a name whose extension does not say how to write it."""
    if os.path.basename(path) and _extension(path) not in kinds:
        ends = f"{', '.join(kinds[:-1])} or {kinds[-1]}" if kinds[1:] else kinds[0]
        raise UsageError(f"{option} {path!r:.80} does not say what to write: end it in {ends}")


def _is_same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _hand_over(made: Savable, options: argparse.Namespace, text: str) -> None:
    """Write it to the file that -o names, or its text to standard output, or open the browser."""
    if options.output == "-":
        print(text)
    elif options.output is not None:
        made.save(options.output, overwrite=options.overwrite)
        print(options.output)
    else:
        _show(made)


def _show(made: Savable) -> None:
    """Open a page in the browser, and say where it is."""
    import webbrowser

    page = os.path.join(tempfile.mkdtemp(prefix="microgrunderscore-"), "z.html")
    made.save(page)
    print(page, flush=True)
    try:
        is_open = webbrowser.open(Path(page).as_uri())
    except webbrowser.Error:
        is_open = False
    if not is_open:
        _complain("no browser could be opened: open this page yourself, or add -o z.html", 0)


def _check_place(
    option: str, path: str, example: str, overwrite: bool, data: str | None = None
) -> None:
    """Refuse, before the work, a file that could not be written after it.

    option: what asked for it. example: a name for it. data: a file that must not be overwritten.
    """
    if not os.path.basename(path):
        raise UsageError(f"{option} {path!r} names no file: write {option} {example}")
    target = os.path.realpath(path) if overwrite else path
    folder = os.path.dirname(target) or os.curdir
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{path}: cannot write in {folder}: {error.strerror}") from None
    with contextlib.suppress(FileNotFoundError):
        kind = os.lstat(target).st_mode
        if stat.S_ISDIR(kind):
            raise OSError(f"{path} is a directory: name a file in it, as in {example}")
        if not overwrite:
            raise FileExistsError(f"{path} exists: choose another name, or add --overwrite")
        if data is not None and os.path.samefile(target, data):
            raise OSError(f"{path} is the data: choose another name")
        if not stat.S_ISREG(kind):
            raise OSError(f"{path} is no file: choose another name")


# ---- networks -----------------------------------------------------------------------------------


def _network(table: datasets.Table, options: argparse.Namespace) -> MLP:
    """A network with random weights, for the columns and classes of a table."""
    sizes = [len(table.features), *options.hidden, len(table.classes or "1")]
    count = sum((m + 1) * n for m, n in pairwise(sizes))
    if count > MOST_PARAMETERS:
        raise UsageError(f"{count:,} parameters are too many for scalars: use a smaller --hidden")
    return MLP(
        sizes[0],
        sizes[1:],
        activation=options.activation,
        initialise="he" if options.activation == "relu" else "glorot",
        seed=options.seed,
    )


def _reporter(
    model: MLP, encoding: Encoding, learned: Part, held_out: Part, options: argparse.Namespace
) -> Reporter:
    """What looks on while the network is trained, and writes the report."""
    from .report import Reporter, Rows  # all the charts

    def measure(X: Any, y: Any) -> tuple[float, float | None]:
        outputs = predict(model, X)  # once for both

        def said() -> Callable[[Any], Any]:
            following = iter(outputs)
            return lambda x: next(following)

        share = accuracy(said(), X, y) if encoding.classes else None
        return evaluate(said(), X, y, loss=_loss(encoding)), share

    return Reporter(
        model,
        Rows.of(learned[0], _targets(encoding, learned[1]), "rows to train on"),
        Rows.of(held_out[0], _targets(encoding, held_out[1]), "rows to test on"),
        loss=_loss(encoding),
        epochs=options.epochs,
        measure=measure,
        features=encoding.names,
        classes=encoding.classes,
    )


def _fitted(
    model: MLP,
    encoding: Encoding,
    learned: Part,
    reporter: Reporter | None,
    options: argparse.Namespace,
) -> History:
    """Train a network; Ctrl-C ends that early, with the best parameters so far."""
    X, y = learned
    try:
        return fit(
            model,
            X,
            _targets(encoding, y),
            loss=_loss(encoding),
            optimizer=Adam(model, lr=options.rate),
            epochs=options.epochs,
            batch_size=options.batch_size,
            seed=options.seed,
            callbacks=() if reporter is None else (reporter,),
        )
    except FloatingPointError as error:
        what = str(error).partition(";")[0]
        raise FloatingPointError(f"{what}: try a --rate below {options.rate:g}") from None


def _facts(
    model: MLP, encoding: Encoding, learned: Part, held_out: Part, history: History
) -> Iterator[tuple[str, str]]:
    """What was trained, and how well it does."""
    yield "rows", f"{len(learned[0])} to train on, {len(held_out[0])} to test on"
    yield "network", f"{len(model.parameters())} parameters, {history.updates} updates"
    yield "train", _score(model, encoding, *learned)
    yield "test", _score(model, encoding, *held_out)


def _about(
    model: MLP,
    encoding: Encoding,
    facts: Mapping[str, str],
    history: History,
    options: argparse.Namespace,
) -> tuple[str, dict[str, str]]:
    """The title of the report, and the facts with what else somebody needs to train it again."""
    names = encoding.names
    shown = ", ".join(names[:MOST_NAMES]) + f" and {len(names) - MOST_NAMES} more" * (
        len(names) > MOST_NAMES
    )
    sizes = [len(names), *(len(layer.neurons) for layer in model.layers)]
    hidden = f", {options.activation} in the hidden ones" if options.hidden else ""
    more = {
        "data": f"{os.path.basename(options.data)}, from {shown}",
        "layers": f"{' → '.join(map(str, sizes))}{hidden}",
        "training": f"epochs: {len(history)}{' (interrupted)' * history.interrupted}; Adam, rate "
        f"{options.rate:g}, batches of {options.batch_size}; seed {options.seed}",
    }
    return f"{_task(encoding).capitalize()} of {encoding.target.name}", more | dict(facts)


def _task(encoding: Encoding) -> str:
    return "classification" if encoding.classes else "regression"


def _loss(encoding: Encoding) -> str:
    return "cross_entropy" if encoding.classes else "squared_error"


def _targets(encoding: Encoding, y: Sequence[float]) -> Sequence[float]:
    """What the network is to answer: a class, or a number on a scale of its own."""
    return y if encoding.classes else encoding.scale_target(y)


def _loaded(path: str) -> tuple[MLP, Encoding]:
    """The network in a model file, and how the cells of a table become its inputs."""
    state, about = store.load(path)
    try:
        encoding = Encoding.from_json(about.get("encoding"))
        model = MLP.from_about(about.get("model", {}))
        nin, nout = len(encoding.names), len(encoding.classes or "1")
        if (model.layers[0].nin, len(model.layers[-1].neurons)) != (nin, nout):
            raise ValueError(f"the columns ask for {nin} inputs and {nout} outputs, not the model")
    except (ValueError, TypeError) as error:
        told = f"{path}: no model that train --save wrote: {error}"
        raise store.ModelFileError(told) from None
    store.check_keys(model.named_parameters(), state, path)
    model.load_state(state)
    return model, encoding


def _standardised(encoding: Encoding, X: list[list[float]]) -> list[list[float]]:
    return standardise(X, encoding.mean, encoding.scale)[0]


def _score(model: MLP, encoding: Encoding, X: list[list[float]], y: Sequence[float]) -> str:
    """Accuracy, or root mean square error and R² in the units of the file."""
    if encoding.classes:
        right = sum(k == d for k, d in zip(classify(model, X), y, strict=True))
        return f"accuracy {right / len(y):.1%} ({right} of {len(y)})"
    errors = [p - d for p, d in zip(encoding.unscale_target(predict(model, X)), y, strict=True)]
    mean = sum(y) / len(y)
    spread = sum((d - mean) ** 2 for d in y)
    explained = f", R² {1.0 - sum(e * e for e in errors) / spread:.4f}" if spread else ""
    return f"root mean square error {math.hypot(*errors) / math.sqrt(len(y)):.4g}{explained}"


# ---- the grammar --------------------------------------------------------------------------------

COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "play": _play,
    "draw": _draw,
    "explain": _explain,
    "tape": _tape,
    "grad": _grad,
    "train": _train,
    "predict": _predict,
    "demo": _demo,
}
WITH_EXPRESSION = ("play", "draw", "explain", "tape", "grad")
WITH_OUTPUT = ("play", "draw", "tape")


class _Parser(argparse.ArgumentParser):
    """Python's own, but an error is one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def _understood(arguments: list[str]) -> argparse.Namespace:
    """The options of a command."""
    parser = _parser()
    command = arguments[0] if arguments else ""
    if not arguments:
        parser.print_help(sys.stderr)
        raise SystemExit(NOT_UNDERSTOOD)
    if command not in COMMANDS and not command.startswith("-"):
        question = did_you_mean(command, COMMANDS) or f"there are {', '.join(COMMANDS)}"
        raise UsageError(f"there is no command {command!r:.40}: {question}")
    if command in WITH_EXPRESSION:
        arguments = _without_short_options(arguments, command in WITH_OUTPUT)
    options, rest = parser.parse_known_args(arguments)
    if rest and command in WITH_EXPRESSION and not any(x.startswith("-") for x in rest):
        options.values += rest  # argparse stops taking values at the first option
    elif rest:
        raise UsageError(f"unknown: {' '.join(rest)}; see {parser.prog} {options.command} --help")
    return options


def _without_short_options(arguments: list[str], has_output: bool) -> list[str]:
    """-x is an expression: argparse takes " -x" for one. Only -h, and -o FILE, are options."""
    read: list[str] = []
    for x in arguments:
        is_output = has_output and (x == "-o" or (x[:2] == "-o" and _extension(x) in FILES))
        is_file = has_output and read[-1:] == ["-o"]
        is_expression = x[:1] == "-" != x[1:2] and x != "-h" and not (is_output or is_file)
        read.append(f" {x}" if is_expression else x)
    return read


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="microgrunderscore",
        description="Scalar automatic differentiation to read, to see and to trust.",
    )
    version = f"microgrunderscore {__version__} ({builds.description()})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )

    play = _command(commands, "play", "step through an expression, forward and backward")
    _add_expression(play)
    _add_output(play, PAGES, "opens the browser")

    draw = _command(commands, "draw", "the graph of an expression as a picture")
    _add_expression(draw)
    draw.add_argument("--wrt", metavar="NAME", help="show the paths from this input")
    _add_output(draw, DRAWINGS, "opens the browser")

    for command in (play, draw):
        command.add_argument("--theme", choices=THEMES, default=THEMES[0], help="(auto)")

    explain = _command(commands, "explain", "the chain rule, in symbols and in numbers")
    _add_expression(explain)
    explain.add_argument("--wrt", metavar="NAME", help="only this input")
    explain.add_argument("--latex", action="store_true", help="as LaTeX")
    explain.add_argument("--where", action="store_true", help="also what the names stand for")

    tape = _command(commands, "tape", "what is computed, downward, and the gradients, upward")
    _add_expression(tape)
    _add_output(tape, TABLES, "prints it")

    grad = _command(commands, "grad", "value and gradient of an expression")
    _add_expression(grad)
    grad.add_argument("--json", action="store_true", help="as JSON; nan and inf as texts")

    _add_training(_command(commands, "train", "train a network on a CSV file"))

    predict = _command(commands, "predict", "what a saved network says of new rows")
    predict.add_argument("model", metavar="MODEL.json")
    _add_table(predict)

    _command(commands, "demo", "a tour: log(xy), moons, iris, the 8-3-8 autoencoder")
    return parser


def _command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=COMMANDS[name])
    return command


def _add_expression(command: argparse.ArgumentParser) -> None:
    command.add_argument("expression", metavar="EXPR", help='such as "log(x*y)"')
    command.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="such as x=2 y=3")


def _add_output(command: argparse.ArgumentParser, kinds: Sequence[str], otherwise: str) -> None:
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"write it to a file ({' '.join(kinds)}), or - for standard output; "
        f"without -o, {otherwise}",
    )
    command.add_argument("--overwrite", action="store_true", help="even if the file exists")


def _add_table(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA.csv", help="a table with a header")
    command.add_argument("--delimiter", metavar="CHARACTER", help="is found out if not given")
    command.add_argument("--decimal", default=".", metavar="MARK", help="decimal mark: . or ,")


def _add_training(train: argparse.ArgumentParser) -> None:
    _add_table(train)
    train.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    train.add_argument("--features", nargs="+", metavar="COLUMN", help="from these only")
    train.add_argument(
        "--categorical", nargs="+", default=(), metavar="COLUMN", help="names, though of digits"
    )
    train.add_argument("--task", choices=["auto", "classification", "regression"], default="auto")
    train.add_argument(
        "--hidden",
        type=_size,
        nargs="*",
        default=[16, 16],
        metavar="N",
        help="neurons of each hidden layer (16 16); none for a linear model",
    )
    train.add_argument(
        "--activation", type=_activation, default="tanh", help="of the hidden layers (tanh)"
    )
    train.add_argument("--epochs", type=_size, default=100, metavar="N", help="(100)")
    train.add_argument("--batch-size", type=_size, default=16, metavar="N", help="(16)")
    train.add_argument("--rate", type=_rate, default=0.01, help="learning rate of Adam (0.01)")
    train.add_argument(
        "--test", type=_share, default=0.25, metavar="SHARE", help="of the rows, held out (0.25)"
    )
    train.add_argument("--seed", type=_seed, default=0, help="(0)")
    train.add_argument("--save", metavar="MODEL.json", help="write the network to this file")
    train.add_argument("--report", metavar="REPORT.html", help="write a page of pictures on it")
    train.add_argument("--overwrite", action="store_true", help="even if the files exist")


def _kind(read: Callable[[str], Any], holds: Callable[[Any], bool], what: str) -> Any:
    """A type of argument: how it is read, what must hold of it, what to call it."""

    def convert(text: str) -> Any:
        with contextlib.suppress(ValueError):
            if holds(x := read(text)):
                return x
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not {what}")

    return convert


_size = _kind(int, lambda n: n >= 1, "a whole number of at least 1")
_seed = _kind(int, lambda n: n >= 0, "a whole number of at least 0")
_rate = _kind(float, lambda x: 0 < x < math.inf, "a finite number above 0")
_share = _kind(float, lambda x: 0 < x < 1, "a number between 0 and 1")


def _activation(name: str) -> str:
    try:
        activation(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name
