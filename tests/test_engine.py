"""The graph and its backward pass: any depth, any width, exact, repeatable, without a leak."""

from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgrunderscore as mg
from microgrunderscore import Value, builds, dot, gc_paused

ROOT = Path(mg.__file__).parent.parent

# The stack of a thread in which deep graphs are freed. CPython 3.13 frees nested objects of any
# kind, plain tuples as well, 10,000 deep on the C stack; other versions take 50 at a time.
STACK = 256 * 1024 if sys.version_info < (3, 13) else 1024 * 1024


def run(code: str, **environment: str) -> str:
    """What a program prints, in a process of its own: there a crash is a failure like any other."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout.strip()


# ---- depth, width, sharing ----------------------------------------------------------------------

DEEP = """
import sys, threading
from microgrunderscore import Value, gc_paused
assert sys.getrecursionlimit() == 1000

def work():
    x = Value(1.0)
    one = Value(1.0)
    y = x
    with gc_paused():
        for i in range(500_000):
            y = (y + 1.0) * one
    y.backward()
    assert x.grad == 1.0, x.grad
    y.backward()
    assert x.grad == 2.0, x.grad
    print(y.data, one.grad)
    del y
    print("freed")

{start}
"""
SMALL_STACK = f"""
threading.stack_size({STACK})
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("start", ["work()", SMALL_STACK], ids=["main", "256 KiB"])
def test_a_million_nodes_deep(start: str) -> None:
    n = 500_000
    expected = 2 * sum(range(2, n + 2))
    assert run(DEEP.format(start=start)).split() == [f"{n + 1.0}", f"{float(expected)}", "freed"]


@pytest.mark.parametrize(
    "link",
    [
        "y = mg.sum_of(y, 1.0, x)",
        "y = dot([y, x], [1.0, x])",
        "y = dot([y], [x], x)",
        "y = (-(-y)).relu()",
        "y = mg.maximum(y, x)",
        "y = Value(y.data, (y, x), (1.0, 0.5))",
        "y = mg.where(1.0, y, x)",
        "y = mg.sin(y).exp()",
    ],
)
def test_deep_chains_of_nodes_of_every_kind(link: str) -> None:
    code = f"""
import threading
import microgrunderscore as mg
from microgrunderscore import Value, dot
def work():
    x = Value(1.0)
    y = x * 1.0
    for i in range(60_000):
        {link}
    y.backward()
    del y
    print("freed", x.has_grad)
threading.stack_size({STACK})
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert run(code) == "freed True"


def test_no_byte_is_written_out_of_place() -> None:
    """Python's debugging allocator looks at the bytes around every object that is freed."""
    code = """
import random
import microgrunderscore as mg
from microgrunderscore import Value, dot
rng = random.Random(1)
class Named(Value):
    pass
cube = mg.define("cube", lambda x: x * x * x, lambda x, z: 3 * x * x)
kinds = [
    lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - 2, lambda x, y: 1 / (y * y + 1),
    lambda x, y: (x - y).relu(), lambda x, y: mg.maximum(x, y), lambda x, y: mg.sum_of(x, y, 1.0),
    lambda x, y: dot([x, y], [y, x], x), lambda x, y: x.tanh(), lambda x, y: cube(x.sin()),
    lambda x, y: Value(x.data, (x, y, x), (0.5, 0.5, 1.0)), lambda x, y: mg.clip(x, -1.0, y.data),
]
for _ in range(60):
    leaves = [Named(rng.uniform(-1, 1)) for _ in range(8)]
    nodes = [*leaves]
    for _ in range(400):
        nodes.append(rng.choice(kinds)(rng.choice(nodes[-40:]), rng.choice(nodes[-40:])).tanh())
        if rng.random() < 0.2:
            del nodes[rng.randrange(8, len(nodes))]
    root = mg.mean(nodes[-10:])
    root.backward()
    nodes[-1].label = "last"
    rng.choice(leaves).data = 0.5
    try:
        root.backward()
    except RuntimeError:  # a factor of a dot product was changed
        pass
    rng.shuffle(nodes)
print("whole")
"""
    assert run(code, PYTHONMALLOC="debug") == "whole"


@pytest.mark.parametrize("name", ["data", "grad", "label"])
def test_what_a_property_stands_for_cannot_be_deleted(name: str) -> None:
    for v in (Value(1.0), Value(1.0) * 2.0, dot([Value(1.0)], [Value(2.0)])):
        with pytest.raises(AttributeError, match="has no deleter"):
            delattr(v, name)
        assert v.data in (1.0, 2.0)


@pytest.mark.parametrize("x", [-113.0, -0.0, math.nan, math.inf])
def test_no_number_is_special(x: float) -> None:
    """Compiled code marks a slot that is not filled by -113, and must tell the number from it."""
    a, one = Value(x), Value(1.0)
    nodes = [
        *(a * 1.0, a * one, a + Value(0.0), a - Value(0.0), a / one, -(a * -1.0), 0 + a, a.relu()),
        *(mg.sum_of(a, 0.0), mg.maximum(a, a), mg.mean([a]), mg.max_of([a, a]), dot([a], [one])),
        *(
            mg.where(1.0, a, 2.0),
            mg.clip(a, x, x),
            Value(x, (a,), (x,)),
            dot([one], [a], Value(0.0)),
        ),
    ]
    for node in nodes:
        node.grad = x
        assert repr(node.grad) == repr(x)
        assert math.isnan(node.data) == math.isnan(x)
        assert math.isnan(x) or node.data in (x, 0.0)
        assert repr(node).startswith("Value(data=")
        assert isinstance(node.partials, tuple)
    a.grad = x
    (a * Value(x)).backward(1.0 if x != -113.0 else -113.0)
    assert a.has_grad


def test_an_unselected_operand_is_not_walked_to_however_often_it_occurs() -> None:
    h = Value(-1.0) * 2.0
    h.grad = 7.0
    r = h.relu()
    for root in (mg.sum_of([r]), mg.sum_of([r, r]), r + r, mg.sum_of([r + 1.0, r, r * 2.0])):
        root.backward()
        assert (h.has_grad, h.grad) == (False, 7.0)


def test_an_item_that_is_no_number_is_refused() -> None:
    class Endless:
        shape = ()

        def item(self) -> Any:
            return self

    with pytest.raises(TypeError, match="real number"):
        Value(Endless())


@pytest.mark.parametrize("label", [5, (1,), None, 2.5])
def test_copies_keep_labels_of_any_kind(label: Any) -> None:
    for how in COPIES.values():
        assert how(Value(1.0, label=label)).label in (label, "")


def test_partials_of_a_node_by_hand_are_checked() -> None:
    v = Value(1.0)
    with pytest.raises(OverflowError):
        Value(1.0, (v,), (10**400,))
    for bad in ("1", None, [1.0]):
        with pytest.raises(TypeError, match="real number"):
            Value(1.0, (v,), (bad,))


def test_a_shared_node_is_visited_once() -> None:
    x = y = Value(1.0)
    for _ in range(1000):
        y = y + y
    y.backward()
    assert x.grad == y.data == 2.0**1000


def test_one_leaf_used_many_times() -> None:
    n = 100_000
    x = Value(3.0)
    with gc_paused():
        y = mg.sum_of([x * float(i % 7) for i in range(n)])
    y.backward()
    assert x.grad == float(sum(i % 7 for i in range(n)))
    x.grad = 0.0
    mg.sum_of([x] * n).backward()
    assert x.grad == n


def test_a_sum_of_many_leaves() -> None:
    n = 100_000
    with gc_paused():
        xs = [Value(float(i)) for i in range(n)]
        total = mg.sum_of(xs)
        chained = sum(xs)
    assert total.data == chained.data == n * (n - 1) / 2
    assert total.parents == tuple(xs)
    total.backward()
    chained.backward()
    assert all(x.grad == 2.0 for x in xs)


def test_backward_takes_linear_time() -> None:
    """Ten times the nodes take far less than the 100 times as long of a quadratic way.

    (They leave the processor's caches, which lifts the ratio above ten where the rest is fast.)
    """

    def seconds(n: int) -> float:
        y = x = Value(1.0)
        for _ in range(n):
            y = y * 1.0 + x
        start = time.process_time()
        y.backward()
        return time.process_time() - start

    with gc_paused():
        ratios = [seconds(100_000) / min(seconds(10_000) for _ in range(3)) for _ in range(3)]
    assert min(ratios) < 50.0, ratios


# ---- the right gradient -------------------------------------------------------------------------


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_gradients_of_integer_polynomials_are_exact(chance: random.Random, size: int) -> None:
    """Against forward differentiation in whole numbers, where nothing is rounded."""
    n = 3
    leaves = [Value(float(chance.randint(-3, 3)), f"x{i}") for i in range(n)]
    nodes: list[Value] = [*leaves]
    duals = [(int(v.data), [int(i == j) for j in range(n)]) for i, v in enumerate(leaves)]
    for _ in range(size):
        i, j = chance.randrange(len(nodes)), chance.randrange(len(nodes))
        (a, da), (b, db), k = duals[i], duals[j], chance.randint(-2, 2)
        kind = chance.randrange(8)
        if kind == 0:
            node, z, dz = nodes[i] + nodes[j], a + b, [p + q for p, q in zip(da, db, strict=True)]
        elif kind == 1:
            node, z, dz = nodes[i] - nodes[j], a - b, [p - q for p, q in zip(da, db, strict=True)]
        elif kind == 2:
            node, z = nodes[i] * nodes[j], a * b
            dz = [p * b + q * a for p, q in zip(da, db, strict=True)]
        elif kind == 3:
            node, z, dz = k - nodes[i] * k, k - a * k, [-p * k for p in da]
        elif kind == 4:
            node, z, dz = -nodes[i], -a, [-p for p in da]
        elif kind == 5:
            node, z = dot([nodes[i], nodes[j]], [nodes[j], k], nodes[i]), a * b + b * k + a
            dz = [p * b + q * a + q * k + p for p, q in zip(da, db, strict=True)]
        elif kind == 6:
            node, z = mg.sum_of(nodes[i], k, nodes[j], nodes[i]), 2 * a + k + b
            dz = [2 * p + q for p, q in zip(da, db, strict=True)]
        else:
            node, z = dot([nodes[i], nodes[i]], [nodes[i], nodes[j]], nodes[j]), a * a + a * b + b
            dz = [2 * a * p + p * b + q * a + q for p, q in zip(da, db, strict=True)]
        if abs(z) > 2**20 or any(abs(d) > 2**20 for d in dz):
            continue
        nodes.append(node)
        duals.append((z, dz))
    nodes[-1].backward()
    assert nodes[-1].data == duals[-1][0]
    assert [v.grad for v in leaves] == duals[-1][1]


@pytest.mark.parametrize("make", [lambda: None, lambda: 0.5, lambda: Value(0.5)])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_dot(n: int, make: Callable[[], Any]) -> None:
    bias = make()
    ws = [Value(float(i + 1)) for i in range(n)]
    xs = [Value(float(10 * i + 3)) for i in range(n)]
    y = dot(ws, xs, bias)
    y.backward()
    assert y.op == "dot"
    assert y.data == sum(w.data * x.data for w, x in zip(ws, xs, strict=True)) + 0.5 * (
        bias is not None
    )
    assert [w.grad for w in ws] == [x.data for x in xs]
    assert [x.grad for x in xs] == [w.data for w in ws]
    assert y.partials[: 2 * n] == tuple(v.data for v in xs + ws)
    if isinstance(bias, Value):
        assert bias.grad == 1.0
        assert y.parents == (*ws, *xs, bias)


def test_dot_with_plain_numbers() -> None:
    w, x, b = Value(2.0), Value(3.0), Value(0.5)
    for y, expected in (
        (dot([w, 4.0], [5.0, x], b), (5.0, 4.0, 1.0)),
        (dot([w, w], [x, 1.0]), (4.0, 2.0, 0.0)),
        (dot([w], [w]), (4.0, 0.0, 0.0)),
    ):
        for v in (w, x, b):
            v.grad = 0.0
        y.backward()
        assert (w.grad, x.grad, b.grad) == expected
    assert dot([1.0, 2.0], [3.0, 4.0], 0.5) == 11.5
    assert dot((i for i in [w]), iter([2.0])).data == 4.0


def test_dot_keeps_its_own_lists() -> None:
    ws, xs = [Value(2.0)], [Value(3.0)]
    y = dot(ws, xs)
    ws.append(Value(5.0))
    xs[0] = Value(7.0)
    y.backward()
    assert ws[0].grad == 3.0
    assert len(y.parents) == 2


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("name", ["sum_of", "mean", "max_of", "min_of", "logsumexp"])
def test_operations_on_one_value_or_more(name: str, n: int) -> None:
    xs = [Value(2.0) for _ in range(n)]
    y = getattr(mg, name)(xs)
    y.backward()
    assert [x.grad for x in xs] == pytest.approx([1.0 if name == "sum_of" else 1.0 / n] * n)
    assert y.operands == y.parents == tuple(xs)


# ---- again and again ----------------------------------------------------------------------------


def _tangle(chance: random.Random) -> tuple[list[Value], list[Value], Value]:
    """Leaves, inner nodes and result of a graph whose leaves are reached by many paths."""
    leaves = [Value(chance.uniform(-2.0, 2.0)) for _ in range(4)]
    nodes = [*leaves]
    for _ in range(30):
        a, b = chance.choice(nodes), chance.choice(nodes)
        nodes.append(chance.choice([a * b, a + b * 0.3, a.tanh() - b, a.sin() * 0.7]).tanh())
    return leaves, nodes[4:], mg.sum_of(nodes)


@pytest.mark.parametrize("seed", range(10))
def test_k_passes_give_k_times_the_gradient(seed: int) -> None:
    leaves, inner, y = _tangle(random.Random(seed))
    y.backward()
    first, of_inner = [v.grad for v in leaves], [v.grad for v in inner]
    for k in range(2, 6):
        y.backward()
        assert [v.grad for v in leaves] == [k * g for g in first]
        assert [v.grad for v in inner] == of_inner
        assert y.grad == 1.0
    for v in leaves:
        v.grad = 0.0
    y.backward()
    assert [v.grad for v in leaves] == first


def test_passes_from_different_results_add_up_on_leaves_only() -> None:
    x = Value(3.0)
    u = x * x
    y, z = u * 2.0, u * 5.0
    y.backward()
    assert (x.grad, u.grad, y.grad, z.grad) == (12.0, 2.0, 1.0, 0.0)
    z.backward()
    assert (x.grad, u.grad, y.grad, z.grad) == (42.0, 5.0, 1.0, 1.0)


def test_seed() -> None:
    x = Value(3.0)
    y = x * x
    y.backward(0.5)
    assert (x.grad, y.grad) == (3.0, 0.5)
    y.backward(seed=-2)
    assert (x.grad, y.grad) == (-9.0, -2.0)
    assert type(x.grad) is float


def test_backward_on_a_leaf() -> None:
    x = Value(3.0)
    assert not x.has_grad
    x.backward()
    x.backward()
    assert (x.grad, x.has_grad) == (2.0, True)


def test_a_gradient_of_zero_is_told_from_none() -> None:
    x, y, z = Value(1.0), Value(0.0), Value(2.0)
    (x * y).backward()
    assert (x.grad, x.has_grad) == (0.0, True)
    assert (z.grad, z.has_grad) == (0.0, False)


def test_zero_times_infinity_stays_visible() -> None:
    x = Value(0.0)
    y = x.sqrt() * 0.0
    y.backward()
    assert math.isnan(x.grad)


@pytest.mark.parametrize(
    "select",
    [
        lambda bad, good: mg.maximum(bad, good),
        lambda bad, good: mg.maximum(good, bad),
        lambda bad, good: -mg.minimum(-bad, -good),
        lambda bad, good: mg.where(0.0, bad, good),
        lambda bad, good: mg.where(1.0, good, bad),
        lambda bad, good: mg.max_of(bad, good),
        lambda bad, good: -mg.min_of([-good, -bad]),
        lambda bad, good: mg.relu(bad) + good,
        lambda bad, good: mg.clip(bad, 1.0, 2.0) + good,
    ],
)
def test_what_is_not_selected_gets_no_gradient(select: Callable[..., Value]) -> None:
    x, good = Value(0.0), Value(1.0)
    bad = x.sqrt()  # slope ∞: 0 · ∞ would be nan
    select(bad, good).backward()
    assert x.grad == 0.0
    assert good.grad == 1.0


# ---- what you ran is what is differentiated -----------------------------------------------------


def test_data_changed_after_the_forward_pass() -> None:
    x, y = Value(2.0), Value(3.0)
    for z, expected in (
        (x * x, (4.0, 0.0)),
        (x * y, (3.0, 2.0)),
        (x / y, (1 / 3, -2.0 / 3.0 / 3.0)),
        (x**2, (4.0, 0.0)),
        (x**y, (12.0, 8.0 * math.log(2.0))),
        (x.exp(), (math.exp(2.0), 0.0)),
        (mg.maximum(x, y), (0.0, 1.0)),
        (mg.logsumexp(x, x), (1.0, 0.0)),
        (dot([x, y], [5.0, 7.0]), (5.0, 7.0)),
    ):
        x.data, y.data = 10.0, -20.0
        z.backward()
        assert (x.grad, y.grad) == pytest.approx(expected, rel=1e-15)
        x.data, y.data, x.grad, y.grad = 2.0, 3.0, 0.0, 0.0


def test_assignment_with_an_operator_makes_a_node() -> None:
    x = Value(2.0)
    alias = y = x * 3.0
    y += 1.0
    y *= y
    assert (alias.data, x.data) == (6.0, 2.0)
    y.backward()
    assert x.grad == 2.0 * 7.0 * 3.0
    assert alias.grad == 14.0


@pytest.mark.parametrize("which", [0, 1, 2, 3])
@pytest.mark.parametrize("biased", [False, True])
def test_a_dot_product_notices_a_changed_factor(which: int, biased: bool) -> None:
    bias = Value(0.5) if biased else None
    z = Value(0.25)
    factors = [Value(float(i + 1)) for i in range(3)] + [z * 2.0]
    y = dot(factors[:2], factors[2:], bias) * z + z
    y.backward()
    leaves = [*factors[:3], z]
    before = [v.grad for v in leaves]
    factors[which].data = 9.0
    with pytest.raises(RuntimeError, match=r"data=9\.0.*changed.*dot product"):
        y.backward()
    assert [v.grad for v in leaves] == before
    with pytest.raises(RuntimeError, match="changed"):
        y.backward()
    assert [v.grad for v in leaves] == before
    again = dot(factors[:2], factors[2:], bias)
    again.backward()
    assert factors[0].grad == before[0] + factors[2].data


@pytest.mark.parametrize("passes", [0, 1, 2])
def test_the_partials_of_a_dot_product_notice_it_too(passes: int) -> None:
    w, x = Value(2.0), Value(3.0)
    y = dot([w], [x])
    for _ in range(passes):
        y.backward()
    assert y.partials == (3.0, 2.0)
    w.data = 5.0
    with pytest.raises(RuntimeError, match="changed"):
        y.partials  # noqa: B018


def test_a_dot_product_does_not_complain_without_reason() -> None:
    w, x, b, other = Value(2.0), Value(3.0), Value(0.5), Value(7.0)
    w.data = 4.0  # before the forward pass
    y = dot([w], [x], b)
    other.data = 8.0  # has nothing to do with it
    y.backward()
    other.data = 9.0
    y.backward()
    assert (w.grad, x.grad, b.grad) == (6.0, 8.0, 2.0)
    w.grad = x.grad = b.grad = 0.0  # a gradient is no factor
    y.label = "y"
    y.data = 3.0  # nor is the product itself
    y.backward()
    assert (w.grad, x.grad, b.grad) == (3.0, 4.0, 1.0)
    for _ in range(3):  # steps of training: edit, forward, backward
        w.data -= 0.1
        dot([w], [x], b).backward()


def test_a_changed_bias_loses_nothing() -> None:
    w, x, b = Value(2.0), Value(3.0), Value(0.5)
    y = dot([w], [x], b)
    b.data = 9.0
    y.backward()
    assert (w.grad, x.grad, b.grad) == (3.0, 2.0, 1.0)


# ---- the same bits everywhere -------------------------------------------------------------------

BITS = """
import random
import microgrunderscore as mg
from microgrunderscore import Value, dot
chance = random.Random(5)
leaves = [Value(chance.uniform(-2, 2), f"x{i}") for i in range(6)]
nodes = list(leaves)
for _ in range(300):
    a, b, c = chance.choice(nodes), chance.choice(nodes), chance.choice(nodes)
    nodes.append(chance.choice([a * b + c, dot([a, b], [b, c], c), mg.sum_of(a, b, c),
                                a / (2.0 + b * b), mg.logsumexp(a, b, c)]).tanh())
mg.mean(nodes).backward()
print([v.grad.hex() for v in leaves], len({v for v in nodes}))
"""


def test_every_process_gives_the_same_bits() -> None:
    answers = {run(BITS, PYTHONHASHSEED=seed) for seed in ("0", "1", "2", "77", "random")}
    assert len(answers) == 1


# ---- memory -------------------------------------------------------------------------------------


def test_training_leaves_nothing_behind() -> None:
    ws = [Value(0.1 * i) for i in range(20)]
    hidden = [Value(0.3) for _ in range(3)]

    def step() -> None:
        y = dot(ws, [h.tanh() * 0.5 for h in hidden] * 6 + [1.0, 2.0])
        loss = mg.logsumexp(y, mg.relu(y) + 1.0, y**2) + mg.max_of(ws) + sum(w * w for w in ws)
        loss += Value(1.0, (y,), (0.5,)) + mg.where(y > 0.0, y, -y)
        loss.backward()
        for w in ws:
            w.data -= 0.01 * w.grad
            w.grad = 0.0

    with gc_paused():
        gc.collect()
        step()
        before = len(gc.get_objects())
        for _ in range(50):
            step()
        after = len(gc.get_objects())
        found = gc.collect()
    assert found == 0
    assert after - before <= 10


def test_gc_paused_restores() -> None:
    assert gc.isenabled()
    with gc_paused():
        assert not gc.isenabled()
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), gc_paused():
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


# ---- copies -------------------------------------------------------------------------------------

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(6)},
}


class Weight(Value):
    """A leaf of a class of one's own."""


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", [Value, Weight])
def test_a_leaf_is_copied(how: str, kind: type[Value]) -> None:
    x = kind(0.1, label="weight")
    (x * 3.0).backward()
    y = COPIES[how](x)
    assert type(y) is kind
    assert y is not x
    assert (y.data, y.grad, y.label, y.op, y.parents) == (0.1, 3.0, "weight", "", ())
    assert y.has_grad
    y.data = 5.0
    (y * y).backward()
    assert (x.data, x.grad) == (0.1, 3.0)
    assert not COPIES[how](kind(1.0)).has_grad


@pytest.mark.parametrize("how", [how for how in COPIES if how != "copy"])
def test_a_leaf_that_occurs_twice_is_copied_once(how: str) -> None:
    x = Value(1.0)
    a, b = COPIES[how]([x, x])
    assert a is b


@pytest.mark.parametrize("how", COPIES)
def test_a_node_is_not_copied(how: str) -> None:
    y = x = Value(1.0)
    for _ in range(10_000):
        y = y + x
    for node in (y, mg.sum_of(y, x), Value(1.0, (y,), (1.0,)), mg.relu(-x)):
        with pytest.raises(TypeError, match=r"has a history.*Value\(v\.data\)") as caught:
            COPIES[how](node)
        assert len(str(caught.value)) < 300


# ---- threads ------------------------------------------------------------------------------------


def test_threads_with_graphs_of_their_own() -> None:
    def gradients(seed: int) -> list[float]:
        found = []
        for i in range(40):
            leaves, _, y = _tangle(random.Random(100 * seed + i))
            ws = [Value(w.data) for w in leaves]
            z = dot(ws, leaves, y)
            z.backward()
            z.backward()
            found += [v.grad for v in leaves + ws]
            ws[0].data = 0.0
        return found

    expected = [gradients(seed) for seed in range(8)]
    answers: dict[int, list[float]] = {}
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda s=seed: answers.update({s: gradients(s)}))
            for seed in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert [answers[seed] for seed in range(8)] == expected


# ---- a number in Python's eyes ------------------------------------------------------------------


def test_comparison_is_by_the_number() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(2.0)
    assert a < b
    assert b > a
    assert b <= c
    assert b >= c
    assert not b < c
    assert a < 1.5 < b
    assert 1 <= a <= 1
    assert not a > 1
    assert sorted([b, a, Value(-3.0)])[0].data == -3.0
    assert max([a, b, c]) is b
    assert min(b, a) is a
    assert max(a, 5.0) == 5.0
    assert sum([a, b, c]).data == 5.0
    assert sum([a, b], start=Value(1.0)).data == 4.0
    assert not Value(math.nan) < 1.0
    assert not Value(math.nan) >= 1.0
    assert bool(Value(0.5))
    assert not Value(0.0)
    assert not Value(-0.0)
    assert bool(Value(math.nan)) is bool(math.nan)


def test_equality_is_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert len({a, b, a}) == 2
    assert {a: 1}[a] == 1
    assert b in [a, b]
    assert [a, b].index(b) == 1
    assert a is not None
    assert a != None  # noqa: E711
    assert a != "1.0"
    y = a + b
    before = hash(y)
    y.data = 7.0
    assert hash(y) == before


def test_text() -> None:
    v = Value(1234.5678, "v")
    assert f"{v:.2f}" == "1234.57"
    assert f"{v:,.1f}|{v:10.3e}|{v:>+9.1f}" == "1,234.6| 1.235e+03|  +1234.6"
    assert f"{v}" == str(v) == repr(v) == "Value(data=1234.5678, grad=0.0, label='v')"
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"
    assert repr(Value(math.inf) - math.inf) == "Value(data=nan, grad=0.0)"
    assert repr(Value(1.0, "it's\n")) == """Value(data=1.0, grad=0.0, label="it's\\n")"""
    y = v
    for _ in range(2000):
        y = y * 1.0
    assert repr(y) == "Value(data=1234.5678, grad=0.0)"


def test_the_operators() -> None:
    a = Value(2.0)
    assert (+a).data == 2.0
    assert (-a).data == -2.0
    assert abs(-a).data == 2.0
    assert (a**3).data == (2**a * 2).data == 8.0
    assert pow(a, 3).data == 8.0
    assert (1 / a).data == 0.5
    assert (1 - a).data == -1.0
    assert not hasattr(Value, "__iadd__")


# ---- programs written for others ----------------------------------------------------------------


def test_the_example_that_micrograd_publishes() -> None:
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_the_neuron_of_the_lecture() -> None:
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    n = x1w1 + x2w2 + b
    o = n.tanh()
    o.label = "o"
    o.backward()
    assert o.data == pytest.approx(0.7071067811865476)
    assert [v.grad for v in (x1, w1, x2, w2, b, n)] == pytest.approx([-1.5, 1, 0.5, 0, 0.5, 0.5])
    assert {*o._prev} == {n}
    assert o._op == "tanh"
    assert x1._op == ""
    assert len(x1._prev) == 0
    assert {*x1w1._prev} == {x1, w1}
    assert x1w1._op in ("*", "mul")
    assert len((b + b)._prev) in (1, 2)
    with pytest.raises(AttributeError):
        o._prev = ()
    with pytest.raises(AttributeError):
        o._op = "+"
    by_hand = (2 * n).exp()
    also = (by_hand - 1) / (by_hand + 1)
    assert also.data == pytest.approx(o.data)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_nodes_made_by_hand(n: int) -> None:
    parents = [Value(float(i + 1)) for i in range(n)]
    partials = tuple(0.5 * (i + 1) for i in range(n))
    for children in (tuple(parents), list(parents)):
        for v in parents:
            v.grad = 0.0
        y = Value(7.0, children, partials, label="y")
        z = y * 2.0
        z.backward()
        assert (y.data, y.grad, y.label, y.op) == (7.0, 2.0, "y", "custom")
        assert [v.grad for v in parents] == [2.0 * d for d in partials]
        assert y.parents == y.operands == tuple(parents)
        assert y.partials == partials
        z.backward()
        assert [v.grad for v in parents] == [4.0 * d for d in partials]
        assert y.grad == 2.0
    same = Value(1.0, (parents[0],) * 2, (1.0, 10.0))
    parents[0].grad = 0.0
    same.backward()
    assert parents[0].grad == 11.0


@pytest.mark.parametrize(
    ("children", "partials"),
    [
        ((Value(1.0),), ()),
        ((Value(1.0),), (1.0, 2.0)),
        ((), (1.0,)),
        ((Value(1.0),), "1"),
        ((Value(1.0),), ("1",)),
        ((Value(1.0),), (None,)),
        ((1.0,), (1.0,)),
        ((Value(1.0), 2.0), (1.0, 1.0)),
        ((Value(1.0), None), (1.0, 1.0)),
        ((Value(1.0),), (Value(1.0),)),
    ],
)
def test_nodes_made_by_hand_are_checked(children: Any, partials: Any) -> None:
    with pytest.raises(TypeError):
        Value(1.0, children, partials)


# ---- NumPy --------------------------------------------------------------------------------------


def _array() -> Any:
    return np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])


def _data(array: Any) -> Any:
    return np.vectorize(lambda v: v.data, otypes=[float])(array)


NUMBERS = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "compute",
    [
        lambda a, v: a @ a,
        lambda a, v: a * v,
        lambda a, v: v * a,
        lambda a, v: a + v,
        lambda a, v: v - a,
        lambda a, v: a - v,
        lambda a, v: v / a,
        lambda a, v: a / v,
        lambda a, v: a**v,
        lambda a, v: v**a,
        lambda a, v: a**2,
        lambda a, v: 2.0**a,
        lambda a, v: -a,
        lambda a, v: abs(a),
        lambda a, v: a.T.dot(a),
        lambda a, v: a.sum(axis=0),
        lambda a, v: a.mean(axis=1),
        lambda a, v: a @ NUMBERS,
        lambda a, v: NUMBERS @ a,
        lambda a, v: NUMBERS * a,
        lambda a, v: a + NUMBERS,
        lambda a, v: np.exp(a),
        lambda a, v: np.log(a),
        lambda a, v: np.tanh(a),
        lambda a, v: np.sqrt(a),
        lambda a, v: np.maximum(a, v),
        lambda a, v: np.add(a, v),
        lambda a, v: np.multiply(v, a),
        lambda a, v: a < v,
        lambda a, v: v < a,
        lambda a, v: np.sort(a, axis=None),
    ],
)
def test_arrays_of_values_are_as_arrays_of_numbers(compute: Callable[..., Any]) -> None:
    got, expected = compute(_array(), Value(2.0)), compute(NUMBERS, 2.0)
    assert got.shape == expected.shape
    if expected.dtype == bool:
        assert (got == expected).all()
    else:
        assert got.dtype == object
        assert all(isinstance(v, Value) for v in got.flat)
        assert _data(got) == pytest.approx(expected, rel=1e-15)


def test_gradients_through_arrays() -> None:
    a, v = _array(), Value(2.0)
    ((a @ a) * v).sum().backward()
    assert v.grad == 54.0
    assert [x.grad for x in a.flat] == [14.0, 22.0, 18.0, 26.0]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])
def test_numpy_scalars_are_numbers(kind: Any) -> None:
    v, one = Value(3.0), kind(1)
    for node in (one * v, v * one, one + v - one, v / one, one / (one / v), v**one, one * v**one):
        assert isinstance(node, Value)
        assert node.data == 3.0
        assert type(node.data) is float
        assert all(type(x) is float or isinstance(x, Value) for x in node.operands)
    assert (v + one).operands == (v, 1.0)
    assert type(Value(one).data) is float
    assert mg.maximum(v, one).data == 3.0
    v.data = one
    assert type(v.data) is float
    assert v <= one
    assert not v < one
    assert one <= v
    assert not one < v


@pytest.mark.parametrize("function", [np.exp, np.sqrt, np.tanh, np.log, np.negative, np.absolute])
def test_numpy_functions_of_a_value(function: Any) -> None:
    v = Value(0.5)
    node = function(v)
    assert isinstance(node, Value)
    assert node.data == pytest.approx(float(function(0.5)))
    assert node.parents == (v,)


# ---- what a review found ----


@pytest.mark.skipif(builds.compiled(), reason="compiled, none is interrupted")
def test_an_interrupted_pass_keeps_the_gradients_of_earlier_ones() -> None:
    class Interrupting(type(dot([Value(1.0)], [Value(1.0)]))):  # type: ignore[misc]
        def _hand_on(self, g: float) -> None:
            raise KeyboardInterrupt

    x = Value(2.0)
    x.grad = 100.0
    with pytest.raises(KeyboardInterrupt):
        (x * 3.0 + Interrupting(4.0, [x, x])).backward()
    assert x.grad == 103.0  # what there was, and what had arrived


def test_derived_classes_are_copied_whole() -> None:
    class Named(Value):
        def __init__(self, name: str) -> None:
            super().__init__(1.0)
            self.name = name

    for twin in (copy.deepcopy(Named("x")), copy.copy(Named("x"))):
        assert type(twin) is Named
        assert (twin.name, twin.data) == ("x", 1.0)


def test_clip_shares_at_a_tie_of_values() -> None:
    x = Value(1.0)
    assert mg.clip(x, Value(1.0), Value(2.0)).partials == (0.5, 0.5, 0.0)
    assert mg.clip(x, 1.0, 2.0).partials == (0.0,)


def test_more_of_numpy() -> None:
    v = Value(3.0)
    assert (np.longdouble(2.0) * v).data == 6.0
    assert (v * np.ma.array(2.0)).data == 6.0
    assert isinstance(v < Value(4.0), bool)


def test_one_step_by_hand_as_in_the_lecture_videos() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    e = a * b
    o = e.tanh()
    o.grad = 1.0
    o._backward()
    e._backward()
    by_hand = (a.grad, b.grad)
    a.grad = b.grad = 0.0
    o.backward()
    assert (a.grad, b.grad) == by_hand != (0.0, 0.0)
