"""ChronosVector: the method and its signals."""

__all__ = ["method"]
