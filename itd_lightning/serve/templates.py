"""The page templates: every text is escaped, and none becomes a link."""

from datetime import datetime
from functools import cache
from importlib.resources import files
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

PACKAGE = "itd_lightning.serve"


@cache
def _environment() -> Environment:
    """Return the settings that all templates share."""
    environment = Environment(
        loader=PackageLoader(PACKAGE, "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"moment": _moment, "amount": _amount, "chance": _chance, "query": urlencode}
    environment.filters |= filters
    return environment


def render(name: str, **values: object) -> str:
    """Return a page as HTML."""
    return _environment().get_template(name).render(**values)


def asset(name: str) -> str:
    """Return a file that pages load."""
    return files(PACKAGE).joinpath("assets", name).read_text("utf-8")


def _moment(time: datetime) -> str:
    """Return a moment, in UTC.

    Example:
        >>> from datetime import UTC
        >>> _moment(datetime(2010, 3, 9, 6, 5, tzinfo=UTC))
        '2010-03-09 06:05 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M UTC")


def _amount(value: float | None) -> str:
    """Return a number for people.

    Example:
        >>> _amount(214.0), _amount(0.25), _amount(None)
        ('214', '0.25', 'not known')
    """
    if value is None:
        return "not known"
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"


def _chance(p_value: float | None) -> str:
    """Return how rare a score is.

    Example:
        >>> _chance(0.001), _chance(0.4), _chance(None)
        ('1 in 1,000', '1 in 2.5', 'not calibrated')
    """
    if p_value is None:
        return "not calibrated"
    times = 1 / max(p_value, 1e-9)
    return f"1 in {times:,.0f}" if times >= 10 else f"1 in {times:.2g}"
