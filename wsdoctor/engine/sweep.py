"""The sweep: disconnect at every moment of a connection's life.

For each server and kind the session first lives the whole life of a connection and tells the names of
its moments. Then it is run once for each of them, and disconnects there. Up to that moment each run is
the same as the first, so the moments mean the same in all of them. Where sockets become ready together
after the disconnect, the case is run once more with them served in the other order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult, Schedules
from wsdoctor.diagnosis.findings import strongest
from wsdoctor.diagnosis.findings import verdict as verdict_of
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.diagnosis.suspension import conversation_of
from wsdoctor.engine.copies import CopyRunner
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.runner import Progress
from wsdoctor.plan.kinds import SERVER_KINDS, STALLING_KINDS
from wsdoctor.plan.moments import AFTER_ACCEPT, EVERY, QUIET, REVERSED
from wsdoctor.recording.case import MESSAGE, RECONNECT, Case, ReceiveStep, Step
from wsdoctor.recording.events import ContainersGrew, FrameReceived, TasksKeptApart
from wsdoctor.recording.recording import MomentPassed, Recording
from wsdoctor.report.shard import CellResult
from wsdoctor.workers.supervisor import OutOfTimeError

_ALIKE = 2
"""Moments in the same state that are tried; the last one in that state is tried as well."""

_MANY_EVENTS = 1000
"""Events of a case after which a unit tries one moment of each place: the application goes through its
states a hundred times before it can learn of the disconnect."""

_MESSAGES = 2
"""Number of the handler's own messages that belong to the life that is swept."""


def life(survey: Case, surveyed: Recording) -> tuple[Step, ...]:
    """The script of a whole life: the script of the survey, and a wait for the handler's first messages."""
    received = sum(
        1
        for event in surveyed.events
        if isinstance(event, FrameReceived) and event.opcode in {"text", "binary", "cont"}
    )
    waits = min(received - surveyed.read, _MESSAGES)
    return (*survey.script, *((ReceiveStep(waits),) if waits > 0 else ()))


def sweep(  # noqa: PLR0917 - the cases, the runner, and the receivers of results
    lives: Sequence[Case],
    named: Sequence[Case],
    copies: CopyRunner,
    part: CellResult,
    limits: Limits,
    progress: Progress,
) -> None:
    """Run every schedule of ``lives``, and the cases ``named``, adding to ``part``: one row for all."""
    results: list[CaseResult] = []

    def ran(diagnosed: Diagnosed) -> bool:
        """Note the answer of one schedule; whether its moment came."""
        limits.ran(diagnosed)
        part.run += 1
        part.slow += diagnosed.recording.used_wall_time
        progress.case_done(diagnosed.result)
        if _missed(diagnosed):
            part.missed += 1
            return False
        for passed in diagnosed.recording.moments:
            part.covered += [line for line in passed.suspended if line not in part.covered]
        results.append(diagnosed.result)
        if diagnosed.ending is not None:
            part.endings.append(diagnosed.ending)
        # Healthy cases are only counted: to keep thousands of recordings would be of no use.
        if diagnosed.causes or diagnosed.result.verdict != "healthy":
            part.diagnosed.append(diagnosed)
        return True

    try:
        for life in lives:
            _sweep(life, copies, part, limits, progress, ran)
        for case in named:
            if reason := limits.reached(case.route):
                part.unfinished = reason
                break
            copies.renew_if_changed()  # who came before is what such a case is about
            ran(copies.diagnose(case))
    except OutOfTimeError:
        part.unfinished = limits.time_is_over
    part.rows.append(_row(lives[0], results, part.unfinished))


def _sweep(  # noqa: PLR0917 - what `sweep` was given, and what is done with each answer
    life: Case,
    copies: CopyRunner,
    part: CellResult,
    limits: Limits,
    progress: Progress,
    ran: Callable[[Diagnosed], bool],
) -> None:
    moments, alike = _moments(life, _lived(life, copies, part), part, limits)
    part.planned += len(moments)
    progress.planned(len(moments))
    places: set[int] = set()
    while moments:
        if reason := limits.reached(life.route):
            part.unfinished = reason
            break
        moment = moments.popleft()
        name = moment.name
        case = _quiet(life) if name == QUIET else replace(life, moment=life.met(name))
        diagnosed = copies.diagnose(case)
        came = ran(diagnosed)
        places.add(moment.place)
        if diagnosed.result.events > _MANY_EVENTS:
            kept = deque(m for m in moments if not m.place or m.place not in places)
            alike += len(moments) - len(kept)
            part.planned -= len(moments) - len(kept)
            progress.planned(len(kept) - len(moments))
            moments = kept
        elif came and diagnosed.recording.together and not name.endswith(REVERSED):
            moments.appendleft(replace(moment, name=name + REVERSED))
            part.planned += 1
            progress.planned(1)
    part.alike = max(part.alike, alike)


def _moments(
    life: Case, whole: Diagnosed, part: CellResult, limits: Limits
) -> tuple[deque[MomentPassed], int]:
    """The moments of ``life`` to disconnect at, as ``whole`` passed them, and how many are left out."""
    moments = whole.recording.moments
    if not moments:
        limits.ran(whole)
    else:
        moments = _with_something_to_end(life, moments)
        if life.situation == MESSAGE:
            moments = _from_the_message(life, moments)
        if not moments:
            return deque(), 0
    part.reached += dict.fromkeys(line for moment in moments for line in moment.suspended)
    part.left_out = max(part.left_out, whole.recording.moments_left_out)
    # If a life took its process with it, only its beginning is known.
    chosen = deque(apart(moments) or [MomentPassed(AFTER_ACCEPT)])
    alike = len(moments) - len(chosen) if moments else 0
    if any(isinstance(event, ContainersGrew | TasksKeptApart) for event in whole.recording.events):
        # Growth in a whole life is checked at a moment that can be named and replayed.
        chosen.append(MomentPassed(QUIET))
    return chosen, alike


def apart(moments: Sequence[MomentPassed]) -> list[MomentPassed]:
    """The moments of a life that are worth a case of their own, in order.

    Those are the first few in each state, and the last: by then a counter that the state does not show
    may have led the handler to do something.
    """
    last = {moment.state: moment for moment in moments}
    met: Counter[int] = Counter()
    chosen: list[MomentPassed] = []
    for moment in moments:
        met[moment.state] += 1
        if not moment.state or met[moment.state] <= _ALIKE or moment is last[moment.state]:
            chosen.append(moment)
    return chosen


def _with_something_to_end(
    life: Case, moments: tuple[MomentPassed, ...]
) -> tuple[MomentPassed, ...]:
    """The moments at which this kind of disconnect can still make a difference.

    When one side has lost the connection, no client can do anything to it. How the application behaves
    then is seen once, in the cases of ``close``; the server can be asked to stop at any time.
    """
    if life.kind in {"close", RECONNECT, *SERVER_KINDS}:
        return moments
    over = (number for number, moment in enumerate(moments) if moment.name.startswith(_LOST))
    return moments[: next(over, len(moments))]


_LOST = ("lost+", "end+")


def _from_the_message(life: Case, moments: tuple[MomentPassed, ...]) -> tuple[MomentPassed, ...]:
    """The moments at which a life differs from one in which the client is silent.

    That is from the message on, as long as there is a connection to end. Those of ``reconnect`` are
    of the clean-up after it.
    """
    if life.kind == RECONNECT:
        return moments
    return tuple(
        moment for moment in moments if moment.spoken and not moment.name.startswith(_OVER)
    )


_OVER = (*_LOST, "return+")
"""What the names of moments begin with at which the connection has ended already."""


def _lived(life: Case, copies: CopyRunner, part: CellResult) -> Diagnosed:
    """The whole ``life``; only one kind observes its lines, because all kinds run the same lines.

    It is lived once for all kinds that need nothing special of the server or the network before the
    disconnect. The kind ``close`` has a life of its own, which looks for growth with each client.
    """
    observed = life.kind == "close"
    alike = None if observed or life.kind in _APART else replace(life, kind="")
    if alike is not None and (known := copies.lives.get(alike)) is not None:
        return known
    # What other cases have left in the application may lead it another way.
    copies.renew_if_changed()
    whole = copies.diagnose(life, keep=observed, trace=observed)
    if observed:
        part.conversations.append(conversation_of(whole.recording))
    if alike is not None and whole.spotless:
        copies.lives[alike] = whole
    return whole


_APART = frozenset({*STALLING_KINDS, *SERVER_KINDS, RECONNECT, "oversize"})
"""Kinds whose lives are not those of the others: their buffers, limits or scripts are different."""


def _quiet(life: Case) -> Case:
    """``life`` without the wait for the handler's own messages: a life may end before they come."""
    script = life.script
    if script and isinstance(script[-1], ReceiveStep):
        script = script[:-1]
    return replace(life, moment=life.met(QUIET), script=script)


def _missed(diagnosed: Diagnosed) -> bool:
    """Whether the moment did not come again: the application does not do the same each time.

    Its time is not all virtual, or it goes through sets of tasks, whose order is that of addresses.
    """
    codes = {cause.occurrence.code for cause in diagnosed.causes}
    if [RULES[code].stops_at for code in codes] != ["moment"]:
        return False
    stopped = Connection(diagnosed.recording).script_stopped
    moment = diagnosed.recording.case.moment
    return stopped is not None and stopped.waiting_for == f"the moment {moment}"


def _row(life: Case, results: list[CaseResult], unfinished: str) -> CaseResult:
    counts = Counter(result.verdict for result in results)
    not_judged = sum(result.not_judged for result in results)
    verdict = verdict_of(results)
    if verdict != "defective" and (not results or unfinished):
        verdict = "inconclusive"
    undecided = (
        result
        for result in results
        if result.verdict in {"inconclusive", "nothing-checked"} and not result.not_judged
    )
    unsure = next((result.note for result in undecided), "")
    late = [result.teardown_seconds for result in results if result.teardown_seconds is not None]
    return CaseResult(
        id=life.id,
        route=life.route,
        server=life.server,
        kind=life.kind,
        moment=EVERY,
        verdict=verdict,
        codes=tuple(dict.fromkeys(code for result in results for code in result.codes)),
        markers=strongest(results),
        close_code=None,
        teardown_seconds=max(late, default=None),
        events=sum(result.events for result in results),
        note=unsure or unfinished,
        moments=Schedules(
            healthy=counts["healthy"],
            defective=counts["defective"],
            inconclusive=counts["inconclusive"] + counts["nothing-checked"] - not_judged,
            not_judged=not_judged,
        ),
        not_understood=next((r.not_understood for r in results if r.not_judged), ""),
    )
