"""The smallest correct handler: what a check costs that finds nothing."""

from __future__ import annotations

from litestar import Litestar
from litestar.handlers import websocket_listener


@websocket_listener("/ws")
async def echo(data: str) -> str:
    return data


app = Litestar([echo])
