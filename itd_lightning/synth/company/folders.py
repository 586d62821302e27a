"""Folders and files by name, on PCs and drives, for the releases that record them."""

from typing import NamedTuple

import numpy as np
import polars as pl

from itd_lightning.sources.cert.releases import Release
from itd_lightning.synth.company import words
from itd_lightning.synth.company.people import Ints, People
from itd_lightning.synth.company.texts import file_stems

FILES = 4096  # different file names
_LISTS = 1024  # different lists of as many attachments
DRIVES = 256  # different contents of a drive
MOST_ATTACHED = 9
_DECOYS = 0.25  # a PC

EXTENSIONS = ("doc", "pdf", "txt", "jpg", "zip", "exe")
EXTENSION_SHARE = (0.60, 0.22, 0.06, 0.06, 0.05, 0.01)
EXECUTABLE = EXTENSIONS.index("exe")


class Folders(NamedTuple):
    r"""Names of files and folders; rows hold indices of them.

    Attributes:
        path: Each file on a PC, ``C:\...``; then each on a drive, ``R:\...``; then the decoy files.
        kind: Index into EXTENSIONS of each of these.
        tree: Folders of a drive, joined by ``;``.
        attachment_lists: (MOST_ATTACHED + 1, LISTS) lists of attachments, flat; row k holds lists of k.
        decoy_at: Index of the decoy file on each PC, -1 where there is none.
    """

    path: pl.Series
    kind: Ints
    tree: pl.Series
    attachment_lists: pl.Series
    decoy_at: Ints

    def attachments(self, count: Ints, rng: np.random.Generator) -> pl.Series:
        """Return a list ``name(size);name(size)`` for each number of attachments."""
        return self.attachment_lists.gather(count * _LISTS + rng.integers(0, _LISTS, len(count)))


def make_folders(people: People, release: Release, rng: np.random.Generator) -> Folders:
    """Invent the names; files of one topic have neighbouring numbers."""
    kind = rng.choice(len(EXTENSIONS), FILES, p=EXTENSION_SHARE)
    stems = zip(*(column.to_list() for column in file_stems(FILES, rng)), strict=True)
    names = [f"{''.join(stem)}.{EXTENSIONS[k]}" for stem, k in zip(stems, kind, strict=True)]
    topics = [topic.name for topic in words.TOPICS]
    places = [
        f"{topics[t]}\\{name}" for t, name in zip(rng.integers(0, len(topics), FILES), names, strict=True)
    ]

    trees = [
        ";".join(["R:\\", *(f"R:\\{topic}" for topic in sorted(rng.choice(topics, count, replace=False)))])
        for count in rng.integers(1, 7, DRIVES)
    ]
    attachment_lists = [""] * _LISTS
    for count in range(1, MOST_ATTACHED + 1):
        picks = rng.integers(0, FILES, (_LISTS, count)).tolist()
        sizes = np.rint(60_000 * np.exp(0.9 * rng.standard_normal((_LISTS, count)))).astype(np.int64).tolist()
        attachment_lists += [
            ";".join(f"{names[file]}({size})" for file, size in zip(*row, strict=True))
            for row in zip(picks, sizes, strict=True)
        ]
    pcs = len(people.places.pcs)
    decoy_at = np.full(pcs, -1)
    decoys = rng.choice(FILES, round(_DECOYS * pcs) if release.decoys else 0, replace=_DECOYS * pcs > FILES)
    decoy_at[rng.permutation(pcs)[: len(decoys)]] = 2 * FILES + np.arange(len(decoys))
    return Folders(
        path=pl.Series(
            [f"{drive}:\\{place}" for drive in "CR" for place in places]
            + [f"C:\\{places[file]}" for file in decoys]
        ),
        kind=np.concatenate([kind, kind, kind[decoys]]),
        tree=pl.Series(trees),
        attachment_lists=pl.Series(attachment_lists),
        decoy_at=decoy_at,
    )
