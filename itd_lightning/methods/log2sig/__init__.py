"""Log2Sig."""
