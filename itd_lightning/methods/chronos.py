"""ChronosVector: a user-day is anomalous when the user leaves the trajectory that the first 60 days drew.

Axes: U users, T calendar days, P active days of a user (packed to the left), D features, S signals, K
coordinates of a signature, Q quantiles, N user-days.

Each signal goes through four steps, all of which know the past and the present day only:

    signal       how far, how fast, how different: large where the day is out of the ordinary
    own history  minus the median of the user's baseline days, divided by their robust spread
    peers        minus the median of the same day in the department (in the company, if it is small)
    surprise     -log of the share of training days that lie as high or higher: a one-sided p-value

The score is a weighted sum of surprises. Without any activity there is no evidence, and it is 0.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.base import Method
from itd_lightning.numerics.change_points import bic_penalty, last_changes, severity
from itd_lightning.numerics.events_in_time import unusual_hours
from itd_lightning.numerics.signature import sliding_with_time
from itd_lightning.numerics.surprise import FEW_PEERS, beside_peers, tail_quantiles, tail_surprise
from itd_lightning.numerics.trajectory import (
    anchors,
    arriving_acceleration,
    arriving_velocity,
    running_anchors,
)

Signal = Literal["velocity", "drift", "acceleration", "change", "circadian", "signature"]
Weights = Literal["equal", "documented", "learned"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)
DOCUMENTED = ("velocity", "drift", "change")  # of which the page's threat score is made

YEAR = 365  # days that the penalty of a change reckons with
PRIOR = 10.0  # baseline days that the company's spread counts for beside the user's own
FEW_DAYS = 200  # training days, below which no separate quantiles are taken
BLOCK = 64  # users whose signatures are in memory together
Mode = Literal["known", "warm_up"]


class Packed(NamedTuple):
    """Active days of each user, without the gaps between them.

    Attributes:
        values: Daily features, float32 ``(U, P, D)``.
        hours: Events in each hour, float32 ``(U, P, 24)``.
        day: Days since any origin, float32 ``(U, P)``, rising, in padding too.
        known: What is no padding, bool ``(U, P)``.
        at: Column of each day on the calendar, int64 ``(U, P)``.
    """

    values: Tensor
    hours: Tensor
    day: Tensor
    known: Tensor
    at: Tensor

    def first(self, days: int) -> "Packed":
        """The first so many days of each user."""
        return Packed(*(part[:, :days] for part in self))


def packed(batch: TrajectoryBatch) -> Packed:
    """Move the active days of each user to the left, in their order."""
    active = batch.active
    longest = int(active.sum(dim=1).max()) if active.numel() else 0
    order = (~active).to(torch.int8).argsort(dim=1, stable=True)[:, :longest]
    known = active.gather(1, order)
    rank = torch.arange(longest, device=active.device)
    # Padding goes on from the last day, so that no time is negative.
    day = torch.where(known, batch.day.to(torch.float32)[order], 0.0).cummax(dim=1).values + ~known * rank
    return Packed(
        values=batch.values.gather(1, wide(order, batch.values)) * known.unsqueeze(2),
        hours=batch.hours.gather(1, wide(order, batch.hours)) * known.unsqueeze(2).to(batch.values.dtype),
        day=day,
        known=known,
        at=order,
    )


def wide(at: Int[Tensor, "u p"], like: Tensor) -> Int[Tensor, "u p k"]:
    """Places repeated along the last axis."""
    return at.unsqueeze(2).expand(-1, -1, like.shape[2])


def own_spread(days: Packed, baseline: int) -> Float[Tensor, "u d"]:
    """Standard deviation of each feature over a user's baseline, drawn towards the company's, which is 1.

    Without the prior, the first day on which somebody uses a device would outweigh everything else.
    """
    used = (days.known[:, :baseline]).to(days.values.dtype).unsqueeze(2)
    count = used.sum(dim=1)
    first = days.values[:, :baseline]
    mean = (first * used).sum(dim=1, keepdim=True) / count.clamp(min=1).unsqueeze(1)
    squares = ((first - mean).square() * used).sum(dim=1)
    return ((squares + PRIOR) / (count + PRIOR)).sqrt()


def median_of(values: Float[Tensor, "u p"], used: Bool[Tensor, "u p"]) -> Float[Tensor, " u"]:
    """Median over what is used, the lower one of two; 0 of nothing."""
    middle = torch.where(used, values, torch.nan).nanmedian(dim=1).values
    return middle.nan_to_num(0.0)


class Chronos(Method[TrajectoryBatch]):
    """Threat score from velocity, drift, acceleration, change points, circadian disruption and signatures.

    The anchor is the mean of a user's first ``baseline`` active days. While there are fewer, the user is in
    warm-up: signals refer to the days so far and are compared with training users in their own warm-up, and
    with peers of the same day, not with a history that is not there yet.

    Signals, on active days only (P of them, so that a weekend is no jump):

    - ``velocity``, ``acceleration``: norm of the newest one-sided differences, per day.
    - ``drift``: distance to the anchor.
    - ``change``: severity of the newest change point, until it is ``recent`` days old; it is known after
      ``shortest`` days. One pass of exact optimal partitioning gives it for all days.
    - ``circadian``: surprise of the day's active hours beside those of the baseline.
    - ``signature``: distance of the last ``window`` days' signature to its mean over the baseline.

    Features are divided by the user's own spread first, shrunk towards the company's.

    Args:
        width: Features a day, D.
        signals: Which signals count; one of them alone is a detector of its own.
        weights: ``equal``; ``documented``: velocity, drift and change alike, as in the page's threat score;
            ``learned``: a logistic regression on validation days, whose labels the split must show.
        baseline: Active days of the anchor.
        window: Active days of a signature.
        depth: Its levels, 2 or 3.
        recent: Active days for which a change counts.
        shortest: Active days of a segment between changes.
        prefix: Measure a change against all days before it, as the original does.
        hierarchical: Add how unusual the department's day is, the user left out: departments first, then
            individuals. The page plans it and says no more; half of the department's mean is our choice.
        quantiles: Points Q of the distribution that p-values are read from.

    Raises:
        ValueError: If a signal is unknown or none is given, or a number is out of range.

    Source:
        ChronosVector, research page on insider threat detection, methodology. The page does not say how
        signals are calibrated and combined; both are ours. Departure: everything is causal, and the signature
        is exact.
    """

    def __init__(
        self,
        width: int = 12,
        signals: Sequence[Signal] = SIGNALS,
        weights: Weights = "equal",
        baseline: int = 60,
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
        chosen = [signal for signal in SIGNALS if signal in signals]
        if not chosen or len(chosen) != len(signals):
            raise ValueError(f"signals must be some of {', '.join(SIGNALS)}, got {list(signals)}")
        if weights not in get_args(Weights) or (weights == "documented" and not {*chosen} & {*DOCUMENTED}):
            raise ValueError(f"weights {weights} fit no signal of {', '.join(chosen)}")
        if baseline < 2 or window < 2 or shortest < 1 or recent < 1 or depth not in (2, 3) or quantiles < 2:
            raise ValueError(
                "baseline and window need two days, quantiles two points, and depth is 2 or 3, got "
                f"{baseline}, {window}, {quantiles}, {depth}; recent {recent}, shortest {shortest}"
            )
        self.signals, self.weighting, self.baseline, self.window = tuple(chosen), weights, baseline, window
        self.depth, self.recent, self.shortest, self.prefix = depth, recent, shortest, prefix
        self.hierarchical = hierarchical
        channels = width + 1
        coordinates = sum(channels**level for level in range(1, depth + 1))
        self.register_buffer("scale", torch.ones(coordinates))
        self.register_buffer("spread", torch.ones(len(chosen)))
        self.register_buffer("reference", torch.zeros(2, len(chosen), quantiles + 1))
        self.register_buffer("weight", self.first_weights())
        self.scale: Tensor
        self.spread: Tensor
        self.reference: Tensor
        self.weight: Tensor

    def first_weights(self) -> Float[Tensor, " s"]:
        """Weights before anything is learned; they add up to 1."""
        counts = torch.tensor(
            [float(self.weighting != "documented" or signal in DOCUMENTED) for signal in self.signals]
        )
        return counts / counts.sum()

    def training_step(self, batch: TrajectoryBatch, batch_idx: int) -> None:
        """Learn what is usual from the training days, all of which are in the batch."""
        days = packed(batch)
        if "signature" in self.signals:
            self.scale.copy_(self.signature_scale(days))
        known, warm_up = self.raw_signals(days)
        used = days.known
        spread = torch.stack(
            [self.own_spread_of(known[..., s], used) for s in range(len(self.signals))], dim=1
        )
        self.spread.copy_(spread.nanmedian(dim=0).values.nan_to_num(1.0).clamp(min=1e-6))
        later = used & (torch.arange(used.shape[1], device=used.device) >= self.baseline)
        # A short training part has no later days; the baseline's own stand in, though they fit too well.
        own = later if int(later.sum()) >= FEW_DAYS else used
        first = used & ~later
        deviations = (self.beside_history(known, days), warm_up / self.spread)
        for mode, (values, where) in enumerate(zip(deviations, (own, first), strict=True)):
            for s in range(len(self.signals)):
                chosen = self.beside_peers(values[..., s], where, days, batch)
                self.reference[mode, s] = tail_quantiles(chosen, self.reference.shape[2] - 1)

    def validation_step(self, batch: TrajectoryBatch, batch_idx: int) -> None:
        """Learn the weights, where they are to be learned; log the mean score of the units."""
        if self.weighting == "learned" and not self.trainer.sanity_checking:
            self.learn_weights(self.surprises(batch), batch)
        score = self.score(batch)[batch.scored]
        self.log("val/loss", score.mean(), batch_size=len(score))

    def score(self, batch: TrajectoryBatch) -> Float[Tensor, "u t"]:
        """Weighted surprise of each user-day, in nats; 0 for a day without activity."""
        individual = self.surprises(batch) @ self.weight
        if not self.hierarchical:
            return individual
        # Beside the department, what all of it does is usual; so its own day is seen beside the company.
        abroad = self.surprises(batch, batch._replace(group=torch.full_like(batch.group, -1))) @ self.weight
        return individual + 0.5 * self.department(abroad, batch)

    def department(self, score: Float[Tensor, "u t"], batch: TrajectoryBatch) -> Float[Tensor, "u t"]:
        """Mean score of the others who are active in the department on the day; 0 where they are too few."""
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
        """Surprise of each signal on each calendar day; 0 where nothing happened.

        Args:
            batch: The company.
            peers: The same with other groups, if it is not the departments that are peers.
        """
        if not batch.active.any():
            return batch.values.new_zeros(*batch.active.shape, len(self.signals))
        days = packed(batch)
        known, warm_up = self.raw_signals(days)
        early = torch.arange(days.known.shape[1], device=days.known.device) < self.baseline
        deviations = (self.beside_history(known, days), warm_up / self.spread)
        found = batch.values.new_zeros(*batch.active.shape, len(self.signals))
        user = torch.arange(len(found), device=found.device)[:, None].expand_as(days.at)
        for mode, (values, where) in enumerate(zip(deviations, (~early, early), strict=True)):
            chosen = days.known & where
            for s in range(len(self.signals)):
                beside = self.beside_peers(values[..., s], chosen, days, peers or batch)
                found[user[chosen], days.at[chosen], s] = tail_surprise(beside, self.reference[mode, s])
        return found

    def beside_peers(
        self,
        values: Float[Tensor, "u p"],
        chosen: Bool[Tensor, "u p"],
        days: Packed,
        batch: TrajectoryBatch,
    ) -> Float[Tensor, " n"]:
        """Chosen values minus what is usual among those who are active on the day."""
        if not chosen.any():
            return values.new_zeros(0)
        return beside_peers(values[chosen], days.at[chosen], batch.group.gather(1, days.at)[chosen])

    def own_spread_of(self, signal: Float[Tensor, "u p"], used: Bool[Tensor, "u p"]) -> Float[Tensor, " u"]:
        """Robust standard deviation of a signal over each user's baseline; NaN where it does not vary."""
        first, where = signal[:, : self.baseline], used[:, : self.baseline]
        away = (first - median_of(first, where)[:, None]).abs()
        found = 1.4826 * median_of(away, where)
        return torch.where(found > 0, found, torch.nan)

    def beside_history(self, signals: Float[Tensor, "u p s"], days: Packed) -> Float[Tensor, "u p s"]:
        """Each signal minus its median over the user's baseline, in robust standard deviations.

        The spread is at least half of what is usual among training users: a user without any variation in 60
        days is not infinitely surprising on the next one.
        """
        found = torch.empty_like(signals)
        where = days.known[:, : self.baseline]
        for s in range(len(self.signals)):
            spread = self.own_spread_of(signals[..., s], days.known).nan_to_num(0.0)
            spread = torch.maximum(spread, self.spread[s] / 2)
            middle = median_of(signals[:, : self.baseline, s], where)
            found[..., s] = (signals[..., s] - middle[:, None]) / spread[:, None]
        return found

    def raw_signals(self, days: Packed) -> tuple[Float[Tensor, "u p s"], Float[Tensor, "u p s"]]:
        """Signals against the whole baseline, and, for days within it, against the days so far (0 later)."""
        first = days.first(self.baseline)
        spread = own_spread(days, self.baseline)[:, None]
        own = days._replace(values=days.values / spread)
        anchor = anchors(own.values, own.known, self.baseline)[:, None]
        usual = (first.hours > 0).to(own.values.dtype).sum(dim=1, keepdim=True)
        count = first.known.sum(dim=1, keepdim=True).to(own.values.dtype)
        known = self.signals_of(own, anchor, usual, count)
        so_far = (first.hours > 0).to(own.values.dtype).cumsum(dim=1)
        usual = torch.cat([torch.zeros_like(so_far[:, :1]), so_far[:, :-1]], dim=1)
        count = torch.arange(first.known.shape[1], device=count.device).to(count.dtype)[None]
        anchor = running_anchors(first.values, first.known, self.baseline)
        early = self.signals_of(first, anchor, usual, count.expand(len(usual), -1))
        return known, pad(early, (0, 0, 0, known.shape[1] - early.shape[1]))

    def signals_of(
        self,
        days: Packed,
        anchor: Float[Tensor, "u _ d"],
        usual: Float[Tensor, "u _ h"],
        count: Float[Tensor, "u _"],
    ) -> Float[Tensor, "u p s"]:
        """All signals of some days.

        Args:
            days: Active days.
            anchor: Where each day should be.
            usual: On how many of the days so far, or of the baseline, something happened in each hour.
            count: Number of these days.
        """
        found = []
        for signal in self.signals:
            if signal == "velocity":
                found.append(arriving_velocity(days.values, days.day).norm(dim=2))
            elif signal == "acceleration":
                found.append(arriving_acceleration(days.values, days.day).norm(dim=2))
            elif signal == "drift":
                found.append((days.values - anchor).norm(dim=2))
            elif signal == "change":
                found.append(self.change(days.values))
            elif signal == "circadian":
                found.append(
                    unusual_hours(days.hours, usual.expand_as(days.hours), count.expand_as(days.day))
                )
            else:
                found.append(self.signature_distance(days, so_far=anchor.shape[1] > 1))
        return torch.stack(found, dim=2)

    def change(self, values: Float[Tensor, "u p d"]) -> Float[Tensor, "u p"]:
        """Severity of the newest change, while it is recent."""
        changes = last_changes(values, bic_penalty(YEAR, values.shape[2]), self.shortest)
        age = torch.arange(values.shape[1], device=values.device) - changes.change
        found = severity(values, changes, 10 if self.prefix else None, prefix=self.prefix)
        return found * (age < self.recent)

    def signatures(self, days: Packed) -> Float[Tensor, "u p k"]:
        """Signature of the days that end on each day."""
        return sliding_with_time(days.values.double(), days.day.double(), self.window, self.depth).float()

    def signature_scale(self, days: Packed) -> Float[Tensor, " k"]:
        """Standard deviation of each coordinate about each user's own baseline mean, over all of them."""
        squares, count = torch.zeros_like(self.scale, dtype=torch.float64), 0
        first = days.first(self.baseline)
        spread = own_spread(days, self.baseline)[:, None]
        for block in blocks(first._replace(values=first.values / spread)):
            found, used = self.signatures(block), block.known.unsqueeze(2)
            away = (found - mean_over(found, block.known)) * used
            squares += away.double().square().sum(dim=(0, 1))
            count += int(block.known.sum())
        deviation = (squares / max(count, 1)).sqrt().to(self.scale.dtype)
        return torch.where(deviation > 0, deviation, 1.0)

    def signature_distance(self, days: Packed, *, so_far: bool) -> Float[Tensor, "u p"]:
        """Root mean square distance to the signature's mean over the baseline, in standard deviations.

        Args:
            days: Active days.
            so_far: Whether the mean is that of the days before each day instead.
        """
        found = []
        for block in blocks(days):
            every = self.signatures(block)
            usual = (
                running_anchors(every, block.known, self.baseline)
                if so_far
                else mean_over(every[:, : self.baseline], block.known[:, : self.baseline])
            )
            found.append(((every - usual) / self.scale).square().mean(dim=2).sqrt())
        return torch.cat(found)

    def learn_weights(self, surprises: Float[Tensor, "u t s"], batch: TrajectoryBatch) -> None:
        """Fit a logistic regression to the labels of validation days; no weight is negative.

        A negative one would reward unusual days. Malicious days are few, so both classes count alike, and a
        small penalty keeps weights finite.

        Raises:
            InputError: If the split shows no malicious validation day.
        """
        shown = batch.scored & batch.active & ~batch.label.isnan()
        label, features = batch.label[shown], surprises[shown]
        if not (label == 1).any() or (label == 1).all():
            raise InputError(
                "weights are learned from labelled validation days, and none is shown to be malicious: give "
                "--data.split.shown '[val]', a longer validation part, or --model.weights equal"
            )
        with torch.inference_mode(mode=False), torch.enable_grad():
            self.weight.copy_(logistic_weights(features.clone(), label.clone()))


def logistic_weights(features: Float[Tensor, "n s"], label: Float[Tensor, " n"]) -> Float[Tensor, " s"]:
    """Weights of a balanced logistic regression, none negative, scaled to add up to 1; equal if all are 0."""
    class_weight = torch.where(label == 1, 0.5 / label.sum(), 0.5 / (1 - label).sum())
    weight = torch.full((features.shape[1],), 0.1, requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        logits = features @ weight.square() + bias  # squares are never negative
        fit = binary_cross_entropy_with_logits(logits, label, class_weight, reduction="sum")
        value = fit + 1e-3 * weight.square().square().sum()
        value.backward()
        return value

    search.step(loss)
    found = weight.detach().square()
    total = found.sum()
    return found / total if total > 0 else torch.full_like(found, 1 / len(found))


def mean_over(values: Float[Tensor, "u p k"], used: Bool[Tensor, "u p"]) -> Float[Tensor, "u 1 k"]:
    """Mean over each user's used days."""
    total = torch.einsum("upk,up->uk", values, used.to(values.dtype))
    return (total / used.sum(dim=1, keepdim=True).clamp(min=1)).unsqueeze(1)


def blocks(days: Packed) -> list[Packed]:
    """Users in blocks whose signatures fit in memory."""
    return [Packed(*parts) for parts in zip(*(part.split(BLOCK) for part in days), strict=True)]
