"""What an emitted test notes and asserts: the parts that rules build their checks from.

A check is text for ``report/reproducer/template.txt``. Nothing of it runs in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WATCH = 40
"""Wall seconds for which a handler is watched to end; in a session it is 120, of virtual time.

A server may take long to tell it: uvicorn's legacy `websockets` implementation waits up to 20 seconds
for a client that does not answer.
"""

PATIENCE = 10
"""Wall seconds for the handshake, and for each message."""

VISITS = 2
"""Clients that come and go before the one of the test, if it is about what each of them leaves open."""

STARVES = 10
"""Wall seconds that a handler is given to end which may wait for what a pool has lent."""

ENDS = 2.0
"""Wall seconds that a child process has to end after a signal …"""

CLOSES = 0.4
"""… and that any other open resource has after the grace time."""

HANG = 5
"""Wall seconds after which a handler that has not returned is said to hang."""

NOTICE = 30
"""Wall seconds in which the server is to notice that the connection is over."""

STOP = 10
"""Wall seconds in which a server is to stop; a graceful time-out of 3 s is within them."""

FREEZE = 12
"""Wall seconds after which an event loop that is not done is said to be held."""

Evidence = Literal[
    "",
    "container",
    "number",
    "emptied container",
    "interrupted clean-up",
    "skipped clean-up",
    "refused client",
    "lent",
    "timer",
    "complaint",
]
"""What an occurrence is about, if its rule checks that in another way than usual (``""``).

A container grows with every client, a number is not what it was, or a clean-up takes too much out of a
container. An exception ends a clean-up, or one never runs. The client never got in. A pool has lent
something, a timer is set again and again, or the framework complains of an exception.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """``features`` of the template, and the lines of the ``verdict``.

    ``forbidden`` are the conditions under which a message that the contract does not allow breaks
    the rule.
    """

    features: frozenset[str]
    verdict: str
    forbidden: tuple[str, ...] = ()


def check(features: str, *verdict: str, forbidden: tuple[str, ...] = ()) -> Check:
    return Check(frozenset(features.split()), "\n".join(verdict), forbidden)


# --- lines of a verdict

WATCHED = f"await within({WATCH}, tap.returned)"
TASKS_ENDED = f"if tap.alive():\n    await asyncio.wait(tap.alive(), timeout={PATIENCE})"
GRACE_OVER = "await asyncio.sleep(GRACE)"
COLLECTED = "gc.collect()"
STOPPED_SERVING = f"await asyncio.wait([serving], timeout={STOP})"
NOTHING_FORBIDDEN = 'assert not tap.forbidden, f"{tap.forbidden[0]}: {tap.messages[-9:]}"'
LEFT = "left_it = [e for e in tap.escaped if not tap.refused.intersection(parts(e))]"
NOTHING_LEFT = 'assert not left_it, f"{left_it[0]!r} left the handler: {tap.messages[-9:]}"'
NO_TASK_LEFT = 'assert not tap.alive(), f"still running after the handler: {tap.alive()}"'
NOTHING_STOPPED = (
    "# Starlette may raise before a message that comes too late reaches the server.\n"
    "stopped = [e for e in tap.escaped if isinstance(e, RuntimeError)]\n"
    "stopped = [error for error in stopped if error not in tap.refused]\n"
    'assert not stopped, f"{stopped[0]!r} left the handler: {tap.messages[-9:]}"'
)
NOTHING_LOGGED = (
    'errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]\n'
    'assert not errors, f"logged: {errors}"'
)

RACES = 'self.state != "disconnected" or not self.races()'
"""The condition under which a message after the disconnect did not merely lose a race with it."""


# --- checks of several rules

ESCAPED = check("escapes refusals parts", WATCHED, LEFT, NOTHING_LEFT)
"""Nothing leaves the handler."""

OUTLIVED = check("tasks grace", WATCHED, GRACE_OVER, NO_TASK_LEFT)
"""No task outlives the handler by more than the grace time."""

UNDONE = check(
    "lines tasks grace",
    WATCHED,
    TASKS_ENDED,
    GRACE_OVER,
    "short = [n for n in ran.values() if $awaits in n and $undone not in n]",
    'assert not short, "it ends at its line $awaits, and line $undone never runs"',
)
"""A function is not left at one line, so that another one never runs; counted from its first."""


def no_message(*conditions: str, features: str = "") -> Check:
    """No forbidden message is sent under the ``conditions``."""
    return check(
        f"contract forbidden escapes tasks {features}",
        WATCHED,
        TASKS_ENDED,
        NOTHING_FORBIDDEN,
        NOTHING_STOPPED,
        forbidden=conditions,
    )


def no_message_after_disconnect(condition: str) -> Check:
    """No such message is sent when the application knows of the disconnect."""
    return no_message(
        condition, 'self.state == "disconnected"', "not self.races()", features="race"
    )


def returns_within(seconds: str, said: str, features: str = "") -> Check:
    """The handler returns in time, once the server has noticed the end."""
    return check(
        f"late {features}",
        f"if await within({NOTICE}, tap.ended):",
        f"    in_time = await within({seconds}, tap.returned)",
        f'    assert in_time, "{said}"',
    )


def none_left_open(features: str, said: str) -> Check:
    """Each client leaves as much open as the one before it."""
    return check(
        f"opens {features} grace",
        "counts.append(await left_open())",
        "more = [after - before for before, after in pairwise(counts[1:])]",
        f'assert min(more) <= 0, f"{said}: {{counts}}"',
    )
