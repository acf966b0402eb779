"""overview(model, loss): a whole network over a whole batch, in one picture.

The graph of a batch has tens of thousands of nodes, which nobody can read. Here every neuron is one
box with a histogram of what it did over the batch, and every weight one line: forward with what was
computed, backward with the gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine import Value
from ..graph import gc_paused
from .batch import batch_of
from .overview_columns import Columns
from .overview_rows import Rows
from .picture import Picture


class Overview(Picture):
    """A network over a batch.

    Attributes:
        numbers: what is drawn, as JSON data: "loss"; "samples", None where the neurons were not all
            evaluated as often; "nodes" and "edges" of the graph, and the "boxes" and "lines" that
            stand for them; "inputs" and "layers", each with the histograms "forward" and
            "backward" of its boxes, the layers also with their parameters, activation, weights,
            and gradients of the weights. A number that is not finite is None.

    Everything else is as in `Picture`.
    """

    def __init__(
        self, svg: str, title: str, text: str, numbers: Mapping[str, Any], **settings: str
    ) -> None:
        super().__init__(svg, title, text, **settings)
        self.numbers = dict(numbers)


def overview(
    model: Any, loss: Value, *, title: str | None = None, theme: str = "auto", format: str = "svg"
) -> Overview:
    """A network over a batch: weights and activations forward, gradients backward, in one picture.

    Needs no backward() and changes no gradient.

    Args:
        model: an MLP, or anything that holds neurons: objects with a list `w` of Values, and
            perhaps a bias `b`, such as those of the lectures.
        loss: what the outputs of the model were made into, such as the mean loss of a batch.
        title: above the picture; None: the sizes of the layers.
        theme: "auto" follows the reader's system; "light", "dark".
        format: what a notebook stores, see `Picture`.

    Returns:
        The picture. Layers of more than 24 neurons are one box each, networks of more than 8 layers
        get a row for each layer; the picture says so.

    Raises:
        TypeError: the loss is no Value.
        ValueError: the model has no neurons, or none of them is in the graph of the loss.
        RuntimeError: a weight was changed since the loss was computed.

    >>> from microgrunderscore import MLP, losses, mean
    >>> model = MLP(2, [3, 1], activation="tanh", seed=1)
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    >>> loss = mean([losses.squared_error(model(x), d) for x, d in zip(X, y)])
    >>> picture = overview(model, loss)
    >>> picture
    <Overview: MLP 2 → 3 → 1, 4 samples>
    >>> [sum(box["counts"]) for box in picture.numbers["layers"][0]["forward"]]
    [4, 4, 4]
    """
    if not isinstance(loss, Value):
        raise TypeError(
            f"overview(model, loss) needs the Value that was computed as the loss, not "
            f"{type(loss).__name__} {loss!r:.40}"
        )
    with gc_paused():  # lists as long as the graph, and no cycles
        batch = batch_of(model, loss)
        title = batch.title if title is None else str(title)
        drawn = (Rows if batch.is_deep else Columns)(batch, title)
        svg = drawn.svg.document((0, 0, drawn.width, drawn.height), title, batch.text, theme)
        numbers = {**batch.data, "boxes": drawn.boxes, "lines": drawn.lines}
        return Overview(svg, title, batch.text, numbers, theme=theme, format=format)
