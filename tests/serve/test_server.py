"""The server is reached from this machine alone, unless it has a certificate."""

import importlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

import itd_lightning.serve
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.cli import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.serve.app import Source
from itd_lightning.serve.server import open_source, serve
from tests.alerts.cases.handmade_alerts import DAY
from tests.serve.handmade_pages import make_store

ROOT = Path(__file__).parents[2]


def start(cases: CaseStore, **options: object) -> None:
    """Start the server, which is expected to refuse."""
    defaults = {"host": "127.0.0.1", "port": 0, "certificate": None, "key": None, "by": "ann", "say": print}
    serve(Source(cases), **{**defaults, **options})  # type: ignore[arg-type]  # of any option


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "watch.example"])
def test_other_machines_reach_it_with_a_certificate_only(cases: CaseStore, host: str) -> None:
    with pytest.raises(InputError, match="give --certificate FILE and --key FILE"):
        start(cases, host=host)


def test_a_certificate_needs_its_key_and_both_must_be_there(cases: CaseStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both files"):
        start(cases, certificate=tmp_path / "none.pem")
    with pytest.raises(InputError, match="no PEM file"):
        start(cases, certificate=tmp_path / "none.pem", key=tmp_path / "none.pem")


def test_a_port_that_is_taken_is_said_in_a_sentence(cases: CaseStore) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match="give another --port"):
            start(cases, port=other.getsockname()[1])
    with pytest.raises(InputError, match="a port is a number"):
        start(cases, port=70_000)


@pytest.mark.usefixtures("cases")
def test_what_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case store"):
        open_source(str(tmp_path / "none.sqlite"), None, None, texts=False)
    with pytest.raises(InputError, match="no deployment"):
        open_source(str(tmp_path / "none.yaml"), None, None, texts=False)
    with pytest.raises(InputError, match="no scores"):
        open_source(str(tmp_path / "cases.sqlite"), None, tmp_path, texts=False)
    with pytest.raises(InputError, match="no event store"):
        open_source(str(tmp_path / "cases.sqlite"), tmp_path / "none", None, texts=False)


@pytest.mark.usefixtures("cases")
def test_a_deployment_says_where_its_cases_and_events_are(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    text = "name: plant\nlogs: logs\nstore: store\ncheckpoints: best.ckpt\ncases: cases.sqlite\nout: out\n"
    (tmp_path / "plant.yaml").write_text(text, "utf-8")
    source = open_source(str(tmp_path / "plant.yaml"), None, None, texts=False)
    assert source.deployment == "plant"
    assert source.company is not None
    assert source.scores is not None
    assert source.scores.of("ann", DAY, DAY) == {}  # before the first morning
    assert len(source.cases.cases()) == 10


def test_a_missing_library_is_said_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "uvicorn" else find_spec(name)
    )
    with pytest.raises(InputError, match=re.escape("needs uvicorn: pip install 'itd-lightning[watch]'")):
        importlib.reload(itd_lightning.serve)
    monkeypatch.undo()
    importlib.reload(itd_lightning.serve)
    with pytest.raises(SystemExit, match="2"):
        main(["serve", str(tmp_path / "none.sqlite")])
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_the_command_prints_a_link_that_opens(tmp_path: Path, secure: bool) -> None:
    options = make_certificate(tmp_path) if secure else []
    log = tmp_path / "log"
    command = [sys.executable, "-m", "itd_lightning", "serve", str(tmp_path / "cases.sqlite"), "--port", "0"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, *options], stdout=output, stderr=output, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
    try:
        link = wait_for_link(log)
        assert link.startswith("https://" if secure else "http://")
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem") if secure else None
        with urllib.request.urlopen(link, context=context, timeout=20) as answer:
            assert b"Who looks at cases?" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(link.split("/enter")[0], context=context, timeout=20)
    finally:
        server.terminate()
        assert server.wait(20) is not None


def make_certificate(folder: Path) -> list[str]:
    """Return the options that name a certificate of this machine, signed by itself."""
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *names],
        check=True,
        capture_output=True,
    )
    return ["--certificate", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]


def wait_for_link(log: Path) -> str:
    """Return the link that a server prints."""
    for _ in range(600):
        if found := re.search(r"https?://\S+/enter\S+", log.read_text("utf-8")):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8"))
