"""Write a synthetic release: draw the people, plan the campaigns, then go through the days by blocks."""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from itd_lightning.executors import open_executor
from itd_lightning.sources.cert.releases import SYNTHETIC, find_release
from itd_lightning.synth.answers import write_answers
from itd_lightning.synth.blocks import part_file, split_days, write_block
from itd_lightning.synth.company.directory import write_decoys, write_directory, write_psychometric
from itd_lightning.synth.logs.rows import header, write_rows
from itd_lightning.synth.story import Story, draw_story
from itd_lightning.synth.world import PROJECTS, Settings

_MOST_USERS = 9_000  # ids have four digits


def write_release(
    out: Path,
    release: str = "r4.2",
    users: int = 100,
    days: int = 120,
    seed: int = 0,
    start: date = date(2010, 1, 2),
    insiders: float = 0.07,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write a synthetic release in the genuine layout; equal arguments give equal bytes for any ``workers``.

    The release appears under its name only when complete.

    Args:
        out: Folder to create; may exist if empty.
        release: Layout to write, one of ``releases.RELEASES``.
        users: People in the company, 8 .. 9,000.
        days: Length in days, at least 28. Scenario 2 keeps its full length of two months from 107 days on,
            scenario 4 its five months at most from 291 days on.
        seed: Seed of all random choices, at least 0.
        start: First day.
        insiders: Share of users who act a scenario, at least one for each scenario of the release; r4 has
            three, r5 four, r6 five. They are split 3 : 3 : 1 : 3 : 1 among scenarios 1 .. 5. 0 plants none.
        workers: Processes that draw and write blocks of days.
        on_progress: Called with blocks done and blocks in all.

    Returns:
        Rows written, by log.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``out`` exists and is not an empty folder.
    """
    settings = Settings(release, users, days, seed, start, insiders)
    _check_settings(settings)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder; choose another name or remove it")
    story = draw_story(settings)
    partial_folder = out.parent / f".{out.name}.partial"
    if partial_folder.exists():
        shutil.rmtree(partial_folder)
    partial_folder.mkdir(parents=True)
    try:
        _write_tables(partial_folder, story, settings)
        rows = _write_logs(partial_folder, settings, workers, on_progress)
    except BaseException:  # an interrupt, too, must leave no half release behind
        shutil.rmtree(partial_folder)
        raise
    if out.exists():
        out.rmdir()
    partial_folder.replace(out)
    return rows


def _check_settings(settings: Settings) -> None:
    """Refuse arguments out of range, one sentence each."""
    find_release(settings.release)
    if not 8 <= settings.users <= _MOST_USERS:
        raise ValueError(f"users must be 8 .. {_MOST_USERS}, got {settings.users}")
    if settings.days < 28:
        raise ValueError(f"days must be at least 28, got {settings.days}")
    if settings.seed < 0:
        raise ValueError(f"seed must be at least 0, got {settings.seed}")
    if not 0 <= settings.insiders <= 0.5:
        raise ValueError(f"insiders must be a share of the users, 0 .. 0.5, got {settings.insiders}")


def _write_tables(folder: Path, story: Story, settings: Settings) -> None:
    """Write everything beside the logs."""
    world = story.world
    (folder / SYNTHETIC).write_text(
        f"Synthetic, by itd synth: {settings.users} users, {settings.days} days, seed {settings.seed}.\n"
    )
    write_directory(folder, world, np.random.default_rng([settings.seed, PROJECTS]))
    write_psychometric(folder, world.people)
    write_answers(folder, world.release, story.campaigns, world.people, story.date_text)
    if world.release.decoys:
        write_decoys(folder, world)


def _write_logs(
    folder: Path,
    settings: Settings,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, int]:
    """Write the blocks in any order and append them in theirs; return the rows of each log.

    What reaches beyond the last midnight is no part of the release.
    """
    story = draw_story(settings)
    logs = story.world.release.logs
    blocks = split_days(settings.users, settings.days)
    rows = dict.fromkeys((log.name for log in logs), 0)
    with ExitStack() as stack:
        executor = stack.enter_context(open_executor(workers))
        files = [stack.enter_context((folder / f"{log.name}.csv").open("wb", buffering=0)) for log in logs]
        for file, log in zip(files, logs, strict=True):
            file.write(header(log))
        overflow: list[pl.DataFrame] = []
        results = executor.map(partial(write_block, settings, folder), blocks)
        for number, (block, part) in enumerate(zip(blocks, results, strict=True), 1):
            for k, (file, log) in enumerate(zip(files, logs, strict=True)):
                head = pl.concat([*overflow[k : k + 1], part.head[k]]).sort("t", maintain_order=True)
                write_rows(file, log, head, story.date_text)
                _append_part(part_file(folder, block, log.name), file)
                rows[log.name] += head.height + part.rows[k]
            overflow = list(part.overflow)
            if on_progress is not None:
                on_progress(number, len(blocks))
    return rows


def _append_part(part: Path, file: BinaryIO) -> None:
    """Append the content of a part file to a file."""
    with part.open("rb") as source:
        if sys.platform == "linux":  # within the kernel, six times faster
            with suppress(OSError):  # where a file system cannot
                while os.copy_file_range(source.fileno(), file.fileno(), 1 << 30):
                    pass
        shutil.copyfileobj(source, file, 1 << 20)  # what is left
    part.unlink()
