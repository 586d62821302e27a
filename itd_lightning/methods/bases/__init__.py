"""Base classes and functions that several methods share."""

__all__ = ["day_classifier", "gathering", "narrative_texts", "sequence_method"]
