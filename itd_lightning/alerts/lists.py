"""The alert list: the user-days that an analyst should look at first, with reasons."""

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from itd_lightning.alerts.behaviours import behaviour_reasons, select_test_days
from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import EXPLANATION_FILE, SCORE_FILE, run_of_scores
from itd_lightning.evaluation.alarm_days import add_p_values
from itd_lightning.evaluation.score_table import BEHAVIOUR
from itd_lightning.evaluation.thresholds import read_threshold
from itd_lightning.runs.folder import read_table
from itd_lightning.scores.table import About, scan_scores

_REASONS = 3
_EVIDENCE = pl.Struct({"feature": pl.String(), "seen": pl.Float64(), "usual": pl.Float64()})
_KNOWN = pl.when(pl.col("usual").is_not_null())  # of windows, ``seen`` is that of one hour


def top_days(
    run: Path,
    count: int = 10,
    daily: bool = False,
    above: float | None = None,
    since: date | None = None,
    until: date | None = None,
) -> pl.DataFrame:
    """Return the highest test user-days of a run; a user-day scores as its highest unit.

    Args:
        run: Folder of a run that was tested.
        count: How many user-days.
        daily: Take the ``count`` highest of each calendar day instead of all days together.
        above: Only those that score higher.
        since: First day.
        until: Last day.

    Returns:
        ``rank``, ``user``, ``day``, ``score``, ``warm_up`` (whether the user had too few active days before;
        null where the scores do not say), ``reasons``, ``event_ids`` and ``evidence``.
        Of windows the reasons are up to three features, highest contribution first, as "http_count +0.120";
        null where no unit of the day was explained. Of behaviours they are the day's three highest, as
        "file_copy plans.doc at 22:14", and the raw events behind them have the ids.

    Raises:
        InputError: If the run lacks its scores.
    """
    rows, about = scan_scores(run / SCORE_FILE)
    days = select_test_days(rows)
    if above is not None:
        days = days.filter(pl.col("score") > above)
    if since is not None:
        days = days.filter(pl.col("start").dt.date() >= since)
    if until is not None:
        days = days.filter(pl.col("start").dt.date() <= until)
    top = ranked_days(days, count, daily=daily)
    return with_reasons(top, rows, about, read_table(run / EXPLANATION_FILE))


def alert_days(
    run: Path, budget: str | None = None, since: date | None = None, until: date | None = None
) -> tuple[pl.DataFrame, str]:
    """Return the user-days to look at first, and the rule that chose them, in words.

    Args:
        run: Folder of a run that was tested, or its score table.
        budget: ``10`` for the ten highest of all, ``10/day`` for the ten highest of each day. Default: the
            user-days above the run's threshold, with their ``p_value``, day by day where the threshold is one
            of so many a day; the ten highest of all where none was chosen.
        since: First day.
        until: Last day.

    Returns:
        The columns of ``top_days``, the newest day first where they are chosen day by day; the words are
        empty without a threshold.

    Raises:
        InputError: If the budget is no such text, or the run lacks its scores.
    """
    if budget is not None and not re.fullmatch(r"[1-9]\d*(/day)?", budget):
        raise InputError(f"budget must be a number, or a number and /day, got {budget!r}")
    folder = run if run.is_dir() else run.parent
    checkpoint = scan_scores(folder / SCORE_FILE)[1].checkpoint
    threshold = read_threshold(folder, checkpoint) if budget is None else None
    if threshold is None:
        count = budget or "10"
        daily = count.endswith("/day")
        return top_days(folder, int(count.removesuffix("/day")), daily, since=since, until=until), ""
    daily = threshold.kind == "budget"
    days = top_days(folder, sys.maxsize, daily, above=threshold.threshold, since=since, until=until)
    days = add_p_values(days, run_of_scores(folder) / SCORE_FILE)
    return days, f"{len(days):,} user-days above the threshold: {threshold.words}"


def run_alerts(run: Path, days: pl.DataFrame) -> list[AlertRecord]:
    """Return user-days of a run, as ``alert_days`` lists them, as records; made when they were scored."""
    scores = (run if run.is_dir() else run.parent) / SCORE_FILE
    about = scan_scores(scores)[1]
    made_at = datetime.fromtimestamp(scores.stat().st_mtime, UTC)
    checkpoint = f"{about.checkpoint} {about.config}".strip()
    return alert_records(days, about.run, about.method, checkpoint, made_at)


def alert_records(
    days: pl.DataFrame, source: str, method: str, checkpoint: str, made_at: datetime
) -> list[AlertRecord]:
    """Return user-days with their reasons as records; the other arguments are fields of each."""
    return [
        AlertRecord(
            source=source,
            user=row["user"],
            day=row["day"],
            rank=row["rank"],
            score=row["score"],
            p_value=row.get("p"),
            warm_up=row["warm_up"],
            reasons=[text for text in row["reasons"] or [] if text],
            evidence=row["evidence"] or [],
            event_ids=[one for one in row["event_ids"] or [] if one],
            method=method,
            checkpoint=checkpoint,
            made_at=made_at,
        )
        for row in days.iter_rows(named=True)
    ]


def ranked_days(days: pl.DataFrame, count: int, *, daily: bool = False) -> pl.DataFrame:
    """Rank some user-days and return the highest: ``rank``, ``user``, ``day``, ``score``, ``warm_up``.

    Equal scores are settled by user and day, so that the list is the same each time.
    """
    order = pl.struct(-pl.col("score"), pl.col("user"), pl.col("day")).rank("ordinal")
    return (
        days.select("user", pl.col("start").dt.date().alias("day"), "score", "warm_up")
        .with_columns(rank=(order.over("day") if daily else order).cast(pl.Int64))
        .filter(pl.col("rank") <= count)
        .sort(["day", "rank"] if daily else ["rank"], descending=[True, False] if daily else False)
        .select("rank", "user", "day", "score", "warm_up")
    )


def with_reasons(
    days: pl.DataFrame, rows: pl.LazyFrame, about: About, explanations: pl.DataFrame | None
) -> pl.DataFrame:
    """Add ``reasons``, ``event_ids`` and ``evidence`` to user-days.

    The evidence is what the reasons are made of: ``feature``, ``seen`` and ``usual``; null where reasons are
    words only.

    Args:
        days: ``user`` and ``day``.
        rows: The score table.
        about: Its metadata.
        explanations: Cells of explained windows, if there are any.
    """
    if about.grain == BEHAVIOUR:
        reason_table = behaviour_reasons(rows, days, Path(about.store), _REASONS)
    else:
        null = pl.lit(None, pl.List(pl.String))
        reason_table = (
            days.select("user", "day", reasons=null)
            if explanations is None
            else _feature_reasons(explanations)
        )
        reason_table = reason_table.with_columns(event_ids=null)
    if "evidence" not in reason_table.columns:
        reason_table = reason_table.with_columns(evidence=pl.lit(None, pl.List(_EVIDENCE)))
    names = ("user", "day", "reasons", "event_ids", "evidence")
    return days.join(reason_table.select(names), on=["user", "day"], how="left", maintain_order="left")


def _feature_reasons(explanations: pl.DataFrame) -> pl.DataFrame:
    """Return what contributed most on each explained user-day: ``user``, ``day``, ``reasons``.

    They are those of the unit with the day's highest score, which is the day's score.
    """
    last = pl.col("end").dt.offset_by("-1us").dt.date()
    if "usual" not in explanations.columns:  # of an earlier version
        explanations = explanations.with_columns(usual=pl.lit(None, pl.Float32))
    by_feature = explanations.group_by("user", "start", "end", "feature").agg(
        pl.col("part").sum(), pl.col("score", "seen", "usual").first()
    )
    days = (
        by_feature.with_columns(day=pl.date_ranges(pl.col("start").dt.date(), last))
        .explode("day")
        .filter(pl.col("score") == pl.col("score").max().over("user", "day"))
        .group_by("user", "day", "feature")
        .agg(pl.col("part").sum().cast(pl.Float64), pl.col("seen", "usual").first())
        .filter(pl.col("part") > 0)
        .sort(["part", "feature"], descending=[True, False])
    )
    return (
        _without_repeats(days)
        .group_by("user", "day", maintain_order=True)
        .head(_REASONS)
        .group_by("user", "day", maintain_order=True)
        .agg(
            pl.struct("feature", "part", "seen", "usual").map_elements(_reason, pl.String).alias("reasons"),
            pl.struct("feature", seen=_KNOWN.then("seen"), usual="usual").cast(_EVIDENCE).alias("evidence"),
        )
    )


def _without_repeats(days: pl.DataFrame) -> pl.DataFrame:
    """Drop features that tell the same surplus again: of the same kind of event, or of all events.

    A page too many is one in ``http_count``, in ``http_other_count`` and in ``all_count``.
    """
    kind = pl.col("feature").str.split("_").list.first()
    surplus = (pl.col("seen") - pl.col("usual")).round(2)
    rows = days.with_columns(kind=kind, surplus=surplus)
    known = pl.col("surplus").is_not_null()
    repeats = known & (pl.int_range(pl.len()).over("user", "day", "kind", "surplus") > 0)
    elsewhere = (pl.col("kind") != "all").any().over("user", "day", "surplus")
    of_all = known & (pl.col("kind") == "all") & elsewhere
    return rows.filter(~repeats & ~of_all).select(days.columns)


def _reason(cell: dict[str, Any]) -> str:
    """Format a reason: what was seen and what is usual, or else what it adds to the score."""
    if cell["usual"] is None:
        return f"{cell['feature']} {_signed(cell['part'])}"
    return f"{cell['feature']} {_amount(cell['seen'])}, usually {_amount(cell['usual'])}"


def _amount(value: float) -> str:
    """Format a count or a mean by two significant digits, large ones as whole numbers."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _signed(value: float) -> str:
    """Format a number by three significant digits with their sign, in plain characters."""
    return f"{value:+#.3g}".rstrip(".")
