"""Tests of logistic regression beside scikit-learn's."""

import numpy as np
import pytest
from torch import Tensor

from itd_lightning.methods import LogisticRegression
from tests.methods.handmade_days import fit_and_score


def test_logistic_regression_scores_as_its_library(table: tuple[Tensor, Tensor, Tensor]) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    features, malicious, days = (part.double().numpy() for part in table)
    model = linear.LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced").fit(features, malicious)
    scores = fit_and_score(LogisticRegression(), table)
    np.testing.assert_allclose(scores, model.decision_function(days), rtol=1e-5, atol=1e-6)
