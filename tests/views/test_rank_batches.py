"""How batches are split over the ranks of a run on several devices."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.utils.data import BatchSampler, SequentialSampler

from itd_lightning.contracts.errors import InputError
from itd_lightning.splits import Chronological
from itd_lightning.views import View, Windows
from itd_lightning.views.base import EpochShuffle
from itd_lightning.views.rank_batches import RankBatches


def sampler(rows: int, shuffled: bool = False) -> BatchSampler:
    order = EpochShuffle(rows, seed=0) if shuffled else SequentialSampler(range(rows))
    return BatchSampler(order, 4, drop_last=False)


def test_ranks_score_each_batch_of_one_device_once() -> None:
    shares = [RankBatches(sampler(41), 3, rank, even=False) for rank in range(3)]
    assert sorted(batch for share in shares for batch in share) == list(sampler(41))
    assert [len(share) for share in shares] == [len(list(share)) for share in shares]


def test_ranks_train_on_as_many_batches_and_on_all_of_them() -> None:
    shares = [RankBatches(sampler(41, shuffled=True), 3, rank, even=True) for rank in range(3)]
    batches = [list(share) for share in shares]
    assert [len(share) for share in shares] == [len(batch_list) for batch_list in batches] == [4, 4, 4]
    assert {row for batch_list in batches for batch in batch_list for row in batch} == set(range(41))


def test_the_epoch_reaches_what_shuffles() -> None:
    share = RankBatches(sampler(41, shuffled=True), 2, 0, even=True)
    first = list(share)
    share.set_epoch(1)
    assert list(share) != first
    share.set_epoch(0)
    assert list(share) == first


def test_an_epoch_that_is_said_after_the_iterator_was_made_counts() -> None:
    share = RankBatches(sampler(41, shuffled=True), 2, 0, even=True)
    first, made = list(share), iter(share)
    share.set_epoch(1)
    assert list(made) != first


def test_a_rank_without_a_batch_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"2 batches cannot be split over 3 devices: use --trainer.devices 1"
    ):
        RankBatches(sampler(8), 3, 0, even=False)


def windows(store: Path, ranks: int, rank: int) -> View:
    view = Windows(store, Chronological(val_share=0.2))
    view.prepare_data()
    view.setup("fit")
    view.trainer = SimpleNamespace(world_size=ranks, global_rank=rank)  # type: ignore[assignment]
    return view


def test_the_loaders_of_all_ranks_hold_each_unit_of_the_view_once(store: Path) -> None:
    batch_list = [
        unit
        for rank in range(3)
        for batch in windows(store, 3, rank).test_dataloader()
        for unit in batch.unit
    ]
    view = windows(store, 1, 0)
    assert sorted(int(unit) for unit in batch_list) == view.part("val", "test").tolist()
    assert len(batch_list) == view.count_scores("val", "test")


def test_batches_get_smaller_where_there_are_fewer_than_devices(store: Path) -> None:
    view = windows(store, 3, 0)
    view.loading = view.loading._replace(batch_size=10_000)
    rows = len(view.part("val", "test"))
    (batch,) = view.test_dataloader()
    assert len(batch.unit) == -(-rows // 3)
