"""ChronosVector: a user-day is anomalous when it leaves the trajectory of the user's first 60 days.

Axes: U users, T calendar days, P active days of a user (pack_days to the left), S signals, Q quantiles, N
user-days.

Each signal goes through four steps, all of which know the past and the present day only:

    signal       how far, how fast, how different: large where the day is out of the ordinary
    own history  on request: minus the median of the user's baseline days, divided by their robust spread
    peers        on request: minus the median of the day in the department (in the company, if it is small)
    surprise     -log of the share of training days that lie as high or higher: a one-sided p-value

The score is a weighted sum of surprises. Without any activity there is no evidence, and it is 0.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.methods.base import Method
from itd_lightning.methods.chronos.signals import (
    SIGNALS,
    Anchor,
    PackedDays,
    Signal,
    TrajectorySignals,
    baseline_days,
    pack_days,
)
from itd_lightning.numerics.surprise import FEW_PEERS, beside_peers, tail_quantiles, tail_surprise
from itd_lightning.numerics.weights import logistic_weights

_Weights = Literal["measured", "equal", "documented", "learned"]
_NAMED_WEIGHTS: dict[str, dict[Signal, float]] = {
    "measured": {"drift": 4.0, "change": 1.0},  # the best of validation days: experiments/chronos
    "documented": {"velocity": 1.0, "drift": 1.0, "change": 1.0},  # the parts of the page's threat score
}
_FEW_DAYS = 200  # training days, below which no separate quantiles are taken


def _first_weights(
    weights: _Weights | Sequence[float], given: Sequence[Signal], signals: Sequence[Signal]
) -> Float[Tensor, " s"]:
    """Return the weights before training; they add up to 1.

    Args:
        weights: A name, or one number for each of the given signals.
        given: Signals as they were given.
        signals: The same in their order.

    Raises:
        ValueError: If they weigh none of the signals, or one by a negative number.
    """
    if not isinstance(weights, str):
        by_signal = dict(zip(given, weights, strict=False)) if len(weights) == len(given) else {}
    else:
        by_signal = _NAMED_WEIGHTS.get(weights, dict.fromkeys(signals, 1.0))
    counts = torch.tensor([float(by_signal.get(signal, 0.0)) for signal in signals])
    if not (counts.isfinite().all() and (counts >= 0).all() and counts.sum() > 0):
        raise ValueError(
            f"weights {weights} fit no signal of {', '.join(signals)}: give equal, or one number for each"
        )
    return counts / counts.sum()


def _masked_median(values: Float[Tensor, "u p"], mask: Bool[Tensor, "u p"]) -> Float[Tensor, " u"]:
    """Return the median over the mask, the lower one of two; 0 of nothing."""
    middle = torch.where(mask, values, torch.nan).nanmedian(dim=1).values
    return middle.nan_to_num(0.0)


class Chronos(Method[TrajectoryBatch]):
    """A threat score from drift and change points; velocity, hours, signatures and more on request.

    The anchor is the mean of a user's baseline. In it the user is in warm-up: signals refer to the days so
    far and are compared with training users in their own warm-up, not with a history that is not there yet.

    ``TrajectorySignals`` defines the signals; they are of active days only, so that a weekend is no jump.

    Which signals count and how they are calibrated was chosen by the PR-AUC of validation days, on a genuine
    slice and on a thinned one alike (``experiments/chronos``): drift and change in the features as they are
    (``--data.log false``), a small ``prior``, neither own history nor peers.

    Args:
        width: Features a day, D.
        signals: Which signals count; one of them alone is a detector of its own.
        weights: ``measured``: drift four times change, which validation chose; ``equal``; ``documented``:
            velocity, drift and change alike, as in the page's threat score; ``learned``: a logistic
            regression on validation days, whose labels the split must show; or one number for each signal.
        baseline: Days of the anchor.
        anchor: What the anchor rests on: the user's first ``baseline`` ``active`` days, the active ones of as
            many ``calendar`` days, or the active days just before each day (``trailing``), which forgives a
            drift that is slow enough. Only drift, hours and signatures follow a trailing anchor.
        prior: Weight of the company's spread in the spread of each user's features, in days. The smaller, the
            more counts what this user never did before: the first event of a kind.
        own_history: Whether a signal is measured by the user's own baseline: minus its median, divided by its
            robust spread. Users then differ less, and whoever is restless by nature is forgiven more.
        peers: Whether the median of the department's day (of the company's, if few are there) is subtracted.
        window: Active days of a signature.
        depth: Its levels, 2 or 3.
        recent: Active days for which a change counts.
        shortest: Active days of a segment between changes.
        prefix: Measure a change against all days before it, as the original does.
        hierarchical: Add how unusual the department's day is, the user left out: departments first, then
            individuals. The page plans it and says no more; half of the department's mean is our choice.
        quantiles: Points Q of the distribution that p-values are read from.

    Raises:
        ValueError: If a signal is unknown or none is given, weights fit none, or a number is out of range.

    Source:
        ChronosVector, research page on insider threat detection, methodology. The page does not say how
        signals are calibrated and combined; both are ours. Departure: everything is causal, and the signature
        is exact.
    """

    columns_argument = "width"

    def __init__(
        self,
        width: int = 12,
        signals: Sequence[Signal] = ("drift", "change"),
        weights: _Weights | Sequence[float] = "measured",
        baseline: int = 60,
        anchor: Anchor = "active",
        prior: float = 0.01,
        own_history: bool = False,
        peers: bool = False,
        window: int = 14,
        depth: int = 2,
        recent: int = 30,
        shortest: int = 7,
        prefix: bool = False,
        hierarchical: bool = False,
        quantiles: int = 512,
    ) -> None:
        super().__init__(None)
        self.save_hyperparameters()
        names = [signal for signal in SIGNALS if signal in signals]
        if not names or len(names) != len(signals):
            raise ValueError(f"signals must be some of {', '.join(SIGNALS)}, got {list(signals)}")
        if baseline < 2 or window < 2 or shortest < 1 or recent < 1 or depth not in (2, 3) or quantiles < 2:
            raise ValueError(
                "baseline and window need two days, quantiles two points, and depth is 2 or 3, got "
                f"{baseline}, {window}, {quantiles}, {depth}; recent {recent}, shortest {shortest}"
            )
        if not 0 < prior < math.inf or anchor not in get_args(Anchor):
            raise ValueError(f"prior must be above 0 and anchor one of {', '.join(get_args(Anchor))}")
        self.signals, self.weighting, self.baseline, self.anchor = tuple(names), weights, baseline, anchor
        self.width = width
        self.own_history, self.peers, self.hierarchical = own_history, peers, hierarchical
        self.raw = TrajectorySignals(
            width, names, baseline, anchor, prior, window, depth, recent, shortest, prefix
        )
        self.register_buffer("spread", torch.ones(len(names)))
        self.register_buffer("tails", torch.zeros(2, len(names), quantiles + 1))
        self.register_buffer("weight", _first_weights(weights, signals, names))
        self.spread: Tensor
        self.tails: Tensor
        self.weight: Tensor

    def training_step(self, batch: TrajectoryBatch, batch_idx: int) -> None:
        """Fit spreads and quantiles to the training days, all of which are in the batch."""
        if (width := batch.values.shape[2]) != self.width:
            raise InputError(f"the view has {width} features a day: give --model.width {width}")
        days = pack_days(batch)
        self.raw.fit(days)
        signals, warm_up = self.raw(days)
        first = baseline_days(days, self.baseline, self.anchor)
        spread = torch.stack(
            [self.own_spread_of(signals[..., s], first) for s in range(len(self.signals))], dim=1
        )
        self.spread.copy_(spread.nanmedian(dim=0).values.nan_to_num(1.0).clamp(min=1e-6))
        later = days.mask & ~first
        # A short training part has no later days; the baseline's own stand in, though they fit too well.
        own = later if int(later.sum()) >= _FEW_DAYS else days.mask
        deviations = self.deviations(signals, warm_up, first)
        for mode, (values, where) in enumerate(zip(deviations, (own, first), strict=True)):
            for s in range(len(self.signals)):
                differences = self.peer_differences(values[..., s], where, days, batch)
                self.tails[mode, s] = tail_quantiles(differences, self.tails.shape[2] - 1)

    def validation_step(self, batch: TrajectoryBatch, batch_idx: int) -> None:
        """Fit the weights, where the config asks for it; log the mean score of the units."""
        if self.weighting == "learned" and not self.trainer.sanity_checking:
            self.learn_weights(self.surprises(batch), batch)
        score = self.score(batch)[batch.is_scored]
        self.log("val/loss", score.mean(), batch_size=len(score), sync_dist=True)

    def score(self, batch: TrajectoryBatch) -> Float[Tensor, "u t"]:
        """Return the weighted surprise of each user-day, in nats; 0 for a day without activity."""
        return self.parts(batch).sum(dim=2)

    def explain(self, batch: TrajectoryBatch) -> Explanation:
        """Return the part of each signal in the score, and of the department where it counts.

        The part of the drift is shared out to the features that it consists of, by their squared deviations.
        """
        parts = self.parts(batch)[batch.is_scored]
        names = (*self.signals, "department") if self.hierarchical else self.signals
        if "drift" not in names:
            return Explanation(parts, torch.zeros_like(parts), names)
        drift, rest = names.index("drift"), [at for at, name in enumerate(names) if name != "drift"]
        shares, anchor = (cells[batch.is_scored] for cells in self.drift_shares(batch))
        others = parts[:, rest]
        return Explanation(
            parts=torch.cat([parts[:, [drift]] * shares, others], dim=1),
            expected=torch.cat([anchor, torch.zeros_like(others)], dim=1),
            others=tuple(names[at] for at in rest),
        )

    def drift_shares(self, batch: TrajectoryBatch) -> tuple[Float[Tensor, "u t d"], Float[Tensor, "u t d"]]:
        """Return the features' shares in each day's drift, and the day's anchor; 0 without activity."""
        days = pack_days(batch)
        user = torch.arange(len(batch.active), device=days.mask.device)[:, None].expand_as(days.column)
        cells = torch.zeros_like(batch.values), torch.zeros_like(batch.values)
        for target, values in zip(cells, self.raw.drift_shares(days), strict=True):
            target[user[days.mask], days.column[days.mask]] = values[days.mask]
        return cells

    def parts(self, batch: TrajectoryBatch) -> Float[Tensor, "u t k"]:
        """Return the weighted surprise of each signal, then the department's day where it counts."""
        individual = self.surprises(batch) * self.weight
        if not self.hierarchical:
            return individual
        # Among its own members, a department's day is usual; so it is compared with the company.
        company = self.surprises(batch, batch._replace(group=torch.full_like(batch.group, -1))) @ self.weight
        return torch.cat([individual, 0.5 * self.department(company, batch).unsqueeze(2)], dim=2)

    def department(self, score: Float[Tensor, "u t"], batch: TrajectoryBatch) -> Float[Tensor, "u t"]:
        """Return the mean score of the others active in the department that day; 0 where too few."""
        users, days = score.shape
        groups = int(batch.group.max()) + 2
        place = (torch.arange(days, device=score.device) * groups + batch.group + 1).flatten()
        member = (batch.active & (batch.group >= 0)).to(score.dtype)
        cells = score.new_zeros(2, days * groups)
        cells.index_add_(1, place, torch.stack([(score * member).flatten(), member.flatten()]))
        total, count = cells[:, place].reshape(2, users, days)
        return torch.where((member > 0) & (count > FEW_PEERS), (total - score) / (count - 1), 0.0)

    def surprises(
        self, batch: TrajectoryBatch, peers: TrajectoryBatch | None = None
    ) -> Float[Tensor, "u t s"]:
        """Return the surprise of each signal on each calendar day; 0 without activity.

        Args:
            batch: The company.
            peers: The same with other groups, where peers are not the department.
        """
        if not batch.active.any():
            return batch.values.new_zeros(*batch.active.shape, len(self.signals))
        days = pack_days(batch)
        signals, warm_up = self.raw(days)
        early = baseline_days(days, self.baseline, self.anchor)
        deviations = self.deviations(signals, warm_up, early)
        surprises = batch.values.new_zeros(*batch.active.shape, len(self.signals))
        user = torch.arange(len(surprises), device=surprises.device)[:, None].expand_as(days.column)
        for mode, (values, where) in enumerate(zip(deviations, (~early, early), strict=True)):
            cells = days.mask & where
            for s in range(len(self.signals)):
                differences = self.peer_differences(values[..., s], cells, days, peers or batch)
                surprises[user[cells], days.column[cells], s] = tail_surprise(
                    differences, self.tails[mode, s]
                )
        return surprises

    def peer_differences(
        self,
        values: Float[Tensor, "u p"],
        mask: Bool[Tensor, "u p"],
        days: PackedDays,
        batch: TrajectoryBatch,
    ) -> Float[Tensor, " n"]:
        """Return the values in the mask, minus the median of the active peers of the day if peers count."""
        if not mask.any():
            return values.new_zeros(0)
        if not self.peers:
            return values[mask]
        return beside_peers(values[mask], days.column[mask], batch.group.gather(1, days.column)[mask])

    def own_spread_of(self, signal: Float[Tensor, "u p"], first: Bool[Tensor, "u p"]) -> Float[Tensor, " u"]:
        """Return the robust standard deviation of a signal over each baseline; NaN where it does not vary."""
        values, where = signal[:, : self.baseline], first[:, : self.baseline]
        distance = (values - _masked_median(values, where)[:, None]).abs()
        spread = 1.4826 * _masked_median(distance, where)
        return torch.where(spread > 0, spread, torch.nan)

    def deviations(
        self, signals: Float[Tensor, "u p s"], warm_up: Float[Tensor, "u p s"], first: Bool[Tensor, "u p"]
    ) -> tuple[Float[Tensor, "u p s"], Float[Tensor, "u p s"]]:
        """Return the signals as they are calibrated: of later days, and of the baseline ``first``."""
        if not self.own_history:
            return signals, warm_up
        return self.own_deviations(signals, first), warm_up / self.spread

    def own_deviations(
        self, signals: Float[Tensor, "u p s"], first: Bool[Tensor, "u p"]
    ) -> Float[Tensor, "u p s"]:
        """Return each signal minus its median over the user's baseline, in robust standard deviations.

        The spread is at least half of what is usual among training users: a user without any variation in 60
        days is not infinitely surprising on the next one.
        """
        deviations = torch.empty_like(signals)
        where = first[:, : self.baseline]
        for s in range(len(self.signals)):
            spread = self.own_spread_of(signals[..., s], first).nan_to_num(0.0)
            spread = torch.maximum(spread, self.spread[s] / 2)
            middle = _masked_median(signals[:, : self.baseline, s], where)
            deviations[..., s] = (signals[..., s] - middle[:, None]) / spread[:, None]
        return deviations

    def learn_weights(self, surprises: Float[Tensor, "u t s"], batch: TrajectoryBatch) -> None:
        """Fit a logistic regression to the labels of validation days; no weight is negative.

        A negative one would reward unusual days. Malicious days are few, so both classes count alike, and a
        small penalty keeps weights finite.

        Raises:
            InputError: If the split shows no malicious validation day.
        """
        labelled = batch.is_scored & batch.active & ~batch.label.isnan()
        label, features = batch.label[labelled], surprises[labelled]
        if not (label == 1).any() or (label == 1).all():
            raise InputError(
                "weights are learned from labelled validation days, and none is shown to be malicious: give "
                "--data.split.shown '[val]', a longer validation part, or --model.weights equal"
            )
        with torch.inference_mode(mode=False), torch.enable_grad():
            self.weight.copy_(logistic_weights(features.clone(), label.clone()))
