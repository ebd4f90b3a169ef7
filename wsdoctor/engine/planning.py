"""The survey of a route: what its handler does by itself, and the cases that follow from that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from urllib.parse import parse_qsl

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.exceptions import user_frames
from wsdoctor.diagnosis.suspension import Conversation, conversation_of
from wsdoctor.engine.conversations import Later, Surveyed, back, hold
from wsdoctor.engine.copies import CopyRunner
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Runner
from wsdoctor.engine.scheduler import CellPlan
from wsdoctor.engine.selection import Selection, kinds_run, long_kinds
from wsdoctor.engine.sweep import life
from wsdoctor.options.check import Options
from wsdoctor.plan.kinds import DEAR_KINDS
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import (
    AFTER_ACCEPT,
    EVERY,
    QUIET,
    SURVEY,
    TIMER,
    is_poll,
    messages_needed,
)
from wsdoctor.recording.case import (
    AGAIN,
    BESIDE,
    MESSAGE,
    RECONNECT,
    SCARCE,
    TOGETHER,
    Case,
    Handshake,
    SendStep,
    Step,
)
from wsdoctor.recording.events import ClientActed, FrameReceived, TransportLost
from wsdoctor.report.redaction import redact_text
from wsdoctor.target import DriverError
from wsdoctor.target.paths import short

_IDLE = 0.9
"""Seconds of quiet that the moment ``idle`` needs."""

_SLOW_START = 2.0
"""Wall seconds of a start-up from which on a sweep would take an hour."""

_LONG_MOMENTS = ("idle", "mid-send")
"""When the client leaves in the cases of long kinds, unless moments are asked for."""

_BACK_MOMENTS = (QUIET, "return+1")
"""When the client comes back: at once, and when its old connection's handler has returned."""

_LEAVES = frozenset({"close", "abort"})
_LEAVES_ANOTHER = frozenset(kind + BESIDE for kind in _LEAVES)
_VANISHES = "vanish"
_BURST = "burst-abort"


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """A route as the application declares it, and the handshake that reaches it."""

    route: str
    handshake: Handshake
    form: str = ""
    """What its handler is in its framework, "" if that is not known."""


def survey_of(route_target: RouteTarget, server: str, options: Options) -> Case:
    """The case in which the client waits and sees what the handler does by itself."""
    options = options.at(route_target.route)
    return Case(
        route=route_target.route,
        server=server,
        kind="close",
        moment=SURVEY,
        handshake=route_target.handshake,
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
            f"--driver: '{surveyed.recording.case.driver}' {stopped.driver}{where}, for the route {route}",
            options.secrets,
        ),
        "\n".join(("Traceback of the driver (most recent call last):", *lines)) if lines else "",
    )


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A route that was looked at: ``units`` are its cases, none if its handler was not reached.

    ``surveys`` are the conversations that its cases were planned by.
    """

    route_target: RouteTarget
    surveys: tuple[Diagnosed, ...]
    units: tuple[CellPlan, ...]

    @property
    def broken(self) -> bool:
        """Whether something went wrong while the client did nothing but wait."""
        return any(survey.result.verdict == "defective" for survey in self.surveys)


def survey(
    route_target: RouteTarget,
    selection: Selection,
    options: Options,
    *,
    runner: Runner,
    found: Results,
    order: int,
) -> RoutePlan:
    """Look at a route, and plan its cases from ``order`` on; what cannot be reached is in ``found``.

    Raises DriverError.
    """
    case = survey_of(route_target, selection.servers[0], options)
    first = Surveyed(case, CopyRunner(runner).diagnose(case, keep=True, trace=True))
    check_driver(first.diagnosed, options)
    if first.diagnosed.result.verdict == "nothing-checked":
        part = found.begin(case.id, order, route=case.route)
        part.rows.append(first.diagnosed.result)
        part.diagnosed.append(first.diagnosed)
        part.planned = part.run = 1
        return RoutePlan(route_target, (first.diagnosed,), ())
    if options.sweeps and first.diagnosed.start_up > _SLOW_START:
        options = with_fields(options, depth="quick")
        found.notes.append(
            f"{case.route}: the named moments were tried, not every one: "
            "the application takes long to start, and starts for each case"
        )
    found.conversations[case.route] = list(_reached(first, runner))
    said, later = hold(first, options, runner, found)
    if RECONNECT in selection.kinds and (handshake := back(first, runner)) is not None:
        first = with_fields(first, back=handshake)
        said = said and with_fields(said, back=handshake)
        found.notes.append(f"{case.route}: {_names_itself(handshake)}")
    if name := _by_date(first, said):
        found.notes.append(_BY_DATE.format(route=case.route, name=name))
    planned: dict[tuple[str, str], list[Case]] = {}
    if options.sweeps and (why := _real_time(first, said)):
        options = with_fields(options, depth="quick")
        found.notes.append(f"{case.route}: only the named moments were tried: {why}")
    for one in _plan(first, said, later, selection, options, found):
        planned.setdefault((one.server, one.kind), []).append(one)
    units = tuple(
        CellPlan(number, tuple(cases)) for number, cases in enumerate(planned.values(), order)
    )
    others = [*filter(None, [said]), *(one.survey for one in later)]
    return RoutePlan(route_target, (first.diagnosed, *(one.diagnosed for one in others)), units)


_BY_DATE = (
    "{route}: `{name}` sets timers by the date, which does not pass with virtual time: "
    "what it does when they are due is met too early, or never. Look at it with --clock wall"
)


def _names_itself(route_target: Handshake) -> str:
    given = [*parse_qsl(route_target.query, keep_blank_values=True), *route_target.headers]
    names = [f"{name}={value}" for name, value in given if name in route_target.made_up]
    return (
        f"the client that comes back says who it is, by a made-up {' and '.join(names)} "
        "(--query or --header gives a name of yours)"
    )


def _by_date(*surveys: Surveyed | None) -> str:
    recordings = [one.diagnosed.recording for one in surveys if one is not None]
    return next((recording.by_date for recording in recordings if recording.by_date), "")


_SWEPT_WITHIN = 0.3
"""Wall seconds that a connection may wait for what is outside and still be met at every moment."""


def _real_time(*surveys: Surveyed | None) -> str:
    """Why the moments of these conversations cannot all be tried; empty if they can.

    Data that arrive in real time arrive at another moment each time.
    """
    recordings = [one.diagnosed.recording for one in surveys if one is not None]
    if any(recording.streamed for recording in recordings):
        return "what the application gets from outside comes in real time"
    longest = max(recording.waited for recording in recordings)
    if longest > _SWEPT_WITHIN:
        return f"each case takes real time (one conversation waited {longest:.1f} s for what is outside)"
    return ""


_OTHER_ENDS = (("abort", "mid-send"), ("shutdown", "idle"))
"""How connections end in ways that lead through other lines than a close frame does."""


def _reached(first: Surveyed, runner: Runner) -> Iterator[Conversation]:
    """What the survey reached; what other ends reach, too, if it did not reach everything."""
    own = conversation_of(first.diagnosed.recording)
    yield own
    recorded, verdict = first.diagnosed.recording, first.diagnosed.result.verdict
    if recorded.clock == "wall" or verdict == "inconclusive":
        return
    if all(point.reached for point in own.points):
        return
    for kind, moment in _OTHER_ENDS:
        case = replace(first.case, kind=kind, moment=moment)
        yield conversation_of(runner.run(case, fresh=True, trace=True).recording)


def _plan(  # noqa: PLR0917 - the conversations, and what is chosen
    first: Surveyed,
    said: Surveyed | None,
    later: Sequence[Later],
    selection: Selection,
    options: Options,
    found: Results,
) -> Iterator[Case]:
    """The cases of one route; those of a server and kind are one unit."""
    if options.moments:
        yield from _chosen(first, said, selection, options, found)
        return
    moments, missed = _reachable(selection.moments, first.diagnosed)
    yield from _of(first, selection, options, moments=moments)
    if said is not None:
        reached, _ = _reachable(selection.moments, said.diagnosed)
        missed = {moment: why for moment, why in missed.items() if moment not in reached}
        yield from _of(said, selection, options, moments=reached)
    if set(_named_kinds(selection, options)) - long_kinds(selection, options):
        found.notes.extend(f"{first.case.route}: {why}" for why in missed.values())
    for one in later:
        yield from _later(one, selection)
    speaking = said if said is not None else first
    if later:
        yield from _comes_and_goes(speaking, selection)
        yield from _finds_pools_scarce([first, *filter(None, [said])], selection)
    if options.clock == "virtual":
        yield from _before_a_timer(speaking, selection)
        if options.bystander:
            yield from _leave_together(speaking, selection)


def _chosen(
    first: Surveyed,
    said: Surveyed | None,
    selection: Selection,
    options: Options,
    found: Results,
) -> Iterator[Case]:
    """The cases at the moments that the user has named."""
    second = tuple(moment for moment in selection.moments if moment.startswith(_SECOND))
    moments = tuple(moment for moment in selection.moments if moment not in second)
    if moments:
        yield from _of(first, selection, options, moments=moments)
    if second and said is not None:
        moments = tuple(moment.removeprefix(_SECOND) for moment in second)
        yield from _of(said, selection, options, moments=moments)
    elif second:
        found.notes.append(
            f"{first.case.route}: {', '.join(second)} cannot be reached: there is no second conversation"
        )


_SECOND = f"{MESSAGE}:"


def _named_kinds(selection: Selection, options: Options) -> tuple[str, ...]:
    """The kinds that are tried at named moments, and not at every one."""
    if not options.sweeps:
        return selection.kinds
    return tuple(kind for kind in kinds_run(selection, options) if kind == "before-accept")


def _of(
    one: Surveyed, selection: Selection, options: Options, *, moments: tuple[str, ...]
) -> Iterator[Case]:
    """The cases of one conversation."""
    survey = one.case
    script = life(survey, one.diagnosed.recording)
    others = long_kinds(selection, options)
    if options.sweeps:
        kinds = [kind for kind in kinds_run(selection, options) if kind not in others]
        for server in selection.servers:
            for kind in kinds:
                if kind != "before-accept":
                    route_target = one.back if kind == RECONNECT and one.back else survey.handshake
                    yield replace(
                        survey,
                        handshake=route_target,
                        server=server,
                        kind=kind,
                        moment=survey.met(EVERY),
                        script=script,
                    )
    named = tuple(kind for kind in _named_kinds(selection, options) if kind not in others)
    if survey.situation:
        named = tuple(kind for kind in named if kind != "before-accept")
    yield from _at(with_fields(selection, kinds=named, moments=moments), survey, script)
    reachable, _ = _reachable(_LONG_MOMENTS, one.diagnosed)
    for kind in (kind for kind in selection.kinds if kind in others):
        # A client that leaves in the middle of a send breaks the send. A client that stalls got a
        # message before.
        leaves = kind.removesuffix(BESIDE) in _LEAVES or kind in DEAR_KINDS
        at = reachable if leaves else reachable[:1]
        if kind == RECONNECT:
            at = _BACK_MOMENTS if options.clock == "virtual" else _BACK_MOMENTS[:1]
            survey = replace(survey, handshake=one.back or survey.handshake)
        chosen = moments if options.moments else at
        yield from _at(with_fields(selection, kinds=(kind,), moments=chosen), survey, script)


_LATER_MOMENTS = ("idle", "mid-send")
"""When a client leaves that came late, or third."""


def _later(later: Later, selection: Selection) -> Iterator[Case]:
    """A few cases of a client that comes later: on every server where the handler goes another way then."""
    one = later.survey
    moments, _ = _reachable(_LATER_MOMENTS, one.diagnosed)
    servers = selection.servers if later.apart else selection.servers[:1]
    kinds = tuple(kind for kind in selection.kinds if kind in _LEAVES)
    few = with_fields(selection, servers=servers, kinds=kinds, moments=moments)
    yield from _at(few, one.case, one.case.script)


def _comes_and_goes(one: Surveyed, selection: Selection) -> Iterator[Case]:
    """The case of a client that comes back and leaves again before its old connection ends."""
    moments, _ = _reachable((QUIET,), one.diagnosed)
    if RECONNECT in selection.kinds and _VANISHES in selection.kinds and QUIET in moments:
        few = with_fields(selection, kinds=(_VANISHES,), moments=(QUIET,))
        case = replace(one.case, moment=f"{AGAIN}:{QUIET}")
        yield from _at(few, case, case.script)


def _finds_pools_scarce(conversations: Sequence[Surveyed], selection: Selection) -> Iterator[Case]:
    """The case of a client that takes the last thing of a pool, where one was seen to take any."""
    asking = [one for one in conversations if one.diagnosed.recording.pooled]
    kinds = tuple(kind for kind in selection.kinds if kind in _LEAVES)[:1]
    for one in asking[-1:]:
        moments, _ = _reachable((QUIET,), one.diagnosed)
        few = with_fields(selection, kinds=kinds, moments=moments)
        case = replace(one.case, moment=f"{SCARCE}:{QUIET}")
        yield from _at(few, case, case.script)


def _before_a_timer(one: Surveyed, selection: Selection) -> Iterator[Case]:
    """The cases in which a timer of the application's fires as the client leaves.

    One of the handler's fires between what the client said last and its reset. One of a task that sends
    to all clients fires as the server learns of the end: the other client must go on getting messages.
    """
    speaks = one.case.driver or any(isinstance(step, SendStep) for step in one.case.script)
    kinds: list[str] = []
    if _BURST in selection.kinds and speaks and one.diagnosed.recording.timer:
        kinds.append(_BURST)
    if one.diagnosed.recording.shared_timer:
        kinds += [kind for kind in selection.kinds if kind in _LEAVES_ANOTHER]
    if kinds:
        few = with_fields(selection, kinds=tuple(kinds), moments=(TIMER,))
        yield from _at(few, one.case, one.case.script)


def _leave_together(one: Surveyed, selection: Selection) -> Iterator[Case]:
    """The cases of two clients that leave at the same time."""
    moments, _ = _reachable((QUIET,), one.diagnosed)
    kinds = tuple(kind for kind in selection.kinds if kind in _LEAVES)
    if kinds and QUIET in moments:
        few = with_fields(selection, kinds=kinds, moments=(QUIET,))
        case = replace(one.case, moment=f"{TOGETHER}:{QUIET}")
        yield from _at(few, case, case.script)


def _at(selection: Selection, survey: Case, script: tuple[Step, ...]) -> Iterator[Case]:
    """The cases of ``selection`` in the situation of ``survey``; ``script``: of a whole life."""
    for case in cases(
        route=survey.route,
        handshake=survey.handshake,
        servers=selection.servers,
        kinds=selection.kinds,
        moments=selection.moments,
        script=survey.script,
        driver=survey.driver,
    ):
        yield replace(
            case,
            moment=survey.met(case.moment),
            probes=survey.probes,
            made_up=survey.made_up,
            # A moment of a sweep is one of the life that the sweep lets the connection live.
            script=script if is_poll(case.at) else case.script,
        )


_A_TURN = 2
"""Iterations of the loop from a message to whatever the client does about it."""


def _reachable(
    moments: tuple[str, ...], surveyed: Diagnosed
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The moments that a handler can be met at that behaves as ``surveyed``, and why not each of the others.

    One that breaks down while its client waits is met in the quiet: that is where it shows.
    """
    survey = Connection(surveyed.recording)
    frames = [e for e in survey.all(FrameReceived) if e.opcode in {"text", "binary", "cont"}]
    received = len(frames)
    read = surveyed.recording.read
    at_once = not any(
        event.step > first.step + _A_TURN for first in frames[read : read + 1] for event in frames
    )
    acted = survey.acted
    came = next((event.time for event in survey.all(ClientActed)), 0.0)
    ended = next((event.time - came for event in survey.all(TransportLost)), None)
    by_itself = ended is not None and (acted is None or ended < acted - came)
    broke = surveyed.result.verdict == "defective"
    kept: list[str] = []
    missed: dict[str, str] = {}
    for moment in moments:
        needed = messages_needed(moment)
        if needed > received or (moment == "mid-send" and received <= read):
            if moment.startswith("after:") and received:
                kept.append(f"after:{received}")
            missed[moment] = (
                f"{moment} cannot be reached: the client received {received or 'no'} "
                f"message{'s' if received != 1 else ''}"
                + (f", and had asked for {read}" if read else "")
                + "; let it speak first with --send or --script"
            )
        elif moment == "mid-send" and at_once:
            missed[moment] = f"mid-send cannot be reached: the {received} messages come at once"
        elif moment == "idle" and by_itself and ended is not None and ended < _IDLE and not broke:
            missed[moment] = "idle cannot be reached: the application ends the connection by itself"
        else:
            kept.append(moment)
    return tuple(dict.fromkeys(kept)) or (AFTER_ACCEPT,), missed
