"""View `windows`: W hours of a user as a grid of mask and values."""

__all__ = ["view"]
