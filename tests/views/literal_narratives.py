"""Narratives, event by event, as somebody would write them who has read their definition only."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from statistics import median
from typing import Any

import polars as pl

from itd_lightning.events.hours import SLACK
from itd_lightning.events.people import as_of

Event = Mapping[str, Any]
VERBS = {"file_copy": "copied", "file_open": "opened", "file_write": "wrote", "file_delete": "deleted"}
PAGES = {
    "http_visit": ("accessed ", ""),
    "http_download": ("downloaded from ", ""),
    "http_upload": ("uploaded to ", ""),
}


def domains_of(people: pl.DataFrame | None) -> set[str]:
    """Domains of at least a tenth of the addresses."""
    addresses = set() if people is None else {email.lower() for email in people["email"].drop_nulls()}
    counts = Counter(address.split("@")[1] for address in addresses)
    return {name for name, count in counts.items() if count * 10 >= counts.total()}


class Teller:
    """Who tells what happened.

    Args:
        own: Own PCs.
        people: The store's people, or None.
        hours: Usual hours, as ``events.hours.work_hours`` returns them.
        calendar: Work days.
    """

    def __init__(
        self, own: pl.DataFrame, people: pl.DataFrame | None, hours: pl.DataFrame, calendar: pl.DataFrame
    ) -> None:
        self.own = dict(own.iter_rows())
        self.people, self.entries = people, dict[tuple[str, date], Mapping[str, Any]]()
        self.hours = {
            user: (start, end) for user, start, end in hours.select("user", "start", "end").iter_rows()
        }
        mine = hours.filter("own")
        self.usual = (median(mine["start"]), median(mine["end"])) if len(mine) else None
        self.calendar = dict(calendar.select("day", "kind").iter_rows())
        self.company = domains_of(people)
        self.days = defaultdict[tuple[str, str, str | None], set[date]](set)

    def entry(self, user: str, day: date) -> Mapping[str, Any]:
        """What the people table says of a user."""
        if self.people is None:
            return {"supervisor": None, "department": None}
        if (user, day) not in self.entries:
            self.entries[user, day] = as_of(self.people, pl.DataFrame({"user": [user], "day": [day]})).row(
                0, named=True
            )
        return self.entries[user, day]

    def late(self, event: Event) -> bool:
        """Whether an event was after hours."""
        time: datetime = event["time"]
        kind = self.calendar.get(time.date(), "weekend" if time.weekday() > 4 else "work")
        start, end = self.hours.get(event["user"], self.usual) or (None, None)
        if kind != "work":
            return True
        if start is None or end is None:
            return False
        hour = (time - datetime(time.year, time.month, time.day)).total_seconds() / 3600
        return bool(hour < start - SLACK or hour > end + SLACK)

    def place(self, event: Event) -> str | None:
        """Whose PC it was."""
        user, pc, day = event["user"], event["pc"], event["time"].date()
        if pc is None or self.own.get(user) == pc:
            return None if pc is None else "Self-PC"
        mine = self.entry(user, day)
        if mine["supervisor"] is not None and self.own.get(mine["supervisor"]) == pc:
            return "Supervisor-PC"
        owners = [owner for owner, theirs in self.own.items() if theirs == pc]
        departments = [self.entry(owner, day)["department"] for owner in owners]
        return "Department-PC" if mine["department"] and mine["department"] in departments else "Other-PC"

    def thing(self, event: Event) -> str | None:
        """With what something was done."""
        kind, name = event["kind"], event["object"] or ""
        if kind in PAGES:
            site = re.sub(r"^\w+://", "", name.lower()).split("/")[0].split("?")[0].split("#")[0]
            site = site.split("@")[-1].removeprefix("www.").split(":")[0]
            proper = re.fullmatch(r"[\w-]+(\.[\w-]+)*", site) and len(site) <= 64
            return site if proper else "without a proper name"
        if kind in VERBS:
            ending = name.lower().rpartition(".")[2] if "." in name else ""
            return f".{ending}" if re.fullmatch("[a-z0-9]{1,8}", ending) else "no extension"
        if kind.startswith("email_"):
            return self.addresses(event)
        return None

    def addresses(self, event: Event) -> str:
        """From whom to whom."""
        parts = re.split("[;,<> ]", (event["object"] or "").lower())
        domains = [part.partition("@")[2] for part in parts if "@" in part]
        outside = any(domain not in self.company for domain in domains)
        who = "unknown" if not self.company else "outsider" if outside else "insider"
        sender = "from insider address " if event["kind"] == "email_send" else ""
        attached = " with attachment" if (event["attachments"] or 0) > 0 else ""
        return f"{sender}to {who} address{attached}"

    def told(self, event: Event) -> dict[str, Any]:
        """All that a narrative says of an event."""
        kind, thing, user, day = event["kind"], self.thing(event), event["user"], event["time"].date()
        way = "to" if event["to_removable"] else "from" if event["from_removable"] else ""
        action = f"{kind} {way}" if kind in VERBS and way else kind
        seen = self.days[user, action, thing]
        before = len(seen - {day})
        seen.add(day)
        place, when = self.place(event), "After" if self.late(event) else "During"
        return {
            "when": f"{when} working hours",
            "place": place,
            "action": action,
            "thing": thing,
            "before": before,
        }


def words(action: str, many: bool, plain: bool) -> str:
    """What was done."""
    kind, _, way = action.partition(" ")
    media = f" {way} removable media" if way else ""
    several = "multiple " if many else ""
    plural = "s" if many else ""
    if kind in VERBS:
        return f"{VERBS[kind]} {several}file{plural}{media}"
    if kind in PAGES:
        return f"{PAGES[kind][0]}{several}website{plural}"
    return {
        "logon": "login",
        "logoff": "logoff" if plain else "logged off",
        "connect": "connected removable media",
        "disconnect": "disconnected removable media",
        "email_send": f"sent {several}email{plural}",
        "email_view": f"viewed {several}email{plural}",
    }[kind]


def plain_sentence(told: Mapping[str, Any]) -> str:
    """One event."""
    action, thing, place = told["action"], told["thing"], told["place"]
    text = words(action, many=False, plain=True)
    if thing:
        text += f" ({thing})" if action.startswith("file") else f" {thing}"
    if not place:
        return f"{told['when']}, {text}."
    return (
        f"{told['when']}, {text} at {place}." if action == "logon" else f"{told['when']}, at {place}, {text}."
    )


def merged_phrase(action: str, things: Counter[str | None], before: dict[str | None, int], names: int) -> str:
    """All that one action was done to."""
    if len(things) == 1:
        thing, total = next(iter(things.items()))
        text = words(action, many=False, plain=False)
        if thing:
            text += f" {thing}" if action.startswith("http") else f" ({thing})"
        return text if total == 1 else f"{text} x{total}"
    named = set(sorted(things, key=lambda thing: before[thing])[:names])
    if len(things) == names + 1:
        named = set(things)
    listed = ", ".join(
        f"{thing}" if (n := things[thing]) == 1 else f"{thing} x{n}" for thing in things if thing in named
    )
    rest = f" and {len(things) - len(named)} others" if len(things) > len(named) else ""
    return f"{words(action, many=True, plain=False)} ({listed}{rest})"


def sentences(day: list[dict[str, Any]], most: int) -> list[list[dict[str, Any]]]:
    """What is told in one sentence."""
    place = None
    for told in day:
        place = told["place"] = told["place"] or place
    where = itemgetter("when", "place")
    found = [list(group) for _, group in groupby(day, key=where)]
    if len(found) > most:
        whole = defaultdict[Any, list[dict[str, Any]]](list)
        for told in day:
            whole[where(told)].append(told)
        found = list(whole.values())
    return found


def merged_day(day: list[dict[str, Any]], most: int, names: int) -> str:
    """All sentences of a day."""
    texts, place = [], None
    for group in sentences(day, most):
        phrases: list[tuple[int, str, str]] = []
        for action in dict.fromkeys(told["action"] for told in group):
            mine = [(at, told) for at, told in enumerate(group) if told["action"] == action]
            before = {told["thing"]: told["before"] for _, told in mine}
            text = merged_phrase(action, Counter(told["thing"] for _, told in mine), before, names)
            phrases.append((mine[-1 if action in ("logoff", "disconnect") else 0][0], action, text))
        phrases.sort()
        here = group[0]["place"]
        said = [text for _, _, text in phrases]
        opening = ""
        if here is not None and here != place:
            if phrases[0][1] == "logon":
                said[0] = said[0].replace("login", f"login at {here}", 1)
            else:
                opening = f"at {here}, "
        place = here
        end = [" and ".join(["", said[-1]])] if len(said) > 2 else said[1:] and [" and then " + said[1]]
        first = ", then ".join(said[:-1]) if len(said) > 1 else said[0]
        texts.append(f"{group[0]['when']}, {opening}{','.join([first, *end])}.")
    return " ".join(texts)


def literal_narratives(
    events: pl.DataFrame, teller: Teller, *, plain: bool, most: int = 20, names: int = 10
) -> Iterator[tuple[str, date, str]]:
    """User, day and narrative of whole users' events."""
    rows = events.iter_rows(named=True)
    for (user, day), group in groupby(rows, key=lambda event: (event["user"], event["time"].date())):
        told = [teller.told(event) for event in group]
        text = " ".join(map(plain_sentence, told)) if plain else merged_day(told, most, names)
        yield user, day, text
