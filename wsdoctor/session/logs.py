"""Logs and warnings, as events."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

from wsdoctor.recording.events import LogEmitted, WarningIssued
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.threads import current_connection

_LONGEST = 20_000
"""Characters of one message; some frameworks log a whole traceback as one."""


class LogCapture(logging.Handler):
    """Records every log record from WARNING on, of every logger, in the place of their handlers.

    It removes the application's handlers for the duration of a session: their output of hundreds of
    sessions is of no use, and formatting it costs more than the session.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder
        self._replaced: list[tuple[logging.Logger, list[logging.Handler]]] = []

    def attach(self) -> None:
        """Listen at the root and at each logger that does not propagate to it.

        Called again after the application's start-up, which may have set logging up anew.
        """
        root = logging.getLogger()
        loggers = [
            root,
            *(
                item
                for item in root.manager.loggerDict.values()
                if isinstance(item, logging.Logger)
            ),
        ]
        for logger in loggers:
            if logger.handlers == [self]:
                continue
            if logger is root or not logger.propagate or logger.handlers:
                self._replaced.append((logger, logger.handlers))
                logger.handlers = [self] if logger is root or not logger.propagate else []

    def detach(self) -> None:
        for logger, handlers in reversed(self._replaced):
            logger.handlers = handlers
        self._replaced.clear()

    def emit(self, record: logging.LogRecord) -> None:
        recorder = self._recorder
        error = record.exc_info[1] if record.exc_info else None
        try:
            message = record.getMessage()
        except Exception as broken:  # noqa: BLE001 - a user's log arguments may be anything
            message = f"{record.msg!r} (its arguments do not fit: {broken})"
        recorder.add(
            LogEmitted(
                **recorder.here(),
                connection=current_connection(),
                logger=record.name,
                level=record.levelname,
                message=message[:_LONGEST],
                exception=recorder.exception(error),
                stack=() if error else recorder.written_traceback(message),
                by_user=recorder.user_code.is_user(record.pathname),
            )
        )


@contextlib.contextmanager
def captured(recorder: Recorder) -> Iterator[LogCapture]:
    """Logs and warnings go into ``recorder`` within the block; nothing is printed by default."""
    capture = LogCapture(recorder)

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
    ) -> None:
        if issubclass(category, DeprecationWarning) and not recorder.user_code.is_user(filename):
            return  # between the server and its libraries
        recorder.add(
            WarningIssued(
                **recorder.here(),
                connection=current_connection(),
                category=category.__name__,
                message=str(message)[:2000],
                file=filename,
                line=lineno,
            )
        )

    capture.attach()
    # Records without a reader are not even made: a server makes ten of them a session.
    disabled = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show  # type: ignore[assignment]  # the last two arguments are of no use here
            yield capture
    finally:
        logging.disable(disabled)
        capture.detach()
