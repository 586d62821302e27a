"""Score tables: write, read, pool to coarser grains, fuse."""

__all__ = ["chunks", "fuse", "pool", "table"]
