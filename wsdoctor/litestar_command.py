"""``litestar doctor``: ``wsdoctor check`` on the application that Litestar's own command found.

Litestar imports this for every command of its own (entry point group ``litestar.commands``), and
wraps what it finds: so it is a command of click itself, and imports nothing else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from litestar.cli._utils import LitestarEnv


@click.command(
    name="doctor",
    help="Check what the application does when its WebSocket connections end. "
    "Takes the options of `wsdoctor check`, but for the target.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def doctor(env: LitestarEnv, arguments: tuple[str, ...]) -> None:
    """Run ``wsdoctor check`` on the application of ``env``, and exit as it does."""
    from wsdoctor.cli.app import main  # noqa: PLC0415 - not for every command of Litestar's

    # A function that returns the application has been called by Litestar: its path is still its own.
    factory = ["--factory"] if env.is_app_factory else []
    sys.exit(main(["check", env.app_path, "--app-dir", str(env.cwd), *factory, *arguments]))
