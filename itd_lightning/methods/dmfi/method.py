"""DMFI: a day is anomalous when a language model that learned from attacks finds its words likelier.

Axes: B days, N texts, S statistics of the texts of a day, F features.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer
from torchmetrics import CatMetric, MeanMetric

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.base import Method
from itd_lightning.methods.bases.narrative_texts import check_labels, distinct_texts, outline_days
from itd_lightning.methods.dmfi.branches import (
    KINDS,
    LanguageBranches,
    Likelihood,
    Side,
    Strategy,
    branch_names,
)
from itd_lightning.methods.dmfi.fusion import STATISTICS, FusionHead, Pooling, pool_scores
from itd_lightning.methods.dmfi.texts import (
    hold_out,
    labelled_texts,
    leave_one_out,
    sample_texts,
    with_progress,
)
from itd_lightning.nn.language.backbone import QUERY_AND_VALUE, Backbone
from itd_lightning.nn.language.models import DEFAULT, Precision, Quantization
from itd_lightning.numerics.calibration import platt

_VIEWS: tuple[Side, ...] = ("semantic", "behaviour")


class DMFI(Method[NarrativeBatch]):
    """A supervised method that scores contents and behaviour by adapted language models, then fuses them.

    The margin of a text, by ``LanguageBranches``, becomes a probability by a sigmoid whose slope and
    offset are fitted to validation days. The ``DualBranch`` callback runs the stages: the branches, then the
    fusion.

    Args:
        optimizer: Builds the optimizer; the callback sets its learning rate.
        backbone: Folder of a causal language model; the default comes with the extra ``llm``.
        strategy: ``unified`` (DMFI-A), one adapter a view, which learns to answer; or ``dual`` (DMFI-B), two,
            which learn to tell normal and abnormal texts.
        views: Which views take part; one of them alone is an ablation.
        pooling: Statistics of a day's semantic scores: ``full`` is mean, max, std and min.
        likelihood: Take the ``mean`` of a text's tokens, or their ``sum``, which grows with the length.
        context: Most tokens of a prompt; of a longer text the middle is left out.
        contents: Most different texts of a day that are read, those in between left out evenly; 0 for all.
        rank: Rank of the LoRA matrices.
        alpha: Their scale is ``alpha / rank``.
        lora_dropout: Share of their inputs that training drops.
        targets: Layers of a block that are adapted.
        top: Adapt the last so many blocks only, which is quicker; 0 for all.
        quantization: Of the frozen weights.
        precision: Of the frozen weights; ``auto`` takes bfloat16 where the processor multiplies it.
        hidden: Width of the hidden layers of the fusion.
        held_out: Share of the training days from which the fusion learns and the branches do not, since
            branches are too sure of days that they have read. 0 lets both learn from all, as the paper may.
        reasons: Explain days by sentences: the loss of score without each. Testing takes a few times
            as long.

    Raises:
        InputError: If the backbone cannot be used so.
        ValueError: If there is no view, or a number is out of its range.

    Source:
        DMFI: Dual-Modality Fine-Tuning and Inference Framework for LLM-Based Insider Threat Detection,
        sections III and IV-A. Departures: ``held_out``; texts of a day have its label (the ratio of what two
        mixtures make likely orders texts as that of pure classes does; Metodiev et al., JHEP 2017, 174); the
        question comes after the text, and the answer is read from logits, without an "anomaly score"; texts
        never lower a score (see ``FusionHead``).
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        backbone: str = DEFAULT,
        strategy: Strategy = "dual",
        views: Sequence[Side] = _VIEWS,
        pooling: Pooling = "full",
        likelihood: Likelihood = "mean",
        context: int = 512,
        contents: int = 0,
        rank: int = 8,
        alpha: int = 32,
        lora_dropout: float = 0.1,
        targets: Sequence[str] = QUERY_AND_VALUE,
        top: int = 0,
        quantization: Quantization = "none",
        precision: Precision = "auto",
        hidden: int = 32,
        held_out: float = 0.25,
        reasons: bool = False,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        self.views = tuple(view for view in _VIEWS if view in views)
        if not self.views or contents < 0 or not 0 <= held_out < 1:
            raise ValueError(
                "dmfi needs a view, contents of at least 0 and held_out from 0 to below 1, "
                f"got {list(views)}, {contents}, {held_out}"
            )
        self.pooling, self.contents, self.held_out, self.reasons = pooling, contents, held_out, reasons
        names = branch_names(self.views, strategy)
        self.stage, self.stages = "", (*names, "fusion")
        model = Backbone(backbone, names, rank, alpha, lora_dropout, targets, top, quantization, precision)
        self.branches = LanguageBranches(model, self.views, strategy, likelihood, context)
        semantic = len(STATISTICS[pooling]) if "semantic" in self.views else 0
        self.head = FusionHead(semantic, "behaviour" in self.views, hidden)
        self.register_buffer("lines", torch.tensor([[1.0, 0.0]] * 3))  # of semantic, behaviour, fused
        self.lines: Tensor
        self.fusion_units = torch.zeros(0, dtype=torch.long)  # training days held out for the fusion
        self.val_loss, self.label_mass = MeanMetric(), MeanMetric()
        self.val_logits, self.val_labels = CatMetric(), CatMetric()

    @property
    def needs_one_device(self) -> bool:
        """Return True: margins and features are calibrated on whole parts between the stages."""
        return True

    def on_fit_start(self) -> None:
        """Refuse a fit without a schedule, or with labels of one class only, before it costs hours."""
        if not self.stage:
            raise InputError(
                "dmfi trains in stages: let the trainer run the callback DualBranch, as its config does"
            )
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        train = outline_days(data.train_dataloader())
        is_held_out = hold_out(len(train.unit), self.held_out)
        check_labels(train.where(~is_held_out), "training", self.views)
        if self.held_out:
            remedy = "more of them (--model.held_out, --data.train_days)"
            check_labels(train.where(is_held_out), "held-out training", self.views, remedy)
        check_labels(outline_days(data.val_dataloader()), "validation", self.views)
        self.fusion_units = train.unit[is_held_out]

    def on_stage_start(self) -> None:
        """Begin a stage; before the fusion, calibrate the margins and the scale of the features."""
        self.branches.margin_cache.clear()
        if self.stage == "fusion":
            self.calibrate()

    @torch.no_grad()
    def calibrate(self) -> None:
        """Fit the sigmoids of the views to validation days, and the scale of features to training days."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        margins: dict[Side, list[Tensor]] = {view: [] for view in self.views}
        for batch in with_progress(data.val_dataloader(), "scoring validation days"):
            for view in self.views:
                texts, label = labelled_texts(batch, view, self.contents)
                if texts:
                    margins[view].append(torch.stack([self.branches.margins(view, texts).cpu(), label]))
        for side, pieces in margins.items():
            margin, label = torch.cat(pieces, dim=1) if pieces else torch.zeros(2, 0)
            if len(label.unique()) == 2:
                self.lines[_VIEWS.index(side)] = torch.tensor(platt(margin, label, balanced=True))
        train = with_progress(data.train_dataloader(), "scoring training days")
        days = [self.training_days(batch, fusion=True) for batch in train]
        self.head.fit(torch.cat([self.features(batch) for batch in days if len(batch.unit)]))

    def training_step(self, batch: NarrativeBatch, batch_idx: int) -> Tensor | None:
        """Return the loss of the stage; None of a batch without training days."""
        days = self.training_days(batch, fusion=self.stage == "fusion")
        loss = self.loss(days, learns=True)
        if loss is not None:
            self.log(
                "train/loss", loss, on_step=False, on_epoch=True, batch_size=len(days.unit), sync_dist=True
            )
        return loss

    def training_days(self, batch: NarrativeBatch, *, fusion: bool) -> NarrativeBatch:
        """Return the days that the fusion, or else the branches, learn from."""
        if not self.held_out:
            return batch
        for_fusion = torch.isin(batch.unit, self.fusion_units.to(batch.unit.device))
        return batch.where(for_fusion if fusion else ~for_fusion)

    def loss(self, batch: NarrativeBatch, *, learns: bool) -> Float[Tensor, ""] | None:
        """Return the loss of the stage on the days whose labels are shown; None without any."""
        if self.stage == "fusion":
            has_label = ~batch.label.isnan()
            if not has_label.any():
                return None
            return binary_cross_entropy_with_logits(self(batch)[has_label], batch.label[has_label])
        view, _, kind = self.stage.partition("_")
        texts, label = labelled_texts(batch, view, self.contents, KINDS.index(kind) if kind else None)
        texts, label = sample_texts(texts, label, len(batch.unit), at_random=learns)
        if not texts:
            return None
        losses = self.branches.losses(self.stage, texts, learns=learns)
        if kind:
            return losses.mean()
        if not learns:
            self.label_mass.update((-losses).exp().sum(1))
        return losses.gather(1, label.long().to(losses.device)[:, None]).mean()

    def validation_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Measure the loss of the stage."""
        loss = self.loss(batch, learns=False)
        if loss is not None:
            self.val_loss.update(loss)
        if self.stage == "fusion":
            has_label = ~batch.label.isnan()
            self.val_logits.update(self(batch)[has_label])
            self.val_labels.update(batch.label[has_label])

    def on_validation_epoch_end(self) -> None:
        """Log the loss; calibrate the fused score."""
        if self.val_loss.update_called:
            self.log("val/loss", self.val_loss.compute(), prog_bar=True, sync_dist=True)
        elif not self.trainer.sanity_checking:
            raise InputError(f"the stage {self.stage} has no validation text: take a longer validation part")
        if self.label_mass.update_called:
            self.log("val/label_mass", self.label_mass.compute(), sync_dist=True)
        if self.stage == "fusion" and not self.trainer.sanity_checking:
            label = torch.as_tensor(self.val_labels.compute())
            if len(label.unique()) == 2:
                line = platt(torch.as_tensor(self.val_logits.compute()).cpu(), label.cpu())
                self.lines[2] = torch.tensor(line)
        for metric in (self.val_loss, self.label_mass, self.val_logits, self.val_labels):
            metric.reset()

    def probabilities(self, view: str, texts: Sequence[str]) -> Float[Tensor, " n"]:
        """Return the probability that each text is abnormal, were both kinds equally frequent."""
        slope, offset = self.lines[_VIEWS.index(view)]
        return torch.sigmoid(slope * self.branches.margins(view, texts) + offset)

    def features(self, batch: NarrativeBatch) -> Float[Tensor, "b f"]:
        """Return statistics of semantic scores, then the behaviour score; equation 14. NaN without texts."""
        parts = []
        if "semantic" in self.views:
            texts = [distinct_texts(day, self.contents) for day in batch.contents]
            scores = self.probabilities("semantic", [text for day in texts for text in day])
            days = scores.split([len(day) for day in texts])
            parts.append(torch.stack([pool_scores(day, self.pooling) for day in days]))
        if "behaviour" in self.views:
            parts.append(self.probabilities("behaviour", batch.narrative)[:, None])
        return torch.cat(parts, dim=1)

    def forward(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Return the fused log-odds before their calibration; equation 15."""
        logit: Tensor = self.head(self.features(batch))
        return logit

    def score(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Score days by their log-odds, calibrated on validation days."""
        logit: Tensor = self(batch)
        return logit * self.lines[2, 0] + self.lines[2, 1]

    def explain(self, batch: NarrativeBatch) -> Explanation | None:
        """Return the loss of score without each sentence of the narrative, and without each content."""
        if not self.reasons:
            return None
        variants, row, column, names = leave_one_out(batch, self.contents)
        score = self.score(batch)
        parts = score.new_zeros(len(score), len(names))
        if len(row):
            parts[row, column] = score[row] - self.score(variants)
        return Explanation(parts, torch.zeros_like(parts), names)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drop the margins of other weights."""
        self.branches.margin_cache.clear()

    def configure_optimizers(self) -> Optimizer | None:
        """Build the optimizer of all adapters and the head, of which only some learn in a stage."""
        assert self.optimizer is not None
        return self.optimizer([*self.branches.backbone.adapter_weights(), *self.head.parameters()])
