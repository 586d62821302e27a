"""Score tables: write, read, and pool to the grain that is asked for."""
