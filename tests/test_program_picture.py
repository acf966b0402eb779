"""The picture of a compiled program: its boxes are groups, its lines what flows between them."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from readable import SVG, assert_readable, parsed, text_of

from microgrunderscore import MLP, Value, compile

pytest.importorskip("numpy")

from test_explanation import TABLE, gradient, network, passes, tangle

from microgrunderscore.pictures.picture import Picture
from microgrunderscore.pictures.program_picture import (
    LEAST_WIDTH,
    PER_DOUBLING,
    WIDEST,
    program_picture,
)

NETWORK = network(2, [16, 16, 1], backend="numpy")
PICTURE: Picture = NETWORK.overview()


def titles(svg: str) -> list[str]:
    """What a mouse shows over boxes and lines."""
    groups = parsed(svg).iter(f"{SVG}g")
    return [t.text or "" for g in groups if (t := g.find(f"{SVG}title")) is not None]


def boxes(svg: str) -> dict[str, Any]:
    """The box of each part, by its words; of those that share them the last."""
    found = {}
    for group in parsed(svg).iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is not None:
            said = (group.find(f"{SVG}title").text or "").split(": ")[0]  # type: ignore[union-attr]
            found[said] = rect
    return found


def middle(rect: Any) -> tuple[float, float]:
    x, y, width, height = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
    return x + width / 2, y + height / 2


def test_each_part_is_a_box() -> None:
    found = titles(PICTURE.svg)
    for phrase in (p for phrases in passes(NETWORK.explain()).values() for p in phrases):
        words = re.sub(r" \(\d+ times\)", "", phrase)
        assert any(t.split(": ")[0] == words for t in found), words
    rects = [g for g in parsed(PICTURE.svg).iter(f"{SVG}g") if g.find(f"{SVG}rect") is not None]
    assert len(rects) == 1 + 19  # and the sample


def test_lines_say_what_flows() -> None:
    found = titles(PICTURE.svg)
    for line in (
        "2 numbers from a sample to matrix 16×2 + bias",
        "16 numbers from matrix 16×2 + bias to relu 16",
        "1 number from a sample to dot 16 + bias − input",
        "1 number from square to mean over the samples",
        "16 numbers from relu' 16 to matrix 16×16 transposed",
        "16 numbers of relu 16, read by relu' 16",
        "2 numbers of a sample, read by outer product 16×2 over the samples",
    ):
        assert found.count(line) >= 1, line
    assert not any("from a sample to mean" in line for line in found)  # its weight is left out


def test_boxes_say_what_they_read_and_give() -> None:
    found = titles(PICTURE.svg)
    assert "matrix 16×16 + bias: 16 members, 272 parameters" in found
    assert "outer product 16×16 over the samples: 256 members, gradient of 256" in found
    assert "mean over the samples: gives the loss" in found
    gradients = [int(t.split("gradient of ")[1]) for t in found if "gradient of" in t]
    assert sum(gradients) == 337


def test_boxes_with_more_members_are_wider_on_a_log_scale() -> None:
    found = boxes(PICTURE.svg)
    for words, count in (
        ("square", 1),
        ("relu 16", 16),
        ("outer product 16×2 over the samples", 32),
        ("outer product 16×16 over the samples", 256),
    ):
        doublings = count.bit_length() - 1
        assert float(found[words].get("width")) == LEAST_WIDTH + PER_DOUBLING * doublings
    assert "each doubling of the members makes a box 9 px wider" in PICTURE.text


def test_lines_with_more_numbers_are_thicker() -> None:
    widths = {}
    for group in parsed(PICTURE.svg).iter(f"{SVG}g"):
        title, path = group.find(f"{SVG}title"), group.find(f"{SVG}path")
        if title is not None and path is not None and " from " in (title.text or ""):
            widths[int((title.text or "").split()[0])] = float(path.get("stroke-width", "nan"))
    assert sorted(widths) == [1, 2, 16]
    assert widths[1] < widths[2] < widths[16]


def test_forward_runs_to_the_right_and_the_adjoint_back_below() -> None:
    found = boxes(PICTURE.svg)
    way = [
        "a sample",
        "matrix 16×2 + bias",
        "matrix 16×16 + bias",
        "dot 16 + bias − input",
        "square",
    ]
    xs = [middle(found[words])[0] for words in way]
    assert xs == sorted(xs)
    back = ["scaled", "weighted", "matrix 1×16 transposed", "matrix 16×16 transposed",
            "outer product 16×2 over the samples"]  # fmt: skip
    xs = [middle(found[words])[0] for words in back]
    assert xs == sorted(xs, reverse=True)
    lowest = max(middle(found[words])[1] for words in way)
    assert all(middle(found[words])[1] > lowest for words in back)


def test_phases_are_marked_without_colour() -> None:
    picture = TABLE["penalty"][0](backend="numpy").overview()
    found = boxes(picture.svg)
    assert "card-constant" in found["dot 65"].get("class")
    assert "card-constant" not in found["relu 16"].get("class")
    said = {text_of(t) for t in parsed(picture.svg).iter(f"{SVG}text")}
    assert {"once, before", "once, after", "for each sample"} <= said
    assert "once, before or after the samples" in said
    assert "once, before or after the samples" not in PICTURE.svg


def test_what_the_adjoint_reads_is_dotted() -> None:
    for group in parsed(PICTURE.svg).iter(f"{SVG}g"):
        title, path = group.find(f"{SVG}title"), group.find(f"{SVG}path")
        if title is not None and path is not None:
            assert (path.get("stroke-dasharray") is not None) == (
                ", read by " in (title.text or "")
            )


@pytest.mark.parametrize("name", TABLE)
def test_all_can_be_read(name: str) -> None:
    picture = TABLE[name][0](backend="python").overview()
    assert_readable(picture.svg)
    assert picture.width <= WIDEST


def overlapping(svg: str) -> list[tuple[str, str]]:
    """Boxes that lie on each other."""
    places = []
    for words, rect in boxes(svg).items():
        places.append((words, [float(rect.get(k)) for k in ("x", "y", "width", "height")]))
    return [
        (a, b) for i, (a, (x, y, w, h)) in enumerate(places) for b, (u, v, s, t) in places[:i]
        if x < u + s and u < x + w and y < v + t and v < y + h
    ]  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_no_box_lies_on_another(name: str) -> None:
    assert not overlapping(TABLE[name][0](backend="python").overview().svg)


# ---- many ---------------------------------------------------------------------------------------


def test_many_groups_share_boxes() -> None:
    model = MLP(2, [8] * 25 + [1], activation="tanh", seed=1)
    f = compile(lambda x: model(x) ** 2, model, backend="numpy")
    f([[0.1, 0.2]])
    picture = f.overview()
    rects = [g for g in parsed(picture.svg).iter(f"{SVG}g") if g.find(f"{SVG}rect") is not None]
    assert 10 <= len(rects) <= 61
    assert "Neighbouring groups share a box where there are many." in picture.text
    words = "outer product 8×8 over the samples"
    assert re.search(rf"{words} and \d+ more: [\d,]+ members, of \d+ groups", picture.svg)
    gradients = [int(t.split("gradient of ")[1].split(",")[0]) for t in titles(picture.svg)
                 if "gradient of" in t]  # fmt: skip
    assert sum(gradients) == len(model.parameters())
    assert picture.width <= WIDEST
    assert_readable(picture.svg)
    assert len(picture.svg) < 200_000


def test_a_tangle_is_a_few_boxes() -> None:
    f = tangle(backend="numpy")
    picture = f.overview()
    found = [t for t in titles(picture.svg) if re.match(r"[\d,]+ single operations", t)]
    assert 4 < len(found) < 40
    counts = [int(t.split()[0].replace(",", "")) for t in found]
    layout = f._latest.executable.layout
    assert sum(counts) == sum(getattr(s, "count", 1) for s in layout.steps)
    assert_readable(picture.svg)


# ---- as all pictures ----------------------------------------------------------------------------


def test_the_text_says_all() -> None:
    assert PICTURE.text.startswith(NETWORK.explain())
    assert str(PICTURE) == PICTURE.text
    assert "19 groups as 20 boxes and 19 lines" in PICTURE.text
    root = parsed(PICTURE.svg)
    assert root.get("role") == "img"
    desc = root.find(f"{SVG}desc")
    assert desc is not None
    assert "matrix 16×16 + bias · relu 16" in (desc.text or "")


def test_functions_have_pictures_too() -> None:
    picture = gradient(backend="numpy").overview()
    assert {"exp", "quotient: gives 2 results"} & set(titles(picture.svg))
    assert any(t.endswith("gives 2 results") for t in titles(picture.svg))
    picture = TABLE["elementwise"][0](backend="numpy").overview()
    assert "Adjoint" not in picture.svg
    picture = TABLE["jacobian"][0](backend="numpy").overview()
    assert "Adjoint" in picture.svg


def test_numbers_that_are_no_parameters() -> None:
    w, c = Value(1.0, "w"), Value(2.0, "c")
    f = compile(lambda x: (w * x - c) ** 2, [w], backend="numpy")
    f([1.0])
    assert any("1 other number" in t for t in titles(f.overview().svg))


def test_nothing_but_parameters() -> None:
    """A loss without data: all is done once."""
    ws = [Value(0.1 * i) for i in range(9)]
    f = compile(lambda: sum((w * w).exp() for w in ws), ws, backend="numpy")
    f()
    picture = f.overview()
    assert "a sample" not in {t.split(":")[0] for t in titles(picture.svg)}
    assert_readable(picture.svg)


HOSTILE = ["<b>&\"'\\N", "\0\u202e\ud800", "</title><script>alert(1)</script>", "]]>", "x" * 10**5]


@pytest.mark.parametrize("title", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_titles_are_text(title: str) -> None:
    picture = NETWORK.overview(title=title)
    plain = NETWORK.overview(title="x" * min(len(title), 400))
    tags = [e.tag for e in parsed(picture.svg).iter()]
    assert {*tags} == {e.tag for e in parsed(plain.svg).iter()}
    assert "<script" not in picture.svg
    assert_readable(picture.svg)


def test_a_title_of_ones_own() -> None:
    picture = NETWORK.overview(title="Two moons")
    assert picture.title == "Two moons"
    assert "Two moons" in {text_of(t) for t in parsed(picture.svg).iter(f"{SVG}text")}
    assert repr(PICTURE) == "<Picture: A compiled program: 808 operations>"


def test_themes() -> None:
    auto, light, dark = (NETWORK.overview(theme=t).svg for t in ("auto", "light", "dark"))
    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    assert "#11161d" in dark
    assert "#11161d" not in light
    with pytest.raises(ValueError, match="theme"):
        NETWORK.overview(theme="pink")
    with pytest.raises(ValueError, match="format"):
        NETWORK.overview(format="gif")


def test_it_works_in_notebooks_and_files(tmp_path: Any) -> None:
    bundle = PICTURE._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", "image/svg+xml"}
    assert PICTURE.save(tmp_path / "a.svg").read_text() == PICTURE.svg
    assert "<svg" in PICTURE.save(tmp_path / "a.html").read_text()


SAME = """
from test_explanation import attention, network
import hashlib
svg = network(2, [16, 16, 1], backend="numpy").overview().svg + attention().overview().svg
print(hashlib.sha256(svg.encode()).hexdigest())
"""


def test_the_same_bytes_in_every_process() -> None:
    found = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SAME],
            capture_output=True, text=True, timeout=60, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


def test_without_numpy_there_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "microgrunderscore.program.parts", None)
    with pytest.raises(ImportError, match=r"microgrunderscore\[numpy\].*explain\(\) needs nothing"):
        program_picture(NETWORK._latest)
