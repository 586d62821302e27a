"""View `signals`: daily counts and their rhythms."""

__all__ = ["view"]
