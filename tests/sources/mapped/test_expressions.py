"""An expression reads the columns of one row, and nothing else."""

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped.expressions import column_names, compile_sql, try_on_text

HIDDEN = [
    "(SELECT 1)",
    "a IN (SELECT b FROM read_csv('/etc/passwd'))",
    "a IN (/* ' */ SELECT 1 /* ' */)",
    "a -- '\n IN (SELECT 1) -- '",
    "$$'$$ IN (SELECT 1) OR a = $$'$$",
    "`'` IN (SELECT 1) OR a = `'`",
    "E'\\'' IN (SELECT 1) OR a = ''",
    "EXISTS (VALUES (1))",
    "a IN (VALUES (1))",
    "lag(a) OVER (ORDER BY b)",
    "now()",
    "row_number()",
    "a::int",
    "a; b",
]


@pytest.mark.parametrize("sql", HIDDEN)
def test_what_reads_more_than_a_row_is_refused_however_it_is_hidden(sql: str) -> None:
    with pytest.raises(InputError, match=r"^is no (expression over the columns of one row|Polars SQL)"):
        compile_sql(sql)


@pytest.mark.parametrize(
    "sql", ["max(a)", "count(*)", "first_value(a)", "array_agg(a)", "a || count(b)", "a = max(a)"]
)
def test_what_depends_on_other_rows_is_refused(sql: str) -> None:
    for only_text in (True, False):
        with pytest.raises(InputError, match="must be one value for each row, which no other row decides"):
            try_on_text(sql, only_text=only_text)


def test_names_are_columns() -> None:
    assert column_names("user") == column_names('"user"') == column_names("lower(user)") == ["user"]
    assert column_names("cs-username") == ["cs-username"]
    assert column_names("winlog.event_data.LogonType = '2'") == ["winlog.event_data.LogonType"]
    assert column_names("'user.name'") == column_names("true") == []
    assert column_names("@timestamp") == ["@timestamp"]


def test_a_cast_that_fails_gives_no_value() -> None:
    assert try_on_text("CAST(a AS BIGINT)", only_text=True) == "Int64"
    assert try_on_text("a = '1'", only_text=True) == "Boolean"
    assert try_on_text("a + 1", only_text=False) is None
