"""Errors that a user can cause and repair, and their text in one line."""

import errno
import re

# What a parser says about the types that it tried, and not about what the user gave.
_NOISE = re.compile(
    r"Expected a <class 'NoneType'>|Expected a path but|Does not validate against"
    r"|Problem with given class_path '[^']*':$"
)


class InputError(ValueError):
    """The user's input does not fit; the message is one line and names the fix."""


class FailedCommandError(Exception):
    """A command failed in a way that its exit status tells; the message is one line."""

    status = 1


class FailedAuditsError(FailedCommandError):
    """Audits failed where all had to pass: a result, not a mistake."""


class FailedRunError(FailedCommandError):
    """A run of the daily loop did not reach everything: nothing is lost, and the next run tries again."""


class LockedError(FailedCommandError):
    """Another program holds the lock; nothing was done."""

    status = 3


class LostWorkerError(InputError):
    """A worker process ended before its work; finished parts stay."""


class FullDiskError(OSError):
    """A disk, a quota or a limit on file sizes is full; finished files stay."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Polars and PyTorch write in other languages, of whose errors only the words arrive.
_FULL_WORDS = re.compile(
    rf"os error ({'|'.join(map(str, _FULL))})\b|No space left on device|PytorchStreamWriter failed writing"
)


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an exception, or one that it arose from, says that the disk is full."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or _FULL_WORDS.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def one_line(message: str) -> str:
    """Return one line with the reasons in a parser's message, without the types that it tried.

    Example:
        >>> one_line("no store at x; build it")
        'no store at x; build it'
    """
    keys = dict.fromkeys(re.findall(r'Parser key "([^"]+)"', message))
    bullets = [
        re.split(r"\n\s*Given value|\. Got value", text)[0] for text in re.split(r"\n\s*- ", message)[1:]
    ]
    lines = [line.strip() for text in bullets for line in text.splitlines() if line.strip()]
    reasons = [re.sub(r'^Parser key "[^"]+":\s*|^Subtypes:.*|^Errors:', "", line) for line in lines]
    unique = dict.fromkeys(reason for reason in reasons if reason and not _NOISE.match(reason))
    text = (
        " ".join(message.split())
        if not unique
        else ": ".join(filter(None, [".".join(keys), "; ".join(unique)]))
    )
    return re.sub(
        r"Add the import path to import_path_allowlist[^.;]*", "Allow it with --allow-import MODULE", text
    )
