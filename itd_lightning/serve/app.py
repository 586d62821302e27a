"""The pages and what they do: each method of ``_Pages`` answers one kind of request."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from itd_lightning.alerts.cases.risk import DAYS, LEVELS
from itd_lightning.alerts.cases.rows import CaseRow
from itd_lightning.alerts.cases.schema import OPEN_STATES
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import InputError
from itd_lightning.serve.access import ENTRY, SESSION_HOURS, STATIC, Door, Guard
from itd_lightning.serve.company import Company, EventPage, history
from itd_lightning.serve.queue import ORDERS, STATES, Queue, Selection
from itd_lightning.serve.score_days import ScoreDays
from itd_lightning.serve.templates import asset, render
from itd_lightning.serve.timeline import HEIGHT, WIDTH, draw_timeline

_ASSETS = {"app.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
_SPANS = (30, 90, 180, 365)  # days of a timeline
_ALERTS = 20  # a page
_RUNS = 60
_LONGEST_NAME = 80

_Post = Callable[[Request, Mapping[str, str]], Response]


class Source(NamedTuple):
    """What is shown.

    Attributes:
        cases: The case store.
        deployment: Only its cases; None for all of the store.
        company: The event store; None without one.
        scores: Scores by day; None where none are kept.
    """

    cases: CaseStore
    deployment: str | None = None
    company: Company | None = None
    scores: ScoreDays | None = None


def make_app(
    source: Source,
    door: Door,
    queue: Queue | None = None,
    *,
    hosts: Collection[str],
    port: int,
    secure: bool,
    by: str,
) -> ASGIApp:
    """Return the application.

    Args:
        source: What is shown.
        door: Lets browsers in.
        queue: Of its cases; default: a new one.
        hosts: Names by which it is called, with the port.
        port: Its port; browsers keep cookies by host only, so it is part of the cookie's name.
        secure: Whether it is reached by TLS.
        by: Who probably works here, as a proposal.
    """
    cookie = f"itd_{port}"
    queue = queue or Queue(source.cases, source.deployment)
    pages = _Pages(source, door, queue, cookie=cookie, secure=secure, by=by)
    app = Starlette(
        routes=[
            Route("/", pages.queue),
            Route("/case/{case:int}", pages.case),
            Route("/case/{case:int}/acknowledge", _posted(pages.acknowledge), methods=["POST"]),
            Route("/case/{case:int}/close", _posted(pages.close), methods=["POST"]),
            Route("/user", pages.user),
            Route("/runs", pages.runs),
            Route(ENTRY, pages.entry, methods=["GET"]),
            Route(ENTRY, _posted(pages.enter, has_session=False), methods=["POST"]),
            Route("/leave", _posted(pages.leave), methods=["POST"]),
            Route(STATIC + "{name}", _send_asset),
        ],
        exception_handlers={HTTPException: pages.refuse, InputError: pages.refuse},
    )
    return Guard(app, door=door, hosts=hosts, cookie=cookie, refuse=pages.locked)


def _posted(answer: _Post, *, has_session: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of a form, which answers only those that come from a page of the session."""

    async def handle(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=20) as form:
            values = {name: value for name, value in form.items() if isinstance(value, str)}
        if has_session and not request.scope["session"].sent(values.get("form_key", "")):
            raise HTTPException(403, "this form is not of this session: load the page again")
        return await run_in_threadpool(answer, request, values)

    return handle


def _send_asset(request: Request) -> Response:
    """Answer with the script or the style sheet."""
    name = request.path_params["name"]
    if name not in _ASSETS:
        raise HTTPException(404, "there is no such file")
    return Response(asset(name), media_type=_ASSETS[name])


class _Pages:
    """The pages of one source.

    Args:
        source: What is shown.
        door: Lets browsers in.
        queue: Of its cases.
        cookie: Name of the cookie.
        secure: Whether it is sent by TLS only.
        by: Who probably works here.
    """

    def __init__(
        self, source: Source, door: Door, queue: Queue, *, cookie: str, secure: bool, by: str
    ) -> None:
        self._cases, self._deployment, self._company, self._scores = source
        self._queue = queue
        self._door, self._cookie, self._secure, self._by = door, cookie, secure, by

    def _page(self, request: Request, name: str, status: int = 200, **values: object) -> Response:
        """Return a page."""
        session = request.scope.get("session")
        return HTMLResponse(render(name, session=session, place=request.url.path, **values), status)

    # Who is let in.

    def locked(self) -> Response:
        """Answer a browser that was not let in."""
        return HTMLResponse(render("locked.html", session=None, place=""), 403)

    def entry(self, request: Request) -> Response:
        """Ask who it is; so a link is not used up by a program that only looks at it."""
        key = request.query_params.get("key", "")
        if not self._door.fits(key):
            return self.locked()
        return self._page(request, "enter.html", key=key, by=self._by, longest=_LONGEST_NAME)

    def enter(self, _: Request, form: Mapping[str, str]) -> Response:
        """Let a browser in."""
        name = " ".join(form.get("name", "").split())[:_LONGEST_NAME] or self._by
        cookie = self._door.enter(form.get("key", ""), name)
        if cookie is None:
            return self.locked()
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._cookie,
            cookie,
            max_age=SESSION_HOURS * 3600,
            httponly=True,
            samesite="strict",
            secure=self._secure,
        )
        return answer

    def leave(self, request: Request, _: Mapping[str, str]) -> Response:
        """End the session."""
        self._door.leave(request.scope["cookie"])
        answer = self.locked()
        answer.delete_cookie(self._cookie, httponly=True, samesite="strict", secure=self._secure)
        return answer

    def refuse(self, request: Request, error: Exception) -> Response:
        """Answer a request that cannot be answered, in a sentence."""
        status, words = 400, str(error)
        if isinstance(error, HTTPException):
            status, words = error.status_code, error.detail
        return self._page(request, "message.html", status, words=words, code=status)

    # What is seen.

    def queue(self, request: Request) -> Response:
        """Show the queue."""
        selection = Selection.read(request.query_params)
        page = self._queue.page(selection)
        return self._page(
            request,
            "queue.html",
            selection=selection,
            page=page,
            reasons=self._cases.latest_reasons([row.id for row in page.rows]),
            counts=self._queue.counts(),
            deployments=self._queue.deployments(),
            states=STATES,
            levels=list(reversed(LEVELS)),
            orders=ORDERS,
            open_states=OPEN_STATES,
            done=self._done(request),
            pages_query=lambda number: selection.query(page=number),
            latest=self._cases.days(self._deployment, limit=1),
            risk_days=DAYS,
        )

    def _done(self, request: Request) -> CaseRow | None:
        """Return the case with which something was just done."""
        number = request.query_params.get("done", "")
        return self._queue.case(int(number)) if number.isdecimal() and len(number) < 16 else None

    def case(self, request: Request) -> Response:
        """Show a case."""
        row, query = self._find(request), request.query_params
        number = _page_number(query.get("page"))
        pages = max(-(-row.alerts // _ALERTS), 1)
        number = min(number, pages)
        alerts = self._cases.alerts(case=row.id, limit=_ALERTS, offset=(number - 1) * _ALERTS)
        day = _day(query.get("day")) or (alerts[0].day if alerts else row.last)
        before, after = self._neighbours(row)
        events, trouble = self._events(row.user, day, query)
        of_day = self._cases.alerts(case=row.id, since=day, until=day)
        return self._page(
            request,
            "case.html",
            case=row,
            alerts=alerts,
            alert_page=number,
            alert_pages=pages,
            actions=self._cases.actions(row.id),
            unmaskings=self._cases.unmaskings(row.id),
            is_open=row.state in OPEN_STATES,
            done=self._done(request),
            before=before,
            after=after,
            day=day,
            find=query.get("find", ""),
            events=events,
            trouble=trouble,
            flagged={one for alert in of_day for one in alert.event_ids},
            alerts_query=lambda place: _query(page=place),
            events_query=lambda place: _query(day=day, find=query.get("find"), page=number, events=place),
        )

    def _find(self, request: Request) -> CaseRow:
        """Return the case that a request is about."""
        row = self._queue.case(request.path_params["case"])
        if row is None:
            raise HTTPException(404, "there is no such case")
        return row

    def _neighbours(self, row: CaseRow) -> tuple[CaseRow | None, CaseRow | None]:
        """Return the open cases before and after one, by risk."""
        cases = self._queue.select(Selection())
        places = [place for place, one in enumerate(cases) if one.id == row.id]
        if not places:  # it is closed
            return None, cases[0] if cases else None
        place = places[0]
        return cases[place - 1] if place else None, cases[place + 1] if place + 1 < len(cases) else None

    def _events(self, user: str, day: date, query: Mapping[str, str]) -> tuple[EventPage | None, str]:
        """Return the raw events of a user's day; without them, why not."""
        if self._company is None:
            return None, "Start `itd serve` with --store to see raw events."
        try:
            number = _page_number(query.get("events"))
            return self._company.events(user, day, query.get("find", ""), number), ""
        except InputError as error:
            return None, str(error)

    def user(self, request: Request) -> Response:
        """Show a user."""
        query = request.query_params
        deployment, user = query.get("deployment", self._deployment or ""), query.get("name", "")
        cases = self._queue.of_user(deployment, user)
        if not cases:
            raise HTTPException(404, "there is no case of such a user")
        span = _one_number(query.get("days"), _SPANS, 90)
        last = self._cases.last_day(deployment) or max(row.last for row in cases)
        first = last - timedelta(days=span - 1)
        number = _page_number(query.get("page"))
        pages = max(-(-sum(row.alerts for row in cases) // _ALERTS), 1)
        number = min(number, pages)
        alerts = self._cases.alerts(
            deployment=deployment, user=user, limit=_ALERTS, offset=(number - 1) * _ALERTS
        )
        latest = alerts if number == 1 else self._cases.alerts(deployment=deployment, user=user, limit=1)
        return self._page(
            request,
            "user.html",
            user=user,
            deployment=deployment,
            cases=cases,
            risk=max(cases, key=lambda row: row.risk),
            alerts=alerts,
            alert_page=number,
            alert_pages=pages,
            latest=latest[0] if latest else None,
            scored=self._cases.days(deployment, limit=1),
            span=span,
            spans=_SPANS,
            open_states=OPEN_STATES,
            alerts_query=lambda place: _query(deployment=deployment, name=user, days=span, page=place),
            open_peers=self._open_peers(deployment),
            chart=(WIDTH, HEIGHT),
            **self._known(deployment, user, first, last),
        )

    def _open_peers(self, deployment: str) -> dict[str, CaseRow]:
        """Return the open case of each user who has one."""
        rows = self._queue.select(Selection(deployment=deployment))
        return {row.user: row for row in rows}

    def _known(self, deployment: str, user: str, first: date, last: date) -> dict[str, Any]:
        """Return what the event store and the scores say about a user."""
        alerts = self._cases.alerts(deployment=deployment, user=user, since=first, until=last)
        try:
            scores = {} if self._scores is None else self._scores.of(user, first, last)
            if self._company is None:
                return self._without_store(first, last, scores, alerts, "Start `itd serve` with --store.")
            presence = [one for one in self._company.presence(user) if one.day <= last]
            counts = self._company.counts(user, first, last)
            identity = self._company.identity(user)
        except InputError as error:
            return self._without_store(first, last, {}, alerts, str(error))
        timeline = draw_timeline(first, last, scores, alerts, counts, presence)
        return {"timeline": timeline, "identity": identity, "history": history(presence), "trouble": ""}

    def _without_store(
        self, first: date, last: date, scores: dict[date, float], alerts: list[AlertRecord], trouble: str
    ) -> dict[str, Any]:
        """Return what is known about a user without the event store, and why it is not more."""
        timeline = draw_timeline(first, last, scores, alerts, {}, [])
        return {"timeline": timeline, "identity": None, "history": None, "trouble": trouble}

    def runs(self, request: Request) -> Response:
        """Show the mornings: scored days with drift, and calls of `itd daily`."""
        days = self._cases.days(self._deployment, limit=_RUNS)
        runs = self._cases.runs(self._deployment, limit=_RUNS)
        return self._page(request, "runs.html", days=days, runs=runs, most=_RUNS)

    # What is done.

    def acknowledge(self, request: Request, form: Mapping[str, str]) -> Response:
        """Acknowledge a case."""
        row = self._find(request)
        self._cases.acknowledge(row.id, request.scope["session"].name, form.get("reason", ""))
        return _back(row, form)

    def close(self, request: Request, form: Mapping[str, str]) -> Response:
        """Close a case."""
        row, verdict = self._find(request), form.get("verdict", "")
        if verdict not in ("benign", "true"):
            raise InputError("a case is closed as benign or as true: choose one of them")
        reason = form.get("reason", "").strip()
        if not reason:
            raise InputError("a case is closed for a reason: write why")
        self._cases.close(
            row.id, "benign" if verdict == "benign" else "true", request.scope["session"].name, reason
        )
        return _back(row, form)


def _back(row: CaseRow, form: Mapping[str, str]) -> Response:
    """Return to the list in which a form was sent, or to the case; never elsewhere."""
    if "list" not in form:
        return RedirectResponse(f"/case/{row.id}?done={row.id}", 303)
    parsed = dict(_pairs(form["list"]))
    then = form.get("then", "")
    place = f"then={then}" if then.isdecimal() and len(then) < 16 else ""  # the case that gets the focus
    query = "&".join(filter(None, (Selection.read(parsed).query(), f"done={row.id}", place)))
    return RedirectResponse(f"/?{query}", 303)


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query."""
    return parse_qsl(query, max_num_fields=20)


def _query(**values: object) -> str:
    """Return a query of the values that are there."""
    return urlencode({name: value for name, value in values.items() if value not in ("", None)})


def _page_number(text: str | None) -> int:
    """Return the number of a page; the first one if it is none."""
    return max(int(text), 1) if text and text.isdecimal() and len(text) < 9 else 1


def _one_number(text: str | None, numbers: Collection[int], default: int) -> int:
    """Return a number that is one of some."""
    return int(text) if text in {str(number) for number in numbers} else default


def _day(text: str | None) -> date | None:
    """Return a day.

    Raises:
        InputError: If the text is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InputError("a day is like 2010-03-08") from error
