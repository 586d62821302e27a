"""Scores and answer key -> numbers with intervals, and audits of what else could explain them."""
