"""The command line: `itd COMMAND ...`; `lightning` is the same program under a second name."""

from itd_lightning.cli.parser import main

__all__ = ["main"]
