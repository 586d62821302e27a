"""A CERT release as a source: small, sent to any worker, and honest about what it can record."""

import pickle
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.cert.release_folder import ReleaseFolder
from itd_lightning.sources.cert.releases import RELEASES
from itd_lightning.sources.cert.source import CertSource, open_releases
from tests.store.handmade import write_logs


def test_it_travels_to_a_worker_in_a_few_hundred_bytes(tmp_path: Path) -> None:
    (source,) = open_releases([write_logs(tmp_path / "r4.2")])
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    assert pickle.loads(sent) == source
    (piece, *_) = source.pieces(tmp_path, lambda *_: False)
    assert pickle.loads(pickle.dumps(piece)) == piece


@pytest.mark.parametrize("name", RELEASES)
def test_it_records_the_kinds_that_its_logs_have(name: str, tmp_path: Path) -> None:
    source = CertSource(ReleaseFolder(tmp_path, None), name)
    assert list(source.logs) == ["logon", "device", "file", "email", "http"]
    assert ("file_open" in source.records, "http_upload" in source.records) == (name >= "r5", name >= "r6")
    assert not {"process", "other"} & source.records


def test_its_identity_changes_when_a_file_does(tmp_path: Path) -> None:
    (source,) = open_releases([write_logs(tmp_path / "r4.2")])
    before = source.identity
    assert source.identity == before
    with (tmp_path / "r4.2" / "logon.csv").open("a") as file:
        file.write("more")
    assert source.identity != before


def test_several_folders_are_of_one_release(tmp_path: Path) -> None:
    parts = [write_logs(tmp_path / name) for name in ("one", "two")]
    assert {source.name for source in open_releases(parts)} == {"r4.2"}
    with pytest.raises(InputError, match=r"is laid out like r4\.1 or r4\.2, and not like r6\.2"):
        open_releases(parts, "r6.2")
