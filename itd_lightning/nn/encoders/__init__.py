"""Sequence encoders that replace one another."""
