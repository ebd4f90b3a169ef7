"""A handler bound to its room by a partial, which reads through a helper of another module."""

from functools import partial

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from helpers.protocol import read_command


async def room(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    while True:
        command = await read_command(websocket)
        await websocket.send_json({"room": name, "command": command})


async def endpoint(websocket: WebSocket) -> None:
    await partial(room, name="lobby")(websocket)


app = Starlette(routes=[WebSocketRoute("/room", endpoint)])
