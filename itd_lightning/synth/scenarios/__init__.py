"""The five scenarios of insiders, and who plays them."""
