"""Litestar: locks that are taken in one place and given back in another."""
# ruff: noqa: RUF006

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- a lifespan with one of three studios, which a disconnect leaves by the wrong door

studios_bug, studios_ok = asyncio.Semaphore(3), asyncio.Semaphore(3)


@asynccontextmanager
async def studio_bug(socket: Socket) -> AsyncGenerator[None, None]:
    await studios_bug.acquire()  # <- WSD307 studio
    await socket.accept()
    try:
        yield
    except WebSocketDisconnect:
        return
    studios_bug.release()


@websocket_listener("/studio-bug", connection_lifespan=studio_bug)
async def studio_bug_handler(data: str) -> str:
    return data


@asynccontextmanager
async def studio_ok(socket: Socket) -> AsyncGenerator[None, None]:
    await studios_ok.acquire()
    try:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            yield
    finally:
        studios_ok.release()


@websocket_listener("/studio-ok", connection_lifespan=studio_ok)
async def studio_ok_handler(data: str) -> str:
    return data


# --- a task that is cancelled while it prints; the twin lets a job of the application's own finish it

printer_bug, printer_ok = asyncio.Lock(), asyncio.Lock()


async def printing_bug(socket: Socket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await printer_bug.acquire()  # <- WSD307 printer
            await asyncio.sleep(0.2)
            await socket.send_text("a page")
            printer_bug.release()
            await asyncio.sleep(0)


@websocket("/printer-bug")
async def printer_bug_handler(socket: Socket) -> None:
    await socket.accept()
    task = asyncio.create_task(printing_bug(socket))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def last_page() -> None:
    try:
        await asyncio.sleep(0.2)
    finally:
        printer_ok.release()


@websocket("/printer-ok")
async def printer_ok_handler(socket: Socket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
    async with asyncio.timeout(60):
        await printer_ok.acquire()
    asyncio.create_task(last_page())


# --- a limiter that is borrowed in the name of the connection

rooms_bug, rooms_ok = anyio.CapacityLimiter(4), anyio.CapacityLimiter(4)


@websocket("/rooms-bug")
async def rooms_bug_handler(socket: Socket) -> None:
    await rooms_bug.acquire_on_behalf_of(socket)  # <- WSD307 rooms
    await socket.accept()
    try:
        while await socket.receive_text() != "leave":
            await socket.send_text("here you are")
        rooms_bug.release_on_behalf_of(socket)
    except WebSocketDisconnect:
        pass


@websocket("/rooms-ok")
async def rooms_ok_handler(socket: Socket) -> None:
    await rooms_ok.acquire_on_behalf_of(socket)
    try:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            while await socket.receive_text() != "leave":
                await socket.send_text("here you are")
    finally:
        rooms_ok.release_on_behalf_of(socket)


app = Litestar(
    [
        studio_bug_handler,
        studio_ok_handler,
        printer_bug_handler,
        printer_ok_handler,
        rooms_bug_handler,
        rooms_ok_handler,
    ],
    openapi_config=None,
)
