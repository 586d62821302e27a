"""The one error that a user can cause and repair."""

import re

# What a parser says about the types that it tried, and not about what the user gave.
NOISE = re.compile(
    r"Expected a <class 'NoneType'>|Expected a path but|Does not validate against"
    r"|Problem with given class_path '[^']*':$"
)


class InputError(ValueError):
    """Something the user gave does not fit; the message is one line and names the fix."""


class FailedAuditsError(Exception):
    """Audits failed where all had to pass: an answer, not a mistake."""


class LostWorkerError(InputError):
    """A worker process ended before its work; what is done so far stays."""


def plain(message: str) -> str:
    """One line with the reasons in a parser's message, without the types that it tried.

    Example:
        >>> plain("no store at x; build it")
        'no store at x; build it'
    """
    keys = dict.fromkeys(re.findall(r'Parser key "([^"]+)"', message))
    bullets = [
        re.split(r"\n\s*Given value|\. Got value", text)[0] for text in re.split(r"\n\s*- ", message)[1:]
    ]
    lines = [line.strip() for text in bullets for line in text.splitlines() if line.strip()]
    reasons = [re.sub(r'^Parser key "[^"]+":\s*|^Subtypes:.*|^Errors:', "", line) for line in lines]
    said = dict.fromkeys(reason for reason in reasons if reason and not NOISE.match(reason))
    text = (
        " ".join(message.split()) if not said else ": ".join(filter(None, [".".join(keys), "; ".join(said)]))
    )
    return re.sub(
        r"Add the import path to import_path_allowlist[^.;]*", "Allow it with --allow-import MODULE", text
    )
