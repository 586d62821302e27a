"""Tests of LAN, beside those of all methods on days."""

from pathlib import Path

import torch

from itd_lightning.methods import LAN
from itd_lightning.methods.lan import first_rows, weighted_cosine
from itd_lightning.views import Days
from tests.methods.test_day_methods import ADAM, fit


def test_distant_nodes_are_no_neighbours_and_each_is_its_own() -> None:
    nodes = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]])
    likeness = weighted_cosine(nodes, torch.ones(2, 2), threshold=0.5)
    torch.testing.assert_close(likeness, torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]))


def test_equal_histories_are_pooled_once() -> None:
    assert first_rows(torch.tensor([[1.0], [0.0], [1.0], [2.0], [0.0]])).tolist() == [0, 1, 3]


def test_lan_meets_harmless_days_only_and_in_training_never_itself(days_view: Days, tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = LAN(ADAM, width=8, layers=1, heads=2, neighbours=3, pool=32, dropout=0.0)
    fit(method, days_view, tmp_path)
    pooled = method.pool_unit[method.pool_unit >= 0]
    assert len(pooled) > 10
    assert (days_view.label[pooled.numpy()] == 0).all()
    rows = days_view.rows("train")
    place = int((rows.part == pooled[0]).nonzero()[0])
    method.eval()
    with torch.no_grad():
        near, _ = method.graph(rows[place])
        method.train()
        far, _ = method.graph(rows[place])
    torch.testing.assert_close(near[0, 1], near[0, 0])
    assert not torch.allclose(far[0, 1], far[0, 0])
