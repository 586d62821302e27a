"""What the narratives view promises."""

import pickle
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from lightning.fabric.utilities import move_data_to_device

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.splits import Dates, Split, Users
from itd_lightning.store.presence import days_present, pc_use
from itd_lightning.views import Days, Narratives
from itd_lightning.views.narratives import build as narratives
from itd_lightning.views.narratives.view import leave_unused
from itd_lightning.views.resampling import draw_balanced
from tests.views.narratives.test_sentences import HOSTILE
from tests.views.windows.test_view import event, write_store

DATES = Dates(date(2010, 3, 13), date(2010, 3, 17))
RICH = Dates(date(2010, 3, 1), date(2010, 3, 15), shown=["train", "val"])


def work_events(user: str, days: range, until: int = 17) -> list[dict[str, object]]:
    """Return a logon at nine, a page at ten and a mail at the end on these days of March."""
    return [
        made
        for day in days
        for made in (
            event("logon", f"03-{day:02d} 09:00:00", user),
            event("http_visit", f"03-{day:02d} 10:00:00", user, object="http://a.org/x", content="words"),
            event("email_send", f"03-{day:02d} {until}:00:00", user, object="b@c.org", content=HOSTILE),
        )
    ]


def add_tables(folder: Path) -> Path:
    """Return the store with the tables that views read beside the events."""
    for file in folder.glob("events/*/events.parquet"):
        rows = pl.read_parquet(file, glob=False)
        pc_use(rows).write_parquet(file.with_name("pc_use.parquet"))
        days_present(rows).write_parquet(file.with_name("presence.parquet"))
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a store: ann works every day, late on the 19th; bob and eve, who stays late, but for the 3rd."""
    ann = [*work_events("ann", range(1, 19)), *work_events("ann", range(19, 20), until=22)]
    other_people = [
        made for name in ("bob", "eve") for days in (range(1, 3), range(4, 20))
        for made in work_events(name, days, until=22 if name == "eve" else 17)
    ]  # fmt: skip
    return add_tables(write_store(tmp_path / "small", [ann, other_people]))


def ready(store: Path, stage: str = "fit", split: Split = DATES, **settings: object) -> Narratives:
    """Return a view that is set up."""
    view = Narratives(store, split, **settings)  # type: ignore[arg-type]
    view.prepare_data()
    view.setup(stage)
    return view


def full_batch(view: Narratives, *parts: str) -> NarrativeBatch:
    """Return all days of these parts."""
    rows = view.rows(view.part(*parts))
    return rows.__getitems__(list(range(len(rows))))


def days_of(view: Narratives, batch: NarrativeBatch) -> list[tuple[str, int]]:
    """Return the user and day of the month of each row."""
    return list(view.units[batch.unit.numpy()].select("user", pl.col("start").dt.day()).iter_rows())


def test_units_are_those_of_the_days_view(store: Path) -> None:
    view, days = ready(store, split=RICH), Days(store, RICH)
    days.prepare_data()
    days.setup("fit")
    assert view.units.equals(days.units)
    assert np.array_equal(view.label, days.label, equal_nan=True)
    assert view.grain == days.grain


def test_a_batch_holds_a_narrative_and_contents_of_each_day(small: Path) -> None:
    view = ready(small)
    batch = full_batch(view, "train", "val", "test")
    at = days_of(view, batch).index(("bob", 4))
    assert batch.narrative[at] == (
        "During working hours, login at Self-PC, then accessed website a.org, and sent email (from insider "
        "address to unknown address)."
    )
    assert batch.contents[at] == ("http://a.org/x\nwords", HOSTILE)
    assert batch.unit.tolist() == list(range(len(view.units)))
    assert batch.label.isnan().all()


def test_working_hours_are_each_users_own_as_ten_earlier_days_show_them(small: Path) -> None:
    view = ready(small)
    batch = full_batch(view, "train", "val", "test")
    narratives = dict(zip(days_of(view, batch), batch.narrative, strict=True))
    assert "After" in narratives["eve", 11]  # she always stays until ten, but nobody knows yet
    assert "After" not in narratives["eve", 12]
    assert "After" not in narratives["ann", 18]
    assert narratives["ann", 19].endswith(
        "After working hours, sent email (from insider address to unknown address)."
    )


def test_later_days_change_no_hours_and_no_narrative(small: Path, tmp_path: Path) -> None:
    other = shutil.copytree(small, tmp_path / "other", ignore=shutil.ignore_patterns("views"))
    for file in other.glob("events/*/events.parquet"):
        rows = pl.read_parquet(file, glob=False)
        later = pl.col("time") >= date(2010, 3, 17)
        rows.with_columns(
            pl.when(later).then(pl.lit("http_visit")).otherwise("kind").alias("kind")
        ).with_columns(pl.col("time").dt.offset_by("1h")).filter(later).vstack(rows.filter(~later)).sort(
            "user", "time"
        ).write_parquet(file)
    add_tables(other)
    one, two = ready(small), ready(other)
    assert one.hours is not None
    assert two.hours is not None
    assert one.hours == two.hours
    assert full_batch(one, "train", "val").narrative == full_batch(two, "train", "val").narrative
    assert full_batch(one, "test").narrative != full_batch(two, "test").narrative


def test_days_without_events_are_units_on_request(small: Path) -> None:
    view = ready(small, silent=True)
    batch = full_batch(view, "train", "val", "test")
    at = days_of(view, batch).index(("bob", 3))
    assert batch.narrative[at] == "No activity."
    assert batch.contents[at] == ()
    assert len(view.units) == len(ready(small).units) + 2


def test_empty_contents_everywhere_are_no_texts(tmp_path: Path) -> None:
    rows = [
        event("logon"),
        event("email_send", object="a@b.org", content=""),
        event("logoff", "03-02 09:00:00"),
        event("logon", "03-22 09:00:00"),
    ]
    view = ready(add_tables(write_store(tmp_path / "bare", [rows, []])))
    batch = full_batch(view, "train")
    assert batch.contents == ((), ())
    assert batch.narrative[1].endswith("working hours, at Self-PC, logged off.")


def test_contents_are_bounded_and_kept_apart_by_their_number(small: Path) -> None:
    view = ready(small, contents=1)
    assert {len(texts) for texts in full_batch(view, "train").contents} == {1}
    assert {len(texts) for texts in full_batch(ready(small, contents=0), "train").contents} == {0}
    assert view.folder != ready(small).folder


def test_a_built_view_is_used_again_in_any_style(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merged = full_batch(ready(small), "train").narrative
    monkeypatch.setattr(narratives, "narrative_events", None)
    plain = full_batch(ready(small, style="plain"), "train").narrative
    assert all(len(one.split()) < len(other.split()) for one, other in zip(merged, plain, strict=True))


def test_a_batch_can_move_between_devices(small: Path) -> None:
    batch = full_batch(ready(small), "test")
    on_meta = move_data_to_device(batch, torch.device("meta"))
    assert on_meta.narrative == batch.narrative
    assert on_meta.contents == batch.contents
    assert on_meta.label.is_meta


def test_loader_processes_get_the_same_rows(small: Path) -> None:
    view = ready(small)
    rows = view.rows(view.part("test"))
    here, all_units = rows.__getitems__([2, 0]), pickle.loads(pickle.dumps(rows)).__getitems__([2, 0])
    assert (here.narrative, here.contents) == (all_units.narrative, all_units.contents)
    assert torch.equal(here.unit, all_units.unit)


def test_training_days_come_in_an_order_of_the_seed_and_all_others_in_their_own(small: Path) -> None:
    view = ready(small, batch_size=5)
    batches = list(view.train_dataloader())
    units = torch.cat([batch.unit for batch in batches])
    assert units.sort().values.tolist() == view.part("train").tolist()
    assert units.tolist() != units.sort().values.tolist()
    second = torch.cat([batch.unit for batch in ready(small, batch_size=5).train_dataloader()])
    assert torch.equal(units, second)
    tested = torch.cat([batch.unit for batch in view.test_dataloader()])
    assert tested.tolist() == view.part("val", "test").tolist()


def test_harmless_training_days_are_left_out_and_no_others(store: Path) -> None:
    split = Users(test_share=0.3, val_share=0.2, seed=1, shown=["train", "val"])
    view = ready(store, split=split, benign_share=0.8, contents=0, batch_size=1000)
    everything = view.label[view.part("train")]
    label = torch.cat([batch.label for batch in view.train_dataloader()])
    assert (label == 1).sum() == (everything == 1).sum() > 0
    assert (label == 0).sum() == 4 * (label == 1).sum()
    fewer = ready(
        store, split=split, benign_share=0.8, train_days=20, val_days=7, contents=0, batch_size=1000
    )
    batch = next(iter(fewer.train_dataloader()))
    assert (len(batch.label), batch.label.sum()) == (20, 4)
    loader = fewer.val_dataloader()
    assert not isinstance(loader, list)
    assert len(next(iter(loader)).unit) == 7
    assert sum(len(batch.unit) for batch in fewer.test_dataloader()) == len(fewer.part("val", "test"))
    assert fewer.hours is not None
    assert view.hours is not None
    assert fewer.hours == view.hours


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    label = np.array([0.0] * 50 + [1.0] * 10, dtype=np.float32)
    assert np.array_equal(draw_balanced(label, 0.5, None, 3), draw_balanced(label, 0.5, None, 3))
    assert not np.array_equal(draw_balanced(label, 0.5, None, 3), draw_balanced(label, 0.5, None, 4))
    assert len(draw_balanced(label, None, None, 3)) == 60
    assert len(draw_balanced(label, None, 12, 3)) == 12
    assert len(draw_balanced(label, 0.99, None, 3)) == 60  # there are no more harmless ones
    assert set(label[draw_balanced(1 - label, None, 3, 3)]) == {0.0, 1.0}
    rare = draw_balanced(label, 0.9, 2, 3)
    assert label[rare].tolist() == [0.0, 1.0]


def test_a_draw_keeps_the_kinds_in_proportion() -> None:
    label = np.array([0.0] * 50 + [1.0] * 10 + [np.nan] * 40, dtype=np.float32)
    sample = label[draw_balanced(label, None, 20, 3)]
    assert [(sample == 1).sum(), (sample == 0).sum(), np.isnan(sample).sum()] == [2, 10, 8]


def test_days_that_are_not_scored_count_as_unused_whatever_else_the_store_holds(store: Path) -> None:
    view = ready(store, scored_share=0.3, contents=0)
    everything, trains = view.part("val", "test"), view.part("train")
    view.setup("test")
    scored_units = torch.cat([batch.unit for batch in view.test_dataloader()]).tolist()
    assert set(scored_units) < set(everything.tolist())
    assert 0.2 < len(scored_units) / len(everything) < 0.4
    assert len(view.part("unused")) == len(everything) - len(scored_units)
    assert view.part("train").tolist() == trains.tolist()
    assert "about 30% of validation and test days are scored" in view.leaks
    other = ready(store, scored_share=0.3, contents=0, seed=5)
    other.setup("test")
    assert other.units.equals(view.units)
    all_days = view.units.filter(pl.col("part").is_in(["val", "test"])).select("user", "start")
    view.units = ready(store, contents=0).units[len(other.units) // 2 :]
    all_units = set(view.units.select("user", "start").rows())
    fewer = leave_unused(view.units, 0.3)
    fewer_days = fewer.filter(pl.col("part").is_in(["val", "test"])).select("user", "start")
    assert set(fewer_days.rows()) == set(all_days.rows()) & all_units != set()


def test_a_share_without_labels_is_refused(small: Path) -> None:
    with pytest.raises(InputError, match="let the split show labels"):
        ready(small, benign_share=0.8).train_dataloader()


def test_labels_reach_batches_only_where_the_split_shows_them(store: Path) -> None:
    view = ready(store, split=RICH, contents=0)
    assert set(full_batch(view, "train").label.tolist()) == {0.0, 1.0}
    assert view.rows(view.part("train")).labels.sum() == full_batch(view, "train").label.sum()
    assert full_batch(view, "test").label.isnan().all()
    view.setup("test")
    assert full_batch(view, "val", "test").label.isnan().all()


def test_what_was_learned_travels_as_plain_types(small: Path, tmp_path: Path) -> None:
    fitted, view = ready(small), Narratives(small, DATES)
    torch.save(fitted.state_dict(), tmp_path / "state.pt")
    view.setup("predict")
    with pytest.raises(InputError, match="fit first, or give a checkpoint with --ckpt_path"):
        view.predict_dataloader()
    view.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert set(view.units["part"]) == {"predict"}
    assert full_batch(view, "predict").narrative == full_batch(fitted, "train", "val", "test").narrative
    with pytest.raises(InputError, match="leave these options as they were"):
        Narratives(small, DATES, style="plain").load_state_dict(fitted.state_dict())


def test_hours_without_training_days_are_refused(small: Path) -> None:
    with pytest.raises(InputError, match="leaves no training unit"):
        ready(small, split=Dates(date(2009, 1, 1), date(2009, 1, 2)))


@pytest.mark.parametrize(
    "settings",
    [
        {"sentences": 0},
        {"names": 0},
        {"contents": -1},
        {"benign_share": 1.0},
        {"train_days": 1},
        {"val_days": 0},
        {"scored_share": 0.0},
    ],
)
def test_numbers_out_of_range_are_refused(small: Path, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        Narratives(small, DATES, **settings)  # type: ignore[arg-type]


def test_a_unit_is_explained_by_its_own_sentences_only(small: Path) -> None:
    view = ready(small)
    names = ("Opened a file.", "Sent an email.")
    cells = {
        unit: Explanation(torch.tensor(parts), torch.zeros(2), names)
        for unit, parts in enumerate(([0.5, 0.0], [0.0, -0.25]))
    }
    result = view.explanations(pl.DataFrame({"unit": [0, 1], "score": [2.0, 1.0]}), cells)
    assert result.select("feature", "part").rows() == [("Opened a file.", 0.5), ("Sent an email.", -0.25)]


def test_what_leaks_is_what_the_split_leaks(small: Path) -> None:
    assert Narratives(small, DATES).leaks == DATES.leaks
