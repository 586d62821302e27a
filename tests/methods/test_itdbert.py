"""Tests of ITDBERT, beside those of all methods of sequences."""

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import ITDBERT
from itd_lightning.methods.itdbert import Rule, attention
from tests.methods.test_sequence_methods import LENGTHS, batch, long_sequences

ADAM = partial(torch.optim.Adam, lr=1e-2)


def model(rule: Rule = "attention") -> ITDBERT:
    """Return a small method."""
    torch.manual_seed(0)
    return ITDBERT(ADAM, vocabulary=20, width=8, hidden=6, rule=rule).eval()


def test_attention_and_verdict_are_those_of_their_equations() -> None:
    method, rows = model(), batch()
    weight, verdict = method.score(rows), method.classify(rows)[1]
    for row, length in enumerate(LENGTHS):
        one = rows.where(torch.arange(4) == row)
        encoded = method.encoder(method.embedding(one.tokens), one.lengths)[0]
        first, last = method.energy[0], method.energy[2]
        energy = last(torch.tanh(first(encoded)))[:, 0]
        shares = energy.softmax(0)
        torch.testing.assert_close(weight[row, :length], shares)
        probability = torch.sigmoid(method.verdict(shares @ encoded))[0]
        torch.testing.assert_close(verdict[row], probability)


def test_attention_sums_to_one_in_each_sequence_however_many_rows_it_has() -> None:
    rows = long_sequences()[[0, 1, 2]]
    method = model()
    sequence, labels = rows.bags()
    shares = torch.zeros(3).index_add(0, sequence, method.score(rows)[rows.is_counted])
    assert len(rows.tokens) > len(labels)
    torch.testing.assert_close(shares, torch.ones(3))


def test_attention_does_not_overflow() -> None:
    shares = attention(torch.tensor([1e4, 0.0, -1e4]), torch.tensor([0, 0, 1]), 2)
    assert shares.tolist() == [1.0, 0.0, 1.0]


def test_the_weighted_rule_multiplies_attention_by_the_verdict() -> None:
    rows = batch()
    verdict = model().classify(rows)[1]
    torch.testing.assert_close(model("weighted").score(rows), model().score(rows) * verdict[:, None])


def test_the_relative_rule_does_not_punish_a_long_sequence() -> None:
    """A behaviour that gets its even share of attention scores the verdict, however long the sequence is."""
    method, rows = model("relative"), batch()
    for weight in method.energy.parameters():
        weight.data.zero_()  # attention is even
    verdict = method.classify(rows)[1]
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(method.score(rows)[row, :length], verdict[row].expand(length))


def test_both_kinds_of_sequence_weigh_the_same() -> None:
    method, rows = model(), batch()._replace(label=torch.tensor([0.0, 0.0, 0.0, 1.0]))
    verdict = method.classify(rows)[1]
    normal = binary_cross_entropy(verdict[:3], torch.zeros(3))
    malicious = binary_cross_entropy(verdict[3:], torch.ones(1))
    torch.testing.assert_close(method.loss(rows), (normal + malicious) / 2)


def test_training_without_labels_says_so() -> None:
    with pytest.raises(InputError, match="the split shows none"):
        model().train().training_step(batch()._replace(label=torch.full((4,), torch.nan)), 0)
