"""The webhook: what a receiver took is not sent again, and what it did not take is not lost."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.exports.webhook import Delivered, Webhook, check_url, deliver
from itd_lightning.contracts.errors import InputError
from tests.alerts.cases.handmade_alerts import add_alerts, make_alert


class Receiver(HTTPServer):
    """A server that answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []  # the next ones; 200 when there are none left
        self.tries: list[tuple[str, str]] = []  # idempotency key and user
        self.taken: list[str] = []
        self.tokens: set[str] = set()

    @property
    def url(self) -> str:
        """Address to send to."""
        return f"http://127.0.0.1:{self.server_port}/alerts"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = body["observables"][0]["value"]
        self.server.tries.append((self.headers["Idempotency-Key"], user))
        self.server.tokens.add(self.headers.get("Authorization", ""))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 0:  # hangs up
            self.connection.close()
            return
        if status == 200:
            self.server.taken.append(user)
        self.send_response(status)
        if status in (302, 307):
            self.send_header("Location", "http://localhost:1/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        """Stay quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a server in this process."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def send(cases: CaseStore, receiver: Receiver, token: str = "") -> Delivered:
    """Deliver without waiting between tries."""
    return deliver(cases, Webhook("hook", receiver.url, "ocsf", token), wait=lambda _: None)


def fill(cases: CaseStore, count: int = 5) -> list[str]:
    """Put alerts into the outbox."""
    users = [f"u{number}" for number in range(count)]
    alerts = [make_alert(user, rank=place) for place, user in enumerate(users, 1)]
    add_alerts(cases, *alerts, targets=("hook",))
    return users


def test_every_alert_is_sent_once_in_order_and_nothing_the_second_time(
    cases: CaseStore, receiver: Receiver
) -> None:
    users = fill(cases)
    assert send(cases, receiver, "s3cret") == (5, 0, "")
    assert send(cases, receiver, "s3cret") == (0, 0, "")
    assert receiver.taken == users
    assert receiver.tokens == {"Bearer s3cret"}


def test_a_receiver_that_fails_for_a_while_gets_everything_once(cases: CaseStore, receiver: Receiver) -> None:
    users = fill(cases)
    receiver.answers = [503, 0, 200, 429, 200, 500, 502, 504]
    first = send(cases, receiver)
    assert (first.sent, first.left) == (4, 1)
    assert send(cases, receiver) == (1, 0, "")
    assert sorted(receiver.taken) == users
    assert len({key for key, _ in receiver.tries}) == 5


def test_a_receiver_that_is_down_is_left_alone_soon_and_loses_nothing(
    cases: CaseStore, receiver: Receiver
) -> None:
    users = fill(cases)
    receiver.answers = [503] * 9
    assert send(cases, receiver) == (0, 5, "HTTP 503")
    assert len(receiver.tries) == 9
    assert send(cases, receiver) == (5, 0, "")
    assert receiver.taken == users


def test_an_alert_that_is_refused_for_good_does_not_hold_up_the_others(
    cases: CaseStore, receiver: Receiver
) -> None:
    fill(cases)
    receiver.answers = [200, 400]
    assert send(cases, receiver) == (4, 1, "HTTP 400")
    assert [unsent.alert.user for unsent in cases.unsent("hook")] == ["u1"]


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed_and_the_alert_stays(
    cases: CaseStore, receiver: Receiver, status: int
) -> None:
    fill(cases, 1)
    receiver.answers = [status]
    result = send(cases, receiver)
    assert (result.sent, result.left) == (0, 1)
    assert len(receiver.tries) == 1


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/passwd", "ftp://a/b", "no url"])
def test_alerts_go_to_https_or_to_this_machine_only(url: str) -> None:
    with pytest.raises(InputError, match="https://"):
        check_url(url)


def test_loopback_needs_no_https() -> None:
    for url in ("http://localhost:8/x", "http://127.0.0.1/x", "http://[::1]:9/x", "https://example.org/x"):
        check_url(url)
