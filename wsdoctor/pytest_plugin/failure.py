"""A failure of an item that is no traceback, and how pytest prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsdoctor.private.pytest import native_failure

if TYPE_CHECKING:
    from _pytest._code.code import ReprExceptionInfo


class Failure(Exception):  # noqa: N818 - not an error: what was found is right
    """A test that fails: the whole ``text``, one line as its ``summary``, and the user's own line."""

    def __init__(self, text: str, summary: str, file: str, line: int) -> None:
        super().__init__(summary)
        self.text = text
        self.summary = summary
        self.file = file
        self.line = line


def failure_repr(failure: Failure) -> ReprExceptionInfo:
    """What pytest prints."""
    lines = [f"{line}\n" for line in failure.text.rstrip("\n").splitlines()]
    return native_failure(lines, failure.file, failure.line, failure.summary)
