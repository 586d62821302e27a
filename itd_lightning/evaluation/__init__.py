"""Evaluation: score tables and the answer key give numbers with intervals."""
