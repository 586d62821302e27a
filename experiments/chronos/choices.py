"""Which settings of Chronos rank validation days best, and what the same settings do elsewhere.

    python experiments/chronos/choices.py STORE THINNED > experiments/chronos/choices.md

THINNED is ``itd thin STORE --out THINNED --share 0.1``. Nothing is drawn, so there are no seeds. Prints
Markdown; no user is named in it.
"""

import argparse
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from itd_lightning.methods import Chronos
from itd_lightning.metrics.ranking import rank
from itd_lightning.splits import Dates, DatesAndUsers
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import read_key
from itd_lightning.views import Trajectories

DATES = (date(2010, 11, 1), date(2011, 1, 1))
MOVED = 42  # days of the null attack
EARLIER = {
    "signals": ["velocity", "drift", "acceleration", "change", "circadian", "signature"],
    "weights": "equal",
    "prior": 10.0,
    "own_history": True,
    "peers": True,
}
LOG = {"log": True, "scaling": "robust"}
ALONE = ("velocity", "drift", "acceleration", "change", "circadian", "signature", "persistence")
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "**shipped: drift 4, change 1**": ({}, {}),
    "drift 2, change 1": ({}, {"weights": [2.0, 1.0]}),
    "drift 10, change 1": ({}, {"weights": [10.0, 1.0]}),
    "prior 0.0001": ({}, {"prior": 0.0001}),
    "prior 0.1": ({}, {"prior": 0.1}),
    "prior 1": ({}, {"prior": 1.0}),
    "prior 10": ({}, {"prior": 10.0}),
    "robust scaling": ({"scaling": "robust"}, {}),
    "log(1 + x)": ({"log": True}, {}),
    "own history": ({}, {"own_history": True}),
    "peers": ({}, {"peers": True}),
    "own history and peers": ({}, {"own_history": True, "peers": True}),
    "first 60 calendar days": ({}, {"anchor": "calendar"}),
    "last 60 active days": ({}, {"anchor": "trailing"}),
    "departments too (`hierarchical`)": ({}, {"hierarchical": True}),
    "times of events too": ({"times": True}, {"width": 18}),
    "the notebook's features": ({"features": "notebook"}, {}),
    "documented weights": ({}, {"signals": ["velocity", "drift", "change"], "weights": "documented"}),
    "learned weights of seven": ({}, {"signals": ALONE, "weights": "learned"}),
    "all seven, equal weights": ({}, {"signals": ALONE, "weights": "equal"}),
    **{f"{signal} alone": ({}, {"signals": [signal], "weights": "equal"}) for signal in ALONE},
    "drift alone, log, prior 10": (LOG, {"signals": ["drift"], "prior": 10.0}),
    "six signals as shipped before": (LOG, EARLIER),
    "six signals, neither history nor peers": (LOG, {**EARLIER, "own_history": False, "peers": False}),
}


def score_days(store: Path, split: Dates, view: dict[str, Any], model: dict[str, Any]) -> pl.DataFrame:
    """Return validation and test user-days with their scores, and whether anything happened."""
    data = Trajectories(store, split, **view)
    data.prepare_data()
    data.setup("fit")
    method = Chronos(**model)
    with torch.no_grad():
        method.training_step(data.batch("train", context=False), 0)
        if model.get("weights") == "learned":
            batch = data.batch("val", context=True)
            method.learn_weights(method.surprises(batch), batch)
        batch = data.batch("val", "test", context=True)
        named = batch.name_scores(method.score(batch))
    rows = data.units[named.unit.numpy()].select("user", "start", "end", "part")
    active = batch.active[batch.is_scored].numpy()
    return rows.with_columns(score=named.score.double().numpy(), active=active)


def pr_auc(days: pl.DataFrame) -> float:
    """Return the average precision of labelled days."""
    return rank(days["score"].to_numpy(), days["malicious"].to_numpy()).pr_auc()


def within_users(days: pl.DataFrame) -> float:
    """Return the mean ROC-AUC of each insider's malicious days among the own active ones."""
    own = [part for _, part in days.filter("active").group_by("user", maintain_order=True)]
    areas = [
        rank(part["score"].to_numpy(), part["malicious"].to_numpy()).roc_auc()
        for part in own
        if 0 < part["malicious"].sum() < len(part)
    ]
    return float(np.mean(areas))


def measure(store: Path, thinned: Path, view: dict[str, Any], model: dict[str, Any]) -> list[float]:
    """Return the numbers of one variant, in the order of the table's columns."""
    shown = ["val"] if model.get("weights") == "learned" else []
    parts = []
    for place in (store, thinned):
        key, days = read_key(place), score_days(place, Dates(*DATES, shown=shown), view, model)
        labelled = label_units(days, key, "event")
        test = labelled.filter(part="test")
        quiet = label_units(days.filter(part="test"), key, "interval").filter(~pl.col("malicious"))
        null = label_units(quiet.drop("malicious", "scenario"), key.move_earlier(MOVED), "event")
        parts.append((pr_auc(labelled.filter(part="val")), pr_auc(test), within_users(test), pr_auc(null)))
    unseen = []
    for fold in (0, 1):
        days = score_days(store, DatesAndUsers(*DATES, fold=fold, shown=shown), view, model)
        unseen.append(pr_auc(label_units(days.filter(part="test"), read_key(store), "event")))
    (val, test, within, null), (thin_val, thin_test, thin_within, thin_null) = parts
    return [val, thin_val, test, thin_test, *unseen, within, thin_within, null, thin_null]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("thinned", type=Path)
    paths = parser.parse_args()
    groups = ("val", "val, thinned", "test", "test, thinned", "unseen users, half 1", "half 2")
    rest = ("within-user ROC", "thinned", "null attack", "thinned")
    print("# Chronos: what validation chooses\n\nPR-AUC of user-days, event labels; written by choices.py.\n")
    print("| | " + " | ".join([*groups, *rest]) + " |\n|" + "---|" * (len(groups) + len(rest) + 1))
    for name, (view, model) in VARIANTS.items():
        numbers = measure(paths.store, paths.thinned, view, model)
        print(f"| {name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
