"""The build of a store: plan it, read every piece, sort every shard, publish."""

__all__ = ["build", "estimate", "manifest", "plan", "shards"]
