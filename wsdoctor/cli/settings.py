"""The settings file beneath the command line: what an option does not say, the file does.

A plain option of the file is a default of the same option here (click's ``default_map``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wsdoctor.cli.invocation import hide
from wsdoctor.cli.options import OUTPUT

if TYPE_CHECKING:
    from wsdoctor.explore.options import Options
    from wsdoctor.settings.file import SettingsFile

_META = "wsdoctor.settings"


def _read(ctx: typer.Context, value: str | None) -> str | None:
    from wsdoctor.settings.defaults import defaults
    from wsdoctor.settings.file import read_nearest

    given = read_nearest(value, reaching=ctx.info_name != "merge")
    ctx.meta[_META] = given
    hide(ctx.obj, given.secrets)
    if ctx.info_name in {"check", "merge"}:
        ctx.default_map = {**(ctx.default_map or {}), **defaults(given)}
    return value


ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=_read,
        help="The settings: a TOML file like wsdoctor.toml, or a pyproject.toml with "
        "[tool.wsdoctor] (default: the nearest one, here or above).",
        rich_help_panel=OUTPUT,
    ),
]
ShowSettings = Annotated[
    bool,
    typer.Option(
        "--show-settings",
        help="Print what holds, and where it comes from, and run nothing.",
        rich_help_panel=OUTPUT,
    ),
]


def settings_of(ctx: typer.Context) -> SettingsFile:
    """The settings file that ``--config`` named, or that was found."""
    given: SettingsFile = ctx.meta[_META]
    return given


def target_of(
    ctx: typer.Context, target: str, *, factory: bool, app_dir: str | None
) -> tuple[str, bool, str | None]:
    """The target, and how it is found: the file's if the command line names none."""
    from wsdoctor.settings.defaults import defaults

    given = defaults(settings_of(ctx))
    if target or "target" not in given:
        return target, factory, app_dir
    return (
        given["target"],
        factory or given.get("factory", False),
        app_dir or given.get("app_dir"),
    )


def show(ctx: typer.Context, options: Options) -> None:
    """Print every setting that holds, with where it comes from; no value that may be a secret."""
    from wsdoctor.report.redaction import REDACTED, redact_text
    from wsdoctor.settings.defaults import OPTIONS
    from wsdoctor.settings.file import dotted

    given = settings_of(ctx)
    file = given.path.name if given.path else ""
    print(f"# settings of: {given.path or 'no file, the command line alone'}")
    for parameter, name in (*OPTIONS.items(), ("report", "reports")):
        source = ctx.get_parameter_source(parameter)
        value = ctx.params.get(parameter)
        origin = {"COMMANDLINE": "command line", "DEFAULT_MAP": file}.get(
            getattr(source, "name", ""), "default"
        )
        key = name.replace("_", "-")
        print(f"{key:<14} {redact_text(_shown(value), options.secrets):<40} # {origin}".rstrip())
    own = {"": options.at(""), **{route: options.at(route) for route in options.routes}}
    for route, reach in own.items():
        prefix = dotted(("routes", route)) + "." if route else ""
        for name in ("headers", "cookies", "query"):
            for key, _ in getattr(reach, name):
                print(f"{prefix}{name}.{key} = {REDACTED}")
        for key, value in reach.path_params.items():
            print(f"{prefix}path-params.{key} = {redact_text(value, options.secrets)}")
        for name in ("subprotocols", "driver", "probes"):
            if value := getattr(reach, name):
                print(f"{prefix}{name} = {redact_text(_shown(value), options.secrets)}")
        if reach.script:
            print(f"{prefix}script = {len(reach.script)} steps")


def _shown(value: object) -> str:
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
