"""Detection methods, one file each: batches in, scores out."""

from itd_lightning.methods.base import Method
from itd_lightning.methods.chronos import Chronos
from itd_lightning.methods.mask_value_autoencoder import MaskValueAutoencoder
from itd_lightning.methods.rmsl import Rmsl

__all__ = ["Chronos", "MaskValueAutoencoder", "Method", "Rmsl"]
