"""Command line: ``itd COMMAND ...``; ``lightning`` is the same program under a second name."""

import sys
from collections.abc import Sequence

from itd_lightning.contracts.errors import InputError, plain

TRAINING = ("fit", "validate", "test", "predict")


def main(args: Sequence[str] | None = None) -> None:
    """Run one command; what the user can repair ends in one line and exit status 2."""
    given = list(sys.argv[1:] if args is None else args)
    try:
        if given and given[0] in TRAINING:
            from itd_lightning.commands import train

            train(given)
        else:
            from itd_lightning.commands import run

            run(given)
    except InputError as error:
        sys.stderr.write(f"itd: {plain(str(error))}\n")
        sys.exit(2)
