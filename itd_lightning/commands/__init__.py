"""The commands of ``itd``: each function is one, its signature the options, its docstring the help."""

from itd_lightning.commands.data import inspect, prepare, synth, thin
from itd_lightning.commands.experiments import reproduce, sweep, train
from itd_lightning.commands.runs import alerts, audit, evaluate, report, threshold, track

__all__ = [
    "alerts",
    "audit",
    "evaluate",
    "inspect",
    "prepare",
    "report",
    "reproduce",
    "sweep",
    "synth",
    "thin",
    "threshold",
    "track",
    "train",
]
