"""Equations 9 to 12 of RMSL, each beside a literal one."""

import math

import pytest
import torch

from itd_lightning.methods.rmsl.pseudo_labels import confident_loss, corrected_loss, pseudo_labels

PASSES = torch.rand(7, 23, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
SEQUENCE = torch.tensor([0] * 10 + [1] * 13)
SHARES = (0.3, 0.4, 0.5, 0.55)  # r_hi, r_mid, tau_a, tau_c


def literal() -> list[tuple[int, str, float]]:
    """Return sequence, confidence and mean of each behaviour, by the words of the paper."""
    result = []
    for number, sequence in enumerate(SEQUENCE.tolist()):
        members = [n for n in range(23) if SEQUENCE[n] == sequence]
        means = {n: sum(PASSES[:, n].tolist()) / 7 for n in members}
        spread = {n: sum((x - means[n]) ** 2 for x in PASSES[:, n].tolist()) / 6 for n in members}
        order = sorted(members, key=spread.__getitem__)
        high, middle = int(0.3 * len(members)), int(0.4 * len(members))
        place = order.index(number)
        result.append(
            (
                sequence,
                "high" if place < high else "middle" if place < high + middle else "low",
                means[number],
            )
        )
    return result


def entropy(score: float, label: float) -> float:
    """Return binary cross-entropy."""
    return -(label * math.log(score) + (1 - label) * math.log(1 - score))


def test_the_surest_get_hard_labels_and_the_next_ones_careful_ones() -> None:
    pseudo = pseudo_labels(PASSES, SEQUENCE, 2, *SHARES)
    for number, (_, confidence, mean) in enumerate(literal()):
        assert pseudo.high[number] == (confidence == "high")
        assert pseudo.middle[number] == (confidence == "middle")
        assert pseudo.hard[number] == (mean > 0.5)
        careful = 1.0 if mean > 0.55 else 0.0 if mean < 0.45 else None
        assert pseudo.careful[number].isnan() if careful is None else pseudo.careful[number] == careful


@pytest.mark.parametrize(
    ("threshold", "surely_normal", "surely_anomalous"), [(0.3, 0.3, 0.6), (0.8, 0.4, 0.8)]
)
def test_no_careful_label_contradicts_what_counts_as_anomalous(
    threshold: float, surely_normal: float, surely_anomalous: float
) -> None:
    careful = pseudo_labels(PASSES, SEQUENCE, 2, 0.3, 0.4, threshold, 0.6).careful
    for number, (_, _, mean) in enumerate(literal()):
        expected = 1.0 if mean > surely_anomalous else 0.0 if mean < surely_normal else math.nan
        assert careful[number].item() == pytest.approx(expected, nan_ok=True)


def test_the_certainty_is_the_mean_inverse_variance_relative_to_the_largest() -> None:
    inverse = [1 / PASSES[:, n].var().item() for n in range(23)]
    result = pseudo_labels(PASSES, SEQUENCE, 2, *SHARES).certainty.item()
    assert result == pytest.approx(sum(inverse) / 23 / max(inverse), abs=1e-9)


def test_both_losses_are_those_of_equations_11_and_12() -> None:
    torch.manual_seed(2)
    scores, soft = torch.rand(23, dtype=torch.float64), torch.rand(23, dtype=torch.float64)
    pseudo = pseudo_labels(PASSES, SEQUENCE, 2, *SHARES)
    high: list[list[float]] = [[], []]
    middle: list[list[float]] = [[], []]
    for number, (sequence, confidence, mean) in enumerate(literal()):
        score = scores[number].item()
        if confidence == "high":
            high[sequence].append(entropy(score, float(mean > 0.5)))
        elif confidence == "middle":
            hard = entropy(score, float(mean > 0.5)) if abs(mean - 0.5) > 0.05 else 0.0
            middle[sequence].append(0.7 * hard + 0.3 * entropy(score, soft[number].item()))
    means = [sum(sum(part) / len(part) for part in parts) / 2 for parts in (high, middle)]
    assert confident_loss(scores, pseudo, SEQUENCE, 2).item() == pytest.approx(means[0], abs=1e-9)
    result = corrected_loss(scores, soft, pseudo, SEQUENCE, 2, hard_weight=0.7)
    assert result.item() == pytest.approx(means[1], abs=1e-9)


def test_sequences_too_short_for_a_share_teach_nothing() -> None:
    pseudo = pseudo_labels(PASSES[:, :1], SEQUENCE[:1], 1, *SHARES)
    assert confident_loss(PASSES[0, :1], pseudo, SEQUENCE[:1], 1) == 0
