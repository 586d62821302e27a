"""Connections to a case store, a SQLite file or a PostgreSQL database, with the newest schema in it."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.util
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from itd_lightning.contracts.errors import InputError, one_line
from itd_lightning.contracts.files import absolute, private_folder

SCHEMA = "1"  # newest revision in migrations/versions
_MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT = 30  # seconds for another writer
_HEADER = b"SQLite format 3\0"
_LOCK = 0x697464  # of PostgreSQL, while tables are made


def _is_database_url(place: str) -> bool:
    """Return whether a place of cases is the URL of a database, and not a file."""
    return "://" in place


def connect(place: str | Path, *, create: bool = True) -> Engine:
    """Open a case store and bring its tables to the newest schema.

    Args:
        place: Path of a SQLite file, or a URL such as ``postgresql://user@host/database``.
        create: Whether a missing file is made; it is its owner's alone.

    Raises:
        InputError: If there is none, or it cannot be opened.
    """
    url = _make_database_url(str(place)) if _is_database_url(str(place)) else _file_url(Path(place), create)
    where = place if _is_file(url) else url.render_as_string(hide_password=True)
    try:
        engine = create_engine(url, connect_args={"timeout": _WAIT} if _is_file(url) else {})
        if _is_file(url):
            event.listen(engine, "connect", _prepare_sqlite)
        _migrate(engine)
    except ModuleNotFoundError as error:
        raise InputError(f"PostgreSQL needs {error.name}: pip install 'itd-lightning[postgres]'") from error
    except SQLAlchemyError as error:
        raise InputError(f"no case store at {where}: {database_error_text(error)}") from error
    return engine


def _is_file(url: URL) -> bool:
    """Return whether a URL is that of a SQLite file."""
    return url.drivername == "sqlite"


def _make_database_url(place: str) -> URL:
    """Return the URL of a database with the driver of ours.

    Raises:
        InputError: If it is none of PostgreSQL.
    """
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise InputError("the URL of the cases must be like postgresql://user@host/database") from error
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise InputError(f"cases lie in a file or at postgresql://..., not at {url.drivername}://...")
    return url.set(drivername="postgresql+psycopg")


def _file_url(file: Path, create: bool) -> URL:
    """Return the URL of a SQLite file, which is made if need be.

    Raises:
        InputError: If there is none and none is to be made, or it is another file.
    """
    file = absolute(file)
    if not file.exists():
        if not create:
            raise InputError(f"no case store at {file}; `itd daily` makes one")
        private_folder(file.parent)
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    if file.is_dir():
        raise InputError(f"{file} is a folder; a case store is a file, or postgresql://...")
    with file.open("rb") as content:
        if content.read(len(_HEADER)) not in (b"", _HEADER):
            raise InputError(f"{file} is no case store, and no SQLite file at all")
    return URL.create("sqlite", database=str(file))


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    """Let SQLite check references, and leave the beginning of transactions to ``writing``."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in one transaction that no other writer of a SQLite file can be within."""
    with engine.begin() as connection:
        if _is_file(engine.url):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _migrate(engine: Engine) -> None:
    """Bring the tables to the newest schema; nothing is loaded for it where they are.

    Raises:
        InputError: If they are of a newer version of this program.
    """
    if _revision(engine) == SCHEMA:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        if not _is_file(engine.url):
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except alembic.util.CommandError as error:
            raise InputError(
                f"the case store is of another version of this program: {one_line(str(error))}"
            ) from error


def _revision(engine: Engine) -> str | None:
    """Return the revision of the tables; None where there are none."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def database_error_text(error: SQLAlchemyError) -> str:
    """Return what a database says, in one line, without SQL, parameters and passwords."""
    cause = getattr(error, "orig", None) or error
    return re.sub(r"password=\S+", "password=...", one_line(str(cause)))
