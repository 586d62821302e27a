"""The commands of ``itd``: each function is one, its signature the options, its docstring the help."""

from itd_lightning.cli.data import inspect, prepare, synth, thin
from itd_lightning.cli.experiments import reproduce, sweep, train
from itd_lightning.cli.runs import alerts, audit, evaluate, report, threshold, track

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
