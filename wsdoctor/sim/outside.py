"""Parties outside that the application talks to: databases, brokers, upstreams, child processes.

Virtual time must not pass faster than such a party can answer. This module says for each of them whether
the clock has to keep the pace of the wall, and for how long:

- an answer is *pending*: bytes were written, and nothing has come since; a connection is being made; a
  child process was started and has said nothing, or the application waits for its end;
- a party is a *stream* if it sends data without a request. Streams count while the client's script
  waits for messages, and for a while after the end of a connection;
- any other party is *silent*: it gets an instant after the last event.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wsdoctor.plan.budget import ANSWER_TIME

_SHORTEST = 0.25
"""Wall seconds that a party that never answers still gets at least."""

_FIRST_WORD = 2.0
"""Wall seconds that a child process is given to say something, or to end."""

_LOOK = 1.0
"""Wall seconds of silence after which a party that the script may wait for is silent …"""

_UNKNOWN = 0.1
"""… that a party gets if no code waits for it …"""

_SILENT = 0.02
"""… and what one gets at least that is known to be silent: another party's answer may bring something …"""

_SILENT_AT_MOST = 0.25
"""… twice as long as its answers take, up to this: the end of a stream comes after its last word."""

_SPELLS = 4
"""Instants without data after which a peer is silent, if no code waits for it."""

_MEMORY = 4
"""Approximate number of a peer's answers over which the average is taken."""

_BURST = 0.01
"""Wall seconds within which later data belong to the same answer."""

_GAPS = 4
"""A stream is over when it has been silent for its longest pause times this number."""

_LONGEST_GAP = 2.5
"""Wall seconds: a stream with longer pauses may be overtaken."""

_WATCHED = 1.0
"""Wall seconds after the end of a connection for which streams count."""

_WORTH_TELLING = 0.01
"""Virtual seconds: shorter waits for an answer change nothing."""

_SEGMENTS = struct.Struct("=156xI")
"""``tcpi_data_segs_out`` of Linux' ``struct tcp_info`` (4.6 and later)."""


@dataclass(slots=True)
class Character:
    """Facts about a peer that the next session, and the next copy of the process, take over."""

    silent: bool = False
    """It said nothing while the client waited for something."""
    spells: int = 0
    """How often it said nothing for an instant while no code waited."""
    gap: float = 0.0
    """The longest pause between two things that it said unasked; 0 if it never did."""
    slowest: float = 0.0
    """The longest wall time that an answer took …"""
    usual: float = 0.0
    """… and what the last ones took on average."""
    speaks: bool = False
    """Whether a program writes something when it starts, or ends …"""
    unspoken: float = 0.0
    """… and the wall time of the waits for that which were in vain."""
    unanswered: int = 0
    """How often an answer was given up."""


_KNOWN: dict[str, Character] = {}


def known_peers() -> dict[str, Character]:
    """The known peers of this process, for other processes of the same application."""
    return _KNOWN


def believe_peers(known: dict[str, Character]) -> None:
    """Take over what another process has found out."""
    _KNOWN.update(known)


@dataclass(slots=True, eq=False)
class _Party:
    """One connection, pipe or child process. Times are wall time unless they say otherwise."""

    peer: str
    character: Character
    last: float
    """When something happened here, the beginning included."""
    events: int = 0
    """What its descriptor is registered for."""
    asked: float | None = None
    """When the request was written, or the child started, that has no answer yet."""
    asked_at: float = 0.0
    """The same in virtual seconds."""
    first_word: bool = False
    """Nothing was written: what is asked for is a child's first word …"""
    last_word: bool = False
    """… or its end."""
    answered: float = float("-inf")
    gave_up: bool = False
    counted: float = float("-inf")
    """The ``last`` after which its silence was counted last."""
    overtaken: float | None = None
    ended: Callable[[], bool] | None = None
    """Whether a child process has ended …"""
    end_awaited: Callable[[], bool] | None = None
    """… and whether the application waits for that."""

    def limit(self, most: float) -> float:
        """Wall seconds for which its answer is waited for: ever fewer if none ever comes."""
        known = self.character
        if self.first_word and known.speaks:
            return min(most, _FIRST_WORD)
        if self.first_word:
            return min(most, max(_UNKNOWN, _FIRST_WORD - known.unspoken))
        return min(most, max(most * 0.25**known.unanswered, _SHORTEST, _GAPS * known.slowest))


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that was asked of ``peer``; times in virtual seconds.

    ``until``: when it was answered, or given up by the application. ``overtaken``: when the first
    time-out of the application's ended in the meantime, None if none did.
    """

    peer: str
    asked: float
    until: float
    overtaken: float | None = None


class Outside:
    """The parties of one session."""

    def __init__(self) -> None:
        self.limit = ANSWER_TIME
        """Wall seconds for which an answer is waited for."""
        self.attentive = 0
        """How many clients wait for something: while there is one, streams count."""
        self.give_up_at = float("inf")
        """Wall time from which no answer is waited for any more."""
        self.gave_up = False
        self.answers: list[Answer] = []
        self.streamed = False
        """Whether some party said things unasked while the client waited."""
        self._parties: dict[int, _Party] = {}
        self._children: list[_Party] = []
        self._segments: dict[int, int] = {}
        self._put_down: dict[int, tuple[_Party, Answer | None]] = {}
        """Parties with an answer pending that the loop does not watch since its last look, and what was
        noted of that."""
        self._ended = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._parties) or bool(self._children) or bool(self._put_down)

    def __contains__(self, descriptor: object) -> bool:
        return descriptor in self._parties

    # --- what happens

    def registered(self, descriptor: int, events: int, now: float, *, raw: bool) -> None:
        """The loop watches ``descriptor``; ``raw``: on behalf of a library, not of a transport."""
        party = self._parties.get(descriptor)
        here = time.monotonic()
        if party is None:
            party = self._taken_up(descriptor)
        if party is None:
            peer, kind = _peer(descriptor)
            party = _Party(peer, _KNOWN.setdefault(peer, Character()), here)
            self._parties[descriptor] = party
            if events & selectors.EVENT_READ and self._has_sent(
                descriptor, raw and kind is not None
            ):
                self._ask(party, now)
        if events & selectors.EVENT_WRITE and not party.events & selectors.EVENT_WRITE:
            self._ask(party, now)
        party.events = events

    def unregistered(self, descriptor: int, now: float) -> None:
        """The loop no longer watches ``descriptor``: nothing is awaited there."""
        party = self._parties.pop(descriptor, None)
        if party is None:
            return
        if (sent := _segments_sent(descriptor)) is not None:
            self._segments[descriptor] = sent
        if party.ended is None:
            before = replace(party)
            noted = self._note(party, now)
            if before.asked is not None:
                self._put_down[descriptor] = before, noted

    def _taken_up(self, descriptor: int) -> _Party | None:
        """The party still pending at ``descriptor``, if the loop watches it again before the next poll.

        psycopg stops waiting ten times a second to handle signals, and then waits on. It has not given
        up, and no time-out of the application has ended.
        """
        party, noted = self._put_down.pop(descriptor, (None, None))
        if party is None:
            return None
        if noted is not None:
            self.answers.remove(noted)
        party.overtaken = None
        self._parties[descriptor] = party
        return party

    def adopted(self, descriptor: int) -> None:
        """``descriptor`` is the loop's own."""
        self._parties.pop(descriptor, None)

    def wrote(self, descriptor: int, now: float) -> None:
        """The application has written to ``descriptor``."""
        if (party := self._parties.get(descriptor)) is not None:
            self._ask(party, now)
            party.first_word = party.last_word = False

    def started(
        self,
        command: tuple[str, ...],
        descriptors: tuple[int, ...],
        now: float,
        *,
        ended: Callable[[], bool],
        end_awaited: Callable[[], bool],
    ) -> None:
        """The application has started a child process, and talks to it by ``descriptors``."""
        child = _Party(
            Path(command[0]).name,
            _KNOWN.setdefault(_text("\0".join(command)), Character()),
            time.monotonic(),
            ended=ended,
            end_awaited=end_awaited,
        )
        for descriptor in descriptors:
            self._parties[descriptor] = child
        self._children.append(child)
        self._ask(child, now)
        child.first_word = True

    def heard(self, ready: list[tuple[selectors.SelectorKey, int]], now: float) -> None:
        """Note the data at ``ready`` descriptors: answers, or data without a request."""
        self._put_down.clear()
        for key, events in ready:
            party = self._parties.get(key.fd)
            if party is None:
                continue
            here = time.monotonic()
            if party.asked is not None:
                if events & selectors.EVENT_READ or not party.events & selectors.EVENT_READ:
                    known = party.character
                    known.speaks |= party.first_word
                    party.first_word = False
                    took = here - party.asked
                    known.slowest = max(known.slowest, took)
                    known.usual += (took - known.usual) / _MEMORY
                    self._note(party, now)
                    party.answered = here
            elif events & selectors.EVENT_READ:
                if here - party.answered > _BURST:
                    self._unasked(party, here)
                party.answered = max(party.answered, here - _BURST / 2)
            party.last = here

    def connection_ends(self) -> None:
        """The application may wait for its streams to notice this: they count for a while."""
        self._ended = time.monotonic()

    def timed_out(self, now: float) -> None:
        """A time-out of the application's has ended: what is pending has been overtaken.

        To stop a child that does not end in time is what such a time-out is for.
        """
        for party in self._all():
            by_itself = party.first_word or party.last_word
            if party.overtaken is None and party.asked is not None and not by_itself:
                party.overtaken = now

    def over(self, now: float) -> None:
        """The observation ends: what is pending has no answer."""
        for party in self._all():
            self._note(party, now)

    # --- what the clock asks

    @property
    def pending(self) -> bool:
        """Whether there is an answer that has not come, be it waited for or not."""
        return any(party.asked is not None for party in self._all())

    def patience(self, now: float) -> float:
        """Wall seconds for which the clock is to keep the pace of the wall, as things are."""
        for child in list(self._children):
            assert child.ended is not None
            assert child.end_awaited is not None
            if child.ended():
                child.character.speaks |= child.first_word
                self._note(child, now)
                self._children.remove(child)
            elif child.end_awaited():
                if child.first_word:
                    self._note(child, now)
                if child.asked is None:
                    self._ask(child, now)
                    child.last_word = True
        here = time.monotonic()
        return max((self._left(party, here) for party in self._all()), default=0.0)

    def _left(self, party: _Party, here: float) -> float:
        known = party.character
        if party.asked is not None and not party.gave_up:
            left = party.asked + party.limit(self.limit) - here
            if left > 0 and here < self.give_up_at:
                return min(left, self.give_up_at - here)
            party.gave_up = True
            if left > 0:
                self.gave_up = True
            elif not party.first_word:
                known.unanswered += 1
        if known.gap:
            pause = _GAPS * known.gap
            if self.attentive:
                return party.last + max(_LOOK, pause) - here
            until = min(
                party.last + max(_LOOK, pause), self._ended + _WATCHED + min(pause, _WATCHED)
            )
            return until - here
        if self.attentive and not known.silent:
            left = party.last + _LOOK - here
            known.silent = left <= 0
            return left
        if known.silent or known.spells >= _SPELLS:
            linger = min(max(_SILENT, 2 * known.usual), _SILENT_AT_MOST)
            return party.last + linger - here
        left = party.last + _UNKNOWN - here
        if left <= 0 and party.counted < party.last:
            party.counted = party.last
            known.spells += 1
        return left

    def _all(self) -> dict[_Party, None]:
        return dict.fromkeys((*self._parties.values(), *self._children))

    # --- requests

    def _ask(self, party: _Party, now: float) -> None:
        here = party.last = time.monotonic()
        if party.asked is None:
            party.asked, party.asked_at = here, now
            party.gave_up = False
            party.overtaken = None

    def _note(self, party: _Party, now: float) -> Answer | None:
        """Nothing is pending there any more; what is noted of it."""
        if party.asked is None:
            return None
        answer = None
        if party.first_word:
            party.character.unspoken += time.monotonic() - party.asked
        elif now - party.asked_at >= _WORTH_TELLING or party.overtaken is not None:
            answer = Answer(party.peer, party.asked_at, now, party.overtaken)
            self.answers.append(answer)
        party.asked = party.overtaken = None
        party.first_word = party.last_word = party.gave_up = False
        return answer

    def _unasked(self, party: _Party, here: float) -> None:
        known = party.character
        # Its pauses are of interest while the client waits: else the clock has jumped, or the party ends.
        pause = here - party.last if self.attentive else _BURST
        known.gap = max(known.gap, min(pause, _LONGEST_GAP))
        known.silent = False
        self.streamed |= bool(self.attentive)

    def _has_sent(self, descriptor: int, uncounted: bool) -> bool:  # noqa: FBT001 - the answer then
        """Whether something was written to ``descriptor`` since the loop watched it last.

        Libraries write by themselves, and then wait for the answer. ``uncounted`` is the answer for
        what is not counted by the kernel.
        """
        sent = _segments_sent(descriptor)
        if sent is None:
            return uncounted
        return sent > 0 and sent != self._segments.get(descriptor)


@contextlib.contextmanager
def as_socket(descriptor: int) -> Iterator[socket.socket]:
    """A socket object for ``descriptor``. Raises OSError if it is none."""
    copy = os.dup(descriptor)
    try:
        sock = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with sock:
        yield sock


def _text(name: str) -> str:
    """``name``, which the system gave, without what no message can have in it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _peer(descriptor: int) -> tuple[str, int | None]:
    """A name for the peer of ``descriptor``, for reports, and the type of socket, None if it is none."""
    try:
        with as_socket(descriptor) as sock:
            try:
                name = sock.getpeername()
            except OSError:
                name = ""
            text = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name or "a socket")
            return _text(text), int(sock.type)
    except OSError:
        return "a pipe", None


def _segments_sent(descriptor: int) -> int | None:
    """How many segments with data were sent; None where that is not counted."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None or sys.platform != "linux":
        return None
    try:
        with as_socket(descriptor) as sock:
            told = sock.getsockopt(socket.IPPROTO_TCP, option, _SEGMENTS.size)
    except OSError:
        return None
    return int(_SEGMENTS.unpack(told)[0]) if len(told) == _SEGMENTS.size else None
