"""New logs of a deployment: which files were not read yet, and adding them to the store.

What was read is noted in ``read.json``, in two steps, so that a kill at any moment loses and doubles nothing:
before an addition the note says which files are being added to which store, and afterwards that they are in.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import aside, atomic_file, find_json
from itd_lightning.daily.deployment import Deployment
from itd_lightning.ingest import open_mappings
from itd_lightning.sources.base import Source
from itd_lightning.sources.cert.source import open_releases
from itd_lightning.sources.mapped.source import MAPPINGS, MappedSource
from itd_lightning.store.build.build import build
from itd_lightning.store.build.plan import plan_build
from itd_lightning.store.read import Store

_NOTE = "read.json"  # in the folder `out`
_Stamps = dict[str, str]  # a file or folder, and what changes when it does


def append_new_logs(deployment: Deployment) -> int:
    """Add the logs that were not read yet to the store, which is made if there is none.

    Returns:
        How many files, or folders of a release, were added.
    """
    note = _settle(deployment)
    stamps: _Stamps = {}
    sources = []
    for source in _sources(deployment):
        new, its_stamps = _new_part(source, note["read"])
        if new is not None:
            sources.append(new)
            stamps |= its_stamps
    if not sources:
        return 0
    _write(deployment, note | {"adding": {"to": _fingerprint(deployment.store), "files": stamps}})
    has_store = deployment.store.exists() or aside(deployment.store).is_dir()
    content = None if has_store else deployment.content
    build(plan_build(sources, deployment.store, content=content, append=has_store))
    _write(deployment, {"read": note["read"] | stamps, "adding": None})
    return len(stamps)


def count_new(deployment: Deployment) -> int:
    """Return how many files, or folders of a release, were not read yet."""
    read = _read(deployment)["read"]
    return sum(len(_new_part(source, read)[1]) for source in _sources(deployment))


def _sources(deployment: Deployment) -> Iterable[Source]:
    """Return the sources of a deployment's logs.

    Raises:
        InputError: If a name fits no file, or a mapping is none.
    """
    paths = [path for pattern in deployment.logs for path in _matches(pattern)]
    mappings = [path for path in paths if path.suffix in MAPPINGS]
    if mappings and len(mappings) < len(paths):
        raise InputError(f"{deployment.file}: logs are mappings or a release, not both")
    return open_mappings(mappings) if mappings else open_releases(paths)


def _matches(pattern: Path) -> list[Path]:
    """Return the paths that a name with ``*`` fits, in order.

    Raises:
        InputError: If there is none.
    """
    if not any(sign in str(pattern) for sign in "*?["):
        return [pattern]
    inner = pattern.relative_to(pattern.anchor)
    found = sorted(Path(pattern.anchor).glob(str(inner)))
    if not found:
        raise InputError(f"no logs at {pattern}")
    return found


def _new_part(source: Source, read: _Stamps) -> tuple[Source | None, _Stamps]:
    """Return the part of a source that was not read yet, None for nothing, and the stamps of its files."""
    if not isinstance(source, MappedSource):
        stamp = blake2b(json.dumps(source.identity).encode(), digest_size=16).hexdigest()
        name = str(source.path)
        return (None, {}) if read.get(name) == stamp else (source, {name: stamp})
    stamps = {str(file): _stamp(file) for file in source.files}
    new = {name: stamp for name, stamp in stamps.items() if read.get(name) != stamp}
    inputs = [(log, tuple(file for file in files if str(file) in new)) for log, files in source.inputs]
    kept = tuple((log, files) for log, files in inputs if files)
    return (replace(source, inputs=kept), new) if kept else (None, {})


def _stamp(file: Path) -> str:
    """Return a text that changes when a file does."""
    status = file.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _settle(deployment: Deployment) -> dict[str, Any]:
    """Return what was read, after an addition that was killed is noted as done or as not done."""
    note = _read(deployment)
    if note["adding"] is not None:
        if _fingerprint(deployment.store) != note["adding"]["to"]:
            note["read"] |= note["adding"]["files"]
        note["adding"] = None
        _write(deployment, note)
    return note


def _fingerprint(store: Path) -> str:
    """Return the fingerprint of the store; empty before there is one."""
    return Store(store).fingerprint if store.is_dir() else ""


def _read(deployment: Deployment) -> dict[str, Any]:
    """Return the note about what was read."""
    return {"read": {}, "adding": None} | (find_json(deployment.out / _NOTE) or {})


def _write(deployment: Deployment, note: dict[str, Any]) -> None:
    """Write the note about what was read."""
    with atomic_file(deployment.out / _NOTE) as partial:
        partial.write_text(json.dumps(note), "utf-8")
