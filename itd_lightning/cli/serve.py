"""The command of the analyst's pages: ``itd serve``."""

import getpass
from functools import partial
from pathlib import Path

from itd_lightning.cli.terminal import console


def serve(
    cases: str,
    store: Path | None = None,
    scores: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8321,
    certificate: Path | None = None,
    key: Path | None = None,
    by: str | None = None,
    texts: bool = False,
) -> None:
    """Serve the analyst's pages: the queue of cases, users, raw events, runs and drift.

    They are reached from this machine only, by a link that is printed here. Keys in the pages: j and k move,
    a acknowledges, c closes, / searches, ? shows them all. docs/serve.md says more.

    Args:
        cases: The .yaml of a deployment, or a case store: a file or postgresql://...
        store: Event store, for raw events and the days of users; default: the deployment's.
        scores: Folder of a run that scored the same logs, for the score of each day.
        host: Address to listen at; one that other machines reach needs --certificate and --key.
        port: Port; 0 for a free one.
        certificate: PEM file with the certificate for TLS.
        key: PEM file with its key.
        by: Name that is proposed to whoever signs in; default: the login name.
        texts: Show the texts of mails, pages and files, where the store keeps them.
    """
    from itd_lightning.serve import server

    say = partial(console().print, highlight=False, soft_wrap=True, markup=False)
    source = server.open_source(cases, store, scores, texts=texts)
    server.serve(
        source,
        host=host,
        port=port,
        certificate=certificate,
        key=key,
        by=by or getpass.getuser(),
        say=say,
    )
