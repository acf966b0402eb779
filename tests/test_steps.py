"""The steps of backpropagation as data: what they compute, in which order, and what they say."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from typing import Any

import pytest
from dags import program_of, random_dag, run
from drawn import labelled_fan_out, labelled_log
from hypothesis import given
from hypothesis import strategies as st
from samples import SAMPLES

from microgrunderscore import ops
from microgrunderscore.engine import Value, dot
from microgrunderscore.nn import MLP
from microgrunderscore.operation import OPERATIONS, define
from microgrunderscore.pictures.graph import Graph
from microgrunderscore.pictures.names import number_text
from microgrunderscore.pictures.steps import MOST_CLAUSES, Quantity, Step, steps

INF, NAN = math.inf, math.nan


def found(z: Value, **settings: Any) -> tuple[Graph, list[Step]]:
    graph = Graph(z, swept=True)
    return graph, steps(graph, **settings)


def equations(z: Value, **settings: Any) -> list[str]:
    return [step.equation.text for step in found(z, **settings)[1]]


def same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y) or math.isclose(x, y, rel_tol=1e-12)


# ---- the examples of the design ------------------------------------------------------------------


def test_log_of_a_product() -> None:
    _, all_steps = found(labelled_log())
    assert [(step.phase, step.equation.text, step.sentence) for step in all_steps] == [
        ("inputs", "x = 2, y = 3", "The inputs get their values."),
        (
            "forward",
            "v = x · y = 2 × 3 = 6",
            "Compute v, and note its local slopes for the way back: ∂v/∂x = y = 3, ∂v/∂y = x = 2.",
        ),
        (
            "forward",
            "z = log v = log 6 = 1.792",
            "Compute z, and note its local slope for the way back: ∂z/∂v = 1/v = 0.1667.",
        ),
        (
            "seed",
            "∂z/∂z = 1",
            "Start at the output and go backward. z moves exactly as much as itself, "
            "so its gradient is 1.",
        ),
        (
            "backward",
            "∂z/∂v = ∂z/∂z · ∂z/∂v = 1 × 0.1667 = 0.1667",
            "z is the output, so the slope along this edge is already the whole gradient.",
        ),
        (
            "backward",
            "∂z/∂x = ∂z/∂v · ∂v/∂x = 0.1667 × 3 = 0.5",
            "Chain rule: x moves v with slope 3, and v moves z with slope 0.1667. Multiply.",
        ),
        (
            "backward",
            "∂z/∂y = ∂z/∂v · ∂v/∂y = 0.1667 × 2 = 0.3333",
            "Chain rule: y moves v with slope 2, and v moves z with slope 0.1667. Multiply.",
        ),
        (
            "result",
            "∂z/∂x = 0.5, ∂z/∂y = 0.3333",
            "Done: one backward pass gave the slope of z toward every input. "
            "Nudge x by 0.01 and z moves by about 0.005 (in fact "
            f"{number_text(math.log(2.01 * 3.0) - math.log(6.0))}).",
        ),
    ]


def test_contributions_arrive_one_by_one() -> None:
    _, all_steps = found(labelled_fan_out())
    said = [(step.equation.text, step.sentence) for step in all_steps[7:9]]
    assert said == [
        (
            "∂z/∂x += ∂z/∂b · ∂b/∂x = 1 × 0.8776 = 0.8776",
            "x is used 2 times, so 2 contributions arrive and add up. "
            "This is number 1: 0.8776 so far.",
        ),
        (
            "∂z/∂x += ∂z/∂a · ∂a/∂x = 1 × 4.2 = 4.2",
            "x is used 2 times, so 2 contributions arrive and add up. "
            "This is number 2: 0.8776 + 4.2 = 5.078.",
        ),
    ]
    assert [step.gradients[0].text for step in all_steps[7:9]] == ["0.8776 …", "5.078"]
    assert [step.contributions for step in all_steps[7:10]] == [(1, 2), (2, 2), (1, 1)]
    assert [row.products for step in all_steps[7:9] for row in step.rows] == [
        "1 × 0.8776",
        "1 × 0.8776 + 1 × 4.2",
    ]


def test_the_same_operand_twice() -> None:
    x = Value(3.0, "x")
    assert equations(x * x)[-3:] == [
        "∂z/∂x += ∂z/∂z · ∂z/∂x⁽¹⁾ = 1 × 3 = 3",
        "∂z/∂x += ∂z/∂z · ∂z/∂x⁽²⁾ = 1 × 3 = 3",
        "∂z/∂x = 6",
    ]


def test_a_leaf_alone() -> None:
    _, all_steps = found(Value(3.0, "x"))
    assert [step.phase for step in all_steps] == ["inputs", "seed", "result"]
    assert [step.equation.text for step in all_steps] == ["x = 3", "∂x/∂x = 1", "∂x/∂x = 1"]


# ---- the same numbers as backward(), on any graph ------------------------------------------------


def check(z: Value) -> None:
    """Everything that holds for the steps of every graph."""
    graph, all_steps = found(z)
    _check_order(graph, all_steps)
    _check_sums(graph, all_steps)
    for v in graph.flow.nodes:
        v.grad = 0.0
    z.backward()
    last = all_steps[-1]
    for node in graph.nodes:
        if node.value is not None:
            assert same(last.gradients[node.index].total, node.value.grad)


def _check_order(graph: Graph, all_steps: list[Step]) -> None:
    """Forward in the order of computing, backward in reverse, operand by operand."""
    assert [step.number for step in all_steps] == list(range(len(all_steps)))
    phases = [step.phase for step in all_steps]
    order = ("inputs", "forward", "seed", "backward", "result")
    assert phases == sorted(phases, key=order.index)
    assert Counter(phases)["inputs"] == Counter(phases)["seed"] == Counter(phases)["result"] == 1
    computed = [step.nodes for step in all_steps if step.phase == "forward"]
    assert computed == [(n.index,) for n in graph.nodes if n.kind == "operation"]
    edges = [graph.edges[e] for step in all_steps if step.phase == "backward" for e in step.edges]
    assert [(-e.target, e.place) for e in edges] == sorted((-e.target, e.place) for e in edges)
    reached = {graph.output.index} | {e.source for e in edges}
    assert {e.index for e in edges} == {
        e.index for e in graph.edges if e.slope is not None and e.target in reached
    }
    assert len(edges) == len({e.index for e in edges})


def _check_sums(graph: Graph, all_steps: list[Step]) -> None:
    """Partial sums, their texts, and the tape."""
    totals: dict[int, float] = {}
    left = Counter(graph.edges[s.edges[0]].source for s in all_steps if s.message)
    for step in all_steps:
        if step.message is None:
            continue
        edge = graph.edges[step.message.edge]
        before = 1.0 if edge.target == graph.output.index else totals[edge.target]
        assert same(step.message.arriving, before)
        assert step.message.slope == edge.slope or edge.slope != edge.slope
        assert left[edge.target] == 0 or edge.target == graph.output.index  # it has all of its own
        totals[edge.source] = totals.get(edge.source, 0.0) + step.message.product
        left[edge.source] -= 1
        shown = step.gradients[edge.source]
        assert same(shown.total, totals[edge.source])
        assert not shown.is_wrong
        is_last = left[edge.source] == 0
        assert shown.text == number_text(totals[edge.source]) + " …" * (not is_last)
        [row] = step.rows
        assert (row.node, row.gradient) == (edge.source, shown.text)
        if is_last:
            gradient = graph.nodes[edge.source].gradient
            assert gradient is not None
            assert shown.text == number_text(gradient)
    assert set(all_steps[-1].gradients) == {n.index for n in graph.nodes if n.kind != "constant"}


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 25))
def test_random_graphs(seed: int, inputs: int, nodes: int) -> None:
    program, point = program_of(seed, inputs, nodes)
    xs = [Value(x, f"x{i}") for i, x in enumerate(point)]
    check(program(xs)[-1])


@given(st.integers(0, 10**6))
def test_random_graphs_with_constants(seed: int) -> None:
    rng = random.Random(seed)
    point = [rng.uniform(-2.0, 2.0) for _ in range(4)]
    program = random_dag(rng, point, 15)
    z = run(program, [Value(point[0], "x"), *point[1:]], OPERATIONS)[-1]
    if isinstance(z, Value):
        check(z)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operation(name: str) -> None:
    for operands in list(SAMPLES[name].smooth(2))[:4]:
        check(OPERATIONS[name](*[Value(x) for x in operands]))


@pytest.mark.parametrize("xs", [(INF, 0.0), (NAN, 1.0), (-INF, INF), (1e200, 1e-200), (-0.0, 0.0)])
def test_values_that_are_no_finite_numbers(xs: tuple[float, float]) -> None:
    x, y = (Value(x, name) for x, name in zip(xs, "xy", strict=True))
    check(x * y + x * 2.0)
    check(ops.maximum(x, y) * x)
    for step in found(x * y)[1]:
        assert "inf" not in str(step)
        assert "-" not in str(step)


def test_nodes_made_by_hand() -> None:
    x, y = Value(0.5, "x"), Value(4.0, "y")
    v = Value(3.0, (x, y, x), (1.0, INF, -2.0))
    check(v * x)
    said = equations(v * x)
    assert said[1] == "v₁ = custom(x, y, x) = custom(0.5, 4, 0.5) = 3"
    assert "∂z/∂y = ∂z/∂v₁ · ∂v₁/∂y = 0.5 × ∞ = ∞" in said


def test_a_network() -> None:
    model = MLP(2, [3, 2, 1], seed=6)
    z = (model([1.0, 2.0]) - 1.0) ** 2
    check(z)
    all_steps = steps(Graph(z, model=model, swept=True))
    assert all_steps[0].sentence == "The inputs, the weights and the biases get their values."
    assert all_steps[0].equation.text.startswith("x₁ = 1, x₂ = 2, w₁₁⁽³⁾ = ")
    assert "toward every input, every weight and every bias." in all_steps[-1].sentence


def test_gradients_of_the_user_are_not_touched() -> None:
    x = Value(2.0, "x")
    (x * x).backward()
    z = (x * 3.0).exp()
    found(z)
    assert (x.grad, x.has_grad) == (4.0, True)
    assert not z.has_grad


def test_changed_data_is_shown_as_it_was_computed() -> None:
    """The slopes are those of what was computed, as backward() takes them."""
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x * y
    y.data = 5.0
    check(z)
    _, all_steps = found(z)
    assert "The data of y was changed after z was computed" in all_steps[0].sentence
    assert "in fact" not in all_steps[-1].sentence  # computed again, it would be another graph


# ---- where nothing flows -------------------------------------------------------------------------


def test_constants_have_no_step_but_a_sentence() -> None:
    x = Value(2.0, "x")
    graph, all_steps = found(3.0 * x + x * 4.0)
    assert len(all_steps) == 1 + 3 + 1 + 4 + 1
    said = [step.sentence for step in all_steps if step.phase == "backward"]
    assert [s for s in said if "constant" in s] == [
        f"x is used 2 times, so 2 contributions arrive and add up. This is number {part}. "
        f"{number} is a constant: no gradient flows there."
        for part, number in [("1: 4 so far", 4), ("2: 4 + 3 = 7", 3)]
    ]
    constants = {n.index for n in graph.nodes if n.kind == "constant"}
    assert len(constants) == 2
    assert all(constants <= set(step.values) for step in all_steps)
    assert not any(constants & set(step.gradients) for step in all_steps)
    assert not any(row.node in constants for step in all_steps for row in step.rows)


@pytest.mark.parametrize(
    ("make", "blocked"),
    [
        (lambda x, y: ops.maximum(x, y), "x"),
        (lambda x, y: ops.minimum(x, y), "y"),
        (lambda x, y: ops.relu(x) + y, "x"),
        (lambda x, y: ops.where(y, y, x), "y and x"),
        (lambda x, y: ops.max_of(x, y, x), "x"),
    ],
)
def test_operands_that_were_not_chosen(make: Any, blocked: str) -> None:
    x, y = Value(-2.0, "x"), Value(3.0, "y")
    z = make(x, y)
    check(z)
    _, all_steps = found(make(Value(-2.0, "x"), Value(3.0, "y")))
    said = [s.sentence for s in all_steps if "does not move with" in s.sentence]
    assert all(f"does not move with {blocked}: no gradient" in s for s in said)
    assert any("no gradient flows there." in s for s in said)
    assert "∂z/∂x = 0" in all_steps[-1].equation.text or blocked != "x"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: ops.relu(Value(-1.0, "x")), "Here z does not move with x"),
        (lambda: ops.relu(Value(-0.0, "x")), "Here z has a kink toward x, where its slope"),
        (lambda: ops.maximum(Value(2.0, "x"), 2.0), "Here z has a kink toward x"),
        (lambda: ops.clip(Value(1.0, "x"), 0.0, 1.0), "Here z has a kink toward x"),
        (lambda: ops.where(Value(0.0, "x"), 2.0, Value(3.0, "y")), "Here z jumps when x moves"),
        (lambda: ops.where(Value(1.0, "x"), 2.0, Value(3.0, "y")), "Here z does not move with x"),
        (lambda: ops.relu(Value(NAN, "x")), "Here z is not a number, and its slope toward x"),
        (lambda: ops.min_of(Value(NAN, "x"), Value(1.0, "y")), "its slope toward x and y counts"),
    ],
)
def test_why_no_gradient_flows(make: Any, why: str) -> None:
    """A kink is not the same as standing still: relu at 0 does move."""
    _, all_steps = found(make())
    said = [step.sentence for step in all_steps if why in step.sentence]
    assert said[-1].count(": no gradient flows there.") >= 1


def test_an_output_that_moves_with_nothing_says_so_at_once() -> None:
    _, all_steps = found(ops.relu(Value(-2.0, "x")))
    assert [step.phase for step in all_steps] == ["inputs", "forward", "seed", "result"]
    assert "Here z does not move with x: no gradient will flow back." in all_steps[1].sentence
    assert "Here z does not move with x: no gradient flows there." in all_steps[2].sentence
    assert all_steps[-1].equation.text == "∂z/∂x = 0"


def test_uses_that_hand_nothing_back_are_not_counted_as_contributions() -> None:
    x, y = Value(0.5, "x"), Value(4.0, "y")
    said = [step.sentence for step in found(ops.maximum(x, y) * x * x)[1]]
    assert sum("x is used 3 times, and 2 contributions arrive and add up." in s for s in said) == 2


# ---- many operands -------------------------------------------------------------------------------


def test_many_operands_are_summed_up() -> None:
    ws = [Value(0.1 * i, f"w{i}") for i in range(40)]
    xs = [Value(1.0 + i, f"x{i}") for i in range(40)]
    for z in (dot(ws, xs), ops.sum_of(*ws), dot(ws, xs[:1] * 40)):
        check(z)
        _, all_steps = found(z)
        for step in all_steps:
            assert len(step.equation.text) < 260
            assert len(step.sentence) < 330
            assert len(step.equation.clauses) <= MOST_CLAUSES
            assert all(len(row.products) < 90 for row in step.rows)
        assert all_steps[0].equation.left_out == len(all_steps[0].nodes) - MOST_CLAUSES


def test_long_sums_on_the_tape() -> None:
    x = Value(2.0, "x")
    _, all_steps = found(ops.sum_of(*[x * i for i in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]))
    assert all_steps[-1].rows[0].products == "1 × 6 + 1 × 5 + … (3 more) + 1 × 1"


# ---- the nudge -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [(math.sin, 0.5), (math.exp, 2.0), (math.log, 3.0), (math.tanh, -1.0), (math.sqrt, 2.0)],
)
def test_the_nudge_is_tried(f: Any, x: float) -> None:
    slope = OPERATIONS[f.__name__].partials[0](x, f(x))
    moved = f(x + 0.01) - f(x)
    about, fact = number_text(0.01 * slope), number_text(moved)
    _, all_steps = found(OPERATIONS[f.__name__](Value(x, "x")))
    said = f"Nudge x by 0.01 and z moves by about {about} (in fact {fact})."
    assert all_steps[-1].sentence.endswith(said)


@pytest.mark.parametrize(
    ("z", "about", "fact"),
    [
        (ops.relu(Value(0.0, "x")), "0", "0.01"),
        (ops.maximum(Value(2.0, "x"), Value(2.0, "y")), "0.005", "0.01"),
        (ops.where(Value(0.0, "c"), Value(2.0, "x"), Value(3.0, "y")), "0", "−1"),
        (Value(0.0, "x") ** 2, "0", "0.0001"),
    ],
)
def test_what_a_slope_does_not_show_is_said(z: Value, about: str, fact: str) -> None:
    said = found(z)[1][-1].sentence
    assert f"z moves by about {about} (in fact {fact}: z has a kink, a jump or a bend" in said


def test_an_output_that_is_no_finite_number_cannot_be_nudged() -> None:
    for z in (Value(NAN, "x").relu(), Value(INF, "x") + 1.0):
        said = found(z)[1][-1].sentence
        assert said.endswith("z is no finite number, so that a nudge shows nothing.")
    assert found(ops.sqrt(Value(0.0, "x")))[1][-1].sentence.endswith("It is no finite number.")


def test_what_cannot_be_computed_again_is_only_predicted() -> None:
    x = Value(-0.005, "x")  # nudged, it leaves the domain
    for z in (ops.log(-x), Value(1.0, (x,), (3.0,))):
        assert "Nudge x by 0.01 and z moves by about " in found(z)[1][-1].sentence
        assert "in fact" not in found(z)[1][-1].sentence
    assert "finite" in found(Value(INF, "x") * 0.0 * NAN)[1][-1].sentence


def test_an_operation_that_raises_anything_when_computed_again(request: Any) -> None:
    def touchy(x: float) -> float:
        if x > 2.0:
            raise KeyError("anything")
        return x

    row = define("touchy_step", touchy, lambda x, z: 1.0)
    request.addfinalizer(lambda: OPERATIONS.pop("touchy_step"))
    assert found(row(Value(2.0, "x")))[1][-1].sentence.endswith("z moves by about 0.01.")


# ---- broken on purpose ---------------------------------------------------------------------------


def test_assignment_in_place_of_accumulation() -> None:
    _, all_steps = found(labelled_fan_out(), accumulate=False)
    assert [step.equation.text for step in all_steps[7:]] == [
        "∂z/∂x = ∂z/∂b · ∂b/∂x = 1 × 0.8776 = 0.8776",
        "∂z/∂x = ∂z/∂a · ∂a/∂x = 1 × 4.2 = 4.2",
        "∂z/∂y = ∂z/∂a · ∂a/∂y = 1 × 0.5 = 0.5",
        "∂z/∂x = 4.2, ∂z/∂y = 0.5",
    ]
    assert all_steps[8].sentence == (
        "x is used 2 times, so 2 contributions arrive and should add up. This is number 2: 4.2. "
        "But = in place of += throws away the 0.8776 that had arrived. "
        "Right would be 0.8776 + 4.2 = 5.078."
    )
    assert all_steps[-1].sentence == (
        "Broken: with = in place of +=, ∂z/∂x is 4.2 instead of 5.078. "
        "Contributions have to be added up. Nudge x by 0.01 and z moves by about 0.042 "
        f"(in fact {number_text(0.51 * 4.2 + math.sin(0.51) - 0.5 * 4.2 - math.sin(0.5))})."
    )
    x = Value(3.0, "x")
    doubled = found(x + x, accumulate=False)[1][-1].sentence
    assert doubled.endswith("z moves by about 0.01 (in fact 0.02).")  # and no kink is to blame
    wrong = [step.gradients[0].is_wrong for step in all_steps[7:]]
    assert wrong == [False, True, True, True]
    assert all_steps[-1].gradients[0].text == "4.2 ✗"
    roles = [
        piece.role for piece in all_steps[8].equation.clauses[0] if isinstance(piece, Quantity)
    ]
    assert roles == ["gradient", "slope", "negative"]


def test_what_follows_from_a_wrong_gradient_is_wrong() -> None:
    x = Value(2.0, "x")
    v = x.exp()
    _, all_steps = found(v * v, accumulate=False)
    assert all_steps[-1].gradients[0].is_wrong
    assert "is wrong already, and so is what follows from it." in all_steps[-2].sentence


def test_where_nothing_is_used_twice_assignment_does_no_harm() -> None:
    z = labelled_log()
    assert equations(z, accumulate=False) == equations(z)
    assert "does no harm" in found(z, accumulate=False)[1][-1].sentence


@given(st.integers(0, 10**6))
def test_broken_steps_say_which_gradients_are_wrong(seed: int) -> None:
    program, point = program_of(seed, 2, 10)
    z = program([Value(x, f"x{i}") for i, x in enumerate(point)])[-1]
    graph, all_steps = found(z, accumulate=False)
    for node in graph.nodes:
        if node.kind != "constant" and node.gradient is not None:
            known = all_steps[-1].gradients[node.index]
            assert known.is_wrong != math.isclose(
                known.total, node.gradient, rel_tol=1e-9, abs_tol=1e-300
            )


# ---- the data ------------------------------------------------------------------------------------


def test_steps_are_frozen_and_whole() -> None:
    _, all_steps = found(labelled_fan_out())
    for step in all_steps:
        with pytest.raises(dataclasses.FrozenInstanceError):
            step.sentence = ""  # type: ignore[misc]
    assert all_steps[0].values == {0: 0.5, 1: 4.2}
    assert all_steps[0].gradients == {}  # later steps have not written into it
    assert len(all_steps[-1].values) == 5
    assert [step.answer for step in all_steps] == [
        *(None, 0.5 * 4.2, math.sin(0.5), 0.5 * 4.2 + math.sin(0.5)),
        *(None, 1.0, 1.0, math.cos(0.5), 4.2, 0.5, None),
    ]
    assert str(all_steps[4]).startswith("∂z/∂z = 1. Start")


def test_two_runs_say_the_same() -> None:
    first, second = found(labelled_fan_out())[1], found(labelled_fan_out())[1]
    assert first == second
