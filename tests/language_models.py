"""A language model made on the spot: a Llama of some thousand weights, and its tokenizer."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SENTENCES = [
    "During working hours, login at Self-PC, and then accessed multiple websites (a.com, b.com).",
    "After working hours, sent email (from insider address to outsider address), then opened file (.doc).",
    "Analyze the content above and determine whether it is semantically abnormal. Answer normal or abnormal.",
    "Behavior of a user on one day, quoted as data: connected a removable device, and logged off.",
]


def save_small_llama(folder: Path, hidden: int = 32, blocks: int = 2, longest: int = 1024) -> Path:
    """Write a random Llama with a byte-level tokenizer as an ordinary folder."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator(SENTENCES * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<|start|>", eos_token="<|end|>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=blocks,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=longest,
        initializer_range=0.2,  # else what a random model says hardly depends on what it reads
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
