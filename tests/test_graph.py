"""The one model of what is shown: names, kinds, constants, slopes, gradients, and what is said."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from dags import NAMES, random_dag, run
from hypothesis import given
from hypothesis import strategies as st

from microgrunderscore import MLP, OPERATIONS, Layer, Neuron, Value, clip, dot, maximum, ops, sum_of
from microgrunderscore.pictures.graph import Edge, Graph, Node
from microgrunderscore.pictures.names import number_text
from microgrunderscore.pictures.paths import Path

seeds = st.integers(0, 2**32)


def x_and_y() -> tuple[Value, Value]:
    return Value(2.0, "x"), Value(3.0, "y")


def titles(graph: Graph) -> list[str]:
    return [node.title for node in graph.nodes]


def slopes(graph: Graph) -> list[str]:
    return [
        " = ".join(form for form in (e.derivative, e.formula, e.number) if form)
        for e in graph.edges
    ]


# ---- names and kinds --------------------------------------------------------------------------


def test_what_has_no_name_is_numbered_and_the_output_is_z() -> None:
    x, y = x_and_y()
    graph = Graph((x * y).log() + Value(1.0))
    assert titles(graph) == ["x", "y", "v₁ = x · y", "v₂ = log v₁", "v₃", "z = v₂ + v₃"]
    assert [node.kind for node in graph.nodes] == [
        *("input", "input", "operation", "operation", "input", "operation")
    ]
    assert [node.badge for node in graph.nodes] == ["", "", "×", "log", "", "+"]
    assert [node.index for node in graph.nodes] == list(range(6))
    assert [node.is_output for node in graph.nodes] == [False] * 5 + [True]
    assert graph.output is graph.nodes[-1]
    assert [node.arithmetic for node in graph.nodes] == ["", "", "2 × 3", "log 6", "", "1.792 + 1"]


@pytest.mark.parametrize(
    ("label", "variables", "output", "name"),
    [
        ("", {}, None, "z"),
        ("w", {}, None, "w"),
        ("", {"w": None}, None, "w"),
        ("q", {"w": None}, None, "q"),
        ("q", {"w": None}, "loss", "loss"),
        ("", {}, "x1", "x₁"),
        ("", {"_w": None}, None, "z"),
    ],
)
def test_what_the_output_is_called(
    label: str, variables: dict[str, Any], output: str | None, name: str
) -> None:
    x, y = x_and_y()
    z = x * y
    z.label = label
    graph = Graph(z, dict.fromkeys(variables, z), output=output)
    assert graph.output.name.text == name
    assert graph.gradient_name(graph.nodes[0]) == f"∂{name}/∂x"


def test_a_taken_name_for_the_output() -> None:
    x, y = x_and_y()
    with pytest.raises(ValueError, match="output='x' is the name of"):
        Graph(x * y, output="x")


def test_parameters_are_weights_under_the_names_of_the_textbook() -> None:
    neuron = Neuron(2)
    inputs = [Value(1.0), Value(2.0)]
    graph = Graph(neuron(inputs), model=neuron)
    kinds = {node.name.text: node.kind for node in graph.nodes}
    assert kinds == {
        **dict.fromkeys(("w₁", "w₂"), "weight"),
        "b": "bias",
        **dict.fromkeys(("x₁", "x₂"), "input"),
        **dict.fromkeys(("a", "h"), "operation"),
    }
    assert titles(graph)[-2:] == ["a = w₁·x₁ + w₂·x₂ + b", "h = relu(a)"]
    assert [(unit.layer, unit.place) for unit in graph.units] == [(1, 1)]
    assert Graph(neuron(inputs)).units == []
    assert {node.kind for node in Graph(neuron(inputs)).nodes} == {"input", "operation"}
    by_variable = Graph(neuron(inputs), {"neuron": neuron})
    assert {node.name.text: node.kind for node in by_variable.nodes} == kinds


def test_several_models_are_told_apart_by_their_variables() -> None:
    encoder, decoder, idle = MLP(2, [2], seed=1), MLP(2, [1], seed=2), MLP(2, [3], seed=3)
    z = decoder(encoder([Value(1.0), Value(2.0)]))
    graph = Graph(z, {"encoder": encoder, "decoder": decoder, "idle": idle})
    names = {node.name.text for node in graph.nodes}
    assert {"encoder.w₁₂", "encoder.b₁", "encoder.a₂", "decoder.w₁", "decoder.a"} <= names
    assert graph.names[encoder.parameters()[0]].latex == r"\mathrm{encoder}{.}w_{11}"
    assert graph.find("decoder.w₂").value is decoder.parameters()[1]
    assert len(graph.units) == 3
    of_one = {node.name.text for node in Graph(z, {"decoder": decoder}, model=encoder).nodes}
    assert {"w₁₂", "decoder.w₁"} <= of_one


def test_models_that_are_not_at_work_and_parts_of_one_change_no_names() -> None:
    model, idle = MLP(2, [2, 1], seed=1), MLP(2, [3], seed=3)
    z = model([1.0, 2.0])
    expected = [node.name.text for node in Graph(z, model=model).nodes]
    assert "w₁₂⁽¹⁾" in expected
    for variables in (
        {"model": model, "idle": idle},
        {"first": model.layers[0], "model": model},
        {"model": model, "again": model},
    ):
        graph = Graph(z, variables)
        assert [node.name.text for node in graph.nodes] == expected
        assert len(graph.units) == 3


def test_an_input_that_is_a_plain_number_keeps_its_place() -> None:
    neuron = Neuron(3)
    graph = Graph(neuron([1.0, Value(2.0), 3.0]), model=neuron)
    names = [node.name.text for node in graph.nodes]
    assert "x₂" in names
    assert "x₁" not in names
    assert [node.data for node in graph.nodes if node.kind == "constant"] == [1.0, 3.0]


def test_a_network_has_a_unit_per_neuron_and_sample() -> None:
    model = MLP(2, [3, 1], seed=0)
    loss = model([1.0, 2.0]) + model([2.0, 1.0])
    graph = Graph(loss, model=model)
    assert [(u.layer, u.place) for u in graph.units] == [(1, 1), (1, 2), (1, 3), (2, 1)] * 2
    assert sum(node.kind in ("weight", "bias") for node in graph.nodes) == len(model.parameters())
    for unit in graph.units:
        assert graph.node(unit.a).badge == OPERATIONS["dot"].symbol
        assert unit.h is unit.a or unit.h.parents == (unit.a,)


def test_arithmetic_that_is_too_long_is_the_formula() -> None:
    numbers = [Value(-1.234e-10, letter) for letter in "abcdefghi"]
    node = Graph(sum_of(numbers)).output
    assert node.arithmetic == node.formula == "a + b + c + d + e + f + g + h + i"


@pytest.mark.parametrize("names", [3, "abc", [("x", Value(1.0))]])
def test_what_are_no_names(names: Any) -> None:
    with pytest.raises(TypeError, match=r"names= takes variables by their names, such as locals"):
        Graph(Value(1.0).exp(), names)
    x = Value(1.0)
    assert Graph(x.exp(), {1: x}).nodes[0].name.text == "‘1’"  # type: ignore[dict-item]


@pytest.mark.parametrize("model", [Layer, 3, "MLP", [Neuron(2)]])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(TypeError, match="model= takes a module"):
        Graph(Value(1.0).exp(), model=model)


def test_finding_a_node() -> None:
    x, y = x_and_y()
    z = x * y
    graph = Graph(z)
    assert graph.find("x") is graph.find(x) is graph.node(x) is graph.nodes[0]
    assert graph.find("z") is graph.output
    with pytest.raises(ValueError, match="did you mean 'x'"):
        graph.find("xx")
    with pytest.raises(ValueError, match="is not in the graph of"):
        graph.find(Value(1.0))
    with pytest.raises(TypeError, match="takes a Value of the graph or its name"):
        graph.find(3.0)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        graph.node(Value(1.0))


# ---- constants --------------------------------------------------------------------------------

X = Value(0.5, "x")


@pytest.mark.parametrize(
    ("z", "constants", "formula"),
    [
        (X + 3.0, [3.0], "x + 3"),
        (3 - X, [3.0], "3 − x"),
        (X * -3.0, [-3.0], "x · (−3)"),
        (X / 4, [4.0], "x/4"),
        (1 / X, [1.0], "1/x"),
        (X**2, [], "x²"),
        (2**X, [2.0], "2^x"),
        (X**X, [], "x^x"),
        (X.maximum(0.0), [0.0], "max(x, 0)"),
        (ops.leaky_relu(X), [], "leaky_relu(x, 0.01)"),
        (ops.leaky_relu(X, 0.2), [], "leaky_relu(x, 0.2)"),
        (ops.elu(X), [], "elu(x, 1)"),
        (clip(X, -1.0, 1.0), [-1.0, 1.0], "clip(x, −1, 1)"),
        (sum_of([X, 1.0, 2.0]), [1.0, 2.0], "x + 1 + 2"),
        (dot([X], [2.0]), [2.0], "x·2"),
        (dot([X, 5.0], [2.0, X], 7.0), [5.0, 2.0, 7.0], "x·2 + 5·x + 7"),
    ],
)
def test_plain_numbers_have_cards_of_their_own_unless_they_are_parameters(
    z: Value, constants: list[float], formula: str
) -> None:
    graph = Graph(z)
    cards = [node for node in graph.nodes if node.kind == "constant"]
    assert [node.data for node in cards] == constants
    assert [node.name.text for node in cards] == [number_text(c) for c in constants]
    assert graph.output.formula == formula
    for node in cards:
        assert (node.value, node.gradient, node.badge, node.formula) == (None, None, "", "")
        [edge] = graph.outgoing[node.index]
        assert (edge.slope, edge.formula, edge.number, edge.symbol) == (None, "", "", None)
    shown = len(z.operands) - len(constants)
    assert len(graph.incoming[graph.output.index]) == len(constants) + len(z.parents)
    assert shown >= len(z.parents)


def test_equal_constants_are_told_apart() -> None:
    graph = Graph((X + 1.0) * (X + 1.0))
    assert sum(node.kind == "constant" for node in graph.nodes) == 2


# ---- edges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x, y: x * y, ["∂z/∂x = y = 3", "∂z/∂y = x = 2"]),
        (lambda x, y: x * x, ["∂z/∂x⁽¹⁾ = x = 2", "∂z/∂x⁽²⁾ = x = 2"]),
        (lambda x, y: x + x, ["∂z/∂x⁽¹⁾ = 1", "∂z/∂x⁽²⁾ = 1"]),
        (lambda x, y: x / y, ["∂z/∂x = 1/y = 0.3333", "∂z/∂y = −x/y² = −0.2222"]),
        (lambda x, y: x - y, ["∂z/∂x = 1", "∂z/∂y = −1"]),
        (lambda x, y: x**3, ["∂z/∂x = 3·x² = 12"]),
        (lambda x, y: x.tanh(), ["∂z/∂x = 1 − z² = 0.07065"]),
        (lambda x, y: x.maximum(y), ["∂z/∂x", "∂z/∂y = [y > x] = 1"]),
        (lambda x, y: (x - y).relu(), ["∂v₁/∂x = 1", "∂v₁/∂y = −1", "∂z/∂v₁"]),
        (
            lambda x, y: sum_of([x, y, x]),
            ["∂z/∂x⁽¹⁾ = 1", "∂z/∂y = 1", "∂z/∂x⁽²⁾ = 1"],
        ),
    ],
)
def test_slopes_in_symbols_and_numbers(
    make: Callable[[Value, Value], Value], expected: list[str]
) -> None:
    assert slopes(Graph(make(*x_and_y()))) == expected


def test_parallel_edges_are_kept() -> None:
    x, _ = x_and_y()
    graph = Graph(x * x)
    assert [(e.source, e.target, e.place, e.use) for e in graph.edges] == [
        (0, 1, 0, 1),
        (0, 1, 1, 2),
    ]
    assert graph.incoming == [[], graph.edges]
    assert graph.outgoing == [graph.edges, []]


def test_what_was_not_selected_has_no_slope() -> None:
    x, y = x_and_y()
    z = x.maximum(y)
    z.backward()
    graph = Graph(z)
    cut, kept = graph.edges
    assert cut.slope is None
    assert cut.symbol is None
    assert cut.described() == "x in z = max(x, y)"
    assert kept.slope == 1.0
    assert [node.gradient for node in graph.nodes] == [0.0, 1.0, 1.0]
    assert "∂z/∂x = 0" in graph.description()


@given(seeds)
def test_edges_are_the_operands_in_order(seed: int) -> None:
    graph = Graph(random_value(seed))
    assert [e.index for e in graph.edges] == list(range(len(graph.edges)))
    for edge in graph.edges:
        assert edge.source < edge.target
    for node in graph.nodes:
        arriving = graph.incoming[node.index]
        assert [e.place for e in arriving] == sorted(e.place for e in arriving)
        values = [graph.nodes[e.source].value for e in arriving]
        parents = () if node.value is None else node.value.parents
        assert tuple(v for v in values if v is not None) == parents
        assert all(e.target == node.index for e in arriving)
        assert all(e.source == node.index for e in graph.outgoing[node.index])
    assert sum(map(len, graph.outgoing)) == sum(map(len, graph.incoming)) == len(graph.edges)


# ---- gradients --------------------------------------------------------------------------------


def test_not_computed_is_not_zero() -> None:
    x, y = x_and_y()
    z = x * y * 0.0
    before = Graph(z)
    assert not before.has_gradients
    assert {node.gradient for node in before.nodes} == {None}
    assert "not computed; call backward()" in before.description()
    z.backward()
    after = Graph(z)
    assert after.has_gradients
    assert [n.gradient for n in after.nodes if n.kind != "constant"] == [0.0, 0.0, 0.0, 1.0]
    assert [n.gradient for n in after.nodes if n.kind == "constant"] == [None]


def test_a_sweep_of_its_own_changes_nothing() -> None:
    x, y = x_and_y()
    z = x * y
    graph = Graph(z, swept=True)
    assert [node.gradient for node in graph.nodes] == [3.0, 2.0, 1.0]
    assert graph.has_gradients
    assert (x.grad, x.has_grad, z.has_grad) == (0.0, False, False)


def passes_of(z: Value, *steps: str) -> None:
    for step in steps:
        if step == "backward":
            z.backward()
        elif step == "seed":
            z.backward(2.0)
        elif step == "outside":
            (z * 3.0).backward()
        else:
            for v in z.parents:
                v.grad = 0.0 if step == "zero" else 5.0


@pytest.mark.parametrize(
    ("steps", "noted"),
    [
        ((), ""),
        (("backward",), ""),
        (("backward", "backward"), "not those of one backward pass from z: other passes"),
        (("backward", "zero", "backward"), ""),
        (("backward", "changed"), "or they were changed"),
        (("backward", "zero"), "(zero_grad sets them to 0)"),
        (("seed",), "2 times those of z: it was asked for backward(2)"),
        (("outside",), "3 times those of z"),
        (("outside", "backward"), "other passes are in them"),
    ],
)
def test_gradients_of_more_than_one_pass_are_noted(steps: Sequence[str], noted: str) -> None:
    x, y = x_and_y()
    z = x * y
    passes_of(z, *steps)
    graph = Graph(z)
    assert len(graph.notes) == bool(noted)
    assert noted in " ".join(graph.notes)
    assert graph.description().endswith(" ".join(graph.notes))
    assert Graph(z, swept=True).notes == []


def test_rounding_is_no_reason_for_a_note_and_small_gradients_are_compared_as_well() -> None:
    x = Value(2.0, "x")
    z = x * 1e16 + (x + x * -1e16)  # the sum of the three slopes depends on the order
    z.backward()
    assert Graph(z).notes == []
    assert Graph(z).flow.sizes[id(x)] == 2e16 + 1.0
    z = Value(1.0, "x") * 1e-20
    z.backward()
    z.backward()
    assert len(Graph(z).notes) == 1


@pytest.mark.parametrize("data", [5.0, -2.0, math.nan, -1.0])
def test_data_that_was_changed_since_is_noted(data: float) -> None:
    """Then what stands on the cards does not fit together: 5 · 3 is not 6."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = (x + y * 0.0) ** 2.0
    assert Graph(z).notes == Graph(z, swept=True).notes == []
    x.data = data
    [note] = Graph(z).notes
    assert note.startswith("The data of x was changed after v₂ was computed: slopes and gradients")
    assert Graph(z, swept=True).notes == [note]
    x.data = 2.0
    assert Graph(z).notes == []
    assert Graph((x + 1.0).log()).notes == []  # changed before
    z.data = 7.0
    assert "The data of z was changed after z" in Graph(z).notes[0]


def test_a_slope_that_would_be_another_now_is_noted() -> None:
    x = Value(2.0, "x")
    z = x**2
    x.data = -2.0
    assert len(Graph(z).notes) == 1
    root = Value(4.0, "x").sqrt()
    root.parents[0].data = -1.0
    assert len(Graph(root).notes) == 1


def test_a_dot_product_whose_slopes_are_lost_cannot_be_drawn() -> None:
    w, x = Value(1.0, "w"), Value(2.0, "x")
    z = dot([w], [x]).tanh()
    z.backward()
    w.data = 0.5
    with pytest.raises(RuntimeError, match=r"no longer be drawn.*compute the output again: .*w"):
        Graph(z)


@pytest.mark.parametrize("x", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_is_no_reason_for_a_note(x: float) -> None:
    z = Value(x, "x") * Value(2.0, "y")
    z.backward()
    assert Graph(z).notes == []


@given(seeds)
def test_gradients_are_those_of_backward_and_of_the_sweep(seed: int) -> None:
    root = random_value(seed)
    root.backward()
    graph, swept = Graph(root), Graph(root, swept=True)
    assert graph.notes == []
    for node, own in zip(graph.nodes, swept.nodes, strict=True):
        if node.kind == "constant":
            assert node.gradient is own.gradient is None
        else:
            assert node.value is not None
            assert node.gradient == node.value.grad
            assert own.gradient == pytest.approx(node.gradient, rel=1e-9, abs=1e-9)


# ---- numbers against numbers ------------------------------------------------------------------


SMOOTH = [name for name in NAMES if name not in ("atan2", "hypot")]  # away from kinks, as tried


def random_value(seed: int, nodes: int = 12) -> Value:
    """The last result of a random program, two inputs of which are Values and one a number."""
    rng = random.Random(seed)
    point = [rng.uniform(-2.0, 2.0) for _ in range(3)]
    program = random_dag(rng, point, nodes, SMOOTH)
    inputs = [Value(point[0], "x"), Value(point[1], "y"), point[2]]
    results = [v for v in run(program, inputs, OPERATIONS) if isinstance(v, Value)]
    return results[-1]


def difference(graph: Graph, edge: Edge) -> float:
    """How fast the target moves with one operand alone: central differences, extrapolated."""
    value = graph.nodes[edge.target].value
    assert value is not None
    operands = [x.data if isinstance(x, Value) else float(x) for x in value.operands]

    def moved(h: float) -> float:
        at = list(operands)
        at[edge.place] += h
        return OPERATIONS[value.op].on_floats(at)

    wide, narrow = ((moved(h) - moved(-h)) / (2 * h) for h in (2e-4, 1e-4))
    return (4 * narrow - wide) / 3


@given(seeds)
def test_every_slope_is_what_differences_say(seed: int) -> None:
    graph = Graph(random_value(seed))
    for edge in graph.edges:
        expected = difference(graph, edge)
        if edge.slope is None:
            if graph.nodes[edge.source].kind != "constant":
                assert expected == pytest.approx(0.0, abs=1e-9)
        else:
            assert edge.slope == pytest.approx(expected, rel=1e-6, abs=1e-6)
            assert edge.number == number_text(edge.slope)
            assert edge.symbol is not None
            assert edge.symbol.number() == pytest.approx(edge.slope, rel=1e-6, abs=1e-6)


@given(seeds)
def test_the_products_along_all_paths_add_up_to_the_gradient(seed: int) -> None:
    root = random_value(seed, nodes=8)
    root.backward()
    graph = Graph(root)
    for node in graph.nodes:
        if node.value is None or node.value.op:
            continue
        count = graph.flow.counts([node.value])[id(node.value)]
        ways = graph.flow.paths(node.value)
        assert len(ways) == count
        paths = [Path(way, node.value, graph.output.name, graph.names) for way in ways]
        assert node.gradient is not None
        total = math.fsum(path.product for path in paths)
        assert total == pytest.approx(node.gradient, rel=1e-9, abs=1e-9)
        assert all(path.nodes[0] is root and path.nodes[-1] is node.value for path in paths)
        for path, way in zip(paths, ways, strict=True):
            on_edges = [
                next(
                    e.slope or 0.0
                    for e in graph.incoming[graph.node(v).index]
                    if e._parent_place == place and graph.nodes[e.source].value is not None
                )
                for v, place in way
            ]
            assert list(path.slopes) == on_edges


# ---- what is said -----------------------------------------------------------------------------


def test_everything_is_said_in_full() -> None:
    x, y = Value(1 / 3, "x"), Value(3.0, "y")
    z = x * y + 2.0
    assert Graph(z).nodes[0].described(Graph(z)) == f"x; value {1 / 3!r}; ∂z/∂x: not computed"
    z.backward()
    graph = Graph(z)
    assert graph.nodes[0].described(graph) == f"x; value {1 / 3!r}; ∂z/∂x: 3.0"
    assert graph.nodes[2].described(graph) == "v₁ = x · y; value 1.0; ∂z/∂v₁: 1.0"
    assert graph.nodes[3].described(graph) == "constant 2.0"
    assert graph.edges[1].described() == f"∂v₁/∂y = x = 0.3333 ({1 / 3!r})"
    assert graph.edges[3].described() == "2 in z = v₁ + 2"
    assert graph.description() == (
        "Values: x = 0.3333; y = 3; v₁ = x · y = 1; z = v₁ + 2 = 3.\n"
        "Local slopes: ∂v₁/∂x = 3; ∂v₁/∂y = 0.3333; ∂z/∂v₁ = 1.\n"
        "Gradients: ∂z/∂x = 3; ∂z/∂y = 0.3333; ∂z/∂v₁ = 1; ∂z/∂z = 1."
    )


@pytest.mark.parametrize(
    ("z", "formula"),
    [
        (dot([X] * 30, [X] * 30), "w·x, 30 products"),
        (dot([X] * 30, [X] * 30, X), "w·x + b, 30 products"),
        (sum_of([X] * 1000), "Σ of 1000 terms"),
        (dot([X] * 5, [X] * 5), "x·x + x·x + x·x + x·x + x·x"),
        (dot([X] * 7, [X] * 7), "w·x, 7 products"),
        (Value(2.0, "a" * 32).tanh(), "tanh …"),
        (Value(2.0, "a" * 32) * Value(3.0, "other"), "… · …"),
        (Value(2.0, "a" * 32) ** 0.125, "…^0.125"),
        (Value(2.0, "a" * 32).clip(0.0, 1.0), "clip(…, 0, 1)"),
    ],
)
def test_long_formulas_are_summed_up(z: Value, formula: str) -> None:
    node = Graph(z).output
    assert node.formula == formula
    assert len(node.title) < 60
    assert node.arithmetic


def test_a_node_made_by_hand() -> None:
    x, _ = x_and_y()
    graph = Graph(Value(7.0, (x,), (2.5,)))
    assert graph.output.badge == "ƒ"
    assert [e.slope for e in graph.edges] == [2.5]


def test_a_leaf_is_a_graph_of_its_own() -> None:
    graph = Graph(Value(2.0))
    assert titles(graph) == ["z"]
    assert (graph.edges, graph.incoming, graph.outgoing, graph.notes) == ([], [[]], [[]], [])
    assert graph.description() == "Values: z = 2.\nGradients: not computed; call backward()."


def test_a_deep_graph_needs_no_recursion() -> None:
    z = Value(1.0, "x")
    for _ in range(5_000):
        z = z + 1.0
    z.backward()
    graph = Graph(z)
    assert len(graph.nodes) == 10_001
    assert graph.nodes[0].gradient == 1.0


def test_nodes_cannot_be_changed() -> None:
    node: Node = Graph(Value(2.0)).output
    with pytest.raises(AttributeError):
        node.data = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("computed", "said"),
    [
        (lambda x, y: (x - 5.0).relu(), "∂z/∂v₁ = 0 (off)"),
        (lambda x, y: maximum(x, y), "∂z/∂x = 0 (not chosen)"),
        (lambda x, y: x.clip(-1.0, 1.0), "∂z/∂x = 0 (at its limit)"),
        (lambda x, y: maximum(x, y * float("nan")), "∂z/∂x: no slope"),
    ],
)
def test_why_no_gradient_flows(computed: Callable[..., Value], said: str) -> None:
    graph = Graph(computed(*x_and_y()))
    assert said in [edge.derivative + edge.cut for edge in graph.edges]
    assert said in graph.description()
    assert all(not edge.cut for edge in graph.edges if edge.slope is not None)
