"""The mask/value autoencoder: the method."""
