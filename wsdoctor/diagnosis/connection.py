"""One connection of a Recording, read: the facts that the rules ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from wsdoctor.diagnosis.contract import CLOSE, DENY_START, State
from wsdoctor.diagnosis.end_known import end_of
from wsdoctor.diagnosis.exceptions import chain, ids, is_disconnect, is_os_error, leaves
from wsdoctor.diagnosis.walk import InvalidClose, Violation, Walk
from wsdoctor.plan.kinds import BURST_KINDS
from wsdoctor.recording.events import (
    AnyEvent,
    AppCalled,
    AppReturned,
    AsyncGeneratorStarted,
    AsyncGeneratorSuspended,
    CancelRequested,
    ClientActed,
    ClientEnded,
    ConnectionHeld,
    ExceptionInfo,
    HandshakeRefused,
    LocksLeft,
    LogEmitted,
    LoopErrorReported,
    ObservationEnded,
    ProbeRead,
    ReceiveCalled,
    ReceiveReturned,
    RecordingFull,
    ResourcesLeft,
    ScriptStopped,
    SendCalled,
    SendReturned,
    ServerPhase,
    StackFrame,
    StacksSampled,
    TaskCreated,
    TaskEnded,
    TaskStack,
    ThreadsLeft,
    WorkerLost,
)
from wsdoctor.recording.recording import Asked, Recording

E = TypeVar("E")

RACE = 0.05
"""Seconds after the disconnect within which another task's send has not yet had a chance to know."""

_ERRORS = frozenset({"ERROR", "CRITICAL"})
_MESSAGE = "websocket.receive"

_AN_INSTANT = 0.001
"""Seconds within which one thing does not come of another that a person, or a network, did."""


@dataclass(frozen=True, slots=True)
class Escape:
    """An exception that left the user's handler: up to the framework, or up to the server."""

    index: int
    error: ExceptionInfo
    boundary: str
    """``framework`` (it was caught and answered there) or ``server``."""


def frame_root(frame: StackFrame) -> tuple[str, int, str]:
    """What identifies the function of ``frame``."""
    return (frame.file, frame.first_line, frame.function)


class Connection:
    """The events of connection ``number`` up to the end of the observation, and what they say."""

    def __init__(self, recording: Recording, number: int = 1) -> None:
        self.recording = recording
        self.number = number
        events: list[AnyEvent] = []
        full = False
        for event in recording.events:
            if isinstance(event, ObservationEnded):
                break
            if not full or isinstance(event, WorkerLost):
                events.append(event)
            full = full or isinstance(event, RecordingFull)
        self.events = events

    def all(self, kind: type[E]) -> list[E]:
        """Its events of one type, in order."""
        return cast("list[E]", self._by_type.get(kind, []))

    @cached_property
    def _by_type(self) -> dict[type, list[AnyEvent]]:
        found: dict[type, list[AnyEvent]] = {}
        for event in self.events:
            if getattr(event, "connection", self.number) == self.number:
                found.setdefault(type(event), []).append(event)
        return found

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
    def turned_away(self) -> HandshakeRefused | None:
        """The refusal, if it was the application's, and the client had not left before it."""
        refused = self.refused
        if refused is None or self.recording.case.kind == "before-accept" or self.startup_failed:
            return None
        if refused.status == 0 and self.acted is not None and self.acted <= refused.time:
            return None  # the client had left, or the server was asked to stop first
        return refused

    @cached_property
    def script_stopped(self) -> ScriptStopped | None:
        return self.first(ScriptStopped)

    @cached_property
    def overflowed(self) -> RecordingFull | None:
        """There was more than could be recorded: nothing can be said of it."""
        return self.first(RecordingFull)

    @cached_property
    def startup_failed(self) -> bool:
        return self.lost_starting is not None or any(
            event.phase == "startup-failed" for event in self.all(ServerPhase)
        )

    @cached_property
    def lost_starting(self) -> WorkerLost | None:
        """The process had to be ended because the application's start-up held the event loop."""
        lost = self.first(WorkerLost)
        if lost is None or not lost.samples or self.called is not None:
            return None
        if self.first(ServerPhase) is not None:
            return None
        return lost

    @property
    def acted(self) -> float | None:
        """When the client disconnected, or the server was asked to stop."""
        return None if self.act is None else self.act.time

    @cached_property
    def act(self) -> ClientActed | ServerPhase | None:
        """The client's disconnect, or that the server was asked to stop."""
        for event in self.events:
            if (
                isinstance(event, ClientActed)
                and event.disconnects
                and event.connection == self.number
            ):
                return event
            if isinstance(event, ServerPhase) and event.phase == "exit-requested":
                return event
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
    def told_task(self) -> int:
        """The task that received ``websocket.disconnect``, 0 if none did."""
        if self.delivered is None:
            return 0
        told = self.events[self.delivered]
        return next(
            (
                event.task
                for event in self.all(ReceiveCalled)
                if isinstance(told, ReceiveReturned) and event.call == told.call
            ),
            0,
        )

    @cached_property
    def end_index(self) -> int | None:
        """The place of the event by which the application could first know of the end."""
        own = (
            (index, event)
            for index, event in enumerate(self.events)
            if getattr(event, "connection", 0) == self.number
        )
        return end_of(own, self.refusals)

    @cached_property
    def end_known(self) -> float | None:
        """When the application could first know that the connection is over."""
        return None if self.end_index is None else self.events[self.end_index].time

    @cached_property
    def teardown(self) -> float | None:
        """Seconds from the end of the connection to the handler's return; 0 if it returned first."""
        if self.returned is None or self.end_known is None:
            return None
        return max(0.0, self.returned.time - self.end_known)

    @cached_property
    def awaited_outside(self) -> float:
        """Seconds of the teardown in which a party outside was asked for something and had not answered."""
        if self.returned is None or self.end_known is None:
            return 0.0
        total, reached = 0.0, self.end_known
        for asked in sorted(self.recording.asked, key=lambda item: item.asked):
            begin, until = max(asked.asked, reached), min(asked.until, self.returned.time)
            total += max(0.0, until - begin)
            reached = max(reached, until)
        return total

    @property
    def overtaken(self) -> Asked | None:
        """The first request whose answer was not there when a time-out of the application's ended."""
        late = [item for item in self.recording.asked if item.overtaken is not None]
        return min(late, key=lambda item: item.overtaken or 0.0, default=None)

    @cached_property
    def close_code(self) -> int | None:
        ended = self.first(ClientEnded)
        return None if ended is None else ended.code

    # --- the contract

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The application's messages that the contract forbids, walked through the table.

        A send of another task than the one that received the disconnect, made before that task
        could act on it, is a race and no violation.
        """
        return tuple(self._walk.violations)

    @property
    def invalid_closes(self) -> tuple[InvalidClose, ...]:
        """The application's closes of an open connection that RFC 6455 forbids as they are."""
        return tuple(self._walk.invalid_closes)

    @property
    def refusals(self) -> frozenset[int]:
        """The exceptions by which the server's ``send`` refused a message after the end: no defect.

        By the specification that is an OSError. For a connection that it is closing by itself (after
        a ping time-out, say) uvicorn raises a RuntimeError, as if the application had closed it; so
        a RuntimeError for a message that the contract allows is taken for the same.
        """
        return frozenset(self._walk.refusals)

    @cached_property
    def _walk(self) -> Walk:
        return Walk(
            (
                (index, event)
                for index, event in enumerate(self.events)
                if getattr(event, "connection", 0) == self.number
            ),
            ended=self.acted,
            races=self._races,
            outcome=self.outcome,
        )

    def _races(self, call: SendCalled) -> bool:
        """Whether a task that did not receive the disconnect sends before it had a chance to know."""
        if self.delivered is None:
            return False
        since = call.time - self.events[self.delivered].time
        return (
            call.task != self.told_task
            and since <= RACE
            and call.handling is None
            and not call.told
        )

    @cached_property
    def closes_slowly(self) -> bool:
        """Whether the handler waited for the server to carry out its close when its grace was over.

        uvicorn's legacy implementation waits for its own time-out while messages are unread.
        """
        violations = {item.call.call for item in self.violations}
        ended = {event.call: event.time for event in self.all(SendReturned)}
        over = (self.end_known or 0.0) + self.recording.grace
        return any(
            event.message == CLOSE
            and event.task == self.main_task
            and event.call not in violations
            and event.time <= over < ended.get(event.call, over)
            for event in self.all(SendCalled)
        )

    @cached_property
    def lost_races_logged(self) -> tuple[tuple[int, ExceptionInfo], ...]:
        """The refusals that are no OSError, left the handler, and are in the log: with their places.

        The specification lets a server refuse such a message with an OSError, and say nothing of it.
        """
        left = {number for item in self.escapes for number in ids(item.error)}
        return tuple(
            (index, event.exception)
            for index, event in enumerate(self.events)
            if isinstance(event, SendReturned)
            and event.exception is not None
            and event.exception.id in self.refusals & self.logged & left
            and not is_os_error(event.exception)
        )

    @property
    def breakdowns(self) -> tuple[tuple[int, ExceptionInfo], ...]:
        """What the server's ``send`` raised, after the end, for no reason that the contract knows.

        With the places of those events. What it raises for a payload that it cannot take is the
        application's fault; so it counts only for a message without one, or after another went well.
        """
        return tuple(self._walk.breakdowns)

    def outcome(self, call: int) -> ExceptionInfo | None:
        """What the server's ``send`` raised for ``call``."""
        return self._outcomes.get(call)

    @cached_property
    def _outcomes(self) -> dict[int, ExceptionInfo | None]:
        return {event.call: event.exception for event in self.all(SendReturned)}

    def decided(self, violation: Violation) -> bool:
        """Whether the sender of the forbidden message could know that it was forbidden.

        A task of the connection that goes on sending could not know that the client has left: the cause
        is in the code that started the task, and should have stopped it.
        """
        return (
            violation.state is not State.DISCONNECTED
            or violation.call.task in {self.main_task, self.told_task}
            or violation.call.told
            or violation.call.task not in self.tasks
        )

    def suppressed(self, violation: Violation) -> bool:
        """Whether a task that its owner had cancelled sent the forbidden message, and nothing came of it.

        Its cancellation tells a task that it has to end, not that the client has left, so it may say
        good-bye. Its owner has to expect the exception, and suppress it.
        """
        task, raised = violation.call.task, violation.raised
        if task in {self.main_task, self.told_task} or task not in self.tasks:
            return False
        if not any(
            isinstance(event, CancelRequested) and event.task == task and event.by == "app"
            for event in self.events[: violation.index]
        ):
            return False
        return raised is None or raised.id not in self._came_out

    def caught(self, violation: Violation) -> bool:
        """Whether the sender of the forbidden message caught the server's exception, and did not log it.

        It expects the refusal, so no server lets an exception through.
        """
        raised = violation.raised
        return raised is not None and raised.id not in self._came_out | self._ended_tasks

    @cached_property
    def _ended_tasks(self) -> frozenset[int]:
        """The exceptions that ended the handler or a task."""
        ends: list[AppReturned | TaskEnded] = [*self.all(AppReturned), *self.all(TaskEnded)]
        return frozenset(link for event in ends for link in ids(event.exception))

    @cached_property
    def _came_out(self) -> frozenset[int]:
        """The exceptions that left the handler, that were never retrieved, or that were logged."""
        errors = (
            *(escape.error for escape in self.escapes),
            *(event.exception for event in self.all(LoopErrorReported)),
        )
        return self.logged.union(*map(ids, errors))

    @cached_property
    def violation_errors(self) -> frozenset[int]:
        """The exceptions that the user's own forbidden messages raised."""
        return frozenset(
            item.raised.id
            for item in self.violations
            if item.call.sender == "user" and item.raised is not None and self.decided(item)
        )

    @cached_property
    def forbidden_errors(self) -> frozenset[int]:
        """The exceptions that forbidden messages of any sender raised."""
        return frozenset(
            item.raised.id
            for item in self.violations
            if item.raised is not None and self.decided(item)
        )

    def refused_to(self, task: int) -> frozenset[int]:
        """What the server's ``send`` raised for the messages of ``task``."""
        calls = {call.call for call in self.all(SendCalled) if call.task == task}
        return frozenset(
            event.exception.id
            for event in self.all(SendReturned)
            if event.call in calls and event.exception is not None
        )

    @cached_property
    def untold(self) -> frozenset[int]:
        """The exceptions of forbidden messages from tasks that did not know of the disconnect.

        While the handler waits for such a task, or for something else, the handler is at fault.
        """
        return frozenset(
            item.raised.id
            for item in self.violations
            if item.raised is not None and not self.decided(item)
        )

    # --- exceptions

    @cached_property
    def escapes(self) -> tuple[Escape, ...]:
        """The exceptions that left the user's handler, in order; each object once.

        A framework answers one by closing. A package that sends a message while it handles an exception
        goes on: a worker, say, that was cancelled and tells its client so.
        """
        found: list[Escape] = []
        seen: set[int] = set()
        answering: set[int] = set()
        for index, event in enumerate(self.events):
            if getattr(event, "connection", 0) != self.number:
                continue
            if (
                isinstance(event, SendCalled)
                and event.sender == "framework"
                and event.message in {CLOSE, DENY_START}
                and event.handling is not None
            ):
                answering.add(event.call)
                if event.handling.id not in seen:
                    seen.add(event.handling.id)
                    found.append(Escape(index, event.handling, "framework"))
            elif (
                isinstance(event, SendReturned)
                and event.call in answering
                and event.exception is not None
            ):
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
        """Whether ``escape`` may be the handler's answer to a message that wsdoctor made up.

        What the handler's own task raises after it has read the disconnect, it raises over that. What
        understood the message in a conversation before raises nothing over it after the disconnect;
        but the same message many times over is another one.
        """
        if not self.recording.default_payload:
            return False
        case = self.recording.case
        if case.made_up and case.act not in BURST_KINDS and self.came_after_disconnect(escape):
            return False
        if (
            self._tells(escape)
            or self._answers_a_refusal(escape)
            or self._read_on(escape)
            or (
                self.came_after_disconnect(escape)
                and self.told_task == self.main_task
                and not any(frame_root(frame) in self.task_roots for frame in escape.error.stack)
            )
        ):
            return False
        return any(
            isinstance(event, ReceiveReturned) and event.message == _MESSAGE
            for event in self.events[: escape.index]
        )

    def _read_on(self, escape: Escape) -> bool:
        """Whether what left was raised by the task that had done with each message: it had asked for the next one."""
        if any(
            frame_root(frame) in self.task_roots
            for leaf in leaves(escape.error)
            for frame in leaf.stack
        ):
            return False
        before = self.events[: escape.index]
        last = next(
            (
                event
                for event in reversed(before)
                if isinstance(event, ReceiveCalled | ReceiveReturned)
                and (isinstance(event, ReceiveCalled) or event.message == _MESSAGE)
            ),
            None,
        )
        return isinstance(last, ReceiveCalled) and all(
            event.task == self.main_task for event in before if isinstance(event, ReceiveCalled)
        )

    @cached_property
    def misread_by_tasks(self) -> tuple[ExceptionInfo, ...]:
        """Unretrieved task exceptions that a message made up by wsdoctor may have caused."""
        ended = {
            event.exception.id: index
            for index, event in enumerate(self.events)
            if isinstance(event, TaskEnded) and event.exception is not None
        }
        return tuple(
            event.exception
            for event in self.unretrieved
            if event.exception is not None
            and event.exception.id in ended
            and not any(
                is_disconnect(leaf) or is_os_error(leaf) for leaf in leaves(event.exception)
            )
            and self.misread(Escape(ended[event.exception.id], event.exception, "task"))
        )

    def came_after_disconnect(self, escape: Escape) -> bool:
        """Whether the handler knew that the connection was over when ``escape`` left it."""
        return (
            (self.delivered is not None and self.delivered < escape.index)
            or self._tells(escape)
            or self._refused_before(escape) is not None
        )

    def _refused_before(self, escape: Escape) -> int | None:
        """The last send of the handler's own task that was refused before ``escape``: its place in the events.

        None as well for what the server raised when it failed itself, which the handler can do nothing about.
        """
        if any(error.id in ids(escape.error) for _, error in self.breakdowns):
            return None
        own = {call.call for call in self.all(SendCalled) if call.task == self.main_task}
        return max(
            (
                index
                for index, event in enumerate(self.events[: escape.index])
                if isinstance(event, SendReturned)
                and event.exception is not None
                and event.exception.id in self.refusals
                and event.call in own
            ),
            default=None,
        )

    def _answers_a_refusal(self, escape: Escape) -> bool:
        """Whether a refused send, and no message, is what the handler met last, after it had understood one."""
        refused = self._refused_before(escape)
        messages = [
            index
            for index, event in enumerate(self.events[: escape.index])
            if isinstance(event, ReceiveReturned) and event.message == _MESSAGE
        ]
        return refused is not None and len(messages) > 1 and messages[-1] < refused

    def coincides(self, escape: Escape) -> bool:
        """Whether a task had failed with ``escape`` in the very instant before the disconnect.

        The two events are unrelated, and a handler that waited for both gets both.
        """
        if self.delivered is None:
            return False
        told = self.events[self.delivered].time
        return any(
            isinstance(event, TaskEnded)
            and event.exception is not None
            and event.exception.id in ids(escape.error)
            and told - event.time <= _AN_INSTANT
            for event in self.events[: self.delivered]
        )

    def _tells(self, escape: Escape) -> bool:
        """Whether ``escape`` came up while a disconnect, or a refused send, was being handled."""
        return any(is_disconnect(link) or link.id in self.refusals for link in chain(escape.error))

    def _is_answer(self, error: ExceptionInfo, answering: set[int]) -> bool:
        raised = {
            event.exception.id
            for event in self.all(SendReturned)
            if event.call in answering and event.exception is not None
        }
        return bool(raised & ids(error))

    @cached_property
    def refused_escapes(self) -> tuple[Escape, ...]:
        """What a refused send of the user's raised, left the handler, and had the framework err.

        A send may lose the race with the disconnect, and the server ignores its OSError (ASGI
        specification). It is a defect if the framework answers that with a message which is
        forbidden by then, or if the error is logged.
        """
        answered = {
            number
            for item in self.violations
            if item.call.sender == "framework"
            and (item.lost_race or not self._closed_by_user(item.index))
            for number in ids(item.call.handling)
        }
        # asyncio itself logs the end of a task that is never awaited: another rule is about that.
        unseen = {event.exception.id for event in self.all(LoopErrorReported) if event.exception}
        logged = [
            Escape(index, event.exception, "framework")
            for index, event in enumerate(self.events)
            if isinstance(event, LogEmitted)
            and event.connection == self.number
            and event.level in _ERRORS
            and event.exception is not None
            and event.exception.id not in unseen
            and not event.by_user
        ]
        # The server would have logged its own failure, with this exception as its context, anyway.
        broken = {number for _, error in self.breakdowns for number in ids(error)}
        found: dict[int, Escape] = {}
        for escape in (*self.escapes, *logged):
            error = escape.error
            call = self._refused_calls.get(error.id)
            # No application can expect another exception than OSError.
            users = call is not None and call.stack and is_os_error(error)
            if users and error.id in (answered | self.logged) - broken:
                found.setdefault(error.id, escape)
        return tuple(found.values())

    @cached_property
    def _refused_calls(self) -> dict[int, SendCalled]:
        """The sends that the server refused, by the exceptions that they raised."""
        calls = {event.call: event for event in self.all(SendCalled)}
        return {
            event.exception.id: calls[event.call]
            for event in self.all(SendReturned)
            if event.exception is not None and event.exception.id in self.refusals
        }

    @cached_property
    def late_refusals(self) -> frozenset[int]:
        """The exceptions of sends after the time at which the handler should have ended: no races."""
        end = self.end_known
        if end is None:
            return frozenset()
        over = end + self.recording.grace
        return frozenset(
            number for number, call in self._refused_calls.items() if call.time >= over
        )

    def _closed_by_user(self, index: int) -> bool:
        """Whether the user's code had closed the connection before event ``index``, which is a breach of its own."""
        return any(
            isinstance(event, SendCalled)
            and event.connection == self.number
            and event.sender == "user"
            and event.message in {CLOSE, DENY_START}
            for event in self.events[:index]
        )

    @cached_property
    def unretrieved(self) -> tuple[LoopErrorReported, ...]:
        return tuple(
            event for event in self.all(LoopErrorReported) if "never retrieved" in event.message
        )

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
            event
            for event in self.events
            if isinstance(event, LogEmitted) and event.level in _ERRORS
        )

    # --- tasks and generators

    @cached_property
    def suspended(self) -> tuple[StackFrame, ...]:
        """Where the generators of the handler's own task stood when the end became known.

        Not those that a line of the user's has entered: it would be in a traceback through them.
        """
        entered = {
            event.generator
            for event in self.all(AsyncGeneratorStarted)
            if event.entered_at is not None
        }
        return tuple(
            event.location
            for event in self.all(AsyncGeneratorSuspended)
            if event.task == self.main_task and event.generator not in entered
        )

    @cached_property
    def tasks(self) -> dict[int, TaskCreated]:
        """The tasks that the connection started, by number."""
        return {event.task: event for event in self.all(TaskCreated)}

    @cached_property
    def destroyed(self) -> dict[int, LoopErrorReported]:
        """Those that the garbage collector threw away before they had ended, by number."""
        return {
            event.task: event
            for event in self.all(LoopErrorReported)
            if "destroyed but it is pending" in event.message and event.task in self.tasks
        }

    @cached_property
    def task_roots(self) -> frozenset[tuple[str, int, str]]:
        """The functions that the connection's tasks run."""
        return frozenset(
            frame_root(task.root) for task in self.tasks.values() if task.root is not None
        )

    @cached_property
    def ends(self) -> dict[int, TaskEnded]:
        return {event.task: event for event in self.all(TaskEnded)}

    @cached_property
    def main_task(self) -> int:
        return 0 if self.called is None else self.called.task

    def sampled(self, *reasons: str) -> TaskStack | None:
        """Where the handler was in the first sample taken for one of ``reasons`` after the end.

        That is in its own task, unless the framework waits there for a task that it started to run
        the user's code (Litestar cleans dependencies up in a task group).
        """
        for sample in self._samples(reasons):
            own = next((stack for stack in sample.stacks if stack.task == self.main_task), None)
            if own is None or any(frame.user for frame in own.stack):
                return own
            return next((stack for stack in sample.stacks if self._runs_for_handler(stack)), own)
        return None

    def sampled_at(self, *reasons: str) -> int:
        """The place of the sample that ``sampled`` reads; that of the last event if there is none."""
        for sample in self._samples(reasons):
            return self.events.index(sample)
        return len(self.events) - 1

    def _samples(self, reasons: tuple[str, ...]) -> list[StacksSampled]:
        """Those taken for one of ``reasons``: after the end, if there are any."""
        samples = [sample for sample in self.all(StacksSampled) if sample.reason in reasons]
        since = self.end_known or 0.0
        return [item for item in samples if item.time >= since] or samples

    def _runs_for_handler(self, stack: TaskStack) -> bool:
        created = self.tasks.get(stack.task)
        return (
            created is not None
            and created.parent == self.main_task
            and not created.stack  # none of the user's frames: the framework started it
            and any(frame.user for frame in stack.stack)
        )

    @cached_property
    def outlived(self) -> tuple[TaskCreated, ...]:
        """The tasks that were alive when the grace time after the handler's return had passed."""
        for sample in self.all(StacksSampled):
            if sample.reason == "returned":
                return tuple(
                    self.tasks[stack.task] for stack in sample.stacks if stack.task in self.tasks
                )
        return ()

    @cached_property
    def left_something(self) -> bool:
        """Whether it left the application another than it found it, for a while at least."""
        left: tuple[type, ...] = (ConnectionHeld, ThreadsLeft, ResourcesLeft, LocksLeft)
        return any(kind in self._by_type for kind in left) or any(
            before != after for before, after in self.probes.values()
        )

    @cached_property
    def probes(self) -> dict[str, tuple[str, str]]:
        """What each probe said before the connection and after it, by name; "" if it raised."""
        read: dict[str, tuple[str, str]] = {}
        for event in self.all(ProbeRead):
            before = event.value if event.when == "before" else read.get(event.probe, ("",))[0]
            read[event.probe] = (before, event.value)
        return read

    @cached_property
    def cancelled_from_outside(self) -> bool:
        """Whether the server (or wsdoctor) cancelled the handler's task."""
        return any(
            event.task == self.main_task and event.by != "app"
            for event in self.all(CancelRequested)
        )

    @cached_property
    def runs_user_code(self) -> bool:
        """Whether a line of the user's was seen at work on this connection."""
        if self.recording.handler is not None and self.recording.handler.user:
            return True
        calls: list[ReceiveCalled | SendCalled | TaskCreated] = [
            *self.all(ReceiveCalled),
            *self.all(SendCalled),
            *self.all(TaskCreated),
        ]
        errors = (link for escape in self.escapes for link in chain(escape.error))
        return any(event.stack for event in calls) or any(
            frame.user for link in errors for frame in link.stack
        )

    @cached_property
    def listening_at_end(self) -> bool:
        """Whether a ``receive()`` was waiting when the connection ended, or was called afterwards."""
        if self.end_index is None:
            return False
        waiting: set[int] = set()
        for index, event in enumerate(self.events):
            if getattr(event, "connection", 0) != self.number:
                continue
            if index == self.end_index and waiting:
                return True
            if isinstance(event, ReceiveCalled):
                if index > self.end_index:
                    return True
                waiting.add(event.call)
            elif isinstance(event, ReceiveReturned):
                waiting.discard(event.call)
        return False
