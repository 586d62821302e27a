"""Behaviours a second of RMSL, in training and scoring, beside a ceiling and beside naive padding.

    python benchmarks/sequences.py                  sessions of a synthetic release
    python benchmarks/sequences.py --store STORE    those of a store
    python benchmarks/sequences.py --long           memory: 10,000 sessions of 1 to 5,000 behaviours

The ceiling is torch's own two-layer bidirectional GRU with its embedding, and nothing else, on random tokens:
rows of equal length, no padding, as many behaviours in a batch. Naive padding is RMSL itself, on sessions in
random order, each padded to the longest of all. CPU seconds of one thread, the sides in turn, medians.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.ingest import build_store
from itd_lightning.methods.rmsl.method import RMSL, RMSLStage
from itd_lightning.runs.cost import peak_gib
from itd_lightning.splits import Dates
from itd_lightning.store.read import Store
from itd_lightning.synth import write_release
from itd_lightning.views import Sequences
from itd_lightning.views.sequences.batching import EqualLengths, InOrder
from itd_lightning.views.sequences.dataset import SequenceDataset

STAGES: tuple[RMSLStage, ...] = ("warm_up", "multiple_instance", "self_training")


class Side(NamedTuple):
    """One side: what it does with a batch, and how many behaviours that is."""

    name: str
    work: Callable[[], None]
    behaviours: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.long:
        long_sessions()
        return
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or synthetic(Path(folder))
        compare(view_of(store), options.runs)


def synthetic(folder: Path) -> Path:
    """A store of a synthetic release."""
    write_release(folder / "release", users=60, days=120, seed=1, insiders=0.2)
    build_store([folder / "release"], folder / "store")
    return folder / "store"


def view_of(store: Path) -> Sequences:
    """Sessions of a store, trained on the first six tenths of its days, the next two for validation."""
    days = Store(store).presence()["day"]
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    split = Dates(first + (last - first) * 0.6, first + (last - first) * 0.8, shown=["train", "val"])
    view = Sequences(store, split, malicious=64)
    view.prepare_data()
    view.setup("fit")
    return view


def model(stage: RMSLStage, vocabulary: int = 512) -> RMSL:
    """RMSL as published, in a stage."""
    torch.manual_seed(0)
    made = RMSL(partial(torch.optim.AdamW, lr=1e-5), vocabulary=vocabulary)
    made.log = lambda *_, **__: None  # type: ignore[method-assign]
    made.stage = stage
    made.on_stage_start()
    return made.train()


def trained(rmsl: RMSL, batch: SequenceBatch) -> Callable[[], None]:
    """A training step, the optimizer's included."""
    optimizer = rmsl.configure_optimizers()
    assert optimizer

    def work() -> None:
        loss = rmsl.training_step(batch, 0)
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return work


def ceiling(rows: int, length: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """The bare GRU on random tokens: a training step, and a forward pass."""
    net = nn.ModuleDict(
        {"embedding": nn.Embedding(512, 128), "gru": nn.GRU(128, 64, 2, batch_first=True, bidirectional=True)}
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5)
    tokens = torch.randint(512, (rows, length))

    def forward() -> Tensor:
        encoded: Tensor = net["gru"](net["embedding"](tokens))[0]
        return encoded

    def train() -> None:
        optimizer.zero_grad()
        forward().square().mean().backward()
        optimizer.step()

    def score() -> None:
        with torch.no_grad():
            forward()

    return train, score


def scored(rmsl: RMSL, batches: list[SequenceBatch]) -> Callable[[], None]:
    """Scoring of batches."""
    rmsl.classifies.fill_(value=True)
    rmsl.spread.fill_(1.0)

    def work() -> None:
        rmsl.eval()
        with torch.no_grad():
            for batch in batches:
                rmsl.score(batch)

    return work


def padded(batch: SequenceBatch, longest: int) -> SequenceBatch:
    """The batch with every row as long as the longest of all."""
    more = longest - batch.tokens.shape[1]
    return batch._replace(
        tokens=pad(batch.tokens, (0, more)), behaviour=pad(batch.behaviour, (0, more), value=-1)
    )


def naive(view: Sequences, chosen: np.ndarray, size: int, count: int) -> list[SequenceBatch]:
    """Batches in random order, padded to the longest session of all."""
    longest = int(min(view.length[chosen].max(), view.chunk))
    order = np.random.default_rng(0).permutation(chosen)
    groups = [order[at * size : (at + 1) * size].tolist() for at in range(count)]
    return [padded(view.rows()[group], longest) for group in groups]


def size_of(batches: list[SequenceBatch]) -> int:
    """Behaviours that count."""
    return sum(int(batch.is_counted.sum()) for batch in batches)


def each(works: list[Callable[[], None]]) -> Callable[[], None]:
    """All of them, one after another."""

    def work() -> None:
        for one in works:
            one()

    return work


def compare(view: Sequences, runs: int) -> None:
    """Print behaviours a second of all sides."""
    loader = view.train_dataloader()
    sampler = loader.sampler
    assert isinstance(sampler, EqualLengths)
    every = list(sampler)
    batches = [view.rows()[numbers] for numbers in every[:: max(len(every) // 8, 1)]]
    length, chosen = int(view.length.mean()), view.part("train")
    rough = naive(view, chosen, 128, 8)
    order = list(InOrder(view.length, chosen, view.budget))
    known = [view.rows()[numbers] for numbers in order[:: max(len(order) // 4, 1)]]
    bare_train, bare_score = ceiling(128, length)
    sides = [
        *(
            Side(f"train, {stage}", each([trained(rmsl, batch) for batch in batches]), size_of(used))
            for stage in STAGES
            for rmsl in [model(stage)]
            for used in [[rmsl.training_rows(batch) for batch in batches]]
        ),
        Side("train, bare GRU", each([bare_train] * 4), 4 * 128 * length),
        Side("train, naive padding", each([whole(model("warm_up"), b) for b in rough]), size_of(rough)),
        Side("score", scored(model("multiple_instance"), known), size_of(known)),
        Side("score, bare GRU", each([bare_score] * 8), 8 * 128 * length),
        Side("score, naive padding", scored(model("multiple_instance"), rough), size_of(rough)),
    ]
    filled = size_of(batches) / sum(batch.tokens.numel() for batch in batches)
    print(
        f"{len(view.length):,} sessions, {length} behaviours on average, {view.length.max()} at most; "
        f"{1 - filled:.0%} of training batches is padding"
    )
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            began = time.process_time()
            side.work()
            seconds[side.name].append(time.process_time() - began)
    rates = {side.name: side.behaviours / median(seconds[side.name]) for side in sides}
    for name, rate in rates.items():
        bare = rates["train, bare GRU" if name.startswith("train") else "score, bare GRU"]
        print(f"{name:32} {rate:10,.0f} behaviours a CPU-second {rate / bare:6.0%} of the bare GRU")
    passes = model("self_training").passes
    third, second = (1 / rates[f"train, {stage}"] for stage in ("self_training", "multiple_instance"))
    print(
        f"self-training: {third * 1e6:.0f} microseconds a behaviour with {passes} passes; "
        f"{(third - second) / (passes + 1) * 1e6:.1f} a pass"
    )


def whole(rmsl: RMSL, batch: SequenceBatch) -> Callable[[], None]:
    """A training step of the warm-up on all of a batch, with all of its padding."""
    optimizer = rmsl.configure_optimizers()
    assert optimizer

    def work() -> None:
        optimizer.zero_grad()
        rmsl.loss(batch).backward()
        optimizer.step()

    return work


def long_sessions() -> None:
    """Train on batches of 10,000 sessions of up to 5,000 behaviours, score one of 100,000; print the peak."""
    draw = np.random.default_rng(0)
    length = np.concatenate([draw.integers(1, 5001, 10_000), [100_000]])
    tokens = draw.integers(1, 512, length.sum()).astype(np.int16)
    label = (draw.random(len(length)) < 0.05).astype(np.float32)
    rows = SequenceDataset(tokens, length.cumsum() - length, length, label, chunk=512, overlap=64)
    numbers = np.arange(10_000)
    mild, bad = numbers[label[:-1] == 0], numbers[label[:-1] == 1]
    batches = list(EqualLengths(length, mild, 64, bad, 64, 24576, seed=0))
    sizes = f"{len(length):,} sessions, {length.sum():,} behaviours, {len(batches)} batches"
    print(f"{sizes}; {peak_gib():.2f} GiB before")
    for stage in STAGES:
        rmsl = model(stage)
        for batch in batches[:: len(batches) // 4]:
            trained(rmsl, rows[batch])()
        print(f"{stage}: {peak_gib():.2f} GiB at most")
    scored(rmsl, [rows[[10_000]]])()
    print(f"100,000 behaviours scored: {peak_gib():.2f} GiB at most")


if __name__ == "__main__":
    main()
