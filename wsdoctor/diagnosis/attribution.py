"""The owner of code that is not the user's: the framework, or an installed package.

A finding is about a line of the user's. If no such line had a part, the framework is at fault, or a
library that serves WebSockets by itself, with a framework or without one: a GraphQL server, a room, a
proxy. Only its maintainers can change it, so the finding names it, with the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import chain
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording.events import (
    AppReturned,
    ExceptionInfo,
    LoopErrorReported,
    ReceiveCalled,
    ResourcesLeft,
    SendCalled,
    Stack,
    StackFrame,
    StacksSampled,
    TaskEnded,
)

_FRAMEWORKS = frozenset({"fastapi", "litestar", "starlette"})
"""Those that wsdoctor knows: what is theirs is said to be the framework's."""

PLUMBING = frozenset(
    {
        *_FRAMEWORKS,
        *("anyio", "asgiref", "exceptiongroup", "h11", "httptools", "sniffio", "typing_extensions"),
        *("msgspec", "pydantic", "pydantic_core"),
        *("uvicorn", "uvloop", "websockets", "wsproto", "wsdoctor"),
    }
)
"""Packages that carry out what others ask for."""

_OUTSIDE = re.compile(r"\b(at |below )?outside your code")


def attributed(connection: Connection, occurrence: Occurrence) -> Occurrence:
    """``occurrence`` with the package at fault, if no line of the user's had a part in it.

    If a framework leaves something behind or is stuck, the line is named as well. It raises and sends at
    the same few lines for any reason, so those are not named.
    """
    if occurrence.fault not in {"app", "framework"} or occurrence.place is not None:
        return occurrence
    stacks = (*_openers(connection, occurrence), *_stacks(connection, occurrence))
    inside = _sender(connection, occurrence)
    if inside is None and any(frame.user for stack in stacks for frame in stack):
        return occurrence
    inside = inside or _innermost(stacks, without=PLUMBING)
    fault: Fault = "package"
    if inside is None and _is_stuck(connection, occurrence):
        inside = _innermost(stacks, without=PLUMBING - _FRAMEWORKS)
        fault = "framework"
    if inside is None:
        return occurrence
    name = f"`{inside.package}`"
    return replace(
        occurrence,
        fault=fault,
        inside=inside,
        message=_OUTSIDE.sub(
            lambda found: (found[1] or "at ") + place_in_package(inside),
            occurrence.message.replace("the framework", name),
        ),
        evidence=(
            *(line.replace("the framework", name) for line in occurrence.evidence),
            f"inside {name}, at {place_in_package(inside)} in `{inside.function}`",
        ),
    )


def place_in_package(frame: StackFrame) -> str:
    """``frame`` as ``package/module.py:line``, without the folder that the package is installed in."""
    parts = frame.file.replace(chr(92), "/").split("/")
    while len(parts) > 1 and parts[0].removesuffix(".py") != frame.package:
        parts = parts[1:]
    return f"{'/'.join(parts)}:{frame.line}"


def _sender(connection: Connection, occurrence: Occurrence) -> StackFrame | None:
    """The package that decided to send, if what shows it is a message."""
    event = connection.events[occurrence.index]
    return package_of(event) if isinstance(event, SendCalled) else None


def package_of(call: SendCalled) -> StackFrame | None:
    """The line of the package that decided to send, whatever it handled; None if none did.

    A framework that answers an exception of the user's code does so because of that; a package
    between the two might have answered it in another way.
    """
    return None if call.sender == "user" else _innermost((call.through,), without=PLUMBING)


def _is_stuck(connection: Connection, occurrence: Occurrence) -> bool:
    return isinstance(connection.events[occurrence.index], StacksSampled)


def _innermost(stacks: Iterable[Stack], *, without: frozenset[str]) -> StackFrame | None:
    """The innermost frame of another package, of the first stack that has one."""
    for stack in stacks:
        for frame in reversed(stack):
            if frame.package and frame.package not in without:
                return frame
    return None


def _stacks(connection: Connection, occurrence: Occurrence) -> Iterator[Stack]:
    """Where to look, the nearest first."""
    task = occurrence.task
    match connection.events[occurrence.index]:
        case SendCalled(through=through, task=number, handling=handling):
            yield through
            yield from _tracebacks(handling)
            task = task or number
        case ReceiveCalled(through=through, task=number):
            yield through
            task = task or number
        case AppReturned(exception=None):
            # Nothing tells where it returned from, but where it read last.
            reads = [
                event
                for event in connection.all(ReceiveCalled)
                if event.task == connection.main_task
            ]
            yield from ((event.stack, event.through)[not event.stack] for event in reads[-1:])
        case AppReturned(exception=error) | TaskEnded(exception=error):
            yield from _tracebacks(error)
        case LoopErrorReported(exception=error, task=number):
            yield from _tracebacks(error)
            task = task or number
        case StacksSampled(stacks=stacks):
            # For a task that is left behind, its start counts; for the handler, its present line.
            if (created := connection.tasks.get(task)) is not None:
                yield created.through
            wanted = task or connection.main_task
            yield from (stack.stack for stack in stacks if stack.task == wanted)
    created = connection.tasks.get(task)
    if created is not None:
        yield created.through
        if created.root is not None:
            yield (created.root,)


def _openers(connection: Connection, occurrence: Occurrence) -> tuple[Stack, ...]:
    """The packages that opened what is left."""
    event = connection.events[occurrence.index]
    if not isinstance(event, ResourcesLeft):
        return ()
    return tuple(item.through for item in event.resources if not item.stack)


def _tracebacks(error: ExceptionInfo | None) -> Iterator[Stack]:
    return (link.stack for link in chain(error))
