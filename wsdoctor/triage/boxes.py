"""Tracebacks in boxes, as Rich draws them: on a console, by its log handler, for structlog.

    ╭──────── Traceback (most recent call last) ────────╮
    │ /srv/shop/chat.py:12 in chat                      │
    │                                                   │
    │    9 async def chat(socket):                      │
    │ ❱ 12 │   await socket.receive_text()              │
    ╰───────────────────────────────────────────────────╯
    WebSocketDisconnect: (1001, '')

Whatever is too long for the width is wrapped: paths within a word, sentences between words. The members of
an exception group are boxes in a box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsdoctor.triage.traceback import (
    AFTER_THE_END,
    CHAINED,
    HEADER,
    MOST_STRANGERS,
    Frame,
    Raised,
    Traceback,
    prefix_of,
    same_writer,
)

_TOP = re.compile(r"[╭┌┏+][─━-]+ Traceback[^╮┐┓+]*[╮┐┓+]")
"""A narrow box has no place for all of the title."""
_MEMBER = re.compile(r"^[╭┌┏+][─━-]+ Sub-ex[^╮┐┓+]*[╮┐┓+]$")
_BOTTOM = re.compile(r"^[╰└┗+][─━-]+[╯┘┛+]$")
_SIDES = re.compile(r"^[│┃|] ?(?P<inside>.*?) ?[│┃|]$")
_PLACE = re.compile(r"^(?P<file>.+?):(?P<line>\d+) in (?P<function>\S+)$")
_FUNCTION = re.compile(r"^ ?in(?: \S+)?$")
"""The end of a place that was wrapped before it."""
_CODE = re.compile(r"^(?:\s|[❱>] |[╭┌│╰└]|\+-|\| )")
_MARKED = re.compile(r"^[❱>]\s+\d+ (?P<source>.*)")
"""The line of code of a frame, among those around it."""
_RECORD = re.compile(r"^(?:\W?\d{1,4}[-/]\d\d[-/]\d\d|\{|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)")
"""The beginning of another record of the log."""
_TYPE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")


def begins_in(line: str) -> bool:
    """Whether a traceback begins in ``line``, in a box or not."""
    return HEADER in line or is_box(line)


def is_box(line: str) -> bool:
    """Whether a traceback in a box begins in ``line``."""
    return "Traceback" in line and _TOP.search(line) is not None


def read_box(lines: Iterable[str]) -> Traceback:
    """The traceback that begins in the first of ``lines``, which is the top of a box."""
    reader = _Reader()
    for number, line in enumerate(lines):
        if not reader.take(number, line):
            break
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._found = Traceback()
        self._prefix = re.compile("")
        """The prefix of each line: the writer's name, and the margin of the box."""
        self._writer: re.Pattern[str] | None = None
        self._width = 0
        """Columns of the widest line in the box around it. A sentence is wrapped there, or further right."""
        self._current = Raised()
        self._place = ""
        """The part of a frame's place that has been read."""
        self._in_box = False
        self._around = 0
        """In how many boxes of exception groups the lines stand."""
        self._paragraph: list[str] = []
        """Lines below a box that belong together."""
        self._linked = True
        """Whether another box may follow."""
        self._strangers = 0

    def take(self, number: int, line: str) -> bool:
        """Read one line; false if the traceback was over before it."""
        if number == 0:
            top = _TOP.search(line)
            assert top is not None
            self._prefix = re.compile(rf"{same_writer(line[: top.start()])}(?P<rest>.*)$")
            self._writer = prefix_of(line)
        text = self._own(line)
        if text is None:
            return self._stranger()
        inner = self._out_of_groups(text)
        around = self._around
        took = self._inside(inner) if self._in_box else self._below(inner)
        if took:
            self._strangers = 0
            self._width = max(self._width, len(inner)) if around == self._around else 0
            self._found.lines.append(number)
        return took

    def finish(self) -> Traceback:
        self._read_paragraph()
        return self._found

    def _own(self, line: str) -> str | None:
        """``line`` without its prefix; None if it is of another writer, or of another record."""
        match = self._prefix.match(line.rstrip())
        if match is not None:
            return match["rest"].rstrip()
        written = self._writer.match(line) if self._writer is not None else None
        if self._writer is not None and written is None:
            return None
        rest = line if written is None else written["rest"] or ""
        if not rest.strip():
            return ""
        self._read_paragraph()  # another record of the same writer, with another margin
        return None

    def _stranger(self) -> bool:
        self._strangers += 1
        return self._strangers <= (MOST_STRANGERS if self._in_box else AFTER_THE_END)

    def _out_of_groups(self, text: str) -> str:
        """``text`` without the sides of the boxes of exception groups."""
        for _ in range(self._around):
            if not self._in_box and _BOTTOM.match(text):
                self._read_paragraph()
                self._around -= 1
                self._width = 0
                return ""
            sides = _SIDES.match(text)
            text = sides["inside"].rstrip() if sides else text
        return text

    def _inside(self, text: str) -> bool:
        if _BOTTOM.match(text):
            self._in_box, self._place = False, ""
            return True
        sides = _SIDES.match(text)
        inside = sides["inside"].rstrip() if sides else ""
        if self._place and _FUNCTION.match(inside):
            inside = inside.lstrip()  # the path has filled its line, to the last column
        if not inside or _CODE.match(inside):
            if self._current.frames and (marked := _MARKED.match(inside)):
                self._current.frames[-1].source = marked["source"].strip(" │|")
            self._place = ""
            return True
        glue = " " if self._place.endswith(" in") or _FUNCTION.match(inside) else ""
        self._place = f"{self._place}{glue}{inside}"
        if match := _PLACE.match(self._place):
            frame = Frame(match["file"], int(match["line"]), match["function"])
            self._current.frames.append(frame)
            self._place = ""
        return True

    def _below(self, text: str) -> bool:
        if not text:
            self._read_paragraph()
            return True
        if _TOP.match(text) and (self._linked or self._around):
            self._read_paragraph()
            self._in_box, self._linked = True, False
            return True
        if _MEMBER.match(text):
            self._read_paragraph()
            self._around += 1
            return True
        if not (self._goes_on(text) if self._paragraph else self._begins(text)):
            return False
        self._paragraph.append(text)
        return True

    def _begins(self, text: str) -> bool:
        """Whether ``text`` may be the exception of the box above it, or the sentence that links two."""
        if self._current.frames:
            return _TYPE.match(text) is not None
        return any(sentence.startswith(text) for sentence in CHAINED)

    def _goes_on(self, text: str) -> bool:
        """Whether ``text`` goes on with the paragraph: its first word had no place on the line before."""
        if _RECORD.match(text):
            return False
        return len(self._paragraph[-1]) + 1 + len(text.split(maxsplit=1)[0]) > self._width

    def _read_paragraph(self) -> None:
        text = previous = ""
        for line in self._paragraph:
            # A word that is longer than a line fills it, and goes on in the next one.
            folded = " " not in previous and len(previous) >= self._width
            text = f"{text}{'' if not text or folded else ' '}{line}"
            previous = line
        self._paragraph = []
        if text in CHAINED:
            self._linked = True
        elif text and (match := _TYPE.match(text)):
            self._current.type = match["type"]
            self._current.message = (match["message"] or "").strip()
            self._found.raised.append(self._current)
            self._current = Raised()
