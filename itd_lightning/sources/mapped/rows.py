"""Rows of a log -> typed events and refused rows, as the expressions of the mapping say."""

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError
from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, Kind
from itd_lightning.sources.base import PARSED, REFUSED
from itd_lightning.sources.mapped.expressions import compile_sql
from itd_lightning.sources.mapped.mapping import FILLED, Input, LogMapping
from itd_lightning.sources.mapped.tables import looked_up
from itd_lightning.sources.mapped.times import local_times

UNMAPPED = "no rule gives a kind"
LEFT_OUT = "left out by where"
_YEARS = (1990, 2100)  # an event outside would stretch its user's calendar over centuries
_NOBODY = ("", "-", "null", "NULL", "None", "none", "N/A", "(null)")  # in place of a user or a PC
_HASHED = ("user", "pc", "kind", "object", "size", "attachments")


def to_events(
    raw: pl.DataFrame, line: NDArray[np.uint32], mapping: LogMapping, source: Input, place: str, now: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return events (``PARSED``) and refused rows (``REFUSED``).

    Args:
        raw: Columns that the mapping reads.
        line: Line of each row.
        mapping: What they mean.
        source: Which of its inputs they belong to.
        place: Text that tells the piece from every other of the mapping.
        now: Events after it are refused.

    Raises:
        InputError: If an expression cannot be computed.
    """
    rows = checked_rows(raw, mapping, source, now).with_columns(line=pl.Series(line, dtype=pl.UInt32))
    faulty = pl.col("reason").is_not_null()
    bad = rows.filter(faulty).select("line", "reason")
    good = rows if bad.is_empty() else rows.filter(~faulty)
    if source.id is None:
        good = good.with_columns(event_id=_hash_ids(good, place))
    return good.select(PARSED.names()), bad.match_to_schema(REFUSED)


def checked_rows(raw: pl.DataFrame, mapping: LogMapping, source: Input, now: datetime) -> pl.DataFrame:
    """Return the columns of ``EVENTS`` and ``reason``: why a row is refused, or null."""
    columns = {"time": source.time.column, **dict(source.columns)}
    columns |= {} if source.id is None else {"event_id": source.id}
    expressions = {name: compile_sql(sql) for name, sql in columns.items()}
    expressions["kind"] = _kind(source)
    expressions["where"] = pl.lit(value=True) if source.where is None else compile_sql(source.where)
    empty = {name: pl.lit(None) for name in EVENTS if name not in expressions}
    rows = _select(raw, {**expressions, **empty}, source)
    time = local_times(rows["time"], source.time, mapping.zone)
    typed = [_typed(name, rows[name].dtype) for name in ("event_id", *FILLED)]
    rows = rows.with_columns(time, pl.col("kind").cast(Kind), *typed).with_columns(
        _somebody("user"), _somebody("pc")
    )
    rows = _to_users(rows, mapping)
    return rows.select(*EVENTS.names(), reason=_fault(source, now))


def _select(raw: pl.DataFrame, expressions: dict[str, pl.Expr], source: Input) -> pl.DataFrame:
    """Return the values of expressions, one row for each raw one.

    Raises:
        InputError: If they cannot be computed.
    """
    # Beside the raw columns, so that a constant is as long as they are.
    values = [expression.alias(f"\0{name}") for name, expression in expressions.items()]
    try:
        return raw.with_columns(values).select(pl.col(f"\0{name}").alias(name) for name in expressions)
    except PolarsError as error:
        raise InputError(
            f"input {source.name} cannot be computed: {str(error).partition(chr(10))[0]}"
        ) from error


def _kind(source: Input) -> pl.Expr:
    """Return the kind of the first rule that holds; null if none does."""
    rules = [
        pl.lit(rule.kind) if rule.when is None else pl.when(compile_sql(rule.when)).then(pl.lit(rule.kind))
        for rule in source.kinds
    ]
    return pl.coalesce(rules)


def _typed(name: str, dtype: object) -> pl.Expr:
    """Return a column in the type of the store; a value that is none of it is null."""
    column = pl.col(name)
    if EVENTS[name] == pl.Boolean and dtype == pl.String:
        truths = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        return column.str.to_lowercase().replace_strict(truths, default=None, return_dtype=pl.Boolean)
    if EVENTS[name] == pl.String and isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join(";")
    return column.cast(EVENTS[name], strict=False)


def _somebody(name: str) -> pl.Expr:
    """Return a user or a PC without blanks around it; null where the text stands for nobody."""
    text = pl.col(name).str.strip_chars()
    return pl.when(~text.is_in(_NOBODY)).then(text).alias(name)


def _to_users(rows: pl.DataFrame, mapping: LogMapping) -> pl.DataFrame:
    """Return rows with the user of each account, and ``account``, and the PC of each address."""
    rows = rows.with_columns(account="user")
    if mapping.hosts is not None:
        rows = rows.with_columns(looked_up("pc", mapping.hosts))
    return rows if mapping.identity is None else rows.with_columns(looked_up("user", mapping.identity))


def _fault(source: Input, now: datetime) -> pl.Expr:
    """Return the reason to refuse a row, or null."""
    user, time = pl.col("user"), pl.col("time")
    checks = [
        (pl.col("where").fill_null(value=False).not_(), LEFT_OUT),
        (pl.col("kind").is_null(), UNMAPPED),
        (pl.col("account").is_null(), "no user"),
        (user.is_null(), "account is not in the identity table"),
        (time.is_null(), "unparsable time"),
        (~time.dt.year().is_between(*_YEARS), "implausible year"),
        (time > now, "time in the future"),
    ]
    if source.id is not None:
        checks.append((pl.col("event_id").is_null(), "no id"))
    return pl.coalesce(pl.when(fault).then(pl.lit(reason)) for fault, reason in checks)


def _hash_ids(events: pl.DataFrame, place: str) -> pl.Series:
    """Return the hash of each event with its place: equal rows are several events, the same row is one."""
    parts = [pl.col("time").dt.epoch("us"), *(pl.col(name) for name in _HASHED)]
    text = pl.concat_str([part.cast(pl.String).fill_null("") for part in parts], separator="\x1f")
    texts = events.select(text.cast(pl.Binary).alias("text"))["text"].to_list()
    seed = xxh3_64_intdigest(place.encode()) >> 1
    seeds = (events["line"].cast(pl.UInt64) + seed).to_list()
    return pl.Series("event_id", list(map(xxh3_64_hexdigest, texts, seeds)), pl.String)
