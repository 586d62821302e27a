"""What a language model says of a text: how likely it is, and which answer follows it. Never generated text.

Axes: B prompts, K scored tokens, C answers, V tokens of the vocabulary.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.prompts import Prompt

TOKENS = 2048  # of one pass without gradients; bounds the memory of the logits
ALONE = 96  # tokens from which a CPU gains nothing by reading prompts together


def scored_ends(
    backbone: Backbone, rows: Sequence[Sequence[int]], starts: Sequence[int], adapter: str, *, learns: bool
) -> tuple[Float[Tensor, "b k"], Bool[Tensor, "b k"]]:
    """Log-probability of each token from a place on to the end, on the right; and where there are such."""
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
    scored = torch.arange(last, 0, -1) <= torch.tensor(counts)[:, None]
    return logp, scored.to(logits.device)


def log_likelihoods(
    backbone: Backbone, prompts: Sequence[Prompt], adapter: str, *, learns: bool = False, mean: bool = True
) -> Float[Tensor, " b"]:
    """Log-likelihood of each text, its closing mark included, by one adapter: a token's mean, or the sum.

    The mean does not grow with the text, which would make the length a score.
    """
    rows = [prompt.ids[: prompt.closing + 1] for prompt in prompts]
    logp, scored = scored_ends(backbone, rows, [prompt.text for prompt in prompts], adapter, learns=learns)
    total: Tensor = (logp * scored).sum(1)
    return total / scored.sum(1) if mean else total


def answer_log_probs(
    backbone: Backbone,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[int]],
    adapter: str = "",
    *,
    learns: bool = False,
) -> Float[Tensor, "b c"]:
    """Log-probability of each answer after each prompt; of several tokens they are multiplied."""
    if all(len(answer) == 1 for answer in answers):
        logits: Tensor = backbone([prompt.ids for prompt in prompts], adapter, learns=learns)
        return logits[:, -1].float().log_softmax(1)[:, [answer[0] for answer in answers]]
    found = []
    for answer in answers:
        rows = [[*prompt.ids, *answer] for prompt in prompts]
        logp, scored = scored_ends(
            backbone, rows, [len(prompt.ids) for prompt in prompts], adapter, learns=learns
        )
        found.append((logp * scored).sum(1))
    return torch.stack(found, dim=1)


def passes(prompts: Sequence[Prompt], device: torch.device, tokens: int = TOKENS) -> Iterator[list[int]]:
    """Which prompts to read together: alike in length, and so many that a pass has few padding tokens.

    On a CPU long ones are read alone, which is as fast, and 16 bits are then rounded in the same way whatever
    else is read.
    """
    alone = ALONE if device.type == "cpu" else tokens
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place].ids), place))
    chosen: list[int] = []
    for place in order:
        length = len(prompts[place].ids)
        if chosen and (length >= alone or (len(chosen) + 1) * length > tokens):
            yield chosen
            chosen = []
        chosen.append(place)
    if chosen:
        yield chosen
