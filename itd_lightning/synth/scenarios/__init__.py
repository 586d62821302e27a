"""The five scenarios of insiders, and the choice of their actors."""
