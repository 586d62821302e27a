"""The ends of the records of a log with quotes; used to cut a log into pieces, blocks and rows.

Strict CSV comes first: a line break within quotes ends no record, whatever the line behind it looks like, so
that nobody can write the row of somebody else into a mail. Only where a quote is misplaced, or does not close
within ``REACH`` bytes, does the record end before the next line that looks like the beginning of one.
"""

import re

import numpy as np
from numpy.typing import NDArray

MAX_LINE = 1 << 20  # bytes; no row of any release comes near
REACH = 16 << 20  # bytes from the beginning of a record in which its quotes must close
RECORD = re.compile(rb'"?\{[0-9A-Z]{4}-[0-9A-Z]{8}-[0-9A-Z]{8}\}"?,')  # how a genuine row begins
LONGEST_START = 64  # bytes that RECORD may look at
QUOTE, LF, CR = ord('"'), ord("\n"), ord("\r")
BESIDE_QUOTE = np.isin(np.arange(256), list(b',\n"'))  # a doubled quote closes its field and opens it again

_Places = NDArray[np.intp]


def record_ends(text: bytes, *, last: bool) -> _Places:
    r"""Return the ends of the records in a text that begins where a record does.

    Args:
        text: Bytes of a log, LF or CRLF.
        last: Whether nothing follows. Otherwise, only ends are returned that no following byte can change.

    Example:
        >>> record_ends(b'1,"two\nlines"\n2,one\n', last=True).tolist()
        [14, 20]
    """
    signs = np.frombuffer(text, np.uint8)
    lines, quotes = np.flatnonzero(signs == LF), np.flatnonzero(signs == QUOTE)
    before = np.searchsorted(quotes, lines)
    wrong = _misfits(signs, quotes)
    ends: list[_Places] = []
    start = 0
    while start < len(text):
        line, quote = np.searchsorted(lines, start), np.searchsorted(quotes, start)
        misfit = _first_from(wrong[quote % 2], int(quote), len(quotes))
        until = np.searchsorted(before, misfit, side="right")
        sound = lines[line:until][(before[line:until] - quote) % 2 == 0] + 1
        closed = misfit == len(quotes) and (misfit - quote) % 2 == 0
        if last and closed and text[-1] != LF:
            sound = np.append(sound, len(text))
        sound = _within_reach(sound, start)
        if len(sound):
            ends.append(sound)
            start = int(sound[-1])
            continue
        is_settled = last or misfit < len(quotes) or len(text) - start >= REACH
        end = _broken_end(text, start, lines[line:], quotes[quote:], last=last) if is_settled else None
        if end is None:
            break
        ends.append(np.array([end]))
        start = end
    return np.concatenate(ends) if ends else np.empty(0, np.intp)


def fitting_end(text: bytes) -> int:
    """Return the end of the last whole record if all quotes fit; 0 if not, or if there is none.

    That is most of the time, and twice as fast as ``record_ends``.
    """
    signs = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(signs == QUOTE)
    if len(_wrong_pairs(signs, quotes, 0)):
        return 0
    line = text.rfind(b"\n")
    while line >= 0 and (before := int(np.searchsorted(quotes, line))) % 2:
        line = text.rfind(b"\n", 0, int(quotes[before - 1]))
    return line + 1


def _misfits(signs: NDArray[np.uint8], quotes: _Places) -> tuple[_Places, _Places]:
    """Return which quotes begin or end no field: if the first, third, ... open, and if the others do."""
    return _wrong_pairs(signs, quotes, 0), _wrong_pairs(signs, quotes, 1)


def _wrong_pairs(signs: NDArray[np.uint8], quotes: _Places, first: int) -> _Places:
    """Return the numbers of the quotes that begin or end no field, if this is the first that should open."""
    opening, closing = quotes[first::2], quotes[1 - first :: 2]
    opens = BESIDE_QUOTE.take(signs.take(opening - 1, mode="wrap"))
    if len(opening) and opening[0] == 0:
        opens[0] = True
    # Behind the text stands a line end, or what cannot be known yet and may be one.
    follows = signs.take(closing + 1, mode="clip")  # twice as fast as by index
    closes = BESIDE_QUOTE.take(follows)
    if opens.all() and closes.all():
        return np.empty(0, np.intp)
    if not closes.all():
        behind = signs.take(closing + 2, mode="clip")
        closes |= (closing + 1 >= len(signs)) | (
            (follows == CR) & ((behind == LF) | (closing + 2 >= len(signs)))
        )
    wrong = [np.flatnonzero(~opens) * 2 + first, np.flatnonzero(~closes) * 2 + 1 - first]
    return np.sort(np.concatenate(wrong))


def _first_from(numbers: _Places, least: int, otherwise: int) -> int:
    """Return the first of ascending numbers that is not below a bound."""
    at = np.searchsorted(numbers, least)
    return int(numbers[at]) if at < len(numbers) else otherwise


def _within_reach(ends: _Places, start: int) -> _Places:
    """Return the ends before the first record that is longer than ``REACH``."""
    if not len(ends) or ends[-1] - start <= REACH:
        return ends
    long = np.flatnonzero(np.diff(ends, prepend=start) > REACH)
    return ends[: long[0]] if len(long) else ends


def _broken_end(text: bytes, start: int, lines: _Places, quotes: _Places, *, last: bool) -> int | None:
    """Return the end of a record whose quotes do not fit; None if that depends on what follows the text.

    Open quotes join lines, but not across the beginning of a row, nor beyond ``MAX_LINE`` bytes.

    Args:
        text: The log.
        start: First byte of the record.
        lines: Line ends from there on.
        quotes: Quotes from there on.
        last: Whether nothing follows the text.
    """
    for line in lines:
        end = int(line) + 1
        if np.searchsorted(quotes, end) % 2 == 0 or end - start >= MAX_LINE:
            return end
        if not last and len(text) - end < LONGEST_START:
            return None
        if end == len(text) or RECORD.match(text, end):
            return end
    return len(text) if last else None


def line_ends(text: bytes, *, last: bool) -> _Places:
    """Return the ends of the lines in a text, which are the records where a quote is a character."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == LF) + 1
    return np.append(ends, len(text)) if last and text and text[-1] != LF else ends
