"""Language models: loading, adapters, prompts, scores."""
