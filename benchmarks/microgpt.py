"""A GPT in scalars that learns to invent given names: microgpt's model, on any Value class.

    python -m benchmarks.microgpt [--steps 20] [--program text] [--seed 0] [--names 5]

One model, three programs, which compute the same losses:

    reference   the text, on a Value class as microgpt's description has it
    text        the same text, on our Value
    nodes       the model as an author would write it who knows our package

The text is `GPT` and needs nothing of its Value class but + - * / **, log, exp, relu, data, grad
and backward. Rebuilt from the description: Karpathy, microgpt (2026).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import cycle, islice, pairwise
from typing import Any, TypeAlias

import microgrunderscore as mg

from .reference import Reference

Scalar: TypeAlias = Any  # a Value of whichever class
Past: TypeAlias = list[tuple[list[list[Scalar]], list[list[Scalar]]]]  # keys, values of a layer

DEVIATION = 0.08  # of the weights at the start
RATE, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8


@dataclass(frozen=True)
class Size:
    """How large a model is: width is a multiple of heads; block is the longest context."""

    layers: int = 1
    width: int = 16
    heads: int = 4
    block: int = 16


class GPT:
    """Scores for the token that comes next, each number a scalar, sums of products term by term.

    value: the Value class.
    letters: the alphabet; a token for each, and one more for where documents begin and end.
    seed: of the weights.
    """

    def __init__(self, value: Any, letters: str, seed: int = 0, size: Size | None = None) -> None:
        self.size = size = size or Size()
        self.letters = letters
        self.boundary = len(letters)
        rng = random.Random(seed)
        self.matrices = {
            name: [[value(rng.gauss(0.0, DEVIATION)) for _ in range(columns)] for _ in range(rows)]
            for name, (rows, columns) in shapes(len(letters) + 1, size).items()
        }
        self.parameters = [p for matrix in self.matrices.values() for row in matrix for p in row]

    # ---- the building blocks ----

    @staticmethod
    def dot(ws: Sequence[Scalar], xs: Sequence[Scalar], /) -> Scalar:
        """Σ wᵢ xᵢ."""
        return sum(w * x for w, x in zip(ws, xs, strict=True))

    @staticmethod
    def mean(xs: Sequence[Scalar], /) -> Scalar:
        """Σ xᵢ / n."""
        return sum(xs) / len(xs)

    @staticmethod
    def softmax(scores: Sequence[Scalar], /) -> list[Scalar]:
        """Shares that add up to 1; the largest score is taken out, so that no power overflows."""
        top = max(s.data for s in scores)
        powers = [(s - top).exp() for s in scores]
        total = sum(powers)
        return [power / total for power in powers]

    @classmethod
    def cross_entropy(cls, scores: Sequence[Scalar], target: int, /) -> Scalar:
        """How surprising the target is."""
        return -cls.softmax(scores)[target].log()

    def normalised(self, xs: list[Scalar]) -> list[Scalar]:
        """xs with a mean square of 1."""
        scale = (self.dot(xs, xs) / len(xs) + 1e-5) ** -0.5
        return [x * scale for x in xs]

    def product(self, name: str, xs: list[Scalar]) -> list[Scalar]:
        """A matrix times xs."""
        return [self.dot(row, xs) for row in self.matrices[name]]

    # ---- the model ----

    def attention(self, layer: int, xs: list[Scalar], past: Past) -> list[Scalar]:
        """What each head finds in this place and those before, where its query meets their keys."""
        keys, values = past[layer]
        query = self.product(f"query{layer}", xs)
        keys.append(self.product(f"key{layer}", xs))
        values.append(self.product(f"value{layer}", xs))
        width = self.size.width // self.size.heads
        found = []
        for start in range(0, self.size.width, width):
            head = slice(start, start + width)
            q = query[head]
            shares = self.softmax([self.dot(q, k[head]) / width**0.5 for k in keys])
            columns = zip(*[v[head] for v in values], strict=True)
            found += [self.dot(shares, column) for column in columns]
        return self.product(f"mix{layer}", found)

    def perceptron(self, layer: int, xs: list[Scalar]) -> list[Scalar]:
        """Four times as wide, ReLU, and back."""
        hidden = [h.relu() for h in self.product(f"widen{layer}", xs)]
        return self.product(f"narrow{layer}", hidden)

    def scores(self, token: int, past: Past) -> list[Scalar]:
        """One score for each token that may follow this one; past grows by this place."""
        place = len(past[0][0])
        xs = added(self.matrices["token"][token], self.matrices["place"][place])
        xs = self.normalised(xs)
        for layer in range(self.size.layers):
            xs = added(xs, self.attention(layer, self.normalised(xs), past))
            xs = added(xs, self.perceptron(layer, self.normalised(xs)))
        return self.product("score", xs)

    def nothing(self) -> Past:
        """The past of the first place."""
        return [([], []) for _ in range(self.size.layers)]

    def loss(self, document: str) -> Scalar:
        """The mean surprise over the letters of a document, as far as it fits, and its end."""
        tokens = [self.boundary, *map(self.letters.index, document), self.boundary]
        past, losses = self.nothing(), []
        for token, target in islice(pairwise(tokens), self.size.block):
            losses.append(self.cross_entropy(self.scores(token, past), target))
        return self.mean(losses)

    # ---- what one does with it ----

    def train(self, documents: Sequence[str], steps: int) -> Iterator[float]:
        """One step of Adam for each document in turn; gives the losses.

        The learning rate falls in a straight line and would be 0 after the last step.
        """
        parameters = self.parameters
        means, squares = [0.0] * len(parameters), [0.0] * len(parameters)
        b1, b2 = BETAS
        for k, document in enumerate(islice(cycle(documents), steps)):
            loss = self.loss(document)
            loss.backward()
            rate = RATE * (1 - k / steps)
            for i, p in enumerate(parameters):
                means[i] = b1 * means[i] + (1 - b1) * p.grad
                squares[i] = b2 * squares[i] + (1 - b2) * p.grad**2
                m = means[i] / (1 - b1 ** (k + 1))
                v = squares[i] / (1 - b2 ** (k + 1))
                p.data -= rate * m / (v**0.5 + EPS)
                p.grad = 0.0
            yield loss.data

    def generate(self, rng: random.Random, temperature: float = 0.5) -> str:
        """A new document, letter by letter; a low temperature prefers what is likely."""
        past, token, document = self.nothing(), self.boundary, ""
        while len(document) < self.size.block:
            shares = self.softmax([s / temperature for s in self.scores(token, past)])
            token = rng.choices(range(len(shares)), [share.data for share in shares])[0]
            if token == self.boundary:
                break
            document += self.letters[token]
        return document


class GPTOfNodes(GPT):
    """The same model on our Value: a sum of products, a mean, a log Σ exp are one node each."""

    dot = staticmethod(mg.dot)
    mean = staticmethod(mg.mean)
    softmax = staticmethod(mg.softmax)
    cross_entropy = staticmethod(mg.losses.cross_entropy)

    def train(self, documents: Sequence[str], steps: int) -> Iterator[float]:
        """As in GPT."""
        optimizer = mg.Adam(self.parameters, mg.optim.linear(RATE, 0.0, steps), BETAS, EPS)
        for document in islice(cycle(documents), steps):
            loss = self.loss(document)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield loss.data


def shapes(tokens: int, size: Size) -> dict[str, tuple[int, int]]:
    """Rows and columns of every matrix."""
    n = size.width
    table = {"token": (tokens, n), "place": (size.block, n)}
    for k in range(size.layers):
        table |= {f"{name}{k}": (n, n) for name in ("query", "key", "value", "mix")}
        table |= {f"widen{k}": (4 * n, n), f"narrow{k}": (n, 4 * n)}
    return table | {"score": (tokens, n)}


def added(xs: list[Scalar], ys: list[Scalar]) -> list[Scalar]:
    """xs + ys."""
    return [x + y for x, y in zip(xs, ys, strict=True)]


PROGRAMS: dict[str, tuple[type[GPT], Any]] = {
    "reference": (GPT, Reference),
    "text": (GPT, mg.Value),
    "nodes": (GPTOfNodes, mg.Value),
}


def given_names(seed: int = 0) -> list[str]:
    """The given names of the 1990 census of the United States, in lower case, shuffled.

    Raises ModuleNotFoundError without the package that has them, `names`.
    """
    try:
        package = resources.files("names")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the given names are those of the package names, which is not installed: "
            "pip install '.[bench]' brings it"
        ) from error
    lists = [(package / f"dist.{sex}.first").read_text("ascii") for sex in ("female", "male")]
    names = sorted({line.split()[0].lower() for text in lists for line in text.splitlines()})
    random.Random(seed).shuffle(names)
    return names


def model(program: str, documents: Sequence[str], seed: int = 0) -> GPT:
    """The model of one of the PROGRAMS; all start from the same weights."""
    if program not in PROGRAMS:
        raise ValueError(f"no program is called {program!r:.40}: take one of {', '.join(PROGRAMS)}")
    kind, value = PROGRAMS[program]
    return kind(value, "".join(sorted(set("".join(documents)))), seed)


def steps(program: str, count: int) -> Iterator[float]:
    """Train on given names; gives the loss after each of so many steps, computed when asked for."""
    documents = given_names()
    return model(program, documents).train(documents, count)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    from tqdm import tqdm

    summary = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.microgpt", description=summary)
    parser.add_argument("--steps", type=int, default=20, help="names to train on, one a step")
    parser.add_argument("--program", choices=PROGRAMS, default="text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--names", type=int, default=5, help="names to invent at the end")
    chosen = parser.parse_args(arguments)
    if chosen.steps < 1:
        parser.error(f"--steps must be 1 or more, got {chosen.steps}")
    try:
        documents = given_names(chosen.seed)
    except ModuleNotFoundError as error:
        raise SystemExit(str(error)) from None
    gpt = model(chosen.program, documents, chosen.seed)
    print(f"{len(documents)} names, {gpt.boundary + 1} tokens, {len(gpt.parameters)} parameters")
    with tqdm(total=chosen.steps, unit="step", disable=None) as bar:  # None: only on a terminal
        for k, loss in enumerate(gpt.train(documents, chosen.steps), 1):
            bar.write(f"step {k:4}  loss {loss:.4f}")
            bar.update()
    rng = random.Random(chosen.seed)
    for _ in range(chosen.names):
        print(gpt.generate(rng))


if __name__ == "__main__":
    main()
