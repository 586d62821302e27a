"""A run as a noun: its folder, results, config, launch, queue and code hash."""
