"""Relays between a client and an upstream, by a task group, by queues."""

import asyncio
import contextlib

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


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


# --- a group wraps what ends it


async def to_upstream(websocket: WebSocket, upstream: Upstream) -> None:
    while True:
        await upstream.send(await websocket.receive_text())


async def to_client(websocket: WebSocket, upstream: Upstream) -> None:
    while True:
        await websocket.send_text(await upstream.recv())


@app.websocket("/group-bug")
async def group_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    try:
        async with asyncio.TaskGroup() as group:  # <- WSD202 group
            group.create_task(to_upstream(websocket, upstream))
            group.create_task(to_client(websocket, upstream))
    except WebSocketDisconnect:
        pass


@app.websocket("/group-ok")
async def group_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(to_upstream(websocket, upstream))
            group.create_task(to_client(websocket, upstream))
    except* WebSocketDisconnect:
        pass


# --- the reader ends, and does not say so in the queue


async def read(websocket: WebSocket, queue: asyncio.Queue[str | None], *, last: bool) -> None:
    async for text in websocket.iter_text():
        queue.put_nowait(text)
    if last:
        queue.put_nowait(None)


@app.websocket("/queue-bug")
async def queue_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    reader = asyncio.create_task(read(websocket, queue, last=False))
    while text := await queue.get():  # <- WSD402 queue
        await upstream.send(text)
        await websocket.send_text(await upstream.recv())  # <- WSD201 queue
    await reader


@app.websocket("/queue-ok")
async def queue_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    reader = asyncio.create_task(read(websocket, queue, last=True))
    try:
        while text := await queue.get():
            await upstream.send(text)
            await websocket.send_text(await upstream.recv())
    except WebSocketDisconnect:
        pass
    finally:
        reader.cancel()
        await asyncio.wait([reader])


# --- the clean-up waits until a queue is empty that nobody reads any more


async def answer(websocket: WebSocket, queue: asyncio.Queue[str], upstream: Upstream) -> None:
    while True:
        await upstream.send(await queue.get())
        await websocket.send_text(await upstream.recv())
        queue.task_done()


async def relayed(websocket: WebSocket, *, join: bool) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()
    answers = asyncio.create_task(answer(websocket, queue, Upstream()))
    try:
        while True:
            queue.put_nowait(await websocket.receive_text())
    except (WebSocketDisconnect, RuntimeError):
        pass  # RuntimeError: an answer was refused, so Starlette lets nobody read any more
    finally:
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        queue.put_nowait("goodbye")
        if join:
            await queue.join()  # <- WSD402 join


@app.websocket("/join-bug")
async def join_bug(websocket: WebSocket) -> None:
    await relayed(websocket, join=True)


@app.websocket("/join-ok")
async def join_ok(websocket: WebSocket) -> None:
    await relayed(websocket, join=False)


# --- Starlette lets nobody read any more once a send was refused, though messages are left


@app.websocket("/left-bug")
async def left_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            text = await websocket.receive_text()  # <- WSD104 left
            with contextlib.suppress(WebSocketDisconnect):
                await websocket.send_text(text.upper())


@app.websocket("/left-ok")
async def left_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()
    answers = asyncio.create_task(answer(websocket, queue, Upstream()))
    try:
        while True:
            queue.put_nowait(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)


# --- whoever awaited the task that received the disconnect knows of it


@app.websocket("/told-bug")
async def told_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    reader = asyncio.create_task(websocket.receive())
    while True:
        ticking = asyncio.create_task(upstream.recv())
        done, _ = await asyncio.wait([reader, ticking], return_when=asyncio.FIRST_COMPLETED)
        if reader in done:
            ticking.cancel()
            break
        await websocket.send_text(ticking.result())
    await websocket.send_text("goodbye")  # <- WSD102 told


@app.websocket("/told-ok")
async def told_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    upstream = Upstream()
    reader = asyncio.create_task(websocket.receive())
    try:
        while True:
            ticking = asyncio.create_task(upstream.recv())
            done, _ = await asyncio.wait([reader, ticking], return_when=asyncio.FIRST_COMPLETED)
            if reader in done:
                ticking.cancel()
                break
            await websocket.send_text(ticking.result())
    except WebSocketDisconnect:
        pass
    finally:
        reader.cancel()
