"""Diagnose one Recording: what is wrong in it, and the answer of its case."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.bystander import BYSTANDER
from wsdoctor.diagnosis.causes import Cause, causes
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.ending import Ending, ending_of
from wsdoctor.diagnosis.exceptions import ids, is_cancelled, is_disconnect, leaves, name
from wsdoctor.diagnosis.finding import CaseResult, Mark, Markers, Verdict
from wsdoctor.diagnosis.resources import starves
from wsdoctor.diagnosis.rule import seconds
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.recording.case import SCARCE, SendStep
from wsdoctor.recording.events import (
    ContainersHeld,
    ExceptionInfo,
    LogEmitted,
    LoopErrorReported,
    ProbeRead,
    ReceiveReturned,
    TaskEnded,
    UnseenErrorReported,
    WorkerLost,
)
from wsdoctor.recording.recording import Asked, Recording


class Diagnosed(Struct, frozen=True, kw_only=True):
    """One case: its result, its causes, and the Recording they were read from.

    ``spotless``: nothing is wrong, and the application is as good as new. One that is less than that
    may be healthy all the same (an error of a bystander's was logged, a task outlives the connection).
    A refused send that a correct handler lets pass is nothing wrong, and leaves nothing behind by itself.
    ``tidy``: something may be wrong, but nothing of it stays that is looked at.
    ``ending``: of a healthy one, to be compared with the same case on other servers.
    ``acted`` is when the connection was to end: seconds of the session, and the loop's iteration.
    ``otherwise`` is the verdict, with its note, if nothing that was found is the application's fault.
    ``start_up``: wall seconds that the application took to start, 0 if that is not known.
    ``misread``: why the handler did not understand a message that wsdoctor made up.
    """

    recording: Recording
    result: CaseResult
    causes: tuple[Cause, ...] = ()
    spotless: bool = False
    tidy: bool = False
    ending: Ending | None = None
    acted: tuple[float, int] | None = None
    otherwise: Verdict = "healthy"
    otherwise_note: str = ""
    misread: str = ""
    start_up: float = 0.0

    def without_events(self) -> Diagnosed:
        """The same, fit to be kept by the thousand: the Recording has lost its events and sources."""
        return replace(
            self, recording=replace(self.recording, events=(), sources={}, imported={}, ran=None)
        )


def _comparable(connection: Connection, found: Sequence[Cause]) -> Ending | None:
    """The ending, unless a finding of any fault already reports the handler's end."""
    told = connection.returned is None and any(
        RULES[item.code].tells_of_hang
        for cause in found
        for item in (cause.occurrence, *cause.symptoms)
    )
    return None if told or connection.escapes else ending_of(connection)


def diagnose(recording: Recording) -> Diagnosed:
    """The answer of one case."""
    connection = Connection(recording)
    found = causes(connection)
    scarce = recording.case.situation == SCARCE
    if scarce:
        found = _of_scarcity(connection, found)
    overtaken = connection.overtaken
    if overtaken is not None:
        found = tuple(_unless_before(connection, cause, overtaken) for cause in found)
    case = recording.case
    verdict, note = _case_verdict(connection, found)
    if scarce and verdict != "defective":
        verdict, note = "healthy", ""  # that one is too few says nothing of the application
    otherwise, otherwise_note = verdict, note
    if verdict == "defective":
        otherwise, otherwise_note = _case_verdict(
            connection, [_as_remark(cause) for cause in found]
        )
    misread = _not_understood(connection, found) if otherwise == "healthy" and not scarce else ""
    if misread:
        otherwise, otherwise_note = "nothing-checked", misread
        if verdict == "healthy":
            verdict, note = otherwise, otherwise_note
    return Diagnosed(
        recording=recording,
        causes=found,
        ending=_comparable(connection, found) if verdict == "healthy" and not scarce else None,
        acted=None if connection.act is None else (connection.act.time, connection.act.step),
        otherwise=otherwise,
        otherwise_note=otherwise_note,
        misread=misread,
        spotless=verdict == "healthy"
        and not found
        and not scarce
        and all(_is_the_end(connection, item.error) for item in connection.escapes)
        and not connection.error_logs
        and _leaves_nothing(connection)
        and not connection.outlived
        and not (case.accompanied and Connection(recording, BYSTANDER).escapes),
        tidy=verdict in {"healthy", "defective"}
        and recording.as_before
        and _leaves_nothing(connection),
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
            not_understood=misread if verdict == "nothing-checked" else "",
        ),
    )


def _leaves_nothing(connection: Connection) -> bool:
    return (
        not connection.first(UnseenErrorReported)
        and not connection.left_something
        # What a clean-up may have left there is not the next case's.
        and not any(event.held for event in connection.all(ContainersHeld))
    )


def _of_scarcity(connection: Connection, found: Sequence[Cause]) -> tuple[Cause, ...]:
    """The causes that count where pools are scarce: only that something does not come back.

    Clients that wait for a scarce connection say nothing about production.
    """
    if not starves(connection):
        return ()
    return tuple(
        cause
        for cause in found
        if any(RULES[item.code].in_scarcity for item in (cause.occurrence, *cause.symptoms))
    )


def _unless_before(connection: Connection, cause: Cause, overtaken: Asked) -> Cause:
    """``cause``, as a remark if it may only come of a backend that was too slow for once."""
    occurrence = cause.occurrence
    if occurrence.severity == "info" or overtaken.overtaken is None:
        return cause
    if connection.events[occurrence.index].time < overtaken.overtaken:
        return cause
    doubt = f"{_not_answered(overtaken)}: inconclusive"
    evidence = (*occurrence.evidence, doubt)
    return replace(cause, occurrence=replace(occurrence, severity="info", evidence=evidence))


def _not_answered(overtaken: Asked) -> str:
    assert overtaken.overtaken is not None
    return (
        f"the backend {overtaken.peer} had not answered when a time-out of the application's ended, "
        f"{seconds(overtaken.overtaken - overtaken.asked)} after it was asked"
    )


def _as_remark(cause: Cause) -> Cause:
    return replace(cause, occurrence=replace(cause.occurrence, severity="info"))


def _case_verdict(connection: Connection, found: Sequence[Cause]) -> tuple[Verdict, str]:
    if (full := connection.overflowed) is not None and not found:
        return "inconclusive", (
            f"more than {full.limit} events: the handler sends without ever waiting"
        )
    # A handler that refuses its client the wrong way is defective, though nothing else was checked.
    if any(
        cause.occurrence.severity != "info" and not _checks_nothing(cause.occurrence.code)
        for cause in found
    ):
        return "defective", ""
    by_code = {cause.occurrence.code: cause.occurrence for cause in found}
    # A remark may name the refusal among its symptoms: the handler was not reached all the same.
    told = by_code | {item.code: item for cause in found for item in cause.symptoms}
    for code in sorted(filter(_checks_nothing, told)):
        return "nothing-checked", told[code].message
    for code in sorted(code for code in by_code if RULES[code].stops_at == "moment"):
        return "inconclusive", by_code[code].message
    overtaken = connection.overtaken
    if overtaken is not None and any(
        _not_answered(overtaken) in e for c in found for e in c.occurrence.evidence
    ):
        return "inconclusive", _not_answered(overtaken)
    if unsure := _unsure(connection):
        return "inconclusive", unsure
    return "healthy", ""


def _checks_nothing(code: str) -> bool:
    return RULES[code].stops_at in {"start", "handshake"}


def _not_understood(connection: Connection, found: tuple[Cause, ...]) -> str:
    """Why a message that wsdoctor made up says nothing about the handler; empty if it does."""
    # With a second client it is asked what that one got, whatever the handler understood.
    accompanied = connection.recording.case.accompanied
    explained = frozenset[int]().union(*(cause.occurrence.explains for cause in found))
    for item in () if accompanied else connection.escapes:
        if item.error.id in explained or _is_the_end(connection, item.error):
            continue
        if connection.misread(item):
            return _misread(connection, name(item.error))
    for error in () if accompanied else connection.misread_by_tasks:
        return _misread(connection, name(error))
    return ""


def misunderstanding(recording: Recording) -> str:
    """Why the handler does not understand the message that was made up for it; empty if it does.

    Also what fails in a task of its own, or is logged, between the message and the end.
    """
    connection = Connection(recording)
    act = connection.act
    # By their order: in virtual time, what the disconnect brings about happens in the same instant.
    last = len(connection.events) if act is None else connection.events.index(act)
    for item in connection.escapes:
        early = item.index < last and connection.misread(item)
        if early and not _is_the_end(connection, item.error):
            return _misread(connection, name(item.error))
    escaped = frozenset[int]().union(*(ids(item.error) for item in connection.escapes))
    heard = False
    for event in connection.events[:last]:
        if isinstance(event, ReceiveReturned) and event.message == _RECEIVED:
            heard = True
        elif not heard:
            continue
        elif isinstance(event, TaskEnded | LoopErrorReported) and event.exception is not None:
            if event.connection == 1 and not _is_the_end(connection, event.exception):
                return _misread(connection, name(event.exception))
        elif isinstance(event, LogEmitted) and event.level in {"ERROR", "CRITICAL"}:
            if event.exception is not None and ids(event.exception) & escaped:
                continue
            said = event.message.strip().splitlines()
            return _misread(connection, f"it logs {said[0] if said else event.level}")
    return ""


_RECEIVED = "websocket.receive"


def _misread(connection: Connection, why: str) -> str:
    return f"the handler did not understand {_made_up(connection)} ({why}): give one with --send"


def _unsure(connection: Connection) -> str:
    """Why nothing can be said of a case in which nothing was found; empty if there is no reason."""
    for read in connection.all(ProbeRead):
        if read.exception is not None:
            return f"the probe {read.probe} raised {name(read.exception)}"
    lost = connection.first(WorkerLost)
    if lost is not None and lost.garbled:
        return "the answer of the process that ran the case could not be read: the application writes to descriptors that are not its own"
    if lost is not None:
        how = "had to be ended" if lost.returncode is None else f"exited with {lost.returncode}"
        return f"the process that ran the case {how}"
    if connection.called is None and connection.acted is None:
        return "the application was never called"
    return ""


def _made_up(connection: Connection) -> str:
    """A description of the message that the client sent without a request of the user's."""
    case = connection.recording.case
    if case.driver:
        return "the driver's last message when it was repeated"
    said = next((step for step in reversed(case.script) if isinstance(step, SendStep)), None)
    if said is None:
        return "the client's message {}"
    return (
        f"the made-up message {said.text if said.text is not None else bytes.fromhex(said.hex)!r}"
    )


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
