"""The list for analysts."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.alerts.lists import top_days
from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError

MakeRun = Callable[..., Path]


def test_the_highest_test_user_days_come_first(make_run: MakeRun) -> None:
    days = top_days(make_run(), count=4)
    assert days.columns == ["rank", "user", "day", "score", "warm_up", "reasons", "event_ids", "evidence"]
    assert days["rank"].to_list() == [1, 2, 3, 4]
    assert days["user"].to_list() == ["u1", "u2", "u1", "u1"]
    assert days["score"].to_list() == [0.9, 0.85, 0.8, 0.7]
    assert str(days["day"][0]) == "2010-01-25"


def test_days_of_users_without_much_history_are_marked(make_run: MakeRun) -> None:
    days = top_days(make_run(), count=4)
    assert days["warm_up"].to_list() == [False, True, False, False]


def test_days_of_scores_that_do_not_say_so_are_not_marked(make_run: MakeRun) -> None:
    path = make_run() / "scores.parquet"
    metadata = pl.read_parquet_metadata(path)
    pl.read_parquet(path).drop("warm_up").write_parquet(path, metadata=metadata)
    assert top_days(path.parent, count=2)["warm_up"].to_list() == [None, None]


def test_the_list_in_a_terminal_shows_warm_up_only_where_there_is_any(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    main(["alerts", str(run), "--budget=2"])
    assert "warm-up" in capsys.readouterr().out
    main(["alerts", str(run), "--budget=1"])
    assert "history" not in capsys.readouterr().out


def test_reasons_name_the_features_that_add_most(make_run: MakeRun) -> None:
    days = top_days(make_run(), count=6)
    assert days["reasons"][0].to_list() == ["file_ops +0.540", "http_count +0.270", "logon_count +0.0900"]
    assert days["reasons"][5] is None


def test_a_run_without_explanations_gives_no_reasons(make_run: MakeRun) -> None:
    run = make_run()
    (run / "explanations.parquet").unlink()
    days = top_days(run, count=2)
    assert days["reasons"].to_list() == [None, None]
    assert days.schema["reasons"] == pl.List(pl.String)


def test_a_window_over_midnight_explains_both_days(make_run: MakeRun) -> None:
    run = make_run()
    for name in ("scores.parquet", "explanations.parquet"):
        table = pl.read_parquet(run / name)
        late = table.with_columns(pl.col("start", "end") + pl.duration(hours=12))
        late.write_parquet(run / name, metadata=pl.read_parquet_metadata(run / name))
    highest = top_days(run, count=2)
    assert [str(day) for day in highest["day"]] == ["2010-01-25", "2010-01-26"]
    assert highest["score"].to_list() == [0.9, 0.9]
    # The window of 0.9 gives both days their score, and so their reasons.
    assert highest["reasons"][0].to_list()[0] == "file_ops +0.540"
    assert highest["reasons"][1].to_list()[0] == "file_ops +0.540"


def test_a_daily_list_ranks_within_each_day(make_run: MakeRun) -> None:
    days = top_days(make_run(), count=1, daily=True)
    assert days["rank"].unique().to_list() == [1]
    assert days["day"].is_unique().all()
    assert len(days) == 20


def test_equal_scores_keep_one_order(make_run: MakeRun) -> None:
    run = make_run()
    table, metadata = (
        pl.read_parquet(run / "scores.parquet"),
        pl.read_parquet_metadata(run / "scores.parquet"),
    )
    equal = table.with_columns(score=pl.lit(1.0)).sample(fraction=1.0, shuffle=True, seed=1)
    equal.write_parquet(run / "scores.parquet", metadata=metadata)
    days = top_days(run, count=3)
    assert days["user"].to_list() == ["u1", "u1", "u1"]
    assert days["day"].is_sorted()


def test_a_run_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="itd test"):
        top_days(tmp_path)


def test_reasons_say_what_was_seen_and_what_is_usual_and_a_surplus_once(make_run: MakeRun) -> None:
    run = make_run()
    path = run / "explanations.parquet"
    table = pl.read_parquet(path)
    day = table.filter(pl.col("score") == table["score"].max())[:1]
    cells = [  # feature, what it adds, seen, usual
        ("all_count", 5.0, 160.0, 120.0),
        ("http_other_count", 4.0, 140.0, 100.0),
        ("http_count", 3.0, 140.0, 100.0),
        ("usb_count", 2.0, 7.0, 0.25),
    ]
    rows = [
        day.with_columns(
            feature=pl.lit(name), part=pl.lit(part), seen=pl.lit(seen), usual=pl.lit(usual, pl.Float32)
        )
        for name, part, seen, usual in cells
    ]
    pl.concat(rows, how="diagonal_relaxed").write_parquet(path)
    reasons = [reasons for reasons in top_days(run, count=6)["reasons"].to_list() if reasons]
    assert reasons[0] == ["http_other_count 140, usually 100", "usb_count 7, usually 0.25"]
