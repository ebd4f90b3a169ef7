"""The other remedy of WSD406, in an application: every connection of a user, each takes out its own."""

from collections import defaultdict

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

connections: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def inbox(websocket: WebSocket) -> None:
    user = websocket.query_params.get("user", "ann")
    await websocket.accept()
    connections[user].add(websocket)
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        connections[user].discard(websocket)
        if not connections[user]:
            del connections[user]


app = Starlette(routes=[WebSocketRoute("/inbox", inbox)])
