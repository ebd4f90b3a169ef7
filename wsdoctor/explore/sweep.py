"""The sweep: disconnect at every moment of a connection's life.

For each server and kind the session first lives the whole life of a connection and tells the names of
its moments. Then it is run once for each of them, and disconnects there. Up to that moment each run is
the same as the first, so the moments mean the same in all of them. Where sockets become ready together
after the disconnect, the case is run once more with them served in the other order.
"""

from __future__ import annotations

from collections import Counter, deque

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult, Schedules, Verdict
from wsdoctor.diagnosis.findings import strongest
from wsdoctor.explore.bench import Bench
from wsdoctor.explore.limits import Limits
from wsdoctor.explore.options import Progress
from wsdoctor.plan.moments import AFTER_ACCEPT, EVERY, QUIET, REVERSED
from wsdoctor.recording.case import Case, ReceiveStep, Step
from wsdoctor.recording.events import ContainersGrew, FrameReceived
from wsdoctor.recording.recording import Recording
from wsdoctor.report.shard import Part

_NOT_REACHED = "WSD003"

_MESSAGES = 2
"""So many of the handler's own messages belong to the life that is swept."""


def life(survey: Case, surveyed: Recording) -> tuple[Step, ...]:
    """The script of a whole life: what the client was told to do, and the handler's first messages."""
    received = sum(
        1
        for event in surveyed.events
        if isinstance(event, FrameReceived) and event.opcode in {"text", "binary", "cont"}
    )
    waits = min(received - surveyed.read, _MESSAGES)
    return (*survey.script, *((ReceiveStep(waits),) if waits > 0 else ()))


def sweep(life: Case, bench: Bench, part: Part, limits: Limits, progress: Progress) -> None:
    """Run every schedule of ``life``, adding to ``part``: one row for all of them."""
    whole = bench.diagnose(life)
    moments = whole.recording.moments
    if not moments:
        limits.ran(whole)
    # Of a life that took its process with it nothing is known but how to begin it.
    names = deque([moment.name for moment in moments] or [AFTER_ACCEPT])
    if any(isinstance(event, ContainersGrew) for event in whole.recording.events):
        # What grows even so is looked at under a moment that can be named and replayed.
        names.append(QUIET)
    part.reached += dict.fromkeys(line for moment in moments for line in moment.suspended)
    part.left_out = whole.recording.moments_left_out
    part.planned = len(names)
    progress.planned(len(names))
    results: list[CaseResult] = []
    while names:
        if reason := limits.reached(life.route):
            part.unfinished = reason
            break
        name = names.popleft()
        diagnosed = bench.diagnose(_quiet(life) if name == QUIET else replace(life, moment=name))
        limits.ran(diagnosed)
        part.run += 1
        part.slow += diagnosed.recording.used_wall_time
        if _missed(diagnosed):
            part.missed += 1
            progress.case_done(diagnosed.result)
            continue
        for passed in diagnosed.recording.moments:
            part.covered += [line for line in passed.suspended if line not in part.covered]
        results.append(diagnosed.result)
        if diagnosed.ending is not None:
            part.endings.append(diagnosed.ending)
        # What is spotless is only counted: thousands of recordings are not kept for nothing.
        if diagnosed.causes or diagnosed.result.verdict != "healthy":
            part.diagnosed.append(diagnosed)
        if diagnosed.recording.together and not name.endswith(REVERSED):
            names.appendleft(name + REVERSED)
            part.planned += 1
            progress.planned(1)
        progress.case_done(diagnosed.result)
    part.rows.append(_row(life, results, part.unfinished))


def _quiet(life: Case) -> Case:
    """``life`` without the wait for the handler's own messages: a life may end before they come."""
    script = life.script
    if script and isinstance(script[-1], ReceiveStep):
        script = script[:-1]
    return replace(life, moment=QUIET, script=script)


def _missed(diagnosed: Diagnosed) -> bool:
    """Whether the moment did not come again: the application does not do the same each time.

    Its time is not all virtual, or it goes through sets of tasks, whose order is that of addresses.
    """
    if {cause.occurrence.code for cause in diagnosed.causes} != {_NOT_REACHED}:
        return False
    stopped = Connection(diagnosed.recording).script_stopped
    moment = diagnosed.recording.case.moment
    return stopped is not None and stopped.waiting_for == f"the moment {moment}"


def _row(life: Case, results: list[CaseResult], unfinished: str) -> CaseResult:
    counts = Counter(result.verdict for result in results)
    verdict: Verdict = "healthy"
    if counts["defective"]:
        verdict = "defective"
    elif counts["inconclusive"] or not results or unfinished:
        verdict = "inconclusive"
    unsure = next((result.note for result in results if result.verdict == "inconclusive"), "")
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
            inconclusive=counts["inconclusive"] + counts["nothing-checked"],
        ),
    )
