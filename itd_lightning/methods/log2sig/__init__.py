"""Log2Sig: the method."""
