"""What a settings file says, as the defaults of the command's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsdoctor.settings.file import SettingsFile

OPTIONS = {
    "target": "target",
    "factory": "factory",
    "app_dir": "app_dir",
    "path": "paths",
    "ws": "servers",
    "disconnect": "disconnects",
    "at": "moments",
    "bystander": "bystander",
    "made_up_message": "made_up_message",
    "depth": "depth",
    "clock": "clock",
    "grace": "grace",
    "startup_time": "startup_time",
    "answer_time": "answer_time",
    "workers": "workers",
    "max_time": "max_time",
    "confirm": "confirm",
    "confirm_time": "confirm_time",
    "select": "select",
    "ignore": "ignore",
    "baseline": "baseline",
    "fail_on": "fail_on",
}
"""The parameters of the command that the file may give a default, and its fields."""


def defaults(given: SettingsFile) -> dict[str, Any]:
    """The parameters of ``check`` that ``given`` says something of, as they would stand on its command line."""
    settings = given.settings
    found: dict[str, Any] = {}
    for parameter, name in OPTIONS.items():
        value = getattr(settings, name)
        if value is not None and value != ():
            found[parameter] = list(value) if isinstance(value, tuple) else value
    if settings.workers is not None:
        found["workers"] = str(settings.workers)
    if settings.reports:
        found["report"] = [
            f"{form}={path if path == '-' else _from(given, path)}"  # standard output is no file
            for form, path in settings.reports.items()
        ]
    if settings.baseline is not None:
        found["baseline"] = _from(given, settings.baseline)
    if settings.app_dir is not None:
        found["app_dir"] = _from(given, settings.app_dir)
    elif settings.target is not None and given.path is not None:
        folder = given.path.resolve().parent
        if folder != Path.cwd():
            found["app_dir"] = str(folder)
    return found


def _from(given: SettingsFile, path: str) -> str:
    """``path`` of the file as seen from here: it is meant from the file's own folder."""
    assert given.path is not None
    folder = given.path.resolve().parent
    return path if folder == Path.cwd() else str(folder / path)
