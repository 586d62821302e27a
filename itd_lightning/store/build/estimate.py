"""The time and disk space that a build will need, estimated from a sample before it begins."""

import shutil
from io import BytesIO
from time import perf_counter
from typing import NamedTuple

from itd_lightning.sources.base import Guess, Sample
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.build.shards import write_events
from itd_lightning.store.build.stage import staging_compression, stored_content

_REST = 1.8  # times what is timed here goes into reading, hashing and sorting
_STAGED_BYTES, _STORED_BYTES = 60, 40  # bytes of a guessed row while building and in the store


class Estimate(NamedTuple):
    """The cost of a build, about.

    Attributes:
        rows: Rows to read.
        seconds: Time.
        peak_bytes: Bytes on disk while it builds.
        store_bytes: Bytes of the store.
        free_bytes: Bytes that are free there.
    """

    rows: int
    seconds: float
    peak_bytes: int
    store_bytes: int
    free_bytes: int


def estimate(plan: Plan, workers: int) -> Estimate:
    """Estimate the cost of a build from the beginning of each log."""
    costs = [
        _guess_cost(sample) if isinstance(sample, Guess) else _sample_cost(sample, plan)
        for source in plan.sources
        for sample in source.samples(plan.content, plan.now)
    ]
    rows, seconds, staged, store_bytes = (sum(column) for column in zip((0.0,) * 4, *costs, strict=True))
    place = plan.store.absolute().parent
    while not place.exists():
        place = place.parent
    free_bytes = shutil.disk_usage(place).free
    shards = [] if plan.base is None else plan.base.shards  # at worst, all of them are written again
    store_bytes += sum(shard.stat().st_size for shard in shards)
    return Estimate(int(rows), seconds / workers, int(staged + store_bytes), int(store_bytes), free_bytes)


def _sample_cost(sample: Sample, plan: Plan) -> tuple[float, float, float, float]:
    """Return rows, seconds, and bytes of a log, staged and stored."""
    start_time = perf_counter()
    events = sample.events.with_columns(stored_content(plan.content))
    staged, stored = BytesIO(), BytesIO()
    events.write_ipc_stream(staged, compression=staging_compression(plan.content))
    seconds = (sample.seconds + perf_counter() - start_time) * (1 + _REST)
    write_events(events.drop("line").sort("user", "time"), stored)
    return (
        len(events) * sample.scale,
        seconds * sample.scale,
        staged.tell() * sample.scale,
        stored.tell() * sample.scale,
    )


def _guess_cost(guess: Guess) -> tuple[float, float, float, float]:
    """Return rows, seconds, and bytes of logs that nobody can look into, staged and stored."""
    return guess.rows, guess.seconds, guess.rows * _STAGED_BYTES, guess.rows * _STORED_BYTES
