"""The survey of a route: what its handler does by itself, and the cases that follow from that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as with_fields

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.exceptions import user_frames
from wsdoctor.explore.bench import Bench
from wsdoctor.explore.choice import Choice, beside, kinds_run
from wsdoctor.explore.crew import Unit
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Options, Runner
from wsdoctor.explore.sweep import life
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import AFTER_ACCEPT, EVERY, SURVEY, is_poll, messages_needed
from wsdoctor.recording.case import BESIDE, Case, Handshake, Step
from wsdoctor.recording.events import FrameReceived, TransportLost
from wsdoctor.report.redaction import redact_text
from wsdoctor.target import DriverError
from wsdoctor.target.paths import short

_IDLE = 0.9
"""Seconds of quiet that the moment ``idle`` needs."""

_BESIDE_MOMENTS = ("idle", "mid-send")
"""When the one client leaves beside whom there is another, unless moments are asked for."""

_LEAVES = frozenset({"close", "abort"})


@dataclass(frozen=True, slots=True)
class Opening:
    """A route as the application declares it, and the handshake that reaches it."""

    route: str
    handshake: Handshake
    form: str = ""
    """What its handler is in its framework, "" if that is not known."""


def survey_of(opening: Opening, server: str, options: Options) -> Case:
    """The case in which the client waits and sees what the handler does by itself."""
    options = options.at(opening.route)
    return Case(
        route=opening.route,
        server=server,
        kind="close",
        moment=SURVEY,
        handshake=opening.handshake,
        script=options.script,
        probes=options.probes,
        driver=options.driver,
    )


def check_driver(surveyed: Diagnosed, options: Options) -> None:
    """Raise DriverError if the user's driver did not do its part in the survey."""
    stopped = Connection(surveyed.recording).script_stopped
    if stopped is None or not stopped.driver:
        return
    frames = user_frames(stopped.exception) if stopped.exception else ()
    sources = surveyed.recording.sources
    lines = [
        f'  File "{frame.file}", line {frame.line}, in {frame.function}\n'
        f"    {sources.get(frame.file, '').splitlines()[frame.line - 1].strip()}"
        for frame in frames
    ]
    where = f" ({short(frames[-1].file)}, line {frames[-1].line})" if frames else ""
    route = surveyed.result.route
    raise DriverError(
        redact_text(
            f"--driver: '{surveyed.recording.case.driver}' {stopped.driver}{where}, on the way to {route}",
            options.secrets,
        ),
        "\n".join(("Traceback of the driver (most recent call last):", *lines)) if lines else "",
    )


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A route that was looked at: ``units`` are its cases, none if its handler was not reached."""

    opening: Opening
    diagnosed: Diagnosed
    units: tuple[Unit, ...]

    @property
    def broken(self) -> bool:
        """Whether something went wrong while the client did nothing but wait."""
        return self.diagnosed.result.verdict == "defective"


def survey(
    opening: Opening,
    choice: Choice,
    options: Options,
    *,
    runner: Runner,
    found: Examination,
    order: int,
) -> Surveyed:
    """Look at a route, and plan its cases from ``order`` on; what cannot be reached is in ``found``.

    Raises DriverError.
    """
    case = survey_of(opening, choice.servers[0], options)
    surveyed = Bench(runner).diagnose(case, keep=True)
    check_driver(surveyed, options)
    if surveyed.result.verdict == "nothing-checked":
        part = found.begin(case.id, order, route=case.route)
        part.rows.append(surveyed.result)
        part.diagnosed.append(surveyed)
        part.planned = part.run = 1
        return Surveyed(opening, surveyed, ())
    planned = _plan(case, surveyed, choice, options, found)
    units = tuple(Unit(number, cases) for number, cases in enumerate(planned, order))
    return Surveyed(opening, surveyed, units)


def _plan(
    survey: Case, surveyed: Diagnosed, choice: Choice, options: Options, found: Examination
) -> Iterator[tuple[Case, ...]]:
    """The cases of one route, those of one server and kind together."""
    script = life(survey, surveyed.recording)
    others = beside(choice, options)
    if options.sweeps:
        kinds = kinds_run(choice, options)
        swept = [kind for kind in kinds if kind not in others and kind != "before-accept"]
        for server in choice.servers:
            for kind in swept:
                yield (replace(survey, server=server, kind=kind, moment=EVERY, script=script),)
        named = tuple(kind for kind in kinds if kind == "before-accept")
    else:
        named = tuple(kind for kind in choice.kinds if kind not in others)
    moments = choice.moments
    if named and not options.moments:
        moments, notes = _reachable(moments, surveyed)
        found.notes.extend(f"{survey.route}: {note}" for note in notes)
    yield from _at(with_fields(choice, kinds=named, moments=moments), survey, script)
    reachable = _reachable(_BESIDE_MOMENTS, surveyed)[0]
    for kind in (kind for kind in choice.kinds if kind in others):
        # In the middle of a send: who leaves there breaks the send. Who stalls has been sent to before.
        at = reachable if kind.removesuffix(BESIDE) in _LEAVES else reachable[:1]
        moments = choice.moments if options.moments else at
        yield from _at(with_fields(choice, kinds=(kind,), moments=moments), survey, script)


def _at(choice: Choice, survey: Case, script: tuple[Step, ...]) -> Iterator[tuple[Case, ...]]:
    """The cases of ``choice``, those of one server and kind together; ``script``: of a whole life."""
    planned = [
        # A moment of a sweep is one of the life that the sweep lets the connection live.
        replace(case, probes=survey.probes, script=script if is_poll(case.moment) else case.script)
        for case in cases(
            route=survey.route,
            handshake=survey.handshake,
            servers=choice.servers,
            kinds=choice.kinds,
            moments=choice.moments,
            script=survey.script,
            driver=survey.driver,
        )
    ]
    for _, group in itertools.groupby(planned, lambda case: (case.server, case.kind)):
        yield tuple(group)


def _reachable(
    moments: tuple[str, ...], surveyed: Diagnosed
) -> tuple[tuple[str, ...], Iterator[str]]:
    """The moments that a handler can be met at that behaves as ``surveyed``, and why not the others.

    One that breaks down while its client waits is met in the quiet: that is where it shows.
    """
    survey = Connection(surveyed.recording)
    received = sum(
        1 for event in survey.all(FrameReceived) if event.opcode in {"text", "binary", "cont"}
    )
    read = surveyed.recording.read
    acted = survey.acted
    ended = next((event.time for event in survey.all(TransportLost)), None)
    by_itself = ended is not None and (acted is None or ended < acted)
    broke = surveyed.result.verdict == "defective"
    kept: list[str] = []
    notes: list[str] = []
    for moment in moments:
        needed = messages_needed(moment)
        if needed > received or (moment == "mid-send" and received <= read):
            if moment.startswith("after:") and received:
                kept.append(f"after:{received}")
            notes.append(
                f"{moment} cannot be reached: the client received {received or 'no'} "
                f"message{'s' if received != 1 else ''}"
                + (f", and had asked for {read}" if read else "")
                + "; let it speak first with --send or --script"
            )
        elif moment == "idle" and by_itself and ended is not None and ended < _IDLE and not broke:
            notes.append("idle cannot be reached: the application ends the connection by itself")
        else:
            kept.append(moment)
    return tuple(dict.fromkeys(kept)) or (AFTER_ACCEPT,), iter(notes)
