"""The places in a log that may have an incident of this family, without reading all of it.

Most lines of a log are of no interest, and a loop over them in Python costs more than everything else.
So this module searches blocks for a few words, at the speed of memory, and reads only the text around
them. Memory stays constant: a block, and the text around a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wsdoctor.triage.incident import LINES_BEFORE
from wsdoctor.triage.signatures import NEEDLES as MESSAGES

BOXES = ("╭─".encode(), "┌─".encode())
"""The top of a box. Rich colours the words in it, or cuts them off."""
NEEDLES = {
    b"Traceback (most recent call last)": b"(",
    b"estroyed but it is pending!": b"!",  # with the words before it, the search takes twice the time
    b"timeout graceful shutdown exceeded": b"(",
    **dict.fromkeys(BOXES, BOXES[0][:1]),
}
"""Each with a byte that its line has and few others have: one byte is searched for much faster."""
STRUCTURED = (b'"frames', rb"\u256d\u2500")
"""A key (its last quote may be escaped) of structlog's ``dict_tracebacks`` and of events of Sentry, and the top
of a box in JSON. They are looked for only in blocks that begin with some JSON."""

MESSAGES_UNTIL = 1 << 20
"""Bytes at the beginning of a log that are searched for messages without a traceback: pasted text is
shorter. Each message costs as much as one of NEEDLES."""

_LONGEST_NEEDLE = max(map(len, (*NEEDLES, *STRUCTURED, *MESSAGES)))
_SAMPLE = 64 << 10

BLOCK = 256 << 10
BEFORE = 8 << 10
AFTER = 128 << 10
"""Bytes: of one read, and around a place. A traceback of a recursion fills AFTER; its end is lost."""
AFTER_BOX = 1 << 20
"""Bytes after the top of a box, and of a JSON record: Rich takes half a million for one traceback with
local variables and colours."""
_WIDE = (b"{", *BOXES)
"""Texts in the line of such a place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a needle stands, to be read before the next one is asked for.

    ``before`` are the lines before its own; ``offset`` is that of its line in the log.
    """

    offset: int
    before: tuple[bytes, ...]
    window: bytearray
    begin: int
    end: int

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Its line and those after it, each with its offset in the log."""
        begin = self.begin
        while begin < self.end:
            end = self.window.find(b"\n", begin, self.end)
            end = self.end if end < 0 else end
            yield self.offset + begin - self.begin, bytes(self.window[begin:end])
            begin = end + 1


def places(log: BinaryIO, head: bytes = b"") -> Iterator[Place]:
    """Each line with a needle in it, of ``head`` and what is left of ``log``, in order."""
    window = bytearray()
    start = searched = 0
    """Offsets in the log: of the window, and of the first byte that was not searched yet."""
    waiting: list[tuple[int, int]] = []
    """Where needles stand, each with how much is to be read after it."""
    last = -1
    ended = False
    while not ended:
        block = head or log.read(BLOCK)
        head = b""
        ended = not block
        window += block
        begin = max(0, searched - start - _LONGEST_NEEDLE + 1)
        found = {
            start + at
            for needle in _needles(window, begin, block, searched)
            for at in _all(window, needle, begin)
            if start + at + len(needle) > searched
        }
        waiting += [(at, _after(window, at - start)) for at in sorted(found)]
        searched = start + len(window)
        while waiting and (ended or sum(waiting[0]) <= searched):
            at, after = waiting.pop(0)
            place = _place(window, at - start, start, after)
            if place.offset != last:  # two needles on one line
                last = place.offset
                yield place
        keep = _line(window, (waiting[0][0] if waiting else searched) - start) - BEFORE
        if keep > 0:
            del window[:keep]
            start += keep


def _needles(window: bytearray, begin: int, block: bytes, offset: int) -> Iterator[bytes]:
    """What to search ``window`` for from ``begin`` on, to which ``block`` was added, from ``offset`` of the log."""
    yield from (needle for needle, byte in NEEDLES.items() if window.find(byte, begin) >= 0)
    if b"{" in block[:_SAMPLE]:
        yield from STRUCTURED
    if offset < MESSAGES_UNTIL:
        yield from MESSAGES


def _all(window: bytearray, needle: bytes, begin: int) -> Iterator[int]:
    at = window.find(needle, begin)
    while at >= 0:
        yield at
        at = window.find(needle, at + 1)


def _line(window: bytearray, at: int) -> int:
    """Where the line of ``at`` begins; of a line longer than AFTER_BOX, that much before it."""
    return max(window.rfind(b"\n", 0, at) + 1, at - AFTER_BOX)


def _after(window: bytearray, at: int) -> int:
    """How many bytes from ``at`` on belong to its place."""
    line = window[_line(window, at) : at + len(BOXES[0])]
    return AFTER_BOX if any(mark in line for mark in _WIDE) else AFTER


def _place(window: bytearray, at: int, start: int, after: int) -> Place:
    line = _line(window, at)
    before = bytes(window[max(0, line - BEFORE) : line]).split(b"\n")[:-1]
    end = min(len(window), at + after)
    return Place(start + line, tuple(before[-_LINES_BEFORE:]), window, line, end)


_LINES_BEFORE = 4 * LINES_BEFORE
"""Other writers' lines may stand between those that are wanted."""
