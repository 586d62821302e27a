"""Mask/value autoencoder: a window is anomalous when its activity, and the counts of it, restore badly.

Axes: B windows, C channels (mask, value), T hours, F features, D latent units.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad, sigmoid

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.base import Method

_Variant = Literal["mask_value", "mask", "value", "standard"]
_ScoreWeight = Literal["paper", "code", "active"]


def _presence_error(
    logits: Float[Tensor, "b t f"], mask: Bool[Tensor, "b t f"], pos_weight: Float[Tensor, ""] | None = None
) -> Float[Tensor, "b t f"]:
    """Return the cross-entropy of each cell, active ones times ``pos_weight``. Mask loss, III-C."""
    return binary_cross_entropy_with_logits(
        logits, mask.to(logits.dtype), pos_weight=pos_weight, reduction="none"
    )


def latent_step(latent: Float[Tensor, "b d"], following: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Return the mean squared step between latents of consecutive windows, or 0. Temporal loss, III-C.

    The norm of the step is averaged over the D units too, as in the authors' code.
    """
    (now,) = torch.where(following >= 0)
    if not len(now):
        return latent.new_zeros(())
    return (latent[following[now]] - latent[now]).square().mean()


class MaskValueAutoencoder(Method[WindowBatch]):
    """A convolutional autoencoder that restores activity and counts in two channels.

    Loss: ``mask + value_weight * value + step_weight * step``, where ``mask`` is the weighted cross-entropy
    over all cells, ``value`` the mean squared error over active cells, and ``step`` the latent step between
    consecutive windows of a user.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        hours: Window length T; a multiple of 4.
        features: Features per hour, F; silent ones are added up to a multiple of 4, and taken off again.
        latent: Width D of the latent code.
        value_weight: Weight of the value loss, and of the value score within the combined score.
        step_weight: Weight of the latent step; 0 leaves the temporal term out.
        dropout: Share of channels, latent or hidden units that training drops.
        variant: Channels in and out: both (``mask_value``), one (``mask``, ``value``: error over active cells
            only), or ``standard``, the usual autoencoder on values, with the error over all cells.
        scored: Error that is the score: ``mask`` (the paper's headline), ``value``, or ``combined``, their
            sum with the value weighted. A variant with one channel is scored by it.
        score_weight: Weight of active cells in the mask score: ``paper``, that of the mask loss, since III-D
            scores by the loss that III-C defines; ``code``, none, as in the authors' code; ``active``, ours:
            only active cells count, so that what was expected and did not happen is no evidence. Training is
            the same with all. Of a genuine slice's validation days ``paper`` ranks better than ``code``, and
            ``active`` better than both, with each of three seeds (``experiments/mask_value``): the paper's
            is the default, and the shipped config takes ``active``.

    Raises:
        ValueError: If the length is no multiple of 4, or there is no feature.

    Source:
        Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, section III. Kernels, strides and
        the ReLU on the latent are those of the authors' code.
        Departure: the value loss is averaged over the active cells of the whole batch, both members of a pair
        together, instead of member by member; the authors' combined score takes its weights from test labels,
        ours are fixed.
    """

    columns_argument = "features"

    def __init__(
        self,
        optimizer: OptimizerCallable,
        hours: int = 24,
        features: int = 12,
        latent: int = 32,
        value_weight: float = 0.02,
        step_weight: float = 0.02,
        dropout: float = 0.1,
        variant: _Variant = "mask_value",
        scored: Literal["mask", "value", "combined"] = "mask",
        score_weight: _ScoreWeight = "paper",
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        if hours % 4 or features < 1:
            raise ValueError(
                f"hours must be a multiple of 4, and features at least 1, got {hours} and {features}"
            )
        self.missing = -features % 4  # silent features beside the F
        self.score_weight = score_weight
        self.has_mask, self.has_value = variant in ("mask_value", "mask"), variant != "mask"
        self.dense = variant == "standard"
        self.value_weight, self.step_weight, self.variant, self.scored = (
            value_weight,
            step_weight,
            variant,
            scored,
        )
        if variant != "mask_value":
            self.scored = "mask" if self.has_mask else "value"
        self.register_buffer("pos_weight", torch.ones(()))
        self.pos_weight: Tensor
        channels, corner = self.has_mask + self.has_value, (64, hours // 4, (features + 3) // 4)
        width = corner[0] * corner[1] * corner[2]
        self.encoder = nn.Sequential(
            *(nn.Conv2d(channels, 16, 3, 1, 1), nn.ReLU(), nn.Dropout2d(dropout)),
            *(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Dropout2d(dropout)),
            *(nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Dropout2d(dropout)),
            *(nn.Flatten(), nn.Linear(width, latent), nn.ReLU(), nn.Dropout(dropout)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent, width), nn.ReLU(), nn.Dropout(dropout), nn.Unflatten(1, corner)),
            *(nn.ConvTranspose2d(64, 32, 3, 2, 1, output_padding=1), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1), nn.ReLU()),
            nn.Conv2d(16, channels, 3, 1, 1),
        )

    def forward(self, batch: WindowBatch) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b c t f"]]:
        """Return the latent code of windows; then mask logits and values, of the channels that there are."""
        channels = [batch.mask.to(batch.values.dtype)] * self.has_mask + [batch.values] * self.has_value
        latent: Tensor = self.encoder(pad(torch.stack(channels, dim=1), (0, self.missing)))
        restored: Tensor = self.decoder(latent)
        return latent, restored[..., : restored.shape[-1] - self.missing]

    def on_train_start(self) -> None:
        """Set the weight of active cells to silent over active cells of the training windows, each once."""
        # The dataset, not the loader: the iterator of its workers is in use already.
        rows = self.trainer.train_dataloader.dataset  # type: ignore[union-attr]
        active: dict[int, int] = {}
        cells = 0
        for start in range(0, len(rows), 256):
            batch: WindowBatch = rows.__getitems__(list(range(start, min(start + 256, len(rows)))))
            active.update(zip(batch.unit.tolist(), batch.mask.sum(dim=(1, 2)).tolist(), strict=True))
            cells = batch.mask[0].numel()
        active_cells = sum(active.values())
        self.pos_weight.fill_((len(active) * cells - active_cells) / max(active_cells, 1))

    def loss(self, batch: WindowBatch) -> Float[Tensor, ""]:
        """Return the training loss of a batch."""
        latent, restored = self(batch)
        loss = self.step_weight * latent_step(latent, batch.following)
        if self.has_mask:
            loss = loss + _presence_error(restored[:, 0], batch.mask, self.pos_weight).mean()
        if self.has_value:
            cells = torch.ones_like(batch.mask) if self.dense else batch.mask
            error = ((restored[:, -1] - batch.values).square() * cells).sum() / cells.sum().clamp(min=1)
            loss = loss + (self.value_weight if self.has_mask else 1.0) * error
        return loss

    def training_step(self, batch: WindowBatch, batch_idx: int) -> Tensor:
        """Return the loss of the batch."""
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.unit), sync_dist=True)
        return loss

    def validation_step(self, batch: WindowBatch, batch_idx: int) -> None:
        """Log the loss of the batch; validation windows come one by one, so the temporal term is 0."""
        self.log("val/loss", self.loss(batch), prog_bar=True, batch_size=len(batch.unit), sync_dist=True)

    def score(self, batch: WindowBatch) -> Float[Tensor, " b"]:
        """Score windows by the mean restoration error of their cells, section III-D."""
        return self.explain(batch).parts.sum(dim=(1, 2))

    def explain(self, batch: WindowBatch) -> Explanation:
        """Return the share of each cell in the score; an empty window has no value error."""
        _, restored = self(batch)
        parts = torch.zeros_like(batch.values)
        expected = restored[:, -1]
        if self.scored != "mask":
            cells = torch.ones_like(batch.mask) if self.dense else batch.mask
            share = cells / cells.sum(dim=(1, 2), keepdim=True).clamp(min=1)
            weight = self.value_weight if self.scored == "combined" else 1.0
            parts = weight * share * (restored[:, -1] - batch.values).square()
        if self.scored != "value":
            pos_weight = self.pos_weight if self.score_weight == "paper" else None
            errors = _presence_error(restored[:, 0], batch.mask, pos_weight)
            if self.score_weight == "active":
                errors = errors * batch.mask
            parts = parts + errors / batch.mask[0].numel()
            expected = sigmoid(restored[:, 0])
        return Explanation(parts, expected)
