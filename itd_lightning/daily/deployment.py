"""A deployment: a YAML that says what is scored every morning, by what, and where alerts go.

    logs: logs/company.yaml          # a mapping, or folders of a CERT release; one or several
    store: store
    checkpoints: runs/own_history_z  # one or several; the scores of several are fused
    cases: cases.sqlite              # or postgresql://user@host/database
    out: daily

`docs/daily.md` describes every key. Paths begin at the folder of the YAML.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from itd_lightning.alerts.exports.formats import FORMATS, OBJECTS, Format
from itd_lightning.alerts.exports.webhook import Webhook, check_url
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import absolute
from itd_lightning.contracts.run_files import best_checkpoint
from itd_lightning.contracts.yaml_files import TEXT, Requirement, check, is_text, list_of, read_whole

_LEAST_HORIZON = 2


def _whole(least: int) -> Requirement:
    """Return the requirement to be a whole number."""
    words = f"a whole number of at least {least}"
    return Requirement(words, lambda value: type(value) is int and value >= least)


_PATHS = Requirement(
    "a path or a list of paths", lambda value: is_text(value) or (bool(value) and list_of(is_text)(value))
)
_KEYS = {
    "name": TEXT,
    "logs": _PATHS,
    "store": TEXT,
    "checkpoints": _PATHS,
    "cases": TEXT,
    "out": TEXT,
    "content": Requirement("a list of kinds of events", list_of(is_text)),
    "budget": _whole(1),
    "calibrate_days": _whole(1),
    "horizon": _whole(_LEAST_HORIZON),
    "retention": _whole(_LEAST_HORIZON),
    "exports": Requirement(
        "a list of {format: ...}, each perhaps with webhook: https://...",
        list_of(lambda value: isinstance(value, dict)),
    ),
    "pseudonyms": Requirement("{key_file: PATH}", lambda value: isinstance(value, dict)),
}
_NEEDED = ("logs", "store", "checkpoints", "cases", "out")
_EXPORT = {
    "format": Requirement(f"one of {', '.join(FORMATS)}", lambda value: value in FORMATS),
    "webhook": TEXT,
    "token_file": TEXT,
}
_PSEUDONYMS = {"key_file": TEXT}


@dataclass(frozen=True)
class Deployment:
    """What is scored every morning.

    Args:
        file: Its YAML.
        name: Of the deployment in the case store; default: the YAML's name without its ending.
        logs: Mappings, or folders of a release; a name may hold ``*``.
        store: Event store; made on the first morning.
        content: Kinds of events whose text the store keeps; none by default.
        checkpoints: Weights that score.
        cases: Path or URL of the case store.
        out: Folder of exports and of what is known about logs that were read.
        budget: Alerts a day.
        calibrate_days: Days before the scored one whose scores give p-values.
        horizon: Days that a method sees, the scored one included; the store keeps hardly more.
        retention: Days after which alerts, scored days and runs are removed.
        files: Formats that are written into ``out``, a file a day.
        webhooks: Receivers.
        key_file: Of pseudonyms; None without them.
    """

    file: Path
    name: str
    logs: tuple[Path, ...]
    store: Path
    content: tuple[str, ...]
    checkpoints: tuple[Path, ...]
    cases: str
    out: Path
    budget: int
    calibrate_days: int
    horizon: int
    retention: int
    files: tuple[Format, ...]
    webhooks: tuple[Webhook, ...]
    key_file: Path | None


def read_deployment(file: Path) -> Deployment:
    """Read a deployment's YAML.

    Raises:
        InputError: If it is none, a key is missing or unknown, or a value does not fit.
    """
    if not file.is_file():
        raise InputError(f"no deployment at {file}; docs/daily.md shows one")
    content = read_whole(file, _KEYS, optional=[key for key in _KEYS if key not in _NEEDED])
    folder = absolute(file).parent
    paths = {key: _paths(folder, content[key]) for key in ("logs", "checkpoints", "store", "out")}
    numbers = {"budget": 10, "calibrate_days": 60, "horizon": 180, "retention": 365}
    numbers |= {key: content[key] for key in numbers if key in content}
    if numbers["retention"] < numbers["horizon"] or numbers["horizon"] <= numbers["calibrate_days"]:
        raise InputError(
            f"{file}: horizon must be more days than calibrate_days, and retention not fewer than horizon, "
            f"got calibrate_days {numbers['calibrate_days']}, horizon {numbers['horizon']}, "
            f"retention {numbers['retention']}"
        )
    files, webhooks = _read_exports(file, content.get("exports", []), folder)
    checkpoints = (best_checkpoint(path) if path.is_dir() else path for path in paths["checkpoints"])
    return Deployment(
        file=absolute(file),
        name=str(content.get("name", file.stem)),
        logs=paths["logs"],
        store=paths["store"][0],
        content=tuple(content.get("content", ())),
        checkpoints=tuple(checkpoints),
        cases=content["cases"] if "://" in content["cases"] else str(folder / content["cases"]),
        out=paths["out"][0],
        files=files,
        webhooks=webhooks,
        key_file=_read_key_file(file, content.get("pseudonyms"), folder),
        **numbers,
    )


def cases_of(place: str) -> str:
    """Return the place of cases that a path, a URL or the YAML of a deployment names."""
    is_deployment = "://" not in place and Path(place).suffix in (".yaml", ".yml")
    return read_deployment(Path(place)).cases if is_deployment else place


def _paths(folder: Path, value: str | list[str]) -> tuple[Path, ...]:
    """Return one path or several, from the folder of the YAML on."""
    return tuple(absolute(folder / one) for one in ([value] if isinstance(value, str) else value))


def _read_exports(
    file: Path, exports: list[Mapping[str, Any]], folder: Path
) -> tuple[tuple[Format, ...], tuple[Webhook, ...]]:
    """Return the formats of files, and the webhooks.

    Raises:
        InputError: If an export does not fit.
    """
    files: list[Format] = []
    webhooks: list[Webhook] = []
    for number, export in enumerate(exports):
        place = f"exports.{number}."
        check(file, export, _EXPORT, place)
        form = export.get("format")
        if form is None:
            raise InputError(f"{file}: {place}format must be there, one of {', '.join(FORMATS)}")
        if "webhook" not in export:
            files.append(form)
            continue
        if form not in OBJECTS:
            raise InputError(f"{file}: {place}format of a webhook is one of {', '.join(OBJECTS)}, got {form}")
        check_url(export["webhook"])
        token = _read_token(absolute(folder / export["token_file"])) if "token_file" in export else ""
        name = f"{urlsplit(export['webhook']).netloc}{urlsplit(export['webhook']).path} {form}"
        webhooks.append(Webhook(name, export["webhook"], form, token))
    return tuple(dict.fromkeys(files)), tuple(webhooks)


def _read_token(file: Path) -> str:
    """Return the token of a webhook.

    Raises:
        InputError: If there is none, or others can read it.
    """
    if not file.is_file():
        raise InputError(f"no token at {file}")
    if file.stat().st_mode & 0o077:
        raise InputError(f"others can read {file}: type `chmod 600 {file}`")
    return file.read_text("utf-8").strip()


def _read_key_file(file: Path, pseudonyms: Mapping[str, Any] | None, folder: Path) -> Path | None:
    """Return the file of the key of pseudonyms; None without pseudonyms.

    Raises:
        InputError: If it is not named.
    """
    if pseudonyms is None:
        return None
    check(file, pseudonyms, _PSEUDONYMS, "pseudonyms.")
    if "key_file" not in pseudonyms:
        raise InputError(f"{file}: pseudonyms.key_file must be there")
    return absolute(folder / pseudonyms["key_file"])
