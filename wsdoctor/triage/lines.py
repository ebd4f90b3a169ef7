r"""The lines of a log as the application wrote them: without colours, without what wraps each of them.

Container runtimes and collectors put each line into a record of its own: Docker's json-file driver
(``{"log": "...\n", "stream": "stderr"}``), journald (``MESSAGE``), Cloud Logging (``textPayload``). A traceback
is then spread over many records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wsdoctor.triage.boxes import begins_in
from wsdoctor.triage.signatures import signature_of

_ESCAPES = re.compile(
    r"(?:\x1b|\^\[|#033|\\x1b|\\u001b)(?:\[[0-9;:?]*[A-Za-z]|\]8;[^\x07\x1b]*(?:\x07|\x1b\\))"
)
"""Colours and hyperlinks; also as syslog and terminals write the escape character."""

_WRITERS = (
    "stream", "container_id", "container_name", "kubernetes", "pod", "attrs", "tag", "hostname",
    "_PID", "_HOSTNAME", "_SYSTEMD_UNIT", "CONTAINER_NAME", "logStreamName", "resource", "labels",
)  # fmt: skip
"""Members of a record that tell who wrote the line."""


def cleaned(text: str) -> str:
    """``text`` without colours and carriage returns."""
    text = text.rstrip("\r")
    if "\x1b" in text or "^[" in text or "#033" in text or "x1b" in text or "u001b" in text:
        return _ESCAPES.sub("", text)
    return text


def record_in(line: str) -> dict[str, Any] | None:
    """The JSON object in ``line``, which may have something before it; None if there is none."""
    begin = line.find("{")
    if begin < 0:
        return None
    try:
        record = json.loads(line[begin:])
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def strings(value: Any) -> Iterator[str]:
    """All texts in a JSON value, in order; keys are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@dataclass(frozen=True, slots=True)
class Envelope:
    """How one writer's lines are wrapped: the text stands at ``keys`` of each record."""

    keys: tuple[str, ...]
    writer: tuple[Any, ...]

    def text(self, record: dict[str, Any]) -> str | None:
        """The text in ``record``; None if another writer made the line."""
        value: Any = record
        for key in self.keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str) or _writer(record) != self.writer:
            return None
        return cleaned(value.rstrip("\r\n"))


def envelope_of(record: dict[str, Any]) -> Envelope | None:
    """The Envelope of ``record`` if it holds one line of a writer: a message, or the header of a traceback."""
    for keys, text in _texts(record):
        line = cleaned(text).rstrip().rpartition("\n")[2]
        if begins_in(line) or signature_of(line, incidents=True):
            return Envelope(keys, _writer(record))
    return None


def _texts(record: dict[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in record.items():
        if isinstance(value, str):
            yield (*above, key), value
        elif isinstance(value, dict):
            yield from _texts(value, *above, key)


def _writer(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in _WRITERS)
