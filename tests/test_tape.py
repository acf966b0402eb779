"""tape() tells what really happens: carried out line by line, upward, it gives the gradients."""

from __future__ import annotations

import math
import random
import re
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pytest
from dags import random_dag, run

from microgrunderscore import ops
from microgrunderscore.engine import Value, dot
from microgrunderscore.expression import parse
from microgrunderscore.graph import gc_paused
from microgrunderscore.losses import squared_error
from microgrunderscore.nn import MLP
from microgrunderscore.operation import OPERATIONS
from microgrunderscore.pictures.names import order_of_computing
from microgrunderscore.pictures.palette import DARK, LIGHT
from microgrunderscore.pictures.tape import (
    BACKWARD,
    FORWARD,
    MOST_LINES,
    MOST_ROWS,
    SHOWN_ROWS,
    WIDEST,
    Row,
    Tape,
    columns,
    tape,
)

HOSTILE = ["<b>&\"'", "x = y", "学习", "e\u0301", "\u202eleft", "a\nb", "", " ", "$x$", "z" * 200]


def tape_of(text: str, **values: float) -> Tape:
    parsed = parse(text, values)
    return tape(parsed.root, output=parsed.output)


def tables(t: Tape) -> tuple[ElementTree.Element, list[list[str]]]:
    """The table, and its body as a grid: every cell's text at each place that it spans."""
    table = ElementTree.fromstring(t.fragment).find("table")
    assert table is not None
    grid: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}
    for row in table.iterfind("tbody/tr"):
        cells, line = list(row), []
        while cells or len(line) in pending:
            place = len(line)
            if place in pending:
                left, text = pending.pop(place)
                line.append(text)
                if left > 1:
                    pending[place] = (left - 1, text)
                continue
            cell = cells.pop(0)
            text = "".join(cell.itertext())
            line += [text] * int(cell.get("colspan", "1"))
            if int(cell.get("rowspan", "1")) > 1:
                pending[place] = (int(cell.get("rowspan", "1")) - 1, text)
        grid.append(line)
    assert not pending
    return table, grid


# ---- golden texts -------------------------------------------------------------------------------


def test_the_lecture() -> None:
    assert str(tape_of("log(x*y)", x=2, y=3)).splitlines() == [
        "↓ forward: values   ↑ backward: gradients",
        "─────────────────   ─────────────────────────────────────────",
        "x = 2               ∂z/∂x = 0.5",
        "y = 3               ∂z/∂y = 0.3333",
        "─────────────────   ─────────────────────────────────────────",
        "v = x · y = 6       ∂z/∂y = ∂z/∂v · x = 0.1667 × 2 = 0.3333",
        "                    ∂z/∂x = ∂z/∂v · y = 0.1667 × 3 = 0.5",
        "z = log v = 1.792   ∂z/∂v = ∂z/∂z · 1/v = 1 × 0.1667 = 0.1667",
        "                    ∂z/∂z = 1",
    ]


def test_contributions_add_up() -> None:
    lines = str(tape_of("x*y + sin(x)", x=0.5, y=4.2)).splitlines()
    assert lines[2:4] == [
        "x = 0.5              ∂z/∂x = 0.8776 + 4.2 = 5.078",
        "y = 4.2              ∂z/∂y = 0.5",
    ]
    assert lines[5:8] == [
        "v = x · y = 2.1      ∂z/∂y = ∂z/∂v · x = 1 × 0.5 = 0.5",
        "                     ∂z/∂x += ∂z/∂v · y = 1 × 4.2 = 4.2",
        "w = sin x = 0.4794   ∂z/∂x += ∂z/∂w · cos x = 1 × 0.8776 = 0.8776",
    ]


def test_the_survey() -> None:
    """Baydin et al. (2018), table 3: ln x₁ + x₁x₂ − sin x₂ at (2, 5)."""
    t = tape_of("log(a) + a*b - sin(b)", a=2, b=5)
    assert [row.gradient for row in t.inputs] == pytest.approx([5.5, 2 - math.cos(5)])
    said = {f"{row.value:.3f}" for row in t.operations}
    assert said == {"0.693", "10.000", "10.693", "-0.959", "11.652"}
    products = sorted(f"{m.product:.3f}" for row in t.operations for m in row.sent)
    assert products == sorted(
        ["1.000", "-1.000", "1.000", "1.000", "-0.284", "5.000", "2.000", "0.500"]
    )


@pytest.mark.parametrize(
    ("expression", "values", "line"),
    [
        ("x*x", {"x": -3.0}, "∂z/∂x = −3 − 3 = −6"),
        ("tanh(x)", {"x": 0.0}, "∂z/∂x = ∂z/∂z · (1 − z²) = 1 × 1 = 1"),
        ("x", {"x": 2.0}, "∂z/∂z = 1"),
        ("2 - x", {"x": 5.0}, "∂z/∂x = ∂z/∂z · (−1) = 1 × (−1) = −1"),
        ("max(x, y)*y", {"x": 1.0, "y": 2.0}, "∂z/∂x = 0"),
        ("x*y", {"x": math.nan, "y": math.inf}, "∂z/∂x = ∂z/∂z · y = 1 × ∞ = ∞"),
        ("+".join("x" * 14), {"x": 1.0}, "∂z/∂x = 1 + 1 + 1 + 1 + … + 1 + 1 + 1 + 1 = 14"),
    ],
)
def test_lines(expression: str, values: dict[str, float], line: str) -> None:
    right = [row[1] for r in tape_of(expression, **values).rows for row in r.lines]
    assert line in right


def test_constants_have_no_row_and_what_is_not_selected_gets_nothing() -> None:
    t = tape_of("max(x, 3) + exp(2)*y", x=1, y=1)
    assert [row.name for row in t.inputs] == ["x", "y"]
    x = Value(0.0, "x")
    with_a_pole = ops.where(1.0, Value(2.0, "y"), 1.0 / (x + 1e-320))
    t = tape(with_a_pole)
    assert {row.name: row.gradient for row in t.inputs} == {"y": 1.0, "x": 0.0}
    assert not any(m.receiver == "∂z/∂x" for row in t.rows for m in row.sent)


# ---- properties ---------------------------------------------------------------------------------


def carried_out(rows: tuple[Row, ...]) -> dict[str, float]:
    """Read the backward trace upward, and do what it says."""
    gradients: dict[str, float] = defaultdict(float)
    arrived = defaultdict(list)
    gradients[rows[-1].symbol] = 1.0
    for row in reversed(rows):
        for message in row.sent:
            assert message.sender == row.symbol
            assert message.gradient == gradients[row.symbol] == row.gradient
            assert message.product == message.gradient * message.slope
            arrived[message.receiver].append(message)
            gradients[message.receiver] += message.product
    for row in rows:
        assert row.arrived == tuple(m.product for m in arrived[row.symbol])
        assert row.gradient == gradients[row.symbol]
        for message in arrived[row.symbol]:
            assert message.sign == ("+=" if len(row.arrived) > 1 else "=")
    return gradients


@pytest.mark.parametrize("seed", range(40))
def test_carried_out_it_gives_the_gradients(seed: int) -> None:
    rng = random.Random(seed)
    inputs = [rng.uniform(-2, 2) for _ in range(4)]
    program = random_dag(rng, inputs, 25)
    leaves = [Value(x, f"x{i}") for i, x in enumerate(inputs)]
    root = run(program, leaves, OPERATIONS)[-1]
    before = [(v.grad, v.has_grad) for v in order_of_computing(root)]
    t = tape(root)
    assert [(v.grad, v.has_grad) for v in order_of_computing(root)] == before
    gradients = carried_out(t.rows)
    root.backward()
    inside = {id(v) for v in order_of_computing(root)}
    for i, leaf in enumerate(leaves):
        if id(leaf) in inside:
            name = f"∂z/∂x{'₀₁₂₃'[i]}"
            assert gradients[name] == pytest.approx(leaf.grad, rel=1e-12, abs=1e-12)
    assert str(t) == str(tape(root))
    assert t.fragment == tape(root).fragment


@pytest.mark.parametrize("seed", range(10))
def test_the_text_is_aligned_and_fits(seed: int) -> None:
    rng = random.Random(seed)
    program = random_dag(rng, [0.3, -1.7, 0.9], 30)
    root = run(program, [Value(0.3, "x"), Value(-1.7, "y"), Value(0.9, "w")], OPERATIONS)[-1]
    t = tape(root)
    first, rule, *others = str(t).splitlines()
    at = columns(first[: first.index(BACKWARD)])
    assert rule.index(" ") == at - 3
    assert max(columns(line) for line in [first, rule, *others]) <= WIDEST
    for line in others:  # nothing of the left reaches into the gap
        assert line[at - 3 : at].strip() in ("", "─")
    written = re.sub(r"\s", "", "".join(line[at:] for line in others))
    for row in t.rows:
        for _, right in row.lines:
            assert re.sub(r"\s", "", right) in written


def test_a_narrow_tape_is_not_folded() -> None:
    assert "\n    =" not in str(tape_of("log(x*y)", x=2, y=3))


def test_long_names_are_folded_before_a_sign() -> None:
    x = Value(2.0, "a_name_that_is_rather_long")
    lines = str(tape((x * x).tanh(), output="another_long_name")).splitlines()
    assert max(map(len, lines)) <= WIDEST
    at = lines[0].index(BACKWARD)
    for right in (line[at:] for line in lines[2:]):
        assert re.match("[∂─]|    [=+−·]|$", right), right
    assert sum(line.endswith("∂another_long_name/∂another_long_name = 1") for line in lines) == 1


# ---- hostile names ------------------------------------------------------------------------------


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names(label: str) -> None:
    x, y = Value(2.0, label), Value(3.0, "<script>alert(1)</script>")
    t = tape((x * y).exp())
    table, grid = tables(t)
    assert {tag.tag for tag in table.iter()} == {
        "table", "caption", "thead", "tbody", "tr", "th", "td", "span",
    }  # fmt: skip
    assert {len(line) for line in grid} == {6}
    assert "<script" not in t.html
    lines = str(t).splitlines()
    assert all(line.isprintable() for line in lines)
    at = columns(lines[0][: lines[0].index(BACKWARD)])
    for line in lines[2:]:
        left = ""
        while left != line and columns(left) < at:
            left = line[: len(left) + 1]
        assert not left or left == line or left.endswith("  ")


def test_widths_in_a_terminal() -> None:
    assert [columns(x) for x in ("", "x = 2", "∂z/∂v₁", "−×10⁻⁶", "学", "e\u0301", "ｘ")] == [
        0, 5, 6, 6, 2, 1, 2,
    ]  # fmt: skip


# ---- large graphs -------------------------------------------------------------------------------


def chain(n: int) -> Value:
    v = Value(1.0, "x")
    for _ in range(n):
        v = v.tanh()
    return v


def test_of_many_rows_the_first_and_the_last() -> None:
    whole = tape(chain(MOST_ROWS - 1))
    assert (len(whole.rows), whole.hidden) == (MOST_ROWS, (0, 0))
    assert "more" not in str(whole)
    t = tape(chain(1283))
    assert repr(t) == "<Tape of z = tanh v₁₂₈₂, 1,284 rows>"
    assert (len(t.inputs), len(t.operations), t.hidden) == (1, SHOWN_ROWS, (0, 1233))
    lines = str(t).splitlines()
    place = lines.index("… 1,233 more rows")
    assert "v₂₅ = " in lines[place - 1]
    assert lines[place + 1].startswith("v₁₂₅₉ = ")
    _, grid = tables(t)
    assert ["… 1,233 more rows"] * 6 in grid


def test_of_many_inputs_too() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(300)]
    t = tape(ops.sum_of(*xs))
    assert [row.name for row in t.inputs] == [
        *(f"x{i}".translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")) for i in range(25)),
        *(f"x{i}".translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")) for i in range(275, 300)),
    ]
    assert t.hidden == (250, 0)


def test_of_many_operands_the_first_and_the_last() -> None:
    xs = [Value(float(i + 1), f"x{i}") for i in range(40)]
    t = tape(dot(xs, xs))
    (row,) = t.operations
    assert len(row.sent) == 80
    right = [line for _, line in row.lines]
    assert len(right) == MOST_LINES + 1
    assert right[MOST_LINES // 2] == f"… {80 + 1 - MOST_LINES} more lines"
    assert right[-1] == "∂z/∂z = 1"
    _, grid = tables(t)
    assert {len(line) for line in grid} == {6}


def test_a_hundred_thousand_nodes() -> None:
    with gc_paused():
        z = chain(100_000)
    started = time.perf_counter()
    t = tape(z)
    assert len(str(t)) < 20_000
    assert len(t.html) < 300_000
    assert time.perf_counter() - started < 20  # 2 s on an idle machine


# ---- HTML ---------------------------------------------------------------------------------------


def test_the_table_says_the_same_as_the_text() -> None:
    t = tape_of("x*y + sin(x)", x=0.5, y=4.2)
    table, grid = tables(t)
    said = []
    for row in t.rows:
        said += [(row.title, line) for _, line in row.lines]
    assert [
        (line[0], re.sub(" ?= $", "", " ".join(filter(None, line[2:])))) for line in grid
    ] == said
    assert [line[1] for line in grid] == ["0.5", "4.2", "2.1", "2.1", "0.4794", *["2.579"] * 3]
    assert len(table.findall("tbody")) == 2


def test_the_table_is_accessible() -> None:
    t = tape_of("log(x*y)", x=2, y=3)
    table, _ = tables(t)
    caption = table.find("caption")
    assert caption is not None
    assert caption.text == "Tape of z = log v: values downward, gradients upward"
    lanes, heads = table.findall("thead/tr")
    assert [(th.text, th.get("scope"), th.get("colspan")) for th in lanes] == [
        (FORWARD, "colgroup", "2"),
        (BACKWARD, "colgroup", "4"),
    ]
    assert all(th.get("scope") == "col" and th.text for th in heads)
    assert len(heads) == 6
    rows = table.findall("tbody/tr/th")
    assert [("".join(th.itertext()), th.get("scope")) for th in rows] == [
        ("x", "row"), ("y", "row"), ("v = x · y", "row"), ("z = log v", "row"),
    ]  # fmt: skip


def test_colours_are_written_into_the_elements_and_again_for_dark_pages() -> None:
    whole = ElementTree.fromstring(tape_of("x*y + sin(x)", x=0.5, y=4.2).fragment)
    style = whole.findtext("style")
    assert style is not None
    of_dark_systems = style.partition(":is(")[0]
    for element in whole.iter():
        inline = element.get("style", "")
        assert not [c for c in re.findall("#[0-9a-f]{6}", inline) if c not in LIGHT.values()]
        for name in element.get("class", "").split():
            if re.search(f"#.*{name}", inline) or name in ("value", "gradient", "slope", "cell"):
                assert f".mg-tape .{name}{{" in of_dark_systems
                assert style.count(f".mg-tape .{name}{{") == 3  # system, light pages, dark pages
    assert set(re.findall("#[0-9a-f]{6}", of_dark_systems)) <= set(DARK.values())
    assert style.count("!important") == style.count("color:") + style.count("background:") - (
        style.count("background-color:")
    ) + style.count("border") - style.count("border-collapse")
    assert "<script" not in tape(Value(1.0)).html
    assert not re.search("https?://", tape(Value(1.0)).html)


# ---- the object ---------------------------------------------------------------------------------


def test_in_a_notebook() -> None:
    t = tape_of("log(x*y)", x=2, y=3)
    assert t._repr_mimebundle_() == {"text/html": t.fragment, "text/plain": str(t)}
    assert repr(tape(Value(1.0, "x"))) == "<Tape of x, 1 row>"


def test_saving(tmp_path: Path) -> None:
    t = tape_of("log(x*y)", x=2, y=3)
    text, html = tmp_path / "t.txt", tmp_path / "t.HTML"
    assert t.save(text) == text
    assert text.read_text(encoding="utf-8") == f"{t}\n"
    t.save(str(html))
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        t.save(text)
    t.save(text, overwrite=True)
    for name in ("t", "t.svg", "t.txt.gz", ".html"):
        with pytest.raises(ValueError, match=r"end it in \.txt, \.html"):
            t.save(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        t.save(tmp_path / "none" / "t.txt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.HTML", "t.txt"]


def test_what_it_takes() -> None:
    for nonsense in (2.0, None, "x", [Value(1.0)]):
        with pytest.raises(TypeError, match="tape needs the Value"):
            tape(nonsense)  # type: ignore[arg-type]
    x = Value(2.0, "x")
    with pytest.raises(ValueError, match="choose another name"):
        tape(x * x, output="x")
    y = x * x
    assert [row.name for row in tape(y + 1.0, names={"y": y}).rows] == ["x", "y", "z"]


def test_the_names_of_the_textbook() -> None:
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    t = tape(squared_error(model([1.0, 2.0]), 1.0), model=model, output="L")
    names = {row.name for row in t.rows}
    assert {"w₁₁⁽¹⁾", "b₁⁽²⁾", "h₂⁽¹⁾", "L"} <= names
    assert t.rows[-1].symbol == "∂L/∂L"


def test_data_that_was_changed_since_is_noted() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x * y
    assert tape(z).notes == ()
    x.data = 5.0
    t = tape(z)
    [note] = t.notes
    assert note.startswith("The data of x was changed after z was computed")
    assert t.text.endswith(f"\n{note}")
    assert f"gradients upward. {note}</caption>" in t.fragment
