"""Litestar's streams: `@websocket_stream`, `send_websocket_stream`; dependencies and guards."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket, websocket_stream
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException, WebSocketDisconnect
from litestar.handlers import BaseRouteHandler, send_websocket_stream

Socket = WebSocket[Any, Any, Any]
Connection = ASGIConnection[Any, Any, Any, Any]


async def numbers(period: float) -> AsyncGenerator[str, None]:
    for number in itertools.count():
        yield str(number)
        await asyncio.sleep(period)


# --- the decorator: with and without somebody who listens


@websocket_stream("/stream-bug", listen_for_disconnect=False)
async def stream_bug() -> AsyncGenerator[str, None]:
    for number in itertools.count():
        yield str(number)
        await asyncio.sleep(3)  # <- WSD204 stream


@websocket_stream("/stream-ok")
async def stream_ok() -> AsyncGenerator[dict[str, int], None]:
    for number in itertools.count():
        yield {"number": number}
        await asyncio.sleep(3)


# --- the function


@websocket("/send-stream-bug")
async def send_stream_bug(socket: Socket) -> None:
    await socket.accept()
    await send_websocket_stream(socket, numbers(3))  # <- WSD204 send-stream


@websocket("/send-stream-ok")
async def send_stream_ok(socket: Socket) -> None:
    await socket.accept()
    await send_websocket_stream(socket, numbers(3), listen_for_disconnect=True)


# --- a stream that ends, and the handler that closes once more


@websocket("/short-stream-bug")
async def short_stream_bug(socket: Socket) -> None:
    async def three() -> AsyncGenerator[str, None]:
        for number in range(3):
            yield str(number)
            await asyncio.sleep(0.1)

    await socket.accept()
    with suppress(OSError):
        await send_websocket_stream(socket, three(), listen_for_disconnect=True)
    if socket.connection_state != "disconnect":
        await socket.close()  # <- WSD103 short-stream


@websocket_stream("/short-stream-ok")
async def short_stream_ok() -> AsyncGenerator[str, None]:
    for number in range(3):
        yield str(number)
        await asyncio.sleep(0.1)


# --- the stream that comes before the conversation, and what the client says meanwhile


async def backlog() -> AsyncGenerator[str, None]:
    for text in ("hi", "how are you?"):
        yield text
        await asyncio.sleep(0.1)


async def converse(socket: Socket) -> None:
    async for text in socket.iter_data("text"):
        await socket.send_text(f"you said: {text}")


@websocket("/backlog-bug")
async def backlog_bug(socket: Socket) -> None:
    await socket.accept()
    try:
        await send_websocket_stream(  # <- WSD601 backlog
            socket, backlog(), close=False, listen_for_disconnect=True
        )
        if socket.connection_state != "disconnect":
            await converse(socket)
    except* (WebSocketDisconnect, OSError):
        pass


@websocket("/backlog-ok")
async def backlog_ok(socket: Socket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect, OSError):
        await send_websocket_stream(socket, backlog(), close=False)
        await converse(socket)


# --- a subscription, and the stream of what was subscribed to


@websocket("/subscription-bug")
async def subscription_bug(socket: Socket) -> None:
    await socket.accept()
    try:
        await send_websocket_stream(  # <- WSD601 subscription
            socket, backlog(), close=False, listen_for_disconnect=True
        )
        if socket.connection_state == "disconnect":
            return
        topic = await socket.receive_text()
        await socket.send_text(f"news of {topic}")
        await send_websocket_stream(socket, numbers(2), listen_for_disconnect=True)
    except* (WebSocketDisconnect, OSError):
        pass


@websocket("/subscription-ok")
async def subscription_ok(socket: Socket) -> None:
    """Once it is subscribed, the client has nothing more to say: what it says all the same is discarded."""
    await socket.accept()
    try:
        topic = await socket.receive_text()
        await socket.send_text(f"news of {topic}")
        await send_websocket_stream(socket, numbers(2), listen_for_disconnect=True)
    except* (WebSocketDisconnect, OSError):
        pass


# --- a dependency that announces something before the handler reads


async def announced_bug(socket: Socket) -> str:
    await socket.accept()
    with suppress(OSError):
        await send_websocket_stream(  # <- WSD601 announced
            socket, backlog(), close=False, listen_for_disconnect=True
        )
    return "announced"


async def announced_ok(socket: Socket) -> str:
    await socket.accept()
    with suppress(OSError):
        await send_websocket_stream(socket, backlog(), close=False)
    return "announced"


async def announce(socket: Socket) -> None:
    if socket.connection_state != "disconnect":
        with suppress(WebSocketDisconnect, OSError):
            await converse(socket)


@websocket("/announced-bug", dependencies={"announced": Provide(announced_bug)})
async def announced_bug_handler(socket: Socket, announced: str) -> None:
    await announce(socket)


@websocket("/announced-ok", dependencies={"announced": Provide(announced_ok)})
async def announced_ok_handler(socket: Socket, announced: str) -> None:
    await announce(socket)


# --- a dependency that sends when it tidies up


async def session_bug(socket: Socket) -> AsyncGenerator[str, None]:
    try:
        yield "session"
    finally:
        await socket.send_text("session saved")  # <- WSD201 session


async def session_ok(socket: Socket) -> AsyncGenerator[str, None]:
    try:
        yield "session"
    finally:
        await asyncio.sleep(0)
        if socket.connection_state != "disconnect":
            with suppress(OSError):
                await socket.send_text("session saved")


@websocket("/session-bug", dependencies={"session": Provide(session_bug)})
async def session_bug_handler(socket: Socket, session: str) -> None:
    await socket.accept()
    async for _ in socket.iter_data("text"):
        pass


@websocket("/session-ok", dependencies={"session": Provide(session_ok)})
async def session_ok_handler(socket: Socket, session: str) -> None:
    await socket.accept()
    async for _ in socket.iter_data("text"):
        pass


# --- a dependency that feeds the client, and waits for its feeder


async def feed_bug(socket: Socket) -> AsyncGenerator[asyncio.Event, None]:
    async def feed() -> None:
        await ready.wait()
        with suppress(WebSocketDisconnect, OSError):
            for number in itertools.count():
                await socket.send_text(str(number))
                await asyncio.sleep(2)

    ready = asyncio.Event()
    task = asyncio.create_task(feed())
    yield ready
    await task  # <- WSD401 feed


async def feed_ok(socket: Socket) -> AsyncGenerator[asyncio.Event, None]:
    async def feed() -> None:
        await ready.wait()
        with suppress(WebSocketDisconnect, OSError):
            for number in itertools.count():
                await socket.send_text(str(number))
                await asyncio.sleep(2)

    ready = asyncio.Event()
    task = asyncio.create_task(feed())
    try:
        yield ready
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@websocket("/feed-bug", dependencies={"ready": Provide(feed_bug)})
async def feed_bug_handler(socket: Socket, ready: asyncio.Event) -> None:
    await socket.accept()
    ready.set()
    async for _ in socket.iter_data("text"):
        pass


@websocket("/feed-ok", dependencies={"ready": Provide(feed_ok)})
async def feed_ok_handler(socket: Socket, ready: asyncio.Event) -> None:
    await socket.accept()
    ready.set()
    async for _ in socket.iter_data("text"):
        pass


# --- guards


async def guard_bug(connection: Connection, handler: BaseRouteHandler) -> None:
    socket: Socket = WebSocket(
        connection.scope,  # type: ignore[arg-type]  # the guard of a WebSocket handler
        receive=connection.receive,
        send=connection.send,
    )
    await socket.close(code=4401)
    raise NotAuthorizedException("no token")  # <- WSD103 guard


def guard_ok(connection: Connection, handler: BaseRouteHandler) -> None:
    raise NotAuthorizedException("no token")


@websocket("/guard-bug", guards=[guard_bug])
async def guard_bug_handler(socket: Socket) -> None:
    await socket.accept()


@websocket("/guard-ok", guards=[guard_ok])
async def guard_ok_handler(socket: Socket) -> None:
    await socket.accept()


app = Litestar(
    [
        stream_bug,
        stream_ok,
        send_stream_bug,
        send_stream_ok,
        short_stream_bug,
        short_stream_ok,
        backlog_bug,
        backlog_ok,
        subscription_bug,
        subscription_ok,
        announced_bug_handler,
        announced_ok_handler,
        session_bug_handler,
        session_ok_handler,
        feed_bug_handler,
        feed_ok_handler,
        guard_bug_handler,
        guard_ok_handler,
    ],
    openapi_config=None,
)
