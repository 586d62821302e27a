"""The mask/value autoencoder."""
