"""Language models: loading, adapters, prompts and the scores of texts."""

__all__ = ["backbone", "models", "prompts", "scores"]
