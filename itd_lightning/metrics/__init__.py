"""Measures of scores as pure functions: arrays in, numbers out."""
