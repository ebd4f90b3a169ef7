"""The remedies of WSD305 for what is not the connection itself, in an application."""

import itertools
from collections import deque

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI(openapi_url=None)
numbers = itertools.count()
sessions: dict[int, list[str]] = {}
history: deque[str] = deque(maxlen=1000)


@app.websocket("/shop")
async def shop(websocket: WebSocket) -> None:
    await websocket.accept()
    key = next(numbers)
    session: list[str] = []
    sessions[key] = session
    try:
        while True:
            session.append(await websocket.receive_text())
            history.append(session[-1])
    except WebSocketDisconnect:
        pass
    finally:
        del sessions[key]
