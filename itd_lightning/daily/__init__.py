"""The daily loop of a deployment: append new logs, score the new days, write alerts into cases, export."""

__all__ = ["deployment", "doctor", "morning", "unmask"]
