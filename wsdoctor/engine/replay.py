"""Run one case again: is it fixed?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.rules import RULES, compares_servers, find_rule
from wsdoctor.engine import sweep
from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.catalogue import find_variant
from wsdoctor.engine.check import route_targets
from wsdoctor.engine.conversations import Surveyed, spoken
from wsdoctor.engine.copies import CopyRunner
from wsdoctor.engine.emit import ToShow, emit, shown_in
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RouteTarget, check_driver, survey_of
from wsdoctor.engine.reference import settle
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress, Runner
from wsdoctor.engine.runners import WorkerPool, handshake, installed_servers
from wsdoctor.options.check import Options
from wsdoctor.plan import PlanError
from wsdoctor.plan.errors import unknown
from wsdoctor.plan.kinds import parse_kind
from wsdoctor.plan.moments import EVERY, HANDSHAKE, SURVEY, is_poll, parse_moment
from wsdoctor.plan.servers import parse_server
from wsdoctor.recording.case import MESSAGE, SITUATIONS, Case, Handshake, SendStep, Step
from wsdoctor.report.model import Report, ReportSet, TargetInfo
from wsdoctor.report.redaction import REDACTED
from wsdoctor.report.summary import counted
from wsdoctor.workers.messages import Load, Loaded

Outcome = Literal["FIXED", "STILL FAILING", "CANNOT REPLAY"]


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """The target of a replay, as ``check`` takes it; ``kind`` ``variant``: a built-in one's name."""

    spec: str
    kind: str = "app"
    factory: bool = False
    app_dir: str | None = None

    @property
    def place(self) -> str:
        """Where the target is: a variant is a file like any other."""
        return f"{find_variant(self.spec).path}:app" if self.kind == "variant" else self.spec


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay: ``report`` has the findings, and is None if nothing was run.

    ``shown`` is the case that shows the wanted finding, or else the gravest finding that came up.
    """

    id: str
    outcome: Outcome
    reason: str = ""
    report: Report | None = None
    shown: ToShow | None = None


def parse_id(text: str) -> tuple[str, str, str, str]:
    """Route, kind, moment and server of a case's id. Raises PlanError for what is none."""
    route, _, rest = text.strip().partition(" ")
    what, _, server = rest.rpartition(" ")
    kind, at, moment = what.strip().rpartition("@")
    if not (route and at and kind and moment):
        msg = f"{text!r} is no id of a case: it is written like '/ws close@after:2 uvicorn:wsproto'"
        raise PlanError(msg)
    before, colon, named = moment.partition(":")
    if (named if colon and before in SITUATIONS else moment) not in {HANDSHAKE, SURVEY}:
        moment = parse_moment(moment)
    return route, parse_kind(kind), moment, parse_server(server)


def replay_id(text: str, code: str, subject: ReplayTarget, options: Options) -> Replayed:
    """Run the case with the id ``text`` on ``subject``; ``options`` say how to reach the handler.

    ``code`` is the rule that is looked for, "" for any finding that is the application's fault.
    Raises PlanError for what is no id or no rule, and TargetError if the target cannot be loaded.
    """
    code = _rule(code) if code else ""
    route, kind, moment, server = parse_id(text)
    options = options.at(route)
    load = Load(
        subject.place,
        subject.factory,
        subject.app_dir,
        path_params=options.path_params,
        drivers=options.drivers,
        probes=options.probes,
    )
    with WorkerPool(load, options) as processes:
        loaded = processes.load()
        route_target = _opening(route, loaded, options)
        if route_target is None:
            return Replayed(text, "CANNOT REPLAY", _no_route(route, loaded))
        survey = survey_of(route_target, server, options)
        case = replace(survey, kind=kind, moment=moment)
        runner = processes.runners(1)[0]
        if case.situation and case.situation != MESSAGE:
            survey = replace(survey, moment=case.met(SURVEY))
        if is_poll(case.at) or case.situation == MESSAGE:
            surveyed = runner.run(survey, fresh=True)
            check_driver(surveyed, options)
            if case.situation == MESSAGE:
                said, why = spoken(Surveyed(survey, surveyed), runner)
                if said is not None:
                    survey, surveyed = said.case, said.diagnosed
                elif why or not _speaks(survey):
                    reason = why or f"{route} waits for no message that could be made up"
                    return Replayed(text, "CANNOT REPLAY", reason)
                case = replace(survey, kind=kind, moment=moment)
            if is_poll(case.at):
                case = replace(case, script=sweep.life(survey, surveyed.recording))
        return _replay(case, code, runner, loaded, target=_info(loaded, subject), options=options)


def _speaks(case: Case) -> bool:
    return any(isinstance(step, SendStep) for step in case.script)


def _opening(route: str, loaded: Loaded, options: Options) -> RouteTarget | None:
    """The opening of ``route``; of what cannot be looked into, that of any path."""
    known = next((one for one in route_targets(loaded, options) if one.route == route), None)
    if known is not None or not _is_opaque(loaded):
        return known
    return RouteTarget(route, handshake(quote(route, safe="/:@!$&'()*+,;="), "", options))


def _is_opaque(loaded: Loaded) -> bool:
    return bool(loaded.mounts) or loaded.framework == "asgi"


def read_reports(data: bytes, name: str) -> tuple[Report, ...]:
    """The Reports of a JSON report, one or several. Raises PlanError if it is none."""
    try:
        if b'"reports"' in data[:200]:
            return msgspec.json.decode(data, type=ReportSet).reports
        return (msgspec.json.decode(data, type=Report),)
    except msgspec.DecodeError as error:
        msg = f"{name} is no JSON report of this version of wsdoctor: {error}"
        raise PlanError(msg) from None


def replay_findings(
    reports: Iterable[Report], codes: Iterable[str], subject: ReplayTarget | None, options: Options
) -> Iterator[Replayed]:
    """Run the case of each finding again, on ``subject`` or on the target that the report names.

    ``codes`` narrow it to some rules. Raises TargetError if the target cannot be loaded, and
    PlanError for an unknown code, or if a value of the handshake is neither in the report nor in
    ``options``.
    """
    wanted = {_rule(code) for code in codes}
    for report in reports:
        target = subject or ReplayTarget(
            report.target.spec, report.target.kind, report.target.factory, report.target.app_dir
        )
        if REDACTED in target.spec:
            raise _missing("the target", "TARGET, behind the report")
        for finding in report.findings:
            if finding.case is not None and (not wanted or finding.code in wanted):
                chosen = with_fields(
                    options.at(finding.route), clock=report.clock, grace=report.grace
                )
                yield _replay_finding(finding, finding.case, target, chosen)


def _rule(code: str) -> str:
    rule = find_rule(code)
    if rule is None:
        raise unknown("rule", code, (rule.code for rule in RULES.values()))
    return rule.code


def _replay_finding(
    finding: Finding, case: Case, subject: ReplayTarget, options: Options
) -> Replayed:
    case = replace(
        case,
        handshake=_completed(case.handshake, options),
        script=_completed_script(case.script, options.script),
        driver=options.at(case.route).driver or case.driver,
    )
    in_path = REDACTED in case.handshake.path
    if in_path and not options.path_params:
        raise _missing(f"a parameter of the path {case.route}", "--path-param")
    load = Load(
        subject.place,
        subject.factory,
        subject.app_dir,
        path_params=options.path_params if in_path else {},
        drivers=(case.driver,),
        probes=case.probes,
    )
    with WorkerPool(load, options) as processes:
        loaded = processes.load()
        known = {route.path for route in loaded.routes}
        if case.route not in known and not _is_opaque(loaded):
            return Replayed(case.id, "CANNOT REPLAY", _no_route(case.route, loaded))
        route_target = _opening(case.route, loaded, options) if in_path else None
        if route_target is not None:
            path = route_target.handshake.path
            case = replace(case, handshake=replace(case.handshake, path=path))
        runner = processes.runners(1)[0]
        return _replay(
            case, finding.code, runner, loaded, target=_info(loaded, subject), options=options
        )


def _info(loaded: Loaded, subject: ReplayTarget) -> TargetInfo:
    variant = subject.kind == "variant"
    return TargetInfo(
        spec=subject.spec if variant else loaded.spec,
        kind="variant" if variant else loaded.kind,
        framework=loaded.framework,
        factory=subject.factory,
        app_dir=subject.app_dir,
    )


def reproduce(replayed: Replayed, secrets: Sequence[str] = ()) -> str:
    """A pytest file of its own that fails on what was looked for in ``replayed``.

    It asks the environment for the values of headers and queries, and for what else holds ``secrets``.

    Raises PlanError if there is nothing to reproduce.
    """
    report = replayed.report
    if replayed.shown is None or report is None:
        msg = f"there is nothing to reproduce in {replayed.id!r}: {replayed.reason or 'it is healthy'}"
        raise PlanError(msg)
    emitted = emit(
        replayed.shown,
        report.target,
        grace=report.grace,
        versions=report.environment,
        secrets=secrets,
    )
    return emitted.text


def _no_route(route: str, loaded: Loaded) -> str:
    there = ", ".join(one.path for one in loaded.routes) or "none"
    return f"{loaded.spec} has no WebSocket route {route}; there are: {there}"


def _replay(
    case: Case, code: str, runner: Runner, loaded: Loaded, *, target: TargetInfo, options: Options
) -> Replayed:
    began = time.monotonic()
    found = Results()
    shown = found.begin(case.id, 0, route=case.route, planned=1)
    for one in (runner.run(case, fresh=True), *_elsewhere(case, code, runner)):
        shown.rows.append(one.result)
        shown.diagnosed.append(one)
        shown.run += 1
        if one.ending is not None:
            shown.endings.append(one.ending)
    if (life := _life(case, code, runner, options)) is not None:
        swept = found.begin(life.id, 1, route=case.route)
        sweep.sweep((life,), (), CopyRunner(runner), swept, Limits(), NoProgress())
        if is_poll(case.at):  # it is one of them
            swept.diagnosed = [one for one in swept.diagnosed if one.result.id != case.id]
            shown.rows, shown.planned, shown.run = [], 0, 0
    settle(found, runner, {route.path: route.form for route in loaded.routes})
    diagnosed = shown.diagnosed[0]
    report = build_report(found, target=target, command="", began=began, options=options)
    outcome, reason = _outcome(found, code, swept=life is not None)
    if any(item.code == code and compares_servers(code) for item in report.findings):
        outcome, reason = "STILL FAILING", ""
    finding = next((item for item in report.findings if item.code == code or not code), None)
    if finding is not None and finding.case is not None and not _codes(diagnosed, code):
        diagnosed = next(one for one in found.diagnosed if one.result.id == finding.replay)
    return Replayed(
        id=shown.id,
        outcome=outcome,
        reason=reason,
        report=report,
        shown=None if finding is None else shown_in(diagnosed, finding),
    )


def _life(case: Case, code: str, runner: Runner, options: Options) -> Case | None:
    """The life whose every moment tells whether the finding is fixed; None if its one case does.

    A bystander is met at named moments, and what differs between servers in the case that shows it.
    """
    if options.clock == "wall" or case.bystander or compares_servers(code):
        return None
    if case.at in {HANDSHAKE, SURVEY}:
        return None
    if is_poll(case.at):
        return replace(case, moment=case.met(EVERY))
    survey = replace(case, kind="close", moment=case.met(SURVEY))
    script = sweep.life(survey, runner.run(survey, fresh=True).recording)
    return replace(case, moment=case.met(EVERY), script=script)


def _elsewhere(case: Case, code: str, runner: Runner) -> Iterator[Diagnosed]:
    """The same case on the other servers, if it is looked for what differs between them."""
    if compares_servers(code):
        for server in installed_servers():
            if server != case.server:
                yield runner.run(replace(case, server=server), fresh=True)


def _outcome(found: Results, code: str, *, swept: bool) -> tuple[Outcome, str]:
    """What the cases say; ``code`` is that of the finding that is looked for, empty if any will do.

    ``swept``: they are all moments of a life, and the finding is fixed if it fails at none of them.
    """
    failing = [one for one in found.diagnosed if _codes(one, code)]
    moments = counted(found.run, "moment")
    reasons = []
    if failing:
        if code and not any(code in _codes(one, code) for one in failing):
            reasons.append(f"{code} did not come up, but something else did")
        if swept:
            reasons.append(f"it fails at {len(failing)} of {moments}")
        return "STILL FAILING", "; ".join(reasons)
    unsure = [
        one
        for one in found.diagnosed
        if one.result.verdict in _UNDECIDED and not one.result.not_judged
    ]
    if unsure:
        return "CANNOT REPLAY", unsure[0].result.note
    if swept:
        reasons.append(f"it fails at none of {moments}")
    left = sorted({cause.occurrence.code for one in found.diagnosed for cause in one.causes})
    if left:
        reasons.append(f"what is left fails no build: {', '.join(left)} (to look for it: --code)")
    return "FIXED", "; ".join(reasons)


_UNDECIDED = frozenset({"inconclusive", "nothing-checked"})


def _codes(diagnosed: Diagnosed, code: str) -> frozenset[str]:
    """The codes that came up: those that fail a build, and ``code`` even if it is a remark."""
    return frozenset(
        item.code
        for cause in diagnosed.causes
        for item in (cause.occurrence, *cause.symptoms)
        if cause.occurrence.severity != "info" or item.code == code
    )


def _completed(handshake: Handshake, options: Options) -> Handshake:
    """``handshake`` with the values that a report does not hold."""
    given = {name.lower(): value for name, value in options.headers}
    if options.cookies:
        given.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in options.cookies))
    headers = tuple(
        (name, _value(value, given, name.lower(), f"the header {name}", "--header"))
        for name, value in handshake.headers
    )
    queries = dict(options.query)
    query = [
        (name, _value(value, queries, name, f"the query parameter {name}", "--query"))
        for name, value in parse_qsl(handshake.query, keep_blank_values=True)
    ]
    subprotocols = handshake.subprotocols
    if any(REDACTED in name for name in subprotocols):
        if not options.subprotocols:
            raise _missing("a subprotocol", "--subprotocol")
        subprotocols = options.subprotocols
    return replace(handshake, headers=headers, query=urlencode(query), subprotocols=subprotocols)


def _value(value: str, given: Mapping[str, str], name: str, what: str, option: str) -> str:
    if value != REDACTED:
        return value
    if name not in given:
        raise _missing(f"the value of {what}", option)
    return given[name]


def _completed_script(script: tuple[Step, ...], given: tuple[Step, ...]) -> tuple[Step, ...]:
    """``script`` with the messages that a report does not hold, from the one that is ``given``."""
    if not any(isinstance(step, SendStep) and REDACTED in (step.text or "") for step in script):
        return script
    if not given:
        raise _missing("a message that the client sends", "--send or --script")
    return (*given, *script[len(given) :])  # behind it is what a sweep added


def _missing(what: str, option: str) -> PlanError:
    return PlanError(f"the report does not hold {what}: give it with {option}")
