"""A compiled function is the function: same numbers, same gradients, same steps, same errors.

Whatever the batch size, the backend, the data and what was done to the parameters in between.
"""

from __future__ import annotations

import copy
import math
import os
import random
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from backends import (
    BACKENDS,
    assert_as_eager,
    assert_near,
    eager,
    eager_steps,
    every_backend,
)

import microgrunderscore as mg
from microgrunderscore import SGD, Adam, Value, calculus, optim
from microgrunderscore import compiled as room
from microgrunderscore.compiled import MANY_STRUCTURES
from microgrunderscore.engine import process

ROOT = Path(__file__).parent.parent
COUNTS = (1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 100, 257)
Loss = Callable[..., Any]


def values(count: int, seed: int = 1, spread: float = 0.5) -> list[Value]:
    rng = random.Random(seed)
    return [Value(rng.gauss(0.0, spread)) for _ in range(count)]


def matrix(rows: int, columns: int, seed: int = 1) -> list[list[Value]]:
    flat = values(rows * columns, seed)
    return [flat[i * columns : (i + 1) * columns] for i in range(rows)]


def flat(rows: Sequence[Sequence[Value]]) -> list[Value]:
    return [v for row in rows for v in row]


def copies(parameters: Sequence[Value]) -> list[float]:
    return [p.data for p in parameters]


def put(parameters: Sequence[Value], numbers: Sequence[float]) -> None:
    for p, x in zip(parameters, numbers, strict=True):
        p.data = x


# ---- take ----------------------------------------------------------------------------------------

ROWS, COLUMNS = 7, 8
Table = tuple[Loss, list[Value]]


def of_rows(order: Callable[[list[list[Value]]], list[Value]], columns: int = COLUMNS) -> Table:
    table, last = matrix(ROWS, columns), values(columns, 2)

    def loss(i: Any, j: Any) -> Any:
        x = [a + b for a, b in zip(mg.take(table, i), mg.take(table, j), strict=True)]
        return (mg.dot(x, last).tanh() - 0.3) ** 2

    return loss, [*order(table), *last]


def shuffled(table: list[list[Value]]) -> list[Value]:
    found = flat(table)
    random.Random(3).shuffle(found)
    return found


def by_columns(table: list[list[Value]]) -> list[Value]:
    return [row[k] for k in range(len(table[0])) for row in table]


def backwards(table: list[list[Value]]) -> list[Value]:
    return flat(table[::-1])


def two_tables() -> Table:
    a, b = matrix(ROWS, 3), matrix(ROWS, 5, 2)

    def loss(i: Any, j: Any) -> Any:
        x, y, z = mg.take(a, i), mg.take(b, i), mg.take(b, j)
        return mg.sum_of(x) * mg.dot(y, z) + mg.dot(x, mg.take(a, j))

    return loss, [*flat(a), *flat(b)]


def two_steps() -> Table:
    """Two tables of the same index, in one group."""
    ps = values(5 * ROWS)
    a, b = ps[: 2 * ROWS : 2], ps[2 * ROWS : 5 * ROWS : 3]
    return lambda i, j: (mg.take(a, i) * mg.take(b, i)).tanh() * mg.take(a, j), ps


def of_shares() -> Table:
    """The probability of the right class, which no parameter is."""
    table, scores = matrix(ROWS, 4), matrix(ROWS, 4, 2)

    def loss(i: Any, j: Any) -> Any:
        x = mg.take(table, i)
        shares = mg.softmax([mg.dot(row, x) for row in scores])
        return -mg.log(mg.take(shares, j))

    return loss, [*flat(table), *flat(scores)]


def tied() -> Table:
    """The same matrix looked up, and multiplied with."""
    table = matrix(ROWS, COLUMNS)

    def loss(i: Any, j: Any) -> Any:
        x = mg.take(table, i)
        scores = [mg.dot(row, x) for row in table]
        return mg.logsumexp(scores) - mg.take(scores, j) + 0.01 * mg.dot(*[flat(table)] * 2)

    return loss, flat(table)


def of_mixed() -> Table:
    """Rows of parameters, plain numbers, and what was computed."""
    w, v = values(2)
    table = [[w, 1.0], [2.0, v], [w * v, w], [0.0, 0.0], [v, v], [1.0, 2.0], [w.exp(), v]]

    def loss(i: Any, j: Any) -> Any:
        x, y = mg.take(table, i)
        return x * y + mg.take([0.5 * k for k in range(ROWS)], j) * w

    return loss, [w, v]


def of_one_number() -> Table:
    w = Value(0.7)
    return lambda i, j: mg.take([w] * ROWS, i) * mg.take([w], 0) * j, [w]


TABLES: dict[str, Callable[[], Table]] = {
    "rows": lambda: of_rows(flat),
    "short rows": lambda: of_rows(flat, 3),
    "columns": lambda: of_rows(by_columns),
    "backwards": lambda: of_rows(backwards),
    "shuffled": lambda: of_rows(shuffled),
    "two tables": two_tables,
    "two steps": two_steps,
    "shares": of_shares,
    "tied": tied,
    "mixed": of_mixed,
    "one number": of_one_number,
}


def ids(count: int, seed: int = 4) -> list[int]:
    """Some of them again and again."""
    rng = random.Random(seed)
    return [rng.choice([0, 1, 1, 1, 3, 5, 6]) for _ in range(count)]


@pytest.mark.parametrize("table", TABLES)
@every_backend
def test_take_reads_and_adds_at_rows_that_data_name(table: str, backend: str) -> None:
    loss, parameters = TABLES[table]()
    f = mg.compile(loss, parameters, backend=backend)
    for count in COUNTS:
        assert_as_eager(f, loss, ids(count), ids(count, 5))
    assert len(f._known) == 1


@pytest.mark.parametrize("tokens", [1, 3, 8])
@every_backend
def test_documents_of_several_tokens(tokens: int, backend: str) -> None:
    table, scores = matrix(ROWS, COLUMNS), matrix(ROWS, COLUMNS, 2)

    def loss(document: Any, following: Any) -> Any:
        losses, memory = [], [0.1] * COLUMNS
        for token, target in zip(document, following, strict=True):
            memory = [(a + b).tanh() for a, b in zip(memory, mg.take(table, token), strict=True)]
            z = [mg.dot(row, memory) for row in scores]
            losses.append(mg.logsumexp(z) - mg.take(z, target))
        return mg.mean(losses)

    f = mg.compile(loss, [*flat(table), *flat(scores)], backend=backend)
    for count in (1, 2, 5, 33):
        flat_ids, targets = ids(count * tokens), ids(count * tokens, 7)
        documents = [flat_ids[i * tokens : (i + 1) * tokens] for i in range(count)]
        wanted = [targets[i * tokens : (i + 1) * tokens] for i in range(count)]
        assert_as_eager(f, loss, documents, wanted)


@every_backend
def test_a_table_of_one_row(backend: str) -> None:
    table = matrix(1, 3)
    f = mg.compile(lambda i, y: mg.sum_of(mg.take(table, i)) * y, flat(table), backend=backend)
    assert_as_eager(f, f.function, [0, 0], [1.0, 2.0])
    with pytest.raises(IndexError, match="no row 1 in a table of 1"):
        f([0, 1], [1.0, 2.0])


def test_take_of_plain_numbers_is_what_lists_do() -> None:
    table = matrix(3, 2)
    assert mg.take(table, 2) is table[2]
    assert mg.take(table, 2.0) is table[2]
    for index, error in (
        (3, IndexError), (-1, IndexError), (0.5, ValueError), (math.nan, ValueError),
        (Value(1.0), TypeError), ("1", TypeError), (None, TypeError),
    ):  # fmt: skip
        with pytest.raises(error):
            mg.take(table, index)
    with pytest.raises(IndexError):
        mg.take([], 0)


# ---- batch sizes, structures ---------------------------------------------------------------------


def small(seed: int = 1) -> tuple[Loss, list[Value]]:
    model = mg.MLP(2, [5, 1], seed=seed)

    def loss(x: Any, y: Any) -> Any:
        return (model(x) - y) ** 2 + 1e-3 * sum(p * p for p in model.parameters())

    return loss, model.parameters()


def data(count: int, seed: int = 2) -> tuple[list[list[float]], list[float]]:
    rng = random.Random(seed)
    return [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(count)], [
        rng.choice([-1.0, 1.0]) for _ in range(count)
    ]


@every_backend
def test_any_batch_size_with_one_program(backend: str) -> None:
    loss, parameters = small()
    f, g = mg.compile(loss, parameters, backend=backend), mg.compile(lambda x, y: [x[0] * y, x[1]])
    X, Y = data(300)
    each = [eager(loss, parameters, [x], [y]) for x, y in zip(X, Y, strict=True)]
    order = list(range(1, 301))
    random.Random(1).shuffle(order)
    for n in order if backend != "python" else order[:60]:
        error, gradient = f.value_and_grad(X[:n], Y[:n])
        assert error == pytest.approx(math.fsum(e for e, _ in each[:n]) / n, rel=1e-12)
        expected = [math.fsum(g[k] for _, g in each[:n]) / n for k in range(len(parameters))]
        assert_near(gradient, expected, 1e-11)
        assert g(X[:n], Y[:n]) == [[x[0] * y, x[1]] for x, y in zip(X[:n], Y[:n], strict=True)]
    assert len(f._known) == 1


@every_backend
def test_other_structures_are_traced_anew(backend: str) -> None:
    w, traced = Value(0.5), []

    def loss(x: Any) -> Any:
        traced.append(len(x))
        return sum(w * a for a in x)

    f = mg.compile(loss, [w], backend=backend)
    for n in (2, 3, 2, 3, 1):
        assert f([[1.0] * n] * 4) == pytest.approx(0.5 * n)
        assert w.grad == n
    assert traced == [2, 2, 3, 3, 1, 1]  # traced, and compared on a sample


def test_the_ninth_structure_is_warned_of_once_at_the_users_line() -> None:
    w = Value(0.5)
    f, g = mg.compile(lambda x: sum(w * a for a in x), [w]), mg.compile(lambda x: sum(x, 0.0))
    for compiled in (f, g):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for n in range(1, 12):
                compiled([[1.0] * n])
        assert len(caught) == 1
        assert f"{MANY_STRUCTURES + 1}th structure" in str(caught[0].message)
        assert "pad" in str(caught[0].message)
        assert caught[0].filename == __file__


@pytest.mark.parametrize("make", [lambda ps: Adam(ps, lr=0.05), lambda ps: SGD(ps, 0.1, 0.9)])
@every_backend
def test_structures_share_parameters_and_the_optimisers_state(
    make: Callable[[Any], Any], backend: str
) -> None:
    ws = values(3)

    def loss(x: Any) -> Any:
        return (mg.dot(ws[: len(x)], list(x)) - 1.0) ** 2

    start, optimizer = copies(ws), make(ws)
    batches = [([[1.0, 2.0, 0.5]],), ([[0.3, -1.0]] * 3,), ([[1.5]],)] * 4
    expected = eager_steps(loss, optimizer, batches)
    ended, states = copies(ws), optimizer.states
    put(ws, start)
    f = mg.compile(loss, ws, update=make(ws), backend=backend)
    assert [f(*b) for b in batches] == pytest.approx(expected, rel=1e-12)
    assert_near(copies(ws), ended)
    for found, wanted in zip(f.update.states, states, strict=True):
        assert_near(found, wanted)
    assert f.update.steps == len(batches)


# ---- training ------------------------------------------------------------------------------------

OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.05, momentum=0.9),
    "dampening": lambda ps: SGD(ps, lr=0.05, momentum=0.9, dampening=0.9),
    "adam": lambda ps: Adam(ps, lr=0.01),
    "adam 2": lambda ps: Adam(ps, lr=0.01, betas=(0.8, 0.95), eps=1e-3),
    "schedule": lambda ps: SGD(ps, lr=optim.linear(0.2, 0.0, 25), momentum=0.5),
    "adam schedule": lambda ps: Adam(ps, lr=optim.cosine(0.05, 0.001, 20)),
}


@pytest.mark.parametrize("optimizer", OPTIMISERS)
@every_backend
def test_training_is_the_engines(optimizer: str, backend: str) -> None:
    """Call by call, and many steps at once, over mini-batches of which the last is smaller."""
    (loss, parameters), make = small(), OPTIMISERS[optimizer]
    X, Y = data(20)
    batches = [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 20, 6)]
    start, thirty = copies(parameters), (batches * 8)[:30]
    expected = eager_steps(loss, make(parameters), thirty)
    ended = copies(parameters)
    put(parameters, start)
    f = mg.compile(loss, parameters, update=make(parameters), backend=backend)
    assert [f(*b) for b in thirty] == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)
    put(parameters, start)
    f = mg.compile(loss, parameters, update=make(parameters), backend=backend)
    assert f.many(X, Y, steps=30, batch_size=6) == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)
    assert f.update.steps == 30


@every_backend
def test_the_demo_for_thirty_steps(backend: str) -> None:
    model = mg.MLP(2, [16, 16, 1] if backend != "python" else [8, 8, 1], seed=3)
    parameters = model.parameters()

    def loss(x: Any, y: Any) -> Any:
        return (1.0 - y * model(x)).relu() + 1e-4 * sum(p * p for p in parameters)

    X, Y = data(30)
    start = copies(parameters)
    expected = eager_steps(loss, SGD(parameters, lr=0.05), [(X, Y)] * 30)
    ended = copies(parameters)
    put(parameters, start)
    f = mg.compile(loss, model, update=SGD(model, lr=0.05), backend=backend)
    assert f.many(X, Y, steps=30) == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)


@every_backend
def test_a_small_gpt_with_adam(backend: str) -> None:
    width, vocabulary, tokens = 8, 6, 4
    table, places = matrix(vocabulary, width), matrix(tokens, width, 2)
    q, k, v, out = (matrix(width, width, s) for s in (3, 4, 5, 6))
    score = matrix(vocabulary, width, 7)
    parameters = [p for m in (table, places, q, k, v, out, score) for p in flat(m)]

    def product(m: Any, x: Any) -> list[Any]:
        return [mg.dot(row, x) for row in m]

    def loss(document: Any, following: Any) -> Any:
        keys, memories, losses = [], [], []
        for place, (token, target) in enumerate(zip(document, following, strict=True)):
            x = [a + b for a, b in zip(mg.take(table, token), places[place], strict=True)]
            scale = (mg.dot(x, x) / width + 1e-5) ** -0.5
            x = [a * scale for a in x]
            keys.append(product(k, x))
            memories.append(product(v, x))
            shares = mg.softmax([mg.dot(product(q, x), key) * 0.35 for key in keys])
            seen = [mg.dot(shares, list(c)) for c in zip(*memories, strict=True)]
            x = [a + b for a, b in zip(x, product(out, seen), strict=True)]
            z = product(score, [a.relu() for a in x])
            losses.append(-mg.log(mg.take(mg.softmax(z), target)))
        return mg.mean(losses)

    rng = random.Random(1)
    documents = [[rng.randrange(vocabulary) for _ in range(tokens + 1)] for _ in range(6)]
    batches = [([d[:-1]], [d[1:]]) for d in documents] + [
        ([d[:-1] for d in documents[:3]], [d[1:] for d in documents[:3]])
    ]
    start = copies(parameters)
    expected = eager_steps(loss, Adam(parameters, lr=0.02), batches)
    ended = copies(parameters)
    put(parameters, start)
    f = mg.compile(loss, parameters, update=Adam(parameters, lr=0.02), backend=backend)
    assert [f(*b) for b in batches] == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)


@every_backend
def test_edits_and_eager_steps_in_between(backend: str) -> None:
    loss, parameters = small()
    X, Y = data(9)

    def run(step: Callable[[Any], Any], optimizer: Any) -> list[float]:
        found = [step(X)]
        parameters[0].data = 0.3
        found.append(step(X))
        error, gradient = eager(loss, parameters, X, Y)
        for p, g in zip(parameters, gradient, strict=True):
            p.grad = g
        optimizer.step()  # by hand
        found += [error, step(X)]
        optimizer.lr = 0.001
        found += [step(X), step(X)]
        for p in parameters:
            p.data = p.data * 0.5
        return [*found, step(X)]

    start, optimizer = copies(parameters), Adam(parameters, lr=0.05)
    expected = run(lambda X: eager_steps(loss, optimizer, [(X, Y)])[0], optimizer)
    ended = copies(parameters)
    put(parameters, start)
    other = Adam(parameters, lr=0.05)
    f = mg.compile(loss, parameters, update=other, backend=backend)
    assert run(lambda X: f(X, Y), other) == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)
    assert other.steps == optimizer.steps


@every_backend
def test_two_compiled_functions_share_parameters_and_an_optimiser(backend: str) -> None:
    loss, parameters = small()
    other = lambda x, y: (sum(parameters) * y - x[0]) ** 2
    X, Y = data(5)
    start, optimizer = copies(parameters), SGD(parameters, lr=0.02, momentum=0.8)
    expected = [eager_steps(each, optimizer, [(X, Y)])[0] for each in (loss, other, other, loss)]
    ended = copies(parameters)
    put(parameters, start)
    shared = SGD(parameters, lr=0.02, momentum=0.8)
    f, g = (mg.compile(e, parameters, update=shared, backend=backend) for e in (loss, other))
    found = [f(X, Y), g(X, Y), g(X, Y), f(X, Y)]
    assert found == pytest.approx(expected, rel=1e-12)
    assert_near(copies(parameters), ended)


@every_backend
def test_changes_of_the_optimiser_are_followed(backend: str) -> None:
    """What is set on the optimiser after compiling counts, as it does for its own steps."""
    w = Value(1.0)
    optimizer = SGD([w], lr=0.1, momentum=0.5)
    loss = lambda x: w * w * x
    f = mg.compile(loss, [w], update=optimizer, backend=backend)
    f([1.0])
    optimizer.momentum = 0.9
    f([1.0])
    v = Value(1.0)
    by_hand = SGD([v], lr=0.1, momentum=0.5)
    eager_steps(lambda x: v * v * x, by_hand, [([1.0],)])
    by_hand.momentum = 0.9
    eager_steps(lambda x: v * v * x, by_hand, [([1.0],)])
    assert w.data == pytest.approx(v.data, rel=1e-14)


def test_a_schedule_is_asked_in_order_and_bad_rates_are_refused() -> None:
    w = Value(1.0)
    f = mg.compile(lambda x: w * x, [w], update=SGD([w], lr=lambda k: 0.1 if k < 3 else -1.0))
    with pytest.raises(ValueError, match=r"schedule gives at step 3"):
        f.many([1.0], steps=5)
    with pytest.raises(ValueError, match="steps"):
        f.many([1.0], steps=0)
    with pytest.raises(ValueError, match="batch_size"):
        f.many([1.0], steps=1, batch_size=0)
    assert len(f.many([1.0, 2.0], steps=2, batch_size=100)) == 2


# ---- gradients, when they are looked at ----------------------------------------------------------


@pytest.fixture(params=BACKENDS)
def pair(request: Any) -> tuple[Any, Any, Value]:
    """Two losses of one parameter 2: f = w·x, g = w²·x."""
    w = Value(2.0, "w")
    return (
        mg.compile(lambda x: w * x, [w], backend=request.param),
        mg.compile(lambda x: w * w * x, [w], backend=request.param),
        w,
    )


def test_the_gradient_is_that_of_the_latest_call(pair: Any) -> None:
    f, g, w = pair
    for _ in range(3):
        for first, second, expected in ((f, g, 4.0), (g, f, 1.0), (f, f, 1.0)):
            first([1.0])
            second([1.0])
            assert w.grad == expected


LOOKS: dict[str, Callable[[Value], Any]] = {
    "grad": lambda w: w.grad,
    "repr": lambda w: float(re.findall(r"grad=([^,]*)", repr(w))[0]),
    "has_grad": lambda w: 3.0 if w.has_grad else 0.0,
    "copy": lambda w: copy.copy(w).grad,
    "clip_gradients": lambda w: optim.clip_gradients([w], 100.0),
    "backward by hand": lambda w: (w._backward(), w.grad)[1],
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_gradient_is_there_however_it_is_looked_at(look: str, pair: Any) -> None:
    f, _, w = pair
    f([3.0])
    assert LOOKS[look](w) == 3.0


def test_others_add_to_it_and_zero_it(pair: Any) -> None:
    f, g, w = pair
    f([3.0])
    (w * 5.0).backward()  # adds
    assert w.grad == 8.0
    f([3.0])  # replaces
    assert w.grad == 3.0
    f([3.0])
    w.grad = 0.0
    assert w.grad == 0.0
    f([3.0])
    SGD([w], lr=0.1).zero_grad()
    assert w.grad == 0.0
    f([3.0])
    w.grad += 1.0
    assert w.grad == 4.0
    f([3.0])
    assert g.value_and_grad([1.0]) == (4.0, [4.0])
    assert g.gradients([2.0]) == [8.0]
    assert f.value_and_grad([1.0]) == (2.0, [1.0])
    assert w.grad == 3.0
    f([3.0])
    SGD([w], lr=0.5).step()
    assert w.data == 0.5


def test_binding_leaves_gradients_alone(pair: Any) -> None:
    f, _, w = pair
    g = mg.compile(lambda x: sum(w * a for a in x), [w], backend=f.settings.backend)
    f([3.0])
    bound = f.bind([5.0, 7.0])
    assert w.grad == 3.0
    f([3.0])
    assert bound.step() == 12.0
    assert list(bound.gradient) == [6.0]
    assert w.grad == 3.0
    g([[3.0]])
    g.bind([[1.0, 2.0]])  # another structure
    assert w.grad == 3.0


def test_what_is_written_into_a_bound_loss_moves_it_alone(pair: Any) -> None:
    f, _, w = pair
    bound = f.bind([3.0])
    bound.parameters[0] = 10.0
    assert bound.step() == 30.0
    assert w.data == 2.0
    assert f([3.0]) == 6.0
    assert f.value_and_grad([1.0])[0] == 2.0


def test_bound_losses_follow_the_data_they_were_given(pair: Any) -> None:
    f, _, _ = pair
    xs = [1.0, 2.0]
    bound = f.bind(xs)
    xs[0] = 100.0
    assert bound.step() == 3.0
    other = f.bind([10.0])
    assert (bound.step(), other.step(), bound.step()) == (3.0, 20.0, 3.0)


def test_many_losses_leave_nothing_behind(pair: Any) -> None:
    """A program that nobody holds any more is not kept for its gradient's sake for ever."""
    _, _, w = pair
    process.settle()
    for _ in range(20):
        mg.compile(lambda x: w * x, [w], backend="python")([1.0])
        w.grad  # noqa: B018
    assert not process.late


@every_backend
def test_other_values_are_read_at_every_call(backend: str) -> None:
    w, c, d = Value(2.0), Value(3.0), Value(1.0)
    inner = c * d + 1.0  # computed outside
    f = mg.compile(lambda x: w * x * c + inner, [w], backend=backend)
    assert f([1.0]) == 10.0
    c.data, d.data = 5.0, 2.0
    assert f([1.0]) == 21.0
    assert w.grad == 5.0
    assert (c.grad, d.grad) == (0.0, 0.0)
    optimizer = SGD([w], lr=0.1)
    g = mg.compile(lambda x: w * x * c, [w], update=optimizer, backend=backend)
    g([1.0])
    assert w.data == 1.5
    c.data = 1.0
    g.many([1.0], steps=2)
    assert w.data == pytest.approx(1.3)


@every_backend
def test_points_read_values_anew_too(backend: str) -> None:
    w = Value(2.0)
    f = mg.compile(lambda x: w * x * x, backend=backend)
    assert (f([3.0]), f.gradient([3.0])) == ([18.0], [12.0])
    w.data = 1.0
    assert (f([3.0]), f.gradient([3.0]), f.hessian([3.0])) == ([9.0], [6.0], [[[2.0]]])
    assert w.grad == 0.0


@every_backend
def test_dot_nodes_notice_steps_and_labels_stay(backend: str) -> None:
    w, v = Value(2.0, "w"), Value(1.0)
    z = mg.dot([w, v], [v, w])
    f = mg.compile(lambda x: w * v * x, [w, v], update=SGD([w, v], lr=0.1), backend=backend)
    f([1.0])
    with pytest.raises(RuntimeError, match="was changed after the dot product"):
        z.backward()
    assert (w.label, v.label) == ("w", "")
    assert "label='w'" in repr(w)


# ---- what is not finite --------------------------------------------------------------------------


@every_backend
def test_the_engines_error_names_the_sample_and_nothing_is_changed(backend: str) -> None:
    for function, bad, error, message in (
        (lambda w, x: mg.log(w * x), 0.0, ValueError, r"log\(0.0\).*x > 0"),
        (lambda w, x: mg.log(w * x), -1.0, ValueError, r"log\(-2.0\)"),
        (lambda w, x: mg.exp(w * x), 1000.0, OverflowError, r"exp\(2000.0\).*too large"),
        (lambda w, x: w / x, 0.0, ZeroDivisionError, r"2.0 / 0.0"),
        (lambda w, x: (w * x) ** -1, 0.0, ZeroDivisionError, r"0.0 \*\* -1.0"),
        (lambda w, x: mg.sqrt(w * x), -1.0, ValueError, r"sqrt\(-2.0\)"),
    ):
        for make in (None, lambda ps: Adam(ps, lr=0.1)):
            w = Value(2.0)
            update = None if make is None else make([w])
            f = mg.compile(lambda x: function(w, x), [w], update=update, backend=backend)  # noqa: B023
            f([0.5, 0.7])
            before = (w.data, w.grad, update and (update.steps, [list(s) for s in update.states]))
            for count in (1, 40):
                w.data, w.grad = 2.0, before[1]
                with pytest.raises(error, match=message) as found:
                    f([0.7] * count + [bad, 0.7])
                assert f"in sample {count}" in found.value.__notes__
                assert (w.data, w.grad) == (2.0, before[1])
                assert before[2] == (update and (update.steps, [list(s) for s in update.states]))


@every_backend
def test_ignored_limits_are_results(backend: str) -> None:
    w = Value(2.0)
    f = mg.compile(lambda x: w / x, [w], backend=backend, nonfinite="ignore")
    assert f([1.0, 0.0]) == math.inf
    assert w.grad == math.inf
    g = mg.compile(lambda x: mg.log(x), backend=backend, nonfinite="ignore")
    assert g([0.0, 1.0]) == [-math.inf, 0.0]
    assert math.isnan(g([-1.0])[0])
    h = mg.compile(
        lambda x: w / x, [w], update=SGD([w], lr=0.1), backend=backend, nonfinite="ignore"
    )
    with pytest.raises(ArithmeticError):
        h([1.0, 0.0])
    assert w.data == 2.0


@pytest.mark.parametrize("make", [lambda ps: SGD(ps, lr=1.0), lambda ps: SGD(ps, 1.0, 0.5),
                                  lambda ps: Adam(ps, lr=1.0)])  # fmt: skip
@every_backend
def test_many_steps_stop_before_the_one_that_fails(make: Any, backend: str) -> None:
    """With the parameters, the state and the count of before that step."""
    w, v = Value(3.5), Value(1.0)
    loss = lambda x: mg.log(w) * x + v * 0.01
    start, reference = copies([w, v]), make([w, v])
    with pytest.raises((ValueError, FloatingPointError)) as expected:
        eager_steps(loss, reference, [([30.0] * 5,)] * 100)
    made = reference.steps
    ended = copies([w, v])
    put([w, v], start)
    f = mg.compile(loss, [w, v], update=make([w, v]), backend=backend)
    with pytest.raises(expected.type) as found:
        f.many([30.0] * 5, steps=100)
    assert f"in step {made} of 100" in found.value.__notes__
    assert_near(copies([w, v]), ended)
    assert f.update.steps == made
    for state, other in zip(f.update.states, reference.states, strict=True):
        assert_near(state, other)


@every_backend
def test_many_over_batches_stops_at_the_bad_batch(backend: str) -> None:
    w = Value(1.0)
    f = mg.compile(lambda x: w / x, [w], update=SGD([w], lr=0.1), backend=backend)
    X = [1.0] * 4 + [0.0] + [1.0] * 2
    for k in (0, 1):
        w.data = 1.0
        with pytest.raises(ZeroDivisionError) as found:
            f.many(X, steps=9, batch_size=2)
        assert {"in sample 4", "in step 2 of 9"} <= set(found.value.__notes__)
        assert w.data == pytest.approx(0.8)
        assert f.update.steps == 2 * (k + 1)


@every_backend
def test_a_nan_that_the_engine_does_not_have_is_settled_by_it(backend: str) -> None:
    """0 · ∞ on a branch that was not taken; the training goes on."""
    cases: list[Loss] = [
        lambda w, x: mg.where(x > 0.0, mg.sqrt(w * x), w) ** 2,
        lambda w, x: (mg.sqrt(w * x) - 1.0).relu() + w,
        lambda w, x: mg.maximum(w, mg.sqrt(w * x) * 0.1),
        lambda w, x: mg.where(x > 100.0, (w * 1e200) * (w * 1e200) * w, w * x),
        lambda w, x: mg.clip(mg.sqrt(w * x) - 2.0, -1.0, 1.0) * w,
    ]
    for k, case in enumerate(cases):
        w = Value(0.9)
        loss = lambda x, case=case, w=w: case(w, x)
        X = [0.5, 2.0, 0.0, 0.8, 3.0]
        start = w.data
        expected = eager_steps(loss, SGD([w], lr=0.01), [(X,)] * 6)
        ended, w.data = w.data, start
        f = mg.compile(loss, [w], update=SGD([w], lr=0.01), backend=backend)
        assert f.many(X, steps=6) == pytest.approx(expected, rel=1e-12), k
        assert w.data == pytest.approx(ended, rel=1e-12)
        w.data = start
        g = mg.compile(loss, [w], backend=backend)
        assert_as_eager(g, loss, X)


@every_backend
def test_zero_times_infinity_stays_nan(backend: str) -> None:
    """In the gradient, as in the engine's; a plain factor 0 does not hide it."""
    w = Value(0.0)
    loss = lambda x: (w * 0.0).sqrt() * x + w
    loss(1.0).backward()
    assert math.isnan(w.grad)
    f = mg.compile(loss, [w], backend=backend)
    f([1.0])
    assert math.isnan(w.grad)


@every_backend
def test_points_outside_a_domain_are_refused_whatever_is_asked(backend: str) -> None:
    """The derivative 1 / x is finite where log x is not there."""
    f = mg.compile(lambda x: mg.log(x), backend=backend)
    for compute in (f, f.gradient, f.jacobian, f.hessian):
        with pytest.raises(ValueError, match=r"log\(-1.0\)") as found:
            compute([1.0, 2.0, -1.0])
        assert "in sample 2" in found.value.__notes__


# ---- functions of points -------------------------------------------------------------------------


def several(x: Any, y: Any) -> list[Any]:
    return [x[0] * x[1] + y, (x[0] - y).exp(), mg.maximum(x[1], y) * x[0], 3.0 + 0.0 * y]


def single(x: Any, y: Any) -> Any:
    return several(x, y)[0] * several(x, y)[1] + mg.sin(y)


@every_backend
def test_derivatives_at_many_points(backend: str) -> None:
    f, g = mg.compile(several, backend=backend), mg.compile(single, backend=backend)
    X, Y = data(40, 6)
    values, jacobians = f(X, Y), f.jacobian(X, Y)
    gradients, hessians = g.gradient(X, Y), g.hessian(X, Y)
    for i, (x, y) in enumerate(zip(X, Y, strict=True)):
        assert_near(values[i], [z if isinstance(z, float) else z.data for z in several(
            [Value(a) for a in x], Value(y))])  # fmt: skip
        joined = lambda v: several(v[:2], v[2])
        for row, expected in zip(jacobians[i], calculus.jacobian(joined)([*x, y]), strict=True):
            assert_near(row, expected)
        joined_one = lambda v: single(v[:2], v[2])
        expected = calculus.grad(joined_one)([*x, y])
        assert_near([*gradients[0][i], gradients[1][i]], expected)
        second = calculus.hessian(joined_one)([*x, y])
        assert_near([*chain(*hessians[i])], [*chain(*second)])


@every_backend
def test_one_point_at_a_time(backend: str) -> None:
    f = mg.compile(several, batch=False, backend=backend)
    g = mg.compile(single, batch=False, backend=backend)
    x, y = [1.0, 2.0], 0.5
    assert f(x, y) == mg.compile(several, backend=backend)([x], [y])[0]
    assert f.jacobian(x, y) == mg.compile(several, backend=backend).jacobian([x], [y])[0]
    assert isinstance(g(x, y), float)
    slopes = g.gradient(x, y)
    assert [len(slopes[0]), isinstance(slopes[1], float)] == [2, True]
    w = Value(3.0)
    loss = mg.compile(lambda x, y: w * x[0] * y, [w], batch=False, backend=backend)
    assert (loss(x, y), w.grad) == (1.5, 0.5)
    nothing = mg.compile(lambda: w * w, [w], backend=backend)
    assert (nothing(), w.grad) == (9.0, 6.0)


@every_backend
def test_arrays_in_arrays_out_lists_in_lists_out(backend: str) -> None:
    np = pytest.importorskip("numpy")
    f, g = mg.compile(several, backend=backend), mg.compile(single, backend=backend)
    X, Y = data(5)
    A, B = np.array(X), np.array(Y)
    for of_arrays, of_lists, shape in (
        (f(A, B), f(X, Y), (5, 4)),
        (f(A, Y), f(X, Y), (5, 4)),
        (f.jacobian(A, B), f.jacobian(X, Y), (5, 4, 3)),
        (g(A, B), g(X, Y), (5,)),
        (g.gradient(A, B)[0], g.gradient(X, Y)[0], (5, 2)),
        (g.gradient(A, B)[1], g.gradient(X, Y)[1], (5,)),
        (g.hessian(A, B), g.hessian(X, Y), (5, 3, 3)),
    ):
        assert isinstance(of_arrays, np.ndarray)
        assert of_arrays.shape == shape
        assert of_arrays.dtype == float
        assert isinstance(of_lists, list)
        assert of_arrays.tolist() == of_lists
    assert mg.compile(lambda x: x, backend=backend)(np.ones((3, 2, 2))).shape == (3, 2, 2)
    mine = f(A, B)
    mine[:] = 0.0
    assert f(A, B).any()


@every_backend
def test_arrays_stay_arrays_without_a_batch(backend: str) -> None:
    np = pytest.importorskip("numpy")
    f = mg.compile(lambda x: [x[0] * x[1], x[0]], batch=False, backend=backend)
    found = f(np.array([2.0, 3.0]))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [6.0, 2.0]


@every_backend
def test_results_of_any_nesting_of_arrays(backend: str) -> None:
    np = pytest.importorskip("numpy")
    x = np.array([1.0, 2.0])
    named = mg.compile(lambda x: {"a": x, "b": [x * x, x]}, backend=backend)(x)
    assert np.asarray(named["a"]).tolist() == [1.0, 2.0] if isinstance(named, dict) else (
        named == [{"a": 1.0, "b": [1.0, 1.0]}, {"a": 2.0, "b": [4.0, 2.0]}])  # fmt: skip
    ragged = mg.compile(lambda x: [x, [x * x, x]], backend=backend)(x)
    assert list(ragged)[-1] is not None


@every_backend
def test_samples_without_numbers(backend: str) -> None:
    f = mg.compile(lambda x, y: sum(x, 0.0) + y, backend=backend)
    assert f([[], []], [1.0, 2.0]) == [1.0, 2.0]
    w = Value(2.0)
    g = mg.compile(lambda x: w * w + sum(x, 0.0), [w], backend=backend)
    assert g([[], [], []]) == 4.0
    h = mg.compile(lambda x: w * 2.0, backend=backend)
    assert h([[], []]) == [4.0, 4.0]


@every_backend
def test_long_sums(backend: str) -> None:
    """Thousands of terms in one expression, as the penalty of a model has."""
    ws = [Value(0.001 * k) for k in range(5000)]
    f = mg.compile(lambda x: mg.dot(ws, ws) * x + mg.sum_of(ws), ws, backend=backend)
    numbers = copies(ws)
    expected = math.fsum(a * a for a in numbers) * 2.0 + math.fsum(numbers)
    assert f([2.0]) == pytest.approx(expected, rel=1e-12)
    assert_near([w.grad for w in ws], [4.0 * a + 1.0 for a in numbers])


@every_backend
def test_deep_chains(backend: str) -> None:
    w = Value(0.999)

    def loss(x: Any) -> Any:
        for k in range(3000):
            x = (x * w + 0.001).sin() if k % 100 == 0 else x * w + 0.001
        return x

    f = mg.compile(loss, [w], backend=backend)
    assert_as_eager(f, loss, [0.5, 1.0], rel=1e-10)


# ---- backends that are there or not --------------------------------------------------------------


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    there = room.is_there
    monkeypatch.setattr(room, "is_there", lambda name: name not in names and there(name))


@pytest.mark.parametrize(
    ("hidden", "allowed"),
    [((), ("llvm", "numpy", "python")), (("llvmlite",), ("numpy", "python")),
     (("numpy",), ("python",)), (("numpy", "llvmlite"), ("python",))],
)  # fmt: skip
def test_auto_takes_what_is_there(
    hidden: tuple[str, ...], allowed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, *hidden)
    loss, parameters = small()
    f = mg.compile(loss, parameters)
    assert_as_eager(f, loss, *data(7))
    assert f.backend in allowed
    assert f.source
    if not hidden and room.is_there("llvmlite") and room.is_there("numpy"):
        assert f.backend == "llvm"


def test_small_programs_do_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "llvmlite")
    w = Value(2.0)
    f = mg.compile(lambda x: (w * x - 1.0) ** 2, [w])
    f([1.0])
    assert f.backend == "python"


@pytest.mark.parametrize(
    ("backend", "hidden", "message"),
    [("llvm", "llvmlite", r"needs llvmlite: .*microgrunderscore\[fast\]"),
     ("llvm", "numpy", r"needs numpy.*\[fast\]"), ("numpy", "numpy", r"needs numpy.*\[numpy\]")],
)  # fmt: skip
def test_a_backend_that_is_missing_is_named_with_its_extra(
    backend: str, hidden: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, hidden)
    if backend == "llvm" and hidden == "llvmlite" and not room.is_there("numpy"):
        message = message.replace("needs ", "needs .*")
    with pytest.raises(ImportError, match=message):
        mg.compile(lambda x: x, backend=backend)  # type: ignore[arg-type]


@every_backend
def test_the_backend_that_was_asked_for_is_taken(backend: str) -> None:
    f = mg.compile(lambda x: x * x, backend=backend)
    f([1.0])
    assert f.backend == backend
    assert f.source


WITHOUT = """
import sys
sys.modules["numpy"] = sys.modules["llvmlite"] = None
import microgrunderscore as mg
model = mg.MLP(2, [3, 1], seed=1)
loss = lambda x, y: (model(x) - y) ** 2
f = mg.compile(loss, model, update=mg.Adam(model, lr=0.1))
print(f([[1.0, 2.0], [0.5, 0.1]], [1.0, 0.0]), f.many([[1.0, 2.0]], [1.0], steps=2), f.backend)
g = mg.compile(lambda x: x * x)
print(g([3.0]), g.gradient([3.0]), g.hessian([3.0]), mg.take([1.0, 2.0], 1))
"""


def test_the_standard_library_will_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert done.stdout.splitlines()[0].endswith("python")
    assert done.stdout.splitlines()[1] == "[9.0] [6.0] [[[2.0]]] 2.0"


def test_importing_and_compiling_loads_no_library_before_a_call() -> None:
    code = (
        "import sys, microgrunderscore as mg; mg.compile(lambda x: x);"
        "assert not {'numpy', 'llvmlite'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert not done.returncode, done.stderr


def test_a_compiled_function_looks_like_the_function() -> None:
    def mine(x: Any) -> Any:
        """What it is."""
        return x

    f = mg.compile(mine)
    assert (f.__name__, f.__doc__, f.function) == ("mine", "What it is.", mine)


def test_modules_and_partial_functions_can_be_compiled() -> None:
    import functools

    model = mg.MLP(2, [3, 1], seed=1)
    assert mg.compile(model)([[1.0, 2.0]])[0] == pytest.approx(model([1.0, 2.0]).data, rel=1e-15)
    assert mg.compile(functools.partial(lambda a, x: a * x, 3.0))([2.0]) == [6.0]
