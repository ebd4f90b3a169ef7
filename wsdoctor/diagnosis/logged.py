"""Signs of a rule in a log: texts that servers, frameworks and asyncio print, and ends of tracebacks.

``triage`` looks for them in logs, ``explain`` in a pasted text. The rules of this file:

- A text is an exception as tracebacks end (``Type: message``, the type without its module), or a line
  of a log. The first signature that fits a text counts, in their ``order``.
- A text has neither ASGI messages nor the order of tasks. So a rule is only a guess, and ``also`` names
  the other possible rules, the likeliest first: ``wsdoctor check`` finds out.
- ``proof`` says that the text alone shows that a WebSocket connection on an ASGI server is concerned.
  The others occur anywhere: they count only where the traceback or the record shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

QUOTE = r"[\"'\\]*"
"""A quote, or one that JSON or a representation has escaped."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One text. ``example`` is what the software prints, ``means`` what that says, as a sentence.

    ``order``: particular texts have smaller numbers than general ones. No two are equal.
    ``needle`` is a part of it that no quote or bracket is in (JSON escapes them), "" if a log is not searched for it.
    With ``last_line`` it counts without a traceback only as the last line of one: a log may well name an
    exception that was dealt with. ``in_task`` is the rule that comes first if asyncio says that nothing
    retrieved the exception. ``above``: it is what asyncio says above a traceback. ``incident`` is false for what
    servers say in ordinary operation: it is explained, and no log is searched for it.
    """

    order: int
    example: str
    pattern: str
    means: str
    also: tuple[str, ...] = ()
    needle: str = ""
    last_line: bool = False
    proof: bool = True
    in_task: str = ""
    above: bool = False
    incident: bool = True
    code: str = ""
    """The rule that has it (``triage.signatures`` fills this in)."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The rules that it may be a case of, the likeliest first."""
        return (self.code, *self.also)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


Shape = Literal[
    "cancelled",
    "cancelled after the disconnect",
    "raised",
    "raised while cancelled",
    "raised after the disconnect",
    "disconnect",
    "disconnect in a group",
    "close refused",
    "send failed",
    "send failed in a group",
]
"""How a traceback that a server logs comes to its end.

The handler is left by a CancelledError, by an exception of its own, by the disconnect, or by the error of a
send. ``close refused``: the framework answers the disconnect with a close that the server refuses.
"""


@dataclass(frozen=True, kw_only=True)
class Traceback:
    """A shape, and what it says, as a sentence: ``{raised}`` in ``means`` is the last exception."""

    shape: Shape
    means: str
    also: tuple[str, ...] = ()
    code: str = ""
    """The rule that has it (``triage.signatures`` fills this in)."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The rules that it may be a case of, the likeliest first."""
        return (self.code, *self.also)
