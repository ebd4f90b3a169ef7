"""One incident of a log: what was raised, and what the log says around it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wsdoctor.diagnosis.logged import Signature
from wsdoctor.triage.boxes import begins_in, is_box, read_box
from wsdoctor.triage.signatures import signature_of
from wsdoctor.triage.traceback import (
    LAST_LINE,
    Frame,
    Raised,
    Traceback,
    exception_in,
    prefix_of,
    read_traceback,
)

_PENDING = re.compile(r"\brunning at (?P<file>[^>]+?):(?P<line>\d+)>")
_CORO = re.compile(r"\bcoro=<(?P<function>[\w.<>]+)\(")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\d\d/\d\d/\d\d \d\d:\d\d:\d\d"
    r"|\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
)
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")
_PATH = re.compile(
    r"connection_type=websocket,\s*path='?(?P<litestar>/[^\s')]*)"
    r"|\"WebSocket\s+(?P<uvicorn>/[^\s\"\\]*)\\?\""
    r"|Exception on websocket (?P<quart>/\S*)"
    r"|<WebSocketProtocol\b[^>]*\bpath=b'(?P<daphne>[^']+)'"
    r"|\"WSCONNECT(?:ING)? (?P<wsconnect>/[^\s\"]*)\""
    r"|\"GET (?P<upgrade>/[^\s\"]*)[^\"]*\" 101\b"
)
_CONNECTION = re.compile(r"ebSocket|ebsocket|WSCONNECT|\" 101\b")
_BEGINS = re.compile(
    r"^\W*\d{1,4}[-/:]\d\d[-/:]\d\d|\b(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b"
    r"|exception was never retrieved|Exception in callback|Exception (?:in ASGI|on websocket)"
)
_PLACE_OF_RECORD = re.compile(r"\s+\w+\.py:\d+$")
"""Where a record was logged, which Rich's handler writes at the end of its first line."""
_QUIET = re.compile(r"\b(?:INFO|DEBUG|info|debug)\b")

_FEW_LINES = 8
LINES_BEFORE = 12
"""How many lines before an incident may belong to its record, which Rich has wrapped perhaps."""


@dataclass(frozen=True, slots=True)
class Incident:
    """``raised`` as in Traceback; ``said`` are the words of the record that it stands in.

    ``path`` is that of the connection, ``time`` is as the log writes it; "" if it does not. ``websocket``: the
    record says that it is about a WebSocket connection.
    """

    raised: tuple[Raised, ...]
    said: str
    time: str = ""
    path: str = ""
    websocket: bool = False


def traceback_in(lines: Iterable[str], *, boxed: bool) -> Traceback:
    """The traceback at the beginning of ``lines``; ``boxed`` if Rich has drawn it."""
    return read_box(lines) if boxed else read_traceback(lines)


def incident_of(lines: Sequence[str]) -> Incident | None:
    """The incident that begins in the first of ``lines``."""
    if lines and begins_in(lines[0]):
        return with_traceback(traceback_in(lines, boxed=is_box(lines[0])), lines[0])
    return without_traceback(lines, ())[0]


def with_traceback(traceback: Traceback, first: str, before: Sequence[str] = ()) -> Incident | None:
    """The incident of ``traceback``, in the words of the lines ``before`` it; None if nothing was raised.

    ``first`` is the line that it begins in; ``before`` are of the same writer.
    """
    if not traceback.raised:
        return None
    own = [_PLACE_OF_RECORD.sub("", line) for line in before]
    said, around = "\n".join(_record_before(own)), "\n".join(own)
    time = time_in(around) or time_in(first)
    return Incident(tuple(traceback.raised), said, time, path_in(said) or path_in(around))


def last_of(first: str, before: Iterable[str]) -> list[str]:
    """The last lines of the writer of ``first``, out of those ``before`` it, which come from the last one back.

    They are the record that ``first`` belongs to, and a few lines more.
    """
    found: list[str] = []
    begun = False
    for line in itertools.islice(written_by_the_same(first, before), LINES_BEFORE):
        found.append(line)
        begun = begun or begins_record(line)
        if begun and len(found) >= _FEW_LINES:
            break
    return found[::-1]


def written_by_the_same(first: str, lines: Iterable[str]) -> Iterator[str]:
    """Those of ``lines`` that the writer of ``first`` wrote, without what stands before each of them."""
    prefix = prefix_of(first)
    for line in lines:
        match = prefix.match(line) if prefix is not None else None
        if prefix is None or match is not None:
            yield line if match is None else match["rest"] or ""


def without_traceback(
    lines: Sequence[str], before: Sequence[str]
) -> tuple[Incident | None, list[int]]:
    """The message in the first of ``lines`` that stands alone, or begins the last lines of a chain.

    Also the places of the lines that belong to it.
    """
    line = lines[0] if lines else ""
    signature = signature_of(line, incidents=True)
    if signature is None or (signature.last_line and not _is_last_line(line)):
        return None, []
    # The task of "Task was destroyed" stands in the lines that follow it.
    text = "\n".join((*before[-1:], *lines[:4]))
    found = read_traceback(lines)
    raised = _worded(found.raised, signature, line)
    if match := _PENDING.search(text):
        coroutine = _CORO.search(text)
        function = coroutine["function"] if coroutine else ""
        raised[-1].frames.append(Frame(match["file"], int(match["line"]), function))
    return Incident(tuple(raised), line, time_in(text), path_in(text)), found.lines


def _worded(raised: list[Raised], signature: Signature, line: str) -> list[Raised]:
    """``raised``, where the line ends with an exception; else what the signature is about."""
    if exception_in(line) is not None:
        return raised
    match = signature.regex.search(line)
    begin = match.start() if match else 0
    return [Raised(message=line[begin:].strip())]


def _is_last_line(line: str) -> bool:
    """Whether ``line`` ends a traceback, and is no record of a disconnect that was dealt with."""
    match = LAST_LINE.search(line)
    if match is None or _QUIET.search(line[: match.start("type")]):
        return False
    return "." in match["type"] or not line[: match.start("type")].strip(" |>E")


def _record_before(lines: Sequence[str]) -> list[str]:
    """The last record of a log in ``lines``."""
    record: list[str] = []
    for line in reversed(lines):
        if line.strip():
            record.insert(0, line)
        if begins_record(line):
            return record
    return record[-2:]


def begins_record(line: str) -> bool:
    """Whether a record of a log begins in ``line``."""
    return _BEGINS.search(line) is not None


def time_in(text: str) -> str:
    """The last time in ``text``, as it is written there."""
    for line in reversed(text.splitlines() if _CLOCK.search(text) else ()):
        if found := _TIME.findall(line):
            return str(found[-1])
    return ""


def path_in(text: str) -> str:
    """The path of the last WebSocket connection that ``text`` speaks of."""
    if not _CONNECTION.search(text):
        return ""
    found = [next(filter(None, match.groups())) for match in _PATH.finditer(text)]
    return found[-1].partition("?")[0] if found else ""
