"""How strong an alert is, from its p-value; for risks and exports."""

import math

_DIGITS = 4  # of a p-value: 0.0001 or less is the strongest alert


def severity(p_value: float | None) -> float:
    """Return how strong an alert is, 0 to 1, by the digits of its p-value; 0.5 without one.

    Example:
        >>> severity(0.01), severity(0.00001), severity(None)
        (0.5, 1.0, 0.5)
    """
    return 0.5 if p_value is None else min(-math.log10(max(p_value, 1e-300)) / _DIGITS, 1.0)
