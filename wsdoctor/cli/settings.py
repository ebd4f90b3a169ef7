"""The settings file beneath the command line: what an option does not say, the file does.

A plain option of the file is a default of the same option here (click's ``default_map``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from wsdoctor.cli.redacted_argv import hide
from wsdoctor.options.check import Options, TargetOptions, route_options
from wsdoctor.options.option import Option, options_of
from wsdoctor.options.reporting import Reporting

if TYPE_CHECKING:
    from wsdoctor.settings.file import SettingsFile

_META = "wsdoctor.settings"


def read_settings(ctx: typer.Context, value: str | None) -> str | None:
    """Read the file that ``--config`` names, or the nearest one, before other options are looked at."""
    from wsdoctor.settings.defaults import defaults
    from wsdoctor.settings.file import read_nearest

    given = read_nearest(value, reaching=ctx.info_name != "merge")
    ctx.meta[_META] = given
    hide(ctx.obj, given.secrets)
    if ctx.info_name in {"check", "merge"}:
        ctx.default_map = {**(ctx.default_map or {}), **defaults(given)}
    return value


def settings_of(ctx: typer.Context) -> SettingsFile:
    """The settings file that ``--config`` named, or that was found."""
    given: SettingsFile = ctx.meta[_META]
    return given


def target_of(ctx: typer.Context, named: TargetOptions) -> TargetOptions:
    """The target, and how it is found: the file's if the command line names none."""
    from wsdoctor.settings.defaults import defaults

    given = defaults(settings_of(ctx))
    if named.target or "target" not in given:
        return named
    return TargetOptions(
        target=given["target"],
        factory=named.factory or given.get("factory", False),
        app_dir=named.app_dir or given.get("app_dir"),
    )


def show(ctx: typer.Context, options: Options) -> None:
    """Print every setting that holds, with where it comes from; no value that may be a secret."""
    from wsdoctor.report.redaction import redact_text
    from wsdoctor.settings.file import dotted

    given = settings_of(ctx)
    file = given.path.name if given.path else ""
    print(f"# settings of: {given.path or 'no file, the command line alone'}")
    for item in (
        item for group in (TargetOptions, Options, Reporting) for item in options_of(group)
    ):
        if not item.given_as_default:
            continue
        source = ctx.get_parameter_source(item.name)
        origin = {"COMMANDLINE": "command line", "DEFAULT_MAP": file}.get(
            getattr(source, "name", ""), "default"
        )
        value = redact_text(_shown(ctx.params.get(item.name)), options.secrets)
        print(f"{item.key:<14} {value:<40} # {origin}".rstrip())
    for route in ("", *options.routes):
        prefix = dotted(("routes", route)) + "." if route else ""
        for line in _reaching(options.at(route)):
            print(f"{prefix}{redact_text(line, options.secrets)}")


def _reaching(options: Options) -> Iterator[str]:
    """The values that get a client to the handler: tables first, and the number of the steps last."""
    own = [(item, getattr(options, item.name)) for item in route_options()]
    for item, value in own:
        if item.form.words == "table":
            yield from (f"{item.key}.{name} = {text}" for name, text in _pairs(item, value))
    for item, value in own:
        if value and item.form.words in {"text", "list of texts"}:
            yield f"{item.key} = {_shown(value)}"
    if options.script:
        yield f"script = {len(options.script)} steps"


def _pairs(item: Option, value: object) -> Iterator[tuple[str, str]]:
    from wsdoctor.report.redaction import REDACTED

    pairs = value.items() if isinstance(value, dict) else value
    for name, text in pairs:  # type: ignore[attr-defined]  # a table is a dictionary, or its items
        yield name, REDACTED if item.masked else text


def _shown(value: object) -> str:
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
