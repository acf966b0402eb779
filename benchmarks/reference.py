"""The peer of the microgpt benchmark: a Value class as that program's description has it."""

from __future__ import annotations

import math


class Reference:
    """A number with the numbers that it was computed from and the local derivative toward each.

    Written from the description of microgpt's class: slots, tuples, plain numbers that become nodes
    of their own, a difference as the sum with the negative, a quotient as the product with the
    inverse, a recursive sort. Only what a model needs is there; nothing is checked.

    Source: Karpathy, microgpt (2026), after his micrograd (2020).

    >>> x, y = Reference(2.0), Reference(3.0)
    >>> (x * y).log().backward()
    >>> x.grad
    0.5
    """

    __slots__ = ("_children", "_slopes", "data", "grad")

    def __init__(
        self,
        data: float,
        children: tuple[Reference, ...] = (),
        slopes: tuple[float, ...] = (),
    ) -> None:
        self.data = data
        self.grad = 0.0
        self._children = children
        self._slopes = slopes

    def __add__(self, other: Reference | float) -> Reference:
        other = other if isinstance(other, Reference) else Reference(other)
        return Reference(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Reference | float) -> Reference:
        other = other if isinstance(other, Reference) else Reference(other)
        return Reference(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Reference:
        slope = exponent * self.data ** (exponent - 1)
        return Reference(self.data**exponent, (self,), (slope,))

    def log(self) -> Reference:
        return Reference(math.log(self.data), (self,), (1.0 / self.data,))

    def exp(self) -> Reference:
        power = math.exp(self.data)
        return Reference(power, (self,), (power,))

    def relu(self) -> Reference:
        return Reference(max(0.0, self.data), (self,), (float(self.data > 0.0),))

    def __neg__(self) -> Reference:
        return self * -1.0

    def __sub__(self, other: Reference | float) -> Reference:
        return self + (-other)

    def __truediv__(self, other: Reference | float) -> Reference:
        return self * other**-1

    def __radd__(self, other: float) -> Reference:
        return self + other

    def __rsub__(self, other: float) -> Reference:
        return other + (-self)

    def __rmul__(self, other: float) -> Reference:
        return self * other

    def __rtruediv__(self, other: float) -> Reference:
        return other * self**-1

    def backward(self) -> None:
        """Add to the gradient of every ancestor what it contributes to this number.

        The inner function refers to itself, which is a cycle, and holds the list: the graph is
        freed by the garbage collector, and not at all while that is off.
        """
        order: list[Reference] = []
        seen: set[Reference] = set()

        def visit(node: Reference) -> None:
            if node not in seen:
                seen.add(node)
                for child in node._children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for child, slope in zip(node._children, node._slopes, strict=True):
                child.grad += slope * node.grad
