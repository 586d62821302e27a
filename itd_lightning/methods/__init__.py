"""Detection methods, one file each: batches in, scores out."""

from itd_lightning.methods.base import Method
from itd_lightning.methods.itdbert import ITDBERT
from itd_lightning.methods.log2sig import Log2Sig
from itd_lightning.methods.mask_value_autoencoder import MaskValueAutoencoder
from itd_lightning.methods.masked_behaviour import MaskedBehaviour
from itd_lightning.methods.next_behaviour import NextBehaviour
from itd_lightning.methods.oc4seq import OC4Seq
from itd_lightning.methods.rmsl import Rmsl

__all__ = [
    "ITDBERT",
    "Log2Sig",
    "MaskValueAutoencoder",
    "MaskedBehaviour",
    "Method",
    "NextBehaviour",
    "OC4Seq",
    "Rmsl",
]
