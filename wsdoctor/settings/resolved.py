"""Everything that holds for a check that no command line speaks of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wsdoctor.options.check import Options, TargetOptions
from wsdoctor.options.option import from_texts
from wsdoctor.options.reporting import FailOn, Reporting
from wsdoctor.settings.decisions import decisions
from wsdoctor.settings.defaults import defaults
from wsdoctor.settings.file import SettingsFile
from wsdoctor.settings.merge import with_settings
from wsdoctor.suppression.apply import Decisions


@dataclass(frozen=True, slots=True)
class Resolved:
    """What ``wsdoctor check`` would go by."""

    target: TargetOptions
    options: Options
    decisions: Decisions
    fail_on: FailOn


def resolve(given: SettingsFile, target: str = "") -> Resolved:
    """The options for ``target`` (default: that of the settings) with the settings ``given``.

    Other options have their defaults. Raises InputError, PlanError and BaselineError.
    """
    chosen = defaults(given)
    named = from_texts(TargetOptions, "check", chosen, by_key=True)
    options = from_texts(Options, "check", chosen, by_key=True)
    options = with_settings(options, given, target)
    reporting = from_texts(Reporting, "check", chosen, by_key=True)
    return Resolved(
        target=replace(named, target=target or named.target),
        options=options,
        decisions=decisions(given, options, reporting),
        fail_on=reporting.fail_on,
    )
