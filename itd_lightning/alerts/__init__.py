"""Lists of the user-days that an analyst should look at first, with reasons."""

__all__ = ["behaviours", "lists"]
