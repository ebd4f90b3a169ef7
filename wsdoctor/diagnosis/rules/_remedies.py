"""What the remedies share: how they are laid out, and the one idiom that ends a task.

Every snippet stands in an example that is shown to be clean (tests/rules).
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

Words = Mapping[str, str]
"""One part of a remedy by dialect: under ``""`` as Starlette has it. An empty part is left out."""


def remedy(*parts: str) -> str:
    """Paragraphs one below the other; a part that begins with a line break is code."""
    return "\n\n".join(_code(part) if part.startswith("\n") else part for part in parts if part)


def worded(setting: str, *parts: str | Words) -> dict[str, str]:
    """The remedy for ``setting``, by the keys of ``Rule.remedies``: one for each dialect that ``parts`` tell apart."""
    dialects = dict.fromkeys(
        ["", *(name for part in parts if not isinstance(part, str) for name in part)]
    )
    return {
        f"{dialect}/{setting}" if setting else dialect: remedy(
            *(part if isinstance(part, str) else part.get(dialect, part[""]) for part in parts)
        )
        for dialect in dialects
    }


def _code(part: str) -> str:
    return textwrap.indent(textwrap.dedent(part).strip("\n"), "    ")


REPORT = "with the test that `wsdoctor replay ... --emit pytest` writes: it runs without wsdoctor."
"""How to tell other maintainers."""

OTHER_SERVERS = (
    "Until it is corrected, try an implementation that is not affected: `uvicorn --ws websockets-sansio`, "
    "`wsproto` or `websockets`."
)

# Not `await task`: that raises the task's CancelledError. Not `suppress(CancelledError)`:
# that also swallows a cancellation from outside, such as that of the server's graceful time-out.
# Not `gather(task, return_exceptions=True)`: that retrieves an error of the task, and hides
# it. Not `cancel()` on a task that is done: that, too, keeps asyncio from logging its error. Not a
# TaskGroup: it wraps what the handler raises on purpose, and the framework no longer knows it.
WHY_WAIT = (
    "`asyncio.wait` does not raise what the task ended with, and lets a cancellation from outside "
    "through. A task that has failed before is left alone: `cancel()` would keep asyncio from "
    "logging its error."
)

CANCELLED_GOODBYE = (
    "Nothing has to change: the code that cancelled the task expects the exception, and the message cannot "
    "arrive. To spare the server the attempt, let the task end without it, and say good-bye where the "
    "application itself ends the conversation."
)

_GOES_ON = "The package that calls your class goes on until one of its methods ends the connection."

WHY_STOP_CONSUMER: Words = {
    "": f"{_GOES_ON} In Channels that is `raise StopConsumer`, after what there is to clean up. (In a "
    "WebsocketConsumer override `disconnect()` instead, and leave `websocket_disconnect()` as it is: it "
    "raises StopConsumer by itself.)",
    **dict.fromkeys(("asgi", "quart"), f"{_GOES_ON} Its documentation says how."),
}

MAY_NOTICE_FIRST = (
    "The task may be the first to notice that the client has left. Let it end quietly then:"
)

WHEN_IT_ENDS: Words = {
    "": "",
    "quart": "Quart cancels the handler when its client has left. Let that `asyncio.CancelledError` pass, and "
    "clean up in a `finally`.",
    "channels": "Channels calls `disconnect()` when the client has left.",
}
"""How a handler learns of the end, where no exception and no message says so."""

RESET_WHERE_SET = (
    "A `ContextVar` can only be reset in the context in which it was set. Each task and each thread has one "
    "of its own, so set and reset it in the same task:"
)

WHERE_CONTEXTS_DIFFER = (
    "Or leave out the `reset`: what a task sets ends with that task. A clean-up runs in another context if it is "
    "a task of its own, a dependency that is a plain `def` (it runs in a thread), or the `finally` of an async "
    "generator that another task closes, or only the garbage collector."
)
