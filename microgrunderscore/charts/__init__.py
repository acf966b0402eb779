"""Charts of training: curves, distributions, what a network makes of the plane, and a replay.

Each is a `Chart`: a picture that shows itself in a notebook, saves itself, says in its text what is
to be seen, hands out its numbers, and draws itself into matplotlib's axes.

>>> chart = loss_curve([2.0, 0.5, 1.0])
>>> chart.numbers["best_epoch"]
1
"""

from .boundary import decision_boundary
from .chart import Chart
from .codes import hidden_code
from .curves import accuracy_curve, gradient_sizes, loss_curve, u_curve
from .distributions import activation_histograms, gradient_ridges
from .film import Replay, replay
from .maps import neuron_maps
from .recorder import Frame, Recorder

__all__ = [
    "Chart",
    "Frame",
    "Recorder",
    "Replay",
    "accuracy_curve",
    "activation_histograms",
    "decision_boundary",
    "gradient_ridges",
    "gradient_sizes",
    "hidden_code",
    "loss_curve",
    "neuron_maps",
    "replay",
    "u_curve",
]
