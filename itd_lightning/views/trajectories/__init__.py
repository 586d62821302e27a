"""View `trajectories`: every user as one point a day."""

__all__ = ["view"]
