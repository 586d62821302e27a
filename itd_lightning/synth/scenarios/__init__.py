"""The five scenarios of insiders, and the choice of their actors."""

__all__ = ["campaigns", "five", "four", "insiders", "one", "three", "two"]
