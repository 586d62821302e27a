"""Publishing a store: it is built beside its final name by one program alone, and moved there in one step."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itd_lightning.contracts.errors import InputError, LostWorkerError
from itd_lightning.contracts.files import (
    aside,
    atomic_file,
    exchange,
    find_json,
    lock_folder,
    name_full_disk,
    private_folder,
)
from itd_lightning.contracts.store_files import EVENT_FOLDER, MANIFEST_FILE
from itd_lightning.store.build.plan import Plan
from itd_lightning.store.read import Store

_PLAN = "plan.json"  # in the folder: which build it is of


@contextmanager
def lock_build(folder: Path) -> Iterator[Path]:
    """Lock the folder of a build, so that only this program writes to it.

    The folder is removed after an ``InputError``; after any other failure it waits for the next build.

    Raises:
        InputError: If another program is writing to it, or it is a link.
    """
    if folder.is_symlink():
        raise InputError(f"{folder} is a link, where this store would be built; remove it")
    with name_full_disk(folder.parent):
        private_folder(folder)
    try:
        with lock_folder(folder, wait=False), _remove_refused(folder), name_full_disk(folder):
            yield folder
    except BlockingIOError as error:
        raise InputError(f"another program is building this store in {folder}; wait for it") from error


@contextmanager
def _remove_refused(folder: Path) -> Iterator[None]:
    """Remove the folder of a build whose input is refused; after any other failure, say that it waits."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, InputError) and not isinstance(error, LostWorkerError):
            remove(folder)
        else:
            error.add_note(f"the same command goes on with what is done, which lies in {folder}")
        raise


def resume_build(plan: Plan, folder: Path) -> None:
    """Keep what a build of the same plan left in the folder, and nothing else.

    Raises:
        InputError: If the store came into being, or was changed, since the plan was made.
    """
    if plan.base is None and plan.store.exists():
        raise InputError(f"{plan.store} exists already; another program built it meanwhile")
    if plan.base is not None and Store(plan.store).fingerprint != plan.base.fingerprint:
        raise InputError(f"{plan.store} was changed by another program meanwhile; try again")
    file = folder / _PLAN
    if not file.is_file() or file.read_bytes() != plan.identity.encode():
        for path in folder.iterdir():
            remove(path)
        with atomic_file(file) as partial:
            partial.write_text(plan.identity, "utf-8")


def publish(folder: Path, store: Path) -> None:
    """Give a complete folder the store's name; the store that had it is removed."""
    for path in [*folder.glob(".*.partial"), *folder.glob(f"{EVENT_FOLDER}/.*.partial")]:  # of killed workers
        remove(path)
    if not store.exists():
        remove(folder / _PLAN)
        folder.replace(store)
        return
    remove(aside(store))
    # Whoever finds the old store in the folder later knows by the plan in it that the new one is complete.
    with atomic_file(store / _PLAN) as file:
        shutil.copyfile(folder / _PLAN, file)
    remove(folder / _PLAN)
    exchange(folder, store)
    discard(folder)


def is_already_added(plan: Plan) -> bool:
    """Return whether a build of this plan was killed after publishing, before the old store was removed."""
    if plan.base is None:
        return False
    for old in (plan.partial, aside(plan.store)):
        manifest = find_json(old / MANIFEST_FILE)
        if (
            manifest is not None
            and (old / _PLAN).is_file()
            and (old / _PLAN).read_bytes() == plan.identity_upon(manifest.get("fingerprint")).encode()
        ):
            return True
    return False


def discard(folder: Path) -> None:
    """Remove an old store, last what tells that it is one."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in (_PLAN, MANIFEST_FILE):
                remove(path)
    remove(folder)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
