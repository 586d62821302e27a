"""Numbers -> one page that works offline. Never trains, never reads logs."""
