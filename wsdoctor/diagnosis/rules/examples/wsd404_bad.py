# `except Exception` catches the disconnect, too, and the loop reads again: each read now raises at
# once, nothing in the loop ever waits, and no other connection gets a turn.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def orders(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        try:
            order = await websocket.receive_json()  # <- here
            await websocket.send_json({"accepted": order["id"]})
        except Exception:
            continue


app = Starlette(routes=[WebSocketRoute("/orders", orders)])
