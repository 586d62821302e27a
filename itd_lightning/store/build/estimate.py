"""How long a build will take, and how much disk it needs: measured on a sample before it begins."""

import shutil
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from itd_lightning.sources.cert.archives import unpacking_rate
from itd_lightning.sources.cert.logs import check_header, judge, split
from itd_lightning.sources.cert.pieces import read_header
from itd_lightning.sources.cert.releases import Log
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.build.shards import write_events
from itd_lightning.store.build.stage import content_of, packing, without_content

SAMPLE = 4 << 20  # bytes of each log
REST = 1.8  # times what is timed here goes into reading, hashing and sorting
ROW = 500  # bytes of a row in an archive that nobody has looked into
STAGED, KEPT = 60, 40  # bytes of such a row while building and in the store


class Estimate(NamedTuple):
    """What a build will cost, about.

    Attributes:
        rows: Rows to read.
        seconds: Time.
        building: Bytes on disk while it builds.
        kept: Bytes of the store.
        free: Bytes that are free there.
    """

    rows: int
    seconds: float
    building: int
    kept: int
    free: int


def estimate(plan: Plan, workers: int) -> Estimate:
    """Look at the beginning of each log, and multiply."""
    costs = [
        packed_cost(source.path) if source.archived else log_cost(source.path / f"{log.name}.csv", log, plan)
        for source in plan.sources
        for log in (plan.release.logs[:1] if source.archived else plan.release.logs)
    ]
    rows, seconds, staged, kept = (sum(column) for column in zip(*costs, strict=True))
    place = plan.store.absolute().parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    shards = [] if plan.base is None else plan.base.shards  # at worst, all of them are written again
    kept += sum(shard.stat().st_size for shard in shards)
    return Estimate(int(rows), seconds / workers, int(staged + kept), int(kept), free)


def log_cost(path: Path, log: Log, plan: Plan) -> tuple[float, float, float, float]:
    """Rows, seconds, and bytes of a log, staged and kept."""
    with path.open("rb") as file:
        header = check_header(read_header(file), path, log.columns)
        text = file.read(SAMPLE)
    text = text[: text.rfind(b"\n") + 1]
    if not text:
        return 0.0, 0.0, 0.0, 0.0
    began = perf_counter()
    block = split(text, header, log, 2)
    rows, _ = judge(without_content(block.rows, log, plan.content), log, plan.now)
    rows = rows.with_columns(content_of(plan.content))
    staged = BytesIO()
    rows.write_ipc_stream(staged, compression=packing(plan.content))
    seconds = (perf_counter() - began) * (1 + REST)
    kept = BytesIO()
    write_events(rows.drop("line").sort("user", "time"), kept)
    times = path.stat().st_size / len(text)
    return len(rows) * times, seconds * times, staged.tell() * times, kept.tell() * times


def packed_cost(path: Path) -> tuple[float, float, float, float]:
    """Rows, seconds and bytes of an archive, as far as its first bytes tell."""
    unpacked, rate = unpacking_rate(path, SAMPLE)
    rows = unpacked / ROW
    return rows, unpacked / rate, rows * STAGED, rows * KEPT
