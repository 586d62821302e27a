"""Score tables: write, read, mark units in warm-up, pool to coarser grains, fuse."""

__all__ = ["chunks", "fuse", "pool", "table", "warm_up"]
