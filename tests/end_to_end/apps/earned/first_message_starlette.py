"""Handlers that wait for their first message for a limited time, or whose task reads it."""

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def beat(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await asyncio.sleep(10)
            await websocket.send_json({"type": "ping"})


async def stop(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def may_enter(websocket: WebSocket) -> bool:
    """Whether the client has said the word in time."""
    try:
        first = await asyncio.wait_for(websocket.receive_json(), 5)
    except TimeoutError:
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close(4408)
        return False
    if not isinstance(first, dict) or first.get("token") != "sesame":
        await websocket.close(4401)
        return False
    return True


async def limited_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        if not await may_enter(websocket):
            return
        websocket.state.beat = asyncio.create_task(beat(websocket))  # <- limited
        async for text in websocket.iter_text():
            await websocket.send_text(text)


async def limited_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        if not await may_enter(websocket):
            return
        beating = asyncio.create_task(beat(websocket))
        try:
            async for text in websocket.iter_text():
                await websocket.send_text(text)
        finally:
            await stop(beating)


async def answer(websocket: WebSocket, *, careful: bool) -> None:
    """Waits for a message and for an answer at once, and starts a timer for each message of one kind."""
    await websocket.accept()
    answers: asyncio.Queue[str] = asyncio.Queue()
    reading = asyncio.create_task(websocket.receive_json())
    answering = asyncio.create_task(answers.get())
    started: list[asyncio.Task[None]] = []
    try:
        while True:
            await asyncio.wait({reading, answering}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await websocket.send_text(answering.result())
                answering = asyncio.create_task(answers.get())
            if reading.done():
                message = reading.result()
                if message["op"] == "remind":
                    started.append(asyncio.create_task(remind(answers, message["text"])))  # <- task
                reading = asyncio.create_task(websocket.receive_json())
    except WebSocketDisconnect:
        pass
    finally:
        await stop(reading, answering, *(started if careful else ()))


async def remind(answers: "asyncio.Queue[str]", text: str) -> None:
    while True:
        await asyncio.sleep(60)
        answers.put_nowait(text)


async def task_bug(websocket: WebSocket) -> None:
    await answer(websocket, careful=False)


async def task_ok(websocket: WebSocket) -> None:
    await answer(websocket, careful=True)


app = Starlette(
    routes=[
        WebSocketRoute("/limited/bug", limited_bug),
        WebSocketRoute("/limited/ok", limited_ok),
        WebSocketRoute("/task/bug", task_bug),
        WebSocketRoute("/task/ok", task_ok),
    ]
)
