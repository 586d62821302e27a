"""Log2Sig: a day is anomalous when its behaviours and the rhythms of their counts look like an attack.

Axes: B days, L behaviours of a day, C channels, K modes, D features.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad
from torch.optim.lr_scheduler import CosineAnnealingLR

from itd_lightning.contracts.batches import SignalBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method
from itd_lightning.nn.encoders.base import encoder
from itd_lightning.nn.mamba import Backend


class Log2Sig(Method[SignalBatch]):
    """A supervised classifier of the day's behaviours in order, beside its counts and their modes.

    Args:
        optimizer: Builds the optimizer from the trainable parameters; its learning rate falls as a cosine.
        vocabulary: Number of tokens V.
        behaviours: Most behaviours of a day, L.
        modes: Number of modes K; 0 for counts alone (the paper's "w/o MVMD").
        channels: Channels C; as many as the view counts in its store.
        width: Features D of a behaviour and of a component.
        layers: Layers of the encoder.
        sequence: Encoder of the behaviours: ``mamba`` as published, ``lstm``, ``gru`` or ``transformer``;
            ``none`` takes each by itself (the paper's "w/o Mamba").
        backend: Implementation of Mamba: its kernels on a GPU, plain torch, or a scan that is ``compiled`` on
            this machine, twice as fast on a CPU; ``auto`` takes the first two, so that results repeat
            elsewhere.
        hidden: Widths of the classifier's layers.
        dropout: Share of units that training drops in the classifier.

    Raises:
        ValueError: If there is no hidden layer, or one without width.

    Source:
        Log2Sig: Frequency-Aware Insider Threat Detection via Multivariate Behavioral Signal Decomposition,
        section IV and table II. The paper leaves open, and this is ours: the schedule (a cosine), L and C.
        Departure: Mamba is the block of its authors, which equations 3 and 4 write with full matrices and
        another gate.
    """

    columns_argument = "channels"

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        behaviours: int = 256,
        modes: int = 3,
        channels: int = 8,
        width: int = 64,
        layers: int = 2,
        sequence: Literal["mamba", "lstm", "gru", "transformer", "none"] = "mamba",
        backend: Backend = "auto",
        hidden: Sequence[int] = (256, 128, 32),
        dropout: float = 0.3,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden must name the width of one layer at least, got {list(hidden)}")
        self.behaviours = behaviours
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.encoder = None if sequence == "none" else encoder(sequence, width, layers, backend=backend)
        self.component = nn.Linear(1, width)
        sizes = [(behaviours + channels * (modes + 1)) * width, *hidden]
        dense = [
            layer
            for size, out in pairwise(sizes)
            for layer in (nn.Linear(size, out), nn.LeakyReLU(), nn.Dropout(dropout))
        ]
        self.classifier = nn.Sequential(nn.Flatten(), *dense, nn.Linear(sizes[-1], 1))

    def forward(self, batch: SignalBatch) -> Float[Tensor, " b"]:
        """Return the logit that each day is malicious. Equations 10 to 15."""
        encoded = self.embedding(batch.tokens)
        if self.encoder is not None:
            encoded = self.encoder(encoded, batch.lengths)
        encoded = pad(encoded, (0, 0, 0, self.behaviours - encoded.shape[1]))
        rhythms = self.component(batch.signals[..., None])
        logit: Tensor = self.classifier(torch.cat([encoded, rhythms], dim=1))[:, 0]
        return logit

    def loss(self, batch: SignalBatch) -> Float[Tensor, ""]:
        """Return the cross-entropy of equation 16, each day by its weight."""
        if batch.label.isnan().any():
            raise InputError(
                "log2sig learns from labels of days, and the split does not show them: "
                "--data.split.shown '[train, val]'"
            )
        return binary_cross_entropy_with_logits(self(batch), batch.label, batch.weight)

    def training_step(self, batch: SignalBatch, batch_idx: int) -> Tensor:
        """Return the loss of the batch."""
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.unit), sync_dist=True)
        return loss

    def validation_step(self, batch: SignalBatch, batch_idx: int) -> None:
        """Log the loss of the batch."""
        self.log("val/loss", self.loss(batch), prog_bar=True, batch_size=len(batch.unit), sync_dist=True)

    def score(self, batch: SignalBatch) -> Float[Tensor, " b"]:
        """Score days by their logit, which orders as the probability does and saturates nowhere."""
        score: Tensor = self(batch)
        return score

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's pair of lists
        """Build the optimizer, and the schedule over all epochs."""
        optimizer = super().configure_optimizers()
        assert optimizer is not None
        epochs = max(self.trainer.max_epochs or 1, 1)
        return [optimizer], [CosineAnnealingLR(optimizer, epochs)]
