"""Steps downhill: gradient descent with momentum, Adam, and learning rates that change.

A step either changes every parameter or, if a number is not finite, none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from . import updates
from .arguments import real, whole
from .engine import Value
from .ops import sqrt

Schedule: TypeAlias = Callable[[int], float]

WAY_OUT = "a smaller learning rate, clip_gradients or standardised inputs may help"


class Optimizer:
    """What all optimisers share: the parameters under their names, the learning rate, the count.

    Args:
        parameters: a module, its `named_parameters()`, or a list of Values; errors quote the
            names. A Value that is listed twice counts once.
        lr: learning rate, more than 0; or a schedule, a function of the number of steps so far.

    Raises:
        ValueError: no parameters, a Value that was computed from others, or lr ≤ 0.
        TypeError: something that is not a Value, not a number.

    Attributes:
        parameters: the Values, in order.
        steps: how many were made.
    """

    def __init__(self, parameters: Any, lr: float | Schedule) -> None:
        self.names, self.parameters = named(parameters)
        self.steps = 0
        self.lr = lr

    @property
    def lr(self) -> float | Schedule:
        """The learning rate as it was given: a number or a schedule."""
        return self._lr

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self._lr = lr if callable(lr) else real("lr", lr, above=0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step; ValueError if a schedule gives a negative one."""
        if not callable(self._lr):
            return self._lr
        what = f"the learning rate that the schedule gives at step {self.steps}"
        return real(what, self._lr(self.steps), least=0)

    def step(self) -> None:
        """Change every parameter once, by its gradient.

        Raises:
            FloatingPointError: a gradient or parameter is not finite, or would become so; then
                nothing was changed.
        """
        rate = self.rate
        data, gradients = updates.data_and_gradients(self.parameters)
        self._check("parameter {} is {}", data)
        self._check("the gradient of {} is {}", gradients)
        self._update(data, gradients, rate)
        self.steps += 1

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        updates.zero_gradients(self.parameters)

    def _update(self, data: list[float], gradients: list[float], rate: float) -> None:
        """Compute new numbers for all parameters, check them, and set them."""
        raise NotImplementedError(f"{type(self).__name__} defines no step: SGD and Adam do")

    # ---- the same step for one parameter, from which compiled programs make theirs ----

    schedule_names: tuple[str, ...] = ()

    @property
    def has_rule(self) -> bool:
        """Whether `rule` says what `step` does: not in a class that makes steps of its own."""
        return type(self) in (SGD, Adam)

    @property
    def states(self) -> list[list[float]]:
        """What is kept for each parameter besides its number, such as a velocity."""
        return []

    def rule(self, p: Any, g: Any, *others: Any) -> tuple[Any, ...]:
        """One parameter and its states after a step.

        others: its states, then the numbers of `schedule` for this step.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no rule: SGD and Adam do")

    def schedule(self, steps: int) -> list[tuple[float, ...]]:
        """What is the same for all parameters in each of the next steps: `schedule_names`."""
        if not callable(self._lr):
            return [self._scheduled(self._lr, self.steps + k) for k in range(steps)]
        now, rows = self.steps, []
        try:
            for k in range(steps):
                self.steps = now + k
                rows.append(self._scheduled(self.rate, now + k))
        finally:
            self.steps = now
        return rows

    def _scheduled(self, rate: float, step: int) -> tuple[float, ...]:
        raise NotImplementedError(f"{type(self).__name__} defines no rule: SGD and Adam do")

    def moved_elsewhere(self, steps: int, states: list[list[float]], gradient: list[float]) -> None:
        """Take note of steps that a compiled program has made, the last one with this gradient."""
        self.steps += steps
        self._keep(states, gradient)

    def _keep(self, states: list[list[float]], gradient: list[float]) -> None:
        """Set the states."""

    def _check(self, what: str, numbers: list[float]) -> None:
        """Refuse numbers that are not finite, naming the parameter of the first one."""
        if not all(map(math.isfinite, numbers)):
            i = next(i for i, x in enumerate(numbers) if not math.isfinite(x))
            raise FloatingPointError(
                f"{what.format(self.names[i], numbers[i])}; nothing was changed; {WAY_OUT}"
            )


class SGD(Optimizer):
    """Gradient descent with momentum: v ← βv + (1 - dampening) g, then w ← w - lr · v.

    Args:
        parameters, lr: as for `Optimizer`.
        momentum: β, at least 0, less than 1.
        dampening: 0 for PyTorch's form v ← βv + g; equal to momentum for a moving average of the
            gradients, v ← βv + (1 - β) g. v is 0 at first, and the first step is damped, too (in
            PyTorch it is not).

    Source: Robbins and Monro, A stochastic approximation method (1951); momentum: Polyak (1964),
    and Sutskever et al., On the importance of initialization and momentum (2013).

    >>> w = Value(1.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    0.8
    """

    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule,
        momentum: float = 0.0,
        dampening: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = real("momentum", momentum, least=0, below=1)
        self.dampening = real("dampening", dampening, least=0, below=1)
        if self.dampening and not self.momentum:
            raise ValueError(
                f"dampening {self.dampening} without momentum only shrinks the steps: "
                "give momentum, or a smaller lr"
            )
        self._velocity = [0.0] * len(self.parameters)

    def _update(self, data: list[float], gradients: list[float], rate: float) -> None:
        share = 1.0 - self.dampening
        velocity = updates.momentum(self._velocity, gradients, self.momentum, share)
        moved = updates.descended(data, velocity, rate)
        self._check("the step would make parameter {} {}", moved)
        self._velocity = velocity
        updates.set_data(self.parameters, moved)

    schedule_names = ("rate", "momentum", "share")

    @property
    def states(self) -> list[list[float]]:
        return [self._velocity] if self.momentum else []

    def rule(self, p: Any, g: Any, *others: Any) -> tuple[Any, ...]:
        *velocity, rate, beta, share = others
        if not velocity:
            return (p - rate * g,)
        v = beta * velocity[0] + share * g
        return p - rate * v, v

    def _scheduled(self, rate: float, step: int) -> tuple[float, ...]:
        return rate, self.momentum, 1.0 - self.dampening

    def _keep(self, states: list[list[float]], gradient: list[float]) -> None:
        (self._velocity,) = states or [gradient]  # without momentum, it is the latest gradient


class Adam(Optimizer):
    """Steps of about lr for each parameter, whatever the size of its gradients.

    With m ← β₁m + (1 - β₁) g and v ← β₂v + (1 - β₂) g², corrected for their start at 0,
    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), a step is w ← w - lr · m̂ / (√v̂ + eps).

    Args:
        parameters, lr: as for `Optimizer`.
        betas: β₁ and β₂, each at least 0, less than 1.
        eps: more than 0; keeps the quotient finite.

    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.

    >>> w = Value(1.0)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)
    0.9
    """

    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        if len(betas) != 2:
            raise ValueError(f"betas must be two numbers, got {len(betas)}")
        first, second = (real(f"betas[{i}]", b, least=0, below=1) for i, b in enumerate(betas))
        self.betas = first, second
        self.eps = real("eps", eps, above=0)
        self._m = [0.0] * len(self.parameters)
        self._v = [0.0] * len(self.parameters)

    def _update(self, data: list[float], gradients: list[float], rate: float) -> None:
        b1, b2 = self.betas
        t = self.steps + 1
        m = updates.momentum(self._m, gradients, b1, 1.0 - b1)
        v = updates.squares(self._v, gradients, b2)
        self._check("the mean of the squared gradients of {} would be {}", v)
        moved = updates.adapted(data, m, v, rate, 1.0 - b1**t, 1.0 - b2**t, self.eps)
        self._check("the step would make parameter {} {}", moved)
        self._m, self._v = m, v
        updates.set_data(self.parameters, moved)

    schedule_names = ("rate", "b1", "b1_rest", "b2", "b2_rest", "m_scale", "v_scale", "eps")

    @property
    def states(self) -> list[list[float]]:
        return [self._m, self._v]

    def rule(self, p: Any, g: Any, *others: Any) -> tuple[Any, ...]:
        m, v, rate, b1, b1_rest, b2, b2_rest, m_scale, v_scale, eps = others
        m = b1 * m + b1_rest * g
        v = b2 * v + b2_rest * (g * g)
        return p - rate * (m / m_scale) / (sqrt(v / v_scale) + eps), m, v

    def _scheduled(self, rate: float, step: int) -> tuple[float, ...]:
        b1, b2 = self.betas
        scales = 1.0 - b1 ** (step + 1), 1.0 - b2 ** (step + 1)
        return rate, b1, 1.0 - b1, b2, 1.0 - b2, *scales, self.eps

    def _keep(self, states: list[list[float]], gradient: list[float]) -> None:
        self._m, self._v = states


def clip_gradients(parameters: Any, max_norm: float) -> float:
    """Scale all gradients together so that their Euclidean norm is at most max_norm.

    Args:
        parameters: as for `Optimizer`.
        max_norm: more than 0.

    Returns:
        The norm before.

    Raises:
        FloatingPointError: a gradient, or their norm, is not finite; then nothing was changed.
        ValueError: no parameters, or max_norm ≤ 0.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks
    (2013), algorithm 1.

    >>> w = Value(0.0)
    >>> w.grad = -8.0
    >>> clip_gradients([w], 2.0), w.grad
    (8.0, -2.0)
    """
    names, values = named(parameters)
    max_norm = real("max_norm", max_norm, above=0)
    norm = math.hypot(*[p.grad for p in values])
    if not math.isfinite(norm):
        worst = max(range(len(values)), key=lambda i: _size_of(values[i].grad))
        raise FloatingPointError(
            f"the norm of the gradients is {norm}, the gradient of {names[worst]} is "
            f"{values[worst].grad}; nothing was changed; a smaller learning rate or standardised "
            "inputs may help"
        )
    if norm > max_norm:
        for p in values:
            p.grad = p.grad * (max_norm / norm)
    return norm


# ---- learning rates that change: functions of the step, or in fit(schedule=…) of the epoch -----


def constant(lr: float) -> Schedule:
    """The same learning rate for ever.

    >>> constant(0.1)(1000)
    0.1
    """
    lr = real("lr", lr, above=0)
    return lambda step: lr


def linear(start: float, end: float, steps: int) -> Schedule:
    """From start to end in a straight line, which is reached after so many steps.

    >>> [linear(1.0, 0.1, 100)(k) for k in (0, 50, 100, 200)]
    [1.0, 0.55, 0.1, 0.1]
    """
    start, end, steps = _ramp(start, end, steps)
    return lambda step: end if step >= steps else start + (end - start) * step / steps


def cosine(start: float, end: float, steps: int) -> Schedule:
    """From start to end along half a cosine: slowly first, slowly last.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017),
    equation 5, without restarts.

    >>> [round(cosine(1.0, 0.0, 4)(k), 3) for k in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    start, end, steps = _ramp(start, end, steps)

    def rate(step: int) -> float:
        share = min(step / steps, 1.0)
        return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))

    return rate


def step_decay(start: float, factor: float, every: int) -> Schedule:
    """start, times factor after every so many steps.

    >>> [step_decay(1.0, 0.5, 10)(k) for k in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """
    start, factor = _decay(start, factor)
    every = whole("every", every, 1)
    return lambda step: start * factor ** (step // every)


def exponential(start: float, factor: float) -> Schedule:
    """start, times factor after every step.

    >>> [exponential(1.0, 0.5)(k) for k in range(3)]
    [1.0, 0.5, 0.25]
    """
    start, factor = _decay(start, factor)
    return lambda step: start * float(factor**step)


# ---- arguments ---------------------------------------------------------------------------------


def named(parameters: Any) -> tuple[list[str], list[Value]]:
    """Names and Values, each Value once."""
    if not hasattr(parameters, "named_parameters") and callable(
        getattr(parameters, "parameters", None)
    ):
        parameters = parameters.parameters()  # a class of one's own, or of another library
    if isinstance(parameters, Value) or not (
        hasattr(parameters, "__iter__") or hasattr(parameters, "named_parameters")
    ):
        raise TypeError(
            f"parameters must be a list of Values or a module, not "
            f"{parameters!r:.60}: put it in a list"
        )
    if hasattr(parameters, "named_parameters"):
        parameters = parameters.named_parameters()
    pairs = parameters.items() if isinstance(parameters, Mapping) else _numbered(parameters)
    named: dict[int, tuple[str, Value]] = {}
    for name, p in pairs:
        _check_parameter(name, p)
        named.setdefault(id(p), (name, p))
    if not named:
        raise ValueError(
            "there are no parameters to train: give model.parameters() of a model that has some"
        )
    return [name for name, _ in named.values()], [p for _, p in named.values()]


def _numbered(parameters: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Names for the items of a list: the labels, or the places."""
    return ((getattr(p, "label", "") or f"parameters[{i}]", p) for i, p in enumerate(parameters))


def _check_parameter(name: str, p: Any) -> None:
    if not isinstance(p, Value):
        raise TypeError(f"{name} must be a Value, not {type(p).__name__} {p!r:.40}")
    if p.op:
        raise ValueError(
            f"{name} = {p!r:.60} was computed from other Values: a step on it would be lost at the "
            "next forward pass; give the Values that it was computed from"
        )


def _size_of(x: float) -> float:
    return math.inf if math.isnan(x) else abs(x)


def _ramp(start: float, end: float, steps: int) -> tuple[float, float, int]:
    return real("start", start, above=0), real("end", end, least=0), whole("steps", steps, 1)


def _decay(start: float, factor: float) -> tuple[float, float]:
    return real("start", start, above=0), real("factor", factor, above=0)
