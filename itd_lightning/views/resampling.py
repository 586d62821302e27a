"""Resampling of training rows: synthetic malicious rows, or a draw of harmless ones."""

import importlib.util

import numpy as np
from jaxtyping import Float, Int

from itd_lightning.contracts.errors import InputError

_RATIO = 0.5  # malicious rows for each harmless one, after making up
_NEIGHBOURS = 5


def draw_balanced(
    label: Float[np.ndarray, " m"], share: float | None, most: int | None, seed: int
) -> Int[np.ndarray, " r"]:
    """Draw the days to keep, without replacement; return them in their order.

    Args:
        label: 1 malicious, 0 harmless, NaN for not shown.
        share: Of harmless days among those kept; harmless days only are left out for it, so that where they
            are few already, their share stays smaller. None leaves it as it is.
        most: Days at most, of each kind in proportion; None for all.
        seed: Of the draw.

    Raises:
        InputError: If there is a share and not both kinds are shown.

    Example:
        >>> draw_balanced(np.array([0.0] * 90 + [1.0] * 10), 0.8, 20, seed=0).tolist()[-4:]
        [90, 92, 94, 95]
    """
    draw = np.random.default_rng(seed)
    malicious, harmless, unlabeled = (
        draw.permutation(np.flatnonzero(kind)) for kind in (label == 1, label == 0, np.isnan(label))
    )
    if share is not None:
        if not len(malicious) or not len(harmless):
            raise InputError(
                "benign_share needs malicious and harmless training days: let the split show labels "
                "(--data.split.shown '[train, val]'), take a longer training part, or leave it out "
                "(--data.benign_share null)"
            )
        harmless = harmless[: max(round(len(malicious) * share / (1 - share)), 1)]
        unlabeled = unlabeled[:0]
    days = np.concatenate([malicious, unlabeled, harmless])
    if most is not None and most < len(days):
        # Evenly, so of each kind in proportion, and both ends, so that neither labelled kind vanishes.
        days = days[np.arange(most) * (len(days) - 1) // max(most - 1, 1)]
    return np.sort(days)


def smote_tomek(
    features: Float[np.ndarray, "m z"], label: Float[np.ndarray, " m"], seed: int
) -> tuple[Float[np.ndarray, "r z"], Float[np.ndarray, " r"], Int[np.ndarray, " r"]]:
    """Apply SMOTE up to half as many malicious rows as harmless ones, then without Tomek links.

    Args:
        features: What distances are measured in.
        label: 1 malicious, 0 harmless.
        seed: Of what is made up.

    Returns:
        Features, labels, and for each row the real one that it is, or that a made-up one is nearest to.

    Raises:
        InputError: If imbalanced-learn is missing, or there is one malicious row only.

    Source:
        Chawla et al., JAIR 16, 2002; Batista et al., SIGKDD Explorations 6(1), 2004.
        Departure: with five malicious rows or fewer, all others of them are neighbours.
    """
    if importlib.util.find_spec("imblearn") is None:
        raise InputError("smote_tomek needs `pip install itd-lightning[baselines]`")
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import TomekLinks
    from sklearn.neighbors import NearestNeighbors

    malicious = np.flatnonzero(label == 1)
    if len(malicious) < 2:
        raise InputError("smote_tomek needs two malicious training days at least")
    source = np.arange(len(label))
    if len(malicious) < _RATIO * (label == 0).sum():
        near = min(_NEIGHBOURS, len(malicious) - 1)
        synthetic, kinds = SMOTE(sampling_strategy=_RATIO, random_state=seed, k_neighbors=near).fit_resample(
            features, label
        )
        nearest = NearestNeighbors(n_neighbors=1).fit(features[malicious])
        models = nearest.kneighbors(synthetic[len(label) :], return_distance=False)[:, 0]
        features, label, source = synthetic, kinds, np.concatenate([source, malicious[models]])
    links = TomekLinks(sampling_strategy="all")
    links.fit_resample(features, label)
    rows = links.sample_indices_
    return features[rows], label[rows], source[rows]
