"""Tracebacks, as Python prints them, out of the lines of a log.

Other lines may stand between theirs: several threads and processes write into one file. And each
line may have something before it: a container's name, a time. Rich's are read by ``triage.boxes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

HEADER = "Traceback (most recent call last)"

CHAINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)

# Loguru puts a mark before the frame in which an exception was caught.
_FRAME = re.compile(r'(?:> )?File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
_END = re.compile(r"(?P<type>[A-Za-z_][\w.<>]*)(?:: (?P<message>.*)|:)?$")
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"})
_MEMBER = re.compile(r"^[\s|]*\+(?:-\+)?-{4,} (?:\d+|\.\.\.) -{4,}$")
_GROUP_ENDS = re.compile(r"^[\s|]*\+-{4,}$")
_DECORATION = re.compile(r"^[\s|+]*$")
_MARGIN = re.compile(r"^(?:\s*[|+])+ ?")
_MARKS = re.compile(r"^[\s~^]+$")
_CLOCK = re.compile(
    r"\d{1,4}([-/:])\d\d\1\d\d(?:[.,]\d+)?|\d{9,}(?:\.\d+)?|\d+[.,]\d{3,}|(?<=\s)\d\d?(?=\s)"
)
"""Parts that differ between the lines of one writer: a time, a date, a day of the month. The number of a
process or of a container does not differ."""

LAST_LINE = re.compile(
    r"(?:^|[\s|:>\]])(?P<type>(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*?)?"
    r"(?:Error|Exception|ExceptionGroup|Disconnect|Disconnected|Closed|ClosedOK|Cancelled))"
    r"(?:: (?P<message>.*)|:?\s*)$"
)
"""The last line of a traceback, whatever stands before it in its line."""

_REPRESENTED = re.compile(
    r"\b(?P<type>[A-Z]\w*(?:Error|Exception|Disconnect|Disconnected|ClosedOK|ClosedError))"
    r"\((?P<quote>\\?[\"'])(?P<message>.*)(?P=quote)[,)]"
)

MOST_STRANGERS = 60
"""How many lines that belong to others may stand between two of a traceback."""

AFTER_THE_END = 2
"""How many lines of others may stand between an exception and what says that another followed."""


@dataclass(slots=True)
class Frame:
    """``source`` is its line of code, if the log shows it.

    ``library``: the record says that the frame is not in the user's code; None if it does not say so.
    """

    file: str
    line: int
    function: str
    source: str = ""
    library: bool | None = None


@dataclass(slots=True)
class Raised:
    """One exception of a chain, or of a group: ``frames`` are outermost first."""

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]

    @property
    def text(self) -> str:
        """As tracebacks end, without the module of the type."""
        return (
            f"{self.name}: {self.message}"
            if self.name and self.message
            else (self.name or self.message)
        )


@dataclass(slots=True)
class Traceback:
    """A chain of exceptions in the order of the text, the first cause first; groups are flattened.

    ``lines`` are the places, among the lines it was read from, that belong to it.
    """

    raised: list[Raised] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_traceback(lines: Iterable[str]) -> Traceback:
    """The traceback that begins in the first of ``lines``: with its header, or with its last line.

    If a traceback begins with its last line, this reads the chain that follows, and the frames if they
    are below it, as in Sentry.
    """
    reader = _Reader()
    for number, line in enumerate(lines):
        if not reader.take(number, line):
            break
    return reader.finish()


def exception_in(text: str) -> Raised | None:
    """The exception that the line ``text`` ends with, or that is represented in it."""
    for pattern in (LAST_LINE, _REPRESENTED):
        if match := pattern.search(text):
            return Raised(match["type"], (match["message"] or "").strip())
    return None


class _Reader:
    def __init__(self) -> None:
        self._prefix: re.Pattern[str] | None = None
        self._found = Traceback()
        self._current = Raised()
        self._indent = 0
        """Where the lines of frames begin; lines of source are indented more."""
        self._in_source = False
        self._after_frame = False
        self._strangers = 0
        self._ended = False
        self._linked = False
        self._headless = False

    def take(self, number: int, line: str) -> bool:
        """Read one line; false if the traceback was over before it."""
        if number == 0:
            self._begin(line)
            self._found.lines.append(0)
            return True
        text = self._stripped(line)
        what = "stranger" if text is None else self._kind(text)
        if what == "stranger":
            self._strangers += 1
            return self._strangers <= (MOST_STRANGERS if not self._ended else AFTER_THE_END)
        assert text is not None
        self._strangers = 0
        self._found.lines.append(number)
        self._read(what, text)
        return True

    def finish(self) -> Traceback:
        return self._found

    def _begin(self, line: str) -> None:
        if HEADER in line:
            self._prefix = prefix_of(line)
            return
        match = LAST_LINE.search(line)
        self._prefix = _prefix(line[: match.start("type")]) if match else None
        self._current = exception_in(line) or Raised(message=line.strip())
        self._headless = True
        self._close()

    def _stripped(self, line: str) -> str | None:
        if self._prefix is None:
            return line.rstrip("\r")
        match = self._prefix.match(line.rstrip("\r"))
        return None if match is None else match["rest"] or ""

    def _kind(self, text: str) -> str:
        inner = text.strip()
        if not inner:
            return "blank"
        if inner.startswith('File "') and not self._ended and _FRAME.match(inner):
            return "frame"
        if inner[0] in {"|", "+"}:
            if _MEMBER.match(text.rstrip()):
                return "link"
            if _GROUP_ENDS.match(text.rstrip()):
                return "close"
            text = _MARGIN.sub("", text)
            inner = text.strip()
        if inner in CHAINED:
            return "link"
        if inner.removeprefix("Exception Group ").startswith(HEADER):
            return "again" if self._linked else "stranger"
        return self._kind_of_rest(text, inner)

    def _kind_of_rest(self, text: str, inner: str) -> str:
        if not inner:
            return "blank"
        if self._is_source(text, inner):
            return "source"
        if self._ended:
            return self._after_the_end(inner)
        if _FRAME.match(inner):
            return "frame"
        return "end" if self._current.frames and self._ends(inner) else "stranger"

    def _is_source(self, text: str, inner: str) -> bool:
        indent = len(text) - len(text.lstrip())
        if self._in_source and (indent > self._indent or _MARKS.match(inner)):
            return True
        # Some tool has removed all indentation.
        return self._after_frame and not self._indent and not self._ends(inner)

    def _after_the_end(self, inner: str) -> str:
        if self._linked and LAST_LINE.match(inner):
            return "end"  # a chain of which only the last lines are left
        if self._headless and _FRAME.match(inner):
            return "frame"
        return "stranger"

    @staticmethod
    def _ends(text: str) -> bool:
        match = _END.match(text)
        if match is None or match["type"] in _LEVELS:
            return False
        name = match["type"]
        return "." in name or bool(re.search(r"[a-z][A-Z]", name)) or name.endswith("Exception")

    def _read(self, what: str, text: str) -> None:
        if what == "source" and self._after_frame:
            self._holder.frames[-1].source = text.strip(" |")
        self._after_frame = what == "frame"
        if what in {"source", "blank"}:
            return
        bare = _MARGIN.sub("", text) if text.lstrip()[:1] in {"|", "+"} else text
        inner = bare.strip()
        if what == "frame":
            match = _FRAME.match(inner)
            assert match is not None
            frame = Frame(match["file"], int(match["line"]), (match["function"] or "").strip())
            self._holder.frames.append(frame)
            self._indent = bare.find('File "')
            self._in_source = True
        elif what == "end":
            match = _END.match(inner)
            assert match is not None
            self._current.type, self._current.message = match["type"], match["message"] or ""
            self._headless = self._headless and not self._current.frames
            self._close()
        elif what == "close":
            self._linked, self._in_source = False, False
        elif what in {"link", "again"}:
            self._current = Raised()
            self._linked = what == "link"
            self._ended = self._linked
            self._in_source = False
            self._headless = self._headless and self._linked

    @property
    def _holder(self) -> Raised:
        """The exception that frames belong to: the one below them, or the one above, in Sentry's order."""
        return self._found.raised[-1] if self._headless and self._ended else self._current

    def _close(self) -> None:
        self._found.raised.append(self._current)
        self._current = Raised()
        self._ended = True
        self._linked = False
        self._in_source = False


def prefix_of(line: str) -> re.Pattern[str] | None:
    """The prefix of each line of the writer of ``line``, in which a traceback begins.

    None if there is none; otherwise the pattern has the rest of a line as ``rest``.
    """
    if line.startswith("Traceback"):
        return None
    before = line[: line.index("Traceback")]
    # The top of a box, with its margin, or the beginning of an exception group.
    return _prefix(re.sub(r"\s*[╭┌┏+][─━ -]*(?:Exception Group )?$", "", before))


def _prefix(before: str) -> re.Pattern[str] | None:
    if _DECORATION.match(before):
        return None
    name = before.rstrip()
    # The space behind it is missing where a line is empty.
    return re.compile(rf"{same_writer(name)}(?:{re.escape(before[len(name) :])}(?P<rest>.*))?$")


def same_writer(before: str) -> str:
    """A pattern of what the one who wrote ``before`` in front of a line writes in front of others."""
    parts = []
    at = 0
    for match in _CLOCK.finditer(before):
        parts += [
            re.escape(before[at : match.start()]),
            re.sub(r"\d+", r"\\d+", re.escape(match[0])),
        ]
        at = match.end()
    return "".join((*parts, re.escape(before[at:])))
