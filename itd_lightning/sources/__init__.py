"""Sources of events: what the store asks of any (`base`), and a CERT release (`cert`)."""

__all__ = ["base", "cert"]
