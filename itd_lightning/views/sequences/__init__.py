"""View `sequences`: sessions or days as rows of behaviours."""

__all__ = ["batching", "features", "view"]
