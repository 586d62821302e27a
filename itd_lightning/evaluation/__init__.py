"""Evaluation: score tables and the answer key give numbers with intervals."""

__all__ = [
    "alarm_days",
    "baselines",
    "comparison",
    "comparison_days",
    "evaluate",
    "measures",
    "score_table",
    "survey",
    "thresholds",
]
