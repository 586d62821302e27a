"""Prompting: a day is anomalous when a language model without fine-tuning answers so.

Axes: B days.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.gathering import ONE_CLASS, Gathering
from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.models import DEFAULT, Precision, Quantization
from itd_lightning.nn.language.prompts import BEHAVIOUR, Prompter, answer_tokens
from itd_lightning.nn.language.scores import answer_log_probs, passes

_KINDS = ("normal", "abnormal")
_EXAMPLE = 96  # tokens of an example at most, its question included, since a context is short


class Prompting(Gathering[NarrativeBatch]):
    """Asks a language model as it is about each narrative, without or with examples of both kinds.

    The score is ``log p(" abnormal") - log p(" normal")`` at the place of the answer. No text is generated,
    so that there is nothing to parse, and an answer in other words costs label mass, which is logged.

    Args:
        backbone: Folder of a causal language model; the default comes with the extra ``llm``.
        shots: Training days of each kind that stand before the question as examples; 0 for none.
        context: Most tokens of a prompt.
        quantization: Of the weights.
        precision: Of the weights; ``auto`` takes bfloat16 where the processor multiplies it.

    Raises:
        InputError: If the backbone cannot be used so.
        ValueError: If the number of shots is negative.

    Source:
        As LogPrompt (Liu et al., ICPC 2024) without examples, and as LogGPT (Qi et al., HPCC 2023) with them.
        Departure: both talk to a service and read what it writes; here label likelihoods of the backbone are
        compared, so that there is a score to rank by. The checkpoint holds the examples, as tokens.
    """

    def __init__(
        self,
        backbone: str = DEFAULT,
        shots: int = 0,
        context: int = 512,
        quantization: Quantization = "none",
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if shots < 0:
            raise ValueError(f"shots must be at least 0, got {shots}")
        self.shots = shots
        self.backbone = Backbone(backbone, quantization=quantization, precision=precision)
        self.context = min(context, self.backbone.longest)
        self.answers = [answer_tokens(self.backbone.tokenizer, f" {kind}") for kind in _KINDS]
        self.register_buffer("examples", torch.zeros(0, dtype=torch.long))
        self.examples: Tensor
        self.build_prompter(
            self.context, [0] * (2 * shots * _EXAMPLE)
        )  # refuse a context that is too short early

    def build_prompter(self, context: int, examples: list[int]) -> Prompter:
        """Return the prompter that asks after these examples."""
        longest = max(len(answer) for answer in self.answers)
        return Prompter(self.backbone.tokenizer, BEHAVIOUR, context, longest, examples)

    def fit(self, days: NarrativeBatch) -> None:
        """Choose the examples: of each kind in turn, days that are evenly spaced."""
        if not self.shots:
            return
        prompter, tokens = self.build_prompter(_EXAMPLE, []), list[int]()
        newline = prompter.encode("\n\n")
        kinds = [(days.label == kind).nonzero()[:, 0] for kind in (0, 1)]
        if min(len(rows) for rows in kinds) < self.shots:
            raise InputError(f"{self.shots} examples of each kind: {ONE_CLASS}")
        for place in range(self.shots):
            for kind, rows in enumerate(kinds):
                row = int(rows[place * len(rows) // self.shots])
                prompt = prompter(days.narrative[row]).ids[len(prompter.start) :]
                tokens += [*prompt, *self.answers[kind], *newline]
        self.examples = torch.tensor(tokens, device=self.device)

    def answer(self, batch: NarrativeBatch) -> Float[Tensor, "b c"]:
        """Return the log-probability of each answer."""
        prompter = self.build_prompter(self.context, self.examples.tolist())
        prompts = [prompter(narrative) for narrative in batch.narrative]
        logp = torch.zeros(len(prompts), len(_KINDS), device=self.device)
        for places in passes(prompts, self.backbone.device):
            part = answer_log_probs(self.backbone, [prompts[place] for place in places], self.answers)
            logp[places] = part.to(logp.device)
        return logp

    def validation_step(self, batch: NarrativeBatch, batch_idx: int) -> None:
        """Log the probability that the model's answer is one of the two labels."""
        mass = self.answer(batch).exp().sum(1).mean()
        self.log("val/label_mass", mass, batch_size=len(batch.unit), sync_dist=True)

    def score(self, batch: NarrativeBatch) -> Float[Tensor, " b"]:
        """Score days by how much likelier the answer abnormal is."""
        logp = self.answer(batch)
        return logp[:, 1] - logp[:, 0]
