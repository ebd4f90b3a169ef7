"""``--debug``, before or behind the command."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from wsdoctor.cli.errors import DEBUG_VARIABLE
from wsdoctor.options.option import OUTPUT


def _enable_debug(value: bool) -> bool:  # noqa: FBT001 - typer passes the flag's value
    if value:
        os.environ[DEBUG_VARIABLE] = "1"  # the worker process sees it too
    return value


Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_enable_debug,
        is_eager=True,
        help="Show the traceback of an internal error (also: WSDOCTOR_DEBUG=1).",
        rich_help_panel=OUTPUT,
    ),
]
