"""The neurons of any model are found in a graph, and called as in the textbook."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from microgrunderscore import MLP, Layer, Module, Neuron, Value, dot, losses, sum_of
from microgrunderscore.losses import l2
from microgrunderscore.pictures.graph import Graph
from microgrunderscore.pictures.names import order_of_computing
from microgrunderscore.pictures.neurons import Network, textbook_names


class LectureNeuron:
    """As in the lectures: no Module, products added up one by one."""

    def __init__(self, nin: int, rng: random.Random) -> None:
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(rng.uniform(-1, 1))

    def __call__(self, x: Any) -> Value:
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.tanh()

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class LectureMLP:
    def __init__(self, sizes: Sequence[int]) -> None:
        rng = random.Random(5)
        self.layers = [[LectureNeuron(m, rng) for _ in range(n)] for m, n in pairwise(sizes)]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for n in layer for p in n.parameters()]


class Wired(Module):
    """Wired by hand, with the output first among its attributes."""

    def __init__(self) -> None:
        self.out = Neuron(2, activation="sigmoid", rng=random.Random(1))
        self.one = Neuron(2, activation="tanh", rng=random.Random(2))
        self.two = Neuron(2, activation="tanh", rng=random.Random(3))

    def __call__(self, x: Any) -> Value:
        return self.out([self.one(x), self.two(x)])


class TwoHeads(Module):
    """Two layers on the same inputs, of which one is used."""

    def __init__(self, used: int) -> None:
        self.heads = [Layer(2, 2, rng=random.Random(i)) for i in range(2)]
        self.used = used

    def __call__(self, x: Any) -> Any:
        return self.heads[self.used](x)


class Cell(Module):
    """A neuron of its own: a function of its weights, its bias and the inputs."""

    def __init__(self, make: Callable[[Any, Any, Any], Value], has_bias: bool = True) -> None:
        self.w = [Value(0.5), Value(-2.0), Value(0.25)]
        if has_bias:
            self.b = Value(0.125)
        self.make = make

    def __call__(self, x: Any) -> Value:
        return self.make(self.w, getattr(self, "b", None), x)


def network(model: Any, *outputs: Value) -> Network:
    return Network(model, order_of_computing(sum_of(outputs)))


def products(w: Any, x: Any) -> list[Value]:
    return [a * b for a, b in zip(w, x, strict=True)]


# ---- where they are ----------------------------------------------------------------------------

FORMS: dict[str, Callable[[Any, Any, Any], Value]] = {
    "dot": lambda w, b, x: dot(w, x, b),
    "dot, the other way": lambda w, b, x: dot(x, w, b),
    "dot, bias later": lambda w, b, x: dot(w, x) + b,
    "dot, bias before": lambda w, b, x: b + dot(x, w),
    "one by one on top of the bias": lambda w, b, x: sum(products(w, x), b),
    "one by one, bias later": lambda w, b, x: sum(products(w, x)) + b,
    "factors the other way": lambda w, b, x: sum(products(x, w), b),
    "in another order": lambda w, b, x: (x[2] * w[2] + b) + (w[0] * x[0] + w[1] * x[1]),
    "sum_of": lambda w, b, x: sum_of([b, *products(w, x)]),
}
INPUTS: list[list[Any]] = [[1.0, 2.0, 3.0], [Value(1.0), Value(1.0).exp(), Value(3.0)], [2.0] * 3]


@pytest.mark.parametrize("x", INPUTS, ids=["numbers", "Values", "alike"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_sum_is_found_in_every_form(form: Callable[[Any, Any, Any], Value], x: Any) -> None:
    found: list[Value] = []

    def make(w: Any, b: Any, x: Any) -> Value:
        found.append(form(w, b, x))
        return found[-1].tanh()

    model = Cell(make)
    [unit] = network(model, model(x) * 2.0).units
    assert unit.a is found[0]
    assert (unit.h.op, unit.h.parents, unit.g) == ("tanh", (unit.a,), "tanh")
    for ours, theirs in zip(unit.inputs, x, strict=True):
        assert ours is theirs or (type(ours) is float and ours == theirs)
    assert (unit.layer, unit.place) == (1, 1)
    inside = {id(v) for v in unit.nodes}
    assert inside >= {id(v) for v in (*model.parameters(), unit.a, unit.h)}
    outside = {id(v) for node in unit.nodes for v in node.parents} - inside
    assert outside == {id(v) for v in x if isinstance(v, Value)}


@pytest.mark.parametrize(
    "form",
    [lambda w, b, x: dot(w, x), lambda w, b, x: sum(products(w, x)), lambda w, b, x: dot(x, w)],
)
def test_a_neuron_may_have_no_bias(form: Callable[[Any, Any, Any], Value]) -> None:
    model = Cell(form, has_bias=False)
    [unit] = network(model, model([1.0, 2.0, 3.0]) + 1.0).units
    assert unit.a is unit.h
    assert unit.a.data == 0.5 - 4.0 + 0.75
    assert unit.g == ""


@pytest.mark.parametrize(
    "other",
    [
        lambda w: dot(w, w),
        lambda w: w[0] * w[0] + w[1] * w[1] + w[2] * w[2],
        lambda w: w[0] * 3.0 + w[0] * 2.0 + w[0] * 1.0,
        lambda w: w[0] * 3.0 + w[1] * 2.0 + w[0] * 1.0,
        lambda w: w[0] * 3.0 + w[1] * 2.0 + w[2] * w[1],
        lambda w: w[0] * 3.0 + w[1] * 2.0 + Value(1.0),
        lambda w: w[0] + w[1] + w[2],
        lambda w: dot([*w, *w], [1.0] * 6),
        lambda w: dot(w, [1.0, 2.0, 3.0], Value(1.0)),
        lambda w: dot(w[:2], [1.0, 2.0]),
        lambda w: dot([], [], w[0]),
    ],
)
def test_other_sums_with_its_weights_are_no_neuron(other: Callable[[Any], Value]) -> None:
    model = Cell(lambda w, b, x: dot(x, w), has_bias=False)
    [unit] = network(model, model([3.0, 2.0, 1.0]), 0.5 * other(model.w)).units
    assert unit.a.data == 1.5 - 4.0 + 0.25


def test_a_penalty_is_no_neuron() -> None:
    model = MLP(2, [3, 1], seed=0)
    assert len(network(model, model([1.0, 2.0]), l2(model, 0.1)).units) == 4


def test_neurons_may_share_weights() -> None:
    """An autoencoder whose second half is the first one backwards."""
    model = MLP(4, [2, 4], activation="tanh", seed=0)
    encoder, decoder = (layer.neurons for layer in model.layers)
    for i, neuron in enumerate(decoder):
        neuron.w = [code.w[i] for code in encoder]
    units = network(model, *model([1.0, 2.0, 3.0, 4.0])).units
    assert [(u.layer, u.place) for u in units] == [(1, 1), (1, 2)] + [(2, i) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("after", "g"),
    [
        (lambda a: a.relu(), "relu"),
        (lambda a: a.sigmoid() + 1.0, "sigmoid"),
        (lambda a: a.exp(), ""),  # not what neurons do
        (lambda a: a * a.sigmoid(), ""),  # silu by hand: one step of it would be wrong
        (lambda a: a - 1.0, ""),
    ],
)
def test_an_activation_is_known_by_its_operation(after: Callable[[Value], Value], g: str) -> None:
    model = Cell(lambda w, b, x: after(dot(w, x, b)))
    [unit] = network(model, model([1.0, 2.0, 3.0])).units
    assert unit.g == g
    assert unit.h.op == (g or "dot")


def test_the_activation_of_a_neuron_of_ours_is_told() -> None:
    model = MLP(
        2, [2, 2, 2], activation=["gelu", lambda v: v.tanh() * 2.0], output="softmax", seed=0
    )
    units = network(model, losses.cross_entropy_of_probabilities(model([1.0, 2.0]), 1)).units
    assert [u.g for u in units[::2]] == ["gelu", "<lambda>", "softmax"]
    assert [u.h is u.a for u in units[::2]] == [False, True, True]


# ---- layers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        (MLP(2, [3, 2, 1], seed=0), [3, 2, 1]),
        (LectureMLP([2, 3, 1]), [3, 1]),
        (Wired(), [2, 1]),
        (Neuron(2), [1]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_layers_of_any_model(model: Any, sizes: list[int]) -> None:
    out = model([1.0, 2.0])
    for holder in (model, [model], {"model": (model, 3.0)}):
        found = network(holder, out)
        assert [len(layer) for layer in found.layers] == sizes
        assert [(u.layer, u.place) for u in found.units] == [
            (k, j) for k, size in enumerate(sizes, 1) for j in range(1, size + 1)
        ]


@pytest.mark.parametrize("nothing", [None, MLP, Module(), [], 3.0, "w", [1.0, Value(2.0)], {}])
def test_what_holds_no_neurons(nothing: Any) -> None:
    found = network(nothing, MLP(2, [1])([1.0, 2.0]))
    assert (found.layers, found.units) == ([], [])


def test_one_neuron_in_two_places_is_one() -> None:
    class Named(LectureMLP):
        def __init__(self) -> None:
            super().__init__([2, 3, 1])
            self.all = [neuron for layer in self.layers for neuron in layer]
            self.again = self.layers

    model = Named()
    assert [len(layer) for layer in network(model, model([1.0, 2.0])).layers] == [3, 1]


@pytest.mark.parametrize("used", [0, 1])
def test_what_is_not_in_the_graph_keeps_its_place(used: int) -> None:
    model = TwoHeads(used)
    found = network(model, *model([1.0, 2.0]))
    assert [len(layer) for layer in found.layers] == [2, 2]
    assert {u.layer for u in found.units} == {used + 1}


def test_an_output_of_several_keeps_its_place() -> None:
    model = MLP(2, [3, 3], seed=0)
    units = network(model, model([1.0, 2.0])[1]).units
    assert [(u.layer, u.place) for u in units] == [(1, 1), (1, 2), (1, 3), (2, 2)]


# ---- names -------------------------------------------------------------------------------------

ONE = "w₁ w₂ b a h x₁"
TWO = "w₁₁⁽¹⁾ w₁₂⁽¹⁾ w₂₁⁽¹⁾ w₂₂⁽¹⁾ b₁⁽¹⁾ b₂⁽¹⁾ a₁⁽¹⁾ a₂⁽¹⁾ h₁⁽¹⁾ h₂⁽¹⁾ w₁₁⁽²⁾ w₁₂⁽²⁾ b₁⁽²⁾ a₁⁽²⁾ x₁"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Neuron(2), ONE),
        (LectureNeuron(2, random.Random(0)), ONE),
        (MLP(2, [2, 1], activation="tanh", seed=0), f"{TWO} x₂"),
        (LectureMLP([2, 2, 1]), f"{TWO} h₁⁽²⁾"),
        (Wired(), f"{TWO} h₁⁽²⁾"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_names_of_the_textbook(model: Any, expected: str) -> None:
    nodes = order_of_computing(model([Value(1.0), 2.0]))
    names = textbook_names(Network(model, nodes))
    found = [names[id(v)].text for v in nodes if id(v) in names]
    assert sorted(found) == sorted(expected.split())


def test_a_batch_names_the_parameters_only() -> None:
    model = Neuron(2)
    names = textbook_names(network(model, *(model([Value(x), 2.0]) for x in (1.0, 3.0))))
    assert [names[id(p)].text for p in model.parameters()] == ["w₁", "w₂", "b"]
    assert len(names) == 3


def test_many_places_are_kept_apart() -> None:
    model = MLP(12, [11, 2], seed=0)
    names = textbook_names(network(model, *model([1.0] * 12)))
    w = model.layers[0].neurons[0].w[11]
    assert (names[id(w)].text, names[id(w)].latex) == ("w₁‚₁₂⁽¹⁾", "w_{1,12}^{(1)}")


def test_a_graph_shows_the_neurons_of_a_module_of_your_own() -> None:
    model = Cell(lambda w, b, x: sum(products(w, x), b).relu())
    graph = Graph(model([1.0, 2.0, 3.0]), model=model)
    assert [node.name.text for node in graph.nodes if node.kind in ("weight", "bias")] == [
        "b",
        "w₁",
        "w₂",
        "w₃",
    ]
    assert graph.node(graph.units[0].a).name.text == "a"
