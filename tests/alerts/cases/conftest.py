"""A case store in a SQLite file, and one in a real PostgreSQL where its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from itd_lightning.alerts.cases.store import CaseStore

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def _account() -> tuple[str | None, Path | None]:
    """Return who runs PostgreSQL, which must not be root, and None for this user."""
    if os.getuid():
        return None, None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return "postgres", Path("/tmp")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the URL of an empty database of a server of ours; skip where PostgreSQL is not installed."""
    if not _PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    programs, (user, _) = _PROGRAMS[-1], _account()
    folder = Path(f"/tmp/itd-postgres-{os.getpid()}")  # sockets need a short name
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        done = subprocess.run(
            [str(programs / command[0]), *command[1:]],
            user=user,
            cwd=folder,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not done.returncode, done.stdout + done.stderr

    try:
        run("initdb", "-D", f"{folder}/data", "-U", "itd", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql://itd@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the place of an empty case store."""
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "cases.sqlite")
    url: str = request.getfixturevalue("postgres")
    import psycopg

    name = f"cases_{tmp_path.name.replace('-', '_')[-40:].lower()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.replace("/postgres", f"/{name}")


@pytest.fixture
def cases(place: str) -> Iterator[CaseStore]:
    """Return an empty case store."""
    with CaseStore.open(place) as store:
        yield store
