"""The tour prints what it promises, twice the same, and nothing but results on stdout."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from microgrunderscore import cli, demo, training
from microgrunderscore.pictures.picture import Picture
from microgrunderscore.report import Section, page

NAME = "microgrunderscore-demo.html"


class Tour(NamedTuple):
    out: str
    err: str
    page: str

    def part(self, title: str) -> str:
        """What follows a title, up to the next one."""
        _, _, rest = self.out.partition(f"── {title}")
        assert rest, title
        return rest.partition("── ")[0]


def toured(folder: Path) -> Tour:
    """The tour from its start, over a page of an earlier one, with stderr as if a terminal."""
    out, err = io.StringIO(), io.StringIO()
    err.isatty = lambda: True  # type: ignore[method-assign]
    (folder / NAME).write_bytes(page("Old", [], kind="demo").encode())
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        assert cli.main(["demo"]) == 0
    assert os.listdir(folder) == [NAME]
    return Tour(out.getvalue(), err.getvalue(), (folder / NAME).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tour").resolve()


@pytest.fixture(scope="module")
def tour(folder: Path) -> Tour:
    return toured(folder)


def test_the_chain_rule_of_the_lecture(tour: Tour) -> None:
    lines = tour.part("z = log(xy)").splitlines()
    assert "∂z/∂x = ∂z/∂w · ∂w/∂v · ∂v/∂x = 1 × 1/v × y = y/v = 1/x" in lines
    assert "      = 1 × 0.1667 × 3 = 0.5" in lines
    assert "∂z/∂y = ∂z/∂w · ∂w/∂v · ∂v/∂y = 1 × 1/v × x = x/v = 1/y" in lines
    assert "      = 1 × 0.1667 × 2 = 0.3333" in lines
    analytic, numeric = re.findall(r"\d\.\d{10}", lines[-2])
    assert float(analytic) == pytest.approx(float(numeric), abs=1e-9)


@pytest.mark.parametrize("title", ["Two moons", "Fisher's iris"])
def test_the_networks_learn(tour: Tour, title: str) -> None:
    shares = [float(x) for x in re.findall(r"(\d+(?:\.\d+)?)%", tour.part(title))]
    assert shares
    assert min(shares) >= 95
    before, after = re.findall(r"loss +(\S+) → (\S+)", tour.part(title))[0]
    assert float(after) < 0.1 * float(before)


def test_the_gradient_of_every_parameter_is_checked(tour: Tour) -> None:
    part = tour.part("Fisher's iris")
    assert "of all 67 parameters checked by differences" in part
    analytic, numeric = re.findall(r"worst (\S+) against (\S+)", part)[0]
    assert float(analytic) == pytest.approx(float(numeric), abs=1e-8)


def test_the_autoencoder_invents_eight_codes(tour: Tour) -> None:
    rows = re.findall(
        r"^([01]{8})   (\S+)  (\S+)  (\S+)   ([01]{3})   ([01]{8})$",
        tour.part("The 8-3-8 autoencoder"),
        re.MULTILINE,
    )
    assert [row[0] for row in rows] == [f"{1 << (7 - i):08b}" for i in range(8)]
    assert [row[5] for row in rows] == [row[0] for row in rows]
    assert len({row[4] for row in rows}) == 8
    for *_, a, b, c, code, _ in rows:
        assert "".join(str(round(float(h))) for h in (a, b, c)) == code


def test_the_same_in_every_run_and_progress_is_not_among_the_results(
    tour: Tour, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "\r" not in tour.out
    with contextlib.suppress(ImportError):
        import tqdm  # noqa: F401

        assert "update" in tour.err
    for part in (demo.log_of_product, demo.iris, demo.autoencoder):  # the moons take seconds
        pictures = [picture for row in part() for picture in row]
        again = capsys.readouterr()
        title, _, rest = (part.__doc__ or "").partition("\n")
        printed, _, _ = tour.part(title).partition("\npictures   ")
        assert printed.strip() == f"{rest.strip()}\n\n{again.out}".strip()
        assert again.err == ""
        assert pictures
        for picture in pictures:
            assert (picture.svg if isinstance(picture, Picture) else picture.fragment) in tour.page


def test_ctrl_c_ends_the_tour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Run, "epoch", interrupt)
    assert cli.main(["demo"]) == 1
    said = capsys.readouterr()
    assert said.err == "microgrunderscore: interrupted\n"
    assert "Two moons" in said.out
    assert "iris" not in said.out
    assert not os.listdir(tmp_path)


def test_every_part_says_what_it_is_about() -> None:
    for part in (demo.log_of_product, demo.moons, demo.iris, demo.autoencoder):
        title, blank, *rest = (part.__doc__ or "").splitlines()
        assert title
        assert not blank
        assert rest


# ---- the page -----------------------------------------------------------------------------------


def test_the_page_is_named_at_the_end(tour: Tour, folder: Path) -> None:
    assert tour.out.splitlines()[-1] == f"pictures   {folder / NAME}"


def test_the_page_has_every_part(tour: Tour) -> None:
    for part in (demo.log_of_product, demo.moons, demo.iris, demo.autoencoder):
        title = (part.__doc__ or "").splitlines()[0]
        assert re.search(f">{re.escape(title).replace(chr(39), '&#x27;')}</h2>", tour.page), title
    for picture in (
        "Backpropagation through z = log(x · y)",
        "Training, epoch by epoch",
        "MLP 2 → 16 → 16 → 1",
        ">Loss<",
        ">Accuracy<",
        "Size of the gradients, epoch by epoch",
        "Activations, layer by layer",
        "All 8 codes are distinct.",
    ):
        assert picture in tour.page


def test_the_page_asks_nothing_of_the_network(tour: Tour) -> None:
    without_names = tour.page.replace("http://www.w3.org/2000/svg", "")
    without_names = without_names.replace("http://www.w3.org/1998/Math/MathML", "")
    assert not re.search(
        "(?:src|href)=[\"']?(?:https?:)?//|url\\(|@import|https?://", without_names
    )


def published(written: bytes = b"") -> str:
    return demo._published(written or page("T", [], kind="demo").encode()).name


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"mine",
        b"\xff\xfe",
        page("T", [], kind="report").encode(),
        page(
            "T", [Section('<meta name="generator" content="microgrunderscore 1 demo">', [])]
        ).encode(),
        b" " * 5000 + page("T", [], kind="demo").encode(),
    ],
)
def test_a_foreign_file_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NAME).write_bytes(foreign)
    assert published() == "microgrunderscore-demo-2.html"
    assert Path(NAME).read_bytes() == foreign
    Path("microgrunderscore-demo-2.html").write_bytes(b"mine, too")
    assert published() == "microgrunderscore-demo-3.html"
    again = page("New", [], kind="demo").encode()
    assert published(again) == "microgrunderscore-demo-3.html"  # that one is ours
    assert Path("microgrunderscore-demo-3.html").read_bytes() == again
    assert Path("microgrunderscore-demo-2.html").read_bytes() == b"mine, too"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere.html")])
def test_what_is_no_file_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path(NAME))
    assert published() == "microgrunderscore-demo-2.html"
    assert sorted(os.listdir()) == ["microgrunderscore-demo-2.html", NAME]


def test_a_link_to_a_page_of_ours_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = page("Kept", [], kind="demo").encode()
    Path("kept.html").write_bytes(kept)
    Path(NAME).symlink_to("kept.html")
    assert published() == "microgrunderscore-demo-2.html"
    assert Path("kept.html").read_bytes() == kept


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "full")])
def test_a_folder_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: OSError,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "write", refuse)
    for part in ("log_of_product", "moons", "iris", "autoencoder"):
        monkeypatch.setattr(demo, part, list)
    assert cli.main(["demo"]) == 0
    said = capsys.readouterr()
    told = f"no page of pictures: cannot write here: {error.strerror}"
    assert said.err == f"microgrunderscore: {told}\n"
    assert "pictures" not in said.out
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="directories of POSIX")
def test_a_folder_that_is_gone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for part in ("log_of_product", "moons", "iris", "autoencoder"):
        monkeypatch.setattr(demo, part, list)
    assert cli.main(["demo"]) == 0
    assert capsys.readouterr().err.startswith("microgrunderscore: no page of pictures")
    monkeypatch.chdir(tmp_path)
