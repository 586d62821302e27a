"""Tests of the methods on the narratives view that DMFI is compared with."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from itd_lightning.callbacks import AtomicCheckpointIO
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import ITDLM, Method, NarrativeLength, Prompting, TfidfLogistic
from itd_lightning.methods.itdlm import supervised_contrast
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


def test_words_score_as_the_library_does(tmp_path: Path) -> None:
    method = TfidfLogistic(places=2**10)
    fit(method, tmp_path)
    data = HandMade()
    train = NarrativeBatch(
        [*data.train[0].narrative, *data.train[1].narrative],
        [*data.train[0].contents, *data.train[1].contents],
        torch.arange(18),
        torch.cat([batch.label for batch in data.train]),
    )
    weigh = TfidfTransformer()
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
    model.fit(weigh.fit_transform(method.counts(train)), train.label.numpy())
    batch = days(6, 40)
    expected = model.decision_function(weigh.transform(method.counts(batch)))
    assert torch.allclose(method.score(batch), torch.tensor(expected).float(), atol=1e-4)


def test_examples_are_of_both_kinds_and_known_to_the_prompt(small_llama: str, tmp_path: Path) -> None:
    method = Prompting(small_llama, shots=2, context=900, precision="float32")
    before = method.score(days(3))
    fit(method.train(), tmp_path)
    text = method.backbone.tokenizer.decode(method.examples)
    assert text.count("Prediction: normal\n") == text.count("Prediction: abnormal\n") == 2
    assert not before.equal(method.score(days(3)))


def test_more_examples_than_there_are_days_are_refused(small_llama: str, tmp_path: Path) -> None:
    data = HandMade(train=[days(2, 1)])
    with pytest.raises(InputError, match="1 examples of each kind"):
        fit(Prompting(small_llama, shots=1, context=900), tmp_path, data)
    with pytest.raises(InputError, match="give at least"):
        Prompting(small_llama, shots=2, context=300)


def test_length_counts_words_or_different_contents() -> None:
    batch = NarrativeBatch(("a b c", ""), (("x", "x", "y"), ()), torch.arange(2), torch.zeros(2))
    assert NarrativeLength().score(batch).tolist() == [3.0, 0.0]
    assert NarrativeLength("contents").score(batch).tolist() == [2.0, 0.0]


def test_a_contrast_is_small_where_kinds_lie_apart() -> None:
    axes = torch.eye(2)
    apart, mixed = axes[[0, 0, 1, 1]], axes[[0, 1, 0, 1]]
    label = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert supervised_contrast(apart, label, 0.1) < 0.01 < supervised_contrast(mixed, label, 0.1)
    assert supervised_contrast(axes, torch.tensor([0.0, 1.0]), 0.1) == 0
