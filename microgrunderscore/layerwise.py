"""Backpropagation as the textbooks write it: layer by layer, with vectors and matrices.

Layer k computes a_k = W_k h_{k-1} + b_k and h_k = g_k(a_k); its error term is δ_k = ∂E/∂a_k. Four
equations give every gradient: the error of the output (BP1), the error handed back (BP2), the
gradient of the biases (BP3) and of the weights (BP4). The scalar graph gives the same numbers; both
stand side by side in the table that is printed.

Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986);
the numbering is Nielsen's, Neural Networks and Deep Learning (2015), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Vector: TypeAlias = list[float]
Matrix: TypeAlias = list[list[float]]

WIDEST = 6  # numbers of a vector that are printed; the others are counted


class Dense(Protocol):
    """A layer as this view needs it."""

    @property
    def activation_name(self) -> str: ...
    def matrix(self) -> Matrix: ...
    def biases(self) -> Vector: ...
    def pre_activations(self, h: Vector) -> Vector: ...
    def activated(self, a: Vector) -> Vector: ...
    def errors(self, a: Vector, h: Vector, grad_h: Vector) -> Vector: ...


@dataclass(frozen=True)
class LayerPass:
    """One layer, forward and backward, for one sample.

    Attributes:
        activation: the name of g.
        W: weights, one row per neuron.
        b: biases.
        h_in: inputs h_{k-1}.
        a: pre-activations W h_{k-1} + b.
        h: outputs g(a).
        grad_h: ∂E/∂h.
        delta: error terms ∂E/∂a.
        grad_W: ∂E/∂W, rows as in W.
        grad_b: ∂E/∂b.
        grad_h_in: ∂E/∂h_{k-1}, what the layer below is handed.
    """

    activation: str
    W: Matrix
    b: Vector
    h_in: Vector
    a: Vector
    h: Vector
    grad_h: Vector
    delta: Vector
    grad_W: Matrix
    grad_b: Vector
    grad_h_in: Vector


@dataclass(frozen=True)
class LayerwisePass:
    """All layers for one sample, and beside them the gradients that the scalar graph gives.

    Attributes:
        loss: E, a number.
        layers: one `LayerPass` per layer, input side first.
        graph_W: for each layer ∂E/∂W from the scalar graph.
        graph_b: for each layer ∂E/∂b from the scalar graph.

    `print` shows the table.
    """

    loss: float
    layers: list[LayerPass]
    graph_W: list[Matrix]
    graph_b: list[Vector]

    @property
    def largest_difference(self) -> float:
        """The largest |difference| between a gradient by the equations and by the graph."""
        pairs = zip(self.layers, self.graph_W, self.graph_b, strict=True)
        return max(
            abs(ours - theirs)
            for layer, graph_W, graph_b in pairs
            for mine, other in zip([*layer.grad_W, layer.grad_b], [*graph_W, graph_b], strict=True)
            for ours, theirs in zip(mine, other, strict=True)
        )

    def __str__(self) -> str:
        parts = [f"E = {_number(self.loss)}"]
        for k, layer in enumerate(self.layers, start=1):
            parts.append(_layer_table(k, layer, self.graph_W[k - 1], self.graph_b[k - 1]))
        parts.append(f"largest difference, equations and graph: {self.largest_difference:.1e}")
        return "\n\n".join(parts)


def backpropagate(
    layers: Sequence[Dense], x: Vector, gradient: Callable[[Vector], Vector]
) -> list[LayerPass]:
    """Every layer's h, a, δ, ∇W and ∇b for one sample, by the four equations.

    Args:
        layers: of the network, input side first.
        x: the sample, h₀.
        gradient: ∂E/∂h_L from the outputs h_L.
    """
    inputs, pre_activations, outputs = [], [], []
    h = x
    for layer in layers:
        inputs.append(h)
        a = layer.pre_activations(h)
        h = layer.activated(a)
        pre_activations.append(a)
        outputs.append(h)

    passes = []
    grad_h = gradient(h)
    for layer, h_in, a, h in zip(
        reversed(layers), reversed(inputs), reversed(pre_activations), reversed(outputs),
        strict=True,
    ):  # fmt: skip
        W = layer.matrix()
        delta = layer.errors(a, h, grad_h)  # BP1 and BP2: δ = ∇h ∘ g'(a)
        grad_W = [[d * x for x in h_in] for d in delta]  # BP4: ∇W = δ hᵀ
        grad_h_in = _transposed_times(W, delta)  # the Wᵀδ of BP2, for the layer below
        passes.append(
            LayerPass(
                activation=layer.activation_name,
                W=W, b=layer.biases(), h_in=h_in, a=a, h=h, grad_h=grad_h, delta=delta,
                grad_W=grad_W, grad_b=list(delta), grad_h_in=grad_h_in,  # BP3: ∇b = δ
            )
        )  # fmt: skip
        grad_h = grad_h_in
    return passes[::-1]


def _transposed_times(W: Matrix, delta: Vector) -> Vector:
    """Wᵀ δ."""
    totals = [0.0] * len(W[0])
    for row, d in zip(W, delta, strict=True):
        for j, w in enumerate(row):
            totals[j] += w * d
    return totals


# ---- the table ---------------------------------------------------------------------------------


def _layer_table(k: int, layer: LayerPass, graph_W: Matrix, graph_b: Vector) -> str:
    """One layer as text: a row per neuron, by the equations and by the graph."""
    rows = [("unit", "a", "h", "δ = ∇b", "∇W = δ hᵀ", "graph: ∇b", "graph: ∇W")]
    for i, a in enumerate(layer.a):
        rows.append((
            str(i), _number(a), _number(layer.h[i]), _number(layer.delta[i]),
            _vector(layer.grad_W[i]), _number(graph_b[i]), _vector(graph_W[i]),
        ))  # fmt: skip
    title = (
        f"layer {k}: {len(layer.h_in)} → {len(layer.h)}, {layer.activation};"
        f" input {_vector(layer.h_in)}"
    )
    return "\n".join([title, *_aligned(rows)])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns of equal width, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _vector(xs: Vector) -> str:
    shown = ", ".join(map(_number, xs[:WIDEST]))
    return f"[{shown}]" if len(xs) <= WIDEST else f"[{shown}, … {len(xs) - WIDEST} more]"


def _number(x: float) -> str:
    return f"{x:.4g}"
