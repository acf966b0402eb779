"""The tour: log(xy) explained, three small networks trained, their gradients checked.

Each part prints its numbers, and returns its pictures for one page at the end. Everything is
seeded: the same numbers on every run.
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import datasets
from .charts import (
    Recorder,
    accuracy_curve,
    activation_histograms,
    gradient_sizes,
    hidden_code,
    loss_curve,
    replay,
)
from .differences import gradcheck
from .engine import Value
from .expression import parse
from .files import write
from .history import History
from .losses import cross_entropy, hinge
from .nn import MLP
from .ops import mean
from .optim import SGD, Adam
from .pictures.explain import explain
from .pictures.overview import overview
from .pictures.player import play
from .report import Part, Section, is_page, page
from .training import accuracy, evaluate, fit

PAGE = "microgrunderscore-demo"


def run() -> None:
    """Print the whole tour, and write its page; takes a few seconds. Progress goes to stderr."""
    sections = []
    for part in (log_of_product, moons, iris, autoencoder):
        title, _, rest = (part.__doc__ or "").partition("\n")
        print(f"── {title}", rest.strip(), "", sep="\n")
        pictures = part()
        print()
        sections.append(Section(title, [rest.strip(), *pictures]))
    lead = "What python -m microgrunderscore demo prints, in pictures. Press Play, or use the keys."
    written = page("A tour of microgrunderscore", sections, lead=lead, kind="demo")
    try:
        print(f"pictures   {_published(written.encode())}")
    except OSError as error:
        if sys.stderr is not None:
            told = f"no page of pictures: cannot write here: {error.strerror or error}"
            print(f"microgrunderscore: {told}", file=sys.stderr)


def log_of_product() -> list[Part]:
    """z = log(xy): the chain rule, step by step

    v = x·y, w = log v, z = w, at x = 2 and y = 3.
    """
    parsed = parse("log(x*y)", {"x": 2.0, "y": 3.0})
    print(explain(parsed.root, output=parsed.output))
    report = gradcheck(lambda x, y: (x * y).log(), 2.0, 3.0)
    print(f"\nchecked by differences: {report.analytic:.10f} against {report.numeric:.10f}")
    return [[play(parsed.root, output=parsed.output)]]


def moons() -> list[Part]:
    """Two moons: a network that bends a boundary

    2 inputs, two layers of 16 ReLU neurons, one output; hinge loss; Adam in batches of 10.
    """
    X, labels = datasets.moons(100, noise=0.1, seed=1)
    y = [2 * k - 1 for k in labels]
    model = MLP(2, [16, 16, 1], initialise="he", seed=0)
    recorder = Recorder()
    recorder.begin(model)
    history = _fitted(
        model,
        X,
        y,
        loss="hinge",
        optimizer=Adam(model, lr=0.01),
        epochs=40,
        batch_size=10,
        callbacks=[recorder],
    )
    print(f"parameters {len(model.parameters())}, updates {history.updates}")
    print(f"loss       {history.loss[0]:.4f} → {evaluate(model, X, y, loss='hinge'):.4f}")
    print(f"accuracy   {accuracy(model, X, y):.0%}")
    closest = min(range(len(X)), key=lambda i: y[i] * model.predict(X[i]))
    _check_gradient(model, X[closest], lambda score: hinge(score, y[closest]))
    again = replay(recorder, X, y, resolution=32, class_names=["upper moon", "lower moon"])
    loss = mean(*(hinge(model(x), d) for x, d in zip(X, y, strict=True)))
    return [[again], [overview(model, loss)]]


def iris() -> list[Part]:
    """Fisher's iris: three species from four lengths

    A quarter of the 150 flowers is held out; 8 tanh neurons; softmax cross-entropy.
    """
    X, y = datasets.iris()
    X_train, y_train, X_test, y_test = datasets.split(X, y, test=0.25, seed=0, stratify=True)
    Z_train, mean, scale = datasets.standardise(X_train)
    Z_test, _, _ = datasets.standardise(X_test, mean, scale)
    model = MLP(4, [8, 3], activation="tanh", initialise="glorot", seed=0)
    recorder = Recorder()
    history = _fitted(
        model,
        Z_train,
        y_train,
        loss="cross_entropy",
        optimizer=SGD(model, lr=0.1, momentum=0.9),
        epochs=40,
        batch_size=16,
        validation=(Z_test, y_test),
        callbacks=[recorder],
    )
    print(f"loss       {history.loss[0]:.4f} → {history.loss[-1]:.4f}")
    print(f"accuracy   {accuracy(model, Z_train, y_train):.1%} of the flowers it learned from,")
    print(f"           {accuracy(model, Z_test, y_test):.1%} of the {len(y_test)} held out")
    _check_gradient(model, Z_test[0], lambda scores: cross_entropy(scores, y_test[0]))
    return [
        [loss_curve(history), accuracy_curve(history)],
        [gradient_sizes(recorder), activation_histograms(model, Z_test)],
    ]


def _check_gradient(model: MLP, x: list[float], loss: Callable[[Any], Value]) -> None:
    """Compare the gradient of every parameter with differences, for one sample."""

    def loss_of(*parameters: Value) -> Value:
        return loss(_with_parameters(model, parameters)(x))

    report = gradcheck(loss_of, *(p.data for p in model.parameters()))
    print(f"gradient   of all {len(model.parameters())} parameters checked by differences:")
    print(f"           worst {report.analytic:.9f} against {report.numeric:.9f}")


def _with_parameters(model: MLP, parameters: Sequence[Value]) -> MLP:
    """The same network as a function of its parameters."""
    twin = MLP.from_about(model.about())
    given = iter(parameters)
    for neuron in (neuron for layer in twin.layers for neuron in layer.neurons):
        neuron.w = [next(given) for _ in neuron.w]
        neuron.b = next(given)
    return twin


def autoencoder() -> list[Part]:
    """The 8-3-8 autoencoder: a network invents the binary code

    Eight patterns, one bit each, through three sigmoid neurons and back: 59 parameters.
    """
    X, y = datasets.one_hot(8)
    model = MLP(8, [3, 8], activation="sigmoid", output="sigmoid", initialise="glorot", seed=0)
    _fitted(
        model, X, y, loss="squared_error", optimizer=SGD(model, lr=4.0), epochs=700, batch_size=1
    )
    print("input      hidden layer          code  output")
    for x in X:
        hidden = model.layers[0].predict(x)
        bits = "".join(str(round(h)) for h in hidden)
        output = "".join(str(round(h)) for h in model.predict(x))
        pattern = "".join(str(round(bit)) for bit in x)
        print(f"{pattern}   {'  '.join(f'{h:.3f}' for h in hidden)}   {bits}   {output}")
    return [[hidden_code(model, X)]]


def _fitted(model: MLP, X: Any, y: Any, **settings: Any) -> History:
    """Train a network; Ctrl-C ends the tour, not only this training."""
    history = fit(model, X, y, **settings)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


# ---- the page -----------------------------------------------------------------------------------


def _published(written: bytes) -> Path:
    """Write the page into the current directory, and say where it is.

    An earlier page of the tour is replaced; any other file of that name stays, and the page gets
    a number.
    """
    for number in itertools.count(1):
        path = Path.cwd() / f"{PAGE}{f'-{number}' * (number > 1)}.html"
        is_old = _is_ours(path)
        try:
            write(path, written, overwrite=is_old)
        except (FileExistsError, IsADirectoryError):
            continue
        return path
    raise AssertionError("there are always more numbers")


def _is_ours(path: Path) -> bool:
    """Whether a file is an earlier page of the tour."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with open(path, encoding="utf-8", errors="replace") as file:
            return is_page(file.read(2000), kind="demo")
    except OSError:
        return False
