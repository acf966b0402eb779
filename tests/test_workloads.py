"""The workloads of the benchmarks are what they say, and every peer computes what our engine does.

To 1e-12 of the largest number in the gradient: so whoever is timed does the whole work.
"""

from __future__ import annotations

import gc
import importlib
import math
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import pytest

import microgrunderscore as mg
from benchmarks import microgpt, peers, rounds, stopwatch, workloads
from benchmarks.peers import CannotDo, Step
from benchmarks.section import Measured, Outcome, Report, Section, Variant
from benchmarks.spread import Spread
from benchmarks.stopwatch import Stopwatch
from benchmarks.turns import Failed
from benchmarks.workloads import LEAVES, Scalars, Workload
from microgrunderscore import Value

np = pytest.importorskip("numpy")

FLOATS = Scalars(
    relu=lambda x: max(x, 0.0),
    tanh=math.tanh,
    sigmoid=lambda x: 1.0 / (1.0 + math.exp(-x)),
    exp=math.exp,
    log=math.log,
)
SMALL: dict[str, Callable[[], Workload]] = {
    "W1": workloads.demo,
    "W2": partial(workloads.classifier, samples=10),
    "W2t": partial(workloads.classifier, "tanh", samples=10),
    "W3": partial(workloads.tangle, 300),
    "W4": workloads.autoencoder,
    "W5": workloads.gpt,
}
LAYERS = ("W1", "W2", "W2t", "W4")
DOES = {  # what is written for tensors or by hand, and what runs the scalar code as well
    "by_hand_numpy": LAYERS,
    "by_hand_c": (*LAYERS, "W5"),
    "with_jax": (*LAYERS, "W5"),  # the scalar code takes it long to compile
    "with_torch": tuple(SMALL),
    "with_casadi": tuple(SMALL),
    "with_micrograd": tuple(SMALL),
    **dict.fromkeys(peers.BACKENDS, tuple(SMALL)),
}
every_workload = pytest.mark.parametrize("name", SMALL)


@cache
def small(name: str) -> Workload:
    return SMALL[name]()


def elsewhere(workload: Workload) -> Any:
    """Other parameters than those that it begins with: no bias is 0."""
    rng = random.Random(5)
    return np.array([x + rng.gauss(0.0, 0.02) for x in workload.parameters])


@cache
def expected(name: str) -> tuple[float, Any]:
    """The loss and the gradient that our engine gives there."""
    return peers.prepared("eager", small(name)).run(elsewhere(small(name)))


def step_of(program: str, workload: Workload) -> Step:
    """Ready to run; the test is skipped where what it needs is missing."""
    for need in peers.NEEDS.get(program, ()):
        if need == "gcc":
            if shutil.which("gcc") is None:
                pytest.skip("there is no gcc here")
        else:
            pytest.importorskip(need)
    if program in peers.BACKENDS and not hasattr(mg, "compile"):
        pytest.skip("there is no compiler yet")
    return peers.prepared(program, workload)


# ---- the workloads -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "samples"),
    [("W1", 337, 100), ("W2", 4417, 256), ("W2t", 4417, 256), ("W4", 59, 8), ("W5", 4192, 1),
     ("W3 1000", 100, 1)],
)  # fmt: skip
def test_workloads_are_of_the_size_that_is_told(name: str, parameters: int, samples: int) -> None:
    workload = workloads.named(name)
    assert workload.name == name
    assert len(workload.parameters) == parameters
    assert len(workload.X) == len(workload.Y) == samples


@every_workload
def test_the_mean_of_the_losses_is_the_total(name: str) -> None:
    workload = small(name)
    loss = workload.loss(workload.parameters, FLOATS)
    losses = [loss(x, y) for x, y in zip(workload.X, workload.Y, strict=True)]
    total = workload.total(workload.parameters, FLOATS)
    assert math.fsum(losses) / len(losses) == pytest.approx(total, rel=1e-13)


@every_workload
def test_plain_operators_and_our_nodes_give_the_same(name: str) -> None:
    workload = small(name)
    found, gradient = expected(name)
    there = elsewhere(workload).tolist()
    assert workload.total(there, FLOATS) == pytest.approx(found, rel=1e-13)
    assert len(gradient) == len(there)
    assert np.isfinite(gradient).all()


def test_the_demo_begins_with_micrograds_weights() -> None:
    nn = pytest.importorskip("micrograd.nn")
    random.seed(1337)
    assert [p.data for p in nn.MLP(2, [16, 16, 1]).parameters()] == small("W1").parameters


def test_the_gpt_is_the_one_of_the_benchmark_of_microgpt() -> None:
    workload = small("W5")
    letters = "".join(map(chr, range(ord("a"), ord("z") + 1)))
    model = microgpt.GPT(Value, letters)
    for p, x in zip(model.parameters, workload.parameters, strict=True):
        p.data = x
    loss = model.loss("".join(letters[i] for i in workload.X[0][1:]))
    assert [[model.boundary, *workload.Y[0][:-1]], model.boundary] == [
        workload.X[0],
        workload.Y[0][-1],
    ]
    loss.backward()
    ours = peers.prepared("eager", workload).run(np.array(workload.parameters))
    assert loss.data == pytest.approx(ours[0], rel=1e-13)
    assert [p.grad for p in model.parameters] == pytest.approx(ours[1].tolist(), abs=1e-13)


def test_the_random_graph_is_tame_and_every_operation_counts() -> None:
    """No number is large, and what no instruction uses is added up."""
    workload = workloads.tangle(10_000)
    meaning = workloads.operations(FLOATS)
    numbers = list(workload.parameters)
    used = set()
    for name, a, b in workload.model.script:
        assert max(a, b) < len(numbers)
        used |= {a, b} if name in workloads.OF_TWO else {a}
        numbers.append(meaning[name](numbers[a], numbers[b]))
    assert max(map(abs, numbers)) < 10.0
    assert {*workload.model.unused} == {*range(LEAVES, len(numbers))} - used
    assert {name for name, _, _ in workload.model.script} == {*meaning}
    assert workloads.tangle(10_000) == workload


def test_a_workload_can_be_cut_short() -> None:
    workload = small("W2").first(3)
    assert len(workload.X) == len(workload.Y) == 3
    assert small("W2").X[:3] == workload.X


# ---- programs that stay alive -------------------------------------------------------------------


class Made:
    """A child that never was: its turns give a time and an answer, each."""

    def __init__(self, key: str, turns: list[Outcome | Failed], log: list[str]) -> None:
        self._key, self._turns, self._log = key, iter(turns), log

    def turn(self) -> Outcome:
        self._log.append(self._key)
        outcome = next(self._turns)
        if isinstance(outcome, Failed):
            raise outcome
        return outcome


def side_by_side(
    monkeypatch: pytest.MonkeyPatch, turns: dict[str, list[Outcome | Failed]]
) -> tuple[Measured, list[str]]:
    """What two rounds give, and who took a turn when; keys begin with the name of their group."""
    log: list[str] = []

    @contextmanager
    def players(_: str, requests: dict[str, Any], engines: Any) -> Iterator[dict[str, Made]]:
        yield {key: Made(key, turns[key], log) for key in requests}
        log.append("|")

    monkeypatch.setattr(rounds, "players", players)
    section = Section(
        name="made-up",
        title="Made up",
        text="",
        variants=lambda quick: [Variant(key, key, {}, {"group": key[0]}) for key in turns],
        rehearsal={},
        rounds=(2, 1),
        report=lambda measured: Report(""),
        together=lambda v: str(v.task["group"]),
        tolerance=(1e-12, 1e-12),
    )
    return rounds.measure(section, quick=False, available=frozenset()), log


def turns(*seconds: float, answer: float = 1.0) -> list[Outcome | Failed]:
    return [{"figures": {"step": s}, "answers": [answer], "engine": ""} for s in seconds]


def test_programs_stay_alive_and_take_one_turn_in_every_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first turn is the rehearsal; every round begins with another one; groups come in turn."""
    found, log = side_by_side(
        monkeypatch, {"a1": turns(9, 1, 2), "b1": turns(9, 5, 7), "a2": turns(9, 3, 8)}
    )
    assert "".join(log) == "a1a2a1a2a2a1|b1b1b1|"
    assert found.rounds == [
        {"a1": {"step": 1}, "a2": {"step": 3}, "b1": {"step": 5}},
        {"a1": {"step": 2}, "a2": {"step": 8}, "b1": {"step": 7}},
    ]
    assert found.ratio("a2", "a1", "step") == Spread(3.5, 3.0, 4.0)
    assert found.checked == 1


def test_one_that_breaks_takes_no_more_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*turns(9, 1), Failed("no memory")]
    found, _ = side_by_side(monkeypatch, {"a1": broken, "a2": turns(9, 3, 8)})
    assert found.absent == {"a1": "failed: no memory"}
    assert [{*figures} for figures in found.rounds] == [{"a1", "a2"}, {"a2"}]


@pytest.mark.parametrize("answer", [1.0 + 1e-11, math.nan])
def test_answers_of_compiled_programs_agree_to_the_twelfth_digit(
    monkeypatch: pytest.MonkeyPatch, answer: float
) -> None:
    wrong = turns(9, 3, 8, answer=answer)
    found, _ = side_by_side(monkeypatch, {"a1": turns(9, 1, 2), "a2": wrong})
    assert found.stopped == f"answer 1 of a2 is {answer!r}, that of a1 is 1.0"
    assert found.rounds == []
    near = turns(9, 3, 8, answer=1.0 + 1e-12)
    found, _ = side_by_side(monkeypatch, {"a1": turns(9, 1, 2), "a2": near})
    assert not found.stopped


def test_a_child_takes_turns_on_a_workload() -> None:
    """In a process of its own: the same answers in every turn, and a time."""
    told = {"collector": "off", "arguments": {"program": "eager", "workload": "W4"}}
    with rounds.players("compiled", {"a": told}, {"a": ""}) as alive:
        first, second = alive["a"].turn(), alive["a"].turn()
    assert first is not None
    assert second is not None
    loss, largest, *slopes = first["answers"]
    workload = small("W4")
    wanted, gradient = peers.prepared("eager", workload).run(np.array(workload.parameters))
    assert (loss, largest) == (wanted, np.abs(gradient).max())
    assert slopes == (gradient / largest).tolist()
    assert second["answers"] == first["answers"]
    assert {*first["figures"]} == {"step", "compile", "memory"}
    assert 1e-5 < second["figures"]["step"] < 1.0


# ---- the stopwatch -----------------------------------------------------------------------------


@pytest.mark.parametrize(("cost", "runs"), [(1e-6, 9 * 6667), (0.02, 3), (5.0, 1)])
def test_a_turn_of_the_stopwatch_takes_about_60_ms(
    monkeypatch: pytest.MonkeyPatch, cost: float, runs: int
) -> None:
    """Of a slow function it is one run."""
    now, count = [0.0], [0]

    def run() -> None:
        now[0] += cost
        count[0] += 1

    monkeypatch.setattr(stopwatch, "process_time", lambda: now[0])
    watch = Stopwatch(run)
    gc.unfreeze()
    count[0] = 0
    assert watch.seconds() == pytest.approx(cost)
    assert count[0] == runs + 1, "and one that does not count"


# ---- the peers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "name"), [(program, name) for program, names in DOES.items() for name in names]
)
def test_every_peer_computes_the_same(program: str, name: str) -> None:
    """Twice, at other parameters in between: nothing is left over from one step to the next."""
    workload = small(name)
    step = step_of(program, workload)
    there = elsewhere(workload)
    with mg.gc_paused():  # or micrograd, whose graphs are cycles, would take ten times as long
        first, _ = step.run(np.array(workload.parameters))
        loss, gradient = step.run(there)
    wanted, slopes = expected(name)
    assert first != loss
    assert abs(loss - wanted) <= 1e-12 * abs(wanted)
    assert np.shape(gradient) == slopes.shape
    assert np.abs(np.array(gradient) - slopes).max() <= 1e-12 * np.abs(slopes).max()


@pytest.mark.parametrize("program", ["with_jax", *peers.BACKENDS])
@pytest.mark.parametrize("name", ["W1", "W4", "W5"])
def test_many_steps_are_steps_of_gradient_descent(program: str, name: str) -> None:
    workload = small(name)
    step = step_of(program, workload)
    assert step.many is not None
    rate, there = 0.05, elsewhere(workload)
    step.many(step.enter(there), 4, rate)
    losses, end = step.many(step.enter(there), 4, rate)  # from the same parameters once more
    eager, wanted = peers.prepared("eager", workload), []
    for _ in range(4):
        loss, gradient = eager.run(there)
        wanted.append(loss)
        there = there - rate * gradient
    assert np.asarray(losses).tolist() == pytest.approx(wanted, rel=1e-12)
    assert np.abs(np.asarray(end) - there).max() <= 1e-12 * np.abs(there).max()


def test_what_is_not_written_by_hand_is_refused() -> None:
    with pytest.raises(CannotDo, match="W5 is not written by hand in NumPy"):
        peers.prepared("by_hand_numpy", small("W5"))
    with pytest.raises(CannotDo, match="W3 300 is not written by hand in C"):
        peers.prepared("by_hand_c", small("W3"))


def test_c_needs_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotDo, match="there is no gcc here"):
        peers.prepared("by_hand_c", small("W4"))


def test_nothing_of_the_process_is_changed_for_good() -> None:
    pytest.importorskip("micrograd")
    before = sys.getrecursionlimit()
    peers.prepared("with_micrograd", small("W4")).run(elsewhere(small("W4")))
    assert sys.getrecursionlimit() == before


def test_c_leaves_denormals_alone() -> None:
    """-ffast-math, when it comes to linking, would turn them off for the whole process."""
    step_of("by_hand_c", small("W4"))
    assert sys.float_info.min * 0.5 > 0.0


def test_every_program_has_a_module_and_a_title() -> None:
    assert {*peers.TITLES} == {*DOES, "eager"}
    for name in {*peers.TITLES} - {*peers.BACKENDS, "eager"}:
        assert importlib.util.find_spec(f"benchmarks.peers.{name}")
