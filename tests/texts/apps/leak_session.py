"""A session object starts its heartbeat, and nobody stops it."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class Session:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.alive = True

    async def start(self) -> None:
        await self.websocket.accept()
        self.heart = asyncio.get_running_loop().create_task(self.beat())

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(20)
            print("alive:", self.alive)

    def stop(self) -> None:
        self.alive = False


async def endpoint(websocket: WebSocket) -> None:
    session = Session(websocket)
    await session.start()
    try:
        async for _ in websocket.iter_text():
            pass
    except WebSocketDisconnect:
        pass
    finally:
        session.stop()


app = Starlette(routes=[WebSocketRoute("/session", endpoint)])
