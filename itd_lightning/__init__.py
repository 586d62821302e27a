"""Insider threat detection: from activity logs to ranked, explained and audited user-days."""


def __getattr__(name: str) -> str:
    """Return ``__version__``, looked up when asked for: ``python -m`` comes here before ``__main__``."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("itd-lightning")
