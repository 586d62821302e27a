"""Tests of MaskedBehaviour, beside those of all methods of sequences."""

from functools import partial

import pytest
import torch

from itd_lightning.methods import MaskedBehaviour
from tests.methods.test_sequence_methods import LENGTHS, batch

ADAM = partial(torch.optim.Adam, lr=1e-2)


def model(passes: int = 3) -> MaskedBehaviour:
    """Return a small m-Transformer."""
    torch.manual_seed(0)
    return MaskedBehaviour(ADAM, vocabulary=20, width=8, passes=passes).eval()


def test_a_behaviour_scores_its_surprise_in_the_pass_that_masks_it() -> None:
    method, rows = model(), batch()
    score = method.score(rows)
    for row, length in enumerate(LENGTHS):
        tokens = rows.tokens[row, :length]
        for place in range(length):
            shown = method.embedding(tokens).clone()
            shown[place % 3 :: 3] = method.mask
            encoded = method.encoder(shown[None], torch.tensor([length]))[0, place]
            probability = method.prediction.logits(encoded).softmax(0)[tokens[place] - 1]
            torch.testing.assert_close(score[row, place], -probability.log(), atol=1e-5, rtol=1e-5)


def test_what_a_behaviour_is_does_not_help_to_predict_it() -> None:
    method, rows = model(), batch()
    logits = []
    for token in (1, 7):
        tokens = rows.tokens.clone()
        tokens[0, 4] = token
        place = torch.arange(9).expand(4, 9) == 4
        changed = rows._replace(tokens=tokens)
        shown = torch.where(place[..., None], method.mask, method.embedding(changed.tokens))
        logits.append(method.encoder(shown, rows.lengths)[0, 4])
    torch.testing.assert_close(*logits)


def test_scores_are_no_matter_of_luck_but_training_masks_are() -> None:
    method, rows = model(), batch()
    torch.testing.assert_close(method.score(rows), method.score(rows), rtol=0, atol=0)
    method.train()
    assert len({float(method.loss(rows).detach()) for _ in range(5)}) > 1


def test_training_without_any_mask_has_a_loss_of_0() -> None:
    method = model(passes=10**6).train()
    loss = method.loss(batch())
    loss.backward()
    assert loss == 0


def test_one_pass_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        model(passes=1)
