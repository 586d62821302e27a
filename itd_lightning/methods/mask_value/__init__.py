"""The mask/value autoencoder: the method."""

__all__ = ["method"]
