"""Tests of NextBehaviour, beside those of all methods of sequences."""

from functools import partial

import pytest
import torch

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.methods import NextBehaviour
from tests.methods.test_sequence_methods import LENGTHS, batch

ADAM = partial(torch.optim.Adam, lr=1e-2)


def model(**settings: str | int | bool) -> NextBehaviour:
    """Return a small DeepLog."""
    torch.manual_seed(0)
    return NextBehaviour(ADAM, vocabulary=20, width=8, **settings).eval()  # type: ignore[arg-type]


def test_the_surprise_is_that_of_an_lstm_that_reads_the_behaviours_before() -> None:
    method, rows = model(), batch()
    score = method.score(rows)
    lstm = method.encoder.lstm
    for row, length in enumerate(LENGTHS):
        for place in range(length):
            before = [method.start, *method.embedding(rows.tokens[row, :place])]
            state = lstm(torch.stack(before)[None])[0][0, -1]  # type: ignore[operator]
            logits = method.prediction.logits(state)
            probability = logits.softmax(0)[rows.tokens[row, place] - 1]
            torch.testing.assert_close(score[row, place], -probability.log(), atol=1e-5, rtol=1e-5)


def test_the_loss_is_the_mean_surprise_of_what_counts() -> None:
    method, rows = model(), batch()
    half = rows._replace(behaviour=torch.where(torch.arange(9) < 4, rows.behaviour, -1))
    torch.testing.assert_close(method.loss(half), method.score(half)[half.is_counted].mean())


@pytest.mark.parametrize("g", [1, 3, 9])
def test_a_behaviour_is_among_the_top_g_where_its_rank_is_below_g(g: int) -> None:
    method, rows = model(rule="top_g"), batch()
    encoded = method.encoder(method.earlier(rows), rows.lengths)
    top = method.prediction.logits(encoded).topk(g, dim=2).indices + 1
    missed = (top != rows.tokens[..., None]).all(2)
    assert torch.equal((method.score(rows) >= g)[rows.is_counted], missed[rows.is_counted])


def test_malicious_sequences_train_only_where_they_are_asked_to() -> None:
    rows = batch()
    assert len(model().training_rows(rows).tokens) == 2
    assert len(model(normal=False).training_rows(rows).tokens) == 4
    hidden = rows._replace(label=torch.full((4,), torch.nan))
    assert len(model().training_rows(hidden).tokens) == 4


def test_a_batch_of_malicious_sequences_teaches_nothing() -> None:
    rows: SequenceBatch = batch()
    assert model().training_step(rows._replace(label=torch.ones(4)), 0) is None


def test_the_own_loss_of_an_encoder_counts_in_training_only() -> None:
    method, rows = model(encoder="dien", layers=1), batch()
    plain = method.loss(rows)
    torch.testing.assert_close(plain, method.score(rows)[rows.is_counted].mean())
    assert method.train().loss(rows) > plain
