"""Sending of alerts by HTTP: each waits in the outbox until the receiver has taken it.

An alert is marked as sent only after an answer of 2xx, so none is lost. Killed between the answer and the
mark, the program sends it again with the same ``Idempotency-Key``, by which the receiver can tell.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from http.client import HTTPException
from json import dumps
from typing import NamedTuple, NoReturn
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from itd_lightning.alerts.cases.rows import Unsent
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.exports.formats import OBJECTS
from itd_lightning.contracts.errors import InputError

_TIMEOUT = 10  # seconds
_WAITS = (1.0, 4.0)  # seconds before the second and the third try
_AGAIN = (408, 425, 429)  # and all of 5xx: a later try may succeed
_MOST_REFUSED = 3  # alerts in a row, after which the receiver is left alone until the next run


class Webhook(NamedTuple):
    """A receiver of alerts.

    Attributes:
        name: Of the receiver in the outbox.
        url: ``https://...``; ``http://`` for this machine only, since alerts name people.
        form: Format of the body: json, ocsf or ecs.
        token: Sent as ``Authorization: Bearer``; empty for none.
    """

    name: str
    url: str
    form: str
    token: str = ""


class Delivered(NamedTuple):
    """What became of the alerts in the outbox."""

    sent: int
    left: int
    error: str


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: a redirected POST loses its body, and another host is none of ours."""

    def redirect_request(self, *_: object) -> NoReturn:
        """Refuse."""
        raise _NotSentError("the receiver redirects, which is not followed: give the final address")


class _NotSentError(Exception):
    """The receiver did not take an alert; ``again`` tells whether a later try may help at once."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


def check_url(url: str) -> None:
    """Refuse an address that alerts may not be sent to.

    Raises:
        InputError: If it is neither ``https://``, nor ``http://`` of this machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"a webhook is https://..., got {url!r}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise InputError(f"alerts name people: give https://{parts.netloc}{parts.path} instead of http")


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def deliver(cases: CaseStore, webhook: Webhook, wait: Callable[[float], object] = time.sleep) -> Delivered:
    """Send what waits in the outbox for a receiver, oldest first; what is refused stays there.

    Args:
        cases: The case store.
        webhook: The receiver.
        wait: Called with the seconds between two tries.
    """
    check_url(webhook.url)
    sent, refused, error = 0, 0, ""
    while refused < _MOST_REFUSED and (waiting := cases.unsent(webhook.name, refused + 1)[refused:]):
        error_now = _send_with_retries(webhook, waiting[0], wait)
        cases.note_delivery(waiting[0].delivery, error_now)
        sent, refused = (sent, refused + 1) if error_now else (sent + 1, refused)
        error = error_now or error
    return Delivered(sent, cases.count_unsent(webhook.name), error)


def _send_with_retries(webhook: Webhook, unsent: Unsent, wait: Callable[[float], object]) -> str:
    """Send one alert, up to three times; return what went wrong, empty if it was taken."""
    for seconds in (*_WAITS, None):
        try:
            _send(webhook, unsent)
        except _NotSentError as error:
            if not error.again or seconds is None:
                return str(error)
            wait(seconds)
        else:
            return ""
    return ""


def _send(webhook: Webhook, unsent: Unsent) -> None:
    """Send one alert once.

    Raises:
        _NotSentError: If the receiver did not answer 2xx.
    """
    body = dumps(OBJECTS[webhook.form](unsent.alert), allow_nan=False).encode()
    key = hashlib.sha256(unsent.alert.uid.encode()).hexdigest()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "itd_lightning"}
    if webhook.token:
        headers["Authorization"] = f"Bearer {webhook.token}"
    request = Request(webhook.url, body, headers, method="POST")  # checked: http or https
    try:
        with build_opener(_NoRedirects).open(request, timeout=_TIMEOUT) as answer:
            answer.read(1)
    except HTTPError as error:
        error.close()
        again = error.code in _AGAIN or error.code >= 500
        raise _NotSentError(f"HTTP {error.code}", again=again) from error
    except (OSError, HTTPException) as error:
        raise _NotSentError(f"{type(error).__name__}: {error}", again=True) from error
