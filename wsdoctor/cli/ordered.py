"""The class of every command: it knows in which order its options were given."""

from __future__ import annotations

import gc
from typing import Any

from typer.core import TyperCommand

from wsdoctor.options.parse import InputError

ORDER = "wsdoctor.order"
"""The key of a context's ``meta``: names of parameters, one for each time one was given."""


class OrderedCommand(TyperCommand):
    """A command that remembers in which order its options were given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, rest, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[ORDER] = tuple(parameter.name for parameter in order)
        if rest and not ctx.resilient_parsing:
            # Click would repeat the words, and behind an unquoted -H they are a password.
            words = "one word" if len(rest) == 1 else f"{len(rest)} words"
            raise InputError(
                f"{words} too many: a value with spaces needs quotes, e.g. -H 'Name: value'"
            )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        if not gc.isenabled():  # wsdoctor.__main__ has switched it off for the imports
            gc.freeze()
            gc.enable()
        return super().invoke(ctx)
