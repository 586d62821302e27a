"""Events of Windows in XML, as the event viewer, wevtutil and evtx_dump export them -> lines of JSON.

A line has the objects ``System`` and ``EventData``. Of an element of ``System`` the text counts, of one
without text its first attribute, such as ``TimeCreated``'s ``SystemTime``. Whatever stands between events is
no event.
"""

import codecs
import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree

LONGEST = 1 << 20  # characters of an event
_EVENT = re.compile(r"<Event[\s>].*?</Event\s*>", re.DOTALL)
_BEGIN = re.compile(r"<Event[\s>]")
_LEADS = re.compile(r"<E?v?e?n?t?$")  # the beginning of a mark, cut off by the end of a block


def event_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield events as lines; what is no well-formed event becomes a line that nobody can read."""
    # Bytes that are no UTF-8 come out as they went in, and their event is refused.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text = ""
    for block in blocks:
        text += decoder.decode(block)
        lines, text = _take_events(text)
        yield _encode(lines)
    yield _encode([text.replace("\n", " ")] if _BEGIN.search(text) else [])


def _take_events(text: str) -> tuple[list[str], str]:
    """Return the whole events of a text as lines, and the rest, which may be the beginning of another."""
    lines, end = [], 0
    for match in _EVENT.finditer(text):
        # A second beginning within an event is one that was cut off before the next.
        parts = re.split(r"(?=<Event[\s>])", match[0])
        lines += [part.replace("\n", " ") for part in parts[1:-1]]
        lines.append(_to_json(parts[-1]))
        end = match.end()
    rest = text[end:]
    begin = _BEGIN.search(rest) or _LEADS.search(rest)
    rest = rest[begin.start() :] if begin else ""
    if len(rest) > LONGEST:
        return [*lines, rest[:LONGEST].replace("\n", " ")], ""
    return lines, rest


def _to_json(event: str) -> str:
    """Return an event as a line of JSON; as it stands if it is no XML."""
    # An event begins with its own mark, so that no document type, which could unfold, stands before it.
    try:
        root = ElementTree.fromstring(event)
    except (ElementTree.ParseError, UnicodeEncodeError):
        return event.replace("\n", " ")
    fields: dict[str, dict[str, str | None]] = {"System": {}, "EventData": {}}
    for part in root:
        fields.setdefault(_name(part), {}).update(_values(part))
    return json.dumps({name: values for name, values in fields.items() if values})


def _values(part: ElementTree.Element) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of each element of a part; of ``Data``, the name is an attribute."""
    for number, element in enumerate(part):
        text = (element.text or "").strip() or None
        if _name(element) == "Data":
            yield element.get("Name", f"Data{number}"), text
        else:
            yield _name(element), text or next(iter(element.attrib.values()), None)


def _name(element: ElementTree.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def _encode(lines: list[str]) -> bytes:
    """Return lines as bytes."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
