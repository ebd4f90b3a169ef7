"""Litestar handlers behind middleware of the user's own, and behind guards and dependencies."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

from litestar import Litestar, WebSocket, websocket
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException, WebSocketDisconnect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

# --- swallows what goes wrong, and closes in any case


def closing(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            await send({"type": "websocket.close", "code": 1000, "reason": ""})  # <- WSD101 closing

    return middleware


def timing(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        try:
            await app(scope, receive, send)
        finally:
            scope["state"]["took"] = time.perf_counter() - began

    return middleware


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_data("text"):
        with contextlib.suppress(WebSocketDisconnect, OSError):
            await socket.send_text(text)


@websocket("/closing-bug", middleware=[closing])
async def closing_bug(socket: WebSocket) -> None:
    await echo(socket)


@websocket("/closing-ok", middleware=[timing])
async def closing_ok(socket: WebSocket) -> None:
    await echo(socket)


# --- writes down every message, and takes the last one for a text


def auditing(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        seen: list[str] = []

        async def audited() -> Message:
            message = await receive()
            if message["type"] != "websocket.connect":
                seen.append(message["text"])  # <- WSD203 audit
            return message

        await app(scope, audited, send)

    return middleware


def careful_auditing(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        seen: list[str] = []

        async def audited() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                seen.append(message.get("text") or "")
            return message

        await app(scope, audited, send)

    return middleware


@websocket("/audit-bug", middleware=[auditing])
async def audit_bug(socket: WebSocket) -> None:
    await echo(socket)


@websocket("/audit-ok", middleware=[careful_auditing])
async def audit_ok(socket: WebSocket) -> None:
    await echo(socket)


# --- keeps the connection alive from the outside


def keeping_alive(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        async def ping() -> None:
            while True:
                await asyncio.sleep(10)
                with contextlib.suppress(Exception):
                    await send({"type": "websocket.send", "text": "ping", "bytes": None})

        scope["state"]["ping"] = asyncio.create_task(ping())  # <- WSD301 alive
        await app(scope, receive, send)

    return middleware


def keeping_alive_while_it_lives(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        async def ping() -> None:
            while True:
                await asyncio.sleep(10)
                await send({"type": "websocket.send", "text": "ping", "bytes": None})

        pinging = asyncio.create_task(ping())
        try:
            await app(scope, receive, send)
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)

    return middleware


@websocket("/alive-bug", middleware=[keeping_alive])
async def alive_bug(socket: WebSocket) -> None:
    await echo(socket)


@websocket("/alive-ok", middleware=[keeping_alive_while_it_lives])
async def alive_ok(socket: WebSocket) -> None:
    await echo(socket)


# --- a limit for how long a connection may last


def limiting(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.wait_for(app(scope, receive, send), timeout=2)  # <- WSD603 limit

    return middleware


def limiting_politely(app: ASGIApp) -> ASGIApp:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.wait_for(app(scope, receive, send), timeout=2)
        except TimeoutError:
            await send({"type": "websocket.close", "code": 1000, "reason": "too long"})

    return middleware


@websocket("/limit-bug", middleware=[limiting])
async def limit_bug(socket: WebSocket) -> None:
    await echo(socket)


@websocket("/limit-ok", middleware=[limiting_politely])
async def limit_ok(socket: WebSocket) -> None:
    await echo(socket)


# --- a guard that lets in whoever has a key, and a cursor that is waited for


def with_key(connection, _) -> None:
    if "key" not in connection.query_params and "x-key" not in connection.headers:
        raise NotAuthorizedException("no key")


async def cursor(socket: WebSocket) -> AsyncGenerator[asyncio.Queue, None]:
    rows: asyncio.Queue = asyncio.Queue()

    async def fetch() -> None:
        for number in range(1000):
            await rows.put(number)
            await asyncio.sleep(1)

    fetching = asyncio.create_task(fetch())
    try:
        yield rows
    finally:
        await fetching  # <- WSD402 cursor


async def closed_cursor(socket: WebSocket) -> AsyncGenerator[asyncio.Queue, None]:
    rows: asyncio.Queue = asyncio.Queue()

    async def fetch() -> None:
        for number in range(1000):
            await rows.put(number)
            await asyncio.sleep(1)

    fetching = asyncio.create_task(fetch())
    try:
        yield rows
    finally:
        fetching.cancel()
        await asyncio.wait([fetching])


@websocket("/cursor-bug", guards=[with_key], dependencies={"rows": Provide(cursor)})
async def cursor_bug(socket: WebSocket, rows: asyncio.Queue) -> None:
    await echo(socket)


@websocket("/cursor-ok", guards=[with_key], dependencies={"rows": Provide(closed_cursor)})
async def cursor_ok(socket: WebSocket, rows: asyncio.Queue) -> None:
    await echo(socket)


# --- a room from the path, and a subprotocol


@websocket("/table-bug/{table:int}")
async def table_bug(socket: WebSocket, table: int) -> None:
    await socket.accept(subprotocols="chess.v1")
    await socket.send_json({"table": table})
    try:
        while True:
            move = await socket.receive_text()
            await socket.send_text(move)
    finally:
        await socket.send_json({"table": table, "result": "resigned"})  # <- WSD201 table


@websocket("/table-ok/{table:int}")
async def table_ok(socket: WebSocket, table: int) -> None:
    await socket.accept(subprotocols="chess.v1")
    with contextlib.suppress(WebSocketDisconnect, OSError):
        await socket.send_json({"table": table})
        while True:
            move = await socket.receive_text()
            await socket.send_text(move)


app = Litestar(
    [handler for name, handler in list(globals().items()) if name.endswith(("_bug", "_ok"))],
    openapi_config=None,
)
