"""Starts the pages: on this machine alone, unless a certificate is given."""

import ipaddress
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.errors import InputError
from itd_lightning.daily.deployment import read_deployment
from itd_lightning.serve.access import ENTRY, Door
from itd_lightning.serve.app import Source, make_app
from itd_lightning.serve.company import Company
from itd_lightning.serve.queue import Queue
from itd_lightning.serve.score_days import ScoreDays

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::")
_LAST_PORT = 65_535


def open_source(place: str, store: Path | None, scores: Path | None, *, texts: bool) -> Source:
    """Open what is to be shown.

    Args:
        place: A deployment's YAML, or the path or URL of a case store.
        store: Event store; default: the deployment's, if it is one.
        scores: Folder of a run that scored the same logs; default: what the deployment keeps.
        texts: Whether texts of mails, pages and files are shown.

    Raises:
        InputError: If something is not there.
    """
    name, cases, key_file = None, place, None
    kept = None if scores is None else ScoreDays(scores)
    if "://" not in place and Path(place).suffix in (".yaml", ".yml"):
        deployment = read_deployment(Path(place))
        name, cases, key_file = deployment.name, deployment.cases, deployment.key_file
        store = store or (deployment.store if deployment.store.is_dir() else None)
        kept = kept or ScoreDays(deployment.out, needed=False)
    return Source(
        cases=CaseStore.open(cases, create=False),
        deployment=name,
        company=None if store is None else Company(store, key_file, texts=texts),
        scores=kept,
    )


def serve(
    source: Source,
    *,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    by: str,
    say: Callable[[str], object],
) -> None:
    """Serve the pages until somebody stops it.

    Args:
        source: What is shown.
        host: Address to listen at; beyond this machine only with a certificate.
        port: Port; 0 for a free one.
        certificate: PEM file of the certificate.
        key: PEM file of its key.
        by: Who probably works here.
        say: Called with each line for the terminal.

    Raises:
        InputError: If it would be reached from other machines without TLS, or the port is taken.
    """
    secure = _check_tls(host, certificate, key)
    with _listen(host, port) as listener:
        port = listener.getsockname()[1]
        names = _names(host)
        scheme = "https" if secure else "http"
        door = Door(lambda secret: say(f"{scheme}://{names[0]}:{port}{ENTRY}?key={secret}"))
        hosts = {f"{name}:{port}" for name in names}
        queue = Queue(source.cases, source.deployment)
        queue.cases()  # so that the first page does not wait for it
        threading.Thread(target=queue.keep_fresh, daemon=True).start()
        app = make_app(source, door, queue, hosts=hosts, port=port, secure=secure, by=by)
        say("open this link in a browser; it lets one browser in, and Ctrl-C stops the server:")
        door.open()
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # it would name people
            server_header=False,
            lifespan="off",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _check_tls(host: str, certificate: Path | None, key: Path | None) -> bool:
    """Return whether TLS is used.

    Raises:
        InputError: If it has to be and is not, or a file is missing.
    """
    if (certificate is None) != (key is None):
        raise InputError("TLS needs both files: give --certificate FILE and --key FILE")
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise InputError(f"no PEM file at {file}")
    if certificate is None and not _is_loopback(host):
        raise InputError(
            f"other machines reach {host}, and these pages name people: give --certificate FILE and "
            "--key FILE, or leave --host out and use `ssh -L 8321:localhost:8321`"
        )
    return certificate is not None


def _is_loopback(host: str) -> bool:
    """Return whether an address is that of this machine for itself.

    Example:
        >>> _is_loopback("localhost"), _is_loopback("127.0.0.1"), _is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(host: str) -> list[str]:
    """Return by which names the server is called; the first one stands in the link."""
    shown = f"[{host}]" if ":" in host else host
    if _is_loopback(host):
        return [shown, *(name for name in _LOOPBACK if name != shown)]
    machine = [socket.getfqdn().lower(), socket.gethostname().lower()]
    return [*machine, *_LOOPBACK] if host in _EVERYWHERE else [shown.lower(), *machine]


def _listen(host: str, port: int) -> socket.socket:
    """Return the socket that listens.

    Raises:
        InputError: If it cannot.
    """
    if not 0 <= port <= _LAST_PORT:
        raise InputError(f"a port is a number from 1 to {_LAST_PORT}, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen at {host}, port {port}: {error.strerror}; give another --port"
        ) from error
    return listener
