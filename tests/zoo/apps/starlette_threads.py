"""Starlette: threads that work for a connection, and whether they are told of its end."""

import asyncio
import queue
import threading
import time
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def until_gone(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


# --- one that looks after a device; the twin's first one does so for everybody


def poll(stop: threading.Event) -> None:
    while not stop.is_set():
        time.sleep(0.02)


async def poller_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    stop = threading.Event()
    threading.Thread(target=poll, args=(stop,), daemon=True).start()  # <- WSD306 poller
    with suppress(WebSocketDisconnect):
        while await websocket.receive_text() != "stop":
            pass
        stop.set()


async def poller_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    stop = threading.Event()
    threading.Thread(target=poll, args=(stop,), daemon=True).start()
    try:
        await asyncio.to_thread(time.sleep, 0.001)
        await until_gone(websocket)
    finally:
        stop.set()


# --- one that waits for work; the twin's are told that there is none, or are the application's


def work(inbox: "queue.Queue[str | None]") -> None:
    while (text := inbox.get()) is not None:
        text.upper()


shared: "queue.Queue[str | None]" = queue.Queue()
worker: threading.Thread | None = None


async def inbox_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    inbox: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=work, args=(inbox,), daemon=True).start()  # <- WSD306 inbox
    with suppress(WebSocketDisconnect):
        while True:
            inbox.put(await websocket.receive_text())


async def inbox_ok(websocket: WebSocket) -> None:
    global worker  # noqa: PLW0603 - as people do it
    await websocket.accept()
    if worker is None:
        worker = threading.Thread(target=work, args=(shared,), daemon=True)
        worker.start()
    inbox: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=work, args=(inbox,), daemon=True).start()
    try:
        with suppress(WebSocketDisconnect):
            while True:
                text = await websocket.receive_text()
                inbox.put(text)
                shared.put(text)
    finally:
        inbox.put(None)


# --- one with an event loop of its own


class Own(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.loop = asyncio.new_event_loop()

    def run(self) -> None:
        self.loop.run_forever()
        self.loop.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)


async def loop_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    own = Own()
    own.start()  # <- WSD306 loop
    await until_gone(websocket)


async def loop_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    own = Own()
    own.start()
    try:
        await until_gone(websocket)
    finally:
        own.stop()


app = Starlette(
    routes=[
        WebSocketRoute("/poller-bug", poller_bug),
        WebSocketRoute("/poller-ok", poller_ok),
        WebSocketRoute("/inbox-bug", inbox_bug),
        WebSocketRoute("/inbox-ok", inbox_ok),
        WebSocketRoute("/loop-bug", loop_bug),
        WebSocketRoute("/loop-ok", loop_ok),
    ]
)
