"""The tour prints what it promises, twice the same, and nothing but results on stdout."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any, NamedTuple

import pytest

from microgrunderscore import cli, demo, training


class Tour(NamedTuple):
    out: str
    err: str

    def part(self, title: str) -> str:
        """What follows a title, up to the next one."""
        _, _, rest = self.out.partition(f"── {title}")
        assert rest, title
        return rest.partition("── ")[0]


def toured(watched: bool = False) -> Tour:
    """The tour from its start; watched: as if stderr were a terminal."""
    out, err = io.StringIO(), io.StringIO()
    err.isatty = lambda: watched  # type: ignore[method-assign]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert cli.main(["demo"]) == 0
    return Tour(out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def tour() -> Tour:
    return toured()


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


def test_the_same_in_every_run_and_progress_is_not_among_the_results(tour: Tour) -> None:
    watched = toured(watched=True)
    assert watched.out == tour.out
    assert tour.err == ""
    assert "\r" not in tour.out
    with contextlib.suppress(ImportError):
        import tqdm  # noqa: F401

        assert "update" in watched.err


def test_ctrl_c_ends_the_tour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Run, "epoch", interrupt)
    assert cli.main(["demo"]) == 1
    said = capsys.readouterr()
    assert said.err == "microgrunderscore: interrupted\n"
    assert "Two moons" in said.out
    assert "iris" not in said.out


def test_every_part_says_what_it_is_about() -> None:
    for part in (demo.log_of_product, demo.moons, demo.iris, demo.autoencoder):
        title, blank, *rest = (part.__doc__ or "").splitlines()
        assert title
        assert not blank
        assert rest
