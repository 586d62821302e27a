"""The day features, event by event, as somebody would write them who has read their definition only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

import polars as pl

from itd_lightning.events.people import as_of
from tests.handmade_pcs import own_pc_on
from tests.views.literal_narratives import domains_of

ENDINGS = {
    "archive": "zip rar 7z gz tar",
    "image": "jpg jpeg png bmp gif tif",
    "document": "doc docx odt pdf ppt pptx rtf xls xlsx",
    "text": "txt cfg csv log xml",
    "program": "exe sh bat com dll msi ps1",
}
SITES = {
    "cloud": ["dropbox.com", "drive.google.com", "mega.co.nz", "account.live.com"],
    "leak": ["wikileaks.org", "freedom.press", "theintercept.com"],
    "social": [
        *("facebook.com", "twitter.com", "plus.google.com", "instagr.am", "instagram.com", "flickr.com"),
        *("linkedin.com", "reddit.com", "about.com", "youtube.com", "pinterest.com", "tumblr.com"),
        *("quora.com", "vine.co", "match.com", "t.co"),
    ],
    "job": ["indeed.com", "monster.com", "careerbuilder.com", "simplyhired.com"],
    "hack": [
        *("webwatchernow.com", "actionalert.com", "relytec.com", "refog.com", "wellresearchedreviews.com"),
        *("softactivity.com", "spectorsoft.com", "best-spy-soft.com"),
    ],
}
Event = Mapping[str, Any]


def file_type(name: str) -> str:
    """Return the type of a file."""
    ending = name.lower().rsplit(".", 1)[-1] if "." in name else ""
    return next((kind for kind, endings in ENDINGS.items() if ending in endings.split()), "other")


def page_type(url: str) -> str:
    """Return the type of a web page."""
    url = url.lower()
    domain = url.split("//", 1)[-1]
    for mark in "/:?#":
        domain = domain.split(mark)[0]
    domain = domain.removeprefix("www.")
    if not any(part in domain for part in ("google.com", ".co.uk", ".co.nz", "live.com")):
        domain = ".".join(domain.split(".")[-2:])
    for kind, domains in SITES.items():
        if domain in domains:
            return kind
    if "job" in domain and ("hunt" in domain or "search" in domain):
        return "job"
    if "aol.com" in domain and ("recruit" in url or "job" in url):
        return "job"
    return "hack" if "keylog" in domain else "other"


class Company:
    """Owners of PCs, supervisors, and the company's mail domains."""

    def __init__(self, own: pl.DataFrame, people: pl.DataFrame | None) -> None:
        self.own, self.own_pcs = own, dict[date, dict[str, str]]()
        self.people, self.bosses = people, dict[tuple[str, date], str | None]()
        self.domains = domains_of(people)

    def boss(self, user: str, day: date) -> str | None:
        """Return the user's supervisor on the day."""
        if self.people is None:
            return None
        if (user, day) not in self.bosses:
            rows = pl.DataFrame({"user": [user], "day": [day]})
            self.bosses[user, day] = as_of(self.people, rows)["supervisor"][0]
        return self.bosses[user, day]

    def owner_kind(self, event: Event) -> str | None:
        """Return whose PC an event happened at."""
        pc = event["pc"]
        if pc is None:
            return None
        day = event["time"].date()
        boss = self.boss(event["user"], day)
        if day not in self.own_pcs:
            self.own_pcs[day] = own_pc_on(self.own, day)
        own = self.own_pcs[day]
        if own.get(event["user"]) == pc:
            return "own"
        if boss is not None and own.get(boss) == pc:
            return "supervisor"
        owners = sum(theirs == pc for theirs in own.values())
        return "other" if owners == 1 else "shared"

    def count_external(self, addresses: list[str]) -> int:
        """Return the number of addresses outside the company's domains."""
        return sum(address.lower().split("@")[1].strip() not in self.domains for address in addresses)


def content_numbers(event: Event) -> dict[str, int]:
    """Return the measures of the content."""
    text = event["content"]
    return {} if text is None else {"length": len(text), "words": text.count(" ") + 1}


def mail(event: Event, company: Company) -> tuple[str, list[str], dict[str, int]]:
    """Return type, flags and numbers of a mail."""
    direct, _, copied = (event["object"] or "").partition(";;")
    to, copies = ([one for one in text.split(";") if "@" in one] for text in (direct, copied))
    numbers = {
        "recipients": len(to + copies),
        "external_recipients": company.count_external(to + copies),
        "copies": len(copies),
        **content_numbers(event),
    }
    numbers |= {name: event[name] for name in ("attachments", "size") if event[name] is not None}
    true = [
        *["external"] * (company.count_external(to + copies) > 0),
        *["external_copy"] * (company.count_external(copies) > 0),
    ]
    return ("viewed" if event["kind"] == "email_view" else "sent"), true, numbers


def event_facts(
    event: Event, later: Iterable[Event], company: Company
) -> tuple[str | None, str, list[str], dict[str, int]]:
    """Return group, type, flags and numbers of an event."""
    kind, name = event["kind"], event["object"] or ""
    if kind == "logon":
        return "logon", "", [], {}
    if kind == "connect":
        for other in later:  # the next plugging at the same PC
            if other["kind"] in ("connect", "disconnect") and other["pc"] == event["pc"]:
                seconds = int((other["time"] - event["time"]).total_seconds())
                return "usb", "", [], {"seconds": seconds} if other["kind"] == "disconnect" else {}
        return "usb", "", [], {}
    if kind.startswith("file_"):
        ways = [way for way in ("to_removable", "from_removable") if event[way]]
        depth = {"depth": name.count("/") + name.count("\\")}
        return "file", file_type(name), [kind[5:], *ways], depth | content_numbers(event)
    if kind.startswith("email_"):
        return "email", *mail(event, company)
    if kind.startswith("http_"):
        lengths = {"url_length": len(name), "url_depth": max(name.count("/") - 2, 0)}
        return "http", page_type(name), [kind[5:]], lengths | content_numbers(event)
    return None, "", [], {}


def literal_days(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None
) -> dict[tuple[str, date], dict[str, float]]:
    """Return the features of each user-day that are not 0, recorded by the store or not, by name."""
    company = Company(own, people)
    sums: dict[tuple[str, date], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    results: dict[tuple[str, date], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for user in events["user"].unique().to_list():
        rows = list(events.filter(pl.col("user") == user).iter_rows(named=True))
        for place, event in enumerate(rows):
            moment: datetime = event["time"]
            day = (user, moment.date())
            before_hours, after_hours = moment.time() < time(7, 30), moment.time() > time(17, 30)
            hours = ["", "_after_hours" if before_hours or after_hours else "_work_hours"]
            later = (rows[number] for number in range(place + 1, len(rows)))
            group, kind, true, numbers = event_facts(event, later, company)
            owner_kind = company.owner_kind(event)
            true = [*true, *([f"{owner_kind}_pc"] if owner_kind else [])]
            names = ["all", *([group] if group else []), *([f"{group}_{kind}"] if kind else [])]
            for half in hours:
                for name in names:
                    sums[day][f"{name}{half}_count"] += 1
                    for part in true:
                        sums[day][f"{name}_{part}{half}_count"] += 1
                    for part, number in numbers.items():
                        sums[day][f"{name}_{part}{half}_mean"] += number
                        results[day][f"{name}_{part}{half}_mean"] += 1
    return {
        day: {name: total / results[day].get(name, 1) for name, total in sums_of_day.items()}
        for day, sums_of_day in sums.items()
    }
