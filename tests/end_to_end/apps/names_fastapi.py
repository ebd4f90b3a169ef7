"""FastAPI: who is there is kept by a name. ``# <-`` and a route: what its clients leave there for ever."""

from typing import Literal

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI(openapi_url=None)

by_number: dict[int, WebSocket] = {}  # <- /path-bug/{user}
by_name: dict[str, WebSocket] = {}  # <- /query-bug
by_side: dict[str, WebSocket] = {}


async def until_gone(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


@app.websocket("/path-bug/{user}")
async def path_bug(websocket: WebSocket, user: int) -> None:
    await websocket.accept()
    by_number[user] = websocket
    await until_gone(websocket)


@app.websocket("/path-ok/{user}")
async def path_ok(websocket: WebSocket, user: int) -> None:
    await websocket.accept()
    by_number[user] = websocket
    try:
        await until_gone(websocket)
    finally:
        if by_number.get(user) is websocket:
            del by_number[user]


@app.websocket("/query-bug")
async def query_bug(websocket: WebSocket, user: str = "ann") -> None:
    await websocket.accept()
    by_name[user] = websocket
    await until_gone(websocket)


@app.websocket("/query-ok")
async def query_ok(websocket: WebSocket, user: str = "ann") -> None:
    await websocket.accept()
    by_name[user] = websocket
    try:
        await until_gone(websocket)
    finally:
        by_name.pop(user, None)


@app.websocket("/side-ok/{side}")
async def side_ok(websocket: WebSocket, side: Literal["left", "right"]) -> None:
    """There are two sides, and no third: what is kept does not grow."""
    await websocket.accept()
    by_side[side] = websocket
    await until_gone(websocket)
