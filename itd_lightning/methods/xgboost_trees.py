"""XGBoost: a day is anomalous when boosted trees, grown on labelled days, take it for malicious.

Axes: B days, N training days, F features.
"""

from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.bases.gathering import Gathering, labelled_days, load_library


class XgboostTrees(Gathering[DayBatch]):
    """Gradient-boosted trees, kept as the bytes of XGBoost's own format (UBJSON).

    Malicious and harmless days weigh the same in training, however few are malicious.

    Args:
        trees: Number of trees.
        depth: Most cuts on the way to a leaf.
        rate: Share of each tree that counts.
        rows: Share of the training days that each tree is grown on.
        columns: Share of the features that each tree may cut.
        seed: Of these draws.

    Source:
        Chen and Guestrin, KDD 2016, doi:10.1145/2939672.2939785. The papers that compare with it name no
        settings; these are XGBoost's own but for the number and the rate of the trees and for the shares.
    """

    def __init__(
        self,
        trees: int = 300,
        depth: int = 6,
        rate: float = 0.05,
        rows: float = 0.8,
        columns: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.trees, self.depth, self.rate = trees, depth, rate
        self.row_share, self.columns, self.seed = rows, columns, seed
        self.register_buffer("model", torch.zeros(0, dtype=torch.uint8))
        self.model: Tensor

    def fit(self, days: DayBatch) -> None:
        """Grow the trees."""
        features, malicious = labelled_days(days)
        xgboost = load_library("xgboost")
        balance = float((~malicious).sum() / malicious.sum())
        settings = {
            "objective": "binary:logistic",
            "max_depth": self.depth,
            "eta": self.rate,
            "subsample": self.row_share,
            "colsample_bytree": self.columns,
            "scale_pos_weight": balance,
            "seed": self.seed,
            "nthread": torch.get_num_threads(),
        }
        data = xgboost.DMatrix(features.numpy(), malicious.float().numpy())
        booster = xgboost.train(settings, data, num_boost_round=self.trees)
        self.fill_buffers(model=torch.frombuffer(booster.save_raw("ubj"), dtype=torch.uint8))
        self.__dict__.pop("booster", None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drop trees of other bytes."""
        super().on_load_checkpoint(checkpoint)
        self.__dict__.pop("booster", None)

    @cached_property
    def booster(self) -> Any:  # noqa: ANN401 - of a library without types
        """Return the trees as XGBoost's own object."""
        return load_library("xgboost").Booster(model_file=bytearray(self.model.cpu().numpy().tobytes()))

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the log-odds of being malicious."""
        margin = self.booster.inplace_predict(batch.features.cpu().numpy(), predict_type="margin")
        return torch.from_numpy(margin).to(batch.features.device)

    def explain(self, batch: DayBatch) -> Explanation:
        """Return how each feature moves the log-odds on the way down the trees (Saabas, which is fast)."""
        data = load_library("xgboost").DMatrix(batch.features.cpu().numpy())
        contributions = self.booster.predict(data, pred_contribs=True, approx_contribs=True)
        parts = torch.from_numpy(contributions[:, :-1].copy())  # the last one is the constant
        return Explanation(parts, torch.zeros_like(parts))
