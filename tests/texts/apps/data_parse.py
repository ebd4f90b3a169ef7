"""The parser of another module cannot take what the client says."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from helpers.protocol import parse


class Shop:
    stock = {"apple": 3}

    def sell(self, item: str, count: int) -> str:
        self.stock[item] -= count
        return f"{self.stock[item]} left"


async def serve(websocket: WebSocket) -> None:
    shop = Shop()
    await websocket.accept()
    try:
        while True:
            item, count = parse(await websocket.receive_text())
            await websocket.send_text(shop.sell(item, count))
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/shop", serve)])
