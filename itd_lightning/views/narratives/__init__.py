"""View `narratives`: a user's day in words."""

__all__ = ["view"]
