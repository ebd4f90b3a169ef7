"""The remedies of WSD203, WSD302 and WSD305 for a variable of the context, a future and a timer."""

import asyncio
from contextvars import ContextVar

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

current: ContextVar[str] = ContextVar("current", default="")
pending: dict[int, asyncio.Future[str]] = {}


async def named(websocket: WebSocket) -> None:
    await websocket.accept()
    token = current.set(websocket.query_params.get("user", "ann"))
    try:
        while True:
            await websocket.send_text(f"{current.get()} said {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass
    finally:
        current.reset(token)


def replied(number: int, error: Exception) -> None:
    answer = pending[number]
    if not answer.done():
        answer.set_exception(error)


async def asking(websocket: WebSocket) -> None:
    await websocket.accept()
    number = max(pending, default=0) + 1
    answer = asyncio.get_running_loop().create_future()
    pending[number] = answer
    try:
        while await websocket.receive_text() != "no":
            await websocket.send_text("asked")
        replied(number, LookupError("no"))
        await answer
    except (WebSocketDisconnect, LookupError):
        pass
    finally:
        del pending[number]
        answer.cancel()


async def timed(websocket: WebSocket) -> None:
    await websocket.accept()
    timer = asyncio.get_running_loop().call_later(3600, print, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        timer.cancel()


app = Starlette(
    routes=[
        WebSocketRoute("/named", named),
        WebSocketRoute("/asking", asking),
        WebSocketRoute("/timed", timed),
    ]
)
