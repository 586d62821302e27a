"""The facts that narratives tell: PC, action and thing of each event, and the texts of a day.

Source:
    DMFI, section III-B, and the authors' preprocessing, for the words.
    Departures. Department-PC is that of somebody in the same department, by the LDAP of the time; the authors
    take the team. A PC that several call their own, or nobody does, is Other-PC. Whom a mail went to includes
    copies. The store does not keep who a mail was sent as, so its sender is an insider, which the user is.
    Which way a file crosses removable media, attachments, and what later releases log are words of ours.
"""

from collections.abc import Sequence

import polars as pl

from itd_lightning.contracts.events import KINDS, further_kinds
from itd_lightning.events.annotate import earlier_days
from itd_lightning.events.files import DIRECTION, ENDING, IS_FILE
from itd_lightning.events.mail import IS_MAIL, company_domains, external_domains, is_external
from itd_lightning.events.pcs import pc_days, relation
from itd_lightning.events.people import as_of
from itd_lightning.events.web import IS_PAGE, PROPER_SITE, SITE

INPUT_COLUMNS = [
    "user",
    "time",
    "pc",
    "kind",
    "object",
    "attachments",
    "to_removable",
    "from_removable",
    "content",
]
SELF, SUPERVISOR, DEPARTMENT, OTHER = _PLACES = ("Self-PC", "Supervisor-PC", "Department-PC", "Other-PC")
INSIDER, OUTSIDER, UNKNOWN = "insider address", "outsider address", "unknown address"
# Names reach a prompt, and whoever is watched may choose them: so only proper and short ones.
LONGEST_SITE, LONGEST_ENDING, LONGEST_PROGRAM = 64, 8, 64
_NAMED = [kind for kind in further_kinds(KINDS) if kind not in ("other", "logon_failed")]
_PROGRAM = r"([\p{L}\p{N}_.-]+)$"  # the last part of a path


def narrative_events(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """Return the place, action and thing of each event.

    Args:
        events: One shard: the columns ``INPUT_COLUMNS``; each user's in time order.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, or None: then no supervisor, department or company's address is known.

    Returns:
        The rows in their order: ``user``, ``day``, ``time``; ``place``, null without a PC; ``action``, a key
        of ``sentences.ACTIONS``; ``thing``, null where the action has none; ``before``, on how many earlier
        days the user did the same to the same.
    """
    # As a column, since each mention of an expression would search all texts again.
    rows = events.with_columns(site=PROPER_SITE).with_columns(
        day=pl.col("time").dt.date(),
        action=pl.col("kind").cast(pl.String) + (" " + DIRECTION).fill_null(""),
        thing=_name_thing(company_domains(people)),
    )
    return rows.select(
        "user",
        "day",
        "time",
        "action",
        "thing",
        place=_find_places(events, own, people),
        before=earlier_days(rows, ["action", "thing"]),
    )


def _name_thing(company: Sequence[str]) -> pl.Expr:
    """Return the domain of a page, recipients of a mail, ending of a file, or the name of anything else.

    Args:
        company: Mail domains of the company.
    """
    site = pl.when(pl.col("site").str.len_chars() <= LONGEST_SITE).then("site")
    ending = pl.when(ENDING.str.len_chars() <= LONGEST_ENDING).then("." + ENDING)
    further = pl.col("kind").is_in(_NAMED)
    program = pl.when(further).then("object").str.extract(_PROGRAM).str.slice(0, LONGEST_PROGRAM)
    return (
        pl.when(IS_PAGE).then(site.fill_null("without a proper name"))
        .when(IS_FILE).then(ending.fill_null("no extension"))
        .when(IS_MAIL).then(_name_addresses(company))
        .when(further).then(program.fill_null("without a proper name"))
    )  # fmt: skip


def _name_addresses(company: Sequence[str]) -> pl.Expr:
    """Return sender and recipient of a mail: outside, if any recipient is external.

    Args:
        company: Mail domains of the company; without any, recipients are unknown.
    """
    recipient = pl.lit(UNKNOWN)
    if company:
        recipient = pl.when(is_external(company)).then(pl.lit(OUTSIDER)).otherwise(pl.lit(INSIDER))
    sender = (
        pl.when(pl.col("kind") == "email_send").then(pl.lit(f"from {INSIDER} to ")).otherwise(pl.lit("to "))
    )
    attachment = pl.when(pl.col("attachments") > 0).then(pl.lit(" with attachment")).otherwise(pl.lit(""))
    return sender + recipient + attachment


def _find_places(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.Series:
    """Return the owner of each event's PC, one of ``_PLACES``; null without a PC."""
    use = pc_days(events, people)
    names = {"own": SELF, "supervisor": SUPERVISOR, "shared": OTHER, "other": OTHER}
    owner_kind = relation(use, own).cast(pl.String).replace_strict(names, return_dtype=pl.Enum(_PLACES))
    places = use.select("user", "pc", "day", place=owner_kind)
    key = ["user", "pc", "day"]
    if people is not None:
        theirs = _colleagues(use, own, people).with_columns(near=pl.lit(value=True))
        department = pl.when((pl.col("place") == OTHER) & pl.col("near")).then(
            pl.lit(DEPARTMENT, pl.Enum(_PLACES))
        )
        places = places.join(theirs, on=key, how="left").select(*key, place=department.otherwise("place"))
    rows = events.select("user", "pc", day=pl.col("time").dt.date())
    return rows.join(places, on=key, how="left", maintain_order="left")["place"]


def _colleagues(use: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Return the PCs used on a day that somebody in the user's department calls their own.

    Args:
        use: ``user``, ``pc``, ``day`` and the user's ``department``, as ``events.pcs.pc_days`` returns them.
        own: As ``events.pcs.own_pcs`` returns them.
        people: The store's people.
    """
    owned = pl.col("from_day") <= pl.col("day"), (pl.col("day") < pl.col("until_day")).fill_null(value=True)
    pairs = use.drop_nulls("department").join(own.rename({"user": "owner"}), on="pc").filter(owned)
    owners = pairs.select("day", user="owner").unique()
    departments = as_of(people, owners).select("day", owner="user", of_owner="department")
    matches = pairs.join(departments, on=["day", "owner"]).filter(pl.col("department") == pl.col("of_owner"))
    return matches.select("user", "pc", "day").unique()


def contents(events: pl.DataFrame, people: pl.DataFrame | None, most: int | None) -> pl.DataFrame:
    """Return each day's texts: a mail's content; a page's URL and, below it, its content.

    Args:
        events: One shard: the columns ``INPUT_COLUMNS``; each user's in time order.
        people: The store's people, or None.
        most: Texts of a day at most. Those of sites and outside domains that the user had to do with on the
            fewest earlier days are taken, one of each before a second of any, then the earlier ones.

    Returns:
        ``user``, ``day``, ``texts``, in time order; sorted. A mail without content has no text, and a day
        without any text no row.
    """
    content = pl.when(pl.col("content").str.strip_chars() != "").then("content")
    page = pl.concat_str("object", content, separator="\n", ignore_nulls=True)
    external = "@" + external_domains(company_domains(people)).list.first()
    rows = events.filter(IS_MAIL | IS_PAGE).select(
        "user",
        day=pl.col("time").dt.date(),
        action=pl.col("kind"),
        source=pl.when(IS_PAGE).then(SITE).otherwise(external),
        text=pl.when(IS_PAGE).then(page.replace("", None)).otherwise(content),
    ).drop_nulls("text")  # fmt: skip
    if most is not None:
        of_source = pl.int_range(pl.len()).over("user", "day", "source")
        before = earlier_days(rows, ["action", "source"])
        candidates = rows.with_columns(before=before, repeated=of_source > 0).with_row_index("row")
        first = pl.int_range(pl.len()).over("user", "day") < most
        rows = candidates.sort("repeated", "before", "row").filter(first).sort("row")
    return rows.group_by("user", "day", maintain_order=True).agg(texts="text").sort("user", "day")
