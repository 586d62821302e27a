"""Detection methods, one file or folder each: batches in, scores out."""

from itd_lightning.methods.base import Method as Method
from itd_lightning.methods.cate import CATE as CATE
from itd_lightning.methods.chronos.method import Chronos as Chronos
from itd_lightning.methods.dmfi.method import DMFI as DMFI
from itd_lightning.methods.ecod import ECOD as ECOD
from itd_lightning.methods.isolation_forest import IsolationForest as IsolationForest
from itd_lightning.methods.itdbert import ITDBERT as ITDBERT
from itd_lightning.methods.itdlm import ITDLM as ITDLM
from itd_lightning.methods.lan import LAN as LAN
from itd_lightning.methods.linear_bag import LinearBag as LinearBag
from itd_lightning.methods.log2sig.method import Log2Sig as Log2Sig
from itd_lightning.methods.logistic_regression import LogisticRegression as LogisticRegression
from itd_lightning.methods.mask_value.method import MaskValueAutoencoder as MaskValueAutoencoder
from itd_lightning.methods.masked_behaviour import MaskedBehaviour as MaskedBehaviour
from itd_lightning.methods.narrative_length import NarrativeLength as NarrativeLength
from itd_lightning.methods.next_behaviour import NextBehaviour as NextBehaviour
from itd_lightning.methods.oc4seq import OC4Seq as OC4Seq
from itd_lightning.methods.own_history_z import OwnHistoryZ as OwnHistoryZ
from itd_lightning.methods.prompting import Prompting as Prompting
from itd_lightning.methods.rmsl.method import RMSL as RMSL
from itd_lightning.methods.support_vectors import SVM as SVM
from itd_lightning.methods.support_vectors import OneClassSVM as OneClassSVM
from itd_lightning.methods.tfidf_logistic import TfidfLogistic as TfidfLogistic
from itd_lightning.methods.transformer_days import TransformerDays as TransformerDays
from itd_lightning.methods.xgboost_trees import XgboostTrees as XgboostTrees
