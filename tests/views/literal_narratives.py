"""Narratives, event by event, as somebody would write them who has read their definition only."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from itd_lightning.events.hours import SLACK, WorkingDay
from itd_lightning.events.people import as_of
from tests.handmade_pcs import own_pc_on

Event = Mapping[str, Any]
VERBS = {"file_copy": "copied", "file_open": "opened", "file_write": "wrote", "file_delete": "deleted"}
PAGES = {
    "http_visit": ("accessed ", ""),
    "http_download": ("downloaded from ", ""),
    "http_upload": ("uploaded to ", ""),
}


def domains_of(people: pl.DataFrame | None) -> set[str]:
    """Return the domains of at least a tenth of the addresses."""
    addresses = set() if people is None else {email.lower() for email in people["email"].drop_nulls()}
    counts = Counter(address.split("@")[1] for address in addresses)
    return {name for name, count in counts.items() if count * 10 >= counts.total()}


def hour_of(time: datetime) -> float:
    """Return the hours since midnight."""
    return (time - datetime(time.year, time.month, time.day)).total_seconds() / 3600


class Teller:
    """Facts of events, looked up one by one.

    Args:
        own: Own PCs.
        people: The store's people, or None.
        presence: Who was there when.
        everybody: Usual start and end, for who has fewer than ten earlier work days.
        calendar: Work days.
    """

    def __init__(
        self,
        own: pl.DataFrame,
        people: pl.DataFrame | None,
        presence: pl.DataFrame,
        everybody: WorkingDay,
        calendar: pl.DataFrame,
    ) -> None:
        self.own, self.own_pcs = own, dict[date, dict[str, str]]()
        self.people, self.entries = people, dict[tuple[str, date], Mapping[str, Any]]()
        self.presence = defaultdict[str, list[tuple[date, float, float]]](list)
        for user, day, first, last in presence.sort("user", "day").iter_rows():
            self.presence[user].append((day, hour_of(first), hour_of(last)))
        self.everybody = everybody
        self.working_days = dict[tuple[str, date], tuple[float | None, float | None]]()
        self.calendar = dict(calendar.select("day", "kind").iter_rows())
        self.company = domains_of(people)
        self.days = defaultdict[tuple[str, str, str | None], set[date]](set)

    def entry(self, user: str, day: date) -> Mapping[str, Any]:
        """Return the user's entry in the people table."""
        if self.people is None:
            return {"supervisor": None, "department": None}
        if (user, day) not in self.entries:
            self.entries[user, day] = as_of(self.people, pl.DataFrame({"user": [user], "day": [day]})).row(
                0, named=True
            )
        return self.entries[user, day]

    def hours(self, user: str, day: date) -> tuple[float | None, float | None]:
        """Return the usual start and end of a user's day, as the days before it tell."""
        before = [
            (first, last)
            for there, first, last in self.presence[user]
            if there < day and self.calendar.get(there) == "work"
        ][-60:]
        if len(before) < 10:
            return self.everybody
        firsts, lasts = sorted(first for first, _ in before), sorted(last for _, last in before)
        start, end = firsts[round(0.8 * (len(before) - 1))], lasts[round(0.2 * (len(before) - 1))]
        return (start, end) if start < end else self.everybody

    def late(self, event: Event) -> bool:
        """Return whether an event was after hours."""
        time: datetime = event["time"]
        kind = self.calendar.get(time.date(), "weekend" if time.weekday() > 4 else "work")
        if kind != "work":
            return True
        if (event["user"], time.date()) not in self.working_days:
            self.working_days[event["user"], time.date()] = self.hours(event["user"], time.date())
        start, end = self.working_days[event["user"], time.date()]
        if start is None or end is None:
            return False
        return hour_of(time) < start - SLACK or hour_of(time) > end + SLACK

    def place(self, event: Event) -> str | None:
        """Return whose PC an event happened at."""
        user, pc, day = event["user"], event["pc"], event["time"].date()
        if pc is None:
            return None
        if day not in self.own_pcs:
            self.own_pcs[day] = own_pc_on(self.own, day)
        own = self.own_pcs[day]
        if own.get(user) == pc:
            return "Self-PC"
        entry = self.entry(user, day)
        if entry["supervisor"] is not None and own.get(entry["supervisor"]) == pc:
            return "Supervisor-PC"
        owners = [owner for owner, theirs in own.items() if theirs == pc]
        departments = [self.entry(owner, day)["department"] for owner in owners]
        return "Department-PC" if entry["department"] and entry["department"] in departments else "Other-PC"

    def thing(self, event: Event) -> str | None:
        """Return the thing of an event."""
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
        """Return sender and recipient of a mail."""
        parts = re.split("[;,<> ]", (event["object"] or "").lower())
        domains = [part.partition("@")[2] for part in parts if "@" in part]
        external = any(domain not in self.company for domain in domains)
        party = "unknown" if not self.company else "outsider" if external else "insider"
        sender = "from insider address " if event["kind"] == "email_send" else ""
        suffix = " with attachment" if (event["attachments"] or 0) > 0 else ""
        return f"{sender}to {party} address{suffix}"

    def facts(self, event: Event) -> dict[str, Any]:
        """Return all facts of an event that a narrative has."""
        kind, thing, user, day = event["kind"], self.thing(event), event["user"], event["time"].date()
        way = "to" if event["to_removable"] else "from" if event["from_removable"] else ""
        action = f"{kind} {way}" if kind in VERBS and way else kind
        earlier = self.days[user, action, thing]
        before = len(earlier - {day})
        earlier.add(day)
        place, period = self.place(event), "After" if self.late(event) else "During"
        return {
            "when": f"{period} working hours",
            "place": place,
            "action": action,
            "thing": thing,
            "before": before,
        }


def words(action: str, many: bool, plain: bool) -> str:
    """Return the words for an action."""
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


def plain_sentence(facts: Mapping[str, Any]) -> str:
    """Return the sentence for one event."""
    action, thing, place = facts["action"], facts["thing"], facts["place"]
    text = words(action, many=False, plain=True)
    if thing:
        text += f" ({thing})" if action.startswith("file") else f" {thing}"
    if not place:
        return f"{facts['when']}, {text}."
    return (
        f"{facts['when']}, {text} at {place}."
        if action == "logon"
        else f"{facts['when']}, at {place}, {text}."
    )


def merged_phrase(action: str, things: Counter[str | None], before: dict[str | None, int], names: int) -> str:
    """Return the phrase for an action and all its things."""
    if len(things) == 1:
        thing, total = next(iter(things.items()))
        text = words(action, many=False, plain=False)
        if thing:
            text += f" {thing}" if action.startswith("http") else f" ({thing})"
        return text if total == 1 else f"{text} x{total}"
    names_listed = set(sorted(things, key=lambda thing: before[thing])[:names])
    if len(things) == names + 1:
        names_listed = set(things)
    list_text = ", ".join(
        f"{thing}" if (n := things[thing]) == 1 else f"{thing} x{n}"
        for thing in things
        if thing in names_listed
    )
    rest = f" and {len(things) - len(names_listed)} others" if len(things) > len(names_listed) else ""
    return f"{words(action, many=True, plain=False)} ({list_text}{rest})"


def sentences(day: list[dict[str, Any]], most: int) -> list[list[dict[str, Any]]]:
    """Return groups of events that share a sentence."""
    place = None
    for facts in day:
        place = facts["place"] = facts["place"] or place
    key = itemgetter("when", "place")
    groups = [list(group) for _, group in groupby(day, key=key)]
    if len(groups) > most:
        by_key = defaultdict[Any, list[dict[str, Any]]](list)
        for facts in day:
            by_key[key(facts)].append(facts)
        groups = list(by_key.values())
    return groups


def merged_day(day: list[dict[str, Any]], most: int, names: int) -> str:
    """Return all sentences of a day."""
    sentence_list, place = [], None
    for group in sentences(day, most):
        phrases: list[tuple[int, str, str]] = []
        for action in dict.fromkeys(facts["action"] for facts in group):
            acts = [(at, facts) for at, facts in enumerate(group) if facts["action"] == action]
            before = {facts["thing"]: facts["before"] for _, facts in acts}
            text = merged_phrase(action, Counter(facts["thing"] for _, facts in acts), before, names)
            phrases.append((acts[-1 if action in ("logoff", "disconnect") else 0][0], action, text))
        phrases.sort()
        new_place = group[0]["place"]
        texts = [text for _, _, text in phrases]
        opening = ""
        if new_place is not None and new_place != place:
            if phrases[0][1] == "logon":
                texts[0] = texts[0].replace("login", f"login at {new_place}", 1)
            else:
                opening = f"at {new_place}, "
        place = new_place
        end = [" and ".join(["", texts[-1]])] if len(texts) > 2 else texts[1:] and [" and then " + texts[1]]
        first = ", then ".join(texts[:-1]) if len(texts) > 1 else texts[0]
        sentence_list.append(f"{group[0]['when']}, {opening}{','.join([first, *end])}.")
    return " ".join(sentence_list)


def literal_narratives(
    events: pl.DataFrame, teller: Teller, *, plain: bool, most: int = 20, names: int = 10
) -> Iterator[tuple[str, date, str]]:
    """Yield the user, day and narrative of whole users' events."""
    rows = events.iter_rows(named=True)
    for (user, day), group in groupby(rows, key=lambda event: (event["user"], event["time"].date())):
        facts = [teller.facts(event) for event in group]
        text = " ".join(map(plain_sentence, facts)) if plain else merged_day(facts, most, names)
        yield user, day, text
