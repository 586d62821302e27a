"""Files that come with the program are found by name, and a file of one's own comes first."""

from pathlib import Path

import pytest

from itd_lightning.contracts import shipped
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.shipped import find_shipped, is_shipped, shipped_folder


@pytest.mark.parametrize("word", ["rmsl", "rmsl.yaml", "configs/rmsl", "configs/rmsl.yaml"])
def test_a_config_has_one_name(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_shipped("configs", word) == str(shipped_folder("configs") / "rmsl.yaml")


def test_a_file_of_ones_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rmsl").touch()
    assert find_shipped("configs", "rmsl") == "rmsl"


def test_an_unknown_name_is_answered_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"rmls is neither .* `itd list configs` shows; .* is rmsl"):
        find_shipped("configs", "rmls")
    assert find_shipped("configs", "model: {}") == "model: {}"


def test_an_installed_program_has_its_files_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "experiments" / "rmsl" / "table1.yaml"
    table.parent.mkdir(parents=True)
    table.touch()
    assert not is_shipped(shipped_folder("experiments") / "rmsl" / "table1.yaml")  # of a checkout
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    assert find_shipped("experiments", "rmsl/table1") == str(table)
    assert is_shipped(table)
