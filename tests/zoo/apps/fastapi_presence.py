"""FastAPI: what is kept of a client that has left, though nobody keeps its connection."""
# ruff: noqa: FAST002, B008

import asyncio
import itertools
from collections import deque

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI(openapi_url=None)
numbers = itertools.count(1)

# --- who is there: taken out when a client says that it goes; the twin keeps a seat for those who do not

online: dict[int, str] = {}


@app.websocket("/presence-bug")
async def presence_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    number = next(numbers)
    online[number] = "online"  # <- WSD305 presence
    try:
        while True:
            online[number] = await websocket.receive_text()
    except WebSocketDisconnect as left:
        if left.code in {1000, 1001}:
            del online[number]


seats: dict[int, str] = {}


@app.websocket("/presence-ok")
async def presence_ok(websocket: WebSocket) -> None:
    """Whoever is cut off may come back within a minute."""
    await websocket.accept()
    number = next(numbers)
    seats[number] = "online"
    wait = 60
    try:
        while True:
            seats[number] = await websocket.receive_text()
    except WebSocketDisconnect as left:
        if left.code in {1000, 1001}:
            wait = 0
    finally:
        asyncio.get_running_loop().call_later(wait, seats.pop, number)


# --- tickets that are closed by a message; the twin writes a guest book besides


class Desk:
    def __init__(self) -> None:
        self.tickets: dict[int, list[str]] = {}
        self.latest: deque[str] = deque(maxlen=20)
        self.guests: list[str] = []
        self.topics: dict[str, int] = {}


careless, careful = Desk(), Desk()


@app.websocket("/tickets-bug")
async def tickets_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    number = next(numbers)
    careless.tickets[number] = []  # <- WSD305 tickets
    try:
        while (text := await websocket.receive_text()) != "solved":
            careless.tickets[number].append(text)
        del careless.tickets[number]
    except WebSocketDisconnect:
        pass


@app.websocket("/tickets-ok")
async def tickets_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    number = next(numbers)
    careful.tickets[number] = []
    careful.guests.append(f"guest {number}")
    try:
        while (text := await websocket.receive_text()) != "solved":
            careful.tickets[number].append(text)
            careful.latest.append(text)
            careful.topics[text] = careful.topics.get(text, 0) + 1
    except WebSocketDisconnect:
        pass
    finally:
        del careful.tickets[number]
