"""Who may see the pages: one-time links, sessions, and what every request and answer must look like.

There are no passwords. The terminal prints a link that lets one browser in; the next link is printed when it
was used. A session is a random cookie, known to this process alone, and ends with it.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION_HOURS = 12
ENTRY = "/enter"
STATIC = "/static/"
_MOST_BYTES = 20_000  # of a form
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",  # with no-referrer, browsers send no origin with forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


def _secret() -> str:
    """Return a new secret of 256 bits."""
    return secrets.token_urlsafe(32)


def _is_same(one: str, other: str) -> bool:
    """Return whether two secrets are the same, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


@dataclass(frozen=True)
class Session:
    """Somebody who is let in.

    Args:
        name: Who; it stands beside what they do with a case.
        until: When the session ends, in seconds of the monotonic clock.
        form_key: Secret in every form, so that no other site can send one.
    """

    name: str
    until: float
    form_key: str = field(default_factory=_secret)

    def sent(self, form_key: str) -> bool:
        """Return whether a form came from a page of this session."""
        return _is_same(self.form_key, form_key)


class Door:
    """Lets browsers in, one a link.

    Args:
        announce: Called with the secret of each new link.
    """

    def __init__(self, announce: Callable[[str], object]) -> None:
        self._announce = announce
        self._sessions: dict[str, Session] = {}
        self._key = ""

    def open(self) -> None:
        """Make the next link, and announce it."""
        self._key = _secret()
        self._announce(self._key)

    def fits(self, key: str) -> bool:
        """Return whether a key is that of the current link."""
        return bool(self._key) and _is_same(self._key, key)

    def enter(self, key: str, name: str) -> str | None:
        """Return the cookie of a new session, and make the next link; None if the key does not fit."""
        if not self.fits(key):
            return None
        now, cookie = time.monotonic(), _secret()
        self._sessions = {one: session for one, session in self._sessions.items() if session.until > now}
        self._sessions[cookie] = Session(name, now + SESSION_HOURS * 3600)
        self.open()
        return cookie

    def leave(self, cookie: str) -> None:
        """End a session."""
        self._sessions.pop(cookie, None)

    def session(self, cookie: str) -> Session | None:
        """Return the session of a cookie, if it has not ended."""
        found = self._sessions.get(cookie)
        return found if found is not None and found.until > time.monotonic() else None


class Guard:
    """Passes on only requests that may be answered, and gives every answer its headers.

    Args:
        app: What answers.
        door: Knows the sessions.
        hosts: Names by which this server is called, with the port; so no page of another site can reach it
            under a name of its own.
        cookie: Name of the cookie.
        refuse: Makes the page for a browser that was not let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door,
        hosts: Collection[str],
        cookie: str,
        refuse: Callable[[], Response],
    ) -> None:
        self._app, self._door, self._hosts, self._cookie = app, door, set(hosts), cookie
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # a web socket is not accepted

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused; else give the request its session."""
        headers, path = Headers(scope=scope), scope["path"]
        if headers.get("host", "").lower() not in self._hosts:
            return PlainTextResponse("this server is not called so\n", 400)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("only GET and POST\n", 405)
        if scope["method"] == "POST" and (refusal := self._form_refusal(headers)):
            return refusal
        cookie = _read_cookie(headers, self._cookie)
        session = self._door.session(cookie)
        scope["session"], scope["cookie"] = session, cookie
        is_open = path == ENTRY or path.startswith(STATIC)
        return None if session is not None or is_open else self._refuse()

    def _form_refusal(self, headers: Headers) -> Response | None:
        """Return the answer to a form that comes from elsewhere or is too large."""
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() not in self._hosts:
            return PlainTextResponse("this form is of another site\n", 403)
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("this form is of another site\n", 403)
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return PlainTextResponse("a form says how long it is\n", 411)
        return PlainTextResponse("too long\n", 413) if int(length) > _MOST_BYTES else None


def _read_cookie(headers: Headers, name: str) -> str:
    """Return the value of a cookie; empty if there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
