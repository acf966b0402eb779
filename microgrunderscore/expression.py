"""Expressions typed by somebody, such as "log(x*y)", as graphs of Values.

The text is parsed, never run: Python's own parser makes a syntax tree, and only numbers, names,
+ - * / **, and calls of operations of the table are taken from it.
"""

from __future__ import annotations

import ast
import math
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import ops
from .arguments import did_you_mean
from .engine import Value
from .operation import OPERATIONS, Operation, number

LONGEST_TEXT = 20_000  # characters

CONSTANTS = {"pi": math.pi, "e": math.e}
ALIASES = {
    "ln": "log",
    "power": "pow",
    "absolute": "abs",
    "sum": "sum_of",
    "max": "maximum",
    "min": "minimum",
}
MANY = {"max": "max_of", "min": "min_of"}  # for other than two numbers
OPERATORS: dict[type[ast.AST], Operation] = {
    ast.Add: ops.add,
    ast.Sub: ops.sub,
    ast.Mult: ops.mul,
    ast.Div: ops.div,
    ast.Pow: ops.power,
    ast.USub: ops.neg,
}
REFUSED: dict[type[ast.AST], str] = {
    ast.BitXor: "^ is not a power here: write ** as in x**2",
    ast.Attribute: "attribute access (a dot after a name) is not allowed: write log(x)",
    ast.Subscript: "indexing with [ ] is not allowed: give every number a name of its own",
    ast.Compare: "comparisons are not allowed: use max(x, y), relu(x) or where(c, x, y)",
    ast.IfExp: "if … else is not allowed: use where(c, x, y)",
    ast.BoolOp: "and, or are not allowed: use where(c, x, y)",
    ast.Not: "not is not allowed: use where(c, x, y)",
    ast.Lambda: "lambda is not allowed: write the formula itself",
    ast.keyword: "keyword arguments are not allowed: give the numbers in order",
    ast.Starred: "* before an argument is not allowed: write the arguments out",
    ast.List: "lists are not allowed: write the numbers out, as in mean(x, y)",
    ast.Tuple: "a comma outside of a call is not allowed: write one expression",
    ast.JoinedStr: "text in quotation marks is not allowed: write names without them",
}


class ExpressionError(ValueError):
    """An expression that cannot be used; the message says what to write instead, in one line."""


@dataclass(frozen=True)
class Parsed:
    """An expression as a graph.

    root: the result. leaves: the named inputs, in the order in which they were given.
    intermediates: the labels that were given to the steps, in the order of computing.
    output: what the result is to be called; the root has a label besides where the steps make a
        chain, as in the lecture's v = xy, w = log v, z = w.
    """

    root: Value
    leaves: dict[str, Value]
    intermediates: tuple[str, ...]
    output: str


def parse(text: str, values: Mapping[str, float]) -> Parsed:
    """The graph of an expression, computed for these values.

    Args:
        text: numbers, names, + - * / **, brackets, pi, e, and the operations of the table by
            name, as well as ln, max, min, sum.
        values: the number for every name, each of which must occur in the text: one that does
            not is most often a slip of the pen. A value for pi or e replaces the constant.

    Raises:
        ExpressionError: text that is no such expression, a name without a value, a value that is
            not used.
        ValueError, ZeroDivisionError, OverflowError: as the operations themselves, outside their
            domains.
        TypeError: text that is no text, values that are no numbers.

    Source: the grammar is Python's.

    >>> parsed = parse("log(x*y)", {"x": 2, "y": 3})
    >>> parsed.root, parsed.intermediates, parsed.output
    (Value(data=1.791759469228055, grad=0.0, label='w'), ('v', 'w'), 'z')
    """
    tree = _tree(text)
    leaves = _leaves(values)
    order = list(_operands_first(tree))
    for node in order:
        _check(node)
    _check_names(order, leaves)
    steps = _computed(order, leaves)
    root = steps[id(tree)]
    if not isinstance(root, Value):
        root = Value(root)
    recorded = [v for node in order if (v := steps[id(node)]) is not root and _is_step(v)]
    return Parsed(root, leaves, *_labelled(root, recorded, set(leaves)))


# ---- the text ---------------------------------------------------------------------------------


def _tree(text: str) -> ast.expr:
    """The syntax tree of the text."""
    if not isinstance(text, str):
        raise TypeError(f"an expression is a text, not {text!r:.40}")
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(
            f"an expression of {len(text):,} characters is too long: at most {LONGEST_TEXT:,}"
        )
    text = "".join(" " if c.isspace() else c for c in text).strip()
    if not text:
        raise ExpressionError("the expression is empty: write one, as in log(x*y)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's advice on Python programs
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(_syntax_message(text, error)) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(
            "the expression is nested too deeply: take a part out, as a name with a value"
        ) from None
    except ValueError as error:  # NUL characters, lone surrogates
        raise ExpressionError(f"cannot read the expression: {str(error)[:80]}") from None


def _syntax_message(text: str, error: SyntaxError) -> str:
    """What is wrong, where, and what it looks like there."""
    place = min(max(error.offset or 1, 1), len(text))
    start = max(0, place - 16)
    excerpt = (
        ascii(text[start : place + 15])[1:-1]
        if not text.isprintable()
        else text[start : place + 15]
    )
    message = str(error.msg).splitlines()[0][:120]
    if "invalid decimal literal" in message or "invalid imaginary" in message:
        message = "a product needs its sign, as in 2*x"
    if "invalid character" in message or "non-printable" in message:
        message += "; write + - * / ** and plain letters and digits"
    if "integer string conversion" in message:
        message = "a number with so many digits is too large"
    return f"cannot read the expression at character {place}, {excerpt!r}: {message}"


def _operands_first(tree: ast.expr) -> Iterator[ast.expr]:
    """Every part of the tree, each after the parts that it is computed from, left to right."""
    found: list[ast.expr] = []
    stack: list[ast.expr] = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += _operands(node)
    return reversed(found)


def _operands(node: ast.expr) -> Sequence[ast.expr]:
    if isinstance(node, ast.BinOp):
        return (node.left, node.right)
    if isinstance(node, ast.UnaryOp):
        return (node.operand,)
    return node.args if isinstance(node, ast.Call) else ()


# ---- what is allowed --------------------------------------------------------------------------


def _check(node: ast.expr) -> None:
    """Refuse what is not arithmetic."""
    if isinstance(node, ast.Name):
        return
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        if type(node.op) not in OPERATORS and not isinstance(node.op, ast.UAdd):
            raise ExpressionError(
                REFUSED.get(type(node.op), "this operator is not allowed: use + - * / **")
            )
    elif isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name):
            refused = REFUSED.get(type(node.func))
            raise ExpressionError(refused or "a product needs its sign, as in 2*(x + y)")
        if node.keywords:
            raise ExpressionError(REFUSED[ast.keyword])
        _called(node)
    elif not isinstance(node, ast.Constant):
        kind = type(node).__name__
        raise ExpressionError(
            REFUSED.get(type(node), f"{kind} is not allowed: use numbers, names, + - * / ** and ()")
        )
    elif isinstance(node.value, str | bytes):
        raise ExpressionError(REFUSED[ast.JoinedStr])
    elif type(node.value) not in (int, float):
        raise ExpressionError(f"{node.value!r:.40} is not a real number: write digits, as in 2.5")


def _leaves(values: Mapping[str, float]) -> dict[str, Value]:
    """A labelled Value for each name."""
    leaves = {}
    for name, x in values.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ExpressionError(f"{name!r:.40} is not a name: use letters and digits, as in x1")
        name = unicodedata.normalize("NFKC", name)  # as the parser does
        leaves[name] = Value(number(x), name)
    return leaves


def _check_names(order: Iterable[ast.expr], leaves: Mapping[str, Value]) -> None:
    """Every name has a value, and every value is used."""
    used = dict.fromkeys(node.id for node in order if isinstance(node, ast.Name))
    missing = [name for name in used if name not in leaves and name not in CONSTANTS]
    for name in missing:
        if _row(name, 1) is not None:
            raise ExpressionError(f"{name} is an operation: write {name}(…) with numbers in it")
    if missing:
        has = "has" if len(missing) == 1 else "have"
        shown = [f"{name:.40}" for name in missing[:5]]
        raise ExpressionError(
            f"{', '.join(shown)} {has} no value: add {' '.join(f'{name}=…' for name in shown)}"
        )
    for name in leaves:
        if name not in used:
            raise ExpressionError(
                f"{name:.40} has a value but does not occur in the expression: leave it out"
            )


def _row(name: str, count: int) -> Operation | None:
    """The operation of this name for this many operands."""
    if name in MANY and count != 2:
        return OPERATIONS[MANY[name]]
    return OPERATIONS.get(ALIASES.get(name, name))


def _called(node: ast.Call) -> Operation:
    """The operation that a call means."""
    name, count = getattr(node.func, "id", ""), len(node.args)
    op = _row(name, count)
    if op is None:
        close = did_you_mean(name, [*OPERATIONS, *ALIASES])
        way_out = close or "there is log, exp, sin, tanh, relu, …"
        raise ExpressionError(f"there is no operation {name:.40}: {way_out}")
    least = 1 if op.arity is None else op.arity - len(op.defaults)
    if count < least or (op.arity is not None and count > op.arity):
        wanted = "at least 1"
        if op.arity is not None:
            wanted = " or ".join(str(n) for n in range(least, op.arity + 1))
        wanted += " number" if wanted.endswith("1") else " numbers"
        raise ExpressionError(f"{name} takes {wanted}, not {count}")
    return op


# ---- the graph --------------------------------------------------------------------------------


def _computed(order: Iterable[ast.expr], leaves: Mapping[str, Value]) -> dict[int, Any]:
    """What each part of the tree comes to: a Value, or a float where no name is involved."""
    results: dict[int, Any] = {}
    for node in order:
        operands = [results[id(x)] for x in _operands(node)]
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int | float)
            results[id(node)] = number(node.value)
        elif isinstance(node, ast.Name):
            results[id(node)] = leaves[node.id] if node.id in leaves else CONSTANTS[node.id]
        elif isinstance(node, ast.Call):
            results[id(node)] = _called(node)(*operands)
        elif isinstance(node, ast.BinOp | ast.UnaryOp) and type(node.op) in OPERATORS:
            results[id(node)] = OPERATORS[type(node.op)](*operands)
        else:  # a plus sign before a number
            results[id(node)] = operands[0]
    return results


def _is_step(x: Any) -> bool:
    return isinstance(x, Value) and bool(x.op)


def _labelled(root: Value, steps: Sequence[Value], taken: set[str]) -> tuple[tuple[str, ...], str]:
    """Label the steps v, w, … as in the lecture; the labels, and what the output is called.

    Where every step is made from the one before alone, the last one has a label as well, and the
    output is another name for it: v = x·y, w = log v, z = w.
    """
    distinct = list({id(v): v for v in steps}.values())
    output = next(name for name in _names("zfghqr", "z") if name not in taken)
    if not root.op:
        root.label = root.label or output
        return (), output
    is_chain = bool(distinct) and all(
        sum(bool(x.op) for x in v.parents) == (i > 0) for i, v in enumerate([*distinct, root])
    )
    if is_chain:
        distinct.append(root)
    else:
        root.label = output
    letters = "vwuts" if len(distinct) <= 5 else ""
    free = (name for name in _names(letters, "v") if name not in taken | {output})
    for v in distinct:
        v.label = next(free)
    return tuple(v.label for v in distinct), output


def _names(letters: str, letter: str) -> Iterator[str]:
    """The letters, and after these one letter with a number."""
    yield from letters
    number = 0
    while True:
        number += 1
        yield f"{letter}{number}"
