"""Score tables: write, read, pool to coarser grains, fuse."""
