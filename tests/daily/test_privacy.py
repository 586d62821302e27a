"""A deployment with pseudonyms: no name leaves the store, and unmasking is written down."""

import re
from pathlib import Path

import pytest

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.cli.parser import main
from itd_lightning.store.read import Store
from tests.cli.test_parser import refused
from tests.daily.company import day_of, deliver_logs, write_deployment


@pytest.fixture
def plant(split: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a deployment with pseudonyms after its first morning."""
    company = tmp_path / "company"
    exports = [{"format": name} for name in ("csv", "json", "ndjson", "ocsf", "ecs")]
    file = write_deployment(company, checkpoint, exports=exports, pseudonyms={"key_file": "key"})
    (company / "key").write_bytes(b"0123456789abcdef0123456789abcdef")
    (company / "key").chmod(0o600)
    deliver_logs(split, company, range(20, 61))
    main(["daily", str(file)])
    capsys.readouterr()
    return file


def test_no_name_leaves_the_store_and_unmasking_is_written_down(
    plant: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    company = plant.parent
    users = Store(company / "store").presence()["user"].unique().to_list()
    main(["case", "list", str(plant)])
    listed = capsys.readouterr().out
    files = [company / "cases.sqlite", *(path for path in (company / "daily").rglob("*") if path.is_file())]
    assert len(files) > 5
    texts = [listed, *(file.read_bytes().decode("utf-8", "ignore") for file in files)]
    assert [user for user in users for text in texts if user.lower() in text.lower()] == []
    assert "key" not in " ".join(path.name for path in files)

    pseudonym = re.findall(r"user-[0-9a-f]{12}", listed)[0]
    with CaseStore.open(company / "cases.sqlite") as cases:
        (case,) = cases.cases(user=pseudonym)
    assert "case 99 is not of" in refused(
        ["unmask", str(plant), pseudonym, "--case", "99", "--reason", "x"], capsys
    )
    ask = ["unmask", str(plant), pseudonym, "--case", str(case.id), "--by", "eve"]
    assert "reason" in refused(ask, capsys)
    main([*ask, "--reason", "interview"])
    assert capsys.readouterr().out.strip() in users
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert [(row.case_id, row.by, row.reason) for row in cases.unmaskings()] == [
            (case.id, "eve", "interview")
        ]
    main(["case", "show", str(plant), str(case.id)])
    assert "eve: unmasked: interview" in capsys.readouterr().out


def test_a_morning_without_its_key_is_refused_before_anything_is_scored(
    plant: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (plant.parent / "key").unlink()
    deliver_logs(split, plant.parent, [61])
    assert "no key of pseudonyms" in refused(["daily", str(plant)], capsys)
    with CaseStore.open(plant.parent / "cases.sqlite") as cases:
        assert cases.last_day("plant") == day_of(60)
