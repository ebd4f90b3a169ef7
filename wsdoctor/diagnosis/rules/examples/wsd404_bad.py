# `except Exception` catches the disconnect, too, and the loop reads again. From
# then on each read raises at once: the loop never waits, and nothing else gets a
# turn.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def orders(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:  # <- here
        try:
            order = await websocket.receive_json()
            await websocket.send_json({"accepted": order["id"]})
        except Exception:
            continue


app = Starlette(routes=[WebSocketRoute("/orders", orders)])
