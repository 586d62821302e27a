"""Log2Sig: the method."""

__all__ = ["method"]
