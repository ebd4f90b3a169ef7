"""What a settings file says, as the defaults of the command's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsdoctor.options.forms import File, Reports
from wsdoctor.settings.file import SettingsFile, keys


def defaults(given: SettingsFile) -> dict[str, Any]:
    """The parameters of ``check`` that ``given`` says something of, as they would stand on its command line."""
    found: dict[str, Any] = {}
    for item in keys().values():
        value = given.values.get(item.name)
        if not item.given_as_default or value is None or value in ((), {}):
            continue
        if isinstance(item.form, Reports):
            found[item.name] = [
                f"{form}={path if path == '-' else _from(given, path)}"  # standard output is no file
                for form, path in value.items()
            ]
        elif isinstance(item.form, File):
            found[item.name] = _from(given, value)
        else:
            found[item.name] = item.form.shown(value)
    if "target" in found and "app_dir" not in found and given.path is not None:
        folder = given.path.resolve().parent
        if folder != Path.cwd():
            found["app_dir"] = str(folder)
    return found


def _from(given: SettingsFile, path: str) -> str:
    """``path`` of the file as seen from here: it is meant from the file's own folder."""
    assert given.path is not None
    folder = given.path.resolve().parent
    return path if folder == Path.cwd() else str(folder / path)
