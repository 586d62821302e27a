"""Tests of the base of methods without gradients."""

import pytest
import torch

from itd_lightning.contracts.batches import DayBatch, NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.gathering import join_batches, load_library, sample_rows


def test_days_of_several_batches_are_joined_in_the_order_of_their_units() -> None:
    unit = torch.tensor([3, 0, 2])
    one = DayBatch(unit[:, None] * 1.0, torch.zeros(3, 0, 1), torch.zeros(3, 0) > 0, unit, unit * 0.5)
    two = DayBatch(*(column[:1] for column in one))._replace(
        features=torch.ones(1, 1), unit=torch.tensor([1]), label=torch.tensor([0.5])
    )
    days = join_batches([one, two])
    assert days.unit.tolist() == days.features[:, 0].tolist() == [0, 1, 2, 3]
    assert days.label.tolist() == [0.0, 0.5, 1.0, 1.5]


def test_narratives_of_several_batches_are_joined_in_the_order_of_their_units() -> None:
    one = NarrativeBatch(["c", "a"], [["x"], []], torch.tensor([2, 0]), torch.tensor([1.0, 0.0]))
    two = NarrativeBatch(["b"], [["y", "z"]], torch.tensor([1]), torch.tensor([torch.nan]))
    days = join_batches([one, two])
    assert days.narrative == ("a", "b", "c")
    assert days.contents == ([], ["y", "z"], ["x"])
    assert days.label[[0, 2]].tolist() == [0.0, 1.0]


def test_a_sample_holds_the_days_to_keep() -> None:
    features, keep = torch.zeros(100, 1), torch.arange(100) >= 90
    sample = sample_rows(features, 15, seed=0, keep=keep)
    assert int(sample.sum()) == 15
    assert sample[keep].all()
    assert torch.equal(sample, sample_rows(features, 15, seed=0, keep=keep))
    assert sample_rows(features, 1000, seed=0).all()


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(InputError, match=r"needs nothere: pip install 'itd-lightning\[baselines\]'"):
        load_library("nothere.svm")
