"""Logistic regression: a day is anomalous when a weighted sum of its features is high.

Axes: B days, N training days, F features.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.bases.gathering import Gathering, labelled_days, load_library


class LogisticRegression(Gathering[DayBatch]):
    """Logistic regression with a penalty on squared weights, fitted by scikit-learn.

    Malicious and harmless days weigh the same in training, however few are malicious.

    Args:
        cost: Inverse C of the penalty.
        iterations: Most steps of the solver.
    """

    def __init__(self, cost: float = 0.1, iterations: int = 2000) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.cost, self.iterations = cost, iterations
        self.register_buffer("weights", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("offset", torch.zeros((), dtype=torch.float64))
        self.weights: Tensor
        self.offset: Tensor

    def fit(self, days: DayBatch) -> None:
        """Fit the weights."""
        features, malicious = labelled_days(days)
        model = load_library("sklearn.linear_model").LogisticRegression(
            C=self.cost, max_iter=self.iterations, class_weight="balanced"
        )
        model.fit(features.double().numpy(), malicious.numpy())
        self.fill_buffers(weights=model.coef_[0], offset=model.intercept_[0])

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the log-odds of being malicious."""
        return (batch.features.double() @ self.weights + self.offset).float()

    def explain(self, batch: DayBatch) -> Explanation:
        """Return each feature times its weight."""
        parts = (batch.features.double() * self.weights).float()
        return Explanation(parts, torch.zeros_like(parts))
