"""DMFI's branches: adapters of one language model that learn from normal and from abnormal texts.

Axes: N texts, C outputs of a branch for each: one likelihood, or an answer for each kind.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.prompts import BEHAVIOUR, SEMANTIC, Prompt, Prompter, Wording, answer_tokens
from itd_lightning.nn.language.scores import answer_log_probs, log_likelihoods, passes

Side = Literal["semantic", "behaviour"]
Strategy = Literal["unified", "dual"]
Likelihood = Literal["mean", "sum"]
KINDS = ("normal", "abnormal")
_WORDINGS: dict[str, Wording] = {"semantic": SEMANTIC, "behaviour": BEHAVIOUR}
_CACHE_SIZE = 200_000  # margins in memory, since most pages come up again


def branch_names(views: Sequence[Side], strategy: Strategy) -> list[str]:
    """Return the names of the adapters: one a view, or two, such as ``semantic_normal``."""
    if strategy == "unified":
        return list(views)
    return [f"{view}_{kind}" for view in views for kind in KINDS]


class LanguageBranches(nn.Module):
    """The adapters of each view, and the margin by which they find a text abnormal, before calibration.

    - ``unified`` (DMFI-A): one adapter a view, which learns to answer; the margin is
      ``log p(" abnormal") - log p(" normal")`` at the place of the answer.
    - ``dual`` (DMFI-B): two adapters a view, which learn to tell normal and abnormal texts; the margin is
      ``f_abnormal - f_normal``, where f is the log-likelihood of the text.

    Args:
        backbone: The language model with the adapters of ``branch_names``.
        views: Views that take part.
        strategy: See above.
        likelihood: f is the ``mean`` of a text's tokens, or their ``sum``, which grows with the length.
        context: Most tokens of a prompt.

    Raises:
        InputError: If the context leaves no room for a text, or the labels are no answers.

    Source:
        DMFI, equations 6-10. The paper leaves open what f is; an adapter that learns to always give its own
        label would tell nothing.
    """

    def __init__(
        self,
        backbone: Backbone,
        views: Sequence[Side],
        strategy: Strategy,
        likelihood: Likelihood,
        context: int,
    ) -> None:
        super().__init__()
        self.backbone, self.strategy, self.mean = backbone, strategy, likelihood == "mean"
        self.answers = [answer_tokens(backbone.tokenizer, f" {kind}") for kind in KINDS]
        answer = 0 if strategy == "dual" else max(len(tokens) for tokens in self.answers)
        room = min(context, backbone.longest)
        self.prompters: dict[str, Prompter] = {
            view: Prompter(backbone.tokenizer, _WORDINGS[view], room, answer) for view in views
        }
        self.margin_cache: dict[tuple[str, str], float] = {}

    def losses(self, branch: str, texts: Sequence[str], *, learns: bool) -> Float[Tensor, "n c"]:
        """Return the losses of texts by a branch; of a unified one, of each answer (equations 6, 8)."""
        view, _, kind = branch.partition("_")
        prompts = [self.prompters[view](text) for text in texts]
        if kind:
            return -log_likelihoods(self.backbone, prompts, branch, learns=learns)[:, None]
        return -answer_log_probs(self.backbone, prompts, self.answers, branch, learns=learns)

    @torch.no_grad()
    def margins(self, view: str, texts: Sequence[str]) -> Float[Tensor, " n"]:
        """Return the margin of each text, from the cache where it is there."""
        new = [text for text in dict.fromkeys(texts) if (view, text) not in self.margin_cache]
        prompts = [self.prompters[view](text) for text in new]
        for places in passes(prompts, self.backbone.device):
            new_margins = self.compute_margins(view, [prompts[place] for place in places])
            self.margin_cache.update(
                zip([(view, new[place]) for place in places], new_margins.tolist(), strict=True)
            )
        margins = torch.tensor([self.margin_cache[view, text] for text in texts], device=self.backbone.device)
        if len(self.margin_cache) > _CACHE_SIZE:
            self.margin_cache.clear()
        return margins

    def compute_margins(self, view: str, prompts: Sequence[Prompt]) -> Float[Tensor, " n"]:
        """Return the margin of each prompt: equation 7 or 10 without the sigmoid."""
        if self.strategy == "unified":
            logp = answer_log_probs(self.backbone, prompts, self.answers, view)
            return logp[:, 1] - logp[:, 0]
        normal, abnormal = (
            log_likelihoods(self.backbone, prompts, f"{view}_{kind}", mean=self.mean) for kind in KINDS
        )
        return abnormal - normal
