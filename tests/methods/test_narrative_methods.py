"""Tests of the methods on the narratives view that DMFI is compared with."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from itd_lightning.callbacks import AtomicCheckpointIO
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods import ITDLM, Method, NarrativeLength, Prompting, TfidfLogistic
from itd_lightning.runs.launch import quiet
from tests.handmade_narratives import HandMade, days

Build = Callable[[str], Method[NarrativeBatch]]
ADAM = partial(torch.optim.AdamW, lr=0.03)
METHODS: dict[str, Build] = {
    "zero_shot": lambda folder: Prompting(folder, precision="float32"),
    "few_shot": lambda folder: Prompting(folder, shots=2, context=900, precision="float32"),
    "itdlm": lambda folder: ITDLM(ADAM, folder, context=200, lora_dropout=0.0, precision="float32"),
    "tfidf": lambda _: TfidfLogistic(places=2**10),
    "length": lambda _: NarrativeLength(),
    "contents": lambda _: NarrativeLength("contents"),
}


def fit(method: Method[NarrativeBatch], folder: Path, data: HandMade | None = None, epochs: int = 1) -> Path:
    """Train, and return the checkpoint."""
    quiet()
    torch.manual_seed(0)
    method.hparams.clear()
    trainer = Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[AtomicCheckpointIO()],
    )
    trainer.fit(method, datamodule=data or HandMade())
    trainer.save_checkpoint(folder / "it.ckpt")
    method.eval()
    return folder / "it.ckpt"


@pytest.mark.parametrize("name", METHODS)
def test_a_checkpoint_gives_equal_scores(name: str, small_llama: str, tmp_path: Path) -> None:
    method = METHODS[name](small_llama)
    checkpoint = load_checkpoint(fit(method, tmp_path))
    other = METHODS[name](small_llama)
    other.on_load_checkpoint(checkpoint)
    other.load_state_dict(checkpoint["state_dict"])
    other.eval()
    batch = days(8, 30)
    with torch.no_grad():
        assert other.score(batch).equal(method.score(batch))
        assert method.score(batch).isfinite().all()


@pytest.mark.parametrize("name", ["tfidf", "itdlm"])
def test_what_learns_from_labels_tells_both_kinds_apart(name: str, small_llama: str, tmp_path: Path) -> None:
    method = METHODS[name](small_llama)
    fit(method, tmp_path, epochs=1 if name == "tfidf" else 8)
    batch = days(12, 30)
    with torch.no_grad():
        score = method.score(batch)
    assert score[batch.label == 1].min() > score[batch.label == 0].max()
