"""How pytest is told of a failure that is no traceback. Its classes for that have no public name."""

from __future__ import annotations

from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)


class Failure(Exception):  # noqa: N818 - not an error: what was found is right
    """A test that fails: the whole ``text``, one line as its ``summary``, and the user's own line."""

    def __init__(self, text: str, summary: str, file: str, line: int) -> None:
        super().__init__(summary)
        self.text = text
        self.summary = summary
        self.file = file
        self.line = line


def failure_repr(failure: Failure) -> ReprExceptionInfo:
    """What pytest prints; of all its forms only this one reaches another process of pytest-xdist whole."""
    lines = [f"{line}\n" for line in failure.text.rstrip("\n").splitlines()]
    return ReprExceptionInfo(
        reprtraceback=ReprTraceback([ReprEntryNative(lines)], None, "native"),
        reprcrash=ReprFileLocation(failure.file, failure.line, failure.summary),
    )
