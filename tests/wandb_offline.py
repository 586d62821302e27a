"""Read an offline run of wandb back, so that a test can say what was logged.

wandb 0.31 writes ``wandb/offline-run-*/run-ID.wandb`` and no longer ships a reader in Python. The file is a
header of 7 bytes and then a log in blocks of 32 KiB, as LevelDB writes it: each fragment is a checksum
(4 bytes), a length (2), a kind (1: whole, 2: first, 3: middle, 4: last) and its bytes. A record is one
protobuf message. Checksums are not verified.

The format is private to wandb: use this in tests only, and pin wandb where they run.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

HEADER, BLOCK, FRAGMENT = 7, 32_768, 7
WHOLE, LAST = 1, 4
Message = Any  # wandb picks its protobuf classes while it is imported, so their types are not visible


def records(path: Path) -> Iterator[Message]:
    """Yield the records of a run in the order they were written.

    Raises:
        ValueError: If the file is not a wandb log.
    """
    new_record = import_module("wandb.proto.wandb_internal_pb2").Record
    log = path.read_bytes()
    if log[:4] != b":W&B":
        raise ValueError(f"{path} must start with b':W&B', got {log[:4]!r}")
    at, message = HEADER, b""
    while at + FRAGMENT <= len(log):
        left = BLOCK - at % BLOCK
        _, length, kind = struct.unpack_from("<IHB", log, at)
        if left < FRAGMENT or kind == 0:  # the rest of the block is padding
            at += left
            continue
        message += log[at + FRAGMENT : at + FRAGMENT + length]
        at += FRAGMENT + length
        if kind in (WHOLE, LAST):
            record = new_record()
            record.ParseFromString(message)
            message = b""
            yield record


def history(path: Path) -> list[dict[str, Any]]:
    """Read what was logged, one dictionary per step; nested names are joined by ``/``."""
    return [named(record.history.item) for record in records(path) if record.HasField("history")]


def config(path: Path) -> dict[str, Any]:
    """Read the hyper-parameters of a run, without those that wandb adds."""
    found: dict[str, Any] = {}
    for record in records(path):
        if record.HasField("run"):
            found |= named(record.run.config.update)
        if record.HasField("config"):
            found |= named(record.config.update)
    return {key: value for key, value in found.items() if key != "_wandb"}


def named(items: Iterable[Message]) -> dict[str, Any]:
    """Turn repeated protobuf items into a dictionary."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
