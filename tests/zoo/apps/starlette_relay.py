"""Relays between a client and an upstream, by `gather`, by `wait`, by `wait_for`."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


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


async def to_upstream(websocket: WebSocket, upstream: Upstream) -> None:
    async for text in websocket.iter_text():
        await upstream.send(text)


async def to_client(websocket: WebSocket, upstream: Upstream) -> None:
    while True:
        await websocket.send_text(await upstream.recv())


# --- gather ends with the first error, and the other half goes on


async def forward(websocket: WebSocket, upstream: Upstream) -> None:
    while True:
        await upstream.send(await websocket.receive_text())


async def gathered_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    try:
        halves = forward(websocket, upstream), keep_warm(upstream)
        await asyncio.gather(*halves)  # <- WSD301 gathered
    except WebSocketDisconnect:
        pass


async def keep_warm(upstream: Upstream) -> None:
    while True:
        await asyncio.sleep(20)
        await upstream.send("ping")


async def gathered_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    warm = asyncio.create_task(keep_warm(upstream))
    try:
        await forward(websocket, upstream)
    except WebSocketDisconnect:
        pass
    finally:
        warm.cancel()
        await asyncio.wait([warm])


# --- the half that is not done stays behind


async def halves_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    halves = [
        asyncio.create_task(to_upstream(websocket, upstream)),
        asyncio.create_task(keep_warm(upstream)),  # <- WSD301 halves
    ]
    await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)


async def halves_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    halves = [
        asyncio.create_task(to_upstream(websocket, upstream)),
        asyncio.create_task(keep_warm(upstream)),
    ]
    try:
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for half in halves:
            half.cancel()
        await asyncio.wait(halves)


# --- the other half is cancelled, and awaited with what it ends with


async def awaited_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    halves = [
        asyncio.create_task(to_upstream(websocket, upstream)),
        asyncio.create_task(to_client(websocket, upstream)),  # <- WSD302 awaited
    ]
    _, pending = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
    for half in pending:
        half.cancel()
        await half  # <- WSD501 awaited


async def awaited_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    halves = [
        asyncio.create_task(to_upstream(websocket, upstream)),
        asyncio.create_task(to_client(websocket, upstream)),
    ]
    try:
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for half in halves:
            half.cancel()
        await asyncio.gather(*halves, return_exceptions=True)


# --- a client that is quiet for long is shut out, and so is one that has left


async def quiet_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    try:
        while True:
            await upstream.send(await asyncio.wait_for(websocket.receive_text(), 30))
            await websocket.send_text(await upstream.recv())
    except Exception:
        await websocket.close()  # <- WSD101 quiet


async def quiet_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    try:
        while True:
            await upstream.send(await asyncio.wait_for(websocket.receive_text(), 30))
            await websocket.send_text(await upstream.recv())
    except WebSocketDisconnect:
        pass
    except TimeoutError:
        await websocket.close()


app = Starlette(
    routes=[
        WebSocketRoute(f"/{name.replace('_', '-')}", handler)
        for name, handler in list(globals().items())
        if name.endswith(("_bug", "_ok"))
    ]
)
