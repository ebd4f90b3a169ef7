"""The conversations that a route's cases are taken from: who comes when, and what the client says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed, misunderstanding
from wsdoctor.diagnosis.made_up import made_up_messages, messages_of_branches
from wsdoctor.diagnosis.suspension import conversation_of, waits_for_a_message
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Runner
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import SURVEY
from wsdoctor.recording.case import LATE, MESSAGE, THIRD, Case, Handshake, SendStep
from wsdoctor.recording.events import (
    ClientEnded,
    HandshakeAccepted,
    ReceiveReturned,
    SendCalled,
)
from wsdoctor.session.others import named

_TRIED = 5
"""Likely messages that are tried until the handler understands one."""

_MORE = 4
"""More messages that are tried once it has understood one."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A conversation that was held once, while the client waited: its case, and what came of it."""

    case: Case
    diagnosed: Diagnosed
    back: Handshake | None = None
    """The handshake of a client that is to come back; None if it is that of the case."""


def spoken(survey: Surveyed, runner: Runner) -> tuple[Surveyed | None, str]:
    """The conversation of ``survey`` with messages that the handler understands, made up from its source.

    None if the client speaks anyway, the handler waits for no message, or it understands none: the
    sentence then says why, "" if there is nothing to say.
    """
    if survey.case.driver or any(isinstance(step, SendStep) for step in survey.case.script):
        return None, ""
    ended: Surveyed | None = None
    reasons: list[str] = []
    recording = survey.diagnosed.recording
    likely = made_up_messages(recording)[:_TRIED]
    for step in dict.fromkeys((*likely, *messages_of_branches(recording))):
        found = _held(survey, (step,), runner)
        if why := _why_not(found.diagnosed):
            reasons.append(why)
        elif not _ended_by_itself(found.diagnosed):
            return _continued(survey, found, runner), ""
        else:
            ended = ended or found
    return ended, reasons[0] if reasons and ended is None else ""


def _held(survey: Surveyed, said: tuple[SendStep, ...], runner: Runner) -> Surveyed:
    case = replace(
        survey.case, moment=f"{MESSAGE}:{SURVEY}", script=(*survey.case.script, *said), made_up=True
    )
    return Surveyed(case, runner.run(case, fresh=True, trace=True))


def _continued(survey: Surveyed, held: Surveyed, runner: Runner) -> Surveyed:
    """``held`` with a few more messages, each of which leads to an await point that was not reached before.

    They are for the branches that the handler takes by what a message says, and for the next line that
    waits for one. A handler that does not wait for another message gets them before its last one.
    """
    asked: set[SendStep] = set()
    before = survey
    while len(asked) < _MORE:
        recording = held.diagnosed.recording
        said = tuple(step for step in held.case.script if isinstance(step, SendStep))
        open_ended = waits_for_a_message(recording) is not None
        there = recording if open_ended else before.diagnosed.recording
        more = [*messages_of_branches(there)]
        if waits_for_a_message(there) != waits_for_a_message(survey.diagnosed.recording):
            more = [*made_up_messages(there)[:1], *more]
        step = next((step for step in more if step not in asked and step not in said), None)
        if step is None or _all_reached(held.diagnosed):
            break
        asked.add(step)
        next_said = (*said, step) if open_ended else (*said[:-1], step, said[-1])
        found = _held(survey, next_said, runner)
        if (
            not _why_not(found.diagnosed)
            and not _ended_by_itself(found.diagnosed)
            and _reached(found.diagnosed) > _reached(held.diagnosed)
        ):
            before, held = held if open_ended else before, found
    return held


def _reached(diagnosed: Diagnosed) -> set[tuple[str, int]]:
    """The await points that a conversation reached."""
    points = conversation_of(diagnosed.recording).points
    return {(point.place.file, point.place.line) for point in points if point.reached}


def _all_reached(diagnosed: Diagnosed) -> bool:
    return all(point.reached for point in conversation_of(diagnosed.recording).points)


def _why_not(diagnosed: Diagnosed) -> str:
    """Why nothing can be said of a conversation with a made-up message; empty if something can."""
    if why := misunderstanding(diagnosed.recording) or _refused(diagnosed):
        return why
    return diagnosed.result.note if diagnosed.result.verdict in _UNDECIDED else ""


def _refused(diagnosed: Diagnosed) -> str:
    """Why the application answered the last message with a close, if its code says that it did not take it."""
    connection = Connection(diagnosed.recording)
    code = connection.close_code
    if code is None or not _ended_by_itself(diagnosed):
        return ""
    heard: float | None = None
    answers: list[SendCalled] = []
    for event in connection.events:
        if getattr(event, "connection", 0) != connection.number:
            continue
        if isinstance(event, ReceiveReturned) and event.message == "websocket.receive":
            heard, answers = event.time, []
        elif isinstance(event, SendCalled):
            answers.append(event)
    closes = [event for event in answers if event.message == "websocket.close"]
    if (
        heard is None
        or not closes
        or closes[0].time - heard > _AT_ONCE
        or answers.index(closes[0]) > 1  # it may say what is wrong before
        or not (code in _REFUSALS or code >= _PRIVATE)
    ):
        return ""
    return f"the handler did not accept {_quoted(diagnosed.recording.case)} (it closes with {code}): give one with --send"


_REFUSALS = frozenset({1003, 1007, 1008})
"""Close codes that reject a message: its type, its encoding, its content (RFC 6455, section 7.4.1)."""

_PRIVATE = 4000
"""First close code that is for the application to define."""

_AT_ONCE = 1.0
"""Seconds after a message within which a close is an answer to it."""


_UNDECIDED = frozenset({"inconclusive", "nothing-checked"})


def _ended_by_itself(diagnosed: Diagnosed) -> bool:
    """Whether the application ended the connection before the client left."""
    connection = Connection(diagnosed.recording)
    ended, acted = connection.first(ClientEnded), connection.acted
    return ended is not None and (acted is None or ended.time < acted)


def _is_served(diagnosed: Diagnosed) -> bool:
    return Connection(diagnosed.recording).first(HandshakeAccepted) is not None


def back(survey: Surveyed, runner: Runner) -> Handshake | None:
    """The handshake of a client that says who it is, if the source of the handler asks for that.

    None if it does not, or if such a client is not served as one is that does not say so.
    """
    recording = survey.diagnosed.recording
    before = survey.diagnosed
    for case in named(survey.case, recording.sources, recording.handler):
        found = runner.run(case, fresh=True)
        if (
            found.result.verdict == before.result.verdict
            and _is_served(found) is _is_served(before)
            and _ended_by_itself(found) is _ended_by_itself(before)
        ):
            return case.handshake
    return None


@dataclass(frozen=True, slots=True)
class Later:
    """A conversation with a client that comes later; ``apart``: the handler goes another way then."""

    survey: Surveyed
    apart: bool


def later(survey: Surveyed, said: Surveyed | None, runner: Runner) -> Iterator[Later]:
    """The conversation ``survey`` with a client that comes late, and one with a client that comes third.

    The third one and those before it speak, as in ``said``, unless that ends the connection, or the
    late one shows another way of the handler's already.
    """
    late = _later(LATE, survey, runner)
    yield late
    speaks = said is not None and not late.apart and not _ended_by_itself(said.diagnosed)
    yield _later(THIRD, said if said is not None and speaks else survey, runner)


def _later(situation: str, usual: Surveyed, runner: Runner) -> Later:
    case = replace(usual.case, moment=f"{situation}:{SURVEY}")
    diagnosed = runner.run(case, fresh=True, trace=True)
    return Later(Surveyed(case, diagnosed), _way(usual.diagnosed) != _way(diagnosed))


def _way(diagnosed: Diagnosed) -> tuple[object, ...]:
    """What the handler sent, the lines that it reached, and whether it ended the connection."""
    recording = diagnosed.recording
    sent = [
        (event.message, event.stack[-1:])
        for event in recording.events
        if isinstance(event, SendCalled) and event.connection == 1
    ]
    reached = [point.place for point in conversation_of(recording).points if point.reached]
    return (sent, reached, _ended_by_itself(diagnosed))


def hold(
    survey: Surveyed, options: Options, runner: Runner, found: Results
) -> tuple[Surveyed | None, tuple[Later, ...]]:
    """The other conversations of a route: with a made-up message, and those that begin later."""
    if options.clock == "wall" or survey.diagnosed.result.verdict == "inconclusive":
        return None, ()
    route, said = survey.case.route, None
    wanted = not options.moments or any(
        moment.startswith(f"{MESSAGE}:") for moment in options.moments
    )
    if options.made_up_message and wanted:
        said, why = spoken(survey, runner)
        if said is not None:
            found.conversations[route].append(conversation_of(said.diagnosed.recording))
            found.notes.append(f"{route}: {_told(said.case)}")
        elif why:
            found.notes.append(f"{route}: {why}, or leave it out with --no-made-up-message")
    if not options.later_clients or options.moments:
        return said, ()
    judged = tuple(
        one
        for one in later(survey, said, runner)
        if one.survey.diagnosed.result.verdict not in _UNDECIDED
    )
    for one in judged:
        found.conversations[route].append(conversation_of(one.survey.diagnosed.recording))
    return said, judged


def _told(case: Case) -> str:
    return f"a second conversation was held with {_quoted(case)} (--send gives one of yours)"


def _quoted(case: Case) -> str:
    said = [
        repr(bytes.fromhex(step.hex)) if step.text is None else step.text
        for step in case.script
        if isinstance(step, SendStep)
    ]
    return f"{'made-up messages' if len(said) > 1 else 'a made-up message'}: {', '.join(said)}"
