"""Writing a file so that nobody ever sees half of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; move it into place at the end, or remove it after a failure.

    The name is new each time, so that two programs that write the same target do not meet.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)  # as other files; mkstemp makes private ones
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
