"""What the event store says about one user: who it is, when they were there, and their raw events.

A case store of pseudonyms is shown with pseudonyms throughout: names, PCs and addresses of events, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from itd_lightning.alerts.pseudonyms import Pseudonyms
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.history import WARM_UP_DAYS
from itd_lightning.contracts.store_files import MANIFEST_FILE, PRESENCE_FILE
from itd_lightning.store.build.shards import shard_of
from itd_lightning.store.read import Store

EVENT_ROWS = 50  # a page
_PEERS = 12  # that are named
_TRAITS = ("role", "team", "department", "unit", "business_unit")
_DETAILS = ("event_id", "time", "kind", "pc", "object", "size", "to_removable", "from_removable", "content")


class Identity(NamedTuple):
    """Who a user is, by the latest entry of the directory.

    Attributes:
        traits: Name of each known trait, and its value.
        peers: Some users with the same role and department.
        peer_count: How many there are.
        since: From when on the entry holds.
    """

    traits: list[tuple[str, str]]
    peers: list[str]
    peer_count: int
    since: date


class Presence(NamedTuple):
    """A day on which a user was there: its first and last event."""

    day: date
    first: datetime
    last: datetime


class History(NamedTuple):
    """How much of a user the methods can know.

    Attributes:
        active_days: Days with events in the store.
        first: The first one.
        last: The last one.
        warm_up_until: Day that completes the warm-up; None if it is not complete.
        needed: Active days that it takes.
    """

    active_days: int
    first: date | None
    last: date | None
    warm_up_until: date | None
    needed: int = WARM_UP_DAYS


class _RawEvent(NamedTuple):
    """An event as the store holds it; what the source does not record is empty."""

    event_id: str
    time: datetime
    kind: str
    pc: str
    object: str
    size: int | None
    drive: str
    content: str


class EventPage(NamedTuple):
    """Some events of a user's day: the rows, which page of how many, and how many on all."""

    rows: list[_RawEvent]
    number: int
    pages: int
    total: int


class _Opened:
    """A store as it is at a moment, and what is derived from all of it.

    Args:
        store: The store.
        pseudonyms: Of its users and PCs; None where names are shown.
    """

    def __init__(self, store: Store, pseudonyms: Pseudonyms | None) -> None:
        self.store, self.pseudonyms = store, pseudonyms

    @cached_property
    def directory(self) -> pl.DataFrame | None:
        """The latest entry of each user in the directory."""
        people = self.store.people()
        return None if people is None else people.sort("valid_from").unique("user", keep="last")

    @cached_property
    def names(self) -> dict[str, str]:
        """The user behind each pseudonym."""
        if self.pseudonyms is None:
            return {}
        return {self.pseudonyms.user(name): name for name in self.store.presence()["user"].unique()}

    @cached_property
    def words(self) -> tuple[set[str], set[str]]:
        """Users and PCs in small letters, which texts must not show."""
        pcs = {pc.lower() for shard in self.store.pc_use() for pc in shard["pc"].unique()}
        return {name.lower() for name in self.names.values()}, pcs

    def name(self, user: str) -> str:
        """Return the user in the store whom a case names."""
        return user if self.pseudonyms is None else self.names.get(user, "")

    def shown(self, user: str) -> str:
        """Return how a user of the store is shown."""
        return user if self.pseudonyms is None else self.pseudonyms.user(user)

    def text(self, text: str) -> str:
        """Return how a text of the store is shown."""
        return text if self.pseudonyms is None else self.pseudonyms.text(text, *self.words)

    def pc(self, name: str) -> str:
        """Return how a PC is shown."""
        return name if self.pseudonyms is None or not name else self.pseudonyms.pc(name)

    def shard(self, user: str) -> Path:
        """Return the event file of a user's shard."""
        return self.store.shards[shard_of(user, len(self.store.shards))]


class Company:
    """The users of an event store, as pages show them.

    Args:
        folder: The store.
        key_file: Key of pseudonyms; None where the cases hold names.
        texts: Whether texts of mails, pages and files are shown.
    """

    def __init__(self, folder: Path, key_file: Path | None = None, *, texts: bool = False) -> None:
        self._folder, self._texts = folder, texts
        self._pseudonyms = None if key_file is None else Pseudonyms.read(key_file)
        self._opened: tuple[int, _Opened] | None = None
        Store(folder)  # refused at the start rather than on every page

    @contextmanager
    def _reading(self) -> Iterator[_Opened]:
        """Yield the store as it is now.

        Raises:
            InputError: If it cannot be read.
        """
        try:
            stamp = (self._folder / MANIFEST_FILE).stat().st_mtime_ns
            if self._opened is None or self._opened[0] != stamp:
                self._opened = stamp, _Opened(Store(self._folder), self._pseudonyms)
            yield self._opened[1]
        except (OSError, PolarsError) as error:
            raise InputError(
                f"the event store at {self._folder} cannot be read; where it is being written, try again"
            ) from error

    def identity(self, user: str) -> Identity | None:
        """Return who a user is; None where the store does not say."""
        with self._reading() as now:
            if now.directory is None:
                return None
            found = now.directory.filter(pl.col("user") == now.name(user))
            if not len(found):
                return None
            entry = found.row(0, named=True)
            same = pl.col("role").eq_missing(entry["role"]) & pl.col("department").eq_missing(
                entry["department"]
            )
            peers = now.directory.filter(same, pl.col("user") != entry["user"])["user"].sort()
            traits = [
                (name.replace("_", " "), now.text(str(entry[name]))) for name in _TRAITS if entry.get(name)
            ]
            if now.pseudonyms is None:  # else there are no names
                open_names = [(name, str(entry[name])) for name in ("name", "supervisor") if entry.get(name)]
                traits = [*open_names[:1], *traits, *open_names[1:]]
            shown = [now.shown(peer) for peer in peers.head(_PEERS)]
            return Identity(traits, shown, len(peers), entry["valid_from"])

    def presence(self, user: str) -> list[Presence]:
        """Return the days on which a user was there, in order."""
        with self._reading() as now:
            name = now.name(user)
            table = pl.scan_parquet(now.shard(name).with_name(PRESENCE_FILE), glob=False)
            rows = table.filter(pl.col("user") == name).sort("day").collect()
            return [Presence(*row) for row in rows.select(Presence._fields).iter_rows()]

    def counts(self, user: str, first: date, last: date) -> dict[date, int]:
        """Return how many events a user has on each day."""
        with self._reading() as now:
            rows = self._events(now, user, first, last).group_by(pl.col("time").dt.date()).len().collect()
            return dict(rows.iter_rows())

    def events(self, user: str, day: date, find: str = "", page: int = 1) -> EventPage:
        """Return a page of a user's events on a day, in order of time.

        Args:
            user: The user, as cases name them.
            day: The day.
            find: Part of an id, a kind, a PC or an object, in any case; empty for all.
            page: Its number; the last one if it is beyond.
        """
        with self._reading() as now:
            rows = self._events(now, user, day, day).select(_DETAILS).collect()
            if text := find.strip().lower():  # in what is shown, which may be pseudonyms
                events = (self._raw_event(now, row) for row in rows.iter_rows(named=True))
                rows = rows.filter(
                    pl.Series([text in _searched(event) for event in events], dtype=pl.Boolean)
                )
            pages = max(-(-len(rows) // EVENT_ROWS), 1)
            number = min(page, pages)
            part = rows.slice((number - 1) * EVENT_ROWS, EVENT_ROWS)
            shown = [self._raw_event(now, row) for row in part.iter_rows(named=True)]
        return EventPage(shown, number, pages, len(rows))

    def _events(self, now: _Opened, user: str, first: date, last: date) -> pl.LazyFrame:
        """Return the events of a user on some days; read from the user's shard alone."""
        name = now.name(user)
        begin, end = datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())
        in_time = (pl.col("time") >= begin) & (pl.col("time") < end)
        return pl.scan_parquet(now.shard(name), glob=False).filter((pl.col("user") == name) & in_time)

    def _raw_event(self, now: _Opened, row: dict[str, object]) -> _RawEvent:
        """Return an event as it is shown."""
        text = {
            name: "" if row[name] is None else str(row[name]) for name in ("event_id", "kind", "pc", "object")
        }
        drive = "to" * (row["to_removable"] is True) or "from" * (row["from_removable"] is True)
        return _RawEvent(
            event_id=text["event_id"],
            time=row["time"],  # type: ignore[arg-type]  # the column's type
            kind=text["kind"],
            pc=now.pc(text["pc"]),
            object=now.text(text["object"]),
            size=row["size"],  # type: ignore[arg-type]  # the column's type
            drive=drive,
            content=now.text(str(row["content"] or "")) if self._texts else "",
        )


def _searched(event: _RawEvent) -> str:
    """Return the text of an event that is searched."""
    return "\n".join((event.event_id, event.kind, event.pc, event.object, event.content)).lower()


def history(presence: list[Presence]) -> History:
    """Return how much of a user the methods can know, from the days on which they were there."""
    days = [one.day for one in presence]
    return History(
        active_days=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        warm_up_until=days[WARM_UP_DAYS - 1] if len(days) >= WARM_UP_DAYS else None,
    )
