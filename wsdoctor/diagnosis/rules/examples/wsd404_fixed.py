# Only what a wrong order raises is caught in the loop; the disconnect ends it.

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def orders(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        try:
            order = await websocket.receive_json()
            await websocket.send_json({"accepted": order["id"]})
        except (KeyError, ValueError):
            continue
        except WebSocketDisconnect:
            break


app = Starlette(routes=[WebSocketRoute("/orders", orders)])
