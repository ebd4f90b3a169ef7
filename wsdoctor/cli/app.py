"""The command line, assembled: one module a command."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from wsdoctor import __version__
from wsdoctor.cli.debug import Debug
from wsdoctor.cli.errors import INTERRUPTED, report_failure, say
from wsdoctor.cli.ordered import OrderedCommand
from wsdoctor.cli.redacted_argv import Invocation

ABOUT = """\
What does an ASGI WebSocket handler do when its connection ends?

wsdoctor runs it on real servers, lets a client disconnect at chosen moments, and says what is \
wrong, whose fault it is, on which line, and how to fix it. Start with: wsdoctor run

Exit codes: 0 healthy, 1 findings, 2 usage, import or start-up, 3 internal error, 4 nothing was \
checked, 5 only inconclusive, 130 interrupted.
"""

COMMANDS = {
    "run": "run",
    "check": "check",
    "replay": "replay",
    "merge": "merge",
    "triage": "triage",
    "routes": "routes",
    "list": "list_",
    "explain": "explain",
    "env": "env",
    "schema": "schema",
}
"""The function of every command, in the module of its name."""


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer passes the flag's value
    if value:
        print(f"wsdoctor {__version__}")
        raise typer.Exit


def _wsdoctor(
    ctx: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def assemble(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line, with the one command that ``arguments`` begin with, or with all of them.

    Most of the time that a short command takes is imports: the other eight commands are 5 % of it.
    """
    app = typer.Typer(
        name="wsdoctor",
        help=ABOUT,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_wsdoctor)
    first = next(iter(arguments), "")
    for name in [first] if first in COMMANDS else COMMANDS:
        command = getattr(import_module(f"wsdoctor.cli.{name}"), COMMANDS[name])
        # Typer keeps the line breaks of a docstring, and they are not those of the terminal.
        paragraphs = (inspect.getdoc(command) or "").split("\n\n")
        text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        app.command(name, cls=OrderedCommand, help=text)(command)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``wsdoctor`` with ``arguments`` (default: those of the process); returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else [*arguments]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream of the interpreter's own has it
    invocation = Invocation(arguments)
    try:
        # Not standalone: every failure comes out here as an exception, and is reported in one format.
        result = assemble(arguments)(
            arguments, prog_name="wsdoctor", standalone_mode=False, obj=invocation
        )
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # `wsdoctor list | head`: the reader has ended. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort, it becomes exit code 2 or 3
        return report_failure(error, invocation.cleaned)
    return result if isinstance(result, int) else 0
