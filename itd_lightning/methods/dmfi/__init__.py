"""DMFI: the method and the parts that only it uses."""
