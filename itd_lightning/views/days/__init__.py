"""View `days`: a user's day as numbers."""

__all__ = ["view"]
