"""The options of each route: a route's own settings override the file's, and the command line overrides both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wsdoctor.options.check import Options, route_options
from wsdoctor.options.option import Option
from wsdoctor.settings.file import SettingsFile


def with_settings(options: Options, given: SettingsFile, target: str) -> Options:
    """``options`` of the command line with what the file says of reaching the handlers beneath."""
    # The routes of the settings do not count if the command line names another target.
    named = given.values.get("target")
    routes = given.routes if not target or named in {None, target} else {}
    own = {route: replace(options, **_merged(options, given, route)) for route in routes}
    return replace(options, **_merged(options, given), routes=own, hidden=given.secrets)


def _merged(options: Options, given: SettingsFile, route: str = "") -> dict[str, Any]:
    places: list[tuple[str, Mapping[str, Any]]] = [("", given.values)]
    if route:
        places.append((f"routes.{route}.", given.routes[route]))
    return {
        item.name: _value(item, getattr(options, item.name), places) for item in route_options()
    }


def _value(item: Option, chosen: Any, places: list[tuple[str, Mapping[str, Any]]]) -> Any:
    """The value of ``item``, which is ``chosen`` on the command line, if anything is."""
    found = [
        (values[item.name], f"{place}{item.key}") for place, values in places if item.name in values
    ]
    if item.form.adds:
        return item.form.together([*(item.form.read(*one) for one in found), chosen])
    # An empty list in a route's own stands in place of another one; an empty text says nothing.
    counting = [one for one in found if one[0] != ""]
    return chosen or (item.form.read(*counting[-1]) if counting else item.default)
