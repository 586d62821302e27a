"""Tests of OC4Seq, beside those of all methods of sequences."""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from itd_lightning.methods import OC4Seq
from itd_lightning.methods.oc4seq import away_from_zero
from tests.methods.test_sequence_methods import LENGTHS, batch, build, trained, view

ADAM = partial(torch.optim.Adam, lr=1e-2)


def model() -> OC4Seq:
    """Return a small method with centres."""
    torch.manual_seed(0)
    method = OC4Seq(ADAM, vocabulary=20, width=8, hidden=6, window=3, alpha=0.5).eval()
    method.centres.normal_()
    return method


def test_scores_and_loss_are_those_of_the_equations() -> None:
    method, rows = model(), batch()
    expected = []
    for row, length in enumerate(LENGTHS):
        embedded = method.embedding(rows.tokens[row, :length])
        far = (method.whole(embedded)[0][-1] - method.centres[0]).square().sum()
        local = [
            (method.part(embedded[max(place - 2, 0) : place + 1])[0][-1] - method.centres[1]).square().sum()
            for place in range(length)
        ]
        torch.testing.assert_close(method.score(rows)[row, :length], far + 0.5 * torch.stack(local))
        expected.append(far + 0.5 * max(local))
    torch.testing.assert_close(method.loss(rows), torch.stack(expected).mean())


def test_the_loss_of_a_sequence_is_the_score_of_its_worst_behaviour() -> None:
    method, rows = model(), batch()
    torch.testing.assert_close(method.loss(rows), method.score(rows).amax(1).mean())


def test_no_unit_of_a_centre_is_near_zero() -> None:
    centre = away_from_zero(torch.tensor([0.0, -0.05, 0.3, -2.0]), 0.1)
    torch.testing.assert_close(centre, torch.tensor([0.1, -0.1, 0.3, -2.0]))


def test_centres_are_means_of_normal_sequences_before_the_first_step_and_stay(
    store: Path, tmp_path: Path
) -> None:
    one = trained("oc4seq", store, tmp_path / "one", epochs=1).lightning_module.state_dict()["centres"]
    two = trained("oc4seq", store, tmp_path / "two", epochs=2).lightning_module.state_dict()["centres"]
    assert torch.equal(one, two)
    data, method = view(store, "oc4seq"), build("oc4seq")
    assert isinstance(method, OC4Seq)
    data.prepare_data()
    data.setup("fit")
    last: list[Tensor] = []
    windows: list[Tensor] = []
    for rows, _ in zip(data.train_dataloader(), range(2), strict=False):  # as many as were trained on
        for row in (rows.label != 1).nonzero()[:, 0].tolist():
            embedded = method.embedding(rows.tokens[row, : rows.lengths[row]])
            last.append(method.whole(embedded)[0][-1])
            counted = rows.is_counted[row].nonzero()[:, 0].tolist()
            windows.extend(method.part(embedded[max(place - 6, 0) : place + 1])[0][-1] for place in counted)
    for centre, states in zip(one, (last, windows), strict=True):
        torch.testing.assert_close(
            centre, away_from_zero(torch.stack(states).mean(0), 0.1), atol=1e-5, rtol=1e-5
        )


def test_the_local_rule_leaves_out_what_all_behaviours_of_a_sequence_share() -> None:
    method, rows = model(), batch()
    far, local = method.distances(rows)
    torch.testing.assert_close(method.score(rows), (far[:, None] + 0.5 * local) * rows.is_counted)
    method.rule = "local"
    assert torch.equal(method.score(rows), local)
    assert not local[~rows.is_counted].any()
