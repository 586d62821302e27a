"""Tests of TfidfLogistic beside scikit-learn."""

from pathlib import Path

import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods import TfidfLogistic
from tests.handmade_narratives import HandMade, days
from tests.methods.test_narrative_methods import fit


def test_words_score_as_the_library_does(tmp_path: Path) -> None:
    method = TfidfLogistic(places=2**10)
    fit(method, tmp_path)
    data = HandMade()
    train = NarrativeBatch(
        [*data.train[0].narrative, *data.train[1].narrative],
        [*data.train[0].contents, *data.train[1].contents],
        torch.arange(18),
        torch.cat([batch.label for batch in data.train]),
    )
    weigh = TfidfTransformer()
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
    model.fit(weigh.fit_transform(method.counts(train)), train.label.numpy())
    batch = days(6, 40)
    expected = model.decision_function(weigh.transform(method.counts(batch)))
    assert torch.allclose(method.score(batch), torch.tensor(expected).float(), atol=1e-4)
