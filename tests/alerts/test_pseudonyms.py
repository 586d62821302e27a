"""Pseudonyms: the same with the same key, another with another key, and no name is left in an alert."""

import os
from pathlib import Path

import pytest

from itd_lightning.alerts.exports.formats import FORMATS, render
from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.contracts.errors import InputError
from tests.alerts.cases.handmade_alerts import make_alert

ONE, OTHER = Pseudonyms(b"k" * 32), Pseudonyms(b"q" * 32)


def test_a_pseudonym_is_stable_with_the_key_and_another_with_another_key() -> None:
    assert ONE.user("ANN0001") == Pseudonyms(b"k" * 32).user("ANN0001")
    assert ONE.user("ANN0001") != OTHER.user("ANN0001")
    assert ONE.user("ANN0001").startswith("user-")
    assert ONE.user("X").removeprefix("user-") != ONE.pc("X").removeprefix("pc-")


def test_no_user_pc_or_mail_address_is_left_in_an_alert_of_any_format() -> None:
    reasons = [
        "email_send bob.smith+x@rival.example;ann@dtaa.com at 09:12",
        "file_copy C:/Users/ann0001/PC-77/list.doc at 22:14",
        "logon_other_pc_count 3, usually 0",
    ]
    evidence = [{"feature": "Ann0001 used pc-77", "seen": 3.0, "usual": 0.0}]
    alert = make_alert("ANN0001", reasons=reasons, evidence=evidence)
    masked = ONE.alert(alert, {"bob0002"}, {"pc-77"})
    for form in FORMATS:
        text = render([masked], form).lower()
        assert not [name for name in ("ann0001", "bob.smith", "dtaa", "rival", "pc-77") if name in text]
    assert "list.doc at 22:14" in masked.reasons[1]
    assert masked.reasons[2] == reasons[2]


def test_the_key_is_its_owners_alone_and_long_enough(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(InputError, match="make one with"):
        Pseudonyms.read(file)
    file.write_bytes(b"k" * 32)
    file.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        Pseudonyms.read(file)
    file.chmod(0o600)
    assert Pseudonyms.read(file).user("a") == ONE.user("a")
    file.write_bytes(b"short\n")
    with pytest.raises(InputError, match="fewer than 16"):
        Pseudonyms.read(file)


def test_only_who_has_the_key_finds_a_name_again() -> None:
    names = [f"U{number}" for number in range(50)]
    assert ONE.find(ONE.user("U7"), names) == "U7"
    assert OTHER.find(ONE.user("U7"), names) is None


def test_random_keys_give_no_equal_pseudonyms_to_ten_thousand_people() -> None:
    pseudonyms = Pseudonyms(os.urandom(32))
    assert len({pseudonyms.user(f"U{number}") for number in range(10_000)}) == 10_000
