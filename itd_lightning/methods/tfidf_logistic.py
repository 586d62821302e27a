"""Logistic regression on TF-IDF: a day is anomalous when its words are those of attacks.

Axes: B days, V places of words.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.gathering import ONE_CLASS, Gathering, load_library
from itd_lightning.methods.bases.narrative_texts import distinct_texts
from itd_lightning.nn.language.prompts import clean


class TfidfLogistic(Gathering[NarrativeBatch]):
    """Logistic regression on weighted counts of words and pairs of words, fitted by scikit-learn.

    The row that a language model must clear before anybody says that it understands. Words are hashed, so
    that a checkpoint holds none.

    Args:
        contents: Read contents beside the narrative.
        places: Number V of hashed places.
        cost: Inverse C of the penalty.
        iterations: Most steps of the solver.
    """

    def __init__(
        self, contents: bool = True, places: int = 2**16, cost: float = 10.0, iterations: int = 1000
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.contents, self.places, self.cost, self.iterations = contents, places, cost, iterations
        self.register_buffer("rarity", torch.ones(0, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("offset", torch.zeros((), dtype=torch.float64))
        self.rarity: Tensor
        self.weights: Tensor
        self.offset: Tensor

    def counts(self, batch: NarrativeBatch) -> Any:  # noqa: ANN401 - a sparse matrix of SciPy
        """Return the counts of words and pairs of words of each day."""
        hashing = load_library("sklearn.feature_extraction.text").HashingVectorizer(
            n_features=self.places,
            ngram_range=(1, 2),
            alternate_sign=False,
            norm=None,
            token_pattern=r"[^\s,;()]+",
        )
        return hashing.transform(
            [self.text(*day) for day in zip(batch.narrative, batch.contents, strict=True)]
        )

    def text(self, narrative: str, contents: Sequence[str]) -> str:
        """Return the whole text of a day."""
        return clean("\n".join([narrative, *distinct_texts(contents)] if self.contents else [narrative]))

    def weigh_counts(self, batch: NarrativeBatch) -> Any:  # noqa: ANN401 - a sparse matrix of SciPy
        """Return counts times rarity, each day's scaled to length 1."""
        weighted = self.counts(batch).multiply(self.rarity.cpu().numpy()).tocsr()
        return load_library("sklearn.preprocessing").normalize(weighted)

    def fit(self, days: NarrativeBatch) -> None:
        """Fit rarities and weights."""
        labelled = [row for row, label in enumerate(days.label.tolist()) if label == label]
        if len(days.label[labelled].unique()) < 2:
            raise InputError(ONE_CLASS)
        days_with_word = torch.as_tensor((self.counts(days) > 0).sum(axis=0)).flatten().double()
        self.rarity = torch.log((1 + len(days.unit)) / (1 + days_with_word)) + 1  # as TfidfTransformer has it
        model = load_library("sklearn.linear_model").LogisticRegression(
            C=self.cost, max_iter=self.iterations, class_weight="balanced"
        )
        model.fit(self.weigh_counts(days)[labelled], days.label[labelled].numpy())
        self.weights = torch.as_tensor(model.coef_[0])
        self.offset = torch.as_tensor(model.intercept_[0])

    def score(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Score days by the log-odds of being malicious."""
        scores = self.weigh_counts(batch) @ self.weights.cpu().numpy() + float(self.offset)
        return torch.as_tensor(scores).float().to(self.device)
