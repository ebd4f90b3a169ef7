"""The places in a log where something of this family may be told, without reading it all.

A log is mostly lines of no interest, and a loop over them in Python costs more than all the rest. So
blocks are searched for a few words, at the speed of memory; only what stands around them is read.
Memory stays constant: a block, and what stands around a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

NEEDLES = (
    b"Traceback (most recent call last)",
    b"Task was destroyed but it is pending",
    b"timeout graceful shutdown exceeded",
)
STRUCTURED = b'"syntax_error"'
"""A key of structlog's ``dict_tracebacks``, of those the one that is found fastest. It costs as much as
the others together, so it is looked for only in blocks that begin with some JSON."""

_LONGEST_NEEDLE = max(map(len, NEEDLES))
_SAMPLE = 64 << 10

BLOCK = 1 << 20
BEFORE = 4 << 10
AFTER = 128 << 10
"""Bytes: of one read, and around a place. A traceback of a recursion fills AFTER; its end is lost."""


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


def places(log: BinaryIO) -> Iterator[Place]:
    """Each line of ``log`` with a needle in it, in order."""
    window = bytearray()
    start = searched = 0
    """Offsets in the log: of the window, and of the first byte that was not searched yet."""
    waiting: list[int] = []
    last = -1
    ended = False
    while not ended:
        block = log.read(BLOCK)
        ended = not block
        window += block
        found = {
            start + at
            for needle in (*NEEDLES, *((STRUCTURED,) if b"{" in block[:_SAMPLE] else ()))
            for at in _all(window, needle, max(0, searched - start - _LONGEST_NEEDLE + 1))
            if start + at + len(needle) > searched
        }
        waiting += sorted(found)
        searched = start + len(window)
        while waiting and (ended or waiting[0] + AFTER <= searched):
            place = _place(window, waiting.pop(0) - start, start)
            if place.offset != last:  # two needles on one line
                last = place.offset
                yield place
        keep = max(start, (waiting[0] if waiting else searched) - BEFORE)
        del window[: keep - start]
        start = keep


def _all(window: bytearray, needle: bytes, begin: int) -> Iterator[int]:
    at = window.find(needle, begin)
    while at >= 0:
        yield at
        at = window.find(needle, at + 1)


def _place(window: bytearray, at: int, start: int) -> Place:
    line = window.rfind(b"\n", 0, at) + 1
    before = bytes(window[max(0, line - BEFORE) : line]).split(b"\n")[:-1]
    end = min(len(window), at + AFTER)
    return Place(start + line, tuple(before[-_LINES_BEFORE:]), window, line, end)


_LINES_BEFORE = 4
