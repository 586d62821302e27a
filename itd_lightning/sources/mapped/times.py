"""The time of a row: as it is written -> naive local time of the store's zone."""

from collections.abc import Iterator

import polars as pl

from itd_lightning.sources.mapped.mapping import UNITS, TimeRule

_UTC_FORMATS = ("%Y-%m-%dT%H:%M:%S%.fZ",)  # tried in order, each on what the one before left
_NAIVE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
_ZONED_FORMAT = "%Y-%m-%dT%H:%M:%S%.f%#z"
_NUMBER = r"^\d{9,19}(\.\d+)?$"
_NAMES_ZONE = ("%z", "%:z", "%#z", "%+")


def local_times(values: pl.Series, rule: TimeRule, zone: str) -> pl.Series:
    """Return naive local times of a zone; null where a value is no time.

    Args:
        values: Text, numbers, dates or times.
        rule: How they are written.
        zone: The store's zone.
    """
    if values.dtype.is_temporal():
        return _to_zone(
            values.cast(pl.Datetime("us", getattr(values.dtype, "time_zone", None))), rule.zone, zone
        )
    if values.dtype == pl.Null:
        return values.cast(pl.Datetime("us"))
    if rule.unit is not None or values.dtype.is_numeric():
        return _to_zone(_since_1970(values, rule.unit), "UTC", zone)
    result = pl.Series(values.name, [None], pl.Datetime("us")).new_from_index(0, len(values))
    for attempt in _attempts(rule, zone):
        left = result.is_null() & values.is_not_null()
        if not left.any():
            break
        result = (
            attempt(values) if left.all() else result.scatter(left.arg_true(), attempt(values.filter(left)))
        )
    return result


class _Attempt:
    """One way to read a text as a time."""

    def __init__(self, form: str, source: str, zone: str, *, tidy: bool = False) -> None:
        self.form, self.source, self.zone, self.tidy = form, source, zone, tidy

    def __call__(self, values: pl.Series) -> pl.Series:
        """Return the times, null where a text is not written so."""
        if self.form == "":
            numbers = values.to_frame("value").select(
                pl.when(pl.col("value").str.contains(_NUMBER)).then("value")
            )
            return _to_zone(_since_1970(numbers.to_series().alias(values.name), None), "UTC", self.zone)
        if self.tidy:
            values = values.str.replace(r"^\s*(\d{4}-\d\d-\d\d)\s+", "${1}T").str.replace(
                r"(\.\d{6})\d+", "${1}"
            )
            values = values.str.replace(r"\s*([+-]\d\d):?(\d\d)$", "${1}${2}")
        return _to_zone(
            values.str.to_datetime(self.form, strict=False, time_unit="us"), self.source, self.zone
        )


def _attempts(rule: TimeRule, zone: str) -> Iterator[_Attempt]:
    """Yield the ways to read a text as a time, in order."""
    if rule.format is not None:
        named = any(mark in rule.format for mark in _NAMES_ZONE)
        yield _Attempt(rule.format, "UTC" if named else rule.zone, zone)
        return
    for form in _UTC_FORMATS:
        yield _Attempt(form, "UTC", zone)
    for form in _NAIVE_FORMATS:
        yield _Attempt(form, rule.zone, zone)
    yield _Attempt(_ZONED_FORMAT, "UTC", zone, tidy=True)
    yield _Attempt("", "UTC", zone)


def _since_1970(values: pl.Series, unit: str | None) -> pl.Series:
    """Return times in UTC from numbers since 1970; without a unit, the size of a number tells it."""
    whole = values.cast(pl.Int64, strict=False)
    number = pl.col("number").cast(pl.Float64, strict=False)
    scaled = number * UNITS[unit] if unit is not None else _by_size(number)
    exact = pl.col("whole") // 1000 if unit == "ns" else pl.col("whole") * int(UNITS[unit]) if unit else None
    # Floats hold seconds and milliseconds to the microsecond, but not a count of nanoseconds.
    micros = scaled.round().cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"number": values, "whole": whole})
    result = frame.select(
        micros
        if exact is None
        else pl.when(pl.col("number").cast(pl.Float64, strict=False) == pl.col("whole"))
        .then(exact)
        .otherwise(micros)
    )
    return result.to_series().cast(pl.Datetime("us")).alias(values.name)


def _by_size(number: pl.Expr) -> pl.Expr:
    """Return microseconds from a number since 1970 that is seconds, milli-, micro- or nanoseconds."""
    return (
        pl.when(number.abs() < 1e11)
        .then(number * UNITS["s"])
        .when(number.abs() < 1e14)
        .then(number * UNITS["ms"])
        .when(number.abs() < 1e17)
        .then(number)
        .otherwise(number * UNITS["ns"])
    )


def _to_zone(times: pl.Series, source: str, zone: str) -> pl.Series:
    """Return naive times of a zone; an hour that comes twice is its first, one that a zone skips is null.

    Args:
        times: Naive times, or times that name their zone.
        source: Zone of naive times.
        zone: The zone that is wanted.
    """
    if times.dtype.time_zone is None:  # type: ignore[attr-defined]
        if source == zone:
            return times
        times = times.dt.replace_time_zone(source, ambiguous="earliest", non_existent="null")
    return times.dt.convert_time_zone(zone).dt.replace_time_zone(None)
