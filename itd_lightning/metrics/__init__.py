"""Measures of scores as pure functions: arrays in, numbers out."""

__all__ = ["bootstrap", "conformal", "operating", "ranking"]
