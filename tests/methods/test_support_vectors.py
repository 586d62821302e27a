"""Tests of the support vector machines beside scikit-learn's."""

import numpy as np
import pytest
from torch import Tensor

from itd_lightning.methods import SVM, OneClassSVM
from tests.methods.handmade_days import fit_and_score


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_support_vector_machines_score_as_their_library(
    kernel: str, table: tuple[Tensor, Tensor, Tensor]
) -> None:
    machines = pytest.importorskip("sklearn.svm")
    features, malicious, days = (part.double().numpy() for part in table)
    one = machines.OneClassSVM(nu=0.1, kernel=kernel, gamma="scale").fit(features)
    scores = fit_and_score(OneClassSVM(nu=0.1, kernel=kernel), table)  # type: ignore[arg-type]
    np.testing.assert_allclose(scores, -one.decision_function(days), rtol=1e-4, atol=1e-5)
    two = machines.SVC(C=2.0, kernel=kernel, gamma="scale", class_weight="balanced").fit(features, malicious)
    scores = fit_and_score(SVM(cost=2.0, kernel=kernel), table)  # type: ignore[arg-type]
    np.testing.assert_allclose(scores, two.decision_function(days), rtol=1e-4, atol=1e-5)
