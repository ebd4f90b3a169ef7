"""Everything that holds for a check that no command line speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from wsdoctor.diagnosis.finding import Severity
from wsdoctor.explore.options import Options
from wsdoctor.plan.budget import ANSWER_TIME, CONFIRM_TIME, STARTUP_TIME
from wsdoctor.settings.decisions import decisions
from wsdoctor.settings.defaults import defaults
from wsdoctor.settings.file import SettingsFile
from wsdoctor.settings.inputs import MOST_ANSWER, MOST_GRACE, seconds
from wsdoctor.settings.options import matrix, with_settings
from wsdoctor.silence.apply import Decisions


@dataclass(frozen=True, slots=True)
class Resolved:
    """What ``wsdoctor check`` would go by. An empty ``target`` is to be discovered."""

    target: str
    factory: bool
    app_dir: str | None
    options: Options
    decisions: Decisions
    fail_on: Severity


def resolve(given: SettingsFile, target: str = "") -> Resolved:
    """What holds for ``target`` (default: that of the settings) with the settings ``given``.

    What they do not say is as on a command line that says nothing. Raises InputError, PlanError and
    BaselineError.
    """
    chosen = defaults(given)
    options = replace(
        matrix(
            chosen.get("ws"),
            chosen.get("disconnect"),
            chosen.get("at"),
            clock=chosen.get("clock", "virtual"),
            depth=chosen.get("depth", "full"),
            workers=chosen.get("workers", "auto"),
            max_time=chosen.get("max_time"),
        ),
        paths=tuple(chosen.get("path", ())),
        grace=seconds(chosen.get("grace", 0.5), "grace", MOST_GRACE),
        startup_time=seconds(chosen.get("startup_time", STARTUP_TIME), "startup-time"),
        answer_time=seconds(chosen.get("answer_time", ANSWER_TIME), "answer-time", MOST_ANSWER),
        bystander=chosen.get("bystander", True),
        made_up_message=chosen.get("made_up_message", True),
        confirm=chosen.get("confirm", "emitted"),
        confirm_time=seconds(chosen.get("confirm_time", CONFIRM_TIME), "confirm-time"),
    )
    options = with_settings(options, given, target)
    return Resolved(
        target=target or chosen.get("target", ""),
        factory=chosen.get("factory", False),
        app_dir=chosen.get("app_dir"),
        options=options,
        decisions=decisions(
            given,
            options,
            select=chosen.get("select"),
            ignore=chosen.get("ignore"),
            baseline=chosen.get("baseline"),
        ),
        fail_on=chosen.get("fail_on", "warning"),
    )
