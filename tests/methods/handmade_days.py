"""Days of random counts, to compare methods with their libraries."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods import Method
from itd_lightning.methods.bases.gathering import Gathering


def score_of(method: Method[DayBatch], batch: DayBatch) -> Float[Tensor, " b"]:
    """Score in one piece."""
    method.eval()
    with torch.no_grad():
        return method.score(batch)


def days_of(features: Float[Tensor, "b f"]) -> DayBatch:
    """Return days without a past."""
    count = len(features)
    nothing = torch.zeros(count, 0, features.shape[1])
    numbers = torch.arange(count)
    has_past = torch.zeros(count, 0, dtype=torch.bool)
    return DayBatch(features, nothing, has_past, numbers, numbers * torch.nan)


def fit_and_score(
    method: Gathering[DayBatch], table: tuple[Tensor, Tensor, Tensor]
) -> Float[np.ndarray, " b"]:
    """Fit the training days of a table, and return the scores of its other days."""
    features, malicious, days = table
    method.fit(days_of(features)._replace(label=malicious.float()))
    return score_of(method, days_of(days)).numpy()
