"""Options that say how to reach the handler: the handshake, and the client's script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from wsdoctor.cli import steps
from wsdoctor.cli.options import HANDSHAKE, MATRIX
from wsdoctor.settings import inputs
from wsdoctor.settings.script import STEP_FORMS


def _reach(*names: str, metavar: str, text: str) -> OptionInfo:
    option: OptionInfo = typer.Option(*names, metavar=metavar, help=text, rich_help_panel=HANDSHAKE)
    return option


Headers = Annotated[
    list[str] | None,
    _reach(
        "--header", "-H", metavar="'NAME: VALUE'", text="A header of the handshake; repeatable."
    ),
]
Cookies = Annotated[
    list[str] | None,
    _reach("--cookie", metavar="NAME=VALUE", text="A cookie of the handshake; repeatable."),
]
Query = Annotated[
    list[str] | None,
    _reach(
        "--query",
        metavar="KEY=VALUE",
        text="A query parameter; repeatable. 'a=1&b=2' is taken as it stands in a URL.",
    ),
]
Subprotocols = Annotated[
    list[str] | None,
    _reach(
        "--subprotocol", metavar="NAME", text="A subprotocol that the client offers; repeatable."
    ),
]
PathParams = Annotated[
    list[str] | None,
    _reach("--path-param", metavar="NAME=VALUE", text="The value of a path parameter; repeatable."),
]
Send = Annotated[
    list[str] | None,
    _reach(
        "--send",
        metavar="TEXT",
        text="Send this text first; repeatable. All --send… are sent in the given order.",
    ),
]
SendJson = Annotated[
    list[str] | None, _reach("--send-json", metavar="JSON", text="Send this JSON as text.")
]
SendBytes = Annotated[
    list[str] | None,
    _reach("--send-bytes", metavar="HEX", text="Send these bytes, e.g. 'c0ff ee'."),
]
SendFile = Annotated[
    list[str] | None,
    _reach(
        "--send-file",
        metavar="FILE",
        text="Send a file's content in one message: text if it is UTF-8, otherwise bytes.",
    ),
]
Script = Annotated[
    list[str] | None,
    _reach(
        "--script",
        metavar="STEPS",
        text=f"A file of steps, one a line, or 'step; step': {STEP_FORMS}.",
    ),
]
Driver = Annotated[
    str,
    _reach(
        "--driver",
        metavar="FILE.PY:FUNC",
        text="Your own `async def FUNC(http, ws)`, for handshakes that no option covers: it opens the "
        "connection and drives it, before what is sent by --send… and --script.",
    ),
]

Probes = Annotated[
    list[str] | None,
    typer.Option(
        "--probe",
        metavar="MODULE:ATTR",
        help="A function to call, or an attribute to look at: when a connection has ended it must "
        "be what it was before (of a collection its size counts); repeatable.",
        rich_help_panel=MATRIX,
    ),
]


def reach(
    meta: dict[str, Any],
    *,
    header: Iterable[str] | None,
    cookie: Iterable[str] | None,
    query: Iterable[str] | None,
    subprotocol: Iterable[str] | None,
    path_param: Iterable[str] | None,
    probe: Iterable[str] | None,
    driver: str,
    **sends: list[str] | None,
) -> dict[str, Any]:
    """The fields of Options that these options fill; ``meta`` is that of the command's context."""
    return {
        "headers": inputs.headers(header),
        "cookies": inputs.cookies(cookie),
        "query": inputs.query(query),
        "subprotocols": inputs.comma_separated(subprotocol),
        "path_params": inputs.path_params(path_param),
        "probes": tuple(dict.fromkeys(probe or ())),
        "script": steps.script(meta, sends),
        "driver": driver,
    }
