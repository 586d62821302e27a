"""Tests of Prompting."""

from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.methods import Prompting
from tests.handmade_narratives import HandMade, days
from tests.methods.test_narrative_methods import fit


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
