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
_FORBIDDEN = re.compile(r"\b(select|over)\b|::|;", re.IGNORECASE)
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


def try_on_text(sql: str) -> str:
    """Return the name of the type of an expression over columns that are text.

    Raises:
        InputError: If it cannot be computed of them, or is not one value a row.
    """
    names = column_names(sql)
    frame = pl.DataFrame(dict.fromkeys(names, _SAMPLE), schema=dict.fromkeys(names, pl.String))
    try:
        result = frame.select(compile_sql(sql).alias("result"))["result"]
    except (PolarsError, OverflowError) as error:
        hint = "; columns are text: compare with '1', or CAST" if "cannot compare" in str(error) else ""
        raise InputError(f"cannot be computed: {_first_line(error)}{hint}") from error
    if names and len(result) != len(_SAMPLE):
        raise InputError("must be one value for each row, not one for all rows")
    return str(result.dtype)


def _first_line(error: Exception) -> str:
    """Return the first line of an error."""
    return str(error).partition("\n")[0]
