"""Tracebacks, as Python prints them, out of the lines of a log.

Other lines may stand between theirs: several threads and processes write into one file. And each
line may have something before it: a container's name, a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

HEADER = "Traceback (most recent call last):"

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
_END = re.compile(r"(?P<type>[A-Za-z_][\w.<>]*)(?:: (?P<message>.*))?$")
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"})
_CHAINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_GROUP = re.compile(r"^[\s|]*\+(?:-\+)?-{4,}")
_DECORATION = re.compile(r"^[\s|+]*$")
_MARGIN = re.compile(r"^(?:\s*[|+])+ ?")
_MARKS = re.compile(r"^[\s~^]+$")

MOST_STRANGERS = 60
"""How many lines that belong to others may stand between two of a traceback."""


@dataclass(frozen=True, slots=True)
class Frame:
    file: str
    line: int
    function: str


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


@dataclass(slots=True)
class Traceback:
    """A chain of exceptions in the order of the text, the first cause first; groups are flattened.

    ``lines`` are the places, among the lines it was read from, that belong to it.
    """

    raised: list[Raised] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_traceback(lines: Iterable[str]) -> Traceback:
    """The traceback that begins in the first of ``lines``."""
    reader = _Reader()
    for number, line in enumerate(lines):
        if not reader.take(number, line):
            break
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._prefix: re.Pattern[str] | None = None
        self._found = Traceback()
        self._current = Raised()
        self._in_source = False
        self._strangers = 0
        self._ended = False
        self._linked = False

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
            return self._strangers <= (MOST_STRANGERS if not self._ended else _AFTER_THE_END)
        assert text is not None
        self._strangers = 0
        self._found.lines.append(number)
        self._read(what, text)
        return True

    def finish(self) -> Traceback:
        return self._found

    def _begin(self, line: str) -> None:
        before = re.sub(r"\s*\+ Exception Group $", "", line.partition(HEADER)[0])
        if not _DECORATION.match(before):
            pattern = re.sub(r"\d+", r"\\d+", re.escape(before))
            self._prefix = re.compile(pattern + r"(?P<rest>.*)$")

    def _stripped(self, line: str) -> str | None:
        if self._prefix is None:
            return line.rstrip("\r")
        match = self._prefix.match(line.rstrip("\r"))
        return None if match is None else match["rest"]

    def _kind(self, text: str) -> str:
        inner = text.strip()
        bare = text
        if inner[:1] in {"|", "+"}:
            bare = _MARGIN.sub("", text)
            inner = bare.strip()
        if inner in _CHAINED or _GROUP.match(text):
            return "link"
        if inner.removeprefix("Exception Group ").startswith(HEADER):
            return "again" if self._linked else "stranger"
        if not inner:
            return "blank"
        if self._ended:
            return "stranger"
        if _FRAME.match(inner):
            return "frame"
        if self._in_source and (bare[:1].isspace() or _MARKS.match(inner)):
            return "source"
        return "end" if self._current.frames and self._ends(inner) else "stranger"

    @staticmethod
    def _ends(text: str) -> bool:
        match = _END.match(text)
        if match is None or match["type"] in _LEVELS:
            return False
        name = match["type"]
        return "." in name or bool(re.search(r"[a-z][A-Z]", name)) or name.endswith("Exception")

    def _read(self, what: str, text: str) -> None:
        inner = _MARGIN.sub("", text).strip()
        if what == "frame":
            match = _FRAME.match(inner)
            assert match is not None
            self._current.frames.append(
                Frame(match["file"], int(match["line"]), (match["function"] or "").strip())
            )
            self._in_source = True
        elif what == "end":
            match = _END.match(inner)
            assert match is not None
            self._current.type, self._current.message = match["type"], match["message"] or ""
            self._found.raised.append(self._current)
            self._current = Raised()
            self._ended = True
            self._in_source = False
        elif what in {"link", "again"}:
            self._current = Raised()
            self._linked = what == "link"
            self._ended = self._linked
            self._in_source = False


_AFTER_THE_END = 2
"""How many lines of others may stand between an exception and what says that another followed."""
