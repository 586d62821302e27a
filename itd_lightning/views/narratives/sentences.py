"""Sentences of the 4W of a day (when, where, what, which), merged or plain.

Source:
    DMFI, section III-B2 and Table IV, whose example comes out word for word, and the authors' preprocessing.
"""

from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.events import KINDS

Style = Literal["merged", "plain"]
SILENT = "No activity."  # a day without any event
AFTER, DURING = "After working hours", "During working hours"
_LAST = ("logoff", "disconnect")  # ends stand where the last of them was, all else where the first was


class _Words(NamedTuple):
    """Words for an action.

    Attributes:
        one: What was done, to one thing.
        several: To several things, which follow in brackets.
        brackets: Whether a single thing is in brackets, too: in the plain style, and in the merged one.
        plain: What was done, in the plain style; as ``one`` if empty.
    """

    one: str
    several: str = ""
    brackets: tuple[bool, bool] = (False, True)
    plain: str = ""


def _file_words(verb: str) -> dict[str, _Words]:
    """Return the words for an action on a file, by the way that it crosses removable media."""
    ways = {"": "", " to": " to removable media", " from": " from removable media"}
    return {
        way: _Words(f"{verb} file{media}", f"{verb} multiple files{media}", (True, True))
        for way, media in ways.items()
    }


_FILES = {"file_copy": "copied", "file_open": "opened", "file_write": "wrote", "file_delete": "deleted"}
_ACTIONS = {
    "logon": _Words("login"),
    "logoff": _Words("logged off", plain="logoff"),
    "connect": _Words("connected removable media"),
    "disconnect": _Words("disconnected removable media"),
    **{f"{kind}{way}": words for kind, verb in _FILES.items() for way, words in _file_words(verb).items()},
    "email_send": _Words("sent email", "sent multiple emails"),
    "email_view": _Words("viewed email", "viewed multiple emails"),
    "http_visit": _Words("accessed website", "accessed multiple websites", (False, False)),
    "http_download": _Words("downloaded from website", "downloaded from multiple websites", (False, False)),
    "http_upload": _Words("uploaded to website", "uploaded to multiple websites", (False, False)),
    "process": _Words("ran program", "ran multiple programs"),
    "other": _Words("did something else"),
    "logon_failed": _Words("failed to log in"),
    "connection": _Words("connected to computer", "connected to multiple computers"),
    "admin_change": _Words("changed a setting", "changed multiple settings"),
}
# A kind without words of its own is told by its name.
_ACTIONS |= {kind: _Words(kind.replace("_", " ")) for kind in KINDS if kind not in _ACTIONS}
_WHEN = pl.when("late").then(pl.lit(AFTER)).otherwise(pl.lit(DURING))


def _phrase(action: pl.Expr, things: pl.Expr, style: Style, several: pl.Expr | None = None) -> pl.Expr:
    """Return the phrase for an action and its things, if it has any."""
    merged = style == "merged"
    one = {name: (words.one if merged else words.plain or words.one) for name, words in _ACTIONS.items()}
    with_brackets = [name for name, words in _ACTIONS.items() if words.brackets[merged]]
    several = pl.lit(value=False) if several is None else several
    text = action.replace_strict({name: words.several or words.one for name, words in _ACTIONS.items()})
    text = pl.when(several).then(text).otherwise(action.replace_strict(one))
    object_text = pl.when(several | action.is_in(with_brackets)).then("(" + things + ")").otherwise(things)
    return pl.when(things.is_null()).then(text).otherwise(text + " " + object_text)


def plain_narratives(rows: pl.DataFrame) -> pl.DataFrame:
    """Return narratives with one sentence an event.

    Args:
        rows: ``unit``, ``late``, ``place``, ``action``, ``thing``; by unit and time.

    Returns:
        ``unit``, ``narrative``, sorted.
    """
    place = pl.col("place").cast(pl.String)
    text = _phrase(pl.col("action"), pl.col("thing"), "plain")
    sentence = (
        pl.when(place.is_null()).then(_WHEN + ", " + text)
        .when(pl.col("action") == "logon").then(_WHEN + ", " + text + " at " + place)
        .otherwise(_WHEN + ", at " + place + ", " + text)
    ) + "."  # fmt: skip
    return rows.group_by("unit", maintain_order=True).agg(narrative=sentence.str.join(" "))


def merged_narratives(rows: pl.DataFrame, sentences: int, names: int) -> pl.DataFrame:
    """Return narratives with one sentence per run of actions at one place, in or after hours.

    Equal actions are counted. The place is named where it changes. Within a sentence each action stands once,
    where it was done first.

    Args:
        rows: ``unit``, ``late``, ``place``, ``action``, ``thing``, ``before``; by unit and time.
        sentences: Above so many on a day, all that was done at one place stands in one sentence, whatever
            was done elsewhere in between.
        names: Things that an action names at most: those of the fewest earlier days of the user. Others are
            counted.

    Returns:
        ``unit``, ``narrative``, sorted.
    """
    return _join_sentences(_phrases(_runs(rows, sentences), names))


def _runs(rows: pl.DataFrame, sentences: int) -> pl.DataFrame:
    """Return rows with ``run``, the number of their sentence, and ``at``, their own number."""
    # What happens at no PC, or at one that the log does not name, goes on where the user was.
    rows = rows.with_columns(pl.col("place").forward_fill().over("unit"))
    sentence_keys = ["unit", "late", "place"]
    starts = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in sentence_keys)
    starts = starts | (pl.int_range(pl.len()) == 0)
    rows = rows.with_columns(run=starts.cum_sum(), at=pl.int_range(pl.len()))
    count = (pl.col("run").max() - pl.col("run").min() + 1).over("unit")
    first_run = pl.col("run").min().over(sentence_keys)
    return rows.with_columns(run=pl.when(count > sentences).then(first_run).otherwise("run"))


def _phrases(rows: pl.DataFrame, names: int) -> pl.DataFrame:
    """Return the actions of each sentence, one row an action, in their order."""
    items = rows.group_by("run", "action", "thing").agg(
        pl.col("unit", "late", "place").first(),
        pl.col("before").min(),
        first=pl.col("at").min(),
        last=pl.col("at").max(),
        times=pl.len(),
    )
    action = ["run", "action"]
    rank, things = pl.int_range(pl.len()).over(action), pl.len().over(action)
    is_named = (rank < names) | (things == names + 1)  # "and 1 other" would be no shorter
    items = items.sort("before", "first").with_columns(named=is_named).sort("first")
    times = pl.when(pl.col("times") > 1).then(" x" + pl.col("times").cast(pl.String)).otherwise(pl.lit(""))
    actions = items.group_by(action).agg(
        pl.col("unit", "late", "place").first(),
        pl.col("first").min(),
        pl.col("last").max(),
        things=pl.len(),
        total=pl.col("times").sum(),
        one=pl.col("thing").first(),
        listed=(pl.col("thing") + times).filter("named").str.join(", "),
        others=(~pl.col("named")).sum(),
    )
    rest = pl.when(pl.col("others") > 0).then(" and " + pl.col("others").cast(pl.String) + " others")
    several = pl.col("things") > 1
    list_text = pl.when(several).then(pl.col("listed") + rest.fill_null("")).otherwise("one")
    total = pl.when(~several & (pl.col("total") > 1)).then(" x" + pl.col("total").cast(pl.String))
    position = pl.when(pl.col("action").is_in(_LAST)).then("last").otherwise("first")
    return actions.sort("run", position).select(
        "unit", "run", "late", "place", "action",
        phrase=_phrase(pl.col("action"), list_text, "merged", several),
        times=total.fill_null(""),
    )  # fmt: skip


def _join_sentences(phrases: pl.DataFrame) -> pl.DataFrame:
    """Join phrases to sentences, and these to narratives."""
    count, place = pl.len().over("run"), pl.int_range(pl.len()).over("run")
    link = (
        pl.when(place == 0).then(pl.lit(""))
        .when(place < count - 1).then(pl.lit(", then "))
        .when(count == 2).then(pl.lit(", and then "))
        .otherwise(pl.lit(", and "))
    )  # fmt: skip
    changes = pl.col("place").ne_missing(pl.col("place").shift()).over("unit") & pl.col("place").is_not_null()
    first = phrases.unique("run", keep="first", maintain_order=True).with_columns(changed=changes)
    at = pl.lit("at ") + pl.col("place").cast(pl.String)
    rows = phrases.with_columns(link=link).join(
        first.select("run", "changed"), on="run", maintain_order="left"
    )
    begins_at_place = pl.col("changed") & (place == 0)
    text = (
        pl.when(begins_at_place & (pl.col("action") == "logon")).then(pl.col("phrase") + " " + at)
        .when(begins_at_place).then(at + ", " + pl.col("phrase"))
        .otherwise("phrase")
    )  # fmt: skip
    sentences = (
        rows.with_columns(text=pl.col("link") + text + pl.col("times"))
        .group_by("run", maintain_order=True)
        .agg(pl.col("unit", "late").first(), pl.col("text").str.join(""))
    )
    return (
        sentences.with_columns(text=_WHEN + ", " + pl.col("text") + ".")
        .group_by("unit", maintain_order=True)
        .agg(narrative=pl.col("text").str.join(" "))
    )
