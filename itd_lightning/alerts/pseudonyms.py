"""Pseudonyms of people, PCs and mail addresses: HMAC-SHA256 with a key that lies in a file of its own.

Whoever has no key cannot go back to a name, nor find out by trying names. With another key, everything has
another pseudonym. Pseudonymised data stay personal data.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from itd_lightning.alerts.records import AlertRecord
from itd_lightning.contracts.errors import InputError

_LEAST = 16  # bytes of a key
_LETTERS = 12  # of a pseudonym; two of 10,000 people share one with a chance of 1 in 5 million
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WORD = re.compile(r"[\w.-]+")


class Pseudonyms:
    """The pseudonyms that a key gives.

    Args:
        key: The secret.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def read(cls, file: Path) -> "Pseudonyms":
        """Read the key from its file.

        Raises:
            InputError: If there is none, it is too short, or others can read it.
        """
        make = f"make one with `(umask 077; head -c 32 /dev/urandom | base64 > {file})`"
        if not file.is_file():
            raise InputError(f"no key of pseudonyms at {file}; {make}")
        if file.stat().st_mode & 0o077:
            raise InputError(f"others can read {file}: type `chmod 600 {file}`")
        key = file.read_bytes().strip()
        if len(key) < _LEAST:
            raise InputError(f"the key in {file} has fewer than {_LEAST} bytes; {make}")
        return cls(key)

    def user(self, name: str) -> str:
        """Return the pseudonym of a user."""
        return self._of("user", name)

    def pc(self, name: str) -> str:
        """Return the pseudonym of a PC."""
        return self._of("pc", name)

    def text(self, text: str, users: Collection[str], pcs: Collection[str]) -> str:
        """Return a text in which mail addresses, and words that are users or PCs, have their pseudonyms.

        Args:
            text: The text.
            users: Names of users, in small letters.
            pcs: Names of PCs, in small letters.
        """

        def replace(match: re.Match[str]) -> str:
            word = match[0].lower()
            return (
                self._of("user", match[0])
                if word in users
                else self._of("pc", match[0])
                if word in pcs
                else match[0]
            )

        without = _ADDRESS.sub(lambda match: self._of("mail", match[0].lower()), text)
        return _WORD.sub(replace, without)

    def alert(self, alert: AlertRecord, users: Collection[str], pcs: Collection[str]) -> AlertRecord:
        """Return an alert without names; the other arguments are those of ``text``."""
        mine = {*users, alert.user.lower()}
        return alert._replace(
            user=self.user(alert.user),
            reasons=[self.text(reason, mine, pcs) for reason in alert.reasons],
            evidence=[one | {"feature": self.text(one["feature"], mine, pcs)} for one in alert.evidence],
        )

    def find(self, pseudonym: str, names: Iterable[str]) -> str | None:
        """Return the user among some whose pseudonym this is."""
        return next((name for name in names if self.user(name) == pseudonym), None)

    def _of(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name; the same name of another kind has another one."""
        code = hmac.new(self._key, f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{code[:_LETTERS]}"
