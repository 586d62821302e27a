"""How a store is built: plan, read every piece, sort every shard, publish."""
