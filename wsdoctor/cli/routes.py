"""``wsdoctor routes``: what ``check`` would check."""

from __future__ import annotations

import os

from wsdoctor.cli.debug import Debug
from wsdoctor.cli.errors import NOTHING_CHECKED, say
from wsdoctor.cli.parameters import with_options
from wsdoctor.options.check import TargetOptions


@with_options("routes")
def routes(target: TargetOptions, *, debug: Debug = False) -> int:
    """List the WebSocket routes of an application, with their handlers."""
    from wsdoctor.engine.check import list_routes

    info, found = list_routes(target.target, factory=target.factory, app_dir=target.app_dir)
    if not found:
        say(f"{info.spec} ({info.framework} {info.kind}) has no WebSocket route")
        return NOTHING_CHECKED
    width = max(len(route.path) for route in found)
    for route in found:
        where = f"  {_shown(route.file)}:{route.line}" if route.file else ""
        print(f"{route.path:<{width}}  {route.handler}{where}")
    return 0


def _shown(file: str) -> str:
    """``file`` relative to the working directory when it lies below it."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith(os.pardir) else relative
