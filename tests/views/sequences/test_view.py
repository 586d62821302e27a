"""What the view of sequences promises."""

import warnings
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits import Dates
from itd_lightning.store.key import Key
from itd_lightning.store.read import Store
from itd_lightning.views import Sequences
from itd_lightning.views.sequences.dataset import SequenceDataset

DATES = (date(2010, 3, 1), date(2010, 3, 15))


def view(store: Path, stage: str = "fit", **settings: object) -> Sequences:
    """Return the view of the slice, set up."""
    view_ = Sequences(store, Dates(*DATES, shown=["train", "val"]), **settings)  # type: ignore[arg-type]
    view_.prepare_data()
    view_.setup(stage)
    view_.rows()
    return view_


@pytest.fixture(scope="module")
def sessions(store: Path) -> Sequences:
    """Return the sessions of the slice."""
    return view(store, batch_size=16, malicious=4, budget=4096)


def dataset(lengths: list[int], chunk: int, overlap: int) -> SequenceDataset:
    """Return a dataset of sequences whose tokens are their places, from 2 on."""
    length = np.array(lengths)
    tokens = np.arange(2, 2 + length.sum(), dtype=np.int16)
    return SequenceDataset(
        tokens, length.cumsum() - length, length, np.zeros(len(length), np.float32), chunk, overlap
    )


def test_each_event_is_one_behaviour(sessions: Sequences, store: Path) -> None:
    events = Store(store).scan().select(pl.len()).collect().item()
    assert len(sessions.rows().tokens) == events == sessions.length.sum()
    blocks = [rows for _, rows in sessions.unit_rows(np.arange(events))]
    all_rows = pl.concat(blocks)
    assert sorted(all_rows["event_id"]) == sorted(
        Store(store).scan().select("event_id").collect().to_series()
    )


@pytest.mark.parametrize(("chunk", "overlap"), [(8, 4), (7, 2), (5, 0), (100, 10)])
def test_every_behaviour_counts_once_in_the_row_that_knows_most_around_it(chunk: int, overlap: int) -> None:
    rows = dataset([30, 1, 8, 9, 5], chunk, overlap)[[0, 1, 2, 3, 4]]
    behaviours = rows.behaviour[rows.is_counted]
    assert sorted(behaviours.tolist()) == list(range(53))
    assert (rows.tokens[rows.is_counted] == behaviours + 2).all()
    assert (rows.tokens == 0).sum() == (rows.lengths[:, None] <= torch.arange(rows.tokens.shape[1])).sum()
    assert rows.lengths.max() <= chunk
    if chunk > 8:
        return
    place = torch.arange(rows.tokens.shape[1]).expand_as(rows.tokens)
    inner = rows.is_counted & (rows.sequence == 0)[:, None]
    firsts = rows.behaviour.masked_fill(~rows.is_counted, 10**6).min(dim=1).values
    later = inner & (firsts > 0)[:, None]  # rows that continue a sequence
    assert (place[later] >= overlap // 2).all()


def test_rows_of_a_sequence_share_a_batch(store: Path) -> None:
    chunked = view(store, chunk=32, overlap=8, budget=64, batch_size=8)
    for loader in (chunked.train_dataloader(), chunked.val_dataloader(), chunked.test_dataloader()):
        sequences_seen: set[int] = set()
        for batch in loader:
            assert isinstance(batch, SequenceBatch)
            current = set(batch.sequence.tolist())
            assert not current & sequences_seen
            sequences_seen |= current
            for number in current:
                assert int(batch.is_counted[batch.sequence == number].sum()) == chunked.length[number]


def test_a_session_of_30_000_behaviours_is_one_batch() -> None:
    rows = dataset([30_000], 512, 64)[[0]]
    assert rows.tokens.shape == (67, 512)
    assert int(rows.is_counted.sum()) == 30_000


def test_training_batches_mix_normal_and_malicious_sequences(sessions: Sequences) -> None:
    loader = sessions.train_dataloader()
    for batch in loader:
        owners = batch.bags()[1]
        assert 0 < (owners == 1).sum() <= 4
        assert 0 < (owners == 0).sum() <= 16
    assert set(sessions.units["part"].gather(sessions.part("train"))) == {"train"}


def test_labels_are_those_that_the_split_shows(store: Path, sessions: Sequences) -> None:
    assert np.isnan(sessions.label[sessions.part("test")]).all()
    assert set(sessions.label[sessions.part("train")]) == {0.0, 1.0}
    silent = Sequences(store, Dates(*DATES))
    silent.setup("fit")
    assert np.isnan(silent.label).all()
    tested = Sequences(store, Dates(*DATES, shown=["train", "val"]))
    tested.load_state_dict(sessions.state_dict())
    tested.setup("test")
    assert np.isnan(tested.label).all()


def test_a_session_is_malicious_by_what_it_holds_not_by_when_it_is(tmp_path: Path) -> None:
    """Two sessions of one user run side by side; the one that holds the malicious event is shown as such."""
    from itd_lightning.splits import base

    moments = [datetime(2010, 3, 1, hour) for hour in (8, 9, 10, 11, 12)]
    units = pl.DataFrame({"user": ["ann"] * 2, "start": moments[:2], "end": moments[3:]})
    units = units.with_columns(part=pl.lit("train").cast(UNITS["part"]))
    key = Key(
        pl.DataFrame({"user": ["ann"], "scenario": [1], "start": [moments[2]], "end": [moments[2]]}),
        pl.DataFrame({"user": ["ann"], "scenario": [1], "time": [moments[2]], "event_id": ["bad"]}),
    )
    events_of_units = pl.DataFrame({"user": ["ann"] * 3, "event_id": ["x", "bad", "y"], "unit": [0, 1, 1]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "read_key", lambda _: key)
        labels = Dates(*DATES, shown=["train"]).shown_labels(units, tmp_path, [events_of_units])
    assert labels.to_list() == [False, True]


def test_another_meaning_of_tokens_than_was_fitted_is_refused(store: Path, sessions: Sequences) -> None:
    for other in (
        Sequences(store, Dates(*DATES), factors=["kind"]),
        Sequences(store, Dates(*DATES), unit="day"),
    ):
        with pytest.raises(InputError, match="leave these options as they were"):
            other.load_state_dict(sessions.state_dict())


def test_no_label_of_a_behaviour_reaches_a_batch(
    store: Path, sessions: Sequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moving a sequence's malicious event to another one of it changes nothing that a method sees."""
    from itd_lightning.splits import base

    everything = pl.concat([rows for _, rows in sessions.unit_rows(np.arange(len(sessions.rows().tokens)))])
    first = everything.group_by("user", "sequence", maintain_order=True).agg(
        other_id=pl.col("event_id").first(), other_time=pl.col("start").first()
    )
    true = base.read_key  # type: ignore[attr-defined]

    def move_event(path: Path) -> Key:
        key = true(path)
        where = everything.select("user", "event_id", "sequence")
        malicious_rows = key.events.join(where, on=["user", "event_id"]).join(first, on=["user", "sequence"])
        names = ["user", "scenario", pl.col("other_time").alias("time"), pl.col("other_id").alias("event_id")]
        return Key(key.campaigns, malicious_rows.select(names))

    monkeypatch.setattr(base, "read_key", move_event)
    second = view(store, batch_size=16, malicious=4, budget=4096)
    for one, other in zip(sessions.train_dataloader(), second.train_dataloader(), strict=True):
        for current, there in zip(one, other, strict=True):
            torch.testing.assert_close(current, there, equal_nan=True)


def test_the_vocabulary_is_learned_from_training_sequences(store: Path, sessions: Sequences) -> None:
    assert sessions.fitted
    train = np.repeat((sessions.units["part"] == "train").to_numpy(), sessions.length)
    counts = np.bincount(sessions.rows().tokens.numpy()[train], minlength=len(sessions.fitted.words))
    assert (counts[2:] >= sessions.least).all()
    assert (np.diff(counts[2:]) <= 0).all()
    small = view(store, vocabulary=6)
    assert small.fitted
    assert small.fitted.words == sessions.fitted.words[:6]
    assert small.rows().tokens.max() == 5
    assert (small.rows().tokens == 1).sum() > (sessions.rows().tokens == 1).sum()


def test_the_test_part_changes_nothing_that_is_fitted(store: Path, sessions: Sequences) -> None:
    shorter = Sequences(store, Dates(date(2010, 3, 1), date(2010, 3, 8), shown=["train", "val"]))
    shorter.setup("fit")
    assert shorter.fitted
    assert sessions.fitted
    assert shorter.fitted.state() == sessions.fitted.state()


@pytest.mark.slow
def test_another_process_loads_the_same_batches(store: Path) -> None:
    single, helped = view(store, budget=2048), view(store, budget=2048, num_workers=1)
    for one, other in zip(single.train_dataloader(), helped.train_dataloader(), strict=True):
        assert all(torch.equal(current, there) for current, there in zip(one[:4], other[:4], strict=True))


@pytest.mark.slow
def test_the_built_view_does_not_depend_on_the_workers(store: Path, tmp_path: Path) -> None:
    import shutil

    copied = tmp_path / "store"
    shutil.copytree(store, copied)
    shutil.rmtree(copied / "views", ignore_errors=True)
    many = Sequences(copied, Dates(*DATES), build_workers=2)
    many.prepare_data()
    single = Sequences(store, Dates(*DATES))
    single.prepare_data()
    for one, other in zip(many.shards, single.shards, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_days_hold_what_sessions_hold(store: Path, sessions: Sequences) -> None:
    days = view(store, unit="day")
    assert days.length.sum() == sessions.length.sum()
    assert (days.units["start"].dt.date() == (days.units["end"].dt.offset_by("-1us")).dt.date()).all()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"overlap": 3}, "even"),
        ({"chunk": 64, "overlap": 64}, "smaller than chunk"),
        ({"budget": 100}, "at most budget"),
        ({"factors": []}, "different factors"),
        ({"factors": ["kind", "kind"]}, "different factors"),
        ({"vocabulary": 40_000}, "32767"),
    ],
)
def test_numbers_out_of_range_are_refused(store: Path, settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Sequences(store, Dates(*DATES), **settings)  # type: ignore[arg-type]


def test_asking_for_malicious_sequences_that_nobody_shows_is_refused(store: Path) -> None:
    hidden = Sequences(store, Dates(*DATES), malicious=4)
    hidden.setup("fit")
    with pytest.raises(InputError, match="shown to be malicious"):
        hidden.train_dataloader()


def test_scoring_without_a_vocabulary_is_refused(store: Path) -> None:
    with pytest.raises(InputError, match="fit first"):
        view(store, "test")


def test_a_young_store_says_that_nothing_can_be_new(store: Path) -> None:
    sequences = view(store, "fit")
    spans = sequences.units.select("user", "start", "end")
    with pytest.warns(UserWarning, match=r"spans \d+ days, and in the first 28"):
        sequences.warn_of_short_store(spans.filter(pl.col("start") < datetime(2010, 1, 12)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sequences.warn_of_short_store(spans)


@pytest.fixture(scope="module")
def factored(store: Path) -> Sequences:
    """Return the sessions of the slice, with factored tokens."""
    return view(store, tokens="factored", vocabulary=400, site_users=4, batch_size=16, budget=4096)


def test_factored_tokens_have_a_number_for_each_factor(factored: Sequences, sessions: Sequences) -> None:
    batch = factored.rows()[[0, 1, 2]]
    words = sessions.rows()[[0, 1, 2]]
    assert batch.tokens.shape == (*words.tokens.shape, 6)
    assert ((batch.tokens == 0).all(2) == (words.tokens == 0)).all()
    inside = batch.tokens[batch.is_counted]
    blocks = (inside - 1) // 32
    assert (blocks[:, :5] == torch.arange(5)).all()
    assert (blocks[:, 5] >= 5).all()
    assert inside.max() < 400
    assert torch.equal(batch.where(torch.tensor([True, False, True])).tokens[1, :5], batch.tokens[2, :5])


def test_a_checkpoint_holds_no_domain_of_a_few_users(factored: Sequences) -> None:
    assert factored.fitted is not None
    assert factored.fitted.domains
    training = factored.units.filter(part="train")
    visits = pl.concat([pl.read_parquet(shard, glob=False) for shard in factored.shards])
    visits = visits.filter(pl.col("time") < training["end"].max(), pl.col("site").is_not_null())
    state = factored.state_dict()
    for site, rows in visits.partition_by("site", as_dict=True, include_key=True).items():
        if rows["user"].n_unique() < 4:
            assert site[0] not in {*state["sites"]["site"], *state["domains"], *state["words"]}


def test_factored_tokens_are_learned_from_training_units_only(store: Path, factored: Sequences) -> None:
    longer = Sequences(store, Dates(date(2010, 3, 1), date(2010, 4, 1)), tokens="factored", vocabulary=400)
    longer.site_users = 4
    longer.setup("fit")
    assert longer.fitted is not None
    assert factored.fitted is not None
    assert longer.fitted.words == factored.fitted.words


def test_factored_tokens_travel_with_the_checkpoint_and_words_refuse_them(
    store: Path, factored: Sequences
) -> None:
    other = Sequences(store, Dates(*DATES), tokens="factored", vocabulary=400, site_users=4)
    other.load_state_dict(factored.state_dict())
    other.setup("test")
    assert np.array_equal(other.rows().tokens, factored.rows().tokens)
    with pytest.raises(InputError, match="leave these options as they were"):
        Sequences(store, Dates(*DATES)).load_state_dict(factored.state_dict())


def test_a_checkpoint_of_before_other_kinds_of_tokens_has_words(store: Path, sessions: Sequences) -> None:
    state = {
        name: value for name, value in sessions.state_dict().items() if name not in ("tokens", "domains")
    }
    other = Sequences(store, Dates(*DATES))
    other.load_state_dict(state)
    assert other.fitted is not None
    assert other.fitted.words == state["words"]
    with pytest.raises(InputError, match="leave these options as they were"):
        Sequences(store, Dates(*DATES), tokens="factored").load_state_dict(state)


def test_tokens_that_cannot_be_are_refused(store: Path) -> None:
    split = Dates(*DATES)
    with pytest.raises(ValueError, match="leave factors out"):
        Sequences(store, split, tokens="activity_hour", factors=["kind"])
    with pytest.raises(ValueError, match="need a vocabulary of 163 or more"):
        Sequences(store, split, tokens="factored", vocabulary=100)
