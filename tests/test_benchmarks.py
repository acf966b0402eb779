"""The benchmarks measure what they say: right answers only, ratios inside rounds, nothing lost.

No test looks at a time: figures are invented here, and the real work is done in tiny portions.
"""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readable import assert_readable, parsed, text_of

from benchmarks import (
    __main__ as command,
)
from benchmarks import (
    chain,
    child,
    drawing,
    installed,
    libraries,
    page,
    rounds,
    section,
    spread,
    training,
    turns,
    wiring,
)
from benchmarks.installed import PEERS, TOOLS, Engines
from benchmarks.plots import Dots, Lines, Mark, Row
from benchmarks.rounds import Wrong
from benchmarks.section import (
    COLLECTORS,
    ENGINES,
    Aim,
    Judged,
    Measured,
    Outcome,
    Report,
    Section,
    Variant,
)
from benchmarks.spread import Spread
from benchmarks.turns import Failed
from microgrunderscore import Value

ROOT = Path(__file__).parent.parent
BOTH = Engines("1.0", True, frozenset(ENGINES))
every_section = pytest.mark.parametrize("name", command.NAMES)


def a_section(
    variants: list[Variant], report: Callable[[Measured], Report] | None = None, count: int = 3
) -> Section:
    """A section with nothing behind it; a quick run has one round."""
    return Section(
        name="made-up",
        title="Made up",
        text="What it is.",
        variants=lambda quick: variants,
        rehearsal={"size": 1},
        rounds=(count, 1),
        report=report or (lambda measured: Report("| a table |")),
    )


def variant(key: str, **more: Any) -> Variant:
    return Variant(key, f"the {key}", {"who": key}, {"size": 100}, **more)


def outcome(time: float, *answers: float) -> Outcome:
    return {"figures": {"time": time}, "answers": [*answers]}


def measured(
    section: Section,
    run: Callable[[str, Mapping[str, Any]], Outcome],
    available: frozenset[str] = BOTH.names,
) -> Measured:
    return rounds.measure(
        section,
        quick=False,
        available=available,
        run=lambda _, v, task: run(v.key, task),
    )


# ---- what rounds say ----------------------------------------------------------------------------


def test_a_ratio_is_taken_inside_a_round() -> None:
    """The machine gets slower; the ratio of the medians would be 2.5."""
    found = Measured({})
    found.rounds = [
        {"ours": {"time": 1.0}, "theirs": {"time": 2.0}},
        {"ours": {"time": 2.0}, "theirs": {"time": 5.0}},
        {"ours": {"time": 9.0}, "theirs": {"time": 18.0}},
    ]
    assert found.ratio("theirs", "ours", "time") == Spread(2.0, 2.0, 2.5)
    assert found.figure("ours", "time") == Spread(2.0, 1.0, 9.0)


def test_figures_add_up_inside_a_round_and_gaps_are_left_out() -> None:
    found = Measured({})
    found.rounds = [
        {"ours": {"forward": 1.0, "backward": 9.0}, "theirs": {"forward": 30.0, "backward": 10.0}},
        {"ours": {"forward": 5.0, "backward": 5.0}},
    ]
    assert found.figure("ours", "forward", "backward") == Spread(10.0, 10.0, 10.0)
    assert found.ratio("theirs", "ours", "forward", "backward") == Spread(4.0, 4.0, 4.0)
    assert found.figure("theirs", "replay") is None
    assert found.ratio("ours", "nobody", "forward") is None


@given(st.lists(st.floats(1e-3, 1e9), min_size=1))
def test_a_median_lies_in_its_range(numbers: list[float]) -> None:
    found = spread.spread(numbers)
    assert found.low <= found.median <= found.high
    assert {found.low, found.high} <= {*numbers}


@given(st.floats(1e-3, 1e12))
def test_short_numbers_are_right_to_two_digits(x: float) -> None:
    assert float(spread.short(x).replace(",", "")) == pytest.approx(x, rel=0.051)


@pytest.mark.parametrize(
    ("aim", "median", "said"),
    [
        (Aim(8.0), 8.0, "≥ 8: reached"),
        (Aim(8.0), 7.94, "≥ 8: **not reached**"),
        (Aim(60.0, at_least=False), 60.0, "≤ 60: reached"),
        (Aim(60.0, at_least=False), 60.01, "≤ 60: **not reached** (60.01)"),
        (Aim(5.0), 4.97, "≥ 5: **not reached** (4.97)"),
        (Aim(1.5), None, "≥ 1.5: not measured"),
    ],
)
def test_aims_are_judged_by_the_median(aim: Aim, median: float | None, said: str) -> None:
    assert aim.judged(median and Spread(median, 0.0, 1e9)) == said


# ---- rounds -------------------------------------------------------------------------------------


def test_every_round_begins_with_another_variant() -> None:
    log: list[tuple[int, str]] = []

    def run(key: str, task: Mapping[str, Any]) -> Outcome:
        log.append((task["size"], key))
        return outcome(1.0, 5.0)

    found = measured(a_section([variant(key) for key in "abc"]), run)
    assert log[:3] == [(1, "a"), (1, "b"), (1, "c")], "the rehearsal comes first, and is small"
    assert [key for _, key in log[3:]] == [*"abc", *"bca", *"cab"]
    assert {size for size, _ in log[3:]} == {100}
    assert len(found.rounds) == 3
    assert found.checked == 2


def test_programs_that_differ_in_the_collector_only_are_rehearsed_once() -> None:
    log = []

    def run(key: str, task: Mapping[str, Any]) -> Outcome:
        log.append(task["size"])
        return outcome(1.0, 5.0)

    both = [
        Variant(f"a {setting}", "a", {"who": "a"}, {"size": 100}, collector=setting)
        for setting in COLLECTORS
    ]
    measured(a_section([*both, variant("b")], count=1), run)
    assert log == [1, 1, 100, 100, 100]


@pytest.mark.parametrize(
    "wrong", [1.0 + 3e-9, math.nan, math.inf, -1.0], ids=["near", "nan", "inf", "sign"]
)
@pytest.mark.parametrize("when", [1, 100], ids=["rehearsal", "round"])
def test_wrong_answers_stop_a_section(wrong: float, when: int) -> None:
    def run(key: str, task: Mapping[str, Any]) -> Outcome:
        return outcome(1.0, 7.0, wrong if key == "b" and task["size"] == when else 1.0)

    found = measured(a_section([variant("a"), variant("b")]), run)
    assert found.stopped == f"answer 2 of b is {wrong!r}, that of a is 1.0"
    assert found.rounds == []


def test_rounding_is_no_wrong_answer_but_a_missing_answer_is() -> None:
    tasks = {"a": {}, "b": {}}
    near = {"a": outcome(1.0, 1e6, 0.0), "b": outcome(1.0, 1e6 + 1e-4, 1e-13)}
    assert rounds.compare(near, tasks) == 2
    with pytest.raises(Wrong, match="b gave 1 answers, a 2"):
        rounds.compare({"a": outcome(1.0, 1.0, 2.0), "b": outcome(1.0, 1.0)}, tasks)
    with pytest.raises(Wrong):
        rounds.compare({"a": outcome(1.0, math.nan), "b": outcome(1.0, math.nan)}, tasks)


def test_answers_to_other_tasks_are_not_compared() -> None:
    tasks = {"a": {"size": 1}, "b": {"size": 2}}
    assert rounds.compare({"a": outcome(1.0, 1.0), "b": outcome(1.0, 2.0)}, tasks) == 0


def test_one_that_fails_leaves_the_others_alone() -> None:
    def run(key: str, task: Mapping[str, Any]) -> Outcome:
        if key == "b":
            raise Failed("no memory")
        return outcome(1.0, 5.0)

    found = measured(a_section([variant(key) for key in "abc"]), run)
    assert found.absent == {"b": "failed: no memory"}
    assert [{*figures} for figures in found.rounds] == [{"a", "c"}] * 3
    assert found.cell("b", None) == "failed"


def test_what_is_missing_is_named_with_the_way_out() -> None:
    variants = [
        variant("a"),
        variant("compiled", engine="compiled"),
        variant("peer", needs=("no-such-peer",)),
    ]
    ran = []

    def run(key: str, task: Mapping[str, Any]) -> Outcome:
        ran.append(key)
        return outcome(1.0, 5.0)

    section = a_section(variants, count=1)
    found = measured(section, run, frozenset({"pure"}))
    assert {*ran} == {"a"}
    assert found.cell("compiled", None) == "not built"
    assert found.cell("peer", None) == "not installed"
    text = page.section_text(page.Result(section, found, section.report(found)))
    assert "`pip install .` builds it where there is a C compiler (the compiled)" in text
    assert "no-such-peer, which the extra `bench` brings (the peer)" in text
    assert "there was nothing to compare the answers with" in text


def test_a_missing_tool_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert installed.missing("valgrind") == "skipped: the program valgrind is not on the PATH"


# ---- children -----------------------------------------------------------------------------------


def request(**arguments: Any) -> dict[str, Any]:
    return {"collector": "off", "arguments": arguments}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_child_says_which_engine_it_ran_on(engine: str) -> None:
    found = rounds.in_fresh_process("operation", request(library="ours", loops=2), engine)
    assert found["answers"] == [6.0, 3.0, 2.0]
    assert found["figures"]["product"] > 0.0
    assert found["engine"] in (("pure",) if engine == "pure" else ENGINES)


def test_a_child_of_a_peer_does_not_even_import_us() -> None:
    found = rounds.in_fresh_process("operation", request(library="reference", loops=2), "")
    assert found["answers"] == [6.0, 3.0, 2.0]
    assert found["engine"] == ""


def test_a_child_that_ran_on_another_engine_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"engine": "pure", "figures": {}, "answers": []}
    monkeypatch.setattr(rounds, "in_fresh_process", lambda *_: told)
    v = variant("a", engine="compiled")
    with pytest.raises(Failed, match="it ran on the pure engine, not on the compiled one"):
        rounds._in_child(a_section([v]), v, v.task)
    told["engine"] = "compiled"
    assert rounds._in_child(a_section([v]), v, v.task) == told


def test_children_measure_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that lies on the path comes before the checkout, in which they are started."""
    package = tmp_path / "microgrunderscore"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "9.9"\n', "ascii")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = rounds.in_fresh_process("installed", {}, "")
    assert (found["version"], found["is_installed"]) == ("9.9", True)


def test_a_child_that_breaks_says_why() -> None:
    with pytest.raises(Failed, match="No module named 'benchmarks"):
        rounds.in_fresh_process("nonsense", request(), "")
    with pytest.raises(Failed, match="unexpected keyword argument 'weight'"):
        rounds.in_fresh_process("operation", request(weight=1), "")


def test_the_engines_are_found_by_asking_them() -> None:
    found = rounds.engines()
    assert "pure" in found.names
    assert found.names <= {*ENGINES}
    assert found.version


def test_the_pure_engine_is_asked_for_by_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(installed.SWITCH, "1")
    assert installed.SWITCH not in installed.environment("compiled")
    assert installed.SWITCH not in installed.environment("")
    assert installed.environment("pure")[installed.SWITCH] == "1"


# ---- sections -----------------------------------------------------------------------------------


@every_section
@pytest.mark.parametrize("quick", [False, True])
def test_sections_ask_for_what_their_work_takes(name: str, quick: bool) -> None:
    section = command.NAMES[name]
    module = importlib.import_module(f"benchmarks.sections.{name}")
    assert module.SECTION is section
    variants = section.variants(quick)
    assert len({v.key for v in variants}) == len(variants)
    for v in variants:
        assert {*v.needs} <= {*PEERS, *TOOLS}
        assert v.engine in ("", *ENGINES)
        assert v.collector in COLLECTORS
        signature = inspect.signature(module.work)
        signature.bind(**{**v.program, **v.task})
        signature.bind(**{**v.program, **v.task, **section.rehearsal})
    assert section.rounds[quick] >= 1
    assert len(variants) * section.rounds[True] <= len(variants) * section.rounds[False]


def test_every_peer_is_pinned_in_the_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = dict(x.split("==") for x in extras["optional-dependencies"]["bench"])
    assert {*pinned} == {*PEERS}


def invented(section: Section, available: frozenset[str] = BOTH.names) -> Measured:
    """What a section reports on: every figure it may want, the same in each round."""
    figures = {
        name: 100.0 + 7 * i
        for i, name in enumerate(
            (
                *("step", "product", "bytes", "forward", "backward", "free", "replay"),
                *("compile", "memory"),
            )
        )
    }
    found = Measured({v.key: v for v in section.variants(False)})
    for v in found.variants.values():
        if v.engine and v.engine not in available:
            found.absent[v.key] = installed.NOT_BUILT[v.engine]
    for k in (1.0, 1.1, 1.3):
        found.rounds.append(
            {
                key: {name: x * (k + i / 7) for name, x in figures.items()}
                for i, key in enumerate(found.variants)
                if key not in found.absent
            }
        )
    return found


@every_section
@pytest.mark.parametrize("available", [BOTH.names, frozenset({"pure"})], ids=["both", "pure"])
def test_sections_report_what_was_measured(name: str, available: frozenset[str]) -> None:
    section = command.NAMES[name]
    found = invented(section, available)
    report = section.report(found)
    for v in found.variants.values():
        assert f"| {v.title} |" in report.tables
    assert ("not built" in report.tables) == bool(found.absent)
    for judged in report.judged:
        assert f"{judged.aim}: " in report.tables
        assert ("compiled" in judged.what and bool(found.absent)) == (judged.found is None)
    for plot in report.plots.values():
        picture = drawing.drawn(plot)
        assert_readable(picture.svg, edge=8.0)
        assert not plot.is_empty


@every_section
def test_sections_report_that_nothing_was_measured(name: str) -> None:
    section = command.NAMES[name]
    found = Measured({v.key: v for v in section.variants(True)})
    report = section.report(found)
    result = page.Result(section, found, report)
    assert result.plots == {}
    assert all(judged.found is None for judged in report.judged)
    assert "reached" not in report.tables.replace("not reached", "")


def test_the_aims_are_those_that_were_set() -> None:
    aims = [str(j.aim) for s in command.NAMES.values() for j in s.report(invented(s)).judged]
    assert sorted(aims) == sorted(
        [
            *("≥ 2.2", "≥ 8", "≥ 7.5", "≥ 25", "≥ 8", "≥ 15", "≥ 28", "≥ 100"),
            *("≥ 1.5", "≥ 2.5", "≥ 5", "≥ 5"),
            *("≤ 60", "≤ 160", "≤ 112", "≤ 3", "≤ 3", "≥ 20"),
            *("≤ 1.1", "≤ 1", "≤ 1.1", "≤ 1.1"),  # compiled: LLVM over C
            *("≥ 1.3", "≥ 1.3", "≥ 1.3", "≥ 1.3"),  # JAX over LLVM, 100 steps in one piece
            *("≥ 35", "≥ 5", "≥ 35", "≥ 35"),  # PyTorch over LLVM
            *("≤ 1.1", "≤ 1.1", "≤ 1.5", "≥ 20"),  # NumPy over NumPy; micrograd over Python source
            *("≥ 4", "≥ 4", "≥ 4"),  # random graphs: CasADi over LLVM
            *("≤ 0.1", "≤ 0.2", "≤ 0.5", "≤ 1", "≥ 100"),  # seconds to compile; the whole demo
        ]
    )


def test_training_programs_are_compared_with_the_peer_under_the_same_collector() -> None:
    section = command.NAMES["demo"]
    found = Measured({v.key: v for v in section.variants(False)})
    times = {"peer off": 8.0, "peer on": 90.0, "text pure off": 2.0, "text pure on": 3.0}
    found.rounds = [{key: {"step": time} for key, time in times.items()}]
    (row, *_) = section.report(found).headline
    assert row[1:] == ["4", "30", "–", "–"]


def test_turns_are_timed_without_their_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without what others do between turns."""
    time = [0.0]

    def losses() -> Iterator[float]:
        for loss, seconds in ((6.0, 50.0), (5.0, 1.0), (4.0, 2.0), (3.0, 70.0), (2.0, 4.0)):
            time[0] += seconds
            yield loss
        time[0] += 5.0
        yield 1.0

    monkeypatch.setattr(training, "process_time", lambda: time[0])
    first, second = training.timed_turns(losses())
    assert first == {"figures": {"step": 1.5}, "answers": [6.0, 5.0, 4.0]}
    assert second == {"figures": {"step": 4.5}, "answers": [3.0, 2.0, 1.0]}


def test_children_take_turns_until_all_are_done() -> None:
    """The losses are those of one process, and one that breaks does not stop the others."""
    requests = {key: request(program="nodes", count=6) for key in ("a", "b")}
    requests["broken"] = request(program="nodes", count="many")
    found, failed = turns.in_turns("demo", requests, dict.fromkeys(requests, "pure"))
    alone = rounds.in_fresh_process("demo", request(program="nodes", count=6), "pure")
    assert {*found} == {"a", "b"}
    assert found["a"]["answers"] == found["b"]["answers"] == alone["answers"]
    assert len(alone["answers"]) == 6
    assert found["a"]["engine"] == "pure"
    assert "str" in failed["broken"]


def test_turns_on_another_engine_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that failed are noted, while the others keep their figures."""
    told = {
        "a": {"engine": "compiled", "figures": {"step": 1.0}, "answers": [1.0]},
        "b": {"engine": "pure", "figures": {"step": 1.0}, "answers": [1.0]},
    }
    monkeypatch.setattr(rounds, "in_turns", lambda *_: (dict(told), {"c": "no memory"}))
    section = a_section([variant(key, engine="compiled") for key in "abc"])
    found = Measured({v.key: v for v in section.variants(False)})
    tasks = {key: {"size": 100} for key in "abc"}
    assert {*rounds.taken_in_turns(section, found, tasks)} == {"a"}
    assert found.absent == {
        "b": "failed: it ran on the pure engine, not on the compiled one",
        "c": "failed: no memory",
    }


@pytest.mark.skipif(importlib.util.find_spec("micrograd") is None, reason="needs micrograd")
def test_the_programs_of_the_demo_compute_the_same() -> None:
    programs = [
        rounds.in_fresh_process("demo", request(program=p, count=3), "")["answers"]
        for p in ("peer", "text", "nodes")
    ]
    assert programs[1] == pytest.approx(programs[0], rel=1e-12)
    assert programs[2] == pytest.approx(programs[0], rel=1e-12)
    assert programs[0][1] != programs[0][0]


def test_memory_and_growth_do_their_work() -> None:
    found = rounds.in_fresh_process("memory", request(library="ours", nodes=100_000), "pure")
    assert 100.0 < found["figures"]["bytes"] < 300.0
    found = rounds.in_fresh_process("growth", request(library="ours", nodes=100_000), "pure")
    assert all(found["figures"][phase] > 0.0 for phase in ("forward", "backward", "free"))
    x, a, b = Value(1.0), Value(0.999), Value(0.5)
    chain.chain(x, a, b, 100_000).backward()
    assert found["answers"][1:] == [x.grad, a.grad, b.grad]


# ---- the random graph ---------------------------------------------------------------------------


class Counted:
    """A number that counts what is done with numbers of its kind."""

    count = 0

    def __init__(self, *operands: Any) -> None:
        Counted.count += 1

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = lambda *_: Counted()
    __truediv__ = __rtruediv__ = __pow__ = __neg__ = lambda *_: Counted()


@pytest.mark.parametrize("text", wiring.BLOCKS)
def test_the_operations_of_a_block_are_counted_rightly(text: str) -> None:
    numbers = [Counted() for _ in range(wiring.LEAVES)]
    functions = wiring.Functions(*[Counted] * 5)
    Counted.count = 0
    program = wiring.Program(text, 1000)
    program.prepared(functions)(numbers)
    assert Counted.count == program.count
    assert 1000 <= program.count < 1000 + wiring.BLOCKS[text][1]


@pytest.mark.parametrize("text", wiring.BLOCKS)
def test_the_graph_is_tame_and_reaches_every_leaf(text: str) -> None:
    functions = wiring.Functions(
        lambda x: max(x, 0.0), math.tanh, lambda x: 1 / (1 + math.exp(-x)), math.exp, math.log
    )
    block = wiring.BLOCKS[text][0]
    state = wiring.leaves()
    fixed = wiring.leaves()
    for i, j, k, m in wiring.wiring(700):
        state[i], state[j], out = block(state[i], state[j], fixed[k], fixed[m], functions)
        assert max(abs(state[i]), abs(state[j])) <= 2.0
        assert abs(out) <= 8.0
    _, answers = libraries.ours(wiring.Program(text, 20_000))()
    assert all(1e-6 < abs(slope) < 1e6 for slope in answers[1:])


def test_our_gradients_of_the_graph_agree_with_those_of_the_description() -> None:
    program = wiring.Program("arithmetic", 500)
    seconds, ours = libraries.ours(program)()
    _, theirs = libraries.reference(program)()
    assert ours == pytest.approx(theirs, rel=1e-11)
    assert {*seconds} == {"forward", "backward"}


# ---- pictures -----------------------------------------------------------------------------------


def test_a_chart_of_dots_says_what_it_shows() -> None:
    marks = [Mark(0, Spread(9.0, 7.0, 10.0), 8.0), Mark(1, Spread(24.0, 24.0, 24.0))]
    plot = Dots("Speed", "times", [Row("ours", marks, True), Row("theirs", [])], ["off", "on"], "×")
    picture = drawing.drawn(plot)
    assert picture.text == "ours, off: 9 (7 to 10)×, aim 8.\nours, on: 24×."
    shown = text_of(parsed(picture.svg))
    for words in ("9×", "24×", "off", "on", "aim", "theirs", "not measured", "times (log scale)"):
        assert words in shown
    assert_readable(picture.svg, edge=8.0)


def test_lines_carry_their_names_where_they_end() -> None:
    flat = [(10.0**k, Spread(5.0, 4.0, 6.0)) for k in range(3, 8)]
    near = [(x, Spread(5.1, 5.0, 6.0)) for x, _ in flat]
    plot = Lines("Growth", "nodes", "ns", [("one", flat), ("two", near), ("three", flat[:2])])
    picture = drawing.drawn(plot)
    assert_readable(picture.svg, edge=8.0)
    assert "three: 5 (4 to 6) at 1,000; 5 (4 to 6) at 10,000." in picture.text


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1e6), st.floats(1.0, 50.0), st.floats(1.0, 50.0)),
        min_size=1,
        max_size=6,
    )
)
def test_charts_of_any_numbers_can_be_read(numbers: list[tuple[float, float, float]]) -> None:
    rows = [
        Row(f"variant {i}", [Mark(0, Spread(x, x / below, x * above), 10.0 if i % 2 else None)])
        for i, (x, below, above) in enumerate(numbers)
    ]
    assert_readable(drawing.drawn(Dots("Any", "ns", rows, unit=" ns")).svg, edge=8.0)


# ---- the page and the command -------------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the command run these sections, on figures that come from here."""

    def use(*sections: Section, run: Callable[[str], Outcome]) -> None:
        monkeypatch.setattr(command, "NAMES", {s.name: s for s in sections})
        monkeypatch.setattr(rounds, "engines", lambda: BOTH)
        monkeypatch.setattr(rounds, "_in_child", lambda _, v, task: run(v.key))

    return use


def report(measured: Measured) -> Report:
    """One with everything that a report may have."""
    found = measured.figure("a", "time")
    assert found is not None
    aim = Aim(3.0)
    return Report(
        "| a table |",
        {"made-up": Dots("Times", "s", [Row("a", [Mark(0, found)])])},
        [Judged("time", aim, found), Judged("nothing", aim, None), Judged("good", Aim(1.0), found)],
        [["made up", "1", "2", "3", "4"]],
    )


def test_the_command_prints_and_writes(
    made_up: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up(a_section([variant("a")], report), run=lambda key: outcome(2.0, 1.0))
    assert command.main(["--output", str(tmp_path / "new")]) == 0
    written = (tmp_path / "new" / "benchmarks.md").read_text("utf-8")
    out, err = capsys.readouterr()
    assert "| a table |" in out
    assert "| a table |" in written
    assert "| made up | 1 | 2 | 3 | 4 |" in written
    assert "1 of 3 aims are reached.\n- Not reached: time: 2 (aim: ≥ 3).\n- Not mea" in written
    (chart,) = re.findall(r"!\[Times\]\((.*)\)", written)
    assert (tmp_path / "new" / chart).read_text("utf-8").startswith("<svg")
    assert "%|" not in err, "a bar is for terminals"
    for private in (str(Path.home()), str(ROOT), str(tmp_path)):
        assert private not in written


@pytest.mark.parametrize("option", ["--quick", "--only"])
def test_a_quick_or_partial_run_leaves_the_page_alone(
    option: str,
    made_up: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    made_up(a_section([variant("a")], report), run=lambda key: outcome(2.0, 1.0))
    assert command.main([option] + ["made-up"] * (option == "--only")) == 0
    assert list(tmp_path.iterdir()) == []
    assert "not written" in capsys.readouterr().err
    assert command.main([]) == 0
    assert (tmp_path / "docs" / "benchmarks.md").exists()


def test_wrong_answers_and_errors_in_one_section_leave_the_others_alone(
    made_up: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(measured: Measured) -> Report:
        raise KeyError("a report")

    sections = [
        Section("wrong", "Wrong", "", lambda quick: [variant("a"), variant("b")], {}, (1, 1),
                report),
        Section("broken", "Broken", "", lambda quick: [variant("a")], {}, (1, 1), broken),
        Section("good", "Good", "", lambda quick: [variant("a")], {}, (1, 1), report),
    ]  # fmt: skip
    made_up(*sections, run=lambda key: outcome(2.0, 1.0 if key == "a" else 4.0))
    assert command.main(["--output", str(tmp_path)]) == 1
    written = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert "**Stopped: answer 1 of b is 4.0, that of a is 1.0**" in written
    assert "**Stopped: KeyError: 'a report'**" in written
    assert written.count("| a table |") == 1
    assert "Stopped" in capsys.readouterr().out


def test_a_failed_child_makes_the_command_fail(made_up: Callable[..., None]) -> None:
    def run(key: str) -> Outcome:
        if key == "b":
            raise Failed("no memory")
        return outcome(2.0, 1.0)

    made_up(a_section([variant("a"), variant("b")], report), run=run)
    assert command.main(["--quick"]) == 1


def test_an_interrupted_run_keeps_what_it_printed(
    made_up: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(key: str) -> Outcome:
        if key == "b":
            raise KeyboardInterrupt
        return outcome(2.0, 1.0)

    first = a_section([variant("a")], report)
    second = Section("second", "", "", lambda quick: [variant("b")], {}, (1, 1), report)
    made_up(first, second, run=run)
    assert command.main(["--output", str(tmp_path)]) == 130
    out, err = capsys.readouterr()
    assert "| a table |" in out
    assert "printed above" in err
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_what_was_measured_where() -> None:
    text = page.about(Engines("1.2.3", False, frozenset({"pure"})))
    assert "microgrunderscore 1.2.3, the checkout itself, not installed; engines: pure." in text
    for peer in PEERS:
        assert f"{peer} " in text
    assert re.search(r"Measured on \d{4}-\d\d-\d\d, \d+ cores? ", text)


@pytest.mark.parametrize("module", [spread, section, rounds, turns, drawing, child])
def test_examples(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.failed == 0
    assert found.attempted or module is child
