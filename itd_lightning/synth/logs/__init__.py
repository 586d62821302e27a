"""The logs of ordinary days."""
