"""FastAPI: dependencies with `yield`, the ConnectionManager of its documentation, tasks, threads."""
# ruff: noqa: FAST002, B008, RUF006, S110

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI, WebSocketException
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

app = FastAPI(openapi_url=None)

# --- a dependency that tidies up after the connection


async def notifier_bug(websocket: WebSocket) -> AsyncIterator[list[str]]:
    log: list[str] = []
    yield log
    await websocket.send_json({"lines": len(log)})  # <- WSD102 dependency


@app.websocket("/dependency-bug")
async def dependency_bug(websocket: WebSocket, log: list[str] = Depends(notifier_bug)) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        log.append(text)


async def notifier_ok(websocket: WebSocket) -> AsyncIterator[list[str]]:
    log: list[str] = []
    yield log
    if websocket.client_state is WebSocketState.CONNECTED:
        await websocket.send_json({"lines": len(log)})


@app.websocket("/dependency-ok")
async def dependency_ok(websocket: WebSocket, log: list[str] = Depends(notifier_ok)) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        log.append(text)


# --- a dependency that runs a task for as long as the connection lasts


async def ticker_bug(websocket: WebSocket) -> AsyncIterator[None]:
    async def tick() -> None:
        while True:
            await asyncio.sleep(3)
            await websocket.send_text("tick")

    task = asyncio.create_task(tick())
    yield
    await task  # <- WSD201 dependency-task
    task.cancel()


@app.websocket("/dependency-task-bug")
async def dependency_task_bug(websocket: WebSocket, _: None = Depends(ticker_bug)) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_text("welcome")
        async for _text in websocket.iter_text():
            pass


async def ticker_ok(websocket: WebSocket) -> AsyncIterator[None]:
    async def tick() -> None:
        while True:
            await asyncio.sleep(3)
            if websocket.application_state is WebSocketState.CONNECTED:
                await websocket.send_text("tick")

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@app.websocket("/dependency-task-ok")
async def dependency_task_ok(websocket: WebSocket, _: None = Depends(ticker_ok)) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_text("welcome")
        async for _text in websocket.iter_text():
            pass


# --- the ConnectionManager of the documentation


class ConnectionManager:
    def __init__(self) -> None:
        self.active_connections: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.active_connections.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        self.active_connections.remove(websocket)  # <- WSD203 removed-twice

    async def broadcast(self, message: str) -> None:
        for connection in self.active_connections:
            await connection.send_text(message)


class ForgetfulManager(ConnectionManager):
    async def broadcast(self, message: str) -> None:
        for connection in self.active_connections:
            await connection.send_text(message)  # <- WSD102 manager


class CarefulManager(ConnectionManager):
    async def broadcast(self, message: str) -> None:
        """Those that are gone are left to their own handlers, which remove them."""
        for connection in list(self.active_connections):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.send_text(message)


forgetful, careful = ForgetfulManager(), CarefulManager()


@app.websocket("/manager-bug")
async def manager_bug(websocket: WebSocket) -> None:
    await forgetful.connect(websocket)
    try:
        while True:
            await forgetful.broadcast(f"client says: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        await forgetful.broadcast("client left the chat")
        forgetful.disconnect(websocket)


@app.websocket("/manager-ok")
async def manager_ok(websocket: WebSocket) -> None:
    """A send of the broadcast may be the first to fail: then there is nothing to read any more."""
    await careful.connect(websocket)
    try:
        while websocket.application_state is WebSocketState.CONNECTED:
            await careful.broadcast(f"client says: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass
    finally:
        careful.disconnect(websocket)
    await careful.broadcast("client left the chat")


# --- removed twice: the second `remove` raises


@app.websocket("/removed-twice-bug")
async def removed_twice_bug(websocket: WebSocket) -> None:
    await careful.connect(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        careful.disconnect(websocket)
    finally:
        careful.disconnect(websocket)


@app.websocket("/removed-twice-ok")
async def removed_twice_ok(websocket: WebSocket) -> None:
    await careful.connect(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        careful.disconnect(websocket)


# --- a heartbeat beside the conversation


@app.websocket("/heartbeat-bug")
async def heartbeat_bug(websocket: WebSocket) -> None:
    async def beat() -> None:
        while True:
            await websocket.send_json({"type": "ping"})
            await asyncio.sleep(10)

    await websocket.accept()
    asyncio.create_task(beat())  # <- WSD301 heartbeat
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


@app.websocket("/heartbeat-ok")
async def heartbeat_ok(websocket: WebSocket) -> None:
    async def beat() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.send_json({"type": "ping"})
                await asyncio.sleep(10)

    await websocket.accept()
    task = asyncio.create_task(beat())
    try:
        # Not receive_text(): that raises once a send of the other task has failed.
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- work in a thread for every message


def digest(text: str) -> str:
    time.sleep(0.002)
    return text[::-1]


@app.websocket("/thread-bug")
async def thread_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(await asyncio.to_thread(digest, text))
    finally:
        await websocket.send_text(await asyncio.to_thread(digest, "eyb"))  # <- WSD102 thread


@app.websocket("/thread-ok")
async def thread_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(await asyncio.to_thread(digest, text))
    except WebSocketDisconnect:
        await asyncio.to_thread(digest, "saved")


# --- what an order has to have


@app.websocket("/order-bug")
async def order_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            order = await websocket.receive_json()
            total = order["count"] * order["price"]  # <- WSD602 order
            await websocket.send_json({"total": total})


@app.websocket("/order-ok")
async def order_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            order = await websocket.receive_json()
            try:
                total = order["count"] * order["price"]
            except (KeyError, TypeError):
                await websocket.send_json({"error": "count and price, please"})
                continue
            await websocket.send_json({"total": total})


# --- refused by a dependency


async def subscriber_bug(websocket: WebSocket) -> None:
    await websocket.close(code=1008)
    raise WebSocketException(code=1008, reason="pay first")  # <- WSD103 refused


@app.websocket("/refused-bug", dependencies=[Depends(subscriber_bug)])
async def refused_bug(websocket: WebSocket) -> None:
    await websocket.accept()


async def subscriber_ok() -> None:
    raise WebSocketException(code=1008, reason="pay first")


@app.websocket("/refused-ok", dependencies=[Depends(subscriber_ok)])
async def refused_ok(websocket: WebSocket) -> None:
    await websocket.accept()
