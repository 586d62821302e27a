"""A synthetic release told again by the logs of other products: the same company, event by event.

What a format cannot carry is left out and named in its module: the text of mails and pages by all of them.
"""

__all__ = ["write"]
