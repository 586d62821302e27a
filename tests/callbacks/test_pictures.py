"""Tests of the writer of pictures."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from itd_lightning.callbacks import PictureWriter
from itd_lightning.callbacks.own_files import RESULTS
from itd_lightning.callbacks.pictures import highest_users
from itd_lightning.contracts.pictures import PICTURES
from itd_lightning.contracts.scores import SCORES

DAY = datetime(2010, 1, 4)


def test_the_users_with_the_highest_test_scores_are_drawn_and_ties_go_to_the_first_name() -> None:
    rows = [
        ("b", 2.0, "test"),
        ("c", 9.0, "val"),
        ("a", 2.0, "test"),
        ("d", 3.0, "test"),
        ("e", None, "test"),
    ]
    rows.append(("f", float("inf"), "test"))
    scores = pl.DataFrame(
        {
            "user": [user for user, *_ in rows],
            "start": DAY,
            "end": DAY + timedelta(days=1),
            "event_id": None,
            "sequence": None,
            "score": [score for _, score, _ in rows],
            "part": [part for *_, part in rows],
            "warm_up": False,
        },
        schema=SCORES,
    )
    assert highest_users(scores.lazy(), 2) == ["d", "a"]
    assert highest_users(scores.lazy(), 9) == ["d", "a", "b"]


def test_pictures_are_results_that_go_with_the_scores() -> None:
    assert set(PICTURES) <= set(RESULTS)


def test_no_users_are_refused() -> None:
    with pytest.raises(ValueError, match="users must be at least 1"):
        PictureWriter(users=0)
