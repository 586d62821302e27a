"""A mistake in a mapping ends in one line: which key, which line, what is allowed."""

from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.mapped.mapping import read_mapping
from tests.handmade_mappings import CSV

MISTAKES = {
    "unknown key": (
        "format: csv",
        "form: csv",
        r"line 4: inputs.logons.form is unknown; there may be files, format",
    ),
    "unknown format": (
        "format: csv",
        "format: xls",
        r"line 4: inputs.logons.format must be one of csv, tsv, w3c",
    ),
    "unknown kind": (
        "kind: logoff",
        "kind: signoff",
        r"line 9: inputs.logons.kind.1.kind must be one of logon, logoff",
    ),
    "no kind": (
        "{kind: logoff, when: act = 'out'}",
        "{when: act = 'out'}",
        r"line 9: inputs.logons.kind.1 lacks kind",
    ),
    "unknown column": (
        "{user: user",
        "{usr: user",
        r"line 6: inputs.logons.columns.usr is unknown; there may be user",
    ),
    "no user": ("{user: user, pc", "{pc", r"line 6: inputs.logons.columns lacks user"),
    "no SQL": (
        "CAST(size AS BIGINT)",
        "CAST(size",
        r"line 6: inputs.logons.columns.size \(CAST\(size\) is no Polars SQL",
    ),
    "unknown function": (
        "CAST(size AS BIGINT)",
        "siz(size)",
        r"columns.size \(siz\(size\)\) is no Polars SQL: unsupported",
    ),
    "number": (
        "act = 'out'",
        "act = 1",
        r"line 9: .*cannot compare string .*columns are text: compare with '1'",
    ),
    "no condition": ("act = 'out'", "act", r"line 9: .*kind.1.when \(act\) must be true or false"),
    "aggregate": (
        "CAST(size AS BIGINT)",
        "max(size)",
        r"columns.size \(max\(size\)\) must be one value for each row, which no other",
    ),
    "other rows": (
        "act = 'out'",
        "lag(act) OVER () = 'in'",
        r"kind.1.when .* is no expression over the columns of one row",
    ),
    "files": ("act = 'out'", "act IN (SELECT a FROM read_csv('/etc/passwd'))", r"it has 'SELECT'"),
    "zone": (
        "inputs:",
        "zone: Berlin\ninputs:",
        r"line 1: zone must be a zone such as Europe/Berlin or UTC, got 'Berlin'",
    ),
    "URL": ('files: "*.csv*"', "files: s3://bucket/*.csv", r"s3://bucket/\*.csv is a URL"),
    "time": ("time: time", "time: {format: '%Y'}", r"line 5: inputs.logons.time lacks column"),
    "unit": (
        "time: time",
        "time: {column: time, unit: h}",
        r"line 5: inputs.logons.time.unit must be one of s, ms, us, ns",
    ),
    "two ways": ("time: time", "time: {column: time, unit: s, format: '%Y'}", r"time has format and unit"),
    "constant": ("time: time", "time: \"'2026-01-01'\"", r"must read a column"),
    "preset": (
        "inputs:",
        "preset: splunk\ninputs:",
        r"preset must be one of cert, cloudtrail, ecs",
    ),
    "no identity table": (
        "inputs:",
        "identity: {table: a.csv, account: a, user: u}\ninputs:",
        r"line 1: identity.table is not there",
    ),
    "name that is a path": (
        "logons:",
        "../../logons:",
        r"line 2: inputs.../../logons is no name of an input",
    ),
    "separator": (
        "format: csv",
        'format: csv\n    separator: "\\n"',
        r"line 5: inputs.logons.separator must be one character",
    ),
    "no inputs": (CSV, "zone: UTC\n", r"lacks inputs"),
    "no mapping": (CSV, "- a\n", r"must have the keys name, preset"),
    "no YAML": (CSV, "a: [", r"is no YAML"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_key_and_line(mistake: str, tmp_path: Path) -> None:
    right, wrong, words = MISTAKES[mistake]
    assert right in CSV
    (tmp_path / "m.yaml").write_text(CSV.replace(right, wrong))
    with pytest.raises(InputError, match=words) as error:
        read_mapping(tmp_path / "m.yaml")
    assert mistake == "no YAML" or "\n" not in str(error.value)


def test_a_mapping_may_change_a_preset(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "preset: zeek\nzone: Europe/Berlin\ninputs: {zeek_http: {files: web.log}}\n"
    )
    mapping = read_mapping(tmp_path / "m.yaml")
    assert (mapping.zone, mapping.folder, mapping.inputs[0].files) == (
        "Europe/Berlin",
        tmp_path,
        ("web.log",),
    )
    assert [source.name for source in mapping.inputs][:2] == ["zeek_http", "zeek_smtp"]
    assert mapping.inputs[0].time.unit == "s"
