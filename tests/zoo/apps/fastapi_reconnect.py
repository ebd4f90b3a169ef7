"""FastAPI: the clean-up of an old connection, when the same user is back on a new one."""
# ruff: noqa: FAST002

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect

# --- one socket per user, and messages that are sent to users; the twin keeps a set for each


class Manager:
    def __init__(self) -> None:
        self.active: dict[str, WebSocket] = {}

    def connect(self, user: str, websocket: WebSocket) -> None:
        self.active[user] = websocket

    def disconnect(self, user: str) -> None:
        self.active.pop(user, None)  # <- WSD406 routing

    async def tell_all(self, text: str) -> None:
        for websocket in list(self.active.values()):
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                await asyncio.wait_for(websocket.send_text(text), 0.5)


class ManagerOfSets:
    def __init__(self) -> None:
        self.active: defaultdict[str, set[WebSocket]] = defaultdict(set)

    def connect(self, user: str, websocket: WebSocket) -> None:
        self.active[user].add(websocket)

    def disconnect(self, user: str, websocket: WebSocket) -> None:
        self.active[user].discard(websocket)
        if not self.active[user]:
            del self.active[user]

    async def tell_all(self, text: str) -> None:
        for websocket in [each for sockets in self.active.values() for each in sockets]:
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                await asyncio.wait_for(websocket.send_text(text), 0.5)


by_user, of_sets = Manager(), ManagerOfSets()


async def news() -> None:
    number = 0
    while True:
        await asyncio.sleep(1)
        number += 1
        await by_user.tell_all(f"news {number}")
        await of_sets.tell_all(f"news {number}")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(news())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.websocket("/routing-bug/{user}")
async def routing_bug(websocket: WebSocket, user: str) -> None:
    await websocket.accept()
    by_user.connect(user, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        by_user.disconnect(user)


@app.websocket("/routing-ok/{user}")
async def routing_ok(websocket: WebSocket, user: str) -> None:
    await websocket.accept()
    of_sets.connect(user, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        of_sets.disconnect(user, websocket)


# --- who is online, by a dependency that runs in a thread; the twin counts

online: set[str] = set()
connections: Counter[str] = Counter()


def shown(user: str) -> Iterator[str]:
    online.add(user)
    try:
        yield user
    finally:
        online.discard(user)  # <- WSD406 online


def counted(user: str) -> Iterator[str]:
    connections[user] += 1
    try:
        yield user
    finally:
        connections[user] -= 1
        if not connections[user]:
            del connections[user]


@app.websocket("/online-bug/{user}")
async def online_bug(websocket: WebSocket, user: str = Depends(shown)) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for _ in websocket.iter_text():
            await websocket.send_text(user)


@app.websocket("/online-ok/{user}")
async def online_ok(websocket: WebSocket, user: str = Depends(counted)) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for _ in websocket.iter_text():
            await websocket.send_text(user)


# --- a guest, who gives no name, is not kept

guests: dict[str, WebSocket] = {}
members: dict[str, WebSocket] = {}


@app.websocket("/guest-bug")
async def guest_bug(websocket: WebSocket, user: str | None = None) -> None:
    await websocket.accept()
    if user is not None:
        guests[user] = websocket
    with suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            await websocket.send_text(text)
    if user is not None:
        guests.pop(user, None)  # <- WSD406 guest


@app.websocket("/guest-ok")
async def guest_ok(websocket: WebSocket, user: str | None = None) -> None:
    await websocket.accept()
    if user is not None:
        members[user] = websocket
    with suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            await websocket.send_text(text)
    if user is not None and members.get(user) is websocket:
        del members[user]
