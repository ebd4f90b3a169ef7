"""Relays between a client and an upstream, with all that can end one half and not the other."""

import asyncio
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]


class Upstream:
    """The other end of a relay: it answers, and has something to say every second by itself."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, text: str) -> None:
        await self.answers.put(text.upper())

    async def recv(self) -> str:
        try:
            async with asyncio.timeout(1):
                return await self.answers.get()
        except TimeoutError:
            return "tick"


async def to_upstream(socket: Socket, upstream: Upstream) -> None:
    while True:
        await upstream.send(await socket.receive_text())


async def to_client(socket: Socket, upstream: Upstream) -> None:
    while True:
        await socket.send_text(await upstream.recv())


async def stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


# --- nothing around the pair expects the end


@websocket("/expected-bug")
async def expected_bug(socket: Socket) -> None:
    await socket.accept()
    upstream = Upstream()
    down = asyncio.create_task(to_client(socket, upstream))
    try:
        while True:
            await upstream.send(await socket.receive_text())  # <- WSD201 expected
    finally:
        await stopped(down)


@websocket("/expected-ok")
async def expected_ok(socket: Socket) -> None:
    await socket.accept()
    upstream = Upstream()
    down = asyncio.create_task(to_client(socket, upstream))
    try:
        while True:
            await upstream.send(await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await stopped(down)


# --- the half that waits for the upstream looks at its flag when something comes


async def until(stop: asyncio.Event, socket: Socket, upstream: Upstream) -> None:
    try:
        while not stop.is_set():
            await socket.send_text(await upstream.recv())
    except (WebSocketDisconnect, OSError):
        pass


async def flagged(socket: Socket, *, cancel: bool) -> None:
    await socket.accept()
    upstream, stop = Upstream(), asyncio.Event()
    down = asyncio.create_task(until(stop, socket, upstream))
    try:
        await to_upstream(socket, upstream)
    except WebSocketDisconnect:
        pass
    finally:
        stop.set()
        if cancel:
            down.cancel()
        await asyncio.wait([down])  # <- WSD401 flag


@websocket("/flag-bug")
async def flag_bug(socket: Socket) -> None:
    await flagged(socket, cancel=False)


@websocket("/flag-ok")
async def flag_ok(socket: Socket) -> None:
    await flagged(socket, cancel=True)


# --- both halves read


async def watch(socket: Socket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


@websocket("/readers-bug")
async def readers_bug(socket: Socket) -> None:
    await socket.accept()
    upstream = Upstream()
    watching = asyncio.create_task(watch(socket))  # <- WSD105 readers
    try:
        await to_upstream(socket, upstream)
    except WebSocketDisconnect:
        pass
    finally:
        await stopped(watching)


@websocket("/readers-ok")
async def readers_ok(socket: Socket) -> None:
    await socket.accept()
    try:
        await to_upstream(socket, Upstream())
    except WebSocketDisconnect:
        pass


# --- a half that takes its cancellation for a bad message


async def stubborn(socket: Socket, upstream: Upstream) -> None:
    while True:
        try:
            await upstream.recv()
        except BaseException:  # noqa: BLE001, S112  # <- WSD502 stubborn
            continue


async def patient(socket: Socket, upstream: Upstream) -> None:
    while True:
        try:
            await upstream.recv()
        except Exception:  # noqa: BLE001, S112
            continue


@websocket("/stubborn-bug")
async def stubborn_bug(socket: Socket) -> None:
    await socket.accept()
    upstream = Upstream()
    down = asyncio.create_task(stubborn(socket, upstream))
    try:
        await to_upstream(socket, upstream)
    except WebSocketDisconnect:
        pass
    finally:
        down.cancel()
        await asyncio.wait([down])


@websocket("/stubborn-ok")
async def stubborn_ok(socket: Socket) -> None:
    await socket.accept()
    upstream = Upstream()
    down = asyncio.create_task(patient(socket, upstream))
    try:
        await to_upstream(socket, upstream)
    except WebSocketDisconnect:
        pass
    finally:
        down.cancel()
        await asyncio.wait([down])


app = Litestar(
    [handler for name, handler in list(globals().items()) if name.endswith(("_bug", "_ok"))]
)
