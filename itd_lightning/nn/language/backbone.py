"""A frozen language model with small named adapters that learn.

Axes: B texts, L tokens of the longest, K last tokens, V tokens of the vocabulary, D width.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from itd_lightning.contracts.errors import InputError
from itd_lightning.nn.language.models import (
    DEFAULT,
    Precision,
    Quantization,
    dtype_of,
    language_library,
    load_model,
    load_tokenizer,
    model_folder,
)

QUERY_AND_VALUE = ("q_proj", "v_proj")


class Backbone(nn.Module):
    """A frozen causal language model and adapters on it, of which one at a time is in use.

    There is one copy of the model, whatever the number of adapters, and its weights stay out of
    ``state_dict``: a checkpoint holds the adapters alone.

    Args:
        name: Folder, or the default.
        adapters: Names of the adapters; without any the model is used as it is.
        rank: Rank of the LoRA matrices.
        alpha: Their scale is ``alpha / rank``.
        dropout: Share of an adapter's inputs that training drops.
        targets: Layers of a block that are adapted.
        top: Adapt the last so many blocks only, which is quicker; 0 for all, as where there are fewer.
        quantization: Of the frozen weights, through bitsandbytes.
        precision: Number format of the frozen weights.

    Raises:
        InputError: If a library, the model or its tokenizer is missing, or has no such layers.

    Source:
        Hu et al., LoRA, ICLR 2022; Dettmers et al., QLoRA, NeurIPS 2023.
    """

    def __init__(
        self,
        name: str = DEFAULT,
        adapters: Sequence[str] = (),
        rank: int = 8,
        alpha: int = 32,
        dropout: float = 0.1,
        targets: Sequence[str] = QUERY_AND_VALUE,
        top: int = 0,
        quantization: Quantization = "none",
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        folder = model_folder(name)
        self.tokenizer = load_tokenizer(folder)
        model = load_model(folder, quantization, dtype_of(precision))
        self.longest = int(getattr(model.config, "max_position_embeddings", 2**20))
        self.width, blocks = int(model.config.hidden_size), int(model.config.num_hidden_layers)
        if top < 0:
            raise InputError(f"top must be at least 0, got {top}")
        self.model = model
        if adapters:
            peft = language_library("peft")
            lora = peft.LoraConfig(
                r=rank,
                lora_alpha=alpha,
                lora_dropout=dropout,
                target_modules=list(targets),
                layers_to_transform=list(range(blocks - top, blocks)) if 0 < top < blocks else None,
                task_type="CAUSAL_LM",
            )
            try:
                self.model = peft.get_peft_model(model, lora, adapter_name=adapters[0])
            except ValueError as error:
                raise InputError(f"the backbone has no layers {', '.join(targets)}: name its own") from error
            for adapter in adapters[1:]:
                self.model.add_adapter(adapter, lora)
        for weight in self.adapter_weights():
            weight.requires_grad = True
        self.model.train()  # as any module begins; ``use`` decides pass by pass
        self.adapters = tuple(adapters)
        self.register_state_dict_post_hook(_remove_base)  # type: ignore[no-untyped-call]
        self.load_prefix = ""
        self.register_load_state_dict_pre_hook(_store_prefix)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_accept_missing_base)  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """Return the device of the model."""
        return next(self.parameters()).device

    def adapter_weights(self, adapter: str = "") -> list[nn.Parameter]:
        """Return the weights of one adapter, or of all."""
        return [
            weight
            for name, weight in self.model.named_parameters()
            if ".lora_" in name and (not adapter or f".{adapter}." in name)
        ]

    def use(self, adapter: str, *, learns: bool) -> None:
        """Activate an adapter, for training or not; all others are inactive."""
        if self.adapters:
            self.model.set_adapter(adapter, inference_mode=not learns)
        self.model.train(learns)

    def forward(
        self, rows: Sequence[Sequence[int]], adapter: str = "", last: int = 1, *, learns: bool = False
    ) -> Float[Tensor, "b k v"]:
        """Return the logits of the token after each of the last K, by one adapter; in the model's precision.

        Args:
            rows: Tokens of the texts; padded on the left, which changes nothing.
            adapter: Its name.
            last: K.
            learns: Whether to compute gradients; else dropout is off as well.
        """
        return self.run(rows, adapter, learns, last).logits  # type: ignore[no-any-return]

    def hidden(
        self, rows: Sequence[Sequence[int]], adapter: str = "", *, learns: bool = False
    ) -> Float[Tensor, "b d"]:
        """Return the last block's output at the last token of each text."""
        output = self.run(rows, adapter, learns, output_hidden_states=True)
        return output.hidden_states[-1][:, -1].float()  # type: ignore[no-any-return]

    def run(
        self, rows: Sequence[Sequence[int]], adapter: str, learns: bool, last: int = 1, **options: object
    ) -> Any:  # noqa: ANN401 - of transformers
        """Return the output of one pass of the model over texts."""
        longest = max(len(row) for row in rows)
        if longest > self.longest:
            raise InputError(f"the backbone reads {self.longest} tokens and got {longest}: lower the context")
        device = self.device
        flipped = [torch.tensor(row[::-1], dtype=torch.long) for row in rows]
        ids = pad_sequence(flipped, batch_first=True).flip(1).to(device)
        lengths = torch.tensor([[len(row)] for row in rows], device=device)
        place = torch.arange(longest, device=device) - (longest - lengths)
        self.use(adapter, learns=learns)
        with torch.set_grad_enabled(learns):
            return self.model(
                input_ids=ids,
                attention_mask=(place >= 0).long(),
                position_ids=place.clamp(min=0),
                use_cache=False,
                # Places are gathered, a number would be a slice: of one whose rows lie apart torch makes a
                # batched product, with a copy of the vocabulary's weights a text, which took most of a pass.
                logits_to_keep=torch.arange(longest - last, longest, device=device),
                **options,
            )


def _remove_base(_: nn.Module, state: dict[str, Any], prefix: str, *__: object) -> None:
    """Remove the frozen weights from a checkpoint."""
    for name in [name for name in state if name.startswith(prefix) and ".lora_" not in name]:
        del state[name]


def _store_prefix(module: nn.Module, _: dict[str, Any], prefix: str, *__: object) -> None:
    """Store the name under which the backbone is being loaded, for the hook after it."""
    assert isinstance(module, Backbone)
    module.load_prefix = prefix


def _accept_missing_base(module: nn.Module, keys: Any) -> None:  # noqa: ANN401 - private to torch
    """Accept a checkpoint without the frozen weights as complete."""
    assert isinstance(module, Backbone)
    keys.missing_keys[:] = [
        name for name in keys.missing_keys if not name.startswith(module.load_prefix) or ".lora_" in name
    ]
