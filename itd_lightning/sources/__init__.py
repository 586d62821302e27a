"""Sources of events: what the store asks of any (`base`), a CERT release (`cert`), own logs (`mapped`)."""

__all__ = ["base", "cert", "mapped"]
