"""The logs of a synthetic company in other formats than CERT's."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from itd_lightning.contracts.files import atomic_folder
from itd_lightning.synth.formats.write import check_formats, write_formats
from itd_lightning.synth.release import write_release


def write_company(out: Path, formats: Sequence[str], release: str, **settings: Any) -> dict[str, int]:  # noqa: ANN401 - of ``write_release``
    """Write a synthetic release in other formats, with people, PCs, answers and mappings beside the logs.

    Args:
        out: Folder to create; may exist if empty.
        formats: Some of ``formats.write.FORMATS``.
        release: r4.1 or r4.2.
        **settings: Further arguments of ``write_release``.

    Returns:
        Rows written, by format.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``out`` exists and is not an empty folder.
    """
    check_formats(formats, release)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; choose another name or remove it")
    with atomic_folder(out) as folder:
        cert = folder / "release"
        write_release(cert, release, **settings)
        rows = write_formats(cert, folder, formats)
        shutil.rmtree(cert)
    return rows
