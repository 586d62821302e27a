"""Runs made by hand, for the tests of this folder."""

from tests.handmade_runs import benign, evaluation, make_behaviours, make_run

__all__ = ["benign", "evaluation", "make_behaviours", "make_run"]
