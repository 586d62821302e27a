"""Scores of texts by a language model: their likelihood, and that of an answer; no text is generated.

Axes: B prompts, K scored tokens, C answers, V tokens of the vocabulary.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.prompts import Prompt

_TOKENS = 2048  # of one pass without gradients; bounds the memory of the logits
_ALONE = 96  # tokens from which a CPU reads prompts one by one as fast


def _token_log_probs(
    backbone: Backbone, rows: Sequence[Sequence[int]], starts: Sequence[int], adapter: str, *, learns: bool
) -> tuple[Float[Tensor, "b k"], Bool[Tensor, "b k"]]:
    """Return the log-probability of each token from a place to the end, right-aligned, and their mask."""
    counts = [len(row) - start for row, start in zip(rows, starts, strict=True)]
    last = max(counts)
    logits = backbone([row[:-1] for row in rows], adapter, last, learns=learns)
    targets = torch.tensor(
        [[0] * (last - len(row)) + list(row[-last:]) for row in rows], device=logits.device
    )
    # Prompt by prompt, which stays within memory that the system has given out already.
    losses = [
        cross_entropy(row.float(), to, reduction="none") for row, to in zip(logits, targets, strict=True)
    ]
    logp = -torch.stack(losses)
    mask = torch.arange(last, 0, -1) <= torch.tensor(counts)[:, None]
    return logp, mask.to(logits.device)


def log_likelihoods(
    backbone: Backbone, prompts: Sequence[Prompt], adapter: str, *, learns: bool = False, mean: bool = True
) -> Float[Tensor, " b"]:
    """Return the log-likelihood of each text with its closing mark: the mean over tokens, or the sum.

    The mean does not grow with the text, which would make the length a score.
    """
    rows = [prompt.ids[: prompt.closing + 1] for prompt in prompts]
    logp, mask = _token_log_probs(backbone, rows, [prompt.text for prompt in prompts], adapter, learns=learns)
    total: Tensor = (logp * mask).sum(1)
    return total / mask.sum(1) if mean else total


def answer_log_probs(
    backbone: Backbone,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[int]],
    adapter: str = "",
    *,
    learns: bool = False,
) -> Float[Tensor, "b c"]:
    """Return the log-probability of each answer after each prompt, summed over its tokens."""
    if all(len(answer) == 1 for answer in answers):
        logits: Tensor = backbone([prompt.ids for prompt in prompts], adapter, learns=learns)
        return logits[:, -1].float().log_softmax(1)[:, [answer[0] for answer in answers]]
    columns = []
    for answer in answers:
        rows = [[*prompt.ids, *answer] for prompt in prompts]
        logp, mask = _token_log_probs(
            backbone, rows, [len(prompt.ids) for prompt in prompts], adapter, learns=learns
        )
        columns.append((logp * mask).sum(1))
    return torch.stack(columns, dim=1)


def passes(prompts: Sequence[Prompt], device: torch.device, tokens: int = _TOKENS) -> Iterator[list[int]]:
    """Yield groups of prompts for one pass: of similar length, so that there is little padding.

    On a CPU long prompts are read alone, which is as fast, and 16 bits are then rounded in the same way
    whatever else is read.
    """
    alone = _ALONE if device.type == "cpu" else tokens
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place].ids), place))
    group: list[int] = []
    for place in order:
        length = len(prompts[place].ids)
        if group and (length >= alone or (len(group) + 1) * length > tokens):
            yield group
            group = []
        group.append(place)
    if group:
        yield group
