"""Lists of the user-days that an analyst should look at first, with reasons; cases of them."""

__all__ = ["behaviours", "cases", "exports", "lists", "pseudonyms", "records"]
