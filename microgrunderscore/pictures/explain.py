"""explain(z, x): the chain rule written out for your own graph, in symbols and in numbers.

Along a path from the output to an input the local derivatives multiply; over the paths, the
products add up. Few paths are written one by one. Many are only counted, and the sum is taken
where it arises, at the nodes, as backward() does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload

from ..arguments import whole
from ..engine import Value
from ..graph import gc_paused
from ..module import Module
from .draw import draw
from .flow import Flow
from .graph import modules_in, named, networks_in
from .names import Name, Names
from .paths import (
    IN_LATEX,
    IN_TEXT,
    LONGEST_CHAIN,
    Path,
    Writer,
    many_paths,
    shown,
    uses,
    without_repeats,
)
from .picture import Picture
from .symbols import meaning, total

# ---- the explanation --------------------------------------------------------------------------


class Explanation:
    """How z depends on x: ∂z/∂x, path by path. Made by :func:`explain`; print it.

    Attributes:
        output: the name of z.
        wrt: the name of x.
        value: the derivative ∂z/∂x, from a sum of its own (not from .grad).
        count: the number of paths from z to x.
        paths: these, or () if there are more than were asked for.
        where: what the names on these paths stand for.
        text: the explanation as it was when it was made.
        latex: the same as formulas, which a notebook shows.
    """

    def __init__(
        self,
        flow: Flow,
        wrt: Value,
        count: int,
        output: Name,
        names: Names,
        model: Module | None,
        max_paths: int,
        given_output: str | None,
    ) -> None:
        self._root = flow.root
        self._given_output = given_output
        self._model = model
        self._node = wrt
        self.output = output
        self.wrt = names[wrt]
        self.value = flow.gradient(wrt)
        self.count = count
        self.paths: tuple[Path, ...] = ()
        if 0 < count <= max_paths:
            self.paths = tuple(Path(edges, wrt, output, names) for edges in flow.paths(wrt))
        self._uses = [] if self.paths or not count else uses(flow, wrt)
        self._names = names
        self._order = {id(v): i for i, v in enumerate(flow.nodes)}
        self.text = "\n".join(self._lines())
        self.latex = self._rows()

    def __str__(self) -> str:
        return self.text

    @property
    def where(self) -> tuple[str, ...]:
        """What the names on the paths stand for, in order: v = x·y, w = log v, z = w."""
        met = {id(v): v for path in self.paths for v in path.nodes if v.op}
        steps = sorted(met.values(), key=lambda v: self._order[id(v)])
        said = [(self._names[v], meaning(v, self._names.__getitem__)) for v in steps]
        parts = [f"{name} = {formula!s}" for name, formula in said if formula is not None]
        if self.paths and self.paths[0].names[0] != self._names[self.paths[0].nodes[0]]:
            parts.append(f"{self.output} = {self._names[self.paths[0].nodes[0]]}")
        return tuple(parts)

    def picture(self, *, theme: str = "auto", format: str = "svg") -> Picture:
        """The graph, with each path as a ribbon and its product in a row below.

        Args:
            theme, format: as for `draw`.
        """
        names = self._names.variables
        return draw(
            self._root,
            self._node,
            names=names,
            model=self._model,
            output=self._given_output,
            theme=theme,
            format=format,
        )

    def __repr__(self) -> str:
        return f"<Explanation of {self._head(IN_TEXT)} = {IN_TEXT.number(self.value)}>"

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _head(self, write: Writer) -> str:
        return write.derivative(self.output, self.wrt)

    # ---- in text ----

    def _lines(self) -> list[str]:
        head = self._head(IN_TEXT)
        if not self.count:
            return [f"{self.output} does not depend on {self.wrt}: {head} = 0"]
        if not self.paths:
            return [
                many_paths(self.count, self.output, self.wrt),
                " = ".join([head, *without_repeats(self._sums_at_uses(IN_TEXT))]),
            ]
        if len(self.paths) == 1:
            return self._lines_of_path(self.paths[0], head)
        lines = []
        for number, path in enumerate(self.paths, 1):
            lines += self._lines_of_path(path, f"path {number}")
        forms = _in_symbols_and_numbers(self._symbolic_sums(IN_TEXT), self._numeric_sums(IN_TEXT))
        lines.append(" = ".join([head, *forms]) + f"   (sum over {len(self.paths)} paths)")
        return [*lines, *self._remarks()]

    def _lines_of_path(self, path: Path, called: str) -> list[str]:
        """In symbols, and below that in numbers, unless these are the same."""
        write = IN_TEXT
        formulas = [called, write.chain(path, len(self.paths) == 1), write.symbols(path)]
        formulas += [write.symbol(path.simplified), write.symbol(path.expanded)]
        numbers = without_repeats([write.numbers(path.slopes), write.number(path.product)])
        formulas = without_repeats(formulas)
        if len(path.slopes) > LONGEST_CHAIN:
            numbers[-1] += f"   ({len(path.slopes):,} factors)"
        if formulas[-len(numbers) :] == numbers:
            return [" = ".join(formulas)]
        return [" = ".join(formulas), " = ".join([" " * len(called), *numbers])]

    def _remarks(self) -> list[str]:
        """What x⁽¹⁾ means, where it occurs."""
        ends = [path.ends(i) for path in self.paths for i in shown(len(path.slopes))]
        users: dict[Name, dict[Name, None]] = {}
        for z, x, number in ends:
            if number:
                users.setdefault(x, {})[z] = None
        return [
            f"{x}⁽ⁿ⁾ is {x} where {' or '.join(map(str, zs))} uses it for the n-th time."
            for x, zs in users.items()
        ]

    # ---- in LaTeX ----

    def _rows(self) -> str:
        write = IN_LATEX
        head = self._head(write)
        if not self.count:
            forms = ["0"]
        elif not self.paths:
            forms = self._sums_at_uses(write)
        else:
            is_only = len(self.paths) == 1
            formulas = [
                write.sum([write.chain(path, is_only) for path in self.paths]),
                write.sum([write.symbols(path) for path in self.paths]),
                write.sum([write.symbol(path.simplified) for path in self.paths]),
                *self._symbolic_sums(write),
            ]
            products = write.sum([write.numbers(path.slopes) for path in self.paths])
            forms = _in_symbols_and_numbers(formulas, [products, *self._numeric_sums(write)])
        rows = r" \\ &= ".join(without_repeats([head, *forms])[1:])
        return rf"\begin{{aligned}}{head} &= {rows}\end{{aligned}}"

    # ---- sums, in either ----

    def _symbolic_sums(self, write: Writer) -> list[str]:
        """The paths' formulas added up, and again with equal ones collected."""
        terms = [path.expanded for path in self.paths]
        known = [x for x in terms if x is not None]
        if len(known) < len(terms):
            return []
        collected = total(known)
        is_right = collected.meets(self.value)
        return [write.sum([write.symbol(x) for x in terms])] + [write.symbol(collected)] * is_right

    def _numeric_sums(self, write: Writer) -> list[str]:
        return [write.sum([write.number(p.product) for p in self.paths]), write.number(self.value)]

    def _sums_at_uses(self, write: Writer) -> list[str]:
        """∂z/∂v · ∂v/∂x, added up over all v that use x."""
        n = len(self._uses)
        terms, numbers = [], []
        for node, gradient, slope, number in (self._uses[i] for i in shown(n)):
            name = self._names[node]
            if name == self.output:
                terms.append(write.derivative(name, self.wrt.copy(number, "^")))
                numbers.append(write.number(slope))
            else:
                steps = [write.derivative(self.output, name), write.derivative(name, self.wrt)]
                terms.append(write.product(steps, 2))
                numbers.append(write.numbers([gradient, slope]))
        return [write.sum(terms, n), write.sum(numbers, n), write.number(self.value)]


def _in_symbols_and_numbers(formulas: list[str], numbers: list[str]) -> list[str]:
    """The formulas, then the numbers, unless the formulas end with these already."""
    formulas, numbers = without_repeats(formulas), without_repeats(numbers)
    if formulas[-len(numbers) :] == numbers:
        return formulas
    return without_repeats([*formulas, *numbers])


class Explanations(tuple[Explanation, ...]):
    """Several explanations, printed one after another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    @property
    def where(self) -> tuple[str, ...]:
        """What the names in all of them stand for."""
        return tuple(dict.fromkeys(part for e in self for part in e.where))

    @property
    def latex(self) -> str:
        """All of them in LaTeX, one display after another."""
        return "\n".join(e._repr_latex_() for e in self)

    def _repr_latex_(self) -> str:
        return self.latex


@overload
def explain(
    z: Value,
    wrt: Value | str,
    *,
    output: str | None = None,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    max_paths: int = 6,
) -> Explanation: ...
@overload
def explain(
    z: Value,
    wrt: list[Any] | tuple[Any, ...] | None = None,
    *,
    output: str | None = None,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    max_paths: int = 6,
) -> Explanations: ...
def explain(
    z: Value,
    wrt: Value | str | list[Any] | tuple[Any, ...] | None = None,
    *,
    output: str | None = None,
    names: Mapping[str, Any] | None = None,
    model: Any = None,
    max_paths: int = 6,
) -> Explanation | Explanations:
    """The derivative of z by the chain rule: each path in symbols and in numbers, and their sum.

    Needs no backward() and changes no gradient.

    Args:
        z: the output.
        wrt: with respect to what: a Value, its label, or several of them, which gives several
            explanations. None: every leaf that has a label.
        output: what z is called; where it has a label as well, both appear, as in z = w.
        names: names for Values without a label, such as locals().
        model: a network whose weights and neurons are to be named as in the textbook.
        max_paths: more paths than this are counted, not written out.

    Raises:
        TypeError: z or wrt is no Value; a plain number is a constant and has no gradient.
        ValueError: a name that no node has, that several have, or that is taken.

    Source: the multivariate chain rule, as in Pierret's course II (2024): f(x, y) = log(xy).

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> v = x * y; v.label = "v"
    >>> w = v.log(); w.label = "w"
    >>> print(explain(w, x, output="z"))
    ∂z/∂x = ∂z/∂w · ∂w/∂v · ∂v/∂x = 1 × 1/v × y = y/v = 1/x
          = 1 × 0.1667 × 3 = 0.5
    """
    if not isinstance(z, Value):
        raise TypeError(f"explain needs the Value that was computed, not {z!r:.40}")
    max_paths = whole("max_paths", max_paths, 0)
    with gc_paused():  # lists as long as the graph, and no cycles
        modules = modules_in(names, model)
        return _explained(Flow(z), wrt, output, names, modules, max_paths)


def _explained(
    flow: Flow,
    wrt: Any,
    output: str | None,
    names: Mapping[str, Any] | None,
    modules: Mapping[str, Module],
    max_paths: int,
) -> Explanation | Explanations:
    """The same, with the graph at hand."""
    is_many = wrt is None or isinstance(wrt, list | tuple)
    wanted: Any = wrt if is_many else [wrt]
    asked = {id(x): x for x in wanted or () if isinstance(x, Value)}
    outside = asked.keys() - map(id, flow.nodes)
    nodes = [*(x for i, x in asked.items() if i in outside), *flow.nodes]
    called = named(nodes, names, networks_in(modules, flow.nodes))
    output_name = _output_name(flow.root, output, called)
    leaves = _labelled_leaves(flow.nodes, called) if wanted is None else wanted
    chosen = [_node(x, called) for x in leaves]
    counts = flow.counts(chosen)
    model = modules.get("")
    explanations = Explanations(
        Explanation(flow, x, counts[id(x)], output_name, called, model, max_paths, output)
        for x in chosen
    )
    return explanations if is_many else explanations[0]


def _output_name(z: Value, output: str | None, names: Names) -> Name:
    """What the output is called: as the caller says, or as it is labelled."""
    if output is None:
        return names[z]
    wanted = names.free_for(z, output)
    if id(z) not in names.labels:
        names.rename(z, output)
    return wanted


def _labelled_leaves(nodes: Iterable[Value], names: Names) -> list[Value]:
    leaves = [v for v in nodes if not v.op and id(v) in names.labels]
    if not leaves:
        raise ValueError(
            "no input has a label to explain the output by: give labels, as in "
            'Value(2.0, "x"), or say which one, as in explain(z, x)'
        )
    return leaves


def _node(x: Any, names: Names) -> Value:
    """The node that is meant by a Value or by its name."""
    if isinstance(x, Value):
        return x
    if not isinstance(x, str):
        raise TypeError(
            f"explain(z, x) needs a Value or its label, not {x!r:.40}: a plain number is a "
            "constant and has no gradient; make it Value(...) to ask for one"
        )
    return names.only(x)
