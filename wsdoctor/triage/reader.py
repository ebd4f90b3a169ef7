"""From a log to its incidents: plain lines, JSON lines, wrapped lines, or one JSON document."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO

from wsdoctor.triage.boxes import begins_in, is_box
from wsdoctor.triage.incident import (
    Incident,
    begins_record,
    last_of,
    path_in,
    time_in,
    traceback_in,
    with_traceback,
    without_traceback,
    written_by_the_same,
)
from wsdoctor.triage.lines import Envelope, cleaned, envelope_of, record_in, strings
from wsdoctor.triage.log import BLOCK, Place, places
from wsdoctor.triage.records import incidents_of

LARGEST_DOCUMENT = 64 << 20
"""Bytes of a JSON document, which is read as a whole. A log is not."""

_MOST_LINES = 40
"""Lines of a message, of the rest of its record, and of a chain of which the last lines were kept."""


def incidents(log: BinaryIO) -> Iterator[Incident]:
    """The incidents in ``log`` that may be of this family, in order."""
    document, head = _document(log)
    if document is None:
        yield from _in_lines(log, head)
        return
    records = [document] if isinstance(document, dict) else document
    found: list[Incident] = []
    with suppress(RecursionError):
        found = [incident for record in records for incident in incidents_of(record)]
    if not found:
        held = _records_in(document)
        lines = "\n".join(json.dumps(record) for record in held)
        found = [*_in_lines(io.BytesIO(lines.encode()), b"")]
    yield from found


def _in_lines(log: BinaryIO, head: bytes) -> Iterator[Incident]:
    told: set[int] = set()
    for place in places(log, head):
        if place.offset in told:
            continue
        belongs: list[int] = []
        with suppress(RecursionError):  # JSON that is nested deeper than any record
            yield from [*_at(place, belongs)]
        # The lines of an incident are not reported again; another incident between them is.
        told = {offset for offset in told if offset > place.offset} | set(belongs)


def _at(place: Place, belongs: list[int]) -> Iterator[Incident]:
    """The incidents at ``place``; ``belongs`` gets the offsets of the lines that they consist of."""
    line = _text(next(place.lines())[1])
    record = record_in(line)
    envelope = None
    if record is not None:
        found = [*incidents_of(record)]
        envelope = envelope_of(record)
        if found or envelope is None:
            around = "" if all(item.path for item in found) else _said_before(place)
            yield from (replace(item, path=item.path or path_in(around)) for item in found)
            return
    incident = _read(place, envelope, belongs)
    if incident is not None and record is not None and not incident.time:
        incident = replace(incident, time=time_in("\n".join(strings(record))))
    if incident is not None:
        yield incident


def _read(place: Place, envelope: Envelope | None, belongs: list[int]) -> Incident | None:
    before = (
        text
        for item in reversed(place.before)
        for text in reversed(_unwrapped(_text(item), envelope))
    )
    offsets: list[int] = []
    lines = _unwrapped_lines(place, envelope, offsets)
    first = next(lines, "")
    if begins_in(first):
        traceback = traceback_in(itertools.chain([first], lines), boxed=is_box(first))
        belongs += [offsets[number] for number in traceback.lines]
        return with_traceback(traceback, first, last_of(first, before))
    texts = [first, *itertools.islice(lines, _MOST_LINES)]
    if _leads_to_a_traceback(texts):
        return None  # it is read with the traceback
    incident, chain = without_traceback(texts, [*itertools.islice(before, 1)])
    belongs += [offsets[number] for number in chain]
    return incident


def _said_before(place: Place) -> str:
    """The words of the records before ``place``."""
    records = (record_in(_text(line)) for line in place.before)
    return "\n".join(text for record in records for text in strings(record))


def _leads_to_a_traceback(texts: Sequence[str]) -> bool:
    """Whether the record that begins in the first of ``texts`` goes on with a traceback."""
    begin = next((number for number, text in enumerate(texts) if begins_in(text)), 0)
    # A container runtime may write a time before each line.
    between = written_by_the_same(texts[begin], texts[1:begin]) if begin else ()
    return begin > 0 and not any(map(begins_record, between))


def _unwrapped_lines(place: Place, envelope: Envelope | None, offsets: list[int]) -> Iterator[str]:
    """The lines from ``place`` on of the same writer; ``offsets`` gets that of each."""
    begun = False
    for offset, line in place.lines():
        texts = _unwrapped(_text(line), envelope)
        if not begun and envelope is not None:
            # What else is in the record, above the header, belongs to what was before.
            texts = texts[next((n for n, text in enumerate(texts) if begins_in(text)), 0) :]
        begun = True
        for text in texts:
            offsets.append(offset)
            yield text


def _unwrapped(line: str, envelope: Envelope | None) -> list[str]:
    """The lines of the application in ``line``; none if another writer's are."""
    if envelope is None:
        return [line]
    record = record_in(line)
    text = envelope.text(record) if record is not None else None
    return [] if text is None else text.split("\n")


def _text(line: bytes) -> str:
    return cleaned(line.decode(errors="replace"))


# --- one JSON document


def _document(log: BinaryIO) -> tuple[dict[str, Any] | list[dict[str, Any]] | None, bytes]:
    """The JSON document that ``log`` is, None for lines; and what of ``log`` was read for that."""
    head = log.read(BLOCK)
    if head.lstrip()[:1] not in {b"{", b"["}:
        return None, head
    try:
        if len(head) == BLOCK and _is_cut_off(head.decode(errors="replace").lstrip()):
            head += log.read(LARGEST_DOCUMENT)
        return _records(json.loads(head)), head
    except (ValueError, RecursionError):
        return None, head


def _is_cut_off(text: str) -> bool:
    """Whether ``text`` is the beginning of a JSON value, and nothing is wrong with it so far."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos > len(text) - _LONGEST_TOKEN or error.msg.startswith("Unterminated string")
    return not text[end:].strip()


_LONGEST_TOKEN = 32
"""Characters at the end of a text in which a cut makes JSON invalid."""


def _records(value: Any) -> dict[str, Any] | list[dict[str, Any]] | None:
    """``value`` if it is a record, or records."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)] or None
    return value if isinstance(value, dict) else None


def _records_in(document: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that an export holds, e.g. those in ``events``; ``document`` itself if it holds none."""
    if isinstance(document, list):
        return document
    lists = [found for item in document.values() if isinstance(found := _records(item), list)]
    return max(lists, key=len, default=[document])
