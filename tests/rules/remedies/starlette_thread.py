"""The remedy of WSD402 for a handler that waits for a thread, in an application."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def watch(tell: Callable[[str], object], stop: threading.Event) -> None:
    tell("the sensor is open")
    stop.wait()
    # Nobody is left to tell that it is closed.


async def sensor(websocket: WebSocket) -> None:
    await websocket.accept()
    loop = asyncio.get_running_loop()
    values: asyncio.Queue[str] = asyncio.Queue()

    def work(stop: threading.Event) -> None:
        watch(lambda value: loop.call_soon_threadsafe(values.put_nowait, value), stop)

    async def show() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.send_text(await values.get())

    shown = asyncio.create_task(show())
    stop = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(work, stop))
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        stop.set()
        await asyncio.wait([task])
        if not shown.done():
            shown.cancel()
            await asyncio.wait([shown])


app = Starlette(routes=[WebSocketRoute("/sensor", sensor)])
