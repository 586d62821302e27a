"""Own logs by a mapping: events per CPU-second from CSV, NDJSON and Parquet, on one core.

    python benchmarks/mapped.py                    a million proxy rows in each format
    python benchmarks/mapped.py --events 200000    fewer

The same rows (a proxy's, twelve columns, nested in JSON) are written in each format, and ``parse`` is timed:
reading, expressions, time, kinds, ids, refusals. A whole build, with sorting, is timed once more. Read the
ratios, not the seconds.
"""

import argparse
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl

from itd_lightning.ingest import build_store
from itd_lightning.sources.mapped.mapping import read_mapping
from itd_lightning.sources.mapped.source import open_mapping

MAPPING = """\
zone: Europe/Berlin
inputs:
  proxy:
    files: "proxy.{format}"
    format: {format}
    where: user.name NOT LIKE '%$'
    time: {{column: '"@timestamp"', zone: UTC}}
    columns:
      user: lower(user.name)
      pc: source.ip
      object: url.full
      size: CAST(http.bytes AS BIGINT)
    kind:
      - {{kind: http_upload, when: http.method = 'POST'}}
      - {{kind: http_download, when: http.type LIKE 'application/%'}}
      - {{kind: http_visit}}
"""
TYPES = ["text/html", "application/zip", "image/png"]


def make_rows(count: int) -> pl.DataFrame:
    """Return rows of a proxy."""
    start = datetime(2026, 3, 2)
    number = pl.int_range(count, dtype=pl.Int64)
    first = pl.select(number.alias("n"))
    return first.select(
        (pl.lit(start) + pl.duration(milliseconds=pl.col("n") * 40))
        .dt.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .alias("@timestamp"),
        pl.format("User{}", pl.col("n") % 500).alias("user.name"),
        pl.format("10.0.{}.{}", pl.col("n") % 7, pl.col("n") % 250).alias("source.ip"),
        pl.format(
            "https://host{}.example.com/path/{}?session={}", pl.col("n") % 900, pl.col("n") % 77, "n"
        ).alias("url.full"),
        (pl.col("n") * 37 % 90_000).cast(pl.String).alias("http.bytes"),
        pl.when(pl.col("n") % 9 == 0).then(pl.lit("POST")).otherwise(pl.lit("GET")).alias("http.method"),
        pl.lit(pl.Series(TYPES)).gather(pl.col("n") % 3).alias("http.type"),
        pl.lit("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36, like Gecko").alias(
            "user_agent.original"
        ),
        (pl.col("n") % 400 + 100).cast(pl.String).alias("http.status"),
        pl.lit("proxy-01").alias("observer.name"),
        pl.lit("allowed").alias("event.outcome"),
        pl.format("{}", (pl.col("n") * 11) % 60_000).alias("source.port"),
    )


def write(rows: pl.DataFrame, folder: Path) -> None:
    """Write rows in each format; nested in NDJSON."""
    rows.write_csv(folder / "proxy.csv")
    rows.write_parquet(folder / "proxy.parquet")
    groups: dict[str, list[str]] = {}
    for name in rows.columns:
        groups.setdefault(name.split(".")[0], []).append(name)
    nested = [
        pl.col(names[0])
        if "." not in names[0]
        else pl.struct(pl.col(name).alias(name.split(".")[1]) for name in names).alias(group)
        for group, names in groups.items()
    ]
    rows.select(nested).write_ndjson(folder / "proxy.ndjson")


def main() -> None:
    """Time each format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    now = datetime.now() + timedelta(days=2000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(make_rows(events), folder)
        print(f"{'format':10}{'MB':>8}{'parse, events/CPU-s':>22}{'build, events/CPU-s':>22}{'build, s':>10}")
        for form in ("csv", "ndjson", "parquet"):
            mapping = folder / f"{form}.yaml"
            mapping.write_text(MAPPING.format(format=form))
            source = open_mapping(read_mapping(mapping))
            begin = process_time()
            kept = sum(
                len(source.parse(piece, None, now).events)
                for piece in source.pieces(folder / "spool", lambda *_: False)
            )
            parse_seconds = process_time() - begin
            begin, wall = process_time(), perf_counter()
            build_store([mapping], folder / f"store_{form}", shards=16)
            build_seconds, wall = process_time() - begin, perf_counter() - wall
            if kept != events:
                raise SystemExit(f"{kept} of {events} were kept")
            size = (folder / f"proxy.{form}").stat().st_size / 1e6
            rates = (events / parse_seconds, events / build_seconds)
            print(f"{form:10}{size:8.0f}{rates[0]:22,.0f}{rates[1]:22,.0f}{wall:10.1f}")


if __name__ == "__main__":
    main()
