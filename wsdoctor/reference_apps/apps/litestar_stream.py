"""The stream of Litestar's documentation."""

import asyncio
from collections.abc import AsyncGenerator

from litestar import Litestar
from litestar.handlers import websocket_stream


@websocket_stream("/")
async def ticks() -> AsyncGenerator[str, None]:
    while True:
        yield "tick"
        await asyncio.sleep(2)


app = Litestar([ticks], openapi_config=None, logging_config=None)
