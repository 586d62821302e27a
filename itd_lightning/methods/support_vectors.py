"""Support vector machines, of one class and of two: a day scores by its distance to a surface.

Axes: B days, N training days, F features, S support vectors.
"""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.methods.bases.gathering import Gathering, labelled_days, load_library, sample_rows

_Kernel = Literal["rbf", "linear"]


def _kernel_values(
    days: Float[Tensor, "b f"], vectors: Float[Tensor, "s f"], kernel: _Kernel, gamma: Float[Tensor, ""]
) -> Float[Tensor, "b s"]:
    """Return the kernel of days and support vectors: their product, or exp(-gamma * squared distance)."""
    product = days @ vectors.T
    if kernel == "linear":
        return product
    squares = days.square().sum(dim=1)[:, None] + vectors.square().sum(dim=1) - 2 * product
    return (-gamma * squares.clamp(min=0)).exp()


class _SupportVectors(Gathering[DayBatch]):
    """A machine that scikit-learn fits, kept as its support vectors and their weights.

    Args:
        kernel: Of the surface.
        most: Training days to use, since the cost grows with their square; where there are more, a random
            sample.
        seed: Of that sample.
    """

    sign: float  # of scikit-learn's decision function, which makes the score

    def __init__(self, kernel: _Kernel, most: int, seed: int) -> None:
        super().__init__()
        self.kernel: _Kernel = kernel
        self.most, self.seed = most, seed
        self.register_buffer("vectors", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("offset", torch.zeros((), dtype=torch.float64))
        self.register_buffer("gamma", torch.zeros((), dtype=torch.float64))
        self.vectors: Tensor
        self.weights: Tensor
        self.offset: Tensor
        self.gamma: Tensor

    def fill_from(self, machine: Any) -> None:  # noqa: ANN401 - of a library without types
        """Fill the buffers with the parameters of the decision function."""
        self.fill_buffers(
            vectors=machine.support_vectors_,
            weights=machine.dual_coef_[0],
            offset=machine.intercept_[0],
            gamma=machine._gamma,  # resolved from "scale", which scikit-learn keeps under no public name
        )

    def score(self, batch: DayBatch) -> Float[Tensor, " b"]:
        """Score days by the decision function, in the sense in which higher is more anomalous."""
        likeness = _kernel_values(batch.features.double(), self.vectors, self.kernel, self.gamma)
        return (self.sign * (likeness @ self.weights + self.offset)).float()


class OneClassSVM(_SupportVectors):
    """A day is anomalous when it lies outside of the surface around most training days.

    Args:
        nu: Share of the training days that may lie outside, about.
        kernel: Of the surface.
        most: See the base class.
        seed: See the base class.

    Source:
        Schoelkopf et al., Neural Computation 13 (2001), doi:10.1162/089976601750264965.
        Departure: ``nu`` is 0.01 instead of scikit-learn's 0.5, by which half of the days are outliers.
    """

    sign = -1.0

    def __init__(self, nu: float = 0.01, kernel: _Kernel = "rbf", most: int = 20000, seed: int = 0) -> None:
        super().__init__(kernel, most, seed)
        self.save_hyperparameters()
        self.nu = nu

    def fit(self, days: DayBatch) -> None:
        """Find the surface; labels play no part."""
        machine = load_library("sklearn.svm").OneClassSVM(nu=self.nu, kernel=self.kernel, gamma="scale")
        sample = days.features[sample_rows(days.features, self.most, self.seed)]
        self.fill_from(machine.fit(sample.double().numpy()))


class SVM(_SupportVectors):
    """A day is anomalous when it lies on the side of the malicious training days.

    Both sides weigh the same in training, however few days are malicious.

    Args:
        cost: Price C of a training day on the wrong side.
        kernel: Of the surface.
        most: See the base class; the sample holds all malicious days.
        seed: See the base class.

    Source:
        Cortes and Vapnik, Machine Learning 20 (1995), doi:10.1007/BF00994018.
    """

    sign = 1.0

    def __init__(self, cost: float = 1.0, kernel: _Kernel = "rbf", most: int = 20000, seed: int = 0) -> None:
        super().__init__(kernel, most, seed)
        self.save_hyperparameters()
        self.cost = cost

    def fit(self, days: DayBatch) -> None:
        """Find the surface between harmless and malicious days."""
        features, malicious = labelled_days(days)
        sample = sample_rows(features, self.most, self.seed, keep=malicious)
        machine = load_library("sklearn.svm").SVC(
            C=self.cost, kernel=self.kernel, gamma="scale", class_weight="balanced"
        )
        self.fill_from(machine.fit(features[sample].double().numpy(), malicious[sample].numpy()))
