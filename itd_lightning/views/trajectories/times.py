"""When the events of a user-day happened, as six features: what the page calls circadian patterns.

Axes: N user-days, E events of a day, padded.

Source:
    ChronosVector, research page on insider threat detection: ``event_features`` on the times of a log.
"""

from collections.abc import Iterator

import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor

from itd_lightning.numerics.events_in_time import event_features

TIMES = ("peak_hour", "hour_spread", "burstiness", "memory", "gap_entropy", "circadian_strength")
_CELLS = 2_000_000  # of padded events in memory together
_HOUR = 3600.0  # seconds


def build_times(events: pl.DataFrame) -> pl.DataFrame:
    """Return when the events of each user-day happened.

    - ``peak_hour``: the hour with most events, the first of several.
    - ``hour_spread``: standard deviation of the events' time of day, in hours.
    - ``burstiness``, ``memory``, ``gap_entropy``, ``circadian_strength``: as ``numerics.events_in_time`` has
      them, of one day.

    The page's weekend ratio is a feature of many days; ``weekend_logon`` and ``weekend_flag`` say it of one.

    Args:
        events: One shard of the store.

    Returns:
        ``user``, ``day`` and the six features, float32, sorted.
    """
    second = (pl.col("time") - pl.col("time").dt.truncate("1d")).dt.total_microseconds() / 1e6
    days = (
        events.select("user", day=pl.col("time").dt.date(), second=second)
        .group_by("user", "day")
        .agg(pl.col("second").sort())
        .sort(pl.col("second").list.len(), "user", "day")
    )
    parts = [_features_of(times, lengths) for times, lengths in _padded_blocks(days["second"])]
    table = torch.cat(parts) if parts else torch.zeros(0, len(TIMES))
    return (
        days.select("user", "day").hstack(pl.DataFrame(table.numpy(), schema=list(TIMES))).sort("user", "day")
    )


def _padded_blocks(days: pl.Series) -> Iterator[tuple[Float[Tensor, "n e"], Int[Tensor, " n"]]]:
    """Yield the event times of days, and their numbers, in blocks that fit in memory; short days first."""
    lengths = days.list.len().to_list()
    first = 0
    while first < len(lengths):
        end = first + 1
        while end < len(lengths) and (end + 1 - first) * lengths[end] <= _CELLS:
            end += 1
        rows = [torch.tensor(times, dtype=torch.float64) for times in days[first:end].to_list()]
        yield torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(lengths[first:end])
        first = end


def _features_of(times: Float[Tensor, "n e"], lengths: Int[Tensor, " n"]) -> Float[Tensor, "n f"]:
    """Return the six features of some days."""
    features = event_features(times, lengths)
    valid = torch.arange(times.shape[1]) < lengths[:, None]
    hour = (times / _HOUR).long().clamp(max=23)
    counts = torch.zeros(len(times), 24, dtype=times.dtype).scatter_add_(1, hour, valid.to(times.dtype))
    mean = (times * valid).sum(dim=1) / lengths
    variance = (((times - mean[:, None]) * valid).square().sum(dim=1)) / lengths
    columns = (
        counts.argmax(dim=1).to(times.dtype),
        variance.sqrt() / _HOUR,
        features.burstiness,
        features.memory,
        features.temporal_entropy,
        features.circadian_strength,
    )
    return torch.stack(columns, dim=1).float()
