"""Options that more than one command takes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from wsdoctor.cli import completion
from wsdoctor.cli.debug import OUTPUT, Debug
from wsdoctor.cli.exit_codes import FailOn

MATRIX = "What to run"
HANDSHAKE = "Reaching the handler"

__all__ = [
    "HANDSHAKE",
    "MATRIX",
    "OUTPUT",
    "AnswerTime",
    "AppDir",
    "BaselineFile",
    "BaselineUpdate",
    "Bystander",
    "Clock",
    "Debug",
    "Depth",
    "Factory",
    "FailOnOption",
    "Format",
    "Grace",
    "Ignore",
    "Kinds",
    "MaxTime",
    "Moments",
    "ReportFiles",
    "Select",
    "Servers",
    "StartupTime",
    "Target",
    "Verbose",
    "Workers",
]


Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--ws",
        metavar="SERVER",
        help="Only this server implementation, e.g. wsproto; repeatable, or separated by commas.",
        autocompletion=completion.servers,
        rich_help_panel=MATRIX,
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--disconnect",
        metavar="KIND",
        help="Only this kind of disconnect, e.g. abort; repeatable, or separated by commas.",
        autocompletion=completion.kinds,
        rich_help_panel=MATRIX,
    ),
]
Bystander = Annotated[
    bool,
    typer.Option(
        "--bystander/--no-bystander",
        help="Also look at what a second client gets while the first one leaves or stalls.",
        rich_help_panel=MATRIX,
    ),
]
MadeUpMessage = Annotated[
    bool,
    typer.Option(
        "--made-up-message/--no-made-up-message",
        help="Without --send, also hold a conversation with a message made up from the handler's source.",
        rich_help_panel=MATRIX,
    ),
]
Moments = Annotated[
    list[str] | None,
    typer.Option(
        "--at",
        metavar="MOMENT",
        help="Only this moment, e.g. after:2; repeatable, or separated by commas.",
        autocompletion=completion.moments,
        rich_help_panel=MATRIX,
    ),
]
Depth = Annotated[
    Literal["quick", "full"],
    typer.Option(
        help="full: every moment of a connection's life; quick: the named moments.",
        rich_help_panel=MATRIX,
    ),
]
Clock = Annotated[
    Literal["virtual", "wall"],
    typer.Option(
        help="Virtual time jumps over waiting; wall time is for what virtual time cannot run.",
        rich_help_panel=MATRIX,
    ),
]
Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        "-w",
        metavar="N|auto",
        help="Spread the cases over so many processes; auto: as many as there are processors.",
        rich_help_panel=MATRIX,
    ),
]
MaxTime = Annotated[
    float | None,
    typer.Option(
        "--max-time",
        metavar="SECONDS",
        help="End after this time, whatever is going on; skipped cases are reported, and are never a pass.",
        rich_help_panel=MATRIX,
    ),
]
Confirm = Annotated[
    Literal["none", "loopback", "emitted"],
    typer.Option(
        help="How findings are confirmed: on loopback sockets, or by running the emitted test of each "
        "on stock asyncio as well.",
        rich_help_panel=MATRIX,
    ),
]
ConfirmTime = Annotated[
    float,
    typer.Option(
        "--confirm-time",
        metavar="SECONDS",
        help="Stop starting emitted tests after SECONDS; the report says how each finding was confirmed.",
        rich_help_panel=MATRIX,
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="How long a handler may take to end after the disconnect.",
        rich_help_panel=MATRIX,
    ),
]
StartupTime = Annotated[
    float,
    typer.Option(
        "--startup-time",
        metavar="SECONDS",
        help="How long the application may take to start, in real seconds.",
        rich_help_panel=MATRIX,
    ),
]
AnswerTime = Annotated[
    float,
    typer.Option(
        "--answer-time",
        metavar="SECONDS",
        help="How long virtual time waits for an answer from outside (a database, an upstream), in real seconds.",
        rich_help_panel=MATRIX,
    ),
]

Format = Annotated[
    Literal["text", "json"],
    typer.Option("--format", help="What standard output gets.", rich_help_panel=OUTPUT),
]
ReportFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT=PATH",
        help="Also write a report: json, text, html, markdown, junit, sarif, github, gitlab or "
        "ndjson, e.g. html=report.html; - as PATH is standard output, in place of the text; "
        "repeatable.",
        autocompletion=completion.formats,
        rich_help_panel=OUTPUT,
    ),
]
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        help="The least severity of a finding that makes the exit code 1.",
        rich_help_panel=OUTPUT,
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="RULE",
        help="Report only these rules: a code, a name, or a prefix like WSD3; repeatable, or "
        "separated by commas.",
        autocompletion=completion.rules,
        rich_help_panel=OUTPUT,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="RULE",
        help="Do not report these rules, likewise. In the code: # wsdoctor: ignore[WSD301] reason",
        autocompletion=completion.rules,
        rich_help_panel=OUTPUT,
    ),
]
BaselineFile = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Report only what is not in this file, the findings of an earlier day.",
        rich_help_panel=OUTPUT,
    ),
]
BaselineUpdate = Annotated[
    bool,
    typer.Option(
        "--baseline-update",
        help="Write the findings of this run into the --baseline file.",
        rich_help_panel=OUTPUT,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also show every case.", rich_help_panel=OUTPUT),
]

Target = Annotated[
    str,
    typer.Argument(
        metavar="[TARGET]",
        help="pkg.module:attr or path/to/file.py:attr: an ASGI app, a handler, a listener class "
        "or a connection_lifespan function. Without it: LITESTAR_APP, then what Litestar's own "
        "command would find.",
        show_default=False,
    ),
]
Factory = Annotated[
    bool, typer.Option("--factory", help="TARGET is a function that returns the application.")
]
AppDir = Annotated[
    str | None,
    typer.Option("--app-dir", metavar="DIR", help="Import from this directory (default: here)."),
]
