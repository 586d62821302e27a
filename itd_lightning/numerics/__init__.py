"""Mathematics without learned parameters, as pure functions over batches."""
