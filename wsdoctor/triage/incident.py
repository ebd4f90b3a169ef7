"""One incident of a log: what was raised, and what the log says around it. Plain lines and JSON."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from wsdoctor.triage.log import Place, places
from wsdoctor.triage.traceback import HEADER, Frame, Raised, Traceback, read_traceback

_PENDING = re.compile(r"\brunning at (?P<file>[^>]+?):(?P<line>\d+)>")
_CORO = re.compile(r"\bcoro=<(?P<function>[\w.<>]+)\(")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_PATH = re.compile(
    r"connection_type=websocket,\s*path='?(?P<path>[^')]+)|\"WebSocket (?P<uvicorn>[^\"]+)\""
)


@dataclass(frozen=True, slots=True)
class Incident:
    """``raised`` as in Traceback; ``said`` are the words of the log around it, ``path`` the route's.

    ``time`` is as the log writes it, "" if it does not.
    """

    raised: tuple[Raised, ...]
    said: str
    time: str = ""
    path: str = ""


def incidents(log: BinaryIO) -> Iterator[Incident]:
    """What may be of this family in ``log``, in order."""
    told: set[int] = set()
    for place in places(log):
        if place.offset in told:
            continue
        line = _text(next(place.lines())[1])
        if (record := _record(line)) is not None:
            yield from _structured(record)
            continue
        before = [_text(item) for item in place.before]
        if HEADER not in line:
            after = [_text(item) for _, item in itertools.islice(place.lines(), 3)]
            yield _without_traceback("\n".join((*before[-1:], *after)))
            continue
        offsets: list[int] = []
        traceback = read_traceback(_read(place, offsets))
        # What belongs to it is not told again; another one between its lines is.
        told = {offset for offset in told if offset > place.offset}
        told |= {offsets[number] for number in traceback.lines}
        if traceback.raised:
            yield _told(traceback, before)


def _read(place: Place, offsets: list[int]) -> Iterator[str]:
    """The lines of ``place``; ``offsets`` gets theirs."""
    for offset, line in place.lines():
        offsets.append(offset)
        yield _text(line)


def _text(line: bytes) -> str:
    return line.decode(errors="replace")


def _told(traceback: Traceback, before: Sequence[str]) -> Incident:
    said = "\n".join(before)
    return Incident(tuple(traceback.raised), said, _time(said), _path(said))


def _time(text: str) -> str:
    found = _TIME.findall(text)
    return str(found[-1]) if found else ""


def _path(text: str) -> str:
    found = [match["path"] or match["uvicorn"] for match in _PATH.finditer(text)]
    return found[-1].partition("?")[0] if found else ""


def _without_traceback(text: str) -> Incident:
    """A task that was destroyed, or cancelled by a server that waited long enough."""
    raised = Raised()
    if match := _PENDING.search(text):
        coroutine = _CORO.search(text)
        function = coroutine["function"] if coroutine else ""
        raised.frames.append(Frame(match["file"], int(match["line"]), function))
    return Incident((raised,), text, _time(text), _path(text))


# --- JSON lines


def _record(line: str) -> dict[str, Any] | None:
    """The JSON object in ``line``, which may have something before it; None if there is none."""
    begin = line.find("{")
    if begin < 0:
        return None
    try:
        record = json.loads(line[begin:])
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _structured(record: dict[str, Any]) -> Iterator[Incident]:
    texts = [*_strings(record)]
    said = "\n".join(text for text in texts if HEADER not in text)
    time, path = _time(said), str(record.get("path") or _path(said))
    if frames := _structlog(record):
        yield Incident(frames, said, time, path)
        return
    for text in texts:
        at = text.find(HEADER)
        if at >= 0:
            begin = text.rfind("\n", 0, at) + 1
            around = f"{said}\n{text[:begin]}"
            traceback = read_traceback(text[begin:].splitlines())
            if traceback.raised:
                yield Incident(tuple(traceback.raised), around, time, path)
            return
    yield _without_traceback("\n".join(texts))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _structlog(value: Any) -> tuple[Raised, ...]:
    """What structlog's ``dict_tracebacks`` writes: the last exception first."""
    if isinstance(value, dict):
        for item in value.values():
            if found := _structlog(item):
                return found
    elif (
        isinstance(value, list) and value and isinstance(value[0], dict) and "exc_type" in value[0]
    ):
        return tuple(_from_dict(item) for item in reversed(value) if isinstance(item, dict))
    return ()


def _from_dict(item: dict[str, Any]) -> Raised:
    frames = [
        Frame(
            str(frame.get("filename", "")),
            int(frame.get("lineno") or 0),
            str(frame.get("name", "")),
        )
        for frame in item.get("frames") or ()
        if isinstance(frame, dict)
    ]
    return Raised(str(item.get("exc_type", "")), str(item.get("exc_value", "")), frames)
