"""The commands that find out what a log can only hint at."""

from __future__ import annotations

import shlex

from wsdoctor.triage.causes import LogCause, Triage
from wsdoctor.triage.working_directory import WorkingDirectory

PLACEHOLDER = "my.module:app"
"""Stands for an application that nothing is known of."""


def with_commands(
    found: Triage, here: WorkingDirectory, *, target: str = "", configured: bool = False
) -> Triage:
    """``found``, each cause with what to run next.

    ``target`` is what the user says is to be checked. ``configured`` says that the settings do, so that
    no command has to.
    """
    for cause in (*found.causes, *found.possible):
        check = ["wsdoctor", "check", *_target(cause, here, target, configured=configured)]
        cause.commands = (
            shlex.join([*check, *_path(cause, here)]),
            f"wsdoctor explain {cause.code}",
        )
    return found


def _target(cause: LogCause, here: WorkingDirectory, target: str, *, configured: bool) -> list[str]:
    if target or configured:
        return [target] if target else []
    return [here.application(cause.handler_place) or PLACEHOLDER]


def _path(cause: LogCause, here: WorkingDirectory) -> list[str]:
    """The route, if all incidents name one.

    A line of the log that stood near may have named another connection's: the handler's file has to speak
    of it, if it is known. A check of the wrong route would find nothing.
    """
    if len(cause.paths) != 1:
        return []
    (path,) = cause.paths
    known = not cause.handler_place or here.mentions(cause.handler_place, path)
    return ["--path", path] if known else []
