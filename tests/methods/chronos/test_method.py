"""Tests of Chronos: causality, defined scores for unusual users, and planted anomalies."""

import pytest
import torch
from torch import Tensor

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import Chronos
from itd_lightning.methods.chronos.signals import SIGNALS, Signal, baseline_days, pack_days
from itd_lightning.numerics.weights import logistic_weights

USERS, DAYS, BASELINE = 12, 140, 30
ODD, DAY = 3, 108  # who does something odd, and when


def company(seed: int = 0, users: int = USERS, days: int = DAYS) -> TrajectoryBatch:
    """Return users in two departments who work Monday to Friday, 9 to 17, with four features."""
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(users, days, 4, generator=draw)
    day = torch.arange(days) + 14_613  # a Monday
    active = (torch.arange(days) % 7 < 5).expand(users, days).clone()
    hours = torch.zeros(users, days, 24, dtype=torch.int16)
    hours[:, :, 9:17] = torch.randint(1, 5, (users, days, 8), generator=draw, dtype=torch.int16)
    group = (torch.arange(users) % 2)[:, None].expand(users, days).clone()
    unit = torch.arange(users * days).view(users, days)
    batch = TrajectoryBatch(
        values, active, hours * active[..., None], day, group, unit, torch.full((users, days), torch.nan)
    )
    return odd(batch)


def odd(batch: TrajectoryBatch, user: int = ODD, day: int = DAY) -> TrajectoryBatch:
    """Let a user do a lot in the night of a day, Monday to Friday."""
    batch.values[user, day] += 6.0
    batch.hours[user, day, 2] = 40
    return batch


def until(batch: TrajectoryBatch, day: int) -> TrajectoryBatch:
    """Return the days before this one."""
    cut = {name: getattr(batch, name)[:, :day] for name in batch._fields if name != "day"}
    return TrajectoryBatch(**cut, day=batch.day[:day])


CALIBRATED = {"signals": SIGNALS, "weights": "equal", "prior": 10.0, "own_history": True, "peers": True}


def fitted(**options: object) -> Chronos:
    """Return Chronos on 100 harmless days, with all signals and steps unless the options say otherwise."""
    settings = CALIBRATED | options
    method = Chronos(width=4, baseline=BASELINE, quantiles=64, **settings)  # type: ignore[arg-type]
    with torch.no_grad():
        method.training_step(until(company(seed=1), 100), 0)
    return method


@pytest.fixture(scope="module")
def method() -> Chronos:
    """Return Chronos with all signals."""
    return fitted()


def test_what_is_odd_scores_highest(method: Chronos) -> None:
    score = method.score(company())
    assert score.flatten().argmax() == ODD * DAYS + DAY


@pytest.mark.parametrize("signal", [name for name in SIGNALS if name not in ("change", "persistence")])
def test_each_signal_alone_finds_what_it_is_for(signal: Signal) -> None:
    score = fitted(signals=[signal]).score(company())
    assert score[ODD, DAY : DAY + 14].max() == score[:, BASELINE * 2 :].max()


def test_a_lasting_change_is_found_a_week_later() -> None:
    batch = company()
    batch.values[5, 100:] += 2.0
    score = fitted(signals=["change"]).score(batch)
    alarms = score[5].nonzero().flatten()
    # Seven active days, of which the best cut may put one or two before the change.
    assert 106 <= int(alarms[alarms > 90][0]) <= 110
    assert score[5].max() == score.max()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hierarchical": True},
        {"prefix": True},
        {"depth": 3},
        {"anchor": "calendar"},
        {"anchor": "trailing"},
        {"own_history": False, "peers": False},
    ],
)
def test_the_future_changes_no_score(options: dict[str, object]) -> None:
    chronos, batch, changed = fitted(**options), company(), company()
    for day in (10, BASELINE, 90):
        changed = company()
        changed.values[:, day:] = torch.randn(changed.values[:, day:].shape) * 50
        changed.hours[:, day:] = torch.randint(0, 9, changed.hours[:, day:].shape, dtype=torch.int16)
        changed.active[:, day:] = torch.rand(changed.active[:, day:].shape) < 0.5
        changed.group[:, day:] = 0
        torch.testing.assert_close(chronos.score(changed)[:, :day], chronos.score(batch)[:, :day])
        torch.testing.assert_close(chronos.score(until(batch, day)), chronos.score(batch)[:, :day])


def test_a_day_without_activity_scores_0(method: Chronos) -> None:
    batch = company()
    score = method.score(batch)
    assert (score[~batch.active] == 0).all()
    assert (score >= 0).all()
    nobody = batch._replace(active=torch.zeros_like(batch.active))
    assert (method.score(nobody) == 0).all()


def test_a_user_in_warm_up_is_measured_against_peers_not_history(method: Chronos) -> None:
    batch = company()
    batch.active[7, :100] = False  # a new colleague
    plain = method.score(batch)[7, 100:]
    odd(batch, user=7, day=122)
    score = method.score(batch)[7, 100:]
    assert score.isfinite().all()
    assert score[22] > 3 * plain[22]
    assert score[22] == score.max()


def test_users_without_variation_have_defined_scores(method: Chronos) -> None:
    batch = company()
    batch.values[0] = 0.0  # constant
    batch.hours[1] = 0
    batch.hours[1, :, 9] = 1  # one event a day
    batch.active[2] = False  # never there
    batch.active[4] = False
    batch.active[4, 60] = True  # a single day
    score = method.score(batch)
    assert score.isfinite().all()
    assert (score[2] == 0).all()
    flat = company()
    method.score(flat._replace(values=torch.zeros_like(flat.values)))
    constant = Chronos(width=4, baseline=BASELINE, **CALIBRATED)  # type: ignore[arg-type]
    with torch.no_grad():
        constant.training_step(flat._replace(values=torch.zeros_like(flat.values)), 0)
    assert constant.score(flat).isfinite().all()


def test_scores_do_not_depend_on_other_users_but_through_medians(method: Chronos) -> None:
    batch, spoilt = company(), company()
    spoilt.values[11, 80] = 1e4
    before, after = method.score(batch), method.score(spoilt)
    assert (before - after)[:11].abs().max() < 1.0
    assert after[11, 80] > 100


def test_a_signal_alone_is_one_of_the_surprises(method: Chronos) -> None:
    batch = company()
    every = method.surprises(batch)
    alone = fitted(signals=["drift"]).score(batch)
    torch.testing.assert_close(alone, every[..., SIGNALS.index("drift")])
    torch.testing.assert_close(method.score(batch), every.mean(dim=2))


def test_documented_weights_are_those_of_the_page() -> None:
    method = Chronos(signals=SIGNALS, weights="documented")
    assert method.weight.tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3, 0, 0, 0])


def test_weights_are_given_in_the_order_of_the_signals() -> None:
    assert Chronos(signals=["change", "velocity"], weights=[3.0, 1.0]).weight.tolist() == [0.25, 0.75]
    assert Chronos().weight.tolist() == pytest.approx([0.8, 0.2])


def test_the_shipped_score_is_the_distance_to_the_anchor_in_the_users_own_spread() -> None:
    """Literal: with drift alone, later days rank by a distance that is computed feature by feature."""
    method, batch = fitted(signals=["drift"], prior=0.5, own_history=False, peers=False), company()
    score = method.score(batch)
    distances, scores = [], []
    for user in range(USERS):
        days = batch.active[user].nonzero().flatten().tolist()
        first, later = days[:BASELINE], days[BASELINE:]
        for day in later:
            total = 0.0
            for feature in range(4):
                values = [float(batch.values[user, at, feature]) for at in first]
                mean = sum(values) / BASELINE
                squares = sum((value - mean) ** 2 for value in values)
                spread = ((squares + 0.5) / (BASELINE + 0.5)) ** 0.5
                total += ((float(batch.values[user, day, feature]) - mean) / spread) ** 2
            distances.append(total)
            scores.append(float(score[user, day]))
    order = sorted(range(len(distances)), key=distances.__getitem__)
    ranked = [scores[place] for place in order]
    assert ranked == sorted(ranked)
    assert ranked[-1] > ranked[0]


def test_a_small_prior_makes_the_first_event_of_a_kind_outweigh_all_else() -> None:
    batch = company()
    batch.values[6, :, 3] = 0.0  # never done by this user
    batch.values[6, 109, 3] = 0.5
    small, large = (fitted(signals=["drift"], prior=prior).score(batch) for prior in (0.01, 10.0))
    assert small.flatten().argmax() == 6 * DAYS + 109
    assert large.flatten().argmax() == ODD * DAYS + DAY


def test_without_peers_a_score_depends_on_the_user_alone() -> None:
    batch, spoilt = company(), company()
    spoilt.values[:11] = 7.0
    method = fitted(peers=False)
    torch.testing.assert_close(method.score(spoilt)[11], method.score(batch)[11])


def test_without_own_history_restless_users_stay_above_steady_ones() -> None:
    batch = company()
    back_and_forth = 2.0 * (-1.0) ** torch.arange(DAYS)[:, None]
    batch.values[7] = back_and_forth + 0.3 * batch.values[7]
    ranks = {}
    for own in (True, False):
        method = fitted(signals=["velocity"], own_history=own, peers=False)
        score = method.score(batch)[:, BASELINE * 2 :]
        ranks[own] = float(score[7][score[7] > 0].mean() / score[6][score[6] > 0].mean())
    assert ranks[False] > ranks[True]


def test_a_calendar_anchor_rests_on_the_first_days_of_the_calendar() -> None:
    days = pack_days(company())
    assert baseline_days(days, BASELINE, "active").sum(dim=1).tolist() == [BASELINE] * USERS
    by_calendar = baseline_days(days, BASELINE, "calendar")
    assert by_calendar.sum(dim=1).tolist() == [22] * USERS  # four weeks and two days from a Monday
    moved = company()
    moved.values[:, BASELINE : BASELINE + 14] += 3.0  # after the calendar days, within the active ones
    anchors = [fitted(signals=["drift"], anchor=anchor).raw for anchor in ("active", "calendar")]
    shifts = [(raw.usual(pack_days(moved)).anchor - raw.usual(days).anchor).abs().max() for raw in anchors]
    assert shifts[0] > 0.5
    assert shifts[1] == 0


def test_a_trailing_anchor_forgives_what_has_become_usual() -> None:
    batch = company(days=200)
    batch.values[5, 100:] += 4.0
    steady, trailing = (fitted(signals=["drift"], anchor=anchor) for anchor in ("active", "trailing"))
    assert steady.score(batch)[5, 190:].max() > 3 * trailing.score(batch)[5, 190:].max()
    assert trailing.score(batch)[5, 102] > 3 * trailing.score(batch)[5, 190:].max()


def test_weights_are_learned_from_labels_that_are_shown() -> None:
    method, batch = fitted(), company()
    with pytest.raises(InputError, match="shown"):
        method.learn_weights(method.surprises(batch), batch)
    label = torch.zeros_like(batch.label)
    label[ODD, DAY] = 1.0
    surprises = method.surprises(batch)
    surprises[..., 1:] = torch.rand(surprises[..., 1:].shape, generator=torch.Generator().manual_seed(0))
    method.learn_weights(surprises, batch._replace(label=label))
    assert method.weight.argmax() == 0
    assert method.weight.sum() == pytest.approx(1)


def test_a_signal_that_is_lower_in_attacks_gets_no_negative_weight() -> None:
    features = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    label = (features[:, 0] > 0.8).float()
    features[:, 1] = 1 - features[:, 0]
    weight = logistic_weights(features, label)
    assert weight[0] > 0.95
    assert (weight >= 0).all()


def test_a_department_on_an_odd_day_lifts_its_members() -> None:
    plain, tiered, batch = fitted(), fitted(hierarchical=True), company(users=16)
    batch.values[2::2, 115] += 4.0  # all of department 0 but user 0
    lift = tiered.score(batch) - plain.score(batch)
    assert lift[0, 115] > 2 * lift[1, 115]
    assert (lift >= 0).all()


def test_active_days_are_packed_in_order() -> None:
    batch = company()
    days = pack_days(batch)
    assert days.values.shape[1] == 100
    torch.testing.assert_close(days.values[0], batch.values[0][batch.active[0]])
    assert (days.day.diff(dim=1) > 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"signals": ["speed"]},
        {"signals": []},
        {"baseline": 1},
        {"depth": 4},
        {"prior": 0.0},
        {"anchor": "monthly"},
        {"signals": ["velocity"]},
        {"weights": [1.0]},
        {"weights": [0.0, 0.0]},
        {"weights": [-1.0, 2.0]},
    ],
)
def test_impossible_settings_are_refused(options: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Chronos(**options)  # type: ignore[arg-type]


def scored_units(batch: TrajectoryBatch, score: Tensor) -> list[int]:
    """Return the units of the scores."""
    return batch.name_scores(score).unit.tolist()


def test_only_units_are_named(method: Chronos) -> None:
    batch = company()
    batch.unit[:, :100] = -1
    assert len(scored_units(batch, method.score(batch))) == USERS * 40


@pytest.mark.parametrize("hierarchical", [False, True])
def test_signals_and_the_department_sum_to_the_score(hierarchical: bool) -> None:
    method, batch = fitted(hierarchical=hierarchical), company()
    explained = method.explain(batch)
    others = tuple(name for name in SIGNALS if name != "drift")
    assert explained.others == (*others, *["department"] * hierarchical)
    assert explained.parts.shape == (int(batch.is_scored.sum()), 4 + len(explained.others))
    torch.testing.assert_close(explained.parts.sum(dim=1), method.score(batch)[batch.is_scored])


def test_a_drift_is_shared_out_to_the_features_that_moved() -> None:
    method, batch = fitted(signals=["drift"], peers=False), company()
    batch.values[7, 109, 2] += 30.0
    explained, place = method.explain(batch), 7 * DAYS + 109
    assert explained.parts[place].argmax() == 2
    assert explained.parts[place, 2] > 0.9 * explained.parts[place].sum()
    anchor = batch.values[7][batch.active[7]][:BASELINE].mean(dim=0)
    torch.testing.assert_close(explained.expected[place], anchor)
    torch.testing.assert_close(explained.parts.sum(dim=1), method.score(batch).flatten())


def test_persistence_tells_when_a_users_days_begin_to_alternate() -> None:
    batch = company(days=200)
    batch.values[5, 100:] = 3.0 * (-1.0) ** torch.arange(100)[:, None]
    score = fitted(signals=["persistence"]).score(batch)
    assert score[5, 150:].max() == score[:, 150:].max()


def test_features_that_the_method_does_not_expect_are_refused_with_their_number() -> None:
    with pytest.raises(InputError, match="the view has 4 features a day"):
        Chronos(width=12).training_step(company(), 0)


def test_without_drift_signals_explain_by_their_names() -> None:
    assert fitted(signals=["velocity", "change"]).explain(company()).names == ("velocity", "change")
