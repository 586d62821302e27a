"""ChronosVector: the method and its signals."""
