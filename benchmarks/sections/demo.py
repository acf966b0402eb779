"""micrograd's own demo: moons, 2-16-16-1 with ReLU, hinge loss and L2, full batch.

100 moons, a network 2-16-16-1 with ReLU, hinge loss and L2, full batch: the training loop of
micrograd's demo notebook. Three programs do the same steps on the same data from the same weights:
micrograd; its own `nn.py`, in which only the name `Value` stands for our class; and our `MLP`, in
which a neuron's sum of products is one node. The losses of all steps agree to 1e-9. Most of
micrograd's time is Python's garbage collector, which visits the growing graph again and again, so
both settings are shown: "on" is what people meet, "off" is the sober one. (With it off, micrograd's
graphs are never freed, so that it is a yardstick rather than a way to work.) What this does not
show: a network of tensors, for which PyTorch is the right tool.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ..section import Outcome, text_of
from ..training import Training, timed_turns
from ..turns import summed
from ..workloads import moons

SIZES = (2, [16, 16, 1])
SAMPLES = 100


def work(program: str, count: int) -> Outcome:
    """So many steps of gradient descent."""
    return summed(list(turns(program, count)))


def turns(program: str, count: int) -> Iterator[Outcome]:
    """The same, a few steps at a time."""
    return timed_turns(steps(program, count))


def steps(program: str, count: int) -> Iterator[float]:
    """The loss of each step, which is a step of the demo's training loop."""
    value, model = network(program)
    X, y = moons(SAMPLES, seed=1337)
    for k in range(count):
        inputs = [list(map(value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        for p in model.parameters():
            p.grad = 0
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        yield float(total.data)


def network(program: str) -> tuple[Any, Any]:
    """The Value class and the network of a program; the weights are the same in all of them.

    "peer" is micrograd; "text" is the text of micrograd's nn.py, in which only the name Value
    stands for our class; "nodes" is our MLP.
    """
    random.seed(1337)
    if program == "nodes":
        from microgrunderscore import MLP, Value

        return Value, MLP(*SIZES)
    from micrograd import nn

    if program == "text":
        from microgrunderscore import Value

        nn.Value = Value
    return nn.Value, nn.MLP(*SIZES)


SECTION = Training(
    name="demo",
    title="micrograd's demo",
    text=text_of(__doc__),
    peer="micrograd",
    ours={"text": "its text on our Value", "nodes": "our MLP"},
    needs=("micrograd",),
    aims={
        ("text", "pure", "off"): 2.2,
        ("text", "pure", "on"): 8.0,
        ("nodes", "pure", "off"): 7.5,
        ("nodes", "pure", "on"): 25.0,
        ("text", "compiled", "off"): 8.0,
        ("text", "compiled", "on"): 15.0,
        ("nodes", "compiled", "off"): 28.0,
        ("nodes", "compiled", "on"): 100.0,
    },
    steps=(9, 3),
).section
