"""The ASGI tap: a wrapper around the application that records every message, both ways.

It adds nothing to the traffic: what the server gives is given on, what it raises is raised.
"""

from __future__ import annotations

import asyncio
import operator
import sys
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from wsdoctor.recording.events import (
    AppCalled,
    AppReturned,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
)
from wsdoctor.session.awareness import Awareness
from wsdoctor.session.recorder import CONNECTION, Recorder

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[Any]]


class Tap:
    """``app`` with every ``websocket`` connection recorded; other scopes pass untouched.

    ``connection_of`` numbers a connection by its scope; connection 0 is not recorded. The session may hook in: ``on_called`` when the
    application is called, ``on_send`` before each message goes to the server, ``on_received`` when it
    gets one, ``on_end_known`` when it could first know that the connection is over, ``on_returned`` when it has returned.
    """

    def __init__(
        self,
        app: ASGIApp,
        recorder: Recorder,
        connection_of: Callable[[Scope], int],
        awareness: Awareness,
    ) -> None:
        self.app = app
        self.state: object = None
        """What the server has given the lifespan to put its state in."""
        self._recorder = recorder
        self.awareness = awareness
        self._connection_of = connection_of
        self.wires: dict[int, weakref.ref[object]] = {}
        """What each connection's ``receive`` and ``send`` belong to: it lives as long as they do."""
        self.sending: Counter[int] = Counter()
        """How many sends of each connection the server has not returned from."""
        self.on_called: Callable[[int], None] = _ignore
        self.outsiders: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        """Tasks of the application's that send to a connection which is not theirs."""
        self.on_send: Callable[[int, str], None] = _ignore
        self.on_received: Callable[[int], None] = _ignore
        self.on_end_known: Callable[[int], None] = _ignore
        self.on_returned: Callable[[int], None] = _ignore

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "websocket":
            if scope["type"] == "lifespan":
                self.state = scope.get("state")
            return await self.app(scope, receive, send)
        recorder = self._recorder
        number = self._connection_of(scope)
        if not number:
            return await self.app(scope, receive, send)
        # Never reset: what the server does in this task afterwards (its log) belongs to the connection.
        CONNECTION.set(number)
        recorder.add(
            AppCalled(
                **recorder.here(),
                connection=number,
                path=str(scope.get("path", "")),
                task=_task(),
            )
        )
        self.on_called(number)
        wire = _Wire(self, number, receive, send)
        self.wires[number] = weakref.ref(wire)
        try:
            result = await self.app(scope, wire.receive, wire.send)
        except BaseException as error:
            self._returned(number, error)
            raise
        self._returned(number, None)
        return result

    def _returned(self, number: int, error: BaseException | None) -> None:
        recorder = self._recorder
        recorder.add(
            AppReturned(
                **recorder.here(),
                connection=number,
                exception=recorder.exception(error),
            )
        )
        self.on_returned(number)

    @property
    def recorder(self) -> Recorder:
        return self._recorder


class _Wire:
    """The ``receive`` and ``send`` of one connection."""

    def __init__(self, tap: Tap, number: int, receive: Receive, send: Send) -> None:
        self._tap = tap
        self._number = number
        self._receive = receive
        self._send = send
        self._calls = 0

    async def receive(self) -> Message:
        recorder, number = self._tap.recorder, self._number
        self._calls += 1
        call = self._calls
        stack = recorder.calling_stack()
        recorder.add(
            ReceiveCalled(
                **recorder.here(),
                connection=number,
                call=call,
                task=_task(),
                stack=stack,
                through=() if stack else recorder.calling_packages(),
            )
        )
        try:
            message = await self._receive()
        except BaseException as error:
            recorder.add(
                ReceiveReturned(
                    **recorder.here(),
                    connection=number,
                    call=call,
                    message="",
                    exception=recorder.exception(error),
                )
            )
            raise
        kind = str(message["type"])
        recorder.add(
            ReceiveReturned(
                **recorder.here(),
                connection=number,
                call=call,
                message=kind,
                code=message.get("code"),
                size=_size(message),
            )
        )
        self._tap.on_received(number)
        if kind == "websocket.disconnect":
            recorder.ends.append(message)
            self._tap.awareness.received(number)
            self._tap.on_end_known(number)
        return message

    async def send(self, message: Message) -> None:
        recorder, number = self._tap.recorder, self._number
        self._calls += 1
        call = self._calls
        kind = str(message.get("type"))
        handling = sys.exception()
        stack, sender = recorder.sending(message, handling)
        closes = _close(message) if kind == "websocket.close" else _NO_CLOSE
        recorder.add(
            SendCalled(
                **recorder.here(),
                connection=number,
                call=call,
                message=kind,
                task=_task(),
                code=closes.code,
                reason_size=closes.reason_size,
                mistyped=closes.mistyped,
                size=_size(message),
                stack=stack,
                through=() if stack and sender == "user" else recorder.calling_packages(),
                handling=recorder.exception(handling),
                sender=sender,
                told=self._tap.awareness.knows(number) or recorder.is_told(),
            )
        )
        del handling  # it would keep its traceback, and all that the frames hold, alive
        if CONNECTION.get() != number and (task := asyncio.current_task()) is not None:
            self._tap.outsiders.add(task)
        self._tap.on_send(number, kind)
        if recorder.full:
            await asyncio.Event().wait()  # until the session is taken down
        self._tap.sending[number] += 1
        try:
            await self._send(message)
        except BaseException as error:
            recorder.add(
                SendReturned(
                    **recorder.here(),
                    connection=number,
                    call=call,
                    exception=recorder.exception(error),
                )
            )
            if isinstance(error, OSError):
                self._tap.awareness.refused(number)
                self._tap.on_end_known(number)
            raise
        finally:
            self._tap.sending[number] -= 1
        recorder.add(SendReturned(**recorder.here(), connection=number, call=call))


def _task() -> int:
    task = asyncio.current_task()
    return int(getattr(task, "wsdoctor_number", 0))


def _size(message: Message) -> int:
    data = message.get("text") or message.get("bytes")
    return len(data) if isinstance(data, str | bytes | bytearray | memoryview) else 0


class _Close(NamedTuple):
    """What a ``websocket.close`` says, as SendCalled has it."""

    code: int | None = None
    reason_size: int | None = 0
    mistyped: str = ""


_NO_CLOSE = _Close()
_MOST = 2**31
"""Codes are recorded up to here, with either sign: no close code is anywhere near it."""


def _close(message: Message) -> _Close:
    """The code and reason of a close. They may be anything: whatever the application gave."""
    reason: object = message.get("reason")
    mistyped = ""
    code: int | None = None
    if "code" in message:
        given: Any = message["code"]
        try:
            code = max(-_MOST, min(operator.index(given), _MOST))
        except TypeError:
            mistyped = f"the code is of type {_type(given)}, and must be an int"
    size: int | None = 0
    if isinstance(reason, str):
        try:
            size = len(reason.encode())
        except UnicodeEncodeError:
            size = None
    elif reason is not None:
        mistyped = mistyped or f"the reason is of type {_type(reason)}, and must be a str"
    return _Close(code, size, mistyped)


def _type(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _ignore(*_: object) -> None:
    pass
