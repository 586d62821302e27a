"""Tables over many runs: a paper's table repeated, a search, all methods side by side."""

__all__ = ["reproduce", "sweep"]
