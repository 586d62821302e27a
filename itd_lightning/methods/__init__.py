"""Detection methods, one file or folder each: batches in, scores out."""

from itd_lightning.methods.base import Method
from itd_lightning.methods.cate import CATE
from itd_lightning.methods.chronos.method import Chronos
from itd_lightning.methods.dmfi.method import DMFI
from itd_lightning.methods.ecod import ECOD
from itd_lightning.methods.isolation_forest import IsolationForest
from itd_lightning.methods.itdbert import ITDBERT
from itd_lightning.methods.itdlm import ITDLM
from itd_lightning.methods.lan import LAN
from itd_lightning.methods.log2sig.method import Log2Sig
from itd_lightning.methods.logistic_regression import LogisticRegression
from itd_lightning.methods.mask_value.method import MaskValueAutoencoder
from itd_lightning.methods.masked_behaviour import MaskedBehaviour
from itd_lightning.methods.narrative_length import NarrativeLength
from itd_lightning.methods.next_behaviour import NextBehaviour
from itd_lightning.methods.oc4seq import OC4Seq
from itd_lightning.methods.own_history_z import OwnHistoryZ
from itd_lightning.methods.prompting import Prompting
from itd_lightning.methods.rmsl.method import RMSL
from itd_lightning.methods.support_vectors import SVM, OneClassSVM
from itd_lightning.methods.tfidf_logistic import TfidfLogistic
from itd_lightning.methods.transformer_days import TransformerDays
from itd_lightning.methods.xgboost_trees import XgboostTrees

__all__ = [
    "CATE",
    "DMFI",
    "ECOD",
    "ITDBERT",
    "ITDLM",
    "LAN",
    "RMSL",
    "SVM",
    "Chronos",
    "IsolationForest",
    "Log2Sig",
    "LogisticRegression",
    "MaskValueAutoencoder",
    "MaskedBehaviour",
    "Method",
    "NarrativeLength",
    "NextBehaviour",
    "OC4Seq",
    "OneClassSVM",
    "OwnHistoryZ",
    "Prompting",
    "TfidfLogistic",
    "TransformerDays",
    "XgboostTrees",
]
