"""Starlette: who is there is kept by a name. ``# <-`` and a route: what its clients leave there for ever."""

from collections import defaultdict

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def until_gone(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


class Manager:
    def __init__(self) -> None:
        self.active: dict[str, WebSocket] = {}  # <- /path-bug/{room}/{user} /header-bug

    def connect(self, user: str, websocket: WebSocket) -> None:
        self.active[user] = websocket

    def disconnect(self, user: str, websocket: WebSocket) -> None:
        if self.active.get(user) is websocket:
            del self.active[user]


manager = Manager()


async def path_bug(websocket: WebSocket) -> None:
    """Only one room can be joined: all others are refused."""
    if websocket.path_params["room"] != "x":
        await websocket.close(1008)
        return
    await websocket.accept()
    manager.connect(websocket.path_params["user"], websocket)
    await until_gone(websocket)


async def path_ok(websocket: WebSocket) -> None:
    user = websocket.path_params["user"]
    await websocket.accept()
    manager.connect(user, websocket)
    try:
        await until_gone(websocket)
    finally:
        manager.disconnect(user, websocket)


async def header_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    manager.connect(websocket.headers.get("x-user", "ann"), websocket)
    await until_gone(websocket)


async def header_ok(websocket: WebSocket) -> None:
    user = websocket.headers.get("x-user", "ann")
    await websocket.accept()
    manager.connect(user, websocket)
    await until_gone(websocket)
    manager.disconnect(user, websocket)


joined: dict[str, WebSocket] = {}  # <- /message-bug


async def message_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_json()
            if message["type"] == "join":
                joined[message["name"]] = websocket
    except WebSocketDisconnect:
        pass


async def message_ok(websocket: WebSocket) -> None:
    names: list[str] = []
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_json()
            if message["type"] == "join":
                joined[message["name"]] = websocket
                names.append(message["name"])
    except WebSocketDisconnect:
        pass
    finally:
        for name in names:
            joined.pop(name, None)


# --- names without connections: one that is to be taken out, and those that are meant to stay

online: set[str] = set()
last_seen: dict[str, float] = {}
rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)
drafts: dict[str, str] = {}


async def online_bug(websocket: WebSocket) -> None:
    user = websocket.path_params["user"]
    await websocket.accept()
    online.add(user)  # <- /online-bug/{user}
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect as left:
        if left.code != 1000:
            return
    online.discard(user)


async def online_ok(websocket: WebSocket) -> None:
    """What is known of a user stays, a room stays when it is empty, and so does what is not sent yet."""
    user = websocket.path_params["user"]
    await websocket.accept()
    draft = drafts.pop(user, "")
    online.add(user)
    last_seen[user] = 1.0
    rooms[user].add(websocket)
    try:
        await until_gone(websocket)
    finally:
        online.discard(user)
        rooms[user].discard(websocket)
        drafts[user] = draft or "dear all"


app = Starlette(
    routes=[
        WebSocketRoute("/path-bug/{room}/{user}", path_bug),
        WebSocketRoute("/path-ok/{room}/{user}", path_ok),
        WebSocketRoute("/header-bug", header_bug),
        WebSocketRoute("/header-ok", header_ok),
        WebSocketRoute("/message-bug", message_bug),
        WebSocketRoute("/message-ok", message_ok),
        WebSocketRoute("/online-bug/{user}", online_bug),
        WebSocketRoute("/online-ok/{user}", online_ok),
    ]
)
