"""The mapping: a YAML that says what the columns of an organisation's logs mean; typed and checked.

    zone: Europe/Berlin              # of the times in the store; default: UTC
    inputs:
      logons:
        files: logs/*.csv            # beside the mapping, or in `folder`
        format: csv
        where: EventID IN ('4624', '4634')
        time: {column: TimeCreated, zone: UTC}
        columns: {user: TargetUserName, pc: Computer}
        kind:
          - {kind: logon, when: EventID = '4624'}
          - {kind: logoff}

`docs/own_logs.md` describes every key.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, KINDS
from itd_lightning.contracts.files import absolute
from itd_lightning.contracts.places import refuse_urls_within
from itd_lightning.contracts.yaml_files import (
    FLAG,
    TEXT,
    Requirement,
    is_text,
    list_of,
    mapping_to,
    read_yaml,
)
from itd_lightning.sources.mapped.expressions import column_names, try_on_text

PRESETS = Path(__file__).parent / "presets"
_FORMATS = ("csv", "tsv", "w3c", "ndjson", "json", "xml", "parquet")
QUOTED = ("csv", "tsv", "w3c")  # formats with columns of text, whose fields may be quoted
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}  # microseconds
FILLED = tuple(name for name in EVENTS if name not in ("event_id", "time", "kind"))
_NULLS = ("", "-")
_SIGNS = tuple("\t !#$%&'()*+,-./:;<=>?@[]^_`{|}~")
_INPUT_NAME = re.compile(r"\w[\w.-]{0,59}")  # becomes the name of a file

_Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class TimeRule:
    """Where the time of a row stands, and how it is written.

    Args:
        column: Expression.
        format: As chrono writes it; None for ISO 8601, or seconds, milliseconds, ... since 1970.
        zone: Zone of times that name none.
        unit: Unit of a number since 1970; None for the one that gives a plausible year.
    """

    column: str
    format: str | None
    zone: str
    unit: str | None


@dataclass(frozen=True)
class _KindRule:
    """The kind of the rows for which an expression holds; of all rows if there is none."""

    kind: str
    when: str | None


@dataclass(frozen=True)
class Input:
    """Files of one layout, and what their columns mean.

    Args:
        name: Name of the log in the store.
        files: Patterns of file names.
        format: One of ``_FORMATS``.
        separator: Sign between two fields; "" for that of the format.
        quotes: Whether fields may be quoted.
        encoding: Of the text.
        header: Names of the columns, where the files have no header.
        nulls: Texts that stand for no value.
        json: Columns that hold a JSON object; its fields are columns ``COLUMN.field``.
        optional: Whether there may be no such file.
        may_lack: Patterns of names of columns that a file may lack; they are empty then.
        where: Expression: rows for which it does not hold are refused.
        time: The time of a row.
        columns: Columns of an event, and the expression of each.
        kinds: Rules, of which the first that holds counts.
        id: Expression; None for a hash of the event with its place.
    """

    name: str
    files: tuple[str, ...]
    format: str
    separator: str
    quotes: bool
    encoding: str
    header: tuple[str, ...]
    nulls: tuple[str, ...]
    json: tuple[str, ...]
    optional: bool
    may_lack: tuple[str, ...]
    where: str | None
    time: TimeRule
    columns: tuple[tuple[str, str], ...]
    kinds: tuple[_KindRule, ...]
    id: str | None

    @property
    def records(self) -> tuple[str, ...]:
        """Kinds that the rules can give."""
        return tuple(dict.fromkeys(rule.kind for rule in self.kinds))

    @property
    def expressions(self) -> dict[str, str]:
        """All expressions by their place in the mapping."""
        some = {"where": self.where, "time.column": self.time.column, "id": self.id}
        some |= {f"columns.{name}": sql for name, sql in self.columns}
        some |= {f"kind.{number}.when": rule.when for number, rule in enumerate(self.kinds)}
        return {place: sql for place, sql in some.items() if sql is not None}

    @property
    def names(self) -> list[str]:
        """Columns of the files that any expression reads."""
        return list(dict.fromkeys(name for sql in self.expressions.values() for name in column_names(sql)))

    def needs(self, name: str) -> bool:
        """Return whether a file without a column of this name is refused."""
        return not any(fnmatchcase(name, pattern) for pattern in self.may_lack)


@dataclass(frozen=True)
class Identity:
    """A table that says whose account is whose, or which PC bears which names and addresses.

    Args:
        table: CSV or Parquet file.
        account: Its columns with accounts: names, addresses, SIDs, hosts.
        user: Its column with the user, or the PC.
        unknown: ``refuse`` rows of accounts that it lacks, or ``keep`` them under the account's name.
    """

    table: Path
    account: tuple[str, ...]
    user: str
    unknown: str


@dataclass(frozen=True)
class LogMapping:
    """A whole mapping.

    Args:
        file: Where it stands.
        name: Which kind of logs they are; sources of one store have the same name.
        folder: Where the patterns of its inputs begin.
        zone: Zone of the store's times.
        identity: Whose account is whose.
        hosts: Which PC has which names and addresses.
        answers: CSV of known campaigns: user, start, end, scenario.
        inputs: The logs, in the order that settles equal times.
    """

    file: Path
    name: str
    folder: Path
    zone: str
    identity: Identity | None
    hosts: Identity | None
    answers: Path | None
    inputs: tuple[Input, ...]

    @property
    def lookups(self) -> list[Identity]:
        """The tables of accounts and of PCs, those that there are."""
        return [lookup for lookup in (self.identity, self.hosts) if lookup is not None]

    @property
    def tables(self) -> list[Path]:
        """The tables beside the logs."""
        answers = [] if self.answers is None else [self.answers]
        return [*answers, *(lookup.table for lookup in self.lookups)]

    @property
    def digest(self) -> str:
        """Hash of everything that the mapping says beside the places of its files."""
        text = json.dumps([self.name, self.zone, [asdict(one) for one in self.inputs]], sort_keys=True)
        unknown = "" if self.identity is None else self.identity.unknown
        unknown += "" if self.hosts is None else "".join(self.hosts.account) + self.hosts.user
        return blake2b(f"{text}{unknown}".encode(), digest_size=16).hexdigest()


def _is_zone(value: object) -> bool:
    """Return whether a text names a zone."""
    try:
        return is_text(value) and bool(ZoneInfo(str(value)).key)
    except (ValueError, OSError, LookupError):
        return False


def _is_encoding(value: object) -> bool:
    """Return whether a text names an encoding."""
    try:
        return is_text(value) and bool("".encode(str(value)).decode(str(value)) == "")
    except (LookupError, ValueError):
        return False


def _one_of(names: Sequence[str]) -> Requirement:
    """Return the requirement to be one of some names."""
    return Requirement(f"one of {', '.join(names)}", lambda value: value in names)


def _preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


_TEXTS = Requirement(
    "a text or a list of texts", lambda value: is_text(value) or (bool(value) and list_of(is_text)(value))
)
_PART = Requirement("a mapping of keys", lambda value: isinstance(value, dict))
_ZONE = Requirement("a zone such as Europe/Berlin or UTC", _is_zone)
_SIGN = Requirement("one character, no letter, digit or quote", lambda value: value in _SIGNS)
_RULES = Requirement(
    "a kind, or a list of rules {kind: ..., when: ...}",
    lambda value: bool(value) and isinstance(value, str | list),
)
_TIME = Requirement(
    "an expression, or {column, format, zone, unit}", lambda value: isinstance(value, str | dict)
)

_TOP = {
    "name": TEXT,
    "preset": _one_of(_preset_names()),
    "folder": TEXT,
    "zone": _ZONE,
    "identity": _PART,
    "hosts": _PART,
    "answers": TEXT,
    "inputs": Requirement(
        "a mapping from names to inputs", mapping_to(lambda value: isinstance(value, dict))
    ),
}
_INPUT = {
    "files": _TEXTS,
    "format": _one_of(_FORMATS),
    "separator": _SIGN,
    "quotes": FLAG,
    "encoding": Requirement("an encoding such as utf-8, cp1252 or utf-16", _is_encoding),
    "header": Requirement("a list of names", lambda value: bool(value) and list_of(is_text)(value)),
    "nulls": Requirement("a list of texts", list_of(is_text)),
    "json": _TEXTS,
    "optional": FLAG,
    "may_lack": _TEXTS,
    "where": TEXT,
    "time": _TIME,
    "columns": _PART,
    "kind": _RULES,
    "id": TEXT,
}
_TIME_KEYS = {"column": TEXT, "format": TEXT, "zone": _ZONE, "unit": _one_of(tuple(UNITS))}
_RULE_KEYS = {"kind": _one_of(KINDS), "when": TEXT}
_HOST_KEYS = {"table": TEXT, "address": _TEXTS, "pc": TEXT}
_IDENTITY_KEYS = {"table": TEXT, "account": _TEXTS, "user": TEXT, "unknown": _one_of(("refuse", "keep"))}


class _Part:
    """A part of a mapping, whose mistakes are told with their line."""

    def __init__(self, file: Path, content: Any, keys: _Keys = ()) -> None:  # noqa: ANN401 - whatever a YAML holds
        self.file, self.content, self.keys = file, content, keys

    def fail(self, words: str, *keys: str | int) -> InputError:
        """Return the error that a key of this part deserves."""
        path = (*self.keys, *keys)
        line = _line_of(self.file, path)
        place = ".".join(map(str, path))
        return InputError(
            f"{self.file}{f', line {line}' if line else ''}: {place}{' ' if place else ''}{words}"
        )

    def check(self, requirements: Mapping[str, Requirement], needed: Sequence[str] = ()) -> None:
        """Check the keys of this part.

        Raises:
            InputError: If one is unknown, missing, or holds something else.
        """
        if not isinstance(self.content, dict):
            raise self.fail(f"must have the keys {', '.join(requirements)}")
        for key, value in self.content.items():
            if key not in requirements:
                raise self.fail(f"is unknown; there may be {', '.join(requirements)}", key)
            if not requirements[key].accepts(value):
                raise self.fail(f"must be {requirements[key].words}, got {value!r:.60}", key)
        if missing := [key for key in needed if key not in self.content]:
            raise self.fail(f"lacks {', '.join(missing)}")

    def part(self, *keys: str | int) -> "_Part":
        """Return a part of this part."""
        content = self.content
        for key in keys:
            content = content[key]
        return _Part(self.file, content, (*self.keys, *keys))

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a text, or a list of texts, as a tuple."""
        value = self.content.get(key, default)
        return (value,) if isinstance(value, str) else tuple(value)


def _line_of(file: Path, keys: _Keys) -> int | None:
    """Return the line of the deepest of nested keys that the file has; None if it has none of them."""
    node = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
    line = None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(key)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
    return line


def read_mapping(file: Path) -> LogMapping:
    """Return the mapping in a YAML.

    Raises:
        InputError: If anything in it does not fit; the message names the key, the line and what is allowed.
    """
    file = absolute(file)
    return _build(_Part(file, _load(file)))


def read_preset(name: str, path: Path) -> LogMapping:
    """Return a preset for the logs in a folder, or for one file.

    Raises:
        InputError: If there is no such preset, or no such path.
    """
    if name not in _preset_names():
        raise InputError(f"preset must be one of {', '.join(_preset_names())}, got {name!r}")
    path = absolute(path)
    if not path.exists():
        raise InputError(f"{path} is not there; name the folder, or the file, that preset {name} shall read")
    file = PRESETS / f"{name}.yaml"
    return _build(_Part(file, {**_load(file), "folder": str(path)}))


def _load(file: Path) -> dict[str, Any]:
    """Return the content of a mapping, over that of its preset."""
    content = read_yaml(file)
    part = _Part(file, content)
    if not isinstance(content, dict):
        raise part.fail(f"must have the keys {', '.join(_TOP)}")
    if (preset := content.get("preset")) is None:
        return content
    part.check(_TOP)
    base = _load(PRESETS / f"{preset}.yaml")
    inputs = {
        name: {**base["inputs"].get(name, {}), **value} for name, value in content.get("inputs", {}).items()
    }
    return {**base, **content, "inputs": {**base["inputs"], **inputs}}


def _build(part: _Part) -> LogMapping:
    """Return the mapping of a YAML's content."""
    part.check(_TOP, ["inputs"])
    content = part.content
    refuse_urls_within(content)
    folder = _place(part.file, content.get("folder", "."))
    zone = content.get("zone", "UTC")
    return LogMapping(
        file=part.file,
        name=content.get("name", "own logs"),
        folder=folder,
        zone=zone,
        identity=_identity(part.part("identity")) if "identity" in content else None,
        hosts=_hosts(part.part("hosts")) if "hosts" in content else None,
        answers=_place(part.file, content["answers"]) if "answers" in content else None,
        inputs=tuple(_input(part.part("inputs", name), name, zone) for name in content["inputs"]),
    )


def _place(file: Path, name: str) -> Path:
    """Return a place that a mapping names, beside it unless the name is absolute."""
    return absolute(file.parent / name)


def _identity(part: _Part) -> Identity:
    """Return the identity of a mapping."""
    part.check(_IDENTITY_KEYS, ["table", "account", "user"])
    content, table = part.content, _table(part)
    return Identity(table, part.texts("account"), content["user"], content.get("unknown", "refuse"))


def _hosts(part: _Part) -> Identity:
    """Return which PC has which addresses; an address that the table lacks stays the name of its PC."""
    part.check(_HOST_KEYS, ["table", "address", "pc"])
    return Identity(_table(part), part.texts("address"), part.content["pc"], "keep")


def _table(part: _Part) -> Path:
    """Return the table that a part names."""
    table = _place(part.file, part.content["table"])
    if not table.is_file():
        raise part.fail(f"is not there: {table}", "table")
    return table


def _input(part: _Part, name: str, zone: str) -> Input:
    """Return an input of a mapping."""
    if not _INPUT_NAME.fullmatch(name):
        raise part.fail("is no name of an input: up to 60 letters, digits, _, - and .")
    part.check(_INPUT, ["files", "format", "time", "columns", "kind"])
    content = part.content
    columns = part.part("columns")
    columns.check(dict.fromkeys(FILLED, TEXT), ["user"])
    result = Input(
        name=name,
        files=part.texts("files"),
        format=content["format"],
        separator=content.get("separator", ""),
        quotes=content["format"] in QUOTED and content.get("quotes", content["format"] != "tsv"),
        encoding=content.get("encoding", "utf-8"),
        header=part.texts("header"),
        nulls=part.texts("nulls", _NULLS),
        json=part.texts("json"),
        optional=content.get("optional", False),
        may_lack=part.texts("may_lack"),
        where=content.get("where"),
        time=_time(part.part("time"), zone),
        columns=tuple(columns.content.items()),
        kinds=_kinds(part.part("kind")),
        id=content.get("id"),
    )
    _check_expressions(part, result)
    return result


def _time(part: _Part, zone: str) -> TimeRule:
    """Return the rule for the time."""
    if isinstance(part.content, str):
        return TimeRule(part.content, None, zone, None)
    part.check(_TIME_KEYS, ["column"])
    content = part.content
    if "format" in content and "unit" in content:
        raise part.fail("has format and unit, which exclude one another")
    return TimeRule(content["column"], content.get("format"), content.get("zone", zone), content.get("unit"))


def _kinds(part: _Part) -> tuple[_KindRule, ...]:
    """Return the rules for the kind."""
    if isinstance(part.content, str):
        _Part(part.file, {"kind": part.content}, part.keys[:-1]).check(_RULE_KEYS)
        return (_KindRule(part.content, None),)
    for number in range(len(part.content)):
        part.part(number).check(_RULE_KEYS, ["kind"])
    return tuple(_KindRule(rule["kind"], rule.get("when")) for rule in part.content)


def _check_expressions(part: _Part, source: Input) -> None:
    """Try every expression.

    Raises:
        InputError: If one is none, or gives the wrong type.
    """
    only_text = source.format != "parquet"
    for place, sql in source.expressions.items():
        keys = [int(key) if key.isdigit() else key for key in place.split(".")]
        try:
            dtype = try_on_text(sql, only_text=only_text)
        except InputError as error:
            raise part.fail(f"({sql:.80}) {error}", *keys) from error
        if place == "time.column" and not column_names(sql):
            raise part.fail(f"({sql:.80}) must read a column", *keys)
        is_condition = place == "where" or place.endswith(".when")
        if is_condition and only_text and dtype not in ("Boolean", "Null"):
            raise part.fail(f"({sql:.80}) must be true or false for a row", *keys)
