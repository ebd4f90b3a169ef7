"""The texts that servers, frameworks and asyncio print, and the rules that may stand behind each.

``triage`` reads logs by this table, ``explain`` what somebody pastes. The rules of this file:

- The table is literal, and the first signature that fits a text counts: the particular ones come first.
- A text is an exception as tracebacks end (``Type: message``, the type without its module), or a line
  of a log.
- ``codes`` are the likeliest first. Text knows neither the ASGI messages nor the order of tasks, so all of
  them are guesses to begin with: ``wsdoctor check`` finds out.
- ``proof`` says that the text alone shows that a WebSocket connection on an ASGI server is concerned.
  The others occur anywhere: they count only where the traceback or the record shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Signature:
    """One text. ``example`` is what the software prints, ``means`` what that says, as a sentence.

    ``needle`` is a part of it that no quote or bracket is in (JSON escapes them), "" if a log is not searched for it.
    With ``last_line`` it counts without a traceback only as the last line of one: a log may well name an
    exception that was dealt with. ``in_task`` is the rule that comes first if asyncio says that nothing
    retrieved the exception. ``above``: it is what asyncio says above a traceback. ``incident`` is false for what
    servers say in ordinary operation: it is explained, and no log is searched for it.
    """

    example: str
    pattern: re.Pattern[str]
    codes: tuple[str, ...]
    means: str
    needle: str = ""
    last_line: bool = False
    proof: bool = True
    in_task: str = ""
    above: bool = False
    incident: bool = True


def _signature(example: str, pattern: str, codes: str, means: str, **more: object) -> Signature:
    return Signature(example, re.compile(pattern), tuple(codes.split()), means, **more)  # type: ignore[arg-type]  # the fields that follow, by name


_ANY = r"[\"'\\]*"
"""A quote, or one that JSON or a representation has escaped."""

SIGNATURES: tuple[Signature, ...] = (
    # --- the server, or the framework, refuses a message
    _signature(
        "Unexpected message type, websocket.send given the state ASGIWebsocketState.HANDSHAKE",
        r"Unexpected message type, \S+ given the state ASGIWebsocketState\.(?:HANDSHAKE|CONNECTED)",
        "WSD106",
        "hypercorn refused the message, because the handshake was not answered, or answered twice",
        needle="Unexpected message type",
    ),
    _signature(
        "Unexpected ASGI message 'websocket.close', after sending 'websocket.close' or response "
        "already completed.",
        rf"Unexpected (?:ASGI message {_ANY}|message type, )websocket\.close",
        "WSD101 WSD201 WSD103",
        "the server refused `websocket.close`: the client had left, or the application had closed before",
        needle="Unexpected ASGI message",
    ),
    _signature(
        "Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.",
        rf"Unexpected (?:ASGI message {_ANY}|message type, )websocket\.send",
        "WSD102 WSD103 WSD301",
        "the server refused `websocket.send`: the client had left, or the application had closed before",
        needle="Unexpected ASGI message",
    ),
    _signature(
        "Unexpected ASGI message 'websocket.accept', after sending 'websocket.close'.",
        rf"Unexpected (?:ASGI message {_ANY}websocket\.|message type, (?:websocket\.|\S+ given the state ASGIWebsocketState))",
        "WSD103 WSD106",
        "the server refused a message on a connection that was already closed",
        needle="Unexpected ASGI message",
    ),
    _signature(
        "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' "
        "but got 'http.response.start'.",
        rf"Expected ASGI message {_ANY}websocket\.(?:accept|send|http\.response\.body)\b.*? but got ",
        "WSD106",
        "the handshake was not answered, or answered twice: the message is not allowed in this state",
        needle="Expected ASGI message",
    ),
    _signature(
        "ASGI callable returned without sending handshake.",
        r"ASGI callable returned without (?:sending|completing) handshake",
        "WSD106",
        "the application returned without accepting or closing the connection",
        needle="ASGI callable returned without",
    ),
    _signature(
        "RuntimeError: ASGI flow error: Connection already upgraded",
        r"ASGI flow error: Connection already upgraded",
        "WSD106",
        "granian refused the message, because the handshake had been answered already",
        needle="ASGI flow error",
    ),
    _signature(
        "ValueError: Socket has not been accepted, so cannot send over it",
        r"Socket has not been accepted, so cannot send over it",
        "WSD106",
        "daphne refused the message, because the handshake was not answered",
        needle="Socket has not been accepted",
    ),
    _signature(
        'Cannot call "send" once a close message has been sent.',
        rf"Cannot call {_ANY}send{_ANY} once a close message has been sent",
        "WSD103 WSD102 WSD101",
        "Starlette refused to send: the application had closed, or an earlier send had failed because the "
        "client was gone",
        needle="once a close message has been sent",
        in_task="WSD302",
    ),
    _signature(
        'Cannot call "receive" once a disconnect message has been received.',
        rf"Cannot call {_ANY}receive{_ANY} once a disconnect message has been received",
        "WSD104",
        "the application read again after Starlette had given it the disconnect",
        needle="once a disconnect message has been",
    ),
    _signature(
        'WebSocket is not connected. Need to call "accept" first.',
        rf"WebSocket is not connected\. Need to call {_ANY}accept",
        "WSD104 WSD103 WSD106",
        "Starlette refused to read: the connection was over (closed by the application, or an earlier send "
        "had failed), or it was never accepted",
        needle="WebSocket is not connected",
    ),
    _signature(
        "litestar.exceptions.websocket_exceptions.WebSocketDisconnect: connection is disconnected",
        r"WebSocketDisconnect: connection is disconnected",
        "WSD104 WSD102 WSD201",
        "the application read or sent again after Litestar had given it the disconnect",
        needle="connection is disconnected",
    ),
    _signature(
        "cannot call recv while another coroutine is already waiting for the next message",
        r"cannot call (?:recv|recv_streaming|receive) while another",
        "WSD105",
        "two tasks waited for the next message of one connection at once",
        needle="cannot call rec",
        proof=False,
    ),
    _signature(
        "autobahn.exception.Disconnected: Attempt to send on a closed protocol",
        r"Attempt to send on a closed protocol",
        "WSD102 WSD204",
        "daphne refused to send, because the client was gone",
        needle="Attempt to send on a closed protocol",
    ),
    _signature(
        "wsproto.utilities.LocalProtocolError: Event TextMessage(data='x') cannot be sent in state "
        "ConnectionState.CLOSED.",
        r"LocalProtocolError: Event .* cannot be sent in state ConnectionState\.",
        "WSD102 WSD103 WSD802",
        "wsproto refused to send on a connection that had ended",
        needle="cannot be sent in state ConnectionState",
        proof=False,
    ),
    # --- the close frame itself
    _signature(
        "websockets.exceptions.ProtocolError: invalid status code",
        r"ProtocolError: (?:invalid status code|control frame too long)",
        "WSD107 WSD602",
        "the connection was closed with a code or a reason that RFC 6455 does not allow",
        proof=False,
    ),
    _signature(
        "invalid close code 1005 (must be 1000 or from [3000, 4999])",
        r"invalid close code \d+ \(must be 1000",
        "WSD107 WSD602",
        "the application closed with a code that RFC 6455 does not allow it to send",
        needle="invalid close code",
    ),
    # --- the disconnect, by its exception
    _signature(
        "starlette.websockets.WebSocketDisconnect: (1001, '')",
        r"\bWebSocketDisconnect\b",
        "WSD201 WSD202 WSD302",
        "the framework raised this because the client left; in a traceback that a server or asyncio logs, "
        "nothing caught it",
        needle="WebSocketDisconnect",
        last_line=True,
    ),
    _signature(
        "uvicorn.protocols.utils.ClientDisconnected",
        r"\bClientDisconnected\b",
        "WSD204 WSD201",
        "a send failed because the client was gone, and nothing caught it",
        needle="ClientDisconnected",
        last_line=True,
    ),
    _signature(
        "websockets.exceptions.ConnectionClosedError: received 1011 (internal error); then sent 1011 "
        "(internal error)",
        r"\breceived (?:1011|4500)\b",
        "WSD602 WSD603 WSD501",
        "the other side closed because of an error of its own: if it is your server, its handler raised",
        incident=False,
        proof=False,
    ),
    _signature(
        "websockets.exceptions.ConnectionClosedError: no close frame received or sent",
        r"\bConnectionClosed(?:OK|Error)?\b",
        "WSD204 WSD602",
        "the `websockets` library found the connection closed; on a server that means that the client has "
        "left",
        needle="ConnectionClosed",
        last_line=True,
        proof=False,
    ),
    # --- asyncio
    _signature(
        "Task was destroyed but it is pending!",
        r"Task was destroyed but it is pending",
        "WSD303",
        "the garbage collector threw away a task that nothing referred to, before it had ended",
    ),
    _signature(
        "Exception in callback landed(<Task finished ...>) at /app/ws.py:51",
        r"(?:^|\s|:)Exception in callback\b(?! StreamReaderProtocol\.)",
        "WSD207",
        "a done callback, or a function given to `call_soon` or `call_later`, raised",
        needle="Exception in callback",
        above=True,
        proof=False,
    ),
    _signature(
        "Task exception was never retrieved",
        r"(?:Task|Future) exception was never retrieved",
        "WSD302",
        "a task failed, and nothing awaits it",
        needle="exception was never retrieved",
        above=True,
        proof=False,
    ),
    _signature(
        "Executing <Task finished name='Task-3' coro=<chat() done>> took 2.067 seconds",
        r"Executing <(?:Task|Handle|TimerHandle)\b.*> took \d+\.\d+ seconds",
        "WSD404",
        "a step of a task held the event loop for that long",
        needle="Executing <",
        proof=False,
    ),
    _signature(
        "RuntimeError: async generator ignored GeneratorExit",
        r"async generator ignored GeneratorExit"
        r"|an error occurred during closing of asynchronous generator"
        r"|Attempted to exit (?:a )?cancel scope in a different task",
        "WSD304 WSD205",
        "an async generator was left suspended, and ended by the garbage collector or by another task",
        needle="async generator ignored",
        last_line=True,
        proof=False,
    ),
    _signature(
        "RuntimeError: Set changed size during iteration",
        r"(?:changed size|mutated|changed) during iteration",
        "WSD405",
        "a client came or left while a loop over the connections was waiting, and the loop broke off",
        needle="during iteration",
        last_line=True,
        proof=False,
    ),
    _signature(
        "ValueError: list.remove(x): x not in list",
        r"list\.remove\(x\): x not in list|deque\.remove\(x\): x not in deque",
        "WSD203 WSD406",
        "the clean-up removed something that was already gone",
        proof=False,
    ),
    _signature(
        "asyncio.exceptions.CancelledError",
        r"\bCancelledError\b",
        "WSD501 WSD206",
        "a task was cancelled; in a traceback that a server logs, the CancelledError left the handler",
        needle="CancelledError",
        last_line=True,
        proof=False,
    ),
    # --- how servers stop, and what they kill
    _signature(
        "Application instance <Task pending ...> for connection <WebSocketProtocol client=['127.0.0.1', "
        "52000] path=b'/ws'> took too long to shut down and was killed.",
        r"(?:Application instance .*)?for connection <WebSocketProtocol\b.* took too long to shut down and was killed",
        "WSD401 WSD402",
        "daphne cancelled a handler that had not ended ten seconds after its client left",
        needle="took too long to shut down and was killed",
    ),
    _signature(
        "Cancel 2 running task(s), timeout graceful shutdown exceeded",
        r"timeout graceful shutdown exceeded",
        "WSD403",
        "uvicorn cancelled what still ran when its time for a graceful shutdown was over",
    ),
    _signature(
        "Waiting for background tasks to complete. (CTRL+C to force quit)",
        r"Waiting for (?:background tasks to complete|connections to close)\.",
        "WSD403",
        "uvicorn was asked to stop, and a handler or a connection has not ended; for a second that is "
        "ordinary",
        incident=False,
        proof=False,
    ),
    _signature(
        "AttributeError: 'WebSocketProtocol' object has no attribute 'handshake_deferred'",
        r"'WebSocketProtocol' object has no attribute 'handshake_deferred'",
        "WSD106",
        "daphne refused to accept a connection for the second time",
        needle="object has no attribute",
    ),
    _signature(
        "AttributeError: 'WebSocketProtocol' object has no attribute 'transfer_data_task'",
        r"'WebSocketProtocol' object has no attribute 'transfer_data_task'",
        "WSD802 WSD106",
        "the server itself failed, on a connection that was not open",
        needle="object has no attribute",
    ),
    _signature(
        "[CRITICAL] WORKER TIMEOUT (pid:17)",
        r"WORKER TIMEOUT|Worker \(pid:\d+\) was sent SIG(?:KILL|ABRT|SEGV)|Perhaps out of memory\?"
        r"|Child process \[\d+\] died|Fatal Python error: |Segmentation fault",
        "WSD407 WSD404",
        "a worker process died, or was killed because its event loop did not answer",
        incident=False,
        proof=False,
    ),
    _signature(
        "Application startup failed. Exiting.",
        r"Application startup failed",
        "WSD001",
        "the application's lifespan failed at start-up",
        incident=False,
        proof=False,
    ),
    _signature(
        "connection rejected (403 Forbidden)",
        r"connection rejected \([34]\d\d|server rejected WebSocket connection: HTTP [34]\d\d"
        r"|\"WebSocket [^\"]*\" [34]\d\d",
        "WSD002",
        "the handshake was refused",
        incident=False,
        proof=False,
    ),
    _signature(
        "connection rejected (500 Internal Server Error)",
        r"connection rejected \(5\d\d|server rejected WebSocket connection: HTTP 5\d\d"
        r"|\"WebSocket [^\"]*\" 5\d\d",
        "WSD106 WSD002",
        "the application failed before it had answered the handshake",
        incident=False,
        proof=False,
    ),
    _signature(
        "Exception in ASGI application",
        r"Exception in ASGI application|Error in ASGI Framework|Exception inside application\b"
        r"|Application callable raised an exception|Exception on websocket "
        r"|Uncaught exception \(connection_type=websocket",
        "WSD201 WSD202 WSD203 WSD501 WSD101 WSD102",
        "the server logs this above the traceback of whatever leaves a handler; the last line of that "
        "traceback tells more",
        incident=False,
        proof=False,
    ),
)

GONE = frozenset(
    {
        "ClientDisconnected",
        "ConnectionClosed",
        "ConnectionClosedError",
        "ConnectionClosedOK",
        "WebSocketDisconnected",
    }
)
"""Exceptions that a send to a client that has left raises, by server and framework."""

NEEDLES: tuple[bytes, ...] = tuple(
    dict.fromkeys(signature.needle.encode() for signature in SIGNATURES if signature.needle)
)
"""What stands in a log of the texts that are incidents without a traceback."""


@lru_cache(maxsize=256)  # a log says the same again and again
def signature_of(text: str, *, incidents: bool = False) -> Signature | None:
    """The first signature that fits ``text``; with ``incidents`` no other than those of incidents."""
    line = " ".join(text.split())
    return next(
        (
            signature
            for signature in SIGNATURES
            if signature.pattern.search(line) and (signature.incident or not incidents)
        ),
        None,
    )


def above_traceback(text: str) -> Signature | None:
    """What asyncio says in ``text``, the record that a traceback belongs to."""
    line = " ".join(text.split())
    said = (signature for signature in SIGNATURES if signature.above)
    return next((signature for signature in said if signature.pattern.search(line)), None)


def near(text: str) -> list[Signature]:
    """The signatures whose examples are most like ``text``, the nearest first."""
    known = {signature.example: signature for signature in SIGNATURES}
    return [known[example] for example in get_close_matches(text, known, n=2, cutoff=0.5)]
