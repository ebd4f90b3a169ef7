"""Diagnose one Recording: what is wrong in it, and the answer of its case."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.bystander import BYSTANDER
from wsdoctor.diagnosis.causes import Cause, causes
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import is_cancelled, is_disconnect, leaves, name
from wsdoctor.diagnosis.finding import CaseResult, Mark, Markers, Verdict
from wsdoctor.diagnosis.outcome import Ending, ending_of
from wsdoctor.recording.events import ExceptionInfo, ProbeRead, UnseenErrorReported, WorkerLost
from wsdoctor.recording.recording import Recording

_NOT_CHECKED = frozenset({"WSD001", "WSD002"})
_INCONCLUSIVE = frozenset({"WSD003"})


class Diagnosed(Struct, frozen=True, kw_only=True):
    """One case: its result, its causes, and the Recording they were read from.

    ``spotless``: nothing is wrong, and the application is as good as new. One that is less than that
    may be healthy all the same (an error of a bystander's was logged, a task outlives the connection).
    ``ending``: of a healthy one, to be compared with the same case on other servers.
    ``otherwise`` is the verdict, with its note, if nothing that was found is the application's fault.
    """

    recording: Recording
    result: CaseResult
    causes: tuple[Cause, ...] = ()
    spotless: bool = False
    ending: Ending | None = None
    otherwise: Verdict = "healthy"
    otherwise_note: str = ""

    def without_events(self) -> Diagnosed:
        """The same, fit to be kept by the thousand: the Recording has lost its events and sources."""
        return replace(self, recording=replace(self.recording, events=(), sources={}))


def diagnose(recording: Recording) -> Diagnosed:
    """The answer of one case."""
    connection = Connection(recording)
    found = () if connection.overflowed else causes(connection)
    case = recording.case
    verdict, note = _case_verdict(connection, found)
    otherwise, otherwise_note = verdict, note
    if verdict == "defective":
        otherwise, otherwise_note = _case_verdict(connection, [_told(cause) for cause in found])
    return Diagnosed(
        recording=recording,
        causes=found,
        ending=ending_of(connection) if verdict == "healthy" and not connection.escapes else None,
        otherwise=otherwise,
        otherwise_note=otherwise_note,
        spotless=verdict == "healthy"
        and not found
        and not connection.escapes
        and not connection.error_logs
        and not connection.first(UnseenErrorReported)
        and not connection.outlived
        and not connection.left_something
        and not (case.bystander and Connection(recording, BYSTANDER).escapes),
        result=CaseResult(
            id=case.id,
            route=case.route,
            server=case.server,
            kind=case.kind,
            moment=case.moment,
            verdict=verdict,
            codes=tuple(dict.fromkeys(cause.occurrence.code for cause in found)),
            markers=_markers(connection),
            close_code=connection.close_code,
            teardown_seconds=None if connection.teardown is None else round(connection.teardown, 3),
            events=len(connection.events),
            note=note,
        ),
    )


def _told(cause: Cause) -> Cause:
    return replace(cause, occurrence=replace(cause.occurrence, severity="info"))


def _case_verdict(connection: Connection, found: Sequence[Cause]) -> tuple[Verdict, str]:
    if (full := connection.overflowed) is not None:
        return "inconclusive", (
            f"more than {full.limit} events: the handler sends without ever waiting"
        )
    # A handler that refuses its client the wrong way is defective, though nothing else was checked.
    if any(
        cause.occurrence.severity != "info" and cause.occurrence.code not in _NOT_CHECKED
        for cause in found
    ):
        return "defective", ""
    by_code = {cause.occurrence.code: cause.occurrence for cause in found}
    for code in sorted(_NOT_CHECKED & by_code.keys()):
        return "nothing-checked", by_code[code].message
    for code in sorted(_INCONCLUSIVE & by_code.keys()):
        return "inconclusive", by_code[code].message
    if unsure := _unsure(connection):
        return "inconclusive", unsure
    misread = next(
        (
            item.error
            for item in connection.escapes
            # Beside a bystander it is asked what that one got, whatever the handler understood.
            if not connection.recording.case.bystander
            and connection.misread(item)
            and not _is_the_end(connection, item.error)
        ),
        None,
    )
    if misread is not None:
        return (
            "inconclusive",
            f"the handler did not understand {_made_up(connection)} ({name(misread)}): give one with --send",
        )
    return "healthy", ""


def _unsure(connection: Connection) -> str:
    """Why nothing can be said of a case in which nothing was found; empty if there is no reason."""
    for read in connection.all(ProbeRead):
        if read.exception is not None:
            return f"the probe {read.probe} raised {name(read.exception)}"
    lost = connection.first(WorkerLost)
    if lost is not None:
        how = "had to be ended" if lost.returncode is None else f"exited with {lost.returncode}"
        return f"the process that ran the case {how}"
    if connection.called is None and connection.acted is None:
        return "the application was never called"
    return ""


def _made_up(connection: Connection) -> str:
    """What the client sent that nobody had told it to send."""
    if connection.recording.case.driver:
        return "the driver's last message when it was repeated"
    return "the client's message {}"


def _is_the_end(connection: Connection, error: ExceptionInfo) -> bool:
    """Whether ``error`` only says that the connection is over."""
    return all(
        is_disconnect(leaf) or is_cancelled(leaf) or leaf.id in connection.refusals
        for leaf in leaves(error)
    )


def _markers(connection: Connection) -> Markers:
    """The two questions, from messages and exceptions first, and from the log second."""
    escaped = frozenset(
        leaf.id
        for error in (
            *(escape.error for escape in connection.escapes),
            *(event.exception for event in connection.unretrieved),
        )
        if error is not None
        for leaf in leaves(error)
        if is_disconnect(leaf)
    )
    sent = connection.violations
    return Markers(
        websocket_disconnect=_mark(bool(escaped), escaped & connection.logged),
        unexpected_asgi_message=_mark(
            bool(sent),
            any(item.raised is not None and item.raised.id in connection.logged for item in sent),
        ),
    )


def _mark(happened: bool, logged: object) -> Mark:  # noqa: FBT001 - two yes-or-no questions
    if not happened:
        return "no"
    return "logged" if logged else "masked"
