"""Tests of XGBoost beside its own classifier."""

import numpy as np
import pytest
from torch import Tensor

from itd_lightning.methods import XgboostTrees
from tests.methods.handmade_days import fit_and_score


def test_xgboost_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    xgboost = pytest.importorskip("xgboost")
    features, malicious, days = table
    balance = float((~malicious).sum() / malicious.sum())
    model = xgboost.XGBClassifier(
        n_estimators=20,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.5,
        scale_pos_weight=balance,
        random_state=0,
        n_jobs=1,
    )
    model.fit(features.numpy(), malicious.numpy())
    scores = fit_and_score(XgboostTrees(trees=20), table)
    np.testing.assert_allclose(scores, model.predict(days.numpy(), output_margin=True), rtol=1e-5, atol=1e-6)
