"""The ASGI tap: a wrapper around the application that records every message, both ways.

It adds nothing to the traffic: what the server gives is given on, what it raises is raised.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from wsdoctor.recording.events import (
    AppCalled,
    AppReturned,
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
)
from wsdoctor.session.recorder import CONNECTION, Recorder

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[Any]]


class Tap:
    """``app`` with every ``websocket`` connection recorded; other scopes pass untouched.

    ``connection_of`` numbers a connection by its scope. The session may hook in: ``on_called`` when the
    application is called, ``on_send`` before each message goes to the server, ``on_received`` when it
    gets one, ``on_end_known`` when it could first know that the connection is over, ``on_returned`` when it has returned.
    """

    def __init__(
        self, app: ASGIApp, recorder: Recorder, connection_of: Callable[[Scope], int]
    ) -> None:
        self._app = app
        self._recorder = recorder
        self._connection_of = connection_of
        self.wires: dict[int, weakref.ref[object]] = {}
        """What each connection's ``receive`` and ``send`` belong to: it lives as long as they do."""
        self.on_called: Callable[[int], None] = _ignore
        self.on_send: Callable[[int, str], None] = _ignore
        self.on_received: Callable[[int], None] = _ignore
        self.on_end_known: Callable[[int], None] = _ignore
        self.on_returned: Callable[[int], None] = _ignore

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "websocket":
            return await self._app(scope, receive, send)
        recorder = self._recorder
        number = self._connection_of(scope)
        # Never reset: what the server does in this task afterwards (its log) belongs to the connection.
        CONNECTION.set(number)
        recorder.add(
            AppCalled(
                time=recorder.now(),
                step=recorder.step(),
                connection=number,
                path=str(scope.get("path", "")),
                task=_task(),
            )
        )
        self.on_called(number)
        wire = _Wire(self, number, receive, send)
        self.wires[number] = weakref.ref(wire)
        try:
            result = await self._app(scope, wire.receive, wire.send)
        except BaseException as error:
            self._returned(number, error)
            raise
        self._returned(number, None)
        return result

    def _returned(self, number: int, error: BaseException | None) -> None:
        recorder = self._recorder
        recorder.add(
            AppReturned(
                time=recorder.now(),
                step=recorder.step(),
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
                time=recorder.now(),
                step=recorder.step(),
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
                    time=recorder.now(),
                    step=recorder.step(),
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
                time=recorder.now(),
                step=recorder.step(),
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
            self._tap.on_end_known(number)
        return message

    async def send(self, message: Message) -> None:
        recorder, number = self._tap.recorder, self._number
        self._calls += 1
        call = self._calls
        kind = str(message.get("type"))
        handling = sys.exception()
        stack, sender = recorder.sending(message, handling)
        recorder.add(
            SendCalled(
                time=recorder.now(),
                step=recorder.step(),
                connection=number,
                call=call,
                message=kind,
                task=_task(),
                code=message.get("code") if kind == "websocket.close" else None,
                size=_size(message),
                stack=stack,
                through=() if stack and sender == "user" else recorder.calling_packages(),
                handling=recorder.exception(handling),
                sender=sender,
                told=recorder.is_told(),
            )
        )
        del handling  # it would keep its traceback, and all that the frames hold, alive
        self._tap.on_send(number, kind)
        if recorder.full:
            await asyncio.Event().wait()  # until the session is taken down
        try:
            await self._send(message)
        except BaseException as error:
            recorder.add(
                SendReturned(
                    time=recorder.now(),
                    step=recorder.step(),
                    connection=number,
                    call=call,
                    exception=recorder.exception(error),
                )
            )
            if isinstance(error, OSError):
                self._tap.on_end_known(number)
            raise
        recorder.add(
            SendReturned(time=recorder.now(), step=recorder.step(), connection=number, call=call)
        )


def _task() -> int:
    task = asyncio.current_task()
    return int(getattr(task, "wsdoctor_number", 0))


def _size(message: Message) -> int:
    data = message.get("text") or message.get("bytes") or b""
    return len(data)


def _ignore(*_: object) -> None:
    pass
