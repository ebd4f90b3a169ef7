"""The behaviour of a program in one session, as seen from outside, in one comparable value.

Two programs behave alike if at every kind of disconnect they show the same set of behaviours over all
the moments of a connection's life. This comparison, and neither its text nor wsdoctor's findings,
distinguishes an equivalent mutant from one that matters.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from types import ModuleType
from typing import Any

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import leaves
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import (
    AnyEvent,
    AppReturned,
    AsyncGeneratorFinalized,
    ClientEnded,
    ExceptionInfo,
    LogEmitted,
    LoopErrorReported,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    ServerPhase,
    StacksSampled,
)
from wsdoctor.recording.recording import Recording

Behaviour = frozenset[tuple[str, Any]]

_NOISE = re.compile(r"0x[0-9a-f]+|\d+|coro=<.*|'.*'|\".*\"")
"""Differences between two sessions, or two versions of a file, without a meaning."""


_REFUSED = ("refused",)
"""The server's ``send`` says by this that the connection is over."""


def behaviour(recording: Recording, registries: Mapping[str, int]) -> Behaviour:
    """What there is to see of ``recording`` from the disconnect on.

    The messages in both directions, what ``send`` raised, how the handler ended, and whether in time;
    the tasks and generators that it left, and what of them the loop and the log complain; what the
    client saw; whether the server stops; by how much each of ``registries`` has grown.
    """
    connection = Connection(recording)
    began = connection.acted
    returned = connection.first(AppReturned)
    late = connection.teardown is not None and connection.teardown > recording.grace

    def names(error: ExceptionInfo | None) -> tuple[str, ...]:
        refused = error is not None and error.id in connection.refusals
        return _REFUSED if refused else _names(error)

    facts: dict[str, Any] = {
        "messages": _run_together(
            _told(event, names)
            for event in _own(connection)
            if (began is None or event.time >= began) and not _answers_refusal(connection, event)
        ),
        "handler": "hangs" if returned is None else names(returned.exception),
        "late": late,
        "tasks left": tuple(sorted(task.coroutine for task in connection.outlived)),
        "tasks that stay": tuple(
            sorted(t.coroutine for t in connection.outlived if t.task not in connection.ends)
        ),
        "stuck in": tuple(
            dict.fromkeys(
                sample.reason
                for sample in connection.all(StacksSampled)
                if sample.reason != "returned"
            )
        ),
        "the loop": _sorted(
            (_NOISE.sub("", event.message), _names(event.exception))
            for event in connection.all(LoopErrorReported)
        ),
        "log": _sorted(
            (
                _NOISE.sub("", event.logger),  # Quart's is called as its module
                event.level,
                _NOISE.sub("", event.message),
                _names(event.exception),
            )
            for event in connection.all(LogEmitted)
            if event.level not in {"DEBUG", "INFO"}
        ),
        "generators left": _sorted(
            (event.function, read(connection, event.location).owes_cleanup)
            for event in connection.all(AsyncGeneratorFinalized)
        ),
        "client": tuple(event.code for event in connection.all(ClientEnded)),
        "server": tuple(dict.fromkeys(event.phase for event in connection.all(ServerPhase))),
        "registries": tuple(sorted(item for item in registries.items() if item[1])),
    }
    return frozenset(facts.items())


def essence(shown: Behaviour) -> Behaviour:
    """``shown`` without what the contract leaves open to a correct program.

    It may lose the race of a send with the disconnect, and let the server's OSError pass (ASGI
    specification 2.4) or go on and have its next send refused as well, return without having read all there was, ``websocket.disconnect`` included,
    and leave a generator to the collector that has nothing to tidy up. A task of its own may end a
    moment after it.
    """
    facts = dict(shown)
    facts["messages"] = _run_together(_sent(facts.get("messages", ())))
    if facts.get("handler") == _REFUSED:
        facts["handler"] = ()
    facts["generators left"] = tuple(item for item in facts.get("generators left", ()) if item[1])
    return frozenset(facts.items())


def _sent(messages: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The messages up to the first refusal, each with whether the application had received the disconnect by then."""
    told = False
    for item in messages:
        if item[0] == "!" and item[1] == _REFUSED:
            return
        if item[0] == ">":
            yield (*item, "told" if told else "")
        elif item[0] == "!":
            yield item
        else:
            told = told or item[1] == "websocket.disconnect"


def _own(connection: Connection) -> Iterator[AnyEvent]:
    """The events without those of the clients that come after the first one, or stay beside it."""
    return (event for event in connection.events if getattr(event, "connection", 1) == 1)


def _answers_refusal(connection: Connection, event: AnyEvent) -> bool:
    """Whether a framework sends a close frame because the server has refused a send.

    The handler may let that OSError pass, and is not responsible for the framework's reaction.
    """
    return (
        isinstance(event, SendCalled)
        and event.sender == "framework"
        and event.handling is not None
        and event.handling.id in connection.refusals
    )


def conversation(recording: Recording) -> Behaviour:
    """The messages of a whole session: what the program does before anybody disconnects."""
    told = (_told(event, _names) for event in _own(Connection(recording)))
    return frozenset({("messages", _run_together(told))})


def _told(
    event: AnyEvent, names: Callable[[ExceptionInfo | None], tuple[str, ...]]
) -> tuple[Any, ...] | None:
    if isinstance(event, SendCalled):
        return (">", event.message, event.code and int(event.code))
    if isinstance(event, SendReturned) and event.exception is not None:
        return ("!", names(event.exception))
    if isinstance(event, ReceiveReturned):
        return ("<", event.message, event.code and int(event.code), names(event.exception))
    return None


def _run_together(told: Iterable[tuple[Any, ...] | None]) -> tuple[Any, ...]:
    """The messages, a stream of the same ones counted once."""
    return tuple(key for key, _ in itertools.groupby(item for item in told if item is not None))


def _names(error: ExceptionInfo | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return tuple(sorted({leaf.type for leaf in leaves(error)} | {error.type}))


def _sorted(items: Iterator[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(sorted(set(items), key=repr))


_CONTAINERS = (list, dict, set, frozenset, deque)


def registries(module: ModuleType) -> dict[str, int]:
    """The sizes of the containers that the globals of ``module`` hold, and the objects in them."""
    found: dict[str, int] = {}
    for name, value in list(vars(module).items()):
        if not name.startswith("__") and name not in {"app", "APPS"}:
            _measure(name, value, found, depth=2)
    state = getattr(getattr(vars(module).get("app"), "state", None), "_state", None)
    _measure("app.state", state, found, depth=2)
    return found


def _measure(name: str, value: object, found: dict[str, int], depth: int) -> None:
    if isinstance(value, _CONTAINERS):
        assert isinstance(value, Sized)
        found[name] = len(value)
        if isinstance(value, dict):
            for key, item in list(value.items()):
                if isinstance(item, _CONTAINERS):
                    found[f"{name}[{key!r}]"] = len(item)
    elif depth and not isinstance(value, ModuleType) and not callable(value):
        for key, item in list(getattr(value, "__dict__", {}).items()):
            _measure(f"{name}.{key}", item, found, depth - 1)
    elif isinstance(value, type):
        for key, item in list(vars(value).items()):
            if not key.startswith("__"):
                _measure(f"{name}.{key}", item, found, 0)


Facts = dict[str, str]
"""Differences, by the name of the fact: ``before -> after``."""


def difference(before: frozenset[Behaviour], after: frozenset[Behaviour]) -> Facts:
    """The facts in ``after`` that are never in ``before``, compared with the nearest behaviour there."""
    new = after - before
    if not new or not before:
        return {}
    shown = min(new, key=lambda one: (min(len(one - other) for other in before), _text(one)))
    nearest = min(before, key=lambda other: (len(shown - other), _text(other)))
    was = dict(nearest)
    return {
        name: f"{was.get(name)} -> {value}"
        for name, value in sorted(shown - nearest, key=lambda fact: fact[0])
    }


def _text(shown: Behaviour) -> str:
    return repr(sorted(shown, key=repr))
