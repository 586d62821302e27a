"""Contrastive narratives: a day is anomalous when its narrative lies nearer to attacks than to usual days.

Axes: B days, D width of the language model.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize
from torchmetrics import CatMetric

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method
from itd_lightning.methods.bases.narrative_texts import all_days, check_labels, outline_days
from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.models import DEFAULT, Precision, Quantization
from itd_lightning.nn.language.prompts import BEHAVIOUR, Prompter
from itd_lightning.nn.language.scores import passes

_ADAPTER = "contrast"
_MOMENTUM = 0.9  # of the centres, which follow the training batches


def supervised_contrast(
    encoded: Float[Tensor, "b d"], label: Float[Tensor, " b"], temperature: float
) -> Float[Tensor, ""]:
    """Return the contrastive loss of days against others of their class; 0 where no two are of one class.

    Args:
        encoded: Embeddings of length 1.
        label: Classes.
        temperature: The smaller, the more the nearest days weigh.

    Source:
        Khosla et al., Supervised contrastive learning, NeurIPS 2020, the loss "out".
    """
    self_pair = torch.eye(len(encoded), dtype=torch.bool, device=encoded.device)
    likeness = (encoded @ encoded.T / temperature).masked_fill(self_pair, -torch.inf)
    logp = likeness.log_softmax(1).masked_fill(self_pair, 0.0)
    alike = (label[:, None] == label) & ~self_pair
    count = alike.sum(1)
    each = -(logp * alike).sum(1) / count.clamp(min=1)
    return each.sum() / (count > 0).sum().clamp(min=1)


class ITDLM(Method[NarrativeBatch]):
    """A supervised method that fine-tunes a language model so that narratives of one class lie together.

    Args:
        optimizer: Builds the optimizer from the trainable parameters.
        backbone: Folder of a causal language model; the default comes with the extra ``llm``.
        context: Most tokens of a narrative and its frame.
        temperature: Of the contrast, and of the score.
        rank: Rank of the LoRA matrices.
        alpha: Their scale is ``alpha / rank``.
        lora_dropout: Share of their inputs that training drops.
        top: Adapt the last so many blocks only; 0 for all.
        quantization: Of the frozen weights.
        precision: Of the frozen weights; ``auto`` takes bfloat16 where the processor multiplies it.

    Raises:
        InputError: If the backbone cannot be used so.

    Source:
        After Song et al., Confront insider threat, COLING 2025, as DMFI describes and compares with it:
        logs as narratives, contrastive fine-tuning. The backbone, the loss and the score, likeness to the
        centre of malicious days minus that to harmless ones, are our choice.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        backbone: str = DEFAULT,
        context: int = 512,
        temperature: float = 0.1,
        rank: int = 8,
        alpha: int = 32,
        lora_dropout: float = 0.1,
        top: int = 0,
        quantization: Quantization = "none",
        precision: Precision = "auto",
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.temperature = temperature
        self.backbone = Backbone(
            backbone,
            [_ADAPTER],
            rank,
            alpha,
            lora_dropout,
            top=top,
            quantization=quantization,
            precision=precision,
        )
        self.prompter = Prompter(self.backbone.tokenizer, BEHAVIOUR, min(context, self.backbone.longest))
        self.register_buffer("centres", torch.zeros(2, self.backbone.width))
        self.centres: Tensor
        self.val_logits, self.val_labels = CatMetric(), CatMetric()

    def on_fit_start(self) -> None:
        """Refuse days of one class only."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        check_labels(outline_days(all_days(data.train_dataloader())), "training", ["behaviour"])
        check_labels(outline_days(all_days(data.val_dataloader())), "validation", ["behaviour"])

    def encode(self, narratives: Sequence[str], *, learns: bool) -> Float[Tensor, "b d"]:
        """Return the embeddings of narratives, of length 1."""
        prompts = [self.prompter(narrative) for narrative in narratives]
        if learns:
            encoded = self.backbone.hidden([prompt.ids for prompt in prompts], _ADAPTER, learns=True)
        else:
            encoded = torch.zeros(len(prompts), self.backbone.width, device=self.device)
            for places in passes(prompts, self.backbone.device):
                encoded[places] = self.backbone.hidden([prompts[place].ids for place in places], _ADAPTER)
        return normalize(encoded, dim=1)

    def training_step(self, batch: NarrativeBatch, batch_idx: int) -> Tensor | None:
        """Return the contrast of the batch, and move the centres."""
        labelled = [row for row, label in enumerate(batch.label.tolist()) if label == label]
        if len(labelled) < 2:
            return self.zero_loss()
        label = batch.label[labelled]
        encoded = self.encode([batch.narrative[row] for row in labelled], learns=True)
        for kind in (0, 1):
            if (label == kind).any():
                now = encoded.detach()[label == kind].mean(0)
                self.centres[kind] = torch.lerp(
                    now, self.centres[kind], _MOMENTUM if self.centres[kind].any() else 0
                )
        loss = supervised_contrast(encoded, label, self.temperature)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(labelled), sync_dist=True)
        return loss

    def validation_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Score the batch."""
        has_label = ~batch.label.isnan()
        self.val_logits.update(self.score(batch)[has_label])
        self.val_labels.update(batch.label[has_label])

    def on_validation_epoch_end(self) -> None:
        """Log the cross-entropy of the scores; both classes weigh the same."""
        logit, label = (torch.as_tensor(metric.compute()) for metric in (self.val_logits, self.val_labels))
        kinds = [
            binary_cross_entropy_with_logits(logit[label == kind], label[label == kind])
            for kind in label.unique()
        ]
        if not kinds and not self.trainer.sanity_checking:
            raise InputError("there is no labelled validation day: --data.split.shown '[train, val]'")
        if kinds:
            self.log("val/loss", torch.stack(kinds).mean(), prog_bar=True, sync_dist=True)
        for metric in (self.val_logits, self.val_labels):
            metric.reset()

    def score(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Score days by how much more they are like malicious days."""
        likeness = self.encode(batch.narrative, learns=False) @ normalize(self.centres, dim=1).T
        return (likeness[:, 1] - likeness[:, 0]) / self.temperature
