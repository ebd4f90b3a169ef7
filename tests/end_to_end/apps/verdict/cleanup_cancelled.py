"""The clean-up of a stream waits, and is cancelled again; the twin counts before it waits."""

import asyncio
from collections.abc import AsyncGenerator

from litestar import Litestar
from litestar.handlers import websocket_stream

POOL = [0, 0]


async def ticks() -> AsyncGenerator[str, None]:
    while True:
        yield "tick"
        await asyncio.sleep(1)


@websocket_stream("/bug")
async def bug() -> AsyncGenerator[str, None]:
    POOL[0] += 1
    try:
        async for tick in ticks():
            yield tick
    finally:
        await asyncio.sleep(0.01)  # <- WSD206 error
        POOL[0] -= 1


@websocket_stream("/ok")
async def ok() -> AsyncGenerator[str, None]:
    POOL[1] += 1
    try:
        async for tick in ticks():
            yield tick
    finally:
        POOL[1] -= 1


app = Litestar([bug, ok])
