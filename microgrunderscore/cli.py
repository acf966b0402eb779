"""The command line: explain, grad, train, predict, demo.

Results go to standard output, progress and errors to standard error. The exit code is 0, 1 when
something failed, 2 when the command was not understood.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import store
from .datasets import Encoding, read_csv, split, standardise
from .engine import gc_paused
from .expression import ExpressionError, Parsed, parse
from .nn import MLP
from .operation import ARITHMETIC_ERRORS
from .optim import Adam
from .pictures.explain import explain
from .training import classify, fit, predict
from .version import __version__

FAILED, NOT_UNDERSTOOD = 1, 2


class UsageError(ValueError):
    """The command was not understood."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse has printed the help or the error
        return int(stop.code or 0)
    with contextlib.suppress(AttributeError, OSError):
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # ∂ on any terminal
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return _complain("interrupted", FAILED)
    except (UsageError, ExpressionError) as error:
        return _complain(error, NOT_UNDERSTOOD)
    except (*ARITHMETIC_ERRORS, ArithmeticError, OSError) as error:
        return _complain(error, FAILED)
    return 0


def _complain(error: object, code: int) -> int:
    print(f"microgrunderscore: {' '.join(str(error).split())}", file=sys.stderr)
    return code


# ---- the commands -------------------------------------------------------------------------------


def _explain(options: argparse.Namespace) -> None:
    """Print the chain rule for one input, or for all of them."""
    parsed = _parsed(options)
    if options.wrt and options.wrt not in parsed.leaves:
        raise UsageError(f"--wrt {options.wrt}: the inputs are {', '.join(parsed.leaves)}")
    wrt = parsed.leaves[options.wrt] if options.wrt else list(parsed.leaves.values())
    explanation = explain(parsed.root, wrt, output=parsed.output)
    print(explanation.latex if options.latex else explanation)


def _grad(options: argparse.Namespace) -> None:
    """Print the value of an expression and its gradient."""
    parsed = _parsed(options)
    parsed.root.backward()
    gradient = {name: leaf.grad for name, leaf in parsed.leaves.items()}
    if options.json:
        numbers = {"value": parsed.root.data, "gradient": gradient}
        print(json.dumps(_finite_or_text(numbers), ensure_ascii=False))
        return
    print(f"{parsed.output} = {parsed.root.data!r}")
    for name, slope in gradient.items():
        print(f"∂{parsed.output}/∂{name} = {slope!r}")


def _train(options: argparse.Namespace) -> None:
    """Train a network on a CSV file and print its scores."""
    if options.save and Path(options.save).exists() and not options.overwrite:
        raise FileExistsError(f"{options.save} exists: choose another name, or add --overwrite")
    table = read_csv(options.data, options.target, task=options.task)
    X_train, y_train, X_test, y_test = split(
        table.X, table.y, options.test, options.seed, stratify=table.classes is not None
    )
    encoding = table.encoding.standardised(X_train, None if table.classes else y_train)
    model = MLP(
        len(table.features),
        [*options.hidden, len(table.classes or "1")],
        activation=options.activation,
        initialise="he" if options.activation == "relu" else "glorot",
        seed=options.seed,
    )
    Z_train, Z_test = _standardised(encoding, X_train), _standardised(encoding, X_test)
    history = fit(
        model,
        Z_train,
        y_train if table.classes else encoding.scale_target(y_train),
        loss="cross_entropy" if table.classes else "squared_error",
        optimizer=Adam(model, lr=options.rate),
        epochs=options.epochs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    if history.interrupted:
        print("interrupted: these are the best parameters so far", file=sys.stderr)
    print(f"{'classification' if table.classes else 'regression'} of {table.target!r}")
    print(f"rows       {len(Z_train)} to train on, {len(Z_test)} to test on")
    print(f"network    {len(model.parameters())} parameters, {history.updates} updates")
    print(f"train      {_score(model, encoding, Z_train, y_train)}")
    print(f"test       {_score(model, encoding, Z_test, y_test)}")
    if options.save:
        about = {"model": model.about(), "encoding": encoding.to_json()}
        store.save(options.save, model.state(), about=about, overwrite=options.overwrite)
        print(f"saved      {options.save}")


def _predict(options: argparse.Namespace) -> None:
    """Print what a saved network says of each row of a CSV file."""
    state, about = store.load(options.model)
    try:
        encoding = Encoding.from_json(about.get("encoding"))
        model = MLP.from_about(about.get("model", {}))
    except (ValueError, TypeError) as error:
        raise store.ModelFileError(f"{options.model}: {error}") from None
    store.check_keys(model.named_parameters(), state, options.model)
    model.load_state(state)
    X = encoding.rows(options.data)
    print(encoding.target.name)
    if encoding.classes:
        for k in classify(model, X):
            print(encoding.classes[k])
    else:
        for y in encoding.unscale_target(predict(model, X)):
            print(repr(y))


def _demo(options: argparse.Namespace) -> None:
    """The tour."""
    from . import demo

    demo.run()


# ---- what they share ----------------------------------------------------------------------------


def _parsed(options: argparse.Namespace) -> Parsed:
    """The expression with its values."""
    values: dict[str, float] = {}
    for text in options.values:
        name, equals, number = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{text!r} gives no input a value: write x=2")
        if name.strip() in values:
            raise UsageError(f"{name.strip()} has two values: give it one")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            raise UsageError(f"{number!r} is not a number: write {name.strip()}=2") from None
    with gc_paused():
        return parse(options.expression, values)


def _finite_or_text(x: Any) -> Any:
    """JSON has no nan and no infinity: these become texts."""
    if isinstance(x, dict):
        return {key: _finite_or_text(value) for key, value in x.items()}
    return x if math.isfinite(x) else repr(x)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="microgrunderscore",
        description="Scalar automatic differentiation to read, to see and to trust.",
        epilog='An expression that begins with a minus comes after "--".',
    )
    parser.add_argument("--version", action="version", version=f"microgrunderscore {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    explain = _command(commands, "explain", _explain, "the chain rule, in symbols and in numbers")
    _add_expression(explain)
    explain.add_argument("--wrt", metavar="NAME", help="only this input")
    explain.add_argument("--latex", action="store_true", help="as LaTeX")

    grad = _command(commands, "grad", _grad, "value and gradient of an expression")
    _add_expression(grad)
    grad.add_argument("--json", action="store_true", help="as JSON")

    train = _command(commands, "train", _train, "train a network on a CSV file")
    train.add_argument("data", metavar="DATA.csv", help="a table with a header")
    train.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    train.add_argument("--task", choices=["auto", "classification", "regression"], default="auto")
    train.add_argument("--hidden", type=_size, nargs="*", default=[16, 16], metavar="N",
                       help="neurons of each hidden layer (16 16)")  # fmt: skip
    train.add_argument("--activation", default="tanh", help="of the hidden layers (tanh)")
    train.add_argument("--epochs", type=_size, default=100, metavar="N", help="(100)")
    train.add_argument("--batch-size", type=_size, default=16, metavar="N", help="(16)")
    train.add_argument("--rate", type=float, default=0.01, help="learning rate of Adam (0.01)")
    train.add_argument("--test", type=float, default=0.25, metavar="SHARE",
                       help="of the rows, held out (0.25)")  # fmt: skip
    train.add_argument("--seed", type=int, default=0, help="(0)")
    train.add_argument("--save", metavar="MODEL.json", help="write the network to this file")
    train.add_argument("--overwrite", action="store_true", help="even if it exists")

    predict = _command(commands, "predict", _predict, "what a saved network says of new rows")
    predict.add_argument("model", metavar="MODEL.json")
    predict.add_argument("data", metavar="DATA.csv")

    _command(commands, "demo", _demo, "a tour: log(xy), moons, iris, the 8-3-8 autoencoder")
    return parser


def _command(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    return command


def _add_expression(command: argparse.ArgumentParser) -> None:
    command.add_argument("expression", metavar="EXPR", help='such as "log(x*y)"')
    command.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="such as x=2 y=3")


def _size(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
