"""microgpt: a GPT of scalars that learns given names, one document a step, Adam.

The model of the published program of 200 lines, rebuilt from its description (see
[microgpt.md](microgpt.md)): one layer of width 16 with 4 heads, blocks of 16, RMSNorm, a ReLU MLP,
Adam; one given name a step, from the census lists that the package `names` brings. It runs on a
`Value` class as that program describes its own (`benchmarks/reference.py`: slots, tuples, recursive
sort), the same text on our `Value`, and as an author would write it who knows `dot`, `mean` and
`cross_entropy`, whose sums are one node each, and our `Adam`. The losses of all steps agree to
1e-9. A step includes Adam over 4192 parameters, in the text a loop in Python, which limits what any
engine can gain. What this does not show: speed on a model of useful size.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..section import Outcome, text_of
from ..training import Training, timed_turns
from ..turns import summed

PROGRAMS = {"peer": "reference", "text": "text", "nodes": "nodes"}  # ours: those of microgpt


def work(program: str, count: int) -> Outcome:
    """So many steps of training."""
    return summed(list(turns(program, count)))


def turns(program: str, count: int) -> Iterator[Outcome]:
    """The same, a few steps at a time."""
    from ..microgpt import steps

    return timed_turns(steps(PROGRAMS[program], count))


SECTION = Training(
    name="microgpt",
    title="microgpt",
    text=text_of(__doc__),
    peer="its own class",
    ours={"text": "its text on our Value", "nodes": "our nodes and Adam"},
    needs=("names",),
    aims={
        ("text", "pure", "off"): 1.5,
        ("text", "pure", "on"): 2.5,
        ("text", "compiled", "off"): 5.0,
        ("text", "compiled", "on"): 5.0,
    },
    steps=(12, 3),
).section
