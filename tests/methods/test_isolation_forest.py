"""Tests of the isolation forest beside scikit-learn's."""

import numpy as np
import pytest
import torch
from torch import Tensor

from itd_lightning.methods import IsolationForest
from itd_lightning.methods.isolation_forest import usual_depth
from tests.methods.handmade_days import fit_and_score


def test_the_isolation_forest_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = ensemble.IsolationForest(n_estimators=20, max_samples=256, random_state=3).fit(table[0].numpy())
    scores = fit_and_score(IsolationForest(trees=20, seed=3), table)
    np.testing.assert_allclose(scores, -forest.score_samples(table[2].numpy()), rtol=1e-6)


def test_an_isolation_forest_may_cut_a_share_of_the_features(table: tuple[Tensor, Tensor, Tensor]) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = ensemble.IsolationForest(n_estimators=9, max_samples=64, max_features=0.5, random_state=3)
    expected = -forest.fit(table[0].numpy()).score_samples(table[2].numpy())
    scores = fit_and_score(IsolationForest(trees=9, days=64, features=0.5, seed=3), table)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_the_usual_depth_is_that_of_the_paper() -> None:
    harmonic = np.log(255) + np.euler_gamma
    expected = [0, 0, 1, 2 * (np.log(2) + np.euler_gamma) - 4 / 3, 2 * harmonic - 2 * 255 / 256]
    assert usual_depth(torch.tensor([0, 1, 2, 3, 256])).tolist() == pytest.approx(expected)
