"""From an incident to the rules that it may be a case of, as far as a log can tell.

A log has no ASGI messages and no order of tasks. So this is only a guess, and ``wsdoctor check`` finds
out. An incident is a case of a rule only if it is known to be about a WebSocket connection.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from wsdoctor.diagnosis.logged import Shape, Signature
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.triage.incident import Incident
from wsdoctor.triage.signatures import GONE, TRACEBACKS, above_traceback, signature_of
from wsdoctor.triage.traceback import Frame, Raised

_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]\w+\.py$"
    r"|[/\\]Lib[/\\]asyncio[/\\]|^<"
)
_PACKAGE = re.compile(r"(?:[/\\](?:site|dist)-packages[/\\]|^(?![/\\]|\w:))(?P<package>\w+)")
_AWAITS_TASK = re.compile(r"\bawait\s+(?:[\w.]+(?:\[[^\]]*\])?\s*$|asyncio\.\w+\()")
_LOOP = re.compile(r"[/\\]asyncio[/\\]events\.py$")
_SERVES = re.compile(r"websocket|[/\\]ws_(?:protocol|stream)\.py", re.IGNORECASE)
_SENDS = re.compile(r"[/\\]websockets?\.py$")
"""Modules of frameworks with the functions that an application sends by."""
_SERVERS = frozenset({"daphne", "granian", "hypercorn", "uvicorn", "wsproto"})
_HTTP = re.compile(r"[/\\]protocols[/\\]http[/\\]|[/\\]http_(?:protocol|stream)\.py", re.IGNORECASE)
_NO_ASGI = frozenset(
    {
        *("aiohttp", "autobahn", "geventwebsocket", "httpx_ws", "simple_websocket", "tornado"),
        *("websocket", "websockets", "ws4py", "wsproto"),
    }
)
"""Clients, and servers that are not ASGI servers: their frames do not prove that one is concerned."""
_RECORD = re.compile(
    r"connection_type=websocket|Exception on websocket |<WebSocketProtocol\b"
    r"|starlette[/\\]websockets\.py:\d+|litestar[/\\]connection[/\\]websocket\.py:\d+"
)
"""Words of a record that is about a WebSocket connection."""

Mine = Callable[[Frame], bool]
"""Whether a frame is in code of the user's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``codes`` are the rules that it can be a case of, the likeliest first; ``means`` says why.

    ``sure``: it is about a WebSocket connection of an ASGI application. Otherwise it may be about anything.
    ``about`` is the exception that says so, if a particular one does, and ``place`` the user's frame, if that
    is known by it.
    """

    codes: tuple[str, ...]
    means: str
    sure: bool = True
    about: Raised | None = None
    place: Frame | None = None


def reading_of(incident: Incident) -> Reading | None:
    """What ``incident`` says; None for what is not of this family."""
    above = above_traceback(incident.said)
    reading = _of_raised(incident)
    if reading is None:
        return _unsure(incident, above)
    if above is None or not any(item.type for item in incident.raised):
        return reading
    return _with(reading, above, incident)


def _of_raised(incident: Incident) -> Reading | None:
    names = {item.name for item in incident.raised}
    last = incident.raised[-1]
    again = next((item for item in incident.raised if _told_again(item)), None)
    if again is not None and not _grouped(names):
        return _by(signature_of(again.text), again)
    if "WebSocketDisconnect" in names:
        return _of_disconnect(names, last)
    served = _on_websocket(incident)
    for item in reversed(incident.raised):
        found = signature_of(item.text, incidents=True)
        if found is not None and (found.proof or (served and item.name not in _BY_NAME)):
            return _by(found, item)
    if not served:
        return None
    if last.name == "CancelledError":
        return _shaped("cancelled", last)
    if "CancelledError" in names and last.name != "TimeoutError":
        return _shaped("raised while cancelled", last)
    if names & GONE and not _upstream(incident):
        return _shaped("send failed in a group" if _grouped(names) else "send failed", last)
    return _shaped("raised", last)


def _shaped(shape: Shape, last: Raised) -> Reading:
    """What a traceback of that shape says, if ``last`` is its last exception."""
    found = TRACEBACKS[shape]
    return Reading(found.codes, found.means.format(raised=last.name or "an exception"))


_REFUSALS = frozenset(
    rule.code for rule in RULES.values() if rule.breach is not None and rule.breach.too_late
)
"""Rules about messages that a server or framework refuses, because the connection is over."""

_BY_NAME = GONE | {"CancelledError"}
"""Exceptions that mean something else in each place of a chain."""


def _of_disconnect(names: set[str], last: Raised) -> Reading:
    if _grouped(names):
        return _shaped("disconnect in a group", last)
    if last.name == "CancelledError":
        return _shaped("cancelled after the disconnect", last)
    refused = signature_of(last.text)
    if refused is not None and not _REFUSALS.isdisjoint(refused.codes):
        if (call := _own_call(last)) is not None:
            codes = (*refused.codes, *({TRACEBACKS["disconnect"].code} - set(refused.codes)))
            return Reading(codes, refused.means, place=call)
        return _shaped("close refused", last)
    if last.name != "WebSocketDisconnect":
        return _shaped("raised after the disconnect", last)
    return _shaped("disconnect", last)


def _with(reading: Reading, above: Signature, incident: Incident) -> Reading:
    """``reading`` with what asyncio says above the traceback."""
    code = above.codes[0]
    if RULES[code].in_callback:
        # The callback is what asyncio called; what it passes on may come from elsewhere.
        return replace(reading, codes=(code, *reading.codes), means=above.means)
    found = signature_of(incident.raised[-1].text, incidents=True)
    unspecific = reading.codes[0] == TRACEBACKS["raised"].code
    if unspecific or (found is not None and found.in_task == code):
        return replace(reading, codes=(code, *reading.codes), means=above.means)
    return replace(reading, codes=(*reading.codes, code))


def _unsure(incident: Incident, above: Signature | None) -> Reading | None:
    """What it would be, if a WebSocket connection of an ASGI application were concerned.

    Nothing, if an HTTP request is, or if no line of the user's is in the traceback.
    """
    frames = [frame for item in incident.raised for frame in item.frames]
    if frames and (all(map(is_library, frames)) or any(_HTTP.search(f.file) for f in frames)):
        return None
    found = above or signature_of(incident.raised[-1].text, incidents=True)
    return None if found is None else Reading(found.codes, found.means, sure=False)


def _by(signature: Signature | None, item: Raised) -> Reading | None:
    if signature is None:
        return None
    refused = not _REFUSALS.isdisjoint(signature.codes)
    place = _own_call(item) if refused else None
    return Reading(signature.codes, signature.means, about=item, place=place)


def _own_call(item: Raised) -> Frame | None:
    """The user's frame that sent what was refused; None if the framework did, in answer to an exception.

    A function of the user's that wraps ``send`` stands further in, and has sent nothing by itself.
    """
    for caller, frame in reversed([*itertools.pairwise(item.frames)]):
        if is_library(frame) and not is_library(caller) and _SENDS.search(frame.file):
            return caller
    # Without a framework, the application sends to the server itself.
    own = [frame for frame in item.frames if not is_library(frame)]
    others = {_package(frame) for frame in item.frames if is_library(frame)} - {""}
    return own[-1] if own and own[-1] is not item.frames[-1] and others <= _SERVERS else None


def _told_again(item: Raised) -> bool:
    """Whether Litestar says by it that the application had been given the disconnect before."""
    raiser = item.frames[-1].function if item.frames else ""
    return (
        item.name == "WebSocketDisconnect"
        and item.message == "connection is disconnected"
        and raiser in {"", "wrapped_receive"}
    )


def _grouped(names: set[str]) -> bool:
    return bool(names & {"ExceptionGroup", "BaseExceptionGroup"})


def _on_websocket(incident: Incident) -> bool:
    """Whether it is about a WebSocket connection of a server: by the record, or by the frames."""
    if incident.websocket or _RECORD.search(incident.said):
        return True
    return any(
        is_library(frame)
        and _package(frame) not in _NO_ASGI
        and (_SERVES.search(frame.file) or "websocket" in frame.function.lower())
        for item in incident.raised
        for frame in item.frames
    )


def _upstream(incident: Incident) -> bool:
    """Whether the connection that was closed is one that the application itself had opened.

    Then the application called the ``websockets`` library, and no server or framework did.
    """
    for item in incident.raised:
        if not item.name.startswith("ConnectionClosed"):
            continue
        callers = [frame for frame in item.frames if _package(frame) != "websockets"]
        if callers and not is_library(callers[-1]) and callers[-1] is not item.frames[-1]:
            return True
    return False


def _package(frame: Frame) -> str:
    match = _PACKAGE.search(frame.file)
    return match["package"] if match else ""


def is_library(frame: Frame) -> bool:
    """Whether ``frame`` is in an installed package or the standard library."""
    return _LIBRARY.search(frame.file) is not None if frame.library is None else frame.library


def _is_mine(frame: Frame) -> bool:
    return not is_library(frame)


def users_frame(incident: Incident, reading: Reading, mine: Mine = _is_mine) -> Frame | None:
    """The innermost frame of the user's: of what ``reading`` is about, of the disconnect, or of the first.

    For an error in a callback it is the callback, which asyncio called.
    """
    if RULES[reading.codes[0]].in_callback:
        return handler_frame(incident, mine)
    if reading.place is not None:
        return reading.place
    if incident.raised[-1].name == "CancelledError":
        return _awaiting(incident.raised[-1], handler_frame(incident, mine), mine)
    about = [reading.about] if reading.about is not None else []
    ends = [item for item in incident.raised if item.name in GONE | {"WebSocketDisconnect"}]
    members = [item for item in incident.raised if not _grouped({item.name})]
    for item in (*about, *ends, *members, *incident.raised):
        for frame in reversed(item.frames):
            if mine(frame):
                return frame
    return None


def _awaiting(cancelled: Raised, handler: Frame | None, mine: Mine) -> Frame | None:
    """The user's frame that awaits what was cancelled, from ``handler`` on inwards.

    A traceback goes on in the task that was awaited; the line that awaits it calls no function of the user's.
    """
    frames = [frame for frame in cancelled.frames if mine(frame)]
    if handler not in frames:
        return handler
    at = frames.index(handler)
    for frame, inner in itertools.pairwise(frames[at:]):
        name = inner.function.rpartition(".")[2]
        if _AWAITS_TASK.search(frame.source) and name not in frame.source:
            return frame
    return frames[-1]


def handler_frame(incident: Incident, mine: Mine = _is_mine) -> Frame | None:
    """The outermost frame of the user's that a server or the event loop called: the handler, if the log has it.

    Frames further out, which Loguru shows, belong to the program that starts the server.
    """
    for item in reversed(incident.raised):
        served = False
        for frame in item.frames:
            if served and mine(frame):
                return frame
            served = served or bool(_package(frame)) or _LOOP.search(frame.file) is not None
        own = [frame for frame in item.frames if mine(frame)]
        if own:
            return own[0]
    return None
