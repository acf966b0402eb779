"""Modules: micrograd's programs run, names are stable, prediction equals the recorded pass."""

from __future__ import annotations

import copy
import importlib.util
import json
import math
import pickle
import random
from typing import Any

import pytest

from microgrunderscore import activations, ops, store
from microgrunderscore.engine import Value, dot
from microgrunderscore.losses import cross_entropy, cross_entropy_of_probabilities, squared_error
from microgrunderscore.nn import INITIALISERS, MLP, Layer, Module, Neuron, glorot, he

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
needs_numpy = pytest.mark.skipif(not HAS_NUMPY, reason="needs NumPy")
ONE_NUMBER = [op for op in ops.OPERATIONS.values() if op.arity == 1]


def gradients(model: Module) -> list[float]:
    return [p.grad for p in model.parameters()]


# ---- micrograd ---------------------------------------------------------------------------------


def test_the_weights_are_micrograds_for_its_seed() -> None:
    random.seed(1337)
    expected = [random.uniform(-1, 1) for _ in range(2 * 16 + 16 * 16 + 16)]
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    assert [p.data for n in all_neurons(model) for p in n.w] == expected
    assert all(n.b.data == 0.0 for n in all_neurons(model))
    assert len(model.parameters()) == 337
    assert model.parameters()[0].data == random.Random(1337).uniform(-1, 1)


def all_neurons(model: MLP) -> list[Neuron]:
    return [neuron for layer in model.layers for neuron in layer.neurons]


def test_the_order_of_parameters_is_micrograds() -> None:
    model = MLP(2, [2, 1])
    expected = [p for n in all_neurons(model) for p in [*n.w, n.b]]
    assert all(p is q for p, q in zip(model.parameters(), expected, strict=True))


def test_repr_is_micrograds() -> None:
    assert repr(MLP(2, [2, 1])) == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    )
    assert repr(Neuron(3, nonlin=False)) == "LinearNeuron(3)"
    assert repr(Neuron(1, activation="leaky_relu")) == "LeakyReluNeuron(1)"
    assert repr(Layer(1, 2, activation="softmax")).endswith("LinearNeuron(1)] through softmax")


def test_hidden_layers_are_relu_and_the_last_is_linear() -> None:
    model = MLP(2, [3, 2, 1])
    assert [layer.neurons[0].nonlin for layer in model.layers] == [True, True, False]
    assert Layer(2, 3, nonlin=False).neurons[0].nonlin is False
    neuron = Neuron(2, False)
    neuron.w[0].data, neuron.w[1].data = 1.0, 1.0
    assert neuron([-1.0, -2.0]).data == -3.0


def test_nonlin_may_be_changed_by_hand_as_in_micrograd() -> None:
    neuron = Neuron(1)
    neuron.w[0].data = -1.0
    assert neuron([1.0]).data == neuron.predict([1.0]) == 0.0
    neuron.nonlin = False
    assert neuron([1.0]).data == neuron.predict([1.0]) == -1.0


def test_a_program_of_micrograd() -> None:
    random.seed(1337)
    model = MLP(2, [4, 1])
    xs, ys = [[1.0, 2.0], [-1.0, 0.5], [0.0, -1.0]], [1, -1, 1]
    inputs = [list(map(Value, row)) for row in xs]
    scores = list(map(model, inputs))
    data_loss = sum((1 + -y * s).relu() for y, s in zip(ys, scores, strict=True)) * (1.0 / 3)
    total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
    model.zero_grad()
    total.backward()
    before = total.data
    for p in model.parameters():
        p.data -= 0.05 * p.grad
    scores = list(map(model, inputs))
    after = sum((1 + -y * s).relu() for y, s in zip(ys, scores, strict=True)) * (1.0 / 3)
    assert after.data < before


def test_parity_with_micrograd() -> None:
    peer = pytest.importorskip("micrograd.nn")
    random.seed(5)
    theirs = peer.MLP(3, [4, 4, 1])
    random.seed(5)
    ours = MLP(3, [4, 4, 1])
    assert repr(ours) == repr(theirs)
    x = [0.3, -2.0, 1.5]
    a, b = theirs(x), ours(x)
    a.backward()
    b.backward()
    assert a.data == b.data
    for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
        assert math.isclose(p.grad, q.grad, rel_tol=1e-12, abs_tol=1e-15)


# ---- the graph ---------------------------------------------------------------------------------


def test_a_pre_activation_is_one_node() -> None:
    neuron = Neuron(5)
    xs = [Value(1.0) for _ in range(5)]
    y = neuron(xs)
    (a,) = y.parents
    assert (y.op, a.op, len(a.parents)) == ("relu", "dot", 11)
    assert a.parents[-1] is neuron.b


def test_plain_inputs_are_wrapped_once_for_all_neurons() -> None:
    first, second = Layer(2, 2, nonlin=False)([1.0, 2.0])
    assert first.parents[2] is second.parents[2]


def test_gradients_are_those_of_the_formula() -> None:
    neuron = Neuron(2, activation="tanh")
    x = [Value(0.5), Value(-1.5)]
    y = neuron(x)
    y.backward()
    slope = 1 - y.data**2
    for w, v in zip(neuron.w, x, strict=True):
        assert w.grad == pytest.approx(slope * v.data)
        assert v.grad == pytest.approx(slope * w.data)
    assert neuron.b.grad == pytest.approx(slope)


def test_a_hidden_layer_of_one_neuron_passes_its_value_on() -> None:
    model = MLP(2, [1, 3], seed=1)  # micrograd raises here
    assert [v.data for v in model([1.0, -2.0])] == model.predict([1.0, -2.0])
    assert len(model([1.0, -2.0])) == 3


@pytest.mark.parametrize("x", [3.0, 3, [3.0], (3,), Value(3.0), [Value(3.0)]])
def test_one_input_may_come_bare(x: Any) -> None:
    model = MLP(1, [2, 1], seed=3)
    assert model(x).data == model.predict(x) == model([3.0]).data


@needs_numpy
def test_arrays_are_samples() -> None:
    import numpy

    model = MLP(3, [4, 2], activation="tanh", seed=0)
    row = [0.1, -0.2, 0.3]
    expected = model.predict(row)
    for x in (
        numpy.array(row), list(numpy.array(row)), numpy.array([Value(v) for v in row], object),
        numpy.array([row, row])[1],
    ):  # fmt: skip
        assert [v.data for v in model(x)] == model.predict(x) == expected
    assert type(model.predict(numpy.array(row))[0]) is float
    assert Neuron(3, rng=random.Random(0))(numpy.array(row)).data == pytest.approx(
        Neuron(3, rng=random.Random(0)).predict(row), abs=0
    )


# ---- prediction without a graph ----------------------------------------------------------------


@pytest.mark.parametrize("op", ONE_NUMBER, ids=lambda op: op.name)
def test_prediction_has_the_bits_of_the_recorded_pass(op: Any) -> None:
    rng = random.Random(2)
    for _ in range(20):
        neuron = Neuron(3, activation=op.name, rng=rng)
        x = [rng.uniform(-0.3, 0.3) for _ in range(3)]
        try:
            expected = neuron(x).data
        except ValueError:  # outside the domain: so is the other
            with pytest.raises(ValueError, match="is defined for"):
                neuron.predict(x)
        else:
            assert math.copysign(1, neuron.predict(x)) == math.copysign(1, expected)
            assert neuron.predict(x) == expected


@pytest.mark.parametrize("output", ["identity", "softmax", "sigmoid", "leaky_relu", lambda v: v**3])
def test_prediction_of_a_network_has_the_same_bits(output: Any) -> None:
    model = MLP(4, [5, 3], activation="gelu", output=output, seed=9)
    rng = random.Random(1)
    for _ in range(20):
        x = [rng.gauss(0, 3) for _ in range(4)]
        assert model.predict(x) == [v.data for v in model(x)]


def test_prediction_leaves_gradients_alone() -> None:
    model = MLP(2, [2, 1], seed=1)
    model.parameters()[0].grad = 7.0
    model.predict([1.0, 2.0])
    assert gradients(model)[0] == 7.0


def test_a_new_call_is_what_predict_uses() -> None:
    class Squashed(MLP):
        def __call__(self, x: Any) -> Any:
            return super().__call__(x).sigmoid()

    model = Squashed(2, [3, 1], seed=1)
    assert model.predict([1.0, 2.0]) == model([1.0, 2.0]).data
    with pytest.raises(ValueError, match="does more than pass"):
        model.layerwise([1.0, 2.0], lambda y: y * y)


def test_a_layer_of_ones_own_is_used_in_both_ways() -> None:
    class Doubled(Layer):
        def __call__(self, x: Any) -> Any:
            return [v * 2.0 for v in super().__call__(x)]

    model = MLP(2, [2, 1], seed=1)
    twice = Doubled(2, 2, rng=random.Random(0))
    model.layers[0] = twice
    assert model.predict([1.0, 2.0]) == model([1.0, 2.0]).data


# ---- modules of one's own, names and state -----------------------------------------------------


def test_names_are_paths_in_a_fixed_order() -> None:
    names = list(MLP(2, [2, 1]).named_parameters())
    assert names == [
        "layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0", "layers.0.neurons.1.w.1", "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0", "layers.1.neurons.0.w.1", "layers.1.neurons.0.b",
    ]  # fmt: skip


class Own(Module):
    def __init__(self) -> None:
        self.table = {"left": [Value(1.0), Value(2.0)], "right": (Value(3.0),)}
        self.inner = Neuron(1)
        self.tied = self.inner
        self.name = "own"
        self.result = self.inner.b * 2.0  # computed: not a parameter
        self.me = self


def test_a_module_of_ones_own() -> None:
    model = Own()
    assert list(model.named_parameters()) == [
        "table.left.0", "table.left.1", "table.right.0", "inner.w.0", "inner.b",
    ]  # fmt: skip
    assert len(model.parameters()) == 5
    for p in model.parameters():
        p.grad = 3.0
    model.zero_grad()
    assert gradients(model) == [0.0] * 5


def test_a_module_that_lists_its_parameters_as_in_micrograd() -> None:
    class Old(Module):
        def __init__(self) -> None:
            self.a, self.b = Value(1.0), Value(2.0)
            self.ignored = Value(9.0)
            self.hidden = {Value(3.0)}

        def parameters(self) -> list[Value]:
            return [self.b, self.a, *self.hidden]

    assert Old().state() == {"b": 2.0, "a": 1.0, "parameters.2": 3.0}
    assert Module().parameters() == []
    with pytest.raises(NotImplementedError, match="__call__"):
        Module()(1.0)


@needs_numpy
def test_an_array_of_values_holds_parameters() -> None:
    import numpy

    class Table(Module):
        def __init__(self) -> None:
            self.data = numpy.zeros(3)
            self.w = numpy.array([[Value(1.0), Value(2.0)]], object)

    assert Table().state() == {"w.0.0": 1.0, "w.0.1": 2.0}


def test_a_copy_is_a_model_of_its_own() -> None:
    model = MLP(2, [2, 2], activation="tanh", output="softmax", seed=1)
    twin = copy.deepcopy(model)
    assert twin.predict([1.0, 2.0]) == model.predict([1.0, 2.0])
    assert twin.about() == model.about()
    twin.parameters()[0].data = 5.0
    assert model.parameters()[0].data != 5.0


def test_two_parameters_of_one_name_are_refused() -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.d = {"a.0": Value(1.0), "a": [Value(2.0)]}

    with pytest.raises(ValueError, match=r"d\.a\.0"):
        Twice().state()


def test_state_goes_round() -> None:
    model, twin = MLP(3, [4, 2], seed=1), MLP(3, [4, 2], seed=2)
    assert model.state() != twin.state()
    twin.load_state(model.state())
    assert twin.state() == model.state()


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda s: s.pop("layers.0.neurons.0.b"), ValueError, r"missing 'layers.0.neurons.0.b'"),
        (lambda s: s.update(more=1.0), ValueError, "extra 'more'"),
        (lambda s: s.update({"layers.0.neurons.0.b": math.nan}), ValueError, "nan"),
        (lambda s: s.update({"layers.0.neurons.0.b": "1"}), TypeError, "real number"),
        (lambda s: s.clear(), ValueError, "expected the numbers of 3 parameters, got 0"),
    ],
)
def test_a_wrong_state_changes_nothing(change: Any, error: Any, match: str) -> None:
    model = MLP(2, [1], seed=0)
    before = model.state()
    state = dict.fromkeys(before, 5.0)
    change(state)
    with pytest.raises(error, match=match):
        model.load_state(state)
    assert model.state() == before


def test_a_model_is_saved_and_built_again(tmp_path: Any) -> None:
    model = MLP(2, [3, 2], activation="tanh", output="softmax", seed=4)
    store.save(tmp_path / "m.json", model.state(), about=model.about())
    state, about = store.load(tmp_path / "m.json")
    random.seed(3)
    expected = random.Random(3).random()
    twin = MLP.from_about(about)
    assert random.random() == expected  # the global generator was not touched
    assert set(twin.state().values()) == {0.0}
    twin.load_state(state)
    assert twin.predict([0.1, 0.2]) == model.predict([0.1, 0.2])
    assert json.loads(json.dumps(model.about())) == about == twin.about()


@pytest.mark.parametrize(
    "change",
    [
        {"model": "CNN"}, {"nin": 0}, {"nin": 2.5}, {"nin": True}, {"nouts": []}, {"nouts": 3},
        {"nouts": [0, 1]}, {"nouts": [3, 1, 1]}, {"nouts": [10**9, 1]}, {"nouts": ["3", 1]},
        {"activations": ["relu"]}, {"activations": ["relu", 3]}, {"activations": ["relu", "eval"]},
        {"activations": ["relu", "softmax"]},
    ],
)  # fmt: skip
def test_a_damaged_structure_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        MLP.from_about(MLP(2, [3, 1]).about() | change)


@pytest.mark.parametrize("about", [None, [], {}, "MLP", 3])
def test_what_is_no_structure_is_refused(about: Any) -> None:
    with pytest.raises(ValueError, match="expected the structure"):
        MLP.from_about(about)


def test_an_activation_without_a_name_cannot_be_saved() -> None:
    with pytest.raises(ValueError, match=r"cannot be saved.*define"):
        MLP(2, [2, 1], activation=lambda v: v * v).about()


def test_an_operation_of_ones_own_can_be_saved() -> None:
    from microgrunderscore.operation import define

    define("swish_b", lambda x: x * 2.0, lambda x, z: 2.0)
    try:
        model = MLP(2, [2, 1], activation="swish_b", seed=0)
        assert MLP.from_about(model.about()).about() == model.about()
        assert model([1.0, 2.0]).data == model.predict([1.0, 2.0])
    finally:
        del ops.OPERATIONS["swish_b"]


# ---- activations and first weights -------------------------------------------------------------


def test_activations_by_layer() -> None:
    def names(model: MLP) -> list[str]:
        return [layer.activation_name for layer in model.layers]

    assert names(MLP(2, [3, 3, 1], activation="tanh")) == ["tanh", "tanh", "identity"]
    assert names(MLP(2, [3, 1], activation="tanh", output="sigmoid")) == ["tanh", "sigmoid"]
    assert names(MLP(2, [3, 2], activation=["tanh", "softmax"])) == ["tanh", "softmax"]
    assert names(MLP(2, [3, 2], activation=("tanh",), output="relu")) == ["tanh", "relu"]
    assert names(MLP(2, [3, 2], activation=["tanh"])) == ["tanh", "identity"]
    assert names(MLP(2, [3, 2], activation=ops.tanh)) == ["tanh", "identity"]
    for bad, output in (([], None), (["tanh"] * 3, None), (["tanh", "relu"], "relu")):
        with pytest.raises(ValueError, match="for 2 layers"):
            MLP(2, [3, 2], activation=bad, output=output)


@pytest.mark.parametrize(
    ("which", "error", "match"),
    [
        ("rleu", ValueError, "'rleu' is no operation"),
        ("hypot", ValueError, "more than one number"),
        (ops.dot, ValueError, "more than one number"),
        ("logsumexp", ValueError, "more than one number"),
        (None, TypeError, "NoneType"),
        (3, TypeError, "int 3"),
    ],
)
def test_what_is_no_activation_is_refused(which: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        Layer(2, 2, activation=which)
    with pytest.raises(error, match=match):
        MLP(2, [2, 1], activation=which)


def test_softmax_needs_a_layer() -> None:
    with pytest.raises(ValueError, match="softmax needs all outputs"):
        Neuron(2, activation="softmax")
    with pytest.raises(ValueError, match="always 1"):
        Layer(2, 1, activation="softmax")
    ps = Layer(3, 4, activation="softmax", rng=random.Random(0))([1.0, 2.0, 3.0])
    assert sum(p.data for p in ps) == pytest.approx(1.0)


def test_softmax_is_stable_and_translation_invariant() -> None:
    assert activations.softmax([1e308, 0.0]) == [1.0, 0.0]
    assert activations.softmax([-1e308, -1e308]) == [0.5, 0.5]
    a, b = activations.softmax([1.0, 3.0]), activations.softmax([1001.0, 1003.0])
    assert a == pytest.approx(b, rel=1e-12)
    with pytest.raises(ValueError, match="at least one"):
        activations.softmax([])


def test_slopes_are_the_engines() -> None:
    assert activations.slope(activations.identity, 3.0) == 1.0
    assert activations.slope(lambda v: 4.0, 3.0) == 0.0
    assert activations.slope(lambda v: v**3, 2.0) == 12.0
    assert activations.slope(ops.leaky_relu, -1.0) == 0.01


def test_first_weights() -> None:
    rng = random.Random(0)
    draws = [glorot(2, 4, rng) for _ in range(4000)]
    assert max(map(abs, draws)) <= 1.0
    assert sum(x * x for x in draws) / 4000 == pytest.approx(2 / (2 + 4), rel=0.1)
    draws = [he(8, 4, rng) for _ in range(4000)]
    assert sum(x * x for x in draws) / 4000 == pytest.approx(2 / 8, rel=0.1)
    sizes = []
    MLP(3, [5, 2], initialise=lambda m, n, rng: sizes.append((m, n)) or 0.5)
    assert sizes == [(3, 5)] * 15 + [(5, 2)] * 10
    assert INITIALISERS["xavier"] is INITIALISERS["glorot"]
    with pytest.raises(ValueError, match="initialise 'nope'"):
        MLP(2, [1], initialise="nope")


def test_a_seed_is_a_generator_of_its_own() -> None:
    random.seed(0)
    expected = random.Random(0).random()
    first = MLP(2, [3, 1], seed=7).state()
    assert random.random() == expected
    assert first == MLP(2, [3, 1], seed=7).state() != MLP(2, [3, 1], seed=8).state()


# ---- wrong arguments and inputs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Neuron(0), ValueError, "nin must be at least 1, got 0"),
        (lambda: Neuron(-1), ValueError, "nin must be at least 1, got -1"),
        (lambda: Neuron(2.5), TypeError, "nin must be a whole number, not float 2.5"),
        (lambda: Neuron(True), TypeError, "nin"),
        (lambda: Neuron("2"), TypeError, "nin.*str '2'"),
        (lambda: Layer(2, 0), ValueError, "nout must be at least 1, got 0"),
        (lambda: MLP(3, []), ValueError, "nouts must name at least one layer"),
        (lambda: MLP(3, [4, 0]), ValueError, r"nouts\[1\] must be at least 1, got 0"),
        (lambda: MLP(3, 4), TypeError, "nouts must list"),
        (lambda: MLP(3, "41"), TypeError, "nouts must list"),
        (lambda: MLP(0, [1]), ValueError, "nin must be at least 1, got 0"),
    ],
)
def test_wrong_sizes(make: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


@needs_numpy
def test_whole_numbers_of_numpy_are_sizes() -> None:
    import numpy

    assert len(MLP(numpy.int64(2), [numpy.int32(3), 1]).parameters()) == 13


@pytest.mark.parametrize("make", [MLP(3, [2, 1]), Layer(3, 2), Neuron(3)], ids=lambda m: repr(m))
def test_a_wrong_number_of_inputs(make: Any) -> None:
    for call in (make, make.predict):
        with pytest.raises(ValueError, match="expected 3 inputs, got 2"):
            call([1, 2])
        with pytest.raises(ValueError, match="expected 3 inputs, got 4"):
            call([1, 2, 3, 4])
        with pytest.raises(ValueError, match="expected 3 inputs, got 0"):
            call([])
        with pytest.raises(TypeError, match="real number"):
            call(["a", "b", "c"])


@pytest.mark.parametrize("rows", [3, 5])
def test_a_table_is_no_sample(rows: int) -> None:
    model = MLP(3, [2, 1])
    for call in (model, model.predict):
        with pytest.raises(ValueError, match=f"one sample of 3 inputs, got a table of {rows} rows"):
            call([[1.0, 2.0, 3.0]] * rows)


# ---- layer by layer ----------------------------------------------------------------------------

LOSSES_OF_NETWORKS = [
    ("identity", 1, lambda y: squared_error(y, 0.3)),
    ("identity", 3, lambda y: cross_entropy(y, 2)),
    ("sigmoid", 2, lambda y: squared_error(y, [0.0, 1.0])),
    ("softmax", 3, lambda y: cross_entropy_of_probabilities(y, [0.0, 1.0, 0.0])),
    ("softmax", 2, lambda y: squared_error(y, [0.0, 1.0])),
    ("tanh", 2, lambda y: dot(y, [1.0, -2.0])),
    (lambda v: v.tanh() * v, 2, lambda y: y[0] * y[1]),
]


@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", ["softmax", "gelu"]])
@pytest.mark.parametrize(("output", "count", "loss"), LOSSES_OF_NETWORKS)
def test_the_equations_give_the_gradients_of_the_graph(
    hidden: Any, output: Any, count: int, loss: Any
) -> None:
    model = MLP(3, [4, 2, count], activation=hidden,
                output=output, seed=5)  # fmt: skip
    for p in model.parameters():
        p.data += 0.1  # biases that are not 0
    x = [0.5, -1.0, 2.0]
    loss(model(x)).backward()
    expected = gradients(model)
    model.zero_grad()
    model.parameters()[3].grad = 42.0
    view = model.layerwise(x, loss)
    found = [
        g
        for layer in view.layers
        for row, b in zip(layer.grad_W, layer.grad_b, strict=True)
        for g in (*row, b)
    ]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-14)
    assert view.largest_difference < 1e-12
    assert gradients(model)[3] == 42.0
    assert sum(map(abs, gradients(model))) == 42.0
    assert view.loss == loss(model(x)).data


def test_the_table_shows_both_sides() -> None:
    model = MLP(2, [3, 1], activation="sigmoid", seed=1)
    text = str(model.layerwise([1.0, 0.5], lambda y: squared_error(y, 1.0)))
    assert "layer 1: 2 → 3, sigmoid; input [1, 0.5]" in text
    assert "∇W = δ hᵀ" in text
    assert "graph: ∇W" in text
    assert text.splitlines()[-1].startswith("largest difference, equations and graph:")


def test_wide_layers_are_cut_in_the_table() -> None:
    text = str(MLP(20, [2], seed=1).layerwise([1.0] * 20, lambda y: y[0] + y[1]))
    assert "… 14 more" in text
    assert max(map(len, text.splitlines())) < 200


def test_layerwise_refuses_a_loss_that_is_no_value() -> None:
    with pytest.raises(TypeError, match="the loss must be a Value, not float"):
        MLP(2, [1]).layerwise([1, 2], lambda y: y.data)


@pytest.mark.parametrize("sample", ["ab", {1: 2, 3: 4}, {1.0, 2.0}])
def test_what_has_no_order_is_no_sample(sample: Any) -> None:
    model = MLP(2, [1])
    for call in (model, model.predict, model.layers[0].neurons[0]):
        with pytest.raises(TypeError, match="expected a list of numbers, not"):
            call(sample)


def test_layerwise_refuses_a_wrong_sample() -> None:
    with pytest.raises(ValueError, match="expected 2 inputs, got 3"):
        MLP(2, [1]).layerwise([1, 2, 3], lambda y: y)


# ---- what a review found ----


class Twice:
    """Whatever comes after it, doubled."""

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) * 2  # type: ignore[misc]


def test_a_call_that_is_mixed_in_is_predicted_too() -> None:
    class Doubled(Twice, MLP):
        pass

    model = Doubled(2, [1], seed=0)
    assert model.predict([1.0, 1.0]) == model([1.0, 1.0]).data


def test_modules_and_operations_are_pickled() -> None:
    model = MLP(2, [3, 2], activation="tanh", output="softmax", seed=1)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.predict([1.0, -1.0]) == model.predict([1.0, -1.0])
    assert pickle.loads(pickle.dumps(ops.relu)) is ops.relu
    assert copy.deepcopy(model).layers[0].activation_name == "tanh"


def test_modules_that_refer_to_each_other_are_walked_once() -> None:
    class Knot(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)
            self.others: list[Knot] = []

    knots = [Knot() for _ in range(40)]
    for knot in knots:
        knot.others = knots
    assert len(knots[0].parameters()) == 40


@pytest.mark.parametrize("seed", [-1, 1.0, True])
def test_a_seed_is_a_whole_number_of_at_least_0(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="seed must be"):
        MLP(2, [1], seed=seed)


def test_layerwise_wants_a_function() -> None:
    with pytest.raises(TypeError, match=r"lambda y: squared_error\(y, d\), not str"):
        MLP(2, [1], seed=0).layerwise([1.0, 2.0], "squared_error")  # type: ignore[arg-type]


def test_a_structure_may_come_with_further_notes() -> None:
    model = MLP(2, [3, 1], seed=1)
    twin = MLP.from_about({**model.about(), "classes": ["left", "right"]})
    assert twin.about() == model.about()
    with pytest.raises(ValueError, match=r"got \{\}; it is saved with store.save"):
        MLP.from_about({})


@pytest.mark.parametrize("state", ["model.json", ({"w": 1.0}, {})])
def test_a_state_is_a_mapping(state: Any) -> None:
    with pytest.raises(TypeError, match=r"numbers by name, not .*state, about = store.load"):
        MLP(2, [1]).load_state(state)
