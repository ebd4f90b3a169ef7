"""Starlette: connections in sets, lists, dictionaries and closures, and who takes them out again."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from weakref import WeakSet

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def until_gone(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


# --- a set of the module's; the twin has a set, too, a weak one, the last few, and a number

lobby: set[WebSocket] = set()  # <- WSD305 lobby
present: set[WebSocket] = set()
watched: WeakSet[WebSocket] = WeakSet()
latest: deque[WebSocket] = deque(maxlen=50)
recent: list[WebSocket] = []
last: WebSocket | None = None
visits: dict[str, int] = {}


async def lobby_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    lobby.add(websocket)
    await until_gone(websocket)


async def lobby_ok(websocket: WebSocket) -> None:
    global last  # noqa: PLW0603 - as people do it
    await websocket.accept()
    last = websocket
    watched.add(websocket)
    latest.append(websocket)
    recent.append(websocket)
    del recent[:-5]
    client = f"{websocket.client}"
    visits[client] = visits.get(client, 0) + 1
    present.add(websocket)
    try:
        await until_gone(websocket)
    finally:
        present.discard(websocket)


# --- a manager, whose disconnect() takes the connection out of one of its two books


class Manager:
    def __init__(self, *, forgets: bool) -> None:
        self.forgets = forgets
        self.active: list[WebSocket] = []
        self.by_number: dict[int, WebSocket] = {}  # <- WSD305 manager
        self.numbers = count()

    async def connect(self, websocket: WebSocket) -> int:
        await websocket.accept()
        number = next(self.numbers)
        self.active.append(websocket)
        self.by_number[number] = websocket
        return number

    def disconnect(self, websocket: WebSocket, number: int) -> None:
        self.active.remove(websocket)
        if not self.forgets:
            del self.by_number[number]


forgetful, careful = Manager(forgets=True), Manager(forgets=False)


async def manager_bug(websocket: WebSocket) -> None:
    number = await forgetful.connect(websocket)
    try:
        await until_gone(websocket)
    finally:
        forgetful.disconnect(websocket, number)


async def manager_ok(websocket: WebSocket) -> None:
    number = await careful.connect(websocket)
    try:
        await until_gone(websocket)
    finally:
        careful.disconnect(websocket, number)


# --- rooms that are joined by a message; the twin keeps its place for a while

rooms: dict[str, list[WebSocket]] = {}  # <- WSD305 rooms
places: dict[str, list[WebSocket]] = {}


async def rooms_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for room in websocket.iter_text():
            rooms.setdefault(room, []).append(websocket)


async def rooms_ok(websocket: WebSocket) -> None:
    """Whoever comes back within half a minute finds the place as it was."""
    joined: list[str] = []
    await websocket.accept()
    try:
        with suppress(WebSocketDisconnect):
            async for room in websocket.iter_text():
                places.setdefault(room, []).append(websocket)
                joined.append(room)
    finally:
        asyncio.get_running_loop().call_later(30, leave, joined, websocket)


def leave(joined: list[str], websocket: WebSocket) -> None:
    for room in joined:
        places[room].remove(websocket)
        if not places[room]:
            del places[room]


# --- callbacks that are bound to the connection


class Topic:
    def __init__(self) -> None:
        self.listeners: list[Callable[[str], Awaitable[None]]] = []  # <- WSD305 callbacks

    def subscribe(self, listener: Callable[[str], Awaitable[None]]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


news = Topic()


async def callbacks_bug(websocket: WebSocket) -> None:
    await websocket.accept()

    async def tell(text: str) -> None:
        await websocket.send_text(text)

    news.subscribe(tell)
    await until_gone(websocket)


async def callbacks_ok(websocket: WebSocket) -> None:
    await websocket.accept()

    async def tell(text: str) -> None:
        await websocket.send_text(text)

    unsubscribe = news.subscribe(tell)
    try:
        await until_gone(websocket)
    finally:
        unsubscribe()


# --- an attribute of a class, entered before the accept


class Session:
    everybody: dict[int, "Session"] = {}  # <- WSD305 state
    known: dict[int, "Session"] = {}

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket


@asynccontextmanager
async def session(websocket: WebSocket) -> AsyncGenerator[Session, None]:
    found = Session(websocket)
    Session.known[id(found)] = found
    try:
        yield found
    finally:
        Session.known.pop(id(found))


async def state_bug(websocket: WebSocket) -> None:
    found = Session(websocket)
    Session.everybody[id(found)] = found
    await websocket.accept()
    await until_gone(websocket)


async def state_ok(websocket: WebSocket) -> None:
    async with session(websocket):
        await websocket.accept()
        await until_gone(websocket)


app = Starlette(
    routes=[
        WebSocketRoute(f"/{name.replace('_', '-')}", handler)
        for name, handler in {
            "lobby_bug": lobby_bug,
            "lobby_ok": lobby_ok,
            "manager_bug": manager_bug,
            "manager_ok": manager_ok,
            "rooms_bug": rooms_bug,
            "rooms_ok": rooms_ok,
            "callbacks_bug": callbacks_bug,
            "callbacks_ok": callbacks_ok,
            "state_bug": state_bug,
            "state_ok": state_ok,
        }.items()
    ]
)
