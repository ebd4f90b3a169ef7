"""One connection of a Recording, read: the facts that the rules ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from wsdoctor.diagnosis.contract import State, follow, violated_rule
from wsdoctor.diagnosis.exceptions import ids, is_os_error
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    AsyncGeneratorSuspended,
    CancelRequested,
    ClientActed,
    ClientEnded,
    ExceptionInfo,
    HandshakeRefused,
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ReceiveCalled,
    ReceiveReturned,
    ScriptStopped,
    SendCalled,
    SendReturned,
    ServerPhase,
    StackFrame,
    StacksSampled,
    TaskCreated,
    TaskEnded,
    TaskStack,
    TransportLost,
)
from wsdoctor.recording.recording import Recording

E = TypeVar("E")

RACE = 0.05
"""Seconds after the disconnect within which another task's send has not yet had a chance to know."""

_ERRORS = frozenset({"ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that the contract forbids, with what came of it. ``index`` is its place in the events."""

    code: str
    index: int
    state: State
    call: SendCalled
    raised: ExceptionInfo | None


@dataclass(frozen=True, slots=True)
class Escape:
    """An exception that left the user's handler: up to the framework, or up to the server."""

    index: int
    error: ExceptionInfo
    boundary: str
    """``framework`` (it was caught and answered there) or ``server``."""


class Connection:
    """The events of connection ``number`` up to the end of the observation, and what they say."""

    def __init__(self, recording: Recording, number: int = 1) -> None:
        self.recording = recording
        self.number = number
        events: list[AnyEvent] = []
        for event in recording.events:
            if isinstance(event, ObservationEnded):
                break
            events.append(event)
        self.events = events

    def all(self, kind: type[E]) -> list[E]:
        """Its events of one type, in order."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and getattr(event, "connection", self.number) == self.number
        ]

    def first(self, kind: type[E]) -> E | None:
        found = self.all(kind)
        return found[0] if found else None

    # --- the course of the connection

    @cached_property
    def called(self) -> AppCalled | None:
        return self.first(AppCalled)

    @cached_property
    def returned(self) -> AppReturned | None:
        return self.first(AppReturned)

    @cached_property
    def refused(self) -> HandshakeRefused | None:
        return self.first(HandshakeRefused)

    @cached_property
    def script_stopped(self) -> ScriptStopped | None:
        return self.first(ScriptStopped)

    @cached_property
    def startup_failed(self) -> bool:
        return any(event.phase == "startup-failed" for event in self.all(ServerPhase))

    @cached_property
    def acted(self) -> float | None:
        """When the client disconnected, or the server was asked to stop."""
        for event in self.events:
            if isinstance(event, ClientActed) and event.disconnects and event.connection == self.number:
                return event.time
            if isinstance(event, ServerPhase) and event.phase == "exit-requested":
                return event.time
        return None

    @cached_property
    def delivered(self) -> int | None:
        """The index of the event by which the application received ``websocket.disconnect``."""
        for index, event in enumerate(self.events):
            if (
                isinstance(event, ReceiveReturned)
                and event.connection == self.number
                and event.message == "websocket.disconnect"
            ):
                return index
        return None

    @cached_property
    def end_known(self) -> float | None:
        """When the application could first know that the connection is over."""
        for event in self.events:
            if getattr(event, "connection", 0) != self.number:
                continue
            if (
                isinstance(event, TransportLost)
                or (isinstance(event, ReceiveReturned) and event.message == "websocket.disconnect")
                or (isinstance(event, SendReturned) and event.exception and is_os_error(event.exception))
            ):
                return event.time
        return None

    @cached_property
    def teardown(self) -> float | None:
        """Seconds from the end of the connection to the handler's return; 0 if it returned first."""
        if self.returned is None or self.end_known is None:
            return None
        return max(0.0, self.returned.time - self.end_known)

    @cached_property
    def close_code(self) -> int | None:
        ended = self.first(ClientEnded)
        return None if ended is None else ended.code

    # --- the contract

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """The application's messages that the contract forbids, walked through the table.

        A send of another task than the one that received the disconnect, made before that task
        could act on it, is a race and no violation.
        """
        found: list[Violation] = []
        state = State.CONNECTING
        knows_since: tuple[float, int] | None = None
        receivers: dict[int, int] = {}
        for index, event in enumerate(self.events):
            if getattr(event, "connection", 0) != self.number:
                continue
            if isinstance(event, ReceiveCalled):
                receivers[event.call] = event.task
            elif isinstance(event, ReceiveReturned) and event.message == "websocket.disconnect":
                if state is not State.CLOSED:
                    state = State.DISCONNECTED
                knows_since = knows_since or (event.time, receivers.get(event.call, 0))
            elif isinstance(event, SendReturned) and event.exception and is_os_error(event.exception):
                if state is not State.DISCONNECTED:
                    state = State.GONE
            elif isinstance(event, SendCalled):
                code = violated_rule(state, event.message)
                if code is None:
                    state = follow(state, event.message) or state
                    continue
                races = (
                    knows_since is not None
                    and state is State.DISCONNECTED
                    and event.task != knows_since[1]
                    and event.time - knows_since[0] <= RACE
                    and event.handling is None
                )
                if not races:
                    found.append(Violation(code, index, state, event, self.outcome(event.call)))
        return tuple(found)

    def outcome(self, call: int) -> ExceptionInfo | None:
        """What the server's ``send`` raised for ``call``."""
        for event in self.all(SendReturned):
            if event.call == call:
                return event.exception
        return None

    @cached_property
    def users_violations(self) -> tuple[Violation, ...]:
        return tuple(item for item in self.violations if item.call.sender == "user")

    @cached_property
    def refusals(self) -> frozenset[int]:
        """The exceptions by which the server's ``send`` refused a message after the end: no defect."""
        return frozenset(
            event.exception.id
            for event in self.all(SendReturned)
            if event.exception is not None and is_os_error(event.exception)
        )

    @cached_property
    def violation_errors(self) -> frozenset[int]:
        """The exceptions that the user's own forbidden messages raised."""
        return frozenset(item.raised.id for item in self.users_violations if item.raised is not None)

    # --- exceptions

    @cached_property
    def escapes(self) -> tuple[Escape, ...]:
        """The exceptions that left the user's handler, in order; each object once."""
        found: list[Escape] = []
        seen: set[int] = set()
        answering: set[int] = set()
        for index, event in enumerate(self.events):
            if getattr(event, "connection", 0) != self.number:
                continue
            if isinstance(event, SendCalled) and event.sender == "framework" and event.handling is not None:
                answering.add(event.call)
                if event.handling.id not in seen:
                    seen.add(event.handling.id)
                    found.append(Escape(index, event.handling, "framework"))
            elif isinstance(event, SendReturned) and event.call in answering and event.exception is not None:
                # Raised by the framework's own answer: the escape is what it was answering to.
                seen.add(event.exception.id)
            elif (
                isinstance(event, AppReturned)
                and event.exception is not None
                and event.exception.id not in seen
                and not self._is_answer(event.exception, answering)
            ):
                found.append(Escape(index, event.exception, "server"))
        return tuple(found)

    def misread(self, escape: Escape) -> bool:
        """Whether ``escape`` may be the handler's answer to a message that wsdoctor made up."""
        return self.recording.default_payload and any(
            isinstance(event, ReceiveReturned) and event.message == "websocket.receive"
            for event in self.events[: escape.index]
        )

    def _is_answer(self, error: ExceptionInfo, answering: set[int]) -> bool:
        raised = {
            event.exception.id
            for event in self.all(SendReturned)
            if event.call in answering and event.exception is not None
        }
        return bool(raised & ids(error))

    @cached_property
    def unretrieved(self) -> tuple[LoopErrorReported, ...]:
        return tuple(event for event in self.all(LoopErrorReported) if "never retrieved" in event.message)

    @cached_property
    def logged(self) -> frozenset[int]:
        """The exceptions that are in a log record of level ERROR, with all that they came from."""
        found: set[int] = set()
        for event in self.events:
            if isinstance(event, LogEmitted) and event.level in _ERRORS:
                found |= ids(event.exception)
        return frozenset(found)

    @cached_property
    def error_logs(self) -> tuple[LogEmitted, ...]:
        return tuple(
            event for event in self.events if isinstance(event, LogEmitted) and event.level in _ERRORS
        )

    # --- tasks and generators

    @cached_property
    def suspended(self) -> tuple[StackFrame, ...]:
        """Where the generators that the handler's own task started stood when the end became known."""
        return tuple(
            event.location for event in self.all(AsyncGeneratorSuspended) if event.task == self.main_task
        )

    @cached_property
    def tasks(self) -> dict[int, TaskCreated]:
        """The tasks that the connection started, by number."""
        return {event.task: event for event in self.all(TaskCreated)}

    @cached_property
    def ends(self) -> dict[int, TaskEnded]:
        return {event.task: event for event in self.all(TaskEnded)}

    @cached_property
    def main_task(self) -> int:
        return 0 if self.called is None else self.called.task

    def sampled(self, *reasons: str) -> TaskStack | None:
        """Where the handler's own task was in the first sample taken for one of ``reasons``."""
        for sample in self.all(StacksSampled):
            if sample.reason in reasons:
                for stack in sample.stacks:
                    if stack.task == self.main_task:
                        return stack
        return None

    @cached_property
    def outlived(self) -> tuple[TaskCreated, ...]:
        """The tasks that were alive when the grace time after the handler's return had passed."""
        for sample in self.all(StacksSampled):
            if sample.reason == "returned":
                return tuple(self.tasks[stack.task] for stack in sample.stacks if stack.task in self.tasks)
        return ()

    @cached_property
    def cancelled_from_outside(self) -> bool:
        """Whether the server (or wsdoctor) cancelled the handler's task."""
        return any(
            event.task == self.main_task and event.by != "app" for event in self.all(CancelRequested)
        )

    @cached_property
    def listening_at_end(self) -> bool:
        """Whether a ``receive()`` was waiting when the connection ended, or was called afterwards."""
        if self.end_known is None:
            return False
        waiting: set[int] = set()
        for event in self.events:
            if getattr(event, "connection", 0) != self.number:
                continue
            if isinstance(event, ReceiveCalled):
                if event.time >= self.end_known:
                    return True
                waiting.add(event.call)
            elif isinstance(event, ReceiveReturned):
                if event.message == "websocket.disconnect":
                    return True
                waiting.discard(event.call)
            elif event.time >= self.end_known and waiting:
                return True
        return bool(waiting)
