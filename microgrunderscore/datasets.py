"""Small data sets for teaching: plain lists of plain floats.

Everything random is drawn from `random.Random(seed)`: the same seed gives the same bits, and the
global generator is never touched. `X` is a list of rows, one list of floats per sample; `y` holds
one target per row, a class index (int) or a number (float). Tables read from CSV files and what
prepares rows for training can be had from here, too. Arguments outside their range raise
ValueError, those that are no numbers TypeError.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .arguments import generator, real, whole
from .preparation import split, standardise
from .sheet import DataError
from .tables import Encoding, Rows, Table, read_csv

__all__ = [
    "DataError",
    "Encoding",
    "Table",
    "circles",
    "iris",
    "iris_table",
    "moons",
    "one_hot",
    "read_csv",
    "spirals",
    "split",
    "standardise",
    "xor",
]


def moons(n: int = 100, noise: float = 0.1, seed: int = 0) -> tuple[Rows, list[int]]:
    """Two interleaving half circles of radius 1: the upper is class 0, the lower class 1.

    Args:
        n: number of points, at least 2; the upper half circle gets the odd one.
        noise: standard deviation of the Gaussian noise on both coordinates, 0 or more.
        seed: whole number, 0 or more.

    Returns:
        X, n rows of 2 coordinates in random order, and y, n class indices 0 or 1. Without noise
        the points are (cos t, sin t) and (1 - cos t, 1/2 - sin t), t evenly spaced in [0, π].

    Source: the geometry is that of scikit-learn's `make_moons`.

    >>> X, y = moons(100, noise=0.1, seed=0)
    >>> len(X), len(X[0]), y.count(0), y.count(1)
    (100, 2, 50, 50)
    """
    upper, lower = _sizes("moons", n, 2)
    points = [[math.cos(t), math.sin(t)] for t in _angles(upper, math.pi, max(upper - 1, 1))]
    points += [
        [1 - math.cos(t), 0.5 - math.sin(t)] for t in _angles(lower, math.pi, max(lower - 1, 1))
    ]
    return _scatter("moons", points, [0] * upper + [1] * lower, noise, seed)


def circles(
    n: int = 100, noise: float = 0.1, factor: float = 0.5, seed: int = 0
) -> tuple[Rows, list[int]]:
    """Two circles around the origin: radius 1 is class 0, radius `factor` is class 1.

    Args:
        n: number of points, at least 2; the outer circle gets the odd one.
        noise: standard deviation of the Gaussian noise on both coordinates, 0 or more.
        factor: radius of the inner circle, between 0 and 1, both excluded.
        seed: whole number, 0 or more.

    Returns:
        X, n rows of 2 coordinates in random order, and y, n class indices 0 or 1.

    Source: the geometry is that of scikit-learn's `make_circles`.

    >>> X, y = circles(6, noise=0.0, factor=0.5, seed=1)
    >>> sorted((k, round(math.hypot(*x), 9)) for x, k in zip(X, y))
    [(0, 1.0), (0, 1.0), (0, 1.0), (1, 0.5), (1, 0.5), (1, 0.5)]
    """
    factor = real("circles: factor", factor, above=0, below=1)
    sizes = _sizes("circles", n, 2)
    points = [
        [radius * math.cos(t), radius * math.sin(t)]
        for radius, size in zip((1.0, factor), sizes, strict=True)
        for t in _angles(size, 2 * math.pi, size)
    ]
    return _scatter("circles", points, [0] * sizes[0] + [1] * sizes[1], noise, seed)


def spirals(
    n: int = 100, classes: int = 2, turns: float = 1.0, noise: float = 0.02, seed: int = 0
) -> tuple[Rows, list[int]]:
    """Spiral arms from the origin out to radius 1, one class per arm, evenly turned.

    Args:
        n: number of points, at least one per class; the first arms get the remainder.
        classes: number of arms, at least 2.
        turns: turns of each arm about the origin, more than 0.
        noise: standard deviation of the Gaussian noise on both coordinates, 0 or more.
        seed: whole number, 0 or more.

    Returns:
        X, n rows of 2 coordinates in random order, and y, n class indices 0 … classes - 1.
        Without noise a point of arm k at radius r lies at the angle 2π (k / classes + turns · r).

    Source: Archimedes, On Spirals: the radius grows in proportion to the angle.

    >>> X, y = spirals(90, classes=3, noise=0.0)
    >>> [y.count(k) for k in range(3)], max(round(math.hypot(*x), 9) for x in X)
    ([30, 30, 30], 1.0)
    """
    classes = whole("spirals: classes", classes, 2)
    turns = real("spirals: turns", turns, above=0)
    points: Rows = []
    labels: list[int] = []
    for arm, size in enumerate(_sizes("spirals", n, classes)):
        for step in range(1, size + 1):
            r = step / size
            angle = 2 * math.pi * (arm / classes + turns * r)
            points.append([r * math.cos(angle), r * math.sin(angle)])
            labels.append(arm)
    return _scatter("spirals", points, labels, noise, seed)


def xor(n: int | None = None, noise: float = 0.0, seed: int = 0) -> tuple[Rows, list[int]]:
    """The corners of the unit square; the class is the exclusive or of the two coordinates.

    Args:
        n: number of points, at least 4, shared out among the corners and put in random order;
            None gives the four corners once, in the order 00, 01, 10, 11.
        noise: standard deviation of the Gaussian noise on both coordinates, 0 or more.
        seed: whole number, 0 or more.

    Returns:
        X, n rows of 2 coordinates, and y, n class indices 0 or 1.

    Source: M. Minsky and S. Papert, Perceptrons, MIT Press (1969): no single neuron computes it.

    >>> xor()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    count = 4 if n is None else whole("xor: n", n, 4)
    corners = [(i // 2 % 2, i % 2) for i in range(count)]
    points = [[float(a), float(b)] for a, b in corners]
    return _scatter("xor", points, [a ^ b for a, b in corners], noise, seed, n is not None)


def one_hot(n: int) -> tuple[Rows, Rows]:
    """The n patterns of n bits with a single one, as inputs and, equal to them, as targets.

    Args:
        n: number of patterns, at least 1; 8 for the 8-3-8 autoencoder.

    Returns:
        X and a copy of X: n rows of n floats, row i has 1.0 in place i and 0.0 elsewhere.

    Source: D. Ackley, G. Hinton and T. Sejnowski, "A learning algorithm for Boltzmann machines",
    Cognitive Science 9 (1985), 147-169: the encoder problem.

    >>> one_hot(2)
    ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    n = whole("one_hot: n", n, 1)
    X = [[float(i == j) for j in range(n)] for i in range(n)]
    return X, [row[:] for row in X]


def iris() -> tuple[Rows, list[int]]:
    """Fisher's iris flowers: four lengths in centimetres and the species of 150 flowers.

    Returns:
        X, 150 rows of sepal length, sepal width, petal length, petal width, and y, class indices
        0 setosa, 1 versicolor, 2 virginica, 50 of each. `iris_table()` has the names too.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936), 179-188; measured by Edgar Anderson. The values are those of the paper;
    a copy that is often passed on differs from it in the rows 35 and 38.

    >>> X, y = iris()
    >>> X[0], y[0], len(X)
    ([5.1, 3.5, 1.4, 0.2], 0, 150)
    """
    table = iris_table()
    return table.X, [int(k) for k in table.y]


def iris_table() -> Table:
    """Fisher's iris flowers as a `Table`, with the names of features and classes; see `iris`.

    >>> table = iris_table()
    >>> table.features
    ['sepal_length', 'sepal_width', 'petal_length', 'petal_width']
    >>> table.classes
    ['setosa', 'versicolor', 'virginica']
    """
    from importlib import resources  # slow to import, and wanted by this file alone

    with resources.as_file(resources.files(__package__) / "iris.csv") as path:
        return read_csv(path, "species", task="classification")


def _sizes(caller: str, n: int, classes: int) -> list[int]:
    """The numbers of points per class, as equal as can be, the first classes getting more."""
    n = whole(f"{caller}: n", n, classes)
    return [n // classes + (k < n % classes) for k in range(classes)]


def _angles(count: int, end: float, steps: int) -> Iterator[float]:
    """`count` evenly spaced angles from 0, `steps` of which make up `end`."""
    return (end * i / steps for i in range(count))


def _scatter(
    caller: str, points: Rows, labels: list[int], noise: float, seed: int, shuffled: bool = True
) -> tuple[Rows, list[int]]:
    """The points with Gaussian noise added, in random order, and their labels."""
    noise = real(f"{caller}: noise", noise, least=0)
    draw = generator(caller, seed)
    pairs = [
        ([x + noise * draw.gauss(0.0, 1.0) for x in point], label)
        for point, label in zip(points, labels, strict=True)
    ]
    if shuffled:
        draw.shuffle(pairs)
    return [point for point, _ in pairs], [label for _, label in pairs]
