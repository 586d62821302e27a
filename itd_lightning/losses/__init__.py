"""Losses that two or more methods share, as pure functions over batches."""
