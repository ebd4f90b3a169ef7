"""FastAPI: a manager whose methods take what others wait for."""

import asyncio
from contextlib import suppress

import anyio
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

app = FastAPI(openapi_url=None)

# --- a model that answers one client at a time; the twin's stays with the task that owns it


class Model:
    def __init__(self) -> None:
        self.busy = anyio.Lock()
        self.answered = 0

    async def answer_bug(self, websocket: WebSocket) -> None:
        await self.busy.acquire()  # <- WSD307 model
        for word in ("one", "moment", "please"):
            await websocket.send_text(word)
            await asyncio.sleep(0.1)
            if websocket.client_state.name != "CONNECTED" or await gone(websocket):
                return
        self.answered += 1
        self.busy.release()

    async def answer_ok(self, websocket: WebSocket) -> None:
        async with self.busy:
            for word in ("one", "moment", "please"):
                await websocket.send_text(word)
                await asyncio.sleep(0.1)
                if websocket.client_state.name != "CONNECTED" or await gone(websocket):
                    return
            self.answered += 1


async def gone(websocket: WebSocket) -> bool:
    """Whether the client has left; what it says meanwhile is of no interest."""
    try:
        async with asyncio.timeout(0.2):
            await websocket.receive_text()
    except TimeoutError:
        return False
    except WebSocketDisconnect:
        return True
    return False


model_bug, model_ok = Model(), Model()


@app.websocket("/model-bug")
async def model_bug_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await model_bug.answer_bug(websocket)


@app.websocket("/model-ok")
async def model_ok_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await model_ok.answer_ok(websocket)


# --- permits that a pool hands out; the twin's are given back when the client says so, or has left


class Pool:
    def __init__(self) -> None:
        self.free = anyio.Semaphore(6, max_value=6)

    async def take(self) -> int:
        await self.free.acquire()  # <- WSD307 pool
        return self.free.value

    def give_back(self) -> None:
        self.free.release()


pool_bug, pool_ok = Pool(), Pool()


@app.websocket("/pool-bug")
async def pool_bug_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    taken = await pool_bug.take()
    try:
        async for text in websocket.iter_text():
            await websocket.send_text(f"{taken}: {text}")
            if text == "thanks":
                pool_bug.give_back()
                return
    except WebSocketDisconnect:
        pass


@app.websocket("/pool-ok")
async def pool_ok_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    taken = await pool_ok.take()
    try:
        async for text in websocket.iter_text():
            await websocket.send_text(f"{taken}: {text}")
            if text == "thanks":
                return
    except WebSocketDisconnect:
        pass
    finally:
        pool_ok.give_back()
