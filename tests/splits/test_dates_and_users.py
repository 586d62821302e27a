"""Tests of the split by date and user."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.splits import Dates, DatesAndUsers

FROM = (date(2010, 2, 20), date(2010, 3, 1))


def test_the_folds_test_every_later_day_once_and_train_on_no_test_user(
    units: pl.DataFrame, store: Path
) -> None:
    by_date = Dates(*FROM).assign(units, store)
    tests = 0
    for fold in range(3):
        parted = DatesAndUsers(*FROM, folds=3, fold=fold).assign(units, store)
        users = {part: set(parted.filter(part=part)["user"]) for part in ("train", "val", "test")}
        assert users["test"]
        assert not users["test"] & (users["train"] | users["val"])
        used = parted["part"] != "unused"
        assert parted.filter(used).equals(by_date.filter(used))
        tests += len(parted.filter(part="test"))
    assert tests == len(by_date.filter(part="test"))


def test_a_user_is_in_one_fold_whoever_else_there_is(units: pl.DataFrame, store: Path) -> None:
    split = DatesAndUsers(*FROM)
    few = pl.col("user").is_in(units["user"].unique().sort().head(5).implode())
    assert split.assign(units.filter(few), store).equals(split.assign(units, store).filter(few))


@pytest.mark.parametrize(("folds", "fold"), [(1, 0), (2, 2), (2, -1)])
def test_a_fold_that_there_is_not_is_refused(folds: int, fold: int) -> None:
    with pytest.raises(ValueError, match="folds must be at least 2 and fold from 0 below it"):
        DatesAndUsers(*FROM, folds=folds, fold=fold)
