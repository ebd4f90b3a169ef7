"""What the emitted test notes and asserts for each rule, in the words of ``template.txt``."""

from __future__ import annotations

from dataclasses import dataclass

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
"""Wall seconds that a child process is given to end, which was told to …"""

CLOSES = 0.4
"""… and what anything else is given that is open when the grace time is over."""

HANG = 5
"""Wall seconds after which a handler that has not returned is said to hang."""

NOTICE = 30
"""Wall seconds in which the server is to notice that the connection is over."""

STOP = 10
"""Wall seconds in which a server is to stop; a graceful time-out of 3 s is within them."""

MORE = 3
"""Messages that a client gets that stays: more than may be under way when the other one leaves."""

STARVED = 12
"""Wall seconds in which it gets them at least; longer where they are rare."""

HARMS = 5
"""Wall seconds in which it goes on getting them: a queue for the other one may first have to fill."""

FREEZE = 12
"""Wall seconds after which an event loop that is not done is said to be held."""


@dataclass(frozen=True, slots=True)
class Check:
    """``features`` of the template, and the lines of the ``verdict``.

    ``forbidden`` are the conditions under which a message that the contract does not allow breaks
    the rule.
    """

    features: frozenset[str]
    verdict: str
    forbidden: tuple[str, ...] = ()


def _check(features: str, *verdict: str, forbidden: tuple[str, ...] = ()) -> Check:
    return Check(frozenset(features.split()), "\n".join(verdict), forbidden)


_WATCHED = f"await within({WATCH}, tap.returned)"
_TASKS_ENDED = f"if tap.alive():\n    await asyncio.wait(tap.alive(), timeout={PATIENCE})"
_FORBIDDEN = 'assert not tap.forbidden, f"{tap.forbidden[0]}: {tap.messages[-9:]}"'
_SAYS_LEFT = 'assert not left_it, f"{left_it[0]!r} left the handler: {tap.messages[-9:]}"'
_LEFT = "left_it = [e for e in tap.escaped if not tap.refused.intersection(parts(e))]"
_ANY_LEFT = "left_it = [e for e in tap.escaped if e not in tap.refused]"
_STOPPED = (
    "# Starlette may raise before a message that comes too late reaches the server.\n"
    "stopped = [e for e in tap.escaped if isinstance(e, RuntimeError)]\n"
    "stopped = [error for error in stopped if error not in tap.refused]\n"
    'assert not stopped, f"{stopped[0]!r} left the handler: {tap.messages[-9:]}"'
)


def _message(*conditions: str, features: str = "") -> Check:
    return _check(
        f"contract forbidden escapes tasks {features}",
        _WATCHED,
        _TASKS_ENDED,
        _FORBIDDEN,
        _STOPPED,
        forbidden=conditions,
    )


def _late(features: str, seconds: str, said: str) -> Check:
    return _check(
        f"late {features}",
        f"if await within({NOTICE}, tap.ended):",
        f"    in_time = await within({seconds}, tap.returned)",
        f'    assert in_time, "{said}"',
    )


def _opens(features: str, said: str) -> Check:
    return _check(
        f"opens {features} grace",
        "counts.append(await left_open())",
        "more = [after - before for before, after in pairwise(counts[1:])]",
        f'assert min(more) <= 0, f"{said}: {{counts}}"',
    )


_KNOWN = ('self.state == "disconnected"', "not self.races()")
_ESCAPED = _check("escapes refusals parts", _WATCHED, _LEFT, _SAYS_LEFT)

_OUTLIVED = _check(
    "tasks grace",
    _WATCHED,
    "await asyncio.sleep(GRACE)",
    'assert not tap.alive(), f"still running after the handler: {tap.alive()}"',
)

_CHECKS: dict[str, Check] = {
    "WSD001": _check("start reachless"),
    "WSD002": _check("reachless", 'assert client.opened, "the handshake was refused"'),
    "WSD003": _check(""),
    "WSD101": _message('kind == "websocket.close"', *_KNOWN, features="race"),
    "WSD102": _message('kind != "websocket.close"', *_KNOWN, features="race"),
    "WSD103": _message('self.state in ("closed", "gone")'),
    "WSD104": _check(
        "contract escapes reads",
        _WATCHED,
        'assert not tap.too_late, f"{tap.too_late[0]}: {tap.messages[-9:]}"',
        _STOPPED,
    ),
    "WSD105": _check(
        "readers", _WATCHED, 'assert not tap.beside, "two tasks wait in receive() at once"'
    ),
    "WSD106": _check(
        "contract forbidden reachless",
        _WATCHED,
        _FORBIDDEN,
        'assert tap.state != "connecting", "it returned without accepting or closing"',
        forbidden=('self.state in ("connecting", "denying")',),
    ),
    "WSD107": _check(
        "contract closes",
        _WATCHED,
        'assert not tap.unfit, f"{tap.unfit[0]}: {tap.messages[-9:]}"',
    ),
    "WSD201": _ESCAPED,
    "WSD202": _check("escapes refusals", _WATCHED, _ANY_LEFT, _SAYS_LEFT),
    "WSD203": _ESCAPED,
    "WSD204": _late("grace", "GRACE", "the handler did not notice that the connection was over"),
    "WSD207": _check(
        "tasks unretrieved grace",
        _WATCHED,
        _TASKS_ENDED,
        "await asyncio.sleep(GRACE)",
        'raised = [text for text in complaints if "in callback" in text]',
        'assert not raised, f"asyncio complains: {raised}"',
    ),
    "WSD301": _OUTLIVED,
    "WSD302": _check(
        "tasks unretrieved",
        _WATCHED,
        _TASKS_ENDED,
        "gc.collect()",
        'assert not complaints, f"asyncio complains: {complaints}"',
    ),
    "WSD303": _OUTLIVED,  # until the collector comes
    "WSD304": _check(
        "generators grace",
        _WATCHED,
        "await asyncio.sleep(GRACE)",
        "gc.collect()",
        'assert not left, f"left for the garbage collector: {left}"',
    ),
    "WSD305": _check(
        "kept grace",
        _WATCHED,
        "await asyncio.sleep(GRACE)",
        "gc.collect()",
        'assert not any(one() for one in tap.kept), "the connection is still referenced"',
    ),
    "WSD306": _check(
        "threads grace",
        _WATCHED,
        "await asyncio.sleep(GRACE)",
        "left = [t for t in threading.enumerate() if t not in tap.threads]",
        "left = [t for t in left if not rests(t)]",
        'assert not left, f"still running after the handler: {left}"',
    ),
    "WSD307": _check(
        "held grace",
        _WATCHED,
        "await asyncio.sleep(GRACE)",
        "held = holds().items()",
        "left = [lock for key, (lock, n) in held if n > free.get(key, (lock, 0))[1]]",
        'assert not left, f"still held after the handler: {left}"',
    ),
    "WSD308": _opens("children", "each client leaves one more process"),
    "WSD309": _opens("descriptors", "each client leaves more open"),
    "WSD401": _late("grace", "GRACE", "the handler had not returned when the grace time was over"),
    "WSD402": _late("", str(HANG), f"the handler hangs {HANG} s after the end of the connection"),
    "WSD403": _check(
        "",
        f"await asyncio.wait([serving], timeout={STOP})",
        'assert serving.done(), "the server was asked to stop, and cannot"',
    ),
    "WSD404": _check("freezes reachless", f"await within({HANG}, tap.returned)"),
    "WSD405": _check(
        "bystander",
        f"in_time, until = True, loop.time() + {HARMS}",
        "while in_time and loop.time() < until:",
        f"    in_time = await gets(other, {MORE}, max({STARVED}, {MORE} * usual))",
        'assert in_time, "another client got nothing any more, or lost its connection"',
    ),
    "WSD406": _check(
        "comes-back grace",
        f"await within({WATCH}, tap.returned)",
        "await asyncio.sleep(GRACE)",
        'assert other.opened, "a client that comes back is refused"',
        'assert not other.over, "a client that comes back loses its connection"',
    ),
    "WSD501": _ESCAPED,
    "WSD502": _check(
        "tasks grace defies",
        _WATCHED,
        "await asyncio.sleep(GRACE)",
        'assert not tap.alive(), f"still running after the handler: {tap.alive()}"',
        'assert not Task.defied, f"cancelled, and went on: {Task.defied}"',
    ),
    "WSD601": _check(
        "warns",
        _WATCHED,
        'said = [w for w in recwarn if w.category.__name__ == "LitestarWarning"]',
        'assert not said, f"the framework warned: {said[0].message}"',
    ),
    "WSD602": _ESCAPED,
    "WSD603": _ESCAPED,
    "WSD801": _check(
        "late",
        f"in_time = await within({HANG}, tap.ended)",
        'assert in_time, "that the client has left is not known to the application"',
    ),
    "WSD802": _check(
        "grace broken contract race escapes parts",
        "await within(GRACE, tap.returned)",
        'assert not tap.broken, f"send() raised {tap.broken[0]!r}: {tap.messages[-9:]}"',
        "# A message that lost the race with the end is to be refused by an OSError.",
        "left_it = [e for e in tap.rude if any(e in parts(it) for it in tap.escaped)]",
        'assert not left_it, f"send() raised {left_it[0]!r}: {tap.messages[-9:]}"',
        "server.should_exit = True",
        f"await asyncio.wait([serving], timeout={STOP})",
        'assert serving.done(), "serve() was asked to stop, and does not return"',
        'assert not serving.exception(), f"serve() raised {serving.exception()!r}"',
    ),
}

_NOTHING_BAD = _check(
    "contract forbidden escapes parts race late logs",
    f"if await within({NOTICE}, tap.ended):",
    f"    in_time = await within({HANG}, tap.returned)",
    '    assert in_time, "the handler has not returned"',
    _FORBIDDEN,
    _LEFT,
    _SAYS_LEFT,
    'errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]',
    'assert not errors, f"logged: {errors}"',
    forbidden=('(self.state != "disconnected" or not self.races())',),
)
"""For the rules that have no check of their own."""


_COMPLAINS = _check(
    "contract forbidden race tasks logs",
    _WATCHED,
    _FORBIDDEN,
    'errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]',
    'assert not errors, f"logged: {errors}"',
    forbidden=('(self.state != "disconnected" or not self.races())',),
)
"""For a refused send that leaves the handler: an OSError is no defect, what becomes of it is one."""

_GROWS = _check(
    "grows grace",
    _WATCHED,
    "await asyncio.sleep(GRACE)",
    "left = kept() - before",
    'assert left <= 0, f"{left} more than before the client came"',
)
"""For what keeps something of the client, and not its connection."""

_DROPPED = _check(
    "dropped grace reachless",
    _WATCHED,
    "await asyncio.sleep(GRACE)",
    "gc.collect()",
    'assert not left, f"started for the client, and never ended: {left}"',
)
"""For what a framework started for a client that is refused."""

_TICKS = _check(
    "timers grace",
    _WATCHED,
    "await asyncio.sleep(GRACE)",
    "now = asyncio.get_running_loop().time()",
    "left = [one for one in tap.timers if one.when() > now and not one.cancelled()]",
    'assert not left, f"still to fire after the handler: {left}"',
)
"""For a timer that is set again and again."""

_LENT = _opens("lent escapes", "each client takes one, and gives none back")
"""For what a pool lends."""

_COUNTS = _check(
    "grows counts grace",
    _WATCHED,
    "await asyncio.sleep(GRACE)",
    "after = kept()",
    'assert after == before, f"{before} before the client came, and {after} now"',
)
"""For a number that is not what it was."""

_TAKES_OUT = _check(
    "comes-back grows grace",
    f"await within({WATCH}, tap.returned)",
    "await asyncio.sleep(GRACE)",
    'assert other.opened, "a client that comes back is refused"',
    'assert not other.over, "a client that comes back loses its connection"',
    "left = kept() - before",
    'assert left >= alone, f"{left} for the new connection, {alone} for one alone"',
)
"""For a clean-up that takes what belongs to the next connection."""

_UNDONE = _check(
    "lines tasks grace",
    _WATCHED,
    _TASKS_ENDED,
    "await asyncio.sleep(GRACE)",
    "short = [n for n in ran.values() if $awaits in n and $undone not in n]",
    'assert not short, "it ends at its line $awaits, and line $undone never runs"',
)
"""For a function that is left at one line, so that another one never runs; counted from its first."""


_OF_THEIR_OWN = frozenset({"WSD205", "WSD206"})
"""The rules whose test is made for each finding."""


def has_check(code: str) -> bool:
    """Whether the emitted test looks for what ``code`` names, and not for any defect of the connection."""
    return code in _CHECKS or code in _OF_THEIR_OWN


def check_of(
    code: str,
    *,
    grows: bool = False,
    counts: bool = False,
    complains: bool = False,
    undone: bool = False,
    refused: bool = False,
    lent: bool = False,
    ticks: bool = False,
) -> Check:
    """What shows the bug that rule ``code`` names.

    ``grows``: a container shows it, or a number, if it ``counts``. ``complains``: what the framework
    sends or logs shows it. ``undone``: lines that never run show it. ``refused``: it is about a client
    that was refused. ``lent``: it is about what a pool lends. ``ticks``: it is about a timer.
    """
    if lent or ticks:
        return _LENT if lent else _TICKS
    if refused and code == "WSD205":
        return _DROPPED
    if grows:
        if code == "WSD406":
            return _TAKES_OUT
        return _COUNTS if counts else _GROWS
    if undone:
        return _UNDONE
    return _COMPLAINS if complains else _CHECKS.get(code, _NOTHING_BAD)
