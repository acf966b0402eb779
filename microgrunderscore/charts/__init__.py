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
from .film import Replay, replay
from .histograms import activation_histograms
from .maps import neuron_maps
from .recorder import Frame, Recorder
from .ridges import gradient_ridges

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
