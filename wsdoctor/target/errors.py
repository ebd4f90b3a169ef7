"""Errors of a target. Each message is one sentence that says what to do.

A ``TargetImportError`` is a ``TargetError`` with a traceback: the user's own code raised.
"""

from __future__ import annotations

import difflib
import traceback
from typing import TYPE_CHECKING, TypeVar

from wsdoctor.target.paths import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wsdoctor.target.usercode import UserCode

T = TypeVar("T")

_LISTED = 10


class TargetError(Exception):
    """The target cannot be checked: ``str()`` says why, and what to give instead."""


class TargetImportError(TargetError):
    """The user's code raised while it was imported, or while its factory was called.

    ``traceback_text`` has the user's own frames only; its last line is the exception.
    """

    def __init__(self, message: str, traceback_text: str) -> None:
        super().__init__(message)
        self.traceback_text = traceback_text


def run_user_code(action: Callable[[], T], doing: str, user_code: UserCode) -> T:
    """What ``action`` returns. ``doing`` completes "… failed": "importing 'app'".

    Raises:
        TargetImportError: it raised, or called ``sys.exit()``.
        KeyboardInterrupt: is let pass, it is the user's.
    """
    try:
        return action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a target may also raise SystemExit or CancelledError
        raise user_failure(error, doing, user_code) from error


def user_failure(error: BaseException, doing: str, user_code: UserCode) -> TargetImportError:
    """``error`` as a TargetImportError: what failed, why, and on which line of the user's code."""
    return TargetImportError(
        _sentence(error, doing, _line(error, user_code)), user_traceback(error, user_code)
    )


def user_traceback(error: BaseException, user_code: UserCode) -> str:
    """The traceback of ``error`` and of its causes, without frames that are not the user's."""
    summary = traceback.TracebackException.from_exception(error)
    _drop_foreign_frames(summary, user_code)
    return "".join(summary.format())


def has_user_frames(error: BaseException, user_code: UserCode) -> bool:
    """Whether any of the user's code was running when ``error`` was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(user_code.is_user(frame.filename) for frame in frames)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``": did you mean 'x'?"`` if one of ``words`` is close to ``word``, else ""."""
    by_lower = {known.lower(): known for known in words if known != word}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f": did you mean '{by_lower[close[0]]}'?" if close else ""


def listed(words: Iterable[str]) -> str:
    """The words with commas between them; of a long list its beginning."""
    shown = list(words)
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(shown[:_LISTED]) + more


def _sentence(error: BaseException, doing: str, line: str) -> str:
    where = f" ({line})" if line else ""
    if isinstance(error, SystemExit):
        code = "" if error.code is None else repr(error.code)
        return (
            f"{doing} called sys.exit({code}){where}: "
            'move that under `if __name__ == "__main__":`, or give the module of the app itself'
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"{doing} needs '{error.name}', which is not found{where}: "
            "install it, or give the folder that holds it with --app-dir"
        )
    first_line, *_ = str(error).splitlines() or [""]
    # A SyntaxError's text ends with "(app.py, line 3)", which `where` already says.
    if isinstance(error, SyntaxError):
        first_line = error.msg
    what = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    hint = ""
    if isinstance(error, ImportError) and "no known parent package" in first_line:
        hint = ": give it as a module of its package, package.module:attribute"
    return f"{doing} failed with {what}{where}{hint}"


def _line(error: BaseException, user_code: UserCode) -> str:
    """The innermost line of the user's code, "app.py, line 3"."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{short(error.filename)}, line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if user_code.is_user(frame.filename):
            return f"{short(frame.filename)}, line {frame.lineno}"
    return ""


def _drop_foreign_frames(summary: traceback.TracebackException, user_code: UserCode) -> None:
    kept = [frame for frame in summary.stack if user_code.is_user(frame.filename)]
    summary.stack = traceback.StackSummary.from_list(kept)
    members = summary.exceptions or []
    for other in (summary.__cause__, summary.__context__, *members):
        if other is not None:
            _drop_foreign_frames(other, user_code)
