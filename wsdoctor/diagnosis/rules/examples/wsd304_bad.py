# The client leaves, the send raises, and the loop is left. Nothing closes the
# generator that it was reading: the place is free when the collector finds it.

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

subscribers: set[object] = set()


async def subscription() -> AsyncIterator[str]:
    subscribers.add(place := object())
    try:
        while True:
            yield "42.00"
            await asyncio.sleep(0.2)
    finally:
        subscribers.discard(place)


async def ticker(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async for price in subscription():  # <- here
            await websocket.send_text(price)
    except WebSocketDisconnect:
        pass


app = Starlette(routes=[WebSocketRoute("/prices", ticker)])
