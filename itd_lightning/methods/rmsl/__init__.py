"""RMSL: the method, its network, its bags and its pseudo labels."""

__all__ = ["method"]
