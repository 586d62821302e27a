"""DMFI: the method, its branches, its fusion head and its texts."""

__all__ = ["method"]
