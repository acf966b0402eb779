"""Neurons, layers and multilayer perceptrons made of Values.

A neuron's pre-activation w·x + b is one node of the graph, as it is one circle in the picture.
Arguments outside their range raise ValueError, those of another kind TypeError.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol, Self, TypeAlias

from . import activations, ops
from .activations import Activation, identity, softmax
from .arguments import generator, whole
from .engine import Value, dot
from .layerwise import LayerwisePass, Matrix, Vector, backpropagate
from .losses import recorded
from .module import Module
from .numeric import Numeric, data_of
from .samples import items, plain

__all__ = ["INITIALISERS", "MLP", "Layer", "Module", "Neuron", "glorot", "he", "uniform"]

MOST_PARAMETERS = 10_000_000  # of a model that is rebuilt from a file, which is not trusted


class Randomness(Protocol):
    """What draws weights: a `random.Random`, or the module `random` itself."""

    def uniform(self, a: float, b: float) -> float: ...
    def gauss(self, mu: float, sigma: float) -> float: ...


Initialiser: TypeAlias = Callable[[int, int, Randomness], float]
AnyActivation: TypeAlias = str | Activation


# ---- first weights -----------------------------------------------------------------------------


def uniform(nin: int, nout: int, rng: Randomness) -> float:
    """A weight from U(-1, 1), whatever the sizes: micrograd's.

    >>> -1.0 <= uniform(3, 2, random.Random(0)) <= 1.0
    True
    """
    return rng.uniform(-1, 1)


def glorot(nin: int, nout: int, rng: Randomness) -> float:
    """A weight from U(-r, r) with r = √(6 / (nin + nout)), for tanh and sigmoid.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks (2010), equation 16; after its author also called Xavier initialisation.

    >>> abs(glorot(3, 3, random.Random(0))) <= 1.0
    True
    """
    r = math.sqrt(6.0 / (nin + nout))
    return rng.uniform(-r, r)


def he(nin: int, nout: int, rng: Randomness) -> float:
    """A weight from N(0, 2 / nin), for ReLU.

    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015), equation 10.

    >>> abs(he(200, 1, random.Random(0))) < 1.0
    True
    """
    return rng.gauss(0.0, math.sqrt(2.0 / nin))


INITIALISERS: Mapping[str, Initialiser] = {
    "uniform": uniform,
    "xavier": glorot,
    "glorot": glorot,
    "he": he,
}


# ---- networks ----------------------------------------------------------------------------------


class Neuron(Module):
    """g(w·x + b): a weighted sum of the inputs, on top of a bias, through an activation.

    Args:
        nin: number of inputs, at least 1.
        nonlin: False for a linear neuron, whatever the activation.
        activation: name or function, see `activations.activation`.
        initialise: "uniform", "xavier" or "glorot", "he", or a function (nin, nout, rng) → weight.
        rng: where weights are drawn; the global generator of `random` if None.
        nout: neurons of its layer, which Glorot's formula asks for.

    The weights are `w`, the bias is `b`, 0 at first.

    >>> neuron = Neuron(2, activation="tanh", rng=random.Random(0))
    >>> neuron
    TanhNeuron(2)
    >>> neuron([1.0, 2.0]).data == neuron.predict([1.0, 2.0])
    True
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: AnyActivation = "relu",
        initialise: str | Initialiser = "uniform",
        rng: Randomness | None = None,
        nout: int = 1,
    ) -> None:
        nin = whole("nin", nin, 1)
        draw = _initialiser(initialise)
        source: Randomness = random if rng is None else rng
        self.activation = activations.activation(activation)
        if self.activation is softmax:
            raise ValueError("softmax needs all outputs of a layer: give it to Layer or MLP")
        self.w = [Value(draw(nin, nout, source)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = bool(nonlin) and self.activation is not identity

    def __call__(self, x: Any) -> Value:
        """The output for one sample of `nin` numbers or Values; ValueError for another count."""
        xs = x if x.__class__ is list else items(x)
        if len(xs) != len(self.w):
            raise _wrong_inputs(len(self.w), xs)
        a = dot(self.w, xs, self.b)
        return self.activation(a) if self.nonlin else a

    def predict(self, x: Any) -> float:
        """The output for one sample as a plain number, the same bits as the recorded one."""
        return activations.on_float(self.g, self.pre_activation(_floats(x, len(self.w))))

    def pre_activation(self, h: Vector) -> float:
        """a = w·h + b for plain numbers, summed in the order of the engine's `dot`."""
        a = self.b.data
        for w, x in zip(self.w, h, strict=True):
            a += w.data * x
        return a

    @property
    def g(self) -> Activation:
        """What comes after the sum: the activation, unless `nonlin` is off."""
        return self.activation if self.nonlin else identity

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{_title(activations.name_of(self.g))}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side, which see the same inputs.

    Args:
        nin, nout: numbers of inputs and of neurons, at least 1.
        nonlin, activation, initialise, rng: as for `Neuron`; the activation may be "softmax".

    >>> Layer(3, 2)
    Layer of [ReLUNeuron(3), ReLUNeuron(3)]
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        *,
        activation: AnyActivation = "relu",
        initialise: str | Initialiser = "uniform",
        rng: Randomness | None = None,
    ) -> None:
        nin, nout = whole("nin", nin, 1), whole("nout", nout, 1)
        g = activations.activation(activation)
        self.shares = bool(nonlin) and g is softmax  # softmax comes after all neurons
        if self.shares and nout == 1:
            raise ValueError("softmax over one output is always 1: use sigmoid, or two outputs")
        self.neurons = [
            Neuron(
                nin,
                nonlin,
                activation=identity if g is softmax else g,
                initialise=initialise,
                rng=rng,
                nout=nout,
            )
            for _ in range(nout)
        ]

    def __call__(self, x: Any) -> Any:
        """The outputs for one sample, a list of Values; of a single neuron the bare Value."""
        xs = [v if isinstance(v, Numeric) else Value(v) for v in _sample(x, self.nin)]
        out = [neuron(xs) for neuron in self.neurons]
        if self.shares:
            out = softmax(out)
        return out[0] if len(out) == 1 else out

    def predict(self, x: Any) -> Any:
        """The outputs for one sample as plain numbers, the same bits as the recorded ones."""
        xs = _floats(x, self.nin)
        out = [neuron.predict(xs) for neuron in self.neurons]
        if self.shares:
            out = softmax(out)
        return out[0] if len(out) == 1 else out

    @property
    def nin(self) -> int:
        """Number of inputs."""
        return len(self.neurons[0].w)

    @property
    def activation_name(self) -> str:
        """The name of the activation; the neurons' names where they differ."""
        if self.shares:
            return "softmax"
        return ", ".join(dict.fromkeys(activations.name_of(n.g) for n in self.neurons))

    # The layer with vectors and matrices, for `MLP.layerwise`.

    def matrix(self) -> Matrix:
        """The weights W, one row per neuron."""
        return [[w.data for w in neuron.w] for neuron in self.neurons]

    def biases(self) -> Vector:
        """The biases b."""
        return [neuron.b.data for neuron in self.neurons]

    def pre_activations(self, h: Vector) -> Vector:
        """a = W h + b."""
        return [neuron.pre_activation(h) for neuron in self.neurons]

    def activated(self, a: Vector) -> Vector:
        """g(a)."""
        h = [activations.on_float(n.g, x) for n, x in zip(self.neurons, a, strict=True)]
        return softmax(h) if self.shares else h

    def errors(self, a: Vector, h: Vector, grad_h: Vector) -> Vector:
        """δ = ∇h ∘ g'(a); for softmax δᵢ = hᵢ (∇hᵢ - Σⱼ hⱼ ∇hⱼ), as each output needs every a."""
        if self.shares:
            common = ops.dot(*h, *grad_h)
            grad_h = [p * (d - common) for p, d in zip(h, grad_h, strict=True)]
        slopes = [activations.slope(n.g, x) for n, x in zip(self.neurons, a, strict=True)]
        return [d * slope for d, slope in zip(grad_h, slopes, strict=True)]

    def parameters(self) -> list[Value]:
        """Those of the first neuron, the second, …"""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        after = " through softmax" if self.shares else ""
        return f"Layer of [{', '.join(map(repr, self.neurons))}]{after}"


class MLP(Module):
    """A multilayer perceptron: layers, each of which sees the outputs of the one before.

    Args:
        nin: number of inputs, at least 1.
        nouts: number of neurons of each layer, at least one layer.
        activation: of the hidden layers, a name or a function (see `activations.activation`); or a
            list with one for each layer, or for each but the last.
        output: activation of the last layer; "identity" if None.
        initialise: first weights, as for `Neuron`; biases are 0.
        seed: draw the weights from a generator of their own; None: from the global one of `random`.

    Source: Rumelhart, Hinton and Williams (1986); names, order of parameters and defaults are those
    of micrograd (Karpathy, 2020).

    >>> model = MLP(3, [4, 1], seed=1)
    >>> len(model.parameters())
    21
    >>> y = model([1.0, 2.0, 3.0])
    >>> y.backward()
    >>> y.data == model.predict([1.0, 2.0, 3.0])
    True
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: AnyActivation | Sequence[AnyActivation] = "relu",
        output: AnyActivation | None = None,
        initialise: str | Initialiser = "uniform",
        seed: int | None = None,
    ) -> None:
        sizes = _sizes(nin, nouts)
        rng = None if seed is None else generator("MLP", seed)
        functions = _per_layer(activation, output, len(sizes) - 1)
        self.layers = [
            Layer(m, n, activation=g, initialise=initialise, rng=rng)
            for (m, n), g in zip(pairwise(sizes), functions, strict=True)
        ]

    def __call__(self, x: Any) -> Any:
        """The outputs for one sample, a list of Values; a single output as the bare Value.

        Raises ValueError if x does not hold `nin` numbers or Values.
        """
        for layer in self.layers:
            x = layer(x)
        return x

    def predict(self, x: Any) -> Any:
        """The outputs for one sample as plain numbers, the same bits, without a graph."""
        for layer in self.layers:
            x = layer.predict(x)
        return x

    def layerwise(self, x: Any, loss: Callable[[Any], Value]) -> LayerwisePass:
        """One sample forward and backward by the matrix equations, beside the scalar graph.

        Args:
            x: the sample.
            loss: E from what the model returns, as in `lambda y: squared_error(y, d)`.

        Returns:
            For each layer h, a, δ, ∇W, ∇b; printed as a table. Gradients that the parameters held
            before are kept.

        Raises:
            ValueError: x has another size, or `__call__` was replaced by one that does more than
                pass x through the layers.
            TypeError: the loss is no function.

        >>> view = MLP(2, [2, 1], activation="tanh", seed=1).layerwise([1.0, 0.5], lambda y: y * y)
        >>> [len(layer.delta) for layer in view.layers], view.largest_difference < 1e-12
        ([2, 1], True)
        """
        if not callable(loss):
            raise TypeError(
                "layerwise(x, loss) takes a function of the output, as in "
                f"lambda y: squared_error(y, d), not {type(loss).__name__} {loss!r:.40}"
            )
        xs = _floats(x, self.layers[0].nin)
        passes = backpropagate(self.layers, xs, lambda h: _gradient(loss, h))
        kept = [(p, p.grad) for p in self.parameters()]
        try:
            return self._beside_graph(xs, loss, passes)
        finally:
            for p, grad in kept:
                p.grad = grad

    def _beside_graph(self, x: Vector, loss: Callable[[Any], Value], passes: Any) -> LayerwisePass:
        """The matrix passes together with the gradients from one backward() of the graph."""
        self.zero_grad()
        y = self(x)
        if plain(y) != _bare(passes[-1].h):
            raise ValueError(
                f"{type(self).__name__} does more than pass a sample through its layers: "
                f"it gives {plain(y)!r:.60}, the layers {_bare(passes[-1].h)!r:.60}"
            )
        error = loss(y)
        error.backward()
        return LayerwisePass(
            loss=error.data,
            layers=passes,
            graph_W=[[[w.grad for w in n.w] for n in layer.neurons] for layer in self.layers],
            graph_b=[[n.b.grad for n in layer.neurons] for layer in self.layers],
        )

    def about(self) -> dict[str, Any]:
        """The structure as JSON data, from which `from_about` builds the model again.

        Raises:
            ValueError: an activation is a function without a name in the table of operations.

        >>> MLP(2, [3, 1]).about()
        {'model': 'MLP', 'nin': 2, 'nouts': [3, 1], 'activations': ['relu', 'identity']}
        """
        return {
            "model": "MLP",
            "nin": self.layers[0].nin,
            "nouts": [len(layer.neurons) for layer in self.layers],
            "activations": [_written(layer.activation_name) for layer in self.layers],
        }

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> Self:
        """A model of the structure that `about` wrote, all parameters 0; then `load_state`.

        Args:
            about: as read from a file; it is not trusted, and everything that is used is checked.

        Raises:
            ValueError: it is not the structure of an MLP, or of one too large.

        >>> model = MLP(2, [3, 1], seed=1)
        >>> twin = MLP.from_about(model.about())
        >>> twin.load_state(model.state())
        >>> twin.predict([1.0, 2.0]) == model.predict([1.0, 2.0])
        True
        """
        nin, nouts, names = _checked_about(about)
        return cls(nin, nouts, activation=names, initialise=_zero)

    def parameters(self) -> list[Value]:
        """Those of the first layer, the second, …"""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


# ---- samples -----------------------------------------------------------------------------------


def _sample(x: Any, expected: int) -> list[Any]:
    """So many numbers or Values."""
    xs = items(x)
    if len(xs) != expected or isinstance(xs[0], list | tuple):
        raise _wrong_inputs(expected, xs)
    return xs


def _floats(x: Any, expected: int) -> Vector:
    """A sample as plain numbers."""
    return [v if v.__class__ is float else data_of(v) for v in _sample(x, expected)]


def _wrong_inputs(expected: int, xs: list[Any]) -> ValueError:
    if xs and isinstance(xs[0], list | tuple):
        return ValueError(
            f"expected one sample of {expected} inputs, got a table of {len(xs)} rows: "
            "call the model with one row at a time, or use microgrunderscore.predict(model, X)"
        )
    return ValueError(f"expected {expected} inputs, got {len(xs)}")


def _bare(h: Vector) -> float | Vector:
    """A single output as it is returned: not in a list."""
    return h[0] if len(h) == 1 else h


def _gradient(loss: Callable[[Any], Value], h: Vector) -> Vector:
    """∂E/∂h for the outputs h of the last layer."""
    outputs = [Value(x) for x in h]
    recorded("the loss", loss(outputs[0] if len(outputs) == 1 else outputs)).backward()
    return [v.grad for v in outputs]


# ---- arguments ---------------------------------------------------------------------------------


def _sizes(nin: Any, nouts: Any) -> list[int]:
    """(nin, nouts₀, nouts₁, …)."""
    if isinstance(nouts, str) or not hasattr(nouts, "__iter__"):
        raise TypeError(
            f"nouts must list the neurons of each layer, not be {type(nouts).__name__} "
            f"{nouts!r:.40}: MLP(2, [16, 1])"
        )
    sizes = [whole("nin", nin, 1), *(whole(f"nouts[{i}]", n, 1) for i, n in enumerate(nouts))]
    if len(sizes) == 1:
        raise ValueError("nouts must name at least one layer, got []: MLP(2, [16, 1])")
    return sizes


def _per_layer(
    activation: AnyActivation | Sequence[AnyActivation], output: AnyActivation | None, count: int
) -> list[AnyActivation]:
    """The activation of each layer."""
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        activations.activation(activation)  # a wrong name is refused without a hidden layer too
        activation = [activation] * (count - 1)
    if len(activation) == count and output is None:
        return list(activation)
    if len(activation) == count - 1:
        return [*activation, "identity" if output is None else output]
    raise ValueError(
        f"activation lists {len(activation)} functions for {count} layers"
        f"{'' if output is None else ', and output is given too'}: "
        "give one for each layer, or one for each hidden layer and output for the last"
    )


def _initialiser(initialise: str | Initialiser) -> Initialiser:
    """The function that draws a weight."""
    if callable(initialise):
        return initialise
    if initialise not in INITIALISERS:
        raise ValueError(
            f"initialise {initialise!r:.40} is not known: {', '.join(INITIALISERS)}, or a function "
            "(nin, nout, rng) → weight"
        )
    return INITIALISERS[initialise]


def _zero(nin: int, nout: int, rng: Randomness) -> float:
    return 0.0


def _title(name: str) -> str:
    """ReLU for relu, Tanh for tanh, LeakyRelu for leaky_relu."""
    special = {"relu": "ReLU", "identity": "Linear"}
    return special.get(name) or "".join(part.capitalize() for part in name.split("_"))


def _written(name: str) -> str:
    """The name of an activation that a file may hold."""
    try:
        activations.activation(name)
    except ValueError as error:
        raise ValueError(
            f"a function cannot be saved: {error}; "
            "microgrunderscore.define gives your own function a name"
        ) from None
    return name


def _checked_about(about: Any) -> tuple[int, list[int], list[str]]:
    """nin, nouts and the names of the activations, from what a file holds."""
    expected = {"model", "nin", "nouts", "activations"}
    if not isinstance(about, Mapping) or not expected <= set(about) or about["model"] != "MLP":
        raise ValueError(
            f"expected the structure of an MLP ({', '.join(sorted(expected))}), got {about!r:.80}; "
            "it is saved with store.save(path, model.state(), about=model.about())"
        )
    nin, nouts, names = about["nin"], about["nouts"], about["activations"]
    if not isinstance(nouts, list) or not isinstance(names, list) or len(names) != len(nouts):
        raise ValueError(
            f"expected one activation for each of nouts, got {nouts!r:.60} and {names!r:.60}"
        )
    try:
        sizes = _sizes(nin, nouts)
    except TypeError as error:
        raise ValueError(f"the structure of an MLP: {error}") from None
    count = sum((m + 1) * n for m, n in pairwise(sizes))
    if count > MOST_PARAMETERS:
        raise ValueError(f"expected at most {MOST_PARAMETERS} parameters, got {count}")
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"expected the name of an activation, got {name!r:.40}")
    return sizes[0], sizes[1:], names
