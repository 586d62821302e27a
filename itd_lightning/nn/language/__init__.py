"""Language models: loading, adapters, prompts and the scores of texts."""
