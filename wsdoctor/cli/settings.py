"""The settings file beneath the command line: what an option does not say, the file does.

A plain option of the file is a default of the same option here (click's ``default_map``). What
reaches the handlers is put together name by name: the file's, over that the route's own, over that
the command line's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsdoctor.cli import inputs, steps
from wsdoctor.cli.options import OUTPUT

if TYPE_CHECKING:
    from wsdoctor.explore.options import Options, Reach
    from wsdoctor.settings.file import SettingsFile
    from wsdoctor.settings.shape import Settings

_META = "wsdoctor.settings"

_OPTIONS = {
    "target": "target",
    "factory": "factory",
    "app_dir": "app_dir",
    "path": "paths",
    "ws": "servers",
    "disconnect": "disconnects",
    "at": "moments",
    "depth": "depth",
    "clock": "clock",
    "grace": "grace",
    "workers": "workers",
    "max_time": "max_time",
    "select": "select",
    "ignore": "ignore",
    "baseline": "baseline",
    "fail_on": "fail_on",
}
"""The parameters of the command that the file may give a default, and its fields."""


def _read(ctx: typer.Context, value: str | None) -> str | None:
    from wsdoctor.settings.file import SettingsFile, find, read
    from wsdoctor.settings.shape import Settings

    path = Path(value) if value else find(Path.cwd())
    given = SettingsFile(Settings()) if path is None else read(path)
    ctx.meta[_META] = given
    if ctx.info_name == "check":
        ctx.default_map = {**(ctx.default_map or {}), **_defaults(given)}
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


def _defaults(given: SettingsFile) -> dict[str, Any]:
    settings = given.settings
    found: dict[str, Any] = {}
    for parameter, name in _OPTIONS.items():
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


def settings_of(ctx: typer.Context) -> SettingsFile:
    """The settings file that ``--config`` named, or that was found."""
    given: SettingsFile = ctx.meta[_META]
    return given


def target_of(
    ctx: typer.Context, target: str, *, factory: bool, app_dir: str | None
) -> tuple[str, bool, str | None]:
    """The target, and how it is found: the file's if the command line names none."""
    defaults = _defaults(settings_of(ctx))
    if target or "target" not in defaults:
        return target, factory, app_dir
    return (
        defaults["target"],
        factory or defaults.get("factory", False),
        app_dir or defaults.get("app_dir"),
    )


def with_settings(options: Options, given: SettingsFile, target: str) -> Options:
    """``options`` of the command line with what the file says of reaching the handlers beneath."""
    from msgspec.structs import asdict, replace

    settings = given.settings
    # Who names another target on the command line does not mean the routes of this one.
    meant = not target or target == settings.target or settings.target is None
    routes = settings.routes if meant else {}
    own = {route: _reach(options, settings, route) for route in routes}
    return replace(
        options,
        **asdict(_reach(options, settings, None)),
        routes=own,
        hidden=given.secrets,
    )


def _reach(options: Options, settings: Settings, route: str | None) -> Reach:
    from wsdoctor.explore.options import Reach
    from wsdoctor.settings.shape import RouteSettings

    own = RouteSettings() if route is None else settings.routes[route]
    place = "script" if own.script is None else f"routes.{route}.script"
    script = settings.script if own.script is None else own.script
    subprotocols = settings.subprotocols if own.subprotocols is None else own.subprotocols
    return Reach(
        headers=_over(_headers(settings.headers), _headers(own.headers), options.headers),
        cookies=_over(settings.cookies.items(), own.cookies.items(), options.cookies),
        query=_over(settings.query.items(), own.query.items(), options.query),
        subprotocols=options.subprotocols or subprotocols,
        path_params=settings.path_params | own.path_params | options.path_params,
        script=options.script
        or tuple(step for line in script for step in steps.parse_script(line, f"{place} setting")),
        driver=options.driver or own.driver or settings.driver or "",
    )


def _headers(values: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return inputs.headers(f"{name}: {value}" for name, value in values.items())


def _over(*layers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The pairs of all ``layers``; those of a later one take the place of others of their names."""
    found: tuple[tuple[str, str], ...] = ()
    for layer in layers:
        pairs = tuple(layer)
        names = {name.lower() for name, _ in pairs}
        found = (*(pair for pair in found if pair[0].lower() not in names), *pairs)
    return found


def show(ctx: typer.Context, options: Options) -> None:
    """Print every setting that holds, with where it comes from; no value that may be a secret."""
    from wsdoctor.report.redaction import REDACTED, redact_text
    from wsdoctor.settings.file import dotted

    given = settings_of(ctx)
    file = given.path.name if given.path else ""
    print(f"# settings of: {given.path or 'no file, the command line alone'}")
    for parameter, name in (*_OPTIONS.items(), ("report", "reports")):
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
        if reach.subprotocols:
            print(f"{prefix}subprotocols = {', '.join(reach.subprotocols)}")
        if reach.script:
            print(f"{prefix}script = {len(reach.script)} steps")
        if reach.driver:
            print(f"{prefix}driver = {reach.driver}")


def _shown(value: object) -> str:
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
