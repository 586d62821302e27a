"""The page about mornings: its deployment is one that the program reads, and no key is missing."""

import re
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.daily.deployment import read_deployment

PAGE = (Path(__file__).parents[1] / "docs" / "daily.md").read_text("utf-8")


def test_the_deployment_on_the_page_is_valid_and_its_table_names_every_key(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "plant.yaml"
    file.write_text(text, "utf-8")
    (tmp_path / "siem.token").write_text("t")
    (tmp_path / "siem.token").chmod(0o600)
    deployment = read_deployment(file)
    assert (deployment.budget, deployment.files) == (10, ("csv",))
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    file.write_text("unknown: 1\n" + text, "utf-8")
    with pytest.raises(InputError) as refused:
        read_deployment(file)
    assert set(str(refused.value).split("there may be ")[1].split(", ")) == rows
