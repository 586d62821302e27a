"""Sequence encoders with one interface; ``context`` builds them by name."""

__all__ = ["base", "bidirectional", "context", "factored"]
