"""Zeek's http.log: web pages, by the address of the PC and the user whom the proxy asked for a name.

Not carried: nothing of a page but its text.
"""

from pathlib import Path

import polars as pl

from itd_lightning.contracts.files import private_folder
from itd_lightning.synth.formats.base import ADDRESS, SAM, TIME, UID, read_log

_FIELDS = (
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "trans_depth",
    "method",
    "host",
    "uri",
    "referrer",
    "version",
    "user_agent",
    "origin",
    "request_body_len",
    "response_body_len",
    "status_code",
    "status_msg",
    "info_code",
    "info_msg",
    "tags",
    "username",
    "password",
    "proxied",
    "orig_fuids",
    "orig_filenames",
    "orig_mime_types",
    "resp_fuids",
    "resp_filenames",
    "resp_mime_types",
)
_HEAD = (
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    "#path\thttp",
    "\t".join(["#fields", *_FIELDS]),
    "\t".join(["#types", *["string"] * len(_FIELDS)]),
)
_VALUES = {
    "ts": pl.format("{}.000000", TIME.dt.epoch("s")),
    "uid": UID,
    "id.orig_h": ADDRESS,
    "id.orig_p": pl.lit("50000"),
    "id.resp_h": pl.lit("192.0.2.80"),
    "id.resp_p": pl.lit("80"),
    "trans_depth": pl.lit("1"),
    "method": pl.lit("GET"),
    "host": pl.col("url").str.extract(r"^http://([^/]+)"),
    "uri": pl.col("url").str.extract(r"^http://[^/]+(/.*)$"),
    "version": pl.lit("1.1"),
    "status_code": pl.lit("200"),
    "status_msg": pl.lit("OK"),
    "tags": pl.lit("(empty)"),
    "username": SAM,
    "resp_mime_types": pl.lit("text/html"),
}


def write(release: Path, folder: Path) -> int:
    """Write the log; return its rows."""
    rows = 0
    private_folder(folder)
    with (folder / "http.log").open("wb") as out:
        out.write("".join(f"{line}\n" for line in _HEAD).encode())
        for block in read_log(release, "http", "url"):
            fields = block.select(
                _VALUES.get(name, pl.lit("-")).fill_null("-").alias(name) for name in _FIELDS
            )
            fields.write_csv(out, include_header=False, separator="\t", quote_style="never")
            rows += len(block)
    return rows
