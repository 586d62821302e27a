"""Tests of the embedding of words and factored tokens."""

import torch
from torch import nn

from itd_lightning.nn.encoders.factored import FactoredEmbedding

TOKENS = torch.tensor([[[1, 5, 9], [2, 5, 8]], [[3, 6, 7], [0, 0, 0]]])


def embedding(dropout: float = 0.0) -> FactoredEmbedding:
    """Return a small embedding."""
    torch.manual_seed(0)
    return FactoredEmbedding(10, 4, dropout)


def test_a_factored_token_is_the_sum_of_the_vectors_of_its_factors() -> None:
    made = embedding()
    expected = [[sum(made.weight[number] for number in token) for token in row] for row in TOKENS.tolist()]
    for row, vectors in enumerate(expected):
        for place, vector in enumerate(vectors):
            torch.testing.assert_close(made(TOKENS)[row, place], vector)
    assert not made(TOKENS)[1, 1].any()  # padding


def test_a_word_has_the_vector_that_torch_gives_it() -> None:
    made = embedding(dropout=0.5).train()
    torch.manual_seed(0)
    plain = nn.Embedding(10, 4, padding_idx=0)
    assert torch.equal(made(TOKENS[..., 0]), plain(TOKENS[..., 0]))


def test_training_leaves_whole_factors_out_and_keeps_the_mean() -> None:
    made = embedding(dropout=0.5).train()
    tokens = torch.tensor([[[1, 5]]]).expand(1, 4000, 2)
    vectors = made(tokens)[0]
    first, second = 2 * made.weight[1], 2 * made.weight[5]
    sums = {tuple((a * first + b * second).tolist()) for a in (0, 1) for b in (0, 1)}
    assert {tuple(vector) for vector in vectors.tolist()} <= sums
    torch.testing.assert_close(vectors.mean(0), made.eval()(tokens)[0, 0], atol=0.1, rtol=0)


def test_padding_gets_no_gradient() -> None:
    made = embedding(dropout=0.2).train()
    made(TOKENS).sum().backward()
    assert made.weight.grad is not None
    assert not made.weight.grad[0].any()
    assert made.weight.grad[5].any()
