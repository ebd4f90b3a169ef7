"""A Recording: one session, as an immutable, ordered list of events; saved and loaded as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AnyEvent, StackFrame
from wsdoctor.recording.grace import GRACE


class MomentPassed(Struct, frozen=True):
    """A moment of a connection's life, and the user's lines that were suspended then.

    ``spoken``: the client had sent a message. ``state`` and ``place`` are numbers within one Recording:
    two moments with the same ``state`` differ in nothing but counters, at two with the
    same ``place`` the tasks are suspended at the same awaits, and as much is buffered. 0: not known.
    """

    name: str
    suspended: tuple[StackFrame, ...] = ()
    spoken: bool = False
    state: int = 0
    place: int = 0


class Ran(Struct, frozen=True):
    """A coroutine function of the user's that ran for a client, and its lines that did."""

    function: StackFrame
    lines: tuple[int, ...]


class Asked(Struct, frozen=True, kw_only=True):
    """A request to a party outside (a database, a child process), as far as its answer took time.

    Times are seconds of the session. ``until``: when the answer came, or was given up.
    ``overtaken``: when the first time-out of the application's ended before that, None if none did.
    """

    peer: str
    asked: float
    until: float
    overtaken: float | None = None


class Control(Struct, frozen=True, kw_only=True):
    """The messages that the bystander of a case gets if both clients stay.

    All times are seconds of the session, as in the case. ``received`` are the times of its messages,
    ``until`` is the end of the observation. ``closed`` is the end of its connection or its handler, None
    if neither ended.
    """

    received: tuple[float, ...]
    until: float
    closed: float | None = None


class Recording(Struct, frozen=True, kw_only=True):
    """What one session observed. It can be diagnosed without running anything again.

    ``sources`` holds the text of the user's files that occur in a stack, by file name, so that a
    diagnosis needs no disk. ``handler`` is where the route's handler is defined. ``framework`` is
    ``litestar``, ``starlette``, ``fastapi`` or ``asgi``. ``grace`` (seconds of the session's clock)
    is what a handler or task may take to end; ``watched`` what it was watched for.
    """

    case: Case
    clock: Literal["virtual", "wall"]
    framework: str
    events: tuple[AnyEvent, ...]
    sources: dict[str, str] = {}
    imported: dict[str, str] = {}
    """The text of the user's files that those of ``sources`` import, by file name: names in these stand
    for what is defined there. Empty unless it was noted which lines ran."""
    handler: StackFrame | None = None
    grace: float = GRACE
    watched: float = 120.0
    moments: tuple[MomentPassed, ...] = ()
    """Every moment of a session that lived its whole life, in order."""
    moments_left_out: int = 0
    """Moments of an application that is never at rest: they are like those before them."""
    opened: bool = True
    """The client had seen the handshake's answer when the disconnect came."""
    together: bool = False
    """After a disconnect at a poll, sockets became ready together: their order was a choice."""
    used_wall_time: bool = False
    """The virtual clock had to go at the pace of the wall clock for a while: the application has
    threads, sockets or processes of its own."""
    asked: tuple[Asked, ...] = ()
    """What the application asked outside, in the order of the answers."""
    waited: float = 0.0
    """Wall seconds for which the virtual clock kept the pace of the wall, because threads of the
    application worked, or answers from outside were pending."""
    streamed: bool = False
    """Whether data came from outside without a request, while the client waited."""
    by_date: str = ""
    """The name of a coroutine or callback of the application's that sets its timers by the date, which
    does not pass with virtual time; "" if none was seen."""
    pooled: bool = False
    """A connection took something from a pool that can be made to lend no more than one."""
    as_before: bool = False
    """Whether the observed contents of the user's global variables were the same at the end as before the
    client came, and no task or thread of a connection was left."""
    timer: bool = False
    """In a survey: whether code of the connection waited for a timer when the client left."""
    shared_timer: bool = False
    """In a survey: whether a task of no connection, which has sent to this one, waited for a timer then."""
    read: int = 0
    """Number of messages that the script and the driver had read when they had finished."""
    default_payload: bool = False
    """The client had no message of the user's to send, so it sent one of its own making, or repeated
    the driver's last one."""
    ran: tuple[Ran, ...] | None = None
    """The user's code that ran, if the session observed lines."""
    control: Control | None = None
    """The result of the same case without the disconnect, if it has a bystander."""


class InvalidRecordingError(ValueError):
    """The bytes are not a Recording of this version."""


def save(recording: Recording) -> bytes:
    """The Recording as JSON."""
    return msgspec.json.encode(recording)


def load(data: bytes) -> Recording:
    """The Recording that ``save`` wrote.

    Raises InvalidRecordingError, with the path of what does not fit.
    """
    try:
        return msgspec.json.decode(data, type=Recording)
    except msgspec.DecodeError as error:
        msg = f"not a recording of this version of wsdoctor: {error}"
        raise InvalidRecordingError(msg) from error
