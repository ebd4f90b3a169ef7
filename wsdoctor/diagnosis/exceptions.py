"""Questions about recorded exceptions: what they are, and what they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsdoctor.recording.events import ExceptionInfo, StackFrame

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def is_disconnect(error: ExceptionInfo) -> bool:
    """A framework's WebSocketDisconnect, by whichever framework, or a subclass of it."""
    return any(base.rpartition(".")[2] == "WebSocketDisconnect" for base in error.bases)


def is_cancelled(error: ExceptionInfo) -> bool:
    return "asyncio.exceptions.CancelledError" in error.bases


def is_os_error(error: ExceptionInfo) -> bool:
    """What a server's ``send`` may raise after the disconnect (ASGI, "WebSocket", send)."""
    return "OSError" in error.bases


def is_group(error: ExceptionInfo) -> bool:
    return "BaseExceptionGroup" in error.bases


def is_deliberate(error: ExceptionInfo) -> bool:
    """An exception by which a client is refused: the application's, or the framework's validation."""
    return bool(error.refuses) or any(
        base.rpartition(".")[2] in {"HTTPException", "WebSocketException"} for base in error.bases
    )


def is_foreign_context(error: ExceptionInfo) -> bool:
    """A ``ContextVar`` was reset with the token of another context (CPython's words)."""
    return "ValueError" in error.bases and error.message.endswith(
        "was created in a different Context"
    )


def is_unrouted(error: ExceptionInfo) -> bool:
    """The router of Channels has no route for the path that the client asked for."""
    return any(
        "ValueError" in leaf.bases
        and bool(leaf.stack)
        and leaf.stack[-1].package == "channels"
        and leaf.stack[-1].function == "URLRouter.__call__"
        for leaf in leaves(error)
    )


def leaves(error: ExceptionInfo) -> Iterator[ExceptionInfo]:
    """``error`` itself, or what an exception group holds, at any depth."""
    if error.members:
        for member in error.members:
            yield from leaves(member)
    else:
        yield error


def chain(error: ExceptionInfo | None) -> Iterator[ExceptionInfo]:
    """``error``, what it holds, and everything that it came from, nearest first."""
    if error is None:
        return
    yield error
    for member in error.members:
        yield from chain(member)
    yield from chain(error.cause)
    yield from chain(error.context)


def ids(error: ExceptionInfo | None) -> frozenset[int]:
    """The numbers of ``chain``."""
    return frozenset(link.id for link in chain(error))


def user_frames(error: ExceptionInfo) -> tuple[StackFrame, ...]:
    """The user's frames in its traceback, outermost first."""
    return tuple(frame for frame in error.stack if frame.user)


def name(error: ExceptionInfo) -> str:
    """The class's own name, with its text if it has one: ``KeyError('x')`` reads ``KeyError: 'x'``.

    Addresses of objects are left out: they differ from run to run.
    """
    short = error.type.rpartition(".")[2]
    text = error.message.strip().splitlines()[0] if error.message.strip() else ""
    text = _ADDRESS.sub("", text)
    return f"{short}: {text}" if text else short
