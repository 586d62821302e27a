"""Runs: the folder of a run, its config, its launch, the queue of runs, and the hash of their code."""

__all__ = [
    "arguments",
    "audit",
    "checkpoint_config",
    "code_hash",
    "config",
    "folder",
    "queue",
    "record",
    "training_store",
]
