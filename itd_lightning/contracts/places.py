"""Check that every file lies on this machine: a URL is refused, nothing is fetched."""

import re
from collections.abc import Mapping, Sequence

from itd_lightning.contracts.errors import InputError

# http://, s3://, github://, file://, and fsspec's simplecache::...; `registry:` is one of Lightning's own.
_URL = re.compile(r"\s*(?:[A-Za-z][\w.+-]*(?:://|::)|registry:)")
_DATABASE = re.compile(r"\s*postgres(ql)?(\+psycopg)?://")  # of cases; nothing is fetched from it
_LOGGER = "logger"  # may be given the address of its server
_SERVERS = f"--trainer.{_LOGGER}"


def _is_url(text: object) -> bool:
    """Return whether a text is a URL rather than a path.

    Example:
        >>> [_is_url(text) for text in ("http://a/b.yaml", "simplecache::s3://a", "work/run", "C:/x")]
        [True, True, False, False]
    """
    return isinstance(text, str) and _URL.match(text) is not None


def refuse_urls(words: Sequence[str]) -> None:
    """Refuse a command line that names a URL, other than a logger's server or the database of cases.

    Raises:
        InputError: If one does.
    """
    previous = ""
    for word in words:
        option, _, value = word.partition("=") if word.startswith("-") else (previous, "", word)
        if _is_url(value) and not option.startswith(_SERVERS) and not _DATABASE.match(value):
            raise _url_error(value)
        previous = word if word.startswith("-") else ""


def refuse_urls_within(value: object) -> None:
    """Refuse a config, or a part of one, that holds a URL, other than a logger's server.

    Raises:
        InputError: If it does.
    """
    if _is_url(value):
        raise _url_error(str(value))
    if isinstance(value, Mapping):
        value = [part for name, part in value.items() if name != _LOGGER]
    for part in value if isinstance(value, list | tuple) else []:
        refuse_urls_within(part)


def _url_error(url: str) -> InputError:
    """Return the error that names a URL."""
    return InputError(f"{url} is a URL, and nothing is fetched: download it, and give the local path")
