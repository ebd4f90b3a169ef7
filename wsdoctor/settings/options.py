"""From settings, and the texts of a command line, to the Options of a check.

What reaches the handlers is put together name by name: the file's, over that the route's own, over
that the command line's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec.structs import asdict, replace

from wsdoctor.explore.options import Options, Reach
from wsdoctor.plan.kinds import parse_kind
from wsdoctor.plan.moments import parse_moment
from wsdoctor.plan.servers import parse_server
from wsdoctor.settings import inputs
from wsdoctor.settings.file import SettingsFile
from wsdoctor.settings.script import parse_script
from wsdoctor.settings.shape import RouteSettings, Settings


def matrix(
    servers: list[str] | None,
    kinds: list[str] | None,
    moments: list[str] | None,
    *,
    clock: Literal["virtual", "wall"],
    depth: Literal["quick", "full"] = "quick",
    workers: str = "1",
    max_time: float | None = None,
) -> Options:
    """Options with the matrix that ``--ws``, ``--disconnect`` and ``--at`` name.

    Raises PlanError for names that do not exist.
    """
    return Options(
        servers=tuple(map(parse_server, inputs.comma_separated(servers))),
        kinds=tuple(map(parse_kind, inputs.comma_separated(kinds))),
        moments=tuple(map(parse_moment, inputs.comma_separated(moments))),
        clock=clock,
        depth=depth,
        workers=inputs.workers(workers),
        max_time=None if max_time is None else inputs.seconds(max_time, "--max-time"),
    )


def with_settings(options: Options, given: SettingsFile, target: str) -> Options:
    """``options`` of the command line with what the file says of reaching the handlers beneath."""
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
        or tuple(step for line in script for step in parse_script(line, f"{place} setting")),
        driver=options.driver or own.driver or settings.driver or "",
        probes=tuple(dict.fromkeys((*settings.probes, *own.probes, *options.probes))),
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
