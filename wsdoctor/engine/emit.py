"""A finding as a pytest file, with what that file reads from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wsdoctor.diagnosis.cleanup import cut
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.growth import grown, grown_in_libraries
from wsdoctor.diagnosis.resources import left_by_all
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.diagnosis.source import skipped_after
from wsdoctor.engine.catalogue import find_variant
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import (
    ConnectionsKept,
    ContainersGrew,
    ContainerShrank,
    Holder,
    TimersLeft,
)
from wsdoctor.report.model import TargetInfo
from wsdoctor.report.redaction import redact_text, without_secrets
from wsdoctor.report.reproducer import (
    Application,
    Lent,
    NameTakenError,
    Undone,
    application_of,
    driver_of,
    environment,
    reproducer,
)
from wsdoctor.session import pools


@dataclass(frozen=True, slots=True)
class ToShow:
    """What a test has to show: that ``code`` comes up in ``case``.

    ``message`` is the finding's sentence. ``grows`` is the container that keeps something of every
    client, or loses what belongs to the next one; ``complains`` whether it is what the framework sends
    or logs, if it is about that; ``undone`` are the lines of a clean-up that never run. ``refused``: the
    client never got in. ``lent``: it is about what is taken from a pool. ``ticks``: it is about a timer
    that is set again and again.
    """

    case: Case
    code: str
    message: str
    grows: Holder | None = None
    complains: bool = False
    undone: Undone | None = None
    refused: bool = False
    lent: Lent | None = None
    ticks: bool = False


def shown_in(diagnosed: Diagnosed, finding: Finding) -> ToShow:
    """How ``diagnosed``, which has the events of its Recording, shows ``finding``."""
    found = (
        item
        for cause in diagnosed.causes
        for item in (cause.occurrence, *cause.symptoms)
        if item.code == finding.code
    )
    occurrence = next(found, None)
    return ToShow(
        diagnosed.recording.case,
        finding.code,
        finding.message,
        grows=_growing(diagnosed, finding.code)
        if occurrence is None or "emptied container" not in RULES[finding.code].checks
        else _emptied(diagnosed, occurrence.index),
        complains=occurrence is not None and occurrence.complains,
        undone=_undone(diagnosed, occurrence),
        refused=Connection(diagnosed.recording).turned_away is not None,
        lent=_lent(diagnosed, occurrence),
        ticks=occurrence is not None
        and isinstance(diagnosed.recording.events[occurrence.index], TimersLeft),
    )


def _undone(diagnosed: Diagnosed, occurrence: Occurrence | None) -> Undone | None:
    """What never runs of the clean-up that ``occurrence`` is about, if it is about one."""
    place = None if occurrence is None else occurrence.place
    if occurrence is None or place is None:
        return None
    line, checks = 0, RULES[occurrence.code].checks
    if "interrupted clean-up" in checks:
        lines = cut(diagnosed.recording.sources.get(place.file, ""), place.line).lines
        line = next(iter(lines), 0)
    elif "skipped clean-up" in checks:
        line = skipped_after(Connection(diagnosed.recording), place)
    first = place.first_line
    return Undone(place.function, place.line - first, line - first) if line else None


def _lent(diagnosed: Diagnosed, occurrence: Occurrence | None) -> Lent | None:
    """What ``occurrence`` says is not given back, if it does."""
    if occurrence is None or "lent" not in RULES[occurrence.code].checks:
        return None
    for left in left_by_all(Connection(diagnosed.recording)):
        if left.place == occurrence.place and left.first.kind == "taken":
            lenders = [each for each in pools.ADAPTERS if each.what == left.first.what]
            names = tuple((each.module, each.knows or each.cls) for each in lenders)
            return Lent(names, lenders[0].out) if lenders else None
    return None


def _growing(diagnosed: Diagnosed, code: str) -> Holder | None:
    """The container that grows with every client, if a finding with ``code`` is about it."""
    connection = Connection(diagnosed.recording)
    if "container" not in RULES[code].checks or connection.first(ConnectionsKept) is not None:
        return None
    found = [grown(connection, event) for event in connection.all(ContainersGrew)]
    leaks = [item for own, _ in found for item in own]
    histories = [item for _, own in found for item in own]
    own = [growth for growth, _ in (*leaks, *histories)]
    events = connection.all(ContainersGrew)
    theirs = [it for event in events for some in grown_in_libraries(event) for it in some]
    return next((growth.holder for growth in (*own, *theirs)), None)


def _emptied(diagnosed: Diagnosed, index: int) -> Holder | None:
    """What the clean-up of an old connection takes too much out of, if the event says so."""
    event = diagnosed.recording.events[index]
    return event.holder if isinstance(event, ContainerShrank) else None


@dataclass(frozen=True, slots=True)
class Emitted:
    """The ``text`` of a pytest file, and the values of the variables that it reads."""

    text: str
    variables: Mapping[str, str]


def emit(
    shown: ToShow,
    target: TargetInfo,
    *,
    grace: float,
    versions: Mapping[str, str],
    secrets: Sequence[str],
    witness: bool = False,
) -> Emitted:
    """The test that fails on ``shown``; it asks the environment for what holds ``secrets``.

    With ``witness`` it also writes down what it saw (see ``reproducer``). Raises TargetError if there
    is no file to import the target from.
    """
    case = without_secrets(shown.case, secrets)

    def text(application: Application) -> str:
        return reproducer(
            case,
            code=shown.code,
            application=application,
            message=redact_text(shown.message, secrets),
            grace=grace,
            versions=versions,
            driver=driver_of(case.driver, target.app_dir) if case.driver else None,
            grows=shown.grows,
            complains=shown.complains,
            undone=shown.undone,
            refused=shown.refused,
            lent=shown.lent,
            ticks=shown.ticks,
            witness=witness,
        )

    return Emitted(_with_application(target, text), environment(shown.case, case))


def _with_application(target: TargetInfo, text: Callable[[Application], str]) -> str:
    """A variant is written into the file, so that it can be sent to anybody."""
    if target.kind != "variant":
        return text(application_of(target))
    path = find_variant(target.spec).path
    try:
        return text(Application(source=path.read_text(encoding="utf-8")))
    except NameTakenError:
        return text(application_of(TargetInfo(f"{path}:app", "app", target.framework)))
