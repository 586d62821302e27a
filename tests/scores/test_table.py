"""What a score table on disk promises."""

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import SCORES
from itd_lightning.scores.table import METADATA, About, read_scores, write_scores

ABOUT = About(
    run="first",
    method="MaskValueAutoencoder",
    view="windows",
    grain="window",
    seed=7,
    split="Campaigns",
    labels="interval",
    leaks="who is an insider, and when",
    moved_days=42,
    store="demo/store",
    store_fingerprint="abc",
    config="def",
    checkpoint="best.ckpt",
)
SCORED = pl.DataFrame(
    [
        ("ann", datetime(2010, 3, 1), datetime(2010, 3, 2), None, None, 0.25, "val", True),
        ("ann", datetime(2010, 3, 2), datetime(2010, 3, 3), None, None, 1.5, "test", False),
    ],
    schema=SCORES,
    orient="row",
)


def test_what_is_written_is_read_with_what_made_it(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.parquet", SCORED, ABOUT)
    scores, about = read_scores(tmp_path / "scores.parquet")
    assert scores.equals(SCORED)
    assert scores.schema == SCORES
    assert about == ABOUT
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


def test_a_table_from_before_warm_up_was_marked_opens_and_does_not_say(tmp_path: Path) -> None:
    metadata = {METADATA: json.dumps(ABOUT._asdict())}
    SCORED.drop("warm_up").write_parquet(tmp_path / "scores.parquet", metadata=metadata)
    scores, _ = read_scores(tmp_path / "scores.parquet")
    assert scores.schema == SCORES
    assert scores["warm_up"].to_list() == [None, None]


def test_a_table_that_does_not_say_what_is_in_warm_up_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(pl.exceptions.SchemaError, match="warm_up"):
        write_scores(tmp_path / "scores.parquet", SCORED.drop("warm_up"), ABOUT)


def test_a_table_holds_no_label(tmp_path: Path) -> None:
    labelled = SCORED.with_columns(malicious=pl.lit(value=True))
    with pytest.raises(pl.exceptions.SchemaError, match="malicious"):
        write_scores(tmp_path / "scores.parquet", labelled, ABOUT)
    assert not (tmp_path / "scores.parquet").exists()


def test_writing_again_replaces_the_table(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.parquet", SCORED, ABOUT)
    write_scores(tmp_path / "scores.parquet", SCORED[:1], ABOUT._replace(seed=8))
    scores, about = read_scores(tmp_path / "scores.parquet")
    assert (len(scores), about.seed) == (1, 8)


def test_a_missing_table_is_refused_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no scores at .*; write them with `itd test --ckpt_path"):
        read_scores(tmp_path / "scores.parquet")


@pytest.mark.parametrize("content", [b"", b"user,score\nann,1\n", b"PAR1 cut in the middle PAR1"])
def test_a_file_that_is_no_table_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no score table of this program") as raised:
        read_scores(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {METADATA: "no json"},
        {METADATA: "[]"},
        {METADATA: json.dumps({"run": "first"})},
        {METADATA: json.dumps({**ABOUT._asdict(), "colour": "red"})},
        {METADATA: json.dumps({**ABOUT._asdict(), "store": 5})},
        {METADATA: json.dumps({**ABOUT._asdict(), "run": None})},
        {METADATA: json.dumps({**ABOUT._asdict(), "seed": -1})},
    ],
)
def test_a_parquet_file_of_another_program_is_refused(metadata: dict[str, str], tmp_path: Path) -> None:
    SCORED.write_parquet(tmp_path / "scores.parquet", metadata=metadata)
    with pytest.raises(InputError, match="is no score table of this program"):
        read_scores(tmp_path / "scores.parquet")


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    metadata = {METADATA: json.dumps(ABOUT._asdict())}
    SCORED.drop("part").write_parquet(tmp_path / "scores.parquet", metadata=metadata)
    with pytest.raises(InputError, match="is no score table of this program"):
        read_scores(tmp_path / "scores.parquet")
