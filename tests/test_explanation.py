"""Compiled programs in words: the layers that were written are found again in the groups."""

from __future__ import annotations

import importlib.util
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from microgrunderscore import MLP, SGD, Value, compile, dot, exp, logsumexp, softmax, sum_of, take
from microgrunderscore.program import explanation
from microgrunderscore.program.explanation import COLUMNS, explained

numpy = pytest.importorskip("numpy")

HAS_LLVM = importlib.util.find_spec("llvmlite") is not None
BACKENDS = [
    pytest.param("llvm", marks=pytest.mark.skipif(not HAS_LLVM, reason="needs llvmlite")),
    "numpy",
    "python",
]
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def passes(text: str) -> dict[str, list[str]]:
    """The phrases of each pass."""
    found: dict[str, list[str]] = {"forward": [], "adjoint": []}
    for name in found:
        match = re.search(rf"^{name}:  (.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        if match:
            found[name] = " ".join(match[1].split()).split(" · ")
    return found


# ---- programs -----------------------------------------------------------------------------------


def network(nin: int, nouts: list[int], activation: str = "relu", **settings: Any) -> Any:
    """A loss of squares, after a call."""
    model = MLP(nin, nouts, activation=activation, seed=1)
    f = compile(lambda x, y: (model(x) - y) ** 2, model, **settings)
    f([[0.1 * i for i in range(nin)]] * 3, [1.0] * 3)
    return f


def classifier(**settings: Any) -> Any:
    """Softmax cross-entropy of ten classes."""
    model = MLP(4, [12, 10], activation="tanh", seed=1)

    def loss(x: Any, y: Any) -> Value:
        scores = model(x)
        return logsumexp(*scores) - take(scores, y)

    f = compile(loss, model, **settings)
    f([[0.1, 0.2, 0.3, 0.4]] * 3, [1, 9, 0])
    return f


def embedding(**settings: Any) -> Any:
    """Two rows of a table, added up and scored."""
    table = [[Value(0.1 * i - 0.2 * j) for j in range(8)] for i in range(20)]
    weights = [[Value(0.1 * i + 0.3 * j) for j in range(8)] for i in range(12)]
    rows = [*table, *weights]

    def loss(a: Any, b: Any) -> Value:
        x = [p + q for p, q in zip(take(table, a), take(table, b), strict=True)]
        return sum_of(*(dot(w, x) ** 2 for w in weights))

    f = compile(loss, [v for row in rows for v in row], **settings)
    f([1, 2], [3, 3])
    return f


def attention(**settings: Any) -> Any:
    """One head: 5 queries and 5 keys of 4 numbers from inputs of 6, softmax, and their mixtures."""
    rng = random.Random(1)
    matrices = [[[Value(rng.gauss(0, 1)) for _ in range(6)] for _ in range(4)] for _ in range(3)]

    def loss(xs: Any) -> Value:
        q, k, v = ([[dot(w, x) for w in matrix] for x in xs] for matrix in matrices)
        total = []
        for row in q:
            powers = [exp(dot(row, key) * 0.5) for key in k]
            shares = [e / sum_of(*powers) for e in powers]
            total += [dot(shares, [value[j] for value in v]) for j in range(4)]
        return dot(total, total)

    f = compile(loss, [w for matrix in matrices for row in matrix for w in row], **settings)
    f([[[rng.gauss(0, 1) for _ in range(6)] for _ in range(5)]])
    return f


def tangle(**settings: Any) -> Any:
    """A graph as irregular as can be."""
    rng = random.Random(2)
    leaves = [Value(rng.uniform(0.5, 1.0)) for _ in range(20)]
    kinds: list[Callable[[Any, Any], Any]] = [
        lambda a, b: a * b,
        lambda a, b: a - b,
        lambda a, b: a.tanh(),
        lambda a, b: (a * 0.1).sin(),
    ]

    def loss(x: Any) -> Value:
        numbers = [*leaves, x]
        for _ in range(400):
            a, b = rng.choice(numbers[-40:]), rng.choice(numbers)
            numbers.append(rng.choice(kinds)(a, b))
        return sum_of(*numbers[-30:])

    f = compile(loss, leaves, nonfinite="ignore", **settings)
    f([0.5])
    return f


def elementwise(**settings: Any) -> Any:
    f = compile(lambda x: [v.tanh() * 2.0 for v in x], **settings)
    f([[0.1] * 24])
    return f


def jacobian(**settings: Any) -> Any:
    f = compile(lambda x: [(v * v).exp() for v in x], **settings)
    f.jacobian([[0.1] * 24])
    return f


def gradient(**settings: Any) -> Any:
    f = compile(lambda x, y: 1.0 / (x + y).exp(), **settings)
    f.gradient([1.0], [2.0])
    return f


def penalised(**settings: Any) -> Any:
    """A network with the squares of all its parameters."""
    model = MLP(2, [16, 1], seed=1)
    ps = model.parameters()
    f = compile(lambda x: model(x) ** 2 + 0.1 * dot(ps, ps), model, **settings)
    f([[0.1, 0.2]] * 3)
    return f


OVER = "over the samples"
TABLE: dict[str, tuple[Callable[..., Any], list[str], list[str]]] = {
    "relu": (
        lambda **s: network(2, [16, 16, 1], **s),
        ["matrix 16×2 + bias", "relu 16", "matrix 16×16 + bias", "relu 16",
         "dot 16 + bias − input", "square", f"mean {OVER}"],
        ["matrix 1×16 transposed", f"outer product 1×16 {OVER}", "relu' 16",
         "matrix 16×16 transposed", f"sums 16 {OVER}", f"outer product 16×16 {OVER}", "relu' 16",
         f"outer product 16×2 {OVER}"],
    ),
    "small": (
        lambda **s: network(2, [3, 1], **s),
        ["matrix 3×2 + bias", "relu 3", "dot 3 + bias − input", "square", f"mean {OVER}"],
        ["matrix 1×3 transposed", "relu' 3", f"outer product 3×2 {OVER}"],
    ),
    "tanh": (
        lambda **s: network(5, [12, 7, 1], "tanh", **s),
        ["matrix 12×5 + bias", "tanh 12", "matrix 7×12 + bias", "tanh 7", "dot 7 + bias − input"],
        ["tanh' 12", "tanh' 7", "matrix 7×12 transposed", f"outer product 7×12 {OVER}"],
    ),
    "two layers of one size": (
        lambda **s: network(3, [24, 24, 1], "tanh", **s),
        ["matrix 24×3 + bias", "tanh 24", "matrix 24×24 + bias", "tanh 24"],
        ["tanh' 24 (2 times)", "matrix 24×24 transposed"],
    ),
    "sigmoid": (
        lambda **s: network(5, [12, 7, 1], "sigmoid", **s),
        ["matrix 12×5 + bias", "sigmoid 12", "matrix 7×12 + bias", "sigmoid 7"],
        ["sigmoid' 12", "sigmoid' 7", "matrix 7×12 transposed"],
    ),
    "wide": (
        lambda **s: network(1, [32, 1], **s),
        ["matrix 32×1 + bias", "relu 32", "dot 32 + bias − input"],
        ["matrix 1×32 transposed", "relu' 32", f"outer product 32×1 {OVER}"],
    ),
    "classifier": (
        classifier,
        ["matrix 12×4 + bias", "tanh 12", "matrix 10×12 + bias", "pick one of 10", "logsumexp 10"],
        ["give to one of 10", "softmax 10", "matrix 10×12 transposed",
         f"outer product 10×12 {OVER}"],
    ),
    "embedding": (
        embedding, ["take 2×8", "sums 8 of 2", "matrix 12×8"],
        [f"outer product 12×8 {OVER}", "add 16 to rows that were taken"],
    ),
    "attention": (
        attention,
        ["matrix 12×6 on 5 vectors", "products 5×4×5", "softmax 5 on 5 vectors", "products 5×5×4"],
        [f"outer product 4×6 of 5 vectors {OVER}", f"outer product 8×6 of 5 vectors {OVER}"],
    ),
    "elementwise": (elementwise, ["tanh 24", "scaled 24"], []),
    "jacobian": (jacobian, ["squares 24", "exp 24"], ["scaled 24", "products 24"]),
    "gradient": (gradient, ["sum of 2", "exp"], ["negative", "quotient", "product"]),
    "penalty": (
        penalised, ["dot 65", "scaled", "matrix 16×2 + bias", "relu 16", "dot 16 + bias"],
        ["relu' 16", "matrix 1×16 transposed"],
    ),
}  # fmt: skip
every_program = pytest.mark.parametrize("name", TABLE)


@every_backend
@every_program
def test_the_layers_are_found_again(name: str, backend: str) -> None:
    make, forward, adjoint = TABLE[name]
    text = make(backend=backend).explain()
    found = passes(text)
    for which, wanted in (("forward", forward), ("adjoint", adjoint)):
        rest = iter(found[which]) if which == "forward" else found[which]
        for phrase in wanted:
            assert phrase in rest, f"{which}: {phrase!r} is not among {found[which]}"
        assert bool(found[which]) == bool(wanted)


@every_program
def test_all_backends_say_the_same(name: str) -> None:
    make = TABLE[name][0]
    said = [passes(make(backend=b).explain()) for b in ("numpy", "python", *["llvm"] * HAS_LLVM)]
    assert all(text == said[0] for text in said)


@every_program
def test_lines_are_not_long(name: str) -> None:
    for line in TABLE[name][0]().explain().splitlines()[1:]:
        assert len(line) <= COLUMNS + 2
        assert line == line.rstrip()
        assert line.isprintable()


def test_nothing_of_the_forward_part_is_in_the_adjoint() -> None:
    """And the other way round: members are counted once."""
    from microgrunderscore.program.parts import parts_of

    for make, _, _ in TABLE.values():
        f = make(backend="numpy")
        parts = parts_of(f._latest)
        layout = f._latest.executable.layout
        members = sum(part.count for part in parts.all if part.groups[0].op != "scatter")
        assert members == sum(getattr(s, "count", 1) for s in layout.steps)
        for i, part in enumerate(parts.all):
            for source in part.flows:
                assert source < 0 or part.is_adjoint or not parts.all[source].is_adjoint, i


def test_what_is_read_on_the_way_is_no_part_of_one_thing() -> None:
    """Several logsumexps that share their comparisons: each part comes after those it reads."""
    from microgrunderscore.program.parts import parts_of

    f = compile(lambda xs: [softmax(xs[:k])[0] for k in (2, 3, 4)])
    f.jacobian([[0.0, 0.1, 0.2, 0.3]])
    for i, part in enumerate(parts_of(f._latest).all):
        assert all(source < i for source in part.flows)
    f.overview()  # which puts each part behind those that it reads


def test_the_numbers() -> None:
    text = network(2, [16, 16, 1], backend="numpy").explain().splitlines()
    assert text[0] == (
        "808 operations in 19 groups, as calls of NumPy; 337 parameters; 3 numbers of a sample"
    )
    assert text[1] == "for each sample:  19 groups with 470 members"
    text = penalised(backend="numpy").explain().splitlines()
    assert [line.split(":")[0] for line in text[1:4]] == list(explanation.PHASES)
    text = gradient(backend="python").explain().splitlines()
    assert text[0] == "6 operations, written out one by one, as Python; 2 numbers of a sample"
    assert text[1] == "for each sample:  6 single operations"


def test_a_step_of_an_optimiser_is_told_of() -> None:
    model = MLP(2, [16, 1], seed=1)
    f = compile(lambda x: model(x) ** 2, model, update=SGD(model, lr=0.1, momentum=0.9))
    f([[0.1, 0.2]])
    assert re.search(
        r"^after each batch a step of the optimiser: \d+ operations for each parameter$",
        f.explain(),
        re.MULTILINE,
    )


@every_backend
def test_a_tangle_is_counted(backend: str) -> None:
    f = tangle(backend=backend)
    found = passes(f.explain())
    for which in ("forward", "adjoint"):
        first, *kinds = found[which]
        count = int(first.removesuffix(" single operations").replace(",", ""))
        assert count == sum(int(kind.split()[-1].replace(",", "")) for kind in kinds) > 100
    assert {kind.split()[0] for kind in found["forward"][1:]} <= {"sum", "tanh", "sin"}


def test_long_lists_are_cut() -> None:
    model = MLP(2, [16] * 30 + [1], activation=["relu", "tanh"] * 15 + ["identity"], seed=1)
    f = compile(lambda x: model(x) ** 2, model, backend="numpy")
    f([[0.1, 0.2]])
    found = passes(f.explain())
    assert found["forward"][-1] == "… 23 more"
    assert len(found["forward"]) == explanation.MOST_PHRASES + 1
    assert found["adjoint"][-1].startswith("… ")


def test_without_numpy_operations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    f = network(2, [3, 1], "tanh", backend="python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    text = explained(f._latest)
    assert text.splitlines()[0].endswith(", as Python; 13 parameters; 3 numbers of a sample")
    found = passes(text)
    assert found["forward"] == ["dot 4", "tanh 3", "pow 1", "sub 1"]
    assert "sigmoid 6" in found["adjoint"]
    operations = int(text.split()[0])
    counted = [int(kind.split()[-1]) for kinds in found.values() for kind in kinds]
    assert sum(counted) == operations


def test_nothing_is_explained_before_the_first_call() -> None:
    model = MLP(2, [3, 1])
    with pytest.raises(RuntimeError, match="nothing is compiled yet"):
        compile(lambda x: model(x), model).explain()


def test_two_activations_at_one_depth() -> None:
    """Groups hold what is of one kind at one depth, and are told apart where they are read."""
    a, b = MLP(3, [20, 1], activation="tanh", seed=1), MLP(4, [20, 1], activation="tanh", seed=2)
    f = compile(lambda x, y: (a(x) * b(y)) ** 2, [*a.parameters(), *b.parameters()])
    f([[0.1, 0.2, 0.3]], [[0.1, 0.2, 0.3, 0.4]])
    found = passes(f.explain())
    assert {"matrix 20×3 + bias", "matrix 20×4 + bias", "tanh 40"} <= set(found["forward"])


@pytest.mark.parametrize("width", [1, 2, 3])
def test_networks_as_narrow_as_can_be(width: int) -> None:
    for backend in ("numpy", "python"):
        found = passes(network(width, [width, 1], "tanh", backend=backend).explain())
        assert "tanh" in " ".join(found["forward"])
        assert "tanh'" in " ".join(found["adjoint"])
