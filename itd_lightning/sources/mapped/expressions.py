"""Expressions of a mapping: Polars SQL over the columns of one row, and nothing else.

A mapping may be somebody else's text. So an expression reads no table and no other row, and a cast that fails
gives null instead of an error.
"""

import re
from functools import cache

import polars as pl
from polars.exceptions import PolarsError

from itd_lightning.contracts.errors import InputError

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")
# What reads other rows or tables, what gives another value tomorrow, and what could hide it from this pattern
_FORBIDDEN = re.compile(
    r"\b(?:select|over)\b|\b(?:values|exists|now|row_number)\s*\(|::|;|--|/\*|[$`\[]", re.IGNORECASE
)
_CAST = re.compile(r"(?<!\w)cast\s*\(", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_@][\w@.-]*")  # the whole expression is the name of a column
_WORDS = ("true", "false", "null")  # but for these
_USER = re.compile(r"(?<![\w.])user(?![\w.]|\s*\()", re.IGNORECASE)  # SQL would mean who runs the query
_DOTTED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_@]\w*)+")
_SAMPLE = [None, "x", "1"]  # values of a column that is text, to try an expression on


@cache
def compile_sql(sql: str) -> pl.Expr:
    """Return an expression over the columns of a row; a dotted name is the name of a column.

    Raises:
        InputError: If it is no such expression.

    Example:
        >>> compile_sql("CAST(event.size AS BIGINT)").meta.root_names()
        ['event.size']
    """
    if _NAME.fullmatch(sql) and sql.lower() not in _WORDS:
        return pl.col(sql)
    parts = _QUOTED.split(sql)
    for part in parts[::2]:
        if word := _FORBIDDEN.search(part):
            raise InputError(f"is no expression over the columns of one row: it has {word[0]!r}")
    parts[::2] = [_plain_sql(part) for part in parts[::2]]
    try:
        return pl.sql_expr("".join(parts))
    except PolarsError as error:
        raise InputError(f"is no Polars SQL: {_first_line(error)}") from error


def _plain_sql(part: str) -> str:
    """Return a part of an expression without quotes, with names and casts as Polars takes them."""
    return _USER.sub(r'"\g<0>"', _DOTTED.sub(r'"\g<0>"', _CAST.sub("TRY_CAST(", part)))


def column_names(sql: str) -> list[str]:
    """Return the columns that an expression reads."""
    return list(dict.fromkeys(compile_sql(sql).meta.root_names()))


def try_on_text(sql: str, *, only_text: bool) -> str | None:
    """Return the name of the type of an expression over columns that are text; None if it needs others.

    Args:
        sql: The expression.
        only_text: Whether there are no other columns.

    Raises:
        InputError: If it cannot be computed of them and must be, or is not one value a row.
    """
    names = column_names(sql)
    frame = pl.DataFrame({name: pl.Series(_SAMPLE, dtype=pl.String) for name in ("\0", *names)})
    expression = compile_sql(sql).alias("\0result")
    try:
        result = frame.with_columns(expression)["\0result"]
        alone = pl.concat(frame[row].with_columns(expression) for row in range(len(frame)))["\0result"]
    except (PolarsError, OverflowError) as error:
        if not only_text:
            return None
        hint = "; columns are text: compare with '1', or CAST" if "cannot compare" in str(error) else ""
        raise InputError(f"cannot be computed: {_first_line(error)}{hint}") from error
    if not result.equals(alone):
        raise InputError("must be one value for each row, which no other row decides")
    return str(result.dtype)


def _first_line(error: Exception) -> str:
    """Return the first line of an error."""
    return str(error).partition("\n")[0]
