"""What makes something a number in Python's eyes: operators, methods, comparison, conversion.

A class derived from Numeric says in ``_apply`` what an operation makes of it: a Value records, a
symbol spells. So the same program, and the same rule of ``ops.py``, runs on all of them.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable
from typing import Any, Final, Self

from . import ops
from .builds import mypyc_attr
from .operation import KINDS, Operation, alone, number


@mypyc_attr(allow_interpreted_subclasses=True)
class Numeric:
    """A number in Python's eyes; what its operations do is up to ``_apply``."""

    __slots__ = ()

    @property
    def gives_limits(self) -> bool:
        """Whether an operation gives ∞ or nan outside its domain, where others raise."""
        return False

    @property
    def label(self) -> str | Any:
        """A name for pictures, explanations and errors."""
        return ""

    @property
    def data(self) -> float | Any:
        """The number itself."""
        raise NotImplementedError

    def _apply(self, op: Operation, operands: tuple[Any, ...]) -> Any:
        """What becomes of an operation on these operands, of which this is one."""
        raise NotImplementedError

    def _operator(self, op: Operation, x: Any, y: Any) -> Any:
        """The same for an operator, which leaves operands that it does not know to the other."""
        return self._apply(op, (x, y))

    # fmt: off
    def __pos__(self) -> Self | Any: return self
    def __neg__(self) -> Any: return self._apply(ops.neg, (self,))
    def __abs__(self) -> Any: return self._apply(ops.absolute, (self,))
    def __add__(self, other: Any) -> Any: return self._operator(ops.add, self, other)
    def __sub__(self, other: Any) -> Any: return self._operator(ops.sub, self, other)
    def __mul__(self, other: Any) -> Any: return self._operator(ops.mul, self, other)
    def __truediv__(self, other: Any) -> Any: return self._operator(ops.div, self, other)
    def __pow__(self, other: Any) -> Any: return self._operator(ops.power, self, other)
    def __radd__(self, other: Any) -> Any: return self._operator(ops.add, other, self)
    def __rsub__(self, other: Any) -> Any: return self._operator(ops.sub, other, self)
    def __rmul__(self, other: Any) -> Any: return self._operator(ops.mul, other, self)
    def __rtruediv__(self, other: Any) -> Any: return self._operator(ops.div, other, self)
    def __rpow__(self, other: Any) -> Any: return self._operator(ops.power, other, self)

    def add(self, other: Any) -> Self | Any: return self._apply(ops.add, (self, other))
    def sub(self, other: Any) -> Self | Any: return self._apply(ops.sub, (self, other))
    def mul(self, other: Any) -> Self | Any: return self._apply(ops.mul, (self, other))
    def div(self, other: Any) -> Self | Any: return self._apply(ops.div, (self, other))
    def pow(self, other: Any) -> Self | Any: return self._apply(ops.power, (self, other))
    def neg(self) -> Self | Any: return self._apply(ops.neg, (self,))
    def exp(self) -> Self | Any: return self._apply(ops.exp, (self,))
    def expm1(self) -> Self | Any: return self._apply(ops.expm1, (self,))
    def log(self) -> Self | Any: return self._apply(ops.log, (self,))
    def log1p(self) -> Self | Any: return self._apply(ops.log1p, (self,))
    def inv(self) -> Self | Any: return self._apply(ops.inv, (self,))
    def sqrt(self) -> Self | Any: return self._apply(ops.sqrt, (self,))
    def hypot(self, other: Any) -> Self | Any: return self._apply(ops.hypot, (self, other))
    def sin(self) -> Self | Any: return self._apply(ops.sin, (self,))
    def cos(self) -> Self | Any: return self._apply(ops.cos, (self,))
    def tan(self) -> Self | Any: return self._apply(ops.tan, (self,))
    def asin(self) -> Self | Any: return self._apply(ops.asin, (self,))
    def acos(self) -> Self | Any: return self._apply(ops.acos, (self,))
    def atan(self) -> Self | Any: return self._apply(ops.atan, (self,))
    def atan2(self, other: Any) -> Self | Any: return self._apply(ops.atan2, (self, other))
    def sinh(self) -> Self | Any: return self._apply(ops.sinh, (self,))
    def cosh(self) -> Self | Any: return self._apply(ops.cosh, (self,))
    def tanh(self) -> Self | Any: return self._apply(ops.tanh, (self,))
    def asinh(self) -> Self | Any: return self._apply(ops.asinh, (self,))
    def acosh(self) -> Self | Any: return self._apply(ops.acosh, (self,))
    def atanh(self) -> Self | Any: return self._apply(ops.atanh, (self,))
    def erf(self) -> Self | Any: return self._apply(ops.erf, (self,))
    def erfc(self) -> Self | Any: return self._apply(ops.erfc, (self,))
    def sigmoid(self) -> Self | Any: return self._apply(ops.sigmoid, (self,))
    def softplus(self) -> Self | Any: return self._apply(ops.softplus, (self,))
    def relu(self) -> Self | Any: return self._apply(ops.relu, (self,))
    def leaky_relu(self, slope: Any = 0.01) -> Self | Any:
        return self._apply(ops.leaky_relu, (self, slope))
    def elu(self, scale: Any = 1.0) -> Self | Any: return self._apply(ops.elu, (self, scale))
    def gelu(self) -> Self | Any: return self._apply(ops.gelu, (self,))
    def silu(self) -> Self | Any: return self._apply(ops.silu, (self,))
    def abs(self) -> Self | Any: return self._apply(ops.absolute, (self,))
    def maximum(self, other: Any) -> Self | Any: return self._apply(ops.maximum, (self, other))
    def minimum(self, other: Any) -> Self | Any: return self._apply(ops.minimum, (self, other))
    def clip(self, low: Any, high: Any) -> Self | Any:
        return self._apply(ops.clip, (self, low, high))
    def where(self, x: Any, y: Any) -> Self | Any: return self._apply(ops.where, (self, x, y))
    # fmt: on

    # ---- comparison is by the number, equality and hash are by identity ----

    # fmt: off
    def __lt__(self, other: Any) -> bool | Any: return self._compare(operator.lt, other)
    def __le__(self, other: Any) -> bool | Any: return self._compare(operator.le, other)
    def __gt__(self, other: Any) -> bool | Any: return self._compare(operator.gt, other)
    def __ge__(self, other: Any) -> bool | Any: return self._compare(operator.ge, other)
    def __bool__(self) -> bool: return self.data != 0.0
    # fmt: on

    def _compare(self, holds: Callable[[float, float], bool], other: Any) -> Any:
        if isinstance(other, Numeric):
            if other.gives_limits:  # a traced number writes the comparison down
                return NotImplemented
            return holds(self.data, other.data)
        if str(getattr(other, "dtype", "")) == "object":
            return NotImplemented  # an array of Values compares them one by one
        return holds(self.data, number(other))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numeric):
            return self is other
        if not isinstance(other, numbers.Real):
            return NotImplemented
        raise TypeError(f"{self!r} == {other!r} compares a node with a number: compare v.data")

    def __hash__(self) -> int:
        return object.__hash__(self)

    # ---- conversion ----

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __float__(self) -> float:
        raise TypeError(
            f"{self!r} as a plain number would lose the gradient: use the method, as in v.sin(), "
            "or microgrunderscore.sin(v) for math.sin(v); the number itself is v.data"
        )

    def __int__(self) -> int:
        return int(self.__float__())

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy asks here: arrays of Values go item by item, arrays of numbers are refused."""
        import numpy

        for x in inputs:
            if isinstance(x, numpy.ndarray) and x.dtype != object and x.ndim:
                number(x)
        items = [
            number(x) if isinstance(x, numpy.generic | numpy.ndarray) and _is_a_number(x) else x
            for x in inputs
        ]
        return getattr(ufunc, method)(*(numpy.asarray(x, object) for x in items), **options)


def data_of(x: Any) -> float:
    """The number of a Value, or of what is a plain number."""
    return x.data if isinstance(x, Numeric) else number(x)


_REFLECTED: Final = {
    "add": "__radd__",
    "sub": "__rsub__",
    "mul": "__rmul__",
    "div": "__rtruediv__",
    "pow": "__rpow__",
}


def refusal(op: Operation, x: Any, y: Any, error: TypeError) -> Any:
    """NotImplemented, where the other operand may know what to do; else the error says why not."""
    reflected = _REFLECTED.get(op.name)
    if reflected is None or _is_array_of_numbers(x) or _is_array_of_numbers(y):
        raise error
    if isinstance(x, Numeric) and hasattr(type(y), reflected):
        return NotImplemented
    kinds = f"{type(x).__name__!r} and {type(y).__name__!r}"
    sign = op.text.split()[1]
    raise alone(TypeError(f"unsupported operand type(s) for {sign}: {kinds}: {error}"))


def _is_a_number(x: Any) -> bool:
    """Whether something of NumPy is a single number, of whatever type, and no object."""
    return not x.shape and str(x.dtype) != "object"


def _is_array_of_numbers(x: Any) -> bool:
    return hasattr(x, "__array__") and str(getattr(x, "dtype", "")) != "object"


KINDS.append(Numeric)
