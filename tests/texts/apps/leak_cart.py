"""A cart for each client: it is cleared when an order is placed, and at no other time."""

import secrets

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


class Shop:
    def __init__(self) -> None:
        self.carts: dict[str, list[str]] = {}

    def total(self) -> int:
        return sum(len(cart) for cart in self.carts.values())


shop = Shop()


@websocket("/shop")
async def buy(socket: WebSocket) -> None:
    await socket.accept()
    token = secrets.token_hex(4)
    shop.carts[token] = []
    try:
        while (item := await socket.receive_text()) != "pay":
            shop.carts[token].append(item)
            await socket.send_text(f"{len(shop.carts[token])} in your cart, {shop.total()} in all")
        del shop.carts[token]
        await socket.close()
    except WebSocketDisconnect:
        pass


app = Litestar([buy], openapi_config=None)
