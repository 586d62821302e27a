"""Files: kinds of file events, the type of a file, and which way it crosses removable media."""

from typing import Literal

import polars as pl

from itd_lightning.contracts.events import FAMILIES

FILE_KINDS = FAMILIES["file"]
IS_FILE = pl.col("kind").is_in(FILE_KINDS)

FileTypes = Literal["common", "le2020"]
ENDINGS: dict[FileTypes, dict[str, tuple[str, ...]]] = {
    "common": {
        "document": ("doc", "docx", "odt", "pdf", "ppt", "pptx", "rtf", "xls", "xlsx"),
        "text": ("cfg", "csv", "log", "txt", "xml"),
        "image": ("bmp", "gif", "jpeg", "jpg", "png", "tif"),
        "archive": ("7z", "gz", "rar", "tar", "zip"),
        "program": ("bat", "com", "dll", "exe", "msi", "ps1", "sh"),
    },
    # Le, Zincir-Heywood and Heywood, TNSM 2020: the endings of the authors' code.
    "le2020": {
        "document": ("doc", "docx", "pdf"),
        "text": ("cfg", "rtf", "txt"),
        "image": ("bmp", "jpg", "png"),
        "archive": ("7z", "rar", "zip"),
        "program": ("exe", "sh"),
    },
}
ENDING = pl.when(IS_FILE).then("object").str.to_lowercase().str.extract(r"\.([a-z0-9]+)$")
FOLDERS = pl.col("object").str.count_matches(r"[\\/]")  # how deep a path is
# Null where a file crosses no removable media, or the source does not say.
DIRECTION = (
    pl.when(~IS_FILE).then(None)
    .when(pl.col("to_removable")).then(pl.lit("to"))
    .when(pl.col("from_removable")).then(pl.lit("from"))
)  # fmt: skip


def file_type(endings: FileTypes = "common") -> pl.Expr:
    """Return the type of a file by its last ending, ``other`` for an unknown one.

    Args:
        endings: Key of ``ENDINGS``; both tables agree on the endings that occur in CERT.
    """
    types = {ending: name for name, group in ENDINGS[endings].items() for ending in group}
    return ENDING.replace_strict(types, default="other", return_dtype=pl.String)
