"""Commands about logs and stores: each function is one, its signature the options, its docstring the help."""

from datetime import date
from functools import partial
from pathlib import Path
from time import monotonic

import polars as pl
from jsonargparse.typing import register_type
from rich.progress import TaskID
from rich.table import Table

from itd_lightning.cli.mappings import print_input, print_mapping
from itd_lightning.cli.terminal import column, console, cost_text, print_store, progress, safe
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.store_files import REJECT_FILE
from itd_lightning.contracts.view_needs import missing_kinds, view_line
from itd_lightning.executors import Place

register_type(date, str, date.fromisoformat)


def synth(
    out: Path,
    release: str = "r4.2",
    users: int = 100,
    days: int = 120,
    seed: int = 0,
    start: date = date(2010, 1, 2),
    insiders: float = 0.07,
    workers: int = 1,
    formats: str = "cert",
) -> None:
    """Write a synthetic release in the genuine layout, with people, answer key and planted scenarios.

    Args:
        out: Folder to make; must not exist, or be empty.
        release: Release whose layout and scenarios are written: r4.1, r4.2, r5.1, r5.2, r6.1 or r6.2.
        users: Number of employees, 8 to 9,000.
        days: Number of days, at least 28; insider scenarios take up to two months, since r5 up to five.
        seed: Equal seeds give equal files, byte for byte, for any number of workers.
        start: First day.
        insiders: Share of users who are insiders, at least one for each scenario of the release; 0 for none.
        workers: Processes that write at the same time.
        formats: cert; or windows,zeek,m365, or some of them: the same company, a folder and a mapping each.
    """
    from itd_lightning.synth import write_company, write_release

    with progress() as bar:
        task = bar.add_task("writing days", total=None, note="")
        try:
            told = "" if formats == "cert" else f" as {formats}"
            write = write_release if formats == "cert" else partial(write_company, formats=formats.split(","))
            rows = write(
                out,
                release=release,
                users=users,
                days=days,
                seed=seed,
                start=start,
                insiders=insiders,
                workers=workers,
                on_progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except (ValueError, FileExistsError) as error:
            raise InputError(str(error)) from error
    console().print(
        f"{out}: synthetic {release}{told}, {users} users, {days} days, {sum(rows.values()):,} events",
        highlight=False,
    )


def prepare(
    sources: list[Path],
    store: Path,
    release: str = "auto",
    answers: Path | None = None,
    append: bool = False,
    preset: str | None = None,
    no_content: bool = False,
    content: str | None = None,
    shards: int | None = None,
    memory: float | None = None,
    allow_refused: float = 0.5,
    workers: int = 1,
    executor: Place = "local",
) -> None:
    """Read a release, or own logs by a mapping, into an event store; print what was read, kept and refused.

    A build that was interrupted goes on when the same command is given again.

    Args:
        sources: Folder or .tar.bz2 of the release, several if it lies in parts; or the .yaml of a mapping.
        store: Folder to make; with --append, the store to add to.
        release: r4.1, r4.2, r5.1, r5.2, r6.1 or r6.2; auto recognises it by its files and its name.
        answers: Folder or .tar.bz2 of the key; default: answers/ of the release, answers.tar.bz2 beside it.
        append: Add to a store that is there; only the shards of users with new events are written again.
        preset: Read these folders or files by a preset, such as windows or zeek (docs/own_logs.md).
        no_content: Leave the text of mails, pages and files out.
        content: Keep the text of these kinds of event only, such as email_send,file_copy; default: of all.
        shards: Number of parts, by user; default: by size and memory.
        memory: GiB that all workers together may use, about; default: 1.5 for each.
        allow_refused: Share of a log's rows, 0 to 1, that may be faulty; with more the build stops early.
        workers: Processes that read and sort at the same time; the store does not depend on it.
        executor: local, or ray: the cluster that RAY_ADDRESS names, which must see the same files.
    """
    from itd_lightning.ingest import plan_store
    from itd_lightning.store.build.build import build
    from itd_lightning.store.build.estimate import estimate
    from itd_lightning.store.inspect import refusals
    from itd_lightning.store.read import Store

    if no_content and content is not None:
        raise InputError("--no-content and --content exclude one another")
    kinds = [] if no_content else None if content is None else content.split(",")
    plan = plan_store(
        sources,
        store,
        release,
        answers,
        shards=shards,
        memory=memory,
        workers=workers,
        content=kinds,
        append=append,
        preset=preset,
        allow_refused=allow_refused,
    )
    cost = estimate(plan, workers)
    say = console().print
    guess = " (a guess: an archive does not tell)" if any(source.archived for source in plan.sources) else ""
    say(f"{plan.name}: {cost_text(*cost)}{guess}", highlight=False, soft_wrap=True)
    if cost.peak_bytes > cost.free_bytes:
        say("[yellow]this disk may be too small[/]")
    with progress() as bar:
        tasks: dict[str, TaskID] = {}
        start_times: dict[str, float] = {}

        def show(what: str, done: int, total: int, rows: int) -> None:
            if what not in tasks:
                tasks[what], start_times[what] = bar.add_task(what, total=total, note=""), monotonic()
            rate = rows / max(monotonic() - start_times[what], 0.001)
            bar.update(tasks[what], completed=done, note=f"{rows:,} rows, {rate:,.0f} a second")

        manifest = build(plan, workers, executor, show)
    table = Table(
        "log",
        *[column(name) for name in ("read", "kept", "refused")],
        title=safe(f"{' + '.join(map(str, sources))} -> {store}"),
    )
    added = manifest["sources"][-len(sources) :]
    for name in dict.fromkeys(log for source in added for log in source):
        logs = [source[name] for source in added if name in source]  # mappings have logs of their own
        counts = (sum(log[what] for log in logs) for what in ("read", "kept", "rejected"))
        table.add_row(name, *(f"{count:,}" for count in counts))
    say(table)
    refused = refusals(Store(store), last=len(sources))
    if refused:
        say(
            f"refused: {refused}; see {store / REJECT_FILE}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    print_store(Store(store))


def check(mapping: Path, rows: int = 10_000, preset: str | None = None) -> None:
    """Show what a mapping makes of the first rows of its logs, and what to mend; nothing is written.

    Args:
        mapping: The .yaml of a mapping; with --preset, a folder or file of logs.
        rows: Rows of each input that are looked at.
        preset: Read the logs by a preset, such as windows or zeek (docs/own_logs.md).
    """
    from itd_lightning.ingest import open_mappings
    from itd_lightning.sources.mapped.check import check_mapping

    if rows < 1:
        raise InputError(f"rows must be at least 1, got {rows}")
    (source,) = open_mappings([mapping], preset)
    result = check_mapping(source, rows)
    for part in result.inputs:
        print_input(part)
    print_mapping(result)


def inspect(store: Path) -> None:
    """Print what is in a store: users, days, events by kind, gaps, campaigns; which views can be built.

    Args:
        store: Event store, as `itd prepare` writes it.
    """
    from itd_lightning.store.inspect import summarise
    from itd_lightning.store.read import Store

    event_store = Store(store)
    summary = summarise(event_store)
    table = Table(
        "kind", column("events"), column("users"), column("first"), column("last"), title=safe(str(store))
    )
    for row in summary.kinds.iter_rows(named=True):
        table.add_row(
            row["kind"], f"{row['events']:,}", str(row["users"]), str(row["first"]), str(row["last"])
        )
    console().print(table)
    print_store(event_store)
    say = console().print
    say(f"days: {summary.days} with events, {summary.silent_days} without, between the first and the last")
    if summary.campaigns is not None and len(summary.campaigns):
        table = Table(
            "scenario", column("campaigns"), column("shortest"), column("longest"), title="campaigns"
        )
        for row in summary.campaigns.iter_rows(named=True):
            table.add_row(*(str(value) for value in row.values()))
        say(table)
    for view, missing in missing_kinds(event_store.records).items():
        say(view_line(view, missing), highlight=False, soft_wrap=True)


def events(
    store: Path, user: str, day: date, json: bool = False, answers: bool = False, objects: int = 60
) -> None:
    """Show what a user did on a day, event by event, as an alert names it.

    Args:
        store: Event store.
        user: Whose events.
        day: Such as 2010-07-13.
        json: Print one JSON object a line, with all that the store knows, instead of a table.
        answers: Mark the events that the answer key calls malicious.
        objects: Longest file name, address or recipient in the table; longer ones lose their middle.
    """
    from itd_lightning.alerts.behaviours import shorten
    from itd_lightning.evaluation.score_table import malicious_ids
    from itd_lightning.store.read import Store

    event_store = Store(store)
    rows = event_store.events_of(pl.DataFrame({"user": [user], "day": [day]})).drop("day")
    if rows.is_empty():
        raise InputError(f"{store} has no event of {user} on {day}")
    if answers:
        rows = rows.with_columns(malicious=pl.col("event_id").is_in(malicious_ids(store).implode()))
    if json:
        for line in rows.write_ndjson().splitlines():
            console().print(line, highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(
        "time",
        "kind",
        "object",
        "pc",
        *["key"] * answers,
        "event",
        title=safe(f"{user} on {day:%A, %d %B %Y}"),
    )
    for row in rows.iter_rows(named=True):
        mark = ["malicious" if row["malicious"] else ""] if answers else []
        texts = (row["kind"], shorten(row["object"] or "", objects), row["pc"] or "", *mark, row["event_id"])
        table.add_row(f"{row['time']:%H:%M:%S}", *map(safe, texts))
    console().print(table)


def thin(store: Path, out: Path, share: float = 0.1, seed: int = 0) -> None:
    """Copy a store without a random share of its events, to see which results rest on exact counts.

    In genuine CERT r4.2 a user visits the same number of pages on nearly every working day, and planted
    visits come on top; random gaps hide that, and nothing else.

    Args:
        store: Event store.
        out: Store to make.
        share: Chance of each event to be lost; logons and devices stay, since they come in pairs.
        seed: Equal seeds lose the same events.
    """
    from itd_lightning.store.read import Store
    from itd_lightning.store.thin import thin_store

    before = Store(store).manifest["events"]
    copy = thin_store(store, out, share, seed)
    say = f"{copy.path}: {copy.data}; {copy.manifest['events']:,} of {before:,} events"
    console().print(say, highlight=False, markup=False, soft_wrap=True)
