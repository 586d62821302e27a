"""Numbers as text for the page: three significant digits, or a dash and a reason."""

import math
from collections.abc import Sequence
from typing import NamedTuple

DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}10"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Cell(NamedTuple):
    """One cell of a table.

    Attributes:
        text: What stands in it.
        interval: 95 % interval beside it, or why there is none.
        reason: Why the number is not defined; becomes a footnote.
    """

    text: str
    interval: str = ""
    reason: str = ""


def number(value: float | int) -> str:
    """Return a number with three significant digits; a dash for what is no number.

    Example:
        >>> [number(value) for value in (0.39546, 0.074, 1, 12345.6)]
        ['0.395', '0.0740', '1.00', '12,346']
    """
    if not math.isfinite(value):
        return DASH
    size = abs(value)
    if size == 0:
        text = "0"
    elif size >= 999.5:
        text = f"{size:,.0f}"
    elif size < 0.0001:
        digits, power = f"{size:.2e}".split("e")
        text = f"{digits}{_TIMES}{str(int(power)).translate(_SUPERSCRIPT)}"
    else:
        text = f"{size:#.3g}".rstrip(".")
    return _MINUS + text if value < 0 else text


def span(interval: Sequence[float | int] | None) -> str:
    """Return an interval as "0.310-0.609", with an en dash; empty where there is none."""
    return "" if interval is None else DASH.join(number(limit) for limit in interval)


def number_cell(
    value: float | int | None,
    reason: str,
    interval: Sequence[float | int] | None = None,
    no_interval: str = "",
) -> Cell:
    """Return a number with its interval, or a dash with its reason.

    Args:
        value: The number, or None.
        reason: Why there is none; used only then.
        interval: Its 95 % interval.
        no_interval: Footnote where a number that should have an interval has none.
    """
    if value is None:
        return Cell(DASH, reason=reason or "no reason was recorded")
    if interval is None and no_interval:
        return Cell(number(value), "no interval", no_interval)
    return Cell(number(value), span(interval))


def count(value: int | None) -> str:
    """Return a count with its thousands apart."""
    return DASH if value is None else f"{value:,}"


def plural(grains: Sequence[str]) -> str:
    """Return the plural of the unit of scores; "units" for runs with different units.

    Example:
        >>> plural(["behaviour", "behaviour"]), plural(["behaviour", "window"])
        ('behaviours', 'units')
    """
    kinds = set(grains)
    return f"{kinds.pop()}s" if len(kinds) == 1 else "units"
