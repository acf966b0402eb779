"""A module is what has parameters: it finds them, names them, and writes down their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from .arguments import mismatch
from .engine import Value
from .operation import number
from .samples import plain


class Module:
    """Something with parameters: the Values among its attributes, and those of modules in them.

    A class of your own needs only attributes and a `__call__` for one sample.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.start = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.start
    >>> line = Line()
    >>> line.state()
    {'slope': 2.0, 'start': 1.0}
    >>> line.predict(3.0)
    7.0
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep prediction and call the same: an inherited shortcut does not know a new call."""
        super().__init_subclass__(**options)
        nearest = next(c for c in cls.__mro__ if vars(c).keys() & {"__call__", "predict"})
        if "predict" not in vars(nearest):
            cls.predict = Module.predict  # type: ignore[method-assign]

    def __call__(self, x: Any) -> Any:
        """The prediction for one sample, with its graph."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__: define one for a sample")

    def predict(self, x: Any) -> Any:
        """The prediction for one sample as plain numbers: a float, or a list of them."""
        return plain(self(x))

    def parameters(self) -> list[Value]:
        """All parameters, each once, in a fixed order."""
        return list({id(p): p for _, p in _walk(self, "", set())}.values())

    def named_parameters(self) -> dict[str, Value]:
        """The parameters under names such as `layers.0.neurons.3.w.1`, in the same order."""
        names: dict[int, str] = {}
        for name, p in _walk(self, "", set()):
            names.setdefault(id(p), name)
        named: dict[str, Value] = {}
        for i, p in enumerate(self.parameters()):
            name = names.get(id(p), f"parameters.{i}")
            if named.setdefault(name, p) is not p:
                raise ValueError(f"two parameters are called {name!r}: rename an attribute or key")
        return named

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def state(self) -> dict[str, float]:
        """The number in every parameter, by name; `store.save` writes it."""
        return {name: p.data for name, p in self.named_parameters().items()}

    def load_state(self, state: Mapping[str, float]) -> None:
        """Set every parameter to the number of its name; all of them, or none.

        Raises:
            ValueError: a name is missing or too many, or a number is not finite.
            TypeError: something is not a number, or the state no mapping.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state takes the numbers by name, not {type(state).__name__} {state!r:.40}: "
                "state, about = store.load(path)"
            )
        named = self.named_parameters()
        if differences := mismatch(named, state):
            raise ValueError(
                f"expected the numbers of {len(named)} parameters, got {len(state)}: "
                f"{differences}; the state belongs to a model of another structure"
            )
        numbers = {name: number(x) for name, x in state.items()}
        for name, x in numbers.items():
            if not math.isfinite(x):
                raise ValueError(f"parameter {name!r} would become {x}: the state is damaged")
        for name, p in named.items():
            p.data = numbers[name]


def _walk(thing: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Value]]:
    """The leaves in a module, list, tuple, dict or array, with their names, in order."""
    if isinstance(thing, Value):
        if not thing.op:
            yield name, thing
        return
    if isinstance(thing, Module):  # once, however many others refer to it
        if id(thing) in seen:
            return
        seen.add(id(thing))
    for key, part in _parts(thing):
        if not isinstance(part, Value) and str(getattr(part, "dtype", "")) == "object":
            part = part.tolist()  # an array of Values
        if isinstance(part, Value | Module | list | tuple | dict):
            yield from _walk(part, f"{name}.{key}" if name else str(key), seen)


def _parts(thing: Any) -> Iterator[tuple[Any, Any]]:
    """The attributes of a module, the items of a list, a tuple or a dict."""
    if isinstance(thing, list | tuple):
        yield from enumerate(thing)
    else:
        yield from (thing if isinstance(thing, dict) else vars(thing)).items()
