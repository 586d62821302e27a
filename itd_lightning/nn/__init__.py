"""Parts of networks that two or more methods share: encoders, and what they are made of."""

__all__ = ["encoders", "language", "mamba"]
