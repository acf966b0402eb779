"""Re-rolling finds the layers however they were written, and strides say what tables say.

The same network written in ten ways, and a batch that was unrolled by hand, become a few groups
whose number does not grow with the network; the loss and the gradient stay the engine's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any

import pytest
from backends import assert_as_eager, every_backend
from hypothesis import given
from hypothesis import strategies as st

import microgrunderscore as mg
from microgrunderscore import Value

np = pytest.importorskip("numpy")

from microgrunderscore.program.groups import padded  # noqa: E402
from microgrunderscore.program.on_numpy import negate  # noqa: E402
from microgrunderscore.program.strides import Axis, axes_of, pieces  # noqa: E402

# ---- strides -------------------------------------------------------------------------------------


def rolled_out(axes: Sequence[Axis], starts: Sequence[int]) -> list[list[int]]:
    """What the loops run through, array by array."""
    places = [list(starts)]
    for axis in axes:
        places = [
            [x + i * s for x, s in zip(place, axis.steps, strict=True)]
            for place in places
            for i in range(axis.count)
        ]
    return [list(column) for column in zip(*places, strict=True)]


numbers = st.integers(-50, 50)
tables = st.integers(1, 3).flatmap(
    lambda k: st.lists(st.tuples(*[numbers] * k), min_size=1, max_size=40)
)
# What comes from loops, with something else in it now and then.
counts = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@st.composite
def regular(draw: Any) -> list[list[int]]:
    k = draw(st.integers(1, 3))
    axes = [Axis(c, tuple(draw(numbers) for _ in range(k))) for c in draw(counts)]
    return rolled_out(axes, [draw(numbers) for _ in range(k)])


@st.composite
def nearly_regular(draw: Any) -> list[list[int]]:
    table = draw(regular())
    more = draw(regular().filter(lambda other: len(other) == len(table)))
    joined = [a + b for a, b in zip(table, more, strict=True)]
    at = draw(st.integers(0, len(joined[0]) - 1))
    joined[0][at] += draw(st.integers(0, 1))
    return joined


@given(st.one_of(tables.map(lambda rows: [list(c) for c in zip(*rows, strict=True)]), regular(),
                 nearly_regular()), st.integers(1, 4))  # fmt: skip
def test_axes_reproduce_the_arrays(arrays: list[list[int]], most: int) -> None:
    axes = axes_of([np.array(a) for a in arrays], most)
    if axes is not None:
        assert 1 <= len(axes) <= most
        assert rolled_out(axes, [a[0] for a in arrays]) == arrays


@given(st.one_of(tables.map(lambda rows: [list(c) for c in zip(*rows, strict=True)]), regular(),
                 nearly_regular()))  # fmt: skip
def test_pieces_reproduce_the_arrays(arrays: list[list[int]]) -> None:
    parts = pieces([np.array(a) for a in arrays])
    assert [parts[0].start, *(p.stop for p in parts)] == [0, *(p.start for p in parts[1:]),
                                                         len(arrays[0])]  # fmt: skip
    for p in parts:
        there = [a[p.start : p.stop] for a in arrays]
        assert rolled_out(p.axes, [a[0] for a in there]) == there


@given(st.integers(0, 10_000))
def test_padding(n: int) -> None:
    assert padded(n) % 32 == 0
    assert n <= padded(n) < n + 32


# ---- W1, written in ten ways ---------------------------------------------------------------------

SIZES = (2, 8, 8, 1)
Loss = Callable[[Any, Any], Any]


def plain(ws: Sequence[Any], xs: Sequence[Any], b: Any) -> Any:
    for w, x in zip(ws, xs, strict=True):
        b = b + w * x
    return b


def bias_last(ws: Sequence[Any], xs: Sequence[Any], b: Any) -> Any:
    return sum((w * x for w, x in zip(ws, xs, strict=True)), 0) + b


def swapped(ws: Sequence[Any], xs: Sequence[Any], b: Any) -> Any:
    return sum((x * w for w, x in zip(ws, xs, strict=True)), b)


def in_pairs(ws: Sequence[Any], xs: Sequence[Any], b: Any) -> Any:
    terms = [w * x for w, x in zip(ws, xs, strict=True)] + [b]
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = [x + y for x, y in zip(terms[::2], terms[1::2], strict=False)] + odd
    return terms[0]


def one_node(ws: Sequence[Any], xs: Sequence[Any], b: Any) -> Any:
    return mg.dot(list(ws), list(xs), b)


WAYS = ("plain", "bias last", "swapped", "in pairs", "one node", "weights first", "random order",
        "leaky", "alternating", "ragged", "shuffled")  # fmt: skip


def network(way: str, sizes: Sequence[int] = SIZES) -> tuple[Loss, list[Value]]:
    """The loss of a sample, and the parameters."""
    rng = random.Random(5)
    neurons = {"bias last": bias_last, "swapped": swapped, "in pairs": in_pairs,
               "one node": one_node}.get(way, plain)  # fmt: skip
    layers, weights, biases, parameters = [], [], [], []
    for n, m in pairwise(sizes):
        layer = []
        for _ in range(m):
            kept = [i for i in range(n) if way != "ragged" or rng.random() > 0.3]
            ws = [Value(rng.uniform(-1.0, 1.0)) for _ in kept]
            layer.append((kept, ws, Value(rng.uniform(-0.1, 0.1))))
            weights += ws
            biases.append(layer[-1][2])
            parameters += [*ws, layer[-1][2]]
        layers.append(layer)
    if way == "weights first":
        parameters = weights + biases
    if way == "shuffled":
        rng.shuffle(parameters)

    def activated(k: int, z: Any) -> Any:
        if way == "leaky":
            return z.leaky_relu(0.1)
        return z.tanh() if way == "alternating" and k % 2 else z.relu()

    def loss(x: Any, y: Any) -> Any:
        for depth, layer in enumerate(layers):
            order = list(range(len(layer)))
            if way == "random order":
                random.Random(depth).shuffle(order)
            found = {}
            for k in order:
                kept, ws, b = layer[k]
                z = neurons(ws, [x[i] for i in kept], b)
                found[k] = z if layer is layers[-1] else activated(k, z)
            x = [found[k] for k in range(len(layer))]
        return (1.0 - y * x[0]).relu() + 1e-4 * sum(p * p for p in parameters)

    return loss, parameters


def data(count: int, rng: random.Random | None = None) -> tuple[list[list[float]], list[float]]:
    rng = rng or random.Random(9)
    X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(count)]
    return X, [rng.choice((-1.0, 1.0)) for _ in range(count)]


def steps(f: Any) -> int:
    return len(f._latest.executable.layout.steps)


@pytest.mark.parametrize("way", WAYS)
@every_backend
def test_every_way_of_writing_a_network_is_the_engines(way: str, backend: str) -> None:
    loss, parameters = network(way)
    f = mg.compile(loss, parameters, backend=backend)
    for count in (1, 3, 20, 33):
        assert_as_eager(f, loss, *data(count))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_rolled_up(way: str) -> None:
    loss, parameters = network(way, (2, 16, 16, 1))
    f = mg.compile(loss, parameters, backend="numpy")
    f(*data(4))
    assert steps(f) <= 60
    assert f._latest.executable.layout.operations > 6 * steps(f)


@pytest.mark.parametrize("way", ["plain", "bias last", "swapped", "in pairs", "one node",
                                 "weights first", "random order"])  # fmt: skip
def test_the_plain_ways_are_the_same(way: str) -> None:
    found = []
    for this in ("plain", way):
        loss, parameters = network(this)
        f = mg.compile(loss, parameters, backend="numpy")
        f(*data(4))
        found.append(steps(f))
    assert found[0] == found[1]


def test_groups_do_not_grow_with_the_network() -> None:
    found = []
    for width in (8, 16, 24):
        loss, parameters = network("plain", (2, width, width, 1))
        f = mg.compile(loss, parameters, backend="numpy")
        f(*data(2))
        found.append(steps(f))
    assert found[0] == found[1] == found[2]


@every_backend
def test_a_batch_unrolled_by_hand(backend: str) -> None:
    """micrograd's demo as it stands: the whole batch is one loss without arguments."""
    loss, parameters = network("plain")
    found = []
    for count in (5, 12, 40):
        X, Y = data(count)

        def whole(X: Any = X, Y: Any = Y) -> Any:
            losses = [loss(x, y) for x, y in zip(X, Y, strict=True)]
            return sum(losses) * (1.0 / len(losses))

        f = mg.compile(whole, parameters, backend=backend)
        assert_as_eager(f, whole)
        if backend != "python":
            found.append(steps(f))
    assert not found or max(found) <= 60
    assert not found or found[1] == found[2]


@every_backend
def test_a_batch_unrolled_of_arguments(backend: str) -> None:
    loss, parameters = network("plain")

    def whole(X: Any, Y: Any) -> Any:
        return mg.mean([loss(x, y) for x, y in zip(X, Y, strict=True)])

    X, Y = data(6)
    f = mg.compile(whole, parameters, backend=backend)
    assert_as_eager(f, whole, [X, X[::-1], X], [Y, Y, Y[::-1]])


# ---- odd shapes ----------------------------------------------------------------------------------


def gradients_apart(ws: list[Value]) -> Loss:
    """Every other gradient comes from the samples, the others from a penalty alone."""
    half = len(ws) // 2
    return lambda x, y: (
        mg.dot(ws[::2], [x[i % 2] * y for i in range(half)]) + mg.dot(ws[1::2], ws[1::2])
    )


def one_after_another(ws: list[Value]) -> Loss:
    def loss(x: Any, y: Any) -> Any:
        for k, w in enumerate(ws):
            y = (y * w + x[k % 2]).tanh()
        return y

    return loss


def triangle(ws: list[Value]) -> Loss:
    return lambda x, y: mg.sum_of([mg.dot(ws[:k], ws[-k:]) * y for k in range(1, len(ws))]) * x[0]


def signs(ws: list[Value]) -> Loss:
    return lambda x, y: sum(
        (w * x[0] - v * x[1] - w + 2.0 * v - y for w, v in zip(ws, ws[::-1], strict=True)), y
    )


def same_factor(ws: list[Value]) -> Loss:
    return lambda x, y: mg.sum_of([w * w * y + w * x[0] + w * x[0] for w in ws])


def outer(ws: list[Value]) -> Loss:
    return lambda x, y: mg.sum_of([(w * x[0] * v * x[1] + y).sigmoid() for w in ws for v in ws])


def uniform_only(ws: list[Value]) -> Loss:
    return lambda x, y: y * x[0] * mg.sum_of([w.exp() * v for w in ws for v in ws])


def quotients(ws: list[Value]) -> Loss:
    return lambda x, y: mg.sum_of([w / (1.5 + v * v + x[0] * x[0]) - y for w in ws for v in ws])


def gradient_of_one(ws: list[Value]) -> Loss:
    return lambda x, y: mg.sum_of(ws) + x[0] * 0.5 + y


def reversed_and_shared(ws: list[Value]) -> Loss:
    return lambda x, y: mg.dot(ws, ws[::-1]) * x[1] + mg.dot(ws[::2], ws[1::2]) * x[0] + ws[0] * y


ODD = (gradients_apart, one_after_another, triangle, signs, same_factor, outer, uniform_only,
       quotients, gradient_of_one, reversed_and_shared)  # fmt: skip


@pytest.mark.parametrize("shape", ODD)
@pytest.mark.parametrize("size", [2, 8, 16, 18])
@every_backend
def test_odd_shapes(shape: Callable[[list[Value]], Loss], size: int, backend: str) -> None:
    rng = random.Random(size)
    ws = [Value(rng.uniform(-1.0, 1.0)) for _ in range(size)]
    loss = shape(ws)
    f = mg.compile(loss, ws, backend=backend)
    for count in (1, 2, 7, 8, 40):
        assert_as_eager(f, loss, *data(count))


@every_backend
@pytest.mark.parametrize("seed", range(12))
def test_random_layers(seed: int, backend: str) -> None:
    """Layers that read what earlier ones gave in random ways: sums of all shapes."""
    rng = random.Random(seed)
    ws = [Value(rng.uniform(-1.0, 1.0)) for _ in range(40)]

    def layer(rng: random.Random, xs: list[Any]) -> list[Any]:
        """So many neurons of equal shape, or nearly."""
        terms, stride = rng.randint(1, 9), rng.choice([0, 1, 2, 3])
        first, step = rng.randrange(len(ws)), rng.choice([0, 1, 3, 7])
        g = rng.choice([mg.tanh, mg.relu, mg.sigmoid, mg.absolute, lambda z: z * 0.5])
        found = []
        for k in range(rng.choice([1, 2, 6, 8, 9, 16])):
            total = 0.0
            for t in range(terms):
                w = ws[(first + k * terms * (step > 0) + t * step) % len(ws)]
                x = xs[(k * stride + t) % len(xs)]
                total = total + w * x if rng.random() < 0.97 else total - x
            found.append(g(total))
        return found

    def loss(x: Any, y: Any) -> Any:
        rng = random.Random(seed + 1000)
        xs, everything = list(x), []
        for _ in range(4):
            xs = layer(rng, xs)
            everything += xs
        return (mg.mean(everything) - y) ** 2

    f = mg.compile(loss, ws, backend=backend)
    for count in (1, 5, 17):
        assert_as_eager(f, loss, *data(count), rel=1e-11)


def test_numpy_negates_at_any_distance() -> None:
    """np.negative of NumPy 2.4.6 is wrong where numbers lie 64 bytes apart."""
    for count in range(1, 18):
        for step, other in product((1, 2, 3, 7, 8, 9, 16), repeat=2):
            numbers, out = np.arange(1.0, 300.0), np.zeros(300)
            negate(numbers[: count * step : step], out[: count * other : other])
            wanted = [-1.0 - step * k for k in range(count)]
            assert out[: count * other : other].tolist() == wanted
