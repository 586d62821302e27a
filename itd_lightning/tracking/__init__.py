"""Results of a run as panels of its W&B dashboard."""

__all__ = ["dashboard"]
