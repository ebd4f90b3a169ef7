"""Examine one route: survey what its handler does by itself, then run the matrix of cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.explore import sweep
from wsdoctor.explore.confirm import confirm
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Options, Progress, Runner
from wsdoctor.plan.kinds import DEFAULT_KINDS, parse_kind
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import NAMED, SURVEY, is_poll, messages_needed, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.events import FrameReceived, TransportLost, WorkerLost

_IDLE = 0.9
"""Seconds of quiet that the moment ``idle`` needs."""

_ALWAYS = ("after-accept",)
"""Reachable whatever the handler does."""

_LOST_WORKERS = 2
"""After so many sessions that took their process with them a route is left alone."""


class _Bench:
    """Runs and diagnoses the cases of one route, one after the other.

    To import an application anew costs more than to run a case on it. So an import serves until a
    case leaves it less than spotless; and what is less than spotless counts only on a new import:
    an event loop that is gone, or a connection that another case left behind, is not its fault.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._used = False

    def diagnose(self, case: Case) -> Diagnosed:
        diagnosed = diagnose(self._runner.run(case, fresh=not self._used))
        spotless = _is_spotless(diagnosed)
        if self._used and not spotless:
            diagnosed = diagnose(self._runner.run(case, fresh=True))
            spotless = _is_spotless(diagnosed)
        self._used = spotless
        return diagnosed


def _is_spotless(diagnosed: Diagnosed) -> bool:
    connection = Connection(diagnosed.recording)
    return (
        diagnosed.result.verdict == "healthy"
        and not diagnosed.causes
        and not connection.escapes
        and not connection.error_logs
        and not connection.outlived
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """The servers, kinds and moments to go through, checked, and why others are left out."""

    servers: tuple[str, ...]
    kinds: tuple[str, ...]
    moments: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose(
    options: Options, installed: Sequence[str], *, moments: tuple[str, ...] = NAMED
) -> Choice:
    """What ``options`` ask for; ``moments`` are those of somebody who asks for none.

    Raises PlanError for a name that does not exist, or a server that is not installed here.
    """
    wanted = tuple(dict.fromkeys(parse_server(name) for name in options.servers))
    missing = [name for name in (wanted or SERVERS) if name not in installed]
    return Choice(
        servers=tuple(name for name in (wanted or SERVERS) if name in installed),
        kinds=tuple(dict.fromkeys(parse_kind(name) for name in options.kinds)) or DEFAULT_KINDS,
        moments=tuple(dict.fromkeys(parse_moment(name) for name in options.moments)) or moments,
        notes=tuple(f"{name} was left out: it is not installed here" for name in missing),
    )


def examine(
    route: str,
    handshake: Handshake,
    choice: Choice,
    options: Options,
    *,
    runner: Runner,
    found: Examination,
    progress: Progress,
) -> None:
    """Run the cases of one route, adding to ``found``."""
    survey = Case(
        route=route,
        server=choice.servers[0],
        kind="close",
        moment=SURVEY,
        handshake=handshake,
        script=options.script,
    )
    bench = _Bench(runner)
    surveyed = bench.diagnose(survey)
    if surveyed.result.verdict == "nothing-checked":
        found.add(surveyed)
        return
    if options.depth == "full" and not options.moments:
        script = sweep.life(survey, surveyed.recording)
        swept = sweep.plan(survey, script, choice.servers, choice.kinds)
        sweep.sweep(swept, bench.diagnose, found, progress)
    else:
        planned = _plan(survey, surveyed, choice, options, found)
        _run_all(route, planned, bench, found, progress)
    if options.clock == "virtual":
        confirm(route, found, runner)


def _plan(
    survey: Case, surveyed: Diagnosed, choice: Choice, options: Options, found: Examination
) -> list[Case]:
    """The cases at chosen moments."""
    route = survey.route
    moments = choice.moments
    if not options.moments:
        moments, notes = _reachable(moments, Connection(surveyed.recording))
        found.notes.extend(f"{route}: {note}" for note in notes)
    planned = list(
        cases(
            route=route,
            handshake=survey.handshake,
            servers=choice.servers,
            kinds=choice.kinds,
            moments=moments,
            script=options.script,
        )
    )
    # A moment of a sweep is one of the life that the sweep lets the connection live.
    return [
        replace(case, script=sweep.life(survey, surveyed.recording))
        if is_poll(case.moment)
        else case
        for case in planned
    ]


def _run_all(
    route: str, planned: list[Case], bench: _Bench, found: Examination, progress: Progress
) -> None:
    found.planned += len(planned)
    progress.planned(len(planned))
    lost = 0
    for number, case in enumerate(planned):
        diagnosed = bench.diagnose(case)
        found.add(diagnosed)
        progress.case_done(diagnosed.result)
        lost += any(isinstance(event, WorkerLost) for event in diagnosed.recording.events)
        if lost >= _LOST_WORKERS and number + 1 < len(planned):
            found.notes.append(
                f"{route}: {len(planned) - number - 1} of {len(planned)} cases were not run, "
                f"because {lost} before them ended, or had to be ended, with their process"
            )
            return


def _reachable(
    moments: tuple[str, ...], survey: Connection
) -> tuple[tuple[str, ...], Iterator[str]]:
    """The moments that a handler can be met at that behaves as in ``survey``, and why not the others."""
    received = sum(
        1 for event in survey.all(FrameReceived) if event.opcode in {"text", "binary", "cont"}
    )
    acted = survey.acted
    ended = next((event.time for event in survey.all(TransportLost)), None)
    by_itself = ended is not None and (acted is None or ended < acted)
    kept: list[str] = []
    notes: list[str] = []
    for moment in moments:
        needed = messages_needed(moment)
        if needed > received:
            if moment.startswith("after:") and received:
                kept.append(f"after:{received}")
            notes.append(
                f"{moment} cannot be reached: the client received {received or 'no'} "
                f"message{'s' if received != 1 else ''}; let it speak first with --send or --script"
            )
        elif moment == "idle" and by_itself and ended is not None and ended < _IDLE:
            notes.append("idle cannot be reached: the application ends the connection by itself")
        else:
            kept.append(moment)
    return tuple(dict.fromkeys(kept)) or _ALWAYS, iter(notes)
