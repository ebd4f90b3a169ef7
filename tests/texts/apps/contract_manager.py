"""A manager in a module of its own closes whatever it drops, also when the client has left."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from helpers.rooms import Lobby

lobby = Lobby()


class Player:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket

    async def play(self) -> None:
        async for move in self.websocket.iter_text():
            await lobby.tell(f"moved {move}")


async def game(websocket: WebSocket) -> None:
    await lobby.enter(websocket)
    try:
        await Player(websocket).play()
    except WebSocketDisconnect:
        pass
    finally:
        await lobby.drop(websocket)


app = Starlette(routes=[WebSocketRoute("/game", game)])
