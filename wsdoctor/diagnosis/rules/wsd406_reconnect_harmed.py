"""WSD406 reconnect-harmed: the clean-up of an old connection harms the new one of the same client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import GRACE_OVER, WATCHED, check
from wsdoctor.diagnosis.entries import Entry, entries
from wsdoctor.diagnosis.exceptions import (
    is_cancelled,
    is_deliberate,
    is_disconnect,
    is_os_error,
    leaves,
    name,
)
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.diagnosis.growth import phrase
from wsdoctor.diagnosis.interference import Cancelled, cancelled_by_another
from wsdoctor.diagnosis.location import path, raised_at, subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import worded
from wsdoctor.diagnosis.rules._snippets import (
    CANCEL_THEN_WAIT,
    EVERY_CONNECTION,
    OWN_ENTRY,
    OWN_TASK,
)
from wsdoctor.diagnosis.silenced import silenced, times_of
from wsdoctor.recording.case import RECONNECT
from wsdoctor.recording.events import (
    AppReturned,
    CleanUpRan,
    ContainersHeld,
    ContainerShrank,
    ExceptionInfo,
    FrameReceived,
    Growth,
    HandshakeAccepted,
    Holder,
    ObservationEnded,
    SendCalled,
    StackFrame,
)

_NEW, _AGAIN = 2, 3
"""The numbers of the connections with which the client comes back; the second time after it was let go."""

_USUAL = 1.5
"""Seconds between a client's messages, at most, if their absence is to count …"""

_SILENT = 5.0
"""… after this many seconds without one."""

_OFTEN = 3
"""Messages of a kind that a third connection gets meanwhile, at least, if the new one misses them."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.recording.case.kind != RECONNECT:
        return
    story = _Story(connection)
    if (removed := story.removed) is not None:
        yield _removed(story, *removed)
    elif (closed := story.closed_by_old) is not None:
        yield _closed(story, *closed)
    elif (ran := story.starved_since) is not None:
        yield _starved(story, *ran)
    elif (ran := story.robbed_since) is not None:
        yield _robbed(story, *ran)
    elif (left := story.refused_for_good) is not None:
        yield _left(*left)
    elif (failed := story.failed) is not None:
        yield _failed(story, *failed)


@dataclass(frozen=True)
class _Story:
    """The course of the new connection, from the events of the old one's recording."""

    old: Connection

    @cached_property
    def end(self) -> int:
        """The place of the end of the observation."""
        events = self.old.events
        ends = (index for index, event in enumerate(events) if isinstance(event, ObservationEnded))
        return next(ends, len(events))

    @cached_property
    def alone(self) -> dict[Holder, int]:
        """The least number of elements held for a client without a predecessor, by container."""
        noted = self.noted("alone", 1)
        return {} if noted is None else {item.holder: item.by for item in noted.held}

    def noted(self, when: str, number: int) -> ContainersHeld | None:
        return next(
            (
                event
                for event in self.old.events
                if isinstance(event, ContainersHeld)
                and (event.when, event.connection) == (when, number)
            ),
            None,
        )

    def accepted(self, number: int) -> int | None:
        """The place at which connection ``number`` was open, None if it never was."""
        return next(
            (
                index
                for index, event in enumerate(self.old.events[: self.end])
                if isinstance(event, HandshakeAccepted) and event.connection == number
            ),
            None,
        )

    def stays(self, number: int) -> bool:
        """Whether connection ``number`` was open when it was no longer watched."""
        opened = self.accepted(number)
        return opened is not None and not any(
            getattr(event, "connection", 0) == number
            and (
                isinstance(event, AppReturned)
                or (isinstance(event, FrameReceived) and event.opcode == "close")
            )
            for event in self.old.events[opened : self.end]
        )

    # --- the old one's clean-up takes out what the new one had put in

    @cached_property
    def removed(self) -> tuple[int, ContainerShrank] | None:
        """What took the new connection's entry out, for good: the first of it, with its place."""
        opened, cleaned = self.accepted(_NEW), self.noted("cleaned", _NEW)
        # One that is let go later takes its own things out itself.
        last = self.noted("end", _NEW) if self.stays(_NEW) else cleaned
        if opened is None or cleaned is None or last is None:
            return None
        now = {item.holder: item.by for item in last.held}
        found = [
            (index, event)
            for index, event in enumerate(self.old.events[: self.end])
            if isinstance(event, ContainerShrank)
            and index > opened
            and event.stack
            and event.held < self.alone.get(event.holder, 0)
            and now.get(event.holder, 0) < self.alone[event.holder]
        ]
        return min(found, key=lambda item: (not item[1].things, item[0]), default=None)

    @property
    def starved(self) -> bool:
        """Whether the new one gets nothing since then, where the old one got messages all the time."""
        noted, returned = self.noted("alone", 1), self.old.returned
        if noted is None or returned is None:
            return False
        before = [e.time for e in self._messages(1) if e.time <= noted.time]
        ends = self.old.events[min(self.end, len(self.old.events) - 1)].time
        silent = not any(event.time > returned.time for event in self._messages(_NEW))
        steady = [time for time in before if time >= noted.time - 2 * _USUAL]
        return silent and len(steady) > 1 and ends - returned.time >= _SILENT

    @cached_property
    def starved_since(self) -> tuple[int, CleanUpRan] | None:
        """The clean-up since which the new one gets nothing, though a third one gets messages at that age."""
        ran, returned = self.old.first(CleanUpRan), self.old.returned
        opened, again = self.accepted(_NEW), self.accepted(_AGAIN)
        watched = self.noted("end", _NEW)
        if None in {ran, returned, opened, again, watched} or not self.stays(_NEW):
            return None
        assert ran is not None
        assert returned is not None
        assert opened is not None
        assert again is not None
        assert watched is not None
        came, third = self.old.events[opened].time, self.old.events[again].time
        first, last = max(0.0, returned.time - came), watched.time - came
        if last - first < _SILENT or any(
            first < event.time - came <= last for event in self._messages(_NEW)
        ):
            return None
        usual = [e for e in self._messages(_AGAIN) if first < e.time - third <= last]
        return (self.old.events.index(ran), ran) if len(usual) > 1 else None

    @cached_property
    def robbed_since(self) -> tuple[int, CleanUpRan] | None:
        """The clean-up since which the new one misses messages of a kind that a third one gets at that age.

        It gets fewer than that one, too: where messages are chosen at random, it only gets others.
        """
        ran, returned, vanished = self.old.first(CleanUpRan), self.old.returned, self.old.acted
        opened, again = self.accepted(_NEW), self.accepted(_AGAIN)
        watched = self.noted("end", _NEW)
        if ran is None or returned is None or vanished is None or watched is None:
            return None
        if opened is None or again is None or not self.stays(_NEW):
            return None
        events = self.old.events[: self.end]
        came, third = events[opened].time, events[again].time
        first, last = returned.time + _USUAL - came, watched.time - came
        if last - first < _SILENT - _USUAL:
            return None
        new, control = times_of(events, _NEW), times_of(events, _AGAIN)
        got = sum(first < time - came <= last for times in new.values() for time in times)
        usual = {
            kind: sum(first < time - third <= last for time in times)
            for kind, times in control.items()
        }
        lost = silenced(times_of(events, 1), new, vanished=vanished, returned=returned.time)
        missed = sum(usual.get(kind, 0) for kind in lost)
        if missed < _OFTEN or got > sum(usual.values()) - missed + 1:
            return None
        return self.old.events.index(ran), ran

    def _messages(self, number: int) -> Iterator[FrameReceived]:
        for event in self.old.events[: self.end]:
            if (
                isinstance(event, FrameReceived)
                and event.connection == number
                and event.opcode in {"text", "binary", "cont"}
            ):
                yield event

    # --- it ends the new one

    @cached_property
    def closed_by_old(self) -> tuple[int, SendCalled] | None:
        """A close of the open new connection that the old one's code sends, in a task of its own."""
        opened = self.accepted(_NEW)
        if opened is None:
            return None
        own = {self.old.main_task, *self.old.tasks}
        return next(
            (
                (index, event)
                for index, event in enumerate(self.old.events[: self.end])
                if isinstance(event, SendCalled)
                and index > opened
                and event.connection == _NEW
                and event.message == "websocket.close"
                and event.task in own
            ),
            None,
        )

    # --- the new one finds something missing

    @cached_property
    def failed(self) -> tuple[int, ExceptionInfo] | None:
        """What the new one's handler raised when the old one's had returned, though a third one stays."""
        opened, returned = self.accepted(_NEW), self.old.returned
        if opened is None or returned is None or not self.stays(_AGAIN):
            return None
        for index, event in enumerate(self.old.events[: self.end]):
            if index < opened or getattr(event, "connection", 0) != _NEW:
                continue
            error = (
                event.exception
                if isinstance(event, AppReturned)
                else event.handling
                if isinstance(event, SendCalled) and event.sender == "framework"
                else None
            )
            if error is not None:
                return (index, error) if event.time >= returned.time and _is_own(error) else None
        return None

    # --- what it leaves keeps the new one out

    @cached_property
    def refused_for_good(self) -> tuple[int, Growth, Entry] | None:
        """The rest of the old connection, if no new one may stay; first a rest that the source would take out."""
        came, again = self.noted("came", _NEW), self.noted("came", _AGAIN)
        if came is None or again is None or self.stays(_AGAIN) or not self.stays_first:
            return None
        found = [
            (self.old.events.index(again), growth, entry)
            for growth in came.held
            for entry in entries(self.old, growth.holder)
        ]
        return min(found, key=lambda item: item[2].take is None, default=None)

    @property
    def stays_first(self) -> bool:
        """Whether the old one was let in, and was there until it vanished."""
        acted, returned = self.old.acted, self.old.returned
        return (
            self.accepted(1) is not None
            and acted is not None
            and (returned is None or returned.time > acted)
        )


def _removed(story: _Story, index: int, event: ContainerShrank) -> Occurrence:
    place = event.stack[-1]
    kept = phrase(event.holder)
    one, two = _count(story.alone[event.holder]), _count(event.held)
    evidence = [
        f"{kept} holds {one} for a client that is there alone, and {two} for the new connection"
    ]
    if way := path(event.stack):
        evidence.append(f"the clean-up of the old connection: {way}")
    if story.starved:
        evidence.append("since then the new connection gets nothing, though it is open")
    # A missing name does no harm by itself; a missing connection gets no messages.
    severity: Severity = "error" if event.things or story.starved else "warning"
    return _occurrence(
        f"the clean-up of an old connection takes the new one of the same client out of {kept}: "
        f"{subject(story.old, place)} does so at {where(place)}",
        place,
        index,
        evidence=tuple(evidence),
        severity=severity,
    )


def _starved(story: _Story, index: int, ran: CleanUpRan) -> Occurrence:
    if found := cancelled_by_another(story.old, _NEW):
        return _cancelled(found, "it gets nothing any more")
    place = ran.lines[-1]
    lines = ", ".join(where(line) for line in ran.lines)
    return _occurrence(
        f"since the clean-up of an old connection the new one of the same client gets nothing: "
        f"{subject(story.old, place)} ends it at {where(place)}",
        place,
        index,
        evidence=(
            f"these lines ran in the clean-up: {lines}",
            "the old connection got messages all the time, and so does a third one at the same age",
        ),
    )


def _cancelled(found: Cancelled, since: str) -> Occurrence:
    return _occurrence(
        f"the clean-up of an old connection, at {where(found.place)}, cancels {found.task} of the new one of "
        f"the same client: {since}",
        found.place,
        found.index,
        evidence=found.evidence,
        setting="strangers-task",
    )


def _robbed(story: _Story, index: int, ran: CleanUpRan) -> Occurrence:
    if found := cancelled_by_another(story.old, _NEW):
        return _cancelled(found, "it misses a part of its messages")
    place = ran.lines[-1]
    lines = ", ".join(where(line) for line in ran.lines)
    return _occurrence(
        "since the clean-up of an old connection the new one of the same client misses a part of its messages: "
        f"{subject(story.old, place)} ends them at {where(place)}",
        place,
        index,
        evidence=(
            f"these lines ran in the clean-up: {lines}",
            "messages of that kind came to both until then, and a third one gets them at the same age",
        ),
    )


def _closed(story: _Story, index: int, event: SendCalled) -> Occurrence:
    place = event.stack[-1] if event.stack else None
    return _occurrence(
        "the clean-up of an old connection closes the new one of the same client: "
        f"{subject(story.old, place)} does so {f'at {where(place)}' if place else 'outside your code'}",
        place,
        index,
    )


def _is_own(error: ExceptionInfo) -> bool:
    """Whether it is neither the end of a connection, nor a refusal."""
    return not is_deliberate(error) and not any(
        is_disconnect(leaf) or is_cancelled(leaf) or is_os_error(leaf) for leaf in leaves(error)
    )


def _failed(story: _Story, index: int, error: ExceptionInfo) -> Occurrence:
    place = raised_at(error)
    event, returned = story.old.events[index], story.old.returned
    assert returned is not None
    return _occurrence(
        "something that the new connection of a client needs goes with its old one: "
        f"{subject(story.old, place)} raises {name(next(leaves(error)))} at {where(place)}",
        place,
        index,
        evidence=(
            f"{seconds(event.time - returned.time)} after the old handler had returned",
            "the handler of one that comes a minute later does not",
        ),
    )


def _left(index: int, growth: Growth, entry: Entry) -> Occurrence:
    kept = phrase(growth.holder)
    return _occurrence(
        f"a client that comes back is not let in: {kept} still holds what its old connection had put in "
        f"at {where(entry.put)}",
        entry.put,
        index,
        evidence=(
            f"`{entry.taking}` at {where(entry.take)} would take it out, and did not run"
            if entry.take
            else "nothing there takes it out, as with a ticket that is good for one connection",
            "it came when the old handler had returned, and again a minute later",
        ),
        severity="error" if entry.take else "info",
        setting="entry",
    )


def _occurrence(
    message: str,
    place: StackFrame | None,
    index: int,
    *,
    evidence: tuple[str, ...] = (),
    severity: Severity = "error",
    setting: str = "",
) -> Occurrence:
    return Occurrence(
        code=RULE.code,
        message=message,
        place=place,
        severity=severity,
        mark="masked",
        index=index,
        fault="app" if place is not None else "framework",
        evidence=evidence,
        setting=setting,
    )


def _count(number: int) -> str:
    return "nothing" if number <= 0 else f"{number} element{'s' if number > 1 else ''}"


_COMES_BACK = (
    WATCHED,
    GRACE_OVER,
    'assert other.opened, "a client that comes back is refused"',
    'assert not other.over, "a client that comes back loses its connection"',
)


RULE = Rule(
    code="WSD406",
    name="reconnect-harmed",
    summary="the clean-up of an old connection removed, or kept out, the new one of the same client",
    severity="error; warning if only a name is missing; info if nothing would take it out",
    effect="lost",
    happens="a client that comes back is harmed",
    why=(
        "A phone changes from Wi-Fi to mobile data and connects again at once. The server learns that the "
        "old connection is dead only half a minute later. If its clean-up then deletes what is kept under "
        "the user's name, it deletes the new connection: that stays open, and gets nothing any more."
    ),
    silence=(
        "If the new connection is to end with the old one, close it, or refuse it while the old one is "
        "there: then nothing is reported. `--no-bystander` leaves such cases out."
    ),
    remedies={
        **worded(
            "",
            "Remove only your own entry. The clean-up of an old connection may run long after a new one "
            "has taken its place:",
            OWN_ENTRY,
            "Or keep every connection of a user, and take out your own:",
            EVERY_CONNECTION,
            "If only a name is kept, count the connections behind it (`online[user] += 1`), and remove the "
            "name with the last of them.",
        ),
        **worded("strangers-task", OWN_TASK, CANCEL_THEN_WAIT),
        **worded(
            "entry",
            {
                "": "Take it out however the connection ends: a `finally` also runs when the client is gone, and "
                "when the server stops.",
                "channels": "Take it out however the connection ends: `disconnect()` is also called when the "
                "client is gone, and when the server stops.",
            },
            OWN_ENTRY,
        ),
    },
    detect=detect,
    in_company=True,
    rank=200,
    stands_apart=True,  # a `with` is the line of all that it tidies up, which may be wrong by itself
    checks={
        "": check("comes-back grace", *_COMES_BACK),
        "emptied container": check(
            "comes-back grows grace",
            *_COMES_BACK,
            "left = kept() - before",
            'assert left >= alone, f"{left} for the new connection, {alone} for one alone"',
        ),
    },
)
