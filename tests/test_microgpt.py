"""microgpt's model computes the same on a Value class as described, on our Value, in our nodes.

And the same as PyTorch, where that is installed. Words are invented: the given names that the
benchmark trains on come from a package of its own.
"""

import doctest
import math
import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from string import ascii_lowercase
from typing import Any

import pytest

from benchmarks import microgpt, reference
from benchmarks.microgpt import GPT, PROGRAMS, Size
from benchmarks.reference import Reference
from microgrunderscore import Value

WORDS = ["abba", "cadac", "bebad", "daebcabeadb", "e", "ccab"]
SMALL = Size(layers=2, width=4, heads=2, block=8)
LOSSES_OF_TORCH = [  # of the small model, with PyTorch 2.13.0
    *(1.759175116399644, 1.7468576990702243, 1.8122858231647585),
    *(1.714693807167094, 1.9612156432656875, 1.8082469650462734),
]

every_program = pytest.mark.parametrize("program", PROGRAMS)
ours = pytest.mark.parametrize("program", [p for p in PROGRAMS if p != "reference"])


def small(program: str) -> GPT:
    kind, value = PROGRAMS[program]
    return kind(value, "abcde", seed=3, size=SMALL)


def full_size(program: str) -> GPT:
    kind, value = PROGRAMS[program]
    return kind(value, ascii_lowercase, seed=1)


def loss_and_gradients(gpt: GPT, word: str) -> list[float]:
    loss = gpt.loss(word)
    loss.backward()
    return [loss.data, *(p.grad for p in gpt.parameters)]


def assert_close(found: list[float], wanted: list[float]) -> None:
    size = max(map(abs, wanted))
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-13 * size)


# ---- the three programs ------------------------------------------------------------------------


@cache
def losses_of_the_peer(steps: int) -> list[float]:
    return list(small("reference").train(WORDS, steps))


@ours
def test_losses_agree_over_training(program: str) -> None:
    found = list(small(program).train(WORDS, 18))
    assert_close(found, losses_of_the_peer(18))
    assert sum(found[-6:]) < 0.97 * sum(found[:6])  # and it learns


@every_program
def test_training_is_that_of_torch(program: str) -> None:
    assert_close(list(small(program).train(WORDS, 6)), LOSSES_OF_TORCH)


@ours
def test_a_step_agrees_at_full_size(program: str) -> None:
    models = full_size(program), full_size("reference")
    assert len(models[0].parameters) == 4192
    assert_close(*(loss_and_gradients(gpt, "jab") for gpt in models))
    for gpt in models:
        for p in gpt.parameters:
            p.grad = 0.0
    losses = [list(gpt.train(["quiz"], 1)) for gpt in models]
    assert_close(*losses)
    assert_close(*([p.data for p in gpt.parameters] for gpt in models))


@every_program
def test_the_losses_are_computed_step_by_step(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microgpt, "given_names", lambda: WORDS)
    losses = microgpt.steps(program, 1000)
    first, second = islice(losses, 2)
    assert math.isclose(first, math.log(6), rel_tol=0.1)  # five letters and the boundary: a guess
    assert second != first


def test_all_programs_invent_the_same_words() -> None:
    invented = []
    for program in PROGRAMS:
        gpt, rng = small(program), random.Random(5)
        list(gpt.train(WORDS, 6))
        invented.append([gpt.generate(rng, temperature=1.0) for _ in range(8)])
    words = invented[0]
    assert invented == [words] * len(PROGRAMS)
    assert len(set(words)) > 3
    assert set("".join(words)) <= set("abcde")
    assert max(map(len, words)) <= SMALL.block


def test_it_learns_a_word_whose_letters_depend_on_those_before() -> None:
    gpt, word = small("nodes"), "aabbae"
    list(gpt.train([word], 60))
    assert gpt.generate(random.Random(0), temperature=1e-3) == word


@every_program
def test_large_scores_do_not_overflow(program: str) -> None:
    kind, value = PROGRAMS[program]
    assert [p.data for p in kind.softmax([value(1500.0), value(1500.0)])] == [0.5, 0.5]


def test_a_low_temperature_prefers_what_is_likely() -> None:
    gpt, rng = small("nodes"), random.Random(5)
    assert len({gpt.generate(rng, temperature=1e-4) for _ in range(4)}) == 1


@every_program
def test_no_letter_counts_beyond_the_block(program: str) -> None:
    gpt, word = small(program), "abcdeabc"
    assert len(word) == SMALL.block
    assert gpt.loss(word + "a").data == gpt.loss(word + "b").data == gpt.loss(word).data
    assert gpt.loss(word[:-1] + "a").data != gpt.loss(word).data


def test_an_unknown_program_is_refused() -> None:
    with pytest.raises(ValueError, match="no program is called 'tensors': take one of reference"):
        microgpt.model("tensors", WORDS)


# ---- the peer ----------------------------------------------------------------------------------

EXPRESSIONS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x + 2 + y,
    lambda x, y: 3 + x * y,
    lambda x, y: x - y,
    lambda x, y: 1 - x * y,
    lambda x, y: x - 0.5,
    lambda x, y: x * y * 4,
    lambda x, y: 4 * x,
    lambda x, y: x / y,
    lambda x, y: x / 3,
    lambda x, y: 3 / x / y,
    lambda x, y: -x,
    lambda x, y: x**-0.5 + y**3,
    lambda x, y: x.log() * y.exp(),
    lambda x, y: (x - 1).relu() + (-y).relu() + (x - 0.75).relu(),
    lambda x, y: sum(z * z for z in (x * y, x, x * y * y)),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_peer_computes_what_we_compute(expression: Callable[[Any, Any], Any]) -> None:
    found = []
    for kind in (Reference, Value):
        x, y = kind(0.75), kind(1.25)
        z = expression(x, y)
        z.backward()
        found.append([z.data, x.grad, y.grad])
    assert_close(*found)


@pytest.mark.parametrize("module", [microgpt, reference])
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# ---- the names, the command --------------------------------------------------------------------


def test_missing_names_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "names", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install '\.\[bench\]' brings it"):
        microgpt.given_names()
    with pytest.raises(SystemExit, match="package names, which is not installed"):
        microgpt.main([])


def test_given_names() -> None:
    pytest.importorskip("names")
    names = microgpt.given_names()
    assert len(names) == len(set(names)) == 5163
    assert set("".join(names)) == set(ascii_lowercase)
    assert {"mary", "john"} < set(names)
    assert names == microgpt.given_names() != sorted(names) != microgpt.given_names(seed=1)


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(microgpt, "given_names", lambda seed: WORDS)
    microgpt.main(["--steps", "2", "--program", "nodes", "--names", "1"])
    out, err = capsys.readouterr()
    first, *steps, _ = out.splitlines()
    assert first == "6 names, 6 tokens, 3520 parameters"
    assert [line.split()[:2] for line in steps] == [["step", "1"], ["step", "2"]]
    assert err == ""  # the bar is for terminals
    with pytest.raises(SystemExit):
        microgpt.main(["--steps", "0"])
    assert "--steps must be 1 or more, got 0" in capsys.readouterr().err


# ---- PyTorch -----------------------------------------------------------------------------------


def torch_loss(torch: Any, matrices: dict[str, Any], gpt: GPT, word: str) -> Any:
    """The same model in matrices, with PyTorch's own attention, normalisation and cross-entropy."""
    F, size = torch.nn.functional, gpt.size
    tokens = [gpt.boundary, *map(gpt.letters.index, word), gpt.boundary]
    targets = torch.tensor(tokens[1 : size.block + 1])
    count = len(targets)

    def normalised(x: Any) -> Any:
        return F.rms_norm(x, (size.width,), eps=1e-5)

    def heads(x: Any) -> Any:
        return x.view(count, size.heads, -1).transpose(0, 1)

    x = normalised(matrices["token"][tokens[:count]] + matrices["place"][:count])
    for k in range(size.layers):
        q, key, v = (
            heads(normalised(x) @ matrices[f"{n}{k}"].T) for n in ("query", "key", "value")
        )
        found = F.scaled_dot_product_attention(q, key, v, is_causal=True)
        x = x + found.transpose(0, 1).reshape(count, -1) @ matrices[f"mix{k}"].T
        x = x + (normalised(x) @ matrices[f"widen{k}"].T).relu() @ matrices[f"narrow{k}"].T
    return F.cross_entropy(x @ matrices["score"].T, targets)


def torch_matrices(torch: Any, gpt: GPT) -> dict[str, Any]:
    return {
        name: torch.tensor(
            [[p.data for p in row] for row in rows], dtype=torch.float64, requires_grad=True
        )
        for name, rows in gpt.matrices.items()
    }


def torch_training(torch: Any, gpt: GPT, steps: int) -> Iterator[float]:
    matrices = torch_matrices(torch, gpt)
    optimizer = torch.optim.Adam(matrices.values(), lr=0.01, betas=(0.85, 0.99), eps=1e-8)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: 1 - k / steps)
    for k in range(steps):
        optimizer.zero_grad()
        loss = torch_loss(torch, matrices, gpt, WORDS[k % len(WORDS)])
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item()


@every_program
@pytest.mark.parametrize("make", [small, full_size])
def test_loss_and_gradients_are_those_of_torch(program: str, make: Callable[[str], GPT]) -> None:
    torch = pytest.importorskip("torch")
    gpt = make(program)
    matrices = torch_matrices(torch, gpt)
    loss = torch_loss(torch, matrices, gpt, WORDS[3])
    loss.backward()
    gradients = [g for m in matrices.values() for g in m.grad.flatten().tolist()]
    assert_close(loss_and_gradients(gpt, WORDS[3]), [loss.item(), *gradients])


def test_training_in_torch_gives_these_losses() -> None:
    torch = pytest.importorskip("torch")
    assert_close(list(torch_training(torch, small("text"), 6)), LOSSES_OF_TORCH)
