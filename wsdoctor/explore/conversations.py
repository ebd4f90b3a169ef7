"""The conversations that a route's cases are taken from: who comes when, and what the client says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed, misunderstanding
from wsdoctor.diagnosis.made_up import made_up_messages
from wsdoctor.diagnosis.suspension import conversation_of
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Options, Runner
from wsdoctor.plan.moments import SURVEY
from wsdoctor.recording.case import LATE, MESSAGE, THIRD, Case, SendStep
from wsdoctor.recording.events import ClientEnded, SendCalled

_TRIED = 5
"""Made-up messages that are tried until the handler understands one."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A conversation that was held once, while the client waited: its case, and what came of it."""

    case: Case
    diagnosed: Diagnosed


def spoken(survey: Surveyed, runner: Runner) -> tuple[Surveyed | None, str]:
    """The conversation of ``survey`` with a message that the handler understands, made up from its source.

    None if the client speaks anyway, the handler waits for no message, or it understands none: the
    sentence then says why, "" if there is nothing to say.
    """
    case = survey.case
    if case.driver or any(isinstance(step, SendStep) for step in case.script):
        return None, ""
    ended: Surveyed | None = None
    reasons: list[str] = []
    for step in made_up_messages(survey.diagnosed.recording)[:_TRIED]:
        with_message = replace(
            case, moment=f"{MESSAGE}:{SURVEY}", script=(*case.script, step), made_up=True
        )
        found = Surveyed(with_message, runner.run(with_message, fresh=True, trace=True))
        if why := _why_not(found.diagnosed):
            reasons.append(why)
        elif not _ended_by_itself(found.diagnosed):
            return found, ""
        else:
            ended = ended or found
    return ended, reasons[0] if reasons and ended is None else ""


def _why_not(diagnosed: Diagnosed) -> str:
    """Why nothing can be said of a conversation with a made-up message; empty if something can."""
    if why := misunderstanding(diagnosed.recording):
        return why
    return diagnosed.result.note if diagnosed.result.verdict in _UNDECIDED else ""


_UNDECIDED = frozenset({"inconclusive", "nothing-checked"})


def _ended_by_itself(diagnosed: Diagnosed) -> bool:
    """Whether the application ended the connection before the client left."""
    connection = Connection(diagnosed.recording)
    ended, acted = connection.first(ClientEnded), connection.acted
    return ended is not None and (acted is None or ended.time < acted)


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
    survey: Surveyed, options: Options, runner: Runner, found: Examination
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
    step = case.script[-1]
    assert isinstance(step, SendStep)
    text = repr(bytes.fromhex(step.hex)) if step.text is None else step.text
    return (
        f"a second conversation was held with a made-up message: {text} (--send gives one of yours)"
    )
