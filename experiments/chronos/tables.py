"""The page's two tables, measured: do signals tell insiders apart, and which scenario shows in which?

    python experiments/chronos/tables.py STORE --val-from 2010-11-01 > experiments/chronos/tables.md

Signals are those of ``Chronos`` before any calibration, on days after a user's first 60 active ones; moments
and scales are fitted on days before ``--val-from``. Prints Markdown; no user is named in it.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import torch

from itd_lightning.methods import Chronos
from itd_lightning.methods.chronos.signals import Signal, pack_days
from itd_lightning.numerics.events_in_time import circadian_shift
from itd_lightning.splits import Dates
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store
from itd_lightning.views import Trajectories

PAGE = {
    "velocity": ("Max velocity spike", 0.23, 0.71, 3.1),
    "drift": ("Max anchor deviation", 0.18, 0.58, 3.2),
    "change": ("Changepoint severity", 0.12, 0.45, 3.8),
    "circadian shift": ("Circadian disruption", 0.09, 0.34, 3.8),
    "acceleration": ("", None, None, None),
    "circadian": ("", None, None, None),
    "signature": ("", None, None, None),
}
SIGNALS: tuple[Signal, ...] = ("velocity", "drift", "acceleration", "change", "circadian", "signature")
SCENARIOS = {
    1: "logons after hours, device, uploads, leaves ('Data Exfiltration: anchor deviation, upload volume')",
    2: "job sites, then copies to a device and leaves ('IP Theft: device + email attachment spikes')",
    3: "keylogger, mass mail as somebody else ('IT Sabotage: velocity spike + after-hours surge')",
}


def collect_rows(store: Path, val_from: date) -> dict[str, np.ndarray]:
    """Return columns of monitored, active user-days: signals, user, scenario (0: harmless), whether later."""
    view = Trajectories(store, Dates(val_from, val_from + timedelta(days=1)), scaling="robust", log=True)
    view.prepare_data()
    view.setup("fit")
    method = Chronos(signals=SIGNALS, weights="equal", prior=10.0, own_history=True, peers=True)
    with torch.inference_mode():
        method.training_step(view.batch("train", context=False), 0)
        batch = view.batch("train", "val", "test", context=True)
        days = pack_days(batch)
        signals, _ = method.raw(days)
        surprise = method.surprises(batch)
        usual = (days.hours * days.mask.unsqueeze(2))[:, : method.baseline].sum(dim=1, keepdim=True)
        shift = circadian_shift(days.hours, usual.expand_as(days.hours))
    place = torch.arange(days.mask.shape[1]).expand_as(days.mask)
    mask = days.mask & (place >= method.baseline)
    user = torch.arange(len(place))[:, None].expand_as(place)
    unit = batch.unit.gather(1, days.column)[mask].numpy()
    labelled = label_units(view.units[unit], read_key(store), "event")
    rows = {name: signals[..., s][mask].numpy() for s, name in enumerate(SIGNALS)}
    for s, name in enumerate(SIGNALS):
        rows[f"surprise {name}"] = surprise[user[mask], days.column[mask], s].numpy()
    rows["surprise all"] = surprise[user[mask], days.column[mask]].mean(dim=1).numpy()
    return {
        **rows,
        "circadian shift": shift[mask].numpy(),
        "user": user[mask].numpy(),
        "scenario": labelled["scenario"].fill_null(0).cast(int).to_numpy(),
        "later": labelled["start"].dt.date().to_numpy() >= np.datetime64(val_from),
        "insiders": np.array(
            view.units["user"].unique().sort().is_in(read_key(store).campaigns["user"].implode())
        ),
    }


def highest(values: np.ndarray, user: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the highest value of each user over the days in the mask; users without any are left out."""
    found = np.full(user.max() + 1, -np.inf)
    np.maximum.at(found, user[mask], values[mask])
    return found[np.isfinite(found)]


def area(positive: np.ndarray, negative: np.ndarray) -> float:
    """ROC-AUC; ties count half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive) + np.searchsorted(order, positive, side="right")
    return float(below.mean() / 2 / len(negative))


def discriminability(rows: dict[str, np.ndarray]) -> list[str]:
    """Markdown rows of the first table."""
    malicious, normal = rows["scenario"] > 0, ~rows["insiders"][rows["user"]]
    lines = [
        "| signal | page: normal 95 %, insider median, ratio"
        " | user-days: harmless 95 %, malicious median, ratio"
        " | highest of a user: normal 95 %, insider during campaign median, ratio"
        " | insider, all days: median, ratio |",
        "|---|---|---|---|---|",
    ]
    for name, (page, low, high, ratio) in PAGE.items():
        value = rows[name]
        claimed = f"{page}: {low}, {high}, {ratio}x" if low else "-"
        cells = [f"{name}", claimed, beside(value[~malicious], value[malicious])]
        usual = highest(value, rows["user"], normal)
        cells.append(beside(usual, highest(value, rows["user"], malicious)))
        every = highest(value, rows["user"], ~normal)
        cells.append(beside(usual, every).split(", ", 1)[1])
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def beside(normal: np.ndarray, insider: np.ndarray) -> str:
    """95 % quantile, median, and their ratio."""
    if not len(normal) or not len(insider):
        return "-, -, -"
    low, high = np.quantile(normal, 0.95), np.median(insider)
    return f"{low:.2f}, {high:.2f}, {high / low:.2f}x" if low > 0 else f"{low:.2f}, {high:.2f}, -"


def sensitivity(rows: dict[str, np.ndarray]) -> list[str]:
    """Markdown rows of the second table."""
    names = [*SIGNALS, "all"]
    lines = [
        "| scenario (page's words) | user-days, users | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    harmless = (rows["scenario"] == 0) & rows["later"]
    for scenario, words in SCENARIOS.items():
        hit = (rows["scenario"] == scenario) & rows["later"]
        users = len(np.unique(rows["user"][hit]))
        cells = [f"{scenario}: {words}", f"{hit.sum()}, {users}"]
        for name in names:
            value = rows[f"surprise {name}"]
            cells.append(f"{area(value[hit], value[harmless]):.3f}" if hit.any() else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--val-from", type=date.fromisoformat, default=date(2010, 11, 1))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("# ChronosVector: the page's two tables, measured\n")
    for path in chosen.stores:
        store = Store(path)
        rows = collect_rows(path, chosen.val_from)
        users, insiders = len(rows["insiders"]), int(rows["insiders"].sum())
        print(f"## {store.data}: {users} users, {insiders} insiders, {store.manifest['events']:,} events\n")
        print("### Feature discriminability\n")
        print("\n".join(discriminability(rows)))
        print(f"\n### Sensitivity: ROC-AUC of a signal's surprise, user-days from {chosen.val_from} on\n")
        print("\n".join(sensitivity(rows)))
        print()
    print("Event labels; active days after each user's first 60; standardised log features (robust).")


if __name__ == "__main__":
    main()
