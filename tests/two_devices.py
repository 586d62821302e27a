"""Fits as ``itd`` does and writes each rank's weights; a script, since Lightning starts it again per rank.

Usage: ``python -m tests.two_devices FOLDER fit --config ...``.
"""

import sys
from pathlib import Path

import torch

from itd_lightning.runs.launch import train

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    fitted = train(sys.argv[2:])
    torch.save(fitted.model.state_dict(), folder / f"{fitted.trainer.global_rank}.pt")
