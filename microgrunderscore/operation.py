"""What an operation is: one record that computes, differentiates, spells and guards it.

The table of all operations is in ``ops.py``. A record that is called asks one question: are the
operands plain numbers? Then it computes with floats; anything else (a Value, a symbol) answers
through its own ``_apply(operation, operands)``.
"""

from __future__ import annotations

import inspect
import keyword
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Rule = Callable[..., Any]
ARITHMETIC_ERRORS = (ValueError, OverflowError, ZeroDivisionError)
ADDITION, PRODUCT, POWER, CALL = 1, 2, 3, 4  # how strongly an operation binds its operands


def alone(error: Exception) -> Exception:
    """An error that says all there is to say: as with "from None", which compiled code forgets."""
    error.__suppress_context__ = True
    return error


def number(x: Any) -> float:
    """The door: any real number as a float.

    Raises TypeError for what is not one real number, OverflowError for a whole number beyond
    the largest float (about 1.8e308).

    >>> number(3)
    3.0
    """
    if type(x) is float:
        return x
    if type(x) is int or isinstance(x, numbers.Real):
        try:
            return float(x)
        except OverflowError:
            n: Any = abs(math.floor(x))
            digits = round(n.bit_length() * math.log10(2.0))
            digits += n >= 10**digits
            raise alone(
                OverflowError(
                    f"a number of {digits} digits is too large for a float (at most about 1.8e308)"
                )
            )
    shape = getattr(x, "shape", None)
    if shape == () and hasattr(x, "item") and not isinstance(x, numbers.Complex):
        item = x.item()  # NumPy's booleans, arrays without axes
        if isinstance(item, numbers.Real):
            return float(item)
    if shape and hasattr(x, "__array__"):
        raise TypeError(
            f"an array of shape {tuple(shape)} met a Value: this is a scalar engine, one number "
            "a Value; loop over the elements, or take one with .item()"
        )
    if getattr(x, "gives_limits", False):
        return float(x.as_number())  # a traced number, which says why it is none
    kind, shown = type(x).__name__, repr(x)[:40]
    if isinstance(x, numbers.Complex):
        why = "complex is not supported, only the real line; give its .real or abs(...)"
    elif kind == "Value":
        why = "it has a history: use it as it is, or take its number with .data"
    else:
        why = "convert with float(...) if it stands for one"
    raise TypeError(f"Value holds a real number, not {kind} {shown}: {why}")


@dataclass(frozen=True, eq=False, repr=False)
class Operation:
    """One row of the table: called with numbers it computes, called with Values it records.

    Made by :func:`define`, which explains the fields. ``arity`` is None for any number of operands.
    """

    name: str
    code: int  # its place in NAMES
    value: Rule
    partials: tuple[Rule, ...]
    arity: int | None
    text: str
    latex: str
    binding: int
    symbol: str
    domain: str
    hint: str
    defaults: tuple[float, ...]
    selects: bool
    fixed: tuple[Rule, ...]
    textbook: tuple[Rule, ...]
    expansion: Rule | None

    def __call__(self, *operands: Any) -> Any:
        """The value for numbers; for anything else, what that makes of the operation."""
        if len(operands) != self.arity:
            operands = self._completed(operands)
        for x in operands:
            if type(x) is not float:
                if hasattr(x, "_apply"):
                    return x._apply(self, operands)
                return self._on_others(operands)
        return self.on_floats(operands)

    def __repr__(self) -> str:
        domain = f" for {self.domain}" if self.domain else ""
        return f"<operation {self.spell(['x', 'y', 'z'])}{domain}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _row, (self.name,)  # a copy of a row is the row

    def on_floats(self, operands: Sequence[Any], sources: Sequence[Any] = ()) -> float | Any:
        """The value for floats; an error of ``math`` comes back naming operation and operands.

        sources: what the floats are the data of, so that the error can quote labels.
        """
        try:
            return self.value(*operands)
        except ARITHMETIC_ERRORS as error:
            raise alone(type(error)(self._explain(error, operands, sources)))

    def slopes(self, operands: Sequence[Any], z: Any, moves: Sequence[bool]) -> list[Any]:
        """∂z/∂operand for each operand that moves; None for the others, which are plain numbers."""
        if self.arity is not None:
            rules = self.partials if all(moves) else self.fixed
            return [rule(*operands, z) if m else None for rule, m in zip(rules, moves, strict=True)]
        slopes = self.partials[0](*operands, z)
        if self.fixed is not self.partials and any(
            not m and d for d, m in zip(slopes, moves, strict=True)
        ):
            slopes = self.fixed[0](*operands, z)  # a plain number is among those at a tie
        return [d if m else None for d, m in zip(slopes, moves, strict=True)]

    def spell(self, operands: Sequence[str]) -> str:
        """The operation on these operands, as Python text."""
        if self.arity is None:
            return f"{self.name}({', '.join(operands)})"
        return self.text.format(*operands)

    @property
    def infix_or_symbol(self) -> str:
        """What a drawing in plain text writes: * for {0} * {1}, else the symbol."""
        infix = self.text.startswith("{0} ") and self.text.endswith(" {1}")
        return self.text[4:-4] if infix else self.symbol

    def _on_others(self, operands: tuple[Any, ...]) -> Any:
        """What the first operand that is no number makes of it, if there is one."""
        for x in operands:
            if hasattr(x, "_apply"):
                return x._apply(self, operands)
        return self.on_floats([number(x) for x in operands])

    def _completed(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands, with defaults for the last ones where these were left out."""
        if self.arity is None:
            return self._spread(operands)
        missing = self.arity - len(operands)
        if 0 <= missing <= len(self.defaults):
            return operands + self.defaults[len(self.defaults) - missing :]
        raise TypeError(f"{self.name} takes {self.arity} operands, got {len(operands)}")

    def _spread(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """(x₀, x₁, …), from several numbers or from one list of them."""
        if len(operands) == 1 and hasattr(operands[0], "__iter__"):
            operands = tuple(operands[0])
        if not operands:
            raise ValueError(f"{self.name} of no numbers has no value: give at least one")
        return operands

    def _explain(self, error: Exception, operands: Sequence[float], sources: Sequence[Any]) -> str:
        """What happened (with the numbers), why, and the way out."""
        called = ", ".join(repr(x.label) for x in sources if getattr(x, "label", ""))
        what = self.spell([repr(x) for x in operands]) + (f" (labelled {called})" if called else "")
        if isinstance(error, OverflowError):
            why = "the result is too large for a float (about 1.8e308)"
            return f"{what}: {why}; {self.hint}" if self.hint else f"{what}: {why}"
        reason = "" if "math domain" in str(error) or "zero" in str(error) else f"{error}; "
        return f"{what}: {reason}{self.name} is defined for {self.domain or 'other operands'}"


OPERATIONS: dict[str, Operation] = {}
NAMES = ["", "custom"]  # what an Operation.code stands for; a leaf has none, a node by hand no row
BUILT_IN: set[str] = set()  # the rows of ops.py
KINDS: list[type] = []  # the classes that get a method for each operation that is defined
RESERVED: set[str] = set()  # the names that define() refuses: these, and what a Value has


def define(
    name: str,
    value: Rule,
    partials: Rule | tuple[Rule, ...],
    *,
    text: str = "",
    latex: str = "",
    binding: int = CALL,
    symbol: str = "",
    domain: str = "",
    hint: str = "",
    defaults: tuple[float, ...] = (),
    selects: bool = False,
    fixed: Rule | tuple[Rule, ...] = (),
    textbook: Rule | tuple[Rule, ...] = (),
    expansion: Rule | None = None,
) -> Operation:
    """Add an operation to the table and return it, ready to be called.

    Args:
        name: of the function and of the method; not one of the package's own.
        value: the result z, from as many floats as there are operands.
        partials: one rule for each operand, ∂z/∂operand from the operands and z, written with
            arithmetic, comparisons and other operations, so that it also runs on Values: that gives
            derivatives of any order. For any number of operands: one rule that takes all of them
            and z.
        text, latex: the spelling, with {0}, {1}, … for the operands; a call when left out.
        binding: how strongly the spelling binds: ADDITION, PRODUCT, POWER or CALL.
        symbol: what a drawing writes on the node; the name when left out.
        domain: where the operation is defined, for error messages and explanations.
        hint: the way out when the result is too large.
        defaults: for the last operands.
        selects: the result is one of the operands: no gradient goes to the others, not even 0 · ∞.
        fixed: the rules where some operand is a plain number, if they differ.
        textbook: the rules as a textbook writes them, where the accurate form looks different.
        expansion: the value in the language of the rules, from which programs are compiled; without
            one, a compiled program calls `value`, number by number.

    Raises:
        ValueError: a name that the package has, or that is no identifier; a rule that does not take
            the operands and z. Your own name can be defined anew.

    >>> cube = define("cube", lambda x: x * x * x, lambda x, z: 3 * x * x)
    >>> cube(2.0)
    8.0
    >>> del OPERATIONS["cube"]
    """
    if name in RESERVED or not name.isidentifier() or keyword.iskeyword(name):
        why = "the name is taken" if name in RESERVED else "it is not an identifier"
        raise ValueError(f"cannot define an operation {name!r}: {why}; choose another name")
    rules = _as_rules(partials)
    arity = None if _takes_any_number(rules[0]) else len(rules)
    if arity is not None and any(_parameter_count(rule) != arity + 1 for rule in rules):
        raise ValueError(
            f"cannot define {name!r}: {arity} rule(s) for as many operands, and each takes these "
            "and z, as in lambda x, z: …; give one rule for each operand"
        )
    places = ", ".join(f"{{{i}}}" for i in range(arity or 0))
    NAMES.append(name)
    OPERATIONS[name] = Operation(
        name=name,
        code=len(NAMES) - 1,
        value=value,
        partials=rules,
        arity=arity,
        text=text or f"{name}({places})",
        latex=latex or rf"\operatorname{{{{{name}}}}}\left({places}\right)".replace("_", r"\_"),
        binding=binding,
        symbol=symbol or name,
        domain=domain,
        hint=hint,
        defaults=defaults,
        selects=selects,
        fixed=_as_rules(fixed) or rules,
        textbook=_as_rules(textbook) or rules,
        expansion=expansion,
    )
    if arity is not None:  # a method; __getattr__ would slow down every attribute of every Value
        for kind in KINDS:
            setattr(kind, name, lambda self, *others: OPERATIONS[name](self, *others))
    return OPERATIONS[name]


def _row(name: str) -> Operation:
    return OPERATIONS[name]


def _as_rules(rules: Rule | tuple[Rule, ...]) -> tuple[Rule, ...]:
    return rules if isinstance(rules, tuple) else (rules,)


def _parameter_count(rule: Rule) -> int:
    return len(inspect.signature(rule).parameters)


def _takes_any_number(rule: Rule) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(rule).parameters.values())
