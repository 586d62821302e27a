"""RMSL: a behaviour is anomalous when it lies far from every sphere of normal ones, or looks like an attack.

Axes: B rows, L behaviours of a row, N behaviours that count, S sequences, M spheres, D features.
"""

from typing import Literal, cast, get_args

import torch
from jaxtyping import Bool, Float
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.nn.functional import binary_cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics import MeanMetric
from torchmetrics.classification import BinaryAveragePrecision

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method
from itd_lightning.methods.bases.sequence_method import balanced_cross_entropy, sequence_means
from itd_lightning.methods.rmsl.bags import bag_scores
from itd_lightning.methods.rmsl.pseudo_labels import (
    PseudoLabels,
    confident_loss,
    corrected_loss,
    pseudo_labels,
)
from itd_lightning.methods.rmsl.spheres import (
    Context,
    Detector,
    Squash,
    deviation,
    multi_centre,
    separability,
    spread_centres,
)

RMSLStage = Literal["warm_up", "multiple_instance", "self_training"]
_CLEAR = 0.5  # start value of tau_c
_SAMPLE = 8192  # behaviours among which centres are drawn
_Start = Literal["kmeans", "normal"]
_Selection = Literal["loss", "session_ap"]


class RMSL(Method[SequenceBatch]):
    """Robust multi-sphere learning from labels of sequences, in three stages that ``StageSchedule`` runs.

    ``warm_up`` draws normal behaviours to spheres; ``multiple_instance`` makes the highest scores of
    malicious sequences exceed those of normal ones; ``self_training`` learns from the behaviours of
    malicious sequences of which the model is certain. Before a stage trains the classifier, the score is the
    deviation alone.

    Args:
        optimizer: Builds the optimizer from the trainable parameters; the schedule sets its learning rate.
        vocabulary: Number of tokens V.
        width: Features D of a behaviour; a multiple of 4.
        spheres: Number M of spheres.
        alpha: Weight of the classifier in the score; the rest is the deviation's.
        separation: Weight of the separability loss in the warm-up.
        dropout: Share of dropped features, also in the passes that estimate how sure the model is.
        factor_dropout: Share of factors of a token that training leaves out; for factored tokens.
        passes: Passes T with dropout for each batch of self-training.
        high_share: Share of surest behaviours that get hard labels, ``r_hi``.
        middle_share: Share of the next ones that get hard and soft labels, ``r_mid``.
        hard_weight: Weight of the hard label beside the soft one.
        residual: Whether the embedding of a behaviour is added to what the encoder makes of its sequence, so
            that both scores tell a behaviour from the others of its session.
        context: How a behaviour knows its sequence: by a recurrent network in both directions (``gru``), as
            published, or by learned counts of what the sequence holds, in no order (``counts``).
        context_dropout: Share of sequences whose counts training leaves out, so that their behaviours must
            speak for themselves.
        scale: Standard deviation of embeddings at the start.
        start: Where centres start: at encoded training behaviours far from one another (``kmeans``, as in
            k-means++), or at normal random numbers (``normal``), of which one sphere soon takes all. In the
            former case, a sphere without a training behaviour in an epoch of the warm-up starts anew.
        one_in: The score of a sequence of n behaviours is the mean of its ``1 + n // one_in`` highest.
        squash: How a distance becomes a score; see ``deviation``.
        selection: What ``val/loss`` is after the warm-up: the cross-entropy of sequences (``loss``), or one
            minus the average precision by which their scores rank them (``session_ap``).
        false_share: Share of behaviours of normal sequences that may score above ``tau_a``, the score from
            which a behaviour counts as anomalous.
        clear_momentum: ``beta_c``, of the threshold ``tau_c``.
        teacher_momentum: ``beta_ema``, of the teacher's weights.

    Raises:
        ValueError: If a share, a weight or a size is out of its range.

    Source:
        RMSL: Weakly-Supervised Insider Threat Detection with Robust Multi-Sphere Learning, sections 3 and
        A.3. The paper leaves open, and this is ours: dropout and its places, the number of highest
        behaviours, T, both shares, all momenta, one head of D / 4 features and the residual of the attention;
        and ``tau_a``, "the anomaly detection threshold": a score has no natural one, since the deviation
        keeps it away from 0 and 1, so it is the teacher's quantile of behaviours of normal
        sequences, which moves by a tenth of the way in each batch.
        Departure: the deviation is squashed (see ``deviation``); both kinds of sequence weigh the same in the
        loss of the second stage, whatever a batch holds; ``tau_c`` follows the mean certainty of a batch,
        since the paper's has an index of a behaviour, and it is one threshold for all; it begins at one half,
        below which its two rules contradict each other, and no label may contradict ``tau_a``.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable,
        vocabulary: int = 512,
        width: int = 128,
        spheres: int = 40,
        alpha: float = 0.1,
        separation: float = 0.5,
        dropout: float = 0.1,
        factor_dropout: float = 0.1,
        residual: bool = False,
        context: Context = "gru",
        context_dropout: float = 0.0,
        scale: float = 1.0,
        start: _Start = "normal",
        one_in: int = 16,
        squash: Squash = "squared",
        selection: _Selection = "loss",
        passes: int = 10,
        high_share: float = 0.5,
        middle_share: float = 0.3,
        hard_weight: float = 0.5,
        false_share: float = 0.1,
        clear_momentum: float = 0.99,
        teacher_momentum: float = 0.999,
    ) -> None:
        super().__init__(optimizer)
        self.save_hyperparameters()
        momenta = (clear_momentum, teacher_momentum)
        shares = (
            alpha,
            dropout,
            factor_dropout,
            context_dropout,
            high_share,
            middle_share,
            hard_weight,
            false_share,
            *momenta,
        )
        if not all(0 <= share <= 1 for share in shares) or high_share + middle_share > 1:
            raise ValueError(f"shares, weights and momenta must lie in 0 .. 1, got {shares}")
        if spheres < 1 or passes < 2 or width % 4 or one_in < 1:
            raise ValueError(
                "rmsl needs a sphere, two passes, one_in above 0 and a width that is a multiple of 4, "
                f"got spheres {spheres}, passes {passes}, one_in {one_in}, width {width}"
            )
        self.alpha, self.separation, self.passes, self.hard_weight = alpha, separation, passes, hard_weight
        self.high_share, self.middle_share, self.false_share = high_share, middle_share, false_share
        self.clear_momentum = clear_momentum
        self.start, self.one_in, self.squash, self.selection = start, one_in, squash, selection
        self.detector = Detector(
            vocabulary, width, spheres, dropout, factor_dropout, residual, context, context_dropout
        )
        self.detector.embedding.weight.data.mul_(scale)
        self.teacher = AveragedModel(
            self.detector, multi_avg_fn=get_ema_multi_avg_fn(teacher_momentum), use_buffers=False
        ).requires_grad_(requires_grad=False)
        self.stage, self.stages = "", get_args(RMSLStage)
        self.register_buffer("spread", torch.zeros(()))
        self.register_buffer("classifies", torch.zeros((), dtype=torch.bool))
        self.register_buffer(
            "anomalous_from", torch.tensor(torch.inf)
        )  # tau_a; infinite before the first normal batch
        self.register_buffer("clear", torch.tensor(_CLEAR))
        self.spread: Tensor
        self.classifies: Tensor
        self.anomalous_from: Tensor
        self.clear: Tensor
        self.val_normal, self.val_malicious = MeanMetric(), MeanMetric()
        self.val_ranking = BinaryAveragePrecision()
        # Behaviours that each sphere held in this epoch of training, and in this validation.
        self.register_buffer("held", torch.zeros(spheres, dtype=torch.long), persistent=False)
        self.register_buffer("val_held", torch.zeros(spheres, dtype=torch.long), persistent=False)
        self.held: Tensor
        self.val_held: Tensor

    def on_train_start(self) -> None:
        """Refuse to train without a schedule."""
        if not self.stage:
            raise InputError(
                "rmsl trains in stages: let the trainer run the callback StageSchedule, as its config does"
            )

    def on_stage_start(self) -> None:
        """Begin a stage: the teacher starts as a copy of the student, both thresholds anew."""
        if self.start == "kmeans" and self.spread == 0:  # nothing was trained yet
            self.start_centres()
        self.classifies.fill_(self.stage != "warm_up")
        if self.stage == "multiple_instance":
            self.spread.zero_()  # the warm-up's lags behind its weights; the first batch gives today's
        self.anomalous_from.fill_(torch.inf)
        self.clear.fill_(_CLEAR)
        self.teacher.n_averaged.zero_()
        self.teacher.update_parameters(self.detector)

    @torch.no_grad()
    def start_centres(self) -> None:
        """Start the centres at training behaviours, by a pass over those of normal sequences."""
        loader = self.trainer.train_dataloader
        assert loader is not None
        batches = int(self.trainer.num_training_batches)
        sample = []
        for batch, _ in zip(loader, range(batches), strict=False):
            rows = self.transfer_batch_to_device(batch, self.device, 0)
            encoded = self.encode_normal(rows)
            sample.append(encoded[torch.randperm(len(encoded))[: 1 + _SAMPLE // batches]])
        self.place_centres(torch.cat(sample), torch.ones_like(self.held, dtype=torch.bool))

    @torch.no_grad()
    def encode_normal(self, batch: SequenceBatch) -> Float[Tensor, "n d"]:
        """Return encoded behaviours of the sequences that are not shown to be malicious, without dropout."""
        normal = batch.where(batch.label != 1)
        if not len(normal.tokens):
            return self.detector.centres.weight[:0]
        is_training = self.detector.training
        encoded = self.detector.eval().encode(normal)[normal.is_counted]
        self.detector.train(is_training)
        return encoded

    def place_centres(self, encoded: Float[Tensor, "n d"], replaced: Bool[Tensor, " m"]) -> None:
        """Move some centres to behaviours far from the others; the same on all devices."""
        weight = self.detector.centres.weight
        if not len(encoded):
            return
        drawn = spread_centres(encoded, int(replaced.sum()), weight[~replaced])
        weight[replaced] = self.trainer.strategy.broadcast(drawn)

    @torch.no_grad()
    def on_train_batch_end(self, outputs: object, batch: SequenceBatch, batch_idx: int) -> None:
        """Update the teacher's moving average; at the end of an epoch, revive spheres without behaviours."""
        if self.stage == "self_training":
            self.teacher.update_parameters(self.detector)
        if self.stage == "warm_up" and self.start == "kmeans" and self.trainer.is_last_batch:
            held = self.trainer.strategy.reduce(self.held, reduce_op="sum")
            self.place_centres(self.encode_normal(batch), held == 0)
            self.held.zero_()

    def training_step(self, batch: SequenceBatch, batch_idx: int) -> Tensor | None:
        """Return the loss of the stage; ``zero_loss`` of a batch without training sequences."""
        normal = batch.where(batch.label != 1)
        if self.spread == 0:  # there was no warm-up, or it begins
            self.start_spread(normal)
        if self.stage == "self_training":
            self.update_anomaly_threshold(batch.where(batch.label == 0))
        rows = self.training_rows(batch)
        if not len(rows.tokens) or (self.stage == "self_training" and self.anomalous_from.isinf()):
            return self.zero_loss()
        loss = self.loss(rows)
        self.log(
            "train/loss", loss, on_step=False, on_epoch=True, batch_size=len(rows.tokens), sync_dist=True
        )
        return loss

    def training_rows(self, batch: SequenceBatch) -> SequenceBatch:
        """Return the sequences that the stage learns from."""
        if self.stage == "warm_up":
            return batch.where(batch.label != 1)
        if batch.label.isnan().all():
            raise InputError(
                f"the stage {self.stage} learns from labels of sequences, and the split shows none: "
                "--data.split.shown '[train, val]'"
            )
        return batch.where(~batch.label.isnan() if self.stage == "multiple_instance" else batch.label == 1)

    def loss(self, rows: SequenceBatch) -> Float[Tensor, ""]:
        """Return the loss of the stage on its training sequences."""
        sequence, labels = rows.bags()
        if self.stage == "warm_up":
            encoded = self.detector.encode(rows)
            near, far = self.detector.distances(encoded)
            nearest, second = near[rows.is_counted], far[rows.is_counted]
            self.update_spread(nearest)
            if self.training and self.start == "kmeans":
                self.held += self.detector.count_behaviours(encoded[rows.is_counted].detach())
            losses = multi_centre(nearest) + self.separation * separability(nearest, second)
            return sequence_means(losses, sequence, len(labels)).mean()
        if self.stage == "multiple_instance":
            return balanced_cross_entropy(*self.score_bags(rows))
        pseudo, soft = self.teach(rows)
        scores = self.scores(self.detector, rows)
        confident = confident_loss(scores, pseudo, sequence, len(labels))
        return confident + corrected_loss(scores, soft, pseudo, sequence, len(labels), self.hard_weight)

    def score_bags(self, rows: SequenceBatch) -> tuple[Float[Tensor, " s"], Float[Tensor, " s"]]:
        """Return scores and labels of sequences; class by class, since malicious ones are usually longer."""
        scores, classes = [], []
        for kind in (0, 1):
            part = rows.where(rows.label == kind)
            if len(part.tokens):
                sequence, labels = part.bags()
                scores.append(
                    bag_scores(self.scores(self.detector, part), sequence, len(labels), self.one_in)
                )
                classes.append(labels)
        return torch.cat(scores), torch.cat(classes)

    @torch.no_grad()
    def teach(self, rows: SequenceBatch) -> tuple[PseudoLabels, Float[Tensor, " n"]]:
        """Return hard labels by passes with dropout, and soft ones by the teacher; update ``tau_c``."""
        sequence, labels = rows.bags()
        passes = torch.stack([self.scores(self.detector, rows) for _ in range(self.passes)])
        shares = (self.high_share, self.middle_share, float(self.anomalous_from), float(self.clear))
        pseudo = pseudo_labels(passes, sequence, len(labels), *shares)
        self.clear.lerp_(pseudo.certainty, 1 - self.clear_momentum).clamp_(min=_CLEAR)
        return pseudo, self.teacher_scores(rows)

    def teacher_scores(self, rows: SequenceBatch) -> Float[Tensor, " n"]:
        """Return the teacher's score of each behaviour, without dropout."""
        return self.scores(cast(Detector, self.teacher.eval().module), rows)

    @torch.no_grad()
    def update_anomaly_threshold(self, normal: SequenceBatch) -> None:
        """Move ``tau_a`` towards the score that few behaviours of normal sequences exceed."""
        if len(normal.tokens):
            quantile = self.teacher_scores(normal).float().quantile(1 - self.false_share)
            has_threshold = not self.anomalous_from.isinf()
            self.anomalous_from.copy_(self.anomalous_from.lerp(quantile, 0.1) if has_threshold else quantile)

    @torch.no_grad()
    def start_spread(self, normal: SequenceBatch) -> None:
        """Set the usual distance from the spheres by one batch of normal behaviours."""
        if len(normal.tokens):
            self.update_spread(self.detector.distances(self.detector.encode(normal))[0][normal.is_counted])

    def update_spread(self, nearest: Float[Tensor, " n"]) -> None:
        """Move the usual distance towards that of a training batch."""
        if self.training:
            usual = nearest.detach().square().mean()
            self.spread.copy_(usual if self.spread == 0 else self.spread.lerp(usual, 0.01))

    def validation_step(self, batch: SequenceBatch, batch_idx: int) -> None:
        """Measure the loss: of the warm-up on normal sequences, later of the second stage.

        Self-training learns from its own labels, so that its loss does not measure its quality.
        """
        self.val_held += self.detector.count_behaviours(self.encode_normal(batch))
        if self.stage == "warm_up":
            rows = self.training_rows(batch)
            if len(rows.tokens):
                self.val_normal.update(self.loss(rows), weight=len(rows.bags()[1]))
            return
        rows = batch.where(~batch.label.isnan())
        if not len(rows.tokens):
            return
        scores, labels = self.score_bags(rows)
        self.val_ranking.update(scores, labels.long())
        for kind, metric in enumerate((self.val_normal, self.val_malicious)):
            in_class = labels == kind
            if in_class.any():
                loss = binary_cross_entropy(scores[in_class], labels[in_class], reduction="none")
                metric.update(loss)

    def on_validation_epoch_end(self) -> None:
        """Log the loss, in which both classes of sequence weigh the same, and how many spheres are in use."""
        metrics = (self.val_normal, self.val_malicious)
        held = self.trainer.strategy.reduce(self.val_held, reduce_op="sum")
        self.log("val/spheres", (held > 0).sum().float(), sync_dist=True)
        self.val_held.zero_()
        losses = [metric.compute() for metric in metrics if self.any_device(metric.update_called)]
        if not losses and self.trainer.sanity_checking:  # two batches, which may hold one kind only
            return
        if not losses:
            raise InputError(
                f"the stage {self.stage} needs validation sequences whose label is shown, and there is none: "
                "--data.split.shown '[train, val]'"
            )
        loss = torch.stack(losses).mean()
        if self.stage != "warm_up" and len(losses) == 2:
            precision = self.val_ranking.compute()
            self.log("val/session_ap", precision, prog_bar=True, sync_dist=True)
            loss = 1 - precision if self.selection == "session_ap" else loss
        self.log("val/loss", loss, prog_bar=True, sync_dist=True)
        for metric in (*metrics, self.val_ranking):
            metric.reset()

    def embed(self, batch: SequenceBatch) -> Float[Tensor, "n d"]:
        """Return behaviours in the context of their sequence; figures 5 and 6."""
        return self.detector.encode(batch)[batch.is_counted]

    def landmarks(self) -> Float[Tensor, "m d"]:
        """Return the centres of the spheres."""
        return self.detector.centres.weight

    def scores(self, detector: Detector, batch: SequenceBatch) -> Float[Tensor, " n"]:
        """Return the score of each behaviour that counts. Equation 5."""
        encoded = detector.encode(batch)
        score = deviation(detector.distances(encoded)[0], self.spread, self.squash)
        if self.classifies:
            score = self.alpha * detector.classify(encoded, batch) + (1 - self.alpha) * score
        return score[batch.is_counted]

    def score(self, batch: SequenceBatch) -> Float[Tensor, "b l"]:
        """Score behaviours; 0 in the padding."""
        scores = self.scores(self.detector, batch)
        return scores.new_zeros(batch.behaviour.shape).masked_scatter(batch.is_counted, scores)
