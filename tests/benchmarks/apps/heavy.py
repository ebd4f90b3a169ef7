"""The same handler in an application that takes half a second to import."""

from __future__ import annotations

import time

from litestar import Litestar
from litestar.handlers import websocket_listener

_busy_until = time.process_time() + 0.5
while time.process_time() < _busy_until:
    pass


@websocket_listener("/ws")
async def echo(data: str) -> str:
    return data


app = Litestar([echo])
