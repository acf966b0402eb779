"""How compiled programs grow: wider networks, larger batches, more operations, longer documents.

Four families: 2-n-n-1 with ReLU and a batch of 256; micrograd's network on more and more moons;
random graphs of scalars; microgpt's model on longer documents. For each size the microseconds of a
step, loss and full gradient, the seconds to compile, and the memory that this takes. Beside ours
stands whoever comes near: NumPy by hand, CasADi's virtual machine, C by hand. Programs of one size
are alive at the same time, on one thread each, and agree to 1e-12 of the largest number in the
gradient. What this does not show: how the time to compile is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .. import stepping, workloads
from ..plots import Lines
from ..section import Measured, Outcome, Report, Section, Variant, table, text_of
from ..stepping import TOLERANCE, variant
from ..workloads import Workload


@dataclass(frozen=True)
class Family:
    """Workloads that differ in size only.

    Attributes:
        title, unit: of the table and the chart, and of its axis.
        of_size: the workload.
        sizes: from small to large.
        programs: ours and a peer, at most three.
    """

    title: str
    unit: str
    of_size: Callable[[int], Workload]
    sizes: tuple[int, ...]
    programs: tuple[str, ...]


FAMILIES: Mapping[str, Family] = {
    "width": Family(
        "Width: 2-n-n-1, batch of 256",
        "neurons of a hidden layer",
        lambda n: workloads.classifier(width=n),
        (16, 32, 64, 128, 256),
        ("llvm", "numpy", "by_hand_numpy"),
    ),
    "batch": Family(
        "Batch: 2-16-16-1",
        "samples",
        lambda n: workloads.classifier(width=16, samples=n),
        (1, 10, 100, 1_000, 10_000, 100_000),
        ("llvm", "numpy", "by_hand_numpy"),
    ),
    "operations": Family(
        "Random graphs",
        "operations",
        workloads.tangle,
        (300, 1_000, 3_000, 10_000, 30_000, 100_000),
        ("llvm", "python", "with_casadi"),
    ),
    "tokens": Family(
        "microgpt's model",
        "tokens of the document",
        workloads.gpt,
        (2, 4, 8, 16),
        ("llvm", "numpy", "by_hand_c"),
    ),
}
FEW = 3  # sizes of a family, in a quick run


def work(program: str, family: str, size: int) -> Outcome:
    """One turn."""
    return next(turns(program, family, size))


def turns(program: str, family: str, size: int) -> Iterator[Outcome]:
    """Turns without end."""
    return stepping.turns(program, FAMILIES[family].of_size(size))


def key_of(family: str, size: int, program: str) -> str:
    return f"{family} {size} {program}"


def variants(quick: bool) -> list[Variant]:
    return [
        variant(key_of(name, size, program), program, {"family": name, "size": size})
        for name, family in FAMILIES.items()
        for size in family.sizes[: FEW if quick else None]
        for program in family.programs
    ]


def report(measured: Measured) -> Report:
    """A table and a chart for each family."""
    tables, plots = [], {}
    heads = ["program", "size", "µs a step", "seconds to compile", "MB"]
    for name, family in FAMILIES.items():
        found = [v for v in measured.variants.values() if v.task["family"] == name]
        found.sort(key=lambda v: family.programs.index(v.program["program"]))
        tables += [f"{family.title}.", table(heads, [line(measured, v) for v in found])]
        plots[f"compiled_growth-{name}"] = plot(measured, name, family)
    return Report("\n\n".join(tables), plots)


def line(measured: Measured, v: Variant) -> list[str]:
    """A line of a table."""
    step = measured.figure(v.key, "step")
    memory = measured.figure(v.key, "memory")
    return [
        v.title,
        f"{v.task['size']:,}",
        measured.cell(v.key, step and step.times(1e6)),
        str(measured.figure(v.key, "compile") or "–"),
        f"{memory.median:.0f}" if memory else "–",
    ]


def plot(measured: Measured, name: str, family: Family) -> Lines:
    """A line for each program."""
    found = []
    for program in family.programs:
        keys = [(size, key_of(name, size, program)) for size in family.sizes]
        steps = [(float(n), measured.figure(key, "step")) for n, key in keys]
        if points := [(n, step.times(1e6)) for n, step in steps if step]:
            found.append((stepping.TITLES[program], points))
    label = f"{family.unit} (both scales are logarithmic)"
    return Lines(family.title, label, "µs a step", found)


SECTION = Section(
    name="compiled_growth",
    title="Growth of compiled programs",
    text=text_of(__doc__),
    variants=variants,
    rehearsal={},
    rounds=(5, 1),
    report=report,
    together=lambda v: f"{v.task['family']} {v.task['size']}",
    tolerance=TOLERANCE,
)
