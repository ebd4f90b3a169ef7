"""Examine routes: survey what each handler does by itself, plan the cases, run them, confirm."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.exceptions import user_frames
from wsdoctor.explore import sweep
from wsdoctor.explore.bench import Bench
from wsdoctor.explore.beside import on_another_server
from wsdoctor.explore.confirm import confirm
from wsdoctor.explore.crew import Crew, Unit, work
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.faults import settle
from wsdoctor.explore.limits import Limits
from wsdoctor.explore.options import AUTO, Options, Progress
from wsdoctor.plan.kinds import BYSTANDER_KINDS, DEFAULT_KINDS, parse_kind
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import (
    AFTER_ACCEPT,
    EVERY,
    NAMED,
    SURVEY,
    is_poll,
    messages_needed,
    parse_moment,
)
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import BESIDE, Case, Handshake, Step
from wsdoctor.recording.events import FrameReceived, TransportLost
from wsdoctor.report.redaction import redact_text
from wsdoctor.report.shard import Part
from wsdoctor.report.summary import counted
from wsdoctor.target import DriverError
from wsdoctor.target.paths import short

_IDLE = 0.9
"""Seconds of quiet that the moment ``idle`` needs."""

_BESIDE_MOMENTS = ("idle", "mid-send")
"""When the one client leaves beside whom there is another, unless moments are asked for."""

_LEAVES = frozenset({"close", "abort"})

_UNITS_A_WORKER = 6
"""Another process pays for its import of the application only if it has some work to do."""


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
    notes = [f"{name} was left out: it is not installed here" for name in missing]
    if options.depth == "full" and options.clock == "wall" and not options.moments:
        notes.append("the named moments were tried, not every one: that needs the virtual clock")
    beside = BYSTANDER_KINDS if options.bystander and options.clock == "virtual" else ()
    return Choice(
        servers=tuple(name for name in (wanted or SERVERS) if name in installed),
        kinds=tuple(dict.fromkeys(parse_kind(name) for name in options.kinds))
        or (*DEFAULT_KINDS, *beside),
        moments=tuple(dict.fromkeys(parse_moment(name) for name in options.moments)) or moments,
        notes=tuple(notes),
    )


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


def examine(
    openings: Sequence[Opening],
    choice: Choice,
    options: Options,
    *,
    crew: Crew,
    found: Examination,
    progress: Progress,
) -> None:
    """Run the cases of ``openings``, adding to ``found``."""
    limits = Limits(options.max_time)
    first = crew.runners(1)[0]
    units: list[Unit] = []
    broken: list[Diagnosed] = []
    order = 0
    for opening in openings:
        survey = survey_of(opening, choice.servers[0], options)
        surveyed = Bench(first).diagnose(survey, keep=True)
        check_driver(surveyed, options)
        if surveyed.result.verdict == "nothing-checked":
            part = found.begin(survey.id, order, route=survey.route)
            part.rows.append(surveyed.result)
            part.diagnosed.append(surveyed)
            part.planned = part.run = 1
            order += 1
            continue
        if surveyed.result.verdict == "defective":
            broken.append(surveyed)
        for planned in _plan(survey, surveyed, choice, options, found):
            units.append(Unit(order, planned))
            order += 1
    if options.shard is not None:
        number, of = options.shard
        units = [unit for unit in units if unit.order % of == number - 1]
    work(units, crew.runners(_workers(options, len(units))), found, limits, progress)
    for surveyed in broken:
        _also(surveyed, found, order)
        order += 1
    settle(found, first, {opening.route: opening.form for opening in openings})
    found.condense()
    found.notes.extend(_remarks(found))
    if options.clock == "virtual":
        confirm(found, first)
        if options.shard is None:
            on_another_server(found, first)


def _also(surveyed: Diagnosed, found: Examination, order: int) -> None:
    """Add what went wrong while the client waited, if none of the cases waited as long."""
    known = {
        (cause.occurrence.code, cause.occurrence.place)
        for part in found
        if part.route == surveyed.result.route
        for case in part.diagnosed
        for cause in case.causes
    }
    if all((item.occurrence.code, item.occurrence.place) in known for item in surveyed.causes):
        return
    part = found.begin(surveyed.result.id, order, route=surveyed.result.route)
    part.rows.append(surveyed.result)
    part.diagnosed.append(surveyed)
    part.planned = part.run = 1


def _workers(options: Options, units: int) -> int:
    wanted = options.workers
    if wanted == AUTO:
        wanted = min(os.cpu_count() or 1, units // _UNITS_A_WORKER)
    return max(1, min(wanted, units))


def _plan(
    survey: Case, surveyed: Diagnosed, choice: Choice, options: Options, found: Examination
) -> Iterator[tuple[Case, ...]]:
    """The cases of one route, those of one server and kind together."""
    script = sweep.life(survey, surveyed.recording)
    # Those with a bystander are many seconds long: every moment of them only if they are asked for.
    beside = {kind for kind in choice.kinds if kind.endswith(BESIDE) and not options.kinds}
    if options.sweeps:
        for server in choice.servers:
            for kind in choice.kinds:
                # "before-accept" is an abort, at moments that the sweep has anyway.
                if kind != "before-accept" and kind not in beside:
                    yield (replace(survey, server=server, kind=kind, moment=EVERY, script=script),)
        named: tuple[str, ...] = ()
    else:
        named = tuple(kind for kind in choice.kinds if kind not in beside)
    moments = choice.moments
    if named and not options.moments:
        moments, notes = _reachable(moments, surveyed)
        found.notes.extend(f"{survey.route}: {note}" for note in notes)
    yield from _at(with_fields(choice, kinds=named, moments=moments), survey, script)
    reachable = _reachable(_BESIDE_MOMENTS, surveyed)[0]
    for kind in (kind for kind in choice.kinds if kind in beside):
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


def _remarks(found: Examination) -> Iterator[str]:
    """What was planned and not run, and why; and what took real time."""
    routes: dict[str, list[Part]] = {}
    for part in found:
        routes.setdefault(part.route, []).append(part)
    for route, parts in routes.items():
        for reason, count in Counter(part.unfinished for part in parts if part.unfinished).items():
            yield (
                f"{route}: {count} of {len(parts)} combinations of server and kind of disconnect "
                f"were not finished: {reason}"
            )
        if slow := sum(part.slow for part in parts):
            yield (
                f"{route}: real time was spent in {slow} of {sum(part.run for part in parts)} cases: "
                "the application has threads, sockets or processes of its own"
            )
        if missed := sum(part.missed for part in parts):
            yield f"{route}: {missed} moments did not come again when they were to be tried"
        if any(part.left_out for part in parts):
            most = max(part.left_out for part in parts)
            yield (
                f"{route}: the handler is never at rest, so up to {counted(most, 'moment')} of a life "
                "that are like those before them were left out"
            )


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
