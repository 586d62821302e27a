"""Isolation forest: a day is anomalous when few random cuts set it apart from all others.

Axes: B days, N training days, F features, T trees, K nodes of the largest tree.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.bases.gathering import Gathering, load_library


def usual_depth(days: Int[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return the mean depth of an unsuccessful search among so many days; equation 1 of the paper."""
    n = days.double()
    depth = 2 * ((n - 1).clamp(min=1).log() + np.euler_gamma) - 2 * (n - 1) / n
    return torch.where(days > 2, depth, (days == 2).double())


class IsolationForest(Gathering[DayBatch]):
    """Isolation forest, fitted by scikit-learn and kept as arrays of nodes.

    Args:
        trees: Number of trees T.
        days: Training days that each tree is grown on, drawn without replacement; fewer if there are fewer.
        features: Share of the features that each tree may cut.
        seed: Of the draws and cuts.

    Source:
        Liu, Ting and Zhou, ICDM 2008, doi:10.1109/ICDM.2008.17; the defaults are the paper's.
    """

    def __init__(self, trees: int = 100, days: int = 256, features: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.trees, self.days, self.share, self.seed = trees, days, features, seed
        for name in ("left", "right", "feature", "inside"):
            self.register_buffer(name, torch.zeros(1, 1, dtype=torch.int64))
        self.register_buffer("cut", torch.zeros(1, 1, dtype=torch.float64))
        self.register_buffer("height", torch.zeros(1, dtype=torch.int64))
        self.left: Tensor
        self.right: Tensor
        self.feature: Tensor
        self.inside: Tensor
        self.cut: Tensor
        self.height: Tensor

    def fit(self, days: DayBatch) -> None:
        """Grow the forest; labels play no part."""
        forest = load_library("sklearn.ensemble").IsolationForest(
            n_estimators=self.trees,
            max_samples=min(self.days, len(days.features)),
            max_features=self.share,
            random_state=self.seed,
        )
        forest.fit(days.features.numpy())
        trees = [tree.tree_ for tree in forest.estimators_]
        nodes = max(tree.node_count for tree in trees)

        def stack_nodes(name: str, kind: type) -> np.ndarray:
            rows = [getattr(tree, name) for tree in trees]
            return np.stack([np.pad(row, (0, nodes - len(row))) for row in rows]).astype(kind)

        left, right = stack_nodes("children_left", np.int64), stack_nodes("children_right", np.int64)
        itself = np.broadcast_to(np.arange(nodes), left.shape)  # a leaf leads to itself
        features = [
            columns[tree.feature.clip(0)]
            for tree, columns in zip(trees, forest.estimators_features_, strict=True)
        ]
        self.fill_buffers(
            left=np.where(left < 0, itself, left),
            right=np.where(left < 0, itself, right),
            feature=np.stack([np.pad(row, (0, nodes - len(row))) for row in features]).astype(np.int64),
            inside=stack_nodes("n_node_samples", np.int64),
            cut=stack_nodes("threshold", np.float64),
            height=np.array([max(tree.max_depth for tree in trees)]),
        )

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by 2 to the power of minus their depth over the usual one; equation 2 of the paper."""
        values = batch.features.double()
        trees = torch.arange(len(self.left), device=values.device)[:, None]
        node = torch.zeros(len(trees), len(values), dtype=torch.int64, device=values.device)
        depth = torch.zeros_like(node)
        for _ in range(int(self.height)):
            feature = self.feature[trees, node]
            goes_left = values.T.gather(0, feature) <= self.cut[trees, node]
            below = torch.where(goes_left, self.left[trees, node], self.right[trees, node])
            depth += below != node
            node = below
        inside = self.inside[trees, node]
        length = (depth + usual_depth(inside)).mean(dim=0)
        return (-math.log(2) * length / usual_depth(self.inside[0, 0])).exp().float()
