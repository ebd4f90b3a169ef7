"""Starlette: what the application sends to all clients, while one of them has left or stopped reading."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Publisher = Callable[[], Coroutine[None, None, None]]


async def listen(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def member_of(clients: list[WebSocket]) -> Callable[[WebSocket], Coroutine[None, None, None]]:
    """A handler whose clients are in ``clients`` as long as they are there."""

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        clients.append(websocket)
        try:
            await listen(websocket)
        finally:
            clients.remove(websocket)

    return handler


# --- one after the other: who does not read holds up those after it, and the next round

slowly: list[WebSocket] = []
in_time: list[WebSocket] = []


async def headlines_bug() -> None:
    while True:
        await asyncio.sleep(1)
        for client in list(slowly):
            with suppress(WebSocketDisconnect, RuntimeError):
                await client.send_text("headline")  # <- WSD405 headlines


async def headlines_ok() -> None:
    while True:
        await asyncio.sleep(1)
        for client in list(in_time):
            try:
                async with asyncio.timeout(2):
                    await client.send_text("headline")
            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                in_time.remove(client)
                await asyncio.sleep(0)


async def headlines_client_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    in_time.append(websocket)
    try:
        await listen(websocket)
    finally:
        if websocket in in_time:
            in_time.remove(websocket)


# --- nobody told the publisher that a send may fail, nor that a client has left

forgotten: list[WebSocket] = []
known: list[WebSocket] = []


async def quotes_bug() -> None:
    while True:
        await asyncio.sleep(0.5)
        for client in list(forgotten):
            await client.send_text("quote")  # <- WSD405 quotes


async def quotes_client_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    forgotten.append(websocket)
    await listen(websocket)


async def quotes_ok() -> None:
    while True:
        await asyncio.sleep(0.5)
        await asyncio.gather(*(quote(client) for client in list(known)))


async def quote(client: WebSocket) -> None:
    """Slow or gone: the others do not wait longer than this for it."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        await asyncio.wait_for(client.send_text("quote"), 0.2)


# --- the error is caught around the whole round: whoever comes after the broken client gets nothing

around: list[WebSocket] = []
within: list[WebSocket] = []


async def scores_bug() -> None:
    while True:
        await asyncio.sleep(1)
        try:
            for client in list(around):
                await client.send_text("score")  # <- WSD405 scores
        except (WebSocketDisconnect, RuntimeError):
            continue


async def scores_client_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    around.append(websocket)
    await listen(websocket)


async def scores_ok() -> None:
    while True:
        await asyncio.sleep(1)
        for client in list(within):
            task = asyncio.create_task(client.send_text("score"))
            done, _ = await asyncio.wait([task], timeout=0.5)
            if not done:
                task.cancel()
                await asyncio.wait([task])
            elif task.exception() is not None and client in within:
                within.remove(client)


async def scores_client_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    within.append(websocket)
    try:
        await listen(websocket)
    finally:
        if websocket in within:
            within.remove(websocket)


# --- started by the first client, stopped with the first client, or with the last one


class Ticker:
    def __init__(self) -> None:
        self.clients: list[WebSocket] = []
        self.task: asyncio.Task[None] | None = None

    async def tick(self) -> None:
        while True:
            for client in list(self.clients):
                with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                    async with asyncio.timeout(1):
                        await client.send_text("tick")
            await asyncio.sleep(2)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            self.task = None


firsts, lasts = Ticker(), Ticker()


async def ticker_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    firsts.clients.append(websocket)
    mine = firsts.task is None
    if mine:
        firsts.task = asyncio.create_task(firsts.tick())  # <- WSD405 ticker
    try:
        await listen(websocket)
    finally:
        firsts.clients.remove(websocket)
        if mine:
            await firsts.stop()


async def ticker_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    lasts.clients.append(websocket)
    if lasts.task is None:
        lasts.task = asyncio.create_task(lasts.tick())
    try:
        await listen(websocket)
    finally:
        lasts.clients.remove(websocket)
        if not lasts.clients:
            await lasts.stop()


PUBLISHERS: tuple[Publisher, ...] = (
    headlines_bug,
    headlines_ok,
    quotes_bug,
    quotes_ok,
    scores_bug,
    scores_ok,
)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(publish()) for publish in PUBLISHERS]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


app = Starlette(
    routes=[
        WebSocketRoute("/headlines-bug", member_of(slowly)),
        WebSocketRoute("/headlines-ok", headlines_client_ok),
        WebSocketRoute("/quotes-bug", quotes_client_bug),
        WebSocketRoute("/quotes-ok", member_of(known)),
        WebSocketRoute("/scores-bug", scores_client_bug),
        WebSocketRoute("/scores-ok", scores_client_ok),
        WebSocketRoute("/ticker-bug", ticker_bug),
        WebSocketRoute("/ticker-ok", ticker_ok),
    ],
    lifespan=lifespan,
)
