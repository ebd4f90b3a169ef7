"""What the tests of a session share: running an app through one case, and reading what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any, TypeVar

from wsdoctor.plan.budget import ANSWER_TIME
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake, Step
from wsdoctor.recording.events import (
    AppCalled,
    AppReturned,
    ClientActed,
    ClientEnded,
    ExceptionInfo,
    FrameReceived,
    FrameSent,
    HandshakeAccepted,
    HandshakeRefused,
    LogEmitted,
    ObservationEnded,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    ServerPhase,
    TransportLost,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.session.timeouts import Timing
from wsdoctor.sim.engine import Clock, NetworkName
from wsdoctor.target import UserCode

ALL = tuple(SERVERS)
SANSIO, LEGACY, WSPROTO = ALL


class UserCodeHere(UserCode):
    """The modules of these tests, which their applications are in: the process has imported all others as well.

    Not this module, or what this class remembers would count as a container of the application's.
    """

    def modules(self) -> tuple[ModuleType, ...]:
        return tuple(
            module
            for module in super().modules()
            if module.__name__.startswith("tests.session.") and module.__name__ != __name__
        )


USER_CODE = UserCodeHere()
"""Shared: it remembers what it has decided about every library file."""

E = TypeVar("E")


def run(
    app: Any,
    kind: str = "close",
    moment: str = "after-accept",
    server: str = LEGACY,
    *,
    script: tuple[Step, ...] = (),
    clock: Clock = "virtual",
    network: NetworkName = "memory",
    handshake: Handshake | None = None,
    grace: float = 0.5,
    answer_time: float = ANSWER_TIME,
) -> Recording:
    """The Recording of ``app`` in one case."""
    case = Case(
        route="/ws",
        server=server,
        kind=kind,
        moment=moment,
        handshake=handshake or Handshake(path="/ws"),
        script=script,
    )
    return run_case(
        case,
        SessionTarget(app, "asgi", USER_CODE),
        timing=Timing(clock=clock, grace=grace, answer_time=answer_time),
        network=network,
        compare=True,
    )


def observed(recording: Recording) -> list[Any]:
    """The events up to the end of the observation."""
    events = list(recording.events)
    ends = [index for index, event in enumerate(events) if isinstance(event, ObservationEnded)]
    if not ends and isinstance(events[-1], WorkerLost):
        return events
    assert len(ends) == 1, "a session ends its observation once"
    return events[: ends[0]]


def all_of(recording: Recording, kind: type[E], connection: int = 1) -> list[E]:
    """The events of one type that belong to ``connection`` (or to none)."""
    return [
        event
        for event in observed(recording)
        if isinstance(event, kind) and getattr(event, "connection", connection) == connection
    ]


def the(recording: Recording, kind: type[E], connection: int = 1) -> E:
    """The one event of that type."""
    (event,) = all_of(recording, kind, connection)
    return event


def acted_at(recording: Recording) -> float:
    """When the client disconnected, or the server was asked to stop."""
    for event in observed(recording):
        if isinstance(event, ClientActed) and event.disconnects:
            return event.time
        if isinstance(event, ServerPhase) and event.phase == "exit-requested":
            return event.time
    raise AssertionError("neither side did anything")


def asgi(recording: Recording, connection: int = 1) -> list[str]:
    """What crossed the ASGI boundary, in order: ``<`` to the app, ``>`` from it, ``!`` what ``send`` raised."""
    lines: list[str] = []
    for event in observed(recording):
        if getattr(event, "connection", connection) != connection:
            continue
        match event:
            case AppCalled():
                lines.append("called")
            case ReceiveReturned(exception=None):
                lines.append(
                    f"<{_short(event.message)}"
                    + (f" {event.code}" if event.code is not None else "")
                )
            case ReceiveReturned(exception=ExceptionInfo() as error):
                lines.append(f"<!{_class(error)}")
            case SendCalled():
                lines.append(
                    f">{_short(event.message)}"
                    + (f" {event.code}" if event.code is not None else "")
                )
            case SendReturned(exception=ExceptionInfo() as error):
                lines.append(f"!{_class(error)}")
            case AppReturned(exception=None):
                lines.append("returned")
            case AppReturned(exception=ExceptionInfo() as error):
                lines.append(f"raised {_class(error)}")
    return lines


def wire(recording: Recording, connection: int = 1) -> list[str]:
    """What the client saw and did, in order: ``<`` frames that came, ``>`` frames that went, acts by name."""
    lines: list[str] = []
    for event in observed(recording):
        if getattr(event, "connection", connection) != connection:
            continue
        match event:
            case HandshakeAccepted():
                lines.append("accepted")
            case HandshakeRefused():
                lines.append(f"refused {event.status}")
            case ClientActed():
                lines.append(event.act)
            case FrameSent():
                lines.append(
                    f">{event.opcode}" + (f" {event.code}" if event.code is not None else "")
                )
            case FrameReceived():
                lines.append(
                    f"<{event.opcode}" + (f" {event.code}" if event.code is not None else "")
                )
            case TransportLost():
                lines.append("server lost it")
            case ClientEnded():
                lines.append(f"ended {event.code}")
    return lines


def errors_logged(recording: Recording) -> list[LogEmitted]:
    """The log records from ERROR on, of whatever connection."""
    return [
        event
        for event in observed(recording)
        if isinstance(event, LogEmitted) and event.level in {"ERROR", "CRITICAL"}
    ]


def in_order(wanted: Iterable[str], lines: Iterable[str]) -> bool:
    """Whether ``wanted`` occur in ``lines`` in that order, others in between allowed."""
    rest = iter(lines)
    return all(item in rest for item in wanted)


def _short(message: str) -> str:
    return message.removeprefix("websocket.")


def _class(error: ExceptionInfo) -> str:
    return error.type.rpartition(".")[2]
