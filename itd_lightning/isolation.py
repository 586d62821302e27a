"""Keep Python from importing modules of the current folder; imports nothing that could lie there."""

import os
import sys


def leave_current_folder() -> None:
    """Take the current folder off the import path, here and in every process that is started later.

    ``python -m`` and the worker processes of multiprocessing put it first, so that a ``polars.py`` there ran.
    Folders in PYTHONPATH stay. A checkout that is run from within without having been installed comes last.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        here = os.getcwd()  # noqa: PTH109  # pathlib could lie in the current folder
    except FileNotFoundError:  # it was removed, so nothing lies in it
        here = ""
    if sys.flags.safe_path or sys.path[0] not in ("", here):
        return
    del sys.path[0]
    checkout = __file__.removesuffix(f"{os.sep}itd_lightning{os.sep}isolation.py")
    if checkout == here and here not in sys.path:
        sys.path.append(here)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), here]))
