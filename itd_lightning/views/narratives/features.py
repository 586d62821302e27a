"""What can be said of an event before anything is learned: Where, What and Which, and what it said itself.

Source:
    DMFI, section III-B, and the authors' preprocessing, for the words.
    Departures. Department-PC is that of somebody in the same department, by the LDAP of the time; the authors
    take the team. A PC that several call their own, or nobody does, is Other-PC. Whom a mail went to includes
    copies. The store does not keep who a mail was sent as, so its sender is an insider, which the user is.
    Which way a file crosses removable media, attachments, and what later releases log are words of ours.
"""

from collections.abc import Sequence

import polars as pl

from itd_lightning.events.pcs import relation
from itd_lightning.events.people import as_of
from itd_lightning.views.sequences.features import IS_FILE, IS_MAIL, IS_PAGE, SITE, company_domains

NEEDED = ["user", "time", "pc", "kind", "object", "attachments", "to_removable", "from_removable", "content"]
SELF, SUPERVISOR, DEPARTMENT, OTHER = PLACES = ("Self-PC", "Supervisor-PC", "Department-PC", "Other-PC")
INSIDER, OUTSIDER, UNKNOWN = "insider address", "outsider address", "unknown address"
# Names reach a prompt, and whoever is watched may choose them: so only what a proper name can hold.
NAME = r"[\p{L}\p{N}_-]+"
PROPER_SITE = (
    pl.col("object")
    .str.to_lowercase()
    .str.extract(rf"^(?:\w+://)?(?:[^/@?#]*@)?(?:www\.)?({NAME}(?:\.{NAME})*)(?::\d+)?(?:[/?#]|$)")
)
LONGEST_NAME = 64
PROPER_ENDING = r"\.([a-z0-9]{1,8})$"
PROPER_PROGRAM = r"([\p{L}\p{N}_.-]+)$"  # the last part of a path


def told(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """Where each event happened, what was done, and with which thing.

    Args:
        events: One shard: the columns ``NEEDED``; each user's in time order.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, or None: then no supervisor, department or company's address is known.

    Returns:
        The rows in their order: ``user``, ``day``, ``time``; ``place``, null without a PC; ``action``, a key
        of ``narrative_sentences.ACTIONS``; ``thing``, null where the action has none; ``before``, on how many
        earlier days the user did the same to the same.
    """
    way = (
        pl.when(~IS_FILE).then(pl.lit(""))
        .when(pl.col("to_removable")).then(pl.lit(" to"))
        .when(pl.col("from_removable")).then(pl.lit(" from"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    # As a column, since each mention of an expression would search all texts again.
    rows = events.with_columns(site=PROPER_SITE).with_columns(
        day=pl.col("time").dt.date(),
        action=pl.col("kind").cast(pl.String) + way,
        thing=thing(company_domains(people)),
    )
    return rows.select(
        "user",
        "day",
        "time",
        "action",
        "thing",
        place=places(rows, own, people),
        before=before(rows, "thing"),
    )


def thing(company: Sequence[str]) -> pl.Expr:
    """Domain of a page, recipients of a mail, ending of a file, name of a program; ``site`` is of a page."""
    site = pl.when(pl.col("site").str.len_chars() <= LONGEST_NAME).then("site")
    ending = "." + of(IS_FILE).str.to_lowercase().str.extract(PROPER_ENDING)
    program = of(pl.col("kind") == "process").str.extract(PROPER_PROGRAM).str.slice(0, LONGEST_NAME)
    return (
        pl.when(IS_PAGE).then(site.fill_null("without a proper name"))
        .when(IS_FILE).then(ending.fill_null("no extension"))
        .when(IS_MAIL).then(addresses(company))
        .when(pl.col("kind") == "process").then(program.fill_null("without a proper name"))
    )  # fmt: skip


def of(chosen: pl.Expr) -> pl.Expr:
    """What these events are about; null for others, on which no pattern is then tried."""
    return pl.when(chosen).then("object")


def outsiders(company: Sequence[str]) -> pl.Expr:
    """Domains of a mail's recipients outside of the company, copies included, each after an ``@``."""
    domains = of(IS_MAIL).str.to_lowercase().str.extract_all(r"@[^;,\s<>]+")
    return domains.list.eval(pl.element().filter(~pl.element().is_in([f"@{name}" for name in company])))


def addresses(company: Sequence[str]) -> pl.Expr:
    """From whom to whom a mail went: outside, if any recipient is; unknown if no domain is the company's."""
    inside = pl.lit(UNKNOWN)
    if company:
        outside = outsiders(company).list.len().fill_null(0) > 0
        inside = pl.when(outside).then(pl.lit(OUTSIDER)).otherwise(pl.lit(INSIDER))
    sender = (
        pl.when(pl.col("kind") == "email_send").then(pl.lit(f"from {INSIDER} to ")).otherwise(pl.lit("to "))
    )
    attached = pl.when(pl.col("attachments") > 0).then(pl.lit(" with attachment")).otherwise(pl.lit(""))
    return sender + inside + attached


def places(rows: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.Series:
    """Whose PC each event happened at: ``PLACES``; null without a PC."""
    key = ["user", "pc", "day"]
    used = rows.select(key).drop_nulls("pc").unique().sort("user", "day", "pc")
    nobody = [pl.lit(None, pl.String).alias(name) for name in ("supervisor", "department")]
    known = used.with_columns(nobody) if people is None else as_of(people, used)
    names = {"own": SELF, "supervisor": SUPERVISOR, "shared": OTHER, "other": OTHER}
    whose = relation(known, own).cast(pl.String).replace_strict(names, return_dtype=pl.Enum(PLACES))
    placed = used.with_columns(place=whose)
    if people is not None:
        near = colleagues(known, own, people).with_columns(near=pl.lit(value=True))
        found = placed.join(near, on=key, how="left", maintain_order="left")
        place = pl.when((pl.col("place") == OTHER) & pl.col("near")).then(pl.lit(DEPARTMENT, pl.Enum(PLACES)))
        placed = found.select(*key, place=place.otherwise("place"))
    return rows.select(key).join(placed, on=key, how="left", maintain_order="left")["place"]


def colleagues(known: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Of PCs used on a day, those that somebody in the user's department calls their own.

    Args:
        known: ``user``, ``pc``, ``day`` and the user's ``department``, as known then.
        own: As ``events.pcs.own_pcs`` returns them.
        people: The store's people.
    """
    pairs = known.drop_nulls("department").join(own.rename({"user": "owner"}), on="pc")
    owners = pairs.select("day", user="owner").unique()
    theirs = as_of(people, owners).select("day", owner="user", theirs="department")
    same = pairs.join(theirs, on=["day", "owner"]).filter(pl.col("department") == pl.col("theirs"))
    return same.select("user", "pc", "day").unique()


def before(rows: pl.DataFrame, what: str) -> pl.Series:
    """On how many earlier days the user did the same to the same thing; later days play no part.

    Args:
        rows: ``user``, ``day``, ``action``, and the column that tells things apart.
        what: Name of that column.
    """
    same = ["user", "action", what]
    days = rows.select(*same, "day").unique().sort("day")
    counted = days.with_columns(before=pl.int_range(pl.len(), dtype=pl.UInt32).over(same))
    found = rows.select(*same, "day").join(
        counted, on=[*same, "day"], how="left", maintain_order="left", nulls_equal=True
    )
    return found["before"]


def contents(events: pl.DataFrame, people: pl.DataFrame | None, most: int | None) -> pl.DataFrame:
    """What the mails and pages of each day said: a mail's content; a page's URL and, below it, its content.

    Args:
        events: One shard: the columns ``NEEDED``; each user's in time order.
        people: The store's people, or None.
        most: Texts of a day at most. Those of sites and outside domains that the user had to do with on the
            fewest earlier days are taken, one of each before a second of any, then the earlier ones.

    Returns:
        ``user``, ``day``, ``texts``, in time order; sorted. A mail without content has no text, and a day
        without any text no row.
    """
    content = pl.when(pl.col("content").str.strip_chars() != "").then("content")
    page = pl.concat_str("object", content, separator="\n", ignore_nulls=True)
    rows = events.filter(IS_MAIL | IS_PAGE).select(
        "user",
        day=pl.col("time").dt.date(),
        action=pl.col("kind"),
        source=pl.when(IS_PAGE).then(SITE).otherwise(outsiders(company_domains(people)).list.first()),
        text=pl.when(IS_PAGE).then(page.replace("", None)).otherwise(content),
    ).drop_nulls("text")  # fmt: skip
    if most is not None:
        of_source = pl.int_range(pl.len()).over("user", "day", "source")
        ranked = rows.with_columns(before=before(rows, "source"), repeated=of_source > 0).with_row_index(
            "row"
        )
        kept = ranked.sort("repeated", "before", "row").filter(
            pl.int_range(pl.len()).over("user", "day") < most
        )
        rows = kept.sort("row")
    return rows.group_by("user", "day", maintain_order=True).agg(texts="text").sort("user", "day")
