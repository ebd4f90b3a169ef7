"""Litestar listeners: `connection_lifespan`, listener classes with hooks, sync callbacks."""
# ruff: noqa: RUF006

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketListener

Socket = WebSocket[Any, Any, Any]


async def stream(socket: Socket, period: float) -> None:
    for number in itertools.count():
        await socket.send_json({"number": number})
        await asyncio.sleep(period)


# --- a stream beside the listener, five times a second; awaited, but never told to stop


@asynccontextmanager
async def stream_task_bug(socket: Socket) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(stream(socket, 0.2))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        await task  # <- WSD201 stream-task


@asynccontextmanager
async def stream_task_ok(socket: Socket) -> AsyncIterator[None]:
    await socket.accept()
    task = asyncio.create_task(stream(socket, 0.2))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@websocket_listener("/stream-task-bug", connection_lifespan=stream_task_bug)
async def stream_task_bug_echo(data: str) -> str:
    return data


@websocket_listener("/stream-task-ok", connection_lifespan=stream_task_ok)
async def stream_task_ok_echo(data: str) -> str:
    return data


# --- the same every two seconds: it ends late


@asynccontextmanager
async def slow_task_bug(socket: Socket) -> AsyncIterator[None]:
    async def until_gone() -> None:
        with suppress(OSError):
            while socket.connection_state != "disconnect":
                await socket.send_text("still here")
                await asyncio.sleep(2)

    await socket.accept()
    task = asyncio.create_task(until_gone())
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        await task  # <- WSD401 slow-task


@asynccontextmanager
async def slow_task_ok(socket: Socket) -> AsyncIterator[None]:
    async def until_gone() -> None:
        while socket.connection_state != "disconnect":
            await socket.send_text("still here")
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), 2)

    gone = asyncio.Event()
    await socket.accept()
    task = asyncio.create_task(until_gone())
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        gone.set()
        await asyncio.gather(task, return_exceptions=True)


@websocket_listener("/slow-task-bug", connection_lifespan=slow_task_bug)
async def slow_task_bug_echo(data: str) -> str:
    return data


@websocket_listener("/slow-task-ok", connection_lifespan=slow_task_ok)
async def slow_task_ok_echo(data: str) -> str:
    return data


# --- an anyio task group around the `yield`, which nobody cancels


@asynccontextmanager
async def group_lifespan_bug(socket: Socket) -> AsyncIterator[None]:
    await socket.accept()
    async with anyio.create_task_group() as tasks:  # <- WSD202 group-lifespan
        tasks.start_soon(stream, socket, 1)
        with suppress(WebSocketDisconnect):
            yield


@asynccontextmanager
async def group_lifespan_ok(socket: Socket) -> AsyncIterator[None]:
    async def guarded() -> None:
        with suppress(WebSocketDisconnect, OSError):
            await stream(socket, 1)

    await socket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(guarded)
        with suppress(WebSocketDisconnect, OSError):  # OSError: an answer that lost the race
            yield
        tasks.cancel_scope.cancel()


@websocket_listener("/group-lifespan-bug", connection_lifespan=group_lifespan_bug)
async def group_lifespan_bug_echo(data: str) -> str:
    return data


@websocket_listener("/group-lifespan-ok", connection_lifespan=group_lifespan_ok)
async def group_lifespan_ok_echo(data: str) -> str:
    return data


# --- a lifespan that holds a resource, and no `except`


@asynccontextmanager
async def cursor() -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.sleep(0)


@asynccontextmanager
async def resource_bug(socket: Socket) -> AsyncIterator[None]:
    await socket.accept()
    async with cursor():
        yield  # <- WSD201 resource


@asynccontextmanager
async def resource_ok(socket: Socket) -> AsyncIterator[None]:
    await socket.accept()
    async with cursor():
        with suppress(WebSocketDisconnect):
            yield


@websocket_listener("/resource-bug", connection_lifespan=resource_bug)
def resource_bug_echo(data: str) -> str:
    return data


@websocket_listener("/resource-ok", connection_lifespan=resource_ok)
def resource_ok_echo(data: str) -> str:
    time.sleep(0.001)  # a sync callback runs in a thread
    return data


# --- hooks of a listener class: the farewell


class FarewellHookBug(WebsocketListener):
    path = "/farewell-hook-bug"

    async def on_disconnect(self, socket: Socket) -> None:
        await socket.send_text("bye")  # <- WSD201 farewell-hook

    async def on_receive(self, data: str) -> str:
        return data


class FarewellHookOk(WebsocketListener):
    path = "/farewell-hook-ok"

    async def on_accept(self, socket: Socket) -> None:
        await socket.send_text("hello")

    def on_disconnect(self, socket: Socket) -> None:
        socket.state.left = True

    async def on_receive(self, data: str) -> str:
        return data


# --- … and a task that the hooks share


class PingHookBug(WebsocketListener):
    path = "/ping-hook-bug"

    async def on_accept(self, socket: Socket) -> None:
        socket.state.pinging = asyncio.create_task(stream(socket, 2))  # <- WSD301 ping-hook

    async def on_disconnect(self, socket: Socket) -> None:
        del socket.state.pinging

    async def on_receive(self, data: str) -> str:
        return data


class PingHookOk(WebsocketListener):
    path = "/ping-hook-ok"

    async def on_accept(self, socket: Socket) -> None:
        socket.state.pinging = asyncio.create_task(stream(socket, 2))

    async def on_disconnect(self, socket: Socket) -> None:
        socket.state.pinging.cancel()
        await asyncio.gather(socket.state.pinging, return_exceptions=True)

    async def on_receive(self, data: str) -> str:
        return data


# --- a hook that fails


class LeaveHookBug(WebsocketListener):
    path = "/leave-hook-bug"
    members: list[Socket] = []  # noqa: RUF012

    async def on_disconnect(self, socket: Socket) -> None:
        self.members.remove(socket)  # <- WSD203 leave-hook

    async def on_receive(self, data: str) -> str:
        return data


class LeaveHookOk(WebsocketListener):
    path = "/leave-hook-ok"
    members: list[Socket] = []  # noqa: RUF012

    async def on_disconnect(self, socket: Socket) -> None:
        if socket in self.members:
            self.members.remove(socket)

    async def on_receive(self, data: str) -> str:
        return data


app = Litestar(
    [
        stream_task_bug_echo,
        stream_task_ok_echo,
        slow_task_bug_echo,
        slow_task_ok_echo,
        group_lifespan_bug_echo,
        group_lifespan_ok_echo,
        resource_bug_echo,
        resource_ok_echo,
        FarewellHookBug,
        FarewellHookOk,
        PingHookBug,
        PingHookOk,
        LeaveHookBug,
        LeaveHookOk,
    ],
    openapi_config=None,
)
