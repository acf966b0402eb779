"""The programs that are compiled: what they compute, said once, for the numbers of any library.

W1   micrograd's demo: 2-16-16-1 with ReLU, 100 moons, hinge loss and L2
W2   2-64-64-1 with ReLU, 256 moons, cross-entropy of two classes; W2t, the same with tanh
W3   a random graph of so many operations, as irregular as can be
W4   an autoencoder 8-3-8 with sigmoid, 8 one-hot patterns, cross-entropy
W5   microgpt's model: 4,192 parameters, one document of 8 tokens, whose ids are data

A workload has parameters, samples, and the loss of one sample in ordinary scalar code. What that
code needs besides + - * / ** it finds in `Scalars`, which every library fills in its own way.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from .wiring import Functions, Scalar

Vector: TypeAlias = Sequence[Scalar]
Weights: TypeAlias = Any  # the parameters of a model, as it sorts them

PENALTY = 1e-4  # of W1, on the squares of all parameters
DEVIATION = 0.08  # of the weights of W5


def dot(ws: Vector, xs: Vector, bias: Scalar | None = None) -> Scalar:
    """w₀·x₀ + w₁·x₁ + …, on top of a bias, by plain operators."""
    pairs = zip(ws, xs, strict=True)
    if bias is None:
        w, x = next(pairs)
        bias = w * x
    for w, x in pairs:
        bias = bias + w * x
    return bias


def sum_of(xs: Vector) -> Scalar:
    """x₀ + x₁ + …, by plain operators."""
    total, *others = xs
    for x in others:
        total = total + x
    return total


@dataclass(frozen=True)
class Scalars(Functions):
    """What a library calls its functions; sums are plain operators where it has nothing better.

    take: the row of a table, or the number in a list, at an index that is data.
    """

    dot: Callable[..., Scalar] = dot
    sum_of: Callable[[Vector], Scalar] = sum_of
    take: Callable[[Any, Any], Any] = operator.getitem


# ---- networks of layers ------------------------------------------------------------------------


def hinge(scores: Vector, target: Scalar, f: Scalars) -> Scalar:
    """How far a score is from 1 on the side of its target, which is 1 or -1."""
    return f.relu(1.0 - target * scores[0])


def logistic(scores: Vector, target: Scalar, f: Scalars) -> Scalar:
    """max(z, 0) - z·target + log(1 + e^-|z|): cross-entropy of a score, whose power is at most 1.

    The target is 0 or 1.
    """
    z = scores[0]
    above, below = f.relu(z), f.relu(-z)
    return above - z * target + f.log(1.0 + f.exp(-(above + below)))


def cross_entropy(probabilities: Vector, targets: Vector, f: Scalars) -> Scalar:
    """Σ -(d log y + (1 - d) log(1 - y))."""
    pairs = zip(probabilities, targets, strict=True)
    return f.sum_of([-(d * f.log(y) + (1.0 - d) * f.log(1.0 - y)) for y, d in pairs])


ERRORS: Mapping[str, Callable[..., Scalar]] = {
    "hinge": hinge,
    "logistic": logistic,
    "cross_entropy": cross_entropy,
}


@dataclass(frozen=True)
class Layers:
    """A network of fully connected layers; the parameters are, neuron by neuron, weights and bias.

    Attributes:
        sizes: inputs, then the neurons of each layer.
        hidden, last: the activation of all layers but the last, and its own: "" for none.
        error: one of the ERRORS.
    """

    sizes: tuple[int, ...]
    hidden: str
    last: str
    error: str

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Neurons and inputs of each layer."""
        return [(n, m) for m, n in zip(self.sizes, self.sizes[1:], strict=False)]

    def weights(self, parameters: Vector) -> Weights:
        """Layers of neurons, each its weights and its bias."""
        found, at = [], 0
        for neurons, inputs in self.shapes:
            ends = range(at + inputs, at + neurons * (inputs + 1), inputs + 1)
            found.append([(parameters[end - inputs : end], parameters[end]) for end in ends])
            at += neurons * (inputs + 1)
        return found

    def loss(self, layers: Weights, x: Vector, y: Any, f: Scalars) -> Scalar:
        """The error of one sample."""
        for layer in layers:
            x = [f.dot(ws, x, bias) for ws, bias in layer]
            if name := self.last if layer is layers[-1] else self.hidden:
                x = list(map(getattr(f, name), x))
        return ERRORS[self.error](x, y, f)


# ---- a GPT -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GPT:
    """microgpt's model of one layer: RMSNorm, attention, a ReLU network four times as wide.

    tokens: those of the document, each of which has one that follows. See `microgpt.py`.
    """

    tokens: int = 8
    vocabulary: int = 27
    width: int = 16
    heads: int = 4
    block: int = 16

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of every matrix, in the order of the parameters."""
        n = self.width
        table = {"token": (self.vocabulary, n), "place": (self.block, n)}
        table |= dict.fromkeys(("query", "key", "value", "mix"), (n, n))
        return table | {"widen": (4 * n, n), "narrow": (n, 4 * n), "score": (self.vocabulary, n)}

    def weights(self, parameters: Vector) -> Weights:
        """Every matrix as a list of rows."""
        found, at = {}, 0
        for name, (rows, columns) in self.shapes.items():
            end = at + rows * columns
            found[name] = [parameters[i : i + columns] for i in range(at, end, columns)]
            at = end
        return found

    def loss(self, matrices: Weights, x: Sequence[Any], y: Sequence[Any], f: Scalars) -> Scalar:
        """The mean surprise over the tokens y that follow the tokens x."""
        keys: list[Vector] = []
        values: list[Vector] = []
        losses = []
        for place, (token, following) in enumerate(zip(x, y, strict=True)):
            xs = added(f.take(matrices["token"], token), matrices["place"][place])
            xs = normalised(xs, f)
            xs = added(xs, self.attention(matrices, normalised(xs, f), keys, values, f))
            hidden = map(f.relu, product(matrices["widen"], normalised(xs, f), f))
            xs = added(xs, product(matrices["narrow"], list(hidden), f))
            shares = softmax(product(matrices["score"], xs, f), f)
            losses.append(-f.log(f.take(shares, following)))
        return f.sum_of(losses) * (1.0 / len(losses))

    def attention(
        self, matrices: Weights, xs: Vector, keys: list[Vector], values: list[Vector], f: Scalars
    ) -> list[Scalar]:
        """What each head finds here and in earlier places; keys and values grow by this place."""
        query = product(matrices["query"], xs, f)
        keys.append(product(matrices["key"], xs, f))
        values.append(product(matrices["value"], xs, f))
        width = self.width // self.heads
        found = []
        for start in range(0, self.width, width):
            head = slice(start, start + width)
            scores = [f.dot(query[head], key[head]) * (1.0 / width**0.5) for key in keys]
            shares = softmax(scores, f)
            columns = zip(*[value[head] for value in values], strict=True)
            found += [f.dot(shares, list(column)) for column in columns]
        return product(matrices["mix"], found, f)


def product(matrix: Sequence[Vector], xs: Vector, f: Scalars) -> list[Scalar]:
    """A matrix times xs."""
    return [f.dot(row, xs) for row in matrix]


def added(xs: Vector, ys: Vector) -> list[Scalar]:
    """xs + ys."""
    return [x + y for x, y in zip(xs, ys, strict=True)]


def normalised(xs: Vector, f: Scalars) -> list[Scalar]:
    """xs with a mean square of 1."""
    scale = (f.dot(xs, xs) * (1.0 / len(xs)) + 1e-5) ** -0.5
    return [x * scale for x in xs]


def softmax(scores: Vector, f: Scalars) -> list[Scalar]:
    """Shares that add up to 1, of scores that are small enough for their powers."""
    powers = [f.exp(score) for score in scores]
    total = f.sum_of(powers)
    return [power / total for power in powers]


# ---- a random graph ----------------------------------------------------------------------------

Instruction: TypeAlias = tuple[str, int, int]  # the name of an operation, the places of operands

NAMES = ("add", "sub", "mul", "div", "exp", "log", "tanh", "sigmoid", "pow")
SHARES = (22, 12, 26, 8, 7, 7, 7, 6, 5)  # of the operations, in percent
OF_TWO = ("add", "sub", "mul", "div")
LEAVES = 100


def operations(f: Scalars) -> dict[str, Callable[[Scalar, Scalar], Scalar]]:
    """What the instructions mean: numbers stay moderate, nothing leaves its domain."""
    return {
        "add": lambda a, b: (a + b) * 0.5,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / (b * b + 1.5),
        "exp": lambda a, b: f.exp(-(a * a)),
        "log": lambda a, b: f.log(a * a + 1.0),
        "tanh": lambda a, b: f.tanh(a),
        "sigmoid": lambda a, b: f.sigmoid(a),
        "pow": lambda a, b: (a * a + 1.0) ** -1.5,
    }


@dataclass(frozen=True)
class Tangle:
    """A graph without any order: a list of instructions, each on two earlier numbers.

    The loss is the sum of what no instruction uses.
    """

    script: tuple[Instruction, ...] = field(repr=False)

    def weights(self, parameters: Vector) -> Weights:
        """The leaves."""
        return parameters

    def loss(self, leaves: Weights, x: Any, y: Any, f: Scalars) -> Scalar:
        """Follow the script; there are no samples to look at."""
        meaning = operations(f)
        numbers = list(leaves)
        for name, a, b in self.script:
            numbers.append(meaning[name](numbers[a], numbers[b]))
        return f.sum_of([numbers[i] for i in self.unused])

    @cached_property
    def unused(self) -> list[int]:
        """The places of the results that no instruction uses."""
        used = {a for _, a, _ in self.script} | {b for name, _, b in self.script if name in OF_TWO}
        return [i for i in range(LEAVES, LEAVES + len(self.script)) if i not in used]


def random_script(count: int, rng: random.Random) -> tuple[Instruction, ...]:
    """So many instructions; four operands of five are among the latest 60 numbers."""
    names = rng.choices(NAMES, SHARES, k=count)

    def earlier(end: int) -> int:
        return rng.randrange(max(0, end - 60) if rng.random() < 0.8 else 0, end)

    return tuple((name, earlier(i), earlier(i)) for i, name in enumerate(names, LEAVES))


# ---- workloads ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """A model with parameters to begin with, and samples.

    Attributes:
        name: short, see above.
        model: what computes the loss of one sample.
        parameters: numbers to begin with.
        X, Y: samples: inputs, and what is wanted of each.
        penalty: the weight of the sum of squares of all parameters, on top of the mean loss.
    """

    name: str
    model: Any = field(repr=False)
    parameters: list[float] = field(repr=False)
    X: list[Any] = field(repr=False)
    Y: list[Any] = field(repr=False)
    penalty: float = 0.0

    def loss(self, parameters: Vector, f: Scalars) -> Callable[[Any, Any], Scalar]:
        """The loss of one sample as a function of it, penalty included."""
        weights, model = self.model.weights(parameters), self.model

        def loss(x: Any, y: Any) -> Scalar:
            return self._with_penalty(model.loss(weights, x, y, f), parameters, f)

        return loss

    def total(self, parameters: Vector, f: Scalars) -> Scalar:
        """The mean loss over all samples; the penalty is computed once."""
        weights, model = self.model.weights(parameters), self.model
        losses = [model.loss(weights, x, y, f) for x, y in zip(self.X, self.Y, strict=True)]
        mean = losses[0] if len(losses) == 1 else f.sum_of(losses) * (1.0 / len(losses))
        return self._with_penalty(mean, parameters, f)

    def _with_penalty(self, loss: Scalar, parameters: Vector, f: Scalars) -> Scalar:
        return loss + self.penalty * f.dot(parameters, parameters) if self.penalty else loss

    def first(self, samples: int) -> Workload:
        """The same on the first so many samples."""
        return replace(self, X=self.X[:samples], Y=self.Y[:samples])


def moons(count: int, seed: int) -> tuple[list[list[float]], list[int]]:
    """Two half circles of points that reach into one another, taken in turn, and their signs."""
    rng = random.Random(seed)
    X, y = [], []
    for i in range(count):
        angle, sign = math.pi * rng.random(), 1 - 2 * (i % 2)
        x = [math.cos(angle), math.sin(angle)] if sign > 0 else [1 - math.cos(angle),
                                                                 0.5 - math.sin(angle)]  # fmt: skip
        X.append([c + rng.gauss(0.0, 0.1) for c in x])
        y.append(sign)
    return X, y


def demo() -> Workload:
    """W1, from the weights that micrograd's demo begins with."""
    rng = random.Random(1337)
    model = Layers((2, 16, 16, 1), "relu", "", "hinge")
    start = [
        x
        for neurons, inputs in model.shapes
        for _ in range(neurons)
        for x in (*(rng.uniform(-1.0, 1.0) for _ in range(inputs)), 0.0)
    ]
    X, Y = moons(100, seed=1337)
    return Workload("W1", model, start, X, [float(y) for y in Y], PENALTY)


def classifier(hidden: str = "relu", width: int = 64, samples: int = 256) -> Workload:
    """W2, W2t, and the same in other sizes."""
    X, Y = moons(samples, seed=7)
    model = Layers((2, width, width, 1), hidden, "", "logistic")
    name = {"relu": "W2", "tanh": "W2t"}[hidden]
    return Workload(name, model, spread_out(model, 2), X, [(1.0 + y) / 2.0 for y in Y])


def autoencoder() -> Workload:
    """W4."""
    model = Layers((8, 3, 8), "sigmoid", "sigmoid", "cross_entropy")
    patterns = [[float(i == j) for j in range(8)] for i in range(8)]
    return Workload("W4", model, spread_out(model, 3), patterns, patterns)


def spread_out(model: Layers, seed: int) -> list[float]:
    """Weights within ±1/√inputs and small biases, all from one seed."""
    rng = random.Random(seed)
    found = []
    for neurons, inputs in model.shapes:
        for _ in range(neurons):
            found += [rng.uniform(-1.0, 1.0) / math.sqrt(inputs) for _ in range(inputs)]
            found.append(rng.uniform(-0.1, 0.1))
    return found


def gpt(tokens: int = 8) -> Workload:
    """W5, and the same on documents of other lengths; the last id stands for begin and end."""
    model = GPT(tokens)
    rng = random.Random(42)
    count = sum(rows * columns for rows, columns in model.shapes.values())
    start = [rng.gauss(0.0, DEVIATION) for _ in range(count)]
    boundary = model.vocabulary - 1
    ids = [boundary, *(rng.randrange(boundary) for _ in range(tokens - 1)), boundary]
    return Workload("W5", model, start, [ids[:-1]], [ids[1:]])


def tangle(count: int) -> Workload:
    """W3 with so many operations. It has one sample, in which nothing is."""
    rng = random.Random(count)
    model = Tangle(random_script(count, rng))
    start = [rng.uniform(-1.0, 1.0) for _ in range(LEAVES)]
    return Workload(f"W3 {count}", model, start, [[]], [[]])


NAMED: Mapping[str, Callable[[], Workload]] = {
    "W1": demo,
    "W2": classifier,
    "W2t": lambda: classifier("tanh"),
    "W4": autoencoder,
    "W5": gpt,
}


def named(name: str) -> Workload:
    """A workload by its name, such as "W1" or, for so many operations, "W3 1000"."""
    kind, _, count = name.partition(" ")
    return tangle(int(count)) if kind == "W3" else NAMED[name]()
