"""What type a file is of, and where it goes."""

import polars as pl
import pytest

from itd_lightning.contracts.events import Kind
from itd_lightning.events.files import DIRECTION, ENDINGS, FileTypes, file_type


def types(name: str | None, kind: str = "file_copy") -> list[str]:
    """Return the type of a file by each table."""
    row = pl.DataFrame({"kind": [kind], "object": [name]}, schema={"kind": Kind, "object": pl.String})
    tables: list[FileTypes] = ["common", "le2020"]
    return [row.select(file_type(table)).item() for table in tables]


@pytest.mark.parametrize("ending", ["doc", "pdf", "jpg", "txt", "zip", "exe"])
def test_all_tables_agree_on_the_endings_of_cert(ending: str) -> None:
    first, second = types(f"R:\\a.b.{ending.upper()}")
    assert first == second != "other"


def test_the_last_ending_decides_and_the_tables_differ_where_published_code_does() -> None:
    assert types("a.rtf") == ["document", "text"]
    assert types("a.xlsx") == ["document", "other"]
    assert types("a.doc.exe") == ["program", "program"]
    assert types("doc") == types("a.xyz") == types(None) == ["other", "other"]
    assert types("a.doc", "http_visit") == ["other", "other"]


def test_an_ending_stands_for_one_type() -> None:
    for table in ENDINGS.values():
        endings = [ending for group in table.values() for ending in group]
        assert len(set(endings)) == len(endings)


def test_only_a_file_crosses_removable_media_and_unknown_stays_null() -> None:
    rows = pl.DataFrame(
        {
            "kind": ["file_copy", "file_open", "file_copy", "file_copy", "connect"],
            "to_removable": [True, False, None, False, True],
            "from_removable": [None, True, None, False, None],
        },
        schema_overrides={"kind": Kind},
    )
    assert rows.select(DIRECTION).to_series().to_list() == ["to", "from", None, None, None]
