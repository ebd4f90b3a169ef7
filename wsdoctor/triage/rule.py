"""From an incident to a rule, as far as a log can tell; None for what is not of this family.

A log knows no ASGI messages and no order of tasks. So this is a guess to begin with: ``wsdoctor check``
finds out.
"""

from __future__ import annotations

import re

from wsdoctor.triage.incident import Incident
from wsdoctor.triage.traceback import Frame, Raised

_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]\w+\.py$"
    r"|[/\\]Lib[/\\]asyncio[/\\]|^<"
)
_GONE = frozenset(
    {
        "ClientDisconnected",
        "ConnectionClosed",
        "ConnectionClosedError",
        "ConnectionClosedOK",
        "WebSocketDisconnected",
    }
)
"""What a send to a client that has left raises, by server and framework."""

_SAID = (
    ("timeout graceful shutdown exceeded", "WSD403"),
    ("Task was destroyed but it is pending", "WSD303"),
)
_RAISED = (
    (
        r"Unexpected ASGI message '?websocket\.close|Unexpected message type, websocket\.close",
        "WSD101",
    ),
    (
        r"Unexpected ASGI message '?websocket\.send|Unexpected message type, websocket\.send",
        "WSD102",
    ),
    (r"Unexpected ASGI message '?websocket\.", "WSD103"),
    (r"Cannot call \"?send\"? once a close message has been sent", "WSD103"),
    (r"Cannot call \"?receive\"? once a disconnect message has been received", "WSD104"),
    (r"WebSocket is not connected\. Need to call \"?accept\"? first", "WSD104"),
    (r"cannot call (?:recv|receive) while another", "WSD105"),
    (r"without (?:sending|completing) handshake", "WSD106"),
)


def rule_of(incident: Incident) -> str | None:
    """The code of the rule that ``incident`` is most likely a case of."""
    for words, code in _SAID:
        if words in incident.said and not any(item.type for item in incident.raised):
            return code
    names = {item.name for item in incident.raised}
    last = incident.raised[-1]
    if "WebSocketDisconnect" in names:
        return _of_disconnect(names, last)
    for item in reversed(incident.raised):
        for pattern, code in _RAISED:
            if re.search(pattern, item.message):
                return code
    if not _on_websocket(incident):
        return None
    if "CancelledError" in names:
        return "WSD501"
    if names & _GONE:
        return "WSD202" if _grouped(names) else "WSD204"
    return "WSD302" if "never retrieved" in incident.said else "WSD602"


def _of_disconnect(names: set[str], last: Raised) -> str:
    if _grouped(names):
        return "WSD202"
    answered = re.search(r"Unexpected ASGI message|Unexpected message type", last.message)
    if last.name != "WebSocketDisconnect" and not answered:
        return "WSD501" if last.name == "CancelledError" else "WSD203"
    return "WSD201"


def _grouped(names: set[str]) -> bool:
    return bool(names & {"ExceptionGroup", "BaseExceptionGroup"})


def _on_websocket(incident: Incident) -> bool:
    """Whether the code of a server or framework for WebSockets had a part in it."""
    return any(
        "websocket" in frame.file.lower() and is_library(frame)
        for item in incident.raised
        for frame in item.frames
    )


def is_library(frame: Frame) -> bool:
    """Whether ``frame`` is in an installed package or the standard library."""
    return _LIBRARY.search(frame.file) is not None


def users_frame(incident: Incident) -> Frame | None:
    """The innermost frame of the user's: of the disconnect, or of what was raised first."""
    ends = [item for item in incident.raised if item.name in _GONE | {"WebSocketDisconnect"}]
    members = [item for item in incident.raised if not _grouped({item.name})]
    for item in (*ends, *members, *incident.raised):
        for frame in reversed(item.frames):
            if not is_library(frame):
                return frame
    return None


def outermost_frame(incident: Incident) -> Frame | None:
    """The outermost frame of the user's: the handler, where the log shows it."""
    for item in reversed(incident.raised):
        for frame in item.frames:
            if not is_library(frame):
                return frame
    return None
