"""What the names of the parts promise."""

from typing import get_args

from itd_lightning.contracts.parts import PARTS, Part
from tests.contracts.test_file_names import PACKAGE, literals

READERS = ("alerts", "audits", "evaluation", "report")  # of scores
COMMANDS = [("truncated_run.py", "test")]  # a folder is named after the command


def test_no_reader_of_scores_spells_out_a_part() -> None:
    assert get_args(Part) == PARTS
    modules = [path for reader in READERS for path in (PACKAGE / reader).rglob("*.py")]
    texts = [(module.name, text) for module in modules for text in literals(module)]
    assert len(modules) > 50
    assert [(name, text) for name, text in texts if text in PARTS] == COMMANDS
