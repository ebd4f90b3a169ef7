"""Compare a bystander whose fellow client left or stalled with the same bystander in a control.

The control has the same two clients and the same script, and both clients stay. A handler that is
silent, that ends by itself, or that lets in one client only, does the same there. A difference is harm
only if an event explains it: a send to the client that left still waits or has failed, or a task that
served both has ended. An application may send less to the clients that stay, without such an event.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wsdoctor.diagnosis.connection import Connection, Escape
from wsdoctor.diagnosis.exceptions import ids, is_cancelled, is_deliberate, is_disconnect, leaves
from wsdoctor.recording.events import (
    AppCalled,
    ContainersHeld,
    ContainerShrank,
    ExceptionInfo,
    FrameReceived,
    ObservationEnded,
    SendCalled,
    SendReturned,
    StackFrame,
    StacksSampled,
    TaskCreated,
    TaskEnded,
    TaskStack,
)
from wsdoctor.recording.recording import Control

BYSTANDER = 2
"""The number of its connection."""

LATE = 10.0
"""Seconds without a message, over what happens in the control, before they are called a harm: more than
a time-out that an application gives a slow client."""

_FEW = 2
"""Messages that it must have missed in that time."""

_HOLDS = frozenset(
    {
        "Queue.put",
        "Queue.join",
        "Lock.acquire",
        "Semaphore.acquire",
        "Condition.wait",
        "Barrier.wait",
        "TaskGroup.__aexit__",
        "MemoryObjectSendStream.send",
        "CapacityLimiter.acquire",
    }
)
"""Calls of asyncio and anyio that wait for a resource that another task has to give back."""


@dataclass(frozen=True, slots=True)
class Starvation:
    """A time, in seconds of the session, in which it got nothing, and ``missed`` messages.

    ``partly``: it got others, and nothing from a task that has ended.
    """

    begins: float
    ends: float
    missed: int
    forever: bool
    partly: bool = False

    @property
    def length(self) -> float:
        return self.ends - self.begins


@dataclass(frozen=True, slots=True)
class Send:
    """A send to the client that left: ``ended`` is when it returned or raised, None if it did not."""

    index: int
    call: SendCalled
    ended: SendReturned | None


class Bystander:
    """Connection 2 of a Recording, in which connection 1, ``leaver``, is the one that leaves."""

    def __init__(self, leaver: Connection, control: Control, acted: float) -> None:
        self.leaver = leaver
        self.connection = Connection(leaver.recording, BYSTANDER)
        self._control = control
        self._acted = acted

    # --- what it got

    @cached_property
    def _end(self) -> float:
        events = self.leaver.recording.events
        return next(
            (event.time for event in events if isinstance(event, ObservationEnded)),
            events[-1].time,
        )

    @cached_property
    def _received(self) -> list[float]:
        return [
            event.time
            for event in self.connection.all(FrameReceived)
            if event.opcode in {"text", "binary", "cont"} and event.time >= self._acted
        ]

    @cached_property
    def taken_out(self) -> tuple[int, ContainerShrank] | None:
        """What the leaver's clean-up took out of a container, so that less is left than one client has in it.

        The bystander is one: it must have been its own, and it does not come back.
        """
        events = self.leaver.events
        noted = [event for event in events if isinstance(event, ContainersHeld)]
        alone = next(({g.holder: g.by for g in it.held} for it in noted if it.when == "alone"), {})
        last = next(({g.holder: g.by for g in it.held} for it in noted if it.when == "end"), None)
        if last is None:
            return None
        found = [
            (index, event)
            for index, event in enumerate(events)
            if isinstance(event, ContainerShrank)
            and event.connection == self.leaver.number
            and event.stack
            and max(event.held, last.get(event.holder, 0)) < alone.get(event.holder, 0)
        ]
        return min(found, key=lambda item: (not item[1].things, item[0]), default=None)

    @property
    def got_something(self) -> bool:
        """Whether it was sent something when it could be known that the other client had left."""
        end = self.leaver.end_index
        return end is not None and any(
            isinstance(event, SendCalled)
            and event.connection == BYSTANDER
            and event.message == "websocket.send"
            for event in self.leaver.events[end:]
        )

    @cached_property
    def closed(self) -> Escape | None:
        """The exception that ended its handler and would not have come otherwise."""
        for escape in self.connection.escapes:
            time = self.connection.events[escape.index].time
            if time < self._acted or self.connection.cancelled_from_outside:
                continue
            if any(is_deliberate(leaf) for leaf in leaves(escape.error)):
                continue
            if self.is_servers(escape.error):
                continue
            if time <= self._control.until or self.is_from_a_send(escape.error):
                return escape
        return None

    @cached_property
    def starvation(self) -> Starvation | None:
        """Its longest time without a message, if there is none like it in the control."""
        closes = any(
            event.message == "websocket.close" for event in self.connection.all(SendCalled)
        )
        if self.connection.returned is not None or closes:
            return None  # the application let it go, which may be what it is to do
        control = [time for time in self._control.received if time >= self._acted]
        usual = max(_gaps([self._acted, *control, max(self._acted, self._control.until)]))
        points = [self._acted, *self._received, self._end]
        waits = [
            (ends - begins, begins, sum(begins < time < ends for time in control))
            for begins, ends in itertools.pairwise(points)
        ]
        # The control may have ended sooner. It does not show what was missed after its end.
        length, begins, missed = max((w for w in waits if w[2] >= _FEW), default=(0.0, 0.0, 0))
        if length - usual < LATE:
            return self._partial_starvation
        ends = begins + length
        return Starvation(begins, ends, missed, forever=ends >= self._end)

    @property
    def _partial_starvation(self) -> Starvation | None:
        """The time since a task that sent to both ended with the error of a send to the one that left.

        None if it gets as many messages as in the control, or another task sends from the same lines.
        """
        died = self.died()
        if died is None or died[1].exception is None or not self.is_from_a_send(died[1].exception):
            return None
        index, event = died
        sent = [
            (at, call)
            for at, call in enumerate(self.leaver.events)
            if isinstance(call, SendCalled) and call.connection == BYSTANDER and call.stack
        ]
        lines = {call.stack[-1] for at, call in sent if call.task == event.task and at < index}
        # The control may have ended sooner.
        until = min(self._end, self._control.until)
        usual, got = (
            sum(event.time <= time <= until for time in times)
            for times in (self._control.received, self._received)
        )
        missed = usual - got
        if (
            not lines
            or any(at > index and call.stack[-1] in lines for at, call in sent)
            or missed < _FEW
            or self._end - event.time < LATE
        ):
            return None
        return Starvation(event.time, self._end, missed, forever=True, partly=True)

    # --- why

    @cached_property
    def _breakdowns(self) -> frozenset[int]:
        """What the server's ``send`` to the client that left raised for no reason that the contract knows."""
        return frozenset(
            number
            for send in self.sends
            if send.ended is not None
            and send.ended.exception is not None
            and not {"OSError", "RuntimeError"} & {*send.ended.exception.bases}
            and not is_cancelled(send.ended.exception)
            for number in ids(send.ended.exception)
        )

    def is_servers(self, error: ExceptionInfo) -> bool:
        """Whether ``error`` is the server's own failure, which no application can expect."""
        return bool(self._breakdowns & ids(error))

    def is_from_a_send(self, error: ExceptionInfo) -> bool:
        """Whether ``error`` is what a send to the client that left has raised."""
        raised = {
            number
            for send in self.sends
            if send.ended is not None
            for number in ids(send.ended.exception)
        }
        return bool(raised & ids(error))

    @cached_property
    def sends(self) -> tuple[Send, ...]:
        """The messages for the client that left, from when it did."""
        returned = {event.call: event for event in self.leaver.all(SendReturned)}
        return tuple(
            Send(index, event, returned.get(event.call))
            for index, event in enumerate(self.leaver.events)
            if isinstance(event, SendCalled)
            and event.connection == self.leaver.number
            and event.message == "websocket.send"
            and event.time >= self._acted
        )

    def waited_for(self, starvation: Starvation) -> list[Send]:
        """Those that were waited for during most of ``starvation``."""
        return [
            send
            for send in self.sends
            if (send.ended.time if send.ended else self._end) - send.call.time
            >= starvation.length / 2
        ]

    def given_up(self, send: Send) -> bool:
        """Whether the application itself put an end to the waiting: it had set a limit."""
        error = send.ended.exception if send.ended else None
        return error is not None and is_cancelled(error)

    @cached_property
    def tasks(self) -> dict[int, TaskCreated]:
        """All tasks of the application, of any connection or none, by number."""
        return {event.task: event for event in self.leaver.events if isinstance(event, TaskCreated)}

    def is_leavers(self, task: int) -> bool:
        """Whether the connection that ended started ``task``, or is it."""
        return task == self.leaver.main_task or task in self.leaver.tasks

    @cached_property
    def _senders(self) -> dict[int, frozenset[int]]:
        """The tasks that sent messages, by connection."""
        return {
            number: frozenset(
                event.task
                for event in self.leaver.events
                if isinstance(event, SendCalled)
                and event.connection == number
                and event.message == "websocket.send"
            )
            for number in (self.leaver.number, BYSTANDER)
        }

    def serves(self, task: int) -> bool:
        """Whether ``task``, or one that the same task started beside it, sends to the bystander."""
        if task in self._senders[BYSTANDER]:
            return True
        created = self.tasks.get(task)
        if created is None or not created.parent:
            return False
        return any(
            other.parent == created.parent
            for number, other in self.tasks.items()
            if number in self._senders[BYSTANDER]
        )

    def serves_both(self, task: int) -> bool:
        """Whether ``task`` sends to both, and the bystander's own tasks do not do the same."""
        own = {self.connection.main_task, *self.connection.tasks}
        return (
            task in self._senders[self.leaver.number]
            and task in self._senders[BYSTANDER]
            and not own & self._senders[self.leaver.number]
        )

    def failed(self) -> Send | None:
        """The send that failed, in a task that has sent nothing to the bystander since."""
        for send in self.sends:
            error = send.ended.exception if send.ended else None
            if error is None or is_cancelled(error) or self.is_servers(error):
                continue
            if not self.serves(send.call.task):
                continue
            after = self.leaver.events[send.index :]
            if not any(
                isinstance(event, SendCalled)
                and event.connection == BYSTANDER
                and event.task == send.call.task
                for event in after
            ):
                return send
        return None

    def ended(self, *outcomes: str) -> Iterator[tuple[int, TaskEnded]]:
        """The tasks that ended in one of these ways since the client left, with their places."""
        for index, event in enumerate(self.leaver.events):
            if (
                isinstance(event, TaskEnded)
                and event.time >= self._acted
                and event.outcome in outcomes
            ):
                yield index, event

    def died(self) -> tuple[int, TaskEnded] | None:
        """A task of more than the client that left, and that failed since; its own ends with it."""
        found = [
            (index, event)
            for index, event in self.ended("raised")
            if event.exception is not None
            and not self.is_servers(event.exception)
            and (
                self.serves(event.task)
                or not self.is_leavers(event.task)
                or not all(
                    is_disconnect(leaf) or is_cancelled(leaf) or leaf.id in self.leaver.refusals
                    for leaf in leaves(event.exception)
                )
            )
        ]
        return min(found, key=lambda item: not self.serves(item[1].task), default=None)

    def is_gone_for_good(self, task: int) -> bool:
        """Whether ``task`` ran before any client came, and its coroutine has not been started again.

        It is a service of the application. Later messages to the bystander come from other code.
        """
        created = self.tasks.get(task)
        if created is None:
            return False
        events = self.leaver.events
        came = next((i for i, event in enumerate(events) if isinstance(event, AppCalled)), 0)
        again = (event for event in self.tasks.values() if event.coroutine == created.coroutine)
        return all(events.index(event) < came for event in again)

    def held_up(self, starvation: Starvation) -> tuple[int, TaskStack, StackFrame] | None:
        """The task that waits, in the user's code, for a resource of another task, and its line."""
        found: list[tuple[bool, int, TaskStack, StackFrame]] = []
        for index, event in enumerate(self.leaver.events):
            if not isinstance(event, StacksSampled) or event.reason != "starved":
                continue
            if not starvation.begins <= event.time <= starvation.ends:
                continue
            for stack in event.stacks:
                place = _held_up_at(stack)
                if place is not None:
                    found.append((self.is_leavers(stack.task), index, stack, place))
        best = min(found, key=lambda item: item[:2], default=None)
        return None if best is None else best[1:]


def _held_up_at(stack: TaskStack) -> StackFrame | None:
    place: StackFrame | None = None
    for frame in stack.stack:
        if frame.user:
            place = frame
        elif place is not None and frame.function in _HOLDS:
            return place
    return None


def _gaps(points: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(points)]
