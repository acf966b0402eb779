"""Tracing: a function of scalars, run once on numbers that write down what is done to them.

A Traced number stands for one number of a sample, or for what was computed from such. Values, the
parameters among them, are what they always are; where one meets a Traced number, its graph is
copied into the program. What cannot be written down, because it would be decided or computed in
Python once and for all, raises TraceError.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from ..engine import Value, process
from ..graph import ordered
from ..nesting import Tree, leaves, rebuild
from ..numeric import Numeric
from ..operation import OPERATIONS, Operation, number
from ..places import line_of_the_program
from .listing import BOOLEAN, Program

MOST_OPERATIONS = 2_000_000
_NAMES_OF: dict[Any, str] = {
    operator.lt: "lt",
    operator.le: "le",
    operator.gt: "gt",
    operator.ge: "ge",
}


class TraceError(RuntimeError):
    """A function that cannot be compiled as it is written; the message says what to write."""


def refused(what: str, why: str, way_out: str) -> TraceError:
    """The error for something in the user's program, with file and line."""
    return TraceError(f"{line_of_the_program()}: {what}: {why}; {way_out}")


class Traced(Numeric):
    """A number of which only the origin is known: what is done to it is written down.

    trace: what it belongs to, which writes down operations. place: its entry in the program.
    """

    __slots__ = ("place", "trace")

    def __init__(self, trace: Any, place: int) -> None:
        self.trace = trace
        self.place = place

    @property
    def gives_limits(self) -> bool:
        """As machine arithmetic does."""
        return True

    def _apply(self, op: Operation, operands: tuple[Any, ...]) -> Traced:
        found: Traced = self.trace.apply(op.name, operands)
        return found

    def _compare(self, holds: Callable[[float, float], bool], other: Any) -> Any:
        if str(getattr(other, "dtype", "")) == "object":
            return NotImplemented
        return self.trace.apply(_NAMES_OF[holds], (self, other))

    def __and__(self, other: Any) -> Traced:
        self._check_conditions("&", other)
        found: Traced = self.trace.apply("and", (self, other))
        return found

    __rand__ = __and__

    def __or__(self, other: Any) -> Traced:
        self._check_conditions("|", other)
        found: Traced = self.trace.apply("where", (self, 1.0, other))
        return found

    __ror__ = __or__

    def _check_conditions(self, sign: str, other: Any) -> None:
        """Refuse & and | between numbers; between two comparisons they mean and, or."""
        program = self.trace.program
        for x in (self, other):
            if isinstance(x, Traced) and program.ops[x.place] not in (*BOOLEAN, "where", "const"):
                raise TypeError(
                    f"{sign} joins comparisons, as in (x > 0) {sign} (y > 0): a number is none"
                )

    @property
    def label(self) -> str | Any:
        """A name for the listing."""
        return self.trace.program.labels.get(self.place, "")

    @label.setter
    def label(self, label: str | Any) -> None:
        self.trace.program.labels[self.place] = str(label)

    # ---- what makes a number known in Python, where it cannot be ----

    def __bool__(self) -> bool:
        raise self._refused(
            "a traced number decides an if, while, and, or, not, min or max",
            "the program is written down once, for all samples, and both branches would be needed",
            "use where(c, x, y), relu(x), maximum(x, y) or minimum(x, y)",
        )

    def _refused(self, what: str, why: str, way_out: str) -> TraceError:
        """The error for something in the user's program; it is not lost where that catches it."""
        error = refused(what, why, way_out)
        self.trace.refusals.append(error)
        return error

    @property
    def data(self) -> float | Any:
        raise self._refused(
            "the number in .data was asked for",
            "a traced number has none: it stands for all samples",
            "compute with the number itself, or call the function outside compile",
        )

    @property
    def grad(self) -> float | Any:
        """Refused: what is compiled computes gradients itself."""
        raise self._refused(
            ".grad, or .backward(), of a traced number",
            "the compiled program computes the gradient after the function has returned",
            "return the loss; for derivatives inside a function, compile the function itself",
        )

    backward = grad

    def as_number(self) -> float:
        """Refused, for who wants to make a plain number of it."""
        raise self._refused(
            "Value(x), or another place for plain numbers, of a traced number",
            "it is a number to compute with already, as a Value is",
            "leave Value(…) away, and use x itself",
        )

    def __float__(self) -> float:
        raise self._refused(
            "float(x), or a function of math, on a traced number",
            "it stands for all samples, and has no number of its own",
            "use the method or the package's function, as in x.exp() or microgrunderscore.exp(x)",
        )

    def __int__(self) -> int:
        raise self._refused(
            "int(x) of a traced number",
            "it differs from sample to sample",
            "as an index, use take(table, x), which knows what to do with it",
        )

    def __index__(self) -> int:
        raise self._refused(
            "a traced number as an index, or in range()",
            "it differs from sample to sample",
            "use take(table, i)",
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise self._refused(
            "== with a traced number, or looking for one in a list",
            "it is not known while the program is written down",
            "use where(c, x, y) with c = x - y, which is 0 where they are equal",
        )

    def __hash__(self) -> int:
        raise self._refused(
            "a traced number as a key, in a set, or in something that is cached",
            "what it is equal to is not known while the program is written down",
            "use take(table, i) for a table, where(c, x, y) for a choice",
        )

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        raise self._refused(
            f"formatting a traced number as {spec!r}",
            "it stands for all samples, and has no number of its own",
            "print the results of the compiled function",
        )

    def __repr__(self) -> str:
        names = self.trace.program.names(self.trace.program.live([self.place]))
        return f"Traced({names[self.place]})"

    # ---- indices that are data ----

    def among(self, allowed: Sequence[float], why: str) -> Traced:
        """This number of the sample, which must be one of these: looked after at every call."""
        known = self.trace.allowed.setdefault(self._of_data(why), [])
        if tuple(allowed) not in known:
            known.append(tuple(allowed))
        return self

    def distribution_with(self, others: Sequence[Any]) -> None:
        """This number of the sample and these are shares, which add up to 1: looked after, too."""
        numbers = [Traced(self.trace, self.trace.place_of(x)) for x in (self, *others)]
        places = tuple(x._of_data("a probability of a target") for x in numbers)
        if places not in self.trace.distributions:
            self.trace.distributions.append(places)

    def _of_data(self, why: str) -> int:
        """The entry of this number, if it depends on the data alone."""
        program = self.trace.program
        if program.ops[self.place] != "input" and any(
            program.ops[i] in ("uniform", "gather") for i in program.live([self.place])
        ):
            raise refused(
                f"a number that depends on Values where {why} is needed",
                "only data can be checked before the program runs",
                "pass it as an argument, or compute it from arguments alone",
            )
        return self.place

    def take(self, table: Sequence[Any]) -> Any:
        """The row of a table (or its number) at this index."""
        self.among(range(len(table)), "an index")
        return self._row_of(list(table))

    def _row_of(self, rows: list[Any]) -> Any:
        """One of these rows, which may hold rows themselves."""
        if not hasattr(rows[0], "__iter__"):
            return self._taken(rows)
        if any(len(row) != len(rows[0]) for row in rows):
            raise refused("take from rows of unequal length", "one shape is needed", "pad them")
        return [self._row_of(list(column)) for column in zip(*rows, strict=True)]

    def _taken(self, column: Sequence[Any]) -> Any:
        """One of these numbers; parameters at equal distances are read from where they lie."""
        trace, program = self.trace, self.trace.program
        places = [trace.place_of(x) for x in column]
        ks = [program.args[i][0] if program.ops[i] == "uniform" else -1 for i in places]
        steps = {b - a for a, b in pairwise(ks)}
        in_step = len(steps) == 1 and steps != {0}
        if in_step and min(ks) >= 0 and max(ks) < trace.parameter_count:
            return Traced(trace, program.gather(self.place, ks[0], steps.pop(), len(ks)))
        chosen = [
            program.apply(
                "where",
                program.apply("eq", self.place, program.const(float(j))),
                i,
                program.const(0.0),
            )
            for j, i in enumerate(places)
        ]
        return Traced(trace, program.apply("sum_of", *chosen))


class Trace:
    """What one run of a function has written down.

    Attributes:
        program: the list of operations.
        values: the Values that it reads, parameters first: the uniform numbers of the program.
        allowed: what numbers of the data must be among, by their entries.
        distributions: entries that must be shares of 1 together.
        of_data: functions that compute such entries, where these are not numbers of the data
            themselves; see `batch.computed`.
        results: places of the results, and `result`, which nests them as the function did.
    """

    def __init__(self, parameters: Sequence[Value], names: Sequence[str], inputs: Sequence[str],
                 inputs_move: bool = False) -> None:  # fmt: skip
        self.program = Program(names, inputs, inputs_move)
        self.values = list(parameters)
        self.parameter_count = len(self.values)
        self.allowed: dict[int, list[tuple[float, ...]]] = {}
        self.distributions: list[tuple[int, ...]] = []
        self.of_data: dict[int, Callable[..., Any]] = {}
        self.result: Tree = None
        self.results: list[int] = []
        self.refusals: list[TraceError] = []  # also those that the function has caught
        self._copies = {id(p): self.program.uniform(k) for k, p in enumerate(self.values)}
        self._kept: list[Value] = []  # while their ids are keys

    def numbers(self, first: int = 0) -> dict[int, float]:
        """What the uniform numbers are now, from this one on."""
        return {k: v._value for k, v in enumerate(self.values[first:], start=first)}

    # ---- operations ----

    def apply(self, op: str, operands: Sequence[Any]) -> Traced:
        """The result of an operation of which some operands are Traced."""
        places = [self.place_of(x) for x in operands]
        place = self.program.apply(op, *places)
        if place > MOST_OPERATIONS:
            raise self._too_large()
        return Traced(self, place)

    def operand(self, place: int) -> Any:
        """An entry as an operand of a rule: a known number as such."""
        if self.program.ops[place] == "const":
            return self.program.args[place][0]
        return Traced(self, place)

    def place_of(self, x: Any) -> int:
        """The entry of a Traced number, of a Value with its whole graph, of a plain number."""
        if x.__class__ is Traced:
            if x.trace is not self:
                raise refused(
                    "a number of an earlier trace",
                    "it was kept, in a list or an attribute, when another program was written down",
                    "keep nothing between calls, or pass it as an argument",
                )
            return int(x.place)
        if isinstance(x, Value):
            return self._copied(x)
        return self.program.const(number(x))

    def _copied(self, v: Value) -> int:
        """The graph of a Value as entries of the program."""
        known = self._copies.get(id(v))
        if known is not None:
            return known
        copies = self._copies
        for node, _ in ordered(v, parents=lambda x: () if id(x) in copies else x.parents):
            if id(node) in copies:
                continue
            self._kept.append(node)
            if not node.op:
                copies[id(node)] = self.program.uniform(len(self.values))
                self.program.uniform_names.append(node.label or f"leaf{len(self.values)}")
                self.values.append(node)
                continue
            if node.op not in OPERATIONS:
                raise refused(
                    f"a node made by hand, {node!r}",
                    "its derivatives are numbers, not a rule",
                    "define an operation for it with microgrunderscore.define",
                )
            places = [
                copies[id(x)] if isinstance(x, Value) else self.program.const(x)
                for x in node.operands
            ]
            copies[id(node)] = self.program.apply(node.op, *places)
            if node.label:
                self.program.labels.setdefault(copies[id(node)], str(node.label))
            if len(self.program) > MOST_OPERATIONS:
                raise self._too_large()
        return copies[id(v)]

    def _too_large(self) -> TraceError:
        counts = sorted((self.program.ops.count(op), op) for op in set(self.program.ops))[-4:]
        most = ", ".join(f"{count:,} {op}" for count, op in reversed(counts))
        return refused(
            f"more than {MOST_OPERATIONS:,} operations",
            f"most are {most}",
            "compile the loss of one sample, and let the batch be the leading axis of the data",
        )

    # ---- what the engine tells of Values while the function runs ----

    def read(self, v: Value) -> None:
        """Refuse what turns a Value's number into a plain one, which would stay as it is now."""
        error = refused(
            f"the number of {v!r} was asked for or set: by .data, a comparison, or as a condition",
            "it would become a constant of the compiled program",
            "compute with the Value itself, or outside the function",
        )
        self.refusals.append(error)
        raise error


@contextmanager
def _watching(trace: Trace) -> Iterator[None]:
    """Let the engine tell a trace of Values whose numbers are asked for."""
    thread = threading.get_ident()
    before = process.traces.get(thread)
    process.traces[thread] = trace
    try:
        yield
    finally:
        if before is None:
            del process.traces[thread]
        else:
            process.traces[thread] = before


def trace(
    function: Callable[..., Any],
    samples: Sequence[Tree],
    parameters: Sequence[Value] = (),
    names: Sequence[str] = (),
    arguments: Sequence[str] = (),
    inputs_move: bool = False,
) -> Trace:
    """Run a function once, on Traced numbers, and return what it has done.

    Args:
        function: of as many arguments as there are samples: lists of numbers, nested or not.
        samples: one example of each argument, of which only the nesting counts.
        parameters: the Values by which one differentiates; names: what the listing calls them.
        arguments: what the listing calls the arguments.
        inputs_move: whether the inputs are variables, as Values would be, or data, as floats.

    Raises:
        TraceError: what cannot be compiled; what the function itself raises passes.
    """
    names_of_inputs = [
        f"{name}{''.join(f'[{key!r}]' for key in place)}"
        for name, sample in zip(arguments, samples, strict=True)
        for place, _ in leaves(sample)
    ]
    tracing = Trace(parameters, names, names_of_inputs, inputs_move)
    inputs = iter([Traced(tracing, tracing.program.input(k)) for k in range(len(names_of_inputs))])
    arguments_of = [rebuild(sample, inputs) for sample in samples]
    with _watching(tracing):
        try:
            result = function(*arguments_of)
        except TraceError:
            raise
        except Exception as error:
            error.add_note(_told(function, arguments, samples))
            raise
    if tracing.refusals:  # which the function has caught
        raise tracing.refusals[0]
    if hasattr(result, "tolist") and str(getattr(result, "dtype", "")) == "object":
        result = result.tolist()
    found = [x for _, x in leaves(result)]
    for x in found:
        if not isinstance(x, Traced | Value | int | float):
            raise TraceError(
                f"{function_name(function)} returned {type(x).__name__} {x!r:.40}: a number is "
                "needed, or lists of numbers; return what was computed from the arguments"
            )
    tracing.results = [tracing.place_of(x) for x in found]
    tracing.result = result
    return tracing


def check_outside(what: str) -> None:
    """Raise TraceError if this thread is at tracing: what is compiled would stay a number."""
    at = process.traces.get(threading.get_ident())
    if at is not None:
        error = refused(
            f"{what} was called while another function was traced",
            "it computes numbers, of which nothing would be written down",
            "call the function itself, which was given to compile",
        )
        at.refusals.append(error)
        raise error


def _told(function: Any, names: Sequence[str], samples: Sequence[Tree]) -> str:
    """What a function was given while it was traced."""
    given = ", ".join(f"{n}: {_shape(x)}" for n, x in zip(names, samples, strict=True))
    return (
        f"while {function_name(function)} was traced on one sample, {given or 'without arguments'}"
        "; the arguments of a compiled function are batches of samples"
    )


def _shape(sample: Tree) -> str:
    """How a sample is nested, in words."""
    if isinstance(sample, dict):
        return f"a dict of {len(sample)}"
    if not isinstance(sample, list | tuple):
        return "a number"
    inner = {_shape(x) for x in sample}
    what = inner.pop() if len(inner) == 1 else "a number or list"
    return f"a list of {len(sample)}" + (f", each {what}" if what != "a number" else "")


def function_name(function: Any) -> str:
    """What errors call a function."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name} ({code.co_filename}, line {code.co_firstlineno})" if code else str(name)
