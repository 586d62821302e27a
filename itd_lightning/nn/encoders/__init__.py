"""Sequence encoders with one interface; ``context`` builds them by name."""
