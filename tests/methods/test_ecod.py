"""Tests of ECOD, by its definition."""

import numpy as np
from torch import Tensor

from itd_lightning.methods import ECOD
from tests.methods.handmade_days import fit_and_score


def test_ecod_scores_by_its_definition(table: tuple[Tensor, Tensor, Tensor]) -> None:
    features, _, days = (part.double().numpy() for part in table)
    skew = ((features - features.mean(axis=0)) ** 3).mean(axis=0)
    expected = []
    for day in days:
        others = np.vstack([features, day])
        left = [-np.log(np.mean(others[:, place] <= day[place])) for place in range(6)]
        right = [-np.log(np.mean(others[:, place] >= day[place])) for place in range(6)]
        both = [left[place] if skew[place] < 0 else right[place] for place in range(6)]
        expected.append(max(sum(left), sum(right), sum(both)))
    np.testing.assert_allclose(fit_and_score(ECOD(), table), expected, rtol=1e-5)
