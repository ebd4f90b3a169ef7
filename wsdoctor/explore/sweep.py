"""The sweep: disconnect at every moment of a connection's life.

For each server and kind the session first lives the whole life of a connection and tells the names of
its moments. Then it is run once for each of them, and disconnects there. Up to that moment each run is
the same as the first, so the moments mean the same in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed, strongest
from wsdoctor.diagnosis.finding import CaseResult, Schedules, Verdict
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Progress
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import Case, ReceiveStep, Step
from wsdoctor.recording.events import FrameReceived, WorkerLost
from wsdoctor.recording.recording import Recording

_MESSAGES = 2
"""So many of the handler's own messages belong to the life that is swept."""

_LOST_WORKERS = 2


def life(survey: Case, surveyed: Recording) -> tuple[Step, ...]:
    """The script of a whole life: what the client was told to do, and the handler's first messages."""
    received = sum(
        1
        for event in surveyed.events
        if isinstance(event, FrameReceived) and event.opcode in {"text", "binary", "cont"}
    )
    waits = min(received, _MESSAGES)
    return (*survey.script, *((ReceiveStep(waits),) if waits else ()))


def plan(
    survey: Case, script: tuple[Step, ...], servers: Iterable[str], kinds: Iterable[str]
) -> Iterator[Case]:
    """The lives to sweep: one for each server and kind."""
    for server in servers:
        for kind in kinds:
            if kind != "before-accept":  # an abort, at moments that the sweep has anyway
                yield replace(survey, server=server, kind=kind, moment=EVERY, script=script)


def sweep(
    lives: Iterable[Case],
    diagnose: Callable[[Case], Diagnosed],
    found: Examination,
    progress: Progress,
) -> None:
    """Run every schedule of ``lives``, adding to ``found``: one row for each life."""
    for life in lives:
        whole = diagnose(life)
        moments = whole.recording.moments
        found.reached.update((line, None) for moment in moments for line in moment.suspended)
        found.planned += len(moments)
        progress.planned(len(moments))
        results: list[CaseResult] = []
        lost = 0
        for moment in moments:
            diagnosed = diagnose(replace(life, moment=moment.name))
            found.run += 1
            results.append(diagnosed.result)
            progress.case_done(diagnosed.result)
            found.covered.update(moment.suspended)
            # What is spotless is only counted: thousands of recordings are not kept for nothing.
            if diagnosed.causes or diagnosed.result.verdict != "healthy":
                found.diagnosed.append(diagnosed)
            lost += any(isinstance(event, WorkerLost) for event in diagnosed.recording.events)
            if lost >= _LOST_WORKERS:
                break
        found.rows.append(_row(life, results))
        if lost >= _LOST_WORKERS:
            found.notes.append(
                f"{life.route}: the sweep was ended, because {lost} sessions ended, or had to be ended, "
                "with their process"
            )
            return


def _row(life: Case, results: list[CaseResult]) -> CaseResult:
    counts = Counter(result.verdict for result in results)
    verdict: Verdict = "healthy"
    if counts["defective"]:
        verdict = "defective"
    elif counts["inconclusive"] or not results:
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
        note=unsure,
        moments=Schedules(
            healthy=counts["healthy"],
            defective=counts["defective"],
            inconclusive=counts["inconclusive"] + counts["nothing-checked"],
        ),
    )
